"""One Kubernetes object: identity, plain data, and places in its text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gpulint.finding import Location, ObjectRef
from gpulint.frozen import frozen
from gpulint.source import Document, Embedded, Path, Source, Token

MAX_LIST_DEPTH = 8
"""Lists in Lists beyond this are not looked into."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NO_DATA: Mapping[str, object] = {}


@frozen
class Place:
    """Something a finding can point at; turned into a location late."""

    document: Document
    path: Path
    inner: tuple[Path, ...] = ()
    """A path inside the YAML that the string at `path` holds, one inside the YAML of a string in there, and so on."""
    token: Token = "value"
    extent: tuple[int, int] | None = None
    """Offsets in the text of the source, for what is no part of a YAML tree: a word of a script, a syntax error."""

    @classmethod
    def at(cls, source: Source, start: int, end: int) -> Place:
        """A stretch of the text of a source."""
        documents = source.documents()
        inside = next((each for each in documents if each.start <= start < each.end), None)
        return cls(inside or Document(source, 0, 0, len(source.text), "", "", matters=False), (), extent=(start, end))

    def span(self) -> tuple[int, int]:
        """Offsets in the text of the source."""
        if self.extent is not None:
            return self.extent
        holder: Document | Embedded = self.document
        path = self.path
        for inner in self.inner:
            embedded = holder.embedded(path)
            if embedded is None:
                return holder.span(path)
            holder, path = embedded, inner
        return holder.span(path, token=self.token)

    def embedded(self) -> Embedded | None:
        """The YAML that the string at this place holds; None where there is no string."""
        holder: Document | Embedded | None = self.document
        path = self.path
        for inner in self.inner:
            holder = holder.embedded(path) if holder else None
            path = inner
        return holder.embedded(path) if holder else None

    def below(self, *steps: str | int, token: Token = "value") -> Place:
        """A place in what stands at this place."""
        if not self.inner:
            return replace(self, path=(*self.path, *steps), token=token)
        return replace(self, inner=(*self.inner[:-1], (*self.inner[-1], *steps)), token=token)

    def keyed(self) -> Place:
        """The key of what stands at this place."""
        return replace(self, token="key")

    def into(self, path: Path, token: Token = "value") -> Place:
        """A place in the YAML that the string at this place holds."""
        return replace(self, inner=(*self.inner, path), token=token)

    def location(self) -> Location:
        """File, line and column."""
        return self.document.source.location(*self.span())

    def field(self) -> str:
        """The canonical name of the field: `spec.containers[0].resources.limits["nvidia.com/gpu"]`."""
        return ".".join(filter(None, map(field_name, (self.path, *self.inner))))


@dataclass(eq=False, slots=True)
class Manifest:
    """A Kubernetes object of a document: the document itself, or one member of a List."""

    document: Document
    root: Path
    """Where the object is in the document: `()`, or `("items", 3)` for members of a List."""
    group: str
    """Empty for the core group."""
    version: str
    kind: str
    namespace: str
    """Empty where the manifest names none."""
    name: str
    """As written, `generateName` included; empty where there is neither."""
    _data: Mapping[str, object] | None = field(default=None, repr=False)

    @property
    def data(self) -> Mapping[str, object]:
        """The plain data of the object; of a broken document nothing."""
        if self._data is None:
            data = _at(self.document.data(), self.root)
            self._data = data if isinstance(data, dict) else _NO_DATA
        return self._data

    def ref(self) -> ObjectRef:
        """What reports call the object."""
        return ObjectRef(self.group, self.version, self.kind, self.namespace, self.name)

    def folder(self) -> str:
        """The folder of the file, relative to the root of the run; empty for the root itself."""
        return posixpath.dirname(self.document.source.path)

    def get(self, *path: str | int) -> object:
        """The value at a path; None when it is absent or something on the way has another shape."""
        return _at(self.data, path)

    def place(self, *path: str | int, token: Token = "value") -> Place:
        """A place inside the object."""
        return Place(self.document, (*self.root, *path), token=token)


def manifests(document: Document) -> list[Manifest]:
    """The objects of a document: itself, or the members of a List; none when it is no Kubernetes object."""
    return list(_objects(document, document.data(), (), 0))


def place_key(place: Place) -> Hashable:
    """Equal for places that are the same; sorts by file, document and path."""
    document = place.document
    return (
        document.source.path,
        document.index,
        _sortable(place.path),
        tuple(map(_sortable, place.inner)),
        place.token,
        place.extent or (),
    )


def api_group(api_version: str) -> tuple[str, str]:
    """`apps/v1` → `("apps", "v1")`, `v1` → `("", "v1")`."""
    group, _, version = api_version.rpartition("/")
    return group, version


def field_name(path: Path) -> str:
    """A path in the notation of kubectl: `.key` where the key is plain, `["…"]` where it is not, `[0]` in lists."""
    return "".join(_field_step(step) for step in path).removeprefix(".")


def _objects(document: Document, data: object, root: Path, depth: int) -> Iterator[Manifest]:
    if not isinstance(data, dict):
        return
    api_version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str) or not api_version or not kind:
        return
    items = data.get("items")
    if kind.endswith("List") and isinstance(items, list):
        if depth < MAX_LIST_DEPTH:
            for index, item in enumerate(items):
                yield from _objects(document, _member(item, api_version, kind), (*root, "items", index), depth + 1)
        return
    group, version = api_group(api_version)
    if (group, kind) in _WRAPPERS:
        inner = [
            each
            for path, member in _members(data, _WRAPPERS[group, kind])
            for each in _objects(document, member, (*root, *path), depth + 1)
        ]
        if inner and depth < MAX_LIST_DEPTH:
            yield from inner
            return
    metadata = data.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = _text(named.get("name")) or _text(named.get("generateName"))
    yield Manifest(document, root, group, version, kind, _text(named.get("namespace")), name)


_WRAPPERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("policy.open-cluster-management.io", "Policy"): ("spec", "policy-templates", "*", "objectDefinition"),
    ("policy.open-cluster-management.io", "ConfigurationPolicy"): ("spec", "object-templates", "*", "objectDefinition"),
    ("work.open-cluster-management.io", "ManifestWork"): ("spec", "workload", "manifests", "*"),
    ("template.openshift.io", "Template"): ("objects", "*"),
    ("kubernetes.crossplane.io", "Object"): ("spec", "forProvider", "manifest"),
    ("hive.openshift.io", "SyncSet"): ("spec", "resources", "*"),
    ("hive.openshift.io", "SelectorSyncSet"): ("spec", "resources", "*"),
}
"""Objects that only carry other objects to a cluster, and where those stand in them."""


def _members(data: object, pattern: tuple[str, ...], path: Path = ()) -> Iterator[tuple[Path, object]]:
    if not pattern:
        yield path, data
    elif pattern[0] == "*":
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _members(item, pattern[1:], (*path, index))
    elif isinstance(data, dict) and pattern[0] in data:
        yield from _members(data[pattern[0]], pattern[1:], (*path, pattern[0]))


def _member(item: object, api_version: str, list_kind: str) -> object:
    """Members of a typed list (NodeList) may leave out what the list says of all."""
    if list_kind == "List" or not isinstance(item, dict) or "kind" in item:
        return item
    return {"apiVersion": api_version, "kind": list_kind.removesuffix("List"), **item}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _at(data: object, path: Path) -> object:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
            data = data[step]
        else:
            return None
    return data


def _field_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.fullmatch(step):
        return f".{step}"
    escaped = step.replace("\\", "\\\\").replace('"', '\\"')
    return f'["{escaped}"]'


def _sortable(path: Path) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, step, "") if isinstance(step, int) else (1, 0, step) for step in path)
