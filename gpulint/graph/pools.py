"""Objects → nodes and pools: what each says of its nodes, completed by the objects it refers to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu, accelerators
from gpulint.graph.karpenter import KARPENTER, TYPE_KEYS, derived, gpu_types, with_overlays
from gpulint.graph.node_group import GKE_ACCELERATOR, INSTANCE_TYPE, Label, NodeGroup, with_hardware
from gpulint.graph.scope import nearest
from gpulint.kube import quantity
from gpulint.kube.pools import (
    Accelerator,
    Declaration,
    Reference,
    Written,
    declarations,
    is_part,
    read_labels,
    scaled,
)
from gpulint.kube.selectors import LabelSet, Value
from gpulint.kube.taints import Taint, parse_taints
from gpulint.kube.tree import get, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place
from gpulint.source import Path
from gpulint.untrusted import number

_FAKE_NODE = "kwok.x-k8s.io/node"
_NODE_NAME = "nfd.node.kubernetes.io/node-name"
_GKE_LABELS = {
    "type": GKE_ACCELERATOR,
    "count": "cloud.google.com/gke-accelerator-count",
    "partition": "cloud.google.com/gke-gpu-partition-size",
    "strategy": "cloud.google.com/gke-gpu-sharing-strategy",
    "clients": "cloud.google.com/gke-max-shared-clients-per-gpu",
}
_TEMPLATED = re.compile(r"(?<![\w./-])([A-Za-z0-9][\w./-]*)=")
"""Keys in the Go template of a NodeFeatureRule: `{{ range … }}example.com/vendor={{ .vendor }}`."""
_GKE_STRATEGIES = {"TIME_SHARING": "time-sharing", "MPS": "mps"}


def declared_groups(manifests: Sequence[Manifest]) -> list[NodeGroup]:
    """Every node and pool that objects declare, in the order of the input."""
    parts = _Parts(manifests)
    found = [group for manifest in manifests for group in _groups(manifest, parts)]
    return list(with_overlays(found, manifests))


def conditional_labels(manifests: Iterable[Manifest]) -> frozenset[str]:
    """Keys of labels that NodeFeatureRules give to nodes they match: which nodes these are is not known."""
    return frozenset(
        key
        for manifest in manifests
        if manifest.kind == "NodeFeatureRule" and manifest.group.startswith("nfd.")
        for _, rule in mappings(manifest.get("spec", "rules"))
        for key in (*mapping(rule.get("labels")), *_TEMPLATED.findall(text(rule.get("labelsTemplate"))))
    )


def gke_labels(accelerator: Accelerator, place: Callable[[Path], Place]) -> Iterator[tuple[str, Label]]:
    """The labels that GKE gives the nodes of a pool with an accelerator."""
    for attribute, key in _GKE_LABELS.items():
        written: Written = getattr(accelerator, attribute)
        if written.text:
            yield key, Label(_GKE_STRATEGIES.get(written.text, written.text), place(written.path))


def accelerated(group: NodeGroup, found: Sequence[Accelerator], *, closed: bool = True) -> NodeGroup:
    """With the products of accelerators that no label names: where one of them is chosen, or on other clouds.

    `closed` is false where nodes may have others.
    """
    if not found:
        return group
    meant = [accelerators(GKE_ACCELERATOR, each.type.text) for each in found]
    gpus: dict[str, Gpu] = {gpu.id: gpu for each in (group.gpus, *meant) for gpu in each}
    counts = [_number(each.count) for each in found]
    known = closed and min(counts) >= 0
    if group.conditional or not group.gpus:  # else they are the ones that the label or the instance type tells of
        group = replace(group, gpus=tuple(gpus.values()) if all(meant) and closed else ())
    return replace(
        group,
        most_gpus_per_node=max(*counts, group.most_gpus_per_node) if known else -1,
        has_gpu=True,
    )


def _groups(manifest: Manifest, parts: _Parts) -> Iterator[NodeGroup]:
    reader = _READERS.get((manifest.group, manifest.kind))
    if reader is not None:
        yield from reader(manifest)
    elif not is_part(manifest.group, manifest.kind):
        for declaration in declarations(manifest.group, manifest.kind, manifest.data):
            draft = _draft(manifest, declaration)
            for part in parts.of(manifest, declaration):
                draft = draft.completed(part)
            if declaration.tells == "all" or draft.labels or draft.taints:
                yield parts.scaled(manifest, _group(manifest, declaration, draft))


# --- what a declaration says -----------------------------------------------------------------------------------------


@frozen
class _Draft:
    """What is said of nodes, with places; made of one object or several."""

    labels: Mapping[str, Label]
    taints: tuple[Taint, ...]
    types: tuple[Label, ...]
    types_open: bool
    gpus: int
    most: int

    def completed(self, other: _Draft) -> _Draft:
        """With what an object that it refers to says."""
        return _Draft(
            labels={**other.labels, **self.labels},
            taints=(*self.taints, *(taint for taint in other.taints if taint not in self.taints)),
            types=self.types or other.types,
            types_open=self.types_open or other.types_open,
            gpus=max(self.gpus, other.gpus),
            most=max(self.most, other.most),
        )


def _draft(manifest: Manifest, declaration: Declaration) -> _Draft:
    def label(written: Written) -> Label:
        return Label(written.text, manifest.place(*written.path))

    return _Draft(
        labels={key: label(written) for key, written in declaration.labels.items()},
        taints=declaration.taints,
        types=tuple(map(label, declaration.types)),
        types_open=declaration.types_open,
        gpus=declaration.gpus,
        most=declaration.most,
    )


class _Parts:
    """The objects that say more of pools than these do themselves."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._parts: dict[Reference, list[Manifest]] = {}
        self._scalers: dict[Reference, list[Manifest]] = {}
        self.total = -1
        """GPUs that autoscaling gives an OpenShift cluster at most; -1 when nothing limits them."""
        for manifest in manifests:
            if (manifest.group, manifest.kind) == ("autoscaling.openshift.io", "ClusterAutoscaler"):
                self.total = max(self.total, _total(manifest))
            elif is_part(manifest.group, manifest.kind):
                target = scaled(manifest.group, manifest.kind, manifest.data)
                index, key = (
                    (self._scalers, target) if target else (self._parts, Reference(manifest.kind, manifest.name))
                )
                index.setdefault(key, []).append(manifest)

    def of(self, manifest: Manifest, declaration: Declaration) -> Iterator[_Draft]:
        """What the objects that a pool refers to say; nothing where several are as near as each other."""
        for reference in declaration.refers:
            for part in _nearest(manifest, self._parts.get(reference, [])):
                for each in declarations(part.group, part.kind, part.data):
                    yield _draft(part, each)

    def scaled(self, manifest: Manifest, group: NodeGroup) -> NodeGroup:
        """The group with the bounds that autoscaling gives it."""
        for scaler in _nearest(manifest, self._scalers.get(Reference(manifest.kind, manifest.name), [])):
            for each in declarations(scaler.group, scaler.kind, scaler.data):
                group = replace(group, most=each.most, gpu_limit=self.total)
        return group


def _total(autoscaler: Manifest) -> int:
    """GPUs that OpenShift's ClusterAutoscaler allows all together; -1 when it does not say."""
    limits = [item.get("max") for _, item in mappings(autoscaler.get("spec", "resourceLimits", "gpus"))]
    return sum(limits) if limits and all(isinstance(each, int) for each in limits) else -1  # type: ignore[arg-type]


def _nearest(manifest: Manifest, found: Sequence[Manifest]) -> Iterator[Manifest]:
    beside = [each for each in found if each.document.source is manifest.document.source]
    near = nearest(manifest.folder(), beside or found, Manifest.folder)
    yield from () if near.tied else near.items


def _group(manifest: Manifest, declaration: Declaration, draft: _Draft) -> NodeGroup:
    requirements = manifest.get(*declaration.requirements) if declaration.requirements else None
    labels, possible = _labels(manifest, declaration, draft)
    chosen = gpu_types(requirements)
    for key, values in derived(chosen).items():
        if key not in possible.values:
            possible = replace(possible, values={**possible.values, key: frozenset[Value](values)})
    types = [each.value for each in draft.types] or list(chosen.names)
    alternatives = declaration.tells == "choice" and bool(types)
    counts = {_number(each.count) for each in declaration.accelerators}
    group = NodeGroup(
        name=declaration.name,
        kind=declaration.called,
        place=manifest.place(*declaration.name_path),
        source=manifest.document.source,
        labels=labels,
        possible=possible,
        taints=draft.taints,
        describes=declaration.tells == "all",
        conditional=declaration.tells == "choice",
        simulated=declaration.simulated,
        autoscaler=KARPENTER if declaration.requirements and declaration.count < 0 else "",
        cluster=declaration.cluster,
        identity=declaration.identity,
        allocatable=declaration.resources,
        gpus_per_node=counts.pop() if len(counts) == 1 and not alternatives else draft.gpus,
        count=declaration.count,
        most=draft.most,
        gpu_limit=declaration.limit,
        hardware=draft.types[0].place if draft.types else None,
    )
    if declaration.requirements and chosen.names:
        group = replace(group, hardware=_required_place(manifest, declaration.requirements, *TYPE_KEYS))
    found = with_hardware(group, types, closed=not draft.types_open and (chosen.closed or bool(draft.types)))
    return accelerated(found, declaration.accelerators, closed=not draft.types_open)


def _labels(manifest: Manifest, declaration: Declaration, draft: _Draft) -> tuple[dict[str, Label], LabelSet]:
    """The labels with one value each, and all with the values they may have."""
    labels = dict(draft.labels)
    if declaration.gke and declaration.tells == "all":
        for accelerator in declaration.accelerators:
            labels.update(gke_labels(accelerator, lambda path: manifest.place(*path)))
    if declaration.requirements is None:
        possible = LabelSet.of({key: label.value for key, label in labels.items()})
        return _typed(labels, possible, draft)
    required = LabelSet.of_requirements(manifest.get(*declaration.requirements))
    single = {
        key: Label(value, _required_place(manifest, declaration.requirements, key))
        for key, values in required.values.items()
        if len(values) == 1
        for value in values
        if isinstance(value, str)
    }
    return {**single, **labels}, required.with_labels({key: label.value for key, label in labels.items()})


def _required_place(manifest: Manifest, path: Path, *keys: str) -> Place:
    """The values of the requirement on one of these labels."""
    for index, item in mappings(manifest.get(*path)):
        if item.get("key") in keys and item.get("operator") == "In":
            values = (*path, index, "values")
            return manifest.place(*values, 0) if len(sequence(item.get("values"))) == 1 else manifest.place(*values)
    return manifest.place(*path)


def _typed(labels: dict[str, Label], possible: LabelSet, draft: _Draft) -> tuple[dict[str, Label], LabelSet]:
    """With the label that every cloud gives a node for its instance type."""
    names = {each.value for each in draft.types}
    if not names or draft.types_open or any(map(is_placeholder, names)) or INSTANCE_TYPE in labels:
        return labels, possible
    if len(names) == 1:
        labels[INSTANCE_TYPE] = draft.types[0]
    return labels, replace(possible, values={**possible.values, INSTANCE_TYPE: frozenset[Value](names)})


def _number(written: Written) -> int:
    amount = None if is_placeholder(written.text) else quantity.parse(written.text)
    return amount.units if amount else -1


# --- kinds of their own -----------------------------------------------------------------------------------------------


def _node(manifest: Manifest) -> Iterator[NodeGroup]:
    labels = _written_labels(manifest, "metadata", "labels")
    status = manifest.get("status")
    simulated = manifest.get("metadata", "annotations", _FAKE_NODE) is not None
    exported = isinstance(status, Mapping) and bool(status) and not simulated
    yield with_hardware(
        NodeGroup(
            name=manifest.name,
            kind="Node",
            place=manifest.place("metadata", "name"),
            source=manifest.document.source,
            labels=labels,
            possible=LabelSet.of({key: label.value for key, label in labels.items()}, closed=exported),
            taints=parse_taints(manifest.get("spec", "taints")),
            describes=True,
            exported=exported,
            simulated=simulated,
            allocatable=_allocatable(manifest),
            count=1,
            most=1,
        )
    )


def _allocatable(manifest: Manifest) -> dict[str, int]:
    found = manifest.get("status", "allocatable") or manifest.get("status", "capacity")
    if not isinstance(found, Mapping):
        return {}
    return {name: number(str(count)) for name, count in found.items() if "/" in name and str(count).isdecimal()}


def _node_feature(manifest: Manifest) -> Iterator[NodeGroup]:
    """Labels that node feature discovery gives one node."""
    name = text(manifest.get("metadata", "labels", _NODE_NAME))
    labels = _written_labels(manifest, "spec", "labels")
    if name and labels:
        yield with_hardware(_partial(manifest, "NodeFeature", name, labels, ()))


def _kind_cluster(manifest: Manifest) -> Iterator[NodeGroup]:
    """The nodes of a kind cluster with what the patches of their kubeadm configurations add."""
    roles: dict[str, int] = {}
    for declaration in declarations(manifest.group, manifest.kind, manifest.data):
        role = text(get(manifest.data, (*declaration.path, "role"))) or "control-plane"
        roles[role] = roles.get(role, 0) + 1
        draft = _draft(manifest, replace(declaration, cluster=declaration.cluster or "kind"))
        for part in _kubeadm_patches(manifest, (*declaration.path, "kubeadmConfigPatches")):
            draft = draft.completed(part)
        name = f"{role}{roles[role] if roles[role] > 1 else ''}"
        yield replace(
            _group(manifest, replace(declaration, name=name), draft),
            place=manifest.place(*declaration.path, "role"),
            cluster=declaration.cluster or "kind",
        )


def _kubeadm_patches(manifest: Manifest, path: Path) -> Iterator[_Draft]:
    for index, _ in enumerate(sequence(get(manifest.data, path))):
        at = (*manifest.root, *path, index)
        embedded = manifest.document.embedded(at)
        data = mapping(embedded.data()) if embedded else {}
        for each in declarations("kubeadm.k8s.io", text(data.get("kind")), data):
            labels = {
                key: Label(written.text, Place(manifest.document, at, (written.path,)))
                for key, written in each.labels.items()
            }
            yield _Draft(labels, each.taints, (), types_open=False, gpus=-1, most=-1)


def _k3d(manifest: Manifest) -> Iterator[NodeGroup]:
    """The nodes of a k3d cluster, by the filters that its labels have."""
    found: dict[tuple[str, ...], dict[str, Label]] = {}
    for index, item in mappings(manifest.get("options", "k3s", "nodeLabels")):
        path = ("options", "k3s", "nodeLabels", index)
        labels = {
            key: Label(written.text, manifest.place(*written.path))
            for key, written in read_labels([item], path[:-1]).items()
        }
        filters = tuple(sorted(map(text, sequence(item.get("nodeFilters")))))
        found.setdefault(filters, {}).update(
            {key: Label(label.value, manifest.place(*path, "label")) for key, label in labels.items()}
        )
    taints: dict[tuple[str, ...], list[Taint]] = {}
    for _, item in mappings(manifest.get("options", "k3s", "extraArgs")):
        _, flag, written = text(item.get("arg")).partition("--node-taint=")
        if flag:
            filters = tuple(sorted(map(text, sequence(item.get("nodeFilters")))))
            taints.setdefault(filters, []).extend(parse_taints([written]))
    for filters in sorted({*found, *taints}):
        name = ", ".join(filters)
        yield with_hardware(
            _partial(manifest, "k3d node", name, found.get(filters, {}), tuple(taints.get(filters, ())))
        )


def _partial(
    manifest: Manifest, kind: str, name: str, labels: Mapping[str, Label], taints: tuple[Taint, ...]
) -> NodeGroup:
    return NodeGroup(
        name=name,
        kind=kind,
        place=manifest.place("metadata", "name"),
        source=manifest.document.source,
        labels=labels,
        possible=LabelSet.of({key: label.value for key, label in labels.items()}),
        taints=taints,
    )


def _written_labels(manifest: Manifest, *path: str) -> dict[str, Label]:
    found = read_labels(manifest.get(*path), path)
    return {key: Label(written.text, manifest.place(*written.path)) for key, written in found.items()}


_READERS: Mapping[tuple[str, str], Callable[[Manifest], Iterator[NodeGroup]]] = {
    ("", "Node"): _node,
    ("nfd.k8s-sigs.io", "NodeFeature"): _node_feature,
    ("nfd.openshift.io", "NodeFeature"): _node_feature,
    ("kind.x-k8s.io", "Cluster"): _kind_cluster,
    ("k3d.io", "Simple"): _k3d,
}
