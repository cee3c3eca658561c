"""What the CRD of the ClusterPolicy prunes or refuses, and what NVIDIA's charts never read or refuse."""

from __future__ import annotations

from collections.abc import Iterator

from gpulint.facts.input.problem import Problem
from gpulint.gpu import operator
from gpulint.gpu.operator import UnknownField
from gpulint.gpu.problem import Problem as Refusal
from gpulint.graph import Graph
from gpulint.graph.installers import Installer
from gpulint.graph.section import Section
from gpulint.graph.sections import ChartValues
from gpulint.manifest import place_key


def installation_problems(graph: Graph) -> Iterator[Problem]:
    """Of every ClusterPolicy, of the patches laid over it, and of every set of chart values, each place once."""
    seen: set[object] = set()
    for problem in _all(graph):
        key = (problem.reader, place_key(problem.place), problem.message)
        if key not in seen:
            seen.add(key)
            yield problem


def _all(graph: Graph) -> Iterator[Problem]:
    for installer in graph.configurations.installers:
        if installer.kind == "operator":
            yield from _of_policy(graph, installer)
    for values in graph.charts:
        yield from _of_values(graph, values)


def _of_policy(graph: Graph, installer: Installer) -> Iterator[Problem]:
    parts = installer.laid_over
    if installer.manifest is not None:
        parts = (installer.section.parts()[0], *parts)
    for part in parts:
        for field in operator.unknown_policy_fields(part.data):
            newest = f"the ClusterPolicy of GPU Operator {operator.newest_release('clusterpolicy')}"
            yield _unknown(graph, "policy", installer.label, part, field, "spec.", newest)
        for refusal in operator.policy_refusals(part.data, complete=False):
            yield _refused(graph, "policy", installer.label, part, refusal)


def _of_values(graph: Graph, values: ChartValues) -> Iterator[Problem]:
    for part in values.values.parts() if not _is_for_a_fork(values) else ():
        for field in operator.unknown_values(values.chart, part.data):
            newest = f"the chart {values.chart} {operator.newest_release(values.chart)}"
            yield _unknown(graph, "chart", values.label, part, field, "", newest)
    complete = not values.open and not values.dependency
    for refusal in operator.rejected_values(values.chart, values.values.data, complete=complete):
        yield _refused(graph, "chart", values.label, values.values, refusal)


def _is_for_a_fork(values: ChartValues) -> bool:
    """Whether a file that nothing installs is for a chart of somebody else's, with a plugin of another name."""
    image = str(values.values.get("image", "repository") or "")
    return not values.installs and bool(image) and not image.endswith("k8s-device-plugin")


def _unknown(
    graph: Graph, reader: str, subject: str, part: Section, field: UnknownField, prefix: str, newest: str
) -> Problem:
    """The first index of a list stands for all of its entries."""
    name = prefix + _dotted(field.path)
    place = part.place(*field.path, key=True)
    suggestion = prefix + field.suggestion if field.suggestion else ""
    if field.verdict == "removed":
        message = f"'{name}' is not read by {newest} any more: the last to have it was {field.last_release}"
    else:
        message = f"{newest} has no '{name}', nor had one before"
    return Problem(
        graph.scope.name, reader, field.verdict, subject, message, suggestion, place, place, _dotted(field.path)
    )


def _refused(graph: Graph, reader: str, subject: str, section: Section, refusal: Refusal) -> Problem:
    place = section.place(*refusal.path, key=refusal.token == "key")
    return Problem(
        graph.scope.name,
        reader,
        refusal.verdict,
        subject,
        refusal.message,
        refusal.suggestion,
        place,
        place,
        _dotted(refusal.path),
    )


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))
