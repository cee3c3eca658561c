"""The verdicts over all nodes that could take a workload: shared or not, only or perhaps, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.candidates import Candidates
from tests.linked import (
    MPS,
    RENAMED,
    SLICED,
    SLICED_MIG,
    WHOLE,
    affinity,
    document,
    judged,
    linked,
    node,
    pod,
    policy,
    settings,
)

STRATEGY = "nvidia.com/gpu.sharing-strategy"
PRODUCT = "nvidia.com/gpu.product"
CONFIG = "nvidia.com/device-plugin.config"
GKE = "cloud.google.com/gke-gpu-sharing-strategy"


def of(*texts: str, **files: str) -> Candidates:
    return judged(linked({"all.yaml": "".join(texts), **files}))


def verdict(found: Candidates) -> tuple[str, str, bool, str]:
    """Shared, how, only, and how sure the rule may be."""
    return found.shared, found.sharing, found.only, found.sharing_confidence


# --- who tells --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((pod(), policy("any"), settings(any=SLICED)), ("all", "time-sliced", False, "medium")),
        ((pod(), policy(), settings(any=SLICED)), ("none", "", False, "medium")),
        ((pod(), settings(any=SLICED)), ("all", "time-sliced", False, "medium")),
        ((pod(), settings(any=SLICED, other=MPS)), ("unknown", "", False, "medium")),
        ((pod(),), ("unknown", "", False, "medium")),
        ((pod(nodeSelector={STRATEGY: "time-slicing"}),), ("all", "time-sliced", True, "high")),
        ((pod(nodeSelector={STRATEGY: "none"}), settings(any=SLICED)), ("none", "", True, "high")),
        ((pod(nodeSelector={PRODUCT: "Tesla-T4-SHARED"}),), ("all", "shared", True, "high")),
        ((pod(nodeSelector={GKE: "time-sharing"}),), ("all", "time-sliced", True, "high")),
        ((pod(nodeSelector={GKE: "mps"}),), ("all", "MPS-shared", True, "high")),
        ((pod(nodeSelector={"nvidia.com/gpu-sharing": "time-slicing"}),), ("all", "time-sliced", True, "medium")),
        ((pod(nodeSelector={CONFIG: "any"}), settings(any=SLICED)), ("all", "time-sliced", True, "medium")),
        ((pod(nodeSelector={CONFIG: "any"}), policy(), settings(any=MPS)), ("all", "MPS-shared", True, "high")),
        ((pod("nvidia.com/gpu.shared"),), ("all", "shared", True, "high")),
        ((pod("nvidia.com/gpu.shared"), settings(any=RENAMED)), ("all", "time-sliced", True, "high")),
        ((pod(), settings(any=RENAMED)), ("unknown", "", False, "medium")),
        ((pod("nvidia.com/mig-1g.5gb"), settings(any=SLICED_MIG)), ("all", "time-sliced", False, "medium")),
        ((pod("nvidia.com/mig-1g.5gb"), settings(any=SLICED)), ("unknown", "", False, "medium")),
        ((pod("amd.com/gpu"), settings(any=SLICED)), ("unknown", "", False, "medium")),
    ],
    ids=[
        "the default of the operator",
        "an operator without a default",
        "a ConfigMap that nothing names",
        "a ConfigMap with several entries",
        "nothing",
        "feature discovery: sliced",
        "feature discovery: not shared, beside a ConfigMap that shares",
        "a product with -SHARED",
        "GKE time-sharing",
        "GKE MPS",
        "a house label",
        "the label of a config without installer",
        "the label of a config of the operator",
        "the name of the resource",
        "the name, and a ConfigMap that says how",
        "whole GPUs beside renamed slices",
        "slices of MIG slices",
        "MIG slices beside sliced GPUs",
        "another vendor",
    ],
)
def test_what_tells_of_sharing(texts: tuple[str, ...], expected: tuple[str, str, bool, str]) -> None:
    assert verdict(of(*texts)) == expected


def test_declared_nodes_that_the_selector_binds_to_are_certain() -> None:
    nodes = node("a", {"pool": "a", CONFIG: "any", PRODUCT: "Tesla-T4"}) + node("b", {"pool": "b", PRODUCT: "Tesla-T4"})
    texts = nodes, policy(), settings(any=SLICED)
    assert verdict(of(pod(nodeSelector={"pool": "a"}), *texts)) == ("all", "time-sliced", True, "high")
    assert verdict(of(pod(nodeSelector={"pool": "b"}), *texts)) == ("none", "", True, "high")
    assert verdict(of(pod(), *texts)) == ("some", "time-sliced", False, "medium")


def test_a_selector_that_allows_both_is_only_possible() -> None:
    nodes = node("a", {"pool": "a", CONFIG: "any", PRODUCT: "Tesla-T4"}) + node("b", {"pool": "b", PRODUCT: "Tesla-T4"})
    both = pod(affinity=affinity([("pool", "In", ["a", "b"])]))
    found = of(both, nodes, policy(), settings(any=SLICED))
    assert (found.shared, found.only, found.strategies) == ("some", True, ("not shared", "time-slicing"))


def test_one_of_two_terms_leads_to_shared_nodes() -> None:
    terms = affinity([(STRATEGY, "In", ["mps"])], [(STRATEGY, "In", ["none"])])
    found = of(pod(affinity=terms))
    assert (*verdict(found), found.strategies) == ("some", "MPS-shared", True, "high", ("MPS", "not shared"))


def test_the_nodes_of_a_cluster_decide() -> None:
    nodes = node(
        "a", {STRATEGY: "time-slicing", "nvidia.com/gpu.replicas": "4"}, status={"allocatable": {"nvidia.com/gpu": "4"}}
    )
    assert verdict(of(pod(), nodes)) == ("all", "time-sliced", True, "high")
    assert of(pod("nvidia.com/mig-1g.5gb"), nodes).not_offered


# --- how sure: folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "workload", "expected"),
    [
        ("settings.yaml", "apps/chat/app.yaml", "medium"),
        ("demo/settings.yaml", "demo/app.yaml", "medium"),
        ("plugin/settings.yaml", "jobs/nightly/app.yaml", "medium"),
        ("one/gpu/settings.yaml", "other/apps/app.yaml", "low"),
        ("ci/settings.yaml", "manifests/base/runtimes/llama/app.yaml", "low"),
    ],
    ids=["above", "beside", "a neighbour", "another tree", "far below"],
)
def test_a_configmap_that_nothing_names_counts_for_what_is_near(config: str, workload: str, expected: str) -> None:
    found = judged(linked({config: settings(any=SLICED), workload: pod()}))
    assert verdict(found) == ("all", "time-sliced", False, expected)


def test_what_a_label_says_does_not_depend_on_folders() -> None:
    files = {
        "one/gpu/settings.yaml": settings(any=SLICED),
        "other/app.yaml": pod(nodeSelector={STRATEGY: "time-slicing"}),
    }
    assert verdict(judged(linked(files))) == ("all", "time-sliced", True, "high")


def test_two_clusters_are_not_two_kinds_of_nodes() -> None:
    files = {
        "app.yaml": pod(),
        "east/policy.yaml": policy("any") + settings(any=SLICED),
        "west/policy.yaml": policy(config=""),
    }
    found = judged(linked(files))
    assert (*verdict(found), found.strategies) == ("some", "time-sliced", False, "medium", ())


# --- more than one unit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "refused"),
    [
        ((pod(), settings(any=MPS)), True),
        ((pod(), settings(any=SLICED)), False),
        (
            (pod(), settings(any=SLICED.replace("timeSlicing:", "timeSlicing:\n    failRequestsGreaterThanOne: true"))),
            True,
        ),
        ((pod(nodeSelector={GKE: "time-sharing"}),), True),
        ((pod(nodeSelector={GKE: "mps"}),), False),
        ((pod(nodeSelector={STRATEGY: "mps"}),), False),
        ((pod(nodeSelector={STRATEGY: "mps"}), settings(any=MPS)), True),
        ((pod(),), False),
    ],
    ids=[
        "MPS",
        "time-slicing",
        "told to refuse",
        "GKE",
        "MPS on GKE",
        "MPS, set elsewhere",
        "MPS, set here",
        "unknown",
    ],
)
def test_who_refuses_more_than_one_unit(texts: tuple[str, ...], refused: bool) -> None:
    assert of(*texts).refuses_several is refused


# --- GPUs -------------------------------------------------------------------------------------------------------------


def test_the_products_of_all_candidates() -> None:
    found = of(pod(nodeSelector={PRODUCT: "Tesla-T4"}))
    assert (found.gpus, found.without_mig, found.data_centre, found.gpus_confidence) == (
        ("Tesla T4",),
        True,
        True,
        "high",
    )
    assert of(pod()).gpus == ()
    desk = of(pod(nodeSelector={PRODUCT: "NVIDIA-GeForce-RTX-4090"}))
    assert (desk.without_mig, desk.data_centre) == (True, False)


@pytest.mark.parametrize(
    ("labels", "whole"),
    [
        ({"nvidia.com/gpu-sharing": "full"}, True),
        ({STRATEGY: "none", PRODUCT: "NVIDIA-A100-SXM4-40GB"}, True),
        ({STRATEGY: "none", PRODUCT: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"}, False),
        ({STRATEGY: "mps"}, False),
        ({"pool": "a"}, False),
    ],
    ids=["by the house", "not shared", "a MIG slice under single", "shared", "unknown"],
)
def test_what_is_a_whole_gpu(labels: Mapping[str, str], whole: bool) -> None:
    assert of(pod(nodeSelector=labels)).whole is whole


# --- names and strategies ---------------------------------------------------------------------------------------------


def test_a_resource_that_every_configuration_renames() -> None:
    found = of(pod(), policy("any"), settings(any=RENAMED))
    assert found.renamed == "nvidia.com/gpu.shared"
    assert found.renamed_place.field() == "data.any.sharing.timeSlicing"
    assert of(pod("nvidia.com/gpu.shared"), policy("any"), settings(any=SLICED)).renamed == "nvidia.com/gpu"
    assert of(pod(), policy("any"), settings(any=SLICED)).renamed == ""


@pytest.mark.parametrize(
    ("texts", "renamed", "sure"),
    [
        ((pod(), policy("any"), settings(any=RENAMED)), "nvidia.com/gpu.shared", "medium"),
        ((pod("nvidia.com/gpu.shared"), policy("any"), settings(any=SLICED)), "nvidia.com/gpu", "medium"),
        ((pod("nvidia.com/gpu.shared"), policy(config="")), "nvidia.com/gpu", "medium"),
        ((pod("nvidia.com/gpu.shared"), policy("any"), settings(any=WHOLE, b=RENAMED)), "", ""),
        ((pod(), policy("any"), settings(any=RENAMED, b=WHOLE)), "", ""),
        ((pod(), policy("any"), settings(any=RENAMED, b=SLICED.replace("4", "1"))), "", ""),
        ((pod(nodeSelector={CONFIG: "any"}), policy(), settings(any=RENAMED, b=WHOLE)), "nvidia.com/gpu.shared", ""),
        ((pod(), node(status={"allocatable": {"nvidia.com/gpu.shared": "8"}})), "nvidia.com/gpu.shared", "high"),
        ((pod(), node(status={"allocatable": {"nvidia.com/gpu": "8"}})), "", ""),
    ],
    ids=[
        "by the only configuration",
        "by none",
        "an operator that names no configuration",
        "by another one, for nodes that somebody labels with it",
        "not by another one",
        "another one is refused",
        "the selector chooses",
        "the cluster lists what its nodes have",
        "and they have it",
    ],
)
def test_who_may_have_the_name_that_is_asked_for(texts: tuple[str, ...], renamed: str, sure: str) -> None:
    found = of(*texts)
    assert found.renamed == renamed
    assert found.renamed_confidence == sure or not sure


def test_units_add_up_under_mps_of_gke_only() -> None:
    assert of(pod(nodeSelector={GKE: "mps"})).adds_up
    assert not of(pod(nodeSelector={GKE: "time-sharing"})).adds_up
    assert not of(pod(nodeSelector={STRATEGY: "mps"}), settings(any=MPS)).adds_up


@pytest.mark.parametrize(
    ("texts", "strategy"),
    [
        (
            (policy("any", strategy="mixed"), settings(any=SLICED.replace("v1", "v1\nflags: {migStrategy: single}"))),
            "mixed",
        ),
        ((policy("any"), settings(any=SLICED.replace("v1", "v1\nflags: {migStrategy: single}"))), "single"),
        ((policy("any"), settings(any=SLICED)), "none"),
        ((settings(any=SLICED),), ""),
    ],
    ids=["the operator beats the file", "the file", "neither", "no installer"],
)
def test_the_mig_strategy(texts: tuple[str, ...], strategy: str) -> None:
    assert of(pod(), *texts).mig_strategy == strategy


def test_the_place_that_decides() -> None:
    found = of(pod(), policy("any"), settings(any=SLICED))
    assert found.sharing_place.field() == "data.any.sharing.timeSlicing.resources[0].replicas"
    assert found.sharing_told == "each GPU is advertised 4 times here"
    by_label = of(pod(nodeSelector={STRATEGY: "mps"}))
    assert by_label.sharing_place.field() == f'spec.nodeSelector["{STRATEGY}"]'
    assert of(pod("nvidia.com/gpu.shared")).sharing_told == ""


def test_nodes_of_one_cluster_offer_a_gpu_in_several_ways() -> None:
    machines = node("a", {CONFIG: "any", PRODUCT: "Tesla-T4"}) + node("b", {CONFIG: "mps", PRODUCT: "Tesla-T4"})
    more = node("c", {PRODUCT: "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", STRATEGY: "none"}) + document("Namespace", "x")
    found = of(pod(), machines, more, policy(), settings(any=SLICED, mps=MPS, whole=WHOLE))
    assert (found.names, found.strategies) == (("a", "b", "c"), ("MIG slices", "MPS", "time-slicing"))
    assert found.confidence == "low"
