"""Interactive work: what takes the GPU back when nobody uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.request.command import command_of
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import mapping, mappings, text
from gpulint.manifest import Place

_KUBEFLOW = "Notebook"
_LONG_LIVED = frozenset({"Pod", "Deployment", "StatefulSet", "ReplicaSet"})
_STOPPED = "kubeflow-resource-stopped"
"""Annotation of a Notebook that runs no pod (kubeflow components/notebook-controller/pkg/culler)."""
_OPTIONS = re.compile(r"shutdown_no_activity_timeout|cull_idle_timeout|no[-_]activity|idle[-_]timeout", re.IGNORECASE)
"""Settings of Jupyter servers and IDEs that end what is idle."""
_HUB = ("hub.jupyter.org/", "jupyterhub_")
"""Of pods that JupyterHub makes, whose idle culler the chart turns on by default (z2jh values.yaml, `cull`)."""
_DOWNSCALERS = ("downscaler/", "kube-downscaler", "sablierapp.dev/", "sablier.", "kube-green", "cull", "idle")
_CONTROLLER = re.compile(r"^[ \t]*-?[ \t]*[\"']?ENABLE_CULLING[\"']?\s*[:=]\s*[\"']?(\w+)", re.MULTILINE)
_CONTROLLER_VARIABLE = re.compile(r"name:\s*[\"']?ENABLE_CULLING[\"']?\s*\n\s*value:\s*[\"']?(\w+)")


@frozen
class NotebookFact:
    """Interactive pods with accelerators, and what ends them when they are idle."""

    cluster: str
    owner: Owner
    ended_by: str
    """The sign of it: an option, an annotation, a scaler, the culler of its controller; empty without one."""
    confidence: str
    """How sure it is that nothing else does."""
    place: Place
    """The name of the object."""


def notebook_facts(graph: Graph, owners: Owners) -> Iterator[NotebookFact]:
    """One fact per pod template of a kind whose pods run until somebody ends them, in the order of the input."""
    for workload in graph.workloads:
        kind = workload.template.kind
        if kind is None or kind.kind not in {_KUBEFLOW, *_LONG_LIVED}:
            continue
        owner = owners.of(workload)
        if owner.workload_class == "interactive":
            yield NotebookFact(
                cluster=graph.scope.name,
                owner=owner,
                ended_by=_ended_by(graph, owners, workload),
                confidence=_confidence(graph, workload),
                place=workload.manifest.place("metadata", "name"),
            )


def _ended_by(graph: Graph, owners: Owners, workload: Workload) -> str:
    if workload.pod_spec.get("activeDeadlineSeconds") is not None:
        return "activeDeadlineSeconds"
    if owners.is_scaled(workload):
        return "an autoscaler"
    if workload.manifest.kind == _KUBEFLOW and _controller(graph) == "true":
        return "ENABLE_CULLING"
    return _marked(workload) or _option(workload)


def _confidence(graph: Graph, workload: Workload) -> Confidence:
    """The culler of Kubeflow is set where its controller is installed, by default off."""
    return "low" if workload.manifest.kind == _KUBEFLOW and not _controller(graph) else "medium"


def _controller(graph: Graph) -> str:
    """`true` or `false` where the input configures Kubeflow's notebook controller."""
    found = {
        match[1].lower()
        for source in graph.scope.sources
        if "ENABLE_CULLING" in source.text
        for pattern in (_CONTROLLER, _CONTROLLER_VARIABLE)
        for match in pattern.finditer(source.text)
    }
    return "true" if "true" in found else "false" if "false" in found else ""


def _marked(workload: Workload) -> str:
    """The label or annotation of something that ends or wakes workloads."""
    metadata = mapping(workload.manifest.data.get("metadata"))
    sections = [mapping(metadata.get("labels")), mapping(metadata.get("annotations"))]
    keys = [*sections[0], *sections[1], *workload.pod_labels, *workload.pod_annotations]
    return next((key for key in keys if key == _STOPPED or key.startswith(_HUB) or _is_downscaler(key)), "")


def _is_downscaler(key: str) -> bool:
    return any(word in key for word in _DOWNSCALERS)


def _option(workload: Workload) -> str:
    for asked in workload.asked:
        fields = workload.container(asked.container)
        written = [text(item.get(part)) for _, item in mappings(fields.get("env")) for part in ("name", "value")]
        if any(each.startswith("JUPYTERHUB_") for each in written):
            return "JupyterHub"
        found = _OPTIONS.search(" ".join([command_of(workload, asked.container).line, *written]))
        if found:
            return found[0]
    return ""
