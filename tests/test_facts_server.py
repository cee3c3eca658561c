"""Which pods are model servers for sure, and whether Kubernetes learns when they can answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpulint.config import DEFAULTS
from gpulint.facts.owner import Owners
from gpulint.facts.workload.server import model_servers
from gpulint.inputs import Inputs, link, read
from tests.linked import document, linked

GPU = {"limits": {"nvidia.com/gpu": 1}}
PROBE = {"httpGet": {"path": "/health", "port": 8000}}


def server(**fields: Any) -> dict[str, Any]:
    return {"name": "vllm", "image": "vllm/vllm-openai:v0.9.2", "resources": GPU, **fields}


def deployment(*containers: dict[str, Any], kind: str = "Deployment", api: str = "apps/v1", **spec: Any) -> str:
    return document(kind, "chat", api, spec={"template": {"spec": {"containers": list(containers), **spec}}})


def ready(*files: str) -> list[tuple[str, bool, bool]]:
    graph = linked({f"{index}.yaml": text for index, text in enumerate(files)})
    return [(each.container, each.ready, each.live) for each in model_servers(graph, Owners({}))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (deployment(server()), [("vllm", False, False)]),
        (deployment(server(readinessProbe=PROBE)), [("vllm", True, False)]),
        (deployment(server(startupProbe=PROBE, livenessProbe=PROBE)), [("vllm", True, True)]),
        (deployment(server(livenessProbe=PROBE)), [("vllm", False, True)]),
        (deployment(server(readinessProbe=None)), [("vllm", False, False)]),
        (deployment(server(readinessProbe="${PROBE}")), [("vllm", True, False)]),
        (deployment(server(**{"${PROBES}": ""})), [("vllm", True, True)]),
        (deployment(server(), {"name": "proxy", "readinessProbe": PROBE}), [("vllm", True, False)]),
        (deployment(server(), initContainers=[{"name": "fetch", "resources": GPU}]), [("vllm", False, False)]),
        (deployment(server(command=["sleep", "infinity"])), []),
        (deployment(server(command=["sh", "-c", "ray start --block --address=head:6379; vllm serve"])), []),
        (deployment(server(args=["--headless"])), []),
        (deployment({"name": "tv", "image": "jellyfin/jellyfin", "resources": GPU}), []),
        (deployment(server(), kind="Rollout", api="argoproj.io/v1alpha1"), []),
        (document("Pod", "chat", spec={"containers": [server()]}), []),
        (document("Job", "chat", "batch/v1", spec={"template": {"spec": {"containers": [server()]}}}), []),
    ],
    ids=[
        "none",
        "readiness",
        "startup and liveness",
        "liveness only",
        "null is none",
        "filled in later",
        "a key that is filled in later",
        "a proxy's",
        "an init container is no server",
        "it sleeps",
        "a rank for another pod",
        "a headless engine",
        "another service",
        "a kind that may add some",
        "a bare pod",
        "a job",
    ],
)
def test_who_serves_and_is_probed(text: str, expected: list[tuple[str, bool, bool]]) -> None:
    assert ready(text) == expected


def test_a_patch_may_bring_the_probe(tmp_path: Path) -> None:
    files = {
        "base/app.yaml": deployment(server()),
        "base/kustomization.yaml": "resources: [app.yaml]\n",
        "overlay/kustomization.yaml": "resources: [../base]\npatches:\n- path: probe.yaml\n",
        "overlay/probe.yaml": deployment({"name": "vllm", "resources": GPU, "readinessProbe": PROBE}),
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    inputs = Inputs(root=tmp_path)
    (graph,) = link(read([tmp_path], inputs, DEFAULTS), inputs, DEFAULTS)
    assert [each.ready for each in model_servers(graph, Owners({}))] == [True]
