"""What kustomizations do to the files they list: the namespace they give, the ConfigMaps they make."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from gpulint.kube.tree import is_placeholder, mappings, sequence, text
from gpulint.manifest import Place
from gpulint.source import Source
from gpulint.source.roles import KUSTOMIZATION_NAMES


def namespaces(sources: Iterable[Source]) -> dict[str, str]:
    """File → namespace, for the files that one kustomization with a `namespace` reaches; nothing where two disagree.

    A Kustomization of Flux gives its `targetNamespace` to the build of its `path`, after all others.
    """
    sources = tuple(sources)
    kustomizations = _kustomizations(sources)
    given: dict[str, set[str]] = {}
    for folder, data in kustomizations.items():
        for path in _reached(folder, kustomizations, set()):
            _give(given, path, data.get("namespace"))
    by_flux: dict[str, set[str]] = {}
    for folder, namespace in _targets(sources):
        for path in _built(folder, kustomizations, sources):
            _give(by_flux, path, namespace)
    return {path: names.pop() for path, names in {**given, **by_flux}.items() if len(names) == 1}


def _give(given: dict[str, set[str]], path: str, namespace: object) -> None:
    if isinstance(namespace, str) and namespace and not is_placeholder(namespace):
        given.setdefault(path, set()).add(namespace)


def _targets(sources: Iterable[Source]) -> Iterator[tuple[str, object]]:
    """Folder and namespace of each Kustomization of Flux that has both."""
    for source in sources:
        for document in source.documents():
            if document.kind != "Kustomization" or not document.api_version.startswith(_FLUX_GROUP):
                continue
            data = document.data()
            spec = data.get("spec") if isinstance(data, Mapping) else None
            if isinstance(spec, Mapping) and spec.get("targetNamespace") and text(spec.get("path")):
                yield posixpath.normpath(text(spec["path"]).lstrip("/")), spec["targetNamespace"]


def _built(folder: str, kustomizations: Mapping[str, Mapping[str, object]], sources: Iterable[Source]) -> set[str]:
    """The files that Flux builds of a folder: what its kustomization reaches, else all that is in it."""
    if folder in kustomizations:
        return set(_reached(folder, kustomizations, set()))
    return {source.path for source in sources if source.path.startswith(f"{folder}/")}


@dataclass(frozen=True, slots=True)
class Build:
    """What `kustomize build` makes of one folder."""

    folder: str
    files: frozenset[str]
    """The files it reaches, those of the kustomizations it lists and its own included."""
    folders: frozenset[str]
    """The folders of these kustomizations."""
    component: bool
    """True where it is only built as a part of others, whose files its patches change."""


def builds(sources: Iterable[Source]) -> tuple[Build, ...]:
    """The builds of all kustomizations, sorted by folder."""
    return _builds(tuple(sources))


@lru_cache(maxsize=2)  # several facts ask about the same input
def _builds(sources: tuple[Source, ...]) -> tuple[Build, ...]:
    kustomizations = _kustomizations(sources)
    own = {posixpath.dirname(source.path): source.path for source in sources if _is_kustomization(source)}
    found = []
    for folder in sorted(kustomizations):
        seen: set[str] = set()
        files = set(_reached(folder, kustomizations, seen)) | {own[each] for each in seen}
        component = kustomizations[folder].get("kind") == "Component"
        found.append(Build(folder, frozenset(files), frozenset(seen), component))
    return tuple(found)


def patched_files(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """Folder → the files that the patches of its kustomization apply to; those of a component where it is included."""
    found = builds(sources)
    own = {each.folder: each for each in found}
    included: dict[str, set[str]] = {}
    for each in found:
        for folder in each.folders:
            if own[folder].component:
                included.setdefault(folder, set()).update(each.files)
    return {folder: frozenset(included.get(folder, each.files)) for folder, each in own.items()}


@dataclass(frozen=True, slots=True)
class Generated:
    """A ConfigMap that a kustomization makes."""

    name: str
    """Without the prefix and the hash that may be added."""
    namespace: str
    """Empty when unknown."""
    files: Mapping[str, str]
    """Key → path of the file with its value."""
    others: tuple[str, ...]
    """Keys whose values stand in the kustomization itself."""
    open: bool
    """True where keys come from files of variables, which are not read."""
    place: Place
    """Its name."""

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.place.document.source.path)


def generated(sources: Iterable[Source]) -> tuple[Generated, ...]:
    """Every entry of a `configMapGenerator`, in the order of the input."""
    return tuple(
        _generated(entry, data, Place(document, ("configMapGenerator", index, "name")))
        for source in sources
        if source.role == "kustomization"
        for document in source.documents()
        if isinstance(data := document.data(), Mapping)
        for index, entry in mappings(data.get("configMapGenerator"))
        if text(entry.get("name"))
    )


def _generated(entry: Mapping[str, object], data: Mapping[str, object], place: Place) -> Generated:
    folder = posixpath.dirname(place.document.source.path)
    files = {}
    for written in map(text, sequence(entry.get("files"))):
        key, equals, path = written.partition("=")
        path = path if equals else key
        files[key if equals else posixpath.basename(key)] = posixpath.normpath(posixpath.join(folder, path))
    literals = (text(each).partition("=")[0] for each in sequence(entry.get("literals")))
    return Generated(
        name=text(entry.get("name")),
        namespace=text(data.get("namespace")) or text(entry.get("namespace")),
        files=files,
        others=tuple(literals),
        open=any(entry.get(key) for key in ("env", "envs", "behavior")),
        place=place,
    )


def _kustomizations(sources: Iterable[Source]) -> dict[str, Mapping[str, object]]:
    """Folder → the kustomization that `kustomize build` finds there."""
    return {
        posixpath.dirname(source.path): data
        for source in sources
        if _is_kustomization(source)
        for document in source.documents()
        if isinstance(data := document.data(), Mapping)
    }


def _is_kustomization(source: Source) -> bool:
    return source.role == "kustomization" and posixpath.basename(source.path) in KUSTOMIZATION_NAMES


def _reached(folder: str, kustomizations: Mapping[str, Mapping[str, object]], seen: set[str]) -> Iterator[str]:
    """The files that end up in the build of a folder; what a remote address brings is not known."""
    if folder in seen:
        return
    seen.add(folder)
    for field in _LISTS:
        entries = kustomizations[folder].get(field)
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, str) or "://" in entry:
                continue
            path = posixpath.normpath(posixpath.join(folder, entry))
            path = "" if path == "." else path
            if path in kustomizations:
                yield from _reached(path, kustomizations, seen)
            else:
                yield path


_FLUX_GROUP = "kustomize.toolkit.fluxcd.io/"
_LISTS = ("resources", "components", "bases")
"""The fields that name files or folders; `bases` is what older kustomizations have."""
