"""Pods that are set to run on GPU nodes and ask for no GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from gpulint.facts.isolation.tenant import is_of_the_cluster, nvidia_runtime
from gpulint.facts.owner import Owners
from gpulint.facts.scheduling.taint import is_queued
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.catalog import by_instance_type
from gpulint.graph import Graph
from gpulint.graph.landing import names_nodes
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import gpu_resources
from gpulint.kube.selectors import Requirement
from gpulint.kube.tree import is_placeholder, mapping, mappings, text
from gpulint.manifest import Place

_GPU_NODE_LABELS = re.compile(
    r"""
      nvidia\.com/(?:gpu|mig|mps)\.(?!deploy\.)[a-z.-]+ | nvidia\.com/gpu | amd\.com/gpu(?:\..*)?
    | feature\.node\.kubernetes\.io/pci-(?:[0-9a-f]+_)?10de(?:_[0-9a-f]+)?\.present
    | cloud\.google\.com/gke-accelerator | k8s\.amazonaws\.com/accelerator
    | (?:karpenter\.k8s\.aws|eks\.amazonaws\.com)/instance-gpu-(?:name|count|memory|manufacturer)
    | karpenter\.azure\.com/sku-gpu-(?:name|count|manufacturer)
    """,
    re.VERBOSE,
)
"""Labels that only nodes with GPUs have."""
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_GPU_TAINTS = frozenset({"nvidia.com/gpu", "amd.com/gpu"})
_NO = frozenset({"false", "none", "0", ""})
_FRACTION = re.compile(r"gpu-fraction|gpu-memory|runai/|kai\.scheduler/|vgpu|volcano\.sh/gpu|hami\.io/")
"""Annotations and labels by which schedulers give parts of GPUs without a resource."""
_WHOLE = frozenset({"template", "podspec"})
_VARIABLES = frozenset({"NVIDIA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"})
_DEVICES = re.compile(r"/dev(?:/nvidia.*|/dri.*|/kfd)?|(?:/var)?/run/nvidia.*|.*/nvidia-mps.*")
_USERS = frozenset({"training", "inference", "interactive"})
"""Classes of what runs on GPUs for a purpose."""
_FINITE = frozenset({"Job", "CronJob"})
_GPU_IMAGE = re.compile(r"(?<![a-z])(?:gpu|cuda|rocm)(?![a-z])")
_MERGED = re.compile(r"spark-kubernetes-(?:executor|driver)|base")
"""Containers of pods that are templates for Spark and Airflow, which add what the task asks for."""


@frozen
class Visitor:
    """A pod that is set to run on GPU nodes, and gets no GPU in any way that the input shows."""

    cluster: str
    owner: Owner
    way: str
    """`selector`: it runs on GPU nodes only; `toleration`: it may run on them."""
    label: str
    """The label that it selects, or the key of the taint that it tolerates."""
    confidence: str
    """How sure it is that it was to use a GPU."""
    place: Place


def visitors(graph: Graph, owners: Owners) -> Iterator[Visitor]:
    """One fact per such pod; none of those that serve the cluster, or stand beside pods that ask for GPUs."""
    surroundings = _Surroundings(graph)
    for workload in graph.pods:
        if workload.asked or workload.template.form not in _WHOLE:
            continue
        drawn = _drawn_to_gpus(workload) or _drawn_to_pool(graph, workload) or _let_in(workload)
        if drawn is None or not surroundings.is_plain(workload) or is_of_the_cluster(graph, owners, workload):
            continue
        way, label, place = drawn
        owner = owners.of(workload)
        yield Visitor(graph.scope.name, owner, way, label, _sureness(workload, owner, way), place)


def _sureness(workload: Workload, owner: Owner, way: str) -> Confidence:
    """Downloads, launchers and tests may well be on GPU nodes without one; toleration alone draws nothing there."""
    if way == "toleration" or owner.detail or workload.manifest.kind in _FINITE:
        return "medium" if owner.workload_class == "training" else "low"
    if owner.workload_class in _USERS:
        return "medium"
    return "medium" if owner.workload_class == "unknown" and _means_gpus(workload) else "low"


def _means_gpus(workload: Workload) -> bool:
    """Whether more than the selector speaks for GPUs: a toleration for them, or an image that is made for them."""
    images = (text(fields.get("image")).lower() for fields in _containers(workload))
    tolerates = any(each.key in _GPU_TAINTS for each in workload.placement.tolerations)
    return tolerates or any(_GPU_IMAGE.search(image) for image in images)


_Drawn: TypeAlias = "tuple[str, str, Place]"
"""What makes a pod run on GPU nodes: the way and the label of a visitor, and where that is written."""


def _drawn_to_gpus(workload: Workload) -> _Drawn | None:
    """By a label that only nodes with GPUs have."""
    placement = workload.placement
    ways = [(*placement.node_selector, *term) for term in placement.terms or ((),)]
    chosen = [next((each for each in way if _selects_gpus(each)), None) for way in ways]
    first = chosen[0]
    if first is not None and None not in chosen:
        return "selector", first.key, workload.spec_place(first.value_path)
    return None


def _drawn_to_pool(graph: Graph, workload: Workload) -> _Drawn | None:
    """By a label of the author's own, which declared nodes with GPUs have and those without do not."""
    placement, landing = workload.placement, graph.landing(workload)
    if not landing.bound or not names_nodes(placement) or placement.node_name or not landing.candidates:
        return None
    taken = {id(each.group) for each in landing.candidates if each.declared and each.group.has_gpu}
    left = {id(each.group) for each in landing.excluded if each.mismatch is not None}
    groups = [group for group in graph.nodes.distinct if group.kind not in {"ResourceFlavor", "ComputeClass"}]
    if any(id(group) not in taken | left for group in groups) or all(group.has_gpu for group in groups):
        return None
    way = (*placement.node_selector, *(placement.terms[0] if placement.terms else ()))
    told = next((each for each in way if each.operator == "In" and not each.uncertain and not each.is_field), None)
    return ("selector", told.key, workload.spec_place(told.value_path)) if told else None


def _let_in(workload: Workload) -> _Drawn | None:
    """Not drawn there: by a toleration for them only."""
    for toleration in workload.placement.tolerations:
        if toleration.key in _GPU_TAINTS:
            return "toleration", toleration.key, workload.spec_place((*toleration.path, "key"))
    return None


def _selects_gpus(requirement: Requirement) -> bool:
    if requirement.uncertain or requirement.is_field or requirement.operator not in {"In", "Exists", "Gt"}:
        return False
    if requirement.key == _INSTANCE_TYPE:
        return bool(requirement.values) and all(by_instance_type(value) for value in requirement.values)
    return bool(_GPU_NODE_LABELS.fullmatch(requirement.key)) and _NO.isdisjoint(requirement.values)


class _Surroundings:
    """What may give a pod a GPU, or a reason to be on a GPU node, without its own resources saying so."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._askers = {id(workload.manifest) for workload in graph.workloads}

    def is_plain(self, workload: Workload) -> bool:
        kind = workload.template.kind
        if id(workload.manifest) in self._askers or kind is None or kind.is_template or is_queued(workload):
            return False
        if nvidia_runtime(workload) or self._graph.claims.may_use_gpu(workload) or self._limits_give_gpus:
            return False
        marks = (*workload.pod_annotations, *workload.pod_labels)
        return not any(map(_FRACTION.search, marks)) and not _reaches_devices(workload) and not _is_open(workload)

    @cached_property
    def _limits_give_gpus(self) -> bool:
        """A LimitRange can give containers what they do not ask for."""
        return any("/gpu" in each.document.text for each in self._graph.of_kind("LimitRange"))


def _reaches_devices(workload: Workload) -> bool:
    """Whether it gets to the devices, or to an MPS daemon, past the device plugin."""
    volumes = (mapping(volume.get("hostPath")) for _, volume in mappings(workload.pod_spec.get("volumes")))
    if any(_DEVICES.fullmatch(text(host.get("path")).rstrip("/") or "-") for host in volumes):
        return True
    return any(_is_privileged(fields) or _has_variable(fields) for fields in _containers(workload))


def _is_open(workload: Workload) -> bool:
    """Whether its resources are filled in elsewhere, or are of a kind that is not known here."""
    for fields in _containers(workload):
        if workload.manifest.kind == "Pod" and _MERGED.fullmatch(text(fields.get("name"))):
            return True
        held = fields.get("resources")
        sections = mapping(held).values()
        if is_placeholder(held) or any(is_placeholder(each) for each in sections) or gpu_resources(fields):
            return True
    return not workload.template.containers


def _containers(workload: Workload) -> Iterator[Mapping[str, object]]:
    return (workload.container(each) for each in workload.template.containers)


def _is_privileged(fields: Mapping[str, object]) -> bool:
    return mapping(fields.get("securityContext")).get("privileged") is True


def _has_variable(fields: Mapping[str, object]) -> bool:
    return any(item.get("name") in _VARIABLES for _, item in mappings(fields.get("env")))
