"""Whether the nodes of a request advertise its resource under another name, with or without `.shared`."""

from __future__ import annotations

from collections.abc import Sequence

from gpulint.frozen import frozen
from gpulint.graph.configs import PluginEntry
from gpulint.graph.landing import Candidate
from gpulint.manifest import Place

_SUFFIX = ".shared"


@frozen
class Renaming:
    """The other name that every candidate advertises, while none has the one that is asked for."""

    name: str
    """Empty when some candidate has, or may have, the resource by the name that is asked for."""
    place: Place
    """Where the name is decided."""
    told: str
    """What stands there, for a message."""


def renaming(name: str, found: Sequence[Candidate], place: Place) -> Renaming:
    """What the candidates advertise instead of `name`; `place` is that of the request."""
    other = name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else f"{name}{_SUFFIX}"
    if not found or not all(_has_only(candidate, other, name) for candidate in found):
        return Renaming("", place, "")
    return _decided(found[0], other, place)


def _has_only(candidate: Candidate, other: str, name: str) -> bool:
    """Whether the nodes advertise `other`, and nothing can make them advertise `name`."""
    if candidate.offers.get(name) or not candidate.offers.get(other):
        return False
    governed = candidate.governed
    if _is_listed(candidate):
        return True
    if governed.entry is None:  # an operator without any configuration renames nothing
        return governed.origin == "fallback" and governed.installer is not None and not governed.installer.plugin_config
    if candidate.declared or governed.origin == "label" or governed.configs is None:
        return True
    return not any(_may_advertise(entry, name) for entry in governed.configs.entries)


def _is_listed(candidate: Candidate) -> bool:
    """Whether the cluster itself says what the nodes advertise."""
    return candidate.group.exported and bool(candidate.group.allocatable)


def _may_advertise(entry: PluginEntry, name: str) -> bool:
    """Whether nodes that somebody labels with the entry have the resource by that name."""
    config = entry.config
    plain = name.removesuffix(_SUFFIX)
    renamed = {shared.name: shared.advertised for shared in config.resources}
    return config.refused or config.unknown or renamed.get(plain, plain) == name


def _decided(candidate: Candidate, name: str, place: Place) -> Renaming:
    entry, installer = candidate.governed.entry, candidate.governed.installer
    if _is_listed(candidate):
        return Renaming(name, candidate.group.place, "this node lists what it advertises")
    if entry is not None and entry.config.sharing_path:
        told = "this renames it" if name.endswith(_SUFFIX) else "this shares under the plain name"
        return Renaming(name, entry.at(entry.config.sharing_path, key=True), told)
    if entry is not None:
        return Renaming(name, entry.place, "this configuration shares nothing")
    where = installer.plugin_config.place if installer else place
    return Renaming(name, where, "no device-plugin configuration is named that would rename it")
