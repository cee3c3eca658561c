"""Where a workload may land: declared nodes that can take it, else what its own selector says of any node."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from types import MappingProxyType
from typing import TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.catalog import by_product_label
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, Configurations, Governed, govern
from gpulint.graph.nodes import INSTANCE_TYPE, PRODUCT, SCRIPTED, Label, NodeGroup, with_hardware
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
from gpulint.kube.selectors import ABSENT, LabelSet, Match, Mismatch, Placement, Requirement, Value
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
    "agentpool",
    "machine.openshift.io/",
    "hypershift.openshift.io/",
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
_OF_GPUS = ("nvidia.com/", "amd.com/", "cloud.google.com/", "karpenter.", "eks.amazonaws.com/instance-", INSTANCE_TYPE)
"""Labels that tell of a node's GPUs, or of how they are shared."""
_CLOUDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "aws": ("eks.amazonaws.com/", "karpenter.k8s.aws/", "topology.k8s.aws/", "alpha.eksctl.io/"),
        "azure": ("kubernetes.azure.com/", "karpenter.azure.com/"),
        "google": ("cloud.google.com/",),
    }
)
"""Domains of labels that only one cloud sets."""
_INSTANCE_TYPES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "aws": re.compile(r"[a-z][\w-]*\.(?:\d*xlarge|metal\b|large|medium|small|micro|nano)"),
        "azure": re.compile(r"Standard_\w+"),
        "google": re.compile(r"[a-z]\d[a-z]?-(?:standard|highgpu|megagpu|ultragpu|edgegpu|maxgpu|highmem|highcpu)-"),
    }
)
_OF_ONE_NODE = frozenset({"nvidia.com/gfd.timestamp"})
_COMPUTE_CLASS = "cloud.google.com/compute-class"
_GKE = "cloud.google.com/"
_ACCELERATOR_TAINTS = ("nvidia.com/", "amd.com/", "google.com/tpu")
_QUEUE = "kueue.x-k8s.io/queue-name"
_HOSTNAME = "kubernetes.io/hostname"
_MOST_DESCRIBED = 16
"""Combinations of selected label values that are told apart; with more, keys with several values are left out."""


@frozen
class Candidate:
    """A declared node or pool, or the nodes that a selector describes, that could take the workload."""

    group: NodeGroup
    governed: Governed
    offers: Offers
    declared: bool
    alike: tuple[NodeGroup, ...] = ()
    """The declared nodes that are as the group is to all pods, the group among them."""

    @property
    def groups(self) -> tuple[NodeGroup, ...]:
        return self.alike or (self.group,)


@frozen
class Excluded:
    """A declared node or pool that cannot take the workload."""

    group: NodeGroup
    mismatch: Mismatch | None
    taints: tuple[Taint, ...]
    alike: tuple[NodeGroup, ...] = ()
    """As for a candidate."""

    @property
    def groups(self) -> tuple[NodeGroup, ...]:
        return self.alike or (self.group,)

    @property
    def reason(self) -> str:
        if self.mismatch:
            return self.mismatch.sentence
        return f"it does not tolerate {', '.join(map(str, self.taints))}"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Landing:
    """The outcome for one workload."""

    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    bound: bool
    """True when no other nodes can take it: the node space is complete, or the selector matches declared nodes."""


Divided: TypeAlias = tuple[tuple[Candidate, ...], tuple[Candidate, ...], tuple[Excluded, ...]]
"""Candidates that match, candidates that may match, and what is excluded."""


@frozen
class Asked:
    """What pods select by: all else makes no difference between nodes."""

    keys: frozenset[str]
    """Of labels, without those below."""
    names: frozenset[str]
    """Of nodes."""
    by_name: bool
    """Whether any name makes a difference, as one that is excluded does."""

    @classmethod
    def by(cls, placements: Iterable[Placement]) -> Asked:
        keys: set[str] = set()
        names: set[str] = set()
        by_name = False
        for placement in placements:
            names.update([placement.node_name] if placement.node_name else [])
            for requirement in placement.requirements:
                if not requirement.is_field and requirement.key != _HOSTNAME:
                    keys.add(requirement.key)
                elif requirement.operator == "In" and not requirement.uncertain:
                    names.update(requirement.values)
                else:
                    by_name = True
        return cls(frozenset(keys), frozenset(names), by_name)


@frozen
class Nodes:
    """The declared nodes and pools of a scope with all that governs them."""

    groups: tuple[NodeGroup, ...]
    configurations: Configurations
    house_labels: Mapping[str, Mapping[str, str]]
    complete: bool
    admission_adds_tolerations: bool
    asked: Asked
    conditional_labels: frozenset[str] = frozenset()
    """Keys of labels that nodes may get by a rule."""
    landings: dict[tuple[Placement, bool], Landing] = field(default_factory=dict)
    """Those of placements that say nothing of nodes nobody declares, by placement and whether Kueue queues it."""
    _alike: dict[int, tuple[NodeGroup, ...]] = field(default_factory=dict)
    _candidates: dict[int, tuple[Candidate, ...]] = field(default_factory=dict)
    _labels: dict[int, LabelSet] = field(default_factory=dict)
    _discovered: dict[int, LabelSet] = field(default_factory=dict)
    """By such labels the same with the product as GPU feature discovery will write it, where that is another."""
    _distinct_labels: dict[Hashable, LabelSet] = field(default_factory=dict)
    _of_group: dict[int, tuple[LabelSet, ...]] = field(default_factory=dict)
    _own: dict[tuple[bool, str], frozenset[str]] = field(default_factory=dict)
    _divided: dict[tuple[Placement, bool], Divided] = field(default_factory=dict)

    def candidates(self, group: NodeGroup) -> tuple[Candidate, ...]:
        """The group under each configuration that may govern it; with all that are alike for the first of these."""
        known = self._candidates.get(id(group))
        if known is None:
            alike = self._classes().get(id(group), ())
            known = tuple(
                self._candidate(group, governed, declared=True, alike=alike)
                for governed in govern(group, self.configurations)
            )
            self._candidates[id(group)] = known
        return known

    def _candidate(
        self, group: NodeGroup, governed: Governed, *, declared: bool, alike: tuple[NodeGroup, ...] = ()
    ) -> Candidate:
        return Candidate(group, governed, offers(group, governed, self.house_labels), declared, alike)

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
                absent = self._conventions(candidate.group) | self._of_other_clouds(candidate.group)
                absent -= {*candidate.group.labels, *known.values}
                known = replace(known, values={**known.values, **dict.fromkeys(absent, frozenset({ABSENT}))})
            product = _discovered_product(candidate)
            alike = (id(candidate.group), known.names, frozenset(known.values.items()), product)
            known = self._labels[id(candidate)] = self._distinct_labels.setdefault(alike, known)
            if product:
                self._discovered[id(known)] = replace(known, values={**known.values, PRODUCT: frozenset({product})})
        return known

    def may_have(self, candidate: Candidate, key: str, value: str) -> bool:
        """Whether the nodes may have this label, as declared or as GPU feature discovery will write it."""
        labels = self.labels(candidate)
        discovered = self._discovered.get(id(labels), labels)
        return any(value in (each.possible(key) or ()) for each in (labels, discovered))

    def _match(self, placement: Placement, labels: LabelSet) -> Match:
        """By the product as declared, which its author evidently means, else as it will be written."""
        declared = placement.matches(labels)
        discovered = self._discovered.get(id(labels))
        if declared.truth != "no" or discovered is None:
            return declared
        written = placement.matches(discovered)
        return declared if written.truth == "no" else written

    def _label_sets(self, group: NodeGroup) -> tuple[LabelSet, ...]:
        """The labels of the candidates, each set once: of many configurations few make a difference."""
        known = self._of_group.get(id(group))
        if known is None:
            found = {id(labels): labels for labels in map(self.labels, self.candidates(group))}
            known = self._of_group[id(group)] = tuple(found.values())
        return known

    @property
    def distinct(self) -> tuple[NodeGroup, ...]:
        """The groups, of those that are alike to all pods only the first: what landings speak of."""
        return tuple(alike[0] for alike in self._classes().values())

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
        for alike in self._classes().values():
            group = alike[0]
            if not takes_part(group, placement, queued=queued):
                continue
            barred = self._barred(placement, group)
            mismatches: list[Mismatch | None] = []
            candidates = self.candidates(group)
            labels = self._label_sets(group)
            found = {id(each): self._match(placement, each) for each in labels}
            if len(labels) == 1 and not barred and (match := found[id(labels[0])]).truth != "no":
                if match.truth == "yes" and (group.has_gpu or by_label):
                    sure += candidates
                elif match.truth == "maybe" and group.has_gpu:
                    possible += candidates
                continue
            for candidate in candidates if len(labels) > 1 else candidates[:1]:
                match = found[id(self.labels(candidate))]
                if match.truth == "no" or barred:
                    if match.mismatch not in mismatches:  # several configurations may leave it the same labels
                        mismatches.append(match.mismatch)
                        excluded.append(Excluded(group, match.mismatch, barred, alike))
                elif match.truth == "yes" and (group.has_gpu or by_label):
                    sure.append(candidate)
                elif match.truth == "maybe" and group.has_gpu:
                    possible.append(candidate)
        return tuple(sure), tuple(possible), tuple(each for each in excluded if not each.group.simulated)

    def _classes(self) -> Mapping[int, tuple[NodeGroup, ...]]:
        """The groups, those together that are alike to all pods, as most nodes of a snapshot are; by the first one."""
        if not self._alike:
            found: dict[Hashable, list[NodeGroup]] = {}
            for group in self.groups:
                found.setdefault(self._likeness(group), []).append(group)
            self._alike.update({id(alike[0]): tuple(alike) for alike in found.values()})
        return self._alike

    def _likeness(self, group: NodeGroup) -> Hashable:
        if group.kind != "Node":
            return id(group)
        names = {group.name, group.label(_HOSTNAME)}
        labels = sorted((key, label.value) for key, label in group.labels.items() if self._matters(key))
        return (
            frozenset(names if self.asked.by_name else names & self.asked.names),
            tuple(labels),
            group.taints,
            tuple(sorted(group.allocatable.items())),
            tuple(gpu.id for gpu in group.gpus),
            group.gpus_per_node,
            group.most_gpus_per_node,
            group.exported,
            group.simulated,
            group.folder,
            bool(group.relabelled),
        )

    def _matters(self, key: str) -> bool:
        if key in self.asked.keys or key in self.house_labels:
            return True
        return key.startswith(_OF_GPUS) and key not in _OF_ONE_NODE

    def _barred(self, placement: Placement, group: NodeGroup) -> tuple[Taint, ...]:
        """The taints that keep the pod off; where `nodeName` bypasses the scheduler only those that evict it."""
        taints = untolerated(group.taints, placement.tolerations)
        if placement.node_name:
            return tuple(each for each in taints if each.effect == "NoExecute")
        if self.admission_adds_tolerations or any(key.startswith(_GKE) for key in group.labels):
            return tuple(each for each in taints if not each.key.startswith(_ACCELERATOR_TAINTS))
        return taints

    def _of_other_clouds(self, group: NodeGroup) -> frozenset[str]:
        """Keys that pods select by and that no node of the group's cloud has."""
        own = _cloud(group)
        return frozenset(key for key in self.asked.keys if own and _cloud_of_key(key) not in {"", own})

    def _conventions(self, group: NodeGroup) -> frozenset[str]:
        """Keys of the author's own that nodes declared the same way carry: a group without one evidently lacks it."""
        if not group.describes and group.kind != SCRIPTED:
            return frozenset()
        way = group.describes, group.cluster
        known = self._own.get(way)
        if known is None:
            alike = [each for each in self.groups if (each.describes, each.cluster) == way and not each.conditional]
            keys = {key for each in alike for key in each.labels.keys() - each.identity}
            known = self._own[way] = frozenset(key for key in keys if self._is_own(key))
        return known

    def _is_own(self, key: str) -> bool:
        if key in self.house_labels or key in {PLUGIN_CONFIG_LABEL, MIG_CONFIG_LABEL}:
            return True
        return not key.startswith(_RUNTIME_DOMAINS) and key not in self.conditional_labels


def landing(workload: Workload, nodes: Nodes) -> Landing:
    """Where the workload may land. Nodes without any sign of a GPU take part only when the selector names them.

    Workloads with equal placements get the same landing where declared nodes are all there is in it.
    """
    alike = (workload.placement, _is_queued(workload))
    known = nodes.landings.get(alike)
    if known is not None:
        return known
    sure, possible, excluded = nodes.divided(workload.placement, queued=alike[1])
    if nodes.complete:
        return nodes.landings.setdefault(alike, Landing((*sure, *possible), excluded, bound=True))
    declared = [*sure, *possible] if sure else []
    others = [group for group in _selected(workload) if not any(_is_of(group, each, nodes) for each in sure)]
    described = [candidate for group in others for candidate in nodes.described(group, workload)]
    pools = any(candidate.group.kind != "ResourceFlavor" for candidate in sure)
    bound = pools and names_nodes(workload.placement) and not others
    found = Landing((*declared, *described), excluded, bound)
    return found if others else nodes.landings.setdefault(alike, found)


def _is_queued(workload: Workload) -> bool:
    """Whether Kueue handles it: then it runs where a flavor of its queue says."""
    return any(labels.get(_QUEUE) is not None for labels in (workload.labels, workload.pod_labels))


def names_nodes(placement: Placement) -> bool:
    """True when every way to satisfy the selector asks for a label that nodes have because somebody gave it to them."""
    if placement.node_name:
        return True
    return all(any(map(_is_telling, (*placement.node_selector, *term))) for term in placement.terms or ((),))


def _is_telling(requirement: Requirement) -> bool:
    """Whether it asks for a label that tells one pool from another."""
    asks = requirement.operator in {"In", "Exists"} and not requirement.uncertain
    return asks and not requirement.key.startswith(_COMMON_LABELS)


def takes_part(group: NodeGroup, placement: Placement, *, queued: bool) -> bool:
    """Flavors are for what Kueue queues; a ComputeClass for pods that name one, which GKE keeps all others off."""
    if group.kind == "ResourceFlavor":
        return queued
    if group.kind == "ComputeClass":
        return any(each.key == _COMPUTE_CLASS for each in placement.requirements)
    return True


def _is_of(described: NodeGroup, candidate: Candidate, nodes: Nodes) -> bool:
    """Whether the declared nodes are among those that the selector describes."""
    return all(nodes.may_have(candidate, key, label.value) for key, label in described.labels.items())


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


def _discovered_product(candidate: Candidate) -> str:
    """The product that GPU feature discovery will write over the declared one; empty where that stays."""
    group, offer = candidate.group, _whole_gpu(candidate)
    declared = group.label(PRODUCT)
    if group.exported or offer is None or offer.told_by != "config" or GKE_SHARING_LABEL in group.labels:
        return ""
    if not declared or is_placeholder(declared) or by_product_label(declared).shared or "-MIG-" in declared:
        return ""
    slice_ = f"-MIG-{offer.profile.replace('+', '.')}" if offer.profile else ""
    suffix = slice_ + ("-SHARED" if offer.sharing in SHARED and offer.resource == FULL_GPU else "")
    return declared + suffix if suffix else ""


def _cloud(group: NodeGroup) -> str:
    """The cloud that the labels or the instance types of a group are of; empty where none is evident."""
    found = {_cloud_of_key(key) for key in (*group.labels, *group.possible.values)} - {""}
    types = group.possible.values.get(INSTANCE_TYPE) or frozenset({group.label(INSTANCE_TYPE)})
    for each in types:
        found |= {cloud for cloud, pattern in _INSTANCE_TYPES.items() if isinstance(each, str) and pattern.match(each)}
    return found.pop() if len(found) == 1 else ""


def _cloud_of_key(key: str) -> str:
    return next((cloud for cloud, domains in _CLOUDS.items() if key.startswith(domains)), "")


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
