"""Pods on GPU nodes that ask for no GPU."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.visitor import visitors
from tests.linked import affinity, document, linked, pod

PRESENT = {"nvidia.com/gpu.present": "true"}
TOLERANT = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
SERVER = {"name": "app", "image": "vllm/vllm-openai:v0.9.1", "args": ["--model", "example/tiny"]}
TRAINER = {"name": "app", "image": "pytorch/pytorch:2.5.1", "command": ["torchrun", "train.py"]}
CUDA = {"name": "app", "image": "nvidia/cuda:12.6.0-base"}
PLAIN = {"name": "app", "image": "example.com/app:1"}
CLAIMS = [{"name": "gpu", "resourceClaimName": "mine"}]


def said(*texts: str) -> list[tuple[str, str]]:
    return [(each.way, each.confidence) for each in visitors(linked({"all.yaml": "".join(texts)}), Owners({}))]


def of(container: Mapping[str, object], /, **spec: object) -> str:
    return document("Pod", "app", spec={"containers": [container], **spec})


def _pool(name: str, instance: str) -> str:
    types = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [instance]}
    template = {"metadata": {"labels": {"pool": name}}, "spec": {"requirements": [types]}}
    return document("NodePool", name, "karpenter.sh/v1", spec={"template": template})


_POOLS = _pool("fast", "g6.xlarge") + _pool("plain", "m7i.large")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(of(SERVER, nodeSelector=PRESENT), [("selector", "medium")], id="a model server"),
        pytest.param(of(TRAINER, tolerations=TOLERANT), [("toleration", "medium")], id="training that tolerates"),
        pytest.param(of(SERVER, tolerations=TOLERANT), [("toleration", "low")], id="a server that tolerates"),
        pytest.param(of(PLAIN, nodeSelector=PRESENT), [("selector", "low")], id="something that selects"),
        pytest.param(
            of(PLAIN, nodeSelector=PRESENT, tolerations=TOLERANT), [("selector", "medium")], id="that tolerates too"
        ),
        pytest.param(
            of({**PLAIN, "image": "example.com/app:1-cuda"}, nodeSelector=PRESENT),
            [("selector", "medium")],
            id="with an image for GPUs",
        ),
        pytest.param(
            of({**SERVER, "name": "gpu"}, nodeSelector={"node.kubernetes.io/instance-type": "g5.xlarge"}),
            [("selector", "medium")],
            id="an instance type with GPUs",
        ),
        pytest.param(
            of({**SERVER, "name": "gpu"}, nodeSelector={"node.kubernetes.io/instance-type": "m5.large"}),
            [],
            id="one without",
        ),
        pytest.param(_POOLS + of(CUDA, nodeSelector={"pool": "fast"}), [("selector", "medium")], id="a declared pool"),
        pytest.param(_POOLS + of(CUDA, nodeSelector={"pool": "plain"}), [], id="one without GPUs"),
        pytest.param(_POOLS + of(CUDA, nodeSelector={"other": "fast"}), [], id="one that nobody declares"),
        pytest.param(of(SERVER, nodeSelector={"nvidia.com/gpu.present": "false"}), [], id="nodes without GPUs"),
        pytest.param(of(SERVER, nodeSelector={"nvidia.com/gpu.deploy.driver": "true"}), [], id="an operand's label"),
        pytest.param(of(SERVER, tolerations=[{"operator": "Exists"}]), [], id="tolerates everything"),
        pytest.param(
            of(SERVER, affinity=affinity([("nvidia.com/gpu.present", "In", ["true"])], [("disk", "Exists", [])])),
            [],
            id="one of two ways",
        ),
        pytest.param(of(SERVER, nodeSelector=PRESENT, resourceClaims=CLAIMS), [], id="a claim"),
        pytest.param(of(SERVER, nodeSelector=PRESENT, runtimeClassName="nvidia"), [], id="NVIDIA's runtime"),
        pytest.param(
            of({**SERVER, "env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]}, nodeSelector=PRESENT),
            [],
            id="devices by a variable",
        ),
        pytest.param(
            of({**SERVER, "securityContext": {"privileged": True}}, nodeSelector=PRESENT), [], id="privileged"
        ),
        pytest.param(
            of(SERVER, nodeSelector=PRESENT, volumes=[{"name": "d", "hostPath": {"path": "/dev/nvidia0"}}]),
            [],
            id="a device of the host",
        ),
        pytest.param(of({**SERVER, "resources": "${RESOURCES}"}, nodeSelector=PRESENT), [], id="filled in later"),
        pytest.param(
            of({**SERVER, "resources": {"limits": {"example.com/tpu": 1}}}, nodeSelector=PRESENT),
            [],
            id="other devices",
        ),
        pytest.param(
            of(SERVER, nodeSelector=PRESENT, priorityClassName="system-node-critical"), [], id="of the system"
        ),
        pytest.param(of({**PLAIN, "name": "base"}, nodeSelector=PRESENT, tolerations=TOLERANT), [], id="for Airflow"),
        pytest.param(pod(nodeSelector=PRESENT), [], id="it asks for one"),
        pytest.param(
            of(SERVER, nodeSelector=PRESENT)
            + document("LimitRange", "l", spec={"limits": [{"type": "Container", "default": {"nvidia.com/gpu": 1}}]}),
            [],
            id="a LimitRange may give one",
        ),
    ],
)
def test_visitors(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text) == expected


def test_fractions_are_in_annotations() -> None:
    metadata = {"annotations": {"gpu-fraction": "0.5"}}
    text = document("Pod", "app", metadata=metadata, spec={"containers": [SERVER], "nodeSelector": PRESENT})
    assert said(text) == []


def test_jobs_may_prepare_a_node() -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [PLAIN], "nodeSelector": PRESENT}}
    assert said(document("Job", "fetch", "batch/v1", spec={"template": template})) == [("selector", "low")]
