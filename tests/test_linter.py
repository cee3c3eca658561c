"""Whole runs on small repositories: what is read, what is said of the rest, and what order it comes in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gpulint.config import DEFAULTS, Config, parse
from gpulint.finding import Finding, Report
from gpulint.linter import Options, lint
from gpulint.reports import render
from tests.generated import stale

FIXTURES = Path(__file__).parent / "fixtures"
POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
spec:
  containers:
    - name: main
      image: example.com/app:1
      resources:
        limits:
          nvidia.com/gpu: {amount}
          memory: 8Gi
"""

NODE_WITH_B200 = """apiVersion: v1
kind: Node
metadata:
  name: other
  labels:
    nvidia.com/gpu.product: NVIDIA-B200
"""


def run(folder: Path, files: dict[str, str] | None = None, *, config: str = "", **options: object) -> Report:
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = parse(config, str(folder / "gpulint.toml")) if config else DEFAULTS
    return lint([folder], Options(root=folder, **options), settings)  # type: ignore[arg-type] # as named


def rules(report: Report) -> list[tuple[str, str, int]]:
    return [(each.rule, each.location.path, each.location.line) for each in report.findings]


def test_a_broken_document_never_hides_its_neighbours(tmp_path: Path) -> None:
    broken = POD.format(name="b", amount="1").replace("limits:", "limits: [")
    text = "---\n".join([POD.format(name="a", amount="0.5"), broken, POD.format(name="c", amount="1.5")])
    report = run(tmp_path, {"pods.yaml": text})
    assert [rule for rule, _, _ in rules(report)] == ["fractional-gpu", "invalid-yaml", "fractional-gpu"]
    assert report.summary.objects == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bytes.yaml", POD.format(name="a", amount="1").encode() + b"\n# \xff\xfe\n", "UTF-8"),
        ("nul.yaml", POD.format(name="a", amount="1").encode() + b"\n# \x00\n", ""),
        ("deep.yaml", POD.format(name="a", amount="1").encode() + b"x: " + b"[" * 900 + b"]" * 900 + b"\n", "nested"),
        (
            "bomb.yaml",
            POD.format(name="a", amount="1").encode()
            + b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)),
            "alias",
        ),
        ("loop.yaml", POD.format(name="a", amount="1").encode() + b"x: &x [*x]\n", ""),
    ],
    ids=["undecodable bytes", "a NUL byte", "nesting", "alias bomb", "recursive alias"],
)
def test_hostile_input_ends_in_one_finding(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.yaml").write_text(POD.format(name="g", amount="0.5"), encoding="utf-8")
    report = run(tmp_path)
    found = {each.location.path: each for each in report.findings}
    assert {path: each.rule for path, each in found.items()} == {name: "invalid-yaml", "good.yaml": "fractional-gpu"}
    assert len(report.findings) == 2
    assert words in found[name].message


def test_a_file_that_is_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpulint.source.loading.MAX_BYTES", len(POD))
    report = run(tmp_path, {"large.yaml": POD.format(name="a", amount="0.5") + "# more\n" * 9})
    assert [rule for rule, _, _ in rules(report)] == ["invalid-yaml"]


def test_a_link_that_goes_in_a_circle_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "gone.yaml")
    report = run(tmp_path, {"good.yaml": POD.format(name="g", amount="1")})
    assert rules(report) == [("invalid-yaml", "a.yaml", 1), ("invalid-yaml", "b.yaml", 1)]
    assert [each.path for each in report.summary.not_analysed] == ["dangling.yaml"]


def test_what_is_not_analysed_is_counted_with_its_reason(tmp_path: Path) -> None:
    files = {
        "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "chart/templates/pod.yaml": POD.format(name="a", amount="{{ .Values.gpus }}"),
        "chart/values.yaml": "gpus: 1\n",
        "template.yaml": POD.format(name="a", amount="1") + "{{ if x }}\n{{ end }}\n",
        "secret.yaml": POD.format(name="a", amount="ENC[AES256_GCM,data:x]") + "sops:\n  version: 3.9.0\n",
    }
    report = run(tmp_path, files)
    assert {each.path: each.reason for each in report.summary.not_analysed} == {
        "chart/templates/pod.yaml": "helm-template",
        "chart/values.yaml": "helm-values",
        "secret.yaml": "encrypted",
        "template.yaml": "template",
    }
    assert not report.findings


def test_lists_json_and_windows_files_are_read_like_others(tmp_path: Path) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "j"},
        "spec": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "500m"}}}]},
    }
    files = {
        "pod.json": json.dumps(pod, indent=1),
        "list.yaml": "apiVersion: v1\nkind: List\nitems:\n  - "
        + POD.format(name="l", amount="0.5").replace("\n", "\n    "),
    }
    (tmp_path / "dos.yaml").write_bytes(
        b"\xef\xbb\xbf" + POD.format(name="d", amount="0.5").replace("\n", "\r\n").encode()
    )
    report = run(tmp_path, files)
    found = {each.location.path: each for each in report.findings}
    assert {path: each.location.line for path, each in found.items()} == {
        "dos.yaml": 11,
        "list.yaml": 14,
        "pod.json": 13,
    }
    assert all(each.location.end_column > each.location.column for each in found.values())
    objects = [each.object for each in found.values() if each.object]
    assert sorted(each.name for each in objects) == ["d", "j", "l"]


def test_clusters_do_not_mix(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "sharing-strategies" / "mistaken", tmp_path, dirs_exist_ok=True)
    (tmp_path / "time-slicing" / "node.yaml").write_text(NODE_WITH_B200, encoding="utf-8")
    clusters = (tmp_path / "gpulint.toml").read_text()
    assert "B200" not in str(run(tmp_path, config=clusters).findings)
    assert "B200" in str(run(tmp_path).findings)


def test_the_example_repository_is_clean_once_it_is_put_right() -> None:
    folder = FIXTURES / "sharing-strategies" / "right"
    config = parse((folder / "gpulint.toml").read_text(), str(folder / "gpulint.toml"))
    report = lint([folder], Options(root=folder), config)
    assert rules(report) == []
    assert report.summary.hidden == 0


def test_the_example_repository_shows_many_different_mistakes() -> None:
    folder = FIXTURES / "sharing-strategies" / "mistaken"
    config = parse((folder / "gpulint.toml").read_text(), str(folder / "gpulint.toml"))
    found = {rule for rule, _, _ in rules(lint([folder], Options(root=folder), config))}
    assert len(found) >= 8


def test_a_finding_of_a_file_that_clusters_share_is_reported_once(tmp_path: Path) -> None:
    config = '[[cluster]]\nname = "a"\npaths = ["base"]\n\n[[cluster]]\nname = "b"\npaths = ["base"]\n'
    report = run(tmp_path, {"base/pod.yaml": POD.format(name="a", amount="0.5")}, config=config)
    assert len(report.findings) == 1


def test_equal_findings_have_different_fingerprints_that_survive_moves(tmp_path: Path) -> None:
    pod = POD.format(name="a", amount="0.5")
    both = run(tmp_path, {"one.yaml": pod, "two.yaml": pod})
    first = {each.fingerprint for each in both.findings}
    assert len(first) == 2
    (tmp_path / "one.yaml").rename(tmp_path / "zero.yaml")
    (tmp_path / "two.yaml").write_text("# moved\n\n" + pod, encoding="utf-8")
    assert {each.fingerprint for each in run(tmp_path).findings} == first


def test_findings_come_in_the_order_of_the_input(tmp_path: Path) -> None:
    names = [f"{number:02}.yaml" for number in range(12)]
    names.sort(key=lambda name: name[::-1])
    report = run(tmp_path, {name: POD.format(name="p", amount="0.5") for name in names})
    assert [each.location.path for each in report.findings] == sorted(names)
    assert list(report.findings) == sorted(report.findings, key=Finding.sort_key)


@pytest.mark.parametrize("style", ["text", "concise", "grouped", "json", "sarif", "github"])
def test_every_report_of_a_run_is_the_same_twice(style: str) -> None:
    folder = FIXTURES / "sharing-strategies"
    texts = {render(style, lint([folder], Options(root=folder)), color=False) for _ in range(2)}
    assert len(texts) == 1


def test_less_sure_findings_are_counted_not_shown(tmp_path: Path) -> None:
    files = {
        "crd.yaml": "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: t\nspec:\n  resources:\n    limits:\n"
        "      nvidia.com/gpu: 0.5\n"
    }
    hidden = run(tmp_path, files)
    shown = run(tmp_path, min_confidence="low")
    assert hidden.summary.hidden == len(shown.findings) - len(hidden.findings) == 1


def test_generated_text_is_current() -> None:
    assert stale(write=False) == []


def test_one_finding_for_one_token(tmp_path: Path) -> None:
    """A rule yields also to one that is less sure, as long as that one is shown."""
    strategy = "apiVersion: nvidia.com/v1\nkind: ClusterPolicy\nmetadata: {name: c}\nspec: {mig: {strategy: none}}\n"
    limits = "resources: {limits: {memory: 8Gi, nvidia.com/mig-1g.10gb: 1}}"
    spec = f"{{nodeSelector: {{node.kubernetes.io/instance-type: g5.xlarge}}, containers: [{{name: c, {limits}}}]}}"
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator" / "policy.yaml").write_text(strategy)
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "pod.yaml").write_text(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n")
    found = lint([tmp_path], Options(root=tmp_path)).findings
    assert [(each.rule, each.confidence) for each in found] == [("mig-request-under-single-strategy", "medium")]
    found = lint([tmp_path], Options(root=tmp_path, min_confidence="high")).findings
    assert [(each.rule, each.confidence) for each in found] == [("mig-request-on-non-mig-gpu", "high")]


# --- what silences nothing --------------------------------------------------------------------------------------------

SILENCED = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - name: c
      image: example.com/app:1
      resources:
        limits:
          memory: 1Gi
          nvidia.com/gpu: UNITS  # gpulint: ignore[fractional-gpu]
"""
RESTED = "[[ignore-findings]]\nrule = 'fractional-gpu'\npaths = ['b/**']\n"


def unused(folder: Path, *paths: str, settings: Config = DEFAULTS, **options: object) -> list[tuple[str, int]]:
    report = lint([folder / path for path in paths], Options(root=folder, **options), settings)  # type: ignore[arg-type] # as named
    found = [each for each in report.findings if each.rule == "unused-suppression"]
    return [(each.location.path, each.location.line) for each in found]


def test_a_suppression_of_a_finding_is_of_use_whether_it_is_shown_or_not(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(SILENCED.replace("UNITS", "500m"))
    assert unused(tmp_path, ".") == []
    assert unused(tmp_path, ".", min_severity="error", min_confidence="high") == []
    (tmp_path / "pod.yaml").write_text(SILENCED.replace("UNITS", "1"))
    assert unused(tmp_path, ".") == [("pod.yaml", 12)]


def test_suppressions_that_are_not_used_are_not_called_unused(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(SILENCED.replace("UNITS", "1"))
    assert unused(tmp_path, ".", use_suppressions=False) == []
    assert unused(tmp_path, ".", settings=parse("ignore = ['fractional-gpu']", str(tmp_path / "gpulint.toml"))) == []


def test_what_a_run_reads_decides_what_is_unused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pod.yaml").write_text(SILENCED.replace("UNITS", "1"))
    settings = parse(RESTED, str(tmp_path / "gpulint.toml"))
    comments = [("a/pod.yaml", 12), ("b/pod.yaml", 12)]
    assert unused(tmp_path, ".", settings=settings) == [*comments, ("gpulint.toml", 1)]
    assert unused(tmp_path, "a", "b", settings=settings) == comments
    assert unused(tmp_path, "a/pod.yaml", settings=settings) == []


def test_an_unused_entry_is_shown_with_the_text_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(SILENCED.replace("UNITS", "1"))
    report = lint([tmp_path], Options(root=tmp_path), parse(RESTED, str(tmp_path / "gpulint.toml")))
    assert report.texts["gpulint.toml"] == RESTED
