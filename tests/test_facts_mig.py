"""Facts about MIG: what an entry of a configuration is applied to, what pods that ask for slices meet, filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from gpulint.config import DEFAULTS, Config
from gpulint.facts import derive
from gpulint.facts.mig.profile import FilterFact, LayoutFact, ProfileUse
from gpulint.gpu.stock import stock_configs
from gpulint.graph import Graph, link
from gpulint.graph.scope import Scope
from gpulint.linter import Options, lint
from gpulint.source import read_stdin

FIXTURES = Path(__file__).parent / "fixtures"


def graph_of(*texts: str, complete: frozenset[str] = frozenset()) -> Graph:
    source = read_stdin("\n---\n".join(texts), "all.yaml")
    return link(Scope("", (source,), complete, admission_adds_tolerations=False), {})


def facts(*texts: str, complete: frozenset[str] = frozenset()) -> Iterator[object]:
    return derive(graph_of(*texts, complete=complete), DEFAULTS)


def use(*texts: str, where: str = "config") -> ProfileUse:
    """The only use of a profile in that place."""
    (found,) = (each for each in facts(*texts) if isinstance(each, ProfileUse) and each.where == where)
    return found


def layout(*texts: str) -> LayoutFact:
    (found,) = (each for each in facts(*texts) if isinstance(each, LayoutFact))
    return found


def device_filter(*texts: str) -> FilterFact:
    (found,) = (each for each in facts(*texts) if isinstance(each, FilterFact))
    return found


def node(product: str, config: str = "", name: str = "n1", rest: str = "") -> str:
    labels = {"nvidia.com/gpu.product": product, **({"nvidia.com/mig.config": config} if config else {})}
    metadata = {"name": name, "labels": labels}
    return f"apiVersion: v1\nkind: Node\nmetadata: {yaml.safe_dump(metadata, default_flow_style=True)}\n{rest}"


def slices(configs: Mapping[str, list[dict[str, object]]], name: str = "slices", key: str = "config.yaml") -> str:
    file = yaml.safe_dump({"version": "v1", "mig-configs": dict(configs)}, sort_keys=False)
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  {key}: |\n" + "".join(
        f"    {line}\n" for line in file.splitlines()
    )


def entry(profiles: Mapping[str, object], device_filter: object = None) -> dict[str, object]:
    filtered = {} if device_filter is None else {"device-filter": device_filter}
    return {**filtered, "devices": "all", "mig-enabled": True, "mig-devices": dict(profiles)}


def pod(resource: str, selector: str = "{}") -> str:
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: t}\nspec:\n"
        f"  nodeSelector: {selector}\n"
        f"  containers: [{{name: c, image: example.com/c, resources: {{limits: {{{resource}: 1}}}}}}]\n"
    )


POLICY = "apiVersion: nvidia.com/v1\nkind: ClusterPolicy\nmetadata: {name: g}\nspec: "
H200 = node("NVIDIA-H200")
A30 = node("NVIDIA-A30", name="n2")

# --- what an entry is applied to

TARGETS = {
    "the GPU of the filter, whatever the nodes are": (
        [slices({"x": [entry({"1g.10gb": 1}, "0x233510DE")]}), node("NVIDIA-A30", "x")],
        ["H200 141GB"],
        False,
        "high",
    ),
    "the node that chooses it, not the others": (
        [slices({"x": [entry({"1g.6gb": 1})]}), node("NVIDIA-H200", "x"), node("NVIDIA-A30", "other", name="n2")],
        ["H200 141GB"],
        False,
        "high",
    ),
    "every node that chooses it": (
        [slices({"x": [entry({"1g.6gb": 1})]}), node("NVIDIA-A30", "x"), node("NVIDIA-H200", "x", name="n2")],
        ["H200 141GB"],
        False,
        "high",
    ),
    "a node that chooses it and has the profile": (
        [slices({"x": [entry({"1g.6gb": 1})]}), node("NVIDIA-A30", "x"), H200.replace("n1", "n2")],
        ["A30 24GB"],
        True,
        "high",
    ),
    "the declared nodes, when none chooses it": (
        [slices({"x": [entry({"1g.10gb": 1})]}), H200, A30],
        ["A30 24GB", "H200 141GB"],
        False,
        "medium",
    ),
    "one of the declared nodes, when none chooses it": (
        [slices({"x": [entry({"1g.6gb": 1})]}), H200, A30],
        ["A30 24GB", "H200 141GB"],
        True,
        "low",
    ),
    "a node that chooses another configuration for now": (
        [slices({"x": [entry({"1g.10gb": 1})]}), node("NVIDIA-H200", "other")],
        ["H200 141GB"],
        False,
        "medium",
    ),
    "declared nodes without MIG": ([slices({"x": [entry({"1g.10gb": 1})]}), node("Tesla-T4")], [], True, "low"),
    "a node without MIG that chooses it": (
        [slices({"x": [entry({"1g.10gb": 1})]}), node("Tesla-T4", "x")],
        ["Tesla T4"],
        False,
        "high",
    ),
    "a GPU that is not known": ([slices({"x": [entry({"1g.10gb": 1})]}), node("NVIDIA-X9000", "x")], [], True, "low"),
    "a filter that matches nothing": (
        [slices({"x": [entry({"1g.10gb": 1}, "0x2335")]}), node("NVIDIA-H200", "x")],
        ["H200 141GB"],
        False,
        "high",
    ),
    "a filter with an unknown id": (
        [slices({"x": [entry({"1g.10gb": 1}, "0x3FFF10DE")]}), node("NVIDIA-H200", "x")],
        [],
        True,
        "low",
    ),
    "a file under another key than the one that is read": (
        [
            POLICY + "{migManager: {config: {name: slices}}}",
            slices({"x": [entry({"1g.10gb": 1})]}, key="x"),
            node("NVIDIA-H200", "x"),
        ],
        ["H200 141GB"],
        False,
        "high",
    ),
    "a file beside the one that the policy names": (
        [
            POLICY + "{migManager: {config: {name: other}}}",
            slices({"x": [entry({"1g.10gb": 1})]}),
            node("NVIDIA-H200", "x"),
        ],
        [],
        True,
        "low",
    ),
}


@pytest.mark.parametrize(("texts", "gpus", "on_gpus", "confidence"), TARGETS.values(), ids=TARGETS.keys())
def test_targets(texts: list[str], gpus: list[str], on_gpus: bool, confidence: str) -> None:
    found = use(*texts)
    assert (list(found.gpus), found.on_gpus, found.confidence) == (gpus, on_gpus, confidence)


@pytest.mark.parametrize("complete", [frozenset[str](), frozenset({"nodes"})], ids=["some nodes", "all nodes"])
def test_a_configuration_that_others_of_the_file_outdo_may_be_for_other_nodes(complete: frozenset[str]) -> None:
    file = slices({"x": [entry({"1g.10gb": 7})], "y": [entry({"1g.18gb": 7})]})
    uses = (each for each in facts(file, H200, complete=complete) if isinstance(each, ProfileUse))
    found = next(each for each in uses if each.name == "1g.10gb")
    assert (found.on_gpus, found.confidence) == (False, "low")


def test_a_copy_of_a_shipped_configuration_may_be_for_other_nodes() -> None:
    assert use(slices({"all-1g.6gb": [entry({"1g.6gb": 4})]}), H200).confidence == "low"
    assert use(slices({"quarters": [entry({"1g.6gb": 4})]}), H200).confidence == "medium"


def test_an_early_name_of_a_profile_is_not_denied() -> None:
    assert use(slices({"x": [entry({"1g.24gb": 7}, "0x294110DE")]})).on_gpus


# --- layouts

FITTING = {
    "one GPU of the catalogue takes it": ([slices({"x": [entry({"1g.10gb": 7})]})], True, "high"),
    "none does": ([slices({"x": [entry({"1g.10gb": 8})]})], False, "high"),
    "not the one of the filter": ([slices({"x": [entry({"1g.10gb": 7}, "0x20B010DE")]})], False, "high"),
    "the second GPU of two filters": (
        [slices({"x": [entry({"1g.10gb": 7}, ["0x20B210DE", "0x20B010DE"])]})],
        False,
        "high",
    ),
    "not the nodes that choose it": (
        [slices({"x": [entry({"1g.10gb": 7})]}), node("NVIDIA-A100-SXM4-40GB", "x")],
        False,
        "high",
    ),
    "not the nodes there are, but it is a copy of NVIDIA's": (
        [slices({"all-1g.10gb": [entry({"1g.10gb": 7})]}), node("NVIDIA-A100-SXM4-40GB")],
        True,
        "high",
    ),
    "not the nodes there are": (
        [slices({"x": [entry({"1g.10gb": 6})]}), node("NVIDIA-A100-SXM4-40GB")],
        False,
        "medium",
    ),
    "no GPU at all, so not the nodes there are": (
        [slices({"x": [entry({"1g.10gb": 8})]}), node("NVIDIA-A100-SXM4-40GB")],
        False,
        "high",
    ),
    "a profile that the nodes do not have is told elsewhere": (
        [slices({"x": [entry({"1g.20gb": 7})]}), node("NVIDIA-H200", "x")],
        True,
        "high",
    ),
    "an unknown device": ([slices({"x": [entry({"1g.10gb": 8}, "0x3FFF10DE")]})], False, "medium"),
    "a profile that no GPU has": ([slices({"x": [entry({"1g.11gb": 8})]})], True, "high"),
}


@pytest.mark.parametrize(("texts", "fits", "confidence"), FITTING.values(), ids=FITTING.keys())
def test_fits(texts: list[str], fits: bool, confidence: str) -> None:
    found = layout(*texts)
    assert (found.fits, found.confidence) == (fits, confidence)


PLACES = {
    "the only count": ({"1g.18gb": 8}, 'data["config.yaml"].mig-configs.x[0].mig-devices["1g.18gb"]'),
    "the count that is too large by itself": (
        {"3g.71gb": 1, "1g.35gb": 5},
        'data["config.yaml"].mig-configs.x[0].mig-devices["1g.35gb"]',
    ),
    "all of them together": ({"3g.71gb": 2, "1g.18gb": 1}, 'data["config.yaml"].mig-configs.x[0].mig-devices'),
}


@pytest.mark.parametrize(("profiles", "field"), PLACES.values(), ids=PLACES.keys())
def test_place_of_a_layout_that_does_not_fit(profiles: dict[str, int], field: str) -> None:
    assert layout(slices({"x": [entry(profiles)]})).place.field() == field


def test_entries_with_placeholders_are_left_alone() -> None:
    file = slices({"x": [entry({"1g.18gb": "${COUNT}", "9g.1gb": 8})]})
    assert not [each for each in facts(file) if isinstance(each, (LayoutFact, ProfileUse))]


ROOM = {
    "of every GPU that has it": ([slices({"x": [entry({"1g.10gb": 3})]})], ("1g.10gb",)),
    "of the GPU of the filter": (
        [slices({"x": [entry({"3g.71gb": 1}, "0x233510DE")]})],
        ("4g.71gb", "3g.71gb", "2g.35gb", "1g.35gb", "1g.18gb"),
    ),
    "none": ([slices({"x": [entry({"3g.71gb": 2})]})], ()),
    "more than there is": ([slices({"x": [entry({"3g.71gb": 3})]})], ()),
    "none on one of the GPUs that have it": ([slices({"x": [entry({"1g.24gb": 4})]})], ()),
    "under single only devices that are alike": (
        [
            POLICY + "{mig: {strategy: single}, migManager: {config: {name: slices}}}",
            slices({"x": [entry({"2g.20gb": 2})]}),
        ],
        ("2g.20gb",),
    ),
    "under mixed any": (
        [
            POLICY + "{mig: {strategy: mixed}, migManager: {config: {name: slices}}}",
            slices({"x": [entry({"2g.20gb": 3})]}),
        ],
        ("1g.20gb", "1g.10gb"),
    ),
    "by its name all devices are alike": ([slices({"all-2g.20gb-big": [entry({"2g.20gb": 3})]})], ()),
    "a name that NVIDIA ships": ([slices({"all-balanced": [entry({"3g.40gb": 1})]})], ()),
    "with media extensions": (
        [slices({"x": [entry({"1g.18gb+me": 1, "3g.71gb": 1})]})],
        ("2g.35gb", "1g.35gb", "1g.18gb"),
    ),
}


@pytest.mark.parametrize(("texts", "room"), ROOM.values(), ids=ROOM.keys())
def test_room_beside_a_layout(texts: list[str], room: tuple[str, ...]) -> None:
    assert layout(*texts).room == room


def test_what_gpus_have_instead_is_cut_to_what_helps() -> None:
    told = use(slices({"x": [entry({"1g.10gb": 1})]}), node("NVIDIA-B200", "x")).told
    assert told == "B200 has '1g.23gb', '1g.45gb', '2g.45gb', '3g.90gb', '4g.90gb', '7g.180gb'"
    with_media = use(slices({"x": [entry({"1g.10gb+me": 1})]}), node("NVIDIA-A30", "x")).told
    assert with_media == "A30 24GB has '1g.6gb', '1g.6gb+me', '2g.12gb', '2g.12gb+me', '4g.24gb'"
    several = use(slices({"x": [entry({"1g.10gb": 1})]}), H200, A30).told
    assert several == "A30 24GB, H200 141GB have '1g.6gb', '1g.18gb', '1g.35gb'"


# --- filters


def test_a_board_that_is_not_known_is_told_only_where_it_is_cut() -> None:
    off = {"devices": "all", "mig-enabled": False, "device-filter": "0x3FFF10DE"}
    assert not [each for each in facts(slices({"x": [off]})) if isinstance(each, FilterFact)]
    assert device_filter(slices({"x": [entry({}, "0x3FFF10DE")]})).verdict == "unknown-id"


FILTERS = {
    "the number that it holds": ([slices({"x": [entry({}, "0x20B7")]})], "0x20B710DE", "A30"),
    "the board of the node that chooses the configuration": (
        [slices({"x": [entry({}, "0x2339")]}), node("NVIDIA-H200", "x"), A30],
        "0x233510DE",
        "H200 of Node n1",
    ),
    "the board of the only nodes": (
        [slices({"x": [entry({}, "h200")]}), node("NVIDIA-H200-SHARED")],
        "0x233510DE",
        "H200 of Node n1",
    ),
    "nodes of two boards": ([slices({"x": [entry({}, "0x20B7")]}), H200, A30], "0x20B710DE", "A30"),
    "a number of no board": ([slices({"x": [entry({}, "0xABCD")]})], "0xABCD10DE", "device ABCD"),
    "nothing that could be meant": ([slices({"x": [entry({}, "gpu0!")]})], "", ""),
    "a filter that matches": ([slices({"x": [entry({}, "0x20B710DE")]}), H200], "", ""),
}


@pytest.mark.parametrize(("texts", "suggestion", "board"), FILTERS.values(), ids=FILTERS.keys())
def test_filter_that_was_meant(texts: list[str], suggestion: str, board: str) -> None:
    found = device_filter(*texts)
    assert (found.suggestion, found.board) == (suggestion, board)


COMMENTS = {
    "a board": ("# H200", "0x233510DE"),
    "a board among other words": ("# all of our H200 nodes", "0x233510DE"),
    "a board whose name holds another": ("# all H200 NVL", "0x233B10DE"),
    "two boards": ("# H200, H200 NVL", "0x233710DE"),
    "no board": ("# the big ones", "0x233710DE"),
}


@pytest.mark.parametrize(("comment", "suggestion"), COMMENTS.values(), ids=COMMENTS.keys())
def test_filter_that_the_comment_beside_it_means(comment: str, suggestion: str) -> None:
    file = (
        slices({"x": [entry({}, "0x2337")]})
        .replace("'0x2337'", f"'0x2337'  {comment}")
        .replace("0x2337\n", f"0x2337  {comment}\n")
    )
    assert device_filter(file).suggestion == suggestion


# --- pods


UNWIRED = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  any: |
    flags: {migStrategy: none}
    sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 2}]}}
"""
STRATEGIES = {
    "a policy that states it": ([POLICY + "{mig: {strategy: single}}"], "{}", "single", "high"),
    "a policy that leaves it to the plugin": ([POLICY + "{driver: {}}"], "{}", "none", "medium"),
    "a selector that names it": ([], "{nvidia.com/mig.strategy: mixed}", "mixed", "high"),
    "nobody": ([], "{}", "", "low"),
    "a product that is made under single": ([], "{nvidia.com/gpu.product: NVIDIA-A30-MIG-1g.6gb}", "single", "high"),
    "a config that an installer elsewhere may override": (
        [UNWIRED],
        "{}",
        "none",
        "low",
    ),
    "a node that says so, and others may exist": (
        [node("NVIDIA-H200").replace("labels: {", "labels: {nvidia.com/mig.strategy: single, ")],
        "{}",
        "single",
        "low",
    ),
}


@pytest.mark.parametrize(("texts", "selector", "strategy", "confidence"), STRATEGIES.values(), ids=STRATEGIES.keys())
def test_strategy_that_a_pod_meets(texts: list[str], selector: str, strategy: str, confidence: str) -> None:
    found = use(*texts, pod("nvidia.com/mig-1g.10gb", selector), where="pod")
    assert (found.strategy, found.strategy_confidence) == (strategy, confidence)


def test_the_plugins_strategy_says_nothing_of_a_resource_that_a_device_class_stands_for() -> None:
    claimed = (
        "apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: {name: mig.nvidia.com}\n"
        "spec: {extendedResourceName: nvidia.com/mig-1g.10gb}"
    )
    found = use(POLICY + "{mig: {strategy: single}}", claimed, pod("nvidia.com/mig-1g.10gb"), where="pod")
    assert (found.strategy, found.missing) == ("", "")


MANAGED = POLICY + "{mig: {strategy: mixed}, migManager: {config: {name: slices}}}"
THIRDS = slices({"thirds": [entry({"2g.20gb": 3})]})
SUPPLIES = {
    "the named file creates it": ([MANAGED, THIRDS], "nvidia.com/mig-2g.20gb", "", "low"),
    "the named file does not": ([MANAGED, THIRDS], "nvidia.com/mig-1g.10gb", "likely", "medium"),
    "a file that nobody names does not": ([THIRDS], "nvidia.com/mig-1g.10gb", "likely", "low"),
    "a label chooses a generated one that does": (
        [THIRDS, node("NVIDIA-A100-SXM4-80GB", "all-1g.10gb")],
        "nvidia.com/mig-1g.10gb",
        "",
        "low",
    ),
    "the named file is refused": ([MANAGED, THIRDS.replace("version: v1\n", "")], "nvidia.com/mig-1g.10gb", "", "low"),
    "the named file holds a placeholder": (
        [MANAGED, slices({"x": [entry({"${PROFILE}": 1})]})],
        "nvidia.com/mig-1g.10gb",
        "",
        "low",
    ),
    "the policy names the operator's own file": (
        [POLICY + "{mig: {strategy: mixed}, migManager: {config: {name: default-mig-parted-config}}}", THIRDS],
        "nvidia.com/mig-1g.10gb",
        "likely",
        "low",
    ),
    "the policy names no file": ([POLICY + "{mig: {strategy: mixed}}"], "nvidia.com/mig-1g.10gb", "", "low"),
    "nothing is known": ([], "nvidia.com/mig-1g.10gb", "", "low"),
}


@pytest.mark.parametrize(("texts", "resource", "missing", "confidence"), SUPPLIES.values(), ids=SUPPLIES.keys())
def test_supply(texts: list[str], resource: str, missing: str, confidence: str) -> None:
    found = use(*texts, pod(resource), where="pod")
    assert (found.missing, found.missing_confidence) == (missing, confidence)


def test_a_pod_on_nodes_that_are_cut_otherwise() -> None:
    selector = "{nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}"
    cut = node("NVIDIA-A100-SXM4-80GB", "thirds")
    assert use(MANAGED, THIRDS, cut, pod("nvidia.com/mig-1g.10gb", selector), where="pod").missing == "certain"
    assert use(MANAGED, THIRDS, cut, pod("nvidia.com/mig-2g.20gb", selector), where="pod").missing == ""


NEAREST = {
    "a layout in a configuration": (
        [slices({"x": [entry({"4g.80gb": 1, "1g.18gb": 3}, "0x233510DE")]})],
        "4g.71gb: 1, 1g.18gb: 3",
    ),
    "a resource in a pod": (
        [pod("nvidia.com/mig-1g.20gb", "{nvidia.com/gpu.product: NVIDIA-H200}")],
        "nvidia.com/mig-1g.18gb",
    ),
    "a shared resource in a pod": (
        [pod("nvidia.com/mig-1g.20gb.shared", "{nvidia.com/gpu.product: NVIDIA-H200}")],
        "nvidia.com/mig-1g.18gb.shared",
    ),
    "a configuration on a node": ([node("NVIDIA-H200", "all-1g.20gb")], "all-1g.18gb"),
}


@pytest.mark.parametrize(("texts", "would_do"), NEAREST.values(), ids=NEAREST.keys())
def test_what_would_do(texts: list[str], would_do: str) -> None:
    found = next(each for each in facts(*texts) if isinstance(each, ProfileUse))
    assert (found.on_gpus, found.would_do) == (False, would_do)


# --- whole repositories

LAYOUT_FINDINGS = {
    "mig-layouts-without-nodes": {
        ("operator.yaml", 20): (
            "mig-config-lacks-all-disabled",
            "ConfigMap slices has no configuration 'all-disabled'",
        ),
        ("operator.yaml", 22): ("mig-device-filter-matches-nothing", "2337 is the H100 SXM5 64GB"),
        ("operator.yaml", 26): ("mig-geometry-does-not-fit", "holds at most 4 instances of '1g.20gb'"),
        ("operator.yaml", 28): ("mig-device-filter-matches-nothing", "'0x233510DE' for the H200 that the comment"),
        ("operator.yaml", 32): ("mig-profile-unknown", "the nearest of 4g are '4g.71gb', '4g.72gb'"),
        ("pods.yaml", 25): ("mig-profile-unknown", "Pod team-b/translate asks for nvidia.com/mig-4g.80gb"),
    },
    "mig-layouts-beside-an-unlabelled-node": {
        ("operator.yaml", 20): (
            "mig-config-lacks-all-disabled",
            "ConfigMap slices has no configuration 'all-disabled'",
        ),
        ("operator.yaml", 22): ("mig-device-filter-matches-nothing", "'0x233510DE' for the H200 of Node worker-a"),
        ("operator.yaml", 26): (
            "mig-profile-not-on-gpu",
            "has '1g.18gb', '1g.35gb', '2g.35gb', '3g.71gb', '4g.71gb', '7g.141gb'; 1g.18gb: 6 would do",
        ),
        ("operator.yaml", 28): ("mig-device-filter-matches-nothing", "'0x233510DE' for the H200 of Node worker-a"),
        ("operator.yaml", 32): ("mig-profile-unknown", "'7g.141gb'; 4g.71gb: 1, 1g.18gb: 2 would do"),
        ("operator.yaml", 33): ("mig-profile-not-on-gpu", "'7g.141gb'; 4g.71gb: 1, 1g.18gb: 2 would do"),
        ("pods.yaml", 25): ("mig-profile-unknown", "nvidia.com/mig-4g.71gb would do"),
    },
    "mig-layouts-chosen-by-a-label": {
        ("operator.yaml", 20): (
            "mig-config-lacks-all-disabled",
            "ConfigMap slices has no configuration 'all-disabled'",
        ),
        ("operator.yaml", 22): ("mig-device-filter-matches-nothing", "'0x233510DE' for the H200 of Node worker-b"),
        ("operator.yaml", 26): ("mig-profile-not-on-gpu", "'7g.141gb'; 1g.18gb: 6 would do"),
        ("operator.yaml", 28): ("mig-device-filter-matches-nothing", "'0x233510DE' for the H200 of Node worker-a"),
        ("operator.yaml", 32): ("mig-profile-unknown", "'7g.141gb'; 4g.71gb: 1, 1g.18gb: 2 would do"),
        ("operator.yaml", 33): ("mig-profile-not-on-gpu", "'7g.141gb'; 4g.71gb: 1, 1g.18gb: 2 would do"),
        ("pods.yaml", 25): ("mig-profile-unknown", "nvidia.com/mig-4g.71gb would do"),
    },
}


@pytest.mark.parametrize("folder", LAYOUT_FINDINGS)
def test_layouts_of_another_gpu(folder: str) -> None:
    root = FIXTURES / folder
    found = {
        (each.location.path, each.location.line): (each.rule, each.message)
        for each in lint([root], Options(root=root), Config(ignore=("gpu-container-without-memory-limit",))).findings
    }
    expected = LAYOUT_FINDINGS[folder]
    assert {place: rule for place, (rule, _) in found.items()} == {place: rule for place, (rule, _) in expected.items()}
    for place, (_, part) in expected.items():
        assert part in found[place][1]


@pytest.mark.parametrize("product", ["", "NVIDIA-H100-80GB-HBM3", "NVIDIA-A30"])
def test_the_file_that_the_operator_ships_is_right(product: str, tmp_path: Path) -> None:
    shipped = {
        name: [
            {
                "devices": "all",
                "mig-enabled": each.layout.mig_enabled,
                **({"mig-devices": dict(each.layout.profiles)} if each.layout.mig_enabled else {}),
                **({"device-filter": [f"0x{device}10DE" for device in each.device_ids]} if each.device_ids else {}),
            }
            for each in entries
        ]
        for name, entries in stock_configs().items()
    }
    (tmp_path / "slices.yaml").write_text(slices(shipped), encoding="utf-8")
    if product:
        (tmp_path / "node.yaml").write_text(node(product), encoding="utf-8")
    assert not lint([tmp_path], Options(root=tmp_path, pedantic=True)).findings
