"""MIG configurations by name: what a node's label finds, and what the operator gives to nodes without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from gpulint.facts.mig.choice import MigChoice, MigManager, mig_choices, mig_managers
from tests.linked import document, linked, node

CONFIG = "nvidia.com/mig.config"
PRODUCT = "nvidia.com/gpu.product"
FILE = """
version: v1
mig-configs:
  halves:
    - {devices: all, mig-enabled: true, mig-devices: {3g.40gb: 2}}
  whole:
    - {devices: all, mig-enabled: false}
"""
COMPLETE = FILE + "  all-disabled: [{devices: all, mig-enabled: false}]\n"


def policy(name: str = "slices", **manager: object) -> str:
    config = {"name": name} if name else {}
    return document(
        "ClusterPolicy", "gpus", "nvidia.com/v1", spec={"migManager": {"config": config, **manager}, "mig": {}}
    )


def slices(text: str = FILE, key: str = "config.yaml", name: str = "slices") -> str:
    return document("ConfigMap", name, data={key: text})


def choice(*texts: str, label: str = "halve", product: str = "") -> MigChoice:
    labels = {CONFIG: label, **({PRODUCT: product} if product else {})}
    graph = linked({"all.yaml": "".join((*texts, node("n1", labels)))})
    (found,) = mig_choices(graph)
    return found


FOUND = {
    "in the named ConfigMap": ([policy(), slices()], "halves", ""),
    "the ConfigMap is elsewhere": ([policy()], "halve", ""),
    "the ConfigMap has another key": ([policy(), slices(key="halves")], "halve", ""),
    "the file is refused": ([policy(), slices(FILE.replace("version: v1", ""))], "halve", ""),
    "the file holds a placeholder": ([policy(), slices(FILE + "  ${MORE}: []\n")], "halve", ""),
    "generated for the GPU": ([policy("")], "all-3g.71gb", "NVIDIA-H200"),
    "generated for some GPU": ([policy("")], "all-3g.71gb", ""),
    "shipped, for a GPU whose profiles are not known": ([policy("")], "thirds", "NVIDIA-X9000"),
    "the MIG manager is off": ([policy("", enabled=False)], "thirds", ""),
    "a file that no policy names holds it": ([policy(""), slices()], "halves", ""),
    "a shipped name, and a file that nobody names": ([slices()], "all-balanced", ""),
    "nothing says what there is": ([], "thirds", ""),
    "a shipped name for another GPU, without an operator": ([], "all-1g.5gb", "NVIDIA-H200"),
    "a placeholder in a name": ([policy("${NAME}"), slices()], "thirds", ""),
}


@pytest.mark.parametrize(("texts", "label", "product"), FOUND.values(), ids=FOUND.keys())
def test_a_label_that_may_be_right(texts: list[str], label: str, product: str) -> None:
    unknown_gpu = product == "NVIDIA-X9000"
    assert choice(*texts, label=label, product=product).found is not unknown_gpu


MISSING = {
    "in the named ConfigMap": (
        [policy(), slices()],
        "halve",
        "",
        "ConfigMap slices holds 'halves', 'whole'",
        "halves",
        "high",
    ),
    "shipped, but replaced": (
        [policy(), slices()],
        "all-enabled",
        "",
        "ConfigMap slices holds 'halves', 'whole'",
        "",
        "high",
    ),
    "in two ConfigMaps of one name": (
        [policy(), slices(), slices(COMPLETE)],
        "thirds",
        "",
        "ConfigMap slices holds 'all-disabled', 'halves', 'whole'",
        "",
        "medium",
    ),
    "not generated for the GPU": (
        [policy("")],
        "all-2g.20gb",
        "NVIDIA-A30",
        (
            "the MIG manager generates 'all-1g.6gb', 'all-1g.6gb.me', 'all-2g.12gb', 'all-2g.12gb.me', 'all-4g.24gb', "
            "'all-balanced', 'all-disabled', 'all-enabled' for A30 24GB"
        ),
        "all-2g.12gb",
        "high",
    ),
    "not generated for any GPU": (
        [policy("")],
        "all_disabled",
        "",
        "the MIG manager generates none of that name on any GPU",
        "all-disabled",
        "high",
    ),
    "the operator's own ConfigMap is named": (
        [policy("default-mig-parted-config")],
        "thirds",
        "",
        "the MIG manager generates none of that name on any GPU",
        "",
        "high",
    ),
    "in the file that nobody names": (
        [slices()],
        "halve",
        "",
        "ConfigMap slices holds 'halves', 'whole'",
        "halves",
        "medium",
    ),
    "letters of a shipped name are missing": (
        [],
        "all-enable",
        "",
        "the MIG manager generates none of that name on any GPU",
        "all-enabled",
        "medium",
    ),
}


@pytest.mark.parametrize(
    ("texts", "label", "product", "told", "suggestion", "confidence"), MISSING.values(), ids=MISSING.keys()
)
def test_a_label_that_names_nothing(
    texts: list[str], label: str, product: str, told: str, suggestion: str, confidence: str
) -> None:
    found = choice(*texts, label=label, product=product)
    assert (found.found, found.told, found.suggestion, found.confidence) == (False, told, suggestion, confidence)


@pytest.mark.parametrize("label", ["", "$MIG_CONFIG", "${MIG_CONFIG}"])
def test_labels_that_say_nothing(label: str) -> None:
    graph = linked({"all.yaml": policy("") + node("n1", {CONFIG: label})})
    assert not list(mig_choices(graph))


def test_a_script_and_a_machine_set_choose_as_well() -> None:
    machines = document(
        "MachineSet",
        "gpu",
        "machine.openshift.io/v1beta1",
        spec={"template": {"spec": {"metadata": {"labels": {CONFIG: "thirds"}}}}},
    )
    script = f"kubectl label node n1 {CONFIG}=fifths --overwrite\n"
    graph = linked({"all.yaml": policy() + slices() + machines, "label.sh": script})
    found = {each.who: (each.found, each.place.location().path) for each in mig_choices(graph)}
    assert found == {"MachineSet gpu": (False, "all.yaml"), "node n1": (False, "label.sh")}


# --- what the operator gives to nodes


def managers(*texts: str, complete: tuple[str, ...] = ()) -> Iterator[MigManager]:
    return mig_managers(linked({"all.yaml": "".join(texts)}, complete=complete))


def manager(*texts: str, complete: tuple[str, ...] = ()) -> MigManager:
    (found,) = managers(*texts, complete=complete)
    return found


def _config(**fields: object) -> Mapping[str, object]:
    return {"name": "slices", **fields}


DEFAULTS = {
    "left out": (policy(), "all-disabled"),
    "stated": (policy(config=_config(default="all-disabled")), "all-disabled"),
    "empty": (policy(config=_config(default="")), ""),
}


@pytest.mark.parametrize(("text", "default"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_the_default_of_the_operator(text: str, default: str) -> None:
    assert manager(text, slices()).default == default


NODES = {
    "no nodes": ("", (), (True, "high")),
    "a node without a choice": (node("n1", {PRODUCT: "NVIDIA-A30"}), (), (True, "high")),
    "all declared nodes choose": (node("n1", {PRODUCT: "NVIDIA-A30", CONFIG: "whole"}), (), (True, "medium")),
    "all nodes choose": (node("n1", {PRODUCT: "NVIDIA-A30", CONFIG: "whole"}), ("nodes",), (False, "medium")),
    "a node without MIG needs no choice": (node("n1", {PRODUCT: "Tesla-T4"}), ("nodes",), (False, "high")),
}


@pytest.mark.parametrize(("text", "complete", "expected"), NODES.values(), ids=NODES.keys())
def test_nodes_that_may_get_the_default(text: str, complete: tuple[str, ...], expected: tuple[bool, str]) -> None:
    found = manager(policy(), slices(), text, complete=complete)
    assert (found.nodes_without_choice, found.confidence) == expected


SILENT = {
    "the MIG manager is off": [policy(enabled=False), slices()],
    "no policy": [slices()],
    "the ConfigMap is elsewhere": [policy()],
    "the file has a key that is not read": [policy(), slices(key="halves")],
}


@pytest.mark.parametrize("texts", SILENT.values(), ids=SILENT.keys())
def test_no_file_is_handed_over(texts: list[str]) -> None:
    assert not list(managers(*texts))


def test_two_policies_that_name_one_file_are_told_once() -> None:
    other = policy().replace('"gpus"', '"more"')
    assert manager(policy(), other, slices()).installer == "ClusterPolicy gpus"


def test_two_files_of_one_name_are_both_told() -> None:
    found = list(managers(policy(), slices(), slices(COMPLETE)))
    assert [("all-disabled" in each.configs, each.confidence) for each in found] == [
        (False, "medium"),
        (True, "medium"),
    ]
