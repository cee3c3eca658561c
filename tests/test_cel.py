"""The vocabulary from dataclasses, expressions over it, and what hostile facts do."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass, replace

import pytest

from gpulint.cel import (
    CompileError,
    CompileProblem,
    EvaluationError,
    Expression,
    Result,
    Subject,
    Vocabulary,
    VocabularyError,
    camel,
    show,
)
from gpulint.manifest import Place
from gpulint.source import Document, Path, read_stdin

Effect: typing.TypeAlias = typing.Literal["NoSchedule", "NoExecute"]
Labels: typing.TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    effect: Effect
    place: Place


@dataclass(frozen=True, slots=True)
class PluginConfig:
    """A file that the device plugin reads.

    Found by label.
    """

    value: str
    """The key | in the map."""
    map_name: str
    keys: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Pool:
    name: str
    count: int
    """Nodes."""
    shared: bool
    config: PluginConfig
    taints: tuple[Taint, ...]
    labels: Labels
    replicas: Mapping[str, int]
    configs: Mapping[str, PluginConfig]
    spots: Mapping[str, Place]
    sizes: tuple[int, ...]
    places: tuple[Place, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Claim:
    name: str


def document() -> Document:
    return read_stdin("apiVersion: v1\nkind: Node\n").documents()[0]


DOCUMENT = document()


def place(*path: str | int, inner: Path | None = None) -> Place:
    return Place(DOCUMENT, path, () if inner is None else (inner,))


def pool(name: str = "a100") -> Pool:
    config = PluginConfig("tesla", "plugin", ("b", "a"), place("data"))
    return Pool(
        name=name,
        count=4,
        shared=True,
        config=config,
        taints=(Taint("nvidia.com/gpu", "NoSchedule", place("spec", 0)), Taint("x", "NoExecute", place("spec", 1))),
        labels={"app": "web", "tier": "gpu"},
        replicas={"nvidia.com/gpu": 8},
        configs={"default": config},
        spots={"here": place("metadata")},
        sizes=(10, 9),
        places=(place("p"), place("p")),
        place=place("metadata"),
    )


@pytest.fixture
def subject() -> Subject:
    return Vocabulary({"pool": Pool, "claim": Claim}).subject("pool")


CONDITIONS = {
    "a string": "pool.name == 'a100'",
    "an integer": "pool.count > 3 && pool.count < 5",
    "a boolean": "pool.shared",
    "a nested fact, camelCase": "pool.config.mapName == 'plugin'",
    "a list of strings": "'a' in pool.config.keys && size(pool.config.keys) == 2",
    "a list of facts": "pool.taints.exists(t, t.key == 'nvidia.com/gpu' && t.effect == 'NoSchedule')",
    "a map of strings": "pool.labels['app'] == 'web' && !('x' in pool.labels)",
    "a map of integers": "pool.replicas['nvidia.com/gpu'] == 8",
    "a map of facts": "pool.configs['default'].value == 'tesla'",
    "a list of integers": "9 in pool.sizes",
    "a map of places": "pool.spots['here'] == pool.place",
    "equal places": "pool.places[0] == pool.places[1]",
    "different places": "pool.places[0] != pool.place",
    "functions of strings": "pool.name.startsWith('a') && pool.name.lowerAscii().split('1')[0] == 'a'",
    "the name of another subject as a variable": "pool.taints.exists(claim, claim.key == 'x')",
}


@pytest.mark.parametrize("text", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_condition_holds(subject: Subject, text: str) -> None:
    assert subject.compile(text, "bool").holds(subject.bind(pool()))
    assert not subject.compile(f"!({text})", "bool").holds(subject.bind(pool()))


MISTAKES: dict[str, tuple[str, Result, list[CompileProblem]]] = {
    "a misspelt field": (
        "pool.nam == ''",
        "bool",
        [CompileProblem(1, 5, "Pool has no field 'nam'; did you mean 'name'?")],
    ),
    "two mistakes, on two lines": (
        "pool.nam == ''\n  && pool.taints.exists(t, t.kee == '')",
        "bool",
        [
            CompileProblem(1, 5, "Pool has no field 'nam'; did you mean 'name'?"),
            CompileProblem(2, 29, "Taint has no field 'kee'; did you mean 'key'?"),
        ],
    ),
    "the Python spelling": (
        "pool.config.map_name == ''",
        "bool",
        [CompileProblem(1, 12, "PluginConfig has no field 'map_name'; did you mean 'mapName'?")],
    ),
    "another subject": ("claim.name == ''", "bool", [CompileProblem(1, 1, "unknown name 'claim'; known are 'pool'")]),
    "a misspelt subject": (
        "size(pol.config.value) > 0",
        "bool",
        [CompileProblem(1, 6, "unknown name 'pol'; did you mean 'pool'?")],
    ),
    "item where there is none": (
        "item.key == ''",
        "bool",
        [CompileProblem(1, 1, "unknown name 'item'; known are 'pool'")],
    ),
    "columns count code points": (
        "'𝒳é' == pool.nam",
        "bool",
        [CompileProblem(1, 13, "Pool has no field 'nam'; did you mean 'name'?")],
    ),
    "types": (
        "pool.count + 'a' == ''",
        "bool",
        [CompileProblem(1, 12, "found no matching overload for '_+_' applied to '(int, string)'")],
    ),
    "a condition that is none": (
        "\n  pool.name",
        "bool",
        [CompileProblem(2, 3, "gives string, a condition must give true or false")],
    ),
    "a place that is none": ("pool", "place", [CompileProblem(1, 1, "gives a Pool, wanted is a place")]),
    "a map in a message": (
        "pool.labels",
        "text",
        [CompileProblem(1, 1, "gives map, a message can show a string, a number, true or false, or a list of these")],
    ),
    "facts in a message": (
        "pool.taints",
        "text",
        [
            CompileProblem(
                1, 1, "gives a list of Taint, a message can show a string, a number, true or false, or a list of these"
            )
        ],
    ),
    "a place in a message": (
        "pool.place",
        "text",
        [
            CompileProblem(
                1, 1, "gives a Place, a message can show a string, a number, true or false, or a list of these"
            )
        ],
    ),
    "each over what is no list": ("pool.name", "list", [CompileProblem(1, 1, "gives string, wanted is a list")]),
    "unknown types are no strings": (
        "dyn(pool.name)",
        "string",
        [CompileProblem(1, 1, "gives a value of unknown type, wanted is a string")],
    ),
}


@pytest.mark.parametrize(("text", "result", "problems"), MISTAKES.values(), ids=MISTAKES.keys())
def test_compile_error(subject: Subject, text: str, result: Result, problems: list[CompileProblem]) -> None:
    with pytest.raises(CompileError) as raised:
        subject.compile(text, result)
    assert list(raised.value.problems) == problems


def test_syntax_error_has_a_place(subject: Subject) -> None:
    with pytest.raises(CompileError) as raised:
        subject.compile("pool.name ==", "bool")
    assert [(p.line, p.column) for p in raised.value.problems] == [(1, 13)]
    assert raised.value.problems[0].message.startswith("syntax error: mismatched input")


TEXTS = {
    "a string, bare": ("pool.name", "a100"),
    "an integer": ("pool.count", "4"),
    "a boolean": ("pool.shared", "true"),
    "a list of strings, sorted and quoted": ("pool.config.keys", "'a', 'b'"),
    "a list of integers, sorted as numbers": ("pool.sizes", "9, 10"),
    "keys of a map, sorted": ("pool.labels.map(k, k)", "'app', 'tier'"),
    "an empty list": ("pool.config.keys.filter(k, k == 'z')", "nothing"),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_text(subject: Subject, text: str, shown: str) -> None:
    assert subject.compile(text, "text").text(subject.bind(pool())) == shown


def test_place_is_the_one_of_the_fact(subject: Subject) -> None:
    expression = subject.compile("pool.taints[1].place", "place")
    fact = pool()
    assert expression.place(subject.bind(fact)) is fact.taints[1].place


def test_each_element_is_the_item(subject: Subject) -> None:
    each = subject.compile("pool.taints.filter(t, t.effect == 'NoExecute')", "list")
    name = subject.compile("item.key + ' of ' + pool.name", "text", item=each.element)
    spot = subject.compile("item.place", "place", item=each.element)
    bounds = each.items(subject.bind(pool()))
    assert [name.text(bound) for bound in bounds] == ["x of a100"]
    assert [spot.place(bound) for bound in bounds] == [place("spec", 1)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("pool.config.keys", ["b", "a"]), ("pool.sizes", ["10", "9"]), ("[true, false]", ["true", "false"])],
)
def test_each_over_scalars(subject: Subject, text: str, shown: list[str]) -> None:
    each = subject.compile(text, "list")
    item = subject.compile("item", "text", item=each.element)
    assert [item.text(bound) for bound in each.items(subject.bind(pool()))] == shown


FAILURES: dict[str, tuple[str, Result]] = {
    "a condition": ("pool.taints[7].key == ''", "bool"),
    "a text": ("pool.config.keys[7]", "text"),
    "a place": ("pool.taints[7].place", "place"),
    "a list": ("[pool.config.keys[7]]", "list"),
    "a key that a map lacks": ("pool.labels['x'] == ''", "bool"),
    "a regular expression that is none": ("pool.name.matches('(')", "bool"),
}


@pytest.mark.parametrize(("text", "result"), FAILURES.values(), ids=FAILURES.keys())
def test_failing_evaluation_names_rule_and_fact(subject: Subject, text: str, result: Result) -> None:
    expression = subject.compile(text, result, origin="rule 'r', 'when'")
    evaluate = {"bool": Expression.holds, "text": Expression.text, "place": Expression.place, "list": Expression.items}
    with pytest.raises(EvaluationError, match=r"^rule 'r', 'when': evaluation failed on pool 'a100': .*\w"):
        evaluate[result](expression, subject.bind(pool()))


def test_endless_evaluation_is_an_error(subject: Subject) -> None:
    fact = replace(pool(), sizes=tuple(range(200)))
    expression = subject.compile("pool.sizes.all(a, pool.sizes.exists(b, a + b == -1) || true)", "bool")
    with pytest.raises(EvaluationError, match="evaluation failed on pool 'a100'"):
        expression.holds(subject.bind(fact))


HOSTILE = {
    "an integer beyond 64 bits": (replace(pool(), count=10**40), "pool.count == 9223372036854775807"),
    "a negative one": (replace(pool(), count=-(10**40)), "pool.count < 0"),
    "one in a list": (replace(pool(), sizes=(10**40,)), "pool.sizes[0] > 0"),
    "one in a map": (replace(pool(), replicas={"x": 10**40}), "pool.replicas['x'] > 0"),
    "half of a surrogate pair": (replace(pool(), name="a\ud800"), r"pool.name == 'a\\ud800'"),
    "one in a key": (replace(pool(), labels={"\udfff": "b"}), r"pool.labels['\\udfff'] == 'b'"),
    "one in a nested fact": (
        replace(pool(), taints=(Taint("\ud800", "NoExecute", place("spec")),)),
        r"pool.taints[0].key == '\\ud800'",
    ),
    "a null character": (replace(pool(), name="a\0b"), r"pool.name == 'a\000b'"),
}


@pytest.mark.parametrize(("fact", "text"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_fact_is_judged(subject: Subject, fact: Pool, text: str) -> None:
    assert subject.compile(text, "bool").holds(subject.bind(fact))
    spot = subject.compile("pool.place", "place")
    assert spot.place(subject.bind(fact)) == place("metadata")


def test_fields_named_later_are_converted(subject: Subject) -> None:
    fact = pool()
    assert subject.compile("pool.name == 'a100'", "bool").holds(subject.bind(fact))
    assert subject.compile("pool.config.value == 'tesla'", "bool").holds(subject.bind(fact))


def test_fields_that_no_rule_names_are_not_read(subject: Subject) -> None:
    fact = replace(pool(), labels=None)  # type: ignore[arg-type]
    assert subject.compile("pool.name == 'a100'", "bool").holds(subject.bind(fact))


def test_fact_is_converted_once(subject: Subject) -> None:
    subject.compile("pool.name == ''", "bool")
    first, second = pool(), pool("h100")
    assert subject.bind(first) is subject.bind(first)
    assert subject.bind(first) is not subject.bind(second)


class _Open(typing.NamedTuple):
    name: str


_OptionalName = make_dataclass("OptionalName", [("name", str | None)], frozen=True)
_Floating = make_dataclass("Floating", [("share", float)], frozen=True)
_ListInList = make_dataclass("ListInList", [("rows", tuple[tuple[str, ...], ...])], frozen=True)
_OpenTuple = make_dataclass("OpenTuple", [("pair", tuple[str, int])], frozen=True)
_Keyword = make_dataclass("Keyword", [("null", str)], frozen=True)
_NumberLiteral = make_dataclass("NumberLiteral", [("kind", typing.Literal[1, 2])], frozen=True)
_Mutable = make_dataclass("Mutable", [("name", str)])
_OtherTaint = make_dataclass("Taint", [("key", str)], frozen=True)
_TwoTaints = make_dataclass("TwoTaints", [("a", Taint), ("b", _OtherTaint)], frozen=True)


@dataclass(frozen=True, slots=True)
class Cycle:
    inner: tuple[Cycle, ...]


REFUSED = {
    "an optional field": ("x", _OptionalName, r"OptionalName.name: str \| None may be absent"),
    "a float": ("x", _Floating, "Floating.share: <class 'float'> cannot be part of a fact"),
    "a list of lists": ("x", _ListInList, "ListInList.rows: .* cannot be part of a fact"),
    "a pair": ("x", _OpenTuple, "OpenTuple.pair: .* cannot be part of a fact"),
    "a keyword": ("x", _Keyword, "Keyword.null: 'null' is a keyword of CEL"),
    "a literal number": ("x", _NumberLiteral, "NumberLiteral.kind: .* cannot be part of a fact"),
    "a dataclass that can change": ("x", _Mutable, "Mutable: not a frozen dataclass"),
    "no dataclass": ("x", _Open, "_Open: not a frozen dataclass"),
    "two of one name": ("x", _TwoTaints, "Taint: two dataclasses have this name"),
    "a cycle": ("x", Cycle, "Cycle: contains itself; facts are trees"),
    "a reserved word": ("namespace", Claim, "'namespace': cannot be the name of a subject in CEL"),
    "a type of CEL": ("map", Claim, "'map': cannot be the name of a subject in CEL"),
    "the name of elements": ("item", Claim, "'item': cannot be the name of a subject in CEL"),
}


@pytest.mark.parametrize(("name", "cls", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_vocabulary(name: str, cls: type, message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary({name: cls})


def test_all_complaints_about_a_vocabulary_at_once() -> None:
    with pytest.raises(VocabularyError, match=r"Floating.*Keyword"):
        Vocabulary({"a": _Floating, "b": _Keyword})


def test_subjects_are_sorted() -> None:
    assert Vocabulary({"pool": Pool, "claim": Claim}).subjects == ("claim", "pool")


def test_description_of_the_vocabulary() -> None:
    page = Vocabulary({"pool": Pool, "claim": Claim}).describe()
    assert "### `claim`: Claim\n\n| field | type | |\n|---|---|---|\n| `name` | string |  |\n" in page
    assert "| `count` | int | Nodes. |\n" in page
    assert "| `taints` | list of Taint |  |\n| `labels` | map of string |  |\n" in page
    assert "### PluginConfig\n\nA file that the device plugin reads.\n\nFound by label.\n" in page
    assert "| `effect` | `'NoSchedule'`, `'NoExecute'` |  |\n" in page
    assert "| `value` | string | The key \\| in the map. |\n| `mapName` | string |  |\n" in page
    assert page.index("### Taint") > page.index("## Parts") > page.index("### `pool`: Pool")


def test_description_of_a_dataclass_made_by_a_call() -> None:
    page = Vocabulary({"x": make_dataclass("Made", [("name", str)], frozen=True)}).describe()
    assert "| `name` | string |  |" in page


@pytest.mark.parametrize(
    ("name", "spelling"), [("name", "name"), ("fail_requests_greater_than_one", "failRequestsGreaterThanOne")]
)
def test_camel(name: str, spelling: str) -> None:
    assert camel(name) == spelling


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\x1b[0m", r"a\nb\x1b[0m"),
        ("ü→𝒳", "ü→𝒳"),
        ("x" * 400, "x" * 300 + "…"),
        ([f"k{i:02}" for i in range(14)], ", ".join(f"'k{i:02}'" for i in range(12)) + " and 2 more"),
    ],
)
def test_show(value: object, shown: str) -> None:
    assert show(value) == shown
