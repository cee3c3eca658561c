"""What a repository declares as nodes: objects, machine configurations and command lines of scripts, merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from gpulint.graph.machines import machine_groups
from gpulint.graph.node_group import (
    GKE_ACCELERATOR,
    INSTANCE_TYPE,
    PRODUCT,
    SCRIPTED,
    Label,
    NodeGroup,
    Relabelled,
    folder_of,
    with_hardware,
)
from gpulint.graph.node_scripts import (
    LabelLine,
    TaintLine,
    created_groups,
    label_lines,
    taint_lines,
)
from gpulint.graph.pools import conditional_labels, declared_groups
from gpulint.graph.scope import nearest
from gpulint.kube.selectors import LabelSet
from gpulint.kube.taints import Taint
from gpulint.manifest import Manifest, Place
from gpulint.source import Source


def node_groups(manifests: Iterable[Manifest], sources: Iterable[Source]) -> tuple[NodeGroup, ...]:
    """Every declared node and pool, in the order of the input; lines of scripts are merged into the nodes they name."""
    sources = tuple(sources)
    scripts = [source for source in sources if source.role == "shell"]
    groups = [
        *declared_groups(tuple(manifests)),
        *machine_groups(sources),
        *(group for source in scripts for group in created_groups(source)),
    ]
    labelled = _Merged(groups)
    for source in scripts:
        for line in label_lines(source):
            labelled.label(line)
        for taint in taint_lines(source):
            labelled.taint(taint)
    return tuple(labelled.groups())


class _Merged:
    """The groups with what scripts make of them, and one more for each node that only scripts speak of."""

    def __init__(self, groups: Sequence[NodeGroup]) -> None:
        self._groups = dict(enumerate(groups))
        self._nodes: dict[str, list[int]] = {}
        self._scripted: dict[str, NodeGroup] = {}
        for index, group in self._groups.items():
            if group.kind in _NODES:
                self._nodes.setdefault(group.name, []).append(index)

    def groups(self) -> Iterator[NodeGroup]:
        yield from self._groups.values()
        yield from self._scripted.values()

    def label(self, line: LabelLine) -> None:
        for name, place in _targets(line):
            declared = self._declared(name, line.source)
            for index in declared:
                self._groups[index] = _labelled(self._groups[index], line)
            if not declared:
                key = name if _is_plain(name) else f"{name} {line.source.path} {place.extent}"
                known = self._scripted.get(key) or NodeGroup(name, SCRIPTED, place, line.source, {}, LabelSet.of({}))
                self._scripted[key] = _labelled(known, line)

    def taint(self, line: TaintLine) -> None:
        """Of nodes that something else speaks of: a taint alone tells of no GPU."""
        for word in line.names:
            name = word.text.rpartition("/")[2]
            for index in self._declared(name, line.source):
                self._groups[index] = _tainted(self._groups[index], line)
            if name in self._scripted:
                self._scripted[name] = _tainted(self._scripted[name], line)

    def _declared(self, name: str, source: Source) -> tuple[int, ...]:
        found = self._nodes.get(name, [])
        return nearest(folder_of(source), found, lambda index: self._groups[index].folder).items


_NODES = frozenset({"Node", "NodeFeature", "Talos machine"})
"""Kinds whose name is that of one node."""


def _targets(line: LabelLine) -> list[tuple[str, Place]]:
    """The nodes that a line labels, with their places; one stand-in where a selector chooses them."""
    if line.names:
        return [(word.text.rpartition("/")[2], Place.at(line.source, word.start, word.end)) for word in line.names]
    return [("nodes of the script", label.place) for _, label in line.labels[:1]]


def _is_plain(name: str) -> bool:
    return " " not in name and "$" not in name


def _labelled(group: NodeGroup, line: LabelLine) -> NodeGroup:
    added = dict(line.labels)
    again = tuple(
        Relabelled(key, group.labels[key], label)
        for key, label in line.labels
        if not line.overwrite
        and key not in line.removed
        and key in group.labels
        and group.labels[key].value != label.value
    )
    labels = {**{key: label for key, label in group.labels.items() if key not in line.removed}, **added}
    possible = LabelSet.of({key: label.value for key, label in labels.items()}, closed=group.exported)
    if group.exported:  # the cluster's own word counts for more than a script
        return replace(group, relabelled=group.relabelled + again)
    return with_hardware(replace(group, labels=labels, possible=possible, relabelled=group.relabelled + again))


def _tainted(group: NodeGroup, line: TaintLine) -> NodeGroup:
    if group.exported:
        return group
    left = tuple(taint for taint in group.taints if not any(_removes(each, taint) for each in line.removed))
    kept = tuple(taint for taint in left if not any(_same(taint, each) for each in line.taints))
    return with_hardware(replace(group, taints=(*kept, *line.taints)))


def _removes(removed: Taint, taint: Taint) -> bool:
    return removed.key == taint.key and removed.effect in {"", taint.effect}


def _same(one: Taint, other: Taint) -> bool:
    return (one.key, one.effect) == (other.key, other.effect)


__all__ = [
    "GKE_ACCELERATOR",
    "INSTANCE_TYPE",
    "PRODUCT",
    "SCRIPTED",
    "Label",
    "LabelLine",
    "NodeGroup",
    "Relabelled",
    "conditional_labels",
    "label_lines",
    "node_groups",
    "taint_lines",
    "with_hardware",
]
