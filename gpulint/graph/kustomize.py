"""The namespace that kustomizations give to the files they list."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from gpulint.source import Source


def namespaces(sources: Iterable[Source]) -> dict[str, str]:
    """File → namespace, for the files that one kustomization with a `namespace` reaches; nothing where two disagree."""
    kustomizations = {source.path.rpartition("/")[0]: data for source in sources for data in _kustomization(source)}
    given: dict[str, set[str]] = {}
    for folder, data in kustomizations.items():
        namespace = data.get("namespace")
        if isinstance(namespace, str) and namespace:
            for path in _reached(folder, kustomizations, set()):
                given.setdefault(path, set()).add(namespace)
    return {path: names.pop() for path, names in given.items() if len(names) == 1}


def _kustomization(source: Source) -> Iterator[Mapping[str, object]]:
    if source.role == "kustomization":
        for document in source.documents():
            data = document.data()
            if isinstance(data, Mapping):
                yield data


def _reached(folder: str, kustomizations: Mapping[str, Mapping[str, object]], seen: set[str]) -> Iterator[str]:
    if folder in seen:
        return
    seen.add(folder)
    resources = kustomizations[folder].get("resources")
    for entry in resources if isinstance(resources, list) else []:
        if not isinstance(entry, str) or "://" in entry:
            continue
        path = posixpath.normpath(posixpath.join(folder, entry))
        if path in kustomizations:
            yield from _reached(path, kustomizations, seen)
        else:
            yield path
