"""What the components that read the input would refuse or ignore: YAML, device-plugin and mig-parted files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gpulint.frozen import frozen
from gpulint.gpu.problem import Problem as ConfigProblem
from gpulint.graph import Graph
from gpulint.graph.configs import Holder, broken_values, patched_configs, raw_configs
from gpulint.graph.govern import plugin_holders
from gpulint.manifest import Place
from gpulint.source import Embedded, Source, SourceProblem


@frozen
class Problem:
    """One thing in an input file or configuration that its reader does not take as it was meant."""

    cluster: str
    reader: str
    """`yaml`, `device-plugin`, `mig-parted`, `policy` (a ClusterPolicy), `chart` (values of NVIDIA's charts),
    `dra-driver` (opaque parameters for NVIDIA's) or `suppression` (what is written to silence findings)."""
    kind: str
    """`refused`, `ignored` or `inert`; of YAML: `syntax`, `duplicate-key`, `nesting`, `alias-bomb` and the like; of
    policies and chart values also `unknown`: no release ever had it, and `removed`: releases before did; of
    suppressions `unused`, `ended`, `unknown-rule` and `unreadable`."""
    subject: str
    """The configuration, `'any' of ConfigMap time-slicing-config`; of YAML the object, `Pod trainer`."""
    message: str
    """What is wrong, without the subject."""
    suggestion: str
    """What was probably meant; empty without a guess."""
    place: Place
    other_place: Place
    """The first of two equal keys; for everything else the place itself."""
    field: str = ""
    """What it is about, as a dotted path from the top of what the reader reads: `migManager.config.default`."""


def yaml_problems(cluster: str, sources: Iterable[Source]) -> Iterator[Problem]:
    """Of files and of the documents that can matter, and of what they were rendered from."""
    for source in _with_originals(sources):
        for problem in source.problems:
            yield _in_text(cluster, "file", problem, Place.at(source, problem.start, problem.end))
        for document in source.documents():
            if not document.matters or document.is_template:
                continue
            subject = f"{document.kind} {document.name}".strip() or "document"
            for problem in document.problems():
                place = Place(document, (), extent=(problem.start, problem.end))
                yield _in_text(cluster, subject, problem, place)


def _with_originals(sources: Iterable[Source]) -> Iterator[Source]:
    seen: set[str] = set()
    for source in sources:
        yield source
        for original in source.render.files.values() if source.render is not None else ():
            if original.role in {"manifests", "kustomization"} and original.path not in seen:
                seen.add(original.path)
                yield original


def config_problems(graph: Graph) -> Iterator[Problem]:
    """Of device-plugin and mig-parted files, in ConfigMaps and on their own."""
    configurations = graph.configurations
    forks = (each for each in configurations.installers if each.is_fork)
    foreign = {id(holder) for fork in forks for holder in plugin_holders(fork, configurations.holders)}
    for configs in configurations.plugin_configs:
        for entry in configs.entries if id(configs.holder) not in foreign else ():
            subject = _subject(entry.key, configs.holder)
            for problem in entry.config.problems:
                place = entry.at(problem.path, key=problem.token == "key")
                yield _in_config(graph, "device-plugin", subject, problem, place)
            yield from _inside(graph, subject, entry.place)
    for file in configurations.mig_files:
        subject = _subject(file.key, file.holder)
        for problem in file.config.problems:
            place = file.at(problem.path, key=problem.token == "key")
            yield _in_config(graph, "mig-parted", subject, problem, place)
        yield from _inside(graph, subject, file.place)
    plugin = frozenset(each.plugin_config.value for each in configurations.installers if each.plugin_config)
    mig = frozenset(each.mig_config.value for each in configurations.installers if each.mig_config)
    for broken in broken_values(configurations.holders, plugin, mig):
        yield from _in_embedded(graph, _subject(broken.key, broken.holder), broken.place, broken.embedded)
    yield from _on_their_own(graph)


def suppression_problem(kind: str, message: str, place: Place) -> Problem:
    """Of a suppression that does nothing."""
    return Problem("", "suppression", kind, "", message, "", place, place)


def _on_their_own(graph: Graph) -> Iterator[Problem]:
    """Their YAML problems are those of their document."""
    files = (source for source in graph.scope.sources if source.role in {"manifests", "other"})
    matter = (document for source in files for document in source.documents() if document.matters)
    for loose in (*raw_configs(matter, graph.configurations.holders), *patched_configs(graph.scope.sources)):
        reader, config = ("device-plugin", loose.plugin) if loose.plugin else ("mig-parted", loose.mig)
        for problem in config.problems if config else ():
            place = loose.at(problem.path, key=problem.token == "key")
            yield _in_config(graph, reader, loose.label, problem, place)


def _in_config(graph: Graph, reader: str, subject: str, problem: ConfigProblem, place: Place) -> Problem:
    field = ".".join(map(str, problem.path))
    return Problem(
        graph.scope.name, reader, problem.verdict, subject, problem.message, problem.suggestion, place, place, field
    )


def _inside(graph: Graph, subject: str, value: Place) -> Iterator[Problem]:
    """YAML problems of a value that parses all the same: a key that comes twice is lost."""
    embedded = value.embedded()
    if embedded is not None:
        yield from _in_embedded(graph, subject, value, embedded)


def _in_embedded(graph: Graph, subject: str, value: Place, embedded: Embedded) -> Iterator[Problem]:
    for problem in embedded.problems():
        place = replace(value, extent=(problem.start, problem.end))
        yield _in_text(graph.scope.name, subject, problem, place)


def _in_text(cluster: str, subject: str, problem: SourceProblem, place: Place) -> Problem:
    other = place if problem.related is None else replace(place, extent=problem.related)
    return Problem(cluster, "yaml", problem.kind, subject, problem.message, "", place, other)


def _subject(key: str, holder: Holder) -> str:
    return f"'{key}' of {holder.label}"
