"""What commands that read manifests are told: paths, configuration, and what follows from them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import click

from gpulint import untrusted
from gpulint.finding import Confidence, Severity
from gpulint.frozen import frozen

if TYPE_CHECKING:
    from gpulint.baseline import Baseline
    from gpulint.config import Config
    from gpulint.inputs import Inputs
    from gpulint.linter import Options
    from gpulint.source import Changes, Source


Function: TypeAlias = "Callable[..., None]"


class InOrder(click.Command):
    """Keeps the order of `--format` and `--output`: an output belongs to the format before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parser = self.make_parser(ctx)
        values, _, order = parser.parse_args(args=list(args))
        taken = {name: iter(value) for name, value in values.items() if isinstance(value, (list, tuple))}
        wanted = [parameter.name for parameter in order if parameter.name in {"formats", "outputs"}]
        ctx.meta["gpulint.reports"] = [(name, next(taken[name])) for name in wanted if name]
        return super().parse_args(ctx, args)


class Commands(click.Group):
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


_INPUT: tuple[Callable[[Function], Function], ...] = (
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


def reads_input(command: Function) -> Function:
    """Gives a command the paths, and the options that say what is read; `given_input` understands them."""
    for decorate in reversed(_INPUT):
        command = decorate(command)
    return command


def rules_option(name: str, help: str) -> Callable[[Function], Function]:  # noqa: A002 - as click calls it
    """An option that takes rules, families or globs, which the shell completes."""

    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        return complete_rule(ctx, parameter, begun)

    return click.option(name, multiple=True, metavar="RULE", shell_complete=complete, help=help)


color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="[default: auto]"
)


def cache_folder(given: Given, flags: Mapping[str, object]) -> Path | None:
    """Where reports of earlier runs are; None where there are none, as for standard input."""
    if flags["no_cache"] or given.stdin is not None:
        return None
    if flags["cache_dir"]:
        return Path(str(flags["cache_dir"]))
    from gpulint.cache import default_folder

    return default_folder(os.environ)


@frozen
class Given:
    """Where to read, and by which configuration."""

    root: Path
    paths: Sequence[str]
    stdin: Source | None
    config: Config


def given_input(paths: Sequence[str], flags: dict[str, object]) -> Given:
    """Where to read, and by which configuration; raises `UsageError` for paths that are not there."""
    root = _root()
    for path in paths:
        if path != "-" and not Path(path).exists():
            raise click.UsageError(f"there is no file or folder '{untrusted.one_line(path)}'")
    stdin, paths = _stdin(paths, str(flags["stdin_filename"]))
    return Given(root, paths, stdin, given_config(paths, root, {**NO_FLAGS, **flags}))


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


def given_config(paths: Sequence[str], root: Path, flags: dict[str, object]) -> Config:
    """The configuration that counts for these paths, with what the command line adds to it."""
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


def as_inputs(given: Given, flags: dict[str, object]) -> Inputs:
    """What the linter is to read."""
    from gpulint.inputs import Inputs

    return Inputs(
        root=given.root,
        exclude=cast("tuple[str, ...]", flags["exclude"]),
        respect_gitignore=not flags["no_respect_gitignore"],
        nodes=tuple(_snapshot(each, given.config) for each in cast("tuple[str, ...]", flags["nodes"])),
        render=bool(flags["render"]),
    )


def as_options(given: Given, flags: dict[str, object]) -> Options:
    """What the linter is to do."""
    from gpulint.linter import Options

    inputs, config = as_inputs(given, flags), given.config
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


workload_option = click.option(
    "--workload", "patterns", multiple=True, metavar="GLOB", help="Only these: kind/name or namespace/kind/name."
)


def given_patterns(flags: dict[str, object]) -> tuple[str, ...]:
    """The globs of `--workload`; raises `UsageError` for what is none."""
    from gpulint.placement import is_pattern

    patterns = cast("tuple[str, ...]", flags["patterns"])
    for pattern in patterns:
        if not is_pattern(pattern):
            name = untrusted.one_line(pattern)
            raise click.UsageError(f"--workload: '{name}' is neither kind/name nor namespace/kind/name")
    return patterns


def complete_rule(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Rules and families that begin like this."""
    from gpulint.linter import all_rules

    rules = all_rules()
    names = {*(rule.id for rule in rules), *(rule.family for rule in rules)}
    return sorted(name for name in names if name.startswith(begun))


NO_FLAGS: dict[str, object] = {
    "isolated": False,
    "config_file": None,
    "select": (),
    "ignore": (),
    "extend_select": (),
}
