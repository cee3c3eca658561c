"""Patterns of paths: where the same thing stands in objects of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from gpulint.frozen import frozen
from gpulint.kube.tree import Path, get, mapping, sequence, text

Bindings: TypeAlias = tuple[str | int, ...]
"""What the wildcards of a pattern took, from left to right."""


@frozen
class Selection:
    """A step to the members of a list that have a value: `[name=node]`, `[targets.*.name=node]`."""

    path: tuple[str, ...]
    value: str

    def takes(self, member: object) -> bool:
        return any(text(get(member, path)) == self.value for path, _ in expand(self.path, member))


Pattern: TypeAlias = tuple[str | Selection, ...]

_WILDCARDS = frozenset({"*", "{}"})


@frozen
class Condition:
    """`path=value`; `path`: that something is there; `{}=value`: what the last wildcard took."""

    at: Pattern
    value: str | None

    def holds(self, root: object, bindings: Bindings = ()) -> bool:
        if not self.at:
            return bool(bindings) and text(bindings[-1]) == self.value
        found = value_at(self.at, root, bindings)
        return found is not None if self.value is None else text(found) == self.value


def pattern(written: str) -> Pattern:
    """Read `/spec/groups/*/template`: `*` is every element of a list, `{}` every value of a mapping, `~1` a slash."""
    return tuple(_step(step) for step in written.split("/")[1:])


def condition(written: str) -> Condition:
    """Read `/spec/suspend=true` or `/spec/template`."""
    path, equals, value = written.partition("=")
    return Condition(pattern(path), value if equals else None)


def expand(steps: Pattern, root: object, given: Bindings = ()) -> Iterator[tuple[Path, Bindings]]:
    """The paths that a pattern stands for, with what its wildcards took; the first of them take what is `given`."""
    if not steps:
        yield (), ()
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, str) and step not in _WILDCARDS:
        for path, bindings in expand(rest, mapping(root).get(step), given):
            yield (step, *path), bindings
        return
    is_wildcard = isinstance(step, str)
    members = given[:1] if is_wildcard and given else _members(step, root)
    for key in members:
        for path, bindings in expand(rest, get(root, (key,)), given[1:] if is_wildcard else given):
            yield (key, *path), ((key, *bindings) if is_wildcard else bindings)


def bound(steps: Pattern, root: object, bindings: Bindings) -> Path | None:
    """The path of a pattern whose wildcards took what they did elsewhere; None where a selection finds nothing."""
    return next((path for path, _ in expand(steps, root, bindings)), None)


def value_at(steps: Pattern, root: object, bindings: Bindings = ()) -> object:
    """What stands there; None when nothing does."""
    path = bound(steps, root, bindings)
    return get(root, path) if path is not None else None


def moved(steps: Pattern, top: Pattern, to: Pattern) -> Pattern:
    """A pattern with what it has below `top` below `to` instead; unchanged where it is not below `top`."""
    return (*to, *steps[len(top) :]) if steps[: len(top)] == top else steps


def _members(step: str | Selection, root: object) -> Sequence[str | int]:
    if isinstance(step, Selection):
        return [index for index, member in enumerate(sequence(root)) if step.takes(member)]
    if step == "*":
        return range(len(sequence(root)))
    return [key for key in root if isinstance(key, str)] if isinstance(root, Mapping) else []


def _step(written: str) -> str | Selection:
    if written.startswith("[") and written.endswith("]"):
        path, _, value = written[1:-1].partition("=")
        return Selection(tuple(path.split(".")), value)
    return written.replace("~1", "/")
