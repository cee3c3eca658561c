"""Graph → facts: frozen dataclasses, one class per subject that rules can speak about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gpulint.config import Config
from gpulint.facts.dra.claim import MissingTarget, PodClaimFact, Twice, asked_twice, missing_targets, pod_claims
from gpulint.facts.dra.parameters import DeviceConfig, SelectorFact, device_configs, parameter_problems, selector_facts
from gpulint.facts.dra.shape import ClaimShape, claim_shapes
from gpulint.facts.input.duplicate import Duplicate, duplicates
from gpulint.facts.input.problem import Problem, config_problems, yaml_problems
from gpulint.facts.isolation.devices import DeviceList, device_lists
from gpulint.facts.isolation.exposure import Exposure, exposures
from gpulint.facts.mig.choice import MigChoice, MigManager, mig_choices, mig_managers
from gpulint.facts.mig.cut import Cut, Leftover, MpsOnMig, Overlap, cuts, leftovers, mps_on_mig, overlaps
from gpulint.facts.mig.profile import FilterFact, LayoutFact, ProfileUse, filters, layouts, profile_uses
from gpulint.facts.mig.use import MigChange, Slices, WholeGpu, mig_changes, slices, whole_gpus
from gpulint.facts.namespace.disruption import Budget, budgets
from gpulint.facts.namespace.limit_range import Bound, LimitItem, bounds_on_nothing, limit_items
from gpulint.facts.namespace.namespace import NamespaceFact, namespaces
from gpulint.facts.namespace.pod_security import Guarded, guarded_namespaces
from gpulint.facts.namespace.quota import QuotaItem, Quotas, quota_items
from gpulint.facts.operator.charts import installation_problems
from gpulint.facts.operator.installer import Choice, Conflict, InstallerFact, choices, conflicts, installer_facts
from gpulint.facts.operator.operand import Operand, VmUse, operands, vm_uses
from gpulint.facts.operator.reference import Reference, Unread, references, unread_configs
from gpulint.facts.operator.rivals import Rivals, rivals
from gpulint.facts.owner import Owners
from gpulint.facts.pool import Pool, pools
from gpulint.facts.request.container import GpuContainer, gpu_containers
from gpulint.facts.request.fraction import FractionConflict, fraction_conflicts
from gpulint.facts.request.refusal import Refusal, refusals
from gpulint.facts.request.request import Request, requests
from gpulint.facts.request.value_request import value_requests
from gpulint.facts.scheduling.demand import Demand, Load, demands, loads
from gpulint.facts.scheduling.gang import Gang, gangs
from gpulint.facts.scheduling.label_value import LabelValue, label_values
from gpulint.facts.scheduling.provision import Provision, provisions
from gpulint.facts.scheduling.queue import QueueFault, queue_faults
from gpulint.facts.scheduling.rollout import Rollout, rollouts
from gpulint.facts.scheduling.selection import Selection, selections
from gpulint.facts.scheduling.taint import TaintFact, TolerationFact, taint_facts, toleration_facts
from gpulint.facts.scheduling.visitor import Visitor, visitors
from gpulint.facts.scheduling.workload import WorkloadFact, workload_facts
from gpulint.facts.sharing.meeting import Crowd, Meetings, Tenancy, crowds, tenancies
from gpulint.facts.sharing.sharing import (
    InertFact,
    SharedFact,
    SharingFact,
    SharingUses,
    inert_facts,
    shared_facts,
    sharing_facts,
)
from gpulint.facts.workload.job import JobFact, job_facts
from gpulint.facts.workload.notebook import NotebookFact, notebook_facts
from gpulint.facts.workload.server import ModelServer, model_servers
from gpulint.facts.workload.shared_memory import SharedMemory, shared_memories
from gpulint.graph import Graph

SUBJECTS: Mapping[str, type] = MappingProxyType(
    {
        "bound": Bound,
        "budget": Budget,
        "change": MigChange,
        "choice": Choice,
        "chosen": MigChoice,
        "claim": PodClaimFact,
        "clash": MpsOnMig,
        "conflict": Conflict,
        "container": GpuContainer,
        "crowd": Crowd,
        "cut": Cut,
        "demand": Demand,
        "devices": DeviceList,
        "duplicate": Duplicate,
        "exposure": Exposure,
        "filter": FilterFact,
        "guarded": Guarded,
        "fraction": FractionConflict,
        "gang": Gang,
        "inert": InertFact,
        "job": JobFact,
        "label": LabelValue,
        "layout": LayoutFact,
        "leftover": Leftover,
        "limit": LimitItem,
        "load": Load,
        "manager": MigManager,
        "missing": MissingTarget,
        "notebook": NotebookFact,
        "ns": NamespaceFact,
        "installer": InstallerFact,
        "operand": Operand,
        "overlap": Overlap,
        "parameters": DeviceConfig,
        "pool": Pool,
        "problem": Problem,
        "profile": ProfileUse,
        "queue": QueueFault,
        "provision": Provision,
        "quota": QuotaItem,
        "reference": Reference,
        "refusal": Refusal,
        "request": Request,
        "rivals": Rivals,
        "rollout": Rollout,
        "selection": Selection,
        "selector": SelectorFact,
        "shape": ClaimShape,
        "server": ModelServer,
        "shared": SharedFact,
        "sharing": SharingFact,
        "shm": SharedMemory,
        "taint": TaintFact,
        "tenancy": Tenancy,
        "toleration": TolerationFact,
        "twice": Twice,
        "unread": Unread,
        "visitor": Visitor,
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
    owners = Owners(config.workload_class, graph.scope.sources)
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
    yield from demands(graph, owners, asked)
    yield from loads(graph, owners)
    yield from provisions(graph, owners)
    yield from value_requests(graph)
    yield from gpu_containers(graph, owners)
    yield from refusals(graph, owners)
    yield from fraction_conflicts(graph, owners)
    yield from queue_faults(graph, owners)
    meetings = Meetings(graph, owners)
    yield from tenancies(graph, meetings, config)
    yield from crowds(graph, meetings)
    yield from workload_facts(graph, owners)
    yield from shared_memories(graph, owners)
    yield from job_facts(graph, owners)
    yield from model_servers(graph, owners)
    yield from notebook_facts(graph, owners)
    yield from gangs(graph, owners)
    yield from selections(graph)
    yield from label_values(graph)
    yield from visitors(graph, owners)
    yield from rollouts(graph, owners)
    yield from taint_facts(graph, owners)
    yield from toleration_facts(graph, owners)
    yield from device_lists(graph, owners)
    yield from exposures(graph, owners)
    quotas = Quotas(graph)
    yield from namespaces(graph, asked, owners, quotas, config)
    yield from quota_items(graph, owners, quotas)
    yield from limit_items(graph)
    yield from bounds_on_nothing(graph, quotas)
    yield from guarded_namespaces(graph)
    yield from budgets(graph, owners)
    yield from duplicates(graph)
    yield from claim_shapes(graph, config)
    yield from missing_targets(graph, owners)
    yield from pod_claims(graph, owners)
    yield from asked_twice(graph, owners)
    yield from parameter_problems(graph)
    yield from device_configs(graph)
    yield from selector_facts(graph, config)
