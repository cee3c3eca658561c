"""Plain scalars are what the YAML library of Kubernetes makes of them, not what PyYAML does."""

import math

import pytest

from gpulint.source.scalars import key_text, resolve_plain, resolve_tagged

CASES = {
    "a number": ("4", 4),
    "a negative number": ("-4", -4),
    "a number with a plus sign": ("+4", 4),
    "zero": ("0", 0),
    "minus zero": ("-0", 0),
    "hexadecimal": ("0x1F", 31),
    "octal as in C": ("0777", 511),
    "octal as in YAML 1.2": ("0o17", 15),
    "binary": ("0b101", 5),
    "underscores are dropped": ("1_000", 1000),
    "no octal digit makes a float": ("08", 8.0),
    "the largest unsigned integer": ("18446744073709551615", 2**64 - 1),
    "beyond 64 bits it is a float": ("18446744073709551616", float(2**64)),
    "the smallest integer": ("-9223372036854775808", -(2**63)),
    "a float": ("1.5", 1.5),
    "a float without leading digit": (".5", 0.5),
    "a float without fraction": ("1.", 1.0),
    "an exponent without a sign": ("1e3", 1000.0),
    "an exponent with a sign": ("1.5e-3", 0.0015),
    "a float out of range stays a string": ("1e400", "1e400"),
    "infinity": (".inf", math.inf),
    "minus infinity": ("-.Inf", -math.inf),
    "a null": ("null", None),
    "a tilde": ("~", None),
    "nothing": ("", None),
    "Null in another mix of cases is a string": ("nUll", "nUll"),
    "true": ("true", True),
    "yes": ("yes", True),
    "on": ("On", True),
    "y": ("y", True),
    "no": ("NO", False),
    "off": ("off", False),
    "n": ("n", False),
    "yEs is a string": ("yEs", "yEs"),
    "a date stays a string": ("2024-01-31", "2024-01-31"),
    "a time stays a string": ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
    "no sexagesimal numbers": ("1:30", "1:30"),
    "a quantity": ("16Gi", "16Gi"),
    "a MIG profile": ("1g.5gb", "1g.5gb"),
    "a version": ("1.2.3", "1.2.3"),
    "an address": ("10.0.0.1", "10.0.0.1"),
    "a lone dot": (".", "."),
    "a lone sign": ("-", "-"),
    "a placeholder": ("${GPU_COUNT}", "${GPU_COUNT}"),
    "digits that are not ASCII": ("٣", "٣"),
    "ten thousand digits cost nothing": ("1" * 10_000, "1" * 10_000),
}


@pytest.mark.parametrize(("text", "value"), CASES.values(), ids=CASES.keys())
def test_plain_scalar(text: str, value: object) -> None:
    resolved = resolve_plain(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_not_a_number() -> None:
    value = resolve_plain(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


TAGS = {
    "!!str keeps the text": ("str", "4", "4"),
    "!!int reads a quoted number": ("int", "4", 4),
    "!!float makes an integer a float": ("float", "4", 4.0),
    "!!binary is decoded": ("binary", "aGk=", "hi"),
    "!!timestamp stays text": ("timestamp", "2024-01-31", "2024-01-31"),
}


@pytest.mark.parametrize(("tag", "text", "value"), TAGS.values(), ids=TAGS.keys())
def test_tagged_scalar(tag: str, text: str, value: object) -> None:
    resolved = resolve_tagged("tag:yaml.org,2002:" + tag, text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_unknown_tag_keeps_the_text() -> None:
    assert resolve_tagged("!vault", "4") == "4"


KEYS = {"true": (True, "true"), "a number": (8080, "8080"), "a whole float": (8.0, "8"), "null": (None, "null")}


@pytest.mark.parametrize(("value", "text"), KEYS.values(), ids=KEYS.keys())
def test_keys_become_strings(value: bool | int | float | None, text: str) -> None:
    assert key_text(value) == text
