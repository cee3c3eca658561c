"""What containers with GPUs find at /dev/shm, and who needs more than that."""

from __future__ import annotations

from typing import Any

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.workload.shared_memory import SharedMemory, shared_memories
from tests.linked import MPS, document, linked, policy, settings

TMPFS = {"name": "shm", "emptyDir": {"medium": "Memory"}}
AT_SHM = {"name": "shm", "mountPath": "/dev/shm"}  # noqa: S108 - a path in a manifest


def trainer(gpus: object = 4, *volumes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A pod template with one container that asks for GPUs."""
    container = {"name": "main", "image": "acme/x:1", "resources": {"limits": {"nvidia.com/gpu": gpus}}, **fields}
    return {"spec": {"containers": [container], "volumes": list(volumes)}}


def job(template: dict[str, Any], api: str = "kubeflow.org/v1", kind: str = "PyTorchJob") -> str:
    return document(kind, "job", api, spec={"pytorchReplicaSpecs": {"Worker": {"template": template}}})


def deployment(template: dict[str, Any], kind: str = "Deployment", api: str = "apps/v1") -> str:
    return document(kind, "app", api, spec={"template": template})


def memory(*files: str) -> SharedMemory:
    graph = linked({f"{index}.yaml": text for index, text in enumerate(files)})
    (found,) = shared_memories(graph, Owners({}))
    return found


@pytest.mark.parametrize(
    ("template", "mounted", "small"),
    [
        (trainer(), "none", ""),
        (trainer(4, TMPFS, volumeMounts=[AT_SHM]), "own", ""),
        (trainer(4, {"name": "shm", "emptyDir": {}}, volumeMounts=[AT_SHM]), "own", ""),
        (trainer(4, {"name": "shm", "hostPath": {"path": "/dev/shm"}}, volumeMounts=[AT_SHM]), "node", ""),  # noqa: S108
        (trainer(4, TMPFS, volumeMounts=[{"name": "shm", "mountPath": "/dev"}]), "node", ""),
        (trainer(4, TMPFS, volumeMounts=[{"name": "shm", "mountPath": "/dev/shm2"}]), "none", ""),  # noqa: S108
        (trainer(4, TMPFS, volumeMounts=[{"name": "shm", "mountPath": "/dev/shm/"}]), "own", ""),  # noqa: S108
        (trainer(4, volumeMounts=[AT_SHM]), "open", ""),
        (trainer(4, volumeMounts="${MOUNTS}"), "open", ""),
        (trainer(4, volumeMounts=[{"name": "shm", "mountPath": "{{ path }}"}]), "open", ""),
        (
            trainer(4, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16M"}}, volumeMounts=[AT_SHM]),
            "own",
            "16M",
        ),
        (
            trainer(4, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "65Mi"}}, volumeMounts=[AT_SHM]),
            "own",
            "",
        ),
        (
            trainer(4, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "${SHM}"}}, volumeMounts=[AT_SHM]),
            "own",
            "",
        ),
        (trainer(4, {"name": "shm", "emptyDir": {"sizeLimit": "16M"}}, volumeMounts=[AT_SHM]), "own", ""),
    ],
    ids=[
        "nothing",
        "in memory",
        "on disk",
        "the node's",
        "all of /dev",
        "beside it",
        "with a slash",
        "a volume that is not there",
        "mounts filled in later",
        "a path filled in later",
        "less than the default",
        "more than the default",
        "a limit filled in later",
        "a limit of a disk",
    ],
)
def test_what_stands_there(template: dict[str, Any], mounted: str, small: str) -> None:
    found = memory(job(template))
    assert (found.mounted, found.small) == (mounted, small)


def test_the_ipc_namespace_and_the_annotation_of_cri_o_bring_another() -> None:
    shared = trainer()
    shared["spec"]["hostIPC"] = True
    assert memory(job(shared)).mounted == "node"
    sized = {"metadata": {"annotations": {"io.kubernetes.cri-o.ShmSize": "2Gi"}}, **trainer()}
    assert memory(job(sized)).mounted == "node"


@pytest.mark.parametrize(
    ("kind", "api", "mounted"),
    [
        ("Deployment", "apps/v1", "none"),
        ("Rollout", "argoproj.io/v1alpha1", "open"),
        ("StormService", "orchestration.aibrix.ai/v1alpha1", "open"),
        ("Trainer", "example.com/v1", "open"),
    ],
)
def test_only_some_controllers_are_known_to_mount_nothing(kind: str, api: str, mounted: str) -> None:
    assert memory(deployment(trainer(), kind, api)).mounted == mounted


@pytest.mark.parametrize(
    ("file", "mounted"),
    [
        ("kind: PodDefault\napiVersion: kubeflow.org/v1alpha1\nspec: {mountPath: /dev/shm}\n", "open"),
        ("kind: ClusterPolicy\napiVersion: kyverno.io/v1\nspec: {mountPath: /dev/shm}\n", "open"),
        ("kind: ConfigMap\napiVersion: v1\ndata: {note: 'mount /dev/shm'}\n", "none"),
    ],
    ids=["a PodDefault", "a policy", "a note"],
)
def test_what_changes_pods_on_admission(file: str, mounted: str) -> None:
    assert memory(job(trainer()), file).mounted == mounted


@pytest.mark.parametrize(
    ("text", "gpus", "processes", "confidence"),
    [
        (job(trainer()), 4, "trains on 4 GPUs", "medium"),
        (job(trainer("8")), 8, "trains on 8 GPUs", "medium"),
        (job(trainer("${GPUS}")), 0, "", "low"),
        (job(trainer(1)), 1, "", "low"),
        (job(trainer(command=["torchrun", "--nproc_per_node=4", "a.py"])), 4, "--nproc_per_node 4", "medium"),
        (job(trainer(command=["torchrun", "--nproc_per_node=1", "a.py"])), 4, "", "low"),
        (job(trainer(env=[{"name": "NCCL_SHM_DISABLE", "value": "1"}])), 4, "", "low"),
        (job(trainer(env=[{"name": "NCCL_SHM_DISABLE", "value": "0"}])), 4, "trains on 4 GPUs", "medium"),
        (deployment(trainer()), 4, "", "low"),
        (deployment(trainer(command=["vllm", "serve", "m", "-tp", "4"])), 4, "-tp 4", "high"),
        (deployment(trainer(command=["vllm", "serve", "m"])), 4, "", "low"),
        (deployment(trainer(command=["gpu_burn", "60"])), 4, "", "low"),
    ],
    ids=[
        "training",
        "a quoted number",
        "a number filled in later",
        "one GPU",
        "ranks",
        "one rank",
        "NCCL does without",
        "NCCL does not do without",
        "nobody knows what it does",
        "tensor parallel",
        "one process",
        "a burn-in",
    ],
)
def test_the_processes(text: str, gpus: int, processes: str, confidence: str) -> None:
    found = memory(text)
    assert (found.gpus, found.processes, found.confidence) == (gpus, processes, confidence)


def test_a_mount_would_be_beside_the_others() -> None:
    template = trainer(4, {"name": "data"}, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    assert memory(job(template)).place.field().endswith("containers[0].volumeMounts[1]")
    small = trainer(4, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}, volumeMounts=[AT_SHM])
    assert memory(job(small)).place.field().endswith("volumes[0].emptyDir.sizeLimit")


def test_shares_are_no_whole_gpus_and_mps_is_told() -> None:
    found = memory(job(trainer()), policy("shared"), settings(shared=MPS))
    assert (found.gpus, found.by_mps, found.mps_told) == (0, True, "up to 4 MPS clients share each GPU here")
    assert memory(job(trainer())).by_mps is False


def test_gke_has_its_own_mps() -> None:
    template = trainer(1)
    template["spec"]["nodeSelector"] = {"cloud.google.com/gke-gpu-sharing-strategy": "mps"}
    assert memory(deployment(template)).by_mps is False


@pytest.mark.parametrize(("slots", "processes"), [(4, "4 ranks for each worker"), (1, "")])
def test_workers_of_an_mpi_job_that_measures_collectives(slots: int, processes: str) -> None:
    run = {"name": "run", "image": "acme/nccl-tests:1", "command": ["mpirun", "all_reduce_perf", "-b", "8"]}
    roles = {"Launcher": {"template": {"spec": {"containers": [run]}}}, "Worker": {"template": trainer(4)}}
    text = document("MPIJob", "job", "kubeflow.org/v2beta1", spec={"slotsPerWorker": slots, "mpiReplicaSpecs": roles})
    assert memory(text).processes == processes
