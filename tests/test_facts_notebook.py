"""What ends interactive pods when nobody works in them."""

from __future__ import annotations

from typing import Any

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.workload.notebook import notebook_facts
from tests.linked import document, linked

CONTAINER = {
    "name": "lab",
    "image": "quay.io/jupyter/scipy-notebook:2025",
    "resources": {"limits": {"nvidia.com/gpu": 1}},
}
VARIABLE = "kind: Deployment\napiVersion: apps/v1\nenv:\n- name: ENABLE_CULLING\n  "
SCALER = {"scaleTargetRef": {"name": "lab"}}


def pod(metadata: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **fields: Any) -> str:
    containers = [{**CONTAINER, **fields}]
    return document("Pod", "lab", metadata=metadata or {}, spec={"containers": containers, **(spec or {})})


def deployment() -> str:
    return document("Deployment", "lab", "apps/v1", spec={"template": {"spec": {"containers": [CONTAINER]}}})


def notebook(**metadata: Any) -> str:
    template = {"spec": {"containers": [CONTAINER]}}
    return document("Notebook", "lab", "kubeflow.org/v1", metadata=metadata, spec={"template": template})


def ended(*files: str) -> list[tuple[str, str]]:
    graph = linked({f"{index}.yaml": text for index, text in enumerate(files)})
    return [(each.ended_by, each.confidence) for each in notebook_facts(graph, Owners({}))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (pod(), [("", "medium")]),
        (deployment(), [("", "medium")]),
        (pod(spec={"activeDeadlineSeconds": 60}), [("activeDeadlineSeconds", "medium")]),
        (
            pod(args=["start-notebook.py", "--MappingKernelManager.cull_idle_timeout=600"]),
            [("cull_idle_timeout", "medium")],
        ),
        (
            pod(env=[{"name": "SHUTDOWN_NO_ACTIVITY_TIMEOUT", "value": "9"}]),
            [("SHUTDOWN_NO_ACTIVITY_TIMEOUT", "medium")],
        ),
        (pod(env=[{"name": "JUPYTERHUB_USER", "value": "ada"}]), [("JupyterHub", "medium")]),
        (pod({"annotations": {"downscaler/uptime": "Mon-Fri"}}), [("downscaler/uptime", "medium")]),
        (pod({"labels": {"app": "lab"}}), [("", "medium")]),
        (deployment() + document("ScaledObject", "s", "keda.sh/v1alpha1", spec=SCALER), [("an autoscaler", "medium")]),
        (notebook(), [("", "low")]),
        (notebook(annotations={"kubeflow-resource-stopped": "x"}), [("kubeflow-resource-stopped", "low")]),
        (pod(image="acme/x", command=["sleep", "infinity"]), []),
        (
            document(
                "Workspace", "w", "kubeflow.org/v1beta1", spec={"template": {"spec": {"containers": [CONTAINER]}}}
            ),
            [],
        ),
    ],
    ids=[
        "a pod",
        "a deployment",
        "a deadline",
        "an option",
        "a variable",
        "JupyterHub",
        "a downscaler",
        "another label",
        "a scaler",
        "Kubeflow's controller is elsewhere",
        "a stopped notebook",
        "it may be anything",
        "a kind that ends workspaces itself",
    ],
)
def test_what_ends_it(text: str, expected: list[tuple[str, str]]) -> None:
    assert ended(text) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (document("ConfigMap", "c", data={"ENABLE_CULLING": "true"}), [("ENABLE_CULLING", "medium")]),
        (document("ConfigMap", "c", data={"ENABLE_CULLING": "false"}), [("", "medium")]),
        (VARIABLE + "value: 'true'\n", [("ENABLE_CULLING", "medium")]),
        (VARIABLE + "valueFrom: {}\n", [("", "low")]),
    ],
    ids=["on", "off", "a variable", "set elsewhere"],
)
def test_the_culler_of_kubeflow(file: str, expected: list[tuple[str, str]]) -> None:
    assert ended(notebook(), file) == expected
