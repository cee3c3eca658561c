"""How Kubernetes reads a plain YAML scalar: the resolver of go-yaml v2, as sigs.k8s.io/yaml uses it.

Source: `kubernetes-sigs/yaml goyaml.v2/resolve.go`. It differs from PyYAML in that there are no sexagesimal numbers,
timestamps stay strings, `0o` is octal, `y` and `n` are booleans, and `08` is the float 8.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct

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
_DOTTED = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
_NUMBER_STARTS = frozenset("+-.0123456789")
_MAX_DIGITS = 400
"""Longer digit strings are out of every range; Python would take quadratic time to convert them."""

_TAG = "tag:yaml.org,2002:"
NULLS = frozenset(word for word, value in _WORDS.items() if value is None)
"""What a plain scalar says that is null."""


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted, untagged scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > _MAX_DIGITS:
        return text
    if text[0] == ".":
        return _float(text.replace("_", ""), text) if _DOTTED.fullmatch(text) else text
    digits = text.replace("_", "")
    number = _integer(digits)
    return number if number is not None else _float(digits, text)


def resolve_tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag; unknown tags leave the text as it is."""
    if tag in (_TAG + "int", _TAG + "bool", _TAG + "null"):
        return resolve_plain(text)
    if tag == _TAG + "float":
        value = resolve_plain(text)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if tag == _TAG + "binary":
        return _decoded(text) or text
    return text


def refusal(tag: str, text: str) -> str:
    """Why a tag does not go with its text, so that the whole document is refused; empty where it does.

    Tags that YAML does not define are ignored.
    """
    name = tag.removeprefix(_TAG) if tag.startswith(_TAG) else ""
    if name == "binary":
        return "" if _decoded(text) is not None else "invalid base64 data under the tag !!binary"
    if name not in _KINDS:
        return ""
    value = resolve_plain(text)
    fits = isinstance(value, _KINDS[name]) and (name == "bool" or not isinstance(value, bool))
    return "" if fits else f"'{text[:_SHOWN]}' under the tag !!{name}"


def key_text(value: Scalar) -> str:
    """A key as the conversion to JSON writes it (`kubernetes-sigs/yaml yaml.go`, `convertToJSONableObject`)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float_key(value) if isinstance(value, float) else str(value)


_KINDS: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
_SHOWN = 20


def _float_key(value: float) -> str:
    """With as many digits as a 32-bit float needs, as Go's `FormatFloat(…, 'g', -1, 32)` writes it."""
    value = _single(value)
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits = next((n for n in range(9) if _single(float(f"{value:.{n}e}")) == value), 8)
    text = f"{value:.{digits}e}"
    exponent = int(text.partition("e")[2])
    return text if not -5 < exponent < 6 else f"{value:.{max(digits - exponent, 0)}f}"


def _single(value: float) -> float:
    """Rounded to 32 bits."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode("".join(text.split("\n")).replace("\r", ""), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def _integer(digits: str) -> int | None:
    match = _INTEGER.fullmatch(digits)
    if match is None:
        return None
    base = match.lastgroup or "dec"
    number = int(match[base], _BASES[base])
    if match["sign"] == "-":
        number = -number
    return number if -(2**63) <= number < (2**63 if match["sign"] else 2**64) else None


def _float(digits: str, text: str) -> float | str:
    if not _FLOAT.fullmatch(digits):
        return text
    number = float(digits)
    return text if math.isinf(number) else number
