"""Charts and overlays, rendered by the real programs where there are some, and what is found in them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gpulint.config import DEFAULTS, Config, InvalidConfigError, load
from gpulint.finding import Report
from gpulint.linter import Options, lint
from gpulint.source.rendering.process import program

FIXTURES = Path(__file__).parent / "fixtures"

needs_helm = pytest.mark.skipif(program("helm") is None, reason="helm is not on PATH")
needs_kustomize = pytest.mark.skipif(
    program("kustomize") is None and program("kubectl") is None, reason="neither kustomize nor kubectl is on PATH"
)


def found(report: Report) -> list[tuple[str, str, int, int]]:
    return [(each.rule, each.location.path, each.location.line, each.location.column) for each in report.findings]


def check(folder: Path, config: Config = DEFAULTS, *, render: bool = True, suppressed: bool = False) -> Report:
    return lint([folder], Options(root=folder, render=render, show_suppressed=suppressed), config)


@needs_kustomize
def test_a_finding_in_an_overlay_points_at_the_patch_or_the_base() -> None:
    report = check(FIXTURES / "rendered-overlay")
    assert found(report) == [
        ("gpu-limit-differs-from-request", "base/translator.yaml", 24, 31),
        ("fractional-gpu", "overlays/staging/kustomization.yaml", 12, 16),
    ]
    differs, fraction = report.findings
    assert [(each.location.path, each.location.line) for each in differs.related] == [
        ("overlays/prod/two-gpus.yaml", 12)
    ]
    assert str(differs.object) == "Deployment translation/translator"
    assert differs.message.endswith(" (in overlays/prod)")
    assert str(fraction.object) == "Deployment translation-staging/staging-translator"
    assert fraction.field == 'spec.template.spec.containers[1].resources.limits["nvidia.com/gpu"]'
    assert report.summary.objects == 2
    assert report.summary.not_analysed == ()


@needs_kustomize
def test_what_several_overlays_show_is_reported_once(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-overlay", tmp_path, dirs_exist_ok=True)
    base = tmp_path / "base" / "translator.yaml"
    base.write_text(base.read_text().replace("nvidia.com/gpu: 1", "nvidia.com/gpus: 1"), "utf-8")
    for name in ("prod", "staging"):
        file = tmp_path / "overlays" / name / "kustomization.yaml"
        file.write_text(f"resources: [../../base]\nnamespace: {name}\n", "utf-8")
    (tmp_path / "overlays" / "prod" / "two-gpus.yaml").unlink()
    report = check(tmp_path)
    assert found(report) == [("gpu-resource-unknown", "base/translator.yaml", 27, 15)]
    assert report.findings[0].message.endswith(" (in overlays/prod, overlays/staging)")


@needs_kustomize
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("base/translator.yaml", "              nvidia.com/gpu: 1\n            limits:"),
        ("overlays/prod/two-gpus.yaml", ""),
    ],
)
def test_a_comment_in_the_source_silences_what_is_rendered(file: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-overlay", tmp_path, dirs_exist_ok=True)
    (tmp_path / "overlays" / "staging" / "kustomization.yaml").unlink()
    target = tmp_path / file
    text = target.read_text()
    if line:
        text = text.replace(line, line.replace("gpu: 1", "gpu: 1  # gpulint: ignore[gpu-limit-differs-from-request]"))
    else:
        text = "# gpulint: ignore-file[gpu-limit-differs-from-request]\n" + text
    target.write_text(text, "utf-8")
    report = check(tmp_path, suppressed=True)
    kept = [each.rule for each in report.findings if not each.suppressed]
    assert kept == ([] if line else ["gpu-limit-differs-from-request", "unused-suppression"])


@needs_kustomize
def test_what_is_rendered_is_no_object_of_its_own_any_more(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-overlay", tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "overlays" / "staging")
    report = check(tmp_path)
    assert (report.summary.objects, report.summary.files, report.summary.gpu_workloads) == (1, 1, 1)


@needs_kustomize
def test_nothing_is_written_to_the_folder_of_the_user(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-overlay", tmp_path, dirs_exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    check(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@needs_helm
def test_a_finding_in_a_chart_points_at_the_values_or_the_template() -> None:
    folder = FIXTURES / "rendered-chart"
    report = check(folder, load(folder / "gpulint.toml"), render=False, suppressed=True)
    assert found(report) == [
        ("fractional-gpu", "chart/templates/batch.yaml", 21, 31),
        ("fractional-gpu", "values-prod.yaml", 2, 10),
        ("fractional-gpu", "values-staging.yaml", 3, 21),
    ]
    literal, prod, staging = report.findings
    assert literal.message.endswith(" (in chart with values-prod.yaml, chart with values-staging.yaml)")
    assert str(prod.object) == "Job prod-index"
    assert prod.message.startswith("Job translation/prod-index asks for 0.5 ")
    assert [(each.location.path, each.location.line, each.message) for each in prod.related] == [
        ("chart/templates/batch.yaml", 13, "rendered here")
    ]
    assert staging.suppression == "inline"


@needs_helm
def test_other_charts_are_rendered_with_their_own_defaults_where_asked(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-chart" / "chart", tmp_path / "other")
    values = tmp_path / "other" / "values.yaml"
    values.write_text(values.read_text().replace("nvidia.com/gpu: 1", "nvidia.com/gpu: 0.5"), "utf-8")
    report = check(tmp_path)
    assert ("fractional-gpu", "other/values.yaml", 8, 21) in found(report)
    assert {str(each.object) for each in report.findings} == {"Deployment translator-server", "Job translator-index"}


def test_without_being_asked_nothing_is_rendered(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-chart" / "chart", tmp_path / "chart")
    report = check(tmp_path, render=False)
    assert [each.reason for each in report.summary.not_analysed] == ["helm-template", "helm-template"]


def test_without_a_program_everything_is_read_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = FIXTURES / "rendered-overlay"
    with_flag, without = check(folder), check(folder, render=False)
    assert found(with_flag) == found(without)
    assert [each.reason for each in with_flag.summary.not_analysed] == ["no-kustomize", "no-kustomize"]


def test_a_configuration_that_names_a_chart_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "gpulint.toml"
    file.write_text('[[render]]\nchart = "chart"\nvalues = ["prod.yaml"]\n', "utf-8")
    with pytest.raises(InvalidConfigError) as caught:
        load(file)
    assert [(each.line, each.message) for each in caught.value.errors] == [
        (2, "there is no folder 'chart'"),
        (3, "there is no file 'prod.yaml'"),
    ]


@needs_helm
def test_text_that_was_rendered_before_is_not_reported_again(tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "rendered-chart" / "chart", tmp_path / "chart")
    job = "# Source: translator/templates/batch.yaml\napiVersion: batch/v1\nkind: Job\nmetadata: {name: old-index}\n"
    spec = (
        "spec: {template: {spec: {containers: [{name: index}, {name: report, resources:"
        " {limits: {memory: 1Gi, nvidia.com/gpu: 1.5}}}]}}}\n"
    )
    (tmp_path / "rendered.yaml").write_text(job + spec, "utf-8")
    alone = check(tmp_path, render=False)
    assert found(alone) == [("fractional-gpu", "rendered.yaml", 5, 119)]
    assert [each.message for each in alone.findings[0].related] == ["rendered from translator/templates/batch.yaml"]
    assert found(check(tmp_path)) == [("fractional-gpu", "chart/templates/batch.yaml", 21, 31)]
