"""Findings that do not count: comments, annotations and entries of the configuration that say so.

A comment `# gpulint: ignore[rule] reason` reaches its own line, or the next one when it stands alone, and the whole
block when that line holds the key of a block, begins a list item or begins the document. Without `[…]` it means every
rule. `# gpulint: ignore-file[rule] reason` reaches the file.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import json
import os
import pathlib
import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

import pathspec
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gpulint.config import (
    ALL,
    DEFAULTS,
    Config,
    ConfigError,
    IgnoredFindings,
    InvalidConfigError,
    matches,
    unknown_name,
)
from gpulint.finding import Location, ObjectRef
from gpulint.frozen import frozen
from gpulint.manifest import Place
from gpulint.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from gpulint.manifest import Manifest
    from gpulint.source import Document, Embedded, Path

Origin: TypeAlias = Literal["inline", "annotation", "configuration"]
Coverage: TypeAlias = Literal["all", "folders", "part"]
"""What a run has read: all that the configuration is for, whole folders of it, or single files."""

ANNOTATION = "gpulint.dev/ignore"
"""On an object or a pod template: names of rules, comma-separated."""
RULE = "unused-suppression"
"""The rule that reports what silences nothing; it is not called unused itself."""

_EVERY = "*"
_DIRECTIVE = re.compile(r"#[ \t]*gpulint[ \t]*:[ \t]*([^\r\n]*)")
_IGNORE = re.compile(r"(ignore-file|ignore)\b(?!-)[ \t]*(?:\[([^\[\]]*)\])?(?!\[)(.*)")
_BEFORE_COMMENT = re.compile(r"(?:---)?[ \t]*")
_ALONE = re.compile(r"[ \t]*#")
_REASON_EDGE = " \t:-–—"
_UNREAD = frozenset({"helm-template", "helm-values", "chart"})


@frozen
class Suppression:
    """Something that silences findings."""

    origin: Origin
    names: tuple[str, ...]
    """Rules, families or globs; `*` for every rule."""
    reason: str
    place: Place
    """Of the comment, annotation or entry."""


@frozen
class Unused:
    """A suppression, or one name in it, that does nothing."""

    place: Place
    kind: Literal["unused", "ended", "unknown-rule", "unreadable"]
    message: str

    @property
    def location(self) -> Location:
        return self.place.location()


class Suppressions:
    """All suppressions of a run, and which of them were of use."""

    def __init__(self, rules: Mapping[str, str], relative: Callable[[str], str]) -> None:
        self._rules = rules
        self._relative = relative
        self._comments: dict[Source, _Comments] = {}
        self._annotated: dict[Document, list[tuple[Path, Suppression]]] = defaultdict(list)
        self._configured: list[tuple[_Entry, Suppression]] = []
        self._malformed: list[Unused] = []
        self._used: set[tuple[Suppression, str]] = set()

    @classmethod
    def of(
        cls,
        sources: Iterable[Source],
        manifests: Iterable[Manifest],
        *,
        rules: Mapping[str, str],
        today: date,
        config: Config = DEFAULTS,
        root: pathlib.Path = pathlib.Path(),
    ) -> Suppressions:
        """Collect them; `rules` maps the id of every rule, also of those that did not run, to its family.

        Paths of places are relative to `root`, those of the configuration to its own folder.
        """
        found = cls(rules, lambda path: config.relative(path, root))
        for source in sources:
            found._read_comments(source)
        annotated: dict[Document, bool] = {}  # the text of a list with thousands of members is searched once
        for manifest in manifests:
            document = manifest.document
            if document not in annotated:
                annotated[document] = ANNOTATION in document.text
            if annotated[document]:
                found._read_annotations(manifest)
        if config.ignore_findings:
            source = configuration(config, root)
            for ignored in config.ignore_findings:
                found._read_entry(ignored, source, today)
        return found

    def silences(self, rule_id: str, place: Place, manifest: Manifest | None) -> Suppression | None:
        """What silences a finding of the rule at `place`, which is about `manifest`.

        Everything that does so counts as used; the first of comment, annotation, configuration is given.
        """
        found: Suppression | None = None
        for suppression in self._reaching(place, manifest):
            names = [name for name in suppression.names if self._covers(name, rule_id)]
            self._used.update((suppression, name) for name in names)
            if names and found is None:
                found = suppression
        return found

    def unused(self, ran: Collection[str], coverage: Coverage = "all") -> tuple[Unused, ...]:
        """What silenced nothing, sorted, when every finding of the rules that `ran` has been asked about.

        What may be of use to a run that reads more is left out.
        """
        unused = list(self._malformed)
        told = {each.place for each in unused}
        for suppression in self._all():
            for name in suppression.names:
                complaint = self._complaint(suppression, name, ran)
                if complaint is None or complaint.place in told:
                    continue
                if complaint.kind != "unused" or _accountable(suppression, coverage):
                    unused.append(complaint)
        return tuple(sorted(set(unused), key=lambda each: (each.location, each.message)))

    def _reaching(self, place: Place, manifest: Manifest | None) -> Iterator[Suppression]:
        comments = self._comments.get(place.document.source)
        if comments:
            yield from comments.reaching(place)
        for scope, suppression in self._annotated.get(place.document, ()):
            if place.path[: len(scope)] == scope:
                yield suppression
        if manifest is not None and manifest.document is not place.document:
            for scope, suppression in self._annotated.get(manifest.document, ()):
                if scope == manifest.root:
                    yield suppression
        for entry, suppression in self._configured:
            if entry.reaches(self._relative(place.document.source.path), manifest):
                yield suppression

    def _covers(self, name: str, rule_id: str) -> bool:
        return matches(name, rule_id, self._rules.get(rule_id, ""))

    def _complaint(self, suppression: Suppression, name: str, ran: Collection[str]) -> Unused | None:
        if (suppression, name) in self._used or name == RULE:
            return None
        unknown = "" if name == _EVERY else unknown_name(name, self._rules)
        if unknown:
            return Unused(suppression.place, "unknown-rule", unknown)
        if not any(self._covers(name, rule_id) for rule_id in ran):
            return None
        what = "the suppression" if name in (_EVERY, ALL) else f"the suppression of '{name}'"
        return Unused(suppression.place, "unused", f"{what} silences nothing")

    def _all(self) -> Iterator[Suppression]:
        for comments in self._comments.values():
            yield from comments.accountable()
        for annotated in self._annotated.values():
            yield from (suppression for _, suppression in annotated)
        yield from (suppression for _, suppression in self._configured)

    # Collecting

    def _read_comments(self, source: Source) -> None:
        if "gpulint" not in source.text:
            return
        comments = _Comments(source)
        for start, end, text in _Scalars(source).directives():
            place = Place.at(source, start, end)
            directive = _IGNORE.fullmatch(text)
            names = _names(directive[2]) if directive else ()
            if directive is None or not names:
                self._malformed.append(Unused(place, "unreadable", _misspelt(text, directive)))
                continue
            self._warn_of_forgotten_brackets(place, directive)
            comments.add(Suppression("inline", names, _reason(directive[3]), place), start, directive[1])
        self._comments[source] = comments

    def _warn_of_forgotten_brackets(self, place: Place, directive: re.Match[str]) -> None:
        word = directive[3].replace(",", " ").split()[:1]
        if directive[2] is None and word and word[0] in self._rules:
            message = f"this silences every rule; write '{directive[1]}[{word[0]}]'"
            self._malformed.append(Unused(place, "unreadable", message))

    def _read_annotations(self, manifest: Manifest) -> None:
        for scope, value in _annotations(manifest.data, ()):
            place = manifest.place(*scope, "metadata", "annotations", ANNOTATION)
            names = _names(value)
            if names:
                suppression = Suppression("annotation", names, "", place)
                self._annotated[manifest.document].append(((*manifest.root, *scope), suppression))
            else:
                self._malformed.append(Unused(place, "unreadable", f"'{ANNOTATION}' names no rule"))

    def _read_entry(self, ignored: IgnoredFindings, source: Source, today: date) -> None:
        place = Place.at(source, *_line(source.text, ignored.line))
        if ignored.until and today > ignored.until:
            message = f"the suppression of '{ignored.rule}' ended on {ignored.until.isoformat()}"
            self._malformed.append(Unused(place, "ended", message))
            return
        suppression = Suppression("configuration", (ignored.rule,), ignored.reason, place)
        self._configured.append((_Entry(ignored), suppression))


def configuration(config: Config, root: pathlib.Path) -> Source:
    """The file of the configuration, for places in it; its path is relative to `root`, as those of findings."""
    path = os.path.relpath(pathlib.Path(config.file).absolute(), root.absolute()) if config.file else ""
    return Source(path.replace(os.sep, "/"), config.text, "other")


def today(environment: Mapping[str, str]) -> date:
    """The date in UTC, or that of SOURCE_DATE_EPOCH; raises `InvalidConfigError` when that is no number of seconds."""
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return datetime.now(UTC).date()
    if not re.fullmatch(r"\d{1,11}", epoch):
        message = f"must be a number of seconds, not '{epoch}'"
        raise InvalidConfigError([ConfigError("", 0, "SOURCE_DATE_EPOCH", message)])
    return datetime.fromtimestamp(int(epoch), UTC).date()


def fingerprint(rule: str, subject: ObjectRef | None, field: str, detail: str, occurrence: int = 0) -> str:
    """What a finding is, whatever line and file it is in: 32 hexadecimal digits.

    `field` is the canonical path, `detail` what tells it from others of the rule on that field, `occurrence` counts
    findings that are equal in all this from 0.
    """
    identity = [subject.group, subject.kind, subject.namespace, subject.name] if subject else []
    parts = json.dumps([rule, identity, field, detail, occurrence])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _accountable(suppression: Suppression, coverage: Coverage) -> bool:
    """Whether the run has read all that it may be for: findings rest on other files too."""
    return coverage == "all" or (coverage == "folders" and suppression.origin != "configuration")


def _line(text: str, number: int) -> tuple[int, int]:
    """Offsets of a line, from 1, without the blanks around it."""
    start = 0
    for _ in range(number - 1):
        start = text.find("\n", start) + 1
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    return start + len(line) - len(line.lstrip()), start + len(line.rstrip())


# -- Comments


class _Comments:
    """The comments of one source, by the line they are for."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._of_file: list[Suppression] = []
        self._of_line: dict[int, list[Suppression]] = defaultdict(list)
        self._targets: dict[int, int] = {}
        self._unread: set[Suppression] = set()

    def add(self, suppression: Suppression, start: int, directive: str) -> None:
        if directive == "ignore-file":
            self._of_file.append(suppression)
        else:
            self._of_line[self._target(start)].append(suppression)
        if not _is_read(self._source, start):
            self._unread.add(suppression)

    def accountable(self) -> Iterator[Suppression]:
        """Those that stand where findings can be."""
        for line in sorted(self._of_line):
            yield from (entry for entry in self._of_line[line] if entry not in self._unread)
        yield from (entry for entry in self._of_file if entry not in self._unread)

    def reaching(self, place: Place) -> Iterator[Suppression]:
        if self._of_line:
            for line in sorted(set(_lines(place)), reverse=True):
                yield from self._of_line.get(line, ())
        yield from self._of_file

    def _target(self, start: int) -> int:
        """The line that a comment is for: its own, or the next one behind comments when it stands alone."""
        text = self._source.text
        line = self._source.location(start, start).line
        line_start = text.rfind("\n", 0, start) + 1
        if not _BEFORE_COMMENT.fullmatch(text[line_start:start].partition("#")[0]):
            return line
        passed = [line]
        following = text.find("\n", start) + 1
        while following and passed[-1] + 1 not in self._targets and _ALONE.match(text, following):
            passed.append(passed[-1] + 1)
            following = text.find("\n", following) + 1
        target = self._targets.get(passed[-1] + 1, passed[-1] + 1)
        self._targets.update(dict.fromkeys(passed[1:], target))
        return target


class _Scalars:
    """Where the documents of a source have text that is no comment, whatever it looks like."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._documents = source.documents()
        self._starts = [document.start for document in self._documents]
        self._found: dict[Document, tuple[list[int], list[tuple[int, Path, ScalarNode]]]] = {}

    def directives(self) -> Iterator[tuple[int, int, str]]:
        """The comments that speak to gpulint: start, end, and what they say."""
        for found in _DIRECTIVE.finditer(self._source.text):
            if self._is_comment(found.start()):
                text = re.split(r"[ \t]#", found[1])[0].rstrip()
                yield found.start(), found.start(1) + len(text), text

    def _is_comment(self, offset: int) -> bool:
        """Whether the `#` at `offset` begins a comment or is part of one.

        In a block scalar it does when that holds YAML; in a quoted scalar never.
        """
        before = self._source.text[self._source.text.rfind("\n", 0, offset) + 1 : offset]
        if before and not before.endswith((" ", "\t", "#")):
            return False
        document = self._document(offset)
        if document is None or document.node() is None:
            return before.count("'") % 2 == 0 and before.count('"') % 2 == 0
        scalar = self._scalar(document, offset - document.start)
        if scalar is None:
            return True
        path, node = scalar
        embedded = document.embedded(path) if node.style in ("|", ">") else None
        return embedded is not None and isinstance(embedded.data(), (dict, list))

    def _document(self, offset: int) -> Document | None:
        index = bisect_right(self._starts, offset) - 1
        return self._documents[index] if index >= 0 and offset < self._documents[index].end else None

    def _scalar(self, document: Document, offset: int) -> tuple[Path, ScalarNode] | None:
        """The quoted or block scalar around an offset in the text of a document."""
        if document not in self._found:
            scalars = sorted(_scalars(document.node(), (), set()), key=lambda scalar: scalar[0])
            self._found[document] = [start for start, _, _ in scalars], scalars
        starts, scalars = self._found[document]
        index = bisect_right(starts, offset) - 1
        if index < 0 or offset >= scalars[index][2].end_mark.index:
            return None
        return scalars[index][1:]


def _is_read(source: Source, offset: int) -> bool:
    """Whether what stands at an offset is analysed: templates, values of charts and broken documents are not."""
    if source.role in _UNREAD:
        return False
    return all(document.node() for document in source.documents() if document.start <= offset < document.end)


def _scalars(node: Node | None, path: Path, seen: set[int]) -> Iterator[tuple[int, Path, ScalarNode]]:
    """The quoted and block scalars of a tree with their offsets and paths; what is shared through aliases once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode) and node.style in ("|", ">", "'", '"'):
        yield node.start_mark.index, path, node
    if isinstance(node, SequenceNode):
        for index, entry in enumerate(node.value):
            yield from _scalars(entry, (*path, index), seen)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _scalars(key, path, seen)
            yield from _scalars(value, (*path, str(key.value)), seen)


def _lines(place: Place) -> Iterator[int]:
    """The lines on which a comment reaches a place: its own, and those that begin the blocks around it."""
    document, source = place.document, place.document.source
    yield source.location(*place.span()).line
    yield _first_line(document)
    holder: Document | Embedded | None = document
    for path in (place.path, *place.inner):
        if holder is None:
            return
        for length in range(1, len(path) + 1):
            yield source.location(*holder.span(path[:length], token="key")).line
        holder = holder.embedded(path)


def _first_line(document: Document) -> int:
    root = document.node()
    start = document.start + (root.start_mark.index if root else 0)
    return document.source.location(start, start).line


def _names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return (_EVERY,)
    return tuple(dict.fromkeys(name for name in re.split(r"[,\s]+", text) if name))


def _reason(text: str) -> str:
    return text.strip(_REASON_EDGE)


def _misspelt(text: str, directive: re.Match[str] | None) -> str:
    if directive:
        return "'[]' names no rule"
    word = re.match(r"[\w-]*", text)
    close = difflib.get_close_matches(word[0] if word else "", ["ignore", "ignore-file"], n=1)
    hint = f"; did you mean '{close[0]}'?" if close and word and close[0] != word[0] else ""
    return f"cannot read '{text}', wanted is 'ignore[rule] reason' or 'ignore-file[rule] reason'{hint}"


# -- Annotations and the configuration


def _annotations(data: object, path: Path) -> Iterator[tuple[Path, str]]:
    """The mappings whose metadata carries the annotation, and its value."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            yield from _annotations(entry, (*path, index))
    if not isinstance(data, dict):
        return
    metadata = data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(ANNOTATION) if isinstance(annotations, dict) else None
    if value is not None:
        yield path, str(value)
    for key, entry in data.items():
        yield from _annotations(entry, (*path, key))


@frozen
class _Entry:
    """An entry of the configuration, ready to be asked."""

    ignored: IgnoredFindings
    _paths: list[pathspec.GitIgnoreSpec] = field(default_factory=list)

    def reaches(self, path: str, manifest: Manifest | None) -> bool:
        return self._reaches_path(path) and self._reaches_object(manifest)

    def _reaches_path(self, path: str) -> bool:
        if not self.ignored.paths:
            return True
        if not self._paths:
            self._paths.append(pathspec.GitIgnoreSpec.from_lines(self.ignored.paths))
        return self._paths[0].match_file(path)

    def _reaches_object(self, manifest: Manifest | None) -> bool:
        if not self.ignored.object:
            return True
        if manifest is None:
            return False
        kind, *rest = self.ignored.object.split("/")
        wanted = [kind, *rest] if len(rest) == 2 else [kind, "*", *rest]
        given = [manifest.kind, manifest.namespace, manifest.name]
        return all(fnmatch.fnmatchcase(have, want) for have, want in zip(given, wanted, strict=True))
