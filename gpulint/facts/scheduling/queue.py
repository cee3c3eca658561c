"""GPU workloads that Kueue can never admit, and queues that lead nowhere.

What Kueue does follows its pkg/scheduler/flavorassigner (findFlavorForPodSets, checkFlavorForPodSets,
fitsResourceQuota) and pkg/cache (a ClusterQueue with a missing flavor is inactive).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.facts.owner import Owners
from gpulint.facts.patched import PLACEMENT, patched
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.problem import closest
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.queues import (
    GROUP,
    QUEUE_LABEL,
    UNBOUNDED,
    ClusterQueue,
    Flavor,
    LocalQueue,
    Queues,
    ResourceGroup,
    queues,
)
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.taints import untolerated
from gpulint.kube.tree import Path, integer, is_placeholder, text
from gpulint.manifest import Manifest, Place


@frozen
class QueueFault:
    """Something between a GPU workload, its queue and the queue's flavors that keeps the workload waiting for ever."""

    cluster: str
    kind: str
    """`uncovered`: the ClusterQueue does not hand out the resource; `too-small`: less than the workload needs at once;
    `flavors-excluded`: the pod's own selector or taints exclude every flavor of it; `no-local-queue`,
    `no-cluster-queue`, `no-flavor`: the name of one that is not there."""
    subject: str
    """What it is about: `Job team-a/train`, `ClusterQueue gpus`."""
    message: str
    """What is wrong with it, without the subject."""
    evident: tuple[str, ...]
    """Search spaces the author evidently speaks of."""
    confidence: str
    place: Place
    other_place: Place
    """What it contradicts; the place itself where that is nothing of the input."""
    other_told: str
    """What stands there; empty where nothing does."""


@frozen
class _Queued:
    """A workload object that names a queue."""

    manifest: Manifest
    workloads: tuple[Workload, ...]
    """Its pod templates that ask for accelerators."""
    queue: str
    place: Place
    each_pod: bool
    """Whether Kueue admits every pod by itself."""
    counted: bool
    """Whether all its pods are needed at once."""

    @property
    def namespace(self) -> str:
        return self.workloads[0].namespace

    @property
    def folder(self) -> str:
        return self.manifest.folder()


def queue_faults(graph: Graph, owners: Owners) -> Iterator[QueueFault]:
    """Every such fault: of queues and flavors first, then of workloads in the order of the input."""
    found = queues(graph.manifests, graph.given_namespaces)
    if not found.cluster and not found.local:
        return
    queued = list(_queued(graph))
    finder = _Finder(graph, found)
    yield from finder.of_queues(queued)
    for each in queued:
        yield from finder.of_workload(each, owners.of(each.workloads[0]).label)


# --- workloads that name a queue --------------------------------------------------------------------------------------

_BY_POD = frozenset({("apps", "Deployment"), ("apps", "ReplicaSet"), ("", "Pod")})
_MADE: Mapping[tuple[str, str], Path] = {("batch", "CronJob"): ("spec", "jobTemplate")}
"""Kinds that make the objects which Kueue handles, and where the metadata of these stand."""
_PARTLY = ("kueue.x-k8s.io/job-min-parallelism", "kueue.x-k8s.io/elastic-job")
"""Annotations by which a job takes less than it asks for."""


def _queued(graph: Graph) -> Iterator[_Queued]:
    by_object: dict[int, list[Workload]] = {}
    for workload in graph.workloads:
        by_object.setdefault(id(workload.manifest), []).append(workload)
    for workloads in by_object.values():
        manifest = workloads[0].manifest
        by_pod = (manifest.group, manifest.kind) in _BY_POD
        label = _label(manifest, (*_MADE.get((manifest.group, manifest.kind), ()), "metadata", "labels"))
        if label is None and by_pod and workloads[0].template.metadata is not None:
            label = _label(manifest, (*workloads[0].template.metadata, "labels"))
        if label is not None and not any(map(is_placeholder, (label[0], workloads[0].namespace))):
            partly = any(manifest.get("metadata", "annotations", name) is not None for name in _PARTLY)
            yield _Queued(manifest, tuple(workloads), *label, each_pod=by_pod, counted=not partly)


def _label(manifest: Manifest, at: Sequence[str | int]) -> tuple[str, Place] | None:
    value = manifest.get(*at, QUEUE_LABEL)
    return (text(value), manifest.place(*at, QUEUE_LABEL)) if text(value) else None


# --- faults -----------------------------------------------------------------------------------------------------------


class _Finder:
    """Looks a reference up and says what is wrong with where it leads."""

    def __init__(self, graph: Graph, found: Queues) -> None:
        self._graph = graph
        self._queues = found
        self._lenient = _is_lenient(graph)
        self._patched = patched(graph)

    def of_queues(self, queued: Sequence[_Queued]) -> Iterator[QueueFault]:
        """Names of ClusterQueues and flavors that are not there, where GPUs are concerned."""
        used = {id(local) for each in queued for local in self._local(each)}
        about_gpus = any(map(_hands_out_gpus, self._queues.cluster))
        for local in self._queues.local:
            if (about_gpus or id(local) in used) and self._lacks_cluster_queue(local):
                yield self._dangling(
                    "no-cluster-queue",
                    f"LocalQueue {local.namespace}/{local.name}" if local.namespace else f"LocalQueue {local.name}",
                    f"leads to ClusterQueue '{local.cluster_queue}', which is not there",
                    local.place,
                    [each.name for each in self._queues.cluster],
                    local.cluster_queue,
                )
        reached = {id(cluster) for each in queued for local in self._local(each) for cluster in self._cluster(local)}
        for cluster in self._queues.cluster:
            if _hands_out_gpus(cluster) or id(cluster) in reached:
                yield from self._missing_flavors(cluster)

    def of_workload(self, queued: _Queued, label: str) -> Iterator[QueueFault]:
        locals_ = self._local(queued)
        if not locals_:
            yield from self._no_local_queue(queued, label)
            return
        reached = [cluster for local in locals_ for cluster in self._cluster(local)]
        if not reached or len({each.name for each in reached}) > 1 or self._lenient:
            return
        sure: Confidence = "high" if _is_sure(queued, locals_) and len(reached) == 1 else "medium"
        if any(self._is_patched(each) for each in queued.workloads):
            sure = "low"
        yield from self._of_resources(queued, label, reached, sure)

    def _is_patched(self, workload: Workload) -> bool:
        return self._patched.count(workload) or self._patched.pod(workload, "containers", *PLACEMENT)

    def _local(self, queued: _Queued) -> tuple[LocalQueue, ...]:
        return self._queues.local_queues(queued.queue, queued.namespace, queued.folder)

    def _cluster(self, local: LocalQueue) -> tuple[ClusterQueue, ...]:
        return self._queues.cluster_queues(local.cluster_queue, local.manifest.folder())

    # references that lead nowhere

    def _lacks_cluster_queue(self, local: LocalQueue) -> bool:
        name = local.cluster_queue
        if not name or is_placeholder(name) or self._cluster(local) or not _are_named(self._queues.cluster):
            return False
        return not _hidden(self._graph, "ClusterQueue")

    def _missing_flavors(self, cluster: ClusterQueue) -> Iterator[QueueFault]:
        if not _are_named(self._queues.flavors):
            return
        for group in cluster.groups:
            for flavor in group.flavors:
                absent = not self._queues.flavors_of(flavor.name, cluster.manifest.folder())
                if absent and flavor.name and not is_placeholder(flavor.name):
                    if _hidden(self._graph, "ResourceFlavor"):
                        return
                    yield self._dangling(
                        "no-flavor",
                        f"ClusterQueue {cluster.name}",
                        f"has a quota of flavor '{flavor.name}', which is not there",
                        flavor.place,
                        [each.name for each in self._queues.flavors],
                        flavor.name,
                    )

    def _no_local_queue(self, queued: _Queued, label: str) -> Iterator[QueueFault]:
        if not queued.namespace or not _are_named(self._queues.local) or _hidden(self._graph, "LocalQueue"):
            return
        if any(not each.namespace for each in self._queues.local if each.name == queued.queue):
            return
        beside = sorted(each.name for each in self._queues.local if each.namespace == queued.namespace)
        elsewhere = sorted({each.namespace for each in self._queues.local if each.name == queued.queue})
        told = f", only in {', '.join(elsewhere)}" if elsewhere else ""
        fault = self._dangling(
            "no-local-queue",
            label,
            f"waits in LocalQueue '{queued.queue}', which is not in namespace {queued.namespace}{told}",
            queued.place,
            beside,
            queued.queue,
        )
        yield fault if beside or elsewhere else replace(fault, evident=())

    def _dangling(
        self, kind: str, subject: str, message: str, place: Place, names: Sequence[str], name: str
    ) -> QueueFault:
        meant = closest(name, tuple(names))
        told = f"; did you mean '{meant}'" if meant else ""
        return self._fault(kind, subject, f"{message}{told}", "high", place)

    # resources

    def _of_resources(
        self, queued: _Queued, label: str, reached: Sequence[ClusterQueue], sure: Confidence
    ) -> Iterator[QueueFault]:
        for workload, asked in _asked(queued):
            groups = [cluster.group_of(asked.name) for cluster in reached]
            if not any(groups) and not any(cluster.open for cluster in reached):
                yield self._uncovered(workload, asked, label, reached[0], sure)
            group = groups[0]
            if group is not None and len(groups) == 1 and not group.open:
                yield from self._of_group(queued, workload, asked, label, reached[0], group, sure)

    def _uncovered(
        self, workload: Workload, asked: Asked, label: str, cluster: ClusterQueue, sure: Confidence
    ) -> QueueFault:
        message = f"asks for {asked.name}, which ClusterQueue {cluster.name} does not hand out"
        place = workload.place(asked.container, asked.entry.path, key=True)
        covering = next((group for group in cluster.groups if any(map(_is_gpu, group.covered))), None)
        group = covering or next(iter(cluster.groups), None)
        other = group.place if group else cluster.manifest.place("metadata", "name")
        return self._fault("uncovered", label, message, sure, place, other, "it hands out these")

    def _of_group(
        self,
        queued: _Queued,
        workload: Workload,
        asked: Asked,
        label: str,
        cluster: ClusterQueue,
        group: ResourceGroup,
        sure: Confidence,
    ) -> Iterator[QueueFault]:
        bounds = [flavor.bounds.get(asked.name, 0) for flavor in group.flavors]
        needed = _needed(queued, asked.name)
        if needed and bounds and UNBOUNDED not in bounds:
            largest, together = max(bounds), sum(bounds)
            most = largest if max(needed) > largest else together
            amount = max(needed) if max(needed) > largest else sum(needed)
            if amount > most:
                message = (
                    f"needs {amount} {asked.name} at once, ClusterQueue {cluster.name} never has more than {most}"
                    f"{' of one flavor' if most == largest and len(bounds) > 1 else ''}"
                )
                place = workload.place(asked.container, asked.entry.path)
                quota = group.flavors[bounds.index(largest)].places.get(asked.name, group.place)
                yield self._fault("too-small", label, message, sure, place, quota, "the quota")
                return
        yield from self._excluded(workload, label, cluster, group, sure)

    def _excluded(
        self, workload: Workload, label: str, cluster: ClusterQueue, group: ResourceGroup, sure: Confidence
    ) -> Iterator[QueueFault]:
        found = [self._queues.flavors_of(each.name, cluster.manifest.folder()) for each in group.flavors]
        if not found or any(len(each) != 1 for each in found):
            return
        reasons = [_exclusion(workload, flavors[0]) for flavors in found]
        if any(reason is None for reason in reasons):
            return
        message, place = next(reason for reason in reasons if reason is not None)
        flavor = found[0][0]
        told = f"flavor {flavor.name}" if len(found) == 1 else f"every flavor, {flavor.name} first"
        yield self._fault(
            "flavors-excluded",
            label,
            f"excludes {told} of ClusterQueue {cluster.name}: {message}",
            sure,
            place,
            flavor.manifest.place("spec", "nodeLabels", token="key"),
            f"flavor {flavor.name}",
        )

    def _fault(
        self,
        kind: str,
        subject: str,
        message: str,
        confidence: Confidence,
        place: Place,
        other: Place | None = None,
        told: str = "",
    ) -> QueueFault:
        return QueueFault(
            cluster=self._graph.scope.name,
            kind=kind,
            subject=subject,
            message=message,
            evident=("queues",),
            confidence=confidence,
            place=place,
            other_place=other or place,
            other_told=told,
        )


def _are_named(objects: Sequence[LocalQueue | ClusterQueue | Flavor]) -> bool:
    """Whether there are any, none of which gets its name later."""
    return bool(objects) and not any(is_placeholder(each.name) for each in objects)


def _is_sure(queued: _Queued, locals_: Sequence[LocalQueue]) -> bool:
    return len(locals_) == 1 and bool(queued.namespace) and locals_[0].namespace == queued.namespace


def _asked(queued: _Queued) -> Iterator[tuple[Workload, Asked]]:
    """Each resource that the object asks for, where it does so first."""
    seen: set[str] = set()
    for workload in queued.workloads:
        for asked in workload.asked:
            if asked.name not in seen and _is_counted(asked) and _pod_units(workload, asked.name):
                seen.add(asked.name)
                yield workload, asked


def _is_counted(asked: Asked) -> bool:
    return asked.resource.kind not in {"near-miss", "unrelated"}


def _is_gpu(resource: str) -> bool:
    return classify(resource).kind not in {"near-miss", "unrelated"}


def _hands_out_gpus(cluster: ClusterQueue) -> bool:
    return any(map(_is_gpu, cluster.covered))


def _pod_units(workload: Workload, resource: str) -> int:
    """Units that one pod asks for; 0 when unknown."""
    return workload.total(resource) or 0


def _needed(queued: _Queued, resource: str) -> list[int]:
    """Units that Kueue has to find at once, for each group of pods; empty where that is not known."""
    needed = []
    for workload in queued.workloads:
        replicas = 1 if queued.each_pod else _at_once(workload)
        units = workload.total(resource)
        if replicas is None or units is None or not queued.counted:
            return []
        needed.append(replicas * units)
    return needed


def _at_once(workload: Workload) -> int | None:
    """Pods that are admitted together: each group of a LeaderWorkerSet has a Workload of its own.

    Kueue makes them in pkg/controller/jobs/leaderworkerset.
    """
    replicas, manifest = workload.template.replicas, workload.manifest
    if manifest.kind != "LeaderWorkerSet" or not replicas:
        return replicas
    groups = manifest.get("spec", "replicas")
    return replicas // max(integer(1 if groups is None else groups) or 1, 1)


def _exclusion(workload: Workload, flavor: Flavor) -> tuple[str, Place] | None:
    """Why the pods cannot have the flavor, and what of the pod says so.

    Only selectors on the flavor's own labels count; its taints must be tolerated by the pod or by the flavor.
    """
    match = workload.placement.matches(flavor.labels)
    if match.truth == "no" and match.mismatch is not None:
        return match.mismatch.sentence, workload.spec_place(match.mismatch.path)
    taints = untolerated(flavor.taints, (*workload.placement.tolerations, *flavor.tolerations))
    if taints:
        return f"it does not tolerate {taints[0]}", workload.spec_place(("tolerations",))
    return None


# --- what the input does not show -------------------------------------------------------------------------------------

_LENIENT = re.compile(r"^[ \t]*(?:excludeResourcePrefixes|transformations|quotaCheckStrategy)[ \t]*:", re.MULTILINE)


def _is_lenient(graph: Graph) -> bool:
    """Whether Kueue is set up to leave resources out, or to count them under other names (`Configuration`)."""
    return any("kueue" in source.text and _LENIENT.search(source.text) for source in graph.scope.sources)


def _hidden(graph: Graph, kind: str) -> bool:
    """Whether objects of the kind stand where they are not read: in templates, scripts, policies."""
    word = re.compile(rf"""\bkind["']?:[ \t]*["']?{kind}\b""")
    read: dict[str, int] = {}
    for manifest in graph.manifests:
        if manifest.kind == kind and manifest.group == GROUP:
            path = manifest.document.source.path
            read[path] = read.get(path, 0) + 1
    return any(len(word.findall(source.text)) > read.get(source.path, 0) for source in graph.scope.sources)
