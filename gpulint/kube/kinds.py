"""Where the pod templates of an object are, how many pods it makes of each, and what its kind says about their work.

Known kinds are described in `kinds.yaml`; in all others pods are looked for by their shape.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, cast

import yaml

from gpulint.kube import quantity
from gpulint.kube.tree import Path, get, integer, is_placeholder, mapping, mappings, sequence, text

Form: TypeAlias = Literal["template", "podspec", "podspec+", "container", "resources"]
Section: TypeAlias = Literal["limits", "requests"]

SECTIONS: Final[tuple[Section, ...]] = ("limits", "requests")

_Pattern: TypeAlias = tuple[str, ...]
_Bindings: TypeAlias = tuple[str | int, ...]

_WILDCARDS = frozenset({"*", "{}"})
_PLAIN_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage", "storage", "pods"})
_NOT_WALKED = frozenset({"metadata", "status", "openAPIV3Schema"})


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod; paths are from the root of the object's data."""

    path: Path
    name: str
    init: bool
    restartable: bool
    """An init container that keeps running beside the others (a sidecar)."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind says about the pods it makes."""

    group: str
    kind: str
    workload_class: str
    """training, inference, interactive, batch, system or unknown."""
    certainty: str
    """certain, high, medium, low or none."""
    is_template: bool
    """Whether something else makes pods of it (a serving runtime), so that its demand is not to be added up."""
    gang: bool = False
    """Whether its pods work on one task."""
    entrypoint: Path | None = None
    """Where the command of the task stands when it is in no container."""


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """A resource other than CPU, memory and storage in a container's limits or requests."""

    name: str
    section: Section
    value: object
    path: Path
    """Where it stands in the container."""


@dataclass(frozen=True, slots=True)
class _Factor:
    at: _Pattern
    default: int | None
    minus: int
    unless_absent: _Pattern | None
    at_least: _Pattern | None
    at_most: _Pattern | None
    zero_when: _Pattern | None


@dataclass(frozen=True, slots=True)
class _Pods:
    at: _Pattern
    form: Form
    role: str
    inline: tuple[str, ...]
    count: tuple[_Factor, ...] | None
    """None when no manifest can say."""


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Kind
    core: bool
    pods: tuple[_Pods, ...]


@dataclass(frozen=True, slots=True)
class _Catalogue:
    entries: Mapping[tuple[str, str], _Entry]
    groups_without_pods: frozenset[str]
    kinds_without_pods: frozenset[str]


def kind_of(group: str, kind: str) -> Kind | None:
    """What is known of a kind; None when it is in no catalogue."""
    entry = _catalogue().entries.get((group, kind))
    return entry.kind if entry else None


def known_kinds() -> tuple[Kind, ...]:
    """Every kind of the catalogue, sorted by group and name."""
    return tuple(entry.kind for _, entry in sorted(_catalogue().entries.items()))


def pod_templates(group: str, kind: str, data: Mapping[str, object]) -> list[PodTemplate]:
    """Every pod template of an object, in the order of the catalogue, else of the document.

    Kinds without an entry, and objects that are not of the shape their entry says, are searched for pod specs (a
    mapping with `containers: [{…}]`), for `resources` with an extended resource (or the bare `gpu` of some custom
    kinds), and for embedded objects of known kinds.
    """
    catalogue = _catalogue()
    entry = catalogue.entries.get((group, kind))
    found = _described(entry, data, ()) if entry else []
    if found or group in catalogue.groups_without_pods or kind in catalogue.kinds_without_pods:
        return found
    return list(_searched(data, (), catalogue))


def gpu_resources(container: Mapping[str, object]) -> tuple[ResourceEntry, ...]:
    """Limits, then requests of a container that are not CPU, memory, storage or huge pages, in their order."""
    return tuple(
        ResourceEntry(name, section, value, ("resources", section, name))
        for section in SECTIONS
        for name, value in mapping(get(container, ("resources", section))).items()
        if not _is_plain_resource(name)
    )


def container_total(container: Mapping[str, object], resource: str) -> int | None:
    """Units of a resource that a container asks for: its request, else its limit; None when that cannot be read."""
    held = mapping(container.get("resources"))
    if is_placeholder(container.get("resources")) or any(is_placeholder(held.get(section)) for section in SECTIONS):
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
    running = sidecars = peak = 0
    for container in template.containers:
        units = container_total(mapping(get(data, container.path)), resource)
        if units is None:
            return None
        if container.init and not container.restartable:
            peak = max(peak, sidecars + units)
        elif container.init:
            sidecars += units
        else:
            running += units
    overhead = get(data, (*template.spec, "overhead", resource))
    extra = quantity.parse(overhead)
    return max(running + sidecars, peak) + (extra.units if extra else 0)


def _is_plain_resource(name: str) -> bool:
    return name in _PLAIN_RESOURCES or name.startswith("hugepages-")


def _is_extended(name: str) -> bool:
    """An extended resource, or the bare `gpu` that some custom kinds take."""
    return name == "gpu" or ("/" in name and "kubernetes.io/" not in name and not is_placeholder(name))


def _described(entry: _Entry, root: Mapping[str, object], base: Path) -> list[PodTemplate]:
    """The templates where the catalogue says they are; `base` is where the object stands in its document."""
    return [
        _template(entry, pods, root, path, bindings, base)
        for pods in entry.pods
        for path, bindings in _expand(pods.at, root)
        if isinstance(get(root, (*path, "spec") if pods.form == "template" else path), Mapping)
    ]


def _template(
    entry: _Entry, pods: _Pods, root: Mapping[str, object], path: Path, bindings: _Bindings, base: Path
) -> PodTemplate:
    spec = (*path, "spec") if pods.form == "template" else path
    fields = mapping(get(root, spec))
    replicas, replicas_path = _replicas(pods, root, bindings)
    bare = pods.form in ("container", "resources")
    return PodTemplate(
        path=(*base, *path),
        spec=(*base, *spec),
        metadata=(*base, *path, "metadata") if pods.form == "template" else None,
        role=_role(pods.role, root, bindings),
        containers=_bare_container(fields, (*base, *spec))
        if bare
        else _containers(fields, (*base, *spec), pods.inline),
        replicas=replicas,
        replicas_path=(*base, *replicas_path) if replicas_path else None,
        form=pods.form,
        embeds=entry.core,
        kind=entry.kind,
    )


def _bare_container(fields: Mapping[str, object], at: Path) -> tuple[Container, ...]:
    return (Container(at, text(fields.get("name")), init=False, restartable=False),)


def _containers(spec: Mapping[str, object], at: Path, inline: Sequence[str] = ()) -> tuple[Container, ...]:
    init = tuple(
        Container(
            (*at, "initContainers", index),
            text(item.get("name")),
            init=True,
            restartable=item.get("restartPolicy") == "Always",
        )
        for index, item in mappings(spec.get("initContainers"))
    )
    fields = tuple(
        Container((*at, name), text(mapping(spec[name]).get("name")) or name, init=False, restartable=False)
        for name in inline
        if isinstance(spec.get(name), Mapping)
    )
    listed = tuple(
        Container((*at, "containers", index), text(item.get("name")), init=False, restartable=False)
        for index, item in mappings(spec.get("containers"))
    )
    return init + fields + listed


def _role(role: str, root: Mapping[str, object], bindings: _Bindings) -> str:
    if role == "{}":
        return text(bindings[-1]).lower() if bindings else ""
    return text(get(root, _bind(_pattern(role), bindings))) if role.startswith("/") else role


def _replicas(pods: _Pods, root: Mapping[str, object], bindings: _Bindings) -> tuple[int | None, Path | None]:
    """The product of the factors, and where the first written one stands."""
    if pods.count is None:
        return None, None
    written = [path for factor in pods.count if get(root, path := _bind(factor.at, bindings)) is not None]
    amounts = [_amount(factor, root, bindings) for factor in pods.count]
    known = [amount for amount in amounts if amount is not None]
    product = functools.reduce(int.__mul__, known, 1)
    return product if len(known) == len(amounts) or product == 0 else None, written[0] if written else None


def _amount(factor: _Factor, root: Mapping[str, object], bindings: _Bindings) -> int | None:
    def at(pattern: _Pattern | None) -> object:
        return get(root, _bind(pattern, bindings)) if pattern is not None else None

    if at(factor.zero_when) is True:
        return 0
    value = at(factor.at)
    amount = factor.default if value is None else integer(value)
    if amount is None:
        return None
    if at(factor.at_most) is not None:
        bound = integer(at(factor.at_most))
        amount = min(amount, bound) if bound is not None else None
    if amount is not None and at(factor.at_least) is not None:
        bound = integer(at(factor.at_least))
        amount = max(amount, bound) if bound is not None else None
    if amount is None:
        return None
    subtracts = factor.unless_absent is None or at(factor.unless_absent) is not None
    return max(amount - factor.minus, 0) if subtracts else max(amount, 0)


def _expand(pattern: _Pattern, root: object) -> Iterator[tuple[Path, _Bindings]]:
    """The paths that a pattern stands for, with what its wildcards took."""

    def expand(rest: _Pattern, data: object, path: Path, bindings: _Bindings) -> Iterator[tuple[Path, _Bindings]]:
        if not rest:
            yield path, bindings
            return
        step = rest[0]
        if step not in _WILDCARDS:
            yield from expand(rest[1:], mapping(data).get(step), (*path, step), bindings)
            return
        members: Sequence[tuple[str | int, object]] = (
            list(enumerate(sequence(data))) if step == "*" else list(mapping(data).items())
        )
        for key, member in members:
            yield from expand(rest[1:], member, (*path, key), (*bindings, key))

    return expand(pattern, root, (), ())


def _bind(pattern: _Pattern, bindings: _Bindings) -> Path:
    remaining = iter(bindings)
    return tuple(next(remaining) if step in _WILDCARDS else step for step in pattern)


def _searched(data: object, path: Path, catalogue: _Catalogue, parent: object = None) -> Iterator[PodTemplate]:
    """Pods by their shape, in the order of the document; nothing inside a pod is looked at again."""
    if isinstance(data, Mapping):
        yield from _searched_mapping(data, path, catalogue, parent)
        return
    for index, item in enumerate(sequence(data)):
        yield from _searched(item, (*path, index), catalogue, data)


def _searched_mapping(
    data: Mapping[str, object], path: Path, catalogue: _Catalogue, parent: object
) -> Iterator[PodTemplate]:
    wrapped = _wrapped(data, path, catalogue)
    if wrapped:
        yield from wrapped
        return
    if any(True for _ in mappings(data.get("containers"))):
        yield _pod_by_shape(data, path, parent)
        return
    if _has_extended_resource(data):
        yield PodTemplate(path, path, None, "", _bare_container(data, path), None, None, "resources", embeds=False)
    for key, value in data.items():
        if isinstance(value, Mapping | list) and not (key in _NOT_WALKED and (path == () or key == "openAPIV3Schema")):
            yield from _searched(value, (*path, key), catalogue, data)


def _wrapped(data: Mapping[str, object], path: Path, catalogue: _Catalogue) -> list[PodTemplate]:
    """The templates of an embedded object of a known kind."""
    version, kind = data.get("apiVersion"), data.get("kind")
    if not path or not isinstance(version, str) or not isinstance(kind, str):
        return []
    entry = catalogue.entries.get((version.rpartition("/")[0], kind))
    if entry is None:
        return []
    return _described(entry, data, path)


def _pod_by_shape(spec: Mapping[str, object], path: Path, parent: object) -> PodTemplate:
    in_template = path[-1:] == ("spec",) and isinstance(mapping(parent).get("metadata"), Mapping)
    return PodTemplate(
        path=path[:-1] if in_template else path,
        spec=path,
        metadata=(*path[:-1], "metadata") if in_template else None,
        role="",
        containers=_containers(spec, path),
        replicas=None,
        replicas_path=None,
        form="template" if in_template else "podspec",
        embeds=False,
    )


def _has_extended_resource(data: Mapping[str, object]) -> bool:
    held = data.get("resources")
    return isinstance(held, Mapping) and any(
        _is_extended(name) for section in SECTIONS for name in mapping(held.get(section))
    )


@functools.cache
def _catalogue() -> _Catalogue:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    written = pathlib.Path(__file__).with_name("kinds.yaml").read_text(encoding="utf-8")
    data = mapping(yaml.load(written, loader))  # noqa: S506 - a safe loader, the C one where there is one
    described = {f"{item['group']}/{item['kind']}": item for _, item in mappings(data["kinds"])}
    entries = {
        (group, kind): replace(entry, kind=replace(entry.kind, group=group, kind=kind))
        for item in described.values()
        for entry in [_entry(item, described)]
        for kind in (text(item["kind"]), *map(text, sequence(item.get("also"))))
        for group in (text(item["group"]), *map(text, sequence(item.get("legacy_groups"))))
    }
    without = mapping(data["no_pods"])
    return _Catalogue(
        entries,
        frozenset(map(text, sequence(without["groups"]))),
        frozenset(map(text, sequence(without["kinds"]))),
    )


def _entry(item: Mapping[str, object], described: Mapping[str, Mapping[str, object]]) -> _Entry:
    kind = Kind(
        group=text(item["group"]),
        kind=text(item["kind"]),
        workload_class=text(item["class"]),
        certainty=text(item["certainty"]),
        is_template=item.get("template") is True,
        gang=item.get("gang") is True,
        entrypoint=_pattern(text(item["entrypoint"])) if "entrypoint" in item else None,
    )
    own = [_pods(pods, "/spec") for _, pods in mappings(item.get("pods"))]
    like = described[text(item["like"])] if "like" in item else {}
    inherited = [_pods(pods, text(item.get("prefix"))) for _, pods in mappings(like.get("pods"))]
    return _Entry(kind, item.get("core") is True, tuple(inherited + own))


def _pods(item: Mapping[str, object], prefix: str) -> _Pods:
    """One entry of `pods`, with `prefix` in the place of `/spec`."""
    count = item.get("count", [])
    return _Pods(
        at=_pattern(text(item["at"]), prefix),
        form=cast("Form", item["form"]),
        role=text(item.get("role")),
        inline=tuple(map(text, sequence(item.get("inline")))),
        count=None if count == "unknown" else tuple(_factor(factor, prefix) for _, factor in mappings(count)),
    )


def _factor(item: Mapping[str, object], prefix: str) -> _Factor:
    def path(key: str) -> _Pattern | None:
        return _pattern(text(item[key]), prefix) if key in item else None

    return _Factor(
        at=_pattern(text(item["at"]), prefix),
        default=integer(item["default"]),
        minus=integer(item.get("minus")) or 0,
        unless_absent=path("unless_absent"),
        at_least=path("at_least"),
        at_most=path("at_most"),
        zero_when=path("zero_when"),
    )


def _pattern(written: str, prefix: str = "/spec") -> _Pattern:
    moved = prefix + written.removeprefix("/spec") if written.startswith("/spec/") or written == "/spec" else written
    return tuple(moved.split("/")[1:])
