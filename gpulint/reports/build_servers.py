"""Reports in XML that build servers read: JUnit (Jenkins, GitLab, Azure Pipelines) and Checkstyle (reviewdog, Jenkins).

JUnit: the schema of Jenkins' xunit plugin (src/main/resources/…/junit-10.xsd). Checkstyle: XMLLogger of Checkstyle.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as Xml

from gpulint import untrusted
from gpulint.reports import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gpulint.finding import Finding, Report

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def junit(report: Report) -> str:
    """A test suite per file, a failed test case per finding; a suite with one passed case when there is none."""
    root = Xml.Element("testsuites", {"name": "gpulint", **_counts(report.findings)})
    for path, findings in _by_file(report):
        suite = Xml.SubElement(root, "testsuite", {"name": path, **_counts(findings)})
        for finding in findings:
            _case(suite, finding)
    if not report.findings:
        suite = Xml.SubElement(root, "testsuite", {"name": "gpulint", "tests": "1", "failures": "0", "skipped": "0"})
        Xml.SubElement(suite, "testcase", {"classname": "gpulint", "name": text.summary(report.summary)})
    return _document(root)


def checkstyle(report: Report) -> str:
    """A `file` per file, an `error` per finding that counts; its severities are the same three words."""
    root = Xml.Element("checkstyle", {"version": "8.0"})
    for path, findings in _by_file(report):
        file = Xml.SubElement(root, "file", {"name": path})
        for finding in findings:
            if not finding.suppressed:
                Xml.SubElement(
                    file,
                    "error",
                    {
                        "line": str(finding.location.line),
                        "column": str(finding.location.column),
                        "severity": finding.severity,
                        "message": _clean(finding.message),
                        "source": f"gpulint.{_clean(finding.rule)}",
                    },
                )
    return _document(root)


def _case(suite: Xml.Element, finding: Finding) -> None:
    name = f"{finding.rule} at line {finding.location.line}, column {finding.location.column}"
    case = Xml.SubElement(suite, "testcase", {"classname": _clean(finding.location.path), "name": _clean(name)})
    if finding.suppressed:
        Xml.SubElement(case, "skipped", {"message": _clean(finding.suppression)})
        return
    failure = Xml.SubElement(case, "failure", {"type": finding.severity, "message": _clean(finding.message)})
    notes = [f"{text.place(finding.location)}: {finding.message}"]
    notes += [f"{text.place(each.location)}: {each.message}" for each in finding.related]
    fix = text.first_line(finding.help)
    failure.text = "\n".join(map(_clean, [*notes, *([f"fix: {fix}"] if fix else [])]))


def _by_file(report: Report) -> Iterable[tuple[str, list[Finding]]]:
    for path, findings in groupby(report.findings, key=lambda finding: finding.location.path):
        yield _clean(path), list(findings)


def _counts(findings: Iterable[Finding]) -> dict[str, str]:
    every = list(findings)
    skipped = sum(each.suppressed for each in every)
    return {"tests": str(max(len(every), 1)), "failures": str(len(every) - skipped), "skipped": str(skipped)}


def _clean(value: str) -> str:
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", untrusted.one_line(value))


def _document(root: Xml.Element) -> str:
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'
