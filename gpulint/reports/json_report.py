"""The report for programs: one JSON document, described by `report.schema.json` beside this file.

Within `version` 1, members are added, never changed or removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpulint import untrusted

if TYPE_CHECKING:
    from gpulint.finding import Finding, Location, NotAnalysed, ObjectRef, Report, Summary

SCHEMA_VERSION = 1


def json_report(report: Report) -> str:
    """The whole report; values are exactly those of the manifests, in ASCII with JSON's escapes."""
    return untrusted.plain_json(
        {
            "version": SCHEMA_VERSION,
            "tool": {"name": "gpulint", "version": report.version},
            "findings": [_finding(finding) for finding in report.findings],
            "summary": _summary(report.summary),
        }
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "family": finding.family,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "message": finding.message,
        "location": _location(finding.location),
        "object": _object(finding.object) if finding.object else None,
        "field": finding.field,
        "related": [
            {"message": related.message, "location": _location(related.location)} for related in finding.related
        ],
        "help": finding.help,
        "fingerprint": finding.fingerprint,
        "suppressed": finding.suppressed,
        "fixes": [
            {"location": _location(edit.location), "text": edit.text, "safe": edit.safe} for edit in finding.edits
        ],
    }


def _location(location: Location) -> dict[str, object]:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "endLine": location.end_line,
        "endColumn": location.end_column,
    }


def _object(ref: ObjectRef) -> dict[str, object]:
    return {
        "group": ref.group,
        "version": ref.version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
    }


def _summary(summary: Summary) -> dict[str, object]:
    return {
        "files": summary.files,
        "objects": summary.objects,
        "gpuWorkloads": summary.gpu_workloads,
        "pools": summary.pools,
        "errors": summary.errors,
        "warnings": summary.warnings,
        "infos": summary.infos,
        "hidden": summary.hidden,
        "suppressed": summary.suppressed,
        "staleBaseline": summary.stale_baseline,
        "fixable": summary.fixable,
        "unchanged": summary.unchanged,
        "notAnalysed": [_not_analysed(skipped) for skipped in summary.not_analysed],
    }


def _not_analysed(skipped: NotAnalysed) -> dict[str, object]:
    detail = {"detail": skipped.detail} if skipped.detail else {}
    return {"path": skipped.path, "reason": skipped.reason, **detail}
