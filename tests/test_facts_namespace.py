"""Facts about namespaces: who shares GPUs there, what limits and quotas there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpulint.config import DEFAULTS
from gpulint.facts import derive
from gpulint.facts.namespace.namespace import NamespaceFact
from gpulint.graph import kustomize
from gpulint.source import read_stdin
from tests.linked import SLICED, document, linked, pod, policy, settings

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


# --- quotas of other tenants ------------------------------------------------------------------------------------------

QUOTA = {"requests.nvidia.com/gpu": "4"}


def quota(namespace: str, hard: object = None) -> str:
    return document("ResourceQuota", "share", metadata={"namespace": namespace}, spec={"hard": hard or QUOTA})


def in_lab(text: str, label: str = "") -> NamespaceFact:
    config = replace(DEFAULTS, tenant_label=label)
    facts = derive(linked({"all.yaml": text}), config)
    return next(each for each in facts if isinstance(each, NamespaceFact) and each.name == "lab")


TWO = namespaced(pod()) + namespaced(pod(), "office")


def test_a_tenant_without_a_quota_beside_one_that_has_one() -> None:
    found = in_lab(TWO + quota("office"))
    assert (found.users, found.quota_peers, found.has_quota) == (("Pod lab/app",), ("office",), False)
    assert (found.multi_tenant, found.evident) == (True, ("quotas",))
    assert found.quota_place.field() == 'spec.hard["requests.nvidia.com/gpu"]'


@pytest.mark.parametrize(
    "added",
    [
        pytest.param(quota("lab"), id="of its own"),
        pytest.param(quota("lab", {"limits.nvidia.com/gpu": "4"}), id="one that is never counted"),
        pytest.param(quota(""), id="of a namespace that is not known"),
        pytest.param(
            document("Profile", "lab", "kubeflow.org/v1", spec={"resourceQuotaSpec": {"hard": QUOTA}}), id="Profile"
        ),
        pytest.param(
            document("ClusterResourceQuota", "all", "quota.openshift.io/v1", spec={"quota": {"hard": QUOTA}}),
            id="of a selector that may fit",
        ),
        pytest.param(document("LocalQueue", "main", "kueue.x-k8s.io/v1beta1", metadata=IN_LAB), id="a queue of Kueue"),
        pytest.param(document("ElasticQuota", "main", "nos.nebuly.com/v1", metadata=IN_LAB), id="ElasticQuota"),
        pytest.param(document("Tenant", "gpu-users", "capsule.clastix.io/v1beta2"), id="Capsule"),
    ],
)
def test_what_may_limit_a_namespace(added: str) -> None:
    assert in_lab(TWO + quota("office") + added).has_quota


@pytest.mark.parametrize(
    "added",
    [
        pytest.param(quota("lab", {"requests.cpu": "4"}), id="of CPUs"),
        pytest.param(
            document("Namespace", "lab", metadata={"labels": {"team": "a"}})
            + document(
                "ClusterResourceQuota",
                "all",
                "quota.openshift.io/v1",
                spec={"selector": {"labels": {"matchLabels": {"team": "b"}}}, "quota": {"hard": QUOTA}},
            ),
            id="of a selector that does not fit",
        ),
    ],
)
def test_what_does_not_limit_a_namespace(added: str) -> None:
    assert not in_lab(TWO + quota("office") + added).has_quota


def test_one_tenant_is_not_several() -> None:
    assert not in_lab(namespaced(pod()) + quota("office")).multi_tenant


def test_two_namespaces_of_one_tenant_are_one() -> None:
    both = document("Namespace", "lab", metadata={"labels": {"team": "a"}})
    both += document("Namespace", "office", metadata={"labels": {"team": "a"}})
    assert not in_lab(TWO + both + quota("office"), "team").multi_tenant


def test_a_scheduler_of_its_own_has_its_own_quotas() -> None:
    left = namespaced(pod(schedulerName="volcano")) + namespaced(pod(), "office")
    found = in_lab(left + quota("office"))
    assert found.users == ()


def test_samples_tell_nothing_of_one_another() -> None:
    files = {
        "samples/a/pod.yaml": namespaced(pod()),
        "samples/b/all.yaml": namespaced(pod(), "office") + quota("office"),
    }
    facts = derive(linked(files), DEFAULTS)
    found = next(each for each in facts if isinstance(each, NamespaceFact) and each.name == "lab")
    assert (found.quota_peers, found.evident) == (("office",), ())
