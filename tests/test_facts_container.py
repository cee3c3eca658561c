"""Containers that hold GPUs: beside the others of the pod, and with the processes that they start."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.request.container import GpuContainer, gpu_containers
from tests.linked import document, linked

GPU = "nvidia.com/gpu"


def container(name: str = "c", units: object = 1, resource: str = GPU, **fields: object) -> dict[str, object]:
    limits = {} if units is None else {resource: units}
    return {"name": name, "image": "example.com/c:1", "resources": {"limits": limits}, **fields}


def facts(text: str) -> dict[str, GpuContainer]:
    return {each.name: each for each in gpu_containers(linked({"a.yaml": text}), Owners({}))}


def pod(*containers: Mapping[str, object], init: tuple[Mapping[str, object], ...] = (), **spec: object) -> str:
    return document("Pod", "p", spec={"initContainers": list(init), "containers": list(containers), **spec})


# --- beside the others ------------------------------------------------------------------------------------------------


def test_containers_that_run_at_the_same_time_add_up() -> None:
    sidecar = container("sidecar", restartPolicy="Always")
    found = facts(pod(container("a", 2), container("b"), init=(container("early"), sidecar)))
    assert {name: each.beside for name, each in found.items()} == {
        "early": (),
        "sidecar": ("a", "b"),
        "a": ("sidecar", "b"),
        "b": ("sidecar", "a"),
    }
    assert [name for name, each in found.items() if each.first] == ["sidecar"]
    assert {each.total for name, each in found.items() if name != "early"} == {4}


def test_other_resources_and_amounts_of_none_are_no_company() -> None:
    found = facts(pod(container("a"), container("b", 0), container("c", 1, "amd.com/gpu")))
    assert [each.beside for each in found.values()] == [(), (), ()]


def test_a_helper_is_told_by_image_or_command_beside_what_computes() -> None:
    helpers = [
        container("b", image="registry.example.com:5000/team/dcgm-exporter:4"),
        container("c", image="nginx:1.27"),
        container("d", command=["sh", "-c", "nvidia-smi -l 5"]),
        container("e", image="example.com/nginx/model:1"),
    ]
    found = facts(pod(container("a"), *helpers))
    assert [each.helper for each in found.values()] == [
        "",
        "image 'registry.example.com:5000/team/dcgm-exporter:4'",
        "image 'nginx:1.27'",
        "command 'nvidia-smi'",
        "",
    ]


def test_where_all_are_helpers_none_is_one_too_many() -> None:
    found = facts(pod(container("a", image="busybox"), container("b", command=["nvidia-smi"])))
    assert {each.helper for each in found.values()} == {""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (pod(container("a", None), init=(container("i"),)), True),
        (pod(container("a"), init=(container("i"),)), False),
        (pod(container("a", 1, "nvidia.com/mig-1g.5gb"), init=(container("i"),)), False),
        (pod(container("a", None), init=(container("i", restartPolicy="Always"),)), False),
        (pod(container("a", None, resources={"claims": [{"name": "g"}]}), init=(container("i"),)), False),
        (pod(container("a", None, resources="${RESOURCES}"), init=(container("i"),)), False),
        (pod(container("a", None, resources={"limits": {"${GPU}": 1}}), init=(container("i"),)), False),
    ],
    ids=["alone", "shared", "a slice", "sidecar", "claim", "filled in later", "a key that is filled in later"],
)
def test_gpus_of_an_init_container_only(text: str, expected: bool) -> None:
    assert facts(text)["i"].only_init is expected


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {GPU: 1}}, False),
        ({"limits": {GPU: 1, "cpu": 4}}, False),
        ({"limits": {GPU: 1, "memory": "1Gi"}}, True),
        ({"limits": {GPU: 1}, "requests": {"memory": "1Gi"}}, True),
        ({"limits": {GPU: 1}, "requests": "${REQUESTS}"}, True),
        ({"limits": {GPU: 1, "${RESOURCE}": 1}}, True),
    ],
    ids=["none", "cpu", "limit", "request", "filled in later", "a key that is filled in later"],
)
def test_memory_of_a_container(resources: object, expected: bool) -> None:
    assert facts(pod(container(resources=resources)))["c"].has_memory is expected


def test_memory_of_the_pod_or_of_a_limit_range() -> None:
    assert facts(pod(container(), resources={"requests": {"memory": "1Gi"}}))["c"].has_memory
    items: dict[str, dict[str, object]] = {
        "default": {"memory": "1Gi"},
        "defaultRequest": {"cpu": 1},
        "min": {"storage": 1},
    }
    for field, gives in items.items():
        limits = document("LimitRange", "l", spec={"limits": [{"type": "Container", field: gives}]})
        assert facts(limits + pod(container()))["c"].has_memory is ("memory" in gives)


# --- launchers of MPI jobs --------------------------------------------------------------------------------------------


def mpi_job(version: str = "v2beta1", units: object = 1, resource: str = GPU, **spec: object) -> str:
    launcher = {"template": {"spec": {"containers": [container("l", units, resource), container("helper")]}}}
    worker = {"replicas": 2, "template": {"spec": {"containers": [container("w")]}}}
    replicas = {"Launcher": launcher, "Worker": worker}
    return document("MPIJob", "j", f"kubeflow.org/{version}", spec={"mpiReplicaSpecs": replicas, **spec})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (mpi_job(), ["l"]),
        (mpi_job(runLauncherAsWorker=False), ["l"]),
        (mpi_job(runLauncherAsWorker=True), []),
        (mpi_job(runLauncherAsWorker="${WORKS}"), []),
        (mpi_job("v1"), []),
        (mpi_job(units=0), []),
        (mpi_job(resource="amd.com/gpu"), []),
    ],
    ids=["default", "no", "yes", "filled in later", "training operator", "none", "another vendor"],
)
def test_what_the_mpi_operator_hides(text: str, expected: list[str]) -> None:
    assert [name for name, each in facts(text).items() if each.blanked] == expected


# --- processes --------------------------------------------------------------------------------------------------------

VLLM = "vllm/vllm-openai:v0.11.0"


def started(*args: str, **fields: object) -> tuple[str, int, str]:
    whole = {**container(units=8), "image": VLLM, "args": list(args), **fields}
    found = facts(pod(whole))["c"]
    return found.engine, found.ranks, found.ranks_confidence


@pytest.mark.parametrize(
    ("args", "count"),
    [
        (["-tp", "4"], 4),
        (["--tensor-parallel-size=4", "-pp", "2", "-dp=2"], 16),
        (["-tp", "2", "--distributed-executor-backend", "mp", "--nnodes", "1"], 2),
        (["--model", "m"], 1),
    ],
)
def test_processes_of_vllm(args: list[str], count: int) -> None:
    assert started(*args)[:2] == ("vLLM", count)


@pytest.mark.parametrize(
    "args",
    [
        ["-tp", "16", "--nnodes", "2"],
        ["-tp", "2", "-dp", "16", "-dpl", "4"],
        ["-tp", "2", "-dp", "16", "--data-parallel-hybrid-lb"],
        ["-tp", "16", "--distributed-executor-backend=ray"],
        ["-tp", "$(TP)"],
        ["-tp", "4", "-tp", "2"],
        ["--config", "/etc/vllm.yaml"],
        ["$(EXTRA_ARGS)"],
        ["-tp", "many"],
    ],
    ids=["nodes", "local part", "balanced", "ray", "variable", "twice", "file", "any", "no number"],
)
def test_where_the_processes_of_vllm_are_not_known(args: list[str]) -> None:
    assert started(*args) == ("", 0, "low")


def test_other_dimensions_may_be_among_what_is_filled_in_later() -> None:
    assert started("-tp", "4", "$(EXTRA_ARGS)") == ("vLLM", 4, "low")


def test_ray_has_only_the_gpus_of_the_container_where_it_joins_no_cluster() -> None:
    served: dict[str, object] = {"image": "example.com/own:1", "command": ["vllm", "serve", "m"]}
    ray = ("--distributed-executor-backend", "ray", "-tp", "16")
    assert started(*ray, **served) == ("vLLM", 16, "medium")
    assert started(*ray, **served, env=[{"name": "RAY_ADDRESS", "value": "head:6379"}])[1] == 0
    assert started(*ray, **served, envFrom=[{"configMapRef": {"name": "ray"}}])[1] == 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("vllm serve m -tp 4", ("vLLM", 4)),
        ("ray start --head && vllm serve m -tp 16", ("", 0)),
        ("vllm serve a -tp 2 & vllm serve b -tp 2", ("", 0)),
        ("./prepare.sh && vllm serve m", ("", 0)),
        ("python -m sglang.launch_server --tp-size 4 --dp 2", ("SGLang", 8)),
        ("python -m sglang.launch_server --tp 8 --dp 8 --enable-dp-attention", ("", 0)),
        ("python -m sglang_router.launch_router --dp 4", ("", 0)),
        ("text-generation-launcher --num-shard 2", ("text-generation-inference", 2)),
        ("text-generation-launcher --model-id m", ("", 0)),
        ("trtllm-serve m --tp_size 4 --pp_size 2", ("trtllm-serve", 8)),
        ("trtllm-serve m --tp_size 4 --extra_llm_api_options x.yaml", ("", 0)),
        ("torchrun --nproc_per_node=4 train.py", ("torchrun", 4)),
        ("torchrun --nproc_per_node gpu train.py", ("", 0)),
        ("torchrun --nnodes 4 --nproc-per-node 2 train.py", ("torchrun", 2)),
        ("python -m torch.distributed.launch --nproc_per_node 2 train.py", ("torchrun", 2)),
        ("accelerate launch --num_processes 4 train.py", ("accelerate", 4)),
        ("accelerate launch --num_machines 2 --num_processes 16 train.py", ("", 0)),
        ("deepspeed --num_gpus 4 train.py", ("deepspeed", 4)),
        ("python train.py --tensor-parallel-size 4", ("", 0)),
    ],
)
def test_processes_of_other_programs(command: str, expected: tuple[str, int]) -> None:
    assert started(image="example.com/own:1", command=["sh", "-c", command])[:2] == expected


def test_shards_by_variable() -> None:
    image = "ghcr.io/huggingface/text-generation-inference:3"
    assert started(image=image, env=[{"name": "NUM_SHARD", "value": "2"}])[1] == 2
    assert started("--num-shard", "4", image=image, env=[{"name": "NUM_SHARD", "value": "2"}])[1] == 4
    assert started(image=image)[1] == 0


def test_processes_that_a_kind_may_spread_over_pods() -> None:
    template = {"spec": {"containers": [container(image=VLLM, args=["-tp", "16"])]}}
    cluster = document("RayCluster", "r", "ray.io/v1", spec={"headGroupSpec": {"template": template}})
    unknown = document("Fleet", "f", "example.com/v1", spec={"template": {"metadata": {}, **template}})
    assert {each.ranks for text in (cluster, unknown) for each in facts(text).values()} == {0}


def test_claims_leave_the_number_of_gpus_open() -> None:
    held = {"limits": {GPU: 1}, "claims": [{"name": "g"}]}
    assert facts(pod(container(image=VLLM, args=["-tp", "4"], resources=held)))["c"].ranks == 0


def test_what_the_training_operator_hands_to_torchrun() -> None:
    def job(per_node: object, *command: str) -> GpuContainer:
        template = {"spec": {"containers": [container(command=list(command))]}}
        spec = {"nprocPerNode": per_node, "pytorchReplicaSpecs": {"Worker": {"template": template}}}
        return facts(document("PyTorchJob", "j", "kubeflow.org/v1", spec=spec))["c"]

    assert job("4", "torchrun", "train.py").ranks == 4
    assert job("auto", "torchrun", "train.py").ranks == 0
    assert job("4", "torchrun", "--nproc-per-node", "2", "train.py").ranks == 2
    assert job("4", "python", "train.py").ranks == 0
