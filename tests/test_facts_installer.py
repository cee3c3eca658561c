"""Facts about the operator's wiring: which ConfigMaps a policy names, and which of their entries are chosen."""

from __future__ import annotations

import pytest

from gpulint.facts.operator.installer import Choice, InstallerFact, choices, installer_facts
from gpulint.graph import Graph
from tests.linked import SLICED, WHOLE, document, linked, node, policy, settings

CONFIG = "nvidia.com/device-plugin.config"
LAYOUTS = """
version: v1
mig-configs:
  all-disabled:
    - devices: all
      mig-enabled: false
"""


def only_policy(graph: Graph) -> InstallerFact:
    (found,) = installer_facts(graph)
    return found


def only_choice(graph: Graph) -> Choice:
    (found,) = choices(graph)
    return found


@pytest.mark.parametrize(
    ("values", "content", "shares"),
    [
        pytest.param({"any": SLICED}, "device-plugin", True, id="time-slicing"),
        pytest.param({"gpu": "version: v1\nflags: {migStrategy: none}\n"}, "device-plugin", False, id="only flags"),
        pytest.param({"config.yaml": LAYOUTS}, "mig", False, id="mig-parted"),
        pytest.param({"any": SLICED, "config.yaml": LAYOUTS}, "both", True, id="one of each"),
        pytest.param({"notes": "buy more GPUs"}, "other", False, id="neither"),
        pytest.param({"any": SLICED.replace("4", "1")}, "device-plugin", False, id="refused, so nothing is shared"),
    ],
)
def test_what_a_named_config_map_holds(values: dict[str, str], content: str, shares: bool) -> None:
    found = only_policy(linked({"all.yaml": policy("any") + settings(**values)})).plugin_config
    assert (found.found, found.content, found.shares) == (True, content, shares)
    assert found.keys == tuple(sorted(values))


def test_a_config_map_that_is_not_in_the_input_is_unknown() -> None:
    found = only_policy(linked({"all.yaml": policy("any")})).plugin_config
    assert (found.name, found.found, found.content, found.shares) == ("settings", False, "unknown", False)


def test_of_several_definitions_the_nearest_counts() -> None:
    graph = linked(
        {
            "prod/policy.yaml": policy("any"),
            "prod/settings.yaml": settings(any=SLICED),
            "test/settings.yaml": settings(any=WHOLE),
        }
    )
    assert only_policy(graph).plugin_config.shares


def test_definitions_that_are_equally_near_decide_nothing() -> None:
    files = {"policy.yaml": policy("gone"), "a/one.yaml": settings(any=SLICED), "b/two.yaml": settings(any=SLICED)}
    graph = linked(files)
    assert not only_policy(graph).plugin_config.found
    assert list(choices(graph)) == []


def test_the_cluster_policy_of_kyverno_is_another_kind() -> None:
    kyverno = document("ClusterPolicy", "limits", "kyverno.io/v1", spec={"devicePlugin": {"config": {"name": "gpu"}}})
    assert list(installer_facts(linked({"all.yaml": kyverno}))) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(node(labels={CONFIG: "any"}), id="a Node"),
        pytest.param(f"---\n# kubectl label node gpu-1 {CONFIG}=any\n{settings('gpu-notes')}", id="a comment"),
    ],
)
def test_whatever_speaks_of_the_label_counts_as_labelled(text: str) -> None:
    assert only_policy(linked({"a.yaml": policy() + settings(any=SLICED), "b.yaml": text})).nodes_labelled
    assert not only_policy(linked({"a.yaml": policy() + settings(any=SLICED)})).nodes_labelled


@pytest.mark.parametrize(
    ("default", "found"),
    [("any", True), ("Any", False), ("all", False)],
)
def test_a_default_is_a_key_of_the_config_map(default: str, found: bool) -> None:
    choice = only_choice(linked({"all.yaml": policy(default) + settings(any=SLICED, whole=WHOLE)}))
    assert (choice.by, choice.key, choice.found) == ("default", default, found)
    assert choice.keys == ("any", "whole")
    assert choice.who == "ClusterPolicy cluster-policy"


def test_a_label_is_a_key_of_the_config_map() -> None:
    graph = linked({"all.yaml": policy() + settings(any=SLICED) + node(labels={CONFIG: "tenth"})})
    choice = only_choice(graph)
    assert (choice.by, choice.who, choice.key, choice.found) == ("label", "Node gpu-1", "tenth", False)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(policy("${PROFILE}") + settings(any=SLICED), id="placeholder as default"),
        pytest.param(policy("{{ profile }}") + settings(any=SLICED), id="template as default"),
        pytest.param(
            policy() + settings(any=SLICED) + node(labels={CONFIG: "<your profile>"}), id="placeholder as label"
        ),
        pytest.param(policy("any"), id="the ConfigMap is elsewhere"),
        pytest.param(policy("any") + settings(**{"config.yaml": LAYOUTS}), id="the ConfigMap is a mig-parted file"),
        pytest.param(
            policy("any").replace('"devicePlugin": {', '"devicePlugin": {"enabled": false,') + settings(some=SLICED),
            id="the operator runs no device plugin",
        ),
    ],
)
def test_no_choice_where_nothing_can_be_said(files: str) -> None:
    assert list(choices(linked({"all.yaml": files}))) == []


def test_a_key_whose_value_is_broken_is_a_key() -> None:
    assert only_choice(linked({"all.yaml": policy("any") + settings(any="nvidia: b: c", whole=WHOLE)})).found


def test_places_are_the_tokens_themselves() -> None:
    graph = linked({"all.yaml": policy("tenth") + settings(any=SLICED)})
    assert only_choice(graph).place.field() == "spec.devicePlugin.config.default"
    assert only_policy(graph).plugin_config.place.field() == "spec.devicePlugin.config.name"
    assert only_policy(graph).plugin_config.key_place.field() == "data.any"


@pytest.mark.parametrize(("folder", "confidence"), [("prod/gpu", "high"), ("", "high"), ("staging", "medium")])
def test_a_config_map_of_an_unrelated_folder_may_be_another_clusters(folder: str, confidence: str) -> None:
    path = f"{folder}/map.yaml".removeprefix("/")
    files = {"prod/operator/policy.yaml": policy("gone"), path: settings(any=SLICED)}
    assert only_choice(linked(files)).confidence == confidence
