"""Graph → facts: frozen dataclasses, one class per subject that rules can speak about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gpulint.config import Config
from gpulint.facts.installer import Choice, Conflict, InstallerFact, choices, conflicts, installer_facts
from gpulint.facts.mig import FilterFact, LayoutFact, ProfileUse, filters, layouts, profile_uses
from gpulint.facts.namespace import NamespaceFact, QuotaItem, namespace_places, namespaces, quota_items
from gpulint.facts.owner import Owners
from gpulint.facts.pool import Pool, pools
from gpulint.facts.problem import Problem, config_problems, yaml_problems
from gpulint.facts.request import Request, requests
from gpulint.facts.workload import WorkloadFact, workload_facts
from gpulint.graph import Graph

SUBJECTS: Mapping[str, type] = MappingProxyType(
    {
        "choice": Choice,
        "conflict": Conflict,
        "filter": FilterFact,
        "layout": LayoutFact,
        "ns": NamespaceFact,
        "installer": InstallerFact,
        "pool": Pool,
        "problem": Problem,
        "profile": ProfileUse,
        "quota": QuotaItem,
        "request": Request,
        "workload": WorkloadFact,
    }
)
"""Subject, as `for` in a rule names it → its class."""

NAMES: Mapping[type, str] = MappingProxyType({fact: name for name, fact in SUBJECTS.items()})


def derive(graph: Graph, config: Config) -> Iterator[object]:
    """All facts of a scope, subject by subject, in the order of the input."""
    owners = Owners(config.workload_class)
    asked = list(requests(graph, owners))
    yield from yaml_problems(graph.scope.name, graph.scope.sources)
    yield from config_problems(graph)
    yield from installer_facts(graph)
    yield from choices(graph)
    yield from conflicts(graph)
    yield from pools(graph)
    yield from filters(graph)
    yield from layouts(graph)
    yield from profile_uses(graph, owners)
    yield from asked
    yield from workload_facts(graph, owners)
    yield from namespaces(graph, asked, namespace_places(graph))
    yield from quota_items(graph)
