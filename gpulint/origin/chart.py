"""Places in what Helm renders → the line of the values that set it, else the line of the template that writes it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from gpulint.frozen import frozen
from gpulint.kube.tree import get, text
from gpulint.manifest import Place
from gpulint.origin.alignment import alike
from gpulint.origin.template import Line, Reference, Template
from gpulint.origin.traced import Traced
from gpulint.source import Document, Path, Source
from gpulint.source.rendering import Render
from gpulint.untrusted import number

_MARK = "# Source: "
_SOURCE = re.compile(rf"^{_MARK}(?P<source>[^/\s]+/\S+)", re.M)
_FURTHEST = 2000
"""How far into a document the comment may be: what Helm puts first."""
_LONGEST_TAIL = 3
"""Keys by which a value is looked for that no template names."""


def trace_chart(place: Place, made: Render) -> Traced:
    """The values line where that is clear, else the template."""
    said = source_comment(place.document)
    path = said[0].partition("/")[2] if said else ""
    source = made.files.get(posixpath.normpath(posixpath.join(made.folder, path))) if path else None
    if source is None:
        return Traced(Place.at(made.values[0] if made.values else next(iter(made.files.values())), 0, 0))
    wanted = _Wanted.of(place, _values(made, path))
    template = _template(source)
    found = _line(template, wanted)
    if found is None:
        begin = Place.at(source, 0, 0)
        value = _by_tail(wanted)
        return Traced(value, (begin,), begin) if value else Traced(begin)
    line, depth = found
    written = _written(source, line, wanted, whole=depth == len(wanted.path))
    around = (written, *(Place.at(source, *each.key_span) for each in template.enclosing(line)))
    value = _value(template, line, wanted, depth)
    return Traced(value, around, written) if value else Traced(written, around)


def source_comment(document: Document) -> tuple[str, Place] | None:
    """The template that Helm says a document is from, `chart/templates/x.yaml`, and where it says so."""
    head = document.text[:_FURTHEST]
    found = _SOURCE.search(head) if _MARK in head else None
    if found is None or any(row and not row.startswith(("#", "---")) for row in head[: found.start()].split("\n")):
        return None
    start, end = found.span("source")
    return found["source"], Place.at(document.source, document.start + start, document.start + end)


@frozen
class _Values:
    """A values file, and where in it the chart's own values are."""

    document: Document
    prefix: Path

    def places(self, reference: Reference) -> Iterator[tuple[Place, object]]:
        """What a reference names; elements of lists one by one."""
        for path in _expanded(self.document.data(), (*self.prefix, *reference), ()):
            yield Place(self.document, path), get(self.document.data(), path)


@frozen
class _Wanted:
    """What is looked for."""

    place: Place
    outer: Path
    """What exists of the path of the place in the rendered document."""
    inner: Path
    """The path in the texts that stand there, one after another."""
    value: object
    values: tuple[_Values, ...]
    """The last first: it decides."""

    @classmethod
    def of(cls, place: Place, values: tuple[_Values, ...]) -> _Wanted:
        exists = place.document.exists
        lengths = range(len(place.path), 0, -1)
        outer = next((place.path[:length] for length in lengths if exists(place.path[:length])), ())
        inner: Path = ()
        value = get(place.document.data(), outer)
        if outer == place.path and place.inner:
            inner = tuple(step for path in place.inner for step in path)
            embedded = replace(place, inner=place.inner[:-1]).embedded()
            value = get(embedded.data() if embedded else None, place.inner[-1])
        return cls(place, outer, inner, value, values)

    @property
    def path(self) -> Path:
        return (*self.outer, *self.inner)

    @property
    def kind(self) -> str:
        return text(get(self.place.document.data(), ("kind",)))

    def names(self, depth: int) -> Iterator[str]:
        """Of the members of lists that the first steps of the path lead through, the innermost first."""
        for index in range(min(depth, len(self.outer)) - 1, -1, -1):
            if isinstance(self.outer[index], int):
                name = text(get(self.place.document.data(), (*self.outer[: index + 1], "name")))
                if name:
                    yield name


def _values(made: Render, template: str) -> tuple[_Values, ...]:
    """The values that a template sees: those of the charts above it for charts below them, then its own defaults."""
    below = re.findall(r"charts/([^/]+)/", template)
    found = [(source, tuple(below)) for source in reversed(made.values)]
    for depth in range(1, len(below) + 1):
        folder = "/".join(f"charts/{name}" for name in below[:depth])
        path = posixpath.normpath(posixpath.join(made.folder, folder, "values.yaml"))
        if path in made.files:
            found.append((made.files[path], tuple(below[depth:])))
    documents = ((next(iter(source.documents()), None), prefix) for source, prefix in found)
    return tuple(_Values(document, prefix) for document, prefix in documents if document is not None)


def _line(template: Template, wanted: _Wanted) -> tuple[Line, int] | None:
    """The line of the deepest key on the path that the template writes, and how many steps of the path it covers."""
    for depth in range(len(wanted.path), 0, -1):
        if isinstance(wanted.path[depth - 1], int):
            continue
        keys = [step for step in wanted.path[:depth] if isinstance(step, str)]
        found = template.find(keys, wanted.kind)
        for name in wanted.names(depth):
            if template.writes_name(name):
                found = [line for line in found if template.siblings_named(line, name)]
        if len(found) > 1 and depth == len(wanted.path):
            found = [line for line in found if alike(line.value.strip("\"'"), text(wanted.value))] or found
        if len(found) == 1:
            return found[0], depth
    return None


def _written(source: Source, line: Line, wanted: _Wanted, *, whole: bool) -> Place:
    missing = wanted.outer != wanted.place.path or wanted.place.token == "key"
    return Place.at(source, *(line.key_span if missing or not whole or not line.value else line.value_span))


def _value(template: Template, line: Line, wanted: _Wanted, depth: int) -> Place | None:
    """The place in the values that fills in the line, or what is below its key."""
    rest = wanted.path[depth:]
    if not rest and "{{" not in line.value and line.value:
        return None
    references = list(dict.fromkeys(template.references(line, block=bool(rest) or not line.value)))
    for reference in references:
        found = _lookup(wanted, (*reference, *map(str, rest)), exact=len(references) > 1)
        if found is not None:
            return found
    if rest and len(rest) <= len(wanted.inner):
        texts = replace(wanted, inner=(), value=get(wanted.place.document.data(), wanted.outer))
        for reference in references:  # a text that the values hold as such
            found = _lookup(texts, (*reference, *map(str, wanted.outer[depth:])), exact=True)
            if found is not None:
                return found
    if rest:
        for reference in references:
            found = _lookup(wanted, reference, exact=True)
            if found is not None:
                return found
    calls = "include" in line.value or bool(rest)
    return _by_tail(wanted) if calls else None


def _lookup(wanted: _Wanted, reference: Reference, *, exact: bool) -> Place | None:
    """What a reference names in the last values that have it."""
    for values in wanted.values:
        found = list(values.places(reference))
        same = [place for place, value in found if alike(value, wanted.value)]
        by_key = [place for place, value in found if wanted.place.token == "key" and alike(value, wanted.path[-1])]
        if same or by_key:
            return _finished(same[0], wanted) if same else by_key[0]
        if len(found) == 1 and not exact:
            return _finished(found[0][0], wanted)
    return None


def _by_tail(wanted: _Wanted) -> Place | None:
    """The only place in the values that ends in the same keys and has the same value."""
    keys = tuple(step for step in wanted.path if isinstance(step, str))
    if not keys or isinstance(wanted.value, Mapping | list):
        return None
    for values in wanted.values:
        every = list(_leaves(values.document.data(), ()))
        for length in range(min(len(keys), _LONGEST_TAIL), 0, -1):
            found = [
                path
                for path, value in every
                if tuple(step for step in path if isinstance(step, str))[-length:] == keys[-length:]
                and alike(value, wanted.value)
            ]
            if len(found) == 1 and length > 1:
                return _finished(Place(values.document, found[0]), wanted)
            if found:
                break
    return None


def _finished(place: Place, wanted: _Wanted) -> Place:
    """With the rest of the path, the token and the inner path that were asked for."""
    found = place.below(*wanted.place.path[len(wanted.outer) :], token=wanted.place.token)
    for inner in () if wanted.inner else wanted.place.inner:
        found = found.into(inner, wanted.place.token)
    return found


def _expanded(data: object, reference: Sequence[str | int], done: Path) -> Iterator[Path]:
    if not reference:
        yield done
        return
    step, rest = reference[0], reference[1:]
    if step == "*":
        members: list[str | int] = list(range(len(data))) if isinstance(data, list) else []
        members = [str(key) for key in data] if isinstance(data, Mapping) else members
    elif isinstance(data, list) and str(step).isdecimal():
        members = [index] if (index := number(str(step))) < len(data) else []
    else:
        members = [step] if isinstance(data, Mapping) and step in data else []
    for member in members:
        inside = data[member] if isinstance(data, Mapping | list) else None  # type: ignore[index]
        yield from _expanded(inside, rest, (*done, member))


def _leaves(data: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _leaves(value, (*path, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _leaves(value, (*path, index))
    else:
        yield path, data


@lru_cache(maxsize=64)
def _template(source: Source) -> Template:
    return Template.of(source)
