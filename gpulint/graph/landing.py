"""Where a workload may land: declared nodes that can take it, else what its own selector says of any node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TypeAlias

from gpulint.gpu.catalog import by_product_label
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, Configurations, Governed, govern
from gpulint.graph.nodes import PRODUCT, SCRIPTED, Label, NodeGroup, with_hardware
from gpulint.graph.offers import (
    FULL_GPU,
    GKE_SHARING_LABEL,
    REPLICAS_LABEL,
    SHARED,
    SHARING_LABEL,
    Offer,
    Offers,
    offers,
)
from gpulint.graph.workloads import Workload
from gpulint.kube.selectors import ABSENT, LabelSet, Mismatch, Placement, Requirement, Value
from gpulint.kube.taints import Taint, untolerated
from gpulint.kube.tree import is_placeholder

_RUNTIME_DOMAINS = (
    "nvidia.com/",
    "feature.node.kubernetes.io/",
    "kubernetes.io/",
    "node.kubernetes.io/",
    "node-role.kubernetes.io/",
    "topology.kubernetes.io/",
    "failure-domain.beta.kubernetes.io/",
    "beta.kubernetes.io/",
    "cloud.google.com/",
    "eks.amazonaws.com/",
    "topology.k8s.aws/",
    "alpha.eksctl.io/",
    "karpenter.sh/",
    "karpenter.k8s.aws/",
    "karpenter.azure.com/",
    "kubernetes.azure.com/",
    "machine.openshift.io/",
)
"""Labels of these domains are set by components at run time: a manifest that lacks one says nothing."""
_COMMON_LABELS = (
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "node-role.kubernetes.io/",
    "topology.kubernetes.io/",
    "failure-domain.beta.kubernetes.io/",
    "feature.node.kubernetes.io/",
    "nvidia.com/gpu.present",
    "nvidia.com/gpu.count",
    "nvidia.com/gpu.memory",
    "nvidia.com/gpu.family",
    "nvidia.com/gpu.compute.",
    "nvidia.com/gpu.deploy.",
    "nvidia.com/cuda.",
    "nvidia.com/mig.capable",
    "karpenter.sh/capacity-type",
    "karpenter.k8s.aws/instance-",
)
"""Labels that tell no pool from another: nodes that nobody declares have them as well."""
_QUEUE = "kueue.x-k8s.io/queue-name"
_HOSTNAME = "kubernetes.io/hostname"
_MOST_DESCRIBED = 16
"""Combinations of selected label values that are told apart; with more, keys with several values are left out."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A declared node or pool, or the nodes that a selector describes, that could take the workload."""

    group: NodeGroup
    governed: Governed
    offers: Offers
    declared: bool


@dataclass(frozen=True, slots=True)
class Excluded:
    """A declared node or pool that cannot take the workload."""

    group: NodeGroup
    mismatch: Mismatch | None
    taints: tuple[Taint, ...]

    @property
    def reason(self) -> str:
        if self.mismatch:
            return self.mismatch.sentence
        return f"it does not tolerate {', '.join(map(str, self.taints))}"


@dataclass(frozen=True, slots=True)
class Landing:
    """The outcome for one workload."""

    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    bound: bool
    """True when no other nodes can take it: the node space is complete, or the selector matches declared nodes."""


Divided: TypeAlias = tuple[tuple[Candidate, ...], tuple[Candidate, ...], tuple[Excluded, ...]]
"""Candidates that match, candidates that may match, and what is excluded."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The declared nodes and pools of a scope with all that governs them."""

    groups: tuple[NodeGroup, ...]
    configurations: Configurations
    house_labels: Mapping[str, Mapping[str, str]]
    complete: bool
    admission_adds_tolerations: bool
    _candidates: dict[int, tuple[Candidate, ...]] = field(default_factory=dict)
    _labels: dict[int, LabelSet] = field(default_factory=dict)
    _own: dict[bool, frozenset[str]] = field(default_factory=dict)
    _divided: dict[tuple[Placement, bool], Divided] = field(default_factory=dict)

    def candidates(self, group: NodeGroup) -> tuple[Candidate, ...]:
        """The group under each configuration that may govern it."""
        known = self._candidates.get(id(group))
        if known is None:
            known = tuple(
                self._candidate(group, governed, declared=True) for governed in govern(group, self.configurations)
            )
            self._candidates[id(group)] = known
        return known

    def _candidate(self, group: NodeGroup, governed: Governed, *, declared: bool) -> Candidate:
        return Candidate(group, governed, offers(group, governed, self.house_labels), declared)

    def described(self, group: NodeGroup, workload: Workload) -> Iterator[Candidate]:
        """Nodes that only a selector describes, under each configuration that leaves them the labels it asks for."""
        for governed in govern(group, self.configurations):
            candidate = self._candidate(group, governed, declared=False)
            if not _contradicts(candidate, workload, self.house_labels):
                yield candidate

    def labels(self, candidate: Candidate) -> LabelSet:
        """The labels the nodes may have: declared ones, those that components would set, and those that are absent."""
        known = self._labels.get(id(candidate))
        if known is None:
            known = _computed(candidate)
            if not candidate.group.exported:
                absent = self._conventions(candidate.group) - set(candidate.group.labels) - set(known.values)
                known = replace(known, values={**known.values, **dict.fromkeys(absent, frozenset({ABSENT}))})
            self._labels[id(candidate)] = known
        return known

    def divided(self, placement: Placement, *, queued: bool) -> Divided:
        """The declared nodes as a placement divides them; flavors take part for what Kueue queues."""
        known = self._divided.get((placement, queued))
        if known is None:
            known = self._divided[placement, queued] = self._divide(placement, queued=queued)
        return known

    def _divide(self, placement: Placement, *, queued: bool) -> Divided:
        by_label = names_nodes(placement)
        sure: list[Candidate] = []
        possible: list[Candidate] = []
        excluded: list[Excluded] = []
        for group in self.groups:
            if group.kind == "ResourceFlavor" and not queued:
                continue
            barred = () if _tolerated_by_admission(group, self) else _barred(placement, group)
            for candidate in self.candidates(group):
                match = placement.matches(self.labels(candidate))
                if match.truth == "no" or barred:
                    excluded.append(Excluded(group, match.mismatch, barred))
                elif match.truth == "yes" and (group.has_gpu or by_label):
                    sure.append(candidate)
                elif match.truth == "maybe" and group.has_gpu:
                    possible.append(candidate)
        return tuple(sure), tuple(possible), tuple(excluded)

    def _conventions(self, group: NodeGroup) -> frozenset[str]:
        """Keys of the author's own that nodes declared the same way carry: a group without one evidently lacks it."""
        known = self._own.get(group.describes)
        if known is None:
            alike = (each for each in self.groups if each.describes == group.describes)
            keys = {key for each in alike if each.kind != "ResourceFlavor" for key in each.labels}
            known = self._own[group.describes] = frozenset(key for key in keys if self._is_own(key))
        return known

    def _is_own(self, key: str) -> bool:
        if key in self.house_labels or key in {PLUGIN_CONFIG_LABEL, MIG_CONFIG_LABEL}:
            return True
        return not key.startswith(_RUNTIME_DOMAINS)


def landing(workload: Workload, nodes: Nodes) -> Landing:
    """Where the workload may land. Nodes without any sign of a GPU take part only when the selector names them."""
    sure, possible, excluded = nodes.divided(workload.placement, queued=_is_queued(workload))
    if nodes.complete:
        return Landing((*sure, *possible), excluded, bound=True)
    declared = [*sure, *possible] if sure else []
    others = [group for group in _selected(workload) if not any(_is_of(group, each, nodes) for each in sure)]
    described = [candidate for group in others for candidate in nodes.described(group, workload)]
    pools = any(candidate.group.kind != "ResourceFlavor" for candidate in sure)
    bound = pools and names_nodes(workload.placement) and not others
    return Landing((*declared, *described), excluded, bound)


def _is_queued(workload: Workload) -> bool:
    """Whether Kueue handles it: then it runs where a flavor of its queue says."""
    metadata = workload.template.metadata
    places = [("metadata", "labels"), *([(*metadata, "labels")] if metadata is not None else [])]
    return any(workload.manifest.get(*place, _QUEUE) is not None for place in places)


def names_nodes(placement: Placement) -> bool:
    """True when every way to satisfy the selector asks for a label that nodes have because somebody gave it to them."""
    if placement.node_name:
        return True
    return all(any(map(_is_telling, (*placement.node_selector, *term))) for term in placement.terms or ((),))


def _is_telling(requirement: Requirement) -> bool:
    """Whether it asks for a label that tells one pool from another."""
    asks = requirement.operator in {"In", "Exists"} and not requirement.uncertain
    return asks and not requirement.key.startswith(_COMMON_LABELS)


def _is_of(described: NodeGroup, candidate: Candidate, nodes: Nodes) -> bool:
    """Whether the declared nodes are among those that the selector describes."""
    labels = nodes.labels(candidate)
    return all(label.value in (labels.possible(key) or ()) for key, label in described.labels.items())


def _barred(placement: Placement, group: NodeGroup) -> tuple[Taint, ...]:
    """The taints that keep the pod off; where `nodeName` bypasses the scheduler only those that evict it."""
    taints = untolerated(group.taints, placement.tolerations)
    return tuple(each for each in taints if each.effect == "NoExecute") if placement.node_name else taints


def _tolerated_by_admission(group: NodeGroup, nodes: Nodes) -> bool:
    """GKE, and whoever says so in the configuration, runs the admission plugin ExtendedResourceToleration."""
    return nodes.admission_adds_tolerations or any(key.startswith("cloud.google.com/gke-") for key in group.labels)


# --- nodes that only a selector describes -----------------------------------------------------------------------------


def _selected(workload: Workload) -> Iterator[NodeGroup]:
    """One group per combination of label values that the selector demands: every node it lands on carries one."""
    placement = workload.placement
    for term in placement.terms or ((),):
        demanded = _demanded((*placement.node_selector, *term))
        if prod(map(len, demanded.values())) > _MOST_DESCRIBED:
            demanded = {key: values for key, values in demanded.items() if len(values) == 1}
        for values in product(*demanded.values()):
            labels = {
                requirement.key: Label(value, workload.spec_place(requirement.value_path))
                for requirement, value in values
            }
            yield with_hardware(_described(workload, labels))


def _demanded(requirements: Iterable[Requirement]) -> dict[str, list[tuple[Requirement, str]]]:
    """The values each key must have one of; keys with placeholders or other operators are left out."""
    return {
        each.key: [(each, value) for value in each.values]
        for each in requirements
        if each.operator == "In" and not each.uncertain and not each.is_field
    }


def _described(workload: Workload, labels: Mapping[str, Label]) -> NodeGroup:
    words = ", ".join(f"{key}={label.value}" for key, label in sorted(labels.items()))
    return NodeGroup(
        name=f"nodes with {words}" if words else "nodes without a label",
        kind="selector",
        place=workload.manifest.place("metadata", "name"),
        source=workload.manifest.document.source,
        labels=labels,
        possible=LabelSet.of({key: label.value for key, label in labels.items()}),
    )


def _contradicts(candidate: Candidate, workload: Workload, house_labels: Mapping[str, Mapping[str, str]]) -> bool:
    """True when nodes under the configuration would not have the labels that the selector asks for.

    MIG resources have labels of their own: nothing is said of a workload that asks for them only.
    """
    offer = _whole_gpu(candidate)
    if offer is None or offer.told_by != "config" or not any(each.resource.profile == "" for each in workload.asked):
        return False
    wanted = candidate.group.label(PRODUCT)
    suffixed = offer.sharing in SHARED and offer.resource == FULL_GPU
    if wanted and suffixed and not by_product_label(wanted).shared:
        return True
    values = _sharing_labels(offer)
    for key, meanings in house_labels.items():
        alike = frozenset[Value](value for value, strategy in meanings.items() if strategy == offer.sharing)
        if alike:
            values[key] = alike
    return workload.placement.matches(LabelSet(values)).truth == "no"


# --- labels that components would set ---------------------------------------------------------------------------------


def _computed(candidate: Candidate) -> LabelSet:
    """With the labels of GPU feature discovery (k8s-device-plugin internal/lm/resource.go), where they are certain."""
    group = candidate.group
    labels = _named(group)
    offer = _whole_gpu(candidate)
    if group.exported or GKE_SHARING_LABEL in group.labels or offer is None or offer.told_by == "house-label":
        return labels
    values = dict(labels.values)
    if candidate.offers.complete and offer.told_by == "config":
        values = {**_sharing_labels(offer), **values}
    unsuffixed = candidate.offers.complete or candidate.governed.strategy in {"none", "mixed"}
    if len(group.gpus) == 1 and unsuffixed and offer.sharing != "unknown" and not offer.profile:
        suffix = "-SHARED" if offer.sharing in SHARED and offer.resource == FULL_GPU else ""
        values.setdefault(PRODUCT, frozenset(label + suffix for label in group.gpus[0].product_labels))
    return replace(labels, values=values)


def _named(group: NodeGroup) -> LabelSet:
    """With the node's name, and the hostname that follows from it."""
    is_node = group.kind == "Node" or (group.kind == SCRIPTED and " " not in group.name)
    if not is_node or is_placeholder(group.name):
        return group.possible
    labels = replace(group.possible, names=frozenset({group.name}))
    if group.exported:
        return labels
    return replace(labels, values={_HOSTNAME: frozenset({group.name}), **labels.values})


def _whole_gpu(candidate: Candidate) -> Offer | None:
    """What is advertised for GPUs that are not cut, or under the strategy `single`."""
    return candidate.offers.get(FULL_GPU) or candidate.offers.get(f"{FULL_GPU}.shared")


def _sharing_labels(offer: Offer) -> dict[str, frozenset[Value]]:
    if offer.sharing not in {"none", "time-slicing", "mps"}:
        return {}
    replicas = {REPLICAS_LABEL: frozenset[Value]({str(offer.replicas)})} if offer.replicas else {}
    return {SHARING_LABEL: frozenset[Value]({offer.sharing}), **replicas}
