"""`gpulint rules`, `explain` and `test-rules`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import click

from gpulint import untrusted

if TYPE_CHECKING:
    pass
from gpulint.cli.errors import EXIT_CLEAN, EXIT_FINDINGS, told_errors
from gpulint.cli.options import NO_FLAGS, complete_rule, given_config


@click.command()
@click.option("--format", "style", type=click.Choice(["text", "json", "markdown"]), default="text")
def rules(style: str) -> None:
    """List all rules with family, severity, confidence and a line each."""
    from gpulint.explain import TableFormat, table

    assert style in get_args(TableFormat)  # noqa: S101 - click has checked it
    with told_errors():
        config = given_config(["."], Path.cwd(), NO_FLAGS)
        from gpulint.linter import all_rules

        click.echo(table([rule.info() for rule in all_rules(config, Path.cwd())], cast("TableFormat", style)), nl=False)


@click.command()
@click.argument("rule", shell_complete=lambda *given: complete_rule(*given))
def explain(rule: str) -> None:
    """Say what a rule finds, why it matters, what to type, with a bad and a good manifest."""
    from difflib import get_close_matches

    with told_errors():
        from gpulint.explain import explain as write
        from gpulint.linter import all_rules

        config = given_config(["."], Path.cwd(), NO_FLAGS)
        known = {each.id: each for each in all_rules(config, Path.cwd(), examples=True)}
    if rule not in known:
        close = get_close_matches(rule, known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise click.UsageError(f"there is no rule '{rule}'{hint}")
    found = known[rule]
    examples = [(each.kind, each.name, next(iter(each.files.values()), "")) for each in found.examples]
    click.echo(write(found.info(), examples), nl=False)


@click.command("test-rules")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Name only the examples that fail.")
def test_rules(folder: Path, quiet: bool) -> None:
    """Run the examples of your own rules: each marked line must be found, and no other."""
    with told_errors():
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
