from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from gpulint.reports.json_report import json_report
from tests.report_samples import CLEAN, HOSTILE, REPORT, SHARED, SHARED_FINDING, SUPPRESSED_SHOWN, hostile_report

if TYPE_CHECKING:
    from gpulint.finding import Report

SCHEMA = json.loads((resources.files("gpulint.reports") / "report.schema.json").read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """The schema with no room for members that it does not describe."""
    if isinstance(schema, dict):
        rest = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
        return {key: closed(value) for key, value in schema.items()} | rest
    if isinstance(schema, list):
        return [closed(value) for value in schema]
    return schema


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(REPORT, id="findings"),
        pytest.param(SUPPRESSED_SHOWN, id="suppressed ones shown"),
        pytest.param(CLEAN, id="clean"),
        pytest.param(hostile_report(), id="hostile texts"),
    ],
)
def test_reports_are_as_the_schema_says_and_hold_nothing_else(report: Report) -> None:
    document = json.loads(json_report(report))
    errors = [error.message for error in Draft202012Validator(closed(SCHEMA)).iter_errors(document)]
    assert errors == []


def test_the_schema_refuses_what_is_none() -> None:
    document = json.loads(json_report(REPORT))
    del document["findings"][0]["location"]["endLine"]
    document["summary"]["errors"] = -1
    assert len(list(Draft202012Validator(SCHEMA).iter_errors(document))) == 2


def test_the_form_is_this() -> None:
    assert json.loads(json_report(replace(REPORT, findings=(SHARED_FINDING,)))) == {
        "version": 1,
        "tool": {"name": "gpulint", "version": "0.1.0"},
        "findings": [
            {
                "rule": "training-on-shared-gpu",
                "family": "sharing",
                "severity": "error",
                "confidence": "high",
                "message": "PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs",
                "location": {
                    "path": "manifests/train.yaml",
                    "line": 11,
                    "column": 27,
                    "endLine": 11,
                    "endColumn": 28,
                },
                "object": {
                    "group": "kubeflow.org",
                    "version": "v1",
                    "kind": "PyTorchJob",
                    "namespace": "tenant-alpha",
                    "name": "llm-training",
                },
                "field": 'spec.containers[0].resources.limits["nvidia.com/gpu"]',
                "related": [
                    {
                        "message": "each GPU is cut in 4 slices here",
                        "location": {
                            "path": "operator/time-slicing.yaml",
                            "line": 7,
                            "column": 23,
                            "endLine": 7,
                            "endColumn": 24,
                        },
                    }
                ],
                "help": SHARED.fix,
                "fingerprint": "3f9c",
                "suppressed": False,
                "fixes": [],
            }
        ],
        "summary": {
            "files": 6,
            "objects": 14,
            "gpuWorkloads": 3,
            "pools": 2,
            "errors": 1,
            "warnings": 1,
            "infos": 0,
            "hidden": 3,
            "suppressed": 0,
            "staleBaseline": 0,
            "fixable": 0,
            "unchanged": 0,
            "notAnalysed": [{"path": "chart/templates/job.yaml", "reason": "helm-template"}],
        },
    }


def test_values_are_exactly_those_of_the_manifest() -> None:
    assert json.loads(json_report(hostile_report()))["findings"][0]["message"] == HOSTILE
