"""What objects say of the nodes and pools they declare: labels, taints, instance types, GPUs, how many there are.

Where each kind keeps them is described in `pools.yaml`. Everything here is plain data with paths from the root of the
object; what it means for GPUs is another matter.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias, cast

import yaml

from gpulint.frozen import frozen
from gpulint.kube import quantity
from gpulint.kube.paths import Pattern, expand, pattern, value_at
from gpulint.kube.taints import Taint, parse_taints
from gpulint.kube.tree import Path, get, is_placeholder, mapping, sequence, text

Tells: TypeAlias = Literal["all", "some", "choice"]
"""How much a declaration says of its nodes, see `pools.yaml`."""

SYNCED_DOMAINS: Final = ("node-role.kubernetes.io", "node-restriction.kubernetes.io", "node.cluster.x-k8s.io")
"""Cluster API copies labels of machines to nodes in these only (api/core/v1beta2/machine_types.go)."""


@frozen
class Written:
    """A text and where it stands."""

    text: str
    path: Path


@frozen
class Accelerator:
    """An accelerator in the spelling of Google Cloud."""

    type: Written
    """`nvidia-l4`; empty where none is written."""
    count: Written
    partition: Written
    """A MIG profile, `1g.5gb`."""
    strategy: Written
    """`TIME_SHARING` or `MPS`."""
    clients: Written


@frozen
class Reference:
    """The object that says the rest."""

    kind: str
    name: str


@frozen
class Declaration:
    """Nodes that are made alike."""

    path: Path
    """Where they are declared in the object."""
    called: str
    """`Node`, `MachineSet`, `node group`."""
    name: str
    name_path: Path
    tells: Tells = "some"
    cluster: str = ""
    """The name of the cluster they belong to; empty where none is written."""
    simulated: bool = False
    """Nodes without a kubelet, which run nothing."""
    gke: bool = False
    labels: Mapping[str, Written] = field(default_factory=dict)
    identity: frozenset[str] = frozenset()
    """Keys of labels whose value is the name."""
    taints: tuple[Taint, ...] = ()
    requirements: Path | None = None
    """Where Karpenter's requirements stand."""
    types: tuple[Written, ...] = ()
    """Instance types, one of which a node is of."""
    types_open: bool = False
    """Whether it may be of another as well."""
    gpus: int = -1
    """GPUs of one node; -1 when it does not say."""
    accelerators: tuple[Accelerator, ...] = ()
    resources: Mapping[str, int] = field(default_factory=dict)
    """Extended resources of one node."""
    count: int = -1
    """Nodes there are to be; -1 when unknown."""
    most: int = -1
    """Nodes there are at most; -1 when unknown."""
    limit: int = -1
    """GPUs that all nodes have together at most; -1 when unknown."""
    refers: tuple[Reference, ...] = ()


def declarations(group: str, kind: str, data: Mapping[str, object]) -> list[Declaration]:
    """The nodes and pools that an object declares, parts of pools included; none of a kind without an entry."""
    entry = entries().get((group, kind))
    if entry is None:
        return []
    return [_declaration(entry, pool, data, path) for pool in entry.pools for path, _ in expand(pool.at, data)]


def is_part(group: str, kind: str) -> bool:
    """Whether objects of the kind declare no pool by themselves."""
    entry = entries().get((group, kind))
    return entry is not None and entry.part


def scaled(group: str, kind: str, data: Mapping[str, object]) -> Reference | None:
    """The pool whose size an object decides."""
    entry = entries().get((group, kind))
    return _reference(value_at(entry.scales, data)) if entry and entry.scales else None


def read_labels(value: object, path: Path) -> dict[str, Written]:
    """Labels in any of the forms in use: a mapping, `key=value,key=value`, a list of `key=value` or {name, value}."""
    if isinstance(value, str):
        return {key: Written(label, path) for key, label in _pairs(value)}
    if isinstance(value, Mapping):
        return {key: Written(label, (*path, key)) for key, label in value.items() if isinstance(label, str) and key}
    found: dict[str, Written] = {}
    for index, item in enumerate(sequence(value)):
        found.update(_listed(item, (*path, index)))
    return found


def read_taints(value: object) -> tuple[Taint, ...]:
    """Taints in any of the forms in use; of a text `key=value:Effect,key:Effect`."""
    if isinstance(value, str):
        return parse_taints([part.strip() for part in value.split(",") if part.strip()])
    return parse_taints(value)


@frozen
class Pool:
    """Where one pool of an entry keeps what it says."""

    at: Pattern
    name: Pattern | None
    named: tuple[str, ...]
    requirements: Pattern | None
    default: int
    fixed: bool
    paths: Mapping[str, tuple[Pattern, ...]]
    """The fields that may stand in several places."""


@frozen
class Entry:
    """A kind of the catalogue."""

    group: str
    kind: str
    called: str
    tells: Tells
    part: bool
    simulated: bool
    gke: bool
    cluster: Pattern | None
    scales: Pattern | None
    refers: tuple[Pattern, ...]
    pools: tuple[Pool, ...]


@functools.cache
def entries() -> Mapping[tuple[str, str], Entry]:
    """The catalogue, by group and kind."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    written = pathlib.Path(__file__).with_name("pools.yaml").read_text(encoding="utf-8")
    data = mapping(yaml.load(written, loader))  # noqa: S506 - a safe loader, the C one where there is one
    return {
        (text(item["group"]), kind): _entry(item, kind)
        for item in map(mapping, sequence(data["pools"]))
        for kind in (text(item["kind"]), *map(text, sequence(item.get("also"))))
    }


_SEVERAL = (
    "labels",
    "synced",
    "taints",
    "types",
    "open",
    "gpus",
    "accelerators",
    "resources",
    "count",
    "most",
    "limit",
)


def _entry(item: Mapping[str, object], kind: str) -> Entry:
    return Entry(
        group=text(item["group"]),
        kind=kind,
        called=text(item.get("called")) or kind,
        tells=cast("Tells", text(item.get("tells")) or "some"),
        part=item.get("part") is True,
        simulated=item.get("simulated") is True,
        gke=item.get("gke") is True,
        cluster=_optional(item.get("cluster")),
        scales=_optional(item.get("scales")),
        refers=_patterns(item.get("refers")),
        pools=tuple(_pool(mapping(pool)) for pool in sequence(item["pools"])),
    )


def _pool(item: Mapping[str, object]) -> Pool:
    default = item.get("default")
    return Pool(
        at=pattern(text(item.get("at"))),
        name=_optional(item.get("name")),
        named=tuple(map(text, sequence(item.get("named")))),
        requirements=_optional(item.get("requirements")),
        default=default if isinstance(default, int) else -1,
        fixed=item.get("fixed") is True,
        paths={key: _patterns(item.get(key)) for key in _SEVERAL},
    )


def _patterns(written: object) -> tuple[Pattern, ...]:
    return tuple(pattern(text(each)) for each in sequence(written))


def _optional(written: object) -> Pattern | None:
    return pattern(written) if isinstance(written, str) else None


@frozen
class _Reader:
    """One pool of an object."""

    pool: Pool
    data: Mapping[str, object]
    path: Path

    def found(self, key: str) -> Iterator[tuple[Path, object]]:
        """What stands at the paths of a field, in their order, without what is absent."""
        for each in self.pool.paths[key]:
            for path, _ in expand(each, get(self.data, self.path)):
                value = get(self.data, (*self.path, *path))
                if value is not None:
                    yield (*self.path, *path), value

    def number(self, key: str) -> int:
        """The first whole number of a field; -1 without one."""
        for _, value in self.found(key):
            amount = None if is_placeholder(value) else quantity.parse(value)
            return amount.units if amount is not None else -1
        return -1

    def is_written(self, key: str) -> bool:
        return any(True for _ in self.found(key))


def _declaration(entry: Entry, pool: Pool, data: Mapping[str, object], path: Path) -> Declaration:
    reader = _Reader(pool, data, path)
    name_path = next((found for found in (_name_path(pool, path), _NAME) if text(get(data, found))), _NAME)
    name = text(get(data, name_path))
    count = reader.number("count") if reader.is_written("count") else pool.default
    most = reader.number("most")
    if pool.fixed and not reader.is_written("most"):
        most = count if reader.is_written("count") or not pool.paths["count"] else -1
    own = {key: Written(name, name_path) for key in pool.named if name}
    return Declaration(
        path=path,
        called=entry.called,
        name=name,
        name_path=name_path,
        tells=entry.tells,
        cluster=text(value_at(entry.cluster, data)) if entry.cluster else "",
        simulated=entry.simulated,
        gke=entry.gke,
        labels={**own, **_labels(reader)},
        identity=frozenset(own),
        taints=tuple(taint for _, value in reader.found("taints") for taint in read_taints(value)),
        requirements=_below(path, pool.requirements) if pool.requirements else None,
        types=tuple(_types(reader)),
        types_open=reader.is_written("open"),
        gpus=reader.number("gpus"),
        accelerators=tuple(_accelerators(reader)),
        resources=_resources(reader),
        count=count,
        most=most,
        limit=reader.number("limit"),
        refers=tuple(found for each in entry.refers if (found := _reference(value_at(each, data)))),
    )


_NAME: Path = ("metadata", "name")


def _name_path(pool: Pool, path: Path) -> Path:
    return _below(path, pool.name) if pool.name else _NAME


def _below(path: Path, steps: Pattern) -> Path:
    return (*path, *(step for step in steps if isinstance(step, str)))


def _labels(reader: _Reader) -> dict[str, Written]:
    found: dict[str, Written] = {}
    for path, value in reader.found("synced"):
        found.update({key: label for key, label in read_labels(value, path).items() if _is_synced(key)})
    for path, value in reader.found("labels"):
        found.update(read_labels(value, path))
    return found


def _is_synced(key: str) -> bool:
    domain = key.rpartition("/")[0]
    return any(domain == each or domain.endswith(f".{each}") for each in SYNCED_DOMAINS)


def _types(reader: _Reader) -> Iterator[Written]:
    """Of several places that name types the first counts."""
    for path, value in reader.found("types"):
        found = [Written(each, at) for each, at in _texts(value, path)]
        yield from found
        if found and not any("*" in steps for steps in reader.pool.paths["types"]):
            return


def _texts(value: object, path: Path) -> list[tuple[str, Path]]:
    if isinstance(value, str):
        return [(value, path)] if value else []
    return [(each, (*path, index)) for index, each in enumerate(sequence(value)) if isinstance(each, str) and each]


def _accelerators(reader: _Reader) -> Iterator[Accelerator]:
    for path, value in reader.found("accelerators"):
        listed = enumerate(sequence(value)) if isinstance(value, list | tuple) else [(-1, value)]
        for index, item in listed:
            if isinstance(item, Mapping):
                yield read_accelerator(item, path if index < 0 else (*path, index))


def read_accelerator(item: Mapping[str, object], path: Path) -> Accelerator:
    """Of Config Connector, ComputeClass, cluster-toolkit: they spell the same fields in different ways."""

    def one(*names: str) -> Written:
        for steps in (tuple(name.split(".")) for name in names):
            value = get(item, steps)
            if value is not None:
                return Written(text(value), (*path, *steps))
        return Written("", path)

    return Accelerator(
        type=one("type"),
        count=one("count"),
        partition=one("gpuPartitionSize", "gpu_partition_size", "gpuSharing.gpuPartitionSize"),
        strategy=one(
            "gpuSharingConfig.gpuSharingStrategy",
            "gpu_sharing_config.gpu_sharing_strategy",
            "gpuSharing.sharingStrategy",
        ),
        clients=one(
            "gpuSharingConfig.maxSharedClientsPerGpu",
            "gpu_sharing_config.max_shared_clients_per_gpu",
            "gpuSharing.maxSharedClientsPerGPU",
        ),
    )


def _resources(reader: _Reader) -> dict[str, int]:
    for _, value in reader.found("resources"):
        amounts = {name: quantity.parse(amount) for name, amount in mapping(value).items() if "/" in name}
        return {name: amount.units for name, amount in amounts.items() if amount is not None}
    return {}


def _reference(value: object) -> Reference | None:
    found = mapping(value)
    kind, name = text(found.get("kind")), text(found.get("name"))
    return Reference(kind, name) if kind and name else None


def _pairs(written: str) -> Iterator[tuple[str, str]]:
    for part in written.split(","):
        key, equals, value = part.strip().partition("=")
        if key and (equals or not is_placeholder(key)):
            yield key, value


def _listed(item: object, path: Path) -> dict[str, Written]:
    """An element of a list of labels, or of arguments of the kubelet in kubeadm's v1beta4."""
    if isinstance(item, str):
        return {key: Written(label, path) for key, label in _pairs(item)}
    found = mapping(item)
    if text(found.get("key")) and isinstance(found.get("value"), str):
        return {text(found["key"]): Written(text(found["value"]), (*path, "value"))}
    if isinstance(found.get("label"), str):
        return {key: Written(label, (*path, "label")) for key, label in _pairs(text(found["label"]))}
    return {}
