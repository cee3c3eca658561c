"""What a repository declares as nodes: Node objects, machine sets, node pools, flavors and `kubectl label` lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gpulint.gpu.catalog import Gpu, by_accelerator, by_instance_type, by_product_label
from gpulint.graph.scope import nearest
from gpulint.kube.selectors import LabelSet
from gpulint.kube.taints import Taint, parse_taints
from gpulint.manifest import Manifest, Place
from gpulint.source import ShellCommand, Source, Word, shell_commands

GKE_ACCELERATOR = "cloud.google.com/gke-accelerator"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
PRODUCT = "nvidia.com/gpu.product"
_LEGACY_INSTANCE_TYPE = "beta.kubernetes.io/instance-type"
_GPU_LABEL_DOMAINS = ("nvidia.com/", "amd.com/", "cloud.google.com/gke-accelerator", "karpenter.k8s.aws/instance-gpu-")
_GPU_TAINTS = ("nvidia.com/", "amd.com/gpu")
_AWS_CATEGORY = "karpenter.k8s.aws/instance-category"
_AWS_GPU_CATEGORIES = frozenset({"g", "p"})
"""Instance categories of AWS in which every type has GPUs."""
_FAKE_NODE = "kwok.x-k8s.io/node"
SCRIPTED = "kubectl label"
"""The kind of nodes that only a script speaks of."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label value with the place that declares it."""

    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A label of one node with two values, and nothing that says which is wanted."""

    key: str
    first: Label
    second: Label


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """A node, or nodes that are made alike: what the input says of them, and only that."""

    name: str
    kind: str
    """`Node`, `MachineSet`, `NodePool`, `ResourceFlavor`, or `kubectl label` where only a script speaks of it."""
    place: Place
    source: Source
    labels: Mapping[str, Label]
    possible: LabelSet
    """The labels with all the values they may have; closed for a node read from a cluster."""
    taints: tuple[Taint, ...] = ()
    describes: bool = False
    """True when the source tells all that its author wants of the nodes (not: only a label of theirs)."""
    exported: bool = False
    """True for a Node with a status: what the cluster itself says."""
    allocatable: Mapping[str, int] = field(default_factory=dict)
    """Extended resources a node advertises, where the source says so."""
    gpus: tuple[Gpu, ...] = ()
    """The products it may carry: empty when unknown."""
    gpu_count: int = 0
    """GPUs of one node, 0 when unknown."""
    has_gpu: bool = False
    """True when something says that there is a GPU; False is: nothing does."""
    hardware: Place | None = None
    """What tells of the products: a label, an instance type."""
    relabelled: tuple[Relabelled, ...] = ()
    """Labels that are given a second, other value, in the order of the input."""

    def label(self, key: str) -> str:
        found = self.labels.get(key)
        return found.value if found else ""

    @property
    def title(self) -> str:
        """What it is, for people: `Node gpu-1`; `nodes of the script` where only a selector of a script tells."""
        if " " in self.name:
            return self.name
        return f"{'node' if self.kind == SCRIPTED else self.kind} {self.name or '(no name)'}"

    @property
    def hardware_place(self) -> Place:
        """What tells of its GPUs, else its own place."""
        return self.hardware or self.place

    @property
    def folder(self) -> str:
        return _folder(self.source)


def node_groups(manifests: Iterable[Manifest], sources: Iterable[Source]) -> tuple[NodeGroup, ...]:
    """Every declared node and pool, in the order of the input; lines of scripts are merged into the nodes they name."""
    groups = [
        group
        for manifest in manifests
        if (read := _READERS.get((manifest.group, manifest.kind)))
        for group in read(manifest)
    ]
    labelled = [line for source in sources if source.role == "shell" for line in label_lines(source)]
    return tuple(_merge(groups, labelled))


# --- objects ----------------------------------------------------------------------------------------------------------


def _node(manifest: Manifest) -> Iterator[NodeGroup]:
    if manifest.get("metadata", "annotations", _FAKE_NODE) is not None:
        return
    labels = _labels(manifest, "metadata", "labels")
    status = manifest.get("status")
    exported = isinstance(status, Mapping) and bool(status)
    yield _group(
        manifest,
        labels,
        taints=parse_taints(manifest.get("spec", "taints")),
        describes=True,
        exported=exported,
        allocatable=_allocatable(manifest),
    )


def _allocatable(manifest: Manifest) -> dict[str, int]:
    found = manifest.get("status", "allocatable") or manifest.get("status", "capacity")
    if not isinstance(found, Mapping):
        return {}
    return {name: int(str(count)) for name, count in found.items() if "/" in name and str(count).isdecimal()}


def _machine_set(manifest: Manifest) -> Iterator[NodeGroup]:
    provider = ("spec", "template", "spec", "providerSpec", "value")
    types = [manifest.get(*provider, key) for key in ("instanceType", "vmSize", "machineType")]
    count = manifest.get("metadata", "annotations", "machine.openshift.io/GPU")
    yield _group(
        manifest,
        _labels(manifest, "spec", "template", "spec", "metadata", "labels"),
        taints=parse_taints(manifest.get("spec", "template", "spec", "taints")),
        describes=True,
        instance_types=[value for value in types if isinstance(value, str)],
        gpu_count=int(count) if isinstance(count, str) and count.isdecimal() else 0,
    )


def _karpenter_pool(manifest: Manifest) -> Iterator[NodeGroup]:
    labels = _labels(manifest, "spec", "template", "metadata", "labels")
    spec = ("spec", "template", "spec")
    required = LabelSet.of_requirements(manifest.get(*spec, "requirements"))
    written = {
        key: sorted(value for value in values if isinstance(value, str)) for key, values in required.values.items()
    }
    single = {
        key: Label(values[0], manifest.place(*spec, "requirements"))
        for key, values in written.items()
        if len(values) == 1
    }
    yield _group(
        manifest,
        {**single, **labels},
        taints=parse_taints(manifest.get(*spec, "taints")),
        describes=True,
        instance_types=written.get(INSTANCE_TYPE, ()),
        possible=required.with_labels({key: label.value for key, label in labels.items()}),
    )


def _resource_flavor(manifest: Manifest) -> Iterator[NodeGroup]:
    labels = _labels(manifest, "spec", "nodeLabels")
    if labels:
        yield _group(manifest, labels, taints=parse_taints(manifest.get("spec", "nodeTaints")))


_READERS: Mapping[tuple[str, str], Callable[[Manifest], Iterator[NodeGroup]]] = {
    ("", "Node"): _node,
    ("machine.openshift.io", "MachineSet"): _machine_set,
    ("karpenter.sh", "NodePool"): _karpenter_pool,
    ("kueue.x-k8s.io", "ResourceFlavor"): _resource_flavor,
}


def _labels(manifest: Manifest, *path: str) -> dict[str, Label]:
    found = manifest.get(*path)
    if not isinstance(found, Mapping):
        return {}
    return {key: Label(value, manifest.place(*path, key)) for key, value in found.items() if isinstance(value, str)}


def _group(
    manifest: Manifest,
    labels: Mapping[str, Label],
    *,
    taints: tuple[Taint, ...] = (),
    describes: bool = False,
    exported: bool = False,
    allocatable: Mapping[str, int] | None = None,
    instance_types: Sequence[str] = (),
    gpu_count: int = 0,
    possible: LabelSet | None = None,
) -> NodeGroup:
    group = NodeGroup(
        name=manifest.name,
        kind=manifest.kind,
        place=manifest.place("metadata", "name"),
        source=manifest.document.source,
        labels=labels,
        possible=possible or LabelSet.of({key: label.value for key, label in labels.items()}, closed=exported),
        taints=taints,
        describes=describes,
        exported=exported,
        allocatable=allocatable or {},
        gpu_count=gpu_count,
    )
    return with_hardware(group, instance_types)


# --- hardware ---------------------------------------------------------------------------------------------------------


def with_hardware(group: NodeGroup, instance_types: Sequence[str] = ()) -> NodeGroup:
    """The group with the GPUs that its labels, or these instance types, tell of."""
    types = list(instance_types) or [
        group.label(key) for key in (INSTANCE_TYPE, _LEGACY_INSTANCE_TYPE) if group.label(key)
    ]
    known = [found for value in types if (found := by_instance_type(value))]
    gpus = _products(group) or _distinct(gpu for gpu, _ in known)
    counts = {count for _, count in known}
    labelled = group.label("nvidia.com/gpu.count")
    count = (
        group.gpu_count or (int(labelled) if labelled.isdecimal() else 0) or (counts.pop() if len(counts) == 1 else 0)
    )
    telling = next(
        (group.labels[key].place for key in (PRODUCT, GKE_ACCELERATOR, INSTANCE_TYPE) if key in group.labels), None
    )
    return replace(
        group, gpus=gpus, gpu_count=count, has_gpu=bool(gpus) or count > 0 or _tells_of_gpu(group), hardware=telling
    )


def _products(group: NodeGroup) -> tuple[Gpu, ...]:
    product = by_product_label(group.label(PRODUCT)) if group.label(PRODUCT) else None
    if product and product.gpu and product.certain:
        return (product.gpu,)
    found = [by_accelerator(key, label.value) for key, label in sorted(group.labels.items())]
    return _distinct(gpu for gpu in found if gpu)


def _tells_of_gpu(group: NodeGroup) -> bool:
    """Whether labels, requirements, taints or advertised resources only make sense on a node with GPUs."""
    keys = {*group.labels, *group.possible.values, *group.possible.excluded}
    if any(key.startswith(_GPU_LABEL_DOMAINS) for key in keys):
        return True
    if any(taint.key.startswith(_GPU_TAINTS) for taint in group.taints):
        return True
    if group.possible.values.get(_AWS_CATEGORY, frozenset({""})) <= _AWS_GPU_CATEGORIES:
        return True
    return any(count > 0 and name.startswith(_GPU_TAINTS) for name, count in group.allocatable.items())


def _distinct(gpus: Iterable[Gpu]) -> tuple[Gpu, ...]:
    return tuple({gpu.id: gpu for gpu in gpus}.values())


# --- scripts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelLine:
    """One `kubectl label node NAME… key=value…` of a script."""

    source: Source
    names: tuple[Word, ...]
    """Empty when the nodes are chosen by a selector or `--all`."""
    labels: tuple[tuple[str, Label], ...]
    removed: frozenset[str]
    """Keys that it takes away: `key-`."""
    overwrite: bool


def label_lines(source: Source) -> Iterator[LabelLine]:
    """The node labels that a script sets with kubectl or oc."""
    for command in shell_commands(source):
        line = _label_line(source, command)
        if line and (line.labels or line.removed):
            yield line


_FLAGS_WITH_VALUE = (
    "-l",
    "--selector",
    "--context",
    "--kubeconfig",
    "-n",
    "--namespace",
    "--cluster",
    "--user",
    "-s",
    "--server",
)


def _label_line(source: Source, command: ShellCommand) -> LabelLine | None:
    words = list(command.words)
    tool = next((i for i, word in enumerate(words) if word.text.rpartition("/")[2] in {"kubectl", "oc", "k3s"}), None)
    if tool is None:
        return None
    rest, overwrite = [], False
    arguments = iter(words[tool + 1 :])
    for word in arguments:
        if word.text in _FLAGS_WITH_VALUE:
            next(arguments, None)
        elif word.text.startswith("-"):
            overwrite = overwrite or word.text in {"--overwrite", "--overwrite=true"}
        else:
            rest.append(word)
    rest = [word for word in rest if word.text != "kubectl"]
    if len(rest) < 2 or rest[0].text != "label":
        return None
    targets = rest[1:]
    if targets[0].text in {"node", "nodes", "no"}:
        targets = targets[1:]
    elif not targets[0].text.startswith(("node/", "nodes/", "no/")):
        return None
    names = tuple(word for word in targets if "=" not in word.text and not word.text.endswith("-"))
    labels = tuple(_shell_label(source, word) for word in targets if "=" in word.text)
    removed = frozenset(
        word.text.removesuffix("-") for word in targets if word.text.endswith("-") and "=" not in word.text
    )
    return LabelLine(source, names, labels, removed, overwrite)


def _shell_label(source: Source, word: Word) -> tuple[str, Label]:
    key, _, value = word.text.partition("=")
    return key, Label(value, Place.at(source, word.start, word.end))


def _merge(groups: Sequence[NodeGroup], lines: Iterable[LabelLine]) -> Iterator[NodeGroup]:
    """The groups with what scripts label, and one more for each node that only scripts speak of."""
    merged = dict(enumerate(groups))
    nodes: dict[str, list[int]] = {}
    for index, group in merged.items():
        if group.kind == "Node":
            nodes.setdefault(group.name, []).append(index)
    only_labelled: dict[str, NodeGroup] = {}
    for line in lines:
        for name, place in _targets(line):
            declared = nearest(_folder(line.source), nodes.get(name, []), lambda index: merged[index].folder).items
            for index in declared:
                merged[index] = _labelled(merged[index], line)
            if not declared:
                key = name if _is_plain(name) else f"{name} {line.source.path} {place.extent}"
                known = only_labelled.get(key) or NodeGroup(name, SCRIPTED, place, line.source, {}, LabelSet.of({}))
                only_labelled[key] = _labelled(known, line)
    yield from merged.values()
    yield from only_labelled.values()


def _targets(line: LabelLine) -> list[tuple[str, Place]]:
    """The nodes that a line labels, with their places; one stand-in where a selector chooses them."""
    if line.names:
        return [(word.text.rpartition("/")[2], Place.at(line.source, word.start, word.end)) for word in line.names]
    return [("nodes of the script", label.place) for _, label in line.labels[:1]]


def _is_plain(name: str) -> bool:
    return " " not in name and "$" not in name


def _folder(source: Source) -> str:
    return source.path.rpartition("/")[0]


def _labelled(group: NodeGroup, line: LabelLine) -> NodeGroup:
    added = dict(line.labels)
    again = tuple(
        Relabelled(key, group.labels[key], label)
        for key, label in line.labels
        if not line.overwrite
        and key not in line.removed
        and key in group.labels
        and group.labels[key].value != label.value
    )
    labels = {**{key: label for key, label in group.labels.items() if key not in line.removed}, **added}
    possible = LabelSet.of({key: label.value for key, label in labels.items()}, closed=group.exported)
    if group.exported:  # the cluster's own word counts for more than a script
        return replace(group, relabelled=group.relabelled + again)
    return with_hardware(replace(group, labels=labels, possible=possible, relabelled=group.relabelled + again))
