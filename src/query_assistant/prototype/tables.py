"""The prototype's CSV files: told by their columns, read row by row within bounds.

log.path                                 the logs' extract
log.path, new.path, query_sig            the same, filtered by hand
query, hits                              what had hits
instruction, output                      pairs as they were trained on (Alpaca's columns)
query, imperative, question              pairs as the large model wrote them, two instructions a query
field, description                       fields described by GPT-4o
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from query_assistant.errors import InputError
from query_assistant.inputs import read_lines

Kind = Literal["log", "queries", "pairs", "descriptions"]
LONGEST_CELL, MOST_ROWS = 2**17, 5_000_000
PATH_COLUMNS = ("query", "log.path")
PAIR_COLUMNS = (("output", ("instruction",)), ("query", ("instruction",)), ("query", ("imperative", "question")))


def table_kind(columns: tuple[str, ...]) -> Kind | None:
    """What a table with these columns is, None where it is none of the prototype's that can be used."""
    named = set(columns)
    if any({query, *said} <= named for query, said in PAIR_COLUMNS):
        return "pairs"
    if {"field", "description"} <= named:
        return "descriptions"
    if {"new.path", "query_sig"} & named or {"query", "hits"} <= named:
        return "queries"
    return "log" if "log.path" in named else None


def columns_of(path: Path) -> tuple[str, ...]:
    """The header, empty where there is none.

    Raises:
        InputError: it cannot be read, or is no CSV.
    """
    return tuple(next(_rows(path), []))


def read_table(path: Path) -> Iterator[dict[str, str]]:
    """The rows under their columns' names; cells that are missing are empty.

    Raises:
        InputError: it cannot be read, is no CSV, or has over `MOST_ROWS` rows.
    """
    rows = _rows(path)
    columns = next(rows, [])
    for number, row in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise InputError(f"{path} has over {MOST_ROWS:,} rows; divide it")
        yield dict(zip(columns, [*row, *[""] * (len(columns) - len(row))], strict=False))


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Each instruction with its query; a row can hold two instructions."""
    for row in read_table(path):
        query, said = next(pair for pair in PAIR_COLUMNS if {pair[0], *pair[1]} <= row.keys())
        yield from ((row[name].strip(), row[query].strip()) for name in said)


def read_paths(path: Path) -> Iterator[str]:
    """Each query's path, on one line."""
    for row in read_table(path):
        text = next(row[name] for name in PATH_COLUMNS if name in row)
        yield " ".join(text.split())


def _rows(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_CELL)
    try:
        yield from csv.reader(line.replace("\0", "") for line in read_lines(path))
    except csv.Error as error:
        raise InputError(f"{path} is no CSV: {error}; expected the prototype's table") from None
