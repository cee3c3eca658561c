"""Node labels that tell of GPUs: which components set them, and which keys and values those never set.

Sources: GPU feature discovery (k8s-device-plugin internal/lm: nvml.go, resource.go, strategy.go), the GPU Operator
(controllers/state_manager.go), node feature discovery (source/pci), and the device plugin of GKE. What authors set by
hand is theirs: nothing is said of keys outside these components' names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu, Product, accelerator_values, by_product_label, gpus
from gpulint.gpu.mig import parse_profile

FAMILIES = (
    "tesla",
    "fermi",
    "kepler",
    "maxwell",
    "pascal",
    "volta",
    "turing",
    "ampere",
    "ada-lovelace",
    "hopper",
    "blackwell",
    "rubin",
    "undefined",
)
"""Values of `nvidia.com/gpu.family`."""

Sureness: TypeAlias = Literal["high", "medium", "low"]


@frozen
class Never:
    """Why nothing sets a label, or a label to a value."""

    what: Literal["key", "value"]
    reason: str
    """A clause about the component: `GPU feature discovery writes none, time-slicing or mps`."""
    suggestion: str = ""
    """The key or value that was probably meant; empty without a guess."""
    sure: Sureness = "high"


def key_never_set(key: str) -> Never | None:
    """Why no component sets a label of that name; None where one does, or its author may."""
    if key.startswith(_PCI) and _NVIDIA_VENDOR in key.lower():
        return None if _PCI_LABEL.fullmatch(key) else _pci(key)
    if not key.startswith(_OWN_PREFIXES) or key in _KEYS or key.startswith(_OPEN_KEYS):
        return None
    meant = _MEANT_KEYS.get(key.lower()) or next((known for known in _KEYS if _is_slip(key, known)), "")
    reason = "it is none of the labels of GPU feature discovery or the GPU Operator"
    return Never("key", reason, meant, "medium" if meant else "low")


def value_never_set(key: str, value: str) -> Never | None:
    """Why no component gives the label that value; None where one may, or it is not known."""
    if key in _LIMITED and not _LABEL_VALUE.fullmatch(value):
        too_long = re.fullmatch(r"[-A-Za-z0-9_.]{64,}", value) is not None
        reason = "a label has 63 characters at most" if too_long else "it is no valid value of a label"
        return Never("value", reason, _sanitised(key, value), "medium" if too_long else "high")
    look = _LIMITED.get(key)
    if look is not None:
        return look(value)
    if _PCI_LABEL.fullmatch(key):
        return _one_of(value, ("true",), "node feature discovery")
    return None


def bound_never_met(key: str, bound: str) -> Never | None:
    """Why no label is greater or less than the bound of a Gt or Lt: both sides must be whole numbers."""
    if key not in _NUMBERS or re.fullmatch(r"[+-]?[0-9]+", bound):
        return None
    unit = " of MiB" if key == _MEMORY else ""
    return Never("value", f"Gt and Lt compare whole numbers{unit} only")


def family_of(gpu: Gpu) -> str:
    """The value of `nvidia.com/gpu.family` on nodes with it, empty when unknown (internal/lm/resource.go)."""
    name = gpu.architecture.lower().replace(" ", "-")
    return name if name in FAMILIES else "blackwell" if name.startswith("blackwell") else ""


# --- keys -------------------------------------------------------------------------------------------------------------

_MEMORY = "nvidia.com/gpu.memory"
_GKE_ACCELERATOR = "cloud.google.com/gke-accelerator"
_OWN_PREFIXES = ("nvidia.com/gpu.", "nvidia.com/mig.", "nvidia.com/mps.", "nvidia.com/cuda.")
_OPEN_KEYS = ("nvidia.com/gpu.deploy.", "nvidia.com/gpu.engines.", "nvidia.com/gpu.slices.", "nvidia.com/gpu.imex")
_KEYS = (
    "nvidia.com/gpu.product",
    "nvidia.com/gpu.count",
    "nvidia.com/gpu.replicas",
    "nvidia.com/gpu.sharing-strategy",
    "nvidia.com/gpu.memory",
    "nvidia.com/gpu.family",
    "nvidia.com/gpu.compute.major",
    "nvidia.com/gpu.compute.minor",
    "nvidia.com/gpu.machine",
    "nvidia.com/gpu.mode",
    "nvidia.com/gpu.clique",
    "nvidia.com/gpu.multiprocessors",
    "nvidia.com/gpu.present",
    "nvidia.com/gpu.workload.config",
    "nvidia.com/mig.capable",
    "nvidia.com/mig.strategy",
    "nvidia.com/mig.config",
    "nvidia.com/mig.config.state",
    "nvidia.com/mps.capable",
    "nvidia.com/cuda.driver-version.major",
    "nvidia.com/cuda.driver-version.minor",
    "nvidia.com/cuda.driver-version.revision",
    "nvidia.com/cuda.driver-version.full",
    "nvidia.com/cuda.runtime-version.major",
    "nvidia.com/cuda.runtime-version.minor",
    "nvidia.com/cuda.runtime-version.full",
    "nvidia.com/cuda.driver.major",
    "nvidia.com/cuda.driver.minor",
    "nvidia.com/cuda.driver.rev",
    "nvidia.com/cuda.runtime.major",
    "nvidia.com/cuda.runtime.minor",
)
_MEANT_KEYS: Mapping[str, str] = {
    "nvidia.com/gpu.model": "nvidia.com/gpu.product",
    "nvidia.com/gpu.name": "nvidia.com/gpu.product",
    "nvidia.com/gpu.sharing": "nvidia.com/gpu.sharing-strategy",
    "nvidia.com/gpu.strategy": "nvidia.com/gpu.sharing-strategy",
    "nvidia.com/gpu.architecture": "nvidia.com/gpu.family",
    "nvidia.com/gpu.compute": "nvidia.com/gpu.compute.major",
    "nvidia.com/cuda.runtime": "nvidia.com/cuda.runtime.major",
    "nvidia.com/cuda.driver": "nvidia.com/cuda.driver.major",
    "nvidia.com/cuda.runtime-version": "nvidia.com/cuda.runtime-version.full",
    "nvidia.com/cuda.driver-version": "nvidia.com/cuda.driver-version.full",
    "nvidia.com/cuda.version": "nvidia.com/cuda.runtime-version.full",
}
_PCI = "feature.node.kubernetes.io/pci-"
_NVIDIA_VENDOR = "10de"
_PCI_LABEL = re.compile(
    re.escape(_PCI) + r"(?:[0-9a-f]{2,6}_)?10de(?:_[0-9a-f]{4}){0,3}\.(?:present|sriov\.capable|features?\.[a-z.]+)"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def _is_slip(key: str, known: str) -> bool:
    """Whether they differ in case and separators, or in one character, or two that have changed places."""
    mine, theirs = (re.sub(r"[-_.]", "", each.lower()) for each in (key, known))
    if mine == theirs:
        return True
    if abs(len(mine) - len(theirs)) > 1 or min(len(mine), len(theirs)) < _SHORTEST_SLIP:
        return False
    start = next(
        (i for i, (one, two) in enumerate(zip(mine, theirs, strict=False)) if one != two), min(len(mine), len(theirs))
    )
    rest, other = mine[start:], theirs[start:]
    swapped = rest[:2] == other[:2][::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest == other[1:] or rest[1:] == other


_SHORTEST_SLIP = len("nvidiacom/gpucount")
"""Shorter keys have neighbours that mean something else: `gpu.mode` and `gpu.model`."""


def _pci(key: str) -> Never:
    lowered = key.lower()
    meant = (
        lowered if _PCI_LABEL.fullmatch(lowered) else lowered + ".present" if "." not in lowered[len(_PCI) :] else ""
    )
    sure: Sureness = "medium" if _PCI_LABEL.fullmatch(meant) else "low"
    return Never(
        "key", "node feature discovery writes pci-<class>_<vendor>.present", meant if sure == "medium" else "", sure
    )


# --- values -----------------------------------------------------------------------------------------------------------

_Look: TypeAlias = Callable[[str], "Never | None"]
_DISCOVERY = "GPU feature discovery"
_SMALLEST_MEMORY = 512
"""MiB; what is less was meant as GiB."""
_FAMILY_ALIASES: Mapping[str, str] = {
    "ada": "ada-lovelace",
    "adalovelace": "ada-lovelace",
    "lovelace": "ada-lovelace",
    "blackwellultra": "blackwell",
}
_STRATEGY_ALIASES: Mapping[str, str] = {
    "timeslicing": "time-slicing",
    "timesliced": "time-slicing",
    "timesharing": "time-slicing",
}
_LONG_KNOWN = frozenset({"Kepler", "Maxwell", "Pascal", "Volta", "Turing", "Ampere"})
"""Drivers before R470 left the word NVIDIA out of the names of their boards."""


def _one_of(
    value: str, allowed: tuple[str, ...], component: str, meant: Mapping[str, str] | None = None
) -> Never | None:
    if value in allowed:
        return None
    folded = re.sub(r"[-_. ]", "", value.lower())
    guess = (meant or {}).get(folded) or next((each for each in allowed if each.replace("-", "") == folded), "")
    words = " or ".join(filter(None, (", ".join(map(repr, allowed[:-1])), repr(allowed[-1]))))
    return Never("value", f"{component} writes {words}", guess)


def _truth(component: str) -> _Look:
    meant = {**dict.fromkeys(("yes", "1", "on"), "true"), **dict.fromkeys(("no", "0", "off"), "false")}
    return lambda value: _one_of(value, ("true", "false"), component, meant)


def _mig_strategy(value: str) -> Never | None:
    if value == "none":
        return Never("value", f"{_DISCOVERY} leaves the label out under the strategy none")
    return _one_of(value, ("single", "mixed"), _DISCOVERY)


def _sharing_strategy(value: str) -> Never | None:
    return _one_of(value, ("none", "time-slicing", "mps"), _DISCOVERY, _STRATEGY_ALIASES) if value else None


def _gke_sharing(value: str) -> Never | None:
    meant = dict.fromkeys(("timeslicing", "timesliced", "timeshared"), "time-sharing")
    return _one_of(value, ("time-sharing", "mps"), "GKE", meant)


def _family(value: str) -> Never | None:
    if value in FAMILIES:
        return None
    folded = re.sub(r"[-_. ]", "", value.lower())
    meant = _FAMILY_ALIASES.get(folded) or next((each for each in FAMILIES if each.replace("-", "") == folded), "")
    return Never(
        "value", f"{_DISCOVERY} writes {', '.join(FAMILIES[6:11])} and the like", meant, "high" if meant else "low"
    )


def _whole_number(value: str) -> Never | None:
    return None if value.isdecimal() else Never("value", f"{_DISCOVERY} writes a whole number")


def _memory(value: str) -> Never | None:
    if not value.isdecimal():
        return Never("value", f"{_DISCOVERY} writes MiB as a whole number without a unit, such as 40960")
    if int(value[:10]) < _SMALLEST_MEMORY:
        return Never("value", f"{_DISCOVERY} writes MiB, such as 40960")
    return None


def _product(value: str) -> Never | None:
    """Of products that are not in the catalogue only what is a short or cloud name of one that is."""
    product = by_product_label(value)
    gpu = product.gpu
    if not product.produced and gpu is not None:
        return Never("value", f"{_DISCOVERY} does not call the {gpu.name} so", product.suggestion)
    if gpu is not None:
        return _suffixed(value, product, gpu)
    if value.lower().endswith("-shared") and not product.shared:
        right = value[: -len("-shared")] + "-SHARED"
        return Never("value", f"{_DISCOVERY} writes the suffix -SHARED", right) if by_product_label(right).gpu else None
    return _short_name(value)


def _suffixed(value: str, product: Product, gpu: Gpu) -> Never | None:
    if "-MIG-" not in value or product.invalid_mig or not product.certain:
        return None
    if gpu.mig is False:
        return Never("value", f"the {gpu.name} has no MIG", value.partition("-MIG-")[0])
    profile = parse_profile(product.mig_profile)
    if profile is None or not gpu.profiles_known:
        return None
    instance = profile.gpu_instance
    known = instance in gpu.profiles or instance in gpu.former_profiles
    return None if known else Never("value", f"the {gpu.name} has no MIG profile {product.mig_profile}")


def _short_name(value: str) -> Never | None:
    base = value.removesuffix("-SHARED").partition("-MIG-")[0]
    labels = _short_names().get(_bare(base), ())
    if not labels:
        return None
    if len(labels) == 1:
        label, gpu = labels[0]
        if label.startswith("NVIDIA-") and gpu.architecture in _LONG_KNOWN and label == f"NVIDIA-{base}":
            return None
        return Never("value", f"{_DISCOVERY} writes the board's whole name", label + value.removeprefix(base), "high")
    told = ", ".join(repr(label) for label, _ in labels[:2])
    return Never("value", f"{_DISCOVERY} writes the board's whole name, such as {told}", sure="medium")


def _bare(name: str) -> str:
    """A name without the words for the vendor: `t4` of `nvidia-tesla-t4`."""
    return re.sub(r"^(?:nvidia[-_ ]?)?(?:tesla[-_ ]?|geforce[-_ ]?)?", "", name.lower())


@cache
def _short_names() -> Mapping[str, tuple[tuple[str, Gpu], ...]]:
    """Bare model (`a100`) and bare board name (`l4`) → the labels of those boards."""
    found: dict[str, dict[str, Gpu]] = {}
    for gpu in gpus():
        for label in gpu.product_labels:
            model = _bare(gpu.name.partition(" ")[0] if not gpu.name.startswith("Tesla ") else gpu.name.split(" ")[1])
            for name in {_bare(label), model if _names_board(model) else _bare(label)}:
                found.setdefault(name, {}).setdefault(label, gpu)
    return {name: tuple(labels.items()) for name, labels in found.items()}


def _names_board(model: str) -> bool:
    """Whether the first word of a model tells it from others: `a100`, not `rtx`."""
    return re.fullmatch(r"[a-z]{1,2}[0-9]+[a-z]*", model) is not None


def _accelerator(key: str) -> _Look:
    """Values that clouds write; of others only those that differ in the words for the vendor."""

    def look(value: str) -> Never | None:
        known = accelerator_values(key)
        if value in known:
            return None
        alike = [each for each in known if _bare(each) == _bare(value)]
        component = "GKE" if key == _GKE_ACCELERATOR else "the cloud"
        return Never("value", f"{component} writes {alike[0]!r}", alike[0], "medium") if len(alike) == 1 else None

    return look


def _of_karpenter(value: str) -> Never | None:
    """MiB of one GPU (karpenter-provider-aws pkg/providers/instancetype/types.go)."""
    return None if value.isdecimal() else Never("value", "the cloud writes MiB as a whole number, such as 24576")


def _manufacturer(value: str) -> Never | None:
    """In lower case, of nvidia, amd and others (ibid., lowerKabobCase)."""
    lowered = value.lower()
    return Never("value", f"the cloud writes {lowered!r}", lowered) if value != lowered else None


_NUMBERS = frozenset(
    {_MEMORY}
    | {f"nvidia.com/gpu.{name}" for name in ("count", "replicas", "compute.major", "compute.minor")}
    | {
        f"nvidia.com/cuda.{name}.{part}"
        for name in ("driver-version", "runtime-version", "driver", "runtime")
        for part in ("major", "minor")
    }
)
_LIMITED: Mapping[str, _Look] = {
    **dict.fromkeys(_NUMBERS, _whole_number),
    _MEMORY: _memory,
    "nvidia.com/gpu.product": _product,
    "nvidia.com/gpu.family": _family,
    "nvidia.com/gpu.sharing-strategy": _sharing_strategy,
    "nvidia.com/mig.strategy": _mig_strategy,
    "nvidia.com/gpu.present": _truth("the GPU Operator"),
    "nvidia.com/mig.capable": _truth(_DISCOVERY),
    "nvidia.com/mps.capable": _truth(_DISCOVERY),
    "cloud.google.com/gke-gpu-sharing-strategy": _gke_sharing,
    **{f"{domain}/instance-gpu-memory": _of_karpenter for domain in ("karpenter.k8s.aws", "eks.amazonaws.com")},
    **{f"{domain}/instance-gpu-manufacturer": _manufacturer for domain in ("karpenter.k8s.aws", "eks.amazonaws.com")},
    **{
        key: _accelerator(key)
        for key in (_GKE_ACCELERATOR, "karpenter.k8s.aws/instance-gpu-name", "eks.amazonaws.com/instance-gpu-name")
    },
}
"""Labels with few values, and what tells whether a value is among them."""


def _sanitised(key: str, value: str) -> str:
    """A product as GPU feature discovery spells it: blanks become dashes (internal/lm/resource.go, `sanitise`)."""
    spelt = "-".join(value.split())
    return spelt if key == "nvidia.com/gpu.product" and spelt != value and by_product_label(spelt).gpu else ""
