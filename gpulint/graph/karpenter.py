"""Karpenter's pools as sets: which GPU instance types their requirements leave, and what overlays add to them.

The labels of AWS instance types are those of karpenter-provider-aws pkg/providers/instancetype/types.go; EKS Auto Mode
has them under `eks.amazonaws.com/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu, Instance, accelerator_values, accelerators, instance, instances
from gpulint.graph.node_group import INSTANCE_TYPE, NodeGroup, may_have_gpus
from gpulint.kube import quantity
from gpulint.kube.selectors import LabelSet, Requirement, matches, pool_requirements
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest

KARPENTER = "karpenter"
_PREFIXES = ("karpenter.k8s.aws/", "eks.amazonaws.com/")
_FAMILY_KEYS = tuple(f"{prefix}instance-family" for prefix in _PREFIXES)
TYPE_KEYS = (INSTANCE_TYPE, *_FAMILY_KEYS)
"""Keys of requirements that name instance types or families of them."""
_AWS_TYPE = re.compile(r"(?P<category>[a-z]+)(?P<generation>\d+)[a-z0-9-]*\.(?P<size>[a-z0-9-]+)", re.ASCII)
"""As instanceTypeScheme of karpenter-provider-aws pkg/providers/instancetype/types.go."""


@frozen
class Types:
    """The instance types with GPUs that a pool may have."""

    names: tuple[str, ...]
    """Sorted; empty when its requirements do not narrow them to known ones."""
    closed: bool
    """Whether these are all of them."""
    only: bool
    """Whether it has no types without GPUs."""


def gpu_types(requirements: object) -> Types:
    """What requirements leave of the instance types, where they name types or families of AWS."""
    wanted = pool_requirements(requirements)
    named = _wanted(wanted, (INSTANCE_TYPE,))
    if named:
        found = [each for name in named if (each := instance(name)) and _fits(each, wanted)]
        unknown = [name for name in named if instance(name) is None]
    else:
        families = _wanted(wanted, _FAMILY_KEYS)
        found = [each for each in instances() if _family(each.type) in families and _fits(each, wanted)]
        unknown = sorted(families - {_family(each.type) for each in instances()})
        unknown = [f"{family}.large" for family in unknown]
    closed = not any(map(may_have_gpus, unknown))
    return Types(tuple(sorted(each.type for each in found)), closed, only=bool(found) and not unknown)


def derived(types: Types) -> Mapping[str, frozenset[str]]:
    """The labels that all nodes of these types have, with the values they may have."""
    if not types.only:
        return {}
    known = [_attributes(found) for name in types.names if (found := instance(name))]
    keys = set.intersection(*(set(each) for each in known)) if known else set()
    return {key: frozenset(each[key] for each in known) for key in sorted(keys)}


def with_overlays(groups: Iterable[NodeGroup], manifests: Iterable[Manifest]) -> Iterator[NodeGroup]:
    """Karpenter's pools with the extended resources that NodeOverlays give their instance types."""
    overlays = [each for each in manifests if (each.group, each.kind) == ("karpenter.sh", "NodeOverlay")]
    for group in groups:
        added: dict[str, int] = {}
        for overlay in overlays if group.autoscaler == KARPENTER else ():
            if matches(pool_requirements(overlay.get("spec", "requirements")), group.possible) != "no":
                for name, amount in _capacity(overlay).items():
                    added[name] = max(added.get(name, 0), amount)
        yield replace(group, allocatable={**group.allocatable, **added}, has_gpu=group.has_gpu or bool(added))


def _capacity(overlay: Manifest) -> dict[str, int]:
    amounts = {
        name: quantity.parse(value) for name, value in mapping(overlay.get("spec", "capacity")).items() if "/" in name
    }
    return {name: amount.units for name, amount in amounts.items() if amount is not None}


def _wanted(requirements: Sequence[Requirement], keys: Sequence[str]) -> frozenset[str]:
    """The values that all requirements on one of the keys leave; empty where none lists any."""
    listed = [set(each.values) for each in requirements if each.key in keys and each.operator == "In"]
    return frozenset(set.intersection(*listed)) if listed else frozenset()


def _fits(found: Instance, requirements: Sequence[Requirement]) -> bool:
    return matches(requirements, LabelSet.of(_attributes(found))) != "no"


def _attributes(found: Instance) -> dict[str, str]:
    labels = {INSTANCE_TYPE: found.type}
    read = _AWS_TYPE.fullmatch(found.type)
    if read is None:
        return labels
    own = {
        "instance-category": read["category"],
        "instance-family": _family(found.type),
        "instance-generation": read["generation"],
        "instance-size": read["size"],
        "instance-gpu-manufacturer": "nvidia",
        "instance-gpu-count": str(found.count),
    }
    if not found.fraction and (name := _gpu_name(found.gpu)):
        own["instance-gpu-name"] = name
    if found.fraction:
        del own["instance-gpu-count"]
    return labels | {f"{prefix}{key}": value for prefix in _PREFIXES for key, value in own.items()}


def _gpu_name(gpu: Gpu) -> str:
    key = "karpenter.k8s.aws/instance-gpu-name"
    names = [value for value in accelerator_values(key) if gpu in accelerators(key, value)]
    return names[0] if len(names) == 1 else ""


def _family(instance_type: str) -> str:
    family, dot, _ = instance_type.partition(".")
    return family if dot else ""
