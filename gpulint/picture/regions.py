"""Which object a finding is about: the one whose stretch of a file holds it, and of several the innermost."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from gpulint.finding import Finding, Location
from gpulint.picture.model import worst_first


@dataclass(slots=True)
class Regions:
    """Stretches of files with what stands there; of any two one holds the other, or they have nothing in common."""

    _keys: dict[Location, list[Hashable]] = field(default_factory=dict)

    def add(self, key: Hashable, location: Location) -> None:
        known = self._keys.setdefault(location, [])
        if key not in known:
            known.append(key)

    def divide(self, findings: Iterable[Finding]) -> tuple[Mapping[Hashable, tuple[Finding, ...]], list[Finding]]:
        """Findings by key, the worst first, and those that are in no stretch."""
        found: dict[Hashable, list[Finding]] = {}
        outside: list[Finding] = []
        waiting = sorted(self._keys, key=lambda each: (each.path, _start(each), _reversed(_end(each))))
        waiting.reverse()
        around: list[Location] = []
        for finding in sorted(findings, key=Finding.sort_key):
            while waiting and (waiting[-1].path, _start(waiting[-1])) <= (
                finding.location.path,
                _start(finding.location),
            ):
                _enter(around, waiting.pop())
            _leave(around, finding.location)
            if not around:
                outside.append(finding)
            for key in self._keys[around[-1]] if around else ():
                found.setdefault(key, []).append(finding)
        return {key: worst_first(each) for key, each in found.items()}, outside


def _enter(around: list[Location], region: Location) -> None:
    _leave(around, region)
    around.append(region)


def _leave(around: list[Location], location: Location) -> None:
    """Forget the stretches that end before the location; one that is empty holds what starts where it is."""
    while around and not _holds(around[-1], location):
        around.pop()


def _holds(region: Location, location: Location) -> bool:
    if region.path != location.path:
        return False
    start = _start(location)
    return start < _end(region) or start == _start(region)


def _start(location: Location) -> tuple[int, int]:
    return location.line, location.column


def _end(location: Location) -> tuple[int, int]:
    return location.end_line, location.end_column


def _reversed(end: tuple[int, int]) -> tuple[int, int]:
    """So that of stretches that start together the longest comes first."""
    return -end[0], -end[1]
