"""What bounds the time of Jobs with GPUs."""

from __future__ import annotations

from typing import Any

import pytest

from gpulint.facts.owner import Owners
from gpulint.facts.workload.job import job_facts
from tests.linked import document, linked

POD = {"containers": [{"name": "x", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}
KUEUE = {"labels": {"kueue.x-k8s.io/max-exec-time-seconds": "60"}}


def job(pod: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, **spec: Any) -> str:
    return document("Job", "j", "batch/v1", metadata=metadata or {}, spec={"template": {"spec": pod or POD}, **spec})


def cron(metadata: dict[str, Any] | None = None, **spec: Any) -> str:
    template = {"metadata": metadata or {}, "spec": {"template": {"spec": POD}, **spec}}
    return document("CronJob", "c", "batch/v1", spec={"jobTemplate": template, "startingDeadlineSeconds": 5})


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        (job(), [""]),
        (job(activeDeadlineSeconds=60), ["activeDeadlineSeconds"]),
        (job(activeDeadlineSeconds="${TIME}"), ["activeDeadlineSeconds"]),
        (job({**POD, "activeDeadlineSeconds": 60}), ["activeDeadlineSeconds"]),
        (job(metadata=KUEUE), ["kueue.x-k8s.io/max-exec-time-seconds"]),
        (job(metadata={"labels": {"kueue.x-k8s.io/queue-name": "q"}}), [""]),
        (job({"containers": [{"name": "x"}]}), []),
        (cron(), [""]),
        (cron(activeDeadlineSeconds=60), ["activeDeadlineSeconds"]),
        (cron(KUEUE), ["kueue.x-k8s.io/max-exec-time-seconds"]),
        (document("Pod", "p", spec=POD), []),
    ],
    ids=[
        "nothing",
        "a deadline",
        "one that is filled in later",
        "of its pods",
        "Kueue's",
        "a queue alone",
        "no GPU",
        "a CronJob",
        "the Job of a CronJob",
        "the label on the Job of a CronJob",
        "a pod",
    ],
)
def test_bound(text: str, bounds: list[str]) -> None:
    assert [each.bound for each in job_facts(linked({"a.yaml": text}), Owners({}))] == bounds


def test_it_points_where_the_deadline_would_be() -> None:
    fields = [each.place.field() for each in job_facts(linked({"a.yaml": job() + cron()}), Owners({}))]
    assert fields == ["spec.activeDeadlineSeconds", "spec.jobTemplate.spec.activeDeadlineSeconds"]
