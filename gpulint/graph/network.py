"""The graph as a network, with one node per thing and one typed edge per relation.

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

from typing import TYPE_CHECKING, TypeAlias

import networkx as nx

from gpulint.graph.configs import Holder
from gpulint.graph.govern import Configurations, mig_holders, plugin_holders
from gpulint.graph.installers import Installer
from gpulint.graph.landing import Nodes
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.workloads import Workload
from gpulint.manifest import Manifest

if TYPE_CHECKING:
    from gpulint.graph import Graph

Thing: TypeAlias = tuple[str, str]
"""A node of the network: what it is, and its name within that."""


def network(graph: Graph) -> nx.MultiDiGraph:
    """All things of the graph and how they relate."""
    made: nx.MultiDiGraph = nx.MultiDiGraph()
    _link_nodes(made, graph.nodes)
    _link_installers(made, graph.configurations)
    _link_bounds(made, graph)
    for workload in graph.workloads:
        _link_workload(made, workload, graph)
    return made


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


def _link_nodes(made: nx.MultiDiGraph, nodes: Nodes) -> None:
    for group in nodes.distinct:
        made.add_node(thing(group), group=group)
        for candidate in nodes.candidates(group):
            for name, offer in candidate.offers.by_resource.items():
                made.add_edge(thing(group), ("resource", name), key="advertises", offer=offer)
            governed = candidate.governed
            source = governed.installer or (governed.configs.holder if governed.configs else None)
            if source is not None:
                made.add_edge(thing(source), thing(group), key="governs")


def _link_installers(made: nx.MultiDiGraph, configurations: Configurations) -> None:
    for installer in configurations.installers:
        for role, meant in (("device-plugin", plugin_holders), ("mig", mig_holders)):
            for holder in meant(installer, configurations.holders):
                made.add_edge(thing(installer), thing(holder), key="configures", role=role)


def _link_bounds(made: nx.MultiDiGraph, graph: Graph) -> None:
    for each in (*graph.of_kind("LimitRange"), *graph.of_kind("ResourceQuota")):
        namespace = each.namespace or graph.given_namespaces.get(each.document.source.path, "")
        made.add_edge(thing(each), ("namespace", namespace), key="in", manifest=each)


def _link_workload(made: nx.MultiDiGraph, workload: Workload, graph: Graph) -> None:
    found = graph.landing(workload)
    source = thing(workload)
    made.add_node(source, workload=workload, landing=found)
    if workload.namespace:
        made.add_edge(source, ("namespace", workload.namespace), key="in")
    for asked in workload.asked:
        made.add_edge(source, ("resource", asked.name), key="requests", asked=asked)
    if workload.placement.selects:  # without a selector every group can take it: no edge says more than none
        for candidate in found.candidates:
            if candidate.declared:
                made.add_edge(source, thing(candidate.group), key="selects")
