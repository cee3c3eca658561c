"""A pod template with the object that holds it, and what other objects lay over it.

A serving runtime, a training runtime or a template that several roles patch is written once and used by others: what
their pods get is laid together here, and everything keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from gpulint.frozen import frozen
from gpulint.kube.kinds import Container, Part, PodTemplate, container_fields, laid, pod_fields, total
from gpulint.kube.tree import Path, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place

_MERGED_BY: Final[Mapping[str, str]] = {
    "env": "name",
    "imagePullSecrets": "name",
    "ports": "containerPort",
    "resourceClaims": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""Lists that a strategic merge patch merges, by the key of their members (`patchMergeKey` in k8s.io/api core/v1)."""
_CONTAINERS = ("initContainers", "containers")


@frozen
class Overlay:
    """A field that another object sets."""

    container: Path | None
    """The container it is of, by its path; None: of the pod spec."""
    part: Part
    """With its value; its path is in the object of `place`."""
    place: Place


@frozen
class Pod:
    """What pods are made of, wherever it is written."""

    holder: Manifest
    """The object that holds the template."""
    template: PodTemplate
    overlays: tuple[Overlay, ...] = ()
    """A later one counts before an earlier."""

    def fields(self) -> Mapping[str, object]:
        """The pod spec."""
        return laid(pod_fields(self.template, self.holder.data), (each.part for each in self._of(None)))

    def container(self, container: Container) -> Mapping[str, object]:
        """The fields of one of its containers."""
        own = container_fields(container, self.holder.data)
        return laid(own, (each.part for each in self._of(container)))

    def metadata(self, key: str) -> Mapping[str, object]:
        """Its labels or annotations."""
        at = self.template.metadata
        return mapping(self.holder.get(*at, key)) if at is not None else {}

    def total(self, resource: str) -> int | None:
        """Units of a resource that one pod asks for; None when some part of it cannot be read."""
        containers = ((each, self.container(each)) for each in self.template.containers)
        return total(containers, self.fields(), resource)

    def place(self, container: Container | None, path: Path, *, key: bool = False) -> Place:
        """A place by its path in a container or in the pod spec."""
        for overlay in reversed(self._of(container)):
            if path[: len(overlay.part.field)] == overlay.part.field:
                return _inside(overlay.place, path[len(overlay.part.field) :], key=key)
        for part in reversed(container.parts if container is not None else self.template.parts):
            if path == part.field and key and part.name is not None:
                return self.holder.place(*part.name)
            if path[: len(part.field)] == part.field:
                return _inside(self.holder.place(*part.path), path[len(part.field) :], key=key)
        at = container.path if container is not None else self.template.spec
        return self.holder.place(*at, *path, token="key" if key else "value")

    def with_fields(self, container: Container | None, fields: Mapping[str, object], place: Place) -> Pod:
        """With fields of another object laid over as a strategic merge patch does; containers are left out."""
        lower = self.container(container) if container is not None else self.fields()
        wanted = {key: value for key, value in fields.items() if container is not None or key not in _CONTAINERS}
        new = (
            Overlay(container.path if container is not None else None, part, place.below(*part.path))
            for part in _patched(lower, wanted, (), ())
        )
        return replace(self, overlays=(*self.overlays, *new))

    def with_field(self, container: Container | None, field: Path, value: object, place: Place) -> Pod:
        """With one field set to what stands at a place of another object."""
        part = Part(field, value, place.path)
        overlay = Overlay(container.path if container is not None else None, part, place)
        return replace(self, overlays=(*self.overlays, overlay))

    def with_pod_spec(self, fields: Mapping[str, object], place: Place) -> Pod:
        """With a pod spec of another object laid over, containers by their names; new ones come behind."""
        pod = self.with_fields(None, fields, place)
        for key in _CONTAINERS:
            for index, item in mappings(fields.get(key)):
                known = pod.named(text(item.get("name")))
                if known is not None:
                    pod = pod.with_fields(known, item, place.below(key, index))
                elif text(item.get("name")):
                    pod = pod.with_container(item, place.below(key, index), init=key == "initContainers")
        return pod

    def with_container(self, fields: Mapping[str, object], place: Place, *, init: bool = False) -> Pod:
        """With a container more, which stands in another object."""
        restartable = init and fields.get("restartPolicy") == "Always"
        added = Container(place.path, text(fields.get("name")), init=init, restartable=restartable, whole=False)
        template = replace(self.template, containers=(*self.template.containers, added))
        overlay = Overlay(added.path, Part((), fields, place.path), place)
        return replace(self, template=template, overlays=(*self.overlays, overlay))

    def named(self, name: str) -> Container | None:
        """The container of a name."""
        return next((each for each in self.template.containers if name and each.name == name), None)

    def _of(self, container: Container | None) -> tuple[Overlay, ...]:
        if not self.overlays:
            return ()
        path = container.path if container is not None else None
        return tuple(each for each in self.overlays if each.container == path)


def _inside(place: Place, path: Path, *, key: bool) -> Place:
    return place.below(*path, token="key" if key else "value") if path else place.keyed() if key else place


def _patched(lower: object, upper: Mapping[str, object], field: Path, path: Path) -> Iterator[Part]:
    """The fields that change; `field` is where they come to stand, `path` where they stand in the patch."""
    for key, value in upper.items():
        below = mapping(lower).get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            yield from _patched(below, value, (*field, key), (*path, key))
        elif key in _MERGED_BY and isinstance(value, list) and isinstance(below, list):
            yield from _merged(below, value, _MERGED_BY[key], (*field, key), (*path, key))
        elif value is not None:
            yield Part((*field, key), value, (*path, key))


def _merged(lower: list[object], upper: list[object], by: str, field: Path, path: Path) -> Iterator[Part]:
    known = {text(mapping(item).get(by)): index for index, item in enumerate(sequence(lower))}
    behind = len(lower)
    for index, item in enumerate(upper):
        name = text(mapping(item).get(by))
        if name in known:
            yield from _patched(lower[known[name]], mapping(item), (*field, known[name]), (*path, index))
        else:
            yield Part((*field, behind), item, (*path, index))
            behind += 1
