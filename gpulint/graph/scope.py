"""Which objects are of one cluster, and which of several definitions a reference means.

One run sees one cluster unless the configuration says otherwise. Where an identity is defined more than once,
the definition nearest to the one who refers to it counts.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from gpulint.config import Cluster, Config
from gpulint.frozen import frozen
from gpulint.source import Source

T = TypeVar("T")


@frozen
class Scope:
    """The files of one cluster and what is known to be complete about it."""

    name: str
    """Empty for the only cluster of a run without `[[cluster]]` tables."""
    sources: tuple[Source, ...]
    complete: frozenset[str]
    admission_adds_tolerations: bool


def scopes(
    sources: Sequence[Source],
    config: Config,
    root: Path,
    snapshots: Mapping[str, Sequence[Source]] = MappingProxyType({}),
) -> tuple[Scope, ...]:
    """The clusters of a run: those of the configuration, and one for what no `[[cluster]]` names.

    `snapshots` maps a cluster (empty: the only or the unnamed one) to exports of its nodes, which make that space
    complete. Paths of sources are relative to `root`.
    """
    seen = [(config.relative(source.path, root), source) for source in sources] if config.clusters else []
    named = [_scope(cluster, seen, snapshots) for cluster in config.clusters]
    claimed = {id(source) for scope in named for source in scope.sources}
    rest = tuple(source for source in sources if id(source) not in claimed)
    if rest or not named:
        named.append(_with_snapshot(Scope("", rest, frozenset(), admission_adds_tolerations=False), snapshots))
    return tuple(named)


def _scope(cluster: Cluster, sources: Sequence[tuple[str, Source]], snapshots: Mapping[str, Sequence[Source]]) -> Scope:
    inside = tuple(source for path, source in sources if any(_matches(path, pattern) for pattern in cluster.paths))
    scope = Scope(cluster.name, inside, frozenset(cluster.complete), cluster.admission_adds_tolerations)
    return _with_snapshot(scope, snapshots)


def _with_snapshot(scope: Scope, snapshots: Mapping[str, Sequence[Source]]) -> Scope:
    added = snapshots.get(scope.name, ())
    if not added:
        return scope
    exported = {source.path for source in added}
    others = (source for source in scope.sources if source.path not in exported)
    return replace(scope, sources=(*others, *added), complete=scope.complete | {"nodes"})


def _matches(path: str, pattern: str) -> bool:
    return _below(path, pattern) or fnmatch.fnmatchcase(path, pattern)


def _below(path: str, folder: str) -> bool:
    folder = folder.removeprefix("./").rstrip("/")
    return folder in {"", "."} or path == folder or path.startswith(folder + "/")


@frozen
class Nearest(Generic[T]):
    """The definitions a reference means: more than one when the folders do not decide."""

    items: tuple[T, ...]

    @property
    def tied(self) -> bool:
        return len(self.items) > 1


def nearest(folder: str, candidates: Iterable[T], folder_of: Callable[[T], str]) -> Nearest[T]:
    """The candidates whose folder shares the longest path with `folder`; all of them on a tie."""
    ranked = [(_shared(folder, folder_of(candidate)), candidate) for candidate in candidates]
    longest = max((shared for shared, _ in ranked), default=0)
    return Nearest(tuple(candidate for shared, candidate in ranked if shared == longest))


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if left != right or not left:
            break
        count += 1
    return count


def related_folders(one: str, other: str) -> bool:
    """True when one of the two folders is the other or lies above it."""
    return _below(one, other) or _below(other, one)
