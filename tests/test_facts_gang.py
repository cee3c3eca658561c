"""Which objects are gangs, how many pods they need at once, and what starts all of them or none."""

from __future__ import annotations

from typing import Any

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.gang import Gang, gangs
from tests.linked import document, linked

LAUNCHER = ["torchrun", "--nnodes=4", "train.py"]


def template(gpus: int = 1, **spec: Any) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": gpus} if gpus else {}
    return {"spec": {"containers": [{"name": "x", "image": "acme/x", "resources": {"limits": limits}}], **spec}}


def replicas(count: object, pods: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"replicas": count, "template": pods or template()}


def job(roles: dict[str, Any], metadata: dict[str, Any] | None = None, **spec: Any) -> str:
    fields = {"pytorchReplicaSpecs": roles, **spec}
    return document("PyTorchJob", "job", "kubeflow.org/v1", metadata=metadata or {}, spec=fields)


def indexed(command: list[str], mode: str = "Indexed", parallelism: int = 4) -> str:
    pods = template(8)
    pods["spec"]["containers"][0]["command"] = command
    return document(
        "Job", "job", "batch/v1", spec={"completionMode": mode, "parallelism": parallelism, "template": pods}
    )


def found(*files: str) -> list[Gang]:
    graph = linked({f"{index}.yaml": text for index, text in enumerate(files)})
    return list(gangs(graph, Owners({})))


@pytest.mark.parametrize(
    ("text", "pods"),
    [
        (job({"Master": replicas(1), "Worker": replicas(3)}), [4]),
        (job({"Master": replicas(1, template(0)), "Worker": replicas(3)}), [3]),
        (job({"Worker": replicas("${N}")}), []),
        (indexed(LAUNCHER), [4]),
        (indexed(LAUNCHER, "NonIndexed"), []),
        (indexed(["torchrun", "--nnodes=1", "train.py"]), []),
        (indexed(["python", "train.py"]), []),
        (
            document(
                "JobSet",
                "j",
                "jobset.x-k8s.io/v1alpha2",
                spec={
                    "replicatedJobs": [{"name": "w", "template": {"spec": {"parallelism": 4, "template": template()}}}]
                },
            ),
            [],
        ),
        (
            document(
                "Job",
                "j",
                "batch.volcano.sh/v1alpha1",
                spec={"tasks": [{"name": "w", "replicas": 4, "template": template()}]},
            ),
            [],
        ),
    ],
    ids=[
        "all roles with GPUs",
        "a master without",
        "a number filled in later",
        "ranks of an indexed Job",
        "not indexed",
        "one machine",
        "independent runs",
        "JobSet",
        "Volcano groups its own Jobs",
    ],
)
def test_pods_at_once(text: str, pods: list[int]) -> None:
    assert [each.pods for each in found(text)] == pods


@pytest.mark.parametrize(
    ("text", "scheduled_by"),
    [
        (job({"Worker": replicas(2)}), ""),
        (job({"Worker": replicas(2)}, {"labels": {"kueue.x-k8s.io/queue-name": "q"}}), "kueue.x-k8s.io/queue-name"),
        (
            job({"Worker": replicas(2)}, {"annotations": {"kueue.x-k8s.io/queue-name": "q"}}),
            "kueue.x-k8s.io/queue-name",
        ),
        (job({"Worker": replicas(2)}, {"labels": {"kueue.x-k8s.io/priority-class": "p"}}), ""),
        (job({"Worker": replicas(2, template(schedulerName="volcano"))}), "scheduler volcano"),
        (job({"Worker": replicas(2, template(schedulerName="default-scheduler"))}), ""),
        (job({"Worker": replicas(2)}, runPolicy={"schedulingPolicy": {"minAvailable": 2}}), "schedulingPolicy"),
        (job({"Worker": replicas(2)}, runPolicy={"cleanPodPolicy": "None"}), ""),
        (
            job(
                {"Worker": replicas(2, {"metadata": {"labels": {"scheduling.x-k8s.io/pod-group": "g"}}, **template()})}
            ),
            "scheduling.x-k8s.io/pod-group",
        ),
        (job({"Worker": replicas(2, template(schedulingGroup={"podGroupName": "g"}))}), "schedulingGroup"),
    ],
    ids=[
        "nothing",
        "a queue",
        "a queue as it was written once",
        "a priority alone",
        "another scheduler",
        "the default scheduler by name",
        "a policy of the job",
        "another policy",
        "a pod group",
        "Kubernetes' own groups",
    ],
)
def test_what_starts_all_or_none(text: str, scheduled_by: str) -> None:
    (gang,) = found(text)
    assert gang.scheduled_by == scheduled_by


@pytest.mark.parametrize(
    ("file", "scheduled_by"),
    [
        ("kind: X\napiVersion: v1\nmanageJobsWithoutQueueName: true\n", "manageJobsWithoutQueueName: true"),
        ("kind: X\napiVersion: v1\nmanageJobsWithoutQueueName: false\n", ""),
        ("kind: X\napiVersion: v1\nargs: [--gang-scheduler-name=volcano]\n", "--gang-scheduler-name"),
        ("kind: X\napiVersion: v1\nargs: [--enable-gang-scheduling=false]\n", ""),
        (
            document("LocalQueue", "default", "kueue.x-k8s.io/v1beta1", metadata={"namespace": "a"}),
            "LocalQueue default",
        ),
        (document("LocalQueue", "default", "kueue.x-k8s.io/v1beta1", metadata={"namespace": "b"}), ""),
        (document("LocalQueue", "team", "kueue.x-k8s.io/v1beta1", metadata={"namespace": "a"}), ""),
    ],
    ids=[
        "Kueue takes all jobs",
        "Kueue takes none without a label",
        "the operator groups all",
        "the operator groups none",
        "a default queue",
        "a default queue elsewhere",
        "a queue that is no default",
    ],
)
def test_settings_for_all_jobs(file: str, scheduled_by: str) -> None:
    (gang,) = found(job({"Worker": replicas(2)}, {"namespace": "a"}), file)
    assert gang.scheduled_by == scheduled_by


@pytest.mark.parametrize(
    ("policy", "elastic"),
    [(None, False), ({"maxReplicas": 8}, True), ({"minReplicas": 1}, True), ({"minReplicas": 4}, False)],
    ids=["none", "the operator's least", "fewer", "all of them"],
)
def test_elastic_jobs_begin_with_fewer(policy: dict[str, int] | None, elastic: bool) -> None:
    spec = {"elasticPolicy": policy} if policy else {}
    (gang,) = found(job({"Worker": replicas(4)}, **spec))
    assert gang.elastic is elastic


def test_it_points_at_the_largest_number() -> None:
    (gang,) = found(job({"Master": replicas(1), "Worker": replicas(3)}))
    assert gang.place.field() == "spec.pytorchReplicaSpecs.Worker.replicas"


def trainjob() -> str:
    trainer = {"numNodes": 4, "resourcesPerNode": {"limits": {"nvidia.com/gpu": 8}}}
    return document(
        "TrainJob", "j", "trainer.kubeflow.org/v1alpha1", spec={"runtimeRef": {"name": "r"}, "trainer": trainer}
    )


def runtime(name: str = "r", **spec: Any) -> str:
    step = {"metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}}}
    jobs = [{"name": "node", "template": {**step, "spec": {"template": template(8)}}}]
    fields = {"template": {"spec": {"replicatedJobs": jobs}}, **spec}
    return document("ClusterTrainingRuntime", name, "trainer.kubeflow.org/v1alpha1", spec=fields)


@pytest.mark.parametrize(
    ("file", "scheduled_by"),
    [
        (runtime(), ""),
        (runtime(podGroupPolicy={"coscheduling": {}}), "podGroupPolicy"),
        (runtime("other"), "runtime r"),
    ],
    ids=["says nothing", "has a policy", "is not in the input"],
)
def test_the_runtime_of_a_trainjob(file: str, scheduled_by: str) -> None:
    (gang,) = found(trainjob(), file)
    assert (gang.pods, gang.scheduled_by) == (4, scheduled_by)
