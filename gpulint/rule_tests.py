"""The examples of rules as tests: each `# finding` and `# related` line is hit that often, and no other line."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gpulint.config import DEFAULTS, parse
from gpulint.frozen import frozen
from gpulint.linter import Options, all_rules, lint
from gpulint.rule import Example, Rule


@frozen
class Outcome:
    """What one example gave."""

    rule: str
    kind: str
    """`bad` or `good`."""
    example: str
    mistakes: tuple[str, ...]
    """`manifests.yaml:9: expected 1 finding, got 0`; empty when it is as it should be."""


def outcomes(rules: Sequence[Rule], folders: Sequence[str] = ()) -> Iterator[Outcome]:
    """Run every example of the rules, which were loaded with them; `folders` (absolute) hold those not built in."""
    for rule in rules:
        for example in rule.examples:
            with tempfile.TemporaryDirectory() as folder:
                mistakes = tuple(run(rule, example, Path(folder), folders))
            yield Outcome(rule.id, example.kind, example.name, mistakes)


def run(rule: Rule, example: Example, folder: Path, folders: Sequence[str] = ()) -> Iterator[str]:
    """Lint the files of an example, written to an empty folder, and name what differs from its markers."""
    for name, text in example.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    config = parse(example.config, str(folder / "gpulint.toml")) if example.config else DEFAULTS
    config = replace(config, rules_folders=(*config.rules_folders, *folders))
    report = lint([folder], Options(root=folder, pedantic=True), config)
    found: Counter[tuple[str, int, str]] = Counter()
    for finding in report.findings:
        if finding.rule == rule.id:
            found[finding.location.path, finding.location.line, "finding"] += 1
            for related in finding.related:
                found[related.location.path, related.location.line, "related"] += 1
    expected: Counter[tuple[str, int, str]] = Counter(
        {(each.path, each.line, each.kind): each.count for each in example.markers}
    )
    for path, line, kind in sorted({*found, *expected}):
        wanted, got = expected[path, line, kind], found[path, line, kind]
        if wanted != got:
            yield f"{path}:{line}: expected {wanted} {kind}, got {got}"


def load(folder: Path) -> tuple[Rule, ...]:
    """The rules of a folder with their examples. Raises `InvalidRulesError`."""
    built_in = {rule.id for rule in all_rules()}
    config = replace(DEFAULTS, rules_folders=(str(folder.absolute()),))
    return tuple(rule for rule in all_rules(config, examples=True) if rule.id not in built_in)
