"""Objects that are defined twice where both definitions are applied."""

from __future__ import annotations

import pytest

from gpulint.facts.input.duplicate import Duplicate, duplicates
from gpulint.graph import link
from gpulint.graph.scope import Scope
from gpulint.source import read_stdin
from tests.linked import RENAMED, SLICED, WHOLE, document, linked, pod, policy, settings

OTHER = pod().replace("app:1", "app:2")


def found(files: dict[str, str]) -> list[Duplicate]:
    return list(duplicates(linked(files)))


@pytest.mark.parametrize(
    ("files", "where", "confidence"),
    [
        pytest.param({"a.yaml": pod() + OTHER}, "file", "high", id="a file"),
        pytest.param({"a.yaml": pod() + pod()}, "file", "high", id="alike"),
        pytest.param(
            {"kustomization.yaml": "resources: [a/pod.yaml, b/pod.yaml]", "a/pod.yaml": pod(), "b/pod.yaml": OTHER},
            "kustomization",
            "high",
            id="a kustomization",
        ),
        pytest.param(
            {
                "kustomization.yaml": "resources: [a, b/pod.yaml]",
                "a/kustomization.yaml": "resources: [pod.yaml]",
                "a/pod.yaml": pod(),
                "b/pod.yaml": OTHER,
            },
            "kustomization",
            "high",
            id="and one below it",
        ),
        pytest.param(
            {
                "flux.yaml": document(
                    "Kustomization", "gpu", "kustomize.toolkit.fluxcd.io/v1", spec={"path": "./apps"}
                ),
                "apps/a/pod.yaml": pod(),
                "apps/b/pod.yaml": OTHER,
            },
            "application",
            "medium",
            id="a folder of Flux",
        ),
        pytest.param(
            {
                "argo.yaml": document("Application", "gpu", "argoproj.io/v1alpha1", spec={"source": {"path": "apps"}}),
                "apps/a.yaml": pod(),
                "apps/b.yaml": OTHER,
            },
            "application",
            "medium",
            id="a folder of Argo CD",
        ),
        pytest.param({"a.yaml": pod(), "b.yaml": OTHER}, "folder", "low", id="only a folder: they may be variants"),
    ],
)
def test_what_both_are_part_of(files: dict[str, str], where: str, confidence: str) -> None:
    (fact,) = found(files)
    assert (fact.label, fact.where, fact.confidence) == ("Pod app", where, confidence)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a/pod.yaml": pod(), "b/pod.yaml": OTHER}, id="two folders"),
        pytest.param({"a.yaml": pod(), "b.yaml": pod()}, id="alike in one folder"),
        pytest.param(
            {"a.yaml": pod().replace('"name": "app"\n', '"generateName": "app-"\n', 1) * 2}, id="made-up names"
        ),
        pytest.param({"a.yaml": pod().replace('"name": "app"\n', '"name": "${X}"\n', 1) * 2}, id="a placeholder"),
        pytest.param({"a.yaml": document("Service", "app") * 2}, id="nothing about GPUs"),
        pytest.param({"a.yaml": document("ConfigMap", "app", data={"color": "red"}) * 2}, id="another ConfigMap"),
        pytest.param(
            {
                "kustomization.yaml": "resources: [a, b]",
                "a/kustomization.yaml": "resources: [pod.yaml]\nnamePrefix: a-",
                "b/kustomization.yaml": "resources: [pod.yaml]\nnamePrefix: b-",
                "a/pod.yaml": pod(),
                "b/pod.yaml": OTHER,
            },
            id="kustomizations give them two names",
        ),
        pytest.param(
            {
                "argo.yaml": document("Application", "gpu", "argoproj.io/v1alpha1", spec={"source": {"path": "apps"}}),
                "apps/a/pod.yaml": pod(),
                "apps/b/pod.yaml": OTHER,
            },
            id="Argo CD does not look below",
        ),
        pytest.param(
            {
                "flux.yaml": document(
                    "Kustomization", "gpu", "kustomize.toolkit.fluxcd.io/v1", spec={"path": "./apps"}
                ),
                "apps/kustomization.yaml": "resources: [a/pod.yaml]",
                "apps/a/pod.yaml": pod(),
                "apps/b/pod.yaml": OTHER,
            },
            id="a kustomization says what Flux applies",
        ),
    ],
)
def test_what_is_no_duplicate(files: dict[str, str]) -> None:
    assert found(files) == []


def test_carried_objects_are_parts_of_objects() -> None:
    part = {
        "objectDefinition": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": WHOLE}}
    }
    spec = {"object-templates": [part, part]}
    carrier = document("ConfigurationPolicy", "gpu", "policy.open-cluster-management.io/v1", spec=spec)
    assert found({"a.yaml": carrier}) == []


def test_members_of_lists_are_objects() -> None:
    listed = f'{{"apiVersion": "v1", "kind": "List", "items": [{pod()[4:]}, {OTHER[4:]}]}}'
    assert [fact.where for fact in found({"a.yaml": listed})] == ["file"]


def test_a_cluster_of_the_configuration() -> None:
    sources = tuple(read_stdin(text, path) for path, text in {"a/pod.yaml": pod(), "b/pod.yaml": OTHER}.items())
    graph = link(Scope("prod", sources, frozenset(), admission_adds_tolerations=False), {})
    assert [(fact.where, fact.told) for fact in duplicates(graph)] == [("cluster", "cluster prod")]


# --- a ConfigMap that an installer reads ------------------------------------------------------------------------------

OPERATOR = policy(config="sharing").replace('"name": "cluster-policy"', '"name": "cluster-policy", "namespace": "gpus"')


def part(**keys: str) -> str:
    return settings("sharing", **keys).replace('"name": "sharing"', '"name": "sharing", "namespace": "gpus"')


def test_parts_of_it_in_two_places() -> None:
    files = {"operator/policy.yaml": OPERATOR, "operator/a.yaml": part(a=WHOLE), "tuning/b.yaml": part(b=SLICED)}
    (fact,) = found(files)
    assert (fact.where, fact.confidence, fact.difference) == ("installer", "medium", "here without 'a'")


def test_parts_of_one_that_node_labels_choose_from() -> None:
    """Nothing in the input names it, and it is in the namespace of the only operator."""
    unnamed = OPERATOR.replace('"sharing"', '"other"')
    (fact,) = found({"operator/all.yaml": unnamed + part(a=RENAMED), "tuning/b.yaml": part(b=SLICED)})
    assert (fact.where, fact.told) == ("installer", "the namespace of ClusterPolicy cluster-policy")


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"operator/a.yaml": part(a=WHOLE), "tuning/b.yaml": part(a=SLICED)}, id="variants of one"),
        pytest.param(
            {"operator/a.yaml": part(a=WHOLE), "tuning/b.yaml": part(a=WHOLE, b=SLICED)}, id="one is the whole"
        ),
        pytest.param({"operator/a.yaml": part(a=WHOLE), "examples/b.yaml": part(b=SLICED)}, id="an example"),
        pytest.param(
            {"operator/a.yaml": part(a=WHOLE), "tuning/all.yaml": OPERATOR + part(b=SLICED)}, id="two installers"
        ),
        pytest.param(
            {
                "operator/a.yaml": part(a=WHOLE).replace("gpus", "x"),
                "tuning/b.yaml": part(b=SLICED).replace("gpus", "x"),
            },
            id="another namespace",
        ),
    ],
)
def test_what_are_no_parts_of_it(files: dict[str, str]) -> None:
    if "examples/b.yaml" in files:
        files = {f"examples/{path}" if not path.startswith("examples") else path: text for path, text in files.items()}
        files["examples/policy.yaml"] = OPERATOR
    else:
        files = {"operator/policy.yaml": OPERATOR, **files}
    assert [fact.where for fact in found(files)] in ([], ["folder"])
