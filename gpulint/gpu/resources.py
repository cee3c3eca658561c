"""Names of extended resources: which GPU resource a container asks for, and what a name that does not exist was to be.

NVIDIA's names are those of `k8s-device-plugin internal/rm`; other schedulers and plugins put names of their own under
the same domain (HAMi, KubeVirt, the network operator), which are left alone.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.mig import parse_profile, profile_of_resource, resource_name, suggest_profile
from gpulint.gpu.problem import closest

Kind: TypeAlias = Literal[
    "full", "shared", "mig", "mig-shared", "other-accelerator", "known-vendor", "near-miss", "unrelated"
]
"""`full`: `nvidia.com/gpu`; `shared`: its renamed form; `mig`, `mig-shared`: a MIG profile likewise;
`other-accelerator`: advertised by another vendor's plugin; `known-vendor`: a GPU scheduler, or another use of a GPU
vendor's domain; `near-miss`: no plugin advertises it, and it looks like a name that one does; `unrelated`: everything
else."""

FULL = "nvidia.com/gpu"
SHARED = "nvidia.com/gpu.shared"


@frozen
class GpuResource:
    """What a resource name is."""

    name: str
    kind: Kind
    profile: str = ""
    """MIG profile in configuration spelling, also of a near miss that names one."""
    suggestion: str = ""
    """The name meant, for a near miss; empty when there is none."""
    config_spelling: bool = False
    """A near miss that is right in a mig-parted file only: `nvidia.com/mig-1g.10gb+me`."""
    node_label: bool = False
    """A near miss that is a node label: `nvidia.com/gpu.memory`."""

    @property
    def is_nvidia(self) -> bool:
        """Whether NVIDIA's device plugin can advertise it."""
        return self.kind in ("full", "shared", "mig", "mig-shared")

    @property
    def is_gpu(self) -> bool:
        """Whether it stands for a GPU or a part of one, and not for an ASIC (TPU, Neuron, Gaudi, …)."""
        return self.is_nvidia or (self.kind == "other-accelerator" and self.name.startswith(_GPU_DOMAINS))

    @property
    def is_shared(self) -> bool:
        return self.kind in ("shared", "mig-shared")

    @property
    def unshared(self) -> str:
        """The name before `renameByDefault`: `nvidia.com/gpu` of `nvidia.com/gpu.shared`."""
        return self.name.removesuffix(".shared") if self.is_shared else self.name


@cache
def classify(name: str) -> GpuResource:
    """Reads the key of a `limits`, `requests`, quota or capacity map, without a `requests.` or `limits.` prefix."""
    if name in (FULL, SHARED):
        return GpuResource(name, "full" if name == FULL else "shared")
    domain, slash, base = name.partition("/")
    if domain == "nvidia.com" and slash:
        return _nvidia(name, base)
    if slash and (known := _OTHERS.get(domain)):
        return _other(name, domain, base, known)
    if domain in _SCHEDULERS:
        return GpuResource(name, "known-vendor")
    return _elsewhere(name, domain, base)


_NVIDIA_KNOWN = frozenset(
    {
        # HAMi (Project-HAMi/HAMi pkg/device/nvidia/device.go) and its predecessors
        "gpumem",
        "gpumem-percentage",
        "gpucores",
        "priority",
        "vgpu",
        "vcore",
        "vmem",
        # KubeVirt and Kata device plugins, confidential computing
        "pgpu",
        "cc",
        # network operator, IMEX
        "hostdev",
        "imex-channel",
        "imex-channels",
    }
)

# labels of GPU Feature Discovery and the GPU Operator (k8s-device-plugin internal/lm)
_NVIDIA_LABELS = re.compile(
    r"gpu\.(?:memory|count|product|replicas|family|machine|present|mode|clique|sharing-strategy|compute\..+|deploy\..+)"
    r"|mig\.(?:config|capable|strategy).*|mps\.capable|(?:cuda|gfd)\..+|device-plugin\.config"
    r"|mig-.+\.(?:memory|count|product|replicas|sharing-strategy)"
)

_GPU_DOMAINS = ("amd.com/", "gpu.intel.com/", "mthreads.com/", "metax-tech.com/")

_OTHERS: dict[str, tuple[re.Pattern[str], tuple[str, ...]]] = {
    # ROCm/k8s-device-plugin: `gpu`, or `<compute>_<memory>` under the naming strategy mixed
    "amd.com": (re.compile(r"gpu|[a-z]+_nps[0-9]+"), ("gpu",)),
    # intel/intel-device-plugins-for-kubernetes
    "gpu.intel.com": (re.compile(r"(?:i915|xe)(?:_monitoring)?|tiles|millicores|memory\.max"), ("i915", "xe")),
    "habana.ai": (re.compile(r"gaudi"), ("gaudi",)),
    "aws.amazon.com": (re.compile(r"neuron|neuroncore|neurondevice"), ("neuron", "neuroncore", "neurondevice")),
    "google.com": (re.compile(r"tpu"), ("tpu",)),
    "huawei.com": (re.compile(r"Ascend.*|npu.*"), ()),
    "qualcomm.com": (re.compile(r"qaic.*"), ()),
    "furiosa.ai": (re.compile(r".*"), ()),
    "rebellions.ai": (re.compile(r".*"), ()),
    "cambricon.com": (re.compile(r".*"), ()),
    "metax-tech.com": (re.compile(r".*"), ()),
    "enflame.com": (re.compile(r".*"), ()),
    "mthreads.com": (re.compile(r".*"), ()),
    "hygon.com": (re.compile(r".*"), ()),
    # device types of Project-HAMi/HAMi pkg/device
    "birentech.com": (re.compile(r".*"), ()),
    "iluvatar.ai": (re.compile(r".*"), ()),
    "iluvatar.com": (re.compile(r".*"), ()),
    "kunlunxin.com": (re.compile(r".*"), ()),
    "vastaitech.com": (re.compile(r".*"), ()),
    # intel/intel-device-plugins-for-kubernetes cmd/npu_plugin
    "npu.intel.com": (re.compile(r"accel"), ()),
    "tenstorrent.com": (re.compile(r".*"), ()),
}

_SCHEDULERS = frozenset(
    {
        "volcano.sh",
        "koordinator.sh",
        "aliyun.com",
        "tencent.com",
        "tke.cloud.tencent.com",
        "k8s.amazonaws.com",
        "run.ai",
        "nos.nebuly.com",
        "elasticgpu.io",
        "gpu.nvidia.com",
    }
)

_REMOVED = frozenset({"alpha.kubernetes.io/nvidia-gpu"})


def _nvidia(name: str, base: str) -> GpuResource:
    if _NVIDIA_LABELS.fullmatch(base):
        return GpuResource(name, "near-miss", node_label=True)
    if base.startswith("mig-"):
        shared = base.endswith(".shared")
        if profile := profile_of_resource(base.removeprefix("mig-").removesuffix(".shared")):
            return GpuResource(name, "mig-shared" if shared else "mig", profile)
    if base in _NVIDIA_KNOWN:
        return GpuResource(name, "known-vendor")
    if profile := suggest_profile(re.sub(r"[-_.]shared$", "", base.lower())):
        return _profile_miss(name, base, profile)
    meant = _gpu_meant(base)
    if meant or base.lower().startswith("mig"):
        return GpuResource(name, "near-miss", suggestion=meant)
    return GpuResource(name, "known-vendor")


def _profile_miss(name: str, base: str, profile: str) -> GpuResource:
    exact = parse_profile(base.removeprefix("mig-"))
    suffix = ".shared" if base.lower().endswith("shared") else ""
    return GpuResource(
        name,
        "near-miss",
        profile=profile,
        suggestion=resource_name(profile) + suffix,
        config_spelling=base.startswith("mig-") and exact is not None,
    )


_GPU_MISSES = re.compile(
    r"(?i)gpus?|(?:n?vidia)[-_.]?gpus?|gpu[-_.]?(?:count|num|number)|gp|gpuu|ggpu|gppu|gup|g[-_]pu"
)
_SHARED_MISSES = re.compile(r"(?i)(?:gpus?[-_./]?share[ds]?|shared?[-_.]?gpus?|gpu[-_.]?time-?slic(?:ed|ing))")


def _gpu_meant(base: str) -> str:
    if _SHARED_MISSES.fullmatch(base):
        return SHARED
    return FULL if _GPU_MISSES.fullmatch(base) else ""


def _other(name: str, domain: str, base: str, known: tuple[re.Pattern[str], tuple[str, ...]]) -> GpuResource:
    pattern, advertised = known
    if pattern.fullmatch(base):
        return GpuResource(name, "other-accelerator")
    if domain == "google.com":
        return GpuResource(name, "unrelated")
    if (meant := closest(base, advertised)) or (meant := _singular(base, advertised)):
        if re.match(r"[-_.]\w", base.removeprefix(meant)):  # `gpu_vf` is a name of its own
            return GpuResource(name, "known-vendor")
        return GpuResource(name, "near-miss", suggestion=f"{domain}/{meant}")
    return GpuResource(name, "known-vendor")


def _singular(base: str, advertised: tuple[str, ...]) -> str:
    single = base.lower().removesuffix("s")
    return single if single in advertised else ""


_NVIDIA_DOMAIN = re.compile(r"(?i)n[vidia]{3,6}(?:\.(?:com|io|org|net|ai|dev))?|www\.nvidia\.com")


def _elsewhere(name: str, domain: str, base: str) -> GpuResource:
    """A name under no domain that is known: a misspelt domain, none, or the key of a quota."""
    key = re.fullmatch(r"(?:requests|limits)\.(.+)", name)
    if key and (counted := classify(key[1])).is_gpu:
        return GpuResource(name, "near-miss", counted.profile, key[1])
    if name in _REMOVED or re.fullmatch(r"(?i)(?:nvidia\.com[._-]?)?gpus?|nvidia[-_.]gpus?|nvidia\.com", name):
        return GpuResource(name, "near-miss", suggestion=FULL)
    if re.fullmatch(r"(?i)amd\.com[._-]?gpus?|amd[-_./]gpus?", name):
        return GpuResource(name, "near-miss", suggestion="amd.com/gpu")
    if not base or not _NVIDIA_DOMAIN.fullmatch(domain.strip()):
        return GpuResource(name, "unrelated")
    meant = _nvidia(f"nvidia.com/{base}", base) if base not in ("gpu", "gpu.shared") else None
    suggestion = f"nvidia.com/{base}" if meant is None or meant.is_nvidia else meant.suggestion
    profile = meant.profile if meant else ""
    return GpuResource(name, "near-miss" if suggestion else "unrelated", profile, suggestion)
