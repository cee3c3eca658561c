"""`gpulint placement` and `gpulint graph`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    pass
from gpulint.cli.check import check
from gpulint.cli.errors import EXIT_CLEAN, EXIT_EMPTY, told_errors
from gpulint.cli.options import (
    as_inputs,
    as_options,
    color_option,
    given_input,
    given_patterns,
    reads_input,
    workload_option,
)
from gpulint.cli.output import is_coloured, write


@click.command()
@reads_input
@workload_option
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--output", metavar="FILE", default="", help="Where the report goes.")
@color_option
def placement(paths: tuple[str, ...], **flags: object) -> None:
    """Say where each GPU workload could run, what it would get there, and why it cannot run elsewhere."""
    gc.disable()
    with told_errors():
        code = _placement(paths or (".",), flags)
    sys.exit(code)


def _placement(paths: Sequence[str], flags: dict[str, object]) -> int:
    from gpulint.inputs import link, read
    from gpulint.placement import placements
    from gpulint.reports import placement as reports

    patterns = given_patterns(flags)
    given, file = given_input(paths, flags), str(flags["output"])
    inputs = as_inputs(given, flags)
    loaded = read(given.paths, inputs, given.config, given.stdin)
    found = placements(loaded, link(loaded, inputs, given.config), given.config, patterns)
    write(reports.render(str(flags["style"]), found, color=not file and is_coloured(str(flags["color"]))), file)
    if not loaded.objects or (patterns and not found.workloads):
        what = "GPU workload that --workload names" if loaded.objects else "Kubernetes object"
        click.echo(f"gpulint: no {what} in the input", err=True)
        return EXIT_EMPTY
    return EXIT_CLEAN


@click.command()
@reads_input
@click.option("--cluster", "clusters", multiple=True, metavar="GLOB", help="Only these clusters of the configuration.")
@click.option("--namespace", "namespaces", multiple=True, metavar="GLOB", help="Only workloads in these namespaces.")
@workload_option
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
    with told_errors():
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
        workloads=given_patterns(flags),
    )
    given, file = given_input(paths, flags), str(flags["output"])
    as_check = check.make_context("check", [], resilient_parsing=True).params
    options = as_options(given, {**as_check, **flags})
    loaded = read(given.paths, options, given.config, given.stdin)
    graphs = link(loaded, options, given.config)
    report = lint_sources(loaded, options, given.config, graphs=graphs)
    drawn = picture(report, graphs, given.config, wanted)
    write(reports.render(str(flags["style"]), drawn), file)
    if not loaded.objects or (wanted != Selection() and not drawn.parts):
        what = "part of the picture that the options name" if loaded.objects else "Kubernetes object"
        click.echo(f"gpulint: no {what} in the input", err=True)
        return EXIT_EMPTY
    return EXIT_CLEAN
