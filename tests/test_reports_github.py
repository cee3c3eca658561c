from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from gpulint.finding import Finding, Location, Severity
from gpulint.reports.github import MAX_SUMMARY, step_summary, workflow_commands
from tests.report_samples import CLEAN, HOST_PATH_FINDING, REPORT, SHARED_FINDING, SUPPRESSED_SHOWN, hostile_report


def parsed(command: str) -> tuple[str, dict[str, str], str]:
    """Name, properties and data of a workflow command as the runner reads it (actions/runner ActionCommand.cs)."""
    info, data = command.removeprefix("::").split("::", 1)
    name, _, listed = info.partition(" ")
    properties = dict(pair.split("=", 1) for pair in listed.split(","))
    return name, {key: unescaped(value) for key, value in properties.items()}, unescaped(data)


def unescaped(value: str) -> str:
    for token, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(token, sign)
    return value


def many(severity: Severity, number: int) -> tuple[Finding, ...]:
    return tuple(
        replace(SHARED_FINDING, severity=severity, location=Location("a.yaml", line, 1, line, 2), message=f"m{line}")
        for line in range(1, number + 1)
    )


def test_errors_come_first_and_the_summary_last() -> None:
    lines = workflow_commands(REPORT).splitlines()
    other_place = "operator/time-slicing.yaml:7:23: each GPU is cut in 4 slices here"
    assert parsed(lines[0]) == (
        "error",
        {
            "file": "manifests/train.yaml",
            "line": "11",
            "endLine": "11",
            "col": "27",
            "endColumn": "28",
            "title": "training-on-shared-gpu",
        },
        f"{SHARED_FINDING.message}\n{other_place}\nfix: Select nodes without sharing:",
    )
    assert lines[2].startswith("Found 1 error, 1 warning")
    assert len(lines) == 3


def test_a_span_of_several_lines_has_no_columns() -> None:
    finding = replace(HOST_PATH_FINDING, location=Location("a.yaml", 6, 1, 11, 28))
    _, properties, _ = parsed(workflow_commands(replace(REPORT, findings=(finding,))).splitlines()[0])
    assert properties == {"file": "a.yaml", "line": "6", "endLine": "11", "title": "gpu-device-host-path"}


def test_signs_of_the_command_itself_are_escaped_once() -> None:
    finding = replace(
        SHARED_FINDING,
        message="100 % of a,b:c %0A",
        location=Location("a,b:c%2C.yaml", 1, 1, 1, 2),
        related=(),
        help="",
    )
    line = workflow_commands(replace(REPORT, findings=(finding,))).splitlines()[0]
    assert line.endswith("::100 %25 of a,b:c %250A")
    assert "file=a%2Cb%3Ac%252C.yaml," in line


def test_suppressed_findings_are_not_annotated() -> None:
    assert "notebook" not in workflow_commands(SUPPRESSED_SHOWN)
    assert "notebook" not in step_summary(SUPPRESSED_SHOWN)


@pytest.mark.parametrize(
    ("severity", "command"), [("error", "::error"), ("warning", "::warning"), ("info", "::notice")]
)
def test_ten_per_level_and_the_last_says_how_many_more(severity: Severity, command: str) -> None:
    lines = workflow_commands(replace(REPORT, findings=many(severity, 23))).splitlines()[:-1]
    assert [line.split(" ")[0] for line in lines] == [command] * 10
    assert [f"(13 more of level {severity} without an annotation)" in line for line in lines] == [False] * 9 + [True]


def test_ten_exactly_are_all_there_are() -> None:
    output = workflow_commands(replace(REPORT, findings=many("error", 10)))
    assert output.count("::error") == 10
    assert "more" not in output.replace("node pools); 3 less", "")


def test_levels_are_counted_apart() -> None:
    output = workflow_commands(replace(REPORT, findings=many("info", 11) + many("error", 12) + many("warning", 1)))
    assert [output.count(command) for command in ("::error ", "::warning ", "::notice ")] == [10, 1, 10]
    assert output.index("::error ") < output.index("::warning ") < output.index("::notice ")


def table_of(markdown: str) -> list[list[str]]:
    """Cells of the only table of a page, as text that a reader sees."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    assert [token.type for token in tokens].count("table_open") == 1
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and rows:
            assert {child.type for child in token.children or ()} <= {"text", "text_special", "html_inline"}
            rows[-1].append("".join(child.content for child in token.children or () if child.type != "html_inline"))
    return rows


def test_the_summary_page_lists_the_worst_first() -> None:
    page = step_summary(REPORT)
    assert page.startswith("## gpulint\n\nFound 1 error, 1 warning in 14 objects")
    assert table_of(page) == [
        ["severity", "rule", "place", "finding"],
        ["error", "training-on-shared-gpu", "manifests/train.yaml:11", SHARED_FINDING.message],
        ["warning", "gpu-device-host-path", "manifests/train.yaml:6", HOST_PATH_FINDING.message],
    ]


def test_a_clean_run_has_no_table() -> None:
    assert step_summary(CLEAN) == (
        "## gpulint\n\nFound no problems in 1 object of 1 file (1 GPU workload, 0 node pools).\n"
    )


def test_hostile_texts_stay_in_their_cells() -> None:
    (_, row) = table_of(step_summary(hostile_report()))
    assert len(row) == 4
    assert row[3].endswith("[click](https://evil)|`<b>`")


def test_the_summary_page_stays_under_its_limit() -> None:
    long = tuple(replace(finding, message="ü|" * 5_000) for finding in many("error", 400))
    page = step_summary(replace(REPORT, findings=long))
    assert MAX_SUMMARY * 0.9 < len(page.encode()) < MAX_SUMMARY
    shown = page.count("| error |")
    assert page.endswith(f"\n{400 - shown} more findings found no room in this table.\n")
