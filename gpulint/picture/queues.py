"""Kueue's queues: which workload waits in which, and the flavors that serve it.

Shapes as kueue.x-k8s.io v1beta1 and v1beta2: `LocalQueue.spec.clusterQueue`, `ClusterQueue.spec.resourceGroups`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.scope import nearest
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import mapping, mappings, text
from gpulint.manifest import Manifest

_GROUP = "kueue.x-k8s.io"
_LABEL = "kueue.x-k8s.io/queue-name"


class Queues:
    """The queues of a cluster that are for accelerators, or that a workload names."""

    def __init__(self, graph: Graph, namespaces: Mapping[str, str]) -> None:
        """Take the graph; `namespaces` maps a file to its kustomization's."""
        self._namespaces = namespaces
        self._local: dict[str, list[Manifest]] = {}
        self._cluster: dict[str, list[Manifest]] = {}
        for each in graph.of_kind("LocalQueue", _GROUP):
            self._local.setdefault(each.name, []).append(each)
        for each in graph.of_kind("ClusterQueue", _GROUP):
            self._cluster.setdefault(each.name, []).append(each)

    def of(self, workload: Workload) -> Manifest | None:
        """The ClusterQueue that a workload waits for; the LocalQueue where that is all there is."""
        name = _queue_name(workload)
        folder = workload.manifest.folder()
        named = [each for each in self._local.get(name, ()) if self._may_be_in(each, workload.namespace)]
        local = nearest(folder, named, Manifest.folder).items
        return (self.target(local[0]) or local[0]) if name and len(local) == 1 else None

    def target(self, local: Manifest) -> Manifest | None:
        """The ClusterQueue of a LocalQueue."""
        named = self._cluster.get(text(local.get("spec", "clusterQueue")), ())
        found = nearest(local.folder(), named, Manifest.folder).items
        return found[0] if len(found) == 1 else None

    def locals_of(self, queue: Manifest) -> list[Manifest]:
        """The LocalQueues that lead to a ClusterQueue."""
        return [each for same in self._local.values() for each in same if self.target(each) is queue]

    def for_accelerators(self) -> Iterator[Manifest]:
        """The ClusterQueues with a quota for an accelerator."""
        for same in self._cluster.values():
            for each in same:
                if any(classify(resource).kind != "unrelated" for _, resource, _ in quotas(each)):
                    yield each

    def _may_be_in(self, queue: Manifest, namespace: str) -> bool:
        own = queue.namespace or self._namespaces.get(queue.document.source.path, "")
        return own == namespace or not own or not namespace


def quotas(queue: Manifest) -> Iterator[tuple[str, str, str]]:
    """Flavor, resource and nominal quota of a ClusterQueue, in its order."""
    for _, group in mappings(queue.get("spec", "resourceGroups")):
        for _, flavor in mappings(group.get("flavors")):
            for _, resource in mappings(flavor.get("resources")):
                yield text(flavor.get("name")), text(resource.get("name")), text(resource.get("nominalQuota"))


def _queue_name(workload: Workload) -> str:
    own = mapping(workload.manifest.get("metadata", "labels")).get(_LABEL)
    return text(own) or text(workload.pod_labels.get(_LABEL))
