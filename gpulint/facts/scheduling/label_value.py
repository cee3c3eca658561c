"""Values of labels and selectors that YAML reads as a number or a boolean, where Kubernetes takes strings only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TypeAlias

from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.value_pods import value_selectors
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import Path, get, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place, place_key

_GPU_KEYS = (
    "nvidia.com/",
    "amd.com/",
    "feature.node.kubernetes.io/pci-10de",
    "cloud.google.com/gke-accelerator",
    "cloud.google.com/gke-gpu",
    "karpenter.k8s.aws/instance-gpu",
)
_WORDS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
"""The booleans of every YAML; `yes`, `on` and the like are booleans for kubectl, strings for YAML 1.2."""
_NODE_LABELS: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("", "Node"): (),
    ("kueue.x-k8s.io", "ResourceFlavor"): (("spec", "nodeLabels"),),
    ("node.k8s.io", "RuntimeClass"): (("scheduling", "nodeSelector"),),
    ("karpenter.sh", "NodePool"): (("spec", "template", "metadata", "labels"),),
    ("machine.openshift.io", "MachineSet"): (("spec", "template", "spec", "metadata", "labels"),),
    ("nvidia.com", "NVIDIADriver"): (("spec", "nodeSelector"),),
}
"""Objects that are about nodes, and where they name labels beside their own."""


@frozen
class LabelValue:
    """A value of a label, a selector or an affinity that is no string, in an object that has to do with GPUs."""

    cluster: str
    object: str
    """`RayCluster team-a/trainer`, `values file gpu/values.yaml`."""
    field: str
    """What it is a value of: `label`, `nodeSelector`, `matchLabels`, `nodeLabels` or `affinity`."""
    key: str
    """The label."""
    written: str
    type: str
    """`number` or `boolean`."""
    core: bool
    """Whether Kubernetes itself reads it, else the schema or the controller of a custom resource."""
    confidence: str
    place: Place


@frozen
class _Found:
    field: str
    key: str
    value: object
    place: Place
    core: bool
    sure: Confidence


_At: TypeAlias = "Callable[[Path], Place]"
"""Turns a path in some mapping into a place."""


def label_values(graph: Graph) -> Iterator[LabelValue]:
    """Every such value once, in the order of the input."""
    pods: dict[int, list[Workload]] = {}
    for workload in graph.pods:
        pods.setdefault(id(workload.manifest), []).append(workload)
    with_gpus = {(id(group.source), group.kind, group.name) for group in graph.nodes.groups if group.has_gpu}
    seen: set[Hashable] = set()
    for manifest in graph.manifests:
        mine = pods.get(id(manifest), [])
        if not mine and (manifest.group, manifest.kind) not in _NODE_LABELS:
            continue
        found = [*_of_object(manifest), *(each for workload in mine for each in _of_pod(workload))]
        wrong = [each for each in found if isinstance(each.value, bool | int | float)]
        node = (id(manifest.document.source), manifest.kind, manifest.name)
        about_gpus = node in with_gpus or any(graph.uses_gpu(workload) for workload in mine)
        for each in wrong if about_gpus or any(each.key.startswith(_GPU_KEYS) for each in found) else ():
            if place_key(each.place) not in seen:
                seen.add(place_key(each.place))
                yield _label_value(graph, _object(manifest), each)
    for selector in value_selectors(graph.manifests, graph.scope.sources):
        for key, value in selector.lines.items():
            place = selector.root.below(key)
            if isinstance(value, bool | int | float) and key.startswith(_GPU_KEYS) and place_key(place) not in seen:
                seen.add(place_key(place))
                copied = _Found("nodeSelector", key, value, place, core=False, sure="medium")  # a chart may quote it
                yield _label_value(graph, selector.label, copied)


# --- where labels and selectors stand ---------------------------------------------------------------------------------


def _of_object(manifest: Manifest) -> Iterator[_Found]:
    def at(path: Path) -> Place:
        return manifest.place(*path)

    yield from _lines(manifest.data, ("metadata", "labels"), "label", at, core=True, sure="high")
    for path in _NODE_LABELS.get((manifest.group, manifest.kind), ()):
        field = str(path[-1]) if path[-1] in {"nodeLabels", "nodeSelector"} else "label"
        core = manifest.group == "node.k8s.io"
        yield from _lines(manifest.data, path, field, at, core=core, sure="high" if core else "medium")


def _of_pod(workload: Workload) -> Iterator[_Found]:
    template, data = workload.template, workload.pod_spec
    core = template.embeds
    whole = template.kind is not None and template.form in {"template", "podspec"}
    sure: Confidence = "high" if core or whole else "medium"
    if template.metadata is not None and template.metadata != ("metadata",):
        yield from _of_metadata(workload, (*template.metadata, "labels"), core=core)
    if core:
        selector = ("spec", "selector", "matchLabels")
        manifest = workload.manifest
        yield from _lines(
            manifest.data, selector, "matchLabels", lambda at: manifest.place(*at), core=True, sure="high"
        )
    yield from _lines(data, ("nodeSelector",), "nodeSelector", workload.spec_place, core=core, sure=sure)
    for path in _selectors(data):
        yield from _selector(data, path, workload.spec_place, core=core, sure=sure)


def _of_metadata(workload: Workload, labels: Path, *, core: bool) -> Iterator[_Found]:
    """Schemas of custom resources often drop the labels of a template unseen."""
    holder = workload.holder
    sure: Confidence = "high" if core else "medium"
    return _lines(holder.data, labels, "label", lambda at: holder.place(*at), core=core, sure=sure)


def _selectors(spec: Mapping[str, object]) -> Iterator[Path]:
    """Node selector terms and label selectors of a pod spec."""
    node: Path = ("affinity", "nodeAffinity")
    yield from _members(spec, (*node, "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"))
    for path in _members(spec, (*node, "preferredDuringSchedulingIgnoredDuringExecution")):
        yield (*path, "preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        for path in _members(spec, ("affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution")):
            yield (*path, "labelSelector")
        for path in _members(spec, ("affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution")):
            yield (*path, "podAffinityTerm", "labelSelector")
    for path in _members(spec, ("topologySpreadConstraints",)):
        yield (*path, "labelSelector")


def _members(data: Mapping[str, object], path: Path) -> Iterator[Path]:
    return ((*path, index) for index, _ in enumerate(sequence(get(data, path))))


def _selector(data: Mapping[str, object], path: Path, at: _At, *, core: bool, sure: Confidence) -> Iterator[_Found]:
    yield from _lines(data, (*path, "matchLabels"), "matchLabels", at, core=core, sure=sure)
    expressions = (*path, "matchExpressions")
    for index, expression in mappings(get(data, expressions)):
        for position, value in enumerate(sequence(expression.get("values"))):
            place = at((*expressions, index, "values", position))
            yield _Found("affinity", text(expression.get("key")), value, place, core, sure)


def _lines(
    data: Mapping[str, object], path: Path, field: str, at: _At, *, core: bool, sure: Confidence
) -> Iterator[_Found]:
    for key, value in mapping(get(data, path)).items():
        yield _Found(field, key, value, at((*path, key)), core, sure)


# --- what is said of them ---------------------------------------------------------------------------------------------


def _object(manifest: Manifest) -> str:
    namespace = f"{manifest.namespace}/" if manifest.namespace else ""
    return f"{manifest.kind} {namespace}{manifest.name or '(no name)'}"


def _label_value(graph: Graph, label: str, found: _Found) -> LabelValue:
    written = _text(found.place)
    boolean = isinstance(found.value, bool)
    return LabelValue(
        cluster=graph.scope.name,
        object=label,
        field=found.field,
        key=found.key,
        written=written,
        type="boolean" if boolean else "number",
        core=found.core,
        confidence="medium" if boolean and written not in _WORDS else found.sure,
        place=found.place,
    )


def _text(place: Place) -> str:
    start, end = place.span()
    return place.document.source.text[start:end]
