"""Findings that are known: what is written, what is left out, what is stale."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpulint.baseline import Baseline, Entry, InvalidBaselineError, read, written
from gpulint.cli import main
from tests.report_samples import HOST_PATH_FINDING, SHARED_FINDING

BAD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  containers:
    - name: main
      image: example.com/main:1
      resources:
        limits:
          nvidia.com/gpu: 0.5
          memory: 8Gi
"""


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", "--format", "concise", *arguments, "."])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(BAD.format(name="one"))
    return tmp_path


def test_what_a_baseline_lists_does_not_count(repository: Path) -> None:
    assert check("--write-baseline", "known.json").exit_code == 0
    assert check().exit_code == 1
    known = check("--baseline", "known.json")
    assert (known.exit_code, known.stdout.count("fractional-gpu")) == (0, 0)
    assert "1 suppressed" in known.stdout
    (repository / "two.yaml").write_text(BAD.format(name="two"))
    assert check("--baseline", "known.json").stdout.count("fractional-gpu") == 1


def test_a_moved_and_renamed_file_is_still_known(repository: Path) -> None:
    check("--write-baseline", "known.json")
    (repository / "one.yaml").rename(repository / "other.yaml")
    text = (repository / "other.yaml").read_text()
    (repository / "other.yaml").write_text(f"# a comment\n\n{text}")
    assert check("--baseline", "known.json").exit_code == 0


def test_stale_entries_are_counted(repository: Path) -> None:
    check("--write-baseline", "known.json")
    (repository / "one.yaml").write_text(BAD.format(name="one").replace("0.5", "1"))
    assert "1 baseline entry without a finding" in check("--baseline", "known.json").stdout
    other = check("--baseline", "known.json", "--select", "invalid-yaml")
    assert "baseline" not in other.stdout, "of a rule that did not run nothing is known"


def test_writing_over_a_baseline_keeps_what_is_known_and_drops_what_is_stale(repository: Path) -> None:
    (repository / "two.yaml").write_text(BAD.format(name="two"))
    check("--write-baseline", "known.json")
    (repository / "one.yaml").unlink()
    check("--baseline", "known.json", "--write-baseline", "known.json")
    assert [entry.object for entry in read(Path("known.json")).entries] == ["Pod two"]


def test_entries_of_rules_that_did_not_run_stay() -> None:
    kept = Entry("f0", "mig-profile-unknown", "Pod x", "spec")
    entries = json.loads(written([SHARED_FINDING], [kept]))["findings"]
    assert [entry["rule"] for entry in entries] == ["mig-profile-unknown", "training-on-shared-gpu"]


def test_a_suppressed_finding_keeps_its_reason() -> None:
    inline = replace(HOST_PATH_FINDING, suppression="inline")
    baseline = Baseline((Entry(inline.fingerprint, inline.rule, "", ""),))
    assert [each.suppression for each in baseline.apply([inline, SHARED_FINDING])] == ["inline", ""]


def test_an_empty_baseline_is_one() -> None:
    assert json.loads(written([])) == {"version": 1, "findings": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a baseline of version 1"),
        ('{"version": 2, "findings": []}', "not a baseline of version 1"),
        ('{"version": 1, "findings": {}}', "'findings' is not a list"),
        ('{"version": 1, "findings": [{"rule": "x"}]}', r"findings\[0\] needs 'fingerprint'"),
        ('{"version": 1, "findings": [7]}', r"findings\[0\] needs 'fingerprint'"),
    ],
)
def test_a_file_that_is_no_baseline(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text)
    with pytest.raises(InvalidBaselineError, match=message):
        read(file)


def test_a_missing_baseline_is_a_usage_error(repository: Path) -> None:
    result = check("--baseline", "none.json")
    assert (result.exit_code, "none.json" in result.output) == (2, True)
    assert repository.exists()


# --- lines that changed -----------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def committed(repository: Path) -> Path:
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "first")
    return repository


def test_only_what_touches_changed_lines_is_reported(committed: Path) -> None:
    unchanged = check("--since", "HEAD")
    assert (unchanged.exit_code, "1 on unchanged lines not shown" in unchanged.stdout) == (0, True)
    text = BAD.format(name="one")
    (committed / "one.yaml").write_text(text.replace("0.5", "0.25"))
    assert check("--since", "HEAD").stdout.count("fractional-gpu") == 1
    (committed / "one.yaml").write_text(text.replace("main:1", "main:2"))
    assert check("--since", "HEAD").stdout.count("fractional-gpu") == 0


def test_a_file_that_git_does_not_know_is_new(committed: Path) -> None:
    (committed / 'größe "x".yaml').write_text(BAD.format(name="two"))
    assert check("--since", "HEAD").stdout.count("fractional-gpu") == 1
    git(committed, "add", ".")
    assert check("--since", "HEAD").stdout.count("fractional-gpu") == 1


def test_paths_are_those_of_the_folder_of_the_run(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (committed / "deep").mkdir()
    (committed / "deep" / "two.yaml").write_text(BAD.format(name="two"))
    git(committed, "add", ".")
    monkeypatch.chdir(committed / "deep")
    assert check("--since", "HEAD").stdout.startswith("two.yaml:11:27: error[fractional-gpu]")


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "HEAD:one.yaml"])
def test_what_is_no_revision_is_a_usage_error(committed: Path, revision: str) -> None:
    assert check(f"--since={revision}").exit_code == 2
    assert not (committed / "x").exists()


def test_outside_of_a_repository_there_is_no_revision(repository: Path) -> None:
    assert check("--since", "HEAD").exit_code == 2
    assert repository.exists()
