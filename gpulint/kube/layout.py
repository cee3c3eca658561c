"""Where kinds hold their pods: the files of `layouts/`, one per API group, each read when an object of its group comes.

layouts/README.md describes the form of the files.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias, cast

import yaml

from gpulint.frozen import frozen
from gpulint.kube.paths import Condition, Pattern, condition, moved, pattern
from gpulint.kube.tree import Path, integer, mapping, mappings, sequence, text

Form: TypeAlias = Literal[
    "template",
    "podspec",
    "podspec+",
    "container",
    "containers",
    "resources",
    "bare-gpu",
    "scalar",
    "instance",
    "object",
    "search",
]
"""How pods are written down.

`template`: metadata and spec; `podspec`; `podspec+`: fields of a pod spec among others; `container`: one container;
`containers`: lists of them; `resources`: limits and requests of the one container; `bare-gpu`: the same with a key
`gpu` that stands for GPUs; `scalar`: fields with a number and maybe a name; `instance`: an instance type or a profile
that stands for GPUs. Of a layout also `object`: another object, and `search`: a mapping in which pods are looked for.
"""

_FOLDER: Final = pathlib.Path(__file__).with_name("layouts")
_CORE: Final = "core"
"""The file of the group without a name."""


@frozen
class Kind:
    """What a kind says about the pods it makes."""

    group: str
    kind: str
    workload_class: str
    """training, inference, interactive, batch, system or unknown."""
    certainty: str
    """certain, high, medium, low or none."""
    is_template: bool
    """Whether something else makes pods of it (a serving runtime), so that its demand is not to be added up."""
    gang: bool = False
    """Whether its pods work on one task."""
    entrypoint: Path | None = None
    """Where the command of the task stands when it is in no container."""


@frozen
class Member:
    """A member of a list that lists the name of something else: the scaling group of a pod clique."""

    members: Pattern
    lists: str
    name: Pattern


@frozen
class Factor:
    """One factor of a number of pods."""

    at: tuple[Pattern, ...]
    """The first of these that is there counts; below a `member` where there is one."""
    default: int | None = 1
    """When none is; None: nobody can say."""
    minus: int = 0
    unless_absent: Pattern | None = None
    """Nothing is subtracted when this is absent."""
    over: Pattern | None = None
    """Divides the first of `at`, where that counts."""
    at_least: Pattern | None = None
    at_most: Pattern | None = None
    member: Member | None = None
    only: Condition | None = None
    """Elsewhere it is one."""
    zero_if: tuple[Condition, ...] = ()
    most: Pattern | None = None
    """Up to how many an autoscaler may go."""
    most_default: int | None = None
    """Without it, unless `most_fixed`; None: without a bound that anybody can tell."""
    most_fixed: bool = True
    """Whether nothing scales without it."""
    most_if: Condition | None = None
    """Elsewhere nothing scales."""


@frozen
class Gpus:
    """Accelerators that fields name and count."""

    name: Pattern | None
    """Where the resource name is a value."""
    default: str
    """The resource name without that; empty: none."""
    prefix: str
    suffix: str
    count: Pattern | None
    """None: one for each."""
    count_default: int | None
    unless: tuple[Pattern, ...]
    """Not where one of these is there."""
    only: Condition | None
    each: Pattern | None
    """A list each member of which stands for some; the other paths begin in it."""
    whole: bool
    """Whether it counts whole ones only: a fraction is handed out by another scheduler."""
    implied: bool
    """Whether it is there where the container asks for none; how many, nobody can say."""


@frozen
class Pods:
    """One place of a kind with pods."""

    at: Pattern
    form: Form
    role: str
    name: str
    """Of the one container."""
    spec: Pattern | None
    """The fields of a pod spec, if not where `at` and `form` say."""
    metadata: Pattern | None
    container: Pattern | None
    """What the one container has of a container's fields."""
    fields: tuple[tuple[Path, tuple[Pattern, ...]], ...]
    """Fields of the one container that stand elsewhere; the first path that is there counts."""
    also: tuple[Pattern, ...]
    """More mappings with fields of a pod spec, which count where the nearer ones have none."""
    node_selector: Pattern | None
    inline: tuple[str, ...]
    """Fields that hold one container each."""
    lists: tuple[Path, ...]
    """Fields that hold lists of them."""
    resources: str
    """What containers call their resources, if not that."""
    gpus: tuple[Gpus, ...]
    instance: Pattern | None
    """A cloud's instance type that stands for GPUs."""
    profile: Pattern | None
    """The name of a profile that does."""
    count: tuple[Factor, ...] | None
    """None when no manifest can say."""
    total: tuple[Factor, ...]
    processes: tuple[Pattern, ...]
    when: tuple[Condition, ...]
    """Only where one of these holds."""
    unless: tuple[Condition, ...]
    template: bool
    alternatives: bool


@frozen
class Layout:
    """What is known of one kind."""

    kind: Kind
    core: bool
    pods: tuple[Pods, ...]
    inherits: bool
    """Whether it has places of another kind."""
    classes: tuple[tuple[Condition, str, str], ...]
    """What it is where a condition holds: class, certainty."""

    def kind_of(self, root: Mapping[str, object]) -> Kind:
        """The kind, as one object of it has it."""
        for holds, name, certainty in self.classes:
            if holds.holds(root):
                return replace(self.kind, workload_class=name, certainty=certainty or self.kind.certainty)
        return self.kind


def layout(group: str, kind: str) -> Layout | None:
    """The layout of a kind; None when it is in no file."""
    return _of_group(group).get(kind)


def layouts() -> tuple[Layout, ...]:
    """All of them, sorted by group and kind."""
    groups = sorted("" if stem == _CORE else stem for stem in _files())
    return tuple(each for group in groups for _, each in sorted(_of_group(group).items()))


@functools.cache
def _files() -> Mapping[str, pathlib.Path]:
    return {path.stem: path for path in _FOLDER.glob("*.yaml")}


@functools.cache
def _of_group(group: str) -> Mapping[str, Layout]:
    return {
        kind: replace(found, kind=replace(found.kind, group=group, kind=kind))
        for item in _items(group).values()
        for found in [_layout(group, item)]
        for kind in (text(item["kind"]), *map(text, sequence(item.get("also"))))
    }


@functools.cache
def _items(group: str) -> Mapping[str, Mapping[str, object]]:
    path = _files().get(group or _CORE)
    if path is None:
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: object = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader, the C one where there is one
    return {text(item["kind"]): item for _, item in mappings(data)}


_KIND_KEYS = frozenset(
    {
        "kind",
        "also",
        "same",
        "class",
        "certainty",
        "class_if",
        "template",
        "core",
        "gang",
        "entrypoint",
        "like",
        "pods",
        "source",
    }
)


def _layout(group: str, item: Mapping[str, object]) -> Layout:
    _known(item, _KIND_KEYS)
    if "same" in item:
        return _layout(*_described(text(item["same"])))
    kind = Kind(
        group=group,
        kind=text(item["kind"]),
        workload_class=text(item["class"]),
        certainty=text(item["certainty"]),
        is_template=item.get("template") is True,
        gang=item.get("gang") is True,
        entrypoint=cast("Path", pattern(text(item["entrypoint"]))) if "entrypoint" in item else None,
    )
    inherited = [_moved(pods, like) for like in map(mapping, sequence(item.get("like"))) for pods in _inherited(like)]
    own = [_pods(pods, _TOP) for _, pods in mappings(item.get("pods"))]
    classes = tuple(_class_if(*each) for each in mapping(item.get("class_if")).items())
    return Layout(kind, item.get("core") is True, tuple(inherited + own), bool(inherited), classes)


def _class_if(written: str, becomes: object) -> tuple[Condition, str, str]:
    name, *certainty = _texts(becomes)
    return condition(written), name, "".join(certainty)


def _described(name: str) -> tuple[str, Mapping[str, object]]:
    group, _, kind = name.rpartition("/")
    return group, _items(group)[kind]


_TOP: Pattern = ("spec",)
_LIKE_KEYS = frozenset({"kind", "spec", "count", "unless"})


def _inherited(like: Mapping[str, object]) -> list[Pods]:
    """The pods of another kind, with what stands in its spec at another path."""
    _known(like, _LIKE_KEYS)
    _, item = _described(text(like["kind"]))
    below = pattern(text(like["spec"])) if "spec" in like else _TOP
    nested = [pods for deeper in map(mapping, sequence(item.get("like"))) for pods in _inherited(deeper)]
    if nested and below != _TOP:
        raise ValueError(f"{like['kind']} is itself like another kind")
    return [*nested, *(_pods(pods, below) for _, pods in mappings(item.get("pods")))]


def _moved(pods: Pods, like: Mapping[str, object]) -> Pods:
    more = tuple(_factor(each, _TOP) for each in sequence(like.get("count")))
    count = None if pods.count is None else (*more, *pods.count)
    return replace(pods, count=count, unless=(*pods.unless, *map(condition, _texts(like.get("unless")))))


_POD_KEYS = frozenset(
    {
        "at",
        "form",
        "role",
        "name",
        "spec",
        "metadata",
        "container",
        "fields",
        "also",
        "node_selector",
        "inline",
        "lists",
        "resources",
        "gpus",
        "instance",
        "profile",
        "count",
        "total",
        "processes",
        "when",
        "unless",
        "template",
        "alternatives",
    }
)


def _pods(item: Mapping[str, object], below: Pattern) -> Pods:
    """One entry of `pods`, with `below` in the place of its `/spec`."""
    _known(item, _POD_KEYS)
    path = functools.partial(_path, below=below)
    count = item.get("count", [])
    return Pods(
        at=path(text(item["at"])),
        form=cast("Form", text(item["form"])),
        role=_role(text(item.get("role")), below),
        name=text(item.get("name")),
        spec=_optional(item, "spec", below),
        metadata=_optional(item, "metadata", below),
        container=_optional(item, "container", below),
        fields=tuple(
            (tuple(field.split("/")), tuple(map(path, _texts(value))))
            for field, value in mapping(item.get("fields")).items()
        ),
        also=tuple(map(path, _texts(item.get("also")))),
        node_selector=_optional(item, "node_selector", below),
        inline=tuple(_texts(item.get("inline"))),
        lists=tuple(tuple(each.split("/")) for each in _texts(item.get("lists"))),
        resources=text(item.get("resources")),
        gpus=tuple(_gpus(each, below) for _, each in mappings(item.get("gpus"))),
        instance=_optional(item, "instance", below),
        profile=_optional(item, "profile", below),
        count=None if count == "unknown" else tuple(_factor(each, below) for each in sequence(count)),
        total=tuple(_factor(each, below) for each in sequence(item.get("total"))),
        processes=tuple(map(path, _texts(item.get("processes")))),
        when=tuple(_moved_condition(each, below) for each in _texts(item.get("when"))),
        unless=tuple(_moved_condition(each, below) for each in _texts(item.get("unless"))),
        template=item.get("template") is True,
        alternatives=item.get("alternatives") is True,
    )


_FACTOR_KEYS = frozenset(
    {
        "at",
        "default",
        "minus",
        "unless_absent",
        "over",
        "at_least",
        "at_most",
        "member",
        "only",
        "zero_if",
        "most",
        "most_default",
        "most_if",
    }
)


def _factor(item: object, below: Pattern) -> Factor:
    """A path alone is a number that is one by default."""
    if isinstance(item, str):
        return Factor(at=(_path(item, below),))
    item = mapping(item)
    _known(item, _FACTOR_KEYS)
    member = mapping(item.get("member"))
    inside = () if member else below
    return Factor(
        at=tuple(_path(each, inside) for each in _texts(item.get("at"))),
        default=integer(item.get("default", 1)),
        minus=integer(item.get("minus")) or 0,
        unless_absent=_optional(item, "unless_absent", below),
        over=_optional(item, "over", below),
        at_least=_optional(item, "at_least", below),
        at_most=_optional(item, "at_most", below),
        member=Member(_path(text(member["of"]), below), text(member["lists"]), _path(text(member["name"]), below))
        if member
        else None,
        only=_moved_condition(text(item["only"]), below) if "only" in item else None,
        zero_if=tuple(_moved_condition(each, below) for each in _texts(item.get("zero_if"))),
        most=_optional(item, "most", below),
        most_default=integer(item.get("most_default")),
        most_fixed="most_default" not in item,
        most_if=_moved_condition(text(item["most_if"]), below) if "most_if" in item else None,
    )


_GPU_KEYS = frozenset(
    {
        "name",
        "default",
        "prefix",
        "suffix",
        "count",
        "count_default",
        "unless",
        "only",
        "each",
        "whole",
        "implied",
    }
)


def _gpus(item: Mapping[str, object], below: Pattern) -> Gpus:
    _known(item, _GPU_KEYS)
    inside = () if "each" in item else below
    return Gpus(
        name=_optional(item, "name", inside),
        default=text(item.get("default")),
        prefix=text(item.get("prefix")),
        suffix=text(item.get("suffix")),
        count=_optional(item, "count", inside),
        count_default=integer(item.get("count_default")),
        unless=tuple(_path(each, below) for each in _texts(item.get("unless"))),
        only=_moved_condition(text(item["only"]), below) if "only" in item else None,
        each=_optional(item, "each", below),
        whole=item.get("whole") is True,
        implied=item.get("implied") is True,
    )


def _known(item: Mapping[str, object], keys: frozenset[str]) -> None:
    unknown = sorted(set(item) - keys)
    if unknown:
        raise ValueError(f"unknown keys {', '.join(unknown)} in the layout of {item.get('kind') or item.get('at')}")


def _texts(value: object) -> list[str]:
    """A list of texts, or one."""
    return [value] if isinstance(value, str) else [text(each) for each in sequence(value)]


def _path(written: str, below: Pattern) -> Pattern:
    return moved(pattern(written), _TOP, below) if below else pattern(written)


def _optional(item: Mapping[str, object], key: str, below: Pattern) -> Pattern | None:
    return _path(text(item[key]), below) if key in item else None


def _moved_condition(written: str, below: Pattern) -> Condition:
    found = condition(written)
    return replace(found, at=moved(found.at, _TOP, below))


def _role(written: str, below: Pattern) -> str:
    if not written.startswith("/spec/"):
        return written
    return "".join(f"/{step}" for step in moved(pattern(written), _TOP, below))
