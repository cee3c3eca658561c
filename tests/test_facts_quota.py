"""Facts about quotas: what they count of the accelerators of a namespace, what escapes, and what is too much."""

from __future__ import annotations

import pytest

from gpulint.facts.namespace.quota import QuotaItem, Quotas, quota_items
from gpulint.facts.owner import Owners
from tests.linked import document, linked, node, pod

SHARED = {"nvidia.com/gpu.sharing-strategy": "time-slicing"}
IN_LAB = {"namespace": "lab"}


def quota(*keys: str, kind: str = "ResourceQuota", api: str = "v1", path: tuple[str, ...] = ("hard",)) -> str:
    spec: object = dict.fromkeys(keys, "4")
    for step in reversed(path):
        spec = {step: spec}
    return document(kind, "share", api, metadata=IN_LAB, spec=spec)


def items(text: str) -> list[QuotaItem]:
    return in_files({"all.yaml": text})


def in_files(files: dict[str, str]) -> list[QuotaItem]:
    graph = linked(files)
    return list(quota_items(graph, Owners({}), Quotas(graph)))


@pytest.mark.parametrize(
    ("key", "prefix", "resource"),
    [
        ("nvidia.com/gpu", "", "nvidia.com/gpu"),
        ("limits.nvidia.com/gpu", "limits.", "nvidia.com/gpu"),
        ("requests.nvidia.com/mig-1g.5gb", "requests.", "nvidia.com/mig-1g.5gb"),
        ("limits.amd.com/gpu", "limits.", "amd.com/gpu"),
    ],
)
def test_a_quota_on_gpus(key: str, prefix: str, resource: str) -> None:
    (item,) = items(quota(key))
    assert (item.quota, item.key, item.prefix, item.resource) == ("ResourceQuota lab/share", key, prefix, resource)
    assert item.place.field() == f'spec.hard["{key}"]'
    assert not item.counted_too or prefix == "requests."


@pytest.mark.parametrize("key", ["limits.cpu", "pods", "count/jobs.batch", "requests.nvidia.com/gpumem"])
def test_other_quotas(key: str) -> None:
    assert items(quota(key) + node(labels=SHARED)) == []


def test_the_key_that_counts_beside_it() -> None:
    counted = {item.key: item.counted_too for item in items(quota("nvidia.com/gpu", "requests.nvidia.com/gpu"))}
    assert counted["nvidia.com/gpu"]


def test_hami_reads_quotas_of_its_own() -> None:
    (item,) = items(quota("limits.nvidia.com/gpu", "limits.nvidia.com/gpumem"))
    assert item.other_scheduler
    (item,) = items(quota("limits.nvidia.com/gpu") + pod("nvidia.com/gpumem", 4000))
    assert item.other_scheduler


@pytest.mark.parametrize(
    ("kind", "api", "path"),
    [
        ("ClusterResourceQuota", "quota.openshift.io/v1", ("quota", "hard")),
        ("Profile", "kubeflow.org/v1", ("resourceQuotaSpec", "hard")),
    ],
)
def test_kinds_that_are_evaluated_as_a_quota(kind: str, api: str, path: tuple[str, ...]) -> None:
    (item,) = items(quota("limits.nvidia.com/gpu", kind=kind, api=api, path=path))
    assert item.place.field() == f'spec.{".".join(path)}["limits.nvidia.com/gpu"]'


def test_a_quota_of_another_shape_is_none() -> None:
    assert items(document("ResourceQuota", "gpu", spec={"hard": ["nvidia.com/gpu"]})) == []


# --- what escapes -----------------------------------------------------------------------------------------------------


def counted(namespace: str = "lab", units: str = "4", **spec: object) -> str:
    hard = {"requests.nvidia.com/gpu": units}
    return document("ResourceQuota", "share", metadata={"namespace": namespace}, spec={"hard": hard, **spec})


def deployment(
    name: str, units: object, replicas: object = 1, resource: str = "nvidia.com/gpu", **fields: object
) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {resource: units}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return document(
        "Deployment", name, "apps/v1", metadata=IN_LAB, spec={"replicas": replicas, "template": template, **fields}
    )


def test_what_no_quota_names() -> None:
    texts = (
        counted() + deployment("b", 1, resource="nvidia.com/mig-1g.5gb") + deployment("a", 1, resource="amd.com/gpu")
    )
    (item,) = items(texts)
    assert item.uncounted == ("amd.com/gpu", "nvidia.com/mig-1g.5gb")
    assert [each.label for each in item.escapes] == ["Deployment lab/a", "Deployment lab/b"]
    assert item.escape_confidence == "high"


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(counted() + deployment("a", 1), id="it is counted"),
        pytest.param(counted() + deployment("a", 0, resource="amd.com/gpu"), id="none of it"),
        pytest.param(counted() + deployment("a", "${N}", resource="amd.com/gpu"), id="an unknown amount"),
        pytest.param(counted() + deployment("a", 1, resource="gpu.intel.com/i915_monitoring"), id="no device"),
        pytest.param(counted() + deployment("a", 1, resource="rdma/hca"), id="no accelerator"),
        pytest.param(counted("office") + deployment("a", 1, resource="amd.com/gpu"), id="another namespace"),
        pytest.param(counted("") + deployment("a", 1, resource="amd.com/gpu"), id="an unknown namespace"),
        pytest.param(counted("${NS}") + deployment("a", 1, resource="amd.com/gpu"), id="a placeholder"),
        pytest.param(
            counted(scopes=["BestEffort"]) + deployment("a", 1, resource="amd.com/gpu"), id="it takes some pods only"
        ),
        pytest.param(
            counted() + quota("limits.amd.com/gpu") + deployment("a", 1, resource="amd.com/gpu"),
            id="an entry that never counts is another matter",
        ),
    ],
)
def test_what_does_not_escape(texts: str) -> None:
    assert not any(item.uncounted for item in items(texts))


def test_two_quotas_of_a_namespace_tell_it_once() -> None:
    texts = counted() + counted().replace('"share"', '"more"') + deployment("a", 1, resource="amd.com/gpu")
    assert [item.uncounted for item in items(texts)] == [("amd.com/gpu",), ()]


def test_a_quota_over_namespaces_that_it_selects() -> None:
    spec = {
        "selector": {"labels": {"matchLabels": {"team": "a"}}},
        "quota": {"hard": {"requests.nvidia.com/gpu": "1"}},
    }
    over = document("ClusterResourceQuota", "all", "quota.openshift.io/v1", spec=spec)
    used = deployment("a", 1, resource="amd.com/gpu")
    (item,) = items(over + used + document("Namespace", "lab", metadata={"labels": {"team": "a"}}))
    assert item.uncounted == ("amd.com/gpu",)
    (item,) = items(over + used + document("Namespace", "lab", metadata={"labels": {"team": "b"}}))
    assert item.uncounted == ()
    (item,) = items(over + used)
    assert item.uncounted == ()


def claim(device_class: str = "gpu.nvidia.com") -> str:
    requests = [{"name": "gpu", "exactly": {"deviceClassName": device_class}}]
    spec = {"spec": {"devices": {"requests": requests}}}
    return document("ResourceClaimTemplate", "one", "resource.k8s.io/v1", metadata=IN_LAB, spec=spec)


CLAIMING = document(
    "Pod",
    "claiming",
    metadata=IN_LAB,
    spec={
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}],
        "containers": [{"name": "app", "image": "example.com/app:1", "resources": {"claims": [{"name": "gpu"}]}}],
    },
)


@pytest.mark.parametrize(
    ("texts", "uncounted"),
    [
        pytest.param(claim(), ("gpu.nvidia.com.deviceclass.resource.k8s.io/devices",), id="a GPU"),
        pytest.param(claim("nic.example.com"), (), id="no GPU"),
        pytest.param("", (), id="the template is not in the input"),
        pytest.param(
            claim()
            + document("DeviceClass", "g", "resource.k8s.io/v1", spec={"extendedResourceName": "nvidia.com/gpu"}),
            (),
            id="a class stands for a resource",
        ),
    ],
)
def test_claims(texts: str, uncounted: tuple[str, ...]) -> None:
    (item,) = items(counted() + CLAIMING + texts)
    assert item.uncounted == uncounted


# --- what is needed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "needed", "told"),
    [
        pytest.param(counted() + deployment("a", 5), 5, ["one pod with 5"], id="one pod"),
        pytest.param(counted() + deployment("a", 2, 3), 6, ["3 pods with 2 each"], id="its replicas"),
        pytest.param(
            counted() + deployment("a", 2, 2) + deployment("b", 3, 1),
            7,
            ["2 pods with 2 each", "one pod with 3"],
            id="two that run for good",
        ),
        pytest.param(counted() + deployment("a", 4), 0, [], id="just enough"),
        pytest.param(counted(units="${N}") + deployment("a", 9), 0, [], id="an unknown quota"),
        pytest.param(counted() + deployment("a", 9, "${N}"), 0, [], id="unknown replicas"),
        pytest.param(counted() + deployment("a", 9, 0), 0, [], id="none at all"),
        pytest.param(counted() + deployment("a", 9, resource="amd.com/gpu"), 0, [], id="another resource"),
        pytest.param(counted("office") + deployment("a", 9), 0, [], id="another namespace"),
        pytest.param(counted(scopes=["BestEffort"]) + deployment("a", 9), 0, [], id="it takes some pods only"),
    ],
)
def test_what_is_needed(texts: str, needed: int, told: list[str]) -> None:
    (item,) = items(texts)
    assert (item.needed, [each.told for each in item.needs]) == (needed, told)


def test_one_workload_is_surer_than_several() -> None:
    assert items(counted() + deployment("a", 5))[0].needed_confidence == "high"
    assert items(counted() + deployment("a", 3) + deployment("b", 3))[0].needed_confidence == "medium"


def test_two_definitions_of_one_workload_count_once() -> None:
    files = {"quota.yaml": counted(), "a/app.yaml": deployment("a", 3), "b/app.yaml": deployment("a", 3)}
    assert in_files(files)[0].needed == 0


def test_the_nearest_definition_of_a_quota_counts() -> None:
    files = {
        "dev/quota.yaml": counted(units="1"),
        "prod/quota.yaml": counted(units="8"),
        "prod/app.yaml": deployment("a", 3),
    }
    assert [item.needed for item in in_files(files)] == [0, 0]
    assert [item.needed for item in in_files({**files, "dev/app.yaml": deployment("a", 3)})] == [3, 0]
