"""Sharing configurations in use: who reads them, what overrides them, what of them comes to nothing."""

from __future__ import annotations

import pytest

from gpulint.config import DEFAULTS, parse
from gpulint.facts.owner import Owners
from gpulint.facts.sharing.sharing import (
    InertFact,
    SharedFact,
    SharingFact,
    SharingUses,
    inert_facts,
    shared_facts,
    sharing_facts,
)
from gpulint.graph import Graph
from tests.linked import MPS, RENAMED, SLICED, SLICED_MIG, WHOLE, document, linked, pod, policy, settings

NODE = "kubectl label node gpu-1 "
CHART = "config:\n  map:\n    only: |\n"
SINGLE = "flags: {migStrategy: single}\n"
MIXED = SINGLE.replace("single", "mixed")
TRAINING = document(
    "PyTorchJob",
    "train",
    "kubeflow.org/v1",
    spec={
        "pytorchReplicaSpecs": {
            "Worker": {
                "template": {
                    "spec": {"containers": [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": 1}}}]},
                }
            }
        }
    },
)


def values(config: str, rest: str = "") -> str:
    """Values of the plugin's chart with one configuration."""
    return CHART + "".join(f"      {line}\n" for line in config.strip().splitlines()) + rest


def facts(*texts: str, **files: str) -> list[SharingFact]:
    graph = graph_of(*texts, **files)
    return list(sharing_facts(graph, SharingUses(graph), Owners({})))


def only(*texts: str, **files: str) -> SharingFact:
    (found,) = facts(*texts, **files)
    return found


def inert(*texts: str, **files: str) -> list[InertFact]:
    graph = graph_of(*texts, **files)
    return list(inert_facts(graph, SharingUses(graph)))


def shared(*texts: str, **files: str) -> SharedFact:
    graph = graph_of(*texts, **files)
    (found,) = shared_facts(graph, SharingUses(graph), DEFAULTS)
    return found


def graph_of(*texts: str, **files: str) -> Graph:
    """`sh`, `values` and the like are files of that name; texts are one file of objects."""
    named = {
        {"sh": "label.sh", "values": "values.yaml"}.get(name, f"{name}.yaml"): text for name, text in files.items()
    }
    return linked({"all.yaml": "".join(texts), **named})


# --- MIG strategy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "override", "stated", "confidence"),
    [
        ((policy("any", strategy="single"), settings(any=MIXED)), "single", True, "high"),
        ((policy("any"), settings(any=MIXED)), "", True, "high"),
        ((settings(any=MIXED),), "", False, "medium"),
        ((policy("any", strategy="${STRATEGY}"), settings(any=MIXED)), "", True, "high"),
    ],
    ids=["stated", "left to the file", "nobody installs", "filled in later"],
)
def test_what_overrides_the_strategy_of_a_file(
    texts: tuple[str, ...], override: str, stated: bool, confidence: str
) -> None:
    found = only(*texts)
    assert (found.override, found.override_stated, found.confidence) == (override, stated, confidence)
    assert found.mig_strategy == "mixed"


def test_none_and_single_differ_only_where_something_speaks_of_mig() -> None:
    texts = (policy("any", strategy="single"), settings(any="flags: {migStrategy: none}\n"))
    assert only(*texts).harmless
    assert not only(*texts, pod("nvidia.com/mig-1g.5gb")).harmless
    assert not only(policy("any", strategy="single"), settings(any=MIXED)).harmless


def test_two_installers_that_override_are_told_once() -> None:
    texts = (policy("any", strategy="single"), policy("any", strategy="none", name="second"), settings(any=MIXED))
    assert [each.override for each in facts(*texts)] == ["single", ""]


# --- the default ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "files", "expected"),
    [
        ((policy("any"), settings(any=SLICED)), {}, ["PyTorchJob train"]),
        ((policy(), settings(any=SLICED)), {}, []),
        ((), {"values": values(SLICED)}, ["PyTorchJob train"]),
        ((), {"values": values(SLICED, "nodeSelector: {pool: a}\n")}, []),
        (
            (policy("any"), settings(any=SLICED, whole=WHOLE)),
            {"sh": NODE + "nvidia.com/device-plugin.config=whole"},
            [],
        ),
        ((policy("any"), settings(any=RENAMED)), {}, []),
    ],
    ids=["default", "no default", "only key of the chart", "chart for some nodes", "a node is exempt", "renamed"],
)
def test_who_must_not_share_what_the_default_shares(
    texts: tuple[str, ...], files: dict[str, str], expected: list[str]
) -> None:
    found = facts(*texts, TRAINING, **files)
    assert [name for each in found for name in each.bystander_names] == expected


def test_a_pod_that_wants_whole_gpus_gets_none_beside_such_a_default() -> None:
    wants = pod(nodeSelector={"nvidia.com/gpu-sharing": "full"})
    assert only(policy("any"), settings(any=SLICED), wants).bystanders[0].why == "selects nvidia.com/gpu-sharing=full"


# --- MPS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "missing", "confidence"),
    [
        ({"values": values(MPS)}, True, "medium"),
        ({"values": values(MPS, "gfd: {enabled: false}\n")}, True, "high"),
        ({"values": values(MPS, "gfd: {enabled: true}\n")}, False, "medium"),
        ({"values": values(SLICED)}, False, "medium"),
        ({"values": values(MPS), "sh": NODE + "nvidia.com/mps.capable=true"}, False, "medium"),
        ({"values": values(MPS), "other": policy(config="")}, False, "medium"),
    ],
    ids=["left out", "turned off", "turned on", "no MPS", "label by hand", "the operator runs it"],
)
def test_feature_discovery_for_mps(files: dict[str, str], missing: bool, confidence: str) -> None:
    found = only(**files)
    assert (found.lacks_discovery, found.discovery_confidence) == (missing, confidence)


@pytest.mark.parametrize(
    ("product", "limit", "gpus"),
    [
        ("Tesla-V100-SXM2-32GB", 16, "V100-32GB of kubectl label gpu-1"),
        ("Tesla-T4", 48, ""),
        ("Unknown-Board", 48, ""),
    ],
)
def test_clients_that_a_gpu_takes(product: str, limit: int, gpus: str) -> None:
    labels = f"nvidia.com/device-plugin.config=any nvidia.com/gpu.product={product}"
    found = shared(policy(), settings(any=MPS), sh=NODE + labels)
    assert (found.limit, bool(found.gpus)) == (limit, bool(gpus))


def test_a_file_that_nothing_mounts_is_judged_with_little_confidence() -> None:
    assert shared(raw=MPS.replace("replicas: 4", "replicas: 49")).limit_confidence == "low"
    assert shared(settings(any=MPS)).limit_confidence == "high"


def test_a_fork_of_the_plugin_is_left_alone() -> None:
    fork = "image: {repository: example.com/other-plugin}\n"
    assert facts(values=values(MPS, fork)) == []
    assert inert(values=values(SLICED.replace("gpu", "gpus"), fork)) == []


def test_the_bound_of_the_configuration_is_told() -> None:
    graph = graph_of(settings(any=SLICED))
    config = parse("max-time-slices = 3", "gpulint.toml")
    assert [each.bound for each in shared_facts(graph, SharingUses(graph), config)] == [3]


# --- what comes to nothing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "confidence", "words"),
    [
        ((settings(any=SLICED_MIG.replace("mixed", "single")),), "high", "one of the two is without effect"),
        ((settings(any=SLICED_MIG.replace("mixed", "single").replace("3", "1")),), "high", "one of the two"),
        ((policy("any", strategy="single"), settings(any=SLICED_MIG)), "high", "sets the MIG strategy 'single'"),
        ((policy("any"), settings(any=SLICED_MIG.replace("migStrategy: mixed", "{}"))), "high", "nor the file sets"),
        ((settings(any=SLICED.replace("gpu", "gpus")),), "high", "did you mean 'nvidia.com/gpu'"),
        ((settings(any=SLICED.replace("gpu", "gpu.shared")),), "high", "the name that sharing itself gives"),
        ((settings(any=SLICED.replace("gpu", "mig-1g.99gb")),), "high", "no GPU has this MIG profile"),
    ],
    ids=["file", "refused file", "policy", "default", "near miss", "renamed", "unknown profile"],
)
def test_names_that_no_node_has(texts: tuple[str, ...], confidence: str, words: str) -> None:
    (found,) = inert(*texts)
    assert (found.kind, found.confidence) == ("name", confidence)
    assert words in found.message


@pytest.mark.parametrize(
    "texts",
    [
        (settings(any=SLICED),),
        (settings(any=SLICED_MIG),),
        (settings(any=SLICED_MIG.replace("migStrategy: mixed", "{}")),),
        (policy("any", strategy="mixed"), settings(any=SLICED_MIG.replace("mixed", "single"))),
        (policy("any", strategy="${S}"), settings(any=SLICED_MIG)),
        (settings(any=SLICED.replace("nvidia.com/gpu", "${RESOURCE}")),),
        (settings(any=MPS.replace("gpu", "mig-1g.5gb")),),
    ],
    ids=["gpu", "mixed", "unknown strategy", "overridden", "strategy filled in", "name filled in", "said by mps"],
)
def test_names_that_a_node_may_have(texts: tuple[str, ...]) -> None:
    assert inert(*texts) == []


def test_a_labelled_node_that_is_cut_has_no_whole_gpu() -> None:
    labels = (
        "nvidia.com/device-plugin.config=any nvidia.com/mig.config=all-1g.5gb"
        " nvidia.com/gpu.product=NVIDIA-A100-SXM4-40GB"
    )
    (found,) = inert(policy("any", strategy="mixed"), settings(any=SLICED), sh=NODE + labels)
    assert found.confidence == "medium"
    assert "will advertise 'nvidia.com/mig-1g.5gb' only" in found.message


def test_the_second_document_is_pointed_at() -> None:
    (found,) = inert(values=values(SLICED + "---\nversion: v1"))
    location = found.place.location()
    assert (found.kind, location.line, location.column, location.end_column) == ("document", 10, 7, 10)
