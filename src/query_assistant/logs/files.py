"""Files of raw lines: where they lie, and their text as far as it can be read.

Damage at the end of a gzip file costs only what lies behind it; a line that never ends is dropped, not loaded.
"""

from __future__ import annotations

import glob
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from query_assistant.errors import InputError

Format = Literal["combined", "common", "tornado", "paths", "csv", "parquet"]

CHUNK_BYTES = 1 << 22
LONGEST_LINE = 1 << 16
_SALVAGE_BYTES = 1 << 12


@dataclass
class LogFile:
    """One file and what was noticed while it was read. `truncated` says where its gzip data broke off."""

    path: Path
    format: Format
    column: str | None = None
    lines: int = 0
    broken: int = 0
    truncated: str | None = None


def find_logs(paths: Iterable[Path | str]) -> list[Path]:
    """The files meant by names, folders (all files in them) and glob patterns, each once, sorted.

    Raises:
        InputError: a name stands for no file.
    """
    found: set[Path] = set()
    for path in paths:
        named = Path(path)
        if named.is_dir():
            matches = [file for file in sorted(named.rglob("*")) if file.is_file() and not file.name.startswith(".")]
        else:
            matches = [named] if named.is_file() else [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute patterns
        if not matches:
            raise InputError(f"no log at {path}: expected a file, a folder with files or a pattern such as logs/*.gz")
        found.update(file for file in matches if file.is_file())
    return sorted(found)


def starts_with(path: Path, magic: bytes) -> bool:
    with _opened(path) as raw:
        return raw.read(len(magic)) == magic


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a readable log file") from error


def _byte_blocks(log: LogFile) -> Iterator[bytes]:
    with _opened(log.path) as raw:
        if not starts_with(log.path, b"\x1f\x8b"):
            while block := raw.read(CHUNK_BYTES):
                yield block
            return
        yield from _gunzipped(raw, log)


def _gunzipped(raw: IO[bytes], log: LogFile) -> Iterator[bytes]:
    """What a gzip file holds, as far as it can be read: its members, a broken one to its last good part."""
    member, started, total = zlib.decompressobj(wbits=31), False, 0
    for packed in _pieces(raw):
        rest = packed
        while rest:
            try:
                block = member.decompress(rest)
            except zlib.error:
                log.truncated = f"gzip data damaged after {total:,} bytes"
                return
            started, total = True, total + len(block)
            if block:
                yield block
            rest = member.unused_data
            if member.eof:
                member, started = zlib.decompressobj(wbits=31), False
                rest = rest.lstrip(b"\0")
    if started:
        log.truncated = f"gzip data ends early, after {total:,} bytes"


def _pieces(raw: IO[bytes]) -> Iterator[bytes]:
    """Small steps: where the data breaks, no more than one of them is lost."""
    while packed := raw.read(CHUNK_BYTES // 4):
        for start in range(0, len(packed), _SALVAGE_BYTES):
            yield packed[start : start + _SALVAGE_BYTES]


def line_blocks(log: LogFile) -> Iterator[list[str]]:
    """Lines without their ends, blank ones left out, in blocks; overlong ones are counted as broken and dropped."""
    rest, first, endless = b"", True, False
    pending: list[bytes] = []
    size = 0
    for block in _byte_blocks(log):
        pending.append(block)
        size += len(block)
        if size < CHUNK_BYTES // 4:
            continue
        text = b"".join([rest, *pending])
        pending, size = [], 0
        if endless:
            _, end, text = text.partition(b"\n")
            endless = not end
        whole, _, rest = text.rpartition(b"\n")
        if len(rest) > CHUNK_BYTES:
            log.broken, log.lines, rest, endless = log.broken + 1, log.lines + 1, b"", True
        yield _decoded(whole, log, first)
        first = False
    last = b"".join([rest, *pending])
    yield _decoded(last.partition(b"\n")[2] if endless else last, log, first)


def _decoded(block: bytes, log: LogFile, first: bool) -> list[str]:
    text = block.decode("utf-8-sig" if first else "utf-8", errors="replace").replace("\0", "")
    lines = [line for line in text.replace("\r", "").split("\n") if line]
    kept = [line for line in lines if len(line) <= LONGEST_LINE]
    log.broken += len(lines) - len(kept)
    log.lines += len(lines) - len(kept)
    return kept
