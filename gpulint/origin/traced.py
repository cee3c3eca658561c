"""What is known of where a rendered value comes from."""

from __future__ import annotations

from gpulint.frozen import frozen
from gpulint.manifest import Place


@frozen
class Traced:
    """Where a value was written."""

    place: Place
    """The value, or the nearest that is known."""
    on_the_way: tuple[Place, ...] = ()
    """What it passed through, where a comment speaks of it too: template lines, what a patch replaced."""
    template: Place | None = None
    """The line of a template that takes it from values."""
