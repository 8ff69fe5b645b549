"""Access logs as batches of raw lines, whatever their format: told, opened, and what takes a line apart.

    combined  203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=cdk2 HTTP/1.1" 200 812 "-" "curl/8.4.0"
    common    the same without referer and user agent
    tornado   [I 250304 10:00:01 web:2348] 200 GET /v3/query?q=cdk2 (203.0.113.7) 12.34ms
    paths     /v3/query?q=cdk2
    csv       a header and, in one column (log.path in the known extract), what `paths` has per line
    parquet   the same as a table

Anything may be gzipped. The patterns are matched by DuckDB, on batches that are made here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from query_assistant.errors import InputError
from query_assistant.logs.files import Format, LogFile, line_blocks, starts_with
from query_assistant.logs.privacy import masked

# Columns in which a table of requests keeps its paths, the known extract's first.
PATH_COLUMNS = ("log.path", "path", "request_path", "request", "request_uri", "uri", "url")

# No pattern is lazy, and each can be matched in one pass: RE2 is then five times as fast. So a web server's path still
# ends in its protocol (` HTTP/1.1`), which `counting` cuts.
_WEB = r'^\S+ \S+ [^\[]*\[[^\]]+\] "([A-Z]{3,8}) ((?:[^"\\]|\\.)*)" (\d{3}) (?:\d+|-)'
# Groups: method, path, status, user agent. They hold for Python's `re` and for DuckDB's RE2.
LINE_PATTERNS: dict[str, str] = {
    "combined": _WEB + r'(?: "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)")?',
    "common": _WEB + r"()",
    "tornado": r"(\d{3}) ([A-Z]{3,8}) (/\S*) \([^)]*\) [0-9.]+ms()",
    "paths": r"^(?:([A-Z]{3,8}) )?((?:https?://[^/ ]+)?/.*)()()",
}
GROUPS: dict[str, tuple[str, str, str, str]] = {
    "combined": ("method", "path", "status", "agent"),
    "common": ("method", "path", "status", "agent"),
    "tornado": ("status", "method", "path", "agent"),
    "paths": ("method", "path", "status", "agent"),
}

_SNIFFED_LINES = 50


def open_log(path: Path, format: str | None = None, column: str | None = None) -> LogFile:
    """The file with its format, named or sniffed from its first lines; of one without lines any will do.

    Raises:
        InputError: the format is unknown or cannot be told, or the table has no such column.
    """
    if format is not None and format not in get_args(Format):
        raise InputError(f"no log format {format!r}: expected one of {', '.join(get_args(Format))}")
    if format == "parquet" or (format is None and starts_with(path, b"PAR1")):
        return LogFile(path, "parquet", _parquet_column(path, column))
    first = list(islice((line for line in _sniffable(path) if line.strip()), _SNIFFED_LINES))
    if format == "csv" or (format is None and (column or _known_column(first))):
        return LogFile(path, "csv", _csv_column(path, first, column))
    if format is not None:
        return LogFile(path, format)  # type: ignore[arg-type]
    lines = [line for line in first if not line.startswith("#")]
    return LogFile(path, _sniff(path, lines) if lines else "paths")


def pattern_of(log: LogFile) -> str:
    """The name of its line pattern: tables hold in a column what `paths` has per line."""
    return "paths" if log.format in ("csv", "parquet") else log.format


def batches(log: LogFile) -> Iterator[pa.Array]:
    """The raw lines (or the path column's values) as arrays of strings; fills in the log's counts on the way."""
    if log.format == "parquet":
        texts = _parquet_texts(log)
    elif log.format == "csv":
        texts = _csv_texts(log)
    else:
        texts = ([line for line in block if line and line[0] != "#"] for block in line_blocks(log))
    for block in texts:
        log.lines += len(block)
        yield pa.array(block, pa.string())


def _sniff(path: Path, lines: list[str]) -> Format:
    names: tuple[Format, ...] = ("combined", "common", "tornado", "paths")
    fits = {name: sum(bool(re.search(LINE_PATTERNS[name], line)) for line in lines) for name in names}
    best = max(names, key=lambda name: fits[name])
    if fits[best] * 2 > len(lines):
        return best
    raise InputError(
        f"cannot tell the format of {path.name}, which begins {masked(lines[0])[:80]!r}: "
        f"expected one of {', '.join(get_args(Format))}; name it, and for a table its column"
    )


def _sniffable(path: Path) -> Iterator[str]:
    for block in line_blocks(LogFile(path, "paths")):
        yield from block


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
    lines = (line for block in line_blocks(log) for line in block)
    header, delimiter = _split_header(next(lines))
    place, width = header.index(str(log.column)), len(header)
    rows_left = _rows(lines, delimiter, log)
    while rows := list(islice(rows_left, 50_000)):
        # In a table of one column, a comma that nobody quoted belongs to the value.
        if width == 1:
            yield [delimiter.join(row) for row in rows]
        else:
            yield [row[place] if len(row) == width else f"[{len(row)} of {width} columns] {row}" for row in rows]


def _rows(lines: Iterator[str], delimiter: str, log: LogFile) -> Iterator[list[str]]:
    """The rows of a table, one a line: what a quote that is never closed has swallowed is taken line by line."""
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line + "\n"

    reader = csv.reader(noted(), delimiter=delimiter, strict=False)
    while True:
        taken.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = []
        if row and len(taken) == 1:
            yield row
        else:
            yield from _rows_of_their_own(taken, delimiter, log)


def _rows_of_their_own(lines: list[str], delimiter: str, log: LogFile) -> Iterator[list[str]]:
    for line in lines:
        try:
            yield next(csv.reader([line], delimiter=delimiter, strict=False))
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
