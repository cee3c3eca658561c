"""Kubernetes quantities (`1`, `500m`, `2Gi`, `1e3`), read exactly as the API server reads them.

The grammar is that of k8s.io/apimachinery pkg/api/resource, `quantity.go` (parseQuantityString) and `suffix.go`.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from gpulint.frozen import frozen

_LIMIT = 2**62
_GRAMMAR = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[+-]?[0-9]*)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,19})", re.ASCII)
_MANY_DIGITS = 60


@frozen
class Quantity:
    """An amount of a resource."""

    milli: int
    """Thousandths, rounded away from zero as `MilliValue` does, and kept within ±2^62."""
    is_integer: bool
    """Whether it is a whole number to the thousandth: what validation asks of extended resources."""
    text: str
    """As it is written in the manifest."""

    @property
    def units(self) -> int:
        """Whole units, rounded away from zero as `Value` does: what the scheduler counts."""
        return -(-self.milli // 1000) if self.milli >= 0 else self.milli // 1000


def parse(value: object) -> Quantity | None:
    """The quantity, or None when the API server refuses it; placeholders, booleans and null are None as well.

    YAML numbers count as the text that JSON has for them, so `0.5` and `1e3` are quantities.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = _saturated_text(value) if isinstance(value, int) else repr(value) if isinstance(value, float) else value
    return _read(written)


@lru_cache(maxsize=4096)
def _read(written: str) -> Quantity | None:
    match = _GRAMMAR.fullmatch(written.strip())
    if match is None or not match[0]:
        return None
    sign, whole, fraction, suffix = match[1], match[2].lstrip("0"), match[3] or "", match[4]
    scale = _scale(suffix)
    if scale is None:
        return None
    milli = _milli(whole, fraction, scale)
    exact = milli == math.ceil(milli)
    rounded = min(math.ceil(milli), _LIMIT)
    whole_number = (rounded % 1000 == 0) if rounded < _LIMIT else exact
    return Quantity(-rounded if sign == "-" else rounded, whole_number, written)


def _saturated_text(value: int) -> str:
    """The digits of an integer, or of one beyond every bound: Python refuses to print very long ones."""
    return str(value) if abs(value) < 10**_MANY_DIGITS else ("-" if value < 0 else "") + "9" * _MANY_DIGITS


def _scale(suffix: str) -> Fraction | None:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix]
    if suffix in _BINARY:
        return Fraction(2) ** _BINARY[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None:
        return None
    return Fraction(10) ** max(-3 * _MANY_DIGITS, min(3 * _MANY_DIGITS, int(exponent[1])))


def _milli(whole: str, fraction: str, scale: Fraction) -> Fraction:
    if len(whole) > _MANY_DIGITS:
        whole = "9" * _MANY_DIGITS
    digits = (whole + fraction[:_MANY_DIGITS]) or "0"
    return Fraction(int(digits), 10 ** min(len(fraction), _MANY_DIGITS)) * scale * 1000
