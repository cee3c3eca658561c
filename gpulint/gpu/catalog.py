"""NVIDIA GPUs: products, node labels, PCI device ids, MIG profiles; cloud instance types and accelerator labels.

The figures and their public sources are in `gpus.json` and `instances.json` beside this module. They are read on first
use and kept; every function returns the same `Gpu` objects, which compare by identity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gpulint.frozen import frozen
from gpulint.gpu.mig import parse_profile, profile_of_resource

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCELERATOR_LABELS = (
    "cloud.google.com/gke-accelerator",
    "eks.amazonaws.com/instance-gpu-name",
    "karpenter.azure.com/sku-gpu-name",
    "karpenter.k8s.aws/instance-gpu-name",
)
"""Node labels of clouds and autoscalers whose values name a GPU model."""


@frozen
class Profile:
    """A GPU instance profile of one product, as NVML lists it."""

    name: str
    compute_slices: int
    memory_slices: int
    """In the memory units of the product's geometry: eighths, quarters, twelfths or halves."""
    max_instances: int
    placements: tuple[tuple[int, int], ...]
    """Allowed `(start, size)` runs of memory units."""
    engines: Mapping[str, int] | None
    """Media engines an instance claims; None where they do not decide what fits."""


@dataclass(frozen=True, slots=True, eq=False)
class Gpu:
    """A product, or boards of one family with the same MIG profiles."""

    id: str
    model: str
    architecture: str
    compute_capability: tuple[int, int] | None
    memory_gb: int | None
    """Nominal, in GB; None when unknown."""
    mig: bool | None
    """Whether it can be partitioned; None when no source says."""
    profiles: Mapping[str, Profile]
    """By name in configuration spelling (`1g.10gb+me`); empty when there is no MIG or `profiles_known` is false."""
    profiles_known: bool
    memory_units: int
    """Memory units that placements count; 0 without profiles."""
    engines: Mapping[str, int] | None
    """Media engines of the whole GPU; None where they do not decide what fits."""
    former_profiles: Mapping[str, str]
    """Names that earlier boards or drivers used, to the name of today."""
    device_ids: tuple[str, ...]
    """PCI device ids, four upper-case hexadecimal digits."""
    product_labels: tuple[str, ...]
    """Values of `nvidia.com/gpu.product` that GPU Feature Discovery gives it, without suffixes."""
    data_centre: bool
    """A data-centre board; false for GeForce, TITAN and workstation boards."""

    @property
    def name(self) -> str:
        """The model without the boards it comes on: `A100 80GB` of `A100 80GB (SXM4, PCIe, PCIe LC), A100X`."""
        return self.model.partition(" (")[0].partition(",")[0]


@frozen
class Product:
    """What a value of `nvidia.com/gpu.product` says."""

    gpu: Gpu | None
    mig_profile: str
    """Profile of `-MIG-<profile>`, in configuration spelling; empty without that suffix."""
    shared: bool
    """Ends in `-SHARED`: advertised several times and not renamed."""
    invalid_mig: bool = False
    """Ends in `-MIG-INVALID`: strategy `single` on GPUs that are not partitioned alike."""
    produced: bool = True
    """Whether GPU Feature Discovery can give that value. False for spellings that no NVML name gives (`NVIDIA-T4`);
    true for products that are not in the catalogue."""
    certain: bool = True
    """False where the value is also in use for other boards of the family (`NVIDIA-H100`)."""
    suggestion: str = ""
    """The value meant, where `produced` is false and the product has one label."""


@frozen
class Instance:
    """GPUs of a cloud instance type."""

    type: str
    gpu: Gpu
    count: int
    fraction: bool
    """The type has a part of one GPU (a vGPU): MIG is unknown there, and autoscalers may count 0."""


def gpus() -> tuple[Gpu, ...]:
    """Every product of the catalogue, MIG-capable ones first."""
    return tuple(_products().gpus.values())


def by_id(gpu_id: str) -> Gpu | None:
    """The product with that id of the catalogue, such as `a100-40gb`."""
    return _products().gpus.get(gpu_id)


def by_product_label(value: str) -> Product:
    """Reads a value of `nvidia.com/gpu.product`.

    Suffixes as in `k8s-device-plugin internal/lm/{resource,mig-strategy}.go`: `-MIG-<profile>`, then `-SHARED`.
    """
    shared = value.endswith("-SHARED")
    base, _, suffix = value.removesuffix("-SHARED").partition("-MIG-")
    label = _products().labels.get(base)
    suggestion = ""
    if label is None and (folded := _products().folded_labels.get(base.lower())):
        label, suggestion = _Label(folded.gpu, produced=False), folded.value
    if label is not None and not label.produced and not suggestion and len(label.gpu.product_labels) == 1:
        suggestion = label.gpu.product_labels[0]
    profile = profile_of_resource(suffix)
    return Product(
        gpu=label.gpu if label else None,
        mig_profile=profile,
        shared=shared,
        invalid_mig=suffix == "INVALID",
        produced=label is None or label.produced,
        certain=label is None or label.certain,
        suggestion=suggestion + value.removeprefix(base) if suggestion else "",
    )


def by_device_id(device: int) -> tuple[Gpu, ...]:
    """Products with that 16-bit PCI device id; boards that differ in the subsystem only share one."""
    return _products().devices.get(f"{device:04X}", ())


def device_name(device: int) -> str:
    """Name of the board with that PCI device id, with a remark where it is often mistaken; empty when unknown."""
    return _products().device_names.get(f"{device:04X}", "")


def device_of_name(name: str) -> int | None:
    """PCI device id of the board with that product name (`NVIDIA H200`) or product label; None when unknown."""
    return _products().devices_by_name.get(_plain_name(name))


def by_instance_type(instance_type: str) -> tuple[Gpu, int] | None:
    """Product and GPUs per node of an AWS, Google Cloud or Azure instance type; None when it is not known."""
    found = instance(instance_type)
    return (found.gpu, found.count) if found else None


def instance(instance_type: str) -> Instance | None:
    """What is known of an AWS, Google Cloud or Azure instance type with GPUs, in any case."""
    return _clouds().instances.get(instance_type.lower())


def instances() -> tuple[Instance, ...]:
    """Every instance type of the catalogue, sorted by its name."""
    return tuple(found for _, found in sorted(_clouds().instances.items()))


def by_accelerator(label_key: str, value: str) -> Gpu | None:
    """The product that an accelerator label names; None when it is not known or names several (`a100`)."""
    found = accelerators(label_key, value)
    return found[0] if len(found) == 1 else None


def accelerators(label_key: str, value: str) -> tuple[Gpu, ...]:
    """The products that an accelerator label can mean: `a100` of Karpenter is the 40 GB or the 80 GB board."""
    return _clouds().accelerators.get(label_key, {}).get(value, ())


def accelerator_values(label_key: str) -> tuple[str, ...]:
    """Known values of an accelerator label, sorted."""
    return tuple(sorted(_clouds().accelerators.get(label_key, {})))


def gke_partition_sizes(accelerator: str) -> Mapping[str, int]:
    """Values of `cloud.google.com/gke-gpu-partition-size` that GKE offers on an accelerator, to instances per GPU."""
    return _clouds().gke_partition_sizes.get(accelerator, {})


def gpus_with_profile(name: str) -> tuple[Gpu, ...]:
    """Products that have the MIG profile, in configuration or resource spelling."""
    return _products().by_profile.get(_gpu_instance(name), ())


def is_known_profile(name: str) -> bool:
    """Whether any product has the profile, or had it under an earlier driver or on early boards."""
    name = _gpu_instance(name)
    return name in _products().by_profile or name in _products().former


def _gpu_instance(name: str) -> str:
    """The GPU instance profile of a profile name, `3g.20gb` of `1c.3g.20gb`."""
    profile = parse_profile(name) or parse_profile(profile_of_resource(name))
    return profile.gpu_instance if profile else name


@frozen
class _Label:
    gpu: Gpu
    value: str = ""
    produced: bool = True
    certain: bool = True


@frozen
class _Products:
    gpus: Mapping[str, Gpu]
    labels: Mapping[str, _Label]
    folded_labels: Mapping[str, _Label]
    devices: Mapping[str, tuple[Gpu, ...]]
    device_names: Mapping[str, str]
    devices_by_name: Mapping[str, int]
    by_profile: Mapping[str, tuple[Gpu, ...]]
    former: frozenset[str]


@frozen
class _Clouds:
    instances: Mapping[str, Instance]
    accelerators: Mapping[str, Mapping[str, tuple[Gpu, ...]]]
    gke_partition_sizes: Mapping[str, Mapping[str, int]]


@cache
def _products() -> _Products:
    data = _read("gpus.json")
    geometries = data["geometries"]
    found: dict[str, Gpu] = {}
    labels: dict[str, _Label] = {}
    devices: dict[str, tuple[Gpu, ...]] = {}
    names: dict[str, str] = {}
    devices_by_name: dict[str, int] = {}
    by_profile: dict[str, tuple[Gpu, ...]] = {}
    for row in data["gpus"]:
        gpu = _gpu(row, geometries.get(row.get("geometry"), {}))
        found[gpu.id] = gpu
        for label in row["product_labels"]:
            evidence = label["evidence"]
            value = label["value"]
            labels[value] = _Label(gpu, value, produced=evidence != "not-nvml", certain=evidence != "loose")
        for device in row["devices"]:
            devices[device["id"]] = (*devices.get(device["id"], ()), gpu)
            devices_by_name[_plain_name(device["name"])] = int(device["id"], 16)
            names[device["id"]] = f"{device['name']}; {device['note']}" if "note" in device else device["name"]
        for profile in gpu.profiles:
            by_profile[profile] = (*by_profile.get(profile, ()), gpu)
    return _Products(
        gpus=found,
        labels=labels,
        folded_labels={value.lower(): label for value, label in labels.items() if label.produced},
        devices=devices,
        device_names=names,
        devices_by_name=devices_by_name,
        by_profile=by_profile,
        former=frozenset(name for gpu in found.values() for name in gpu.former_profiles),
    )


@cache
def _clouds() -> _Clouds:
    data = _read("instances.json")
    known = _products().gpus
    instances = (
        Instance(row["type"], known[row["gpu"]], row["count"], row.get("fraction", False))
        for provider in data["instances"].values()
        for row in provider
    )
    return _Clouds(
        instances={instance.type.lower(): instance for instance in instances},
        accelerators={
            key: {value: tuple(known[gpu] for gpu in ids) for value, ids in entry["values"].items()}
            for key, entry in data["accelerators"].items()
        },
        gke_partition_sizes=data["gke_partition_sizes"]["values"],
    )


def _gpu(row: dict[str, Any], geometry: dict[str, Any]) -> Gpu:
    capability = row["compute_capability"]
    profiles = {name: _profile(name, geometry["kinds"][kind]) for name, kind in (row.get("profiles") or {}).items()}
    return Gpu(
        id=row["id"],
        model=row["model"],
        architecture=row["architecture"],
        compute_capability=_version(capability) if capability else None,
        memory_gb=row["memory_gb"],
        mig=row["mig"],
        profiles=MappingProxyType(profiles),
        profiles_known=row["mig"] is False or bool(profiles),
        memory_units=geometry.get("memory_units", 0),
        engines=geometry.get("engines"),
        former_profiles=row.get("former_profiles", {}),
        device_ids=tuple(device["id"] for device in row["devices"]),
        product_labels=tuple(label["value"] for label in row["product_labels"] if label["evidence"] in _CURRENT),
        data_centre=row["data_centre"],
    )


_CURRENT = ("seen", "derived")


def _profile(name: str, kind: dict[str, Any]) -> Profile:
    size = kind["memory"]
    placements = tuple((start, size) for start in kind["starts"])
    return Profile(name, kind["compute"], size, kind["max"], placements, kind.get("engines"))


def _plain_name(name: str) -> str:
    return name.lower().replace("-", " ").removeprefix("nvidia ").strip()


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return data
