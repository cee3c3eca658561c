"""Where boxes go: columns whose order is given, each box near what it is connected to, none over another.

The columns of a picture mean something, so that nothing has to be found but the order within each and the heights:
layered drawing (Sugiyama) without its first two steps, with the heights by isotonic regression.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from gpulint.frozen import frozen

_REACH = 220.0
"""How far below the first box that it is connected to a box is put: not halfway down a long column."""
_NARROW = frozenset("iljtfr.,:;'|!()[]/\\ -I`")
_WIDE = frozenset("mwMW@%—…→")


@frozen
class Item:
    """A box to be placed."""

    id: str
    height: float


def text_width(text: str, size: float) -> float:
    """The width that a line has at most in the usual sans-serif fonts (DejaVu Sans is the widest of them)."""
    return sum(map(_em, text)) * size


def _em(char: str) -> float:
    if char in _NARROW:
        return 0.4
    if char in _WIDE or unicodedata.east_asian_width(char) in "WF":
        return 1.05
    if char.isupper() or not char.isascii():
        return 0.78
    return 0.64


def wrapped(text: str, size: float, width: float, most: int) -> list[str]:
    """The text in lines of at most this width; what does not fit in `most` lines ends in `…`."""
    lines: list[str] = []
    rest = text.strip()
    while rest:
        line = _fitting(rest, size, width)
        left = rest[len(line) :].strip()
        if left and len(lines) + 1 == most:
            return [*lines, f"{_fitting(rest, size, width - size * 1.05).rstrip()}…"]
        lines.append(line.strip())
        rest = left
    return lines


def _fitting(text: str, size: float, width: float) -> str:
    """The longest beginning that fits, up to a break between words where there is one not too far back."""
    used, end = 0.0, 0
    for char in text:
        used += _em(char) * size
        if used > width and end:
            break
        end += 1
    if end == len(text):
        return text
    breaks = [at for at in range(end, end // 2, -1) if text[at] == " " or text[at - 1] in " /-,"]
    return text[: breaks[0]] if breaks else text[:end]


def placed(
    columns: Sequence[Sequence[Item]], lines: Iterable[tuple[str, str]], first: Mapping[str, float], gap: float
) -> dict[str, float]:
    """The top of each box. Those of the first column are given; every other column is put in the best order."""
    neighbours: dict[str, list[str]] = {}
    for source, target in lines:
        neighbours.setdefault(target, []).append(source)
    tops = dict(first)
    middles = {item.id: tops[item.id] + item.height / 2 for item in columns[0]} if columns else {}
    last = 0.0
    for column in columns[1:]:
        wanted: dict[str, float] = {}
        for item in column:
            known = [middles[each] for each in neighbours.get(item.id, ()) if each in middles]
            last = min(sum(known) / len(known), min(known) + _REACH) if known else _below(middles, last)
            wanted[item.id] = last
        ordered = sorted(column, key=lambda item: wanted[item.id])
        for item, top in zip(ordered, _stacked(ordered, wanted.__getitem__, gap), strict=True):
            tops[item.id] = top
            middles[item.id] = top + item.height / 2
    return tops


def _below(middles: Mapping[str, float], last: float) -> float:
    """What is connected to nothing comes last."""
    return max([*middles.values(), last])


def _stacked(items: Sequence[Item], wanted: Callable[[str], float], gap: float) -> list[float]:
    """Tops in this order, with a gap between boxes, as near as can be to the wanted middles (least squares)."""
    offsets, run = [], 0.0
    for item in items:
        offsets.append(run)
        run += item.height + gap
    blocks: list[tuple[float, int]] = []
    for item, offset in zip(items, offsets, strict=True):
        blocks.append((wanted(item.id) - item.height / 2 - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (value, number), (other, more) = blocks[-2:]
            blocks[-2:] = [((value * number + other * more) / (number + more), number + more)]
    starts = [max(value, 0.0) for value, number in blocks for _ in range(number)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]
