from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpulint.reports.json_report import json_report
from tests.report_samples import REPORT

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the action runs in bash")

FAKE = """\
#!{python}
import json, os, pathlib, sys
report = pathlib.Path({report!r}).read_text()
arguments = sys.argv[1:]
pathlib.Path({record!r}).write_text(json.dumps({{"argv": arguments, "summary": "GITHUB_STEP_SUMMARY" in os.environ}}))
if {writes!r}:
    format = ""
    for option, value in zip(arguments, arguments[1:]):
        if option == "--format":
            format = value
        if option == "--output":
            pathlib.Path(value).write_text(report if format == "json" else format)
sys.exit({code!r})
"""
"""Stands in for gpulint: records how it was called and writes the reports."""


@dataclass(frozen=True)
class Outcome:
    code: int
    argv: list[str]
    summary: bool
    outputs: dict[str, str]
    stdout: str
    workspace: Path
    temp: str


def run(folder: Path, inputs: dict[str, str], *, code: int = 1, writes: bool = True) -> Outcome:
    """Runs the script as the action does; `inputs` replace defaults of action.yml."""
    workspace, temp = folder / "work space", folder / "temp"
    workspace.mkdir()
    temp.mkdir()
    (folder / "report.json").write_text(json_report(REPORT))
    fake = folder / "fake gpulint"
    paths = {"report": str(folder / "report.json"), "record": str(folder / "record.json")}
    fake.write_text(FAKE.format(python=sys.executable, writes=writes, code=code, **paths))
    fake.chmod(0o755)
    defaults = {name: described.get("default", "") for name, described in ACTION["inputs"].items()}
    values = defaults | inputs
    environment = {
        variable: values[match[1]]
        for variable, expression in step("check")["env"].items()
        if (match := re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression))
    }
    (folder / "outputs").touch()
    result = subprocess.run(
        ["bash", str(ROOT / "action" / "run.sh")],
        cwd=workspace,
        env={
            "PATH": os.environ["PATH"],
            "RUNNER_TEMP": str(temp),
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GPULINT_COMMAND": str(fake),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    record = folder / "record.json"
    recorded: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {"argv": [], "summary": False}
    outputs = dict(line.split("=", 1) for line in (folder / "outputs").read_text().splitlines())
    return Outcome(
        code=result.returncode,
        argv=recorded["argv"],
        summary=recorded["summary"],
        outputs=outputs,
        stdout=result.stdout + result.stderr,
        workspace=workspace,
        temp=str(Path(outputs["json-file"]).parent) if "json-file" in outputs else "",
    )


def step(name: str) -> dict[str, Any]:
    return next(each for each in STEPS if each.get("id") == name)


def test_defaults_annotate_and_write_json(tmp_path: Path) -> None:
    outcome = run(tmp_path, {})
    expected = ["check", "--fail-on", "error", "--format", "github", "--format", "json", "--output"]
    assert outcome.argv == [*expected, f"{outcome.temp}/gpulint.json", "--", "."]
    assert outcome.summary
    assert outcome.code == 0, "the job fails in the last step, after the upload"


def test_outputs_are_read_from_the_report(tmp_path: Path) -> None:
    outcome = run(tmp_path, {}, code=1)
    assert outcome.outputs == {
        "exit-code": "1",
        "json-file": f"{outcome.temp}/gpulint.json",
        "findings": "2",
        "errors": "1",
        "warnings": "1",
        "version": "0.1.0",
    }
    assert Path(outcome.outputs["json-file"]).is_file()


def test_every_input_reaches_its_flag(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        {
            "paths": "deploy\nbase\n",
            "config": "conf/gpulint.toml",
            "args": "--pedantic\n--exclude\nold/**\n",
            "fail-on": "warning",
            "annotations": "false",
            "sarif": "true",
            "sarif-file": "out/scan.sarif",
            "summary": "false",
        },
    )
    assert outcome.argv == [
        *["check", "--fail-on", "warning", "--config", "conf/gpulint.toml", "--pedantic", "--exclude", "old/**"],
        *["--format", "text", "--format", "github", "--output", f"{outcome.temp}/annotations"],
        *["--format", "json", "--output", f"{outcome.temp}/gpulint.json"],
        *["--format", "sarif", "--output", f"{outcome.temp}/gpulint.sarif"],
        *["--", "deploy", "base"],
    ]
    assert not outcome.summary
    assert outcome.outputs["sarif-file"] == "out/scan.sarif"
    assert (outcome.workspace / "out" / "scan.sarif").read_text() == "sarif"


HOSTILE_LINES = ["a b", "; touch pwned", "$(touch pwned)", "`touch pwned`", "--fix", "-", "*", "a'b\"c", "$HOME", "\\"]


def test_hostile_lines_stay_single_arguments(tmp_path: Path) -> None:
    outcome = run(tmp_path, {"paths": "\n".join(HOSTILE_LINES), "args": "\r\n".join(HOSTILE_LINES)})
    separator = outcome.argv.index("--")
    assert outcome.argv[separator + 1 :] == HOSTILE_LINES
    assert outcome.argv[3 : 3 + len(HOSTILE_LINES)] == HOSTILE_LINES
    assert list(outcome.workspace.iterdir()) == []


@pytest.mark.parametrize("name", ["config", "fail-on", "sarif-file"])
@pytest.mark.parametrize("value", ["; touch pwned", "$(touch pwned)", "`touch pwned`", "a b", "-x", "' \""])
def test_hostile_values_stay_single_arguments(tmp_path: Path, name: str, value: str) -> None:
    outcome = run(tmp_path, {"sarif": "true", name: value})
    if name == "sarif-file":
        assert outcome.outputs["sarif-file"] == value
        assert [file.name for file in outcome.workspace.iterdir()] == [value]
    else:
        assert outcome.argv[outcome.argv.index(f"--{name}") + 1] == value
        assert not (outcome.workspace / "pwned").exists()


@pytest.mark.parametrize("name", ["config", "fail-on", "sarif-file", "version"])
def test_a_line_break_where_one_line_is_expected_is_refused(tmp_path: Path, name: str) -> None:
    outcome = run(tmp_path, {"sarif": "true", name: "x\nexit-code=0"})
    assert outcome.code == 2
    assert outcome.argv == []
    assert outcome.outputs == {}
    assert outcome.stdout.startswith("::error title=gpulint::")
    assert "exit-code" not in outcome.stdout


@pytest.mark.parametrize("version", ["latest; id", "$(id)", "-e .", "../evil", "@ https://evil", "1.0 --index-url=x"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    outcome = run(tmp_path, {"version": version})
    assert (outcome.code, outcome.argv) == (2, [])


@pytest.mark.parametrize(
    ("version", "source"),
    [
        pytest.param("1.2.3rc1", "gpulint==1.2.3rc1", id="from PyPI"),
        pytest.param("", str(ROOT), id="the version of the action itself"),
    ],
)
def test_gpulint_is_run_through_uv(tmp_path: Path, version: str, source: str) -> None:
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$RECORD"\n')
    uv.chmod(0o755)
    environment = {
        "PATH": f"{uv.parent}:{os.environ['PATH']}",
        "RECORD": str(tmp_path / "record"),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "INPUT_VERSION": version,
    }
    subprocess.run(["bash", str(ROOT / "action" / "run.sh")], env=environment, check=True)
    words = (tmp_path / "record").read_text().splitlines()
    assert words[: words.index("check")] == ["tool", "run", "--quiet", "--from", source, "gpulint"]


def test_a_run_without_reports_still_gives_its_code(tmp_path: Path) -> None:
    outcome = run(tmp_path, {"sarif": "true"}, code=2, writes=False)
    assert (outcome.code, outcome.outputs) == (0, {"exit-code": "2"})


def test_a_sarif_file_of_the_repository_is_never_taken_for_the_report(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "prepared").mkdir()
    outcome = run(tmp_path / "prepared", {"sarif": "true"}, writes=False)
    assert "sarif-file" not in outcome.outputs
    (tmp_path / "linked").mkdir()
    link = tmp_path / "linked" / "link.sarif"
    link.symlink_to(target)
    outcome = run(tmp_path / "linked", {"sarif": "true", "sarif-file": str(link)})
    assert target.read_text() == "kept"
    assert link.read_text() == "sarif"


def test_no_script_holds_an_expression() -> None:
    scripts = [each["run"] for each in STEPS if "run" in each]
    assert len(scripts) == 3
    assert not any("${{" in script for script in scripts)
    assert "${{" not in (ROOT / "action" / "run.sh").read_text(encoding="utf-8")


def test_actions_are_pinned_to_a_commit() -> None:
    used = re.findall(r"uses: (\S+)(.*)", (ROOT / "action.yml").read_text(encoding="utf-8"))
    assert len(used) == 2
    for action, comment in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)


def test_every_input_is_passed_on_and_every_output_comes_from_the_script() -> None:
    passed = {value for each in STEPS for value in [*each.get("env", {}).values(), *each.get("with", {}).values()]}
    for name in ACTION["inputs"]:
        assert f"${{{{ inputs.{name} }}}}" in passed
    script = (ROOT / "action" / "run.sh").read_text(encoding="utf-8")
    for name, described in ACTION["outputs"].items():
        assert described["value"] == f"${{{{ steps.check.outputs.{name} }}}}"
        assert f"output {name} " in script or f"{name}=" in script


def test_the_last_step_exits_with_the_code() -> None:
    last = STEPS[-1]
    result = subprocess.run(["bash", "-c", last["run"]], env={"GPULINT_EXIT_CODE": "3"}, check=False)
    assert result.returncode == 3
    assert subprocess.run(["bash", "-c", last["run"]], env={}, check=False).returncode == 2
    assert last["if"] == "${{ !cancelled() }}"


def test_the_script_is_strict() -> None:
    script = (ROOT / "action" / "run.sh").read_text(encoding="utf-8")
    assert "\nset -euo pipefail\n" in script
    assert os.access(ROOT / "action" / "run.sh", os.X_OK)


def test_zizmor_has_nothing_to_say() -> None:
    zizmor = shutil.which("zizmor", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if zizmor is None:
        pytest.skip("zizmor is not installed")
    command = [
        zizmor,
        "--offline",
        "--no-progress",
        "--persona",
        "auditor",
        "--format",
        "json-v1",
        str(ROOT / "action.yml"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, json.loads(result.stdout)) == (0, []), result.stdout + result.stderr


def test_the_hook_lints_the_whole_repository() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == "gpulint"
    assert hook["pass_filenames"] is False
    assert hook["entry"] == "gpulint check --allow-empty"
    triggers = ["a/b.yaml", "b.yml", "c.json", "gpulint.toml", "x/pyproject.toml", "label.sh"]
    assert all(re.search(hook["files"], name) for name in triggers)
    assert not any(re.search(hook["files"], name) for name in ["README.md", "mygpulint.toml", "a.yaml.txt"])
