"""Declared nodes and pools: what each source says of its nodes, and no more."""

from __future__ import annotations

import pytest

from gpulint.graph.nodes import NodeGroup
from tests.linked import linked, node

POOL = """apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: pool
spec:
  template:
    spec:
      {0}
"""


def groups(files: dict[str, str]) -> dict[str, NodeGroup]:
    return {group.name: group for group in linked(files).nodes.groups}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [g6e.xlarge]}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-category, operator: In, values: [g, p]}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ['3']}]", True),
        ("taints: [{key: nvidia.com/gpu, effect: NoSchedule}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-category, operator: In, values: [c, g]}]", False),
        ("requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [m7i.xlarge]}]", False),
        ("requirements: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]", False),
        ("taints: [{key: dedicated, effect: NoSchedule}]", False),
    ],
)
def test_a_karpenter_pool_has_gpus_when_something_says_so(spec: str, expected: bool) -> None:
    assert groups({"pool.yaml": POOL.format(spec)})["pool"].has_gpu is expected


def test_an_instance_type_gives_product_and_count() -> None:
    pool = groups(
        {
            "pool.yaml": POOL.format(
                "requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}]"
            )
        }
    )["pool"]
    assert [gpu.id for gpu in pool.gpus] == ["h100-80gb"]
    assert pool.gpu_count == 8


NODE = """apiVersion: v1
kind: Node
metadata:
  name: gpu-1
  labels:
    nvidia.com/gpu.product: NVIDIA-L40S
"""


def test_a_script_labels_a_declared_node() -> None:
    found = groups({"node.yaml": NODE, "label.sh": "kubectl label node gpu-1 nvidia.com/device-plugin.config=sliced\n"})
    assert list(found) == ["gpu-1"]
    assert found["gpu-1"].label("nvidia.com/device-plugin.config") == "sliced"
    assert found["gpu-1"].label("nvidia.com/gpu.product") == "NVIDIA-L40S"


def test_a_script_alone_makes_nodes_known_by_their_labels() -> None:
    found = groups(
        {"label.sh": "oc label nodes a b nvidia.com/gpu-sharing=full\noc label node/c nvidia.com/gpu-sharing=mig\n"}
    )
    assert {name: group.label("nvidia.com/gpu-sharing") for name, group in found.items()} == {
        "a": "full",
        "b": "full",
        "c": "mig",
    }
    assert not any(group.describes for group in found.values())


@pytest.mark.parametrize(
    ("second", "conflicts"),
    [
        ("kubectl label node a team=x nvidia.com/device-plugin.config=two", 1),
        ("kubectl label node a nvidia.com/device-plugin.config=one", 0),
        ("kubectl label --overwrite node a nvidia.com/device-plugin.config=two", 0),
        ("kubectl label node a nvidia.com/device-plugin.config-", 0),
        (
            "kubectl label node a nvidia.com/device-plugin.config-; oc label node a nvidia.com/device-plugin.config=2",
            0,
        ),
    ],
    ids=["another value", "the same value", "overwritten on purpose", "removed", "removed and set anew"],
)
def test_a_second_value_is_a_conflict_unless_it_is_wanted(second: str, conflicts: int) -> None:
    first = "kubectl label node a nvidia.com/device-plugin.config=one\n"
    assert len(groups({"label.sh": first + second + "\n"})["a"].relabelled) == conflicts


def test_a_removed_label_is_gone() -> None:
    script = "kubectl label node a x=1 y=2\nkubectl label node a x-\n"
    assert set(groups({"label.sh": script})["a"].labels) == {"y"}


def test_simulated_nodes_are_no_nodes() -> None:
    text = NODE.replace("  labels:", "  annotations:\n    kwok.x-k8s.io/node: fake\n  labels:")
    assert groups({"node.yaml": text}) == {}


def test_a_machine_set_labels_its_nodes_not_its_machines() -> None:
    text = """apiVersion: machine.openshift.io/v1beta1
kind: MachineSet
metadata:
  name: gpus
spec:
  template:
    metadata:
      labels:
        machine: label
    spec:
      metadata:
        labels:
          node: label
      providerSpec:
        value:
          instanceType: g5.12xlarge
"""
    group = groups({"set.yaml": text})["gpus"]
    assert set(group.labels) == {"node"}
    assert (group.gpu_count, [gpu.id for gpu in group.gpus]) == (4, ["a10g"])


def test_titles_are_for_people() -> None:
    script = "kubectl label node a pool=x\nkubectl label nodes -l pool=x nvidia.com/mig.config=all-1g.5gb\n"
    graph = linked({"a.sh": script, "n.yaml": node("b") + node("")})
    assert [group.title for group in graph.nodes.groups] == [
        "Node b",
        "Node (no name)",
        "node a",
        "nodes of the script",
    ]
