"""Markdown for a comment on a pull request, a wiki or a file in the repository."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from gpulint import untrusted
from gpulint.reports import text

if TYPE_CHECKING:
    from gpulint.finding import Finding, Report


def markdown(report: Report) -> str:
    """The summary, then a list of findings for each file, with their fixes."""
    sections = [f"# gpulint\n\n{untrusted.markdown(text.summary(report.summary))}\n"]
    for path, findings in groupby(report.findings, key=lambda finding: finding.location.path):
        sections.append(f"## <code>{untrusted.markdown(path)}</code>\n\n{''.join(map(_item, findings))}")
    return "\n".join(sections)


def _item(finding: Finding) -> str:
    mark = f" (suppressed: {untrusted.markdown(finding.suppression)})" if finding.suppressed else ""
    head = f"line {finding.location.line}: **{finding.severity}** <code>{untrusted.markdown(finding.rule)}</code>"
    lines = [f"- {head}{mark}: {untrusted.markdown(finding.message)}"]
    for related in finding.related:
        place = f"{related.location.path}:{related.location.line}"
        message = f": {untrusted.markdown(related.message)}" if related.message else ""
        lines.append(f"  - <code>{untrusted.markdown(place)}</code>{message}")
    if fix := text.first_line(finding.help):
        lines.append(f"  - fix: {untrusted.markdown(fix)}")
    return "".join(f"{line}\n" for line in lines)
