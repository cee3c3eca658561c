"""GPUs under a name, or at a place, that validation of a pod refuses."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.request.refusal import Refusal, refusals
from tests.linked import document, linked


def found(text: str) -> list[Refusal]:
    return list(refusals(linked({"a.yaml": text}), Owners({})))


def spec(limits: object, **fields: object) -> dict[str, object]:
    return {"containers": [{"name": "c", "resources": {"limits": limits, "requests": limits}}], **fields}


def test_a_name_is_told_once_for_limit_and_request() -> None:
    (refusal,) = found(document("Pod", "p", spec=spec({"gpu": 1})))
    assert (refusal.kind, refusal.resource, refusal.suggestion) == ("no-domain", "gpu", "nvidia.com/gpu")
    assert refusal.at_once
    assert refusal.place.field() == "spec.containers[0].resources.limits.gpu"


@pytest.mark.parametrize("name", ["nvidia.com/gpus", "alpha.kubernetes.io/nvidia-gpu", "memory", "example", "${GPU}"])
def test_names_that_validation_takes_or_nobody_knows(name: str) -> None:
    assert found(document("Pod", "p", spec=spec({name: 1}))) == []


def test_a_controller_of_a_known_kind_makes_the_pod_later() -> None:
    template = {"template": {"spec": spec({"gpu": 1})}}
    job = document("PyTorchJob", "j", "kubeflow.org/v1", spec={"pytorchReplicaSpecs": {"Master": template}})
    assert [each.at_once for each in found(job)] == [False]
    unknown = document("Farm", "f", "example.com/v1", spec={"pool": template})
    assert found(unknown) == []


def test_resources_of_the_pod_take_no_devices() -> None:
    resources = {"limits": {"nvidia.com/gpu": 1, "memory": "1Gi", "example.com/dongle": 1}}
    (refusal,) = found(document("Pod", "p", spec=spec({}, resources=resources)))
    assert (refusal.kind, refusal.resource, refusal.container) == ("pod-level", "nvidia.com/gpu", "")
