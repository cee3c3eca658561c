"""The ConfigMaps that installers name, and the configurations that a DaemonSet does not take as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gpulint.facts.operator.rivals import togetherness
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu import device_plugin, mig_parted, operator
from gpulint.graph import Graph
from gpulint.graph.configs import Holder
from gpulint.graph.installers import Installer, Setting
from gpulint.graph.kustomize import builds
from gpulint.kube.tree import is_placeholder, mappings, text
from gpulint.manifest import Place


@frozen
class Reference:
    """A ConfigMap that an installer names for the device plugin or the MIG manager."""

    cluster: str
    installer: str
    """`ClusterPolicy gpu-cluster-policy`."""
    installer_kind: str
    """`operator`, `chart` or `daemonset`."""
    role: str
    """`device-plugin` or `mig`."""
    name: str
    namespace: str
    """Where it must be: that of the operator, release or DaemonSet; empty when unknown."""
    status: str
    """`found`, `elsewhere` (in another namespace only) or `absent`."""
    other_namespace: str
    """Where it is instead."""
    similar: str
    """A ConfigMap of the input that may be meant; empty without one."""
    breaks: str
    """Why DaemonSets that mount it are refused: `no-label`, `own-volume`, or empty."""
    confidence: str
    """How sure the status is."""
    place: Place
    other_place: Place
    """The ConfigMap that is elsewhere, or may be meant."""


_NEAR = 2
"""Edits that still make two names nearly the same."""


def references(graph: Graph) -> Iterator[Reference]:
    """Every ConfigMap that an installer names, but those that the operator makes itself."""
    for installer in graph.configurations.installers:
        if installer.plugin_enabled:
            yield from _reference(graph, installer, "device-plugin", installer.plugin_config, installer.plugin_holder)
        if installer.kind == "operator" and installer.section.get("migManager", "enabled") is not False:
            yield from _reference(graph, installer, "mig", installer.mig_config, installer.mig_holder)


def _reference(
    graph: Graph, installer: Installer, role: str, setting: Setting, own: Holder | None
) -> Iterator[Reference]:
    name = setting.value
    if not name or is_placeholder(name) or name in operator.OPERATOR_CONFIG_MAPS:
        return
    named = [holder for holder in graph.configurations.holders if _is_named(graph, holder, name)]
    suiting = [holder for holder in graph.configurations.holders if _suits(holder, role) and not holder.of_release]
    elsewhere = [holder for holder in named if _is_elsewhere(holder, installer)]
    similar = _similar(name, suiting)
    status = "found"
    if own is None and not named and not _is_made_by_script(graph, name):
        status = "absent"
    elif own is None and named and len(elsewhere) == len(named):
        status = "elsewhere"
    other = elsewhere[0] if elsewhere else similar
    yield Reference(
        cluster=graph.scope.name,
        installer=installer.label,
        installer_kind=installer.kind,
        role=role,
        name=name,
        namespace=installer.namespace,
        status=status,
        other_namespace=elsewhere[0].namespace if elsewhere else "",
        similar=similar.name if similar else "",
        breaks=operator.breaks_daemonset(name) if role == "device-plugin" and installer.kind == "operator" else "",
        confidence=_reference_confidence(graph, installer, role, status, name, suiting),
        place=setting.place,
        other_place=other.name_place if other else setting.place,
    )


def _is_named(graph: Graph, holder: Holder, name: str) -> bool:
    """Kustomize puts prefixes and suffixes to the names of ConfigMaps, and not into the fields of custom resources."""
    if holder.name == name or is_placeholder(holder.name):
        return True
    renamed = holder.name and holder.name in name and (name.startswith(holder.name) or name.endswith(holder.name))
    return bool(renamed) and any(
        f"name{affix}" in source.text
        for source in graph.scope.sources
        if source.role == "kustomization"
        for affix in ("Prefix", "Suffix")
    )


def _is_elsewhere(holder: Holder, installer: Installer) -> bool:
    where = (holder.namespace, installer.namespace)
    return all(where) and not any(map(is_placeholder, where)) and holder.namespace != installer.namespace


def _suits(holder: Holder, role: str) -> bool:
    looks_like = device_plugin.looks_like if role == "device-plugin" else mig_parted.looks_like
    return any(looks_like(value) for _, value, _ in holder.values())


def _similar(name: str, suiting: Sequence[Holder]) -> Holder | None:
    """The one with nearly the same name, else the only one there is."""
    near = [holder for holder in suiting if holder.name and _is_near(holder.name, name)]
    return near[0] if near else suiting[0] if len({holder.name for holder in suiting}) == 1 else None


def _is_near(one: str, other: str) -> bool:
    """Whether at most two letters are inserted, removed or replaced (Levenshtein's distance, row by row)."""
    if abs(len(one) - len(other)) > _NEAR:
        return False
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        above, row = row, [count]
        for column, another in enumerate(other, 1):
            row.append(min(row[-1] + 1, above[column] + 1, above[column - 1] + (letter != another)))
    return row[-1] <= _NEAR


def _is_made_by_script(graph: Graph, name: str) -> bool:
    return any(name in source.text for source in graph.scope.sources if source.role == "shell")


def _reference_confidence(
    graph: Graph, installer: Installer, role: str, status: str, name: str, suiting: Sequence[Holder]
) -> Confidence:
    """Policies and the ConfigMaps of their device plugin are kept together, those of the MIG manager mostly are not."""
    if graph.spaces["device-plugin-configs" if role == "device-plugin" else "mig-configs"] == "complete":
        return "high"
    if status != "absent" or any(_is_near(holder.name, name) for holder in suiting):
        return "medium"
    evident = role == "device-plugin" and installer.kind == "operator" and installer.installs and bool(suiting)
    return "medium" if evident else "low"


# --- configurations that a DaemonSet does not take --------------------------------------------------------------------


@frozen
class Unread:
    """A device-plugin configuration with sharing that a DaemonSet does not give to the plugin as a file."""

    cluster: str
    installer: str
    """`DaemonSet nvidia-device-plugin`."""
    how: str
    """`variables` (the ConfigMap becomes environment variables), `mounted` (but no file is named) or `unused`."""
    holder: str
    """`ConfigMap time-slicing-config`."""
    key: str
    """The entry with sharing."""
    mounted_at: str
    """The folder in the container, where it is mounted."""
    confidence: str
    place: Place
    """What takes it the wrong way; for `unused` the image of the plugin."""
    holder_place: Place


def unread_configs(graph: Graph) -> Iterator[Unread]:
    """One fact per DaemonSet and ConfigMap."""
    holders = graph.configurations.holders
    taken = {installer.plugin_config.value for installer in graph.configurations.installers}
    found = builds(graph.scope.sources)
    for installer in graph.configurations.installers:
        if installer.kind != "daemonset" or installer.plugin_config or installer.plugin_default:
            continue
        if _names_file(installer):
            continue
        sharing = [holder for holder in holders if _shared_key(graph, holder)]
        said = [each for holder in sharing for each in _wrong_ways(graph, installer, holder)]
        yield from said
        alone = all(each.kind == "daemonset" for each in graph.configurations.installers)
        for holder in sharing if alone and not said else ():
            if holder.name in taken:
                continue
            together = togetherness(graph, found, installer.place, holder.name_place)
            if together != "low" and not _is_elsewhere(holder, installer):
                yield _unread(
                    graph, installer, "unused", holder, installer.section.place(*installer.container, "image")
                )


def _names_file(installer: Installer) -> bool:
    """Whether the plugin is told of a file, wherever that comes from, or takes variables that are not known here."""
    section, path = installer.section, installer.container
    words = [text(word) for field in ("command", "args") for _, word in _items(section.get(*path, field))]
    variables = {text(entry.get("name")) for _, entry in mappings(section.get(*path, "env"))}
    return "CONFIG_FILE" in variables or any("config-file" in word for word in words)


def _items(value: object) -> Iterable[tuple[int, object]]:
    return enumerate(value if isinstance(value, list) else ())


def _shared_key(graph: Graph, holder: Holder) -> str:
    entries = [each for each in graph.configurations.plugin_configs if each.holder is holder]
    return next((entry.key for each in entries for entry in each.entries if entry.config.resources), "")


def _wrong_ways(graph: Graph, installer: Installer, holder: Holder) -> Iterator[Unread]:
    section, path = installer.section, installer.container
    for index, entry in mappings(section.get(*path, "envFrom")):
        if section.get(*path, "envFrom", index, "configMapRef", "name") == holder.name and entry:
            place = section.place(*path, "envFrom", index, "configMapRef", "name")
            yield _unread(graph, installer, "variables", holder, place)
    for index, _ in mappings(section.get(*path, "env")):
        reference = (*path, "env", index, "valueFrom", "configMapKeyRef", "name")
        if section.get(*reference) == holder.name:
            yield _unread(graph, installer, "variables", holder, section.place(*reference))
    for index, volume in mappings(section.get("volumes")):
        mounts = [mount for _, mount in mappings(section.get(*path, "volumeMounts"))]
        at = [text(mount.get("mountPath")) for mount in mounts if mount.get("name") == volume.get("name")]
        if at and section.get("volumes", index, "configMap", "name") == holder.name:
            place = section.place("volumes", index, "configMap", "name")
            yield _unread(graph, installer, "mounted", holder, place, mounted_at=at[0])


def _unread(
    graph: Graph, installer: Installer, how: str, holder: Holder, place: Place, *, mounted_at: str = ""
) -> Unread:
    return Unread(
        cluster=graph.scope.name,
        installer=installer.label,
        how=how,
        holder=holder.label,
        key=_shared_key(graph, holder),
        mounted_at=mounted_at,
        confidence="medium" if how == "unused" else "high",
        place=place,
        holder_place=holder.data.place(_shared_key(graph, holder), key=True),
    )
