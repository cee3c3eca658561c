"""GPU configuration in the input: device-plugin and mig-parted ConfigMaps, and the policies that name them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gpulint.gpu import device_plugin, mig_parted
from gpulint.gpu.device_plugin import DevicePluginConfig
from gpulint.gpu.mig_parted import MigPartedConfig
from gpulint.manifest import Manifest, Place
from gpulint.source import Document, Embedded, Path

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
class Broken:
    """A configuration that is no YAML: the value of one key of a ConfigMap."""

    manifest: Manifest
    key: str
    embedded: Embedded
    place: Place
    """The value of the key."""


@dataclass(frozen=True, slots=True)
class RawConfig:
    """A configuration in a file of its own, which something outside the input puts into a ConfigMap."""

    document: Document
    plugin: DevicePluginConfig | None
    """None for a mig-parted file."""
    mig: MigPartedConfig | None
    """None for a device-plugin file."""

    def at(self, path: Path, *, key: bool = False) -> Place:
        return Place(self.document, path, token="key" if key else "value")


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
    values = [each for each in config_values(manifest) if not mig_parted.looks_like(each[1])]
    evident = any(device_plugin.looks_like(data) for _, data, _ in values)
    if not evident and not wanted:
        return
    for key, data, place in values:
        if (wanted or device_plugin.looks_like(data) or _is_plain_version(data)) if evident else _may_be_meant(data):
            yield PluginEntry(key, device_plugin.parse(data), place)


def _is_plain_version(data: object) -> bool:
    """True for `version: v1` alone or an empty value: the configuration that shares nothing."""
    return data is None or (isinstance(data, Mapping) and set(data) <= {"version", "flags"})


def _may_be_meant(data: object) -> bool:
    """True unless the value is something else: another ConfigMap may have the name that a policy names."""
    return data is None or (isinstance(data, Mapping) and bool(data.keys() & {"version", "flags", "sharing"}))


def mig_config_maps(config_maps: Iterable[Manifest]) -> tuple[MigConfigMap, ...]:
    """The mig-parted files in ConfigMaps, whatever their key."""
    return tuple(
        MigConfigMap(manifest, key, mig_parted.parse(data), place)
        for manifest in config_maps
        for key, data, place in config_values(manifest)
        if mig_parted.looks_like(data)
    )


def broken_values(config_maps: Iterable[Manifest], operators: Iterable[Policy]) -> Iterator[Broken]:
    """Values that are meant as a configuration, by who names their ConfigMap or by what they say, and are no YAML."""
    operators = tuple(operators)
    plugin = frozenset(each.plugin_config.value for each in operators)
    mig = frozenset(each.mig_config.value for each in operators)
    for manifest in config_maps:
        data = manifest.get("data")
        for key, value in data.items() if isinstance(data, Mapping) else ():
            if not isinstance(value, str) or _TEMPLATE.search(value):
                continue
            named = manifest.name in plugin or (manifest.name in mig and key == MIG_CONFIG_KEY)
            if not named and not _EVIDENCE.search(value):
                continue
            place = manifest.place("data", key)
            embedded = place.document.embedded(place.path)
            if embedded is not None and embedded.node() is None and embedded.problems():
                yield Broken(manifest, key, embedded, place)


_TEMPLATE = re.compile(r"\{\{|\{%|\$\{")
_EVIDENCE = re.compile(r"(?m)^\s*(?:timeSlicing|mig-configs)\s*:")


def raw_configs(documents: Iterable[Document]) -> Iterator[RawConfig]:
    """Documents that are no Kubernetes objects but device-plugin or mig-parted files."""
    for document in documents:
        if document.kind or document.api_version:
            continue
        data = document.data()
        if mig_parted.looks_like(data):
            yield RawConfig(document, None, mig_parted.parse(data))
        elif isinstance(data, Mapping) and data.keys() & {"sharing", "flags"} and device_plugin.looks_like(data):
            yield RawConfig(document, device_plugin.parse(data), None)


def config_values(manifest: Manifest) -> Iterator[tuple[str, object, Place]]:
    """Key, embedded YAML as plain data, and place of each value of a ConfigMap; without values that are no YAML."""
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
