"""A ClusterPolicy, and the values of the charts gpu-operator and nvidia-device-plugin: what nobody reads or all refuse.

The fields that releases know are in `operator.json` beside this module, read on first use. A ClusterPolicy is decoded
against its CRD, which prunes what it does not know; a chart simply never reads such a value. Either way the setting is
lost without an error. What is refused follows `NVIDIA/gpu-operator` v26.7.0 (`deployments/gpu-operator/templates/
validations.yaml` and the CRD `nvidia.com_clusterpolicies.yaml`) and `NVIDIA/k8s-device-plugin` v0.20.0
(`deployments/helm/nvidia-device-plugin/templates/{validation.yml,_helpers.tpl}`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path as File
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.device_plugin import looks_like
from gpulint.gpu.problem import Path, Problem, closest, is_placeholder, kind, show

Chart: TypeAlias = Literal["gpu-operator", "nvidia-device-plugin"]

SchemaName: TypeAlias = Literal["clusterpolicy", "gpu-operator", "nvidia-device-plugin"]

OPERATOR_CONFIG_MAPS = frozenset({"default-gpu-clients", "default-mig-parted-config"})
"""ConfigMaps that the operator makes itself (`assets/state-mig-manager`)."""

OPERAND_VOLUMES = frozenset(
    {
        "cdi-root",
        "config",
        "device-plugin",
        "driver-install-dir",
        "host-root",
        "host-sys",
        "mps-root",
        "mps-shm",
        "nvidia-device-plugin-entrypoint",
        "output-dir",
        "run-nvidia",
        "run-nvidia-validations",
    }
)
"""Volumes of the DaemonSets that mount `devicePlugin.config.name` (`assets/{state-device-plugin,gpu-feature-discovery,
state-mps-control-daemon}`), and the one that `object_controls.go` adds with it. The mount takes the ConfigMap's name as
the name of its volume."""


@frozen
class UnknownField:
    """A key that is read by no current release."""

    path: Path
    verdict: Literal["unknown", "removed"]
    """`unknown`: no release ever had it; `removed`: earlier releases did."""
    last_release: str
    """The last one that had it (`v23.9.2`); empty when the verdict is `unknown`."""
    suggestion: str
    """Dotted path of the field that was probably meant, or that replaces it; empty when there is no one answer."""


@frozen
class ChartDefaults:
    """What a chart does about sharing when its values say nothing."""

    mig_strategy: str
    """Sets the plugin's environment, which beats its configuration files; empty when it is left to them."""
    plugin_enabled: bool
    config_name: str
    """ConfigMap with the plugin's configuration files."""
    config_default: str
    """The entry for nodes without the label `nvidia.com/device-plugin.config`."""
    fallback_strategies: tuple[str, ...]
    """What is tried, in this order, for a node without label when there is no default either."""
    gfd_enabled: bool
    """Without GPU Feature Discovery no node gets the label that the MPS control daemon selects."""
    mps_root: str
    mig_manager_enabled: bool
    mig_config_name: str
    mig_config_default: str
    tolerations: tuple[Mapping[str, str], ...]
    """Of the DaemonSets that run on GPU nodes."""


def operator_defaults() -> ChartDefaults:
    """Of the chart gpu-operator (`values.yaml`); the fallback is fixed in the operator (`object_controls.go`)."""
    return ChartDefaults(
        mig_strategy="single",
        plugin_enabled=True,
        config_name="",
        config_default="",
        fallback_strategies=("empty",),
        gfd_enabled=True,
        mps_root="/run/nvidia/mps",
        mig_manager_enabled=True,
        mig_config_name="",
        mig_config_default="all-disabled",
        tolerations=({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
    )


def device_plugin_chart_defaults() -> ChartDefaults:
    """Of the chart nvidia-device-plugin (`values.yaml`), which has no MIG manager."""
    return ChartDefaults(
        mig_strategy="",
        plugin_enabled=True,
        config_name="",
        config_default="",
        fallback_strategies=_FALLBACK_STRATEGIES,
        gfd_enabled=False,
        mps_root="/run/nvidia/mps",
        mig_manager_enabled=False,
        mig_config_name="",
        mig_config_default="",
        tolerations=(
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        ),
    )


def unknown_policy_fields(spec: object) -> tuple[UnknownField, ...]:
    """Keys of `ClusterPolicy.spec`, or of a patch of it, that the newest CRD does not have, in the order of the file.

    Of a tree that is unknown as a whole only its topmost key is given.
    """
    return tuple(_unknown(_schema("clusterpolicy"), spec, (), ""))


def unknown_values(chart: Chart, values: object) -> tuple[UnknownField, ...]:
    """Values that the newest release of the chart does not read, in the order of the file.

    Left alone: values of sub-charts, `global`, `tags`, `enabled` (a condition of the chart around it), keys that hold
    anchors (`x-…`, `_…`, `.…`), and what `rejected_values` speaks of.
    """
    if not isinstance(values, Mapping):
        return ()
    judged = {key: value for key, value in values.items() if not _is_foreign(str(key), chart)}
    return tuple(_unknown(_schema(chart), judged, (), ""))


def policy_refusals(spec: object, *, complete: bool) -> tuple[Problem, ...]:
    """What the CRD refuses in a `ClusterPolicy.spec`: values outside an enum and, when it is `complete`, missing keys.

    A patch, or one of several parts that are merged, is not complete.
    """
    if not isinstance(spec, Mapping):
        return ()
    problems = [*_enum_problems(spec)]
    if complete:
        missing = [name for name in _REQUIRED if spec.get(name) is None]
        problems += [
            Problem(
                (name,) if name in spec else (), "key", "refused", f"the CRD requires 'spec.{name}'", f"{name}: {{}}"
            )
            for name in missing
        ]
    return tuple(problems)


def rejected_values(chart: Chart, values: object, *, complete: bool = True) -> tuple[Problem, ...]:
    """Values that the chart's templates refuse, or that end in an object which the API server refuses.

    When they are not `complete` (another values file is laid over them) nothing is concluded from keys that are absent.
    """
    if not isinstance(values, Mapping):
        return ()
    read = _Values(values, complete)
    return tuple(_operator_rejections(read) if chart == "gpu-operator" else _device_plugin_rejections(read))


def chart_of(values: object) -> Chart | Literal[""]:
    """The chart that a values file is for, judged by its content; empty unless that is evident.

    Its keys must be characteristic of the chart and of the right shape, and not fewer than the keys that the chart does
    not know: many charts have a `devicePlugin` or a `driver`.
    """
    if not isinstance(values, Mapping) or {"apiVersion", "kind"} <= values.keys():
        return ""
    scores: list[tuple[int, Chart]] = [
        (_operator_evidence(values), "gpu-operator"),
        (_device_plugin_evidence(values), "nvidia-device-plugin"),
    ]
    (weaker, _), (stronger, chart) = sorted(scores)
    return chart if stronger >= _EVIDENT and stronger > weaker and _mostly_known(chart, values) else ""


def embedded_charts(values: object) -> tuple[tuple[Path, Chart, Mapping[str, object]], ...]:
    """Values of the two charts in a values file: path, chart, values.

    They are the file itself, or stand under the chart's name, as a chart passes them to the charts it depends on.
    """
    if chart := chart_of(values):
        return (((), chart, values),) if isinstance(values, Mapping) else ()
    return tuple(_embedded((), values))


def breaks_daemonset(config_map: str) -> Literal["", "no-label", "own-volume"]:
    """Why the API server refuses DaemonSets that mount a ConfigMap of this name by `devicePlugin.config.name`.

    `no-label`: the name of a volume must be a DNS label, shorter and without the dots that a ConfigMap's name may have;
    `own-volume`: the DaemonSets have a volume of that name already. Empty when nothing is wrong, or not to be said.
    """
    if not config_map or is_placeholder(config_map):
        return ""
    if config_map in OPERAND_VOLUMES:
        return "own-volume"
    return "" if _DNS_LABEL.fullmatch(config_map) else "no-label"


def newest_release(schema: SchemaName) -> str:
    """The newest release whose fields are known, such as `v26.7.0`."""
    return _schema(schema).releases[-1]


_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


# --- fields that releases know ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Schema:
    """Fields of one object or chart, over all releases."""

    fields: Mapping[str, Mapping[str, str]]
    """Dotted path of a parent (empty for the root) to its fields, each with its last release: empty when the newest has
    it. A field that is no parent is open: labels, environments, resources."""
    releases: tuple[str, ...]
    replacements: Mapping[str, str]
    """What to use for a field of that name, wherever it stands, when it is not known there; empty for nothing."""

    @cached_property
    def current(self) -> tuple[str, ...]:
        """Dotted paths of the fields that the newest release has, sorted."""
        found = (_join(above, name) for above, names in self.fields.items() for name, last in names.items() if not last)
        return tuple(sorted(path for path in found if not path.startswith(_ELEMENTS)))


_ELEMENTS = "kataManager.config.runtimeClasses."
"""Fields of list elements are no answer to where a field belongs."""

_OPERATOR_REPLACEMENTS = {
    "affinity": "",
    "nodeSelector": "",
    "priorityClassName": "daemonsets.priorityClassName",
    "psp": "psa",
    "securityContext": "",
    "tolerations": "daemonsets.tolerations",
    "useOpenKernelModules": "driver.kernelModuleType",
}


def _unknown(schema: _Schema, data: object, path: Path, above: str) -> Iterator[UnknownField]:
    names = schema.fields.get(above)
    if names is None:
        return
    if isinstance(data, list):
        for index, item in enumerate(data):
            if isinstance(item, Mapping):
                yield from _unknown(schema, item, (*path, index), above)
    elif isinstance(data, Mapping):
        for key, value in data.items():
            name = str(key)
            if is_placeholder(name):
                continue
            last = names.get(name)
            if last is None:
                yield UnknownField((*path, name), "unknown", "", _meant(schema, above, name))
            elif last:
                yield UnknownField((*path, name), "removed", last, _meant(schema, above, name))
            else:
                yield from _unknown(schema, value, (*path, name), _join(above, name))


def _meant(schema: _Schema, above: str, name: str) -> str:
    """Dotted path of the known field that is nearest: on this level, below it, then anywhere."""
    if name in schema.replacements:
        return schema.replacements[name]
    siblings = [each for each, last in schema.fields[above].items() if not last]
    same = [_join(above, each) for each in siblings if _letters(each) == _letters(name)]
    below = [path for path in schema.current if path.startswith(f"{above}.") and _last(path) == _letters(name)]
    for found in (same, below):
        if len(found) == 1:
            return found[0]
    if near := closest(name, siblings):
        return _join(above, near)
    return _elsewhere(schema, name)


def _elsewhere(schema: _Schema, name: str) -> str:
    import difflib  # only when something is wrong

    word = _letters(name)
    ends = [path for path in schema.current if word in (_last(path), _letters(".".join(path.split(".")[-2:])))]
    if not ends and len(word) >= _LONG_WORD:
        near = difflib.get_close_matches(word, {_last(path) for path in schema.current}, n=1, cutoff=0.85)
        ends = [path for path in schema.current if _last(path) in near]
    return ends[0] if len(ends) == 1 else ""


_LONG_WORD = 8
"""Letters from which a misspelling still tells what was meant."""


def _join(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


def _last(path: str) -> str:
    return _letters(path.rpartition(".")[2])


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


@cache
def _schema(name: SchemaName) -> _Schema:
    data = json.loads(File(__file__).with_name("operator.json").read_text(encoding="utf-8"))
    fields: Mapping[str, str] = data["fields"][name]
    releases: str = data["releases"]["gpu-operator" if name == "clusterpolicy" else name]
    return _Schema(
        {above: dict(_field(field) for field in names.split()) for above, names in fields.items()},
        tuple(releases.split()),
        {} if name == "nvidia-device-plugin" else _OPERATOR_REPLACEMENTS,
    )


def _field(text: str) -> tuple[str, str]:
    name, _, last = text.partition("@")
    return name, last


# --- whose values these are -------------------------------------------------------------------------------------------

_CHARTS: tuple[Chart, ...] = ("gpu-operator", "nvidia-device-plugin")

_SUB_CHARTS = frozenset({"nfd", "node-feature-discovery"})

_HELM = frozenset({"enabled", "exports", "global", "tags"})
"""Keys that Helm and the chart around this one read."""

_EVIDENT = 3

_MAX_DEPTH = 4
"""Levels at which charts that depend on charts keep the values of ours."""

_OPERATOR_WEIGHTS: Mapping[str, int] = {
    **dict.fromkeys(("cdi", "daemonsets", "devicePlugin", "driver", "gdrcopy", "gds", "gfd", "hostPaths"), 1),
    **dict.fromkeys(("operator", "validator"), 1),
    **dict.fromkeys(("ccManager", "dcgm", "dcgmExporter", "kataManager", "mig", "migManager", "nodeStatusExporter"), 2),
    **dict.fromkeys(("sandboxDevicePlugin", "sandboxWorkloads", "toolkit", "vfioManager"), 2),
    **dict.fromkeys(("vgpuDeviceManager", "vgpuManager"), 2),
}
"""How much a key tells; two of them are needed at least."""

_TELLING: Mapping[str, frozenset[str]] = {
    "devicePlugin": frozenset({"config"}),
    "driver": frozenset({"nvidiaDriverCRD", "rdma", "upgradePolicy", "usePrecompiled"}),
    "operator": frozenset({"cleanupCRD", "defaultRuntime", "runtimeClass", "upgradeCRD", "use_ocp_driver_toolkit"}),
}
"""Keys below that other charts do not have; they count one more."""

_PLUGIN_SCALARS: Mapping[str, int] = {
    "allowDefaultNamespace": 1,
    "failOnInitError": 1,
    "migStrategy": 1,
    "nvidiaDriverRoot": 1,
    **dict.fromkeys(("compatWithCPUManager", "deviceDiscoveryStrategy", "deviceIDStrategy", "deviceListStrategy"), 2),
    **dict.fromkeys(("gdrcopyEnabled", "gdsEnabled", "legacyDaemonsetAPI", "mofedEnabled"), 2),
}

_PLUGIN_MAPPINGS: Mapping[str, tuple[int, frozenset[str]]] = {
    "cdi": (2, frozenset({"featureFlags", "nvidiaHookPath"})),
    "devicePlugin": (1, frozenset({"enabled"})),
    "gfd": (1, frozenset({"enabled"})),
    "mps": (1, frozenset({"enableHostPID", "root"})),
    "nfd": (1, frozenset({"enabled", "master", "worker"})),
}

_FEATURE_DISCOVERY_CHART = frozenset({"noTimestamp", "sleepInterval"})
"""Top-level values of the chart gpu-feature-discovery, which is otherwise much like nvidia-device-plugin."""

_PLUGIN_FILE = re.compile(r"^\s*(?:sharing|flags)\s*:", re.MULTILINE)


def _operator_evidence(values: Mapping[object, object]) -> int:
    fields = _schema("gpu-operator").fields
    weights = []
    for key, weight in _OPERATOR_WEIGHTS.items():
        value = values.get(key)
        if isinstance(value, Mapping) and value.keys() & fields[key].keys():
            weights.append(weight + bool(value.keys() & _TELLING.get(key, frozenset())))
    return sum(weights) if len(weights) > 1 else min(sum(weights), _EVIDENT - 1)


def _device_plugin_evidence(values: Mapping[object, object]) -> int:
    if values.keys() & _FEATURE_DISCOVERY_CHART:
        return 0
    config = values.get("config")
    if isinstance(config, Mapping) and _holds_plugin_files(config.get("map")):
        return 2 * _EVIDENT
    weights = [
        weight
        for key, weight in _PLUGIN_SCALARS.items()
        if key in values and (values[key] is None or isinstance(values[key], bool | str))
    ]
    fields = _schema("nvidia-device-plugin").fields
    for key, (weight, telling) in _PLUGIN_MAPPINGS.items():
        value = values.get(key)
        if isinstance(value, Mapping) and value.keys() & telling and value.keys() <= fields.get(key, value).keys():
            weights.append(weight)
    if isinstance(config, Mapping) and config.keys() <= fields["config"].keys():
        weights.append(len(config))
    image = values.get("image")
    if isinstance(image, Mapping) and str(image.get("repository")).endswith("/k8s-device-plugin"):
        weights.append(2)
    return sum(weights) if len(weights) > 1 else min(sum(weights), _EVIDENT - 1)


def _holds_plugin_files(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    return any(looks_like(file) or (isinstance(file, str) and _PLUGIN_FILE.search(file)) for file in value.values())


def _mostly_known(chart: Chart, values: Mapping[object, object]) -> bool:
    known = _schema(chart).fields[""]
    own = [str(key) for key in values if not _is_foreign(str(key), chart)]
    return 2 * sum(key in known for key in own) >= len(own)


def _is_foreign(key: str, chart: Chart) -> bool:
    """Whether the top-level key is read by another chart, or by none on purpose; `namespace` is refused instead."""
    if chart == "nvidia-device-plugin" and key == "namespace":
        return True
    return key in _SUB_CHARTS or key in _HELM or key.startswith(("x-", "_", ".")) or is_placeholder(key)


def _embedded(path: Path, values: object) -> Iterator[tuple[Path, Chart, Mapping[str, object]]]:
    if not isinstance(values, Mapping) or len(path) >= _MAX_DEPTH:
        return
    for key, value in values.items():
        inner = (*path, str(key))
        chart = next((chart for chart in _CHARTS if chart == key), None)
        if chart and isinstance(value, Mapping) and _is_plausible(chart, value):
            yield inner, chart, value
        else:
            yield from _embedded(inner, value)


def _is_plausible(chart: Chart, values: Mapping[object, object]) -> bool:
    """Under the chart's own name less evidence will do, but a list of applications may have such a key as well."""
    evidence = _operator_evidence(values) if chart == "gpu-operator" else _device_plugin_evidence(values)
    return evidence > 0 and _mostly_known(chart, values)


# --- what is refused --------------------------------------------------------------------------------------------------

_REQUIRED = (
    "daemonsets",
    "dcgm",
    "dcgmExporter",
    "devicePlugin",
    "driver",
    "gfd",
    "nodeStatusExporter",
    "operator",
    "toolkit",
)

_ENUMS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("ccManager", "defaultMode"): ("on", "off", "devtools"),
    ("daemonsets", "updateStrategy"): ("RollingUpdate", "OnDelete"),
    ("driver", "kernelModuleType"): ("auto", "open", "proprietary"),
    ("mig", "strategy"): ("none", "single", "mixed"),
    ("migManager", "config", "default"): ("all-disabled", ""),
    ("sandboxWorkloads", "defaultWorkload"): ("container", "vm-passthrough", "vm-vgpu"),
    ("sandboxWorkloads", "mode"): ("kubevirt", "kata"),
}

_PLUGIN_ENUMS: Mapping[str, tuple[str, ...]] = {
    "deviceDiscoveryStrategy": ("auto", "nvml", "tegra"),
    "deviceIDStrategy": ("uuid", "index"),
    "deviceListStrategy": ("envvar", "volume-mounts", "cdi-annotations", "cdi-cri"),
    "migStrategy": ("none", "single", "mixed"),
}

_FALLBACK_STRATEGIES = ("named", "single")


@frozen
class _Values:
    """Values laid over the defaults of a chart."""

    values: Mapping[object, object]
    complete: bool

    def given(self, *path: str) -> object:
        """What is written at the path; None when nothing is."""
        value: object = self.values
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def flag(self, *path: str, default: bool) -> bool | None:
        """A switch of the chart; None when it cannot be told."""
        value = self.given(*path)
        if value is None:
            return default if self.complete else None
        return value if isinstance(value, bool) else None

    def is_set(self, *path: str) -> bool | None:
        """Whether there is something that is not empty; None when it cannot be told. By default there is nothing."""
        value = self.given(*path)
        if is_placeholder(value) or (not value and not self.complete and not self._holds(path)):
            return None
        return bool(value)

    def _holds(self, path: tuple[str, ...]) -> bool:
        above = self.given(*path[:-1])
        return isinstance(above, Mapping) and path[-1] in above


def _enum_problems(spec: Mapping[object, object]) -> Iterator[Problem]:
    read = _Values(spec, complete=False)
    for path, allowed in _ENUMS.items():
        value = read.given(*path)
        if value is None or value in allowed or is_placeholder(value):
            continue
        if isinstance(value, bool) and "on" in allowed:
            word = "on" if value else "off"
            message = f"'{path[-1]}' must be a string: without quotes '{word}' is a boolean"
            yield Problem(path, "value", "refused", message, f'"{word}"')
            continue
        message = f"'{'.'.join(path)}' must be {_any_of(allowed)}, not {_quoted(value)}"
        yield Problem(path, "value", "refused", message, closest(show(value), [word for word in allowed if word]))


def _operator_rejections(read: _Values) -> Iterator[Problem]:
    for problem in _enum_problems(read.values):
        value = read.given(*(str(key) for key in problem.path))
        # most are rendered only when they are set
        if value == "" or (value is False and problem.path != ("ccManager", "defaultMode")):
            continue
        yield problem
    yield from _cluster_rejections(read)
    yield from _nri_rejections(read)
    yield from _config_rejections(read, "devicePlugin")
    yield from _config_rejections(read, "migManager")


def _cluster_rejections(read: _Values) -> Iterator[Problem]:
    path = ("gpuCluster", "deployCR")
    if read.flag(*path, default=False) is not True:
        return
    if read.flag("clusterPolicy", "deployCR", default=True):
        message = "'gpuCluster.deployCR' and 'clusterPolicy.deployCR' cannot both be true, and the latter is by default"
        yield Problem(path, "value", "refused", message, "clusterPolicy.deployCR: false")
    driver = read.flag("driver", "enabled", default=True)
    if driver and read.flag("driver", "nvidiaDriverCRD", "enabled", default=False) is False:
        message = "'gpuCluster.deployCR' needs 'driver.nvidiaDriverCRD.enabled' while the driver is enabled"
        yield Problem(path, "value", "refused", message, "driver.nvidiaDriverCRD.enabled: true")


def _nri_rejections(read: _Values) -> Iterator[Problem]:
    path = ("cdi", "nriPluginEnabled")
    if read.flag(*path, default=False) is not True:
        return
    for needed in ("cdi", "toolkit"):
        if read.flag(needed, "enabled", default=True) is False:
            message = f"'cdi.nriPluginEnabled' needs '{needed}.enabled'"
            yield Problem(path, "value", "refused", message, f"{needed}.enabled: true")


def _config_rejections(read: _Values, component: Literal["devicePlugin", "migManager"]) -> Iterator[Problem]:
    """`config.create` of a component: `templates/{validations,plugin_config,mig_config}.yaml`."""
    path = (component, "config")
    if read.flag(*path, "create", default=False) is not True:
        return
    name, data = read.is_set(*path, "name"), read.is_set(*path, "data")
    refused = component == "devicePlugin"
    if data is False:
        message = f"'{component}.config.create' makes no ConfigMap without '{component}.config.data'"
        yield Problem((*path, "create"), "value", "refused" if refused else "inert", message)
    if name is False and (refused or data):
        message = f"'{component}.config.create' needs '{component}.config.name': a ConfigMap must have a name"
        yield Problem((*path, "create"), "value", "refused", message)
    if data:
        yield from _text_problems(read, (*path, "data"))


def _device_plugin_rejections(read: _Values) -> Iterator[Problem]:
    if read.is_set("namespace"):
        message = "the chart refuses 'namespace': the release's namespace is an option of Helm"
        yield Problem(("namespace",), "key", "refused", message)
    for key, allowed in _PLUGIN_ENUMS.items():
        value = read.given(key)
        for word in value.split(",") if isinstance(value, str) and not is_placeholder(value) else ():
            if word.strip() not in allowed:
                message = f"'{key}' must be {_any_of(allowed)}, not '{show(word.strip())}'"
                yield Problem((key,), "value", "refused", message, closest(word, allowed))
    if read.is_set("config", "map"):
        yield from _map_problems(read)


def _map_problems(read: _Values) -> Iterator[Problem]:
    path = ("config", "map")
    if read.is_set("config", "name"):
        message = "only one of 'config.name' and 'config.map' can be set"
        yield Problem(path, "key", "refused", message)
    files = read.given(*path)
    if isinstance(files, Mapping) and read.is_set("config", "default") is False and not _has_fallback(read, files):
        message = f"'config.map' holds {len(files)} entries, and neither 'config.default' nor a fallback chooses one"
        yield Problem(path, "key", "refused", message, "config.default")
    yield from _text_problems(read, path)


def _has_fallback(read: _Values, files: Mapping[object, object]) -> bool:
    """Whether one of `config.fallbackStrategies` finds an entry (`_helpers.tpl`, hasDefaultConfig); true if unknown."""
    written = read.given("config", "fallbackStrategies")
    if written is None:
        if not read.complete:
            return True
        written = list(_FALLBACK_STRATEGIES)
    if not isinstance(written, list) or any(map(is_placeholder, [*written, *files])):
        return True
    finds = {"named": "default" in files, "single": len(files) == 1, "empty": True}
    return any(finds.get(str(strategy), False) for strategy in written)


def _text_problems(read: _Values, path: tuple[str, ...]) -> Iterator[Problem]:
    """The entries of a ConfigMap are text; a file written as a mapping is none."""
    files = read.given(*path)
    if not isinstance(files, Mapping):
        message = f"'{'.'.join(path)}' must be a mapping of names to text, not {kind(files)}"
        yield Problem(path, "value", "refused", message)
        return
    for name, text in files.items():
        if isinstance(text, Mapping | list):
            message = f"'{name}' must be text, not {kind(text)}: write the file as a block scalar"
            yield Problem((*path, str(name)), "key", "refused", message, f"{name}: |")


def _any_of(allowed: tuple[str, ...]) -> str:
    *first, last = (f"'{word}'" if word else "empty" for word in allowed)
    return f"{', '.join(first)} or {last}"


def _quoted(value: object) -> str:
    return f"'{show(value)}'" if isinstance(value, str) else f"{kind(value)} '{show(value)}'"
