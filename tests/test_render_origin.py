"""Rendered values → where they were written; the rendered texts are what the programs give."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.manifest import Place
from gpulint.origin import source_comment, trace
from gpulint.source import Document, Path, Source, read_stdin
from gpulint.source.rendering import Render
from gpulint.source.roles import role_by_name

GPU: Path = ("spec", "template", "spec", "containers", 0, "resources", "limits", "nvidia.com/gpu")


def files(texts: Mapping[str, str], chart: str = "") -> dict[str, Source]:
    return {
        path: Source(
            path, text, role_by_name(path.rpartition("/")[2], path.removeprefix(f"{chart}/") if chart else None)
        )
        for path, text in texts.items()
    }


def built(texts: Mapping[str, str], rendered: str, origin: str, *, generated: bool = False) -> Document:
    """An object of a build; `texts` begins with the kustomizations, the outer before the inner."""
    made = Render("kustomize", "top", "top", "", files(texts), origins=((origin, generated),))
    (document,) = Source("top/kustomization.yaml (rendered)", rendered, "manifests", render=made).documents()
    return document


def templated(texts: Mapping[str, str], rendered: str, *, values: tuple[str, ...] = ("chart/values.yaml",)) -> Document:
    sources = files(texts, "chart")
    made = Render("helm", "chart", "chart", "", sources, tuple(sources[each] for each in values))
    (document,) = Source("chart/Chart.yaml (rendered)", rendered, "manifests", render=made).documents()
    return document


def shown(place: Place) -> str:
    """File, line and text of a place."""
    start, end = place.span()
    location = place.location()
    return f"{location.path}:{location.line} {place.document.source.text[start:end]}"


def deployment(limits: str, *, name: str = "app", container: str = "main", more: str = "") -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: {container}
        image: registry.example.com/app:2
        resources:
          limits: {limits}
{more}"""


BASE = deployment("{nvidia.com/gpu: 1}")
TOP = "resources: [../base]\n"
INNER = "resources: [app.yaml]\n"


# --- overlays ---------------------------------------------------------------------------------------------------------


def test_what_no_layer_changes_is_in_the_base() -> None:
    texts = {"top/kustomization.yaml": TOP, "base/kustomization.yaml": INNER, "base/app.yaml": BASE}
    document = built(texts, BASE, "base/app.yaml")
    assert shown(trace(Place(document, GPU)).place) == "base/app.yaml:13 1"


def test_the_patch_that_has_the_value_comes_before_the_base() -> None:
    texts = {
        "top/kustomization.yaml": TOP + "patches: [{path: more.yaml}]\n",
        "base/kustomization.yaml": INNER,
        "top/more.yaml": deployment("{nvidia.com/gpu: 0.5}"),
        "base/app.yaml": deployment("{nvidia.com/gpu: 1}", more="      - name: sidecar\n"),
    }
    document = built(texts, deployment("{nvidia.com/gpu: 0.5}", name="pre-app"), "base/app.yaml")
    traced = trace(Place(document, GPU))
    assert shown(traced.place) == "top/more.yaml:13 0.5"
    assert shown(trace(Place(document, GPU, token="key")).place) == "top/more.yaml:13 nvidia.com/gpu"


@pytest.mark.parametrize(("path", "line"), [(("metadata", "name"), 4), ((*GPU[:5], "name"), 10), (("kind",), 2)])
def test_what_a_patch_says_to_be_recognized_is_no_setting(path: Path, line: int) -> None:
    texts = {
        "top/kustomization.yaml": TOP + "patches: [{path: more.yaml}]\n",
        "base/kustomization.yaml": INNER,
        "top/more.yaml": deployment("{nvidia.com/gpu: 0.5}"),
        "base/app.yaml": BASE,
    }
    for name in ("app", "prod-app"):
        document = built(texts, deployment("{nvidia.com/gpu: 0.5}", name=name), "base/app.yaml")
        assert shown(trace(Place(document, path)).place).startswith(f"base/app.yaml:{line} ")


def test_a_container_is_found_by_its_name() -> None:
    texts = {
        "top/kustomization.yaml": TOP + "patches: [{path: more.yaml}]\n",
        "base/kustomization.yaml": INNER,
        "top/more.yaml": deployment("{nvidia.com/gpu: 4}", container="other"),
        "base/app.yaml": deployment("{nvidia.com/gpu: 4}"),
    }
    document = built(texts, deployment("{nvidia.com/gpu: 4}"), "base/app.yaml")
    assert shown(trace(Place(document, GPU)).place) == "base/app.yaml:13 4"


def test_of_two_layers_the_outer_counts_unless_its_value_is_another() -> None:
    texts = {
        "top/kustomization.yaml": "resources: [../middle]\npatches: [{path: outer.yaml}]\n",
        "middle/kustomization.yaml": TOP + "patches: [{path: inner.yaml}]\n",
        "base/kustomization.yaml": INNER,
        "top/outer.yaml": deployment("{memory: 1Gi}"),
        "middle/inner.yaml": deployment("{nvidia.com/gpu: 3, memory: 2Gi}"),
        "base/app.yaml": BASE,
    }
    document = built(texts, deployment("{nvidia.com/gpu: 3, memory: 1Gi}"), "base/app.yaml")
    assert shown(trace(Place(document, GPU)).place) == "middle/inner.yaml:13 3"
    assert shown(trace(Place(document, (*GPU[:-1], "memory"))).place) == "top/outer.yaml:13 1Gi"


def test_an_operation_is_the_place_of_what_it_sets() -> None:
    patch = """\
patches:
  - target: {kind: Deployment, name: app}
    patch: |-
      - op: replace
        path: /spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu
        value: 7
"""
    texts = {"top/kustomization.yaml": TOP + patch, "base/kustomization.yaml": INNER, "base/app.yaml": BASE}
    document = built(texts, deployment("{nvidia.com/gpu: 7}"), "base/app.yaml")
    assert shown(trace(Place(document, GPU)).place) == "top/kustomization.yaml:7 7"


def test_a_patch_in_a_file_is_for_its_target_only() -> None:
    entry = "patches: [{path: ops.yaml, target: {kind: Deployment, name: another}}]\n"
    operation = "- {op: add, path: /spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu, value: 1}\n"
    texts = {
        "top/kustomization.yaml": TOP + entry,
        "base/kustomization.yaml": INNER,
        "top/ops.yaml": operation,
        "base/app.yaml": BASE,
    }
    assert shown(trace(Place(built(texts, BASE, "base/app.yaml"), GPU)).place) == "base/app.yaml:13 1"
    texts["top/kustomization.yaml"] = (TOP + entry).replace("another", "ap.*")
    assert shown(trace(Place(built(texts, BASE, "base/app.yaml"), GPU)).place) == "top/ops.yaml:1 1"


@pytest.mark.parametrize(
    ("path", "settings", "place"),
    [
        (("metadata", "namespace"), "namespace: ml\n", "top/kustomization.yaml:2 ml"),
        (("spec", "replicas"), "replicas: [{name: app, count: 5}]\n", "top/kustomization.yaml:2 5"),
        (
            (*GPU[:5], "image"),
            "images: [{name: registry.example.com/app, newTag: '9'}]\n",
            "top/kustomization.yaml:2 '9'",
        ),
    ],
)
def test_what_the_kustomization_sets_itself(path: Path, settings: str, place: str) -> None:
    texts = {"top/kustomization.yaml": TOP + settings, "base/kustomization.yaml": INNER, "base/app.yaml": BASE}
    rendered = BASE.replace("name: app\n", "name: app\n  namespace: ml\n", 1).replace("app:2", "app:9")
    rendered = rendered.replace("replicas: 2", "replicas: 5")
    assert shown(trace(Place(built(texts, rendered, "base/app.yaml"), path)).place) == place


def test_what_is_missing_is_missing_where_its_surroundings_are() -> None:
    texts = {
        "top/kustomization.yaml": TOP + "patches: [{path: more.yaml}]\n",
        "base/kustomization.yaml": INNER,
        "top/more.yaml": deployment("{nvidia.com/gpu: 1}"),
        "base/app.yaml": BASE,
    }
    document = built(texts, BASE, "base/app.yaml")
    assert shown(trace(Place(document, (*GPU[:6], "requests"))).place) == "base/app.yaml:12 resources"


def test_a_generated_config_map_is_the_file_that_it_is_made_of() -> None:
    kustomization = "configMapGenerator: [{name: plugin, files: [config.yaml=gpus.yaml], literals: [mode=mig]}]\n"
    texts = {"top/kustomization.yaml": kustomization, "top/gpus.yaml": "version: v1\nsharing: {mps: {}}\n"}
    rendered = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: plugin-7bhh8
data:
  config.yaml: |
    version: v1
    sharing: {mps: {}}
  mode: mig
"""
    document = built(texts, rendered, "top/kustomization.yaml", generated=True)
    held = Place(document, ("data", "config.yaml"))
    assert shown(trace(held.into(("sharing", "mps"), "key")).place) == "top/gpus.yaml:2 mps"
    assert shown(trace(held).place) == "top/kustomization.yaml:1 config.yaml=gpus.yaml"
    assert shown(trace(Place(document, ("data", "mode"))).place) == "top/kustomization.yaml:1 mode=mig"


# --- charts -----------------------------------------------------------------------------------------------------------

HEAD = "# Source: app/templates/server.yaml\n"


def template(resources: str) -> str:
    """A template of the Deployment with other lines for its resources."""
    return BASE.replace("        resources:\n          limits: {nvidia.com/gpu: 1}\n", resources)


@pytest.mark.parametrize(
    ("resources", "values", "place"),
    [
        pytest.param(
            "        resources:\n          limits:\n            nvidia.com/gpu: 1\n",
            "gpus: 1\n",
            "chart/templates/server.yaml:14 1",
            id="written out",
        ),
        pytest.param(
            "        resources:\n          limits:\n            nvidia.com/gpu: {{ .Values.gpus }}\n",
            "gpus: 1\n",
            "chart/values.yaml:1 1",
            id="one value",
        ),
        pytest.param(
            '        resources:\n          limits:\n            nvidia.com/gpu: "{{ $.Values.a.gpus | default 2 }}"\n',
            "a:\n  gpus: 1\n",
            "chart/values.yaml:2 1",
            id="quoted, with a default",
        ),
        pytest.param(
            "        resources:\n          limits:\n            nvidia.com/gpu: {{ .Values.gpus | default 1 }}\n",
            "cpus: 1\n",
            "chart/templates/server.yaml:14 {{ .Values.gpus | default 1 }}",
            id="a default that no value overrides",
        ),
        pytest.param(
            "        resources:\n          {{- toYaml .Values.resources | nindent 10 }}\n",
            "resources:\n  limits:\n    nvidia.com/gpu: 1\n",
            "chart/values.yaml:3 1",
            id="a block",
        ),
        pytest.param(
            "        {{- with .Values.server.resources }}\n        resources:\n"
            "          {{- toYaml . | nindent 10 }}\n        {{- end }}\n",
            "other:\n  limits: {nvidia.com/gpu: 1}\nserver:\n  resources:\n    limits: {nvidia.com/gpu: 1}\n",
            "chart/values.yaml:5 1",
            id="a block under another dot",
        ),
        pytest.param(
            "        resources:\n          limits:\n            {{ .Values.gpu.name }}: {{ .Values.gpu.count }}\n",
            "gpu: {name: nvidia.com/gpu, count: 1}\n",
            "chart/values.yaml:1 1",
            id="name and count from values",
        ),
        pytest.param(
            '        resources:\n          {{- include "app.resources" . | nindent 10 }}\n',
            "worker: {limits: {nvidia.com/gpu: 8}}\nserver: {limits: {nvidia.com/gpu: 1}}\n",
            "chart/values.yaml:2 1",
            id="through a helper, found by its keys and its value",
        ),
        pytest.param(
            '        resources:\n          {{- include "app.resources" . | nindent 10 }}\n',
            "worker: {limits: {nvidia.com/gpu: 1}}\nserver: {limits: {nvidia.com/gpu: 1}}\n",
            "chart/templates/server.yaml:12 resources",
            id="through a helper, from one of two",
        ),
    ],
)
def test_the_values_line_or_the_template_line(resources: str, values: str, place: str) -> None:
    texts = {"chart/values.yaml": values, "chart/templates/server.yaml": template(resources)}
    document = templated(texts, HEAD + BASE)
    assert shown(trace(Place(document, GPU)).place) == place


def test_the_last_values_file_that_sets_it() -> None:
    texts = {
        "chart/values.yaml": "gpus: 1\n",
        "prod.yaml": "gpus: 1\n",
        "region.yaml": "cpus: 4\n",
        "chart/templates/server.yaml": template(
            "        resources:\n          limits:\n            nvidia.com/gpu: {{ .Values.gpus }}\n"
        ),
    }
    document = templated(texts, HEAD + BASE, values=("chart/values.yaml", "prod.yaml", "region.yaml"))
    traced = trace(Place(document, GPU))
    assert shown(traced.place) == "prod.yaml:1 1"
    assert traced.template is not None
    assert shown(traced.template) == "chart/templates/server.yaml:14 {{ .Values.gpus }}"


def test_a_chart_below_gets_its_values_from_the_one_above() -> None:
    resources = "        resources:\n          {{- toYaml .Values.resources | nindent 10 }}\n"
    texts = {
        "chart/values.yaml": "engine:\n  resources: {limits: {nvidia.com/gpu: 1}}\n",
        "chart/charts/engine/values.yaml": "resources: {limits: {memory: 1Gi}}\n",
        "chart/charts/engine/templates/server.yaml": template(resources),
    }
    head = "# Source: app/charts/engine/templates/server.yaml\n"
    document = templated(texts, head + deployment("{nvidia.com/gpu: 1, memory: 1Gi}"))
    assert shown(trace(Place(document, GPU)).place) == "chart/values.yaml:2 1"
    assert shown(trace(Place(document, (*GPU[:-1], "memory"))).place) == "chart/charts/engine/values.yaml:1 1Gi"


def test_a_container_of_a_template_is_found_by_its_name() -> None:
    resources = "        resources:\n          limits:\n            nvidia.com/gpu: {{ .Values.%s }}\n"
    two = template(resources % "first") + "      - name: second\n" + resources % "second"
    texts = {"chart/values.yaml": "first: 1\nsecond: 1\n", "chart/templates/server.yaml": two}
    more = "      - name: second\n        resources:\n          limits: {nvidia.com/gpu: 1}\n"
    document = templated(texts, HEAD + deployment("{nvidia.com/gpu: 1}", more=more))
    assert shown(trace(Place(document, GPU)).place) == "chart/values.yaml:1 1"
    assert shown(trace(Place(document, (*GPU[:4], 1, *GPU[5:]))).place) == "chart/values.yaml:2 1"


def test_yaml_in_a_config_map_of_a_template() -> None:
    written = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  config.yaml: |
    version: v1
    sharing:
      timeSlicing:
        resources:
          - name: nvidia.com/gpu
            replicas: {{ .Values.replicas }}
"""
    texts = {"chart/values.yaml": "replicas: 1\n", "chart/templates/server.yaml": written}
    rendered = written.replace("{{ .Release.Name }}", "app").replace("{{ .Values.replicas }}", "1")
    inner: Path = ("sharing", "timeSlicing", "resources", 0, "replicas")
    place = Place(templated(texts, HEAD + rendered), ("data", "config.yaml"), (inner,))
    assert shown(trace(place).place) == "chart/values.yaml:1 1"


def test_text_that_says_what_template_it_is_from() -> None:
    (document,) = read_stdin(f"---\n{HEAD}{BASE}").documents()
    said = source_comment(document)
    assert said is not None
    assert said[0] == "app/templates/server.yaml"
    assert shown(said[1]) == "-:2 app/templates/server.yaml"
    (plain,) = read_stdin(f"{BASE}{HEAD}").documents()
    assert source_comment(plain) is None


def test_a_place_in_text_that_was_not_rendered_stays() -> None:
    (document,) = read_stdin(BASE).documents()
    assert trace(Place(document, GPU)).place == Place(document, GPU)
