"""Ways past the accounting: what lets a container reach GPUs that no scheduler gave it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from gpulint.facts.candidates import candidates
from gpulint.facts.isolation.devices import VISIBLE_DEVICES
from gpulint.facts.isolation.tenant import is_of_the_cluster, nvidia_runtime, on_gke
from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container
from gpulint.kube.tree import is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Place

_DEVICE_PATHS = re.compile(r"/dev/nvidia[^/]*(?:/.*)?|/dev/dri(?:/.*)?|/dev/kfd|(?:/var)?/run/nvidia(?:/.*)?")
_CUDA_IMAGES = re.compile(
    r"""
      (?:^|/)nvidia/(?:cuda|pytorch|tensorflow|nemo|tritonserver)(?=[:@]|$)     # docker.io/nvidia, nvcr.io/nvidia
    | (?:^|/)pytorch/pytorch(?=:)[^/]*cuda
    | (?:^|/)vllm/vllm-openai(?=[:@]|$)
    | (?:^|/)tensorflow/tensorflow:[^/]*gpu
    """,
    re.VERBOSE,
)
"""Images whose own environment says NVIDIA_VISIBLE_DEVICES=all: they build on nvidia/cuda."""
_GPU_LABELS = ("nvidia.com/gpu", "nvidia.com/mig", "feature.node.kubernetes.io/pci-10de")


@frozen
class Exposure:
    """One thing in a pod by which it may reach GPUs that it does not hold."""

    cluster: str
    owner: Owner
    of_the_cluster: bool
    """Whether the pod serves the cluster: then it is meant to reach them."""
    container: str
    """Empty where the whole pod is concerned."""
    way: str
    """`device-path` (a hostPath volume), `privileged`, `host-ipc` or `image` (a CUDA image on a GPU node)."""
    value: str
    """The host path, or the image."""
    asks: bool
    """Whether the container (of a pod: some container) asks for a GPU or uses a resource claim."""
    shared_by_mps: bool
    """Whether every GPU that the pod may get is shared by the MPS of NVIDIA's device plugin."""
    confidence: str
    """How sure that is."""
    place: Place


def exposures(graph: Graph, owners: Owners) -> Iterator[Exposure]:
    """Every such thing, pod by pod in the order of the input."""
    for workload in graph.pods:
        ways = [*_host_paths(workload), *_host_ipc(workload)]
        for container in workload.template.containers:
            ways += [*_privileged(workload, container), *_image(graph, workload, container)]
        if not ways:
            continue
        by_mps, confidence = _shared_by_mps(graph, workload)
        for container_of, way, value, place in ways:
            yield Exposure(
                cluster=graph.scope.name,
                owner=owners.of(workload),
                of_the_cluster=is_of_the_cluster(graph, owners, workload),
                container=container_of.name if container_of else "",
                way=way,
                value=value,
                asks=any(
                    _asks(graph, workload, each)
                    for each in workload.template.containers
                    if container_of in (None, each)
                ),
                shared_by_mps=by_mps,
                confidence=confidence,
                place=place,
            )


_Way = tuple[Container | None, str, str, Place]


def _host_paths(workload: Workload) -> Iterator[_Way]:
    for index, volume in mappings(workload.pod_spec.get("volumes")):
        path = text(mapping(volume.get("hostPath")).get("path"))
        if path and not is_placeholder(path) and _DEVICE_PATHS.fullmatch(posixpath.normpath(path)):
            yield None, "device-path", path, workload.spec_place(("volumes", index, "hostPath", "path"))


def _host_ipc(workload: Workload) -> Iterator[_Way]:
    if workload.pod_spec.get("hostIPC") is True:
        yield None, "host-ipc", "true", workload.spec_place(("hostIPC",))


def _privileged(workload: Workload, container: Container) -> Iterator[_Way]:
    if mapping(workload.container(container).get("securityContext")).get("privileged") is True:
        yield container, "privileged", "true", workload.place(container, ("securityContext", "privileged"))


def _image(graph: Graph, workload: Workload, container: Container) -> Iterator[_Way]:
    """A CUDA image where NVIDIA's runtime will see its environment: on a GPU node, with nothing that overrides it."""
    image = text(workload.container(container).get("image"))
    if not _CUDA_IMAGES.search(image) or _lists_devices(workload, container) or on_gke(workload):
        return
    if _asks(graph, workload, container) or workload.asks_for_a_share:
        return
    if nvidia_runtime(workload) or _wants_gpu_nodes(workload):
        yield container, "image", image, workload.place(container, ("image",))


def _lists_devices(workload: Workload, container: Container) -> bool:
    fields = workload.container(container)
    return bool(fields.get("envFrom")) or any(
        item.get("name") == VISIBLE_DEVICES for _, item in mappings(fields.get("env"))
    )


def _wants_gpu_nodes(workload: Workload) -> bool:
    keys = {each.key for each in workload.placement.requirements if each.operator in {"In", "Exists"}}
    return any(key.startswith(_GPU_LABELS) for key in keys)


def _asks(graph: Graph, workload: Workload, container: Container) -> bool:
    claims = sequence(mapping(workload.container(container).get("resources")).get("claims"))
    if claims and graph.claims.uses_gpu(workload):
        return True
    return any(asked.container == container and asked.resource.is_gpu for asked in workload.asked)


def _shared_by_mps(graph: Graph, workload: Workload) -> tuple[bool, Confidence]:
    """GKE's MPS adds units up, the device plugin's does not; only the former needs the host's IPC namespace."""
    if not workload.asked:
        return False, "low"
    verdicts = [candidates(workload, asked, graph.landing(workload)) for asked in workload.asked]
    by_mps = all(each.shared == "all" and each.sharing == "MPS-shared" and not each.adds_up for each in verdicts)
    levels = {each.sharing_confidence for each in verdicts}
    return by_mps, "high" if levels == {"high"} else "low" if "low" in levels else "medium"
