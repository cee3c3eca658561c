"""SARIF 2.1.0 for code scanning: by the official schema, by what GitHub reads of it, by Microsoft's multitool."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
import sarif_om

from gpulint import untrusted
from gpulint.explain import help_markdown, help_text
from gpulint.finding import CONFIDENCES, SEVERITIES
from gpulint.reports.text import first_line

if TYPE_CHECKING:
    from gpulint.finding import Edit, Finding, Location, NotAnalysed, Report, RuleInfo

MAX_RESULTS = 5_000
"""GitHub shows no more of one run (docs.github.com, "SARIF support for code scanning", limits)."""

_HOME = "https://pypi.org/project/gpulint/"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_PROBLEM_SEVERITIES = {"error": "error", "warning": "warning", "info": "recommendation"}
_SECURITY_SEVERITIES = {"error": "8.0", "warning": "5.5", "info": "3.0"}
"""A CVSS-like score as text: high from 7.0, medium from 4.0, low below."""
_RANKS = {"high": 90.0, "medium": 60.0, "low": 30.0}
"""Priority of a result, from 0 to 100."""
_SUPPRESSION_KINDS = {"inline": "inSource", "annotation": "inSource"}
_MAX_DESCRIPTION = 1024


def sarif(report: Report) -> str:
    """The report as one SARIF log with one run; also when there are no findings, so that old alerts close."""
    log = sarif_om.SarifLog(version="2.1.0", schema_uri=_SCHEMA, runs=[_run(report)])
    return untrusted.plain_json(plain(log))


def plain(value: object) -> object:
    """An object of `sarif_om` as plain data: members under their names in the schema, without those that say nothing.

    A `level` always stays: an absent one means that of the rule (SARIF 2.1.0, 3.27.10), not the default of the class.
    """
    model = type(value)
    if attrs.has(model):
        members = {field: getattr(value, field.name) for field in attrs.fields(model)}
        return {
            field.metadata["schema_property_name"]: plain(member)
            for field, member in members.items()
            if member is not None and (field.name == "level" or member != _default(field))
        }
    if isinstance(value, Mapping):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(member) for member in value]
    return value


def _default(field: attrs.Attribute[object]) -> object:
    factory = getattr(field.default, "factory", None)
    return factory() if callable(factory) else field.default


def _run(report: Report) -> object:
    indexes = {rule.id: index for index, rule in enumerate(report.rules)}
    any_suppressed = any(finding.suppressed for finding in report.findings)
    return sarif_om.Run(
        tool=sarif_om.Tool(driver=_driver(report)),
        column_kind="unicodeCodePoints",
        invocations=[_invocation(report)],
        results=[
            _result(finding, indexes.get(finding.rule, -1), any_suppressed) for finding in _most_severe(report.findings)
        ],
    )


def _driver(report: Report) -> object:
    return sarif_om.ToolComponent(
        name="gpulint",
        semantic_version=report.version,
        information_uri=_HOME,
        rules=[_rule(rule) for rule in report.rules],
    )


def _rule(rule: RuleInfo) -> object:
    name = "".join(word.capitalize() for word in rule.id.split("-"))
    return sarif_om.ReportingDescriptor(
        id=rule.id,
        name=name if name.lower() != rule.id.lower() else None,
        short_description=_text(_sentence(rule.title)),
        full_description=_text(_shortened(_sentence(_paragraph(rule.why) or rule.title))),
        help=sarif_om.MultiformatMessageString(text=help_text(rule), markdown=help_markdown(rule)),
        help_uri=rule.references[0] if rule.references else _HOME,
        default_configuration=sarif_om.ReportingConfiguration(level=_LEVELS[rule.severity]),
        properties=_rule_properties(rule),
    )


def _rule_properties(rule: RuleInfo) -> dict[str, object]:
    properties: dict[str, object] = {
        "precision": rule.confidence,
        "problem.severity": _PROBLEM_SEVERITIES[rule.severity],
        "tags": ["gpu", "kubernetes", rule.family],
    }
    if rule.family != "isolation":
        return properties
    return {**properties, "tags": ["gpu", "kubernetes", rule.family, "security"]} | {
        "security-severity": _SECURITY_SEVERITIES[rule.severity]
    }


def _result(finding: Finding, rule_index: int, any_suppressed: bool) -> object:
    related = enumerate(finding.related, start=1)
    return sarif_om.Result(
        rule_id=finding.rule,
        rule_index=rule_index,
        level=_LEVELS[finding.severity],
        rank=_RANKS[finding.confidence],
        message=sarif_om.Message(text=_message(finding)),
        locations=[
            sarif_om.Location(
                physical_location=_physical(finding.location), logical_locations=_logical_locations(finding)
            )
        ],
        related_locations=[
            sarif_om.Location(
                id=number,
                physical_location=_physical(other.location),
                message=sarif_om.Message(text=_escaped(_sentence(other.message))) if other.message else None,
            )
            for number, other in related
        ]
        or None,
        partial_fingerprints={"gpulint/v1": finding.fingerprint} if finding.fingerprint else None,
        suppressions=_suppressions(finding) if any_suppressed else None,
        fixes=_fixes(finding),
        properties={"confidence": finding.confidence},
    )


def _fixes(finding: Finding) -> list[object] | None:
    """All edits as one fix, file by file."""
    if not finding.edits:
        return None
    by_file: dict[str, list[Edit]] = {}
    for edit in finding.edits:
        by_file.setdefault(edit.location.path, []).append(edit)
    changes = [
        sarif_om.ArtifactChange(artifact_location=_artifact(path), replacements=[_replacement(edit) for edit in edits])
        for path, edits in by_file.items()
    ]
    description = _text(first_line(finding.help)) if finding.help else None
    return [sarif_om.Fix(artifact_changes=changes, description=description)]


def _replacement(edit: Edit) -> object:
    return sarif_om.Replacement(
        deleted_region=_region(edit.location), inserted_content=sarif_om.ArtifactContent(text=edit.text)
    )


def _message(finding: Finding) -> str:
    """The message as a sentence, then a link to each related location by its id."""
    message = _escaped(_sentence(finding.message))
    links = [
        f"[{_escaped(untrusted.one_line(other.message or other.location.path))}]({number})"
        for number, other in enumerate(finding.related, start=1)
    ]
    return f"{message} See {', '.join(links)}." if links else message


def _logical_locations(finding: Finding) -> list[object] | None:
    if finding.object is None:
        return None
    ref = finding.object
    name = "/".join(filter(None, [ref.group, ref.version, ref.kind, ref.namespace, ref.name]))
    whole = f"{name}#{finding.field}" if finding.field else name
    return [sarif_om.LogicalLocation(fully_qualified_name=untrusted.one_line(whole), kind="object")]


def _suppressions(finding: Finding) -> list[object]:
    if not finding.suppressed:
        return []
    kind = _SUPPRESSION_KINDS.get(finding.suppression, "external")
    reason = untrusted.one_line(finding.suppression_reason) or None
    return [sarif_om.Suppression(kind=kind, justification=reason)]


def _physical(location: Location) -> object:
    return sarif_om.PhysicalLocation(
        artifact_location=_artifact(location.path),
        region=_region(location),
    )


def _region(location: Location) -> object:
    return sarif_om.Region(
        start_line=location.line,
        start_column=location.column,
        end_line=location.end_line,
        end_column=location.end_column,
    )


def _artifact(path: str) -> object:
    return sarif_om.ArtifactLocation(uri=quote(os.fsencode(path)))


def _invocation(report: Report) -> object:
    notifications = [_skipped(skipped) for skipped in report.summary.not_analysed]
    if len(report.findings) > MAX_RESULTS:
        dropped = len(report.findings) - MAX_RESULTS
        text = f"{MAX_RESULTS} of {len(report.findings)} findings are listed, the most severe; {dropped} are left out."
        notifications.append(sarif_om.Notification(level="warning", message=sarif_om.Message(text=text)))
    return sarif_om.Invocation(execution_successful=True, tool_execution_notifications=notifications or None)


def _skipped(skipped: NotAnalysed) -> object:
    text = ": ".join(filter(None, ["Not analysed", skipped.reason, skipped.detail]))
    physical = sarif_om.PhysicalLocation(artifact_location=_artifact(skipped.path))
    return sarif_om.Notification(
        level="note",
        message=sarif_om.Message(text=_escaped(_sentence(text))),
        locations=[sarif_om.Location(physical_location=physical)],
    )


def _most_severe(findings: Sequence[Finding]) -> Sequence[Finding]:
    """All in their order when SARIF's readers take that many, else the worst and surest of them, those first."""
    if len(findings) <= MAX_RESULTS:
        return findings
    return sorted(findings, key=_badness)[:MAX_RESULTS]


def _badness(finding: Finding) -> tuple[bool, int, int]:
    return finding.suppressed, SEVERITIES.index(finding.severity), CONFIDENCES.index(finding.confidence)


def _text(text: str) -> object:
    return sarif_om.MultiformatMessageString(text=text)


def _escaped(text: str) -> str:
    """Backslashes and brackets as literal text of a plain text message (SARIF 2.1.0, 3.11.6)."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _sentence(text: str) -> str:
    line = untrusted.one_line(text.strip())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _paragraph(prose: str) -> str:
    return " ".join(prose.strip().split("\n\n")[0].split())


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_DESCRIPTION else f"{text[: _MAX_DESCRIPTION - 2]}…."
