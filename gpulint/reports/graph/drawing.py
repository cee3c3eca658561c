"""A picture as boxes and lines between them, for the formats that are drawn once and then stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from gpulint import untrusted
from gpulint.frozen import frozen
from gpulint.reports.graph import words
from gpulint.reports.text import count

if TYPE_CHECKING:
    from gpulint.picture import Part, Picture
    from gpulint.picture.model import Outcome, Pool, Thing

Look: TypeAlias = Literal["work", "outcome", "queue", "claim", "pool", "undeclared", "installer", "config"]
Tone: TypeAlias = Literal["", "good", "bad", "nowhere"]

COLUMNS = ("Workloads", "What they get", "Nodes and pools", "Governed by", "Configured by")
"""Headings, from left to right."""


@frozen
class Box:
    """A thing."""

    id: str
    column: int
    """Index of `COLUMNS`."""
    group: str
    """The frame around it; empty for none."""
    look: Look
    title: str
    lines: tuple[str, ...]
    marks: str
    severity: str
    """Of the worst finding; empty for none."""
    tone: Tone
    hint: str
    """More on it, `path:line`."""


@frozen
class Frame:
    """A namespace."""

    id: str
    title: str
    marks: str
    severity: str


@frozen
class Line:
    """From one box to another, to the right."""

    source: str
    target: str
    dashed: bool
    tone: Tone
    label: str = ""


@frozen
class Sheet:
    """One cluster."""

    id: str
    title: str
    """Empty where there is only one."""
    frames: tuple[Frame, ...]
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    note: str
    """What is left out; empty when nothing is."""


@frozen
class Drawing:
    """All clusters."""

    title: str
    subtitle: str
    sheets: tuple[Sheet, ...]


def drawing(picture: Picture) -> Drawing:
    """The boxes and lines of a picture, each line once."""
    single = len(picture.parts) == 1
    sheets = tuple(_sheet(part, titled=not single or bool(part.name)) for part in picture.parts)
    return Drawing("GPU placement", subtitle(picture), sheets)


def subtitle(picture: Picture) -> str:
    """What is in it and what was found: one line."""
    found = [count(number, severity) for severity, number in picture.found]
    what = f"{count(picture.workloads, 'GPU workload')}, {count(picture.pools, 'node pool')}"
    where = f"{count(picture.objects, 'object')} of {count(picture.files, 'file')}"
    elsewhere = f", {len(picture.elsewhere)} of them about nothing drawn here" if picture.elsewhere else ""
    return f"{what} in {where}: {', '.join(found) or 'nothing found'}{elsewhere}"


def _sheet(part: Part, *, titled: bool) -> Sheet:
    boxes = tuple(_boxes(part))
    known = {box.id for box in boxes}
    lines = tuple(dict.fromkeys(line for line in _lines(part) if {line.source, line.target} <= known))
    more = "--format html has all; --namespace and --workload choose"
    note = f"Not shown: {', '.join(part.left_out)}; {more}." if part.left_out else ""
    title = f"cluster {part.name}" if part.name else "no cluster of the configuration"
    frames = tuple(
        Frame(each.id, words.namespace_title(each.name), words.marks(each.findings), words.worst(each.findings))
        for each in part.namespaces
    )
    return Sheet(part.id, untrusted.one_line(title) if titled else "", frames, boxes, lines, note)


# --- boxes ------------------------------------------------------------------------------------------------------------


def _boxes(part: Part) -> Iterator[Box]:
    frames = {each.name: each.id for each in part.namespaces}
    for work in part.work:
        yield _box(work.thing, 0, "work", words.work_title(work), words.work_lines(work), frames[work.namespace])
    for outcome in part.outcomes:
        yield Box(outcome.id, 1, "", "outcome", "", words.outcome_lines(outcome), "", "", tone(outcome), "")
    for queue in part.queues:
        yield _box(queue.thing, 1, "queue", words.title(queue.thing), words.queue_lines(queue))
    for claim in part.claims:
        yield _box(claim.thing, 1, "claim", words.title(claim.thing), words.claim_lines(claim))
    for pool in _drawn(part):
        look: Look = "pool" if pool.declared else "undeclared"
        yield _box(pool.thing, 2, look, words.title(pool.thing), words.pool_lines(pool))
    for maker in part.makers:
        yield _box(maker.thing, 3, "installer", words.title(maker.thing), words.maker_lines(maker))
    named = {each.config for maker in part.makers for each in maker.named}
    for settings in part.settings:
        column = 4 if settings.thing.id in named or _beside(part, settings.thing.id) else 3
        yield _box(settings.thing, column, "config", words.title(settings.thing), words.settings_lines(settings))


def _box(thing: Thing, column: int, look: Look, title: str, lines: tuple[str, ...], group: str = "") -> Box:
    found = thing.findings
    where = words.at(thing.members[0].location)
    rules = dict.fromkeys(f"{each.severity}[{each.rule}]" for each in found)
    hint = "  ".join([where, *rules])
    return Box(thing.id, column, group, look, title, lines, words.marks(found), words.worst(found), "", hint)


def _drawn(part: Part) -> list[Pool]:
    """Without pools that have no GPU, serve nobody and have nothing wrong with them."""
    served = {pool for each in part.outcomes for pool in each.pools} | {
        pool for queue in part.queues for pool in queue.pools
    }
    return [each for each in part.pools if each.thing.id in served or each.thing.findings or _is_gpu_pool(each)]


def _is_gpu_pool(pool: Pool) -> bool:
    return pool.declared and pool.has_gpu


def _beside(part: Part, config: str) -> bool:
    """Whether it governs pools that an installer governs as well."""
    return any(ruling.config == config and ruling.installer for pool in part.pools for ruling in pool.rulings)


def tone(outcome: Outcome) -> Tone:
    """Whether it is as recommended."""
    if not outcome.grants:
        return "nowhere"
    return {"yes": "good", "no": "bad", "some": "bad"}.get(outcome.agreement.verdict, "")  # type: ignore[return-value]


# --- lines ------------------------------------------------------------------------------------------------------------


def _lines(part: Part) -> Iterator[Line]:
    outcomes = {each.id: each for each in part.outcomes}
    for work in part.work:
        for way in work.ways:
            if way.outcome in outcomes:
                outcome = outcomes[way.outcome]
                yield Line(work.thing.id, outcome.id, not outcome.sure, tone(outcome))
        for target in (work.queue, *work.claims):
            yield Line(work.thing.id, target, dashed=False, tone="")
    for outcome in part.outcomes:
        for pool in outcome.pools:
            yield Line(outcome.id, pool, not outcome.sure, tone(outcome))
    for queue in part.queues:
        for pool in queue.pools:
            yield Line(queue.thing.id, pool, dashed=False, tone="")
    yield from _governing(part)


def _governing(part: Part) -> Iterator[Line]:
    for pool in part.pools:
        for ruling in pool.rulings:
            yield Line(pool.thing.id, ruling.installer or ruling.config, len(pool.rulings) > 1, "")
    for maker in part.makers:
        for named in maker.named:
            yield Line(maker.thing.id, named.config, dashed=False, tone="", label=_ROLES[named.role])
    named_by = {(maker.thing.id, each.config) for maker in part.makers for each in maker.named}
    for pool in part.pools:
        for ruling in pool.rulings:
            if ruling.installer and ruling.config and (ruling.installer, ruling.config) not in named_by:
                yield Line(ruling.installer, ruling.config, dashed=True, tone="", label="may be meant")


_ROLES = {"device-plugin": "device plugin", "mig": "MIG"}


def boxes_of(sheet: Sheet, group: str) -> Sequence[Box]:
    """The boxes in a frame, or with an empty group those in none."""
    return [box for box in sheet.boxes if box.group == group]
