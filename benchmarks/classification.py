"""How often the class of a GPU pod is right, on public pods that were labelled by hand (labelled-pods.yaml).

    python benchmarks/classification.py FOLDER [--half mending|held-out] [--misses]

FOLDER holds one clone per repository, named `owner+name`; repositories that are not there are left out and counted.
An answer is right when a careful reader would take it too; where nobody can tell, only a sure answer is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from gpulint.config import DEFAULTS
from gpulint.facts.classification import WorkloadClass
from gpulint.facts.owner import SURE, Owners
from gpulint.inputs import Inputs, link, read

LABELS = Path(__file__).with_name("labelled-pods.yaml")
CERTAINTIES = ("certain", "high", "medium", "low", "none")


@dataclass(frozen=True, slots=True)
class Label:
    """What a reader says of the pods that one template makes."""

    repository: str
    path: str
    object: str
    """Kind/name."""
    template: str
    accepts: tuple[str, ...]
    """`class` or `class/detail`, the best first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and what gpulint says."""

    label: Label
    given: WorkloadClass

    @property
    def right(self) -> bool:
        if not self.label.accepts:
            return self.given.certainty not in SURE
        return self.given.name in {accepted.partition("/")[0] for accepted in self.label.accepts}

    @property
    def detail_right(self) -> bool:
        """Whether the detail agrees as well."""
        return self.right and (not self.label.accepts or _told(self.given) in self.label.accepts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=("mending", "held-out"), help="only one half of the labels")
    parser.add_argument("--misses", action="store_true", help="list them")
    asked = parser.parse_args()
    for half, labels in _labels(asked.half).items():
        answers = list(_answers(asked.folder, labels))
        print(f"\n{half}: {len(answers)} of {len(labels)} labelled pods are there")
        _report(answers)
        if asked.misses:
            _list([each for each in answers if not each.right])


def _labels(only: str | None) -> dict[str, list[Label]]:
    halves = yaml.safe_load(LABELS.read_text(encoding="utf-8"))
    return {
        half: [
            Label(repository, each["path"], each["object"], each.get("template", ""), tuple(each["accepts"]))
            for repository, pods in repositories.items()
            for each in pods
        ]
        for half, repositories in halves.items()
        if only in (None, half)
    }


def _answers(folder: Path, labels: Sequence[Label]) -> Iterator[Answer]:
    by_repository: dict[str, list[Label]] = {}
    for label in labels:
        by_repository.setdefault(label.repository, []).append(label)
    for repository, wanted in by_repository.items():
        root = folder / repository.replace("/", "+", 1)
        given = _classes(root) if root.is_dir() else {}
        for label in wanted:
            for template, found in given.get((label.path, label.object), ()):
                if template.startswith(label.template) or label.template.startswith(template):
                    yield Answer(label, found)
                    break


def _classes(root: Path) -> Mapping[tuple[str, str], Sequence[tuple[str, WorkloadClass]]]:
    """Path and object → templates with their classes, of all GPU pods of a repository."""
    inputs = Inputs(root=root)
    owners = Owners({})
    found: dict[tuple[str, str], list[tuple[str, WorkloadClass]]] = {}
    for graph in link(read([root], inputs, DEFAULTS), inputs, DEFAULTS):
        for workload in filter(lambda each: each.asked, graph.pods):
            manifest = workload.manifest
            key = (manifest.document.source.path, f"{manifest.kind}/{manifest.name}")
            found.setdefault(key, []).append((".".join(map(str, workload.template.path)), owners.guess(workload)))
    return found


def _report(answers: Sequence[Answer]) -> None:
    print(f"{'':24}{'pods':>6}{'right':>7}{'':>9}{'with detail':>13}")
    _row("all", answers)
    _row("certain or high", [each for each in answers if each.given.certainty in SURE])
    for certainty in CERTAINTIES:
        _row(f"  {certainty}", [each for each in answers if each.given.certainty == certainty])
    first = [(each.label.accepts or ("nobody can tell",))[0] for each in answers]
    for name in sorted(set(first)):
        _row(name, [each for each, label in zip(answers, first, strict=True) if label == name])


def _row(name: str, answers: Sequence[Answer]) -> None:
    right = sum(each.right for each in answers)
    share = f"{right / len(answers):.1%}" if answers else ""
    print(f"{name:24}{len(answers):>6}{right:>7}{share:>9}{sum(each.detail_right for each in answers):>13}")


def _list(misses: Sequence[Answer]) -> None:
    for each in misses:
        label, given = each.label, each.given
        print(f"\n{label.repository} {label.path}: {label.object} {label.template}")
        print(f"  a reader: {', '.join(label.accepts) or 'nobody can tell'}")
        print(f"  gpulint:  {_told(given)}, {given.certainty} ({', '.join(given.evidence)})")


def _told(given: WorkloadClass) -> str:
    return f"{given.name}/{given.detail}" if given.detail else given.name


if __name__ == "__main__":
    main()
