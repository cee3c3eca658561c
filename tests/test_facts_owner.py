"""Who a workload is: signs of a service level, and the class where it is sure."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from tests.linked import document, linked, only_workload

LABELS = {"app": "chat"}


def deployment(**spec: object) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container], **spec}}
    return document("Deployment", "chat", "apps/v1", spec={"selector": {"matchLabels": LABELS}, "template": template})


def scaler(name: str) -> str:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return document("HorizontalPodAutoscaler", "h", "autoscaling/v2", spec={"scaleTargetRef": target})


def budget(app: str) -> str:
    return document("PodDisruptionBudget", "b", "policy/v1", spec={"selector": {"matchLabels": {"app": app}}})


def owner(text: str, **stated: str) -> Owner:
    return Owners(stated).of(only_workload(linked({"app.yaml": text})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (deployment(), False),
        (deployment().replace('"template"', '"replicas": 2, "template"'), True),
        (deployment(priorityClassName="serving"), True),
        (deployment() + scaler("chat"), True),
        (deployment() + scaler("other"), False),
        (deployment() + budget("chat"), True),
        (deployment() + budget("other"), False),
    ],
    ids=["none", "replicas", "priority", "autoscaler", "of another", "budget", "for another"],
)
def test_signs_of_a_service_level(text: str, expected: bool) -> None:
    assert owner(text).service_level is expected


def test_only_a_sure_class_is_told() -> None:
    assert owner(deployment()).workload_class == "unknown"
    assert owner(deployment().replace("example.com/app:1", "vllm/vllm-openai:v0.9.1")).workload_class == "unknown"
    server = deployment().replace(
        "example.com/app:1", 'vllm/vllm-openai:v0.9.1", "command": ["vllm", "serve"], "tty": "'
    )
    assert owner(server).workload_class == "inference"


def test_the_configuration_states_a_class() -> None:
    assert owner(deployment(), **{"*/Job/chat": "batch"}).workload_class == "unknown"
    stated = owner(deployment(), **{"/Deployment/chat": "training"})
    assert (stated.workload_class, stated.label) == ("training", "Deployment chat")
