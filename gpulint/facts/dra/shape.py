"""Objects of `resource.k8s.io` whose version or shape the API server does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from gpulint.config import Config
from gpulint.facts.dra.claim import made_as_written
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.claims import CLAIM_SPECS, GROUP
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import Path, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place
from gpulint.untrusted import number

Release: TypeAlias = tuple[int, int]


@frozen
class ClaimShape:
    """A version or a field of an object about claims that the API server refuses, or drops."""

    cluster: str
    object: str
    """`ResourceClaimTemplate one-gpu`."""
    problem: str
    """`version` (not served), `field` (of another version), `choice` (not exactly one of the fields that exclude each
    other), `value` (one that no version takes) or `name` (of a request that the claim does not have)."""
    message: str
    suggestion: str
    """What to write; empty without an answer."""
    confidence: str
    place: Place


_NEWEST: Release = (1, 36)
_SERVED: Mapping[str, tuple[Release, Release]] = MappingProxyType(
    {
        "v1alpha1": ((1, 26), (1, 26)),
        "v1alpha2": ((1, 27), (1, 30)),
        "v1alpha3": ((1, 31), (1, 33)),
        "v1beta1": ((1, 32), _NEWEST),
        "v1beta2": ((1, 33), _NEWEST),
        "v1": ((1, 34), _NEWEST),
    }
)
"""Version → the first and the last release that serves claims and classes of it (k8s.io/api resource); the newest known
stands for no end."""
_CLASSIC = frozenset({"PodSchedulingContext", "ResourceClaimParameters", "ResourceClass", "ResourceClassParameters"})
"""Kinds that went with v1alpha2 and v1alpha3."""
_STRUCTURED = frozenset({"v1beta2", "v1"})
"""Versions with `exactly`."""
_WITHOUT_SOURCE: Release = (1, 31)
_MODES = ("ExactCount", "All")
_REQUEST_FIELDS = ("deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity")
"""What stands in the request itself in v1beta1, and in `exactly` since."""


def claim_shapes(graph: Graph, config: Config) -> Iterator[ClaimShape]:
    """In the order of the input: of the objects, then of the pods."""
    stated = config.versions.get("kubernetes", "")
    release = _release(stated)
    for each in graph.manifests:
        if each.group != GROUP or each.kind not in {*CLAIM_SPECS, "DeviceClass", *_CLASSIC}:
            continue
        found = _version(graph, each, release, stated=bool(stated))
        if found:
            yield found
        elif each.kind in CLAIM_SPECS:
            yield from _claim(graph, each)
    if release >= _WITHOUT_SOURCE:
        for workload in graph.pods:
            yield from _sources(graph, workload, stated=bool(stated))


def _release(stated: str) -> Release:
    numbers = [number(digits) for digits in re.findall(r"\d+", stated)]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else _NEWEST


def _version(graph: Graph, each: Manifest, release: Release, *, stated: bool) -> ClaimShape | None:
    known = _SERVED.get(each.version)
    if known is None:
        return None
    first, last = known
    ends = last if last != _NEWEST else release
    if each.kind in _CLASSIC:
        ends = min(ends, (1, 31))
    if first <= release <= ends:
        return None
    begins, ended = (f"{each[0]}.{each[1]}" for each in known)
    when = f"it is there from {begins} on" if release < first else f"the last to do so was {ended}"
    better = "" if each.kind in _CLASSIC else _newest_served(release)
    return ClaimShape(
        cluster=graph.scope.name,
        object=_label(each),
        problem="version",
        message=f"Kubernetes {release[0]}.{release[1]} serves no {each.kind} of {GROUP}/{each.version}: {when}",
        suggestion=f"{GROUP}/{better}" if better else "",
        confidence="high" if stated else "medium",
        place=each.place("apiVersion"),
    )


def _newest_served(release: Release) -> str:
    return next((version for version in reversed(tuple(_SERVED)) if _SERVED[version][0] <= release), "")


def _claim(graph: Graph, each: Manifest) -> Iterator[ClaimShape]:
    spec = CLAIM_SPECS[each.kind]
    yield from _nesting(graph, each)
    for old in ("resourceClassName", "parametersRef", "allocationMode"):
        if old in mapping(each.get(*spec)):
            told = f"'{old}' went with v1alpha2: the spec of a claim has 'devices' only"
            yield _wrong(graph, each, "field", told, "", each.place(*spec, old, token="key"))
    requests = (*spec, "devices", "requests")
    for index, request in mappings(each.get(*requests)):
        if not any(map(is_placeholder, request)):
            yield from _request(graph, each, request, (*requests, index))
    yield from _constraints(graph, each, (*spec, "devices", "constraints"), (*requests,))


def _nesting(graph: Graph, each: Manifest) -> Iterator[ClaimShape]:
    """A template has the spec of the claim in its own spec."""
    if each.kind == "ResourceClaimTemplate" and each.get("spec", "devices") is not None:
        told = "the spec of a template has the spec of the claim in it: devices stand in spec.spec"
        yield _wrong(graph, each, "field", told, "spec.spec.devices", each.place("spec", "devices", token="key"))
    elif each.kind == "ResourceClaim" and each.get("spec", "spec") is not None:
        told = "only a ResourceClaimTemplate has a spec in its spec"
        yield _wrong(graph, each, "field", told, "spec.devices", each.place("spec", "spec", token="key"))


def _request(graph: Graph, each: Manifest, request: Mapping[str, object], path: Path) -> Iterator[ClaimShape]:
    name, version = f"request '{request.get('name', '')}'", each.version
    exactly, alternatives = request.get("exactly") is not None, bool(sequence(request.get("firstAvailable")))
    flat = next((field for field in _REQUEST_FIELDS if field in request), "")
    if version in _STRUCTURED:
        if flat:
            told = f"{name} has '{flat}' as in v1beta1; in {version} it stands in 'exactly'"
            yield _wrong(graph, each, "field", told, f"exactly.{flat}", each.place(*path, flat, token="key"))
        elif exactly == alternatives:
            told = "both" if exactly else "none of the two"
            place = each.place(*path, "firstAvailable", token="key") if exactly else each.place(*path, "name")
            message = f"{name} must have either 'exactly' or 'firstAvailable', and has {told}"
            yield _wrong(graph, each, "choice", message, "", place)
    elif version == "v1beta1" and exactly:
        told = f"{name} has 'exactly' as in v1; in v1beta1 its fields stand in the request itself"
        yield _wrong(graph, each, "field", told, "", each.place(*path, "exactly", token="key"))
    elif version == "v1beta1" and not alternatives and "deviceClassName" not in request:
        message = f"{name} names no deviceClassName"
        yield _wrong(graph, each, "choice", message, "", each.place(*path, "name"))

    yield from _amounts(graph, each, name, request, path)


def _amounts(
    graph: Graph, each: Manifest, name: str, request: Mapping[str, object], path: Path
) -> Iterator[ClaimShape]:
    """As validateDeviceAllocationMode of k8s.io/kubernetes pkg/apis/resource/validation."""
    bodies = [(request, path), (mapping(request.get("exactly")), (*path, "exactly"))]
    bodies += [(sub, (*path, "firstAvailable", index)) for index, sub in mappings(request.get("firstAvailable"))]
    for body, at in bodies:
        mode, count = body.get("allocationMode"), body.get("count")
        if isinstance(mode, str) and not is_placeholder(mode) and mode not in _MODES:
            told = f"{name} has allocationMode '{mode}': there are ExactCount and All"
            yield _wrong(graph, each, "value", told, _like(mode), each.place(*at, "allocationMode"))
        elif mode == "All" and isinstance(count, int) and count != 0:
            told = f"{name} has a count beside allocationMode 'All', which takes all there are"
            yield _wrong(graph, each, "value", told, "", each.place(*at, "count"))
        elif isinstance(count, int) and count < 0:
            told = f"{name} has count {count}, which must be more than 0"
            yield _wrong(graph, each, "value", told, "", each.place(*at, "count"))


def _like(mode: str) -> str:
    return next((each for each in _MODES if each.lower() == mode.lower()), "")


def _constraints(graph: Graph, each: Manifest, path: Path, requests: Path) -> Iterator[ClaimShape]:
    """Constraints name requests of their claim, or one alternative of such a request."""
    known: set[str] = set()
    for _, request in mappings(each.get(*requests)):
        name = text(request.get("name"))
        alternatives = (text(sub.get("name")) for _, sub in mappings(request.get("firstAvailable")))
        known |= {name, *(f"{name}/{alternative}" for alternative in alternatives)}
    if any(map(is_placeholder, (each.get(*requests), *sequence(each.get(*requests)), *known))):
        return
    for index, constraint in mappings(each.get(*path)):
        for position, named in enumerate(sequence(constraint.get("requests"))):
            if isinstance(named, str) and not is_placeholder(named) and named not in known:
                listed = ", ".join(f"'{other}'" for other in sorted(known))
                told = f"a constraint names request '{named}', and the claim has {listed}"
                yield _wrong(graph, each, "name", told, "", each.place(*path, index, "requests", position))


def _sources(graph: Graph, workload: Workload, *, stated: bool) -> Iterator[ClaimShape]:
    """`source` around the name, as pods had it up to Kubernetes 1.30."""
    sure = made_as_written(workload)
    for index, entry in mappings(workload.pod_spec.get("resourceClaims")):
        inner = entry.get("source")
        if isinstance(inner, Mapping) and sure != "low":
            field = next((each for each in inner if str(each).startswith("resourceClaim")), "resourceClaimTemplateName")
            yield ClaimShape(
                cluster=graph.scope.name,
                object=_label(workload.manifest),
                problem="field",
                message=f"'source' went with Kubernetes 1.31: '{field}' stands beside the name of the claim",
                suggestion=str(field),
                confidence=sure if stated else "medium",
                place=workload.holder.place(*workload.template.spec, "resourceClaims", index, "source", token="key"),
            )


def _wrong(graph: Graph, each: Manifest, problem: str, message: str, suggestion: str, place: Place) -> ClaimShape:
    return ClaimShape(graph.scope.name, _label(each), problem, message, suggestion, "high", place)


def _label(manifest: Manifest) -> str:
    return f"{manifest.kind} {manifest.name or '(no name)'}"
