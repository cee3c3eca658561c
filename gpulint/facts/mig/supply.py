"""What a pod that asks for a MIG profile meets: the plugin's strategy, and whether anything creates the profile."""

from __future__ import annotations

from collections.abc import Iterable

from gpulint.facts.candidates import Candidates
from gpulint.finding import CONFIDENCES, Confidence
from gpulint.frozen import frozen
from gpulint.gpu import stock
from gpulint.graph import Graph
from gpulint.graph.configs import MigFile
from gpulint.graph.govern import MIG_CONFIG_LABEL, Governed, custom_mig_config, mig_files_of
from gpulint.graph.landing import Candidate, Landing
from gpulint.graph.scope import related_folders
from gpulint.graph.workloads import Workload
from gpulint.manifest import Place


@frozen
class Supply:
    """Whether anything creates the profile."""

    missing: str = ""
    """`certain`, `likely` or empty."""
    confidence: Confidence = "low"
    created: tuple[str, ...] = ()
    """What is created instead, sorted."""
    created_by: str = ""


NO_CLAIM = Supply()


@frozen
class Strategy:
    """The effective MIG strategy of all candidates."""

    value: str
    """Empty when unknown or different."""
    confidence: Confidence
    place: Place


def strategy_for(workload: Workload, landing: Landing, verdict: Candidates) -> Strategy:
    """The strategy, and how sure it is for all nodes that the pod may land on, declared or not."""
    sure = _least(_strategy_cap(workload, landing, candidate) for candidate in landing.candidates)
    return Strategy(verdict.mig_strategy, sure, verdict.strategy_place)


def supply_of(graph: Graph, profile: str, landing: Landing, verdict: Candidates) -> Supply:
    """Whether the profile is missing: on the candidates, or in the configurations that their MIG manager reads."""
    if verdict.not_offered and verdict.only:
        return Supply("certain", _least("medium" if each.governed.tied else "high" for each in landing.candidates))
    maps = {
        id(each): each
        for candidate in landing.candidates
        if custom_mig_config(candidate.governed.installer)
        for each in mig_files_of(candidate.governed.installer, candidate.group.folder, graph.configurations)
    }
    named = len(maps) == 1
    files = tuple(maps.values()) if named else graph.configurations.mig_files
    created = _created(files) if named else configured_profiles(graph)
    if not files or profile in created or any(_is_open(each) for each in files):
        return NO_CLAIM
    confidence: Confidence = "medium" if named else "low"
    if graph.spaces["mig-configs"] == "complete":
        confidence = "high"
    by = files[0].holder.label if named else "the input"
    return Supply("likely", confidence, tuple(sorted(created)), by)


def claimed_resources(graph: Graph) -> frozenset[object]:
    """The resources that a DeviceClass stands for: they are not the device plugin's (KEP-5004)."""
    return frozenset(
        each.get("spec", "extendedResourceName") for each in graph.of_kind("DeviceClass", "resource.k8s.io")
    )


def configured_profiles(graph: Graph) -> frozenset[str]:
    """The profiles that some configuration of the input creates, in configuration spelling."""
    chosen = {group.label(MIG_CONFIG_LABEL) for group in graph.nodes.groups}
    stocked = (profile for name in chosen if name for profile in stock.profiles_of(name))
    return frozenset(stocked) | _created(graph.configurations.mig_files)


def _strategy_cap(workload: Workload, landing: Landing, candidate: Candidate) -> Confidence:
    governed = candidate.governed
    if governed.strategy_origin == "node":
        return "high" if landing.bound or not candidate.declared else "low"
    if _is_for_all_nodes(governed) and governed.installer:
        near = related_folders(governed.installer.folder, workload.manifest.folder())
        stated = governed.strategy_origin == "policy"
        return "high" if stated and near and not governed.tied else "medium"
    if not governed.wired or (candidate.declared and not landing.bound):
        return "low"  # an installer that is not in the input may override a file, and sets `single` by default
    if landing.bound and not governed.tied:
        return "high"
    entries = governed.configs.entries if governed.configs else ()
    return "low" if any(entry.config.mig_strategy == "mixed" for entry in entries) else "medium"


def _is_for_all_nodes(governed: Governed) -> bool:
    """True when no label of a node can change the strategy."""
    if governed.strategy_origin == "policy":
        return True
    installer = governed.installer
    names_no_config = installer is not None and not installer.plugin_config and not installer.plugin_holder
    return governed.strategy_origin == "plugin-default" and names_no_config


def _created(files: Iterable[MigFile]) -> frozenset[str]:
    return frozenset(
        name
        for file in files
        for config in file.config.configs.values()
        for entry in config.entries
        for name in entry.counts()
    )


def _is_open(file: MigFile) -> bool:
    """True when it may create more than can be read: it holds a placeholder, or is refused."""
    return file.config.unknown or file.config.refused


def _least(confidences: Iterable[Confidence]) -> Confidence:
    return max(confidences, key=CONFIDENCES.index, default="low")
