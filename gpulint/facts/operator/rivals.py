"""Several things in the input that would hand out the same GPUs."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.kustomize import Build, are_apart, are_built_together, builds
from gpulint.kube.tree import is_placeholder
from gpulint.manifest import Place


@frozen
class Rivals:
    """Two things that would both hand out the same GPUs."""

    cluster: str
    kind: str
    """`policies` (two ClusterPolicies), `policy-and-cluster` (and a GPUCluster), `device-plugins`, or `dra` (the DRA
    driver and a device plugin)."""
    first: str
    second: str
    confidence: str
    place: Place
    """The second."""
    other_place: Place
    """The first."""


def rivals(graph: Graph) -> Iterator[Rivals]:
    """Each pair once, in the order of the input."""
    found = builds(graph.scope.sources)
    makers = [each for each in graph.configurations.installers if each.plugin_enabled and not each.open]
    for first, second in itertools.combinations(graph.configurations.installers, 2):
        if _are_two_policies(first, second):
            yield _pair(graph, found, "policies", first, second)
        elif first in makers and second in makers and _hand_out_the_same(first, second):
            yield _pair(graph, found, "device-plugins", first, second)
    policies = [each for each in graph.configurations.installers if each.kind == "operator" and _is_deployed(each)]
    for cluster in graph.of_kind("GPUCluster", "nvidia.com"):
        for policy in policies:
            label, place = f"GPUCluster {cluster.name}", cluster.place("metadata", "name")
            yield _rivals(graph, found, "policy-and-cluster", policy, label, place)
    for driver in graph.dra_drivers:
        resources = ("resources", "gpus", "enabled")
        override = driver.values.get("gpuResourcesEnabledOverride")
        if driver.values.get(*resources) is False or override not in {None, False} or driver.open:
            continue
        place = driver.place if driver.values.get(*resources) is None else driver.values.place(*resources)
        for maker in makers:
            yield _rivals(graph, found, "dra", maker, driver.label, place)


def _is_deployed(installer: Installer) -> bool:
    return installer.section.get("clusterPolicy", "deployCR") is not False


_CHART_POLICY = "cluster-policy"
"""The ClusterPolicy that the operator's chart makes (`templates/clusterpolicy.yaml`)."""


def _are_two_policies(first: Installer, second: Installer) -> bool:
    """ClusterPolicies of other names; the chart makes its own. One name twice is one policy, defined twice."""
    if first.kind != "operator" or second.kind != "operator" or (first.manifest is None and second.manifest is None):
        return False
    if not (_is_deployed(first) and _is_deployed(second)):
        return False
    one, other = (each.name if each.manifest else _CHART_POLICY for each in (first, second))
    return one != other and not is_placeholder(one) and not is_placeholder(other)


def _hand_out_the_same(first: Installer, second: Installer) -> bool:
    """Two device plugins on the same nodes: of other kinds, or of other names; neither keeps to nodes of its own."""
    if first.kind == second.kind == "operator":
        return False
    if first.name == second.name and first.kind == second.kind:
        return False
    selections = [_selection(each) for each in (first, second)]
    return selections[0] == selections[1]


def _selection(installer: Installer) -> object:
    """What an installer says of its own about the nodes of the plugin; the operator's runs on all that have GPUs."""
    if installer.kind == "operator":
        return None, None
    given = [installer.section.get(field) or None for field in ("nodeSelector", "affinity")]
    if given[1] is not None and installer.manifest is not None:
        return None, given[1]
    selector = given[0] if isinstance(given[0], Mapping) else {}
    own = {key: value for key, value in selector.items() if key not in _EVERY_GPU_NODE}
    return own or None, given[1]


_EVERY_GPU_NODE = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "nvidia.com/gpu.present",
        "feature.node.kubernetes.io/pci-10de.present",
        "nvidia.com/gpu.deploy.device-plugin",
    }
)
"""Labels that keep a pod to the nodes with GPUs and to no part of them."""


def _pair(graph: Graph, found: Sequence[Build], kind: str, first: Installer, second: Installer) -> Rivals:
    result = _rivals(graph, found, kind, first, second.label, second.place)
    return result if second.installs else replace(result, confidence="low")


def _rivals(graph: Graph, found: Sequence[Build], kind: str, first: Installer, second: str, place: Place) -> Rivals:
    confidence: Confidence = "low" if not first.installs else togetherness(graph, found, first.place, place)
    if graph.spaces["installers"] == "complete":
        confidence = "high"
    return Rivals(graph.scope.name, kind, first.label, second, confidence, place, first.place)


_BRANCHES = frozenset({"clusters", "environments", "envs", "overlays"})
"""Folders whose members are for one cluster each."""
_SAMPLES = frozenset({"demo", "demos", "doc", "docs", "example", "examples", "sample", "samples", "test", "tests"})
"""Folders whose files stand beside one another and are not applied together."""


def togetherness(graph: Graph, found: Iterable[Build], one: Place, other: Place) -> Confidence:
    """How sure it is that two things end up in one cluster: one file or build, one folder, one repository."""
    paths = (one.document.source.path, other.document.source.path)
    shared = posixpath.commonpath([posixpath.dirname(path) or "." for path in paths]).split("/")
    if paths[0] == paths[1] or graph.scope.name:  # the configuration says which cluster it is
        return "high"
    if are_apart(graph.scope.sources, one.document.source, other.document.source):
        return "low"
    if shared[-1] in _BRANCHES or not _SAMPLES.isdisjoint(shared):  # kustomizations of samples list alternatives
        return "low"
    return "high" if are_built_together(found, *paths) else "medium"
