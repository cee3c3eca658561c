"""NVIDIA's DRA driver: the classes of its chart, the kinds of devices it publishes, the parameters it takes.

Parameters as `kubernetes-sigs/dra-driver-nvidia-gpu`, `api/nvidia.com/resource/v1beta1` decodes and validates them:
strictly, so that an unknown field is refused, when the devices of a claim are prepared for a pod.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.problem import Path, Problem, as_int, closest, is_placeholder, kind, show

Device: TypeAlias = Literal["gpu", "mig", "vfio", "nvidia", "channel", "other-gpu", "unknown"]
"""`nvidia`: some device of NVIDIA's driver; `channel`: of a compute domain, no GPU; `other-gpu`: of another driver."""

GPU_DRIVER: Final = "gpu.nvidia.com"
DOMAIN_DRIVER: Final = "compute-domain.nvidia.com"

BUILT_IN_CLASSES: Mapping[str, Device] = MappingProxyType(
    {
        "gpu.nvidia.com": "gpu",
        "mig.nvidia.com": "mig",
        "vfio.gpu.nvidia.com": "vfio",
        "compute-domain-daemon.nvidia.com": "channel",
        "compute-domain-default-channel.nvidia.com": "channel",
    }
)
"""The DeviceClasses of the driver's chart (deployments/helm/dra-driver-nvidia-gpu/templates/deviceclass-*.yaml)."""

CONFIG_DEVICES: Mapping[str, Device] = MappingProxyType(
    {"GpuConfig": "gpu", "MigDeviceConfig": "mig", "VfioDeviceConfig": "vfio"}
)
"""The device that a kind of parameters is for."""

GATES: Mapping[str, str] = MappingProxyType({"TimeSlicing": "TimeSlicingSettings", "MPS": "MPSSupport"})
"""Sharing strategy → the feature gate without which the driver refuses it; both are off by default."""

_API_VERSION = "resource.nvidia.com/v1beta1"
_NEWER_API_VERSIONS = ("resource.nvidia.com/v1beta2",)
_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        GPU_DRIVER: tuple(CONFIG_DEVICES),
        DOMAIN_DRIVER: ("ComputeDomainChannelConfig", "ComputeDomainDaemonConfig"),
    }
)
_INTERVALS = ("Default", "Short", "Medium", "Long")
_BACKENDS = ("LegacyOnly", "PreferIommuFD")
_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "GpuConfig": ("apiVersion", "kind", "sharing"),
        "MigDeviceConfig": ("apiVersion", "kind", "sharing"),
        "VfioDeviceConfig": ("apiVersion", "kind", "iommu"),
        "GpuConfig.sharing": ("strategy", "timeSlicingConfig", "mpsConfig"),
        "MigDeviceConfig.sharing": ("strategy", "mpsConfig"),
    }
)
_PERCENTAGE = "defaultActiveThreadPercentage"
_LIMIT = "defaultPinnedDeviceMemoryLimit"
_LIMITS = "defaultPerDevicePinnedMemoryLimit"
_MPS_FIELDS = (_PERCENTAGE, _LIMIT, _LIMITS, "multiUser")
_LEAST_LIMIT = 1024 * 1024
_UUID = re.compile(r"(?:GPU|MIG)-[0-9a-fA-F-]+")
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@frozen
class Parameters:
    """Opaque parameters for NVIDIA's driver."""

    kind: str
    """As written; empty without one."""
    strategy: str
    """`TimeSlicing` or `MPS`; empty where nothing of the two is chosen."""
    problems: tuple[Problem, ...]
    """What the driver refuses, with paths in the parameters."""


def parameters(value: object, driver: str) -> Parameters | None:
    """The opaque parameters for a driver; None for drivers of others and for what is still to be filled in."""
    if driver not in _KINDS or is_placeholder(value):
        return None
    if not isinstance(value, Mapping):
        return Parameters("", "", (_refused((), f"the parameters must be a mapping, not {kind(value)}"),))
    name = value.get("kind")
    sharing = value.get("sharing")
    strategy = sharing.get("strategy") if isinstance(sharing, Mapping) else None
    return Parameters(
        kind=name if isinstance(name, str) else "",
        strategy=strategy if isinstance(strategy, str) and strategy in GATES else "",
        problems=tuple(_problems(value, driver)),
    )


def _problems(value: Mapping[str, object], driver: str) -> Iterator[Problem]:
    name, version = value.get("kind"), value.get("apiVersion")
    if is_placeholder(name) or is_placeholder(version):
        return
    if version != _API_VERSION and version not in _NEWER_API_VERSIONS:
        told = (
            f"the driver knows no {show(version)}" if version else f"the parameters have no apiVersion, {_API_VERSION}"
        )
        yield _refused(("apiVersion",) if version else (), told, _API_VERSION)
    if name not in _KINDS[driver]:
        told = f"the driver {driver} takes no '{show(name)}'" if name else "the parameters have no kind"
        yield _refused(("kind",) if name else (), told, closest(str(name or ""), _KINDS[driver]))
        return
    if name not in CONFIG_DEVICES:
        return
    yield from _unknown(value, (), _FIELDS[str(name)], str(name))
    if name == "VfioDeviceConfig":
        yield from _iommu(value.get("iommu"))
    elif value.get("sharing") is not None:
        yield from _sharing(value["sharing"], str(name))


def _sharing(sharing: object, name: str) -> Iterator[Problem]:
    at: Path = ("sharing",)
    if is_placeholder(sharing):
        return
    if not isinstance(sharing, Mapping):
        yield _refused(at, f"sharing must be a mapping, not {kind(sharing)}")
        return
    yield from _unknown(sharing, at, _FIELDS[f"{name}.sharing"], f"sharing of a {name}")
    strategy = sharing.get("strategy")
    if not is_placeholder(strategy) and strategy not in tuple(GATES):
        told = f"there is no sharing strategy '{show(strategy)}'" if strategy else "sharing names no strategy"
        path = (*at, "strategy") if "strategy" in sharing else at
        yield _refused(path, f"{told}; there are TimeSlicing and MPS", closest(str(strategy or ""), GATES))
    if name == "GpuConfig":
        yield from _not_selected(sharing, strategy)
        yield from _time_slicing(sharing)
    yield from _mps(sharing.get("mpsConfig"), (*at, "mpsConfig"))


def _not_selected(sharing: Mapping[str, object], strategy: object) -> Iterator[Problem]:
    """`GetTimeSlicingConfig` and `GetMpsConfig` refuse the settings of the other strategy; of MIG devices not."""
    other = {"TimeSlicing": "mpsConfig", "MPS": "timeSlicingConfig"}.get(str(strategy), "")
    if sharing.get(other) is not None:
        yield _refused(("sharing", other), f"the driver takes no {other} with strategy {strategy}", token="key")


def _time_slicing(sharing: Mapping[str, object]) -> Iterator[Problem]:
    settings, at = sharing.get("timeSlicingConfig"), ("sharing", "timeSlicingConfig")
    if settings is None or is_placeholder(settings):
        return
    if not isinstance(settings, Mapping):
        yield _refused(at, f"timeSlicingConfig must be a mapping, not {kind(settings)}")
        return
    yield from _unknown(settings, at, ("interval",), "timeSlicingConfig")
    interval = settings.get("interval")
    if interval is None and sharing.get("strategy") == "TimeSlicing" and not set(settings) - {"interval"}:
        told = "timeSlicingConfig has no interval, and the driver fills one in only where there is no timeSlicingConfig"
        yield _refused(at, told, "interval: Default", token="key")
    elif interval is not None and interval not in _INTERVALS and not is_placeholder(interval):
        told = f"there is no interval '{show(interval)}'; there are {', '.join(_INTERVALS)}"
        yield _refused((*at, "interval"), told, closest(str(interval), _INTERVALS))


def _mps(settings: object, at: Path) -> Iterator[Problem]:
    if settings is None or is_placeholder(settings):
        return
    if not isinstance(settings, Mapping):
        yield _refused(at, f"mpsConfig must be a mapping, not {kind(settings)}")
        return
    yield from _unknown(settings, at, _MPS_FIELDS, "mpsConfig")
    percentage, several = settings.get(_PERCENTAGE), settings.get("multiUser")
    if percentage is not None and not is_placeholder(percentage):
        number = as_int(percentage)
        if number is None or not 0 <= number <= 100:
            told = f"{_PERCENTAGE} must be a whole number from 0 to 100, not {_quoted(percentage)}"
            yield _refused((*at, _PERCENTAGE), told)
    if several is not None and not isinstance(several, bool) and not is_placeholder(several):
        yield _refused((*at, "multiUser"), f"multiUser must be true or false, not {_quoted(several)}")
    yield from _limit(settings.get(_LIMIT), (*at, _LIMIT))
    limits = settings.get(_LIMITS)
    if isinstance(limits, Mapping):
        for device, limit in limits.items():
            if not str(device).isdecimal() and not _UUID.fullmatch(str(device)) and not is_placeholder(device):
                told = f"'{device}' is neither the index of a device in the claim nor a UUID"
                yield _refused((*at, _LIMITS, device), told, token="key")
            yield from _limit(limit, (*at, _LIMITS, device))
    elif limits is not None and not is_placeholder(limits):
        yield _refused((*at, _LIMITS), f"{_LIMITS} must map devices to amounts, not be {kind(limits)}")


def _limit(limit: object, at: Path) -> Iterator[Problem]:
    if limit is None or is_placeholder(limit):
        return
    amount = _amount(limit)
    if amount is None:
        yield _refused(at, f"{_quoted(limit)} is no amount of memory")
    elif amount < _LEAST_LIMIT:
        yield _refused(at, f"a limit of {show(limit)} is less than 1Mi, the least that MPS can be told")


def _iommu(settings: object) -> Iterator[Problem]:
    if not isinstance(settings, Mapping):
        return
    yield from _unknown(settings, ("iommu",), ("backendPolicy", "enableAPIDevice"), "iommu")
    policy = settings.get("backendPolicy")
    if policy is not None and policy not in _BACKENDS and not is_placeholder(policy):
        told = f"there is no backendPolicy '{show(policy)}'; there are {', '.join(_BACKENDS)}"
        yield _refused(("iommu", "backendPolicy"), told, closest(str(policy), _BACKENDS))


def _unknown(value: Mapping[str, object], at: Path, known: Collection[str], where: str) -> Iterator[Problem]:
    for key in value:
        if key not in known and not is_placeholder(key):
            suggestion = closest(str(key), known)
            yield _refused((*at, key), f"{where} has no field '{show(key)}'", suggestion, token="key")


def _amount(value: object) -> Decimal | None:
    """A quantity in units; None for what is none."""
    if isinstance(value, bool):
        return None
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if match is None:
        return None
    number, unit = Decimal(match[1]), match[2] or ""
    if unit.endswith("i"):
        return number * Decimal(1024 ** ("KMGTPE".index(unit[0]) + 1))
    if unit[:1] in {"e", "E"} and len(unit) > 1:
        return number.scaleb(max(-99, min(int(unit[1:5]), 99)))
    return number.scaleb(_POWERS[unit])


def _quoted(value: object) -> str:
    return f"'{show(value)}'" if isinstance(value, str) else show(value)


def _refused(path: Path, message: str, suggestion: str = "", *, token: Literal["key", "value"] = "value") -> Problem:
    return Problem(path, token, "refused", message, suggestion)
