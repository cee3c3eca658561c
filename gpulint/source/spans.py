"""Where the value or the key at a path stands in the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from gpulint.frozen import frozen
from gpulint.source.compose import MERGE, PLAIN
from gpulint.source.plain import node_key

if TYPE_CHECKING:
    from collections.abc import Sequence

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes inside one document."""
Token: TypeAlias = Literal["value", "key"]


_PROPERTIES = re.compile(r"(?:[&!]\S*(?:\s+#[^\n]*)?\s+)+")


@frozen
class Spot:
    """The deepest part of a path that exists."""

    depth: int
    """How many steps of the path exist."""
    key: Node | None
    """The key of the last step; for a list item the key of the list, unless the item was asked for."""
    value: Node


def locate(root: Node, path: Sequence[str | int]) -> Spot:
    """Follow `path` as far as it goes."""
    node, key = root, None
    for depth, step in enumerate(path):
        found = _step(node, step)
        if found is None:
            return Spot(depth, key, node)
        step_key, node = found
        key = step_key or key
    return Spot(len(path), key, node)


def span(text: str, root: Node, path: Sequence[str | int], token: Token) -> tuple[int, int]:
    """Offsets in `text` of the value or key at `path`.

    A missing path has the place of the key of its deepest existing ancestor. A null that is not written has no place of
    its own: its key stands for it. A list item has no key: its first key or value stands for it.
    """
    spot = locate(root, path)
    if spot.depth < len(path):
        return _anchor(text, spot, path)
    if token == "value" and not _is_unwritten(spot.value):
        return node_start(text, spot.value), node_end(text, spot.value)
    return _anchor(text, spot, path)


def node_start(text: str, node: Node) -> int:
    """Where the value of a node starts: the parser counts its anchor and its tag in."""
    start = int(node.start_mark.index)
    if text[start : start + 1] not in ("&", "!"):
        return start
    properties = _PROPERTIES.match(text, start, node.end_mark.index)
    return properties.end() if properties else start


def node_end(text: str, node: Node) -> int:
    """Where a node really ends: the parser adds the blank lines and comments that follow a block."""
    start = int(node.start_mark.index)
    return start + len(text[start : _last_end(node)].rstrip())


def _last_end(node: Node) -> int:
    """The end of the last scalar of a block collection."""
    while isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        if isinstance(node, SequenceNode):
            if last.start_mark.index < node.start_mark.index:
                break  # an alias to something above
            node = last
            continue
        key, value = last
        if _is_unwritten(value) or value.start_mark.index < key.end_mark.index:
            return int(key.end_mark.index)  # nothing, or an alias
        node = value
    return int(node.end_mark.index)


def _step(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(node, SequenceNode):
        if isinstance(step, int) and 0 <= step < len(node.value):
            return None, node.value[step]
        return None
    if not isinstance(node, MappingNode) or isinstance(step, int):
        return None
    return _pair(node, step)


def _pair(node: MappingNode, name: str) -> tuple[Node, Node] | None:
    """The pair that decides the value of key `name`, which may be given as it is written (`on` for `true`)."""
    for key, value in reversed(node.value):
        if key.tag == PLAIN and key.value == MERGE:
            merged = _merged_pair(value, name)
            if merged is not None:
                return merged
        elif key.value == name or node_key(key) == name:
            return key, value
    return None


def _merged_pair(value: Node, name: str) -> tuple[Node, Node] | None:
    for source in value.value if isinstance(value, SequenceNode) else [value]:
        found = _pair(source, name) if isinstance(source, MappingNode) else None
        if found is not None:
            return found
    return None


def _is_unwritten(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _anchor(text: str, spot: Spot, path: Sequence[str | int]) -> tuple[int, int]:
    """The token that stands for the end of the existing part of `path`."""
    if spot.depth and isinstance(path[spot.depth - 1], int):
        return _first_token(text, spot.value, spot.key)
    if spot.key is not None:
        return node_start(text, spot.key), spot.key.end_mark.index
    return _first_token(text, spot.value, None)


def _first_token(text: str, node: Node, fallback: Node | None) -> tuple[int, int]:
    start = node.start_mark.index
    while not isinstance(node, ScalarNode) and node.value:
        node = node.value[0] if isinstance(node, SequenceNode) else node.value[0][0]
        if node.start_mark.index < start:
            break  # an alias
        start = node.start_mark.index
    if _is_unwritten(node) and fallback is not None:
        node = fallback
    return node_start(text, node), node.end_mark.index
