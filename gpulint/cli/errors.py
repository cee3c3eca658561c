"""Exit codes, and what becomes of mistakes: the user's and ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from gpulint import untrusted

if TYPE_CHECKING:
    pass


EXIT_CLEAN, EXIT_FINDINGS, EXIT_USAGE, EXIT_EMPTY, EXIT_INTERNAL = 0, 1, 2, 3, 4


@contextmanager
def told_errors() -> Iterator[None]:
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
