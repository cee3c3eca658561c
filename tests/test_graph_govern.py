"""Which configuration governs a node: the strategy, the chosen device-plugin config, the MIG layout."""

from __future__ import annotations

import pytest

from gpulint.graph import Graph, link
from gpulint.graph.govern import Governed
from gpulint.graph.scope import Scope
from gpulint.source import read_stdin

A100 = "nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB"


def graph_of(**files: str) -> Graph:
    """File name (`__` for `/`, without `.yaml`) → text."""
    sources = tuple(read_stdin(text, f"{name.replace('__', '/')}.yaml") for name, text in files.items())
    return link(Scope("", sources, frozenset(), admission_adds_tolerations=False), {})


def governed(*texts: str) -> Governed:
    """What governs the only node of the input."""
    return only(graph_of(all="\n---\n".join(texts)))


def only(graph: Graph) -> Governed:
    (group,) = graph.nodes.groups
    (candidate,) = graph.nodes.candidates(group)
    return candidate.governed


def node(*labels: str, name: str = "n1", rest: str = "") -> str:
    lines = "".join(f"\n    {label}" for label in labels) or " {}"
    return f"apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels:{lines}\n{rest}"


def policy(spec: str) -> str:
    return f"apiVersion: nvidia.com/v1\nkind: ClusterPolicy\nmetadata:\n  name: gpus\nspec: {spec}\n"


def config_map(name: str, **entries: str) -> str:
    values = "".join(f"  {key.replace('__', '.')}: |\n{_indented(text, 4)}" for key, text in entries.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{values}"


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.strip().splitlines())


PLAIN = "version: v1\nsharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 2}]}}"
MIXED = f"{PLAIN}\nflags: {{migStrategy: mixed}}"
WIRED = "{devicePlugin: {config: {name: plugin, default: usual}}}"

# --- the strategy

STRATEGIES = {
    "the policy's own": ([policy("{mig: {strategy: single}}")], [], "single", "policy"),
    "the policy beats the file": (
        [policy("{mig: {strategy: single}, devicePlugin: {config: {name: plugin, default: usual}}}")],
        [config_map("plugin", usual=MIXED)],
        "single",
        "policy",
    ),
    "the plugin's environment beats the policy's field": (
        [policy("{mig: {strategy: single}, devicePlugin: {env: [{name: MIG_STRATEGY, value: mixed}]}}")],
        [],
        "mixed",
        "policy",
    ),
    "the last of two variables counts": (
        [
            policy(
                "{devicePlugin: {env: [{name: MIG_STRATEGY, value: single}, {name: MIG_STRATEGY, value: mixed},"
                " {name: X, value: none}]}}"
            )
        ],
        [],
        "mixed",
        "policy",
    ),
    "an argument beats the environment": (
        [
            policy(
                "{devicePlugin: {args: [--mig-strategy=none], env: [{name: MIG_STRATEGY, value: mixed}]},"
                " mig: {strategy: mixed}}"
            )
        ],
        [],
        "none",
        "policy",
    ),
    "the file of the default": ([policy(WIRED)], [config_map("plugin", usual=MIXED)], "mixed", "file"),
    "a file without a strategy": ([policy(WIRED)], [config_map("plugin", usual=PLAIN)], "none", "plugin-default"),
    "no file and no field": ([policy("{driver: {enabled: true}}")], [], "none", "plugin-default"),
    "an empty field": ([policy("{mig: {strategy: ''}}")], [], "none", "plugin-default"),
    "the named file is elsewhere": ([policy(WIRED)], [], "", ""),
    "a refused file": ([policy(WIRED)], [config_map("plugin", usual="version: v2\nsharing: {}")], "", ""),
    "another device plugin": ([policy("{mig: {strategy: mixed}, devicePlugin: {enabled: false}}")], [], "", ""),
    "nothing installs a plugin": ([], [], "", ""),
    "a file that nobody names": ([], [config_map("plugin", usual=MIXED)], "mixed", "file"),
    "a file that nobody names and that states none": ([], [config_map("plugin", usual=PLAIN)], "", ""),
}


@pytest.mark.parametrize(("policies", "maps", "strategy", "origin"), STRATEGIES.values(), ids=STRATEGIES.keys())
def test_strategy(policies: list[str], maps: list[str], strategy: str, origin: str) -> None:
    found = governed(*policies, *maps, node(A100))
    assert (found.strategy, found.strategy_origin) == (strategy, origin)


TOLD_BY_NODES = {
    "the label of feature discovery": (node(A100, "nvidia.com/mig.strategy: mixed"), "mixed"),
    "no such label on a node read from a cluster": (
        node(A100, 'nvidia.com/mig.capable: "true"', rest="status: {capacity: {nvidia.com/gpu: '8'}}"),
        "none",
    ),
    "the product of slices under single": (node("nvidia.com/gpu.product: NVIDIA-A30-MIG-1g.6gb"), "single"),
    "slices that it advertises": (
        node(A100, rest="status: {allocatable: {nvidia.com/mig-1g.10gb: '7'}}"),
        "mixed",
    ),
    "no slices and no feature discovery": (node(A100, rest="status: {capacity: {nvidia.com/gpu: '8'}}"), "single"),
    "no label on a node that is only declared": (node(A100, 'nvidia.com/mig.capable: "true"'), "single"),
    "a value that feature discovery never writes": (node(A100, "nvidia.com/mig.strategy: none"), "single"),
}


@pytest.mark.parametrize(("text", "strategy"), TOLD_BY_NODES.values(), ids=TOLD_BY_NODES.keys())
def test_what_a_node_says_counts_for_more_than_the_policy(text: str, strategy: str) -> None:
    assert governed(policy("{mig: {strategy: single}}"), text).strategy == strategy


def test_the_place_of_a_strategy_that_nobody_sets_is_where_it_would_be() -> None:
    place = governed(policy("{driver: {enabled: true}}"), node(A100)).strategy_place
    assert place is not None
    assert (place.location().line, place.field()) == (5, "spec.mig.strategy")


# --- the device-plugin config

TWO = config_map("plugin", usual=PLAIN, other=MIXED)
CHOICES = {
    "by the node's label": ([policy(WIRED), TWO], ["nvidia.com/device-plugin.config: other"], "label", "other"),
    "by the default": ([policy(WIRED), TWO], [], "default", "usual"),
    "by nobody": ([policy("{devicePlugin: {config: {name: plugin}}}"), TWO], [], "fallback", ""),
    "by a label, though no config is named": (
        [policy("{devicePlugin: {enabled: true}}"), TWO],
        ["nvidia.com/device-plugin.config: other"],
        "fallback",
        "",
    ),
    "by a label that names no entry": ([policy(WIRED), TWO], ["nvidia.com/device-plugin.config: x"], "unknown", ""),
    "by a label without an installer": ([TWO], ["nvidia.com/device-plugin.config: other"], "label", "other"),
    "one of several without an installer": ([TWO], [], "unknown", ""),
    "the only one without an installer": ([config_map("plugin", usual=PLAIN)], [], "only-config", "usual"),
}


@pytest.mark.parametrize(("installers", "labels", "origin", "key"), CHOICES.values(), ids=CHOICES.keys())
def test_chosen_config(installers: list[str], labels: list[str], origin: str, key: str) -> None:
    found = governed(*installers, node(A100, *labels))
    assert (found.origin, found.entry.key if found.entry else "") == (origin, key)


def test_the_policy_in_the_nearest_folder_governs() -> None:
    graph = graph_of(
        east__policy=policy("{mig: {strategy: mixed}}"),
        west__policy=policy("{mig: {strategy: single}}"),
        west__nodes__n=node(A100),
    )
    assert only(graph).strategy == "single"


def test_policies_equally_far_away_govern_as_alternatives() -> None:
    graph = graph_of(
        east__policy=policy("{mig: {strategy: mixed}}"),
        west__policy=policy("{mig: {strategy: single}}"),
        nodes__n=node(A100),
    )
    found = [candidate.governed for candidate in graph.nodes.candidates(graph.nodes.groups[0])]
    assert [each.strategy for each in found] == ["mixed", "single"]
    assert all(each.tied for each in found)


# --- the MIG layout

SLICES = """\
version: v1
mig-configs:
  thirds:
    - {devices: all, mig-enabled: true, mig-devices: {2g.20gb: 3}}
  half:
    - {devices: [0], mig-enabled: true, mig-devices: {3g.40gb: 2}}
    - {devices: [1], mig-enabled: false}
  by-board:
    - {device-filter: "0x20B710DE", devices: all, mig-enabled: true, mig-devices: {1g.6gb: 4}}
    - {device-filter: "0x20B210DE", devices: all, mig-enabled: true, mig-devices: {1g.10gb: 7}}
  other-board:
    - {device-filter: "0x20B710DE", devices: all, mig-enabled: true, mig-devices: {1g.6gb: 4}}
  new-board:
    - {device-filter: "0x3FFF10DE", devices: all, mig-enabled: true, mig-devices: {1g.6gb: 4}}
  open:
    - {devices: all, mig-enabled: true, mig-devices: {1g.10gb: "${COUNT}"}}
  whole:
    - {devices: all, mig-enabled: false}
  all-1g.10gb:
    - {devices: all, mig-enabled: true, mig-devices: {1g.10gb: 4}}
"""
MANAGED = policy("{migManager: {config: {name: slices}}}")
CUSTOM = config_map("slices", config__yaml=SLICES)
LAYOUTS = {
    "a config for all GPUs": ([MANAGED, CUSTOM], "thirds", {"2g.20gb": 3}, True),
    "a config for some GPUs": ([MANAGED, CUSTOM], "half", {"3g.40gb": 2}, True),
    "the entry whose filter names the node's board": ([MANAGED, CUSTOM], "by-board", {"1g.10gb": 7}, True),
    "no entry for the node's board": ([MANAGED, CUSTOM], "other-board", None, False),
    "a filter with an id that is not known": ([MANAGED, CUSTOM], "new-board", None, False),
    "a placeholder": ([MANAGED, CUSTOM], "open", None, False),
    "MIG off": ([MANAGED, CUSTOM], "whole", {}, True),
    "a name that the file does not hold": ([MANAGED, CUSTOM], "all-2g.20gb", None, False),
    "the file has a name that would be generated": ([MANAGED, CUSTOM], "all-1g.10gb", {"1g.10gb": 4}, True),
    "generated, as the policy names no file": ([policy("{}"), CUSTOM], "all-1g.10gb", {"1g.10gb": 7}, True),
    "generated, as nothing else is there": ([], "all-balanced", {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}, True),
    "not generated for this GPU": ([], "all-1g.5gb", None, False),
    "a file that nobody names": ([CUSTOM], "thirds", {"2g.20gb": 3}, True),
    "generated, as the policy names the operator's own file": (
        [policy("{migManager: {config: {name: default-mig-parted-config}}}")],
        "all-1g.10gb",
        {"1g.10gb": 7},
        True,
    ),
    "a file under a key that is not read": ([MANAGED, config_map("slices", thirds=SLICES)], "thirds", None, False),
    "the named file is elsewhere": ([MANAGED], "all-disabled", None, False),
    "a refused file": (
        [MANAGED, config_map("slices", config__yaml=SLICES.replace("version: v1\n", ""))],
        "thirds",
        None,
        False,
    ),
    "switched off": ([policy("{}")], "all-disabled", {}, True),
    "a placeholder for the name": ([], "${MIG_CONFIG}", None, False),
}


@pytest.mark.parametrize(("objects", "label", "profiles", "known"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layout(objects: list[str], label: str, profiles: dict[str, int] | None, known: bool) -> None:
    found = governed(*objects, node(A100, f"nvidia.com/mig.config: {label}"))
    assert (None if found.layout is None else dict(found.layout.profiles), found.layout_known) == (profiles, known)


def test_a_layout_for_some_gpus_is_not_uniform() -> None:
    layout = governed(MANAGED, CUSTOM, node(A100, "nvidia.com/mig.config: half")).layout
    assert layout is not None
    assert (layout.enabled, layout.uniform) == (True, False)


def test_a_layout_without_devices_is_not_enabled() -> None:
    layout = governed(MANAGED, CUSTOM, node(A100, "nvidia.com/mig.config: whole")).layout
    assert layout is not None
    assert not layout.enabled


def test_two_files_that_disagree_leave_the_layout_open() -> None:
    other = config_map("more", config__yaml=SLICES.replace("2g.20gb: 3", "2g.20gb: 2"))
    found = governed(CUSTOM, other, node(A100, "nvidia.com/mig.config: thirds"))
    assert (found.layout, found.layout_known) == (None, False)


UNLABELLED = {
    "a GPU without MIG": ("nvidia.com/gpu.product: NVIDIA-L4", True),
    "a GPU with MIG": (A100, False),
    "an unknown GPU": ("example.com/pool: gpu", False),
}


@pytest.mark.parametrize(("label", "known"), UNLABELLED.values(), ids=UNLABELLED.keys())
def test_without_a_label_a_gpu_with_mig_may_be_cut_by_anybody(label: str, known: bool) -> None:
    found = governed(MANAGED, CUSTOM, node(label))
    assert (found.layout, found.layout_known) == (None, known)


def test_a_config_map_that_no_values_name_may_be_named_by_others() -> None:
    values = "driver: {enabled: false}\ntoolkit: {enabled: true}\ndevicePlugin: {enabled: true}\ngfd: {enabled: true}\n"
    found = governed(values, config_map("plugin", usual=PLAIN), node(A100))
    assert (found.origin, found.wired, found.strategy) == ("only-config", False, "single")


def test_a_config_map_that_stands_twice_says_what_one_does() -> None:
    """A copy of it is no contradiction; one with other content is."""
    own = config_map("plugin", usual=PLAIN)
    assert governed(policy(WIRED), own, own, node(A100)).origin == "default"
    assert governed(policy(WIRED), own, config_map("plugin", usual=MIXED), node(A100)).origin == "unknown"
