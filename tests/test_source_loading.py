"""What a run reads, keeps, counts and leaves out."""

from pathlib import Path

import pytest

from gpulint.source import MAX_BYTES, Loaded, discover, load, read, read_stdin

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nvidia.com/gpu: 1}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
BROKEN_POD = "apiVersion: v1\nkind: Pod\nspec: {nvidia.com/gpu: 1}\na: b: c\n"


def load_files(root: Path, files: dict[str, str | bytes]) -> Loaded:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load([root], root)


def skipped(loaded: Loaded) -> list[tuple[str, str]]:
    return [(each.path, each.reason) for each in loaded.not_analysed]


def problems(loaded: Loaded) -> list[tuple[str, str]]:
    return [
        (problem.kind, source.text[problem.start : problem.end])
        for source in loaded.sources
        for document in source.documents()
        if document.matters
        for problem in document.problems()
    ]


def test_only_sources_in_which_something_matters_are_kept(tmp_path: Path) -> None:
    loaded = load_files(
        tmp_path, {"a.yaml": POD, "b.yaml": SERVICE, "c.yaml": SERVICE + "---\n" + POD, "d.yaml": "a: 1"}
    )
    assert [source.path for source in loaded.sources] == ["a.yaml", "c.yaml"]
    assert [document.matters for document in loaded.sources[1].documents()] == [False, True]
    assert (loaded.files, loaded.objects) == (3, 4)
    assert loaded.not_analysed == ()


COUNTS: dict[str, tuple[str, int]] = {
    "a list": ("apiVersion: v1\nkind: List\nitems:\n- kind: Service\n  x: 1\n- kind: Service\n  x: [- 1]\n", 2),
    "a list of nodes": ("apiVersion: v1\nkind: NodeList\nitems:\n- {}\n- {}\n- {}\n", 3),
    "a list of nodes in JSON": (
        '{"apiVersion": "v1", "items": [{"kind": "Node"}, {"kind": "Node"}], "kind": "List"}',
        2,
    ),
    "a kustomization is no object": ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", 0),
    "values are no object": ("a: 1\n", 0),
    "an empty document is no object": (SERVICE + "---\n# no\n---\n" + SERVICE, 2),
}


@pytest.mark.parametrize(("text", "count"), COUNTS.values(), ids=COUNTS.keys())
def test_objects_are_counted(tmp_path: Path, text: str, count: int) -> None:
    assert load_files(tmp_path, {"a.yaml": text}).objects == count


def test_charts_are_not_read(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "c/Chart.yaml": "apiVersion: v2\nname: gpu\n",
        "c/templates/pod.yaml": POD,
        "c/values.yaml": "nvidia: {}\n",
        "c/values-other.yaml": "a: 1\n",
        "c/crds/pod.yaml": POD,
    }
    loaded = load_files(tmp_path, files)
    assert [source.path for source in loaded.sources] == ["c/crds/pod.yaml"]
    assert skipped(loaded) == [("c/templates/pod.yaml", "helm-template"), ("c/values.yaml", "helm-values")]


def test_templates_outside_charts_are_told_and_are_no_syntax_errors(tmp_path: Path) -> None:
    text = POD.replace("1}", "{{ .count }}}") + "---\n" + POD
    loaded = load_files(tmp_path, {"a.yaml": text})
    assert skipped(loaded) == [("a.yaml", "template")]
    assert problems(loaded) == []
    assert [document.matters for document in loaded.sources[0].documents()] == [False, True]


def test_a_template_whose_head_is_an_action(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": "{{- if .gpu }}\n" + POD + "{{- end }}\n"})
    assert skipped(loaded) == [("a.yaml", "template")]
    assert loaded.sources == ()


def test_actions_inside_strings_make_no_template(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": POD.replace("name: a", "name: '{{workflow.name}}'")})
    assert (len(loaded.sources), skipped(loaded)) == (1, [])


SYNTAX: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a GPU pod": (BROKEN_POD, [("syntax", ":")]),
    "a namespace": ("apiVersion: v1\nkind: Namespace\na: b: c\n", [("syntax", ":")]),
    "a pod without GPU": (SERVICE + "a: b: c\n", []),
    "a head that cannot be seen": ("apiVersion: apps/v1\n    kind: Deployment\nspec:\n  gpu: 1\n", [("syntax", ":")]),
    "no manifest at all": ("gpu: b: c\napiVersion\n", []),
    "an indented manifest in something else": ("gpu:\n  apiVersion: v1\n  kind: Pod\n", []),
}


@pytest.mark.parametrize(("text", "expected"), SYNTAX.values(), ids=SYNTAX.keys())
def test_syntax_errors_of_documents_that_matter(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    assert problems(load_files(tmp_path, {"a.yaml": text})) == expected


def test_a_broken_document_that_cannot_matter_is_told(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": "gpu: b: c\nx: apiVersion\n"})
    assert skipped(loaded) == [("a.yaml", "broken")]


def test_a_broken_document_does_not_hide_its_neighbours(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": POD + "---\n" + BROKEN_POD + "---\n" + POD})
    assert [document.data() is None for document in loaded.sources[0].documents()] == [False, True, False]


def test_patches_are_told_from_manifests(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "o/kustomization.yaml": (
            "resources: [a.yaml]\npatches:\n- path: p.yaml\n- patch: |\n    x: 1\n"
            "patchesStrategicMerge: [../s.yaml]\npatchesJson6902:\n- path: ./j.yaml\n"
        ),
        **dict.fromkeys(("o/a.yaml", "o/p.yaml", "s.yaml", "o/j.yaml"), POD),
    }
    loaded = load_files(tmp_path, files)
    assert {source.path: source.role for source in loaded.sources} == {
        "o/a.yaml": "manifests",
        "o/j.yaml": "patch",
        "o/kustomization.yaml": "kustomization",
        "o/p.yaml": "patch",
        "s.yaml": "patch",
    }


def test_a_kustomization_under_another_name(tmp_path: Path) -> None:
    text = "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n"
    assert [source.role for source in load_files(tmp_path, {"a.yaml": text}).sources] == ["kustomization"]


def test_a_broken_kustomization_stops_nothing(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"kustomization.yaml": "patches: [path: a: b\n", "a.yaml": POD})
    assert [kind for kind, _ in problems(loaded)] == ["syntax"]


def test_encrypted_files_are_told(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": POD + "x: ENC[AES256_GCM,data:a]\nsops: {}\n"})
    assert (loaded.sources, skipped(loaded)) == ((), [("a.yaml", "encrypted")])


def test_large_files_are_told(tmp_path: Path) -> None:
    loaded = load_files(tmp_path, {"a.yaml": POD + "#" * MAX_BYTES, "b.yaml": "#" * (MAX_BYTES + 1)})
    assert [(source.path, source.problems[0].kind) for source in loaded.sources] == [("a.yaml", "too-large")]
    assert skipped(loaded) == [("b.yaml", "too-large")]


def test_scripts_are_kept_when_they_label_nodes(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.sh": "kubectl label node a gpu=1\n",
        "b.sh": "kubectl apply -f label.yaml\n",
        "c.sh": "gcloud container node-pools create gpus\n",
    }
    assert [source.path for source in load_files(tmp_path, files).sources] == ["a.sh", "c.sh"]


def test_machine_configurations_are_kept_and_hold_no_objects(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "talos.yaml": "version: v1alpha1\nmachine:\n  nodeLabels: {gpu: 'yes'}\n---\napiVersion: v1alpha1\nkind: X\n",
        "k3s.yaml": "node-label:\n- gpu=yes\n",
        "bare.yaml": "machine:\n  sysctls: {}\n",
        "flavor.yaml": "apiVersion: v1\nkind: ResourceFlavor\nspec: {nodeLabels: {gpu: 'yes'}}\n",
    }
    loaded = load_files(tmp_path, files)
    assert {source.path: source.role for source in loaded.sources} == {
        "flavor.yaml": "manifests",
        "k3s.yaml": "machines",
        "talos.yaml": "machines",
    }
    assert (loaded.files, loaded.objects) == (1, 1)


def test_json_without_objects_is_not_kept(tmp_path: Path) -> None:
    assert load_files(tmp_path, {"a.json": '{"gpu": 1}', "b.json": '{"apiVersion": "v1", "gpu": '}).sources == ()


def test_json_objects_are_read(tmp_path: Path) -> None:
    text = (
        '{"spec": {"kind": "x", "gpu": 1}, "apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {}, "name": "a"}}'
    )
    (source,) = load_files(tmp_path, {"a.json": text}).sources
    assert [(document.kind, document.name) for document in source.documents()] == [("Pod", "a")]


def test_raw_configuration_files_are_kept(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "mig.yaml": "version: v1\nmig-configs:\n  all: []\n",
        "plugin.yaml": "version: v1\nsharing:\n  timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}\n",
        "values.yaml": "version: v1\ngpu: 1\n",
    }
    loaded = load_files(tmp_path, files)
    assert [source.path for source in loaded.sources] == ["mig.yaml", "plugin.yaml"]
    assert loaded.objects == 0


ENCODINGS = {
    "UTF-8 with a byte-order mark": POD.encode("utf-8-sig"),
    "UTF-16, little end first": b"\xff\xfe" + POD.encode("utf-16-le"),
    "UTF-16, big end first": b"\xfe\xff" + POD.encode("utf-16-be"),
}


@pytest.mark.parametrize("data", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_encodings(tmp_path: Path, data: bytes) -> None:
    (source,) = load_files(tmp_path, {"a.yaml": data}).sources
    assert (source.text, source.problems) == (POD, ())
    assert source.location(0, 1).column == 1


def test_undecodable_bytes_are_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    data = b"# \xe9t\xe9 \xc3\xa9\n" + POD.encode()
    (source,) = load_files(tmp_path, {"a.yaml": data}).sources
    (problem,) = source.problems
    assert (problem.kind, problem.start, source.text[:7]) == ("undecodable", 2, "# \ufffdt\ufffd é")
    assert "0xe9" in problem.message
    assert [document.kind for document in source.documents()] == ["Pod"]


def test_undecodable_files_that_cannot_matter_are_told(tmp_path: Path) -> None:
    assert skipped(load_files(tmp_path, {"a.yaml": b"# \xe9\n" + SERVICE.encode()})) == [("a.yaml", "broken")]


def test_reading_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD)
    (found,), _ = discover([tmp_path], root=tmp_path)
    source = read(found)
    assert (source.path, source.text, source.role) == ("a.yaml", POD, "manifests")


def test_a_file_that_is_gone_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD)
    (found,), _ = discover([tmp_path], root=tmp_path)
    (tmp_path / "a.yaml").unlink()
    assert [problem.kind for problem in read(found).problems] == ["unreadable"]


def test_standard_input(tmp_path: Path) -> None:
    loaded = load([], tmp_path, stdin=read_stdin("\ufeff" + POD, "deploy/a.yaml"))
    assert [(source.path, source.text) for source in loaded.sources] == [("deploy/a.yaml", POD)]
    assert loaded.objects == 1


def test_standard_input_with_lone_surrogates() -> None:
    source = read_stdin("a: \udc80\n")
    assert [problem.kind for problem in source.problems] == ["undecodable"]
    assert "\udc80" not in source.text


STDIN_ROLES = {"a.yaml": "manifests", "x/kustomization.yaml": "kustomization", "a.sh": "shell", "-": "manifests"}


@pytest.mark.parametrize(("name", "role"), STDIN_ROLES.items())
def test_role_of_standard_input(name: str, role: str) -> None:
    assert read_stdin(POD, name).role == role


def test_a_file_without_objects_is_other() -> None:
    assert read_stdin("a: 1\n").role == "other"
