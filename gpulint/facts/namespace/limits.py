"""What LimitRanges give to containers that do not ask for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gpulint.graph import Graph
from gpulint.graph.workloads import Workload

_LIMIT = ("default", "max")
_REQUEST = (*_LIMIT, "defaultRequest", "min")


class LimitRanges:
    """The resources for which LimitRanges give containers a limit or a request.

    The admission plugin does so before a pod is validated; templates inside Deployments and Jobs are validated as they
    are written. A `max` without `default` becomes the default, a `min` without any the default request
    (k8s.io/kubernetes pkg/apis/core/v1/defaults.go, SetDefaults_LimitRangeItem).
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}

    def may_add(self, workload: Workload, resource: str) -> bool:
        """Whether a limit may be added before the pod is validated."""
        kind = workload.template.kind
        validated_as_written = workload.template.embeds and kind is not None and kind.kind != "Pod"
        return not validated_as_written and resource in self._given(workload.namespace, _LIMIT)

    def may_request(self, workload: Workload, resource: str) -> bool:
        """Whether the containers of the pod may get a request or limit for the resource."""
        return resource in self._given(workload.namespace, _REQUEST)

    def _given(self, namespace: str, fields: tuple[str, ...]) -> frozenset[str]:
        key = namespace, fields
        if key not in self._known:
            self._known[key] = frozenset(self._resources(namespace, fields))
        return self._known[key]

    def _resources(self, namespace: str, fields: tuple[str, ...]) -> Iterator[str]:
        """Of the namespace, and where a namespace is not known of any."""
        if namespace:
            found = [each for name in (namespace, "") for each in self._graph.in_namespace(name, "LimitRange")]
        else:
            found = list(self._graph.of_kind("LimitRange"))
        for limit_range in found:
            limits = limit_range.get("spec", "limits")
            for item in limits if isinstance(limits, list) else ():
                if isinstance(item, Mapping) and item.get("type") == "Container":
                    for field in fields:
                        amounts = item.get(field)
                        yield from amounts if isinstance(amounts, Mapping) else ()
