"""The shared memory of containers with GPUs: what stands at /dev/shm, and who needs more than the default there.

A container runtime gives every container 64 MiB (`DefaultShmSize` of containerd and CRI-O). NCCL puts the buffers
between the ranks of one node there, PyTorch the batches of its DataLoader workers, vLLM the queue to its workers.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from gpulint.facts.candidates import Candidates, candidates
from gpulint.facts.isolation.tenant import on_gke
from gpulint.facts.owner import Owners
from gpulint.facts.request.command import command_of, literals
from gpulint.facts.request.parallelism import ranks
from gpulint.facts.values import Owner
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube import quantity
from gpulint.kube.kinds import Container, container_total
from gpulint.kube.tree import integer, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Place

_SHM = "/dev/shm"  # noqa: S108 - a path in a container, nothing that is opened
_DEFAULT = 64 * 2**20
_SIZED_BY_ANNOTATION = ("io.kubernetes.cri-o.ShmSize", "shm-size.crio.io")
"""CRI-O (docs/annotations.md)."""
_AS_WRITTEN = frozenset(
    {
        "",
        "apps",
        "batch",
        "batch.volcano.sh",
        "extensions",
        "jobset.x-k8s.io",
        "kubeflow.org",
        "leaderworkerset.x-k8s.io",
    }
)
"""API groups whose controllers mount nothing there. Others do: KubeRay (ray-operator controllers/ray/common/pod.go),
the NIM operator and Dynamo by a setting of their own, KServe what the serving runtime has."""
_NCCL_WITHOUT = "NCCL_SHM_DISABLE"
_MANY_PODS = re.compile(r"\bvllm\s+serve\b|\bvllm\.entrypoints\b|\bsglang\b|\btrtllm-|multi-node-serving\.sh")
"""Model servers that run one process for each GPU when their ranks span pods."""
_COLLECTIVES = re.compile(r"[nr]ccl|_perf\b", re.IGNORECASE)
"""What tells of tests that measure NCCL or RCCL."""
_MUTATORS = re.compile(
    r"^kind:\s*[\"']?(?:PodDefault|ClusterPolicy|Policy|MutatingPolicy|MutatingAdmissionPolicy|Assign)\b", re.MULTILINE
)


@frozen
class SharedMemory:
    """What a container with GPUs finds at /dev/shm."""

    cluster: str
    owner: Owner
    container: str
    gpus: int
    """Whole GPUs that it asks for; 0 where it gets shares or slices, or the number is not known."""
    gpus_place: Place
    processes: str
    """What tells that several processes work together in it: `--tensor-parallel-size 4`, `trains on 4 GPUs`; empty
    where nothing does, or they are told to do without shared memory."""
    mounted: str
    """`none` (only the runtime's own), `own` (a volume of the pod), `node` (the node's), `open` (nobody can tell)."""
    small: str
    """The limit of its tmpfs where that is no more than the default: `32Mi`."""
    confidence: str
    """How sure it is that the processes need more."""
    by_mps: bool
    """Whether every GPU that it may get is shared by the MPS of NVIDIA's device plugin."""
    mps_told: str
    """What stands where that is decided; empty where only the name of the resource tells."""
    mps_place: Place
    mps_confidence: str
    place: Place
    """The limit of its tmpfs, else the path of its mount, else where a mount would be."""


def shared_memories(graph: Graph, owners: Owners) -> Iterator[SharedMemory]:
    """One fact for each container that asks for GPUs, in the order of the input."""
    changes = _Changes(graph)
    for workload in graph.workloads:
        for container in workload.template.containers:
            asked = [each for each in workload.asked if each.container == container and each.resource.is_gpu]
            if asked and (not container.init or container.restartable):
                yield _fact(graph, owners.of(workload), workload, container, asked, changes)


def _fact(
    graph: Graph, owner: Owner, workload: Workload, container: Container, asked: Sequence[Asked], changes: _Changes
) -> SharedMemory:
    verdicts = [candidates(workload, each, graph.landing(workload)) for each in asked]
    gpus = _whole_gpus(workload, container, asked, verdicts)
    processes, confidence = _processes(owner, workload, container, gpus)
    mount = _mount(workload, container)
    closed = not _is_completed(workload) and not changes.may_mount(workload)
    shares = verdicts[0]
    return SharedMemory(
        cluster=graph.scope.name,
        owner=owner,
        container=container.name,
        gpus=gpus,
        gpus_place=workload.place(container, asked[0].entry.path),
        processes=processes,
        mounted=mount.kind if mount.kind != "none" or closed else "open",
        small=mount.small,
        confidence=confidence,
        by_mps=not on_gke(workload) and all(map(_is_by_mps, verdicts)),
        mps_told=shares.sharing_told,
        mps_place=shares.sharing_place,
        mps_confidence=max((each.sharing_confidence for each in verdicts), key=CONFIDENCES.index),
        place=mount.place,
    )


# --- the processes ----------------------------------------------------------------------------------------------------


def _whole_gpus(
    workload: Workload, container: Container, asked: Sequence[Asked], verdicts: Sequence[Candidates]
) -> int:
    if any(each.shared == "all" or each.sliced for each in verdicts):
        return 0
    names = {each.name for each in asked if each.resource.kind == "full" or each.name == "amd.com/gpu"}
    amounts = [container_total(workload.container(container), name) for name in sorted(names)]
    return 0 if None in amounts else min(sum(filter(None, amounts)), 2**31)


def _processes(owner: Owner, workload: Workload, container: Container, gpus: int) -> tuple[str, Confidence]:
    if literals(workload.container(container)).get(_NCCL_WITHOUT) == "1":
        return "", "low"
    started = ranks(workload, container)
    if started is not None:
        return (started.told, started.confidence) if started.count > 1 else ("", "low")
    if gpus < 2:
        return "", "low"
    if owner.workload_class == "training":
        return f"trains on {gpus} GPUs", "medium"
    slots = integer(workload.manifest.get("spec", "slotsPerWorker")) or 0
    if workload.manifest.kind == "MPIJob" and _COLLECTIVES.search(owner.evidence) and slots > 1:
        return f"{slots} ranks for each worker", "medium"
    if owner.workload_class == "inference" and _serves_over_pods(workload):
        return "serves one model from several pods", "medium"
    return "", "low"


def _serves_over_pods(workload: Workload) -> bool:
    kind = workload.template.kind
    if kind is None or not kind.gang:
        return False
    lines = (command_of(workload, each).line for template in workload.siblings for each in template.containers)
    return any(_MANY_PODS.search(line) for line in lines)


# --- the mount --------------------------------------------------------------------------------------------------------


@frozen
class _Mount:
    kind: str
    place: Place
    small: str = ""


def _mount(workload: Workload, container: Container) -> _Mount:
    mounts = workload.container(container).get("volumeMounts")
    absent = workload.place(container, ("volumeMounts", len(sequence(mounts))))
    if is_placeholder(mounts) or any(not isinstance(each, Mapping) for each in sequence(mounts)):
        return _Mount("open", absent)
    for index, item in mappings(mounts):
        path = text(item.get("mountPath"))
        place = workload.place(container, ("volumeMounts", index, "mountPath"))
        if is_placeholder(path):
            return _Mount("open", place)
        if posixpath.normpath(path) == _SHM:
            return _volume(workload, text(item.get("name")), place)
        if posixpath.normpath(path) == posixpath.dirname(_SHM):
            return _Mount("node", place)
    if workload.pod_spec.get("hostIPC") is True or any(map(workload.pod_annotations.get, _SIZED_BY_ANNOTATION)):
        return _Mount("node", absent)
    return _Mount("none", absent)


def _volume(workload: Workload, name: str, place: Place) -> _Mount:
    for index, volume in mappings(workload.pod_spec.get("volumes")):
        if volume.get("name") != name:
            continue
        empty = mapping(volume.get("emptyDir"))
        if empty.get("medium") != "Memory":
            return _Mount("node" if volume.get("hostPath") else "own", place)
        limit = quantity.parse(empty.get("sizeLimit"))
        if limit is not None and 0 < limit.milli <= _DEFAULT * 1000:
            at = workload.spec_place(("volumes", index, "emptyDir", "sizeLimit"))
            return _Mount("own", at, text(empty.get("sizeLimit")))
        return _Mount("own", place)
    return _Mount("open", place)


def _is_completed(workload: Workload) -> bool:
    """Whether a controller may mount more than what is written."""
    template = workload.template
    return template.kind is None or template.kind.group not in _AS_WRITTEN or template.form != "template"


class _Changes:
    """What of the input may mount something at /dev/shm of pods that do not say so: policies and patches."""

    def __init__(self, graph: Graph) -> None:
        speaking = [source for source in graph.scope.sources if _SHM in source.text]
        self._patches = [each.text for each in speaking if each.role in {"patch", "kustomization"}]
        self._policies = any(_MUTATORS.search(each.text) for each in speaking)

    def may_mount(self, workload: Workload) -> bool:
        name = workload.manifest.name
        return self._policies or any(name in patch for patch in self._patches)


def _is_by_mps(verdict: Candidates) -> bool:
    return verdict.shared == "all" and verdict.sharing == "MPS-shared" and not verdict.adds_up
