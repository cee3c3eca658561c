"""What pods ask for against what nodes have."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.request.request import requests
from gpulint.facts.scheduling.demand import Demand, Load, demands, loads
from tests.linked import SLICED, document, linked, node, pod, policy, settings

GPU = "nvidia.com/gpu"
COUNT = "nvidia.com/gpu.count"


def demand(*texts: str, complete: tuple[str, ...] = ()) -> Demand:
    graph, owners = linked({"all.yaml": "".join(texts)}, complete=complete), Owners({})
    (found,) = demands(graph, owners, list(requests(graph, owners)))
    return found


def verdict(found: Demand) -> tuple[int, int, bool, str]:
    return found.units, found.most, found.only, found.confidence


POOL = {"pool": "a"}
LABELLED = {**POOL, COUNT: "4", "nvidia.com/gpu.product": "Tesla-T4"}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([node(status={"allocatable": {GPU: "4"}}), pod(GPU, 9)], (9, 4, True, "high"), id="a cluster"),
        pytest.param(
            [node(labels=LABELLED), pod(GPU, 9, nodeSelector=POOL)], (9, 4, True, "medium"), id="bound to a node"
        ),
        pytest.param([node(labels=LABELLED), pod(GPU, 9)], (9, 4, False, "low"), id="others may take it"),
        pytest.param(
            [pod(GPU, 9, nodeSelector={"node.kubernetes.io/instance-type": "p5.48xlarge"})],
            (9, 8, False, "medium"),
            id="the type that it selects",
        ),
        pytest.param(
            [pod(GPU, 9, nodeSelector={"cloud.google.com/gke-accelerator-count": "8"})],
            (9, 8, False, "medium"),
            id="the number that it selects",
        ),
        pytest.param(
            [node(labels=LABELLED), policy("any"), settings(any=SLICED), pod(GPU, 9, nodeSelector=POOL)],
            (9, 16, True, "high"),
            id="shares count",
        ),
        pytest.param(
            [node(labels=LABELLED), policy("any"), pod(GPU, 9, nodeSelector=POOL)],
            (9, -1, True, "medium"),
            id="a configuration that is not in the input may share",
        ),
        pytest.param([node("b", POOL), pod(GPU, 9, nodeSelector=POOL)], (9, -1, True, "medium"), id="unknown"),
    ],
)
def test_one_pod_against_the_largest_node(texts: list[str], expected: tuple[int, int, bool, str]) -> None:
    assert verdict(demand(*texts)) == expected


def test_a_node_of_unknown_size_may_be_large_enough() -> None:
    found = demand(node("a", LABELLED), node("b", POOL), pod(GPU, 9, nodeSelector=POOL))
    assert (found.most, found.nodes) == (-1, 2)


def test_the_largest_of_several_counts() -> None:
    small, large = (node(name, {**LABELLED, COUNT: count}) for name, count in (("a", "2"), ("b", "8")))
    found = demand(small, large, pod(GPU, 9, nodeSelector=POOL))
    assert (found.most, found.node, found.nodes) == (8, "Node b", 2)


def test_containers_add_up() -> None:
    containers = [{"name": name, "resources": {"limits": {GPU: units}}} for name, units in (("a", 2), ("b", 3))]
    found = demand(node(labels=LABELLED), pod(nodeSelector=POOL, containers=containers))
    assert (found.units, found.containers, found.place.field()) == (
        5,
        2,
        'spec.containers[1].resources.limits["nvidia.com/gpu"]',
    )


def test_virtual_gpus_are_counted_by_their_own_scheduler() -> None:
    graph = linked({"all.yaml": node(labels=LABELLED) + pod(GPU, 9, nodeSelector=POOL, schedulerName="hami-scheduler")})
    assert list(demands(graph, Owners({}), list(requests(graph, Owners({}))))) == []


# --- a pool -----------------------------------------------------------------------------------------------------------


def server(name: str, replicas: int, units: int, kind: str = "Deployment", **spec: object) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {GPU: units}}}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container], "nodeSelector": POOL, **spec},
    }
    return document(kind, name, "apps/v1", spec={"replicas": replicas, "template": template})


def pool(replicas: int = 1) -> str:
    template = {"spec": {"metadata": {"labels": POOL}, "providerSpec": {"value": {"instanceType": "g5.12xlarge"}}}}
    spec = {"replicas": replicas, "template": template}
    return document("MachineSet", "gpus", "machine.openshift.io/v1beta1", spec=spec)


def overloads(files: dict[str, str], *, complete: tuple[str, ...] = ()) -> list[Load]:
    return list(loads(linked(files, complete=complete), Owners({})))


def told(found: list[Load]) -> list[tuple[int, int, list[str], str]]:
    return [(each.wanted, each.has, [user.label for user in each.consumers], each.confidence) for each in found]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([pool(), server("a", 3, 2)], [(6, 4, ["Deployment a"], "medium")], id="one alone"),
        pytest.param([pool(2), server("a", 3, 2)], [], id="enough"),
        pytest.param(
            [pool(), server("a", 1, 2), server("b", 1, 3)],
            [(5, 4, ["Deployment b", "Deployment a"], "medium")],
            id="two together",
        ),
        pytest.param([pool(), server("a", 1, 2), server("a", 1, 4)], [], id="one object, written twice"),
        pytest.param([pool(), server("a", 2, 9)], [], id="each too large for any node, which is said of the pod"),
        pytest.param([pool(), server("a", 9, 2, nodeSelector={})], [], id="others can take them"),
        pytest.param([server("a", 9, 2)], [], id="no pool"),
        pytest.param([pool(), server("a", 0, 2), server("b", 1, 4)], [], id="one of them is scaled to nothing"),
    ],
)
def test_pods_at_once_against_a_pool(texts: list[str], expected: list[tuple[int, int, list[str], str]]) -> None:
    assert told(overloads({"all.yaml": "".join(texts)})) == expected


def test_nodes_that_are_alike_add_up() -> None:
    nodes = "".join(node(f"n{index}", POOL, status={"allocatable": {GPU: "4"}}) for index in range(3))
    (found,) = overloads({"all.yaml": nodes + server("a", 7, 2)})
    assert (found.wanted, found.has, found.pool, found.size) == (14, 12, "Node n0 and 2 more", "3 nodes with 4 each")
    assert found.confidence == "high"


def test_what_waits_in_a_queue_is_not_added_up() -> None:
    queued = server("a", 9, 2).replace('"name": "a"', '"name": "a", "labels": {"kueue.x-k8s.io/queue-name": "q"}', 1)
    assert overloads({"all.yaml": pool() + queued}) == []


def test_alternatives_of_samples_are_not_added_up() -> None:
    files = {"examples/pool.yaml": pool(), "examples/a.yaml": server("a", 1, 3), "examples/b.yaml": server("b", 1, 3)}
    assert overloads(files) == []
    assert told(overloads({path.replace("examples", "gpu"): text for path, text in files.items()})) == [
        (6, 4, ["Deployment a", "Deployment b"], "medium")
    ]


def test_a_part_of_the_pods_may_have_fewer_nodes() -> None:
    """Of the larger set of nodes there is nothing to say that is not said of the smaller."""
    nodes = node("a", {**POOL, COUNT: "2", "zone": "x"}) + node("b", {**POOL, COUNT: "2", "zone": "y"})
    files = {"all.yaml": nodes + server("one", 5, 1, nodeSelector={**POOL, "zone": "x"}) + server("two", 1, 1)}
    found = overloads(files)
    assert [(each.pool, each.wanted, each.has) for each in found] == [("Node a", 5, 2)]
