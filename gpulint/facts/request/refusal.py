"""Accelerators that are asked for in a way that the API server does not accept."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.request.request import pod_confidence
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import SECTIONS
from gpulint.kube.tree import is_placeholder, mapping
from gpulint.manifest import Place


@frozen
class Refusal:
    """An accelerator that validation of a pod refuses by its name or its place."""

    cluster: str
    owner: Owner
    kind: str
    """`no-domain`: the name is neither a standard one nor has a domain; `pod-level`: it stands in the pod's own
    `resources`, which take no devices."""
    container: str
    """Empty at pod level."""
    resource: str
    suggestion: str
    """The name that was meant; empty at pod level."""
    at_once: bool
    """Whether creating the object is refused; else what a controller makes of it."""
    place: Place
    """The name of the resource."""


def refusals(graph: Graph, owners: Owners) -> Iterator[Refusal]:
    """Every such request of a pod that Kubernetes, or a controller, makes of a template as it is written."""
    for workload in graph.pods:
        if pod_confidence(workload) == "high" and not workload.superseded:
            yield from _without_domain(graph, owners, workload)
            yield from _of_the_pod(graph, owners, workload)


def _without_domain(graph: Graph, owners: Owners, workload: Workload) -> Iterator[Refusal]:
    seen: set[tuple[object, str]] = set()
    for asked in workload.asked:
        if asked.resource.kind == "near-miss" and "/" not in asked.name and (asked.container, asked.name) not in seen:
            seen.add((asked.container, asked.name))
            yield Refusal(
                cluster=graph.scope.name,
                owner=owners.of(workload),
                kind="no-domain",
                container=asked.container.name,
                resource=asked.name,
                suggestion=asked.resource.suggestion,
                at_once=workload.template.embeds,
                place=workload.place(asked.container, asked.entry.path, key=True),
            )


def _of_the_pod(graph: Graph, owners: Owners, workload: Workload) -> Iterator[Refusal]:
    held = mapping(workload.pod_spec.get("resources"))
    places = {name: section for section in reversed(SECTIONS) for name in mapping(held.get(section))}
    for name, section in sorted(places.items()):
        if classify(name).kind != "unrelated" and not is_placeholder(name):
            yield Refusal(
                cluster=graph.scope.name,
                owner=owners.of(workload),
                kind="pod-level",
                container="",
                resource=name,
                suggestion="",
                at_once=workload.template.embeds,
                place=workload.holder.place(*workload.template.spec, "resources", section, name, token="key"),
            )
