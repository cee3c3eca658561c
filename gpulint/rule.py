"""Rules as data: one YAML file each, with CEL for what must be decided.

A file is read without compiling its expressions, which happens when the rule meets its first fact; mistakes of both
kinds are told with file, line and column, all at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import yaml

from gpulint.cel import CompileError, EvaluationError, Vocabulary
from gpulint.config import SPACES
from gpulint.finding import CONFIDENCES, SEVERITIES, Confidence, RuleInfo, Severity
from gpulint.frozen import frozen
from gpulint.source.embedded import OffsetMap
from gpulint.source.text import Lines

if TYPE_CHECKING:
    from gpulint.cel import Bound, Expression, Result, Subject
    from gpulint.manifest import Place

Completeness: TypeAlias = Literal["complete", "evident", "partial", "absent"]
"""How much of a search space the input holds."""
Search: TypeAlias = Callable[[object, str], Completeness]
"""Fact and search space → how complete the search was."""

_Choice = TypeVar("_Choice", bound=str)

_REQUIRED = ("id", "title", "family", "severity", "confidence", "for", "when", "at", "message", "why", "fix")
_OPTIONAL = ("since", "pedantic", "needs", "yields-to", "detail", "related", "edits", "references", "examples")
_RELATED = ("at", "message", "each", "when")
_EDIT = ("at", "text", "before", "unsafe", "when")
_EXAMPLE = ("name", "bad", "good", "files", "config")
_MAIN_FILE = "manifests.yaml"

LARGEST_FILE = 1024 * 1024
"""Bytes; a larger one is no rule."""
LONGEST_MESSAGE = 2000
"""That many characters of a message are shown."""
MOST_RELATED = 100
"""That many places of an `each` are shown."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_WORD = re.compile(r"[A-Za-z]+")
_EXAMPLES = re.compile(r"^examples[ \t]*:", re.MULTILINE)
_LATER_KEY = re.compile(r"^[^\s#\-]", re.MULTILINE)
_MARKER = re.compile(r"#[ \t]*(finding|related)(?:[ \t]+x(\d+))?(?=[ \t]*(?:#|\r?$))")
_STRING = re.compile(r"""'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)\"""")

_CONFIDENCE: Mapping[Completeness, Confidence] = {"complete": "high", "evident": "medium", "partial": "low"}


@dataclass(frozen=True, slots=True, order=True)
class RuleError:
    """A mistake in a rule file; line and column count from 1, columns in code points."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class InvalidRulesError(ValueError):
    """Rule files that were refused, with every mistake in them, sorted."""

    def __init__(self, errors: Iterable[RuleError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True, order=True)
class Marker:
    """A line of an example that says what is expected there."""

    path: str
    line: int
    kind: Literal["finding", "related"]
    count: int = 1


@frozen
class Example:
    """A small repository that a rule must, or must not, complain about."""

    name: str
    kind: Literal["bad", "good"]
    files: Mapping[str, str]
    """Path → text, markers left in: they are YAML comments."""
    config: str
    """The text of a `gpulint.toml`; empty when there is none."""
    markers: tuple[Marker, ...]
    line: int
    """Where it stands in the rule's file."""


@frozen
class RelatedEntry:
    """Another place that a finding shows, as CEL and message text; empty where the rule says nothing."""

    at: str
    message: str
    each: str
    when: str


@frozen
class EditEntry:
    """What a program may type instead, as CEL and message text."""

    at: str
    """The token to replace, or the key before whose line `text` goes."""
    text: str
    before: bool
    """Whether `text` is lines to put before, with the indentation of the line, and replaces nothing."""
    unsafe: bool
    """Whether it changes more than what the component would have made of the manifest."""
    when: str


@frozen
class Rule:
    """One defect: when it is there, where, and what to say about it."""

    id: str
    title: str
    family: str
    severity: str
    """`error`, `warning`, `info`, or CEL that gives one."""
    confidence: str
    """`high`, `medium`, `low`, or CEL that gives one: what holds when the search was complete."""
    since: str
    pedantic: bool
    subject: str
    """The kind of fact it judges: `for` in the file."""
    when: str
    needs: tuple[str, ...]
    """The search spaces that the claim depends on."""
    yields_to: tuple[str, ...]
    """Rules that say it better: where one of them speaks of the same place, this one is silent."""
    at: str
    message: str
    detail: str
    """Message text that tells two findings on one field apart; empty: the values in the message do."""
    related: tuple[RelatedEntry, ...]
    edits: tuple[EditEntry, ...]
    why: str
    fix: str
    references: tuple[str, ...]
    examples: tuple[Example, ...]
    """Empty unless they were asked for."""
    file: str
    _program: _Program = field(repr=False, compare=False)

    def info(self) -> RuleInfo:
        """What reports tell about the rule, with the worst severity and best confidence that it can give."""
        return RuleInfo(
            id=self.id,
            title=self.title,
            family=self.family,
            severity=_most(self.severity, SEVERITIES),
            confidence=_most(self.confidence, CONFIDENCES),
            since=self.since,
            why=self.why,
            fix=self.fix,
            references=self.references,
        )


@frozen
class Hit:
    """A rule that holds for a fact."""

    rule: Rule
    severity: Severity
    confidence: Confidence
    message: str
    detail: str
    """What tells it from other findings of the rule on the same field, whatever the wording."""
    place: Place
    related: tuple[tuple[Place, str], ...]
    edits: tuple[HitEdit, ...] = ()


@frozen
class HitEdit:
    """What a program may type."""

    place: Place
    text: str
    before: bool
    unsafe: bool


def rules_folder() -> Path:
    """The built-in rules: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def load_rules(
    folder: Path, vocabulary: Vocabulary, *, examples: bool = False, taken: Collection[str] = ()
) -> tuple[Rule, ...]:
    """The rules of `<folder>/<family>/<id>.yaml`, sorted by family and id; raises `InvalidRulesError`.

    Expressions are only compiled when something else is wrong, so that all is told at once. No rule may have an id
    that is `taken`.
    """
    errors: list[RuleError] = []
    rules: list[Rule] = []
    for path in _files(folder, errors):
        reader = _RuleFile(path, vocabulary, in_root=path.parent == folder)
        rule = reader.read(examples=examples)
        errors += reader.errors
        if rule:
            rules.append(rule)
    errors += _doubles(rules, taken)
    if errors:
        raise InvalidRulesError([*errors, *_compile_errors(rules)])
    return tuple(sorted(rules, key=lambda rule: (rule.family, rule.id)))


def compile_rules(rules: Iterable[Rule]) -> None:
    """Compile all expressions; raises `InvalidRulesError` with every mistake."""
    errors = _compile_errors(rules)
    if errors:
        raise InvalidRulesError(errors)


def evaluate(rule: Rule, fact: object, *, completeness: Search) -> list[Hit]:
    """What the rule says about a fact of its subject: at most one hit.

    Asking all rules about one fact before the next fact converts each fact once. Raises `InvalidRulesError` when an
    expression does not compile, `EvaluationError` when one fails.
    """
    when, subject = rule._program.when(), rule._program.subject
    if not when.holds(subject.bind(fact)):
        return []
    program = rule._program.compiled()
    bound = subject.bind(fact)  # again, as a fact has only the fields that the expressions compiled so far speak of
    confidence = _confidence(rule, program, bound, fact, completeness)
    if confidence is None:
        return []
    values, message = program.message.fill(bound)
    return [
        Hit(
            rule=rule,
            severity=_choose(SEVERITIES, rule.severity, program.severity, bound),
            confidence=confidence,
            message=_cut(message),
            detail=program.detail.fill(bound)[1] if program.detail else "\x1f".join(values),
            place=program.at.place(bound),
            related=tuple(_related(program.related, bound)),
            edits=tuple(_edits(program.edits, bound)),
        )
    ]


def _confidence(rule: Rule, program: _Compiled, bound: Bound, fact: object, completeness: Search) -> Confidence | None:
    """The rule's own, lowered by searches that were not complete; None when nothing may be claimed."""
    searches = [completeness(fact, space) for space in rule.needs]
    if "absent" in searches:
        return None
    own = _choose(CONFIDENCES, rule.confidence, program.confidence, bound)
    return max([own, *(_CONFIDENCE[search] for search in searches)], key=CONFIDENCES.index)


def _choose(choices: tuple[_Choice, ...], literal: str, expression: Expression | None, bound: Bound) -> _Choice:
    given = expression.string(bound) if expression else literal
    for choice in choices:
        if choice == given:
            return choice
    origin = f"{expression.origin}: " if expression else ""
    raise EvaluationError(f"{origin}gives '{given}' on {bound}, wanted is one of {_quoted(choices)}")


def _related(entries: Iterable[_CompiledRelated], bound: Bound) -> Iterator[tuple[Place, str]]:
    for entry in entries:
        for each in entry.each.items(bound)[:MOST_RELATED] if entry.each else [bound]:
            if entry.when is None or entry.when.holds(each):
                yield entry.at.place(each), _cut(entry.message.fill(each)[1])


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _edits(entries: Iterable[_CompiledEdit], bound: Bound) -> Iterator[HitEdit]:
    for entry in entries:
        if entry.when is None or entry.when.holds(bound):
            yield HitEdit(entry.at.place(bound), entry.text.fill(bound)[1], entry.before, entry.unsafe)


def _most(text: str, choices: tuple[_Choice, ...]) -> _Choice:
    """The literal, or the first of the choices that the expression can give."""
    possible = {text} | {single or double for single, double in _STRING.findall(text)}
    return next((choice for choice in choices if choice in possible), choices[0])


# -- Expressions of a rule, compiled when first asked for


@frozen
class _Template:
    """Message text with the expressions in it."""

    parts: tuple[str | Expression, ...]

    def fill(self, bound: Bound) -> tuple[list[str], str]:
        """The values, and the text with them in it."""
        values: list[str] = []
        text: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                text.append(part)
                continue
            values.append(part.text(bound))
            text.append(values[-1])
        return values, "".join(text)


@frozen
class _CompiledRelated:
    at: Expression
    message: _Template
    each: Expression | None
    when: Expression | None


@frozen
class _CompiledEdit:
    at: Expression
    text: _Template
    before: bool
    unsafe: bool
    when: Expression | None


@frozen
class _Compiled:
    at: Expression
    message: _Template
    detail: _Template | None
    severity: Expression | None
    confidence: Expression | None
    related: tuple[_CompiledRelated, ...]
    edits: tuple[_CompiledEdit, ...]


class _Program:
    """The expressions of one rule, as text until somebody asks.

    The condition is compiled alone: most rules meet facts for which it does not hold.
    """

    __slots__ = ("_compiled", "_edits", "_fields", "_file", "_related", "_rule", "_subject", "_vocabulary", "_when")

    def __init__(
        self,
        vocabulary: Vocabulary,
        subject: str,
        rule: str,
        file: _Text,
        fields: Mapping[str, yaml.ScalarNode],
        related: Sequence[Mapping[str, yaml.ScalarNode]],
        edits: Sequence[Mapping[str, yaml.ScalarNode]],
    ) -> None:
        self._vocabulary = vocabulary
        self._subject = subject
        self._rule = rule
        self._file = file
        self._fields = fields
        self._related = related
        self._edits = edits
        self._when: Expression | None = None
        self._compiled: _Compiled | None = None

    @property
    def subject(self) -> Subject:
        return self._vocabulary.subject(self._subject)

    def when(self) -> Expression:
        """The condition. Raises `InvalidRulesError` with all mistakes of the rule."""
        if self._when is None:
            compiler = _Compiler(self.subject, self._rule, self._file)
            self._when = compiler.expression("when", self._fields.get("when"), "bool")
        if self._when is None:
            raise InvalidRulesError(self.errors())
        return self._when

    def compiled(self) -> _Compiled:
        """Raises `InvalidRulesError`."""
        errors = self.errors()
        if self._compiled is None:
            raise InvalidRulesError(errors)
        return self._compiled

    def errors(self) -> list[RuleError]:
        """The mistakes in the expressions."""
        if self._compiled:
            return []
        self._compiled, errors = self._compile()
        return errors

    def _compile(self) -> tuple[_Compiled | None, list[RuleError]]:
        compiler = _Compiler(self.subject, self._rule, self._file)
        fields = self._fields
        when = compiler.expression("when", fields.get("when"), "bool")
        at = compiler.expression("at", fields.get("at"), "place")
        message = compiler.template("message", fields.get("message"))
        detail = compiler.template("detail", fields.get("detail"))
        severity = compiler.expression("severity", fields.get("severity"), "string")
        confidence = compiler.expression("confidence", fields.get("confidence"), "string")
        related = [compiler.related(f"related[{i}]", entry) for i, entry in enumerate(self._related)]
        edits = [compiler.edit(f"edits[{i}]", entry) for i, entry in enumerate(self._edits)]
        if compiler.errors or when is None or at is None or message is None:
            return None, compiler.errors
        others, changes = tuple(filter(None, related)), tuple(filter(None, edits))
        return _Compiled(at, message, detail, severity, confidence, others, changes), []


class _Compiler:
    """Compiles the expressions of one rule and collects the mistakes."""

    def __init__(self, subject: Subject, rule: str, file: _Text) -> None:
        self.errors: list[RuleError] = []
        self._subject = subject
        self._rule = rule
        self._file = file

    def expression(
        self, part: str, node: yaml.ScalarNode | None, result: Result, *, item: str = ""
    ) -> Expression | None:
        return self._piece(part, node, 0, str(node.value), result, item) if node else None

    def template(self, part: str, node: yaml.ScalarNode | None, *, item: str = "") -> _Template | None:
        if node is None:
            return None
        try:
            pieces = list(_pieces(node.value))
        except _BraceError as error:
            self._add(node, error.offset, str(error))
            return None
        parts: list[str | Expression] = []
        for offset, text, is_expression in pieces:
            if not is_expression:
                parts.append(text)
                continue
            expression = self._piece(part, node, offset, text, "text", item)
            if expression:
                parts.append(expression)
        return _Template(tuple(parts))

    def related(self, part: str, entry: Mapping[str, yaml.ScalarNode]) -> _CompiledRelated | None:
        each = self.expression(f"{part}.each", entry.get("each"), "list")
        if each is None and "each" in entry:
            return None  # what the others say of `item` would only be noise
        item = each.element if each else ""
        at = self.expression(f"{part}.at", entry.get("at"), "place", item=item)
        message = self.template(f"{part}.message", entry.get("message"), item=item)
        when = self.expression(f"{part}.when", entry.get("when"), "bool", item=item)
        return _CompiledRelated(at, message, each, when) if at and message else None

    def edit(self, part: str, entry: Mapping[str, yaml.ScalarNode]) -> _CompiledEdit | None:
        at = self.expression(f"{part}.at", entry.get("at"), "place")
        text = self.template(f"{part}.text", entry.get("text"))
        when = self.expression(f"{part}.when", entry.get("when"), "bool")
        before, unsafe = (key in entry and entry[key].value == "true" for key in ("before", "unsafe"))
        return _CompiledEdit(at, text, before, unsafe, when) if at and text else None

    def _piece(
        self, part: str, node: yaml.ScalarNode, start: int, text: str, result: Result, item: str
    ) -> Expression | None:
        try:
            return self._subject.compile(text, result, item=item, origin=f"rule '{self._rule}', '{part}'")
        except CompileError as error:
            for problem in error.problems:
                self._add(node, start + _offset(text, problem.line, problem.column), problem.message)
            return None

    def _add(self, node: yaml.ScalarNode, offset: int, message: str) -> None:
        self.errors.append(self._file.error(self._file.inside(node, offset), message))


class _BraceError(ValueError):
    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def _pieces(text: str) -> Iterator[tuple[int, str, bool]]:
    """Message text cut at its expressions: offset, text, whether it is an expression."""
    plain: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character not in "{}":
            end = min((found for brace in "{}" if (found := text.find(brace, position)) >= 0), default=len(text))
            plain.append(text[position:end])
            position = end
        elif text[position : position + 2] == character * 2:
            plain.append(character)
            position += 2
        elif character == "}":
            raise _BraceError(position, "single '}'; write '}}' for a brace")
        else:
            if plain:
                yield position, "".join(plain), False
                plain = []
            end = _closing(text, position)
            yield position + 1, text[position + 1 : end], True
            position = end + 1
    if plain:
        yield position, "".join(plain), False


def _closing(text: str, opening: int) -> int:
    """Where the brace that opens at `opening` is closed, strings and inner braces respected."""
    depth, position = 0, opening
    while position < len(text):
        string = _STRING.match(text, position) if text[position] in "\"'" else None
        if string:
            position = string.end()
            continue
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return position
        position += 1
    raise _BraceError(opening, "'{' is never closed; write '{{' for a brace")


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))


def _compile_errors(rules: Iterable[Rule]) -> list[RuleError]:
    return [error for rule in rules for error in rule._program.errors()]


# -- Reading a file


class _Text:
    """The text of a rule file, and where things are in it."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self._text = text

    def error(self, index: int, message: str) -> RuleError:
        """A mistake at an offset in the text."""
        return RuleError(self.path, *Lines(self._text).position(index), message)

    def inside(self, node: yaml.ScalarNode, offset: int) -> int:
        """The offset in the text of a character of a scalar's value."""
        return OffsetMap(self._text, node).offset(offset)


class _RuleFile:
    """Reads one file into a rule and collects what is wrong with it."""

    def __init__(self, path: Path, vocabulary: Vocabulary, *, in_root: bool) -> None:
        self.errors: list[RuleError] = []
        self._path = path
        self._vocabulary = vocabulary
        self._in_root = in_root
        self._file = _Text(path.as_posix(), "")

    def read(self, *, examples: bool) -> Rule | None:
        """The rule, or None when there is too little of it; then, and else perhaps, there are errors."""
        root = self._compose(examples=examples)
        if root is None:
            return None
        fields = self._keys(root, (*_REQUIRED, *_OPTIONAL), _REQUIRED, "a rule")
        texts = {key: self._string(node, key) for key, node in fields.items() if key not in _STRUCTURED}
        scalars = {key: node for key, node in fields.items() if isinstance(node, yaml.ScalarNode)}
        self._check_names(fields, texts)
        related = self._related(fields.get("related"))
        edits = self._edits(fields.get("edits"))
        subject = texts.get("for", "")
        program = _Program(
            self._vocabulary, subject, texts.get("id", ""), self._file, self._expressions(scalars), related, edits
        )
        needs = self._needs(fields.get("needs"))
        references = self._strings(fields.get("references"), "references")
        found = self._examples(fields.get("examples")) if examples else ()
        pedantic = self._boolean(fields.get("pedantic"), "pedantic")
        if subject not in self._vocabulary.subjects:
            return None
        return Rule(
            id=texts.get("id", ""),
            title=texts.get("title", ""),
            family=texts.get("family", ""),
            severity=texts.get("severity", ""),
            confidence=texts.get("confidence", ""),
            since=texts.get("since", ""),
            pedantic=pedantic,
            subject=subject,
            when=texts.get("when", ""),
            needs=needs,
            yields_to=self._strings(fields.get("yields-to"), "yields-to"),
            at=texts.get("at", ""),
            message=texts.get("message", ""),
            detail=texts.get("detail", ""),
            related=tuple(_related_entry(entry) for entry in related),
            edits=tuple(_edit_entry(entry) for entry in edits),
            why=texts.get("why", ""),
            fix=texts.get("fix", ""),
            references=references,
            examples=found,
            file=self._file.path,
            _program=program,
        )

    # The file as a node

    def _compose(self, *, examples: bool) -> yaml.MappingNode | None:
        try:
            text = _text(self._path)
        except ValueError as error:
            self.errors.append(RuleError(self._file.path, 1, 1, str(error)))
            return None
        self._file = _Text(self._file.path, text)
        head = self._head(text)
        try:
            node = yaml.compose(text if examples else text[:head], Loader=_LOADER)
        except yaml.YAMLError as error:
            self._add_yaml_error(error)
            return None
        if isinstance(node, yaml.MappingNode):
            return node
        self.errors.append(self._file.error(0, "a rule file holds one mapping"))
        return None

    def _head(self, text: str) -> int:
        """Where the examples begin. They come last, so that what precedes them can be read alone."""
        examples = _EXAMPLES.search(text)
        if examples is None:
            return len(text)
        later = _LATER_KEY.search(text, text.find("\n", examples.start()) + 1 or len(text))
        if later:
            self.errors.append(self._file.error(later.start(), "'examples' must come last"))
        return examples.start()

    def _add_yaml_error(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None)
        index = int(mark.index) if mark else 0
        self.errors.append(self._file.error(index, str(getattr(error, "problem", "") or error)))

    # The parts of the node

    def _keys(
        self, node: yaml.MappingNode, known: Sequence[str], required: Sequence[str], what: str
    ) -> dict[str, yaml.Node]:
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add(key, f"the keys of {what} are words")
            elif key.value not in known:
                self._add(key, f"{what} has no key '{key.value}'{_did_you_mean(str(key.value), known)}")
            elif key.value in fields:
                self._add(key, f"'{key.value}' is given twice")
            else:
                fields[key.value] = value
        for key in required:
            if key not in fields:
                self._add(node, f"'{key}' is missing")
        return fields

    def _string(self, node: yaml.Node, key: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            return str(node.value).strip() if key in _PROSE else str(node.value)
        self._add(node, f"'{key}' must be text")
        return ""

    def _boolean(self, node: yaml.Node | None, key: str) -> bool:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("true", "false")):
            return node is not None and node.value == "true"
        self._add(node, f"'{key}' must be true or false")
        return False

    def _strings(self, node: yaml.Node | None, key: str) -> tuple[str, ...]:
        return tuple(self._string(entry, key) for entry in self._entries(node, key))

    def _entries(self, node: yaml.Node | None, key: str) -> list[yaml.Node]:
        if node is None or isinstance(node, yaml.SequenceNode):
            return list(node.value) if node else []
        self._add(node, f"'{key}' must be a list")
        return []

    def _check_names(self, fields: Mapping[str, yaml.Node], texts: Mapping[str, str]) -> None:
        for key in ("id", "family"):
            if texts.get(key) and not _ID.fullmatch(texts[key]):
                self._add(fields[key], f"'{texts[key]}' must be lower-case words joined by '-'")
        if texts.get("id", self._path.stem) != self._path.stem:
            self._add(fields["id"], f"the file of rule '{texts['id']}' must be named '{texts['id']}.yaml'")
        folder = self._path.parent.name
        if not self._in_root and texts.get("family", folder) != folder:
            self._add(fields["family"], f"family '{texts['family']}', but the file is in folder '{folder}'")
        if texts.get("for") and texts["for"] not in self._vocabulary.subjects:
            known = self._vocabulary.subjects
            hint = _did_you_mean(texts["for"], known) or f"; known are {_quoted(known)}"
            self._add(fields["for"], f"there is no subject '{texts['for']}'{hint}")
        for key, choices in _CHOICES.items():
            if _WORD.fullmatch(texts.get(key, "")) and texts[key] not in choices:
                hint = _did_you_mean(texts[key], choices)
                self._add(fields[key], f"unknown {key} '{texts[key]}', wanted is one of {_quoted(choices)}{hint}")

    def _expressions(self, scalars: Mapping[str, yaml.ScalarNode]) -> dict[str, yaml.ScalarNode]:
        """The scalars that hold CEL; a severity or confidence that is one word is none."""
        return {
            key: node
            for key, node in scalars.items()
            if key in _WITH_CEL and node.value.strip() and not (key in _CHOICES and _WORD.fullmatch(node.value))
        }

    def _needs(self, node: yaml.Node | None) -> tuple[str, ...]:
        entries = self._entries(node, "needs")
        spaces = [self._string(entry, "needs") for entry in entries]
        for entry, space in zip(entries, spaces, strict=True):
            if space and space not in SPACES:
                self._add(entry, f"there is no search space '{space}'{_did_you_mean(space, SPACES)}")
        return tuple(spaces)

    def _related(self, node: yaml.Node | None) -> list[Mapping[str, yaml.ScalarNode]]:
        related: list[Mapping[str, yaml.ScalarNode]] = []
        for entry in self._entries(node, "related"):
            if not isinstance(entry, yaml.MappingNode):
                self._add(entry, "an entry of 'related' is a mapping with 'at' and 'message'")
                continue
            fields = self._keys(entry, _RELATED, ("at", "message"), "an entry of 'related'")
            for key, value in fields.items():
                self._string(value, key)
            related.append({key: value for key, value in fields.items() if isinstance(value, yaml.ScalarNode)})
        return related

    def _edits(self, node: yaml.Node | None) -> list[Mapping[str, yaml.ScalarNode]]:
        edits: list[Mapping[str, yaml.ScalarNode]] = []
        for entry in self._entries(node, "edits"):
            if not isinstance(entry, yaml.MappingNode):
                self._add(entry, "an entry of 'edits' is a mapping with 'at' and 'text'")
                continue
            fields = self._keys(entry, _EDIT, ("at", "text"), "an entry of 'edits'")
            for key, value in fields.items():
                if key in ("before", "unsafe"):
                    self._boolean(value, key)
                else:
                    self._string(value, key)
            edits.append({key: value for key, value in fields.items() if isinstance(value, yaml.ScalarNode)})
        return edits

    # Examples

    def _examples(self, node: yaml.Node | None) -> tuple[Example, ...]:
        examples = [self._example(entry) for entry in self._entries(node, "examples")]
        return tuple(example for example in examples if example)

    def _example(self, node: yaml.Node) -> Example | None:
        if not isinstance(node, yaml.MappingNode):
            self._add(node, "an example is a mapping with 'name' and 'bad' or 'good'")
            return None
        fields = self._keys(node, _EXAMPLE, ("name",), "an example")
        kinds: list[Literal["bad", "good"]] = [kind for kind in ("bad", "good") if kind in fields]
        if len(kinds) != 1:
            self._add(node, "an example is either 'bad' or 'good'")
            return None
        name = self._string(fields["name"], "name") if "name" in fields else ""
        files = self._example_files(fields[kinds[0]], fields.get("files"), kinds[0])
        markers = tuple(_markers(files))
        self._check_markers(node, kinds[0], markers)
        config = self._string(fields["config"], "config") if "config" in fields else ""
        return Example(name, kinds[0], files, config, markers, int(node.start_mark.line) + 1)

    def _example_files(self, main: yaml.Node, more: yaml.Node | None, kind: str) -> dict[str, str]:
        files: dict[str, str] = {}
        if isinstance(main, yaml.ScalarNode) and main.value.strip() not in ("", "~", "null"):
            files[_MAIN_FILE] = main.value
        if isinstance(more, yaml.MappingNode):
            for key, value in more.value:
                if not isinstance(key, yaml.ScalarNode):
                    self._add(key, "'files' must map paths to texts")
                    continue
                if str(key.value) in files:
                    self._add(key, f"'{key.value}' is given twice")
                files[str(key.value)] = self._string(value, "files")
        elif more is not None:
            self._add(more, "'files' must map paths to texts")
        if not files:
            self._add(main, f"'{kind}' must be text, unless there are 'files'")
        return dict(sorted(files.items()))

    def _check_markers(self, node: yaml.Node, kind: str, markers: Sequence[Marker]) -> None:
        expected = any(marker.kind == "finding" for marker in markers)
        if kind == "bad" and not expected:
            self._add(node, "a bad example has '# finding' where the finding is expected")
        if kind == "good" and markers:
            self._add(node, "a good example has no '# finding' or '# related'")

    def _add(self, node: yaml.Node, message: str) -> None:
        self.errors.append(self._file.error(int(node.start_mark.index), message))


_LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Rules read text only: no scalar needs its type."""
_CHOICES: Mapping[str, Sequence[str]] = {"severity": SEVERITIES, "confidence": CONFIDENCES}
_STRUCTURED = frozenset({"pedantic", "needs", "yields-to", "related", "edits", "references", "examples"})
_PROSE = frozenset({"title", "why", "fix", "name"})
_WITH_CEL = frozenset({"severity", "confidence", "when", "at", "message", "detail"})


def _text(file: Path) -> str:
    """The text of a rule file. Raises `ValueError`, which says why there is none."""
    if not file.is_file():
        raise ValueError("not a file")
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {(error.strerror or type(error).__name__).lower()}") from None
    if len(data) > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not encoded as UTF-8") from None


def _files(folder: Path, errors: list[RuleError]) -> list[Path]:
    """The rule files of a folder, sorted."""
    files = sorted([*folder.glob("*.yaml"), *folder.glob("[!.]*/*.yaml")])
    strangers = sorted([*folder.glob("*.yml"), *folder.glob("[!.]*/*.yml")])
    errors += [RuleError(path.as_posix(), 1, 1, "a rule file must end in '.yaml'") for path in strangers]
    if not folder.is_dir():
        errors.append(RuleError(folder.as_posix(), 1, 1, "not a folder"))
    return files


def _doubles(rules: Iterable[Rule], taken: Collection[str]) -> Iterator[RuleError]:
    seen = dict.fromkeys(taken, "")
    for rule in rules:
        if rule.id in seen:
            where = f"in {seen[rule.id]}" if seen[rule.id] else "built in"
            yield RuleError(rule.file, 1, 1, f"there is already a rule '{rule.id}' {where}")
        seen.setdefault(rule.id, rule.file)


def _markers(files: Mapping[str, str]) -> Iterator[Marker]:
    for path, text in files.items():
        for number, line in enumerate(text.split("\n"), 1):
            for kind, count in _MARKER.findall(line):
                yield Marker(path, number, kind, int(count or 1))


def _related_entry(entry: Mapping[str, yaml.ScalarNode]) -> RelatedEntry:
    texts = {key: str(node.value) for key, node in entry.items()}
    return RelatedEntry(
        at=texts.get("at", ""),
        message=texts.get("message", ""),
        each=texts.get("each", ""),
        when=texts.get("when", ""),
    )


def _edit_entry(entry: Mapping[str, yaml.ScalarNode]) -> EditEntry:
    texts = {key: str(node.value) for key, node in entry.items()}
    return EditEntry(
        at=texts.get("at", ""),
        text=texts.get("text", ""),
        before=texts.get("before") == "true",
        unsafe=texts.get("unsafe") == "true",
        when=texts.get("when", ""),
    )


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
