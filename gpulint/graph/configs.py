"""GPU configuration in the input: device-plugin and mig-parted ConfigMaps, and the policies that name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gpulint.gpu import device_plugin, mig_parted
from gpulint.gpu.device_plugin import DevicePluginConfig
from gpulint.gpu.mig_parted import MigPartedConfig
from gpulint.manifest import Manifest, Place
from gpulint.source import Path

MIG_CONFIG_KEY = "config.yaml"
"""The one key the MIG manager reads (gpu-operator controllers/object_controls.go, TransformMIGManager)."""


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """One device-plugin configuration: the value of one key of a ConfigMap."""

    key: str
    config: DevicePluginConfig
    place: Place
    """The value of the key."""

    def at(self, path: Path, *, key: bool = False) -> Place:
        """A place inside the configuration."""
        return replace(self.place, inner=path, token="key" if key else "value")


@dataclass(frozen=True, slots=True)
class PluginConfigMap:
    """A ConfigMap whose values are device-plugin configurations, one per key."""

    manifest: Manifest
    entries: tuple[PluginEntry, ...]

    def entry(self, key: str) -> PluginEntry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


@dataclass(frozen=True, slots=True)
class MigConfigMap:
    """A mig-parted file in a key of a ConfigMap."""

    manifest: Manifest
    key: str
    config: MigPartedConfig
    place: Place

    def at(self, path: Path, *, key: bool = False) -> Place:
        return replace(self.place, inner=path, token="key" if key else "value")


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of a policy: its value, empty when it is not set, and the place of the value or of where it would be."""

    value: str
    place: Place

    def __bool__(self) -> bool:
        return bool(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """An NVIDIA GPU Operator ClusterPolicy (nvidia.com/v1)."""

    manifest: Manifest
    mig_strategy: Setting
    plugin_config: Setting
    plugin_default: Setting
    mig_config: Setting
    plugin_enabled: bool


def policies(manifests: Iterable[Manifest]) -> tuple[Policy, ...]:
    """Every ClusterPolicy of the GPU Operator (not: of another project with that kind)."""
    return tuple(_policy(each) for each in manifests if each.kind == "ClusterPolicy" and each.group == "nvidia.com")


def _policy(manifest: Manifest) -> Policy:
    return Policy(
        manifest,
        mig_strategy=_setting(manifest, "spec", "mig", "strategy"),
        plugin_config=_setting(manifest, "spec", "devicePlugin", "config", "name"),
        plugin_default=_setting(manifest, "spec", "devicePlugin", "config", "default"),
        mig_config=_setting(manifest, "spec", "migManager", "config", "name"),
        plugin_enabled=manifest.get("spec", "devicePlugin", "enabled") is not False,
    )


def _setting(manifest: Manifest, *path: str) -> Setting:
    value = manifest.get(*path)
    return Setting(value if isinstance(value, str) else "", manifest.place(*path))


def plugin_config_maps(config_maps: Iterable[Manifest], named: frozenset[str]) -> tuple[PluginConfigMap, ...]:
    """The ConfigMaps that hold device-plugin configurations: by their content, or because a policy names them.

    A value that is a mig-parted file is left out: whoever names it as a device-plugin configuration is wrong.
    """
    found = []
    for manifest in config_maps:
        entries = tuple(_plugin_entries(manifest, wanted=manifest.name in named))
        if entries:
            found.append(PluginConfigMap(manifest, entries))
    return tuple(found)


def _plugin_entries(manifest: Manifest, *, wanted: bool) -> Iterator[PluginEntry]:
    values = list(config_values(manifest))
    if not any(device_plugin.looks_like(data) for _, data, _ in values) and not wanted:
        return
    for key, data, place in values:
        if not mig_parted.looks_like(data) and (wanted or device_plugin.looks_like(data) or _is_plain_version(data)):
            yield PluginEntry(key, device_plugin.parse(data), place)


def _is_plain_version(data: object) -> bool:
    """True for `version: v1` alone or an empty value: the configuration that shares nothing."""
    return data is None or (isinstance(data, Mapping) and set(data) <= {"version", "flags"})


def mig_config_maps(config_maps: Iterable[Manifest]) -> tuple[MigConfigMap, ...]:
    """The mig-parted files in ConfigMaps, whatever their key."""
    return tuple(
        MigConfigMap(manifest, key, mig_parted.parse(data), place)
        for manifest in config_maps
        for key, data, place in config_values(manifest)
        if mig_parted.looks_like(data)
    )


def config_values(manifest: Manifest) -> Iterator[tuple[str, object, Place]]:
    """Key, embedded YAML as plain data, and place of each value of a ConfigMap; values that are no YAML are left out."""
    data = manifest.get("data")
    if not isinstance(data, Mapping):
        return
    for key, value in data.items():
        if not isinstance(value, str):
            continue
        place = manifest.place("data", key)
        embedded = place.document.embedded(place.path)
        if embedded is not None and embedded.node() is not None:
            yield key, embedded.data(), place
        elif not value.strip():
            yield key, None, place
