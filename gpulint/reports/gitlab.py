"""GitLab's Code Quality report, a JSON list (docs.gitlab.com, "Code Quality report format")."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

from gpulint import untrusted

if TYPE_CHECKING:
    from gpulint.finding import Finding, Report

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def gitlab(report: Report) -> str:
    """One entry per finding that counts; GitLab drops entries whose fingerprint comes twice, so none does."""
    seen: Counter[str] = Counter()
    entries = []
    for finding in report.findings:
        if not finding.suppressed:
            own = finding.fingerprint or finding.message
            entries.append(_entry(finding, f"{own}:{seen[own]}"))
            seen[own] += 1
    return untrusted.plain_json(entries)


def _entry(finding: Finding, identity: str) -> dict[str, object]:
    location = finding.location
    return {
        "description": untrusted.one_line(finding.message),
        "check_name": finding.rule,
        "fingerprint": hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": location.path, "lines": {"begin": location.line, "end": location.end_line}},
    }
