"""MIG: profiles wherever they stand, layouts, device filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gpulint.facts.candidates import candidate_gpus, candidates, gpus_confidence
from gpulint.facts.mig.supply import NO_CLAIM, Strategy, Supply, claimed_resources, strategy_for, supply_of
from gpulint.facts.mig.targets import (
    Target,
    all_with,
    mig_entries,
    profiles_certain,
    some,
    targets_of,
    with_all,
)
from gpulint.facts.owner import Owners
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu import catalog, mig, stock
from gpulint.gpu.catalog import Gpu, device_name, device_of_name, is_known_profile
from gpulint.gpu.mig_parted import DeviceFilter, MigEntry, ProfileCount
from gpulint.graph import Graph
from gpulint.graph.configs import MigFile
from gpulint.graph.govern import MIG_CONFIG_LABEL, custom_mig_config, mig_holders
from gpulint.graph.nodes import PRODUCT, NodeGroup
from gpulint.graph.workloads import Asked, Workload
from gpulint.manifest import Place


@frozen
class ProfileUse:
    """A MIG profile where somebody names it: in a configuration, on a node's label, or in a pod."""

    cluster: str
    where: str
    """`config`, `node` or `pod`."""
    user: str
    """`config 'balanced'`, `Node gpu-1`, `Pod tenant-beta/inference`."""
    name: str
    """In configuration spelling (`1g.10gb+me`); as it is written, where `well_formed` is false."""
    written: str
    """The whole of what is written: the profile, the value of the label, the resource."""
    well_formed: bool
    """Whether the name has the grammar of a profile, in the spelling that this place wants."""
    known: bool
    """Whether any GPU has it."""
    suggestion: str
    """What was probably meant, in the spelling of `written`; empty without a guess."""
    gpus: tuple[str, ...]
    """Models of the first GPUs without it, else of those it would be made on, sorted; empty when not all are known."""
    on_gpus: bool
    """Whether they have it: each GPU that is named or chooses the configuration; one of those a pod may land on."""
    without_mig: bool
    """Whether they have no MIG at all."""
    available: tuple[str, ...]
    """The profiles that they have, sorted."""
    told: str
    """The same for people: `A30 has '1g.6gb', '2g.12gb'`, `Tesla T4 has no MIG`. Without GPUs, of a profile that is not
    known, which ones of as many slices come nearest."""
    would_do: str
    """What they can hold that comes nearest: a layout (`4g.71gb: 1, 1g.18gb: 3`), for a node's label another value of
    it, for a pod a resource; empty when unknown."""
    confidence: str
    """How sure it is that these are the GPUs: high, medium or low."""
    strategy: str
    """Of a pod: the effective MIG strategy wherever it may land; empty when unknown or different."""
    strategy_confidence: str
    strategy_place: Place
    """Where the strategy is decided, or where it would be set."""
    missing: str
    """Of a pod: `certain` when nothing it may land on advertises the resource, `likely` when no configuration of the
    input creates the profile; empty when one does, or it is not known."""
    missing_confidence: str
    created: tuple[str, ...]
    """The profiles that the configurations create, sorted."""
    created_told: str
    """The same for people: `only '1g.6gb', '2g.12gb'`, or `no MIG devices`."""
    created_by: str
    """Those configurations: `ConfigMap mig-parted-config`, or `the input`."""
    place: Place
    gpu_place: Place
    """Where the GPU is named."""


@frozen
class LayoutFact:
    """The MIG devices that one entry of a configuration asks of each GPU."""

    cluster: str
    config: str
    wanted: str
    """`1g.5gb: 8`."""
    gpus: tuple[str, ...]
    """Models that it is too much for, else that it would be made on: only those that have all its profiles."""
    anywhere: bool
    """Whether these are all the GPUs that have the profiles, because the input tells of none."""
    fits: bool
    """Whether it fits them; true when there are none."""
    reason: str
    """Why not, on the first of them."""
    would_do: str
    """The nearest layout that fits it."""
    room: tuple[str, ...]
    """Profiles of which one more instance fits beside them on each of those GPUs, the largest first: where all devices
    are to be alike only the one that is there already. None of a configuration with a name that NVIDIA ships."""
    room_told: str
    """The same for people: `one more 3g.71gb, 2g.35gb or 1g.18gb`."""
    gpus_told: str
    """Those GPUs for people: `A30 24GB`, `any GPU that has such profiles`."""
    confidence: str
    place: Place
    """The count that is too large by itself, else `mig-devices`."""


@frozen
class FilterFact:
    """A `device-filter` of a mig-parted file."""

    cluster: str
    config: str
    value: str
    verdict: str
    """`all`, `gpus`, `unknown-id`, `nothing` or `unknown`."""
    reason: str
    suggestion: str
    """The filter that was meant; empty without a guess."""
    board: str
    """The board of the suggestion, and how it is known: `H200 of Node gpu-1`."""
    place: Place


def filters(graph: Graph) -> Iterator[FilterFact]:
    """One fact per filter value."""
    for mig_file, reach, name, entry in mig_entries(graph):
        for each in entry.filters:
            if each.verdict == "unknown-id" and not entry.mig_enabled:
                continue  # for what has no MIG: few of those boards are in the catalogue
            place = mig_file.at(each.path)
            suggestion, board = _meant_filter(each, place, reach.groups_for(name))
            yield FilterFact(graph.scope.name, name, each.value, each.verdict, each.reason, suggestion, board, place)


def layouts(graph: Graph) -> Iterator[LayoutFact]:
    """One fact per entry that makes MIG devices."""
    for mig_file, reach, name, entry in mig_entries(graph):
        counts = entry.counts()
        if not counts or entry.unknown:
            continue
        targets, confidence = targets_of(mig_file, reach, name, entry)
        if confidence == "low":
            targets = []
        anywhere = not targets
        declared = {gpu.id for group in reach.groups_for(name) for gpu in group.gpus}
        everywhere = sorted(all_with(counts), key=lambda gpu: gpu.id not in declared)
        judged = [with_all(target, counts) for target in targets] or [tuple(everywhere)]
        misfit = next((gpus for gpus in judged if gpus and not any(mig.fits(gpu, counts) for gpu in gpus)), ())
        gpus = misfit or [gpu for target in judged for gpu in target]
        nowhere = not any(mig.fits(gpu, counts) for gpu in everywhere)
        alike = _is_named_for(name, counts) or _is_single(graph, mig_file)
        room = () if misfit or stock.is_stock_name(name) else _room(gpus, counts, alike=alike)
        yield LayoutFact(
            cluster=graph.scope.name,
            config=name,
            wanted=_layout(counts),
            gpus=tuple(sorted({gpu.name for gpu in gpus})),
            anywhere=anywhere,
            fits=not misfit,
            reason=mig.why_not(misfit[0], counts) if misfit else "",
            would_do=_layout(mig.closest_layout(misfit[0], counts)) if misfit else "",
            room=room,
            room_told=_one_more(room),
            gpus_told="any GPU that has such profiles" if anywhere else some({gpu.name for gpu in gpus}),
            confidence=_layout_confidence(entry) if anywhere or nowhere else confidence,
            place=_layout_place(mig_file, entry, misfit),
        )


def profile_uses(graph: Graph, owners: Owners) -> Iterator[ProfileUse]:
    """Every profile in a configuration, on a label and in a pod."""
    yield from _in_configs(graph)
    yield from _on_nodes(graph)
    yield from _in_pods(graph, owners)


# --- configurations ---------------------------------------------------------------------------------------------------


def _room(gpus: Sequence[Gpu], counts: Mapping[str, int], *, alike: bool) -> tuple[str, ...]:
    """What fits beside the devices on every one of the GPUs; profiles with attributes only where all have some."""
    profiles = [mig.parse_profile(name) for name in counts]
    suffixed = all(profile and profile.suffix for profile in profiles)
    rooms = [mig.room_for(gpu, counts) for gpu in gpus]
    common = [name for name in rooms[0] if all(name in each for each in rooms)] if rooms else []
    if alike and len(counts) == 1:
        return tuple(name for name in common if name in counts)
    return tuple(name for name in common if suffixed or not any(sign in name for sign in "+-"))


def _is_named_for(name: str, counts: Mapping[str, int]) -> bool:
    """Whether the name says that all devices are of this profile: `all-2g.20gb-station`."""
    return any(name.startswith(f"all-{mig.resource_spelling(profile)}") for profile in counts)


def _is_single(graph: Graph, mig_file: MigFile) -> bool:
    """Whether all who hand the file to a MIG manager want the strategy under which all devices are alike."""
    holders = graph.configurations.holders
    named = [
        each
        for each in graph.configurations.installers
        if any(holder is mig_file.holder for holder in mig_holders(each, holders))
    ]
    return bool(named) and all(each.mig_strategy.value == "single" for each in named)


def _one_more(profiles: Sequence[str]) -> str:
    if not profiles:
        return ""
    *others, last = profiles[:3]
    return f"one more {', '.join(others)} or {last}" if others else f"one more {last}"


def _layout_confidence(entry: MigEntry) -> Confidence:
    """Of what is told of all GPUs that are known: a filter with an unknown id may be for another one."""
    return "medium" if any(each.verdict == "unknown-id" for each in entry.filters) else "high"


def _layout_place(mig_file: MigFile, entry: MigEntry, misfit: Sequence[Gpu]) -> Place:
    alone = [
        each
        for each in entry.profiles
        if misfit and each.count > 0 and not any(mig.fits(gpu, {each.name: each.count}) for gpu in misfit)
    ]
    return mig_file.at(alone[0].path) if alone else mig_file.at((*entry.path, "mig-devices"), key=True)


def _in_configs(graph: Graph) -> Iterator[ProfileUse]:
    for mig_file, reach, name, entry in mig_entries(graph):
        if entry.unknown:
            continue
        targets, confidence = targets_of(mig_file, reach, name, entry)
        for profile in entry.profiles:
            if profile.count > 0:
                yield _in_config(graph, mig_file, name, entry, profile, targets, confidence)


def _in_config(
    graph: Graph,
    mig_file: MigFile,
    name: str,
    entry: MigEntry,
    profile: ProfileCount,
    targets: Sequence[Target],
    confidence: Confidence,
) -> ProfileUse:
    lacking = [target for target in targets if target.lacks(profile.name)]
    judged = lacking[:1] or targets
    gpus = [gpu for target in judged for gpu in target.gpus]
    guess = mig.suggest_profile(profile.name)
    return _use(
        graph,
        where="config",
        user=f"config '{name}'",
        name=profile.name,
        written=profile.name,
        suggestion=guess if guess != profile.name and is_known_profile(guess) else "",
        gpus=gpus,
        on_gpus=not lacking,
        would_do=_layout(_closest(gpus, entry.counts())),
        confidence=confidence,
        place=mig_file.at(profile.path, key=True),
        gpu_place=judged[0].place if judged else mig_file.at(entry.path),
    )


# --- device filters ---------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z0-9-]+")
_LONGEST_NAME = 6
"""Words of a board's name."""


def _meant_filter(found: DeviceFilter, place: Place, groups: Sequence[NodeGroup]) -> tuple[str, str]:
    """The filter for the board that the nodes have, that a remark beside the filter names, or whose number it holds."""
    if found.verdict != "nothing":
        return "", ""
    if evident := _board_of(groups) or _board_beside(place):
        device, board = evident
        return f"0x{device:04X}10DE", board
    number = found.suggestion[2:6]
    return found.suggestion, (_board(int(number, 16)) or f"device {number}") if number else ""


def _board_of(groups: Sequence[NodeGroup]) -> tuple[int, str] | None:
    """Device id and name of the board, where the product labels of the nodes name just one."""
    boards: dict[int, str] = {}
    for group in groups:
        device = device_of_name(group.label(PRODUCT).removesuffix("-SHARED").partition("-MIG-")[0])
        if device is None:
            return None
        boards.setdefault(device, f"{_board(device)} of {group.title}")
    return next(iter(boards.items())) if len(boards) == 1 else None


def _board_beside(place: Place) -> tuple[int, str] | None:
    """What a comment at the end of the line says."""
    text = place.document.source.text
    end = place.span()[1]
    line = text[end : text.find("\n", end) if "\n" in text[end:] else len(text)]
    _, _, comment = line.partition("#")
    devices = set(_boards_in(_WORD.findall(comment)))
    if len(devices) != 1:
        return None
    device = devices.pop()
    return device, f"{_board(device)} that the comment names"


def _boards_in(words: Sequence[str]) -> Iterator[int]:
    """Device ids of the boards that a text names, each by its longest name: `H200 NVL` is no `H200`."""
    start = 0
    while start < len(words):
        phrases = ((size, " ".join(words[start : start + size])) for size in range(_LONGEST_NAME, 0, -1))
        named = ((size, device) for size, phrase in phrases if (device := device_of_name(phrase)) is not None)
        size, device = next(named, (1, None))
        if device is not None:
            yield device
        start += size


def _board(device: int) -> str:
    return device_name(device).partition(";")[0]


# --- nodes ------------------------------------------------------------------------------------------------------------


def _on_nodes(graph: Graph) -> Iterator[ProfileUse]:
    """Layouts that a node's label chooses from the stock configurations of the MIG manager."""
    for group in graph.nodes.groups:
        label = group.labels.get(MIG_CONFIG_LABEL)
        profiles = stock.profiles_of(label.value) if label else frozenset()
        if not label or len(profiles) != 1 or not _uses_stock(graph, group):
            continue
        for profile in profiles:
            nearest = _closest(group.gpus, {profile: 1})
            yield _use(
                graph,
                where="node",
                user=group.title,
                name=profile,
                written=label.value,
                gpus=group.gpus,
                on_gpus=not Target(group.gpus, label.place).lacks(profile),
                would_do=f"all-{mig.resource_spelling(next(iter(nearest)))}" if nearest else "",
                confidence="high",
                place=label.place,
                gpu_place=group.hardware_place,
            )


def _uses_stock(graph: Graph, group: NodeGroup) -> bool:
    """True when no mig-parted file of the input can be the one that the label chooses from."""
    installers = {
        id(c.governed.installer): c.governed.installer for c in graph.nodes.candidates(group) if c.governed.installer
    }
    return not graph.configurations.mig_files and not any(custom_mig_config(each) for each in installers.values())


# --- pods -------------------------------------------------------------------------------------------------------------


def _in_pods(graph: Graph, owners: Owners) -> Iterator[ProfileUse]:
    claimed = claimed_resources(graph)
    for workload in graph.workloads:
        for asked in workload.asked:
            if asked.resource.kind in {"mig", "mig-shared"}:
                yield _in_pod(graph, owners.of(workload).label, workload, asked, by_plugin=asked.name not in claimed)
            elif asked.resource.config_spelling:
                yield _misspelt(graph, owners.of(workload).label, workload, asked)


def _in_pod(graph: Graph, user: str, workload: Workload, asked: Asked, *, by_plugin: bool) -> ProfileUse:
    landing = graph.landing(workload)
    profile = asked.resource.profile
    gpus = candidate_gpus(landing)
    nearest = _closest(gpus, {profile: 1})
    shared = ".shared" if asked.resource.is_shared else ""
    verdict = candidates(workload, asked, landing)
    place = workload.place(asked.container, asked.entry.path, key=True)
    return _use(
        graph,
        where="pod",
        user=user,
        name=profile,
        written=asked.name,
        gpus=gpus,
        on_gpus=not Target(gpus, place).lacks(profile),
        would_do=mig.resource_name(next(iter(nearest))) + shared if nearest else "",
        confidence=gpus_confidence(landing),
        strategy=strategy_for(workload, landing, verdict) if by_plugin else None,
        supply=supply_of(graph, profile, landing, verdict) if by_plugin else NO_CLAIM,
        place=place,
        gpu_place=landing.candidates[0].group.hardware_place if landing.candidates else place,
    )


def _misspelt(graph: Graph, user: str, workload: Workload, asked: Asked) -> ProfileUse:
    place = workload.place(asked.container, asked.entry.path, key=True)
    return _use(
        graph,
        where="pod",
        user=user,
        name=asked.name.removeprefix(mig.RESOURCE_PREFIX),
        written=asked.name,
        well_formed=False,
        suggestion=asked.resource.suggestion,
        place=place,
        gpu_place=place,
    )


# --- all of them ------------------------------------------------------------------------------------------------------


def _use(
    graph: Graph,
    *,
    where: str,
    user: str,
    name: str,
    written: str,
    place: Place,
    gpu_place: Place,
    well_formed: bool = True,
    suggestion: str = "",
    gpus: Sequence[Gpu] = (),
    on_gpus: bool = True,
    would_do: str = "",
    confidence: Confidence = "high",
    strategy: Strategy | None = None,
    supply: Supply = NO_CLAIM,
) -> ProfileUse:
    judged = gpus if all(profiles_certain(gpu) for gpu in gpus) else ()
    partitioned = [gpu for gpu in judged if gpu.profiles]
    available = tuple(sorted({profile for gpu in partitioned for profile in gpu.profiles}))
    return ProfileUse(
        cluster=graph.scope.name,
        where=where,
        user=user,
        name=name,
        written=written,
        well_formed=well_formed,
        known=is_known_profile(name),
        suggestion=suggestion,
        gpus=tuple(sorted({gpu.name for gpu in judged})),
        on_gpus=on_gpus,
        without_mig=bool(judged) and not partitioned,
        available=available,
        told=told_gpus(partitioned or judged, name) if judged or is_known_profile(name) else _alike(name),
        would_do=would_do,
        confidence=confidence,
        strategy=strategy.value if strategy else "",
        strategy_confidence=strategy.confidence if strategy else "low",
        strategy_place=strategy.place if strategy else place,
        missing=supply.missing,
        missing_confidence=supply.confidence,
        created=supply.created,
        created_told="only " + _quoted(supply.created) if supply.created else "no MIG devices",
        created_by=supply.created_by,
        place=place,
        gpu_place=gpu_place,
    )


_MOST_TOLD = 8
"""Profiles in one message."""


def told_gpus(gpus: Sequence[Gpu], wanted: str) -> str:
    """What GPUs have instead of a profile, for people: `A30 24GB has '1g.6gb', '2g.12gb', '4g.24gb'`."""
    if not gpus:
        return ""
    has = "has" if len({gpu.name for gpu in gpus}) == 1 else "have"
    return f"{some({gpu.name for gpu in gpus})} {has} " + (_quoted(_worth_telling(gpus, wanted)) or "no MIG")


def _worth_telling(gpus: Sequence[Gpu], wanted: str) -> set[str]:
    """Their profiles, those with attributes only where such a one is wanted; if many, those of as many slices."""
    parsed = mig.parse_profile(wanted)
    suffixed = bool(parsed and parsed.suffix)
    made = {name: mig.parse_profile(name) for gpu in gpus for name in gpu.profiles}
    plain = {name for name, profile in made.items() if profile and (suffixed or not profile.suffix)}
    if len(plain) <= _MOST_TOLD or parsed is None:
        return plain
    alike = {name for name in plain if (profile := made[name]) and profile.slices == parsed.slices}
    return alike or plain


_MOST_ALIKE = 5
"""Profiles that are named instead of one that no GPU has."""


def _alike(name: str) -> str:
    """The profiles of as many slices that come nearest to one that nobody has."""
    wanted = mig.parse_profile(name)
    if wanted is None:
        return ""
    known = {each: mig.parse_profile(each) for gpu in catalog.gpus() for each in gpu.profiles}
    distance = {
        each: abs(profile.memory_gb - wanted.memory_gb)
        for each, profile in known.items()
        if profile and not profile.suffix and profile.slices == wanted.slices
    }
    near = sorted(distance, key=lambda each: (distance[each], each))[:_MOST_ALIKE]
    which = "the nearest of" if len(near) < len(distance) else "those of"
    return f"{which} {wanted.slices}g are {_quoted(near)}" if near else f"none is of {wanted.slices}g"


def _quoted(profiles: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(profiles, key=_size))


def _size(name: str) -> tuple[int, int, str]:
    profile = mig.parse_profile(name)
    return (profile.slices, profile.memory_gb, name) if profile else (0, 0, name)


def _closest(gpus: Sequence[Gpu], counts: Mapping[str, int]) -> Mapping[str, int]:
    first = next((gpu for gpu in gpus if gpu.profiles), None)
    return mig.closest_layout(first, counts) if first else {}


def _layout(counts: Mapping[str, int]) -> str:
    def size(item: tuple[str, int]) -> tuple[int, str]:
        profile = mig.parse_profile(item[0])
        return (-(profile.slices if profile else 0), item[0])

    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items(), key=size))
