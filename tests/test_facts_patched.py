"""What kustomizations change of a pod: the patches and counts that may be laid over it."""

from __future__ import annotations

import pytest

from gpulint.facts.patched import PLACEMENT, Patched
from tests.linked import linked, only_workload

SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: server
spec:
  template:
    spec:
      nodeSelector:
        pool: any
      containers:
        - name: server
          image: example.com/server:1
          resources:
            limits:
              nvidia.com/gpu: 1
"""
BASE = {"base/kustomization.yaml": "resources: [server.yaml]\n", "base/server.yaml": SERVER}
MERGE = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
  template:
    spec:
      tolerations:
        - key: nvidia.com/gpu
          operator: Exists
"""
OPERATIONS = """
resources: [../base]
patches:
  - target: {TARGET}
    patch: |
      - op: replace
        path: /spec/template/spec/nodeSelector/pool
        value: gpu
"""
NAMED = "resources: [../base]\npatches:\n  - path: PATH\n"
FLUX = """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
spec:
  path: ./PATH
  patches:
    - target: {kind: Deployment}
      patch: |
        - op: add
          path: /spec/template/spec/tolerations
          value: [{key: nvidia.com/gpu, operator: Exists}]
"""


def overlay(kustomization: str, **others: str) -> dict[str, str]:
    files = {f"live/{name}.yaml": text for name, text in others.items()}
    return {**BASE, "live/kustomization.yaml": kustomization, **files}


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        pytest.param(BASE, False, id="no overlay"),
        pytest.param(overlay("resources: [../base]\n"), False, id="an overlay without patches"),
        pytest.param(
            overlay(NAMED.replace("PATH", "add.yaml"), add=MERGE.replace("NAME", "server")), True, id="merged"
        ),
        pytest.param(
            overlay(NAMED.replace("PATH", "add.yaml"), add=MERGE.replace("NAME", "other")), False, id="another"
        ),
        pytest.param(overlay(OPERATIONS.replace("TARGET", "kind: Deployment")), True, id="operations by kind"),
        pytest.param(overlay(OPERATIONS.replace("TARGET", "kind: StatefulSet")), False, id="of another kind"),
        pytest.param(overlay(OPERATIONS.replace("TARGET", "labelSelector: tier=gpu")), True, id="operations by label"),
        pytest.param(overlay(NAMED.replace("PATH", "server-pool.yaml")), True, id="a file that is not at hand"),
        pytest.param(overlay(NAMED.replace("PATH", "ingress.yaml")), False, id="such a file for something else"),
        pytest.param({**BASE, "flux/apps.yaml": FLUX.replace("PATH", "base")}, True, id="by Flux"),
        pytest.param({**BASE, "flux/apps.yaml": FLUX.replace("PATH", "web")}, False, id="by Flux, elsewhere"),
    ],
)
def test_placement(files: dict[str, str], changed: bool) -> None:
    graph = linked(files)
    assert Patched(graph).pod(only_workload(graph), *PLACEMENT) is changed


def test_only_the_fields_that_a_patch_names() -> None:
    graph = linked(overlay(OPERATIONS.replace("TARGET", "name: server")))
    patched, workload = Patched(graph), only_workload(graph)
    assert patched.pod(workload, "nodeSelector")
    assert not patched.pod(workload, "containers")
    assert not patched.count(workload)


@pytest.mark.parametrize(("name", "changed"), [("server", True), ("client", False)])
def test_counts(name: str, changed: bool) -> None:
    graph = linked(overlay(f"resources: [../base]\nreplicas:\n  - name: {name}\n    count: 3\n"))
    assert Patched(graph).count(only_workload(graph)) is changed
