"""Comments that silence findings where they stand: what `--add-ignores` writes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from gpulint.finding import Finding
from gpulint.source import read_stdin

_COMMENT = re.compile(r"(#\s*gpulint:\s*ignore\[)([^\]\n]*)(\])")


def with_ignores(findings: Iterable[Finding], texts: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """The texts with a comment for each finding that counts, and how many found no line that takes one.

    The comment goes to the end of the finding's line; where that would be text and no comment (in a block scalar), to
    that of the nearest key around it. Nothing else of the data changes. JSON has no comments.
    """
    wanted: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in findings:
        if not finding.suppressed and finding.location.path in texts:
            wanted[finding.location.path][finding.location.line].add(finding.rule)
    changed: dict[str, str] = {}
    failed = 0
    for path, lines in sorted(wanted.items()):
        text = texts[path]
        for line, rules in sorted(lines.items()):
            done = _commented(path, text, line, rules)
            failed += len(rules) if done is None else 0
            text = text if done is None else done
        if text != texts[path]:
            changed[path] = text
    return changed, failed


def _commented(path: str, text: str, line: int, rules: set[str]) -> str | None:
    if path.endswith(".json"):
        return None
    before = _data(path, text)
    lines = text.split("\n")
    for number in _candidates(lines, line):
        new = "\n".join([*lines[: number - 1], _with_comment(lines[number - 1], rules), *lines[number:]])
        if _data(path, new) == before:
            return new
    return None


def _candidates(lines: list[str], line: int) -> Iterator[int]:
    """The line, then those of the keys around it, from the inside out."""
    if not 1 <= line <= len(lines):
        return
    yield line
    indent = _indent(lines[line - 1])
    for number in range(line - 1, 0, -1):
        if lines[number - 1].strip() and _indent(lines[number - 1]) < indent:
            yield number
            indent = _indent(lines[number - 1])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _with_comment(line: str, rules: set[str]) -> str:
    found = _COMMENT.search(line)
    if found:
        names = {each.strip() for each in found[2].split(",") if each.strip()} | rules
        return f"{line[: found.start()]}{found[1]}{', '.join(sorted(names))}{found[3]}{line[found.end() :]}"
    ending = "\r" if line.endswith("\r") else ""
    return f"{line.removesuffix(ending).rstrip()}  # gpulint: ignore[{', '.join(sorted(rules))}]{ending}"


def _data(path: str, text: str) -> list[object]:
    documents = read_stdin(text, path).documents()
    return [(document.data(), len(document.problems())) for document in documents]
