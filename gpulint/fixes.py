"""Findings that a program can mend: which text is put in, what the files are then.

Everything else in a file stays as it is, byte for byte. Edits that overlap are left for the next run.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from gpulint.finding import Edit, Finding, Location
from gpulint.frozen import frozen
from gpulint.source import read_stdin

_Stretch: TypeAlias = tuple[int, int, str]
"""Offsets, and what goes there."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
"""What needs no quotes in YAML, less what would be a number or a boolean, which no edit puts where text must be."""


@frozen
class Mended:
    """What fixing makes of the files."""

    texts: Mapping[str, str]
    """Path → the new text, for the files that change; sorted."""
    fixed: int
    """Findings whose edits are in it."""
    left: int
    """Findings with edits that wait: unsafe and not asked for, or overlapping with others."""


def replacement(location: Location, source: str, text: str, *, safe: bool) -> Edit | None:
    """An edit that puts `text` in the place of one token; quotes around it stay. None where it is no plain token."""
    start, end = _offsets(location, source)
    old = source[start:end]
    if "\n" in old or not _PLAIN.fullmatch(text):
        return None
    if old[:1] in "\"'" and len(old) > 1 and old[-1] == old[0]:
        return Edit(location, f"{old[0]}{text}{old[0]}", safe)
    return Edit(location, text, safe) if old and old[0] not in "&*!|>{[\"'" else None


def insertion(location: Location, source: str, text: str, *, safe: bool) -> Edit | None:
    """An edit that puts lines before that of a key, indented as it is. None where the key does not begin its line."""
    start, _ = _offsets(location, source)
    begin = source.rfind("\n", 0, start) + 1
    indent = source[begin:start]
    if indent.strip(" "):
        return None
    at = Location(location.path, location.line, 1, location.line, 1)
    ending = "\r\n" if source[begin : source.find("\n", begin) + 1].endswith("\r\n") else "\n"
    return Edit(at, "".join(f"{indent}{line}{ending}" for line in text.strip("\n").split("\n")), safe)


def mend(findings: Iterable[Finding], texts: Mapping[str, str], *, unsafe: bool) -> Mended:
    """The texts with the edits of all findings that count, first come first served where they overlap."""
    taken: dict[str, list[_Stretch]] = defaultdict(list)
    fixed = left = 0
    for finding in findings:
        if not finding.edits or finding.suppressed:
            continue
        if any(each.location.path not in texts for each in finding.edits):
            left += 1
            continue
        wanted = [
            (each.location.path, (*_offsets(each.location, texts[each.location.path]), each.text))
            for each in finding.edits
        ]
        free = all(not _overlaps(taken[path], edit) for path, edit in wanted)
        if not free or not (unsafe or all(each.safe for each in finding.edits)):
            left += 1
            continue
        added = {
            path: [*taken[path], *(edit for at, edit in wanted if at == path and edit not in taken[path])]
            for path, _ in wanted
        }
        if all(_is_sound(path, texts[path], edits) for path, edits in added.items()):
            fixed += 1
            taken.update(added)
        else:
            left += 1
    changed = {path: _replaced(texts[path], edits) for path, edits in sorted(taken.items()) if edits}
    return Mended({path: text for path, text in changed.items() if text != texts[path]}, fixed, left)


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """A unified diff, line by line."""
    for path, text in after.items():
        old, new = (_lines(each) for each in (before[path], text))
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    r"""With their ends, which are `\n` only, as everywhere."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "\n" else [*lines[:-1], lines[-1].removesuffix("\n")]


def _overlaps(taken: Iterable[_Stretch], edit: _Stretch) -> bool:
    """The same edit twice is one; two that put text in at one place are not."""
    start, end, _ = edit
    others = (other for other in taken if other != edit)
    return any((start < other[1] and other[0] < end) or start == other[0] for other in others)


def _is_sound(path: str, before: str, edits: Iterable[_Stretch]) -> bool:
    """Whether the file has no more YAML problems than before: an edit must not make a key come twice."""
    return _problems(path, _replaced(before, edits)) <= _problems(path, before)


def _problems(path: str, text: str) -> int:
    return sum(len(document.problems()) for document in read_stdin(text, path).documents())


def _replaced(text: str, edits: Iterable[_Stretch]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _offsets(location: Location, text: str) -> tuple[int, int]:
    return (
        _offset(text, location.line, location.column),
        _offset(text, location.end_line, location.end_column),
    )


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start + column - 1
