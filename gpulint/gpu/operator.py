"""Placeholder until the real module is merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpulint.gpu.problem import Path, Problem

Chart: TypeAlias = Literal["gpu-operator", "nvidia-device-plugin"]
OPERATOR_CONFIG_MAPS = frozenset({"default-mig-parted-config", "default-gpu-clients"})
OPERAND_VOLUMES = frozenset({"config", "device-plugin", "host-root"})


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field."""

    path: Path
    verdict: Literal["unknown", "removed"]
    last_release: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class ChartDefaults:
    """Defaults."""

    mig_strategy: str
    fallback_strategies: tuple[str, ...]
    gfd_enabled: bool
    tolerations: tuple[Mapping[str, str], ...] = (
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    )


def operator_defaults() -> ChartDefaults:
    """Defaults."""
    return ChartDefaults("single", ("empty",), gfd_enabled=True)


def device_plugin_chart_defaults() -> ChartDefaults:
    """Defaults."""
    return ChartDefaults("", ("named", "single"), gfd_enabled=False)


def unknown_policy_fields(spec: object) -> tuple[UnknownField, ...]:
    """Fields."""
    del spec
    return ()


def unknown_values(chart: Chart, values: object) -> tuple[UnknownField, ...]:
    """Values."""
    del chart, values
    return ()


def policy_refusals(spec: object, *, complete: bool) -> tuple[Problem, ...]:
    """Refusals."""
    del spec, complete
    return ()


def rejected_values(chart: Chart, values: object, *, complete: bool = True) -> tuple[Problem, ...]:
    """Refusals."""
    del chart, values, complete
    return ()


def breaks_daemonset(config_map: str) -> Literal["", "no-label", "own-volume"]:
    """Why."""
    del config_map
    return ""


def chart_of(values: object) -> Chart | Literal[""]:
    """Which."""
    if not isinstance(values, Mapping):
        return ""
    if isinstance(values.get("config"), Mapping) and "map" in values["config"]:
        return "nvidia-device-plugin"
    known = "migManager" in values or "toolkit" in values or "driver" in values
    return "gpu-operator" if isinstance(values.get("devicePlugin"), Mapping) and known else ""


def embedded_charts(values: object) -> tuple[tuple[Path, Chart, Mapping[str, object]], ...]:
    """Which."""
    found: list[tuple[Path, Chart, Mapping[str, object]]] = []
    for chart in ("gpu-operator", "nvidia-device-plugin"):
        inner = values.get(chart) if isinstance(values, Mapping) else None
        if isinstance(inner, Mapping):
            found.append(((chart,), chart, inner))  # type: ignore[arg-type] # one of the two
    return tuple(found)
