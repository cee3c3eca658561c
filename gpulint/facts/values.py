"""Values that several facts share."""

from __future__ import annotations

from gpulint.frozen import frozen
from gpulint.kube import quantity
from gpulint.kube.tree import is_placeholder
from gpulint.kube.tree import text as text_of
from gpulint.manifest import Place


@frozen
class Amount:
    """A quantity as it is written."""

    stated: bool
    """Whether it is written at all."""
    known: bool
    """False for placeholders and for what is no quantity."""
    whole: bool
    """Whether it is an integer of at least 0, as the API server asks of extended resources."""
    milli: int
    """In thousandths; 0 when unknown."""
    text: str
    """As written."""
    place: Place


@frozen
class Owner:
    """The workload a fact belongs to."""

    label: str
    """`PyTorchJob tenant-alpha/llm-training`."""
    kind: str
    name: str
    namespace: str
    """Empty when unknown."""
    role: str
    """`Worker`, `head` …; empty where the kind has one pod template."""
    replicas: int
    """Pods at once; -1 when unknown."""
    service_level: bool
    """Whether something says that it must stay up: several replicas, a priority class, an autoscaler or a budget."""
    workload_class: str
    """training, inference, interactive, batch, system or unknown; only what is sure, else `unknown`."""
    detail: str
    """`test` or `service`, else empty."""
    evidence: str
    """What the class rests on, for people."""


def amount(value: object, place: Place) -> Amount:
    """The quantity that is written at a place; not stated where there is None."""
    parsed = None if is_placeholder(value) else quantity.parse(value)
    return Amount(
        stated=value is not None,
        known=parsed is not None,
        whole=parsed is not None and parsed.is_integer and parsed.milli >= 0,
        milli=parsed.milli if parsed else 0,
        text=text_of(value),
        place=place,
    )
