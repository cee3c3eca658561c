"""What kustomizations of the input change of a pod: what its template says of that may not be what is applied."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import lru_cache

from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.kustomize import patched_by_flux, patched_files
from gpulint.graph.patches import Patch, named_patches, patches_of_flux, patches_of_kustomization
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import get, mappings, text
from gpulint.manifest import Manifest

PLACEMENT = ("nodeSelector", "affinity", "tolerations")
"""The fields of a pod spec that decide where it may run."""


@lru_cache(maxsize=2)  # several facts ask about the same input
def patched(graph: Graph) -> Patched:
    """What the kustomizations of the input change."""
    return Patched(graph)


@frozen
class _Unread:
    """A patch in a file that names no GPU, so that it is not at hand."""

    path: str
    kind: str
    """Of its target; empty where the file itself tells."""
    name: str

    def is_for(self, manifest: Manifest) -> bool:
        """Whether it may be meant for an object: by its target, else by what the file is called."""
        if self.kind or self.name:
            return Patch(None, manifest.place(), None, self.kind, self.name).targets(manifest.kind, manifest.name)
        called = posixpath.basename(self.path).lower()
        return any(word and word.lower() in called for word in (manifest.kind, manifest.name))


class Patched:
    """The patches and counts of all kustomizations; what has been rendered is patched already."""

    def __init__(self, graph: Graph) -> None:
        sources = graph.scope.sources
        kustomizations = [each for each in sources if each.role == "kustomization" and _changes(each.text)]
        changed = patched_files(sources) if kustomizations else {}
        by_path = {each.path: each for each in sources} if kustomizations else {}
        self._patches: dict[str, list[Patch]] = {}
        """By the file whose objects they may change; so are the others."""
        self._counts: dict[str, set[str]] = {}
        """Names of objects in the field `replicas`."""
        self._unread: dict[str, list[_Unread]] = {}
        for each in kustomizations:
            files = changed.get(posixpath.dirname(each.path), frozenset())
            patches = patches_of_kustomization(each, by_path, files)
            unread = [_Unread(*named) for named in named_patches(each) if named[0] not in by_path]
            entries = [found for one in each.documents() for found in mappings(get(one.data(), ("replicas",)))]
            for path in files:
                self._patches.setdefault(path, []).extend(patches)
                self._unread.setdefault(path, []).extend(unread)
                self._counts.setdefault(path, set()).update(text(entry.get("name")) for _, entry in entries)
        for document, files in patched_by_flux(sources):
            patches = list(patches_of_flux(document, files))
            for path in files:
                self._patches.setdefault(path, []).extend(patches)

    def pod(self, workload: Workload, *fields: str) -> bool:
        """Whether one of the fields of its pod spec may be changed."""
        if workload.holder is not workload.manifest:
            return False
        if self._is_unread(workload.manifest):
            return True
        spec = tuple(map(str, workload.template.spec))
        return any(each.changes(*spec, field) for each in self._of(workload.manifest) for field in fields)

    def count(self, workload: Workload) -> bool:
        """Whether the number of its pods may be changed."""
        manifest = workload.manifest
        if manifest.name in self._counts.get(manifest.document.source.path, ()) or self._is_unread(manifest):
            return True
        written = tuple(map(str, workload.template.replicas_path or ("spec", "replicas")))
        return any(each.changes(*written) for each in self._of(manifest))

    def _is_unread(self, manifest: Manifest) -> bool:
        return any(each.is_for(manifest) for each in self._unread.get(manifest.document.source.path, ()))

    def _of(self, manifest: Manifest) -> Iterator[Patch]:
        """Those that are laid over an object; operations whose target is chosen by labels are for any."""
        for each in self._patches.get(manifest.document.source.path, ()):
            untold = isinstance(each.data, list) and not each.target_kind and not each.target_name
            if untold or each.is_for(manifest):
                yield each


def _changes(written: str) -> bool:
    return "patch" in written or "replicas" in written
