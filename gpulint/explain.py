"""Rules as prose: one for `gpulint explain` and code scanning, all for `gpulint rules` and `rules/README.md`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from gpulint import untrusted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gpulint.finding import RuleInfo

TableFormat: TypeAlias = Literal["text", "json", "markdown"]

_COLUMNS = ("rule", "family", "severity", "confidence", "finds")
_EXAMPLES = {"bad": "What it finds", "good": "What it accepts"}


def explain(rule: RuleInfo, examples: Sequence[tuple[str, str, str]]) -> str:
    """One rule as Markdown: why, fix, the first bad and the first good of `examples`, references.

    An example is its kind (`bad` or `good`), its name and the text of the manifest.
    """
    facts = f"family `{rule.family}` · severity {rule.severity} · confidence {rule.confidence} · since {rule.since}"
    return untrusted.lines(f"# {rule.id}\n\n{rule.title}\n\n{facts}\n\n{_sections(rule, examples)}")


def help_markdown(rule: RuleInfo) -> str:
    """The part of `explain` for a page that shows id, title and severity itself."""
    return untrusted.lines(_sections(rule, ()))


def help_text(rule: RuleInfo) -> str:
    """The same without markup."""
    return untrusted.lines("\n\n".join(filter(None, [rule.why.strip(), rule.fix.strip(), *rule.references])) + "\n")


def table(rules: Iterable[RuleInfo], style: TableFormat) -> str:
    """All rules, sorted by family and id; in Markdown each id links to its file, seen from `rules/`."""
    ordered = sorted(rules, key=lambda rule: (rule.family, rule.id))
    if style == "json":
        return untrusted.plain_json([_described(rule) for rule in ordered])
    if style == "markdown":
        return _markdown_table(ordered)
    return _text_table(ordered)


def _sections(rule: RuleInfo, examples: Sequence[tuple[str, str, str]]) -> str:
    sections = [_section("Why", rule.why), _section("Fix", rule.fix)]
    for kind, heading in _EXAMPLES.items():
        first = next((example for example in examples if example[0] == kind), None)
        if first:
            sections.append(_section(heading, f"{_sentence(first[1])}\n\n{_fenced(first[2])}"))
    sections.append(_section("References", "\n".join(f"- <{reference}>" for reference in rule.references)))
    return "\n".join(filter(None, sections))


def _section(heading: str, body: str) -> str:
    return f"## {heading}\n\n{body.strip()}\n" if body.strip() else ""


def _sentence(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}:"


def _fenced(manifest: str) -> str:
    """`manifest` as a code block whose fence no line of it can close."""
    longest = max(map(len, re.findall("`+", manifest)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{manifest.strip(chr(10))}\n{fence}"


def _described(rule: RuleInfo) -> dict[str, object]:
    return {
        "rule": rule.id,
        "title": rule.title,
        "family": rule.family,
        "severity": rule.severity,
        "confidence": rule.confidence,
        "since": rule.since,
        "why": rule.why,
        "fix": rule.fix,
        "references": list(rule.references),
    }


def _markdown_table(rules: Sequence[RuleInfo]) -> str:
    head = [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    rows = [
        f"| [{rule.id}]({rule.family}/{rule.id}.yaml) | {' | '.join(map(_escaped, _cells(rule)[1:]))} |"
        for rule in rules
    ]
    return "".join(f"{row}\n" for row in [*head, *rows])


def _text_table(rules: Sequence[RuleInfo]) -> str:
    rows = [_COLUMNS, *map(_cells, rules)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


def _cells(rule: RuleInfo) -> tuple[str, ...]:
    cells = (rule.id, rule.family, rule.severity, rule.confidence, rule.title)
    return tuple(untrusted.one_line(cell) for cell in cells)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;")
