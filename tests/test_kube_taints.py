"""Tolerations, against k8s.io/api core/v1/toleration.go."""

from typing import Literal

import pytest

from gpulint.kube.taints import (
    Taint,
    Toleration,
    near_miss,
    normal_effect,
    parse_taints,
    parse_tolerations,
    tolerance,
    tolerates,
    untolerated,
)

GPU = Taint("nvidia.com/gpu", "present", "NoSchedule")

CASES: dict[str, tuple[dict[str, object], Taint, Literal["yes", "no", "maybe"]]] = {
    "equal": ({"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}, GPU, "yes"),
    "no operator means Equal": ({"key": "nvidia.com/gpu", "value": "present"}, GPU, "yes"),
    "no value is the empty value": ({"key": "nvidia.com/gpu", "effect": "NoSchedule"}, GPU, "no"),
    "Exists takes any value": ({"key": "nvidia.com/gpu", "operator": "Exists"}, GPU, "yes"),
    "no effect means every effect": ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": None}, GPU, "yes"),
    "another effect": ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoExecute"}, GPU, "no"),
    "another key": ({"key": "nvidia.com/gpu.shared", "operator": "Exists"}, GPU, "no"),
    "no key with Exists tolerates everything": ({"operator": "Exists"}, GPU, "yes"),
    "keys are case sensitive": ({"key": "NVIDIA.com/gpu", "operator": "Exists"}, GPU, "no"),
    "an unknown operator": ({"key": "nvidia.com/gpu", "operator": "In", "value": "present"}, GPU, "no"),
    "a boolean value reads as text": (
        {"key": "nvidia.com/gpu", "value": True},
        Taint("nvidia.com/gpu", "true", "NoSchedule"),
        "yes",
    ),
    "an empty taint value": ({"key": "gpu"}, Taint("gpu", "", "NoSchedule"), "yes"),
    "Gt is behind a feature gate": (
        {"key": "tier", "operator": "Gt", "value": "3"},
        Taint("tier", "5", "NoSchedule"),
        "maybe",
    ),
    "Gt that fails": ({"key": "tier", "operator": "Gt", "value": "5"}, Taint("tier", "5", "NoSchedule"), "no"),
    "Lt of a word": ({"key": "tier", "operator": "Lt", "value": "5"}, Taint("tier", "gold", "NoSchedule"), "no"),
    "value to be filled in": ({"key": "nvidia.com/gpu", "value": "${TAINT}"}, GPU, "maybe"),
    "key to be filled in": ({"key": "<taint key>", "operator": "Exists"}, GPU, "maybe"),
    "value to be filled in for another key": ({"key": "other", "value": "${TAINT}"}, GPU, "no"),
    "value to be filled in under Exists": ({"key": "nvidia.com/gpu", "operator": "Exists", "value": "$X"}, GPU, "yes"),
    "the taint's value is to be filled in": (
        {"key": "nvidia.com/gpu", "value": "a"},
        Taint("nvidia.com/gpu", "{{ .Values.taint }}", "NoSchedule"),
        "maybe",
    ),
}


@pytest.mark.parametrize(("toleration", "taint", "expected"), CASES.values(), ids=CASES)
def test_tolerance(toleration: dict[str, object], taint: Taint, expected: str) -> None:
    tolerations = parse_tolerations([toleration])
    assert tolerance(tolerations, taint) == expected
    assert tolerates(tolerations, taint) is (expected == "yes")
    assert bool(untolerated([taint], tolerations)) is (expected == "no")


def test_prefer_no_schedule_never_blocks() -> None:
    soft, hard = Taint("a", "", "PreferNoSchedule"), Taint("b", "", "NoExecute")
    assert untolerated([hard, soft, hard], ()) == (hard,)


def test_a_list_to_be_filled_in_might_tolerate_anything() -> None:
    assert untolerated([GPU], parse_tolerations("${TOLERATIONS}")) == ()
    assert untolerated([GPU], parse_tolerations(["{{ .Values.toleration }}"])) == ()


@pytest.mark.parametrize("malformed", [None, "text", 3, {"key": "a"}, ["text"], [None]])
def test_malformed_tolerations_are_none(malformed: object) -> None:
    assert parse_tolerations(malformed) == ()


def test_tolerations_keep_their_place() -> None:
    first, second = parse_tolerations([{"key": "a"}, "text", {"key": "b"}])[0:2]
    assert (first.path, second.path) == (("tolerations", 0), ("tolerations", 2))


@pytest.mark.parametrize(
    ("written", "taints"),
    [
        ([{"key": "a", "value": "b", "effect": "NoSchedule"}], [Taint("a", "b", "NoSchedule")]),
        ([{"key": "a", "effect": "NO_EXECUTE"}], [Taint("a", "", "NoExecute")]),
        ([{"key": "a", "effect": "prefer-no-schedule"}], [Taint("a", "", "PreferNoSchedule")]),
        (["sku=gpu:NoSchedule"], [Taint("sku", "gpu", "NoSchedule")]),
        (["dedicated:NoSchedule"], [Taint("dedicated", "", "NoSchedule")]),
        ({"nvidia.com/gpu": "true:NoSchedule"}, [Taint("nvidia.com/gpu", "true", "NoSchedule")]),
        (None, []),
        ("text", []),
    ],
    ids=[
        "objects",
        "Google Cloud spelling",
        "Cluster API spelling",
        "kubectl text",
        "without a value",
        "eksctl map",
        "absent",
        "text",
    ],
)
def test_forms_of_taints(written: object, taints: list[Taint]) -> None:
    assert list(parse_taints(written)) == taints


def test_unknown_effects_are_kept() -> None:
    assert normal_effect("Sometimes") == "Sometimes"


def test_a_taint_prints_as_kubectl_writes_it() -> None:
    assert [str(GPU), str(Taint("a", "", "NoExecute"))] == ["nvidia.com/gpu=present:NoSchedule", "a:NoExecute"]


def test_a_near_miss_names_value_or_effect() -> None:
    by_value = Toleration("nvidia.com/gpu", "Equal", "true", "NoSchedule", ("tolerations", 1))
    by_effect = Toleration("nvidia.com/gpu", "Exists", "", "NoExecute", ("tolerations", 0))
    for toleration, reason in ((by_value, "value"), (by_effect, "effect")):
        miss = near_miss([Toleration("other", "Exists", "", ""), toleration], GPU)
        assert miss is not None
        assert (miss.toleration, miss.reason, miss.taint) == (toleration, reason, GPU)


def test_no_near_miss_when_another_toleration_tolerates() -> None:
    wrong, right = Toleration("nvidia.com/gpu", "Equal", "true", ""), Toleration("", "Exists", "", "")
    assert near_miss([wrong, right], GPU) is None
    assert near_miss([Toleration("other", "Exists", "", "")], GPU) is None
