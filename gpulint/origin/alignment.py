"""The same field in two versions of one object, whose lists may have other lengths and orders."""

from __future__ import annotations

from collections.abc import Mapping

from gpulint.kube.tree import text
from gpulint.source import Path

_MERGE_KEYS = ("name", "key", "mountPath", "containerPort", "port", "devicePath", "topologyKey", "ip", "uid", "type")
"""What tells the members of lists apart (`patchMergeKey` in k8s.io/api), the surest first."""


def aligned(there: object, path: Path, here: object) -> Path | None:
    """The path in `here` of what stands at `path` in `there`; None where it is not there."""
    found: list[str | int] = []
    for step in path:
        if isinstance(step, int):
            index = _index(there, step, here)
            if index is None or not isinstance(here, list) or not isinstance(there, list):
                return None
            there, here = there[step], here[index]
            found.append(index)
            continue
        if not isinstance(here, Mapping) or step not in here:
            return None
        there, here = there.get(step) if isinstance(there, Mapping) else None, here[step]
        found.append(step)
    return tuple(found)


def alike(one: object, other: object) -> bool:
    """Whether two values are written alike, as far as renderers leave them so: `"1"`, 1 and 1.0 may be the same."""
    if one == other:
        return True
    return bool(text(one)) and text(one) == text(other)


def _index(there: object, step: int, here: object) -> int | None:
    if not isinstance(there, list) or not isinstance(here, list) or not 0 <= step < len(there):
        return None
    wanted = there[step]
    if not isinstance(wanted, Mapping):
        return next((index for index, each in enumerate(here) if each == wanted), None)
    for key in _MERGE_KEYS:
        if key in wanted:
            named = (i for i, each in enumerate(here) if isinstance(each, Mapping) and each.get(key) == wanted[key])
            return next(named, None)
    return step if len(here) == len(there) else next((i for i, each in enumerate(here) if each == wanted), None)
