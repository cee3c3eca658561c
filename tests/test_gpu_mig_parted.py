"""mig-parted files: what the MIG manager refuses, and what device filters match."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

import pytest
import yaml

from gpulint.gpu.mig_parted import MigPartedConfig, looks_like, parse, read_filter

Path = tuple[str | int, ...]
ENTRY: Path = ("mig-configs", "c", 0)


def read(text: str) -> MigPartedConfig:
    return parse(yaml.safe_load(dedent(text)))


def one(entry: str) -> str:
    """A file with one configuration of one entry, given as a flow mapping."""
    return f"version: v1\nmig-configs:\n  c:\n  - {entry}\n"


class Refused(NamedTuple):
    name: str
    text: str
    problems: list[tuple[Path, str, str]]
    """Path, token, suggestion."""


DEVICES: Path = (*ENTRY, "mig-devices")

REFUSED = [
    Refused("version missing", "mig-configs: {c: [{devices: all, mig-enabled: false}]}", [((), "value", "")]),
    Refused("version v2", "version: v2", [(("version",), "value", "v1")]),
    Refused("version a number", "version: 1", [(("version",), "value", "v1")]),
    Refused("version null", "version: null", [(("version",), "value", "v1")]),
    Refused("unexpected top-level field", "version: v1\nfoo: 1", [(("foo",), "key", "")]),
    Refused("migConfigs in camel case", "version: v1\nmigConfigs: {}", [(("migConfigs",), "key", "mig-configs")]),
    Refused("a device-plugin file", "version: v1\nsharing: {timeSlicing: {}}", [(("sharing",), "key", "")]),
    Refused("no configurations", "version: v1\nmig-configs: {}", [(("mig-configs",), "key", "")]),
    Refused("configurations null", "version: v1\nmig-configs: null", [(("mig-configs",), "key", "")]),
    Refused("configurations a list", "version: v1\nmig-configs: [a]", [(("mig-configs",), "value", "")]),
    Refused("no entries", "version: v1\nmig-configs: {c: []}", [(("mig-configs", "c"), "key", "")]),
    Refused(
        "entry without its dash",
        "version: v1\nmig-configs: {c: {devices: all, mig-enabled: false}}",
        [(("mig-configs", "c"), "value", "")],
    ),
    Refused("entry a string", one("all"), [(ENTRY, "value", "")]),
    Refused("entry null", one("null"), [(ENTRY, "value", "")]),
    Refused("devices missing", one("{mig-enabled: false}"), [(ENTRY, "value", "")]),
    Refused("mig-enabled missing", one("{devices: all}"), [(ENTRY, "value", "")]),
    Refused("devices a number", one("{devices: 0, mig-enabled: false}"), [((*ENTRY, "devices"), "value", "[0]")]),
    Refused(
        "devices quoted", one('{devices: ["0", "1"], mig-enabled: false}'), [((*ENTRY, "devices"), "value", "[0, 1]")]
    ),
    Refused("devices some", one("{devices: some, mig-enabled: false}"), [((*ENTRY, "devices"), "value", "all")]),
    Refused("devices null", one("{devices: null, mig-enabled: false}"), [((*ENTRY, "devices"), "value", "all")]),
    Refused(
        "mig-enabled quoted",
        one('{devices: all, mig-enabled: "true", mig-devices: {}}'),
        [((*ENTRY, "mig-enabled"), "value", "true")],
    ),
    Refused(
        "mig-enabled a number",
        one("{devices: all, mig-enabled: 1, mig-devices: {}}"),
        [((*ENTRY, "mig-enabled"), "value", "")],
    ),
    Refused("on without mig-devices", one("{devices: all, mig-enabled: true}"), [((*ENTRY, "mig-enabled"), "key", "")]),
    Refused("on with null", one("{devices: all, mig-enabled: true, mig-devices: null}"), [(DEVICES, "value", "{}")]),
    Refused(
        "off with instances",
        one("{devices: all, mig-enabled: false, mig-devices: {1g.5gb: 7}}"),
        [(DEVICES, "key", "")],
    ),
    Refused(
        "mig-devices a list", one("{devices: all, mig-enabled: true, mig-devices: [1g.5gb]}"), [(DEVICES, "value", "")]
    ),
    Refused(
        "count negative",
        one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: -1}}"),
        [((*DEVICES, "1g.5gb"), "value", "")],
    ),
    Refused(
        "all counts zero", one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 0}}"), [(DEVICES, "key", "")]
    ),
    Refused(
        "count quoted",
        one('{devices: all, mig-enabled: true, mig-devices: {1g.5gb: "7"}}'),
        [((*DEVICES, "1g.5gb"), "value", "7")],
    ),
    Refused(
        "count a fraction",
        one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 1.5}}"),
        [((*DEVICES, "1g.5gb"), "value", "")],
    ),
    Refused(
        "count a boolean",
        one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: true}}"),
        [((*DEVICES, "1g.5gb"), "value", "")],
    ),
    Refused(
        "device-filters in the plural",
        one("{devices: all, mig-enabled: false, device-filters: ['0x20B010DE']}"),
        [((*ENTRY, "device-filters"), "key", "device-filter")],
    ),
    Refused(
        "migEnabled in camel case is told once",
        one("{devices: all, migEnabled: false}"),
        [((*ENTRY, "migEnabled"), "key", "mig-enabled")],
    ),
    Refused(
        "mig-device in the singular is told once",
        one("{devices: all, mig-enabled: true, mig-device: {1g.5gb: 7}}"),
        [((*ENTRY, "mig-device"), "key", "mig-devices")],
    ),
    *(
        Refused(
            f"profile {text}",
            one("{devices: all, mig-enabled: true, mig-devices: {'" + text + "': 1}}"),
            [((*DEVICES, text), "key", suggestion)],
        )
        for text, suggestion in [
            ("1g.5gb.me", "1g.5gb+me"),
            ("1G.5GB", "1g.5gb"),
            ("mig-1g.5gb", "1g.5gb"),
            ("MIG 1g.5gb", "1g.5gb"),
            ("all-1g.5gb", "1g.5gb"),
            ("1g.5gb+me+gfx", ""),
            ("1g.5gb+", ""),
            ("1g.5gb+me-gfx", ""),
        ]
    ),
    Refused(
        "filter without quotes",
        one("{devices: all, mig-enabled: false, device-filter: 0x233510DE}"),
        [((*ENTRY, "device-filter"), "value", '"0x233510DE"')],
    ),
    Refused(
        "filter without quotes in a list",
        one("{devices: all, mig-enabled: false, device-filter: [0x233510DE, '0x233B10DE']}"),
        [((*ENTRY, "device-filter", 0), "value", '"0x233510DE"')],
    ),
    Refused(
        "device id without quotes",
        one("{devices: all, mig-enabled: false, device-filter: 0x2335}"),
        [((*ENTRY, "device-filter"), "value", '"0x233510DE"')],
    ),
    Refused(
        "filter a mapping",
        one("{devices: all, mig-enabled: false, device-filter: {a: 1}}"),
        [((*ENTRY, "device-filter"), "value", "")],
    ),
    Refused(
        "filter a boolean",
        one("{devices: all, mig-enabled: false, device-filter: true}"),
        [((*ENTRY, "device-filter"), "value", "")],
    ),
    Refused("a list of documents", "- version: v1", [((), "value", "")]),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused(case: Refused) -> None:
    config = read(case.text)
    assert [(p.path, p.token, p.suggestion) for p in config.problems] == case.problems
    assert config.refused
    assert all(problem.verdict == "refused" for problem in config.problems)


ACCEPTED = [
    ("empty file", ""),
    ("version alone", "version: v1"),
    ("MIG off", one("{devices: all, mig-enabled: false}")),
    ("MIG off with an empty map", one("{devices: all, mig-enabled: false, mig-devices: {}}")),
    ("MIG off with null", one("{devices: all, mig-enabled: null, mig-devices: null}")),
    ("MIG on without instances", one("{devices: all, mig-enabled: true, mig-devices: {}}")),
    ("yes is a boolean", one("{devices: all, mig-enabled: yes, mig-devices: {1g.5gb: 7}}")),
    ("indexes", one("{devices: [0, 1], mig-enabled: true, mig-devices: {1g.5gb: 7}}")),
    ("no indexes", one("{devices: [], mig-enabled: false}")),
    ("a zero beside a count", one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7, 7g.40gb: 0}}")),
    (
        "attributes",
        one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb+me: 1, 1g.24gb-me: 1, 1g.24gb+me.all: 1}}"),
    ),
    ("compute instances", one("{devices: all, mig-enabled: true, mig-devices: {1c.2g.10gb: 2}}")),
    ("impossible but well formed", one("{devices: all, mig-enabled: true, mig-devices: {9g.77gb: 99}}")),
    ("a filter that matches nothing", one("{devices: all, mig-enabled: false, device-filter: '0x2339'}")),
    ("filter null", one("{devices: all, mig-enabled: false, device-filter: null}")),
    ("filter empty", one('{devices: all, mig-enabled: false, device-filter: ""}')),
]


@pytest.mark.parametrize(("name", "text"), ACCEPTED, ids=[name for name, _ in ACCEPTED])
def test_accepted(name: str, text: str) -> None:
    config = read(text)
    assert config.problems == (), name
    assert not config.refused


FILTERS = [
    ("0x233510DE", "gpus", ["h200-141gb"], ""),
    ("0x233510de", "gpus", ["h200-141gb"], ""),
    ("0x233010DE:0x16C010DE", "gpus", ["h100-80gb"], ""),
    ("590680286", "gpus", ["h200-141gb"], ""),
    ("0x2335_10DE", "gpus", ["h200-141gb"], ""),
    ("0x1EB810DE", "gpus", ["tesla-t4"], ""),
    ("0xABCD10DE", "unknown-id", [], ""),
    ("0x2339", "nothing", [], "0x233910DE"),
    ("0x2335", "nothing", [], "0x233510DE"),
    ("2335", "nothing", [], "0x233510DE"),
    ("233510DE", "nothing", [], "0x233510DE"),
    ("10DE:2335", "nothing", [], "0x233510DE"),
    ("2335:10DE", "nothing", [], "0x233510DE"),
    ("0x10DE2335", "nothing", [], "0x233510DE"),
    ("0x2335:0x10DE", "nothing", [], "0x233510DE"),
    ("NVIDIA H200", "nothing", [], "0x233510DE"),
    ("NVIDIA-A100-SXM4-40GB", "nothing", [], "0x20B010DE"),
    ("0x1233510DE", "nothing", [], ""),
    ("0x10DE", "nothing", [], ""),
    ("0x233510DE:1:2", "nothing", [], ""),
    (" 0x233510DE", "nothing", [], "0x233510DE"),
    ("H1000", "nothing", [], ""),
    ("", "nothing", [], ""),
]


@pytest.mark.parametrize(("text", "verdict", "ids", "suggestion"), FILTERS, ids=[repr(row[0]) for row in FILTERS])
def test_device_filters(text: str, verdict: str, ids: list[str], suggestion: str) -> None:
    found = read_filter(text)
    assert (found.verdict, list(found.gpus), found.suggestion) == (verdict, ids, suggestion)
    assert bool(found.reason) == (verdict == "nothing")


def test_a_bare_device_id_is_told_with_its_board() -> None:
    reason = read_filter("0x2339").reason
    assert "low half must be the vendor 10DE" in reason
    assert "2339 is the H100 SXM5 94GB" in reason
    assert "the H200 is 2335" in reason


def test_entries() -> None:
    config = read(
        """
        version: v1
        mig-configs:
          balanced:
          - device-filter: ["0x233510DE", "0x2339"]
            devices: all
            mig-enabled: true
            mig-devices: {"1g.5gb": 8, "3g.71gb": 0}
          - devices: [2]
            mig-enabled: false
        """
    )
    first, second = config.configs["balanced"].entries
    assert first.path == ("mig-configs", "balanced", 0)
    assert (first.all_devices, first.indexes, first.mig_enabled) == (True, (), True)
    assert [(p.name, p.count, p.path[-1]) for p in first.profiles] == [
        ("1g.5gb", 8, "1g.5gb"),
        ("3g.71gb", 0, "3g.71gb"),
    ]
    assert first.profiles[0].path == ("mig-configs", "balanced", 0, "mig-devices", "1g.5gb")
    assert first.counts() == {"1g.5gb": 8}
    assert [(item.verdict, item.path) for item in first.filters] == [
        ("gpus", ("mig-configs", "balanced", 0, "device-filter", 0)),
        ("nothing", ("mig-configs", "balanced", 0, "device-filter", 1)),
    ]
    assert first.gpus() == ("h200-141gb",)
    assert first.matches("h200-141gb")
    assert not first.matches("h100-94gb")
    assert (second.all_devices, second.indexes, second.mig_enabled) == (False, (2,), False)
    assert second.matches("tesla-t4")


def test_an_empty_string_in_a_list_matches_nothing() -> None:
    (entry,) = read(one("{devices: all, mig-enabled: false, device-filter: ['']}")).configs["c"].entries
    assert [item.verdict for item in entry.filters] == ["nothing"]
    assert not entry.matches("a100-40gb")


def test_entries_of_a_refused_file_can_still_be_looked_at() -> None:
    config = read(one("{devices: all, mig-enabled: true, device-filter: 0x233510DE, mig-devices: {1g.20gb: 7}}"))
    assert config.refused
    (entry,) = config.configs["c"].entries
    assert (entry.gpus(), entry.counts()) == (("h200-141gb",), {"1g.20gb": 7})


PLACEHOLDERS = [
    ("the whole file", "'{{ config }}'"),
    ("version", "version: ${V}"),
    ("configurations", "version: v1\nmig-configs: ${CONFIGS}"),
    ("entries", "version: v1\nmig-configs: {c: '${ENTRIES}'}"),
    ("devices", one("{devices: '${GPUS}', mig-enabled: false}")),
    ("mig-enabled", one("{devices: all, mig-enabled: '${ON}', mig-devices: {1g.5gb: 7}}")),
    ("profile", one("{devices: all, mig-enabled: true, mig-devices: {'${PROFILE}': 7}}")),
    ("count", one("{devices: all, mig-enabled: true, mig-devices: {1g.5gb: <count>}}")),
    ("filter", one("{devices: all, mig-enabled: false, device-filter: $(ID)}")),
]


@pytest.mark.parametrize(("name", "text"), PLACEHOLDERS, ids=[name for name, _ in PLACEHOLDERS])
def test_a_placeholder_is_unknown_and_no_problem(name: str, text: str) -> None:
    config = read(text)
    assert config.problems == (), name
    assert config.unknown


def test_a_placeholder_marks_its_own_entry() -> None:
    text = one("{devices: '${GPUS}', mig-enabled: false}") + "  - {devices: all, mig-enabled: false}\n"
    assert [entry.unknown for entry in read(text).configs["c"].entries] == [True, False]


LOOKS = [
    ("a file", "version: v1\nmig-configs: {}", True),
    ("camel case", "migConfigs: {}", True),
    ("configurations at the top level", "balanced: [{devices: all, mig-enabled: false}]", True),
    ("under another key", "configs: {balanced: [{devices: all, mig-enabled: false}]}", True),
    ("a device-plugin file", "version: v1\nsharing: {timeSlicing: {}}", False),
    ("version alone", "version: v1", False),
    ("nothing", "", False),
]


@pytest.mark.parametrize(("name", "text", "expected"), LOOKS, ids=[name for name, *_ in LOOKS])
def test_looks_like(name: str, text: str, expected: bool) -> None:
    assert looks_like(yaml.safe_load(text)) is expected, name
