"""Every example of every rule is a case: each `# finding` and `# related` line is hit that often, and no other line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gpulint.config import DEFAULTS, parse
from gpulint.linter import Options, all_rules, lint
from gpulint.rule import Example, Marker, Rule

RULES = all_rules(examples=True)
CASES = [
    pytest.param(rule, example, id=f"{rule.id}: {example.kind}: {example.name}")
    for rule in RULES
    for example in rule.examples
]


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_example(rule: Rule, example: Example, tmp_path: Path) -> None:
    for name, text in example.files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    config = parse(example.config, str(tmp_path / "gpulint.toml")) if example.config else DEFAULTS
    report = lint([tmp_path], Options(root=tmp_path, pedantic=True), config)
    found: Counter[tuple[str, int, str]] = Counter()
    for finding in report.findings:
        if finding.rule == rule.id:
            found[finding.location.path, finding.location.line, "finding"] += 1
            for related in finding.related:
                found[related.location.path, related.location.line, "related"] += 1
    assert found == _expected(example.markers)


def _expected(markers: tuple[Marker, ...]) -> Counter[tuple[str, int, str]]:
    return Counter({(marker.path, marker.line, marker.kind): marker.count for marker in markers})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_shows_what_is_bad_what_is_good_and_what_is_nearly_bad(rule: Rule) -> None:
    kinds = Counter(example.kind for example in rule.examples)
    assert kinds["bad"] >= 1
    assert kinds["good"] >= 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_yields_only_to_rules_that_exist(rule: Rule) -> None:
    assert set(rule.yields_to) <= {each.id for each in RULES}
