"""What the entries of a MIG configuration make of the GPUs of one node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gpulint.gpu.mig_apply import differ, is_uniform, overlap, shares, spoils_single
from gpulint.gpu.mig_parted import MigEntry, parse


def entries(*written: Mapping[str, object]) -> tuple[MigEntry, ...]:
    config = parse({"version": "v1", "mig-configs": {"x": [dict(each) for each in written]}})
    assert not config.problems
    return config.configs["x"].entries


def on(devices: object = "all", /, device_filter: object = None, **counts: int) -> dict[str, object]:
    """Keyword `g1_5` stands for the profile `1g.5gb`."""
    profiles = {"{}g.{}gb".format(*key.removeprefix("g").split("_")): count for key, count in counts.items()}
    return {"devices": devices, "mig-enabled": True, "mig-devices": profiles, "device-filter": device_filter}


def off(devices: object = "all", /, device_filter: object = None) -> dict[str, object]:
    return {"devices": devices, "mig-enabled": False, "device-filter": device_filter}


SHARES = {
    "all of an unknown number": ([on(g1_5=7)], 0, [((), 0)]),
    "all of four": ([on(g1_5=7)], 4, [((0, 1, 2, 3), 0)]),
    "the last entry counts": ([on(g1_5=7), on([1], g7_40=1)], 3, [((0, 2), 0), ((1,), 1)]),
    "the last entry counts, also for all": ([on([1], g7_40=1), on(g1_5=7)], 2, [((0, 1), 1)]),
    "some of an unknown number": ([on([0], g1_5=7), off([1])], 0, [((0,), 0), ((1,), 1), ((), None)]),
    "some of four": ([on([0, 1], g1_5=7)], 4, [((0, 1), 0), ((2, 3), None)]),
    "an index that no GPU has": ([on([0, 7], g1_5=7)], 1, [((0,), 0)]),
    "no devices": ([on([], g1_5=7)], 0, [((), None)]),
}


@pytest.mark.parametrize(("written", "count", "expected"), SHARES.values(), ids=SHARES.keys())
def test_shares(
    written: Sequence[Mapping[str, object]], count: int, expected: list[tuple[tuple[int, ...], int | None]]
) -> None:
    made = entries(*written)
    found = [(share.indexes, None if share.entry is None else made.index(share.entry)) for share in shares(made, count)]
    assert found == expected


UNIFORM = {
    "all": ([on(g1_5=7)], 0, True),
    "two entries that say the same": ([on([0], g1_5=7), on([1], g1_5=7)], 2, True),
    "two entries that say the same, and perhaps more GPUs": ([on([0], g1_5=7), on([1], g1_5=7)], 0, False),
    "a GPU that is left": ([on([0], g1_5=7)], 2, False),
    "another count": ([on([0], g1_5=7), on([1], g1_5=6)], 2, False),
}


@pytest.mark.parametrize(("written", "count", "uniform"), UNIFORM.values(), ids=UNIFORM.keys())
def test_uniform(written: Sequence[Mapping[str, object]], count: int, uniform: bool) -> None:
    assert is_uniform(shares(entries(*written), count)) is uniform


SINGLE = {
    "one profile everywhere": ([on(g1_5=7)], 0, ""),
    "one profile in different numbers": ([on([0], g1_5=7), on([1], g1_5=3)], 2, ""),
    "MIG off": ([off()], 0, ""),
    "two profiles on one GPU": (
        [on(g1_5=2, g2_10=1)],
        0,
        "makes MIG devices of several profiles (1g.5gb, 2g.10gb)",
    ),
    "two profiles on two GPUs": (
        [on([0], g1_5=7), on([1], g7_40=1)],
        0,
        "makes MIG devices of several profiles (1g.5gb, 7g.40gb)",
    ),
    "no devices": ([on()], 0, "turns MIG on without making MIG devices"),
    "off on some": ([on([0], g1_5=7), off([1])], 0, "cuts some of the GPUs, not all"),
    "some of four": ([on([0, 1], g1_5=7)], 4, "cuts some of the GPUs, not all"),
    "some of perhaps no more": ([on([0, 1], g1_5=7)], 0, ""),
    "an entry that a later one undoes": ([on([0, 1], g7_40=1), on(g1_5=7)], 2, ""),
}


@pytest.mark.parametrize(("written", "count", "reason"), SINGLE.values(), ids=SINGLE.keys())
def test_what_single_cannot_advertise(written: Sequence[Mapping[str, object]], count: int, reason: str) -> None:
    assert spoils_single(shares(entries(*written), count)) == reason


OVERLAPS = {
    "all and all": (on(g1_5=7), on(g7_40=1), True),
    "all and some": (on(g1_5=7), on([3], g7_40=1), True),
    "lists that meet": (on([0, 1], g1_5=7), on([1, 2], g7_40=1), True),
    "lists that do not": (on([0, 1], g1_5=7), on([2, 3], g7_40=1), False),
    "no devices": (on(g1_5=7), on([], g7_40=1), False),
    "filters for two boards": (on(device_filter="0x20B010DE", g1_5=7), on(device_filter="0x20B210DE", g1_10=7), False),
    "one board in other letters": (
        on(device_filter="0x20b010de", g1_5=7),
        on(device_filter=["0x20B210DE", "0x20B010DE"], g7_40=1),
        True,
    ),
    "boards of one product": (on(device_filter="0x233010DE", g1_10=7), on(device_filter="0x233110DE", g7_80=1), False),
    "a board that is not known": (on(device_filter="0x3FFF10DE", g1_10=7), on(device_filter="0x3FFF10DE"), True),
    "a filter and none": (on(device_filter="0x20B010DE", g1_5=7), on(g7_40=1), True),
    "a filter that matches nothing and none": (on(device_filter="0x20B0", g1_5=7), on(g7_40=1), False),
    "two subsystems": (
        on(device_filter="0x233010DE:0x16C010DE", g1_10=7),
        on(device_filter="0x233010DE:0x16C110DE", g7_80=1),
        False,
    ),
    "a subsystem and any": (
        on(device_filter="0x233010DE:0x16C010DE", g1_10=7),
        on(device_filter="0x233010DE", g7_80=1),
        True,
    ),
}


@pytest.mark.parametrize(("first", "second", "expected"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_overlap(first: Mapping[str, object], second: Mapping[str, object], expected: bool) -> None:
    one, other = entries(first, second)
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


def test_entries_differ_by_mode_and_counts() -> None:
    same, counted, other = entries(on([0], g1_5=7), on([1], g1_5=7), on([2], g1_5=6))
    assert not differ(same, counted)
    assert differ(same, other)
    assert differ(*entries(on(), off()))
