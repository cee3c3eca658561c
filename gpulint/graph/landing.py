"""Where a workload may land: the declared nodes that can take it, else what its own selector says of any node it lands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product

from gpulint.gpu.catalog import by_product_label
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, Configurations, Governed, govern
from gpulint.graph.nodes import PRODUCT, Label, NodeGroup, with_hardware
from gpulint.graph.offers import (
    FULL_GPU,
    GKE_SHARING_LABEL,
    REPLICAS_LABEL,
    SHARING_LABEL,
    Offers,
    offers,
)
from gpulint.graph.workloads import Workload
from gpulint.kube.selectors import ABSENT, LabelSet, Mismatch, Requirement
from gpulint.kube.taints import Taint, untolerated

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
_MOST_VIRTUAL = 16


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

    def virtual(self, group: NodeGroup) -> Iterator[Candidate]:
        """Nodes that only a selector describes, under each configuration that leaves them the labels it asks for."""
        for governed in govern(group, self.configurations):
            candidate = self._candidate(group, governed, declared=False)
            if not _contradicts(candidate):
                yield candidate

    def labels(self, candidate: Candidate) -> LabelSet:
        """All the labels the nodes may have: the declared ones, those that components would set, and what is evidently absent."""
        known = self._labels.get(id(candidate))
        if known is None:
            known = _computed(candidate)
            if not candidate.group.exported:
                absent = self._conventions(candidate.group) - set(candidate.group.labels) - set(known.values)
                known = LabelSet(
                    {**known.values, **dict.fromkeys(absent, frozenset({ABSENT}))},
                    known.excluded,
                    known.closed,
                    known.names,
                )
            self._labels[id(candidate)] = known
        return known

    def _conventions(self, group: NodeGroup) -> set[str]:
        """Keys of the author's own that nodes declared the same way carry: a group without one evidently lacks it."""
        alike = (each for each in self.groups if each.describes == group.describes and each.kind != "ResourceFlavor")
        return {key for each in alike for key in each.labels if self._is_own(key)}

    def _is_own(self, key: str) -> bool:
        if key in self.house_labels or key in {PLUGIN_CONFIG_LABEL, MIG_CONFIG_LABEL}:
            return True
        return not key.startswith(_RUNTIME_DOMAINS)


def landing(workload: Workload, nodes: Nodes) -> Landing:
    """Where the workload may land. Nodes without any sign of a GPU take part only when the selector names them."""
    placement = workload.placement
    sure: list[Candidate] = []
    possible: list[Candidate] = []
    excluded: list[Excluded] = []
    for group in nodes.groups:
        for candidate in nodes.candidates(group):
            match = placement.matches(nodes.labels(candidate))
            barred = () if _tolerated_by_admission(group, nodes) else untolerated(group.taints, placement.tolerations)
            if match.truth == "no" or barred:
                excluded.append(Excluded(group, match.mismatch, barred))
            elif match.truth == "yes" and (group.has_gpu or placement.selects):
                sure.append(candidate)
            elif match.truth == "maybe" and group.has_gpu:
                possible.append(candidate)
    if sure:
        return Landing((*sure, *possible), tuple(excluded), bound=nodes.complete or placement.selects)
    if nodes.complete:
        return Landing(tuple(possible), tuple(excluded), bound=True)
    described = tuple(candidate for group in _selected(workload) for candidate in nodes.virtual(group))
    return Landing(described, tuple(excluded), bound=False)


def _tolerated_by_admission(group: NodeGroup, nodes: Nodes) -> bool:
    """GKE, and whoever says so in the configuration, adds tolerations for extended resources (ExtendedResourceToleration)."""
    return nodes.admission_adds_tolerations or any(key.startswith("cloud.google.com/gke-") for key in group.labels)


# --- nodes that only a selector describes -------------------------------------------------------------------------------


def _selected(workload: Workload) -> Iterator[NodeGroup]:
    """One group per combination of label values that the selector demands: every node it lands on carries one of them."""
    placement = workload.placement
    for term in placement.terms or ((),):
        demanded = _demanded((*placement.node_selector, *term))
        for values in islice(product(*demanded.values()), _MOST_VIRTUAL):
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


def _contradicts(candidate: Candidate) -> bool:
    """True when the configuration would give the nodes another product label than the selector asks for."""
    wanted = candidate.group.label(PRODUCT)
    offer = candidate.offers.get(FULL_GPU)
    if not wanted or offer is None or offer.told_by != "config":
        return False
    return offer.sharing in {"time-slicing", "mps"} and not by_product_label(wanted).shared


# --- labels that components would set -----------------------------------------------------------------------------------


def _computed(candidate: Candidate) -> LabelSet:
    """With the labels of GPU feature discovery (k8s-device-plugin internal/lm/resource.go), where they follow from what is known."""
    group = candidate.group
    labels = group.possible
    if group.exported or GKE_SHARING_LABEL in group.labels:
        return labels
    offer = candidate.offers.get(FULL_GPU)
    values = dict(labels.values)
    if (
        offer
        and offer.told_by == "config"
        and offer.sharing in {"none", "time-slicing", "mps"}
        and candidate.offers.complete
    ):
        values.setdefault(SHARING_LABEL, frozenset({offer.sharing}))
        values.setdefault(REPLICAS_LABEL, frozenset({str(offer.replicas)}))
    if len(group.gpus) == 1 and offer and offer.sharing != "unknown" and not offer.profile:
        suffix = "-SHARED" if offer.sharing in {"time-slicing", "mps", "shared"} else ""
        values.setdefault(PRODUCT, frozenset(label + suffix for label in group.gpus[0].product_labels))
    return LabelSet(values, labels.excluded, labels.closed, labels.names)
