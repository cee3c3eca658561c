"""Everything a run reads, in one call."""

from __future__ import annotations

import errno
import hashlib
import posixpath
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from gpulint.finding import NotAnalysed
from gpulint.frozen import frozen
from gpulint.source.compose import SourceProblem
from gpulint.source.discovery import Input, discover
from gpulint.source.document import Document, Source
from gpulint.source.roles import (
    CHART_FILE,
    KUSTOMIZATION_NAMES,
    Role,
    is_encrypted,
    is_kustomization,
    is_machine_config,
    is_named_values,
)
from gpulint.source.scan import (
    Header,
    bytes_can_hold_documents,
    bytes_can_hold_requests,
    count_objects,
    has_marker,
    looks_like_manifest,
)
from gpulint.source.shell import SPEAKING, shell_commands
from gpulint.source.text import MAX_BYTES, decode, is_utf16, open_regular, read_text

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gpulint.source.rendering import Asked

_SPEAKING = tuple(word.encode() for word in SPEAKING)
_CLIENTS = (b"kubectl", b"oc", b"gcloud", b"az ", b"eksctl")
_NVIDIA_CHART = re.compile(r"^name:[ \t]*[\"']?(?:gpu-operator|nvidia-device-plugin)\b", re.M)


@frozen
class Loaded:
    """What was read."""

    sources: tuple[Source, ...]
    """The sources with at least one document that matters, sorted by path."""
    not_analysed: tuple[NotAnalysed, ...]
    """Sorted."""
    files: int
    """Files that hold at least one Kubernetes object."""
    objects: int
    """Documents with apiVersion and kind, members of Lists counted one by one; without kustomizations."""
    originals: tuple[Source, ...] = ()
    """What charts and overlays among the sources were rendered of: no objects of their own. Sorted by path."""


def load(
    paths: Iterable[pathlib.Path | str],
    root: pathlib.Path,
    exclude: Sequence[str] = (),
    respect_gitignore: bool = True,
    stdin: Source | None = None,
    excludes: Mapping[pathlib.Path, Sequence[str]] = MappingProxyType({}),
    asked: Asked | None = None,
) -> Loaded:
    """Find, read and filter the files under `paths`, see `discover`. Texts in which nothing matters are not kept.

    What is `asked` to be rendered stands for the files that it is made of.
    """
    inputs, not_analysed = discover(
        paths, root=root, exclude=exclude, excludes=excludes, respect_gitignore=respect_gitignore
    )
    run = _Run(not_analysed)
    if stdin is not None:
        run.add(stdin)
    rendered = _rendered(run, inputs, root, asked)
    for found in inputs:
        if found.path not in rendered:
            run.read(found)
    return run.result(tuple(rendered.values()))


def fingerprint(
    paths: Iterable[pathlib.Path | str],
    root: pathlib.Path,
    exclude: Sequence[str] = (),
    respect_gitignore: bool = True,
    excludes: Mapping[pathlib.Path, Sequence[str]] = MappingProxyType({}),
) -> bytes:
    """A hash of all that `load` would read; equal only where it would give the same."""
    inputs, not_analysed = discover(
        paths, root=root, exclude=exclude, excludes=excludes, respect_gitignore=respect_gitignore
    )
    hashed = hashlib.blake2b(repr(not_analysed).encode("utf-8", "surrogatepass"), digest_size=32)
    for found in inputs:
        hashed.update(f"{len(found.path)} {found.path} {found.role} ".encode("utf-8", "surrogatepass"))
        if found.role in _NOT_READ:
            continue
        data = _bytes(found)
        if isinstance(data, SourceProblem):
            data = f"{data.kind} {data.message} {data.kind == 'too-large' and _begins_like_manifest(found)}".encode()
        elif found.role == "helm-values":
            hashed.update(b"of NVIDIA " if _is_of_nvidia_chart(found) else b"")
        hashed.update(b"%d " % len(data))
        hashed.update(data)
    return hashed.digest()


_NOT_READ: frozenset[Role] = frozenset({"helm-template", "chart"})


def _rendered(run: _Run, inputs: Sequence[Input], root: pathlib.Path, asked: Asked | None) -> Mapping[str, Source]:
    """Add what is rendered; the files that it is made of, by path."""
    if asked is None:
        return {}
    from gpulint.source.rendering import render

    made = render(inputs, root, asked)
    run.not_analysed += made.not_analysed
    for source in made.sources:
        run.add(source)
    return {each.path: each for each in made.originals}


def read(found: Input) -> Source:
    """Decode a file and tell its role. What goes wrong is a problem of the source, never an exception."""
    data = _bytes(found)
    if isinstance(data, SourceProblem):
        return Source(found.path, "", "other", (data,))
    return _source(found.path, data, found.role)


def read_stdin(text: str, filename: str = "-") -> Source:
    """Standard input as a source; its name decides whether it is a kustomization or a script, never about charts."""
    data = text.encode("utf-8", "surrogatepass")
    role: Role = "manifests"
    if posixpath.basename(filename) in KUSTOMIZATION_NAMES:
        role = "kustomization"
    elif filename.endswith(".sh"):
        role = "shell"
    return _source(filename, data, role)


@dataclass(slots=True)
class _Run:
    not_analysed: list[NotAnalysed]
    sources: list[Source] = field(default_factory=list)
    files: int = 0
    objects: int = 0

    def read(self, found: Input) -> None:
        if found.role == "helm-template":
            self._skip(found.path, "helm-template")
        if found.role in _NOT_READ:
            return
        data = _bytes(found)
        if isinstance(data, SourceProblem):
            self._add_unread(found, data)
        elif found.role == "helm-values":
            self._add_values(found, data)
        elif is_encrypted(data):
            self._skip(found.path, "encrypted")
        elif _can_hold_anything(data, found.role) or (is_named_values(found.path) and bytes_can_hold_requests(data)):
            self.add(_source(found.path, data, found.role))

    def _add_values(self, found: Input, data: bytes) -> None:
        """Values are read for what they ask for, and for settings of NVIDIA's charts that a user's chart depends on."""
        kept = len(self.sources)
        can_matter = bytes_can_hold_documents(data) or bytes_can_hold_requests(data)
        if can_matter and not is_encrypted(data) and not _is_of_nvidia_chart(found):
            self.add(_source(found.path, data, found.role))
        if len(self.sources) == kept and (b"gpu" in data.lower() or b"nvidia" in data.lower()):
            self._skip(found.path, "helm-values")

    def _add_unread(self, found: Input, problem: SourceProblem) -> None:
        """What could have held a manifest is worth a finding, the rest is counted."""
        if problem.kind == "symlink" or (problem.kind == "too-large" and _begins_like_manifest(found)):
            self.sources.append(Source(found.path, "", "manifests", (problem,)))
        else:
            self._skip(found.path, problem.kind, problem.message)

    def add(self, source: Source) -> None:
        """Count the objects of a source and keep it if anything in it matters."""
        if source.role == "machines" or (source.role == "shell" and shell_commands(source)):
            self.sources.append(source)
        if source.role in {"machines", "shell"}:
            return
        objects = 0
        for document in source.documents():
            self._judge(document)
            objects += _objects(document)
        self.objects += objects
        self.files += objects > 0
        if any(document.matters for document in source.documents()):
            self.sources.append(source)
            return
        source.forget()
        if source.problems:
            self._skip(source.path, "broken", source.problems[0].message)

    def result(self, originals: tuple[Source, ...] = ()) -> Loaded:
        _mark_patches(self.sources)
        self.sources.sort(key=lambda source: source.path)
        skipped = tuple(sorted(set(self.not_analysed)))
        return Loaded(tuple(self.sources), skipped, self.files, self.objects, originals)

    def _judge(self, document: Document) -> None:
        """Sort out templates, and decide about documents whose head the scan could not read."""
        if document.matters:
            if document.is_template:
                document.matters = False
                self._skip(document.source.path, "template")
            elif document.is_flow:  # the scan reads JSON by guessing
                document.read_header()
            return
        if (document.api_version and document.kind) or not has_marker(document.text):
            return
        if document.node() is None:
            self._judge_broken(document)
        else:
            document.read_header()
        if not document.matters:
            document.release()

    def _judge_broken(self, document: Document) -> None:
        problems = document.problems()
        if not problems:
            return
        if document.is_template:
            self._skip(document.source.path, "template")
        elif looks_like_manifest(document.text):
            document.matters = True
        else:
            self._skip(document.source.path, "broken", problems[0].message)

    def _skip(self, path: str, reason: str, detail: str = "") -> None:
        self.not_analysed.append(NotAnalysed(path, reason, detail))


def _bytes(found: Input) -> bytes | SourceProblem:
    if found.file is None:
        return SourceProblem(0, 0, "unreadable", "standard input is read by the caller")
    try:
        with open_regular(found.file) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return SourceProblem(0, 0, "symlink", "the link goes in a circle")
        return SourceProblem(0, 0, "unreadable", error.strerror or type(error).__name__)
    if len(data) > MAX_BYTES:
        return SourceProblem(0, 0, "too-large", f"larger than {MAX_BYTES // 2**20} MiB")
    return data


def _is_of_nvidia_chart(found: Input) -> bool:
    """Whether the values are the defaults of a chart of NVIDIA's own: they install nothing."""
    chart = found.file.parent / CHART_FILE if found.file else None
    if chart is None or not chart.is_file():
        return False
    return _NVIDIA_CHART.search(read_text(chart)) is not None


def _begins_like_manifest(found: Input) -> bool:
    if found.file is None:
        return False
    try:
        with open_regular(found.file) as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    return has_marker(text) and looks_like_manifest(text)


def _source(path: str, data: bytes, role: Role) -> Source:
    text, problems = decode(data)
    if role == "manifests":
        role = _role_by_content(data, text)
    return Source(path, text, role, problems)


def _role_by_content(data: bytes, text: str) -> Role:
    if is_encrypted(data):
        return "other"
    if is_kustomization(data):
        return "kustomization"
    if is_machine_config(data):
        return "machines"
    return "manifests" if "apiVersion" in text else "other"


def _can_hold_anything(data: bytes, role: Role) -> bool:
    """Whether a file is worth decoding."""
    if role == "kustomization" or is_utf16(data):
        return True
    if role == "shell":
        return any(word in data for word in _SPEAKING) and any(client in data for client in _CLIENTS)
    return bytes_can_hold_documents(data) or is_machine_config(data)


def _objects(document: Document) -> int:
    if document.matters and document.kind.endswith("List"):
        data = document.data()
        items = data.get("items") if isinstance(data, dict) else None
        return len(items) if isinstance(items, list) else 1
    return count_objects(document.text, Header(document.api_version, document.kind))


def _mark_patches(sources: Sequence[Source]) -> None:
    """Give the role of a patch to every file that a kustomization names as one."""
    by_path = {source.path: source for source in sources}
    for source in sources:
        if source.role != "kustomization" or "patch" not in source.text:
            continue
        for name in _patch_files(source):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), name))
            if target in by_path and by_path[target].role == "manifests":
                by_path[target].role = "patch"


def _patch_files(source: Source) -> Iterator[str]:
    for document in source.documents():
        data = document.data()
        if not isinstance(data, dict):
            continue
        for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
            entries = data.get(key)
            for entry in entries if isinstance(entries, list) else []:
                path = entry.get("path") if isinstance(entry, dict) else entry
                if isinstance(path, str) and "\n" not in path:
                    yield path
