"""What containers ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gpulint.facts.candidates import Candidates, candidates
from gpulint.facts.mig import configured_profiles
from gpulint.facts.owner import Owners
from gpulint.facts.values import Amount, Owner
from gpulint.graph import Graph
from gpulint.graph.landing import Landing
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube import quantity
from gpulint.kube.kinds import ResourceEntry
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place


@dataclass(frozen=True, slots=True)
class Request:
    """One accelerator resource that one container asks for."""

    cluster: str
    """The `[[cluster]]` it belongs to, empty without one."""
    workload: Owner
    container: str
    init: bool
    """Whether it is an init container."""
    resource: str
    """As written: `nvidia.com/gpu`."""
    kind: str
    """full, shared, mig, mig-shared, other-accelerator, known-vendor or near-miss."""
    profile: str
    """The MIG profile in configuration spelling (`1g.10gb+me`), empty for other resources."""
    suggestion: str
    """The name that was probably meant, for a near miss."""
    limit: Amount
    request: Amount
    units: int
    """Units asked for: the limit, else the request; 0 when unknown."""
    fraction_scheduler: bool
    """Whether a scheduler that shares GPUs by itself (HAMi, Volcano, KAI, …) handles the pod or the cluster's GPUs."""
    configured: bool
    """Whether a MIG configuration of the input creates the profile."""
    evident: tuple[str, ...]
    """Search spaces the author evidently speaks of: every node it may land on has a known MIG layout."""
    place: Place
    """The amount: the limit's, else the request's."""
    name_place: Place
    """The resource name beside it."""
    candidates: Candidates


def requests(graph: Graph, owners: Owners) -> Iterator[Request]:
    """Every accelerator resource of every container."""
    own_scheduler = _other_scheduler(graph)
    configured = configured_profiles(graph)
    for workload in graph.workloads:
        owner = owners.of(workload)
        landing = graph.landing(workload)
        for asked in workload.asked:
            limit, request = _amount(workload, asked, asked.limit), _amount(workload, asked, asked.request)
            used = limit if limit.stated else request
            yield Request(
                cluster=graph.scope.name,
                workload=owner,
                container=asked.container.name,
                init=asked.container.init,
                resource=asked.name,
                kind=asked.resource.kind,
                profile=asked.resource.profile,
                suggestion=asked.resource.suggestion,
                limit=limit,
                request=request,
                units=used.milli // 1000 if used.known and used.whole else 0,
                fraction_scheduler=own_scheduler or _fraction_scheduler(workload),
                configured=asked.resource.profile in configured,
                evident=("mig-configs",) if _layouts_known(landing) else (),
                place=used.place,
                name_place=workload.place(asked.container, asked.entry.path, key=True),
                candidates=candidates(workload, asked, landing),
            )


def _layouts_known(landing: Landing) -> bool:
    return bool(landing.candidates) and all(each.governed.layout is not None for each in landing.candidates)


_VIRTUAL_GPU_RESOURCES = frozenset({"nvidia.com/gpumem", "nvidia.com/gpumem-percentage", "nvidia.com/gpucores"})
_FRACTION_ANNOTATIONS = ("gpu-fraction", "gpu-memory", "nvidia.com/vgpu-mode")


def _other_scheduler(graph: Graph) -> bool:
    """True when the input uses HAMi's resources: there `nvidia.com/gpu` counts virtual GPUs."""
    return any(asked.name in _VIRTUAL_GPU_RESOURCES for workload in graph.workloads for asked in workload.asked)


def _fraction_scheduler(workload: Workload) -> bool:
    if str(workload.pod_spec.get("schedulerName", "")) in {"hami-scheduler"}:
        return True
    metadata = workload.template.metadata
    annotations = workload.manifest.get(*metadata, "annotations") if metadata is not None else None
    return isinstance(annotations, dict) and any(name in annotations for name in _FRACTION_ANNOTATIONS)


def _amount(workload: Workload, asked: Asked, entry: ResourceEntry | None) -> Amount:
    if entry is None:
        place = workload.place(asked.container, ("resources", "limits"))
        return Amount(stated=False, known=False, whole=False, milli=0, text="", place=place)
    place = workload.place(asked.container, entry.path)
    parsed = quantity.parse(entry.value)
    known = parsed is not None and not is_placeholder(entry.value)
    return Amount(
        stated=True,
        known=known,
        whole=bool(known and parsed and parsed.is_integer and parsed.milli >= 0),
        milli=parsed.milli if known and parsed else 0,
        text=str(entry.value) if entry.value is not None else "",
        place=place,
    )
