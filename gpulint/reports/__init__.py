"""One pure function per format over a `Report`; a format is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpulint.finding import Report


def render(name: str, report: Report, *, color: bool) -> str:
    """The report in the format `name`, a key of `FORMATS`; only the texts for people are ever coloured."""
    if color and name in _COLOURED:
        return _COLOURED[name](report)
    return FORMATS[name](report)


def _text(report: Report, *, color: bool = False) -> str:
    from gpulint.reports import text

    return text.full(report, color=color)


def _concise(report: Report, *, color: bool = False) -> str:
    from gpulint.reports import text

    return text.concise(report, color=color)


def _grouped(report: Report, *, color: bool = False) -> str:
    from gpulint.reports import text

    return text.grouped(report, color=color)


def _json(report: Report) -> str:
    from gpulint.reports import json_report

    return json_report.json_report(report)


def _sarif(report: Report) -> str:
    from gpulint.reports import sarif

    return sarif.sarif(report)


def _github(report: Report) -> str:
    from gpulint.reports import github

    return github.workflow_commands(report)


def _junit(report: Report) -> str:
    from gpulint.reports import build_servers

    return build_servers.junit(report)


def _checkstyle(report: Report) -> str:
    from gpulint.reports import build_servers

    return build_servers.checkstyle(report)


def _gitlab(report: Report) -> str:
    from gpulint.reports import gitlab

    return gitlab.gitlab(report)


def _rdjson(report: Report) -> str:
    from gpulint.reports import rdjson

    return rdjson.rdjson(report)


def _markdown(report: Report) -> str:
    from gpulint.reports import markdown

    return markdown.markdown(report)


def _html(report: Report) -> str:
    from gpulint.reports import html

    return html.page(report)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": _text,
    "concise": _concise,
    "grouped": _grouped,
    "json": _json,
    "sarif": _sarif,
    "github": _github,
    "junit": _junit,
    "gitlab": _gitlab,
    "checkstyle": _checkstyle,
    "rdjson": _rdjson,
    "markdown": _markdown,
    "html": _html,
}
"""Name of a format, as `--format` takes it → the function that writes it."""

SHAREABLE = frozenset({"text", "concise", "grouped", "github"})
"""Formats that may stand beside others on one output; everything else is one document."""

_COLOURED: Mapping[str, Callable[[Report], str]] = {
    "text": lambda report: _text(report, color=True),
    "concise": lambda report: _concise(report, color=True),
    "grouped": lambda report: _grouped(report, color=True),
}
