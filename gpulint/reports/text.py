"""The reports for people: `full` with code frames, `concise` with one line each, `grouped` by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

import click
from rich.cells import cell_len

from gpulint import untrusted

if TYPE_CHECKING:
    from gpulint.finding import Finding, Location, NotAnalysed, Related, Report, Summary

_Role: TypeAlias = Literal["error", "warning", "info", "path", "frame", "note"]
_Paint: TypeAlias = Callable[[str, _Role], str]

_CONTEXT = 2
"""Lines shown above the one in question."""
_WINDOW = 160
"""Code points of a line that are shown, so that one-line JSON does not flood the terminal."""
_BEFORE_SPAN = 60
"""Code points kept before the span when a line is cropped on the left."""


def full(report: Report, *, color: bool = False) -> str:
    """Every finding with its code frame, the other places, the fix, and the summary at the end."""
    paint = _paint if color else _plain

    @cache
    def lines(path: str) -> Sequence[str]:
        return report.texts[path].split("\n") if path in report.texts else ()

    blocks = [_block(finding, lines(finding.location.path), paint) for finding in report.findings]
    return "\n".join([*blocks, summary(report.summary) + "\n"])


def concise(report: Report, *, color: bool = False) -> str:
    """`path:line:column: severity[rule] message`, one line each, and the summary."""
    paint = _paint if color else _plain
    return _joined([*(_headline(finding, paint) for finding in report.findings), summary(report.summary)])


def grouped(report: Report, *, color: bool = False) -> str:
    """The findings under the name of their file, in columns, and the summary."""
    paint = _paint if color else _plain
    rows: list[str] = []
    for path, findings in groupby(report.findings, key=lambda finding: finding.location.path):
        rows += [paint(untrusted.path(path), "path"), *_columns(list(findings), paint), ""]
    return _joined([*rows, summary(report.summary)])


def summary(summary: Summary) -> str:
    """What was found, where it was looked for, and what was left out: one line without a line break."""
    counts = [(summary.errors, "error"), (summary.warnings, "warning"), (summary.infos, "info")]
    found = ", ".join(count(number, noun) for number, noun in counts if number)
    if not found and not summary.objects:
        return f"No Kubernetes object in {count(summary.files, 'file')}.{not_analysed(summary.not_analysed)}"
    where = f"{count(summary.objects, 'object')} of {count(summary.files, 'file')}"
    of_interest = f"{count(summary.gpu_workloads, 'GPU workload')}, {count(summary.pools, 'node pool')}"
    parts = [f"Found {found or 'no problems'} in {where} ({of_interest})"]
    if summary.hidden:
        parts.append(f"{count(summary.hidden, 'less sure one')} not shown")
    if summary.suppressed:
        parts.append(f"{summary.suppressed} suppressed")
    if summary.unchanged:
        parts.append(f"{summary.unchanged} on unchanged lines not shown")
    if summary.stale_baseline:
        entries = "entry" if summary.stale_baseline == 1 else "entries"
        parts.append(f"{summary.stale_baseline} baseline {entries} without a finding")
    if summary.fixable:
        parts.append(f"{summary.fixable} fixable with --fix")
    return f"{'; '.join(parts)}.{not_analysed(summary.not_analysed)}"


def first_line(fix: str) -> str:
    """The first line of a `fix` that says something."""
    return untrusted.one_line(next((line.strip() for line in fix.split("\n") if line.strip()), ""))


def place(location: Location) -> str:
    """`path:line:column`, safe at the start of a line."""
    return f"{untrusted.path(location.path)}:{location.line}:{location.column}"


def not_analysed(skipped: Sequence[NotAnalysed]) -> str:
    """A sentence on what was left out, with a space in front; empty when nothing was."""
    if not skipped:
        return ""
    numbers = Counter(_NOT_ANALYSED.get(each.reason, untrusted.one_line(f"{each.reason} file")) for each in skipped)
    return f" Not analysed: {', '.join(count(numbers[noun], noun) for noun in sorted(numbers, key=str.lower))}."


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _block(finding: Finding, lines: Sequence[str], paint: _Paint) -> str:
    width = len(str(finding.location.line))
    rows = [
        _headline(finding, paint),
        *_frame(finding.location, finding.severity, lines, paint),
        *(_related(related, width, paint) for related in finding.related),
        *(f"{' ' * width} {paint('=', 'frame')} {note}" for note in _notes(finding, paint)),
    ]
    return _joined(rows)


def _headline(finding: Finding, paint: _Paint) -> str:
    label = paint(f"{finding.severity}[{untrusted.one_line(finding.rule)}]", finding.severity)
    mark = f" (suppressed: {untrusted.one_line(finding.suppression)})" if finding.suppressed else ""
    return f"{paint(place(finding.location), 'path')}: {label} {untrusted.one_line(finding.message)}{mark}"


def _notes(finding: Finding, paint: _Paint) -> list[str]:
    notes = []
    if finding.confidence != "high":
        notes.append(f"{paint('confidence:', 'note')} {finding.confidence}")
    if fix := first_line(finding.help):
        notes.append(f"{paint('fix:', 'note')} {fix}")
    if finding.suppression_reason:
        notes.append(f"{paint('suppressed:', 'note')} {untrusted.one_line(finding.suppression_reason)}")
    return [*notes, f"gpulint explain {untrusted.one_line(finding.rule)}"]


def _related(related: Related, width: int, paint: _Paint) -> str:
    text = f": {untrusted.one_line(related.message)}" if related.message else ""
    return f"{' ' * width}{paint(':::', 'frame')} {paint(place(related.location), 'path')}{text}"


def _frame(location: Location, severity: _Role, lines: Sequence[str], paint: _Paint) -> list[str]:
    if not 1 <= location.line <= len(lines):
        return []
    width = len(str(location.line))
    left = _left(location, lines[location.line - 1])
    bar = paint("|", "frame")
    empty = f"{' ' * width} {bar}"
    rows = [empty]
    for number in range(max(1, location.line - _CONTEXT), location.line + 1):
        code = _cropped(lines[number - 1].removesuffix("\r"), left)
        rows.append(f"{paint(str(number).rjust(width), 'frame')} {bar} {code}".rstrip())
    return [*rows, f"{empty} {_carets(location, lines[location.line - 1], left, severity, paint)}", empty]


def _left(location: Location, line: str) -> int:
    return max(0, location.column - 1 - _BEFORE_SPAN) if len(line) > _WINDOW else 0


def _cropped(line: str, left: int) -> str:
    before = "…" if left and line else ""
    after = "…" if len(line) > left + _WINDOW else ""
    return f"{before}{_shown(line[left : left + _WINDOW])}{after}"


def _carets(location: Location, line: str, left: int, severity: _Role, paint: _Paint) -> str:
    line = line.removesuffix("\r")
    window = line[left : left + _WINDOW]
    start = location.column - 1 - left
    end = location.end_column - 1 - left if location.end_line == location.line else len(window)
    indent = cell_len(_shown(window[:start]))
    length = max(1, cell_len(_shown(window[:end])) - indent)
    return " " * (indent + bool(left)) + paint("^" * length, severity)


def _shown(code: str) -> str:
    return untrusted.one_line(code.expandtabs(4))


def _columns(findings: Sequence[Finding], paint: _Paint) -> list[str]:
    places = [f"{finding.location.line}:{finding.location.column}" for finding in findings]
    place_width = max(map(len, places))
    severity_width = max(len(finding.severity) for finding in findings)
    rule_width = max(len(untrusted.one_line(finding.rule)) for finding in findings)
    return [
        f"  {place.rjust(place_width)}  {paint(finding.severity.ljust(severity_width), finding.severity)}"
        f"  {untrusted.one_line(finding.rule).ljust(rule_width)}  {untrusted.one_line(finding.message)}"
        + (f" (suppressed: {untrusted.one_line(finding.suppression)})" if finding.suppressed else "")
        for finding, place in zip(findings, places, strict=True)
    ]


_NOT_ANALYSED = {
    "broken": "broken document",
    "encrypted": "encrypted file",
    "helm-dependencies": "incomplete chart",
    "helm-failed": "broken chart",
    "helm-template": "Helm template",
    "helm-values": "Helm values file",
    "kustomize-broken": "incomplete kustomization",
    "kustomize-failed": "broken kustomization",
    "kustomize-helm": "chart-rendering kustomization",
    "kustomize-restricted": "out-of-folder kustomization",
    "no-helm": "unrendered chart",
    "no-kustomize": "unrendered kustomization",
    "remote-base": "remote kustomization base",
    "symlink": "symbolic link",
    "too-large": "too large file",
}


_STYLES: dict[_Role, Callable[[str], str]] = {
    "error": partial(click.style, fg="red", bold=True),
    "warning": partial(click.style, fg="yellow", bold=True),
    "info": partial(click.style, fg="cyan", bold=True),
    "path": partial(click.style, bold=True),
    "frame": partial(click.style, fg="blue", bold=True),
    "note": partial(click.style, bold=True),
}


def _paint(text: str, role: _Role) -> str:
    return _STYLES[role](text)


def _plain(text: str, _role: _Role) -> str:
    return text


def _joined(rows: Sequence[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
