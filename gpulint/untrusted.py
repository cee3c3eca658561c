"""Text from other people's files, made safe to print: it cannot drive a terminal, a log or a Markdown page.

File names, keys and values may hold terminal escapes, line breaks, characters that reorder or hide text, and workflow
commands of GitHub's runner, which are `::name …::` at the start of a line and `##[name]` anywhere in it
(actions/runner src/Runner.Common/ActionCommand.cs).
"""

from __future__ import annotations

import json
import unicodedata

_OLD_COMMAND = "##["
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKDOWN_SIGNS = frozenset("\\`*_[]<>|~&$@")


def one_line(text: str) -> str:
    r"""`text` on one line; control, format and separator characters and surrogates are escaped (`\x1b`, `\u202e`)."""
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return text.replace(_OLD_COMMAND, "#\\x23[")


def number(digits: str) -> int:
    """Decimal digits as a number, at most 10**18: Python refuses to convert thousands of them."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < 19 else 10**18


def lines(text: str) -> str:
    """`text` with its line breaks kept, every line as by `one_line`, none a workflow command."""
    return "\n".join(_no_command(one_line(line.expandtabs(4))) for line in text.split("\n"))


def path(name: str) -> str:
    """A relative file name that may begin a line: one that looks like a workflow command gets a `./` in front."""
    shown = one_line(name)
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def markdown(text: str) -> str:
    """`text` for running text, link text, table cells and inside `<code>` in Markdown, all of it literal.

    Character references cannot be markup (CommonMark 0.31, section 2.5); a backslash could be undone by another.
    """
    return "".join(f"&#{ord(char)};" if char in _MARKDOWN_SIGNS else char for char in one_line(text))


def plain_json(value: object) -> str:
    """`value` as JSON in printable ASCII only, which loses nothing; ends in a line break."""
    return json.dumps(value, indent=2, ensure_ascii=True).replace(_OLD_COMMAND, "#\\u0023[") + "\n"


def _no_command(line: str) -> str:
    return line.replace("::", "\\x3a:", 1) if line.lstrip().startswith("::") else line


def _visible(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _UNSAFE_CATEGORIES else char
