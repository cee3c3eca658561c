"""Reading plain data that may be malformed: paths, and narrowing that never raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the root of some plain data."""

Truth: TypeAlias = Literal["yes", "no", "maybe"]
"""Three-valued logic: `maybe` where a placeholder or an unknown value leaves it open."""

EMPTY: Mapping[str, object] = {}

_PLACEHOLDER = re.compile(
    r"""
      \$\{ | \$\( | \$[A-Za-z_]          # envsubst, Flux, OpenShift templates, Argo, Kustomize vars
    | \{\{ | \[\[                        # Go templates, Jinja, Helm
    | <[^<>]+>                           # <your value>
    | @[A-Za-z][A-Za-z0-9_-]*@ | %[A-Za-z][A-Za-z0-9_]*% | \#\{   # autoconf, Windows, token replacement
    | \b(?:PLACEHOLDER|CHANGE_?ME|REPLACE_?ME|YOUR)(?:\b|[_-]) | __[A-Z][A-Z0-9_]*__
    """,
    re.VERBOSE,
)


def get(data: object, path: Path) -> object:
    """The value at `path`, or None when something on the way is absent or of another shape."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(data, Mapping):
                return None
            data = data.get(step)
        else:
            if not isinstance(data, list | tuple) or not 0 <= step < len(data):
                return None
            data = data[step]
    return data


def mapping(value: object) -> Mapping[str, object]:
    """`value` when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else EMPTY


def sequence(value: object) -> Sequence[object]:
    """`value` when it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def mappings(value: object) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The mappings in a list, with their indexes."""
    return ((index, item) for index, item in enumerate(sequence(value)) if isinstance(item, Mapping))


def is_placeholder(value: object) -> bool:
    """Whether the text is to be replaced before it reaches a cluster: `${X}`, `$X`, `{{ x }}`, `<x>` and the like."""
    if not isinstance(value, str):
        return False
    return _is_placeholder(value) if len(value) <= _SHORT else _PLACEHOLDER.search(value) is not None


_SHORT = 100
"""Characters of a label or name: the same few are asked about again and again."""


@lru_cache(maxsize=16_384)
def _is_placeholder(value: str) -> bool:
    return _PLACEHOLDER.search(value) is not None


def text(value: object) -> str:
    """A scalar as Kubernetes would print it; an empty string for null, lists and mappings."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def integer(value: object) -> int | None:
    """A whole number as an integer field takes it (`2`, `2.0`); None for everything else, quoted numbers too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None
