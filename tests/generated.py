"""Text that is generated from the code: `python -m tests.generated` checks it, `--write` brings it up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gpulint.cel import Vocabulary
from gpulint.explain import table
from gpulint.facts import SUBJECTS
from gpulint.linter import all_rules

ROOT = Path(__file__).parent.parent
_DEMO = "tests/fixtures/sharing-strategies/mistaken"


def rule_table() -> str:
    return table([rule.info() for rule in all_rules()], "markdown")


def vocabulary() -> str:
    return Vocabulary(SUBJECTS).describe()


def demo() -> str:
    """What `make demo` prints first."""
    command = [sys.executable, "-m", "gpulint", "check", _DEMO, "--exit-zero", "--color", "never", "--format", "text"]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return f"```\n{text.strip()}\n```\n"


GENERATED: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("rules/README.md", "rules", rule_table),
    ("rules/README.md", "vocabulary", vocabulary),
    ("README.md", "demo", demo),
)
"""File, name of the section between `<!-- NAME -->` and `<!-- /NAME -->`, and what belongs there."""


def updated(text: str, name: str, content: str) -> str:
    """The text with the section of that name replaced; raises `ValueError` when there is none."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    result, count = pattern.subn(lambda match: f"{match[1]}{content}{match[2]}", text)
    if count != 1:
        raise ValueError(f"there must be one section '{name}', not {count}")
    return result


def stale(*, write: bool) -> list[str]:
    """The sections that were not current; written anew when asked."""
    found = []
    for file, name, produce in GENERATED:
        path = ROOT / file
        text = path.read_text(encoding="utf-8")
        fresh = updated(text, name, produce())
        if fresh != text:
            found.append(f"{file}: section '{name}'")
            if write:
                path.write_text(fresh, encoding="utf-8")
    return found


def main() -> int:
    write = "--write" in sys.argv[1:]
    found = stale(write=write)
    for each in found:
        print(f"{'written' if write else 'not current (make generate)'}: {each}")  # noqa: T201
    return 1 if found and not write else 0


if __name__ == "__main__":
    sys.exit(main())
