"""Rolling updates on nodes whose GPUs are all counted."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.rollout import Rollout, rollouts
from tests.linked import document, linked, node

RACK = {"rack": "r7", "nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.sharing-strategy": "none"}


def box(gpus: int = 1, name: str = "gpu-1", **labels: str) -> str:
    return node(name, {**RACK, "nvidia.com/gpu.count": str(gpus), **labels})


def deployment(name: str = "app", units: int = 1, kind: str = "Deployment", /, **spec: object) -> str:
    container = {"name": "app", "resources": {"limits": {"nvidia.com/gpu": units}}}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"nodeSelector": {"rack": "r7"}, "containers": [container]},
    }
    fields = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    return document(kind, name, "apps/v1", spec=fields)


def found(*texts: str) -> list[Rollout]:
    return list(rollouts(linked({"all.yaml": "".join(texts)}), Owners({})))


def rolling(**limits: object) -> dict[str, object]:
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}


@pytest.mark.parametrize(
    ("spec", "starts_first"),
    [
        pytest.param({}, True, id="the defaults with one replica"),
        pytest.param({"replicas": 3}, True, id="the defaults with three"),
        pytest.param({"replicas": 4}, False, id="the defaults with four"),
        pytest.param({"replicas": 0}, False, id="no pod"),
        pytest.param({"replicas": "${N}"}, False, id="a placeholder"),
        pytest.param({"strategy": {"type": "Recreate"}}, False, id="all at once"),
        pytest.param({"replicas": 8, **rolling(maxUnavailable=0)}, True, id="none may be missing"),
        pytest.param(rolling(maxSurge=0, maxUnavailable=1), False, id="an old one first"),
        pytest.param(rolling(maxSurge="0%", maxUnavailable="10%"), False, id="both round to nothing"),
        pytest.param(rolling(maxSurge="x"), False, id="what is no number"),
    ],
)
def test_who_starts_a_pod_first(spec: dict[str, object], starts_first: bool) -> None:
    assert bool(found(deployment(**spec), box(8))) is starts_first


def test_what_is_free() -> None:
    (alone,) = found(deployment("app", 2), box(4), box(1, "gpu-2"))
    assert (alone.per_pod, alone.units, alone.free) == (2, 5, 3)
    other = deployment("other", 2, "StatefulSet", replicas=2)
    (beside,) = found(deployment(), other, other, box(4))
    assert (beside.units, beside.free) == (4, 0)


def test_shared_units() -> None:
    labels = {"nvidia.com/gpu.sharing-strategy": "time-slicing", "nvidia.com/gpu.replicas": "4"}
    (shared,) = found(deployment(), box(2, **labels))
    assert (shared.units, shared.free) == (8, 7)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(node("gpu-1", RACK), id="a node with an unknown number of GPUs"),
        pytest.param(
            document(
                "NodePool",
                "small",
                "karpenter.sh/v1",
                spec={
                    "template": {
                        "metadata": {"labels": {"rack": "r7"}},
                        "spec": {
                            "requirements": [
                                {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]}
                            ]
                        },
                    }
                },
            ),
            id="a pool that grows",
        ),
        pytest.param("", id="no node"),
    ],
)
def test_what_is_not_counted(text: str) -> None:
    assert found(deployment(), text) == []


def test_an_autoscaler_changes_the_number_of_pods() -> None:
    scaler = document(
        "HorizontalPodAutoscaler",
        "app",
        "autoscaling/v2",
        spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}},
    )
    assert found(deployment(), scaler, box()) == []
