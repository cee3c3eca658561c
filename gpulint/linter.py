"""The story of a run: read, link, derive, check, silence, sort."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gpulint import __version__
from gpulint.baseline import Baseline
from gpulint.config import DEFAULTS, Config, selected
from gpulint.finding import (
    CONFIDENCES,
    SEVERITIES,
    Confidence,
    Edit,
    Finding,
    NotAnalysed,
    Related,
    Report,
    Severity,
    Summary,
)
from gpulint.inputs import Inputs, link, read
from gpulint.manifest import place_key
from gpulint.source import Changes, Loaded, Source

if TYPE_CHECKING:
    from gpulint.graph import Graph
    from gpulint.manifest import Manifest, Place
    from gpulint.rule import Completeness, Hit, Rule, Search
    from gpulint.suppression import Coverage, Suppressions

NO_BASELINE = Baseline()

Progress = Callable[[str], None]
"""Told the name of each step as it begins."""


def silent(_step: str) -> None:
    """No progress."""


@dataclass(frozen=True, slots=True)
class Options(Inputs):
    """What one check looks at and shows, beyond its configuration."""

    min_severity: Severity = "info"
    min_confidence: Confidence = "medium"
    pedantic: bool = False
    show_suppressed: bool = False
    use_suppressions: bool = True
    baseline: Baseline = NO_BASELINE
    """Known findings, which do not count."""
    changed: Changes | None = None
    """Lines of which one must be in a finding, or in what is related to it; None: whatever line."""


@dataclass(slots=True)
class _Run:
    """What the steps hand on."""

    loaded: Loaded
    graphs: list[Graph]
    hits: list[Hit]
    failures: list[NotAnalysed]
    """Rules that failed on a fact: said, never a finding."""


def lint(
    paths: Sequence[Path | str],
    options: Options,
    config: Config = DEFAULTS,
    *,
    stdin: Source | None = None,
    progress: Progress = silent,
) -> Report:
    """Lint files and folders. Raises `InvalidRulesError` when rules have mistakes."""
    progress("reading")
    loaded = read(paths, options, config, stdin)
    coverage = "part" if stdin is not None else _coverage(paths, config.folder(options.root))
    return lint_sources(loaded, options, config, coverage=coverage, progress=progress)


def lint_sources(
    loaded: Loaded,
    options: Options,
    config: Config = DEFAULTS,
    *,
    graphs: list[Graph] | None = None,
    coverage: Coverage = "all",
    progress: Progress = silent,
) -> Report:
    """Lint what was read; `graphs` are its linked objects, where the caller has them already."""
    known = all_rules(config, options.root)
    rules = [rule for rule in known if _runs(rule, options, config)]
    run = _Run(loaded, [], [], [])
    if loaded.sources:  # without anything to judge neither networkx nor CEL is worth its import
        progress("linking")
        run.graphs = link(loaded, options, config) if graphs is None else graphs
        progress("judging")
        _check(run, rules, options, config)
    progress("reporting")
    found = _findings(run, known, rules, options, config, coverage)
    findings = options.baseline.apply(found)
    stale = options.baseline.stale(found, (rule.id for rule in rules))
    near = [finding for finding in findings if _touches(finding, options.changed)]
    shown = [finding for finding in near if _visible(finding, options)]
    counted = [finding for finding in shown if not finding.suppressed]
    return Report(
        version=__version__,
        findings=tuple(sorted(shown if options.show_suppressed else counted, key=Finding.sort_key)),
        summary=replace(
            _summary(run, counted, hidden=len(near) - len(shown), suppressed=len(shown) - len(counted)),
            stale_baseline=len(stale),
            fixable=sum(bool(finding.edits) for finding in counted),
            unchanged=len(findings) - len(near),
        ),
        rules=tuple(sorted((rule.info() for rule in rules), key=lambda rule: rule.id)),
        texts=_texts(shown, loaded, options, config),
    )


def _coverage(paths: Sequence[Path | str], whole: Path) -> Coverage:
    """What these paths are of the folder that the configuration is for."""
    given = [Path(path).absolute() for path in paths]
    if any(whole.is_relative_to(path) for path in given):
        return "all"
    return "folders" if all(path.is_dir() for path in given) else "part"


def _texts(shown: Iterable[Finding], loaded: Loaded, options: Options, config: Config) -> dict[str, str]:
    wanted: set[str] = set()
    for finding in shown:
        wanted.add(finding.location.path)
        wanted.update(each.location.path for each in finding.related)
        wanted.update(each.location.path for each in finding.edits)
    read = (*(source for source in loaded.sources if source.render is None), *loaded.originals)
    texts = {source.path: source.text for source in read if source.path in wanted}
    if config.ignore_findings:
        from gpulint.suppression import configuration

        source = configuration(config, options.root)
        texts[source.path] = source.text
    return texts


# --- check ------------------------------------------------------------------------------------------------------------


def all_rules(config: Config = DEFAULTS, root: Path | None = None, *, examples: bool = False) -> tuple[Rule, ...]:
    """Every rule, built in and from the folders that the configuration names. Raises `InvalidRulesError`."""
    from gpulint.cel import Vocabulary
    from gpulint.facts import SUBJECTS
    from gpulint.rule import compile_rules, load_rules

    found = _built_in(examples=examples)
    for folder in config.rules_folders:
        own = load_rules(
            config.folder(root or Path()) / folder,
            Vocabulary(SUBJECTS),
            examples=examples,
            taken=[rule.id for rule in found],
        )
        compile_rules(own)  # the built-in ones are known to compile
        found += own
    return found


@cache
def _built_in(*, examples: bool) -> tuple[Rule, ...]:
    """Kept, with what of them is compiled, for those who lint more than once."""
    from gpulint.cel import Vocabulary
    from gpulint.facts import SUBJECTS
    from gpulint.rule import load_rules, rules_folder

    return load_rules(rules_folder(), Vocabulary(SUBJECTS), examples=examples)


def _runs(rule: Rule, options: Options, config: Config) -> bool:
    wanted = selected(rule.id, rule.family, config.select, config.ignore, config.extend_select)
    return wanted and (options.pedantic or config.pedantic or not rule.pedantic)


def _check(run: _Run, rules: Sequence[Rule], options: Options, config: Config) -> None:
    """What the rules say about each fact, less what a more specific rule says of the same token."""
    from gpulint.cel import EvaluationError
    from gpulint.facts import NAMES, derive
    from gpulint.rule import evaluate

    by_subject: dict[str, list[Rule]] = {}
    for rule in rules:
        by_subject.setdefault(rule.subject, []).append(rule)
    for graph in run.graphs:
        hits: list[Hit] = []
        completeness = _completeness(graph)
        for fact in derive(graph, config):
            for rule in by_subject.get(NAMES[type(fact)], ()):
                try:
                    hits += evaluate(rule, fact, completeness=completeness)
                except EvaluationError as error:
                    run.failures.append(NotAnalysed(graph.scope.name or ".", "rule-failed", str(error)))
        run.hits += _most_specific(hits, options)


def _completeness(graph: Graph) -> Search:
    """How complete a search was for a fact: the scope's word, or `evident` where its author speaks of that space."""

    def look(fact: object, space: str) -> Completeness:
        found = graph.spaces[space]
        return "evident" if found == "partial" and space in getattr(fact, "evident", ()) else found

    return look


def _most_specific(hits: Iterable[Hit], options: Options) -> Iterator[Hit]:
    """One finding for one cause: a rule is silent where one that it yields to speaks of the same place.

    Unless that one is less sure, and too little so to be shown.
    """
    hits = list(hits)
    spoken: dict[object, list[Hit]] = {}
    for hit in hits:
        spoken.setdefault(place_key(hit.place), []).append(hit)
    for hit in hits:
        others = (other for other in spoken[place_key(hit.place)] if other.rule.id in hit.rule.yields_to)
        bounds = (hit.confidence, options.min_confidence)
        if not any(_at_least(other.confidence, bound, CONFIDENCES) for other in others for bound in bounds):
            yield hit


# --- silence ----------------------------------------------------------------------------------------------------------


def _findings(
    run: _Run, known: Sequence[Rule], rules: Sequence[Rule], options: Options, config: Config, coverage: Coverage
) -> list[Finding]:
    """Hits → findings with positions, each once however many clusters share the file; then what silenced none."""
    from gpulint.suppression import Suppressions, today
    from gpulint.tracing import traced

    if not run.graphs:
        return []
    owners = _Owners(run.graphs)
    loaded = run.loaded
    sources = (*(each for each in loaded.sources if each.render is None), *loaded.originals)
    suppressions = Suppressions.of(
        sources if options.use_suppressions else (),
        owners.manifests() if options.use_suppressions else (),
        rules={rule.id: rule.family for rule in known},
        today=today(os.environ),
        config=config if options.use_suppressions else DEFAULTS,
        root=options.root,
    )
    seen: set[object] = set()
    occurrences: Counter[object] = Counter()
    findings = []
    unused = (hit for hit in _of_suppressions(suppressions, rules, coverage))
    for each in itertools.chain(traced(run.hits, loaded.sources), traced(unused, ())):
        hit = each.hit
        key = (hit.rule.id, place_key(each.place), hit.message)
        if key in seen:
            continue
        seen.add(key)
        manifest = owners.of(hit.place)
        silencing = (
            suppressions.silences(hit.rule.id, place, manifest)
            for place in dict.fromkeys((each.place, hit.place, *each.also))
        )
        suppression = next(filter(None, list(silencing)), None)
        findings.append(
            _finding(
                hit,
                each.place,
                manifest,
                severity=config.severity.get(hit.rule.id, hit.severity),
                suppression=suppression.origin if suppression else "",
                reason=suppression.reason if suppression else "",
                occurrences=occurrences,
            )
        )
    return findings


def _of_suppressions(suppressions: Suppressions, rules: Sequence[Rule], coverage: Coverage) -> Iterator[Hit]:
    """What rules say of suppressions; to be asked for when all other findings have been held against them."""
    from gpulint.facts import NAMES
    from gpulint.facts.input.problem import Problem, suppression_problem
    from gpulint.rule import evaluate

    speaking = [rule for rule in rules if rule.subject == NAMES[Problem]]
    for unused in suppressions.unused([rule.id for rule in rules], coverage) if speaking else ():
        fact = suppression_problem(unused.kind, unused.message, unused.place)
        for rule in speaking:
            yield from evaluate(rule, fact, completeness=lambda _fact, _space: "absent")


def _finding(
    hit: Hit,
    place: Place,
    manifest: Manifest | None,
    *,
    severity: Severity,
    suppression: str,
    reason: str,
    occurrences: Counter[object],
) -> Finding:
    from gpulint.suppression import fingerprint

    ref = manifest.ref() if manifest else None
    field_name = hit.place.field()
    identity = (hit.rule.id, ref, field_name, hit.detail)
    occurrences[identity] += 1
    return Finding(
        rule=hit.rule.id,
        family=hit.rule.family,
        severity=severity,
        confidence=hit.confidence,
        message=hit.message,
        location=place.location(),
        object=ref,
        field=field_name,
        help=hit.rule.fix,
        fingerprint=fingerprint(hit.rule.id, ref, field_name, hit.detail, occurrences[identity] - 1),
        related=tuple(Related(place.location(), message) for place, message in hit.related),
        suppression=suppression,
        suppression_reason=reason,
        edits=_edits(hit),
    )


def _edits(hit: Hit) -> tuple[Edit, ...]:
    """All edits of a hit, or none where one of them finds no token that it can replace."""
    from gpulint.fixes import insertion, replacement

    found = []
    for each in hit.edits:
        make = insertion if each.before else replacement
        found.append(make(each.place.location(), each.place.document.source.text, each.text, safe=not each.unsafe))
    return tuple(filter(None, found)) if all(found) else ()


class _Owners:
    """The object that a place is in."""

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self._by_document: dict[int, dict[int, Manifest]] = {}
        for graph in graphs:
            for manifest in graph.manifests:
                self._by_document.setdefault(id(manifest.document), {})[hash(manifest.root)] = manifest

    def manifests(self) -> Iterator[Manifest]:
        for members in self._by_document.values():
            yield from members.values()

    def of(self, place: Place) -> Manifest | None:
        members = self._by_document.get(id(place.document), {})
        inside = [each for each in members.values() if place.path[: len(each.root)] == each.root]
        return max(inside, key=lambda each: len(each.root), default=None)


def _visible(finding: Finding, options: Options) -> bool:
    return _at_least(finding.severity, options.min_severity, SEVERITIES) and _at_least(
        finding.confidence, options.min_confidence, CONFIDENCES
    )


def _touches(finding: Finding, changed: Changes | None) -> bool:
    if changed is None:
        return True
    places = [finding.location, *(related.location for related in finding.related)]
    return any(
        first <= place.end_line and place.line <= last
        for place in places
        for first, last in changed.get(place.path, ())
    )


def _at_least(value: str, bound: str, order: Sequence[str]) -> bool:
    return order.index(value) <= order.index(bound)


# --- sum up -----------------------------------------------------------------------------------------------------------


def _summary(run: _Run, counted: Sequence[Finding], *, hidden: int, suppressed: int) -> Summary:
    severities: Mapping[str, int] = Counter(finding.severity for finding in counted)
    return Summary(
        files=run.loaded.files,
        objects=run.loaded.objects,
        gpu_workloads=len({id(each.manifest) for graph in run.graphs for each in graph.pods if graph.uses_gpu(each)}),
        pools=sum(len(graph.nodes.groups) for graph in run.graphs),
        errors=severities.get("error", 0),
        warnings=severities.get("warning", 0),
        infos=severities.get("info", 0),
        hidden=hidden,
        suppressed=suppressed,
        not_analysed=tuple(sorted({*run.loaded.not_analysed, *run.failures})),
    )
