"""The text of a Helm template, as far as it can be read without running it: keys, nesting, what fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gpulint.frozen import frozen
from gpulint.source import Source

Reference = tuple[str, ...]
"""A path in the values; `*` for every element of a list."""

_KEY = re.compile(
    r"""^(?P<indent>[ ]*)(?P<dash>(?:-[ ]+)*)
        (?P<key>"[^"\n]*"|'[^'\n]*'|[^\s\-?:{}\[\]"'\#&*!|>%@,][^\n:{}]*?|-?[^\s\-:{}][^\n:{}]*?)
        [ ]*:(?:[ \t]+(?P<value>[^\n]*?))?[ \t]*\r?$""",
    re.X,
)
_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.S)
_BLOCK = re.compile(r"^(if|with|range|define|block)\b(.*)", re.S)
_ASSIGNED = re.compile(r"(?:\$\w+\s*,\s*)?(\$\w+)\s*:?=\s*(.*)", re.S)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_INDEX = re.compile(r'index\s+(\$?\.Values(?:\.\w+)*)((?:\s+"[^"]+")+)')
_REFERENCE = re.compile(r"(?<![\w.)\]])(\$\w*|)((?:\.\w+)+|\.(?![\w.]))")
_BUILT_IN = frozenset({"Release", "Chart", "Capabilities", "Template", "Files", "Subcharts"})


@frozen
class Line:
    """A line of a template with a key."""

    number: int
    """From 0."""
    indent: int
    """The column of the key."""
    key: str
    key_span: tuple[int, int]
    """Offsets in the text of the source."""
    value: str
    value_span: tuple[int, int]
    above: tuple[int, ...]
    """The lines with the keys around it, the nearest first."""
    part: int
    """Which document of the template it is in."""


@dataclass(slots=True)
class Template:
    """One template."""

    source: Source
    lines: list[Line] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)
    """Document → its kind, where that is written out."""
    _rows: list[str] = field(default_factory=list)
    _contexts: list[Mapping[str, Reference | None]] = field(default_factory=list)
    """For each row what variables, and the dot under the name ``, stand for as it begins."""

    @classmethod
    def of(cls, source: Source) -> Template:
        """Read the text of a template."""
        made = cls(source)
        made._rows = source.text.split("\n")
        made._read_lines()
        made._read_contexts()
        return made

    def find(self, keys: Sequence[str], kind: str) -> list[Line]:
        """The lines that hold the last of `keys` under most of the others; several where nothing tells them apart."""
        named = (line for line in self.lines if line.key == keys[-1] and self.kinds.get(line.part, kind) == kind)
        ranked = [(self._rank(line, keys[:-1]), line) for line in named]
        best = max((rank for rank, _ in ranked), default=(0, 0))
        return [line for rank, line in ranked if rank == best]

    def _rank(self, line: Line, above: Sequence[str]) -> tuple[int, int]:
        """How many of the keys above it are the wanted ones in their order, and how few others there are."""
        matched, left = 0, list(above)
        for number in line.above:
            key = self._by_number[number].key
            if key in left:
                matched += 1
                while left.pop() != key:
                    pass
        return matched, matched - len(line.above)

    @property
    def _by_number(self) -> Mapping[int, Line]:
        return {line.number: line for line in self.lines}

    def enclosing(self, line: Line) -> Iterator[Line]:
        """The keys around a line, the nearest first."""
        known = self._by_number
        return (known[number] for number in line.above)

    def references(self, line: Line, *, block: bool) -> Iterator[Reference]:
        """The values that the actions of a line name, with `block` also those of what is nested below its key."""
        yield from self._named(line.value, line.number)
        if not block:
            return
        for number in range(line.number + 1, len(self._rows)):
            row = self._rows[number]
            stripped = row.strip()
            indent = len(row) - len(row.lstrip(" "))
            is_key = stripped and not stripped.startswith(("{{", "#"))
            if is_key and indent <= line.indent and not (stripped.startswith("- ") and indent == line.indent):
                return
            if re.match(r"\{\{-?\s*end\b", stripped) and indent < line.indent:
                return
            yield from self._named(row, number)

    def writes_name(self, name: str) -> bool:
        """Whether a member of a list has that name, as it is written."""
        return any(line.key == "name" and line.value.strip("\"' ") == name for line in self.lines)

    def siblings_named(self, line: Line, name: str) -> bool:
        """Whether a `name` stands beside one of the keys around a line, in the same member of a list."""
        around = {line.indent, *(each.indent for each in self.enclosing(line))}
        names = (each for each in self.lines if each.key == "name" and each.value.strip("\"' ") == name)
        return any(each.indent in around and not self._begins_between(each, line) for each in names)

    def _begins_between(self, one: Line, other: Line) -> bool:
        first, last = sorted((one.number, other.number))
        column = one.indent
        for number in range(first + 1, last + 1):
            row = self._rows[number]
            dash = row.find("- ")
            if row.strip() and row[:dash].strip() == "" and 0 <= dash < column:
                return True
        return False

    def _read_lines(self) -> None:
        offset, part = 0, 0
        stack: list[Line] = []
        for number, row in enumerate(self._rows):
            if row.startswith("---"):
                part, stack = part + 1, []
            found = _KEY.match(row)
            if found and not row.lstrip().startswith(("#", "{{")):
                indent = len(found["indent"]) + len(found["dash"])
                stack = [each for each in stack if each.indent < indent]
                key = found["key"].strip("\"'")
                value = found["value"] or ""
                begin = offset + (found.start("value") if found["value"] else found.start("key"))
                end = begin + len(value) if found["value"] else offset + found.end("key")
                span = offset + found.start("key"), offset + found.end("key")
                above = tuple(each.number for each in reversed(stack))
                line = Line(number, indent, key, span, _uncommented(value), (begin, end), above, part)
                self.lines.append(line)
                stack.append(line)
                if key == "kind" and not indent and "{{" not in value:
                    self.kinds[part] = value.strip("\"' ")
            offset += len(row) + 1

    def _read_contexts(self) -> None:
        stack: list[dict[str, Reference | None]] = []
        current: dict[str, Reference | None] = {"": (), "$": ()}
        for row in self._rows:
            before = current
            for found in _ACTION.finditer(row):
                action = found[1]
                if action.startswith(("/*", "else")):
                    continue
                block = _BLOCK.match(action)
                if re.match(r"end\b", action):
                    current = stack.pop() if stack else current
                elif block:
                    stack.append(current)
                    current = self._inside(block[1], block[2].strip(), dict(current))
                elif _ASSIGNED.match(action):
                    current = self._assigned(action, dict(current))
            self._contexts.append({**before, **{name: to for name, to in current.items() if name not in before}})

    def _inside(self, word: str, rest: str, context: dict[str, Reference | None]) -> dict[str, Reference | None]:
        assigned = _ASSIGNED.match(rest)
        expression = assigned[2] if assigned else rest
        if word in {"define", "block"}:
            context[""] = None
            return context
        target = next(iter(_resolved(expression, context)), None)
        if word == "range":
            target = (*target, "*") if target is not None else None
        if word in {"with", "range"}:
            context[""] = target
        if assigned:
            context[assigned[1]] = target
        return context

    def _assigned(self, action: str, context: dict[str, Reference | None]) -> dict[str, Reference | None]:
        found = _ASSIGNED.match(action)
        if found:
            context[found[1]] = next(iter(_resolved(found[2], context)), None)
        return context

    def _named(self, text: str, number: int) -> Iterator[Reference]:
        for found in _ACTION.finditer(text):
            action = found[1]
            if not re.match(r"(?:if|else|end|/\*|define|template)\b", action):
                context = self._contexts[number]
                yield from _resolved(_BLOCK.sub(r"\2", action), context)


def _resolved(expression: str, context: Mapping[str, Reference | None]) -> Iterator[Reference]:
    """The paths in the values that an expression names."""
    for found in _INDEX.finditer(expression):
        steps = found[1].lstrip("$").split(".")[2:]
        yield (*steps, *re.findall(r'"([^"]+)"', found[2]))
    bare = _STRING.sub('""', _INDEX.sub("", expression))
    for found in _REFERENCE.finditer(bare):
        steps = tuple(step for step in found[2].split(".") if step)
        if steps[:1] == ("Values",) and found[1] in {"", "$"}:
            yield steps[1:]
            continue
        base = context.get(found[1])
        if base is None or (steps and steps[0] in _BUILT_IN) or (not base and found[1] in {"", "$"}):
            continue
        yield (*base, *steps)


def _uncommented(value: str) -> str:
    return re.sub(r"(?:^|[ \t])#[^\n{}]*$", "", value)


__all__ = ["Line", "Reference", "Template"]
