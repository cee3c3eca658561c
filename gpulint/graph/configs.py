"""Device-plugin and mig-parted files in the input: in ConfigMaps, in chart values, or on their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gpulint.frozen import frozen
from gpulint.gpu import device_plugin, mig_parted
from gpulint.gpu.device_plugin import DevicePluginConfig
from gpulint.gpu.mig_parted import MigPartedConfig
from gpulint.graph.kustomize import generated
from gpulint.graph.patches import patches
from gpulint.graph.section import Section
from gpulint.manifest import Manifest, Place
from gpulint.source import Document, Embedded, Path, Source, Token

MIG_CONFIG_KEY = "config.yaml"
"""The one key the MIG manager reads (gpu-operator controllers/object_controls.go, TransformMIGManager)."""


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """Texts by key: a ConfigMap, a kustomization's entry, or a map in chart values, of which one is made."""

    name: str
    """Of the ConfigMap; empty where the chart gives it one."""
    label: str
    """`ConfigMap time-slicing-config`, `config.map of HelmRelease nvidia-device-plugin`."""
    folder: str
    namespace: str
    """Empty when unknown."""
    data: Section
    name_place: Place
    of_release: bool = False
    """True for a map in the values of a chart, which nothing else can name."""
    complete: bool = True
    """False where it has keys that are not read."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(self.data.data))

    def values(self) -> Iterator[tuple[str, object, Place]]:
        """Key, embedded YAML as plain data, and place of each value; without values that are no YAML."""
        for key, value in self.data.data.items():
            place = self.data.place(key)
            if isinstance(value, Mapping):  # some charts take the file as values instead of text
                yield key, value, place
            if not isinstance(value, str):
                continue
            embedded = place.embedded()
            if embedded is not None and embedded.node() is not None:
                yield key, embedded.data(), place
            elif not value.strip():
                yield key, None, place

    def is_text(self, key: str) -> bool:
        return isinstance(self.data.data.get(key), str)


@frozen
class Text:
    """A file in a value of a holder."""

    place: Place
    """The value."""
    is_text: bool
    """False where the value is the file's mapping itself."""

    def at(self, path: Path, *, key: bool = False) -> Place:
        """A place inside the file."""
        token: Token = "key" if key else "value"
        return self.place.into(path, token) if self.is_text else self.place.below(*path, token=token)


@frozen
class PluginEntry:
    """One device-plugin configuration: the value of one key."""

    key: str
    config: DevicePluginConfig
    text: Text

    @property
    def place(self) -> Place:
        """The value of the key."""
        return self.text.place

    def at(self, path: Path, *, key: bool = False) -> Place:
        """A place inside the configuration."""
        return self.text.at(path, key=key)


@frozen
class PluginConfigs:
    """Device-plugin configurations of one holder, one per key."""

    holder: Holder
    entries: tuple[PluginEntry, ...]

    def entry(self, key: str) -> PluginEntry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


@frozen
class MigFile:
    """A mig-parted file in a key of a holder."""

    holder: Holder
    key: str
    config: MigPartedConfig
    text: Text

    @property
    def place(self) -> Place:
        return self.text.place

    def at(self, path: Path, *, key: bool = False) -> Place:
        return self.text.at(path, key=key)


@frozen
class Broken:
    """A configuration that is no YAML: the value of one key."""

    holder: Holder
    key: str
    embedded: Embedded
    place: Place
    """The value of the key."""


@frozen
class LooseConfig:
    """A configuration that something else puts into a ConfigMap: a file of its own, a value of a Kustomize patch."""

    label: str
    """`file mig.yaml`, `'any' of a patch in overlays/prod/slices.yaml`."""
    text: Text
    plugin: DevicePluginConfig | None
    """None for a mig-parted file."""
    mig: MigPartedConfig | None
    """None for a device-plugin file."""

    def at(self, path: Path, *, key: bool = False) -> Place:
        return self.text.at(path, key=key)


def config_map_holders(config_maps: Iterable[Manifest], namespaces: Mapping[str, str]) -> Iterator[Holder]:
    """The ConfigMaps of the input; `namespaces` maps a file to the one that its kustomization gives it."""
    for manifest in config_maps:
        data = manifest.get("data")
        yield Holder(
            name=manifest.name,
            label=f"ConfigMap {manifest.name}",
            folder=manifest.folder(),
            namespace=namespaces.get(manifest.document.source.path, "") or manifest.namespace,
            data=Section(data if isinstance(data, Mapping) else {}, manifest.place("data")),
            name_place=manifest.place("metadata", "name"),
        )


def generated_holders(sources: Sequence[Source]) -> Iterator[Holder]:
    """The ConfigMaps that kustomizations make of files."""
    documents = {source.path: source.documents() for source in sources}
    for each in generated(sources):
        read = {key: documents[path][0] for key, path in each.files.items() if len(documents.get(path, ())) == 1}
        keys = dict.fromkeys((*each.files, *each.others))
        yield Holder(
            name=each.name,
            label=f"ConfigMap {each.name}",
            folder=each.folder,
            namespace=each.namespace,
            data=Section(
                {key: read[key].data() if key in read else None for key in keys},
                each.place,
                elsewhere={(key,): Place(document, ()) for key, document in read.items()},
            ),
            name_place=each.place,
            complete=not each.open,
        )


def plugin_configs(holders: Iterable[Holder], named: frozenset[str]) -> tuple[PluginConfigs, ...]:
    """The holders with device-plugin configurations: by their content, or because an installer names them.

    A value that is a mig-parted file is left out: whoever names it as a device-plugin configuration is wrong.
    """
    found = []
    for holder in holders:
        entries = tuple(_plugin_entries(holder, wanted=holder.of_release or holder.name in named))
        if entries:
            found.append(PluginConfigs(holder, entries))
    return tuple(found)


def _plugin_entries(holder: Holder, *, wanted: bool) -> Iterator[PluginEntry]:
    values = [each for each in holder.values() if not mig_parted.looks_like(each[1])]
    evident = any(device_plugin.looks_like(data) for _, data, _ in values)
    if not evident and not wanted:
        return
    for key, data, place in values:
        if (wanted or device_plugin.looks_like(data) or _is_plain_version(data)) if evident else _may_be_meant(data):
            yield PluginEntry(key, device_plugin.parse(data), Text(place, holder.is_text(key)))


def _is_plain_version(data: object) -> bool:
    """True for `version: v1` alone or an empty value: the configuration that shares nothing."""
    return data is None or (isinstance(data, Mapping) and set(data) <= {"version", "flags"})


def _may_be_meant(data: object) -> bool:
    """True unless the value is something else: another ConfigMap may have the name that an installer names."""
    return data is None or (isinstance(data, Mapping) and bool(data.keys() & {"version", "flags", "sharing"}))


def mig_files(holders: Iterable[Holder]) -> tuple[MigFile, ...]:
    """The mig-parted files, whatever their key."""
    return tuple(
        MigFile(holder, key, mig_parted.parse(data), Text(place, holder.is_text(key)))
        for holder in holders
        for key, data, place in holder.values()
        if mig_parted.looks_like(data)
    )


def broken_values(holders: Iterable[Holder], plugin: frozenset[str], mig: frozenset[str]) -> Iterator[Broken]:
    """Values that are meant as a configuration, by who names their holder or by what they say, and are no YAML.

    `plugin` and `mig` are the names that installers give the device plugin and the MIG manager.
    """
    for holder in holders:
        for key, value in holder.data.data.items():
            if not isinstance(value, str) or _TEMPLATE.search(value):
                continue
            named = holder.name in plugin or (holder.name in mig and key == MIG_CONFIG_KEY)
            if not named and not _EVIDENCE.search(value):
                continue
            place = holder.data.place(key)
            embedded = place.embedded()
            if embedded is not None and embedded.node() is None and embedded.problems():
                yield Broken(holder, key, embedded, place)


_TEMPLATE = re.compile(r"\{\{|\{%|\$\{")
_EVIDENCE = re.compile(r"(?m)^\s*(?:timeSlicing|mig-configs)\s*:")


def raw_configs(documents: Iterable[Document], holders: Iterable[Holder] = ()) -> Iterator[LooseConfig]:
    """Documents that are device-plugin or mig-parted files, and no Kubernetes objects nor files of a holder."""
    held = {place.document for holder in holders for place in (holder.data.elsewhere or {}).values()}
    for document in documents:
        if document.kind or document.api_version or document in held:
            continue
        data = document.data()
        if mig_parted.looks_like(data) or (isinstance(data, Mapping) and data.keys() & {"sharing", "flags"}):
            yield from _loose(f"file {document.source.path}", Text(Place(document, ()), is_text=False), data)


def patched_configs(sources: Iterable[Source]) -> tuple[LooseConfig, ...]:
    """Device-plugin and mig-parted files in values of Kustomize patches, strategic merge and JSON 6902 alike."""
    return _patched_configs(tuple(sources))


@lru_cache(maxsize=2)  # several facts ask about the same input
def _patched_configs(sources: tuple[Source, ...]) -> tuple[LooseConfig, ...]:
    return tuple(_in_patches(sources))


def _in_patches(sources: Iterable[Source]) -> Iterator[LooseConfig]:
    for patch in patches(sources):
        for key, place in patch.texts():
            embedded = place.embedded()
            if embedded is not None and embedded.node() is not None:
                label = f"'{key}' of a patch in {place.document.source.path}"
                yield from _loose(label, Text(place, is_text=True), embedded.data())


def _loose(label: str, text: Text, data: object) -> Iterator[LooseConfig]:
    if mig_parted.looks_like(data):
        yield LooseConfig(label, text, None, mig_parted.parse(data))
    elif device_plugin.looks_like(data):
        yield LooseConfig(label, text, device_plugin.parse(data), None)
