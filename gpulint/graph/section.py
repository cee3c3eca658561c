"""A mapping somewhere in the input that holds settings, with the place of everything in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gpulint.frozen import frozen
from gpulint.manifest import Place
from gpulint.source import Path


@frozen
class Section:
    """A mapping somewhere in the input, with the place of everything in it."""

    data: Mapping[str, object]
    root: Place
    layers: tuple[Section, ...] = ()
    """What it was laid together from, the later over the earlier; empty when it stands in one place."""
    elsewhere: Mapping[Path, Place] | None = None
    """Where what is at these paths stands, if not below `root`."""

    def get(self, *path: str | int) -> object:
        """The value at a path; None when it is absent or something on the way has another shape."""
        found: object = self.data
        for step in path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and 0 <= step < len(found):
                found = found[step]
            else:
                return None
        return found

    def place(self, *path: str | int, key: bool = False) -> Place:
        """The place of a value or key: in the topmost layer that has it, else in the one that has most of its path."""
        layer = max(reversed(self.layers), key=lambda each: each.depth(path), default=None)
        if layer is not None and layer.depth(path):
            return layer.place(*path, key=key)
        for known, apart in (self.elsewhere or {}).items():
            if path[: len(known)] == known:
                inside = apart.below(*path[len(known) :])
                return inside.keyed() if key else inside
        return self.root.below(*path, token="key" if key else "value")

    def below(self, *path: str | int) -> Section:
        """The mapping at a path, or an empty one in its place."""
        parts = [Section(dict(data), part.place(*path)) for part in self.parts() if (data := _mapping(part.get(*path)))]
        return layered(parts) if parts else Section({}, self.place(*path))

    def depth(self, path: Path) -> int:
        """How many steps of a path exist."""
        return next((count for count in range(len(path), 0, -1) if self._has(path[:count])), 0)

    def _has(self, path: Path) -> bool:
        above = self.get(*path[:-1])
        if isinstance(above, Mapping):
            return path[-1] in above
        return self.get(*path) is not None

    def parts(self) -> tuple[Section, ...]:
        """What stands in one place each."""
        return tuple(part for layer in self.layers for part in layer.parts()) if self.layers else (self,)


def layered(sections: Sequence[Section]) -> Section:
    """Sections laid one over another, as Helm lays values files: mappings are merged, everything else is replaced."""
    if len(sections) == 1:
        return sections[0]
    data: Mapping[str, object] = {}
    for section in sections:
        data = _merged(data, section.data)
    return Section(data, sections[0].root, tuple(sections))


def _merged(lower: Mapping[str, object], upper: Mapping[str, object]) -> Mapping[str, object]:
    result = dict(lower)
    for key, value in upper.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
