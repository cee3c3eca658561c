"""YAML as Kubernetes reads it: what sigs.k8s.io/yaml 1.6 (go-yaml v2) makes of a text, case by case.

Every expectation is what `yaml.YAMLToJSON` gave for the text; numbers are compared by value, as JSON has one kind.
"""

from __future__ import annotations

import pytest

from gpulint.source.compose import MAX_TOKENS, compose
from gpulint.source.plain import plain_data

REFUSED = "refused"

VALUES: dict[str, object] = {
    "y": True, "Y": True, "yes": True, "Yes": True, "on": True, "ON": True, "true": True, "TRUE": True,
    "n": False, "N": False, "no": False, "Off": False, "off": False, "False": False,
    "yEs": "yEs", "nUll": "nUll", "oN": "oN",
    "null": None, "~": None, "Null": None, "NULL": None, "": None, "'~'": "~", '"null"': "null", "'yes'": "yes",
    "4": 4, "+4": 4, "-4": -4, "0": 0, "-0": 0, "00": 0, "017": 15, "0o17": 15, "0O17": 15, "08": 8, "09": 9, "0_8": 8,
    "1_000": 1000, "1__0": 10, "1_": 1, "_1": "_1", "0x1F": 31, "0x_1F": 31, "-0x10": -16, "+0x10": 16,
    "0b101": 5, "-0b101": -5, "0b2": "0b2", "0x": "0x", "0o": "0o",
    "18446744073709551615": 2**64 - 1, "18446744073709551616": 1.8446744073709552e19,
    "-9223372036854775808": -(2**63), "-9223372036854775809": -9.223372036854775809e18,
    "0xFFFFFFFFFFFFFFFF": 2**64 - 1, "0x1FFFFFFFFFFFFFFFF": "0x1FFFFFFFFFFFFFFFF",
    "0777777777777777777777777": 777777777777777777777777.0, "-0x8000000000000001": "-0x8000000000000001",
    "1.5": 1.5, ".5": 0.5, "1.": 1, "-.5": -0.5, "+.5": 0.5, "1.e3": 1000, "1e3": 1000, "1E+3": 1000, ".5e3": 500,
    "12e03": 12000, "1e1_0": 1e10, ".5_5": 0.55, "._5": "._5", "1._5": 1.5, ".e3": ".e3", "1e400": "1e400", "1e-400": 0,
    "0x1p3": "0x1p3", "inf": "inf", "NaN": "NaN", ".infinity": ".infinity",
    "1:30": "1:30", "190:20:30": "190:20:30", "1,000": "1,000", "1.2.3": "1.2.3", "=": "=",
    "2024-01-31": "2024-01-31", "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00",
    "!!str 4": "4", "!!str yes": "yes", "!!str": "", "!!int '4'": 4, "!!int 0x1F": 31, "!!float 4": 4, "!!bool 'yes'": True,
    "!!null ''": None, "!!binary aGk=": "hi", "!!timestamp 2024-01-31": "2024-01-31",
    "!!int abc": REFUSED, "!!int 4.5": REFUSED, "!!int yes": REFUSED, "!!float abc": REFUSED, "!!float ~": REFUSED,
    "!!bool 4": REFUSED, "!!bool ~": REFUSED, "!!null 4": REFUSED, "!!binary a": REFUSED,
    "!custom 4": "4", "!custom yes": "yes", "!vault |\n  x": "x\n", "!custom {a: 4}": {"a": 4}, "!!python/object:os.system x": "x",
    "!!map {a: 1}": {"a": 1}, "!!set {a: ~}": {"a": None}, "!<tag:yaml.org,2002:int> 4": 4, "!!map [1]": [1],
    "*nothing": REFUSED, "@x": REFUSED, "`x`": REFUSED, "%x": REFUSED, "&x": None, "[a": REFUSED, "a: b": REFUSED,
    '"\\x41\\u0041\\U00000041"': "AAA", '"\\ud83d\\ude00"': REFUSED,
}  # fmt: skip


def ours(text: str) -> object:
    root, found = compose(text)
    return REFUSED if any(each.kind != "duplicate-key" for each in found) else plain_data(root)


@pytest.mark.parametrize(("text", "value"), VALUES.items(), ids=[ascii(text) or "nothing" for text in VALUES])
def test_value(text: str, value: object) -> None:
    found = ours(f"k: {text}\n")
    assert found == (value if value is REFUSED else {"k": value})
    if isinstance(found, dict):
        assert isinstance(found["k"], bool) == isinstance(value, bool)


KEYS = {
    "true": "true", "on": "true", "No": "false", "'on'": "on", "8080": "8080", "0x10": "16", "017": "15",
    "1.5": "1.5", "1.0": "1", "1e3": "1000", "100000.0": "100000", "1000000.0": "1e+06", "123456789.0": "1.2345679e+08",
    "0.1": "0.1", "1e-7": "1e-07", "16777217.0": "1.6777216e+07", "-0.0": "-0", ".inf": ".inf", "-.Inf": "-.inf", ".nan": ".nan",
    "2024-01-31": "2024-01-31", "!!int '4'": "4", "!!binary aGk=": "hi", "&a b": "b",
    "~": REFUSED, "null": REFUSED, "? ": REFUSED, "? [a]": REFUSED, "{a: 1}": REFUSED, "'~'": "~", "!!str": "",
}  # fmt: skip


@pytest.mark.parametrize(("text", "key"), KEYS.items(), ids=map(ascii, KEYS))
def test_key(text: str, key: str) -> None:
    separator = "\n: " if text.startswith("?") else " : "
    assert ours(f"{text}{separator}v\n") == (REFUSED if key is REFUSED else {key: "v"})


DOCUMENTS: dict[str, tuple[str, object]] = {
    "merge": ("x: &x {a: 1}\nz: {<<: *x, b: 2}\n", {"x": {"a": 1}, "z": {"a": 1, "b": 2}}),
    "a later merge overrides": ("x: &x {a: 1}\nz: {a: 5, <<: *x}\n", {"x": {"a": 1}, "z": {"a": 1}}),
    "of a list the first wins": ("z: {<<: [{a: 1}, {a: 2, b: 3}]}\n", {"z": {"a": 1, "b": 3}}),
    "merge in a merge": ("x: &x {a: 1, <<: {b: 2}}\nz: {<<: *x}\n", {"x": {"a": 1, "b": 2}, "z": {"a": 1, "b": 2}}),
    "merge of a scalar": ("z: {<<: 5}\n", REFUSED),
    "merge of nothing": ("z:\n  <<:\n", REFUSED),
    "merge of a list of scalars": ("z: {<<: [1]}\n", REFUSED),
    "merge of the scalar behind an alias": ("x: &s 5\nz: {<<: *s}\n", REFUSED),
    "a merge key that is text": ("z: {'<<': {a: 1}}\n", {"z": {"<<": {"a": 1}}}),
    "the last of equal keys": ("a: 1\na: 2\n", {"a": 2}),
    "an anchor that is redefined": ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
    "an anchor in itself": ("a: &x [*x]\n", REFUSED),
    "a tab in front": ("\ta: 1\n", REFUSED),
    "a tab behind a colon": ("a:\tb\n", {"a": "b"}),
    "Windows lines": ("a:\r\n  b: 1\r\n", {"a": {"b": 1}}),
    "old Mac lines": ("a: 1\rb: 2\r", {"a": 1, "b": 2}),
    "a byte-order mark inside": ("a: \ufeffb\n", {"a": "\ufeffb"}),
    "a NUL": ("a: b\x00c\n", REFUSED),
    "a terminal escape": ("a: \x1b[31m\n", REFUSED),
    "a C1 control": ("a: \x9b31m\n", REFUSED),
    "a noncharacter": ("a: \uffff\n", REFUSED),
    "a key of a thousand letters": ("x" * 1023 + ": 1\n", {"x" * 1023: 1}),
    "a key that is too long": ("x" * 1025 + ": 1\n", REFUSED),
    "a directive": ("%YAML 1.1\n---\na: 1\n", {"a": 1}),
    "a directive of a future version": ("%YAML 2.0\n---\na: 1\n", REFUSED),
    "an unknown directive": ("%FOO bar\n---\na: 1\n", REFUSED),
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document(text: str, value: object) -> None:
    assert ours(text) == value


def test_an_escaped_apostrophe_is_no_error() -> None:
    """go-yaml knows the escape, PyYAML does not: the text is read, with the other quote in its place."""
    text = "a: \"it\\'s\"\nb: '\\''\nc: [1, \"x\\\\\\'\\n\"]\n"
    root, found = compose(text.replace("'\\''", "'\\'"))
    assert found == []
    assert plain_data(root) == {"a": 'it"s', "b": "\\", "c": [1, 'x\\"\n']}


ALIASES = {
    "a hundred copies of much": (1000, 100, True),
    "two hundred copies of much": (1000, 200, False),
    "a thousand copies of a hundred": (100, 1000, True),
    "a thousand copies of little": (5, 1000, True),
}


@pytest.mark.parametrize(("size", "copies", "taken"), ALIASES.values(), ids=ALIASES.keys())
def test_share_of_aliases(size: int, copies: int, taken: bool) -> None:
    text = "a: &a [" + "x, " * size + "]\nb: [" + "*a, " * copies + "]\n"
    assert [each.kind for each in compose(text)[1]] == ([] if taken else ["alias-bomb"])


def test_a_long_list_is_no_alias_bomb() -> None:
    assert compose("[" + "1, " * 300_000 + "]")[1] == []


def test_a_list_of_millions_is_not_parsed() -> None:
    root, found = compose("k: [" + "1," * MAX_TOKENS + "]")
    assert root is None
    assert [each.kind for each in found] == ["too-large"]
