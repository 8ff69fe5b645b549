"""Files of access logs: where they lie, how they are packed, and their content in blocks of whole, clean lines.

Damage at the end of a packed file costs only what lies behind it; a line that never ends is dropped, not loaded.
"""

from __future__ import annotations

import bz2
import codecs
import glob
import itertools
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from query_assistant.errors import InputError
from query_assistant.logs.remote import find_remote, is_remote, open_remote

if TYPE_CHECKING:
    from query_assistant.logs.columns import TableColumns

Places = npt.NDArray[np.int64]
Format = Literal["combined", "common", "alb", "tornado", "paths", "csv", "w3c", "jsonl", "parquet"]

CHUNK_BYTES = 1 << 22
LONGEST_LINE = 1 << 16
_SALVAGE_BYTES = 1 << 12
_HEAD_BYTES = 512
_ZSTD = b"\x28\xb5\x2f\xfd"
_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(wbits=31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
}
_PACKINGS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", _ZSTD: "zstd"}
_REFUSED = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x1f\x9d": "packed by compress (.Z)",
    b"\x04\x22\x4d\x18": "packed by lz4",
    b"SQLite format 3": "an SQLite database",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class LogFile:
    """One file, and what was noticed while it was read.

    `columns` says where a table keeps its requests, `inner` under which key a JSON log wraps lines of another format.
    `examples` are the first broken lines, masked; `truncated` says where the data broke off.
    """

    path: Path
    format: Format
    columns: TableColumns | None = None
    inner: tuple[str, ...] = ()
    lines: int = 0
    broken: int = 0
    examples: list[str] = field(default_factory=list)
    truncated: str | None = None


def find_logs(paths: Iterable[Path | str]) -> dict[Path, bool]:
    """The files meant by names, folders (all files in them) and glob patterns, sorted: file -> was it named itself.

    What lies in a bucket (`s3://bucket/folder`) counts as a file.

    Raises:
        InputError: a name stands for no file.
        MissingResourceError: a bucket cannot be listed.
    """
    found: dict[Path, bool] = {}
    for path in paths:
        if is_remote(path):
            found |= find_remote(path)
            continue
        named = Path(path)
        if named.is_dir():
            matches = [file for file in sorted(named.rglob("*")) if file.is_file() and not file.name.startswith(".")]
        else:
            matches = [named] if named.is_file() else [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 - absolute patterns
        if not matches:
            raise InputError(f"no log at {path}: expected a file, a folder with files or a pattern such as logs/*.gz")
        for file in matches:
            if file.is_file():
                found[file] = found.get(file, False) or file == named
    return dict(sorted(found.items()))


def starts_with(path: Path, magic: bytes) -> bool:
    with open_packed(path) as raw:
        return raw.read(len(magic)) == magic


def first_lines(path: Path, count: int) -> list[str]:
    """The first lines that are not blank, comments among them."""
    log = LogFile(path, "paths")
    lines = (line for block in line_blocks(log) for line in lines_of(block, log, comments=True))
    return list(itertools.islice((line for line in lines if line.strip()), count))


def lines_of(block: bytes, log: LogFile, *, comments: bool = False) -> list[str]:
    """The block's lines as `line_bounds` finds them."""
    found: list[str] = slices(block, *line_bounds(block, log, comments=comments)).to_pylist()
    return found


def line_blocks(log: LogFile) -> Iterator[bytes]:
    """The file's lines in blocks, each line with its end: UTF-8 without NUL and carriage returns.

    A line that never ends is counted as broken and dropped.
    """
    rest, first, endless = b"", True, False
    for pieces in _ahead(_gathered(_plain(log))):
        text = b"".join([rest, *pieces] if pieces else [rest, b"\n"])
        if endless:
            _, end, text = text.partition(b"\n")
            endless = not end
        cut = text.rfind(b"\n") + 1
        block, rest = text[:cut], text[cut:]
        if len(rest) > CHUNK_BYTES:
            log.broken, log.lines, rest, endless = log.broken + 1, log.lines + 1, b"", True
        yield _clean(block, first)
        first = False


def line_bounds(block: bytes, log: LogFile, *, comments: bool = False) -> tuple[Places, Places]:
    """Where the block's lines begin and end, without blank ones and (unless `comments`) those that start with #.

    Overlong lines are counted as broken and left out.
    """
    signs = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    kept = ends > starts
    if not comments:
        kept &= signs[starts] != ord("#")
    overlong = int(np.count_nonzero(ends - starts > LONGEST_LINE))
    if overlong:
        log.broken, log.lines = log.broken + overlong, log.lines + overlong
        kept &= ends - starts <= LONGEST_LINE
    return starts[kept], ends[kept]


def slices(block: bytes, starts: Places, ends: Places) -> pa.Array:
    """The texts `block[start:end]` as one column; they lie in the block in this order and do not overlap.

    Each text is an element of one long array whose elements between them are what nobody asked for.
    """
    if not len(starts):
        return pa.array([], pa.string())
    bounds = np.stack((starts, ends), axis=1).ravel().astype(np.int32)
    everything = pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(block))
    return everything.take(pa.array(np.arange(0, len(bounds) - 1, 2, dtype=np.int32)))


def open_packed(path: Path) -> IO[bytes]:
    """The file as it lies there, in a bucket or on the disk.

    Raises:
        InputError, MissingResourceError: it cannot be read.
    """
    if is_remote(path):
        return open_remote(path)
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a readable log file") from error


def _plain(log: LogFile) -> Iterator[bytes]:
    """What the file holds, unpacked, as UTF-8 (or what passes for it).

    Raises:
        InputError: it is an archive or packed in a way that is not read.
    """
    pieces = _unpacked(log)
    head = next(pieces, b"")
    while len(head) < _HEAD_BYTES and (more := next(pieces, b"")):
        head += more
    if head[257:262] == b"ustar":
        raise _refused(log.path, "a tar archive")
    everything = itertools.chain((head,), pieces)
    if not head.startswith(_UTF16):
        yield from everything
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for piece in everything:
        yield decoder.decode(piece).encode("utf-8", "replace")


def _unpacked(log: LogFile) -> Iterator[bytes]:
    with open_packed(log.path) as raw:
        head = raw.read(16)
        raw.seek(0)
        for magic, what in _REFUSED.items():
            if head.startswith(magic):
                raise _refused(log.path, what)
        packing = next((magic for magic in _PACKINGS if head.startswith(magic)), None)
        if packing is None:
            while block := raw.read(CHUNK_BYTES):
                yield block
        elif packing == _ZSTD:
            yield from _unzstd(raw, log)
        else:
            yield from _members(raw, log, packing)


def _refused(path: Path, what: str) -> InputError:
    return InputError(
        f"{path.name} is {what}, which is not read: unpack it first (plain, gzip, bzip2, xz and zstd are read)"
    )


def _members(raw: IO[bytes], log: LogFile, packing: bytes) -> Iterator[bytes]:
    """What a packed file holds, as far as it can be read: its members, a broken one to its last good part."""
    make, name = _UNPACKERS[packing], _PACKINGS[packing]
    member, started, total = make(), False, 0
    for packed in _pieces(raw):
        rest = packed
        while rest:
            try:
                block = member.decompress(rest)
            except (zlib.error, lzma.LZMAError, OSError):
                log.truncated = f"{name} data damaged after {total:,} bytes"
                return
            started, total = True, total + len(block)
            if block:
                yield block
            rest = member.unused_data
            if member.eof:
                member, started = make(), False
                rest = rest.lstrip(b"\0")
    if started:
        log.truncated = f"{name} data ends early, after {total:,} bytes"


def _unzstd(raw: IO[bytes], log: LogFile) -> Iterator[bytes]:
    total = 0
    try:
        with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as stream:
            while block := stream.read(_SALVAGE_BYTES * 16):
                total += len(block)
                yield block
    except OSError:
        log.truncated = f"zstd data damaged or cut off after {total:,} bytes"


def _pieces(raw: IO[bytes]) -> Iterator[bytes]:
    """Small steps: where the data breaks, no more than one of them is lost."""
    while packed := raw.read(CHUNK_BYTES // 4):
        for start in range(0, len(packed), _SALVAGE_BYTES):
            yield packed[start : start + _SALVAGE_BYTES]


def _gathered(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Pieces together, as soon as they are worth the work on a block; at the end, none."""
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES // 2:
            yield pending
            pending, size = [], 0
    if pending:
        yield pending
    yield []


def _ahead(pieces: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """The same, of which the next is unpacked by a second thread while the last is worked on."""

    def unpack() -> list[bytes] | None:
        return next(pieces, None)

    with ThreadPoolExecutor(1) as unpacker:
        following = unpacker.submit(unpack)
        while (found := following.result()) is not None:
            following = unpacker.submit(unpack)
            yield found


def _clean(block: bytes, first: bool) -> bytes:
    """The block as the readers expect it; almost always it is so already, and looking is all it costs."""
    if first:
        block = block.removeprefix(codecs.BOM_UTF8)
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            block = block.decode(errors="replace").encode()
    for odd in (b"\0", b"\r"):
        if odd in block:
            block = block.replace(odd, b"")
    return block
