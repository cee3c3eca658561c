# A pathlib object per file costs more than the walk itself.
# ruff: noqa: PTH100, PTH110, PTH112, PTH113, PTH114, PTH118, PTH119, PTH120
"""Which files a run reads."""

from __future__ import annotations

import errno
import os
import pathlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gpulint.finding import NotAnalysed
from gpulint.source.roles import CHART_FILE, KUSTOMIZATION_NAMES, Role, role_by_name
from gpulint.source.text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EXTENSIONS = (".yaml", ".yml", ".json", ".sh")
SKIPPED_FOLDERS = frozenset({".git", "node_modules", ".venv"})


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """A file that was found."""

    path: str
    """Relative to the root of the run, with `/`: the path that findings show."""
    file: pathlib.Path | None
    """None for standard input."""
    role: Role = "manifests"
    """What its place in the tree makes of it."""


def discover(
    paths: Iterable[pathlib.Path | str],
    *,
    root: pathlib.Path,
    exclude: Sequence[str] = (),
    excludes: Mapping[pathlib.Path, Sequence[str]] = MappingProxyType({}),
    respect_gitignore: bool = True,
) -> tuple[list[Input], list[NotAnalysed]]:
    """The files to read, sorted by path, each once; and those that are left out for a reason worth telling.

    Folders are searched for YAML, JSON and shell scripts; files that are named are read whatever they are called and
    whatever is excluded. `exclude` holds patterns in the syntax of .gitignore, relative to `root`; `excludes` maps
    other folders to patterns relative to them.
    """
    patterns = [(os.path.abspath(folder), lines) for folder, lines in ((root, exclude), *excludes.items()) if lines]
    search = _Search(os.path.abspath(root), patterns, respect_gitignore)
    for path in paths:
        search.add(os.fspath(path))
    return search.results()


class _Search:
    """One walk over the tree; paths are absolute."""

    def __init__(self, root: str, exclude: Iterable[tuple[str, Sequence[str]]], respect_gitignore: bool) -> None:
        self._root = root
        self._exclude = [_Ignore(folder, patterns) for folder, patterns in exclude]
        self._respect_gitignore = respect_gitignore
        self._files: dict[str, Role] = {}
        self._links: dict[str, Role] = {}
        self._folders: list[str] = []
        self._not_analysed: set[NotAnalysed] = set()
        self._repository = _repository(os.path.realpath(root))

    def add(self, path: str) -> None:
        path = self._under_root(path)
        if os.path.isdir(path):
            self._folders.append(os.path.realpath(path))
            self._walk(path, self._ignores_above(path), self._chart_above(path))
        elif os.path.isfile(path):
            self._files[path] = _role(path, self._chart_above(os.path.dirname(path)))
        else:
            self._skip(path, *_no_file(path))

    def results(self) -> tuple[list[Input], list[NotAnalysed]]:
        self._follow_links()
        inputs = [Input(self._relative(path), pathlib.Path(path), role) for path, role in self._files.items()]
        return sorted(inputs), sorted(self._not_analysed)

    def _walk(self, folder: str, ignores: tuple[_Ignore, ...], chart: str | None) -> None:
        try:
            entries = sorted(os.scandir(folder), key=_name)
        except OSError as error:
            self._skip(folder, "unreadable", error.strerror or "")
            return
        names = {entry.name for entry in entries}
        if CHART_FILE in names:
            chart = folder
        if self._respect_gitignore and ".gitignore" in names:
            ignores = (_Ignore(folder, _gitignore_lines(folder)), *ignores)
        for entry in entries:
            self._entry(entry, ignores, chart)

    def _entry(self, entry: os.DirEntry[str], ignores: tuple[_Ignore, ...], chart: str | None) -> None:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in SKIPPED_FOLDERS and not self._is_excluded(entry.path + os.sep, ignores):
                self._walk(entry.path, ignores, chart)
        elif entry.is_symlink():
            if not self._is_excluded(entry.path, ignores):
                self._link(entry, chart)
        elif _is_wanted(entry.name) and entry.is_file() and not self._is_excluded(entry.path, ignores):
            self._files[entry.path] = _role(entry.path, chart)

    def _link(self, entry: os.DirEntry[str], chart: str | None) -> None:
        if os.path.isdir(entry.path):
            if not self._is_searched(os.path.realpath(entry.path)):
                self._skip(entry.path, "symlink", "links to folders are not followed")
        elif _is_wanted(entry.name):
            self._links[entry.path] = _role(entry.path, chart)

    def _follow_links(self) -> None:
        """Links to files that are read under their own name anyway are left out."""
        for path, role in self._links.items():
            if not os.path.isfile(path):
                if _is_circle(path):
                    self._files.setdefault(path, role)  # reading it will tell
                else:
                    self._skip(path, "symlink", "the link leads to no file")
            elif not self._is_searched(target := os.path.realpath(path)):
                self._add_target(path, target, role)

    def _add_target(self, path: str, target: str, role: Role) -> None:
        """Reports show what they read: nothing from beside the repository."""
        if self._repository is None or _is_below(target, self._repository):
            self._files.setdefault(path, role)
        else:
            self._skip(path, "symlink", "the link leads out of the repository")

    def _is_searched(self, target: str) -> bool:
        return any(_is_below(target, folder) for folder in self._folders)

    def _is_excluded(self, path: str, ignores: tuple[_Ignore, ...]) -> bool:
        """The patterns of the run decide first, then the nearest .gitignore that has an opinion."""
        if any(patterns.verdict(path) for patterns in self._exclude):
            return True
        for ignore in ignores:
            verdict = ignore.verdict(path)
            if verdict is not None:
                return verdict
        return False

    def _ignores_above(self, folder: str) -> tuple[_Ignore, ...]:
        """The .gitignore files above the folder, the nearest first, up to the top of the repository or the root."""
        if not self._respect_gitignore:
            return ()
        found: list[_Ignore] = []
        for parent in self._parents(folder):
            lines = _gitignore_lines(parent)
            if lines:
                found.append(_Ignore(parent, lines))
        return tuple(found)

    def _chart_above(self, folder: str) -> str | None:
        """The nearest chart that the folder is in."""
        for candidate in (folder, *self._parents(folder)):
            if os.path.isfile(os.path.join(candidate, CHART_FILE)):
                return candidate
        return None

    def _parents(self, folder: str) -> Iterator[str]:
        """The folders above, the nearest first, up to the top of the repository; without one, up to the root."""
        in_repository = _repository(folder) is not None
        while True:
            parent = os.path.dirname(folder)
            at_top = os.path.exists(os.path.join(folder, ".git")) if in_repository else folder == self._root
            if at_top or parent == folder:
                return
            if not in_repository and not _is_below(parent, self._root):
                return
            yield parent
            folder = parent

    def _skip(self, path: str, reason: str, detail: str = "") -> None:
        self._not_analysed.add(NotAnalysed(self._relative(path), reason, detail))

    def _under_root(self, path: str) -> str:
        """An argument as an absolute path, spelt like the root where it leads into it by way of a link."""
        path = os.path.abspath(path)
        if _is_below(path, self._root):
            return path
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        real_root = os.path.realpath(self._root)
        return self._root + real[len(real_root) :] if _is_below(real, real_root) else path

    def _relative(self, path: str) -> str:
        prefix = self._root.rstrip(os.sep) + os.sep
        return (path[len(prefix) :] if path.startswith(prefix) else _outside(path, self._root)).replace(os.sep, "/")


class _Ignore:
    """Patterns in the syntax of .gitignore, and the folder they are relative to."""

    def __init__(self, folder: str, lines: Iterable[str]) -> None:
        import pathspec  # many folders ignore nothing

        self._prefix = folder.rstrip(os.sep) + os.sep
        self._spec = pathspec.GitIgnoreSpec.from_lines(_valid(lines))

    def verdict(self, path: str) -> bool | None:
        """True: ignored; False: asked for with `!`; None: no opinion. Folders end with a separator."""
        if not path.startswith(self._prefix):
            return None
        return self._spec.check_file(path[len(self._prefix) :]).include


def _gitignore_lines(folder: str) -> list[str]:
    return read_text(pathlib.Path(folder) / ".gitignore").splitlines()


def _valid(lines: Iterable[str]) -> Iterator[str]:
    """Git skips patterns that it cannot read."""
    import pathspec

    for line in lines:
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        yield line


def _no_file(path: str) -> tuple[str, str]:
    """Reason and detail of a path that is neither a file nor a folder."""
    if os.path.exists(path):
        return "unreadable", "not a regular file"
    return ("symlink" if os.path.islink(path) else "not-found"), ""


def _is_circle(link: str) -> bool:
    try:
        os.stat(link)  # noqa: PTH116 - as everywhere in this module
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _repository(folder: str) -> str | None:
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _role(path: str, chart: str | None) -> Role:
    inside = None if chart is None else path[len(chart.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
    return role_by_name(os.path.basename(path), inside)


def _is_wanted(name: str) -> bool:
    return name.endswith(EXTENSIONS) or name in KUSTOMIZATION_NAMES


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _outside(path: str, root: str) -> str:
    try:
        return os.path.relpath(path, root)
    except ValueError:  # another drive
        return path


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
