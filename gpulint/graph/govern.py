"""Which configuration governs a node or pool, and why: environment before label before default before fallback.

The order is the one of k8s-device-plugin (`NewConfig` in api/config/v1/config.go for the strategy,
cmd/config-manager/main.go for the chosen config). The GPU Operator passes `mig.strategy` as an environment variable
and hard-codes the fallback `empty` (controllers/object_controls.go, `handleDevicePluginConfig` and
`applyMIGConfiguration`); the plugin's own chart falls back to the key `default`, then to the only key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu import operator, stock
from gpulint.gpu.catalog import by_product_label
from gpulint.gpu.mig import RESOURCE_PREFIX
from gpulint.gpu.mig_apply import is_uniform, shares, spoils_single
from gpulint.gpu.mig_parted import MigConfig, MigEntry
from gpulint.gpu.problem import is_placeholder
from gpulint.graph.configs import MIG_CONFIG_KEY, Holder, MigFile, PluginConfigs, PluginEntry
from gpulint.graph.installers import Installer, Setting
from gpulint.graph.nodes import PRODUCT, Label, NodeGroup
from gpulint.graph.scope import nearest, related_folders
from gpulint.manifest import Place

PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
MIG_CONFIG_LABEL = "nvidia.com/mig.config"
MIG_STRATEGY_LABEL = "nvidia.com/mig.strategy"
_MIG_CAPABLE_LABEL = "nvidia.com/mig.capable"
"""GPU feature discovery sets it on every node with a GPU (k8s-device-plugin internal/lm/nvml.go)."""

Origin: TypeAlias = Literal["label", "default", "fallback", "only-config", "unknown"]
"""What chose the device-plugin config; `only-config`: nobody names it, but it is the only one in the input."""
StrategyOrigin: TypeAlias = Literal["policy", "file", "node", "plugin-default", ""]
"""What decides the MIG strategy: the policy for all nodes, the chosen config, the node itself, or nobody (`none`)."""


@frozen
class Layout:
    """The MIG devices of one GPU, as a named mig-parted config or a stock name lays them out."""

    name: str
    profiles: tuple[tuple[str, int], ...]
    """Profile and count per GPU, 0 where the GPU is not known; empty: MIG is off or without devices."""
    enabled: bool
    uniform: bool
    """True when every GPU of the node gets this layout."""
    spoils_single: str
    """Why the device plugin cannot advertise it under the strategy `single`, as a clause; empty when it can."""
    place: Place


@frozen
class Governed:
    """The configuration that a node or pool runs under."""

    installer: Installer | None
    strategy: str
    """The effective MIG strategy, empty when unknown."""
    strategy_place: Place | None
    """Where it is decided, or where it would be set."""
    origin: Origin
    entry: PluginEntry | None
    """The device-plugin config; None with origin `fallback`: none, so nothing is shared."""
    configs: PluginConfigs | None
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


@frozen
class Configurations:
    """Everything in a scope that can govern nodes."""

    installers: tuple[Installer, ...]
    plugin_configs: tuple[PluginConfigs, ...]
    mig_files: tuple[MigFile, ...]
    holders: tuple[Holder, ...]
    """ConfigMaps, and the maps in chart values."""
    _meant: dict[int, tuple[PluginConfigs, ...]] = field(default_factory=dict, compare=False, repr=False)
    _unnamed: dict[int, tuple[PluginConfigs, ...]] = field(default_factory=dict, compare=False, repr=False)

    def meant_by(self, installer: Installer) -> tuple[PluginConfigs, ...]:
        """The device-plugin configurations that one of the installers means."""
        if id(installer) not in self._meant:
            self._meant[id(installer)] = tuple(configs_of(installer, self))
        return self._meant[id(installer)]

    def unnamed_near(self, installer: Installer) -> tuple[PluginConfigs, ...]:
        """ConfigMaps that nobody in the input names, where other values of one of the installers may name one."""
        if id(installer) not in self._unnamed:
            self._unnamed[id(installer)] = _unnamed(installer, self)
        return self._unnamed[id(installer)]


def plugin_holders(installer: Installer, holders: Sequence[Holder]) -> tuple[Holder, ...]:
    """What an installer hands to the device plugin: its own values, else the nearest ConfigMap of the name it gives."""
    return _meant(installer.plugin_holder, installer.plugin_config.value, installer, holders)


def mig_holders(installer: Installer, holders: Sequence[Holder]) -> tuple[Holder, ...]:
    """What it hands to the MIG manager, likewise."""
    return _meant(installer.mig_holder, installer.mig_config.value, installer, holders)


def _meant(own: Holder | None, name: str, installer: Installer, holders: Sequence[Holder]) -> tuple[Holder, ...]:
    if own is not None:
        return (own,)
    same = [each for each in holders if name and each.name == name and not each.of_release]
    return nearest(installer.folder, same, lambda each: each.folder).items


def govern(group: NodeGroup, configurations: Configurations) -> tuple[Governed, ...]:
    """The configurations the group may run under: one, or one per installer when the folders do not decide."""
    makers: list[Installer | PluginConfigs] = list(configurations.installers)
    if not makers:
        makers = list(configurations.plugin_configs)
    chosen = nearest(
        group.folder, makers, lambda each: each.folder if isinstance(each, Installer) else each.holder.folder
    )
    if not chosen.items:
        return (_complete(_unknown(), group, configurations),)
    governed = [
        _by_installer(group, each, configurations) if isinstance(each, Installer) else _by_configs(group, each)
        for each in chosen.items
    ]
    return tuple(replace(_complete(each, group, configurations), tied=chosen.tied) for each in governed)


def _unknown() -> Governed:
    return Governed(None, "", None, "unknown", None, None, None, layout_known=False, wired=False)


def _by_installer(group: NodeGroup, installer: Installer, configurations: Configurations) -> Governed:
    if not installer.plugin_enabled:  # some other device plugin runs there, if any
        return replace(_unknown(), installer=installer)
    stated = installer.mig_strategy
    base = replace(
        _unknown(),
        installer=installer,
        strategy=stated.value,
        strategy_place=stated.place,
        strategy_origin="policy" if stated else "",
        wired=True,
    )
    if is_placeholder(stated.value):
        base = replace(base, strategy="", strategy_origin="")
    if not installer.plugin_config and installer.plugin_holder is None and not installer.open:
        if unnamed := configurations.unnamed_near(installer):
            return _by_unnamed(group, unnamed, base)
        reason = f"{installer.label} names no device-plugin config"
        return replace(_with_plugin_default(base), origin="fallback", reasons=(reason,))
    configs = configurations.meant_by(installer)
    if len(configs) != 1:  # not in the input, or several of that name
        return base
    label = group.labels.get(PLUGIN_CONFIG_LABEL) if installer.kind != "daemonset" else None
    key, origin = _chosen_key(installer, configs[0], label)
    if not key:
        reason = "no label and no default chooses a device-plugin config"
        return replace(_with_plugin_default(base), origin="fallback", reasons=(reason,))
    entry = configs[0].entry(key)
    if entry is None:
        return replace(base, configs=configs[0])
    return _with_entry(base, configs[0], entry, origin, label, group)


def _unnamed(installer: Installer, configurations: Configurations) -> tuple[PluginConfigs, ...]:
    if installer.manifest is not None:
        return ()
    named = {each.plugin_config.value for each in configurations.installers}
    loose = (each for each in configurations.plugin_configs if not each.holder.of_release)
    left = [each for each in loose if each.holder.name not in named]
    return _distinct(nearest(installer.folder, left, lambda each: each.holder.folder).items)


def _distinct(found: Iterable[PluginConfigs]) -> tuple[PluginConfigs, ...]:
    """One of those that say the same: a ConfigMap that stands twice in a repository is no contradiction."""
    kept: dict[object, PluginConfigs] = {}
    for each in found:
        kept.setdefault(tuple((entry.key, repr(entry.config)) for entry in each.entries), each)
    return tuple(kept.values())


def _by_unnamed(group: NodeGroup, unnamed: Sequence[PluginConfigs], base: Governed) -> Governed:
    """What such a ConfigMap would make of the nodes; unknown where there are several."""
    found = _by_configs(group, unnamed[0]) if len(unnamed) == 1 else _unknown()
    if not base.strategy:
        return replace(found, installer=base.installer)
    return replace(
        found,
        installer=base.installer,
        strategy=base.strategy,
        strategy_place=base.strategy_place,
        strategy_origin=base.strategy_origin,
    )


def _chosen_key(installer: Installer, configs: PluginConfigs, label: Label | None) -> tuple[str, Origin]:
    """The key that the config manager takes (cmd/config-manager/main.go, `updateConfigName`); empty: no config."""
    if label:
        return label.value, "label"
    if installer.plugin_default:
        return installer.plugin_default.value, "default"
    keys = configs.holder.keys
    for fallback in installer.fallbacks:
        if fallback == "named" and "default" in keys:
            return "default", "default"
        if fallback == "single" and len(keys) == 1:
            return keys[0], "default"
        if fallback == "empty":
            break
    return "", "fallback"


def configs_of(installer: Installer, configurations: Configurations) -> list[PluginConfigs]:
    """The device-plugin configurations that an installer means."""
    named = plugin_holders(installer, configurations.holders)
    found = (each for each in configurations.plugin_configs if any(each.holder is holder for holder in named))
    return list(_distinct(found))


def _by_configs(group: NodeGroup, configs: PluginConfigs) -> Governed:
    near = related_folders(group.folder, configs.holder.folder)
    base = replace(_unknown(), near=near)
    label = group.labels.get(PLUGIN_CONFIG_LABEL)
    if label:
        entry = configs.entry(label.value)
        return _with_entry(base, configs, entry, "label", label, group) if entry else base
    if len(configs.entries) == 1:
        return _with_entry(base, configs, configs.entries[0], "only-config", None, group)
    return base


def _with_plugin_default(governed: Governed) -> Governed:
    """`none` where neither the policy nor a config states one (k8s-device-plugin cmd/nvidia-device-plugin/main.go)."""
    if governed.strategy:
        return governed
    return replace(governed, strategy="none", strategy_origin="plugin-default")


def _with_entry(
    base: Governed,
    configs: PluginConfigs,
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
    name = configs.holder.label
    reason = {
        "label": f"{group.name} is labelled {PLUGIN_CONFIG_LABEL}={label.value if label else ''}",
        "default": f"'{entry.key}' of {name} is taken where no label chooses",
    }.get(origin, f"'{entry.key}' of {name} is the only device-plugin config in the input")
    if entry.config.refused or entry.config.unknown:
        return replace(base, configs=configs)
    return replace(
        base,
        origin=origin,
        entry=entry,
        configs=configs,
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
    maps = mig_files_of(governed.installer, group.folder, configurations)
    holding = [each for each in maps if label.value in each.config.configs]
    if not custom_mig_config(governed.installer) and (governed.installer or not holding):
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
    found = _stock_layout(label.value, group)
    if found is None:
        return None
    return Layout(
        label.value,
        tuple(sorted(found.profiles.items())),
        found.mig_enabled,
        uniform=True,
        spoils_single=spoils_single_by_name(label.value),
        place=label.place,
    )


def _stock_layout(name: str, group: NodeGroup) -> stock.Layout | None:
    """The layout of that name on the GPUs of the group; without counts where no GPU is known."""
    if group.gpus:
        found = [stock.layout(name, gpu) for gpu in group.gpus]
        return found[0] if all(each == found[0] for each in found) else None
    profiles = stock.profiles_of(name)
    return stock.Layout(mig_enabled=True, profiles=dict.fromkeys(profiles, 0)) if len(profiles) == 1 else None


def spoils_single_by_name(name: str) -> str:
    """Why a configuration that the MIG manager generates cannot be advertised under `single`, on any GPU; or empty."""
    if name == "all-enabled":
        return "turns MIG on without making MIG devices"
    return "makes MIG devices of several profiles" if name == "all-balanced" else ""


def custom_mig_config(installer: Installer | None) -> str:
    """The name of the ConfigMap that replaces the MIG manager's own configurations; empty where nothing does.

    Naming the operator's own ConfigMap is naming none (`MigPartedDefaultConfigMapName` in
    controllers/object_controls.go).
    """
    name = installer.mig_config.value if installer else ""
    return "" if name in operator.OPERATOR_CONFIG_MAPS else name


def mig_files_of(installer: Installer | None, folder: str, configurations: Configurations) -> tuple[MigFile, ...]:
    """The mig-parted files the MIG manager reads: the one the installer names, else the nearest in the input."""
    if installer is not None and custom_mig_config(installer):
        named = mig_holders(installer, configurations.holders)
        return tuple(
            each
            for each in configurations.mig_files
            if each.key == MIG_CONFIG_KEY and any(each.holder is holder for holder in named)
        )
    return nearest(folder, configurations.mig_files, lambda each: each.holder.folder).items


def _chosen(mig_file: MigFile, name: str, group: NodeGroup) -> Layout | None:
    config = mig_file.config.configs.get(name)
    return None if config is None or mig_file.config.refused else _laid_out(config, mig_file, group)


def _laid_out(config: MigConfig, mig_file: MigFile, group: NodeGroup) -> Layout | None:
    """What a named config gives the GPUs of the group; None when a placeholder or an unknown GPU leaves it open."""
    entries = entries_for(config, group)
    if not entries or any(entry.unknown for entry in entries):
        return None
    filtered = any(entry.filters for entry in entries)
    if len(entries) > 1 and filtered and len(group.gpus) != 1:  # which of the filters match is not known
        return None
    found = shares(entries, group.gpu_count)
    last = [share.entry for share in found if share.entry]
    if not last:
        return None
    profiles: dict[str, int] = {}
    for entry in last:
        profiles |= entry.counts()
    return Layout(
        config.name,
        tuple(sorted(profiles.items())),
        enabled=any(entry.mig_enabled for entry in last),
        uniform=is_uniform(found),
        spoils_single=spoils_single(found),
        place=mig_file.at(entries[0].path),
    )


def entries_for(config: MigConfig, group: NodeGroup) -> list[MigEntry]:
    """The entries that may apply to GPUs of the group: a filter with an id that no product is known for may match."""
    if not group.gpus:
        return list(config.entries)
    matching = [entry for entry in config.entries if any(entry.matches(gpu.id) for gpu in group.gpus)]
    others = (entry for entry in config.entries if entry not in matching)
    doubtful = any(item.verdict == "unknown-id" for entry in others for item in entry.filters)
    return [] if doubtful else matching
