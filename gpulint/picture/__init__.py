"""The input as a picture: workloads, what they would get and where, what decides that, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gpulint.config import Config
from gpulint.facts.owner import Owners
from gpulint.finding import Finding, Report
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Workload
from gpulint.picture.ids import Ids
from gpulint.picture.model import Part, Picture, counts, worst_first
from gpulint.picture.overview import overview, reachable
from gpulint.picture.regions import Regions
from gpulint.picture.survey import Survey
from gpulint.placement import selects


@frozen
class Selection:
    """What of the input is wanted; empty: all of it."""

    clusters: tuple[str, ...] = ()
    """Globs."""
    namespaces: tuple[str, ...] = ()
    """Globs."""
    workloads: tuple[str, ...] = ()
    """`kind/name` or `namespace/kind/name`, each a glob."""

    @property
    def of_workloads(self) -> bool:
        """Whether some workloads are wanted, and then only what has to do with them."""
        return bool(self.namespaces or self.workloads)

    def has_cluster(self, name: str) -> bool:
        return not self.clusters or any(fnmatchcase(name, each) for each in self.clusters)

    def has(self, workload: Workload) -> bool:
        named = not self.workloads or any(selects(each, workload) for each in self.workloads)
        inside = not self.namespaces or any(fnmatchcase(workload.namespace, each) for each in self.namespaces)
        return named and inside


def picture(report: Report, graphs: Sequence[Graph], config: Config, selection: Selection | None = None) -> Picture:
    """The picture of the linked objects with what was found in them."""
    wanted = selection or Selection()
    regions, ids = Regions(), Ids()
    owners = Owners(config.workload_class, [source for graph in graphs for source in graph.scope.sources])
    surveys = [
        Survey(graph, owners, regions, ids, wanted.has)
        for graph in sorted(graphs, key=lambda each: each.scope.name)
        if wanted.has_cluster(graph.scope.name)
    ]
    marks, outside = regions.divide(report.findings)
    given, elsewhere = _otherwise(outside, surveys)
    merged = {key: worst_first((*marks.get(key, ()), *given.get(key, ()))) for key in {*marks, *given}}
    parts = [survey.part(merged) for survey in surveys]
    if wanted.of_workloads:
        parts = [reachable(part) for part in parts]
        elsewhere = []
    if wanted.clusters:
        elsewhere = [each for each in elsewhere if any(each.location.path in survey.files for survey in surveys)]
    summary = report.summary
    found = frozenset(elsewhere).union(*(part.findings for part in parts))
    return Picture(
        version=report.version,
        parts=tuple(part for part in parts if not part.is_empty),
        elsewhere=worst_first(elsewhere),
        found=counts(found),
        workloads=sum(survey.workload_count for survey in surveys),
        pools=sum(len(pool.thing.members) for part in parts for pool in part.pools if pool.declared),
        files=summary.files,
        objects=summary.objects,
        not_analysed=summary.not_analysed,
    )


def _otherwise(
    findings: Sequence[Finding], surveys: Sequence[Survey]
) -> tuple[Mapping[Hashable, tuple[Finding, ...]], list[Finding]]:
    """Findings that point to nothing in the picture: what they are about all the same, and those about nothing."""
    given: dict[Hashable, list[Finding]] = {}
    elsewhere = []
    for finding in findings:
        keys = [key for survey in surveys for key in survey.keys_of(finding)]
        for key in keys:
            given.setdefault(key, []).append(finding)
        if not keys:
            elsewhere.append(finding)
    return {key: tuple(each) for key, each in given.items()}, elsewhere


def simplified(drawn: Picture) -> Picture:
    """An overview of a picture that is too large to be read as one drawing."""
    return replace(drawn, parts=tuple(overview(part) for part in drawn.parts))


__all__ = ["Part", "Picture", "Selection", "picture", "simplified"]
