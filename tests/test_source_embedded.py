"""YAML inside strings of YAML: its fields have a place in the outer file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpulint.source import Embedded, Path, read_stdin


def embedded(text: str, path: Path = ("data", "c")) -> Embedded:
    (document,) = read_stdin(text, "a.yaml").documents()
    inner = document.embedded(path)
    assert inner is not None
    return inner


SPANS: dict[str, tuple[str, Path, str]] = {
    "literal": ("data:\n  c: |\n    a:\n      b: 12\n", ("a", "b"), "12"),
    "literal, stripped": ("data:\n  c: |-\n    a:\n      b: 12\n", ("a", "b"), "12"),
    "literal, kept": ("data:\n  c: |+\n    a:\n      b: 12\n\n\nd: 1\n", ("a", "b"), "12"),
    "literal with a comment after its header": ("data:\n  c: | # x\n    a:\n      b: 12\n", ("a", "b"), "12"),
    "literal with an indentation indicator": ("data:\n  c: |2\n      a:\n        b: 12\n", ("a", "b"), "12"),
    "literal with an anchor": ("data:\n  c: &x |\n    a:\n      b: 12\n", ("a", "b"), "12"),
    "literal with short blank lines": ("data:\n  c: |\n\n \n    a:\n\n      b: 12\n", ("a", "b"), "12"),
    "literal with Windows line ends": ("data:\r\n  c: |\r\n    a:\r\n      b: 12\r\n", ("a", "b"), "12"),
    "literal with a line separator": ("data:\n  c: |\n    x: 1\u2028    a:\n      b: 12\n", ("a", "b"), "12"),
    "literal with comments": ("data:\n  c: |\n    # x\n    a: # y\n      b: 12 # z\n# w\nd: 1\n", ("a", "b"), "12"),
    "literal beside its key": ("data:\n  c: |\n   a: {b: 12}\n", ("a", "b"), "12"),
    "folded": ("data:\n  c: >\n    {a:\n    {b: 12}}\n", ("a", "b"), "12"),
    "folded with indented lines": ("data:\n  c: >\n    a:\n      b: 12\n\n    d: 1\n", ("a", "b"), "12"),
    "plain": ("data:\n  c: 'a: {b: 12}'\n", ("a", "b"), "12"),
    "plain over two lines": ("data:\n  c: '{a:\n    {b: 12}}'\n", ("a", "b"), "12"),
    "single quotes with a quote": ("data:\n  c: '{x: ''y'', a: {b: 12}}'\n", ("a", "b"), "12"),
    "single quotes with a quote over lines": ("data:\n  c: '{x: ''y'',\n\n\n    a: {b: 12}}'\n", ("a", "b"), "12"),
    "double quotes": ('data:\n  c: "a: {b: 12}"\n', ("a", "b"), "12"),
    "double quotes with escapes": ('{"data": {"c": "a:\\n  b: 12\\n"}}', ("a", "b"), "12"),
    "double quotes with a long escape": ('{"data": {"c": "x: \\u00e9\\na:\\n  b: 12\\n"}}', ("a", "b"), "12"),
    "double quotes with an escaped line end": ('data:\n  c: "x: 1\\n\\\n    a:\\n  b: 12"\n', ("a", "b"), "12"),
    "double quotes with escapes over lines": ('data:\n  c: "{x: \\"y\\",\n    a: {b: 12}}"\n', ("a", "b"), "12"),
    "a missing key has its ancestor's": ("data:\n  c: |\n    a:\n      b: 12\n", ("a", "x"), "a"),
    "a mapping": ("data:\n  c: |\n    a:\n      b: 12\n      d: 1\n\nx: 1\n", ("a",), "b: 12\n      d: 1"),
    "a block list": ("data:\n  c: |\n    a:\n    - b\n    - d\n", ("a", 1), "d"),
    "only the first document counts": ("data:\n  c: |\n    a: {b: 12}\n    ---\n    a: 1\n", ("a", "b"), "12"),
}


@pytest.mark.parametrize(("text", "path", "token"), SPANS.values(), ids=SPANS.keys())
def test_span(text: str, path: Path, token: str) -> None:
    start, end = embedded(text).span(path)
    assert text[start:end] == token


def test_key_span() -> None:
    text = "data:\n  c: |\n    a:\n      bee: 12\n"
    start, end = embedded(text).span(("a", "bee"), token="key")
    assert text[start:end] == "bee"


def test_span_in_a_later_document() -> None:
    text = "a: 1\n---\ndata:\n  c: |\n    a: 12\n"
    inner = read_stdin(text).documents()[1].embedded(("data", "c"))
    assert inner is not None
    start, end = inner.span(("a",))
    assert text[start:end] == "12"


def test_yaml_in_yaml_in_yaml() -> None:
    text = "data:\n  c: |\n    a: |\n      b: 12\n    d: 1\n"
    inner = embedded(text).embedded(("a",))
    assert inner is not None
    start, end = inner.span(("b",))
    assert (inner.data(), text[start:end]) == ({"b": 12}, "12")


def test_duplicate_key_has_a_place_in_the_outer_file() -> None:
    text = "data:\n  c: |\n    a: 1\n    b: 2\n    a: 3\n"
    (problem,) = embedded(text).problems()
    assert (problem.kind, text[problem.start : problem.start + 4]) == ("duplicate-key", "a: 3")
    assert problem.related is not None
    assert text[problem.related[0] :].startswith("a: 1")


SYNTAX = {
    "a tab": ("data:\n  c: |\n    a:\n    \tb: 1\n", "\tb"),
    "a colon too many": ("data:\n  c: |\n    a: b: c\n", ": c"),
    "in escapes": ('{"data": {"c": "x: é\\na: b: c\\n"}}', ": c"),
}


@pytest.mark.parametrize(("text", "at"), SYNTAX.values(), ids=SYNTAX.keys())
def test_syntax_error_has_a_place_in_the_outer_file(text: str, at: str) -> None:
    inner = embedded(text)
    (problem,) = inner.problems()
    assert inner.node() is None
    assert (problem.kind, text[problem.start : problem.start + len(at)]) == ("syntax", at)


def test_broken_yaml_has_the_place_of_its_first_line() -> None:
    text = "data:\n  c: |\n    a: b: c\n    d: 1\n"
    start, end = embedded(text).span(("d",))
    assert text[start:end] == "a: b: c"


def test_data_is_read_as_kubernetes_reads_it() -> None:
    assert embedded("data:\n  c: |\n    replicas: 4\n    on: '4'\n").data() == {"replicas": 4, "true": "4"}


NOT_EMBEDDED: dict[str, Path] = {"a mapping": ("data",), "a missing key": ("data", "x"), "a list": ("list",)}


@pytest.mark.parametrize("path", NOT_EMBEDDED.values(), ids=NOT_EMBEDDED.keys())
def test_only_strings_hold_yaml(path: Path) -> None:
    (document,) = read_stdin("data: {c: x}\nlist: [1]\n").documents()
    assert document.embedded(path) is None


def test_embedded_documents_are_composed_once() -> None:
    (document,) = read_stdin("data:\n  c: |\n    a: 1\n").documents()
    assert document.embedded(("data", "c")) is document.embedded(("data", "c"))


LINES = st.lists(st.text(alphabet="ab:#'\" \u2028é-", max_size=8), min_size=1, max_size=6)


@given(LINES, st.integers(1, 4), st.sampled_from(["\n", "\r\n"]))
def test_every_word_of_a_literal_is_found(lines: list[str], indentation: int, line_end: str) -> None:
    body = ["word", *lines]
    text = line_end.join(["c: |", *(" " * indentation + line for line in body), ""])
    (document,) = read_stdin(text, "a.yaml").documents()
    inner = document.embedded(("c",))
    if inner is None:
        return
    for place in range(len(inner.text)):
        if not inner.text[place].isspace():
            start, end = inner.outer(place, place + 1)
            assert text[start:end] == inner.text[place]
