"""Facts about workloads as a whole: whether any declared node can take them."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.workload import WorkloadFact, workload_facts
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
    assert (fact.excluded, fact.selector_place.field()) == (2, "spec.tolerations")


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


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        pytest.param([pod(nodeSelector={"tier": "lead"}), node(labels=GOLD)], "spec.nodeSelector.tier", id="a label"),
        pytest.param([pod(), node(labels=GOLD, spec=TAINTED)], "spec.tolerations", id="a taint"),
        pytest.param(
            [pod(tolerations=[{"key": "nvidia.com/gpu", "value": "no"}]), node(labels=GOLD, spec=TAINTED)],
            "spec.tolerations[0].value",
            id="a taint that a toleration is for",
        ),
    ],
)
def test_where_it_is_said(texts: list[str], place: str) -> None:
    assert only_fact(*texts).selector_place.field() == place


@pytest.mark.parametrize(
    ("text", "undecided"),
    [
        pytest.param(pod(), True, id="nothing tells"),
        pytest.param(pod(tolerations=[{"operator": "Exists"}]), True, id="a toleration chooses nothing"),
        pytest.param(pod(nodeSelector={"tier": "gold"}), False, id="a selector"),
        pytest.param(pod("nvidia.com/mig-1g.5gb"), False, id="a profile"),
        pytest.param(pod("nvidia.com/gpu.shared"), False, id="a shared GPU"),
        pytest.param(
            pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}),
            False,
            id="a preference",
        ),
        pytest.param(
            pod().replace('"name": "app"', '"name": "app", "annotations": {"nvidia.com/use-gputype": "A30"}', 1),
            False,
            id="an annotation for another scheduler",
        ),
    ],
)
def test_what_says_which_gpu(text: str, *, undecided: bool) -> None:
    assert only_fact(text).undecided is undecided


def test_in_a_cluster_of_one_model_every_gpu_will_do() -> None:
    nodes = node(labels={"nvidia.com/gpu.product": "NVIDIA-L4"})
    assert not only_fact(pod(), nodes, complete=("nodes",)).undecided
    assert only_fact(pod(), nodes).undecided


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        pytest.param("sandbox", "sandbox", id="not there"),
        pytest.param("sandboxed", "", id="defined"),
        pytest.param("nvidia-cdi", "", id="brought by the GPU Operator"),
        pytest.param("kata-qemu-nvidia-gpu", "", id="brought by Kata Containers"),
        pytest.param("${CLASS}", "", id="a placeholder"),
    ],
)
def test_runtime_classes(name: str, missing: str) -> None:
    defined = document("RuntimeClass", "sandboxed", "node.k8s.io/v1", handler="sandboxed")
    complete = ("runtime-classes",)
    assert only_fact(pod(runtimeClassName=name), defined, complete=complete).runtime_class == missing
    assert only_fact(pod(runtimeClassName=name), defined).runtime_class == ""


# --- what counts as a node --------------------------------------------------------------------------------------------


def group(name: str, instance_type: str, cluster: str = "west", **labels: str) -> str:
    fields = {"name": name, "instanceType": instance_type, "labels": labels}
    return document("ClusterConfig", cluster, "eksctl.io/v1alpha5", managedNodeGroups=[fields])


@pytest.mark.parametrize(
    ("texts", "no_node", "evident"),
    [
        pytest.param([group("a", "g5.xlarge", tier="tin")], True, ("nodes",), id="a node group"),
        pytest.param(
            [group("a", "g5.xlarge", tier="tin"), group("b", "m7i.large", tier="gold")],
            True,
            ("nodes",),
            id="another without GPUs matches",
        ),
        pytest.param(
            [group("a", "g5.xlarge", tier="tin"), group("b", "g9.xlarge", tier="gold")],
            False,
            ("nodes",),
            id="another matches whose type nobody knows",
        ),
        pytest.param(
            [group("a", "g5.xlarge", tier="tin"), group("b", "g6.xlarge", "east", tier="lead")],
            True,
            (),
            id="nothing says which of two clusters is meant",
        ),
        pytest.param(
            [
                document(
                    "NodePool",
                    "fakes",
                    "kwok.sigs.run-ai.com/v1beta1",
                    spec={"nodeTemplate": {"metadata": {"labels": GOLD}}},
                )
            ],
            False,
            (),
            id="simulated nodes",
        ),
    ],
)
def test_only_nodes_that_may_have_gpus_are_open(texts: list[str], no_node: bool, evident: tuple[str, ...]) -> None:
    fact = only_fact(pod(nodeSelector={"tier": "gold"}), *texts)
    assert (fact.no_node, fact.evident) == (no_node, evident)


def test_the_name_of_a_pool_is_no_evidence() -> None:
    """Which pools there are is often written elsewhere; that labels have values of another kind is not."""
    fact = only_fact(pod(nodeSelector={"eks.amazonaws.com/nodegroup": "b"}), group("a", "g5.xlarge"))
    assert (fact.no_node, fact.evident) == (True, ())
