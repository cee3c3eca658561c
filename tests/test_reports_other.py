"""The reports that other tools read: JUnit, Checkstyle, GitLab, reviewdog, Markdown and HTML."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as Xml

import pytest
from markdown_it import MarkdownIt

from gpulint.cli.output import FORMATS as OFFERED
from gpulint.finding import Location, Related, Report
from gpulint.reports import FORMATS, render
from tests.report_samples import NOTEBOOK_FINDING, REPORT, SHARED_FINDING

HOSTILE = "</script><img src=x onerror=alert(1)>]]>\"'\x1b[31m\r\n::error::x\u202e\x00\ufffe"
EMPTY = replace(REPORT, findings=())
SUPPRESSED = replace(REPORT, findings=(*REPORT.findings, NOTEBOOK_FINDING))
HOSTILE_REPORT = replace(
    REPORT,
    findings=(
        replace(
            SHARED_FINDING,
            message=HOSTILE,
            help=HOSTILE,
            location=Location(HOSTILE, 1, 1, 1, 4),
            related=(Related(Location(HOSTILE, 2, 1, 2, 2), HOSTILE),),
        ),
    ),
    texts={HOSTILE: f"{HOSTILE}\n"},
)


def written(name: str, report: Report) -> str:
    return render(name, report, color=False)


def test_the_command_line_knows_every_format() -> None:
    assert set(OFFERED) == {"auto", *FORMATS}


def test_junit_has_a_suite_per_file_and_a_failure_per_finding() -> None:
    root = Xml.fromstring(written("junit", SUPPRESSED))  # noqa: S314 - our own text
    assert root.attrib == {"name": "gpulint", "tests": "3", "failures": "2", "skipped": "1"}
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [
        ("manifests/train.yaml", "2"),
        ("notebooks/a b#ü.yaml", "1"),
    ]
    failure = root.findall(".//failure")[1]
    assert (failure.get("type"), failure.get("message")) == ("error", SHARED_FINDING.message)
    assert "operator/time-slicing.yaml:7:23: each GPU is cut in 4 slices here" in (failure.text or "")
    assert [skipped.get("message") for skipped in root.iter("skipped")] == ["inline"]


def test_junit_of_a_clean_run_has_one_case_that_passed() -> None:
    root = Xml.fromstring(written("junit", EMPTY))  # noqa: S314 - our own text
    assert (root.get("tests"), root.get("failures")) == ("1", "0")
    assert [case.get("classname") for case in root.iter("testcase")] == ["gpulint"]
    assert not list(root.iter("failure"))


def test_checkstyle_leaves_suppressed_findings_out() -> None:
    root = Xml.fromstring(written("checkstyle", SUPPRESSED))  # noqa: S314 - our own text
    errors = [error.attrib for error in root.iter("error")]
    assert [(each["line"], each["column"], each["severity"], each["source"]) for each in errors] == [
        ("6", "1", "warning", "gpulint.gpu-device-host-path"),
        ("11", "27", "error", "gpulint.training-on-shared-gpu"),
    ]


def test_gitlab_entries_have_fingerprints_of_their_own() -> None:
    twice = replace(REPORT, findings=(SHARED_FINDING, SHARED_FINDING, NOTEBOOK_FINDING))
    entries = json.loads(written("gitlab", twice))
    assert len(entries) == len({entry["fingerprint"] for entry in entries}) == 2
    assert entries[0]["location"] == {"path": "manifests/train.yaml", "lines": {"begin": 11, "end": 11}}
    assert (entries[0]["severity"], entries[0]["check_name"]) == ("major", "training-on-shared-gpu")


def test_a_gitlab_fingerprint_outlives_a_moved_line() -> None:
    moved = replace(SHARED_FINDING, location=replace(SHARED_FINDING.location, line=90, end_line=90))
    one, other = (json.loads(written("gitlab", replace(REPORT, findings=(each,)))) for each in (SHARED_FINDING, moved))
    assert one[0]["fingerprint"] == other[0]["fingerprint"]


def test_rdjson_counts_columns_in_bytes() -> None:
    location = Location("ü.yaml", 1, 7, 1, 8)
    report = replace(
        REPORT, findings=(replace(SHARED_FINDING, location=location, related=()),), texts={"ü.yaml": "größe: 8\n"}
    )
    (diagnostic,) = json.loads(written("rdjson", report))["diagnostics"]
    assert diagnostic["location"]["range"] == {"start": {"line": 1, "column": 9}, "end": {"line": 1, "column": 10}}
    assert diagnostic["severity"] == "ERROR"
    assert diagnostic["code"]["url"].startswith("https://")


def test_markdown_names_each_file_once() -> None:
    text = written("markdown", REPORT)
    html = MarkdownIt().enable("table").render(text)
    assert html.count("<h2>") == 1
    assert html.count("<li>") == 4  # two findings, one related place, one fix
    assert "training-on-shared-gpu" in html


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += [tag, *(name for name, _ in attrs if name.startswith("on"))]


def test_html_marks_the_token_in_its_line() -> None:
    page = written("html", REPORT)
    assert "<pre>          nvidia.com/gpu: <mark>8</mark></pre>" in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def tags_of(page: str) -> list[str]:
    parser = Tags()
    parser.feed(page)
    return parser.tags


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_text_of_other_people_stays_text(name: str) -> None:
    text = written(name, HOSTILE_REPORT)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x00" not in text
    assert not any(line.lstrip().startswith("::error::x") for line in text.split("\n"))


@pytest.mark.parametrize("name", ["junit", "checkstyle"])
def test_xml_stays_well_formed_whatever_a_file_is_called(name: str) -> None:
    Xml.fromstring(written(name, HOSTILE_REPORT))  # noqa: S314 - our own text


@pytest.mark.parametrize(
    "render_html",
    [
        lambda: written("html", HOSTILE_REPORT),
        lambda: MarkdownIt("commonmark").render(written("markdown", HOSTILE_REPORT)),
    ],
)
def test_no_markup_comes_from_a_manifest(render_html: object) -> None:
    assert callable(render_html)
    tags = tags_of(render_html())
    assert not {"script", "img", "onerror"} & set(tags)
