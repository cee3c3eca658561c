"""Where the pod templates of an object are, how many pods it makes of each, and what its kind says about their work.

Known kinds are described in `layouts/`; in all others pods are looked for by their shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from gpulint.kube import counts
from gpulint.kube.counts import Count
from gpulint.kube.layout import Kind, Layout, Pods, layout, layouts
from gpulint.kube.paths import Bindings, expand
from gpulint.kube.place import FoundPods, listed_containers
from gpulint.kube.pods import (
    RESOURCES,
    SECTIONS,
    UNKNOWN,
    Container,
    Part,
    PodTemplate,
    ResourceEntry,
    container_fields,
    container_total,
    gpu_resources,
    is_extended,
    laid,
    pod_fields,
    pod_total,
    total,
)
from gpulint.kube.tree import Path, get, mapping, mappings, sequence, text

_NOT_WALKED = frozenset({"metadata", "status", "openAPIV3Schema"})
_GROUPS_WITHOUT_PODS = frozenset(
    {
        # policies hold patterns that look like pods; the rest holds none and may be large
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "constraints.gatekeeper.sh",
        "karpenter.sh",
        "kyverno.io",
        "monitoring.coreos.com",
        "mutations.gatekeeper.sh",
        "policies.kyverno.io",
        "rbac.authorization.k8s.io",
        "templates.gatekeeper.sh",
    }
)
_KINDS_WITHOUT_PODS = frozenset(
    {
        "ClusterQueue",
        "ConfigMap",
        "ConsolePlugin",
        "CustomResourceDefinition",
        "LimitRange",
        "LocalQueue",
        "Node",
        "NodeList",
        "ResourceFlavor",
        "ResourceQuota",
        "Secret",
    }
)


def kind_of(group: str, kind: str) -> Kind | None:
    """What is known of a kind; None when it is in no layout."""
    found = layout(group, kind)
    return found.kind if found else None


def known_kinds() -> tuple[Kind, ...]:
    """Every kind with a layout, sorted by group and name."""
    return tuple(each.kind for each in layouts())


def pod_templates(group: str, kind: str, data: Mapping[str, object]) -> list[PodTemplate]:
    """Every pod template of an object, in the order of its layout, else of the document.

    Kinds without a layout, and objects that are not of the shape their layout says, are searched for pod specs (a
    mapping with `containers: [{…}]`), for `resources` with an extended resource (or the bare `gpu` of some custom
    kinds), and for embedded objects of known kinds.
    """
    known = layout(group, kind)
    found = _described(known, data, (), counts.ONE) if known else []
    if found or (known is not None and _has_none(known, data)) or (known is None and holds_no_pods(group, kind)):
        return found
    return list(_searched(data, ()))


def holds_no_pods(group: str, kind: str) -> bool:
    """Whether objects of a kind hold no pods, whatever in them looks like one."""
    known = layout(group, kind)
    if known is not None:
        return not known.pods
    return group in _GROUPS_WITHOUT_PODS or kind in _KINDS_WITHOUT_PODS


# --- where a layout says so -------------------------------------------------------------------------------------------


def _described(known: Layout, root: Mapping[str, object], base: Path, outer: Count) -> list[PodTemplate]:
    """The templates where the layout says they are; `base` is where the object stands in its document."""
    kind = known.kind_of(root)
    found: list[PodTemplate] = []
    for pods in known.pods:
        for path, bindings in expand(pods.at, root):
            if not _applies(pods, root, path, bindings):
                continue
            if pods.form == "object":
                found += _wrapped_by(pods, root, path, bindings, base, outer)
            elif pods.form == "search":
                found += _searched(get(root, path), (*base, *path))
            else:
                found.append(FoundPods(known, kind, pods, root, path, bindings).template(base, outer))
    return found


def _has_none(known: Layout, root: Mapping[str, object]) -> bool:
    """Whether the layout says that the object makes no pods: it has no places, or excepts what is there."""
    excepted = (
        any(each.holds(root, bindings) for each in pods.unless)
        for pods in known.pods
        for _, bindings in expand(pods.at, root)
    )
    return not known.pods or any(excepted)


def _applies(pods: Pods, root: Mapping[str, object], path: Path, bindings: Bindings) -> bool:
    there = isinstance(get(root, (*path, "spec") if pods.form == "template" else path), Mapping)
    wanted = not pods.when or any(each.holds(root, bindings) for each in pods.when)
    return there and wanted and not any(each.holds(root, bindings) for each in pods.unless)


def _wrapped_by(
    pods: Pods, root: Mapping[str, object], path: Path, bindings: Bindings, base: Path, outer: Count
) -> list[PodTemplate]:
    """The templates of an object in another, which may make several of it."""
    data, at = get(root, path), (*base, *path)
    found = _embedded(data, at, counts.count(pods.count, root, bindings, outer))
    runs = counts.total(pods.total, root, bindings)
    if runs is None:
        return found
    singles = (each.total or each.replicas for each in _embedded(data, at, counts.ONE))
    return [
        replace(each, total=runs * single if single is not None else None)
        for each, single in zip(found, singles, strict=True)
    ]


def _embedded(data: object, base: Path, outer: Count) -> list[PodTemplate]:
    if not isinstance(data, Mapping):
        return []
    version, kind = data.get("apiVersion"), data.get("kind")
    known = layout(version.rpartition("/")[0], kind) if isinstance(version, str) and isinstance(kind, str) else None
    found = _described(known, data, base, outer) if known else []
    return found if found or (known and _has_none(known, data)) else list(_searched_below(data, base))


# --- by their shape ---------------------------------------------------------------------------------------------------


def _searched(data: object, path: Path, parent: object = None) -> Iterator[PodTemplate]:
    """Pods by their shape, in the order of the document; nothing inside a pod is looked at again."""
    if isinstance(data, Mapping):
        yield from _searched_mapping(data, path, parent)
        return
    for index, item in enumerate(sequence(data)):
        yield from _searched(item, (*path, index), data)


def _searched_mapping(data: Mapping[str, object], path: Path, parent: object) -> Iterator[PodTemplate]:
    wrapped = _wrapped(data, path)
    if wrapped:
        yield from wrapped
        return
    if any(True for _ in mappings(data.get("containers"))):
        yield _pod_by_shape(data, path, parent)
        return
    yield from _spawned(data, path)
    if _has_extended_resource(data):
        container = Container(path, text(data.get("name")), init=False, restartable=False)
        yield PodTemplate(path, path, None, "", (container,), None, None, "resources", embeds=False)
    yield from _searched_below(data, path)


_SPAWNER_FIELDS: Final[tuple[tuple[str, str, Path], ...]] = (
    ("extra_resource_limits", "extra_resource_guarantees", ()),
    ("limits", "guarantees", ("extraResource",)),
)
"""What JupyterHub's spawner, and the chart for it, call limits and requests (jupyterhub/zero-to-jupyterhub-k8s
jupyterhub/values.schema.yaml)."""


def _spawned(data: Mapping[str, object], path: Path) -> Iterator[PodTemplate]:
    for limits, guarantees, below in _SPAWNER_FIELDS:
        held = mapping(get(data, below))
        parts = tuple(
            Part((RESOURCES, section), held[name], (*path, *below, name))
            for section, name in zip(SECTIONS, (limits, guarantees), strict=True)
            if any(map(is_extended, mapping(held.get(name))))
        )
        if parts:
            at = (*path, *below)
            container = Container(at, "", init=False, restartable=False, whole=False, parts=parts)
            yield PodTemplate(path, path, None, "", (container,), None, None, "resources", embeds=False)


def _searched_below(data: Mapping[str, object], path: Path) -> Iterator[PodTemplate]:
    for key, value in data.items():
        if isinstance(value, Mapping | list) and not (key in _NOT_WALKED and (path == () or key == "openAPIV3Schema")):
            yield from _searched(value, (*path, key), data)


def _wrapped(data: Mapping[str, object], path: Path) -> list[PodTemplate]:
    """The templates of an embedded object of a known kind."""
    version, kind = data.get("apiVersion"), data.get("kind")
    if not path or not isinstance(version, str) or not isinstance(kind, str):
        return []
    known = layout(version.rpartition("/")[0], kind)
    return _described(known, data, path, counts.ONE) if known else []


def _pod_by_shape(spec: Mapping[str, object], path: Path, parent: object) -> PodTemplate:
    in_template = path[-1:] == ("spec",) and isinstance(mapping(parent).get("metadata"), Mapping)
    return PodTemplate(
        path=path[:-1] if in_template else path,
        spec=path,
        metadata=(*path[:-1], "metadata") if in_template else None,
        role="",
        containers=listed_containers(spec, path),
        replicas=None,
        replicas_path=None,
        form="template" if in_template else "podspec",
        embeds=False,
    )


def _has_extended_resource(data: Mapping[str, object]) -> bool:
    held = data.get(RESOURCES)
    return isinstance(held, Mapping) and any(
        is_extended(name) for section in SECTIONS for name in mapping(held.get(section))
    )


__all__ = [
    "SECTIONS",
    "UNKNOWN",
    "Container",
    "Part",
    "PodTemplate",
    "ResourceEntry",
    "container_fields",
    "container_total",
    "gpu_resources",
    "holds_no_pods",
    "kind_of",
    "known_kinds",
    "laid",
    "pod_fields",
    "pod_templates",
    "pod_total",
    "total",
]
