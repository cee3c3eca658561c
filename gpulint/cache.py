"""Reports of earlier runs: nothing is read twice where nothing has changed.

An entry is the report of one run. Its key is a hash of all that the report depends on: gpulint itself, its rules, the
paths, the configuration, the options, the date (findings can be ignored until one), and name and content of every file
that is read. So an entry is never stale, only unused; the oldest go when there are too many.

What is in the folder is trusted as far as the user's own account: whoever can write there can as well replace gpulint,
and a checksum with a secret beside it would protect nothing. Hence the folder belongs to the user and is closed to all
others, or it is not used; names of files come from hashes alone; entries are JSON, never code; and what is cut off,
altered by accident or of another shape is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import gpulint
from gpulint import linter
from gpulint.config import Config
from gpulint.finding import Finding, Report, RuleInfo, Summary
from gpulint.frozen import frozen
from gpulint.source import fingerprint, read_text

SCHEMA = 1
MOST_ENTRIES = 64
MOST_BYTES = 128 * 2**20
"""Of all entries together."""

_SUFFIX = ".report"
_OPEN_TO_OTHERS = 0o077


def default_folder(environment: Mapping[str, str]) -> Path | None:
    """Where entries are kept: GPULINT_CACHE_DIR, nowhere if it is empty; else, but not in CI, the folder for caches."""
    given = environment.get("GPULINT_CACHE_DIR")
    if given is not None:
        return Path(given) if given else None
    if environment.get("CI", "").lower() in {"true", "1"}:
        return None
    if base := environment.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"):
        return Path(base) / "gpulint" if Path(base).is_absolute() else None
    with contextlib.suppress(RuntimeError):  # nobody's home
        return Path.home() / ".cache" / "gpulint"
    return None


def lint(
    paths: Sequence[str], options: linter.Options, config: Config, *, folder: Path, progress: linter.Progress
) -> Report:
    """What `linter.lint` says of files and folders, from an entry where there is one."""
    if options.render or config.render or config.renders:  # that depends on programs and files that are not hashed
        return linter.lint(paths, options, config, progress=progress)
    progress("reading")
    key = _key(paths, options, config)
    entry = folder / f"{key}{_SUFFIX}"
    if _is_ours(folder) and (known := _known(entry, options.root)):
        return known
    report = linter.lint(paths, options, config, progress=progress)
    if _key(paths, options, config) == key:  # no file has changed while it was read
        _keep(entry, report)
    return report


# --- key --------------------------------------------------------------------------------------------------------------


def _key(paths: Sequence[str], options: linter.Options, config: Config) -> str:
    from gpulint.suppression import today

    hashed = hashlib.blake2b(digest_size=32)
    folder = config.folder(options.root)
    of_clusters = (folder / file for each in config.clusters for file in each.nodes)
    snapshots = [*(file for _, file in options.nodes), *of_clusters]
    settings = [
        (SCHEMA, gpulint.__version__, sys.version, _itself()),
        [os.path.abspath(path) for path in paths],  # noqa: PTH100 - as text
        (options, config, str(today(os.environ)), os.getcwd()),  # noqa: PTH109
    ]
    hashed.update(repr(settings).encode("utf-8", "surrogateescape"))
    for file in (*_of_folders(folder / each for each in config.rules_folders), Path(config.file), *snapshots):
        hashed.update(_content(file))
    respect = options.respect_gitignore and config.respect_gitignore
    hashed.update(fingerprint(paths, options.root, options.exclude, respect, {folder: config.exclude}))
    return hashed.hexdigest()


@cache
def _itself() -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file of gpulint: an installation that is worked on changes within a version."""
    from gpulint.rule import rules_folder

    package = Path(__file__).parent
    found = {file for folder in (package, rules_folder()) for file in folder.rglob("*.*") if file.suffix in _OF_PROGRAM}
    stats = ((str(file), file.stat()) for file in sorted(found))
    return tuple((name, each.st_size, each.st_mtime_ns) for name, each in stats)


_OF_PROGRAM = frozenset({".json", ".py", ".yaml"})


def _of_folders(folders: Iterator[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.y*ml"))


def _content(file: Path) -> bytes:
    try:
        return hashlib.blake2b(str(file).encode("utf-8", "surrogateescape") + b"\0" + file.read_bytes()).digest()
    except OSError:
        return b"?"


# --- entries ----------------------------------------------------------------------------------------------------------


def _is_ours(folder: Path) -> bool:
    """Whether the folder belongs to the user and nobody else can write to it or read it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode):
        return False
    if sys.platform == "win32":  # profiles of users are closed to others
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _OPEN_TO_OTHERS


def _known(entry: Path, root: Path) -> Report | None:
    """The report of an entry; None where there is none, or it is not as it was written."""
    try:
        checksum, _, body = entry.read_bytes().partition(b"\n")
        if checksum.decode("ascii") != _checksum(body):
            return None
        report = _report(json.loads(body), root)
        os.utime(entry)  # the oldest go first
    except (OSError, ValueError, RecursionError):
        return None
    return report


def _keep(entry: Path, report: Report) -> None:
    """Write an entry, at once or not at all; a folder that cannot be written to is no reason to stop."""
    body = json.dumps(_plain(report), separators=(",", ":")).encode("ascii")
    if len(body) > MOST_BYTES // 4:
        return
    with contextlib.suppress(OSError):
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(entry.parent):
            return
        handle, name = tempfile.mkstemp(dir=entry.parent, prefix=".new-")  # readable by the user alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(body).encode("ascii") + b"\n" + body)
            Path(name).replace(entry)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _prune(entry.parent)


def _prune(folder: Path) -> None:
    """Leave the newest entries, and no more of them than there is room for."""
    entries = sorted(
        ((file.stat().st_mtime_ns, file.stat().st_size, file) for file in folder.glob(f"*{_SUFFIX}")), reverse=True
    )
    total = 0
    for index, (_, size, file) in enumerate(entries):
        total += size
        if index >= MOST_ENTRIES or total > MOST_BYTES:
            file.unlink(missing_ok=True)


def _checksum(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=32).hexdigest()


# --- report ⇄ JSON ----------------------------------------------------------------------------------------------------


@frozen
class _Entry:
    """A report without the texts, which are read again."""

    version: str
    findings: tuple[Finding, ...]
    summary: Summary
    rules: tuple[RuleInfo, ...]
    texts: tuple[str, ...]


def _plain(report: Report) -> dict[str, object]:
    return asdict(_Entry(report.version, report.findings, report.summary, report.rules, tuple(report.texts)))


def _report(data: object, root: Path) -> Report:
    """Raises `ValueError` where the data is of another shape."""
    entry: _Entry = _typed(_Entry, data)
    texts = {path: read_text(root / path) for path in entry.texts}
    return Report(entry.version, entry.findings, entry.summary, entry.rules, texts)


def _typed(wanted: Any, data: object) -> Any:
    """The data as what the annotation says."""
    if isinstance(wanted, type) and is_dataclass(wanted):
        hints = _hints(wanted)
        if not isinstance(data, dict) or data.keys() != hints.keys():
            raise ValueError(f"no {wanted}")
        return wanted(**{name: _typed(hint, data[name]) for name, hint in hints.items()})
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is tuple and isinstance(data, list):
        return tuple(_typed(arguments[0], each) for each in data)
    if origin is UnionType:
        return None if data is None else _typed(arguments[0], data)
    if data in arguments if origin is Literal else type(data) is wanted:
        return data
    raise ValueError(f"no {wanted}")


@cache
def _hints(wanted: type) -> Mapping[str, object]:
    return get_type_hints(wanted)
