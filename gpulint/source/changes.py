"""Which lines changed since a revision, as git says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

Changes: TypeAlias = Mapping[str, tuple[tuple[int, int], ...]]
"""Path relative to the root of the run → first and last line of each changed part, both inclusive."""

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_WHOLE = ((1, 2**31),)


class UnknownRevisionError(ValueError):
    """Git does not know the revision, or the folder is in no repository; the message is git's."""


def changes_since(revision: str, root: Path) -> dict[str, tuple[tuple[int, int], ...]]:
    """What differs between a revision and the files as they are; files that git does not know changed as a whole.

    A deletion changes the lines around it. Raises `UnknownRevisionError`.
    """
    # neither hooks nor programs that the repository's own configuration names may run
    diff = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "-U0", "--relative", "--no-prefix")
    written = _git(root, *diff, "--end-of-options", revision, "--", ".")
    found: dict[str, list[tuple[int, int]]] = {}
    path = ""
    for line in written.split("\n"):
        if line.startswith("+++ "):
            path = _unquoted(line[4:].removesuffix("\t"))
        elif path and (hunk := _HUNK.match(line)):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found.setdefault(path, []).append((first, first + count - 1) if count else (first, first + 1))
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return {**{name: tuple(parts) for name, parts in found.items()}, **{name: _WHOLE for name in untracked if name}}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=true", "-C", str(root), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git, with fixed arguments
    except OSError as error:
        raise UnknownRevisionError(f"git cannot be run: {error.strerror}") from None
    if run.returncode:
        raise UnknownRevisionError(run.stderr.decode("utf-8", "replace").strip().split("\n")[0])
    return run.stdout.decode("utf-8", "surrogateescape")


def _unquoted(name: str) -> str:
    """A name as git quotes it: C escapes of bytes within double quotes."""
    if not (name.startswith('"') and name.endswith('"')):
        return name
    raw = name[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return raw.encode("latin-1").decode("utf-8", "surrogateescape")
