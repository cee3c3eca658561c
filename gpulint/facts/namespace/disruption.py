"""Disruption budgets that never allow an eviction.

Semantics: k8s.io/kubernetes pkg/controller/disruption/disruption.go (getExpectedPodCount).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from gpulint.facts.candidates import least
from gpulint.facts.operator.rivals import togetherness
from gpulint.facts.owner import Owners
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.kustomize import builds
from gpulint.graph.workloads import Workload
from gpulint.kube.selectors import (
    LabelSet,
    Requirement,
    expression_requirements,
    matches,
    selector_requirements,
)
from gpulint.kube.tree import integer, is_placeholder, mapping, text
from gpulint.manifest import Manifest, Place


@frozen
class Budget:
    """A PodDisruptionBudget that never allows one of its pods to be evicted."""

    cluster: str
    budget: str
    """`PodDisruptionBudget physics/render`."""
    field: str
    """`maxUnavailable` or `minAvailable`."""
    value: str
    """As written."""
    pods: int
    """How many pods it selects; 0 where that does not matter."""
    guards: tuple[str, ...]
    """The workloads among them that ask for accelerators, sorted."""
    confidence: str
    place: Place
    """The value."""
    guard_place: Place
    """The replicas of the first of them, else its name."""


def budgets(graph: Graph, owners: Owners) -> Iterator[Budget]:
    """One fact per such budget that selects pods with accelerators."""
    pods = _Pods(graph)
    scaled = _scaled(graph)
    for manifest in graph.of_kind("PodDisruptionBudget", "policy"):
        selected, confidence = pods.selected(manifest)
        guards = sorted((each for each in selected if each.asked), key=lambda each: owners.of(each).label)
        blocked = _blocked(manifest, selected, scaled)
        if not guards or blocked is None:
            continue
        field, count = blocked
        namespace = _namespace(graph, manifest)
        yield Budget(
            cluster=graph.scope.name,
            budget=f"{manifest.kind} {namespace}/{manifest.name}" if namespace else f"{manifest.kind} {manifest.name}",
            field=field,
            value=text(manifest.get("spec", field)),
            pods=count,
            guards=tuple(dict.fromkeys(owners.of(each).label for each in guards)),
            confidence=confidence,
            place=manifest.place("spec", field),
            guard_place=_replicas_place(guards[0]),
        )


def _blocked(
    manifest: Manifest, selected: Sequence[Workload], scaled: frozenset[tuple[str, str]]
) -> tuple[str, int] | None:
    """The field that allows no eviction, and of how many pods; None where some may be evicted or that is not known."""
    most, fewest = (manifest.get("spec", field) for field in ("maxUnavailable", "minAvailable"))
    if most is not None:
        return ("maxUnavailable", 0) if _percent(most) == 0 or integer(most) == 0 else None
    percent = _percent(fewest)
    if percent == 100:
        return "minAvailable", 0
    if any((each.manifest.kind, each.manifest.name) in scaled for each in selected):
        return None
    counts = [_pods(each) for each in selected]
    pods = sum(count for count in counts if count is not None)
    if None in counts:
        return None
    needed = -(-pods * percent // 100) if percent >= 0 else integer(fewest) or 0
    return ("minAvailable", pods) if 0 < pods <= needed else None


def _pods(workload: Workload) -> int | None:
    """How many there are; None where that is not known or may become more."""
    template = workload.template
    grows = template.most is not None and template.most > (template.replicas or 0)
    return None if template.alternative or grows else template.replicas


def _percent(value: object) -> int:
    """Of `30%` 30; -1 for everything else."""
    written = value.strip() if isinstance(value, str) else ""
    digits = written.removesuffix("%")
    return int(digits) if written.endswith("%") and digits.isdecimal() and len(digits) < 4 else -1


class _Pods:
    """The pods of the input that a drain evicts: those of DaemonSets it leaves, and bare ones are not made again."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._builds = builds(graph.scope.sources)
        self._by_namespace: dict[str, list[Workload]] = {}
        self._by_folder: dict[str, list[Workload]] = {}
        for each in graph.pods:
            kind = each.template.kind
            if each.manifest.kind in {"DaemonSet", "Pod"} or (kind is not None and kind.is_template):
                continue
            self._by_namespace.setdefault(each.namespace, []).append(each)
            if not each.namespace:
                self._by_folder.setdefault(each.manifest.folder(), []).append(each)

    def selected(self, budget: Manifest) -> tuple[list[Workload], Confidence]:
        """Those that a budget selects, and how sure it is that they are in its cluster."""
        requirements = _requirements(budget)
        if requirements is None:
            return [], "low"
        beside = self._beside(budget, _namespace(self._graph, budget))
        found = [each for each in beside if _fit(requirements, each)]
        return found, least("high", *(self._together(budget, each) for each in found))

    def _beside(self, budget: Manifest, namespace: str) -> list[Workload]:
        """The pods of its namespace; where that is not known, those of its folder and of what is built with it."""
        if namespace:
            return [] if is_placeholder(namespace) else self._by_namespace.get(namespace, [])
        path = budget.document.source.path
        folders = {budget.folder()}
        built = [each.files for each in self._builds if path in each.files and not each.component]
        folders.update(posixpath.dirname(file) for files in built for file in files)
        inside = [each for folder in sorted(folders) for each in self._by_folder.get(folder, ())]
        return [
            each
            for each in inside
            if each.manifest.folder() == budget.folder()
            or any(each.manifest.document.source.path in files for files in built)
        ]

    def _together(self, budget: Manifest, workload: Workload) -> Confidence:
        one, other = (each.place("metadata", "name") for each in (budget, workload.manifest))
        return togetherness(self._graph, self._builds, one, other)


def _fit(requirements: Sequence[Requirement], workload: Workload) -> bool:
    return matches(requirements, LabelSet.of(workload.pod_labels, closed=True)) == "yes"


def _requirements(budget: Manifest) -> tuple[Requirement, ...] | None:
    """What a pod must fulfil; None where the budget selects no pods. An empty selector selects all of a namespace."""
    selector = budget.get("spec", "selector")
    if selector is None or is_placeholder(selector):
        return None
    labels = mapping(selector)
    return (
        *selector_requirements(labels.get("matchLabels")),
        *expression_requirements(labels.get("matchExpressions")),
    )


def _scaled(graph: Graph) -> frozenset[tuple[str, str]]:
    """Kind and name of what an autoscaler may give more replicas."""
    scalers = (each for each in graph.manifests if each.kind in {"HorizontalPodAutoscaler", "ScaledObject"})
    targets = (mapping(each.get("spec", "scaleTargetRef")) for each in scalers)
    return frozenset((text(each.get("kind")) or "Deployment", text(each.get("name"))) for each in targets)


def _namespace(graph: Graph, manifest: Manifest) -> str:
    return manifest.namespace or graph.given_namespaces.get(manifest.document.source.path, "")


def _replicas_place(workload: Workload) -> Place:
    path = workload.template.replicas_path
    return workload.manifest.place(*(path or ("metadata", "name")))
