"""Every kind with a layout has a sample in `fixtures/kinds`; a comment per template says what is found in it.

# role | pods at once..at most of all its life | container: resource=amount @ where it is written
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from gpulint.kube.kinds import (
    Part,
    PodTemplate,
    container_fields,
    gpu_resources,
    known_kinds,
    pod_fields,
    pod_templates,
)
from gpulint.kube.layout import layouts
from gpulint.kube.paths import expand
from gpulint.kube.tree import Path as DataPath
from gpulint.kube.tree import get, mapping

FOLDER = Path(__file__).parent / "fixtures" / "kinds"
NOTHING = ["no pods"]


class Sample:
    def __init__(self, file: Path, text: str) -> None:
        lines = text.strip().splitlines()
        self.expected = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        loaded: object = yaml.safe_load(text)
        self.data = mapping(loaded)
        self.group = str(self.data["apiVersion"]).rpartition("/")[0]
        self.kind = str(self.data["kind"])
        self.id = f"{file.stem}: {self.kind}"

    def templates(self) -> list[PodTemplate]:
        return pod_templates(self.group, self.kind, self.data)


def samples() -> Iterator[Sample]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for text in re.split(r"^---$", file.read_text(encoding="utf-8"), flags=re.M):
            yield Sample(file, text)


SAMPLES = list(samples())


@pytest.mark.parametrize("sample", SAMPLES, ids=[each.id for each in SAMPLES])
def test_what_a_sample_holds(sample: Sample) -> None:
    assert ([told(each, sample.data) for each in sample.templates()] or NOTHING) == sample.expected


def test_every_kind_has_a_sample() -> None:
    kinds = {(each.group, each.kind) for each in known_kinds()}
    assert {(each.group, each.kind) for each in SAMPLES} == kinds


def test_every_place_of_every_layout_has_a_sample() -> None:
    """A layout with several places has samples for all of them; kinds that share it share the samples."""
    without = []
    for known in layouts():
        if known.inherits:
            continue
        sharing = {(each.kind.group, each.kind.kind) for each in layouts() if each.pods == known.pods}
        own = [each.data for each in SAMPLES if (each.group, each.kind) in sharing]
        for pods in known.pods:
            there = (get(data, path) for data in own for path, _ in expand(pods.at, data))
            if not any(isinstance(each, Mapping) for each in there):
                without.append((known.kind.group, known.kind.kind, pods.at))
    assert without == []


def told(template: PodTemplate, data: Mapping[str, object]) -> str:
    """What is found, in one line."""
    pods = f"{number(template.replicas)}..{number(template.most)}"
    pods += f" of {template.total}" if template.total is not None else ""
    containers = (f"{each.name}: {asked(template, each.path, data)}".strip() for each in template.containers)
    marks = [
        "template" if template.kind and template.kind.is_template else "",
        "alternative" if template.alternative else "",
        "bare gpu" if template.bare_gpu else "",
        f"profile {template.instance.name}" if template.instance and template.instance.profile else "",
        f"instance {template.instance.name}" if template.instance and not template.instance.profile else "",
        f"processes {dotted(template.processes)}" if template.processes else "",
        *(f"{key} {value}" for key, value in mapping(pod_fields(template, data).get("nodeSelector")).items()),
    ]
    return " | ".join([template.role or "-", pods, *containers, *filter(None, marks)])


def asked(template: PodTemplate, path: DataPath, data: Mapping[str, object]) -> str:
    (container,) = (each for each in template.containers if each.path == path)
    held = gpu_resources(container_fields(container, data))
    return ", ".join(f"{each.name}={each.value} @ {dotted(written(container.parts, each.path, path))}" for each in held)


def written(parts: Sequence[Part], field: DataPath, path: DataPath) -> DataPath:
    found = [each for each in parts if field[: len(each.field)] == each.field]
    return (*found[-1].path, *field[len(found[-1].field) :]) if found else (*path, *field)


def number(amount: int | None) -> str:
    return "?" if amount is None else str(amount)


def dotted(path: DataPath) -> str:
    return ".".join(map(str, path))


def test_amounts_are_where_they_are_said_to_be() -> None:
    for sample in SAMPLES:
        for template in sample.templates():
            for container in template.containers:
                for part in container.parts:
                    if get(sample.data, part.path) is not None and not isinstance(part.value, int | str):
                        assert get(sample.data, part.path) == part.value
