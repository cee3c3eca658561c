"""What pods claim, and what that gives them."""

from __future__ import annotations

import pytest

from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from tests.linked import document, linked

GROUP = "resource.k8s.io"


def request(name: str = "any", device_class: str = "gpu.nvidia.com", **fields: object) -> dict[str, object]:
    return {"name": name, "exactly": {"deviceClassName": device_class, **fields}}


def template(name: str, *requests: dict[str, object], namespace: str = "") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    spec = {"spec": {"devices": {"requests": list(requests)}}}
    return document("ResourceClaimTemplate", name, f"{GROUP}/v1", metadata=metadata, spec=spec)


def claim(name: str, *requests: dict[str, object], version: str = "v1") -> str:
    return document("ResourceClaim", name, f"{GROUP}/{version}", spec={"devices": {"requests": list(requests)}})


def device_class(name: str, expression: str, **spec: object) -> str:
    selectors = [{"cel": {"expression": expression}}]
    return document("DeviceClass", name, f"{GROUP}/v1", spec={"selectors": selectors, **spec})


def domain(name: str, makes: str) -> str:
    spec = {"numNodes": 2, "channel": {"resourceClaimTemplate": {"name": makes}}}
    return document("ComputeDomain", name, "resource.nvidia.com/v1beta1", spec=spec)


def pod(*entries: dict[str, str], namespace: str = "", limits: dict[str, int] | None = None) -> str:
    used = [{"name": entry["name"]} for entry in entries]
    container = {"name": "app", "image": "example.com/gpu:1", "resources": {"claims": used, "limits": limits or {}}}
    metadata = {"namespace": namespace} if namespace else {}
    return document("Pod", "app", metadata=metadata, spec={"containers": [container], "resourceClaims": list(entries)})


def by_template(target: str) -> dict[str, str]:
    return {"name": "card", "resourceClaimTemplateName": target}


def only_pod(graph: Graph) -> Workload:
    (found,) = graph.pods
    return found


USES: dict[str, tuple[str, bool, bool]] = {
    "a whole GPU": (template("t", request()) + pod(by_template("t")), True, True),
    "a MIG device": (template("t", request(device_class="mig.nvidia.com")) + pod(by_template("t")), True, True),
    "by a claim of v1beta1": (
        claim("c", {"name": "any", "deviceClassName": "gpu.nvidia.com"}, version="v1beta1")
        + pod({"name": "card", "resourceClaimName": "c"}),
        True,
        True,
    ),
    "as an alternative": (
        template("t", {"name": "a", "firstAvailable": [{"name": "x", "deviceClassName": "mig.nvidia.com"}]})
        + pod(by_template("t")),
        True,
        True,
    ),
    "by a class of the input": (
        device_class("own", "device.driver == 'gpu.nvidia.com'")
        + template("t", request(device_class="own"))
        + pod(by_template("t")),
        True,
        True,
    ),
    "by another vendor's class": (
        template("t", request(device_class="gpu.intel.com")) + pod(by_template("t")),
        True,
        True,
    ),
    "by the name that a class has for extended resources": (
        pod(limits={"deviceclass.resource.kubernetes.io/gpu.nvidia.com": 1}),
        True,
        True,
    ),
    "a channel of a compute domain": (domain("d", "t") + pod(by_template("t")), False, False),
    "a channel by its class": (
        template("t", request(device_class="compute-domain-default-channel.nvidia.com")) + pod(by_template("t")),
        False,
        False,
    ),
    "a class that tells nothing": (template("t", request(device_class="rdma")) + pod(by_template("t")), False, True),
    "a template that is elsewhere": (pod(by_template("t")), False, True),
    "nothing": (pod(), False, False),
}


@pytest.mark.parametrize("case", USES)
def test_whether_a_pod_uses_gpus_by_claim(case: str) -> None:
    text, uses, may_use = USES[case]
    graph = linked({"all.yaml": text})
    workload = only_pod(graph)

    assert (graph.claims.uses_gpu(workload), graph.claims.may_use_gpu(workload)) == (uses, may_use)


def test_a_resource_name_or_a_claim_is_use_of_a_gpu() -> None:
    graph = linked({"all.yaml": pod(limits={"nvidia.com/gpu": 1})})

    assert graph.uses_gpu(only_pod(graph))
    assert not graph.claims.uses_gpu(only_pod(graph))


def test_claims_of_another_namespace_are_not_meant() -> None:
    text = template("t", request(), namespace="one") + pod(by_template("t"), namespace="two")
    graph = linked({"all.yaml": text})
    workload = only_pod(graph)
    (entry,) = graph.claims.of(workload)

    assert graph.claims.meant(workload, entry).items == ()
    assert [each.namespace for each in graph.claims.elsewhere(workload, entry)] == ["one"]


def test_the_nearest_of_several_is_meant() -> None:
    graph = linked(
        {
            "a/claim.yaml": template("t", request()),
            "a/pod.yaml": pod(by_template("t")),
            "b/claim.yaml": template("t", request(device_class="mig.nvidia.com")),
        }
    )
    workload = only_pod(graph)
    (entry,) = graph.claims.of(workload)

    assert graph.claims.devices(workload, entry) == {"gpu"}


def test_kustomize_gives_pod_and_claim_their_namespace() -> None:
    graph = linked(
        {
            "kustomization.yaml": "kind: Kustomization\nnamespace: lab\nresources: [claim.yaml, pod.yaml]\n",
            "claim.yaml": template("t", request()),
            "pod.yaml": pod(by_template("t")),
        }
    )

    assert graph.claims.claims[0].namespace == "lab"
    assert graph.claims.uses_gpu(only_pod(graph))


MALFORMED = {
    "requests are no list": claim("c").replace("[]", "{}"),
    "a request is a word": document("ResourceClaim", "c", f"{GROUP}/v1", spec={"devices": {"requests": ["gpu"]}}),
    "no spec": document("ResourceClaim", "c", f"{GROUP}/v1"),
    "a pod with claims of words": document(
        "Pod", "gpu", spec={"containers": [{"name": "a", "resources": {"claims": "all"}}], "resourceClaims": ["x", 3]}
    ),
    "selectors of words": document("DeviceClass", "c", f"{GROUP}/v1", spec={"selectors": ["x", {"cel": "y"}]}),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_objects_give_nothing_and_no_error(case: str) -> None:
    graph = linked({"all.yaml": MALFORMED[case] + pod({"name": "card", "resourceClaimName": "c"})})

    assert not any(graph.claims.uses_gpu(each) for each in graph.pods)
