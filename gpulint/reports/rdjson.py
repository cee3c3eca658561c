"""The diagnostics format of reviewdog (reviewdog/proto/rdf/reviewdog.proto, DiagnosticResult)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpulint import untrusted

if TYPE_CHECKING:
    from gpulint.finding import Finding, Location, Report

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}


def rdjson(report: Report) -> str:
    """One diagnostic per finding that counts; its columns count UTF-8 bytes of the line, as the format wants."""
    lines = {path: text.split("\n") for path, text in report.texts.items()}
    pages = {rule.id: rule.references[0] for rule in report.rules if rule.references}
    counting = [finding for finding in report.findings if not finding.suppressed]
    return untrusted.plain_json(
        {
            "source": {"name": "gpulint"},
            "diagnostics": [_diagnostic(finding, lines, pages.get(finding.rule, "")) for finding in counting],
        }
    )


def _diagnostic(finding: Finding, lines: dict[str, list[str]], page: str) -> dict[str, object]:
    related = [
        {"message": untrusted.one_line(each.message), "location": _location(each.location, lines)}
        for each in finding.related
    ]
    return {
        "message": untrusted.one_line(finding.message),
        "location": _location(finding.location, lines),
        "severity": _SEVERITIES[finding.severity],
        "code": {"value": finding.rule, **({"url": page} if page else {})},
        **({"relatedLocations": related} if related else {}),
    }


def _location(location: Location, lines: dict[str, list[str]]) -> dict[str, object]:
    text = lines.get(location.path, [])
    return {
        "path": location.path,
        "range": {
            "start": {"line": location.line, "column": _bytes(text, location.line, location.column)},
            "end": {"line": location.end_line, "column": _bytes(text, location.end_line, location.end_column)},
        },
    }


def _bytes(lines: list[str], line: int, column: int) -> int:
    """A column in code points as one in bytes."""
    before = lines[line - 1][: column - 1] if 1 <= line <= len(lines) else ""
    return column - len(before) + len(before.encode("utf-8", "surrogatepass"))
