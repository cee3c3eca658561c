"""Pod Security Admission in the namespaces where NVIDIA's components run."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.scope import nearest
from gpulint.kube.tree import is_placeholder, mapping, mappings, text
from gpulint.manifest import Manifest, Place

_ENFORCE = "pod-security.kubernetes.io/enforce"
_SYNC = "security.openshift.io/scc.podSecurityLabelSync"
_EXEMPT = "kube-system"
"""Some distributions exempt this namespace from the admission plugin, as Talos does."""
_STRICT = frozenset({"baseline", "restricted"})


@frozen
class Guarded:
    """A namespace that enforces a Pod Security Standard which the components installed there do not meet."""

    cluster: str
    namespace: str
    level: str
    """`baseline` or `restricted`."""
    installer: str
    """`HelmRelease gpu-operator`; the first where there are several."""
    installer_kind: str
    """`operator`, `chart`, `daemonset` or `dra-driver`."""
    violates: str
    """What its pods need that the standard forbids."""
    confidence: str
    place: Place
    """The value of the label."""
    installer_place: Place


def guarded_namespaces(graph: Graph) -> Iterator[Guarded]:
    """One fact per such namespace, in the order of the input."""
    by_namespace: dict[str, list[_Component]] = {}
    for component in _components(graph):
        if component.namespace and not is_placeholder(component.namespace):
            by_namespace.setdefault(component.namespace, []).append(component)
    objects: dict[str, list[Manifest]] = {}
    for each in graph.of_kind("Namespace"):
        objects.setdefault(each.name, []).append(each)
    for name, definitions in objects.items():
        found = [(each, _meant(each, definitions)) for each in by_namespace.get(name, ())]
        for manifest in definitions:
            strict = [each for each, meant in found if manifest in meant and len(meant) == len(_strict(meant))]
            if strict:
                tied = any(len(meant) > 1 for each, meant in found if each in strict)
                sure = strict[0].confidence if name != _EXEMPT else "medium"
                yield _guarded(graph, manifest, strict[0], "medium" if tied else sure)


@frozen
class _Component:
    label: str
    kind: str
    folder: str
    namespace: str
    violates: str
    confidence: Confidence
    place: Place


def _components(graph: Graph) -> Iterator[_Component]:
    """Everything whose pods the standards forbid, but an operator that sets the label itself."""
    for installer in graph.configurations.installers:
        violates = _violations(installer)
        if violates and installer.installs and installer.section.get("psa", "enabled") is not True:
            sure: Confidence = "medium" if installer.open else "high"
            yield _Component(
                installer.label,
                installer.kind,
                installer.folder,
                installer.namespace,
                violates,
                sure,
                installer.place,
            )
    for driver in graph.dra_drivers:
        if driver.installs:
            yield _Component(
                driver.label,
                "dra-driver",
                driver.folder,
                driver.namespace,
                "privileged containers and host paths",
                "high",
                driver.place,
            )


def _violations(installer: Installer) -> str:
    if installer.kind != "daemonset":
        return "privileged containers and host paths" if installer.kind == "operator" else "host paths"
    spec = installer.section
    found = []
    containers = (each for field in ("containers", "initContainers") for _, each in mappings(spec.get(field)))
    if any(mapping(each.get("securityContext")).get("privileged") is True for each in containers):
        found.append("privileged containers")
    if any("hostPath" in volume for _, volume in mappings(spec.get("volumes"))):
        found.append("host paths")
    found += [f"'{field}'" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field) is True]
    return " and ".join(found[:2])


def _meant(component: _Component, definitions: list[Manifest]) -> tuple[Manifest, ...]:
    return nearest(component.folder, definitions, lambda each: each.folder()).items


def _strict(definitions: tuple[Manifest, ...]) -> list[Manifest]:
    """Those that enforce one of the standards, and leave it to nobody else to set the label."""
    return [each for each in definitions if _level(each) in _STRICT and text(_labels(each, _SYNC)) != "true"]


def _level(namespace: Manifest) -> str:
    return text(_labels(namespace, _ENFORCE))


def _labels(namespace: Manifest, key: str) -> object:
    return mapping(namespace.get("metadata", "labels")).get(key)


def _guarded(graph: Graph, namespace: Manifest, component: _Component, confidence: Confidence) -> Guarded:
    return Guarded(
        cluster=graph.scope.name,
        namespace=namespace.name,
        level=_level(namespace),
        installer=component.label,
        installer_kind=component.kind,
        violates=component.violates,
        confidence=confidence,
        place=namespace.place("metadata", "labels", _ENFORCE),
        installer_place=component.place,
    )
