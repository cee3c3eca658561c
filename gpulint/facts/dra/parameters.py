"""What claims and classes tell NVIDIA's DRA driver: opaque parameters, and selectors of devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gpulint.config import Config
from gpulint.facts.input.problem import Problem
from gpulint.frozen import frozen
from gpulint.gpu import dra, dra_selectors
from gpulint.gpu.dra import CONFIG_DEVICES, GATES, GPU_DRIVER, Device, Parameters
from gpulint.gpu.dra_selectors import Mismatch, Version
from gpulint.graph import Graph
from gpulint.graph.claims import Claim, DeviceRequest, selectors_of
from gpulint.graph.section import Section
from gpulint.kube.tree import Path, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place
from gpulint.untrusted import number


@frozen
class DeviceConfig:
    """Opaque parameters for NVIDIA's DRA driver, of a claim, a template or a class."""

    cluster: str
    object: str
    """`ResourceClaimTemplate shared-gpu`."""
    kind: str
    """GpuConfig, MigDeviceConfig, VfioDeviceConfig …"""
    strategy: str
    """`TimeSlicing` or `MPS`; empty where no sharing is chosen."""
    gate: str
    """The feature gate that the strategy needs; empty without a strategy."""
    gate_state: str
    """`on`, `off` (somebody says so), `unset` (nobody does, so that it is off) or `unknown`."""
    driver: str
    """What installs the driver: `HelmRelease dra-driver`; empty when nothing in the input does."""
    other_request: str
    """A request that the parameters name, and that gives devices of another type."""
    other_device: str
    """`gpu`, `mig` or `vfio`: what that request gives."""
    useless: bool
    """Whether they are for all requests of the claim, and none gives devices that they are for."""
    confidence: str
    """How sure the state of the gate is."""
    place: Place
    """The kind."""
    strategy_place: Place
    other_place: Place
    """The name of that request in the parameters' list; the kind without one."""
    gate_place: Place
    """Where the gate is set, or would be."""


def device_configs(graph: Graph) -> Iterator[DeviceConfig]:
    """Every entry of `config` for the GPU driver that can be read, in the order of the input."""
    gates: dict[str, _Gate] = {}
    for entry in _entries(graph):
        if entry.read is None or entry.driver != GPU_DRIVER or entry.read.kind not in CONFIG_DEVICES:
            continue
        meant = CONFIG_DEVICES[entry.read.kind]
        other, device, place = _misapplied(graph, entry, meant)
        needed = GATES.get(entry.read.strategy, "")
        if needed and needed not in gates:
            gates[needed] = _gate(graph, needed)
        gate = gates.get(needed)
        kind_place = entry.at("kind")
        yield DeviceConfig(
            cluster=graph.scope.name,
            object=entry.label,
            kind=entry.read.kind,
            strategy=entry.read.strategy,
            gate=needed,
            gate_state=gate.state if gate else "",
            driver=gate.driver if gate else "",
            other_request=other,
            other_device=device,
            useless=_is_useless(graph, entry, meant),
            confidence=gate.confidence if gate else "high",
            place=kind_place,
            strategy_place=entry.at("sharing", "strategy"),
            other_place=place or kind_place,
            gate_place=gate.place if gate and gate.place else kind_place,
        )


def parameter_problems(graph: Graph) -> Iterator[Problem]:
    """What the driver refuses in opaque parameters, and what the API server does in the list of their requests."""
    for entry in _entries(graph):
        for problem in entry.read.problems if entry.read else ():
            place = entry.at(*problem.path)
            place = place.keyed() if problem.token == "key" else place
            yield _problem(graph, entry, problem.message, problem.suggestion, place)
        yield from _unknown_requests(graph, entry)


def _unknown_requests(graph: Graph, entry: _Entry) -> Iterator[Problem]:
    if entry.claim is None or any(map(is_placeholder, (each.name for each in entry.claim.requests))):
        return
    known = {each.base_name for each in entry.claim.requests} | {each.name for each in entry.claim.requests}
    for index, name in entry.requests:
        if known and name not in known and not is_placeholder(name):
            told = f"config names request '{name}', and the claim has {', '.join(map(repr, sorted(known)))}"
            place = entry.manifest.place(*entry.path, "requests", index)
            yield _problem(graph, entry, told, "", place)


def _problem(graph: Graph, entry: _Entry, message: str, suggestion: str, place: Place) -> Problem:
    field = ".".join(str(step) for step in (*entry.path, "opaque", "parameters"))
    return Problem(graph.scope.name, "dra-driver", "refused", entry.label, message, suggestion, place, place, field)


# --- the entries of `config` ------------------------------------------------------------------------------------------


@frozen
class _Entry:
    """One entry of `config`."""

    manifest: Manifest
    claim: Claim | None
    """None for a DeviceClass."""
    path: Path
    driver: str
    requests: tuple[tuple[int, str], ...]
    """The requests it names, with their indexes; empty: all."""
    read: Parameters | None
    """None for drivers of others."""

    @property
    def label(self) -> str:
        return f"{self.manifest.kind} {self.manifest.name}"

    def at(self, *path: str | int) -> Place:
        return self.manifest.place(*self.path, "opaque", "parameters", *path)


def _entries(graph: Graph) -> Iterator[_Entry]:
    for claim in graph.claims.claims:
        yield from _of(claim.manifest, claim, (*claim.spec, "devices", "config"))
    for device_class in graph.claims.classes:
        yield from _of(device_class, None, ("spec", "config"))


def _of(manifest: Manifest, claim: Claim | None, at: Path) -> Iterator[_Entry]:
    for index, entry in mappings(manifest.get(*at)):
        opaque = mapping(entry.get("opaque"))
        driver = text(opaque.get("driver"))
        requests = tuple(
            (number, name) for number, name in enumerate(sequence(entry.get("requests"))) if isinstance(name, str)
        )
        read = dra.parameters(opaque.get("parameters"), driver) if "parameters" in opaque else None
        yield _Entry(manifest, claim, (*at, index), driver, requests, read)


def _misapplied(graph: Graph, entry: _Entry, meant: Device) -> tuple[str, str, Place | None]:
    """The first named request with devices of another type than the parameters are for."""
    for index, name in entry.requests if entry.claim else ():
        devices = {graph.claims.device(each) for each in _named(entry.claim, name)}
        if len(devices) == 1 and (device := devices.pop()) in CONFIG_DEVICES.values() and device != meant:
            return name, device, entry.manifest.place(*entry.path, "requests", index)
    return "", "", None


def _named(claim: Claim | None, name: str) -> list[DeviceRequest]:
    """The requests that a name stands for: one, one of its alternatives, or all of them."""
    return [each for each in claim.requests if name in {each.name, each.base_name}] if claim else []


def _is_useless(graph: Graph, entry: _Entry, meant: Device) -> bool:
    if entry.claim is None or entry.requests:
        return False
    devices = {graph.claims.device(each) for each in entry.claim.requests}
    return bool(devices) and devices <= {*CONFIG_DEVICES.values()} - {meant}


# --- feature gates ----------------------------------------------------------------------------------------------------


@frozen
class _Gate:
    state: str
    driver: str
    confidence: str
    place: Place | None


@frozen
class _Driver:
    """What installs the DRA driver, with its feature gates."""

    label: str
    gates: Section
    closed: bool
    """Whether its gates are all written in the input."""
    place: Place


def _gate(graph: Graph, name: str) -> _Gate:
    """On where any driver of the input has it on; unknown where none is in the input, or something else names it."""
    drivers = list(_drivers(graph))
    values = [each.gates.get(name) for each in drivers]
    if any(value is True or value == "true" or is_placeholder(value) for value in values):
        return _Gate("on", "", "high", None)
    if not drivers or any(not each.closed for each in drivers) or _is_named_elsewhere(graph, name, drivers):
        return _Gate("unknown", "", "low", None)
    off = next((each for each, value in zip(drivers, values, strict=True) if value is False), None)
    if off:
        return _Gate("off", off.label, "high", off.gates.place(name))
    return _Gate("unset", drivers[0].label, "high", drivers[0].place)


def _drivers(graph: Graph) -> Iterator[_Driver]:
    for release in graph.dra_drivers:
        yield _Driver(
            release.label, release.values.below("featureGates"), release.installs and not release.open, release.place
        )
    for cluster in graph.of_kind("GPUCluster", "nvidia.com"):
        path = ("spec", "draDriver", "featureGates")
        gates = Section(mapping(cluster.get(*path)), cluster.place(*path))
        yield _Driver(f"GPUCluster {cluster.name}", gates, closed=True, place=cluster.place("metadata", "name"))
    for chart in graph.charts:
        if chart.chart == "gpu-operator" and chart.values.get("gpuCluster", "deployCR") is True:
            gates = chart.values.below("draDriver", "featureGates")
            yield _Driver(chart.label, gates, chart.installs and not chart.open, chart.place)


def _is_named_elsewhere(graph: Graph, name: str, drivers: Iterable[_Driver]) -> bool:
    """Whether another file of the input names the gate: a script, a values file that nobody is known to use."""
    known = {each.gates.root.document.source.path for each in drivers}
    return any(name in source.text for source in graph.scope.sources if source.path not in known)


# --- selectors --------------------------------------------------------------------------------------------------------


@frozen
class SelectorFact:
    """A selector that matches no device of NVIDIA's driver."""

    cluster: str
    object: str
    """`ResourceClaimTemplate a100`, `DeviceClass small-slices`."""
    message: str
    suggestion: str
    """What to write for the token; empty without a guess."""
    confidence: str
    place: Place
    """The token in the expression, where it can be found; else the expression."""


def selector_facts(graph: Graph, config: Config) -> Iterator[SelectorFact]:
    """Of classes and of the requests of claims, in the order of the input."""
    stated = config.versions.get("dra-driver", "")
    release = _release(stated)
    for device_class in graph.claims.classes:
        own = selectors_of(mapping(device_class.get("spec")), ("spec",))
        yield from _selectors(graph, device_class, own, "unknown", release)
    for claim in graph.claims.claims:
        for request in claim.requests:
            of_class = graph.claims.device_of_class(request.device_class)
            yield from _selectors(graph, claim.manifest, request.selectors, of_class, release)


def _release(stated: str) -> Version | None:
    numbers = [number(part) for part in stated.split(".") if part.isdecimal()]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else None


def _selectors(
    graph: Graph,
    manifest: Manifest,
    selectors: Iterable[tuple[Path, str]],
    of_class: Device,
    release: Version | None,
) -> Iterator[SelectorFact]:
    for path, expression in selectors:
        found = None if is_placeholder(expression) else dra_selectors.mismatch(expression, of_class, release)
        if found:
            yield SelectorFact(
                cluster=graph.scope.name,
                object=f"{manifest.kind} {manifest.name}",
                message=found.message,
                suggestion=found.suggestion,
                confidence="medium" if found.former and release is None else "high",
                place=_token(manifest.place(*path), expression, found),
            )


def _token(place: Place, expression: str, found: Mismatch) -> Place:
    """The token in the file: the same word counts as often before it there as in the expression."""
    start, end = place.span()
    written = place.document.source.text[start:end]
    word = expression[found.start : found.end]
    before = expression.count(word, 0, found.start)
    if written.count(word) != expression.count(word):
        return place
    at = -1
    for _ in range(before + 1):
        at = written.index(word, at + 1)
    return replace(place, extent=(start + at, start + at + len(word)))
