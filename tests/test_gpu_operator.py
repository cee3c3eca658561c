"""ClusterPolicies and values of the two charts: what no release knows, what is refused, and whose values they are."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
import yaml

from gpulint.gpu import operator
from gpulint.gpu.operator import (
    Chart,
    UnknownField,
    breaks_daemonset,
    chart_of,
    embedded_charts,
    newest_release,
    policy_refusals,
    rejected_values,
    unknown_policy_fields,
    unknown_values,
)
from gpulint.gpu.problem import Problem

OPERATOR: Chart = "gpu-operator"
PLUGIN: Chart = "nvidia-device-plugin"


def load(text: str) -> object:
    return yaml.safe_load(dedent(text))


def at(found: UnknownField | Problem) -> str:
    return ".".join(map(str, found.path))


def said(found: tuple[UnknownField, ...]) -> list[tuple[str, str, str]]:
    return [(at(field), field.verdict, field.suggestion or field.last_release) for field in found]


class Fields(NamedTuple):
    name: str
    text: str
    found: list[tuple[str, str, str]]
    """Path, verdict, then the suggestion or else the last release."""


def ids(cases: list[Any]) -> list[str]:
    return [case.name for case in cases]


# --- ClusterPolicy ----------------------------------------------------------------------------------------------------

POLICIES = [
    Fields("nothing", "", []),
    Fields("no mapping", "- driver", []),
    Fields("known at every level", "driver: {upgradePolicy: {drain: {enable: true}}, rdma: {useHostMofed: true}}", []),
    Fields(
        "another spelling on the same level",
        "operator: {useOpenShiftDriverToolkit: true}",
        [("operator.useOpenShiftDriverToolkit", "unknown", "operator.use_ocp_driver_toolkit")],
    ),
    Fields(
        "a level left out",
        "driver: {maxParallelUpgrades: 1}",
        [("driver.maxParallelUpgrades", "unknown", "driver.upgradePolicy.maxParallelUpgrades")],
    ),
    Fields(
        "another case", "devicePlugin: {Enabled: true}", [("devicePlugin.Enabled", "unknown", "devicePlugin.enabled")]
    ),
    Fields(
        "of two places with the name, the one on the level above",
        "migManager: {configg: {name: x}}",
        [("migManager.configg", "unknown", "migManager.config")],
    ),
    Fields(
        "in another branch",
        "devicePlugin: {migStrategy: mixed}",
        [("devicePlugin.migStrategy", "unknown", "mig.strategy")],
    ),
    Fields("a name that says too little", "validator: {enabled: true}", [("validator.enabled", "unknown", "")]),
    Fields(
        "only the topmost key of an unknown tree", "sharing: {timeSlicing: {replicas: 4}}", [("sharing", "unknown", "")]
    ),
    Fields(
        "the other key of the tree is judged as well",
        "driver: {foo: 1, rdma: {bar: 2}}",
        [("driver.foo", "unknown", ""), ("driver.rdma.bar", "unknown", "")],
    ),
    Fields(
        "only earlier releases had it",
        "driver: {rollingUpdate: {maxUnavailable: 1}}",
        [("driver.rollingUpdate", "removed", "daemonsets.rollingUpdate")],
    ),
    Fields(
        "removed, and nothing replaces it",
        "gfd: {securityContext: {a: 1}}",
        [("gfd.securityContext", "removed", "v1.10.1")],
    ),
    Fields(
        "moved to another branch",
        "driver: {use_ocp_driver_toolkit: true}",
        [("driver.use_ocp_driver_toolkit", "removed", "operator.use_ocp_driver_toolkit")],
    ),
    Fields(
        "tolerations of one operand",
        "devicePlugin: {tolerations: [{foo: 1}]}",
        [("devicePlugin.tolerations", "removed", "daemonsets.tolerations")],
    ),
    Fields(
        "a field of the chart that the CRD does not have",
        "driver: {nvidiaDriverCRD: {enabled: true}}",
        [("driver.nvidiaDriverCRD", "unknown", "driver.useNvidiaDriverCRD")],
    ),
    Fields("labels and annotations", "daemonsets: {labels: {a/b: c}, annotations: {d.e/f: g}}", []),
    Fields("environment", "devicePlugin: {env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}, odd: 1}]}", []),
    Fields("resources", "driver: {resources: {limits: {example.com/a: 1}, claims: [{name: x}]}}", []),
    Fields("tolerations", "daemonsets: {tolerations: [{key: a, matchAll: true}]}", []),
    Fields("security context", "daemonsets: {podSecurityContext: {anything: 1}}", []),
    Fields(
        "elements of a list",
        "kataManager: {config: {runtimeClasses: [{name: a, nodeSelector: {b: c}}, {name: a, artefacts: {}}]}}",
        [
            (
                "kataManager.config.runtimeClasses.1.artefacts",
                "unknown",
                "kataManager.config.runtimeClasses.artifacts",
            )
        ],
    ),
    Fields("a placeholder as key", "driver: {'${KEY}': 1, '{{ .x }}': 2}", []),
    Fields("a placeholder as tree", "driver: '{{ .driver }}'", []),
    Fields("a scalar where a mapping belongs", "driver: true", []),
]


@pytest.mark.parametrize("case", POLICIES, ids=ids(POLICIES))
def test_fields_of_a_policy(case: Fields) -> None:
    assert said(unknown_policy_fields(load(case.text))) == case.found


def test_verdicts_carry_the_last_release() -> None:
    (field,) = unknown_policy_fields({"driver": {"rollingUpdate": {}}})
    assert field == UnknownField(("driver", "rollingUpdate"), "removed", "v22.9.0", "daemonsets.rollingUpdate")
    (field,) = unknown_policy_fields({"operators": {}})
    assert field == UnknownField(("operators",), "unknown", "", "operator")


class Refusals(NamedTuple):
    name: str
    text: str
    found: list[tuple[str, str]]
    """Path and suggestion."""


ENUMS = [
    Refusals("every default", "mig: {strategy: none}\nmigManager: {config: {default: all-disabled}}", []),
    Refusals("empty default of MIG", "migManager: {config: {default: ''}}", []),
    Refusals("null is pruned", "mig: {strategy: null}\nsandboxWorkloads: null", []),
    Refusals(
        "a profile as default", "migManager: {config: {default: all-1g.5gb}}", [("migManager.config.default", "")]
    ),
    Refusals("another case", "mig: {strategy: Mixed}", [("mig.strategy", "mixed")]),
    Refusals("empty strategy", "mig: {strategy: ''}", [("mig.strategy", "")]),
    Refusals("a boolean that was meant as a word", "ccManager: {defaultMode: on}", [("ccManager.defaultMode", '"on"')]),
    Refusals("the word in quotes", "ccManager: {defaultMode: 'on'}", []),
    Refusals("update strategy", "daemonsets: {updateStrategy: Recreate}", [("daemonsets.updateStrategy", "")]),
    Refusals("kernel modules", "driver: {kernelModuleType: closed}", [("driver.kernelModuleType", "")]),
    Refusals(
        "sandbox workloads",
        "sandboxWorkloads: {defaultWorkload: vm-passthru, mode: kubevirt}",
        [("sandboxWorkloads.defaultWorkload", "vm-passthrough")],
    ),
    Refusals("placeholders", "mig: {strategy: '${STRATEGY}'}\ndriver: {kernelModuleType: '{{ .type }}'}", []),
]


@pytest.mark.parametrize("case", ENUMS, ids=ids(ENUMS))
def test_values_the_crd_refuses(case: Refusals) -> None:
    found = policy_refusals(load(case.text), complete=False)
    assert [(at(problem), problem.suggestion) for problem in found] == case.found
    assert {(problem.verdict, problem.token) for problem in found} <= {("refused", "value")}


REQUIRED = [
    "daemonsets",
    "dcgm",
    "dcgmExporter",
    "devicePlugin",
    "driver",
    "gfd",
    "nodeStatusExporter",
    "operator",
    "toolkit",
]


def test_a_complete_policy_needs_its_keys() -> None:
    spec: dict[str, object] = {name: {} for name in REQUIRED}
    assert policy_refusals(spec, complete=True) == ()
    del spec["dcgm"]
    spec["gfd"] = None
    first, second = policy_refusals(spec, complete=True)
    assert (first.path, first.suggestion) == ((), "dcgm: {}")
    assert (second.path, second.suggestion) == (("gfd",), "gfd: {}")
    assert policy_refusals(spec, complete=False) == ()


# --- values of the charts ---------------------------------------------------------------------------------------------

OPERATOR_VALUES = [
    Fields(
        "operands have no scheduling of their own",
        "nodeSelector: {}\ntolerations: []\nvalidator: {enabled: true}\nsecurityContext: {}",
        [
            ("nodeSelector", "unknown", ""),
            ("tolerations", "unknown", "daemonsets.tolerations"),
            ("validator.enabled", "unknown", ""),
            ("securityContext", "unknown", ""),
        ],
    ),
    Fields(
        "at the top instead of below the operator",
        "runtimeClass: {install: true, name: nvidia}",
        [("runtimeClass", "unknown", "operator.runtimeClass")],
    ),
    Fields(
        "a level left out",
        "driver: {maxParallelUpgrades: 5}",
        [("driver.maxParallelUpgrades", "unknown", "driver.upgradePolicy.maxParallelUpgrades")],
    ),
    Fields(
        "a key of the other chart",
        "devicePlugin: {migStrategy: mixed}",
        [("devicePlugin.migStrategy", "unknown", "mig.strategy")],
    ),
    Fields(
        "fields of the CRD that the chart calls otherwise",
        "driver: {useNvidiaDriverCRD: true, upgradePolicy: {podDeletion: {force: true}}}",
        [
            ("driver.useNvidiaDriverCRD", "unknown", "driver.nvidiaDriverCRD"),
            ("driver.upgradePolicy.podDeletion", "unknown", "driver.upgradePolicy.gpuPodDeletion"),
        ],
    ),
    Fields("a dotted key is no path", "driver.enabled: true", [("driver.enabled", "unknown", "driver.enabled")]),
    Fields(
        "only earlier releases had it",
        "operator: {defaultRuntime: crio}",
        [("operator.defaultRuntime", "removed", "v24.9.2")],
    ),
    Fields(
        "renamed",
        "driver: {useOpenKernelModules: true}",
        [("driver.useOpenKernelModules", "removed", "driver.kernelModuleType")],
    ),
    Fields("read by the templates, not in values.yaml", "dcgmExporter: {config: {name: a, create: true, data: b}}", []),
    Fields("versions that the chart fills in", "validator: {version: v1}\noperator: {version: v1}", []),
    Fields(
        "sub-charts, globals, conditions, anchors",
        "node-feature-discovery: {a: 1}\nnfd: {b: 1}\nglobal: {c: 1}\nenabled: true\ntags: {}\nx-a: 1\n_b: 2\n.c: 3",
        [],
    ),
    Fields(
        "open maps",
        "operator: {annotations: {a: b}, affinity: {c: d}}\ndevicePlugin: {config: {data: {e: f}}}\nextraObjects: [{}]",
        [],
    ),
    Fields("DRA driver", "draDriver: {featureGates: {MPSSupport: true}, gpus: {kubeletPlugin: {env: []}}}", []),
]


@pytest.mark.parametrize("case", OPERATOR_VALUES, ids=ids(OPERATOR_VALUES))
def test_values_of_the_operator(case: Fields) -> None:
    assert said(unknown_values(OPERATOR, load(case.text))) == case.found


PLUGIN_VALUES = [
    Fields("known", "config: {map: {a: b}, default: a}\ngfd: {enabled: true}\nmps: {root: /x}\nnvidiaDevRoot: /", []),
    Fields("sharing is no value", "sharing: {timeSlicing: {}}", [("sharing", "unknown", "")]),
    Fields(
        "in the wrong branch",
        "devicePlugin: {migStrategy: none}",
        [("devicePlugin.migStrategy", "unknown", "migStrategy")],
    ),
    Fields(
        "misspelt",
        "runtimeClass: nvidia\nconfig: {defaults: a}",
        [("runtimeClass", "unknown", "runtimeClassName"), ("config.defaults", "unknown", "config.default")],
    ),
    Fields("removed", "legacyDaemonsetAPI: false", [("legacyDaemonsetAPI", "removed", "v0.14.5")]),
    Fields(
        "the sub-chart gfd of earlier releases",
        "gfd: {tolerations: []}",
        [("gfd.tolerations", "removed", "tolerations")],
    ),
    Fields("sub-chart and open maps", "nfd: {a: 1}\nnodeSelector: {a: b}\nupdateStrategy: {rollingUpdate: {}}", []),
    Fields("left to the refusals", "namespace: kube-system", []),
]


@pytest.mark.parametrize("case", PLUGIN_VALUES, ids=ids(PLUGIN_VALUES))
def test_values_of_the_plugin(case: Fields) -> None:
    assert said(unknown_values(PLUGIN, load(case.text))) == case.found


class Rejected(NamedTuple):
    name: str
    chart: Chart
    text: str
    found: list[tuple[str, str]]
    """Path and verdict of values that are all there are."""
    partly: bool = True
    """Whether the same is said when other values may be laid over them."""


REJECTED = [
    Rejected("nothing", OPERATOR, "", []),
    Rejected("defaults", OPERATOR, "mig: {strategy: single}\ncdi: {nriPluginEnabled: true}", []),
    Rejected(
        "plugin config without name and data",
        OPERATOR,
        "devicePlugin: {config: {create: true}}",
        [("devicePlugin.config.create", "refused")] * 2,
        partly=False,
    ),
    Rejected(
        "plugin config without data",
        OPERATOR,
        "devicePlugin: {config: {create: true, name: a, data: {}}}",
        [("devicePlugin.config.create", "refused")],
    ),
    Rejected(
        "plugin config without name",
        OPERATOR,
        "devicePlugin: {config: {create: true, name: '', data: {a: b}}}",
        [("devicePlugin.config.create", "refused")],
    ),
    Rejected("plugin config, not created", OPERATOR, "devicePlugin: {config: {create: false, data: {a: {b: c}}}}", []),
    Rejected(
        "plugin config, complete",
        OPERATOR,
        "devicePlugin: {config: {create: true, name: a, data: {b: 'version: v1'}}}",
        [],
    ),
    Rejected(
        "plugin config filled in later",
        OPERATOR,
        "devicePlugin: {config: {create: true, name: '${NAME}', data: '{{ .data }}'}}",
        [],
    ),
    Rejected(
        "a file written as a mapping",
        OPERATOR,
        "devicePlugin: {config: {create: true, name: a, data: {b: {version: v1}}}}",
        [("devicePlugin.config.data.b", "refused")],
    ),
    Rejected(
        "MIG config without data is not made",
        OPERATOR,
        "migManager: {config: {create: true, name: a, data: {}}}",
        [("migManager.config.create", "inert")],
    ),
    Rejected(
        "MIG config without name",
        OPERATOR,
        "migManager: {config: {create: true, name: '', data: {config.yaml: x}}}",
        [("migManager.config.create", "refused")],
    ),
    Rejected(
        "a profile as MIG default",
        OPERATOR,
        "migManager: {config: {default: all-balanced}}",
        [("migManager.config.default", "refused")],
    ),
    Rejected("strategy in another case", OPERATOR, "mig: {strategy: MIXED}", [("mig.strategy", "refused")]),
    Rejected("empty strategy is not rendered", OPERATOR, "mig: {strategy: ''}\ndriver: {kernelModuleType: ''}", []),
    Rejected("mode without quotes", OPERATOR, "ccManager: {defaultMode: off}", [("ccManager.defaultMode", "refused")]),
    Rejected(
        "two objects, one of them by default",
        OPERATOR,
        "gpuCluster: {deployCR: true}\ndriver: {enabled: false}",
        [("gpuCluster.deployCR", "refused")],
        partly=False,
    ),
    Rejected(
        "two objects",
        OPERATOR,
        "gpuCluster: {deployCR: true}\nclusterPolicy: {deployCR: true}\ndriver: {enabled: false}",
        [("gpuCluster.deployCR", "refused")],
    ),
    Rejected(
        "GPUCluster with driver",
        OPERATOR,
        "gpuCluster: {deployCR: true}\nclusterPolicy: {deployCR: false}\ndriver: {nvidiaDriverCRD: {enabled: false}}",
        [("gpuCluster.deployCR", "refused")],
        partly=False,
    ),
    Rejected(
        "GPUCluster with driver object",
        OPERATOR,
        "gpuCluster: {deployCR: true}\nclusterPolicy: {deployCR: false}\ndriver: {nvidiaDriverCRD: {enabled: true}}",
        [],
    ),
    Rejected(
        "NRI without CDI",
        OPERATOR,
        "cdi: {nriPluginEnabled: true, enabled: false}",
        [("cdi.nriPluginEnabled", "refused")],
    ),
    Rejected(
        "NRI without toolkit",
        OPERATOR,
        "cdi: {nriPluginEnabled: true}\ntoolkit: {enabled: false}",
        [("cdi.nriPluginEnabled", "refused")],
    ),
    Rejected("NRI filled in later", OPERATOR, "cdi: {nriPluginEnabled: true, enabled: '${CDI}'}", []),
    Rejected("name and map", PLUGIN, "config: {name: a, map: {default: x}}", [("config.map", "refused")]),
    Rejected("name beside an empty map", PLUGIN, "config: {name: a, map: {}}", []),
    Rejected(
        "several without default",
        PLUGIN,
        "config: {map: {a: x, b: y}, default: '', fallbackStrategies: [named, single]}",
        [("config.map", "refused")],
    ),
    Rejected(
        "several without default, by the chart's fallbacks",
        PLUGIN,
        "config: {map: {a: x, b: y}}",
        [("config.map", "refused")],
        partly=False,
    ),
    Rejected("several with default", PLUGIN, "config: {map: {a: x, b: y}, default: a}", []),
    Rejected("several, one called default", PLUGIN, "config: {map: {default: x, b: y}}", []),
    Rejected("several, and none by choice", PLUGIN, "config: {map: {a: x, b: y}, fallbackStrategies: [empty]}", []),
    Rejected("one", PLUGIN, "config: {map: {a: x}}", []),
    Rejected(
        "one without fallback",
        PLUGIN,
        "config: {map: {a: x}, default: '', fallbackStrategies: []}",
        [("config.map", "refused")],
    ),
    Rejected(
        "called default without the fallback for it",
        PLUGIN,
        "config: {map: {default: x, b: y}, default: '', fallbackStrategies: [single]}",
        [("config.map", "refused")],
    ),
    Rejected("default filled in later", PLUGIN, "config: {map: {a: x, b: y}, default: '${CONFIG}'}", []),
    Rejected(
        "a file written as a mapping",
        PLUGIN,
        "config: {map: {default: {version: v1}}}",
        [("config.map.default", "refused")],
    ),
    Rejected("files as one text", PLUGIN, "config: {map: 'version: v1'}", [("config.map", "refused")]),
    Rejected("namespace", PLUGIN, "namespace: kube-system", [("namespace", "refused")]),
    Rejected("empty namespace", PLUGIN, "namespace: ''", []),
    Rejected(
        "strategy the plugin refuses",
        PLUGIN,
        "migStrategy: Single\ndeviceIDStrategy: uuid",
        [("migStrategy", "refused")],
    ),
    Rejected("a list in a string", PLUGIN, "deviceListStrategy: envvar,cdi-cri", []),
    Rejected(
        "an unknown one in the list", PLUGIN, "deviceListStrategy: envvar,cdi", [("deviceListStrategy", "refused")]
    ),
    Rejected("null leaves it to the files", PLUGIN, "migStrategy: null\nconfig: {map: null}", []),
]


@pytest.mark.parametrize("case", REJECTED, ids=ids(REJECTED))
def test_values_the_charts_refuse(case: Rejected) -> None:
    values = load(case.text)
    found = rejected_values(case.chart, values)
    assert [(at(problem), problem.verdict) for problem in found] == case.found
    assert bool(rejected_values(case.chart, values, complete=False)) == (bool(case.found) and case.partly)


# --- whose values -----------------------------------------------------------------------------------------------------


class Whose(NamedTuple):
    name: str
    chart: str
    text: str


WHOSE = [
    Whose("driver and toolkit are on the host", OPERATOR, "driver: {enabled: false}\ntoolkit: {enabled: false}"),
    Whose("sharing and MIG", OPERATOR, "mig: {strategy: mixed}\ndevicePlugin: {config: {name: a}}"),
    Whose(
        "some keys that the chart does not have",
        OPERATOR,
        "driver: {enabled: true}\ntoolkit: {env: []}\nnodeSelector: {}\ntolerations: []",
    ),
    Whose(
        "ConfigMap in the values",
        PLUGIN,
        "config:\n  map:\n    default: |\n      version: v1\n      sharing: {timeSlicing: {}}",
    ),
    Whose(
        "ConfigMap in the values, as a mapping", PLUGIN, "config: {map: {a: {sharing: {timeSlicing: {resources: []}}}}}"
    ),
    Whose("name of a ConfigMap and GFD", PLUGIN, "config: {name: a, default: b}\ngfd: {enabled: true}"),
    Whose("flags", PLUGIN, "migStrategy: mixed\ncompatWithCPUManager: true\nruntimeClassName: nvidia"),
    Whose("its image", PLUGIN, "image: {repository: nvcr.io/nvidia/k8s-device-plugin}\nmigStrategy: none"),
    Whose("nothing", "", ""),
    Whose("one key is too little", "", "devicePlugin: {enabled: true}"),
    Whose("one telling key is too little", "", "mig: {strategy: mixed}"),
    Whose("an object, not values", "", "apiVersion: v1\nkind: X\ndriver: {enabled: false}\ntoolkit: {enabled: false}"),
    Whose("shape of a key is another", "", "driver: nvidia\ntoolkit: true\nmig: mixed\noperator: [a]"),
    Whose(
        "GPU operator of another vendor",
        "",
        "devicePlugin: {enabled: true}\ndriver: {enabled: true}\nkmm: {}\nmetricsExporter: {}\ncontrollerManager: {}",
    ),
    Whose(
        "network operator",
        "",
        "operator: {image: a}\nnfd: {enabled: true}\nofedDriver: {deploy: true}\nsriovNetworkOperator: {enabled: true}",
    ),
    Whose(
        "scheduler with a plugin of its own",
        "",
        "scheduler: {a: 1}\ndevicePlugin: {deviceSplitCount: 10, migStrategy: none}\nglobal: {}",
    ),
    Whose(
        "DRA driver",
        "",
        "nvidiaDriverRoot: /\nallowDefaultNamespace: true\nresources: {gpus: {enabled: true}}\nkubeletPlugin: {}",
    ),
    Whose(
        "GPU feature discovery",
        "",
        "migStrategy: none\nfailOnInitError: true\nsleepInterval: 60s\nnfd: {enabled: true}",
    ),
    Whose("a config map of another program", "", "config: {map: {a: 'key: value'}}\nimage: {tag: v1}"),
    Whose("one of ours among many", "", "driver: {enabled: true}\ntoolkit: {enabled: true}\na: 1\nb: 1\nc: 1"),
]


@pytest.mark.parametrize("case", WHOSE, ids=ids(WHOSE))
def test_whose_values(case: Whose) -> None:
    assert chart_of(load(case.text)) == case.chart


EMBEDDED: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("the file itself", "driver: {enabled: false}\ntoolkit: {enabled: false}", [("", OPERATOR)]),
    (
        "below the chart's name",
        "gpu-operator: {enabled: true, mig: {strategy: mixed}}\nother: {a: 1}",
        [("gpu-operator", OPERATOR)],
    ),
    (
        "two, one of them in a chart between",
        "base: {gpu-operator: {toolkit: {enabled: false}}}\nnvidia-device-plugin: {gfd: {enabled: true}}",
        [("base.gpu-operator", OPERATOR), ("nvidia-device-plugin", PLUGIN)],
    ),
    ("only switched on", "gpu-operator: {enabled: true}", []),
    ("an application of that name", "apps: {gpu-operator: {namespace: gpu, project: infra, path: apps/gpu}}", []),
    ("a key that is no chart's name", "devicePlugin: {gpuOperator: {mig: {strategy: mixed}}}", []),
    ("no mapping", "- gpu-operator", []),
]


@pytest.mark.parametrize(("text", "found"), [case[1:] for case in EMBEDDED], ids=[case[0] for case in EMBEDDED])
def test_charts_in_a_values_file(text: str, found: list[tuple[str, str]]) -> None:
    values = load(text)
    charts = embedded_charts(values)
    assert [(".".join(map(str, path)), chart) for path, chart, _ in charts] == found
    for path, _, inner in charts:
        below: Any = values
        for key in path:
            below = below[key]
        assert inner is below


# --- names, defaults, data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("time-slicing-config", ""),
        ("a" * 63, ""),
        ("a" * 64, "no-label"),
        ("time.slicing", "no-label"),
        ("config", "own-volume"),
        ("mps-root", "own-volume"),
        ("", ""),
        ("${CONFIG_MAP}", ""),
    ],
)
def test_names_of_config_maps(name: str, why: str) -> None:
    assert breaks_daemonset(name) == why


def test_defaults_differ_where_it_matters() -> None:
    by_operator, by_plugin = operator.operator_defaults(), operator.device_plugin_chart_defaults()
    assert (by_operator.mig_strategy, by_plugin.mig_strategy) == ("single", "")
    assert (by_operator.fallback_strategies, by_plugin.fallback_strategies) == (("empty",), ("named", "single"))
    assert (by_operator.gfd_enabled, by_plugin.gfd_enabled) == (True, False)
    assert by_operator.mig_config_default == "all-disabled"


def test_newest_releases() -> None:
    assert (newest_release("clusterpolicy"), newest_release(OPERATOR)) == ("v26.7.0", "v26.7.0")
    assert newest_release(PLUGIN) == "v0.20.0"


def test_data_is_consistent() -> None:
    data = json.loads(Path(operator.__file__).with_name("operator.json").read_text(encoding="utf-8"))
    assert data["sources"].keys() == data["fields"].keys()
    for schema, fields in data["fields"].items():
        releases = data["releases"]["gpu-operator" if schema == "clusterpolicy" else schema].split()
        assert len(set(releases)) == len(releases)
        for above, names in fields.items():
            assert names.split() == sorted(set(names.split())), above
            assert all(name.partition("@")[2] in ("", *releases[:-1]) for name in names.split()), above
            parent, _, own = above.rpartition(".")
            assert above == "" or own in [name.partition("@")[0] for name in fields[parent].split()], above
