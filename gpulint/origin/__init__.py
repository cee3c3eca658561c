"""A place in rendered text → the place in the user's files that the value there comes from."""

from __future__ import annotations

from gpulint.manifest import Place
from gpulint.origin.chart import source_comment, trace_chart
from gpulint.origin.overlay import trace_overlay
from gpulint.origin.traced import Traced


def trace(place: Place) -> Traced:
    """Where a value was written: the place itself where its text was not rendered."""
    made = place.document.source.render
    if made is None:
        return Traced(place)
    return trace_chart(place, made) if made.tool == "helm" else trace_overlay(place, made)


__all__ = ["Traced", "source_comment", "trace"]
