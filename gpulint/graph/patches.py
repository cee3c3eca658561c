"""Kustomize patches: files that a kustomization names as such, and texts in the kustomization itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gpulint.manifest import Place
from gpulint.source import Document, Source

_INLINE = ("patches", "patchesJson6902")
_CONFIG_MAP_DATA = "/data"


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch: a partial object (strategic merge), or a list of operations (JSON 6902)."""

    data: object
    root: Place

    def texts(self) -> Iterator[tuple[str, Place]]:
        """Keys and places of the texts that it puts into the data of ConfigMaps."""
        if isinstance(self.data, list):
            for index, operation in enumerate(self.data):
                if isinstance(operation, Mapping):
                    yield from _operation(operation, self.root.below(index, "value"))
        elif isinstance(self.data, Mapping) and self.data.get("kind") == "ConfigMap":
            yield from _texts(self.data.get("data"), self.root.below("data"))


def patches(sources: Iterable[Source]) -> Iterator[Patch]:
    """Every patch of the input, in its order."""
    for source in sources:
        for document in source.documents() if source.role in {"patch", "kustomization"} else ():
            if source.role == "patch":
                yield Patch(document.data(), Place(document, ()))
            else:
                yield from _inline(document)


def _inline(document: Document) -> Iterator[Patch]:
    data = document.data()
    if not isinstance(data, Mapping):
        return
    for field in _INLINE:
        entries = data.get(field)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, Mapping) and isinstance(entry.get("patch"), str):
                yield from _text(Place(document, (field, index, "patch")))
    merged = data.get("patchesStrategicMerge")
    for index, entry in enumerate(merged if isinstance(merged, list) else ()):
        if isinstance(entry, str) and "\n" in entry:
            yield from _text(Place(document, ("patchesStrategicMerge", index)))


def _text(place: Place) -> Iterator[Patch]:
    embedded = place.embedded()
    if embedded is not None and embedded.node() is not None:
        yield Patch(embedded.data(), place.into(()))


def _operation(operation: Mapping[str, object], place: Place) -> Iterator[tuple[str, Place]]:
    path, value = operation.get("path"), operation.get("value")
    if not isinstance(path, str) or not path.startswith(_CONFIG_MAP_DATA):
        return
    if isinstance(value, str):
        yield path.removeprefix(_CONFIG_MAP_DATA + "/").replace("~1", "/").replace("~0", "~"), place
    elif path == _CONFIG_MAP_DATA:
        yield from _texts(value, place)


def _texts(data: object, place: Place) -> Iterator[tuple[str, Place]]:
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, str):
            yield str(key), place.below(key)
