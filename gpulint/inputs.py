"""Files and folders → the linked objects of each cluster: what every command that looks at manifests begins with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gpulint.config import Config
from gpulint.frozen import frozen
from gpulint.source import Loaded, Source, load

if TYPE_CHECKING:
    from gpulint.graph import Graph
    from gpulint.source.rendering import Asked


@frozen
class Inputs:
    """What a run looks at, beyond its configuration."""

    root: Path
    """Paths in reports are relative to it."""
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    nodes: tuple[tuple[str, Path], ...] = ()
    """Snapshots of nodes: cluster, file."""
    render: bool = False
    """Whether charts and overlays are rendered that the configuration does not name."""


def read(paths: Sequence[Path | str], inputs: Inputs, config: Config, stdin: Source | None = None) -> Loaded:
    """The files under `paths` that can matter."""
    respect = inputs.respect_gitignore and config.respect_gitignore
    excludes = {config.folder(inputs.root): config.exclude}
    return load(paths, inputs.root, inputs.exclude, respect, stdin, excludes, _asked(inputs, config))


def _asked(inputs: Inputs, config: Config) -> Asked | None:
    """What is to be rendered; None for nothing."""
    if not (inputs.render or config.render or config.renders):
        return None
    from gpulint.source.rendering import Asked, Wanted

    folder = config.folder(inputs.root)
    named = (
        Wanted(
            folder / (each.chart or each.overlay),
            "helm" if each.chart else "kustomize",
            tuple(folder / file for file in each.values),
            each.set,
            each.release,
            each.namespace,
        )
        for each in config.renders
    )
    return Asked(tuple(named), inputs.render or config.render, config.versions.get("kubernetes", ""))


def link(loaded: Loaded, inputs: Inputs, config: Config) -> list[Graph]:
    """The graph of each cluster; none where nothing was read that matters."""
    if not loaded.sources:  # networkx is not worth its import
        return []
    from gpulint.graph import link as link_scope
    from gpulint.graph.scope import scopes

    files = [
        *inputs.nodes,
        *((each.name, config.folder(inputs.root) / file) for each in config.clusters for file in each.nodes),
    ]
    snapshots: dict[str, list[Source]] = {}
    for name, file in files:
        snapshots.setdefault(name, []).extend(load([file], inputs.root).sources)
    return [link_scope(scope, config.labels) for scope in scopes(loaded.sources, config, inputs.root, snapshots)]
