"""The sharing strategy that suits a workload, and whether what it would get is that.

Training has whole GPUs; inference that has to stay up has MIG slices, other inference and interactive work share GPUs
by time-slicing. Nothing is recommended for what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from gpulint.facts.values import Owner
from gpulint.frozen import frozen

Strategy: TypeAlias = Literal["full", "mig", "time-slicing", ""]
"""What can be recommended; empty: nothing."""
Given: TypeAlias = Literal["full", "mig", "time-slicing", "mps", "shared", "shared-mig", "unknown"]
"""What a pod can get: `shared` is time-slicing or MPS, `shared-mig` a MIG slice that several pods have."""
Verdict: TypeAlias = Literal["yes", "no", "some", "unknown", ""]
"""`some`: only part of what it may get is as recommended; empty: nothing is recommended, or there is nothing to get."""


@frozen
class Recommendation:
    """A strategy for one workload."""

    strategy: Strategy
    reason: str
    """Why this one, or why none."""


@frozen
class Agreement:
    """Whether what a workload would get is what is recommended."""

    verdict: Verdict
    reason: str = ""
    """What is different; empty where nothing is."""


def recommend(owner: Owner, *, several_gpus: bool) -> Recommendation:
    """By what the workload does. `several_gpus`: one container of it asks for more than one whole GPU."""
    match owner.workload_class:
        case "training":
            return Recommendation("full", "training keeps its GPUs busy, and sharing slows it down")
        case "inference" if several_gpus:
            return Recommendation("full", "a model on several GPUs, which no slices replace")
        case "inference" if owner.service_level:
            return Recommendation("mig", "inference that has to stay up, and a slice has memory and faults of its own")
        case "inference":
            return Recommendation("time-slicing", "inference of which nothing says that it has to stay up")
        case "interactive":
            return Recommendation("time-slicing", "interactive work leaves a GPU idle most of the time")
        case "batch":
            return Recommendation("", _BATCH)
        case "system":
            return Recommendation("", "it serves the cluster itself")
        case _:
            return Recommendation(
                "", "what it does is not evident; the annotation gpulint.dev/workload-class can say so"
            )


_BATCH = (
    "it depends on the job: a full GPU if it keeps one busy, MIG if neighbours must not disturb it, such as GPU tests "
    "in CI, time-slicing if it is light and may wait"
)


def agreement(recommended: Recommendation, given: Given) -> Agreement:
    """Whether `given` is as recommended."""
    if not recommended.strategy:
        return Agreement("")
    if given == "unknown":
        return Agreement("unknown", "what it would get is not known")
    reason = _DIFFERENCES.get((recommended.strategy, given), "")
    return Agreement("no" if reason and (recommended.strategy, given) not in _AS_GOOD else "yes", reason)


_DIFFERENCES: Mapping[tuple[Strategy, Given], str] = {
    ("full", "mig"): "it would get a slice of a GPU",
    ("full", "time-slicing"): "it would share GPUs with others",
    ("full", "mps"): "it would share GPUs with others",
    ("full", "shared"): "it would share GPUs with others",
    ("full", "shared-mig"): "it would share a slice of a GPU with others",
    ("mig", "full"): "a whole GPU isolates as well, but takes all of it",
    ("mig", "time-slicing"): "neighbours would share its memory and its faults",
    ("mig", "mps"): "neighbours would share its faults",
    ("mig", "shared"): "neighbours would share the GPU",
    ("mig", "shared-mig"): "neighbours would share the slice",
    ("time-slicing", "full"): "it would hold a whole GPU",
    ("time-slicing", "mig"): "it would hold a slice of its own",
    ("time-slicing", "mps"): "shared by MPS",
    ("time-slicing", "shared"): "shared, by time-slicing or by MPS",
    ("time-slicing", "shared-mig"): "a share of a MIG slice",
}
_AS_GOOD: frozenset[tuple[Strategy, Given]] = frozenset(
    {("time-slicing", "mps"), ("time-slicing", "shared"), ("time-slicing", "shared-mig")}
)
"""Other than recommended, to the same end."""


def together(agreements: Iterable[Agreement]) -> Agreement:
    """One verdict for everything that a workload may get, with the reasons of what differs."""
    found = list(agreements)
    verdicts = {each.verdict for each in found} - {""}
    reasons = "; ".join(dict.fromkeys(each.reason for each in found if each.reason))
    if not verdicts:
        return Agreement("")
    if len(verdicts) == 1:
        return Agreement(verdicts.pop(), reasons)
    return Agreement("some" if verdicts & {"yes", "some"} and verdicts & {"no", "some"} else "unknown", reasons)
