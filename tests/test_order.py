"""The same bytes for the same files, however they are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpulint.linter import Options, lint
from gpulint.reports import render
from gpulint.source import load

SITUATION = Path(__file__).parent / "fixtures" / "one-cluster-for-all-strategies"
FILES = sorted(str(file.relative_to(SITUATION)) for file in SITUATION.rglob("*.yaml"))


def reported(paths: list[str | Path]) -> str:
    return render("json", lint(paths, Options(root=SITUATION, min_confidence="low")), color=False)


@pytest.mark.parametrize(
    "paths",
    [
        [SITUATION / each for each in FILES],
        [SITUATION / each for each in reversed(FILES)],
        [SITUATION, SITUATION / FILES[0]],
        [SITUATION / FILES[-1], SITUATION, SITUATION],
        sorted({(SITUATION / each).parent for each in FILES}, reverse=True),
    ],
    ids=["each file", "backwards", "a file twice", "all twice", "folders backwards"],
)
def test_the_order_of_arguments_changes_nothing(paths: list[str | Path]) -> None:
    assert len(FILES) > 2
    assert reported(paths) == reported([SITUATION])


def test_relative_and_absolute_paths_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SITUATION)
    expected = reported([SITUATION])
    for paths in (["."], [""], FILES, [f"./{each}" for each in FILES], [os.path.relpath(SITUATION, Path.cwd())]):
        assert reported([*paths]) == expected


def test_sources_are_sorted_by_path() -> None:
    loaded = load([SITUATION / each for each in reversed(FILES)], SITUATION)
    assert [source.path for source in loaded.sources] == sorted(source.path for source in loaded.sources)


def test_hash_seeds_change_nothing() -> None:
    def run(seed: str) -> bytes:
        command = [sys.executable, "-m", "gpulint", "check", "--exit-zero", "--format", "json", "--no-cache"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(command, cwd=SITUATION, capture_output=True, check=True, env=environment).stdout

    assert run("1") == run("2") == run("3")
