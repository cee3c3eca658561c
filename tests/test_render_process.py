"""Programs that render: bounded in time and output, without network, with nothing of the user's in reach."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from gpulint.source.rendering import Asked, Wanted, render
from gpulint.source.rendering.process import program, run, sandbox

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-ins are shell scripts")


def script(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!{sys.executable}\n{body}\n", "utf-8")
    file.chmod(0o755)
    return file


def chart(folder: Path) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n", "utf-8")
    (folder / "templates" / "pod.yaml").write_text("limits: {nvidia.com/gpu: {{ .Values.gpus }}}\n", "utf-8")
    (folder / "values.yaml").write_text("gpus: 1\n", "utf-8")
    return folder


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    sleeper = script(tmp_path, "sleeper", "import signal\nwhile True: signal.pause()")
    with sandbox() as box:
        outcome = run([str(sleeper)], box, seconds=0.5)
    assert outcome.failure == "timeout"


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    body = (
        "import os, signal, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(child.pid, flush=True)"
    )
    with sandbox() as box:
        outcome = run([str(script(tmp_path, "parent", body))], box)
    assert outcome.failure == ""
    child = Path(f"/proc/{outcome.text.strip()}/stat")
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_a_program_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    endless = script(tmp_path, "endless", "import sys\nwhile True: sys.stdout.write('kind: Pod\\n' * 1000)")
    with sandbox() as box:
        outcome = run([str(endless)], box, limit=100_000)
    assert (outcome.failure, outcome.text) == ("too-large", "")


def test_complaints_without_end_fill_no_memory(tmp_path: Path) -> None:
    noisy = script(tmp_path, "noisy", "import sys\nfor _ in range(2000): sys.stderr.write('x' * 1000)\nsys.exit(3)")
    with sandbox() as box:
        outcome = run([str(noisy)], box)
    assert outcome.failure == "failed"
    assert len(outcome.message) < 1000


def test_a_program_sees_nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    spy = script(
        tmp_path,
        "spy",
        "import json, os\nopen('left-behind', 'w').close()\n"
        "print(json.dumps([dict(os.environ), os.getcwd(), os.listdir(os.environ['PATH'])]))",
    )
    with sandbox() as box:
        outcome = run([str(spy)], box)
    environment, folder, programs = json.loads(outcome.text)
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == "http://127.0.0.1:9"
    assert environment["KUBECONFIG"].startswith(str(box))
    assert all(environment[name].startswith(str(box)) for name in ("HOME", "HELM_CACHE_HOME", "XDG_CONFIG_HOME"))
    assert folder.startswith(str(box))
    assert programs == []
    assert not box.exists()


def test_a_program_in_a_relative_folder_of_path_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "bin", "helm", "")
    monkeypatch.chdir(tmp_path)
    assert program("helm", "bin") is None
    assert program("helm", f".{os.pathsep}{tmp_path / 'bin'}") == tmp_path / "bin" / "helm"


def test_helm_is_given_files_values_and_a_namespace_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin", "helm", "import json, sys\nprint('# ' + json.dumps(sys.argv[1:]))")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = chart(tmp_path / "repo" / "chart")
    values = tmp_path / "repo" / "prod.yaml"
    values.write_text("gpus: 2\n", "utf-8")
    wanted = Wanted(folder, "helm", (values,), {"gpus": "3"}, "llm")
    made = render([], tmp_path / "repo", Asked((wanted,)))
    (source,) = made.sources
    given = json.loads(source.text.removeprefix("# "))
    assert given[:5] == ["template", "llm", str(folder), "--namespace", "${NAMESPACE}"]
    assert given[5:9] == ["--values", str(values), "--set", "gpus=3"]
    assert given[9] == "--kube-version"
    assert not {"--dependency-update", "--post-renderer", "--validate"} & set(given)
    assert [each.path for each in made.originals] == [
        "chart/Chart.yaml",
        "chart/templates/pod.yaml",
        "chart/values.yaml",
        "prod.yaml",
    ]


@pytest.mark.parametrize(
    ("kustomization", "reason"),
    [
        ("resources: ['https://example.com/base.yaml']", "remote-base"),
        ("resources: ['github.com/example/repo/base?ref=v1']", "remote-base"),
        ("resources: ['git@example.com:team/repo.git']", "remote-base"),
        ("resources: ['example.com/team/repo/base']", "remote-base"),
        ("configMapGenerator: [{name: a, files: ['x=https://example.com/x']}]", "remote-base"),
        ("patches: [{path: 'https://example.com/patch.yaml'}]", "remote-base"),
        (
            "generators: ['{kind: ConfigMapGenerator, files: [https://example.com/x]}\\n']".replace("'", '"'),
            "remote-base",
        ),
        ("resources: [inner]", "remote-base"),
        ("components: [inner]", "remote-base"),
        ("resources: [pod.yaml]", "kustomize-broken"),
        ("secretGenerator: [{name: a, envs: [.env]}]", "kustomize-broken"),
        ("resources: [../outside.yaml]", "kustomize-restricted"),
        ("helmCharts: [{name: a, repo: https://example.com}]", "kustomize-helm"),
    ],
)
def test_what_cannot_be_built_from_local_files_is_never_run(
    kustomization: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path / "bin", "kustomize", f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = tmp_path / "repo" / "overlay"
    (folder / "inner").mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(f"{kustomization}\n", "utf-8")
    (folder / "inner" / "kustomization.yaml").write_text("resources: ['https://example.com/base.yaml']\n", "utf-8")
    (tmp_path / "repo" / "outside.yaml").write_text("kind: Pod\n", "utf-8")
    made = render([], tmp_path / "repo", Asked((Wanted(folder, "kustomize"),)))
    assert [(each.path, each.reason) for each in made.not_analysed] == [("overlay/kustomization.yaml", reason)]
    assert made.sources == ()
    assert not (tmp_path / "ran").exists()


def test_without_a_program_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = chart(tmp_path / "chart")
    (folder / "kustomization.yaml").write_text("resources: []\n", "utf-8")
    made = render([], tmp_path, Asked((Wanted(folder, "helm"), Wanted(folder, "kustomize"))))
    assert [each.reason for each in made.not_analysed] == ["no-helm", "no-kustomize"]


def test_missing_dependencies_are_told_apart_from_other_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Error: An error occurred: found in Chart.yaml, but missing in charts/ directory: redis"
    script(tmp_path / "bin", "helm", f"import sys\nsys.stderr.write({said!r})\nsys.exit(1)")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    made = render([], tmp_path, Asked((Wanted(chart(tmp_path / "chart"), "helm"),)))
    assert [(each.path, each.reason) for each in made.not_analysed] == [("chart/Chart.yaml", "helm-dependencies")]
