from __future__ import annotations

import json
from dataclasses import replace

from markdown_it import MarkdownIt

from gpulint.explain import explain, help_text, table
from tests.report_samples import HOST_PATH, NOTEBOOK, SHARED

EXAMPLES = (
    ("good", "the pool is not shared", "kind: Pod\n"),
    ("bad", "the only pool is shared", "kind: Job\nspec: {}  # finding\n"),
    ("bad", "a second one", "kind: CronJob\n"),
)

EXPLAINED = """\
# training-on-shared-gpu

Training workload can land on shared GPUs

family `sharing` · severity error · confidence high · since 0.1

## Why

Time-slicing gives no memory isolation.
Training takes all of it.

Second paragraph.

## Fix

Select nodes without sharing:

    nodeSelector:
      nvidia.com/gpu.sharing-strategy: none

## What it finds

The only pool is shared:

```yaml
kind: Job
spec: {}  # finding
```

## What it accepts

The pool is not shared:

```yaml
kind: Pod
```

## References

- <https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus>
- <https://example.org/2>
"""


def test_a_rule_is_explained_with_one_bad_and_one_good_manifest() -> None:
    assert explain(SHARED, EXAMPLES) == EXPLAINED


def test_what_a_rule_does_not_have_has_no_heading() -> None:
    headings = [line for line in explain(HOST_PATH, ()).splitlines() if line.startswith("#")]
    assert headings == ["# gpu-device-host-path", "## Why", "## Fix"]


def test_a_manifest_cannot_close_its_code_block() -> None:
    manifest = "data: |\n  ```\n  # not a heading\n  ````\n"
    tokens = MarkdownIt("commonmark").parse(explain(HOST_PATH, [("bad", "fences", manifest)]))
    assert [token.content for token in tokens if token.type == "fence"] == [manifest]


def test_terminal_escapes_in_a_rule_are_shown() -> None:
    assert "\x1b" not in explain(replace(SHARED, why="a\x1b[31mb"), ())


def test_help_without_markup_holds_why_fix_and_references() -> None:
    assert (
        help_text(NOTEBOOK) == "An idle notebook keeps its GPU.\n\nTake a MIG slice.\n\nhttps://example.org/notebooks\n"
    )


def test_the_text_table_is_sorted_and_in_columns() -> None:
    assert table([SHARED, NOTEBOOK, HOST_PATH], "text") == (
        "rule                    family     severity  confidence  finds\n"
        "gpu-device-host-path    isolation  warning   medium      Pod mounts GPU device files from the node\n"
        "notebook-on-full-gpu    sharing    info      low         Notebook holds a whole GPU\n"
        "training-on-shared-gpu  sharing    error     high        Training workload can land on shared GPUs\n"
    )


def test_the_markdown_table_links_to_the_files_of_the_rules() -> None:
    assert table([replace(SHARED, title="a | b")], "markdown") == (
        "| rule | family | severity | confidence | finds |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| [training-on-shared-gpu](sharing/training-on-shared-gpu.yaml) | sharing | error | high | a \\| b |\n"
    )


def test_the_json_table_holds_the_prose_too() -> None:
    (rule,) = json.loads(table([NOTEBOOK], "json"))
    assert rule == {
        "rule": "notebook-on-full-gpu",
        "title": "Notebook holds a whole GPU",
        "family": "sharing",
        "severity": "info",
        "confidence": "low",
        "since": "0.2",
        "why": "An idle notebook keeps its GPU.",
        "fix": "Take a MIG slice.",
        "references": ["https://example.org/notebooks"],
    }
