"""A picture in four formats: Mermaid and DOT for other programs to lay out, SVG and HTML to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpulint.picture import Picture

FORMATS = ("mermaid", "dot", "svg", "html")


def render(style: str, picture: Picture) -> str:
    """In one of `FORMATS`. HTML shows everything, the others an overview of what is too much for one drawing."""
    if style == "html":
        from gpulint.reports.graph.page import page

        return page(picture)
    from gpulint.picture import simplified

    drawn = simplified(picture)
    if style == "svg":
        from gpulint.reports.graph.svg import svg

        return svg(drawn)
    if style == "dot":
        from gpulint.reports.graph.dot import dot

        return dot(drawn)
    from gpulint.reports.graph.mermaid import mermaid

    return mermaid(drawn)
