"""What --fix types: the smallest change, everything else byte for byte, and never a broken file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpulint.cli import main
from gpulint.config import DEFAULTS, parse
from gpulint.finding import Edit, Location
from gpulint.fixes import insertion, mend, replacement
from gpulint.linter import Options, all_rules, lint
from gpulint.rule import Example, Rule
from tests.report_samples import SHARED_FINDING

RULES = [rule for rule in all_rules(examples=True) if rule.edits]
BAD = [pytest.param(r, e, id=f"{r.id}: {e.name}") for r in RULES for e in r.examples if e.kind == "bad"]


def check(rule: Rule, example: Example, folder: Path) -> list[str]:
    config = parse(example.config, str(folder / "gpulint.toml")) if example.config else DEFAULTS
    report = lint([folder], Options(root=folder, pedantic=True), config)
    mended = mend([each for each in report.findings if each.rule == rule.id], report.texts, unsafe=True)
    for path, text in mended.texts.items():
        (folder / path).write_text(text)
    return [each.fingerprint for each in report.findings if each.rule == rule.id and each.edits]


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_what_is_fixed_is_no_longer_found(rule: Rule, example: Example, tmp_path: Path) -> None:
    for name, text in example.files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    passes = 0
    while check(rule, example, tmp_path) and passes < 8:
        passes += 1
    assert passes < 8, "the edits do not mend it"


def test_every_rule_with_edits_mends_one_of_its_examples(tmp_path: Path) -> None:
    mending = set()
    for number, parameters in enumerate(BAD):
        rule, example = parameters.values
        assert isinstance(rule, Rule)
        assert isinstance(example, Example)
        folder = tmp_path / str(number)
        for name, text in example.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if check(rule, example, folder):
            mending.add(rule.id)
    assert mending == {rule.id for rule in RULES}


# --- edits ------------------------------------------------------------------------------------------------------------


def at(text: str, token: str) -> Location:
    start = text.index(token)
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return Location("a.yaml", line, column, line, column + len(token))


@pytest.mark.parametrize(
    ("text", "token", "new", "result"),
    [
        ("a: 1\n", "1", "2", "a: 2\n"),
        ("a: '1'  # why\n", "'1'", "2", "a: '2'  # why\n"),
        ('a: "1"\r\nb: 2', '"1"', "2", 'a: "2"\r\nb: 2'),
        ("ü: {x: 1, y: 1}\n", "x", "nvidia.com/gpu", "ü: {nvidia.com/gpu: 1, y: 1}\n"),
        ("a: 1\n", "1", "1: {b", None),
        ("a: 1\n", "1", "", None),
        ("a: &x 1\n", "&x 1", "2", None),
        ("a: |\n  1\n", "|\n  1", "2", None),
        ("a: [1]\n", "[1]", "2", None),
    ],
)
def test_one_token_is_replaced(text: str, token: str, new: str, result: str | None) -> None:
    edit = replacement(at(text, token), text, new, safe=True)
    assert (mended(text, edit) if edit else None) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("  requests:\n    x: 1\n", "  limits:\n    x: 1\n  requests:\n    x: 1\n"),
        ("  requests:\r\n    x: 1\r\n", "  limits:\r\n    x: 1\r\n  requests:\r\n    x: 1\r\n"),
        ("a: {requests: {x: 1}}\n", None),
        ("- requests: {x: 1}\n", None),
    ],
)
def test_lines_are_put_in_with_the_indentation_of_the_key(text: str, result: str | None) -> None:
    edit = insertion(at(text, "requests"), text, "limits:\n  x: 1", safe=True)
    assert (mended(text, edit) if edit else None) == result


def mended(text: str, *edits: Edit, unsafe: bool = False) -> str:
    finding = replace(SHARED_FINDING, edits=edits)
    return mend([finding], {"a.yaml": text}, unsafe=unsafe).texts.get("a.yaml", text)


def test_an_edit_that_makes_a_key_come_twice_is_not_made() -> None:
    text = "apiVersion: v1\nkind: Pod\nx: 1\ny: 2\n"
    edit = replacement(at(text, "x"), text, "y", safe=True)
    assert edit is not None
    assert mended(text, edit) == text


def test_an_unsafe_edit_waits_to_be_asked_for() -> None:
    text = "a: 1\n"
    edit = replacement(at(text, "1"), text, "2", safe=False)
    assert edit is not None
    assert (mended(text, edit), mended(text, edit, unsafe=True)) == ("a: 1\n", "a: 2\n")


def test_of_edits_that_overlap_the_first_is_made() -> None:
    text = "a: 1\n"
    one, other = (replacement(at(text, "1"), text, new, safe=True) for new in "23")
    assert one is not None
    assert other is not None
    findings = [replace(SHARED_FINDING, edits=(each,)) for each in (one, other, one)]
    result = mend(findings, {"a.yaml": text}, unsafe=False)
    assert (result.texts["a.yaml"], result.fixed, result.left) == ("a: 2\n", 2, 1)


def test_suppressed_findings_are_left_alone() -> None:
    text = "a: 1\n"
    edit = replacement(at(text, "1"), text, "2", safe=True)
    assert edit is not None
    finding = replace(SHARED_FINDING, edits=(edit,), suppression="inline")
    assert mend([finding], {"a.yaml": text}, unsafe=True).fixed == 0


# --- the command line -------------------------------------------------------------------------------------------------

POD = """\
# a comment
apiVersion: v1
kind: Pod
metadata: {name: trainer}   # kept
spec:
  containers:
  - name: main
    image: example.com/main:1
    resources:
      requests:
        nvidia.com/gpus: "2"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["check", "--select", "request", "--ignore", "gpu-container-without-memory-limit", *arguments]
    )


def test_fix_changes_what_it_says_and_nothing_else(folder: Path) -> None:
    file = folder / "pod.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + POD.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    result = run("--fix", ".")
    limits = '      limits:\n        nvidia.com/gpu: 2\n      requests:\n        nvidia.com/gpu: "2"\n'
    expected = POD.replace('      requests:\n        nvidia.com/gpus: "2"\n', limits)
    assert file.read_bytes() == b"\xef\xbb\xbf" + expected.replace("\n", "\r\n").encode()
    assert (result.exit_code, file.stat().st_mode & 0o777) == (0, 0o640)
    assert sorted(each.name for each in folder.iterdir()) == ["pod.yaml"]


def test_diff_changes_nothing(folder: Path) -> None:
    (folder / "pod.yaml").write_text(POD)
    result = run("--diff", ".")
    assert '-        nvidia.com/gpus: "2"\n+        nvidia.com/gpu: "2"\n' in result.stdout
    assert (result.exit_code, (folder / "pod.yaml").read_text()) == (1, POD)


def test_standard_input_is_no_file_to_change(folder: Path) -> None:
    assert run("--fix", "-").exit_code == 2
    assert not list(folder.iterdir())


def test_the_summary_says_what_can_be_fixed(folder: Path) -> None:
    (folder / "pod.yaml").write_text(POD)
    assert "1 fixable with --fix" in run(".").stdout
