"""A Mermaid flowchart, which GitHub, GitLab and many wikis draw in Markdown.

Labels are quoted, and of the characters in them all but the harmless are entity codes (`#34;`): Mermaid replaces these
after it has parsed the diagram and any Markdown in it (`encodeEntities` and `decodeEntities` of its `utils.ts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gpulint.reports.graph.drawing import Box, Drawing, Frame, Line, Sheet, boxes_of, drawing

if TYPE_CHECKING:
    from gpulint.picture import Picture

_HARMLESS = frozenset(" .,:-/=()+")
"""Beside letters and digits; they mean nothing within a word of a quoted label."""
_SHAPES = {"outcome": ("([", "])"), "installer": ("[[", "]]"), "queue": (">", "]")}
_STYLES = """\
classDef error fill:#fde8e8,stroke:#c81e1e,color:#1f2937,stroke-width:2px
classDef warning fill:#fdf3d7,stroke:#b45309,color:#1f2937,stroke-width:2px
classDef info fill:#e1effe,stroke:#1c64f2,color:#1f2937
classDef good fill:#def7ec,stroke:#057a55,color:#1f2937
classDef bad fill:#fdf3d7,stroke:#b45309,color:#1f2937
classDef nowhere fill:#fde8e8,stroke:#c81e1e,color:#1f2937
classDef undeclared stroke-dasharray:4 3
classDef namespace_error fill:none,stroke:#c81e1e,stroke-width:2px
classDef namespace_warning fill:none,stroke:#b45309,stroke-width:2px
classDef namespace_info fill:none,stroke:#1c64f2"""


def mermaid(picture: Picture) -> str:
    """The diagram, ready for a code block ` ```mermaid `."""
    return "\n".join(_lines(drawing(picture))) + "\n"


def _lines(drawn: Drawing) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  %% {_comment(drawn.subtitle)}"
    for sheet in drawn.sheets:
        yield from _sheet(sheet)
    yield from (f"  {line}" for line in _STYLES.splitlines())
    for name, members in sorted(_classes(drawn).items()):
        yield f"  class {','.join(members)} {name}"
    if not drawn.sheets:
        yield f'  nothing["{label("nothing that uses GPUs")}"]'


def _comment(text: str) -> str:
    """A line of the diagram that is not parsed: braces and percent signs would begin a directive."""
    return "".join(char for char in text if char.isalnum() or char in " ,:-")


def _sheet(sheet: Sheet) -> Iterator[str]:
    inner = "  "
    if sheet.title:
        yield f'  subgraph {sheet.id}["{label(sheet.title)}"]'
        yield "    direction LR"
        inner = "    "
    for frame in sheet.frames:
        yield f'{inner}subgraph {frame.id}["{_frame_label(frame)}"]'
        yield f"{inner}  direction TB"
        yield from (f"{inner}  {_box(box)}" for box in boxes_of(sheet, frame.id))
        yield f"{inner}end"
    yield from (f"{inner}{_box(box)}" for box in boxes_of(sheet, ""))
    if sheet.note:
        yield f'{inner}{sheet.id}_note["{label(sheet.note)}"]'
    if sheet.title:
        yield "  end"
    yield from (f"  {_line(line)}" for line in sheet.lines)


def _frame_label(frame: Frame) -> str:
    return label(f"{frame.title}  {frame.marks}".strip())


def _box(box: Box) -> str:
    opening, closing = _SHAPES.get(box.look, ("[", "]"))
    parts = [part for part in (box.title, *box.lines, box.marks) if part]
    return f'{box.id}{opening}"{"<br>".join(map(label, parts))}"{closing}'


def _line(line: Line) -> str:
    arrow = "-.->" if line.dashed else "-->"
    text = f'|"{label(line.label)}"|' if line.label else ""
    return f"{line.source} {arrow}{text} {line.target}"


def _classes(drawn: Drawing) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for box in (box for sheet in drawn.sheets for box in sheet.boxes):
        names = [box.severity or box.tone, *(["undeclared"] if box.look == "undeclared" else [])]
        for name in filter(None, names):
            found.setdefault(name, []).append(box.id)
    for frame in (frame for sheet in drawn.sheets for frame in sheet.frames):
        if frame.severity:
            found.setdefault(f"namespace_{frame.severity}", []).append(frame.id)
    return found


def label(text: str) -> str:
    """Text for a quoted label, all of it literal; the first character is always a letter, a digit or a code."""
    return "".join(
        char if _is_harmless(char) and (index or char.isalnum()) else f"#{ord(char)};"
        for index, char in enumerate(text)
    )


def _is_harmless(char: str) -> bool:
    return char in _HARMLESS or (char.isascii() and char.isalnum())
