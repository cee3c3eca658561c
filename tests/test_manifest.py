"""Objects of documents, their fields and their places."""

import pytest

from gpulint.finding import ObjectRef
from gpulint.manifest import Manifest, Place, api_group, field_name, manifests, place_key
from gpulint.source import Path, read_stdin

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llm
  namespace: team-a
spec:
  template:
    spec:
      containers:
      - name: main
        resources:
          limits:
            nvidia.com/gpu: 2
"""
LIMITS = ("spec", "template", "spec", "containers", 0, "resources", "limits")


def objects(text: str, path: str = "apps/a.yaml") -> list[Manifest]:
    return [manifest for document in read_stdin(text, path).documents() for manifest in manifests(document)]


def test_identity() -> None:
    (manifest,) = objects(DEPLOYMENT)
    assert manifest.ref() == ObjectRef("apps", "v1", "Deployment", "team-a", "llm")
    assert manifest.folder() == "apps"


def test_folder_of_a_file_in_the_root_is_empty() -> None:
    assert objects(DEPLOYMENT, "a.yaml")[0].folder() == ""


def test_fields() -> None:
    (manifest,) = objects(DEPLOYMENT)
    assert manifest.get(*LIMITS, "nvidia.com/gpu") == 2
    assert manifest.get(*LIMITS) == {"nvidia.com/gpu": 2}
    assert manifest.get() == manifest.data


ABSENT: dict[str, tuple[str | int, ...]] = {
    "a missing key": ("spec", "x"),
    "a list index in a mapping": ("spec", 0),
    "a key in a list": ("spec", "template", "spec", "containers", "x"),
    "an index beyond the list": ("spec", "template", "spec", "containers", 1),
    "an index from the end": ("spec", "template", "spec", "containers", -1),
    "a key in a string": ("kind", "x"),
}


@pytest.mark.parametrize("path", ABSENT.values(), ids=ABSENT.keys())
def test_absent_fields(path: tuple[str | int, ...]) -> None:
    assert objects(DEPLOYMENT)[0].get(*path) is None


def test_place_of_a_value() -> None:
    place = objects(DEPLOYMENT)[0].place(*LIMITS, "nvidia.com/gpu")
    assert place.field() == 'spec.template.spec.containers[0].resources.limits["nvidia.com/gpu"]'
    location = place.location()
    assert (location.path, location.line, location.column, location.end_line, location.end_column) == (
        "apps/a.yaml", 13, 29, 13, 30,
    )  # fmt: skip


def test_place_of_a_key_and_of_a_missing_field() -> None:
    (manifest,) = objects(DEPLOYMENT)
    key = manifest.place(*LIMITS, "nvidia.com/gpu", token="key").location()
    missing = manifest.place(*LIMITS, "cpu").location()
    assert (key.line, key.column, key.end_column) == (13, 13, 27)
    assert (missing.line, missing.column, missing.end_column) == (12, 11, 17)


def test_place_inside_a_config_map() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    mig-configs:\n      a-b:\n      - 1g.5gb: 2\n"
    place = objects(text)[0].place("data", "config.yaml").into(("mig-configs", "a-b", 0, "1g.5gb"))
    assert place.field() == 'data["config.yaml"].mig-configs.a-b[0]["1g.5gb"]'
    location = place.location()
    assert (location.line, location.column, location.end_column) == (7, 17, 18)


def test_place_inside_something_that_is_no_string_falls_back_to_it() -> None:
    place = objects("apiVersion: v1\nkind: ConfigMap\ndata: {a: {b: 1}}\n")[0].place("data", "a").into(("x",))
    assert place.location().column == 11


def test_place_of_a_stretch_of_text() -> None:
    source = read_stdin("kubectl label node a gpu=1\n", "a.sh")
    location = Place.at(source, 21, 26).location()
    assert (location.line, location.column, location.end_column) == (1, 22, 27)


LISTS = {
    "a list": (
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: a}}\n"
            "- {apiVersion: v1, kind: Node, metadata: {name: b}}\n"
        ),
        [("Node", "a", ("items", 0)), ("Node", "b", ("items", 1))],
    ),
    "a typed list whose members say nothing": (
        "apiVersion: v1\nkind: NodeList\nitems:\n- metadata: {name: a}\n",
        [("Node", "a", ("items", 0))],
    ),
    "a list in a list": (
        (
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n"
            "  - {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
        ),
        [("Pod", "a", ("items", 0, "items", 0))],
    ),
    "members that are no objects": ("apiVersion: v1\nkind: List\nitems: [1, {kind: Pod}, null]\n", []),
    "an empty list": ("apiVersion: v1\nkind: List\nitems: []\n", []),
    "a kind that only ends like a list": (
        "apiVersion: x/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\n",
        [("AllowList", "a", ())],
    ),
    "no object": ("a: 1\n", []),
    "a kind that is no string": ("apiVersion: v1\nkind: 1\n", []),
    "a broken document": ("apiVersion: v1\nkind: Pod\na: b: c\n", []),
    "metadata of another shape": ("apiVersion: v1\nkind: Pod\nmetadata: [a]\n", [("Pod", "", ())]),
    "a name that is no string": ("apiVersion: v1\nkind: Pod\nmetadata: {name: 1}\n", [("Pod", "", ())]),
    "a generated name": ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", [("Pod", "a-", ())]),
}


@pytest.mark.parametrize(("text", "expected"), LISTS.values(), ids=LISTS.keys())
def test_objects_of_a_document(text: str, expected: list[tuple[str, str, Path]]) -> None:
    assert [(manifest.kind, manifest.name, manifest.root) for manifest in objects(text)] == expected


def test_members_of_a_list_have_their_own_data_and_places() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, spec: {a: 1}}\n"
    text += "- {apiVersion: v1, kind: Pod, spec: {a: 2}}\n"
    second = objects(text)[1]
    assert second.get("spec", "a") == 2
    assert second.place("spec", "a").location().line == 5
    assert second.place("spec", "a").field() == "items[1].spec.a"


def test_lists_in_lists_end_somewhere() -> None:
    text = "{apiVersion: v1, kind: List, items: [" * 50 + "]}" * 50
    assert objects(text) == []


GROUPS = {"v1": ("", "v1"), "apps/v1": ("apps", "v1"), "a.b/v1beta1": ("a.b", "v1beta1")}


@pytest.mark.parametrize(("text", "expected"), GROUPS.items())
def test_api_group(text: str, expected: tuple[str, str]) -> None:
    assert api_group(text) == expected


FIELDS: dict[str, tuple[Path, str]] = {
    "plain keys": (("a", "b-c", "d_e"), "a.b-c.d_e"),
    "an index": (("a", 0, "b"), "a[0].b"),
    "a key with dots": (("a", "b.c/d"), 'a["b.c/d"]'),
    "a key that is a number": (("a", "1"), 'a["1"]'),
    "a key with quotes": (('a"b\\',), '["a\\"b\\\\"]'),
    "the object": ((), ""),
}


@pytest.mark.parametrize(("path", "name"), FIELDS.values(), ids=FIELDS.keys())
def test_field_names(path: Path, name: str) -> None:
    assert field_name(path) == name


def test_place_keys_tell_places_apart() -> None:
    first, second = objects(DEPLOYMENT + "---\n" + DEPLOYMENT)
    places = [
        first.place("spec"),
        first.place("spec", token="key"),
        first.place("spec", 0),
        first.place("spec", "0"),
        first.place("spec").into(("a",)),
        second.place("spec"),
    ]
    assert len({place_key(place) for place in places}) == len(places)
    assert place_key(first.place("spec")) == place_key(first.place("spec"))
