"""Values of labels and selectors that are no strings."""

from __future__ import annotations

import pytest

from gpulint.facts.scheduling.label_value import LabelValue, label_values
from tests.linked import document, linked, pod

HEAD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\nspec:\n"
GPU = "  containers:\n  - name: app\n    resources:\n      limits:\n        nvidia.com/gpu: 1\n"


def values(*texts: str) -> list[LabelValue]:
    return list(label_values(linked({"all.yaml": "".join(texts)})))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("8", ("number", "high"), id="a number"),
        pytest.param("1.5", ("number", "high"), id="a fraction"),
        pytest.param("0x1F", ("number", "high"), id="hexadecimal"),
        pytest.param("017", ("number", "high"), id="octal"),
        pytest.param("true", ("boolean", "high"), id="a boolean"),
        pytest.param("yes", ("boolean", "medium"), id="a boolean for kubectl only"),
        pytest.param("'8'", None, id="quoted"),
        pytest.param("8Gi", None, id="letters"),
        pytest.param("1.2.3", None, id="a version"),
        pytest.param("2024-01-31", None, id="a date"),
        pytest.param("", None, id="nothing"),
        pytest.param("${COUNT}", None, id="a placeholder"),
    ],
)
def test_what_yaml_reads(written: str, said: tuple[str, str] | None) -> None:
    found = values(f"{HEAD}  nodeSelector:\n    size: {written}\n{GPU}")
    assert [(each.type, each.confidence) for each in found] == ([said] if said else [])
    assert all(each.written == written for each in found)


def test_every_place_of_a_pod() -> None:
    selector = {"matchLabels": {"a": 1}, "matchExpressions": [{"key": "b", "operator": "In", "values": [2, "2"]}]}
    node = {"matchExpressions": [{"key": "c", "operator": "In", "values": [3]}]}
    text = pod(
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [node]},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": node}],
            },
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": selector}]},
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": {"labelSelector": selector}}]
            },
        },
        topologySpreadConstraints=[{"labelSelector": {"matchLabels": {"d": 4}}}],
    )
    assert [(each.field, each.key) for each in values(text)] == [
        ("affinity", "c"),
        ("affinity", "c"),
        ("matchLabels", "a"),
        ("affinity", "b"),
        ("matchLabels", "a"),
        ("affinity", "b"),
        ("matchLabels", "d"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            document("Node", "a", metadata={"labels": {"nvidia.com/gpu.count": 8}}), [("label", "high")], id="a node"
        ),
        pytest.param(document("Node", "a", metadata={"labels": {"size": 8}}), [], id="a node without GPUs"),
        pytest.param(
            document("ResourceFlavor", "a", "kueue.x-k8s.io/v1beta1", spec={"nodeLabels": {"nvidia.com/gpu.count": 8}}),
            [("nodeLabels", "medium")],
            id="a flavor",
        ),
        pytest.param(pod("cpu", nodeSelector={"size": 8}), [], id="a pod without GPUs"),
        pytest.param(
            pod("cpu", nodeSelector={"nvidia.com/gpu.count": 8}), [("nodeSelector", "high")], id="a label of GPU nodes"
        ),
        pytest.param(
            document(
                "TrainThing",
                "a",
                "example.com/v1",
                spec={
                    "template": {
                        "metadata": {"labels": {"run": 1}},
                        "spec": {
                            "nodeSelector": {"size": 8},
                            "containers": [{"name": "a", "resources": {"limits": {"nvidia.com/gpu": 1}}}],
                        },
                    }
                },
            ),
            [("label", "medium"), ("nodeSelector", "medium")],
            id="a kind that is not known",
        ),
    ],
)
def test_where(text: str, said: list[tuple[str, str]]) -> None:
    assert [(each.field, each.confidence) for each in values(text)] == said
