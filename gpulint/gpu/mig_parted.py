"""A mig-parted configuration file: what the MIG manager refuses, and what each named configuration asks for.

Follows `NVIDIA/mig-parted` v0.15: `api/spec/v1/{spec,helpers}.go` and `pkg/types/{device,mig_config}.go`. The file is
decoded strictly, and one bad entry makes every named configuration of it unloadable. Device filters are not checked
when the file is loaded: one that names no GPU makes its entry do nothing, silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu import catalog
from gpulint.gpu.mig import parse_profile, suggest_profile
from gpulint.gpu.problem import Path, Problem, as_int, closest, filled_in, is_placeholder, kind, show

__all__ = ["DeviceFilter", "MigConfig", "MigEntry", "MigPartedConfig", "Problem", "ProfileCount", "looks_like", "parse"]

FilterVerdict: TypeAlias = Literal["all", "gpus", "unknown-id", "nothing", "unknown"]
"""`all`: every GPU; `gpus`: products of the catalogue; `unknown-id`: well formed, not in the catalogue; `nothing`: no
GPU can match; `unknown`: a placeholder."""


@frozen
class DeviceFilter:
    """One value of `device-filter`, as the MIG manager reads it."""

    value: str
    path: Path
    verdict: FilterVerdict
    gpus: tuple[str, ...] = ()
    """Ids of the products of the catalogue that match, for `gpus`."""
    reason: str = ""
    """Why nothing matches, as a clause."""
    suggestion: str = ""
    """The filter that was meant; for a well-formed filter empty."""
    device: int | None = None
    """The 16-bit PCI device id of a filter that can match."""
    subsystem: int | None = None
    """What it wants of the subsystem; None: any."""


@frozen
class ProfileCount:
    """One line of `mig-devices`."""

    name: str
    count: int
    """Instances on each GPU; 0 when it is a placeholder or 0."""
    path: Path


@frozen
class MigEntry:
    """One entry of a named configuration."""

    path: Path
    all_devices: bool
    indexes: tuple[int, ...]
    """Of `devices` when it is a list; indexes that no GPU has match nothing."""
    mig_enabled: bool
    profiles: tuple[ProfileCount, ...]
    filters: tuple[DeviceFilter, ...]
    """Empty: every GPU."""
    unknown: bool = False
    """Some value is a placeholder."""

    def counts(self) -> dict[str, int]:
        """Instances by profile name, without zeros."""
        counts: dict[str, int] = {}
        for profile in self.profiles:
            if profile.count > 0:
                counts[profile.name] = counts.get(profile.name, 0) + profile.count
        return counts

    def gpus(self) -> tuple[str, ...]:
        """Ids of the products that the filters name; empty without filters, and when they name none that is known."""
        return tuple(sorted({gpu for item in self.filters for gpu in item.gpus}))

    def matches(self, gpu_id: str) -> bool:
        """Whether a GPU of that product passes the filters; true where a placeholder decides."""
        if not self.filters:
            return True
        return any(item.verdict in ("all", "unknown") or gpu_id in item.gpus for item in self.filters)


@frozen
class MigConfig:
    """A named configuration: what the label `nvidia.com/mig.config` selects."""

    name: str
    path: Path
    entries: tuple[MigEntry, ...]


@frozen
class MigPartedConfig:
    """A file as far as it could be read. When it is refused, none of its configurations can be selected."""

    problems: tuple[Problem, ...] = ()
    refused: bool = False
    configs: Mapping[str, MigConfig] = field(default_factory=dict)
    """Also of a refused file, for what can be said of single entries."""
    unknown: bool = False
    """Some value is a placeholder, so that what is said may not be all."""


def parse(data: object) -> MigPartedConfig:
    """Reads one file, given as plain data (None for an empty file, which is accepted and holds no configuration)."""
    reader = _Reader()
    data = filled_in(data)
    if is_placeholder(data):
        return MigPartedConfig(unknown=True)
    if data is None or data == {}:
        return MigPartedConfig()
    if not isinstance(data, Mapping):
        reader.refuse((), f"the file must be a mapping, not {kind(data)}")
        return reader.config({})
    configs = _root(reader, {str(key): value for key, value in data.items()})
    return reader.config(configs)


def looks_like(data: object) -> bool:
    """Whether the data has the content of a mig-parted file, also one with a misspelt or missing `mig-configs`."""
    if not isinstance(data, Mapping):
        return False
    if any(str(key).lower().replace("_", "-") in ("mig-configs", "migconfigs", "mig-config") for key in data):
        return True
    return any(_is_config(value) for value in data.values())


@dataclass(slots=True)
class _Reader:
    """Collects what is found while one file is walked."""

    problems: list[Problem] = field(default_factory=list)
    unknown: bool = False

    def refuse(self, path: Path, message: str, suggestion: str = "", *, at_key: bool = False) -> None:
        self.problems.append(Problem(path, "key" if at_key else "value", "refused", message, suggestion))

    def placeholder(self, value: object) -> bool:
        """Whether the value is a placeholder; remembers it."""
        found = is_placeholder(value)
        self.unknown = self.unknown or found
        return found

    def config(self, configs: dict[str, MigConfig]) -> MigPartedConfig:
        return MigPartedConfig(tuple(self.problems), bool(self.problems), configs, self.unknown)


def _root(reader: _Reader, data: dict[str, object]) -> dict[str, MigConfig]:
    _fields(reader, (), data, known=("version", "mig-configs"), required=("version",))
    version = data.get("version", "v1")
    if not reader.placeholder(version) and version != "v1":
        reader.refuse(("version",), _wrong_version(version), "v1")
    if "mig-configs" not in data or reader.placeholder(data["mig-configs"]):
        return {}
    return _configs(reader, ("mig-configs",), data["mig-configs"])


def _wrong_version(version: object) -> str:
    if isinstance(version, str):
        return f"unknown version '{show(version)}': only 'v1' is known"
    return f"'version' must be the string 'v1', not {kind(version)}"


def _configs(reader: _Reader, path: Path, value: object) -> dict[str, MigConfig]:
    if value is not None and not isinstance(value, Mapping):
        reader.refuse(path, f"'mig-configs' must be a mapping of names to lists of entries, not {kind(value)}")
        return {}
    if not value:
        reader.refuse(path, "'mig-configs' needs at least one configuration", at_key=True)
        return {}
    configs: dict[str, MigConfig] = {}
    for key, entries in value.items():
        name = str(key)
        if not reader.placeholder(name):
            configs[name] = MigConfig(name, (*path, name), _entries(reader, (*path, name), entries))
    return configs


def _entries(reader: _Reader, path: Path, value: object) -> tuple[MigEntry, ...]:
    if reader.placeholder(value):
        return ()
    if value is not None and not isinstance(value, list):
        reader.refuse(path, f"the configuration '{path[-1]}' must be a list of entries, not {kind(value)}")
        return ()
    if not value:
        reader.refuse(path, f"the configuration '{path[-1]}' needs at least one entry", at_key=True)
        return ()
    read = (_entry(reader, (*path, index), item) for index, item in enumerate(value))
    return tuple(entry for entry in read if entry is not None)


_ENTRY_FIELDS = ("device-filter", "devices", "mig-enabled", "mig-devices")


def _entry(reader: _Reader, path: Path, value: object) -> MigEntry | None:
    if reader.placeholder(value):
        return None
    if value is not None and not isinstance(value, Mapping):
        reader.refuse(path, f"an entry must be a mapping, not {kind(value)}")
        return None
    data = {str(key): item for key, item in (value or {}).items()}
    _fields(reader, path, data, _ENTRY_FIELDS, required=("devices", "mig-enabled"))
    outside, reader.unknown = reader.unknown, False
    all_devices, indexes = _devices(reader, (*path, "devices"), data["devices"]) if "devices" in data else (False, ())
    enabled = _enabled(reader, path, data)
    profiles = _profiles(reader, path, data.get("mig-devices"))
    _agree(reader, path, data, enabled, profiles)
    entry = MigEntry(
        path=path,
        all_devices=all_devices,
        indexes=indexes,
        mig_enabled=bool(enabled),
        profiles=profiles,
        filters=_filters(reader, (*path, "device-filter"), data.get("device-filter")),
        unknown=reader.unknown,
    )
    reader.unknown = reader.unknown or outside
    return entry


def _agree(
    reader: _Reader, path: Path, data: Mapping[str, object], enabled: bool | None, profiles: tuple[ProfileCount, ...]
) -> None:
    """`mig-devices` goes with `mig-enabled: true`, and only with it."""
    if enabled and data.get("mig-devices") is None:
        if "mig-devices" in data:
            reader.refuse((*path, "mig-devices"), "'mig-devices' must be a mapping when 'mig-enabled' is true", "{}")
        elif not any(closest(key, _ENTRY_FIELDS) == "mig-devices" for key in data if key not in _ENTRY_FIELDS):
            reader.refuse((*path, "mig-enabled"), "'mig-devices' is required when 'mig-enabled' is true", at_key=True)
    if enabled is False and profiles:
        message = "'mig-devices' must be empty when 'mig-enabled' is false"
        reader.refuse((*path, "mig-devices"), message, at_key=True)


def _fields(
    reader: _Reader, path: Path, data: Mapping[str, object], known: tuple[str, ...], required: tuple[str, ...]
) -> None:
    """Unexpected and missing fields; a misspelt one is not told again as the missing one."""
    strange = [key for key in data if key not in known and not reader.placeholder(key)]
    meant = {key: closest(key, known) for key in strange}
    for key in strange:
        hint = f", did you mean '{meant[key]}'" if meant[key] else ""
        reader.refuse((*path, key), f"unexpected field '{key}'{hint}", meant[key], at_key=True)
    missing = [f"'{name}'" for name in required if name not in data and name not in meant.values()]
    if missing:
        fields = "field" if len(missing) == 1 else "fields"
        reader.refuse(path, f"required {fields} missing: {', '.join(missing)}")


def _enabled(reader: _Reader, path: Path, data: Mapping[str, object]) -> bool | None:
    """None when it is not known; null counts as false."""
    value = data.get("mig-enabled")
    if "mig-enabled" not in data or reader.placeholder(value):
        return None
    if value is None or isinstance(value, bool):
        return bool(value)
    quoted = value.lower() if isinstance(value, str) and value.lower() in ("true", "false") else ""
    reader.refuse((*path, "mig-enabled"), f"'mig-enabled' must be a boolean, not {kind(value)} '{show(value)}'", quoted)
    return None


def _devices(reader: _Reader, path: Path, value: object) -> tuple[bool, tuple[int, ...]]:
    """Whether all GPUs are meant, and the indexes listed."""
    if reader.placeholder(value) or value == "all":
        return True, ()
    if isinstance(value, list):
        indexes = [0 if item is None else as_int(item) for item in value if not reader.placeholder(item)]
        if None not in indexes:
            return False, tuple(index for index in indexes if index is not None)
        reader.refuse(path, f"'devices' must list GPU indexes as numbers, not {show(value)}", _plain_list(value))
        return False, ()
    index = as_int(value)
    suggestion = f"[{index}]" if index is not None else "all"
    reader.refuse(path, f"'devices' must be 'all' or a list of GPU indexes, not '{show(value)}'", suggestion)
    return False, ()


def _plain_list(value: list[object]) -> str:
    texts = [str(item).strip() for item in value]
    return f"[{', '.join(texts)}]" if all(text.isdecimal() for text in texts) else ""


def _profiles(reader: _Reader, path: Path, value: object) -> tuple[ProfileCount, ...]:
    path = (*path, "mig-devices")
    if value is None or reader.placeholder(value):
        return ()
    if not isinstance(value, Mapping):
        reader.refuse(path, f"'mig-devices' must map profiles to counts, not {kind(value)}")
        return ()
    profiles = []
    for key, raw in value.items():
        name = str(key)
        if reader.placeholder(name):
            continue
        if parse_profile(name) is None:
            suggestion = suggest_profile(name)
            hint = f", did you mean '{suggestion}'" if suggestion else ""
            reader.refuse((*path, name), f"'{name}' is no MIG profile name{hint}", suggestion, at_key=True)
            continue
        profiles.append(ProfileCount(name, _count(reader, (*path, name), raw), (*path, name)))
    if profiles and all(raw is None or as_int(raw) == 0 for raw in value.values()):
        reader.refuse(path, "the counts of all profiles are 0", at_key=True)
    return tuple(profiles)


def _count(reader: _Reader, path: Path, value: object) -> int:
    if value is None or reader.placeholder(value):
        return 0
    count = as_int(value)
    if count is None:
        number = value.strip() if isinstance(value, str) and value.strip().isdecimal() else ""
        reader.refuse(path, f"a count must be a whole number, not {kind(value)} '{show(value)}'", number)
        return 0
    if count < 0:
        reader.refuse(path, f"a count must not be negative: {count}")
        return 0
    return count


# --- device filters -------------------------------------------------------------------------------------------------

_NVIDIA = 0x10DE


def _filters(reader: _Reader, path: Path, value: object) -> tuple[DeviceFilter, ...]:
    if value is None or value in ("", []):
        return ()
    if isinstance(value, list):
        return tuple(_filter(reader, (*path, index), item) for index, item in enumerate(value))
    if isinstance(value, Mapping):
        reader.refuse(path, "'device-filter' must be a string or a list of strings, not a mapping")
        return ()
    return (_filter(reader, path, value),)


def _filter(reader: _Reader, path: Path, value: object) -> DeviceFilter:
    if reader.placeholder(value):
        return DeviceFilter(str(value), path, "unknown")
    if isinstance(value, str) or value is None:
        return read_filter(value or "", path)
    number = as_int(value)
    if number is None or not 0 <= number < 2**32:
        reader.refuse(path, f"a device filter must be a string, not {kind(value)} '{show(value)}'")
        return DeviceFilter(show(value), path, "nothing", reason="it is no string")
    meant = read_filter(f"0x{number:08X}" if number > 0xFFFF else f"0x{number:04X}", path)
    quoted = f'"{meant.suggestion or meant.value}"'
    reader.refuse(path, "a device filter must be quoted: without quotes YAML reads a number, not a string", quoted)
    return meant


def read_filter(text: str, path: Path = ()) -> DeviceFilter:
    """One filter: `<device and vendor>[:<subsystem>]`, each a 32-bit number as Go's `ParseUint(s, 0, 32)` reads it."""
    halves = text.split(":")
    numbers = [_uint32(half) for half in halves]
    if len(halves) > 2 or None in numbers:
        return _nothing(text, path, "it is no 32-bit number such as '0x20B010DE', and is discarded silently")
    device, vendor = divmod(numbers[0] or 0, 0x10000)
    if vendor == _NVIDIA and device:
        found = tuple(gpu.id for gpu in catalog.by_device_id(device))
        subsystem = numbers[1] if len(numbers) > 1 else None
        return DeviceFilter(text, path, "gpus" if found else "unknown-id", found, device=device, subsystem=subsystem)
    if device == _NVIDIA:
        return _nothing(text, path, f"the halves are swapped: the device {vendor:04X} comes first, then the vendor")
    if vendor == _NVIDIA:
        return DeviceFilter(text, path, "nothing", reason="it names the vendor 10DE, and no device")
    reason = f"the low half must be the vendor 10DE, and this is device {device:04X} of vendor {vendor:04X}"
    return _nothing(text, path, reason)


def _nothing(text: str, path: Path, reason: str) -> DeviceFilter:
    device = _meant_device(text)
    if device is not None and (name := catalog.device_name(device)):
        reason += f"; {device:04X} is the {name}"
    return DeviceFilter(text, path, "nothing", (), reason, f"0x{device:04X}10DE" if device is not None else "")


def _meant_device(text: str) -> int | None:
    """The device id that a filter without effect was written for."""
    readings: tuple[tuple[str, Callable[[str], int | None]], ...] = (
        (r"(?i)(?:0x)?([0-9a-f]{4})(?::?(?:0x)?10de)?", _hex),
        (r"(?i)(?:0x)?10de:?(?:0x)?([0-9a-f]{4})", _hex),
        (r"(.*[A-Za-z].*)", catalog.device_of_name),
    )
    for pattern, reading in readings:
        if match := re.fullmatch(pattern, text.strip()):
            return reading(match[1])
    return None


def _hex(digits: str) -> int:
    return int(digits, 16)


def _uint32(text: str) -> int | None:
    """Go's `strconv.ParseUint(text, 0, 32)`: prefixes 0x, 0o, 0b and 0 (octal), `_` between digits."""
    if not re.fullmatch(r"[0-9][0-9A-Za-z_]*", text):
        return None
    digits = "0o" + text[1:] if re.fullmatch(r"0[0-7_]+", text) else text
    try:
        number = int(digits, 0)
    except ValueError:
        return None
    return number if number < 2**32 else None


def _is_config(value: object) -> bool:
    """Whether it is a list of entries with `mig-enabled` or `mig-devices`."""
    if isinstance(value, list):
        return any(isinstance(item, Mapping) and ("mig-enabled" in item or "mig-devices" in item) for item in value)
    return isinstance(value, Mapping) and any(_is_config(inner) for inner in value.values() if isinstance(inner, list))
