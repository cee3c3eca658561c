"""Who a workload is and what it does."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Mapping

from gpulint.facts.classification import WorkloadClass, classify
from gpulint.facts.values import Owner
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import kind_of
from gpulint.manifest import manifests
from gpulint.source import Source

SURE = frozenset({"certain", "high"})
"""What a rule may rest on."""


class Owners:
    """The owner of each workload; made once, because classifying costs more than asking."""

    def __init__(self, stated: Mapping[str, str]) -> None:
        """Take `[workload-class]` of the configuration: glob over namespace/kind/name → class."""
        self._stated = stated
        self._known: dict[int, Owner] = {}
        self._services: dict[int, list[Mapping[str, object]]] = {}

    def of(self, workload: Workload) -> Owner:
        owner = self._known.get(id(workload))
        if owner is None:
            owner = self._known[id(workload)] = self._owner(workload)
        return owner

    def _owner(self, workload: Workload) -> Owner:
        manifest = workload.manifest
        what = self._class(workload)
        sure = what.certainty in SURE
        name = f"{workload.namespace}/{manifest.name}" if workload.namespace else manifest.name
        return Owner(
            label=f"{manifest.kind} {name or '(no name)'}",
            kind=manifest.kind,
            name=manifest.name,
            namespace=workload.namespace,
            role=workload.template.role,
            replicas=-1 if workload.template.replicas is None else workload.template.replicas,
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
        return classify(
            workload.template.kind or kind_of(manifest.group, manifest.kind),
            workload.template,
            manifest.data,
            templates=workload.siblings,
            gpu_containers=[asked.container for asked in workload.asked],
            name=manifest.name,
            folder=posixpath.basename(manifest.folder()),
            has_service=self._served(workload),
        )

    def _served(self, workload: Workload) -> bool:
        metadata = workload.template.metadata
        labels = workload.manifest.get(*metadata, "labels") if metadata is not None else None
        if not isinstance(labels, Mapping):
            return False
        source = workload.manifest.document.source
        if id(source) not in self._services:
            self._services[id(source)] = _service_selectors(source)
        selectors = self._services[id(source)]
        return any(all(labels.get(key) == value for key, value in selector.items()) for selector in selectors)


def _service_selectors(source: Source) -> list[Mapping[str, object]]:
    """Selectors of the Services in a file: one beside the workload says that it serves."""
    found = []
    for document in source.documents():
        if document.kind == "Service":
            for service in manifests(document):
                selector = service.get("spec", "selector")
                if isinstance(selector, Mapping) and selector:
                    found.append(selector)
    return found
