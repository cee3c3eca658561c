"""What a picture says of its things, the same in every format; each line is safe to print, not yet to embed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gpulint import untrusted
from gpulint.gpu.resources import classify
from gpulint.picture.model import counts
from gpulint.reports.placement import SHARING, STRATEGIES, ask_text, verdict_text, what
from gpulint.reports.text import count, place

if TYPE_CHECKING:
    from gpulint.finding import Finding, Location, Severity
    from gpulint.gpu.catalog import Gpu
    from gpulint.picture.model import (
        Advertised,
        DeviceClaim,
        Maker,
        Outcome,
        Pool,
        Queue,
        Ruling,
        Settings,
        Thing,
        Work,
    )
    from gpulint.placement import Grant

SIGNS = {"error": "✖", "warning": "▲", "info": "●"}
_LISTED = 4
"""Lines of a sort in one box; the others are counted."""


def title(thing: Thing) -> str:
    """What it is called: `Node gpu-1 and 7 more`."""
    more = len(thing.members) - 1
    name = _named(thing.kind, thing.name)
    return untrusted.one_line(f"{name} and {more} more" if more else name)


def _named(kind: str, name: str) -> str:
    if kind == "selector":
        return f"any node with {name}" if name else "any node"
    shown = "node" if kind == "kubectl label" else kind
    return f"{shown} {name or '(no name)'}" if shown else name


def work_title(work: Work) -> str:
    """With what tells the pods from others of the object."""
    return f"{title(work.thing)}{untrusted.one_line(f', {work.role}') if work.role else ''}"


def namespace_title(name: str) -> str:
    """A namespace; in words where its name is not known."""
    return untrusted.one_line(f"namespace {name}") if name else "no namespace is stated"


def marks(findings: Iterable[Finding]) -> str:
    """`✖ 2 errors  ▲ 1 warning`; empty without findings."""
    return "  ".join(mark(severity, number) for severity, number in counts(findings))


def mark(severity: Severity, number: int) -> str:
    """`✖ 2 errors`."""
    return f"{SIGNS[severity]} {count(number, severity)}"


def worst(findings: Iterable[Finding]) -> str:
    """The severity that colours what they are about; empty without findings."""
    found = counts(findings)
    return found[0][0] if found else ""


def at(location: Location) -> str:
    """`path:line`, which is enough to find it."""
    return place(location).rpartition(":")[0]


def safe(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines that cannot drive a terminal or reorder text; without empty ones."""
    return tuple(untrusted.one_line(line) for line in lines if line)


# --- workloads --------------------------------------------------------------------------------------------------------


def work_lines(work: Work) -> tuple[str, ...]:
    """What it asks for, and what it is."""
    return safe([asked(work), class_name(work)])


def asked(work: Work) -> str:
    """`8 nvidia.com/gpu per pod, 2 pods`."""
    pods = "" if work.pods == 1 else f", {'?' if work.pods is None else work.pods} pods"
    if not work.asks:
        return f"resource claims only{pods}"
    return f"{' and '.join(map(ask_text, work.asks))} per pod{pods}"


def class_name(work: Work) -> str:
    """`training: full GPU recommended`."""
    strategy = work.recommendation.strategy if work.recommendation else ""
    recommended = f", {STRATEGIES[strategy]} recommended" if strategy else ""
    known = work.workload_class
    return f"{'class unknown' if known == 'unknown' else known}{recommended}"


def outcome_lines(outcome: Outcome) -> tuple[str, ...]:
    """What is asked for and what that gives; whether it is as recommended."""
    if not outcome.grants:
        return safe([outcome.note, *_first(outcome.reasons, 2)])
    gets = [_gets(grant) for grant in outcome.grants]
    return safe([*gets, _verdict(outcome), f"if it matches: {outcome.note}" if outcome.note else ""])


def _gets(grant: Grant) -> str:
    if not classify(grant.resource).is_nvidia:
        return f"{grant.resource} → what its device plugin gives"
    each = f" ({grant.units_per_gpu} per GPU)" if grant.units_per_gpu else ""
    return f"{grant.resource} → {what(grant)}{each}"


def _verdict(outcome: Outcome) -> str:
    sign = {"yes": "✓ ", "no": "✗ ", "some": "✗ "}.get(outcome.agreement.verdict, "")
    return f"{sign}{verdict_text(outcome.agreement)}" if sign else ""


def gives(outcome: Outcome) -> tuple[str, ...]:
    """The sorts of GPUs that it gives, as a filter knows them."""
    return tuple(dict.fromkeys(grant.given for grant in outcome.grants)) or ("nothing",)


# --- pools ------------------------------------------------------------------------------------------------------------


def pool_lines(pool: Pool) -> tuple[str, ...]:
    """Whether they are declared, hardware, what is advertised, taints."""
    undeclared = [] if pool.declared else ["not declared in the input"]
    hardware = [gpus(pool.gpus, pool.gpu_count)] if pool.has_gpu or pool.gpus else []
    tainted = [f"taint {taint}" for taint in pool.taints]
    return safe([*undeclared, *hardware, *_first(list(advertised(pool))), *_first(tainted)])


def gpus(models: Sequence[Gpu], number: int) -> str:
    """`8× H100 80GB`."""
    names = " or ".join(gpu.model for gpu in models) or "GPU of unknown model"
    return f"{number}× {names}" if number else names


def advertised(pool: Pool) -> Iterator[str]:
    """What a node of the pool shows to the scheduler, under each configuration that may be right."""
    if pool.declared and not pool.has_gpu:
        return
    listed = [[each for each in ruling.advertised if _is_told(each, pool)] for ruling in pool.rulings]
    found = [tuple(map(resource, each)) for each in listed]
    for index, lines in enumerate(dict.fromkeys(found)):
        if index:
            yield "or, under another configuration:"
        yield from lines


def _is_told(each: Advertised, pool: Pool) -> bool:
    """Whether something in the input tells of the resource: that nodes of any kind may have GPUs is nothing."""
    return pool.declared or each.sharing != "unknown" or bool(pool.gpus)


def resource(each: Advertised) -> str:
    """`nvidia.com/gpu: 4 time-slices per GPU`."""
    return f"{each.resource}: {_units(each)}"


def _units(each: Advertised) -> str:
    slices = f"MIG slices {each.profile}" if each.profile else ""
    if each.sharing == "none":
        return slices or "whole GPUs"
    if each.sharing == "unknown":
        return f"{slices or 'GPUs'}, whole or shared, not known"
    device = f"MIG slice {each.profile}" if each.profile else "GPU"
    return f"{each.replicas or '?'} shares per {device}, {SHARING[each.sharing]}"


def _first(lines: Sequence[str], most: int = _LISTED) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], *([f"and {more} more"] if more > 0 else [])]


# --- what governs them ------------------------------------------------------------------------------------------------


def maker_lines(maker: Maker) -> tuple[str, ...]:
    """How it is set."""
    off = [] if maker.enabled else ["the device plugin is off"]
    strategy = [f"MIG strategy {maker.strategy}"] if maker.strategy else []
    default = [f"default config {maker.default}"] if maker.default else []
    missing = [f"{each.name} is not in the input" for each in maker.named if not each.config]
    return safe([*off, *strategy, *default, *missing])


def settings_lines(settings: Settings) -> tuple[str, ...]:
    """A line for each configuration."""
    return safe(_first([f"{name}: {meaning}" for name, meaning in settings.entries]))


def queue_lines(queue: Queue) -> tuple[str, ...]:
    """What leads to it, and its quotas for accelerators."""
    return safe([*(f"LocalQueue {each}" for each in _first(queue.local)), *_first(queue.quotas)])


def claim_lines(claim: DeviceClaim) -> tuple[str, ...]:
    """The classes of its devices."""
    return safe([f"device class {each}" for each in claim.classes])


def chain(ruling: Ruling) -> Iterator[str]:
    """Why a pool gets what it gets, from the configuration to the MIG layout."""
    yield from ruling.reasons
    if ruling.origin == "unknown":
        yield "which device-plugin config it runs under is not known"
    if ruling.strategy:
        yield f"MIG strategy {ruling.strategy}{_BY[ruling.strategy_origin]}"
    if ruling.layout:
        yield f"MIG config {ruling.layout}, by a label of the nodes"


_BY = {
    "policy": ", by the installer, for all nodes",
    "file": ", by that config",
    "node": ", as the node itself says",
    "plugin-default": ", where nothing states one",
    "": "",
}
