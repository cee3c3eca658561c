"""Manifests → graph: what refers to what.

Objects, pods, nodes and configurations, linked by indexes; as a network with typed edges where somebody wants it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from gpulint.graph import kustomize
from gpulint.graph.claims import Claims
from gpulint.graph.configs import config_map_holders, generated_holders, mig_files, plugin_configs
from gpulint.graph.govern import Configurations
from gpulint.graph.installers import installers
from gpulint.graph.landing import Asked, Landing, Nodes, landing
from gpulint.graph.nodes import conditional_labels, node_groups
from gpulint.graph.scope import Scope
from gpulint.graph.sections import ChartValues, Release, chart_values, dra_drivers, releases
from gpulint.graph.workloads import Workload, pods
from gpulint.manifest import Manifest, manifests

if TYPE_CHECKING:
    import networkx as nx

Completeness: TypeAlias = Literal["complete", "partial", "absent"]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The linked objects of one scope."""

    scope: Scope
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
    _by_kind: dict[tuple[str, str], list[Manifest]] = field(default_factory=dict)
    _bounds: dict[tuple[str, str], list[Manifest]] = field(default_factory=dict)
    _landings: dict[int, tuple[Workload, Landing]] = field(default_factory=dict)

    @property
    def configurations(self) -> Configurations:
        return self.nodes.configurations

    def of_kind(self, kind: str, group: str = "") -> Iterator[Manifest]:
        """The objects of a kind, in the order of the input."""
        if not self._by_kind:
            for each in self.manifests:
                self._by_kind.setdefault((each.group, each.kind), []).append(each)
        return iter(self._by_kind.get((group, kind), ()))

    def uses_gpu(self, workload: Workload) -> bool:
        """Whether a pod asks for an accelerator: by the name of a resource, or by a claim that is known to give one."""
        return bool(workload.asked) or self.claims.uses_gpu(workload)

    def landing(self, workload: Workload) -> Landing:
        """Where the pods may land; of those that ask for no accelerator too."""
        known = self._landings.get(id(workload))
        if known is None:
            known = self._landings[id(workload)] = workload, landing(workload, self.nodes)
        return known[1]

    def in_namespace(self, namespace: str, kind: str) -> list[Manifest]:
        """The LimitRanges or ResourceQuotas that stand in a namespace."""
        if not self._bounds:
            for each in (*self.of_kind("LimitRange"), *self.of_kind("ResourceQuota")):
                place = each.namespace or self.given_namespaces.get(each.document.source.path, "")
                self._bounds.setdefault((place, each.kind), []).append(each)
        return self._bounds.get((namespace, kind), [])

    def network(self) -> nx.MultiDiGraph:
        """One node per thing and one typed edge per relation, see `graph.network`; made anew."""
        from gpulint.graph.network import network  # networkx takes a quarter of the time of a small run

        return network(self)


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
    spaces = _spaces(scope, objects, nodes)
    claims = Claims(objects, given)
    return Graph(scope, objects, charts, dra_drivers(released), every, asking, nodes, claims, spaces, given)


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


__all__ = ["Graph", "link"]
