"""Where pod templates are found, and how many pods they make."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpulint.kube import layout
from gpulint.kube.kinds import PodTemplate, gpu_resources, kind_of, known_kinds, pod_templates, pod_total
from gpulint.kube.layout import Kind
from gpulint.kube.tree import Path as DataPath
from gpulint.kube.tree import get, mapping

GPU = "nvidia.com/gpu"


POD = "spec: {containers: [{name: a}]}"


def load(written: str) -> dict[str, Any]:
    data: object = yaml.safe_load(written.replace("POD", POD))
    assert isinstance(data, dict)
    return data


def templates(written: str) -> tuple[dict[str, Any], list[PodTemplate]]:
    data = load(written)
    return data, pod_templates(data.get("apiVersion", "").rpartition("/")[0], data["kind"], data)


def dotted(path: DataPath | None) -> str:
    return ".".join(map(str, path)) if path is not None else "-"


def shape(template: PodTemplate) -> str:
    """`spec path | role | replicas @ last key of their path | containers`."""
    containers = " ".join(
        f"{dotted(each.path[len(template.spec) :])}={each.name}{'*' if each.restartable else ''}"
        for each in template.containers
    )
    replicas = f"{template.replicas} @ {template.replicas_path[-1] if template.replicas_path else '-'}"
    return f"{dotted(template.spec)} | {template.role} | {replicas} | {containers}"


# name → (manifest, what is found)
FOUND: dict[str, tuple[str, list[str]]] = {
    "a pod with a sidecar": (
        """
        apiVersion: v1
        kind: Pod
        spec:
          initContainers: [{name: pull}, {name: proxy, restartPolicy: Always}]
          containers: [{name: main}]
        """,
        ["spec |  | 1 @ - | initContainers.0=pull initContainers.1=proxy* containers.0=main"],
    ),
    "a pod template has no spec of its own": (
        "{apiVersion: v1, kind: PodTemplate, template: {POD}}",
        ["template.spec |  | 1 @ - | containers.0=a"],
    ),
    "a replication controller": (
        "{apiVersion: v1, kind: ReplicationController, spec: {replicas: 2, template: {POD}}}",
        ["spec.template.spec |  | 2 @ replicas | containers.0=a"],
    ),
    "a deployment without replicas": (
        "{apiVersion: apps/v1, kind: Deployment, spec: {template: {POD}}}",
        ["spec.template.spec |  | 1 @ - | containers.0=a"],
    ),
    "a deployment scaled to nothing": (
        "{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0, template: {POD}}}",
        ["spec.template.spec |  | 0 @ replicas | containers.0=a"],
    ),
    "replicas to be filled in": (
        "{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: '${N}', template: {POD}}}",
        ["spec.template.spec |  | None @ replicas | containers.0=a"],
    ),
    "an old API group": (
        "{apiVersion: extensions/v1beta1, kind: ReplicaSet, spec: {replicas: 3, template: {POD}}}",
        ["spec.template.spec |  | 3 @ replicas | containers.0=a"],
    ),
    "a daemon set runs on as many nodes as match": (
        "{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {POD}}}",
        ["spec.template.spec |  | None @ - | containers.0=a"],
    ),
    "a job runs no more pods than completions": (
        "{apiVersion: batch/v1, kind: Job, spec: {parallelism: 8, completions: 3, template: {POD}}}",
        ["spec.template.spec |  | 3 @ parallelism | containers.0=a"],
    ),
    "a job with completions only": (
        "{apiVersion: batch/v1, kind: Job, spec: {completions: 9, template: {POD}}}",
        ["spec.template.spec |  | 1 @ - | containers.0=a"],
    ),
    "a job with completions to be filled in": (
        "{apiVersion: batch/v1, kind: Job, spec: {parallelism: 2, completions: $N, template: {POD}}}",
        ["spec.template.spec |  | None @ parallelism | containers.0=a"],
    ),
    "a cron job": (
        """
        apiVersion: batch/v1
        kind: CronJob
        spec: {jobTemplate: {spec: {parallelism: 2, template: {POD}}}}
        """,
        ["spec.jobTemplate.spec.template.spec |  | 2 @ parallelism | containers.0=a"],
    ),
    "each replica type of a PyTorchJob has its own count": (
        """
        apiVersion: kubeflow.org/v1
        kind: PyTorchJob
        spec:
          pytorchReplicaSpecs:
            Master: {template: {spec: {containers: [{name: pytorch}]}}}
            Worker: {replicas: 3, template: {spec: {containers: [{name: pytorch}]}}}
        """,
        [
            "spec.pytorchReplicaSpecs.Master.template.spec | master | 1 @ - | containers.0=pytorch",
            "spec.pytorchReplicaSpecs.Worker.template.spec | worker | 3 @ replicas | containers.0=pytorch",
        ],
    ),
    "MPIJob workers default to none": (
        """
        apiVersion: kubeflow.org/v2beta1
        kind: MPIJob
        spec:
          mpiReplicaSpecs:
            Launcher: {template: {spec: {containers: [{name: l}]}}}
            Worker: {template: {spec: {containers: [{name: w}]}}}
        """,
        [
            "spec.mpiReplicaSpecs.Launcher.template.spec | launcher | 1 @ - | containers.0=l",
            "spec.mpiReplicaSpecs.Worker.template.spec | worker | 0 @ - | containers.0=w",
        ],
    ),
    "an XGBoostJob abbreviates its field": (
        """
        apiVersion: kubeflow.org/v1
        kind: XGBoostJob
        spec: {xgbReplicaSpecs: {Worker: {replicas: 2, template: {POD}}}}
        """,
        ["spec.xgbReplicaSpecs.Worker.template.spec | worker | 2 @ replicas | containers.0=a"],
    ),
    "a notebook": (
        "{apiVersion: kubeflow.org/v1, kind: Notebook, spec: {template: {spec: {containers: [{name: nb}]}}}}",
        ["spec.template.spec |  | 1 @ - | containers.0=nb"],
    ),
    "a predictor with a model beside its pod fields": (
        """
        apiVersion: serving.kserve.io/v1beta1
        kind: InferenceService
        spec:
          predictor:
            minReplicas: 2
            nodeSelector: {a: b}
            model: {modelFormat: {name: vllm}, resources: {limits: {nvidia.com/gpu: 1}}}
            containers: [{name: agent}]
          transformer: {containers: [{name: t}]}
        """,
        [
            "spec.predictor | predictor | 2 @ minReplicas | model=model containers.0=agent",
            "spec.transformer | transformer | 1 @ - | containers.0=t",
        ],
    ),
    "a predictor that spans nodes": (
        """
        apiVersion: serving.kserve.io/v1beta1
        kind: InferenceService
        spec: {predictor: {model: {}, workerSpec: {pipelineParallelSize: 3, containers: [{name: w}]}}}
        """,
        [
            "spec.predictor | predictor | 1 @ - | model=model",
            "spec.predictor.workerSpec | worker | 2 @ pipelineParallelSize | containers.0=w",
        ],
    ),
    "the size of a worker group that the runtime decides": (
        """
        apiVersion: serving.kserve.io/v1beta1
        kind: InferenceService
        spec: {predictor: {model: {}, workerSpec: {containers: [{name: w}]}}}
        """,
        [
            "spec.predictor | predictor | 1 @ - | model=model",
            "spec.predictor.workerSpec | worker | None @ - | containers.0=w",
        ],
    ),
    "a serving runtime": (
        "{apiVersion: serving.kserve.io/v1alpha1, kind: ClusterServingRuntime, POD}",
        ["spec | runtime | 1 @ - | containers.0=a"],
    ),
    "Ray workers default to none, and hosts multiply": (
        """
        apiVersion: ray.io/v1
        kind: RayCluster
        spec:
          headGroupSpec: {template: {spec: {containers: [{name: head}]}}}
          workerGroupSpecs:
          - {groupName: a, template: {spec: {containers: [{name: w}]}}}
          - {groupName: b, replicas: 3, numOfHosts: 2, template: {spec: {containers: [{name: w}]}}}
          - {groupName: c, replicas: 1, minReplicas: 2, template: {spec: {containers: [{name: w}]}}}
          - {groupName: d, replicas: 9, maxReplicas: 4, template: {spec: {containers: [{name: w}]}}}
          - {groupName: e, replicas: 9, suspend: true, template: {spec: {containers: [{name: w}]}}}
        """,
        [
            "spec.headGroupSpec.template.spec | head | 1 @ - | containers.0=head",
            "spec.workerGroupSpecs.0.template.spec | worker | 0 @ - | containers.0=w",
            "spec.workerGroupSpecs.1.template.spec | worker | 6 @ replicas | containers.0=w",
            "spec.workerGroupSpecs.2.template.spec | worker | 2 @ replicas | containers.0=w",
            "spec.workerGroupSpecs.3.template.spec | worker | 4 @ replicas | containers.0=w",
            "spec.workerGroupSpecs.4.template.spec | worker | 0 @ replicas | containers.0=w",
        ],
    ),
    "a RayJob holds a cluster and a submitter": (
        """
        apiVersion: ray.io/v1
        kind: RayJob
        spec:
          rayClusterSpec:
            workerGroupSpecs: [{replicas: 2, template: {spec: {containers: [{name: w}]}}}]
          submitterPodTemplate: {spec: {containers: [{name: s}]}}
        """,
        [
            "spec.rayClusterSpec.workerGroupSpecs.0.template.spec | worker | 2 @ replicas | containers.0=w",
            "spec.submitterPodTemplate.spec | submitter | 1 @ - | containers.0=s",
        ],
    ),
    "a RayService": (
        """
        apiVersion: ray.io/v1
        kind: RayService
        spec: {rayClusterConfig: {headGroupSpec: {template: {spec: {containers: [{name: h}]}}}}}
        """,
        ["spec.rayClusterConfig.headGroupSpec.template.spec | head | 1 @ - | containers.0=h"],
    ),
    "the tasks of a Volcano Job": (
        """
        apiVersion: batch.volcano.sh/v1alpha1
        kind: Job
        spec: {tasks: [{name: ps, template: {POD}}, {name: w, replicas: 4, template: {POD}}]}
        """,
        [
            "spec.tasks.0.template.spec | ps | 1 @ - | containers.0=a",
            "spec.tasks.1.template.spec | w | 4 @ replicas | containers.0=a",
        ],
    ),
    "the jobs of a JobSet multiply with their pods": (
        """
        apiVersion: jobset.x-k8s.io/v1alpha2
        kind: JobSet
        spec:
          replicatedJobs:
          - name: workers
            replicas: 2
            template: {spec: {parallelism: 4, completions: 4, template: {POD}}}
        """,
        [
            "spec.replicatedJobs.0.template.spec.template.spec | workers | 8 @ replicas | containers.0=a",
        ],
    ),
    "the leader of a LeaderWorkerSet is one of its size": (
        """
        apiVersion: leaderworkerset.x-k8s.io/v1
        kind: LeaderWorkerSet
        spec:
          replicas: 2
          leaderWorkerTemplate:
            size: 4
            leaderTemplate: {spec: {containers: [{name: l}]}}
            workerTemplate: {spec: {containers: [{name: w}]}}
        """,
        [
            "spec.leaderWorkerTemplate.leaderTemplate.spec | leader | 2 @ replicas | containers.0=l",
            "spec.leaderWorkerTemplate.workerTemplate.spec | worker | 6 @ replicas | containers.0=w",
        ],
    ),
    "without a leader template the workers' is used for all": (
        """
        apiVersion: leaderworkerset.x-k8s.io/v1
        kind: LeaderWorkerSet
        spec: {replicas: 2, leaderWorkerTemplate: {size: 4, workerTemplate: {spec: {containers: [{name: w}]}}}}
        """,
        ["spec.leaderWorkerTemplate.workerTemplate.spec | worker | 8 @ replicas | containers.0=w"],
    ),
    "an unknown kind with a template": (
        """
        apiVersion: example.com/v1
        kind: Trainer
        spec: {nodes: [{template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a}]}}}]}
        """,
        ["spec.nodes.0.template.spec |  | None @ - | containers.0=a"],
    ),
    "an unknown kind with a bare container": (
        """
        apiVersion: example.com/v1
        kind: Model
        spec: {engine: {name: e, resources: {limits: {nvidia.com/gpu: 1}}}, nothing: {resources: {limits: {cpu: 1}}}}
        """,
        ["spec.engine |  | None @ - | =e"],
    ),
    "what is inside a pod is not found twice": (
        """
        apiVersion: example.com/v1
        kind: Model
        spec: {pod: {containers: [{name: a, resources: {limits: {nvidia.com/gpu: 1}}}]}}
        """,
        ["spec.pod |  | None @ - | containers.0=a"],
    ),
    "a wrapped object of a known kind keeps its counts": (
        """
        apiVersion: workload.codeflare.dev/v1beta2
        kind: AppWrapper
        spec:
          components:
          - template: {apiVersion: batch/v1, kind: Job, spec: {parallelism: 2, template: {POD}}}
        """,
        [
            "spec.components.0.template.spec.template.spec |  | 2 @ parallelism | containers.0=a",
        ],
    ),
    "an old version of a kind": (
        """
        apiVersion: serving.kserve.io/v1alpha2
        kind: InferenceService
        spec: {default: {predictor: {custom: {container: {name: c, resources: {requests: {nvidia.com/gpu: 1}}}}}}}
        """,
        ["spec.default.predictor.custom.container | predictor | 1 @ - | =c"],
    ),
    "the kind of another group is another kind": (
        "{apiVersion: example.com/v1, kind: Deployment, spec: {replicas: 3, template: {POD}}}",
        ["spec.template.spec |  | None @ - | containers.0=a"],
    ),
    "schemas hold no pods": (
        """
        apiVersion: example.com/v1
        kind: Thing
        spec: {openAPIV3Schema: {default: {containers: [{name: a}]}}}
        """,
        [],
    ),
    "policies hold patterns, not pods": (
        "{apiVersion: kyverno.io/v1, kind: ClusterPolicy, spec: {rules: [{pattern: {POD}}]}}",
        [],
    ),
    "status and metadata hold no pods": (
        "{apiVersion: example.com/v1, kind: Thing, metadata: {x: {containers: [{}]}}, status: {POD}}",
        [],
    ),
    "malformed replicas and containers": (
        """
        apiVersion: apps/v1
        kind: Deployment
        spec: {replicas: [1], template: {spec: {containers: [text, {name: 3}]}}}
        """,
        ["spec.template.spec |  | None @ replicas | containers.1=3"],
    ),
    "no template at all": ("{apiVersion: apps/v1, kind: Deployment, spec: text}", []),
}


@pytest.mark.parametrize(("written", "expected"), FOUND.values(), ids=FOUND)
def test_pod_templates(written: str, expected: list[str]) -> None:
    data, found = templates(written)
    assert [shape(each) for each in found] == expected
    for template in found:
        assert template.replicas_path is None or get(data, template.replicas_path) is not None
        for container in template.containers:
            assert isinstance(get(data, container.path), Mapping)


def test_templates_say_where_their_metadata_is() -> None:
    _, (deployment,) = templates("{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {}}}}")
    assert (deployment.path, deployment.metadata) == (("spec", "template"), ("spec", "template", "metadata"))
    _, (pod,) = templates("{apiVersion: v1, kind: Pod, spec: {}}")
    assert (pod.path, pod.metadata) == ((), ("metadata",))
    _, (runtime,) = templates(
        "{apiVersion: serving.kserve.io/v1alpha1, kind: ServingRuntime, spec: {containers: [{}]}}"
    )
    assert (runtime.path, runtime.metadata) == (("spec",), None)
    _, (shaped,) = templates(FOUND["an unknown kind with a template"][0])
    assert shaped.metadata == ("spec", "nodes", 0, "template", "metadata")


def test_core_validation_looks_at_built_in_kinds_only() -> None:
    core = {(kind.group, kind.kind) for kind in known_kinds() if _embeds(kind)}
    assert {group for group, _ in core} == {"", "apps", "batch", "extensions"}
    assert ("batch", "CronJob") in core
    assert len(core) == 12


def _embeds(kind: Kind) -> bool:
    pod = {"spec": {"containers": [{"name": "a"}]}}
    data = {"spec": {**pod["spec"], "template": pod, "jobTemplate": {"spec": {"template": pod}}}, "template": pod}
    found = pod_templates(kind.group, kind.kind, data)
    return any(each.embeds for each in found)


def test_a_wrapped_object_brings_its_kind() -> None:
    _, (wrapped,) = templates(FOUND["a wrapped object of a known kind keeps its counts"][0])
    assert wrapped.kind == kind_of("batch", "Job")
    assert wrapped.embeds
    _, (shaped,) = templates(FOUND["an unknown kind with a template"][0])
    assert shaped.kind is None


def test_kind_says_what_pods_do() -> None:
    assert kind_of("kubeflow.org", "TFJob") == Kind(
        "kubeflow.org", "TFJob", "training", "certain", is_template=False, gang=True
    )
    assert kind_of("serving.kserve.io", "ClusterServingRuntime") == Kind(
        "serving.kserve.io", "ClusterServingRuntime", "inference", "certain", is_template=True
    )
    assert kind_of("kyverno.io", "ClusterPolicy") is None
    assert kind_of("", "Deployment") is None


def test_the_catalogue_is_well_formed() -> None:
    kinds = known_kinds()
    assert len(kinds) == len({(kind.group, kind.kind) for kind in kinds})
    assert {kind.workload_class for kind in kinds} <= {
        "training",
        "inference",
        "interactive",
        "batch",
        "system",
        "unknown",
    }
    assert {kind.certainty for kind in kinds} <= {"certain", "high", "medium", "low", "none"}
    assert len(kinds) > 140


def test_a_layout_names_its_source_and_knows_its_keys() -> None:
    for file in sorted(Path(layout.__file__).with_name("layouts").glob("*.yaml")):
        for item in yaml.safe_load(file.read_text(encoding="utf-8")):
            assert "same" in item or item["source"], item["kind"]
    with pytest.raises(ValueError, match="unknown keys cuont in the layout of /spec/template"):
        layout._pods({"at": "/spec/template", "form": "template", "cuont": []}, ("spec",))


def test_a_group_is_no_path() -> None:
    assert kind_of("../layouts/apps", "Deployment") is None
    assert pod_templates("../../kube/layouts/apps", "Deployment", {"spec": {"replicas": 2}}) == []


def test_the_class_may_depend_on_the_object() -> None:
    _, (tuned,) = templates("{apiVersion: kaito.sh/v1beta1, kind: Workspace, resource: {instanceType: x}, tuning: {}}")
    assert tuned.kind is not None
    assert (tuned.kind.workload_class, tuned.kind.certainty) == ("training", "certain")
    _, (task,) = templates(
        "{apiVersion: batch.volcano.sh/v1alpha1, kind: Job, spec: {plugins: {pytorch: []}, tasks: [{template: {POD}}]}}"
    )
    assert task.kind is not None
    assert (task.kind.workload_class, task.kind.certainty) == ("training", "high")


def test_what_a_bare_gpu_means() -> None:
    _, (meant,) = templates("{apiVersion: nvidia.com/v1alpha1, kind: DynamoComponentDeployment, spec: {resources: {}}}")
    _, (pod,) = templates("{apiVersion: v1, kind: Pod, spec: {containers: [{resources: {limits: {gpu: 1}}}]}}")
    _, (shaped,) = templates("{apiVersion: example.com/v1, kind: Thing, spec: {resources: {limits: {gpu: 1}}}}")
    assert (meant.bare_gpu, meant.is_pod) == (True, False)
    assert (pod.bare_gpu, pod.is_pod) == (False, True)
    assert (shaped.bare_gpu, shaped.is_pod) == (False, False)


AMOUNTS: dict[str, tuple[str, str]] = {
    "a placeholder": ("{replicas: '${N}'}", "None..None"),
    "a bound without replicas": ("{scale: {enabled: true, hpa: {maxReplicas: 4}}}", "1..4"),
    "a bound that is switched off": ("{replicas: 2, scale: {hpa: {maxReplicas: 4}}}", "2..2"),
    "a bound below the replicas": ("{replicas: 5, scale: {enabled: true, hpa: {maxReplicas: 4}}}", "5..5"),
    "a bound to be filled in": ("{replicas: 5, scale: {enabled: true, hpa: {maxReplicas: $MAX}}}", "5..None"),
    "no pods of an unknown number of nodes": ("{replicas: 0, multiNode: {parallelism: {pipeline: $P}}}", "0..0"),
}


@pytest.mark.parametrize(("spec", "expected"), AMOUNTS.values(), ids=AMOUNTS)
def test_pods_at_once_and_at_most(spec: str, expected: str) -> None:
    _, (service,) = templates(f"{{apiVersion: apps.nvidia.com/v1alpha1, kind: NIMService, spec: {spec}}}")
    assert f"{service.replicas}..{service.most}" == expected


CONTAINER = """
resources:
  limits: {cpu: 1, memory: 1Gi, ephemeral-storage: 1Gi, hugepages-2Mi: 1Gi, nvidia.com/gpu: 2, rdma/hca: 1}
  requests: {nvidia.com/gpu: '2'}
"""


def test_resources_other_than_cpu_and_memory() -> None:
    found = [(each.section, each.name, each.value, each.path) for each in gpu_resources(load(CONTAINER))]
    assert found == [
        ("limits", GPU, 2, ("resources", "limits", GPU)),
        ("limits", "rdma/hca", 1, ("resources", "limits", "rdma/hca")),
        ("requests", GPU, "2", ("resources", "requests", GPU)),
    ]


@pytest.mark.parametrize(
    "resources", ["null", "text", "[a]", "{limits: text}", "{limits: null}", "{claims: [{name: a}]}"]
)
def test_malformed_resources_hold_nothing(resources: str) -> None:
    assert gpu_resources(load(f"resources: {resources}")) == ()


def pod(containers: str, init: str = "[]", more: str = "") -> str:
    return f"{{apiVersion: v1, kind: Pod, spec: {{containers: {containers}, initContainers: {init}{more}}}}}"


def asks(amount: object, section: str = "limits", restart: str = "") -> str:
    return f"{{resources: {{{section}: {{{GPU}: {amount}}}}}{restart}}}"


SIDECAR = ", restartPolicy: Always"

TOTALS: dict[str, tuple[str, int | None]] = {
    "none": (pod("[{name: a}]"), 0),
    "containers add up": (pod(f"[{asks(1)}, {asks(2)}]"), 3),
    "a request counts where there is no limit": (pod(f"[{asks(2, 'requests')}]"), 2),
    "an init container's devices are used again": (pod(f"[{asks(2)}]", f"[{asks(1)}]"), 2),
    "an init container that asks for more": (pod(f"[{asks(1)}]", f"[{asks(4)}, {asks(2)}]"), 4),
    "a sidecar adds up": (pod(f"[{asks(1)}]", f"[{asks(1, restart=SIDECAR)}]"), 2),
    "a sidecar counts with the init containers after it": (
        pod(f"[{asks(1)}]", f"[{asks(1, restart=SIDECAR)}, {asks(4)}]"),
        5,
    ),
    "but not with those before it": (pod(f"[{asks(1)}]", f"[{asks(4)}, {asks(1, restart=SIDECAR)}]"), 4),
    "overhead is added": (pod(f"[{asks(1)}]", "[]", f", overhead: {{{GPU}: 1}}"), 2),
    "quoted": (pod(f"[{asks(chr(39) + '2' + chr(39))}]"), 2),
    "1000m is one": (pod(f"[{asks('1000m')}]"), 1),
    "to be filled in": (pod(f"[{asks(1)}, {asks(chr(39) + '${GPUS}' + chr(39))}]"), None),
    "a section to be filled in": (pod("[{resources: {limits: '${LIMITS}'}}]"), None),
    "resources to be filled in": (pod("[{resources: '${RESOURCES}'}]"), None),
    "not a quantity": (pod(f"[{asks('many')}]"), None),
    "null": (pod(f"[{asks('null')}]"), 0),
}


@pytest.mark.parametrize(("written", "total"), TOTALS.values(), ids=TOTALS)
def test_pod_total(written: str, total: int | None) -> None:
    data, (template,) = templates(written)
    assert pod_total(template, data, GPU) == total


def test_the_total_of_a_bare_container() -> None:
    data, (template,) = templates(FOUND["an unknown kind with a bare container"][0])
    assert pod_total(template, data, GPU) == 1
    assert mapping(get(data, template.containers[0].path))["name"] == "e"
