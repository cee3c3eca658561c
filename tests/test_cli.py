"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpulint import __version__

HALF = """apiVersion: v1
kind: Pod
metadata:
  name: half
spec:
  containers:
    - name: main
      image: example.com/app:1
      resources:
        limits:
          nvidia.com/gpu: {amount}
          memory: 8Gi
"""
ROOT = Path(__file__).parent.parent


def gpulint(
    *arguments: str, cwd: Path, stdin: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GPULINT_"))}
    env = {**inherited, "PYTHONPATH": str(ROOT), "GPULINT_CACHE_DIR": "", **(environment or {})}
    return subprocess.run(
        [sys.executable, "-m", "gpulint", *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, env=env
    )


@pytest.fixture
def half(tmp_path: Path) -> Path:
    (tmp_path / "half.yaml").write_text(HALF.format(amount="0.5"), encoding="utf-8")
    return tmp_path


def test_a_finding_at_or_above_fail_on_exits_with_1(half: Path) -> None:
    done = gpulint("check", cwd=half)
    assert done.returncode == 1
    assert done.stdout.startswith("half.yaml:11:27: error[fractional-gpu] ")
    assert done.stdout.rstrip().endswith("Found 1 error in 1 object of 1 file (1 GPU workload, 0 node pools).")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-on", "never"], 0),
        (["--exit-zero"], 0),
        (["--ignore", "fractional-gpu"], 0),
        (["--ignore", "request"], 0),
        (["--select", "sharing"], 0),
        (["--select", "frac*"], 1),
        (["--exclude", "half.yaml"], 3),
        (["--exclude", "half.yaml", "--allow-empty"], 0),
        (["--select", "no-such-rule"], 2),
        (["--no-such-flag"], 2),
        (["--output", "x.json"], 2),
        (["no-such-file.yaml"], 2),
        (["--format", "json", "--output", "no-such-folder/x.json"], 2),
        (["--format", "json", "--output", "."], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes(half: Path, arguments: list[str], code: int) -> None:
    done = gpulint("check", *arguments, cwd=half)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_snapshot_must_hold_nodes_and_be_of_a_known_cluster(half: Path) -> None:
    (half / "nodes.json").write_text('{"apiVersion": "v1", "kind": "NodeList", "items": []}', encoding="utf-8")
    codes = {
        given: gpulint("check", "--nodes", given, cwd=half).returncode
        for given in ("nodes.json", "half.yaml", "x", "prod=nodes.json")
    }
    assert codes == {"nodes.json": 1, "half.yaml": 2, "x": 2, "prod=nodes.json": 2}


def test_an_unknown_rule_is_named_with_a_suggestion(half: Path) -> None:
    done = gpulint("check", "--ignore", "fractional-gpus", cwd=half)
    assert done.returncode == 2
    assert "fractional-gpu'" in done.stderr


def test_standard_input_has_the_name_it_is_given(tmp_path: Path) -> None:
    arguments = ["check", "-", "--stdin-filename", "a/b.yaml", "--format", "concise"]
    done = gpulint(*arguments, cwd=tmp_path, stdin=HALF.format(amount="1.5"))
    assert done.returncode == 1
    assert done.stdout.startswith("a/b.yaml:11:27: error[fractional-gpu] ")


def test_several_reports_in_one_run(half: Path) -> None:
    done = gpulint(
        *("check", "--format", "sarif", "--output", "out.sarif", "--format", "concise", "--format", "json", "--output"),
        "out.json",
        cwd=half,
    )
    assert done.stdout.startswith("half.yaml:11:27: ")
    assert json.loads((half / "out.json").read_text())["summary"]["errors"] == 1
    assert len(json.loads((half / "out.sarif").read_text())["runs"][0]["results"]) == 1


def test_sarif_on_standard_output_is_nothing_but_sarif(half: Path) -> None:
    done = gpulint("check", "--format", "sarif", "-v", cwd=half)
    assert json.loads(done.stdout)["version"] == "2.1.0"


def test_on_github_annotations_and_a_summary_are_written(half: Path) -> None:
    summary = half / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(half)}
    done = gpulint("check", cwd=half, environment=environment)
    assert "::error file=half.yaml,line=11,endLine=11,col=27,endColumn=30,title=" in done.stdout
    assert "fractional-gpu" in summary.read_text()


def test_on_github_paths_are_those_of_the_checkout_even_in_a_subfolder(half: Path) -> None:
    folder = half / "deploy"
    folder.mkdir()
    (half / "half.yaml").rename(folder / "half.yaml")
    done = gpulint("check", cwd=folder, environment={"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(half)})
    assert "::error file=deploy/half.yaml," in done.stdout


def test_the_configuration_is_found_upward_and_its_mistakes_are_told(half: Path) -> None:
    (half / ".git").mkdir()
    (half / "gpulint.toml").write_text('ignore = ["fractional-gpu"]\n', encoding="utf-8")
    folder = half / "deploy"
    folder.mkdir()
    (half / "half.yaml").rename(folder / "half.yaml")
    assert gpulint("check", "deploy", cwd=half).returncode == 0
    assert gpulint("check", cwd=folder).returncode == 0
    assert gpulint("check", "--isolated", cwd=folder).returncode == 1
    (half / "gpulint.toml").write_text('ignroe = ["fractional-gpu"]\n', encoding="utf-8")
    done = gpulint("check", cwd=folder)
    assert done.returncode == 2
    assert "did you mean 'ignore'" in done.stderr


def test_a_severity_of_the_configuration_counts(half: Path) -> None:
    (half / "gpulint.toml").write_text('[severity]\nfractional-gpu = "info"\n', encoding="utf-8")
    done = gpulint("check", "--format", "concise", cwd=half)
    assert done.returncode == 0
    assert " info[fractional-gpu] " in done.stdout


def test_a_comment_silences_and_can_be_ignored(half: Path) -> None:
    text = HALF.format(amount="0.5 # gpulint: ignore[fractional-gpu] our scheduler takes fractions")
    (half / "half.yaml").write_text(text, encoding="utf-8")
    assert gpulint("check", cwd=half).returncode == 0
    assert gpulint("check", "--no-ignores", cwd=half).returncode == 1
    shown = gpulint("check", "--show-suppressed", "--format", "json", cwd=half)
    assert shown.returncode == 0
    report = json.loads(shown.stdout)
    assert [finding["suppressed"] for finding in report["findings"]] == [True]
    assert report["summary"]["suppressed"] == 1
    assert report["summary"]["errors"] == 0


def test_files_are_listed_without_being_linted(half: Path) -> None:
    done = gpulint("check", "--list-files", cwd=half)
    assert (done.returncode, done.stdout) == (0, "half.yaml\n")


def test_output_is_the_same_for_any_order_and_form_of_paths(half: Path) -> None:
    (half / "other.yaml").write_text(HALF.format(amount="-1"), encoding="utf-8")
    forms = [["."], ["half.yaml", "other.yaml"], ["other.yaml", "half.yaml", "other.yaml"], [str(half)]]
    outputs = {gpulint("check", "--format", "json", *form, cwd=half).stdout for form in forms}
    assert len(outputs) == 1


def test_version_rules_and_explain(tmp_path: Path) -> None:
    assert gpulint("--version", cwd=tmp_path).stdout == f"gpulint {__version__}\n"
    table = json.loads(gpulint("rules", "--format", "json", cwd=tmp_path).stdout)
    assert {"rule", "family", "severity", "confidence", "title"} <= set(table[0])
    assert gpulint("explain", "fractional-gpu", cwd=tmp_path).stdout.startswith("# fractional-gpu\n")
    wrong = gpulint("explain", "fractional", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "did you mean 'fractional-gpu'" in wrong.stderr


def test_a_rule_of_the_users_own_runs_beside_the_built_in_ones(half: Path) -> None:
    (half / "gpulint.toml").write_text('rules-folders = ["policy"]\n', encoding="utf-8")
    (half / "policy").mkdir()
    (half / "policy" / "gpu-pod-needs-owner.yaml").write_text(OWN_RULE, encoding="utf-8")
    done = gpulint("check", "--format", "concise", "--select", "gpu-pod-needs-owner", cwd=half)
    assert done.stdout.startswith("half.yaml:11:27: warning[gpu-pod-needs-owner] Pod half has no namespace")


def test_mistakes_in_a_rule_are_all_told_with_line_and_column(half: Path) -> None:
    (half / "gpulint.toml").write_text('rules-folders = ["policy"]\n', encoding="utf-8")
    (half / "policy").mkdir()
    broken = OWN_RULE.replace("workload.namespace", "workload.nmespace").replace("warning", "wrning")
    (half / "policy" / "gpu-pod-needs-owner.yaml").write_text(broken, encoding="utf-8")
    done = gpulint("check", cwd=half)
    assert done.returncode == 2
    assert "gpu-pod-needs-owner.yaml:4:" in done.stderr
    assert "gpu-pod-needs-owner.yaml:8:" in done.stderr


OWN_RULE = """id: gpu-pod-needs-owner
title: GPU workload without a namespace
family: house
severity: warning
confidence: high
for: request
when: |-
  request.workload.namespace == ''
at: request.place
message: "{request.workload.label} has no namespace"
why: Our chargeback goes by namespace.
fix: Name the namespace of your team.
"""
