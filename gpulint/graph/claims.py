"""Resource claims: what pods claim, what the claims and templates of the input ask for, which devices that gives.

Shapes as k8s.io/api resource (v1beta1: flat requests; v1beta2, v1: `exactly` or `firstAvailable`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.dra import BUILT_IN_CLASSES, Device
from gpulint.gpu.dra_selectors import selected_device
from gpulint.graph.scope import Nearest, nearest
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import Path, get, is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place

GROUP: Final = "resource.k8s.io"
COMPUTE_DOMAINS: Final = "resource.nvidia.com"
IMPLICIT_RESOURCE: Final = "deviceclass.resource.kubernetes.io/"
"""What a pod may ask for in `limits` instead of a claim: `deviceclass.resource.kubernetes.io/<class>` (KEP-5004)."""

Source: TypeAlias = Literal["claim", "template", "none"]


@frozen
class DeviceRequest:
    """One request of a claim, or one alternative of it."""

    name: str
    """As configurations and containers name it: `gpu`, of an alternative `gpu/large`."""
    path: Path
    """What holds its fields, in the object: the request itself, its `exactly`, or the alternative."""
    fields: Mapping[str, object]

    @property
    def base_name(self) -> str:
        """The name of the request, also of one of its alternatives."""
        return self.name.partition("/")[0]

    @property
    def device_class(self) -> str:
        return text(self.fields.get("deviceClassName"))

    @property
    def selectors(self) -> tuple[tuple[Path, str], ...]:
        """Its CEL expressions with their paths in the object."""
        return selectors_of(self.fields, self.path)


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A ResourceClaim or ResourceClaimTemplate."""

    manifest: Manifest
    namespace: str
    """Empty when unknown."""
    spec: Path
    """Where the spec of the claim stands in the object."""
    requests: tuple[DeviceRequest, ...]

    @property
    def is_template(self) -> bool:
        return self.manifest.kind == "ResourceClaimTemplate"

    @property
    def label(self) -> str:
        return f"{self.manifest.kind} {self.manifest.name}"

    @property
    def fields(self) -> Mapping[str, object]:
        """The spec of the claim."""
        return mapping(self.manifest.get(*self.spec))


@frozen
class PodClaim:
    """An entry of a pod's `resourceClaims`."""

    name: str
    path: Path
    """In the object that holds the pod."""
    source: Source
    target: str
    """The name of the claim or template; empty without one."""
    complete: bool
    """False where it has fields beyond those of today's API, or nothing at all."""

    @property
    def target_path(self) -> Path:
        return (*self.path, "resourceClaimTemplateName" if self.source == "template" else "resourceClaimName")


@frozen
class UsedClaim:
    """An entry of a container's `resources.claims`."""

    name: str
    request: str
    """The one request of the claim that the container gets; empty for all of them."""
    path: Path
    """In the object that holds the pod."""


class Claims:
    """The claims, templates, classes and compute domains of a scope."""

    def __init__(self, manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> None:
        """Take the objects of the scope; `namespaces` maps a file to its kustomization's."""
        found = [each for each in manifests if each.group in {GROUP, COMPUTE_DOMAINS}]
        self._namespaces = namespaces
        self.claims = tuple(self._claim(each) for each in found if each.kind in CLAIM_SPECS)
        """Claims and templates, in the order of the input."""
        self.classes = tuple(each for each in found if each.kind == "DeviceClass" and each.group == GROUP)
        self.domains = tuple(each for each in found if each.kind == "ComputeDomain" and each.group == COMPUTE_DOMAINS)
        self._by_name: dict[tuple[bool, str], list[Claim]] = {}
        for claim in self.claims:
            self._by_name.setdefault((claim.is_template, claim.manifest.name), []).append(claim)
        self._classes: dict[str, list[Manifest]] = {}
        for each in self.classes:
            self._classes.setdefault(each.name, []).append(each)

    @staticmethod
    def of(workload: Workload) -> tuple[PodClaim, ...]:
        """The claims of a pod, as it declares them."""
        return tuple(_pod_claims(workload))

    @staticmethod
    def used_by(workload: Workload, container: Path) -> tuple[UsedClaim, ...]:
        """The claims that the container at a path of the object uses."""
        listed = mappings(get(workload.holder.data, (*container, "resources", "claims")))
        at = (*container, "resources", "claims")
        return tuple(UsedClaim(text(each.get("name")), text(each.get("request")), (*at, n)) for n, each in listed)

    def meant(self, workload: Workload, claim: PodClaim) -> Nearest[Claim]:
        """The claims or templates of the input that an entry may mean: of that name, and of no other namespace."""
        named = self._by_name.get((claim.source == "template", claim.target), ())
        fitting = [each for each in named if _may_be_same(workload.namespace, each.namespace)]
        return nearest(workload.manifest.folder(), fitting, lambda each: each.manifest.folder())

    def elsewhere(self, workload: Workload, claim: PodClaim) -> tuple[Claim, ...]:
        """Those of that name that stand in another namespace."""
        named = self._by_name.get((claim.source == "template", claim.target), ())
        return tuple(each for each in named if not _may_be_same(workload.namespace, each.namespace))

    def made_by_domain(self, workload: Workload, claim: PodClaim) -> Manifest | None:
        """The ComputeDomain whose controller creates the template that an entry names."""
        if claim.source != "template" or not claim.target:
            return None
        for domain in self.domains:
            makes = text(domain.get("spec", "channel", "resourceClaimTemplate", "name"))
            if makes == claim.target and _may_be_same(workload.namespace, self._namespace(domain)):
                return domain
        return None

    def made_by_domains(self) -> Iterator[tuple[str, str, Place]]:
        """Name and namespace of each template that the controller of a ComputeDomain creates, and where it is named."""
        path = ("spec", "channel", "resourceClaimTemplate", "name")
        for domain in self.domains:
            name = text(domain.get(*path))
            if name and not is_placeholder(name):
                yield name, self._namespace(domain), domain.place(*path)

    def class_of(self, request: DeviceRequest) -> tuple[Manifest, ...]:
        """The DeviceClasses of the input that a request names."""
        return self.classes_named(request.device_class)

    def classes_named(self, name: str) -> tuple[Manifest, ...]:
        """The DeviceClasses of the input with a name."""
        return tuple(self._classes.get(name, ()))

    @property
    def known_classes(self) -> tuple[str, ...]:
        """The names of the DeviceClasses of the input and of those that NVIDIA's chart brings."""
        return tuple(sorted({*self._classes, *BUILT_IN_CLASSES}))

    def device(self, request: DeviceRequest) -> Device:
        """What sort of device a request gives."""
        name = request.device_class
        of_class = self.device_of_class(name)
        return selected_device((expression for _, expression in request.selectors), of_class)

    def device_of_class(self, name: str) -> Device:
        """What sort of device a DeviceClass gives, by its selectors, else by its name."""
        if name in BUILT_IN_CLASSES:
            return BUILT_IN_CLASSES[name]
        defined = self._classes.get(name, [])
        sorts = {selected_device(_expressions(each), "unknown") for each in defined}
        if len(sorts) == 1 and sorts != {"unknown"}:
            return sorts.pop()
        resources = {text(_spec(each).get("extendedResourceName")) for each in defined}
        if any("gpu" in word for word in (name, *resources)) and "net" not in name:
            return "other-gpu"
        return "unknown"

    def devices(self, workload: Workload, claim: PodClaim) -> frozenset[Device]:
        """What sorts of devices an entry of a pod gives; `unknown` among them where not all of it is known."""
        if self.made_by_domain(workload, claim):
            return frozenset({"channel"})
        meant = self.meant(workload, claim).items
        found = {self.device(request) for each in meant for request in each.requests}
        return frozenset(found or {"unknown"})

    def uses_gpu(self, workload: Workload) -> bool:
        """Whether the pod gets a GPU, or part of one, by a claim: as far as the input tells."""
        return "gpu" in self._sorts(workload)

    def may_use_gpu(self, workload: Workload) -> bool:
        """The same where it is only possible: the claim is not in the input, or its class tells nothing."""
        return not self._sorts(workload).isdisjoint({"gpu", "unknown"})

    def _sorts(self, workload: Workload) -> set[str]:
        declared = self.of(workload)
        found = {device for claim in declared for device in self.devices(workload, claim)}
        found |= {self.device_of_class(name) for name in _implicit(workload)}
        names = {claim.name for claim in declared}
        undeclared = any(
            used.name not in names
            for container in workload.template.containers
            for used in self.used_by(workload, container.path)
        )
        return {_SORTS[device] for device in found} | ({"unknown"} if undeclared else set())

    def _claim(self, manifest: Manifest) -> Claim:
        spec = CLAIM_SPECS[manifest.kind]
        requests = tuple(_requests(manifest, (*spec, "devices", "requests")))
        return Claim(manifest, self._namespace(manifest), spec, requests)

    def _namespace(self, manifest: Manifest) -> str:
        return manifest.namespace or self._namespaces.get(manifest.document.source.path, "")


CLAIM_SPECS: Mapping[str, Path] = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}
_SORTS: Mapping[Device, str] = {
    "gpu": "gpu",
    "mig": "gpu",
    "vfio": "gpu",
    "nvidia": "gpu",
    "other-gpu": "gpu",
    "channel": "other",
    "unknown": "unknown",
}


_ENTRY_FIELDS = frozenset({"name", "resourceClaimName", "resourceClaimTemplateName"})


def selectors_of(fields: Mapping[str, object], path: Path) -> tuple[tuple[Path, str], ...]:
    """The CEL expressions of a request or a class with their paths."""
    return tuple(
        ((*path, "selectors", index, "cel", "expression"), expression)
        for index, each in mappings(fields.get("selectors"))
        if isinstance(expression := mapping(each.get("cel")).get("expression"), str)
    )


def configs_of(spec: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
    """The entries of `devices.config` in the spec of a claim."""
    return tuple(each for _, each in mappings(mapping(spec.get("devices")).get("config")))


def _pod_claims(workload: Workload) -> Iterator[PodClaim]:
    at = (*workload.template.spec, "resourceClaims")
    for index, entry in mappings(workload.pod_spec.get("resourceClaims")):
        name = text(entry.get("name"))
        template, claim = text(entry.get("resourceClaimTemplateName")), text(entry.get("resourceClaimName"))
        source: Source = "template" if template else "claim" if claim else "none"
        yield PodClaim(name, (*at, index), source, template or claim, bool(name) and entry.keys() <= _ENTRY_FIELDS)


def _requests(manifest: Manifest, at: Path) -> Iterator[DeviceRequest]:
    for index, entry in mappings(manifest.get(*at)):
        name, path = text(entry.get("name")), (*at, index)
        exactly, alternatives = entry.get("exactly"), sequence(entry.get("firstAvailable"))
        if isinstance(exactly, Mapping):
            yield DeviceRequest(name, (*path, "exactly"), exactly)
        elif alternatives:
            for number, each in mappings(alternatives):
                yield DeviceRequest(f"{name}/{text(each.get('name'))}", (*path, "firstAvailable", number), each)
        else:
            yield DeviceRequest(name, path, entry)


def _spec(device_class: Manifest) -> Mapping[str, object]:
    return mapping(device_class.get("spec"))


def _expressions(device_class: Manifest) -> Iterator[str]:
    return (expression for _, expression in selectors_of(_spec(device_class), ("spec",)))


def _implicit(workload: Workload) -> Iterator[str]:
    for container in workload.template.containers:
        for section in ("limits", "requests"):
            for name in mapping(get(workload.container(container), ("resources", section))):
                if name.startswith(IMPLICIT_RESOURCE):
                    yield name.removeprefix(IMPLICIT_RESOURCE)


def _may_be_same(one: str, other: str) -> bool:
    return one == other or not one or not other or is_placeholder(one) or is_placeholder(other)
