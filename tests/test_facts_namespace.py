"""Facts about namespaces: who shares GPUs there, what limits and quotas there are."""

from __future__ import annotations

import pytest

from gpulint.config import DEFAULTS
from gpulint.facts import derive
from gpulint.facts.namespace import NamespaceFact, QuotaItem, quota_items
from gpulint.graph import kustomize
from gpulint.source import read_stdin
from tests.linked import SLICED, document, linked, node, pod, policy, settings

SHARED = {"nvidia.com/gpu.sharing-strategy": "time-slicing"}
IN_LAB = {"namespace": "lab"}


def namespaced(text: str, namespace: str = "lab") -> str:
    return text.replace('"name": "app"\n', f'"name": "app",\n  "namespace": "{namespace}"\n', 1)


def limit_range(namespace: str = "") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    return document("LimitRange", "bounds", metadata=metadata, spec={"limits": [{"type": "Container"}]})


def only_namespace(text: str, complete: tuple[str, ...] = ()) -> NamespaceFact:
    facts = derive(linked({"all.yaml": text}, complete=complete), DEFAULTS)
    (found,) = (each for each in facts if isinstance(each, NamespaceFact))
    return found


def test_a_renamed_resource_is_shared_whatever_the_node() -> None:
    found = only_namespace(namespaced(pod("nvidia.com/gpu.shared")))
    assert (found.name, found.sharers, found.sharer_confidence) == ("lab", ("Pod lab/app",), "high")
    assert found.certain
    assert not found.has_limit_range


def test_nodes_that_are_not_declared_may_share() -> None:
    settled = policy("any") + settings(any=SLICED)
    found = only_namespace(namespaced(pod()) + settled)
    assert (found.sharers, found.certain, found.sharer_confidence) == (("Pod lab/app",), False, "medium")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(pod(), id="nothing tells of the nodes"),
        pytest.param(pod(nodeSelector={"nvidia.com/gpu.sharing-strategy": "none"}), id="whole GPUs"),
        pytest.param(pod("nvidia.com/gpu.shared", 0), id="none of it"),
        pytest.param(pod("nvidia.com/gpu.shared").replace(": 1\n", ': "${UNITS}"\n'), id="an unknown amount"),
    ],
)
def test_who_does_not_share(text: str) -> None:
    assert only_namespace(namespaced(text)).sharers == ()


def test_what_belongs_to_the_cluster_does_not_count() -> None:
    resources = {"limits": {"nvidia.com/gpu.shared": 1}}
    spec = {"containers": [{"name": "app", "image": "nvidia/dcgm-exporter:4", "resources": resources}]}
    exporter = document("DaemonSet", "exporter", "apps/v1", metadata=IN_LAB, spec={"template": {"spec": spec}})
    assert only_namespace(exporter).sharers == ()


def test_without_a_namespace_there_is_no_fact() -> None:
    facts = derive(linked({"all.yaml": pod("nvidia.com/gpu.shared")}), DEFAULTS)
    assert not [each for each in facts if isinstance(each, NamespaceFact)]


@pytest.mark.parametrize(
    ("namespace", "has"),
    [("lab", True), ("office", False), ("", True)],
    ids=["in it", "in another one", "in one that is not known"],
)
def test_limit_ranges(namespace: str, has: bool) -> None:
    assert only_namespace(namespaced(pod("nvidia.com/gpu.shared")) + limit_range(namespace)).has_limit_range is has


def test_limits_are_known_when_the_space_is_complete() -> None:
    text = namespaced(pod("nvidia.com/gpu.shared"))
    assert not only_namespace(text).limits_known
    assert only_namespace(text, complete=("limits",)).limits_known


def test_the_place_is_the_namespace_object_where_there_is_one() -> None:
    text = namespaced(pod("nvidia.com/gpu.shared"))
    assert only_namespace(text).place.field() == "metadata.namespace"
    assert only_namespace(text + document("Namespace", "lab")).place.field() == "metadata.name"


# --- kustomizations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"app/kustomization.yaml": "namespace: lab\nresources: [pod.yaml]"}, {"app/pod.yaml": "lab"}, id="a file"
        ),
        pytest.param(
            {
                "lab/kustomization.yaml": "namespace: lab\nresources: [../base]\ncomponents: [../more]",
                "base/kustomization.yaml": "resources: [pod.yaml]",
                "more/kustomization.yaml": "kind: Component\nresources: [job.yaml]",
            },
            {"base/pod.yaml": "lab", "more/job.yaml": "lab"},
            id="an overlay with a base and a component",
        ),
        pytest.param(
            {
                "a/kustomization.yaml": "namespace: a\nbases: [../base]",
                "b/kustomization.yaml": "namespace: b\nbases: [../base]",
                "base/kustomization.yaml": "resources: [pod.yaml]",
            },
            {},
            id="two overlays disagree",
        ),
        pytest.param({"kustomization.yaml": "namespace: lab\nresources: [pod.yaml]"}, {"pod.yaml": "lab"}, id="root"),
        pytest.param({"kustomization.yaml": "namespace: ${NS}\nresources: [pod.yaml]"}, {}, id="a placeholder"),
        pytest.param(
            {"kustomization.yaml": "namespace: lab\nresources: ['https://example.com//x', 7, .]"},
            {},
            id="remote, nonsense, itself",
        ),
    ],
)
def test_the_namespace_that_a_kustomization_gives(files: dict[str, str], expected: dict[str, str]) -> None:
    assert kustomize.namespaces([read_stdin(text, path) for path, text in files.items()]) == expected


# --- quotas -----------------------------------------------------------------------------------------------------------


def quota(*keys: str, kind: str = "ResourceQuota", api: str = "v1", path: tuple[str, ...] = ("hard",)) -> str:
    spec: object = dict.fromkeys(keys, "4")
    for step in reversed(path):
        spec = {step: spec}
    return document(kind, "share", api, metadata=IN_LAB, spec=spec)


def items(text: str) -> list[QuotaItem]:
    return list(quota_items(linked({"all.yaml": text})))


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
