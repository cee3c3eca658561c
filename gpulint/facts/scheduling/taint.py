"""Taints that keep workloads off nodes whose labels they match, and tolerations that miss the taint they are for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gpulint.facts.candidates import least
from gpulint.facts.owner import Owners
from gpulint.facts.patched import PLACEMENT, patched
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.landing import Excluded, Landing, names_nodes, takes_part
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.queues import QUEUE_LABEL
from gpulint.graph.scope import related_folders
from gpulint.graph.workloads import Workload
from gpulint.kube.taints import NearMiss, Taint, Toleration, near_miss, parse_tolerations, tolerates, untolerated
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest, Place

_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "node.cilium.io/", "karpenter.sh/")
"""Taints that go away by themselves, or that the control plane tolerates for everybody."""
_INJECTORS = frozenset({"kyverno.io", "mutations.gatekeeper.sh", "admissionregistration.k8s.io"})
"""API groups of policies that may add tolerations to pods."""
_INJECTING_KINDS = frozenset({"PodDefault", "HardwareProfile", "AcceleratorProfile"})
_PROFILE_ANNOTATIONS = ("opendatahub.io/hardware-profile-name", "opendatahub.io/accelerator-name")
"""By them an admission webhook of Open Data Hub adds the tolerations of a profile."""
_WHOLE = frozenset({"template", "podspec"})
"""Forms of a pod that hold all of its tolerations."""


@frozen
class Tainted:
    """Nodes that carry the taint."""

    name: str
    """`MachineSet gpu-a100`."""
    place: Place


@frozen
class TaintFact:
    """Taints that keep a workload off GPU nodes whose labels it matches."""

    cluster: str
    owner: Owner
    taints: tuple[str, ...]
    """As `kubectl taint` writes them, sorted; without those that one of its tolerations is evidently for."""
    every: bool
    """Whether all declared nodes with GPUs that its labels allow are closed to it; else some are."""
    nodes: tuple[Tainted, ...]
    """Those that are closed to it, sorted; the first few."""
    more: int
    """How many more there are."""
    confidence: str
    place: Place
    """Its tolerations, or where they would be."""


@frozen
class TolerationFact:
    """A toleration for the key of a taint of declared nodes, whose value or effect it misses."""

    cluster: str
    owner: Owner
    toleration: str
    """What it tolerates, as `kubectl taint` writes it: `nvidia.com/gpu:NoSchedule`."""
    taint: str
    misses: str
    """`value` or `effect`."""
    node: str
    """`MachineSet gpu-a100`."""
    confidence: str
    place: Place
    """The value or effect; the toleration where it states none."""
    node_place: Place


class Tolerances:
    """What keeps pods off nodes, with the tolerations that are added to them when they are admitted."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._patched = patched(graph)
        self._declared = tuple(sorted({taint for group in graph.nodes.groups for taint in group.taints}))
        self._runtime_classes = {each.name: each for each in graph.of_kind("RuntimeClass", "node.k8s.io")}
        self._flavors = tuple(
            toleration
            for flavor in graph.of_kind("ResourceFlavor", "kueue.x-k8s.io")
            for toleration in parse_tolerations(flavor.get("spec", "tolerations"))
        )
        self._injected = any(_injects(each) for each in graph.manifests)
        self._customary: dict[tuple[Taint, ...], bool] = {}
        self._additions: dict[tuple[str, bool], tuple[Toleration, ...]] = {}
        self.with_open_group: dict[tuple[Landing, tuple[Toleration, ...]], bool] = {}
        """Whether a group is open to workloads with this landing and these additions, see `has_open_group`."""

    @property
    def open(self) -> bool:
        """Whether a policy of the input may add tolerations to any pod."""
        return self._injected

    def is_patched(self, workload: Workload) -> bool:
        """Whether a kustomization changes where it may run."""
        return self._patched.pod(workload, *PLACEMENT)

    def barred(self, workload: Workload) -> list[tuple[Excluded, tuple[Taint, ...]]]:
        """The declared nodes that its labels allow, and the lasting taints that close them to it."""
        found = []
        added = self.added(workload)
        for each in self._graph.landing(workload).excluded:
            if each.mismatch is None and not each.group.conditional:
                taints = [taint for taint in each.taints if not taint.key.startswith(_PASSING)]
                left = untolerated(taints, added)
                if left:
                    found.append((each, left))
        return found

    def tolerated(self, workload: Workload, each: Excluded) -> bool:
        """Whether only its taints exclude it, and what is added to the pod tolerates them."""
        return each.mismatch is None and bool(each.taints) and not untolerated(each.taints, self.added(workload))

    def near(self, workload: Workload, taint: Taint) -> NearMiss | None:
        """The toleration that is evidently for the taint: it fits none of the taints that are declared."""
        miss = near_miss(workload.placement.tolerations, taint)
        if miss is None or any(tolerates((miss.toleration,), other) for other in self._declared):
            return None
        return miss if _is_evident(miss) else None

    def is_customary(self, taints: tuple[Taint, ...]) -> bool:
        """Whether some workload tolerates them all, which shows that such nodes are in use."""
        if taints not in self._customary:
            placements = (each.placement for each in self._graph.workloads)
            self._customary[taints] = any(not untolerated(taints, each.tolerations) for each in placements)
        return self._customary[taints]

    def added(self, workload: Workload) -> tuple[Toleration, ...]:
        """Those of its RuntimeClass, and for what Kueue queues those of the flavors."""
        alike = (workload.placement.runtime_class, is_queued(workload))
        known = self._additions.get(alike)
        if known is None:
            runtime_class = self._runtime_classes.get(alike[0])
            added = parse_tolerations(runtime_class.get("scheduling", "tolerations")) if runtime_class else ()
            known = self._additions[alike] = added + (self._flavors if alike[1] else ())
        return known


def taint_facts(graph: Graph, owners: Owners) -> Iterator[TaintFact]:
    """One fact per workload that taints keep off nodes with GPUs."""
    tolerances = Tolerances(graph)
    for workload in graph.workloads:
        kind = workload.template.kind
        if workload.template.form not in _WHOLE or (kind is not None and kind.is_template) or _has_profile(workload):
            continue
        barred = [(each, taints) for each, taints in tolerances.barred(workload) if each.group.has_gpu]
        missing = sorted({taint for _, taints in barred for taint in taints if not tolerances.near(workload, taint)})
        if not missing or all(_asks_nothing(workload)):
            continue
        groups = [group for each, taints in barred if not set(taints).isdisjoint(missing) for group in each.groups]
        every = not has_open_group(graph, workload, tolerances)
        sure = (
            _sureness_of_all(graph, workload, groups, missing, tolerances)
            if every
            else _sureness_of_some(workload, missing)
        )
        nodes = {group.title: group.place for group in groups}
        first = sorted(nodes)[:_MOST_NODES]
        yield TaintFact(
            cluster=graph.scope.name,
            owner=owners.of(workload),
            taints=tuple(map(str, missing)),
            every=every,
            nodes=tuple(Tainted(name, nodes[name]) for name in first),
            more=len(nodes) - len(first),
            confidence=least(sure, "low" if tolerances.open or tolerances.is_patched(workload) else "high"),
            place=workload.spec_place(("tolerations",)).keyed(),
        )


_MOST_NODES = 4


def toleration_facts(graph: Graph, owners: Owners) -> Iterator[TolerationFact]:
    """One fact per toleration that misses the taint it is for, of whatever pod."""
    tolerances = Tolerances(graph)
    for workload in graph.pods if any(group.taints for group in graph.nodes.groups) else ():
        seen: set[Toleration] = set()
        for each, taints in tolerances.barred(workload) if workload.placement.tolerations else ():
            misses = (miss for taint in taints if (miss := tolerances.near(workload, taint)))
            for miss in misses:
                if miss.toleration in seen:
                    continue
                seen.add(miss.toleration)
                fact = _toleration_fact(graph, owners.of(workload), workload, miss, each.group)
                yield replace(fact, confidence="low") if tolerances.is_patched(workload) else fact


def has_open_group(graph: Graph, workload: Workload, tolerances: Tolerances) -> bool:
    """Whether a declared node or pool is neither excluded nor known to be without GPUs."""
    landing = graph.landing(workload)
    alike = (landing, tolerances.added(workload))
    known = tolerances.with_open_group.get(alike)
    if known is None:
        out = {id(each.group) for each in landing.excluded if not tolerances.tolerated(workload, each)}
        able = (group for group in graph.nodes.distinct if takes_part(group, workload.placement, queued=True))
        known = any(not has_none(group) and id(group) not in out for group in able)
        tolerances.with_open_group[alike] = known
    return known


def has_none(group: NodeGroup) -> bool:
    """Whether a node is known to have no accelerator: by its type, or as the cluster itself lists none for it."""
    return not group.may_have_gpu or (group.exported and not group.has_gpu)


def near_place(workload: Workload, miss: NearMiss) -> Place:
    """The part of the toleration that misses the taint."""
    return workload.spec_place((*miss.toleration.path, miss.reason))


# --- what is added when a pod is admitted -----------------------------------------------------------------------------


def _injects(manifest: Manifest) -> bool:
    if manifest.group not in _INJECTORS and manifest.kind not in _INJECTING_KINDS:
        return False
    return "tolerations" in manifest.document.text


def is_queued(workload: Workload) -> bool:
    """Whether Kueue handles it: then it gets what the flavors of its queue add."""
    return QUEUE_LABEL in workload.pod_labels or workload.manifest.get("metadata", "labels", QUEUE_LABEL) is not None


def _has_profile(workload: Workload) -> bool:
    annotations = mapping(workload.manifest.get("metadata", "annotations"))
    return any(name in annotations for name in _PROFILE_ANNOTATIONS)


def _asks_nothing(workload: Workload) -> Iterator[bool]:
    return (str(asked.entry.value) == "0" for asked in workload.asked)


# --- how sure it is ---------------------------------------------------------------------------------------------------


def _sureness_of_all(
    graph: Graph, workload: Workload, groups: Sequence[NodeGroup], missing: Sequence[Taint], tolerances: Tolerances
) -> Confidence:
    """Low where nothing shows that the workload is meant for the nodes that are declared."""
    if graph.spaces["nodes"] == "complete":
        return "high"
    if not all(group.describes for group in groups):
        return "low"
    if names_nodes(workload.placement) or all(_is_near(workload, group) for group in groups):
        return "medium"
    return "medium" if tolerances.is_customary(tuple(missing)) else "low"


def _sureness_of_some(workload: Workload, missing: Sequence[Taint]) -> Confidence:
    """Low where the taint may keep these nodes for others: only one for GPUs is meant for all who use them."""
    return "medium" if names_nodes(workload.placement) and all(map(_is_for_gpus, missing)) else "low"


def _is_near(workload: Workload, group: NodeGroup) -> bool:
    return related_folders(workload.manifest.folder(), group.folder)


def _is_for_gpus(taint: Taint) -> bool:
    written = f"{taint.key}={taint.value}".lower()
    return any(word in written for word in ("gpu", "nvidia", "accelerator"))


# --- tolerations that miss --------------------------------------------------------------------------------------------


def _is_evident(miss: NearMiss) -> bool:
    """Whether the toleration can be for no other taint: it leaves the value out, or the key is one for GPUs."""
    toleration, taint = miss.toleration, miss.taint
    if toleration.operator not in {"", "Equal", "Exists"}:
        return False
    same_value = toleration.operator == "Exists" or toleration.value == taint.value
    if miss.reason == "effect":
        return same_value
    return not toleration.value or not taint.value or _is_for_gpus(Taint(taint.key, "", ""))


def _toleration_fact(
    graph: Graph, owner: Owner, workload: Workload, miss: NearMiss, group: NodeGroup
) -> TolerationFact:
    toleration = miss.toleration
    anything = toleration.operator == "Exists"
    tolerated = str(Taint(toleration.key, "" if anything else toleration.value, toleration.effect)).removesuffix(":")
    complete = graph.spaces["nodes"] == "complete"
    told_apart = miss.reason == "value" and bool(toleration.value) and bool(miss.taint.value) and not complete
    near = complete or _is_near(workload, group)
    return TolerationFact(
        cluster=graph.scope.name,
        owner=owner,
        toleration=tolerated,
        taint=str(miss.taint),
        misses=miss.reason,
        node=group.title,
        confidence="medium" if told_apart or not near or not group.describes else "high",
        place=near_place(workload, miss),
        node_place=group.place,
    )
