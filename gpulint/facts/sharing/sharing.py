"""Sharing configurations: who reads them, what they make of GPUs, and which of their settings come to nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from gpulint.config import Config
from gpulint.facts.owner import Owners
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.catalog import is_known_profile
from gpulint.gpu.device_plugin import DevicePluginConfig, SharedResource, max_mps_replicas
from gpulint.gpu.mig import RESOURCE_PREFIX
from gpulint.gpu.problem import is_placeholder
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.configs import LooseConfig, PluginConfigs, PluginEntry, patched_configs, raw_configs
from gpulint.graph.govern import MIG_CONFIG_LABEL, PLUGIN_CONFIG_LABEL, configs_of
from gpulint.graph.installers import Installer
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.offers import FULL_GPU, SHARED, SHARING_LABEL
from gpulint.graph.scope import related_folders
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import get, mapping, mappings
from gpulint.manifest import Place, place_key
from gpulint.source.scan import chunks

_DISCOVERY = ("gpu-feature-discovery", "nvidia.com/mps.capable")
"""Words by which an input tells of GPU feature discovery, or does by hand what that does for MPS."""
_MOST_CLIENTS = max_mps_replicas((99, 0))
_FEWER_CLIENTS_BELOW = (7, 5)


@frozen
class Bystander:
    """A workload that must not share its GPU and gets a shared one, or none."""

    label: str
    why: str
    """`is training`, `selects nvidia.com/gpu.sharing-strategy=none`."""
    place: Place


@frozen
class SharingFact:
    """A device-plugin configuration, as one installer hands it to the plugin."""

    cluster: str
    config: str
    """`'any' of ConfigMap time-slicing-config`."""
    key: str
    strategy: str
    """time-slicing or mps; `none` where it shares nothing."""
    resources: tuple[str, ...]
    """What it shares, sorted."""
    full_gpu: bool
    """Whether whole GPUs, or the slices that `single` advertises under that name, are among it."""
    installer: str
    """`ClusterPolicy gpu-cluster-policy`; empty where no installer of the input names the configuration."""
    kind: str
    """Of the installer: operator, chart or daemonset; empty without one."""
    lacks_mps_root: bool
    """Whether neither the installer nor the file tells the plugin where MPS keeps its files."""
    lacks_discovery: bool
    """Whether nothing in the input runs GPU feature discovery on the nodes, and the installer leaves it out."""
    discovery_confidence: str
    """How sure that is: values that are not in the input may turn it on where nothing turns it off."""
    mig_strategy: str
    """Of the file, empty where it sets none."""
    override: str
    """The MIG strategy that the installer hands to the plugin, which beats the file; empty where it hands none."""
    override_stated: bool
    """Whether that is written; else it is the default of the chart."""
    harmless: bool
    """Whether the two strategies come to the same: the nodes that take the configuration have no MIG, or both are
    `none` or `single` and nothing in the input speaks of MIG."""
    everywhere: bool
    """Whether every GPU node takes it that no label exempts, and no node of the input is exempt."""
    bystanders: tuple[Bystander, ...]
    """Workloads that must not share and may land on nodes that take it for want of a label, sorted."""
    bystander_names: tuple[str, ...]
    confidence: str
    """How sure it is that the installer means this configuration."""
    place: Place
    """The key `timeSlicing` or `mps`; the value of the entry where it shares nothing."""
    resources_place: Place
    """The name of the only resource, else the key `resources`."""
    strategy_place: Place
    """The MIG strategy of the file."""
    override_place: Place
    default_place: Place
    """What makes it the default."""
    root_place: Place
    """Of a DaemonSet, where MPS_ROOT would be."""
    discovery_place: Place
    """The setting that leaves discovery out, else the key `mps`."""


@frozen
class SharedFact:
    """One resource that a device-plugin configuration shares."""

    cluster: str
    config: str
    strategy: str
    """time-slicing or mps."""
    resource: str
    replicas: int
    """Units for each device, 0 when unknown."""
    bound: int
    """`max-time-slices` of the configuration of gpulint."""
    limit: int
    """The most replicas that the MPS control daemon takes on the GPUs concerned."""
    gpus: str
    """Those GPUs where fewer than elsewhere are taken: `Tesla V100 of Node gpu-1`; empty else."""
    limit_confidence: str
    place: Place
    """The number."""
    gpu_place: Place


@frozen
class InertFact:
    """A setting of a device-plugin configuration that comes to nothing."""

    cluster: str
    kind: str
    """`dropped`: the plugin reads and drops it; `name`: no node has the resource; `document`: it is never read."""
    config: str
    message: str
    confidence: str
    place: Place
    other_place: Place
    """What makes it so; the place itself when nothing of the input does."""
    other_told: str
    """What stands there; empty when nothing does."""


@frozen
class _Use:
    """An entry, and one installer that hands it to the plugin."""

    configs: PluginConfigs
    entry: PluginEntry
    installer: Installer | None
    tied: bool
    takers: tuple[tuple[NodeGroup, Candidate], ...]
    """The declared nodes and pools that take it."""

    @property
    def config(self) -> DevicePluginConfig:
        return self.entry.config

    @property
    def subject(self) -> str:
        return f"'{self.entry.key}' of {self.configs.holder.label}"


class SharingUses:
    """Every device-plugin configuration with who reads it; made once for all facts."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._takers: dict[int, list[tuple[NodeGroup, Candidate]]] = {}
        for group in graph.nodes.groups:
            for candidate in graph.nodes.candidates(group):
                if candidate.governed.entry is not None:
                    self._takers.setdefault(id(candidate.governed.entry), []).append((group, candidate))
        self.all = tuple(self._uses())
        self.loose = tuple(self._loose())
        """Configurations outside ConfigMaps, and how sure it is that a plugin gets to read them as they are."""

    def _loose(self) -> Iterator[tuple[LooseConfig, Confidence]]:
        files = (each for each in self._graph.scope.sources if each.role in {"manifests", "other"})
        matter = (document for source in files for document in source.documents() if document.matters)
        alone = raw_configs(matter, self._graph.configurations.holders)
        yield from ((each, "low") for each in alone if each.plugin)
        yield from ((each, "high") for each in patched_configs(self._graph.scope.sources) if each.plugin)

    def _uses(self) -> Iterator[_Use]:
        readers: dict[int, list[Installer]] = {}
        meant_tied: set[int] = set()
        for installer in self._graph.configurations.installers:
            meant = configs_of(installer, self._graph.configurations) if installer.plugin_enabled else []
            for configs in meant:
                readers.setdefault(id(configs), []).append(installer)
                if len(meant) > 1:
                    meant_tied.add(id(configs))
        for configs in self._graph.configurations.plugin_configs:
            found: Sequence[Installer | None] = readers.get(id(configs), [None])
            if any(each is not None and each.is_fork for each in found):
                continue
            for entry in configs.entries:
                takers = tuple(self._takers.get(id(entry), ()))
                for reader in found:
                    if reader is None or reader.kind != "daemonset" or reader.plugin_default.value == entry.key:
                        tied = len(found) > 1 or id(configs) in meant_tied
                        yield _Use(configs, entry, reader, tied, takers)


# --- configurations in use --------------------------------------------------------------------------------------------


def sharing_facts(graph: Graph, uses: SharingUses, owners: Owners) -> Iterator[SharingFact]:
    """One fact per configuration and installer; of configurations that are refused or hold placeholders none."""
    asking = _Askers(graph, owners)
    discovery = _Discovery(graph)
    mig = _speaks_of_mig(graph)
    overridden: set[int] = set()
    for use in uses.all:
        config = use.config
        if config.refused or config.unknown:
            continue
        installer = use.installer
        override = _override(installer) if id(use.entry) not in overridden else ""
        if override not in {"", config.mig_strategy}:
            overridden.add(id(use.entry))  # one installer that overrides it is enough
        everywhere = _is_default(use) and not _some_are_exempt(graph, use)
        bystanders = asking.bystanders(use) if everywhere and config.resources else ()
        yield SharingFact(
            cluster=graph.scope.name,
            config=use.subject,
            key=use.entry.key,
            strategy=config.strategy,
            resources=tuple(sorted(each.name for each in config.resources)),
            full_gpu=any(each.name == FULL_GPU for each in config.resources),
            installer=installer.label if installer else "",
            kind=installer.kind if installer else "",
            lacks_mps_root=installer is not None and not (installer.mps_root or config.mps_root or _env_from(use)),
            lacks_discovery=config.strategy == "mps" and installer is not None and discovery.is_missing(installer),
            discovery_confidence=_discovery_confidence(use),
            mig_strategy=config.mig_strategy,
            override=override,
            override_stated=installer is not None and _states_strategy(installer),
            harmless=_without_mig(use) or (config.mig_strategy != "mixed" != override and not mig),
            everywhere=everywhere,
            bystanders=bystanders,
            bystander_names=tuple(each.label for each in bystanders),
            confidence=_confidence(use),
            place=use.entry.at(config.sharing_path, key=True) if config.sharing_path else use.entry.place,
            resources_place=_resources_place(use),
            strategy_place=use.entry.at(config.mig_strategy_path or ()),
            override_place=installer.mig_strategy.place if installer else use.entry.place,
            default_place=_default_place(use),
            root_place=_root_place(use),
            discovery_place=_discovery_place(use),
        )


def _confidence(use: _Use) -> Confidence:
    """A chart's default may be changed by values that are not in the input."""
    stated = use.installer is not None and _states_strategy(use.installer)
    return "high" if stated and not use.tied else "medium"


def _override(installer: Installer | None) -> str:
    value = installer.mig_strategy.value if installer else ""
    return "" if is_placeholder(value) else value


def _states_strategy(installer: Installer) -> bool:
    """Whether the MIG strategy is one that is written, or that a whole object leaves out."""
    return installer.manifest is not None or installer.section.get("mig", "strategy") is not None


def _without_mig(use: _Use) -> bool:
    gpus = [group.gpus for group, _ in use.takers]
    return bool(gpus) and all(each and all(gpu.mig is False for gpu in each) for each in gpus)


def _speaks_of_mig(graph: Graph) -> bool:
    """Whether anything in the input makes, chooses or asks for MIG devices."""
    if graph.configurations.mig_files or any(MIG_CONFIG_LABEL in group.labels for group in graph.nodes.groups):
        return True
    return any(asked.resource.profile for workload in graph.workloads for asked in workload.asked)


def _resources_place(use: _Use) -> Place:
    resources = use.config.resources
    if len(resources) == 1:
        return use.entry.at((*resources[0].path, "name"))
    return use.entry.at((*use.config.sharing_path, "resources"), key=True)


# --- MPS --------------------------------------------------------------------------------------------------------------


class _Discovery:
    """Whether GPU feature discovery runs: only it marks nodes for the MPS daemon (`nvidia.com/mps.capable`)."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._told: dict[str, bool] = {}

    def is_missing(self, installer: Installer) -> bool:
        if installer.kind == "daemonset" or installer.gfd_enabled:
            return False
        others = (each for each in self._graph.configurations.installers if each is not installer)
        return not any(each.gfd_enabled for each in others) and not self._is_told(installer)

    def _is_told(self, installer: Installer) -> bool:
        """Whether another file of the input speaks of it: in the values of a chart the words are those of its own."""
        own = installer.place.document.source.path
        if own not in self._told:
            texts = (each.text for each in self._graph.scope.sources if each.path != own)
            self._told[own] = any(word in text for text in texts for word in _DISCOVERY)
        return self._told[own]


def _discovery_confidence(use: _Use) -> Confidence:
    turned_off = use.installer is not None and use.installer.section.get("gfd", "enabled") is False
    return "high" if turned_off and not use.tied else "medium"


def _discovery_place(use: _Use) -> Place:
    installer = use.installer
    if installer is not None and installer.section.get("gfd", "enabled") is not None:
        return installer.section.place("gfd", "enabled")
    return use.entry.at(use.config.sharing_path, key=True)


def _container(use: _Use) -> tuple[str | int, ...]:
    """The way to the plugin's container in the pod spec of a DaemonSet; empty for everything else."""
    installer = use.installer
    if installer is None or installer.kind != "daemonset":
        return ()
    inside = installer.plugin_config.place.path[len(installer.section.root.path) :]
    return inside[:2]


def _env_from(use: _Use) -> bool:
    """Whether the container takes variables from elsewhere, among which MPS_ROOT may be."""
    path = _container(use)
    return bool(path) and use.installer is not None and bool(use.installer.section.get(*path, "envFrom"))


def _root_place(use: _Use) -> Place:
    path = _container(use)
    if not path or use.installer is None:
        return use.entry.place
    section = use.installer.section
    field = "env" if section.get(*path, "env") is not None else "args"
    return section.place(*path, field, key=True)


# --- the default ------------------------------------------------------------------------------------------------------


def _is_default(use: _Use) -> bool:
    """Whether the config manager takes it for nodes without a label (cmd/config-manager/main.go)."""
    installer, key = use.installer, use.entry.key
    if installer is None or installer.kind == "daemonset" or _is_for_some_nodes(installer):
        return False
    if installer.plugin_default:
        return installer.plugin_default.value == key
    keys = use.configs.holder.keys
    for fallback in installer.fallbacks:
        if fallback == "named" and "default" in keys:
            return key == "default"
        if fallback == "single" and len(keys) == 1:
            return True
        if fallback == "empty":
            break
    return False


_GPU_NODES = frozenset(
    {
        "feature.node.kubernetes.io/pci-10de.present",
        "feature.node.kubernetes.io/cpu-model.vendor_id",
        "nvidia.com/gpu.present",
    }
)
"""Labels by which the plugin's chart finds nodes with GPUs (its default `affinity`)."""


def _is_for_some_nodes(installer: Installer) -> bool:
    """Whether the plugin's chart is told to run on other nodes than all that have GPUs."""
    if installer.kind != "chart":
        return False
    selector = mapping(installer.section.get("nodeSelector"))
    affinity = mapping(get(installer.section.get("affinity"), ("nodeAffinity",)))
    required = mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    expressions = [
        expression
        for _, term in mappings(required.get("nodeSelectorTerms"))
        for _, expression in mappings(term.get("matchExpressions"))
    ]
    return any(key not in _GPU_NODES for key in (*selector, *(each.get("key") for each in expressions)))


def _default_place(use: _Use) -> Place:
    installer = use.installer
    if installer is not None and installer.plugin_default:
        return installer.plugin_default.place
    return use.entry.place.keyed()


def _some_are_exempt(graph: Graph, use: _Use) -> bool:
    """Whether some node is labelled to take a configuration that does not share, or one that is not known."""
    for group in graph.nodes.groups:
        label = group.labels.get(PLUGIN_CONFIG_LABEL)
        entry = use.configs.entry(label.value) if label else None
        if label and (entry is None or not entry.config.resources):
            return True
    unread = (each.text for each in graph.scope.sources if each.role in {"shell", "helm-template"})
    return not graph.nodes.groups and any(PLUGIN_CONFIG_LABEL in text for text in unread)


class _Askers:
    """The workloads that must not share a GPU."""

    def __init__(self, graph: Graph, owners: Owners) -> None:
        self._graph = graph
        self._owners = owners

    def bystanders(self, use: _Use) -> tuple[Bystander, ...]:
        found = (self._bystander(use, workload) for workload in self._graph.workloads)
        return tuple(sorted({each.label: each for each in found if each}.values(), key=lambda each: each.label))

    def _bystander(self, use: _Use, workload: Workload) -> Bystander | None:
        owner = self._owners.of(workload)
        asked = workload.asked[0]
        place = workload.place(asked.container, asked.entry.path)
        assert use.installer is not None  # noqa: S101 - a default has an installer
        if wish := self._wish(workload):
            near = related_folders(use.installer.folder, workload.manifest.folder())
            wants_gpu = any(each.name == FULL_GPU for each in workload.asked)
            return Bystander(owner.label, f"selects {wish}", place) if near and wants_gpu else None
        if owner.workload_class == "training" and self._gets_shared(use, workload):
            return Bystander(owner.label, "is training", place)
        return None

    def _gets_shared(self, use: _Use, workload: Workload) -> bool:
        """Whether nodes that take the configuration for want of a label are among those it may land on."""
        for candidate in self._graph.landing(workload).candidates:
            if candidate.governed.entry is use.entry and candidate.governed.origin == "default":
                offers = (candidate.offers.get(asked.name) for asked in workload.asked)
                if any(offer and offer.sharing in SHARED and offer.told_by == "config" for offer in offers):
                    return True
        return False

    def _wish(self, workload: Workload) -> str:
        """The label of nodes with whole GPUs that its selector asks for; empty without one."""
        for requirement in workload.placement.requirements:
            meanings = self._graph.nodes.house_labels.get(requirement.key, {})
            whole = {value for value, strategy in meanings.items() if strategy == "none"}
            if requirement.key == SHARING_LABEL:
                whole = {"none"}
            if requirement.operator == "In" and requirement.values and set(requirement.values) <= whole:
                return f"{requirement.key}={requirement.values[0]}"
        return ""


# --- shared resources -------------------------------------------------------------------------------------------------


def shared_facts(graph: Graph, uses: SharingUses, config: Config) -> Iterator[SharedFact]:
    """One fact per entry of `resources`."""
    seen: set[int] = set()
    for use in uses.all:
        if id(use.entry) in seen:
            continue
        seen.add(id(use.entry))
        for shared in use.config.resources:
            limit, gpus, gpu_place = _limit(use, shared)
            place = use.entry.at((*shared.path, "replicas"))
            yield _shared(graph, use.subject, use.config, shared, config, place, limit, gpus, gpu_place, "high")
    for loose, confidence in uses.loose:
        for shared in loose.plugin.resources if loose.plugin else ():
            place = loose.at((*shared.path, "replicas"))
            yield _shared(graph, loose.label, loose.plugin, shared, config, place, _MOST_CLIENTS, "", place, confidence)


def _shared(
    graph: Graph,
    subject: str,
    file: DevicePluginConfig | None,
    shared: SharedResource,
    config: Config,
    place: Place,
    limit: int,
    gpus: str,
    gpu_place: Place,
    confidence: Confidence,
) -> SharedFact:
    return SharedFact(
        cluster=graph.scope.name,
        config=subject,
        strategy=file.strategy if file else "none",
        resource=shared.name,
        replicas=shared.replicas,
        bound=config.max_time_slices,
        limit=limit,
        gpus=gpus,
        limit_confidence=confidence,
        place=place,
        gpu_place=gpu_place,
    )


def _limit(use: _Use, shared: SharedResource) -> tuple[int, str, Place]:
    """The smallest limit of all nodes that take the configuration, with the GPU that has it."""
    for group, _ in use.takers:
        old = [
            gpu
            for gpu in group.gpus
            if gpu.compute_capability is not None and gpu.compute_capability < _FEWER_CLIENTS_BELOW
        ]
        if old and len(old) == len(group.gpus):
            limit = max_mps_replicas(old[0].compute_capability or (0, 0))
            return limit, f"{old[0].model} of {group.kind} {group.name}", group.hardware_place
    return _MOST_CLIENTS, "", use.entry.at((*shared.path, "replicas"))


# --- what comes to nothing --------------------------------------------------------------------------------------------


def inert_facts(graph: Graph, uses: SharingUses) -> Iterator[InertFact]:
    """What the plugin drops, resources that no node has, and documents that it does not read."""
    seen: set[int] = set()
    named: set[Hashable] = set()
    for use in uses.all:
        if id(use.entry) not in seen:
            seen.add(id(use.entry))
            yield from _dropped(graph, use)
            yield from _further_documents(graph, use)
        for fact in _names(graph, use):
            if place_key(fact.place) not in named:  # one installer under which it comes to nothing is enough
                named.add(place_key(fact.place))
                yield fact
    for loose, _ in uses.loose:
        for problem in loose.plugin.problems if loose.plugin else ():
            if problem.verdict == "inert":
                place = loose.at(problem.path, key=problem.token == "key")
                yield _inert(graph, "dropped", loose.label, problem.message, "high", place)


def _inert(
    graph: Graph,
    kind: str,
    subject: str,
    message: str,
    confidence: Confidence,
    place: Place,
    other: Place | None = None,
    told: str = "",
) -> InertFact:
    return InertFact(graph.scope.name, kind, subject, message, confidence, place, other or place, told)


def _dropped(graph: Graph, use: _Use) -> Iterator[InertFact]:
    for problem in use.config.problems:
        if problem.verdict == "inert":
            place = use.entry.at(problem.path, key=problem.token == "key")
            yield _inert(graph, "dropped", use.subject, problem.message, "high", place)


def _further_documents(graph: Graph, use: _Use) -> Iterator[InertFact]:
    """sigs.k8s.io/yaml decodes the first document of a text and leaves the rest."""
    embedded = use.entry.place.embedded() if use.entry.text.is_text else None
    documents = list(chunks(embedded.text)) if embedded else []
    if embedded is None or len(documents) < 2:
        return
    start, end = documents[1]
    words = embedded.text[start:end].split(maxsplit=1)
    start = embedded.text.index(words[0], start)
    place = replace(use.entry.place, extent=embedded.outer(start, start + len(words[0])))
    message = f"there are {len(documents)} YAML documents, of which the device plugin reads the first"
    yield _inert(graph, "document", use.subject, message, "high", place)


def _names(graph: Graph, use: _Use) -> Iterator[InertFact]:
    """Shared resources that the nodes will not have: the plugin skips them without a word."""
    config = use.config
    if config.strategy == "mps" and not any(each.name == FULL_GPU for each in config.resources):
        return  # then nothing is registered at all, which is worse
    for shared in config.contradicted if config.refused else config.resources:
        if is_placeholder(shared.name):
            continue
        place = use.entry.at((*shared.path, "name"))
        if wrong := _never_there(shared.name):
            yield _inert(graph, "name", use.subject, wrong, "high", place)
        elif shared.name.startswith(RESOURCE_PREFIX) and (strategy := _strategy(use)):
            message = f"'{shared.name}' is shared, but {strategy.sentence}"
            yield _inert(graph, "name", use.subject, message, strategy.confidence, place, strategy.place, strategy.told)
        elif missing := _not_on_takers(graph, use, shared):
            sure: Confidence = "high" if graph.spaces["nodes"] == "complete" and not use.tied else "medium"
            yield _inert(graph, "name", use.subject, missing[0], sure, place, missing[1], "this is such a node")


def _never_there(name: str) -> str:
    """Why no node ever has a resource of this name; empty when one can."""
    resource = classify(name)
    if resource.kind == "full":
        return ""
    if resource.kind == "mig":
        return "" if is_known_profile(resource.profile) else f"'{name}' is shared, but no GPU has this MIG profile"
    if resource.is_shared:
        return f"'{name}' is shared, but this is the name that sharing itself gives; GPUs are '{resource.unshared}'"
    hint = f"; did you mean '{resource.suggestion}'" if resource.suggestion else ""
    return f"'{name}' is shared, but the device plugin makes no resource of this name{hint}"


@frozen
class _Strategy:
    """A MIG strategy under which MIG devices have no names of their own."""

    sentence: str
    confidence: Confidence
    place: Place
    told: str


def _strategy(use: _Use) -> _Strategy | None:
    """What keeps MIG devices from having names; None when they may have them."""
    config, installer = use.config, use.installer
    if any(candidate.governed.strategy == "mixed" for _, candidate in use.takers):
        return None
    override = _override(installer)
    if installer is not None and installer.mig_strategy and not config.refused:
        if override not in {"none", "single"}:
            return None
        place = installer.mig_strategy.place if _states_strategy(installer) else use.entry.place
        sentence = f"{installer.label} sets the MIG strategy '{override}', {_under(override)}"
        return _Strategy(sentence, _confidence(use), place, "this strategy counts on every node")
    if config.contradicted:
        sentence = f"under the 'migStrategy' of the same file {_NO_NAMES}: one of the two is without effect"
        return _Strategy(sentence, "high", use.entry.at(config.mig_strategy_path), "this is that strategy")
    if installer is None or config.mig_strategy:
        return None
    sure: Confidence = "high" if installer.manifest is not None and not use.tied else "medium"
    sentence = f"neither {installer.label} nor the file sets a MIG strategy, and by default {_NO_NAMES}"
    return _Strategy(sentence, sure, installer.place, "this installs the device plugin")


_NO_NAMES = "MIG devices are not advertised by profile"


def _under(strategy: str) -> str:
    if strategy == "single":
        return "under which MIG devices are advertised as nvidia.com/gpu"
    return "under which MIG devices are not advertised"


def _not_on_takers(graph: Graph, use: _Use, shared: SharedResource) -> tuple[str, Place] | None:
    """A sentence, and one of the nodes, where none of the nodes that choose the configuration has the resource."""
    known = graph.spaces["nodes"] == "complete"
    takers = [each for each in use.takers if known or each[1].governed.origin == "label"]
    if not takers or len(takers) < len(use.takers):
        return None
    for _, candidate in takers:
        offers = candidate.offers
        if not offers.complete or offers.get(shared.name) or offers.get(shared.advertised):
            return None
    group, candidate = takers[0]
    there = _listed(candidate.offers.by_resource) or "nothing"
    others = " and others" if len(takers) > 1 else ""
    sentence = f"'{shared.name}' is shared, but {group.kind} {group.name}{others} will advertise {there} only"
    return sentence, group.place


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))
