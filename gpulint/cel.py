"""Conditions of rules: CEL, type-checked against the dataclasses that facts are made of.

The only module that knows the CEL library. A fact becomes a protobuf message once, with only those fields that some
expression of its subject names. Names are snake_case in Python and camelCase in CEL.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from itertools import pairwise
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from gpulint.frozen import frozen
from gpulint.manifest import Place

if TYPE_CHECKING:
    from cel_expr_python import cel
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

Result: TypeAlias = Literal["bool", "string", "place", "text", "list"]
"""What an expression must give. `text`: what a message can show, a scalar or a list of scalars."""

PACKAGE = "gpulint"
ITEM = "item"
"""The variable that stands for one element where an entry is repeated for a list."""
SHOWN = 12
"""That many elements of a list are shown in a message."""
LONGEST = 300
"""That many characters of a string are shown in a message."""
LONGEST_EXPRESSION = 10_000
"""In code points."""
LONGEST_TEXT = 4096
"""Texts of a fact are cut there where a fact is large."""
LARGE_FACT = 65_536
"""Bytes of the message that a fact becomes."""
MOST_GROWTH = 100
"""How many times larger than what it is made of a value may become in the loops of one expression."""

_INTEGERS = (-(2**63), 2**63 - 1)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = re.compile(
    r"in|true|false|null|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void"
    r"|while|bool|bytes|double|duration|dyn|int|list|map|null_type|string|timestamp|type|uint"
)
"""No names of variables: keywords and reserved words of CEL (cel-spec, doc/langdef.md), and its types."""


class VocabularyError(TypeError):
    """Dataclasses that cannot be facts, all complaints at once."""


@frozen
class CompileProblem:
    """One mistake in an expression; line and column count from 1, columns in code points."""

    line: int
    column: int
    message: str


class CompileError(ValueError):
    """An expression that was refused."""

    def __init__(self, problems: tuple[CompileProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.line}:{p.column}: {p.message}" for p in problems))
        self.problems = problems


class EvaluationError(ValueError):
    """An expression that failed on a fact: names the rule, the part of it, and the subject."""


class Vocabulary:
    """What rules can speak about: a subject for each kind of fact."""

    def __init__(self, subjects: Mapping[str, type]) -> None:
        """Take the dataclass of each subject; raises `VocabularyError`."""
        self._classes = dict(sorted(subjects.items()))
        self._records = _records(self._classes)
        self._subjects: dict[str, Subject] = {}

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names of the subjects, sorted."""
        return tuple(self._classes)

    def subject(self, name: str) -> Subject:
        """The subject of this name; raises `KeyError`."""
        if name not in self._subjects:
            record = self._records[self._classes[name].__name__]
            self._subjects[name] = Subject(name, record, self._library)
        return self._subjects[name]

    def describe(self) -> str:
        """The vocabulary as Markdown, from the docstrings of the dataclasses."""
        return _describe(self._classes, self._records)

    @cached_property
    def _library(self) -> _Library:
        return _Library(self._records, {name: cls.__name__ for name, cls in self._classes.items()})


class Subject:
    """Compiles the expressions about one kind of fact, and turns facts into what they are evaluated on."""

    def __init__(self, name: str, record: _Record, library: _Library) -> None:
        self.name = name
        self._record = record
        self._library = library
        self._used: set[str] = set()
        self._fill: _Fill | None = None
        self._last: Bound | None = None

    def compile(self, text: str, result: Result, *, item: str = "", origin: str = "") -> Expression:
        """Check `text` and make it ready; `item` is the type of the element when there is one.

        `origin` says in an `EvaluationError` where the expression stands. Raises `CompileError` with every mistake.
        """
        refused = _excess(text)
        if refused:
            raise CompileError((CompileProblem(*_first(text), refused),))
        try:
            program, environment = self._library.compile(text, self.name, item)
        except RuntimeError as error:
            raise CompileError(self._library.problems(str(error), self.name, item)) from None
        given = program.return_type().name()
        if not _gives(given, result):
            raise CompileError((CompileProblem(*_first(text), f"gives {_spoken(given)}, {_WANTED[result]}"),))
        self._use(text)
        return Expression(program, environment, origin, _element(given))

    def bind(self, fact: object) -> Bound:
        """The fact as expressions see it; kept until another fact comes, so ask fact by fact."""
        if self._last is None or self._last.fact is not fact:
            self._last = self._bind(fact)
        return self._last

    def _use(self, text: str) -> None:
        names = set(_IDENTIFIER.findall(text)) - self._used
        if not names:
            return
        self._used |= names
        self._fill = self._last = None

    def _bind(self, fact: object) -> Bound:
        if self._fill is None:
            self._fill = _Filler(self._library, frozenset(self._used)).record(self._record)
        message_class = self._library.message_class(self._record.name)
        places = _Places()
        try:
            message: Message | None = message_class(**self._fill(fact, places))
        except ValueError:  # an integer beyond 64 bits, or text with half of a surrogate pair
            message = None
        if message is None or message.ByteSize() > LARGE_FACT:
            places = _Places(careful=True)
            message = message_class(**self._fill(fact, places))
        return Bound(self.name, fact, message, places)


class Bound:
    """One fact, and one element of a list where an entry is repeated, ready to be evaluated on."""

    __slots__ = ("_activations", "fact", "item", "message", "places", "subject")

    def __init__(self, subject: str, fact: object, message: Message, places: _Places, item: object = None) -> None:
        self.subject = subject
        self.fact = fact
        self.message = message
        self.places = places
        self.item = item
        self._activations: dict[int, cel.Activation] = {}

    def activation(self, environment: cel.Env) -> cel.Activation:
        found = self._activations.get(id(environment))
        if found is None:
            values: dict[str, object] = {self.subject: self.message}
            if self.item is not None:
                values[ITEM] = self.item
            found = self._activations[id(environment)] = environment.Activation(values)
        return found

    def with_item(self, item: object) -> Bound:
        return Bound(self.subject, self.fact, self.message, self.places, item)

    def __str__(self) -> str:
        name = getattr(self.fact, "name", "")
        return f"{self.subject} '{name}'" if isinstance(name, str) and name else self.subject


@frozen
class Expression:
    """A compiled expression."""

    _program: cel.Expression = field(repr=False)
    _environment: cel.Env = field(repr=False)
    origin: str
    element: str
    """The type of the elements when it gives a list, for `Subject.compile(…, item=…)`; else empty."""

    def holds(self, bound: Bound) -> bool:
        """The value of a condition; raises `EvaluationError`, like all of these."""
        try:
            value: object = self._program.eval(bound.activation(self._environment)).value()
        except RuntimeError as error:
            raise self._failure(bound, str(error)) from None
        if value is True or value is False:
            return value
        raise self._failure(bound, str(value))

    def string(self, bound: Bound) -> str:
        value = self._value(bound)
        assert isinstance(value, str)  # noqa: S101 - the compiler checked the type
        return value

    def text(self, bound: Bound) -> str:
        """The value as a message shows it: lists sorted, their strings quoted."""
        return show(self._value(bound))

    def place(self, bound: Bound) -> Place:
        place = bound.places.get(getattr(self._value(bound), "id", 0))
        if place is None:
            raise self._failure(bound, "gives no place")
        return place

    def items(self, bound: Bound) -> list[Bound]:
        """The fact once with each element of a list."""
        value = self._value(bound)
        assert isinstance(value, list)  # noqa: S101 - the compiler checked the type
        return [bound.with_item(item) for item in value]

    def _value(self, bound: Bound) -> object:
        try:
            value = self._program.eval(bound.activation(self._environment))
        except RuntimeError as error:
            raise self._failure(bound, str(error)) from None
        plain: object = value.plain_value()
        if value.type().name() == "ERROR":
            raise self._failure(bound, str(plain))
        return plain

    def _failure(self, bound: Bound, text: str) -> EvaluationError:
        where = f"{self.origin}: " if self.origin else ""
        return EvaluationError(f"{where}evaluation failed on {bound}: {_clean(text)}")


def show(value: object) -> str:
    """A value as messages show it: `a`, `4`, `true`, `'a', 'b'`; control characters escaped, the endless cut."""
    if isinstance(value, list):
        return _show_list(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _printable(value) if isinstance(value, str) else str(value)


def camel(name: str) -> str:
    """The CEL spelling of a field: `fail_requests` → `failRequests`."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


# -- What facts are made of

_Scalar: TypeAlias = Literal["string", "int", "bool"]
_SCALARS: Mapping[object, _Scalar] = {str: "string", int: "int", bool: "bool"}


@frozen
class _List:
    of: _Single


@frozen
class _Map:
    of: _Single


@frozen
class _Named:
    """A nested dataclass, by the name of its message."""

    name: str


_Single: TypeAlias = "_Scalar | Literal['place'] | _Named"
_Shape: TypeAlias = "_Single | _List | _Map"


@frozen
class _Field:
    attribute: str
    name: str
    shape: _Shape
    values: tuple[str, ...]
    """All it can be, where that is known."""


@frozen
class _Record:
    """A dataclass as a message type."""

    name: str
    type: type
    fields: tuple[_Field, ...]


class _Reader:
    """Reads dataclasses into records, and collects what cannot be read."""

    def __init__(self) -> None:
        self.records: dict[str, _Record] = {}
        self.complaints: list[str] = []
        self._open: list[type] = []

    def record(self, cls: type) -> None:
        if cls in self._open:
            self.complaints.append(f"{cls.__name__}: contains itself; facts are trees")
            return
        known = self.records.get(cls.__name__)
        if known is not None:
            if known.type is not cls:
                self.complaints.append(f"{cls.__name__}: two dataclasses have this name")
            return
        if not _is_fact(cls):
            self.complaints.append(f"{cls.__name__}: not a frozen dataclass")
            return
        if cls.__name__ == "Place":
            self.complaints.append("Place: the name of the built-in type")
            return
        self._open.append(cls)
        hints = get_type_hints(cls)
        fields = [self._field(cls, entry.name, hints[entry.name]) for entry in dataclasses.fields(cls)]
        self._open.pop()
        self.records[cls.__name__] = _Record(cls.__name__, cls, tuple(entry for entry in fields if entry))

    def _field(self, cls: type, attribute: str, hint: object) -> _Field | None:
        where = f"{cls.__name__}.{attribute}"
        if camel(attribute) in ("true", "false", "null"):  # `in` is one in Python as well
            self.complaints.append(f"{where}: '{attribute}' is a keyword of CEL")
            return None
        shape = self._shape(where, hint)
        return _Field(attribute, camel(attribute), shape, _values(hint)) if shape else None

    def _shape(self, where: str, hint: object) -> _Shape | None:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            element = self._single(where, arguments[0])
            return _List(element) if element else None
        if origin is Mapping and arguments[0] is str:
            element = self._single(where, arguments[1])
            return _Map(element) if element else None
        return self._single(where, hint)

    def _single(self, where: str, hint: object) -> _Single | None:
        if hint is Place:
            return "place"
        scalar = _SCALARS.get(hint)
        if scalar:
            return scalar
        if get_origin(hint) is Literal and all(isinstance(value, str) for value in get_args(hint)):
            return "string"
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            self.record(hint)
            return _Named(hint.__name__)
        self.complaints.append(f"{where}: {_complaint(hint)}")
        return None


def _records(classes: Mapping[str, type]) -> dict[str, _Record]:
    reader = _Reader()
    for name, cls in classes.items():
        if _RESERVED.fullmatch(name) or not _IDENTIFIER.fullmatch(name) or name == ITEM:
            reader.complaints.append(f"'{name}': cannot be the name of a subject in CEL")
        reader.record(cls)
    if reader.complaints:
        raise VocabularyError("; ".join(sorted(set(reader.complaints))))
    return reader.records


def _is_fact(cls: type) -> bool:
    parameters = getattr(cls, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _values(hint: object) -> tuple[str, ...]:
    return tuple(str(value) for value in get_args(hint)) if get_origin(hint) is Literal else ()


def _complaint(hint: object) -> str:
    if get_origin(hint) in (Union, UnionType):
        return f"{hint} may be absent or of several types; absent is '', 0, () or a field that says so"
    return f"{hint} cannot be part of a fact"


# -- The library


class _Library:
    """The CEL library with the types of a vocabulary; imported when it is first needed."""

    def __init__(self, records: Mapping[str, _Record], subjects: Mapping[str, str]) -> None:
        self.records = records
        self._subjects = subjects
        self._environments: dict[tuple[str, str], cel.Env] = {}
        self._programs: dict[tuple[str, str], tuple[cel.Expression, cel.Env]] = {}
        self._classes: dict[str, type[Message]] = {}

    @cached_property
    def _pool(self) -> DescriptorPool:
        return _descriptors(self.records)

    def compile(self, text: str, subject: str, item: str) -> tuple[cel.Expression, cel.Env]:
        """Raises RuntimeError with the compiler's report.

        A new environment costs as much as ten expressions. So one serves all subjects, unless the text may speak of
        another subject than its own.
        """
        names = set(_IDENTIFIER.findall(text))
        if any(name in names for name in self._subjects if name != subject):
            environment = self._environment(subject, item)
            return environment.compile(text), environment
        key = (text, item)
        if key not in self._programs:
            environment = self._environment("", item)
            self._programs[key] = environment.compile(text), environment
        return self._programs[key]

    def message_class(self, record: str) -> type[Message]:
        if record not in self._classes:
            from google.protobuf import message_factory  # late, for a fast start

            descriptor = self._pool.FindMessageTypeByName(f"{PACKAGE}.{record}")
            self._classes[record] = message_factory.GetMessageClass(descriptor)
        return self._classes[record]

    def problems(self, report: str, subject: str, item: str) -> tuple[CompileProblem, ...]:
        """The compiler's report, line by line: `ERROR: <input>:1:5: undefined field …`."""
        names = [subject, ITEM] if item else [subject]
        found = [self._problem(int(line), int(column), text, names) for line, column, text in _REPORT.findall(report)]
        return tuple(found) or (CompileProblem(1, 1, _clean(report)),)

    def _environment(self, subject: str, item: str) -> cel.Env:
        """The compiler for one subject, or for any, with an `item` of the given type if there is one."""
        key = (subject, item)
        if key not in self._environments:
            self._environments[key] = self._new_environment([subject] if subject else list(self._subjects), item)
        return self._environments[key]

    def _new_environment(self, subjects: Iterable[str], item: str) -> cel.Env:
        from cel_expr_python import cel  # late, for a fast start
        from cel_expr_python.ext import ext_strings

        variables = {subject: cel.Type(f"{PACKAGE}.{self._subjects[subject]}") for subject in subjects}
        if item:
            variables[ITEM] = getattr(cel.Type, item) if item in _SHOWABLE else cel.Type(item)
        return cel.NewEnv(self._pool, variables=variables, extensions=[ext_strings.ExtStrings()])

    def _problem(self, line: int, column: int, message: str, names: list[str]) -> CompileProblem:
        field_of = _UNDEFINED_FIELD.match(message)
        if field_of:
            return CompileProblem(line, column, self._unknown_field(field_of[1], field_of[2]))
        undeclared = _UNDECLARED.match(message)
        if undeclared:  # reported for `a.b.c` as a whole, at its last dot
            behind, _, _ = undeclared[1].rpartition(".")
            return CompileProblem(line, max(column - len(behind), 1), _unknown_name(undeclared[1], names))
        return CompileProblem(line, column, message[:1].lower() + message[1:])

    def _unknown_field(self, name: str, message_name: str) -> str:
        record = message_name.removeprefix(f"{PACKAGE}.")
        known = [entry.name for entry in self.records[record].fields] if record in self.records else []
        return f"{record} has no field '{name}'{_did_you_mean(name, known)}"


def _unknown_name(name: str, names: list[str]) -> str:
    first = name.partition(".")[0]
    return f"unknown name '{first}'" + (_did_you_mean(first, names) or f"; known are {_show_list([*names])}")


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


_REPORT = re.compile(r"^(?:\w+: )?ERROR: <input>:(\d+):(\d+): (.*)$", re.MULTILINE)
_UNDEFINED_FIELD = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


def _descriptors(records: Mapping[str, _Record]) -> DescriptorPool:
    from google.protobuf import descriptor_pb2, descriptor_pool  # late, for a fast start

    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}.proto", package=PACKAGE, syntax="proto3")
    proto = descriptor_pb2.FieldDescriptorProto
    types = {"string": proto.TYPE_STRING, "int": proto.TYPE_INT64, "bool": proto.TYPE_BOOL}

    def add(message: descriptor_pb2.DescriptorProto, name: str, number: int, shape: _Shape) -> None:
        repeated = isinstance(shape, (_List, _Map))
        entry = message.field.add(
            name=name, number=number, json_name=name, label=proto.LABEL_REPEATED if repeated else proto.LABEL_OPTIONAL
        )
        if isinstance(shape, _Map):
            entry.type, entry.type_name = proto.TYPE_MESSAGE, _map_entry(message, name, shape)
            return
        single = shape.of if isinstance(shape, _List) else shape
        if isinstance(single, _Named) or single == "place":
            entry.type, entry.type_name = proto.TYPE_MESSAGE, f".{PACKAGE}.{_message_name(single)}"
            return
        entry.type = types[single]

    def _map_entry(message: descriptor_pb2.DescriptorProto, name: str, shape: _Map) -> str:
        nested = message.nested_type.add(name=f"{name[:1].upper()}{name[1:]}Entry")
        nested.options.map_entry = True
        add(nested, "key", 1, "string")
        add(nested, "value", 2, shape.of)
        return f".{PACKAGE}.{message.name}.{nested.name}"

    file.message_type.add(name="Place").field.add(
        name="id", number=1, type=proto.TYPE_INT64, label=proto.LABEL_OPTIONAL
    )
    for record in records.values():
        message = file.message_type.add(name=record.name)
        for number, entry in enumerate(record.fields, 1):
            add(message, entry.name, number, entry.shape)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _message_name(shape: _Named | Literal["place"] | str) -> str:
    return shape.name if isinstance(shape, _Named) else "Place"


# -- Types of results, as the compiler names them: STRING, LIST<gpulint.Pool>, MAP<STRING, INT>


_SHOWABLE = frozenset({"STRING", "INT", "UINT", "BOOL"})
_WANTED: Mapping[Result, str] = {
    "bool": "a condition must give true or false",
    "string": "wanted is a string",
    "place": "wanted is a place",
    "text": "a message can show a string, a number, true or false, or a list of these",
    "list": "wanted is a list",
}


def _gives(given: str, result: Result) -> bool:
    if result == "text":
        return given in _SHOWABLE or _element(given) in _SHOWABLE
    if result == "list":
        return _element(given) in _SHOWABLE or _element(given).startswith(f"{PACKAGE}.")
    return given == {"bool": "BOOL", "string": "STRING", "place": f"{PACKAGE}.Place"}[result]


def _element(given: str) -> str:
    return given[len("LIST<") : -1] if given.startswith("LIST<") else ""


def _spoken(given: str) -> str:
    if given.startswith(f"{PACKAGE}."):
        return f"a {given.removeprefix(f'{PACKAGE}.')}"
    if _element(given):
        return f"a list of {_element(given).removeprefix(f'{PACKAGE}.')}"
    return "a value of unknown type" if given == "DYN" else given.lower().partition("<")[0]


def _excess(text: str) -> str:
    """Why an expression could take more time or memory than there is; empty where it cannot.

    The library bounds the depth of expressions and the steps of their loops, and its regular expressions take linear
    time. What is left is a value that every loop makes a multiple of what it was.
    """
    if len(text) > LONGEST_EXPRESSION:
        return f"longer than {LONGEST_EXPRESSION:,} characters"
    code = _LITERAL.sub("''", text)
    growing = _GROWING.search(code)
    if growing:
        return f"'{growing[1]}' is not available: its text can grow beyond all bounds"
    loops = len(_LOOP.findall(code))
    joined = code.count("+") + code.count(",")
    if loops and (1 + joined / loops) ** loops > MOST_GROWTH:
        return f"{loops} loops (all, exists, map, filter …) that put together too much; use fewer of them, '+' and ','"
    return ""


_LITERAL = re.compile(
    r"""(?s:"{3}.*?"{3}|'{3}.*?'{3})|[rR]"[^"\n]*"|[rR]'[^'\n]*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
)
_GROWING = re.compile(r"\.\s*(replace|join|format)\s*\(")
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(")


def _first(text: str) -> tuple[int, int]:
    """Line and column of the first token."""
    blank = text[: len(text) - len(text.lstrip())]
    return blank.count("\n") + 1, len(blank) - (blank.rfind("\n") + 1) + 1


# -- Facts into messages

_Fill: TypeAlias = Callable[[object, "_Places"], dict[str, object]]
_Convert: TypeAlias = Callable[[Any, "_Places"], Any]  # from what the annotation says to what the message takes


class _Places:
    """The places of one fact, numbered from 1; equal places have one number."""

    __slots__ = ("_numbers", "_places", "careful")

    def __init__(self, *, careful: bool = False) -> None:
        self.careful = careful
        """Whether values are made to fit that a message could not hold."""
        self._numbers: dict[Place, int] = {}
        self._places: list[Place] = []

    def number(self, place: Place) -> int:
        number = self._numbers.get(place)
        if number is None:
            self._places.append(place)
            number = self._numbers[place] = len(self._places)
        return number

    def get(self, number: int) -> Place | None:
        return self._places[number - 1] if 0 < number <= len(self._places) else None


class _Filler:
    """Makes the functions that turn a dataclass into the arguments of its message."""

    def __init__(self, library: _Library, used: frozenset[str]) -> None:
        self._library = library
        self._used = used
        self._fills: dict[str, _Fill] = {}

    def record(self, record: _Record) -> _Fill:
        if record.name not in self._fills:
            self._fills[record.name] = self._fill(record)
        return self._fills[record.name]

    def _fill(self, record: _Record) -> _Fill:
        wanted = [entry for entry in record.fields if entry.name in self._used]
        converts = [(entry.attribute, entry.name, self._convert(entry.shape)) for entry in wanted]
        plain = [(attribute, name) for attribute, name, convert in converts if convert is _scalar]
        rest = [(attribute, name, convert) for attribute, name, convert in converts if convert is not _scalar]

        def fill(fact: object, places: _Places) -> dict[str, object]:
            values: dict[str, object] = {}
            for attribute, name in plain:
                value: object = getattr(fact, attribute)
                if value:
                    values[name] = _fitting(value) if places.careful else value
            for attribute, name, convert in rest:
                values[name] = convert(getattr(fact, attribute), places)
            return values

        return fill

    def _convert(self, shape: _Shape) -> _Convert:
        if isinstance(shape, _List):
            of = self._convert(shape.of)
            return _scalars if of is _scalar else _each(of)
        if isinstance(shape, _Map):
            return self._convert_map(shape)
        if isinstance(shape, _Named):
            return self.record(self._library.records[shape.name])
        return _numbered if shape == "place" else _scalar

    def _convert_map(self, shape: _Map) -> _Convert:
        convert = self._convert(shape.of)
        if shape.of in _SCALARS.values():
            return _each_value(convert)
        message_class = self._library.message_class(_message_name(shape.of))
        return _each_value(lambda value, places: message_class(**convert(value, places)))


def _numbered(value: Place, places: _Places) -> object:
    return {"id": places.number(value)}


def _scalar(value: object, places: _Places) -> object:
    return _fitting(value) if places.careful else value


def _scalars(values: tuple[object, ...], places: _Places) -> object:
    return [_fitting(value) for value in values] if places.careful else values


def _each(convert: _Convert) -> _Convert:
    def converted(values: tuple[object, ...], places: _Places) -> object:
        return [convert(value, places) for value in values]

    return converted


def _each_value(convert: _Convert) -> _Convert:
    def converted(values: Mapping[str, object], places: _Places) -> object:
        return {_scalar(key, places): convert(value, places) for key, value in values.items()}

    return converted


def _fitting(value: object) -> object:
    """Integers within 64 bits, text without half a surrogate pair and not endless: what a message can hold."""
    if isinstance(value, str):
        return value[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, _INTEGERS[0]), _INTEGERS[1])
    return value


# -- Text


def _show_list(values: list[object]) -> str:
    if not values:
        return "nothing"
    shown = [f"'{show(value)}'" if isinstance(value, str) else show(value) for value in sorted(values, key=_order)]
    more = len(shown) - SHOWN
    return ", ".join(shown[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _order(value: object) -> tuple[int, str]:
    return (int(value), "") if isinstance(value, int) else (0, str(value))


def _printable(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return cut if cut.isprintable() else "".join(_escaped(character) for character in cut)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _clean(report: str) -> str:
    return _STATUS.sub("", report.strip())


# -- The vocabulary as a page


def _describe(classes: Mapping[str, type], records: Mapping[str, _Record]) -> str:
    parts = ["# What rules can speak about", ""]
    parts += ["## Subjects", ""]
    for name, cls in classes.items():
        parts += _section(f"`{name}`: {cls.__name__}", records[cls.__name__])
    nested = sorted(set(records) - {cls.__name__ for cls in classes.values()})
    if nested:
        parts += ["## Parts", ""]
    for name in nested:
        parts += _section(name, records[name])
    return "\n".join(parts)


def _section(title: str, record: _Record) -> Iterator[str]:
    documented = _field_docstrings(record.type)
    yield from (f"### {title}", "")
    if record.type.__doc__ and not record.type.__doc__.startswith(f"{record.name}("):
        yield from (inspect.cleandoc(record.type.__doc__), "")
    yield from ("| field | type | |", "|---|---|---|")
    for entry in record.fields:
        text = " ".join(documented.get(entry.attribute, "").split()).replace("|", "\\|")
        kind = ", ".join(f"`'{value}'`" for value in entry.values) or _type_text(entry.shape)
        yield f"| `{entry.name}` | {kind} | {text} |"
    yield ""


def _type_text(shape: _Shape) -> str:
    if isinstance(shape, _List):
        return f"list of {_type_text(shape.of)}"
    if isinstance(shape, _Map):
        return f"map of {_type_text(shape.of)}"
    return shape.name if isinstance(shape, _Named) else shape


def _field_docstrings(cls: type) -> dict[str, str]:
    """The string that follows each annotated name in the body of a class."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):  # no class statement: it was made by a call
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        before.target.id: after.value.value
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }
