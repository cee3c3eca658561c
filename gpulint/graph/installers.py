"""Who installs the device plugin: a ClusterPolicy, NVIDIA's charts, or a DaemonSet of the user's own."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpulint.gpu import operator
from gpulint.graph.configs import Holder
from gpulint.graph.sections import ChartValues, Section
from gpulint.kube.taints import Toleration, parse_tolerations
from gpulint.manifest import Manifest, Place

InstallerKind: TypeAlias = Literal["operator", "chart", "daemonset"]
_PLUGIN_IMAGE = "k8s-device-plugin"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its value, empty when it is not set, and the place of the value or of where it would be."""

    value: str
    place: Place

    def __bool__(self) -> bool:
        return bool(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Installer:
    """What makes the device plugin run on nodes, and how it is set."""

    kind: InstallerKind
    """`operator`: the GPU Operator, by ClusterPolicy or chart; `chart`: the plugin's own chart; `daemonset`."""
    label: str
    """`ClusterPolicy gpu-cluster-policy`, `HelmRelease gpu-operator` …"""
    name: str
    folder: str
    namespace: str
    """Where the plugin's pods and ConfigMaps are; empty when unknown."""
    place: Place
    section: Section
    """All of its settings: the policy's spec, the chart's values, the DaemonSet's pod spec."""
    manifest: Manifest | None
    """The object, where it is one."""
    plugin_enabled: bool
    mig_strategy: Setting
    """What it hands to the plugin, which beats the configuration file; the chart's default included."""
    plugin_config: Setting
    """The name of the ConfigMap with device-plugin configurations."""
    plugin_default: Setting
    """The key for nodes that no label chooses one for."""
    fallbacks: tuple[str, ...]
    """Of the config manager where neither label nor default chooses: `named`, `single`, `empty`."""
    plugin_holder: Holder | None
    """Device-plugin configurations that its own values hold, which then count."""
    mig_holder: Holder | None
    """Likewise for the MIG manager."""
    mig_config: Setting
    """The name of the ConfigMap for the MIG manager; empty for the plugin's own chart and DaemonSets."""
    mig_default: Setting
    gfd_enabled: bool
    mps_root: bool
    """Whether the plugin is told where MPS keeps its files."""
    tolerations: tuple[Toleration, ...]


def installers(manifests: Iterable[Manifest], charts: Iterable[ChartValues]) -> tuple[Installer, ...]:
    """Everything in the input that installs NVIDIA's device plugin."""
    found: list[Installer] = []
    for manifest in manifests:
        if manifest.kind == "ClusterPolicy" and manifest.group == "nvidia.com":
            found.append(_policy(manifest))
        elif manifest.kind == "DaemonSet" and manifest.group in {"apps", "extensions"}:
            found += _daemon_set(manifest)
    for values in charts:
        found.append(_operator_chart(values) if values.chart == "gpu-operator" else _plugin_chart(values))
    return tuple(found)


# --- GPU Operator -----------------------------------------------------------------------------------------------------


def _policy(manifest: Manifest) -> Installer:
    spec = manifest.get("spec")
    section = Section(spec if isinstance(spec, Mapping) else {}, manifest.place("spec"))
    return _operator(
        section,
        label=f"ClusterPolicy {manifest.name}",
        name=manifest.name,
        folder=manifest.folder(),
        namespace="",
        place=manifest.place("metadata", "name"),
        manifest=manifest,
        default_strategy="",
        plugin_holder=None,
        mig_holder=None,
    )


def _operator_chart(values: ChartValues) -> Installer:
    """Defaults of the chart: `deployments/gpu-operator/values.yaml`."""
    section = values.values
    return _operator(
        section,
        label=values.label,
        name=values.label.rpartition(" ")[2],
        folder=values.folder,
        namespace=values.namespace,
        place=section.root,
        manifest=None,
        default_strategy=operator.operator_defaults().mig_strategy,
        plugin_holder=_created_map(values, "devicePlugin"),
        mig_holder=_created_map(values, "migManager"),
    )


def _created_map(values: ChartValues, component: str) -> Holder | None:
    """The ConfigMap that the chart makes of `<component>.config.data` where `create` is true."""
    path = (component, "config")
    data = values.values.get(*path, "data")
    if values.values.get(*path, "create") is not True or not isinstance(data, Mapping) or not data:
        return None
    name = _text(values.values.get(*path, "name"))
    return _own_map(values, (*path, "data"), name, values.values.place(*path, "name"))


def _own_map(values: ChartValues, path: tuple[str, ...], name: str, name_place: Place) -> Holder:
    data = values.values.get(*path)
    return Holder(
        name=name,
        label=f"{'.'.join(path)} of {values.label}",
        folder=values.folder,
        namespace=values.namespace,
        data=Section(data if isinstance(data, Mapping) else {}, values.values.place(*path)),
        name_place=name_place,
    )


def _operator(
    section: Section,
    *,
    label: str,
    name: str,
    folder: str,
    namespace: str,
    place: Place,
    manifest: Manifest | None,
    default_strategy: str,
    plugin_holder: Holder | None,
    mig_holder: Holder | None,
) -> Installer:
    stated = _setting(section, "mig", "strategy")
    if not stated and section.get("mig", "strategy") is None:
        stated = Setting(default_strategy, stated.place)
    return Installer(
        kind="operator",
        label=label,
        name=name,
        folder=folder,
        namespace=namespace,
        place=place,
        section=section,
        manifest=manifest,
        plugin_enabled=section.get("devicePlugin", "enabled") is not False,
        mig_strategy=_last_word(section, ("devicePlugin",), stated),
        plugin_config=_setting(section, "devicePlugin", "config", "name"),
        plugin_default=_setting(section, "devicePlugin", "config", "default"),
        fallbacks=("empty",),
        plugin_holder=plugin_holder,
        mig_holder=mig_holder,
        mig_config=_setting(section, "migManager", "config", "name"),
        mig_default=_setting(section, "migManager", "config", "default"),
        gfd_enabled=section.get("gfd", "enabled") is not False,
        mps_root=True,
        tolerations=_tolerations(section, ("daemonsets", "tolerations"), operator.operator_defaults().tolerations),
    )


# --- chart of the device plugin ---------------------------------------------------------------------------------------


def _plugin_chart(values: ChartValues) -> Installer:
    """Defaults of the chart: `deployments/helm/nvidia-device-plugin/values.yaml`."""
    section = values.values
    defaults = operator.device_plugin_chart_defaults()
    holder = _own_map(values, ("config", "map"), "", section.place("config", "map", key=True))
    fallbacks = section.get("config", "fallbackStrategies")
    return Installer(
        kind="chart",
        label=values.label,
        name=values.label.rpartition(" ")[2],
        folder=values.folder,
        namespace=values.namespace,
        place=section.root,
        section=section,
        manifest=None,
        plugin_enabled=section.get("devicePlugin", "enabled") is not False,
        mig_strategy=_setting(section, "migStrategy"),
        plugin_config=_setting(section, "config", "name"),
        plugin_default=_setting(section, "config", "default"),
        fallbacks=tuple(map(str, fallbacks)) if isinstance(fallbacks, list) else defaults.fallback_strategies,
        plugin_holder=holder if holder.data.data else None,
        mig_holder=None,
        mig_config=Setting("", section.root),
        mig_default=Setting("", section.root),
        gfd_enabled=section.get("gfd", "enabled") is True,
        mps_root=True,
        tolerations=_tolerations(section, ("tolerations",), defaults.tolerations),
    )


# --- DaemonSet --------------------------------------------------------------------------------------------------------


def _daemon_set(manifest: Manifest) -> Iterator[Installer]:
    pod = manifest.get("spec", "template", "spec")
    containers = pod.get("containers") if isinstance(pod, Mapping) else None
    for index, container in enumerate(containers if isinstance(containers, list) else ()):
        if isinstance(pod, Mapping) and isinstance(container, Mapping) and _is_plugin(container):
            yield _daemon_set_container(manifest, Section(pod, manifest.place("spec", "template", "spec")), index)


def _is_plugin(container: Mapping[str, object]) -> bool:
    """By the image, `nvcr.io/nvidia/k8s-device-plugin:v0.20.0`; discovery and MPS run from the same image."""
    image = _text(container.get("image")).partition("@")[0]
    name = posixpath.basename(image).partition(":")[0]
    command = container.get("command")
    first = _text(command[0]) if isinstance(command, list) and command else ""
    return name == _PLUGIN_IMAGE and posixpath.basename(first) in {"", "nvidia-device-plugin"}


def _daemon_set_container(manifest: Manifest, pod: Section, index: int) -> Installer:
    path = ("containers", index)
    config_file = _last_word(pod, path, Setting("", pod.place(*path)), variable="CONFIG_FILE", flag="--config-file")
    name, key = _mounted(pod, path, config_file.value)
    return Installer(
        kind="daemonset",
        label=f"DaemonSet {manifest.name}",
        name=manifest.name,
        folder=manifest.folder(),
        namespace=manifest.namespace,
        place=manifest.place("metadata", "name"),
        section=pod,
        manifest=manifest,
        plugin_enabled=True,
        mig_strategy=_last_word(pod, path, Setting("", pod.place(*path))),
        plugin_config=Setting(name, config_file.place),
        plugin_default=Setting(key, config_file.place),
        fallbacks=("empty",),
        plugin_holder=None,
        mig_holder=None,
        mig_config=Setting("", pod.root),
        mig_default=Setting("", pod.root),
        gfd_enabled=False,
        mps_root=bool(_last_word(pod, path, Setting("", pod.root), variable="MPS_ROOT", flag="--mps-root")),
        tolerations=parse_tolerations(pod.get("tolerations")),
    )


def _mounted(pod: Section, container: tuple[str | int, ...], file: str) -> tuple[str, str]:
    """The ConfigMap and key that stand behind a path in the container; empty when it comes from elsewhere."""
    mounts = pod.get(*container, "volumeMounts")
    for mount in mounts if isinstance(mounts, list) else ():
        if not isinstance(mount, Mapping) or not file:
            continue
        target, sub_path = _text(mount.get("mountPath")).rstrip("/"), _text(mount.get("subPath"))
        if file == target and sub_path:
            return _config_map_key(pod, _text(mount.get("name")), sub_path)
        if target and file.startswith(target + "/"):
            return _config_map_key(pod, _text(mount.get("name")), posixpath.join(sub_path, file[len(target) + 1 :]))
    return "", ""


def _config_map_key(pod: Section, volume: str, path: str) -> tuple[str, str]:
    volumes = pod.get("volumes")
    for each in volumes if isinstance(volumes, list) else ():
        source = each.get("configMap") if isinstance(each, Mapping) and each.get("name") == volume else None
        if isinstance(source, Mapping):
            items = source.get("items")
            renamed = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
            key = next(
                (_text(item.get("key")) for item in renamed if item.get("path") == path), "" if renamed else path
            )
            return _text(source.get("name")), key
    return "", ""


# --- settings ---------------------------------------------------------------------------------------------------------


def _setting(section: Section, *path: str) -> Setting:
    return Setting(_text(section.get(*path)), section.place(*path))


def _last_word(
    section: Section,
    container: tuple[str | int, ...],
    otherwise: Setting,
    *,
    variable: str = "MIG_STRATEGY",
    flag: str = "--mig-strategy",
) -> Setting:
    """Arguments beat the environment, of which the last entry counts (`NewConfig`, api/config/v1/config.go)."""
    for field in ("args", "command"):
        arguments = section.get(*container, field)
        for index, argument in enumerate(arguments if isinstance(arguments, list) else ()):
            name, equals, value = str(argument).partition("=")
            if name == flag and equals:
                return Setting(value, section.place(*container, field, index))
            if name == flag and index + 1 < len(arguments):  # type: ignore[arg-type] # a list, as seen above
                return Setting(
                    _text(section.get(*container, field, index + 1)), section.place(*container, field, index + 1)
                )
    environment = section.get(*container, "env")
    for index in reversed(range(len(environment) if isinstance(environment, list) else 0)):
        if section.get(*container, "env", index, "name") == variable:
            given = section.get(*container, "env", index, "value")
            return (
                Setting(given, section.place(*container, "env", index, "value"))
                if isinstance(given, str)
                else otherwise
            )
    return otherwise


def _tolerations(
    section: Section, path: tuple[str, ...], otherwise: tuple[Mapping[str, str], ...]
) -> tuple[Toleration, ...]:
    written = section.get(*path)
    return parse_tolerations(list(otherwise) if written is None else written, path)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
