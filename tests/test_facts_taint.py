"""Taints that close nodes to workloads, and tolerations that miss them."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.taint import TaintFact, TolerationFact, taint_facts, toleration_facts
from tests.linked import document, linked, node, pod

PRESENT = {"nvidia.com/gpu.present": "true"}
KEY = "nvidia.com/gpu"


def tainted(name: str = "gpu-1", labels: dict[str, str] | None = None, /, **taint: str) -> str:
    return node(name, {**PRESENT, **(labels or {})}, spec={"taints": [{"effect": "NoSchedule", **taint}]})


USUAL = tainted(key=KEY, value="present")


def taints(*texts: str, complete: tuple[str, ...] = (), tolerated: bool = False) -> list[TaintFact]:
    graph = linked({"all.yaml": "".join(texts)}, complete=complete, tolerated=tolerated)
    return list(taint_facts(graph, Owners({})))


def misses(*texts: str) -> list[TolerationFact]:
    return list(toleration_facts(linked({"all.yaml": "".join(texts)}), Owners({})))


def queued(**spec: object) -> str:
    container = {"name": "app", "resources": {"limits": {KEY: 1}}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container], **spec}}
    labels = {"kueue.x-k8s.io/queue-name": "all"}
    return document("Job", "queued", "batch/v1", metadata={"labels": labels}, spec={"template": template})


def flavor(**spec: object) -> str:
    labels = {"nodeLabels": {"tier": "gold"}}
    return document("ResourceFlavor", "gold", "kueue.x-k8s.io/v1beta1", spec={**labels, **spec})


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        pytest.param([pod(), USUAL], [(True, 1)], id="the only node"),
        pytest.param([pod(), USUAL, tainted("gpu-2", key="team", value="a")], [(True, 2)], id="all nodes"),
        pytest.param([pod(), USUAL, node("gpu-2", PRESENT)], [(False, 1)], id="one of two"),
        pytest.param([pod(), USUAL, node("cpu", {"disk": "ssd"})], [(False, 1)], id="another node may have a GPU"),
        pytest.param([pod(tolerations=[{"key": KEY, "operator": "Exists"}]), USUAL], [], id="tolerated"),
        pytest.param([pod(tolerations="${TOLERATIONS}"), USUAL], [], id="a placeholder"),
        pytest.param([pod(tolerations=[{"key": KEY, "effect": "NoSchedule"}]), USUAL], [], id="a miss says more"),
        pytest.param([pod(nodeName="gpu-1"), USUAL], [], id="bound without the scheduler"),
        pytest.param([pod(nodeSelector={"tier": "lead"}), tainted("a", {"tier": "tin"}, key=KEY)], [], id="not meant"),
        pytest.param([pod(), tainted(key="node.kubernetes.io/unreachable")], [], id="a taint that goes away"),
        pytest.param([pod(), tainted(key=KEY, effect="PreferNoSchedule")], [], id="a preference"),
        pytest.param([pod(KEY, 0), USUAL], [], id="asks for none"),
        pytest.param([pod("cpu"), USUAL], [], id="asks for no GPU"),
        pytest.param([queued(), USUAL, flavor(tolerations=[{"operator": "Exists"}])], [], id="its flavors tolerate it"),
        pytest.param(
            [
                pod(runtimeClassName="nvidia"),
                USUAL,
                document(
                    "RuntimeClass",
                    "nvidia",
                    "node.k8s.io/v1",
                    handler="nvidia",
                    scheduling={"tolerations": [{"key": KEY, "operator": "Exists"}]},
                ),
            ],
            [],
            id="its RuntimeClass tolerates it",
        ),
    ],
)
def test_taints(texts: list[str], said: list[tuple[bool, int]]) -> None:
    assert [(each.every, len(each.nodes)) for each in taints(*texts)] == said


def test_admission_adds_tolerations() -> None:
    assert taints(pod(), USUAL, complete=("nodes",), tolerated=True) == []
    assert len(taints(pod(), tainted(key="team", value="a"), complete=("nodes",), tolerated=True)) == 1


def sureness(*texts: str, complete: tuple[str, ...] = ()) -> str:
    (fact,) = taints(*texts, complete=complete)
    return fact.confidence


def test_how_sure_it_is() -> None:
    elsewhere = {"clusters/a/nodes.yaml": USUAL, "apps/b/pod.yaml": pod()}
    (apart,) = taint_facts(linked(elsewhere), Owners({}))
    assert sureness(pod(), USUAL, complete=("nodes",)) == "high"
    assert sureness(pod(), USUAL) == "medium"
    assert apart.confidence == "low"
    tolerant = pod(tolerations=[{"operator": "Exists"}]).replace('"app"', '"other"')
    (beside,) = taint_facts(linked({**elsewhere, "apps/c/pod.yaml": tolerant}), Owners({}))
    assert beside.confidence == "medium"


def test_policies_may_add_tolerations() -> None:
    kyverno = document("ClusterPolicy", "gpus", "kyverno.io/v1", spec={"rules": [{"mutate": {"tolerations": "gpu"}}]})
    assert sureness(pod(), USUAL, kyverno, complete=("nodes",)) == "low"


def test_a_pool_for_others_is_closed_on_purpose() -> None:
    texts = pod(nodeSelector={"tier": "a"}), node("gpu-2", {**PRESENT, "tier": "a"})
    assert sureness(*texts, tainted("gpu-1", {"tier": "a"}, key="team", value="b")) == "low"
    assert sureness(*texts, tainted("gpu-1", {"tier": "a"}, key=KEY, value="present")) == "medium"


@pytest.mark.parametrize(
    ("toleration", "taint", "said"),
    [
        pytest.param({"key": KEY}, {"key": KEY, "value": "present"}, ("value", "high"), id="no value"),
        pytest.param({"key": "team"}, {"key": "team", "value": "a"}, ("value", "high"), id="no value, any key"),
        pytest.param({"key": KEY, "value": "true"}, {"key": KEY, "value": "yes"}, ("value", "medium"), id="another"),
        pytest.param({"key": KEY, "value": "true"}, {"key": KEY}, ("value", "high"), id="the taint has none"),
        pytest.param(
            {"key": KEY, "operator": "Exists", "effect": "NoExecute"}, {"key": KEY}, ("effect", "high"), id="effect"
        ),
        pytest.param({"key": "team", "value": "b"}, {"key": "team", "value": "a"}, None, id="another team"),
        pytest.param({"key": KEY, "operator": "Exists"}, {"key": KEY, "value": "present"}, None, id="Exists"),
        pytest.param({"key": KEY, "value": "${V}"}, {"key": KEY, "value": "present"}, None, id="a placeholder"),
        pytest.param({"key": KEY}, {"key": KEY, "value": "a", "effect": "PreferNoSchedule"}, None, id="a preference"),
        pytest.param({"key": KEY, "operator": "Gt", "value": "3"}, {"key": KEY, "value": "2"}, None, id="a comparison"),
    ],
)
def test_tolerations(toleration: dict[str, str], taint: dict[str, str], said: tuple[str, str] | None) -> None:
    found = misses(pod(tolerations=[toleration]), tainted(**taint))
    assert [(each.misses, each.confidence) for each in found] == ([said] if said else [])


def test_a_toleration_for_other_nodes() -> None:
    both = tainted("gpu-2", key=KEY) + USUAL
    assert misses(pod(tolerations=[{"key": KEY}]), both) == []


def test_pods_without_gpus_miss_taints_too() -> None:
    (found,) = misses(pod("cpu", tolerations=[{"key": KEY, "effect": "NoSchedule"}]), USUAL)
    assert (found.toleration, found.taint) == ("nvidia.com/gpu:NoSchedule", "nvidia.com/gpu=present:NoSchedule")
