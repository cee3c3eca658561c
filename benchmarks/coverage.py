"""How many of the GPUs that manifests ask for are found where the layouts of kinds say that pods are.

    python benchmarks/coverage.py FOLDER [--misses]

FOLDER holds one clone per repository. A walk that knows no kind counts every `limits` and `requests` with an
accelerator in documents with `apiVersion` and `kind`; of those it is told how many are in a pod template. Definitions,
policies and kinds that hold no pods (quotas, node pools) are left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpulint.config import DEFAULTS
from gpulint.gpu.resources import classify
from gpulint.inputs import Inputs, read
from gpulint.kube.kinds import Container, Part, PodTemplate, holds_no_pods, pod_templates
from gpulint.kube.tree import Path as DataPath
from gpulint.kube.tree import mapping
from gpulint.manifest import Manifest, manifests

SECTIONS = ("limits", "requests")


@dataclass(frozen=True, slots=True)
class Held:
    """A mapping of limits or requests with an accelerator."""

    manifest: Manifest
    path: DataPath
    found: str
    """`layout`, `shape` (a pod in a kind without a layout), or empty."""

    def __str__(self) -> str:
        place = self.manifest.place(*self.path)
        return f"{place.location().path}: {self.manifest.kind} {place.field()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what was not found")
    options = parser.parse_args()
    held = [each for folder in sorted(options.folder.iterdir()) if folder.is_dir() for each in of_repository(folder)]
    by_kind = Counter((each.manifest.group, each.manifest.kind, each.found) for each in held)
    found = sum(count for (_, _, how), count in by_kind.items() if how)
    by_layout = sum(count for (_, _, how), count in by_kind.items() if how == "layout")
    total = max(len(held), 1)
    print(f"{len(held)} limits and requests with an accelerator in {len({id(each.manifest) for each in held})} objects")
    print(f"{found} found ({found / total:.1%}), {by_layout} of them by a layout ({by_layout / total:.1%})")
    for how in ("", "shape"):
        rows = sorted((-count, group, kind) for (group, kind, way), count in by_kind.items() if way == how)
        print(f"\n{'by the shape only' if how else 'missed'}: {sum(-count for count, *_ in rows)}")
        for count, group, kind in rows:
            print(f"{-count:6} {group or 'core'}/{kind}")
    if options.misses:
        print("\n" + "\n".join(sorted(str(each) for each in held if not each.found)))


def of_repository(folder: Path) -> Iterator[Held]:
    loaded = read([folder], Inputs(root=folder), DEFAULTS)
    for source in loaded.sources:
        if source.role not in {"manifests", "kustomization"}:
            continue
        for document in source.documents():
            for manifest in manifests(document) if document.matters else ():
                yield from of_manifest(manifest)


def of_manifest(manifest: Manifest) -> Iterator[Held]:
    if holds_no_pods(manifest.group, manifest.kind):
        return
    templates = pod_templates(manifest.group, manifest.kind, manifest.data)
    ways = {path: "layout" if template.kind else "shape" for template in templates for path in resources(template)}
    for path in walked(manifest.data, ()):
        yield Held(manifest, path, ways.get(path, ""))


def resources(template: PodTemplate) -> Iterator[DataPath]:
    """Where the limits and requests of a template stand."""
    for container in template.containers:
        for section in SECTIONS:
            yield from places(container, section)


def places(container: Container, section: str) -> Iterator[DataPath]:
    yield (*container.path, "resources", section)
    for part in container.parts:
        if part.field == ("resources",):
            yield (*part.path, section)
        elif part.field[:2] == ("resources", section):
            below = len(part.field) - 2 + is_nested(part)
            yield part.path[: len(part.path) - below]


def is_nested(part: Part) -> bool:
    """Whether its kind has the resource one level deeper than limits have it."""
    return part.path[-2:-1] == ("custom",)


def walked(data: object, path: DataPath) -> Iterator[DataPath]:
    """Every limits and requests below, whatever holds them, that name an accelerator."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from walked(item, (*path, index))
        return
    for key, value in mapping(data).items():
        if path == () and key == "status":
            continue
        if key in SECTIONS and isinstance(value, Mapping) and any(map(is_accelerator, value)):
            yield (*path, key)
        yield from walked(value, (*path, key))


def is_accelerator(name: str) -> bool:
    return name == "gpu" or classify(name).kind not in {"unrelated", "near-miss"}


if __name__ == "__main__":
    main()
