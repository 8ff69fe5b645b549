"""Access logs in any usual format: told, opened, and read as rows of one schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import duckdb
import pyarrow as pa

from query_assistant.errors import InputError
from query_assistant.logs.columns import TableColumns, knows_path
from query_assistant.logs.files import Format, LogFile, find_logs, first_lines, starts_with
from query_assistant.logs.formats import LINE_PATTERNS, line_batches
from query_assistant.logs.privacy import masked
from query_assistant.logs.tables import (
    SAMPLED,
    counted_batches,
    csv_columns,
    inner_blocks,
    is_w3c,
    json_columns,
    json_document,
    json_keys,
    json_value,
    parquet_columns,
    split_header,
    table_batches,
    w3c_columns,
)

FORMATS: tuple[Format, ...] = get_args(Format)


def open_logs(
    paths: Iterable[Path | str], format: str | None = None, column: str | None = None
) -> tuple[list[LogFile], dict[Path, str]]:
    """The logs meant by names, folders and patterns, and what in a folder or pattern is set aside, with the reason.

    Raises:
        InputError: a name stands for no file, a file named itself cannot be told, or nothing is left.
    """
    logs: list[LogFile] = []
    aside: dict[Path, str] = {}
    for path, named in find_logs(paths).items():
        try:
            logs.append(open_log(path, format, column))
        except InputError as error:
            if named or format is not None or column is not None:
                raise
            aside[path] = str(error)
    if not logs:
        raise InputError(next(iter(aside.values()), "no logs"))
    return logs, aside


def open_log(path: Path, format: str | None = None, column: str | None = None) -> LogFile:
    """The file with its format, named or sniffed from its first lines; of one without lines any will do.

    Args:
        column: of a table, the path's column, or PATH?QUERY where the query has its own.

    Raises:
        InputError: the format is unknown or cannot be told, or the table has no such column.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"no log format {format!r}: expected one of {', '.join(FORMATS)}")
    if format == "parquet" or (format is None and starts_with(path, b"PAR1")):
        return LogFile(path, "parquet", parquet_columns(path, column))
    first = first_lines(path, SAMPLED)
    lines = [line for line in first if not line.startswith("#")]
    if format == "w3c" or (format is None and is_w3c(first)):
        return LogFile(path, "w3c", _w3c(path, first, column))
    if format == "jsonl" or (format is None and lines and json_document(lines[0]) is not None):
        return _json_log(path, lines, column)
    if format == "csv" or (format is None and (column or _is_table(lines))):
        return LogFile(path, "csv", csv_columns(path, lines, column))
    if format is not None:
        return LogFile(path, format)
    return LogFile(path, _sniffed(path, lines) if lines else "paths")


def batches(log: LogFile, db: duckdb.DuckDBPyConnection | None = None) -> Iterator[pa.RecordBatch]:
    """The log's requests as rows of `formats.SCHEMA`; fills in its counts on the way.

    Args:
        db: counts the equal rows of Parquet, within its own bounds of memory.
    """
    if log.format == "parquet":
        return counted_batches(log, db or duckdb.connect())
    if log.inner:
        return line_batches(log, inner_blocks(log))
    return line_batches(log) if log.format in LINE_PATTERNS and log.columns is None else table_batches(log)


def _is_table(lines: Sequence[str]) -> bool:
    return bool(lines) and knows_path((name,) for name in split_header(lines[0])[0])


def _w3c(path: Path, first: Sequence[str], column: str | None) -> TableColumns:
    if not is_w3c(first):
        raise InputError(f"{path.name} has no line #Fields: among its first; expected a W3C extended log")
    return w3c_columns(path, first, column)


def _json_log(path: Path, lines: Sequence[str], column: str | None) -> LogFile:
    """A log of objects: with a column for the path, or with lines of another format under one of the keys."""
    documents = [document for line in lines if (document := json_document(line)) is not None]
    keys = json_keys(documents)
    if column is None and not knows_path(keys):
        for one in keys:
            texts = [value for document in documents if isinstance(value := json_value(document, one), str)]
            if texts and (fitting := _fitting(texts, ("combined", "alb", "tornado"))):
                return LogFile(path, fitting, inner=one)
    return LogFile(path, "jsonl", json_columns(path, documents, column))


def _fitting(lines: Sequence[str], names: Sequence[Format]) -> Format | None:
    """The format whose pattern fits most lines, if that is more than half of them."""
    fits = {name: sum(bool(re.search(LINE_PATTERNS[name], line)) for line in lines) for name in names}
    best = max(names, key=lambda name: fits[name])
    return best if fits[best] * 2 > len(lines) else None


def _sniffed(path: Path, lines: Sequence[str]) -> Format:
    found = _fitting(lines[:50], ("combined", "common", "alb", "tornado", "paths"))
    if found is None:
        raise InputError(
            f"cannot tell the format of {path.name}, which begins {masked(lines[0])[:80]!r}: "
            f"expected one of {', '.join(FORMATS)}; name it, and for a table its column"
        )
    return found
