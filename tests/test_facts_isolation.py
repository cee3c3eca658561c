"""Which GPUs a container may reach that it does not hold."""

from __future__ import annotations

import pytest

from gpulint.facts.isolation.devices import DeviceList, device_lists
from gpulint.facts.isolation.exposure import Exposure, exposures
from gpulint.facts.owner import Owners
from tests.linked import linked


def pod(*, env: str = "", spec: str = "", limits: str = "nvidia.com/gpu: 2", name: str = "probe") -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  {spec or "restartPolicy: Never"}
  containers:
    - name: main
      image: example.com/cuda-probe:1
      env: [{env}]
      resources: {{limits: {{{limits}}}}}
"""


def listed(text: str, **files: str) -> DeviceList:
    graph = linked({"pod.yaml": text, **{name.replace("_", "."): each for name, each in files.items()}})
    (found,) = device_lists(graph, Owners({}))
    return found


def variable(value: str, name: str = "CUDA_VISIBLE_DEVICES") -> str:
    return f"{{name: {name}, value: {value!r}}}"


@pytest.mark.parametrize(
    ("value", "form", "highest"),
    [
        ("all", "all", -1),
        ("0", "indices", 0),
        ("0,3, 1", "indices", 3),
        ("2,", "indices", 2),
        ("0:1,1:0", "indices", 1),
        ("GPU-12ab-34,MIG-56cd", "ids", -1),
        ("MIG-GPU-12ab/3/0", "ids", -1),
        ("void", "nothing", -1),
        ("none", "nothing", -1),
        ("", "nothing", -1),
        ("-1", "nothing", -1),
        ("${X}", "variable", -1),
        ("$X", "variable", -1),
        ("$(X)", "unknown", -1),
        ("${X:-0}", "unknown", -1),
        ("{{ .devices }}", "unknown", -1),
        ("nvidia.com/gpu=0", "unknown", -1),
        ("9" * 40, "indices", 2**31),
    ],
)
def test_what_a_value_lists(value: str, form: str, highest: int) -> None:
    found = listed(pod(env=variable(value)))
    assert (found.form, found.highest, found.units) == (form, highest, 2)


def test_the_last_of_two_values_counts() -> None:
    found = listed(pod(env=f"{variable('0,1')}, {variable('7')}"))
    assert (found.text, found.place.field().rpartition("env")[2]) == ("7", "[1].value")


def test_values_of_a_chart_may_map_names_to_values() -> None:
    text = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: media}
spec:
  values:
    controllers:
      main:
        containers:
          app:
            env: {NVIDIA_VISIBLE_DEVICES: all, CUDA_VISIBLE_DEVICES: {valueFrom: {}}}
            resources: {limits: {nvidia.com/gpu: 1}}
"""
    found = listed(text)
    assert (found.form, found.units, found.place.field().rpartition("env")[2]) == ("all", 1, ".NVIDIA_VISIBLE_DEVICES")


def test_units_that_a_placeholder_hides_are_unknown() -> None:
    assert listed(pod(env=variable("0"), limits="nvidia.com/gpu: '${N}'")).units == -1


def test_a_container_that_is_privileged_sees_more() -> None:
    text = pod(env=variable("7")).replace("      env:", "      securityContext: {privileged: true}\n      env:")
    assert listed(text).sees_more
    assert not listed(pod(env=variable("7"))).sees_more


PLUGIN = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nvidia-device-plugin, namespace: kube-system}
spec:
  selector: {matchLabels: {name: plugin}}
  template:
    metadata: {labels: {name: plugin}}
    spec:
      containers:
        - name: plugin
          image: nvcr.io/nvidia/k8s-device-plugin:v0.17.0
          args: [%s]
"""


@pytest.mark.parametrize(
    ("argument", "overrides"),
    [("", True), ("--device-list-strategy=cdi-cri", False), ("--mig-strategy=none", True)],
)
def test_the_own_value_wins_over_a_plugin_that_uses_the_same_variable(argument: str, *, overrides: bool) -> None:
    assert listed(pod(env=variable("all")), plugin_yaml=PLUGIN % argument).overrides is overrides


def test_without_a_plugin_nothing_is_known_of_how_it_hands_devices_over() -> None:
    assert not listed(pod(env=variable("all"))).overrides


@pytest.mark.parametrize(
    ("spec", "of_the_cluster"),
    [("", False), ("priorityClassName: system-node-critical", True), ("priorityClassName: gold", False)],
)
def test_who_serves_the_cluster(spec: str, *, of_the_cluster: bool) -> None:
    assert listed(pod(env=variable("all"), spec=spec)).of_the_cluster is of_the_cluster


def exposed(text: str) -> list[tuple[str, str]]:
    found: list[Exposure] = list(exposures(linked({"pod.yaml": text}), Owners({})))
    return [(each.way, each.value) for each in found]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/dev/nvidia0", True),
        ("/dev/nvidia-caps/", True),
        ("/dev/dri/renderD128", True),
        ("/dev/../dev/dri", True),
        ("/run/nvidia/driver", True),
        ("/var/run/nvidia", True),
        ("/dev/driver", False),
        ("/run/nvidia-persistenced", False),
        ("/var/lib/nvidia", False),
        ("/dev/null", False),
        ("/dev/${X}", False),
    ],
)
def test_host_paths(path: str, *, found: bool) -> None:
    spec = f"volumes: [{{name: x, hostPath: {{path: {path!r}}}}}]"
    assert exposed(pod(spec=spec)) == ([("device-path", path)] if found else [])


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("nvcr.io/nvidia/pytorch:25.01-py3", True),
        ("nvidia/cuda:12.4.1-base", True),
        ("pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime", True),
        ("pytorch/pytorch:latest", False),
        ("example.com/nvidia/cuda-sample:1", False),
        ("vllm/vllm-openai@sha256:0", True),
        ("tensorflow/tensorflow:2.16.1", False),
        ("tensorflow/tensorflow:2.16.1-gpu", True),
    ],
)
def test_cuda_images_under_the_runtime_of_nvidia(image: str, *, found: bool) -> None:
    text = pod(spec="runtimeClassName: nvidia", limits="cpu: 2").replace("example.com/cuda-probe:1", image)
    assert exposed(text) == ([("image", image)] if found else [])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("flux.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  postBuild: {}\n"),
        ("kustomization.yaml", "replacements:\n  - targets: [{select: {name: probe}}]\n"),
        ("ingress.yaml", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec:\n  host: gpu.${DOMAIN}\n"),
        ("job.yaml", "apiVersion: v1\nkind: Pod\nspec:\n  command: [sh, -c, 'envsubst < a | kubectl apply']\n"),
    ],
    ids=["Flux", "Kustomize", "references elsewhere", "envsubst"],
)
def test_what_may_fill_in_a_reference(path: str, text: str) -> None:
    graph = linked({"pod.yaml": pod(env=variable("${X}")), path: text})
    (found,) = device_lists(graph, Owners({}))
    assert found.rendered
    (alone,) = device_lists(linked({"pod.yaml": pod(env=variable("${X}"))}), Owners({}))
    assert not alone.rendered


def test_a_kustomization_that_replaces_something_else_fills_in_nothing() -> None:
    other = "replacements:\n  - targets: [{select: {name: other}}]\n"
    graph = linked({"pod.yaml": pod(env=variable("${X}")), "kustomization.yaml": other})
    (found,) = device_lists(graph, Owners({}))
    assert not found.rendered


def test_a_plugin_that_hands_over_in_another_way() -> None:
    plugin = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: plugin, namespace: kube-system}
spec:
  chart: {spec: {chart: nvidia-device-plugin, sourceRef: {kind: HelmRepository, name: nvdp}}}
  values: {deviceListStrategy: STRATEGY}
"""
    cdi = listed(pod(env=variable("all", "NVIDIA_VISIBLE_DEVICES")), plugin_yaml=plugin.replace("STRATEGY", "cdi-cri"))
    assert (cdi.overrides, cdi.beside) == (False, True)
    both = plugin.replace("STRATEGY", '"envvar,cdi-cri"')
    unknown = listed(pod(env=variable("all", "NVIDIA_VISIBLE_DEVICES")), plugin_yaml=both)
    assert (unknown.overrides, unknown.beside) == (False, False)


@pytest.mark.parametrize(
    ("setting", "read"),
    [
        ("- {name: ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED, value: 'false'}", False),
        ("- name: ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED\n          value: 'false'", False),
        ("- {name: ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED, value: 'true'}", True),
        ("- {name: ACCEPT_NVIDIA_VISIBLE_DEVICES_AS_VOLUME_MOUNTS, value: 'false'}", True),
    ],
    ids=["refused", "refused, in block style", "accepted", "another setting"],
)
def test_a_toolkit_that_refuses_the_variable(setting: str, *, read: bool) -> None:
    policy = f"""
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {{name: gpus}}
spec:
  toolkit:
    env:
        {setting}
"""
    text = pod(env=variable("all", "NVIDIA_VISIBLE_DEVICES"))
    privileged = text.replace("      env:", "      securityContext: {privileged: true}\n      env:")
    assert listed(text, policy_yaml=policy).read is read
    assert listed(privileged, policy_yaml=policy).read


def test_a_share_by_annotation_is_a_request() -> None:
    text = pod(env=variable("all", "NVIDIA_VISIBLE_DEVICES"), limits="memory: 1Gi")
    shared = text.replace("{name: probe}", "{name: probe, annotations: {gpu-fraction: '0.5'}}")
    assert (listed(text).units, listed(shared).units) == (0, -1)


def test_a_tpu_is_no_gpu() -> None:
    text = pod(limits="google.com/tpu: 4").replace(
        "      env:", "      securityContext: {privileged: true}\n      env:"
    )
    (found,) = exposures(linked({"gpu-pod.yaml": text}), Owners({}))
    assert (found.way, found.asks) == ("privileged", False)
