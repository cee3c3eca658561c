"""A configuration file of the NVIDIA device plugin: what the plugin refuses, never sees, drops, and does.

Follows `NVIDIA/k8s-device-plugin` v0.20: `api/config/v1/{config,flags,replicas,resources,sharing,strategy,imex}.go`
and `cmd/nvidia-device-plugin/main.go`. The file is decoded by sigs.k8s.io/yaml without strictness, so unknown keys
vanish. Two kinds of key matching meet in it: fields of Go structs (`sharing`, `timeSlicing`, everything under `flags`)
match in any case; keys inside `timeSlicing`, `mps` and the entries of `resources` are looked up in a map and must be
spelled exactly.

What depends on more than the file is left to the caller: the environment of the plugin beats the file, MPS needs
`mpsRoot` and does not go with strategy `mixed`, and a shared resource may not exist on the node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.mig import RESOURCE_PREFIX, resource_name, suggest_profile
from gpulint.gpu.problem import Path, Problem, as_int, closest, filled_in, is_placeholder, kind, show

__all__ = ["DevicePluginConfig", "Problem", "SharedResource", "looks_like", "max_mps_replicas", "parse"]

Strategy: TypeAlias = Literal["none", "time-slicing", "mps"]

MIG_STRATEGIES = ("none", "single", "mixed")


@frozen
class SharedResource:
    """A resource that the configuration shares."""

    name: str
    """With the prefix: `nvidia.com/gpu`. A placeholder stays as it is written."""
    replicas: int
    """Advertised for each device; 0 when it is a placeholder. Of several entries with one name the largest counts."""
    advertised: str
    """The resource that nodes show: the name, or the name with `.shared` under `renameByDefault`."""
    path: Path
    """The entry of `resources`."""


@frozen
class DevicePluginConfig:
    """What the plugin makes of a file. Of a refused file nothing takes effect."""

    problems: tuple[Problem, ...] = ()
    refused: bool = False
    mig_strategy: str = ""
    """Value of `flags.migStrategy`; empty when the file does not set it. The plugin's environment beats it."""
    strategy: Strategy = "none"
    resources: tuple[SharedResource, ...] = ()
    fail_requests_greater_than_one: bool = False
    rename_by_default: bool = False
    both_strategies: bool = False
    """The file has both `mps` and `timeSlicing`: the latter is dropped silently."""
    sharing_path: Path = ()
    """The effective `timeSlicing` or `mps`; empty without sharing."""
    dropped_path: Path = ()
    """The `timeSlicing` that is dropped in favour of `mps`."""
    mig_strategy_path: Path = ()
    mps_root: bool = False
    """The file sets `flags.mpsRoot`, without which the plugin refuses MPS unless its environment has it."""
    contradicted: tuple[SharedResource, ...] = ()
    """Shared MIG devices that do not exist under the `migStrategy` of the same file; of a refused file as well."""
    unknown: bool = False
    """Some value is a placeholder, so that what is said above may not be all."""


def parse(data: object) -> DevicePluginConfig:
    """Reads one configuration file, given as plain data (None for an empty file).

    A mig-parted file gives no problems: `mig_parted.looks_like` tells it apart.
    """
    reader = _Reader()
    data = filled_in(data)
    if is_placeholder(data):
        return DevicePluginConfig(unknown=True)
    if data is None:
        return DevicePluginConfig()
    if not isinstance(data, Mapping):
        reader.refuse((), f"a configuration must be a mapping, not {kind(data)}")
        return reader.config()
    _root(reader, data)
    return reader.config()


def looks_like(data: object) -> bool:
    """Whether the data has the content of a device-plugin configuration, also one that is misspelt or wrapped."""
    if not isinstance(data, Mapping) or "mig-configs" in data:
        return False
    return _is_evident(data) or any(_wraps(key, value) for key, value in data.items())


def max_mps_replicas(compute_capability: tuple[int, int]) -> int:
    """Most replicas of a GPU that the MPS control daemon accepts (`cmd/mps-control-daemon/mps/device.go`).

    The daemon compares with 7.5, so that Volta (7.0) counts among the older GPUs.
    """
    return 48 if compute_capability >= (7, 5) else 16


@dataclass(slots=True)
class _Sharing:
    """A decoded `timeSlicing` or `mps`."""

    path: Path
    resources: tuple[SharedResource, ...] = ()
    rename_by_default: bool = False
    fail_requests_greater_than_one: bool | None = None


@dataclass(slots=True)
class _Reader:
    """Collects what is found while one file is walked."""

    problems: list[Problem] = field(default_factory=list)
    unknown: bool = False
    mig_strategy: str = ""
    mig_strategy_path: Path = ()
    mps_root: bool = False
    named: list[SharedResource] = field(default_factory=list)
    """Every shared resource that has a name, whatever else is wrong with its entry."""
    time_slicing: _Sharing | None = None
    mps: _Sharing | None = None

    def refuse(self, path: Path, message: str, suggestion: str = "", *, at_key: bool = False) -> None:
        self.problems.append(Problem(path, "key" if at_key else "value", "refused", message, suggestion))

    def ignore(self, path: Path, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(path, "key", "ignored", message, suggestion))

    def inert(self, path: Path, message: str, suggestion: str = "", *, at_key: bool = True) -> None:
        self.problems.append(Problem(path, "key" if at_key else "value", "inert", message, suggestion))

    def config(self) -> DevicePluginConfig:
        problems = tuple(self.problems)
        if any(problem.verdict == "refused" for problem in problems):
            return DevicePluginConfig(
                problems=problems,
                refused=True,
                mig_strategy_path=self.mig_strategy_path,
                contradicted=self.contradicted(),
                unknown=self.unknown,
            )
        active = self.mps or self.time_slicing
        strategy: Strategy = "none" if active is None else "mps" if active is self.mps else "time-slicing"
        fail = active.fail_requests_greater_than_one if active else None
        both = self.mps is not None and self.time_slicing is not None
        return DevicePluginConfig(
            problems=problems,
            mig_strategy=self.mig_strategy,
            mig_strategy_path=self.mig_strategy_path,
            mps_root=self.mps_root,
            contradicted=self.contradicted(),
            strategy=strategy,
            resources=active.resources if active else (),
            # config.go NewConfig sets the default of MPS to true
            fail_requests_greater_than_one=strategy == "mps" if fail is None else fail,
            rename_by_default=bool(active and active.rename_by_default),
            both_strategies=both,
            sharing_path=active.path if active else (),
            dropped_path=self.time_slicing.path if both and self.time_slicing else (),
            unknown=self.unknown,
        )

    def contradicted(self) -> tuple[SharedResource, ...]:
        """Only under `mixed` have MIG devices names of their own (`internal/rm/device_map.go`)."""
        if self.mig_strategy not in ("none", "single"):
            return ()
        active = self.mps or self.time_slicing
        inside = [each for each in self.named if active and each.path[: len(active.path)] == active.path]
        return tuple(each for each in inside if each.name.startswith(RESOURCE_PREFIX))


_Check: TypeAlias = Callable[[_Reader, Path, object], None]


# --- the levels of a file -------------------------------------------------------------------------------------------


def _root(reader: _Reader, data: Mapping[object, object]) -> None:
    fields: dict[str, _Check] = {
        "version": _version,
        "flags": _struct_of("flags", _FLAGS),
        "resources": _renaming,
        "sharing": _struct_of("sharing", {"timeSlicing": _time_slicing, "mps": _mps}),
        "imex": _struct_of("imex", {"channelIDs": _channel_ids, "required": _boolean}),
    }
    _struct(reader, (), data, fields, level="")


def _struct_of(level: str, fields: Mapping[str, _Check]) -> _Check:
    def check(reader: _Reader, path: Path, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, Mapping):
            reader.refuse(path, f"'{path[-1]}' must be a mapping, not {kind(value)}")
            return
        _struct(reader, path, value, fields, level)

    return check


def _struct(
    reader: _Reader, path: Path, data: Mapping[object, object], fields: Mapping[str, _Check], level: str
) -> None:
    """Fields of a Go struct: matched in any case."""
    folded = {name.lower(): check for name, check in fields.items()}
    for key, value in data.items():
        name = str(key)
        check = folded.get(name.lower())
        if is_placeholder(name) or (check and is_placeholder(value)):
            reader.unknown = True
        elif check:
            check(reader, (*path, name), value)
        elif not _is_noise(name, level, data):
            reader.ignore((*path, name), *_unknown_key(name, value, level, fields))


def _time_slicing(reader: _Reader, path: Path, value: object) -> None:
    reader.time_slicing = _replicated(reader, path, value, "sharing.timeSlicing")


def _mps(reader: _Reader, path: Path, value: object) -> None:
    # a pointer in Go: null leaves it unset, while `timeSlicing: null` reaches the decoder
    if value is not None:
        reader.mps = _replicated(reader, path, value, "sharing.mps")


def _replicated(reader: _Reader, path: Path, value: object, level: str) -> _Sharing:
    sharing = _Sharing(path)
    if value is not None and not isinstance(value, Mapping):
        reader.refuse(path, f"'{path[-1]}' must be a mapping, not {kind(value)}")
        return sharing
    keys = _exact(reader, path, value or {}, level, required=("resources",))
    sharing.rename_by_default = bool(_optional_boolean(reader, path, keys, "renameByDefault"))
    sharing.fail_requests_greater_than_one = _optional_boolean(reader, path, keys, "failRequestsGreaterThanOne")
    if "resources" in keys:
        sharing.resources = _shared(reader, (*path, "resources"), keys["resources"], sharing.rename_by_default, level)
    return sharing


def _shared(
    reader: _Reader, path: Path, value: object, rename_by_default: bool, level: str
) -> tuple[SharedResource, ...]:
    if is_placeholder(value):
        reader.unknown = True
        return ()
    if value is not None and not isinstance(value, list):
        reader.refuse(path, f"'resources' must be a list of entries, not {kind(value)}")
        return ()
    if not value:
        reader.refuse(path, "no resources are specified: at least one entry is required", at_key=True)
        return ()
    found: dict[str, SharedResource] = {}
    for index, item in enumerate(value):
        entry = _entry(reader, (*path, index), item, rename_by_default, level)
        if entry is None:
            continue
        first = found.get(entry.name)
        if first is not None:
            reader.inert(
                (*entry.path, "name"),
                f"an earlier entry shares '{entry.name}' too: the larger count applies, labels show the first",
                at_key=False,
            )
        if first is None or entry.replicas > first.replicas:
            found[entry.name] = entry
    return tuple(found.values())


def _entry(reader: _Reader, path: Path, value: object, rename_by_default: bool, level: str) -> SharedResource | None:
    if is_placeholder(value):
        reader.unknown = True
        return None
    if value is not None and not isinstance(value, Mapping):
        reader.refuse(path, f"an entry of 'resources' must be a mapping, not {kind(value)}")
        return None
    keys = _exact(reader, path, value or {}, f"{level}.resources[]", required=("name", "replicas"))
    name = _resource_name(reader, (*path, "name"), keys["name"]) if "name" in keys else ""
    replicas = _replicas(reader, (*path, "replicas"), keys["replicas"]) if "replicas" in keys else None
    advertised = f"{name}.shared" if rename_by_default else name
    if name:
        reader.named.append(SharedResource(name, replicas or 0, advertised, path))
    if "rename" in keys and _resource_name(reader, (*path, "rename"), keys["rename"]):
        reader.inert((*path, "rename"), "'rename' is not supported yet: the plugin drops it with a warning")
    if "devices" in keys:
        _devices(reader, (*path, "devices"), keys["devices"])
    if not name or replicas is None:
        return None
    return SharedResource(name, replicas, advertised, path)


def _renaming(reader: _Reader, path: Path, value: object) -> None:
    """The top-level `resources`: decoded, then dropped (`DisableResourceNamingInConfig`)."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        reader.refuse(path, f"'{path[-1]}' must be a mapping with 'gpus' and 'mig', not {kind(value)}")
        return
    before = len(reader.problems)
    _struct(reader, path, value, {"gpus": _patterns, "mig": _patterns}, level="resources")
    if len(reader.problems) == before and any(value.values()):
        reader.inert(path, "customizing 'resources' is not supported yet: the plugin drops the section with a warning")


def _patterns(reader: _Reader, path: Path, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, list):
        reader.refuse(path, f"'{path[-1]}' must be a list, not {kind(value)}")
        return
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            reader.refuse((*path, index), f"an entry of '{path[-1]}' must be a mapping, not {kind(item)}")
            continue
        keys = _exact(reader, (*path, index), item, "resources.gpus[]", required=("pattern", "name"))
        if "pattern" in keys:
            _string(reader, (*path, index, "pattern"), keys["pattern"], converts=False)
        if "name" in keys:
            _resource_name(reader, (*path, index, "name"), keys["name"])


# --- values ---------------------------------------------------------------------------------------------------------


def _version(reader: _Reader, path: Path, value: object) -> None:
    if isinstance(value, (Mapping, list)):
        reader.refuse(path, f"'version' must be the string 'v1', not {kind(value)}", "v1")
    elif value not in (None, "", "v1"):
        reader.refuse(path, f"unknown version '{show(value)}': only 'v1' is known", "v1")


def _mig_strategy(reader: _Reader, path: Path, value: object) -> None:
    if value is None:
        return
    if _is_one_of(reader, path, value, MIG_STRATEGIES):
        reader.mig_strategy, reader.mig_strategy_path = str(value), path


def _mps_root(reader: _Reader, path: Path, value: object) -> None:
    _string(reader, path, value)
    reader.mps_root = value not in (None, "")


def _one_of(*allowed: str) -> _Check:
    def check(reader: _Reader, path: Path, value: object) -> None:
        if value is not None:
            _is_one_of(reader, path, value, allowed)

    return check


def _is_one_of(reader: _Reader, path: Path, value: object, allowed: tuple[str, ...]) -> bool:
    if value in allowed:
        return True
    # sigs.k8s.io/yaml turns numbers and booleans into text for a string field: `off` arrives as 'false'
    reader.refuse(path, f"'{path[-1]}' must be {_any_of(allowed)}, not '{show(value)}'", closest(show(value), allowed))
    return False


def _boolean(reader: _Reader, path: Path, value: object) -> None:
    if value is None or isinstance(value, bool):
        return
    quoted = value.lower() if isinstance(value, str) and value.lower() in ("true", "false") else ""
    reader.refuse(path, f"'{path[-1]}' must be a boolean, not {kind(value)} '{show(value)}'", quoted)


def _optional_boolean(reader: _Reader, path: Path, keys: Mapping[str, object], name: str) -> bool | None:
    value = keys.get(name)
    if is_placeholder(value):
        reader.unknown = True
        return None
    _boolean(reader, (*path, name), value)
    return value if isinstance(value, bool) else None


def _string(reader: _Reader, path: Path, value: object, *, converts: bool = True) -> None:
    """A string; a field of a struct takes numbers and booleans as well, a value decoded on its own does not."""
    scalar = isinstance(value, (bool, int, float)) and converts
    if value is None or isinstance(value, str) or scalar:
        return
    reader.refuse(path, f"'{path[-1]}' must be a string, not {kind(value)}")


def _duration(reader: _Reader, path: Path, value: object) -> None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return
    if isinstance(value, str) and (value in ("infinite", "0") or _DURATION.fullmatch(value)):
        return
    reader.refuse(path, f"'{path[-1]}' must be a duration such as '60s', or 'infinite', not '{show(value)}'")


_DURATION = re.compile(r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")

_LIST_STRATEGIES = ("envvar", "volume-mounts", "cdi-annotations", "cdi-cri")


def _device_list_strategy(reader: _Reader, path: Path, value: object) -> None:
    if value is None:
        return
    if isinstance(value, str):
        if "," in value:
            listed = ", ".join(part.strip() for part in value.split(","))
            message = f"'{value}' is taken as one strategy: only the flag and the variable are split at commas"
            reader.refuse(path, message, f"[{listed}]")
            return
        _is_one_of(reader, path, value, _LIST_STRATEGIES)
        return
    if not isinstance(value, list):
        reader.refuse(path, f"'{path[-1]}' must be a string or a list of strings, not {kind(value)}")
        return
    if not value:
        reader.refuse(path, f"'{path[-1]}' needs at least one strategy")
    for index, item in enumerate(value):
        if is_placeholder(item):
            reader.unknown = True
        elif item not in _LIST_STRATEGIES:
            message = f"'{path[-1]}' must hold {_any_of(_LIST_STRATEGIES)}, not '{show(item)}'"
            reader.refuse((*path, index), message, closest(show(item), _LIST_STRATEGIES))


def _channel_ids(reader: _Reader, path: Path, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, list) or [as_int(item) for item in value] not in ([], [0]):
        reader.refuse(path, f"'{path[-1]}' must be [] or [0], not '{show(value)}'", "[0]")


def _replicas(reader: _Reader, path: Path, value: object) -> int | None:
    if is_placeholder(value):
        reader.unknown = True
        return 0
    replicas = as_int(value)
    if replicas is not None and replicas >= 2:
        return replicas
    if isinstance(value, str):
        number = value.strip() if value.strip().isdecimal() else ""
        reader.refuse(path, f"'replicas' must be a number, not the string '{show(value)}'", number)
    elif replicas is None and value is not None:
        reader.refuse(path, f"'replicas' must be a whole number, not '{show(value)}'")
    else:
        reader.refuse(path, f"'replicas' must be at least 2, not {show(value)}")
    return None


_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_MAX_RESOURCE_NAME = 63


def _resource_name(reader: _Reader, path: Path, value: object) -> str:
    """The full name; empty when it was refused (`resources.go NewResourceName`)."""
    if is_placeholder(value):
        reader.unknown = True
        return str(value)
    if value is not None and not isinstance(value, str):
        reader.refuse(path, f"'{path[-1]}' must be a resource name, not {kind(value)}")
        return ""
    text = value or ""
    name = text if text.startswith("nvidia.com/") else f"nvidia.com/{text}"
    if len(name) > _MAX_RESOURCE_NAME:
        reader.refuse(path, f"the resource name '{name}' is longer than {_MAX_RESOURCE_NAME} characters")
        return ""
    if not _SUBDOMAIN.fullmatch(name.removeprefix("nvidia.com/")):
        message = f"'{name}' is no valid resource name: lower-case letters, digits, '-' and '.' may follow the prefix"
        reader.refuse(path, message, _nearest_name(text))
        return ""
    return name


def _nearest_name(text: str) -> str:
    base = text.removeprefix("nvidia.com/").lower()
    if profile := suggest_profile(base):
        return resource_name(profile)
    return f"nvidia.com/{base}" if base != "" and _SUBDOMAIN.fullmatch(base) else ""


_UUID = r"(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
_DEVICE = re.compile(rf"[0-9]+|[0-9]+:[0-9]+|(?:GPU|MIG)-(?:{_UUID})|MIG-GPU-(?:{_UUID})/[0-9]+/[0-9]+")


def _devices(reader: _Reader, path: Path, value: object) -> None:
    """`devices` of an entry: validated, then dropped."""
    if value == "all":
        return
    if is_placeholder(value):
        reader.unknown = True
        return
    if value is None or isinstance(value, str):
        reader.refuse(path, f"'devices' must be 'all', a count or a list of devices, not '{show(value)}'", "all")
        return
    if isinstance(value, list):
        bad = [(index, item) for index, item in enumerate(value) if not _is_device(item)]
        for index, item in bad:
            message = f"'{show(item)}' is no device: an index, '<gpu>:<mig>', 'GPU-<uuid>' or 'MIG-<uuid>' is expected"
            reader.refuse((*path, index), message)
        if bad:
            return
    else:
        count = as_int(value)
        if count is None:
            reader.refuse(path, f"'devices' must be 'all', a count or a list of devices, not {kind(value)}", "all")
            return
        if count <= 0:
            reader.refuse(path, f"a count of 'devices' must be greater than 0, not {count}", "all")
            return
    reader.inert(path, "'devices' is not supported yet: the plugin drops it and shares all devices", "all")


def _is_device(item: object) -> bool:
    if item is None or (is_placeholder(item) and not str(item).lstrip().startswith("<")):
        return True  # null decodes into index 0; a '<…>' left in a list is filled in by no tool
    if isinstance(item, str):
        return bool(_DEVICE.fullmatch(item))
    index = as_int(item)
    return index is not None and index >= 0


_FLAGS: Mapping[str, _Check] = {
    "migStrategy": _mig_strategy,
    "failOnInitError": _boolean,
    "mpsRoot": _mps_root,
    "nvidiaDriverRoot": _string,
    "nvidiaDevRoot": _string,
    "gdrcopyEnabled": _boolean,
    "gdsEnabled": _boolean,
    "mofedEnabled": _boolean,
    "useNodeFeatureAPI": _boolean,
    "deviceDiscoveryStrategy": _one_of("auto", "nvml", "tegra"),
    "plugin": _struct_of(
        "flags.plugin",
        {
            "passDeviceSpecs": _boolean,
            "deviceListStrategy": _device_list_strategy,
            "deviceIDStrategy": _one_of("uuid", "index"),
            "cdiAnnotationPrefix": _string,
            "nvidiaCTKPath": _string,
            "containerDriverRoot": _string,
            "sharedDevicesAllocationPolicy": _one_of("distributed", "packed"),
        },
    ),
    "gfd": _struct_of(
        "flags.gfd",
        {
            "oneshot": _boolean,
            "noTimestamp": _boolean,
            "sleepInterval": _duration,
            "outputFile": _string,
            "machineTypeFile": _string,
        },
    ),
}


# --- keys that the plugin does not know -------------------------------------------------------------------------------

_ENTRY_KEYS = ("name", "rename", "devices", "replicas")
_SHARING_KEYS = ("renameByDefault", "failRequestsGreaterThanOne", "resources")

_LEVELS: Mapping[str, tuple[str, ...]] = {
    "": ("version", "flags", "resources", "sharing", "imex"),
    "sharing": ("timeSlicing", "mps"),
    "sharing.timeSlicing": _SHARING_KEYS,
    "sharing.mps": _SHARING_KEYS,
    "sharing.timeSlicing.resources[]": _ENTRY_KEYS,
    "sharing.mps.resources[]": _ENTRY_KEYS,
    "flags": tuple(_FLAGS),
    "flags.plugin": (
        "passDeviceSpecs",
        "deviceListStrategy",
        "deviceIDStrategy",
        "cdiAnnotationPrefix",
        "nvidiaCTKPath",
        "containerDriverRoot",
        "sharedDevicesAllocationPolicy",
    ),
    "flags.gfd": ("oneshot", "noTimestamp", "sleepInterval", "outputFile", "machineTypeFile"),
    "imex": ("channelIDs", "required"),
    "resources": ("gpus", "mig"),
    "resources.gpus[]": ("pattern", "name"),
}


def _exact(
    reader: _Reader, path: Path, data: Mapping[object, object], level: str, required: tuple[str, ...]
) -> dict[str, object]:
    """Keys that are looked up as they are spelled; one that stands in for a missing key is told as the missing key."""
    allowed = _LEVELS[level]
    keys = {str(key): value for key, value in data.items()}
    strange = [key for key in keys if not (key in allowed or is_placeholder(key) or key.startswith("x-"))]
    if any(is_placeholder(key) for key in keys):
        reader.unknown = True
        required = ()
    missing = [name for name in required if name not in keys]
    for name in tuple(missing):
        stand_in = next((key for key in strange if _stands_in(key, name, level)), None)
        if stand_in is None:
            continue
        missing.remove(name)
        strange.remove(stand_in)
        message, suggestion = _unknown_key(stand_in, keys[stand_in], level, allowed)
        reader.refuse((*path, stand_in), f"{message}; without '{name}' the file is refused", suggestion, at_key=True)
    if missing:
        names = " and no ".join(f"'{name}'" for name in missing)
        at_key = bool(path) and isinstance(path[-1], str)
        reader.refuse(path, f"no {names} is specified in {_describe(level)}", at_key=at_key)
    for key in strange:
        reader.ignore((*path, key), *_unknown_key(key, keys[key], level, allowed))
    return {key: value for key, value in keys.items() if key in allowed}


def _stands_in(key: str, name: str, level: str) -> bool:
    if closest(key, _LEVELS[level]) == name:
        return True
    return name == "resources" and key in _ENTRY_KEYS


def _unknown_key(key: str, value: object, level: str, allowed: Iterable[str]) -> tuple[str, str]:
    """Message and suggestion for a key that the plugin does not look at."""
    where = _describe(level)
    exact_case = next((name for name in allowed if name.lower() == key.lower()), "")
    if exact_case:
        hint = f"keys are case-sensitive there, did you mean '{exact_case}'"
        return f"'{key}' is not read in {where}: {hint}", exact_case
    if home := _home(key, level):
        return f"'{key}' is not a key of {where}, it belongs under '{home}'", f"{home}.{_canonical(key, home)}"
    if level == "" and _wraps(key, value):
        return f"'{key}' wraps the configuration: the plugin looks for 'sharing' and 'flags' at the top level", ""
    if near := closest(key, allowed):
        return f"'{key}' is not a key of {where}, did you mean '{near}'", near
    every = {name for names in _LEVELS.values() for name in names} - set(_ENTRY_KEYS)
    if near := closest(key, every):
        home = _home(near, level)
        return f"'{key}' is not a key of {where}, did you mean '{near}' under '{home}'", f"{home}.{near}"
    return f"'{key}' is not a key of {where}", ""


def _home(key: str, level: str) -> str:
    """The level whose key this is; of several the one that shares the longest way with `level`."""
    homes = [other for other, names in _LEVELS.items() if other and key.lower() in map(str.lower, names)]
    inside = "sharing.mps" if level.startswith("sharing.mps") else "sharing.timeSlicing"
    shared_way = [home for home in homes if home.startswith(inside)]
    homes = [home for home in homes if not home.startswith("sharing.") or home in shared_way]
    return max(homes, key=lambda home: _common(home, level), default="")


def _common(home: str, level: str) -> int:
    if not level:
        return 0
    pairs = zip(home.split("."), level.split("."), strict=False)
    return sum(1 for left, right in pairs if left == right)


def _canonical(key: str, home: str) -> str:
    return next(name for name in _LEVELS[home] if name.lower() == key.lower())


def _describe(level: str) -> str:
    return f"'{level}'" if level else "the configuration"


def _is_noise(key: str, level: str, data: Mapping[object, object]) -> bool:
    """Keys that need no word of their own: extension keys, the head of a manifest, a mig-parted file."""
    if key.startswith("x-") or (not level and key == "mig-configs"):
        return True
    manifest = "data" in data and "kind" in data
    return not level and manifest and key in ("apiVersion", "kind", "metadata")


_TEXT_EVIDENCE = re.compile(r"(?m)^\s*(?:sharing|timeSlicing|mps|migStrategy)\s*:")


def _wraps(key: object, value: object) -> bool:
    """Whether the value under an unknown top-level key holds a whole configuration, as data or as text."""
    if isinstance(value, str):
        return "version" in value and bool(_TEXT_EVIDENCE.search(value))
    if not isinstance(value, Mapping):
        return False
    if _is_evident(value):
        return True
    return key == "data" and any(_wraps(inner, content) for inner, content in value.items())


def _is_evident(data: Mapping[object, object]) -> bool:
    keys = [(str(key).lower(), value) for key, value in data.items()]
    names = {key for key, _ in keys}
    if "v1" in [value for key, value in keys if key == "version"] and names & {"sharing", "flags", "imex"}:
        return True
    return any(_is_evident_key(key, value) for key, value in keys)


def _is_evident_key(key: str, value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    inner = {str(name).lower() for name in value}
    if closest(key, ("sharing",)):
        return any(name == "mps" or closest(name, ("timeSlicing",)) for name in inner)
    if key == "mps" or closest(key, ("timeSlicing",)):
        return bool(inner & {name.lower() for name in _SHARING_KEYS})
    if key == "flags":
        return bool(inner & {name.lower() for name in _FLAGS})
    return key == "imex" and "channelids" in inner


def _any_of(allowed: tuple[str, ...]) -> str:
    *first, last = (f"'{name}'" for name in allowed)
    return f"{', '.join(first)} or {last}"
