"""Programs of the user, run as if their input were hostile: no network, nothing to write to, bounds on all they do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from gpulint.frozen import frozen

SECONDS = 60.0
"""What one rendering may take."""
ALL_SECONDS = 600.0
"""What those of a run may take together."""
OUTPUT_BYTES = 64 * 2**20
"""What it may write to its output."""

_NOWHERE = "http://127.0.0.1:9"
"""The discard port: whatever heeds these variables fails at once."""
_CHUNK = 2**16
_LONGEST_COMPLAINT = 300
_LOG_HEAD = re.compile(r"^[EWIF]\d{4} [\d:.]+ +\d+ \S+\] (?:\"command failed\" err=)?")


@frozen
class Outcome:
    """What a program wrote, or why that is of no use."""

    text: str
    failure: str = ""
    """`timeout`, `too-large`, `failed` or `not-started`; empty when all went well."""
    message: str = ""
    """What it said last, or what hindered it."""


@contextmanager
def sandbox() -> Iterator[Path]:
    """An empty folder, the only one that a program is told of; with all that it left there gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gpulint-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve()
        (path / "home").mkdir()
        (path / "bin").mkdir()
        (path / "work").mkdir()
        yield path


def program(name: str, path: str | None = None) -> Path | None:
    """Where a program is; folders of PATH that depend on the current one, where anybody's files may lie, do not count.

    `path` stands for PATH.
    """
    given = os.environ.get("PATH", "") if path is None else path
    folders = [folder for folder in given.split(os.pathsep) if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders)) if folders else None
    return Path(found) if found else None


def run(argv: Sequence[str], folder: Path, *, seconds: float = SECONDS, limit: int = OUTPUT_BYTES) -> Outcome:
    """Run a program in a `sandbox()`, and everything it starts no longer than `seconds`."""
    if seconds <= 0:
        return Outcome("", "timeout", "no time was left")
    try:
        process = subprocess.Popen(  # noqa: S603 - the program was found on PATH, the arguments are no shell's
            [*_without_network(), *argv],
            cwd=folder / "work",
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Outcome("", "not-started", error.strerror or type(error).__name__)
    assert process.stdout is not None  # noqa: S101 - asked for above
    assert process.stderr is not None  # noqa: S101
    output, complaints = _Reader(process.stdout, limit, process), _Reader(process.stderr, _CHUNK, None)
    try:
        code: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        kill(process)
    output.join()
    complaints.join()
    if output.overflown:
        return Outcome("", "too-large", f"more than {limit // 2**20} MiB")
    if code is None:
        return Outcome("", "timeout", f"not done after {seconds:.0f} s")
    if code:
        return Outcome("", "failed", _complaint(complaints.text(), folder) or f"exit code {code}")
    return Outcome(output.text())


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started, as far as that stayed in its session."""
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):  # all of it has ended
        return
    finally:
        process.wait()


class _Reader:
    """Takes what a program writes, up to a bound; beyond that the program is ended, or the rest thrown away."""

    def __init__(self, stream: IO[bytes], limit: int, ends: subprocess.Popen[bytes] | None) -> None:
        self._stream, self._limit, self._ends = stream, limit, ends
        self._parts: list[bytes] = []
        self.overflown = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(5)  # a grandchild in a session of its own may hold the pipe open

    def text(self) -> str:
        return b"".join(self._parts).decode("utf-8", "replace")

    def _read(self) -> None:
        size = 0
        with self._stream:
            while chunk := self._stream.read1(_CHUNK):  # type: ignore[attr-defined]
                size += len(chunk)
                if size <= self._limit:
                    self._parts.append(chunk)
                    continue
                self.overflown = True
                if self._ends is not None:
                    kill(self._ends)
                    return


def _environment(folder: Path) -> Mapping[str, str]:
    """Nothing of the user's: neither credentials nor caches nor plugins, and no program to call."""
    home, proxies = str(folder / "home"), dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _NOWHERE)
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows starts nothing without
    return {
        **kept,
        **proxies,
        **{name.lower(): value for name, value in proxies.items()},
        "PATH": str(folder / "bin"),
        "HOME": home,
        "USERPROFILE": home,
        "TMPDIR": str(folder / "work"),
        "XDG_CACHE_HOME": home,
        "XDG_CONFIG_HOME": home,
        "XDG_DATA_HOME": home,
        "HELM_CACHE_HOME": home,
        "HELM_CONFIG_HOME": home,
        "HELM_DATA_HOME": home,
        "HELM_PLUGINS": "",
        "KUBECONFIG": str(folder / "home" / "none"),
        "KUSTOMIZE_PLUGIN_HOME": home,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


@cache
def _without_network() -> tuple[str, ...]:
    """What to put before a command so that there is no network for it; empty where the system does not allow that."""
    unshare = program("unshare")
    if unshare is None or os.name != "posix":
        return ()
    for options in (("--net",), ("--map-root-user", "--net")):
        command = (str(unshare), *options)
        try:
            tried = subprocess.run([*command, "/bin/true"], capture_output=True, timeout=5, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            return ()
        if tried.returncode == 0:
            return (*command, "--")
    return ()


def _complaint(said: str, folder: Path) -> str:
    """What went wrong, without what is different every time: times, process ids, the name of the folder."""
    rows = [row.strip() for row in said.replace(f"{folder}{os.sep}", "").splitlines()]
    rows = [_LOG_HEAD.sub("", row) for row in rows if row and not row.startswith("#")]
    error = next((row for row in rows if row.startswith("Error: ")), " ".join(rows))
    # the cause stands last
    return error if len(error) <= _LONGEST_COMPLAINT else "…" + error[-_LONGEST_COMPLAINT:]


__all__ = ["ALL_SECONDS", "OUTPUT_BYTES", "SECONDS", "Outcome", "program", "run", "sandbox"]
