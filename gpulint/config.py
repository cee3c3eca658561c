"""The configuration: `gpulint.toml`, or `[tool.gpulint]` in `pyproject.toml`.

Every mistake is told at once, with the key and its line. Nothing in here knows what the settings do.
"""

from __future__ import annotations

import datetime
import difflib
import fnmatch
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from gpulint.finding import CONFIDENCES, SEVERITIES, Confidence, Severity
from gpulint.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

FailOn: TypeAlias = Literal["error", "warning", "info", "never"]
Strategy: TypeAlias = Literal["none", "time-slicing", "mps", "mig"]
"""How GPUs are shared."""
Class: TypeAlias = Literal["training", "inference", "interactive", "batch", "system"]
"""What a workload is for."""

SPACES = (
    "claims",
    "device-classes",
    "device-plugin-configs",
    "installers",
    "limits",
    "mig-configs",
    "namespaces",
    "nodes",
    "queues",
    "quotas",
    "runtime-classes",
)
"""The search spaces: kinds of objects that a claim of absence depends on."""
FAIL_ON: tuple[FailOn, ...] = ("error", "warning", "info", "never")
STRATEGIES: tuple[Strategy, ...] = ("none", "time-slicing", "mps", "mig")
CLASSES: tuple[Class, ...] = ("training", "inference", "interactive", "batch", "system")
COMPONENTS = ("kubernetes", "gpu-operator", "device-plugin", "dra-driver")
"""What `[versions]` can speak of."""
ALL = "ALL"
FILE_NAME = "gpulint.toml"

HOUSE_LABELS: Mapping[str, Mapping[str, Strategy]] = MappingProxyType(
    {"nvidia.com/gpu-sharing": {"full": "none", "mig": "mig", "mps": "mps", "time-slicing": "time-slicing"}}
)
"""Labels that tell the sharing strategy of a node by convention, value by value."""

_Choice = TypeVar("_Choice", bound=str)
_VERSION = re.compile(r"v?\d+(\.\d+){0,2}")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_DOTTED = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')"
_KEY = re.compile(rf"\s*({_DOTTED}(?:\s*\.\s*{_DOTTED})*)\s*=")


@dataclass(frozen=True, slots=True, order=True)
class ConfigError:
    """A mistake in the configuration."""

    file: str
    """Empty where the setting was in no file."""
    line: int
    """Of the key, from 1."""
    key: str
    """`cluster[0].complete`; empty where the file as a whole is meant."""
    message: str

    def __str__(self) -> str:
        where = f"'{self.key}': " if self.key else ""
        return f"{self.file}:{self.line}: {where}{self.message}" if self.file else f"{where}{self.message}"


class InvalidConfigError(ValueError):
    """A configuration that was refused, with every mistake in it, sorted."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))


@frozen
class Cluster:
    """Which files make up a cluster, and what else is true of it."""

    name: str
    paths: tuple[str, ...] = ()
    """Folders and files, or globs; relative to the configuration."""
    nodes: tuple[str, ...] = ()
    """Snapshots, `kubectl get nodes -o yaml`: they make the node space complete."""
    complete: tuple[str, ...] = ()
    """Search spaces of which all objects are in the input."""
    admission_adds_tolerations: bool = False
    """Whether ExtendedResourceToleration is on."""


@frozen
class IgnoredFindings:
    """An `[[ignore-findings]]` entry: which findings do not count."""

    rule: str
    """An id, a family, a glob, or ALL."""
    paths: tuple[str, ...] = ()
    """Globs of files as in .gitignore; empty: every file."""
    object: str = ""
    """`Kind/name` or `Kind/namespace/name`, globs allowed; empty: every object."""
    until: datetime.date | None = None
    """The last day on which it holds."""
    reason: str = ""
    line: int = field(default=1, compare=False)
    """Where it stands in the configuration, from 1."""


@frozen
class Render:
    """A chart or overlay to be rendered, once per environment."""

    chart: str = ""
    overlay: str = ""
    values: tuple[str, ...] = ()
    set: Mapping[str, str] = field(default_factory=dict)
    release: str = ""
    namespace: str = ""


@frozen
class Config:
    """All settings, with their defaults."""

    file: str = ""
    """Where it was read; empty for the defaults."""
    select: tuple[str, ...] = (ALL,)
    """Ids, families, globs, ALL."""
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    """Globs as in .gitignore, relative to the configuration."""
    respect_gitignore: bool = True
    rules_folders: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    min_severity: Severity = "info"
    min_confidence: Confidence = "medium"
    pedantic: bool = False
    baseline: str = ""
    tenant_label: str = ""
    """The label whose value is the tenant; empty: the namespace is."""
    max_time_slices: int = 10
    """Replicas of one GPU beyond which `many-time-slices` speaks."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """Rule → severity."""
    clusters: tuple[Cluster, ...] = ()
    ignore_findings: tuple[IgnoredFindings, ...] = ()
    render: bool = False
    """Whether charts and overlays are rendered without being asked on the command line."""
    renders: tuple[Render, ...] = ()
    labels: Mapping[str, Mapping[str, Strategy]] = field(default_factory=lambda: dict(HOUSE_LABELS))
    """Label → value → strategy, the built-in ones included."""
    workload_class: Mapping[str, Class] = field(default_factory=dict)
    """Glob over namespace/kind/name → class, in the order of the file."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Component → version without `v`; absent: the newest known."""
    text: str = field(default="", repr=False, compare=False)
    """Of the file."""

    def folder(self, root: Path) -> Path:
        """The folder that its paths and globs are relative to: its own; `root` for the defaults."""
        return Path(self.file).absolute().parent if self.file else root.absolute()

    def relative(self, path: str, root: Path) -> str:
        """A path of a finding, which is relative to `root`, as the globs of this configuration see it."""
        folder = self.folder(root)
        if folder == root.absolute():
            return path
        return os.path.relpath(root.absolute() / path, folder).replace(os.sep, "/")


DEFAULTS = Config()


def load(path: Path) -> Config:
    """Read a configuration; raises `InvalidConfigError`, also when there is no such file, or none that it names."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidConfigError([ConfigError(path.as_posix(), 1, "", "not encoded as UTF-8")]) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InvalidConfigError([ConfigError(path.as_posix(), 1, "", f"cannot be read: {reason}")]) from None
    config = parse(text, path.as_posix())
    mistakes = _Mistakes(path.as_posix(), text)
    for index, cluster in enumerate(config.clusters):
        for file in cluster.nodes:
            if not (path.parent / file).is_file():
                mistakes.add(f"cluster[{index}].nodes", f"there is no file '{file}'")
    for index, render in enumerate(config.renders):
        folder = render.chart or render.overlay
        if not (path.parent / folder).is_dir():
            mistakes.add(f"render[{index}].{'chart' if render.chart else 'overlay'}", f"there is no folder '{folder}'")
        for file in render.values:
            if not (path.parent / file).is_file():
                mistakes.add(f"render[{index}].values", f"there is no file '{file}'")
    if mistakes.found:
        raise InvalidConfigError(mistakes.found)
    return config


def find(start: Path, root: Path | None = None) -> Path | None:
    """The nearest configuration in `start` or a folder above it, up to `root` (default: the repository's)."""
    folder = start.resolve()
    folder = folder if folder.is_dir() else folder.parent
    top = root.resolve() if root else repository_root(folder)
    for candidate in (folder, *folder.parents):
        for path in (candidate / FILE_NAME, candidate / "pyproject.toml"):
            if path.is_file() and (path.name == FILE_NAME or _has_section(path)):
                return path
        if candidate == top:
            break
    return None


def repository_root(start: Path) -> Path:
    """The folder with `.git` in or above `start`; `start` itself when there is none."""
    folder = start.resolve()
    return next((candidate for candidate in (folder, *folder.parents) if (candidate / ".git").exists()), folder)


def parse(text: str, file: str) -> Config:
    """Read the text of a configuration; in a `pyproject.toml` only `[tool.gpulint]` counts.

    Raises `InvalidConfigError` with every mistake.
    """
    try:
        data: Mapping[str, object] = tomllib.loads(text)
    except RecursionError:
        raise InvalidConfigError([ConfigError(file, 1, "", "nested too deep")]) from None
    except ValueError as error:  # TOMLDecodeError, or an integer with more digits than Python converts
        line = re.search(r"at line (\d+)", str(error))
        found = ConfigError(file, int(line[1]) if line else 1, "", _lower(str(error)))
        raise InvalidConfigError([found]) from None
    for name in _section(file):
        inner = data.get(name, {})
        data = inner if isinstance(inner, dict) else {}
    mistakes = _Mistakes(file, text)
    config = _config(_Table(data, "", mistakes), file, text)
    if mistakes.found:
        raise InvalidConfigError(mistakes.found)
    return config


def selected(
    rule_id: str, family: str, select: Iterable[str], ignore: Iterable[str], extend_select: Iterable[str] = ()
) -> bool:
    """Whether a rule runs: the most specific pattern decides, ALL < family < glob < id; of equal ones `ignore` does."""
    wanted = max((_weight(pattern, rule_id, family) for pattern in (*select, *extend_select)), default=0)
    unwanted = max((_weight(pattern, rule_id, family) for pattern in ignore), default=0)
    return wanted > unwanted


def matches(pattern: str, rule_id: str, family: str) -> bool:
    """Whether an id, family, glob, ALL or `*` covers a rule."""
    return _weight(pattern, rule_id, family) > 0


def unknown_name(pattern: str, rules: Mapping[str, str]) -> str:
    """What is wrong with a pattern that covers no rule of `rules` (id → family); empty when it covers one."""
    if any(matches(pattern, rule_id, family) for rule_id, family in rules.items()):
        return ""
    if "*" in pattern or "?" in pattern:
        return f"'{pattern}' matches no rule"
    return f"there is no rule or family '{pattern}'{_did_you_mean(pattern, {*rules, *rules.values(), ALL})}"


def check_names(config: Config, rules: Mapping[str, str]) -> list[ConfigError]:
    """The rules that a configuration names and that do not exist; `rules` maps ids to families."""
    named = [
        *(("select", pattern) for pattern in config.select if pattern != ALL),
        *(("ignore", pattern) for pattern in config.ignore),
        *(("extend-select", pattern) for pattern in config.extend_select),
        *((f"ignore-findings[{i}].rule", entry.rule) for i, entry in enumerate(config.ignore_findings)),
    ]
    errors = [(key, message) for key, pattern in named if (message := unknown_name(pattern, rules))]
    errors += [
        (f"severity.{rule}", f"there is no rule '{rule}'{_did_you_mean(rule, rules)}")
        for rule in config.severity
        if rule not in rules
    ]
    if not errors:
        return []
    mistakes = _Mistakes(config.file, config.text)
    for key, message in errors:
        mistakes.add(key, message)
    return sorted(set(mistakes.found))


def _config(table: _Table, file: str, text: str) -> Config:
    render, renders = _render(table)
    config = Config(
        file=file,
        select=table.strings("select", (ALL,)),
        ignore=table.strings("ignore"),
        extend_select=table.strings("extend-select"),
        exclude=table.strings("exclude"),
        respect_gitignore=table.boolean("respect-gitignore", default=True),
        rules_folders=table.strings("rules-folders"),
        fail_on=table.choice("fail-on", FAIL_ON, DEFAULTS.fail_on),
        min_severity=table.choice("min-severity", SEVERITIES, DEFAULTS.min_severity),
        min_confidence=table.choice("min-confidence", CONFIDENCES, DEFAULTS.min_confidence),
        pedantic=table.boolean("pedantic", default=False),
        baseline=table.string("baseline"),
        tenant_label=table.string("tenant-label"),
        max_time_slices=table.positive("max-time-slices", default=DEFAULTS.max_time_slices),
        severity=table.choices("severity", SEVERITIES),
        clusters=_clusters(table),
        ignore_findings=tuple(_ignored(entry) for entry in table.tables("ignore-findings")),
        render=render,
        renders=renders,
        labels=_labels(table),
        workload_class=table.choices("workload-class", CLASSES),
        versions=_versions(table),
        text=text,
    )
    table.close()
    return config


def _clusters(table: _Table) -> tuple[Cluster, ...]:
    clusters: list[Cluster] = []
    for entry in table.tables("cluster"):
        name = entry.string("name", required=True)
        if name and name in {cluster.name for cluster in clusters}:
            entry.refuse("name", f"there is already a cluster '{name}'")
        clusters.append(
            Cluster(
                name=name,
                paths=entry.strings("paths"),
                nodes=entry.strings("nodes"),
                complete=entry.strings("complete", known=SPACES),
                admission_adds_tolerations=entry.boolean("admission-adds-tolerations", default=False),
            )
        )
        entry.close()
    return tuple(clusters)


def _ignored(entry: _Table) -> IgnoredFindings:
    ignored = IgnoredFindings(
        rule=entry.string("rule", required=True),
        paths=entry.strings("paths"),
        object=entry.string("object"),
        until=entry.date("until"),
        reason=entry.string("reason"),
        line=entry.line(),
    )
    if ignored.object and not 1 <= ignored.object.count("/") <= 2:
        entry.refuse("object", "wanted is 'Kind/name' or 'Kind/namespace/name'")
    entry.close()
    return ignored


def _render(table: _Table) -> tuple[bool, tuple[Render, ...]]:
    if not table.holds_list("render"):
        return table.boolean("render", default=False), ()
    return False, tuple(_one_render(entry) for entry in table.tables("render"))


def _one_render(entry: _Table) -> Render:
    render = Render(
        chart=entry.string("chart"),
        overlay=entry.string("overlay"),
        values=entry.strings("values"),
        set=entry.mapping("set"),
        release=entry.string("release"),
        namespace=entry.string("namespace"),
    )
    if bool(render.chart) == bool(render.overlay):
        entry.refuse("", "wanted is either 'chart' or 'overlay'")
    entry.close()
    return render


def _labels(table: _Table) -> Mapping[str, Mapping[str, Strategy]]:
    labels = dict(HOUSE_LABELS)
    inner = table.table("labels")
    for label in inner.names():
        labels[label] = inner.choices(label, STRATEGIES)
    inner.close()
    return labels


def _versions(table: _Table) -> Mapping[str, str]:
    inner = table.table("versions")
    versions = {component: inner.string(component) for component in COMPONENTS}
    for component, version in versions.items():
        if version and not _VERSION.fullmatch(version):
            inner.refuse(component, f"'{version}' is no version such as '1.34' or '0.20.1'")
    inner.close()
    return {component: version.removeprefix("v") for component, version in versions.items() if version}


class _Table:
    """A table of the file. What was not asked for when it is closed is unknown."""

    def __init__(self, data: Mapping[str, object], key: str, mistakes: _Mistakes) -> None:
        self._data = data
        self._key = key
        self._mistakes = mistakes
        self._asked: set[str] = set()

    def names(self) -> list[str]:
        return list(self._data)

    def line(self) -> int:
        """Where the table stands in the file."""
        return self._mistakes.line(self._key)

    def refuse(self, key: str, message: str) -> None:
        self._mistakes.add(self._full(key), message)

    def close(self) -> None:
        for key in self._data:
            if key not in self._asked:
                self.refuse(key, f"unknown key{_did_you_mean(key, self._asked)}")

    def string(self, key: str, *, required: bool = False) -> str:
        value = self._take(key)
        if value is None and required:
            self.refuse(key, "is missing")
        if value is None or (isinstance(value, str) and (value or not required)):
            return value or ""
        self.refuse(key, f"must be a string, not {_spoken(value)}")
        return ""

    def boolean(self, key: str, *, default: bool) -> bool:
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.refuse(key, f"must be true or false, not {_spoken(value)}")
        return default

    def positive(self, key: str, *, default: int) -> int:
        value = self._take(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if value is not None:
            self.refuse(key, f"must be a number of at least 1, not {_spoken(value)}")
        return default

    def date(self, key: str) -> datetime.date | None:
        value = self._take(key)
        if value is None or (isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)):
            return value
        self.refuse(key, f"must be a date such as 2027-01-31, without quotes, not {_spoken(value)}")
        return None

    def choice(self, key: str, choices: Sequence[_Choice], default: _Choice) -> _Choice:
        value = self._take(key)
        return default if value is None else self._chosen(key, value, choices) or default

    def strings(self, key: str, default: tuple[str, ...] = (), *, known: Sequence[str] = ()) -> tuple[str, ...]:
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            self.refuse(key, f"must be a list of strings, not {_spoken(value)}")
            return default
        if known:
            return tuple(entry for entry in value if self._chosen(key, entry, known))
        return tuple(value)

    def table(self, key: str) -> _Table:
        value = self._take(key)
        if value is None or isinstance(value, dict):
            return _Table(value or {}, self._full(key), self._mistakes)
        self.refuse(key, f"must be a table, not {_spoken(value)}")
        return _Table({}, self._full(key), self._mistakes)

    def holds_list(self, key: str) -> bool:
        return isinstance(self._data.get(key), list)

    def tables(self, key: str) -> Iterator[_Table]:
        value = self._take(key)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.refuse(key, f"must be a list of tables, [[{self._full(key)}]], not {_spoken(value)}")
            return
        for index, entry in enumerate(value):
            yield _Table(entry, f"{self._full(key)}[{index}]", self._mistakes)

    def choices(self, key: str, choices: Sequence[_Choice]) -> dict[str, _Choice]:
        """A table of names that each get one of `choices`."""
        inner = self.table(key)
        found = {name: inner._chosen(name, inner._take(name), choices) for name in inner.names()}
        return {name: choice for name, choice in found.items() if choice is not None}

    def mapping(self, key: str) -> dict[str, str]:
        inner = self.table(key)
        return {name: inner.string(name) for name in inner.names()}

    def _chosen(self, key: str, value: object, choices: Sequence[_Choice]) -> _Choice | None:
        chosen = next((choice for choice in choices if choice == value), None)
        if chosen is None:
            hint = _did_you_mean(value, choices) if isinstance(value, str) else ""
            self.refuse(key, f"must be one of {_quoted(choices)}, not {_spoken(value)}{hint}")
        return chosen

    def _take(self, key: str) -> object:
        self._asked.add(key)
        return self._data.get(key)

    def _full(self, key: str) -> str:
        key = key if re.fullmatch(r"[A-Za-z0-9_-]*", key) else f'"{key}"'
        return ".".join(filter(None, (self._key, key)))


class _Mistakes:
    """Collects mistakes and finds their lines."""

    def __init__(self, file: str, text: str) -> None:
        self.found: list[ConfigError] = []
        self._file = file
        self._text = text

    def add(self, key: str, message: str) -> None:
        self.found.append(ConfigError(self._file, self.line(key), key, message))

    def line(self, key: str) -> int:
        """The line of a key, or of the nearest table around it; 1 when the text has neither."""
        lines = dict(_key_lines(self._text))
        parts = (*_section(self._file), *_parts(key))
        return next((lines[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in lines), 1)


def _key_lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Keys and headers with their lines."""
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header:
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, f"[{counts[table]}]")
            yield table, number
        elif key:
            yield (*table, *_parts(key[1])), number


def _parts(key: str) -> tuple[str, ...]:
    """`a."b.c"[0].d` → a, b.c, [0], d"""
    return tuple(part.strip("\"'") for part in re.findall(rf"{_DOTTED}|\[\d+\]", key))


def _section(file: str) -> tuple[str, ...]:
    return ("tool", "gpulint") if Path(file).name == "pyproject.toml" else ()


def _has_section(path: Path) -> bool:
    """Whether a `pyproject.toml` configures gpulint; one that cannot be read counts, so that it is told."""
    text = path.read_bytes().decode("utf-8", "replace")
    if "gpulint" not in text:
        return False
    try:
        tool = tomllib.loads(text).get("tool")
    except (ValueError, RecursionError):
        return bool(re.search(r"^\s*\[+\s*tool\s*\.\s*gpulint\b", text, re.MULTILINE))
    return isinstance(tool, dict) and "gpulint" in tool


def _weight(pattern: str, rule_id: str, family: str) -> int:
    """How specific a pattern is that covers the rule; 0 when it does not."""
    if pattern in (ALL, "*"):
        return 1
    if pattern == family:
        return 2
    if pattern == rule_id:
        return 4
    return 3 if ("*" in pattern or "?" in pattern) and fnmatch.fnmatchcase(rule_id, pattern) else 0


def _did_you_mean(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _spoken(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {list: "a list", dict: "a table"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), str(value))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
