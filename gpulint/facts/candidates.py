"""What a workload would get for one of its resources, over all nodes that could take it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gpulint.finding import CONFIDENCES, Confidence
from gpulint.gpu.catalog import Gpu
from gpulint.graph.landing import Candidate, Landing
from gpulint.graph.offers import Offer
from gpulint.graph.workloads import Asked, Workload
from gpulint.manifest import Place

SHARED = frozenset({"time-slicing", "mps", "shared"})


@dataclass(frozen=True, slots=True)
class Candidates:
    """The nodes and pools a request may land on, judged together."""

    names: tuple[str, ...]
    """The declared nodes and pools that can take it, sorted; empty when only its selector tells of them."""
    only: bool
    """Whether it can land on nothing else: `can only`, not `may`."""
    confidence: str
    """How sure a statement about every candidate is: high, medium or low."""
    may_confidence: str
    """How sure a statement about some candidate is."""
    shared: str
    """`all`, `some` or `none` of the candidates share the GPU behind the resource; `unknown`."""
    sharing: str
    """How, as an adjective: `time-sliced`, `MPS-shared`, or `shared` where it is both or not known."""
    time_sliced: bool
    """Whether time-slicing is among it."""
    replicas: int
    """Units per GPU, 0 when unknown or different."""
    refuses_several: bool
    """Whether every candidate refuses a request for more than one unit."""
    sharing_place: Place
    """Where the sharing is decided; the request itself when only the resource name tells."""
    sharing_told: str
    """What stands there, for a message."""
    strategies: tuple[str, ...]
    """The ways in which the candidates offer this resource (`not shared`, `time-slicing`, `mps`), sorted."""
    renamed: str
    """The name all candidates advertise instead (`nvidia.com/gpu.shared`); empty when they advertise the one asked for, or it is not known."""
    renamed_place: Place
    gpus: tuple[str, ...]
    """Models of all candidates, sorted; empty when one of them is not known."""
    gpus_confidence: str
    """How sure a statement about the models of all candidates is."""
    without_mig: bool
    """Whether all models are known and none has MIG."""
    data_centre: bool
    """Whether all models are known and all are data-centre boards."""
    whole: bool
    """Whether every candidate gives a whole, unshared GPU for it."""
    mig_strategy: str
    """The effective MIG strategy of every candidate; empty when unknown or different."""
    strategy_place: Place
    """Where the strategy is decided."""
    not_offered: bool
    """Whether no candidate advertises the resource, and all they advertise is known."""
    reasons: tuple[str, ...]
    """Why these configurations govern the candidates."""


def candidates(workload: Workload, asked: Asked, landing: Landing) -> Candidates:
    """The verdicts over all candidates for one resource of one container."""
    place = workload.place(asked.container, asked.entry.path)
    found = [(candidate, candidate.offers.get(asked.name)) for candidate in landing.candidates]
    offered = [(candidate, offer) for candidate, offer in found if offer]
    open_ = [candidate for candidate, offer in found if not offer and not candidate.offers.complete]
    takers = [candidate for candidate, _ in offered] + open_
    by_name = asked.resource.kind in {"shared", "mig-shared"}
    told = (
        landing.bound
        or bool(takers)
        and all(_selector_tells(candidate, offer) for candidate, offer in offered)
        and not open_
    )
    sharing = [offer.sharing for _, offer in offered]
    sharer = next(((c, o) for c, o in offered if o.sharing in SHARED and o.place), None)
    everybody = tuple(candidate for candidate, _ in found)
    gpus = _gpus(takers or everybody)
    renamed, renamed_place = _renamed(asked.name, everybody, place)
    strategy, strategy_place = _strategy(everybody, place)
    return Candidates(
        names=tuple(sorted({candidate.group.name for candidate in takers if candidate.declared})),
        only=told or by_name,
        confidence=_confidence(takers or everybody, offered, only=told, any_declared=_declared(everybody)),
        may_confidence=_may_confidence(offered, only=told or by_name),
        shared="all" if by_name else _shared(sharing, bool(open_)),
        sharing=_adjective(sharing, by_name=by_name),
        time_sliced="time-slicing" in sharing or (by_name and "mps" not in sharing),
        replicas=_one({offer.replicas for _, offer in offered if offer.sharing in SHARED}),
        refuses_several=bool(offered) and not open_ and all(offer.refuses_several for _, offer in offered),
        sharing_place=sharer[1].place if sharer and sharer[1].place else place,
        sharing_told=_told(sharer[1]) if sharer else "the name says that it is shared",
        strategies=tuple(sorted({"not shared" if each == "none" else each for each in sharing if each != "unknown"})),
        renamed=renamed,
        renamed_place=renamed_place,
        gpus=tuple(sorted({gpu.model for gpu in gpus})),
        gpus_confidence=gpus_confidence(landing),
        without_mig=bool(gpus) and all(gpu.mig is False for gpu in gpus),
        data_centre=bool(gpus) and all(gpu.data_centre for gpu in gpus),
        whole=bool(offered) and not open_ and all(o.sharing == "none" and not o.profile for _, o in offered),
        mig_strategy=strategy,
        strategy_place=strategy_place,
        not_offered=bool(everybody) and not takers,
        reasons=tuple(sorted({reason for candidate in everybody for reason in candidate.governed.reasons})),
    )


def candidate_gpus(landing: Landing) -> tuple[Gpu, ...]:
    """The products of all candidates; empty when one of them is not known."""
    return _gpus(landing.candidates)


def gpus_confidence(landing: Landing) -> Confidence:
    """High where the selector itself names the products, or no undeclared node can take the workload."""
    return "high" if landing.bound or not _declared(landing.candidates) else "low"


def _gpus(found: Sequence[Candidate]) -> tuple[Gpu, ...]:
    if not found or not all(candidate.group.gpus for candidate in found):
        return ()
    return tuple({gpu.id: gpu for candidate in found for gpu in candidate.group.gpus}.values())


def _selector_tells(candidate: Candidate, offer: Offer) -> bool:
    """True when the labels that the selector asks for decide the sharing, whatever the node."""
    return not candidate.declared and (offer.told_by != "config" or candidate.governed.origin == "label")


def _shared(sharing: Sequence[str], some_open: bool) -> str:
    if any(each in SHARED for each in sharing):
        return "all" if all(each in SHARED for each in sharing) and not some_open else "some"
    return "none" if sharing and not some_open and "unknown" not in sharing else "unknown"


def _adjective(sharing: Iterable[str], *, by_name: bool) -> str:
    ways = {each for each in sharing if each in SHARED}
    if ways == {"time-slicing"}:
        return "time-sliced"
    if ways == {"mps"}:
        return "MPS-shared"
    return "shared" if ways or by_name else ""


def _told(offer: Offer) -> str:
    if offer.told_by != "config":
        return "this label says that the GPUs are shared"
    if offer.sharing == "mps":
        return f"each GPU is shared by {offer.replicas} MPS clients here"
    return f"each GPU is cut in {offer.replicas} slices here"


def _one(values: set[int]) -> int:
    return values.pop() if len(values) == 1 else 0


def _renamed(name: str, found: Sequence[Candidate], place: Place) -> tuple[str, Place]:
    """The other name of the same resource that every candidate advertises, when none advertises this one."""
    other = name.removesuffix(".shared") if name.endswith(".shared") else f"{name}.shared"
    offers = [candidate.offers.get(other) for candidate in found]
    known = all(candidate.governed.known and candidate.governed.entry for candidate in found)
    if not found or not known or not all(offers) or any(candidate.offers.get(name) for candidate in found):
        return "", place
    entry = found[0].governed.entry
    where = entry.at(entry.config.sharing_path, key=True) if entry and entry.config.sharing_path else place
    return other, where


def _strategy(found: Sequence[Candidate], place: Place) -> tuple[str, Place]:
    strategies = {candidate.governed.strategy for candidate in found}
    if len(strategies) != 1 or not found:
        return "", place
    return found[0].governed.strategy, found[0].governed.strategy_place or place


def _declared(found: Iterable[Candidate]) -> bool:
    return any(candidate.declared for candidate in found)


def _confidence(
    found: Sequence[Candidate], offered: Sequence[tuple[Candidate, Offer]], *, only: bool, any_declared: bool
) -> Confidence:
    """Of a statement about all candidates: nodes that nobody declared may differ, unless the pod cannot land there."""
    if only:
        return _least("high", *(_cap(candidate) for candidate in found), *(_cap_told(offer) for _, offer in offered))
    if any_declared:
        return "low"
    return _least("medium", *(_cap(candidate) for candidate in found))


def _may_confidence(offered: Sequence[tuple[Candidate, Offer]], *, only: bool) -> Confidence:
    sharers = [(candidate, offer) for candidate, offer in offered if offer.sharing in SHARED]
    start: Confidence = "high" if only else "medium"
    return _least(start, *(_cap(candidate) for candidate, _ in sharers), *(_cap_told(offer) for _, offer in sharers))


def _cap(candidate: Candidate) -> Confidence:
    governed = candidate.governed
    if not governed.near:
        return "low"
    if governed.tied or not governed.wired and governed.entry is not None:
        return "medium"
    return "high"


def _cap_told(offer: Offer) -> Confidence:
    return "medium" if offer.told_by == "house-label" else "high"


def _least(*confidences: Confidence) -> Confidence:
    return max(confidences, key=CONFIDENCES.index)
