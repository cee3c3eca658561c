"""Model servers: how Kubernetes learns that they can answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.request.command import command_of
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place

_SERVING = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
_GANG = "LeaderWorkerSet"
_READY = ("readinessProbe", "startupProbe")
_ANSWERS_NOBODY = re.compile(r"\bray start\b(?!.*--head)|--headless\b|multi-node-serving\.sh worker")
"""Ranks that only work for another pod."""


@frozen
class ModelServer:
    """Pods that answer requests for a model, as their author's own pod template describes them."""

    cluster: str
    owner: Owner
    container: str
    """The first that asks for an accelerator."""
    ready: bool
    """Whether a container of the pod has a readiness or startup probe, or may get one: it is filled in, or patched."""
    live: bool
    """Whether that one has a liveness probe."""
    place: Place
    """Where its readiness probe would be."""
    live_place: Place
    """Its liveness probe."""


def model_servers(graph: Graph, owners: Owners) -> Iterator[ModelServer]:
    """One fact per pod template that makes model servers for sure, in the order of the input."""
    for workload in graph.workloads:
        owner = owners.of(workload)
        if owner.workload_class != "inference" or owner.detail or not _answers(workload):
            continue
        container = next((each.container for each in workload.asked if not each.container.init), None)
        if container is not None and not _ANSWERS_NOBODY.search(command_of(workload, container).line):
            yield _fact(graph, owner, workload, container)


def _answers(workload: Workload) -> bool:
    """Whether requests come to these pods: those of a gang's leader, and of kinds that run for ever."""
    kind = workload.template.kind
    if kind is None:
        return False
    return kind.kind in _SERVING or (kind.kind == _GANG and workload.template.role == "leader")


def _fact(graph: Graph, owner: Owner, workload: Workload, container: Container) -> ModelServer:
    probed = any(_has(workload, each, *_READY) for each in workload.template.containers)
    return ModelServer(
        cluster=graph.scope.name,
        owner=owner,
        container=container.name,
        ready=probed or _is_patched(graph, workload),
        live=_has(workload, container, "livenessProbe"),
        place=workload.place(container, ("readinessProbe",)),
        live_place=workload.place(container, ("livenessProbe",), key=True),
    )


def _has(workload: Workload, container: Container, *probes: str) -> bool:
    fields = workload.container(container)
    return any(fields.get(probe) for probe in probes) or any(map(is_placeholder, fields))


def _is_patched(graph: Graph, workload: Workload) -> bool:
    """Whether a patch of the input that names the object has such a probe."""
    patches = (source.text for source in graph.scope.sources if source.role in {"patch", "kustomization"})
    return any(workload.manifest.name in each and any(probe in each for probe in _READY) for each in patches)
