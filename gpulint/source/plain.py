"""Nodes → plain data, as Kubernetes reads YAML."""

from __future__ import annotations

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gpulint.source.compose import MERGE, PLAIN, QUOTED
from gpulint.source.scalars import Scalar, key_text, resolve_plain, resolve_tagged


def plain_data(root: Node | None) -> object:
    """Dictionaries with string keys, lists, strings, numbers, booleans and None.

    Aliased collections are one shared object. `root` must have been checked by `compose`: no cycles, bounded depth,
    scalar keys. Of duplicate keys the last wins. A merge key takes effect where it stands, so that later keys override
    it and it overrides earlier ones, as go-yaml v2 does it (`goyaml.v2/decode.go`, `mapping`).
    """
    return _Builder().build(root) if root is not None else None


def scalar_value(node: ScalarNode) -> Scalar:
    """The value of a scalar node; quoted scalars are strings whatever they look like."""
    if node.tag == PLAIN:
        return resolve_plain(node.value)
    if node.tag == QUOTED:
        return str(node.value)
    return resolve_tagged(node.tag, node.value)


def node_key(node: Node) -> str:
    """The name a key has in plain data."""
    if not isinstance(node, ScalarNode):
        return ""
    value = scalar_value(node)
    return value if isinstance(value, str) else key_text(value)


class _Builder:
    """Remembers what it has built, so that an alias costs nothing."""

    def __init__(self) -> None:
        self.built: dict[int, object] = {}

    def build(self, node: Node) -> object:
        if isinstance(node, ScalarNode):
            return scalar_value(node)
        known = self.built.get(id(node))
        if known is not None:
            return known
        value = self._mapping(node) if isinstance(node, MappingNode) else [self.build(item) for item in node.value]
        self.built[id(node)] = value
        return value

    def _mapping(self, node: MappingNode) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in node.value:
            if key.tag == PLAIN and key.value == MERGE:
                self._merge(value, result)
            else:
                result[node_key(key)] = self.build(value)
        return result

    def _merge(self, value: Node, result: dict[str, object]) -> None:
        sources = reversed(value.value) if isinstance(value, SequenceNode) else [value]
        for source in sources:
            merged = self.build(source)
            if isinstance(merged, dict):
                result.update(merged)
