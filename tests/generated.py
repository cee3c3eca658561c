"""Text that is generated from the code: `python -m tests.generated` checks it, `--write` brings it up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gpulint.cel import Vocabulary
from gpulint.explain import explain, table
from gpulint.facts import SUBJECTS
from gpulint.linter import all_rules
from gpulint.rule import Rule

ROOT = Path(__file__).parent.parent
_DEMO = "tests/fixtures/sharing-strategies/mistaken"
_SHOWN = ("training-on-shared-gpu", "mig-profile-not-on-gpu")


def rule_table() -> str:
    return table([rule.info() for rule in all_rules()], "markdown")


def vocabulary() -> str:
    return Vocabulary(SUBJECTS).describe()


def demo() -> str:
    """Two findings of what `make demo` prints, and how it ends."""
    shown = _checked("--format", "text", "--select", ",".join(_SHOWN)).strip().rpartition("\n\n")[0]
    return f"```\n{shown}\n\n…\n\n{_checked('--format', 'concise').strip().rpartition(chr(10))[2]}\n```\n"


def _checked(*arguments: str) -> str:
    command = [sys.executable, "-m", "gpulint", "check", _DEMO, "--exit-zero", "--color", "never", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def pages() -> dict[Path, str]:
    """A page for each rule, as `gpulint explain` prints it, and one that lists them by family."""
    rules = all_rules(examples=True)
    folder = ROOT / "docs" / "rules"
    texts = {folder / f"{rule.id}.md": _page(rule) for rule in rules}
    rows = _RULE_FILE.sub(r"](\1.md)", table([rule.info() for rule in rules], "markdown"))
    return {**texts, folder / "README.md": f"# Rules\n\n{rows}"}


_RULE_FILE = re.compile(r"\]\([a-z-]+/([a-z0-9-]+)\.yaml\)")


def _page(rule: Rule) -> str:
    examples = [(each.kind, each.name, next(iter(each.files.values()), "")) for each in rule.examples]
    return f"{explain(rule.info(), examples).rstrip()}\n\n[The rule](../../rules/{rule.family}/{rule.id}.yaml)\n"


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
    return [*found, *_stale_pages(write=write)]


def _stale_pages(*, write: bool) -> list[str]:
    wanted = pages()
    there = set((ROOT / "docs" / "rules").glob("*.md"))
    gone = sorted(there - set(wanted))
    changed = [path for path, text in wanted.items() if path not in there or path.read_text(encoding="utf-8") != text]
    if write:
        for path in gone:
            path.unlink()
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
    return [path.relative_to(ROOT).as_posix() for path in sorted([*gone, *changed])]


def main() -> int:
    write = "--write" in sys.argv[1:]
    found = stale(write=write)
    for each in found:
        print(f"{'written' if write else 'not current (make generate)'}: {each}")  # noqa: T201
    return 1 if found and not write else 0


if __name__ == "__main__":
    sys.exit(main())
