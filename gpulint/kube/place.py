"""One place of a layout in one object: the pod template that stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gpulint.frozen import frozen
from gpulint.kube import counts, quantity
from gpulint.kube.counts import Count
from gpulint.kube.layout import Gpus, Kind, Layout, Pods
from gpulint.kube.paths import Bindings, Pattern, bound, expand, pattern, value_at
from gpulint.kube.pods import (
    BARE_GPU,
    RESOURCES,
    SECTIONS,
    UNKNOWN,
    Container,
    Instance,
    Part,
    PodTemplate,
    gpu_resources,
    is_extended,
    laid,
)
from gpulint.kube.tree import Path, get, is_placeholder, mapping, mappings, text

_DEFAULT_GPU: Final = "nvidia.com/gpu"
_INSTANCE_LABEL: Final = "node.kubernetes.io/instance-type"
_POD_FIELDS = frozenset(
    {
        "affinity",
        "hostIPC",
        "hostNetwork",
        "nodeName",
        "nodeSelector",
        "overhead",
        "priorityClassName",
        "resourceClaims",
        "restartPolicy",
        "runtimeClassName",
        "schedulerName",
        "serviceAccountName",
        "tolerations",
        "topologySpreadConstraints",
    }
)
"""What a mapping that is no pod spec may have of one."""
_BARE_FORMS = frozenset({"container", "resources", "bare-gpu", "scalar", "instance"})


@frozen
class FoundPods:
    """One place with pods in one object."""

    known: Layout
    kind: Kind
    pods: Pods
    root: Mapping[str, object]
    path: Path
    bindings: Bindings

    def template(self, base: Path, outer: Count) -> PodTemplate:
        pods, root = self.pods, self.root
        found = counts.count(pods.count, root, self.bindings, outer)
        spec = self._spec()
        metadata = self._bound(pods.metadata) or ((*self.path, "metadata") if pods.form == "template" else None)
        processes = next((path for path in map(self._bound, pods.processes) if self._at(path) is not None), None)
        return _rebased(
            PodTemplate(
                path=self.path,
                spec=spec,
                metadata=metadata,
                role=self._role(),
                containers=self._containers(spec),
                replicas=found.now,
                replicas_path=found.path,
                form=pods.form,
                embeds=self.known.core,
                kind=replace(self.kind, is_template=True) if pods.template else self.kind,
                most=found.most,
                per_replica=found.per_replica,
                total=counts.total(pods.total, root, self.bindings, outer),
                processes=processes,
                alternative=pods.alternatives,
                instance=self._instance(),
                parts=tuple(self._pod_parts(spec)),
            ),
            base,
        )

    def _spec(self) -> Path:
        elsewhere = self._bound(self.pods.spec)
        if elsewhere is not None and isinstance(self._at(elsewhere), Mapping):
            return elsewhere
        return (*self.path, "spec") if self.pods.form == "template" else self.path

    def _containers(self, spec: Path) -> tuple[Container, ...]:
        pods, fields = self.pods, mapping(self._at(spec))
        if pods.form in _BARE_FORMS:
            main = self._main()
            return (main, *(listed_containers(fields, spec, (), pods.lists) if pods.spec is not None else ()))
        found = listed_containers(fields, spec, pods.inline, pods.lists, standard=pods.form != "containers")
        return tuple(map(self._with_resources, found)) if pods.resources else found

    def _with_resources(self, container: Container) -> Container:
        """With what its kind calls its resources."""
        path = (*container.path, self.pods.resources)
        value = self._at(path)
        return replace(container, parts=(Part((RESOURCES,), value, path),)) if value is not None else container

    def _main(self) -> Container:
        """The one container of a form that has no list of them."""
        own = self._bound(self.pods.container) or (self.path if self.pods.form == "container" else None)
        body = mapping(self._at(own))
        whole = own is not None and bool(body)
        name = text(body.get("name")) or self.pods.name
        parts = [*self._fields()]
        if self.pods.form == "resources" and all(at != (RESOURCES,) for at, _ in self.pods.fields):
            parts.append(Part((RESOURCES,), self._at(self.path), self.path))
        if self.pods.form == "bare-gpu":
            parts = [each for part in parts for each in (_translated(part) if part.field == (RESOURCES,) else [part])]
        parts += self._gpus(laid(body, parts))
        path = own if own is not None and whole else self.path
        return Container(path, name, init=False, restartable=False, whole=whole, parts=tuple(parts))

    def _fields(self) -> Iterator[Part]:
        for field_, patterns in self.pods.fields:
            for path in map(self._bound, patterns):
                value = self._at(path)
                if path is not None and value is not None:
                    yield Part(field_, value, path)
                    break

    def _gpus(self, container: Mapping[str, object]) -> Iterator[Part]:
        for gpus in self.pods.gpus:
            if gpus.only is not None and not gpus.only.holds(self.root, self.bindings):
                continue
            if any(value_at(each, self.root, self.bindings) is not None for each in gpus.unless):
                continue
            yield from self._each(gpus) if gpus.each is not None else self._one(gpus, container)

    def _one(self, gpus: Gpus, container: Mapping[str, object]) -> Iterator[Part]:
        if gpus.implied:
            if not any(map(is_extended, (entry.name for entry in gpu_resources(container)))):
                yield Part((RESOURCES, "limits", gpus.default), UNKNOWN, self.path)
            return
        name_path, count_path = self._bound(gpus.name), self._bound(gpus.count)
        name = text(self._at(name_path)) or gpus.default
        value = self._at(count_path)
        if value is None:
            value, count_path = gpus.count_default, name_path
        named = name_path is not None and self._at(name_path) is not None
        if not name or value is None or count_path is None or (gpus.whole and not _is_whole(value)):
            return
        resource = f"{gpus.prefix}{name}{gpus.suffix}"
        yield Part((RESOURCES, "limits", resource), value, count_path, name_path if named else None)

    def _each(self, gpus: Gpus) -> Iterator[Part]:
        """As many of a resource as members of the list name it."""
        named: dict[str, list[Path]] = {}
        for path, _ in expand((*(gpus.each or ()), "*"), self.root, self.bindings):
            inside = bound(gpus.name or (), get(self.root, path), ())
            name = text(get(self.root, (*path, *inside))) if inside else ""
            if name and inside:
                named.setdefault(name, []).append((*path, *inside))
        for name, paths in named.items():
            yield Part((RESOURCES, "limits", f"{gpus.prefix}{name}{gpus.suffix}"), len(paths), paths[0], paths[0])

    def _instance(self) -> Instance | None:
        path = self._bound(self.pods.instance or self.pods.profile)
        name = text(self._at(path))
        return Instance(name, path, self.pods.instance is None) if name and path is not None else None

    def _pod_parts(self, spec: Path) -> Iterator[Part]:
        taken = set(mapping(self._at(spec)))
        for each in self.pods.also:
            for path, _ in expand(each, self.root, self.bindings):
                fields = mapping(self._at(path))
                new = sorted((_POD_FIELDS & set(fields)) - taken)
                yield from (Part((key,), fields[key], (*path, key)) for key in new)
                taken.update(new)
        selector = self._bound(self.pods.node_selector)
        if selector is not None and isinstance(self._at(selector), Mapping):
            yield Part(("nodeSelector",), self._at(selector), selector)
        instance = self._instance()
        if instance is not None and not instance.profile and not is_placeholder(instance.name):
            yield Part(("nodeSelector", _INSTANCE_LABEL), instance.name, instance.path)

    def _role(self) -> str:
        role = self.pods.role
        if role == "{}":
            return text(self.bindings[-1]).lower() if self.bindings else ""
        return text(self._at(self._bound(pattern(role)))) if role.startswith("/") else role

    def _bound(self, steps: Pattern | None) -> Path | None:
        return bound(steps, self.root, self.bindings) if steps is not None else None

    def _at(self, path: Path | None) -> object:
        return get(self.root, path) if path is not None else None


def listed_containers(
    spec: Mapping[str, object],
    at: Path,
    inline: Sequence[str] = (),
    lists: Sequence[Path] = (),
    *,
    standard: bool = True,
) -> tuple[Container, ...]:
    """The containers of a pod spec; without `standard` only those in `inline` fields and `lists`."""
    init = tuple(
        Container(
            (*at, "initContainers", index),
            text(item.get("name")),
            init=True,
            restartable=item.get("restartPolicy") == "Always",
        )
        for index, item in mappings(spec.get("initContainers") if standard else None)
    )
    fields = tuple(
        Container((*at, name), text(mapping(spec[name]).get("name")) or name, init=False, restartable=False)
        for name in inline
        if isinstance(spec.get(name), Mapping)
    )
    listed = tuple(
        Container((*at, *path, index), text(item.get("name")), init=False, restartable=False)
        for path in (*((("containers",),) if standard else ()), *lists)
        for index, item in mappings(get(spec, path))
    )
    return init + fields + listed


def _translated(resources: Part) -> Iterator[Part]:
    """`{gpu: "2", gpuType: …, custom: {…}}` as limits and requests have it."""
    for section, held in mapping(resources.value).items():
        fields, path = mapping(held), (*resources.path, section)
        if section not in SECTIONS:
            yield Part((RESOURCES, section), held, path)
            continue
        named = "gpuType" in fields
        name = text(fields.get("gpuType")) or _DEFAULT_GPU
        if BARE_GPU in fields:
            name_path = (*path, "gpuType") if named else None
            yield Part((RESOURCES, section, name), fields[BARE_GPU], (*path, BARE_GPU), name_path)
        for key, value in mapping(fields.get("custom")).items():
            yield Part((RESOURCES, section, key), value, (*path, "custom", key))
        plain = sorted(set(fields) - {BARE_GPU, "gpuType", "custom"})
        yield from (Part((RESOURCES, section, key), fields[key], (*path, key)) for key in plain)


def _is_whole(value: object) -> bool:
    amount = quantity.parse(value)
    return is_placeholder(value) or (amount is not None and amount.is_integer)


def _rebased(template: PodTemplate, base: Path) -> PodTemplate:
    """With the paths of an object that stands at `base` of its document."""
    if not base:
        return template

    def moved(path: Path | None) -> Path | None:
        return None if path is None else (*base, *path)

    def parts(of: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(replace(each, path=(*base, *each.path), name=moved(each.name)) for each in of)

    instance = template.instance
    return replace(
        template,
        path=(*base, *template.path),
        spec=(*base, *template.spec),
        metadata=moved(template.metadata),
        containers=tuple(
            replace(each, path=(*base, *each.path), parts=parts(each.parts)) for each in template.containers
        ),
        replicas_path=moved(template.replicas_path),
        per_replica=None,
        processes=moved(template.processes),
        instance=replace(instance, path=(*base, *instance.path)) if instance else None,
        parts=parts(template.parts),
    )
