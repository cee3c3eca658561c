"""Who a workload is and what it does."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from gpulint.facts.classification import WorkloadClass, classify, stated
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import kind_of
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest, manifests
from gpulint.source import Source

_T = TypeVar("_T")

SURE = frozenset({"certain", "high"})
"""What a rule may rest on."""


class Owners:
    """The owner of each workload; made once, because classifying costs more than asking."""

    def __init__(self, stated: Mapping[str, str], sources: Iterable[Source] = ()) -> None:
        """Take `[workload-class]` of the configuration, glob over namespace/kind/name → class, and the files there are.

        Without the files nothing is known of a workload but what stands in its own.
        """
        self._stated = stated
        self._folders: dict[str, list[Source]] = {}
        for source in sources:
            self._folders.setdefault(posixpath.dirname(source.path), []).append(source)
        self._known: dict[int, Owner] = {}
        self._guessed: dict[int, WorkloadClass] = {}
        self._known_beside: dict[str, _Beside] = {}

    def of(self, workload: Workload) -> Owner:
        owner = self._known.get(id(workload))
        if owner is None:
            owner = self._known[id(workload)] = self._owner(workload)
        return owner

    def guess(self, workload: Workload) -> WorkloadClass:
        """The class with its certainty, also where no rule may rest on it."""
        guessed = self._guessed.get(id(workload))
        if guessed is None:
            guessed = self._guessed[id(workload)] = self._class(workload)
        return guessed

    def is_scaled(self, workload: Workload) -> bool:
        """Whether an autoscaler in the same folder scales it."""
        target = (workload.manifest.kind, workload.manifest.name)
        return any(target == each for each in _near(workload, self._beside(workload).scaled))

    def _owner(self, workload: Workload) -> Owner:
        manifest = workload.manifest
        what = self.guess(workload)
        sure = what.certainty in SURE
        name = f"{workload.namespace}/{manifest.name}" if workload.namespace else manifest.name
        return Owner(
            label=f"{manifest.kind} {name or '(no name)'}",
            kind=manifest.kind,
            name=manifest.name,
            namespace=workload.namespace,
            role=workload.template.role,
            replicas=-1 if workload.template.replicas is None else workload.template.replicas,
            service_level=self._service_level(workload),
            workload_class=what.name if sure else "unknown",
            detail=what.detail if sure else "",
            evidence=", ".join(what.evidence[:3]),
        )

    def _class(self, workload: Workload) -> WorkloadClass:
        manifest = workload.manifest
        identity = f"{workload.namespace}/{manifest.kind}/{manifest.name}"
        for pattern, name in self._stated.items():
            if fnmatch.fnmatchcase(identity, pattern):
                return WorkloadClass(name, "", "certain", (f"the configuration says so for '{pattern}'",))  # type: ignore[arg-type] # checked when read
        of_owner = stated(manifest.data.get("metadata")) if workload.holder is not manifest else None
        return of_owner or classify(
            kind_of(manifest.group, manifest.kind),
            workload.template,
            workload.holder.data,
            templates=workload.siblings,
            gpu_containers=[asked.container for asked in workload.asked],
            name=manifest.name,
            folder=posixpath.basename(manifest.folder()),
            has_service=self._served(workload),
            overrides=_overrides(workload),
        )

    def _served(self, workload: Workload) -> bool:
        return self._is_selected(workload, self._beside(workload).services)

    def _service_level(self, workload: Workload) -> bool:
        """Replicas, a priority class, or an autoscaler or disruption budget in the same folder."""
        replicas = workload.template.replicas
        if (replicas is not None and replicas > 1) or workload.pod_spec.get("priorityClassName"):
            return True
        return self.is_scaled(workload) or self._is_selected(workload, self._beside(workload).budgets)

    def _is_selected(self, workload: Workload, selectors: _Selectors) -> bool:
        return any(_selects(selector, workload.pod_labels) for selector in _near(workload, selectors))

    def _beside(self, workload: Workload) -> _Beside:
        source = workload.manifest.document.source
        folder = posixpath.dirname(source.path)
        found = self._known_beside.get(folder if folder in self._folders else source.path)
        if found is None:
            sources = self._folders.get(folder)
            found = _beside(sources or [source])
            self._known_beside[folder if sources else source.path] = found
        return found


def _overrides(workload: Workload) -> Mapping[str, object]:
    """What a TrainJob puts in place of the fields of its runtime's containers."""
    manifest = workload.manifest
    if workload.holder is manifest or manifest.kind != "TrainJob":
        return {}
    trainer = mapping(manifest.get("spec", "trainer"))
    return {field: trainer[field] for field in ("image", "command", "args") if trainer.get(field)}


_Selectors: TypeAlias = "Sequence[tuple[str, Mapping[str, object]]]"
"""Namespace, as written, and selector."""


@frozen
class _Beside:
    """What stands in the same folder and speaks of workloads."""

    services: _Selectors
    """Of Services: one beside the workload says that it serves."""
    budgets: _Selectors
    """`matchLabels` of PodDisruptionBudgets."""
    scaled: tuple[tuple[str, tuple[object, object]], ...]
    """Namespace, then kind and name of what a HorizontalPodAutoscaler or ScaledObject scales."""


def _beside(sources: Sequence[Source]) -> _Beside:
    documents = [each for source in sources for each in source.documents() if each.kind in _SPEAKING]
    found = [manifest for document in documents for manifest in manifests(document)]
    return _Beside(
        services=tuple(_mappings(found, "Service", "spec", "selector")),
        budgets=tuple(_mappings(found, "PodDisruptionBudget", "spec", "selector", "matchLabels")),
        scaled=tuple(
            (namespace, (target.get("kind", "Deployment"), target.get("name")))
            for kind in ("HorizontalPodAutoscaler", "ScaledObject")
            for namespace, target in _mappings(found, kind, "spec", "scaleTargetRef")
        ),
    )


_SPEAKING = frozenset({"Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "ScaledObject"})


def _mappings(found: Sequence[Manifest], kind: str, *path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    for manifest in found:
        value = manifest.get(*path) if manifest.kind == kind else None
        if isinstance(value, Mapping) and value:
            yield manifest.namespace, value


def _near(workload: Workload, items: Sequence[tuple[str, _T]]) -> Iterator[_T]:
    """Those that may be in the namespace of the workload."""
    for namespace, item in items:
        if not namespace or not workload.namespace or namespace == workload.namespace:
            yield item


def _selects(selector: Mapping[str, object], labels: Mapping[str, object]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
