"""What is wrong in a configuration file of a GPU component, as a path inside that file.

Also here: how the readers of such files treat values that both of them meet, placeholders and JSON integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.source.scalars import resolve_plain

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes inside the configuration file."""

Verdict: TypeAlias = Literal["refused", "ignored", "inert"]
"""`refused`: the component does not load the file; `ignored`: it never sees the key; `inert`: it reads the setting and
drops it."""


@frozen
class Problem:
    """One thing that the component does not take as its author meant it."""

    path: Path
    token: Literal["key", "value"]
    verdict: Verdict
    message: str
    suggestion: str = ""
    """What to type at that place instead, or the path where the key belongs; empty when there is no one answer."""


_PLACEHOLDER = re.compile(r"\$\{|\$\(|\{\{|^\s*<[^<>]*>\s*$|^\$[A-Za-z_][A-Za-z0-9_]*$")
_INT64 = 2**63


def is_placeholder(value: object) -> bool:
    """Whether the value is still to be filled in by another tool: `${X}`, `$X`, `$(X)`, `{{ x }}`, `<x>`."""
    return isinstance(value, str) and bool(_PLACEHOLDER.search(value))


_WITH_DEFAULT = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?[=-]([^${}]*)\}")


def filled_in(value: object) -> object:
    """The data with the defaults of `${NAME:=default}` and `${NAME:-default}`, as Flux and envsubst put them in."""
    if isinstance(value, str):
        found = _WITH_DEFAULT.fullmatch(value)
        return resolve_plain(found[1]) if found else value
    if isinstance(value, Mapping):
        return {key: filled_in(each) for key, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each) for each in value]
    return value


def as_int(value: object) -> int | None:
    """The integer that Go decodes from a YAML value by way of JSON: `4.0` is 4, booleans and strings are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else None
    # encoding/json writes floats of 1e21 and more with an exponent, which does not decode into an integer
    if isinstance(value, float) and abs(value) < 1e21 and value.is_integer():
        return as_int(int(value))
    return None


def closest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that `word` is most likely a misspelling of; empty when none is near."""
    import difflib  # only when something is wrong

    names = sorted(candidates)
    plain = {_letters(name): name for name in names}
    if exact := plain.get(_letters(word)):
        return exact
    near = difflib.get_close_matches(_letters(word), plain, n=1, cutoff=0.75)
    return plain[near[0]] if near else ""


def show(value: object) -> str:
    """The value as it is quoted in a message; YAML spelling for booleans and null, cut to one short line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:57] + "…"


def kind(value: object) -> str:
    """What sort of YAML value it is, with its article, for a message."""
    if value is None:
        return "null"
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (int, "a number"),
        (float, "a number"),
        (str, "a string"),
        (Mapping, "a mapping"),
        (list, "a list"),
    )
    return next((name for of, name in kinds if isinstance(value, of)), "a value of another type")


def _letters(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())
