"""A DOT graph for Graphviz: `gpulint graph --format dot | dot -Tsvg`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gpulint.reports.graph.drawing import Box, Drawing, Frame, Line, Sheet, boxes_of, drawing

if TYPE_CHECKING:
    from gpulint.picture import Picture

_FILLS = {
    "error": ("#fde8e8", "#c81e1e"),
    "warning": ("#fdf3d7", "#b45309"),
    "info": ("#e1effe", "#1c64f2"),
    "good": ("#def7ec", "#057a55"),
    "bad": ("#fdf3d7", "#b45309"),
    "nowhere": ("#fde8e8", "#c81e1e"),
    "": ("#ffffff", "#6b7280"),
}
_SHAPES = {"config": "note", "installer": "component", "queue": "cds"}
_TONES = {"good": "#057a55", "bad": "#b45309", "nowhere": "#c81e1e", "": "#6b7280"}


def dot(picture: Picture) -> str:
    """The graph; every name and label in it is a quoted string."""
    return "\n".join(_lines(drawing(picture))) + "\n"


def _lines(drawn: Drawing) -> Iterator[str]:
    yield "digraph gpulint {"
    yield "  rankdir=LR; ranksep=1.2; nodesep=0.2; fontname=Helvetica; labeljust=l;"
    yield f"  label={quoted(drawn.subtitle)};"
    yield "  node [shape=box, style=filled, fontname=Helvetica, fontsize=11];"
    yield "  edge [fontname=Helvetica, fontsize=9];"
    for sheet in drawn.sheets:
        yield from _sheet(sheet)
    yield "}"


def _sheet(sheet: Sheet) -> Iterator[str]:
    inner = "  "
    if sheet.title:
        yield f"  subgraph {quoted(f'cluster_{sheet.id}')} {{"
        yield f"    label={quoted(sheet.title)};"
        inner = "    "
    for frame in sheet.frames:
        yield f"{inner}subgraph {quoted(f'cluster_{frame.id}')} {{"
        yield f"{inner}  label={quoted(*_frame(frame))}; color={quoted(_FILLS[frame.severity][1])};"
        yield from (f"{inner}  {_box(box)}" for box in boxes_of(sheet, frame.id))
        yield f"{inner}}}"
    yield from (f"{inner}{_box(box)}" for box in boxes_of(sheet, ""))
    if sheet.note:
        yield f"{inner}{quoted(f'{sheet.id}_note')} [shape=plaintext, label={quoted(sheet.note)}];"
    yield from (f"{inner}{_line(line)}" for line in sheet.lines)
    if sheet.title:
        yield "  }"


def _frame(frame: Frame) -> list[str]:
    return [frame.title, *([frame.marks] if frame.marks else [])]


def _box(box: Box) -> str:
    fill, stroke = _FILLS[box.severity or box.tone]
    parts = [part for part in (box.title, *box.lines, box.marks) if part]
    style = {"outcome": "filled,rounded", "undeclared": "filled,dashed"}.get(box.look, "filled")
    attributes = {
        "label": quoted(*parts),
        "shape": _SHAPES.get(box.look, "box"),
        "style": quoted(style),
        "fillcolor": quoted(fill),
        "color": quoted(stroke),
        "tooltip": quoted(box.hint),
    }
    return f"{quoted(box.id)} [{', '.join(f'{name}={value}' for name, value in attributes.items())}];"


def _line(line: Line) -> str:
    style = "dashed" if line.dashed else "solid"
    text = f", label={quoted(line.label)}" if line.label else ""
    return f"{quoted(line.source)} -> {quoted(line.target)} [style={style}, color={quoted(_TONES[line.tone])}{text}];"


def quoted(*lines: str) -> str:
    r"""Lines as one string: `"` and `\` are escaped, and `&`, which would begin an HTML entity in a label."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
