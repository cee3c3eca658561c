"""How much of a resource nodes have: what one advertises, and what all of a pool have together."""

from __future__ import annotations

from gpulint.gpu.catalog import gke_partition_sizes
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import GKE_ACCELERATOR
from gpulint.graph.offers import GKE_PARTITION_LABEL, SHARED, Offer

_GPU_COUNT_LABEL = "nvidia.com/gpu.count"


def units_per_gpu(candidate: Candidate, offer: Offer) -> int:
    """Units of the resource that one GPU is advertised as; 0 when unknown."""
    layout = candidate.governed.layout
    each = offer.replicas if offer.sharing in SHARED else 1 if offer.sharing == "none" else 0
    devices = 1
    if offer.profile and GKE_PARTITION_LABEL in candidate.group.labels:
        devices = gke_partition_sizes(candidate.group.label(GKE_ACCELERATOR)).get(offer.profile, 0)
    elif offer.profile:
        devices = dict(layout.profiles).get(offer.profile, 0) if layout and layout.uniform else 0
    return each * devices


def units_per_node(candidate: Candidate, resource: str, *, unshared: bool = False) -> int:
    """Units that the largest of the nodes advertises: 0 when none does, -1 when it is not known.

    What the node itself says, else by its GPUs, unless they are not all alike. With MIG devices the label
    `nvidia.com/gpu.count` may count those (k8s-device-plugin internal/lm/mig-strategy.go). With `unshared` a GPU of
    which nothing tells how it is shared counts as one that is not.
    """
    group, layout = candidate.group, candidate.governed.layout
    stated = group.allocatable.get(resource, 0)
    if (group.exported or group.simulated) and group.allocatable:
        return stated
    offer = candidate.offers.get(resource)
    if offer is None:
        return stated or (0 if candidate.offers.complete else -1)
    each = _units_per_gpu(candidate, offer, unshared=unshared)
    mixed = layout is not None and layout.enabled and not layout.uniform
    counts_slices = bool(offer.profile) and _GPU_COUNT_LABEL in group.labels
    if not each or mixed or counts_slices or group.most_gpus_per_node < 0:
        return -1
    return max(each * group.most_gpus_per_node, stated)


def units_of_all(candidate: Candidate, resource: str, *, unshared: bool = False) -> int:
    """Units that all nodes of the group have together at most; -1 when that is not known, or more are made when needed.

    Of nodes that are alike all count.
    """
    group = candidate.group
    each = units_per_node(candidate, resource, unshared=unshared)
    offer = candidate.offers.get(resource)
    by_nodes = each * group.most * len(candidate.groups) if each >= 0 and group.most >= 0 else -1
    per_gpu = _units_per_gpu(candidate, offer, unshared=unshared) if offer else 0
    by_limit = group.gpu_limit * per_gpu if per_gpu and group.gpu_limit >= 0 else -1
    if by_limit < 0:
        return by_nodes
    return by_limit if by_nodes < 0 else min(by_nodes, by_limit)


def _units_per_gpu(candidate: Candidate, offer: Offer, *, unshared: bool) -> int:
    return 1 if unshared and offer.sharing == "unknown" and not offer.profile else units_per_gpu(candidate, offer)
