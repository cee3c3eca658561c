"""The GPU resources a node or pool would advertise, and the sharing behind each.

Follows k8s-device-plugin internal/rm/device_map.go and rm.go (`AddDefaultResourcesToConfig`) for the names, and
api/config/v1/replicas.go for sharing; on GKE its own device plugin (container-engine-accelerators pkg/gpu/nvidia/gpusharing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gpulint.gpu.mig import resource_name
from gpulint.graph.govern import Governed, Layout
from gpulint.graph.nodes import PRODUCT, Label, NodeGroup
from gpulint.gpu.catalog import by_product_label
from gpulint.manifest import Place

FULL_GPU = "nvidia.com/gpu"
SHARING_LABEL = "nvidia.com/gpu.sharing-strategy"
REPLICAS_LABEL = "nvidia.com/gpu.replicas"
GKE_SHARING_LABEL = "cloud.google.com/gke-gpu-sharing-strategy"
GKE_CLIENTS_LABEL = "cloud.google.com/gke-max-shared-clients-per-gpu"
GKE_PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"

Sharing: TypeAlias = Literal["none", "time-slicing", "mps", "shared", "unknown"]
"""`shared`: time-slicing or MPS, it is not known which."""
Source: TypeAlias = Literal["label", "house-label", "config"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One resource that a node advertises."""

    resource: str
    sharing: Sharing
    replicas: int
    """Units per device, 0 when unknown, 1 when not shared."""
    profile: str
    """The MIG profile of a device behind it, empty for a whole GPU."""
    refuses_several: bool
    """True when a request for more than one unit is refused at admission."""
    told_by: Source
    place: Place | None
    """Where the sharing is decided."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything that a node advertises, as far as it is known."""

    by_resource: Mapping[str, Offer]
    complete: bool
    """True when a resource that is not in the list is certainly not advertised."""

    def get(self, resource: str) -> Offer | None:
        return self.by_resource.get(resource)


def offers(group: NodeGroup, governed: Governed, house_labels: Mapping[str, Mapping[str, str]]) -> Offers:
    """What nodes of the group would advertise under this configuration.

    `house_labels` maps a label of the author's own to what its values mean; it counts only where no configuration is known.
    """
    if GKE_SHARING_LABEL in group.labels or GKE_PARTITION_LABEL in group.labels:
        return _gke(group)
    unshared, complete = _unshared(group, governed)
    labelled = _told_by_label(group)
    if labelled is not None:
        return Offers(_apply_labels(unshared, labelled, governed), complete and governed.known)
    if governed.entry is not None:
        return Offers(_apply_config(unshared, governed), complete)
    if governed.origin == "fallback":
        return Offers(unshared, complete)
    house = house_strategy(group, house_labels)
    if house is not None:
        return Offers(_apply_house(unshared, *house), complete=False)
    return Offers(
        {name: replace(offer, sharing="unknown", replicas=0) for name, offer in unshared.items()}, complete=False
    )


def _unshared(group: NodeGroup, governed: Governed) -> tuple[dict[str, Offer], bool]:
    """Resources before sharing, and whether these are all."""
    profile = by_product_label(group.label(PRODUCT)).mig_profile if PRODUCT in group.labels else ""
    if profile:  # a product with -MIG-… is what GPU feature discovery writes under the strategy single
        return {FULL_GPU: _plain(FULL_GPU, profile)}, True
    layout = governed.layout
    if layout is None or not layout.enabled:
        return {FULL_GPU: _plain(FULL_GPU)}, governed.layout_known and bool(governed.strategy)
    if governed.strategy == "none":
        return {FULL_GPU: _plain(FULL_GPU)}, True
    if governed.strategy == "single":
        return _single(layout)
    slices = {resource_name(name): _plain(resource_name(name), name) for name, _ in layout.profiles}
    whole = {} if layout.uniform else {FULL_GPU: _plain(FULL_GPU)}
    return {**slices, **whole}, governed.strategy == "mixed"


def _single(layout: Layout) -> tuple[dict[str, Offer], bool]:
    """Under `single` a uniform layout is advertised as GPUs; the plugin exits on any other."""
    if layout.uniform and len(layout.profiles) == 1:
        return {FULL_GPU: _plain(FULL_GPU, layout.profiles[0][0])}, True
    return {}, False


def _plain(resource: str, profile: str = "") -> Offer:
    return Offer(resource, "none", 1, profile, refuses_several=False, told_by="config", place=None)


def _apply_config(unshared: Mapping[str, Offer], governed: Governed) -> dict[str, Offer]:
    entry = governed.entry
    assert entry is not None  # noqa: S101 - the caller looked
    result = dict(unshared)
    for shared in entry.config.resources:
        offer = result.pop(shared.name, None)
        if offer is None:
            continue
        result[shared.advertised] = replace(
            offer,
            resource=shared.advertised,
            sharing=entry.config.strategy,
            replicas=shared.replicas,
            refuses_several=entry.config.fail_requests_greater_than_one,
            place=entry.at((*shared.path, "replicas")),
        )
    return result


def _told_by_label(group: NodeGroup) -> tuple[Sharing, int, Place] | None:
    """What GPU feature discovery wrote on the node: its own word, whatever the input configures."""
    label = group.labels.get(SHARING_LABEL)
    replicas = group.label(REPLICAS_LABEL)
    count = int(replicas) if replicas.isdecimal() else 0
    if label and label.value in {"none", "time-slicing", "mps"}:
        sharing: Sharing = (
            "time-slicing" if label.value == "time-slicing" else "mps" if label.value == "mps" else "none"
        )
        return sharing, count, label.place
    product = group.labels.get(PRODUCT)
    if product and by_product_label(product.value).shared:
        return "shared", count, product.place
    return None


def _apply_labels(
    unshared: Mapping[str, Offer], labelled: tuple[Sharing, int, Place], governed: Governed
) -> dict[str, Offer]:
    sharing, replicas, place = labelled
    shared = sharing != "none"
    config = governed.entry.config if governed.entry else None
    return {
        name: replace(
            offer,
            sharing=sharing,
            replicas=replicas if shared else 1,
            told_by="label",
            place=place if shared else None,
            refuses_several=config is not None and config.strategy == sharing and config.fail_requests_greater_than_one,
        )
        for name, offer in unshared.items()
    }


def _gke(group: NodeGroup) -> Offers:
    """GKE always advertises nvidia.com/gpu; more than one time-shared unit per container is refused there."""
    strategy = group.labels.get(GKE_SHARING_LABEL)
    clients = group.label(GKE_CLIENTS_LABEL)
    profile = group.label(GKE_PARTITION_LABEL)
    plain = _plain(FULL_GPU, profile)
    if strategy is None or strategy.value not in {"time-sharing", "mps"}:
        return Offers({FULL_GPU: plain}, complete=True)
    shared = replace(
        plain,
        sharing="mps" if strategy.value == "mps" else "time-slicing",
        replicas=int(clients) if clients.isdecimal() else 0,
        refuses_several=strategy.value == "time-sharing",
        told_by="label",
        place=strategy.place,
    )
    return Offers({FULL_GPU: shared}, complete=True)


def house_strategy(group: NodeGroup, house_labels: Mapping[str, Mapping[str, str]]) -> tuple[str, Label] | None:
    """The strategy that a label of the author's own promises (`none`, `mig`, `time-slicing`, `mps`), and the label."""
    for key, meanings in sorted(house_labels.items()):
        label = group.labels.get(key)
        if label and label.value in meanings:
            return meanings[label.value], label
    return None


def _apply_house(unshared: Mapping[str, Offer], strategy: str, label: Label) -> dict[str, Offer]:
    if strategy == "mig":
        return {}
    sharing: Sharing = "time-slicing" if strategy == "time-slicing" else "mps" if strategy == "mps" else "none"
    place = None if sharing == "none" else label.place
    return {
        name: replace(offer, sharing=sharing, replicas=0 if place else 1, told_by="house-label", place=place)
        for name, offer in unshared.items()
    }
