"""What a named mig-parted configuration makes of the GPUs of one node.

Entries are walked in file order, and each is applied to every GPU that it lists and whose board passes its filter
(`NVIDIA/mig-parted` cmd/nvidia-mig-parted/assert/assert.go, WalkSelectedMigConfigForEachGPU): of two entries for one
GPU the last one counts. A GPU that no entry is for is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gpulint.frozen import frozen
from gpulint.gpu.mig_parted import DeviceFilter, MigEntry


@frozen
class Share:
    """GPUs of a node of which the same becomes."""

    indexes: tuple[int, ...]
    """Empty: all that no other share lists."""
    entry: MigEntry | None
    """None: they are left as they are."""


def shares(entries: Sequence[MigEntry], count: int) -> tuple[Share, ...]:
    """What becomes of the GPUs of a node, in the order of their indexes.

    `entries` are those that its boards pass; `count` is its GPUs, 0 when unknown: then what becomes of GPUs that no
    entry lists by index comes last, also where there may be none.
    """
    listed = range(count) if count else sorted({index for entry in entries for index in entry.indexes})
    found: dict[int, tuple[MigEntry | None, list[int]]] = {}
    for index in listed:
        entry = _last(each for each in entries if each.all_devices or index in each.indexes)
        found.setdefault(id(entry), (entry, []))[1].append(index)
    result = [Share(tuple(indexes), entry) for entry, indexes in found.values()]
    if not count:
        result.append(Share((), _last(each for each in entries if each.all_devices)))
    return tuple(result)


def is_uniform(found: Sequence[Share]) -> bool:
    """Whether the same becomes of every GPU, and that by an entry."""
    entries = [share.entry for share in found]
    first = entries[0] if entries else None
    return first is not None and all(each is not None and _alike(first, each) for each in entries)


def spoils_single(found: Sequence[Share]) -> str:
    """Why the device plugin cannot advertise the node under the strategy `single`, as a clause; empty when it can.

    It wants MIG on all GPUs or on none, and devices of one profile (`k8s-device-plugin internal/rm/device_map.go`).
    What is not known to be there does not count: GPUs that no entry lists, on a node of unknown size.
    """
    there = [share for share in found if share.indexes or share.entry is not None]
    on = [share.entry for share in there if share.entry is not None and share.entry.mig_enabled]
    if not on:
        return ""
    if any(not entry.counts() for entry in on):
        return "turns MIG on without making MIG devices"
    profiles = sorted({name for entry in on for name in entry.counts()})
    if len(profiles) > 1:
        return f"makes MIG devices of several profiles ({', '.join(profiles)})"
    if len(on) < len(there):
        return "cuts some of the GPUs, not all"
    return ""


def overlap(first: MigEntry, second: MigEntry) -> bool:
    """Whether there can be a GPU that both entries are for."""
    return _devices_meet(first, second) and _filters_meet(first.filters, second.filters)


def differ(first: MigEntry, second: MigEntry) -> bool:
    """Whether the two entries make different things of a GPU."""
    return not _alike(first, second)


def _last(entries: Iterable[MigEntry]) -> MigEntry | None:
    return next(reversed(list(entries)), None)


def _alike(first: MigEntry, second: MigEntry) -> bool:
    return (first.mig_enabled, first.counts()) == (second.mig_enabled, second.counts())


def _devices_meet(first: MigEntry, second: MigEntry) -> bool:
    if first.all_devices:
        return second.all_devices or bool(second.indexes)
    if second.all_devices:
        return bool(first.indexes)
    return not set(first.indexes).isdisjoint(second.indexes)


def _filters_meet(first: Sequence[DeviceFilter], second: Sequence[DeviceFilter]) -> bool:
    if not first or not second:
        return all(_may_match(each) for each in (first, second))
    return any(_meet(one, other) for one in first for other in second)


def _may_match(filters: Sequence[DeviceFilter]) -> bool:
    """Whether filters let any board pass; without filters every board does."""
    return not filters or any(each.verdict != "nothing" for each in filters)


def _meet(one: DeviceFilter, other: DeviceFilter) -> bool:
    if "all" in {one.verdict, other.verdict}:
        return "nothing" not in {one.verdict, other.verdict}
    if one.device is None or other.device is None or one.device != other.device:
        return False
    return None in {one.subsystem, other.subsystem} or one.subsystem == other.subsystem
