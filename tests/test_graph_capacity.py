"""How many units nodes advertise, by what is known of their GPUs and of how these are shared."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.graph.capacity import units_of_all, units_per_node
from tests.linked import RENAMED, SLICED, WHOLE, document, linked, node, policy, settings

GPU = "nvidia.com/gpu"
PRODUCT = "nvidia.com/gpu.product"
EIGHT = {PRODUCT: "NVIDIA-A100-SXM4-40GB", "nvidia.com/gpu.count": "8"}


def units(resource: str, *texts: str, unshared: bool = False) -> tuple[int, int]:
    """Of one node, and of all."""
    graph = linked({"all.yaml": "".join(texts)})
    (group,) = graph.nodes.distinct
    (candidate,) = graph.nodes.candidates(group)
    return units_per_node(candidate, resource, unshared=unshared), units_of_all(candidate, resource, unshared=unshared)


def machines(**spec: object) -> str:
    template = {"spec": {"providerSpec": {"value": {"instanceType": "g5.12xlarge"}}}}
    return document("MachineSet", "set", "machine.openshift.io/v1beta1", spec={"template": template, **spec})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([node(labels=EIGHT), policy("any"), settings(any=WHOLE)], (8, 8), id="whole"),
        pytest.param([node(labels=EIGHT), policy("any"), settings(any=SLICED)], (32, 32), id="sliced"),
        pytest.param(
            [node(labels={**EIGHT, PRODUCT: "Tesla-T4"}), policy("any"), settings(any=RENAMED)], (0, 0), id="renamed"
        ),
        pytest.param([node(labels=EIGHT)], (-1, -1), id="shared or not"),
        pytest.param([node(), policy("any"), settings(any=WHOLE)], (-1, -1), id="no word of a number"),
        pytest.param([node(status={"allocatable": {GPU: "6"}})], (6, 6), id="the node's own word"),
        pytest.param([node(status={"allocatable": {"cpu": "6", "example.com/x": "1"}})], (0, 0), id="another resource"),
        pytest.param([machines(replicas=3), policy("any"), settings(any=SLICED)], (16, 48), id="a pool"),
        pytest.param([machines(), policy("any"), settings(any=SLICED)], (16, -1), id="a pool of unknown size"),
    ],
)
def test_units_of_whole_gpus(texts: list[str], expected: tuple[int, int]) -> None:
    assert units(GPU, *texts) == expected


def test_slices_of_a_layout_count_for_each_gpu() -> None:
    labels = {PRODUCT: "NVIDIA-A100-SXM4-40GB", "nvidia.com/mig.config": "all-1g.5gb"}
    pool = document(
        "MachineSet",
        "set",
        "machine.openshift.io/v1beta1",
        spec={
            "replicas": 2,
            "template": {
                "spec": {
                    "metadata": {"labels": labels},
                    "providerSpec": {"value": {"instanceType": "p4d.24xlarge"}},
                }
            },
        },
    )
    assert units("nvidia.com/mig-1g.5gb", pool, policy(strategy="mixed", config="")) == (56, 112)


def test_gke_says_how_many_partitions_a_gpu_has() -> None:
    accelerator = {"type": "nvidia-tesla-a100", "count": 2, "gpuPartitionSize": "1g.5gb"}
    spec = {"nodeConfig": {"guestAccelerator": [accelerator]}, "autoscaling": {"totalMaxNodeCount": 2}}
    pool = document("ContainerNodePool", "pool", "container.cnrm.cloud.google.com/v1beta1", spec=spec)
    assert units(GPU, pool) == (14, 28)


def test_a_pool_of_gke_without_a_strategy_shares_nothing() -> None:
    spec = {"nodeConfig": {"guestAccelerator": [{"type": "nvidia-l4", "count": 2}]}}
    assert units(GPU, document("ContainerNodePool", "p", "container.cnrm.cloud.google.com/v1beta1", spec=spec)) == (
        2,
        -1,
    )


def test_where_nothing_shares_a_gpu_is_one_unit() -> None:
    assert units(GPU, node(labels=EIGHT), unshared=True) == (8, 8)


def karpenter(limits: Mapping[str, object]) -> str:
    requirements = [
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g5.xlarge", "g5.48xlarge"]}
    ]
    spec = {"limits": limits, "template": {"spec": {"requirements": requirements}}}
    return document("NodePool", "pool", "karpenter.sh/v1", spec=spec)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, (32, -1)),
        ({GPU: 10}, (32, 40)),
        ({"nodes": 2}, (32, 64)),
        ({GPU: 10, "nodes": 1}, (32, 32)),
        ({GPU: 0}, (32, 0)),
    ],
    ids=["none", "GPUs", "nodes", "both", "nothing at all"],
)
def test_limits_of_karpenter(limits: Mapping[str, object], expected: tuple[int, int]) -> None:
    assert units(GPU, karpenter(limits), policy("any"), settings(any=SLICED)) == expected
