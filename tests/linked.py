"""Small inputs for tests of the graph: manifests in a few words, linked without a file system."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from gpulint.config import HOUSE_LABELS
from gpulint.facts.candidates import Candidates, candidates
from gpulint.graph import Graph, link
from gpulint.graph.landing import Landing
from gpulint.graph.scope import Scope
from gpulint.graph.workloads import Workload
from gpulint.source import read_stdin

SLICED = """
version: v1
sharing:
  timeSlicing:
    resources:
      - name: nvidia.com/gpu
        replicas: 4
"""
RENAMED = SLICED.replace("timeSlicing:", "timeSlicing:\n    renameByDefault: true")
MPS = SLICED.replace("timeSlicing", "mps")
WHOLE = "version: v1\n"
SLICED_MIG = """
version: v1
flags:
  migStrategy: mixed
sharing:
  timeSlicing:
    resources:
      - name: nvidia.com/mig-1g.5gb
        replicas: 3
"""


def linked(files: Mapping[str, str], *, complete: Sequence[str] = (), tolerated: bool = False) -> Graph:
    """The graph of files, path → text; the built-in house label `nvidia.com/gpu-sharing` counts."""
    sources = tuple(read_stdin(text, path) for path, text in sorted(files.items()))
    return link(Scope("", sources, frozenset(complete), tolerated), HOUSE_LABELS)


def only_workload(graph: Graph) -> Workload:
    (workload,) = graph.workloads
    return workload


def only_landing(graph: Graph) -> Landing:
    return graph.landing(only_workload(graph))


def judged(graph: Graph) -> Candidates:
    """What the one container of the one workload would get."""
    workload = only_workload(graph)
    (asked,) = workload.asked
    return candidates(workload, asked, graph.landing(workload))


def document(kind: str, name: str, api: str = "v1", /, **fields: object) -> str:
    metadata = {"name": name, **_mapping(fields.pop("metadata", {}))}
    return "---\n" + json.dumps({"apiVersion": api, "kind": kind, "metadata": metadata, **fields}, indent=1) + "\n"


def pod(resource: str = "nvidia.com/gpu", units: int = 1, /, **spec: object) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {resource: units}}}
    return document("Pod", "app", spec={"containers": [container], **spec})


def affinity(*terms: Sequence[tuple[str, str, Sequence[str]]]) -> Mapping[str, object]:
    """Required node affinity: terms of (key, operator, values)."""
    written = [
        {
            "matchExpressions": [
                {"key": key, "operator": operator, "values": list(values)} for key, operator, values in term
            ]
        }
        for term in terms
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": written}}}


def policy(default: str = "", *, strategy: str = "", config: str = "settings", name: str = "cluster-policy") -> str:
    plugin = {"config": {"name": config, "default": default}} if config else {}
    mig = {"strategy": strategy} if strategy else {}
    return document("ClusterPolicy", name, "nvidia.com/v1", spec={"devicePlugin": plugin, "mig": mig})


def settings(name: str = "settings", **keys: str) -> str:
    """A ConfigMap with device-plugin configurations."""
    return document("ConfigMap", name, data=dict(keys))


def node(name: str = "gpu-1", labels: Mapping[str, str] | None = None, **fields: object) -> str:
    return document("Node", name, metadata={"labels": labels or {}}, **fields)


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}
