"""Rule files: what they hold, every mistake with its place, and what a rule says about a fact."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from gpulint import rule as rule_module
from gpulint.cel import EvaluationError, Vocabulary
from gpulint.manifest import Place
from gpulint.rule import (
    Completeness,
    Example,
    Hit,
    InvalidRulesError,
    Marker,
    RelatedEntry,
    Rule,
    compile_rules,
    evaluate,
    load_rules,
    rules_folder,
)
from gpulint.source import read_stdin

Labels: TypeAlias = Mapping[str, str]
DOCUMENT = read_stdin("apiVersion: v1\nkind: Node\n").documents()[0]


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class Pool:
    name: str
    count: int
    keys: tuple[str, ...]
    taints: tuple[Taint, ...]
    labels: Labels
    place: Place


def place(*path: str | int) -> Place:
    return Place(DOCUMENT, path)


POOL = Pool(
    name="a100",
    count=4,
    keys=("b", "a"),
    taints=(Taint("x", place("x")), Taint("y", place("y"))),
    labels={"app": "web"},
    place=place("metadata"),
)

RULE = """\
id: wrong-key
title: A key that the map does not hold
family: sharing
severity: error
confidence: high
for: pool
when: pool.count > 3
at: pool.place
message: "'{pool.name}' holds {pool.keys}"
why: Because.
fix: Name one of the entries.
"""


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary({"pool": Pool})


Write: TypeAlias = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "sharing/wrong-key.yaml") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return tmp_path

    return written


def changed(**parts: str) -> str:
    """The rule with the text of some keys replaced, `for_` being `for`; a key with empty text is left out."""
    text = RULE
    for key, value in parts.items():
        name = key.rstrip("_").replace("_", "-")
        line = f"{name}: {value}\n" if value else ""
        before, found, after = text.partition(f"\n{name}: ")
        if name == "id":
            text = line + text.partition("\n")[2]
        elif found:
            text = before + "\n" + line + after.partition("\n")[2]
        else:
            text += line
    return text


def complete(_fact: object, _space: str) -> Completeness:
    return "complete"


def hit(rule: Rule, fact: Pool = POOL) -> Hit:
    (found,) = evaluate(rule, fact, completeness=complete)
    return found


def mistakes(folder: Path, vocabulary: Vocabulary, *, examples: bool = False) -> list[str]:
    """All that is wrong with the rules of a folder, without the folder."""
    with pytest.raises(InvalidRulesError) as raised:
        compile_rules(load_rules(folder, vocabulary, examples=examples))
    return [str(error).removeprefix(f"{folder.as_posix()}/") for error in raised.value.errors]


def test_rule_as_written(write: Write, vocabulary: Vocabulary) -> None:
    folder = write(
        changed(
            since='"0.1"',
            pedantic="true",
            needs="[nodes]",
            yields_to="[other-rule]",
            detail="'{pool.name}'",
            references="[https://example.org/a]",
            related="[{at: item.place, each: pool.taints, when: item.key != '', message: 'a {item.key}'}]",
        )
    )
    (rule,) = load_rules(folder, vocabulary)
    assert (rule.id, rule.family, rule.subject, rule.since, rule.pedantic) == (
        "wrong-key",
        "sharing",
        "pool",
        "0.1",
        True,
    )
    assert (rule.needs, rule.references, rule.examples) == (("nodes",), ("https://example.org/a",), ())
    assert rule.yields_to == ("other-rule",)
    assert rule.related == (RelatedEntry("item.place", "a {item.key}", "pool.taints", "item.key != ''"),)
    assert rule.file == f"{folder.as_posix()}/sharing/wrong-key.yaml"
    assert (rule.why, rule.fix) == ("Because.", "Name one of the entries.")


def test_rules_are_sorted_by_family_and_id(write: Write, vocabulary: Vocabulary) -> None:
    write(changed(id="b-rule"), "sharing/b-rule.yaml")
    write(changed(id="c-rule", family="mig"), "mig/c-rule.yaml")
    folder = write(changed(id="a-rule"), "sharing/a-rule.yaml")
    assert [rule.id for rule in load_rules(folder, vocabulary)] == ["c-rule", "a-rule", "b-rule"]


def test_rules_may_lie_in_the_folder_itself(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(RULE, "wrong-key.yaml"), vocabulary)
    assert rule.family == "sharing"


def test_other_files_are_left_alone(write: Write, vocabulary: Vocabulary) -> None:
    write("# How to write a rule", "README.md")
    folder = write(": [", ".hidden/x.yaml")
    assert load_rules(folder, vocabulary) == ()


MISTAKES = {
    "an unknown key": (changed(whne="x"), ["12:1: a rule has no key 'whne'; did you mean 'when'?"]),
    "a key given twice": (RULE + "why: Again.\n", ["12:1: 'why' is given twice"]),
    "missing keys": (changed(when="", fix=""), ["1:1: 'fix' is missing", "1:1: 'when' is missing"]),
    "an empty value": (changed(why='""'), ["10:6: 'why' must be text"]),
    "a value that is no text": (changed(message="[a]"), ["9:10: 'message' must be text"]),
    "an unknown severity": (
        changed(severity="eror"),
        ["4:11: unknown severity 'eror', wanted is one of 'error', 'warning', 'info'; did you mean 'error'?"],
    ),
    "an unknown confidence": (
        changed(confidence="certain"),
        ["5:13: unknown confidence 'certain', wanted is one of 'high', 'medium', 'low'"],
    ),
    "an unknown subject": (
        changed(for_="pols"),
        ["6:6: there is no subject 'pols'; did you mean 'pool'?"],
    ),
    "an unknown search space": (
        changed(needs="[nodes, quota]"),
        ["12:16: there is no search space 'quota'; did you mean 'quotas'?"],
    ),
    "pedantic that is no boolean": (changed(pedantic="yes"), ["12:11: 'pedantic' must be true or false"]),
    "needs that is no list": (changed(needs="nodes"), ["12:8: 'needs' must be a list"]),
    "an id that is not the file's name": (
        changed(id="wrong-keys"),
        ["1:5: the file of rule 'wrong-keys' must be named 'wrong-keys.yaml'"],
    ),
    "an id in camelCase": (
        changed(id="wrongKey"),
        [
            "1:5: 'wrongKey' must be lower-case words joined by '-'",
            "1:5: the file of rule 'wrongKey' must be named 'wrongKey.yaml'",
        ],
    ),
    "a family that is not the folder's": (
        changed(family="mig"),
        ["3:9: family 'mig', but the file is in folder 'sharing'"],
    ),
    "a related entry that is no mapping": (
        changed(related="[x]"),
        ["12:11: an entry of 'related' is a mapping with 'at' and 'message'"],
    ),
    "a related entry without a message": (
        changed(related="[{at: pool.place, mesage: x}]"),
        [
            "12:11: 'message' is missing",
            "12:28: an entry of 'related' has no key 'mesage'; did you mean 'message'?",
        ],
    ),
    "a syntax error": (RULE + "x: [\n", ["13:1: did not find expected node content"]),
    "no mapping": ("- x\n", ["1:1: a rule file holds one mapping"]),
    "an empty file": ("", ["1:1: a rule file holds one mapping"]),
    "examples that do not come last": (
        RULE.replace("why:", "examples:\n  - name: x\n    good: y\nwhy:"),
        [
            "1:1: 'fix' is missing",
            "1:1: 'why' is missing",
            "13:1: 'examples' must come last",
        ],
    ),
    "CEL in a plain scalar": (
        changed(when="pool.nam == ''"),
        ["7:11: Pool has no field 'nam'; did you mean 'name'?"],
    ),
    "CEL in a quoted scalar with an escape": (
        changed(when='"pool.name == \\"a\\" && pool.nam == \'\'"'),
        ["7:34: Pool has no field 'nam'; did you mean 'name'?"],
    ),
    "CEL in a single-quoted scalar": (
        changed(when="'pool.name == ''a'' && pool.nam == ''b'''"),
        ["7:34: Pool has no field 'nam'; did you mean 'name'?"],
    ),
    "CEL in a literal block, two mistakes": (
        changed(when="|-\n  pool.nam == ''\n    && pool.cont > 1"),
        [
            "8:7: Pool has no field 'nam'; did you mean 'name'?",
            "9:12: Pool has no field 'cont'; did you mean 'count'?",
        ],
    ),
    "CEL in a folded block": (
        changed(when=">-\n  pool.name == ''\n  && pool.cont > 1"),
        ["9:10: Pool has no field 'cont'; did you mean 'count'?"],
    ),
    "a condition that is none": (
        changed(when="pool.count"),
        ["7:7: gives int, a condition must give true or false"],
    ),
    "a place that is none": (changed(at="pool.name"), ["8:5: gives string, wanted is a place"]),
    "a severity that is no string": (
        changed(severity="pool.count > 3"),
        ["4:11: gives bool, wanted is a string"],
    ),
    "a confidence with a mistake": (
        changed(confidence="\"pool.cont > 1 ? 'high' : 'low'\""),
        ["5:18: Pool has no field 'cont'; did you mean 'count'?"],
    ),
    "CEL in a message": (
        changed(message='"{pool.name} and {pool.nam}"'),
        ["9:32: Pool has no field 'nam'; did you mean 'name'?"],
    ),
    "facts in a message": (
        changed(message="x {pool.taints}"),
        [
            "9:13: gives a list of Taint, a message can show a string, a number, true or false, or a list of these",
        ],
    ),
    "a map in a message": (
        changed(message="x {pool.labels}"),
        ["9:13: gives map, a message can show a string, a number, true or false, or a list of these"],
    ),
    "an open brace": (changed(message="x {pool.name"), ["9:12: '{' is never closed; write '{{' for a brace"]),
    "a closing brace": (changed(message="x }"), ["9:12: single '}'; write '}}' for a brace"]),
    "CEL in a detail": (
        changed(detail="x {pool.nam}"),
        ["12:16: Pool has no field 'nam'; did you mean 'name'?"],
    ),
    "CEL in a related entry": (
        RULE
        + textwrap.dedent("""\
            related:
              - at: item.plac
                each: pool.taints
                when: item.kee == ''
                message: x {item.kee}
            """),
        [
            "13:13: Taint has no field 'plac'; did you mean 'place'?",
            "15:15: Taint has no field 'kee'; did you mean 'key'?",
            "16:21: Taint has no field 'kee'; did you mean 'key'?",
        ],
    ),
    "each that is no list": (
        RULE + "related:\n  - {at: item.place, each: pool.name, message: x}\n",
        ["13:28: gives string, wanted is a list"],
    ),
    "item without each": (
        RULE + "related:\n  - {at: item.place, message: x}\n",
        ["13:10: unknown name 'item'; known are 'pool'"],
    ),
    "mistakes of both kinds": (
        changed(whne="x", at="pool.plac"),
        [
            "8:9: Pool has no field 'plac'; did you mean 'place'?",
            "12:1: a rule has no key 'whne'; did you mean 'when'?",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake(write: Write, vocabulary: Vocabulary, text: str, expected: list[str]) -> None:
    assert mistakes(write(text), vocabulary) == [f"sharing/wrong-key.yaml:{line}" for line in expected]


def test_mistakes_of_all_files_at_once(write: Write, vocabulary: Vocabulary) -> None:
    write(changed(id="a-rule", when="pool.nam == ''"), "sharing/a-rule.yaml")
    write(changed(id="b-rule", fix=""), "sharing/b-rule.yaml")
    assert mistakes(write(RULE, "sharing/c-rule.yml"), vocabulary) == [
        "sharing/a-rule.yaml:7:11: Pool has no field 'nam'; did you mean 'name'?",
        "sharing/b-rule.yaml:1:1: 'fix' is missing",
        "sharing/c-rule.yml:1:1: a rule file must end in '.yaml'",
    ]


def test_two_rules_of_one_name(write: Write, vocabulary: Vocabulary) -> None:
    write(RULE)
    folder = write(changed(family="mig"), "mig/wrong-key.yaml")
    first = f"{folder.as_posix()}/mig/wrong-key.yaml"
    assert mistakes(folder, vocabulary) == [
        f"sharing/wrong-key.yaml:1:1: there is already a rule 'wrong-key' in {first}"
    ]


def test_name_of_a_built_in_rule(write: Write, vocabulary: Vocabulary) -> None:
    with pytest.raises(InvalidRulesError, match=r"wrong-key.yaml:1:1: there is already a rule 'wrong-key' built in$"):
        load_rules(write(RULE), vocabulary, taken={"wrong-key"})


def test_folder_that_is_none(tmp_path: Path, vocabulary: Vocabulary) -> None:
    with pytest.raises(InvalidRulesError, match=r"rules:1:1: not a folder$"):
        load_rules(tmp_path / "rules", vocabulary)


def test_bytes_that_are_no_text(write: Write, vocabulary: Vocabulary) -> None:
    folder = write("")
    (folder / "sharing/wrong-key.yaml").write_bytes(b"id: \xff")
    assert mistakes(folder, vocabulary) == ["sharing/wrong-key.yaml:1:1: not encoded as UTF-8"]


def test_byte_order_mark_shifts_nothing(write: Write, vocabulary: Vocabulary) -> None:
    folder = write("\ufeff" + changed(id="wrong"))
    assert mistakes(folder, vocabulary) == [
        "sharing/wrong-key.yaml:1:5: the file of rule 'wrong' must be named 'wrong.yaml'"
    ]


def test_expressions_are_compiled_when_a_fact_comes(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(changed(when="pool.nam == ''")), vocabulary)
    with pytest.raises(InvalidRulesError, match="7:11: Pool has no field 'nam'"):
        evaluate(rule, POOL, completeness=complete)


# -- What a rule says


def test_hit(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(RULE), vocabulary)
    assert hit(rule) == Hit(
        rule=rule,
        severity="error",
        confidence="high",
        message="'a100' holds 'a', 'b'",
        detail="a100\x1f'a', 'b'",
        place=POOL.place,
        related=(),
    )


def test_no_hit(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(RULE), vocabulary)
    assert evaluate(rule, replace(POOL, count=3), completeness=complete) == []


MESSAGES = {
    "braces": ("a {{b}} {{{pool.count}}}", "a {b} {4}"),
    "a brace in a string": ("{pool.count > 3 ? '}' : '{'}", "}"),
    "a quote in a string": (r"{'\'}' + pool.name}", "'}a100"),
    "a map within an expression": ("{ {'a': pool.name}['a'] }", "a100"),
    "a boolean": ("{pool.count > 3}", "true"),
    "no expression": ("nothing is known", "nothing is known"),
    "a line break in a value": ("{pool.name + '\\n'}", r"a100\n"),
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_message(write: Write, vocabulary: Vocabulary, text: str, message: str) -> None:
    (rule,) = load_rules(write(changed(message=f"|-\n  {text}")), vocabulary)
    assert hit(rule).message == message


def test_severity_and_confidence_of_the_fact(write: Write, vocabulary: Vocabulary) -> None:
    text = changed(
        severity="\"pool.count > 9 ? 'error' : 'warning'\"",
        confidence="\"pool.count > 9 ? 'high' : 'medium'\"",
    )
    (rule,) = load_rules(write(text), vocabulary)
    assert (hit(rule).severity, hit(rule).confidence) == ("warning", "medium")
    sure = hit(rule, replace(POOL, count=10))
    assert (sure.severity, sure.confidence) == ("error", "high")
    assert (rule.info().severity, rule.info().confidence) == ("error", "high")


def test_severity_that_is_none(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(changed(severity='"pool.name"')), vocabulary)
    message = "rule 'wrong-key', 'severity': gives 'a100' on pool 'a100', wanted is one of 'error', 'warning', 'info'"
    with pytest.raises(EvaluationError, match=re.escape(message)):
        hit(rule)


CONFIDENCES: dict[str, tuple[str, dict[str, Completeness], list[str]]] = {
    "both searches complete": ("high", {"nodes": "complete", "limits": "complete"}, ["high"]),
    "one evident": ("high", {"nodes": "complete", "limits": "evident"}, ["medium"]),
    "one partial": ("high", {"nodes": "evident", "limits": "partial"}, ["low"]),
    "one absent": ("high", {"nodes": "complete", "limits": "absent"}, []),
    "the rule less sure than the search": ("medium", {"nodes": "complete", "limits": "complete"}, ["medium"]),
    "the search less sure than the rule": ("medium", {"nodes": "complete", "limits": "partial"}, ["low"]),
}


@pytest.mark.parametrize(("own", "spaces", "given"), CONFIDENCES.values(), ids=CONFIDENCES.keys())
def test_confidence(
    write: Write, vocabulary: Vocabulary, own: str, spaces: dict[str, Completeness], given: list[str]
) -> None:
    (rule,) = load_rules(write(changed(needs="[nodes, limits]", confidence=own)), vocabulary)
    hits = evaluate(rule, POOL, completeness=lambda fact, space: spaces[space] if fact is POOL else "absent")
    assert [found.confidence for found in hits] == given


def test_related_places(write: Write, vocabulary: Vocabulary) -> None:
    text = RULE + textwrap.dedent("""\
        related:
          - at: pool.place
            message: pool {pool.name}
          - at: pool.place
            when: pool.count > 9
            message: not shown
          - at: item.place
            each: pool.taints
            when: item.key != pool.name
            message: taint {item.key} of {pool.name}
        """)
    (rule,) = load_rules(write(text), vocabulary)
    fact = replace(POOL, taints=(*POOL.taints, Taint("a100", place("z"))))
    assert hit(rule, fact).related == (
        (place("metadata"), "pool a100"),
        (place("x"), "taint x of a100"),
        (place("y"), "taint y of a100"),
    )


def test_detail_replaces_the_values_of_the_message(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(changed(detail="only {pool.count}")), vocabulary)
    assert hit(rule).detail == "only 4"


def test_failure_names_rule_part_and_fact(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(changed(at="pool.taints[7].place")), vocabulary)
    with pytest.raises(EvaluationError, match=r"^rule 'wrong-key', 'at': evaluation failed on pool 'a100': "):
        hit(rule)


# -- Examples

EXAMPLES = """\
examples:
  - name: the entry was renamed
    bad: |
      a: 1  # finding
      data: |
        b: 2 # related x2
        c: 3   # finding x2 # related
  - name: several files
    bad:
    files:
      a/b.yaml: |
        x: 1
        y: 2  # finding
    config: |
      pedantic = true
  - name: nearly
    good: |
      a: 1 # a finding of old
"""


def test_examples(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(RULE + EXAMPLES), vocabulary, examples=True)
    first = "a: 1  # finding\ndata: |\n  b: 2 # related x2\n  c: 3   # finding x2 # related\n"
    assert rule.examples == (
        Example(
            "the entry was renamed",
            "bad",
            {"manifests.yaml": first},
            "",
            (
                Marker("manifests.yaml", 1, "finding"),
                Marker("manifests.yaml", 3, "related", 2),
                Marker("manifests.yaml", 4, "finding", 2),
                Marker("manifests.yaml", 4, "related"),
            ),
            13,
        ),
        Example(
            "several files",
            "bad",
            {"a/b.yaml": "x: 1\ny: 2  # finding\n"},
            "pedantic = true\n",
            (Marker("a/b.yaml", 2, "finding"),),
            19,
        ),
        Example("nearly", "good", {"manifests.yaml": "a: 1 # a finding of old\n"}, "", (), 27),
    )


def test_examples_are_only_read_when_asked_for(write: Write, vocabulary: Vocabulary) -> None:
    (rule,) = load_rules(write(RULE + "examples:\n  - name: [\n"), vocabulary)
    assert rule.examples == ()


EXAMPLE_MISTAKES = {
    "neither bad nor good": ("- name: x", ["13:3: an example is either 'bad' or 'good'"]),
    "both": ("- {name: x, bad: 'a # finding', good: a}", ["13:3: an example is either 'bad' or 'good'"]),
    "an unknown key": (
        "- {name: x, god: a, good: a}",
        ["13:13: an example has no key 'god'; did you mean 'good'?"],
    ),
    "no name": ("- {good: a}", ["13:3: 'name' is missing"]),
    "bad without a finding": (
        "- {name: x, bad: 'a: 1'}",
        ["13:3: a bad example has '# finding' where the finding is expected"],
    ),
    "good with a finding": (
        "- {name: x, good: 'a: 1 # finding'}",
        ["13:3: a good example has no '# finding' or '# related'"],
    ),
    "no text at all": ("- {name: x, good: }", ["13:19: 'good' must be text, unless there are 'files'"]),
    "files that are no mapping": (
        "- {name: x, good: a, files: [b]}",
        ["13:29: 'files' must map paths to texts"],
    ),
    "no mapping": ("- x", ["13:3: an example is a mapping with 'name' and 'bad' or 'good'"]),
}


@pytest.mark.parametrize(("entry", "expected"), EXAMPLE_MISTAKES.values(), ids=EXAMPLE_MISTAKES.keys())
def test_mistake_in_an_example(write: Write, vocabulary: Vocabulary, entry: str, expected: list[str]) -> None:
    folder = write(f"{RULE}examples:\n{entry}\n")
    found = mistakes(folder, vocabulary, examples=True)
    assert found == [f"sharing/wrong-key.yaml:{line}" for line in expected]


# -- The built-in folder


def test_rules_folder_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gpulint"
    (tmp_path / "rules").mkdir()
    package.mkdir()
    monkeypatch.setattr(rule_module, "__file__", str(package / "rule.py"))
    assert rules_folder() == tmp_path / "rules"
    (package / "rules").mkdir()
    assert rules_folder() == package / "rules"
