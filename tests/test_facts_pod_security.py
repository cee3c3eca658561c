"""Namespaces that refuse the pods of what is installed into them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.facts.namespace.pod_security import Guarded, guarded_namespaces
from tests.linked import document, linked

ENFORCE = "pod-security.kubernetes.io/enforce"


def namespace(level: str = "baseline", name: str = "gpus", **labels: str) -> str:
    return document("Namespace", name, metadata={"labels": {ENFORCE: level, **labels}})


def release(chart: str = "gpu-operator", values: Mapping[str, object] | None = None, where: str = "gpus") -> str:
    spec = {"chart": {"spec": {"chart": chart}}, "values": values or {"driver": {"enabled": False}}}
    return document("HelmRelease", "nvidia", "helm.toolkit.fluxcd.io/v2", metadata={"namespace": where}, spec=spec)


def daemon_set(**pod: object) -> str:
    container = {"name": "nvidia-device-plugin", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.17.4"}
    spec = {"template": {"spec": {"containers": [container], **pod}}}
    return document("DaemonSet", "plugin", "apps/v1", metadata={"namespace": "gpus"}, spec=spec)


def found(*texts: str) -> list[Guarded]:
    return in_files({"all.yaml": "".join(texts)})


def in_files(files: dict[str, str]) -> list[Guarded]:
    return list(guarded_namespaces(linked(files)))


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(
    ("installed", "kind"),
    [
        (release(), "operator"),
        (release("nvidia-device-plugin", {"migStrategy": "mixed"}), "chart"),
        (release("nvidia-dra-driver-gpu"), "dra-driver"),
        (daemon_set(volumes=[{"name": "plugins", "hostPath": {"path": "/var/lib/kubelet"}}]), "daemonset"),
        (daemon_set(hostNetwork=True), "daemonset"),
    ],
    ids=["operator", "device plugin", "DRA driver", "host path", "host network"],
)
def test_what_is_refused(level: str, installed: str, kind: str) -> None:
    (fact,) = found(namespace(level), installed)
    assert (fact.namespace, fact.level, fact.installer_kind, fact.confidence) == ("gpus", level, kind, "high")
    assert fact.place.field() == f'metadata.labels["{ENFORCE}"]'


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param((namespace("privileged"), release()), id="privileged"),
        pytest.param((namespace("${LEVEL}"), release()), id="an unknown level"),
        pytest.param((namespace(name="lab"), release()), id="another namespace"),
        pytest.param((namespace(), release(values={"psa": {"enabled": True}})), id="the operator sets the label"),
        pytest.param(
            (namespace(**{"security.openshift.io/scc.podSecurityLabelSync": "true"}), release()),
            id="OpenShift sets the label",
        ),
        pytest.param((namespace(), daemon_set()), id="a DaemonSet that needs nothing"),
        pytest.param((namespace(),), id="nothing is installed"),
    ],
)
def test_what_is_not_refused(texts: tuple[str, ...]) -> None:
    assert found(*texts) == []


def test_kube_system_may_be_exempt() -> None:
    (fact,) = found(namespace(name="kube-system"), release(where="kube-system"))
    assert fact.confidence == "medium"


def test_the_nearest_definition_of_the_namespace_counts() -> None:
    files = {
        "a/namespace.yaml": namespace("privileged"),
        "a/release.yaml": release(),
        "b/namespace.yaml": namespace("restricted"),
    }
    assert in_files(files) == []
    assert in_files({**files, "b/release.yaml": release()})[0].level == "restricted"


def test_definitions_that_disagree_decide_nothing_and_equal_ones_less() -> None:
    apart = {"a/namespace.yaml": namespace(), "release.yaml": release()}
    assert in_files({**apart, "b/namespace.yaml": namespace("privileged")}) == []
    assert {fact.confidence for fact in in_files({**apart, "b/namespace.yaml": namespace()})} == {"medium"}
