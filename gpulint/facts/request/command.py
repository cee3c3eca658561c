"""The command line of a container: its options with their values, wherever they are written.

Options stand in `command` and `args`, one word each, or in a script that is one word of them (`sh -c "…"`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from gpulint.frozen import frozen
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container
from gpulint.kube.tree import is_placeholder, mappings, sequence, text
from gpulint.manifest import Place

_SCRIPT_WORD = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s;|&<>"'])+|[;|&]+""")
_COMMENT = re.compile(r"(?:(?<=\s)|^)#[^\n]*", re.MULTILINE)
_REFERENCE = re.compile(r"\$\(([A-Za-z_]\w*)\)|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_SPLICED = re.compile(r"\$[@*]|\$\{?[A-Za-z_]\w*(?:\[@\])?\}?|\$\([^)]*\)?|\{\{.*\}\}|`.*")
"""A word that may become several, or none."""
_ARGUMENTS = re.compile(r"(?i)arg|opt|extra|flag|param|[@*`]|\{\{|\$\([^)]*\s")
"""What a reference that stands for several arguments looks like."""
_SEPARATOR = re.compile(r"[;|&]+|\\")
_LONGEST = 50_000
"""Characters of a script that are looked at."""


@frozen
class Word:
    """One word, with the references to variables whose values are written in the container filled in."""

    text: str
    raw: str
    """As written, without quotes."""
    place: Place
    """The string that holds it."""
    start: int
    """Where it begins in that string."""
    spliced: bool
    """Whether it stands for any number of arguments that are not known."""

    def inside(self, offset: int = 0) -> Place:
        """The word from an offset on; the whole string where that is all of it."""
        embedded = self.place.embedded()
        if embedded is None:
            return self.place
        return replace(self.place, extent=embedded.outer(self.start + offset, self.start + len(self.raw)))


@frozen
class Option:
    """An option with its value."""

    name: str
    """As written."""
    value: str
    """Empty where it has none."""
    known: bool
    """Whether the value is literal, or refers to what is."""
    place: Place
    """The value; without one the option."""

    @property
    def number(self) -> int:
        """The value as a whole number; -1 when it is none."""
        short = self.known and len(self.value) < 10 and self.value.isascii() and self.value.isdecimal()
        return int(self.value) if short else -1


@frozen
class Command:
    """What a container runs, as far as the manifest says it."""

    words: tuple[Word, ...]

    @property
    def open(self) -> bool:
        """Whether there are arguments that are filled in later: any option may be among them."""
        words = (Word("", "", self.words[0].place, 0, spliced=False), *self.words) if self.words else ()
        return any(word.spliced and not _is_value(before, word) for before, word in pairwise(words))

    @property
    def line(self) -> str:
        return " ".join(word.text for word in self.words)

    def options(self, *names: str) -> list[Option]:
        """Every use of an option under one of its names, in their order; `_` in long names counts as `-`."""
        return [found for index in range(len(self.words)) if (found := self._option(index, names))]

    def has(self, *names: str) -> bool:
        return any(_plain(word.text.partition("=")[0]) in names for word in self.words)

    def _option(self, index: int, names: tuple[str, ...]) -> Option | None:
        word = self.words[index]
        written, equals, value = word.text.partition("=")
        if _plain(written) not in names:
            return None
        if equals:
            return _valued(written, value, word.inside(word.raw.find("=") + 1))
        following = self.words[index + 1] if index + 1 < len(self.words) else None
        if following is None or following.text.startswith("-") or _SEPARATOR.fullmatch(following.text):
            return Option(written, "", known=True, place=word.inside())
        return _valued(written, following.text, following.inside())


def command_of(workload: Workload, container: Container) -> Command:
    """Command and arguments of a container."""
    variables = literals(workload.container(container))
    return Command(tuple(_filled(word, variables) for word in _words(workload, container)))


def literals(container: Mapping[str, object]) -> dict[str, str]:
    """The variables of a container whose value is written there."""
    return {
        text(item.get("name")): text(item.get("value"))
        for _, item in mappings(container.get("env"))
        if "valueFrom" not in item and not is_placeholder(item.get("value"))
    }


def _words(workload: Workload, container: Container) -> Iterator[Word]:
    for field in ("command", "args"):
        value = workload.container(container).get(field)
        if isinstance(value, str):
            yield from _split(value, workload.place(container, (field,)))
        for index, item in enumerate(sequence(value)):
            yield from _split(text(item), workload.place(container, (field, index)))


def _split(written: str, place: Place) -> Iterator[Word]:
    """One word, or those of a script."""
    if not re.search(r"\s", written.strip()) or _SPLICED.fullmatch(written.strip()):
        yield _word(written.strip(), place, 0)
        return
    bare = _COMMENT.sub(lambda comment: " " * len(comment[0]), written[:_LONGEST])
    for found in _SCRIPT_WORD.finditer(bare):
        if found[0] != "\\":
            quoted = found[0][0] in {'"', "'"}
            yield _word(found[0].replace('"', "").replace("'", ""), place, found.start() + quoted)


def _word(written: str, place: Place, start: int) -> Word:
    return Word(written, written, place, start, spliced=_SPLICED.fullmatch(written) is not None)


def _filled(word: Word, variables: Mapping[str, str]) -> Word:
    if "$" not in word.text:
        return word

    def value(reference: re.Match[str]) -> str:
        return variables.get(reference[1] or reference[2] or reference[3], reference[0])

    filled = _REFERENCE.sub(value, word.text)
    known = "$" not in filled and not re.search(r"\s", filled)
    return replace(word, text=filled, spliced=word.spliced and not known)


def _is_value(before: Word, word: Word) -> bool:
    """Whether a word that is filled in later is rather the value of the option, or the model, before it."""
    takes = (before.text.startswith("-") and "=" not in before.text) or before.text == "serve"
    return takes and _ARGUMENTS.search(word.text) is None


def _plain(name: str) -> str:
    return name.replace("_", "-") if name.startswith("--") else name


def _valued(name: str, value: str, place: Place) -> Option:
    return Option(name, value, not is_placeholder(value) and "$" not in value and "`" not in value, place)
