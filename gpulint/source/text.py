"""Bytes → text, and offsets → lines and columns."""

from __future__ import annotations

import codecs
import errno
import os
import shutil
import stat
import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO

from gpulint.source.compose import SourceProblem

MAX_BYTES = 16 * 1024 * 1024
"""Larger files are not read."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_utf16(data: bytes) -> bool:
    """Whether a byte-order mark says so."""
    return data.startswith(_UTF16)


def decode(data: bytes) -> tuple[str, tuple[SourceProblem, ...]]:
    """The text of a file without its byte-order mark.

    Bytes that are no text become U+FFFD, and the first of them is reported.
    """
    encoding = "utf-16" if is_utf16(data) else "utf-8-sig"
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError as error:
        start = len(data[: error.start].decode(encoding, "replace"))
        message = f"not valid {error.encoding.upper()}: byte 0x{data[error.start]:02x}"
        problem = SourceProblem(start, start + 1, "undecodable", message)
        return data.decode(encoding, "replace"), (problem,)


def open_regular(file: Path) -> BinaryIO:
    """A file opened for reading. Raises `OSError`, also for pipes and devices: they are not waited for."""
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(handle, "rb")


def read_text(file: Path) -> str:
    """The text of a file as far as it is read; nothing where it cannot be."""
    try:
        with open_regular(file) as opened:
            return decode(opened.read(MAX_BYTES))[0]
    except OSError:
        return ""


def rewrite(file: Path, before: str, after: str) -> None:
    """Give a file another text, in its encoding and at once. Raises `OSError`, also when its text is not `before`."""
    data = file.read_bytes()
    text, problems = decode(data)
    if problems or text != before:
        raise OSError("the file has changed since it was read")
    encoding = "utf-16" if is_utf16(data) else "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(after.encode(encoding))
        shutil.copymode(target, name)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Lines:
    """The line starts of a text. Lines end at `\\n` only, as in every editor and report format."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        position = text.find("\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = text.find("\n", position + 1)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1, in code points."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
