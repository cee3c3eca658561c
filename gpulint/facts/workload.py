"""Workloads as a whole: where they can run at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.graph import Graph
from gpulint.graph.landing import Excluded, names_nodes
from gpulint.graph.workloads import Workload
from gpulint.manifest import Place


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A declared node or pool that cannot take the workload, and how many more cannot for the same reason."""

    name: str
    """`MachineSet gpu-a100`, `Node gpu-1 and 7 more`."""
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
    excluded: int
    """How many declared nodes and pools with GPUs cannot take it."""
    exclusions: tuple[Exclusion, ...]
    """Why none can: the first few reasons, each with the nodes and pools that it holds for; empty when one can."""
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
            excluded=len({(each.group.kind, each.group.name) for each in excluded}),
            exclusions=_exclusions(excluded) if no_node else (),
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
    """True when it asks for nodes in particular, and for no label but those that declared nodes carry."""
    placement = workload.placement
    missed = {each.mismatch.key for each in excluded if each.mismatch}
    asked = {each.key for each in placement.requirements if each.operator in {"In", "Exists"}}
    selects = names_nodes(placement) and asked <= labels
    tolerates = any(toleration.key in taints for toleration in placement.tolerations)
    return missed <= labels and (bool(missed) or selects or tolerates)


def _exclusions(excluded: list[Excluded]) -> tuple[Exclusion, ...]:
    """The first few reasons, each with the first node or pool it holds for."""
    alike: dict[str, dict[str, Place]] = {}
    for each in sorted(excluded, key=lambda each: (each.group.kind, each.group.name)):
        alike.setdefault(each.reason, {}).setdefault(each.group.title, each.group.place)
    return tuple(
        Exclusion(title if len(places) == 1 else f"{title} and {len(places) - 1} more", reason, place)
        for reason, places in list(alike.items())[:_MOST_REASONS]
        for title, place in list(places.items())[:1]
    )


_MOST_REASONS = 8


def _selector_place(workload: Workload, excluded: list[Excluded]) -> Place:
    first = next((each.mismatch for each in excluded if each.mismatch), None)
    return workload.spec_place(first.path) if first else workload.spec_place(("tolerations",))
