"""Pods in the values of charts: no objects, but what a chart puts into its pods as it is written."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from gpulint.frozen import frozen
from gpulint.graph.pod import Pod
from gpulint.graph.workloads import Asked, asked_of
from gpulint.kube.kinds import pod_templates
from gpulint.kube.tree import sequence
from gpulint.manifest import Manifest, Place
from gpulint.source import Path, Source
from gpulint.source.roles import is_named_values

_TEXTS: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("argoproj.io", "Application"): (("spec", "source", "helm", "values"), ("spec", "sources", "*", "helm", "values")),
    ("argoproj.io", "ApplicationSet"): (
        ("spec", "template", "spec", "source", "helm", "values"),
        ("spec", "template", "spec", "sources", "*", "helm", "values"),
    ),
    ("helm.cattle.io", "HelmChart"): (("spec", "valuesContent"),),
    ("helm.cattle.io", "HelmChartConfig"): (("spec", "valuesContent"),),
}
"""Kinds that hold values as a text; pods in values that they hold as they are belong to the layouts of the kinds."""
_OBJECTS: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("helm.toolkit.fluxcd.io", "HelmRelease"): (("spec", "values"),),
    ("argoproj.io", "Application"): (("spec", "source", "helm", "valuesObject"),),
}


@frozen
class ValuePod:
    """A pod, or the resources of a container, in values."""

    label: str
    """Who holds the values: `values file gpu/values.yaml`, `Application notebooks`."""
    namespace: str
    folder: str
    name: str
    """Of the values file; empty for values in objects."""
    pod: Pod
    """Its paths are those in the values."""
    root: Place
    """Where the values begin."""
    asked: tuple[Asked, ...]

    def place(self, asked: Asked, path: Path, *, key: bool = False) -> Place:
        """A place by its path in the container that asks."""
        found = self.pod.place(asked.container, path, key=key)
        return self.root.below(*found.path, token=found.token)


@frozen
class ValueSelector:
    """A `nodeSelector` in values, which a chart copies into its pods."""

    label: str
    """Who holds the values, as for a pod."""
    lines: Mapping[str, object]
    root: Place
    """Where it is."""


def value_pods(manifests: Iterable[Manifest], sources: Iterable[Source]) -> Iterator[ValuePod]:
    """The pods that ask for accelerators in values files, and in values that objects hold as a text."""
    for values in _all_values(manifests, sources):
        yield from _in_values(values)


def value_selectors(manifests: Iterable[Manifest], sources: Iterable[Source]) -> Iterator[ValueSelector]:
    """The node selectors in all values, those that objects hold as they are included."""
    manifests = tuple(manifests)
    for manifest in manifests:
        for path in _OBJECTS.get((manifest.group, manifest.kind), ()):
            values = manifest.get(*path)
            if values is not None:
                yield from _selectors(values, manifest.place(*path), f"{manifest.kind} {manifest.name}")
    for found in _all_values(manifests, sources):
        yield from _selectors(found.data, found.root, found.label)


@frozen
class _Values:
    data: object
    root: Place
    label: str
    namespace: str
    name: str
    """Of the values file; empty for values in objects."""


def _all_values(manifests: Iterable[Manifest], sources: Iterable[Source]) -> Iterator[_Values]:
    for manifest in manifests:
        for place in _texts(manifest):
            embedded = place.embedded()
            label = f"{manifest.kind} {manifest.name}"
            if embedded is not None and embedded.node() is not None:
                yield _Values(embedded.data(), place.into(()), label, manifest.namespace, "")
    for source in sources:
        if not (
            source.role == "helm-values" or (source.role in {"manifests", "other"} and is_named_values(source.path))
        ):
            continue
        for document in source.documents():
            if document.matters and not document.kind and not document.api_version:
                label = f"values file {source.path}"
                yield _Values(document.data(), Place(document, ()), label, "", posixpath.basename(source.path))


def _texts(manifest: Manifest) -> Iterator[Place]:
    for pattern in _TEXTS.get((manifest.group, manifest.kind), ()):
        star = pattern.index("*") if "*" in pattern else -1
        before, after = pattern[: max(star, 0)], pattern[star + 1 :]
        for path in _members(manifest, before, after) if star >= 0 else (pattern,):
            if isinstance(manifest.get(*path), str):
                yield manifest.place(*path)


def _members(manifest: Manifest, before: Path, after: Path) -> Iterator[Path]:
    return ((*before, index, *after) for index in range(len(sequence(manifest.get(*before)))))


def _in_values(found: _Values) -> Iterator[ValuePod]:
    data, root = found.data, found.root
    if not isinstance(data, Mapping):
        return
    folder = posixpath.dirname(root.document.source.path)
    values = Manifest(root.document, (), "", "", _KIND, found.namespace, "", data)
    for template in pod_templates("", _KIND, data):
        pod = Pod(values, template)
        asked = tuple(asked_of(pod))
        if asked:
            yield ValuePod(found.label, found.namespace, folder, found.name, pod, root, asked)


def _selectors(data: object, root: Place, label: str) -> Iterator[ValueSelector]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key == "nodeSelector" and isinstance(value, Mapping):
                yield ValueSelector(label, value, root.below(key))
            else:
                yield from _selectors(value, root.below(key), label)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _selectors(value, root.below(index), label)


_KIND = "(values)"
