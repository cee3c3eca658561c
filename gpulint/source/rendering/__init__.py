"""Charts and overlays → the manifests that come of them, with what is needed to find each value in the user's files.

The programs are the user's `helm`, `kustomize` and `kubectl`. They run one by one in an empty folder, without network
where the system allows that, and nothing that would fetch anything is run at all.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from gpulint.finding import NotAnalysed
from gpulint.frozen import frozen
from gpulint.source.discovery import Input
from gpulint.source.document import Source
from gpulint.source.rendering import charts, overlays
from gpulint.source.rendering.charts import Chart
from gpulint.source.rendering.overlays import Origin, Overlay
from gpulint.source.rendering.process import ALL_SECONDS, SECONDS, Outcome
from gpulint.source.roles import Role, role_by_name
from gpulint.source.scan import has_marker
from gpulint.source.text import read_text

Tool: TypeAlias = Literal["helm", "kustomize"]


@frozen
class Wanted:
    """A chart or overlay to be rendered, and what with."""

    folder: Path
    tool: Tool
    values: tuple[Path, ...] = ()
    """The later over the earlier."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Single values, over all files."""
    release: str = ""
    namespace: str = ""


@frozen
class Asked:
    """What a run wants rendered."""

    named: tuple[Wanted, ...] = ()
    others: bool = False
    """Whether the charts and overlays that `named` does not speak of are rendered as well, with their own defaults."""
    kubernetes: str = ""
    """The version that charts are rendered for; empty: that of the program."""


@dataclass(frozen=True, slots=True, eq=False)
class Render:
    """One rendering: what it is called, and the files it was made of."""

    tool: Tool
    folder: str
    """Of the chart or overlay, as findings name it."""
    label: str
    """`overlays/prod`, `deploy/chart with values-prod.yaml`."""
    namespace: str
    """The one that its objects get that name none; empty when unknown."""
    files: Mapping[str, Source]
    """Everything it was made of, by path; kustomizations first, the outer before the inner."""
    values: tuple[Source, ...] = ()
    """Values files, the later over the earlier; the chart's own, which are first, included."""
    given: Mapping[str, str] = field(default_factory=dict)
    origins: tuple[tuple[str, bool], ...] = ()
    """For each document of an overlay the path of the file that it is from, and whether a generator makes it."""

    def originals(self) -> Iterator[Source]:
        """All files that it was made of; some of them may come twice."""
        yield from self.files.values()
        yield from self.values


@frozen
class Rendered:
    """What was rendered, and what it stands for."""

    sources: tuple[Source, ...] = ()
    """Sorted by path."""
    originals: tuple[Source, ...] = ()
    """The files that they were made of, sorted by path."""
    not_analysed: tuple[NotAnalysed, ...] = ()


def render(inputs: Sequence[Input], root: Path, asked: Asked) -> Rendered:
    """Render what is asked for; `inputs` are the files of the run, and paths are relative to `root`."""
    jobs = list(_jobs(inputs, asked))
    files = _Files(root)
    deadline = time.monotonic() + ALL_SECONDS
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        outcomes = list(pool.map(lambda job: job.run(asked.kubernetes, deadline), jobs))
    sources: dict[str, Source] = {}
    skipped: list[NotAnalysed] = []
    for job, (outcome, origins) in zip(jobs, outcomes, strict=True):
        path = _name(files.relative(job.file), job.wanted, sources)
        if outcome.failure:
            skipped.append(NotAnalysed(files.relative(job.file), job.reason(outcome), files.told(outcome.message)))
            continue
        made = Render(
            job.wanted.tool,
            files.relative(job.wanted.folder),
            _label(files.relative(job.wanted.folder), job.wanted),
            job.wanted.namespace,
            {source.path: source for source in map(files.source, job.files)},
            tuple(files.source(each) for each in job.values),
            job.wanted.given,
            tuple((files.relative(origin.file), origin.generated) for origin in origins),
        )
        sources[path] = Source(path, outcome.text, "manifests", render=made)
    used = {each.path: each for source in sources.values() if source.render for each in source.render.originals()}
    return Rendered(
        tuple(sources[path] for path in sorted(sources)), tuple(used[path] for path in sorted(used)), tuple(skipped)
    )


@frozen
class _Job:
    wanted: Wanted
    part: Chart | Overlay

    @property
    def file(self) -> Path:
        """What stands for the whole in messages."""
        if isinstance(self.part, Overlay):
            return self.part.files[0] if self.part.files else self.part.folder
        return self.part.folder / "Chart.yaml"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.part.files

    @property
    def values(self) -> tuple[Path, ...]:
        if isinstance(self.part, Overlay):
            return ()
        own = self.part.folder / "values.yaml"
        return (*((own,) if own.is_file() else ()), *self.wanted.values)

    def run(self, kubernetes: str, deadline: float) -> tuple[Outcome, tuple[Origin, ...]]:
        wanted, seconds = self.wanted, min(SECONDS, deadline - time.monotonic())
        if isinstance(self.part, Overlay):
            if self.part.refusal:
                return Outcome("", self.part.refusal, self.part.detail), ()
            return overlays.build(self.part, seconds)
        missing = [each for each in wanted.values if not each.is_file()]
        if missing:
            return Outcome("", "helm-failed", f"there is no '{missing[0].name}'"), ()
        made = charts.template(
            self.part, wanted.values, wanted.given, wanted.release, wanted.namespace, kubernetes, seconds
        )
        return made, ()

    def reason(self, outcome: Outcome) -> str:
        """Why it is not analysed, as a short constant."""
        if outcome.failure not in {"failed", "timeout", "too-large", "not-started"}:
            return outcome.failure
        if self.wanted.tool == "helm" and "missing in charts/ directory" in outcome.message:
            return "helm-dependencies"
        return f"{self.wanted.tool}-{outcome.failure}"


def _jobs(inputs: Sequence[Input], asked: Asked) -> Iterator[_Job]:
    """What is named, then what else there is that may speak of GPUs."""
    for wanted in asked.named:
        part = overlays.overlay(wanted.folder) if wanted.tool == "kustomize" else charts.chart(wanted.folder)
        if part is not None:
            yield _Job(wanted, part)
    if not asked.others:
        return
    named = {wanted.folder.resolve() for wanted in asked.named}
    found = [each for each in inputs if each.file is not None]
    for chart in charts.roots(each.file for each in found if each.role == "chart" and each.file):
        if chart.folder.resolve() not in named and not chart.is_nvidia and _speaks_of_gpus(chart.files):
            yield _Job(Wanted(chart.folder, "helm"), chart)
    for overlay in overlays.roots(each.file for each in found if each.role == "kustomization" and each.file):
        if overlay.folder.resolve() not in named and _speaks_of_gpus(overlay.files):
            yield _Job(Wanted(overlay.folder, "kustomize"), overlay)


def _speaks_of_gpus(files: Iterable[Path]) -> bool:
    return any(has_marker(read_text(file)) for file in files)


class _Files:
    """The user's files as sources, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._sources: dict[str, Source] = {}

    def relative(self, file: Path) -> str:
        return os.path.relpath(file.resolve(), self._root).replace(os.sep, "/")

    def told(self, message: str) -> str:
        """A message without the way to the root of the run, which programs tell from where they are run."""
        root = self._root.as_posix()
        return re.sub(rf"(?:(?:\.\./)+{re.escape(root.lstrip('/'))}|{re.escape(root)})/", "", message)

    def source(self, file: Path) -> Source:
        path = self.relative(file)
        if path not in self._sources:
            self._sources[path] = Source(path, read_text(file), _role(file))
        return self._sources[path]


def _role(file: Path) -> Role:
    """`helm-template` for what is in the templates of a chart, so that nobody parses it."""
    for folder in file.parents:
        if (folder / "Chart.yaml").is_file():
            return role_by_name(file.name, file.relative_to(folder).as_posix())
    return role_by_name(file.name, None)


def _label(folder: str, wanted: Wanted) -> str:
    parts = [*(each.name for each in wanted.values), *(f"{key}={value}" for key, value in wanted.given.items())]
    return f"{folder} with {', '.join(parts)}" if parts else folder


def _name(path: str, wanted: Wanted, taken: Mapping[str, Source]) -> str:
    """A path for the rendered text that no other has: that of the file that stands for the whole, and what with."""
    parts = [each.name for each in wanted.values]
    name = f"{path} ({', '.join(parts) or 'rendered'})"
    count = 2
    while name in taken:
        name = f"{path} ({', '.join(parts) or 'rendered'}, {count})"
        count += 1
    return name


__all__ = ["Asked", "Render", "Rendered", "Wanted", "render"]
