"""What is wrong with a YAML text, and that nothing in it takes the linter down."""

import importlib.util
import sys
from types import ModuleType

import pytest
import yaml

from gpulint.source import read_stdin
from gpulint.source.compose import MAX_NESTING, compose
from gpulint.source.plain import plain_data


def problems(text: str) -> list[tuple[str, str]]:
    """Kind of each problem and the text it points at."""
    return [(problem.kind, text[problem.start : problem.end]) for problem in compose(text)[1]]


BROKEN = {
    "a colon too many": ("a: b: c\n", "syntax", ":"),
    "a tab as indentation": ("a:\n\tb: c\n", "syntax", "\t"),
    "a quote that never closes": ("a: 'b\n", "syntax", "b"),
    "a list item beside keys": ("a: b\n- c\n", "syntax", "-"),
    "an alias of nothing": ("a: *b\n", "syntax", "*"),
    "text that should be a key": ("a: b\nlost\nc: d\n", "syntax", "l"),
    "an action as a key": ("a: {{ .Values.x }}\n", "syntax", "{"),
    "a control character": ("a: é\x01\n", "syntax", "\x01"),
    "a NUL": ("a: b\x00c\n", "syntax", "\x00"),
    "a second flow of text after the document": ("[a]\nb: c\n", "syntax", "b"),
    "brackets without end": ("[" * 5000, "nesting", "["),
    "blocks deeper than the cap": ("".join(" " * i + "a:\n" for i in range(MAX_NESTING + 5)), "nesting", "a"),
    "an anchor inside itself": ("a: &x\n  b: *x\n", "alias-bomb", "&"),
}


@pytest.mark.parametrize(("text", "kind", "token"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_document(text: str, kind: str, token: str) -> None:
    root, found = compose(text)
    assert root is None
    assert [(problem.kind, text[problem.start : problem.end]) for problem in found] == [(kind, token)]


FINE = {
    "nothing": "",
    "a comment": "# a: b: c\n",
    "concatenated JSON objects": '{"a": 1}\n{"b": 2}\n',
    "an anchor that is defined twice": "a: &x 1\nb: &x 2\nc: *x\n",
    "JSON with escaped surrogates": '{"a": "\\ud83d\\ude00", "b": 1}',
    "JSON with tabs": '{\n\t"a": 1\n}',
    "actions in a string": "a: '{{ .Values.x }}'\n",
    "an unknown tag": "a: !vault |\n  x\n",
    "two merge keys": "x: &x {a: 1}\ny: &y {b: 1}\nz:\n  <<: *x\n  <<: *y\n",
    "keys that differ in case": "a: 1\nA: 2\n",
    "the same key in two mappings": "a: {b: 1}\nc: {b: 1}\n",
    "as deep as allowed": "".join(" " * i + "a:\n" for i in range(MAX_NESTING)),
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_fine_document(text: str) -> None:
    assert problems(text) == []


def test_duplicate_key_is_at_the_second_and_knows_the_first() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  'c': 3\n"
    root, (problem,) = compose(text)
    assert plain_data(root) == {"a": 1, "b": {"c": 3, "d": 2}}
    assert (problem.kind, problem.start, text[problem.start : problem.end]) == ("duplicate-key", 24, "'c'")
    assert problem.related == (10, 11)
    assert "'c'" in problem.message


def test_a_key_that_occurs_three_times_is_reported_twice() -> None:
    assert [kind for kind, _ in problems("a: 1\na: 2\na: 3\n")] == ["duplicate-key", "duplicate-key"]


def test_duplicate_key_in_an_aliased_mapping_is_reported_once() -> None:
    assert len(problems("a: &x {b: 1, b: 2}\nc: *x\nd: *x\n")) == 1


def test_position_of_an_error_counts_code_points() -> None:
    text = "# 🚀 é\u2028\u0085x: 1\na: b: c\n"
    assert [text[problem.start :] for problem in compose(text)[1]] == [": c\n"]


def test_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 12)]
    root, found = compose("\n".join(lines))
    assert root is None
    assert [problem.kind for problem in found] == ["alias-bomb"]


def test_many_aliases_of_something_small_are_fine() -> None:
    assert problems("x: &x {a: 1}\n" + "".join(f"k{i}: *x\n" for i in range(5000))) == []


def test_aliases_are_one_object_in_plain_data() -> None:
    data = read_stdin("a: &x {b: 1}\nc: *x\n").documents()[0].data()
    assert isinstance(data, dict)
    assert data["a"] is data["c"]


MERGES = {
    "later keys override what is merged": ("x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  b: 3\n", {"a": 1, "b": 3}),
    "a merge key overrides earlier keys": ("x: &x {a: 1, b: 2}\nz:\n  b: 3\n  <<: *x\n", {"a": 1, "b": 2}),
    "of several the first wins": ("x: &x {a: 1}\nw: &w {a: 2, b: 2}\nz:\n  <<: [*x, *w]\n", {"a": 1, "b": 2}),
    "a quoted << is a key": ("z:\n  '<<': {a: 1}\n", {"<<": {"a": 1}}),
}


@pytest.mark.parametrize(("text", "merged"), MERGES.values(), ids=MERGES.keys())
def test_merge_keys(text: str, merged: object) -> None:
    data = plain_data(compose(text)[0])
    assert isinstance(data, dict)
    assert data["z"] == merged


def test_quoted_scalars_are_strings_and_keys_are_strings() -> None:
    text = "a: '4'\nb: 4\non: \"yes\"\n8080: x\n? !!str 1\n: !!str 2\nc: |\n  5\n"
    assert plain_data(compose(text)[0]) == {
        "a": "4", "b": 4, "true": "yes", "8080": "x", "1": "2", "c": "5\n",
    }  # fmt: skip


@pytest.fixture
def without_libyaml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The composer as it is where PyYAML was built without libyaml."""
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    specification = importlib.util.spec_from_file_location("compose_without_libyaml", sys.modules[_MODULE].__file__)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, specification.name, module)
    specification.loader.exec_module(module)
    return module


_MODULE = "gpulint.source.compose"
_SAME_WITHOUT_LIBYAML = [
    name for name in BROKEN if name not in ("brackets without end", "a quote that never closes", "a tab as indentation")
]


@pytest.mark.parametrize("name", _SAME_WITHOUT_LIBYAML)
def test_broken_document_without_libyaml(name: str, without_libyaml: ModuleType) -> None:
    text, kind, token = BROKEN[name]
    root, found = without_libyaml.compose(text)
    assert root is None
    assert [(problem.kind, text[problem.start : problem.end]) for problem in found] == [(kind, token)]


@pytest.mark.parametrize("name", [name for name in FINE if not name.startswith("JSON")])
def test_fine_document_without_libyaml(name: str, without_libyaml: ModuleType) -> None:
    assert without_libyaml.compose(FINE[name])[1] == []


def test_endless_nesting_without_libyaml(without_libyaml: ModuleType) -> None:
    root, found = without_libyaml.compose("[" * 5000)
    assert root is None
    assert [problem.kind for problem in found] == ["nesting"]
