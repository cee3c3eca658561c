"""One HTML page with the whole picture, to search, filter and look into; it loads nothing and sends nothing.

Everything from the input is JSON in a data block, in which no `<` is left, and the script puts it into the page as
text. The Content-Security-Policy allows this style and this script, by their hashes, and nothing else.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, TypeAlias

from gpulint import untrusted
from gpulint.picture.model import counts
from gpulint.reports.graph import words
from gpulint.reports.graph.drawing import COLUMNS, Box, Sheet, drawing
from gpulint.reports.placement import STRATEGIES, gets, verdict_text
from gpulint.reports.text import not_analysed

if TYPE_CHECKING:
    from gpulint.finding import Finding, Location
    from gpulint.picture import Part, Picture
    from gpulint.picture.model import (
        Barred,
        DeviceClaim,
        Maker,
        Namespace,
        Pool,
        Queue,
        Ruling,
        Settings,
        Thing,
        Way,
        Work,
    )

Json: TypeAlias = dict[str, object]

_FILES = resources.files("gpulint.reports.graph")


def page(picture: Picture) -> str:
    """The page."""
    style, script = (_FILES.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    template = Template(_FILES.joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'",
        style=style,
        script=script,
        data=embedded(_data(picture)),
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def embedded(data: object) -> str:
    """JSON in ASCII for a `<script>` element: without `<`, `>` and `&` nothing in it can end or begin markup."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


# --- data -------------------------------------------------------------------------------------------------------------


def _data(picture: Picture) -> Json:
    drawn = drawing(picture)
    elsewhere = _findings(picture.elsewhere)
    return {
        "version": picture.version,
        "subtitle": drawn.subtitle,
        "notAnalysed": untrusted.one_line(not_analysed(picture.not_analysed).strip()),
        "columns": COLUMNS,
        "parts": [_part(part, sheet) for part, sheet in zip(picture.parts, drawn.sheets, strict=True)],
        "elsewhere": [_section("Findings", elsewhere)] if elsewhere else [],
    }


def _part(part: Part, sheet: Sheet) -> Json:
    details = dict(_details(part))
    filters = {each.thing.id: _filters(each, part) for each in part.work}
    return {
        "title": sheet.title,
        "frames": [
            {
                "id": frame.id,
                "title": frame.title,
                "name": untrusted.one_line(namespace.name) or "(not stated)",
                "marks": _marks(namespace.findings),
                "severity": frame.severity,
                "sections": list(_of_namespace(namespace, part)),
            }
            for frame, namespace in zip(sheet.frames, part.namespaces, strict=True)
        ],
        "boxes": [{**_box(box), **details.get(box.id, {}), **filters.get(box.id, {})} for box in sheet.boxes],
        "lines": [[line.source, line.target, line.tone, line.dashed] for line in sheet.lines],
        "undrawn": [
            {"id": pool.thing.id, "title": words.title(pool.thing), **details[pool.thing.id]}
            for pool in part.pools
            if pool.thing.id not in {box.id for box in sheet.boxes}
        ],
    }


def _box(box: Box) -> Json:
    return {
        "id": box.id,
        "column": box.column,
        "frame": box.group,
        "look": box.look,
        "title": box.title,
        "lines": box.lines,
        "severity": box.severity,
        "tone": box.tone,
    }


def _filters(work: Work, part: Part) -> Json:
    used = {way.outcome for way in work.ways}
    given = {given for each in part.outcomes if each.id in used for given in words.gives(each)}
    return {"class": work.workload_class, "gets": sorted(given)}


def _marks(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(severity, words.mark(severity, number)) for severity, number in counts(findings)]


# --- what is told of a thing ------------------------------------------------------------------------------------------


def _details(part: Part) -> Iterator[tuple[str, Json]]:
    """For each thing the marks, where it stands, and what there is to read about it."""
    for work in part.work:
        yield _thing(work.thing, _of_work(work))
    for pool in part.pools:
        yield _thing(pool.thing, _of_pool(pool, part))
    for maker in part.makers:
        yield _thing(maker.thing, _of_maker(maker, part))
    for settings in part.settings:
        yield _thing(settings.thing, _of_settings(settings, part))
    for queue in part.queues:
        yield _thing(queue.thing, _of_queue(queue, part))
    for claim in part.claims:
        yield _thing(claim.thing, _of_claim(claim, part))


def _thing(thing: Thing, sections: Iterable[Json]) -> tuple[str, Json]:
    is_object = thing.kind != "selector"
    members = [_item(member.name, at=member.location) for member in thing.members if is_object]
    found = _findings(thing.findings)
    return thing.id, {
        "marks": _marks(thing.findings),
        "members": members,
        "sections": [
            *([_section("Findings", found)] if found else []),
            *sections,
            *([_section(f"These {len(members)} are alike", members)] if len(members) > 1 else []),
        ],
    }


def _findings(findings: Iterable[Finding]) -> list[Json]:
    return [
        {
            **_item(each.message, at=each.location),
            "severity": each.severity,
            "rule": untrusted.one_line(each.rule),
            "confidence": each.confidence,
            "fix": untrusted.lines(each.help.strip()),
            "more": [_item(related.message, at=related.location) for related in each.related],
        }
        for each in findings
    ]


def _section(title: str, items: Iterable[Json]) -> Json:
    return {"title": title, "items": list(items)}


def _item(*lines: str, at: Location | None = None, to: Iterable[str] = (), tone: str = "") -> Json:
    """Lines of text, with the place they speak of and the things that they lead to."""
    item: Json = {"lines": words.safe(lines)}
    targets = list(to)
    if at:
        item["at"] = words.at(at)
    if targets:
        item["to"] = targets
    if tone:
        item["tone"] = tone
    return item


def _of_namespace(namespace: Namespace, part: Part) -> Iterator[Json]:
    found = _findings(namespace.findings)
    if found:
        yield _section("Findings", found)
    inside = [each.thing.id for each in part.work if each.namespace == namespace.name]
    yield _section("Workloads", [_item(to=inside)])


# --- workloads --------------------------------------------------------------------------------------------------------


def _of_work(work: Work) -> Iterator[Json]:
    known = work.recommendation
    yield _section("Asks for", [_item(words.asked(work))])
    evidence = f"because of {work.evidence}" if work.evidence else ""
    recommended = f"{STRATEGIES[known.strategy]} recommended: {known.reason}" if known and known.strategy else ""
    why_none = f"nothing is recommended: {known.reason}" if known and not known.strategy else ""
    yield _section("What it is", [_item(work.workload_class, evidence), _item(recommended, why_none)])
    waits = [each for each in (work.queue, *work.claims) if each]
    if waits:
        yield _section("Waits for", [_item(to=waits)])
    ways = [way for way in work.ways if way.pools]
    for title, wanted in (("Can run on", True), ("May run on", False)):
        found = [_way(way) for way in ways if (way.option.declared and not way.option.doubt) is wanted]
        if found:
            yield _section(title, found)
    if work.barred:
        yield _section("Cannot run on", map(_barred, work.barred))
    if work.note:
        yield _section("Note", [_item(work.note)])


def _way(way: Way) -> Json:
    option = way.option
    doubt = f"if it matches: {option.doubt}" if option.doubt else ""
    because = [
        f"because: {grant.reason}{'' if grant.confidence == 'high' else f' (confidence {grant.confidence})'}"
        for grant in option.grants
    ]
    verdict = verdict_text(option.agreement) if option.agreement.verdict else ""
    at = next((grant.decided_at for grant in option.grants if grant.decided_at), None)
    tone = {"yes": "good", "no": "bad", "some": "bad"}.get(option.agreement.verdict, "")
    return _item(doubt, *map(gets, option.grants), *because, verdict, at=at, to=way.pools, tone=tone)


def _barred(barred: Barred) -> Json:
    return _item(barred.reason, to=barred.pools)


# --- the others -------------------------------------------------------------------------------------------------------


def _of_pool(pool: Pool, part: Part) -> Iterator[Json]:
    if pool.has_gpu or pool.gpus:
        yield _section("Has", [_item(words.gpus(pool.gpus, pool.gpu_count))])
    shown = list(words.advertised(pool))
    if shown:
        yield _section("Advertises", [_item(line) for line in shown])
    if pool.taints:
        yield _section("Taints", [_item(taint) for taint in pool.taints])
    title = "Governed by one of these" if len(pool.rulings) > 1 else "Governed by"
    rulings = [each for each in map(_ruling, pool.rulings) if each]
    if rulings:
        yield _section(title, rulings)
    yield from _served(part, pool.thing.id)


def _ruling(ruling: Ruling) -> Json:
    entry = f"config '{ruling.entry}'" if ruling.entry else ""
    to = [each for each in (ruling.installer, ruling.config) if each]
    return _item(*([entry] if entry else []), *words.chain(ruling), at=ruling.decided_at, to=to)


def _served(part: Part, pool: str) -> Iterator[Json]:
    outcomes = {each.id: each for each in part.outcomes if pool in each.pools}
    sure, unsure = (
        [
            each.thing.id
            for each in part.work
            if any(way.outcome in outcomes and outcomes[way.outcome].sure is wanted for way in each.ways)
        ]
        for wanted in (True, False)
    )
    if sure:
        yield _section("Workloads that can run here", [_item(to=sure)])
    if unsure:
        yield _section("Workloads that may run here", [_item(to=unsure)])
    barred: dict[str, list[str]] = {}
    for work in part.work:
        for each in work.barred:
            if pool in each.pools:
                barred.setdefault(each.reason, []).append(work.thing.id)
    if barred:
        yield _section("Workloads that cannot", [_item(reason, to=ids) for reason, ids in barred.items()])


def _of_maker(maker: Maker, part: Part) -> Iterator[Json]:
    lines = words.maker_lines(maker)
    if lines:
        yield _section("Is set to", [_item(line) for line in lines])
    named = [each.config for each in maker.named if each.config]
    if named:
        yield _section("Names", [_item(to=named)])
    yield from _governed(part, lambda ruling: ruling.installer == maker.thing.id)


def _of_settings(settings: Settings, part: Part) -> Iterator[Json]:
    if settings.entries:
        yield _section("Holds", [_item(f"{name}: {meaning}") for name, meaning in settings.entries])
    by = [each.thing.id for each in part.makers if any(named.config == settings.thing.id for named in each.named)]
    yield _section("Named by", [_item(to=by) if by else _item("nothing in the input")])
    yield from _governed(part, lambda ruling: ruling.config == settings.thing.id)


def _governed(part: Part, governs: Callable[[Ruling], bool]) -> Iterator[Json]:
    pools = [each.thing.id for each in part.pools if any(map(governs, each.rulings))]
    if pools:
        yield _section("Governs", [_item(to=pools)])


def _of_queue(queue: Queue, part: Part) -> Iterator[Json]:
    lines = words.queue_lines(queue)
    if lines:
        yield _section("Holds", [_item(line) for line in lines])
    if queue.pools:
        yield _section("Flavors", [_item(to=queue.pools)])
    yield from _waiting(each.thing.id for each in part.work if each.queue == queue.thing.id)


def _of_claim(claim: DeviceClaim, part: Part) -> Iterator[Json]:
    yield _section("Asks for", [_item(line) for line in words.claim_lines(claim)])
    yield from _waiting(each.thing.id for each in part.work if claim.thing.id in each.claims)


def _waiting(ids: Iterable[str]) -> Iterator[Json]:
    found = list(ids)
    if found:
        yield _section("Workloads", [_item(to=found)])
