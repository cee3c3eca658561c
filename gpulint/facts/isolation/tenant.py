"""Who is a user of GPUs and who serves the cluster: what a pod may do depends on it."""

from __future__ import annotations

from gpulint.facts.owner import Owners
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload

_NVIDIA_RUNTIMES = ("nvidia",)
_GKE = "cloud.google.com/gke-"
_SYSTEM_NAMESPACES = frozenset({"kube-system", "gpu-operator", "nvidia-gpu-operator", "nvidia-device-plugin"})


def is_of_the_cluster(graph: Graph, owners: Owners, workload: Workload) -> bool:
    """Whether the pod is a component of the cluster and no user of its GPUs.

    True where anything speaks for it: its class, that it runs on every node, its namespace, a priority class for
    system pods, or that it is what installs the device plugin.
    """
    if owners.of(workload).workload_class == "system":
        return True
    if workload.manifest.kind == "DaemonSet":
        return True
    priority = str(workload.pod_spec.get("priorityClassName", ""))
    if workload.namespace in _SYSTEM_NAMESPACES or priority.startswith("system-"):
        return True
    return any(each.manifest is workload.manifest for each in graph.configurations.installers)


def nvidia_runtime(workload: Workload) -> str:
    """The RuntimeClass of the pod where its name is one of NVIDIA's: `nvidia`, `nvidia-cdi`, `nvidia-legacy`."""
    name = workload.placement.runtime_class
    return name if name.startswith(_NVIDIA_RUNTIMES) else ""


def on_gke(workload: Workload) -> bool:
    """Whether the pod asks for nodes by labels that only GKE sets."""
    return any(each.key.startswith(_GKE) for each in workload.placement.requirements)
