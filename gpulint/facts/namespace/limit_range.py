"""LimitRanges on accelerators: what they do to the pods of their namespace that ask for none.

Semantics: k8s.io/kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem), pkg/apis/core/validation
(ValidateLimitRange, ValidateResourceRequirements) and plugin/pkg/admission/limitranger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpulint.facts.namespace.quota import ACCELERATORS, Quotas
from gpulint.facts.values import Amount, amount
from gpulint.frozen import frozen
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.kube.tree import mapping, mappings, text
from gpulint.manifest import Manifest, Place
from gpulint.source import Path

_FIELDS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


@frozen
class LimitItem:
    """One accelerator in one item of a LimitRange."""

    cluster: str
    limit_range: str
    """`LimitRange physics/bounds`."""
    type: str
    """`Container` or `Pod`."""
    resource: str
    given: Amount
    """What every container gets that does not ask for the resource; not stated where it gets none."""
    given_by: str
    """The field that gives it: `default` or `max`."""
    differs: bool
    """Whether default and default request are different, which the API server refuses."""
    default: Amount
    """The default, `max` in its place."""
    default_request: Amount
    rejects: str
    """Why pods are rejected that do not ask for the resource, as a clause; empty when they are not."""
    rejects_place: Place
    """The amount that does it."""
    place: Place
    """The first key of the resource in the item."""


@frozen
class Bound:
    """A LimitRange or quota on a resource that no device plugin advertises, and that looks like one."""

    cluster: str
    holder: str
    """`LimitRange physics/bounds`."""
    resource: str
    suggestion: str
    """The resource that was probably meant; empty without a guess."""
    node_label: bool
    """Whether it is a label of nodes."""
    given: Amount
    """What every container gets of it; not stated where it gets none."""
    place: Place
    """The first key of the resource."""


def limit_items(graph: Graph) -> Iterator[LimitItem]:
    """One fact per accelerator of each item of a LimitRange, in the order of the input."""
    defaults = _Defaults(graph)
    for item in _all_items(graph):
        if classify(item.resource).kind in ACCELERATORS:
            yield item.fact(graph, defaults)


def bounds_on_nothing(graph: Graph, quotas: Quotas) -> Iterator[Bound]:
    """Those of LimitRanges, then those of quotas, in the order of the input."""
    for item in _all_items(graph):
        default = item.default()
        gives = item.item["type"] == "Container" and default.known and default.milli > 0
        yield from _bound(graph, item.label(graph), item.resource, item.key(), default if gives else item.amount(""))
    for quota in quotas.all:
        for key, _, resource in quota.entries():
            place = quota.manifest.place(*quota.path, key, token="key")
            yield from _bound(graph, quota.label, resource, place, amount(None, place))


def _bound(graph: Graph, holder: str, name: str, place: Place, given: Amount) -> Iterator[Bound]:
    resource = classify(name)
    if resource.kind == "near-miss":
        yield Bound(graph.scope.name, holder, name, resource.suggestion, resource.node_label, given, place)


def _all_items(graph: Graph) -> Iterator[_Item]:
    for limit_range in graph.of_kind("LimitRange"):
        for index, item in _items(limit_range):
            for resource in dict.fromkeys(key for field in _FIELDS for key in mapping(item.get(field))):
                yield _Item(limit_range, index, item, resource)


def _items(limit_range: Manifest) -> Iterator[tuple[int, Mapping[str, object]]]:
    listed = mappings(limit_range.get("spec", "limits"))
    return ((index, item) for index, item in listed if text(item.get("type")) in {"Container", "Pod"})


@frozen
class _Item:
    limit_range: Manifest
    index: int
    item: Mapping[str, object]
    resource: str

    def fact(self, graph: Graph, defaults: _Defaults) -> LimitItem:
        container = self.item["type"] == "Container"
        default = self.default()
        request = self.amount("defaultRequest")
        differs = container and default.known and request.known and default.milli != request.milli
        gives = container and default.known and default.milli > 0 and not differs
        field = "" if differs or gives else self._rejecting(defaults.of(graph, self.limit_range, self.resource))
        return LimitItem(
            cluster=graph.scope.name,
            limit_range=self.label(graph),
            type=text(self.item["type"]),
            resource=self.resource,
            given=default if gives else self.amount(""),
            given_by="default" if self.amount("default").stated else "max",
            differs=differs,
            default=default,
            default_request=request,
            rejects=self._clause(field) if field else "",
            rejects_place=self.amount(field).place,
            place=self.key(),
        )

    def label(self, graph: Graph) -> str:
        namespace = _namespace(graph, self.limit_range)
        name = self.limit_range.name
        return f"LimitRange {namespace}/{name}" if namespace else f"LimitRange {name}"

    def key(self) -> Place:
        """The first key of the resource, in the order of the text."""
        first = next(each for each in self.item if each in _FIELDS and self.resource in mapping(self.item.get(each)))
        return self.limit_range.place(*self._path(first), token="key")

    def amount(self, field: str) -> Amount:
        return amount(mapping(self.item.get(field)).get(self.resource), self.limit_range.place(*self._path(field)))

    def default(self) -> Amount:
        """What the API server takes for the default: `max` where none is given."""
        given = self.amount("default")
        return given if given.stated else self.amount("max")

    def _path(self, field: str) -> Path:
        at = ("spec", "limits", self.index)
        return (*at, field, self.resource) if field else at

    def _rejecting(self, default: Amount) -> str:
        """The field that rejects pods without the resource; `default` is what containers of the namespace get."""
        if default.stated and not default.known:
            return ""
        none = not default.known or default.milli == 0
        ratio, least = self.amount("maxLimitRequestRatio"), self.amount("min")
        if self.item["type"] == "Pod":
            if least.known and (not default.stated or (none and least.milli > 0)):
                return "min"
            if self.amount("max").known and not default.stated:
                return "max"
        elif not default.stated:
            given = next((each for each in ("defaultRequest", "min") if self.amount(each).stated), "")
            if given and self.amount(given).known:
                return given
        return "maxLimitRequestRatio" if ratio.known and none else ""

    def _clause(self, field: str) -> str:
        written, resource = self.amount(field).text, self.resource
        if field == "maxLimitRequestRatio":
            return f"a ratio of limit to request cannot hold where there is no {resource}"
        if self.item["type"] == "Pod":
            what, missing = ("at least", "no request") if field == "min" else ("at most", "no limit")
            return f"a pod must have {what} {written} {resource}, and {missing} counts as a violation"
        return f"'{field}' gives every container a request for {written} {resource}, but no limit"


class _Defaults:
    """What containers of a namespace get of a resource that they do not ask for."""

    def __init__(self, graph: Graph) -> None:
        self._given: dict[tuple[str, str], Amount] = {}
        for limit_range in graph.of_kind("LimitRange"):
            namespace = _namespace(graph, limit_range)
            for index, item in _items(limit_range):
                for resource in {*mapping(item.get("default")), *mapping(item.get("max"))}:
                    if item["type"] == "Container":
                        default = _Item(limit_range, index, item, resource).default()
                        self._given.setdefault((namespace, resource), default)

    def of(self, graph: Graph, limit_range: Manifest, resource: str) -> Amount:
        absent = amount(None, limit_range.place("spec", "limits"))
        return self._given.get((_namespace(graph, limit_range), resource), absent)


def _namespace(graph: Graph, limit_range: Manifest) -> str:
    return limit_range.namespace or graph.given_namespaces.get(limit_range.document.source.path, "")
