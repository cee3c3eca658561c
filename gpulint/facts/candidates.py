"""What a workload would get for one of its resources, over all nodes that could take it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias
from weakref import WeakKeyDictionary

from gpulint.facts.sharing.renaming import renaming
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu
from gpulint.graph.landing import Candidate, Landing
from gpulint.graph.offers import GKE_PARTITION_LABEL, GKE_SHARING_LABEL, SHARED, Offer
from gpulint.graph.scope import related_folders
from gpulint.graph.workloads import Asked, Workload
from gpulint.manifest import Place

_NEIGHBOURS = 3
"""How many folders deep the manifests of one set are at most, below the folder that holds them all."""
_Taker: TypeAlias = "tuple[Candidate, Offer | None]"
"""A candidate with what it offers; None where it may offer the resource, but nothing says so."""


@frozen
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
    sharing_confidence: str
    """How sure `shared` is: that of every candidate when it can land on nothing else, else that of some."""
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
    adds_up: bool
    """Whether several units are a larger part of one GPU on some candidate: MPS of GKE."""
    sharing_place: Place
    """Where the sharing is decided; the request itself when only the resource name tells."""
    sharing_told: str
    """What stands there, for a message; empty when only the resource name tells."""
    strategies: tuple[str, ...]
    """How nodes of one cluster offer this resource (`MIG slices`, `MPS`, `not shared`, `time-slicing`), sorted."""
    renamed: str
    """The name all candidates advertise instead, `nvidia.com/gpu.shared`; empty if none, or unknown."""
    renamed_confidence: str
    """How sure that is for all nodes, declared or not."""
    renamed_place: Place
    """Where the name is decided; the request itself where nothing is renamed."""
    renamed_told: str
    """What stands there, for a message."""
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
    sliced: bool
    """Whether every candidate gives a MIG slice for it, also under the name nvidia.com/gpu."""
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
    of_landing = _VERDICTS.setdefault(landing, {})
    known = of_landing.get(asked.name)
    if known is None:
        of_landing[asked.name] = known = _judged(asked, landing, place), place
    verdict, first = known
    return replace(  # where nothing else decides, the places are those of the request itself
        verdict,
        sharing_place=place if verdict.sharing_place is first else verdict.sharing_place,
        strategy_place=place if verdict.strategy_place is first else verdict.strategy_place,
        renamed_place=place if verdict.renamed_place is first else verdict.renamed_place,
    )


_VERDICTS: WeakKeyDictionary[Landing, dict[str, tuple[Candidates, Place]]] = WeakKeyDictionary()
"""By landing and resource, with the place of the request that was judged: many workloads have one landing."""


def _judged(asked: Asked, landing: Landing, place: Place) -> Candidates:
    found = [(candidate, candidate.offers.get(asked.name)) for candidate in landing.candidates]
    offered = [(candidate, offer) for candidate, offer in found if offer]
    takers = [(candidate, offer) for candidate, offer in found if offer or not candidate.offers.complete]
    everybody = [candidate for candidate, _ in found]
    some_open = len(takers) > len(offered)
    by_name = asked.resource.is_shared
    told = landing.bound or (bool(found) and not some_open and all(_selector_tells(*each) for each in offered or found))
    sharing = [offer.sharing for _, offer in offered]
    sharer = next((offer for _, offer in offered if offer.sharing in SHARED and offer.place), None)
    gpus = _gpus([candidate for candidate, _ in takers] or everybody)
    renamed = renaming(asked.name, everybody, place)
    strategy, strategy_place = _strategy(everybody, place)
    confidence = _confidence(takers or found, only=told or by_name)
    shared = "all" if by_name else _shared(sharing, some_open=some_open)
    may_confidence = _may_confidence(offered, only=told or by_name)
    return Candidates(
        names=tuple(sorted({group.name for each, _ in takers if each.declared for group in each.groups})),
        only=told or by_name,
        confidence=confidence,
        may_confidence=may_confidence,
        sharing_confidence="high" if by_name else confidence if told and shared == "all" else may_confidence,
        shared=shared,
        sharing=_adjective(sharing, by_name=by_name),
        time_sliced="time-slicing" in sharing,
        replicas=_one({offer.replicas for _, offer in offered if offer.sharing in SHARED}),
        refuses_several=bool(offered) and not some_open and all(offer.refuses_several for _, offer in offered),
        adds_up=any(offer.adds_up for _, offer in offered),
        sharing_place=sharer.place if sharer and sharer.place else place,
        sharing_told=_told(sharer) if sharer else "",
        strategies=tuple(sorted({_way(offer) for candidate, offer in offered if _is_known(candidate, offer)})),
        renamed=renamed.name,
        renamed_confidence=_everywhere(everybody, bound=landing.bound),
        renamed_place=renamed.place,
        renamed_told=renamed.told,
        gpus=tuple(sorted({gpu.name for gpu in gpus})),
        gpus_confidence=gpus_confidence(landing),
        without_mig=bool(gpus) and all(gpu.mig is False for gpu in gpus),
        data_centre=bool(gpus) and all(gpu.data_centre for gpu in gpus),
        whole=bool(offered) and not some_open and all(o.sharing == "none" and not o.profile for _, o in offered),
        sliced=bool(offered) and not some_open and all(offer.profile for _, offer in offered),
        mig_strategy=strategy,
        strategy_place=strategy_place,
        not_offered=bool(everybody) and not takers,
        reasons=tuple(sorted({reason for candidate in everybody for reason in candidate.governed.reasons})),
    )


def certainty(candidate: Candidate, offer: Offer | None) -> Confidence:
    """How sure a statement about what a candidate offers is.

    A label that a component sets leaves no doubt; a configuration may not be meant for these nodes.
    """
    if offer is not None and offer.told_by == "label":
        return "high"
    if offer is not None and offer.told_by == "house-label":
        return "medium"
    governed = candidate.governed
    if not governed.near and not _same_set(candidate):
        return "low"
    return "medium" if governed.tied or (not governed.wired and governed.entry is not None) else "high"


def least(*confidences: Confidence) -> Confidence:
    """The least sure of them."""
    return max(confidences, key=CONFIDENCES.index)


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


def _selector_tells(candidate: Candidate, offer: Offer | None) -> bool:
    """True when the labels that the selector asks for decide what is offered and how it is shared, whatever the node.

    That a resource is not offered at all is decided by labels of GKE only, which knows no other name than that of GPUs.
    """
    if candidate.declared:
        return False
    if offer is None:
        return not candidate.group.labels.keys().isdisjoint({GKE_SHARING_LABEL, GKE_PARTITION_LABEL})
    return offer.told_by != "config" or candidate.governed.origin == "label"


def _shared(sharing: Sequence[str], *, some_open: bool) -> str:
    if any(each in SHARED for each in sharing):
        return "all" if all(each in SHARED for each in sharing) and not some_open else "some"
    return "none" if sharing and not some_open and "unknown" not in sharing else "unknown"


def _is_known(candidate: Candidate, offer: Offer) -> bool:
    """Whether the offer counts among those of one cluster: of tied installers only one is there."""
    return offer.sharing in {"none", "time-slicing", "mps"} and (
        offer.told_by == "label" or not candidate.governed.tied
    )


def _way(offer: Offer) -> str:
    if offer.sharing == "none":
        return "MIG slices" if offer.profile else "not shared"
    return "MPS" if offer.sharing == "mps" else offer.sharing


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
        return f"up to {offer.replicas} MPS clients share each GPU here"
    return f"each {'slice' if offer.profile else 'GPU'} is advertised {offer.replicas} times here"


def _one(values: set[int]) -> int:
    return values.pop() if len(values) == 1 else 0


def _strategy(found: Sequence[Candidate], place: Place) -> tuple[str, Place]:
    strategies = {candidate.governed.strategy for candidate in found}
    if len(strategies) != 1 or not found:
        return "", place
    return found[0].governed.strategy, found[0].governed.strategy_place or place


def _declared(found: Iterable[Candidate]) -> bool:
    return any(candidate.declared for candidate in found)


def _confidence(found: Sequence[_Taker], *, only: bool) -> Confidence:
    """Of a statement about all candidates: nodes that nobody declared may differ, unless the pod cannot land there."""
    if only:
        return least("high", *(certainty(*each) for each in found))
    if any(candidate.declared for candidate, _ in found):
        return "low"
    return least("medium", *(certainty(*each) for each in found))


def _everywhere(found: Sequence[Candidate], *, bound: bool) -> Confidence:
    """Of a statement that holds for every configuration that nodes may come to run under."""
    return least("high" if bound else "medium", *(certainty(candidate, None) for candidate in found))


def _may_confidence(offered: Sequence[tuple[Candidate, Offer]], *, only: bool) -> Confidence:
    """Of a statement about those that share; where none does, about those that offer it."""
    sharers = [(candidate, offer) for candidate, offer in offered if offer.sharing in SHARED] or offered
    start: Confidence = "high" if only else "medium"
    return least(start, *(certainty(*each) for each in sharers))


def _same_set(candidate: Candidate) -> bool:
    """Whether the folder of the configuration stands beside that of whom it would govern, or not far above."""
    configs = candidate.governed.configs
    if configs is None:
        return False
    parent = configs.holder.folder.rpartition("/")[0]
    below = candidate.group.folder.removeprefix(parent).strip("/")
    return related_folders(parent, candidate.group.folder) and below.count("/") < _NEIGHBOURS
