"""Where --add-ignores writes its comments."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gpulint.cli import main

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: trainer}
spec:
  containers:
  - name: main
    image: example.com/main:1
    resources: {requests: {memory: 1Gi}, limits: {nvidia.com/gpu: 0.5}}
  - name: side
    image: example.com/side:1
    resources:
      requests: {memory: 1Gi}
      limits:
        nvidia.com/gpus: 0.5  # half
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: plugin}
data:
  any: |-
    version: v1
    sharing:
      timeSlicing:
        resources:
        - name: nvidia.com/gpu
          replicas: 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["check", "--ignore", "gpus-in-several-containers", *arguments, "."])
    return result.exit_code, result.output


def test_a_comment_at_the_end_of_each_line(folder: Path) -> None:
    (folder / "pod.yaml").write_text(POD)
    assert run()[0] == 1
    assert run("--add-ignores")[0] == 0
    text = (folder / "pod.yaml").read_text()
    assert "limits: {nvidia.com/gpu: 0.5}}  # gpulint: ignore[fractional-gpu]\n" in text
    assert "gpus: 0.5  # half  # gpulint: ignore[" in text
    assert run()[0] == 0
    assert run("--add-ignores")[0] == 0
    assert (folder / "pod.yaml").read_text() == text, "what is silent stays as it is"


def test_rules_join_a_comment_that_is_there(folder: Path) -> None:
    (folder / "pod.yaml").write_text(POD.replace("# half", "# gpulint: ignore[mig-mode] half"))
    run("--ignore", "unused-suppression", "--add-ignores")
    assert "# gpulint: ignore[fractional-gpu, gpu-resource-unknown, mig-mode] half" in (folder / "pod.yaml").read_text()


def test_within_a_block_scalar_the_key_takes_the_comment(folder: Path) -> None:
    (folder / "plugin.yaml").write_bytes(CONFIG.replace("\n", "\r\n").encode())
    assert run()[0] == 1
    assert run("--add-ignores")[0] == 0
    expected = CONFIG.replace("any: |-", "any: |-  # gpulint: ignore[device-plugin-config-refused]")
    assert (folder / "plugin.yaml").read_bytes() == expected.replace("\n", "\r\n").encode()
    assert run()[0] == 0


def test_json_has_no_comments(folder: Path) -> None:
    container = '{"name": "c", "resources": {"requests": {"memory": "1Gi"}, "limits": {"nvidia.com/gpu": "0.5"}}}'
    text = (
        f'{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "x"}}, "spec": {{"containers": [{container}]}}}}'
    )
    (folder / "pod.json").write_text(text)
    code, output = run("--add-ignores")
    assert (code, "1 findings stand where no comment can" in output) == (1, True)
    assert (folder / "pod.json").read_text() == text
