"""The GPU resources a node or pool would advertise, and the sharing behind each.

Follows k8s-device-plugin internal/rm/device_map.go and rm.go (`AddDefaultResourcesToConfig`) for the names, and
api/config/v1/replicas.go for sharing; on GKE its own device plugin (container-engine-accelerators
pkg/gpu/nvidia/gpusharing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.catalog import by_product_label
from gpulint.gpu.mig import resource_name
from gpulint.gpu.resources import classify
from gpulint.graph.govern import Governed, Layout
from gpulint.graph.nodes import GKE_ACCELERATOR, PRODUCT, Label, NodeGroup
from gpulint.manifest import Place
from gpulint.untrusted import number

FULL_GPU = "nvidia.com/gpu"
SHARING_LABEL = "nvidia.com/gpu.sharing-strategy"
REPLICAS_LABEL = "nvidia.com/gpu.replicas"
GKE_SHARING_LABEL = "cloud.google.com/gke-gpu-sharing-strategy"
GKE_CLIENTS_LABEL = "cloud.google.com/gke-max-shared-clients-per-gpu"
GKE_PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"

Sharing: TypeAlias = Literal["none", "time-slicing", "mps", "shared", "unknown"]
"""`shared`: time-slicing or MPS, it is not known which."""
SHARED = frozenset({"time-slicing", "mps", "shared"})
Source: TypeAlias = Literal["label", "house-label", "config"]


@frozen
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
    adds_up: bool
    """True when several units are a larger part of one GPU."""
    told_by: Source
    place: Place | None
    """Where the sharing is decided."""


@frozen
class Offers:
    """Everything that a node advertises, as far as it is known."""

    by_resource: Mapping[str, Offer]
    complete: bool
    """True when a resource that is not in the list is certainly not advertised."""

    def get(self, resource: str) -> Offer | None:
        return self.by_resource.get(resource)


def offers(group: NodeGroup, governed: Governed, house_labels: Mapping[str, Mapping[str, str]]) -> Offers:
    """What nodes of the group would advertise under this configuration.

    `house_labels` maps a label of the author's own to what its values mean; it counts where no configuration is chosen.
    """
    if _is_pool_of_gke(group, governed) or GKE_SHARING_LABEL in group.labels or GKE_PARTITION_LABEL in group.labels:
        return _gke(group)
    labelled = _apply_labels(_configured(group, governed, house_labels), group)
    listed = (group.exported and not group.has_gpu) or ((group.exported or group.simulated) and group.allocatable)
    return _exported(group, labelled) if listed else labelled


def house_strategy(group: NodeGroup, house_labels: Mapping[str, Mapping[str, str]]) -> tuple[str, Label] | None:
    """The strategy that a label of the author's own promises (`none`, `mig`, `time-slicing`, `mps`), and the label."""
    for key, meanings in sorted(house_labels.items()):
        label = group.labels.get(key)
        if label and label.value in meanings:
            return meanings[label.value], label
    return None


# --- devices ----------------------------------------------------------------------------------------------------------


def _unshared(group: NodeGroup, governed: Governed) -> tuple[dict[str, Offer], bool]:
    """Resources before sharing, and whether these are all."""
    profile = by_product_label(group.label(PRODUCT)).mig_profile if PRODUCT in group.labels else ""
    if profile:  # a product with -MIG-… is what GPU feature discovery writes under the strategy single
        return {FULL_GPU: _plain(FULL_GPU, profile)}, True
    layout = governed.layout
    if group.gpus and all(gpu.mig is False for gpu in group.gpus):  # a MIG manager that fails leaves them whole
        return {FULL_GPU: _plain(FULL_GPU)}, True
    if layout is None or not layout.enabled:
        return {FULL_GPU: _plain(FULL_GPU)}, governed.layout_known
    if governed.strategy == "none":
        return {FULL_GPU: _plain(FULL_GPU)}, True
    if governed.strategy == "single":
        return _single(layout)
    slices = {resource_name(name): _plain(resource_name(name), name) for name, _ in layout.profiles}
    whole = {} if layout.uniform else {FULL_GPU: _plain(FULL_GPU)}
    made_by_hand = not layout.profiles  # MIG is on, and something else cuts the GPUs
    return {**slices, **whole}, governed.strategy == "mixed" and not made_by_hand


def _single(layout: Layout) -> tuple[dict[str, Offer], bool]:
    """Under `single` a uniform layout is advertised as GPUs; the plugin exits on any other."""
    if layout.uniform and len(layout.profiles) == 1:
        return {FULL_GPU: _plain(FULL_GPU, layout.profiles[0][0])}, True
    return {}, False


def _plain(resource: str, profile: str = "", sharing: Sharing = "none") -> Offer:
    return Offer(
        resource,
        sharing,
        replicas=1 if sharing == "none" else 0,
        profile=profile,
        refuses_several=False,
        adds_up=False,
        told_by="config",
        place=None,
    )


# --- sharing by configuration -----------------------------------------------------------------------------------------


def _configured(group: NodeGroup, governed: Governed, house_labels: Mapping[str, Mapping[str, str]]) -> Offers:
    """By the chosen configuration; without one by the author's own label, which tells what the nodes are to be."""
    unshared, complete = _unshared(group, governed)
    foreign = governed.installer is None and _is_gke(group)
    if governed.entry is not None and not foreign:
        return Offers(_apply_config(unshared, group, governed), complete)
    house = house_strategy(group, house_labels)
    if house is not None:
        return Offers(_apply_house(unshared, *house), complete=False)
    if governed.origin == "fallback":
        return Offers(unshared, complete)
    unknown = {name: replace(offer, sharing="unknown", replicas=0) for name, offer in unshared.items()}
    return Offers(unknown, complete=False)


def _apply_config(unshared: Mapping[str, Offer], group: NodeGroup, governed: Governed) -> dict[str, Offer]:
    entry = governed.entry
    assert entry is not None  # noqa: S101 - the caller looked
    result = dict(unshared)
    for shared in entry.config.resources:
        offer = result.pop(shared.name, None) or _possible_slice(shared.name, group, governed)
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


def _possible_slice(resource: str, group: NodeGroup, governed: Governed) -> Offer | None:
    """A MIG resource that the nodes have if somebody cut them so, where nothing in the input says how they are cut."""
    profile = classify(resource).profile
    if not profile or governed.layout is not None or governed.layout_known or governed.strategy not in {"", "mixed"}:
        return None
    possible = not group.gpus or any(gpu.mig is not False for gpu in group.gpus)
    return _plain(resource, profile) if possible else None


def _apply_house(unshared: Mapping[str, Offer], strategy: str, label: Label) -> dict[str, Offer]:
    if strategy == "mig":
        return {}
    sharing: Sharing = "time-slicing" if strategy == "time-slicing" else "mps" if strategy == "mps" else "none"
    place = None if sharing == "none" else label.place
    return {
        name: replace(offer, sharing=sharing, replicas=0 if place else 1, told_by="house-label", place=place)
        for name, offer in unshared.items()
    }


# --- sharing by the labels of GPU feature discovery -------------------------------------------------------------------


def _apply_labels(configured: Offers, group: NodeGroup) -> Offers:
    """GPU feature discovery's own word, whatever the input configures; it has labels for each resource."""
    result: dict[str, Offer] = {}
    complete = configured.complete
    for name, offer in configured.by_resource.items():
        told = _told_by_label(group, name.removesuffix(".shared"))
        changed = _as_labelled(offer, *told) if told else offer
        result[changed.resource] = changed
        complete = complete and changed.sharing == offer.sharing
    return Offers(result, complete)


def _as_labelled(offer: Offer, sharing: Sharing, replicas: int, place: Place) -> Offer:
    """The offer as the label says; name and refusals stay those of a configuration that says the same."""
    if sharing == "none":
        plain = _plain(offer.resource.removesuffix(".shared"), offer.profile)
        return replace(plain, told_by="label")
    if offer.sharing == sharing or (sharing == "shared" and offer.sharing in SHARED):
        return replace(offer, replicas=replicas or offer.replicas, told_by="label", place=place)
    return replace(
        offer,
        resource=offer.resource.removesuffix(".shared"),
        sharing=sharing,
        replicas=replicas,
        refuses_several=False,
        told_by="label",
        place=place,
    )


def _told_by_label(group: NodeGroup, resource: str) -> tuple[Sharing, int, Place] | None:
    """Sharing, units per device (0: unknown) and the label that tells (k8s-device-plugin internal/lm/resource.go)."""
    written = group.label(f"{resource}.replicas")
    replicas = number(written) if written.isdecimal() else 0
    label = group.labels.get(f"{resource}.sharing-strategy")
    if label and label.value in {"none", "time-slicing", "mps"}:
        return _STRATEGIES[label.value], replicas, label.place
    product = group.labels.get(f"{resource}.product")
    if product and by_product_label(product.value).shared:
        return "shared", replicas, product.place
    if replicas:
        return "none" if replicas == 1 else "shared", replicas, group.labels[f"{resource}.replicas"].place
    return None


_STRATEGIES: Mapping[str, Sharing] = {"none": "none", "time-slicing": "time-slicing", "mps": "mps"}


# --- nodes read from a cluster ----------------------------------------------------------------------------------------


def _exported(group: NodeGroup, expected: Offers) -> Offers:
    """What the node's status lists is all there is; labels and configuration only tell how it is shared."""
    listed = [name for name, count in sorted(group.allocatable.items()) if count > 0 and classify(name).is_nvidia]
    return Offers({name: expected.get(name) or _listed(group, name) for name in listed}, complete=True)


def _listed(group: NodeGroup, name: str) -> Offer:
    """A resource that nothing else in the input tells of."""
    resource = classify(name)
    told = _told_by_label(group, resource.unshared)
    plain = _plain(name, resource.profile, "shared" if resource.is_shared else "unknown")
    if told is None or (resource.is_shared and told[0] == "none"):
        return plain
    return replace(_as_labelled(plain, *told), resource=name)


# --- GKE --------------------------------------------------------------------------------------------------------------


def _is_gke(group: NodeGroup) -> bool:
    """GKE runs a device plugin of its own: the configurations of NVIDIA's say nothing there."""
    return any(key.startswith("cloud.google.com/gke-") for key in group.labels)


def _is_pool_of_gke(group: NodeGroup, governed: Governed) -> bool:
    """Whether its source says all that GKE makes of it: without a sharing strategy nothing is shared."""
    own = group.describes and group.kind != "Node" and governed.installer is None
    return own and GKE_ACCELERATOR in group.labels


def _gke(group: NodeGroup) -> Offers:
    """GKE always advertises nvidia.com/gpu; more than one time-shared unit per container is refused there.

    Under MPS it is taken on nodes with one device, where units add up to memory and threads of it; a partition is a
    device (container-engine-accelerators pkg/gpu/nvidia/gpusharing, and `Envs` in manager.go).
    """
    strategy = group.labels.get(GKE_SHARING_LABEL)
    clients = group.label(GKE_CLIENTS_LABEL)
    profile = group.label(GKE_PARTITION_LABEL)
    plain = _plain(FULL_GPU, profile)
    if strategy is None or strategy.value not in {"time-sharing", "mps"}:
        return Offers({FULL_GPU: plain}, complete=True)
    several = group.gpu_count > 1 or profile.startswith(("1g.", "2g.", "3g."))
    shared = replace(
        plain,
        sharing="mps" if strategy.value == "mps" else "time-slicing",
        replicas=number(clients) if clients.isdecimal() else 0,
        refuses_several=strategy.value == "time-sharing" or several,
        adds_up=strategy.value == "mps" and not several,
        told_by="label",
        place=strategy.place,
    )
    return Offers({FULL_GPU: shared}, complete=True)
