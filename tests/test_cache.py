"""A report that is kept is the report that would be made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gpulint import cache
from gpulint.cache import default_folder
from gpulint.config import DEFAULTS
from gpulint.config import load as load_config
from gpulint.finding import Report
from gpulint.linter import Options, silent
from gpulint.linter import lint as lint_anew
from gpulint.reports import render

SITUATION = Path(__file__).parent / "fixtures" / "one-cluster-for-all-strategies"
FORMATS = ("text", "json", "sarif", "github", "junit", "gitlab", "checkstyle", "rdjson", "markdown", "html")

POD = """apiVersion: v1
kind: Pod
metadata:
  name: one
  namespace: research
spec:
  containers:
    - name: main
      image: pytorch/pytorch:2.6.0
      command: [torchrun, train.py]
      resources:
        requests:
          nvidia.com/gpu: 1
        limits:
          nvidia.com/gpu: 2
"""
CHANGED = POD.replace("nvidia.com/gpu: 2", "nvidia.com/gpu: 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    (made / "pod.yaml").write_text(POD, encoding="utf-8")
    return made


def lint(root: Path, folder: Path, options: Options | None = None) -> Report:
    return cache.lint([str(root)], options or Options(root=root), DEFAULTS, folder=folder, progress=silent)


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.report"))


def never(*_given: object, **_named: object) -> Report:
    raise AssertionError("linted anew")


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_is_the_same_anew_kept_and_known(
    name: str, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = render(name, lint_anew([root], Options(root=root)), color=False)
    assert render(name, lint(root, folder), color=False) == expected
    monkeypatch.setattr("gpulint.linter.lint", never)
    assert render(name, lint(root, folder), color=False) == expected


def change_content(root: Path) -> None:
    (root / "pod.yaml").write_text(CHANGED, encoding="utf-8")


def add_file(root: Path) -> None:
    (root / "second.yaml").write_text(POD.replace("name: one", "name: two"), encoding="utf-8")


def rename_file(root: Path) -> None:
    (root / "pod.yaml").rename(root / "renamed.yaml")


def ignore_file(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".gitignore").write_text("pod.yaml\n", encoding="utf-8")


def become_chart(root: Path) -> None:
    (root / "templates").mkdir()
    (root / "pod.yaml").rename(root / "templates" / "pod.yaml")
    (root / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 0.1.0\n", encoding="utf-8")


@pytest.mark.parametrize("change", [change_content, add_file, rename_file, ignore_file, become_chart])
def test_what_changes_the_report_is_not_overlooked(change: object, root: Path, folder: Path) -> None:
    before = lint(root, folder)
    assert callable(change)
    change(root)
    after = lint(root, folder)
    assert after == lint_anew([root], Options(root=root))
    assert after != before


def test_other_options_and_configurations_have_other_entries(root: Path, folder: Path) -> None:
    for options in (Options(root=root), Options(root=root, min_confidence="low"), Options(root=root, pedantic=True)):
        assert lint(root, folder, options) == lint_anew([root], options)
    (root / "gpulint.toml").write_text('ignore = ["request"]\n', encoding="utf-8")
    config = load_config(root / "gpulint.toml")
    cache.lint([str(root)], Options(root=root), config, folder=folder, progress=silent)
    assert len(entries(folder)) == 4


def test_another_version_makes_its_own(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lint(root, folder)
    monkeypatch.setattr("gpulint.__version__", "0.0.0")
    lint(root, folder)
    assert len(entries(folder)) == 2


def test_another_day_makes_its_own(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    lint(root, folder)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(86_400))
    lint(root, folder)
    assert len(entries(folder)) == 2


def other_shape(entry: Path) -> None:
    body = json.dumps({"version": "0.1"}).encode()
    entry.write_bytes(cache._checksum(body).encode() + b"\n" + body)


def other_types(entry: Path) -> None:
    data = json.loads(entry.read_bytes().partition(b"\n")[2])
    data["findings"][0]["location"]["line"] = "1"
    body = json.dumps(data).encode()
    entry.write_bytes(cache._checksum(body).encode() + b"\n" + body)


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: entry.write_bytes(b""),
        lambda entry: entry.write_bytes(entry.read_bytes()[:-20]),
        lambda entry: entry.write_bytes(entry.read_bytes().replace(b"request", b"require", 1)),
        lambda entry: entry.write_bytes(b"\xff\xfe" * 100),
        other_shape,
        other_types,
    ],
    ids=["empty", "cut off", "altered", "no text", "of another shape", "of other types"],
)
def test_a_damaged_entry_is_as_if_it_were_not_there(damage: object, root: Path, folder: Path) -> None:
    expected = lint(root, folder)
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    assert callable(damage)
    damage(entry)
    assert lint(root, folder) == expected
    assert entry.read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="rights of a POSIX system")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755])
def test_a_folder_that_is_open_to_others_is_not_used(mode: int, root: Path, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(mode)
    assert lint(root, folder) == lint_anew([root], Options(root=root))
    assert not list(folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="owners of a POSIX system")
def test_a_folder_of_somebody_else_is_not_used(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lint(root, folder)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    (root / "pod.yaml").write_text(CHANGED, encoding="utf-8")
    lint(root, folder)
    assert len(entries(folder)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_not_used(root: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    lint(root, folder)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_cannot_be_made_stops_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert lint(root, tmp_path / "file" / "cache") == lint_anew([root], Options(root=root))


@pytest.mark.skipif(sys.platform == "win32", reason="rights of a POSIX system")
def test_entries_are_for_the_user_alone(root: Path, folder: Path) -> None:
    lint(root, folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [entry.stat().st_mode & 0o777 for entry in folder.iterdir()] == [0o600]


def test_the_oldest_entries_go_first(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 2)
    kept: list[Path] = []
    for day in range(4):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(day * 86_400))
        lint(root, folder)
        (newest,) = set(entries(folder)) - set(kept)
        os.utime(newest, (day, day))
        kept.append(newest)
    assert set(entries(folder)) == set(kept[-2:])


def test_runs_at_the_same_time_do_not_disturb_each_other(root: Path, folder: Path) -> None:
    expected = lint_anew([root], Options(root=root))
    with ThreadPoolExecutor(4) as pool:
        assert all(report == expected for report in pool.map(lambda _: lint(root, folder), range(8)))
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_changes_meanwhile_leaves_no_entry(
    root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_given: object, **_named: object) -> Report:
        report = lint_anew([root], Options(root=root))
        (root / "pod.yaml").write_text(CHANGED, encoding="utf-8")
        return report

    monkeypatch.setattr("gpulint.linter.lint", slow)
    lint(root, folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"GPULINT_CACHE_DIR": "/a"}, "/a"),
        ({"GPULINT_CACHE_DIR": "/a", "CI": "true"}, "/a"),
        ({"GPULINT_CACHE_DIR": "", "XDG_CACHE_HOME": "/b"}, ""),
        ({"XDG_CACHE_HOME": "/b"}, "/b/gpulint"),
        ({"XDG_CACHE_HOME": "relative"}, ""),
        ({"XDG_CACHE_HOME": "/b", "CI": "true"}, ""),
    ],
    ids=["named", "named in CI", "switched off", "the user's", "a relative one", "in CI"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of a POSIX system")
def test_where_entries_are_kept(environment: dict[str, str], expected: str) -> None:
    assert str(default_folder(environment) or "") == expected


def test_the_command_line_keeps_and_leaves(root: Path, folder: Path) -> None:
    def run(*flags: str) -> bytes:
        command = [sys.executable, "-m", "gpulint", "check", "--exit-zero", *flags]
        return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout

    expected = run("--no-cache", "--cache-dir", str(folder))
    assert not folder.exists()
    assert [run("--cache-dir", str(folder)) for _ in range(2)] == [expected, expected]
    assert len(entries(folder)) == 1


def test_a_repository(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(SITUATION, root)
    options = Options(root=root, min_confidence="low", show_suppressed=True)
    expected = lint_anew([root], options)
    assert lint(root, folder, options) == expected
    assert lint(root, folder, options) == expected
