"""Where configurations stand in real repositories: each carrier with the position of what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpulint.config import HOUSE_LABELS
from gpulint.facts.input.problem import config_problems
from gpulint.graph import Graph, link
from gpulint.graph.scope import Scope
from gpulint.source import load

BAD = """version: v1
sharing:
  timeSlicing:
    resources:
      - name: nvidia.com/gpu
        replicas: 1
"""
"""`1` is refused, in the last line."""


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


CARRIERS: dict[str, tuple[dict[str, str], str]] = {
    "a ConfigMap": (
        {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  any: |\n" + indented(BAD, 4)},
        "a.yaml:11:23",
    ),
    "a file of its own": ({"slices.yaml": BAD}, "slices.yaml:6:19"),
    "a file that a kustomization puts into a ConfigMap": (
        {
            "kustomization.yaml": "configMapGenerator:\n  - name: slices\n    files: [any=conf/slices.yaml]\n",
            "conf/slices.yaml": BAD,
        },
        "conf/slices.yaml:6:19",
    ),
    "values of the chart of the device plugin": (
        {"values.yaml": "config:\n  map:\n    any: |-\n" + indented(BAD, 6)},
        "values.yaml:9:25",
    ),
    "values of the chart of the operator": (
        {
            "operator.yaml": "driver:\n  enabled: false\ntoolkit:\n  enabled: true\ndevicePlugin:\n  config:\n    create: true\n"
            "    name: slices\n    data:\n      any: |-\n" + indented(BAD, 8)
        },
        "operator.yaml:16:27",
    ),
    "values of a chart that depends on it": (
        {
            "platform/Chart.yaml": "apiVersion: v2\nname: platform\nversion: 1.0.0\n",
            "platform/values.yaml": "nvidia-device-plugin:\n  config:\n    map:\n      any: |-\n" + indented(BAD, 8),
        },
        "platform/values.yaml:10:27",
    ),
    "a Flux HelmRelease": (
        {
            "release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: plugin}\nspec:\n"
            "  chart: {spec: {chart: nvidia-device-plugin}}\n  values:\n    config:\n      map:\n        any: |-\n"
            + indented(BAD, 10)
        },
        "release.yaml:15:29",
    ),
    "values text in an Argo CD Application": (
        {
            "app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: plugin}\nspec:\n  source:\n"
            "    chart: nvidia-device-plugin\n    helm:\n      values: |\n        config:\n          map:\n            any: |\n"
            + indented(BAD, 14)
        },
        "app.yaml:17:33",
    ),
    "a values object in one of several sources of an Application": (
        {
            "app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: plugin}\nspec:\n  sources:\n"
            "    - chart: nvidia-device-plugin\n      helm:\n        valuesObject:\n          config:\n            map:\n"
            "              any: |\n" + indented(BAD, 16)
        },
        "app.yaml:17:35",
    ),
    "a HelmChart of k3s": (
        {
            "chart.yaml": "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata: {name: plugin}\nspec:\n"
            "  chart: nvidia-device-plugin\n  valuesContent: |\n    config:\n      map:\n        any: |\n"
            + indented(BAD, 10)
        },
        "chart.yaml:15:29",
    ),
    "values in a kustomization": (
        {
            "kustomization.yaml": "helmCharts:\n  - name: nvidia-device-plugin\n    valuesInline:\n      config:\n        map:\n"
            "          any: |\n" + indented(BAD, 12)
        },
        "kustomization.yaml:12:31",
    ),
    "a strategic merge patch in a file": (
        {
            "kustomization.yaml": "patches:\n  - path: patch.yaml\n",
            "patch.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  any: |\n" + indented(BAD, 4),
        },
        "patch.yaml:11:23",
    ),
    "a strategic merge patch in a kustomization": (
        {
            "kustomization.yaml": "patches:\n  - patch: |-\n      apiVersion: v1\n      kind: ConfigMap\n      metadata: {name: m}\n"
            "      data:\n        any: |\n" + indented(BAD, 10)
        },
        "kustomization.yaml:13:29",
    ),
    "a JSON 6902 patch in a kustomization": (
        {
            "kustomization.yaml": "patches:\n  - target: {kind: ConfigMap}\n    patch: |-\n      - op: replace\n        path: /data/any\n"
            "        value: |\n" + indented(BAD, 10)
        },
        "kustomization.yaml:12:29",
    ),
    "a policy of Open Cluster Management": (
        {
            "policy.yaml": "apiVersion: policy.open-cluster-management.io/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n"
            "  policy-templates:\n    - objectDefinition:\n        apiVersion: policy.open-cluster-management.io/v1\n"
            "        kind: ConfigurationPolicy\n        metadata: {name: c}\n        spec:\n          object-templates:\n"
            "            - complianceType: musthave\n              objectDefinition:\n                apiVersion: v1\n"
            "                kind: ConfigMap\n                metadata: {name: m}\n                data:\n                  any: |\n"
            + indented(BAD, 20)
        },
        "policy.yaml:24:39",
    ),
}


@pytest.mark.parametrize(("files", "where"), CARRIERS.values(), ids=CARRIERS.keys())
def test_a_refused_config_is_found_at_its_place(tmp_path: Path, files: dict[str, str], where: str) -> None:
    (problem,) = config_problems(read(tmp_path, files))
    location = problem.place.location()
    assert f"{location.path}:{location.line}:{location.column}" == where
    assert (problem.kind, location.end_column - location.column) == ("refused", 1)


@pytest.mark.parametrize(
    ("replicas", "kinds"),
    [("${REPLICAS:=1}", ["refused"]), ("${REPLICAS:-4}", []), ("${REPLICAS}", []), ("${REPLICAS:=x}", ["refused"])],
)
def test_the_default_of_a_variable_counts(tmp_path: Path, replicas: str, kinds: list[str]) -> None:
    graph = read(tmp_path, {"slices.yaml": BAD.replace("replicas: 1", f"replicas: {replicas}")})
    assert [each.kind for each in config_problems(graph)] == kinds


def test_the_defaults_of_nvidias_own_chart_install_nothing(tmp_path: Path) -> None:
    files = {
        "gpu-operator/Chart.yaml": "apiVersion: v2\nname: gpu-operator\nversion: v26.7.0\n",
        "gpu-operator/values.yaml": "mig:\n  strategy: single\ndevicePlugin:\n  enabled: true\ntoolkit: {}\ndriver: {}\n",
    }
    assert read(tmp_path, files).configurations.installers == ()


def read(folder: Path, files: dict[str, str]) -> Graph:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return link(Scope("", load([folder], folder).sources, frozenset(), admission_adds_tolerations=False), HOUSE_LABELS)
