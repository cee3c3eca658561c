"""What a shell script does to nodes and to the policy of the GPU Operator, and the pools that it creates."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from gpulint.frozen import frozen

if TYPE_CHECKING:
    from gpulint.source.document import Source

_TOKEN = re.compile(
    r"(?P<blank>[ \t]+|\\\r?\n)"
    r"|(?P<comment>(?<![^\s;&|()])#[^\n]*)"
    r"|(?P<heredoc><<-?[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote))"
    r"|(?P<stop>\r?\n|;|&&?|\|\|?|\(|\)|`)"
    r"|(?P<word>(?:'[^']*'|\"(?:\\.|[^\"\\])*\"|\$\([^()]*\)|\\.|[^\s;&|()'\"\\`])+)"
    r"|(?P<other>.)",
    re.S,
)
_CLIENTS = frozenset({"kubectl", "oc", "k", "gcloud", "eksctl", "az"})
_MAKERS = frozenset({"gcloud", "eksctl", "az"})
_NODES = frozenset({"node", "nodes", "no"})
_CREATING = (("node-pools", "create"), ("create", "nodegroup"), ("create", "cluster"), ("nodepool", "add"))
"""Verbs of gcloud, eksctl and az that create pools."""
SPEAKING = ("label", "taint", "patch", "node-pools", "nodegroup", "nodepool", "eksctl")
"""Words of which one is in every script that is worth a look."""
_POLICY = ("clusterpolicy", "clusterpolicies")
_QUOTED = re.compile(r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\\(.)", re.S)
_ESCAPED = re.compile(r"\\([$`\"\\])")


@frozen
class Word:
    """One word of a command, quotes removed; `$` is not expanded."""

    text: str
    start: int
    """Offset into the text of the script, quotes included."""
    end: int


@frozen
class ShellCommand:
    """One simple command, without what leads it in (`sudo`, `do`, assignments)."""

    words: tuple[Word, ...]


def shell_commands(source: Source) -> tuple[ShellCommand, ...]:
    """The commands of a script that label or taint nodes, create pools or patch a ClusterPolicy.

    `kubectl label nodes worker-1 gpu=a100`, `gcloud container node-pools create …`.
    """
    text = source.text
    if not any(word in text for word in SPEAKING):
        return ()
    commands = (_without_lead(words) for words in _simple_commands(text))
    return tuple(ShellCommand(tuple(words)) for words in commands if words and _speaks(words))


def _simple_commands(text: str) -> list[list[Word]]:
    commands: list[list[Word]] = [[]]
    heredocs: list[str] = []
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        if match["word"]:
            commands[-1].append(Word(_unquoted(match["word"]), match.start(), match.end()))
        elif match["heredoc"]:
            heredocs.append(match["end"])
        elif match["stop"]:
            commands.append([])
            if match["stop"].endswith("\n"):
                position = _after_heredocs(text, position, heredocs)
                heredocs = []
    return commands


def _after_heredocs(text: str, position: int, ends: list[str]) -> int:
    for end in ends:
        closing = re.compile(rf"^[ \t]*{re.escape(end)}[ \t\r]*$", re.M).search(text, position)
        if closing is None:
            return len(text)
        position = closing.end()
    return position


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda match: _inside(match[1], match[2], match[3]), word)


def _inside(single: str | None, double: str | None, escaped: str | None) -> str:
    if single is not None:
        return single
    if double is not None:
        return _ESCAPED.sub(r"\1", double)
    return "" if escaped == "\n" else escaped or ""


def _without_lead(words: list[Word]) -> list[Word]:
    """From the program on: `sudo`, `do`, `if !`, `KUBECONFIG=…` before it say nothing."""
    for index, word in enumerate(words):
        if word.text.rpartition("/")[2] in _CLIENTS:
            return words[index:]
    return []


def _speaks(words: list[Word]) -> bool:
    texts = [word.text for word in words]
    if texts[0].rpartition("/")[2] in _MAKERS:
        return any(pair in _CREATING for pair in pairwise(texts))
    return _changes_nodes(texts, "label") or _changes_nodes(texts, "taint") or _patches_policy(texts)


def _changes_nodes(texts: list[str], verb: str) -> bool:
    if verb not in texts:
        return False
    targets = texts[texts.index(verb) + 1 :]
    return any(text in _NODES or text.startswith(("node/", "nodes/", "no/")) for text in targets)


def _patches_policy(texts: list[str]) -> bool:
    return "patch" in texts and any(text.lower().startswith(_POLICY) for text in texts)
