"""Problems of ClusterPolicies and chart values, at their places."""

from __future__ import annotations

import pytest

from gpulint.facts.input.problem import Problem
from gpulint.facts.operator.charts import installation_problems
from tests.linked import document, linked
from tests.test_graph_installers import application, release


def problems(files: dict[str, str]) -> list[Problem]:
    return list(installation_problems(linked(files)))


def told(found: Problem) -> tuple[str, str, str]:
    return found.reader, found.kind, found.field


POLICY = document("ClusterPolicy", "p", "nvidia.com/v1", spec={"migStrategy": "mixed"})
FOUND: dict[str, tuple[dict[str, str], list[tuple[str, str, str]]]] = {
    "a policy": ({"a.yaml": POLICY}, [("policy", "unknown", "migStrategy")]),
    "a release": (
        {"a.yaml": release("gpu-operator", {"migStrategy": "mixed"})},
        [("chart", "unknown", "migStrategy")],
    ),
    "a value that earlier releases had": (
        {"a.yaml": document("ClusterPolicy", "p", "nvidia.com/v1", spec={"devicePlugin": {"tolerations": []}})},
        [("policy", "removed", "devicePlugin.tolerations")],
    ),
    "a default that the definition refuses": (
        {"a.yaml": release("gpu-operator", {"migManager": {"config": {"default": "all-1g.5gb"}}})},
        [("chart", "refused", "migManager.config.default")],
    ),
    "a required field may come from a patch": (
        {"a.yaml": document("ClusterPolicy", "p", "nvidia.com/v1", spec={"driver": {}})},
        [],
    ),
    "what is missing may come from elsewhere": (
        {
            "a.yaml": release(
                "nvidia-device-plugin",
                {"config": {"map": {"a": "version: v1", "b": "version: v1"}}},
                valuesFrom=[{"kind": "Secret", "name": "v"}],
            )
        },
        [],
    ),
    "a chart of somebody else's": (
        {"values.yaml": "mps: {root: /run, on: true}\ngfd: {enabled: true}\nimage: {repository: a/k8s-mps-plugin}\n"},
        [],
    ),
}


@pytest.mark.parametrize(("files", "expected"), FOUND.values(), ids=FOUND.keys())
def test_what_is_told(files: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    assert [told(each) for each in problems(files)] == expected


def test_a_file_that_two_releases_use_is_told_of_once() -> None:
    files = {
        "a.yaml": application("gpu-operator", {"valueFiles": ["$x/v.yaml"]}, sources=[]),
        "v.yaml": "migManager: {enabled: true}\ntoolkit: {enabled: false}\ntolerations: []\n",
    }
    source = {"chart": "gpu-operator", "helm": {"valueFiles": ["$x/v.yaml"]}}
    for name in ("one", "two"):
        spec = {"sources": [source, {"ref": "x"}]}
        files[f"{name}.yaml"] = document("Application", name, "argoproj.io/v1alpha1", spec=spec)
    del files["a.yaml"]
    (found,) = problems(files)
    location = found.place.location()
    assert (location.path, location.line, location.column, location.end_column) == ("v.yaml", 3, 1, 12)


def test_the_layer_that_holds_the_value_is_told_of() -> None:
    files = {
        "kustomization.yaml": "helmCharts:\n  - name: gpu-operator\n    valuesFile: values.yaml\n"
        "    valuesInline:\n      driver: {maxParallelUpgrades: 2}\n",
        "values.yaml": "driver: {enabled: true}\ntoolkit: {enabled: true}\n",
    }
    (found,) = problems(files)
    location = found.place.location()
    assert (location.path, location.line, found.suggestion) == (
        "kustomization.yaml",
        5,
        "driver.upgradePolicy.maxParallelUpgrades",
    )
