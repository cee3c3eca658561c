"""What containers ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.facts.candidates import Candidates, candidates
from gpulint.facts.namespace.limits import LimitRanges
from gpulint.facts.owner import Owners
from gpulint.facts.values import Amount, Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube import quantity
from gpulint.kube.kinds import ResourceEntry
from gpulint.kube.tree import is_placeholder, mapping, sequence, text
from gpulint.manifest import Place
from gpulint.untrusted import number


@frozen
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
    extended: bool
    """Whether the name has the form of an extended resource: a domain, and not one of Kubernetes itself."""
    qualified: bool
    """Whether the name has a domain at all: `gpu` has none."""
    limit: Amount
    request: Amount
    fraction: Amount
    """The limit, else the request, that is known and no whole number of at least 0; not stated when both are whole."""
    limit_added: bool
    """Whether a LimitRange of its namespace may add the limit when the pod is created."""
    pod_confidence: str
    """How sure it is that a pod gets limit and request as they are written: high where Kubernetes or a known kind takes
    a whole pod template, medium where a known kind merges them or an unknown one holds a pod spec, low elsewhere."""
    units: int
    """Units asked for: the limit, else the request; 0 when unknown."""
    several: str
    """What tells that one task computes on several devices: `3 pods`, `2 devices in a container`, `--nproc_per_node=4`;
    empty where nothing does."""
    fraction_scheduler: bool
    """Whether a scheduler that shares GPUs by itself (HAMi, Volcano, KAI, …) handles the pod or the cluster's GPUs."""
    place: Place
    """The amount: the limit's, else the request's."""
    name_place: Place
    """The resource name beside it."""
    limits_begin: Place
    """The first key of the container's `limits`; where it has none the key `requests`; else the amount."""
    has_limits: bool
    """Whether the container has `limits` at all."""
    candidates: Candidates


def requests(graph: Graph, owners: Owners) -> Iterator[Request]:
    """Every accelerator resource of every container."""
    own_scheduler = _other_scheduler(graph)
    added = LimitRanges(graph)
    gangs = _gangs(graph)
    for workload in graph.workloads:
        owner = owners.of(workload)
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
                extended=is_extended(asked.name),
                qualified="/" in asked.name,
                limit=limit,
                request=request,
                fraction=fraction(limit, request),
                limit_added=added.may_add(workload, asked.name),
                pod_confidence=pod_confidence(workload),
                units=used.milli // 1000 if used.known and used.whole else 0,
                several=_several(workload, asked, used, gangs.get(id(workload.manifest), 0)),
                fraction_scheduler=own_scheduler or _fraction_scheduler(workload),
                place=used.place,
                name_place=workload.place(asked.container, asked.entry.path, key=True),
                limits_begin=_limits_begin(workload, asked, used.place),
                has_limits=bool(_limits(workload, asked)),
                candidates=candidates(workload, asked, graph.landing(workload)),
            )


_VIRTUAL_GPU_RESOURCES = frozenset({"nvidia.com/gpumem", "nvidia.com/gpumem-percentage", "nvidia.com/gpucores"})
_HAMI_MODE = "nvidia.com/vgpu-mode"


def _other_scheduler(graph: Graph) -> bool:
    """True when the input uses HAMi's resources: there `nvidia.com/gpu` counts virtual GPUs."""
    return any(asked.name in _VIRTUAL_GPU_RESOURCES for workload in graph.workloads for asked in workload.asked)


def _fraction_scheduler(workload: Workload) -> bool:
    if str(workload.pod_spec.get("schedulerName", "")) in {"hami-scheduler"}:
        return True
    return workload.asks_for_a_share or _HAMI_MODE in workload.pod_annotations


def is_extended(name: str) -> bool:
    """Whether a name has the form of one: as k8s.io/kubernetes pkg/apis/core/v1/helper (IsExtendedResourceName)."""
    domain, slash, _ = name.partition("/")
    return bool(slash) and not domain.endswith("kubernetes.io") and not name.startswith("requests.")


def fraction(limit: Amount, request: Amount) -> Amount:
    """The limit, else the request, that is known and no whole number; not stated when both are whole."""
    for amount in (limit, request):
        if amount.known and not amount.whole:
            return amount
    return replace(limit, stated=False)


def pod_confidence(workload: Workload) -> Confidence:
    """How sure it is that a pod gets what stands in the template as it is written."""
    template = workload.template
    if template.kind is None:
        return "low" if template.form == "resources" else "medium"
    merged = template.kind.is_template and not template.embeds
    return "medium" if merged or template.form not in {"template", "podspec"} else "high"


_PROCESSES = re.compile(
    r"--(?:nproc[-_]per[-_]node|nnodes|num[-_]processes|num[-_]machines|num[-_]gpus)[\s=]+(\d{1,9})(?![\d:])"
)
"""Options of torchrun, accelerate and deepspeed."""


def _gangs(graph: Graph) -> dict[int, int]:
    """Pods of each object that work on one task and ask for accelerators, by the identity of the object."""
    pods: dict[int, int] = {}
    for workload in graph.workloads:
        kind = workload.template.kind
        if kind is not None and kind.gang:
            pods[id(workload.manifest)] = pods.get(id(workload.manifest), 0) + (workload.template.replicas or 0)
    return pods


def _limits(workload: Workload, asked: Asked) -> Mapping[str, object]:
    return mapping(mapping(workload.container(asked.container).get("resources")).get("limits"))


def _limits_begin(workload: Workload, asked: Asked, amount: Place) -> Place:
    first = next(iter(_limits(workload, asked)), "")
    if first:
        return workload.place(asked.container, ("resources", "limits", first), key=True)
    return workload.place(asked.container, ("resources", "requests"), key=True) if asked.request else amount


def _several(workload: Workload, asked: Asked, used: Amount, gang: int) -> str:
    container = workload.container(asked.container)
    written = [text(word) for field in ("command", "args") for word in _words(container, field)]
    options = [found for found in _PROCESSES.finditer(" ".join(written)) if number(found[1]) > 1]
    if options:
        return options[0][0].strip()
    if used.known and used.whole and used.milli > 1000:
        return f"{used.milli // 1000} devices in a container"
    return f"{gang} pods" if gang > 1 else ""


def _words(container: object, field: str) -> Sequence[object]:
    value = container.get(field) if isinstance(container, Mapping) else None
    return [value] if isinstance(value, str) else sequence(value)


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
