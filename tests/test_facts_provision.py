"""What Karpenter never makes a node for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.provision import Provision, provisions
from tests.linked import affinity, document, linked, node, pod

PRODUCT = "nvidia.com/gpu.product"
T4 = {PRODUCT: "Tesla-T4"}


def karpenter(labels: Mapping[str, str] | None = None, *requirements: Mapping[str, object], **spec: object) -> str:
    family = {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g4dn"]}
    template = {"metadata": {"labels": labels or {}}, "spec": {"requirements": [family, *requirements], **spec}}
    return document("NodePool", "pool", "karpenter.sh/v1", spec={"template": template})


def found(*texts: str, complete: Sequence[str] = ()) -> list[Provision]:
    return list(provisions(linked({"all.yaml": "".join(texts)}, complete=complete), Owners({})))


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        pytest.param(
            [karpenter(), pod(nodeSelector=T4)], ["nvidia.com/gpu.product=Tesla-T4"], id="a label of discovery"
        ),
        pytest.param([karpenter(T4), pod(nodeSelector=T4)], [], id="which the pool gives"),
        pytest.param(
            [karpenter({}, {"key": PRODUCT, "operator": "In", "values": ["Tesla-T4"]}), pod(nodeSelector=T4)],
            [],
            id="or requires",
        ),
        pytest.param(
            [karpenter(), pod(nodeSelector={"karpenter.k8s.aws/instance-gpu-name": "t4"})], [], id="well known"
        ),
        pytest.param([karpenter(), pod(nodeSelector={"team": "a"})], [], id="a label of somebody's own"),
        pytest.param(
            [karpenter(), pod(affinity=affinity([(PRODUCT, "NotIn", ["Tesla-T4"])]))], [], id="it must not have one"
        ),
        pytest.param([karpenter(), pod(nodeSelector={PRODUCT: "$PRODUCT"})], [], id="a placeholder"),
        pytest.param([karpenter(), pod("nvidia.com/gpu.shared")], ["nvidia.com/gpu.shared"], id="renamed shares"),
        pytest.param([karpenter(), pod("nvidia.com/mig-1g.5gb")], ["nvidia.com/mig-1g.5gb"], id="slices"),
        pytest.param([karpenter(), pod()], [], id="whole GPUs"),
        pytest.param([pod(nodeSelector=T4)], [], id="no Karpenter"),
        pytest.param([karpenter(), node("own"), pod(nodeSelector=T4)], [], id="a node that may have it"),
        pytest.param(
            [
                karpenter(),
                document(
                    "ClusterConfig",
                    "west",
                    "eksctl.io/v1alpha5",
                    managedNodeGroups=[{"name": "system", "instanceType": "m7i.large"}],
                ),
                pod(nodeSelector=T4),
            ],
            ["nvidia.com/gpu.product=Tesla-T4"],
            id="a node group without GPUs",
        ),
        pytest.param(
            [karpenter(taints=[{"key": "gpu", "effect": "NoSchedule"}]), pod(nodeSelector=T4)],
            [],
            id="a pool that would not take it anyway",
        ),
        pytest.param([karpenter(), pod(nodeName="own", nodeSelector=T4)], [], id="a node by name"),
    ],
)
def test_what_karpenter_cannot_provide(texts: list[str], names: list[str]) -> None:
    assert [each.name for each in found(*texts)] == names


def test_every_alternative_is_told_where_none_will_do() -> None:
    terms = affinity([(PRODUCT, "In", ["Tesla-T4", "Tesla-V100"])], [("nvidia.com/gpu.memory", "Gt", ["15000"])])
    assert [each.name for each in found(karpenter(), pod(affinity=terms))] == [
        "nvidia.com/gpu.product=Tesla-T4 or nvidia.com/gpu.product=Tesla-V100",
        "nvidia.com/gpu.memory Gt 15000",
    ]
    open_ = affinity([(PRODUCT, "In", ["Tesla-T4"])], [("karpenter.sh/capacity-type", "In", ["spot"])])
    assert found(karpenter(), pod(affinity=open_)) == []


def test_it_is_sure_where_all_nodes_are_known() -> None:
    texts = karpenter(), pod(nodeSelector=T4)
    assert [each.confidence for each in (*found(*texts), *found(*texts, complete=["nodes"]))] == ["medium", "high"]
