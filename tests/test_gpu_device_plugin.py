"""Configuration files of the device plugin: what is refused, ignored, inert, and what takes effect."""

from __future__ import annotations

from textwrap import dedent
from typing import NamedTuple

import pytest
import yaml

from gpulint.gpu.device_plugin import DevicePluginConfig, looks_like, max_mps_replicas, parse

TS = ("sharing", "timeSlicing")
ENTRY = (*TS, "resources", 0)


class Case(NamedTuple):
    name: str
    text: str
    problems: list[tuple[str, tuple[str | int, ...], str, str]]
    """Verdict, path, token, suggestion."""


def shared(entry: str, extra: str = "", strategy: str = "timeSlicing") -> str:
    """A configuration with one entry (a flow mapping) and further keys of the strategy."""
    return f"version: v1\nsharing:\n  {strategy}:\n    {extra}\n    resources:\n    - {entry}\n"


def read(text: str) -> DevicePluginConfig:
    return parse(yaml.safe_load(dedent(text)))


GPU4 = "{name: nvidia.com/gpu, replicas: 4}"

REFUSED = [
    Case("replicas missing", shared("{name: nvidia.com/gpu}"), [("refused", ENTRY, "value", "")]),
    Case("replicas zero", shared("{name: gpu, replicas: 0}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case("replicas one", shared("{name: gpu, replicas: 1}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case("replicas negative", shared("{name: gpu, replicas: -4}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case("replicas null", shared("{name: gpu, replicas: null}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case("replicas quoted", shared('{name: gpu, replicas: "4"}'), [("refused", (*ENTRY, "replicas"), "value", "4")]),
    Case("replicas fraction", shared("{name: gpu, replicas: 2.5}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case("replicas boolean", shared("{name: gpu, replicas: true}"), [("refused", (*ENTRY, "replicas"), "value", "")]),
    Case(
        "replicas in upper case is read by no one",
        shared("{name: gpu, Replicas: 4}"),
        [("refused", (*ENTRY, "Replicas"), "key", "replicas")],
    ),
    Case(
        "replica for replicas", shared("{name: gpu, replica: 4}"), [("refused", (*ENTRY, "replica"), "key", "replicas")]
    ),
    Case("name missing", shared("{replicas: 4}"), [("refused", ENTRY, "value", "")]),
    Case("name null", shared("{name: null, replicas: 4}"), [("refused", (*ENTRY, "name"), "value", "")]),
    Case("name a number", shared("{name: 5, replicas: 4}"), [("refused", (*ENTRY, "name"), "value", "")]),
    Case(
        "name in upper case",
        shared("{name: nvidia.com/GPU, replicas: 4}"),
        [("refused", (*ENTRY, "name"), "value", "nvidia.com/gpu")],
    ),
    Case(
        "name in configuration spelling",
        shared("{name: nvidia.com/mig-1g.10gb+me, replicas: 4}"),
        [("refused", (*ENTRY, "name"), "value", "nvidia.com/mig-1g.10gb.me")],
    ),
    Case(
        "another vendor's name",
        shared("{name: amd.com/gpu, replicas: 4}"),
        [("refused", (*ENTRY, "name"), "value", "")],
    ),
    Case(
        "name of 64 characters",
        shared("{name: nvidia.com/" + "a" * 53 + ", replicas: 4}"),
        [("refused", (*ENTRY, "name"), "value", "")],
    ),
    Case("entry null", shared("null"), [("refused", ENTRY, "value", "")]),
    Case("entry a string", shared("nvidia.com/gpu"), [("refused", ENTRY, "value", "")]),
    Case(
        "rename empty", shared('{name: gpu, replicas: 4, rename: ""}'), [("refused", (*ENTRY, "rename"), "value", "")]
    ),
    Case(
        "rename with a blank",
        shared("{name: gpu, replicas: 4, rename: my gpu}"),
        [("refused", (*ENTRY, "rename"), "value", "")],
    ),
    Case(
        "devices ALL",
        shared("{name: gpu, replicas: 4, devices: ALL}"),
        [("refused", (*ENTRY, "devices"), "value", "all")],
    ),
    Case(
        "devices null",
        shared("{name: gpu, replicas: 4, devices: null}"),
        [("refused", (*ENTRY, "devices"), "value", "all")],
    ),
    Case(
        "devices zero",
        shared("{name: gpu, replicas: 4, devices: 0}"),
        [("refused", (*ENTRY, "devices"), "value", "all")],
    ),
    Case(
        "devices a mapping",
        shared("{name: gpu, replicas: 4, devices: {a: 1}}"),
        [("refused", (*ENTRY, "devices"), "value", "all")],
    ),
    Case(
        "devices with a name",
        shared("{name: gpu, replicas: 4, devices: [0, first]}"),
        [("refused", (*ENTRY, "devices", 1), "value", "")],
    ),
    Case(
        "devices with a negative index",
        shared("{name: gpu, replicas: 4, devices: [-1]}"),
        [("refused", (*ENTRY, "devices", 0), "value", "")],
    ),
    Case("timeSlicing empty", "sharing: {timeSlicing: {}}", [("refused", TS, "key", "")]),
    Case("timeSlicing null", "sharing: {timeSlicing: null}", [("refused", TS, "key", "")]),
    Case("mps empty", "sharing: {mps: {}}", [("refused", ("sharing", "mps"), "key", "")]),
    Case("timeSlicing a list", "sharing: {timeSlicing: []}", [("refused", TS, "value", "")]),
    Case("resources empty", "sharing: {timeSlicing: {resources: []}}", [("refused", (*TS, "resources"), "key", "")]),
    Case("resources null", "sharing: {timeSlicing: {resources: null}}", [("refused", (*TS, "resources"), "key", "")]),
    Case(
        "resources a mapping",
        "sharing: {timeSlicing: {resources: {name: nvidia.com/gpu, replicas: 4}}}",
        [("refused", (*TS, "resources"), "value", "")],
    ),
    Case(
        "resource for resources",
        "sharing: {timeSlicing: {resource: [{name: nvidia.com/gpu, replicas: 4}]}}",
        [("refused", (*TS, "resource"), "key", "resources")],
    ),
    Case(
        "replicas directly under timeSlicing",
        "sharing: {timeSlicing: {replicas: 4}}",
        [("refused", (*TS, "replicas"), "key", "sharing.timeSlicing.resources[].replicas")],
    ),
    Case("sharing a list", "sharing: []", [("refused", ("sharing",), "value", "")]),
    Case(
        "renameByDefault quoted",
        shared(GPU4, 'renameByDefault: "true"'),
        [("refused", (*TS, "renameByDefault"), "value", "true")],
    ),
    Case(
        "failRequestsGreaterThanOne quoted",
        shared(GPU4, 'failRequestsGreaterThanOne: "True"'),
        [("refused", (*TS, "failRequestsGreaterThanOne"), "value", "true")],
    ),
    Case("version v2", "version: v2", [("refused", ("version",), "value", "v1")]),
    Case("version a number", "version: 1", [("refused", ("version",), "value", "v1")]),
    Case("version a list", "version: [v1]", [("refused", ("version",), "value", "v1")]),
    Case("a list of documents", "- version: v1", [("refused", (), "value", "")]),
    Case("plain text", "time-slicing", [("refused", (), "value", "")]),
    Case(
        "strategy in upper case",
        "flags: {migStrategy: Single}",
        [("refused", ("flags", "migStrategy"), "value", "single")],
    ),
    Case("strategy off", "flags: {migStrategy: off}", [("refused", ("flags", "migStrategy"), "value", "")]),
    Case(
        "failOnInitError quoted",
        'flags: {failOnInitError: "false"}',
        [("refused", ("flags", "failOnInitError"), "value", "false")],
    ),
    Case(
        "discovery strategy",
        "flags: {deviceDiscoveryStrategy: nvm}",
        [("refused", ("flags", "deviceDiscoveryStrategy"), "value", "nvml")],
    ),
    Case(
        "list strategies in one string",
        "flags: {plugin: {deviceListStrategy: 'envvar,cdi-cri'}}",
        [("refused", ("flags", "plugin", "deviceListStrategy"), "value", "[envvar, cdi-cri]")],
    ),
    Case(
        "one bad list strategy",
        "flags: {plugin: {deviceListStrategy: [envvar, cdi_cri]}}",
        [("refused", ("flags", "plugin", "deviceListStrategy", 1), "value", "cdi-cri")],
    ),
    Case(
        "no list strategy",
        "flags: {plugin: {deviceListStrategy: []}}",
        [("refused", ("flags", "plugin", "deviceListStrategy"), "value", "")],
    ),
    Case(
        "id strategy",
        "flags: {plugin: {deviceIDStrategy: UUID}}",
        [("refused", ("flags", "plugin", "deviceIDStrategy"), "value", "uuid")],
    ),
    Case(
        "allocation policy",
        "flags: {plugin: {sharedDevicesAllocationPolicy: pack}}",
        [("refused", ("flags", "plugin", "sharedDevicesAllocationPolicy"), "value", "packed")],
    ),
    Case(
        "sleep interval without a unit",
        "flags: {gfd: {sleepInterval: sixty}}",
        [("refused", ("flags", "gfd", "sleepInterval"), "value", "")],
    ),
    Case("mpsRoot a list", "flags: {mpsRoot: [/run]}", [("refused", ("flags", "mpsRoot"), "value", "")]),
    Case("imex channel 1", "imex: {channelIDs: [1]}", [("refused", ("imex", "channelIDs"), "value", "[0]")]),
    Case("imex required quoted", "imex: {required: 'true'}", [("refused", ("imex", "required"), "value", "true")]),
    Case(
        "renaming without a pattern",
        "resources: {gpus: [{name: gpu}]}",
        [("refused", ("resources", "gpus", 0), "value", "")],
    ),
    Case(
        "renaming to a bad name",
        "resources: {gpus: [{pattern: 'A100*', name: A100}]}",
        [("refused", ("resources", "gpus", 0, "name"), "value", "nvidia.com/a100")],
    ),
    Case(
        "the time slicing that MPS hides is still decoded",
        "sharing: {mps: {resources: [{name: gpu, replicas: 4}]}, timeSlicing: {resources: [{name: gpu, replicas: 1}]}}",
        [("refused", (*ENTRY, "replicas"), "value", "")],
    ),
]

IGNORED = [
    Case(
        "timeSlicing at the top level",
        "version: v1\ntimeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}",
        [("ignored", ("timeSlicing",), "key", "sharing.timeSlicing")],
    ),
    Case(
        "mps beside sharing",
        "version: v1\nsharing: {}\nmps: {resources: [{name: nvidia.com/gpu, replicas: 4}]}",
        [("ignored", ("mps",), "key", "sharing.mps")],
    ),
    Case(
        "migStrategy at the top level",
        "migStrategy: mixed",
        [("ignored", ("migStrategy",), "key", "flags.migStrategy")],
    ),
    Case(
        "renameByDefault under flags",
        "flags: {renameByDefault: true}",
        [("ignored", ("flags", "renameByDefault"), "key", "sharing.timeSlicing.renameByDefault")],
    ),
    Case(
        "deviceListStrategy one level up",
        "flags: {deviceListStrategy: envvar}",
        [("ignored", ("flags", "deviceListStrategy"), "key", "flags.plugin.deviceListStrategy")],
    ),
    Case(
        "a letter of timeSlicing",
        "sharing: {timeSlicng: {}}",
        [("ignored", ("sharing", "timeSlicng"), "key", "timeSlicing")],
    ),
    Case(
        "time-slicing with a hyphen",
        "sharing: {time-slicing: {resources: []}}",
        [("ignored", ("sharing", "time-slicing"), "key", "timeSlicing")],
    ),
    Case(
        "mig-strategy as the flag spells it",
        "flags: {mig-strategy: single}",
        [("ignored", ("flags", "mig-strategy"), "key", "migStrategy")],
    ),
    Case("sharring", "sharring: {timeSlicing: {}}", [("ignored", ("sharring",), "key", "sharing")]),
    Case(
        "failRequest in the singular",
        shared(GPU4, "failRequestGreaterThanOne: true"),
        [("ignored", (*TS, "failRequestGreaterThanOne"), "key", "failRequestsGreaterThanOne")],
    ),
    Case(
        "renamebydefault in lower case is looked up as spelled",
        shared(GPU4, "renamebydefault: true"),
        [("ignored", (*TS, "renamebydefault"), "key", "renameByDefault")],
    ),
    Case(
        "failRequestsGreaterThanOne in an entry of mps",
        shared("{name: gpu, replicas: 4, failRequestsGreaterThanOne: false}", strategy="mps"),
        [
            (
                "ignored",
                ("sharing", "mps", "resources", 0, "failRequestsGreaterThanOne"),
                "key",
                "sharing.mps.failRequestsGreaterThanOne",
            )
        ],
    ),
    Case(
        "Devices in an entry",
        shared("{name: gpu, replicas: 4, Devices: all}"),
        [("ignored", (*ENTRY, "Devices"), "key", "devices")],
    ),
    Case("a key of nowhere", "version: v1\nfoo: {bar: 1}", [("ignored", ("foo",), "key", "")]),
    Case(
        "wrapped as in a ConfigMap",
        "any:\n  version: v1\n  sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}}",
        [("ignored", ("any",), "key", "")],
    ),
    Case(
        "wrapped as text",
        "any: |-\n  version: v1\n  sharing:\n    timeSlicing: {}\n",
        [("ignored", ("any",), "key", "")],
    ),
    Case(
        "a whole ConfigMap as the value",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
        "data:\n  any: |-\n    version: v1\n    sharing: {}\n    flags:\n      migStrategy: none\n",
        [("ignored", ("data",), "key", "")],
    ),
]

INERT = [
    Case("rename", shared("{name: gpu, replicas: 4, rename: gpu.slice}"), [("inert", (*ENTRY, "rename"), "key", "")]),
    Case(
        "a count of devices",
        shared("{name: gpu, replicas: 4, devices: 2}"),
        [("inert", (*ENTRY, "devices"), "key", "all")],
    ),
    Case(
        "a list of devices",
        shared(
            "{name: gpu, replicas: 4, devices: [0, '1:0', GPU-b1028956-cfa2-0990-bf4a-5da9abb51763,"
            " MIG-GPU-b1028956-cfa2-0990-bf4a-5da9abb51763/3/0]}"
        ),
        [("inert", (*ENTRY, "devices"), "key", "all")],
    ),
    Case(
        "an empty list of devices",
        shared("{name: gpu, replicas: 4, devices: []}"),
        [("inert", (*ENTRY, "devices"), "key", "all")],
    ),
    Case(
        "renaming of resources",
        "resources: {gpus: [{pattern: 'A100*', name: a100}]}",
        [("inert", ("resources",), "key", "")],
    ),
    Case(
        "one name twice",
        "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 2}, {name: nvidia.com/gpu, replicas: 8}]}}",
        [("inert", (*TS, "resources", 1, "name"), "value", "")],
    ),
]

ACCEPTED = [
    ("empty file", ""),
    ("version alone", "version: v1"),
    ("version null", "version: null\nsharing: {}"),
    ("version empty", 'version: ""'),
    ("flags null", "flags: null"),
    ("sharing null", "sharing: null"),
    ("mps null is unset", "sharing: {mps: null}"),
    ("resources without entries", "resources: {gpus: []}"),
    ("flags in lower case", "flags: {migstrategy: single, failoniniterror: true}"),
    ("a number where a string is wanted", "flags: {nvidiaDriverRoot: 5}"),
    ("list strategy as a list", "flags: {plugin: {deviceListStrategy: [envvar, cdi-cri]}}"),
    ("list strategy as a string", "flags: {plugin: {deviceListStrategy: cdi-annotations, passDeviceSpecs: true}}"),
    ("gfd", "flags: {gfd: {oneshot: false, noTimestamp: true, sleepInterval: 1m30s}}"),
    ("sleep for ever", "flags: {gfd: {sleepInterval: infinite}}"),
    ("imex channel 0", "imex: {channelIDs: [0], required: false}"),
    ("no imex channel", "imex: {channelIDs: []}"),
    ("devices all", shared("{name: gpu, replicas: 4, devices: all}")),
    ("replicas with a decimal point", shared("{name: gpu, replicas: 4.0}")),
    ("a thousand replicas", shared("{name: gpu, replicas: 1000}")),
    ("an extension key", "x-common: {a: 1}\nversion: v1"),
    ("renameByDefault null", shared(GPU4, "renameByDefault: null")),
    ("a mig-parted file is told apart by its own reader", "version: v1\nmig-configs: {all-disabled: []}"),
]


@pytest.mark.parametrize("case", REFUSED + IGNORED + INERT, ids=lambda case: case.name)
def test_problems(case: Case) -> None:
    config = read(case.text)
    assert [(p.verdict, p.path, p.token, p.suggestion) for p in config.problems] == case.problems
    assert config.refused == any(verdict == "refused" for verdict, *_ in case.problems)
    for problem in config.problems:
        assert problem.message[0].islower() or problem.message[0] in "'0123456789"
        assert not problem.message.endswith(".")


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_refused_file_has_no_effect(case: Case) -> None:
    config = read(case.text)
    assert (config.strategy, config.resources, config.mig_strategy, config.sharing_path) == ("none", (), "", ())


@pytest.mark.parametrize(("name", "text"), ACCEPTED, ids=[name for name, _ in ACCEPTED])
def test_accepted(name: str, text: str) -> None:
    config = read(text)
    assert config.problems == (), name
    assert not config.refused


def effect(config: DevicePluginConfig) -> tuple[object, ...]:
    resources = [(shared.name, shared.replicas, shared.advertised) for shared in config.resources]
    return config.strategy, resources, config.rename_by_default, config.fail_requests_greater_than_one


EFFECTS = [
    ("no sharing", "version: v1", ("none", [], False, False)),
    ("time slicing", shared(GPU4), ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False)),
    (
        "prefix added",
        shared("{name: gpu, replicas: 4}"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False),
    ),
    (
        "renamed",
        shared(GPU4, "renameByDefault: true"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu.shared")], True, False),
    ),
    (
        "own rename beside renameByDefault",
        shared("{name: gpu, replicas: 4, rename: mine}", "renameByDefault: true"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu.shared")], True, False),
    ),
    (
        "requests above one fail",
        shared(GPU4, "failRequestsGreaterThanOne: true"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, True),
    ),
    (
        "a misspelt key changes nothing",
        shared(GPU4, "failRequestGreaterThanOne: true"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False),
    ),
    (
        "a renamebydefault in lower case renames nothing",
        shared(GPU4, "renamebydefault: true"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False),
    ),
    (
        "MPS fails requests above one by default",
        shared(GPU4, strategy="mps"),
        ("mps", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, True),
    ),
    (
        "MPS told not to",
        shared(GPU4, "failRequestsGreaterThanOne: false", strategy="mps"),
        ("mps", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False),
    ),
    (
        "MPS with null keeps the default",
        shared(GPU4, "failRequestsGreaterThanOne: null", strategy="mps"),
        ("mps", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, True),
    ),
    (
        "sharing in lower case works",
        shared(GPU4, strategy="timeslicing"),
        ("time-slicing", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, False),
    ),
    ("misplaced, so no sharing", "timeSlicing: {resources: [{name: gpu, replicas: 4}]}", ("none", [], False, False)),
    (
        "several resources",
        "sharing: {timeSlicing: {resources: [{name: mig-1g.5gb, replicas: 2}, {name: gpu, replicas: 10}]}}",
        (
            "time-slicing",
            [("nvidia.com/mig-1g.5gb", 2, "nvidia.com/mig-1g.5gb"), ("nvidia.com/gpu", 10, "nvidia.com/gpu")],
            False,
            False,
        ),
    ),
    (
        "the larger of two entries with one name counts",
        "sharing: {timeSlicing: {resources: [{name: gpu, replicas: 8}, {name: gpu, replicas: 2}]}}",
        ("time-slicing", [("nvidia.com/gpu", 8, "nvidia.com/gpu")], False, False),
    ),
    (
        "replicas to be filled in",
        shared("{name: gpu, replicas: '${REPLICAS}'}"),
        ("time-slicing", [("nvidia.com/gpu", 0, "nvidia.com/gpu")], False, False),
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), EFFECTS, ids=[name for name, *_ in EFFECTS])
def test_effect(name: str, text: str, expected: tuple[object, ...]) -> None:
    assert effect(read(text)) == expected, name


def test_mps_beats_time_slicing() -> None:
    config = read(
        """
        sharing:
          timeSlicing: {renameByDefault: true, resources: [{name: gpu, replicas: 10}]}
          mps: {resources: [{name: gpu, replicas: 4}]}
        """
    )
    assert config.both_strategies
    assert effect(config) == ("mps", [("nvidia.com/gpu", 4, "nvidia.com/gpu")], False, True)
    assert config.sharing_path == ("sharing", "mps")
    assert config.dropped_path == TS
    assert config.problems == ()


def test_paths_are_as_written() -> None:
    config = read("Sharing: {timeslicing: {resources: [{name: gpu, replicas: 10}]}}")
    assert config.sharing_path == ("Sharing", "timeslicing")
    assert config.resources[0].path == ("Sharing", "timeslicing", "resources", 0)


def test_mig_strategy_of_the_file() -> None:
    config = read("flags: {migStrategy: mixed}")
    assert (config.mig_strategy, config.mig_strategy_path) == ("mixed", ("flags", "migStrategy"))
    assert read("flags: {}").mig_strategy == ""


PLACEHOLDERS = [
    ("the whole file", "${CONFIG}"),
    ("version", "version: '{{ version }}'"),
    ("strategy", "flags: {migStrategy: '${MIG_STRATEGY}'}"),
    ("boolean", shared(GPU4, "renameByDefault: <rename>")),
    ("name", shared("{name: $RESOURCE, replicas: 4}")),
    ("replicas", shared("{name: gpu, replicas: $(N)}")),
    ("entry", shared("'{{ entry }}'")),
    ("entries", "sharing: {timeSlicing: {resources: '${RESOURCES}'}}"),
    ("sharing", "sharing: ${SHARING}"),
    ("key", "sharing: {timeSlicing: {'${KEY}': 1}}"),
]


@pytest.mark.parametrize(("name", "text"), PLACEHOLDERS, ids=[name for name, _ in PLACEHOLDERS])
def test_a_placeholder_is_unknown_and_no_problem(name: str, text: str) -> None:
    config = read(text)
    assert config.problems == (), name
    assert config.unknown


LOOKS = [
    ("sharing", shared(GPU4), True),
    ("misplaced", "timeSlicing: {resources: [{name: gpu, replicas: 4}]}", True),
    ("misspelt", "sharing: {time-slicing: {resources: []}}", True),
    ("misspelt at the top", "sharring: {timeSlicing: {resources: []}}", True),
    ("flags only", "version: v1\nflags: {migStrategy: mixed}", True),
    ("wrapped as text", "any: |-\n  version: v1\n  sharing:\n    timeSlicing: {}\n", True),
    ("version alone says nothing", "version: v1", False),
    ("a mig-parted file", "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: false}]}", False),
    ("chart values", "migStrategy: none\nconfig: {map: {}, name: x}\nnodeSelector: {}", False),
    ("feature flags of another application", "flags: {newUi: true}\nsharing: {enabled: true}", False),
    ("a list", "[1, 2]", False),
    ("nothing", "", False),
]


@pytest.mark.parametrize(("name", "text", "expected"), LOOKS, ids=[name for name, *_ in LOOKS])
def test_looks_like(name: str, text: str, expected: bool) -> None:
    assert looks_like(yaml.safe_load(text)) is expected, name


def test_mps_limit_counts_volta_among_the_older_gpus() -> None:
    assert [max_mps_replicas(capability) for capability in ((6, 1), (7, 0), (7, 5), (8, 0), (12, 0))] == [
        16,
        16,
        48,
        48,
        48,
    ]


SLICE = "{name: nvidia.com/mig-1g.5gb, replicas: 2}"
CONTRADICTIONS = [
    ("single", "flags: {migStrategy: single}\n" + shared(SLICE), ["nvidia.com/mig-1g.5gb"]),
    ("none", "flags: {migStrategy: none}\n" + shared("{name: mig-1g.5gb, replicas: 2}"), ["nvidia.com/mig-1g.5gb"]),
    (
        "in a refused file",
        "flags: {migStrategy: single}\n" + shared(SLICE.replace("2", "1")),
        ["nvidia.com/mig-1g.5gb"],
    ),
    ("mixed", "flags: {migStrategy: mixed}\n" + shared(SLICE), []),
    ("no strategy", shared(SLICE), []),
    ("whole GPUs", "flags: {migStrategy: single}\n" + shared(GPU4), []),
]


@pytest.mark.parametrize(("name", "text", "expected"), CONTRADICTIONS, ids=[name for name, *_ in CONTRADICTIONS])
def test_slices_that_the_strategy_of_the_file_gives_no_names(name: str, text: str, expected: list[str]) -> None:
    config = read(text)
    assert [each.name for each in config.contradicted] == expected, name
    if expected:
        assert config.mig_strategy_path == ("flags", "migStrategy")


@pytest.mark.parametrize(("flags", "set_"), [("{mpsRoot: /run/mps}", True), ("{mpsRoot: ''}", False), ("{}", False)])
def test_the_root_of_mps(flags: str, set_: bool) -> None:
    assert read(f"flags: {flags}").mps_root is set_
