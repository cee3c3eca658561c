"""LimitRanges on accelerators: whom they give some, whom they reject, and what the API server refuses."""

from __future__ import annotations

import pytest

from gpulint.facts.namespace.limit_range import Bound, LimitItem, bounds_on_nothing, limit_items
from gpulint.facts.namespace.quota import Quotas
from tests.linked import document, linked

GPU = "nvidia.com/gpu"


def limits(*items: object, name: str = "bounds", namespace: str = "lab") -> str:
    return document("LimitRange", name, metadata={"namespace": namespace}, spec={"limits": list(items)})


def item(kind: str = "Container", resource: str = GPU, /, **fields: object) -> object:
    return {"type": kind, **{field: {resource: amount} for field, amount in fields.items()}}


def found(*texts: str) -> list[LimitItem]:
    return list(limit_items(linked({f"{index}.yaml": text for index, text in enumerate(texts)})))


def only(*items: object) -> LimitItem:
    (fact,) = found(limits(*items))
    return fact


@pytest.mark.parametrize(
    ("fields", "given", "by"),
    [
        ({"max": 2}, "2", "max"),
        ({"max": 2, "min": 1}, "2", "max"),
        ({"max": 2, "default": 1}, "1", "default"),
        ({"default": "1"}, "1", "default"),
        ({"max": 2, "default": 0}, "", ""),
        ({"max": 0}, "", ""),
        ({"max": "${N}"}, "", ""),
        ({"max": 2, "defaultRequest": 1}, "", ""),
    ],
    ids=str,
)
def test_what_every_container_gets(fields: dict[str, object], given: str, by: str) -> None:
    fact = only(item(**fields))
    assert fact.given.text == given
    assert not by or fact.given_by == by
    assert fact.limit_range == "LimitRange lab/bounds"


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"default": 2, "defaultRequest": 1}, True),
        ({"max": 2, "defaultRequest": 0}, True),
        ({"default": "1", "defaultRequest": 1000}, True),
        ({"default": "1", "defaultRequest": "1000m"}, False),
        ({"max": 2, "default": 0, "defaultRequest": 0}, False),
        ({"default": "${N}", "defaultRequest": 1}, False),
        ({"defaultRequest": 1}, False),
    ],
    ids=str,
)
def test_defaults_that_differ(fields: dict[str, object], differs: bool) -> None:
    assert only(item(**fields)).differs is differs


@pytest.mark.parametrize(
    ("items", "field"),
    [
        pytest.param([item(min=1)], "min", id="a minimum is the default request"),
        pytest.param([item(min=0)], "min", id="of zero too"),
        pytest.param([item(defaultRequest=1)], "defaultRequest", id="a default request"),
        pytest.param([item(defaultRequest="${N}")], "", id="an unknown one"),
        pytest.param([item(default=0, min=0)], "", id="a minimum beside a default"),
        pytest.param([item(maxLimitRequestRatio=1)], "maxLimitRequestRatio", id="a ratio"),
        pytest.param([item("Pod", max=8)], "max", id="a maximum per pod"),
        pytest.param([item("Pod", min=1)], "min", id="a minimum per pod"),
        pytest.param([item("Pod", maxLimitRequestRatio=1)], "maxLimitRequestRatio", id="a ratio per pod"),
        pytest.param([item("Pod", max="${N}")], "", id="an unknown maximum per pod"),
        pytest.param([item("PersistentVolumeClaim", max=8)], None, id="of claims"),
        pytest.param([item("Container", "cpu", min=1)], None, id="of CPUs"),
    ],
)
def test_pods_that_are_rejected(items: list[object], field: str | None) -> None:
    facts = found(limits(*items))
    assert [(fact.rejects_place.path[3] if fact.rejects else "") for fact in facts] == (
        [] if field is None else [field]
    )


@pytest.mark.parametrize(
    ("default", "bound", "rejects"),
    [
        (0, {"max": 8}, False),
        (0, {"min": 1}, True),
        (0, {"min": 0}, False),
        (0, {"maxLimitRequestRatio": 1}, True),
        (1, {"min": 1}, False),
        ("${N}", {"max": 8}, False),
    ],
    ids=str,
)
def test_what_containers_get_helps_their_pod(default: object, bound: dict[str, object], rejects: bool) -> None:
    pods, apart = item("Pod", **bound), limits(item(default=default), name="more")
    for facts in (found(limits(item(default=default), pods)), found(limits(pods), apart)):
        (fact,) = (each for each in facts if each.type == "Pod")
        assert bool(fact.rejects) is rejects


def test_defaults_of_another_namespace_help_nobody() -> None:
    facts = found(limits(item("Pod", max=8)), limits(item(default=0), namespace="office"))
    assert [bool(fact.rejects) for fact in facts] == [True, False]


def on_nothing(text: str) -> list[Bound]:
    graph = linked({"all.yaml": text})
    return list(bounds_on_nothing(graph, Quotas(graph)))


def test_a_label_is_no_resource() -> None:
    memory = item("Container", "nvidia.com/gpu.memory", default="4Gi", max="8Gi")
    (bound,) = on_nothing(limits(memory))
    assert (bound.holder, bound.node_label, bound.given.text) == ("LimitRange lab/bounds", True, "4Gi")
    assert bound.place.field() == 'spec.limits[0].default["nvidia.com/gpu.memory"]'


def test_a_quota_gives_nothing() -> None:
    hard = {"requests.nvidia.com/gpu.memory": "8Gi", "requests.nvidia.com/gpus": "1", "requests.nvidia.com/gpu": "1"}
    found = on_nothing(document("ResourceQuota", "share", spec={"hard": hard}))
    assert [(each.resource, each.suggestion, each.given.stated) for each in found] == [
        ("nvidia.com/gpu.memory", "", False),
        ("nvidia.com/gpus", "nvidia.com/gpu", False),
    ]


@pytest.mark.parametrize("resource", ["nvidia.com/gpumem", "nvidia.com/gpu", "memory", "nos.nebuly.com/gpu-memory"])
def test_what_some_plugin_has(resource: str) -> None:
    assert on_nothing(limits(item("Container", resource, max=4))) == []
