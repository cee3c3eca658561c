"""CEL selectors of devices, and why none of NVIDIA's devices can match one.

Only what is certain is told: an expression is taken apart into conditions that are joined by `&&` and `||`, and a
condition counts as impossible where it reads an attribute that the driver does not publish (which is an error, and ends
the allocation: dynamic-resource-allocation `cel/compile.go`), or compares one with a value that it never has. An
expression that asks first whether there is such an attribute is left alone.

What the driver publishes is in `kubernetes-sigs/dra-driver-nvidia-gpu`, `cmd/gpu-kubelet-plugin/deviceinfo.go`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from gpulint.frozen import frozen
from gpulint.gpu.catalog import is_known_profile
from gpulint.gpu.dra import DOMAIN_DRIVER, GPU_DRIVER, Device
from gpulint.gpu.mig import parse_profile, suggest_profile
from gpulint.gpu.problem import closest

Version: TypeAlias = tuple[int, int]

_COMMON = frozenset({"type", "uuid", "productName"})
_OF_NVML = frozenset(
    {"brand", "architecture", "cudaComputeCapability", "driverVersion", "cudaDriverVersion", "addressingMode"}
)
_PUBLISHED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "gpu": _COMMON | _OF_NVML,
        "mig": _COMMON | _OF_NVML | {"parentUUID", "profile"},
        "vfio": _COMMON
        | {"deviceID", "vendorID", "iommuFDEnabled", "numa", "gpuModuleId"}
        | {f"partition{size}" for size in (1, 2, 4, 8)},
    }
)
_MIG_CAPACITY = frozenset(
    {"memory", "multiprocessors", "copyEngines", "decoders", "encoders", "jpegEngines", "ofaEngines"}
)
_CAPACITY: Mapping[str, frozenset[str]] = MappingProxyType(
    {"gpu": _MIG_CAPACITY | {"shares"}, "mig": _MIG_CAPACITY | {"shares"}, "vfio": frozenset({"addressableMemory"})}
)
"""Of GPUs that can be partitioned the driver publishes the capacities of partitions as well."""
_MEMORY_SLICE = re.compile(r"memorySlice\d+")
_FORMER: Mapping[str, Version] = MappingProxyType(
    {"index": (25, 8), "minor": (25, 8), "parentIndex": (25, 8), "parentMinor": (25, 8), "pcieBusID": (25, 12)}
)
"""Attributes that the driver published once, and the release without them (issues #563, #744 and #802 there)."""
_TYPES = ("gpu", "mig", "vfio")
_VERSIONS = frozenset({"cudaComputeCapability", "driverVersion", "cudaDriverVersion"})
_ARCHITECTURES = (
    "Kepler", "Maxwell", "Pascal", "Volta", "Turing", "Ampere", "Ada Lovelace", "Hopper", "Blackwell"
)  # fmt: skip
"""As go-nvlib `pkg/nvlib/device/device.go` names them."""
_LABEL_SPELLING = re.compile(r"(?:NVIDIA|Tesla|Quadro)-\S+")
"""Names in NVML have a space after the brand; only labels of nodes have a hyphen there."""
_NO_DOMAIN = frozenset({"mig.nvidia.com", "vfio.gpu.nvidia.com", "nvidia.com"})
"""No driver has such a name."""
_STANDARD_DOMAIN: Final = "resource.kubernetes.io"

_TOKEN = re.compile(
    r"\s+|//[^\n]*|(?P<string>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")(?!['\"])"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}])"
)
_GUARDS = frozenset(
    {"has", "in", "cel", "exists", "exists_one", "all", "filter", "map", "orValue", "optional", "?", "{"}
)
"""Where one of them stands, the expression may hold without the attribute, or cannot be followed."""
_LONGEST = 10 * 1024
"""What the API server takes."""
_DEEPEST = 32
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_TEXT_METHODS = frozenset({"startsWith", "endsWith", "contains", "matches"})


@frozen
class Mismatch:
    """Why a selector matches no device of NVIDIA's driver."""

    message: str
    suggestion: str
    """What to write for the token; empty without a guess."""
    start: int
    """Offsets of the token in the expression."""
    end: int
    former: bool = False
    """Whether earlier releases of the driver published it."""


@frozen
class _Token:
    sort: Literal["string", "number", "name", "sign"]
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """The text of a string without its quotes."""
        return self.text[1:-1]


@frozen
class _Read:
    """An attribute or a capacity that a condition reads."""

    what: Literal["attributes", "capacity"]
    domain: _Token
    name: _Token
    begin: int
    end: int
    """Positions in the tokens of the condition, the end exclusive."""

    @property
    def key(self) -> str:
        return self.name.value if self.name.sort == "string" else self.name.text


@frozen
class _Devices:
    """What is known of the devices that an expression is evaluated on."""

    sort: Device
    release: Version | None
    """Of the driver; None for the newest."""

    @property
    def nvidia(self) -> bool:
        return self.sort in {"gpu", "mig", "vfio", "nvidia"}

    @property
    def sorts(self) -> tuple[str, ...]:
        return (self.sort,) if self.sort in _PUBLISHED else tuple(_PUBLISHED)


def mismatch(expression: str, device: Device, release: Version | None = None) -> Mismatch | None:
    """Why no device matches; None where one may. `device` is what the class gives, before this expression."""
    tokens = _tokens(expression)
    if device in {"channel", "other-gpu"} or tokens is None or any(token.text in _GUARDS for token in tokens):
        return None
    conditions = _conjuncts(tokens)
    kinds = {kind for each in conditions if (kind := _required_type(each))}
    sort: Device = device
    if device in {"nvidia", "unknown"} and len(kinds) == 1:
        sort = next(each for each in ("gpu", "mig", "vfio") if each in kinds) if kinds <= set(_TYPES) else device
    elif device == "unknown" and any(_required_driver(each) == GPU_DRIVER for each in conditions):
        sort = "nvidia"
    return _impossible(tokens, _Devices(sort, release))


def selected_device(expressions: Iterable[str], of_class: Device) -> Device:
    """What sort of device the selectors of a request leave of those of its class."""
    if of_class not in {"nvidia", "unknown"}:
        return of_class
    drivers, types = set(), set()
    for expression in expressions:
        for condition in _conjuncts(_tokens(expression) or ()):
            drivers.add(_required_driver(condition))
            types.add(_required_type(condition))
    only = types & set(_TYPES)
    if len(only) == 1:
        return "gpu" if "gpu" in only else "mig" if "mig" in only else "vfio"
    if GPU_DRIVER in drivers:
        return "nvidia"
    return "channel" if DOMAIN_DRIVER in drivers else of_class


# --- the structure of an expression -----------------------------------------------------------------------------------


def _tokens(expression: str) -> tuple[_Token, ...] | None:
    """None for what is no plain CEL (other characters, raw and triple-quoted strings), too long or too deep."""
    if len(expression) > _LONGEST:
        return None
    found = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            return None
        if match.lastgroup is not None:
            sort: Literal["string", "number", "name", "sign"] = match.lastgroup  # type: ignore[assignment] # the groups
            found.append(_Token(sort, match[0], match.start(), match.end()))
        position = match.end()
    prefixed = any(one.sort == "name" and two.sort == "string" for one, two in itertools.pairwise(found))
    return None if prefixed or _depth(found) > _DEEPEST else tuple(found)


def _depth(tokens: Sequence[_Token]) -> int:
    steps = ((token.text in "([{") - (token.text in ")]}") for token in tokens if token.sort == "sign")
    return max(itertools.accumulate(steps), default=0)


def _split(tokens: Sequence[_Token], operator: str) -> list[Sequence[_Token]]:
    """The parts between an operator outside all brackets."""
    parts: list[Sequence[_Token]] = []
    depth = start = 0
    for index, token in enumerate(tokens):
        if token.sort == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == operator and depth == 0:
                parts.append(tokens[start:index])
                start = index + 1
    return [*parts, tokens[start:]]


def _bare(tokens: Sequence[_Token]) -> Sequence[_Token]:
    """Without parentheses around the whole."""
    while len(tokens) > 1 and tokens[0].text == "(" and _closing(tokens) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def _closing(tokens: Sequence[_Token]) -> int:
    depth = 0
    for index, token in enumerate(tokens):
        if token.sort == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
        if depth == 0:
            return index
    return -1


def _conjuncts(tokens: Sequence[_Token]) -> list[Sequence[_Token]]:
    """The conditions that must all hold, as far as they are joined by `&&` alone."""
    tokens = _bare(tokens)
    if len(_split(tokens, "||")) > 1:
        return []
    parts = _split(tokens, "&&")
    return [tokens] if len(parts) == 1 else [each for part in parts for each in _conjuncts(part)]


def _impossible(tokens: Sequence[_Token], devices: _Devices) -> Mismatch | None:
    """Why the expression is false or an error for each of the devices."""
    tokens = _bare(tokens)
    either = _split(tokens, "||")
    if len(either) > 1:
        reasons = [_impossible(part, devices) for part in either]
        return reasons[0] if all(reasons) else None
    every = _split(tokens, "&&")
    if len(every) > 1:
        return next(filter(None, (_impossible(part, devices) for part in every)), None)
    return _condition(tokens, devices)


# --- one condition ----------------------------------------------------------------------------------------------------


def _condition(tokens: Sequence[_Token], devices: _Devices) -> Mismatch | None:
    reads = _reads(tokens)
    for read in reads:
        found = _unpublished(read, devices)
        if found:
            return found
    if not tokens or tokens[0].text == "!":
        return None
    if len(reads) == 1:
        return _value(tokens, reads[0], devices)
    return _driver(tokens, devices)


def _reads(tokens: Sequence[_Token]) -> list[_Read]:
    """`device.attributes['domain'].name`, `device.capacity["domain"]["name"]`."""
    found = []
    for at in range(len(tokens) - 6):
        texts = [token.text for token in tokens[at : at + 4]]
        if texts[:2] != ["device", "."] or texts[2] not in {"attributes", "capacity"} or texts[3] != "[":
            continue
        domain, closing, dot, name = tokens[at + 4 : at + 8] if len(tokens) > at + 7 else (None, None, None, None)
        if domain is None or closing is None or dot is None or name is None or domain.sort != "string":
            continue
        what: Literal["attributes", "capacity"] = "attributes" if texts[2] == "attributes" else "capacity"
        if closing.text == "]" and dot.text == "." and name.sort == "name":
            found.append(_Read(what, domain, name, at, at + 8))
        elif closing.text == "]" and dot.text == "[" and name.sort == "string":
            found.append(_Read(what, domain, name, at, at + 9))
    return found


def _unpublished(read: _Read, devices: _Devices) -> Mismatch | None:
    domain, name = read.domain.value, read.key
    if domain in _NO_DOMAIN or (devices.nvidia and domain not in {GPU_DRIVER, _STANDARD_DOMAIN}):
        told = f"the driver publishes under '{GPU_DRIVER}', and nothing under '{domain}'"
        return _at(read.domain, told, f"'{GPU_DRIVER}'")
    if domain != GPU_DRIVER:
        return None
    table = _PUBLISHED if read.what == "attributes" else _CAPACITY
    known = frozenset().union(*(table[sort] for sort in devices.sorts))
    if name in known or (read.what == "capacity" and _MEMORY_SLICE.fullmatch(name)):
        return None
    noun = "attribute" if read.what == "attributes" else "capacity"
    if name in _FORMER and read.what == "attributes":
        since = _FORMER[name]
        if devices.release is not None and not _is_since(devices.release, since):
            return None
        told = f"the driver publishes no attribute '{name}' since release {since[0]}.{since[1]}"
        return replace(_at(read.name, told, ""), former=True)
    having = [sort for sort in _PUBLISHED if name in table[sort]]
    if having:
        told = f"only devices of type '{having[0]}' have the {noun} '{name}', and these are of type '{devices.sort}'"
        return _at(read.name, told, "")
    return _at(read.name, f"the driver publishes no {noun} '{name}'", closest(name, known))


def _value(tokens: Sequence[_Token], read: _Read, devices: _Devices) -> Mismatch | None:
    """Of `read == literal`, `literal == read` and `read.method(literal)`."""
    before, after = tokens[: read.begin], tokens[read.end :]
    if read.domain.value != GPU_DRIVER:
        return None
    if not before and len(after) == 2 and after[0].text in _COMPARISONS and after[1].sort in {"string", "number"}:
        return _compared(read, after[0].text, after[1], devices)
    if not after and len(before) == 2 and before[1].text == "==" and before[0].sort in {"string", "number"}:
        return _compared(read, "==", before[0], devices)
    if not before and len(after) == 5 and after[0].text == "." and after[2].text == "(" and after[4].text == ")":
        return _method(read, after[1], after[3])
    return None


def _compared(read: _Read, operator: str, literal: _Token, devices: _Devices) -> Mismatch | None:
    name, value = read.key, literal.value if literal.sort == "string" else literal.text
    if read.what == "capacity":
        amount = f".compareTo(quantity('{value}')) {operator} 0"
        return _at(literal, f"'{name}' is a quantity, which cannot be compared with {literal.text}", amount)
    if name in _VERSIONS:
        version = f".compareTo(semver('{_semver(value)}')) {operator} 0"
        return _at(literal, f"'{name}' is a version, which cannot be compared with {literal.text}", version)
    if operator != "==" or literal.sort != "string":
        return None
    if name == "type":
        if value not in _TYPES:
            return _at(
                literal, f"no device is of type '{value}'; there are gpu, mig and vfio", _quoted(closest(value, _TYPES))
            )
        return (
            None if value in devices.sorts else _at(literal, f"the class has devices of type '{devices.sort}' only", "")
        )
    if name == "profile":
        return _profile(literal, value)
    if name == "architecture":
        meant = {each.lower().replace(" ", ""): each for each in _ARCHITECTURES}
        folded = meant.get(re.sub("[-_ ]", "", value.lower()), "")
        return (
            _at(literal, f"no GPU is of architecture '{value}'", _quoted(folded)) if folded not in {"", value} else None
        )
    return _label_spelling(literal, value) if name == "productName" else None


def _method(read: _Read, method: _Token, argument: _Token) -> Mismatch | None:
    if read.what == "attributes" and read.key in _VERSIONS and method.text in _TEXT_METHODS:
        return _at(method, f"'{read.key}' is a version and has no method {method.text}", "")
    if read.key == "productName" and method.text in {"startsWith", "contains"} and argument.sort == "string":
        return _label_spelling(argument, argument.value)
    return None


def _label_spelling(literal: _Token, value: str) -> Mismatch | None:
    if not _LABEL_SPELLING.fullmatch(value):
        return None
    told = f"'{value}' is spelt like the node label nvidia.com/gpu.product, where NVML has a space after the brand"
    return _at(literal, told, _quoted(value.removesuffix("-SHARED").replace("-", " ", 1)))


def _profile(literal: _Token, value: str) -> Mismatch | None:
    if parse_profile(value) is None:
        told = f"'{value}' is no name of a MIG profile"
        return _at(literal, told, _quoted(suggest_profile(value)))
    return None if is_known_profile(value) else _at(literal, f"no GPU has a MIG profile '{value}'", "")


def _driver(tokens: Sequence[_Token], devices: _Devices) -> Mismatch | None:
    name = _required_driver(tokens)
    if name in _NO_DOMAIN or (name and devices.nvidia and name != GPU_DRIVER):
        literal = next(token for token in tokens if token.sort == "string")
        return _at(literal, f"the driver is called '{GPU_DRIVER}', not '{name}'", f"'{GPU_DRIVER}'")
    return None


def _required_driver(tokens: Sequence[_Token]) -> str:
    """The name in `device.driver == 'name'`; empty for other conditions."""
    if len(tokens) != 5:
        return ""
    ordered = tokens if tokens[-1].sort == "string" else (*tokens[2:], tokens[1], tokens[0])
    words = [token.text for token in ordered[:4]]
    return ordered[4].value if words == ["device", ".", "driver", "=="] and ordered[4].sort == "string" else ""


def _required_type(tokens: Sequence[_Token]) -> str:
    """The value in `device.attributes['gpu.nvidia.com'].type == 'value'`; empty for other conditions."""
    reads = _reads(tokens)
    if len(reads) != 1 or reads[0].key != "type" or reads[0].domain.value != GPU_DRIVER:
        return ""
    rest = (*tokens[: reads[0].begin], *tokens[reads[0].end :])
    literal = next((token for token in rest if token.sort == "string"), None)
    return literal.value if literal and len(rest) == 2 and any(token.text == "==" for token in rest) else ""


def _is_since(release: Version, since: Version) -> bool:
    """Releases were numbered by year and month up to 25.12, and from 0.4 on after that."""
    return release[0] < _YEARS or release >= since


_YEARS = 20


def _semver(value: str) -> str:
    parts = value.split(".")
    return ".".join([*parts, "0", "0"][:3]) if len(parts) < 3 else value


def _quoted(word: str) -> str:
    return f"'{word}'" if word else ""


def _at(token: _Token, message: str, suggestion: str) -> Mismatch:
    return Mismatch(message, suggestion, token.start, token.end)
