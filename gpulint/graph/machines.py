"""Nodes by the configuration of their machines: Talos and its tools, k3s and RKE2, cluster-toolkit."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from gpulint.frozen import frozen
from gpulint.graph.node_group import INSTANCE_TYPE, Label, NodeGroup, with_hardware
from gpulint.graph.pools import accelerated, gke_labels
from gpulint.kube.pools import read_accelerator, read_labels, read_taints
from gpulint.kube.selectors import LabelSet
from gpulint.kube.tree import get, integer, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Place
from gpulint.source import Document, Path, Source


def machine_groups(sources: Iterable[Source]) -> Iterator[NodeGroup]:
    """The nodes that configurations of machines tell of."""
    for source in sources:
        if source.role == "machines":
            for document in source.documents():
                data = mapping(document.data())
                for reader in _READERS:
                    yield from reader(_Settings(document, data))


@frozen
class _Settings:
    """A document, or YAML in a string of one."""

    document: Document
    data: Mapping[str, object]
    outer: Path | None = None
    """The string that holds it."""

    def place(self, path: Path) -> Place:
        if self.outer is None:
            return Place(self.document, path)
        return Place(self.document, self.outer, (path,))

    @property
    def stem(self) -> str:
        """The name of the file."""
        return posixpath.splitext(posixpath.basename(self.document.source.path))[0]


def _talos(settings: _Settings) -> Iterator[NodeGroup]:
    """A machine configuration, or a patch of one (siderolabs/talos pkg/machinery/config/types/v1alpha1)."""
    yield from _machine(settings, (), _host_name(settings), "Talos machine", otherwise="Talos patch")


def _host_name(settings: _Settings) -> str:
    """In the configuration, or in a document of its own in the same file."""
    name = text(get(settings.data, ("machine", "network", "hostname")))
    for document in settings.document.source.documents() if not name and settings.outer is None else ():
        if document.kind == "HostnameConfig":
            name = text(mapping(document.data()).get("hostname"))
    return name


def _machine(settings: _Settings, path: Path, name: str, called: str, *, otherwise: str) -> Iterator[NodeGroup]:
    machine = (*path, "machine")
    yield from _labelled(
        settings,
        (*machine, "nodeLabels"),
        (*machine, "nodeTaints"),
        name=name or settings.stem,
        called=called if name else otherwise,
    )


def _omni_template(settings: _Settings) -> Iterator[NodeGroup]:
    """The patches of a set of machines in a cluster template of Omni."""
    found: NodeGroup | None = None
    for index, _ in mappings(settings.data.get("patches")):
        for group in _machine(settings, ("patches", index, "inline"), "", "", otherwise="Talos patch"):
            found = _together(found, group) if found else group
    if found:
        yield replace(found, name=text(settings.data.get("name")) or found.name)


def _together(one: NodeGroup, other: NodeGroup) -> NodeGroup:
    labels = {**one.labels, **other.labels}
    possible = LabelSet.of({key: label.value for key, label in labels.items()})
    return with_hardware(replace(one, labels=labels, possible=possible, taints=(*one.taints, *other.taints)))


def _omni_patch(settings: _Settings) -> Iterator[NodeGroup]:
    """A patch as Omni stores it: YAML in a string."""
    if not text(get(settings.data, ("metadata", "type"))).startswith("ConfigPatches.omni."):
        return
    path: Path = ("spec", "data")
    embedded = settings.document.embedded(path)
    inner = _Settings(settings.document, mapping(embedded.data()) if embedded else {}, path)
    for group in _machine(inner, (), "", "", otherwise="Talos patch"):
        yield replace(group, name=text(get(settings.data, ("metadata", "id"))) or group.name)


def _talhelper(settings: _Settings) -> Iterator[NodeGroup]:
    """The nodes of a talconfig.yaml (budimanjojo/talhelper pkg/config)."""
    if "talosVersion" not in settings.data and "clusterName" not in settings.data:
        return
    for index, node in mappings(settings.data.get("nodes")):
        path: Path = ("nodes", index)
        yield from _labelled(
            settings,
            (*path, "nodeLabels"),
            (*path, "nodeTaints"),
            name=text(node.get("hostname")),
            called="Talos machine",
        )


def _k3s(settings: _Settings) -> Iterator[NodeGroup]:
    """The configuration file of k3s or RKE2."""
    name = text(settings.data.get("node-name"))
    yield from _labelled(
        settings, ("node-label",), ("node-taint",), name=name or settings.stem, called="k3s configuration"
    )


def _labelled(settings: _Settings, labels: Path, taints: Path, *, name: str, called: str) -> Iterator[NodeGroup]:
    found = read_labels(get(settings.data, labels), labels)
    tainted = read_taints(get(settings.data, taints))
    if found or tainted:
        written = {key: Label(label.text, settings.place(label.path)) for key, label in found.items()}
        place = settings.place(labels if found else taints)
        yield with_hardware(
            NodeGroup(
                name=name,
                kind=called,
                place=replace(place, token="key"),
                source=settings.document.source,
                labels=written,
                possible=LabelSet.of({key: label.value for key, label in written.items()}),
                taints=tainted,
            )
        )


def _blueprint(settings: _Settings) -> Iterator[NodeGroup]:
    """The GKE node pools of a blueprint of cluster-toolkit (modules/compute/gke-node-pool)."""
    for group_index, group in mappings(settings.data.get("deployment_groups")):
        for index, module in mappings(group.get("modules")):
            if posixpath.basename(text(module.get("source"))) == "gke-node-pool":
                path: Path = ("deployment_groups", group_index, "modules", index)
                yield _node_pool(settings, path, module)


def _node_pool(settings: _Settings, path: Path, module: Mapping[str, object]) -> NodeGroup:
    given = mapping(module.get("settings"))
    at: Path = (*path, "settings")
    name = text(given.get("name")) or text(module.get("id"))
    found = [
        read_accelerator(item, (*at, "guest_accelerator", index))
        for index, item in mappings(given.get("guest_accelerator"))
    ]
    labels = {
        key: Label(label.text, settings.place(label.path))
        for key, label in read_labels(given.get("kubernetes_labels"), (*at, "kubernetes_labels")).items()
    }
    for accelerator in found:
        labels.update(gke_labels(accelerator, settings.place))
    machine = text(given.get("machine_type"))
    if machine and not is_placeholder(machine):
        labels[INSTANCE_TYPE] = Label(machine, settings.place((*at, "machine_type")))
    count = integer(given.get("static_node_count"))
    pool = NodeGroup(
        name=name,
        kind="node pool",
        place=settings.place((*path, "id")),
        source=settings.document.source,
        labels=labels,
        possible=LabelSet.of({key: label.value for key, label in labels.items()}),
        taints=read_taints([item for item in sequence(given.get("taints")) if isinstance(item, Mapping)]),
        count=-1 if count is None else count,
        most=-1 if count is None else count,
    )
    return accelerated(with_hardware(pool, [machine] if machine else []), found)


_READERS: tuple[Callable[[_Settings], Iterator[NodeGroup]], ...] = (
    _talos,
    _talhelper,
    _omni_template,
    _omni_patch,
    _k3s,
    _blueprint,
)
