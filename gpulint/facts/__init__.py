"""Graph → facts: frozen dataclasses, one class per subject that rules can speak about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gpulint.config import Config
from gpulint.facts.charts import installation_problems
from gpulint.facts.devices import DeviceList, device_lists
from gpulint.facts.exposure import Exposure, exposures
from gpulint.facts.installer import Choice, Conflict, InstallerFact, choices, conflicts, installer_facts
from gpulint.facts.meeting import Crowd, Meetings, Tenancy, crowds, tenancies
from gpulint.facts.mig import FilterFact, LayoutFact, ProfileUse, filters, layouts, profile_uses
from gpulint.facts.mig_choice import MigChoice, MigManager, mig_choices, mig_managers
from gpulint.facts.mig_cut import Cut, Leftover, MpsOnMig, Overlap, cuts, leftovers, mps_on_mig, overlaps
from gpulint.facts.mig_use import MigChange, Slices, WholeGpu, mig_changes, slices, whole_gpus
from gpulint.facts.namespace import NamespaceFact, QuotaItem, namespace_places, namespaces, quota_items
from gpulint.facts.operand import Operand, VmUse, operands, vm_uses
from gpulint.facts.owner import Owners
from gpulint.facts.pool import Pool, pools
from gpulint.facts.problem import Problem, config_problems, yaml_problems
from gpulint.facts.reference import Reference, Unread, references, unread_configs
from gpulint.facts.request import Request, requests
from gpulint.facts.rivals import Rivals, rivals
from gpulint.facts.sharing import (
    InertFact,
    SharedFact,
    SharingFact,
    SharingUses,
    inert_facts,
    shared_facts,
    sharing_facts,
)
from gpulint.facts.workload import WorkloadFact, workload_facts
from gpulint.graph import Graph

SUBJECTS: Mapping[str, type] = MappingProxyType(
    {
        "change": MigChange,
        "choice": Choice,
        "chosen": MigChoice,
        "clash": MpsOnMig,
        "conflict": Conflict,
        "crowd": Crowd,
        "cut": Cut,
        "devices": DeviceList,
        "exposure": Exposure,
        "filter": FilterFact,
        "inert": InertFact,
        "layout": LayoutFact,
        "leftover": Leftover,
        "manager": MigManager,
        "ns": NamespaceFact,
        "installer": InstallerFact,
        "operand": Operand,
        "overlap": Overlap,
        "pool": Pool,
        "problem": Problem,
        "profile": ProfileUse,
        "quota": QuotaItem,
        "reference": Reference,
        "request": Request,
        "rivals": Rivals,
        "shared": SharedFact,
        "sharing": SharingFact,
        "tenancy": Tenancy,
        "unread": Unread,
        "vm": VmUse,
        "slices": Slices,
        "whole": WholeGpu,
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
    yield from installation_problems(graph)
    yield from installer_facts(graph)
    yield from choices(graph)
    yield from conflicts(graph)
    yield from references(graph)
    yield from unread_configs(graph)
    yield from rivals(graph)
    yield from operands(graph)
    yield from vm_uses(graph)
    uses = SharingUses(graph)
    yield from sharing_facts(graph, uses, owners)
    yield from shared_facts(graph, uses, config)
    yield from inert_facts(graph, uses)
    yield from pools(graph)
    yield from filters(graph)
    yield from layouts(graph)
    yield from profile_uses(graph, owners)
    yield from mig_choices(graph)
    yield from mig_managers(graph)
    yield from cuts(graph)
    yield from overlaps(graph)
    yield from leftovers(graph)
    yield from mps_on_mig(graph)
    yield from slices(graph, owners)
    yield from whole_gpus(graph, owners)
    yield from mig_changes(graph, owners)
    yield from asked
    meetings = Meetings(graph, owners)
    yield from tenancies(graph, meetings, config)
    yield from crowds(graph, meetings)
    yield from workload_facts(graph, owners)
    yield from device_lists(graph, owners)
    yield from exposures(graph, owners)
    yield from namespaces(graph, asked, namespace_places(graph))
    yield from quota_items(graph)
