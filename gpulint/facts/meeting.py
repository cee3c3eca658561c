"""Workloads that can meet on one time-sliced GPU: of whom, and with how much memory reserved."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.config import Config
from gpulint.facts.candidates import certainty, least
from gpulint.facts.memory import Reservation, reservation
from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.graph import Graph
from gpulint.graph.landing import Candidate
from gpulint.graph.offers import Offer
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.tree import get, is_placeholder, mapping
from gpulint.manifest import Place, place_key


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Guest:
    """A workload among those that can meet."""

    label: str
    told: str
    """What it brings: `of tenant alpha`, `reserves 90 %`."""
    place: Place


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
        if not self.candidate.declared and self.candidate.governed.origin == "only-config":
            if self.offer.told_by == "config" and self.candidate.group.labels:
                return "low"
        return least("high" if self.candidate.declared else "medium", certainty(self.candidate, self.offer))


class Meetings:
    """The workloads that can meet, grouped by the nodes they share; made once for all facts."""

    def __init__(self, graph: Graph, owners: Owners) -> None:
        self._graph = graph
        groups: dict[Hashable, dict[tuple[int, str], _Member]] = {}
        for workload in graph.workloads:
            owner = owners.of(workload)
            if owner.workload_class == "system":
                continue
            for asked in workload.asked:
                for candidate in graph.landing(workload).candidates:
                    offer = candidate.offers.get(asked.name)
                    if offer is not None and offer.sharing == "time-slicing":
                        member = _Member(workload, asked, owner, candidate, offer)
                        key = (id(workload), str(asked.container.path))
                        groups.setdefault(_nodes(candidate, offer), {})[key] = member
        self.all = tuple(tuple(members.values()) for members in groups.values() if members)


def _nodes(candidate: Candidate, offer: Offer) -> Hashable:
    """Equal for candidates that are the same nodes: one declared group, or what equal selectors ask for."""
    if candidate.declared:
        return "declared", id(candidate.group), offer.resource
    labels = tuple(sorted((key, label.value) for key, label in candidate.group.labels.items()))
    place = place_key(offer.place) if offer.told_by == "config" and offer.place else ()
    return "described", labels, place, offer.resource


# --- tenants ----------------------------------------------------------------------------------------------------------


def tenancies(graph: Graph, meetings: Meetings, config: Config) -> Iterator[Tenancy]:
    """One fact per set of nodes where several tenants can meet."""
    tenants = _Tenants(graph, config.tenant_label)
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


class _Tenants:
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
        metadata = workload.template.metadata
        written = [workload.manifest.get(*path, "labels") for path in (metadata, ("metadata",)) if path is not None]
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
    member = servers[0][0]
    units = member.offer.replicas
    pods = [each for each in servers for _ in range(min(_pods_of_one_node(each[0]), max(units, 2)))]
    together = pods[: units or 2]
    inside = [each for each in servers if each in together]
    counts: Mapping[int, int] = {id(each[0]): sum(other is each for other in together) for each in inside}
    return Crowd(
        cluster=graph.scope.name,
        resource=member.offer.resource,
        units=units,
        percent=sum(found.percent for _, found in together),
        pods=len(together),
        servers=tuple(Guest(each.owner.label, _told(found, counts[id(each)]), found.place) for each, found in inside),
        names=tuple(dict.fromkeys(each.owner.label for each, _ in inside)),
        confidence=least(*(each.confidence for each, _ in inside)),
        place=servers[0][1].place,
        sharing_place=member.offer.place or member.place,
    )


def _pods_of_one_node(member: _Member) -> int:
    """At most; one where the pods keep away from pods, whichever these are."""
    avoided = get(member.workload.pod_spec, ("affinity", "podAntiAffinity", _REQUIRED))
    return 1 if avoided else max(member.owner.replicas, 1)


def _told(found: Reservation, pods: int) -> str:
    each = f"each of {pods} pods" if pods > 1 else "it"
    by_default = "" if found.stated else ", the default"
    return f"{found.engine}: {each} reserves {found.percent} %{by_default}"
