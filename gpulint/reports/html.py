"""One HTML page for people without a checkout: it loads nothing, and runs nothing."""

from __future__ import annotations

import html
from itertools import groupby
from typing import TYPE_CHECKING

from gpulint import untrusted
from gpulint.reports import text

if TYPE_CHECKING:
    from gpulint.finding import Finding, Report

_STYLE = """\
:root { color-scheme: light dark; --error: #c5221f; --warning: #b06000; --info: #1967d2; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h2 { font: 600 1rem ui-monospace, monospace; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
article { margin: .75rem 0; padding: .5rem .75rem; border-left: 4px solid var(--line); }
article.error { border-color: var(--error); } article.warning { border-color: var(--warning); }
article.info { border-color: var(--info); } article.suppressed { opacity: .6; }
.error b { color: var(--error); } .warning b { color: var(--warning); } .info b { color: var(--info); }
p { margin: .25rem 0; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; background: #8881; padding: .5rem; margin: .5rem 0; } mark { padding: 0 .1em; }
@media (prefers-color-scheme: dark) { :root { --error: #f28b82; --warning: #fdd663; --info: #8ab4f8; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report) -> str:
    """The summary, and the findings file by file, each with its lines of the file and its fix."""
    lines = {path: each.split("\n") for path, each in report.texts.items()}
    body = [f"<h1>gpulint</h1>\n<p>{_text(text.summary(report.summary))}</p>"]
    for path, findings in groupby(report.findings, key=lambda finding: finding.location.path):
        body.append(f"<section>\n<h2>{_text(path)}</h2>")
        body += [_article(finding, lines.get(path, [])) for finding in findings]
        body.append("</section>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>gpulint</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _article(finding: Finding, lines: list[str]) -> str:
    classes = f"{finding.severity} suppressed" if finding.suppressed else finding.severity
    mark = f" (suppressed: {_text(finding.suppression)})" if finding.suppressed else ""
    place = f"{finding.location.line}:{finding.location.column}"
    rows = [
        f'<article class="{classes}">',
        f"<p><b>{finding.severity}</b> <code>{_text(finding.rule)}</code> at {place}{mark}</p>",
        f"<p>{_text(finding.message)}</p>",
        _code(finding, lines),
    ]
    rows += [
        f"<p><code>{_text(text.place(each.location))}</code> {_text(each.message)}</p>" for each in finding.related
    ]
    fix = text.first_line(finding.help)
    rows += [f"<p>fix: {_text(fix)}</p>"] if fix else []
    return "\n".join([*filter(None, rows), "</article>"])


def _code(finding: Finding, lines: list[str]) -> str:
    """The line of the finding, cropped around its span, which is marked."""
    location = finding.location
    if not 1 <= location.line <= len(lines):
        return ""
    line = lines[location.line - 1].removesuffix("\r")
    start = location.column - 1
    end = max(location.end_column - 1 if location.end_line == location.line else len(line), start)
    before, inside, after = line[max(0, start - 80) : start], line[start:end][:160], line[end : end + 40]
    return f"<pre>{_text(before)}<mark>{_text(inside)}</mark>{_text(after)}</pre>"


def _text(value: str) -> str:
    return html.escape(untrusted.one_line(value))
