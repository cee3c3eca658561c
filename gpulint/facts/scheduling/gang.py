"""Jobs of several pods that only work together, and what makes the scheduler start all of them or none.

The default scheduler places pod by pod: a job that gets some of its GPUs holds them and waits, and two such jobs wait
for each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gpulint.facts.owner import Owners
from gpulint.facts.request.command import command_of
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest, Place

_QUEUE_KEYS = (
    "kueue.x-k8s.io/queue-name",
    "kueue.x-k8s.io/pod-group-name",
    "kai.scheduler/queue",
    "runai/queue",
    "scheduling.volcano.sh/queue-name",
)
_GROUP_KEYS = (
    "scheduling.x-k8s.io/pod-group",  # scheduler-plugins, coscheduling
    "pod-group.scheduling.sigs.k8s.io",  # its releases before 0.25, Koordinator (with /name)
    "scheduling.k8s.io/group-name",  # Volcano, kube-batch
    "scheduling.volcano.sh/",
    "volcano.sh/pod-group",
    "gang.scheduling.koordinator.sh/",
    "yunikorn.apache.org/task-group",
    "pod-group.scheduling.run.ai/",
    "pod-group-name",
)
_POD_FIELDS = ("workloadRef", "schedulingGroup")
"""Of Kubernetes' own gang scheduling (KEP-4671)."""
_DEFAULT_SCHEDULER = "default-scheduler"
_DEFAULT_QUEUE = "default"
"""A LocalQueue of this name takes the jobs of its namespace that name none (kueue KEP-2936)."""
_KUBEFLOW = "kubeflow.org"
_TRAINER = "trainer.kubeflow.org"
_KUEUE = "kueue.x-k8s.io"
_MACHINES = ("--nnodes", "--num-machines", "--num_machines")
_EVERYWHERE = re.compile(
    r"manageJobsWithoutQueueName[\"']?\s*:\s*true"  # Kueue's Configuration
    r"|labelPolicy\s*:\s*[\"']?None"  # the same of OpenShift's
    r"|--?(?:enable-gang-scheduling(?:[=\s]+true)?|gang-scheduler-name|gang-scheduling)\b(?![=\s]+(?:false|none))"
)
"""Settings by which all jobs are queued or grouped: of Kueue, the training operator and the MPI operator."""


@frozen
class Gang:
    """An object whose pods with accelerators work on one task."""

    cluster: str
    owner: Owner
    """Of its largest group of pods."""
    pods: int
    """Pods with accelerators at once."""
    elastic: bool
    """Whether the task begins with fewer."""
    scheduled_by: str
    """What starts all of them or none: a queue, another scheduler, a pod group; empty when nothing is known to."""
    place: Place
    """The number of pods of its largest group, else the name of the object."""


def gangs(graph: Graph, owners: Owners) -> Iterator[Gang]:
    """Every such object whose number of pods is known, in the order of the input."""
    settings = _Settings(graph)
    members: dict[int, list[Workload]] = {}
    for workload in graph.workloads:
        if _is_member(workload):
            members.setdefault(id(workload.manifest), []).append(workload)
    for found in members.values():
        counts = [each.template.replicas for each in found]
        if None in counts:
            continue
        largest = max(found, key=lambda each: each.template.replicas or 0)
        path = largest.template.replicas_path
        yield Gang(
            cluster=graph.scope.name,
            owner=owners.of(largest),
            pods=sum(filter(None, counts)),
            elastic=_is_elastic(largest.manifest, sum(filter(None, counts))),
            scheduled_by=_scheduled_by(found, settings),
            place=largest.holder.place(*path) if path else largest.manifest.place("metadata", "name"),
        )


def _is_member(workload: Workload) -> bool:
    """Whether the pods of a template are ranks of one task that its kind does not start together by itself.

    Volcano groups the pods of its own Jobs; JobSet and LeaderWorkerSet are queued and placed as a whole.
    """
    kind = workload.template.kind
    if kind is None or kind.kind != workload.manifest.kind:
        return False
    if kind.group in {_KUBEFLOW, _TRAINER}:
        return kind.gang and not kind.is_template
    if (kind.group, kind.kind) == ("batch", "Job"):
        return workload.manifest.get("spec", "completionMode") == "Indexed" and _spans_machines(workload)
    return (kind.group, kind.kind) == ("apps", "StatefulSet") and _spans_machines(workload)


def _spans_machines(workload: Workload) -> bool:
    """Whether the launcher in its pods waits for others: plain Jobs may as well be independent runs."""
    for asked in workload.asked:
        options = command_of(workload, asked.container).options(*_MACHINES)
        if any(option.value not in {"", "1"} for option in options):
            return True
    return False


def _is_elastic(manifest: Manifest, pods: int) -> bool:
    least = manifest.get("spec", "elasticPolicy", "minReplicas")
    return manifest.get("spec", "elasticPolicy") is not None and not (isinstance(least, int) and least >= pods)


def _scheduled_by(members: Sequence[Workload], settings: _Settings) -> str:
    manifest = members[0].manifest
    if manifest.get("spec", "runPolicy", "schedulingPolicy") is not None:
        return "schedulingPolicy"
    for member in members:
        scheduler = member.pod_spec.get("schedulerName")
        if scheduler not in (None, "", _DEFAULT_SCHEDULER):
            return f"scheduler {scheduler}"
        field = next((field for field in _POD_FIELDS if member.pod_spec.get(field) is not None), "")
        key = field or _key(manifest, member)
        if key:
            return key
    return settings.of(members[0]) or settings.of_runtime(manifest)


def _key(manifest: Manifest, member: Workload) -> str:
    metadata = mapping(manifest.data.get("metadata"))
    sections: list[Mapping[str, object]] = [
        mapping(metadata.get("labels")),
        mapping(metadata.get("annotations")),
        member.pod_labels,
        member.pod_annotations,
    ]
    keys = (key for section in sections for key in section)
    return next((key for key in keys if key.startswith(_GROUP_KEYS) or key in _QUEUE_KEYS), "")


class _Settings:
    """What queues or groups jobs that say nothing of it; looked for when the first of them asks."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._everywhere: str | None = None

    def of(self, workload: Workload) -> str:
        if self._everywhere is None:
            texts = (source.text for source in self._graph.scope.sources)
            self._everywhere = next((match[0] for each in texts if (match := _EVERYWHERE.search(each))), "")
        return self._everywhere or self._default_queue(workload.namespace)

    def of_runtime(self, manifest: Manifest) -> str:
        """What the runtime of a TrainJob says; one that is not in the input may say anything."""
        if manifest.group != _TRAINER:
            return ""
        name = manifest.get("spec", "runtimeRef", "name")
        kind = manifest.get("spec", "runtimeRef", "kind") or "ClusterTrainingRuntime"
        found = [each for each in self._graph.of_kind(str(kind), _TRAINER) if each.name == name]
        if not found:
            return f"runtime {name}"
        return "podGroupPolicy" if any(each.get("spec", "podGroupPolicy") is not None for each in found) else ""

    def _default_queue(self, namespace: str) -> str:
        queues = [each for each in self._graph.of_kind("LocalQueue", _KUEUE) if each.name == _DEFAULT_QUEUE]
        near = [each for each in queues if not namespace or each.namespace in ("", namespace)]
        return f"LocalQueue {_DEFAULT_QUEUE}" if near else ""
