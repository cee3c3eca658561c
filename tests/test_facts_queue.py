"""Workloads that Kueue never admits, and queues that lead nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.queue import QueueFault, queue_faults
from tests.linked import document, linked

GPU = "nvidia.com/gpu"
KUEUE = "kueue.x-k8s.io/v1beta1"


def cluster_queue(
    quotas: Mapping[str, Mapping[str, object]], name: str = "cq", *, covered: Sequence[str] = (GPU,), **spec: object
) -> str:
    """`quotas`: flavor → resource → nominal quota, or a mapping with more of it."""
    flavors = [
        {
            "name": flavor,
            "resources": [
                {"name": resource, **(amount if isinstance(amount, Mapping) else {"nominalQuota": amount})}
                for resource, amount in amounts.items()
            ],
        }
        for flavor, amounts in quotas.items()
    ]
    groups = [{"coveredResources": list(covered), "flavors": flavors}]
    return document("ClusterQueue", name, KUEUE, spec={"resourceGroups": groups, **spec})


def local_queue(name: str = "lq", cluster: str = "cq", namespace: str = "team") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    return document("LocalQueue", name, KUEUE, metadata=metadata, spec={"clusterQueue": cluster})


def flavor(name: str = "any", **spec: object) -> str:
    return document("ResourceFlavor", name, KUEUE, spec=spec)


def job(
    resource: str = GPU,
    units: object = 1,
    *,
    namespace: str = "team",
    queue: str = "lq",
    pods: int = 1,
    kind: tuple[str, str] = ("Job", "batch/v1"),
    annotations: Mapping[str, str] | None = None,
    **spec: object,
) -> str:
    container = {"name": "c", "image": "example.com/c:1", "resources": {"limits": {resource: units}}}
    metadata = {"labels": {"kueue.x-k8s.io/queue-name": queue}, "annotations": dict(annotations or {})}
    if namespace:
        metadata["namespace"] = namespace  # type: ignore[assignment]
    amount = {"parallelism": pods} if kind[0] == "Job" else {"replicas": pods}
    body = {**amount, "template": {"spec": {"containers": [container], **spec}}}
    return document(kind[0], "work", kind[1], metadata=metadata, spec=body)


def faults(*texts: str, **more: str) -> list[QueueFault]:
    files = {"a.yaml": "".join(texts), **{name.replace("_", "/") + ".yaml": text for name, text in more.items()}}
    return list(queue_faults(linked(files), Owners({})))


def kinds(*texts: str, **more: str) -> list[tuple[str, str]]:
    return [(each.kind, each.confidence) for each in faults(*texts, **more)]


QUOTA = cluster_queue({"any": {GPU: 8}})
QUEUES = QUOTA + local_queue() + flavor()


def test_everything_fits() -> None:
    assert kinds(QUEUES, job(units=8)) == []


# --- coverage ---------------------------------------------------------------------------------------------------------


def test_a_resource_that_the_queue_does_not_hand_out() -> None:
    (fault,) = faults(QUEUES, job("nvidia.com/gpu.shared"))
    assert (fault.kind, fault.confidence, fault.evident) == ("uncovered", "high", ("queues",))
    assert fault.place.field() == 'spec.template.spec.containers[0].resources.limits["nvidia.com/gpu.shared"]'
    assert fault.other_place.field() == "spec.resourceGroups[0].coveredResources"


@pytest.mark.parametrize("units", [0, "0", "${N}"])
def test_amounts_of_none_and_unknown_ones_are_not_asked_for(units: object) -> None:
    assert kinds(QUEUES, job("nvidia.com/gpu.shared", units)) == []


def test_without_a_namespace_the_only_queue_of_that_name_is_meant() -> None:
    shared = "nvidia.com/gpu.shared"
    assert kinds(QUEUES, job(shared, namespace="")) == [("uncovered", "medium")]
    assert kinds(QUOTA + local_queue(namespace="") + flavor(), job(shared)) == [("uncovered", "medium")]


def test_two_queues_of_that_name_that_lead_apart() -> None:
    other = local_queue(cluster="other", namespace="b") + cluster_queue({"any": {"cpu": 1}}, "other", covered=["cpu"])
    assert kinds(QUEUES, other, job(namespace="")) == []


@pytest.mark.parametrize(
    "setting",
    ["excludeResourcePrefixes: [nvidia.com]", "transformations: []", "quotaCheckStrategy: IgnoreUndeclared"],
)
def test_kueue_may_be_told_to_leave_resources_out(setting: str) -> None:
    config = f"apiVersion: config.kueue.x-k8s.io/v1beta1\nkind: Configuration\nresources:\n  {setting}\n"
    uncovered = (QUEUES, job("nvidia.com/gpu.shared"))
    assert kinds(*uncovered, z=config) == []
    assert kinds(*uncovered, z=config.replace("  " + setting, "#  " + setting)) == [("uncovered", "high")]


def test_resource_groups_that_are_filled_in_later() -> None:
    empty = document("ClusterQueue", "cq", KUEUE, spec={})
    assert kinds(empty, local_queue(), job()) == []


# --- quota ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (cluster_queue({"any": {GPU: 8}}), True),
        (cluster_queue({"any": {GPU: 16}}), False),
        (cluster_queue({"any": {GPU: 8}}, cohort="all"), False),
        (cluster_queue({"any": {GPU: 8}}, cohortName="all"), False),
        (cluster_queue({"any": {GPU: {"nominalQuota": 8, "borrowingLimit": 4}}}, cohort="all"), True),
        (cluster_queue({"any": {GPU: {"nominalQuota": 8, "borrowingLimit": 8}}}, cohort="all"), False),
        (cluster_queue({"any": {GPU: "${QUOTA}"}}), False),
        (cluster_queue({"any": {GPU: 8}, "more": {GPU: 8}}), True),
    ],
    ids=["too small", "enough", "cohort", "cohort of v1beta2", "a limit", "a higher one", "unknown", "two flavors"],
)
def test_a_gang_of_sixteen(queue: str, expected: bool) -> None:
    found = kinds(queue + local_queue() + flavor() + flavor("more"), job(units=4, pods=4))
    assert found == ([("too-small", "high")] if expected else [])


def test_one_group_of_pods_has_one_flavor() -> None:
    (fault,) = faults(
        cluster_queue({"a": {GPU: 8}, "b": {GPU: 8}}), local_queue(), flavor("a"), flavor("b"), job(units=4, pods=3)
    )
    assert fault.message.endswith("never has more than 8 of one flavor")


def test_pods_of_a_deployment_are_admitted_one_by_one() -> None:
    deployment = ("Deployment", "apps/v1")
    assert kinds(QUEUES, job(units=4, pods=4, kind=deployment)) == []
    assert kinds(QUEUES, job(units=16, pods=1, kind=deployment)) == [("too-small", "high")]


@pytest.mark.parametrize("name", ["kueue.x-k8s.io/job-min-parallelism", "kueue.x-k8s.io/elastic-job"])
def test_jobs_that_take_less(name: str) -> None:
    assert kinds(QUEUES, job(units=4, pods=4, annotations={name: "1"})) == []


# --- flavors ----------------------------------------------------------------------------------------------------------

SELECTOR = {"nodeSelector": {"gpu": "a100", "zone": "b"}}


@pytest.mark.parametrize(
    ("flavors", "spec", "expected"),
    [
        ({"any": {"nodeLabels": {"gpu": "l4"}}}, SELECTOR, True),
        ({"any": {"nodeLabels": {"gpu": "a100"}}}, SELECTOR, False),
        ({"any": {"nodeLabels": {"pool": "p"}}}, SELECTOR, False),
        ({"any": {}}, SELECTOR, False),
        ({"any": {"nodeLabels": {"gpu": "l4"}}, "other": {"nodeLabels": {"gpu": "a100"}}}, SELECTOR, False),
        ({"any": {"nodeLabels": {"gpu": "l4"}}}, {"nodeSelector": {"gpu": "${GPU}"}}, False),
        ({"any": {"nodeTaints": [{"key": "k", "effect": "NoSchedule"}]}}, {}, True),
        ({"any": {"nodeTaints": [{"key": "k", "effect": "PreferNoSchedule"}]}}, {}, False),
        (
            {"any": {"nodeTaints": [{"key": "k", "effect": "NoSchedule"}], "tolerations": [{"operator": "Exists"}]}},
            {},
            False,
        ),
    ],
    ids=["other value", "same", "own keys", "no labels", "one fits", "unknown", "taint", "soft taint", "tolerated"],
)
def test_flavors_that_the_pod_excludes(
    flavors: Mapping[str, Mapping[str, object]], spec: Mapping[str, object], expected: bool
) -> None:
    queue = cluster_queue({name: {GPU: 8} for name in flavors})
    declared = "".join(flavor(name, **fields) for name, fields in flavors.items())
    found = kinds(queue, local_queue(), declared, job(**spec))  # type: ignore[arg-type]
    assert found == ([("flavors-excluded", "high")] if expected else [])


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_local_queue_in_another_namespace() -> None:
    (fault,) = faults(QUEUES, job(namespace="other"))
    assert (fault.kind, fault.evident) == ("no-local-queue", ("queues",))
    assert fault.message.endswith("is not in namespace other, only in team")


def test_a_local_queue_that_is_nowhere() -> None:
    assert [each.evident for each in faults(QUEUES, job(queue="typo"))] == [("queues",)]
    assert [each.evident for each in faults(QUEUES, job(queue="typo", namespace="far"))] == [()]
    assert faults(QUEUES, job(queue="typo", namespace="")) == []
    assert faults(QUEUES, job(queue="${QUEUE}")) == []


def test_names_with_a_suggestion() -> None:
    found = faults(cluster_queue({"a100-node": {GPU: 8}}, "gpus"), local_queue(cluster="gpu-s"), flavor("a100-nodes"))
    assert [(each.kind, each.message.partition("; ")[2]) for each in found] == [
        ("no-cluster-queue", "did you mean 'gpus'"),
        ("no-flavor", "did you mean 'a100-nodes'"),
    ]


def test_what_may_stand_where_it_is_not_read() -> None:
    template = "{{ if .Values.queue }}\napiVersion: kueue.x-k8s.io/v1beta1\nkind: ResourceFlavor\n{{ end }}\n"
    dangling = cluster_queue({"gone": {GPU: 8}}) + flavor("there")
    assert kinds(dangling) == [("no-flavor", "high")]
    assert kinds(dangling, z=template) == []


def test_names_that_are_filled_in_later_may_be_the_one() -> None:
    dangling = cluster_queue({"gone": {GPU: 8}}) + local_queue(cluster="lost") + flavor("there")
    assert [kind for kind, _ in kinds(dangling)] == ["no-cluster-queue", "no-flavor"]
    filled = cluster_queue({"there": {GPU: 8}}, "${QUEUE}") + flavor("{{ flavor }}")
    assert kinds(dangling, filled) == []
    assert kinds(QUEUES, local_queue("${QUEUE}"), job(queue="typo")) == []


def test_queues_without_gpus_are_left_alone() -> None:
    assert kinds(cluster_queue({"gone": {"cpu": 8}}, covered=["cpu"]), flavor(), local_queue(cluster="gone")) == []
