"""Pod templates of objects, with the accelerators they ask for and where they may run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gpulint.gpu.resources import GpuResource, classify
from gpulint.kube.kinds import Container, PodTemplate, ResourceEntry, gpu_resources, pod_templates
from gpulint.kube.selectors import Placement, pod_placement
from gpulint.kube.tree import mapping
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
    """A pod template; most of what reads it wants one that asks for an accelerator (`Graph.workloads`)."""

    manifest: Manifest
    template: PodTemplate
    siblings: tuple[PodTemplate, ...]
    """All templates of the object."""
    namespace: str
    """Of the manifest, else what its kustomization sets; empty when unknown."""
    placement: Placement
    asked: tuple[Asked, ...]
    """The accelerator resources of its containers; empty for a pod that asks for none."""

    def place(self, container: Container, path: Path, *, key: bool = False) -> Place:
        """A place by its path in a container."""
        return self.manifest.place(*container.path, *path, token="key" if key else "value")

    def spec_place(self, path: Path) -> Place:
        """A place by its path in the pod spec."""
        return self.manifest.place(*self.template.spec, *path)

    @property
    def pod_spec(self) -> Mapping[str, object]:
        return mapping(self.manifest.get(*self.template.spec))

    @property
    def pod_labels(self) -> Mapping[str, object]:
        return self._pod_metadata("labels")

    @property
    def pod_annotations(self) -> Mapping[str, object]:
        return self._pod_metadata("annotations")

    def container(self, container: Container) -> Mapping[str, object]:
        """The fields of one of its containers."""
        return mapping(self.manifest.get(*container.path))

    def _pod_metadata(self, key: str) -> Mapping[str, object]:
        metadata = self.template.metadata
        return mapping(self.manifest.get(*metadata, key)) if metadata is not None else {}


def pods(manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> Iterator[Workload]:
    """Every pod template of the input; `namespaces` maps a file to its kustomization's."""
    for manifest in manifests:
        templates = tuple(pod_templates(manifest.group, manifest.kind, manifest.data))
        for template in templates:
            namespace = manifest.namespace or namespaces.get(manifest.document.source.path, "")
            placement = pod_placement(mapping(manifest.get(*template.spec)))
            yield Workload(manifest, template, templates, namespace, placement, tuple(_asked(manifest, template)))


def _asked(manifest: Manifest, template: PodTemplate) -> Iterator[Asked]:
    for container in template.containers:
        entries: dict[str, dict[str, ResourceEntry]] = {}
        for entry in gpu_resources(mapping(manifest.get(*container.path))):
            entries.setdefault(entry.name, {})[entry.section] = entry
        for name, sections in entries.items():
            resource = classify(name)
            if resource.kind != "unrelated":
                yield Asked(container, resource, name, sections.get("limits"), sections.get("requests"))
