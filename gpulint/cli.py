"""The command line: arguments → what is asked of the linter → reports → exit code."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast, get_args

import click

from gpulint import __version__, untrusted
from gpulint.config import FAIL_ON, FailOn
from gpulint.finding import CONFIDENCES, SEVERITIES, Confidence, Severity
from gpulint.frozen import frozen

if TYPE_CHECKING:
    import rich.progress

    from gpulint.baseline import Baseline
    from gpulint.config import Config
    from gpulint.finding import Report
    from gpulint.inputs import Inputs
    from gpulint.linter import Options, Progress
    from gpulint.source import Changes, Source

EXIT_CLEAN, EXIT_FINDINGS, EXIT_USAGE, EXIT_EMPTY, EXIT_INTERNAL = 0, 1, 2, 3, 4
_Function: TypeAlias = "Callable[..., None]"
_STEPS = 4
"""Steps of a run that tell of their progress."""
_FORMATS = (
    *("auto", "text", "concise", "grouped", "json", "sarif", "github"),
    *("junit", "gitlab", "checkstyle", "rdjson", "markdown", "html"),
)


class _InOrder(click.Command):
    """Keeps the order of `--format` and `--output`: an output belongs to the format before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parser = self.make_parser(ctx)
        values, _, order = parser.parse_args(args=list(args))
        taken = {name: iter(value) for name, value in values.items() if isinstance(value, (list, tuple))}
        wanted = [parameter.name for parameter in order if parameter.name in {"formats", "outputs"}]
        ctx.meta["gpulint.reports"] = [(name, next(taken[name])) for name in wanted if name]
        return super().parse_args(ctx, args)


class _Commands(click.Group):
    """Tells mistakes on one harmless line: what was typed may come from a file or a branch."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _on_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _on_one_line():
            return super().invoke(ctx)


@contextmanager
def _on_one_line() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = untrusted.one_line(error.message)  # type: ignore[misc]  # final, but only shown
        raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", message="gpulint %(version)s")
def main() -> None:
    """Find what would go wrong with the GPUs of a Kubernetes cluster, in the manifests before they are applied."""


_INPUT: tuple[Callable[[_Function], _Function], ...] = (
    click.argument("paths", nargs=-1),
    click.option("--config", "config_file", metavar="FILE", help="Configuration instead of the one that is found."),
    click.option("--isolated", is_flag=True, help="Read no configuration."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Files to leave out, as in .gitignore."),
    click.option("--no-respect-gitignore", is_flag=True, help="Read ignored files as well."),
    click.option(
        "--nodes", multiple=True, metavar="[CLUSTER=]FILE", help="`kubectl get nodes -o yaml`: all nodes there are."
    ),
    click.option("--render", is_flag=True, help="Render charts and overlays with helm, kustomize or kubectl, offline."),
    click.option("--stdin-filename", metavar="NAME", default="-", help="The name of standard input in reports."),
)


def _reads_input(command: _Function) -> _Function:
    """Gives a command the paths, and the options that say what is read; `_input` and `_inputs` understand them."""
    for decorate in reversed(_INPUT):
        command = decorate(command)
    return command


def _rules_option(name: str, help: str) -> Callable[[_Function], _Function]:  # noqa: A002 - as click calls it
    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        return _complete_rule(ctx, parameter, begun)

    return click.option(name, multiple=True, metavar="RULE", shell_complete=complete, help=help)


_color = click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="[default: auto]")


@main.command(cls=_InOrder)
@_reads_input
@_rules_option("--select", help="Run only these rules, families or globs.")
@_rules_option("--ignore", help="Leave out these rules, families or globs.")
@_rules_option("--extend-select", help="Run these as well.")
@click.option("--min-severity", type=click.Choice(SEVERITIES), help="Hide findings that are milder.  [default: info]")
@click.option("--min-confidence", type=click.Choice(CONFIDENCES), help="Hide less sure findings.  [default: medium]")
@click.option("--pedantic", is_flag=True, help="Run the rules of taste as well.")
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="Exit with 1 from this severity on.  [default: error]")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option("--format", "formats", multiple=True, type=click.Choice(_FORMATS), help="Report format; repeatable.")
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
@_color
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but reports.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was not analysed, file by file.")
@click.pass_context
def check(ctx: click.Context, /, paths: tuple[str, ...], **flags: object) -> None:
    """Lint files, folders, or `-` for standard input; the current folder by default."""
    gc.disable()  # YAML trees hold no cycles: collecting them costs more than all of parsing, and finds nothing
    with _told_errors():
        code = _check(ctx, paths or (".",), flags)
    sys.exit(code)


def _check(ctx: click.Context, paths: Sequence[str], flags: dict[str, object]) -> int:
    from gpulint.linter import lint

    given = _input(paths, flags)
    folder = _cache_folder(given, flags)
    options = _options(given, flags)
    if flags["list_files"]:
        return _list_files(given, options)
    if given.stdin is not None and any(flags[name] for name in ("fix", "diff", "add_ignores")):
        raise click.UsageError("--fix, --diff and --add-ignores are for files, not for standard input")
    with _progress(quiet=bool(flags["quiet"])) as progress:
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
    _write_reports(report, ctx.meta["gpulint.reports"], color=str(flags["color"]))
    if flags["statistics"]:
        _statistics(report)
    if flags["verbose"]:
        _not_analysed(report)
    if not report.summary.objects and not report.findings and not flags["allow_empty"]:
        if ctx.meta["gpulint.reports"] and not flags["quiet"]:  # the default report says so itself
            click.echo("gpulint: no Kubernetes object in the input", err=True)
        return EXIT_EMPTY
    fail_on = cast("FailOn", flags["fail_on"] or given.config.fail_on)
    return _exit_code(report, fail_on, exit_zero=bool(flags["exit_zero"]))


def _cache_folder(given: _Input, flags: Mapping[str, object]) -> Path | None:
    """Where reports of earlier runs are; None where there are none, as for standard input."""
    if flags["no_cache"] or given.stdin is not None:
        return None
    if flags["cache_dir"]:
        return Path(str(flags["cache_dir"]))
    from gpulint.cache import default_folder

    return default_folder(os.environ)


def _exit_code(report: Report, fail_on: FailOn, *, exit_zero: bool) -> int:
    if exit_zero or fail_on == "never":
        return EXIT_CLEAN
    bound = SEVERITIES.index(fail_on)
    counted = (finding for finding in report.findings if not finding.suppressed)
    return EXIT_FINDINGS if any(SEVERITIES.index(each.severity) <= bound for each in counted) else EXIT_CLEAN


# --- input ------------------------------------------------------------------------------------------------------------


@frozen
class _Input:
    """Where to read, and by which configuration."""

    root: Path
    paths: Sequence[str]
    stdin: Source | None
    config: Config


def _input(paths: Sequence[str], flags: dict[str, object]) -> _Input:
    root = _root()
    for path in paths:
        if path != "-" and not Path(path).exists():
            raise click.UsageError(f"there is no file or folder '{untrusted.one_line(path)}'")
    stdin, paths = _stdin(paths, str(flags["stdin_filename"]))
    return _Input(root, paths, stdin, _config(paths, root, {**_NO_FLAGS, **flags}))


def _root() -> Path:
    """The folder that findings name files from: the current one, on GitHub the checkout, as annotations want it."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and os.environ.get("GITHUB_WORKSPACE"):
        workspace = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
        if Path.cwd().resolve().is_relative_to(workspace):
            return workspace
    return Path.cwd()


def _stdin(paths: Sequence[str], name: str) -> tuple[Source | None, list[str]]:
    if "-" not in paths:
        return None, list(paths)
    from gpulint.source import read_stdin

    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    return read_stdin(text, name), [path for path in paths if path != "-"]


def _config(paths: Sequence[str], root: Path, flags: dict[str, object]) -> Config:
    from dataclasses import replace

    from gpulint.config import DEFAULTS, InvalidConfigError, check_names, find, load

    config = DEFAULTS
    if not flags["isolated"]:
        start = Path(paths[0] if paths else ".")
        found = Path(str(flags["config_file"])) if flags["config_file"] else find(start)
        config = load(found) if found else DEFAULTS
    config = replace(
        config,
        select=_names(flags["select"]) or config.select,
        ignore=(*config.ignore, *_names(flags["ignore"])),
        extend_select=(*config.extend_select, *_names(flags["extend_select"])),
    )
    if config != DEFAULTS:  # names can only be wrong where there are some
        from gpulint.linter import all_rules

        errors = check_names(config, {rule.id: rule.family for rule in all_rules(config, root)})
        if errors:
            raise InvalidConfigError(errors)
    return config


def _names(given: object) -> tuple[str, ...]:
    listed = given if isinstance(given, tuple) else ()
    return tuple(name.strip() for text in listed for name in str(text).split(",") if name.strip())


def _inputs(given: _Input, flags: dict[str, object]) -> Inputs:
    from gpulint.inputs import Inputs

    return Inputs(
        root=given.root,
        exclude=cast("tuple[str, ...]", flags["exclude"]),
        respect_gitignore=not flags["no_respect_gitignore"],
        nodes=tuple(_snapshot(each, given.config) for each in cast("tuple[str, ...]", flags["nodes"])),
        render=bool(flags["render"]),
    )


def _options(given: _Input, flags: dict[str, object]) -> Options:
    from gpulint.linter import Options

    inputs, config = _inputs(given, flags), given.config
    return Options(
        root=inputs.root,
        exclude=inputs.exclude,
        respect_gitignore=inputs.respect_gitignore,
        nodes=inputs.nodes,
        render=inputs.render,
        min_severity=cast("Severity", flags["min_severity"] or config.min_severity),
        min_confidence=cast("Confidence", flags["min_confidence"] or config.min_confidence),
        pedantic=bool(flags["pedantic"]),
        show_suppressed=bool(flags["show_suppressed"] or flags["write_baseline"]),
        use_suppressions=not flags["no_ignores"],
        baseline=_baseline(flags["baseline"], config, given.root),
        changed=_changes(flags["since"], given.root),
    )


def _baseline(given: object, config: Config, root: Path) -> Baseline:
    """The file of the flag, else that of the configuration."""
    from gpulint.baseline import Baseline, read

    if given:
        return read(Path(str(given)))
    return read(config.folder(root) / config.baseline) if config.baseline else Baseline()


def _changes(revision: object, root: Path) -> Changes | None:
    from gpulint.source import UnknownRevisionError, changes_since

    if not revision:
        return None
    try:
        return changes_since(str(revision), root)
    except UnknownRevisionError as error:
        raise click.UsageError(f"--since: {untrusted.one_line(str(error))}") from None


def _snapshot(given: str, config: Config) -> tuple[str, Path]:
    """Cluster and file of a `--nodes`; a file without nodes would make every claim about them sure, and wrong."""
    name, equals, file = given.partition("=")
    path = Path(file if equals else name)
    if not path.is_file():
        raise click.UsageError(f"--nodes: there is no file '{untrusted.one_line(str(path))}'")
    if equals and name not in {cluster.name for cluster in config.clusters}:
        raise click.UsageError(f"--nodes {given}: the configuration has no [[cluster]] named '{name}'")
    if not _NODE_KIND.search(path.read_bytes()):
        raise click.UsageError(
            f"--nodes: '{untrusted.one_line(str(path))}' holds no Node; `kubectl get nodes -o yaml` writes one"
        )
    return (name if equals else ""), path


_NODE_KIND = re.compile(rb"""kind["']?:\s*["']?Node(?:List)?\b""")


def _list_files(given: _Input, options: Options) -> int:
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


# --- output -----------------------------------------------------------------------------------------------------------


def _write_reports(report: Report, asked: Sequence[tuple[str, str]], *, color: str) -> None:
    """Each format to its output; without any, text, and annotations as well on GitHub."""
    from gpulint.reports import render

    for name, file in _pairs(asked):
        _write(render(name, report, color=not file and _coloured(color)), file)
        if name == "github":
            _step_summary(report)


def _write(text: str, file: str) -> None:
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


def _coloured(color: str) -> bool:
    if color != "auto":
        return color == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _step_summary(report: Report) -> None:
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        from gpulint.reports.github import step_summary

        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(step_summary(report))


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
    _write(written(counting, known), file)
    click.echo(f"gpulint: {len(counting)} findings in {untrusted.one_line(file)}", err=True)
    return EXIT_CLEAN


def _statistics(report: Report) -> None:
    from collections import Counter

    counts = Counter(finding.rule for finding in report.findings)
    for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:6} {rule}", err=True)


def _not_analysed(report: Report) -> None:
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
        self._task = self._bar.add_task(self._step, total=_STEPS)
        self._update()
        self._bar.start()

    def _update(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._step, completed=self._done - 1)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    if quiet or not sys.stderr.isatty():
        from gpulint.linter import silent

        yield silent
        return
    bar = _ProgressBar()
    try:
        yield bar.step
    finally:
        bar.stop()


# --- placement --------------------------------------------------------------------------------------------------------


_workload_patterns = click.option(
    "--workload", "patterns", multiple=True, metavar="GLOB", help="Only these: kind/name or namespace/kind/name."
)


@main.command()
@_reads_input
@_workload_patterns
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--output", metavar="FILE", default="", help="Where the report goes.")
@_color
def placement(paths: tuple[str, ...], **flags: object) -> None:
    """Say where each GPU workload could run, what it would get there, and why it cannot run elsewhere."""
    gc.disable()
    with _told_errors():
        code = _placement(paths or (".",), flags)
    sys.exit(code)


def _placement(paths: Sequence[str], flags: dict[str, object]) -> int:
    from gpulint.inputs import link, read
    from gpulint.placement import placements
    from gpulint.reports import placement as reports

    patterns = _patterns(flags)
    given, file = _input(paths, flags), str(flags["output"])
    inputs = _inputs(given, flags)
    loaded = read(given.paths, inputs, given.config, given.stdin)
    found = placements(loaded, link(loaded, inputs, given.config), given.config, patterns)
    _write(reports.render(str(flags["style"]), found, color=not file and _coloured(str(flags["color"]))), file)
    if not loaded.objects or (patterns and not found.workloads):
        what = "GPU workload that --workload names" if loaded.objects else "Kubernetes object"
        click.echo(f"gpulint: no {what} in the input", err=True)
        return EXIT_EMPTY
    return EXIT_CLEAN


def _patterns(flags: dict[str, object]) -> tuple[str, ...]:
    from gpulint.placement import is_pattern

    patterns = cast("tuple[str, ...]", flags["patterns"])
    for pattern in patterns:
        if not is_pattern(pattern):
            name = untrusted.one_line(pattern)
            raise click.UsageError(f"--workload: '{name}' is neither kind/name nor namespace/kind/name")
    return patterns


# --- graph ------------------------------------------------------------------------------------------------------------


@main.command()
@_reads_input
@click.option("--cluster", "clusters", multiple=True, metavar="GLOB", help="Only these clusters of the configuration.")
@click.option("--namespace", "namespaces", multiple=True, metavar="GLOB", help="Only workloads in these namespaces.")
@_workload_patterns
@click.option(
    "--format",
    "style",
    type=click.Choice(["mermaid", "dot", "svg", "html"]),
    default="mermaid",
    show_default=True,
    help="`html` is one page to search and filter.",
)
@click.option("--output", metavar="FILE", default="", help="Where the picture goes.")
def graph(paths: tuple[str, ...], **flags: object) -> None:
    """Draw workloads, what they would get and where, what decides that, and what `check` finds wrong with it."""
    gc.disable()
    with _told_errors():
        code = _graph(paths or (".",), flags)
    sys.exit(code)


def _graph(paths: Sequence[str], flags: dict[str, object]) -> int:
    from gpulint.inputs import link, read
    from gpulint.linter import lint_sources
    from gpulint.picture import Selection, picture
    from gpulint.reports import graph as reports

    wanted = Selection(
        clusters=cast("tuple[str, ...]", flags["clusters"]),
        namespaces=cast("tuple[str, ...]", flags["namespaces"]),
        workloads=_patterns(flags),
    )
    given, file = _input(paths, flags), str(flags["output"])
    as_check = check.make_context("check", [], resilient_parsing=True).params
    options = _options(given, {**as_check, **flags})
    loaded = read(given.paths, options, given.config, given.stdin)
    graphs = link(loaded, options, given.config)
    report = lint_sources(loaded, options, given.config, graphs=graphs)
    drawn = picture(report, graphs, given.config, wanted)
    _write(reports.render(str(flags["style"]), drawn), file)
    if not loaded.objects or (wanted != Selection() and not drawn.parts):
        what = "part of the picture that the options name" if loaded.objects else "Kubernetes object"
        click.echo(f"gpulint: no {what} in the input", err=True)
        return EXIT_EMPTY
    return EXIT_CLEAN


# --- other commands ---------------------------------------------------------------------------------------------------


@main.command()
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text")
def rules(style: str) -> None:
    """List all rules with family, severity, confidence and a line each."""
    from gpulint.explain import TableFormat, table

    assert style in get_args(TableFormat)  # noqa: S101 - click has checked it
    with _told_errors():
        config = _config(["."], Path.cwd(), _NO_FLAGS)
        from gpulint.linter import all_rules

        click.echo(table([rule.info() for rule in all_rules(config, Path.cwd())], cast("TableFormat", style)), nl=False)


@main.command()
@click.argument("rule", shell_complete=lambda *given: _complete_rule(*given))
def explain(rule: str) -> None:
    """Say what a rule finds, why it matters, what to type, with a bad and a good manifest."""
    from difflib import get_close_matches

    with _told_errors():
        from gpulint.explain import explain as write
        from gpulint.linter import all_rules

        config = _config(["."], Path.cwd(), _NO_FLAGS)
        known = {each.id: each for each in all_rules(config, Path.cwd(), examples=True)}
    if rule not in known:
        close = get_close_matches(rule, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise click.UsageError(f"there is no rule '{rule}'{hint}")
    found = known[rule]
    examples = [(each.kind, each.name, next(iter(each.files.values()), "")) for each in found.examples]
    click.echo(write(found.info(), examples), nl=False)


@main.command("test-rules")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Name only the examples that fail.")
def test_rules(folder: Path, quiet: bool) -> None:
    """Run the examples of your own rules: each marked line must be found, and no other."""
    with _told_errors():
        code = _test_rules(folder, quiet=quiet)
    sys.exit(code)


def _test_rules(folder: Path, *, quiet: bool) -> int:
    from gpulint.rule_tests import load, outcomes

    rules = load(folder)
    if not rules:
        raise click.UsageError(f"no rule in '{untrusted.one_line(str(folder))}'")
    failed = total = 0
    for outcome in outcomes(rules, [str(folder.absolute())]):
        total += 1
        failed += bool(outcome.mistakes)
        if outcome.mistakes or not quiet:
            verdict = "failed" if outcome.mistakes else "passed"
            click.echo(untrusted.one_line(f"{verdict}: {outcome.rule}: {outcome.kind}: {outcome.example}"))
        for mistake in outcome.mistakes:
            click.echo(f"  {untrusted.path(mistake)}")
    click.echo(f"{total - failed} of {total} examples of {len(rules)} rules passed")
    return EXIT_FINDINGS if failed else EXIT_CLEAN


@main.group("config")
def configuration() -> None:
    """Show, check or begin a configuration."""


_config_file = click.option("--config", "config_file", type=click.Path(exists=True, dir_okay=False), metavar="FILE")


@configuration.command("init")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
def config_init(force: bool) -> None:
    """Write a commented gpulint.toml to the current folder."""
    from gpulint.config import FILE_NAME
    from gpulint.config_text import STARTER

    file = Path(FILE_NAME)
    if file.exists() and not force:
        raise click.UsageError(f"there is a {FILE_NAME} already; --force replaces it")
    _write(STARTER, FILE_NAME)
    click.echo(f"gpulint: {FILE_NAME} written", err=True)


@configuration.command("show")
@_config_file
def config_show(config_file: str | None) -> None:
    """Print the settings that are in force, as TOML."""
    from gpulint.config_text import effective

    with _told_errors():
        config = _config(["."], Path.cwd(), {**_NO_FLAGS, "config_file": config_file})
        click.echo(untrusted.lines(effective(config)), nl=False)


@configuration.command("validate")
@_config_file
def config_validate(config_file: str | None) -> None:
    """Check the configuration, and exit with 2 when something is wrong with it."""
    from gpulint.baseline import read

    with _told_errors():
        config = _config(["."], Path.cwd(), {**_NO_FLAGS, "config_file": config_file})
        if config.baseline:
            read(config.folder(Path.cwd()) / config.baseline)
    click.echo(f"gpulint: {untrusted.one_line(config.file) or 'no configuration, the defaults'}: no mistakes", err=True)


@main.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, to be sourced: eval "$(gpulint completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has checked the name
    program = click.get_current_context().find_root().command
    click.echo(found(program, {}, "gpulint", "_GPULINT_COMPLETE").source())


def _complete_rule(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    from gpulint.linter import all_rules

    rules = all_rules()
    names = {*(rule.id for rule in rules), *(rule.family for rule in rules)}
    return sorted(name for name in names if name.startswith(begun))


_NO_FLAGS: dict[str, object] = {
    "isolated": False,
    "config_file": None,
    "select": (),
    "ignore": (),
    "extend_select": (),
}


@contextmanager
def _told_errors() -> Iterator[None]:
    """The user's mistakes → a message and exit code 2; ours → a traceback and exit code 4."""
    from gpulint.config import InvalidConfigError

    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except InvalidConfigError as error:
        _stop(error, EXIT_USAGE)
    except ValueError as error:
        from gpulint.baseline import InvalidBaselineError
        from gpulint.rule import InvalidRulesError

        if isinstance(error, InvalidRulesError | InvalidBaselineError):
            _stop(error, EXIT_USAGE)
        _crash()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FINDINGS)
    except Exception:  # the last line of defence: it tells all and exits
        _crash()


def _stop(error: Exception, code: int) -> NoReturn:
    """Every mistake on a line of its own."""
    told = [untrusted.path(str(each)) for each in getattr(error, "errors", (error,))]
    click.echo("\n".join([f"gpulint: {told[0]}", *told[1:]]), err=True)
    sys.exit(code)


def _crash() -> NoReturn:
    import traceback

    traceback.print_exc()
    click.echo("gpulint: internal error, please report it", err=True)
    sys.exit(EXIT_INTERNAL)
