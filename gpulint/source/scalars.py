"""How Kubernetes reads a plain YAML scalar: the resolver of go-yaml v2, as sigs.k8s.io/yaml uses it.

Source: `kubernetes-sigs/yaml goyaml.v2/resolve.go`. It differs from PyYAML in that there are no sexagesimal numbers,
timestamps stay strings, `0o` is octal, `y` and `n` are booleans, and `08` is the float 8.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NUMBER_STARTS = frozenset("+-.0123456789")
_MAX_DIGITS = 400
"""Longer digit strings are out of every range; Python would take quadratic time to convert them."""

_TAG = "tag:yaml.org,2002:"


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted, untagged scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _MAX_DIGITS:
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    number = _integer(digits)
    return number if number is not None else _float(digits, text)


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag; unknown tags leave the text as it is."""
    if tag in (_TAG + "int", _TAG + "bool", _TAG + "null"):
        return resolve_plain(text)
    if tag == _TAG + "float":
        value = resolve_plain(text)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text


def key_text(value: Scalar) -> str:
    """A key as the conversion to JSON writes it (`kubernetes-sigs/yaml yaml.go`, `convertToJSONableObject`)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    return str(value)


def _integer(digits: str) -> int | None:
    match = _INTEGER.fullmatch(digits)
    if match is None:
        return None
    base = match.lastgroup or "dec"
    number = int(match[base], _BASES[base])
    if match["sign"] == "-":
        number = -number
    if base == "dec" and not -(2**63) <= number < 2**64:
        return None
    return number


def _float(digits: str, text: str) -> float | str:
    if not _FLOAT.fullmatch(digits):
        return text
    number = float(digits)
    return text if math.isinf(number) else number
