"""Namespaces: their limits and quotas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.facts.request import Request
from gpulint.finding import CONFIDENCES
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.kube.tree import is_placeholder, text
from gpulint.manifest import Manifest, Place

_LIMITS = "limits."
_REQUESTS = "requests."


@dataclass(frozen=True, slots=True)
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
    place: Place
    """The Namespace object's name, else the namespace of the first such workload."""
    sharer_place: Place
    """What it asks for."""


@dataclass(frozen=True, slots=True)
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
    text: str
    place: Place
    """The key."""


def namespaces(
    graph: Graph, requests: Sequence[Request], workload_places: Mapping[str, Place]
) -> Iterator[NamespaceFact]:
    """One fact per known namespace with GPU workloads; `workload_places` maps it to where a workload names it."""
    objects = {each.name: each for each in graph.of_kind("Namespace")}
    anywhere = bool(graph.in_namespace("", "LimitRange"))
    by_namespace: dict[str, list[Request]] = {}
    for request in requests:
        if request.workload.namespace:
            by_namespace.setdefault(request.workload.namespace, []).append(request)
    for name, inside in sorted(by_namespace.items()):
        if is_placeholder(name):
            continue
        sharing = sorted(filter(_shares, inside), key=_surest_first)
        yield NamespaceFact(
            cluster=graph.scope.name,
            name=name,
            has_limit_range=anywhere or bool(graph.in_namespace(name, "LimitRange")),
            limits_known=graph.spaces["limits"] == "complete",
            sharers=tuple(sorted({each.workload.label for each in sharing})),
            sharer=sharing[0].workload.label if sharing else "",
            certain=bool(sharing) and sharing[0].candidates.only,
            sharer_confidence=sharing[0].candidates.sharing_confidence if sharing else "low",
            place=objects[name].place("metadata", "name") if name in objects else workload_places[name],
            sharer_place=(sharing or inside)[0].place,
        )


def _shares(request: Request) -> bool:
    return request.candidates.shared == "all" and request.units > 0 and request.workload.workload_class != "system"


def _surest_first(request: Request) -> tuple[int, str]:
    return CONFIDENCES.index(request.candidates.sharing_confidence), request.workload.label


def namespace_places(graph: Graph) -> dict[str, Place]:
    """Namespace → the first workload's `metadata.namespace`."""
    places: dict[str, Place] = {}
    for workload in graph.workloads:
        places.setdefault(workload.namespace, workload.manifest.place("metadata", "namespace"))
    return places


_QUOTAS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "ResourceQuota"): ("spec", "hard"),
    ("quota.openshift.io", "ClusterResourceQuota"): ("spec", "quota", "hard"),
    ("kubeflow.org", "Profile"): ("spec", "resourceQuotaSpec", "hard"),
}
"""Kind → where its amounts are; all three are evaluated as a ResourceQuota."""


def quota_items(graph: Graph) -> Iterator[QuotaItem]:
    """One fact per GPU entry of each quota."""
    hami = any(asked.name.startswith("nvidia.com/gpumem") for workload in graph.workloads for asked in workload.asked)
    for quota in graph.manifests:
        path = _QUOTAS.get((quota.group, quota.kind))
        hard = quota.get(*path) if path else None
        if path and isinstance(hard, Mapping):
            reads_limits = hami or any(str(key).startswith("limits.nvidia.com/gpumem") for key in hard)
            for key in hard:
                item = _quota_item(graph, quota, (*path, str(key)), hard, other_scheduler=reads_limits)
                if item:
                    yield item


def _quota_item(
    graph: Graph, quota: Manifest, path: tuple[str, ...], hard: Mapping[str, object], *, other_scheduler: bool
) -> QuotaItem | None:
    key = path[-1]
    prefix = next((each for each in (_LIMITS, _REQUESTS) if key.startswith(each)), "")
    resource = key.removeprefix(prefix)
    if classify(resource).kind not in {"full", "shared", "mig", "mig-shared", "other-accelerator"}:
        return None
    return QuotaItem(
        cluster=graph.scope.name,
        quota=f"{quota.kind} {quota.namespace}/{quota.name}" if quota.namespace else f"{quota.kind} {quota.name}",
        key=key,
        resource=resource,
        prefix=prefix,
        counted_too=f"{_REQUESTS}{resource}" in hard,
        other_scheduler=other_scheduler,
        text=text(hard[key]),
        place=quota.place(*path, token="key"),
    )
