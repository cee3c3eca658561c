"""What Argo CD, Flux and Helm say of files: namespaces, and which of them are for different clusters."""

from __future__ import annotations

import pytest

from gpulint.graph.kustomize import are_apart, destinations, namespaces
from gpulint.source import Source, read_stdin
from gpulint.source.rendering import Render

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{resources: {limits: {nvidia.com/gpu: 1}}}]}\n"
)


def application(path: str, *, namespace: str = "ml", server: str = "https://one", more: str = "") -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {path.replace("/", "-")}}}
spec:
  source: {{path: {path}{more}}}
  destination: {{namespace: {namespace}, server: {server}}}
"""


def sources(files: dict[str, str]) -> tuple[Source, ...]:
    return tuple(read_stdin(text, path) for path, text in files.items())


@pytest.mark.parametrize(
    ("files", "given"),
    [
        pytest.param(
            {"argo.yaml": application("apps/a"), "apps/a/pod.yaml": POD}, {"apps/a/pod.yaml": "ml"}, id="a folder"
        ),
        pytest.param(
            {"argo.yaml": application("apps/a"), "apps/a/b/pod.yaml": POD}, {}, id="folders below are not read"
        ),
        pytest.param(
            {"argo.yaml": application("apps/a", more=", directory: {recurse: true}"), "apps/a/b/pod.yaml": POD},
            {"apps/a/b/pod.yaml": "ml"},
            id="unless they are asked for",
        ),
        pytest.param(
            {
                "argo.yaml": application("apps/a"),
                "apps/a/pod.yaml": POD.replace("{name: a}", "{name: a, namespace: own}"),
            },
            {},
            id="what names its own keeps it",
        ),
        pytest.param(
            {
                "argo.yaml": application("apps/a"),
                "apps/a/kustomization.yaml": "resources: [../../pod.yaml]\n",
                "pod.yaml": POD,
            },
            {"pod.yaml": "ml"},
            id="what the kustomization of the folder reaches",
        ),
        pytest.param(
            {
                "argo.yaml": application("apps/a"),
                "b.yaml": application("apps/a", namespace="x"),
                "apps/a/pod.yaml": POD,
            },
            {},
            id="two that disagree",
        ),
        pytest.param(
            {"argo.yaml": application("apps/a", namespace="'{{name}}'"), "apps/a/pod.yaml": POD}, {}, id="a placeholder"
        ),
    ],
)
def test_the_namespace_of_an_application(files: dict[str, str], given: dict[str, str]) -> None:
    assert namespaces(sources(files)) == given


def test_applications_for_other_clusters() -> None:
    files = sources(
        {
            "a.yaml": application("one"),
            "b.yaml": application("two", server="https://two"),
            "c.yaml": application("three"),
            "one/pod.yaml": POD,
            "two/pod.yaml": POD,
            "three/pod.yaml": POD,
            "four/pod.yaml": POD,
        }
    )
    found = {source.path: source for source in files}
    assert destinations(files)["two/pod.yaml"] == {"https://two"}
    assert are_apart(files, found["one/pod.yaml"], found["two/pod.yaml"])
    assert not are_apart(files, found["one/pod.yaml"], found["three/pod.yaml"])
    assert not are_apart(files, found["one/pod.yaml"], found["four/pod.yaml"])
    assert not are_apart(files, found["one/pod.yaml"], found["one/pod.yaml"])


def test_renders_that_share_a_file_are_variants_of_one_thing() -> None:
    base, own = sources({"base/pod.yaml": POD, "own/pod.yaml": POD})

    def rendered(name: str, *originals: Source, namespace: str = "") -> Source:
        made = Render("kustomize", name, name, namespace, {each.path: each for each in originals})
        return Source(f"{name}/kustomization.yaml (rendered)", POD, "manifests", render=made)

    prod, staging, other = rendered("prod", base), rendered("staging", base, namespace="stage"), rendered("other", own)
    everything = (prod, staging, other)
    assert are_apart(everything, prod, staging)
    assert not are_apart(everything, prod, other)
    assert namespaces(everything) == {staging.path: "stage"}
