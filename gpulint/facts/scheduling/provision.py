"""What workloads need that Karpenter never provides: it makes nodes for what it knows before they exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.karpenter import KARPENTER
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.selectors import Requirement, matches
from gpulint.kube.taints import untolerated
from gpulint.manifest import Place

_RUNTIME_LABELS = ("nvidia.com/", "feature.node.kubernetes.io/")
"""Labels that discovery gives a node once it runs: no provider knows them before
(karpenter pkg/scheduling/requirements.go, Compatible)."""
_NEEDING = frozenset({"In", "Exists", "Gt", "Lt"})
_UNKNOWN_TO_KARPENTER = frozenset({"shared", "mig", "mig-shared"})


@frozen
class Provision:
    """Something a workload needs that no Karpenter pool of the input offers, where it declares no other GPU nodes."""

    cluster: str
    owner: Owner
    kind: str
    """`label` or `resource`."""
    name: str
    """`nvidia.com/gpu.product=Tesla-T4`, `nvidia.com/mig-1g.5gb`."""
    pools: tuple[str, ...]
    """The pools that would take it otherwise, sorted: `NodePool gpu`."""
    confidence: str
    place: Place
    """The label's value, or the resource's name."""
    pool_place: Place
    """The first of these pools."""


def provisions(graph: Graph, owners: Owners) -> Iterator[Provision]:
    """One fact per label and resource of each workload."""
    pools = [group for group in graph.nodes.groups if group.autoscaler == KARPENTER]
    if not pools or any(_may_serve(group) for group in graph.nodes.groups):
        return
    sure = "high" if graph.spaces["nodes"] == "complete" else "medium"
    for workload in graph.workloads:
        if workload.superseded or workload.placement.node_name:
            continue
        for kind, name, place in (*_labels(workload, pools), *_resources(workload, pools)):
            taking = [pool for pool in pools if pool.has_gpu and _takes(pool, workload)]
            if taking:
                yield Provision(
                    cluster=graph.scope.name,
                    owner=owners.of(workload),
                    kind=kind,
                    name=name,
                    pools=tuple(sorted({pool.title for pool in taking})),
                    confidence=sure,
                    place=place,
                    pool_place=taking[0].place,
                )


def _may_serve(group: NodeGroup) -> bool:
    """Whether it is nodes that Karpenter does not make, and that may have GPUs."""
    return group.autoscaler != KARPENTER and not group.conditional and group.may_have_gpu


def _labels(workload: Workload, pools: Sequence[NodeGroup]) -> Iterator[tuple[str, str, Place]]:
    """The labels that stand in the way: one of each alternative, where all of them have one."""
    placement = workload.placement
    found = []
    for term in placement.terms or ((),):
        missing = next((each for each in (*placement.node_selector, *term) if _is_missing(each, pools)), None)
        if missing is None:
            return
        found.append(missing)
    for each in {each.path: each for each in found}.values():
        yield "label", _told(each), workload.spec_place(each.value_path)


def _is_missing(requirement: Requirement, pools: Sequence[NodeGroup]) -> bool:
    """Whether it needs a label that only running nodes have, and no pool of the input gives one to its nodes."""
    if requirement.is_field or requirement.uncertain or requirement.operator not in _NEEDING:
        return False
    return requirement.key.startswith(_RUNTIME_LABELS) and not any(_defines(pool, requirement.key) for pool in pools)


def _defines(pool: NodeGroup, key: str) -> bool:
    return key in pool.labels or key in pool.possible.values or key in pool.possible.excluded


def _told(requirement: Requirement) -> str:
    if requirement.operator == "In":
        return " or ".join(f"{requirement.key}={value}" for value in requirement.values)
    return f"{requirement.key} {requirement.operator} {' '.join(requirement.values)}".strip()


def _resources(workload: Workload, pools: Sequence[NodeGroup]) -> Iterator[tuple[str, str, Place]]:
    seen: set[str] = set()
    for asked in workload.asked:
        overlaid = any(asked.name in pool.allocatable for pool in pools)
        if asked.resource.kind in _UNKNOWN_TO_KARPENTER and not overlaid and asked.name not in seen:
            seen.add(asked.name)
            yield "resource", asked.name, _name_place(workload, asked)


def _name_place(workload: Workload, asked: Asked) -> Place:
    return workload.place(asked.container, asked.entry.path, key=True)


def _takes(pool: NodeGroup, workload: Workload) -> bool:
    """Whether the pool would take it but for labels that only running nodes have."""
    placement = workload.placement
    if untolerated(pool.taints, placement.tolerations):
        return False
    return any(
        matches([each for each in (*placement.node_selector, *term) if not _is_runtime(each)], pool.possible) != "no"
        for term in placement.terms or ((),)
    )


def _is_runtime(requirement: Requirement) -> bool:
    return requirement.key.startswith(_RUNTIME_LABELS)
