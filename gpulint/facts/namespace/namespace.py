"""Namespaces with GPU workloads, and what keeps these within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpulint.config import Config
from gpulint.facts.isolation.tenant import is_of_the_cluster
from gpulint.facts.namespace.quota import ACCELERATORS, REQUESTS, Quotas
from gpulint.facts.operator.rivals import togetherness
from gpulint.facts.owner import Owners
from gpulint.facts.request.request import Request
from gpulint.facts.sharing.meeting import Tenants
from gpulint.finding import CONFIDENCES
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.kustomize import builds
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import is_placeholder, text
from gpulint.manifest import Manifest, Place


@frozen
class NamespaceFact:
    """A namespace that holds GPU workloads."""

    cluster: str
    name: str
    has_limit_range: bool
    """Whether a LimitRange of the input stands in it, or may: one without a namespace."""
    limits_known: bool
    """Whether all LimitRanges of the cluster are in the input."""
    sharers: tuple[str, ...]
    """The workloads in it whose every known candidate shares its GPUs, sorted; none that serve the cluster itself."""
    sharer: str
    """The one of them that is surest; empty when there is none."""
    certain: bool
    """Whether that one can land on shared GPUs only; else it may."""
    sharer_confidence: str
    """How sure that is."""
    users: tuple[str, ...]
    """The workloads in it that ask for accelerators, sorted; none that serve the cluster itself or are tests."""
    has_quota: bool
    """Whether a quota of the input is about its accelerators, or may be; a queue or quota of a scheduler too."""
    quota_peers: tuple[str, ...]
    """Other namespaces with a quota about accelerators, sorted."""
    multi_tenant: bool
    """Whether workloads of several tenants ask for GPUs, and something shows that they are kept apart."""
    evident: tuple[str, ...]
    """Search spaces that their author evidently speaks of: quotas, where other namespaces of the cluster have them."""
    place: Place
    """The Namespace object's name, else the namespace of the first such workload."""
    sharer_place: Place
    """What it asks for."""
    user_place: Place
    """What the first of `users` asks for; without them that of any workload."""
    quota_place: Place
    """The quota of one of `quota_peers` that belongs to the same cluster; without one the namespace."""


def namespaces(
    graph: Graph, requests: Sequence[Request], owners: Owners, quotas: Quotas, config: Config
) -> Iterator[NamespaceFact]:
    """One fact per known namespace with GPU workloads."""
    objects = {each.name: each for each in graph.of_kind("Profile", "kubeflow.org")}  # each makes its namespace
    objects.update((each.name, each) for each in graph.of_kind("Namespace"))
    anywhere = bool(graph.in_namespace("", "LimitRange"))
    bounds = _Bounds(graph, owners, quotas, config)
    named_by = _namespace_places(graph)
    by_namespace: dict[str, list[Request]] = {}
    for request in requests:
        if request.workload.namespace:
            by_namespace.setdefault(request.workload.namespace, []).append(request)
    for name, inside in sorted(by_namespace.items()):
        if is_placeholder(name):
            continue
        sharing = sorted(filter(_shares, inside), key=_surest_first)
        users = bounds.users.get(name, ())
        place = objects[name].place("metadata", "name") if name in objects else named_by[name]
        peer = bounds.peer(name, place)
        using = [each for each in inside if each.workload.label in users]
        yield NamespaceFact(
            cluster=graph.scope.name,
            name=name,
            has_limit_range=anywhere or bool(graph.in_namespace(name, "LimitRange")),
            limits_known=graph.spaces["limits"] == "complete",
            sharers=tuple(sorted({each.workload.label for each in sharing})),
            sharer=sharing[0].workload.label if sharing else "",
            certain=bool(sharing) and sharing[0].candidates.only,
            sharer_confidence=sharing[0].candidates.sharing_confidence if sharing else "low",
            users=tuple(sorted(set(users))),
            has_quota=bounds.may_hold(name),
            quota_peers=tuple(each for each in bounds.limited if each != name),
            multi_tenant=bounds.multi_tenant,
            evident=("quotas",) if peer else (),
            place=place,
            sharer_place=(sharing or inside)[0].place,
            user_place=min(using or inside, key=lambda each: each.workload.label).place,
            quota_place=peer or place,
        )


def _shares(request: Request) -> bool:
    return request.candidates.shared == "all" and request.units > 0 and request.workload.workload_class != "system"


def _surest_first(request: Request) -> tuple[int, str]:
    return CONFIDENCES.index(request.candidates.sharing_confidence), request.workload.label


def _namespace_places(graph: Graph) -> dict[str, Place]:
    """Namespace → the first workload's `metadata.namespace`."""
    places: dict[str, Place] = {}
    for workload in graph.workloads:
        places.setdefault(workload.namespace, workload.manifest.place("metadata", "namespace"))
    return places


class _Bounds:
    """Who may use how many accelerators, as far as quotas of the input say."""

    def __init__(self, graph: Graph, owners: Owners, quotas: Quotas, config: Config) -> None:
        self._graph = graph
        self._quotas = quotas
        self._builds = builds(graph.scope.sources)
        self._everywhere = any(_makes_quotas(each) for each in graph.manifests)
        self._queued = {_namespace(graph, each) for each in graph.manifests if each.kind in _QUEUES}
        self.limited = _limited(quotas)
        """Namespaces with a quota about accelerators that counts, and where it stands; sorted."""
        using = [each for each in graph.workloads if _uses(graph, owners, each)]
        self.users: dict[str, list[str]] = {}
        for each in using:
            self.users.setdefault(each.namespace, []).append(owners.of(each).label)
        tenants = Tenants(graph, config.tenant_label)
        several = len({tenants.of(each) for each in using} - {""}) > 1
        self.multi_tenant = several and tenants.matter([*self.users, *self.limited])

    def may_hold(self, namespace: str) -> bool:
        """Whether something limits the accelerators of a namespace, or may."""
        queued = not self._queued.isdisjoint({namespace, ""})
        return self._everywhere or queued or bool(self._quotas.named(namespace))

    def peer(self, namespace: str, place: Place) -> Place | None:
        """A quota of another namespace that ends up in the same cluster as what stands at a place."""
        others = (quota for name, quota in self.limited.items() if name != namespace)
        return next((each for each in others if togetherness(self._graph, self._builds, each, place) != "low"), None)


def _limited(quotas: Quotas) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for quota in quotas.all:
        for key, prefix, _ in quota.accelerators() if quota.namespace else ():
            if prefix == REQUESTS:
                found.setdefault(quota.namespace, quota.manifest.place(*quota.path, key, token="key"))
    return dict(sorted(found.items()))


def _makes_quotas(manifest: Manifest) -> bool:
    """Whether it makes quotas for namespaces that it does not name."""
    if manifest.group == "kyverno.io":
        return "ResourceQuota" in manifest.document.text
    return (manifest.group, manifest.kind) in _MAKERS


def _namespace(graph: Graph, manifest: Manifest) -> str:
    return manifest.namespace or graph.given_namespaces.get(manifest.document.source.path, "")


_MAKERS = frozenset({("capsule.clastix.io", "Tenant"), ("hnc.x-k8s.io", "HierarchicalResourceQuota")})
_QUEUES = frozenset({"LocalQueue", "ElasticQuota"})
"""Objects of a namespace by which Kueue and other schedulers limit what it may use."""


def _uses(graph: Graph, owners: Owners, workload: Workload) -> bool:
    """Not what serves the cluster, is a test, a template for others, or left to a scheduler with queues of its own."""
    if workload.template.kind is not None and workload.template.kind.is_template:
        return False
    if owners.of(workload).detail == "test" or is_of_the_cluster(graph, owners, workload):
        return False
    if text(workload.pod_spec.get("schedulerName")) not in {"", "default-scheduler"}:
        return False
    return any(asked.resource.kind in ACCELERATORS for asked in workload.asked)
