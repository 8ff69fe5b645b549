"""Files that people give, read within bounds.

Text is UTF-8 with or without a byte order mark, plain or gzip, and is read line by line. Refused: a line without end, a
gzip file that unfolds far beyond its size, a named pipe (it could wait for ever; `<(command)` of a shell is fine).
"""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from query_assistant.errors import InputError

LONGEST_LINE = 2**25
_BLOCK = 2**18
_UNSUSPICIOUS_CHARACTERS = 2**23
_HIGHEST_RATIO = 200  # text of records packs ten- to thirtyfold, gzip's best is a thousandfold
_INHERITED = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, gunzipped where it is gzip, in constant memory.

    Raises:
        InputError: it is missing, unreadable, a named pipe, not UTF-8, or holds a line or an expansion without end.
    """
    try:
        with open_plainly(path) as raw:
            packed = _Counted(raw) if raw.peek(2)[:2] == b"\x1f\x8b" else None
            lines = io.TextIOWrapper(gzip.GzipFile(fileobj=packed) if packed else raw, encoding="utf-8-sig")
            unpacked = 0
            while line := lines.readline(LONGEST_LINE):
                unpacked += len(line)
                if len(line) == LONGEST_LINE or unpacked > _UNSUSPICIOUS_CHARACTERS:
                    _check_bounds(path, line, unpacked, packed)
                yield line
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {path}: {reason}; expected UTF-8 text, plain or gzip") from error


class _Counted(io.RawIOBase):
    """A file that knows how many bytes were taken out of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.count += len(block)
        return block


def _check_bounds(path: Path, line: str, unpacked: int, packed: _Counted | None) -> None:
    if len(line) == LONGEST_LINE:
        raise InputError(f"{path} holds a line of over {LONGEST_LINE:,} characters; expected one JSON object a line")
    if packed and unpacked > _HIGHEST_RATIO * packed.count:
        raise InputError(
            f"{path} unfolds to over {_HIGHEST_RATIO} times its size, as no text does; gunzip it if it is to be trusted"
        )


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """All of a file that holds at most `max_bytes`, counted while reading: devices announce no size.

    Raises:
        InputError: it is missing, unreadable, a named pipe, or longer.
    """
    try:
        content = bytearray()
        with open_plainly(path) as raw:
            while len(content) <= max_bytes and (block := raw.read(_BLOCK)):
                content += block
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a readable file") from error
    if len(content) > max_bytes:
        raise InputError(f"{path} is over {max_bytes:,} bytes; expected a smaller file")
    return bytes(content)


def read_text(path: Path, max_bytes: int = 2**24) -> str:
    """All of a small UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: as `read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{error.reason} at byte {error.start}"
        raise InputError(f"{path} is not UTF-8 text ({where}); save it as UTF-8") from None


def open_plainly(path: Path) -> io.BufferedReader:
    """The file, open for reading, unless opening it could wait for ever.

    Raises:
        InputError: it is a named pipe, or its name holds a NUL.
        OSError: it cannot be opened.
    """
    check_name(path)
    if stat.S_ISFIFO(path.stat().st_mode) and not str(path).startswith(_INHERITED):
        raise InputError(f"{path} is a named pipe, which may never end; expected a file")
    return path.open("rb")


def check_name(path: Path) -> None:
    if "\0" in str(path):
        raise InputError(f"no file can be named {str(path)!r}: it holds a NUL; expected a file name")
