"""Sources, their documents, and the YAML that documents carry in their strings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yaml.nodes import Node, ScalarNode

from gpulint.finding import Location
from gpulint.source.compose import SourceProblem, compose
from gpulint.source.embedded import OffsetMap
from gpulint.source.plain import plain_data
from gpulint.source.roles import is_named_values
from gpulint.source.scan import IGNORED_KINDS, Header, can_matter, chunks, header, identity, looks_like_requests
from gpulint.source.spans import Path, Token, locate, span
from gpulint.source.text import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpulint.source.rendering import Render
    from gpulint.source.roles import Role

_TEMPLATE = re.compile(r"\{\{|\{%|^[ \t]*\$\{?\w+\}?[ \t]*$", re.M)
"""Actions of Go templates and Jinja, and placeholders on a line of their own: `envsubst` fills in whole blocks."""


@dataclass(slots=True, eq=False)
class Source:
    """One file, or standard input."""

    path: str
    """Relative to the root of the run, with `/`."""
    text: str
    """Without byte-order mark; offsets are code points into it."""
    role: Role
    problems: tuple[SourceProblem, ...] = ()
    """What is wrong with the file as such: undecodable bytes, size, a link that leads nowhere."""
    render: Render | None = None
    """What it was made of, for the text that a chart or overlay comes to."""
    _documents: tuple[Document, ...] | None = field(default=None, repr=False)
    _lines: Lines | None = field(default=None, repr=False)

    def documents(self) -> tuple[Document, ...]:
        """The documents that hold anything; found without parsing, none in files that are not read as YAML."""
        if self._documents is None:
            self._documents = tuple(self._split()) if self.role not in _NOT_DOCUMENTS else ()
        return self._documents

    def forget(self) -> None:
        """Drop the documents. They refer back to the source: both stay in memory where no cycles are collected."""
        self._documents = None

    def location(self, start: int, end: int) -> Location:
        """The place of `text[start:end]`."""
        if self._lines is None:
            self._lines = Lines(self.text)
        line, column = self._lines.position(start)
        end_line, end_column = self._lines.position(max(start, end))
        return Location(self.path, line, column, end_line, end_column)

    def _split(self) -> list[Document]:
        spans = chunks(self.text)
        return [_document(self, index, start, end) for index, (start, end) in enumerate(spans)]


_NOT_DOCUMENTS: frozenset[Role] = frozenset({"helm-template", "chart", "shell"})


@dataclass(slots=True, eq=False)
class Document:
    """One document of a source. It is parsed when somebody first asks for more than its header."""

    source: Source
    index: int
    """Its place among the documents of the source, from 0."""
    start: int
    end: int
    api_version: str
    """This and the next three by a scan of the text: empty where it saw nothing."""
    kind: str
    matters: bool
    """Whether the document can matter to a linter of GPU manifests."""
    _identity: tuple[str, str] | None = field(default=None, repr=False)
    _tree: _Tree | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The part of the source that is this document."""
        return self.source.text[self.start : self.end]

    @property
    def name(self) -> str:
        return self._identify()[0]

    @property
    def namespace(self) -> str:
        return self._identify()[1]

    @property
    def is_template(self) -> bool:
        """Whether the document holds template actions and does not parse."""
        return _TEMPLATE.search(self.text) is not None and self.node() is None and bool(self.problems())

    @property
    def is_flow(self) -> bool:
        """Whether the document is JSON, or YAML written like it."""
        return self.text.lstrip().startswith("{")

    def node(self) -> Node | None:
        """The root of the YAML tree; None where the document is broken."""
        return self._parsed().root

    def problems(self) -> tuple[SourceProblem, ...]:
        """Syntax errors, duplicate keys, bounds; offsets into the text of the source."""
        return self._parsed().problems

    def data(self) -> object:
        """Plain data as Kubernetes reads YAML; None where the document is broken."""
        return self._parsed().data()

    def exists(self, path: Path) -> bool:
        """Whether there is anything at `path`."""
        return self._parsed().exists(path)

    def span(self, path: Path, *, token: Token = "value") -> tuple[int, int]:
        """Offsets in the text of the source of the value or the key at `path`.

        Of a missing path those of the key of its deepest existing ancestor; of a broken document its first line.
        """
        return self._parsed().span(path, token)

    def embedded(self, path: Path) -> Embedded | None:
        """The YAML that the string at `path` holds; None where there is no string."""
        return self._parsed().embedded(self.source, path)

    def read_header(self) -> None:
        """Take the header from the parsed document, where the scan of the text was not sure."""
        data = self.data()
        if not isinstance(data, dict):
            return
        api_version, kind = data.get("apiVersion"), data.get("kind")
        if isinstance(api_version, str) and isinstance(kind, str):
            self.api_version, self.kind = api_version, kind
            self.matters = can_matter(self.text, Header(api_version, kind))
            self._identity = _identity(data.get("metadata"))

    def release(self) -> None:
        """Forget the tree and the data; they are built again when asked for."""
        self._tree = None

    def _identify(self) -> tuple[str, str]:
        if self._identity is None:
            self._identity = identity(self.text)
        return self._identity

    def _parsed(self) -> _Tree:
        if self._tree is None:
            self._tree = _Tree(self, self.start, None, keeps_nodes=self.kind == "ConfigMap")
        return self._tree


class Embedded:
    """YAML inside a string of a document, such as a value of a ConfigMap. Places are those in the outer source."""

    __slots__ = ("_source", "_tree", "text")

    def __init__(self, source: Source, text: str, places: OffsetMap, base: int) -> None:
        self._source = source
        self.text = text
        """The value of the string."""
        self._tree = _Tree(self, base, places, keeps_nodes=False)

    def node(self) -> Node | None:
        """The root of the YAML tree, its marks relative to `text`; None where it is broken."""
        return self._tree.root

    def problems(self) -> tuple[SourceProblem, ...]:
        """As for a document."""
        return self._tree.problems

    def data(self) -> object:
        """As for a document; a string that is no YAML collection is data as well."""
        return self._tree.data()

    def exists(self, path: Path) -> bool:
        """Whether there is anything at `path`."""
        return self._tree.exists(path)

    def span(self, path: Path, *, token: Token = "value") -> tuple[int, int]:
        """As for a document."""
        return self._tree.span(path, token)

    def outer(self, start: int, end: int) -> tuple[int, int]:
        """Offsets into `text` → offsets into the text of the source."""
        return self._tree.outer(start, end)

    def embedded(self, path: Path) -> Embedded | None:
        """YAML within YAML within YAML."""
        return self._tree.embedded(self._source, path)


class _Tree:
    """One composed text, and how its offsets relate to those of the source.

    Nodes take ten times the memory of the data, and few documents are asked for positions: so they are made again.
    """

    __slots__ = ("_base", "_data", "_embedded", "_keeps_nodes", "_of", "_places", "_root", "_with_data", "problems")

    def __init__(self, of: Document | Embedded, base: int, places: OffsetMap | None, *, keeps_nodes: bool) -> None:
        self._of = of
        self._base = base
        self._places = places
        self._keeps_nodes = keeps_nodes
        """Whether there may be strings with YAML in them, whose places are asked for soon."""
        self._root, problems = compose(of.text)
        if self._root is None:
            self._keeps_nodes = True
        self.problems = tuple(sorted(self._outer_problem(problem) for problem in problems))
        self._data: object = None
        self._with_data = False
        self._embedded: dict[Path, Embedded | None] = {}

    @property
    def root(self) -> Node | None:
        if self._root is None and not self._keeps_nodes:
            self._root, self._keeps_nodes = compose(self._of.text)[0], True
        return self._root

    def data(self) -> object:
        if not self._with_data:
            self._data, self._with_data = plain_data(self.root), True
            if not self._keeps_nodes:
                self._root = None
        return self._data

    def exists(self, path: Path) -> bool:
        return self.root is not None and locate(self.root, path).depth == len(path)

    def span(self, path: Path, token: Token) -> tuple[int, int]:
        if self.root is None:
            return self.outer(*_first_line(self._of.text))
        return self.outer(*span(self._of.text, self.root, path, token))

    def embedded(self, source: Source, path: Path) -> Embedded | None:
        if path not in self._embedded:
            self._embedded[path] = self._embed(source, path)
        return self._embedded[path]

    def outer(self, start: int, end: int) -> tuple[int, int]:
        """Offsets of the text → offsets of the source."""
        if self._places is not None:
            start, end = self._places.span(start, end)
        return self._base + start, self._base + end

    def _outer_problem(self, problem: SourceProblem) -> SourceProblem:
        start, end = self.outer(problem.start, problem.end)
        related = None if problem.related is None else self.outer(*problem.related)
        return replace(problem, start=start, end=end, related=related)

    def _embed(self, source: Source, path: Path) -> Embedded | None:
        if self.root is None:
            return None
        spot = locate(self.root, path)
        if spot.depth < len(path) or not isinstance(spot.value, ScalarNode):
            return None
        places = OffsetMap(self._of.text, spot.value)
        if self._places is not None:
            return Embedded(source, spot.value.value, _Nested(places, self._places), self._base)
        return Embedded(source, spot.value.value, places, self._base)


class _Nested(OffsetMap):
    """A scalar inside the text of a scalar."""

    def __init__(self, inner: OffsetMap, outer: OffsetMap) -> None:
        self._maps: Sequence[OffsetMap] = (inner, outer)

    def span(self, start: int, end: int) -> tuple[int, int]:
        for places in self._maps:
            start, end = places.span(start, end)
        return start, end


def _document(source: Source, index: int, start: int, end: int) -> Document:
    text = source.text[start:end]
    seen: Header = header(text)
    matters = source.role == "kustomization" or (source.role != "machines" and can_matter(text, seen))
    if not matters and not seen.kind and (source.role == "helm-values" or is_named_values(source.path)):
        matters = looks_like_requests(text)
    if source.render is not None:  # comments, which may be all that spoke of GPUs, are lost in rendering
        matters = seen.kind not in IGNORED_KINDS
    return Document(source, index, start, end, seen.api_version, seen.kind, matters)


def _identity(metadata: object) -> tuple[str, str]:
    if not isinstance(metadata, dict):
        return "", ""
    name, namespace = metadata.get("name"), metadata.get("namespace")
    return name if isinstance(name, str) else "", namespace if isinstance(namespace, str) else ""


def _first_line(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return start, len(text) if end < 0 else end
