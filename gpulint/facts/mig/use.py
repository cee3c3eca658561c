"""Workloads and the MIG devices of the nodes they land on: several in one container, none where a GPU is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gpulint.facts.candidates import candidates
from gpulint.facts.mig.supply import claimed_resources
from gpulint.facts.mig.targets import some
from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.gpu.catalog import by_product_label
from gpulint.gpu.mig import RESOURCE_PREFIX
from gpulint.graph import Graph
from gpulint.graph.govern import MIG_CONFIG_LABEL
from gpulint.graph.landing import Candidate, Landing
from gpulint.graph.nodes import PRODUCT, LabelLine, NodeGroup, label_lines
from gpulint.graph.offers import FULL_GPU
from gpulint.graph.scope import nearest
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube import quantity
from gpulint.kube.kinds import Container
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place


@frozen
class Slices:
    """MIG devices that one container asks for."""

    cluster: str
    workload: Owner
    container: str
    units: int
    """Of all profiles together."""
    told: str
    """`nvidia.com/mig-1g.10gb: 2`; under the strategy `single` `nvidia.com/gpu: 2`."""
    profile: str
    """Under the strategy `single` the profile of the devices; empty where the resources name it."""
    confidence: str
    place: Place
    """The amount of the resource that makes it more than one."""
    other_place: Place
    """The amount of the first resource."""


@frozen
class WholeGpu:
    """A request for whole GPUs that lands where all GPUs are cut."""

    cluster: str
    user: str
    """`Pod tenant-beta/inference`."""
    resource: str
    advertised: tuple[str, ...]
    """What the nodes advertise instead, sorted."""
    nodes: str
    """The first of the declared nodes it can land on, sorted; empty where its selector tells."""
    confidence: str
    place: Place
    """The name of the resource."""
    layout_place: Place
    """What cuts the GPUs."""


@frozen
class MigChange:
    """A line of a script that changes the MIG configuration of a node that workloads are pinned to."""

    cluster: str
    node: str
    config: str
    workloads: str
    """The first of those that land on no other declared node, sorted."""
    drained: bool
    """Whether the script drains nodes."""
    place: Place
    """The new value."""
    workload_place: Place
    """What pins the first of them."""


# --- several in one container -----------------------------------------------------------------------------------------


def slices(graph: Graph, owners: Owners) -> Iterator[Slices]:
    """One fact per container that asks for MIG devices of the device plugin."""
    claimed = claimed_resources(graph)
    for workload in graph.workloads:
        for container, asked in _by_container(workload):
            named = [each for each in asked if each.resource.kind in {"mig", "mig-shared"} and each.name not in claimed]
            if named and not _is_share(graph, workload, named):
                yield _slices(graph, owners.of(workload), workload, container, named)
            elif not named and (under_single := [each for each in asked if each.name == FULL_GPU]):
                yield from _under_single(graph, owners.of(workload), workload, container, under_single[0])


def _is_share(graph: Graph, workload: Workload, asked: Sequence[Asked]) -> bool:
    """Whether the units are shares of one kind of device: then they may be the same one, which is another matter."""
    landing = graph.landing(workload)
    return len(asked) == 1 and candidates(workload, asked[0], landing).shared in {"all", "some"}


def _by_container(workload: Workload) -> Iterator[tuple[Container, list[Asked]]]:
    found: dict[object, tuple[Container, list[Asked]]] = {}
    for asked in workload.asked:
        found.setdefault(asked.container.path, (asked.container, []))[1].append(asked)
    yield from found.values()


def _slices(
    graph: Graph,
    owner: Owner,
    workload: Workload,
    container: Container,
    asked: Sequence[Asked],
    *,
    profile: str = "",
    confidence: str = "high",
) -> Slices:
    counted = sorted(((each, _units(each)) for each in asked), key=lambda item: item[0].name)
    wanted = [(each, units) for each, units in counted if units > 0]
    several = next((each for each, units in wanted if units > 1), None) or (wanted or counted)[-1][0]
    first = (wanted or counted)[0][0]
    return Slices(
        cluster=graph.scope.name,
        workload=owner,
        container=container.name,
        units=sum(units for _, units in wanted),
        told=", ".join(f"{each.name}: {units}" for each, units in wanted),
        profile=profile,
        confidence=confidence,
        place=workload.place(container, several.entry.path),
        other_place=workload.place(container, first.entry.path),
    )


def _under_single(
    graph: Graph, owner: Owner, workload: Workload, container: Container, asked: Asked
) -> Iterator[Slices]:
    """Where every node it may land on gives MIG devices for `nvidia.com/gpu`."""
    landing = graph.landing(workload)
    profiles: set[str] = set()
    for candidate in landing.candidates:
        offer = candidate.offers.get(asked.name)
        if offer is None or not offer.profile:
            return
        profiles.add(offer.profile)
    if not profiles:
        return
    profile = profiles.pop() if len(profiles) == 1 else ""
    told = all(by_product_label(each.group.label(PRODUCT)).mig_profile for each in landing.candidates)
    confidence = "high" if told else candidates(workload, asked, landing).confidence
    yield _slices(graph, owner, workload, container, [asked], profile=profile, confidence=confidence)


def _units(asked: Asked) -> int:
    """The limit, else the request; 0 when unknown."""
    value = asked.entry.value
    parsed = None if is_placeholder(value) else quantity.parse(value)
    return parsed.milli // 1000 if parsed is not None and parsed.is_integer else 0


# --- whole GPUs -------------------------------------------------------------------------------------------------------


def whole_gpus(graph: Graph, owners: Owners) -> Iterator[WholeGpu]:
    """One fact per container that asks for whole GPUs where there are MIG devices only."""
    claimed = claimed_resources(graph)
    for workload in graph.workloads:
        landing = graph.landing(workload)
        if not landing.candidates or not all(map(_is_cut, landing.candidates)):
            continue
        for asked in workload.asked:
            if asked.name == FULL_GPU and asked.name not in claimed and _units(asked) > 0:
                yield _whole_gpu(graph, owners.of(workload).label, workload, asked, landing)


def _is_cut(candidate: Candidate) -> bool:
    """Whether nodes certainly advertise MIG devices by profile, and nothing for a whole GPU."""
    offers = candidate.offers
    names = offers.by_resource
    return offers.complete and not any(name.startswith(FULL_GPU) for name in names) and any(map(_is_slice, names))


def _is_slice(resource: str) -> bool:
    return resource.startswith(RESOURCE_PREFIX)


def _whole_gpu(graph: Graph, user: str, workload: Workload, asked: Asked, landing: Landing) -> WholeGpu:
    verdict = candidates(workload, asked, landing)
    first = landing.candidates[0]
    layout = first.governed.layout
    names = {name for each in landing.candidates for name in each.offers.by_resource if _is_slice(name)}
    return WholeGpu(
        cluster=graph.scope.name,
        user=user,
        resource=asked.name,
        advertised=tuple(sorted(names)),
        nodes=some({group.name for each in landing.candidates if each.declared for group in each.groups}),
        confidence=verdict.confidence,
        place=workload.place(asked.container, asked.entry.path, key=True),
        layout_place=_chosen_place(first.group) or (layout.place if layout else first.group.place),
    )


def _chosen_place(group: NodeGroup) -> Place | None:
    label = group.labels.get(MIG_CONFIG_LABEL)
    return label.place if label else None


# --- changes ----------------------------------------------------------------------------------------------------------


def mig_changes(graph: Graph, owners: Owners) -> Iterator[MigChange]:
    """One fact per line and node whose label gets another value than the input declares."""
    for source in graph.scope.sources:
        lines = list(label_lines(source)) if source.role == "shell" else []
        changing = [line for line in lines if any(key == MIG_CONFIG_LABEL for key, _ in line.labels)]
        drained = bool(changing) and bool(_DRAIN.search(source.text))
        for line in changing:
            yield from _changed(graph, owners, line, drained=drained)


_DRAIN = re.compile(r"(?m)^[^#\n]*\b(?:kubectl|oc)\b[^#\n]*\bdrain\b")


def _changed(graph: Graph, owners: Owners, line: LabelLine, *, drained: bool) -> Iterator[MigChange]:
    """Nodes that the input declares with that value already stay as they are."""
    label = dict(line.labels)[MIG_CONFIG_LABEL]
    unchanged = {
        each.name for each in graph.of_kind("Node") if each.get("metadata", "labels", MIG_CONFIG_LABEL) == label.value
    }
    folder = line.source.path.rpartition("/")[0]
    for word in line.names:
        name = word.text.rpartition("/")[2]
        named = [group for group in graph.nodes.groups if group.name == name and group.kind in _NODES]
        for group in nearest(folder, named, lambda each: each.folder).items:
            pinned = [each for each in graph.workloads if _is_pinned(graph, each, group)]
            if pinned and name not in unchanged:
                first = pinned[0]
                yield MigChange(
                    cluster=graph.scope.name,
                    node=name,
                    config=label.value,
                    workloads=some({owners.of(each).label for each in pinned}),
                    drained=drained,
                    place=label.place,
                    workload_place=first.manifest.place("metadata", "name"),
                )


_NODES = frozenset({"Node", "kubectl label"})


def _is_pinned(graph: Graph, workload: Workload, group: NodeGroup) -> bool:
    """Whether the group is the only declared node that the workload's own selector names."""
    landing = graph.landing(workload)
    declared = [each for candidate in landing.candidates if candidate.declared for each in candidate.groups]
    selects = workload.placement.selects or bool(workload.placement.node_name)
    return selects and landing.bound and bool(declared) and all(each is group for each in declared)
