"""Facts about workloads as a whole: whether any declared node can take them."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.workload import WorkloadFact, workload_facts
from tests.linked import affinity, document, linked, node, pod

PRESENT = {"nvidia.com/gpu.present": "true"}
GOLD = {**PRESENT, "tier": "gold"}
TAINTED = {"taints": [{"key": "nvidia.com/gpu", "value": "yes", "effect": "NoSchedule"}]}


def only_fact(*texts: str, complete: tuple[str, ...] = ()) -> WorkloadFact:
    (found,) = workload_facts(linked({"all.yaml": "".join(texts)}, complete=complete), Owners({}))
    return found


@pytest.mark.parametrize(
    ("texts", "no_node"),
    [
        pytest.param([pod(nodeSelector={"tier": "gold"}), node(labels=GOLD)], False, id="it fits"),
        pytest.param([pod(nodeSelector={"tier": "lead"}), node(labels=GOLD)], True, id="another value"),
        pytest.param([pod(nodeSelector={"tier": "$TIER"}), node(labels=GOLD)], False, id="a placeholder"),
        pytest.param([pod(nodeSelector={"zone": "1"}), node(labels=GOLD)], False, id="a label nobody speaks of"),
        pytest.param(
            [pod(nodeSelector={"zone": "1"}), node(labels=GOLD), node("cpu", labels={"zone": "1"})],
            False,
            id="another node has it, and perhaps GPUs",
        ),
        pytest.param(
            [pod(nodeSelector={"topology.kubernetes.io/zone": "1"}), node(labels=GOLD)], False, id="set at run time"
        ),
        pytest.param([pod(nodeSelector={"tier": "lead"})], False, id="no node is declared"),
        pytest.param([pod(nodeSelector={"tier": "lead"}), node(labels={"tier": "tin"})], False, id="none has GPUs"),
        pytest.param([pod(), node(labels=GOLD, spec=TAINTED)], True, id="a taint"),
        pytest.param(
            [pod(nodeName="gpu-1"), node(labels=GOLD, spec=TAINTED)], False, id="a taint that nodeName bypasses"
        ),
        pytest.param(
            [
                pod(nodeName="gpu-1"),
                node(labels=GOLD, spec={"taints": [{**TAINTED["taints"][0], "effect": "NoExecute"}]}),
            ],
            True,
            id="one that evicts",
        ),
        pytest.param(
            [pod(tolerations=[{"operator": "Exists"}]), node(labels=GOLD, spec=TAINTED)], False, id="tolerated"
        ),
        pytest.param(
            [pod(affinity=affinity([("tier", "In", ["lead", "gold"])])), node(labels=GOLD)], False, id="one of two"
        ),
        pytest.param(
            [
                pod(nodeSelector={"tier": "lead"}),
                node(labels=GOLD),
                document("ResourceFlavor", "f", "kueue.x-k8s.io/v1beta1", spec={"nodeLabels": {"tier": "lead"}}),
            ],
            False,
            id="a flavor tells of such nodes",
        ),
    ],
)
def test_whether_a_declared_node_can_take_it(texts: list[str], no_node: bool) -> None:
    assert only_fact(*texts).no_node is no_node


def test_every_node_is_told_with_its_reason() -> None:
    fact = only_fact(
        pod(nodeSelector={"tier": "gold"}),
        node("b", labels={**PRESENT, "tier": "lead"}),
        node("a", labels=GOLD, spec=TAINTED),
    )
    assert [(each.name, each.reason) for each in fact.exclusions] == [
        ("Node a", "it does not tolerate nvidia.com/gpu=yes:NoSchedule"),
        ("Node b", "tier is 'lead', not 'gold'"),
    ]
    assert (fact.excluded, fact.selector_place.field()) == (2, "spec.nodeSelector.tier")


def test_few_of_many_reasons_are_told() -> None:
    rest = [node(f"n{index:02}", labels={**PRESENT, "tier": f"t{index // 2}"}) for index in range(40)]
    fact = only_fact(pod(nodeSelector={"tier": "gold"}), *rest)
    assert (fact.excluded, len(fact.exclusions)) == (40, 8)
    assert (fact.exclusions[0].name, fact.exclusions[0].reason) == ("Node n00 and 1 more", "tier is 't0', not 'gold'")


@pytest.mark.parametrize(
    ("text", "evident"),
    [
        pytest.param(pod(nodeSelector={"tier": "lead"}), ("nodes",), id="a label of the declared node"),
        pytest.param(pod(nodeSelector={"tier": "gold"}), ("nodes",), id="a label that the tainted node has"),
        pytest.param(pod(nodeSelector=PRESENT), (), id="a label that every node with GPUs has"),
        pytest.param(pod(), (), id="it only does not tolerate a taint: other nodes may have none"),
        pytest.param(
            pod(tolerations=[{"key": "nvidia.com/gpu", "value": "no", "effect": "NoSchedule"}]),
            ("nodes",),
            id="a toleration for that taint, but another value",
        ),
    ],
)
def test_whether_it_speaks_of_the_declared_nodes(text: str, evident: tuple[str, ...]) -> None:
    fact = only_fact(text, node(labels=GOLD, spec=TAINTED))
    assert (fact.no_node, fact.evident) == (True, evident)
