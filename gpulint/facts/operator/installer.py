"""The wiring: which ConfigMaps an installer of the device plugin names, and which of their entries nodes choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpulint.frozen import frozen
from gpulint.gpu import device_plugin, mig_parted
from gpulint.graph import Graph
from gpulint.graph.configs import Holder
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, mig_holders, plugin_holders
from gpulint.graph.installers import Installer, Setting
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Manifest, Place


@frozen
class ConfigMapRef:
    """A ConfigMap, or map in its own values, that an installer names."""

    name: str
    """Empty when it names none."""
    label: str
    """`ConfigMap mig-layouts`."""
    place: Place
    """The name where the installer gives it."""
    found: bool
    """Whether exactly one definition of it is the one meant."""
    content: str
    """What its values are: `device-plugin`, `mig`, `both`, `other`; `unknown` when it is not in the input."""
    keys: tuple[str, ...]
    """Sorted."""
    shares: bool
    """Whether an entry of it shares GPUs."""
    key_place: Place
    """Its first key, or its name."""


@frozen
class InstallerFact:
    """What makes the device plugin run: a ClusterPolicy, NVIDIA's charts, a DaemonSet."""

    cluster: str
    kind: str
    """`operator` (ClusterPolicy or chart of the GPU Operator), `chart` (of the device plugin) or `daemonset`."""
    label: str
    """`ClusterPolicy gpu-cluster-policy`, `HelmRelease gpu-operator`, `values file gpu/values.yaml` …"""
    name: str
    installs: bool
    """False for a values file that nothing in the input installs the chart with."""
    plugin_enabled: bool
    """Whether it runs the device plugin."""
    plugin_config: ConfigMapRef
    plugin_default: str
    """The entry for nodes that no label chooses one for; empty without."""
    chooses: bool
    """Whether nodes without a label get an entry: by the default or a fallback."""
    mig_config: ConfigMapRef
    mig_strategy: str
    """What it hands to the plugin; empty: nothing, so that the configuration file decides."""
    strategy_place: Place
    nodes_labelled: bool
    """Whether anything in the input speaks of the label `nvidia.com/device-plugin.config`."""
    runtime_class: str
    """Of the plugin's pods, as it is set for the chart or DaemonSet; empty when it is not, or the operator's."""
    runtime_class_place: Place
    """Where it is set, or would be."""
    defined_runtime_class: str
    """The RuntimeClass of the input that is NVIDIA's; empty without one."""
    defined_runtime_class_place: Place
    needs_node_labels: bool
    """Whether its pods only run on nodes that discovery or somebody has labelled, and it brings no discovery."""
    gpu_nodes: tuple[str, ...]
    """The declared nodes and pools with GPUs, sorted; none of them has such a label, or the field is empty."""
    evident: tuple[str, ...]
    """Search spaces that its author evidently speaks of: nodes, where some with GPUs are declared."""
    place: Place


@frozen
class Choice:
    """A device-plugin config chosen by name: by an installer's default or by a node's label."""

    cluster: str
    by: str
    """`default` or `label`."""
    who: str
    """Who chooses: `ClusterPolicy gpu-cluster-policy` or `Node gpu-1`."""
    key: str
    holder: str
    """What holds the entries: `ConfigMap time-slicing-config`."""
    keys: tuple[str, ...]
    """The entries there are, sorted."""
    found: bool
    """Whether there is an entry of that name."""
    read: bool
    """Whether anything reads the label: false where the installer gives the plugin no configurations to choose from."""
    installer: str
    """What installs the device plugin there."""
    installer_kind: str
    """`operator`, `chart` or `daemonset`."""
    confidence: str
    place: Place
    holder_place: Place
    """What holds the entries; without that, where the installer would name it."""


@frozen
class Conflict:
    """Two sharing configurations for the same GPUs."""

    cluster: str
    kind: str
    """`both-strategies`: one config with MPS and time-slicing; `two-values`: one node, two values of one label."""
    subject: str
    """The config entry or the node."""
    first: str
    """What counts."""
    second: str
    """What is lost."""
    place: Place
    """The second."""
    other_place: Place
    """The first."""


def installer_facts(graph: Graph) -> Iterator[InstallerFact]:
    """One fact per installer."""
    labelled = any(PLUGIN_CONFIG_LABEL in source.text for source in graph.scope.sources)
    discovered = _is_discovered(graph)
    gpu_nodes = tuple(sorted({group.title for group in graph.nodes.groups if group.has_gpu}))
    runtime_classes = [each for each in graph.of_kind("RuntimeClass", "node.k8s.io") if _is_nvidia(each)]
    for installer in graph.configurations.installers:
        plugin = plugin_holders(installer, graph.configurations.holders)
        plugin_config = _reference(graph, installer.plugin_config, plugin)
        yield InstallerFact(
            cluster=graph.scope.name,
            kind=installer.kind,
            label=installer.label,
            name=installer.name,
            installs=installer.installs,
            plugin_enabled=installer.plugin_enabled,
            plugin_config=plugin_config,
            plugin_default=installer.plugin_default.value,
            chooses=bool(installer.plugin_default) or _falls_back(installer, plugin_config.keys),
            mig_config=_reference(graph, installer.mig_config, mig_holders(installer, graph.configurations.holders)),
            mig_strategy=installer.mig_strategy.value,
            strategy_place=installer.mig_strategy.place,
            nodes_labelled=labelled,
            runtime_class=str(installer.section.get("runtimeClassName") or ""),
            runtime_class_place=installer.section.place("runtimeClassName"),
            defined_runtime_class=runtime_classes[0].name if runtime_classes else "",
            defined_runtime_class_place=(
                runtime_classes[0].place("metadata", "name") if runtime_classes else installer.place
            ),
            needs_node_labels=_needs_node_labels(installer) and not discovered,
            gpu_nodes=() if discovered else gpu_nodes,
            evident=("nodes",) if gpu_nodes else (),
            place=installer.place,
        )


def _is_nvidia(runtime_class: Manifest) -> bool:
    return runtime_class.name.startswith("nvidia") or str(runtime_class.get("handler")).startswith("nvidia")


_SELECTED_LABELS = (
    "feature.node.kubernetes.io/pci-10de.present",
    "feature.node.kubernetes.io/cpu-model.vendor_id",
    "nvidia.com/gpu.present",
)
"""What the plugin's chart selects nodes by (`values.yaml`, affinity)."""
_DISCOVERY = ("node-feature-discovery", "gpu-feature-discovery", "NodeFeatureDiscovery", "NodeFeatureRule")


def _is_discovered(graph: Graph) -> bool:
    """Whether anything in the input gives nodes these labels, or speaks of them: discovery, or the operator with it."""
    words = (*_SELECTED_LABELS, *_DISCOVERY)
    if any(installer.kind == "operator" for installer in graph.configurations.installers):
        return True
    return any(word in source.text for source in graph.scope.sources for word in words)


def _needs_node_labels(installer: Installer) -> bool:
    """The plugin's own chart, as it is without discovery and with its own affinity, which a mapping replaces in part.

    Helm lays mappings over the defaults: an empty `affinity` changes nothing, `null` takes it away.
    """
    section = installer.section
    if installer.kind != "chart" or installer.manifest is not None or not installer.plugin_enabled or installer.open:
        return False
    if installer.gfd_enabled or section.get("nfd", "enabled") is True:
        return False
    return section.get("affinity") == {} or "affinity" not in section.data


def _falls_back(installer: Installer, keys: Sequence[str]) -> bool:
    named = "named" in installer.fallbacks and "default" in keys
    return named or ("single" in installer.fallbacks and len(keys) == 1)


def _reference(graph: Graph, setting: Setting, meant: Sequence[Holder]) -> ConfigMapRef:
    holder = meant[0] if len(meant) == 1 else None
    if holder is None:
        return ConfigMapRef(
            setting.value,
            f"ConfigMap {setting.value}",
            setting.place,
            found=False,
            content="unknown",
            keys=(),
            shares=False,
            key_place=setting.place,
        )
    entries = [each for each in graph.configurations.plugin_configs if each.holder is holder]
    return ConfigMapRef(
        setting.value,
        holder.label,
        setting.place,
        found=True,
        content=_content([value for _, value, _ in holder.values()]),
        keys=holder.keys,
        shares=any(entry.config.resources for each in entries for entry in each.entries),
        key_place=holder.data.place(holder.keys[0], key=True) if holder.keys else holder.name_place,
    )


def _content(values: Sequence[object]) -> str:
    plugin = any(device_plugin.looks_like(value) and not mig_parted.looks_like(value) for value in values)
    mig = any(mig_parted.looks_like(value) for value in values)
    return {(True, True): "both", (True, False): "device-plugin", (False, True): "mig", (False, False): "other"}[
        plugin, mig
    ]


def choices(graph: Graph) -> Iterator[Choice]:
    """Defaults of installers and labels of nodes, where what they choose from is in the input."""
    for installer in graph.configurations.installers:
        holder = _plugin_holder(graph, installer)
        default = installer.plugin_default
        if holder and default and not is_placeholder(default.value):
            yield _choice(graph, "default", installer.label, default, holder, _sure(installer, holder), installer)
    for group in graph.nodes.groups:
        label = group.labels.get(PLUGIN_CONFIG_LABEL)
        candidates = graph.nodes.candidates(group)
        governing = {
            id(each.governed.installer): each.governed.installer for each in candidates if each.governed.installer
        }
        if not label or is_placeholder(label.value) or len(governing) != 1:
            continue
        installer = next(iter(governing.values()))
        setting = Setting(label.value, label.place)
        who = group.title
        holder = _plugin_holder(graph, installer) if installer.reads_labels else None
        if holder:
            tied = any(each.governed.tied for each in candidates)
            confidence = "medium" if tied else _sure(installer, holder)
            yield _choice(graph, "label", who, setting, holder, confidence, installer)
        elif not installer.reads_labels and installer.plugin_enabled and not installer.open:
            yield _unread_choice(graph, who, setting, installer, "medium")


def _sure(installer: Installer, holder: Holder) -> str:
    """Medium where the folders have nothing in common: another cluster's ConfigMap may have that name."""
    folders = (installer.folder, holder.folder)
    together = "" in folders or len({folder.split("/")[0] for folder in folders}) == 1
    return "high" if together else "medium"


def _plugin_holder(graph: Graph, installer: Installer) -> Holder | None:
    """What an installer's device-plugin config means, unless it is a mig-parted file or nothing at all."""
    meant = plugin_holders(installer, graph.configurations.holders) if installer.plugin_enabled else ()
    if len(meant) != 1 or any(mig_parted.looks_like(value) for _, value, _ in meant[0].values()):
        return None
    return meant[0]


def _choice(
    graph: Graph, by: str, who: str, setting: Setting, holder: Holder, confidence: str, installer: Installer
) -> Choice:
    return Choice(
        cluster=graph.scope.name,
        by=by,
        who=who,
        key=setting.value,
        holder=holder.label,
        keys=holder.keys,
        found=setting.value in holder.keys or not holder.complete,
        read=True,
        installer=installer.label,
        installer_kind=installer.kind,
        confidence=confidence,
        place=setting.place,
        holder_place=holder.data.root.keyed(),
    )


def _unread_choice(graph: Graph, who: str, setting: Setting, installer: Installer, confidence: str) -> Choice:
    return Choice(
        cluster=graph.scope.name,
        by="label",
        who=who,
        key=setting.value,
        holder="",
        keys=(),
        found=False,
        read=False,
        installer=installer.label,
        installer_kind=installer.kind,
        confidence=confidence,
        place=setting.place,
        holder_place=installer.plugin_config.place,
    )


def conflicts(graph: Graph) -> Iterator[Conflict]:
    """Configs with both strategies, and nodes that the same author labels twice."""
    for configs in graph.configurations.plugin_configs:
        for entry in configs.entries:
            config = entry.config
            if config.both_strategies:
                yield Conflict(
                    cluster=graph.scope.name,
                    kind="both-strategies",
                    subject=f"'{entry.key}' of {configs.holder.label}",
                    first="mps",
                    second="timeSlicing",
                    place=entry.at(config.dropped_path, key=True),
                    other_place=entry.at(config.sharing_path, key=True),
                )
    for group in graph.nodes.groups:
        for twice in group.relabelled:
            if twice.key in {PLUGIN_CONFIG_LABEL, MIG_CONFIG_LABEL, *graph.nodes.house_labels}:
                yield Conflict(
                    cluster=graph.scope.name,
                    kind="two-values",
                    subject=group.title,
                    first=f"{twice.key}={twice.first.value}",
                    second=f"{twice.key}={twice.second.value}",
                    place=twice.second.place,
                    other_place=twice.first.place,
                )
