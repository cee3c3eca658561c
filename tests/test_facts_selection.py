"""Labels of GPU nodes that pods and flavors select by."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.scheduling.selection import Selection, selections
from tests.linked import MPS, RENAMED, SLICED, WHOLE, affinity, document, linked, node, pod, policy, settings
from tests.test_graph_installers import release

PRODUCT = "nvidia.com/gpu.product"
FAMILY = "nvidia.com/gpu.family"
T4 = "Tesla-T4"


def found(*texts: str, others: Mapping[str, str] | None = None) -> list[Selection]:
    return list(selections(linked({"all.yaml": "".join(texts), **(others or {})})))


def never(*texts: str, others: Mapping[str, str] | None = None) -> list[tuple[str, str, str]]:
    return [(each.key, each.never, each.place.field()) for each in found(*texts, others=others) if each.never]


def changed(*texts: str) -> list[tuple[str, str]]:
    return [(each.changed, each.changed_confidence) for each in found(*texts) if each.changed]


def flavor(labels: Mapping[str, str], name: str = "small") -> str:
    return document("ResourceFlavor", name, "kueue.x-k8s.io/v1beta1", spec={"nodeLabels": dict(labels)})


def test_a_value_a_key_and_a_flavor() -> None:
    assert never(
        pod(nodeSelector={PRODUCT: "NVIDIA-T4", "nvidia.com/gpu.model": T4, "tier": "gold"}),
        flavor({FAMILY: "Ampere"}),
    ) == [
        (PRODUCT, "value", f'spec.nodeSelector["{PRODUCT}"]'),
        ("nvidia.com/gpu.model", "key", 'spec.nodeSelector["nvidia.com/gpu.model"]'),
        (FAMILY, "value", f'spec.nodeLabels["{FAMILY}"]'),
    ]


@pytest.mark.parametrize(
    ("terms", "count"),
    [
        pytest.param([[(PRODUCT, "In", ["NVIDIA-T4", "T4"])]], 1, id="every value"),
        pytest.param([[(PRODUCT, "In", ["NVIDIA-T4", T4])]], 0, id="one value is right"),
        pytest.param([[(PRODUCT, "In", ["NVIDIA-T4"])], [(PRODUCT, "In", [T4])]], 0, id="one term is right"),
        pytest.param([[(PRODUCT, "In", ["NVIDIA-T4"])], [(FAMILY, "In", ["Turing"])]], 2, id="no term is right"),
        pytest.param([[(PRODUCT, "NotIn", ["NVIDIA-T4"])]], 1, id="an exclusion without effect"),
        pytest.param([[(PRODUCT, "NotIn", ["NVIDIA-T4", T4])]], 0, id="an exclusion with effect"),
        pytest.param([[("nvidia.com/gpu.model", "DoesNotExist", [])]], 0, id="a key that must not be there"),
        pytest.param([[("nvidia.com/gpu.model", "Exists", [])]], 1, id="a key that must be there"),
        pytest.param([[("nvidia.com/gpu.memory", "Gt", ["40Gi"])]], 1, id="a bound that is no number"),
        pytest.param([[(PRODUCT, "In", ["${GPU}"])]], 0, id="a placeholder"),
    ],
)
def test_alternatives(terms: list[list[tuple[str, str, list[str]]]], count: int) -> None:
    assert len(never(pod(affinity=affinity(*terms)))) == count


@pytest.mark.parametrize(
    ("text", "others"),
    [
        pytest.param(node(labels={PRODUCT: "NVIDIA-T4"}), {}, id="a node has it"),
        pytest.param("", {"label.sh": f"kubectl label node gpu-1 {PRODUCT}=NVIDIA-T4\n"}, id="a script sets it"),
        pytest.param(
            document(
                "NodeFeatureRule",
                "own",
                "nfd.k8s-sigs.io/v1alpha1",
                spec={"rules": [{"name": "t4", "labels": {PRODUCT: "NVIDIA-T4"}}]},
            ),
            {},
            id="a rule of node feature discovery sets it",
        ),
        pytest.param(
            document("ConfigMap", "topology", data={"topology.yml": "nodePools:\n  a:\n    gpuProduct: NVIDIA-T4\n"}),
            {},
            id="a simulator sets it",
        ),
    ],
)
def test_what_the_input_declares(text: str, others: Mapping[str, str]) -> None:
    assert never(pod(nodeSelector={PRODUCT: "NVIDIA-T4"}), text, others=others) == []


def test_another_flavor_declares_nothing() -> None:
    both = flavor({PRODUCT: "NVIDIA-T4"}, "one") + flavor({PRODUCT: "NVIDIA-T4"}, "other")
    assert len(never(both)) == 2


@pytest.mark.parametrize(
    ("selector", "pairs"),
    [
        pytest.param({PRODUCT: T4, FAMILY: "ampere"}, 1, id="another family"),
        pytest.param({PRODUCT: T4, FAMILY: "turing"}, 0, id="its family"),
        pytest.param({PRODUCT: T4, "nvidia.com/gpu.compute.major": "8"}, 1, id="another compute capability"),
        pytest.param({PRODUCT: "NVIDIA-Future", FAMILY: "ampere"}, 0, id="a product that is not known"),
        pytest.param({PRODUCT: "NVIDIA-H100", FAMILY: "ampere"}, 0, id="a product that is not certain"),
    ],
)
def test_pairs(selector: Mapping[str, str], pairs: int) -> None:
    said = [each for each in found(pod(nodeSelector=dict(selector))) if each.never == "pair"]
    assert len(said) == pairs
    assert all(each.other_place.field() == f'spec.nodeSelector["{PRODUCT}"]' for each in said)


SHARED_T4 = [(f"{T4}-SHARED", "medium")]
POOL = {"tier": "small", "node.kubernetes.io/instance-type": "g4dn.xlarge"}
CHANGES: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "time-slicing for all": ([policy("any"), settings(any=SLICED)], SHARED_T4),
    "MPS for all": ([policy("any"), settings(any=MPS)], SHARED_T4),
    "renamed": ([policy("any"), settings(any=RENAMED)], []),
    "no default": ([policy(), settings(any=SLICED)], []),
    "another configuration can be chosen": (
        [policy("any"), settings(any=SLICED, one=WHOLE)],
        [(f"{T4}-SHARED", "low")],
    ),
    "no installer": ([settings(any=SLICED)], [(f"{T4}-SHARED", "low")]),
    "a pool of that product": (
        [policy("any"), settings(any=SLICED, one=WHOLE), node(labels=POOL)],
        [(f"{T4}-SHARED", "high")],
    ),
    "a pool of that product that is not shared": (
        [
            policy("any"),
            settings(any=SLICED, one=WHOLE),
            node(labels={**POOL, "nvidia.com/device-plugin.config": "one"}),
        ],
        [],
    ),
    "a label of a node from the cluster itself": (
        [
            policy("any"),
            settings(any=SLICED),
            node(labels={PRODUCT: T4}, status={"allocatable": {"nvidia.com/gpu": 1}}),
        ],
        [],
    ),
    "a label of a node that is only declared": (
        [policy("any"), settings(any=SLICED), node(labels={PRODUCT: T4})],
        SHARED_T4,
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_sharing_makes_of_a_product(case: str) -> None:
    texts, expected = CHANGES[case]
    assert changed(pod(nodeSelector={PRODUCT: T4}), *texts) == expected
    assert changed(pod(nodeSelector={PRODUCT: f"{T4}-SHARED"}), *texts) == []


def test_both_names_of_a_product() -> None:
    either = affinity([(PRODUCT, "In", [T4, f"{T4}-SHARED"])])
    assert changed(pod(affinity=either), policy("any"), settings(any=SLICED)) == []


def test_a_flavor_of_a_shared_product() -> None:
    assert changed(flavor({PRODUCT: T4}), policy("any"), settings(any=SLICED)) == SHARED_T4


def test_without_feature_discovery_nobody_changes_labels() -> None:
    chart = release(
        "nvidia-device-plugin", {"gfd": {"enabled": False}, "config": {"map": {"any": SLICED}, "default": "any"}}
    )
    assert changed(pod(nodeSelector={PRODUCT: T4}), chart) == [(f"{T4}-SHARED", "low")]
