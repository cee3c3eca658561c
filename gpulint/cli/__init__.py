"""The command line: arguments → what is asked of the linter → reports → exit code."""

from __future__ import annotations

import click

from gpulint import __version__
from gpulint.cli import check, rules, settings, views
from gpulint.cli.options import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", message="gpulint %(version)s")
def main() -> None:
    """Find what would go wrong with the GPUs of a Kubernetes cluster, in the manifests before they are applied."""


main.add_command(check.check)
main.add_command(views.placement)
main.add_command(views.graph)
main.add_command(rules.rules)
main.add_command(rules.explain)
main.add_command(rules.test_rules)
main.add_command(settings.configuration)
main.add_command(settings.completion)
