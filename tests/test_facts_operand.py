"""Where the device plugin's pods can run, and where GPUs are kept for virtual machines."""

from __future__ import annotations

import pytest

from gpulint.facts.operator.operand import operands, vm_uses
from tests.linked import document, linked, node, pod, policy
from tests.test_graph_installers import daemon_set, release

GPU = {"nvidia.com/gpu.present": "true"}


def tainted(name: str = "gpu-1", /, **taint: str) -> str:
    return node(name, GPU, spec={"taints": [{"effect": "NoSchedule", **taint}]})


def tolerating(*tolerations: dict[str, str]) -> str:
    return release("gpu-operator", {"daemonsets": {"tolerations": list(tolerations)}})


OWN = tainted(key="dedicated", value="gpu")
USUAL = tainted(key="nvidia.com/gpu", value="present")
TAINTS: dict[str, tuple[str, list[str]]] = {
    "one of the user's own": (policy() + OWN, ["dedicated=gpu:NoSchedule"]),
    "the usual one": (policy() + USUAL, []),
    "the usual one, with another effect": (
        policy() + tainted(key="nvidia.com/gpu", effect="NoExecute"),
        ["nvidia.com/gpu:NoExecute"],
    ),
    "a list that forgets the usual one": (
        tolerating({"key": "dedicated", "operator": "Exists"}) + USUAL,
        ["nvidia.com/gpu=present:NoSchedule"],
    ),
    "one that is tolerated": (tolerating({"key": "dedicated", "operator": "Exists"}) + OWN, []),
    "a toleration that is filled in later": (tolerating({"key": "${KEY}", "operator": "Exists"}) + OWN, []),
    "one that goes away": (policy() + tainted(key="node.cilium.io/agent-not-ready"), []),
    "one that DaemonSets tolerate": (policy() + tainted(key="node.kubernetes.io/unschedulable"), []),
    "no installer": (OWN, []),
    "another plugin": (release("gpu-operator", {"devicePlugin": {"enabled": False}}) + OWN, []),
    "values that are not read": (release("gpu-operator", {}, valuesFrom=[{"kind": "Secret", "name": "v"}]) + OWN, []),
    "one of two that may serve it tolerates it": (
        policy() + daemon_set(tolerations=[{"operator": "Exists"}]) + OWN,
        [],
    ),
}


@pytest.mark.parametrize(("text", "taints"), TAINTS.values(), ids=TAINTS.keys())
def test_taints(text: str, taints: list[str]) -> None:
    assert [each.taint for each in operands(linked({"all.yaml": text}))] == taints


def test_nodes_with_one_taint_are_told_together() -> None:
    text = policy() + OWN + tainted("gpu-0", key="dedicated", value="gpu")
    (found,) = operands(linked({"all.yaml": text}))
    assert [each.name for each in found.nodes] == ["Node gpu-0", "Node gpu-1"]
    assert (found.near, found.stated, found.confidence) == (False, False, "high")


def test_a_toleration_for_another_value_is_a_near_miss() -> None:
    text = tolerating({"key": "dedicated", "value": "gpus"}) + OWN
    (found,) = operands(linked({"all.yaml": text}))
    assert found.near
    assert found.place.field() == "spec.values.daemonsets.tolerations"


# --- virtual machines -------------------------------------------------------------------------------------------------

LABEL = "nvidia.com/gpu.workload.config"
SANDBOX = document("ClusterPolicy", "p", "nvidia.com/v1", spec={"sandboxWorkloads": {"enabled": True}})
SELECTS = {"nodeSelector": {LABEL: "vm-passthrough"}}
VMS: dict[str, tuple[str, list[str]]] = {
    "selected, the operator heeds it": (SANDBOX + pod(**SELECTS), ["high"]),
    "selected, the operator is not in the input": (pod(**SELECTS), ["medium"]),
    "selected, the operator does not heed it": (policy() + pod(**SELECTS), []),
    "MIG slices": (SANDBOX + pod("nvidia.com/mig-1g.5gb", **SELECTS), ["high"]),
    "what virtual machines ask for": (SANDBOX + pod("nvidia.com/GA100_A100_PCIE_40GB", **SELECTS), []),
    "GPUs of AMD": (SANDBOX + pod("amd.com/gpu", **SELECTS), []),
    "nodes for containers": (SANDBOX + pod(nodeSelector={LABEL: "container"}), []),
    "the only nodes that match": (
        SANDBOX + node(labels={"gpus": "a", LABEL: "vm-vgpu"}) + pod(nodeSelector={"gpus": "a"}),
        ["high"],
    ),
    "some of the nodes that match": (
        SANDBOX
        + node(labels={"gpus": "a", LABEL: "vm-vgpu"})
        + node("gpu-2", {"gpus": "a", **GPU})
        + pod(nodeSelector={"gpus": "a"}),
        [],
    ),
    "no selector": (SANDBOX + node(labels={LABEL: "vm-vgpu"}) + pod(), []),
}


@pytest.mark.parametrize(("text", "confidences"), VMS.values(), ids=VMS.keys())
def test_pods_on_nodes_for_virtual_machines(text: str, confidences: list[str]) -> None:
    assert [each.confidence for each in vm_uses(linked({"all.yaml": text}))] == confidences
