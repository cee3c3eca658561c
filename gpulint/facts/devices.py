"""What a container says of the GPUs it wants to see: environment variables that list devices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gpulint.facts.owner import Owners
from gpulint.facts.tenant import is_of_the_cluster, nvidia_runtime, on_gke
from gpulint.facts.values import Owner
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container, container_total
from gpulint.kube.tree import is_placeholder, mappings, sequence, text
from gpulint.manifest import Place

VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"

_NOTHING = frozenset({"", "none", "void", "-1", "NoDevFiles"})
"""Values that give no device away (nvidia-container-toolkit internal/config/image/cuda_image.go)."""
_INDICES = re.compile(r"\d+(?::\d+)?(?:\s*,\s*\d+(?::\d+)?)*\s*,?")
_IDS = re.compile(r"(?:GPU|MIG)-[0-9A-Za-z/-]+(?:\s*,\s*(?:GPU|MIG)-[0-9A-Za-z/-]+)*")
_UNEXPANDED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_STRATEGY = "deviceListStrategy"
_SHELL_TEXT = frozenset({"command", "args", "env"})


@dataclass(frozen=True, slots=True)
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
    """Whether the cluster's container runtime looks at NVIDIA_VISIBLE_DEVICES; GKE's does not."""
    overrides: bool
    """Whether the device plugins of the input hand devices over by the same variable, so that the container's wins."""
    sees_more: bool
    """Whether the container sees GPUs that it does not hold by other means: privileged, or NVIDIA_VISIBLE_DEVICES."""
    rendered: bool
    """Whether something fills in references before Kubernetes sees the manifest."""
    place: Place


def device_lists(graph: Graph, owners: Owners) -> Iterator[DeviceList]:
    """Every such variable with a literal value, in the order of the input."""
    by_variable = _hands_over_by_variable(graph)
    filled = _fills_references(graph)
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
                    read=not on_gke(workload),
                    overrides=by_variable,
                    sees_more=_sees_more(workload, container, written),
                    rendered=filled or _is_template(workload),
                    place=place,
                )


def _variables(workload: Workload, container: Container) -> dict[str, tuple[str, Place]]:
    """The last literal value of each variable, which is the one that counts."""
    return {
        text(item["name"]): (text(item.get("value")), workload.place(container, ("env", index, "value")))
        for index, item in mappings(workload.container(container).get("env"))
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
    return min(max(int(each.split(":")[0]) for each in value.strip(" ,").split(",")), 2**31)


def _units(workload: Workload, container: Container) -> int:
    names = {asked.name for asked in workload.asked if asked.container == container}
    amounts = [container_total(workload.container(container), name) for name in sorted(names)]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else -1


def _claims(workload: Workload, container: Container) -> bool:
    held = workload.container(container).get("resources")
    return isinstance(held, Mapping) and bool(sequence(held.get("claims")))


def _sees_more(workload: Workload, container: Container, written: Mapping[str, tuple[str, Place]]) -> bool:
    context = workload.container(container).get("securityContext")
    privileged = isinstance(context, Mapping) and context.get("privileged") is True
    value, _ = written.get(VISIBLE_DEVICES, ("", None))
    return privileged or _form(value)[0] != "nothing"


def _hands_over_by_variable(graph: Graph) -> bool:
    """Whether every device plugin of the input is known to use the strategy `envvar`, which is its default.

    The GPU Operator has handed devices over by CDI since release 25.10, so nothing is known of its.
    """
    found = [each for each in graph.configurations.installers if each.plugin_enabled]
    files = (configs.holder.name_place.document.source for configs in graph.configurations.plugin_configs)
    return bool(found) and all(map(_by_variable, found)) and not any(_STRATEGY in source.text for source in files)


def _by_variable(installer: Installer) -> bool:
    if installer.kind == "operator" or installer.open:
        return False
    if installer.kind == "chart":
        return installer.section.get(_STRATEGY) in (None, "", "envvar")
    settings = str(installer.section.data)
    return "DEVICE_LIST_STRATEGY" not in settings and "device-list-strategy" not in settings


def _fills_references(graph: Graph) -> bool:
    """Whether Flux substitutes variables, or a file of the input speaks of envsubst."""
    flux = graph.of_kind("Kustomization", "kustomize.toolkit.fluxcd.io")
    return any(each.get("spec", "postBuild") is not None for each in flux) or any(
        "envsubst" in source.text for source in graph.scope.sources
    )


def _is_template(workload: Workload) -> bool:
    """Whether the object has references where only a renderer could mean them: outside of shell text."""

    def has(value: object) -> bool:
        if isinstance(value, Mapping):
            return any(has(member) for key, member in value.items() if key not in _SHELL_TEXT)
        if isinstance(value, list):
            return any(map(has, value))
        return isinstance(value, str) and _UNEXPANDED.fullmatch(value.strip()) is not None

    return has(workload.manifest.data)
