"""Which kustomizations are built, and what they are made of; those that reach for the network are not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gpulint.frozen import frozen
from gpulint.source.document import Source
from gpulint.source.rendering.process import SECONDS, Outcome, program, run, sandbox
from gpulint.source.roles import KUSTOMIZATION_NAMES
from gpulint.source.text import read_text

_FOLDERS_OR_FILES = ("resources", "components", "bases")
_PLUGINS = ("generators", "transformers", "validators")
_FILES = ("crds", "configurations")
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902", "replacements")
_INFLATIONS = ("helmCharts", "helmChartInflationGenerator")
_REMOTE = re.compile(
    r"://|^git@|^git::|\?ref=|[?&]timeout=|^[\w.-]+:[\w./-]+\.git|^(?:github|gitlab|bitbucket)\.\w+[/:]"
)
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::\d+)?/.+/.+")


@frozen
class Overlay:
    """A kustomization and all the local files that its build takes."""

    folder: Path
    files: tuple[Path, ...]
    """Kustomizations first, the outer before the inner; then the others as they are met."""
    folders: frozenset[Path]
    """Of the kustomizations that it builds on, without its own."""
    refusal: str = ""
    """`remote-base`, `kustomize-broken`, `kustomize-helm` or `kustomize-restricted`: why it is not built."""
    detail: str = ""


def roots(kustomizations: Iterable[Path]) -> list[Overlay]:
    """What no other of the given kustomizations builds on, components left out."""
    found = {path.parent: overlay(path.parent) for path in kustomizations if path.name in KUSTOMIZATION_NAMES}
    inner = {folder for each in found.values() for folder in each.folders}
    return [found[folder] for folder in sorted(found) if folder not in inner and not _is_component(folder)]


def overlay(folder: Path) -> Overlay:
    """The kustomization of a folder."""
    walk = _Walk()
    walk.kustomization(Path(os.path.normpath(folder)))
    files = dict.fromkeys((*walk.kustomizations, *walk.files))
    return Overlay(folder, tuple(files), frozenset(walk.folders) - {folder}, walk.refusal, walk.detail)


def build(each: Overlay, seconds: float = SECONDS) -> tuple[Outcome, tuple[Origin, ...]]:
    """Its manifests, and where each of them comes from."""
    command = _command()
    if command is None:
        return Outcome("", "no-kustomize", "neither kustomize nor kubectl is on PATH"), ()
    with sandbox() as box:
        wrapper = box / "wrapper"
        wrapper.mkdir()
        base = os.path.relpath(each.folder.resolve(), wrapper).replace(os.sep, "/")
        text = f"resources: [{_quoted(base)}]\nbuildMetadata: [originAnnotations, transformerAnnotations]\n"
        (wrapper / "kustomization.yaml").write_text(text, "utf-8")
        argv = [*command, "--load-restrictor", "LoadRestrictionsRootOnly", str(wrapper)]
        outcome = run(argv, box, seconds=seconds)
        text, origins = _with_origins(outcome.text, wrapper)
        return replace(outcome, text=text), origins


@frozen
class Origin:
    """Where an object of a build comes from."""

    file: Path
    """A manifest, or the kustomization that makes the object; the folder of the build where nothing tells."""
    generated: bool = False
    """Whether a generator of that kustomization makes it."""


def _with_origins(text: str, wrapper: Path) -> tuple[str, tuple[Origin, ...]]:
    """The output of a build without the annotations that were asked for, and what they said of each document."""
    parts, found = [], []
    for part in re.split(r"^---[ \t]*\n", text, flags=re.M):
        if part.strip():
            kept, said = _without_annotations(part)
            parts.append(kept)
            found.append(_origin(said, wrapper))
    return "---\n".join(parts), tuple(found)


def _origin(said: str, wrapper: Path) -> Origin:
    path = re.search(r"^\s*path: (.+)$", said, re.M)
    made = re.search(r"^\s*configuredIn: (.+)$", said, re.M)
    written = (path or made or ("", ""))[1].strip().strip("'\"")
    return Origin(Path(os.path.normpath(wrapper / written)), path is None and made is not None)


_OURS = ("config.kubernetes.io/origin", "alpha.config.kubernetes.io/transformations")


def _without_annotations(text: str) -> tuple[str, str]:
    """The document without the annotations that were asked for; the text of the one with the origin.

    kustomize writes keys of the object at its margin, those of metadata two columns further, annotations four.
    """
    kept: list[str] = []
    origin: list[str] = []
    inside, skipping = "", ""
    heading = -1
    for line in text.splitlines(keepends=True):
        depth = len(line) - len(line.lstrip(" "))
        if line.strip() and depth <= 4:
            skipping = ""
            if depth == 0:
                inside = "metadata" if line.startswith("metadata:") else ""
            elif depth == 2 and inside:
                inside = "annotations" if line.startswith("  annotations:") else "metadata"
                heading = len(kept) if inside == "annotations" else heading
            elif depth == 4 and inside == "annotations":
                skipping = next((name for name in _OURS if line[4:].startswith(name + ":")), "")
        if not skipping:
            kept.append(line)
        elif skipping == _OURS[0]:
            origin.append(line)
    if heading >= 0 and not (kept[heading + 1 : heading + 2] and kept[heading + 1].startswith("    ")):
        del kept[heading]
    return "".join(kept), "".join(origin)


class _Walk:
    """One kustomization with all that it builds on."""

    def __init__(self) -> None:
        self.kustomizations: list[Path] = []
        self.files: list[Path] = []
        self.folders: set[Path] = set()
        self.refusal, self.detail = "", ""

    def kustomization(self, folder: Path) -> None:
        if folder in self.folders:
            return
        self.folders.add(folder)
        own = _file_of(folder)
        if own is None:
            self._refuse("kustomize-broken", f"no kustomization in '{folder.name}'")
            return
        self.kustomizations.append(own)
        data = _data(own)
        if data is None:
            self._refuse("kustomize-broken", f"'{own.name}' in '{folder.name}' cannot be read")
            return
        if any(data.get(name) for name in _INFLATIONS):
            self._refuse("kustomize-helm", "it renders a chart")
        for entry in _texts(data, _FOLDERS_OR_FILES):
            self._resource(folder, entry)
        for entry in _texts(data, _PLUGINS):
            self._plugin(folder, entry)
        for entry in _file_entries(data):
            self._file(folder, entry)

    def _resource(self, folder: Path, entry: str) -> None:
        target = _below(folder, entry)
        if target is not None and target.is_dir():
            self.kustomization(target)
        else:
            self._file(folder, entry)

    def _plugin(self, folder: Path, entry: str) -> None:
        """What configures a generator may name anything, so it must name nothing that looks like an address."""
        if "\n" in entry:
            self._plugin_text(entry)
            return
        target = _below(folder, entry)
        if target is not None and target.is_dir():
            self.kustomization(target)
            return
        self._file(folder, entry)
        if target is not None and target.is_file():
            self._plugin_text(read_text(target))

    def _plugin_text(self, text: str) -> None:
        if re.search(r"://|git@|\?ref=", text):
            self._refuse("remote-base", "the configuration of a generator or transformer names an address")
        if "HelmChartInflationGenerator" in text:
            self._refuse("kustomize-helm", "it renders a chart")

    def _file(self, folder: Path, entry: str) -> None:
        if "\n" in entry:
            return
        target = _below(folder, entry)
        if target is not None and target.is_file():
            self.files.append(target)
            if not target.resolve().is_relative_to(folder.resolve()):
                self._refuse("kustomize-restricted", f"'{entry}' is outside of the folder of its kustomization")
        elif _is_remote(entry):
            self._refuse("remote-base", entry)
        else:
            self._refuse("kustomize-broken", f"there is no '{entry}'")

    def _refuse(self, reason: str, detail: str) -> None:
        """Of several reasons the network counts most: a missing file may be mended by the user alone."""
        if not self.refusal or (reason == "remote-base" and self.refusal != reason):
            self.refusal, self.detail = reason, detail


def _is_remote(entry: str) -> bool:
    return _REMOTE.search(entry) is not None or _HOST.match(entry) is not None


def _below(folder: Path, entry: str) -> Path | None:
    if "://" in entry or "\0" in entry or len(entry) > 1000:
        return None
    return Path(os.path.normpath(folder / entry))


def _file_entries(data: Mapping[str, object]) -> Iterator[str]:
    yield from _texts(data, _FILES)
    for name in _PATCHES:
        for entry in _list(data.get(name)):
            if isinstance(entry, str):
                yield entry
            elif isinstance(entry, Mapping) and isinstance(entry.get("path"), str):
                yield str(entry["path"])
    for name in ("configMapGenerator", "secretGenerator"):
        for entry in _list(data.get(name)):
            if isinstance(entry, Mapping):
                yield from (each.partition("=")[2] or each for each in _texts(entry, ("files",)))
                yield from _texts(entry, ("envs",))
                if isinstance(entry.get("env"), str):
                    yield str(entry["env"])
    schema = data.get("openapi")
    if isinstance(schema, Mapping) and isinstance(schema.get("path"), str):
        yield str(schema["path"])


def _texts(data: Mapping[str, object], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (entry for entry in _list(data.get(name)) if isinstance(entry, str))


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _file_of(folder: Path) -> Path | None:
    return next((folder / name for name in sorted(KUSTOMIZATION_NAMES) if (folder / name).is_file()), None)


def _is_component(folder: Path) -> bool:
    own = _file_of(folder)
    data = _data(own) if own else None
    return data is not None and data.get("kind") == "Component"


def _data(file: Path) -> Mapping[str, object] | None:
    documents = Source(file.name, read_text(file), "kustomization").documents()
    data = documents[0].data() if len(documents) == 1 else None
    return data if isinstance(data, Mapping) else None


def _command() -> list[str] | None:
    kustomize, kubectl = program("kustomize"), program("kubectl")
    if kustomize is not None:
        return [str(kustomize), "build"]
    return [str(kubectl), "kustomize"] if kubectl is not None else None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
