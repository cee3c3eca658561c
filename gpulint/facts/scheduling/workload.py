"""Workloads as a whole: where they can run at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.taint import Tolerances, has_none, has_open_group, is_queued, near_place
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.landing import Excluded, Landing, names_nodes
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import get, is_placeholder, mapping
from gpulint.manifest import Place


@frozen
class Exclusion:
    """A declared node or pool that cannot take the workload, and how many more cannot for the same reason."""

    name: str
    """`MachineSet gpu-a100`, `Node gpu-1 and 7 more`."""
    reason: str
    """`nvidia.com/gpu-sharing is 'mig', not 'full'`."""
    place: Place
    """Where the node or pool is declared."""


@frozen
class WorkloadFact:
    """A pod template that asks for an accelerator."""

    cluster: str
    owner: Owner
    selects: bool
    """Whether anything but taints narrows its nodes."""
    no_node: bool
    """Whether every declared node and pool with GPUs is excluded (and there is at least one)."""
    excluded: int
    """How many declared nodes and pools with GPUs cannot take it."""
    exclusions: tuple[Exclusion, ...]
    """Why none can: the first few reasons, each with the nodes and pools that it holds for; empty when one can."""
    evident: tuple[str, ...]
    """Search spaces the author evidently speaks of: it selects by labels, or tolerates by taints, of declared nodes."""
    selector_place: Place
    """The tolerations where a taint excludes one of them, else the value that excludes the first."""
    place: Place
    """The name of the object."""
    undecided: bool
    """Whether it asks for a whole GPU, of whatever model: by no name of a resource, selector, preference, queue or
    annotation, where more than one model may be in the cluster."""
    asked_place: Place
    """The name of the first resource that it asks for."""
    runtime_class: str
    """Its `runtimeClassName`, where nothing of the input defines it and no component brings it; empty else."""
    runtime_class_place: Place


def workload_facts(graph: Graph, owners: Owners) -> Iterator[WorkloadFact]:
    """One fact per workload."""
    labels = _declared_labels(graph)
    taints = frozenset(taint.key for group in graph.nodes.groups for taint in group.taints)
    tolerances = Tolerances(graph)
    missing_runtime_class = _RuntimeClasses(graph).missing
    known: dict[Landing, tuple[int, tuple[Exclusion, ...]]] = {}  # many workloads have one landing
    for workload in graph.workloads:
        landing = graph.landing(workload)
        excluded = [each for each in landing.excluded if each.group.has_gpu and not each.group.conditional]
        no_node = bool(excluded) and not any(each.declared and not has_none(each.group) for each in landing.candidates)
        no_node = no_node and workload.template.form != "instance"  # its controller makes the nodes
        open_ = not excluded or tolerances.is_patched(workload) or has_open_group(graph, workload, tolerances)
        count, exclusions = known.get(landing) or known.setdefault(landing, (_count(excluded), _exclusions(excluded)))
        yield WorkloadFact(
            cluster=graph.scope.name,
            owner=owners.of(workload),
            selects=workload.placement.selects,
            no_node=no_node and not open_,
            excluded=count,
            exclusions=exclusions if no_node else (),
            evident=("nodes",) if _speaks_of_nodes(workload, excluded, labels, taints) else (),
            selector_place=_selector_place(workload, excluded, tolerances),
            place=workload.manifest.place("metadata", "name"),
            undecided=_is_undecided(graph, workload),
            asked_place=_asked_place(workload),
            runtime_class=missing_runtime_class(workload),
            runtime_class_place=workload.spec_place(("runtimeClassName",)),
        )


def _declared_labels(graph: Graph) -> frozenset[str]:
    """The labels by which declared nodes are told apart; none where they are of several clusters."""
    groups = [group for group in graph.nodes.groups if not group.simulated]
    if len({group.cluster for group in groups if group.cluster}) > 1:
        return frozenset()
    return frozenset(key for group in groups for key in {*group.labels, *group.possible.values} - group.identity)


def _speaks_of_nodes(
    workload: Workload, excluded: list[Excluded], labels: frozenset[str], taints: frozenset[str]
) -> bool:
    """True when it asks for nodes in particular, and for no label but those that declared nodes carry."""
    placement = workload.placement
    missed = {each.mismatch.key for each in excluded if each.mismatch}
    asked = {each.key for each in placement.requirements if each.operator in {"In", "Exists"}}
    selects = names_nodes(placement) and asked <= labels
    tolerates = any(toleration.key in taints for toleration in placement.tolerations)
    return missed <= labels and (bool(missed) or selects or tolerates)


def _count(excluded: list[Excluded]) -> int:
    return len({(group.kind, group.name) for each in excluded for group in each.groups})


def _exclusions(excluded: list[Excluded]) -> tuple[Exclusion, ...]:
    """The first few reasons, each with the first node or pool it holds for."""
    alike: dict[str, dict[str, Place]] = {}
    for each in sorted(excluded, key=lambda each: (each.group.kind, each.group.name)):
        named = alike.setdefault(each.reason, {})
        for group in each.groups:
            named.setdefault(group.title, group.place)
    return tuple(
        Exclusion(title if len(places) == 1 else f"{title} and {len(places) - 1} more", reason, place)
        for reason, places in list(alike.items())[:_MOST_REASONS]
        for title, place in list(places.items())[:1]
    )


_MOST_REASONS = 8


def _selector_place(workload: Workload, excluded: list[Excluded], tolerances: Tolerances) -> Place:
    """What keeps it off the nodes that come closest: those that its labels match, but not its tolerations."""
    by_taint = [taint for each in excluded if each.mismatch is None for taint in each.taints]
    misses = [miss for taint in by_taint if (miss := tolerances.near(workload, taint))]
    if misses:
        return near_place(workload, misses[0])
    first = next((each.mismatch for each in excluded if each.mismatch), None)
    if by_taint or first is None:
        return workload.spec_place(("tolerations",)).keyed()
    return workload.spec_place(first.path)


# --- which GPU it needs -----------------------------------------------------------------------------------------------

_WHOLE = frozenset({"template", "podspec"})
_TELLING = re.compile(r"gpu-?type|gpu-?model|gpu-?uuid|node-pool|nodepool|gpu-fraction|gpu-memory|hardware-profile")
"""Annotations and labels by which other schedulers and dashboards choose a GPU or a pool."""


def _is_undecided(graph: Graph, workload: Workload) -> bool:
    kind, placement = workload.template.kind, workload.placement
    if kind is None or kind.is_template or workload.template.form not in _WHOLE or workload.superseded:
        return False
    if any(asked.resource.kind != "full" for asked in workload.asked) or placement.selects or is_queued(workload):
        return False
    preferred = get(workload.pod_spec, _PREFERRED)
    marks = (
        *workload.pod_annotations,
        *workload.pod_labels,
        *mapping(workload.manifest.get("metadata", "annotations")),
    )
    if preferred or any(map(_TELLING.search, marks)) or is_placeholder(workload.pod_spec.get("nodeSelector")):
        return False
    return not (graph.spaces["nodes"] == "complete" and _is_one_model(graph))


_PREFERRED = ("affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution")


def _is_one_model(graph: Graph) -> bool:
    groups = [group for group in graph.nodes.groups if group.has_gpu]
    return all(group.gpus for group in groups) and len({gpu.id for group in groups for gpu in group.gpus}) == 1


def _asked_place(workload: Workload) -> Place:
    first = workload.asked[0]
    return workload.place(first.container, first.entry.path, key=True)


# --- its runtime class ------------------------------------------------------------------------------------------------

_BROUGHT = re.compile(
    r"(?:nvidia|kata|spin|wasm)(?:-.*)?|wasmedge.*|wasmer.*|wasmtime.*|crun|runsc|gvisor|lunatic|slight|wws|runc|youki"
)
"""Runtime classes that the GPU Operator, Kata Containers, k3s and clouds make."""


class _RuntimeClasses:
    """The runtime classes of the cluster, where the input is known to hold all of them."""

    def __init__(self, graph: Graph) -> None:
        self._complete = graph.spaces["runtime-classes"] == "complete"
        self._known = {each.name for each in graph.of_kind("RuntimeClass", "node.k8s.io")}
        operators = (each.section.get("operator", "runtimeClass") for each in graph.configurations.installers)
        self._known.update(name for name in operators if isinstance(name, str))

    def missing(self, workload: Workload) -> str:
        """The one that a pod names, where there is none of that name; else ''."""
        name = workload.placement.runtime_class
        if not self._complete or not name or is_placeholder(name) or name in self._known:
            return ""
        return "" if _BROUGHT.fullmatch(name) else name
