"""What reads files, given any bytes: nothing but the errors that each names, and positions inside the text."""

from __future__ import annotations

import contextlib
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import strategies as st

from gpulint.baseline import InvalidBaselineError
from gpulint.baseline import read as read_baseline
from gpulint.cel import Vocabulary
from gpulint.config import ConfigError, InvalidConfigError, load
from gpulint.config_text import effective
from gpulint.facts import SUBJECTS
from gpulint.rule import InvalidRulesError, RuleError, compile_rules, load_rules
from gpulint.source import Document, Input, read, read_stdin
from gpulint.source.scan import header
from gpulint.suppression import Suppressions, today
from tests.fuzzing import fuzzed, rules

YAML = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b: ",
                "c:\n",
                "- ",
                "-\n",
                "  ",
                "    ",
                "\n",
                "\n\n",
                "\r\n",
                "\t",
                ": ",
                ":",
                ", ",
                "{",
                "}",
                "[",
                "]",
            ),
            *(
                "'",
                '"',
                "|",
                ">",
                "|-",
                ">+2",
                "\\",
                "\\n",
                "\\x4",
                "\\u00e9",
                "&x ",
                "*x",
                "<<: *x",
                "!!int ",
                "!y ",
                "? ",
                "#",
            ),
            *(
                "---",
                "---\n",
                "--- ",
                "...\n",
                "%YAML 1.1\n",
                "\ufeff",
                "\u2028",
                "\u0085",
                "é",
                "\U0001f680",
                "\x00",
                "\x1b",
            ),
            *(
                "apiVersion: v1\n",
                "kind: Pod\n",
                "kind: List\n",
                "items:\n",
                "metadata: {name: x}\n",
                "nvidia.com/gpu: 1\n",
            ),
            *(
                "data:\n",
                "  config.yaml: |\n",
                "version: v1\n",
                "sharing:\n",
                "{{ .x }}",
                "${X}",
                "null",
                "0x1",
                "1e5",
                "yes",
            ),
            *("# gpulint: ignore[a-b, c] d", "# gpulint: ignore-file", "#gpulint:ignore[", "# gpulint: ignore[*]"),
        ]
    )
    | st.text(max_size=3),
    max_size=40,
).map("".join)
BYTES = st.binary(max_size=60) | st.builds(
    lambda text, encoding, junk: text.encode(encoding, "surrogatepass") + junk,
    YAML,
    st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-8-sig"]),
    st.binary(max_size=3),
)
NAMES = st.sampled_from(
    ["a.yaml", "kustomization.yaml", "values.yaml", "a.json", "run.sh", "chart/templates/a.yaml", "-"]
)


def assert_inside(document: Document, start: int, end: int) -> None:
    length = len(document.source.text)
    assert 0 <= start <= end <= length
    location = document.source.location(start, end)
    assert location.line >= 1
    assert location.column >= 1


@fuzzed(200, BYTES)
def test_any_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.yaml"
        file.write_bytes(data)
        source = read(Input("a.yaml", file))
    for problem in source.problems:
        assert 0 <= problem.start <= len(source.text)
    for document in source.documents():
        assert_read(document)


@fuzzed(300, YAML, NAMES)
def test_any_text(text: str, name: str) -> None:
    documents = read_stdin(text, name).documents()
    assert all(each.end <= other.start for each, other in pairwise(documents))
    for document in documents:
        assert_read(document)


def assert_read(document: Document) -> None:
    for problem in document.problems():
        assert_inside(document, problem.start, problem.end)
        assert problem.message
        if problem.related:
            assert_inside(document, *problem.related)
    data = document.data()
    _ = document.name, document.namespace, document.is_template, document.is_flow
    for path in (*paths(data), ("missing",), ("spec", "missing", 0)):
        for token in ("value", "key"):
            assert_inside(document, *document.span(path, token=token))
        inner = document.embedded(path)
        if inner is None:
            continue
        for problem in inner.problems():
            assert_inside(document, problem.start, problem.end)
        for below in paths(inner.data()):
            assert_inside(document, *inner.span(below))
        for offset in range(0, len(inner.text) + 1, 3):
            assert_inside(document, *inner.outer(offset, min(offset + 2, len(inner.text))))


def paths(data: object) -> list[tuple[str | int, ...]]:
    """Of everything in the data."""
    found: list[tuple[str | int, ...]] = [()]
    for path in found:
        value = data
        for step in path:
            value = value[step]  # type: ignore[index]
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        found += [(*path, key) for key in keys][: 200 - len(found)]
    return found


@fuzzed(
    200,
    st.lists(
        st.sampled_from(
            [
                "a: 1\n",
                "kind: Pod\n",
                "apiVersion: v1\n",
                "kind: 'Job' # x\n",
                '"kind": X\n',
                "  kind: Y\n",
                "b:\n",
                "# c\n",
                "- kind: Z\n",
                "'apiVersion' : x/v1\n",
                "kind: >\n  folded\n",
                "kind: &x Node\n",
                "\n",
                "kind:\n",
                "t: |\n  kind: Q\n",
                "t: 'x\n  kind: R'\n",
                "  y\n",
            ]
        ),
        max_size=8,
    ).map("".join),
)
def test_the_scan_says_of_a_document_what_its_tree_says_or_nothing(text: str) -> None:
    for document in read_stdin(text).documents():
        data = document.data()
        if document.problems() or not isinstance(data, dict):
            continue
        seen = header(document.text)
        for scanned, written in ((seen.kind, data.get("kind")), (seen.api_version, data.get("apiVersion"))):
            if scanned and isinstance(written, str):
                assert written.startswith(scanned) or written.endswith("\n")  # or goes on in the next line


TOML = st.lists(
    st.sampled_from(
        [
            *(
                "select",
                "ignore",
                "exclude",
                "rules-folders",
                "fail-on",
                "min-severity",
                "pedantic",
                "baseline",
                "render",
            ),
            *(
                "severity",
                "cluster",
                "ignore-findings",
                "labels",
                "workload-class",
                "versions",
                "name",
                "paths",
                "nodes",
            ),
            *(
                "complete",
                "rule",
                "until",
                "object",
                "reason",
                "chart",
                "set",
                "max-time-slices",
                "tenant-label",
                "x.y",
                '"a b"',
            ),
            *(" = ", "=", "\n", "\n", "\n\n", "[", "]", "[[", "]]", "{", "}", ",", '"', "'", '"""', ".", "# c"),
            *(
                "true",
                "0",
                "-1",
                "1e400",
                "2027-01-31",
                "2027-13-01",
                "07:32:00",
                "nan",
                '"error"',
                '["ALL"]',
                '["a", 1]',
                "[]",
            ),
            *('"a"', '"*"', '"["', '"!"', '"2099-01-01"', '"v1.34"', '"\\u0000"', '"\\ud800"', "\x00", "\t", "é"),
            *("9" * 5000, "[" * 300, "a." * 300, "{a=" * 200),
        ]
    )
    | st.text(max_size=3),
    max_size=24,
).map("".join)


@fuzzed(250, TOML | BYTES, st.sampled_from(["gpulint.toml", "pyproject.toml"]))
def test_any_configuration(text: str | bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        refused: list[ConfigError] = []
        try:
            effective(load(file))
        except InvalidConfigError as error:
            refused += error.errors
        assert all(each.line >= 1 and each.message for each in refused)


@fuzzed(
    100,
    st.sampled_from(["", "version", "findings", "x"]).flatmap(
        lambda key: st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["version", "findings", "fingerprint", "rule", "object", "field", key]),
                    inner,
                    max_size=4,
                )
            ),
        )
    ),
    BYTES,
    st.booleans(),
)
def test_any_baseline(data: object, raw: bytes, as_json: bool) -> None:
    import json

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "baseline.json"
        file.write_bytes(json.dumps({"version": 1, "findings": data}).encode() if as_json else raw)
        with contextlib.suppress(InvalidBaselineError):
            read_baseline(file).apply([])


@fuzzed(150, YAML)
def test_any_suppression(text: str) -> None:
    names = {rule.id: rule.family for rule in rules()}
    sources = [read_stdin(text, "a.yaml"), read_stdin(f"apiVersion: v1\nkind: Pod\n{text}", "b.yaml")]
    found = Suppressions.of(sources, (), rules=names, today=today({}))
    for unused in found.unused(list(names), "all"):
        assert unused.message
        assert_inside(unused.place.document, *unused.place.span())


VOCABULARY = Vocabulary(SUBJECTS)
CEL = st.lists(
    st.sampled_from(
        [
            *(
                "workload",
                "pool",
                "ns",
                ".name",
                ".place",
                ".cluster",
                ".users",
                ".nothing",
                "item",
                "true",
                "false",
                "null",
            ),
            *(
                "==",
                "!=",
                "&&",
                "||",
                "!",
                "?",
                ":",
                "+",
                "-",
                "*",
                "/",
                "%",
                "in",
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                ",",
                ".",
            ),
            *(
                "1",
                "0",
                "'a'",
                '"',
                "'",
                "size(",
                ".matches('(a+)+$')",
                ".all(x, ",
                ".exists(x, ",
                ".map(x, ",
                "x",
                "\n",
                " ",
            ),
            *(
                "9223372036854775808",
                "1.5",
                "0x",
                "b'x'",
                "r'x'",
                "type(",
                "dyn(",
                "has(",
                "string(",
                "int(",
                "duration('1s')",
            ),
            *(".replace('a','b')", ".split('')", ".substring(1)", ".lastIndexOf('a')", "🚀", "\\"),
        ]
    )
    | st.text(max_size=2),
    max_size=14,
).map("".join)
VALUES = (
    CEL.map(lambda text: "|-\n" + "".join(f"  {line}\n" for line in text.split("\n")).rstrip("\n"))
    | YAML
    | st.sampled_from(
        ["error", "high", "[]", "{}", "null", "a: b", "[a, [b]]", "{each: x}", "[{at: ns.place, message: '{ns.name}'}]"]
    )
    | st.sampled_from(["'{'", "'}'", "'{{'", "'{ns.name}'", "'{ns.users}'", "'{'''", "'{ns}'", "'{{{ns.name}}}'"])
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["id", "title", "family", "severity", "confidence", "for", "when", "at", "message", "detail", "why", "fix", "needs",
         "related", "edits", "references", "pedantic", "since", "yields-to", "examples", "? [a]", "*x", "<<", "id", "x"]
    ),
    VALUES,
    max_size=5,
)  # fmt: skip
GOOD = {
    "id": "a-b", "title": "t", "family": "f", "severity": "error", "confidence": "high", "for": "ns", "when": "ns.hasQuota",
    "at": "ns.place", "message": "m", "why": "w", "fix": "f",
}  # fmt: skip


@fuzzed(150, FIELDS, st.sets(st.sampled_from(sorted(GOOD)), max_size=2), st.booleans())
def test_any_rule_file(fields: dict[str, str], missing: set[str], with_examples: bool) -> None:
    shown = {key: value for key, value in {**GOOD, **fields}.items() if key in fields or key not in missing}
    text = "".join(f"{key}: {value}\n" for key, value in shown.items())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "f" / "a-b.yaml"
        file.parent.mkdir()
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        refused: list[RuleError] = []
        try:
            compile_rules(load_rules(Path(folder), VOCABULARY, examples=with_examples))
        except InvalidRulesError as error:
            refused += error.errors
        assert all(each.line >= 1 and each.column >= 1 and each.message for each in refused)
