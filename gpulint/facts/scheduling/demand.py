"""What pods ask for against what nodes have: one pod against one node, all that run at once against a pool."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from gpulint.facts.candidates import certainty, least
from gpulint.facts.operator.rivals import togetherness
from gpulint.facts.owner import Owners
from gpulint.facts.request.request import Request
from gpulint.facts.values import Owner
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.capacity import units_of_all, units_per_node
from gpulint.graph.kustomize import Build, builds
from gpulint.graph.landing import Candidate, Landing
from gpulint.graph.queues import QUEUE_LABEL
from gpulint.graph.workloads import Workload
from gpulint.manifest import Place

_COUNTED = frozenset({"full", "shared", "mig", "mig-shared", "other-accelerator"})
_LASTING = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "Rollout", "InferenceService", "LeaderWorkerSet"})
"""Kinds whose pods run all the time, beside those of others."""


@frozen
class Demand:
    """What one pod asks for of a resource, all its containers together, against the largest node it can land on."""

    cluster: str
    owner: Owner
    resource: str
    units: int
    """0 when unknown."""
    containers: int
    """How many ask for it."""
    most: int
    """Units that the largest node advertises; 0 when none does, -1 when it is not known of one of them."""
    node: str
    """That node or pool: `MachineSet gpu-a100`; `nodes with node.kubernetes.io/instance-type=g5.xlarge`."""
    nodes: int
    """How many declared nodes and pools can take it otherwise; 0 when only its selector tells of them."""
    only: bool
    """Whether it can land on nothing else."""
    confidence: str
    place: Place
    """The amount, of several the largest."""
    node_place: Place
    """What tells of that node's GPUs."""


@frozen
class Consumer:
    """An object whose pods can only run on the pool."""

    label: str
    """`Deployment tenant-alpha/chat`."""
    told: str
    """`3 pods with 2 each`."""
    place: Place
    """What it asks for."""


@frozen
class Load:
    """The pods at once that can only run on the same nodes, against what these have."""

    cluster: str
    resource: str
    wanted: int
    has: int
    """What all nodes have together, at most."""
    pool: str
    """`MachineSet gpu-a100`, `Node gpu-1 and 3 more`."""
    size: str
    """How that is counted, as a clause: `2 nodes with 8 each`; empty where nodes differ."""
    consumers: tuple[Consumer, ...]
    """The greediest first."""
    confidence: str
    place: Place
    """The number of pods of the greediest, else what each of them asks for."""
    pool_place: Place
    """What tells of the GPUs of the first of the nodes."""


def demands(graph: Graph, owners: Owners, asked: Sequence[Request]) -> Iterator[Demand]:
    """One fact per workload and resource; `asked` are the requests of all workloads, in their order."""
    sizes = _Sizes(graph)
    for workload, requests in _by_workload(graph, asked):
        if workload.superseded or any(each.fraction_scheduler for each in requests):
            continue
        landing = graph.landing(workload)
        for resource, found in _by_resource(requests).items():
            units = workload.total(resource) or 0
            if units > 0 and landing.candidates:
                yield _demand(graph, owners.of(workload), landing, found, units, sizes)


def loads(graph: Graph, owners: Owners) -> Iterator[Load]:
    """One fact per set of nodes and resource where the amounts are known and somebody wants more than there is."""
    sizes = _Sizes(graph)
    users = _users(graph, owners, sizes)
    found = tuple(builds(graph.scope.sources))
    alike: dict[tuple[frozenset[int], str], list[int]] = {}  # of many users few are confined to other nodes
    for index, user in enumerate(users):
        alike.setdefault((user.on, user.resource), []).append(index)
    for on, resource in sorted(alike, key=lambda each: (len(each[0]), each[1])):
        within = (members for (nodes, name), members in alike.items() if name == resource and nodes <= on)
        inside = [users[index] for index in sorted(itertools.chain.from_iterable(within))]
        candidates = users[alike[on, resource][0]].candidates
        has = sizes.of_all(candidates, resource)
        if has >= 0:
            greedy, sure = _overload(graph, found, inside, on, candidates[0].group.place, has)
            if greedy:
                yield _load(graph, greedy, candidates, resource, has, sizes, sure)


class _Sizes:
    """Units of nodes; where nothing in the input shares GPUs, or may, a GPU is one unit."""

    def __init__(self, graph: Graph) -> None:
        configurations = graph.configurations
        named = any(each.plugin_config for each in configurations.installers)
        self._unshared = not configurations.plugin_configs and not named

    def per_node(self, candidate: Candidate, resource: str) -> int:
        return units_per_node(candidate, resource, unshared=self._unshared)

    def of_all(self, candidates: Iterable[Candidate], resource: str) -> int:
        """What all nodes have together; -1 when it is not known of one of them, or they are simulated."""
        by_group: dict[int, int] = {}
        for each in candidates:
            units = units_of_all(each, resource, unshared=self._unshared)
            if units < 0 or each.group.simulated or each.group.conditional:
                return -1
            by_group[id(each.group)] = max(units, by_group.get(id(each.group), 0))
        return sum(by_group.values())


# --- one pod ----------------------------------------------------------------------------------------------------------


def _by_workload(graph: Graph, asked: Iterable[Request]) -> Iterator[tuple[Workload, list[Request]]]:
    remaining = iter(asked)
    return ((workload, [next(remaining) for _ in workload.asked]) for workload in graph.workloads)


def _by_resource(requests: Iterable[Request]) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = {}
    for request in requests:
        if request.kind in _COUNTED:
            found.setdefault(request.resource, []).append(request)
    return found


def _demand(
    graph: Graph, owner: Owner, landing: Landing, requests: Sequence[Request], units: int, known: _Sizes
) -> Demand:
    resource = requests[0].resource
    greediest = max(requests, key=lambda each: each.units)
    sizes = [(known.per_node(each, resource), each) for each in landing.candidates]
    most, largest = max(sizes, key=lambda found: found[0])
    group = largest.group
    declared = {(group.kind, group.name) for _, each in sizes if each.declared for group in each.groups}
    return Demand(
        cluster=graph.scope.name,
        owner=owner,
        resource=resource,
        units=units,
        containers=sum(each.units > 0 for each in requests),
        most=-1 if any(size < 0 for size, _ in sizes) else most,
        node=group.title,
        nodes=len(declared),
        only=landing.bound,
        confidence=least(
            _of_all(landing), *(_sureness(each, resource) for _, each in sizes), _known(greediest.pod_confidence)
        ),
        place=greediest.place,
        node_place=group.hardware_place,
    )


def _of_all(landing: Landing) -> Confidence:
    """Of a statement about every node: those that nobody declared may be larger, unless its selector tells of them."""
    return "high" if landing.bound or not any(each.declared for each in landing.candidates) else "low"


def _sureness(candidate: Candidate, resource: str) -> Confidence:
    """Of the number of units of a node."""
    if candidate.group.exported and candidate.group.allocatable:
        return "high"
    offer = candidate.offers.get(resource)
    return "medium" if offer is None or offer.sharing == "unknown" else certainty(candidate, offer)


def _known(confidence: str) -> Confidence:
    return next(each for each in CONFIDENCES if each == confidence)


# --- a pool -----------------------------------------------------------------------------------------------------------


@frozen
class _User:
    """The pods of one template that can only run on declared nodes."""

    workload: Workload
    label: str
    resource: str
    each: int
    pods: int
    candidates: tuple[Candidate, ...]
    on: frozenset[int]
    """The identities of their groups."""

    @property
    def place(self) -> Place:
        path = self.workload.template.replicas_path
        if path is not None and self.pods > 1:
            return self.workload.holder.place(*path)
        return next(
            self.workload.place(asked.container, asked.entry.path)
            for asked in self.workload.asked
            if asked.name == self.resource
        )


def _users(graph: Graph, owners: Owners, sizes: _Sizes) -> list[_User]:
    found = []
    nodes: dict[Landing, frozenset[int]] = {}
    fitting: dict[tuple[Landing, str, int], bool] = {}
    for workload in graph.workloads:
        template, landing = workload.template, graph.landing(workload)
        is_template = template.kind is not None and template.kind.is_template
        if landing not in nodes:
            nodes[landing] = _confining(landing)
        if not nodes[landing] or workload.superseded or template.alternative or is_template or _is_queued(workload):
            continue
        for resource in sorted({each.name for each in workload.asked if each.resource.kind in _COUNTED}):
            each, pods = workload.total(resource), template.replicas
            if not each or not pods:
                continue
            alike = (landing, resource, each)
            if alike not in fitting:
                fitting[alike] = any(sizes.per_node(one, resource) >= each for one in landing.candidates)
            if fitting[alike]:  # of a pod that fits no node there is something else to say
                label = owners.of(workload).label
                found.append(_User(workload, label, resource, each, pods, landing.candidates, nodes[landing]))
    return found


def _confining(landing: Landing) -> frozenset[int]:
    """The identities of the declared nodes that are all it can land on; empty where there may be others."""
    if not landing.bound or not all(each.declared for each in landing.candidates):
        return frozenset()
    return frozenset(id(candidate.group) for candidate in landing.candidates)


def _is_queued(workload: Workload) -> bool:
    """Whether it waits for its turn."""
    return QUEUE_LABEL in workload.pod_labels or QUEUE_LABEL in workload.labels


def _overload(
    graph: Graph, found: Sequence[Build], users: Sequence[_User], on: frozenset[int], pool: Place, has: int
) -> tuple[Sequence[_User], Confidence]:
    """Who wants too much: one object alone, else all together that run for good; nobody where there is enough."""
    objects = [each for each in _objects(users) if _meeting(graph, found, pool, each) != "low"]
    alone = [each for each in objects if (_is_lasting(each) or _is_gang(each)) and _wanted(each) > has]
    if alone:
        greediest = max(alone, key=_wanted)
        return (greediest, "high") if any(each.on == on for each in greediest) else ((), "low")
    lasting = [member for each in objects if _is_lasting(each) for member in each]
    if _wanted(lasting) <= has or not any(each.on == on for each in lasting):
        return (), "low"
    return lasting, "medium"  # some may be alternatives


def _objects(users: Iterable[_User]) -> list[list[_User]]:
    """The users by object; of several definitions of one object the greediest."""
    by_manifest: dict[int, list[_User]] = {}
    for user in users:
        by_manifest.setdefault(id(user.workload.manifest), []).append(user)
    by_identity: dict[tuple[str, str, str], list[_User]] = {}
    for found in sorted(by_manifest.values(), key=_wanted):
        manifest = found[0].workload.manifest
        by_identity[manifest.kind, found[0].workload.namespace, manifest.name] = found
    return sorted(by_identity.values(), key=lambda each: (-_wanted(each), each[0].label))


def _wanted(users: Iterable[_User]) -> int:
    return sum(user.pods * user.each for user in users)


def _greed(user: _User) -> tuple[int, str]:
    return -user.pods * user.each, user.label


def _is_lasting(users: Sequence[_User]) -> bool:
    return users[0].workload.manifest.kind in _LASTING


def _is_gang(users: Sequence[_User]) -> bool:
    """Whether its pods work on one task, so that none is of use before all run; others wait for those before them."""
    kind = users[0].workload.template.kind
    return kind is not None and kind.gang


def _meeting(graph: Graph, found: Sequence[Build], pool: Place, users: Sequence[_User]) -> Confidence:
    return togetherness(graph, found, pool, users[0].workload.manifest.place("metadata", "name"))


def _load(
    graph: Graph,
    users: Sequence[_User],
    candidates: Sequence[Candidate],
    resource: str,
    has: int,
    sizes: _Sizes,
    sure: Confidence,
) -> Load:
    ordered = sorted(users, key=_greed)
    known = "high" if graph.spaces["nodes"] == "complete" else "medium"
    titles = sorted({group.title for candidate in candidates for group in candidate.groups})
    return Load(
        cluster=graph.scope.name,
        resource=resource,
        wanted=_wanted(users),
        has=has,
        pool=titles[0] if len(titles) == 1 else f"{titles[0]} and {len(titles) - 1} more",
        size=_size(candidates, resource, has, sizes),
        consumers=tuple(Consumer(each.label, _told(each), each.place) for each in ordered),
        confidence=least(sure, _known(known), *(_sureness(each, resource) for each in candidates)),
        place=ordered[0].place,
        pool_place=candidates[0].group.hardware_place,
    )


def _told(user: _User) -> str:
    return f"{user.pods} pods with {user.each} each" if user.pods > 1 else f"one pod with {user.each}"


def _size(candidates: Sequence[Candidate], resource: str, has: int, known: _Sizes) -> str:
    """How the units are counted, where all nodes have the same number."""
    sizes = {known.per_node(each, resource) for each in candidates}
    nodes = sum(each.group.most * len(each.groups) for each in candidates)
    each = sizes.pop() if len(sizes) == 1 else 0
    if each <= 0 or nodes * each != has:
        return ""
    return f"{nodes} nodes with {each} each" if nodes > 1 else "one node"
