"""What the components that read the input would refuse or ignore: YAML, device-plugin and mig-parted files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gpulint.gpu.problem import Problem as ConfigProblem
from gpulint.graph import Graph
from gpulint.graph.configs import MigConfigMap, PluginEntry
from gpulint.manifest import Place
from gpulint.source import Source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in an input file or configuration that its reader does not take as it was meant."""

    cluster: str
    reader: str
    """`yaml`, `device-plugin` or `mig-parted`."""
    kind: str
    """`refused`, `ignored` or `inert`; of YAML: `syntax`, `duplicate-key`, `nesting`, `alias-bomb` and the like."""
    subject: str
    """The configuration, `'any' of ConfigMap time-slicing-config`; of YAML the kind of the document."""
    message: str
    """What is wrong, without the subject."""
    suggestion: str
    """What was probably meant; empty without a guess."""
    place: Place


def yaml_problems(cluster: str, sources: Iterable[Source]) -> Iterator[Problem]:
    """Of files and of the documents that can matter, embedded configurations included."""
    for source in sources:
        for problem in source.problems:
            place = Place.at(source, problem.start, problem.end)
            yield Problem(cluster, "yaml", problem.kind, "file", problem.message, "", place)
        for document in source.documents():
            if not document.matters or document.is_template:
                continue
            for problem in document.problems():
                place = Place.at(source, problem.start, problem.end)
                yield Problem(cluster, "yaml", problem.kind, document.kind or "document", problem.message, "", place)


def config_problems(graph: Graph) -> Iterator[Problem]:
    """Of device-plugin and mig-parted files in ConfigMaps."""
    for config_map in graph.configurations.plugin_maps:
        for entry in config_map.entries:
            subject = f"'{entry.key}' of ConfigMap {config_map.manifest.name}"
            for problem in entry.config.problems:
                yield _problem(graph, "device-plugin", subject, entry, problem)
            yield from _broken(graph, subject, entry)
    for mig_map in graph.configurations.mig_maps:
        subject = f"'{mig_map.key}' of ConfigMap {mig_map.manifest.name}"
        for problem in mig_map.config.problems:
            yield _problem(graph, "mig-parted", subject, mig_map, problem)
        yield from _broken(graph, subject, mig_map)


def _problem(graph: Graph, reader: str, subject: str, config: PluginEntry | MigConfigMap, problem: ConfigProblem) -> Problem:
    place = config.at(problem.path, key=problem.token == "key")
    return Problem(graph.scope.name, reader, problem.verdict, subject, problem.message, problem.suggestion, place)


def _broken(graph: Graph, subject: str, config: PluginEntry | MigConfigMap) -> Iterator[Problem]:
    """YAML problems inside the value: a file that does not parse is refused, a key that comes twice is lost."""
    embedded = config.place.document.embedded(config.place.path)
    for problem in embedded.problems() if embedded else ():
        place = Place.at(config.place.document.source, problem.start, problem.end)
        yield Problem(graph.scope.name, "yaml", problem.kind, subject, problem.message, "", place)


