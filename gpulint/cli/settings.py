"""`gpulint config` and `gpulint completion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpulint import untrusted

if TYPE_CHECKING:
    pass
from gpulint.cli.errors import told_errors
from gpulint.cli.options import NO_FLAGS, given_config
from gpulint.cli.output import write


@click.group("config")
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
    write(STARTER, FILE_NAME)
    click.echo(f"gpulint: {FILE_NAME} written", err=True)


@configuration.command("show")
@_config_file
def config_show(config_file: str | None) -> None:
    """Print the settings that are in force, as TOML."""
    from gpulint.config_text import effective

    with told_errors():
        config = given_config(["."], Path.cwd(), {**NO_FLAGS, "config_file": config_file})
        click.echo(untrusted.lines(effective(config)), nl=False)


@configuration.command("validate")
@_config_file
def config_validate(config_file: str | None) -> None:
    """Check the configuration, and exit with 2 when something is wrong with it."""
    from gpulint.baseline import read

    with told_errors():
        config = given_config(["."], Path.cwd(), {**NO_FLAGS, "config_file": config_file})
        if config.baseline:
            read(config.folder(Path.cwd()) / config.baseline)
    click.echo(f"gpulint: {untrusted.one_line(config.file) or 'no configuration, the defaults'}: no mistakes", err=True)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell, to be sourced: eval "$(gpulint completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has checked the name
    program = click.get_current_context().find_root().command
    click.echo(found(program, {}, "gpulint", "_GPULINT_COMPLETE").source())
