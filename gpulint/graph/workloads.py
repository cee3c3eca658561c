"""Pod templates of objects, with the accelerators they ask for and where they may run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gpulint.frozen import frozen
from gpulint.gpu.resources import GpuResource, classify
from gpulint.graph.pod import Pod
from gpulint.graph.references import References
from gpulint.graph.scaling import Scaling
from gpulint.kube.kinds import Container, PodTemplate, ResourceEntry, gpu_resources, pod_templates
from gpulint.kube.selectors import Placement, pod_placement
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest, Place, place_key
from gpulint.source import Path

_SHARES = frozenset({"gpu-fraction", "gpu-memory"})


@frozen
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
    """The object that makes the pods; what they are made of may stand in others (`pod`)."""
    pod: Pod
    siblings: tuple[PodTemplate, ...]
    """All templates of the object."""
    namespace: str
    """Of the manifest, else what its kustomization sets; empty when unknown."""
    placement: Placement
    asked: tuple[Asked, ...]
    """The accelerator resources of its containers; empty for a pod that asks for none."""
    at_most: int | None
    """Pods that may exist at once, as far as the input tells: the bound of an autoscaler where one targets the object,
    else what the object itself says; None when unknown."""
    superseded: bool = False
    """Whether other workloads of the input are made of the template, so that they speak for all that it asks for."""
    _seen: dict[Path | None, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """What has been laid together already: containers by their paths, and the pod spec."""

    @property
    def template(self) -> PodTemplate:
        return self.pod.template

    @property
    def holder(self) -> Manifest:
        """The object that the paths of the template are of."""
        return self.pod.holder

    def place(self, container: Container, path: Path, *, key: bool = False) -> Place:
        """A place by its path in a container."""
        return self.pod.place(container, path, key=key)

    def spec_place(self, path: Path) -> Place:
        """A place by its path in the pod spec."""
        return self.pod.place(None, path)

    @property
    def pod_spec(self) -> Mapping[str, object]:
        if None not in self._seen:
            self._seen[None] = self.pod.fields()
        return self._seen[None]

    @property
    def labels(self) -> Mapping[str, object]:
        """Of the object."""
        return mapping(self.manifest.get("metadata", "labels"))

    @property
    def pod_labels(self) -> Mapping[str, object]:
        return self.pod.metadata("labels")

    @property
    def pod_annotations(self) -> Mapping[str, object]:
        return self.pod.metadata("annotations")

    @property
    def asks_for_a_share(self) -> bool:
        """Whether an annotation of KAI or Run:ai asks for a part of a GPU, which no resource then does."""
        return not _SHARES.isdisjoint(self.pod_annotations)

    def container(self, container: Container) -> Mapping[str, object]:
        """The fields of one of its containers."""
        if container.path not in self._seen:
            self._seen[container.path] = self.pod.container(container)
        return self._seen[container.path]

    def total(self, resource: str) -> int | None:
        """Units of a resource that one pod asks for; None when some part of it cannot be read."""
        return self.pod.total(resource)


def pods(manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> Iterator[Workload]:
    """Every pod template of the input; `namespaces` maps a file to its kustomization's."""
    manifests = tuple(manifests)
    references, scaling = References(manifests, namespaces), Scaling(manifests, namespaces)
    found = [each for manifest in manifests for each in _of(manifest, references, scaling, namespaces)]
    spoken = {key for each in found if _is_made_of_others(each) for key in _keys(each)}
    for each in found:
        own = set() if not spoken or _is_made_of_others(each) else _keys(each)
        yield replace(each, superseded=True) if own and own <= spoken else each


def _of(
    manifest: Manifest, references: References, scaling: Scaling, namespaces: Mapping[str, str]
) -> Iterator[Workload]:
    made = references.pods_of(manifest, tuple(pod_templates(manifest.group, manifest.kind, manifest.data)))
    siblings = tuple(pod.template for pod in made)
    namespace = manifest.namespace or namespaces.get(manifest.document.source.path, "")
    for pod in made:
        placement = pod_placement(pod.fields())
        yield Workload(
            manifest, pod, siblings, namespace, placement, tuple(asked_of(pod)), scaling.most(manifest, pod.template)
        )


def asked_of(pod: Pod) -> Iterator[Asked]:
    """The accelerators that the containers of a pod ask for."""
    for container in pod.template.containers:
        entries: dict[str, dict[str, ResourceEntry]] = {}
        for entry in gpu_resources(pod.container(container)):
            entries.setdefault(entry.name, {})[entry.section] = entry
        for name, sections in entries.items():
            resource = classify(name)
            if resource.kind != "unrelated":
                yield Asked(container, resource, name, sections.get("limits"), sections.get("requests"))


def _is_made_of_others(workload: Workload) -> bool:
    return workload.holder is not workload.manifest or bool(workload.pod.overlays)


def _keys(workload: Workload) -> set[object]:
    """The places of what it asks for."""
    return {place_key(workload.place(each.container, each.entry.path)) for each in workload.asked}
