"""What an entry of a mig-parted file is applied to: the GPUs of its filters, or of the nodes that choose it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu import mig, stock
from gpulint.gpu.catalog import Gpu, by_id, gpus_with_profile
from gpulint.gpu.mig_parted import MigConfig, MigEntry
from gpulint.graph import Graph
from gpulint.graph.configs import Holder, MigFile, patched_configs, raw_configs
from gpulint.graph.govern import MIG_CONFIG_LABEL, custom_mig_config, mig_files_of, mig_holders
from gpulint.graph.installers import Installer
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.sections import Section
from gpulint.manifest import Place


@frozen
class Target:
    """GPUs that an entry is applied to: one of them, where the input leaves it open."""

    gpus: tuple[Gpu, ...]
    place: Place

    def lacks(self, profile: str) -> bool:
        """Whether it is known that none of them has the profile."""
        return bool(self.gpus) and all(profiles_certain(gpu) and not _has(gpu, profile) for gpu in self.gpus)


@frozen
class Reach:
    """The declared nodes whose MIG manager may read a file."""

    chosen: Mapping[str, Sequence[NodeGroup]]
    """By the configuration that their label chooses."""
    capable: Sequence[NodeGroup]
    """Those with MIG, whatever they choose now."""
    tied: bool
    """True when some of them may read another file instead."""

    def groups_for(self, name: str) -> Sequence[NodeGroup]:
        """The nodes that choose the configuration, else those that may come to."""
        return self.chosen.get(name) or self.capable


def mig_configs(graph: Graph) -> Iterator[tuple[MigFile, Reach, MigConfig]]:
    """Every configuration of every mig-parted file, with the nodes that may read it.

    Files that something else puts into a ConfigMap come last: which nodes read them is not known.
    """
    reaches = _reaches(graph)
    for mig_file in graph.configurations.mig_files:
        for config in mig_file.config.configs.values():
            yield mig_file, reaches[id(mig_file)], config
    for mig_file in _loose_files(graph):
        for config in mig_file.config.configs.values():
            yield mig_file, Reach({}, (), tied=False), config


def mig_entries(graph: Graph) -> Iterator[tuple[MigFile, Reach, str, MigEntry]]:
    """Every entry of every mig-parted file, with the nodes that may read it and the name of its configuration."""
    for mig_file, reach, config in mig_configs(graph):
        for entry in config.entries:
            yield mig_file, reach, config.name, entry


def _loose_files(graph: Graph) -> Iterator[MigFile]:
    """Mig-parted files on their own and in patches."""
    files = (source for source in graph.scope.sources if source.role in {"manifests", "other"})
    matter = (document for source in files for document in source.documents() if document.matters)
    for loose in (*raw_configs(matter, graph.configurations.holders), *patched_configs(graph.scope.sources)):
        if loose.mig is not None:
            source = loose.text.place.document.source
            folder = source.path.rpartition("/")[0]
            nothing = Section({}, loose.text.place)
            yield MigFile(Holder("", loose.label, folder, "", nothing, loose.text.place), "", loose.mig, loose.text)


def some(names: Iterable[str], most: int = 3) -> str:
    """Sorted and cut to what helps: `a, b, c and 4 more`."""
    ordered = sorted(names)
    rest = f" and {len(ordered) - most} more" if len(ordered) > most + 1 else ""
    return ", ".join(ordered[:most] if rest else ordered) + rest


def is_shipped(name: str, counts: Mapping[str, int]) -> bool:
    """Whether NVIDIA's own file has this layout under this name."""
    return any(counts == shipped.layout.profiles for shipped in stock.stock_configs().get(name, ()))


def targets_of(mig_file: MigFile, reach: Reach, name: str, entry: MigEntry) -> tuple[list[Target], Confidence]:
    """What an entry is applied to, and how sure that is; nothing when it is not known.

    The GPUs of its filters, else of each node that chooses it, else of all declared nodes with MIG.
    """
    if not any(each.verdict == "all" for each in entry.filters):
        named = [Target(_by_ids(each.gpus), mig_file.at(each.path)) for each in entry.filters if each.gpus]
        if named:
            return named, "high"
        if any(each.verdict in {"unknown-id", "unknown"} for each in entry.filters):
            return [], "low"
    chosen = [Target(group.gpus, group.hardware_place) for group in reach.chosen.get(name, ()) if group.gpus]
    if chosen:
        return chosen, "medium" if reach.tied else "high"
    gpus = tuple({gpu.id: gpu for group in reach.capable for gpu in group.gpus if gpu.mig}.values())
    if not gpus:
        return [], "low"
    others = _meant_for_others(mig_file, name, entry, gpus)
    return [Target(gpus, reach.capable[0].hardware_place)], "low" if others else "medium"


def all_with(counts: Mapping[str, int]) -> Iterator[Gpu]:
    """Every GPU of the catalogue that has the profiles."""
    first = next(iter(counts))
    return (gpu for gpu in gpus_with_profile(first) if all(_has_now(gpu, name) for name in counts))


def with_all(target: Target, counts: Mapping[str, int]) -> tuple[Gpu, ...]:
    """Those of the GPUs that have the profiles."""
    return tuple(gpu for gpu in target.gpus if all(_has_now(gpu, name) for name in counts))


def profiles_certain(gpu: Gpu) -> bool:
    """Whether it is known which profiles the GPU has, none included."""
    return gpu.profiles_known or gpu.mig is False


def _reaches(graph: Graph) -> Mapping[int, Reach]:
    """For each mig-parted file, by identity, the nodes that may read it."""
    chosen: dict[int, dict[str, list[NodeGroup]]] = {id(each): {} for each in graph.configurations.mig_files}
    capable: dict[int, list[NodeGroup]] = {id(each): [] for each in graph.configurations.mig_files}
    tied: set[int] = set()
    meant: dict[tuple[int, str], Sequence[MigFile]] = {}
    for group in graph.nodes.groups if chosen else ():
        label = group.label(MIG_CONFIG_LABEL)
        read: dict[int, MigFile] = {}
        for candidate in graph.nodes.candidates(group):
            alike = (id(candidate.governed.installer), group.folder)
            if alike not in meant:
                meant[alike] = _meant(graph, candidate.governed.installer, group)
            read |= {id(each): each for each in meant[alike]}
        holding = [key for key, each in read.items() if label in each.config.configs]
        if len(holding) > 1:
            tied.update(holding)
        for key in read:
            if label:
                chosen[key].setdefault(label, []).append(group)
            if any(gpu.mig for gpu in group.gpus):
                capable[key].append(group)
    return {key: Reach(chosen[key], capable[key], key in tied) for key in chosen}


def _meant(graph: Graph, installer: Installer | None, group: NodeGroup) -> Sequence[MigFile]:
    """The files that the MIG manager is meant to read, also under a key that it does not read."""
    if installer is None or not custom_mig_config(installer):
        return mig_files_of(installer, group.folder, graph.configurations)
    named = mig_holders(installer, graph.configurations.holders)
    return [each for each in graph.configurations.mig_files if any(each.holder is holder for holder in named)]


def _meant_for_others(mig_file: MigFile, name: str, entry: MigEntry, gpus: Iterable[Gpu]) -> bool:
    """True when the file is not for these GPUs alone: it has something else for them, or it is a copy of NVIDIA's."""
    if is_shipped(name, entry.counts()):
        return True
    entries = [each for config in mig_file.config.configs.values() for each in config.entries]
    return any(each.counts() and mig.fits(gpu, each.counts()) for each in entries for gpu in gpus)


def _by_ids(ids: Iterable[str]) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in map(by_id, ids) if gpu)


def _has_now(gpu: Gpu, name: str) -> bool:
    profile = mig.parse_profile(name)
    return profile is not None and profile.gpu_instance in gpu.profiles


def _has(gpu: Gpu, name: str) -> bool:
    """Whether some board of the product has the profile, also an early one."""
    profile = mig.parse_profile(name)
    return profile is not None and (profile.gpu_instance in gpu.profiles or profile.gpu_instance in gpu.former_profiles)
