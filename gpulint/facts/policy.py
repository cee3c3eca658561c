"""The wiring of the GPU Operator: which ConfigMaps its policy names, and which of their entries nodes choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpulint.gpu import device_plugin, mig_parted
from gpulint.graph import Graph
from gpulint.graph.configs import Policy, Setting, config_values
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, named_config_maps
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Manifest, Place


@dataclass(frozen=True, slots=True)
class ConfigMapRef:
    """A ConfigMap that a policy names."""

    name: str
    """Empty when the policy names none."""
    place: Place
    """The name in the policy."""
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


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """A ClusterPolicy."""

    cluster: str
    name: str
    plugin_enabled: bool
    """Whether the operator runs the device plugin."""
    plugin_config: ConfigMapRef
    """`spec.devicePlugin.config.name`."""
    plugin_default: str
    """`spec.devicePlugin.config.default`."""
    mig_config: ConfigMapRef
    """`spec.migManager.config.name`."""
    nodes_labelled: bool
    """Whether anything in the input speaks of the label `nvidia.com/device-plugin.config`."""
    place: Place


@dataclass(frozen=True, slots=True)
class Choice:
    """A device-plugin config chosen by name: by a policy's default or by a node's label."""

    cluster: str
    by: str
    """`default` or `label`."""
    who: str
    """Who chooses: `ClusterPolicy gpu-cluster-policy` or `Node gpu-1`."""
    key: str
    map_name: str
    keys: tuple[str, ...]
    """The entries there are, sorted."""
    found: bool
    """Whether there is an entry of that name."""
    confidence: str
    place: Place
    map_place: Place


@dataclass(frozen=True, slots=True)
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


def policy_facts(graph: Graph) -> Iterator[PolicyFact]:
    """One fact per ClusterPolicy."""
    labelled = any(PLUGIN_CONFIG_LABEL in source.text for source in graph.scope.sources)
    for policy in graph.configurations.policies:
        yield PolicyFact(
            cluster=graph.scope.name,
            name=policy.manifest.name,
            plugin_enabled=policy.plugin_enabled,
            plugin_config=_reference(graph, policy, policy.plugin_config),
            plugin_default=policy.plugin_default.value,
            mig_config=_reference(graph, policy, policy.mig_config),
            nodes_labelled=labelled,
            place=policy.manifest.place("metadata", "name"),
        )


def _reference(graph: Graph, policy: Policy, setting: Setting) -> ConfigMapRef:
    maps = named_config_maps(setting.value, policy.manifest, graph.configurations.config_maps) if setting else ()
    if len(maps) != 1:
        return ConfigMapRef(
            setting.value, setting.place, found=False, content="unknown", keys=(), shares=False, key_place=setting.place
        )
    manifest = maps[0]
    keys = _keys(manifest)
    entries = [each for each in graph.configurations.plugin_maps if each.manifest is manifest]
    return ConfigMapRef(
        setting.value,
        setting.place,
        found=True,
        content=_content([value for _, value, _ in config_values(manifest)]),
        keys=keys,
        shares=any(entry.config.resources for each in entries for entry in each.entries),
        key_place=_key_place(manifest, *(("data", keys[0]) if keys else ("metadata", "name"))),
    )


def _keys(manifest: Manifest) -> tuple[str, ...]:
    data = manifest.get("data")
    return tuple(sorted(data)) if isinstance(data, Mapping) else ()


def _key_place(manifest: Manifest, *path: str) -> Place:
    return manifest.place(*path, token="key")  # noqa: S106 - not a password


def _content(values: Sequence[object]) -> str:
    plugin = any(device_plugin.looks_like(value) and not mig_parted.looks_like(value) for value in values)
    mig = any(mig_parted.looks_like(value) for value in values)
    return {(True, True): "both", (True, False): "device-plugin", (False, True): "mig", (False, False): "other"}[
        plugin, mig
    ]


def choices(graph: Graph) -> Iterator[Choice]:
    """Defaults of policies and labels of nodes, where the ConfigMap they choose from is in the input."""
    for policy in graph.configurations.policies:
        maps = _plugin_map(graph, policy)
        if maps and policy.plugin_default and not is_placeholder(policy.plugin_default.value):
            yield _choice(
                graph, "default", f"ClusterPolicy {policy.manifest.name}", policy.plugin_default, maps[0], "high"
            )
    for group in graph.nodes.groups:
        label = group.labels.get(PLUGIN_CONFIG_LABEL)
        governing = {
            id(c.governed.policy): c.governed.policy for c in graph.nodes.candidates(group) if c.governed.policy
        }
        if not label or is_placeholder(label.value) or len(governing) != 1:
            continue
        maps = _plugin_map(graph, next(iter(governing.values())))
        if maps:
            setting = Setting(label.value, label.place)
            tied = any(candidate.governed.tied for candidate in graph.nodes.candidates(group))
            yield _choice(graph, "label", f"{group.kind} {group.name}", setting, maps[0], "medium" if tied else "high")


def _plugin_map(graph: Graph, policy: Policy) -> tuple[Manifest, ...]:
    """The one ConfigMap that a policy's device-plugin config means, unless it is a mig-parted file."""
    name = policy.plugin_config
    if not name or not policy.plugin_enabled:
        return ()
    maps = named_config_maps(name.value, policy.manifest, graph.configurations.config_maps)
    if len(maps) != 1 or any(mig_parted.looks_like(value) for _, value, _ in config_values(maps[0])):
        return ()
    return maps


def _choice(graph: Graph, by: str, who: str, setting: Setting, manifest: Manifest, confidence: str) -> Choice:
    keys = _keys(manifest)
    return Choice(
        cluster=graph.scope.name,
        by=by,
        who=who,
        key=setting.value,
        map_name=manifest.name,
        keys=keys,
        found=setting.value in keys,
        confidence=confidence,
        place=setting.place,
        map_place=_key_place(manifest, "data"),
    )


def conflicts(graph: Graph) -> Iterator[Conflict]:
    """Configs with both strategies, and nodes that the same author labels twice."""
    for config_map in graph.configurations.plugin_maps:
        for entry in config_map.entries:
            config = entry.config
            if config.both_strategies:
                yield Conflict(
                    cluster=graph.scope.name,
                    kind="both-strategies",
                    subject=f"'{entry.key}' of ConfigMap {config_map.manifest.name}",
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
                    subject=f"{group.kind} {group.name}",
                    first=f"{twice.key}={twice.first.value}",
                    second=f"{twice.key}={twice.second.value}",
                    place=twice.second.place,
                    other_place=twice.first.place,
                )
