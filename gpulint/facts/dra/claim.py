"""Resource claims of pods: whether what they name exists, who uses it, and who shares it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.dra import GPU_DRIVER
from gpulint.graph import Graph
from gpulint.graph.claims import Claim, DeviceRequest, PodClaim, configs_of
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube import quantity
from gpulint.kube.tree import is_placeholder, mapping, mappings, sequence
from gpulint.manifest import Manifest, Place

_GPUS = frozenset({"gpu", "mig", "vfio", "nvidia", "other-gpu"})
_OF_NVIDIA = frozenset({"gpu", "mig", "vfio", "nvidia"})


@frozen
class PodClaimFact:
    """A claim on GPUs that a pod declares."""

    cluster: str
    workload: Owner
    name: str
    """As the pod calls it."""
    source: str
    """`claim` (a ResourceClaim, one for all pods) or `template` (a ResourceClaimTemplate, which makes one per pod)."""
    target: str
    """The name of the claim or template."""
    users: int
    """Containers that use it; -1 where the template lists none at all."""
    every_node: bool
    """Whether the pods are to run on every node (a DaemonSet)."""
    shared: bool
    """Whether anything says that several pods are to have the devices: settings for sharing, admin access, a part of
    the capacity, or the name."""
    strategy: str
    """How the driver is told to share the devices, `TimeSlicing` or `MPS`; empty when it is not."""
    confidence: str
    """How sure it is that the pod is made as it is written."""
    place: Place
    """Its name in the pod."""
    target_place: Place
    definition_place: Place
    """The name of the claim or template."""


def pod_claims(graph: Graph, owners: Owners) -> Iterator[PodClaimFact]:
    """Every claim that is known to give GPUs, in the order of the input."""
    for workload in graph.pods:
        for claim in graph.claims.of(workload):
            meant = graph.claims.meant(workload, claim).items
            if meant and graph.claims.devices(workload, claim) <= _GPUS:
                yield _pod_claim(graph, owners, workload, claim, meant)


def _pod_claim(
    graph: Graph, owners: Owners, workload: Workload, claim: PodClaim, meant: tuple[Claim, ...]
) -> PodClaimFact:
    strategies = {strategy for each in meant for strategy in _strategies(graph, each)}
    return PodClaimFact(
        cluster=graph.scope.name,
        workload=owners.of(workload),
        name=claim.name,
        source=claim.source,
        target=claim.target,
        users=_users(graph, workload, claim),
        every_node=workload.manifest.kind == "DaemonSet",
        shared=bool(strategies) or "shar" in claim.target or any(_is_for_several(each) for each in meant),
        strategy=sorted(strategies)[0] if strategies else "",
        confidence=made_as_written(workload),
        place=workload.holder.place(*claim.path, "name"),
        target_place=workload.holder.place(*claim.target_path),
        definition_place=meant[0].manifest.place("metadata", "name"),
    )


def made_as_written(workload: Workload) -> Confidence:
    """How sure it is that pods come to have the claims that a template lists, and no others."""
    template = workload.template
    if template.form not in {"template", "podspec"} or (template.kind and template.kind.is_template):
        return "low"
    return "high" if template.kind is not None else "medium"


def _users(graph: Graph, workload: Workload, claim: PodClaim) -> int:
    if not workload.template.containers:
        return -1
    uses = (graph.claims.used_by(workload, container.path) for container in workload.template.containers)
    return sum(any(used.name == claim.name for used in each) for each in uses)


def _strategies(graph: Graph, claim: Claim) -> Iterator[str]:
    for config in configs_of(claim.fields):
        yield from _strategy(config)
    for request in claim.requests:
        for device_class in graph.claims.class_of(request):
            for _, of_class in mappings(device_class.get("spec", "config")):
                yield from _strategy(of_class)


def _strategy(config: Mapping[str, object]) -> Iterator[str]:
    opaque = mapping(config.get("opaque"))
    strategy = mapping(mapping(opaque.get("parameters")).get("sharing")).get("strategy")
    if opaque.get("driver") == GPU_DRIVER and isinstance(strategy, str) and strategy:
        yield strategy


def _is_for_several(claim: Claim) -> bool:
    opaque = any(mapping(config.get("opaque")).get("driver") != GPU_DRIVER for config in configs_of(claim.fields))
    return opaque or any(
        request.fields.get("adminAccess") is True or mapping(request.fields.get("capacity"))
        for request in claim.requests
    )


# --- GPUs by resource name and by claim -------------------------------------------------------------------------------


@frozen
class Twice:
    """A container that asks for a GPU by the name of a resource and gets one by a claim too."""

    cluster: str
    workload: Owner
    container: str
    resource: str
    claim: str
    confidence: str
    place: Place
    """The amount of the resource."""
    claim_place: Place


def asked_twice(graph: Graph, owners: Owners) -> Iterator[Twice]:
    """One fact per container and resource; a claim of a compute domain is no GPU."""
    for workload in graph.workloads:
        claims = {claim.name: claim for claim in graph.claims.of(workload)}
        for asked in workload.asked if claims else ():
            if not asked.resource.is_nvidia or not _is_some(asked):
                continue
            for used in graph.claims.used_by(workload, asked.container.path):
                if used.name in claims and _gives_gpu(graph, workload, claims[used.name], used.request):
                    yield Twice(
                        cluster=graph.scope.name,
                        workload=owners.of(workload),
                        container=asked.container.name,
                        resource=asked.name,
                        claim=used.name,
                        confidence=made_as_written(workload),
                        place=workload.place(asked.container, asked.entry.path),
                        claim_place=workload.holder.place(*used.path, "name"),
                    )
                    break


def _is_some(asked: Asked) -> bool:
    amount = quantity.parse(asked.entry.value)
    return amount is not None and amount.milli > 0


def _gives_gpu(graph: Graph, workload: Workload, claim: PodClaim, request: str) -> bool:
    """Whether every definition that is meant gives the container a GPU of NVIDIA's for its own."""
    meant = graph.claims.meant(workload, claim).items
    return bool(meant) and all(
        any(_is_own_gpu(graph, each) for each in definition.requests if request in {"", each.base_name})
        for definition in meant
    )


def _is_own_gpu(graph: Graph, request: DeviceRequest) -> bool:
    return graph.claims.device(request) in _OF_NVIDIA and request.fields.get("adminAccess") is not True


# --- what is not there ------------------------------------------------------------------------------------------------


@frozen
class MissingTarget:
    """A name of a claim, template, class or request that names nothing."""

    cluster: str
    what: str
    """`pod-claim` (a container's claim that its pod does not declare), `claim`, `template`, `device-class`, `request`
    (one of the claim), or `nothing` (an entry of the pod that names neither claim nor template)."""
    object: str
    """What has the name: `Deployment trainer`, `ResourceClaimTemplate gpu`."""
    name: str
    told: str
    """What there is instead, as a clause; empty when nothing is to be said."""
    suggestion: str
    """The name that was probably meant; empty without a guess."""
    refused: bool
    """Whether the API server refuses the object, wherever the rest of the input is."""
    confidence: str
    place: Place
    other_place: Place
    other_told: str
    """What stands there: `the claim is here`; empty when nothing of the input is to be shown."""


def missing_targets(graph: Graph, owners: Owners) -> Iterator[MissingTarget]:
    """In the order of the input: of pods, then of claims and templates."""
    patched = _may_be_patched(graph)
    for workload in graph.pods:
        declared = graph.claims.of(workload)
        if not patched:
            yield from _undeclared(graph, owners, workload, declared)
        for claim in declared:
            yield from _dangling(graph, owners, workload, claim)
    for definition in graph.claims.claims:
        for request in definition.requests:
            yield from _unknown_class(graph, definition, request)


def _undeclared(
    graph: Graph, owners: Owners, workload: Workload, declared: tuple[PodClaim, ...]
) -> Iterator[MissingTarget]:
    """As validateContainerResource… of k8s.io/kubernetes pkg/apis/core/validation: names must be those of the pod."""
    sure = made_as_written(workload)
    listed = workload.pod_spec.get("resourceClaims")
    names = {claim.name: claim for claim in declared}
    if is_placeholder(listed) or any(map(is_placeholder, (*names, *sequence(listed)))) or sure == "low":
        return
    for container in workload.template.containers:
        for used in graph.claims.used_by(workload, container.path):
            place = workload.holder.place(*used.path, "name")
            if not used.name or is_placeholder(used.name):
                continue
            if used.name in names:
                yield from _no_request(graph, owners, workload, names[used.name], used.request, used.path)
                continue
            told = f"its resourceClaims are {_listed(names)}" if names else "it has no resourceClaims"
            near = _near(used.name, names)
            yield MissingTarget(
                cluster=graph.scope.name,
                what="pod-claim",
                object=owners.of(workload).label,
                name=used.name,
                told=told,
                suggestion=near,
                refused=True,
                confidence=sure,
                place=place,
                other_place=workload.holder.place(*names[near].path, "name") if near else place,
                other_told=f"'{near}' is declared here" if near else "",
            )


def _no_request(
    graph: Graph, owners: Owners, workload: Workload, claim: PodClaim, request: str, path: tuple[str | int, ...]
) -> Iterator[MissingTarget]:
    """A container gets the devices of the request it names: of none where the claim has no such request."""
    nearest = graph.claims.meant(workload, claim)
    known = [[each.base_name for each in definition.requests] for definition in nearest.items]
    if not request or not known or any(request.partition("/")[0] in names or not names for names in known):
        return
    if any(map(is_placeholder, (request, *known[0]))):
        return
    place = workload.holder.place(*path, "request")
    yield MissingTarget(
        cluster=graph.scope.name,
        what="request",
        object=owners.of(workload).label,
        name=request,
        told=f"{nearest.items[0].label} has {_listed(known[0])}",
        suggestion=_near(request, known[0]),
        refused=False,
        confidence="medium" if nearest.tied else made_as_written(workload),
        place=place,
        other_place=nearest.items[0].manifest.place("metadata", "name"),
        other_told="the claim is here",
    )


def _dangling(graph: Graph, owners: Owners, workload: Workload, claim: PodClaim) -> Iterator[MissingTarget]:
    label, sure = owners.of(workload).label, made_as_written(workload)
    if claim.source == "none":
        place = workload.holder.place(*claim.path, "name")
        if sure != "low" and claim.complete:
            yield MissingTarget(
                cluster=graph.scope.name,
                what="nothing",
                object=label,
                name=claim.name,
                told="",
                suggestion="",
                refused=True,
                confidence=sure,
                place=place,
                other_place=place,
                other_told="",
            )
        return
    claims = graph.claims
    if is_placeholder(claim.target) or claims.meant(workload, claim).items or claims.made_by_domain(workload, claim):
        return
    if any(is_placeholder(each.manifest.name) for each in claims.claims):  # one name for many
        return
    same_kind = {
        each.manifest.name: (each.namespace, each.manifest.place("metadata", "name"))
        for each in claims.claims
        if each.is_template == (claim.source == "template")
    }
    if claim.source == "template":
        same_kind |= {name: (namespace, place) for name, namespace, place in claims.made_by_domains()}
    elsewhere = next(
        ((each.namespace, each.manifest.place("metadata", "name")) for each in claims.elsewhere(workload, claim)),
        same_kind.get(claim.target),
    )
    near = _near(claim.target, same_kind)
    other = elsewhere or same_kind.get(near)
    evident = bool(same_kind) and not _may_be_rendered(graph)
    confidence = _absence(graph, "claims", evident=evident) or ("medium" if other and evident else "")
    if not confidence:
        return
    place = workload.holder.place(*claim.target_path)
    yield MissingTarget(
        cluster=graph.scope.name,
        what=claim.source,
        object=label,
        name=claim.target,
        told=f"in namespace {elsewhere[0]} and not in its own" if elsewhere else "",
        suggestion="" if elsewhere else near,
        refused=False,
        confidence=max(confidence, sure, key=_RANKS.index),
        place=place,
        other_place=other[1] if other else place,
        other_told="that one is here" if elsewhere else f"'{near}' is here" if other else "",
    )


_RANKS = ("high", "medium", "low")


def _unknown_class(graph: Graph, definition: Claim, request: DeviceRequest) -> Iterator[MissingTarget]:
    name = request.device_class
    known = graph.claims.known_classes
    if not name or is_placeholder(name) or name in known or any(map(is_placeholder, known)):
        return
    near = _near(name, known)
    classes: tuple[Manifest, ...] = graph.claims.classes_named(near)
    confidence = _absence(graph, "device-classes", evident=bool(near)) or ("medium" if near else "")
    if confidence:
        place = definition.manifest.place(*request.path, "deviceClassName")
        other = classes[0].place("metadata", "name") if classes else place
        yield MissingTarget(
            cluster=graph.scope.name,
            what="device-class",
            object=definition.label,
            name=name,
            told="",
            suggestion=near,
            refused=False,
            confidence=confidence,
            place=place,
            other_place=other,
            other_told=f"'{near}' is here" if classes else "",
        )


def _absence(graph: Graph, space: str, *, evident: bool) -> str:
    """How sure a claim of absence is; empty where nothing is to be said."""
    found = graph.spaces[space]
    if found == "absent":
        return ""
    return "high" if found == "complete" else "medium" if evident else "low"


def _may_be_patched(graph: Graph) -> bool:
    """Whether a kustomization may add claims to pods."""
    roles = ("patch", "kustomization")
    return any("resourceClaims" in source.text for source in graph.scope.sources if source.role in roles)


def _may_be_rendered(graph: Graph) -> bool:
    """Whether a template of a chart in the input may make claims."""
    return any("ResourceClaim" in source.text for source in graph.scope.sources if source.role == "helm-template")


_NEAR = 2
"""Edits that still make two names nearly the same."""


def _near(name: str, known: Iterable[str]) -> str:
    """The known name that is nearly the same; empty without one."""
    ranked = sorted((edits, each) for each in known if (edits := _distance(name, each)) <= min(_NEAR, len(name) // 3))
    return ranked[0][1] if ranked else ""


def _distance(one: str, other: str) -> int:
    """Letters to insert, remove or replace (Levenshtein, row by row); only told up to `_NEAR`."""
    if abs(len(one) - len(other)) > _NEAR:
        return _NEAR + 1
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        above, row = row, [count]
        for column, another in enumerate(other, 1):
            row.append(min(row[-1] + 1, above[column] + 1, above[column - 1] + (letter != another)))
    return row[-1]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(set(names)))
