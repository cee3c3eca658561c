"""GitHub Actions: workflow commands that become annotations, and the table for the page of the job.

Escaping as the runner undoes it (actions/runner src/Runner.Common/ActionCommand.cs); it drops what exceeds ten
annotations per level and step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpulint import untrusted
from gpulint.finding import SEVERITIES
from gpulint.reports import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpulint.finding import Finding, Location, Report, Severity

MAX_ANNOTATIONS = 10
"""Per level, in one step."""
MAX_SUMMARY = 1024 * 1024
"""Bytes of a step's summary; GitHub refuses a larger one as a whole."""

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}
_MAX_CELL = 1_000
_HEAD = "| severity | rule | place | finding |\n| --- | --- | --- | --- |\n"
_LEFT_OUT = 200
"""Bytes kept for the sentence about rows that found no room."""


def workflow_commands(report: Report) -> str:
    """One command per finding that counts, the worst level first, at most ten per level; then the summary line."""
    counting = [finding for finding in report.findings if not finding.suppressed]
    commands: list[str] = []
    for severity in SEVERITIES:
        commands += _commands([finding for finding in counting if finding.severity == severity], severity)
    return "".join(f"{line}\n" for line in [*commands, text.summary(report.summary)])


def step_summary(report: Report) -> str:
    """Markdown under 1 MiB: the summary line and a table of the findings that count, the worst first."""
    opening = f"## gpulint\n\n{text.summary(report.summary)}\n"
    counting = [finding for finding in report.findings if not finding.suppressed]
    if not counting:
        return opening
    counting.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return f"{opening}\n{_HEAD}{_rows(counting, MAX_SUMMARY - len((opening + _HEAD).encode()) - _LEFT_OUT)}"


def _commands(findings: Sequence[Finding], severity: Severity) -> list[str]:
    shown = findings[:MAX_ANNOTATIONS]
    more = len(findings) - len(shown)
    notes = [""] * len(shown)
    if more:
        notes[-1] = f"{more} more of level {severity} without an annotation"
    return [_command(finding, note) for finding, note in zip(shown, notes, strict=True)]


def _command(finding: Finding, note: str) -> str:
    properties = {**_span(finding.location), "title": untrusted.one_line(finding.rule)}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {listed}::{_data(_body(finding, note))}"


def _span(location: Location) -> dict[str, str]:
    """Where the annotation stands; GitHub takes columns only within one line."""
    lines = {
        "file": untrusted.one_line(location.path),
        "line": str(location.line),
        "endLine": str(location.end_line),
    }
    if location.end_line != location.line:
        return lines
    return {**lines, "col": str(location.column), "endColumn": str(location.end_column)}


def _body(finding: Finding, note: str) -> str:
    fix = text.first_line(finding.help)
    return "\n".join(
        [
            untrusted.one_line(finding.message),
            *(f"{text.place(related.location)}: {untrusted.one_line(related.message)}" for related in finding.related),
            *([f"fix: {fix}"] if fix else []),
            *([f"({note})"] if note else []),
        ]
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _rows(findings: Sequence[Finding], room: int) -> str:
    rows: list[str] = []
    for number, finding in enumerate(findings):
        row = _row(finding)
        room -= len(row.encode())
        if room < 0:
            return f"{''.join(rows)}\n{len(findings) - number} more findings found no room in this table.\n"
        rows.append(row)
    return "".join(rows)


def _row(finding: Finding) -> str:
    place = f"{finding.location.path}:{finding.location.line}"
    return (
        f"| {finding.severity} | <code>{_cell(finding.rule)}</code> | <code>{_cell(place)}</code>"
        f" | {_cell(finding.message)} |\n"
    )


def _cell(value: str) -> str:
    cropped = value if len(value) <= _MAX_CELL else f"{value[:_MAX_CELL]}…"
    return untrusted.markdown(cropped)
