"""MIG layouts under the strategy of the device plugin, entries that meet, GPUs that are left, MPS beside MIG."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.mig.cut import Cut, Leftover, MpsOnMig, Overlap, cuts, leftovers, mps_on_mig, overlaps
from tests.linked import MPS, SLICED, document, linked, node, settings

CONFIG = "nvidia.com/mig.config"
PRODUCT = "nvidia.com/gpu.product"
COUNT = "nvidia.com/gpu.count"
A100 = "NVIDIA-A100-SXM4-80GB"


def policy(strategy: str = "", slices: str = "", default: str = "", name: str = "gpus") -> str:
    plugin = {"config": {"name": "settings", "default": default}} if default else {}
    manager = {"config": {"name": slices}} if slices else {}
    spec = {"mig": {"strategy": strategy} if strategy else {}, "devicePlugin": plugin, "migManager": manager}
    return document("ClusterPolicy", name, "nvidia.com/v1", spec=spec)


def slices(configs: str) -> str:
    text = "version: v1\nmig-configs:\n" + "".join(f"  {line}\n" for line in configs.strip().splitlines())
    return document("ConfigMap", "slices", data={"config.yaml": text})


TWO = "two: [{devices: all, mig-enabled: true, mig-devices: {3g.40gb: 1, 1g.10gb: 4}}]"
ONE = "one: [{devices: all, mig-enabled: true, mig-devices: {1g.10gb: 7}}]"
HALF = "half: [{devices: [0], mig-enabled: true, mig-devices: {1g.10gb: 7}}, {devices: [1], mig-enabled: false}]"
WHOLE = "whole: [{devices: all, mig-enabled: false}]"


def labelled(config: str, labels: Mapping[str, str] | None = None) -> str:
    return node("n1", {PRODUCT: A100, CONFIG: config, **(labels or {})})


# --- strategies


def cut(*texts: str) -> Cut:
    (found,) = cuts(linked({"all.yaml": "".join(texts)}))
    return found


ON_NODES = {
    "a layout of one's own": (
        [policy("single", "slices"), slices(TWO), labelled("two")],
        ("single", True, "makes MIG devices of several profiles (1g.10gb, 3g.40gb)", "high"),
    ),
    "devices that are alike": (
        [policy("single", "slices"), slices(ONE), labelled("one")],
        ("single", True, "", "high"),
    ),
    "a part of the GPUs": (
        [policy("single", "slices"), slices(HALF), labelled("half")],
        ("single", True, "cuts some of the GPUs, not all", "high"),
    ),
    "no GPU": ([policy("none", "slices"), slices(WHOLE), labelled("whole")], ("none", False, "", "high")),
    "generated": (
        [policy("single"), labelled("all-balanced")],
        ("single", True, "makes MIG devices of several profiles", "high"),
    ),
    "generated, of an unknown GPU": (
        [policy("single"), node("n1", {CONFIG: "all-balanced"})],
        ("single", True, "makes MIG devices of several profiles", "high"),
    ),
    "generated without devices": (
        [policy("mixed"), labelled("all-enabled")],
        ("mixed", True, "turns MIG on without making MIG devices", "high"),
    ),
    "a strategy that nobody sets": ([policy(), labelled("all-1g.10gb")], ("none", True, "", "medium")),
    "the node's own word": (
        [policy("single"), labelled("all-1g.10gb", {"nvidia.com/mig.strategy": "mixed"})],
        ("mixed", True, "", "high"),
    ),
    "a file that nobody names": (
        [settings(any="flags: {migStrategy: single}\n" + SLICED.strip()), labelled("all-balanced")],
        ("single", True, "makes MIG devices of several profiles", "low"),
    ),
    "two policies that do not agree": (
        [policy("single"), policy("mixed", name="other"), labelled("all-balanced")],
        ("", True, "makes MIG devices of several profiles", "medium"),
    ),
}


@pytest.mark.parametrize(("texts", "expected"), ON_NODES.values(), ids=ON_NODES.keys())
def test_a_node_that_is_cut(texts: list[str], expected: tuple[str, bool, str, str]) -> None:
    found = cut(*texts)
    assert (found.strategy, found.enabled, found.spoils_single, found.confidence) == expected


UNKNOWN = {
    "a name that nobody knows": [policy("single"), labelled("thirds")],
    "a name that a file elsewhere may redefine": [policy("single", "slices"), labelled("all-balanced")],
    "a placeholder": [policy("single", "slices"), slices("x: ${LAYOUT}"), labelled("x")],
    "no label": [policy("single"), node("n1", {PRODUCT: A100})],
}


@pytest.mark.parametrize("texts", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_made_of_a_node_is_not_known(texts: list[str]) -> None:
    assert not list(cuts(linked({"all.yaml": "".join(texts)})))


IN_FILES = {
    "several profiles": (TWO, ["makes MIG devices of several profiles (1g.10gb, 3g.40gb)"]),
    "one profile": (ONE, [""]),
    "MIG off": (WHOLE, []),
    "one for each board": (
        (
            "x: [{devices: all, device-filter: '0x20B710DE', mig-enabled: true, mig-devices: {1g.6gb: 4}},"
            " {devices: all, device-filter: '0x20B210DE', mig-enabled: true, mig-devices: {1g.10gb: 7}}]"
        ),
        [""],
    ),
    "two for each of two boards": (
        (
            "x: [{devices: all, device-filter: '0x20B710DE', mig-enabled: true, mig-devices: {1g.6gb: 2, 2g.12gb: 1}},"
            " {devices: all, device-filter: '0x20B210DE', mig-enabled: true, mig-devices: {1g.10gb: 2, 2g.20gb: 1}}]"
        ),
        ["makes MIG devices of several profiles (1g.10gb, 2g.20gb)"],
    ),
    "a copy of NVIDIA's": ("all-enabled: [{devices: all, mig-enabled: true, mig-devices: {}}]", []),
}


@pytest.mark.parametrize(("configs", "spoils"), IN_FILES.values(), ids=IN_FILES.keys())
def test_configurations_that_nobody_chooses(configs: str, spoils: list[str]) -> None:
    found = list(cuts(linked({"all.yaml": policy("single", "slices") + slices(configs)})))
    assert [each.spoils_single for each in found] == spoils
    assert {(each.where, each.confidence) for each in found} <= {("file", "medium")}


def test_a_file_whose_strategy_nobody_sets_is_left_alone() -> None:
    assert not list(cuts(linked({"all.yaml": policy("", "slices") + slices(TWO)})))


# --- entries


def overlap(configs: str) -> list[Overlap]:
    return list(overlaps(linked({"all.yaml": slices(configs)})))


def test_an_entry_that_undoes_an_earlier_one() -> None:
    (found,) = overlap(
        "x: [{devices: all, mig-enabled: true, mig-devices: {1g.10gb: 7}}, {devices: [0], mig-enabled: false}]"
    )
    assert (found.first, found.second, found.turns_off) == ("1g.10gb: 7", "MIG off", True)


def test_the_third_entry_meets_the_first() -> None:
    (found,) = overlap(
        "x: [{devices: [0], mig-enabled: true, mig-devices: {1g.10gb: 7}}, {devices: [1], mig-enabled: false},"
        " {devices: [0], mig-enabled: true, mig-devices: {}}]"
    )
    assert (found.first, found.second, found.turns_off) == ("1g.10gb: 7", "MIG on, no devices", False)


def test_placeholders_may_be_right() -> None:
    assert not overlap(
        "x: [{devices: all, mig-enabled: true, mig-devices: {1g.10gb: '${N}'}}, {devices: [0], mig-enabled: false}]"
    )


def test_a_file_on_its_own_is_read_too() -> None:
    text = (
        "version: v1\nmig-configs:\n  x:\n"
        "    - {devices: all, mig-enabled: false}\n"
        "    - {devices: [1], mig-enabled: true, mig-devices: {1g.10gb: 7}}\n"
    )
    (found,) = overlaps(linked({"mig.yaml": text}))
    assert found.place.location().line == 5


LEFT = {
    "two of eight": (HALF, labelled("half", {COUNT: "8"}), ["is for 2 of the 8 GPUs"]),
    "two of two": (HALF, labelled("half", {COUNT: "2"}), []),
    "an unknown number": (HALF, labelled("half"), []),
    "all of them": (ONE, labelled("one", {COUNT: "8"}), []),
    "another board": (
        "x: [{devices: all, device-filter: '0x20B710DE', mig-enabled: true, mig-devices: {1g.6gb: 4}}]",
        labelled("x"),
        ["has no entry for A100 80GB"],
    ),
    "another board, and nobody chooses it": (
        "x: [{devices: all, device-filter: '0x20B710DE', mig-enabled: true, mig-devices: {1g.6gb: 4}}]",
        node("n1", {PRODUCT: A100}),
        [],
    ),
    "a filter that matches nothing is told elsewhere": (
        "x: [{devices: all, device-filter: '0x20B2', mig-enabled: true, mig-devices: {1g.10gb: 7}}]",
        labelled("x"),
        [],
    ),
    "a board that is not known": (
        "x: [{devices: all, device-filter: '0x3FFF10DE', mig-enabled: true, mig-devices: {1g.10gb: 7}}]",
        labelled("x"),
        [],
    ),
    "nobody chooses it, and all nodes are alike": (
        HALF,
        node("n1", {PRODUCT: A100, COUNT: "4"}) + node("n2", {PRODUCT: A100, COUNT: "4"}),
        ["is for 2 of the 4 GPUs"],
    ),
    "nobody chooses it, and nodes differ": (
        HALF,
        node("n1", {PRODUCT: A100, COUNT: "4"}) + node("n2", {PRODUCT: A100, COUNT: "2"}),
        [],
    ),
}


@pytest.mark.parametrize(("configs", "nodes", "told"), LEFT.values(), ids=LEFT.keys())
def test_gpus_that_are_left(configs: str, nodes: str, told: list[str]) -> None:
    found: list[Leftover] = list(leftovers(linked({"all.yaml": slices(configs) + nodes})))
    assert [each.told for each in found] == told
    assert all((each.confidence == "high") is each.chosen for each in found)


# --- MPS


def mps(*texts: str) -> list[MpsOnMig]:
    return list(mps_on_mig(linked({"all.yaml": "".join(texts)})))


def test_mixed_by_the_policy() -> None:
    (found,) = mps(policy("mixed", default="any"), settings(any=MPS, other=SLICED))
    assert (found.config, found.strategy, found.confidence) == ("'any' of ConfigMap settings", "mixed", "high")


def test_mixed_by_the_file_itself() -> None:
    text = "flags: {migStrategy: mixed}\n" + MPS.strip()
    assert [each.confidence for each in mps(settings(any=text))] == ["medium"]
    assert [each.confidence for each in mps(policy(default="any"), settings(any=text))] == ["high"]
    assert not mps(policy("single", default="any"), settings(any=text))


def test_single_on_a_node_that_is_cut() -> None:
    given = policy("single", default="any") + settings(any=MPS)
    (found,) = mps(given, labelled("all-1g.10gb"))
    assert (found.strategy, found.node, found.confidence) == ("single", "Node n1", "high")
    assert not mps(given, labelled("all-disabled"))
    assert not mps(given, node("n1", {PRODUCT: A100}))


def test_single_on_a_node_whose_product_is_a_slice() -> None:
    given = policy("single", default="any") + settings(any=MPS)
    assert [each.node for each in mps(given, node("n1", {PRODUCT: f"{A100}-MIG-1g.10gb"}))] == ["Node n1"]


def test_a_configuration_is_told_once() -> None:
    given = policy("mixed", default="any") + settings(any=MPS)
    assert len(mps(given, labelled("all-1g.10gb"), node("n2", {PRODUCT: A100}))) == 1


def test_time_slicing_of_slices_is_no_mps() -> None:
    assert not mps(policy("mixed", default="any"), settings(any=SLICED), labelled("all-1g.10gb"))
