"""Jobs with GPUs: what ends them when they hang."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.kube.tree import get, mapping
from gpulint.manifest import Place

_KUEUE_LIMIT = "kueue.x-k8s.io/max-exec-time-seconds"
"""Label of a job after which Kueue takes its quota back and suspends it (kueue pkg/controller/constants)."""


@frozen
class JobFact:
    """A Job of Kubernetes, or that of a CronJob, whose pods ask for accelerators."""

    cluster: str
    owner: Owner
    bound: str
    """What bounds its time: `activeDeadlineSeconds` of the Job or of its pods, or Kueue's label; empty when nothing."""
    place: Place
    """The deadline of the Job, or where it would be."""


def job_facts(graph: Graph, owners: Owners) -> Iterator[JobFact]:
    """One fact per Job, in the order of the input."""
    for workload in graph.workloads:
        kind = workload.template.kind
        if kind is not None and kind.group == "batch":
            spec = workload.template.path[:-1]
            yield JobFact(
                cluster=graph.scope.name,
                owner=owners.of(workload),
                bound=_bound(workload),
                place=workload.manifest.place(*spec, "activeDeadlineSeconds"),
            )


def _bound(workload: Workload) -> str:
    data, spec = workload.manifest.data, workload.template.path[:-1]
    if any(get(data, (*path, "activeDeadlineSeconds")) is not None for path in (spec, workload.template.spec)):
        return "activeDeadlineSeconds"
    labels = [mapping(get(data, (*path, "metadata", "labels"))) for path in ((), spec[:-1])]
    return _KUEUE_LIMIT if any(_KUEUE_LIMIT in each for each in labels) else ""
