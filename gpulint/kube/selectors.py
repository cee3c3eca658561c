"""Node selection in three-valued logic: labels may be unknown, selectors may hold placeholders.

Semantics: k8s.io/component-helpers scheduling/corev1/nodeaffinity and k8s.io/apimachinery pkg/labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Final, TypeAlias

from gpulint.frozen import frozen
from gpulint.kube.taints import Toleration, parse_tolerations
from gpulint.kube.tree import Path, Truth, get, is_placeholder, mapping, mappings, sequence, text


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""A possible value of a label: the node does not have it."""

Value: TypeAlias = str | Absent

_REQUIRED: Final[Path] = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NAME_FIELD = "metadata.name"


@frozen
class LabelSet:
    """What is known of a node's labels, or of those of every node in a pool."""

    values: Mapping[str, frozenset[Value]] = field(default_factory=dict)
    """The values a label can have; one that the node may lack holds `ABSENT` too."""
    excluded: Mapping[str, frozenset[Value]] = field(default_factory=dict)
    """For labels that are not in `values`: what they certainly are not. Says nothing else of them."""
    closed: bool = False
    """Whether labels in neither mapping are absent (else they are unknown)."""
    names: frozenset[str] = frozenset()
    """The node's name, or the names of the pool's nodes; empty when unknown."""

    @classmethod
    def of(cls, labels: object, *, closed: bool = False, name: str = "") -> LabelSet:
        """From a `labels` mapping; labels with a placeholder are there, with an unknown value."""
        known: dict[str, frozenset[Value]] = {}
        excluded: dict[str, frozenset[Value]] = {}
        for key, value in mapping(labels).items():
            if is_placeholder(key) or value is None:
                continue
            if is_placeholder(value):
                excluded[key] = frozenset({ABSENT})
            else:
                known[key] = frozenset({text(value)})
        unknown = closed and any(is_placeholder(key) for key in mapping(labels))
        return cls(
            known, excluded, closed and not unknown, frozenset({name} if name and not is_placeholder(name) else ())
        )

    @classmethod
    def of_requirements(cls, requirements: object, *, closed: bool = False) -> LabelSet:
        """From Karpenter requirements (`[{key, operator, values}]`): what the nodes that it makes can carry."""
        result = cls(closed=closed)
        for requirement in sorted(pool_requirements(requirements), key=lambda each: each.operator in ("Gt", "Lt")):
            result = result.narrowed(requirement)  # bounds come last: they narrow what is known
        return result

    def possible(self, key: str) -> frozenset[Value] | None:
        """The values the label can have, or None when they are unknown."""
        if key in self.values:
            return self.values[key]
        return frozenset({ABSENT}) if self.closed and key not in self.excluded else None

    def with_labels(self, labels: Mapping[str, str]) -> LabelSet:
        """These labels on top: they replace what was known."""
        other = LabelSet.of(labels)
        values = {key: value for key, value in self.values.items() if key not in other.excluded}
        return LabelSet({**values, **other.values}, {**self.excluded, **other.excluded}, self.closed, self.names)

    def union(self, other: LabelSet) -> LabelSet:
        """What holds of a node that is described by one or the other."""
        values: dict[str, frozenset[Value]] = {}
        excluded: dict[str, frozenset[Value]] = {}
        for key in {*self.values, *other.values, *self.excluded, *other.excluded}:
            mine, theirs = self.possible(key), other.possible(key)
            if mine is not None and theirs is not None:
                values[key] = mine | theirs
            else:
                excluded[key] = frozenset(
                    value
                    for value in self.excluded.get(key, frozenset()) | other.excluded.get(key, frozenset())
                    if self._excludes(key, value) and other._excludes(key, value)
                )
        names = self.names | other.names if self.names and other.names else frozenset[str]()
        return LabelSet(values, excluded, self.closed and other.closed, names)

    def opened(self, keys: Iterable[str] = ()) -> LabelSet:
        """The same with unknown values for some keys, or, without keys, for every label it does not name."""
        unknown = frozenset(keys)
        if not unknown:
            return replace(self, closed=False)
        values = {key: value for key, value in self.values.items() if key not in unknown}
        return LabelSet(
            values, {**self.excluded, **dict.fromkeys(unknown, frozenset[Value]())}, self.closed, self.names
        )

    def narrowed(self, requirement: Requirement) -> LabelSet:
        """What is known once the requirement is known to hold."""
        key, operator = requirement.key, requirement.operator
        if requirement.uncertain or is_placeholder(key):
            return self.opened([key])
        possible = self.possible(key) if key in self.values else None
        wanted = frozenset[Value](requirement.values)
        if operator == "In":
            return self._with(key, wanted if possible is None else wanted & possible)
        if operator == "DoesNotExist":
            return self._with(key, frozenset({ABSENT}))
        ruled_out = wanted if operator == "NotIn" else frozenset({ABSENT})
        if possible is not None:
            left = (value for value in possible - ruled_out if _holds(requirement, value) != "no")
            return self._with(key, frozenset(left))
        return LabelSet(
            self.values,
            {**self.excluded, key: self.excluded.get(key, frozenset()) | ruled_out},
            self.closed,
            self.names,
        )

    def _with(self, key: str, values: frozenset[Value]) -> LabelSet:
        return LabelSet({**self.values, key: values}, self.excluded, self.closed, self.names)

    def _excludes(self, key: str, value: Value) -> bool:
        possible = self.possible(key)
        return value not in possible if possible is not None else value in self.excluded.get(key, frozenset())


@frozen
class Requirement:
    """One condition on a node: a line of `nodeSelector` (operator In), or an expression of a node affinity term."""

    key: str
    operator: str
    values: tuple[str, ...]
    path: Path = ()
    """Where it stands in the pod spec."""
    is_field: bool = False
    """Whether `key` is a field of the node (`metadata.name`) and not a label."""

    @property
    def uncertain(self) -> bool:
        """Whether a placeholder or a malformed part leaves open what it asks for."""
        return (
            self.operator not in _OPERATORS
            or is_placeholder(self.key)
            or any(is_placeholder(value) for value in self.values)
            or (self.operator in ("In", "NotIn") and not self.values)
        )

    @property
    def value_path(self) -> Path:
        """Where the value stands, or the key for operators without one."""
        if self.path[:1] != _REQUIRED[:1]:
            return self.path
        if self.operator in ("Exists", "DoesNotExist") or not self.values:
            return (*self.path, "key")
        return (*self.path, "values", 0) if len(self.values) == 1 else (*self.path, "values")


@frozen
class Mismatch:
    """A requirement that a node certainly does not meet."""

    path: Path
    """Where the wanted value stands in the pod spec."""
    key: str
    operator: str
    values: tuple[str, ...]
    found: tuple[str, ...]
    """What the node has, sorted; empty when the label is absent."""

    @property
    def sentence(self) -> str:
        """Why it fails, `nvidia.com/gpu-sharing is 'mig', not 'full'`."""
        has = f"{self.key} is {_choice(self.found)}" if self.found else f"{self.key} is not set"
        if self.operator == "Exists":
            return has
        if self.operator == "DoesNotExist":
            return f"{has}, but must not be set"
        if self.operator == "NotIn":
            return f"{has}, which is excluded"
        if self.operator in ("Gt", "Lt"):
            word = "greater" if self.operator == "Gt" else "less"
            return f"{has}, not {word} than {_choice(self.values)}"
        return f"{has}, not {_choice(self.values)}" if self.found else f"{has}, but must be {_choice(self.values)}"


@frozen
class Match:
    """Whether a pod can be placed on a node as far as labels decide."""

    truth: Truth
    mismatch: Mismatch | None = None
    """Why not; only when `truth` is no."""
    unknown: tuple[str, ...] = ()
    """The label keys that kept it from being decided, sorted; only when `truth` is maybe."""


@frozen
class Placement:
    """Where a pod says it may run: every part of its spec that can keep it off a node."""

    node_selector: tuple[Requirement, ...]
    terms: tuple[tuple[Requirement, ...], ...]
    """Terms of the required node affinity: one of them must hold, an empty one never does."""
    has_affinity: bool
    node_name: str
    tolerations: tuple[Toleration, ...]
    runtime_class: str

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """Every requirement, of `nodeSelector` and of all terms."""
        return self.node_selector + tuple(requirement for term in self.terms for requirement in term)

    @property
    def selects(self) -> bool:
        """Whether anything but taints narrows the nodes."""
        return bool(self.node_selector or self.has_affinity or self.node_name)

    def matches(self, labels: LabelSet) -> Match:
        """Whether a node with these labels can take the pod; taints are not looked at."""
        parts = [_all(self.node_selector, labels)]
        if self.node_name:
            parts.append(_one(Requirement(_NAME_FIELD, "In", (self.node_name,), ("nodeName",), is_field=True), labels))
        if self.has_affinity:
            parts.append(_any(self.terms, labels))
        return _conjunction(parts)


def matches(requirements: Sequence[Requirement], labels: LabelSet) -> Truth:
    """Whether all requirements hold."""
    return _all(requirements, labels).truth


def pod_placement(spec: Mapping[str, object]) -> Placement:
    """The placement of a pod spec (plain data, possibly malformed); what cannot be read becomes a `maybe`."""
    terms, has_affinity = _terms(get(spec, _REQUIRED))
    return Placement(
        node_selector=selector_requirements(spec.get("nodeSelector"), ("nodeSelector",)),
        terms=terms,
        has_affinity=has_affinity,
        node_name=text(spec.get("nodeName")),
        tolerations=parse_tolerations(spec.get("tolerations")),
        runtime_class=text(spec.get("runtimeClassName")),
    )


def selector_requirements(selector: object, at: Path = ()) -> tuple[Requirement, ...]:
    """The lines of a `nodeSelector` or `matchLabels` mapping as requirements, in their order."""
    if is_placeholder(selector):
        return (Requirement(text(selector), "In", (), at),)
    return tuple(
        Requirement(key, "In", () if value is None else (text(value),), (*at, key))
        for key, value in mapping(selector).items()
    )


def pool_requirements(requirements: object) -> tuple[Requirement, ...]:
    """Karpenter requirements; `Gte` and `Lte` become `Gt` and `Lt`."""
    return tuple(_plain_bound(_expression(item, ())) for _, item in mappings(requirements))


def expression_requirements(expressions: object, at: Path = ()) -> tuple[Requirement, ...]:
    """A list of `{key, operator, values}` as requirements; malformed ones are uncertain."""
    if is_placeholder(expressions):
        return (Requirement(text(expressions), "", (), at),)
    return tuple(_expression(mapping(item), (*at, index)) for index, item in enumerate(sequence(expressions)))


def _terms(required: object) -> tuple[tuple[tuple[Requirement, ...], ...], bool]:
    """The terms, and whether there is any required node affinity."""
    if required is None:
        return (), False
    listed = mapping(required).get("nodeSelectorTerms")
    if not sequence(listed):  # the API server refuses it; a placeholder may become anything
        return ((Requirement(text(required) or text(listed), "", (), _REQUIRED),),), True
    at = (*_REQUIRED, "nodeSelectorTerms")
    return tuple(_term(item, (*at, index)) for index, item in enumerate(sequence(listed))), True


def _term(term: object, at: Path) -> tuple[Requirement, ...]:
    if not isinstance(term, Mapping):
        return (Requirement(text(term), "", (), at),)
    fields = expression_requirements(term.get("matchFields"), (*at, "matchFields"))
    return expression_requirements(term.get("matchExpressions"), (*at, "matchExpressions")) + tuple(
        Requirement(each.key, each.operator, each.values, each.path, is_field=True) for each in fields
    )


def _expression(item: Mapping[str, object], at: Path) -> Requirement:
    values = item.get("values")
    listed = (text(values),) if is_placeholder(values) else tuple(text(value) for value in sequence(values))
    return Requirement(text(item.get("key")), text(item.get("operator")), listed, at)


def _plain_bound(requirement: Requirement) -> Requirement:
    step = {"Gte": ("Gt", -1), "Lte": ("Lt", 1)}.get(requirement.operator)
    if step is None or len(requirement.values) != 1 or not _INTEGER.fullmatch(requirement.values[0]):
        return requirement
    return replace(requirement, operator=step[0], values=(str(int(requirement.values[0]) + step[1]),))


_YES = Match("yes")


def _any(terms: Sequence[Sequence[Requirement]], labels: LabelSet) -> Match:
    """Terms are ORed, an empty one matches nothing; when all fail, the one that comes closest says why."""
    verdicts = [(_all(term, labels) if term else Match("no"), term) for term in terms]
    if any(match.truth == "yes" for match, _ in verdicts):
        return _YES
    unknown = {key for match, _ in verdicts for key in match.unknown}
    if any(match.truth == "maybe" for match, _ in verdicts):
        return Match("maybe", unknown=tuple(sorted(unknown)))
    fails = [(sum(_one(each, labels).truth == "no" for each in term), match.mismatch) for match, term in verdicts]
    explained = [entry for entry in fails if entry[1] is not None]
    return Match("no", min(explained, key=lambda entry: entry[0])[1] if explained else None)


def _all(requirements: Sequence[Requirement], labels: LabelSet) -> Match:
    return _conjunction([_one(requirement, labels) for requirement in requirements])


def _conjunction(parts: Sequence[Match]) -> Match:
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        if part.truth == "no":
            return part
    if all(part.truth == "yes" for part in parts):
        return _YES
    return Match("maybe", unknown=tuple(sorted({key for part in parts for key in part.unknown})))


def _one(requirement: Requirement, labels: LabelSet) -> Match:
    possible = _possible(requirement, labels)
    truth = _unknown_value(requirement, labels) if possible is None else _known_values(requirement, possible)
    if truth == "maybe":
        return Match("maybe", unknown=(requirement.key,))
    return _YES if truth == "yes" else Match("no", _mismatch(requirement, possible or frozenset()))


def _possible(requirement: Requirement, labels: LabelSet) -> frozenset[Value] | None:
    if requirement.is_field:
        return frozenset[Value](labels.names) if requirement.key == _NAME_FIELD and labels.names else None
    return labels.possible(requirement.key)


def _known_values(requirement: Requirement, possible: frozenset[Value]) -> Truth:
    verdicts = {_holds(requirement, value) for value in possible}
    return verdicts.pop() if len(verdicts) == 1 else "maybe"


def _holds(requirement: Requirement, value: Value) -> Truth:
    if requirement.operator not in _OPERATORS or is_placeholder(requirement.key):
        return "maybe"
    if requirement.operator == "Exists":
        return "no" if value is ABSENT else "yes"
    if requirement.operator == "DoesNotExist":
        return "yes" if value is ABSENT else "no"
    if requirement.operator in ("Gt", "Lt"):
        return _compares(requirement, value)
    wanted = _wants(requirement, value)
    if requirement.operator == "In" or wanted == "maybe":
        return wanted
    return "no" if wanted == "yes" else "yes"


def _wants(requirement: Requirement, value: Value) -> Truth:
    """Whether the value is in the list."""
    if value in requirement.values:
        return "yes"
    if not requirement.values:  # refused by the API server, or a placeholder stands for the whole selector
        return "maybe"
    return "maybe" if value is not ABSENT and any(is_placeholder(each) for each in requirement.values) else "no"


def _compares(requirement: Requirement, value: Value) -> Truth:
    """Both sides are base-10 integers; anything else never matches (labels.Requirement.Matches)."""
    if value is ABSENT:
        return "no"
    if len(requirement.values) != 1 or is_placeholder(requirement.values[0]):
        return "maybe"
    if not _INTEGER.fullmatch(value) or not _INTEGER.fullmatch(requirement.values[0]):
        return "no"
    found, bound = int(value), int(requirement.values[0])
    return "yes" if (found > bound if requirement.operator == "Gt" else found < bound) else "no"


def _unknown_value(requirement: Requirement, labels: LabelSet) -> Truth:
    if requirement.uncertain or requirement.is_field:
        return "maybe"
    excluded = labels.excluded.get(requirement.key, frozenset())
    if requirement.operator == "Exists":
        return "yes" if ABSENT in excluded else "maybe"
    if requirement.operator == "DoesNotExist":
        return "no" if ABSENT in excluded else "maybe"
    if requirement.operator == "In":
        return "no" if excluded.issuperset(requirement.values) else "maybe"
    if requirement.operator == "NotIn":
        return "yes" if excluded.issuperset(requirement.values) else "maybe"
    return "maybe"


def _mismatch(requirement: Requirement, possible: frozenset[Value]) -> Mismatch:
    found = tuple(sorted(value for value in possible if value is not ABSENT))
    key = "the node's name" if requirement.is_field else requirement.key
    return Mismatch(requirement.value_path, key, requirement.operator, requirement.values, found)


def _choice(values: Sequence[str]) -> str:
    quoted = ", ".join(f"'{value}'" for value in values[:_MOST_VALUES])
    rest = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return quoted if len(values) == 1 else f"one of {quoted}{rest}"


_MOST_VALUES = 6
