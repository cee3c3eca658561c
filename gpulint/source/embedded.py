"""Positions inside a scalar: an offset into its value → an offset into the text that holds it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from gpulint.source.spans import node_start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import ScalarNode

_WORD = re.compile(r"\S+")
_BREAKS = "\n\r\x85\u2028\u2029"
_ESCAPES = {"x": 2, "u": 4, "U": 8}


class OffsetMap:
    """Maps offsets of a scalar's value to offsets of the text it was composed from.

    Block scalars, plain scalars and quoted scalars without escapes keep their words: indentation and folding only
    touch the space between them, so the words of the value and of the text are aligned one by one. Quoted scalars with
    escapes are read again character by character. Where neither works `exact` is false and a span maps to its text if
    that occurs once, else to the first line of the scalar.
    """

    def __init__(self, text: str, node: ScalarNode) -> None:
        self._value: str = node.value
        self.start = node_start(text, node)
        self.end: int = self.start + len(text[self.start : node.end_mark.index].rstrip())
        self._text = text
        self._inner: list[int] = []
        self._outer: list[int] = []
        self.exact = self._align(node.style)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place of `value[start:end]` in the text."""
        if not self.exact:
            return self._search(start, end)
        outer = self.offset(start)
        if end <= start:
            return outer, outer
        return outer, max(self.offset(end - 1) + 1, outer)

    def offset(self, inner: int) -> int:
        """The place of one character, or of the end of the value."""
        index = bisect_right(self._inner, inner) - 1
        if index < 0:
            return self._outer[0] if self._outer else self.start
        outer = self._outer[index] + inner - self._inner[index]
        limit = self._outer[index + 1] if index + 1 < len(self._outer) else self.end
        return min(outer, limit)

    def _align(self, style: str | None) -> bool:
        raw = self._text[self.start : self.end]
        if style == '"' and "\\" in raw:
            return self._align_characters(_double_quoted(raw))
        if style == "'" and "''" in raw:
            return self._align_characters(_single_quoted(raw))
        first, last = _content(raw, style)
        return self._align_words(first, last)

    def _align_words(self, first: int, last: int) -> bool:
        inner = list(_WORD.finditer(self._value))
        outer = list(_WORD.finditer(self._text, self.start + first, self.start + last))
        if [word[0] for word in inner] != [word[0] for word in outer]:
            return False
        for index, (value_word, text_word) in enumerate(zip(inner, outer, strict=True)):
            self._add_indentation(value_word.start(), text_word.start(), inner[index - 1].end() if index else 0)
            self._inner.append(value_word.start())
            self._outer.append(text_word.start())
        return True

    def _add_indentation(self, inner: int, outer: int, previous_end: int) -> None:
        """The blanks before a word belong to the word, not to the line above."""
        blanks = inner
        while blanks > previous_end and self._value[blanks - 1] in " \t":
            blanks -= 1
        at_line_start = blanks == 0 or self._value[blanks - 1] in _BREAKS
        if at_line_start and blanks < inner:
            self._inner.append(blanks)
            self._outer.append(outer - (inner - blanks))

    def _align_characters(self, characters: Iterator[tuple[int, str]]) -> bool:
        places = list(characters)
        if "".join(character for _, character in places) != self._value:
            return False
        self._inner = list(range(len(places) + 1))
        self._outer = [self.start + place for place, _ in places] + [self.end - 1]
        return True

    def _search(self, start: int, end: int) -> tuple[int, int]:
        wanted = self._value[start:end]
        raw = self._text[self.start : self.end]
        if wanted.strip() and raw.count(wanted) == 1:
            place = self.start + raw.index(wanted)
            return place, place + len(wanted)
        line_end = raw.find("\n")
        return self.start, self.end if line_end < 0 else self.start + line_end


def _content(raw: str, style: str | None) -> tuple[int, int]:
    """Where the content of a scalar starts and ends within its raw text."""
    if style in ("|", ">"):
        line_end = next((i for i, character in enumerate(raw) if character in _BREAKS), len(raw))
        return line_end, len(raw)
    if style in ("'", '"'):
        return 1, len(raw) - 1
    return 0, len(raw)


def _single_quoted(raw: str) -> Iterator[tuple[int, str]]:
    position, end = 1, len(raw) - 1
    while position < end:
        if raw[position] in _BREAKS + " \t":
            position, characters = _fold(raw, position, end)
            yield from characters
        elif raw[position] == "'":
            yield position, "'"
            position += 2
        else:
            yield position, raw[position]
            position += 1


def _double_quoted(raw: str) -> Iterator[tuple[int, str]]:
    position, end = 1, len(raw) - 1
    while position < end:
        if raw[position] in _BREAKS + " \t":
            position, characters = _fold(raw, position, end)
            yield from characters
        elif raw[position] != "\\":
            yield position, raw[position]
            position += 1
        elif raw[position + 1] in _BREAKS:
            position = _skip_blanks(raw, _after_break(raw, position + 1), end)
        else:
            length = 2 + _ESCAPES.get(raw[position + 1], 0)
            yield position, _unescape(raw[position : position + length])
            position += length


def _fold(raw: str, position: int, end: int) -> tuple[int, list[tuple[int, str]]]:
    """One run of blanks: kept within a line, folded across lines."""
    after = _skip_blanks(raw, position, end)
    if after >= end or raw[after] not in _BREAKS:
        return after, [(i, raw[i]) for i in range(position, after)]
    breaks: list[int] = []
    while after < end and raw[after] in _BREAKS:
        breaks.append(after)
        after = _skip_blanks(raw, _after_break(raw, after), end)
    if len(breaks) == 1:
        return after, [(breaks[0], " ")]
    return after, [(place, "\n") for place in breaks[1:]]


def _skip_blanks(raw: str, position: int, end: int) -> int:
    while position < end and raw[position] in " \t":
        position += 1
    return position


def _after_break(raw: str, position: int) -> int:
    return position + (2 if raw.startswith("\r\n", position) else 1)


_SIMPLE_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def _unescape(escape: str) -> str:
    letter = escape[1]
    if letter not in _ESCAPES:
        return _SIMPLE_ESCAPES.get(letter, letter)
    code = int(escape[2:], 16)
    return chr(code) if code <= 0x10FFFF else ""
