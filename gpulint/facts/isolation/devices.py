"""What a container says of the GPUs it wants to see: environment variables that list devices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gpulint.facts.isolation.tenant import is_of_the_cluster, nvidia_runtime, on_gke
from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container, container_total
from gpulint.kube.tree import is_placeholder, mappings, sequence, text
from gpulint.manifest import Place
from gpulint.untrusted import number

VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"

_NOTHING = frozenset({"", "none", "void", "-1", "NoDevFiles"})
"""Values that give no device away (nvidia-container-toolkit internal/config/image/cuda_image.go)."""
_INDICES = re.compile(r"\d+(?::\d+)?(?:\s*,\s*\d+(?::\d+)?)*\s*,?")
_IDS = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z/-]+(?:\s*,\s*(?:GPU|MIG)-[0-9A-Za-z/-]+)*")
_UNEXPANDED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_STRATEGY = "deviceListStrategy"
_BY_VARIABLE = "envvar"
_SAYS_SO = re.compile(
    r"\benvsubst\b|^apiVersion:[ \t]*argoproj\.io/.*?^[ \t]+plugin:"  # a plugin of Argo CD renders what it likes
    # A host, a name or a tag that is a reference: only a renderer gives it a meaning, and it renders this one too.
    r"|^[ \t]*(?:- )?(?:host|hosts|hostname|domain|namespace|storageClassName|storage|tag|image|cluster\w*)"
    r":[ \t]+[\"']?[\w./:-]*\$\{[A-Za-z_]\w*\}",
    re.MULTILINE | re.DOTALL,
)
_REFUSES = re.compile(
    r"accept[-_]nvidia[-_]visible[-_]devices[-_]envvar[-_]when[-_]unprivileged[\"']?"
    r"(?:[ \t]*[=:]|,?\s*[\"']?value[\"']?[ \t]*:)[ \t]*\\?[\"']?false",
    re.IGNORECASE,
)
_REPLACES = re.compile(r"^(?:replacements|vars|transformers|generators|patches\w*)[ \t]*:", re.MULTILINE)
_SHELL_TEXT = frozenset({"command", "args", "env"})


@frozen
class DeviceList:
    """An environment variable of a container that lists GPUs."""

    cluster: str
    owner: Owner
    of_the_cluster: bool
    """Whether the pod serves the cluster (a device plugin, an exporter): it has to see GPUs that it does not hold."""
    container: str
    variable: str
    """`NVIDIA_VISIBLE_DEVICES` or `CUDA_VISIBLE_DEVICES`."""
    text: str
    """As written."""
    form: str
    """`all`, `indices`, `ids` (UUIDs), `nothing`, `variable` (a reference that Kubernetes does not expand: `${X}`), or
    `unknown`."""
    name: str
    """The name in a `variable`."""
    highest: int
    """The highest index; -1 without indices."""
    units: int
    """Accelerators the container asks for by resource name; 0 for none, -1 when that cannot be told."""
    claims: bool
    """Whether it uses a resource claim."""
    runtime: str
    """The pod's RuntimeClass where it is one of NVIDIA's; else empty."""
    read: bool
    """Whether the cluster's container runtime looks at NVIDIA_VISIBLE_DEVICES: not GKE's, and not where the toolkit is
    told to refuse it to unprivileged containers."""
    overrides: bool
    """Whether the device plugins of the input hand devices over by the same variable, so that the container's wins."""
    beside: bool
    """Whether all of them do it in another way (CDI, volume mounts): only NVIDIA's runtime may read it."""
    sees_more: bool
    """Whether the container sees GPUs that it does not hold by other means: privileged, or NVIDIA_VISIBLE_DEVICES."""
    rendered: bool
    """Whether something fills in references before Kubernetes sees the manifest."""
    place: Place


def device_lists(graph: Graph, owners: Owners) -> Iterator[DeviceList]:
    """Every such variable with a literal value, in the order of the input."""
    strategy = _strategy(graph)
    refused = _refuses_variable(graph)
    renderers = _Renderers(graph)
    for workload in graph.pods:
        for container in workload.template.containers:
            written = _variables(workload, container)
            for variable, (value, place) in written.items():
                form, name = _form(value)
                yield DeviceList(
                    cluster=graph.scope.name,
                    owner=owners.of(workload),
                    of_the_cluster=is_of_the_cluster(graph, owners, workload),
                    container=container.name,
                    variable=variable,
                    text=value,
                    form=form,
                    name=name,
                    highest=_highest(value) if form == "indices" else -1,
                    units=_units(workload, container),
                    claims=_claims(workload, container),
                    runtime=nvidia_runtime(workload),
                    read=not on_gke(workload) and (not refused or _is_privileged(workload, container)),
                    overrides=strategy == _BY_VARIABLE,
                    beside=strategy == "other",
                    sees_more=_sees_more(workload, container, written),
                    rendered=form == "variable" and (renderers.fill(workload) or _is_template(workload)),
                    place=place,
                )


def _variables(workload: Workload, container: Container) -> dict[str, tuple[str, Place]]:
    """The last literal value of each variable, which is the one that counts; values of charts may map names to them."""
    env = workload.container(container).get("env")
    if isinstance(env, Mapping):
        return {
            name: (text(env[name]), workload.place(container, ("env", name)))
            for name in (VISIBLE_DEVICES, CUDA_DEVICES)
            if name in env and not isinstance(env[name], Mapping)
        }
    return {
        text(item["name"]): (text(item.get("value")), workload.place(container, ("env", index, "value")))
        for index, item in mappings(env)
        if item.get("name") in (VISIBLE_DEVICES, CUDA_DEVICES) and "valueFrom" not in item
    }


def _form(value: str) -> tuple[str, str]:
    if value.strip() in _NOTHING:
        return "nothing", ""
    if value == "all":
        return "all", ""
    found = _UNEXPANDED.fullmatch(value.strip())
    if found:
        return "variable", found[1] or found[2]
    if is_placeholder(value):
        return "unknown", ""
    if _INDICES.fullmatch(value.strip()):
        return "indices", ""
    return ("ids", "") if _IDS.fullmatch(value.strip()) else ("unknown", "")


def _highest(value: str) -> int:
    """Of MIG devices (`0:1`) the GPU's index."""
    return min(max(number(each.split(":")[0].strip()) for each in value.strip(" ,").split(",")), 2**31)


def _units(workload: Workload, container: Container) -> int:
    if workload.asks_for_a_share:
        return -1
    names = {asked.name for asked in workload.asked if asked.container == container}
    amounts = [container_total(workload.container(container), name) for name in sorted(names)]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else -1


def _claims(workload: Workload, container: Container) -> bool:
    held = workload.container(container).get("resources")
    return isinstance(held, Mapping) and bool(sequence(held.get("claims")))


def _sees_more(workload: Workload, container: Container, written: Mapping[str, tuple[str, Place]]) -> bool:
    value, _ = written.get(VISIBLE_DEVICES, ("", None))
    return _is_privileged(workload, container) or _form(value)[0] != "nothing"


def _is_privileged(workload: Workload, container: Container) -> bool:
    context = workload.container(container).get("securityContext")
    return isinstance(context, Mapping) and context.get("privileged") is True


def _refuses_variable(graph: Graph) -> bool:
    """Whether the input configures NVIDIA's container toolkit so, by its variable or in its own file."""
    return any(_REFUSES.search(source.text) for source in graph.scope.sources)


def _strategy(graph: Graph) -> str:
    """How the device plugins of the input hand devices over: `envvar`, `other`; empty where that is not known of all.

    The GPU Operator has handed devices over by CDI since release 25.10, so nothing is known of its.
    """
    found = {_strategy_of(each) for each in graph.configurations.installers if each.plugin_enabled}
    files = (configs.holder.name_place.document.source for configs in graph.configurations.plugin_configs)
    return found.pop() if len(found) == 1 and not any(_STRATEGY in source.text for source in files) else ""


def _strategy_of(installer: Installer) -> str:
    if installer.kind == "operator" or installer.open:
        return ""
    if installer.kind != "chart":
        settings = str(installer.section.data)
        is_set = "DEVICE_LIST_STRATEGY" in settings or "device-list-strategy" in settings
        return "" if is_set else _BY_VARIABLE
    written = installer.section.get(_STRATEGY)
    if written in (None, "", _BY_VARIABLE):
        return _BY_VARIABLE
    return "other" if isinstance(written, str) and not is_placeholder(written) and _BY_VARIABLE not in written else ""


class _Renderers:
    """What of the input fills in references before Kubernetes sees a manifest: Flux, envsubst, Kustomize, plugins."""

    def __init__(self, graph: Graph) -> None:
        texts = [source.text for source in graph.scope.sources if source.role != "kustomization"]
        flux = graph.of_kind("Kustomization", "kustomize.toolkit.fluxcd.io")
        self._all = any(each.get("spec", "postBuild") is not None for each in flux) or any(map(_SAYS_SO.search, texts))
        self._overlays = [
            source.text
            for source in graph.scope.sources
            if source.role == "kustomization" and _REPLACES.search(source.text)
        ]

    def fill(self, workload: Workload) -> bool:
        """Whether one of them may work on the workload."""
        named = (VISIBLE_DEVICES, CUDA_DEVICES, workload.manifest.name)
        return self._all or any(name in overlay for overlay in self._overlays for name in named)


def _is_template(workload: Workload) -> bool:
    """Whether the object has references where only a renderer could mean them: outside of shell text."""

    def has(value: object) -> bool:
        if isinstance(value, Mapping):
            return any(has(member) for key, member in value.items() if key not in _SHELL_TEXT)
        if isinstance(value, list):
            return any(map(has, value))
        return isinstance(value, str) and _UNEXPANDED.fullmatch(value.strip()) is not None

    return has(workload.manifest.data)
