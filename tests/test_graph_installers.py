"""Who installs the device plugin, and how: each kind with its effective settings, wherever they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gpulint.graph.installers import Installer
from tests.linked import document, linked, policy

IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"


def only(files: Mapping[str, str] | str) -> Installer:
    graph = linked({"all.yaml": files} if isinstance(files, str) else files)
    (found,) = graph.configurations.installers
    return found


def daemon_set(name: str = "nvidia-device-plugin", image: str = IMAGE, /, **pod: object) -> str:
    """A DaemonSet; `container` is merged into the plugin's container, the rest into the pod spec."""
    own = pod.pop("container", {})
    assert isinstance(own, Mapping)
    container = {"name": "nvidia-device-plugin-ctr", "image": image, **own}
    spec = {"containers": [container], **pod}
    return document(
        "DaemonSet", name, "apps/v1", metadata={"namespace": "kube-system"}, spec={"template": {"spec": spec}}
    )


def release(chart: str, values: Mapping[str, object] | None = None, **spec: object) -> str:
    inside = {"chart": {"spec": {"chart": chart}}, **({} if values is None else {"values": values}), **spec}
    return document("HelmRelease", chart, "helm.toolkit.fluxcd.io/v2", metadata={"namespace": "gpus"}, spec=inside)


def application(chart: str, helm: Mapping[str, object], **spec: object) -> str:
    source = {"repoURL": "https://example.com", "chart": chart, "helm": helm}
    inside = {"destination": {"namespace": "gpus"}, "source": source, **spec}
    return document("Application", chart, "argoproj.io/v1alpha1", spec=inside)


def env(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


# --- what is one ------------------------------------------------------------------------------------------------------

PLUGINS: dict[str, tuple[str, bool]] = {
    "NVIDIA's image": (daemon_set(), True),
    "by digest": (daemon_set("nvidia-device-plugin", "nvcr.io/nvidia/k8s-device-plugin@sha256:" + "0" * 64), True),
    "a mirror with a port": (daemon_set("nvidia-device-plugin", "registry:5000/k8s-device-plugin:v0.17.1"), True),
    "of the cloud": (daemon_set("nvidia-device-plugin", "mcr.microsoft.com/oss/nvidia/k8s-device-plugin:1.11"), True),
    "a build of one's own": (daemon_set("nvidia-device-plugin", "example.com/nvidia-k8s-device-plugin:1"), True),
    "with its program": (daemon_set(container={"command": ["/usr/bin/nvidia-device-plugin"]}), True),
    "in a shell": (daemon_set(container={"command": ["sh", "-c", "exec nvidia-device-plugin"]}), True),
    "a shell that does something else": (daemon_set(container={"command": ["sh", "-c", "sleep inf"]}), False),
    "feature discovery": (daemon_set(container={"command": ["gpu-feature-discovery"]}), False),
    "the MPS daemon": (daemon_set(container={"command": ["mps-control-daemon"]}), False),
    "AMD's image has the same name": (
        daemon_set("amdgpu-device-plugin", "rocm/k8s-device-plugin:1.31", container={"name": "amdgpu-dp"}),
        False,
    ),
    "KubeVirt's": (daemon_set("nvidia-device-plugin", "nvcr.io/nvidia/kubevirt-gpu-device-plugin:v1.2"), False),
    "GKE's own plugin": (daemon_set("nvidia-device-plugin", "gke.gcr.io/nvidia-gpu-device-plugin@sha256:0"), False),
    "a monitor": (daemon_set("nvidia-device-plugin", "nvcr.io/nvidia/k8s/dcgm-exporter:4"), False),
}


@pytest.mark.parametrize(("text", "plugin"), PLUGINS.values(), ids=PLUGINS.keys())
def test_what_runs_the_device_plugin(text: str, plugin: bool) -> None:
    assert len(linked({"all.yaml": text}).configurations.installers) == plugin


# --- MIG strategy -----------------------------------------------------------------------------------------------------

OPERATOR_ENV = {"devicePlugin": {"env": env(MIG_STRATEGY="mixed")}}
STRATEGIES: dict[str, tuple[str, str]] = {
    "a policy says nothing by default": (policy(), ""),
    "a policy": (policy(strategy="single"), "single"),
    "a policy's own environment comes after": (
        document("ClusterPolicy", "p", "nvidia.com/v1", spec={"mig": {"strategy": "single"}, **OPERATOR_ENV}),
        "mixed",
    ),
    "the operator's chart by default": (release("gpu-operator", {"driver": {"enabled": False}}), "single"),
    "the operator's chart, emptied": (release("gpu-operator", {"mig": {"strategy": ""}}), ""),
    "the operator's chart, from a default in the text": (
        release("gpu-operator", {"mig": {"strategy": "${MIG:=mixed}"}}),
        "mixed",
    ),
    "values that are not read leave the chart's default open": (
        release("gpu-operator", {}, valuesFrom=[{"kind": "Secret", "name": "values"}]),
        "",
    ),
    "the plugin's chart by default": (release("nvidia-device-plugin"), ""),
    "the plugin's chart": (release("nvidia-device-plugin", {"migStrategy": "mixed"}), "mixed"),
    "a DaemonSet by default": (daemon_set(), ""),
    "a DaemonSet's environment, the last entry": (
        daemon_set(container={"env": env(MIG_STRATEGY="single") + env(MIG_STRATEGY="mixed")}),
        "mixed",
    ),
    "an argument beats it": (
        daemon_set(container={"args": ["--mig-strategy=single"], "env": env(MIG_STRATEGY="mixed")}),
        "single",
    ),
    "an argument in two words": (daemon_set(container={"args": ["--mig-strategy", "single"]}), "single"),
    "with one dash": (daemon_set(container={"args": ["-mig-strategy=single"]}), "single"),
    "behind the program": (
        daemon_set(container={"command": ["nvidia-device-plugin", "--mig-strategy=mixed"]}),
        "mixed",
    ),
    "in a shell": (
        daemon_set(container={"command": ["sh", "-c", 'nvidia-device-plugin --mig-strategy="mixed" # slices']}),
        "mixed",
    ),
    "a variable in an argument": (
        daemon_set(container={"args": ["--mig-strategy=$(S)"], "env": env(S="mixed")}),
        "mixed",
    ),
    "a variable from elsewhere is not known": (
        daemon_set(container={"env": [{"name": "MIG_STRATEGY", "valueFrom": {"configMapKeyRef": {"name": "m"}}}]}),
        "$(MIG_STRATEGY)",
    ),
}


@pytest.mark.parametrize(("text", "strategy"), STRATEGIES.values(), ids=STRATEGIES.keys())
def test_strategy(text: str, strategy: str) -> None:
    assert only(text).mig_strategy.value == strategy


# --- configurations ---------------------------------------------------------------------------------------------------


def mounted(mount: Mapping[str, object], volume: Mapping[str, object], file: str = "/config/any") -> str:
    container = {"env": env(CONFIG_FILE=file), "volumeMounts": [{"name": "v", **mount}]}
    return daemon_set(container=container, volumes=[{"name": "v", **volume}])


MAP = {"configMap": {"name": "slices"}}
MOUNTS: dict[str, tuple[str, tuple[str, str]]] = {
    "a folder": (mounted({"mountPath": "/config"}, MAP), ("slices", "any")),
    "a folder with a slash": (mounted({"mountPath": "/config/"}, MAP), ("slices", "any")),
    "one file": (mounted({"mountPath": "/config/any", "subPath": "fast"}, MAP), ("slices", "fast")),
    "an item with another path": (
        mounted({"mountPath": "/config"}, {"configMap": {"name": "slices", "items": [{"key": "k", "path": "any"}]}}),
        ("slices", "k"),
    ),
    "items without the file": (
        mounted({"mountPath": "/config"}, {"configMap": {"name": "slices", "items": [{"key": "k", "path": "k"}]}}),
        ("", ""),
    ),
    "projected": (mounted({"mountPath": "/config"}, {"projected": {"sources": [MAP]}}), ("slices", "any")),
    "a folder of the node": (mounted({"mountPath": "/config"}, {"hostPath": {"path": "/etc"}}), ("", "")),
    "another folder": (mounted({"mountPath": "/conf"}, MAP), ("", "")),
    "an argument": (
        daemon_set(
            container={"args": ["--config-file", "/c/any"], "volumeMounts": [{"name": "v", "mountPath": "/c"}]},
            volumes=[{"name": "v", **MAP}],
        ),
        ("slices", "any"),
    ),
}


@pytest.mark.parametrize(("text", "found"), MOUNTS.values(), ids=MOUNTS.keys())
def test_the_file_that_a_daemon_set_mounts(text: str, found: tuple[str, str]) -> None:
    installer = only(text)
    assert (installer.plugin_config.value, installer.plugin_default.value) == found
    assert not installer.reads_labels


def rendered(**variables: str) -> str:
    """The DaemonSet of the plugin's chart with a config manager."""
    manager = {
        "name": "config-manager",
        "image": IMAGE,
        "command": ["config-manager"],
        "env": env(CONFIG_FILE_SRCDIR="/available-configs", **variables),
        "volumeMounts": [{"name": "available-configs", "mountPath": "/available-configs"}],
    }
    volumes = [{"name": "available-configs", **MAP}, {"name": "config", "emptyDir": {}}]
    plugin = {
        "env": env(CONFIG_FILE="/config/config.yaml"),
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
    }
    return daemon_set(container=plugin, initContainers=[manager], volumes=volumes)


def test_the_rendered_chart_is_the_chart() -> None:
    found = only(rendered(DEFAULT_CONFIG="any", FALLBACK_STRATEGIES="named,single"))
    assert (found.kind, found.plugin_config.value, found.plugin_default.value) == ("chart", "slices", "any")
    assert found.fallbacks == ("named", "single")
    assert found.reads_labels


FALLBACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "the operator": (policy(), ("empty",)),
    "the operator's chart": (release("gpu-operator"), ("empty",)),
    "the plugin's chart": (release("nvidia-device-plugin"), ("named", "single")),
    "the plugin's chart, set": (
        release("nvidia-device-plugin", {"config": {"fallbackStrategies": ["empty"]}}),
        ("empty",),
    ),
}


@pytest.mark.parametrize(("text", "fallbacks"), FALLBACKS.values(), ids=FALLBACKS.keys())
def test_fallbacks(text: str, fallbacks: tuple[str, ...]) -> None:
    assert only(text).fallbacks == fallbacks


READS: dict[str, tuple[str, bool]] = {
    "a policy with a ConfigMap": (policy(), True),
    "a policy without": (policy(config=""), False),
    "a chart with a map": (release("nvidia-device-plugin", {"config": {"map": {"any": "version: v1"}}}), True),
    "a chart without": (release("nvidia-device-plugin"), False),
    "a chart that makes the ConfigMap": (
        release("gpu-operator", {"devicePlugin": {"config": {"create": True, "name": "c", "data": {"any": "x: 1"}}}}),
        True,
    ),
}


@pytest.mark.parametrize(("text", "reads"), READS.values(), ids=READS.keys())
def test_who_reads_the_label(text: str, reads: bool) -> None:
    assert only(text).reads_labels == reads


# --- where and how ----------------------------------------------------------------------------------------------------

SUBSCRIPTION = document(
    "Subscription",
    "gpu-operator-certified",
    "operators.coreos.com/v1alpha1",
    metadata={"namespace": "nvidia-gpu-operator"},
    spec={"name": "gpu-operator-certified"},
)
KUSTOMIZED = {"kustomization.yaml": "namespace: gpus\nresources: [release.yaml]\n"}
FLUX = document(
    "Kustomization",
    "gpu",
    "kustomize.toolkit.fluxcd.io/v1",
    spec={"path": "./apps/gpu", "targetNamespace": "operators"},
)
ELSEWHERE = release("gpu-operator").replace('"gpus"', '"flux-system"')
NAMESPACES: dict[str, tuple[Mapping[str, str], str]] = {
    "a release": ({"release.yaml": release("gpu-operator")}, "gpus"),
    "a release for another namespace": ({"a.yaml": release("gpu-operator", targetNamespace="there")}, "there"),
    "a kustomization replaces it": ({**KUSTOMIZED, "release.yaml": ELSEWHERE}, "gpus"),
    "a Kustomization of Flux has the last word": ({"apps/gpu/release.yaml": ELSEWHERE, "ks.yaml": FLUX}, "operators"),
    "an Application": ({"app.yaml": application("gpu-operator", {"values": "driver: {enabled: false}\n"})}, "gpus"),
    "a DaemonSet": ({"plugin.yaml": daemon_set()}, "kube-system"),
    "a policy has none": ({"policy.yaml": policy()}, ""),
    "a policy's is that of the subscription": (
        {"policy.yaml": policy(), "subscription.yaml": SUBSCRIPTION},
        "nvidia-gpu-operator",
    ),
}


@pytest.mark.parametrize(("files", "namespace"), NAMESPACES.values(), ids=NAMESPACES.keys())
def test_namespace(files: Mapping[str, str], namespace: str) -> None:
    assert only(files).namespace == namespace


MPS_ROOTS: dict[str, tuple[str, bool]] = {
    "a DaemonSet has none": (daemon_set(), False),
    "by environment": (daemon_set(container={"env": env(MPS_ROOT="/run/nvidia/mps")}), True),
    "by argument": (daemon_set(container={"args": ["--mps-root=/run/nvidia/mps"]}), True),
    "the chart": (release("nvidia-device-plugin"), True),
    "the chart, emptied": (release("nvidia-device-plugin", {"mps": {"root": ""}}), False),
    "the operator": (policy(), True),
}


@pytest.mark.parametrize(("text", "has"), MPS_ROOTS.values(), ids=MPS_ROOTS.keys())
def test_mps_root(text: str, has: bool) -> None:
    assert only(text).mps_root == has


GPU = "nvidia.com/gpu"
OWN = [{"key": "dedicated", "operator": "Exists"}]
TOLERATIONS: dict[str, tuple[str, list[str]]] = {
    "the operator": (policy(), [GPU]),
    "an empty list leaves the operator's own": (release("gpu-operator", {"daemonsets": {"tolerations": []}}), [GPU]),
    "a list replaces them": (release("gpu-operator", {"daemonsets": {"tolerations": OWN}}), ["dedicated"]),
    "the plugin's chart": (release("nvidia-device-plugin"), ["CriticalAddonsOnly", GPU]),
    "an empty list counts there": (release("nvidia-device-plugin", {"tolerations": []}), []),
    "a DaemonSet": (daemon_set(tolerations=OWN), ["dedicated"]),
    "a DaemonSet without": (daemon_set(), []),
}


@pytest.mark.parametrize(("text", "keys"), TOLERATIONS.values(), ids=TOLERATIONS.keys())
def test_tolerations(text: str, keys: list[str]) -> None:
    assert [toleration.key for toleration in only(text).tolerations] == keys


@pytest.mark.parametrize(
    ("text", "enabled"),
    [
        (release("gpu-operator", {"devicePlugin": {"enabled": False}}), False),
        (release("gpu-operator", {"clusterPolicy": {"deployCR": False}}), False),
        (release("nvidia-device-plugin", {"devicePlugin": {"enabled": False}}), False),
        (release("nvidia-device-plugin", {"gfd": {"enabled": True}}), True),
    ],
)
def test_the_plugin_can_be_switched_off(text: str, enabled: bool) -> None:
    assert only(text).plugin_enabled == enabled


# --- settings that are laid over --------------------------------------------------------------------------------------


def test_a_script_patches_the_policy() -> None:
    patch = json.dumps({"spec": {"devicePlugin": {"config": {"name": "slices", "default": "any"}}}})
    script = f"oc patch clusterpolicies.nvidia.com/cluster-policy -n gpus --type=merge --patch '{patch}'\n"
    found = only({"policy.yaml": policy(config="", strategy="mixed"), "share.sh": script})
    assert (found.plugin_config.value, found.plugin_default.value) == ("slices", "any")
    assert (found.mig_strategy.value, found.namespace) == ("mixed", "gpus")
    location = found.plugin_config.place.location()
    assert (location.path, script[location.column - 1 : location.end_column - 1]) == ("share.sh", '"slices"')


@pytest.mark.parametrize(
    "words",
    [
        pytest.param('-p \'{"spec": {"mig": {"strategy": "mixed"}}}\'', id="merge"),
        pytest.param('--type json -p \'[{"op": "add", "path": "/spec/mig/strategy", "value": "mixed"}]\'', id="JSON"),
    ],
)
def test_without_a_policy_the_script_tells_of_one(words: str) -> None:
    found = only({"share.sh": f"kubectl patch clusterpolicy cluster-policy {words}\n"})
    assert (found.mig_strategy.value, found.open) == ("mixed", True)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('kubectl patch clusterpolicy other -p \'{"spec": {"mig": {"strategy": "mixed"}}}\'', id="other"),
        pytest.param('kubectl patch clusterpolicy cluster-policy -p "$PATCH"', id="a variable"),
        pytest.param("kubectl patch deployment cluster-policy -p '{\"spec\": {}}'", id="another kind"),
    ],
)
def test_other_patches_leave_the_policy(script: str) -> None:
    found = linked({"policy.yaml": policy(strategy="single"), "share.sh": script}).configurations.installers[0]
    assert found.mig_strategy.value == "single"


BASE = {
    "base/policy.yaml": policy(config="", strategy="single"),
    "base/kustomization.yaml": "resources: [policy.yaml]\n",
}
MERGED = (
    "resources: [../base]\npatches:\n  - patch: |-\n      apiVersion: nvidia.com/v1\n      kind: ClusterPolicy\n"
    "      metadata: {name: cluster-policy}\n      spec: {mig: {strategy: mixed}}\n"
)
OPERATIONS = (
    "resources: [../base]\npatches:\n  - target: {kind: ClusterPolicy}\n    patch: |-\n"
    "      - {op: replace, path: /spec/mig/strategy, value: mixed}\n"
)
OVERLAYS: dict[str, tuple[Mapping[str, str], str, bool]] = {
    "one overlay": ({"prod/kustomization.yaml": MERGED}, "mixed", False),
    "operations": ({"prod/kustomization.yaml": OPERATIONS}, "mixed", False),
    "overlays that differ": ({"prod/kustomization.yaml": MERGED, "dev/kustomization.yaml": MERGED}, "single", True),
    "an overlay of something else": (
        {"prod/kustomization.yaml": MERGED.replace("../base", "../other")},
        "single",
        False,
    ),
    "operations that remove": (
        {"prod/kustomization.yaml": OPERATIONS.replace("op: replace", "op: remove")},
        "single",
        True,
    ),
}


@pytest.mark.parametrize(("files", "strategy", "is_open"), OVERLAYS.values(), ids=OVERLAYS.keys())
def test_overlays(files: Mapping[str, str], strategy: str, is_open: bool) -> None:
    found = only({**BASE, **files})
    assert (found.mig_strategy.value, found.open) == (strategy, is_open)


def test_values_files_are_laid_over_one_another() -> None:
    files = {
        "kustomization.yaml": "helmCharts:\n  - name: gpu-operator\n    valuesFile: a.yaml\n"
        "    additionalValuesFiles: [b.yaml]\n    valuesInline:\n      mig: {strategy: none}\n",
        "a.yaml": "mig: {strategy: single}\ndevicePlugin:\n  config: {name: one, default: any}\n",
        "b.yaml": "devicePlugin:\n  config: {name: two}\n",
    }
    found = only(files)
    assert found.label == "kustomization in ."
    settings = (found.mig_strategy, found.plugin_config, found.plugin_default)
    assert [each.value for each in settings] == ["none", "two", "any"]
    assert [each.place.location().path for each in settings] == ["kustomization.yaml", "b.yaml", "a.yaml"]


def test_a_values_file_of_another_source_of_an_application() -> None:
    chart = {"chart": "gpu-operator", "helm": {"valueFiles": ["$here/gpu/values.yaml"]}}
    sources = [chart, {"repoURL": "https://example.com/git", "ref": "here"}]
    app = document("Application", "gpu", "argoproj.io/v1alpha1", spec={"sources": sources})
    found = only({"app.yaml": app, "gpu/values.yaml": "devicePlugin: {enabled: false}\nmigManager: {enabled: true}\n"})
    assert (found.label, found.plugin_enabled, found.open, found.installs) == ("Application gpu", False, False, True)


def test_the_cluster_policy_of_kyverno_is_another_kind() -> None:
    script = (
        'kubectl patch clusterpolicy no-latest --type merge -p \'{"spec": {"validationFailureAction": "Enforce"}}\''
    )
    assert linked({"enforce.sh": script}).configurations.installers == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            document("HelmChart", "gpu", "helm.cattle.io/v1", spec={"chart": "gpu-operator", "set": {"a.b": "c"}}),
            id="single settings",
        ),
        pytest.param(application("gpu-operator", {"valueFiles": ["gone.yaml"]}), id="a file that is not there"),
        pytest.param(application("gpu-operator", {"parameters": [{"name": "a", "value": "b"}]}), id="parameters"),
        pytest.param(application("gpu-operator", {"values": "${VALUES}"}), id="a placeholder"),
        pytest.param(release("gpu-operator", {}, valuesFrom=[{"kind": "ConfigMap", "name": "v"}]), id="a ConfigMap"),
    ],
)
def test_what_is_not_read_leaves_it_open(text: str) -> None:
    assert only(text).open


def test_values_that_a_kustomization_puts_into_a_config_map() -> None:
    files = {
        "release.yaml": release("gpu-operator", valuesFrom=[{"kind": "ConfigMap", "name": "operator-values"}]),
        "kustomization.yaml": "resources: [release.yaml]\nconfigMapGenerator:\n  - name: operator-values\n"
        "    files: [values.yaml=operator.yaml]\n",
        "operator.yaml": "migManager: {enabled: true}\ndevicePlugin:\n  config: {name: slices, default: any}\n",
    }
    found = only(files)
    assert (found.plugin_config.value, found.open) == ("slices", False)
    assert found.plugin_config.place.location().path == "operator.yaml"


def test_a_chart_of_ones_own_may_have_the_same_name() -> None:
    found = only(
        release("gpu-operator", {"gpu-operator": {"mig": {"strategy": "mixed"}, "toolkit": {"enabled": False}}})
    )
    assert found.mig_strategy.value == "mixed"
