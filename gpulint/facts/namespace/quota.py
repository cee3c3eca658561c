"""Quotas: what they count of the accelerators of a namespace, what they do not, and whether it is enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gpulint.facts.candidates import least
from gpulint.facts.isolation.tenant import is_of_the_cluster
from gpulint.facts.operator.rivals import togetherness
from gpulint.facts.owner import Owners
from gpulint.facts.patched import patched
from gpulint.facts.values import Amount, amount
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.kustomize import Build, builds
from gpulint.graph.scope import nearest
from gpulint.graph.workloads import Workload
from gpulint.kube.selectors import LabelSet, expression_requirements, matches, selector_requirements
from gpulint.kube.tree import Truth, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place

LIMITS = "limits."
REQUESTS = "requests."
ACCELERATORS = frozenset({"full", "shared", "mig", "mig-shared", "other-accelerator"})
"""The kinds of resource names that a device plugin advertises."""
_CLAIMED = ".deviceclass.resource.k8s.io/devices"
"""Behind the name of a DeviceClass: how a quota counts claims (KEP-4381)."""
_SELECTING = "ClusterResourceQuota"


@frozen
class QuotaUse:
    """A workload of a namespace with a quota, and what it asks for."""

    label: str
    """`Deployment physics/render`."""
    resource: str
    told: str
    """`3 pods with 2 each`."""
    place: Place


@frozen
class QuotaItem:
    """One GPU entry of a quota: of a ResourceQuota, or of a kind that is evaluated as one."""

    cluster: str
    quota: str
    """`ResourceQuota tenant-alpha/compute`."""
    key: str
    """As written: `limits.nvidia.com/gpu`."""
    resource: str
    """Without prefix."""
    prefix: str
    """`requests.`, `limits.` or empty."""
    counted_too: bool
    """Whether the same quota also has the key that counts, `requests.<resource>`."""
    other_scheduler: bool
    """Whether the input uses HAMi, whose scheduler reads quotas of its own."""
    amount: Amount
    uncounted: tuple[str, ...]
    """What pods of its namespaces ask for and no quota there names, sorted; told of its first entry that counts."""
    escapes: tuple[QuotaUse, ...]
    """One workload for each of these."""
    escape_confidence: str
    needed: int
    """Units that workloads of its namespaces need at once where that is more than the amount; else 0."""
    needs: tuple[QuotaUse, ...]
    """The workloads that need them, the greediest first."""
    needed_confidence: str
    place: Place
    """The key."""


_KINDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "ResourceQuota"): ("spec", "hard"),
    ("quota.openshift.io", "ClusterResourceQuota"): ("spec", "quota", "hard"),
    ("kubeflow.org", "Profile"): ("spec", "resourceQuotaSpec", "hard"),
}
"""Kind → where its amounts are; all three are evaluated as a ResourceQuota."""


@dataclass(frozen=True, slots=True, eq=False)
class Quota:
    """An object of one of these kinds."""

    manifest: Manifest
    path: tuple[str, ...]
    namespace: str
    """Empty when unknown, and of those that select namespaces."""

    @property
    def hard(self) -> Mapping[str, object]:
        return mapping(self.manifest.get(*self.path))

    @property
    def label(self) -> str:
        name = self.manifest.name
        inside = f"{self.namespace}/{name}" if self.namespace and self.manifest.kind != "Profile" else name
        return f"{self.manifest.kind} {inside}"

    def accelerators(self) -> Iterator[tuple[str, str, str]]:
        """Key, prefix and resource of the entries about accelerators."""
        return ((key, prefix, name) for key, prefix, name in self.entries() if classify(name).kind in ACCELERATORS)

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """Key, prefix and resource of every entry."""
        for key in self.hard:
            prefix = next((each for each in (LIMITS, REQUESTS) if key.startswith(each)), "")
            yield key, prefix, key.removeprefix(prefix)

    def classes(self) -> Iterator[str]:
        """The DeviceClasses of which it counts devices."""
        return (key.removesuffix(_CLAIMED) for key in self.hard if key.endswith(_CLAIMED))

    @property
    def is_scoped(self) -> bool:
        """Whether it counts only some of the pods."""
        return any(self.manifest.get(*self.path[:-1], field) for field in ("scopes", "scopeSelector"))

    def counts(self, workload: Workload) -> bool:
        """Whether it certainly counts the pods, as they name a priority class of its scope, or it has none."""
        expressions = self.manifest.get(*self.path[:-1], "scopeSelector", "matchExpressions")
        if not self.is_scoped:
            return True
        if self.manifest.get(*self.path[:-1], "scopes") or not isinstance(expressions, list):
            return False
        priority = text(workload.pod_spec.get("priorityClassName"))
        return all(
            each.get("scopeName") == "PriorityClass"
            and each.get("operator") == "In"
            and priority in map(text, sequence(each.get("values")))
            for _, each in mappings(expressions)
        )


class Quotas:
    """The quotas of the input, by the namespaces that they count in."""

    def __init__(self, graph: Graph) -> None:
        given = graph.given_namespaces
        self._namespaces = {each.name: each for each in graph.of_kind("Namespace")}
        self.all = tuple(
            Quota(each, _KINDS[each.group, each.kind], _namespace(each, given))
            for each in graph.manifests
            if (each.group, each.kind) in _KINDS
        )
        self._by_label: dict[str, list[Quota]] = {}
        self._by_namespace: dict[str, list[Quota]] = {}
        self._selecting = [each for each in self.all if each.manifest.kind == _SELECTING]
        for each in self.all:
            self._by_label.setdefault(each.label, []).append(each)
            if each.manifest.kind != _SELECTING:
                self._by_namespace.setdefault(each.namespace, []).append(each)
        self._anywhere = _Named.of(self._by_namespace.get("", ()))

    def of(self, namespace: str) -> tuple[Quota, ...]:
        """Those that count every pod of a namespace."""
        inside = (each for each in self._by_namespace.get(namespace, ()) if not each.is_scoped)
        selecting = (each for each in self._selecting if self._selects(each, namespace) == "yes")
        return (*inside, *selecting)

    def scoped(self, namespace: str) -> tuple[Quota, ...]:
        """Those that count some of its pods."""
        return tuple(each for each in self._by_namespace.get(namespace, ()) if each.is_scoped)

    def named(self, namespace: str) -> _Named:
        """What the quotas name that count there, or may: also those of a namespace that is not known."""
        selecting = (each for each in self._selecting if self._selects(each, namespace) != "no")
        inside = _Named.of((*self._by_namespace.get(namespace, ()), *selecting))
        return _Named(inside.resources | self._anywhere.resources, inside.classes | self._anywhere.classes)

    def is_nearest(self, quota: Quota, folder: str) -> bool:
        """Whether this is the one definition of the quota that is meant from a folder."""
        same = self._by_label[quota.label]
        return len(same) == 1 or nearest(folder, same, lambda each: each.manifest.folder()).items == (quota,)

    def _selects(self, quota: Quota, namespace: str) -> Truth:
        """As openshift/library-go pkg/quota/clusterquotamapping: labels and annotations must fit."""
        if namespace not in self._namespaces:
            return "maybe"
        selector = mapping(quota.manifest.get("spec", "selector"))
        labels = mapping(selector.get("labels"))
        requirements = (
            *selector_requirements(labels.get("matchLabels")),
            *expression_requirements(labels.get("matchExpressions")),
        )
        found = matches(requirements, LabelSet.of(self._namespaces[namespace].get("metadata", "labels")))
        return "maybe" if found == "yes" and (selector.get("annotations") or not requirements) else found


@frozen
class _Named:
    resources: frozenset[str]
    """Accelerators, whether the entry is counted or not."""
    classes: frozenset[str]

    @classmethod
    def of(cls, quotas: Iterable[Quota]) -> _Named:
        quotas = tuple(quotas)
        return cls(
            frozenset(resource for each in quotas for _, _, resource in each.accelerators()),
            frozenset(name for each in quotas for name in each.classes()),
        )

    def __bool__(self) -> bool:
        return bool(self.resources or self.classes)


def _namespace(manifest: Manifest, given: Mapping[str, str]) -> str:
    if manifest.kind == _SELECTING:
        return ""
    name = manifest.name if manifest.kind == "Profile" else manifest.namespace
    name = name or given.get(manifest.document.source.path, "")
    return "" if is_placeholder(name) else name


def quota_items(graph: Graph, owners: Owners, quotas: Quotas) -> Iterator[QuotaItem]:
    """One fact per GPU entry of each quota."""
    users = _Users(graph, owners)
    counting: dict[int, list[str]] = {}
    partly: dict[int, list[str]] = {}
    for namespace in users.namespaces:
        for quota in quotas.of(namespace):
            counting.setdefault(id(quota), []).append(namespace)
        for quota in quotas.scoped(namespace):
            partly.setdefault(id(quota), []).append(namespace)
    told: set[str] = set()
    hami = any(asked.name.startswith("nvidia.com/gpumem") for workload in graph.workloads for asked in workload.asked)
    for quota in quotas.all:
        inside = counting.get(id(quota), [])
        escapes = [each for name in inside if name not in told for each in _escapes(users, quotas, quota, name)]
        for item in _items(graph, quota, hami=hami):
            if item.prefix == REQUESTS:
                told.update(inside)
                where = inside or partly.get(id(quota), [])
                yield _with_needs(_with_escapes(item, escapes), users, quotas, quota, where)
                escapes = []
            else:
                yield item


def _items(graph: Graph, quota: Quota, *, hami: bool) -> Iterator[QuotaItem]:
    hard = quota.hard
    hami = hami or any(key.startswith("limits.nvidia.com/gpumem") for key in hard)
    for key, prefix, resource in quota.accelerators():
        yield QuotaItem(
            cluster=graph.scope.name,
            quota=quota.label,
            key=key,
            resource=resource,
            prefix=prefix,
            counted_too=f"{REQUESTS}{resource}" in hard,
            other_scheduler=hami,
            amount=amount(hard[key], quota.manifest.place(*quota.path, key)),
            uncounted=(),
            escapes=(),
            escape_confidence="low",
            needed=0,
            needs=(),
            needed_confidence="low",
            place=quota.manifest.place(*quota.path, key, token="key"),
        )


# --- what escapes -----------------------------------------------------------------------------------------------------


@frozen
class _Use:
    use: QuotaUse
    confidence: Confidence


def _with_escapes(item: QuotaItem, escapes: Sequence[_Use]) -> QuotaItem:
    if not escapes:
        return item
    first: dict[str, _Use] = {}
    for each in sorted(escapes, key=lambda each: (CONFIDENCES.index(each.confidence), each.use.label)):
        first.setdefault(each.use.resource, each)
    surest = min((each.confidence for each in first.values()), key=CONFIDENCES.index)
    shown = {name: each for name, each in sorted(first.items()) if each.confidence == surest}
    return replace(
        item,
        uncounted=tuple(shown),
        escapes=tuple(each.use for each in shown.values()),
        escape_confidence=surest,
    )


def _escapes(users: _Users, quotas: Quotas, quota: Quota, namespace: str) -> Iterator[_Use]:
    """What pods of the namespace ask for and no quota names."""
    named = quotas.named(namespace)
    for workload, use in users.asking(namespace):
        if use.resource not in named.resources:
            yield _Use(use, users.confidence(quota, workload))
    for workload, use in users.claiming(namespace):
        if use.resource.removesuffix(_CLAIMED) not in named.classes:
            yield _Use(use, users.confidence(quota, workload))


# --- what is needed ---------------------------------------------------------------------------------------------------


@frozen
class _Need:
    use: QuotaUse
    units: int
    lasting: bool
    """Whether its pods run all the time, beside those of others."""
    confidence: Confidence


def _with_needs(item: QuotaItem, users: _Users, quotas: Quotas, quota: Quota, namespaces: Sequence[str]) -> QuotaItem:
    """What one workload needs alone, else what all that run for good need together."""
    if not item.amount.known:
        return item
    needs = [each for name in namespaces for each in _needs(users, quotas, quota, name, item.resource)]
    alone = [each for each in needs if each.units * 1000 > item.amount.milli]
    if alone:
        surest = min(alone, key=lambda each: (CONFIDENCES.index(each.confidence), -each.units, each.use.label))
        return _short(item, [surest], surest.confidence)
    together = sorted((each for each in needs if each.lasting), key=lambda each: (-each.units, each.use.label))
    if sum(each.units for each in together) * 1000 <= item.amount.milli:
        return item
    return _short(item, together, least("medium", *(each.confidence for each in together)))  # some may be alternatives


def _short(item: QuotaItem, needs: Sequence[_Need], confidence: Confidence) -> QuotaItem:
    return replace(
        item,
        needed=sum(each.units for each in needs),
        needs=tuple(each.use for each in needs),
        needed_confidence=confidence,
    )


def _needs(users: _Users, quotas: Quotas, quota: Quota, namespace: str, resource: str) -> Iterator[_Need]:
    """One per object that asks for the resource; of several definitions of one object the nearest."""
    nearest_first: dict[tuple[str, str], _Need] = {}
    for manifest, templates in users.objects(namespace, resource):
        if not quotas.is_nearest(quota, manifest.folder()) or not all(map(quota.counts, templates)):
            continue
        counted = [_counted(each, resource) for each in templates]
        units = sum(pods * each for pods, each in counted)
        if not units or any(-1 in each for each in counted):
            continue
        told = " and ".join(_told(pods, each) for pods, each in counted if pods * each)
        use = QuotaUse(users.label(templates[0]), resource, told, _place(templates, resource))
        sure: Confidence = "low" if any(map(users.is_patched, templates)) else users.confidence(quota, templates[0])
        need = _Need(use, units, manifest.kind in _LASTING, sure)
        key = (manifest.kind, manifest.name)
        before = nearest_first.get(key)
        if before is None or CONFIDENCES.index(need.confidence) < CONFIDENCES.index(before.confidence):
            nearest_first[key] = need
    yield from nearest_first.values()


_LASTING = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "Rollout", "InferenceService", "LeaderWorkerSet"})


def _counted(workload: Workload, resource: str) -> tuple[int, int]:
    """Pods at once, and units of the resource in each; -1 for what is not known."""
    units = workload.total(resource)
    pods = workload.template.replicas
    return -1 if pods is None else pods, -1 if units is None else units


def _told(pods: int, units: int) -> str:
    return f"{pods} pods with {units} each" if pods > 1 else f"one pod with {units}"


def _place(templates: Sequence[Workload], resource: str) -> Place:
    return next(
        workload.place(asked.container, asked.entry.path)
        for workload in templates
        for asked in workload.asked
        if asked.name == resource
    )


# --- who uses them ----------------------------------------------------------------------------------------------------


class _Users:
    """The workloads of each namespace that use accelerators."""

    def __init__(self, graph: Graph, owners: Owners) -> None:
        self._graph = graph
        self._owners = owners
        self._builds: tuple[Build, ...] = builds(graph.scope.sources)
        self._patched = patched(graph)
        self._by_namespace: dict[str, list[Workload]] = {}
        for workload in graph.pods:
            if workload.namespace and not is_placeholder(workload.namespace):
                uses = workload.asked or graph.claims.of(workload)
                if uses and not is_of_the_cluster(graph, owners, workload):
                    self._by_namespace.setdefault(workload.namespace, []).append(workload)
        self.namespaces = tuple(sorted(self._by_namespace))

    def label(self, workload: Workload) -> str:
        return self._owners.of(workload).label

    def confidence(self, quota: Quota, workload: Workload) -> Confidence:
        """How sure it is that the two meet: one namespace of one name is known, so only samples leave it open."""
        one, other = (each.place("metadata", "name") for each in (quota.manifest, workload.manifest))
        found = togetherness(self._graph, self._builds, one, other)
        return "high" if found == "medium" else found

    def is_patched(self, workload: Workload) -> bool:
        """Whether a kustomization changes how much it asks for."""
        return self._patched.count(workload) or self._patched.pod(workload, "containers")

    def asking(self, namespace: str) -> Iterator[tuple[Workload, QuotaUse]]:
        """Who asks for an accelerator by a resource."""
        for workload in self._by_namespace.get(namespace, ()):
            for asked in workload.asked:
                if asked.resource.kind in ACCELERATORS and not asked.name.endswith(_ACCOMPANYING):
                    wanted = amount(asked.entry.value, workload.place(asked.container, asked.entry.path))
                    if wanted.known and wanted.milli > 0:
                        place = workload.place(asked.container, asked.entry.path, key=True)
                        yield workload, QuotaUse(self.label(workload), asked.name, f"asks for {wanted.text}", place)

    def claiming(self, namespace: str) -> Iterator[tuple[Workload, QuotaUse]]:
        """Who gets one by a claim; nobody where a class of the input stands for a resource that quotas may count."""
        claims = self._graph.claims
        if any(text(each.get("spec", "extendedResourceName")) for each in claims.classes):
            return
        for workload in self._by_namespace.get(namespace, ()):
            for claim in claims.of(workload):
                for meant in claims.meant(workload, claim).items:
                    for request in meant.requests:
                        if claims.device(request) in _DEVICES and request.device_class:
                            place = workload.holder.place(*claim.target_path)
                            told = f"claims a device of class {request.device_class}"
                            counted = f"{request.device_class}{_CLAIMED}"
                            yield workload, QuotaUse(self.label(workload), counted, told, place)

    def objects(self, namespace: str, resource: str) -> Iterator[tuple[Manifest, list[Workload]]]:
        """The objects of the namespace with pods that ask for a resource, and their templates."""
        found: dict[int, tuple[Manifest, list[Workload]]] = {}
        for workload in self._by_namespace.get(namespace, ()):
            kind = workload.template.kind
            counts = not workload.template.alternative and not (kind and kind.is_template)
            if counts and any(asked.name == resource for asked in workload.asked):
                found.setdefault(id(workload.manifest), (workload.manifest, []))[1].append(workload)
        yield from found.values()


_ACCOMPANYING = ("_monitoring", "/tiles", "/millicores", "/memory.max")
"""Ends of names that a plugin advertises beside its devices."""
_DEVICES = frozenset({"gpu", "mig", "vfio", "nvidia", "other-gpu"})
