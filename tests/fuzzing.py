"""What fuzz tests share: how long they run, manifests that are nearly right, and what must hold of every run."""

from __future__ import annotations

import json
import os
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yaml.nodes import CollectionNode, MappingNode, Node

from gpulint.config import Config
from gpulint.finding import Location, Report
from gpulint.fixes import mend
from gpulint.ignores import with_ignores
from gpulint.inputs import link, read
from gpulint.linter import Options, all_rules, lint_sources
from gpulint.picture import picture
from gpulint.placement import placements
from gpulint.reports import FORMATS, placement, render
from gpulint.reports import graph as drawing
from gpulint.rule import Rule
from gpulint.source import read_stdin

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
"""How long each test goes on; 0: a fixed number of inputs, the same in every run."""
CASES = Path(__file__).parent / "fuzz_cases"

Files: TypeAlias = "Mapping[str, str]"


def fuzzed(
    examples: int, *strategies: st.SearchStrategy[object]
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Makes a test of a check: `examples` inputs of the strategies, and with FUZZ_MINUTES as many as there is time for."""

    def decorate(check: Callable[..., None]) -> Callable[[], None]:
        def test() -> None:
            end = time.monotonic() + 60 * MINUTES
            while True:
                bounds = settings(
                    max_examples=examples,
                    derandomize=not MINUTES,
                    database=None,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                )
                bounds(given(*strategies)(check))()
                if time.monotonic() >= end:
                    return

        test.__doc__ = check.__doc__
        return test

    return decorate


# --- manifests --------------------------------------------------------------------------------------------------------

SNIPPETS = (
    "",
    *("null", "~", "true", "no", "y", "''", '""', "[]", "{}", "[null]", "{a: null}", "[[]]", "[{}]", "{'': ''}"),
    *("0", "-1", "1", "8", "1.0", "0.5", "1e3", "08", "0o17", "0x1F", "1_0", "9223372036854775808", "1e400"),
    *(
        "99999999999999999999999999999999",
        "-99999999999999999999",
        "1" * 500,
        "9" * 5000,
        ".inf",
        "-.inf",
        ".nan",
        "-0.0",
    ),
    *("100m", "1k", "'1'", "' 1'", "1e9999", "16Gi", "-4Gi", "1 Gi", "0.1Ki", "100%", "-5%", "3.5%"),
    *("2024-01-31", "2001-12-14t21:59:43.10-05:00", "1:30", "!!binary aGk=", "!!binary /w==", "!!str 4", "!!int '4'"),
    *("!custom {a: b}", "! 4", "!!float 1", "!!set {a, b}", "!!timestamp 2024-01-31"),
    *("${GPUS}", "${GPUS:-4}", "$(GPUS)", "'{{ .Values.gpus }}'", "'{{ .Values.gpus | default 1 }}'", "<gpus>", "TODO"),
    *(
        '"\\u0000"',
        '"\\x1b[31m"',
        "é\u202e日本",
        "'\U0001f680'",
        '"\\ud800"',
        "'a\n\n b'",
        '"::error::x"',
        "'##[error]'",
    ),
    *(
        "nvidia.com/gpu",
        "nvidia.com/mig-1g.5gb",
        "nvidia.com/gpu.shared",
        "amd.com/gpu",
        "all-1g.5gb",
        "3g.20gb+me.all",
    ),
    *(
        "mig-1g.5gb",
        "nvidia.com/",
        "/",
        "a/b/c",
        "-",
        ".",
        "0",
        "all",
        "all-disabled",
        "void",
        "none",
        "*",
        "[*",
        "(",
        "\\\\",
    ),
    *("In", "NotIn", "Exists", "Gt", "NoSchedule", "TimeSlicing", "MPS", "time-slicing", "single", "mixed"),
    "{key: a, operator: Gt, values: [b]}",
    "[{name: a}, {name: a}, null, 4]",
    "[" * 90 + "]" * 90,
    "{a: " * 60 + "1" + "}" * 60,
    "x" * 5000,
    "|\n  version: v1\n  sharing: [1]\n",
    '"version: v1\\nsharing:\\n  timeSlicing: 4\\n"',
    '"a: b: c"',
    '"{\\"a\\": [1, {}]}"',
    "nodeSelector: {a: b}",
    "- a\n- b",
    "&a {<<: {nvidia.com/gpu: 1}, b: [1, 2]}",
)
"""What is put in the place of a value or a key; some are no YAML there."""

DIGITS = ("9" * 5000, "9" * 30, "0" * 40 + "1", "٣", "²", "-1", "1_0", "0x1", "1e5", "", "18446744073709551616")
OPERATIONS = (
    "digits",
    "value",
    "key",
    "other",
    "swap",
    "alias",
    "merge",
    "double",
    "delete",
    "text",
    "embed",
    "list",
    "kind",
)
_PLACE = st.integers(0, 2**16)
_SNIPPET = st.sampled_from(SNIPPETS) | st.text(max_size=8) | st.integers().map(str) | st.floats().map(str)
MUTATIONS = st.lists(st.tuples(st.sampled_from(OPERATIONS), _PLACE, _PLACE, _SNIPPET), min_size=1, max_size=8)


@lru_cache
def rules() -> tuple[Rule, ...]:
    """The built-in rules with their examples, read once."""
    return all_rules(examples=True)


@lru_cache
def examples() -> tuple[Files, ...]:
    """The files of the examples of all rules."""
    return tuple(example.files for rule in rules() for example in rule.examples)


def mutated(chosen: int, more: int, mutations: list[tuple[str, int, int, str]]) -> Files:
    """The files of two examples side by side, with changes in those of the first."""
    first, second = (examples()[number % len(examples())] for number in (chosen, more))
    files = dict(first)
    for operation, place, other, snippet in mutations:
        path = sorted(files)[other % len(files)]
        files[path] = _mutated(path, files[path], operation, place, other, snippet)
    if more % 3 == 0:
        files |= {path if path not in files else f"more/{path}": text for path, text in second.items()}
    return files


MANIFESTS: st.SearchStrategy[object] = st.builds(mutated, _PLACE, _PLACE, MUTATIONS)


def _mutated(path: str, text: str, operation: str, place: int, other: int, snippet: str) -> str:
    if operation == "text":
        at = place * 7 % (len(text) + 1)
        return text[:at] + snippet + text[at + other % 3 :]
    nodes = _nodes(path, text)
    if not nodes:
        return text
    start, end, node, key = nodes[place * 31 % len(nodes)]
    value = text[start:end]
    donor = nodes[other * 17 % len(nodes)]
    if operation == "digits":
        runs = [each.span() for each in re.finditer(r"\d+", value)] or [(0, 0)]
        begin, stop = runs[other % len(runs)]
        return text[: start + begin] + DIGITS[place % len(DIGITS)] + text[start + stop :]
    if operation in ("value", "kind"):
        snippet = snippet if operation == "value" else f"{snippet.strip()}List"
        return text[:start] + snippet + text[end:]
    if operation == "list":
        return text[:start] + json.dumps([_data(node)] * (other % 3), default=str) + text[end:]
    if operation == "embed":
        return text[:start] + json.dumps(value) + text[end:]
    if operation == "other":
        return text[:start] + json.dumps(_data(donor[2]), default=str) + text[end:]
    if operation == "alias":
        first, second = sorted((nodes[place % len(nodes)], donor), key=lambda each: each[0])
        if second[0] < first[1]:
            return text
        return f"{text[: first[0]]}&f {text[first[0] : second[0]]}*f {text[second[1] :]}"
    if key is None:
        return text[:start] + text[end:] if operation == "delete" else text
    if operation == "delete":
        return text[: key[0]] + "x" + text[key[1] :]
    if operation == "swap":
        return text[: key[0]] + (snippet or "''") + text[key[1] :]
    if operation == "key":
        return text[: key[0]] + text[donor[0] : donor[1]].split("\n")[0].strip("{[\"' ") + text[key[1] :]
    if operation == "double":
        line = text.rfind("\n", 0, key[0]) + 1
        return f"{text[:line]}{text[line : key[0]]}{text[key[0] : key[1]]}: {snippet}\n{text[line:]}"
    return text[: key[0]] + "<<" + text[key[1] :]


_Place: TypeAlias = "tuple[int, int, Node, tuple[int, int] | None]"


def _nodes(path: str, text: str) -> list[_Place]:
    """Every value of the text: where it stands, and where its key does."""
    found: list[_Place] = []
    for document in read_stdin(text, path).documents():
        root = document.node()
        if root is not None:
            _collect(document.start, document.text, root, None, found)
    return found


def _collect(base: int, text: str, node: Node, key: tuple[int, int] | None, found: list[_Place]) -> None:
    start = int(node.start_mark.index)
    end = start + len(text[start : node.end_mark.index].rstrip())
    found.append((base + start, base + end, node, key))
    if len(found) > 2000 or not isinstance(node, CollectionNode):
        return
    for each in node.value:
        if isinstance(node, MappingNode):
            span = base + each[0].start_mark.index, base + each[0].end_mark.index
            _collect(base, text, each[1], span, found)
        else:
            _collect(base, text, each, None, found)


def _data(node: Node) -> object:
    from gpulint.source.plain import plain_data

    return plain_data(node)


# --- what must hold ---------------------------------------------------------------------------------------------------


def examine(files: Files, folder: Path) -> Report:
    """Lint the files in an empty folder in every way there is; nothing may fail, and all that is said must be sound."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
    options = Options(root=folder, pedantic=True, min_confidence="low", show_suppressed=True)
    config = Config()
    loaded = read([folder], options, config)
    graphs = link(loaded, options, config)
    report = lint_sources(loaded, options, config, graphs=graphs)
    assert [each for each in report.summary.not_analysed if each.reason == "rule-failed"] == []
    for finding in report.findings:
        assert_valid(finding.location, report)
        for related in finding.related:
            assert_valid(related.location, report)
    assert_well_formed({name: render(name, report, color=False) for name in FORMATS})
    assert_no_control_characters(render("text", report, color=False))
    assert_mended(report)
    found = placements(loaded, graphs, config)
    json.loads(placement.render("json", found, color=False))
    assert_no_control_characters(placement.render("text", found, color=False))
    assert_no_control_characters(placement.render("markdown", found, color=False))
    drawn = picture(report, graphs, config)
    shown = {name: drawing.render(name, drawn) for name in drawing.FORMATS}
    assert_no_control_characters(shown["mermaid"] + shown["dot"])
    ET.fromstring(shown["svg"])  # noqa: S314 - our own
    return report


def assert_valid(location: Location, report: Report) -> None:
    """The span is in a file that was read, and begins before it ends."""
    lines = report.texts[location.path].split("\n")
    assert 1 <= location.line <= location.end_line <= len(lines)
    assert 1 <= location.column <= len(lines[location.line - 1]) + 1
    assert 1 <= location.end_column <= len(lines[location.end_line - 1]) + 1
    assert (location.line, location.column) <= (location.end_line, location.end_column)


def assert_well_formed(texts: Mapping[str, str]) -> None:
    """Reports by format are what their format wants."""
    for name in ("json", "sarif", "gitlab", "rdjson"):
        json.loads(texts[name])
    for name in ("junit", "checkstyle"):
        ET.fromstring(texts[name])  # noqa: S314 - our own
    HTMLParser().feed(texts["html"])
    for name in texts:
        assert_no_control_characters(texts[name])


def assert_no_control_characters(text: str) -> None:
    """Nothing that drives a terminal."""
    assert not [char for char in text if (char < " " and char != "\n") or "\x7f" <= char < "\xa0"]
    text.encode("utf-8")


def assert_mended(report: Report) -> None:
    """A fix breaks no file; a comment changes no data."""
    for path, text in mend(report.findings, report.texts, unsafe=True).texts.items():
        assert _broken(path, text) <= _broken(path, report.texts[path])
    for path, text in with_ignores(report.findings, report.texts)[0].items():
        before, after = (
            repr([each.data() for each in read_stdin(one, path).documents()]) for one in (report.texts[path], text)
        )
        assert before == after


def _broken(path: str, text: str) -> int:
    return sum(len(document.problems()) for document in read_stdin(text, path).documents())
