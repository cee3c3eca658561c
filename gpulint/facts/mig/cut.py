"""What cutting GPUs comes to: MIG layouts under the strategy of the device plugin, and under MPS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpulint.facts.candidates import least
from gpulint.facts.mig.choice import handed_over
from gpulint.facts.mig.targets import Reach, is_shipped, mig_configs
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.mig_apply import Share, differ, overlap, shares, spoils_single
from gpulint.gpu.mig_parted import MigConfig, MigEntry
from gpulint.graph import Graph
from gpulint.graph.configs import MigFile, PluginEntry
from gpulint.graph.govern import (
    MIG_CONFIG_LABEL,
    Governed,
    configs_of,
    custom_mig_config,
    entries_for,
    mig_files_of,
    spoils_single_by_name,
)
from gpulint.graph.installers import Installer
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.manifest import Place


@frozen
class Cut:
    """A MIG configuration together with the strategy under which the device plugin advertises what it makes."""

    cluster: str
    where: str
    """`node`: a node's label chooses it; `file`: an installer hands it to the MIG manager, and no label chooses it."""
    user: str
    """`Node gpu-1`, `ConfigMap slices`."""
    config: str
    enabled: bool
    """Whether it turns MIG on."""
    strategy: str
    """The effective MIG strategy: none, single or mixed; empty when unknown or different."""
    stated: bool
    """Whether somebody sets it; else it is the plugin's default."""
    spoils_single: str
    """Why the plugin exits under `single`, as a clause; empty when it does not."""
    confidence: str
    place: Place
    """The label's value, or the configuration's `mig-devices`."""
    layout_place: Place
    """Where the configuration is written; the label itself where the MIG manager generates it."""
    strategy_place: Place
    """Where the strategy is decided, or where it would be set."""


@frozen
class Overlap:
    """Two entries of one MIG configuration that are for the same GPU and make different things of it."""

    cluster: str
    config: str
    turns_off: bool
    """Whether one of them turns MIG on and the other off."""
    first: str
    """What the first makes: `1g.10gb: 7`, or `MIG off`."""
    second: str
    place: Place
    """`devices` of the second."""
    other_place: Place
    """`devices` of the first."""


@frozen
class Leftover:
    """GPUs of a node that no entry of the MIG configuration for it speaks of."""

    cluster: str
    config: str
    node: str
    """`Node gpu-1`."""
    told: str
    """`lists GPUs 0, 1 of 8`, `has no entry for A30 24GB`."""
    chosen: bool
    """Whether the node chooses the configuration; else it may come to."""
    confidence: str
    place: Place
    """`devices` of its last entry that lists GPUs, else its name."""
    node_place: Place
    """What tells of the node's GPUs."""


@frozen
class MpsOnMig:
    """A device-plugin configuration with MPS where the plugin meets MIG."""

    cluster: str
    config: str
    """`'shared' of ConfigMap device-plugin`."""
    strategy: str
    """`mixed`, or `single` on nodes with MIG devices."""
    node: str
    """A node with MIG devices, where the strategy is `single`."""
    confidence: str
    place: Place
    """The key `mps`."""
    strategy_place: Place
    node_place: Place


# --- strategies -------------------------------------------------------------------------------------------------------


def cuts(graph: Graph) -> Iterator[Cut]:
    """One fact per node that chooses a configuration, and per configuration of a named file that no node chooses."""
    for group in graph.nodes.groups:
        if group.label(MIG_CONFIG_LABEL):
            yield from _on_node(graph, group)
    for installer in graph.configurations.installers:
        for mig_file in handed_over(graph, installer) if installer.mig_strategy else ():
            if not mig_file.config.refused:
                yield from _in_file(graph, installer, mig_file)


def _on_node(graph: Graph, group: NodeGroup) -> Iterator[Cut]:
    label = group.labels[MIG_CONFIG_LABEL]
    governed = [candidate.governed for candidate in graph.nodes.candidates(group)]
    made = [_made(graph, each, group) for each in governed]
    first = made[0]
    if first is None or any(each is None or each.spoils != first.spoils for each in made):
        return
    strategies = {each.strategy for each in governed}
    yield Cut(
        cluster=graph.scope.name,
        where="node",
        user=group.title,
        config=label.value,
        enabled=first.enabled,
        strategy=strategies.pop() if len(strategies) == 1 else "",
        stated=governed[0].strategy_origin != "plugin-default",
        spoils_single=first.spoils,
        confidence=least(*map(_strategy_confidence, governed)),
        place=label.place,
        layout_place=first.place,
        strategy_place=governed[0].strategy_place or label.place,
    )


@frozen
class _Made:
    """What a label makes of a node, as far as the strategy minds."""

    enabled: bool
    spoils: str
    place: Place


def _made(graph: Graph, governed: Governed, group: NodeGroup) -> _Made | None:
    """None when it is not known."""
    label = group.labels[MIG_CONFIG_LABEL]
    if governed.layout is not None:
        return _Made(governed.layout.enabled, governed.layout.spoils_single, governed.layout.place)
    files = mig_files_of(governed.installer, group.folder, graph.configurations)
    own = [each for each in files if label.value in each.config.configs]
    if own or custom_mig_config(governed.installer) or not spoils_single_by_name(label.value):
        return None
    return _Made(enabled=True, spoils=spoils_single_by_name(label.value), place=label.place)


def _strategy_confidence(governed: Governed) -> Confidence:
    if governed.tied:
        return "medium"
    if governed.strategy_origin in {"policy", "node"}:
        return "high"
    if governed.strategy_origin == "file" and governed.wired:
        return "high"
    return "medium" if governed.strategy_origin == "plugin-default" else "low"


def _in_file(graph: Graph, installer: Installer, mig_file: MigFile) -> Iterator[Cut]:
    """Configurations that no label of the input chooses, but the installer's author evidently means to be chosen."""
    chosen = {group.label(MIG_CONFIG_LABEL) for group in graph.nodes.groups}
    for name, config in mig_file.config.configs.items():
        on = [entry for entry in config.entries if entry.mig_enabled]
        copied = any(is_shipped(name, entry.counts()) for entry in config.entries)
        if name in chosen or copied or not on or any(entry.unknown for entry in config.entries):
            continue
        yield Cut(
            cluster=graph.scope.name,
            where="file",
            user=mig_file.holder.label,
            config=name,
            enabled=True,
            strategy=installer.mig_strategy.value,
            stated=True,
            spoils_single=_spoils_by_board(config),
            confidence="medium",
            place=mig_file.at((*on[0].path, "mig-devices"), key=True),
            layout_place=mig_file.at((*on[0].path, "mig-devices"), key=True),
            strategy_place=installer.mig_strategy.place,
        )


def _spoils_by_board(config: MigConfig) -> str:
    """Why no board that it names can be advertised under `single`; entries with a filter are for different boards."""
    boards = {gpu for entry in config.entries for gpu in entry.gpus()}
    if not boards:
        return "" if any(entry.filters for entry in config.entries) else spoils_single(shares(config.entries, 0))
    reasons = [
        spoils_single(shares([entry for entry in config.entries if entry.matches(board)], 0))
        for board in sorted(boards)
    ]
    return reasons[0] if all(reasons) else ""


# --- entries ----------------------------------------------------------------------------------------------------------


def overlaps(graph: Graph) -> Iterator[Overlap]:
    """One fact per entry that undoes an earlier one."""
    for mig_file, _, config in mig_configs(graph):
        for index, second in enumerate(config.entries):
            others = (each for each in config.entries[:index] if not each.unknown)
            first = next((each for each in others if overlap(each, second) and differ(each, second)), None)
            if first is not None and not second.unknown:
                yield Overlap(
                    cluster=graph.scope.name,
                    config=config.name,
                    turns_off=first.mig_enabled != second.mig_enabled,
                    first=_what(first),
                    second=_what(second),
                    place=mig_file.at((*second.path, "devices")),
                    other_place=mig_file.at((*first.path, "devices")),
                )


def _what(entry: MigEntry) -> str:
    if not entry.mig_enabled:
        return "MIG off"
    return ", ".join(f"{name}: {count}" for name, count in sorted(entry.counts().items())) or "MIG on, no devices"


def leftovers(graph: Graph) -> Iterator[Leftover]:
    """One fact per configuration and node that it leaves a GPU of."""
    for mig_file, reach, config in mig_configs(graph):
        if any(entry.unknown for entry in config.entries):
            continue
        chosen = bool(reach.chosen.get(config.name))
        for group in _readers(reach, config):
            told = _left(config, group, chosen=chosen)
            if told:
                yield Leftover(
                    cluster=graph.scope.name,
                    config=config.name,
                    node=group.title,
                    told=told,
                    chosen=chosen,
                    confidence="medium" if reach.tied or not chosen else "high",
                    place=_leftover_place(mig_file, config),
                    node_place=group.hardware_place,
                )


def _readers(reach: Reach, config: MigConfig) -> Sequence[NodeGroup]:
    """The nodes that choose it, else those with MIG, when all of them are alike."""
    chosen = reach.chosen.get(config.name)
    if chosen:
        return chosen
    alike = {(tuple(gpu.id for gpu in group.gpus), group.gpu_count) for group in reach.capable}
    return reach.capable[:1] if len(alike) == 1 else ()


def _left(config: MigConfig, group: NodeGroup, *, chosen: bool) -> str:
    """What is left of a node; a configuration that it does not choose may be for other boards."""
    entries = entries_for(config, group)
    if not entries:
        if not chosen:
            return ""
        boards = [gpu.name for gpu in group.gpus]
        doubtful = any(each.verdict != "gpus" for entry in config.entries for each in entry.filters)
        return f"has no entry for {boards[0]}" if len(boards) == 1 and not doubtful else ""
    left = _unlisted(shares(entries, group.gpu_count)) if group.gpu_count else 0
    return f"is for {group.gpu_count - left} of the {group.gpu_count} GPUs" if left else ""


def _unlisted(found: Sequence[Share]) -> int:
    return sum(len(share.indexes) for share in found if share.entry is None)


def _leftover_place(mig_file: MigFile, config: MigConfig) -> Place:
    listing = [entry for entry in config.entries if not entry.all_devices]
    return mig_file.at((*listing[-1].path, "devices")) if listing else mig_file.at(config.path, key=True)


# --- MPS --------------------------------------------------------------------------------------------------------------


def mps_on_mig(graph: Graph) -> Iterator[MpsOnMig]:
    """One fact per configuration with MPS that the plugin exits over."""
    seen: set[int] = set()
    for fact, entry in (*_mps_under_mixed(graph), *_mps_on_nodes(graph)):
        if id(entry) not in seen:
            seen.add(id(entry))
            yield fact


def _mps_under_mixed(graph: Graph) -> Iterator[tuple[MpsOnMig, PluginEntry]]:
    configurations = graph.configurations
    wired: set[int] = set()
    for installer in configurations.installers:
        for configs in configs_of(installer, configurations):
            wired.add(id(configs))
            for entry in configs.entries:
                strategy = installer.mig_strategy.value or entry.config.mig_strategy
                one = installer.kind != "daemonset" or entry.key == installer.plugin_default.value
                if installer.plugin_enabled and one and strategy == "mixed" and _is_mps(entry):
                    place = installer.mig_strategy.place if installer.mig_strategy else _own_strategy(entry)
                    yield _mps(graph, configs.holder.label, entry, "mixed", "high", place), entry
    for configs in configurations.plugin_configs:
        for entry in configs.entries:
            if id(configs) not in wired and entry.config.mig_strategy == "mixed" and _is_mps(entry):
                yield _mps(graph, configs.holder.label, entry, "mixed", "medium", _own_strategy(entry)), entry


def _mps_on_nodes(graph: Graph) -> Iterator[tuple[MpsOnMig, PluginEntry]]:
    for group in graph.nodes.groups:
        for candidate in graph.nodes.candidates(group):
            governed = candidate.governed
            entry = governed.entry
            if entry is None or governed.configs is None or not _is_mps(entry):
                continue
            sliced = governed.strategy == "single" and _has_slices(candidate)
            if governed.strategy == "mixed" or sliced:
                yield (
                    _mps(
                        graph,
                        governed.configs.holder.label,
                        entry,
                        governed.strategy,
                        _strategy_confidence(governed) if governed.near else "low",
                        governed.strategy_place or entry.place,
                        group,
                    ),
                    entry,
                )


def _is_mps(entry: PluginEntry) -> bool:
    return entry.config.strategy == "mps" and not entry.config.refused


def _has_slices(candidate: Candidate) -> bool:
    """Whether nodes have MIG devices: by their layout, or by the product name that feature discovery gives slices."""
    layout = candidate.governed.layout
    cut = layout is not None and layout.enabled and bool(layout.profiles)
    return cut or any(offer.profile for offer in candidate.offers.by_resource.values())


def _own_strategy(entry: PluginEntry) -> Place:
    return entry.at(entry.config.mig_strategy_path or ("flags", "migStrategy"))


def _mps(
    graph: Graph,
    holder: str,
    entry: PluginEntry,
    strategy: str,
    confidence: Confidence,
    strategy_place: Place,
    group: NodeGroup | None = None,
) -> MpsOnMig:
    return MpsOnMig(
        cluster=graph.scope.name,
        config=f"'{entry.key}' of {holder}",
        strategy=strategy,
        node=group.title if group else "",
        confidence=confidence,
        place=entry.at(entry.config.sharing_path, key=True),
        strategy_place=strategy_place,
        node_place=_mig_place(group) if group else entry.place,
    )


def _mig_place(group: NodeGroup) -> Place:
    """What tells that the node has MIG devices."""
    label = group.labels.get(MIG_CONFIG_LABEL)
    return label.place if label else group.hardware_place
