"""`gpulint check`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from gpulint import untrusted
from gpulint.config import FAIL_ON, FailOn
from gpulint.finding import CONFIDENCES, SEVERITIES

if TYPE_CHECKING:
    from gpulint.baseline import Baseline
    from gpulint.finding import Report
    from gpulint.linter import Options
from gpulint.cli.errors import EXIT_CLEAN, EXIT_EMPTY, EXIT_FINDINGS, told_errors
from gpulint.cli.options import (
    Given,
    InOrder,
    as_options,
    cache_folder,
    color_option,
    given_input,
    reads_input,
    rules_option,
)
from gpulint.cli.output import FORMATS, not_analysed, progress_bar, statistics, write, write_reports


@click.command(cls=InOrder)
@reads_input
@rules_option("--select", help="Run only these rules, families or globs.")
@rules_option("--ignore", help="Leave out these rules, families or globs.")
@rules_option("--extend-select", help="Run these as well.")
@click.option("--min-severity", type=click.Choice(SEVERITIES), help="Hide findings that are milder.  [default: info]")
@click.option("--min-confidence", type=click.Choice(CONFIDENCES), help="Hide less sure findings.  [default: medium]")
@click.option("--pedantic", is_flag=True, help="Run the rules of taste as well.")
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Exit with 1 from this severity on.  [default: error]")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option("--format", "formats", multiple=True, type=click.Choice(FORMATS), help="Report format; repeatable.")
@click.option("--output", "outputs", multiple=True, metavar="FILE", help="Where the --format before it goes.")
@click.option("--since", metavar="REV", help="Report what touches lines changed since a git revision.")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that the file lists.")
@click.option("--write-baseline", metavar="FILE", help="Write the findings to a baseline, and exit with 0.")
@click.option("--fix", is_flag=True, help="Mend in the files what a program can mend, and report the rest.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: also where it may change what was wanted.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--add-ignores", is_flag=True, help="Write a comment that silences it beside every finding.")
@click.option("--list-files", is_flag=True, help="Name the files that would be read, and stop.")
@click.option("--allow-empty", is_flag=True, help="Exit with 0 when there is no Kubernetes object.")
@click.option("--no-ignores", is_flag=True, help="Report suppressed findings as if they were not.")
@click.option("--show-suppressed", is_flag=True, help="Show suppressed findings, marked as such.")
@click.option("--statistics", is_flag=True, help="Count findings by rule.")
@click.option("--cache-dir", metavar="FOLDER", help="Where reports are kept for runs in which nothing has changed.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep reports of other runs.")
@color_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but reports.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was not analysed, file by file.")
@click.pass_context
def check(ctx: click.Context, /, paths: tuple[str, ...], **flags: object) -> None:
    """Lint files, folders, or `-` for standard input; the current folder by default."""
    gc.disable()  # YAML trees hold no cycles: collecting them costs more than all of parsing, and finds nothing
    with told_errors():
        code = _check(ctx, paths or (".",), flags)
    sys.exit(code)


def _check(ctx: click.Context, paths: Sequence[str], flags: dict[str, object]) -> int:
    from gpulint.linter import lint

    given = given_input(paths, flags)
    folder = cache_folder(given, flags)
    options = as_options(given, flags)
    if flags["list_files"]:
        return _list_files(given, options)
    if given.stdin is not None and any(flags[name] for name in ("fix", "diff", "add_ignores")):
        raise click.UsageError("--fix, --diff and --add-ignores are for files, not for standard input")
    with progress_bar(quiet=bool(flags["quiet"])) as progress:
        if folder is None:
            report = lint(given.paths, options, given.config, stdin=given.stdin, progress=progress)
        else:
            from gpulint import cache

            report = cache.lint(given.paths, options, given.config, folder=folder, progress=progress)
        if flags["diff"]:
            return _diff(report, unsafe=bool(flags["unsafe_fixes"]))
        for _ in range(_MOST_PASSES if flags["fix"] else 0):
            if not _mend(report, given.root, unsafe=bool(flags["unsafe_fixes"]), quiet=bool(flags["quiet"])):
                break
            report = lint(given.paths, options, given.config)
    if flags["add_ignores"]:
        return _add_ignores(report, given.root)
    if flags["write_baseline"]:
        return _write_baseline(report, str(flags["write_baseline"]), options.baseline)
    write_reports(report, ctx.meta["gpulint.reports"], color=str(flags["color"]))
    if flags["statistics"]:
        statistics(report)
    if flags["verbose"]:
        not_analysed(report)
    if not report.summary.objects and not report.findings and not flags["allow_empty"]:
        if ctx.meta["gpulint.reports"] and not flags["quiet"]:  # the default report says so itself
            click.echo("gpulint: no Kubernetes object in the input", err=True)
        return EXIT_EMPTY
    fail_on = cast("FailOn", flags["fail_on"] or given.config.fail_on)
    return _exit_code(report, fail_on, exit_zero=bool(flags["exit_zero"]))


def _exit_code(report: Report, fail_on: FailOn, *, exit_zero: bool) -> int:
    if exit_zero or fail_on == "never":
        return EXIT_CLEAN
    bound = SEVERITIES.index(fail_on)
    counted = (finding for finding in report.findings if not finding.suppressed)
    return EXIT_FINDINGS if any(SEVERITIES.index(each.severity) <= bound for each in counted) else EXIT_CLEAN


def _list_files(given: Given, options: Options) -> int:
    from gpulint.source import discover

    config = given.config
    found, _ = discover(
        given.paths,
        root=options.root,
        exclude=options.exclude,
        excludes={config.folder(options.root): config.exclude},
        respect_gitignore=options.respect_gitignore and config.respect_gitignore,
    )
    for each in found:
        click.echo(untrusted.path(each.path))
    return EXIT_CLEAN


_MOST_PASSES = 8
"""Edits that overlapped are made in the next pass over the files."""


def _diff(report: Report, *, unsafe: bool) -> int:
    from gpulint.fixes import diff, mend

    mended = mend(report.findings, report.texts, unsafe=unsafe)
    for line in diff(report.texts, mended.texts):
        click.echo(untrusted.lines(line.removesuffix("\n")))
    click.echo(f"gpulint: {mended.fixed} findings would be fixed, {mended.left} would stay", err=True)
    return EXIT_FINDINGS if mended.texts else EXIT_CLEAN


def _mend(report: Report, root: Path, *, unsafe: bool, quiet: bool) -> bool:
    """Write the files that fixes change; whether there were any."""
    from gpulint.fixes import mend

    mended = mend(report.findings, report.texts, unsafe=unsafe)
    _rewrite(report, root, mended.texts)
    if mended.fixed and not quiet:
        click.echo(f"gpulint: fixed {mended.fixed} findings in {len(mended.texts)} files", err=True)
    return bool(mended.texts)


def _add_ignores(report: Report, root: Path) -> int:
    from gpulint.ignores import with_ignores

    texts, failed = with_ignores(report.findings, report.texts)
    _rewrite(report, root, texts)
    silenced = sum(not each.suppressed for each in report.findings) - failed
    click.echo(f"gpulint: {silenced} findings silenced in {len(texts)} files", err=True)
    if failed:
        click.echo(f"gpulint: {failed} findings stand where no comment can", err=True)
    return EXIT_FINDINGS if failed else EXIT_CLEAN


def _rewrite(report: Report, root: Path, texts: Mapping[str, str]) -> None:
    from gpulint.source import rewrite

    for path, text in texts.items():
        try:
            rewrite(root / path, report.texts[path], text)
        except OSError as error:
            raise click.UsageError(f"{untrusted.one_line(path)}: {error.strerror or error}") from None


def _write_baseline(report: Report, file: str, before: Baseline) -> int:
    """All that counts and what the baseline of this run knew already; entries of rules that did not run stay."""
    from gpulint.baseline import written

    ran = {rule.id for rule in report.rules}
    known = [each for each in before.entries if each.rule not in ran]
    counting = [each for each in report.findings if not each.suppressed or each.suppression == "baseline"]
    write(written(counting, known), file)
    click.echo(f"gpulint: {len(counting)} findings in {untrusted.one_line(file)}", err=True)
    return EXIT_CLEAN
