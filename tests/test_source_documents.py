"""Documents of a source: where they are, what the scan says of them, where their fields stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpulint.finding import Location
from gpulint.source import Document, Path, read_stdin

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec: {nvidia.com/gpu: 1}\n"


def documents(text: str) -> tuple[Document, ...]:
    return read_stdin(text, "a.yaml").documents()


SPLITS: dict[str, tuple[str, list[object]]] = {
    "one document": ("a: 1\n", [{"a": 1}]),
    "two documents": ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "a marker before the first": ("---\na: 1\n", [{"a": 1}]),
    "a marker after the last": ("a: 1\n---\n", [{"a": 1}]),
    "no line end": ("a: 1\n---\nb: 2", [{"a": 1}, {"b": 2}]),
    "nothing": ("", []),
    "only comments": ("# a\n---\n# b\n---\n\n", []),
    "comments before the first marker": ("# a\n---\na: 1\n", [{"a": 1}]),
    "a comment after the marker": ("--- # first\na: 1\n--- # second\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "content on the line of the marker": ("--- {a: 1}\n--- [2]\n", [{"a": 1}, [2]]),
    "a block scalar on the line of the marker": ("--- |\n  a\n---\nb: 1\n", ["a\n", {"b": 1}]),
    "end markers": ("a: 1\n...\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}]),
    "a directive": ("%YAML 1.1\n---\na: 1\n", [{"a": 1}]),
    "a directive for the second document": ("a: 1\n...\n%YAML 1.1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "a percent sign in a value": ("a: 5%\n---\nb: 2\n", [{"a": "5%"}, {"b": 2}]),
    "dashes inside a block scalar": ("a: |\n  x\n  ---\n  y\nb: 1\n", [{"a": "x\n---\ny\n", "b": 1}]),
    "more than three dashes are no marker": ("a: |\n  x\nb: c\n----d: 1\n", [{"a": "x\n", "b": "c", "----d": 1}]),
    "Windows line ends": ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
    "a byte-order mark": ("\ufeffa: 1\n", [{"a": 1}]),
    "a broken document does not hide its neighbours": ("a: 1\n---\nb: c: d\n---\ne: 2\n", [{"a": 1}, None, {"e": 2}]),
}


@pytest.mark.parametrize(("text", "data"), SPLITS.values(), ids=SPLITS.keys())
def test_documents_of_a_text(text: str, data: list[object]) -> None:
    assert [document.data() for document in documents(text)] == data


def test_problem_of_a_later_document_is_placed_in_the_source() -> None:
    text = "a: 1\n---\nb: c: d\n"
    (problem,) = documents(text)[1].problems()
    assert text[problem.start :] == ": d\n"


def test_first_of_two_equal_keys_is_placed_in_the_source() -> None:
    text = "a: 1\n---\nb: 1\nb: 2\n"
    (problem,) = documents(text)[1].problems()
    assert (problem.start, problem.related) == (14, (9, 10))


HEADERS = {
    "plain": ("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  namespace: b\n", "Deployment a/b"),
    "kind first": ("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a, namespace: b}\n", "Deployment a/b"),
    "metadata last": ("kind: Pod\napiVersion: v1\nspec:\n  name: x\nmetadata:\n  name: a\n", "Pod a/"),
    "quoted": ('"apiVersion": "v1"\n"kind": \'Pod\'\nmetadata:\n  name: "a"\n', "Pod a/"),
    "comments": ("apiVersion: v1 # x\nkind: Pod  # y\nmetadata: # z\n  # name: no\n\n  name: a # w\n", "Pod a/"),
    "labels before the name": ("apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    name: x\n  name: a\n", "Pod a/"),
    "all indented": ("  apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n", "Pod a/"),
    "a name elsewhere": ("apiVersion: v1\nkind: Pod\nspec:\n  metadata:\n    name: x\n", "Pod /"),
    "Windows line ends": ("apiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: a\r\n", "Pod a/"),
    "after a directive": ("%YAML 1.1\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "Pod a/"),
    "on the line of the marker": ('--- {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}\n', "Pod a/"),
    "JSON": ('{\n  "kind": "List",\n  "apiVersion": "v1",\n  "items": [{"kind": "Pod"}]\n}\n', "List /"),
    "JSON with the members first": (
        '{\n  "items": [\n    {"apiVersion": "v1", "kind": "Pod"}\n  ],\n  "apiVersion": "v1",\n  "kind": "List"\n}\n',
        "List /",
    ),
    "a kind in a block scalar": ("data: |\n  kind: x\n  apiVersion: y\n", " /"),
    "a kind at the bottom of a nested object": ("a:\n  kind: x\n  apiVersion: y\n", " /"),
    "an anchor": ("apiVersion: v1\nkind: &k Pod\n", "Pod /"),
}


@pytest.mark.parametrize(("text", "seen"), HEADERS.values(), ids=HEADERS.keys())
def test_header_is_seen_without_parsing(text: str, seen: str) -> None:
    (document,) = documents(text)
    assert f"{document.kind} {document.name}/{document.namespace}" == seen


MATTERS = {
    "a GPU": (POD, True),
    "a marker in capitals": (POD.replace("nvidia.com/gpu", "GPU_COUNT"), True),
    "no marker": (POD.replace("nvidia.com/gpu", "memory"), False),
    "another vendor": (POD.replace("nvidia.com/gpu", "habana.ai/gaudi"), True),
    "a device without the word": (POD.replace("{nvidia.com/gpu: 1}", "{limits: {aws.amazon.com/neuron: 1}}"), True),
    "such a domain outside of resources": ("apiVersion: v1\nkind: Service\nspec: {host: huawei.com/a}\n", False),
    "a namespace": ("apiVersion: v1\nkind: Namespace\n", True),
    "a node": ("apiVersion: v1\nkind: Node\n", True),
    "a list with a node": ("apiVersion: v1\nkind: List\nitems:\n- kind: Node\n  apiVersion: v1\n", True),
    "a list without": ("apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  apiVersion: v1\n", False),
    "a list of nodes in JSON": ('{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Node"}]}', True),
    "a CRD that speaks of GPUs": ("apiVersion: v1\nkind: CustomResourceDefinition\nspec: {gpu: 1}\n", False),
    "a Kustomization of kustomize": ("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", True),
    "a Kustomization of Flux": ("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n", False),
    "values of a chart of NVIDIA's": ("devicePlugin:\n  enabled: true\n", True),
    "values of another chart": ("resources:\n  limits:\n    nvidia.com/gpu: 1\n", False),
    "a device-plugin file": ("version: v1\nsharing:\n  timeSlicing:\n    resources: []\n", True),
    "a device-plugin file without version": ("sharing:\n  timeSlicing:\n    resources:\n    - replicas: 4\n", True),
    "a mig-parted file": ("version: v1\nmig-configs:\n  all-disabled: []\n", True),
    "a kind alone": ("kind: Pod\nnvidia.com/gpu: 1\n", False),
    "a configuration for whole GPUs": ("apiVersion: v1\nkind: ConfigMap\ndata:\n  whole: |\n    version: v1\n", True),
    "such a configuration in quotes": ('apiVersion: v1\nkind: ConfigMap\ndata: {whole: "version: v1"}\n', True),
    "another version": ("apiVersion: v1\nkind: ConfigMap\ndata: {x: 'version: v1beta1'}\n", False),
}


@pytest.mark.parametrize(("text", "matters"), MATTERS.values(), ids=MATTERS.keys())
def test_matters(text: str, matters: bool) -> None:
    assert [document.matters for document in documents(text)] == [matters]


TEMPLATES = {
    "an action that breaks the YAML": ("a: {{ .Values.x }}\n", True),
    "an action on a line of its own": ("{{- if .x }}\na: 1\n{{- end }}\n", True),
    "Jinja": ("{% if x %}\na: 1\n{% endif %}\n", True),
    "a placeholder on a line of its own": ("a:\n  b: 1\n${MORE}\n  c: 1\n", True),
    "an action in a string": ("a: '{{ .Values.x }}'\n", False),
    "a placeholder as a value": ("a: ${X}\n", False),
    "broken, but no template": ("a: b: c\n", False),
    "fine": ("a: 1\n", False),
}


@pytest.mark.parametrize(("text", "is_template"), TEMPLATES.values(), ids=TEMPLATES.keys())
def test_template(text: str, is_template: bool) -> None:
    assert [document.is_template for document in documents(text)] == [is_template]


SPANS: dict[str, tuple[str, Path, str]] = {
    "a value": ("a:\n  b: 12 # c\n", ("a", "b"), "12"),
    "a quoted value": ("a: '1 2'\n", ("a",), "'1 2'"),
    "a list item": ("a:\n- b\n- c\n", ("a", 1), "c"),
    "a key with dots": ("a: {nvidia.com/gpu: 4}\n", ("a", "nvidia.com/gpu"), "4"),
    "a flow mapping": ("a: {b: 1} # c\n", ("a",), "{b: 1}"),
    "a block mapping ends with its last scalar": ("a:\n  b: 1\n\n  # c\n\nd: 1\n", ("a",), "b: 1"),
    "a block list ends with its last scalar": ("a:\n- 1\n- 2 # c\n# d\n", ("a",), "- 1\n- 2"),
    "a block that ends with a key alone": ("a:\n  b: 1\n  c:\n\nd: 1\n", ("a",), "b: 1\n  c"),
    "a block that ends with a block scalar": ("a:\n  b: |\n    c\n\nd: 1\n", ("a",), "b: |\n    c"),
    "a block that ends with an alias": ("x: &x 1\na:\n  b: 1\n  c: *x\n\nd: 1\n", ("a",), "b: 1\n  c"),
    "a block scalar": ("a: |\n  b\n  c\n\nd: 1\n", ("a",), "|\n  b\n  c"),
    "a value with an anchor": ("a: &x 12\n", ("a",), "12"),
    "a value with a tag": ("a: !!str 12\n", ("a",), "12"),
    "an alias is where its anchor is": ("a: &x 12\nb: *x\n", ("b",), "12"),
    "a merged key is where it is written": ("x: &x {a: 1}\ny: {<<: *x, b: 2}\n", ("y", "a"), "1"),
    "a null that is written": ("a: null\n", ("a",), "null"),
    "a null that is not written has its key": ("a:\n  bee:\nc: 1\n", ("a", "bee"), "bee"),
    "a missing key has the key of its parent": ("a:\n  bee: {c: 1}\n", ("a", "bee", "d", "e"), "bee"),
    "a missing key of the document": ("kind: 1\nb: 2\n", ("x", "y"), "kind"),
    "a missing key of a list item": ("a:\n- name: b\n", ("a", 0, "x"), "name"),
    "a missing list item": ("args: [b]\n", ("args", 3), "args"),
    "a path through a scalar": ("a: b\n", ("a", "x"), "a"),
    "the last of equal keys": ("a: 1\na: 2\n", ("a",), "2"),
    "a key by its value": ("on: 1\n", ("true",), "1"),
    "a key as it is written": ("on: 1\n", ("on",), "1"),
    "a number as a key": ("8080: x\n", ("8080",), "x"),
    "the document": ("# c\na: 1\nb: 2\n\n", (), "a: 1\nb: 2"),
    "after a line separator": ("a: \"\u2028\"\nb: '\x85'\nc: 5\n", ("c",), "5"),
    "after characters beyond the BMP": ("# 🚀\na: 🚀🚀\nb: 5\n", ("b",), "5"),
    "with Windows line ends": ("a:\r\n  b: 12\r\n  c: |\r\n    x\r\n", ("a", "b"), "12"),
}


@pytest.mark.parametrize(("text", "path", "token"), SPANS.values(), ids=SPANS.keys())
def test_span(text: str, path: Path, token: str) -> None:
    (document,) = documents(text)
    start, end = document.span(path)
    assert text[start:end] == token


KEY_SPANS: dict[str, tuple[str, Path, str]] = {
    "a key": ("a:\n  bee: 1\n", ("a", "bee"), "bee"),
    "a quoted key": ("a:\n  'bee': 1\n", ("a", "bee"), "'bee'"),
    "a list item has its first key": ("a:\n- name: x\n  c: 1\n", ("a", 0), "name"),
    "a scalar list item has itself": ("a: [x, y]\n", ("a", 1), "y"),
    "an empty list item has the key of the list": ("args:\n-\n", ("args", 0), "args"),
}


@pytest.mark.parametrize(("text", "path", "token"), KEY_SPANS.values(), ids=KEY_SPANS.keys())
def test_key_span(text: str, path: Path, token: str) -> None:
    (document,) = documents(text)
    start, end = document.span(path, token="key")
    assert text[start:end] == token


def test_span_in_a_later_document() -> None:
    text = "a: 1\n---\n# c\nb: 2\n"
    start, end = documents(text)[1].span(("b",))
    assert text[start:end] == "2"


def test_span_of_a_broken_document_is_its_first_line() -> None:
    text = "a: 1\n---\n\nb: c: d\ne: 1\n"
    start, end = documents(text)[1].span(("e",))
    assert text[start:end] == "---"


def test_existence() -> None:
    (document,) = documents("a: {b: [1]}\nc:\n")
    assert document.exists(("a", "b", 0))
    assert document.exists(("c",))
    assert not document.exists(("a", "b", 1))
    assert not document.exists(("d",))


LOCATIONS = {
    "the first line": ("ab\ncd\n", 1, 2, (1, 2, 1, 3)),
    "the second line": ("ab\ncd\n", 3, 5, (2, 1, 2, 3)),
    "several lines": ("ab\ncd\n", 0, 4, (1, 1, 2, 2)),
    "the end": ("ab\n", 3, 3, (2, 1, 2, 1)),
    "a line separator ends no line": ("a\u2028b\x85c\rd\n", 6, 7, (1, 7, 1, 8)),
    "columns are code points": ("🚀é: x\n", 4, 5, (1, 5, 1, 6)),
}


@pytest.mark.parametrize(("text", "start", "end", "place"), LOCATIONS.values(), ids=LOCATIONS.keys())
def test_location(text: str, start: int, end: int, place: tuple[int, int, int, int]) -> None:
    assert read_stdin(text, "a.yaml").location(start, end) == Location("a.yaml", *place)


def test_released_documents_can_be_asked_again() -> None:
    (document,) = documents("a: 1\n")
    assert document.data() == {"a": 1}
    document.release()
    assert document.data() == {"a": 1}
    assert document.span(("a",)) == (3, 4)


@given(st.text(alphabet=st.sampled_from("ab:-? {}[],'\"|>#&*!%\n\r\t\u2028é.<0"), max_size=60))
def test_no_text_takes_it_down(text: str) -> None:
    source = read_stdin(text, "a.yaml")
    for document in source.documents():
        document.data()
        start, end = document.span(("a", 0, "b"))
        assert 0 <= start <= end <= len(source.text)
        for problem in document.problems():
            assert document.start <= problem.start <= problem.end <= document.end
