"""Pods that are made of what other objects hold, and the bounds that autoscalers give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.manifest import Place
from tests.linked import linked

RUNTIME = """
apiVersion: trainer.kubeflow.org/v1alpha1
kind: ClusterTrainingRuntime
metadata: {name: torch-pool}
spec:
  mlPolicy: {numNodes: 2}
  template:
    spec:
      replicatedJobs:
      - name: node
        template:
          metadata: {labels: {trainer.kubeflow.org/trainjob-ancestor-step: trainer}}
          spec:
            template:
              spec:
                nodeSelector: {pool: a100}
                containers:
                - name: node
                  image: registry.example/torch:2
                  env: [{name: A, value: runtime}, {name: B, value: runtime}]
                  resources:
                    limits:
                      nvidia.com/gpu: 4
"""
JOB = """
apiVersion: trainer.kubeflow.org/v1alpha1
kind: TrainJob
metadata: {name: tune, namespace: research}
spec:
  runtimeRef: {name: torch-pool}
"""
OWN = """\
  trainer:
    numNodes: 8
    command: [torchrun, tune.py]
    env: [{name: B, value: job}, {name: C, value: job}]
    resourcesPerNode:
      limits:
        nvidia.com/gpu: 8
"""


def by_kind(graph: Graph, kind: str) -> list[Workload]:
    return [each for each in graph.pods if each.manifest.kind == kind]


def only(graph: Graph, kind: str) -> Workload:
    (found,) = by_kind(graph, kind)
    return found


def asked(workload: Workload) -> str:
    """`nvidia.com/gpu=4 @ file:line`, container by container."""
    return ", ".join(
        f"{each.name}={each.entry.value} @ {where(workload.place(each.container, each.entry.path))}"
        for each in workload.asked
    )


def where(place: Place) -> str:
    location = place.location()
    return f"{location.path}:{location.line}"


def line(text: str, word: str) -> int:
    return text[: text.index(word)].count("\n") + 1


# --- TrainJob -> TrainingRuntime --------------------------------------------------------------------------------------


def test_a_train_job_asks_for_what_its_runtime_does() -> None:
    graph = linked({"job.yaml": JOB, "runtime.yaml": RUNTIME})
    job = only(graph, "TrainJob")
    assert asked(job) == f"nvidia.com/gpu=4 @ runtime.yaml:{line(RUNTIME, 'nvidia.com/gpu')}"
    assert (job.template.role, job.template.replicas, job.namespace) == ("trainer", 2, "research")
    assert [each.key for each in job.placement.node_selector] == ["pool"]
    assert where(job.spec_place(("nodeSelector", "pool"))).startswith("runtime.yaml")
    assert job.template.kind is not None
    assert (job.template.kind.kind, job.template.kind.is_template) == ("TrainJob", False)


def test_what_a_train_job_says_itself_counts() -> None:
    graph = linked({"job.yaml": JOB + OWN, "runtime.yaml": RUNTIME})
    job = only(graph, "TrainJob")
    (container,) = job.template.containers
    assert asked(job) == f"nvidia.com/gpu=8 @ job.yaml:{line(JOB + OWN, 'nvidia.com/gpu')}"
    assert job.template.replicas == 8
    assert job.container(container)["command"] == ["torchrun", "tune.py"]
    assert job.container(container)["image"] == "registry.example/torch:2"
    env = job.container(container)["env"]
    assert isinstance(env, list)
    assert [(each["name"], each["value"]) for each in env] == [("A", "runtime"), ("B", "job"), ("C", "job")]
    assert where(job.place(container, ("env", 1, "value"))).startswith("job.yaml")
    assert where(job.place(container, ("env", 0, "value"))).startswith("runtime.yaml")


@pytest.mark.parametrize(
    "override",
    [
        "podSpecOverrides: [{targetJobs: [{name: node}], nodeSelector: {pool: h100}}]",
        "podTemplateOverrides: [{targetJobs: [{name: node}], spec: {nodeSelector: {pool: h100}}}]",
        (
            "runtimePatches: [{trainingRuntimeSpec: {template: {spec: {replicatedJobs: ["
            "{name: node, template: {spec: {template: {spec: {nodeSelector: {pool: h100}}}}}}]}}}}]"
        ),
    ],
)
def test_a_train_job_patches_the_pods_of_its_runtime(override: str) -> None:
    job = only(linked({"job.yaml": f"{JOB}  {override}\n", "runtime.yaml": RUNTIME}), "TrainJob")
    assert [each.values for each in job.placement.node_selector] == [("h100",)]
    assert where(job.spec_place(("nodeSelector", "pool"))) == "job.yaml:7"
    other = only(
        linked({"job.yaml": f"{JOB}  {override}\n".replace("name: node", "name: init"), "runtime.yaml": RUNTIME}),
        "TrainJob",
    )
    assert [each.values for each in other.placement.node_selector] == [("a100",)]


def test_the_nodes_of_an_mpi_runtime_are_divided_in_a_way_that_is_not_known() -> None:
    runtime = RUNTIME.replace("{numNodes: 2}", "{numNodes: 2, mpi: {numProcPerNode: 1}}")
    job = only(linked({"job.yaml": JOB, "runtime.yaml": runtime}), "TrainJob")
    assert (job.template.role, job.template.replicas, job.at_most) == ("node", None, None)


def test_the_runtime_speaks_for_itself_where_no_job_takes_its_gpus() -> None:
    def speaking(**files: str) -> list[str]:
        named = {f"{name}.yaml": text for name, text in files.items()}
        return [each.manifest.kind for each in linked(named).workloads]

    assert speaking(runtime=RUNTIME) == ["ClusterTrainingRuntime"]
    assert speaking(job=JOB, runtime=RUNTIME) == ["TrainJob"]
    assert speaking(job=JOB + OWN, runtime=RUNTIME) == ["TrainJob", "ClusterTrainingRuntime"]


UNKNOWN_RUNTIMES: Mapping[str, Mapping[str, str]] = {
    "another name": {"r.yaml": RUNTIME.replace("torch-pool", "other")},
    "another namespace": {
        "r.yaml": RUNTIME.replace("ClusterT", "T").replace("torch-pool", "torch-pool, namespace: elsewhere")
    },
    "one of two": {"a/r.yaml": RUNTIME, "b/r.yaml": RUNTIME},
    "none": {},
}


@pytest.mark.parametrize("runtimes", UNKNOWN_RUNTIMES.values(), ids=UNKNOWN_RUNTIMES)
def test_where_the_runtime_is_not_known_the_job_speaks_alone(runtimes: Mapping[str, str]) -> None:
    job = JOB.replace("{name: torch-pool}", "{kind: TrainingRuntime, name: torch-pool}")
    for text in (JOB, job) if "elsewhere" not in str(runtimes) else (job,):
        assert asked(only(linked({"job.yaml": text, **runtimes}), "TrainJob")) == ""
    assert "nvidia.com/gpu=8" in asked(only(linked({"job.yaml": JOB + OWN, **runtimes}), "TrainJob"))


# --- InferenceService -> ServingRuntime -------------------------------------------------------------------------------

SERVING = """
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: vllm, namespace: serving}
spec:
  tolerations: [{key: gpu, operator: Exists}]
  nodeSelector: {pool: shared}
  containers:
  - name: kserve-container
    image: registry.example/vllm:1
    args: [--port=8080]
    resources:
      limits: {cpu: 4, nvidia.com/gpu: 1}
  - name: proxy
"""
SERVICE = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: chat, namespace: serving}
spec:
  predictor:
    minReplicas: 2
    maxReplicas: 5
    nodeSelector: {disk: fast}
    model:
      modelFormat: {name: vLLM}
      runtime: vllm
      args: [--max-model-len=4096]
"""


def test_a_model_asks_for_what_its_runtime_does() -> None:
    service = only(linked({"s.yaml": SERVICE, "r.yaml": SERVING}), "InferenceService")
    server, proxy = service.template.containers
    assert asked(service) == f"nvidia.com/gpu=1 @ r.yaml:{line(SERVING, 'nvidia.com/gpu')}"
    assert (service.template.role, service.template.replicas, service.at_most) == ("predictor", 2, 5)
    assert service.container(server)["args"] == ["--port=8080", "--max-model-len=4096"]
    assert where(service.place(server, ("args", 1))) == f"s.yaml:{line(SERVICE, 'max-model')}"
    assert (server.name, proxy.name) == ("kserve-container", "proxy")
    assert service.pod_spec["nodeSelector"] == {"pool": "shared", "disk": "fast"}
    assert where(service.spec_place(("nodeSelector", "disk"))) == f"s.yaml:{line(SERVICE, 'disk')}"
    assert [each.key for each in service.placement.tolerations] == ["gpu"]


def test_resources_of_the_model_count_before_those_of_the_runtime() -> None:
    text = SERVICE + "      resources: {limits: {nvidia.com/gpu: 2}}\n"
    service = only(linked({"s.yaml": text, "r.yaml": SERVING}), "InferenceService")
    assert asked(service) == f"nvidia.com/gpu=2 @ s.yaml:{line(text, 'nvidia.com/gpu')}"
    server = service.template.containers[0]
    assert service.container(server)["resources"] == {"limits": {"cpu": 4, "nvidia.com/gpu": 2}}


def test_a_runtime_of_the_namespace_counts_before_one_of_the_cluster() -> None:
    cluster = SERVING.replace("ServingRuntime", "ClusterServingRuntime").replace("gpu: 1", "gpu: 4")
    cluster = cluster.replace(", namespace: serving", "")
    both = only(linked({"s.yaml": SERVICE, "r.yaml": SERVING, "c.yaml": cluster}), "InferenceService")
    assert "gpu=1 @ r.yaml" in asked(both)
    assert "gpu=4 @ c.yaml" in asked(only(linked({"s.yaml": SERVICE, "c.yaml": cluster}), "InferenceService"))


def test_without_a_named_runtime_nothing_is_added() -> None:
    text = SERVICE.replace("runtime: vllm", "resources: {limits: {nvidia.com/gpu: 2}}")
    unnamed = only(linked({"s.yaml": text, "r.yaml": SERVING}), "InferenceService")
    assert asked(unnamed).startswith("nvidia.com/gpu=2 @ s.yaml")
    assert unnamed.placement.tolerations == ()
    other = SERVING.replace("kserve-container", "server")
    assert asked(only(linked({"s.yaml": SERVICE, "r.yaml": other}), "InferenceService")) == ""


def test_a_service_adds_containers_to_those_of_its_runtime() -> None:
    text = SERVICE + "    containers:\n    - {name: proxy, image: registry.example/proxy:1}\n    - {name: log}\n"
    service = only(linked({"s.yaml": text, "r.yaml": SERVING}), "InferenceService")
    assert [each.name for each in service.template.containers] == ["kserve-container", "proxy", "log"]
    proxy, log = service.template.containers[1:]
    assert service.container(proxy) == {"name": "proxy", "image": "registry.example/proxy:1"}
    assert where(service.place(log, ("image",))) == f"s.yaml:{line(text, 'log')}"


def test_configurations_of_a_language_model_are_laid_over_each_other() -> None:
    config = """
    apiVersion: serving.kserve.io/v1alpha1
    kind: LLMInferenceServiceConfig
    metadata: {name: NAME, namespace: serving}
    spec:
      template: {containers: [{name: main, image: registry.example/NAME:1, resources: {limits: {nvidia.com/gpu: N}}}]}
    """
    service = """
    apiVersion: serving.kserve.io/v1alpha1
    kind: LLMInferenceService
    metadata: {name: chat, namespace: serving}
    spec:
      replicas: 3
      baseRefs: [{name: one}, {name: two}]
      template: {containers: [{name: main, image: registry.example/own:1}]}
    """
    files = {
        f"{name}.yaml": config.replace("NAME", name).replace("N}", f"{n}}}") for name, n in (("one", 1), ("two", 2))
    }
    found = only(linked({"s.yaml": service, **files}), "LLMInferenceService")
    (main,) = found.template.containers
    assert asked(found).startswith("nvidia.com/gpu=2 @ two.yaml")
    assert (found.container(main)["image"], found.template.replicas) == ("registry.example/own:1", 3)
    lacking = only(linked({"s.yaml": service, "one.yaml": files["one.yaml"]}), "LLMInferenceService")
    assert asked(lacking) == ""


# --- others -----------------------------------------------------------------------------------------------------------

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  replicas: 0
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, resources: {limits: {nvidia.com/gpu: 1}}}]}
"""
ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: prod}
spec: {replicas: 4, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
"""


def test_a_rollout_makes_pods_of_a_deployment() -> None:
    graph = linked({"d.yaml": DEPLOYMENT, "r.yaml": ROLLOUT})
    rollout = only(graph, "Rollout")
    assert asked(rollout).startswith("nvidia.com/gpu=1 @ d.yaml")
    assert (rollout.template.replicas, rollout.pod_labels) == (4, {"app": "web"})
    assert [each.manifest.kind for each in graph.workloads] == ["Rollout"]
    assert by_kind(linked({"r.yaml": ROLLOUT}), "Rollout") == []


def test_a_ray_job_for_another_cluster_has_no_pods_of_its_own() -> None:
    job = """
    apiVersion: ray.io/v1
    kind: RayJob
    metadata: {name: tune}
    spec: {clusterSelector: {ray.io/cluster: shared}, entrypoint: python tune.py}
    """
    cluster = """
    apiVersion: ray.io/v1
    kind: RayCluster
    metadata: {name: shared}
    spec: {headGroupSpec: {template: {spec: {containers: [{name: head, resources: {limits: {nvidia.com/gpu: 1}}}]}}}}
    """
    assert [each.manifest.kind for each in linked({"a.yaml": job, "b.yaml": cluster}).pods] == ["RayCluster"]


def test_a_role_patches_a_template_of_its_group() -> None:
    group = """
apiVersion: workloads.x-k8s.io/v1alpha2
kind: RoleBasedGroup
metadata: {name: chat}
spec:
  roleTemplates:
  - name: base
    template: {spec: {nodeSelector: {pool: a}, containers: [{name: server, image: registry.example/sgl:1}]}}
  roles:
  - name: prefill
    replicas: 2
    standalonePattern:
      templateRef:
        name: base
        patch: {spec: {containers: [{name: server, resources: {limits: {nvidia.com/gpu: 2}}}]}}
  - name: decode
    leaderWorkerPattern: {size: 3, templateRef: {name: base}}
  - name: lost
    standalonePattern: {templateRef: {name: none, patch: {spec: {containers: [{name: x}]}}}}
"""
    prefill, lost, decode, base = by_kind(linked({"g.yaml": group}), "RoleBasedGroup")
    (server,) = prefill.template.containers
    assert asked(prefill) == f"nvidia.com/gpu=2 @ g.yaml:{line(group, 'nvidia.com/gpu')}"
    assert prefill.container(server)["image"] == "registry.example/sgl:1"
    assert [each.key for each in prefill.placement.node_selector] == ["pool"]
    assert [(each.template.role, each.template.replicas) for each in (prefill, decode)] == [
        ("prefill", 2),
        ("decode", 3),
    ]
    assert [each.name for each in lost.template.containers] == ["x"]
    assert base.template.kind is not None
    assert base.template.kind.is_template


NOTEBOOK = """
apiVersion: kubeflow.org/v1
kind: Notebook
metadata:
  name: lab
  namespace: ds
  annotations: {opendatahub.io/hardware-profile-name: gpu, opendatahub.io/hardware-profile-namespace: odh}
spec: {template: {spec: {nodeSelector: {zone: a}, containers: [{name: lab}]}}}
"""
HARDWARE = """
apiVersion: infrastructure.opendatahub.io/v1
kind: HardwareProfile
metadata: {name: gpu, namespace: odh}
spec:
  identifiers:
  - {identifier: cpu, defaultCount: 2}
  - {identifier: nvidia.com/gpu, defaultCount: 1}
  scheduling: {node: {nodeSelector: {pool: a}, tolerations: [{key: gpu, operator: Exists}]}}
"""


def test_a_hardware_profile_gives_what_a_notebook_does_not_say() -> None:
    notebook = only(linked({"n.yaml": NOTEBOOK, "h.yaml": HARDWARE}), "Notebook")
    assert asked(notebook) == "nvidia.com/gpu=1 @ h.yaml:8"
    assert notebook.pod_spec["nodeSelector"] == {"pool": "a"}
    assert len(notebook.placement.tolerations) == 1
    own = NOTEBOOK.replace("{name: lab}]", "{name: lab, resources: {limits: {nvidia.com/gpu: 2}}}]")
    assert asked(only(linked({"n.yaml": own, "h.yaml": HARDWARE}), "Notebook")).startswith("nvidia.com/gpu=2 @ n.yaml")
    two = NOTEBOOK.replace("{name: lab}]", "{name: lab}, {name: proxy}]")
    assert asked(only(linked({"n.yaml": two, "h.yaml": HARDWARE}), "Notebook")) == ""
    elsewhere = HARDWARE.replace("namespace: odh", "namespace: other")
    assert asked(only(linked({"n.yaml": NOTEBOOK, "h.yaml": elsewhere}), "Notebook")) == ""


def test_a_workspace_is_one_of_the_configurations_of_its_kind() -> None:
    kind = """
    apiVersion: kubeflow.org/v1beta1
    kind: WorkspaceKind
    metadata: {name: jupyter}
    spec: {podTemplate: {options: {podConfig: {values: [
      {id: small, spec: {}}, {id: big, spec: {resources: {limits: {nvidia.com/gpu: 2}}, nodeSelector: {pool: a}}}]}}}}
    """
    workspace = """
    apiVersion: kubeflow.org/v1beta1
    kind: Workspace
    metadata: {name: mine, namespace: ds}
    spec: {kind: jupyter, podTemplate: {options: {podConfig: big}}}
    """
    found = only(linked({"k.yaml": kind, "w.yaml": workspace}), "Workspace")
    assert asked(found).startswith("nvidia.com/gpu=2 @ k.yaml")
    assert (found.template.replicas, found.template.alternative) == (1, False)
    assert asked(only(linked({"w.yaml": workspace}), "Workspace")) == ""


def test_a_model_has_the_profile_that_its_chart_defines() -> None:
    model = (
        "{apiVersion: kubeai.org/v1, kind: Model, metadata: {name: m}, spec: {resourceProfile: 'l4:2', minReplicas: 1}}"
    )
    chart = """
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: kubeai}
    spec:
      values:
        resourceProfiles: {l4: {limits: {nvidia.com/gpu: "1"}, requests: {cpu: 500m}, nodeSelector: {pool: l4}}}
    """
    found = only(linked({"m.yaml": model, "c.yaml": chart}), "Model")
    assert asked(found) == "nvidia.com/gpu=2 @ c.yaml:7"
    assert [each.key for each in found.placement.node_selector] == ["pool"]
    assert asked(only(linked({"m.yaml": model}), "Model")) == ""


def test_a_server_has_the_pod_of_its_configuration() -> None:
    config = """
    apiVersion: mlops.seldon.io/v1alpha1
    kind: ServerConfig
    metadata: {name: triton}
    spec: {podSpec: {containers: [{name: triton, image: registry.example/triton:1}]}}
    """
    server = """
    apiVersion: mlops.seldon.io/v1alpha1
    kind: Server
    metadata: {name: s}
    spec:
      serverConfig: triton
      replicas: 2
"""
    patch = "      podSpec: {containers: [{name: triton, resources: {limits: {nvidia.com/gpu: 1}}}]}"
    patched = only(linked({"c.yaml": config, "s.yaml": server + patch}), "Server")
    assert asked(patched) == "nvidia.com/gpu=1 @ s.yaml:8"
    assert patched.container(patched.template.containers[0])["image"] == "registry.example/triton:1"
    plain = only(linked({"c.yaml": config, "s.yaml": server}), "Server")
    assert (plain.template.replicas, [each.name for each in plain.template.containers]) == (2, ["triton"])


def test_an_engine_has_the_runner_of_its_runtime() -> None:
    runtime = """
    apiVersion: ome.io/v1beta1
    kind: ClusterServingRuntime
    metadata: {name: srt}
    spec:
      engineConfig: {runner: {name: ome-container, resources: {limits: {nvidia.com/gpu: 4}}}}
    """
    service = """
    apiVersion: ome.io/v1beta1
    kind: InferenceService
    metadata: {name: m}
    spec: {runtime: {name: srt}, engine: {minReplicas: 2, runner: {args: [-v]}}}
    """
    found = only(linked({"r.yaml": runtime, "s.yaml": service}), "InferenceService")
    assert asked(found).startswith("nvidia.com/gpu=4 @ r.yaml")
    assert (found.template.replicas, found.container(found.template.containers[0])["args"]) == (2, ["-v"])


def test_an_instance_type_stands_for_the_gpus_of_its_node() -> None:
    workspace = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: TYPE, labelSelector: {matchLabels: {apps: phi}}}
inference: {preset: {name: phi-4}}
"""
    found = only(linked({"w.yaml": workspace.replace("TYPE", "Standard_NC96ads_A100_v4")}), "Workspace")
    assert asked(found) == "nvidia.com/gpu=4 @ w.yaml:5"
    assert found.pod_spec["nodeSelector"] == {
        "apps": "phi",
        "node.kubernetes.io/instance-type": "Standard_NC96ads_A100_v4",
    }
    assert asked(only(linked({"w.yaml": workspace.replace("TYPE", "Standard_D8s_v5")}), "Workspace")) == ""
    assert asked(only(linked({"w.yaml": workspace.replace("TYPE", "$TYPE")}), "Workspace")) == ""


# --- autoscalers ------------------------------------------------------------------------------------------------------

POD = "spec: {containers: [{name: a, resources: {limits: {nvidia.com/gpu: 1}}}]}"
SCALED = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: a}}
spec: {{replicas: 2, template: {{{POD}}}}}
"""
GROUP = f"""
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {{name: web, namespace: a}}
spec: {{replicas: 2, leaderWorkerTemplate: {{size: 4, workerTemplate: {{{POD}}}}}}}
"""


def hpa(most: object, target: str = "{kind: Deployment, name: web}", namespace: str = "a") -> str:
    return f"""
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: h, namespace: {namespace}}}
spec: {{scaleTargetRef: {target}, maxReplicas: {most}}}
"""


def keda(spec: str) -> str:
    return f"{{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {{name: k, namespace: a}}, spec: {spec}}}"


BOUNDS: dict[str, tuple[Mapping[str, str], int | None]] = {
    "nothing scales it": ({"d.yaml": SCALED}, 2),
    "an autoscaler": ({"d.yaml": SCALED, "h.yaml": hpa(9)}, 9),
    "the namespace of one is not known": ({"d.yaml": SCALED, "h.yaml": hpa(9, namespace="''")}, 9),
    "one of another namespace": ({"d.yaml": SCALED, "h.yaml": hpa(9, namespace="b")}, 2),
    "one for another kind": ({"d.yaml": SCALED, "h.yaml": hpa(9, "{kind: StatefulSet, name: web}")}, 2),
    "one for a kind of another group": (
        {"d.yaml": SCALED, "h.yaml": hpa(9, "{apiVersion: example.com/v1, kind: Deployment, name: web}")},
        2,
    ),
    "a bound to be filled in": ({"d.yaml": SCALED, "h.yaml": hpa("'${MAX}'")}, None),
    "the nearest of two": ({"x/d.yaml": SCALED, "x/h.yaml": hpa(4), "y/h.yaml": hpa(9)}, 4),
    "two that are as near": ({"d.yaml": SCALED, "x/h.yaml": hpa(4), "y/h.yaml": hpa(9)}, None),
    "two that agree": ({"d.yaml": SCALED, "x/h.yaml": hpa(4), "y/h.yaml": hpa(4)}, 4),
    "KEDA": ({"d.yaml": SCALED, "k.yaml": keda("{scaleTargetRef: {name: web}, maxReplicaCount: 7}")}, 7),
    "KEDA's default": ({"d.yaml": SCALED, "k.yaml": keda("{scaleTargetRef: {name: web}}")}, 100),
    "groups of pods": (
        {"g.yaml": GROUP, "h.yaml": hpa(5, "{kind: LeaderWorkerSet, name: web}")},
        20,
    ),
}


@pytest.mark.parametrize(("files", "most"), BOUNDS.values(), ids=BOUNDS)
def test_pods_at_most(files: Mapping[str, str], most: int | None) -> None:
    (workload,) = linked(files).pods
    assert workload.at_most == most


def test_a_pod_of_one_object_is_read_as_it_is() -> None:
    graph = linked({"d.yaml": DEPLOYMENT})
    deployment = only(graph, "Deployment")
    assert deployment.holder is deployment.manifest
    assert deployment.pod.overlays == ()
    assert deployment.pod == replace(deployment.pod)
    assert deployment.total("nvidia.com/gpu") == 1
