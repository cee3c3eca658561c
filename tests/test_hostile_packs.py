"""Rule packs are data: they read no file, run no code, and take bounded time and memory, whatever they say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpulint.cel import LONGEST_TEXT, CompileError, EvaluationError, Vocabulary
from gpulint.facts import SUBJECTS
from gpulint.finding import Location
from gpulint.manifest import Place
from gpulint.rule import (
    LARGEST_FILE,
    LONGEST_MESSAGE,
    MOST_RELATED,
    InvalidRulesError,
    compile_rules,
    evaluate,
    load_rules,
)
from gpulint.source import read_stdin

PATIENCE = 60
"""Seconds until a subprocess counts as hanging; all of these take far less than one."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What these rules are about."""

    name: str
    parts: tuple[str, ...]
    numbers: tuple[int, ...]
    place: Place


VOCABULARY = Vocabulary({"thing": Thing})
PLACE = Place(read_stdin("a: 1\n", "a.yaml").documents()[0], ("a",))
BIG = Thing("a" * 200_000, tuple("x" * 4000 for _ in range(2400)), tuple(range(2400)), PLACE)
RULE = {
    "id": "own-rule", "title": "t", "family": "f", "severity": "error", "confidence": "high", "for": "thing",
    "when": "true", "at": "thing.place", "message": "m", "why": "w", "fix": "f",
}  # fmt: skip


def written(folder: Path, **fields: str) -> Path:
    text = "".join(f"{key}: {value}\n" for key, value in {**RULE, **fields}.items())
    (folder / "own-rule.yaml").write_text(text, encoding="utf-8")
    return folder


def mistakes(folder: Path, *, examples: bool = True) -> list[str]:
    try:
        compile_rules(load_rules(folder, VOCABULARY, examples=examples))
    except InvalidRulesError as error:
        return [each.message for each in error.errors]
    return []


REFUSED = {
    "text that doubles in every loop": "[thing.name].all(a, [a + a + a].all(b, [b + b + b].all(c, [c + c + c + c + c].all(d, d != ''))))",
    "lists that double in every loop": "[[1]].all(a, [[a, a, a, a]].all(b, [[b, b, b, b]].all(c, [[c, c, c, c]].all(d, d == d))))",
    "loops over what loops made": "[thing.name].map(a, a + a + a + a).map(a, a + a + a + a).map(a, a + a + a + a).size() > 0",
    "replacing": "thing.name.replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa') != ''",
    "joining": "thing.parts.join(thing.name) != ''",
    "formatting": "'%s'.format([thing.name]) != ''",
    "spread over lines": "thing.name\n    .replace\n    ('a', 'b') != ''",
    "endless": "true" + " && true" * 2000,
    "deep": "(" * 100 + "true" + ")" * 100,
    "a function that reads files": "readFile('/etc/passwd') != ''",
    "an environment variable": "env('HOME') != ''",
    "Python": "__import__('os').system('touch pwned') == 0",
    "an attribute of Python": "thing.__class__ != ''",
}


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED.keys())
def test_refused_expression(expression: str) -> None:
    with pytest.raises(CompileError) as raised:
        VOCABULARY.subject("thing").compile(expression, "bool")
    assert all(len(problem.message) < 2000 for problem in raised.value.problems)


TAKEN = {
    "a list of names": "thing.parts.exists(part, part in ['a', 'b', 'c', 'd', 'e', 'f', 'g'])",
    "a name that is put together": "thing.parts.exists(part, part + '.' + thing.name == 'a.b')",
    "words of text": "thing.name == '.replace(' || thing.name == \"+,+,+.all(\" || thing.name == r'\\.join('",
    "two loops": "thing.parts.all(a, thing.numbers.exists(b, b > a.size()))",
}


@pytest.mark.parametrize("expression", TAKEN.values(), ids=TAKEN.keys())
def test_taken_expression(expression: str) -> None:
    VOCABULARY.subject("thing").compile(expression, "bool")


BOUNDED = {
    "a regular expression with nested repetition": "BIG.name.matches('(a+)+$')",
    "a regular expression with alternatives": "BIG.name.matches('^(a|aa)*b$')",
    "a regular expression that is large": "BIG.name.matches('((a{0,30}){0,30})b') || true",
    "loops in loops": "BIG.numbers.all(a, BIG.numbers.all(b, BIG.numbers.all(c, a + b + c >= 0)))",
    "text in loops": "BIG.numbers.all(x, [BIG.name].all(a, [a + a + a + a].all(b, b != '')))",
    "text of many parts": "BIG.parts.all(x, BIG.parts.all(y, x + y != ''))",
    "splitting": "BIG.name.split('').size() > 0",
}


@pytest.mark.parametrize("expression", BOUNDED.values(), ids=BOUNDED.keys())
def test_evaluation_ends(expression: str) -> None:
    """In a process of its own: what hangs in C++ cannot be interrupted."""
    program = f"""
import resource
from gpulint.cel import EvaluationError
from tests.test_hostile_packs import BIG, VOCABULARY
limit = 4 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
subject = VOCABULARY.subject("thing")
try:
    print(subject.compile({expression.replace("BIG", "thing")!r}, "bool").holds(subject.bind(BIG)))
except EvaluationError as error:
    print("refused", error)
"""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("True", "False", "refused"))


def test_texts_of_a_large_fact_are_cut() -> None:
    subject = VOCABULARY.subject("thing")
    assert subject.compile(f"thing.name.size() == {LONGEST_TEXT}", "bool").holds(subject.bind(BIG))


def test_an_error_of_an_evaluation_names_the_rule() -> None:
    subject = VOCABULARY.subject("thing")
    expression = subject.compile("thing.numbers[9999] == 1", "bool", origin="rule 'own-rule', 'when'")
    with pytest.raises(EvaluationError, match="rule 'own-rule', 'when': evaluation failed on thing"):
        expression.holds(subject.bind(BIG))


def test_messages_and_related_places_are_bounded(tmp_path: Path) -> None:
    message = '"' + "{thing.name}" * 2000 + '"'
    folder = written(tmp_path, message=message, related='[{each: thing.parts, at: thing.place, message: "{item}"}]')
    (rule,) = load_rules(folder, VOCABULARY)
    (hit,) = evaluate(rule, BIG, completeness=lambda _fact, _space: "complete")
    assert len(hit.message) == LONGEST_MESSAGE + 1
    assert len(hit.related) == MOST_RELATED
    assert hit.place.location() == Location("a.yaml", 1, 4, 1, 5)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]\n" for i in range(1, 30)
)
FILES = {
    "a file that is too large": "#" * LARGEST_FILE + "\n",
    "brackets without end": "x: " + "[" * 100_000,
    "a key that expands": f"{BOMB}? *a29\n: 1\n",
    "a list that expands": f"{BOMB}related: *a29\n",
    "an example that expands": f"{BOMB}examples: [{{name: *a29, bad: *a29, files: *a29}}]\n",
    "a list in itself": "related: &a [*a]\n",
    "a key in itself": "? &a [*a]\n: 1\n",
    "files whose name is a list": "examples: [{name: a, good: b, files: {? [a] : b}}]\n",
    "an object of Python": "x: !!python/object/apply:os.system ['touch pwned']\n",
    "no text": "\x00\x01",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_hostile_file(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path) / "own-rule.yaml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    for examples in (True, False):
        found = mistakes(tmp_path, examples=examples)
        assert found or text.startswith("examples")
        assert all(len(message) < 1000 for message in found)
    assert not (tmp_path / "pwned").exists()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "own-rule.yaml").mkdir()
    assert mistakes(tmp_path) == ["not a file"]


def test_a_rule_names_no_file() -> None:
    """No fact is a file, so that no expression can read one: strings, numbers, lists, maps and places are all there is."""
    described = Vocabulary(SUBJECTS).describe()
    assert "bytes" not in {cell.strip() for line in described.splitlines() for cell in line.split("|")[2:3]}
