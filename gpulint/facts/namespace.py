"""Namespaces: their limits and quotas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.facts.request import Request
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.manifest import Manifest, Place

_LIMITS = "limits."
_REQUESTS = "requests."


@dataclass(frozen=True, slots=True)
class NamespaceFact:
    """A namespace that holds GPU workloads."""

    cluster: str
    name: str
    has_limit_range: bool
    evident: tuple[str, ...]
    """Search spaces the author evidently speaks of: the namespace is known by name."""
    sharers: tuple[str, ...]
    """The workloads in it that use shared GPUs and nothing else, sorted."""
    sharer_confidence: str
    """How sure that is of the surest of them."""
    place: Place
    """The Namespace object's name, else the namespace of the first such workload."""
    sharer_place: Place
    """What the first of them asks for."""


@dataclass(frozen=True, slots=True)
class QuotaItem:
    """One GPU entry of a ResourceQuota's `hard`."""

    cluster: str
    quota: str
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


def namespaces(graph: Graph, requests: Sequence[Request], workload_places: Mapping[str, Place]) -> Iterator[NamespaceFact]:
    """One fact per known namespace with GPU workloads. `workload_places` maps a namespace to where a workload names it."""
    objects = {each.name: each for each in graph.of_kind("Namespace")}
    by_namespace: dict[str, list[Request]] = {}
    for request in requests:
        if request.workload.namespace:
            by_namespace.setdefault(request.workload.namespace, []).append(request)
    for name, inside in sorted(by_namespace.items()):
        sharing = [each for each in inside if each.candidates.shared == "all" and each.units > 0]
        sharing.sort(key=lambda each: (["high", "medium", "low"].index(_sureness(each)), each.workload.label))
        yield NamespaceFact(
            cluster=graph.scope.name,
            name=name,
            has_limit_range=bool(graph.in_namespace(name, "LimitRange")),
            evident=("limits",),
            sharers=tuple(sorted({each.workload.label for each in sharing})),
            sharer_confidence=_sureness(sharing[0]) if sharing else "low",
            place=objects[name].place("metadata", "name") if name in objects else workload_places[name],
            sharer_place=(sharing or inside)[0].place,
        )


def _sureness(request: Request) -> str:
    return request.candidates.confidence if request.candidates.only else request.candidates.may_confidence


def namespace_places(graph: Graph) -> dict[str, Place]:
    """Namespace → the first workload's `metadata.namespace`."""
    places: dict[str, Place] = {}
    for workload in graph.workloads:
        places.setdefault(workload.namespace, workload.manifest.place("metadata", "namespace"))
    return places


def quota_items(graph: Graph) -> Iterator[QuotaItem]:
    """One fact per GPU entry of each ResourceQuota."""
    hami = any(asked.name.startswith("nvidia.com/gpumem") for workload in graph.workloads for asked in workload.asked)
    for quota in graph.of_kind("ResourceQuota"):
        hard = quota.get("spec", "hard")
        if not isinstance(hard, Mapping):
            continue
        for key, value in hard.items():
            item = _quota_item(graph, quota, hard, str(key), value, hami=hami)
            if item:
                yield item


def _quota_item(
    graph: Graph, quota: Manifest, hard: Mapping[str, object], key: str, value: object, *, hami: bool
) -> QuotaItem | None:
    prefix = next((each for each in (_LIMITS, _REQUESTS) if key.startswith(each)), "")
    resource = key.removeprefix(prefix)
    if classify(resource).kind not in {"full", "shared", "mig", "mig-shared", "other-accelerator"}:
        return None
    return QuotaItem(
        cluster=graph.scope.name,
        quota=quota.name,
        key=key,
        resource=resource,
        prefix=prefix,
        counted_too=f"{_REQUESTS}{resource}" in hard,
        other_scheduler=hami or any(str(each).startswith(f"{_LIMITS}nvidia.com/gpumem") for each in hard),
        text=str(value),
        place=quota.place("spec", "hard", key, token="key"),
    )
