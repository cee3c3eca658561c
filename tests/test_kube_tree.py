"""Reading plain data that may be malformed."""

import pytest

from gpulint.kube.tree import Path, get, integer, is_placeholder, mappings, text

PLACEHOLDERS = [
    "${GPUS}",
    "$GPUS",
    "$(GPUS)",
    "${GPUS:=4}",
    "image:${TAG}",
    "{{ .Values.gpus }}",
    "[[ gpus ]]",
    "<number of gpus>",
    "@GPUS@",
    "%GPUS%",
    "#{GPUS}#",
    "__GPUS__",
    "PLACEHOLDER_GPUS",
    "CHANGEME",
    "change <this>",
    "YOUR_NAMESPACE",
]
PLAIN = [
    "",
    "4",
    "nvidia.com/gpu",
    "a$",
    "100%",
    "a < b",
    "user@example.com",
    "pa$5",
    "__init__",
    "your-name",
    4,
    None,
    True,
]


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_placeholder(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", PLAIN)
def test_no_placeholder(value: object) -> None:
    assert not is_placeholder(value)


def test_get() -> None:
    data = {"a": [{"b": 1}], "c": "text"}
    assert get(data, ("a", 0, "b")) == 1
    assert get(data, ()) is data
    missing: list[Path] = [("a", 1), ("a", "b"), ("c", 0), ("c", "d"), ("x", "y"), (0,), ("a", -1)]
    for path in missing:
        assert get(data, path) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, 2), (2.0, 2), (2.5, None), ("2", None), (True, None), (None, None), (float("inf"), None)],
)
def test_integer(value: object, expected: int | None) -> None:
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (True, "true"), (False, "false"), (3, "3"), (1.5, "1.5"), (None, ""), ([], ""), ({}, "")],
)
def test_text(value: object, expected: str) -> None:
    assert text(value) == expected


def test_mappings_keep_their_index() -> None:
    assert list(mappings(["a", {"b": 1}, None, {}])) == [(1, {"b": 1}), (3, {})]
    assert list(mappings("text")) == []
