"""Rolling updates of Deployments whose pods hold GPUs: is there one more for the pod that comes first?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gpulint.facts.candidates import least
from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.offers import SHARED
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import mapping
from gpulint.manifest import Place
from gpulint.untrusted import number

_DEFAULT = "25%"
"""Of `maxSurge` and `maxUnavailable` (k8s.io/kubernetes pkg/apis/apps/v1/defaults.go, SetDefaults_Deployment)."""
_PERCENT = re.compile(r"([0-9]{1,4})%")
_LASTING = frozenset({"Deployment", "StatefulSet"})


@frozen
class Rollout:
    """A Deployment that starts a new pod before it stops an old one, on nodes whose units are all counted."""

    cluster: str
    owner: Owner
    resource: str
    per_pod: int
    """Units that one pod asks for."""
    free: int
    """Units of those nodes that neither this Deployment nor others confined to them hold."""
    units: int
    """All units of those nodes."""
    nodes: str
    """`Node gpu-1`, `Node gpu-1 and 2 more`."""
    stated: bool
    """Whether the strategy is written; else it is the default."""
    confidence: str
    place: Place
    """`maxUnavailable`, or where it would be."""
    node_place: Place
    """What tells of the GPUs of the first of them."""


def rollouts(graph: Graph, owners: Owners) -> Iterator[Rollout]:
    """One fact per Deployment that can run on nodes of known size only."""
    lasting = [each for each in graph.workloads if each.manifest.kind in _LASTING and not each.superseded]
    confined = {id(each): _confined(graph, each) for each in lasting}
    for workload in lasting:
        names = {asked.name for asked in workload.asked}
        if not _starts_first(workload) or len(names) != 1:
            continue
        resource = names.pop()
        alike = confined[id(workload)]
        units = _units(graph, alike.values(), resource)
        per_pod = _per_pod(workload, resource)
        if not units or not _fits(graph, workload, alike.values(), resource):
            continue
        others = [
            each
            for each in lasting
            if confined[id(each)].keys() <= alike.keys() and _fits(graph, each, confined[id(each)].values(), resource)
        ]
        held = _held(others, resource)
        groups = [group for each in alike.values() for group in each]
        first = groups[0]
        strategy = ("spec", "strategy", "rollingUpdate", "maxUnavailable")
        rest = f" and {len(groups) - 1} more" if len(groups) > 1 else ""
        sure: Confidence = "high" if graph.spaces["nodes"] == "complete" else "medium"
        yield Rollout(
            cluster=graph.scope.name,
            owner=owners.of(workload),
            resource=resource,
            per_pod=per_pod,
            free=max(units - held, 0),
            units=units,
            nodes=first.title + rest,
            stated=workload.manifest.get(*strategy) is not None,
            confidence=least(sure, "high" if all(group.describes for group in groups) else "medium"),
            place=workload.manifest.place(*strategy),
            node_place=first.hardware_place,
        )


def _starts_first(workload: Workload) -> bool:
    """Whether no pod may be missing during an update (pkg/controller/deployment/util, ResolveFenceposts)."""
    manifest, replicas = workload.manifest, workload.template.replicas
    if (manifest.group, manifest.kind) != ("apps", "Deployment") or not replicas or workload.at_most != replicas:
        return False
    strategy = mapping(manifest.get("spec", "strategy"))
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    limits = mapping(strategy.get("rollingUpdate"))
    unavailable = _share(limits.get("maxUnavailable", _DEFAULT), replicas, up=False)
    surge = _share(limits.get("maxSurge", _DEFAULT), replicas, up=True)
    return unavailable == 0 and bool(surge)


def _share(value: object, replicas: int, *, up: bool) -> int | None:
    """A number of pods, or a percentage of them; None when it cannot be read."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if percent is None:
        return None
    part = number(percent[1]) * replicas / 100
    return math.ceil(part) if up else math.floor(part)


# --- what there is ----------------------------------------------------------------------------------------------------


def _confined(graph: Graph, workload: Workload) -> Mapping[int, tuple[NodeGroup, ...]]:
    """The declared nodes that it can run on, where it can run on no others; those that are alike by the first."""
    landing = graph.landing(workload)
    if not landing.bound or not all(candidate.declared for candidate in landing.candidates):
        return {}
    return {id(candidate.group): candidate.groups for candidate in landing.candidates}


def _units(graph: Graph, classes: Iterable[Sequence[NodeGroup]], resource: str) -> int:
    """What they advertise of a resource together; 0 when it is not known of one of them, or more may be made."""
    total = 0
    for group, *others in classes:
        counted = group.count if group.kind != "Node" else 1
        if counted < 1 or group.autoscaler or group.conditional or (group.kind != "Node" and group.most != counted):
            return 0
        each = {_units_of_one(candidate, group, resource) for candidate in graph.nodes.candidates(group)}
        if len(each) != 1 or 0 in each:
            return 0
        total += each.pop() * counted * (1 + len(others))
    return total


def _units_of_one(candidate: Candidate, group: NodeGroup, resource: str) -> int:
    if group.exported:
        return group.allocatable.get(resource, 0)
    offer = candidate.offers.get(resource)
    if offer is None or offer.profile or group.gpus_per_node < 1:
        return 0
    if offer.sharing == "none":
        return group.gpus_per_node
    return group.gpus_per_node * offer.replicas if offer.sharing in SHARED else 0


def _fits(graph: Graph, workload: Workload, classes: Iterable[Sequence[NodeGroup]], resource: str) -> bool:
    """Whether it asks for the resource, and one of the nodes has enough for a pod: else there are none to replace."""
    sizes = (_units_of_one(each, group, resource) for group, *_ in classes for each in graph.nodes.candidates(group))
    return 0 < _per_pod(workload, resource) <= max(sizes, default=0)


def _held(workloads: Sequence[Workload], resource: str) -> int:
    """What they hold together; one that is written several times counts once."""
    held: dict[tuple[str, ...], int] = {}
    for workload in workloads:
        manifest = workload.manifest
        identity = (manifest.kind, workload.namespace, manifest.name, workload.template.role)
        held[identity] = (workload.template.replicas or 0) * _per_pod(workload, resource)
    return sum(held.values())


def _per_pod(workload: Workload, resource: str) -> int:
    """What one pod asks for; 0 when unknown."""
    return workload.total(resource) or 0
