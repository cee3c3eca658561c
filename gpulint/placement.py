"""Where each GPU workload could run: what it would get there, why not elsewhere, and what would suit it.

Plain data that reports can show without knowing the graph. What the input does not tell is None, or said in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from gpulint import __version__
from gpulint.config import Config
from gpulint.facts.candidates import certainty
from gpulint.facts.mig.targets import Target
from gpulint.facts.owner import Owners
from gpulint.facts.request.request import Request, requests
from gpulint.facts.values import Owner
from gpulint.finding import Confidence, Location, NotAnalysed, ObjectRef
from gpulint.frozen import frozen
from gpulint.gpu.mig import parse_profile
from gpulint.gpu.resources import GpuResource, classify
from gpulint.graph import Graph
from gpulint.graph.capacity import units_per_gpu, units_per_node
from gpulint.graph.landing import Candidate, Excluded, takes_part
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.offers import Offer, Sharing
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container
from gpulint.origin import trace
from gpulint.recommendation import Agreement, Given, Recommendation, agreement, recommend, together
from gpulint.source import Loaded

_FLAVOR = "ResourceFlavor"


@dataclass(frozen=True, slots=True, order=True)
class NodeName:
    """A declared node or pool, or the nodes that a selector describes."""

    kind: str
    """`Node`, `MachineSet`, `NodePool`, `ResourceFlavor`, `kubectl label`; `selector` for nodes nobody declares."""
    name: str
    """Of a `selector` the labels that it asks for, empty when it asks for none."""


@frozen
class Ask:
    """One accelerator resource of a pod."""

    resource: str
    units: int | None
    """Of one pod, all its containers together; None when unknown."""
    most: int
    """What the greediest container asks for; 0 when unknown."""
    own_scheduler: bool
    """Whether a scheduler that shares GPUs by itself hands it out, so that the device plugin's word says nothing."""
    as_written: bool
    """False where a controller may write another name into the pods: one without a domain in an unknown kind."""


@frozen
class Gpu:
    """A model that nodes may carry."""

    model: str
    memory_gb: int | None
    """Nominal; None when unknown."""


@frozen
class Grant:
    """What a pod would get for one resource."""

    resource: str
    units: int | None
    """As asked for."""
    given: Given
    sharing: Sharing
    profile: str
    """The MIG profile of a slice, `1g.10gb+me`; empty for a whole GPU, or when unknown."""
    units_per_gpu: int | None
    """Units of the resource that one GPU is advertised as; None when unknown."""
    units_per_node: int | None
    gpus: tuple[Gpu, ...]
    """One of these; empty when unknown."""
    memory_gb: int | None
    """Memory behind one unit, which sharers have together; None when unknown or different."""
    confidence: Confidence
    """How sure it is that these nodes are governed as `reason` says."""
    reason: str
    decided_at: Location | None
    """The configuration that decides, where one does."""


@frozen
class Option:
    """Nodes that could take the workload and would give it the same."""

    nodes: tuple[NodeName, ...]
    """Sorted."""
    declared: bool
    """False for nodes that only the workload's own selector tells of."""
    doubt: str
    """What is not known of whether they match; empty when they do."""
    grants: tuple[Grant, ...]
    """In the order of the workload's asks."""
    agreement: Agreement
    gpus_per_node: int | None = None
    """None when unknown or different."""
    count: int | None = None
    """Nodes that the pool is to have; None for single nodes, and when unknown."""
    most: int | None = None
    """Nodes that it has at most, likewise."""


@frozen
class Refusal:
    """Declared nodes that cannot take the workload, for one reason."""

    nodes: tuple[NodeName, ...]
    """Sorted."""
    reason: str


@frozen
class Placement:
    """One pod template that asks for an accelerator."""

    cluster: str
    """Empty without `[[cluster]]`."""
    object: ObjectRef
    namespace: str
    """Of the manifest, else of its kustomization; empty when unknown."""
    role: str
    """`Worker`, `head` …, or the field of the pod template; empty where the object has one only."""
    location: Location
    """Of the object's name."""
    pods: int | None
    """At once; None when unknown."""
    asks: tuple[Ask, ...]
    workload_class: str
    """training, inference, interactive, batch, system or unknown."""
    guessed_class: str
    """What it does probably, also where that is not sure."""
    certainty: str
    """How sure `guessed_class` is: certain, high, medium, low or none."""
    evidence: str
    service_level: bool
    """Whether something says that it must stay up."""
    recommendation: Recommendation
    agreement: Agreement
    """Over all options."""
    declared: int
    """Nodes and pools that the input declares."""
    bound: bool
    """Whether no other nodes than those of the options can take it."""
    options: tuple[Option, ...]
    refusals: tuple[Refusal, ...]

    @property
    def note(self) -> str:
        """What has to be said beside options and refusals; empty when nothing has to."""
        if not self.declared:
            return f"no node or pool is declared; {_OF_ANY_NODE[_what_is_known(self.options)]}"
        if any(option.declared for option in self.options):
            return "" if self.bound else "nodes that are not declared may take it as well"
        if self.options:
            return "no declared node or pool can take it; others may"
        return "no node can take it" if self.bound else "no declared node or pool can take it"

    def sort_key(self) -> tuple[str, str, str, str, str, Location]:
        return self.cluster, self.namespace, self.object.kind, self.object.name, self.role, self.location


_OF_ANY_NODE = {
    "all": "this is what the configuration in the input gives any node",
    "nothing": "what it would get is not known",
    "contradicted": "no node would have what it selects and asks for by the configuration in the input",
}


def _what_is_known(options: Sequence[Option]) -> str:
    if not options:
        return "contradicted"
    known = any(grant.given != "unknown" for option in options for grant in option.grants)
    return "all" if known else "nothing"


@frozen
class Placements:
    """Everything a report on placement needs."""

    version: str
    """Of gpulint."""
    workloads: tuple[Placement, ...]
    """Sorted by cluster, namespace and object."""
    pools: int
    """Nodes, pools and flavors that the input declares."""
    files: int
    objects: int
    not_analysed: tuple[NotAnalysed, ...]


def placements(loaded: Loaded, graphs: Sequence[Graph], config: Config, patterns: Sequence[str] = ()) -> Placements:
    """The placements of all workloads that ask for an accelerator, or of those that one of the patterns selects."""
    found = [
        each
        for graph in graphs
        for _, each in placed(graph, Owners(config.workload_class, graph.scope.sources), patterns)
    ]
    return Placements(
        version=__version__,
        workloads=tuple(sorted(found, key=Placement.sort_key)),
        pools=sum(len(graph.nodes.groups) for graph in graphs),
        files=loaded.files,
        objects=loaded.objects,
        not_analysed=loaded.not_analysed,
    )


def is_pattern(pattern: str) -> bool:
    """Whether it has the form `kind/name` or `namespace/kind/name`, each a glob."""
    return pattern.count("/") in {1, 2}


def placed(graph: Graph, owners: Owners, patterns: Sequence[str] = ()) -> Iterator[tuple[Workload, Placement]]:
    """The workloads of one cluster with their placements, in the order of the input."""
    asked = requests(graph, owners)
    for workload in graph.workloads:
        asks = tuple(_asks([(each.container, next(asked)) for each in workload.asked]))
        if asks and (not patterns or any(selects(pattern, workload) for pattern in patterns)):
            yield workload, _placement(graph, workload, asks, owners)


def selects(pattern: str, workload: Workload) -> bool:
    """Whether a pattern (`is_pattern`) names the workload."""
    parts = pattern.split("/")
    named = (workload.namespace, workload.manifest.kind, workload.manifest.name)[-len(parts) :]
    return all(fnmatchcase(value, part) for value, part in zip(named, parts, strict=True))


def _placement(graph: Graph, workload: Workload, asks: tuple[Ask, ...], owners: Owners) -> Placement:
    owner, guess = owners.of(workload), owners.guess(workload)
    recommended = _recommended(owner, asks)
    options, refusals = _divided(graph, workload, asks, recommended)
    return Placement(
        cluster=graph.scope.name,
        object=workload.manifest.ref(),
        namespace=workload.namespace,
        role=_role(workload),
        location=trace(workload.manifest.place("metadata", "name")).place.location(),
        pods=workload.template.replicas,
        asks=asks,
        workload_class=owner.workload_class,
        guessed_class=guess.name,
        certainty=guess.certainty,
        evidence=owner.evidence,
        service_level=owner.service_level,
        recommendation=recommended,
        agreement=together(option.agreement for option in options),
        declared=len(_considered(graph, workload)),
        bound=graph.landing(workload).bound,
        options=options,
        refusals=refusals,
    )


def _recommended(owner: Owner, asks: Sequence[Ask]) -> Recommendation:
    kinds = {ask.resource: classify(ask.resource).kind for ask in asks}
    if all(kind in {"other-accelerator", "known-vendor"} for kind in kinds.values()):
        return Recommendation("", "the strategies are those of NVIDIA's device plugin")
    several = any(ask.most > 1 and kinds[ask.resource] in {"full", "shared"} for ask in asks)
    return recommend(owner, several_gpus=several)


def _role(workload: Workload) -> str:
    """What tells the pod template from others of the object."""
    template = workload.template
    if template.role or len(workload.siblings) == 1:
        return template.role
    return workload.holder.place(*template.path).field()


# --- what is asked for ------------------------------------------------------------------------------------------------


def _asks(asked: Iterable[tuple[Container, Request]]) -> Iterator[Ask]:
    """One per resource, in the order of the manifest, without those of which nothing is asked for."""
    by_resource: dict[str, list[tuple[Container, Request]]] = {}
    for container, request in asked:
        if not _is_zero(request):
            by_resource.setdefault(request.resource, []).append((container, request))
    for resource, found in by_resource.items():
        most = max(request.units for _, request in found)
        own_scheduler = any(request.fraction_scheduler for _, request in found)
        as_written = any(request.qualified or request.pod_confidence != "low" for _, request in found)
        yield Ask(resource, _units(found), most, own_scheduler, as_written)


def _is_zero(request: Request) -> bool:
    amounts = [each for each in (request.limit, request.request) if each.stated]
    return all(each.known and each.milli == 0 for each in amounts)


def _units(found: Sequence[tuple[Container, Request]]) -> int | None:
    """As the scheduler counts them: containers and sidecars run together, init containers before them one by one."""
    if any(request.units <= 0 for _, request in found):
        return None
    alone = [request.units for container, request in found if container.init and not container.restartable]
    return max(sum(request.units for _, request in found) - sum(alone), *alone, 0)


# --- where it can run -------------------------------------------------------------------------------------------------


def _divided(
    graph: Graph, workload: Workload, asks: Sequence[Ask], recommended: Recommendation
) -> tuple[tuple[Option, ...], tuple[Refusal, ...]]:
    alike: dict[Option, set[NodeName]] = {}
    reasons: dict[NodeName, str] = {}
    for each in graph.landing(workload).excluded:
        for name in map(node_name, each.groups):
            reasons.setdefault(name, _exclusion(each))
    for candidate, doubt in _matching(graph, workload):
        reason = next(filter(None, (_why_not(candidate, ask) for ask in asks)), "")
        names = [node_name(group) for group in candidate.groups]
        if not reason:
            alike.setdefault(_option(candidate, doubt, asks, recommended), set()).update(names)
        for name in names if reason else ():
            reasons.setdefault(name, reason)
    for group in _considered(graph, workload):
        reasons.setdefault(node_name(group), _no_gpu(group))
    taking = {name for names in alike.values() for name in names}
    return _options(alike), _refusals({name: reason for name, reason in reasons.items() if name not in taking})


def _matching(graph: Graph, workload: Workload) -> Iterator[tuple[Candidate, str]]:
    """Declared nodes that match or may, with what is not known of that, and those that only the selector describes."""
    sure, possible, _ = graph.nodes.divided(workload.placement, queued=_is_queued(graph, workload))
    described = [candidate for candidate in graph.landing(workload).candidates if not candidate.declared]
    yield from ((candidate, "") for candidate in (*sure, *described))
    yield from ((candidate, _doubt(graph, workload, candidate)) for candidate in possible)


def _considered(graph: Graph, workload: Workload) -> list[NodeGroup]:
    """The declared nodes and pools that count for it; flavors only for what Kueue queues."""
    queued = _is_queued(graph, workload)
    able = (group for group in graph.nodes.groups if takes_part(group, workload.placement, queued=queued))
    return [group for group in able if not group.simulated]


def _is_queued(graph: Graph, workload: Workload) -> bool:
    """Whether flavors of Kueue take part."""
    landing = graph.landing(workload)
    groups = [*(each.group for each in landing.candidates), *(each.group for each in landing.excluded)]
    return any(group.kind == _FLAVOR for group in groups)


def node_name(group: NodeGroup) -> NodeName:
    """What reports call declared nodes, or those that a selector describes."""
    if group.kind != "selector":
        return NodeName(group.kind, group.name)
    return NodeName(group.kind, ", ".join(f"{key}={label.value}" for key, label in sorted(group.labels.items())))


def _options(alike: Mapping[Option, set[NodeName]]) -> tuple[Option, ...]:
    options = [replace(option, nodes=tuple(sorted(names))) for option, names in alike.items()]
    return tuple(sorted(options, key=_option_key))


def _option_key(option: Option) -> tuple[bool, bool, tuple[NodeName, ...], str]:
    return not option.declared, bool(option.doubt), option.nodes, repr(option.grants)


def _refusals(reasons: Mapping[NodeName, str]) -> tuple[Refusal, ...]:
    alike: dict[str, list[NodeName]] = {}
    for name, reason in reasons.items():
        alike.setdefault(reason, []).append(name)
    found = [Refusal(tuple(sorted(names)), reason) for reason, names in alike.items()]
    return tuple(sorted(found, key=lambda refusal: refusal.nodes))


def _doubt(graph: Graph, workload: Workload, candidate: Candidate) -> str:
    keys = workload.placement.matches(graph.nodes.labels(candidate)).unknown
    return f"its value of {', '.join(keys)} is not known" if keys else ""


def _exclusion(excluded: Excluded) -> str:
    if excluded.mismatch:
        return excluded.reason
    return f"the pod does not tolerate {', '.join(map(str, excluded.taints))}"


def _no_gpu(group: NodeGroup) -> str:
    return "no GPU is advertised there" if group.exported else "nothing says that there is a GPU"


def _why_not(candidate: Candidate, ask: Ask) -> str:
    """Why nodes that match cannot give what is asked for; empty when they can, or it is not known."""
    group, name = candidate.group, ask.resource
    resource = classify(name)
    if not resource.is_nvidia:
        return _foreign(group, resource) if ask.as_written else ""
    if resource.profile and Target(group.gpus, group.place).lacks(resource.profile):
        return _lacks(group, resource.profile)
    if ask.own_scheduler:
        return ""
    offer = candidate.offers.get(name)
    if offer is None:
        return _not_advertised(candidate, name)
    if offer.refuses_several and ask.most > 1:
        return f"the device plugin there refuses a container that asks for more than one unit of {name}"
    units = _units_per_node(candidate, name)
    if units is not None and (ask.units or ask.most) > units:
        return f"there are {units} of {name} on a node, not {ask.units or ask.most}"
    return ""


def _foreign(group: NodeGroup, resource: GpuResource) -> str:
    """Of a resource that is not NVIDIA's, or nobody's."""
    if group.allocatable.get(resource.name):
        return ""
    if resource.kind == "near-miss":
        hint = f"; did you mean '{resource.suggestion}'?" if resource.suggestion else ""
        return f"no device plugin advertises {resource.name}{hint}"
    return f"{resource.name} is not advertised there" if group.exported else ""


def _lacks(group: NodeGroup, profile: str) -> str:
    models = ", ".join(gpu.model for gpu in group.gpus)
    if all(gpu.mig is False for gpu in group.gpus):
        return f"{models} has no MIG"
    return f"{models} has no MIG profile {profile}"


def _not_advertised(candidate: Candidate, name: str) -> str:
    decided = classify(name).is_shared and candidate.governed.known  # only a configuration makes such names
    if not (candidate.offers.complete or decided) or certainty(candidate, None) == "low":
        return ""
    offered = ", ".join(sorted(candidate.offers.by_resource))
    return f"{name} is not advertised there, but {offered}" if offered else f"{name} is not advertised there"


# --- what it would get there ------------------------------------------------------------------------------------------


def _option(candidate: Candidate, doubt: str, asks: Sequence[Ask], recommended: Recommendation) -> Option:
    grants = tuple(_grant(candidate, ask) for ask in asks)
    verdict = together(agreement(recommended, grant.given) for grant in grants)
    group = candidate.group
    return Option(
        nodes=(),
        declared=candidate.declared,
        doubt=doubt,
        grants=grants,
        agreement=verdict,
        gpus_per_node=_known(group.gpus_per_node),
        count=_known(group.count) if group.kind != "Node" else None,
        most=_known(group.most) if group.kind != "Node" else None,
    )


def _known(number: int) -> int | None:
    return number if number >= 0 else None


def _grant(candidate: Candidate, ask: Ask) -> Grant:
    offer = None if ask.own_scheduler else candidate.offers.get(ask.resource)
    gpus = tuple(Gpu(gpu.model, gpu.memory_gb) for gpu in candidate.group.gpus)
    resource = classify(ask.resource)
    profile = offer.profile if offer else resource.profile
    sharing = offer.sharing if offer else "shared" if resource.is_shared else "unknown"
    return Grant(
        resource=ask.resource,
        units=ask.units,
        given=_given(sharing, profile),
        sharing=sharing,
        profile=profile,
        units_per_gpu=(units_per_gpu(candidate, offer) or None) if offer else None,
        units_per_node=_units_per_node(candidate, ask.resource),
        gpus=gpus,
        memory_gb=_memory(profile, gpus),
        confidence=certainty(candidate, offer),
        reason=_reason(candidate, ask, offer),
        decided_at=_decided_at(candidate, offer),
    )


def _given(sharing: Sharing, profile: str) -> Given:
    if sharing == "unknown":
        return "unknown"
    if sharing == "none":
        return "mig" if profile else "full"
    return "shared-mig" if profile else sharing


def _units_per_node(candidate: Candidate, resource: str) -> int | None:
    found = units_per_node(candidate, resource)
    return found if found > 0 else None


def _memory(profile: str, gpus: Sequence[Gpu]) -> int | None:
    if profile:
        parsed = parse_profile(profile)
        return parsed.memory_gb if parsed else None
    sizes = {gpu.memory_gb for gpu in gpus}
    return sizes.pop() if len(sizes) == 1 else None


def _reason(candidate: Candidate, ask: Ask, offer: Offer | None) -> str:
    """Why it would be this: who decides about the nodes."""
    governed = candidate.governed
    if ask.own_scheduler:
        return "a scheduler that shares GPUs by itself hands it out"
    if offer is None:
        return f"nothing in the input says that {ask.resource} is advertised there"
    if offer.told_by != "config":
        whose = "a label of the nodes" if offer.told_by == "label" else "a label of the author's own on the nodes"
        return f"{whose} says so" if candidate.declared else "the labels that it selects say so"
    parts = [_cut(candidate, offer), _chosen(candidate)]
    if governed.tied:
        parts.append("which of several installers is theirs is not known")
    return "; ".join(filter(None, parts)) or "no device-plugin configuration in the input says how it is shared"


def _chosen(candidate: Candidate) -> str:
    governed = candidate.governed
    if governed.origin == "fallback":
        return f"{'; '.join(governed.reasons)}: nothing is shared"
    if governed.entry is None or governed.configs is None:
        return ""
    config = f"device-plugin config '{governed.entry.key}' of {governed.configs.holder.label}"
    how = {"label": "chosen by a label of the nodes", "default": "the default"}
    return f"{config}, {how.get(governed.origin, 'the only one in the input')}"


def _cut(candidate: Candidate, offer: Offer) -> str:
    layout = candidate.governed.layout
    if not offer.profile or layout is None:
        return ""
    return f"MIG config '{layout.name}', strategy {candidate.governed.strategy or 'unknown'}"


def _decided_at(candidate: Candidate, offer: Offer | None) -> Location | None:
    """Of a configuration: a label's place would tell nodes apart that are alike."""
    if offer is None or offer.told_by != "config":
        return None
    layout, entry = candidate.governed.layout, candidate.governed.entry
    place = offer.place or (entry.place if entry else None)
    if (
        place is None
        and offer.profile
        and layout
        and not any(layout.place is label.place for label in candidate.group.labels.values())
    ):
        place = layout.place
    return trace(place).place.location() if place else None
