"""Quantities, against what k8s.io/apimachinery pkg/api/resource does with the same text."""

import math

import pytest

from gpulint.kube.quantity import parse

LIMIT = 2**62

ACCEPTED = {
    "zero": ("0", 0, True),
    "one": ("1", 1000, True),
    "plus sign": ("+1", 1000, True),
    "negative": ("-1", -1000, True),
    "leading zeros": ("007", 7000, True),
    "blanks around": (" 2 ", 2000, True),
    "a whole number with a fraction": ("1.0", 1000, True),
    "a dot without a fraction": ("1.", 1000, True),
    "a fraction without a whole part": (".5", 500, False),
    "half": ("0.5", 500, False),
    "minus half": ("-0.5", -500, False),
    "500 milli": ("500m", 500, False),
    "1000 milli are one": ("1000m", 1000, True),
    "1500 milli": ("1500m", 1500, False),
    "two and a half k": ("2.5k", 2_500_000, True),
    "HAMi gpumem": ("6k", 6_000_000, True),
    "kilo": ("1k", 10**6, True),
    "kibi": ("1Ki", 1024 * 1000, True),
    "mega": ("1M", 10**9, True),
    "mebi": ("1Mi", 2**20 * 1000, True),
    "giga": ("1G", 10**12, True),
    "gibi": ("1Gi", 2**30 * 1000, True),
    "a broken number of gibi": ("1.5Gi", 3 * 2**29 * 1000, True),
    "tera": ("1T", 10**15, True),
    "tebi": ("1Ti", 2**40 * 1000, True),
    "peta": ("1P", 10**18, True),
    "pebi": ("1Pi", 2**50 * 1000, True),
    "exa is clamped": ("1E", LIMIT, True),
    "exbi is clamped": ("-1Ei", -LIMIT, True),
    "exponent": ("1e3", 10**6, True),
    "capital exponent": ("1E3", 10**6, True),
    "signed exponent": ("12e+2", 1_200_000, True),
    "negative exponent": ("1e-3", 1, False),
    "micro round up to a milli": ("1u", 1, False),
    "nano round up to a milli": ("1n", 1, False),
    "a million nano are a milli": ("1000000n", 1, False),
    "rounding is away from zero": ("-1500u", -2, False),
    "far below the smallest": ("1e-400", 1, False),
    "beyond the largest": ("1e400", LIMIT, True),
    "no end of digits": ("9" * 10_000, LIMIT, True),
    "no end of fraction": ("0." + "3" * 10_000, 334, False),
    "a lone dot is zero": (".", 0, True),
    "a lone sign is zero": ("-", 0, True),
    "a lone suffix is zero": ("Gi", 0, True),
}

YAML_NUMBERS = {
    "int": (2, 2000, True),
    "negative int": (-2, -2000, True),
    "float": (0.5, 500, False),
    "whole float": (2.0, 2000, True),
    "float in scientific notation": (1e-7, 1, False),
    "large float": (1e22, LIMIT, True),
    "an int that Python refuses to print": (10**5000, LIMIT, True),
}

REFUSED = {
    "empty": "",
    "blank": "  ",
    "capital K": "1K",
    "lower case ki": "1ki",
    "bytes": "1GB",
    "KiB": "1KiB",
    "word": "one",
    "blank before the suffix": "1 Gi",
    "hexadecimal": "0x10",
    "comma": "1,5",
    "underscore": "1_000",
    "exponent without digits": "1e",
    "broken exponent": "1e1.5",
    "exponent beyond 64 bits": "1e99999999999999999999",
    "two signs": "--1",
    "digits after a suffix": "1m5",
    "other digits": "١",
    "line feed inside": "1\n2",
    "shell variable": "${GPUS}",
    "shell variable without braces": "$GPUS",
    "Flux default": "${GPUS:=4}",
    "Helm": "{{ .Values.gpus }}",
    "to be filled in": "<count>",
    "boolean": True,
    "null": None,
    "list": [1],
    "mapping": {"value": 1},
    "not a number": math.nan,
    "infinite": math.inf,
}


@pytest.mark.parametrize(("value", "milli", "is_integer"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_text(value: str, milli: int, is_integer: bool) -> None:
    quantity = parse(value)
    assert quantity is not None
    assert (quantity.milli, quantity.is_integer, quantity.text) == (milli, is_integer, value)


@pytest.mark.parametrize(("value", "milli", "is_integer"), YAML_NUMBERS.values(), ids=YAML_NUMBERS)
def test_yaml_numbers(value: float, milli: int, is_integer: bool) -> None:
    quantity = parse(value)
    assert quantity is not None
    assert (quantity.milli, quantity.is_integer) == (milli, is_integer)


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_refused(value: object) -> None:
    assert parse(value) is None


@pytest.mark.parametrize(
    ("written", "units"), [("0", 0), ("1", 1), ("500m", 1), ("1001m", 2), ("-500m", -1), ("-1", -1), ("-1001m", -2)]
)
def test_units_round_away_from_zero(written: str, units: int) -> None:
    quantity = parse(written)
    assert quantity is not None
    assert quantity.units == units
