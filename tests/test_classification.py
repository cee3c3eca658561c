"""What GPU pods do: a labelled table of invented pods, each class and each way to be fooled."""

from typing import Any

import pytest

from gpulint.facts.classification import ANNOTATION, WorkloadClass, classify
from gpulint.kube.kinds import kind_of, pod_templates

GPU = {"limits": {"nvidia.com/gpu": 1}}


def container(image: str = "", command: str | list[str] = "", **fields: object) -> dict[str, Any]:
    """A container that asks for a GPU; a command as text is run by a shell."""
    argv = ["sh", "-c", command] if isinstance(command, str) else command
    return {
        "name": "main",
        "resources": GPU,
        **({"image": image} if image else {}),
        **({"command": argv} if command else {}),
        **fields,
    }


def pod(*containers: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), **fields}}


def made(group: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def bare(name: str, *containers: dict[str, Any], **fields: object) -> dict[str, Any]:
    return made("", "Pod", name, pod(*containers, **fields)["spec"])


def deployment(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return made("apps", "Deployment", name, {"template": pod(*containers)})


def job(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return made("batch", "Job", name, {"template": pod(*containers, restartPolicy="Never")})


def gang(launcher: str, worker: dict[str, Any]) -> dict[str, Any]:
    master = {"template": pod({"name": "launcher", "image": "acme/mpi", "command": ["bash", "-c", launcher]})}
    return made(
        "kubeflow.org", "MPIJob", "ring", {"mpiReplicaSpecs": {"Launcher": master, "Worker": {"template": pod(worker)}}}
    )


def port(number: int) -> list[dict[str, int]]:
    return [{"containerPort": number}]


HEALTH = {"httpGet": {"path": "/health", "port": 8000}}

# name → (object, class, detail, certainty)
CASES: dict[str, tuple[dict[str, Any], str]] = {
    # certain by kind
    "a PyTorchJob trains whatever it runs": (
        made(
            "kubeflow.org",
            "PyTorchJob",
            "x",
            {"pytorchReplicaSpecs": {"Worker": {"template": pod(container("ubuntu"))}}},
        ),
        "training certain",
    ),
    "an InferenceService serves": (
        made("serving.kserve.io", "InferenceService", "x", {"predictor": {"model": {"resources": GPU}}}),
        "inference certain",
    ),
    "a Notebook is interactive": (
        made("kubeflow.org", "Notebook", "x", {"template": pod(container("acme/x"))}),
        "interactive certain",
    ),
    "a RayService serves": (
        made(
            "ray.io", "RayService", "x", {"rayClusterConfig": {"headGroupSpec": {"template": pod(container("acme/x"))}}}
        ),
        "inference certain",
    ),
    # model servers
    "vLLM by its command": (
        deployment("chat", container("acme/private:1", "vllm serve Qwen/Qwen3-8B --port 8000", ports=port(8000))),
        "inference high",
    ),
    "vLLM by its image": (deployment("a", container("vllm/vllm-openai:v0.9.1", ports=port(8000))), "inference high"),
    "vLLM through a mirror with a port": (
        deployment("a", container("mirror.local:5000/hub/vllm/vllm-openai@sha256:00", ports=port(8000))),
        "inference high",
    ),
    "Triton": (
        deployment("a", container("nvcr.io/nvidia/tritonserver:25.01-py3", "tritonserver --model-repository=/m")),
        "inference high",
    ),
    "Ollama in a StatefulSet": (
        made(
            "apps",
            "StatefulSet",
            "llm",
            {"template": pod(container("ollama/ollama", ports=port(11434), readinessProbe=HEALTH))},
        ),
        "inference high",
    ),
    "a server of one's own": (
        deployment("classify-api", container("acme/web", "uvicorn app:app", ports=port(8000))),
        "inference high",
    ),
    "the workers of a LeaderWorkerSet": (
        made(
            "leaderworkerset.x-k8s.io",
            "LeaderWorkerSet",
            "big",
            {
                "leaderWorkerTemplate": {
                    "leaderTemplate": pod(container("acme/llm", "vllm serve big", name="leader")),
                    "workerTemplate": pod(container("acme/llm", "ray start --block", name="worker")),
                }
            },
        ),
        "inference high",
    ),
    "only a port and a probe": (
        deployment("shop", container("acme/shop:2", ports=port(8080), readinessProbe=HEALTH)),
        "inference medium",
    ),
    "a deployment that shows nothing": (deployment("thing", container("acme/thing")), "unknown none"),
    "a media server is no model server": (
        deployment("tv", container("jellyfin/jellyfin", ports=port(8096))),
        "inference service high",
    ),
    "an image in parts": (
        deployment("a", container() | {"image": {"repository": "vllm/vllm-openai", "tag": "v1"}}),
        "inference high",
    ),
    "an image split as the chart of JupyterHub does": (
        deployment("a", container() | {"image": {"name": "quay.io/jupyter/pytorch-notebook", "tag": "cuda12"}}),
        "interactive high",
    ),
    "the users of JupyterHub, in values": (
        made(
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "hub",
            {"values": {"singleuser": {"extraResource": {"limits": {"nvidia.com/gpu": 1}}}}},
        ),
        "interactive high",
    ),
    "an image whose own entry point serves, with options of it": (
        bare("x", container("mirror.local/tgi/text-generation-inference:3.3", args=["--model-id", "org/m"])),
        "inference high",
    ),
    "Ollama, told to serve": (deployment("a", container("ollama/ollama:0.9", args=["serve"])), "inference high"),
    "llama.cpp, where the tag says server": (
        deployment("a", container("ghcr.io/ggml-org/llama.cpp:server-cuda-b5000", args=["-m", "/m.gguf"])),
        "inference high",
    ),
    "a NIM": (bare("a", container("nvcr.io/nim/org/chat-8b:1.3")), "inference high"),
    "TensorFlow Serving": (bare("a", container("tensorflow/serving:2.17.0-gpu")), "inference high"),
    "llama.cpp with all its tools": (bare("a", container("ghcr.io/ggml-org/llama.cpp:full-cuda")), "inference medium"),
    "an operator that is named for what it installs": (
        bare("a", container("nvcr.io/nvidia/cloud-native/k8s-nim-operator:v2")),
        "inference medium",
    ),
    "Triton without a command serves nothing": (
        bare("a", container("nvcr.io/nvidia/tritonserver:25.01-py3")),
        "inference medium",
    ),
    "Ollama that only fetches a model": (
        bare("a", container("ollama/ollama", args=["pull", "qwen3"])),
        "inference medium",
    ),
    "a server's image with another command": (
        bare("a", container("vllm/vllm-openai:v0.9", ["python3", "/app/run.py"])),
        "inference medium",
    ),
    "a job that runs a server": (job("x", container("vllm/vllm-openai:v0.9")), "inference high"),
    "KubeRay puts its own command before a server's": (
        made("ray.io", "RayCluster", "x", {"headGroupSpec": {"template": pod(container("vllm/vllm-openai:v0.9"))}}),
        "inference medium",
    ),
    # training
    "a script that trains": (
        job("x", container("acme/torch", "python -u /app/train_model.py --epochs=3")),
        "training high",
    ),
    "accelerate": (
        bare("x", container("acme/torch", "accelerate launch run.py --num_train_epochs 3")),
        "training high",
    ),
    "torchrun alone": (bare("x", container("acme/torch", "torchrun --nproc_per_node=8 main.py")), "training high"),
    "torchrun of something that generates": (
        bare("x", container("acme/torch", "torchrun --nproc_per_node=8 example_chat_completion.py")),
        "unknown none",
    ),
    "torchrun that is only asked for its options": (bare("x", container("acme/t", "torchrun --help")), "unknown none"),
    "torchrun of a training script with a server's name in an option": (
        job("x", container("acme/torch", "torchrun train.py --logger tensorboard-server")),
        "training high",
    ),
    "a wrapper of distributed training": (
        job("x", container("acme/mm", "bash tools/dist_train.sh configs/det.py 8")),
        "training high",
    ),
    "the command line of Ultralytics": (
        job("x", container("acme/yolo", "yolo detect train data=coco.yaml")),
        "training high",
    ),
    "the command line of Lightning": (
        job("x", container("acme/pl", "python main.py fit --trainer.devices 4")),
        "training high",
    ),
    "torchrun with the options of training": (
        job("x", container("pytorch/pytorch:2.5", "torchrun main.py --epochs 10 --learning-rate 1e-4")),
        "training high",
    ),
    "training inline": (
        job(
            "x",
            container(
                "pytorch/pytorch:2.5",
                ["python", "-c", "device='cuda' if torch.cuda.is_available() else 'cpu'\nloss.backward()\n"],
            ),
        ),
        "training medium",
    ),
    "a list of devices before the training": (
        job("x", container("nvidia/cuda:12", "nvidia-smi && python3 train.py")),
        "training high",
    ),
    "a deployment that trains, by image and name": (
        deployment("cifar10-cnn", container("acme/cifar10_train:v2")),
        "training high",
    ),
    "a dataset in image and name, behind nothing": (
        deployment("digits-mnist", container("acme/mnist_cnn:4")),
        "training high",
    ),
    "a dataset in the image only": (deployment("digits", container("acme/mnist_cnn:4")), "training medium"),
    "a server of a model of that dataset": (
        deployment("mnist-server", container("acme/mnist_cnn:4", ports=port(8080), readinessProbe=HEALTH)),
        "training low",
    ),
    "a framework in the image does not train by itself": (
        job("prepare", container("nvcr.io/nvidia/nemo:25.02")),
        "training low",
    ),
    "a trainer in image and name": (job("finetune-7b", container("acme/llama-trainer:2")), "training high"),
    "an image for training that sleeps": (
        bare("training-box", container("acme/pytorch-training:2", "sleep infinity")),
        "interactive low",
    ),
    "hyperparameters": (
        job(
            "run",
            container("$IMAGE_URL", env=[{"name": "LORA_R", "value": "8"}, {"name": "TRAIN_BATCH_SIZE", "value": "1"}]),
        ),
        "training high",
    ),
    "one variable only": (job("run", container("$IMAGE_URL", env=[{"name": "LORA_R", "value": "8"}])), "training low"),
    "hyperparameters of a server": (
        deployment(
            "a",
            container(
                "vllm/vllm-openai:v0.9", env=[{"name": "LORA_R", "value": "8"}, {"name": "EPOCHS", "value": "1"}]
            ),
        ),
        "inference low",
    ),
    "a kind that trains runs a test of the network": (
        made(
            "kubeflow.org",
            "PyTorchJob",
            "ring",
            {"pytorchReplicaSpecs": {"Worker": {"template": pod(container("acme/x", "all_reduce_perf -b 8 -e 1G"))}}},
        ),
        "batch test high",
    ),
    "a kind that trains looks at the network before": (
        made(
            "kubeflow.org",
            "PyTorchJob",
            "x",
            {"pytorchReplicaSpecs": {"Worker": {"template": pod(container("acme/x", "nvbandwidth; torchrun a.py"))}}},
        ),
        "training certain",
    ),
    "a simulation that a kind for training starts on several nodes": (
        made(
            "trainer.kubeflow.org",
            "TrainJob",
            "md",
            {"trainer": {"command": ["lmp", "-in", "in.melt"], "resourcesPerNode": GPU}},
        ),
        "batch high",
    ),
    "a runtime of Kubeflow Trainer": (
        made(
            "trainer.kubeflow.org",
            "ClusterTrainingRuntime",
            "mpi",
            {
                "template": {
                    "spec": {
                        "replicatedJobs": [
                            {"name": "launcher", "template": {"spec": {"template": pod({"name": "x", "image": "a"})}}},
                            {"name": "node", "template": {"spec": {"template": pod(container("acme/mpi"))}}},
                        ]
                    }
                }
            },
        ),
        "training low",
    ),
    "a name only": (job("train-resnet", container("acme/x")), "training medium"),
    "a Ray cluster by its image": (
        made("ray.io", "RayCluster", "rl", {"headGroupSpec": {"template": pod(container("verlai/verl:1"))}}),
        "training low",
    ),
    "the entry point of a RayJob": (
        {
            **made(
                "ray.io",
                "RayJob",
                "x",
                {"rayClusterSpec": {"headGroupSpec": {"template": pod(container("rayproject/ray"))}}},
            ),
            "spec": {
                "entrypoint": "python /home/ray/finetune_llm.py",
                "rayClusterSpec": {"headGroupSpec": {"template": pod(container("rayproject/ray"))}},
            },
        },
        "training high",
    ),
    "training in a notebook image": (
        job("x", container("jupyter/pytorch-notebook", "python train.py")),
        "training high",
    ),
    # interactive
    "Jupyter by its image": (
        bare("nb", container("quay.io/jupyter/pytorch-notebook:2025", ports=port(8888))),
        "interactive high",
    ),
    "Jupyter by its tag": (bare("nb", container("tensorflow/tensorflow:latest-gpu-jupyter")), "interactive high"),
    "Jupyter by its command, behind a Service port": (
        deployment(
            "lab-server", container("acme/ds", "jupyter lab --ip=0.0.0.0", ports=port(8080), readinessProbe=HEALTH)
        ),
        "interactive high",
    ),
    "VS Code": (deployment("code-server", container("codercom/code-server:4", ports=port(8080))), "interactive high"),
    "a pod to exec into": (bare("devbox", container("acme/torch", "sleep infinity")), "interactive medium"),
    "sleep on a plain image could be either": (
        bare("x", container("ubuntu:24.04", "sleep infinity")),
        "batch test low",
    ),
    # tests and benchmarks
    "a CUDA sample": (
        bare("x", container("nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"), restartPolicy="Never"),
        "batch test high",
    ),
    "nvidia-smi": (job("x", container("nvidia/cuda:12.4.1-base-ubuntu22.04", ["nvidia-smi"])), "batch test high"),
    "a burn-in deployment": (
        deployment("load", container("acme/tools", "while true; do ./gpu_burn 60; done")),
        "batch test high",
    ),
    "NCCL tests by the launcher's command": (
        gang("mpirun -np 16 /opt/nccl-tests/build/all_reduce_perf -b 8", container("acme/mpi")),
        "batch test high",
    ),
    "sshd in a gang is no remote desktop": (
        gang("mpirun all_gather_perf", container("acme/mpi", "/usr/sbin/sshd -D")),
        "batch test high",
    ),
    "an MPIJob that trains": (
        gang("mpirun -np 16 python train.py", container("acme/mpi", "/usr/sbin/sshd -D")),
        "training high",
    ),
    "a listing that precedes another script": (
        job("x", container("acme/x", "nvidia-smi; python main.py")),
        "batch medium",
    ),
    "a benchmark client on a server's image": (
        deployment("tritonserver-client", container("nvcr.io/nvidia/tritonserver:25.01-py3-sdk", "sleep infinity")),
        "interactive low",
    ),
    "a server's image that sleeps": (bare("x", container("vllm/vllm-openai", "sleep infinity")), "interactive low"),
    "genai-perf on a server's image": (
        job("load", container("nvcr.io/nvidia/tritonserver:25.01-py3-sdk", "genai-perf profile -m x")),
        "batch test high",
    ),
    "a name that lies": (
        bare("mig-training-medium", container("nvidia/samples:devicequery", "nvidia-smi -L")),
        "batch test high",
    ),
    "an evaluation that starts a server's client": (
        job("grpo-eval", container("acme/x", "lm_eval --model local-completions --tasks gsm8k")),
        "batch high",
    ),
    "pause does nothing": (job("queue-a", container("registry.k8s.io/pause:3.10")), "batch test medium"),
    "a prometheus busybox is a busybox": (
        bare("x", container("quay.io/prometheus/busybox"), restartPolicy="OnFailure"),
        "batch test medium",
    ),
    "an organisation whose name begins like a scheduler's": (bare("x", container("hamidhrf/app")), "unknown none"),
    "a daemon set that runs HPL": (
        made("apps", "DaemonSet", "hpl", {"template": pod(container("acme/bench", "xhpl --dat /x.dat"))}),
        "batch test medium",
    ),
    # batch
    "a cron job": (
        made(
            "batch",
            "CronJob",
            "nightly",
            {"jobTemplate": {"spec": {"template": pod(container("acme/score"), restartPolicy="Never")}}},
        ),
        "batch medium",
    ),
    "a conversion": (
        job("x", container("nvcr.io/nvidia/tritonserver:25.01-py3", "trtllm-build --checkpoint_dir /c")),
        "batch high",
    ),
    # system
    "a device plugin": (
        made(
            "apps",
            "DaemonSet",
            "plugin",
            {"template": pod(container("nvcr.io/nvidia/k8s-device-plugin:v0.17.0", ports=port(8080)))},
        ),
        "system high",
    ),
    "a daemon set with a port": (
        made(
            "apps",
            "DaemonSet",
            "agent",
            {"template": pod(container("acme/agent", ports=port(9000), livenessProbe=HEALTH))},
        ),
        "system medium",
    ),
    "a critical priority": (
        made(
            "apps",
            "DaemonSet",
            "agent",
            {"template": pod(container("acme/agent"), priorityClassName="system-node-critical")},
        ),
        "system medium",
    ),
    # what must not be read as text
    "an image to be filled in": (deployment("x", container("registry/${VLLM_IMAGE}:jupyter")), "unknown none"),
    "a sidecar says nothing of the GPU container": (
        deployment(
            "x", container("acme/x"), {"name": "vllm", "image": "vllm/vllm-openai", "command": ["vllm", "serve"]}
        ),
        "unknown none",
    ),
    "malformed containers": (
        bare("x", {"name": 3, "image": [1], "command": {"a": 1}, "env": "x", "ports": [3], "resources": GPU}),
        "unknown none",
    ),
}


def classes(data: dict[str, Any], **facts: Any) -> list[WorkloadClass]:
    """Of the templates that ask for a GPU."""
    group, kind = data["apiVersion"].rpartition("/")[0], data["kind"]
    templates = pod_templates(group, kind, data)
    asking = [each for each in templates if each.role != "launcher"]
    return [classify(kind_of(group, kind), each, data, templates=templates, **facts) for each in asking]


def label(found: WorkloadClass) -> str:
    return " ".join(filter(None, (found.name, found.detail, found.certainty)))


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_class(data: dict[str, Any], expected: str) -> None:
    found = classes(data)
    assert [(label(each), each.evidence) for each in found] == [(expected, each.evidence) for each in found]
    assert all(bool(each.evidence) is (each.name != "unknown") for each in found)


def test_evidence_reads_well_and_starts_with_the_strongest() -> None:
    (found,) = classes(job("finetune", container("acme/axolotl:1", "torchrun  \\\n  finetune.py")))
    assert found.evidence[:3] == ("command 'finetune.py'", "command 'torchrun'", "image 'acme/axolotl:1'")
    assert found.evidence[3:] == ("name 'finetune'",)


@pytest.mark.parametrize("section", ["annotations", "labels"])
@pytest.mark.parametrize(
    ("written", "name", "detail"),
    [
        ("training", "training", ""),
        ("Batch ", "batch", ""),
        ("test", "batch", "test"),
        ("service", "inference", "service"),
    ],
)
def test_the_author_decides(section: str, written: str, name: str, detail: str) -> None:
    data = deployment("x", container("vllm/vllm-openai", "vllm serve x"))
    data["metadata"][section] = {ANNOTATION: written}
    (found,) = classes(data)
    assert (found.name, found.detail, found.certainty) == (name, detail, "certain")
    assert found.evidence == (f"{ANNOTATION} '{written}'",)


def test_the_pod_template_decides_before_its_object() -> None:
    data = deployment("x", container("acme/x"))
    data["metadata"]["annotations"] = {ANNOTATION: "training"}
    data["spec"]["template"]["metadata"] = {"annotations": {ANNOTATION: "inference"}}
    (found,) = classes(data)
    assert found.name == "inference"


def test_an_unknown_class_is_not_taken() -> None:
    data = deployment("x", container("vllm/vllm-openai", "vllm serve x"))
    data["metadata"]["annotations"] = {ANNOTATION: "gaming"}
    assert label(classes(data)[0]) == "inference high"


def test_a_service_makes_a_deployment_a_server() -> None:
    data = deployment("shop", container("acme/shop"))
    assert [label(each) for each in classes(data, has_service=True)] == ["inference medium"]


def test_the_folder_is_a_hint() -> None:
    data = made("ray.io", "RayCluster", "c", {"headGroupSpec": {"template": pod(container("acme/ray"))}})
    assert [label(each) for each in classes(data, folder="examples/dreambooth")] == ["training low"]


def test_names_and_ports_never_make_it_sure() -> None:
    """The rules that need a class run at `high`: only an image or a command gets there."""
    data = deployment("vllm-llm-inference", container("acme/x", ports=port(8000), readinessProbe=HEALTH))
    data["metadata"]["labels"] = {"app": "vllm"}
    assert [label(each) for each in classes(data, has_service=True, folder="serving")] == ["inference medium"]
