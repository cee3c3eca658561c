from __future__ import annotations

import json

import pytest

from gpulint import untrusted
from tests.report_samples import HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain text, größer, 日本, 🦊", "plain text, größer, 日本, 🦊", id="printable text is left alone"),
        pytest.param("a\x1b[31mb", r"a\x1b[31mb", id="terminal escape"),
        pytest.param("a\x9b31mb", r"a\x9b31mb", id="one-character terminal escape"),
        pytest.param("a\r\nb\tc", r"a\r\nb\tc", id="line breaks and tab"),
        pytest.param("a\u2028b\u2029\x85", r"a\u2028b\u2029\x85", id="line breaks of Unicode"),
        pytest.param("a\u202eb\u2066", r"a\u202eb\u2066", id="characters that reorder"),
        pytest.param("a\u200bb\ufeff", r"a\u200bb\ufeff", id="characters that hide"),
        pytest.param("a\udc80", r"a\udc80", id="undecodable byte of a file name"),
        pytest.param(
            "x ##[add-mask]y", r"x #\x23[add-mask]y", id="workflow command of the old form, anywhere in a line"
        ),
        pytest.param("###[error]", r"##\x23[error]", id="with one sign more"),
    ],
)
def test_text_is_put_on_one_harmless_line(text: str, shown: str) -> None:
    assert untrusted.one_line(text) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("a/b.yaml", "a/b.yaml", id="ordinary name"),
        pytest.param("::error::x.yaml", "./::error::x.yaml", id="name that is a workflow command"),
        pytest.param(" \u3000::error::x.yaml", "./ \u3000::error::x.yaml", id="the runner skips leading blanks"),
    ],
)
def test_a_path_at_the_start_of_a_line_is_no_workflow_command(name: str, shown: str) -> None:
    assert untrusted.path(name) == shown


def test_lines_keep_their_breaks_and_nothing_else() -> None:
    assert untrusted.lines("a\x1b\n\tb\n") == "a\\x1b\n    b\n"


def test_markdown_holds_no_markup() -> None:
    shown = untrusted.markdown("a|b `c` [d](e) <img> \\| *f* & @g")
    assert not set("\\`*_[]<>|@") & set(shown)
    assert untrusted.markdown("a|b") == "a&#124;b"


def test_json_is_printable_ascii_and_loses_nothing() -> None:
    value = {HOSTILE: [HOSTILE, "\x7f ##[error]"]}
    text = untrusted.plain_json(value)
    assert all(" " <= char <= "~" or char == "\n" for char in text)
    assert "##[" not in text
    assert json.loads(text) == value
