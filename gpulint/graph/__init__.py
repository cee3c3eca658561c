"""Manifests → graph: what refers to what, with one node per thing and one typed edge per relation.

| edge | from → to |
|---|---|
| `in` | workload, limit range, quota → namespace |
| `requests` | workload → resource name (attribute `asked`) |
| `places` | workload → landing: all that can take it (attribute `landing`) |
| `selects` | workload → node group that can take it |
| `governs` | installer, or device-plugin configurations that no installer names → node group |
| `configures` | installer → ConfigMap or map in values (attribute `role`: `device-plugin` or `mig`) |
| `advertises` | node group → resource name (attribute `offer`) |

Of nodes that are alike to all pods only the first is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import networkx as nx

from gpulint.graph import kustomize
from gpulint.graph.claims import Claims
from gpulint.graph.configs import Holder, config_map_holders, generated_holders, mig_files, plugin_configs
from gpulint.graph.govern import Configurations, mig_holders, plugin_holders
from gpulint.graph.installers import Installer, installers
from gpulint.graph.landing import Asked, Landing, Nodes, landing
from gpulint.graph.nodes import NodeGroup, conditional_labels, node_groups
from gpulint.graph.scope import Scope
from gpulint.graph.sections import ChartValues, Release, chart_values, dra_drivers, releases
from gpulint.graph.workloads import Workload, pods
from gpulint.manifest import Manifest, manifests

Completeness: TypeAlias = Literal["complete", "partial", "absent"]
Thing: TypeAlias = tuple[str, str]
"""A node of the network: what it is, and its name within that."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The linked objects of one scope."""

    scope: Scope
    network: nx.MultiDiGraph
    manifests: tuple[Manifest, ...]
    charts: tuple[ChartValues, ...]
    dra_drivers: tuple[Release, ...]
    pods: tuple[Workload, ...]
    """Every pod template of the input."""
    workloads: tuple[Workload, ...]
    """Those that ask for an accelerator; without templates for which the workloads that are made of them speak."""
    nodes: Nodes
    claims: Claims
    """Of devices: what they ask for, and which pods have them."""
    spaces: Mapping[str, Completeness]
    given_namespaces: Mapping[str, str]
    """File → the namespace that its kustomization gives it."""

    @property
    def configurations(self) -> Configurations:
        return self.nodes.configurations

    def of_kind(self, kind: str, group: str = "") -> Iterator[Manifest]:
        """The objects of a kind, in the order of the input."""
        return (each for each in self.manifests if each.kind == kind and each.group == group)

    def uses_gpu(self, workload: Workload) -> bool:
        """Whether a pod asks for an accelerator: by the name of a resource, or by a claim that is known to give one."""
        return bool(workload.asked) or self.claims.uses_gpu(workload)

    def landing(self, workload: Workload) -> Landing:
        """Where the pods may land; of those that ask for no accelerator too."""
        known = self.network.nodes.get(thing(workload), {}).get("landing")
        return known if isinstance(known, Landing) else landing(workload, self.nodes)

    def in_namespace(self, namespace: str, kind: str) -> list[Manifest]:
        """The objects of a kind that stand in a namespace."""
        target = ("namespace", namespace)
        if target not in self.network:
            return []
        edges = self.network.in_edges(target, keys=True, data=True)
        return [data["manifest"] for source, _, key, data in edges if key == "in" and source[0] == kind]


def thing(of: Workload | NodeGroup | Installer | Holder | Manifest) -> Thing:
    """The network's node for an object."""
    if isinstance(of, NodeGroup):
        return "nodes", f"{of.kind} {of.name} {of.place.field()} {of.source.path}"
    if isinstance(of, Workload):
        return "workload", f"{_identity(of.manifest)} {of.template.path}"
    if isinstance(of, Manifest):
        return of.kind, _identity(of)
    if isinstance(of, Holder):
        return "config", f"{of.label} {of.name_place.document.source.path} {of.name_place.field()}"
    return "installer", f"{of.label} {of.place.document.source.path} {of.place.field()}"


def _identity(manifest: Manifest) -> str:
    return f"{manifest.ref()} {manifest.document.source.path} {manifest.document.index} {manifest.root}"


def link(scope: Scope, house_labels: Mapping[str, Mapping[str, str]]) -> Graph:
    """The graph of the objects in a scope."""
    objects = tuple(_objects(scope))
    given = kustomize.namespaces(scope.sources)
    released = releases(objects, scope.sources, given)
    charts = chart_values(released)
    configurations = _configurations(scope, objects, charts, given)
    groups = node_groups(objects, scope.sources)
    every = tuple(pods(objects, given))
    nodes = Nodes(
        groups,
        configurations,
        house_labels,
        complete="nodes" in scope.complete or any(group.exported for group in groups),
        admission_adds_tolerations=scope.admission_adds_tolerations,
        asked=Asked.by({each.placement for each in every}),
        conditional_labels=conditional_labels(objects),
    )
    asking = tuple(each for each in every if each.asked and not each.superseded)
    network: nx.MultiDiGraph = nx.MultiDiGraph()
    _link_nodes(network, nodes)
    _link_installers(network, configurations)
    _link_namespaces(network, objects, given)
    for workload in asking:
        _link_workload(network, workload, nodes)
    spaces = _spaces(scope, objects, nodes)
    claims = Claims(objects, given)
    return Graph(scope, network, objects, charts, dra_drivers(released), every, asking, nodes, claims, spaces, given)


def _objects(scope: Scope) -> Iterator[Manifest]:
    for source in scope.sources:
        if source.role not in {"manifests", "kustomization"}:
            continue
        for document in source.documents():
            if document.matters:
                yield from manifests(document)


def _configurations(
    scope: Scope, objects: tuple[Manifest, ...], charts: tuple[ChartValues, ...], given: Mapping[str, str]
) -> Configurations:
    makers = installers(objects, charts, scope.sources, given)
    config_maps = (each for each in objects if each.kind == "ConfigMap" and not each.group)
    own = (holder for maker in makers for holder in (maker.plugin_holder, maker.mig_holder) if holder)
    holders = (*config_map_holders(config_maps, given), *generated_holders(scope.sources), *own)
    named = frozenset(maker.plugin_config.value for maker in makers if maker.plugin_config)
    return Configurations(makers, plugin_configs(holders, named), mig_files(holders), holders)


def _link_nodes(network: nx.MultiDiGraph, nodes: Nodes) -> None:
    for group in nodes.distinct:
        network.add_node(thing(group), group=group)
        for candidate in nodes.candidates(group):
            for name, offer in candidate.offers.by_resource.items():
                network.add_edge(thing(group), ("resource", name), key="advertises", offer=offer)
            governed = candidate.governed
            source = governed.installer or (governed.configs.holder if governed.configs else None)
            if source is not None:
                network.add_edge(thing(source), thing(group), key="governs")


def _link_installers(network: nx.MultiDiGraph, configurations: Configurations) -> None:
    for installer in configurations.installers:
        for role, meant in (("device-plugin", plugin_holders), ("mig", mig_holders)):
            for holder in meant(installer, configurations.holders):
                network.add_edge(thing(installer), thing(holder), key="configures", role=role)


def _link_namespaces(network: nx.MultiDiGraph, objects: Iterable[Manifest], given: Mapping[str, str]) -> None:
    for each in objects:
        if each.group or each.kind not in {"LimitRange", "ResourceQuota"}:
            continue
        namespace = each.namespace or given.get(each.document.source.path, "")
        network.add_edge(thing(each), ("namespace", namespace), key="in", manifest=each)


def _link_workload(network: nx.MultiDiGraph, workload: Workload, nodes: Nodes) -> None:
    found = landing(workload, nodes)
    source = thing(workload)
    network.add_node(source, workload=workload, landing=found)
    if workload.namespace:
        network.add_edge(source, ("namespace", workload.namespace), key="in")
    for asked in workload.asked:
        network.add_edge(source, ("resource", asked.name), key="requests", asked=asked)
    if workload.placement.selects:  # without a selector every group can take it: no edge says more than none
        for candidate in found.candidates:
            if candidate.declared:
                network.add_edge(source, thing(candidate.group), key="selects")


def _spaces(scope: Scope, objects: Iterable[Manifest], nodes: Nodes) -> dict[str, Completeness]:
    kinds = {(each.group, each.kind) for each in objects}
    configurations = nodes.configurations
    partial = {
        "nodes": bool(nodes.groups),
        "device-plugin-configs": bool(configurations.plugin_configs)
        or any(each.plugin_config for each in configurations.installers),
        "mig-configs": bool(configurations.mig_files) or any(each.mig_config for each in configurations.installers),
        "installers": bool(configurations.installers),
        "namespaces": ("", "Namespace") in kinds,
        "limits": ("", "LimitRange") in kinds,
        "quotas": any(kind in {"ResourceQuota", "ClusterResourceQuota", "Profile"} for _, kind in kinds),
        "queues": ("kueue.x-k8s.io", "ClusterQueue") in kinds,
        "claims": any(kind in {"ResourceClaim", "ResourceClaimTemplate"} for _, kind in kinds),
        "device-classes": any(kind == "DeviceClass" for _, kind in kinds),
        "runtime-classes": any(kind == "RuntimeClass" for _, kind in kinds),
    }
    spaces: dict[str, Completeness] = {name: "partial" if there else "absent" for name, there in partial.items()}
    complete = scope.complete | ({"nodes"} if nodes.complete else set())
    return {**spaces, **dict.fromkeys(sorted(complete), "complete")}


__all__ = ["Graph", "link", "thing"]
