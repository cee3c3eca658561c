"""Which configuration governs a node or pool, and why: environment before label before default before fallback.

The order is the one of k8s-device-plugin (`NewConfig` in api/config/v1/config.go for the strategy,
cmd/config-manager/main.go for the chosen config) under the GPU Operator, which passes `mig.strategy` as an environment
variable and hard-codes the fallback `empty` (controllers/object_controls.go, `handleDevicePluginConfig` and
`applyMIGConfiguration`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from gpulint.gpu import stock
from gpulint.gpu.catalog import by_product_label
from gpulint.gpu.mig import RESOURCE_PREFIX
from gpulint.gpu.mig_parted import MigConfig, MigEntry
from gpulint.gpu.problem import is_placeholder
from gpulint.graph.configs import MIG_CONFIG_KEY, MigConfigMap, PluginConfigMap, PluginEntry, Policy, Setting
from gpulint.graph.nodes import PRODUCT, Label, NodeGroup
from gpulint.graph.scope import nearest, related_folders
from gpulint.manifest import Manifest, Place

PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
MIG_CONFIG_LABEL = "nvidia.com/mig.config"
MIG_STRATEGY_LABEL = "nvidia.com/mig.strategy"
_OWN_MIG_CONFIG = "default-mig-parted-config"
_MIG_CAPABLE_LABEL = "nvidia.com/mig.capable"
"""GPU feature discovery sets it on every node with a GPU (k8s-device-plugin internal/lm/nvml.go)."""

Origin: TypeAlias = Literal["label", "default", "fallback", "only-config", "unknown"]
"""What chose the device-plugin config; `only-config`: nobody names it, but it is the only one in the input."""
StrategyOrigin: TypeAlias = Literal["policy", "file", "node", "plugin-default", ""]
"""What decides the MIG strategy: the policy for all nodes, the chosen config, the node itself, or nobody (`none`)."""


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
    """Where it is decided, or where it would be set."""
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
    strategy_origin: StrategyOrigin = ""

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
    """The ConfigMaps of that name nearest to who names them: the operator's own namespace is not in its policy."""
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
    if not policy.plugin_enabled:  # some other device plugin runs there, if any
        return replace(_unknown(), policy=policy)
    stated = _stated_strategy(policy)
    base = replace(
        _unknown(),
        policy=policy,
        strategy=stated.value,
        strategy_place=stated.place,
        strategy_origin="policy" if stated else "",
        wired=True,
    )
    if not policy.plugin_config:
        reason = "the policy names no device-plugin config"
        return replace(_with_plugin_default(base), origin="fallback", reasons=(reason,))
    maps = _maps_of(policy, configurations)
    label = group.labels.get(PLUGIN_CONFIG_LABEL)
    key = label.value if label else policy.plugin_default.value
    if not key:
        reason = "no label and no default chooses a device-plugin config"
        return replace(_with_plugin_default(base), origin="fallback", reasons=(reason,))
    if len(maps) != 1:  # not in the input, or several of that name
        return base
    entry = maps[0].entry(key)
    if entry is None:
        return replace(base, config_map=maps[0])
    return _with_entry(base, maps[0], entry, "label" if label else "default", label, group)


def _stated_strategy(policy: Policy) -> Setting:
    """The strategy the operator hands to the plugin: arguments beat the environment, of which the last word counts."""
    plugin = ("spec", "devicePlugin")
    arguments = policy.manifest.get(*plugin, "args")
    for index, argument in enumerate(arguments if isinstance(arguments, list) else ()):
        name, _, value = str(argument).partition("=")
        if name == "--mig-strategy" and value:
            return Setting(value, policy.manifest.place(*plugin, "args", index))
    environment = policy.manifest.get(*plugin, "env")
    for index in reversed(range(len(environment) if isinstance(environment, list) else 0)):
        if policy.manifest.get(*plugin, "env", index, "name") == "MIG_STRATEGY":
            given = policy.manifest.get(*plugin, "env", index, "value")
            place = policy.manifest.place(*plugin, "env", index, "value")
            return Setting(given, place) if isinstance(given, str) else policy.mig_strategy
    return policy.mig_strategy


def _with_plugin_default(governed: Governed) -> Governed:
    """`none` where neither the policy nor a config states one (k8s-device-plugin cmd/nvidia-device-plugin/main.go)."""
    if governed.strategy:
        return governed
    return replace(governed, strategy="none", strategy_origin="plugin-default")


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
    if not base.strategy and entry.config.mig_strategy:
        base = replace(
            base,
            strategy=entry.config.mig_strategy,
            strategy_place=entry.at(("flags", "migStrategy")),
            strategy_origin="file",
        )
    elif base.wired and not entry.config.refused and not entry.config.unknown:
        base = _with_plugin_default(base)
    name = config_map.manifest.name
    reason = {
        "label": f"{group.name} is labelled {PLUGIN_CONFIG_LABEL}={label.value if label else ''}",
        "default": f"'{entry.key}' is the default of '{name}'",
    }.get(origin, f"'{name}' is the only device-plugin config in the input")
    if entry.config.refused or entry.config.unknown:
        return replace(base, config_map=config_map)
    return replace(
        base,
        origin=origin,
        entry=entry,
        config_map=config_map,
        reasons=(reason,),
    )


def _complete(governed: Governed, group: NodeGroup, configurations: Configurations) -> Governed:
    """With what the node itself says: its labels are set by the components that decide."""
    layout, known = _layout(governed, group, configurations)
    governed = replace(governed, layout=layout, layout_known=known)
    if told := _told_by_node(group):
        return replace(governed, strategy=told.value, strategy_place=told.place, strategy_origin="node")
    return governed


def _told_by_node(group: NodeGroup) -> Setting | None:
    """The strategy as GPU feature discovery, or what the node advertises, tells it.

    Discovery sets no `mig.strategy` label under `none` (k8s-device-plugin internal/lm/strategy.go), so that a node read
    from a cluster tells this too; it gives products the suffix `-MIG-<profile>` under `single` (mig-strategy.go).
    """
    label = group.labels.get(MIG_STRATEGY_LABEL)
    if label and label.value in {"single", "mixed"}:
        return Setting(label.value, label.place)
    product = group.labels.get(PRODUCT)
    if product and by_product_label(product.value).mig_profile:
        return Setting("single", product.place)
    if any(count > 0 and name.startswith(RESOURCE_PREFIX) for name, count in group.allocatable.items()):
        return Setting("mixed", group.place)
    if group.exported and label is None and _MIG_CAPABLE_LABEL in group.labels:
        return Setting("none", group.labels[_MIG_CAPABLE_LABEL].place)
    return None


def _layout(governed: Governed, group: NodeGroup, configurations: Configurations) -> tuple[Layout | None, bool]:
    """The layout that the node's label chooses, and whether what MIG makes of the node is known."""
    label = group.labels.get(MIG_CONFIG_LABEL)
    if label is None:  # nobody says so here, but somebody may label the node
        return None, bool(group.gpus) and all(gpu.mig is False for gpu in group.gpus)
    if is_placeholder(label.value):
        return None, False
    maps = mig_maps_of(governed.policy, group.folder, configurations)
    holding = [each for each in maps if label.value in each.config.configs]
    if not custom_mig_config(governed.policy) and (governed.policy or not holding):
        generated = _generated(label, group)
        if generated is not None or label.value == "all-disabled":
            return generated, True
    found = [_chosen(each, label.value, group) for each in holding]
    first = found[0] if found else None
    if first is None or any(other is None or other.profiles != first.profiles for other in found):
        return None, False
    return first, True


def _generated(label: Label, group: NodeGroup) -> Layout | None:
    """What the MIG manager makes of that name without a file of the user's (`NVIDIA/mig-parted` pkg/mig/builder)."""
    found = stock.layout(label.value, group.gpus[0]) if len(group.gpus) == 1 else None
    if found is None:
        return None
    return Layout(
        label.value, tuple(sorted(found.profiles.items())), found.mig_enabled, uniform=True, place=label.place
    )


def custom_mig_config(policy: Policy | None) -> str:
    """The ConfigMap that replaces the MIG manager's own configurations; empty when the policy leaves it at them.

    Naming the operator's own ConfigMap is naming none (`MigPartedDefaultConfigMapName` in
    controllers/object_controls.go).
    """
    name = policy.mig_config.value if policy else ""
    return "" if name == _OWN_MIG_CONFIG else name


def mig_maps_of(policy: Policy | None, folder: str, configurations: Configurations) -> tuple[MigConfigMap, ...]:
    """The mig-parted files the MIG manager reads: the one the policy names, else the nearest in the input."""
    if policy is not None and custom_mig_config(policy):
        named = named_config_maps(policy.mig_config.value, policy.manifest, configurations.config_maps)
        return tuple(
            each
            for each in configurations.mig_maps
            if each.key == MIG_CONFIG_KEY and any(each.manifest is manifest for manifest in named)
        )
    return nearest(folder, configurations.mig_maps, lambda each: each.manifest.folder()).items


def _chosen(mig_map: MigConfigMap, name: str, group: NodeGroup) -> Layout | None:
    config = mig_map.config.configs.get(name)
    return None if config is None or mig_map.config.refused else _laid_out(config, mig_map, group)


def _laid_out(config: MigConfig, mig_map: MigConfigMap, group: NodeGroup) -> Layout | None:
    """What a named config gives the GPUs of the group; None when a placeholder or an unknown GPU leaves it open."""
    entries = _entries_for(config, group)
    if not entries or any(entry.unknown for entry in entries):
        return None
    if len(entries) > 1 and len(group.gpus) != 1:  # which of the filters match is not known
        return None
    profiles: dict[str, int] = {}
    for entry in entries:
        profiles |= entry.counts()
    return Layout(
        config.name,
        tuple(sorted(profiles.items())),
        enabled=any(entry.mig_enabled for entry in entries),
        uniform=len(entries) == 1 and entries[0].all_devices,
        place=mig_map.at(entries[0].path),
    )


def _entries_for(config: MigConfig, group: NodeGroup) -> list[MigEntry]:
    """The entries that may apply to GPUs of the group: a filter with an id that no product is known for may match."""
    if not group.gpus:
        return list(config.entries)
    matching = [entry for entry in config.entries if any(entry.matches(gpu.id) for gpu in group.gpus)]
    others = (entry for entry in config.entries if entry not in matching)
    doubtful = any(item.verdict == "unknown-id" for entry in others for item in entry.filters)
    return [] if doubtful else matching
