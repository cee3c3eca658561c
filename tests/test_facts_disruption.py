"""Disruption budgets that never allow an eviction."""

from __future__ import annotations

import pytest

from gpulint.facts.namespace.disruption import Budget, budgets
from gpulint.facts.owner import Owners
from tests.linked import document, linked

LABELS = {"app": "server"}
SELECTOR = {"matchLabels": LABELS}


def budget(namespace: str = "", selector: object = SELECTOR, /, **spec: object) -> str:
    metadata = {"namespace": namespace} if namespace else {}
    spec = spec if selector is None else {**spec, "selector": selector}
    return document("PodDisruptionBudget", "guard", "policy/v1", metadata=metadata, spec=spec)


def workload(kind: str = "Deployment", namespace: str = "", replicas: object = 2, gpus: int = 1) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {"nvidia.com/gpu": gpus}}}
    container = container if gpus else {"name": "app", "image": "example.com/app:1"}
    metadata = {"namespace": namespace} if namespace else {}
    pod = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    if kind == "Pod":
        return document(kind, "server", metadata={**metadata, "labels": LABELS}, spec=pod["spec"])
    return document(kind, "server", "apps/v1", metadata=metadata, spec={"replicas": replicas, "template": pod})


def found(*texts: str) -> list[Budget]:
    return in_files({"all.yaml": "".join(texts)})


def in_files(files: dict[str, str]) -> list[Budget]:
    return list(budgets(linked(files), Owners({})))


@pytest.mark.parametrize(
    ("spec", "replicas", "field", "pods"),
    [
        ({"maxUnavailable": 0}, 3, "maxUnavailable", 0),
        ({"maxUnavailable": "0%"}, 3, "maxUnavailable", 0),
        ({"minAvailable": "100%"}, 3, "minAvailable", 0),
        ({"minAvailable": "100%"}, "${N}", "minAvailable", 0),
        ({"minAvailable": 3}, 3, "minAvailable", 3),
        ({"minAvailable": 5}, 3, "minAvailable", 3),
        ({"minAvailable": "51%"}, 2, "minAvailable", 2),
    ],
    ids=str,
)
def test_none_may_go(spec: dict[str, object], replicas: object, field: str, pods: int) -> None:
    (fact,) = found(budget(**spec), workload(replicas=replicas))
    assert (fact.field, fact.pods, fact.guards) == (field, pods, ("Deployment server",))
    assert fact.place.field() == f"spec.{field}"


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": "1%"}, 1),
        ({"minAvailable": 1}, 2),
        ({"minAvailable": "50%"}, 2),
        ({"minAvailable": 1}, "${N}"),
        ({"minAvailable": 1}, 0),
        ({"minAvailable": 0}, 1),
        ({"minAvailable": "${N}"}, 1),
        ({}, 1),
    ],
    ids=str,
)
def test_some_may_go(spec: dict[str, object], replicas: object) -> None:
    assert found(budget(**spec), workload(replicas=replicas)) == []


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param((budget("lab", maxUnavailable=0), workload()), id="one namespace is not known"),
        pytest.param((budget("lab", maxUnavailable=0), workload(namespace="office")), id="two namespaces"),
        pytest.param((budget("${NS}", maxUnavailable=0), workload(namespace="${NS}")), id="a placeholder"),
        pytest.param((budget(maxUnavailable=0), workload("DaemonSet")), id="a drain leaves DaemonSets"),
        pytest.param((budget(maxUnavailable=0), workload("Pod")), id="a bare pod"),
        pytest.param((budget(maxUnavailable=0), workload(gpus=0)), id="no GPUs"),
        pytest.param((budget("", None, maxUnavailable=0), workload()), id="it selects nothing"),
        pytest.param((budget("", {"matchLabels": {"app": "other"}}, maxUnavailable=0), workload()), id="other labels"),
    ],
)
def test_other_pods(texts: tuple[str, ...]) -> None:
    assert found(*texts) == []


def test_an_empty_selector_selects_all_of_its_namespace() -> None:
    (fact,) = found(budget("lab", {}, maxUnavailable=0), workload(namespace="lab"))
    assert fact.guards == ("Deployment lab/server",)


def test_pods_without_gpus_count_too() -> None:
    other = workload(gpus=0, replicas=1).replace('"name": "server"', '"name": "gpu-gateway"', 1)
    assert found(budget(minAvailable=2), workload(replicas=2), other) == []


def test_an_autoscaler_may_make_more() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "server"}
    scaler = document("HorizontalPodAutoscaler", "server", "autoscaling/v2", spec={"scaleTargetRef": target})
    assert found(budget(minAvailable=2), workload(), scaler) == []
    assert found(budget(maxUnavailable=0), workload(), scaler)


@pytest.mark.parametrize(
    ("files", "confidence"),
    [
        pytest.param({"a/all.yaml": budget(maxUnavailable=0) + workload()}, ["high"], id="one file"),
        pytest.param(
            {"a/guard.yaml": budget(maxUnavailable=0), "a/server.yaml": workload()}, ["medium"], id="one folder"
        ),
        pytest.param({"a/guard.yaml": budget(maxUnavailable=0), "b/server.yaml": workload()}, [], id="two folders"),
        pytest.param(
            {
                "a/guard.yaml": budget(maxUnavailable=0),
                "b/server.yaml": workload(),
                "kustomization.yaml": "resources: [a/guard.yaml, b/server.yaml]",
            },
            ["high"],
            id="one kustomization",
        ),
        pytest.param(
            {"a/guard.yaml": budget("lab", maxUnavailable=0), "b/server.yaml": workload(namespace="lab")},
            ["medium"],
            id="one namespace",
        ),
    ],
)
def test_which_are_in_one_cluster(files: dict[str, str], confidence: list[str]) -> None:
    assert [fact.confidence for fact in in_files(files)] == confidence
