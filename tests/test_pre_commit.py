"""The pre-commit hook, run by pre-commit itself on a repository of two files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import HALF

ROOT = Path(__file__).parent.parent
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.com"]


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def hook_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is checked out, with a commit that pre-commit can take."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("hook") / "gpulint"
    wanted = ("gpulint", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
    folder.mkdir()
    for name in wanted:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    git("init", "-q", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "hook", cwd=folder)
    return folder


def test_the_hook_looks_at_the_whole_repository_whatever_is_staged(hook_repository: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git("init", "-q", cwd=work)
    (work / "half.yaml").write_text(HALF.format(amount="0.5"), encoding="utf-8")
    (work / "whole.yaml").write_text(HALF.format(amount="1").replace("half", "whole"), encoding="utf-8")
    git("add", "-A", cwd=work)
    git("commit", "-q", "-m", "start", cwd=work)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hook_repository), "gpulint", "--files", "whole.yaml"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "half.yaml:11:27: error[fractional-gpu] " in done.stdout


def test_the_hook_is_content_with_a_repository_without_kubernetes(hook_repository: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git("init", "-q", cwd=work)
    (work / "ci.yaml").write_text("steps: []\n", encoding="utf-8")
    git("add", "-A", cwd=work)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(hook_repository), "gpulint", "--all-files"]
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
