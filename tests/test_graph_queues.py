"""Which queue a name means, and how much of a resource it ever has."""

from __future__ import annotations

import pytest

from gpulint.graph.queues import UNBOUNDED, Queues, queues
from tests.linked import document, linked

KUEUE = "kueue.x-k8s.io/v1beta1"


def read(**files: str) -> Queues:
    graph = linked({f"{name.replace('_', '/')}.yaml": text for name, text in files.items()})
    return queues(graph.manifests, graph.given_namespaces)


def local(namespace: str = "", cluster: str = "cq") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    return document("LocalQueue", "lq", KUEUE, metadata=metadata, spec={"clusterQueue": cluster})


def meant(found: Queues, namespace: str, folder: str = "") -> list[tuple[str, str]]:
    return [(each.namespace, each.cluster_queue) for each in found.local_queues("lq", namespace, folder)]


def test_the_namespace_decides_then_the_folder() -> None:
    found = read(a_q=local("a"), b_q=local("b", "far"), c_q=local())
    assert meant(found, "b") == [("b", "far")]
    assert meant(found, "elsewhere") == [("", "cq")]
    assert meant(found, "", "a") == [("a", "cq")]
    assert len(meant(found, "", "d")) == 3
    assert found.local_queues("other", "a", "") == ()


def test_a_kustomization_gives_the_namespace() -> None:
    kustomization = (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: team\nresources: [q.yaml]\n"
    )
    found = read(d_q=local(), d_kustomization=kustomization)
    assert [each.namespace for each in found.local] == ["team"]


@pytest.mark.parametrize(
    ("resource", "spec", "bound"),
    [
        ({"nominalQuota": 8}, {}, 8),
        ({"nominalQuota": "8", "borrowingLimit": 4}, {}, 8),
        ({"nominalQuota": 8}, {"cohort": "all"}, UNBOUNDED),
        ({"nominalQuota": 8}, {"cohortName": "all"}, UNBOUNDED),
        ({"nominalQuota": 8, "borrowingLimit": 4}, {"cohort": "all"}, 12),
        ({"nominalQuota": "${N}"}, {}, UNBOUNDED),
        ({}, {}, UNBOUNDED),
    ],
)
def test_the_most_a_queue_ever_has(resource: dict[str, object], spec: dict[str, object], bound: int) -> None:
    flavors = [{"name": "any", "resources": [{"name": "nvidia.com/gpu", **resource}]}]
    groups = [{"coveredResources": ["nvidia.com/gpu"], "flavors": flavors}]
    (queue,) = read(q=document("ClusterQueue", "cq", KUEUE, spec={"resourceGroups": groups, **spec})).cluster
    assert dict(queue.groups[0].flavors[0].bounds) == {"nvidia.com/gpu": bound}
    assert (queue.covered, queue.open) == (("nvidia.com/gpu",), False)


@pytest.mark.parametrize("spec", [{}, {"resourceGroups": "${GROUPS}"}, {"resourceGroups": [{"flavors": []}]}])
def test_groups_that_are_filled_in_later_leave_it_open(spec: dict[str, object]) -> None:
    (queue,) = read(q=document("ClusterQueue", "cq", KUEUE, spec=spec)).cluster
    assert queue.open
