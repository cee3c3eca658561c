"""Where reports go, in which format and colour, and what is said beside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import click

from gpulint import untrusted

if TYPE_CHECKING:
    import rich.progress

    from gpulint.finding import Report
    from gpulint.linter import Progress


STEPS = 4
"""Steps of a run that tell of their progress."""


FORMATS = (
    *("auto", "text", "concise", "grouped", "json", "sarif", "github"),
    *("junit", "gitlab", "checkstyle", "rdjson", "markdown", "html"),
)


def write_reports(report: Report, asked: Sequence[tuple[str, str]], *, color: str) -> None:
    """Each format to its output; without any, text, and annotations as well on GitHub."""
    from gpulint.reports import render

    for name, file in _pairs(asked):
        write(render(name, report, color=not file and is_coloured(color)), file)
        if name == "github":
            _step_summary(report)


def write(text: str, file: str) -> None:
    """To a file, or to standard output where its name is empty."""
    if file:
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"--output {untrusted.one_line(file)}: {error.strerror}") from None
    else:
        click.echo(text, nl=not text.endswith("\n"), color=True)


def _pairs(asked: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    from gpulint.reports import SHAREABLE

    pairs: list[tuple[str, str]] = []
    for kind, value in asked:
        if kind == "formats":
            pairs += [(name, "") for name in _automatic(value)]
        elif not pairs or pairs[-1][1]:
            raise click.UsageError(f"--output {value}: there is no --format before it")
        else:
            pairs[-1] = (pairs[-1][0], value)
    shown = [name for name, file in pairs if not file]
    if len(shown) > 1 and not SHAREABLE.issuperset(shown):
        raise click.UsageError("two reports on standard output: give one of them an --output")
    return pairs or [(name, "") for name in _automatic("auto")]


def _automatic(name: str) -> list[str]:
    if name != "auto":
        return [name]
    return ["github"] if os.environ.get("GITHUB_ACTIONS") == "true" else ["text"]


def is_coloured(color: str) -> bool:
    """Whether to colour what goes to standard output."""
    if color != "auto":
        return color == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _step_summary(report: Report) -> None:
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        from gpulint.reports.github import step_summary

        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(step_summary(report))


def statistics(report: Report) -> None:
    """Findings by rule, on standard error."""
    from collections import Counter

    counts = Counter(finding.rule for finding in report.findings)
    for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:6} {rule}", err=True)


def not_analysed(report: Report) -> None:
    """What was not analysed, file by file, on standard error."""
    for each in report.summary.not_analysed:
        detail = f" ({untrusted.one_line(each.detail)})" if each.detail else ""
        click.echo(f"not analysed: {untrusted.one_line(each.path)}: {each.reason}{detail}", err=True)


class _ProgressBar:
    """A bar on the terminal, one part per step, for runs that take more than a second."""

    def __init__(self) -> None:
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._step, self._done = "starting", 0
        self._timer = Timer(1.0, self._show)
        self._timer.daemon = True
        self._timer.start()

    def step(self, name: str) -> None:
        self._step, self._done = name, self._done + 1
        self._update()

    def stop(self) -> None:
        self._timer.cancel()
        if self._bar is not None:
            self._bar.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._step, total=STEPS)
        self._update()
        self._bar.start()

    def _update(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._step, completed=self._done - 1)


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """Tells the steps of a run on a terminal."""
    if quiet or not sys.stderr.isatty():
        from gpulint.linter import silent

        yield silent
        return
    bar = _ProgressBar()
    try:
        yield bar.step
    finally:
        bar.stop()
