"""MIG configurations by name: which one nodes choose, and what the operator gives to nodes that choose none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gpulint.facts.candidates import least
from gpulint.facts.mig.targets import some
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu import catalog, mig, stock
from gpulint.gpu.problem import closest, is_placeholder
from gpulint.graph import Graph
from gpulint.graph.configs import MIG_CONFIG_KEY, MigFile
from gpulint.graph.govern import MIG_CONFIG_LABEL, custom_mig_config, mig_files_of, mig_holders
from gpulint.graph.installers import Installer
from gpulint.graph.nodes import Label, NodeGroup
from gpulint.graph.scope import related_folders
from gpulint.manifest import Place

DEFAULT_CONFIG = "all-disabled"
"""What the operator labels nodes with that have MIG and no such label (controllers/nodelabeling_controller.go)."""
_MOST_TOLD = 8
"""Names in one message."""


@frozen
class MigChoice:
    """A MIG configuration that a node's label chooses by name."""

    cluster: str
    who: str
    """`Node gpu-1`."""
    name: str
    """As the label says it."""
    found: bool
    """False where it is known what the MIG manager of that node can apply, and this is not among it."""
    told: str
    """What there is instead, as a clause: `ConfigMap slices holds 'halves', 'quarters'`; empty where it is found."""
    suggestion: str
    """What was probably meant; empty without a guess."""
    confidence: str
    place: Place
    """The label's value."""
    source_place: Place
    """The configurations there are, else what tells of the GPU."""
    source_told: str
    """What stands there."""


@frozen
class MigManager:
    """A mig-parted file that an installer of the GPU Operator hands to the MIG manager."""

    cluster: str
    installer: str
    """`ClusterPolicy gpu-cluster-policy`."""
    file: str
    """`ConfigMap mig-layouts`."""
    configs: tuple[str, ...]
    """The configurations it holds, sorted."""
    readable: bool
    """Whether all of it is known, and the MIG manager takes it."""
    default: str
    """What nodes without the label get from the operator: `all-disabled`, or nothing."""
    nodes_without_choice: bool
    """Whether the operator may meet a node with MIG that chooses nothing."""
    confidence: str
    place: Place
    """The key of its configurations."""
    default_place: Place
    """The default where the installer sets it, else the name of the ConfigMap."""


def mig_choices(graph: Graph) -> Iterator[MigChoice]:
    """One fact per declared node or pool that carries the label."""
    for group in graph.nodes.groups:
        label = group.labels.get(MIG_CONFIG_LABEL)
        if label is None or not label.value or is_placeholder(label.value):
            continue  # the manager ignores an empty value
        governed = [candidate.governed for candidate in graph.nodes.candidates(group)]
        searched = [_search(graph, each.installer, group, label) for each in governed]
        missing = [each for each in searched if each is not None]
        first = missing[0] if missing and len(missing) == len(searched) else None
        tied: Confidence = "medium" if any(each.tied for each in governed) else "high"
        yield MigChoice(
            cluster=graph.scope.name,
            who=group.title,
            name=label.value,
            found=first is None,
            told=first.told if first else "",
            suggestion=first.suggestion if first else "",
            confidence=least(tied, first.confidence) if first else "low",
            place=label.place,
            source_place=first.place if first else label.place,
            source_told=first.place_told if first else "",
        )


def mig_managers(graph: Graph) -> Iterator[MigManager]:
    """One fact per file, of the first installer that names it."""
    seen: set[int] = set()
    for installer in graph.configurations.installers:
        if installer.section.get("migManager", "enabled") is False:
            continue
        files = handed_over(graph, installer)
        for mig_file in files:
            if id(mig_file) not in seen:
                seen.add(id(mig_file))
                yield _manager(graph, installer, mig_file, tied=len(files) > 1)


def _manager(graph: Graph, installer: Installer, mig_file: MigFile, *, tied: bool) -> MigManager:
    stated = installer.section.get("migManager", "config", "default")
    chosen = [bool(group.label(MIG_CONFIG_LABEL)) for group in _with_mig(graph)]
    complete = graph.spaces["nodes"] == "complete"
    return MigManager(
        cluster=graph.scope.name,
        installer=installer.label,
        file=mig_file.holder.label,
        configs=tuple(sorted(mig_file.config.configs)),
        readable=not mig_file.config.unknown and not mig_file.config.refused,
        default=DEFAULT_CONFIG if stated is None else str(stated),
        nodes_without_choice=not (complete and all(chosen)),
        confidence="medium" if tied or (stated is None and installer.open) or (chosen and all(chosen)) else "high",
        place=mig_file.at(("mig-configs",), key=True),
        default_place=installer.mig_default.place if installer.mig_default else installer.mig_config.place,
    )


def handed_over(graph: Graph, installer: Installer) -> tuple[MigFile, ...]:
    """The mig-parted file of the user's own that an installer makes the MIG manager read, where it is in the input.

    Several when its name is defined more than once and the folders do not decide.
    """
    if not custom_mig_config(installer) and installer.mig_holder is None:
        return ()
    holders = mig_holders(installer, graph.configurations.holders)
    files = (each for each in graph.configurations.mig_files if each.key == MIG_CONFIG_KEY)
    return tuple(each for each in files if any(each.holder is holder for holder in holders))


def _with_mig(graph: Graph) -> Iterator[NodeGroup]:
    """Declared nodes that have MIG, or may."""
    for group in graph.nodes.groups:
        if group.has_gpu and (not group.gpus or any(gpu.mig is not False for gpu in group.gpus)):
            yield group


# --- what a label can choose from -------------------------------------------------------------------------------------


@frozen
class _Missing:
    """What there is instead of a configuration that is not there."""

    told: str
    suggestion: str
    confidence: Confidence
    place: Place
    place_told: str


def _search(graph: Graph, installer: Installer | None, group: NodeGroup, label: Label) -> _Missing | None:
    """None where the configuration exists, or it is not known what exists."""
    if installer is not None and installer.kind == "operator":
        if installer.section.get("migManager", "enabled") is False:
            return None
        if custom_mig_config(installer) or installer.mig_holder is not None:
            own = handed_over(graph, installer)
            return _in_files(own, label.value, "medium" if len(own) > 1 else "high") if own else None
        held = any(label.value in each.config.configs for each in graph.configurations.mig_files)
        if held or installer.open:
            return None  # something else may name that file, or a rule says that it is named in the wrong field
        return _in_stock(group, label, "high")
    files = mig_files_of(None, group.folder, graph.configurations)
    if files:
        if stock.is_stock_name(label.value):  # nothing says that the MIG manager reads this file
            return None
        near = len(files) == 1 and related_folders(group.folder, files[0].holder.folder)
        return _in_files(files, label.value, "medium" if near else "low")
    return _in_stock(group, label, "medium") if _means_stock(label.value) else None


def _in_files(files: Sequence[MigFile], name: str, confidence: Confidence) -> _Missing | None:
    names = sorted({config for each in files for config in each.config.configs})
    if name in names or any(each.config.unknown or each.config.refused for each in files):
        return None
    holder = files[0].holder.label
    holds = f"{holder} holds {_quoted(names, name)}" if names else f"{holder} holds none"
    place = files[0].at(("mig-configs",), key=True)
    return _Missing(holds, closest(name, names), confidence, place, "the configurations are defined here")


def _in_stock(group: NodeGroup, label: Label, confidence: Confidence) -> _Missing | None:
    """Of the configurations that the MIG manager generates for the GPUs of the node."""
    if any(not gpu.profiles for gpu in group.gpus):
        return None  # it falls back to the file that the operator ships, or does not run
    names = sorted({name for gpu in group.gpus for name in stock.names_for(gpu)})
    known = label.value in names if names else stock.is_stock_name(label.value)
    if known:
        return None
    if not names:
        every = {*stock.stock_configs(), *(name for gpu in catalog.gpus() for name in stock.names_for(gpu))}
        told = "the MIG manager generates none of that name on any GPU"
        return _Missing(told, closest(label.value, every), confidence, label.place, "")
    told = f"the MIG manager generates {_quoted(names, label.value)} for {some(gpu.name for gpu in group.gpus)}"
    meant = _of_same_slices(group, label.value) or closest(label.value, names)
    return _Missing(told, meant, confidence, group.hardware_place, "this says which GPU it is")


def _of_same_slices(group: NodeGroup, name: str) -> str:
    """`all-2g.35gb` of an H200 for `all-2g.20gb`."""
    profile = mig.suggest_profile(name)
    nearest = mig.closest_layout(group.gpus[0], {profile: 1}) if profile else {}
    return f"all-{mig.resource_spelling(next(iter(nearest)))}" if nearest else ""


def _means_stock(name: str) -> bool:
    """Whether a name that no shipped or generated configuration has is evidently meant as one: letters are missing."""
    if stock.is_stock_name(name):
        return False
    near = closest(name, stock.stock_configs())
    return bool(near) and _numbers(near) == _numbers(name) and abs(len(near) - len(name)) <= _FEW


_FEW = 2
"""Letters by which a misspelt name differs in length."""


def _numbers(name: str) -> list[str]:
    return re.findall(r"\d+", name)


def _quoted(names: Iterable[str], wanted: str) -> str:
    """The names that help: of many those that begin alike, then the first ones."""
    ordered = sorted(names)
    if len(ordered) <= _MOST_TOLD:
        return ", ".join(f"'{name}'" for name in ordered)
    alike = [name for name in ordered if name[:6] == wanted[:6]]
    shown = (alike + [name for name in ordered if name not in alike])[:_MOST_TOLD]
    return ", ".join(f"'{name}'" for name in sorted(shown)) + f" and {len(ordered) - len(shown)} more"
