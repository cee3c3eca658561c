"""Patches: files that a kustomization names as such, texts in the kustomization itself, `kubectl patch` in scripts."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gpulint.frozen import frozen
from gpulint.graph.kustomize import patched_files
from gpulint.graph.scope import nearest
from gpulint.graph.section import Section
from gpulint.kube.tree import get, is_placeholder, sequence, text
from gpulint.manifest import Manifest, Place
from gpulint.source import Document, Path, Source, Word, shell_commands

_INLINE = ("patches", "patchesJson6902")
_CONFIG_MAP_DATA = "/data"


@frozen
class Patch:
    """One patch: a partial object (strategic merge), or a list of operations (JSON 6902)."""

    data: object
    root: Place
    files: frozenset[str] | None = None
    """The files whose objects it may change; None where it is no kustomization's."""
    target_kind: str = ""
    """Of the object that the kustomization lays it over; a partial object names that itself."""
    target_name: str = ""

    def get(self, *path: str | int) -> object:
        """A value of a partial object."""
        return get(self.data, path)

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.root.document.source.path)

    def is_for(self, manifest: Manifest) -> bool:
        """Whether it may be meant for an object; labels that a target selects by are not read."""
        if self.files is not None and manifest.document.source.path not in self.files:
            return False
        if self.target_kind or self.target_name:
            return self.targets(manifest.kind, manifest.name)
        return self.get("kind") == manifest.kind and self.get("metadata", "name") == manifest.name

    def targets(self, kind: str, name: str) -> bool:
        """Whether the target that it was given with covers an object."""
        return _matches(self.target_kind, kind) and _matches(self.target_name, name)

    def changes(self, *field: str) -> bool:
        """Whether it says anything of a field, or of what is above or below it."""
        if not isinstance(self.data, list):
            return self.get(*field) is not None
        pointer = "".join(f"/{step}" for step in field)
        paths = [text(operation.get("path")) for operation in self.data if isinstance(operation, Mapping)]
        return any(f"{path}/".startswith(f"{pointer}/") or f"{pointer}/".startswith(f"{path}/") for path in paths)

    def section(self, *field: str) -> Section | None:
        """What it makes of a mapping at `field`; None where operations reach into lists or do more than setting."""
        if isinstance(self.data, list):
            return _set_by_operations(self.data, self.root, field)
        found = self.get(*field)
        return Section(found, self.root.below(*field)) if isinstance(found, Mapping) else None

    def texts(self) -> Iterator[tuple[str, Place]]:
        """Keys and places of the texts that it puts into the data of ConfigMaps."""
        if isinstance(self.data, list):
            for index, operation in enumerate(self.data):
                if isinstance(operation, Mapping):
                    yield from _operation(operation, self.root.below(index, "value"))
        elif isinstance(self.data, Mapping) and self.data.get("kind") == "ConfigMap":
            yield from _texts(self.data.get("data"), self.root.below("data"))


def patches(sources: Iterable[Source]) -> Iterator[Patch]:
    """Every patch of the input, in its order."""
    sources = tuple(sources)
    patching = [each for each in sources if each.role == "kustomization" and "patch" in each.text]
    changing = {id(each) for each in patching}
    changed = patched_files(sources) if patching else {}
    named: dict[str, frozenset[str]] = {}
    for source in patching:
        for path in _named_files(source):
            named[path] = named.get(path, frozenset()) | changed.get(posixpath.dirname(source.path), frozenset())
    for source in sources:
        for document in source.documents() if source.role == "patch" or id(source) in changing else ():
            if source.role == "patch":
                yield Patch(document.data(), Place(document, ()), named.get(source.path, frozenset()))
            else:
                yield from _inline(document, changed.get(posixpath.dirname(source.path), frozenset()))


def patches_of_kustomization(
    kustomization: Source, sources: Mapping[str, Source], files: frozenset[str]
) -> list[Patch]:
    """The patches of one kustomization in order, those in files (by path in `sources`) with the targets they are for.

    `files` are the files whose objects it may change.
    """
    found: list[Patch] = []
    for document in kustomization.documents():
        found += _inline(document, files)
        for path, target in _entries(document):
            for part in sources[path].documents() if path in sources else ():
                kind, name = text(target.get("kind")), text(target.get("name"))
                found.append(Patch(part.data(), Place(part, ()), files, kind, name))
    return found


def named_patches(kustomization: Source) -> Iterator[tuple[str, str, str]]:
    """Path, and kind and name of the target, of each patch that stands in a file, read or not."""
    for document in kustomization.documents():
        for path, target in _entries(document):
            yield path, text(target.get("kind")), text(target.get("name"))


def patches_of_flux(document: Document, files: frozenset[str]) -> Iterator[Patch]:
    """The patches in a Kustomization of Flux, which are laid over what it builds."""
    for index, entry in enumerate(sequence(get(document.data(), ("spec", "patches")))):
        if isinstance(entry, Mapping) and isinstance(entry.get("patch"), str):
            target = entry.get("target")
            place = Place(document, ("spec", "patches", index, "patch"))
            yield from _text(place, files, target if isinstance(target, Mapping) else {})


def _entries(document: Document) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Path and target of each patch that stands in a file."""
    data = document.data()
    folder = posixpath.dirname(document.source.path)
    for field in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for entry in sequence(data.get(field)) if isinstance(data, Mapping) else ():
            path = text(entry.get("path")) if isinstance(entry, Mapping) else text(entry)
            target = entry.get("target") if isinstance(entry, Mapping) else None
            if path and "\n" not in path:
                full = posixpath.normpath(posixpath.join(folder, path))
                yield full, target if isinstance(target, Mapping) else {}


def _named_files(kustomization: Source) -> Iterator[str]:
    for document in kustomization.documents():
        yield from (path for path, _ in _entries(document))


def patches_of(manifest: Manifest, among: Sequence[Patch], *field: str) -> tuple[Patch, ...] | None:
    """The patches that change a field of an object, in order; None where overlays in several folders have their own."""
    meant = [patch for patch in among if patch.is_for(manifest) and patch.changes(*field)]
    near = nearest(manifest.folder(), meant, lambda patch: patch.folder).items
    return near if len({patch.folder for patch in near}) <= 1 else None


@frozen
class ScriptPatch:
    """A `kubectl patch clusterpolicy` of a script."""

    patch: Patch
    namespace: str
    """The one it is run in; empty when it names none."""
    is_nvidia: bool
    """Whether it names the group: Kyverno has a kind of that name as well."""


def script_patches(sources: Iterable[Source]) -> Iterator[ScriptPatch]:
    """The patches of ClusterPolicies in scripts, as far as they stand in single quotes."""
    for source in sources:
        for command in shell_commands(source) if source.role == "shell" else ():
            texts = [word.text for word in command.words]
            if "patch" in texts and (found := _script_patch(source, command.words)):
                yield found


_PATCH_OPTIONS = frozenset({"-p", "--patch"})
_NAMESPACE_OPTIONS = frozenset({"-n", "--namespace"})


def _script_patch(source: Source, words: Sequence[Word]) -> ScriptPatch | None:
    texts = [word.text for word in words]
    kind, name = next((_target(texts[index:]) for index in range(len(texts)) if _is_policy(texts[index])), ("", ""))
    written = _value_of(words, _PATCH_OPTIONS)
    namespace = _value_of(words, _NAMESPACE_OPTIONS)
    if not kind or written is None:
        return None
    start = source.text.find("'", written.start, written.end)
    end = source.text.rfind("'", start + 1, written.end)
    if start < 0 or end < 0 or "'" in source.text[start + 1 : end]:
        return None
    document = Document(source, 0, start + 1, end, "", "", matters=True)
    patch = Patch(document.data(), Place(document, ()), None, "ClusterPolicy", name)
    known = namespace.text.rpartition("=")[2] if namespace else ""
    return ScriptPatch(patch, "" if is_placeholder(known) else known, kind.lower().endswith(".nvidia.com"))


def _is_policy(word: str) -> bool:
    return re.match(r"(?i)clusterpolic(?:y|ies)(?:\.nvidia\.com)?(?:/|$)", word) is not None


def _target(words: Sequence[str]) -> tuple[str, str]:
    kind, slash, name = words[0].partition("/")
    return kind, name if slash else next(iter(words[1:2]), "")


def _value_of(words: Sequence[Word], options: frozenset[str]) -> Word | None:
    for index, word in enumerate(words):
        if word.text in options and index + 1 < len(words):
            return words[index + 1]
        if word.text.partition("=")[0] in options and "=" in word.text:
            return word
    return None


def _matches(pattern: str, value: str) -> bool:
    """Targets are anchored regular expressions (`kustomize` api/types/selector.go), of which `.*` and `|` are read."""
    if not pattern or pattern == value:
        return True
    simple = re.fullmatch(r"[\w.*|-]+", pattern) is not None
    return simple and any(fnmatch.fnmatchcase(value, each.replace(".*", "*")) for each in pattern.split("|"))


def _inline(document: Document, files: frozenset[str]) -> Iterator[Patch]:
    data = document.data()
    if not isinstance(data, Mapping):
        return
    for field in _INLINE:
        for index, entry in enumerate(sequence(data.get(field))):
            if isinstance(entry, Mapping) and isinstance(entry.get("patch"), str):
                target = entry.get("target")
                place = Place(document, (field, index, "patch"))
                yield from _text(place, files, target if isinstance(target, Mapping) else {})
    for index, entry in enumerate(sequence(data.get("patchesStrategicMerge"))):
        if isinstance(entry, str) and "\n" in entry:
            yield from _text(Place(document, ("patchesStrategicMerge", index)), files, {})


def _text(place: Place, files: frozenset[str], target: Mapping[str, object]) -> Iterator[Patch]:
    embedded = place.embedded()
    if embedded is not None and embedded.node() is not None:
        yield Patch(embedded.data(), place.into(()), files, text(target.get("kind")), text(target.get("name")))


def _set_by_operations(operations: Sequence[object], root: Place, field: tuple[str, ...]) -> Section | None:
    """The mapping at `field` that operations set values in (RFC 6902)."""
    data: dict[str, object] = {}
    places: dict[Path, Place] = {}
    for index, operation in enumerate(operations):
        path = _pointer(operation.get("path")) if isinstance(operation, Mapping) else ()
        if path[: len(field)] != field:
            continue
        inside = path[len(field) :]
        if not isinstance(operation, Mapping) or operation.get("op") not in {"add", "replace"} or not inside:
            return None
        below: dict[str, object] = data
        for step in inside[:-1]:
            found = below.setdefault(step, {})
            if not isinstance(found, dict):
                return None
            below = found
        below[inside[-1]] = operation.get("value")
        places[inside] = root.below(index, "value")
        if any(step.isdecimal() or step == "-" for step in inside):
            return None
    return Section(data, root, elsewhere=places) if data else None


def _pointer(pointer: object) -> tuple[str, ...]:
    steps = text(pointer).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _operation(operation: Mapping[str, object], place: Place) -> Iterator[tuple[str, Place]]:
    path, value = operation.get("path"), operation.get("value")
    if not isinstance(path, str) or not path.startswith(_CONFIG_MAP_DATA):
        return
    if isinstance(value, str):
        yield path.removeprefix(_CONFIG_MAP_DATA + "/").replace("~1", "/").replace("~0", "~"), place
    elif path == _CONFIG_MAP_DATA:
        yield from _texts(value, place)


def _texts(data: object, place: Place) -> Iterator[tuple[str, Place]]:
    for key, value in data.items() if isinstance(data, Mapping) else ():
        if isinstance(value, str):
            yield str(key), place.below(key)
