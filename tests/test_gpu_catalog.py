"""The catalogue of GPUs, node labels, device ids and cloud instance types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gpulint.gpu import catalog, stock
from gpulint.gpu.mig import parse_profile

# Value of nvidia.com/gpu.product, product, whether GPU Feature Discovery can give it.
LABELS = [
    ("NVIDIA-A100-SXM4-40GB", "a100-40gb", True),
    ("NVIDIA-A100-PCIE-40GB", "a100-40gb", True),
    ("A100-SXM4-40GB", "a100-40gb", True),
    ("A100-PCIE-40GB", "a100-40gb", True),
    ("NVIDIA-A100-40GB-PCIe", "a100-40gb", False),
    ("NVIDIA-A800-SXM4-40GB", "a800-40gb", True),
    ("NVIDIA-A800-40GB-Active", "a800-40gb", True),
    ("NVIDIA-A100-SXM4-80GB", "a100-80gb", True),
    ("NVIDIA-A100-80GB-PCIe", "a100-80gb", True),
    ("A100-SXM4-80GB", "a100-80gb", True),
    ("NVIDIA-A100-PCIE-80GB", "a100-80gb", False),
    ("NVIDIA-A800-80GB-PCIe", "a800-80gb", True),
    ("NVIDIA-A800-SXM4-80GB", "a800-80gb", True),
    ("NVIDIA-A30", "a30", True),
    ("NVIDIA-A100-SXM-64GB", "a100-sxm-64gb", True),
    ("NVIDIA-H100-80GB-HBM3", "h100-80gb", True),
    ("NVIDIA-H100-PCIe", "h100-80gb", True),
    ("NVIDIA-H100-SXM4-80GB", "h100-80gb", False),
    ("NVIDIA-H100-SXM5-80GB", "h100-80gb", False),
    ("NVIDIA-H800", "h800-80gb", True),
    ("NVIDIA-H800-PCIe", "h800-80gb", True),
    ("NVIDIA-H100-NVL", "h100-94gb", True),
    ("NVIDIA-H100", "h100-94gb", True),
    ("NVIDIA-H100-SXM5-94GB", "h100-94gb", False),
    ("NVIDIA-H800-NVL", "h800-94gb", True),
    ("NVIDIA-GH200-480GB", "h100-96gb", True),
    ("NVIDIA-GH200-120GB", "h100-96gb", True),
    ("NVIDIA-PG506-232", "pg506-96gb", True),
    ("NVIDIA-H20", "h20-96gb", True),
    ("NVIDIA-H20-SXM5-96GB", "h20-96gb", False),
    ("NVIDIA-H20-3e", "h20-141gb", True),
    ("NVIDIA-H200", "h200-141gb", True),
    ("NVIDIA-H200-NVL", "h200-141gb", True),
    ("NVIDIA-H200-SXM5-141GB", "h200-141gb", False),
    ("NVIDIA-H200-SXM", "h200-141gb", False),
    ("NVIDIA-GH200-144G-HBM3e", "gh200-144gb", True),
    ("NVIDIA-B200", "b200", True),
    ("NVIDIA-GB200", "gb200", True),
    ("NVIDIA-B300-SXM6-AC", "b300", True),
    ("NVIDIA-B300-SXM6-PC", "b300", True),
    ("NVIDIA-GB300", "gb300", True),
    ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "rtx-pro-6000-blackwell", True),
    ("NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition", "rtx-pro-6000-blackwell", True),
    ("NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition", "rtx-pro-6000-blackwell", True),
    ("NVIDIA-RTX-PRO-5000-Blackwell", "rtx-pro-5000-blackwell-48gb", True),
    ("NVIDIA-RTX-PRO-4500-Blackwell", "rtx-pro-4500-blackwell", True),
    ("Tesla-T4", "tesla-t4", True),
    ("NVIDIA-T4", "tesla-t4", False),
    ("TESLA-T4", "tesla-t4", False),
    ("Tesla-V100-SXM2-16GB", "v100-16gb", True),
    ("Tesla-V100-PCIE-16GB", "v100-16gb", True),
    ("NVIDIA-V100-SXM2-16GB", "v100-16gb", False),
    ("Tesla-V100-SXM2-32GB", "v100-32gb", True),
    ("Tesla-V100-PCIE-32GB", "v100-32gb", True),
    ("Tesla-V100-DGXS-32GB", "v100-32gb", True),
    ("Tesla-P100-PCIE-16GB", "p100-16gb", True),
    ("Tesla-P100", "p100-16gb", False),
    ("Tesla-P40", "p40", True),
    ("Tesla-K80", "k80", True),
    ("NVIDIA-L4", "l4", True),
    ("NVIDIA-L4G", "l4", False),
    ("NVIDIA-L2", "l2", True),
    ("NVIDIA-L40", "l40", True),
    ("NVIDIA-L40S", "l40s", True),
    ("NVIDIA-L20", "l20", True),
    ("NVIDIA-A10", "a10", True),
    ("NVIDIA-A10G", "a10g", True),
    ("NVIDIA-A16", "a16", True),
    ("NVIDIA-A2", "a2", True),
    ("NVIDIA-A40", "a40", True),
    ("NVIDIA-RTX-A6000", "rtx-a6000", True),
    ("NVIDIA-RTX-A5500", "rtx-a5500", True),
    ("NVIDIA-RTX-A5000", "rtx-a5000", True),
    ("NVIDIA-RTX-A4000", "rtx-a4000", True),
    ("NVIDIA-RTX-6000-Ada-Generation", "rtx-6000-ada", True),
    ("NVIDIA-RTX-5880-Ada-Generation", "rtx-5880-ada", True),
    ("NVIDIA-RTX-5000-Ada-Generation", "rtx-5000-ada", True),
    ("NVIDIA-RTX-4000-Ada-Generation", "rtx-4000-ada", True),
    ("Quadro-RTX-6000", "quadro-rtx-6000", True),
    ("Quadro-RTX-8000", "quadro-rtx-8000", True),
    ("NVIDIA-RTX-PRO-4000-Blackwell", "rtx-pro-4000-blackwell", True),
    ("NVIDIA-RTX-6000D", "rtx-6000d", True),
    ("NVIDIA-GeForce-RTX-5090", "geforce-rtx-5090", True),
    ("NVIDIA-GeForce-RTX-4090", "geforce-rtx-4090", True),
    ("NVIDIA-GeForce-RTX-3090", "geforce-rtx-3090", True),
    ("NVIDIA-GeForce-RTX-2080-Ti", "geforce-rtx-2080-ti", True),
    ("NVIDIA-GeForce-GTX-1080-Ti", "geforce-gtx-1080-ti", True),
    ("NVIDIA-TITAN-RTX", "titan-rtx", True),
]

# Instance type, product, GPUs per node.
INSTANCES = [
    ("g3.4xlarge", "m60", 1),
    ("g3.8xlarge", "m60", 2),
    ("g3.16xlarge", "m60", 4),
    ("g3s.xlarge", "m60", 1),
    ("g4dn.2xlarge", "tesla-t4", 1),
    ("g4dn.4xlarge", "tesla-t4", 1),
    ("g4dn.8xlarge", "tesla-t4", 1),
    ("g4dn.12xlarge", "tesla-t4", 4),
    ("g4dn.16xlarge", "tesla-t4", 1),
    ("g4dn.metal", "tesla-t4", 8),
    ("g4dn.xlarge", "tesla-t4", 1),
    ("g5.2xlarge", "a10g", 1),
    ("g5.4xlarge", "a10g", 1),
    ("g5.8xlarge", "a10g", 1),
    ("g5.12xlarge", "a10g", 4),
    ("g5.16xlarge", "a10g", 1),
    ("g5.24xlarge", "a10g", 4),
    ("g5.48xlarge", "a10g", 8),
    ("g5.xlarge", "a10g", 1),
    ("g5g.2xlarge", "t4g", 1),
    ("g5g.4xlarge", "t4g", 1),
    ("g5g.8xlarge", "t4g", 1),
    ("g5g.16xlarge", "t4g", 2),
    ("g5g.metal", "t4g", 2),
    ("g5g.xlarge", "t4g", 1),
    ("g6.2xlarge", "l4", 1),
    ("g6.4xlarge", "l4", 1),
    ("g6.8xlarge", "l4", 1),
    ("g6.12xlarge", "l4", 4),
    ("g6.16xlarge", "l4", 1),
    ("g6.24xlarge", "l4", 4),
    ("g6.48xlarge", "l4", 8),
    ("g6.xlarge", "l4", 1),
    ("g6e.2xlarge", "l40s", 1),
    ("g6e.4xlarge", "l40s", 1),
    ("g6e.8xlarge", "l40s", 1),
    ("g6e.12xlarge", "l40s", 4),
    ("g6e.16xlarge", "l40s", 1),
    ("g6e.24xlarge", "l40s", 4),
    ("g6e.48xlarge", "l40s", 8),
    ("g6e.xlarge", "l40s", 1),
    ("g6f.2xlarge", "l4", 1),
    ("g6f.4xlarge", "l4", 1),
    ("g6f.large", "l4", 1),
    ("g6f.xlarge", "l4", 1),
    ("g7.2xlarge", "rtx-pro-4500-blackwell", 1),
    ("g7.4xlarge", "rtx-pro-4500-blackwell", 1),
    ("g7.8xlarge", "rtx-pro-4500-blackwell", 1),
    ("g7.12xlarge", "rtx-pro-4500-blackwell", 2),
    ("g7.24xlarge", "rtx-pro-4500-blackwell", 4),
    ("g7.48xlarge", "rtx-pro-4500-blackwell", 8),
    ("g7e.2xlarge", "rtx-pro-6000-blackwell", 1),
    ("g7e.4xlarge", "rtx-pro-6000-blackwell", 1),
    ("g7e.8xlarge", "rtx-pro-6000-blackwell", 1),
    ("g7e.12xlarge", "rtx-pro-6000-blackwell", 2),
    ("g7e.24xlarge", "rtx-pro-6000-blackwell", 4),
    ("g7e.48xlarge", "rtx-pro-6000-blackwell", 8),
    ("gr6.4xlarge", "l4", 1),
    ("gr6.8xlarge", "l4", 1),
    ("gr6f.4xlarge", "l4", 1),
    ("p2.8xlarge", "k80", 8),
    ("p2.16xlarge", "k80", 16),
    ("p2.xlarge", "k80", 1),
    ("p3.2xlarge", "v100-16gb", 1),
    ("p3.8xlarge", "v100-16gb", 4),
    ("p3.16xlarge", "v100-16gb", 8),
    ("p3dn.24xlarge", "v100-32gb", 8),
    ("p4d.24xlarge", "a100-40gb", 8),
    ("p4de.24xlarge", "a100-80gb", 8),
    ("p5.4xlarge", "h100-80gb", 1),
    ("p5.48xlarge", "h100-80gb", 8),
    ("p5e.48xlarge", "h200-141gb", 8),
    ("p5en.48xlarge", "h200-141gb", 8),
    ("p6-b200.48xlarge", "b200", 8),
    ("p6-b300.48xlarge", "b300", 8),
    ("p6e-gb200.36xlarge", "gb200", 4),
    ("a2-highgpu-1g", "a100-40gb", 1),
    ("a2-highgpu-2g", "a100-40gb", 2),
    ("a2-highgpu-4g", "a100-40gb", 4),
    ("a2-highgpu-8g", "a100-40gb", 8),
    ("a2-megagpu-16g", "a100-40gb", 16),
    ("a2-ultragpu-1g", "a100-80gb", 1),
    ("a2-ultragpu-2g", "a100-80gb", 2),
    ("a2-ultragpu-4g", "a100-80gb", 4),
    ("a2-ultragpu-8g", "a100-80gb", 8),
    ("a3-highgpu-1g", "h100-80gb", 1),
    ("a3-highgpu-2g", "h100-80gb", 2),
    ("a3-highgpu-4g", "h100-80gb", 4),
    ("a3-highgpu-8g", "h100-80gb", 8),
    ("a3-megagpu-8g", "h100-80gb", 8),
    ("a3-ultragpu-8g", "h200-141gb", 8),
    ("a4-highgpu-8g", "b200", 8),
    ("a4x-highgpu-4g", "gb200", 4),
    ("a4x-maxgpu-4g-metal", "gb300", 4),
    ("g2-standard-4", "l4", 1),
    ("g2-standard-8", "l4", 1),
    ("g2-standard-12", "l4", 1),
    ("g2-standard-16", "l4", 1),
    ("g2-standard-32", "l4", 1),
    ("g2-standard-24", "l4", 2),
    ("g2-standard-48", "l4", 4),
    ("g2-standard-96", "l4", 8),
    ("g4-standard-48", "rtx-pro-6000-blackwell", 1),
    ("g4-standard-96", "rtx-pro-6000-blackwell", 2),
    ("g4-standard-192", "rtx-pro-6000-blackwell", 4),
    ("g4-standard-384", "rtx-pro-6000-blackwell", 8),
    ("g4-standard-24", "rtx-pro-6000-blackwell", 1),
    ("g4-standard-12", "rtx-pro-6000-blackwell", 1),
    ("g4-standard-6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC24ads_A100_v4", "a100-80gb", 1),
    ("Standard_NC48ads_A100_v4", "a100-80gb", 2),
    ("Standard_NC96ads_A100_v4", "a100-80gb", 4),
    ("Standard_ND96asr_v4", "a100-40gb", 8),
    ("Standard_ND96amsr_A100_v4", "a100-80gb", 8),
    ("Standard_NC40ads_H100_v5", "h100-94gb", 1),
    ("Standard_NC80adis_H100_v5", "h100-94gb", 2),
    ("Standard_NCC40ads_H100_v5", "h100-94gb", 1),
    ("Standard_ND96isr_H100_v5", "h100-80gb", 8),
    ("Standard_ND96isr_H200_v5", "h200-141gb", 8),
    ("Standard_ND128isr_NDR_GB200_v6", "gb200", 4),
    ("Standard_ND128isr_GB300_v6", "gb300", 4),
    ("Standard_NC4as_T4_v3", "tesla-t4", 1),
    ("Standard_NC8as_T4_v3", "tesla-t4", 1),
    ("Standard_NC16as_T4_v3", "tesla-t4", 1),
    ("Standard_NC64as_T4_v3", "tesla-t4", 4),
    ("Standard_NC6s_v3", "v100-16gb", 1),
    ("Standard_NC12s_v3", "v100-16gb", 2),
    ("Standard_NC24s_v3", "v100-16gb", 4),
    ("Standard_NC24rs_v3", "v100-16gb", 4),
    ("Standard_NC8ads_A10_v4", "a10", 1),
    ("Standard_NC16ads_A10_v4", "a10", 1),
    ("Standard_NC32ads_A10_v4", "a10", 2),
    ("Standard_NV6ads_A10_v5", "a10", 1),
    ("Standard_NV12ads_A10_v5", "a10", 1),
    ("Standard_NV18ads_A10_v5", "a10", 1),
    ("Standard_NV36ads_A10_v5", "a10", 1),
    ("Standard_NV36adms_A10_v5", "a10", 1),
    ("Standard_NV72ads_A10_v5", "a10", 2),
    ("Standard_NC24lds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC36ds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC36lds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC72ds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC72lds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC144ds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC144lds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 1),
    ("Standard_NC288ds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 2),
    ("Standard_NC288lds_xl_RTXPRO6000BSE_v6", "rtx-pro-6000-blackwell", 2),
]


@pytest.mark.parametrize(("value", "gpu_id", "produced"), LABELS, ids=[row[0] for row in LABELS])
def test_product_labels(value: str, gpu_id: str, produced: bool) -> None:
    product = catalog.by_product_label(value)
    assert product.gpu is catalog.by_id(gpu_id)
    assert product.produced is produced
    assert (product.mig_profile, product.shared, product.invalid_mig) == ("", False, False)
    assert bool(product.suggestion) <= (not produced)


SUFFIXES = [
    ("Tesla-T4-SHARED", "tesla-t4", "", True, False),
    ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "a100-40gb", "1g.5gb", False, False),
    ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED", "a100-40gb", "1g.5gb", True, False),
    ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me", "a100-40gb", "1g.5gb+me", False, False),
    ("NVIDIA-A100-SXM4-40GB-MIG-INVALID", "a100-40gb", "", False, True),
    (
        "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb.gfx-SHARED",
        "rtx-pro-6000-blackwell",
        "1g.24gb+gfx",
        True,
        False,
    ),
]


@pytest.mark.parametrize(("value", "gpu_id", "profile", "shared", "invalid"), SUFFIXES)
def test_suffixes_of_product_labels(value: str, gpu_id: str, profile: str, shared: bool, invalid: bool) -> None:
    product = catalog.by_product_label(value)
    assert product.gpu is catalog.by_id(gpu_id)
    assert (product.mig_profile, product.shared, product.invalid_mig) == (profile, shared, invalid)


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("NVIDIA-T4", "Tesla-T4"),
        ("TESLA-T4", "Tesla-T4"),
        ("tesla-t4-SHARED", "Tesla-T4-SHARED"),
        ("nvidia-l4", "NVIDIA-L4"),
        ("NVIDIA-A100-sxm4-40GB-MIG-1g.5gb", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"),
    ],
)
def test_label_values_are_case_sensitive(value: str, suggestion: str) -> None:
    product = catalog.by_product_label(value)
    assert product.gpu is not None
    assert not product.produced
    assert product.suggestion == suggestion


def test_an_unknown_product_is_not_wrong() -> None:
    product = catalog.by_product_label("NVIDIA-GeForce-RTX-3060-SHARED")
    assert (product.gpu, product.shared, product.produced, product.suggestion) == (None, True, True, "")


def test_a_label_in_loose_use_is_not_certain() -> None:
    assert not catalog.by_product_label("NVIDIA-H100").certain
    assert catalog.by_product_label("NVIDIA-H100-80GB-HBM3").certain


@pytest.mark.parametrize(("instance_type", "gpu_id", "count"), INSTANCES, ids=[row[0] for row in INSTANCES])
def test_instance_types(instance_type: str, gpu_id: str, count: int) -> None:
    found = catalog.by_instance_type(instance_type)
    assert found is not None
    assert found == (catalog.by_id(gpu_id), count)


def test_instance_types_with_a_part_of_a_gpu() -> None:
    fractions = {name for name, *_ in INSTANCES if (found := catalog.instance(name)) and found.fraction}
    assert {"g6f.xlarge", "g4-standard-24", "Standard_NV6ads_A10_v5"} <= fractions
    assert not {"g6.xlarge", "g4-standard-48", "Standard_NV36ads_A10_v5"} & fractions


def test_instance_types_that_are_not_known() -> None:
    assert catalog.by_instance_type("m5.large") is None
    assert catalog.by_instance_type("") is None
    assert catalog.by_instance_type("standard_nc24ads_a100_v4") == (catalog.by_id("a100-80gb"), 1)


ACCELERATORS = [
    ("cloud.google.com/gke-accelerator", "nvidia-tesla-t4", ["tesla-t4"]),
    ("cloud.google.com/gke-accelerator", "nvidia-tesla-a100", ["a100-40gb"]),
    ("cloud.google.com/gke-accelerator", "nvidia-h100-mega-80gb", ["h100-80gb"]),
    ("cloud.google.com/gke-accelerator", "nvidia-h100", []),
    ("karpenter.k8s.aws/instance-gpu-name", "t4", ["tesla-t4"]),
    ("karpenter.k8s.aws/instance-gpu-name", "a100", ["a100-40gb", "a100-80gb"]),
    ("karpenter.k8s.aws/instance-gpu-name", "v100", ["v100-16gb", "v100-32gb"]),
    ("eks.amazonaws.com/instance-gpu-name", "h200", ["h200-141gb"]),
    ("karpenter.azure.com/sku-gpu-name", "A100", ["a100-40gb", "a100-80gb"]),
    ("k8s.amazonaws.com/accelerator", "t4", []),
]


@pytest.mark.parametrize(("key", "value", "ids"), ACCELERATORS)
def test_accelerator_labels(key: str, value: str, ids: list[str]) -> None:
    assert [gpu.id for gpu in catalog.accelerators(key, value)] == ids
    sole = catalog.by_accelerator(key, value)
    assert (sole.id if sole else None) == (ids[0] if len(ids) == 1 else None)


def test_gke_partition_sizes_are_profiles_of_the_accelerator() -> None:
    for accelerator in catalog.accelerator_values("cloud.google.com/gke-accelerator"):
        gpu = catalog.by_accelerator("cloud.google.com/gke-accelerator", accelerator)
        assert gpu is not None
        for profile, most in catalog.gke_partition_sizes(accelerator).items():
            assert gpu.profiles[profile].max_instances == most


DEVICES = [
    (0x20B0, ["a100-40gb"]),
    (0x2335, ["h200-141gb"]),
    (0x233B, ["h200-141gb"]),
    (0x2339, ["h100-94gb"]),
    (0x1EB8, ["tesla-t4"]),
    (0x25B6, ["a16", "a2"]),
    (0x1E30, ["quadro-rtx-6000", "quadro-rtx-8000"]),
    (0xFFFF, []),
]


@pytest.mark.parametrize(("device", "ids"), DEVICES)
def test_device_ids(device: int, ids: list[str]) -> None:
    assert [gpu.id for gpu in catalog.by_device_id(device)] == ids


def test_every_device_id_is_found() -> None:
    for gpu in catalog.gpus():
        for device in gpu.device_ids:
            assert gpu in catalog.by_device_id(int(device, 16))
            assert catalog.device_name(int(device, 16))


def test_device_names() -> None:
    assert catalog.device_of_name("NVIDIA H200") == 0x2335
    assert catalog.device_of_name("NVIDIA-A100-SXM4-40GB") == 0x20B0
    assert catalog.device_of_name("Voodoo") is None
    assert catalog.device_name(0x2339).startswith("H100 SXM5 94GB")


def test_profile_names_across_products() -> None:
    """Names of 1g, doubled 1g, 2g, 3g, 4g and 7g in GB."""
    expected = {
        "a100-40gb": (5, 10, 10, 20, 20, 40),
        "a800-40gb": (5, 10, 10, 20, 20, 40),
        "a100-80gb": (10, 20, 20, 40, 40, 80),
        "a800-80gb": (10, 20, 20, 40, 40, 80),
        "h100-64gb": (8, 16, 16, 32, 32, 64),
        "h100-80gb": (10, 20, 20, 40, 40, 80),
        "h800-80gb": (10, 20, 20, 40, 40, 80),
        "h100-94gb": (12, 24, 24, 47, 47, 94),
        "h800-94gb": (12, 24, 24, 47, 47, 94),
        "h100-96gb": (12, 24, 24, 48, 48, 96),
        "pg506-96gb": (12, 24, 24, 48, 48, 96),
        "h20-96gb": (12, 24, 24, 48, 48, 96),
        "h20-141gb": (18, 35, 35, 71, 71, 141),
        "h200-141gb": (18, 35, 35, 71, 71, 141),
        "gh200-144gb": (18, 36, 36, 72, 72, 144),
        "b200": (23, 45, 45, 90, 90, 180),
        "gb200": (23, 47, 47, 93, 93, 186),
        "b300": (34, 67, 67, 135, 135, 269),
        "gb300": (35, 70, 70, 139, 139, 278),
    }
    found = {}
    for gpu in catalog.gpus():
        if gpu.memory_units == 8:
            plain = [profile for name in gpu.profiles if (profile := parse_profile(name)) and not profile.suffix]
            found[gpu.id] = tuple(profile.memory_gb for profile in plain)
    assert found == expected


def test_profile_lookups() -> None:
    assert [gpu.id for gpu in catalog.gpus_with_profile("1g.18gb")] == ["h20-141gb", "h200-141gb", "gh200-144gb"]
    assert [gpu.id for gpu in catalog.gpus_with_profile("1c.3g.71gb")] == ["h20-141gb", "h200-141gb"]
    assert [gpu.id for gpu in catalog.gpus_with_profile("1g.6gb.me")] == ["a30"]
    assert catalog.gpus_with_profile("4g.80gb") == ()
    assert catalog.is_known_profile("1g.10gb+me")
    assert catalog.is_known_profile("3g.95gb"), "early GB200 boards"
    assert not catalog.is_known_profile("4g.80gb")
    assert not catalog.is_known_profile("large")


@pytest.mark.parametrize(
    ("gpu_id", "data_centre", "mig", "capability"),
    [
        ("tesla-t4", True, False, (7, 5)),
        ("v100-16gb", True, False, (7, 0)),
        ("a10g", True, False, (8, 6)),
        ("l40s", True, False, (8, 9)),
        ("a100-40gb", True, True, (8, 0)),
        ("h200-141gb", True, True, (9, 0)),
        ("b200", True, True, (10, 0)),
        ("rtx-pro-6000-blackwell", True, True, (12, 0)),
        ("geforce-rtx-4090", False, False, (8, 9)),
        ("titan-rtx", False, False, (7, 5)),
        ("rtx-6000d", False, None, None),
    ],
)
def test_facts(gpu_id: str, data_centre: bool, mig: bool | None, capability: tuple[int, int] | None) -> None:
    gpu = catalog.by_id(gpu_id)
    assert gpu is not None
    assert (gpu.data_centre, gpu.mig, gpu.compute_capability) == (data_centre, mig, capability)


def test_profiles_are_known_or_said_to_be_unknown() -> None:
    unknown = {gpu.id for gpu in catalog.gpus() if not gpu.profiles_known}
    assert unknown == {"a100-sxm-64gb", "b100", "rtx-6000d"}
    for gpu in catalog.gpus():
        assert not (gpu.mig is False and gpu.profiles)
        for profile in gpu.profiles.values():
            assert all(start + size <= gpu.memory_units for start, size in profile.placements)


def test_sources_are_named() -> None:
    for name in ("gpus.json", "instances.json"):
        data = json.loads(Path(catalog.__file__).with_name(name).read_text(encoding="utf-8"))
        assert all(data["sources"].values())
    data = json.loads(Path(catalog.__file__).with_name("gpus.json").read_text(encoding="utf-8"))
    keys = set(data["sources"])
    for row in data["gpus"]:
        assert row["sources"] or row["devices"]
        for source in (*row["sources"], *(device["source"] for device in row["devices"])):
            assert any(key in source for key in keys), source


def test_nothing_is_read_at_import() -> None:
    code = (
        "import gpulint.gpu.stock as stock, gpulint.gpu.catalog as catalog;"
        "print(catalog._products.cache_info().currsize, stock._stock.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]


@pytest.mark.parametrize(
    ("name", "gpu_id", "expected"),
    [
        ("all-disabled", "h200-141gb", (False, {})),
        ("all-enabled", "h200-141gb", (True, {})),
        ("all-1g.18gb", "h200-141gb", (True, {"1g.18gb": 7})),
        ("all-1g.18gb.me", "h200-141gb", (True, {"1g.18gb+me": 1})),
        ("all-1g.35gb", "h200-141gb", (True, {"1g.35gb": 4})),
        ("all-1g.35gb", "gb300", (True, {"1g.35gb": 7})),
        ("all-balanced", "a100-40gb", (True, {"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1})),
        ("all-balanced", "a30", (True, {"1g.6gb": 2, "2g.12gb": 1})),
        ("all-balanced", "rtx-pro-6000-blackwell", (True, {"1g.24gb": 2, "2g.48gb": 1})),
        ("all-balanced", "rtx-pro-4500-blackwell", None),
        ("all-1g.5gb", "h200-141gb", None),
        ("all-1g.5gb", "tesla-t4", (True, {"1g.5gb": 7})),
        ("all-balanced", "b100", None),
        ("balanced", "a100-40gb", None),
    ],
)
def test_stock_layout_of_a_node(name: str, gpu_id: str, expected: tuple[bool, dict[str, int]] | None) -> None:
    gpu = catalog.by_id(gpu_id)
    assert gpu is not None
    layout = stock.layout(name, gpu)
    assert (layout and (layout.mig_enabled, dict(layout.profiles))) == expected


def test_names_of_generated_configurations() -> None:
    a30 = catalog.by_id("a30")
    assert a30 is not None
    assert stock.names_for(a30) == (
        "all-1g.6gb",
        "all-1g.6gb.me",
        "all-2g.12gb",
        "all-2g.12gb.me",
        "all-4g.24gb",
        "all-balanced",
        "all-disabled",
        "all-enabled",
    )
    assert stock.is_stock_name("all-3g.95gb")
    assert stock.is_stock_name("all-1g.8gb")
    assert not stock.is_stock_name("all-1g.20gb+me")
    assert stock.profiles_of("all-1g.35gb") == {"1g.35gb"}
    assert {"3g.20gb", "3g.71gb", "2g.12gb"} <= stock.profiles_of("all-balanced")
