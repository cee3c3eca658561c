"""What an extended resource name is."""

from __future__ import annotations

import pytest

from gpulint.gpu.resources import classify

KINDS = [
    ("nvidia.com/gpu", "full", "", ""),
    ("nvidia.com/gpu.shared", "shared", "", ""),
    ("nvidia.com/mig-1g.5gb", "mig", "1g.5gb", ""),
    ("nvidia.com/mig-1g.10gb.me", "mig", "1g.10gb+me", ""),
    ("nvidia.com/mig-1g.24gb.me.all", "mig", "1g.24gb+me.all", ""),
    ("nvidia.com/mig-4g.96gb.gfx", "mig", "4g.96gb+gfx", ""),
    ("nvidia.com/mig-1g.24gb-me", "mig", "1g.24gb-me", ""),
    ("nvidia.com/mig-4g.5gb", "mig", "4g.5gb", ""),
    ("nvidia.com/mig-1c.3g.20gb", "mig", "1c.3g.20gb", ""),
    ("nvidia.com/mig-1g.5gb.shared", "mig-shared", "1g.5gb", ""),
    ("nvidia.com/mig-1g.10gb.me.shared", "mig-shared", "1g.10gb+me", ""),
    ("nvidia.com/gpumem", "known-vendor", "", ""),
    ("nvidia.com/gpumem-percentage", "known-vendor", "", ""),
    ("nvidia.com/gpucores", "known-vendor", "", ""),
    ("nvidia.com/vgpu", "known-vendor", "", ""),
    ("nvidia.com/pgpu", "known-vendor", "", ""),
    ("nvidia.com/GA102GL_A10", "known-vendor", "", ""),
    ("nvidia.com/NVIDIA_A10-12Q", "known-vendor", "", ""),
    ("nvidia.com/roce_gdr", "known-vendor", "", ""),
    ("nvidia.com/hostdev", "known-vendor", "", ""),
    ("nvidia.com/gpu.H100", "known-vendor", "", ""),
    ("volcano.sh/vgpu-number", "known-vendor", "", ""),
    ("koordinator.sh/gpu.shared", "known-vendor", "", ""),
    ("aliyun.com/gpu-mem", "known-vendor", "", ""),
    ("amd.com/gpu", "other-accelerator", "", ""),
    ("amd.com/cpx_nps4", "other-accelerator", "", ""),
    ("gpu.intel.com/i915", "other-accelerator", "", ""),
    ("gpu.intel.com/xe_monitoring", "other-accelerator", "", ""),
    ("habana.ai/gaudi", "other-accelerator", "", ""),
    ("aws.amazon.com/neuroncore", "other-accelerator", "", ""),
    ("google.com/tpu", "other-accelerator", "", ""),
    ("huawei.com/Ascend910B", "other-accelerator", "", ""),
    ("iluvatar.ai/BI-V100-vgpu", "other-accelerator", "", ""),
    ("npu.intel.com/accel", "other-accelerator", "", ""),
    ("amd.com/gpu_vf", "known-vendor", "", ""),
    ("tke.cloud.tencent.com/qgpu-core", "known-vendor", "", ""),
    ("nvidia.com/gpus", "near-miss", "", "nvidia.com/gpu"),
    ("requests.nvidia.com/gpu", "near-miss", "", "nvidia.com/gpu"),
    ("limits.nvidia.com/mig-1g.5gb", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("requests.example.com/fpga", "unrelated", "", ""),
    ("nvidia.com/GPU", "near-miss", "", "nvidia.com/gpu"),
    ("nvidia.com/gpu-shared", "near-miss", "", "nvidia.com/gpu.shared"),
    ("nvidia.com/shared-gpu", "near-miss", "", "nvidia.com/gpu.shared"),
    ("nvidia.com/mig_1g.5gb", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("nvidia.com/mig-1g5gb", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("nvidia.com/mig-1G.5GB", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("nvidia.com/1g.5gb", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("nvidia.com/mig-1g.5gb-shared", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb.shared"),
    ("nvidia.com/mig-small", "near-miss", "", ""),
    ("nvidia.com/gpu.memory", "near-miss", "", ""),
    ("nvidia.com/mig-1g.5gb.count", "near-miss", "", ""),
    ("nvidia/gpu", "near-miss", "", "nvidia.com/gpu"),
    ("nvdia.com/gpu", "near-miss", "", "nvidia.com/gpu"),
    ("nvidia.io/mig-1g.5gb", "near-miss", "1g.5gb", "nvidia.com/mig-1g.5gb"),
    ("gpu", "near-miss", "", "nvidia.com/gpu"),
    ("nvidia-gpu", "near-miss", "", "nvidia.com/gpu"),
    ("alpha.kubernetes.io/nvidia-gpu", "near-miss", "", "nvidia.com/gpu"),
    ("amd.com/gpus", "near-miss", "", "amd.com/gpu"),
    ("gpu.intel.com/i916", "near-miss", "", "gpu.intel.com/i915"),
    ("cpu", "unrelated", "", ""),
    ("memory", "unrelated", "", ""),
    ("hugepages-2Mi", "unrelated", "", ""),
    ("ephemeral-storage", "unrelated", "", ""),
    ("example.com/gpu", "unrelated", "", ""),
    ("rdma/hca_shared_devices_a", "unrelated", "", ""),
    ("google.com/fuse", "unrelated", "", ""),
]


@pytest.mark.parametrize(("name", "kind", "profile", "suggestion"), KINDS, ids=[row[0] for row in KINDS])
def test_classify(name: str, kind: str, profile: str, suggestion: str) -> None:
    found = classify(name)
    assert (found.kind, found.profile, found.suggestion) == (kind, profile, suggestion)
    assert found.is_nvidia == (kind in ("full", "shared", "mig", "mig-shared"))


def test_configuration_spelling_is_told_apart() -> None:
    found = classify("nvidia.com/mig-1g.10gb+me")
    assert (found.kind, found.profile, found.suggestion) == ("near-miss", "1g.10gb+me", "nvidia.com/mig-1g.10gb.me")
    assert found.config_spelling
    assert not classify("nvidia.com/mig_1g.10gb").config_spelling


def test_node_labels_are_told_apart() -> None:
    assert classify("nvidia.com/gpu.memory").node_label
    assert not classify("nvidia.com/gpus").node_label


def test_the_name_before_renaming() -> None:
    assert classify("nvidia.com/gpu.shared").unshared == "nvidia.com/gpu"
    assert classify("nvidia.com/mig-1g.5gb.shared").unshared == "nvidia.com/mig-1g.5gb"
    assert classify("nvidia.com/gpu").unshared == "nvidia.com/gpu"


@pytest.mark.parametrize("name", [row[3] for row in KINDS if row[3]])
def test_suggestions_are_names_that_exist(name: str) -> None:
    assert classify(name).kind in ("full", "shared", "mig", "mig-shared", "other-accelerator")
