"""Places in what a kustomization builds → the patch, the setting or the manifest that the value comes from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from gpulint.frozen import frozen
from gpulint.graph.kustomize import patched_files
from gpulint.graph.patches import Patch, patches_of_kustomization
from gpulint.kube.tree import get, mapping, mappings, sequence, text
from gpulint.manifest import Manifest, Place, manifests
from gpulint.origin.alignment import aligned, alike
from gpulint.origin.traced import Traced
from gpulint.source import Document, Path, Source
from gpulint.source.rendering import Render

_NAME = ("metadata", "name")


def trace_overlay(place: Place, made: Render) -> Traced:
    """The outermost layer that has the value: a patch, a setting of a kustomization, else the file of the object."""
    path, generated = made.origins[place.document.index]
    rendered = next(iter(manifests(place.document)), None)
    source = made.files.get(path)
    if rendered is None or source is None:
        return Traced(_begin(source or next(iter(made.files.values()))))
    if generated:
        return Traced(_generated(place, rendered, source, made))
    written = _object(rendered, source)
    if written is None or place.extent is not None:
        return Traced(_begin(source))
    object_ = _Object(rendered, written, place, _existing(place))
    own = object_.own_place()
    for found in _layers(object_, made):
        if found is not None:
            return Traced(found, () if own is None else (own,))
    return Traced(own or object_.nearest())


@frozen
class _Object:
    """An object of a build, the manifest that it was, and what is looked for in it."""

    rendered: Manifest
    written: Manifest
    place: Place
    path: Path
    """What exists of the path of the place."""

    @property
    def value(self) -> object:
        return get(self.rendered.data, self.path)

    @property
    def file(self) -> str:
        return self.written.document.source.path

    @property
    def identifies(self) -> bool:
        """Whether a patch has the value only to say what it is for."""
        in_list = len(self.path) > 1 and self.path[-1] == "name" and isinstance(self.path[-2], int)
        return in_list or self.path in {("apiVersion",), ("kind",), _NAME}

    @property
    def is_scalar(self) -> bool:
        return not isinstance(self.value, Mapping | list)

    def own_place(self) -> Place | None:
        """The same in the manifest; None where that has not got it."""
        path = aligned(self.rendered.data, self.path, self.written.data)
        if path is None:
            return None
        if self.is_scalar and path != _NAME and not alike(self.value, self.written.get(*path)):
            return None
        return self.below(self.written.document, (*self.written.root, *path))

    def nearest(self) -> Place:
        """The deepest key around it that the manifest has."""
        for length in range(len(self.path) - 1, 0, -1):
            path = aligned(self.rendered.data, self.path[:length], self.written.data)
            if path is not None:
                return self.written.place(*path, token="key")
        return self.written.place("kind")

    def below(self, document: Document, path: Path) -> Place:
        """A place elsewhere, with what of the path does not exist, so that it stands for its deepest part."""
        missing = self.place.path[len(self.path) :]
        return Place(document, (*path, *missing), self.place.inner, self.place.token)

    def named(self, name: str) -> bool:
        """Whether it had a name on its way: prefixes and suffixes are added layer by layer."""
        first, last = self.written.name, self.rendered.name
        return name in {first, last} or (first in name and name in last)


def _layers(object_: _Object, made: Render) -> Iterator[Place | None]:
    """What may have set the value, the last first."""
    if not object_.is_scalar or object_.identifies:
        yield object_.own_place()  # what a patch is merged into is there already
    reached = patched_files(made.files.values())
    for source in made.files.values():
        if source.role != "kustomization":
            continue
        files = reached.get(posixpath.dirname(source.path), frozenset())
        if object_.file not in files:
            continue
        yield _setting(object_, source)
        for patch in reversed(patches_of_kustomization(source, made.files, files)):
            if _is_for(patch, object_):
                yield _in_patch(patch, object_)


def _is_for(patch: Patch, object_: _Object) -> bool:
    if patch.target_kind or patch.target_name:
        names = (object_.written.name, object_.rendered.name)
        return any(patch.targets(object_.rendered.kind, name) for name in names)
    return patch.get("kind") == object_.rendered.kind and object_.named(text(patch.get("metadata", "name")))


def _in_patch(patch: Patch, object_: _Object) -> Place | None:
    if isinstance(patch.data, list):
        return _in_operations(patch, object_)
    path = aligned(object_.rendered.data, object_.path, patch.data)
    if path is None or (object_.is_scalar and not alike(object_.value, get(patch.data, path))):
        return None
    return _moved(patch.root.below(*path), object_)


def _in_operations(patch: Patch, object_: _Object) -> Place | None:
    """The last operation that puts the value where it is (RFC 6902)."""
    for index, operation in reversed(list(mappings(patch.data))):
        pointer = [step.replace("~1", "/").replace("~0", "~") for step in text(operation.get("path")).split("/")[1:]]
        if operation.get("op") not in {"add", "replace"} or len(pointer) > len(object_.path):
            continue
        if not all(_is_step(*pair) for pair in zip(pointer, object_.path, strict=False)):
            continue
        at, below = object_.path[: len(pointer)], object_.path[len(pointer) :]
        rest = aligned(get(object_.rendered.data, at), below, operation.get("value"))
        if rest is not None and alike(get(operation.get("value"), rest), object_.value):
            return _moved(patch.root.below(index, "value", *rest), object_)
    return None


def _is_step(written: str, step: str | int) -> bool:
    return written == str(step) or (written == "-" and isinstance(step, int))


def _moved(place: Place, object_: _Object) -> Place:
    """A place in a patch with the rest of the path that was asked for."""
    found = place.below(*object_.place.path[len(object_.path) :], token=object_.place.token)
    for inner in object_.place.inner:
        found = found.into(inner, object_.place.token)
    return found


def _setting(object_: _Object, kustomization: Source) -> Place | None:
    """What a kustomization sets by itself: namespace, image, replicas."""
    document = next(iter(kustomization.documents()), None)
    data = mapping(document.data()) if document else {}
    if document is None or not object_.is_scalar:
        return None
    if object_.path == ("metadata", "namespace") and data.get("namespace") == object_.value:
        return Place(document, ("namespace",))
    if object_.path[-1:] == ("image",):
        return _image(document, data, text(object_.value))
    if object_.path == ("spec", "replicas"):
        for index, entry in mappings(data.get("replicas")):
            if object_.named(text(entry.get("name"))) and alike(entry.get("count"), object_.value):
                return Place(document, ("replicas", index, "count"))
    return None


def _image(document: Document, data: Mapping[str, object], value: str) -> Place | None:
    for index, entry in mappings(data.get("images")):
        name = text(entry.get("newName")) or text(entry.get("name"))
        for field, mark in (("digest", "@"), ("newTag", ":")):
            if entry.get(field) and value == f"{name}{mark}{text(entry[field])}":
                return Place(document, ("images", index, field))
        if entry.get("newName") and value.startswith(name):
            return Place(document, ("images", index, "newName"))
    return None


def _generated(place: Place, rendered: Manifest, kustomization: Source, made: Render) -> Place:
    """The file or the entry that a generated ConfigMap has a key from."""
    document = next(iter(kustomization.documents()), None)
    if document is None:
        return _begin(kustomization)
    for field in ("configMapGenerator", "secretGenerator"):
        for index, entry in mappings(mapping(document.data()).get(field)):
            if text(entry.get("name")) and text(entry.get("name")) in rendered.name:
                return _entry(place, Place(document, (field, index)), entry, made)
    return _begin(kustomization)


def _entry(place: Place, at: Place, entry: Mapping[str, object], made: Render) -> Place:
    key = text(place.path[1]) if len(place.path) > 1 else ""
    folder = posixpath.dirname(at.document.source.path)
    for index, written in enumerate(map(text, sequence(entry.get("files")))):
        name, equals, path = written.partition("=")
        path = path if equals else written
        if key and key == (name if equals else posixpath.basename(path)):
            file = made.files.get(posixpath.normpath(posixpath.join(folder, path)))
            document = next(iter(file.documents()), None) if file and place.inner else None
            if document is None:
                return at.below("files", index)
            return Place(document, place.inner[0], place.inner[1:], place.token)
    for index, written in enumerate(map(text, sequence(entry.get("literals")))):
        if key and written.partition("=")[0] == key:
            return at.below("literals", index)
    return at.below("name")


def _object(rendered: Manifest, source: Source) -> Manifest | None:
    """The manifest of a file that an object of the build was."""
    found = [
        each
        for document in source.documents()
        for each in manifests(document)
        if (each.group, each.kind) == (rendered.group, rendered.kind)
    ]
    named = [each for each in found if each.name in rendered.name]
    if not named and len(found) == 1:  # a replacement has given it another name
        return found[0]
    return max(named, key=lambda each: len(each.name), default=None)


def _existing(place: Place) -> Path:
    exists = place.document.exists
    return next((place.path[:n] for n in range(len(place.path), 0, -1) if exists(place.path[:n])), ())


def _begin(source: Source) -> Place:
    document = next(iter(source.documents()), None)
    return Place.at(source, 0, 0) if document is None else Place(document, ("kind",), token="key")
