"""Parts of the input that hold settings: of an object, a values file, the values in a HelmRelease or Application."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpulint.gpu import operator
from gpulint.manifest import Manifest, Place
from gpulint.source import Document, Path, Source

Chart: TypeAlias = Literal["gpu-operator", "nvidia-device-plugin"]
CHARTS: tuple[Chart, ...] = ("gpu-operator", "nvidia-device-plugin")
_FLUX = "helm.toolkit.fluxcd.io"
_ARGO = "argoproj.io"


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping somewhere in the input, with the place of everything in it."""

    data: Mapping[str, object]
    root: Place

    def get(self, *path: str | int) -> object:
        """The value at a path; None when it is absent or something on the way has another shape."""
        found: object = self.data
        for step in path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and 0 <= step < len(found):
                found = found[step]
            else:
                return None
        return found

    def place(self, *path: str | int, key: bool = False) -> Place:
        """The place of a value or key."""
        return self.root.below(*path, token="key" if key else "value")


@dataclass(frozen=True, slots=True)
class ChartValues:
    """Values of one of NVIDIA's charts."""

    chart: Chart
    values: Section
    label: str
    """Who holds them: `HelmRelease gpu-operator`, `values file gpu/values.yaml`."""
    folder: str
    namespace: str
    """Of the release; empty when unknown."""
    whole: bool
    """False for a part that other values may add to (a dependency of the user's own chart)."""


def chart_values(manifests: Iterable[Manifest], sources: Iterable[Source]) -> tuple[ChartValues, ...]:
    """The values of NVIDIA's charts wherever they are written, in the order of the input."""
    found = [each for manifest in manifests for each in _in_object(manifest)]
    found += [each for source in sources for each in _in_source(source)]
    return tuple(found)


# --- objects ----------------------------------------------------------------------------------------------------------


def _in_object(manifest: Manifest) -> Iterator[ChartValues]:
    if manifest.kind == "HelmRelease" and manifest.group == _FLUX:
        chart = _text(manifest.get("spec", "chart", "spec", "chart")) or _text(manifest.get("spec", "chartRef", "name"))
        namespace = _text(manifest.get("spec", "targetNamespace")) or manifest.namespace
        yield from _values_at(manifest, ("spec", "values"), chart, namespace)
    elif manifest.kind == "HelmChart" and manifest.group == "helm.cattle.io":
        chart = _text(manifest.get("spec", "chart"))
        namespace = _text(manifest.get("spec", "targetNamespace")) or manifest.namespace
        yield from _values_text(manifest, ("spec", "valuesContent"), chart, namespace)
    elif manifest.group == _ARGO and manifest.kind == "Application":
        yield from _in_application(manifest, ("spec",))
    elif manifest.group == _ARGO and manifest.kind == "ApplicationSet":
        yield from _in_application(manifest, ("spec", "template", "spec"))
    elif manifest.kind in {"Kustomization", "Component"} and manifest.group == "kustomize.config.k8s.io":
        yield from _in_kustomization(manifest.document, manifest.data)


def _in_application(manifest: Manifest, spec: Path) -> Iterator[ChartValues]:
    namespace = _text(manifest.get(*spec, "destination", "namespace"))
    several = manifest.get(*spec, "sources")
    paths = [
        (*spec, "source"),
        *((*spec, "sources", index) for index in range(len(several) if isinstance(several, list) else 0)),
    ]
    for path in paths:
        chart = _text(manifest.get(*path, "chart")) or posixpath.basename(_text(manifest.get(*path, "path")))
        yield from _values_at(manifest, (*path, "helm", "valuesObject"), chart, namespace)
        yield from _values_text(manifest, (*path, "helm", "values"), chart, namespace)


def _values_at(manifest: Manifest, path: Path, chart: str, namespace: str) -> Iterator[ChartValues]:
    values = manifest.get(*path)
    if isinstance(values, Mapping):
        section = Section(values, manifest.place(*path))
        yield from _named(section, chart, f"{manifest.kind} {manifest.name}", manifest.folder(), namespace)


def _values_text(manifest: Manifest, path: Path, chart: str, namespace: str) -> Iterator[ChartValues]:
    place = manifest.place(*path)
    embedded = place.embedded() if isinstance(manifest.get(*path), str) else None
    data = embedded.data() if embedded else None
    if isinstance(data, Mapping):
        section = Section(data, place.into(()))
        yield from _named(section, chart, f"{manifest.kind} {manifest.name}", manifest.folder(), namespace)


def _named(section: Section, chart: str, label: str, folder: str, namespace: str) -> Iterator[ChartValues]:
    """The values of a chart that is named, or of one of its dependencies."""
    for known in CHARTS:
        if chart.rpartition("/")[2] == known:
            yield ChartValues(known, section, label, folder, namespace, whole=True)
            return
    yield from _embedded(section, label, folder, namespace)


# --- files ------------------------------------------------------------------------------------------------------------


def _in_source(source: Source) -> Iterator[ChartValues]:
    if source.role == "kustomization":
        for document in source.documents():
            data = document.data()
            if isinstance(data, Mapping) and not document.kind:
                yield from _in_kustomization(document, data)
        return
    if source.role not in {"manifests", "other", "helm-values"}:
        return
    for document in source.documents():
        if document.kind or document.api_version or not document.matters:
            continue
        data = document.data()
        if isinstance(data, Mapping):
            yield from _in_file(document, data)


def _in_file(document: Document, data: Mapping[str, object]) -> Iterator[ChartValues]:
    path = document.source.path
    section = Section(data, Place(document, ()))
    helm = data.get("helm")
    if isinstance(helm, Mapping) and isinstance(helm.get("values"), Mapping):  # fleet.yaml of Rancher Fleet
        inner = Section(helm["values"], section.place("helm", "values"))
        namespace = _text(data.get("defaultNamespace")) or _text(data.get("namespace"))
        yield from _named(inner, _text(helm.get("chart")), f"file {path}", posixpath.dirname(path), namespace)
        return
    chart = operator.chart_of(data)
    if chart:
        yield ChartValues(chart, section, f"values file {path}", posixpath.dirname(path), "", whole=True)
        return
    yield from _embedded(section, f"values file {path}", posixpath.dirname(path), "")


def _in_kustomization(document: Document, data: Mapping[str, object]) -> Iterator[ChartValues]:
    charts = data.get("helmCharts")
    for index, entry in enumerate(charts if isinstance(charts, list) else ()):
        values = entry.get("valuesInline") if isinstance(entry, Mapping) else None
        if isinstance(values, Mapping):
            section = Section(values, Place(document, ("helmCharts", index, "valuesInline")))
            folder = posixpath.dirname(document.source.path)
            yield from _named(
                section,
                _text(entry.get("name")),
                f"kustomization in {folder or '.'}",
                folder,
                _text(entry.get("namespace")),
            )


def _embedded(section: Section, label: str, folder: str, namespace: str) -> Iterator[ChartValues]:
    """Values of a dependency, under its name in the values of the chart that has it."""
    for path, chart, values in operator.embedded_charts(section.data):
        yield ChartValues(chart, Section(values, section.place(*path)), label, folder, namespace, whole=False)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
