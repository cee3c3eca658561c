"""The releases of charts in the input, with their values wherever they are written."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu import operator
from gpulint.graph.kustomize import generated
from gpulint.graph.patches import Patch, patches, patches_of
from gpulint.graph.section import Section, layered
from gpulint.kube.tree import is_placeholder, sequence, text
from gpulint.manifest import Manifest, Place
from gpulint.source import Document, Path, Source

Chart: TypeAlias = Literal["gpu-operator", "nvidia-device-plugin"]
CHARTS: tuple[Chart, ...] = ("gpu-operator", "nvidia-device-plugin")
_DRA_CHARTS = frozenset({"dra-driver-nvidia-gpu", "nvidia-dra-driver-gpu"})
_FLUX = "helm.toolkit.fluxcd.io"
_ARGO = "argoproj.io"


@frozen
class Release:
    """A chart that is installed, or values that are meant for one."""

    chart: str
    """As it is named: `gpu-operator`, `nvidia/gpu-operator`, a folder; empty when nothing names it."""
    values: Section
    label: str
    """Who holds them: `HelmRelease gpu-operator`, `values file gpu/values.yaml`."""
    name: str
    folder: str
    namespace: str
    """Of the release; empty when unknown."""
    open: bool
    """True where something that is not in the input, or not read, may add to the values."""
    installs: bool
    """True when an object installs it; False for a file that somebody may install it with."""
    place: Place
    """Its name, or where its values begin."""


@frozen
class ChartValues:
    """The values of one of NVIDIA's charts."""

    chart: Chart
    values: Section
    label: str
    """Who holds them: `HelmRelease gpu-operator`, `values file gpu/values.yaml`."""
    name: str
    folder: str
    namespace: str
    """Of the release; empty when unknown."""
    open: bool
    """True where something that is not in the input, or not read, may add to them."""
    dependency: bool
    """True for the values that a chart passes to one it depends on, of which other values files may give more."""
    installs: bool
    """True when an object of the input installs the chart."""
    place: Place
    """The name of the release, or where its values begin."""


def chart_values(found: Iterable[Release]) -> tuple[ChartValues, ...]:
    """The values of NVIDIA's charts that install the device plugin, in the order of the input."""
    return tuple(values for release in found for values in _of_release(release))


def dra_drivers(found: Iterable[Release]) -> tuple[Release, ...]:
    """The releases of NVIDIA's DRA driver (`kubernetes-sigs/dra-driver-nvidia-gpu`)."""
    return tuple(release for release in found if _chart_name(release) in _DRA_CHARTS)


def _of_release(release: Release) -> Iterator[ChartValues]:
    """The values of a chart that is named, or of one of its dependencies."""
    for known in CHARTS:
        if _chart_name(release) == known and not isinstance(release.values.get(known), Mapping):
            yield _chart(known, release.values, release, dependency=False)
            return
    for path, chart, _ in operator.embedded_charts(release.values.data):
        section = release.values.below(*map(str, path)) if path else release.values
        yield _chart(chart, section, release, dependency=bool(path))


def _chart(chart: Chart, values: Section, release: Release, *, dependency: bool) -> ChartValues:
    return ChartValues(
        chart,
        values,
        release.label,
        release.name,
        release.folder,
        release.namespace,
        release.open,
        dependency,
        release.installs,
        release.place,
    )


def _chart_name(release: Release) -> str:
    return release.chart.rstrip("/").rpartition("/")[2]


def releases(
    manifests: Iterable[Manifest], sources: Sequence[Source], namespaces: Mapping[str, str]
) -> tuple[Release, ...]:
    """Every release of a chart in the input, then the values files that none of them names.

    `namespaces` maps a file to the one that its kustomization gives it.
    """
    files = _Files(sources, namespaces)
    found = [each for manifest in manifests for each in _in_object(manifest, files)]
    found += [each for source in sources if source.role == "kustomization" for each in _in_source(source, files)]
    for source in sources:
        if source.path not in files.used and source.role in {"manifests", "other", "helm-values"}:
            found += [each for document in files.documents(source) for each in _in_file(document, files)]
    return tuple(found)


class _Files:
    """The values files of the input, which of them a release names, and what kustomizations say of objects."""

    def __init__(self, sources: Sequence[Source], namespaces: Mapping[str, str]) -> None:
        self._sources = {source.path: source for source in sources}
        self._generated = generated(sources)
        self._patches = tuple(patches(sources))
        self._namespaces = namespaces
        self.used: set[str] = set()

    def documents(self, source: Source) -> list[Document]:
        """The documents of a file that are no objects and can matter."""
        return [each for each in source.documents() if each.matters and not each.kind and not each.api_version]

    def values(self, path: str) -> Section | None:
        """The values in a file; None when it is not in the input or no such file."""
        source = self._sources.get(path.removeprefix("./"))
        documents = self.documents(source) if source else []
        data = documents[0].data() if len(documents) == 1 else None
        if not isinstance(data, Mapping):
            return None
        self.used.add(documents[0].source.path)
        return Section(data, Place(documents[0], ()))

    def generated(self, config_map: str, key: str) -> Section | None:
        """The values in a ConfigMap that a kustomization makes of files."""
        named = [each.files[key] for each in self._generated if each.name == config_map and key in each.files]
        return self.values(named[0]) if len(named) == 1 else None

    def patches(self, manifest: Manifest) -> tuple[Patch, ...] | None:
        """The patches of the values in an object, in order; None where it is not clear which of them apply."""
        return patches_of(manifest, self._patches, "spec", "values")

    def namespace(self, manifest: Manifest) -> str:
        """The namespace of an object: kustomizations replace what it says itself."""
        return self._namespaces.get(manifest.document.source.path, "") or manifest.namespace


# --- objects ----------------------------------------------------------------------------------------------------------


def _in_object(manifest: Manifest, files: _Files) -> Iterator[Release]:
    if manifest.kind == "HelmRelease" and manifest.group == _FLUX:
        yield _flux(manifest, files)
    elif manifest.kind == "HelmChart" and manifest.group == "helm.cattle.io":
        namespace = text(manifest.get("spec", "targetNamespace")) or files.namespace(manifest)
        inline = _text_section(manifest, ("spec", "valuesContent"))
        unread = bool(manifest.get("spec", "set"))
        yield _release(manifest, text(manifest.get("spec", "chart")), [inline], namespace, unread=unread)
    elif manifest.group == _ARGO and manifest.kind == "Application":
        yield from _in_application(manifest, ("spec",), files)
    elif manifest.group == _ARGO and manifest.kind == "ApplicationSet":
        yield from _in_application(manifest, ("spec", "template", "spec"), files)


def _flux(manifest: Manifest, files: _Files) -> Release:
    chart = text(manifest.get("spec", "chart", "spec", "chart")) or text(manifest.get("spec", "chartRef", "name"))
    namespace = text(manifest.get("spec", "targetNamespace")) or files.namespace(manifest)
    referred = sequence(manifest.get("spec", "valuesFrom"))
    parts = [_referred(reference, files) for reference in referred]
    parts.append(_section(manifest, ("spec", "values")))
    known = all(parts[: len(referred)]) and not manifest.get("spec", "chart", "spec", "valuesFiles")
    applied = files.patches(manifest)
    laid = [patch.section("spec", "values") for patch in applied or ()]
    parts += laid
    return _release(manifest, chart, parts, namespace, unread=not known or applied is None or not all(laid))


def _referred(reference: object, files: _Files) -> Section | None:
    if not isinstance(reference, Mapping) or reference.get("kind") != "ConfigMap" or reference.get("targetPath"):
        return None
    return files.generated(text(reference.get("name")), text(reference.get("valuesKey")) or "values.yaml")


def _in_application(manifest: Manifest, spec: Path, files: _Files) -> Iterator[Release]:
    namespace = text(manifest.get(*spec, "destination", "namespace"))
    several = sequence(manifest.get(*spec, "sources"))
    refs = {text(each.get("ref")) for each in several if isinstance(each, Mapping) and each.get("ref")}
    for path in ((*spec, "source"), *((*spec, "sources", index) for index in range(len(several)))):
        if not isinstance(manifest.get(*path), Mapping):
            continue
        folder = text(manifest.get(*path, "path"))
        chart = text(manifest.get(*path, "chart")) or posixpath.basename(folder)
        named = [text(each) for each in sequence(manifest.get(*path, "helm", "valueFiles"))]
        parts = [_argo_file(name, folder, refs, files) for name in named]
        parts.append(_text_section(manifest, (*path, "helm", "values")))
        parts.append(_section(manifest, (*path, "helm", "valuesObject")))
        inline = ("values", "valuesObject")
        known = all(parts[: len(named)]) and not manifest.get(*path, "helm", "parameters")
        known = known and not any(is_placeholder(manifest.get(*path, "helm", field)) for field in inline)
        if manifest.get(*path, "chart") or any(parts):  # a folder may hold anything
            yield _release(manifest, chart, parts, namespace, unread=not known)


def _argo_file(name: str, folder: str, refs: set[str], files: _Files) -> Section | None:
    """A values file: relative to the chart, or to the root of another source, `$values/apps/gpu/values.yaml`."""
    ref, _, rest = name.partition("/")
    path = rest if ref.removeprefix("$") in refs and ref.startswith("$") else posixpath.join(folder, name)
    return files.values(posixpath.normpath(path.lstrip("/")))


def _section(manifest: Manifest, path: Path) -> Section | None:
    values = manifest.get(*path)
    return Section(values, manifest.place(*path)) if isinstance(values, Mapping) else None


def _text_section(manifest: Manifest, path: Path) -> Section | None:
    place = manifest.place(*path)
    embedded = place.embedded() if isinstance(manifest.get(*path), str) else None
    data = embedded.data() if embedded else None
    return Section(data, place.into(())) if isinstance(data, Mapping) else None


def _release(
    manifest: Manifest, chart: str, parts: Sequence[Section | None], namespace: str, *, unread: bool
) -> Release:
    known = [part for part in parts if part]
    name = manifest.place("metadata", "name")
    unread = unread or any(is_placeholder(key) for part in known for key in part.data)
    return Release(
        chart=chart,
        values=layered(known) if known else Section({}, name),
        label=f"{manifest.kind} {manifest.name}",
        name=manifest.name,
        folder=manifest.folder(),
        namespace=namespace,
        open=unread,
        installs=True,
        place=name,
    )


# --- files ------------------------------------------------------------------------------------------------------------


def _in_source(source: Source, files: _Files) -> Iterator[Release]:
    for document in source.documents():
        data = document.data()
        for index, entry in enumerate(sequence(data.get("helmCharts")) if isinstance(data, Mapping) else ()):
            if isinstance(entry, Mapping):
                yield _in_kustomization(document, entry, index, files)


def _in_kustomization(document: Document, entry: Mapping[str, object], index: int, files: _Files) -> Release:
    place = Place(document, ("helmCharts", index))
    folder = posixpath.dirname(document.source.path)
    named = [text(entry.get("valuesFile")), *map(text, sequence(entry.get("additionalValuesFiles")))]
    named = [posixpath.normpath(posixpath.join(folder, name)) for name in named if name]
    inline = entry.get("valuesInline")
    parts = [files.values(name) for name in named]
    known_files = all(parts)
    if isinstance(inline, Mapping):
        parts.append(Section(inline, place.below("valuesInline")))
    known = [part for part in parts if part]
    return Release(
        chart=text(entry.get("name")),
        values=layered(known) if known else Section({}, place.below("name")),
        label=f"kustomization in {folder or '.'}",
        name=text(entry.get("releaseName")) or text(entry.get("name")),
        folder=folder,
        namespace=text(entry.get("namespace")),
        open=not known_files,
        installs=True,
        place=place.below("name"),
    )


def _in_file(document: Document, files: _Files) -> Iterator[Release]:
    data = document.data()
    if not isinstance(data, Mapping):
        return
    path = document.source.path
    section = Section(data, Place(document, ()))
    label = f"values file {path}"
    file = Release(
        "", section, label, path, posixpath.dirname(path), "", open=False, installs=False, place=section.root
    )
    helm = data.get("helm")
    if isinstance(helm, Mapping) and isinstance(helm.get("values"), Mapping):  # fleet.yaml of Rancher Fleet
        named = [text(name) for name in sequence(helm.get("valuesFiles"))]
        parts = [files.values(posixpath.normpath(posixpath.join(file.folder, name))) for name in named]
        inline = Section(helm["values"], section.place("helm", "values"))
        yield replace(
            file,
            chart=text(helm.get("chart")),
            values=layered([*(part for part in parts if part), inline]),
            label=f"file {path}",
            namespace=text(data.get("defaultNamespace")) or text(data.get("namespace")),
            open=not all(parts),
            installs=True,
        )
        return
    yield file


__all__ = ["CHARTS", "Chart", "ChartValues", "Release", "Section", "chart_values", "dra_drivers", "releases"]
