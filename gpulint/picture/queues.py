"""Which of Kueue's queues are in a picture, and which of them a workload waits in."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.queues import QUEUE_LABEL, LocalQueue, queues
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import mapping, mappings, text
from gpulint.manifest import Manifest


class Waiting:
    """The queues of a cluster as workloads see them."""

    def __init__(self, graph: Graph) -> None:
        self._queues = queues(graph.manifests, graph.given_namespaces)

    def of(self, workload: Workload) -> Manifest | None:
        """The ClusterQueue that a workload waits in; the LocalQueue where that is all there is."""
        name = _queue_name(workload)
        found = self._queues.local_queues(name, workload.namespace, workload.manifest.folder()) if name else ()
        return self._target(found[0]) or found[0].manifest if len(found) == 1 else None

    def locals_of(self, queue: Manifest) -> list[Manifest]:
        """The LocalQueues that lead to a ClusterQueue."""
        return [each.manifest for each in self._queues.local if self._target(each) is queue]

    def for_accelerators(self) -> Iterator[Manifest]:
        """The ClusterQueues with a quota for an accelerator."""
        for each in self._queues.cluster:
            if any(classify(resource).kind != "unrelated" for _, resource, _ in quotas(each.manifest)):
                yield each.manifest

    def _target(self, local: LocalQueue) -> Manifest | None:
        found = self._queues.cluster_queues(local.cluster_queue, local.manifest.folder())
        return found[0].manifest if len(found) == 1 else None


def quotas(queue: Manifest) -> Iterator[tuple[str, str, str]]:
    """Flavor, resource and nominal quota of a ClusterQueue, in its order, as they are written."""
    for _, group in mappings(queue.get("spec", "resourceGroups")):
        for _, flavor in mappings(group.get("flavors")):
            for _, resource in mappings(flavor.get("resources")):
                yield text(flavor.get("name")), text(resource.get("name")), text(resource.get("nominalQuota"))


def _queue_name(workload: Workload) -> str:
    own = mapping(workload.manifest.get("metadata", "labels")).get(QUEUE_LABEL)
    return text(own) or text(workload.pod_labels.get(QUEUE_LABEL))
