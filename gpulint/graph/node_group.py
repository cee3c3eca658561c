"""A node, or nodes that are made alike, and the GPUs that labels and instance types tell of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from gpulint.frozen import frozen
from gpulint.gpu.catalog import ACCELERATOR_LABELS, Gpu, accelerators, by_product_label, instance
from gpulint.gpu.resources import classify
from gpulint.kube.selectors import ABSENT, LabelSet
from gpulint.kube.taints import Taint
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place
from gpulint.source import Source
from gpulint.untrusted import number

GKE_ACCELERATOR = "cloud.google.com/gke-accelerator"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
PRODUCT = "nvidia.com/gpu.product"
SCRIPTED = "kubectl label"
"""The kind of nodes that only a script speaks of."""
_LEGACY_INSTANCE_TYPE = "beta.kubernetes.io/instance-type"
_COUNT_LABELS = (
    "nvidia.com/gpu.count",
    "cloud.google.com/gke-accelerator-count",
    "karpenter.k8s.aws/instance-gpu-count",
    "eks.amazonaws.com/instance-gpu-count",
    "karpenter.azure.com/sku-gpu-count",
)
_GPU_LABEL_DOMAINS = (
    "nvidia.com/",
    "amd.com/",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-",
    "eks.amazonaws.com/instance-gpu-",
    "karpenter.azure.com/sku-gpu-",
)
_GPU_TAINTS = ("nvidia.com/", "amd.com/gpu")
_AWS_CATEGORIES = ("karpenter.k8s.aws/instance-category", "eks.amazonaws.com/instance-category")
_AWS_GPU_CATEGORIES = frozenset({"g", "gr", "p"})
"""Instance categories of AWS in which every type has GPUs."""
_GPU_TYPES = re.compile(r"(?:gr?|p)\d[a-z0-9-]*\.\w.*|(?:a[2-9]|g[2-9])-.*|standard_n.*", re.ASCII | re.IGNORECASE)
"""Instance types of AWS, Google Cloud and Azure that have GPUs by the look of their names."""
_PLAIN_TYPES = re.compile(
    r"(?!gr?\d|p\d|dl\d|f\d|inf\d|trn\d|vt\d)[a-z]+\d[a-z0-9-]*\.(?:nano|micro|small|medium|large|\d*xlarge|metal[a-z0-9-]*)"
    r"|standard_[a-ce-mo-z].*|standard_d(?!gx).*|(?:e2|n2d?|n4d?|c[2-4][ad]?|t2[ad]|m[1-4])-.*",
    re.ASCII | re.IGNORECASE,
)
"""Instance types of the same clouds without accelerators, and to which none can be attached."""
_SHARED_SUFFIX = "-SHARED"


@frozen
class Label:
    """A label value with the place that declares it."""

    value: str
    place: Place


@frozen
class Relabelled:
    """A label of one node with two values, and nothing that says which is wanted."""

    key: str
    first: Label
    second: Label


@frozen
class NodeGroup:
    """A node, or nodes that are made alike: what the input says of them, and only that."""

    name: str
    kind: str
    """`Node`, `MachineSet`, `NodePool`, `node group` …, or `kubectl label` where only a script speaks of it."""
    place: Place
    source: Source
    labels: Mapping[str, Label]
    possible: LabelSet
    """The labels with all the values they may have; closed for a node read from a cluster."""
    taints: tuple[Taint, ...] = ()
    describes: bool = False
    """True when the source tells all that its author wants of the nodes (not: only a label of theirs)."""
    conditional: bool = False
    """True where something else makes or picks the nodes, and this says what they may be like: ResourceFlavor,
    ComputeClass. That it cannot take a pod says nothing of other nodes."""
    exported: bool = False
    """True for a Node with a status: what the cluster itself says."""
    simulated: bool = False
    """True for nodes without a kubelet, as kwok makes them."""
    autoscaler: str = ""
    """`karpenter` where Karpenter makes the nodes, for pods that it knows how to serve; empty elsewhere."""
    cluster: str = ""
    """The cluster that its source names; empty where it names none."""
    identity: frozenset[str] = frozenset()
    """Keys of labels that say which pool it is: `karpenter.sh/nodepool`."""
    allocatable: Mapping[str, int] = field(default_factory=dict)
    """Extended resources a node advertises, where the source says so."""
    gpus: tuple[Gpu, ...] = ()
    """The products it may carry: empty when unknown."""
    gpus_per_node: int = -1
    """GPUs of one node, -1 when unknown or different."""
    most_gpus_per_node: int = -1
    """GPUs of the largest node there may be, -1 when unknown."""
    count: int = -1
    """Nodes there are to be, -1 when unknown."""
    most: int = -1
    """Nodes there are at most, -1 when unknown, or as many as are needed."""
    gpu_limit: int = -1
    """GPUs that all nodes have together at most, -1 when nothing limits them."""
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
    def gpu_count(self) -> int:
        """GPUs of one node, 0 when unknown or different."""
        return max(self.gpus_per_node, 0)

    @property
    def may_have_gpu(self) -> bool:
        """False where there is no accelerator for sure: on simulated nodes, and those of instance types without."""
        return not self.simulated and self.most_gpus_per_node != 0

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
        return folder_of(self.source)


def folder_of(source: Source) -> str:
    """The folder of a file, as `nearest` compares them."""
    return source.path.rpartition("/")[0]


def with_hardware(group: NodeGroup, types: Sequence[str] = (), *, closed: bool = True) -> NodeGroup:
    """The group with the GPUs that its labels, or these instance types, tell of.

    `closed` is false where nodes may be of other types as well.
    """
    types = list(types) or _labelled_types(group)
    known = [found for each in types if (found := instance(each))]
    gpus = _products(group) or _distinct(each.gpu for each in known) or _ambiguous(group)
    counts = {each.count for each in known}
    closed = closed and not any(may_have_gpus(each) for each in types if instance(each) is None)
    if closed and types and not known and all(map(_PLAIN_TYPES.fullmatch, types)):
        counts = {0}
    stated = _stated_count(group)
    exact = stated if stated >= 0 else counts.pop() if closed and len(counts) == 1 else -1
    most = exact if exact >= 0 else max(counts) if closed and counts else -1
    telling = next(
        (group.labels[key].place for key in (PRODUCT, GKE_ACCELERATOR, INSTANCE_TYPE) if key in group.labels), None
    )
    return replace(
        group,
        gpus=gpus,
        gpus_per_node=exact,
        most_gpus_per_node=most,
        has_gpu=bool(gpus) or exact > 0 or most > 0 or _tells_of_gpu(group),
        hardware=telling or group.hardware,
    )


def may_have_gpus(instance_type: str) -> bool:
    """Whether an instance type that is in no catalogue has GPUs by its name, or may be any."""
    return is_placeholder(instance_type) or _GPU_TYPES.fullmatch(instance_type) is not None


def _labelled_types(group: NodeGroup) -> list[str]:
    for key in (INSTANCE_TYPE, _LEGACY_INSTANCE_TYPE):
        values = group.possible.values.get(key) or ({group.label(key)} if group.label(key) else ())
        found = sorted(value for value in values if isinstance(value, str))
        if found:
            return found
    return []


def _stated_count(group: NodeGroup) -> int:
    """By a label, the source's own word, or what the node advertises; -1 without one."""
    for key in _COUNT_LABELS:
        if group.label(key).isdecimal():
            return number(group.label(key))
    if group.gpus_per_node >= 0:
        return group.gpus_per_node
    return _advertised_count(group)


def _advertised_count(group: NodeGroup) -> int:
    """The devices behind what a node advertises, where nothing says that they are shared or cut."""
    devices = {name: count for name, count in group.allocatable.items() if classify(name).kind == "full"}
    cut = any(classify(name).profile for name in group.allocatable)
    shared = group.label(PRODUCT).endswith(_SHARED_SUFFIX) or group.label("nvidia.com/gpu.replicas") not in {"", "1"}
    return sum(devices.values()) if devices and not cut and not shared else -1


def _products(group: NodeGroup) -> tuple[Gpu, ...]:
    product = by_product_label(group.label(PRODUCT)) if group.label(PRODUCT) else None
    if product and product.gpu and product.certain:
        return (product.gpu,)
    found = _accelerators(group)
    return _distinct(gpu for each in found for gpu in each) if all(len(each) == 1 for each in found) else ()


def _ambiguous(group: NodeGroup) -> tuple[Gpu, ...]:
    """The products of values that stand for several, as `a100` does for two."""
    found = _accelerators(group)
    return _distinct(gpu for each in found for gpu in each) if all(found) else ()


def _accelerators(group: NodeGroup) -> list[tuple[Gpu, ...]]:
    """What each possible value of an accelerator label can mean."""
    values = {key: group.possible.values.get(key, frozenset()) for key in sorted(ACCELERATOR_LABELS)}
    for key in ACCELERATOR_LABELS:
        if group.label(key):
            values[key] = frozenset({group.label(key)})
    return [
        accelerators(key, value)
        for key, found in values.items()
        for value in sorted(each for each in found if isinstance(each, str))
    ]


def _tells_of_gpu(group: NodeGroup) -> bool:
    """Whether labels, requirements, taints or advertised resources only make sense on a node with GPUs."""
    absent = {key for key, values in group.possible.values.items() if values <= {ABSENT}}
    there = {key for key, values in group.possible.excluded.items() if ABSENT in values}
    keys = {*group.labels, *group.possible.values, *there} - absent
    if any(key.startswith(_GPU_LABEL_DOMAINS) for key in keys):
        return True
    if any(taint.key.startswith(_GPU_TAINTS) for taint in group.taints):
        return True
    if any(group.possible.values.get(key, frozenset({""})) <= _AWS_GPU_CATEGORIES for key in _AWS_CATEGORIES):
        return True
    return any(count > 0 and name.startswith(_GPU_TAINTS) for name, count in group.allocatable.items())


def _distinct(gpus: Iterable[Gpu]) -> tuple[Gpu, ...]:
    return tuple({gpu.id: gpu for gpu in gpus}.values())
