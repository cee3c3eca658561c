"""Which charts are rendered, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gpulint.frozen import frozen
from gpulint.source.document import Source
from gpulint.source.rendering.process import SECONDS, Outcome, program, run, sandbox
from gpulint.source.roles import CHART_FILE
from gpulint.source.text import read_text

NAMESPACE = "${NAMESPACE}"
"""What a release is rendered with whose namespace nobody tells: a placeholder, of which nothing can be claimed."""

KUBERNETES = "1.34"
"""The version that charts are rendered for where nobody tells; programs of other builds assume very old ones."""

_NVIDIA = frozenset({"gpu-operator", "nvidia-device-plugin"})
_TEXTS = (".yaml", ".yml", ".tpl", ".txt", ".json", ".tmpl", ".gotmpl")
_PARTS = re.compile(r"(?:charts/[^/]+/)*(?:templates/.+|values\.ya?ml|Chart\.yaml)")
"""What is gone into the rendered text; other files of a chart, definitions of resources too, are read as they are."""
_RELEASE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,51}[a-z0-9])?")


@frozen
class Chart:
    """A chart and the texts it is made of."""

    folder: Path
    name: str
    files: tuple[Path, ...]
    """Templates, values and charts below it, sorted."""
    is_nvidia: bool
    """Whether it is one that installs the device plugin, as its author publishes it."""


def roots(charts: Iterable[Path]) -> list[Chart]:
    """The charts that stand for themselves: no libraries, none that is part of another."""
    folders = {path.parent for path in charts}
    alone = [folder for folder in sorted(folders) if not any(_is_in(folder, other) for other in folders)]
    found = (chart(folder) for folder in alone)
    return [each for each in found if each is not None]


def chart(folder: Path) -> Chart | None:
    """The chart in a folder; None where there is none that renders anything."""
    source = Source(CHART_FILE, read_text(folder / CHART_FILE), "manifests")
    documents = source.documents()
    data = documents[0].data() if len(documents) == 1 else None
    if not isinstance(data, Mapping) or data.get("type") == "library" or not isinstance(data.get("name"), str):
        return None
    name = str(data["name"])
    files = (each for each in folder.rglob("*") if _PARTS.fullmatch(each.relative_to(folder).as_posix()))
    texts = sorted(each for each in files if each.suffix in _TEXTS and each.is_file() and not each.is_symlink())
    return Chart(folder, name, tuple(texts), name in _NVIDIA)


def template(
    each: Chart,
    values: Sequence[Path],
    given: Mapping[str, str],
    release: str,
    namespace: str,
    kubernetes: str,
    seconds: float = SECONDS,
) -> Outcome:
    """Its manifests, each below a comment that names its template; for the `kubernetes` of that version."""
    helm = program("helm")
    if helm is None:
        return Outcome("", "no-helm", "helm is not on PATH")
    name = release or (each.name if _RELEASE.fullmatch(each.name) else "release")
    argv = [str(helm), "template", name, str(each.folder.resolve()), "--namespace", namespace or NAMESPACE]
    for file in values:
        argv += ["--values", str(file.resolve())]
    for key, value in given.items():
        argv += ["--set", f"{key}={value}"]
    argv += ["--kube-version", kubernetes or KUBERNETES, "--skip-tests"]
    with sandbox() as box:
        return run(argv, box, seconds=seconds)


def _is_in(folder: Path, other: Path) -> bool:
    return folder != other and folder.is_relative_to(other / "charts")
