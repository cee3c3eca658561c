from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from gpulint.finding import Location, NotAnalysed, Summary
from gpulint.reports import FORMATS, render, text
from tests.report_samples import CLEAN, REPORT, SHARED_FINDING, SUPPRESSED_SHOWN, hostile_report

FULL = """\
manifests/train.yaml:6:1: warning[gpu-device-host-path] hostPath '/dev/nvidia[0]' goes around the device plugin
  |
4 |   name: llm-training
5 |   namespace: tenant-alpha
6 | spec:
  | ^^^^^
  |
  = confidence: medium
  = gpulint explain gpu-device-host-path

manifests/train.yaml:11:27: error[training-on-shared-gpu] \
PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs
   |
 9 |       resources:
10 |         limits:
11 |           nvidia.com/gpu: 8
   |                           ^
   |
  ::: operator/time-slicing.yaml:7:23: each GPU is cut in 4 slices here
   = fix: Select nodes without sharing:
   = gpulint explain training-on-shared-gpu

Found 1 error, 1 warning in 14 objects of 6 files (3 GPU workloads, 2 node pools); 3 less sure ones not shown. \
Not analysed: 1 Helm template.
"""

CONCISE = """\
manifests/train.yaml:6:1: warning[gpu-device-host-path] hostPath '/dev/nvidia[0]' goes around the device plugin
manifests/train.yaml:11:27: error[training-on-shared-gpu] \
PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs
Found 1 error, 1 warning in 14 objects of 6 files (3 GPU workloads, 2 node pools); 3 less sure ones not shown. \
Not analysed: 1 Helm template.
"""

GROUPED = """\
manifests/train.yaml
    6:1  warning  gpu-device-host-path    hostPath '/dev/nvidia[0]' goes around the device plugin
  11:27  error    training-on-shared-gpu  PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs

notebooks/a b#ü.yaml
  1:1  info  notebook-on-full-gpu  notebook holds 1 whole GPU (suppressed: inline)

Found 1 error, 1 warning in 14 objects of 6 files (3 GPU workloads, 2 node pools); 3 less sure ones not shown; \
1 suppressed. Not analysed: 1 encrypted file, 1 Helm template.
"""


def test_full_shows_frame_related_place_fix_and_summary() -> None:
    assert text.full(REPORT) == FULL


def test_concise_is_one_line_each() -> None:
    assert text.concise(REPORT) == CONCISE


def test_grouped_lists_findings_under_their_file() -> None:
    assert text.grouped(SUPPRESSED_SHOWN) == GROUPED


def test_suppressed_findings_say_so_and_why() -> None:
    block = text.full(SUPPRESSED_SHOWN).split("\n\n")[2]
    assert block.splitlines() == [
        "notebooks/a b#ü.yaml:1:1: info[notebook-on-full-gpu] notebook holds 1 whole GPU (suppressed: inline)",
        "  = confidence: low",
        "  = fix: Take a MIG slice.",
        "  = suppressed: agreed with the team",
        "  = gpulint explain notebook-on-full-gpu",
    ]


def frame(code: str, column: int, end_column: int, *, end_line: int = 1) -> list[str]:
    """The frame of a finding on the first line of `code`, without the empty first and last line of it."""
    finding = replace(SHARED_FINDING, location=Location("a.yaml", 1, column, end_line, end_column), related=(), help="")
    return text.full(replace(REPORT, findings=(finding,), texts={"a.yaml": code})).split("\n")[2:4]


@pytest.mark.parametrize(
    ("code", "column", "end_column", "shown", "carets"),
    [
        pytest.param("gpu: 12", 6, 8, "gpu: 12", "     ^^", id="plain"),
        pytest.param("gpu: 12\r\nx: 1", 6, 8, "gpu: 12", "     ^^", id="carriage return"),
        pytest.param("a: 日本", 4, 6, "a: 日本", "   ^^^^", id="wide characters take two columns"),
        pytest.param("日: 1", 4, 5, "日: 1", "    ^", id="wide characters before the span"),
        pytest.param("a:\tb", 4, 5, "a:  b", "    ^", id="tab"),
        pytest.param("\x1b: 1", 4, 5, r"\x1b: 1", "      ^", id="escaped character before the span"),
        pytest.param("a: \u2028b", 5, 6, r"a: \u2028b", "         ^", id="line separator is no line break"),
        pytest.param("a:", 3, 3, "a:", "  ^", id="empty span at the end"),
        pytest.param("a:", 9, 12, "a:", "  ^", id="span beyond the line"),
    ],
)
def test_carets_stand_under_the_span(code: str, column: int, end_column: int, shown: str, carets: str) -> None:
    assert frame(code, column, end_column) == [f"1 | {shown}", f"  | {carets}"]


def test_a_span_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    assert frame("a: b\nc: d", 4, 3, end_line=2) == ["1 | a: b", "  |    ^"]


def test_a_long_line_is_cropped_around_the_span() -> None:
    code = "x" * 5_000 + "HERE" + "y" * 5_000
    shown, carets = frame(code, 5_001, 5_005)
    assert shown.startswith("1 | …xxx")
    assert shown.endswith("yyy…")
    assert len(shown) < 200
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "HERE"


def test_a_place_outside_the_known_texts_has_no_frame() -> None:
    finding = replace(SHARED_FINDING, location=Location("gone.yaml", 900, 1, 900, 2), related=(), help="")
    report = replace(REPORT, findings=(finding,), texts={"manifests/train.yaml": "x"})
    assert text.full(report).splitlines()[1] == "    = gpulint explain training-on-shared-gpu"


NOTHING = Summary(0, 0, 0, 0, 0, 0, 0, 0, 0, ())


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        pytest.param(
            CLEAN.summary,
            "Found no problems in 1 object of 1 file (1 GPU workload, 0 node pools).",
            id="clean, with singulars",
        ),
        pytest.param(
            replace(CLEAN.summary, errors=2, infos=2, hidden=1, pools=1),
            "Found 2 errors, 2 infos in 1 object of 1 file (1 GPU workload, 1 node pool); 1 less sure one not shown.",
            id="what is nought is not named",
        ),
        pytest.param(
            replace(
                NOTHING,
                files=3,
                not_analysed=(
                    NotAnalysed("a", "helm-template"),
                    NotAnalysed("b", "helm-template"),
                    NotAnalysed("c", "too-large"),
                    NotAnalysed("d", "unreadable"),
                ),
            ),
            "No Kubernetes object in 3 files. Not analysed: 2 Helm templates, 1 too large file, 1 unreadable file.",
            id="nothing to lint is no green run",
        ),
        pytest.param(
            replace(NOTHING, files=1, errors=1),
            "Found 1 error in 0 objects of 1 file (0 GPU workloads, 0 node pools).",
            id="nothing but a broken file",
        ),
    ],
)
def test_the_summary_counts_in_words(summary: Summary, line: str) -> None:
    assert text.summary(summary) == line


@pytest.mark.parametrize("name", ["text", "concise", "grouped"])
def test_colour_adds_nothing_but_colour(name: str) -> None:
    coloured = render(name, SUPPRESSED_SHOWN, color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(name, SUPPRESSED_SHOWN, color=False)


@pytest.mark.parametrize("name", ["json", "sarif", "github"])
def test_reports_for_programs_are_never_coloured(name: str) -> None:
    assert render(name, REPORT, color=True) == render(name, REPORT, color=False)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_format_lets_a_hostile_text_out(name: str) -> None:
    output = render(name, hostile_report(), color=False)
    assert all(char.isprintable() or char == "\n" for char in output)
    assert "##[" not in output
    commands = [line for line in output.splitlines() if line.lstrip().startswith("::") and ":::" not in line]
    assert [command.split(" ")[0] for command in commands] == (["::error"] if name == "github" else [])


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_ends_its_last_line(name: str) -> None:
    for report in (REPORT, CLEAN):
        output = render(name, report, color=False)
        assert output.endswith("\n")
        assert not output.endswith("\n\n")


def test_a_format_is_imported_when_it_is_asked_for() -> None:
    program = "import sys, gpulint.reports; print(sorted({'sarif_om', 'rich', 'click'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
