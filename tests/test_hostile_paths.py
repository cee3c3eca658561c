"""Trees and files that are made to be awkward: nothing is waited for, nothing outside is shown, nothing takes for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gpulint.cli import main
from gpulint.source import Input, discover, load, read, read_stdin
from gpulint.source.text import MAX_BYTES, rewrite

PATIENCE = 300
"""Seconds until a run counts as hanging."""
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, resources: {limits: {nvidia.com/gpu: 0.5}}}]}\n"

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def check(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, so that what waits for ever ends the test."""
    return subprocess.run(
        [sys.executable, "-m", "gpulint", "check", "--isolated", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def folder_in_itself(path: Path) -> None:
    path.symlink_to(path.parent)


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def unreadable(path: Path) -> None:
    path.write_text(POD, encoding="utf-8")
    path.chmod(0)


@needs_pipes
@pytest.mark.parametrize(
    "make", [pipe, device, loop, folder_in_itself, nowhere, unreadable], ids=lambda make: make.__name__
)
@pytest.mark.parametrize(
    "name", ["a.yaml", ".gitignore", "Chart.yaml", "values.yaml", "kustomization.yaml", "run.sh", "gpulint.toml"]
)
def test_what_is_no_file_is_not_waited_for(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(POD, encoding="utf-8")
    (tmp_path / "sub").mkdir()
    make(tmp_path / name)
    make(tmp_path / "sub" / name)
    loaded = load([tmp_path, tmp_path / name], tmp_path)
    assert "good.yaml" in {source.path for source in loaded.sources}
    for found in discover([tmp_path], root=tmp_path)[0]:
        read(found)


@needs_pipes
@pytest.mark.parametrize("make", [pipe, device], ids=lambda make: make.__name__)
def test_what_is_named_and_no_file_is_told(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "a.yaml")
    done = check(tmp_path, "-v", "a.yaml")
    assert done.returncode == 3
    assert "not analysed: a.yaml: unreadable (not a regular file)" in done.stderr


@needs_pipes
def test_a_pipe_that_takes_the_place_of_a_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (problem,) = read(Input("a.yaml", tmp_path / "a.yaml")).problems
    assert (problem.kind, problem.message) == ("unreadable", "not a regular file")


def test_links_out_of_the_repository_are_not_read(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "apps").mkdir()
    (tmp_path / "secret.yaml").write_text(POD, encoding="utf-8")
    (repository / "shared.yaml").write_text(POD, encoding="utf-8")
    (repository / "apps" / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (repository / "apps" / "in.yaml").symlink_to(repository / "shared.yaml")
    loaded = load([repository / "apps"], repository / "apps")
    assert [source.path for source in loaded.sources] == ["in.yaml"]
    assert [(each.path, each.reason, each.detail) for each in loaded.not_analysed] == [
        ("out.yaml", "symlink", "the link leads out of the repository")
    ]


NAMES = [
    "a\nb.yaml",
    "\x1b[31m.yaml",
    "\udc80.yaml",
    " .yaml",
    "-.yaml",
    "--config=x.yaml",
    "::error::.yaml",
    "é\u202e.yaml",
    ".yaml",
    "x" * 240 + ".yaml",
    "*.yaml",
    "[a.yaml",
    "!a.yaml",
    "#a.yaml",
    "\\.yaml",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_file_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text(POD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["check", "--isolated", "--select", "fractional-gpu", "--format", "json", "."])
    (finding,) = json.loads(found.stdout)["findings"]
    assert finding["location"]["path"] == name


def test_a_file_that_changed_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("b: 2\n", encoding="utf-8")
    with pytest.raises(OSError, match="changed"):
        rewrite(file, "a: 1\n", "a: 3\n")
    assert file.read_text(encoding="utf-8") == "b: 2\n"


def test_a_file_that_goes_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD, encoding="utf-8")
    (found,), _ = discover([tmp_path], root=tmp_path)
    (tmp_path / "a.yaml").unlink()
    assert [problem.kind for problem in read(found).problems] == ["unreadable"]


LARGE = {
    "one line": "apiVersion: v1\nkind: Pod\nnvidia: " + "x" * (MAX_BYTES - 40),
    "one byte too many": POD + "#" * MAX_BYTES,
    "a list of millions": "{apiVersion: v1, kind: ConfigMap, nvidia: [" + "a," * 2_000_000 + "]}",
    "a hundred thousand documents": "---\n" * 50_000 + POD,
    "a hundred thousand objects": "---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n" * 20_000 + "---\n" + POD,
    "markers in a text": "apiVersion: v1\nkind: Pod\nnvidia: |\n" + "  ---\n" * 200_000,
    "directives": "%YAML 1.1\n---\n...\n" * 10_000 + POD,
    "brackets": POD + "x: " + "[" * 100_000,
    "quotes": POD + "x: " + "'a' " * 100_000,
    "blanks": POD + "x: a" + " " * 1_000_000 + "b\n",
    "tags": POD + "x: " + "!a " * 20_000 + "b\n",
    "comments": POD + "# gpulint: ignore[\n" * 1_000,
    "template actions": POD + "{{ if .x }}\n" * 20_000,
    "escapes that PyYAML does not know": POD + 'x: "\\\'"\n' * 1_000,
    "a key many times": POD + "x: 1\n" * 1_000,
    "anchors": POD + "".join(f"x{i}: &a{i} 1\n" for i in range(10_000)),
}


SCRIPTS = {
    "quotes": "'a" * 50_000,
    "double quotes": '"a\\"' * 50_000,
    "substitutions": "$(a" * 50_000,
    "here documents": "<<E " * 20_000,
    "backslashes": "\\" * 500_000,
    "parentheses": "(" * 50_000,
    "commands": "\nkubectl label node a x=1" * 2_000,
}


def test_large_files_end(tmp_path: Path) -> None:
    """All in one run, which is fast or stands still."""
    for name, text in LARGE.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.sh").write_text(f"kubectl label node a {text}", encoding="utf-8")
    done = check(tmp_path, "--format", "json", ".")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["objects"] > 20_000
    assert {each["reason"] for each in report["summary"]["notAnalysed"]} <= {"template", "broken", "too-large"}


def test_output_is_the_same_for_any_form_of_the_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b/x.yaml", "a/x.yaml", "a/y.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(POD, encoding="utf-8")
    (tmp_path / "link").symlink_to("a")
    monkeypatch.chdir(tmp_path)
    forms: tuple[list[str], ...] = (
        ["."], [], ["a", "b"], ["b", "a"], ["b", "a", "a", "."], [str(tmp_path)], [str(tmp_path / "b"), "a"], ["./a/../a", "b/"],
        ["a/y.yaml", "b/x.yaml", "a/x.yaml"], [str(tmp_path / "a" / "y.yaml"), "b", "a/x.yaml"],
    )  # fmt: skip
    for name in ("text", "json", "sarif", "html"):
        outputs = {CliRunner().invoke(main, ["check", "--format", name, *form]).stdout for form in forms}
        assert len(outputs) == 1


def test_documents_are_told_apart_in_linear_time() -> None:
    """A million of them; a quadratic search would take hours."""
    assert len(read_stdin("---\na: 1\n" * 300_000).documents()) == 300_000
