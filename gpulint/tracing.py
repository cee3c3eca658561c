"""Hits in rendered text → where the user wrote what they are about, each once however many renders show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace

from gpulint.finding import CONFIDENCES, SEVERITIES
from gpulint.frozen import frozen
from gpulint.manifest import Place, place_key
from gpulint.origin import Traced, source_comment, trace
from gpulint.rule import Hit
from gpulint.source import Source

_MOST_NAMES = 4


@frozen
class Traces:
    """A hit and the places in the user's files that it stands for."""

    hit: Hit
    """As in the rendered text: object and field are those of what reaches the cluster."""
    place: Place
    also: tuple[Place, ...] = ()
    """Other places whose comments speak of it."""


def traced(hits: Iterable[Hit], sources: Iterable[Source]) -> Iterator[Traces]:
    """Hits with their places; of equal ones in several renders the worst, with the renders named in its message."""
    hits, labels = tuple(hits), _labels(sources)
    rendered = {_template(hit) for hit in hits if hit.place.document.source.render is not None} - {None}
    groups: dict[Hashable, list[tuple[Hit, Traced]]] = defaultdict(list)
    for hit in hits:
        if hit.place.document.source.render is None and rendered and _template(hit) in rendered:
            continue  # text that was rendered before, of a chart that has been rendered now
        found = trace(hit.place)
        groups[_key(hit, found)].append((hit, found))
    for group in groups.values():
        made = [hit.place.document.source.render for hit, _ in group]
        worst = min(zip(group, made, strict=True), key=lambda each: _rank(each[0][0]))[1]
        renders = sorted({each.label for each in made if each is not None})
        for (hit, found), render in zip(group, made, strict=True):
            if render is worst:
                several = len(labels.get(found.place.document.source.path, ())) > 1
                yield _traces(hit, found, renders if several else [])


def _labels(sources: Iterable[Source]) -> Mapping[str, set[str]]:
    """The renders that each file is part of."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        if source.render is not None:
            for original in source.render.originals():
                found[original.path].add(source.render.label)
    return found


def _template(hit: Hit) -> Hashable | None:
    """What Helm says a hit is of, for text that it has rendered."""
    document = hit.place.document
    said = source_comment(document)
    return (hit.rule.id, said[0], document.kind, hit.place.field()) if said else None


def _key(hit: Hit, found: Traced) -> Hashable:
    """Equal for what is one finding in several renders; hits in text that was not rendered stand for themselves."""
    if hit.place.document.source.render is None:
        return id(hit)
    return hit.rule.id, place_key(found.place), hit.place.document.kind, hit.place.field()


def _rank(hit: Hit) -> tuple[int, int]:
    return SEVERITIES.index(hit.severity), CONFIDENCES.index(hit.confidence)


def _traces(hit: Hit, found: Traced, renders: list[str]) -> Traces:
    related = [(trace(place).place, message) for place, message in hit.related]
    if found.template is not None:
        related.append((found.template, "rendered here"))
    if hit.place.document.source.render is None:
        said = source_comment(hit.place.document)
        if said is not None and hit.place.path:
            related.append((said[1], f"rendered from {said[0]}"))
        return Traces(replace(hit, related=tuple(related)), found.place)
    message = f"{hit.message} (in {_listed(renders)})" if renders else hit.message
    # what a program could type belongs to the rendered text
    return Traces(replace(hit, message=message, related=tuple(related), edits=()), found.place, found.on_the_way)


def _listed(renders: list[str]) -> str:
    more = len(renders) - _MOST_NAMES
    return ", ".join(renders[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
