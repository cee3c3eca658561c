"""Declared nodes and pools: what their labels promise and what the configuration gives them."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.facts.candidates import certainty, least
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.offers import FULL_GPU, SHARED, Offer, house_strategy
from gpulint.manifest import Place


@frozen
class Pool:
    """A declared node, or nodes that are made alike."""

    cluster: str
    name: str
    title: str
    """For people: `Node gpu-1`."""
    kind: str
    """`Node`, `MachineSet`, `NodePool`, `node group`, `ResourceFlavor`, `kubectl label` …"""
    gpus_per_node: int
    """-1 when unknown or different."""
    count: int
    """Nodes there are to be, -1 when unknown."""
    most: int
    """Nodes there are at most, -1 when unknown or as many as are needed."""
    promised: str
    """The strategy that a label of the author's own promises: none, mig, time-slicing or mps; empty without one."""
    promise: str
    """That label, `nvidia.com/gpu-sharing=full`."""
    promise_place: Place
    resolved: str
    """The strategy that a label or a default gives: none, mig, time-slicing or mps; empty when unknown, or several."""
    resolved_place: Place
    """Where that is decided."""
    resolved_reason: str
    mig_ruled_out: bool
    """Whether its GPUs cannot be cut: no MIG, a label turns it off, or one chooses a config for whole GPUs."""
    tied: bool
    """Whether the folders leave open which of several installers governs it."""
    confidence: str
    """How sure `resolved` is."""
    place: Place


def pools(graph: Graph) -> Iterator[Pool]:
    """One fact per declared node or pool."""
    for group in graph.nodes.groups:
        found = graph.nodes.candidates(group)
        resolved = {_resolved(candidate) for candidate in found}
        promise = house_strategy(group, graph.nodes.house_labels)
        strategy = resolved.pop() if len(resolved) == 1 else ""
        yield Pool(
            cluster=graph.scope.name,
            name=group.name,
            title=group.title,
            kind=group.kind,
            gpus_per_node=group.gpus_per_node,
            count=group.count,
            most=group.most,
            promised=promise[0] if promise else "",
            promise=_promise(group, graph) if promise else "",
            promise_place=promise[1].place if promise else group.place,
            resolved=strategy,
            resolved_place=_resolved_place(found[0]) or group.place,
            resolved_reason="; ".join(found[0].governed.reasons),
            mig_ruled_out=all(_mig_is_ruled_out(candidate) for candidate in found),
            tied=any(candidate.governed.tied for candidate in found),
            confidence=least(*(certainty(candidate, _full_gpu(candidate)) for candidate in found)),
            place=group.place,
        )


def _promise(group: NodeGroup, graph: Graph) -> str:
    key = next(key for key in sorted(graph.nodes.house_labels) if key in group.labels)
    return f"{key}={group.label(key)}"


def _resolved(candidate: Candidate) -> str:
    """Only what a label or a default of the input decides: where nothing chooses, there is nothing to contradict."""
    governed = candidate.governed
    if governed.layout is not None and governed.layout.enabled:
        sliced = any(offer.sharing in SHARED for offer in candidate.offers.by_resource.values())
        return "mig" if governed.strategy in {"single", "mixed"} and not sliced else ""
    offer = _full_gpu(candidate)
    if offer is None or offer.sharing not in {"none", "time-slicing", "mps"} or offer.profile:
        return ""
    chosen = offer.told_by == "config" and governed.origin in {"label", "default"}
    return offer.sharing if chosen or offer.told_by == "label" else ""


def _mig_is_ruled_out(candidate: Candidate) -> bool:
    governed = candidate.governed
    if governed.layout_known and not (governed.layout and governed.layout.enabled):
        return True
    shared = governed.entry.config.resources if governed.entry and governed.origin == "label" else ()
    return bool(shared) and all(each.name == FULL_GPU for each in shared)


def _resolved_place(candidate: Candidate) -> Place | None:
    governed = candidate.governed
    if governed.layout is not None and governed.layout.enabled:
        return governed.layout.place
    offer = _full_gpu(candidate)
    if offer is not None and offer.place is not None:
        return offer.place
    return governed.entry.place if governed.entry else None


def _full_gpu(candidate: Candidate) -> Offer | None:
    return candidate.offers.get(FULL_GPU) or candidate.offers.get(f"{FULL_GPU}.shared")
