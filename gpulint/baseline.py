"""Findings that are known and put up with: a file that lists them, so that only new ones count.

An entry is a finding's fingerprint (rule, object, field and detail: never a line or a file name) with words for
people. JSON, sorted, one entry to a line, so that a diff shows what came and went.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gpulint.finding import Finding
from gpulint.frozen import frozen

VERSION = 1
ORIGIN = "baseline"
"""What a finding of a baseline is suppressed by."""


class InvalidBaselineError(ValueError):
    """The file is no baseline; the message says where and why."""


@frozen
class Entry:
    """A finding that is known."""

    fingerprint: str
    rule: str
    object: str
    """`PyTorchJob tenant-alpha/llm-training`, for people."""
    field: str
    """For people."""


@frozen
class Baseline:
    """The known findings of a repository."""

    entries: tuple[Entry, ...] = ()

    def apply(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings; those that count and are known are suppressed."""
        known = {each.fingerprint for each in self.entries}
        return [
            replace(each, suppression=ORIGIN) if each.fingerprint in known and not each.suppressed else each
            for each in findings
        ]

    def stale(self, findings: Iterable[Finding], rules: Iterable[str]) -> tuple[Entry, ...]:
        """The entries whose finding is gone; of a rule that did not run nothing is known."""
        there = {each.fingerprint for each in findings}
        ran = frozenset(rules)
        return tuple(each for each in self.entries if each.rule in ran and each.fingerprint not in there)


def read(file: Path) -> Baseline:
    """The baseline in a file. Raises `InvalidBaselineError`, with the name of the file, where it is none."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidBaselineError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidBaselineError(f"{file}: not JSON: {error}") from None
    except RecursionError:
        raise InvalidBaselineError(f"{file}: nested too deep") from None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise InvalidBaselineError(f"{file}: not a baseline of version {VERSION}")
    entries = data.get("findings")
    if not isinstance(entries, list):
        raise InvalidBaselineError(f"{file}: 'findings' is not a list")
    return Baseline(tuple(_entry(file, number, each) for number, each in enumerate(entries)))


def written(findings: Sequence[Finding], kept: Iterable[Entry] = ()) -> str:
    """The file for these findings; `kept` are entries that stay: of rules that did not run."""
    entries = {each.fingerprint: each for each in kept}
    for finding in findings:
        label = str(finding.object) if finding.object else ""
        entries[finding.fingerprint] = Entry(finding.fingerprint, finding.rule, label, finding.field)
    ordered = sorted(entries.values(), key=lambda each: (each.rule, each.object, each.field, each.fingerprint))
    lines = ",\n".join(f"    {json.dumps(_plain(each))}" for each in ordered)
    return f'{{\n  "version": {VERSION},\n  "findings": [{f"{chr(10)}{lines}{chr(10)}  " if lines else ""}]\n}}\n'


def _plain(entry: Entry) -> dict[str, str]:
    return {
        "fingerprint": entry.fingerprint,
        "rule": entry.rule,
        "object": entry.object,
        "field": entry.field,
    }


def _entry(file: Path, number: int, data: object) -> Entry:
    names = ("fingerprint", "rule", "object", "field")
    values = [data.get(name, "") if isinstance(data, dict) else None for name in names]
    if not all(isinstance(each, str) for each in values) or not values[0] or not values[1]:
        raise InvalidBaselineError(f"{file}: findings[{number}] needs 'fingerprint' and 'rule' as text")
    return Entry(*map(str, values))
