"""MIG profiles: their names, and which sets of them fit one GPU.

Names follow `NVIDIA/go-nvlib pkg/nvlib/device/mig_profile.go`; what fits follows the placements that NVML lists
(`nvidia-smi mig -lgipp`) and the remarks on media extensions of the MIG User Guide. Only the set counts, not the order:
mig-parted clears the GPU and tries every order (`NVIDIA/mig-parted pkg/mig/config/config.go`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gpulint.frozen import frozen
from gpulint.untrusted import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpulint.gpu.catalog import Gpu, Profile

RESOURCE_PREFIX = "nvidia.com/mig-"


@frozen
class MigProfile:
    """A profile name taken apart: `[<C>c.]<G>g.<GB>gb[+attribute,…|-attribute,…]`."""

    compute_slices: int
    """C: slices of the compute instance; equals `slices` where the name has no `c` part."""
    slices: int
    """G: slices of the GPU instance."""
    memory_gb: int
    attributes: tuple[str, ...] = ()
    """Sorted: `me`, `me.all`, `gfx`."""
    removed: tuple[str, ...] = ()
    """Attributes taken away with `-`, sorted: `me`."""

    @property
    def name(self) -> str:
        """Canonical name in configuration spelling."""
        return self.gpu_instance if self.is_gpu_instance else f"{self.compute_slices}c.{self.gpu_instance}"

    @property
    def gpu_instance(self) -> str:
        """Name of the GPU instance profile, without the compute instance part."""
        return f"{self.slices}g.{self.memory_gb}gb{self.suffix}"

    @property
    def suffix(self) -> str:
        if self.attributes:
            return "+" + ",".join(self.attributes)
        return "-" + ",".join(self.removed) if self.removed else ""

    @property
    def is_gpu_instance(self) -> bool:
        """Whether the compute instance fills the GPU instance; the device plugin advertises no others."""
        return self.compute_slices == self.slices


_ATTRIBUTE = r"[A-Za-z](?:[A-Za-z0-9.]*[A-Za-z0-9])?"
_PROFILE = re.compile(
    r"(?:(?P<c>[0-9]+)c\.)?(?P<g>[0-9]+)g\.(?P<gb>[0-9]+)gb"
    rf"(?:(?P<sign>[+-])(?P<attributes>{_ATTRIBUTE}(?:,{_ATTRIBUTE})*))?"
)
# attributes that NVML names have so far: in a resource name a dot before others cannot be told from a suffix
_RESOURCE_PROFILE = re.compile(r"((?:[0-9]+c\.)?[0-9]+g\.[0-9]+gb)(?:\.(me|me\.all|gfx)|(-me|-gfx))?")
_LOOSE_PROFILE = re.compile(
    r"(?:nvidia\.com/)?(?:(?:mig|all)[-_ ./]?)?"
    r"(?:([0-9]+)c[-_.])?([0-9]+)g[-_. ]?([0-9]+)gb?(?:([-+._ ])(me|gfx|me[._-]all))?"
)


def parse_profile(text: str) -> MigProfile | None:
    """The profile a name in configuration spelling stands for; None when mig-parted would not take it."""
    match = _PROFILE.fullmatch(text)
    if match is None:
        return None
    attributes = tuple(sorted((match["attributes"] or "").split(","))) if match["attributes"] else ()
    if len(set(attributes)) != len(attributes):
        return None
    slices = number(match["g"])
    return MigProfile(
        compute_slices=number(match["c"]) if match["c"] else slices,
        slices=slices,
        memory_gb=number(match["gb"]),
        attributes=attributes if match["sign"] == "+" else (),
        removed=attributes if match["sign"] == "-" else (),
    )


def resource_spelling(profile: str) -> str:
    """A profile as resource, label and stock configuration names spell it: `1g.10gb.me` of `1g.10gb+me`."""
    return profile.replace("+", ".").replace(",", ".")


def resource_name(profile: str) -> str:
    """The extended resource that strategy `mixed` advertises for a profile."""
    return RESOURCE_PREFIX + resource_spelling(profile)


def profile_of_resource(text: str) -> str:
    """A profile in resource spelling (`1g.10gb.me`), to configuration spelling; empty when it is none."""
    match = _RESOURCE_PROFILE.fullmatch(text)
    if match is None:
        return ""
    base, added, removed = match.groups()
    profile = parse_profile(base + (f"+{added}" if added else removed or ""))
    return profile.name if profile else ""


def suggest_profile(text: str) -> str:
    """The well-formed name meant by a malformed one (`1g.10gb.me`, `mig-1g.5gb`, `1G.5GB`); may be empty."""
    match = _LOOSE_PROFILE.fullmatch(text.strip().lower())
    if match is None:
        return ""
    c, g, gb, sign, attribute = match.groups()
    suffix = ("-" if sign == "-" else "+") + re.sub("[_-]", ".", attribute) if attribute else ""
    return (f"{c}c." if c else "") + f"{g}g.{gb}gb" + suffix


def fits(gpu: Gpu, counts: Mapping[str, int]) -> bool:
    """Whether the instances fit one GPU together; true when nothing is known about its profiles."""
    return not why_not(gpu, counts)


def why_not(gpu: Gpu, counts: Mapping[str, int]) -> str:
    """Why the instances do not fit one GPU, as a clause; empty when they do or the GPU's profiles are not known.

    `counts` maps profile names in configuration spelling to instances. Compute instance profiles (`1c.3g.20gb`) are
    counted as the least number of GPU instances that can hold them.
    """
    if gpu.mig is False:
        return f"{gpu.name} has no MIG" if any(count > 0 for count in counts.values()) else ""
    if not gpu.profiles_known:
        return ""
    return _obstacle(gpu, tuple(sorted(_gpu_instances(counts).items())))


def closest_layout(gpu: Gpu, counts: Mapping[str, int]) -> dict[str, int]:
    """The nearest layout that the GPU can hold.

    A profile it does not have becomes the one of the same slice count that is nearest in memory; then as many instances
    are kept as fit, the larger ones first. Empty when the GPU has no MIG, or its profiles are not known.
    """
    if not gpu.profiles:
        return {}
    wanted: dict[str, int] = {}
    for name, count in _gpu_instances(counts).items():
        if near := _nearest_profile(gpu, name):
            wanted[near] = wanted.get(near, 0) + count
    return _largest_part(gpu, wanted)


def maximal_layouts(gpu: Gpu) -> tuple[Mapping[str, int], ...]:
    """Every set of GPU instances to which nothing can be added, sorted; empty without known profiles."""
    layouts = {layout for layout in _layouts(gpu) if not _extensions(gpu, dict(layout))}
    return tuple(dict(layout) for layout in sorted(layouts))


def room_for(gpu: Gpu, counts: Mapping[str, int]) -> tuple[str, ...]:
    """Profiles of which one more instance would fit beside `counts`, largest first; empty when `counts` is maximal."""
    if not gpu.profiles or why_not(gpu, counts):
        return ()
    found = [gpu.profiles[name] for name in _extensions(gpu, _gpu_instances(counts))]
    found.sort(key=lambda profile: (-profile.memory_slices, -profile.compute_slices, profile.name))
    return tuple(profile.name for profile in found)


def compute_instance_profiles(gpu: Gpu) -> tuple[str, ...]:
    """Names of compute instances that divide a GPU instance (`1c.3g.20gb`): valid for mig-parted, never advertised."""
    names = []
    for name, profile in gpu.profiles.items():
        names += [f"{c}c.{name}" for c in (1, 2, 3, 4, 6, 7) if c < profile.compute_slices]
    return tuple(names)


def is_compute_instance(gpu: Gpu, name: str) -> bool:
    """Whether the name divides a GPU instance that the GPU has."""
    profile = parse_profile(name)
    return bool(profile and not profile.is_gpu_instance and profile.gpu_instance in gpu.profiles)


def _gpu_instances(counts: Mapping[str, int]) -> dict[str, int]:
    """GPU instances by canonical profile; a name that does not parse stays as it is."""
    compute: dict[str, int] = {}
    width: dict[str, int] = {}
    for name, count in counts.items():
        if count <= 0:
            continue
        profile = parse_profile(name)
        key = profile.gpu_instance if profile else name
        width[key] = profile.slices if profile and profile.slices else 1
        compute[key] = compute.get(key, 0) + count * (profile.compute_slices if profile and profile.slices else 1)
    return {key: -(-total // width[key]) for key, total in compute.items()}


@lru_cache(maxsize=4096)
def _obstacle(gpu: Gpu, counts: tuple[tuple[str, int], ...]) -> str:
    unknown = [name for name, _ in counts if name not in gpu.profiles]
    if unknown:
        return f"{gpu.name} has no profile {_quoted(unknown)}"
    for name, count in counts:
        limit = gpu.profiles[name].max_instances
        if count > limit:
            amount = "1 instance" if limit == 1 else f"{limit} instances"
            return f"{gpu.name} holds at most {amount} of '{name}', not {count}"
    if sum(count for name, count in counts if "+me" in name) > 1:
        return "only one instance of a GPU can have the media extensions"
    if engine := _missing_engine(gpu, counts):
        return engine
    units = sum(gpu.profiles[name].memory_slices * count for name, count in counts)
    if units > gpu.memory_units:
        return f"they take {units} memory slices, and {gpu.name} has {gpu.memory_units}"
    items = [gpu.profiles[name] for name, count in counts for _ in range(count)]
    if not _placeable(sorted(items, key=lambda item: (-item.memory_slices, item.name)), occupied=0):
        return f"no placement on {gpu.name} holds them all: where an instance may start is fixed for each profile"
    return ""


def _missing_engine(gpu: Gpu, counts: tuple[tuple[str, int], ...]) -> str:
    for engine, available in (gpu.engines or {}).items():
        needed = sum((gpu.profiles[name].engines or {}).get(engine, 0) * count for name, count in counts)
        if needed > available:
            return f"they claim {needed} {engine.upper()} engines, and {gpu.name} has {available}"
    return ""


def _placeable(items: list[Profile], occupied: int, least: int = 0) -> bool:
    """Depth-first search over placements; `occupied` is a bit mask of memory units.

    Equal items stand side by side and are placed in increasing order: the next one starts at `least` or above.
    """
    if not items:
        return True
    first, *others = items
    for start, size in first.placements:
        run = ((1 << size) - 1) << start
        if start < least or occupied & run:
            continue
        following = start + size if others and others[0] is first else 0
        if _placeable(others, occupied | run, following):
            return True
    return False


def _nearest_profile(gpu: Gpu, name: str) -> str:
    if name in gpu.profiles:
        return name
    if former := gpu.former_profiles.get(name):
        return former
    wanted = parse_profile(name) or parse_profile(suggest_profile(name))
    if wanted is None:
        return ""
    gb = wanted.memory_gb
    slices = {profile.compute_slices for profile in gpu.profiles.values()}
    width = max((count for count in slices if count <= wanted.slices), default=min(slices))
    offered = [parsed for parsed in map(parse_profile, gpu.profiles) if parsed and parsed.slices == width]
    alike = [profile for profile in offered if profile.suffix == wanted.suffix]
    plain = [profile for profile in offered if not profile.suffix]
    nearest = sorted(alike or plain or offered, key=lambda profile: (abs(profile.memory_gb - gb), profile.name))
    return nearest[0].name


def _largest_part(gpu: Gpu, wanted: Mapping[str, int]) -> dict[str, int]:
    """The part of a layout that fits: most instances, then most memory."""

    def size(layout: tuple[tuple[str, int], ...]) -> tuple[int, int]:
        units = sum(gpu.profiles[name].memory_slices * count for name, count in layout)
        return sum(count for _, count in layout), units

    best = max(sorted(_layouts(gpu, wanted)), key=size, default=())
    return dict(sorted(best, key=lambda item: (-gpu.profiles[item[0]].memory_slices, item[0])))


def _layouts(gpu: Gpu, wanted: Mapping[str, int] | None = None) -> Iterator[tuple[tuple[str, int], ...]]:
    """Every non-empty layout that fits, or every part of `wanted` that does.

    One instance is added at a time: whatever fits, each part of it fits as well.
    """
    seen: set[tuple[tuple[str, int], ...]] = set()
    pending: list[dict[str, int]] = [{}]
    while pending:
        counts = pending.pop()
        for name in _extensions(gpu, counts):
            larger = {**counts, name: counts.get(name, 0) + 1}
            key = tuple(sorted(larger.items()))
            if key in seen or (wanted is not None and larger[name] > wanted.get(name, 0)):
                continue
            seen.add(key)
            pending.append(larger)
            yield key


def _extensions(gpu: Gpu, counts: dict[str, int]) -> list[str]:
    return [name for name in gpu.profiles if fits(gpu, {**counts, name: counts.get(name, 0) + 1})]


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
