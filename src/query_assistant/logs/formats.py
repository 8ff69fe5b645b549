"""Files of access logs as batches of raw lines, whatever their format and packing.

    combined  203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=cdk2 HTTP/1.1" 200 812 "-" "curl/8.4.0"
    common    the same without referer and user agent
    tornado   [I 250304 10:00:01 web:2348] 200 GET /v3/query?q=cdk2 (203.0.113.7) 12.34ms
    paths     /v3/query?q=cdk2
    csv       a header and, in one column (log.path in the known extract), what `paths` has per line
    parquet   the same as a table

Anything may be gzipped. A line is taken apart by DuckDB (`LINE_PATTERNS`), a file is opened here: damage at the end of
a gzip file costs only what lies behind it.
"""

from __future__ import annotations

import csv
import glob
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from query_assistant.errors import InputError

Format = Literal["combined", "common", "tornado", "paths", "csv", "parquet"]

# Columns in which a table of requests keeps its paths, the known extract's first.
PATH_COLUMNS = ("log.path", "path", "request_path", "request", "request_uri", "uri", "url")

_REQUEST = r"(?:([A-Z]{3,8}) )?((?:https?://[^/ ]+)?/.*?)(?: HTTP/[0-9.]+)?"
_WEB = r'^\S+ \S+ [^\[]*\[[^\]]+\] "([A-Z]{3,8}) ((?:[^"\\]|\\.)*?)(?: HTTP/[0-9.]+)?" (\d{3}) (?:\d+|-)'
# Groups: method, path, status, user agent. They hold for Python's `re` and for DuckDB's RE2.
LINE_PATTERNS: dict[str, str] = {
    "combined": _WEB + r'(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)")?',
    "common": _WEB + r"()",
    "tornado": r"(\d{3}) ([A-Z]{3,8}) (/\S*) \([^)]*\) [0-9.]+ms()",
    "paths": rf"^{_REQUEST}\s*$()()",
}
GROUPS: dict[str, tuple[str, str, str, str]] = {
    "combined": ("method", "path", "status", "agent"),
    "common": ("method", "path", "status", "agent"),
    "tornado": ("status", "method", "path", "agent"),
    "paths": ("method", "path", "status", "agent"),
}

CHUNK_BYTES = 1 << 22
LONGEST_LINE = 1 << 16
_SALVAGE_BYTES = 1 << 12
_SNIFFED_LINES = 50


@dataclass
class LogFile:
    """One file and what was noticed while it was read. `truncated` says where its gzip data broke off."""

    path: Path
    format: Format
    column: str | None = None
    lines: int = 0
    broken: int = 0
    truncated: str | None = None

    @property
    def pattern(self) -> str:
        """The line pattern's name: tables hold in a column what `paths` has per line."""
        return "paths" if self.format in ("csv", "parquet") else self.format


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


def open_log(path: Path, format: str | None = None, column: str | None = None) -> LogFile:
    """The file with its format, named or sniffed from its first lines.

    Raises:
        InputError: the format is unknown or cannot be told, or the table has no such column.
    """
    if format is not None and format not in get_args(Format):
        raise InputError(f"no log format {format!r}: expected one of {', '.join(get_args(Format))}")
    if format == "parquet" or (format is None and _starts_with(path, b"PAR1")):
        return LogFile(path, "parquet", _parquet_column(path, column))
    first = list(islice((line for line in _sniffable(path) if line.strip()), _SNIFFED_LINES))
    if format == "csv" or (format is None and (column or _known_column(first))):
        return LogFile(path, "csv", _csv_column(path, first, column))
    if format is not None:
        return LogFile(path, format)  # type: ignore[arg-type]
    return LogFile(path, _sniff(path, first))


def batches(log: LogFile) -> Iterator[pa.Array]:
    """The raw lines (or the path column's values) as arrays of strings; fills in the log's counts on the way."""
    if log.format == "parquet":
        texts = _parquet_texts(log)
    elif log.format == "csv":
        texts = _csv_texts(log)
    else:
        texts = ([line for line in block if line and line[0] != "#"] for block in _line_blocks(log))
    for block in texts:
        log.lines += len(block)
        yield pa.array(block, pa.string())


def _sniff(path: Path, first: list[str]) -> Format:
    lines = [line for line in first if not line.startswith("#")]
    names: tuple[Format, ...] = ("combined", "common", "tornado", "paths")
    fits = {name: sum(bool(re.search(LINE_PATTERNS[name], line)) for line in lines) for name in names}
    best = max(names, key=lambda name: fits[name])
    if lines and fits[best] * 2 > len(lines):
        return best
    shown = masked(lines[0])[:80] if lines else "(nothing)"
    raise InputError(
        f"cannot tell the format of {path.name}, which begins {shown!r}: "
        f"expected one of {', '.join(get_args(Format))}; name it, and for a table its column"
    )


def _starts_with(path: Path, magic: bytes) -> bool:
    with _opened(path) as raw:
        return raw.read(len(magic)) == magic


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a readable log file") from error


def _sniffable(path: Path) -> Iterator[str]:
    for block in _line_blocks(LogFile(path, "paths")):
        yield from block


def _byte_blocks(log: LogFile) -> Iterator[bytes]:
    with _opened(log.path) as raw:
        if not _starts_with(log.path, b"\x1f\x8b"):
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


def _line_blocks(log: LogFile) -> Iterator[list[str]]:
    """Lines without their ends, blank ones left out, in blocks; overlong ones are counted as broken and dropped."""
    rest, first = b"", True
    pending: list[bytes] = []
    size = 0
    for block in _byte_blocks(log):
        pending.append(block)
        size += len(block)
        if size < CHUNK_BYTES // 4:
            continue
        text = b"".join([rest, *pending])
        pending, size = [], 0
        whole, _, rest = text.rpartition(b"\n")
        if len(rest) > CHUNK_BYTES:
            log.broken, log.lines, rest = log.broken + 1, log.lines + 1, b""
        yield _decoded(whole, log, first)
        first = False
    yield _decoded(b"".join([rest, *pending]), log, first)


def _decoded(block: bytes, log: LogFile, first: bool) -> list[str]:
    text = block.decode("utf-8-sig" if first else "utf-8", errors="replace").replace("\0", "")
    lines = [line for line in text.replace("\r", "").split("\n") if line]
    kept = [line for line in lines if len(line) <= LONGEST_LINE]
    log.broken += len(lines) - len(kept)
    log.lines += len(lines) - len(kept)
    return kept


def _known_column(first: list[str]) -> str | None:
    header = _split_header(first[0])[0] if first else []
    return next((name for name in PATH_COLUMNS if name in header), None)


def _split_header(line: str) -> tuple[list[str], str]:
    """The column names, and the delimiter that separates them."""
    rows = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in ",\t;|"}
    best = max(rows, key=lambda delimiter: len(rows[delimiter]))
    return [name.strip() for name in rows[best]], best


def _csv_column(path: Path, first: list[str], column: str | None) -> str:
    header = _split_header(first[0])[0] if first else []
    chosen = column or _known_column(first)
    if chosen is None or chosen not in header:
        wanted = repr(column) if column else f"any of {', '.join(PATH_COLUMNS)}"
        raise InputError(
            f"{path.name} has no column {wanted}; it has {', '.join(header[:20]) or 'none'}: name one of these"
        )
    return chosen


def _csv_texts(log: LogFile) -> Iterator[list[str]]:
    lines = (line for block in _line_blocks(log) for line in block)
    header, delimiter = _split_header(next(lines))
    place, width = header.index(str(log.column)), len(header)
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=False)
    while rows := list(islice(_rows(reader, log), 50_000)):
        # In a table of one column, a comma that nobody quoted belongs to the value.
        if width == 1:
            yield [delimiter.join(row) for row in rows]
        else:
            yield [row[place] if len(row) == width else f"[{len(row)} of {width} columns] {row}" for row in rows]


def _rows(reader: Iterator[list[str]], log: LogFile) -> Iterator[list[str]]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            log.broken, log.lines = log.broken + 1, log.lines + 1


def _parquet_column(path: Path, column: str | None) -> str:
    try:
        names = pq.ParquetFile(path).schema_arrow.names
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot read {path} as Parquet: {error}; the file may be cut off, copy it again") from error
    chosen = column or next((name for name in PATH_COLUMNS if name in names), None)
    if chosen is None or chosen not in names:
        wanted = repr(column) if column else f"any of {', '.join(PATH_COLUMNS)}"
        raise InputError(f"{path.name} has no column {wanted}; it has {', '.join(names[:20])}: name one of these")
    return chosen


def _parquet_texts(log: LogFile) -> Iterator[list[str]]:
    try:
        for batch in pq.ParquetFile(log.path).iter_batches(columns=[log.column], batch_size=50_000):
            yield ["" if value is None else str(value) for value in batch.column(0).to_pylist()]
    except (OSError, pa.ArrowInvalid) as error:
        log.truncated = f"Parquet data damaged after {log.lines:,} rows: {error}"


_ADDRESSES = re.compile(
    r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # IPv4
    r"|\b(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}\b"  # IPv6
)


def masked(text: str) -> str:
    """A raw line that may be shown: no e-mail address and no client address in it."""
    return _ADDRESSES.sub("[address]", text)
