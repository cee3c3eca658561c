"""Who installs the device plugin: a ClusterPolicy, NVIDIA's charts, or a DaemonSet of the user's own."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu import operator
from gpulint.gpu.problem import filled_in
from gpulint.graph.configs import Holder
from gpulint.graph.patches import Patch, ScriptPatch, patches, patches_of, script_patches
from gpulint.graph.scope import nearest
from gpulint.graph.section import Section, layered
from gpulint.graph.sections import ChartValues
from gpulint.kube.taints import Toleration, parse_tolerations
from gpulint.kube.tree import is_placeholder, mappings, sequence
from gpulint.manifest import Manifest, Place
from gpulint.source import Path, Source

InstallerKind: TypeAlias = Literal["operator", "chart", "daemonset"]


@frozen
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
    """`operator`: the GPU Operator, by ClusterPolicy or chart; `chart`: the plugin's own chart, rendered or not;
    `daemonset`: one without the chart's config manager."""
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
    tolerations_place: Place
    """Where they are set, or would be."""
    container: Path = ()
    """The plugin's container in the pod spec of a DaemonSet."""
    open: bool = False
    """True where something that is not read may add to its settings: what is absent is not known then."""
    installs: bool = True
    """False for a values file that nothing in the input installs."""
    laid_over: tuple[Section, ...] = field(default=())
    """The patches that `section` has, each in its own place."""

    @property
    def is_fork(self) -> bool:
        """Whether a fork of the plugin runs, which may read its file in another way."""
        if self.kind == "daemonset":
            return False
        image = self.section.get(*(("image", "repository") if self.kind == "chart" else ("devicePlugin", "image")))
        name = posixpath.basename(image.partition("@")[0]).partition(":")[0] if isinstance(image, str) else ""
        return bool(name) and not is_placeholder(name) and name != "k8s-device-plugin"

    @property
    def reads_labels(self) -> bool:
        """Whether a config manager beside the plugin follows the label `nvidia.com/device-plugin.config`.

        Chart and operator leave it out when they are given no configurations.
        """
        return self.kind != "daemonset" and bool(self.plugin_config or self.plugin_holder)


@frozen
class _Input:
    """What is said of objects elsewhere."""

    patches: tuple[Patch, ...]
    scripts: tuple[ScriptPatch, ...]
    namespaces: Mapping[str, str]
    operators: tuple[tuple[str, str], ...]
    """Folder and namespace of everything that installs the GPU Operator."""

    def namespace(self, manifest: Manifest) -> str:
        return self.namespaces.get(manifest.document.source.path, "") or manifest.namespace

    def operator_namespace(self, folder: str) -> str:
        """The one of the nearest operator; empty where that does not decide."""
        found = {namespace for _, namespace in nearest(folder, self.operators, lambda each: each[0]).items}
        return found.pop() if len(found) == 1 else ""


def installers(
    manifests: Sequence[Manifest],
    charts: Sequence[ChartValues],
    sources: Sequence[Source] = (),
    namespaces: Mapping[str, str] | None = None,
) -> tuple[Installer, ...]:
    """Everything in the input that installs NVIDIA's device plugin.

    `namespaces` maps a file to the one that its kustomization gives it.
    """
    given = namespaces or {}
    around = _Input(
        tuple(patches(sources)),
        tuple(script_patches(sources)),
        given,
        tuple(_operator_namespaces(manifests, charts, given)),
    )
    found: list[Installer] = []
    for manifest in manifests:
        if manifest.kind == "ClusterPolicy" and manifest.group == "nvidia.com":
            found.append(_policy(manifest, around))
        elif manifest.kind == "DaemonSet" and manifest.group in {"apps", "extensions"}:
            found += _daemon_set(manifest, around)
    for values in charts:
        found.append(_operator_chart(values) if values.chart == "gpu-operator" else _plugin_chart(values))
    for script in around.scripts:
        found = _with_script(found, script)
    return tuple(found)


def _operator_namespaces(
    manifests: Iterable[Manifest], charts: Iterable[ChartValues], given: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """By its subscription (Operator Lifecycle Manager), or by a release of its chart."""
    for manifest in manifests:
        if manifest.kind == "Subscription" and manifest.group == "operators.coreos.com":
            namespace = given.get(manifest.document.source.path, "") or manifest.namespace
            if "gpu-operator" in _text(manifest.get("spec", "name")) and namespace:
                yield manifest.folder(), namespace
    for values in charts:
        if values.chart == "gpu-operator" and values.namespace and values.installs:
            yield values.folder, values.namespace


# --- GPU Operator -----------------------------------------------------------------------------------------------------


def _policy(manifest: Manifest, around: _Input) -> Installer:
    """A ClusterPolicy is no member of a namespace, but those who give it one mean that of the operator."""
    spec = manifest.get("spec")
    section = Section(spec if isinstance(spec, Mapping) else {}, manifest.place("spec"))
    laid = [patch.section("spec") for patch in patches_of(manifest, around.patches, "spec") or ()]
    known = tuple(each for each in laid if each)
    ambiguous = patches_of(manifest, around.patches, "spec") is None or len(known) < len(laid)
    return _operator(
        layered([section, *known]),
        label=f"ClusterPolicy {manifest.name}",
        name=manifest.name,
        folder=manifest.folder(),
        namespace=around.operator_namespace(manifest.folder()) or around.namespace(manifest),
        place=manifest.place("metadata", "name"),
        manifest=manifest,
        default_strategy="",
        open=ambiguous,
        laid_over=known,
    )


def _operator_chart(values: ChartValues) -> Installer:
    """Defaults of the chart: `deployments/gpu-operator/values.yaml`."""
    found = _operator(
        values.values,
        label=values.label,
        name=values.name,
        folder=values.folder,
        namespace=values.namespace,
        place=values.values.root,
        manifest=None,
        default_strategy="" if values.open else operator.operator_defaults().mig_strategy,
        open=values.open,
        installs=values.installs,
        plugin_holder=_created_map(values, "devicePlugin"),
        mig_holder=_created_map(values, "migManager"),
    )
    deployed = values.values.get("clusterPolicy", "deployCR") is not False
    return replace(found, plugin_enabled=found.plugin_enabled and deployed)


def _created_map(values: ChartValues, component: str) -> Holder | None:
    """The ConfigMap that the chart makes of `<component>.config.data` where `create` is true."""
    path = (component, "config")
    data = values.values.get(*path, "data")
    if values.values.get(*path, "create") is not True or not isinstance(data, Mapping) or not data:
        return None
    name = _text(values.values.get(*path, "name"))
    return _own_map(values, (*path, "data"), name, values.values.place(*path, "name"))


def _own_map(values: ChartValues, path: tuple[str, ...], name: str, name_place: Place) -> Holder:
    return Holder(
        name=name,
        label=f"{'.'.join(path)} of {values.label}",
        folder=values.folder,
        namespace=values.namespace,
        data=values.values.below(*path),
        name_place=name_place,
        of_release=True,
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
    open: bool,  # noqa: A002 - the field's name
    installs: bool = True,
    plugin_holder: Holder | None = None,
    mig_holder: Holder | None = None,
    laid_over: tuple[Section, ...] = (),
) -> Installer:
    """An empty list of tolerations leaves the operator's own (`applyCommonDaemonsetConfig` in object_controls.go)."""
    stated = _setting(section, "mig", "strategy")
    if not stated and section.get("mig", "strategy") is None:
        stated = Setting(default_strategy, stated.place)
    own = operator.operator_defaults().tolerations
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
        fallbacks=operator.operator_defaults().fallback_strategies,
        plugin_holder=plugin_holder,
        mig_holder=mig_holder,
        mig_config=_setting(section, "migManager", "config", "name"),
        mig_default=_setting(section, "migManager", "config", "default"),
        gfd_enabled=section.get("gfd", "enabled") is not False,
        mps_root=True,
        tolerations=_tolerations(section.get("daemonsets", "tolerations") or own, ("daemonsets", "tolerations")),
        tolerations_place=section.place("daemonsets", "tolerations"),
        open=open,
        installs=installs,
        laid_over=laid_over,
    )


def _with_script(found: list[Installer], script: ScriptPatch) -> list[Installer]:
    """A script patches the nearest policy of that name, or the one that the operator's chart makes."""
    section = script.patch.section("spec")
    if section is None or not (script.is_nvidia or _is_of_nvidia(section)):
        return found
    policies = [
        each for each in found if each.kind == "operator" and (each.manifest is None or _is_meant(script, each))
    ]
    chosen = nearest(script.patch.folder, policies, lambda each: each.folder).items
    if not policies:
        return [*found, _by_script(script, section)]
    if len(chosen) > 1:
        return [replace(each, open=True) if each in chosen else each for each in found]
    return [_patched(each, script, section) if each is chosen[0] else each for each in found]


def _is_of_nvidia(spec: Section) -> bool:
    """Whether any of the fields is one of NVIDIA's ClusterPolicy: Kyverno's has others."""
    unknown = {field.path[0] for field in operator.unknown_policy_fields(spec.data) if len(field.path) == 1}
    return not spec.data.keys() <= unknown


def _is_meant(script: ScriptPatch, installer: Installer) -> bool:
    return installer.manifest is not None and script.patch.is_for(installer.manifest)


def _patched(installer: Installer, script: ScriptPatch, section: Section) -> Installer:
    again = _operator(
        layered([installer.section, section]),
        label=installer.label,
        name=installer.name,
        folder=installer.folder,
        namespace=installer.namespace or script.namespace,
        place=installer.place,
        manifest=installer.manifest,
        default_strategy=installer.mig_strategy.value,
        open=installer.open,
        installs=installer.installs,
        plugin_holder=installer.plugin_holder,
        mig_holder=installer.mig_holder,
        laid_over=(*installer.laid_over, section),
    )
    return replace(again, plugin_enabled=installer.plugin_enabled and again.plugin_enabled)


def _by_script(script: ScriptPatch, section: Section) -> Installer:
    path = script.patch.root.document.source.path
    return _operator(
        section,
        label=f"the ClusterPolicy patched in {path}",
        name=path,
        folder=script.patch.folder,
        namespace=script.namespace,
        place=section.root,
        manifest=None,
        default_strategy="",
        open=True,
        laid_over=(section,),
    )


# --- chart of the device plugin ---------------------------------------------------------------------------------------


def _plugin_chart(values: ChartValues) -> Installer:
    """Defaults of the chart: `deployments/helm/nvidia-device-plugin/values.yaml`."""
    section = values.values
    defaults = operator.device_plugin_chart_defaults()
    holder = _own_map(values, ("config", "map"), "", section.place("config", "map", key=True))
    fallbacks = section.get("config", "fallbackStrategies")
    tolerations = section.get("tolerations")
    gfd = section.get("gfd", "enabled")
    return Installer(
        kind="chart",
        label=values.label,
        name=values.name,
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
        gfd_enabled=values.open if gfd is None else gfd is not False,
        mps_root=section.get("mps", "root") != "",
        tolerations=_tolerations(defaults.tolerations if tolerations is None else tolerations, ("tolerations",)),
        tolerations_place=section.place("tolerations"),
        open=values.open,
        installs=values.installs,
    )


# --- DaemonSet --------------------------------------------------------------------------------------------------------


def _daemon_set(manifest: Manifest, around: _Input) -> Iterator[Installer]:
    path = ("spec", "template", "spec")
    pod = manifest.get(*path)
    if not isinstance(pod, Mapping):
        return
    section = Section(pod, manifest.place(*path))
    for index, container in mappings(pod.get("containers")):
        if _is_plugin(manifest, container):
            yield _daemon_set_container(manifest, section, ("containers", index), around)


_PLUGIN_IMAGES = ("k8s-device-plugin", "nvidia-device-plugin")
_OTHER_PLUGINS = ("amd", "rocm")


def _is_plugin(manifest: Manifest, container: Mapping[str, object]) -> bool:
    """By the image, `nvcr.io/nvidia/k8s-device-plugin:v0.20.0`, and the program: discovery and MPS share the image.

    The image may be a mirror or a build of the user's own; AMD's has the same last name, and Google has a plugin too.
    """
    image = _text(container.get("image")).partition("@")[0].lower()
    name = posixpath.basename(image).partition(":")[0]
    said = f"{image} {_text(container.get('name'))} {manifest.name}".lower()
    if not name.endswith(_PLUGIN_IMAGES) or any(other in said for other in _OTHER_PLUGINS) or "nvidia" not in said:
        return False
    program = next((_text(word) for word in sequence(container.get("command"))), "")
    if posixpath.basename(program) in _SHELLS:
        return any("nvidia-device-plugin" in _text(word) for word in _written(container))
    return posixpath.basename(program) in {"", "nvidia-device-plugin"}


_SHELLS = frozenset({"sh", "bash", "ash"})


def _written(container: Mapping[str, object]) -> list[object]:
    return [*sequence(container.get("command")), *sequence(container.get("args"))]


def _daemon_set_container(manifest: Manifest, pod: Section, path: Path, around: _Input) -> Installer:
    config_file = _last_word(pod, path, Setting("", pod.place(*path)), variable="CONFIG_FILE", flag="config-file")
    name, key = _mounted(pod, path, config_file.value)
    found = Installer(
        kind="daemonset",
        label=f"DaemonSet {manifest.name}",
        name=manifest.name,
        folder=manifest.folder(),
        namespace=around.namespace(manifest),
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
        mps_root=bool(_last_word(pod, path, Setting("", pod.root), variable="MPS_ROOT", flag="mps-root")),
        tolerations=_tolerations(pod.get("tolerations"), ("tolerations",)),
        tolerations_place=pod.place("tolerations"),
        container=path,
    )
    return _with_config_manager(found, pod)


def _with_config_manager(found: Installer, pod: Section) -> Installer:
    """The rendered chart: a config manager chooses the file (`templates/daemonset-device-plugin.yml`)."""
    for kind in ("initContainers", "containers"):
        for index, container in mappings(pod.get(kind)):
            programs = [posixpath.basename(_text(word)) for word in _written(container)]
            if "config-manager" not in programs:
                continue
            path: Path = (kind, index)
            nothing = Setting("", pod.place(*path))
            folder = _last_word(pod, path, nothing, variable="CONFIG_FILE_SRCDIR", flag="config-file-srcdir")
            fallbacks = _last_word(pod, path, nothing, variable="FALLBACK_STRATEGIES", flag="fallback-strategies")
            source = _volume(pod, path, folder.value)
            return replace(
                found,
                kind="chart",
                plugin_config=Setting(
                    _text(pod.get(*source, "configMap", "name")), pod.place(*source, "configMap", "name")
                )
                if source
                else nothing,
                plugin_default=_last_word(pod, path, nothing, variable="DEFAULT_CONFIG", flag="default-config"),
                fallbacks=tuple(each for each in fallbacks.value.split(",") if each),
                gfd_enabled=True,  # nothing tells
            )
    return found


def _volume(pod: Section, container: Path, folder: str) -> Path:
    """The volume that is mounted at a folder of a container; empty without one."""
    for _, mount in mappings(pod.get(*container, "volumeMounts")):
        if folder and _text(mount.get("mountPath")).rstrip("/") == folder.rstrip("/"):
            named = (index for index, each in mappings(pod.get("volumes")) if each.get("name") == mount.get("name"))
            return next((("volumes", index) for index in named), ())
    return ()


def _mounted(pod: Section, container: Path, file: str) -> tuple[str, str]:
    """The ConfigMap and key that stand behind a path in the container; empty when it comes from elsewhere."""
    for _, mount in mappings(pod.get(*container, "volumeMounts")):
        target, sub_path = _text(mount.get("mountPath")).rstrip("/"), _text(mount.get("subPath"))
        if file and file == target and sub_path:
            return _config_map_key(pod, mount.get("name"), sub_path)
        if file and target and file.startswith(target + "/"):
            return _config_map_key(pod, mount.get("name"), posixpath.join(sub_path, file[len(target) + 1 :]))
    return "", ""


def _config_map_key(pod: Section, volume: object, path: str) -> tuple[str, str]:
    """The file of a volume: an item may have another path than its key; sources may be projected together."""
    for _, each in mappings(pod.get("volumes")):
        if each.get("name") != volume:
            continue
        projected = [source for _, source in mappings(_mapping(each.get("projected")).get("sources"))]
        for holder in (each, *projected):
            source = holder.get("configMap")
            if not isinstance(source, Mapping):
                continue
            items = [item for _, item in mappings(source.get("items"))]
            keys = [_text(item.get("key")) for item in items if item.get("path") == path] if items else [path]
            if keys:
                return _text(source.get("name")), keys[0]
    return "", ""


# --- settings ---------------------------------------------------------------------------------------------------------


def _setting(section: Section, *path: str) -> Setting:
    return Setting(_text(filled_in(section.get(*path))), section.place(*path))


def _last_word(
    section: Section,
    container: Path,
    otherwise: Setting,
    *,
    variable: str = "MIG_STRATEGY",
    flag: str = "mig-strategy",
) -> Setting:
    """Arguments beat the environment, of which the last entry counts (`NewConfig`, api/config/v1/config.go)."""
    words = list(_words(section, container))
    for index, (word, place) in reversed(list(enumerate(words))):
        name, equals, value = word.partition("=")
        if name.lstrip("-") != flag or not name.startswith("-"):
            continue
        if equals:
            return _expanded(section, container, Setting(value, place))
        if index + 1 < len(words):
            return _expanded(section, container, Setting(*words[index + 1]))
    return _variable(section, container, variable) or otherwise


def _words(section: Section, container: Path) -> Iterator[tuple[str, Place]]:
    """The words of the command and its arguments; those of a shell's script one by one."""
    shell = posixpath.basename(_text(section.get(*container, "command", 0))) in _SHELLS
    for name in ("command", "args"):
        for index, argument in enumerate(sequence(section.get(*container, name))):
            place = section.place(*container, name, index)
            for word in _split(str(argument)) if shell else [str(argument)]:
                yield word, place


def _split(script: str) -> list[str]:
    try:
        return shlex.split(script, comments=True)
    except ValueError:  # a quote is not closed
        return script.split()


def _variable(section: Section, container: Path, name: str) -> Setting | None:
    """The last entry of that name; one that a field or a ConfigMap gives is a reference, whose value is not known."""
    for index in reversed(range(len(sequence(section.get(*container, "env"))))):
        path = (*container, "env", index)
        if section.get(*path, "name") != name:
            continue
        if section.get(*path, "valueFrom") is not None:
            return Setting(f"$({name})", section.place(*path, "valueFrom"))
        return _expanded(
            section, container, Setting(_text(filled_in(section.get(*path, "value"))), section.place(*path, "value"))
        )
    return None


_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def _expanded(section: Section, container: Path, setting: Setting) -> Setting:
    """With the variable that Kubernetes puts in for `$(NAME)`, where its value is written."""
    reference = _REFERENCE.fullmatch(setting.value)
    entries = [each for _, each in mappings(section.get(*container, "env"))]
    values = [each.get("value") for each in entries if reference and each.get("name") == reference[1]]
    known = values and isinstance(values[-1], str) and not is_placeholder(values[-1])
    return Setting(_text(values[-1]), setting.place) if known else setting


def _tolerations(written: object, path: Path) -> tuple[Toleration, ...]:
    return parse_tolerations(list(written) if isinstance(written, tuple) else written, path)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
