"""The namespace that kustomizations give to the files they list."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from gpulint.kube.tree import is_placeholder
from gpulint.source import Source
from gpulint.source.roles import KUSTOMIZATION_NAMES


def namespaces(sources: Iterable[Source]) -> dict[str, str]:
    """File → namespace, for the files that one kustomization with a `namespace` reaches; nothing where two disagree."""
    kustomizations = _kustomizations(sources)
    given: dict[str, set[str]] = {}
    for folder, data in kustomizations.items():
        namespace = data.get("namespace")
        if isinstance(namespace, str) and namespace and not is_placeholder(namespace):
            for path in _reached(folder, kustomizations, set()):
                given.setdefault(path, set()).add(namespace)
    return {path: names.pop() for path, names in given.items() if len(names) == 1}


def _kustomizations(sources: Iterable[Source]) -> dict[str, Mapping[str, object]]:
    """Folder → the kustomization that `kustomize build` finds there."""
    return {
        posixpath.dirname(source.path): data
        for source in sources
        if source.role == "kustomization" and posixpath.basename(source.path) in KUSTOMIZATION_NAMES
        for document in source.documents()
        if isinstance(data := document.data(), Mapping)
    }


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


_LISTS = ("resources", "components", "bases")
"""The fields that name files or folders; `bases` is what older kustomizations have."""
