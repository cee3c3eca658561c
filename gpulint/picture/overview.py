"""Parts of a picture: what has to do with the workloads shown, and no more than a person can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from gpulint.finding import SEVERITIES, Finding
from gpulint.picture.model import Maker, Outcome, Part, Pool, Queue, Settings, Thing, Work

T = TypeVar("T", Work, Pool, Maker, Settings, Queue)

MOST_WORK = 40
"""Workloads of a cluster in an overview. Mermaid draws at most 500 edges and 50,000 characters (`maxEdges`)."""
MOST_POOLS = 24
MOST_SETTINGS = 16


def reachable(part: Part) -> Part:
    """Only what has to do with the workloads: what they get, where, and what governs it."""
    used = {way.outcome for each in part.work for way in each.ways}
    outcomes = tuple(each for each in part.outcomes if each.id in used)
    queues = tuple(each for each in part.queues if any(work.queue == each.thing.id for work in part.work))
    near = {pool for each in outcomes for pool in each.pools} | {pool for each in queues for pool in each.pools}
    pools = tuple(each for each in part.pools if each.thing.id in near)
    claimed = {claim for each in part.work for claim in each.claims}
    return _governed(
        replace(
            part,
            namespaces=tuple(
                each for each in part.namespaces if any(work.namespace == each.name for work in part.work)
            ),
            outcomes=outcomes,
            queues=queues,
            pools=pools,
            claims=tuple(each for each in part.claims if each.thing.id in claimed),
        )
    )


def _governed(part: Part) -> Part:
    """Only the installers and configurations that govern a pool."""
    rulings = [ruling for pool in part.pools for ruling in pool.rulings]
    makers = tuple(each for each in part.makers if any(ruling.installer == each.thing.id for ruling in rulings))
    named = {each.config for maker in makers for each in maker.named} | {ruling.config for ruling in rulings}
    return replace(part, makers=makers, settings=tuple(each for each in part.settings if each.thing.id in named))


def overview(part: Part) -> Part:
    """A part of at most a readable size: the worst first, and a word on what is left out."""
    work = _worst(part.work, MOST_WORK)
    kept = part if len(work) == len(part.work) else _of_work(part, work)
    served = {pool for each in kept.outcomes for pool in each.pools}
    telling = [each for each in kept.pools if each.thing.id in served or each.has_gpu or each.thing.findings]
    pools = _worst(telling, MOST_POOLS, lambda each: each.thing.id in served)
    shown = {each.thing.id for each in pools}
    kept = replace(
        kept,
        pools=pools,
        outcomes=tuple(_within(each, shown) for each in kept.outcomes),
        queues=tuple(
            replace(each, pools=tuple(pool for pool in each.pools if pool in shown))
            for each in _worst(kept.queues, MOST_SETTINGS)
        ),
    )
    governing = {ruling.installer for each in pools for ruling in each.rulings}
    makers = _worst(kept.makers, MOST_SETTINGS, lambda each: each.thing.id in governing)
    settings = _worst(kept.settings, MOST_SETTINGS)
    left_out = (
        *_left("workload", part.work, work),
        *_left("node pool", telling, pools),
        *_left("installer", part.makers, makers),
        *_left("configuration", part.settings, settings),
    )
    return replace(kept, makers=makers, settings=settings, left_out=left_out)


def _of_work(part: Part, work: Sequence[Work]) -> Part:
    """The part with these workloads only; pools and configurations stay."""
    less = reachable(replace(part, work=tuple(work)))
    return replace(less, pools=part.pools, makers=part.makers, settings=part.settings)


def _within(outcome: Outcome, pools: set[str]) -> Outcome:
    return replace(outcome, pools=tuple(each for each in outcome.pools if each in pools))


def _worst(things: Sequence[T], most: int, first: Callable[[T], bool] = lambda _: False) -> tuple[T, ...]:
    """At most so many: those with the worst findings, then those that come `first`; in the order they had."""
    if len(things) <= most:
        return tuple(things)
    ranked = sorted(
        range(len(things)), key=lambda index: (_rank(things[index].thing.findings), not first(things[index]))
    )
    return tuple(things[index] for index in sorted(ranked[:most]))


def _rank(findings: Iterable[Finding]) -> int:
    return min((SEVERITIES.index(each.severity) for each in findings), default=len(SEVERITIES))


def _left(noun: str, all_of: Sequence[T], shown: Sequence[T]) -> tuple[str, ...]:
    number = _members(all_of) - _members(shown)
    return (f"{number} {noun}{'' if number == 1 else 's'}",) if number else ()


def _members(things: Iterable[T]) -> int:
    found: list[Thing] = [each.thing for each in things]
    return sum(len(each.members) for each in found)
