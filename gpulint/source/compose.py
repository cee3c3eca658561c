"""YAML text → nodes with marks, through libyaml where it is there.

Nodes carry one of two tags of our own for untagged scalars, PLAIN or QUOTED, so that the text is resolved only when
somebody asks for the value, and by the rules of Kubernetes instead of PyYAML's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import yaml
from yaml.composer import Composer
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from gpulint.source.scalars import NULLS, refusal

if TYPE_CHECKING:
    from yaml.events import Event

PLAIN = "plain"
QUOTED = "quoted"

MERGE = "<<"
"""The key of a mapping that another is merged into."""
MAX_NESTING = 200
MAX_TOKENS = 2_000_000
"""Lines, commas and brackets of a document: each can be a node, and a node takes a thousand bytes."""

ProblemKind: TypeAlias = Literal[
    "syntax", "duplicate-key", "alias-bomb", "nesting", "undecodable", "too-large", "symlink", "unreadable"
]


@dataclass(frozen=True, slots=True, order=True)
class SourceProblem:
    """Something that keeps a text, or a part of it, from being read as its author meant it."""

    start: int
    """Offset in code points into the text of the source, like `end`, which is exclusive."""
    end: int
    kind: ProblemKind
    message: str
    """Lower case, no full stop."""
    related: tuple[int, int] | None = field(default=None, compare=False)
    """The span of the first of two equal keys."""


def compose(text: str) -> tuple[Node | None, list[SourceProblem]]:
    """The root of the first document in `text` and what is wrong with it, offsets relative to `text`.

    There is no root where the text is empty, broken, or would expand or nest beyond all bounds. A root with duplicate
    keys is a root.
    """
    if len(text) > MAX_TOKENS and sum(map(text.count, ",\n[{")) > MAX_TOKENS:
        return None, [SourceProblem(0, _first_line_end(text), "too-large", f"more than {MAX_TOKENS:,} lines or values")]
    try:
        root = _parse(text)
    except yaml.YAMLError as error:
        return None, [_syntax_problem(text, error)]
    except RecursionError:
        return None, [SourceProblem(0, _first_line_end(text), "nesting", _TOO_DEEP)]
    if root is None:
        return None, []
    return _checked(text, root)


class _LazyTags:
    """Resolver that only tells plain scalars from quoted ones."""

    def descend_resolver(self, parent: object, index: object) -> None:
        """Path resolvers are not used."""

    def ascend_resolver(self) -> None:
        """Path resolvers are not used."""

    def resolve(self, kind: type[Node], value: object, implicit: object) -> str:  # noqa: ARG002 - PyYAML's signature
        return PLAIN if kind is ScalarNode and isinstance(implicit, tuple) and implicit[0] else QUOTED


class _RedefinedAnchors(Composer):
    """PyYAML refuses an anchor that is defined twice; YAML 1.2 and go-yaml let the later one win."""

    if TYPE_CHECKING:  # the parser it is mixed into has them

        def check_event(self, *choices: type[Event]) -> bool: ...
        def peek_event(self) -> Any: ...

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if not self.check_event(AliasEvent):
            self.anchors.pop(self.peek_event().anchor, None)
        return super().compose_node(parent, index)


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _Loader(_LazyTags, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)

    class _PatientLoader(_RedefinedAnchors, _LazyTags, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)

else:

    class _Loader(_LazyTags, Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

        def dispose(self) -> None:
            """Break the reference cycles of the parser's state."""
            Parser.dispose(self)

    class _PatientLoader(_RedefinedAnchors, _Loader):  # type: ignore[no-redef]
        pass


_SPECIAL_KEYS = frozenset({MERGE, *NULLS})
_TOO_DEEP = f"nested more than {MAX_NESTING} levels deep"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_DOUBLE_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_MOST_MENDED = 100
"""Scalars with such escapes; each costs another parse."""


def _parse(text: str) -> Node | None:
    for _ in range(_MOST_MENDED):
        try:
            return _first_document(_Loader, text)
        except yaml.composer.ComposerError as error:
            if not (error.context or "").startswith("found duplicate anchor"):
                raise
            return _first_document(_PatientLoader, text)
        except yaml.MarkedYAMLError as error:
            mended = _mended(text, error)
            if mended is None:
                raise
            text = mended
    return _first_document(_Loader, text)


def _mended(text: str, error: yaml.MarkedYAMLError) -> str | None:
    """The text, as long as it is, without an escape that go-yaml takes and PyYAML does not; None where there is none.

    JSON writes characters beyond the BMP as two escaped surrogates. go-yaml knows `\\'` in double quotes; the value
    here has the other quote.
    """
    if text.lstrip().startswith("{") and _SURROGATE.search(text):
        return _SURROGATE.sub(r"\\uFFFD", text)
    if not (error.problem or "").startswith("found unknown escape character") or error.context_mark is None:
        return None
    scalar = _DOUBLE_QUOTED.match(text, error.context_mark.index)
    if scalar is None:
        return None
    inside = _ESCAPE.sub(lambda found: '\\"' if found[0] == "\\'" else found[0], scalar[0])
    return None if inside == scalar[0] else text[: scalar.start()] + inside + text[scalar.end() :]


def _first_document(loader: type[_Loader] | type[_PatientLoader], text: str) -> Node | None:
    parser = loader(text)
    try:
        root: Node | None = parser.get_node() if parser.check_node() else None
        if root is not None and not (isinstance(root, MappingNode) and root.flow_style):
            parser.check_node()  # what follows the document must be a document; JSON objects may stand in a row
        return root
    finally:
        parser.dispose()


def _syntax_problem(text: str, error: yaml.YAMLError) -> SourceProblem:
    if isinstance(error, ReaderError):
        start = _character_offset(text, error.position)
        return SourceProblem(start, start + 1, "syntax", f"U+{error.character:04X} is not allowed in YAML")
    mark = _mark(error)
    if mark is None or not isinstance(error, yaml.MarkedYAMLError):
        return SourceProblem(0, _first_line_end(text), "syntax", str(error))
    problem = error.problem or "cannot be parsed"
    start, end = _at_least_one(text, mark.index)
    if problem == "exceeded maximum nesting depth":
        return SourceProblem(start, end, "nesting", _TOO_DEEP)
    if text[start:end] == "\t":
        problem = "found a tab where YAML allows only spaces"
    context = f" {error.context}" if error.context else ""
    return SourceProblem(start, end, "syntax", problem + context)


def _mark(error: yaml.YAMLError) -> yaml.Mark | None:
    """libyaml notices a missing colon only on a later line; the text that should have been a key is the context."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return None
    missing_colon = (error.problem or "").startswith("could not find expected ':'")
    return (error.context_mark if missing_colon else None) or error.problem_mark


def _character_offset(text: str, position: int) -> int:
    """libyaml counts bytes, the pure parser characters."""
    if not yaml.__with_libyaml__:
        return position
    return len(text.encode("utf-8")[:position].decode("utf-8", "ignore"))


def _at_least_one(text: str, offset: int) -> tuple[int, int]:
    """A span of one character at `offset`, moved back when there is nothing to see there."""
    if offset < len(text) and (text[offset] == "\t" or not text[offset].isspace()):
        return offset, offset + 1
    if not text[offset:].strip():
        end = len(text.rstrip())
        return max(end - 1, 0), end
    line_start = text.rfind("\n", 0, offset) + 1
    return (offset - 1, offset) if offset > line_start else (offset, offset)


def _first_line_end(text: str) -> int:
    end = text.find("\n")
    return len(text) if end < 0 else end


def _checked(text: str, root: Node) -> tuple[Node | None, list[SourceProblem]]:
    """Walk the collections once: bounds, keys that are no strings, duplicate keys."""
    walk = _Walk(text)
    walk.visit(root, 1)
    if walk.fatal is None and "!" in text:
        walk.check_tags(root)
    if walk.fatal is not None:
        return None, [walk.fatal]
    return root, sorted(set(walk.duplicates))


class _Walk:
    """State of one check of a document."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sizes: dict[int, int] = {}
        self.fatal: SourceProblem | None = None
        self.duplicates: list[SourceProblem] = []
        self.decoded = 1
        """Nodes so far, as go-yaml counts them: those behind an alias each time, and the alias itself."""
        self.aliased = 0
        """Those of them that were behind an alias."""

    def visit(self, node: Node, depth: int) -> int:
        """The number of nodes below `node`, itself included, aliases expanded; 0 after a fatal problem."""
        if isinstance(node, ScalarNode) or self.fatal is not None:
            return 1
        known = self.sizes.get(id(node))
        if known is not None:
            return self._revisit(node, known)
        if depth > MAX_NESTING:
            return self._fail(node, "nesting", _TOO_DEEP)
        self.sizes[id(node)] = 0  # open: meeting it again from inside is a cycle
        self.decoded += 1
        size = 1 + (self._mapping(node, depth) if isinstance(node, MappingNode) else self._sequence(node, depth))
        self.sizes[id(node)] = size
        return size

    def check_tags(self, root: Node) -> None:
        """Refuse scalars that are not what their tag says."""
        open_nodes, seen = [root], {id(root)}
        while open_nodes:
            node = open_nodes.pop()
            if isinstance(node, ScalarNode):
                reason = "" if node.tag in (PLAIN, QUOTED) else refusal(node.tag, node.value)
                if reason:
                    self._fail(node, "syntax", f"cannot decode {reason}")
                continue
            below = node.value if isinstance(node, SequenceNode) else [each for pair in node.value for each in pair]
            open_nodes += [each for each in reversed(below) if id(each) not in seen]
            seen.update(map(id, below))

    def _revisit(self, node: Node, known: int) -> int:
        if known == 0:
            return self._fail(node, "alias-bomb", "an anchor that contains an alias of itself")
        self.decoded += known + 1
        self.aliased += known
        if self.aliased > 100 and self.decoded > 1000 and self.aliased / self.decoded > _allowed_aliases(self.decoded):
            return self._fail(node, "alias-bomb", f"the aliases of this anchor expand to {self.aliased:,} values")
        return known + 1

    def _sequence(self, node: Node, depth: int) -> int:
        total = scalars = 0
        for item in node.value:
            if item.__class__ is ScalarNode:
                scalars += 1
            else:
                self.decoded += scalars
                total += scalars + self.visit(item, depth + 1)
                scalars = 0
        self.decoded += scalars
        return total + scalars

    def _mapping(self, node: MappingNode, depth: int) -> int:
        seen: dict[str, ScalarNode] = {}
        total = scalars = 0
        for key, value in node.value:
            if key.__class__ is not ScalarNode:
                self._fail(key, "syntax", "a mapping or a list cannot be a key")
                return 0
            text = key.value
            if text in _SPECIAL_KEYS and key.tag == PLAIN:
                self._special_key(key, value)
            elif text in seen:
                self._duplicate(key, seen[text])
            seen.setdefault(text, key)
            if value.__class__ is ScalarNode:
                scalars += 2
            else:
                self.decoded += scalars + 1
                total += scalars + 1 + self.visit(value, depth + 1)
                scalars = 0
        self.decoded += scalars
        return total + scalars

    def _special_key(self, key: ScalarNode, value: Node) -> None:
        if key.value != MERGE:
            self._fail(key, "syntax", "null cannot be a key")
            return
        merged = value.value if isinstance(value, SequenceNode) else [value]
        if not all(isinstance(each, MappingNode) for each in merged):
            self._fail(key, "syntax", "a merge key takes a mapping or a list of mappings")

    def _duplicate(self, key: ScalarNode, first: ScalarNode) -> None:
        message = f"the key '{key.value}' occurs twice in this mapping; the first one is lost"
        related = (first.start_mark.index, first.end_mark.index)
        start, end = key.start_mark.index, key.end_mark.index
        self.duplicates.append(SourceProblem(start, end, "duplicate-key", message, related))

    def _fail(self, node: Node, kind: ProblemKind, message: str) -> int:
        if self.fatal is None:
            start, end = _at_least_one(self.text, node.start_mark.index)
            self.fatal = SourceProblem(start, end, kind, message)
        return 0


def _allowed_aliases(decoded: int) -> float:
    """Which part of the nodes may come from aliases (`kubernetes-sigs/yaml goyaml.v2/decode.go`, `allowedAliasRatio`).

    This bounds what a document expands to as well: by 1.2 million nodes beside those that are written.
    """
    low, high = 400_000, 4_000_000
    return 0.99 - 0.89 * (min(max(decoded, low), high) - low) / (high - low)
