"""What a run says: findings, where they point, and what was not looked at.

Nothing in here knows Kubernetes, GPUs or a report format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gpulint.frozen import frozen

Severity: TypeAlias = Literal["error", "warning", "info"]
Confidence: TypeAlias = Literal["high", "medium", "low"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From the worst to the mildest."""
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")
"""From the surest to the least sure."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A span of a file: lines and columns count from 1, columns in code points, the end column is exclusive."""

    path: str
    """Relative to the root of the run, with `/`."""
    line: int
    column: int
    end_line: int
    end_column: int


@frozen
class Related:
    """The other half of a finding, in this or another file."""

    location: Location
    message: str


@frozen
class ObjectRef:
    """The Kubernetes object a finding is about; empty strings where the manifest says nothing."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@frozen
class Edit:
    """A stretch of a file and what a program may put in its place."""

    location: Location
    """Empty (end = start) where text is only put in."""
    text: str
    safe: bool
    """Whether the component would have made the same of it; an unsafe one may change what the author wanted."""


@frozen
class Finding:
    """One thing that is wrong, as every report shows it."""

    rule: str
    family: str
    severity: Severity
    confidence: Confidence
    message: str
    location: Location
    object: ObjectRef | None
    field: str
    """The canonical path of the field, `spec.containers[0].resources.limits["nvidia.com/gpu"]`."""
    help: str
    """What to type instead: the `fix` of the rule."""
    fingerprint: str
    """Stable over moved lines and renamed files."""
    related: tuple[Related, ...] = ()
    suppression: str = ""
    """Why it does not count: `inline`, `annotation`, `configuration`, `baseline`; empty when it counts."""
    suppression_reason: str = ""
    edits: tuple[Edit, ...] = ()
    """All of them together mend it; empty where only a person can."""

    @property
    def suppressed(self) -> bool:
        return bool(self.suppression)

    def sort_key(self) -> tuple[Location, int, str, str]:
        return self.location, SEVERITIES.index(self.severity), self.rule, self.message


@dataclass(frozen=True, slots=True, order=True)
class NotAnalysed:
    """A file or document that was seen but not read, and why."""

    path: str
    reason: str
    """A short constant: `helm-template`, `helm-values`, `encrypted`, `too-large`, `broken`, `symlink` …"""
    detail: str = ""


@frozen
class Summary:
    """What was read, and how many findings of each kind count."""

    files: int
    objects: int
    gpu_workloads: int
    pools: int
    errors: int
    warnings: int
    infos: int
    hidden: int
    """Findings below the asked severity or confidence."""
    suppressed: int
    not_analysed: tuple[NotAnalysed, ...]
    stale_baseline: int = 0
    """Entries of the baseline whose finding is gone."""
    fixable: int = 0
    """Findings that count and that a program can mend."""
    unchanged: int = 0
    """Findings that touch no changed line, where only those were asked for."""


@frozen
class RuleInfo:
    """What a report tells about a rule."""

    id: str
    title: str
    family: str
    severity: Severity
    """The worst the rule gives by default."""
    confidence: Confidence
    since: str
    why: str
    fix: str
    references: tuple[str, ...]


@frozen
class Report:
    """Everything a report format needs."""

    version: str
    findings: tuple[Finding, ...]
    """Sorted by place; suppressed ones only when they were asked for."""
    summary: Summary
    rules: tuple[RuleInfo, ...]
    """The rules that ran, sorted by id."""
    texts: Mapping[str, str]
    """Text of the files that findings point into, for code frames."""
