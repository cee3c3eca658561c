"""Kueue's queues: LocalQueue → ClusterQueue → ResourceFlavors, with what each gives of a resource.

Shapes as kueue apis/kueue/v1beta1 and v1beta2; both are read (`cohort` became `cohortName`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gpulint.frozen import frozen
from gpulint.graph.scope import nearest
from gpulint.kube import quantity
from gpulint.kube.selectors import LabelSet
from gpulint.kube.taints import Taint, Toleration, parse_taints, parse_tolerations
from gpulint.kube.tree import get, is_placeholder, mappings, sequence, text
from gpulint.manifest import Manifest, Place

GROUP: Final = "kueue.x-k8s.io"
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
UNBOUNDED: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Flavor:
    """A ResourceFlavor: the nodes that a part of a quota stands for."""

    manifest: Manifest
    labels: LabelSet
    taints: tuple[Taint, ...]
    tolerations: tuple[Toleration, ...]
    """What Kueue adds to the pods that it gives the flavor."""

    @property
    def name(self) -> str:
        return self.manifest.name


@frozen
class FlavorQuota:
    """What a ClusterQueue has of one flavor."""

    name: str
    place: Place
    """The flavor's name."""
    bounds: Mapping[str, int]
    """Resource → the most that workloads of the queue can hold at once; `UNBOUNDED` where others may lend any amount,
    or the number is not known."""
    places: Mapping[str, Place]
    """Resource → its nominal quota."""


@frozen
class ResourceGroup:
    """Resources that a ClusterQueue hands out together, by the flavors that it tries in their order."""

    covered: tuple[str, ...]
    place: Place
    """The list of the covered resources."""
    flavors: tuple[FlavorQuota, ...]
    open: bool
    """Whether a part of it is filled in later."""


@dataclass(frozen=True, slots=True, eq=False)
class ClusterQueue:
    """A ClusterQueue."""

    manifest: Manifest
    groups: tuple[ResourceGroup, ...]

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def covered(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups for name in group.covered)

    @property
    def open(self) -> bool:
        """Whether it may hand out more than can be seen."""
        return not self.groups or any(group.open for group in self.groups)

    def group_of(self, resource: str) -> ResourceGroup | None:
        return next((group for group in self.groups if resource in group.covered), None)


@dataclass(frozen=True, slots=True, eq=False)
class LocalQueue:
    """A LocalQueue: the door to a ClusterQueue in one namespace."""

    manifest: Manifest
    namespace: str
    """Of the manifest, else what its kustomization sets; empty when unknown."""
    cluster_queue: str

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def place(self) -> Place:
        """The ClusterQueue that it names."""
        return self.manifest.place("spec", "clusterQueue")


@dataclass(frozen=True, slots=True, eq=False)
class Queues:
    """All queues and flavors of the input."""

    local: tuple[LocalQueue, ...]
    cluster: tuple[ClusterQueue, ...]
    flavors: tuple[Flavor, ...]

    def local_queues(self, name: str, namespace: str, folder: str) -> tuple[LocalQueue, ...]:
        """The LocalQueues that a workload in the namespace can mean: several where the folders do not decide."""
        named = [each for each in self.local if each.name == name]
        exact = [each for each in named if namespace and each.namespace == namespace]
        possible = [each for each in named if not (namespace and each.namespace)]
        return nearest(folder, exact or possible, lambda each: each.manifest.folder()).items

    def cluster_queues(self, name: str, folder: str) -> tuple[ClusterQueue, ...]:
        named = [each for each in self.cluster if each.name == name]
        return nearest(folder, named, lambda each: each.manifest.folder()).items

    def flavors_of(self, name: str, folder: str) -> tuple[Flavor, ...]:
        named = [each for each in self.flavors if each.name == name]
        return nearest(folder, named, lambda each: each.manifest.folder()).items


def queues(manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> Queues:
    """The queues of the input; `namespaces` maps a file to its kustomization's."""
    own = [each for each in manifests if each.group == GROUP]
    return Queues(
        local=tuple(_local(each, namespaces) for each in own if each.kind == "LocalQueue"),
        cluster=tuple(ClusterQueue(each, tuple(_groups(each))) for each in own if each.kind == "ClusterQueue"),
        flavors=tuple(_flavor(each) for each in own if each.kind == "ResourceFlavor"),
    )


def _local(manifest: Manifest, namespaces: Mapping[str, str]) -> LocalQueue:
    namespace = manifest.namespace or namespaces.get(manifest.document.source.path, "")
    return LocalQueue(manifest, namespace, text(manifest.get("spec", "clusterQueue")))


def _flavor(manifest: Manifest) -> Flavor:
    return Flavor(
        manifest,
        LabelSet.of(manifest.get("spec", "nodeLabels")),
        parse_taints(manifest.get("spec", "nodeTaints")),
        parse_tolerations(manifest.get("spec", "tolerations")),
    )


def _groups(manifest: Manifest) -> Iterator[ResourceGroup]:
    cohort = manifest.get("spec", "cohort") or manifest.get("spec", "cohortName")
    for index, group in mappings(manifest.get("spec", "resourceGroups")):
        at = ("spec", "resourceGroups", index)
        covered = sequence(group.get("coveredResources"))
        yield ResourceGroup(
            covered=tuple(text(name) for name in covered),
            place=manifest.place(*at, "coveredResources", token="key"),
            flavors=tuple(_quotas(manifest, (*at, "flavors"), borrows=bool(cohort))),
            open=any(map(is_placeholder, covered)) or not covered,
        )
    if is_placeholder(manifest.get("spec", "resourceGroups")):
        yield ResourceGroup((), manifest.place("spec", "resourceGroups"), (), open=True)


def _quotas(manifest: Manifest, at: tuple[str | int, ...], *, borrows: bool) -> Iterator[FlavorQuota]:
    for index, flavor in mappings(get(manifest.data, at)):
        bounds: dict[str, int] = {}
        places: dict[str, Place] = {}
        for position, resource in mappings(flavor.get("resources")):
            name = text(resource.get("name"))
            bounds[name] = _bound(resource, borrows=borrows)
            places[name] = manifest.place(*at, index, "resources", position, "nominalQuota")
        yield FlavorQuota(text(flavor.get("name")), manifest.place(*at, index, "name"), bounds, places)


def _bound(resource: Mapping[str, object], *, borrows: bool) -> int:
    """The nominal quota, with what it may borrow; a cohort without a limit may lend any amount."""
    nominal = quantity.parse(resource.get("nominalQuota"))
    if nominal is None or is_placeholder(resource.get("nominalQuota")):
        return UNBOUNDED
    if not borrows:
        return nominal.units
    limit = quantity.parse(resource.get("borrowingLimit"))
    return UNBOUNDED if limit is None else nominal.units + limit.units
