"""Every example of every rule is a case."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gpulint.linter import all_rules
from gpulint.rule import Example, Rule
from gpulint.rule_tests import run

RULES = all_rules(examples=True)
CASES = [
    pytest.param(rule, example, id=f"{rule.id}: {example.kind}: {example.name}")
    for rule in RULES
    for example in rule.examples
]


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_example(rule: Rule, example: Example, tmp_path: Path) -> None:
    assert list(run(rule, example, tmp_path)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_shows_what_is_bad_what_is_good_and_what_is_nearly_bad(rule: Rule) -> None:
    kinds = Counter(example.kind for example in rule.examples)
    assert kinds["bad"] >= 1
    assert kinds["good"] >= 2


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_yields_only_to_rules_that_exist(rule: Rule) -> None:
    assert set(rule.yields_to) <= {each.id for each in RULES}
