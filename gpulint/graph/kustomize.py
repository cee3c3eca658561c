"""What kustomizations do to the files they list: the namespace they give, the ConfigMaps they make."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

from gpulint.frozen import frozen
from gpulint.kube.tree import get, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Place
from gpulint.source import Document, Source
from gpulint.source.roles import KUSTOMIZATION_NAMES


def namespaces(sources: Iterable[Source]) -> dict[str, str]:
    """File → namespace, for the files that one kustomization with a `namespace` reaches; nothing where two disagree.

    A Kustomization of Flux gives its `targetNamespace` to the build of its `path`, after all others. An Application of
    Argo CD gives that of its `destination` to what names none, and so does Helm with that of a release.
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
    by_default = _defaults(sources, kustomizations)
    return {path: names.pop() for path, names in {**by_default, **given, **by_flux}.items() if len(names) == 1}


def _defaults(sources: tuple[Source, ...], kustomizations: Mapping[str, Mapping[str, object]]) -> dict[str, set[str]]:
    """The namespaces that files get in which no object names its own."""
    found: dict[str, set[str]] = {}
    open_ = {source.path for source in sources if not any(each.namespace for each in source.documents())}
    for application in _applications(sources):
        for path in _applied(application, kustomizations, sources) & open_:
            _give(found, path, application.namespace)
    for source in sources:
        if source.render is not None and source.path in open_:
            _give(found, source.path, source.render.namespace)
    return found


@frozen
class _Application:
    """What an Application of Argo CD applies from a folder, and where."""

    folder: str
    recurse: bool
    namespace: str
    cluster: str


def are_apart(sources: tuple[Source, ...], one: Source, other: Source) -> bool:
    """Whether something tells that two files are for different clusters.

    Applications with other destinations do, and two renders that share files: they are variants of one thing.
    """
    if one is other:
        return False
    if one.render is not None and other.render is not None:
        return not one.render.files.keys().isdisjoint(other.render.files)
    found = _destinations(_Same(sources))
    first, second = found.get(one.path), found.get(other.path)
    return first is not None and second is not None and first.isdisjoint(second)


_T = TypeVar("_T")


class _Same(Generic[_T]):
    """One and the same tuple as a key: comparing all that is in it would cost more than what it is the key of."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[_T, ...]) -> None:
        self.items = items

    def __hash__(self) -> int:
        return id(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.items is self.items


@lru_cache(maxsize=2)
def _destinations(same: _Same[Source]) -> dict[str, frozenset[str]]:
    return destinations(same.items)


def destinations(sources: Iterable[Source]) -> dict[str, frozenset[str]]:
    """File → the clusters, by address or name, that Applications of Argo CD apply it to."""
    sources = tuple(sources)
    kustomizations = _kustomizations(sources)
    found: dict[str, set[str]] = {}
    for application in _applications(sources):
        if application.cluster and not is_placeholder(application.cluster):
            for path in _applied(application, kustomizations, sources):
                found.setdefault(path, set()).add(application.cluster)
    return {path: frozenset(clusters) for path, clusters in found.items()}


def _applications(sources: Iterable[Source]) -> Iterator[_Application]:
    for source in sources:
        for document in source.documents():
            if document.kind not in {"Application", "ApplicationSet"} or not document.api_version.startswith(
                "argoproj"
            ):
                continue
            spec = mapping(get(document.data(), ("spec",)))
            if document.kind == "ApplicationSet":
                spec = mapping(get(spec, ("template", "spec")))
            to = mapping(spec.get("destination"))
            cluster = text(to.get("server")) or text(to.get("name"))
            for part in (mapping(spec.get("source")), *(each for _, each in mappings(spec.get("sources")))):
                path = text(part.get("path"))
                if path and not is_placeholder(path):
                    recurse = mapping(part.get("directory")).get("recurse") is True
                    folder = posixpath.normpath(path.strip("/"))
                    yield _Application(folder, recurse, text(to.get("namespace")), cluster)


def _applied(
    application: _Application, kustomizations: Mapping[str, Mapping[str, object]], sources: Iterable[Source]
) -> set[str]:
    """The files that Argo CD builds of a folder: what its kustomization reaches, else the manifests in it."""
    if application.folder in kustomizations:
        return set(_reached(application.folder, kustomizations, set()))
    folder = application.folder
    inside = _below(folder, sources)
    return inside if application.recurse else {path for path in inside if posixpath.dirname(path) == folder}


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
    return _below(folder, sources)


def _below(folder: str, sources: Iterable[Source]) -> set[str]:
    """The files in a folder and in those below it."""
    paths = _paths(_Same(tuple(sources)))
    return set(paths[bisect_left(paths, f"{folder}/") : bisect_left(paths, f"{folder}{_AFTER_SLASH}")])


_AFTER_SLASH = chr(ord("/") + 1)


@lru_cache(maxsize=2)
def _paths(same: _Same[Source]) -> list[str]:
    return sorted(source.path for source in same.items)


def patched_by_flux(sources: Iterable[Source]) -> Iterator[tuple[Document, frozenset[str]]]:
    """Each Kustomization of Flux that has patches, and the files that it builds."""
    sources = tuple(sources)
    kustomizations = _kustomizations(sources)
    for source in sources:
        for document in source.documents():
            if document.kind == "Kustomization" and document.api_version.startswith(_FLUX_GROUP):
                path = text(get(document.data(), ("spec", "path")))
                if path and not is_placeholder(path) and get(document.data(), ("spec", "patches")):
                    folder = posixpath.normpath(path.lstrip("/"))
                    yield document, frozenset(_built("" if folder == "." else folder, kustomizations, sources))


@frozen
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
    return _builds(_Same(tuple(sources)))


def are_built_together(found: Iterable[Build], one: str, other: str) -> bool:
    """Whether some build reaches both files."""
    by_file = _by_file(_Same(tuple(found)))
    return not by_file.get(one, frozenset()).isdisjoint(by_file.get(other, ()))


@lru_cache(maxsize=2)
def _by_file(same: _Same[Build]) -> dict[str, frozenset[str]]:
    folders: dict[str, set[str]] = {}
    for build in same.items:
        for file in build.files:
            folders.setdefault(file, set()).add(build.folder)
    return {file: frozenset(found) for file, found in folders.items()}


@lru_cache(maxsize=2)  # several facts ask about the same input
def _builds(same: _Same[Source]) -> tuple[Build, ...]:
    sources = same.items
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


@frozen
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
