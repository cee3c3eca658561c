"""Which configuration governs a node or pool, and why: environment before label before default before fallback.

The order is the one of k8s-device-plugin (`NewConfig` in api/config/v1/config.go for the strategy, cmd/config-manager/main.go for the
chosen config) under the GPU Operator, which passes `mig.strategy` as an environment variable and hard-codes the fallback `empty`
(controllers/object_controls.go, `handleDevicePluginConfig` and `applyMIGConfiguration`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from gpulint.gpu import stock
from gpulint.gpu.mig_parted import MigConfig
from gpulint.graph.configs import MIG_CONFIG_KEY, MigConfigMap, PluginConfigMap, PluginEntry, Policy
from gpulint.graph.nodes import Label, NodeGroup
from gpulint.graph.scope import nearest, related_folders
from gpulint.manifest import Manifest, Place

PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
MIG_CONFIG_LABEL = "nvidia.com/mig.config"
MIG_STRATEGY_LABEL = "nvidia.com/mig.strategy"

Origin: TypeAlias = Literal["label", "default", "fallback", "only-config", "unknown"]
"""What chose the device-plugin config; `only-config`: nobody names it, but it is the only one in the input."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The MIG devices of one GPU, as a named mig-parted config or a stock name lays them out."""

    name: str
    profiles: tuple[tuple[str, int], ...]
    """Profile and count per GPU; empty: MIG is off or without devices."""
    enabled: bool
    uniform: bool
    """True when every GPU of the node gets this layout."""
    place: Place


@dataclass(frozen=True, slots=True)
class Governed:
    """The configuration that a node or pool runs under."""

    policy: Policy | None
    strategy: str
    """The effective MIG strategy, empty when unknown."""
    strategy_place: Place | None
    origin: Origin
    entry: PluginEntry | None
    """The device-plugin config; None with origin `fallback`: none, so nothing is shared."""
    config_map: PluginConfigMap | None
    layout: Layout | None
    """None: nothing says that MIG is on, or the name of the layout is not known."""
    layout_known: bool
    tied: bool = False
    """True when the folders do not decide which of several installers is meant."""
    wired: bool = True
    """False when no installer in the input names the configuration."""
    near: bool = True
    """False when an unwired configuration stands in a folder that has nothing to do with the one who asks."""
    reasons: tuple[str, ...] = field(default=())

    @property
    def known(self) -> bool:
        return self.origin != "unknown"


@dataclass(frozen=True, slots=True)
class Configurations:
    """Everything in a scope that can govern nodes."""

    policies: tuple[Policy, ...]
    plugin_maps: tuple[PluginConfigMap, ...]
    mig_maps: tuple[MigConfigMap, ...]
    config_maps: tuple[Manifest, ...]


def named_config_maps(name: str, referrer: Manifest, config_maps: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The ConfigMaps of that name nearest to the one who names them (the operator's own namespace is not in its policy)."""
    same = [each for each in config_maps if each.name == name]
    return nearest(referrer.folder(), same, Manifest.folder).items


def govern(group: NodeGroup, configurations: Configurations) -> tuple[Governed, ...]:
    """The configurations the group may run under: one, or one per installer when the folders do not decide."""
    installers: list[Policy | PluginConfigMap] = list(configurations.policies)
    if not installers:
        installers = list(configurations.plugin_maps)
    chosen = nearest(group.folder, installers, lambda each: each.manifest.folder())
    if not chosen.items:
        return (_complete(_unknown(), group, configurations),)
    governed = [
        _by_policy(group, each, configurations) if isinstance(each, Policy) else _by_map(group, each)
        for each in chosen.items
    ]
    return tuple(replace(_complete(each, group, configurations), tied=chosen.tied) for each in governed)


def _unknown() -> Governed:
    return Governed(None, "", None, "unknown", None, None, None, layout_known=False, wired=False)


def _by_policy(group: NodeGroup, policy: Policy, configurations: Configurations) -> Governed:
    strategy, place = policy.mig_strategy.value, policy.mig_strategy.place if policy.mig_strategy else None
    base = replace(_unknown(), policy=policy, strategy=strategy, strategy_place=place, wired=True)
    if not policy.plugin_enabled:
        return replace(base, wired=False)
    if not policy.plugin_config:
        return replace(base, origin="fallback", reasons=("the policy names no device-plugin config",))
    maps = _maps_of(policy, configurations)
    label = group.labels.get(PLUGIN_CONFIG_LABEL)
    key = label.value if label else policy.plugin_default.value
    if not key:
        reason = "no label and no default chooses a device-plugin config"
        return replace(base, origin="fallback", reasons=(reason,))
    if len(maps) != 1:  # not in the input, or several of that name
        return base
    entry = maps[0].entry(key)
    if entry is None:
        return replace(base, config_map=maps[0])
    return _with_entry(base, maps[0], entry, "label" if label else "default", label, group)


def _maps_of(policy: Policy, configurations: Configurations) -> list[PluginConfigMap]:
    named = named_config_maps(policy.plugin_config.value, policy.manifest, configurations.config_maps)
    return [each for each in configurations.plugin_maps if any(each.manifest is manifest for manifest in named)]


def _by_map(group: NodeGroup, config_map: PluginConfigMap) -> Governed:
    near = related_folders(group.folder, config_map.manifest.folder())
    base = replace(_unknown(), near=near)
    label = group.labels.get(PLUGIN_CONFIG_LABEL)
    if label:
        entry = config_map.entry(label.value)
        return _with_entry(base, config_map, entry, "label", label, group) if entry else base
    if len(config_map.entries) == 1:
        return _with_entry(base, config_map, config_map.entries[0], "only-config", None, group)
    return base


def _with_entry(
    base: Governed,
    config_map: PluginConfigMap,
    entry: PluginEntry,
    origin: Origin,
    label: Label | None,
    group: NodeGroup,
) -> Governed:
    strategy, place = base.strategy, base.strategy_place
    if not strategy and entry.config.mig_strategy:
        strategy, place = entry.config.mig_strategy, entry.at(("flags", "migStrategy"))
    elif not strategy and base.wired:
        strategy = "none"
    name = config_map.manifest.name
    reason = {
        "label": f"{group.name} is labelled {PLUGIN_CONFIG_LABEL}={label.value if label else ''}",
        "default": f"'{entry.key}' is the default of '{name}'",
    }.get(origin, f"'{name}' is the only device-plugin config in the input")
    if entry.config.refused or entry.config.unknown:
        return replace(base, strategy=strategy, strategy_place=place, config_map=config_map)
    return replace(
        base,
        strategy=strategy,
        strategy_place=place,
        origin=origin,
        entry=entry,
        config_map=config_map,
        reasons=(reason,),
    )


def _complete(governed: Governed, group: NodeGroup, configurations: Configurations) -> Governed:
    """With what the node's own labels say: they are set by the components that decide."""
    layout, known = _layout(governed, group, configurations)
    strategy, place = governed.strategy, governed.strategy_place
    label = group.labels.get(MIG_STRATEGY_LABEL)
    if label and label.value in {"single", "mixed"}:
        strategy, place = label.value, label.place
    return replace(governed, layout=layout, layout_known=known, strategy=strategy, strategy_place=place)


def _layout(governed: Governed, group: NodeGroup, configurations: Configurations) -> tuple[Layout | None, bool]:
    label = group.labels.get(MIG_CONFIG_LABEL)
    if label is None:  # nobody says so here, but somebody may label the node
        return None, bool(group.gpus) and all(gpu.mig is False for gpu in group.gpus)
    maps = mig_maps_of(governed.policy, group.folder, configurations)
    for mig_map in maps:
        config = mig_map.config.configs.get(label.value)
        if config is not None and not mig_map.config.refused:
            layout = _laid_out(config, mig_map, group)
            return layout, layout is not None
    if maps:
        return None, False
    found = stock.layout(label.value, group.gpus[0]) if len(group.gpus) == 1 else None
    if found is None:
        return None, label.value == "all-disabled"
    profiles = tuple(sorted(found.profiles.items()))
    return Layout(label.value, profiles, found.mig_enabled, uniform=True, place=label.place), True


def mig_maps_of(policy: Policy | None, folder: str, configurations: Configurations) -> tuple[MigConfigMap, ...]:
    """The mig-parted files the MIG manager reads: the one the policy names, else the nearest in the input."""
    if policy is not None and policy.mig_config:
        named = named_config_maps(policy.mig_config.value, policy.manifest, configurations.config_maps)
        return tuple(
            each
            for each in configurations.mig_maps
            if each.key == MIG_CONFIG_KEY and any(each.manifest is manifest for manifest in named)
        )
    return nearest(folder, configurations.mig_maps, lambda each: each.manifest.folder()).items


def _laid_out(config: MigConfig, mig_map: MigConfigMap, group: NodeGroup) -> Layout | None:
    """What a named config gives the GPUs of the group; None when several entries, or a placeholder, leave it open."""
    entries = [each for each in config.entries if not group.gpus or any(each.matches(gpu.id) for gpu in group.gpus)]
    if len(entries) != 1 or entries[0].unknown:
        return None
    entry = entries[0]
    profiles = tuple(sorted(entry.counts().items()))
    return Layout(config.name, profiles, entry.mig_enabled, uniform=entry.all_devices, place=mig_map.at(entry.path))
