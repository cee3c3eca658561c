"""What a picture shows: plain data, alike things folded into one, everything with the findings that are about it.

Ids are made of names and stay the same as long as these do. What is empty is not known, or not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from gpulint.finding import SEVERITIES, Finding, Location, NotAnalysed, Severity
from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu
from gpulint.graph.govern import Origin, StrategyOrigin
from gpulint.graph.offers import Sharing
from gpulint.placement import Ask, Grant, Option
from gpulint.recommendation import Agreement, Recommendation

ConfigRole: TypeAlias = Literal["device-plugin", "mig"]


@frozen
class Member:
    """One object, or part of one."""

    name: str
    """Empty where it has none."""
    location: Location
    findings: tuple[Finding, ...]
    """The worst first."""


@frozen
class Thing:
    """Objects that differ in nothing that a picture shows, or a single one."""

    id: str
    kind: str
    """`PyTorchJob`, `Node`, `ConfigMap`; `selector` for nodes that nobody declares."""
    members: tuple[Member, ...]
    """At least one; sorted by name."""

    @property
    def name(self) -> str:
        return self.members[0].name

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of all members, the worst first, each once."""
        return worst_first({finding for member in self.members for finding in member.findings})


@frozen
class Way:
    """Where a workload can go, and the outcome there."""

    outcome: str
    option: Option
    pools: tuple[str, ...]


@frozen
class Barred:
    """Pools that cannot take a workload, and why."""

    pools: tuple[str, ...]
    reason: str


@frozen
class Work:
    """Pods that use accelerators."""

    thing: Thing
    namespace: str
    role: str
    """What tells them from other pods of the object; empty where there are none."""
    workload_class: str
    evidence: str
    pods: int | None
    asks: tuple[Ask, ...]
    """Empty where it has claims only."""
    recommendation: Recommendation | None
    agreement: Agreement
    ways: tuple[Way, ...]
    barred: tuple[Barred, ...]
    note: str
    queue: str
    claims: tuple[str, ...]


@frozen
class Outcome:
    """What workloads get in pools that give them the same."""

    id: str
    grants: tuple[Grant, ...]
    """Without what differs from pool to pool; empty where nothing can take the workload."""
    agreement: Agreement
    sure: bool
    """Whether the pools are declared and match."""
    note: str
    """What is not known, or that there is nothing."""
    pools: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    """Why there is nothing, each once."""


@frozen
class Advertised:
    """A resource of the nodes of a pool."""

    resource: str
    sharing: Sharing
    replicas: int
    """Units per device; 0 when unknown."""
    profile: str


@frozen
class Ruling:
    """What governs a pool, and what it advertises then."""

    installer: str
    config: str
    entry: str
    """The key of the config."""
    origin: Origin
    reasons: tuple[str, ...]
    strategy: str
    """Of MIG."""
    strategy_origin: StrategyOrigin
    layout: str
    """The MIG config."""
    advertised: tuple[Advertised, ...]
    complete: bool
    """Whether nothing else is advertised."""
    decided_at: Location | None


@frozen
class Pool:
    """Nodes that are alike."""

    thing: Thing
    declared: bool
    has_gpu: bool
    gpus: tuple[Gpu, ...]
    """One of these."""
    gpu_count: int
    taints: tuple[str, ...]
    rulings: tuple[Ruling, ...]
    """More than one where it is not known which is right."""


@frozen
class Named:
    """A configuration that an installer names."""

    role: ConfigRole
    name: str
    config: str
    """Empty where it is not in the input."""


@frozen
class Maker:
    """What makes the device plugin run."""

    thing: Thing
    enabled: bool
    strategy: str
    default: str
    """The key of the device-plugin configurations for nodes that choose none."""
    named: tuple[Named, ...]


@frozen
class Settings:
    """Configurations of the device plugin or the MIG manager, with a line for each."""

    thing: Thing
    entries: tuple[tuple[str, str], ...]
    """Name and what it does, sorted by name."""


@frozen
class Queue:
    """A ClusterQueue of Kueue, or a LocalQueue whose ClusterQueue is not in the input."""

    thing: Thing
    local: tuple[str, ...]
    """Names of the queues in namespaces that lead to it."""
    quotas: tuple[str, ...]
    """`8 nvidia.com/gpu of a100`."""
    pools: tuple[str, ...]
    """Its flavors."""


@frozen
class DeviceClaim:
    """A ResourceClaim or ResourceClaimTemplate."""

    thing: Thing
    namespace: str
    classes: tuple[str, ...]
    """Of the devices that it asks for."""


@frozen
class Namespace:
    """Where workloads are; without a name those whose namespace is not known."""

    id: str
    name: str
    findings: tuple[Finding, ...]
    """About the namespace, its quotas and limits, and what else is in it and not in the picture."""


@frozen
class Part:
    """One cluster."""

    id: str
    name: str
    """Empty for the only cluster of an input."""
    namespaces: tuple[Namespace, ...]
    work: tuple[Work, ...]
    """Sorted by namespace."""
    outcomes: tuple[Outcome, ...]
    pools: tuple[Pool, ...]
    makers: tuple[Maker, ...]
    settings: tuple[Settings, ...]
    queues: tuple[Queue, ...]
    claims: tuple[DeviceClaim, ...]
    left_out: tuple[str, ...] = ()
    """What an overview does not show: `31 workloads`."""

    @property
    def findings(self) -> frozenset[Finding]:
        """All that are about something in it."""
        inside = {finding for thing in self.things() for finding in thing.findings}
        return frozenset(inside.union(*(each.findings for each in self.namespaces)))

    @property
    def is_empty(self) -> bool:
        return not any(True for _ in self.things())

    def things(self) -> Iterator[Thing]:
        """Everything but outcomes."""
        yield from (each.thing for each in self.work)
        yield from (each.thing for each in self.pools)
        yield from (each.thing for each in self.makers)
        yield from (each.thing for each in self.settings)
        yield from (each.thing for each in self.queues)
        yield from (each.thing for each in self.claims)


@frozen
class Picture:
    """Everything."""

    version: str
    """Of gpulint."""
    parts: tuple[Part, ...]
    elsewhere: tuple[Finding, ...]
    """About nothing that is in the picture."""
    found: tuple[tuple[Severity, int], ...]
    """How many findings of each severity, the worst first, without zeros."""
    workloads: int
    """Objects."""
    pools: int
    """That are declared."""
    files: int
    objects: int
    not_analysed: tuple[NotAnalysed, ...]


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted by severity, then by place."""
    return tuple(sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.sort_key())))


def counts(findings: Iterable[Finding]) -> tuple[tuple[Severity, int], ...]:
    """How many of each severity, the worst first, without zeros."""
    found = Counter(finding.severity for finding in findings)
    return tuple((severity, found[severity]) for severity in SEVERITIES if found[severity])
