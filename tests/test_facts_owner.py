"""Who a workload is: signs of a service level, and the class where it is sure."""

from __future__ import annotations

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.values import Owner
from tests.linked import document, linked, only_workload

LABELS = {"app": "chat"}


def deployment(**spec: object) -> str:
    container = {"name": "app", "image": "example.com/app:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container], **spec}}
    return document("Deployment", "chat", "apps/v1", spec={"selector": {"matchLabels": LABELS}, "template": template})


def scaler(name: str) -> str:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return document("HorizontalPodAutoscaler", "h", "autoscaling/v2", spec={"scaleTargetRef": target})


def budget(app: str) -> str:
    return document("PodDisruptionBudget", "b", "policy/v1", spec={"selector": {"matchLabels": {"app": app}}})


def owner(text: str, **stated: str) -> Owner:
    return Owners(stated).of(only_workload(linked({"app.yaml": text})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (deployment(), False),
        (deployment().replace('"template"', '"replicas": 2, "template"'), True),
        (deployment(priorityClassName="serving"), True),
        (deployment() + scaler("chat"), True),
        (deployment() + scaler("other"), False),
        (deployment() + budget("chat"), True),
        (deployment() + budget("other"), False),
    ],
    ids=["none", "replicas", "priority", "autoscaler", "of another", "budget", "for another"],
)
def test_signs_of_a_service_level(text: str, expected: bool) -> None:
    assert owner(text).service_level is expected


@pytest.mark.parametrize(
    ("path", "beside", "expected"),
    [
        ("chat/hpa.yaml", scaler("chat"), True),
        ("chat/pdb.yaml", budget("chat"), True),
        ("chat/pdb.yaml", budget("other"), False),
        ("other/hpa.yaml", scaler("chat"), False),
    ],
    ids=["autoscaler", "budget", "for another", "in another folder"],
)
def test_signs_of_a_service_level_in_files_beside_it(path: str, beside: str, expected: bool) -> None:
    graph = linked({"chat/app.yaml": deployment(), path: beside})
    assert Owners({}, graph.scope.sources).of(only_workload(graph)).service_level is expected


def test_what_is_of_another_namespace_does_not_count() -> None:
    other = scaler("chat").replace('"name": "h"', '"name": "h", "namespace": "b"')
    own = deployment().replace('"name": "chat"', '"name": "chat", "namespace": "a"', 1)
    graph = linked({"app.yaml": own, "hpa.yaml": other})
    assert not Owners({}, graph.scope.sources).of(only_workload(graph)).service_level


def test_only_a_sure_class_is_told() -> None:
    assert owner(deployment()).workload_class == "unknown"
    assert owner(deployment().replace("example.com/app:1", "lmsysorg/sglang:v0.4")).workload_class == "unknown"
    assert owner(deployment().replace("example.com/app:1", "vllm/vllm-openai:v0.9.1")).workload_class == "inference"


def test_what_is_not_sure_can_be_guessed() -> None:
    owners = Owners({})
    workload = only_workload(linked({"app.yaml": deployment().replace("example.com/app:1", "lmsysorg/sglang:v0.4")}))
    guess = owners.guess(workload)
    assert (guess.name, guess.certainty) == ("inference", "medium")
    assert owners.of(workload).workload_class == "unknown"
    assert owners.guess(workload) is guess


def test_the_configuration_states_a_class() -> None:
    assert owner(deployment(), **{"*/Job/chat": "batch"}).workload_class == "unknown"
    stated = owner(deployment(), **{"/Deployment/chat": "training"})
    assert (stated.workload_class, stated.label) == ("training", "Deployment chat")


def trainjob(**metadata: object) -> str:
    trainer = {"image": "example.com/x:1", "resourcesPerNode": {"limits": {"nvidia.com/gpu": 1}}}
    spec = {"runtimeRef": {"name": "torch"}, "trainer": trainer}
    return document("TrainJob", "job", "trainer.kubeflow.org/v1alpha1", metadata=metadata, spec=spec)


def runtime() -> str:
    template = {"spec": {"containers": [{"name": "node", "image": "example.com/torch:1"}]}}
    jobs = [{"name": "node", "template": {"spec": {"template": template}}}]
    spec = {"template": {"spec": {"replicatedJobs": jobs}}}
    return document("ClusterTrainingRuntime", "torch", "trainer.kubeflow.org/v1alpha1", spec=spec)


@pytest.mark.parametrize("text", [trainjob(), trainjob() + runtime()], ids=["alone", "with its runtime"])
def test_what_uses_a_template_tells_more_than_the_template(text: str) -> None:
    assert owner(text).workload_class == "training"


def test_the_author_speaks_on_what_uses_the_template() -> None:
    annotated = trainjob(annotations={"gpulint.dev/workload-class": "test"})
    assert (owner(annotated + runtime()).workload_class, owner(annotated).detail) == ("batch", "test")


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["lmp", "-in", "in.melt"], "batch"), (["torchrun", "train.py"], "training")],
    ids=["a simulation", "a training"],
)
def test_a_train_job_runs_its_own_command_and_not_that_of_its_runtime(command: list[str], expected: str) -> None:
    container = {"name": "node", "image": "example.com/base:1", "command": ["sleep", "1"]}
    job = {"name": "node", "template": {"spec": {"template": {"spec": {"containers": [container]}}}}}
    api = "trainer.kubeflow.org/v1alpha1"
    runtime = document("ClusterTrainingRuntime", "any", api, spec={"template": {"spec": {"replicatedJobs": [job]}}})
    trainer = {"command": command, "resourcesPerNode": {"limits": {"nvidia.com/gpu": 1}}}
    run = document("TrainJob", "run", api, spec={"runtimeRef": {"name": "any"}, "trainer": trainer})
    graph = linked({"all.yaml": runtime + run})
    assert [Owners({}).of(each).workload_class for each in graph.workloads] == [expected]
