"""Pod templates and containers: what they are made of, wherever an object has their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.kube import quantity
from gpulint.kube.layout import Form, Kind
from gpulint.kube.tree import EMPTY, Path, get, is_placeholder, mapping, sequence

Section: TypeAlias = Literal["limits", "requests"]

SECTIONS: Final[tuple[Section, ...]] = ("limits", "requests")
RESOURCES: Final = "resources"
BARE_GPU: Final = "gpu"
"""What stands for GPUs in kinds that have a form for it."""
UNKNOWN: Final = "<unknown>"
"""An amount that only a controller knows: read as a placeholder."""


_PLAIN_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage", "storage", "pods"})


@frozen
class Part:
    """A field of a container or pod spec that does not stand where core/v1 has it."""

    field: Path
    """Where core/v1 has it: `("resources", "limits", "nvidia.com/gpu")`."""
    value: object
    path: Path
    """Where it is written; paths are from the root of the object's data."""
    name: Path | None = None
    """Where its last key is written, if it is a value."""


@frozen
class Container:
    """A container of a pod; paths are from the root of the object's data."""

    path: Path
    name: str
    init: bool
    restartable: bool
    """An init container that keeps running beside the others (a sidecar)."""
    whole: bool = True
    """Whether a container stands at the path; else it is made of its parts."""
    parts: tuple[Part, ...] = field(default=(), compare=False)


@frozen
class Instance:
    """What stands for GPUs instead of a number."""

    name: str
    path: Path
    profile: bool
    """Whether it names a profile that somebody has defined; else it is a cloud's instance type."""


@frozen
class PodTemplate:
    """What pods are made of."""

    path: Path
    """The template: what holds metadata and spec, or the pod spec itself where there is no metadata."""
    spec: Path
    """The mapping with the fields of a pod spec; for a bare container or resources the mapping that holds them."""
    metadata: Path | None
    role: str
    """`head`, `worker`, `predictor`, the name of the task …; empty where a kind has one template only."""
    containers: tuple[Container, ...]
    """Init containers first, each group in its order."""
    replicas: int | None
    """Pods that exist at once; None when the manifest cannot tell (a placeholder, a DaemonSet, an unknown kind)."""
    replicas_path: Path | None
    """Where that number is written; None when it is not."""
    form: Form
    embeds: bool
    """Whether core validation looks at the pod when the object is created (Pod, apps/*, batch/*)."""
    kind: Kind | None = None
    """The kind that describes it: that of a wrapped object where one is wrapped; None when found by its shape."""
    most: int | None = None
    """Pods that may exist at once, as far as the object says: more than `replicas` where it scales by itself."""
    per_replica: int | None = None
    """Pods for each replica of the object, as autoscalers count them; None where it has no `spec.replicas`."""
    total: int | None = None
    """Pods over the life of the object; None where its kind does not tell."""
    processes: Path | None = None
    """Where the number of processes of a pod is written, as its kind has it; None when it is not."""
    alternative: bool = False
    """Whether pods are made of one of several templates only."""
    instance: Instance | None = None
    parts: tuple[Part, ...] = ()
    """Fields of the pod spec that stand elsewhere."""

    @property
    def bare_gpu(self) -> bool:
        """Whether a key `gpu` without a domain is meant so by the kind."""
        return self.form in {"bare-gpu", "scalar"}

    @property
    def is_pod(self) -> bool:
        """Whether it is written as core/v1 writes pods or containers: what is absent there, pods lack."""
        return self.form not in {"resources", "bare-gpu", "scalar", "instance"}


@frozen
class ResourceEntry:
    """A resource other than CPU, memory and storage in a container's limits or requests."""

    name: str
    section: Section
    value: object
    path: Path
    """Where it stands in the container."""


def container_fields(container: Container, data: Mapping[str, object]) -> Mapping[str, object]:
    """A container as core/v1 writes it, wherever the object has its fields."""
    written = mapping(get(data, container.path)) if container.whole else EMPTY
    return laid(written, container.parts)


def pod_fields(template: PodTemplate, data: Mapping[str, object]) -> Mapping[str, object]:
    """A pod spec as core/v1 writes it, without containers that stand elsewhere."""
    return laid(mapping(get(data, template.spec)), template.parts)


def laid(fields: Mapping[str, object], parts: Iterable[Part]) -> Mapping[str, object]:
    """The fields with each part in its place, a later one over an earlier."""
    result = fields
    for part in parts:
        placed = _placed(result, part.field, part.value)
        result = mapping(placed)
    return result


def gpu_resources(container: Mapping[str, object]) -> tuple[ResourceEntry, ...]:
    """Limits, then requests of a container that are not CPU, memory, storage or huge pages, in their order."""
    return tuple(
        ResourceEntry(name, section, value, (RESOURCES, section, name))
        for section in SECTIONS
        for name, value in mapping(get(container, (RESOURCES, section))).items()
        if not _is_plain_resource(name)
    )


def container_total(container: Mapping[str, object], resource: str) -> int | None:
    """Units of a resource that a container asks for: its request, else its limit; None when that cannot be read."""
    held = mapping(container.get(RESOURCES))
    if is_placeholder(container.get(RESOURCES)) or any(is_placeholder(held.get(section)) for section in SECTIONS):
        return None
    for section in ("requests", "limits"):
        value = mapping(held.get(section)).get(resource)
        if value is not None:
            amount = quantity.parse(value)
            return amount.units if amount else None
    return 0


def pod_total(template: PodTemplate, data: Mapping[str, object], resource: str) -> int | None:
    """Units of a resource that one pod asks for, or None when some part of it cannot be read.

    As k8s.io/component-helpers resource/helpers.go (AggregateContainerRequests): containers and sidecars add up; any
    other init container counts with the sidecars that start before it, when that is more.
    """
    containers = ((each, container_fields(each, data)) for each in template.containers)
    return total(containers, pod_fields(template, data), resource)


def total(
    containers: Iterable[tuple[Container, Mapping[str, object]]], spec: Mapping[str, object], resource: str
) -> int | None:
    """The same from the fields of the containers and of the pod spec."""
    running = sidecars = peak = 0
    for container, fields in containers:
        units = container_total(fields, resource)
        if units is None:
            return None
        if container.init and not container.restartable:
            peak = max(peak, sidecars + units)
        elif container.init:
            sidecars += units
        else:
            running += units
    overhead = get(spec, ("overhead", resource))
    extra = quantity.parse(overhead)
    return max(running + sidecars, peak) + (extra.units if extra else 0)


def is_extended(name: str) -> bool:
    """An extended resource, or the bare `gpu` that some custom kinds take."""
    return name == BARE_GPU or ("/" in name and "kubernetes.io/" not in name and not is_placeholder(name))


def _is_plain_resource(name: str) -> bool:
    return name in _PLAIN_RESOURCES or name.startswith("hugepages-")


def _placed(data: object, path: Path, value: object) -> object:
    """A copy of the data with a value at a path; mappings on the way are made, an index behind a list appends."""
    if not path:
        return value
    step = path[0]
    if isinstance(step, int):
        members = list(sequence(data))
        members[step : step + 1] = [_placed(get(members, (step,)), path[1:], value)]
        return members
    return {**mapping(data), step: _placed(mapping(data).get(step), path[1:], value)}
