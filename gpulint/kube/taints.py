"""Taints and tolerations, as k8s.io/api core/v1/toleration.go (`ToleratesTaint`) reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.kube.tree import Path, Truth, is_placeholder, mappings, sequence, text

if TYPE_CHECKING:
    from collections.abc import Sequence

Miss: TypeAlias = Literal["value", "effect"]

_EFFECTS = {
    effect.replace("-", "").replace("_", "").lower(): effect
    for effect in ("NoSchedule", "PreferNoSchedule", "NoExecute")
}
_BLOCKING = frozenset({"NoSchedule", "NoExecute"})


@dataclass(frozen=True, slots=True, order=True)
class Taint:
    """What keeps pods off a node; `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """As `kubectl taint` writes it."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@frozen
class Toleration:
    """An entry of `tolerations`: an empty effect stands for every effect, an empty operator for Equal."""

    key: str
    operator: str
    value: str
    effect: str
    path: Path = ()
    """Where it stands in the pod spec."""


@frozen
class NearMiss:
    """A toleration that was meant for a taint, and why it does not tolerate it."""

    toleration: Toleration
    taint: Taint
    reason: Miss


def normal_effect(effect: str) -> str:
    """`NoSchedule` for `NO_SCHEDULE` and `no-schedule`, as cloud APIs spell it; other text unchanged."""
    return _EFFECTS.get(effect.replace("-", "").replace("_", "").lower(), effect)


def parse_taints(value: object) -> tuple[Taint, ...]:
    """Taints in any of the forms in use: `[{key, value, effect}]`, `["key=value:Effect"]`, `{key: "value:Effect"}`."""
    if isinstance(value, Mapping):
        return tuple(_taint_of_text(f"{key}={text(rest)}") for key, rest in value.items())
    taints = []
    for item in sequence(value):
        if isinstance(item, str):
            taints.append(_taint_of_text(item))
        elif isinstance(item, Mapping):
            taints.append(
                Taint(text(item.get("key")), text(item.get("value")), normal_effect(text(item.get("effect"))))
            )
    return tuple(taints)


def parse_tolerations(value: object, at: Path = ("tolerations",)) -> tuple[Toleration, ...]:
    """The tolerations of a pod spec; a placeholder instead of the list becomes one that might tolerate anything."""
    if is_placeholder(value):
        return (Toleration(text(value), "Exists", "", "", at),)
    return tuple(
        Toleration(
            text(item.get("key")),
            text(item.get("operator")),
            text(item.get("value")),
            text(item.get("effect")),
            (*at, index),
        )
        for index, item in mappings(value)
    ) + tuple(
        Toleration(text(item), "Exists", "", "", (*at, index))
        for index, item in enumerate(sequence(value))
        if is_placeholder(item)
    )


def tolerates(tolerations: Sequence[Toleration], taint: Taint) -> bool:
    """Whether one of the tolerations certainly tolerates the taint."""
    return any(_tolerates(toleration, taint) == "yes" for toleration in tolerations)


def tolerance(tolerations: Sequence[Toleration], taint: Taint) -> Truth:
    """Whether one of the tolerations tolerates the taint; `maybe` where placeholders leave it open."""
    verdicts = {_tolerates(toleration, taint) for toleration in tolerations}
    return "yes" if "yes" in verdicts else "maybe" if "maybe" in verdicts else "no"


def untolerated(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> tuple[Taint, ...]:
    """The taints that certainly keep the pod off the node, sorted; PreferNoSchedule never does."""
    if not taints:
        return ()
    return tuple(
        sorted({taint for taint in taints if taint.effect in _BLOCKING and tolerance(tolerations, taint) == "no"})
    )


def near_miss(tolerations: Sequence[Toleration], taint: Taint) -> NearMiss | None:
    """The first toleration for the taint's key that misses its value or its effect, when none tolerates it."""
    if tolerance(tolerations, taint) != "no":
        return None
    for toleration in tolerations:
        if toleration.key == taint.key:
            wrong_effect = toleration.effect not in ("", taint.effect)
            return NearMiss(toleration, taint, "effect" if wrong_effect else "value")
    return None


def _taint_of_text(written: str) -> Taint:
    pair, _, effect = written.rpartition(":")
    key, _, value = (pair or effect).partition("=")
    return Taint(key, value, normal_effect(effect) if pair else "")


def _tolerates(toleration: Toleration, taint: Taint) -> Truth:
    parts = (
        toleration.key,
        toleration.operator,
        toleration.value,
        toleration.effect,
        taint.key,
        taint.value,
        taint.effect,
    )
    if not any(is_placeholder(part) for part in parts):
        return _tolerates_exactly(toleration, taint)
    return _tolerates_perhaps(toleration, taint)


def _tolerates_exactly(toleration: Toleration, taint: Taint) -> Truth:
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return "no"
    if toleration.operator == "Exists":
        return "yes"
    if toleration.operator in ("Gt", "Lt"):
        return _compares(toleration, taint)
    return "yes" if toleration.operator in ("", "Equal") and toleration.value == taint.value else "no"


def _tolerates_perhaps(toleration: Toleration, taint: Taint) -> Truth:
    pairs = ((toleration.effect, taint.effect), (toleration.key, taint.key))
    if any(
        mine not in ("", theirs) and not is_placeholder(mine) and not is_placeholder(theirs) for mine, theirs in pairs
    ):
        return "no"
    if toleration.operator == "Exists":
        open_ends = (end for pair in pairs for end in pair if pair[0])
        return "maybe" if any(is_placeholder(end) for end in open_ends) else "yes"
    if is_placeholder(toleration.operator) or is_placeholder(toleration.value) or is_placeholder(taint.value):
        return "maybe"
    return "maybe" if toleration.value == taint.value else "no"


def _compares(toleration: Toleration, taint: Taint) -> Truth:
    """Gt and Lt are behind the feature gate TaintTolerationComparisonOperators, so never a plain yes."""
    try:
        bound, found = int(toleration.value), int(taint.value)
    except ValueError:
        return "no"
    return "maybe" if (found > bound if toleration.operator == "Gt" else found < bound) else "no"
