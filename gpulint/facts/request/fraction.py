"""Parts of a GPU that pods ask for in the way of a scheduler that shares GPUs by itself, where that cannot work.

| scheduler | what decides |
|---|---|
| KAI, Run:ai | NVIDIA/KAI-Scheduler pkg/binder/plugins/gpusharing/gpu-request (ValidateGpuRequests), for its own pods |
| HAMi | Project-HAMi/HAMi pkg/scheduler/webhook.go, pkg/device/nvidia/device.go (GenerateResourceRequests, Fit) |
| Volcano | volcano-sh/volcano pkg/scheduler/api/devices/nvidia/vgpu/utils.go, Project-HAMi/volcano-vgpu-device-plugin |
| Koordinator | koordinator-sh/koordinator pkg/scheduler/plugins/deviceshare, pkg/webhook/pod/validating |
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.request.request import pod_confidence
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube import quantity
from gpulint.kube.kinds import SECTIONS, Container
from gpulint.kube.tree import is_placeholder, mapping, text
from gpulint.manifest import Place


@frozen
class FractionConflict:
    """A request for a part of a GPU that its scheduler refuses, never fulfils or does not read."""

    cluster: str
    owner: Owner
    scheduler: str
    """`KAI`, `HAMi`, `Volcano` or `Koordinator`."""
    outcome: str
    """`refused`: the pod is not created; `pending`: it never starts; `unread`: nothing reads the request; `ignored`: a
    part of the request is dropped and the rest counts."""
    message: str
    """What is wrong, as a sentence about the pod."""
    confidence: str
    place: Place
    other_place: Place
    """What it contradicts; the place itself where that is nothing of the input."""
    other_told: str
    """What stands there; empty where nothing does."""


@frozen
class _Found:
    scheduler: str
    outcome: str
    message: str
    place: Place
    other: Place | None = None
    told: str = ""
    confidence: Confidence = "high"


@frozen
class _Amount:
    """A resource of a container."""

    name: str
    value: int
    place: Place


def fraction_conflicts(graph: Graph, owners: Owners) -> Iterator[FractionConflict]:
    """Every such request, in the order of the input."""
    for workload in graph.pods:
        if pod_confidence(workload) == "low" or workload.superseded:
            continue
        for found in (*_kai(workload), *_hami(workload), *_volcano(workload), *_koordinator(workload)):
            yield FractionConflict(
                cluster=graph.scope.name,
                owner=owners.of(workload),
                scheduler=found.scheduler,
                outcome=found.outcome,
                message=found.message,
                confidence=_least(found.confidence, pod_confidence(workload)),
                place=found.place,
                other_place=found.other or found.place,
                other_told=found.told,
            )


def _least(one: Confidence, other: Confidence) -> Confidence:
    return "low" if "low" in (one, other) else "medium" if "medium" in (one, other) else "high"


# --- what stands in a pod ---------------------------------------------------------------------------------------------

_KAI_SCHEDULERS = frozenset({"kai-scheduler", "runai-scheduler"})
_SCHEDULERS = frozenset({"default-scheduler", "volcano", "hami-scheduler", "koord-scheduler", *_KAI_SCHEDULERS})
"""Names that are what they say; any other may be one of these under a name of its own."""


def _scheduler(workload: Workload) -> str:
    """The scheduler that the pod names; empty where it names none, and admission may name one."""
    return text(workload.pod_spec.get("schedulerName"))


def _scheduler_place(workload: Workload) -> Place:
    return workload.spec_place(("schedulerName",))


def _annotation(workload: Workload, name: str) -> str | None:
    """The value of an annotation of the pod; None when it has none, or it is filled in later."""
    value = workload.pod_annotations.get(name)
    return None if value is None or is_placeholder(value) else text(value)


def _annotation_place(workload: Workload, name: str, *, key: bool = False) -> Place:
    metadata = workload.template.metadata or ()
    return workload.holder.place(*metadata, "annotations", name, token="key" if key else "value")


def _amounts(workload: Workload, container: Container, *names: str) -> dict[str, _Amount]:
    """Whole amounts of a container that are more than none; the limit counts, without one the request."""
    held = mapping(workload.container(container).get("resources"))
    found: dict[str, _Amount] = {}
    for section in reversed(SECTIONS):
        for name in names:
            parsed = quantity.parse(mapping(held.get(section)).get(name))
            if parsed is not None and parsed.units > 0:
                place = workload.place(container, ("resources", section, name))
                found[name] = _Amount(name, parsed.units, place)
    return found


# --- KAI and Run:ai ---------------------------------------------------------------------------------------------------

_FRACTION = "gpu-fraction"
_MEMORY = "gpu-memory"
_DEVICES = "gpu-fraction-num-devices"
_KAI_QUEUES = ("kai.scheduler/queue", "runai/queue")
_GPU = "nvidia.com/gpu"
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


def _kai(workload: Workload) -> Iterator[_Found]:
    asked = [name for name in (_FRACTION, _MEMORY) if name in workload.pod_annotations]
    scheduler = _scheduler(workload)
    own = scheduler in _KAI_SCHEDULERS
    if asked and scheduler in _SCHEDULERS and not own:
        yield _Found(
            "KAI",
            "unread",
            f"asks for a part of a GPU by the annotation {asked[0]}, which {scheduler} does not read",
            _scheduler_place(workload),
            _annotation_place(workload, asked[0], key=True),
            "the annotation",
        )
        return
    if (scheduler and not own) or not (own or _speaks_of_kai(workload)):
        return
    sure: Confidence = "high" if own else "medium"
    yield from _kai_combinations(workload, asked, own=own, sure=sure)
    yield from _kai_numbers(workload, sure)


def _speaks_of_kai(workload: Workload) -> bool:
    """Whether a pod that names no scheduler is one of KAI's: other things may have annotations of these names."""
    return _FRACTION in workload.pod_annotations or any(label in workload.pod_labels for label in _KAI_QUEUES)


def _kai_combinations(workload: Workload, asked: list[str], *, own: bool, sure: Confidence) -> Iterator[_Found]:
    if asked:
        limit = _whole_limit(workload)
        if limit is not None:
            place = _annotation_place(workload, asked[0], key=True)
            message = f"asks for a part of a GPU by the annotation {asked[0]} and has a limit of {_GPU} as well"
            yield _Found("KAI", "refused", message, limit, place, "the annotation", sure)
    elif _DEVICES in workload.pod_annotations:
        message = f"has the annotation {_DEVICES}, but neither {_FRACTION} nor {_MEMORY}"
        yield _Found("KAI", "refused", message, _annotation_place(workload, _DEVICES, key=True), confidence=sure)
    elif own and _annotation(workload, "mps") == "true":
        message = f"asks for MPS by an annotation, but has neither {_FRACTION} nor {_MEMORY}"
        yield _Found("KAI", "refused", message, _annotation_place(workload, "mps", key=True))
    if len(asked) == 2:
        place, other = (_annotation_place(workload, name, key=True) for name in (_MEMORY, _FRACTION))
        message = f"asks for a part of a GPU by {_FRACTION} and by {_MEMORY}"
        yield _Found("KAI", "refused", message, place, other, "the other one", sure)


def _whole_limit(workload: Workload) -> Place | None:
    """A limit of whole GPUs in any container, be it zero."""
    for container in workload.template.containers:
        limits = mapping(mapping(workload.container(container).get("resources")).get("limits"))
        if _GPU in limits and not is_placeholder(limits[_GPU]):
            return workload.place(container, ("resources", "limits", _GPU))
    return None


def _kai_numbers(workload: Workload, sure: Confidence) -> Iterator[_Found]:
    for name in (_FRACTION, _MEMORY, _DEVICES):
        if isinstance(workload.pod_annotations.get(name), int | float):
            message = f"has a number for the annotation {name}, where Kubernetes wants a string in quotes"
            yield _Found("KAI", "refused", message, _annotation_place(workload, name))
            return
    fraction = _annotation(workload, _FRACTION)
    if fraction is not None and not _is_fraction(fraction):
        yield _number(workload, _FRACTION, fraction, "must be more than 0 and less than 1", sure)
    for name in (_MEMORY, _DEVICES):
        value = _annotation(workload, name)
        if value is not None and not (value.isascii() and value.isdecimal() and value.strip("0")):
            yield _number(workload, name, value, "must be a whole number of at least 1", sure)


def _number(workload: Workload, name: str, value: str, rule: str, sure: Confidence) -> _Found:
    message = f"has the annotation {name} with the value '{value}', which {rule}"
    return _Found("KAI", "refused", message, _annotation_place(workload, name), confidence=sure)


def _is_fraction(value: str) -> bool:
    """As strconv.ParseFloat reads it, as far as people write such numbers."""
    return _FLOAT.fullmatch(value) is not None and 0 < float(value) < 1 and math.isfinite(float(value))


# --- HAMi -------------------------------------------------------------------------------------------------------------

_HAMI_MEMORY = "nvidia.com/gpumem"
_HAMI_PERCENT = "nvidia.com/gpumem-percentage"
_HAMI_CORES = "nvidia.com/gpucores"
_HAMI_MODE = "nvidia.com/vgpu-mode"
_HAMI_MODES = ("hami-core", "mig", "mps")
_OTHERS_THAN_HAMI = frozenset({"koord-scheduler", *_KAI_SCHEDULERS})
"""Volcano may be set up with HAMi's names, and HAMi takes the pods of default-scheduler."""


def _hami(workload: Workload) -> Iterator[_Found]:
    scheduler = _scheduler(workload)
    told = False
    for container in workload.template.containers:
        amounts = _amounts(workload, container, _HAMI_MEMORY, _HAMI_PERCENT, _HAMI_CORES)
        if amounts and scheduler in _OTHERS_THAN_HAMI and not told:
            told = True
            asked = next(iter(amounts.values()))
            yield _Found(
                "HAMi",
                "pending",
                f"asks for {asked.name}, which only HAMi's scheduler hands out, and names {scheduler}",
                _scheduler_place(workload),
                asked.place,
                "the resource",
                "medium",
            )
        yield from _memory_twice("HAMi", amounts, _HAMI_MEMORY, _HAMI_PERCENT)
        yield from _too_much("HAMi", amounts, _HAMI_PERCENT, "pending", "no GPU has more than 100 % of its memory")
        yield from _too_much("HAMi", amounts, _HAMI_CORES, "ignored", "the scheduler takes 100, the whole GPU")
    mode = _annotation(workload, _HAMI_MODE)
    if mode is not None and not any(known in mode for known in _HAMI_MODES):
        yield _unknown_mode(workload, "HAMi", _HAMI_MODE, mode, _HAMI_MODES)


def _memory_twice(scheduler: str, amounts: dict[str, _Amount], memory: str, percent: str) -> Iterator[_Found]:
    if memory in amounts and percent in amounts:
        message = f"asks for GPU memory by {memory} and by {percent}, of which only the first counts"
        yield _Found(scheduler, "ignored", message, amounts[percent].place, amounts[memory].place, "what counts")


def _too_much(scheduler: str, amounts: dict[str, _Amount], name: str, outcome: str, why: str) -> Iterator[_Found]:
    asked = amounts.get(name)
    if asked is not None and asked.value > 100 and not (name.endswith("percentage") and asked.value == 101):
        yield _Found(scheduler, outcome, f"asks for {name}: {asked.value}, which is a percentage: {why}", asked.place)


def _unknown_mode(workload: Workload, scheduler: str, name: str, mode: str, modes: tuple[str, ...]) -> _Found:
    message = f"asks for GPUs in the mode '{mode}', which no node has; there are {', '.join(modes)}"
    return _Found(scheduler, "pending", message, _annotation_place(workload, name), confidence="medium")


# --- Volcano ----------------------------------------------------------------------------------------------------------

_VOLCANO_NUMBER = "volcano.sh/vgpu-number"
_VOLCANO_MEMORY = "volcano.sh/vgpu-memory"
_VOLCANO_PERCENT = "volcano.sh/vgpu-memory-percentage"
_VOLCANO_CORES = "volcano.sh/vgpu-cores"
_VOLCANO_MODE = "volcano.sh/vgpu-mode"


def _volcano(workload: Workload) -> Iterator[_Found]:
    scheduler = _scheduler(workload)
    names = (_VOLCANO_NUMBER, _VOLCANO_MEMORY, _VOLCANO_PERCENT, _VOLCANO_CORES)
    told = False
    for container in workload.template.containers:
        amounts = _amounts(workload, container, *names)
        if not amounts:
            continue
        asked = next(iter(amounts.values()))
        if scheduler in _SCHEDULERS and scheduler != "volcano" and not told:
            told = True
            message = f"asks for {asked.name}, for which only Volcano chooses a GPU, and names {scheduler}"
            yield _Found("Volcano", "pending", message, _scheduler_place(workload), asked.place, "the resource")
        if not {_VOLCANO_NUMBER, _VOLCANO_MEMORY} & set(amounts):
            message = f"asks for {asked.name} without {_VOLCANO_NUMBER} or {_VOLCANO_MEMORY}, which alone bring a GPU"
            yield _Found("Volcano", "unread", message, asked.place)
        yield from _memory_twice("Volcano", amounts, _VOLCANO_MEMORY, _VOLCANO_PERCENT)
        yield from _too_much(
            "Volcano", amounts, _VOLCANO_PERCENT, "pending", "no GPU has more than 100 % of its memory"
        )
        yield from _too_much("Volcano", amounts, _VOLCANO_CORES, "pending", "no GPU has more than 100 %")
    mode = _annotation(workload, _VOLCANO_MODE)
    if mode is not None and mode not in {"hami-core", "mig"}:
        yield _unknown_mode(workload, "Volcano", _VOLCANO_MODE, mode, ("hami-core", "mig"))


# --- Koordinator ------------------------------------------------------------------------------------------------------

_KOORD = "koordinator.sh/"


def _koordinator(workload: Workload) -> Iterator[_Found]:
    scheduler = _scheduler(workload)
    names = [f"{_KOORD}{name}" for name in ("gpu", "gpu.shared", "gpu-core", "gpu-memory", "gpu-memory-ratio")]
    sure: Confidence = "high" if scheduler == "koord-scheduler" else "medium"
    for container in workload.template.containers:
        amounts = _amounts(workload, container, *names)
        for first, second in ((f"{_KOORD}gpu-memory", f"{_KOORD}gpu-memory-ratio"), (names[0], names[1])):
            if first in amounts and second in amounts:
                message = f"asks for {first} and {second}, of which it may have only one"
                place, other = amounts[second].place, amounts[first].place
                yield _Found("Koordinator", "pending", message, place, other, "the other one", sure)
        if names[1] not in amounts:
            yield from _uneven(amounts, sure)


def _uneven(amounts: dict[str, _Amount], sure: Confidence) -> Iterator[_Found]:
    """Percentages beyond one GPU are of whole ones."""
    for name in (f"{_KOORD}gpu", f"{_KOORD}gpu-core", f"{_KOORD}gpu-memory-ratio"):
        asked = amounts.get(name)
        if asked is not None and asked.value > 100 and asked.value % 100:
            message = f"asks for {name}: {asked.value}, which beyond 100 must be a multiple of it"
            yield _Found("Koordinator", "pending", message, asked.place, confidence=sure)
