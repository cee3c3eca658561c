"""Parts of GPUs as KAI, HAMi, Volcano and Koordinator take them."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.request.fraction import FractionConflict, fraction_conflicts
from tests.linked import document, linked


def found(
    annotations: object = None, limits: object = None, scheduler: str = "", labels: object = None
) -> list[FractionConflict]:
    container = {"name": "c", "image": "example.com/cuda:1", "resources": {"limits": limits or {}}}
    named = {"schedulerName": scheduler} if scheduler else {}
    metadata = {"annotations": annotations or {}, "labels": labels or {}}
    text = document("Pod", "p", metadata=metadata, spec={"containers": [container], **named})
    return list(fraction_conflicts(linked({"a.yaml": text}), Owners({})))


def outcomes(*args: object, **kwargs: object) -> list[tuple[str, str, str]]:
    return [(each.scheduler, each.outcome, each.confidence) for each in found(*args, **kwargs)]  # type: ignore[arg-type]


KAI = "kai-scheduler"
REFUSED = [("KAI", "refused", "high")]


@pytest.mark.parametrize("value", ["0", "1", "1.5", "-0.5", "half", "50%", "1e400", ""])
def test_fractions_out_of_range(value: str) -> None:
    assert outcomes({"gpu-fraction": value}, scheduler=KAI) == REFUSED


@pytest.mark.parametrize("value", ["0.5", ".5", "5e-1", "0.999", "${FRACTION}"])
def test_fractions_in_range(value: str) -> None:
    assert outcomes({"gpu-fraction": value}, scheduler=KAI) == []


@pytest.mark.parametrize(("value", "refused"), [("4096", False), ("0", True), ("4Gi", True), ("-1", True)])
def test_memory_is_a_whole_number(value: str, refused: bool) -> None:
    assert outcomes({"gpu-memory": value}, scheduler=KAI) == (REFUSED if refused else [])


def test_annotations_are_strings() -> None:
    (conflict,) = found({"gpu-fraction": 0.5}, scheduler=KAI)
    assert "in quotes" in conflict.message


def test_a_limit_of_none_is_a_limit_too() -> None:
    assert outcomes({"gpu-fraction": "0.5"}, {"nvidia.com/gpu": 0}, KAI) == REFUSED
    assert outcomes({"gpu-fraction": "0.5"}, {"nvidia.com/gpu": "${N}"}, KAI) == []


def test_what_names_no_scheduler_is_less_sure() -> None:
    assert outcomes({"gpu-fraction": "2"}) == [("KAI", "refused", "medium")]
    assert outcomes({"gpu-memory": "2Gi"}) == []
    assert outcomes({"gpu-memory": "2Gi"}, labels={"kai.scheduler/queue": "a"}) == [("KAI", "refused", "medium")]
    assert outcomes({"mps": "true"}) == []


def test_other_schedulers_do_not_read_the_annotations() -> None:
    assert outcomes({"gpu-fraction": "0.5"}, scheduler="volcano") == [("KAI", "unread", "high")]
    assert outcomes({"gpu-fraction": "7"}, scheduler="in-house") == []


HAMI = {"nvidia.com/gpu": 1}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"nvidia.com/gpumem": 4000, "nvidia.com/gpucores": 30}, []),
        ({"nvidia.com/gpumem": 0, "nvidia.com/gpumem-percentage": 50}, []),
        ({"nvidia.com/gpumem": 4000, "nvidia.com/gpumem-percentage": 50}, ["ignored"]),
        ({"nvidia.com/gpumem-percentage": 100}, []),
        ({"nvidia.com/gpumem-percentage": 101}, []),
        ({"nvidia.com/gpumem-percentage": 120}, ["pending"]),
        ({"nvidia.com/gpucores": 120}, ["ignored"]),
    ],
)
def test_what_hami_makes_of_amounts(limits: dict[str, int], expected: list[str]) -> None:
    assert [each.outcome for each in found(limits={**HAMI, **limits}, scheduler="hami-scheduler")] == expected


def test_hami_takes_the_pods_of_the_default_scheduler() -> None:
    limits = {**HAMI, "nvidia.com/gpumem": 4000}
    assert outcomes(limits=limits, scheduler="default-scheduler") == []
    assert outcomes(limits=limits, scheduler="koord-scheduler") == [("HAMi", "pending", "medium")]


@pytest.mark.parametrize(("mode", "known"), [("hami-core", True), ("mig", True), ("hami-core,mps", True), ("x", False)])
def test_modes_of_hami(mode: str, known: bool) -> None:
    assert (outcomes({"nvidia.com/vgpu-mode": mode}, HAMI) == []) is known


def test_volcano() -> None:
    number = {"volcano.sh/vgpu-number": 1}
    assert outcomes(limits=number) == []
    assert outcomes(limits=number, scheduler="default-scheduler") == [("Volcano", "pending", "high")]
    assert outcomes(limits={"volcano.sh/vgpu-cores": 50}, scheduler="volcano") == [("Volcano", "unread", "high")]
    assert outcomes(limits={**number, "volcano.sh/vgpu-cores": 101}) == [("Volcano", "pending", "high")]
    assert outcomes({"volcano.sh/vgpu-mode": "mps"}, number) == [("Volcano", "pending", "medium")]


def test_koordinator() -> None:
    both = {"koordinator.sh/gpu-memory": "8Gi", "koordinator.sh/gpu-memory-ratio": 50}
    assert outcomes(limits=both, scheduler="koord-scheduler") == [("Koordinator", "pending", "high")]
    assert outcomes(limits=both) == [("Koordinator", "pending", "medium")]
    assert outcomes(limits={"koordinator.sh/gpu": 150}) == [("Koordinator", "pending", "medium")]
    shared = {"koordinator.sh/gpu.shared": 2, "koordinator.sh/gpu-core": 150, "koordinator.sh/gpu-memory-ratio": 100}
    assert outcomes(limits=shared) == []
