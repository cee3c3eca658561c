"""Names and texts of other people come out of every command and format as text: no terminal escapes, no commands."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpulint.cli import main

PAYLOAD = (
    "::error::x\x1b[31m\x1b]0;title\x07\x9b1m\u202e\u200b\u2028##[add-mask]y\r\n::error::z\n::set-output name=a::b\n"
    "<img src=x onerror=alert(1)><script>alert(1)</script>[click](javascript:alert(1))|`<b>`--&\"'\\]]>"
)
FILE = "::error file=a::x\x1b[31m\u202e##[group]\n::warning::<img src=x>|`a`\udc80.yaml"
QUOTED = json.dumps(PAYLOAD)
MANIFESTS = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {QUOTED}, labels: {{{QUOTED}: {QUOTED}}}}}
---
apiVersion: v1
kind: Node
metadata:
  name: {QUOTED}
  labels:
    nvidia.com/gpu.product: Tesla-T4
    nvidia.com/gpu.count: "2"
    nvidia.com/mig.config: {QUOTED}
    nvidia.com/device-plugin.config: {QUOTED}
    pool: {QUOTED}
spec:
  taints: [{{key: {QUOTED}, value: {QUOTED}, effect: NoSchedule}}, {{key: a, value: {QUOTED}, effect: NoSchedule}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: {QUOTED}, namespace: {QUOTED}, annotations: {{gpulint.dev/ignore: {QUOTED}}}}}
spec:
  template:
    spec:
      nodeSelector: {{pool: {QUOTED}}}
      tolerations: [{{key: {QUOTED}, operator: {QUOTED}}}]
      containers:
        - name: {QUOTED}
          image: {QUOTED}
          command: [{QUOTED}]
          env: [{{name: NVIDIA_VISIBLE_DEVICES, value: {QUOTED}}}]
          resources:
            limits: {{nvidia.com/gpu: 1, nvidia.com/mig-9g.5gb: 1, {QUOTED}: 1}}
            requests: {{nvidia.com/gpu: {QUOTED}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: {QUOTED}, namespace: {QUOTED}, {QUOTED}: 1, {QUOTED}: 2}}
spec:
  runtimeClassName: {QUOTED}
  containers:
    - name: {QUOTED}
      resources: {{limits: {{nvidia.com/gpu: 2, nvidia.com/mig-1g.5gb: 2}}, requests: {{nvidia.com/gpu: 1}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {QUOTED}, namespace: {QUOTED}}}
data:
  {QUOTED}: |
    version: v1
    {QUOTED}: 1
    flags: {{migStrategy: {QUOTED}}}
    sharing: {{timeSlicing: {{resources: [{{name: {QUOTED}, replicas: 4}}]}}}}
  config.yaml: |
    version: v1
    mig-configs: {{{QUOTED}: [{{devices: all, device-filter: {QUOTED}, mig-enabled: true, mig-devices: {{{QUOTED}: 1}}}}]}}
---
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {{name: {QUOTED}}}
spec:
  {QUOTED}: 1
  mig: {{strategy: {QUOTED}}}
  devicePlugin: {{config: {{name: {QUOTED}, default: {QUOTED}}}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {{name: {QUOTED}, namespace: {QUOTED}}}
spec: {{hard: {{limits.nvidia.com/gpu: {QUOTED}, requests.nvidia.com/gpu: "0.5"}}}}
"""
LITERAL = PAYLOAD.replace("'", "")
RULE = f"""
id: hostile-rule
title: {QUOTED}
family: h
severity: error
confidence: high
since: {QUOTED}
for: quota
when: quota.quota != ''
at: quota.place
message: {json.dumps(PAYLOAD + "{quota.quota}")}
related: [{{at: quota.place, message: {json.dumps(PAYLOAD + "{quota.uncounted}")}}}]
why: {QUOTED}
fix: {QUOTED}
references: [{QUOTED}, "javascript:alert(1)"]
examples:
  - name: {QUOTED}
    bad: {json.dumps(PAYLOAD + " # finding")}
  - name: {QUOTED}
    bad: 'a: 1 # finding'
    files: {{{QUOTED}: "a: 1 # finding"}}
  - name: {QUOTED}
    good: {QUOTED}
"""
CONFIG = f"""
rules-folders = ["pack"]
tenant-label = {QUOTED}
exclude = [{QUOTED}]
[[cluster]]
name = {QUOTED}
paths = ["."]
[[ignore-findings]]
rule = "missing-limit-range"
paths = [{QUOTED}]
object = "a/b"
reason = {QUOTED}
[labels]
{QUOTED} = {{ {QUOTED} = "mig" }}
[workload-class]
{QUOTED} = "batch"
"""
FORMATS = (
    "text",
    "concise",
    "grouped",
    "json",
    "sarif",
    "github",
    "junit",
    "gitlab",
    "checkstyle",
    "rdjson",
    "markdown",
    "html",
)
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    (root / "pack" / "h").mkdir(parents=True)
    (root / "pack" / "h" / "hostile-rule.yaml").write_text(RULE, encoding="utf-8")
    (root / "gpulint.toml").write_text(CONFIG, encoding="utf-8")
    folder = root / "::error::folder\x1b[31m\n##[x]"
    folder.mkdir()
    (folder / FILE).write_text(MANIFESTS, encoding="utf-8")
    (folder / f"broken{FILE}").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: [nvidia.com/gpu\x1b[31m\n::error::\n", encoding="utf-8"
    )
    (folder / f"encrypted{FILE}").write_text("apiVersion: v1\nkind: Secret\nsops: {x: nvidia}\n", encoding="utf-8")
    (folder / f"circle{FILE}").symlink_to(f"circle{FILE}")
    return root


def run(*args: str) -> Result:
    environment = {"GITHUB_ACTIONS": "", "NO_COLOR": ""}
    return CliRunner(env=environment).invoke(main, list(args), catch_exceptions=False)


def assert_harmless(text: str, *, commands: bool = False) -> None:
    """`  ::: file` is how a report in text begins a line; GitHub's runner has no command named `:`."""
    for line in text.split("\n"):
        for char in line:
            assert unicodedata.category(char) not in _UNSAFE, (hex(ord(char)), line[:200])
        assert "##[" not in line
        if not commands or not line.startswith(("::error ", "::warning ", "::notice ")):
            assert not line.lstrip().startswith("::") or line.startswith("  ::: "), line


def assert_no_markup(text: str) -> None:
    assert "<img" not in text
    assert "<script>alert" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_check(name: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    found = run(
        "check",
        "--pedantic",
        "--min-confidence",
        "low",
        "--show-suppressed",
        "--statistics",
        "-v",
        "--format",
        name,
        ".",
    )
    assert found.exit_code == 1, found.output
    assert "hostile-rule" in found.stdout or name == "github"  # which has room for ten
    assert_harmless(found.stdout, commands=name == "github")
    assert_harmless(found.stderr)
    if name in ("markdown", "html", "junit", "checkstyle"):
        assert_no_markup(found.stdout)


COMMANDS: dict[str, tuple[str, ...]] = {
    "list of files": ("check", "--list-files", "."),
    "fixes": ("check", "--diff", "--unsafe-fixes", "."),
    "baseline": ("check", "--write-baseline", "-", "."),
    "rules": ("rules",),
    "rules as JSON": ("rules", "--format", "json"),
    "rules as Markdown": ("rules", "--format", "markdown"),
    "explain": ("explain", "hostile-rule"),
    "placement": ("placement", "."),
    "placement as JSON": ("placement", "--format", "json", "."),
    "placement as Markdown": ("placement", "--format", "markdown", "."),
    "graph as Mermaid": ("graph", "."),
    "graph as DOT": ("graph", "--format", "dot", "."),
    "graph as SVG": ("graph", "--format", "svg", "."),
    "graph as HTML": ("graph", "--format", "html", "."),
    "config show": ("config", "show"),
    "config validate": ("config", "validate"),
    "examples of a pack": ("test-rules", "pack"),
    "a path that is not there": ("check", PAYLOAD),
    "a revision that is not there": ("check", "--since", PAYLOAD.replace("\n", " ")),
    "a rule that is not there": ("explain", PAYLOAD),
    "a selection of nothing": ("check", "--select", PAYLOAD),
    "an output that cannot be written": ("check", "--format", "json", "--output", f"nowhere/{PAYLOAD}", "."),
    "an output without a format": ("check", "--output", PAYLOAD),
    "a snapshot that is not there": ("check", "--nodes", PAYLOAD),
    "a snapshot of an unknown cluster": ("check", "--nodes", f"{PAYLOAD}=gpulint.toml"),
    "a workload that is no pattern": ("placement", "--workload", PAYLOAD),
    "a baseline that is not there": ("check", "--baseline", PAYLOAD),
    "a configuration that is not there": ("check", "--config", PAYLOAD),
    "a folder of rules that is not there": ("test-rules", PAYLOAD),
    "standard input by another name": ("check", "--stdin-filename", PAYLOAD, "-"),
    "a shell that is not there": ("completion", PAYLOAD),
    "a format that is not there": ("check", "--format", PAYLOAD),
    "an option that is not there": ("check", f"--{PAYLOAD}"),
    "a command that is not there": (PAYLOAD,),
}


@pytest.mark.parametrize("args", COMMANDS.values(), ids=COMMANDS.keys())
def test_command(args: tuple[str, ...], repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    found = run(*args)
    assert found.exit_code in (0, 1, 2, 3), found.output
    assert found.output
    assert_harmless(found.stdout)
    assert_harmless(found.stderr)
    if "html" in args or "svg" in args or "markdown" in args:
        assert_no_markup(found.stdout)


MISTAKES = {
    "an unknown key": f"{QUOTED} = 1\n",
    "an unknown table": f"[{QUOTED}.{QUOTED}]\na = 1\n",
    "a rule that is not there": f"select = [{QUOTED}]\n[severity]\n{QUOTED} = 'error'\n",
    "a value that is none": f"fail-on = {QUOTED}\nmin-severity = {QUOTED}\nrender = {QUOTED}\n",
    "a folder that is not there": f"rules-folders = [{QUOTED.replace(chr(92) + 'u0000', '')}]\n",
    "a snapshot that is not there": f"[[cluster]]\nname = 'a'\nnodes = [{QUOTED}]\n",
    "a cluster that comes twice": f"[[cluster]]\nname = {QUOTED}\n[[cluster]]\nname = {QUOTED}\n",
    "a version that is none": f"[versions]\nkubernetes = {QUOTED}\n",
    "a syntax error": "a = \x1b[31m::error::\n",
    "a baseline that is not there": f"baseline = {QUOTED}\n",
}


@pytest.mark.parametrize("text", MISTAKES.values(), ids=MISTAKES.keys())
def test_configuration_with_a_mistake(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gpulint.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for args in (("check", "."), ("config", "validate")):
        found = run(*args)
        assert found.exit_code == 2, found.output
        assert_harmless(found.stdout + found.stderr)


def test_pack_with_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pack" / f"family{FILE.replace('/', '')}"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(
        f"id: {QUOTED}\nfamily: {QUOTED}\nfor: {QUOTED}\nwhen: {QUOTED}\n{QUOTED}: 1\n", encoding="utf-8"
    )
    (tmp_path / "gpulint.toml").write_text("rules-folders = ['pack']\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for args in (("check", "."), ("rules",), ("explain", "x"), ("test-rules", "pack")):
        found = run(*args)
        assert found.exit_code == 2, found.output
        assert_harmless(found.stdout + found.stderr)


def test_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner skips the blank before a line of context."""
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
    - name: a
      args:
        - |
          ::error::x
          ##[error]y
      resources:
        requests:
          nvidia.com/gpu: 1
"""
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = run("check", "--diff", "--unsafe-fixes", ".")
    assert "limits" in found.stdout
    assert "error::x" in found.stdout
    assert_harmless(found.stdout)


def test_annotations_and_job_summary(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    summary = tmp_path / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(repository)}
    found = CliRunner(env=environment).invoke(main, ["check", "."], catch_exceptions=False)
    assert_harmless(found.stdout, commands=True)
    assert_harmless(summary.read_text(encoding="utf-8"))
    assert_no_markup(summary.read_text(encoding="utf-8"))


def test_colours_are_the_only_escapes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    found = run("check", "--color", "always", ".")
    for text in found.stdout.split("\x1b[")[1:]:
        assert text.partition("m")[0].replace(";", "").isdecimal() or text.startswith("m")
    assert "\x9b" not in found.stdout
    assert "\x1b]" not in found.stdout


def test_branch_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision is never an option of git."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for args in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"],
    ):
        subprocess.run(["git", *args], cwd=tmp_path, env=environment, check=True)
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in (
        "--output=pwned",
        "-Opwned",
        "HEAD..HEAD; touch pwned",
        "$(touch pwned)",
        ":/x",
        "HEAD:a.yaml",
        "\x1b[31m",
    ):
        found = run("check", f"--since={name}", ".")
        assert found.exit_code in (0, 2), found.output
        assert_harmless(found.output)
        assert sorted(each.name for each in tmp_path.iterdir()) == [".git", "a.yaml"]
