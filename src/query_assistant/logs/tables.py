"""Access logs that are tables: CSV, W3C extended logs, JSON Lines of servers and clouds, Parquet.

csv      id,log.path                                  a quote in a quoted cell is "" or, of Spark and Hive, \\"
w3c      #Fields: date time cs-method cs-uri-stem cs-uri-query sc-status           IIS by blanks, CloudFront by tabs
jsonl    {"httpRequest": {"requestMethod": "GET", "requestUrl": "https://..."}}
parquet  the same as columns
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from query_assistant.errors import InputError
from query_assistant.logs.columns import TABLE_WORDS, Row, TableColumns, choose_columns, row_batch
from query_assistant.logs.files import LogFile, line_blocks, lines_of, open_packed
from query_assistant.logs.formats import add_broken
from query_assistant.logs.remote import shown_address
from query_assistant.nesting import Keys, keyed_values

ROWS = 50_000
SAMPLED = 200
MOST_KEYS = 9  # that lead to a value; what lies deeper is one value

_FIELDS = "#Fields:"
_BACKSLASHES = re.compile(r"(\\+)(.?)")
_ESCAPED_BYTE = re.compile(r"(\\\\)|\\x([0-9A-Fa-f]{2})")


def table_batches(log: LogFile) -> Iterator[pa.RecordBatch]:
    """The rows of a table of lines; fills in the log's counts on the way."""
    readers = {"csv": _csv_rows, "w3c": _w3c_rows, "jsonl": _json_rows}
    found = readers[log.format](log)
    while batch := list(islice(found, ROWS)):
        yield row_batch(batch, log)


def _columns(log: LogFile) -> TableColumns:
    assert log.columns is not None
    return log.columns


# CSV ------------------------------------------------------------------------------------------------------------------


def split_header(line: str) -> tuple[list[str], str]:
    """The column names, and the delimiter that separates them."""
    cells = {delimiter: next(csv.reader([line], delimiter=delimiter), []) for delimiter in ",\t;|"}
    best = max(cells, key=lambda delimiter: len(cells[delimiter]))
    return [name.strip() for name in cells[best]], best


def csv_columns(path: Path, first: Sequence[str], chosen: str | None) -> TableColumns:
    """The columns of a table whose first lines, header included, are given."""
    header, delimiter = split_header(first[0]) if first else ([], ",")
    reader = _CsvReader(first[1:], delimiter, len(header))
    sample = [row for line in first[1:] if (row := reader.row(line)) is not None]
    return choose_columns(path.name, [(name,) for name in header], sample, chosen)


def _csv_rows(log: LogFile) -> Iterator[Row]:
    lines = _table_lines(log)
    header, delimiter = split_header(next(lines))
    places = [header.index(name[0]) if name else None for name in _columns(log).wanted]
    first = list(islice(lines, ROWS))
    reader = _CsvReader(first, delimiter, len(header))
    for line in (line for part in (first, lines) for line in part):
        row = reader.row(line)
        if row is None or any('"' in row[place] for place in places[:2] if place is not None and reader.torn):
            log.lines += 1
            add_broken(log, [line], 1)
        else:
            yield [None if place is None else row[place] for place in places]


def _table_lines(log: LogFile) -> Iterator[str]:
    """The lines from the header on."""
    lines = (line for block in line_blocks(log) for line in lines_of(block, log, comments=True))
    for line in lines:
        if line.strip() and not line.startswith("#"):
            yield line
            break
    yield from lines


class _CsvReader:
    """Reads rows, one a line, by the rules of RFC 4180, or with backslashes where the sample shows that they escape.

    A line that breaks the file's rules is tried by the others; `torn` says that the last row kept neither.
    """

    def __init__(self, sample: Sequence[str], delimiter: str, width: int) -> None:
        self.delimiter, self.width, self.torn = delimiter, width, False
        mark = re.escape(delimiter)
        self._cell = re.compile(rf'(?:"((?:[^"\\]|\\.)*)"|([^{mark}"]*))({mark}|$)')
        self._backslash = self._escapes_by_backslash([line for line in sample if '"' in line and "\\" in line])

    def row(self, line: str) -> list[str] | None:
        """The cells of a line; None where they are not as many as the header has names."""
        self.torn = False
        first, second = (self._backslashed, self._doubled) if self._backslash else (self._doubled, self._backslashed)
        cells = first(line) or second(line)
        if cells is None:
            self.torn, cells = True, next(csv.reader([line], delimiter=self.delimiter), [])
        if self.width == 1 and len(cells) > 1:  # a comma that nobody quoted belongs to the value
            cells = [self.delimiter.join(cells)]
        return cells if len(cells) == self.width else None

    def _doubled(self, line: str) -> list[str] | None:
        try:
            return next(csv.reader([line], delimiter=self.delimiter, strict=True), None)
        except csv.Error:
            return None

    def _backslashed(self, line: str) -> list[str] | None:
        """Spark and Hive: in a quoted cell a backslash takes the meaning of a quote or backslash, of nothing else."""
        cells, end, joint = [], 0, self.delimiter
        while joint:
            found = self._cell.match(line, end)
            if found is None:
                return None
            quoted, plain, joint = found.groups()
            cells.append(plain if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted))
            end = found.end()
        return cells

    def _escapes_by_backslash(self, lines: Sequence[str]) -> bool:
        """What only one of the rules can read decides; else backslashes that always come in pairs escape each other."""
        doubled = backslashed = paired = 0
        for line in lines:
            runs = [(len(run) % 2, then) for run, then in _BACKSLASHES.findall(line)]
            if self._doubled(line) is None:
                backslashed += self._backslashed(line) is not None
            elif self._backslashed(line) is None or any(odd and then != '"' for odd, then in runs):
                doubled += 1
            else:
                paired += 1
        return backslashed > doubled or (paired > 0 and not doubled)


# W3C ------------------------------------------------------------------------------------------------------------------


def w3c_columns(path: Path, first: Sequence[str], chosen: str | None) -> TableColumns:
    """The columns of an extended log whose first lines are given."""
    header = next(line for line in first if line.startswith(_FIELDS))
    names = header.removeprefix(_FIELDS).split()
    sample = [row for line in first if line[0] != "#" and len(row := _w3c_cells(line)) == len(names)]
    return choose_columns(path.name, [(name,) for name in names], sample, chosen)


def is_w3c(first: Sequence[str]) -> bool:
    return any(line.startswith(_FIELDS) for line in first)


def _w3c_rows(log: LogFile) -> Iterator[Row]:
    """A server that starts again writes its header again, perhaps another one."""
    names: list[str] = []
    for block in line_blocks(log):
        for line in lines_of(block, log, comments=True):
            if line.startswith("#"):
                names = line.removeprefix(_FIELDS).split() if line.startswith(_FIELDS) else names
                continue
            cells = dict(zip(names, _w3c_cells(line), strict=False))
            if len(cells) == len(names) and len(_w3c_cells(line)) == len(names):
                yield [cells.get(name[0]) if name else None for name in _columns(log).wanted]
            else:
                log.lines += 1
                add_broken(log, [line], 1)


def _w3c_cells(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


# JSON Lines -----------------------------------------------------------------------------------------------------------


def json_document(line: str) -> dict[str, Any] | None:
    """The object of a line, None where it holds none. nginx's \\x22, which no JSON knows, comes back as %22."""
    for text in (line, line if "\\x" not in line else _ESCAPED_BYTE.sub(lambda byte: byte[1] or f"%{byte[2]}", line)):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def json_columns(path: Path, documents: Sequence[dict[str, Any]], chosen: str | None) -> TableColumns:
    names = json_keys(documents)
    return choose_columns(path.name, names, [[json_value(one, keys) for keys in names] for one in documents], chosen)


def json_keys(documents: Sequence[dict[str, Any]]) -> list[Keys]:
    """The keys that lead to each value, in order of appearance."""
    return list(dict.fromkeys(keys for one in documents for keys, _ in keyed_values(one, MOST_KEYS)))


def json_value(document: dict[str, Any], keys: Keys | None) -> Any:
    """What stands under the keys, of a list its first."""
    found: Any = document if keys else None
    for key in keys or ():
        found = found.get(key) if isinstance(found, dict) else None
    return found[0] if isinstance(found, list) and found else found


def _json_rows(log: LogFile) -> Iterator[Row]:
    for block in line_blocks(log):
        for line in lines_of(block, log):
            document = json_document(line)
            if document is None:
                log.lines += 1
                add_broken(log, [line], 1)
            else:
                yield [json_value(document, keys) for keys in _columns(log).wanted]


def inner_blocks(log: LogFile) -> Iterator[bytes]:
    """The lines that a JSON log wraps (`{"log": "203.0.113.7 - - [...", "stream": "stdout"}`), as blocks of lines."""
    for block in line_blocks(log):
        inner = []
        for line in lines_of(block, log):
            text = json_value(json_document(line) or {}, log.inner)
            if isinstance(text, str):
                inner.append(" ".join(text.split("\n")).rstrip() or "-")
            else:
                log.lines += 1
                add_broken(log, [line], 1)
        yield ("\n".join(inner) + "\n").encode("utf-8", "replace")


# Parquet --------------------------------------------------------------------------------------------------------------


def parquet_columns(path: Path, chosen: str | None) -> TableColumns:
    """The columns of a Parquet file.

    Raises:
        InputError: it cannot be read, or as `choose_columns`.
    """
    with open_packed(path) as raw:
        try:
            file = pq.ParquetFile(raw)
            sample = next(file.iter_batches(batch_size=SAMPLED), None)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"cannot read {shown_address(path)} as Parquet: {error}; the file may be cut off, copy it again"
            ) from error
        names = file.schema_arrow.names
    cells = [] if sample is None else list(zip(*(column.to_pylist() for column in sample.columns), strict=True))
    return choose_columns(path.name, [(name,) for name in names], cells, chosen)


def counted_batches(log: LogFile, db: duckdb.DuckDBPyConnection) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, equal ones counted by DuckDB before Python sees any: of a hundred million rows it
    sees what is distinct."""
    found = _parquet_batches(log)
    first = next(found, None)
    if first is None:
        return
    names = ", ".join(TABLE_WORDS)
    with db.cursor() as beside:  # the connection itself reads what this yields
        beside.register("cells", pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], found)))
        beside.execute(f"CREATE TEMP TABLE counted AS SELECT {names}, count(*) AS lines FROM cells GROUP BY ALL")
        beside.unregister("cells")
        beside.execute("SELECT * FROM counted ORDER BY ALL")  # the same examples every time
        while part := beside.fetchmany(ROWS):
            yield row_batch([row[:-1] for row in part], log, [int(row[-1]) for row in part])


def _parquet_batches(log: LogFile) -> Iterator[pa.RecordBatch]:
    """The wanted columns of a Parquet file, called as `TableColumns` calls them; what is not there is null."""
    names = {word: getattr(_columns(log), word) for word in TABLE_WORDS}
    read = 0
    with open_packed(log.path) as raw:
        try:
            file = pq.ParquetFile(raw)
            wanted = list(dict.fromkeys(name[0] for name in names.values() if name))
            for batch in file.iter_batches(columns=wanted, batch_size=ROWS):
                yield pa.RecordBatch.from_pydict(
                    {
                        word: batch.column(name[0]) if name else pa.nulls(len(batch), pa.string())
                        for word, name in names.items()
                    }
                )
                read += len(batch)
        except (OSError, pa.ArrowException) as error:
            log.truncated = f"Parquet data damaged after {read:,} rows: {error}"
