"""An SVG drawing of a picture: columns from workloads to what configures their nodes, for light and dark pages.

It holds no script and refers to nothing outside. Sizes are in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from gpulint.frozen import frozen
from gpulint.reports.graph.drawing import COLUMNS, Box, Drawing, Frame, Line, Sheet, boxes_of, drawing
from gpulint.reports.graph.layout import Item, placed, text_width, wrapped

if TYPE_CHECKING:
    from gpulint.picture import Picture

_MARGIN, _GAP, _BETWEEN = 24, 14, 76
_WIDTHS = (272, 268, 268, 236, 268)
"""Of the boxes of each column."""
_TITLE, _TEXT = 13.0, 11.5
"""Font sizes."""
_BOLD = 1.1
"""How much wider bold letters are."""
_TITLE_LINE, _TEXT_LINE = 18, 16
_PADDING = 10
_FRAME_HEAD, _FRAME_PADDING = 30, 12
_HEADING = 34
_MOST_LINES = 3
"""Lines that one sentence may take."""


@frozen
class _Row:
    """A line of text in a box."""

    text: str
    style: str


@frozen
class _Placed:
    """A box with its text and where it goes."""

    box: Box
    rows: tuple[_Row, ...]
    x: float
    y: float
    width: float
    height: float


@frozen
class _Border:
    """A frame and where it goes."""

    frame: Frame
    x: float
    y: float
    width: float
    height: float


@frozen
class _Page:
    """A sheet with everything in its place, from `top` on."""

    sheet: Sheet
    columns: tuple[int, ...]
    boxes: tuple[_Placed, ...]
    borders: tuple[_Border, ...]
    top: float
    bottom: float


def svg(picture: Picture) -> str:
    """The drawing as one document."""
    drawn = drawing(picture)
    columns = _columns(drawn)
    pages, top = [], 84.0
    for sheet in drawn.sheets:
        page = _page(sheet, columns, top)
        pages.append(page)
        top = page.bottom + 28
    width = max(_left(columns, len(columns)) - _BETWEEN + _MARGIN, 900)
    legend, height = _legend(top, width)
    body = [*_head(drawn), *(line for page in pages for line in _sheet(page, width)), *legend]
    size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
    style = (resources.files("gpulint.reports.graph") / "drawing.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(drawn.title)}</title>',
            f'<desc id="description">{escape(drawn.subtitle)}</desc>',
            f"<style>\n{style}</style>",
            _ARROWS,
            f'<rect class="page" width="{_n(width)}" height="{_n(height)}"/>',
            *body,
            "</svg>\n",
        ]
    )


_ARROWS = "\n".join(
    [
        "<defs>",
        *(
            f'<marker id="arrow-{tone}" class="arrow {tone}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8Z"/></marker>'
            for tone in ("plain", "good", "bad", "nowhere")
        ),
        "</defs>",
    ]
)


# --- places -----------------------------------------------------------------------------------------------------------


def _columns(drawn: Drawing) -> tuple[int, ...]:
    """The columns that have boxes; the first is always there."""
    return tuple(sorted({0, *(box.column for sheet in drawn.sheets for box in sheet.boxes)}))


def _left(columns: Sequence[int], index: int) -> float:
    """The left side of a column, by its index among those shown."""
    return _MARGIN + _FRAME_PADDING * 2 + sum(_WIDTHS[each] + _BETWEEN for each in columns[:index])


def _page(sheet: Sheet, columns: tuple[int, ...], top: float) -> _Page:
    start = top + (30 if sheet.title else 0) + _HEADING
    rows = {box.id: tuple(_rows(box)) for box in sheet.boxes}
    heights = {box.id: _height(rows[box.id]) for box in sheet.boxes}
    framed, borders = _framed(sheet, heights)
    items = [[Item(each.id, heights[each.id]) for each in sheet.boxes if each.column == column] for column in columns]
    tops = placed(items, [(line.source, line.target) for line in sheet.lines], framed, _GAP)
    boxes = tuple(
        _Placed(
            box,
            rows[box.id],
            _left(columns, columns.index(box.column)),
            start + tops[box.id],
            _WIDTHS[box.column],
            heights[box.id],
        )
        for box in sheet.boxes
    )
    moved = tuple(_Border(each.frame, each.x, start + each.y, each.width, each.height) for each in borders)
    bottom = max([start + 40, *(each.y + each.height for each in boxes), *(each.y + each.height for each in moved)])
    return _Page(sheet, columns, boxes, moved, top, bottom + (26 if sheet.note else 0))


def _framed(sheet: Sheet, heights: dict[str, float]) -> tuple[dict[str, float], list[_Border]]:
    """The tops of the boxes in frames, one frame below the other, and the frames."""
    tops: dict[str, float] = {}
    borders, y = [], 0.0
    for frame in sheet.frames:
        start = y
        y += _FRAME_HEAD
        for box in boxes_of(sheet, frame.id):
            tops[box.id] = y
            y += heights[box.id] + _GAP
        y += _FRAME_PADDING - _GAP
        borders.append(_Border(frame, _MARGIN + _FRAME_PADDING, start, _WIDTHS[0] + 2 * _FRAME_PADDING, y - start))
        y += _GAP + 4
    return tops, borders


def _rows(box: Box) -> Iterator[_Row]:
    width = _WIDTHS[box.column] - 2 * _PADDING
    yield from (_Row(line, "title") for line in wrapped(box.title, _TITLE * _BOLD, width, _MOST_LINES))
    for text in box.lines:
        style = "verdict" if text.startswith(("✓", "✗")) or box.tone == "nowhere" else "text"
        yield from (_Row(line, style) for line in wrapped(text, _TEXT, width, _MOST_LINES))
    if box.marks:
        yield _Row(box.marks, "marks")


def _height(rows: Sequence[_Row]) -> float:
    return sum(_TITLE_LINE if row.style == "title" else _TEXT_LINE for row in rows) + 2 * _PADDING - 4


# --- drawing ----------------------------------------------------------------------------------------------------------


def _head(drawn: Drawing) -> Iterator[str]:
    yield f'<text class="headline" x="{_MARGIN}" y="40">{escape(drawn.title)}</text>'
    yield f'<text class="subtitle" x="{_MARGIN}" y="62">{escape(drawn.subtitle)}</text>'
    if not drawn.sheets:
        yield f'<text class="text" x="{_MARGIN}" y="92">Nothing in the input uses GPUs.</text>'


def _sheet(page: _Page, width: float) -> Iterator[str]:
    if page.sheet.title:
        yield f'<path class="rule" d="M{_MARGIN} {_n(page.top)}H{_n(width - _MARGIN)}"/>'
        yield f'<text class="cluster" x="{_MARGIN}" y="{_n(page.top + 24)}">{escape(page.sheet.title)}</text>'
    heading = page.top + (30 if page.sheet.title else 0) + 18
    for index, column in enumerate(page.columns):
        if any(each.box.column == column for each in page.boxes):
            x = _left(page.columns, index) - (_FRAME_PADDING if column == 0 else 0)
            yield f'<text class="heading" x="{_n(x)}" y="{_n(heading)}">{escape(COLUMNS[column])}</text>'
    yield from (line for border in page.borders for line in _border(border))
    yield from _curves(page)
    yield from (line for each in page.boxes for line in _box(each))
    if page.sheet.note:
        yield f'<text class="text" x="{_MARGIN}" y="{_n(page.bottom - 6)}">{escape(page.sheet.note)}</text>'


def _border(border: _Border) -> Iterator[str]:
    frame = border.frame
    x, y = border.x, border.y
    yield _rect(f"frame {frame.severity}", x, y, border.width, border.height, 10)
    marks = text_width(frame.marks, _TEXT) + 12 if frame.marks else 0
    (title, *_) = wrapped(frame.title, _TITLE * _BOLD, border.width - 24 - marks, 1) or [""]
    yield f'<text class="namespace" x="{_n(x + 12)}" y="{_n(y + 20)}">{escape(title)}</text>'
    if frame.marks:
        right = _n(x + border.width - 12)
        where = f'x="{right}" y="{_n(y + 20)}"'
        yield f'<text class="marks {frame.severity}" text-anchor="end" {where}>{frame.marks}</text>'


def _box(each: _Placed) -> Iterator[str]:
    box = each.box
    yield f'<g class="box {box.look} {box.severity} {box.tone}">'
    if box.hint:
        yield f"<title>{escape(box.hint)}</title>"
    yield _rect("body", each.x, each.y, each.width, each.height, each.height / 2 if _is_pill(each) else 7)
    if box.look != "outcome":
        yield f'<path class="edge" d="M{_n(each.x + 1.5)} {_n(each.y + 7)}v{_n(each.height - 14)}"/>'
    y = each.y + _PADDING - 4
    for row in each.rows:
        y += _TITLE_LINE if row.style == "title" else _TEXT_LINE
        x = each.x + _PADDING + (2 if box.look != "outcome" else 4)
        yield f'<text class="{row.style}" x="{_n(x)}" y="{_n(y - 3)}">{escape(row.text)}</text>'
    yield "</g>"


def _is_pill(each: _Placed) -> bool:
    return each.box.look == "outcome" and len(each.rows) == 1


def _rect(style: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    size = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(min(radius, 14))}"'
    return f"<rect class={quoteattr(style.strip())} {size}/>"


def _curves(page: _Page) -> Iterator[str]:
    """The lines; at each box sorted by where they go, so that they do not cross on the way."""
    at = {each.box.id: each for each in page.boxes}
    leaving = _ports(page.sheet.lines, at, outgoing=True)
    arriving = _ports(page.sheet.lines, at, outgoing=False)
    for line in page.sheet.lines:
        source, target = at[line.source], at[line.target]
        x1, y1 = source.x + source.width, leaving[line]
        x2, y2 = target.x - 2, arriving[line]
        bend = max((x2 - x1) / 2, 20)
        path = f"M{_n(x1)} {_n(y1)}C{_n(x1 + bend)} {_n(y1)} {_n(x2 - bend)} {_n(y2)} {_n(x2)} {_n(y2)}"
        tone = line.tone or "plain"
        style = f"line {tone}{' dashed' if line.dashed else ''}"
        yield f'<path class="{style}" d="{path}" marker-end="url(#arrow-{tone})"/>'
        if line.label:
            middle = f'x="{_n((x1 + x2) / 2)}" y="{_n((y1 + y2) / 2 - 5)}"'
            yield f'<text class="label" text-anchor="middle" {middle}>{escape(line.label)}</text>'


def _ports(lines: Sequence[Line], at: dict[str, _Placed], *, outgoing: bool) -> dict[Line, float]:
    """How high each line leaves its source, or arrives at its target."""
    by_box: dict[str, list[Line]] = {}
    for line in lines:
        by_box.setdefault(line.source if outgoing else line.target, []).append(line)
    found: dict[Line, float] = {}
    for name, same in by_box.items():
        box = at[name]
        same.sort(key=lambda line: at[line.target if outgoing else line.source].y)
        for index, line in enumerate(same, 1):
            found[line] = box.y + box.height * index / (len(same) + 1)
    return found


# --- legend -----------------------------------------------------------------------------------------------------------

_KEYS = (
    ("line plain", "declared nodes that match"),
    ("line plain dashed", "nodes that may match, or that nobody declares"),
    ("line good", "as recommended"),
    ("line bad", "not as recommended"),
    ("line nowhere", "nothing can take it"),
    ("marks error", "✖ error"),
    ("marks warning", "▲ warning"),
    ("marks info", "● info"),
)


def _legend(top: float, width: float) -> tuple[list[str], float]:
    """The legend in as many rows as it takes, and where it ends."""
    drawn, x, y = [], float(_MARGIN), top + 10
    for style, text in _KEYS:
        lead = 36 if style.startswith("line") else 0
        need = lead + text_width(text, _TEXT) + 14
        if x > _MARGIN and x + need > width - _MARGIN:
            x, y = float(_MARGIN), y + 20
        if lead:
            drawn.append(f'<path class="{style}" d="M{_n(x)} {_n(y)}h30"/>')
        drawn.append(f'<text class="{"text" if lead else style}" x="{_n(x + lead)}" y="{_n(y + 4)}">{text}</text>')
        x += need
    return drawn, y + 34


def _n(number: float) -> str:
    """A coordinate in tenths of a pixel, the same on every machine."""
    return f"{round(number, 1):g}" if abs(number) < 100_000 else f"{number:.0f}"
