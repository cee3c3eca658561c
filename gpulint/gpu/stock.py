"""MIG configurations that exist without a ConfigMap of the user: generated on each node, or shipped with the operator.

Since v0.14 the MIG manager generates the configurations of a node from what its GPUs offer (`NVIDIA/mig-parted
pkg/mig/builder`); the file that the GPU Operator ships serves only where discovery finds nothing. Its entries are in
`stock.json` beside this module.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gpulint.frozen import frozen
from gpulint.gpu import catalog, mig

if TYPE_CHECKING:
    from collections.abc import Mapping

_BALANCED: Mapping[int, Mapping[int, int]] = {7: {1: 2, 2: 1, 3: 1}, 4: {1: 2, 2: 1}}
"""Slices of the whole GPU to instances by slice count, as in `pkg/mig/builder/balanced.go`."""


@frozen
class Layout:
    """What a configuration makes of one GPU."""

    mig_enabled: bool
    profiles: Mapping[str, int]
    """Instances by profile in configuration spelling; empty with MIG off, and for `all-enabled`."""


@frozen
class StockEntry:
    """One entry of a configuration of the stock file; all of them say `devices: all`."""

    device_ids: tuple[str, ...]
    """Four hexadecimal digits each; empty without a filter."""
    layout: Layout


def stock_configs() -> Mapping[str, tuple[StockEntry, ...]]:
    """The file that the GPU Operator ships, by configuration name."""
    return _stock()


def is_stock_name(name: str) -> bool:
    """Whether the shipped file, or a generated one for any GPU of the catalogue, holds a configuration of that name."""
    return name in _stock() or any(name in generated_configs(gpu) for gpu in catalog.gpus() if gpu.profiles)


def names_for(gpu: catalog.Gpu) -> tuple[str, ...]:
    """Names that the MIG manager generates on nodes with that GPU, sorted; empty without MIG or known profiles."""
    return tuple(sorted(generated_configs(gpu)))


def generated_configs(gpu: catalog.Gpu) -> Mapping[str, Layout]:
    """What the MIG manager generates on nodes with that GPU; empty without MIG or known profiles."""
    return _generated(gpu)


def layout(name: str, gpu: catalog.Gpu) -> Layout | None:
    """What the label `nvidia.com/mig.config: <name>` makes of that GPU; None when its nodes have no such configuration.

    For GPUs whose profiles are not known, the shipped file answers.
    """
    if gpu.profiles:
        return _generated(gpu).get(name)
    entries = _stock().get(name, ())
    matching = (entry for entry in entries if not entry.device_ids or set(entry.device_ids) & set(gpu.device_ids))
    return next((entry.layout for entry in matching), None)


def profiles_of(name: str) -> frozenset[str]:
    """Every profile that a configuration of that name makes on some GPU."""
    generated = (layout(name, gpu) for gpu in catalog.gpus() if gpu.profiles)
    shipped = (entry.layout for entry in _stock().get(name, ()))
    return frozenset(profile for found in (*generated, *shipped) if found for profile in found.profiles)


@cache
def _generated(gpu: catalog.Gpu) -> Mapping[str, Layout]:
    if not gpu.profiles:
        return {}
    configs = {
        "all-disabled": Layout(mig_enabled=False, profiles={}),
        "all-enabled": Layout(mig_enabled=True, profiles={}),
    }
    for profile in gpu.profiles.values():
        name = f"all-{mig.resource_spelling(profile.name)}"
        configs[name] = Layout(mig_enabled=True, profiles={profile.name: profile.max_instances})
    if balanced := _balanced(gpu):
        configs["all-balanced"] = Layout(mig_enabled=True, profiles=balanced)
    return configs


def _balanced(gpu: catalog.Gpu) -> dict[str, int]:
    """Of each slice count the plain profile with the most instances, by the formula for the GPU's size."""
    plain = [profile for profile in gpu.profiles.values() if profile.name.endswith("gb")]
    formula = _BALANCED.get(max((profile.compute_slices for profile in plain), default=0), {})
    layout: dict[str, int] = {}
    for slices, count in formula.items():
        offered = [profile for profile in plain if profile.compute_slices == slices]
        if not offered:
            return {}
        layout[max(offered, key=lambda profile: profile.max_instances).name] = count
    return layout


@cache
def _stock() -> Mapping[str, tuple[StockEntry, ...]]:
    data = json.loads(Path(__file__).with_name("stock.json").read_text(encoding="utf-8"))
    configs: dict[str, tuple[StockEntry, ...]] = {}
    for name, entries in data["configs"].items():
        configs[name] = tuple(
            StockEntry(
                tuple(entry["devices"]),
                Layout(mig_enabled=entry["profiles"] is not None, profiles=entry["profiles"] or {}),
            )
            for entry in entries
        )
    return configs
