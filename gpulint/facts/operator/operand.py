"""Where the pods of the device plugin can run: nodes whose taints keep them off, nodes that are kept for VMs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gpulint.facts.candidates import least
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.scope import related_folders
from gpulint.kube.taints import Taint, untolerated
from gpulint.manifest import Place


@frozen
class Barred:
    """Nodes with GPUs that carry the taint."""

    name: str
    """`MachineSet gpu-a100`."""
    place: Place


@frozen
class Operand:
    """A taint on nodes with GPUs that keeps the device plugin's pods off them."""

    cluster: str
    installer: str
    """`ClusterPolicy gpu-cluster-policy`."""
    installer_kind: str
    """`operator`, `chart` or `daemonset`."""
    taint: str
    """As `kubectl taint` writes it: `dedicated=gpu:NoSchedule`."""
    key: str
    near: bool
    """Whether it has a toleration for that key, which misses the value or the effect."""
    stated: bool
    """Whether its tolerations are written at all."""
    nodes: tuple[Barred, ...]
    """Sorted."""
    confidence: str
    place: Place
    """Its tolerations, or where they would be."""


_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "node.cilium.io/", "karpenter.sh/")
"""Taints that DaemonSets tolerate anyway, or that go away by themselves."""


def operands(graph: Graph) -> Iterator[Operand]:
    """One fact per installer and taint, where every installer that may serve the nodes fails to tolerate it."""
    found: dict[tuple[int, Taint], list[tuple[NodeGroup, Confidence]]] = {}
    by_id: dict[int, Installer] = {}
    for group in graph.nodes.groups:
        serving = _serving(graph, group)
        barred = [_barring(group, installer) for installer in serving]
        for installer, taints in zip(serving, barred, strict=True):
            by_id[id(installer)] = installer
            for taint in taints if all(taint in others for others in barred for taint in taints) else ():
                sure: Confidence = "high" if len(serving) == 1 else "medium"
                found.setdefault((id(installer), taint), []).append((group, sure))
    for (number, taint), groups in found.items():
        yield _operand(graph, by_id[number], taint, groups)


def _serving(graph: Graph, group: NodeGroup) -> list[Installer]:
    """The installers that may run the device plugin on nodes with GPUs, once each."""
    if not group.has_gpu or not group.taints:
        return []
    governed = [candidate.governed.installer for candidate in graph.nodes.candidates(group)]
    known = {id(each): each for each in governed if each is not None and each.plugin_enabled}
    return [] if any(each.open and not _states_tolerations(each) for each in known.values()) else list(known.values())


def _states_tolerations(installer: Installer) -> bool:
    path = ("daemonsets", "tolerations") if installer.kind == "operator" else ("tolerations",)
    return installer.section.get(*path) is not None


def _barring(group: NodeGroup, installer: Installer) -> tuple[Taint, ...]:
    return tuple(
        taint for taint in untolerated(group.taints, installer.tolerations) if not taint.key.startswith(_PASSING)
    )


def _operand(graph: Graph, installer: Installer, taint: Taint, groups: list[tuple[NodeGroup, Confidence]]) -> Operand:
    sure = [confidence for _, confidence in groups]
    nodes = {f"{group.kind} {group.name}": group.place for group, _ in groups}
    declared = all(group.describes for group, _ in groups)
    near = all(_are_near(group.folder, installer.folder) for group, _ in groups)
    return Operand(
        cluster=graph.scope.name,
        installer=installer.label,
        installer_kind=installer.kind,
        taint=str(taint),
        key=taint.key,
        near=any(toleration.key == taint.key for toleration in installer.tolerations),
        stated=_states_tolerations(installer),
        nodes=tuple(Barred(name, nodes[name]) for name in sorted(nodes)),
        confidence=least(*sure, "high" if declared and near and installer.installs else "medium"),
        place=installer.tolerations_place,
    )


def _are_near(one: str, other: str) -> bool:
    return related_folders(one, other) or one.partition("/")[0] == other.partition("/")[0]


# --- nodes for virtual machines ---------------------------------------------------------------------------------------


@frozen
class VmUse:
    """A pod that asks for GPUs on nodes whose GPUs are kept for virtual machines."""

    cluster: str
    workload: str
    """`Deployment tenant-a/server`."""
    resource: str
    workload_config: str
    """`vm-passthrough` or `vm-vgpu`."""
    nodes: tuple[str, ...]
    """Sorted; empty where only its own selector tells."""
    confidence: str
    place: Place
    """The value it selects by, else the resource."""
    node_place: Place
    """Where the nodes get the label."""


WORKLOAD_CONFIG_LABEL = "nvidia.com/gpu.workload.config"
_FOR_VMS = frozenset({"vm-passthrough", "vm-vgpu"})
_OF_DEVICE_PLUGIN = frozenset({"full", "shared", "mig", "mig-shared"})


def vm_uses(graph: Graph) -> Iterator[VmUse]:
    """Pods all of whose candidates are such nodes, where the operator heeds the label."""
    enabled = _heeds_workload_config(graph)
    for workload in graph.workloads:
        landing = graph.landing(workload)
        candidates = landing.candidates
        asked = next((each for each in workload.asked if each.resource.kind in _OF_DEVICE_PLUGIN), None)
        if asked is None or not enabled or not asked.name.startswith("nvidia.com/") or not candidates:
            continue
        labels = [candidate.group.labels.get(WORKLOAD_CONFIG_LABEL) for candidate in candidates]
        nowhere_else = landing.bound or not any(candidate.declared for candidate in candidates)
        if not nowhere_else or not all(label and label.value in _FOR_VMS for label in labels):
            continue
        known = [label for label in labels if label]
        selected = workload.pod_spec.get("nodeSelector")
        by_selector = isinstance(selected, Mapping) and WORKLOAD_CONFIG_LABEL in selected
        namespace = f"{workload.namespace}/" if workload.namespace else ""
        yield VmUse(
            cluster=graph.scope.name,
            workload=f"{workload.manifest.kind} {namespace}{workload.manifest.name}",
            resource=asked.name,
            workload_config=known[0].value,
            nodes=_names(candidates),
            confidence=enabled,
            place=(
                workload.spec_place(("nodeSelector", WORKLOAD_CONFIG_LABEL))
                if by_selector
                else workload.place(asked.container, asked.entry.path, key=True)
            ),
            node_place=known[0].place,
        )


def _names(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    declared = (group for each in candidates if each.declared for group in each.groups)
    return tuple(sorted({f"{group.kind} {group.name}" for group in declared}))


def _heeds_workload_config(graph: Graph) -> str:
    """How sure it is that the operator sorts nodes by the label: with `sandboxWorkloads`, which is off by default."""
    operators = [each for each in graph.configurations.installers if each.kind == "operator"]
    if not operators:
        return "medium"
    said = [each.section.get("sandboxWorkloads", "enabled") for each in operators]
    if all(each is True for each in said):
        return "high"
    return "medium" if all(each is True or maker.open for each, maker in zip(said, operators, strict=True)) else ""
