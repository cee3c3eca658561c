"""Workloads that can meet on one time-sliced GPU: of whom, and with how much memory reserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from gpulint.config import Config
from gpulint.facts.candidates import certainty, least
from gpulint.facts.owner import Owners
from gpulint.facts.sharing.memory import Reservation, reservation
from gpulint.facts.values import Owner
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.landing import Candidate
from gpulint.graph.offers import Offer
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.tree import get, is_placeholder, mapping
from gpulint.manifest import Place, place_key

_MOST_PODS = 100
"""Pods on one GPU that are added up: more of them reserve more than all of it anyway."""
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@frozen
class Guest:
    """A workload among those that can meet."""

    label: str
    told: str
    """What it brings: `of tenant alpha`, `reserves 90 %`."""
    place: Place


@frozen
class Tenancy:
    """Workloads of several tenants that can meet on one time-sliced GPU."""

    cluster: str
    resource: str
    tenants: tuple[str, ...]
    """Sorted: namespaces, or values of the label that the configuration names."""
    guests: tuple[Guest, ...]
    """One workload of each tenant, sorted by tenant."""
    matters: bool
    """Whether a quota, a LimitRange or a tenant label shows that the tenants are kept apart."""
    confidence: str
    place: Place
    """Where the sharing is decided."""


@frozen
class Crowd:
    """Servers that can meet on one time-sliced GPU, with the memory that they reserve."""

    cluster: str
    resource: str
    units: int
    """Units per GPU, 0 when unknown."""
    percent: int
    """What the greediest of them reserve together, in percent of the memory: as many pods as fit on one GPU."""
    pods: int
    """How many pods these are."""
    servers: tuple[Guest, ...]
    """The workloads they belong to; the greediest first."""
    names: tuple[str, ...]
    confidence: str
    place: Place
    """The fraction that the greediest reserves, else its arguments."""
    sharing_place: Place


@frozen
class _Member:
    workload: Workload
    asked: Asked
    owner: Owner
    candidate: Candidate
    offer: Offer

    @property
    def place(self) -> Place:
        return self.workload.place(self.asked.container, self.asked.entry.path)

    @property
    def confidence(self) -> Confidence:
        """Low where nothing says that the nodes with the label it asks for take the only configuration there is."""
        guessed = not self.candidate.declared and self.candidate.governed.origin == "only-config"
        if guessed and self.offer.told_by == "config" and self.candidate.group.labels:
            return "low"
        return least("high" if self.candidate.declared else "medium", certainty(self.candidate, self.offer))


@frozen
class _Spot:
    """A declared node or pool that is time-sliced, with the classes of those who can land there."""

    candidate: Candidate
    offer: Offer
    classes: list[Hashable]

    def kind(self) -> Hashable:
        """Equal for nodes that are shared alike by the same workloads: they have the same to tell."""
        place = place_key(self.offer.place) if self.offer.place else ()
        sure = certainty(self.candidate, self.offer)
        return tuple(self.classes), self.offer.resource, self.offer.replicas, place, sure


@frozen
class _Asker:
    workload: Workload
    asked: Asked
    owner: Owner


class Meetings:
    """The workloads that can meet, grouped by the nodes they share; made once for all facts."""

    def __init__(self, graph: Graph, owners: Owners) -> None:
        classes: dict[Hashable, tuple[list[Candidate], list[_Asker]]] = {}
        described: dict[Hashable, dict[int, _Member]] = {}
        for workload in graph.workloads:
            owner = owners.of(workload)
            if owner.workload_class == "system":
                continue
            candidates = graph.landing(workload).candidates
            declared = [each for each in candidates if each.declared]
            for asked in workload.asked:
                asker = _Asker(workload, asked, owner)
                alike = (tuple(map(id, declared)), asked.name)  # of many workloads few land on different nodes
                classes.setdefault(alike, (declared, []))[1].append(asker)
                for candidate in candidates[len(declared) :]:
                    offer = candidate.offers.get(asked.name)
                    if offer is not None and offer.sharing == "time-slicing":
                        member = _Member(workload, asked, owner, candidate, offer)
                        described.setdefault(_described(candidate, offer), {})[id(asked)] = member
        self.all = (*_on_declared(classes), *(tuple(members.values()) for members in described.values()))


def _on_declared(classes: Mapping[Hashable, tuple[list[Candidate], list[_Asker]]]) -> Iterator[tuple[_Member, ...]]:
    spots: dict[Hashable, _Spot] = {}
    for alike, (declared, askers) in classes.items():
        resource = askers[0].asked.name
        for candidate in declared:
            offer = candidate.offers.get(resource)
            if offer is not None and offer.sharing == "time-slicing":
                spot = spots.setdefault((id(candidate), resource), _Spot(candidate, offer, []))
                spot.classes.append(alike)
    for spot in {each.kind(): each for each in spots.values()}.values():
        askers = [asker for alike in spot.classes for asker in classes[alike][1]]
        yield tuple(_Member(each.workload, each.asked, each.owner, spot.candidate, spot.offer) for each in askers)


def _described(candidate: Candidate, offer: Offer) -> Hashable:
    """Equal for the nodes that equal selectors ask for."""
    labels = tuple(sorted((key, label.value) for key, label in candidate.group.labels.items()))
    place = place_key(offer.place) if offer.told_by == "config" and offer.place else ()
    return labels, place, offer.resource


# --- tenants ----------------------------------------------------------------------------------------------------------


def tenancies(graph: Graph, meetings: Meetings, config: Config) -> Iterator[Tenancy]:
    """One fact per set of nodes where several tenants can meet."""
    tenants = Tenants(graph, config.tenant_label)
    for members in meetings.all:
        first: dict[str, _Member] = {}
        for member in members:
            tenant = tenants.of(member.workload)
            if tenant and (tenant not in first or _surer(member, first[tenant])):
                first[tenant] = member
        if len(first) < 2:
            continue
        named = sorted(first.items())
        yield Tenancy(
            cluster=graph.scope.name,
            resource=members[0].offer.resource,
            tenants=tuple(tenant for tenant, _ in named),
            guests=tuple(Guest(each.owner.label, f"of tenant {tenant}", each.place) for tenant, each in named),
            matters=tenants.matter(each.workload.namespace for _, each in named),
            confidence=_second_surest([each for _, each in named]),
            place=members[0].offer.place or named[0][1].place,
        )


def _surer(one: _Member, other: _Member) -> bool:
    return CONFIDENCES.index(one.confidence) < CONFIDENCES.index(other.confidence)


def _second_surest(members: Sequence[_Member]) -> Confidence:
    """It takes two to meet."""
    return sorted((each.confidence for each in members), key=CONFIDENCES.index)[1]


class Tenants:
    """Whose a workload is: the label that the configuration names decides, else the namespace."""

    def __init__(self, graph: Graph, label: str) -> None:
        self._graph = graph
        self._label = label
        self._of_namespace = (
            {each.name: _value(each.get("metadata", "labels"), label) for each in graph.of_kind("Namespace")}
            if label
            else {}
        )
        self._profiles = {each.name for each in graph.of_kind("Profile", "kubeflow.org")}
        self._cluster_quotas = any(True for _ in graph.of_kind("ClusterResourceQuota", "quota.openshift.io"))

    def of(self, workload: Workload) -> str:
        """Empty when unknown."""
        namespace = "" if is_placeholder(workload.namespace) else workload.namespace
        if not self._label:
            return namespace
        written = (workload.pod_labels, workload.labels)
        own = next((value for labels in written if (value := _value(labels, self._label))), "")
        return own or self._of_namespace.get(namespace, "")

    def matter(self, namespaces: Iterable[str]) -> bool:
        """Whether anything shows that the tenants are kept apart."""
        if self._label or self._cluster_quotas:
            return True
        return any(
            namespace in self._profiles
            or self._graph.in_namespace(namespace, "ResourceQuota")
            or self._graph.in_namespace(namespace, "LimitRange")
            for namespace in namespaces
        )


def _value(labels: object, key: str) -> str:
    value = mapping(labels).get(key)
    return value if isinstance(value, str) and not is_placeholder(value) else ""


# --- memory -----------------------------------------------------------------------------------------------------------


def crowds(graph: Graph, meetings: Meetings) -> Iterator[Crowd]:
    """One fact per set of nodes where servers can meet that reserve memory."""
    known: dict[tuple[int, str], Reservation | None] = {}
    for members in meetings.all:
        servers: list[tuple[_Member, Reservation]] = []
        for member in members:
            key = (id(member.workload), str(member.asked.container.path))
            if key not in known:
                known[key] = reservation(member.workload, member.asked)
            if found := known[key]:
                servers.append((member, found))
        if servers:
            yield _crowd(graph, sorted(servers, key=lambda each: (-each[1].percent, each[0].owner.label)))


def _crowd(graph: Graph, servers: Sequence[tuple[_Member, Reservation]]) -> Crowd:
    """Of the servers, the greediest first: as many pods as there are units of one GPU."""
    greediest, first = servers[0]
    units = greediest.offer.replicas
    counted = min(max(units, 2), _MOST_PODS)
    pods = [
        index
        for index, (member, _) in enumerate(servers[:counted])
        for _ in range(min(_pods_of_one_node(member), counted))
    ][:counted]
    inside = [(*servers[index], count) for index, count in sorted(Counter(pods).items())]
    return Crowd(
        cluster=graph.scope.name,
        resource=greediest.offer.resource,
        units=units,
        percent=sum(found.percent * count for _, found, count in inside),
        pods=len(pods),
        servers=tuple(Guest(member.owner.label, _told(found, count), found.place) for member, found, count in inside),
        names=tuple(dict.fromkeys(member.owner.label for member, _, _ in inside)),
        confidence=least(*(member.confidence for member, _, _ in inside)),
        place=first.place,
        sharing_place=greediest.offer.place or greediest.place,
    )


def _pods_of_one_node(member: _Member) -> int:
    """At most; one where the pods keep away from pods, whichever these are."""
    avoided = get(member.workload.pod_spec, ("affinity", "podAntiAffinity", _REQUIRED))
    return 1 if avoided else max(member.owner.replicas, 1)


def _told(found: Reservation, pods: int) -> str:
    each = f"each of {pods} pods" if pods > 1 else "it"
    by_default = "" if found.stated else ", the default"
    return f"{found.engine}: {each} reserves {found.percent} %{by_default}"
