"""Workloads as a whole: where they can run at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.graph import Graph
from gpulint.graph.landing import Excluded
from gpulint.graph.workloads import Workload
from gpulint.manifest import Place


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A declared node or pool that cannot take the workload."""

    name: str
    """`MachineSet gpu-a100`."""
    reason: str
    """`nvidia.com/gpu-sharing is 'mig', not 'full'`."""
    place: Place
    """Where the node or pool is declared."""


@dataclass(frozen=True, slots=True)
class WorkloadFact:
    """A pod template that asks for an accelerator."""

    cluster: str
    owner: Owner
    selects: bool
    """Whether anything but taints narrows its nodes."""
    no_node: bool
    """Whether every declared node and pool with GPUs is excluded (and there is at least one)."""
    exclusions: tuple[Exclusion, ...]
    """Why, one for each declared node or pool with GPUs."""
    evident: tuple[str, ...]
    """Search spaces the author evidently speaks of: it selects by labels, or tolerates by taints, of declared nodes."""
    selector_place: Place
    """The value that excludes the first of them."""
    place: Place
    """The name of the object."""


def workload_facts(graph: Graph, owners: Owners) -> Iterator[WorkloadFact]:
    """One fact per workload."""
    labels = frozenset(key for group in graph.nodes.groups for key in group.labels)
    taints = frozenset(taint.key for group in graph.nodes.groups for taint in group.taints)
    for workload in graph.workloads:
        landing = graph.landing(workload)
        excluded = [each for each in landing.excluded if each.group.has_gpu and each.group.kind != "ResourceFlavor"]
        no_node = bool(excluded) and not any(candidate.declared for candidate in landing.candidates)
        open_ = _has_open_group(graph, workload, excluded)
        yield WorkloadFact(
            cluster=graph.scope.name,
            owner=owners.of(workload),
            selects=workload.placement.selects,
            no_node=no_node and not open_,
            exclusions=_distinct(excluded),
            evident=("nodes",) if _speaks_of_nodes(workload, excluded, labels, taints) else (),
            selector_place=_selector_place(workload, excluded),
            place=workload.manifest.place("metadata", "name"),
        )


def _has_open_group(graph: Graph, workload: Workload, excluded: list[Excluded]) -> bool:
    """True when a declared node or pool is neither excluded nor known to be without GPUs."""
    out = {id(each.group) for each in graph.landing(workload).excluded}
    return not excluded or any(id(group) not in out for group in graph.nodes.groups)


def _speaks_of_nodes(
    workload: Workload, excluded: list[Excluded], labels: frozenset[str], taints: frozenset[str]
) -> bool:
    """True when every label that excludes is one that declared nodes carry, and it asks for any node in particular."""
    missed = {each.mismatch.key for each in excluded if each.mismatch}
    asks = missed or any(toleration.key in taints for toleration in workload.placement.tolerations)
    return bool(asks) and missed <= labels


def _distinct(excluded: list[Excluded]) -> tuple[Exclusion, ...]:
    found = {
        (each.group.kind, each.group.name): Exclusion(
            f"{each.group.kind} {each.group.name}", each.reason, each.group.place
        )
        for each in excluded
    }
    return tuple(found[key] for key in sorted(found))


def _selector_place(workload: Workload, excluded: list[Excluded]) -> Place:
    first = next((each.mismatch for each in excluded if each.mismatch), None)
    return workload.spec_place(first.path) if first else workload.spec_place(("tolerations",))
