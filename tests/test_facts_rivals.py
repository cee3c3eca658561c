"""What would hand out the same GPUs twice."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.operator.rivals import rivals
from tests.linked import document, linked, policy
from tests.test_graph_installers import daemon_set, release

DRA = release("nvidia-dra-driver-gpu")
CLUSTER = document("GPUCluster", "gpu-cluster", "nvidia.com/v1alpha1", spec={})
MINE = {"nodeSelector": {"gpus": "mine"}}
PAIRS: dict[str, tuple[str, list[str]]] = {
    "a policy and a DaemonSet": (policy(config="") + daemon_set(), ["device-plugins"]),
    "operator and chart": (release("gpu-operator") + release("nvidia-device-plugin"), ["device-plugins"]),
    "the operator runs none": (
        release("gpu-operator", {"devicePlugin": {"enabled": False}}) + release("nvidia-device-plugin"),
        [],
    ),
    "two DaemonSets": (daemon_set("nvidia-a") + daemon_set("nvidia-b"), ["device-plugins"]),
    "one DaemonSet twice": (daemon_set() + daemon_set(), []),
    "on nodes of its own": (policy(config="") + daemon_set(**MINE), []),
    "on all nodes with GPUs": (
        policy(config="") + daemon_set(nodeSelector={"nvidia.com/gpu.present": "true", "kubernetes.io/os": "linux"}),
        ["device-plugins"],
    ),
    "both on the same nodes": (daemon_set("nvidia-a", **MINE) + daemon_set("nvidia-b", **MINE), ["device-plugins"]),
    "two policies": (policy(name="a") + policy(name="b"), ["policies"]),
    "one policy twice": (policy(name="a") + policy(name="a"), []),
    "a policy beside the chart's": (policy(name="a") + release("gpu-operator"), ["policies"]),
    "the chart's policy, written out": (policy(name="cluster-policy") + release("gpu-operator"), []),
    "the chart makes none": (
        policy(name="a") + release("gpu-operator", {"clusterPolicy": {"deployCR": False}}),
        [],
    ),
    "a policy and a GPUCluster": (policy() + CLUSTER, ["policy-and-cluster"]),
    "a GPUCluster of the chart": (release("gpu-operator", {"clusterPolicy": {"deployCR": False}}) + CLUSTER, []),
    "DRA": (policy(config="") + DRA, ["dra"]),
    "DRA that was told to": (policy() + release("nvidia-dra-driver-gpu", {"gpuResourcesEnabledOverride": True}), []),
    "DRA without GPUs": (
        policy() + release("nvidia-dra-driver-gpu", {"resources": {"gpus": {"enabled": False}}}),
        [],
    ),
}


@pytest.mark.parametrize(("text", "kinds"), PAIRS.values(), ids=PAIRS.keys())
def test_pairs(text: str, kinds: list[str]) -> None:
    assert [each.kind for each in rivals(linked({"all.yaml": text}))] == kinds


TOGETHER: dict[str, tuple[Mapping[str, str], str]] = {
    "one file": ({"all.yaml": "ab"}, "high"),
    "one build": ({"x/a.yaml": "a", "y/b.yaml": "b", "kustomization.yaml": "resources: [x/a.yaml, y/b.yaml]"}, "high"),
    "one folder": ({"gpu/a.yaml": "a", "gpu/b.yaml": "b"}, "medium"),
    "one repository": ({"operator/a.yaml": "a", "plugin/b.yaml": "b"}, "medium"),
    "one cluster": ({"clusters/x/operator/a.yaml": "a", "clusters/x/plugin/b.yaml": "b"}, "medium"),
    "two clusters": ({"clusters/x/a.yaml": "a", "clusters/y/b.yaml": "b"}, "low"),
    "samples that a kustomization lists": (
        {"samples/a.yaml": "a", "samples/b.yaml": "b", "samples/kustomization.yaml": "resources: [a.yaml, b.yaml]"},
        "low",
    ),
    "samples": ({"config/samples/a.yaml": "a", "config/samples/b.yaml": "b"}, "low"),
}


@pytest.mark.parametrize(("files", "confidence"), TOGETHER.values(), ids=TOGETHER.keys())
def test_how_sure_it_is_that_they_meet(files: Mapping[str, str], confidence: str) -> None:
    text = {"a": policy(config=""), "b": daemon_set(), "ab": policy(config="") + daemon_set()}
    (found,) = rivals(linked({path: text.get(content, content) for path, content in files.items()}))
    assert found.confidence == confidence


def test_a_values_file_that_nothing_installs_is_a_weak_sign() -> None:
    values = "devicePlugin: {enabled: true}\nmigManager: {enabled: true}\ntoolkit: {enabled: true}\n"
    (found,) = rivals(linked({"a.yaml": daemon_set(), "values.yaml": values}))
    assert found.confidence == "low"
