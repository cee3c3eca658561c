"""Workloads that use accelerators: a pod template of an object, with what it asks for and where it may run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gpulint.gpu.resources import GpuResource, classify
from gpulint.kube.kinds import Container, PodTemplate, ResourceEntry, gpu_resources, pod_templates
from gpulint.kube.selectors import Placement, pod_placement
from gpulint.manifest import Manifest, Place
from gpulint.source import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """One accelerator resource of one container, with its limit and its request."""

    container: Container
    resource: GpuResource
    name: str
    limit: ResourceEntry | None
    request: ResourceEntry | None

    @property
    def entry(self) -> ResourceEntry:
        """The limit, else the request: one of the two is always there."""
        entry = self.limit or self.request
        assert entry is not None  # noqa: S101 - made from at least one of them
        return entry


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """A pod template with at least one accelerator resource."""

    manifest: Manifest
    template: PodTemplate
    siblings: tuple[PodTemplate, ...]
    """All templates of the object."""
    namespace: str
    """Of the manifest, else what its kustomization sets; empty when unknown."""
    placement: Placement
    asked: tuple[Asked, ...]

    def place(self, container: Container, path: Path, *, key: bool = False) -> Place:
        """A place by its path in a container."""
        return self.manifest.place(*container.path, *path, token="key" if key else "value")

    def spec_place(self, path: Path) -> Place:
        """A place by its path in the pod spec."""
        return self.manifest.place(*self.template.spec, *path)

    @property
    def pod_spec(self) -> Mapping[str, object]:
        found = self.manifest.get(*self.template.spec)
        return found if isinstance(found, Mapping) else {}


def workloads(manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> Iterator[Workload]:
    """Every pod template of the input that asks for an accelerator; `namespaces` maps a file to its kustomization's."""
    for manifest in manifests:
        templates = tuple(pod_templates(manifest.group, manifest.kind, manifest.data))
        for template in templates:
            asked = tuple(_asked(manifest, template))
            if asked:
                spec = manifest.get(*template.spec)
                namespace = manifest.namespace or namespaces.get(manifest.document.source.path, "")
                placement = pod_placement(spec if isinstance(spec, Mapping) else {})
                yield Workload(manifest, template, templates, namespace, placement, asked)


def _asked(manifest: Manifest, template: PodTemplate) -> Iterator[Asked]:
    for container in template.containers:
        data = manifest.get(*container.path)
        entries: dict[str, dict[str, ResourceEntry]] = {}
        for entry in gpu_resources(data) if isinstance(data, Mapping) else ():
            entries.setdefault(entry.name, {})[entry.section] = entry
        for name, sections in entries.items():
            resource = classify(name)
            if resource.kind != "unrelated":
                yield Asked(container, resource, name, sections.get("limits"), sections.get("requests"))
