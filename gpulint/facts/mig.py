"""MIG: profiles wherever they stand, layouts, device filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.facts.candidates import candidate_gpus, gpus_confidence
from gpulint.facts.owner import Owners
from gpulint.gpu import mig, stock
from gpulint.gpu.catalog import Gpu, by_id, gpus_with_profile, is_known_profile
from gpulint.gpu.mig_parted import MigEntry, ProfileCount
from gpulint.graph import Graph
from gpulint.graph.configs import MigConfigMap
from gpulint.graph.govern import MIG_CONFIG_LABEL
from gpulint.graph.nodes import NodeGroup
from gpulint.manifest import Place


@dataclass(frozen=True, slots=True)
class ProfileUse:
    """A MIG profile where somebody names it: in a configuration, on a node's label, or in a pod."""

    cluster: str
    where: str
    """`config`, `node` or `pod`."""
    user: str
    """`config 'balanced'`, `Node gpu-1`, `Pod tenant-beta/inference`."""
    name: str
    """In the spelling used there."""
    well_formed: bool
    """Whether the name has the grammar of a profile, in the spelling that this place wants."""
    known: bool
    """Whether any GPU has it."""
    suggestion: str
    """The name that was probably meant; empty without a guess."""
    gpus: tuple[str, ...]
    """Models of the GPUs it would be made on, sorted; empty when they are not all known."""
    on_gpus: bool
    """Whether one of them has it."""
    without_mig: bool
    """Whether none of them has MIG at all."""
    available: tuple[str, ...]
    """The profiles that they have, sorted."""
    would_do: str
    """A layout they can hold that comes nearest to the one asked for, `4g.71gb: 1, 1g.18gb: 3`; empty when unknown."""
    confidence: str
    place: Place
    gpu_place: Place
    """Where the GPU is named."""


@dataclass(frozen=True, slots=True)
class LayoutFact:
    """The MIG devices that one entry of a configuration asks of each GPU."""

    cluster: str
    config: str
    wanted: str
    """`1g.5gb: 8`."""
    gpus: tuple[str, ...]
    """Models that the entry would be applied to and that have all its profiles, sorted; empty when none is known."""
    fits: bool
    """Whether one of them can hold it; true when none is known."""
    reason: str
    """Why not, on the first of them."""
    would_do: str
    """The nearest layout that fits it."""
    place: Place


@dataclass(frozen=True, slots=True)
class FilterFact:
    """A `device-filter` of a mig-parted file."""

    cluster: str
    config: str
    value: str
    verdict: str
    """`all`, `gpus`, `unknown-id`, `nothing` or `unknown`."""
    reason: str
    suggestion: str
    place: Place


def filters(graph: Graph) -> Iterator[FilterFact]:
    """One fact per filter value."""
    for config_map, name, entry in _entries(graph):
        for each in entry.filters:
            yield FilterFact(
                graph.scope.name, name, each.value, each.verdict, each.reason, each.suggestion, config_map.at(each.path)
            )


def layouts(graph: Graph) -> Iterator[LayoutFact]:
    """One fact per entry that makes MIG devices."""
    for config_map, name, entry in _entries(graph):
        counts = entry.counts()
        if not counts or entry.unknown or config_map.config.refused:
            continue
        gpus = [gpu for gpu in _targets(graph, config_map, name, entry) if _has_all(gpu, counts)]
        misfits = [gpu for gpu in gpus if not mig.fits(gpu, counts)]
        fits = not gpus or len(misfits) < len(gpus)
        yield LayoutFact(
            cluster=graph.scope.name,
            config=name,
            wanted=_layout(counts),
            gpus=tuple(sorted(gpu.model for gpu in gpus)),
            fits=fits,
            reason="" if fits else mig.why_not(misfits[0], counts),
            would_do="" if fits else _layout(mig.closest_layout(misfits[0], counts)),
            place=config_map.at((*entry.path, "mig-devices"), key=True),
        )


def profile_uses(graph: Graph, owners: Owners) -> Iterator[ProfileUse]:
    """Every profile in a configuration, on a label and in a pod."""
    yield from _in_configs(graph)
    yield from _on_nodes(graph)
    yield from _in_pods(graph, owners)


def configured_profiles(graph: Graph) -> frozenset[str]:
    """The profiles that some configuration of the input creates, in configuration spelling."""
    return frozenset(name for _, _, entry in _entries(graph) for name in entry.counts())


# --- configurations ----------------------------------------------------------------------------------------------------


def _entries(graph: Graph) -> Iterator[tuple[MigConfigMap, str, MigEntry]]:
    for config_map in graph.configurations.mig_maps:
        for name, config in config_map.config.configs.items():
            for entry in config.entries:
                yield config_map, name, entry


def _in_configs(graph: Graph) -> Iterator[ProfileUse]:
    for config_map, name, entry in _entries(graph):
        if entry.unknown:
            continue
        counts = entry.counts()
        targets = _targets(graph, config_map, name, entry, only_named=True)
        nodes = _labelled(graph, name)
        for profile in entry.profiles:
            if profile.count > 0 and mig.parse_profile(profile.name):
                yield _use(
                    graph,
                    where="config",
                    user=f"config '{name}'",
                    name=profile.name,
                    gpus=targets,
                    counts=counts,
                    confidence="high" if entry.gpus() or nodes else "medium",
                    place=config_map.at(profile.path, key=True),
                    gpu_place=_gpu_place(config_map, entry, nodes, targets, graph),
                )


def _targets(
    graph: Graph, config_map: MigConfigMap, name: str, entry: MigEntry, *, only_named: bool = False
) -> list[Gpu]:
    """The products an entry would be applied to: those of its filters, else of the nodes that choose it, else of all
    declared nodes that have MIG; without any, every product of the catalogue unless `only_named`."""
    named = [gpu for gpu in map(by_id, entry.gpus()) if gpu]
    if named:
        return named
    if any(each.verdict in {"unknown-id", "unknown"} for each in entry.filters):
        return []
    chosen = _products(_labelled(graph, name))
    declared = chosen or [gpu for gpu in _products(graph.nodes.groups) if gpu.mig]
    if declared or only_named:
        return declared
    return list(_all_with(entry.profiles))


def _labelled(graph: Graph, name: str) -> list[NodeGroup]:
    return [group for group in graph.nodes.groups if group.label(MIG_CONFIG_LABEL) == name]


def _products(groups: Sequence[NodeGroup]) -> list[Gpu]:
    return list({gpu.id: gpu for group in groups for gpu in group.gpus}.values())


def _all_with(profiles: Sequence[ProfileCount]) -> Iterator[Gpu]:
    wanted = [profile.name for profile in profiles if profile.count > 0]
    if wanted:
        yield from (gpu for gpu in gpus_with_profile(wanted[0]) if _has_all(gpu, dict.fromkeys(wanted, 1)))


def _has_all(gpu: Gpu, counts: Mapping[str, int]) -> bool:
    return gpu.profiles_known and all(_has(gpu, name) for name in counts)


def _has(gpu: Gpu, name: str) -> bool:
    profile = mig.parse_profile(name)
    return profile is not None and profile.gpu_instance in gpu.profiles


def _gpu_place(
    config_map: MigConfigMap, entry: MigEntry, nodes: Sequence[NodeGroup], targets: Sequence[Gpu], graph: Graph
) -> Place:
    if entry.gpus():
        return config_map.at((*entry.path, "device-filter"))
    for group in nodes or graph.nodes.groups:
        if any(gpu.id in {target.id for target in targets} for gpu in group.gpus):
            return group.hardware_place
    return config_map.at(entry.path)


# --- nodes -------------------------------------------------------------------------------------------------------------


def _on_nodes(graph: Graph) -> Iterator[ProfileUse]:
    """Layouts that a node's label chooses from the stock configurations of the MIG manager."""
    for group in graph.nodes.groups:
        label = group.labels.get(MIG_CONFIG_LABEL)
        profiles = stock.profiles_of(label.value) if label else frozenset()
        if not label or len(profiles) != 1 or not group.gpus or not _uses_stock(graph, group):
            continue
        for profile in profiles:
            yield _use(
                graph,
                where="node",
                user=f"{group.kind} {group.name}",
                name=profile,
                gpus=group.gpus,
                counts={profile: 1},
                confidence="high",
                place=label.place,
                gpu_place=group.hardware_place,
            )


def _uses_stock(graph: Graph, group: NodeGroup) -> bool:
    """True when no mig-parted file of the input can be the one that the label chooses from."""
    policies = {id(c.governed.policy): c.governed.policy for c in graph.nodes.candidates(group) if c.governed.policy}
    return not graph.configurations.mig_maps and not any(policy.mig_config for policy in policies.values())


# --- pods --------------------------------------------------------------------------------------------------------------


def _in_pods(graph: Graph, owners: Owners) -> Iterator[ProfileUse]:
    for workload in graph.workloads:
        landing = graph.landing(workload)
        gpus = candidate_gpus(landing)
        for asked in workload.asked:
            if asked.resource.kind not in {"mig", "mig-shared"}:
                continue
            place = workload.place(asked.container, asked.entry.path, key=True)
            yield _use(
                graph,
                where="pod",
                user=owners.of(workload).label,
                name=asked.resource.profile,
                gpus=gpus,
                counts={asked.resource.profile: 1},
                confidence=gpus_confidence(landing),
                place=place,
                gpu_place=landing.candidates[0].group.hardware_place if landing.candidates else place,
            )


def _use(
    graph: Graph,
    *,
    where: str,
    user: str,
    name: str,
    gpus: Sequence[Gpu],
    counts: Mapping[str, int],
    confidence: str,
    place: Place,
    gpu_place: Place,
) -> ProfileUse:
    known = all(gpu.profiles_known or gpu.mig is False for gpu in gpus)
    judged = list(gpus) if known else []
    partitioned = [gpu for gpu in judged if gpu.profiles]
    return ProfileUse(
        cluster=graph.scope.name,
        where=where,
        user=user,
        name=name,
        well_formed=mig.parse_profile(name) is not None,
        known=is_known_profile(name),
        suggestion=_suggestion(name),
        gpus=tuple(sorted({gpu.model for gpu in judged})),
        on_gpus=any(_has(gpu, name) for gpu in judged),
        without_mig=bool(judged) and not partitioned,
        available=tuple(dict.fromkeys(profile for gpu in partitioned for profile in gpu.profiles)),
        would_do=_layout(mig.closest_layout(partitioned[0], counts)) if partitioned else "",
        confidence=confidence,
        place=place,
        gpu_place=gpu_place,
    )


def _suggestion(name: str) -> str:
    """Another profile that the name was probably meant to be, when there is just one of as many slices."""
    guess = mig.suggest_profile(name)
    return guess if guess != name and is_known_profile(guess) else ""


def _layout(counts: Mapping[str, int]) -> str:
    def size(item: tuple[str, int]) -> tuple[int, str]:
        profile = mig.parse_profile(item[0])
        return (-(profile.slices if profile else 0), item[0])

    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items(), key=size))


