"""Facts about requests: limit, request and what Kubernetes makes of them."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.request.request import Request, requests
from tests.linked import document, linked

GPU = "nvidia.com/gpu"


def only_request(*texts: str) -> Request:
    (found,) = requests(linked({"all.yaml": "".join(texts)}), Owners({}))
    return found


def spec(limits: object = None, asked: object = None, name: str = GPU) -> dict[str, object]:
    sections = {"limits": limits, "requests": asked}
    resources = {section: {name: amount} for section, amount in sections.items() if amount is not None}
    return {"containers": [{"name": "app", "resources": resources}]}


def pod(limits: object = None, asked: object = None, name: str = GPU, namespace: str = "") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    return document("Pod", "app", metadata=metadata, spec=spec(limits, asked, name))


def deployment(namespace: str = "") -> str:
    metadata = {"namespace": namespace} if namespace else {}
    return document("Deployment", "app", "apps/v1", metadata=metadata, spec={"template": {"spec": spec(asked=1)}})


@pytest.mark.parametrize(
    ("amount", "known", "whole"),
    [
        (1, True, True),
        ("1", True, True),
        (1.0, True, True),
        ("1000m", True, True),
        (0, True, True),
        ("1k", True, True),
        (0.5, True, False),
        ("500m", True, False),
        (-1, True, False),
        ("${N:=4}", False, False),
        ("<count>", False, False),
        ("many", False, False),
        (True, False, False),
    ],
)
def test_amounts(amount: object, known: bool, whole: bool) -> None:
    found = only_request(pod(amount))
    assert (found.limit.stated, found.limit.known, found.limit.whole) == (True, known, whole)
    assert found.fraction.stated is (known and not whole)


def test_the_fraction_is_the_limit_else_the_request() -> None:
    assert only_request(pod(0.5, 0.25)).fraction.text == "0.5"
    assert only_request(pod(1, 0.25)).fraction.text == "0.25"
    assert only_request(pod("$N", "250m")).fraction.place.field().startswith("spec.containers[0].resources.requests")


def test_units_are_those_of_the_limit() -> None:
    assert only_request(pod(2, 1)).units == 2
    assert only_request(pod(asked=3)).units == 3
    assert only_request(pod(0.5)).units == 0


@pytest.mark.parametrize(
    ("name", "extended"),
    [(GPU, True), ("amd.com/gpu", True), ("gpu", False), ("alpha.kubernetes.io/nvidia-gpu", False)],
)
def test_extended_resources(name: str, extended: bool) -> None:
    assert only_request(pod(1, name=name)).extended is extended


# --- how sure it is that a pod gets the amounts ----------------------------------------------------------------------

TEMPLATE = {"template": {"spec": spec(1)}}
PREDICTOR = {"predictor": {"model": spec(1)["containers"][0]}}  # type: ignore[index] # a list of one


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        pytest.param(pod(1), "high", id="Pod"),
        pytest.param(document("Deployment", "a", "apps/v1", spec=TEMPLATE), "high", id="Deployment"),
        pytest.param(document("PodTemplate", "a", template={"spec": spec(1)}), "high", id="validated as it is written"),
        pytest.param(
            document("PyTorchJob", "a", "kubeflow.org/v1", spec={"pytorchReplicaSpecs": {"Worker": TEMPLATE}}),
            "high",
            id="a known kind with a template",
        ),
        pytest.param(
            document("ServingRuntime", "a", "serving.kserve.io/v1alpha1", spec=spec(1)),
            "medium",
            id="merged with what an InferenceService says",
        ),
        pytest.param(
            document("InferenceService", "a", "serving.kserve.io/v1beta1", spec=PREDICTOR),
            "medium",
            id="merged with what a runtime says",
        ),
        pytest.param(document("Lab", "a", "example.com/v1", spec=TEMPLATE), "medium", id="a pod in an unknown kind"),
        pytest.param(
            document("Lab", "a", "example.com/v1", spec={"resources": {"limits": {GPU: 1}}}),
            "low",
            id="nothing but resources in an unknown kind",
        ),
    ],
)
def test_how_sure_the_amounts_reach_a_pod(text: str, confidence: str) -> None:
    assert only_request(text).pod_confidence == confidence


def test_pods_inside_a_config_map_are_not_seen() -> None:
    graph = linked({"all.yaml": document("ConfigMap", "gpu", data={"pod.yaml": pod(0.5)})})
    assert list(requests(graph, Owners({}))) == []


# --- LimitRanges ------------------------------------------------------------------------------------------------------


def limit_range(namespace: str = "lab", **bounds: object) -> str:
    metadata = {"namespace": namespace} if namespace else {}
    limits = [{"type": "Container", **bounds}]
    return document("LimitRange", "bounds", metadata=metadata, spec={"limits": limits})


@pytest.mark.parametrize(
    ("text", "added"),
    [
        pytest.param(pod(asked=1, namespace="lab") + limit_range(default={GPU: 1}), True, id="default"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range(max={GPU: 1}), True, id="max becomes the default"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range(min={GPU: 1}), False, id="min gives no limit"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range(default={"cpu": 1}), False, id="another resource"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range("x", default={GPU: 1}), False, id="another namespace"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range("", default={GPU: 1}), True, id="any namespace"),
        pytest.param(pod(asked=1) + limit_range(default={GPU: 1}), True, id="the pod may be in that namespace"),
        pytest.param(deployment("lab") + limit_range(default={GPU: 1}), False, id="templates are validated as written"),
        pytest.param(pod(asked=1, namespace="lab") + limit_range(default=[GPU]), False, id="nonsense"),
    ],
)
def test_a_limit_that_admission_adds(text: str, added: bool) -> None:
    assert only_request(text).limit_added is added


# --- schedulers that share GPUs by themselves -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "by_itself"),
    [
        pytest.param(pod(2), False, id="nothing says so"),
        pytest.param(document("Pod", "a", spec={**spec(2), "schedulerName": "hami-scheduler"}), True, id="HAMi"),
        pytest.param(
            document("Pod", "a", metadata={"annotations": {"gpu-fraction": "0.5"}}, spec=spec(2)), True, id="KAI"
        ),
    ],
)
def test_fraction_schedulers(text: str, by_itself: bool) -> None:
    assert only_request(text).fraction_scheduler is by_itself


# --- several devices for one task -------------------------------------------------------------------------------------


def job(*command: str, units: int = 1) -> str:
    container = {"name": "c", "command": list(command), "resources": {"limits": {GPU: units}}}
    return document("Job", "j", "batch/v1", spec={"template": {"spec": {"containers": [container]}}})


def gang(**replicas: int) -> str:
    template = {"spec": {"containers": [{"name": "c", "resources": {"limits": {GPU: 1}}}]}}
    roles = {role: {"replicas": count, "template": template} for role, count in replicas.items()}
    return document("PyTorchJob", "j", "kubeflow.org/v1", spec={"pytorchReplicaSpecs": roles})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (job("python", "train.py"), ""),
        (job("python", "train.py", units=2), "2 devices in a container"),
        (job("torchrun", "--nproc-per-node=4", "train.py", units=2), "--nproc-per-node=4"),
        (job("torchrun", "--nproc_per_node", "2", "train.py"), "--nproc_per_node 2"),
        (job("torchrun", "--nnodes=1:4", "--nproc-per-node=1", "train.py"), ""),
        (job("sh", "-c", "accelerate launch --num_processes 8 train.py"), "--num_processes 8"),
        (job("torchrun", f"--nproc-per-node={'9' * 5000}"), ""),
        (gang(Master=1), ""),
    ],
    ids=["one", "units", "processes", "two words", "one each", "script", "an endless number", "gang of one"],
)
def test_several_devices_for_one_task(text: str, expected: str) -> None:
    assert only_request(text).several == expected


def test_pods_of_a_gang_are_counted_together() -> None:
    found = requests(linked({"all.yaml": gang(Master=1, Worker=3)}), Owners({}))
    assert {each.several for each in found} == {"4 pods"}
