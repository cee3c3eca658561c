"""Keys and values of node labels that no component sets."""

from __future__ import annotations

import pytest

from gpulint.gpu.catalog import by_product_label, gpus
from gpulint.gpu.discovery import bound_never_met, family_of, key_never_set, value_never_set

PRODUCT = "nvidia.com/gpu.product"
MEMORY = "nvidia.com/gpu.memory"
PCI = "feature.node.kubernetes.io/pci-"


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        pytest.param("nvidia.com/gpu.model", PRODUCT, id="another word"),
        pytest.param("nvidia.com/gpu.prodcut", PRODUCT, id="two letters have changed places"),
        pytest.param("nvidia.com/gpu.Product", PRODUCT, id="case"),
        pytest.param("nvidia.com/gpu.sharing_strategy", "nvidia.com/gpu.sharing-strategy", id="another separator"),
        pytest.param("nvidia.com/cuda.runtime", "nvidia.com/cuda.runtime.major", id="without its last part"),
        pytest.param(f"{PCI}10de", f"{PCI}10de.present", id="a vendor without a word"),
        pytest.param(f"{PCI}0302_10DE.present", f"{PCI}0302_10de.present", id="a vendor in capitals"),
        pytest.param("nvidia.com/gpu.colour", "", id="nothing like it"),
    ],
)
def test_keys_that_are_never_set(key: str, suggestion: str) -> None:
    never = key_never_set(key)
    assert never is not None
    assert (never.what, never.suggestion, never.sure) == ("key", suggestion, "medium" if suggestion else "low")


@pytest.mark.parametrize(
    "key",
    [
        PRODUCT,
        "nvidia.com/gpu.mode",
        "nvidia.com/gpu.deploy.driver",
        "nvidia.com/cuda.runtime-version.full",
        "nvidia.com/mig-1g.5gb.count",
        "nvidia.com/gpu-sharing",
        "example.com/gpu.model",
        f"{PCI}10de.present",
        f"{PCI}0300_10de_2236.sriov.capable",
        f"{PCI}15b3.present",
    ],
)
def test_keys_that_somebody_sets(key: str) -> None:
    assert key_never_set(key) is None


@pytest.mark.parametrize(
    ("key", "value", "suggestion"),
    [
        pytest.param(PRODUCT, "NVIDIA-T4", "Tesla-T4", id="the vendor's new name on an old board"),
        pytest.param(PRODUCT, "T4", "Tesla-T4", id="the model alone"),
        pytest.param(PRODUCT, "nvidia-tesla-t4-SHARED", "Tesla-T4-SHARED", id="the name of a cloud, shared"),
        pytest.param(PRODUCT, "nvidia-l40s", "NVIDIA-L40S", id="lower case"),
        pytest.param(PRODUCT, "Tesla T4", "Tesla-T4", id="a blank"),
        pytest.param(PRODUCT, "RTX-4090", "NVIDIA-GeForce-RTX-4090", id="without its family"),
        pytest.param(PRODUCT, "A100", "", id="a model of several boards"),
        pytest.param(PRODUCT, "Tesla-T4-shared", "Tesla-T4-SHARED", id="the suffix in lower case"),
        pytest.param(PRODUCT, "Tesla-T4-MIG-1g.5gb", "Tesla-T4", id="cut, without MIG"),
        pytest.param(PRODUCT, "NVIDIA-A30-MIG-1g.5gb", "", id="cut into what it has no profile for"),
        pytest.param(PRODUCT, "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb.gfx-SHARED", "", id="too long"),
        pytest.param("nvidia.com/mig.strategy", "none", "", id="no label says none"),
        pytest.param("nvidia.com/mig.strategy", "Mixed", "mixed", id="strategy in capitals"),
        pytest.param("nvidia.com/gpu.sharing-strategy", "timeSlicing", "time-slicing", id="the key of the config"),
        pytest.param("cloud.google.com/gke-gpu-sharing-strategy", "time-slicing", "time-sharing", id="GKE's word"),
        pytest.param(MEMORY, "80Gi", "", id="memory with a unit"),
        pytest.param(MEMORY, "80", "", id="memory in GiB"),
        pytest.param("nvidia.com/gpu.family", "Ampere", "ampere", id="family in capitals"),
        pytest.param("nvidia.com/gpu.family", "ada", "ada-lovelace", id="half a family"),
        pytest.param("nvidia.com/gpu.compute.major", "8.0", "", id="a fraction"),
        pytest.param("nvidia.com/gpu.present", "yes", "true", id="another truth"),
        pytest.param(f"{PCI}10de.present", "True", "true", id="truth in capitals"),
        pytest.param("cloud.google.com/gke-accelerator", "nvidia-t4", "nvidia-tesla-t4", id="GKE's name"),
        pytest.param("karpenter.k8s.aws/instance-gpu-name", "NVIDIA-L4", "l4", id="Karpenter's name"),
        pytest.param("karpenter.k8s.aws/instance-gpu-manufacturer", "NVIDIA", "nvidia", id="its maker"),
        pytest.param("eks.amazonaws.com/instance-gpu-memory", "24Gi", "", id="its memory"),
    ],
)
def test_values_that_are_never_set(key: str, value: str, suggestion: str) -> None:
    never = value_never_set(key, value)
    assert never is not None
    assert (never.what, never.suggestion) == ("value", suggestion)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(PRODUCT, "Tesla-T4-SHARED", id="shared"),
        pytest.param(PRODUCT, "NVIDIA-A100-SXM4-40GB-MIG-1g.10gb", id="cut"),
        pytest.param(PRODUCT, "NVIDIA-A100-SXM4-40GB-MIG-INVALID", id="cut badly"),
        pytest.param(PRODUCT, "NVIDIA-GeForce-GTX-1660-SUPER", id="not in the catalogue"),
        pytest.param(PRODUCT, "NVIDIA-H100", id="in use for several boards"),
        pytest.param(PRODUCT, "A10", id="as old drivers named it"),
        pytest.param(PRODUCT, "GeForce-RTX-3090", id="as old drivers named a desktop board"),
        pytest.param("nvidia.com/gpu.sharing-strategy", "", id="of an invalid layout"),
        pytest.param("nvidia.com/gpu.family", "ada-lovelace", id="family"),
        pytest.param(MEMORY, "39538", id="MiB"),
        pytest.param("nvidia.com/gpu.machine", "DGXH100", id="free text"),
        pytest.param("cloud.google.com/gke-accelerator", "nvidia-future", id="a new accelerator"),
        pytest.param("nvidia.com/mig.config", "halves", id="the author's own"),
    ],
)
def test_values_that_nodes_may_have(key: str, value: str) -> None:
    assert value_never_set(key, value) is None


def test_no_label_of_the_catalogue_is_called_impossible() -> None:
    labels = [label for gpu in gpus() for label in gpu.product_labels]
    assert [label for label in labels if value_never_set(PRODUCT, label)] == []


def test_bounds_are_whole_numbers() -> None:
    assert bound_never_met(MEMORY, "40Gi") is not None
    assert bound_never_met(MEMORY, "40000") is None
    assert bound_never_met("example.com/size", "40Gi") is None


@pytest.mark.parametrize(
    ("product", "family"),
    [("Tesla-T4", "turing"), ("NVIDIA-L4", "ada-lovelace"), ("NVIDIA-GB300", "blackwell"), ("NVIDIA-H200", "hopper")],
)
def test_families(product: str, family: str) -> None:
    gpu = by_product_label(product).gpu
    assert gpu is not None
    assert family_of(gpu) == family
