"""Objects about GPUs that are defined twice where both definitions are applied."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.facts.namespace.quota import ACCELERATORS
from gpulint.facts.operator.rivals import togetherness
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu import device_plugin, mig_parted
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.kustomize import builds
from gpulint.kube.tree import get, is_placeholder, mapping, mappings, text
from gpulint.manifest import Manifest, Place


@frozen
class Duplicate:
    """A second definition of an object."""

    cluster: str
    label: str
    """`ConfigMap gpu-operator/time-slicing`."""
    where: str
    """What both are part of: `file`, `kustomization`, `application` (a folder that Flux or Argo CD applies), `cluster`
    (of the configuration), `installer` (both are the ConfigMap that it reads) or only `folder`."""
    told: str
    """The same for people: `kustomization apps/ml`."""
    difference: str
    """How the second differs, as a clause: `both times alike`, `here without 'a100'`; empty where that is more."""
    confidence: str
    place: Place
    """The name of the second."""
    other_place: Place
    """The name of the first."""


def duplicates(graph: Graph) -> Iterator[Duplicate]:
    """Each definition after the first that is applied with one before it, in the order of the input."""
    about = _About(graph)
    groups: dict[Hashable, list[Manifest]] = {}
    for manifest in graph.manifests:
        key = _identity(graph, manifest)
        if key is not None:
            groups.setdefault(key, []).append(manifest)
    several = [group for group in groups.values() if len(group) > 1 and any(map(about.gpus, group))]
    together = _Together(graph) if several else None
    for group in several:
        yield from together.within(group) if together else ()


_WRAPPED = "items"


def _identity(graph: Graph, manifest: Manifest) -> Hashable | None:
    """None for what has no name of its own, and for parts that other objects carry to a cluster."""
    name = get(manifest.data, ("metadata", "name"))
    namespace = manifest.namespace or graph.given_namespaces.get(manifest.document.source.path, "")
    carried = manifest.root and manifest.root[0] != _WRAPPED
    if carried or not isinstance(name, str) or not name or is_placeholder(name) or is_placeholder(namespace):
        return None
    return manifest.group, manifest.kind, namespace, name


class _About:
    """Which objects have to do with GPUs."""

    def __init__(self, graph: Graph) -> None:
        configurations = graph.configurations
        self._found = {id(each.manifest) for each in graph.workloads}
        self._found |= {id(each.manifest) for each in configurations.installers if each.manifest is not None}
        self._found |= {id(each.manifest) for each in graph.claims.claims}
        self._found |= {id(each) for each in graph.claims.classes}

    def gpus(self, manifest: Manifest) -> bool:
        if id(manifest) in self._found:
            return True
        if manifest.kind == "ConfigMap":
            return _is_configuration(manifest)
        return manifest.kind in _BOUNDS and any(_is_accelerator(name) for name in _keys(manifest.get("spec")))


_BOUNDS = frozenset({"ResourceQuota", "LimitRange", "ClusterResourceQuota", "ClusterQueue", "ElasticQuota"})


def _is_configuration(config_map: Manifest) -> bool:
    """Whether it holds a file of the device plugin or of the MIG manager."""
    return any(_is_config(config_map, key) for key in mapping(config_map.get("data")))


def _is_config(config_map: Manifest, key: str) -> bool:
    embedded = config_map.place("data", key).embedded()
    data = embedded.data() if embedded else None
    return isinstance(data, Mapping) and (device_plugin.looks_like(data) or mig_parted.looks_like(data))


def _is_accelerator(name: str) -> bool:
    return classify(name.removeprefix("requests.").removeprefix("limits.")).kind in ACCELERATORS


def _keys(data: object) -> Iterator[str]:
    """Keys of mappings, and the strings of lists: queues list what they cover."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _keys(value)
    elif isinstance(data, list):
        for each in data:
            yield from [each] if isinstance(each, str) else _keys(each)


@frozen
class _Shared:
    where: str
    told: str
    confidence: Confidence


_COMPARED = 20
"""Definitions of one ConfigMap that are compared: with more of them it is no accident."""


class _Together:
    """What definitions are both part of."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._builds = builds(graph.scope.sources)
        self._by_file: dict[str, list[_Shared]] = {}
        renaming = frozenset(_renaming(graph))
        for build in self._builds:
            if renaming.isdisjoint(build.folders - {build.folder}):  # else it may give the two different names
                shared = _Shared("kustomization", f"kustomization {build.folder or '.'}", "high")
                for file in sorted(build.files):
                    self._by_file.setdefault(file, []).append(shared)
        self._applied: dict[str, list[_Applied]] = {}
        for applied in sorted(_applied_folders(graph)):
            self._applied.setdefault(applied.folder, []).append(applied)

    def within(self, group: Sequence[Manifest]) -> Iterator[Duplicate]:
        """The definitions of one object that are applied together with one before them."""
        first: dict[_Shared, Manifest] = {}
        for index, manifest in enumerate(group):
            parts = list(self._parts(manifest))
            found = next(((first[each], each) for each in parts if each in first), None)
            if found is None or found[1].where == "folder":
                found = self._split(group[:index], manifest) or found
            if found is not None and (found[1].where != "folder" or found[0].data != manifest.data):
                yield _duplicate(self._graph, found[0], manifest, found[1])
            for each in parts:
                first.setdefault(each, manifest)

    def _parts(self, manifest: Manifest) -> Iterator[_Shared]:
        """The surest first."""
        path = manifest.document.source.path
        yield _Shared("file", f"file {path}", "high")
        yield from self._by_file.get(path, ())
        if self._graph.scope.name:
            yield _Shared("cluster", f"cluster {self._graph.scope.name}", "high")
        inside = posixpath.dirname(path)
        for applied in (each for folder in _with_above(inside) for each in self._applied.get(folder, ())):
            if applied.deep or applied.folder == inside:  # in this repository or another
                yield _Shared("application", f"folder {applied.folder or '.'}, which is applied as a whole", "medium")
        yield _Shared("folder", f"folder {manifest.folder() or '.'}", "low")

    def _split(self, before: Sequence[Manifest], manifest: Manifest) -> tuple[Manifest, _Shared] | None:
        """A ConfigMap that an installer reads, and of which another part is defined elsewhere."""
        for other in before[:_COMPARED]:
            installer = self._installer(other, manifest)
            if installer:
                return other, _Shared("installer", f"the namespace of {installer}", "medium")
        return None

    def _installer(self, first: Manifest, second: Manifest) -> str:
        """Who reads the ConfigMap that both define; empty where they may be variants of each other."""
        if first.kind != "ConfigMap" or not first.namespace or not _is_split(first, second):
            return ""
        makers = [each for each in self._graph.configurations.installers if each.installs]
        named = [each for each in makers if first.name in _names(each)]
        readers = named or [each for each in makers if all(map(_is_configuration, (first, second)))]
        if len(readers) != 1 or readers[0].namespace != first.namespace:
            return ""
        places = (readers[0].place, _name(first), _name(second))
        pairs = itertools.combinations(places, 2)
        apart = any(togetherness(self._graph, self._builds, *pair) == "low" for pair in pairs)
        return "" if apart else readers[0].label


def _names(installer: Installer) -> frozenset[str]:
    return frozenset({installer.plugin_config.value, installer.mig_config.value})


def _is_split(first: Manifest, second: Manifest) -> bool:
    """Whether each has entries that the other lacks: variants of one ConfigMap mostly have the same."""
    one, other = (set(mapping(each.get("data"))) for each in (first, second))
    return bool(one - other) and bool(other - one)


def _name(manifest: Manifest) -> Place:
    return manifest.place("metadata", "name")


def _renaming(graph: Graph) -> Iterator[str]:
    """Folders of kustomizations that give the objects they list other names or namespaces."""
    for source in graph.scope.sources:
        if source.role == "kustomization":
            data = [mapping(document.data()) for document in source.documents()]
            if any(each.get(field) for each in data for field in ("namespace", "namePrefix", "nameSuffix")):
                yield posixpath.dirname(source.path)


@dataclass(frozen=True, slots=True, order=True)
class _Applied:
    """A folder that Flux or Argo CD applies as it is."""

    folder: str
    deep: bool
    """With the folders below it."""


def _applied_folders(graph: Graph) -> Iterator[_Applied]:
    """Without those in which a kustomization or chart says what is applied."""
    led = {
        posixpath.dirname(source.path) for source in graph.scope.sources if source.role in {"kustomization", "chart"}
    }
    above = {folder for each in led for folder in _with_above(each)}
    for source in graph.scope.sources:
        for document in source.documents():
            if document.kind in {"Kustomization", "Application"}:
                for found in _applied(document.api_version, mapping(document.data())):
                    if found.folder not in (above if found.deep else led):
                        yield found


def _with_above(folder: str) -> list[str]:
    """The folder and those above it, from the root of the run down."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:depth]) for depth in range(len(parts) + 1)]


def _applied(api_version: str, data: Mapping[str, object]) -> Iterator[_Applied]:
    spec = mapping(data.get("spec"))
    if api_version.startswith("kustomize.toolkit.fluxcd.io/") and text(spec.get("path")):
        yield _Applied(_folder(text(spec["path"])), deep=True)
    if api_version.startswith("argoproj.io/"):
        for source in (mapping(spec.get("source")), *(each for _, each in mappings(spec.get("sources")))):
            directory = mapping(source.get("directory"))
            if text(source.get("path")) and not directory.get("include") and not directory.get("exclude"):
                yield _Applied(_folder(text(source["path"])), deep=directory.get("recurse") is True)


def _folder(path: str) -> str:
    folder = posixpath.normpath(path.lstrip("/"))
    return "" if folder == "." else folder


def _duplicate(graph: Graph, first: Manifest, second: Manifest, shared: _Shared) -> Duplicate:
    namespace = second.namespace or graph.given_namespaces.get(second.document.source.path, "")
    return Duplicate(
        cluster=graph.scope.name,
        label=f"{second.kind} {namespace}/{second.name}" if namespace else f"{second.kind} {second.name}",
        where=shared.where,
        told=shared.told,
        difference=_difference(first, second),
        confidence=shared.confidence,
        place=_name(second),
        other_place=_name(first),
    )


def _difference(first: Manifest, second: Manifest) -> str:
    if first.data == second.data:
        return "both times alike"
    keys = [set(mapping(each.get("data"))) if each.kind == "ConfigMap" else set() for each in (first, second)]
    lost = sorted(map(str, keys[0] - keys[1]))
    return "here without " + ", ".join(f"'{key}'" for key in lost) if lost else ""
