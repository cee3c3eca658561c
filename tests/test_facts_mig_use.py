"""Workloads on cut GPUs: several devices in one container, whole GPUs where there are none, nodes that are recut."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.mig.use import MigChange, Slices, WholeGpu, mig_changes, slices, whole_gpus
from gpulint.facts.owner import Owners
from gpulint.graph import Graph
from tests.linked import SLICED_MIG, document, linked, node, pod, policy, settings

CONFIG = "nvidia.com/mig.config"
PRODUCT = "nvidia.com/gpu.product"
A100 = "NVIDIA-A100-SXM4-80GB"


def containers(*limits: Mapping[str, object], **spec: object) -> str:
    made = [
        {"name": f"c{index}", "image": "example.com/app:1", "resources": {"limits": dict(each)}}
        for index, each in enumerate(limits)
    ]
    return document("Pod", "app", spec={"containers": made, **spec})


def in_pod(*texts: str) -> list[Slices]:
    return list(slices(linked({"all.yaml": "".join(texts)}), Owners({})))


UNITS = {
    "two of one profile": ([{"nvidia.com/mig-1g.10gb": 2}], [(2, "nvidia.com/mig-1g.10gb: 2")]),
    "one each of two": (
        [{"nvidia.com/mig-2g.20gb": 1, "nvidia.com/mig-1g.10gb": 1}],
        [(2, "nvidia.com/mig-1g.10gb: 1, nvidia.com/mig-2g.20gb: 1")],
    ),
    "one in each container": (
        [{"nvidia.com/mig-1g.10gb": 1}, {"nvidia.com/mig-1g.10gb": 1}],
        [(1, "nvidia.com/mig-1g.10gb: 1"), (1, "nvidia.com/mig-1g.10gb: 1")],
    ),
    "none of the other": (
        [{"nvidia.com/mig-1g.10gb": 1, "nvidia.com/mig-2g.20gb": 0}],
        [(1, "nvidia.com/mig-1g.10gb: 1")],
    ),
    "a placeholder": ([{"nvidia.com/mig-1g.10gb": "${N}"}], [(0, "")]),
    "no whole number": ([{"nvidia.com/mig-1g.10gb": "1500m"}], [(0, "")]),
    "whole GPUs": ([{"nvidia.com/gpu": 2}], []),
}


@pytest.mark.parametrize(("limits", "expected"), UNITS.values(), ids=UNITS.keys())
def test_units_of_a_container(limits: list[Mapping[str, object]], expected: list[tuple[int, str]]) -> None:
    assert [(each.units, each.told) for each in in_pod(containers(*limits))] == expected


def test_the_finding_stands_at_the_amount_that_is_too_large() -> None:
    (found,) = in_pod(containers({"nvidia.com/mig-2g.20gb": 3, "nvidia.com/mig-1g.10gb": 1}))
    assert found.place.field().endswith('limits["nvidia.com/mig-2g.20gb"]')
    assert found.other_place.field().endswith('limits["nvidia.com/mig-1g.10gb"]')


def test_under_single_slices_are_asked_for_as_gpus() -> None:
    (found,) = in_pod(pod("nvidia.com/gpu", 2, nodeSelector={PRODUCT: f"{A100}-MIG-1g.10gb"}))
    assert (found.units, found.profile, found.confidence) == (2, "1g.10gb", "high")


def test_shares_of_one_slice_are_another_matter() -> None:
    assert not in_pod(pod("nvidia.com/mig-1g.5gb", 2), settings(any=SLICED_MIG))
    assert not in_pod(pod("nvidia.com/mig-1g.5gb.shared", 2))


def test_what_a_device_class_stands_for_is_not_the_plugins() -> None:
    claimed = document("DeviceClass", "d", "resource.k8s.io/v1", spec={"extendedResourceName": "nvidia.com/mig-1g.5gb"})
    assert not in_pod(pod("nvidia.com/mig-1g.5gb", 2), claimed)


# --- whole GPUs


def whole(*texts: str, complete: tuple[str, ...] = ()) -> list[WholeGpu]:
    return list(whole_gpus(linked({"all.yaml": "".join(texts)}, complete=complete), Owners({})))


MIXED = policy("", strategy="mixed", config="")
CUT = node("n1", {"pool": "a", PRODUCT: A100, CONFIG: "all-2g.20gb"})
ON_A = {"nodeSelector": {"pool": "a"}}
ASKING = {
    "the selected node is cut": ([MIXED, CUT, pod(**ON_A)], (), [("high", "n1")]),
    "all nodes are cut": ([MIXED, CUT, pod()], ("nodes",), [("high", "n1")]),
    "another node may exist": ([MIXED, CUT, pod()], (), [("low", "n1")]),
    "another node of the pool is whole": (
        [MIXED, CUT, node("n2", {"pool": "a", PRODUCT: A100, CONFIG: "all-disabled"}), pod(**ON_A)],
        (),
        [],
    ),
    "another node of the pool is not known": (
        [MIXED, CUT, node("n2", {"pool": "a", PRODUCT: A100}), pod(**ON_A)],
        (),
        [],
    ),
    "the selector names the layout": ([MIXED, pod(nodeSelector={CONFIG: "all-1g.10gb"})], (), [("medium", "")]),
    "under single": ([policy("", strategy="single", config=""), CUT, pod(**ON_A)], (), []),
    "the strategy is not known": ([CUT, pod(**ON_A)], (), []),
    "it asks for a slice": ([MIXED, CUT, pod("nvidia.com/mig-2g.20gb", **ON_A)], (), []),
    "it asks for none": ([MIXED, CUT, pod("nvidia.com/gpu", 0, **ON_A)], (), []),
    "MIG is on, and something else makes the devices": (
        [MIXED, node("n1", {"pool": "a", PRODUCT: A100, CONFIG: "all-enabled"}), pod(**ON_A)],
        (),
        [],
    ),
}


@pytest.mark.parametrize(("texts", "complete", "expected"), ASKING.values(), ids=ASKING.keys())
def test_whole_gpus(texts: list[str], complete: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert [(each.confidence, each.nodes) for each in whole(*texts, complete=complete)] == expected


def test_what_the_nodes_advertise_instead() -> None:
    (found,) = whole(MIXED, CUT, pod(**ON_A))
    assert found.advertised == ("nvidia.com/mig-2g.20gb",)


# --- changes

PINNED = pod(nodeSelector={"kubernetes.io/hostname": "n1"})
LABEL = f"kubectl label node n1 {CONFIG}=all-1g.10gb --overwrite\n"


def changes(script: str, *texts: str) -> list[MigChange]:
    graph: Graph = linked({"all.yaml": "".join(texts), "label.sh": script})
    return list(mig_changes(graph, Owners({})))


CHANGES = {
    "a pod is pinned to the node": (LABEL, [PINNED], [("n1", "Pod app", False)]),
    "a pod names the node": (LABEL, [pod(nodeName="n1")], [("n1", "Pod app", False)]),
    "the pool has one node": (
        LABEL,
        [node("n1", {"pool": "a", PRODUCT: A100}), pod(**ON_A)],
        [("n1", "Pod app", False)],
    ),
    "the pool has two nodes": (
        LABEL,
        [node("n1", {"pool": "a", PRODUCT: A100}), node("n2", {"pool": "a", PRODUCT: A100}), pod(**ON_A)],
        [],
    ),
    "nothing is pinned": (LABEL, [pod()], []),
    "the script drains": (f"kubectl drain n1\n{LABEL}", [PINNED], [("n1", "Pod app", True)]),
    "a remark about draining": (f"# kubectl drain n1\n{LABEL}", [PINNED], [("n1", "Pod app", False)]),
    "the node is so already": (LABEL, [node("n1", {PRODUCT: A100, CONFIG: "all-1g.10gb"}), PINNED], []),
    "another label": ("kubectl label node n1 pool=a\n", [PINNED], []),
    "nodes of a selector": (f"kubectl label nodes -l pool=a {CONFIG}=all-1g.10gb\n", [PINNED], []),
}


@pytest.mark.parametrize(("script", "texts", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_changes(script: str, texts: list[str], expected: list[tuple[str, str, bool]]) -> None:
    assert [(each.node, each.workloads, each.drained) for each in changes(script, *texts)] == expected
