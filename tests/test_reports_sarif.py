from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sarif_om
from jsonschema import Draft4Validator

from gpulint.finding import Location, Report
from gpulint.reports.sarif import MAX_RESULTS, plain, sarif
from tests.report_samples import CLEAN, HOST_PATH_FINDING, REPORT, SHARED_FINDING, SUPPRESSED_SHOWN, hostile_report

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))


def run_of(report: Report) -> dict[str, Any]:
    (run,) = json.loads(sarif(report))["runs"]
    return dict(run)


def large_report(number: int) -> Report:
    mild = tuple(replace(HOST_PATH_FINDING, location=Location("a.yaml", line, 1, line, 2)) for line in range(1, number))
    return replace(REPORT, findings=(*mild, SHARED_FINDING))


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(REPORT, id="findings"),
        pytest.param(SUPPRESSED_SHOWN, id="suppressed ones shown"),
        pytest.param(CLEAN, id="clean"),
        pytest.param(hostile_report(), id="hostile texts"),
    ],
)
def test_reports_are_as_the_official_schema_says(report: Report) -> None:
    log = json.loads(sarif(report))
    assert [error.message for error in Draft4Validator(SCHEMA).iter_errors(log)] == []


def test_the_schema_would_notice() -> None:
    log = json.loads(sarif(REPORT))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    log["runs"][0]["colour"] = "red"
    assert len(list(Draft4Validator(SCHEMA).iter_errors(log))) == 2


def test_a_result_says_all_that_code_scanning_reads() -> None:
    assert run_of(REPORT)["results"][1] == {
        "ruleId": "training-on-shared-gpu",
        "ruleIndex": 2,
        "level": "error",
        "rank": 90.0,
        "message": {
            "text": "PyTorchJob tenant-alpha/llm-training can only land on time-sliced GPUs."
            " See [each GPU is cut in 4 slices here](1)."
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "manifests/train.yaml"},
                    "region": {"startLine": 11, "startColumn": 27, "endLine": 11, "endColumn": 28},
                },
                "logicalLocations": [
                    {
                        "fullyQualifiedName": "kubeflow.org/v1/PyTorchJob/tenant-alpha/llm-training"
                        '#spec.containers[0].resources.limits["nvidia.com/gpu"]',
                        "kind": "object",
                    }
                ],
            }
        ],
        "relatedLocations": [
            {
                "id": 1,
                "message": {"text": "each GPU is cut in 4 slices here."},
                "physicalLocation": {
                    "artifactLocation": {"uri": "operator/time-slicing.yaml"},
                    "region": {"startLine": 7, "startColumn": 23, "endLine": 7, "endColumn": 24},
                },
            }
        ],
        "partialFingerprints": {"gpulint/v1": "3f9c"},
        "properties": {"confidence": "high"},
    }


def test_a_level_is_always_written_because_an_absent_one_is_that_of_the_rule() -> None:
    demoted = replace(SHARED_FINDING, severity="warning")
    (result,) = run_of(replace(REPORT, findings=(demoted,)))["results"]
    assert result["level"] == "warning"


def test_brackets_and_backslashes_of_a_message_make_no_links() -> None:
    finding = replace(SHARED_FINDING, message=r"see [here](https://evil) and a\b", related=())
    (result,) = run_of(replace(REPORT, findings=(finding,)))["results"]
    assert result["message"]["text"] == r"see \[here\](https://evil) and a\\b."


def test_rules_carry_help_and_what_code_scanning_sorts_by() -> None:
    isolation, _, sharing = run_of(CLEAN)["tool"]["driver"]["rules"]
    assert sharing == {
        "id": "training-on-shared-gpu",
        "name": "TrainingOnSharedGpu",
        "shortDescription": {"text": "Training workload can land on shared GPUs."},
        "fullDescription": {"text": "Time-slicing gives no memory isolation. Training takes all of it."},
        "help": sharing["help"],
        "helpUri": "https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus",
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "precision": "high",
            "problem.severity": "error",
            "tags": ["gpu", "kubernetes", "sharing"],
        },
    }
    assert sharing["help"]["markdown"].startswith("## Why\n\nTime-slicing gives no memory isolation.\n")
    assert sharing["help"]["text"].startswith("Time-slicing gives no memory isolation.\n")
    assert isolation["properties"]["security-severity"] == "5.5"
    assert "security" in isolation["properties"]["tags"]


def test_long_prose_is_cut_to_what_github_takes() -> None:
    rule = replace(REPORT.rules[0], why="word " * 1_000)
    described = run_of(replace(CLEAN, rules=(rule,)))["tool"]["driver"]["rules"][0]
    assert len(described["fullDescription"]["text"]) == 1_024


def test_a_rule_of_one_word_has_no_name_that_repeats_its_id() -> None:
    rule = replace(REPORT.rules[0], id="oversized")
    assert "name" not in run_of(replace(CLEAN, rules=(rule,)))["tool"]["driver"]["rules"][0]


def test_a_clean_run_lists_its_rules_and_no_results() -> None:
    run = run_of(CLEAN)
    assert run["results"] == []
    assert len(run["tool"]["driver"]["rules"]) == 3
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["columnKind"] == "unicodeCodePoints"


def test_suppressions_are_told_for_all_results_or_for_none() -> None:
    assert [result.get("suppressions") for result in run_of(REPORT)["results"]] == [None, None]
    assert [result.get("suppressions") for result in run_of(SUPPRESSED_SHOWN)["results"]] == [
        [],
        [],
        [{"kind": "inSource", "justification": "agreed with the team"}],
    ]


def test_what_is_configured_away_is_suppressed_from_outside() -> None:
    finding = replace(SHARED_FINDING, suppression="configuration")
    (result,) = run_of(replace(REPORT, findings=(finding,)))["results"]
    assert result["suppressions"] == [{"kind": "external"}]


def test_what_was_not_analysed_is_a_notification() -> None:
    (invocation,) = run_of(SUPPRESSED_SHOWN)["invocations"]
    assert invocation["toolExecutionNotifications"][1] == {
        "level": "note",
        "message": {"text": "Not analysed: encrypted: SOPS."},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "secrets%20%5B1%5D.yaml"}}}],
    }


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        pytest.param("a b#ü.yaml", "a%20b%23%C3%BC.yaml", id="percent-encoded"),
        pytest.param("c:/d.yaml", "c%3A/d.yaml", id="no scheme"),
        pytest.param("a%20b.yaml", "a%2520b.yaml", id="encoded once"),
        pytest.param("\udcff.yaml", "%FF.yaml", id="undecodable byte of a file name"),
    ],
)
def test_uris_are_relative_and_encoded(path: str, uri: str) -> None:
    finding = replace(SHARED_FINDING, location=Location(path, 1, 1, 1, 2))
    (result,) = run_of(replace(REPORT, findings=(finding,)))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}


def test_the_most_severe_are_kept_when_there_are_too_many() -> None:
    run = run_of(large_report(MAX_RESULTS + 2))
    levels = [result["level"] for result in run["results"]]
    assert levels == ["error"] + ["warning"] * (MAX_RESULTS - 1)
    assert run["invocations"][0]["toolExecutionNotifications"][-1] == {
        "level": "warning",
        "message": {"text": "5000 of 5002 findings are listed, the most severe; 2 are left out."},
    }


def test_what_is_suppressed_is_left_out_first() -> None:
    suppressed = replace(SHARED_FINDING, suppression="inline")
    report = large_report(MAX_RESULTS)
    levels = [result["level"] for result in run_of(replace(report, findings=(suppressed, *report.findings)))["results"]]
    assert levels == ["error"] + ["warning"] * (MAX_RESULTS - 1)


def test_as_many_as_are_taken_keep_their_order() -> None:
    run = run_of(large_report(MAX_RESULTS))
    assert len(run["results"]) == MAX_RESULTS
    assert run["results"][-1]["level"] == "error"
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1


def test_the_largest_report_is_far_below_what_github_takes() -> None:
    assert len(gzip.compress(sarif(large_report(MAX_RESULTS)).encode())) < 10_000_000


def test_no_fingerprint_under_the_key_that_github_computes() -> None:
    assert "primaryLocationLineHash" not in sarif(REPORT)


def test_members_are_named_as_in_the_schema_and_defaults_are_dropped() -> None:
    region = sarif_om.Region(start_line=3)
    assert plain(region) == {"startLine": 3}
    assert plain(sarif_om.SarifLog(runs=[], version="2.1.0", schema_uri="s")) == {
        "runs": [],
        "version": "2.1.0",
        "$schema": "s",
    }


@pytest.mark.parametrize(
    ("value", "data"),
    [
        pytest.param(sarif_om.Result(message=None), {"level": "warning"}, id="an inherited level stays"),
        pytest.param(sarif_om.Result(message=None, rule_index=0), {"level": "warning", "ruleIndex": 0}, id="nought"),
        pytest.param(sarif_om.Run(tool=None), {}, id="default made by a factory"),
        pytest.param(sarif_om.Run(tool=None, newline_sequences=["\n"]), {"newlineSequences": ["\n"]}, id="other"),
        pytest.param({"a": [sarif_om.Address(index=1)]}, {"a": [{"index": 1}]}, id="within lists and mappings"),
        pytest.param("text", "text", id="text is no list"),
    ],
)
def test_conversion_of_the_object_model(value: object, data: object) -> None:
    assert plain(value) == data


def test_every_class_of_the_object_model_names_its_members() -> None:
    classes = [member for name, member in vars(sarif_om).items() if re.fullmatch(r"[A-Z]\w+", name)]
    assert len(classes) > 50
    for each in classes:
        assert all("schema_property_name" in field.metadata for field in each.__attrs_attrs__)
