"""Corrections out of the prototype's `responses.db`, in which its server kept what people asked and put right.

    user_interactions (id, user_input, llm_response, user_correction)      a correction a row
    queries           (id, query, response)                                what was asked: no correction, only counted

The file is opened for reading alone and belongs to somebody else: its size, its rows and each text are bounded, a text
that is none is said, and nothing in it is run. A row that teaches nothing is left out with the reason.

Does not protect against: a `responses.db` that its server is still writing to (copy it first, with its -wal file).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from query_assistant.apis import Api
from query_assistant.corrections.checking import unsound
from query_assistant.corrections.store import Correction, Corrections
from query_assistant.errors import InputError, QueryAssistantError
from query_assistant.inputs import open_plainly
from query_assistant.queries.request import from_text

MOST_BYTES, MOST_ROWS, LONGEST_TEXT = 2**30, 1_000_000, 4096
MAGIC = b"SQLite format 3\x00"
TABLE, COLUMNS = "user_interactions", ("id", "user_input", "llm_response", "user_correction")
ASKED = "queries"


@dataclass
class Imported:
    """What came of an import: numbers of the corrections kept, rows left out with the reason, questions only asked."""

    kept: list[int] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    only_asked: int = 0


def import_corrections(source: Path, api: Api, target: Path) -> Imported:
    """Keeps the corrections of the prototype's database that are not kept yet.

    Raises:
        InputError: the file is no such database, or beyond the bounds.
    """
    imported = Imported()
    with closing(_opened(source)) as database, Corrections.open(target) as kept:
        try:
            imported.only_asked = _count(database, ASKED)
            known = {_identity(one) for one in kept.all(api=api.name)}
            for row in _rows(database, source):
                made = _correction(row, api)
                if isinstance(made, str):
                    imported.left_out.append(f"row {row[0]}: {made}")
                elif _identity(made) in known:
                    imported.left_out.append(f"row {row[0]}: kept already")
                else:
                    known.add(_identity(made))
                    imported.kept.append(kept.add(made))
        except sqlite3.Error as error:
            raise InputError(f"{source} cannot be read: {error}; expected the prototype's responses.db") from error
    return imported


def _opened(source: Path) -> sqlite3.Connection:
    """The database, read-only and unable to do more than its tables hold."""
    try:
        with open_plainly(source) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{source} is no SQLite database; expected the prototype's responses.db")
        size = source.stat().st_size
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}; expected the prototype's responses.db") from error
    if size > MOST_BYTES:
        raise InputError(f"{source} is over {MOST_BYTES:,} bytes; expected a smaller database")
    connection = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
    connection.text_factory = bytes  # what is no UTF-8 is one row's fault
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _count(database: sqlite3.Connection, table: str) -> int:
    if table not in _tables(database):
        return 0
    row: Sequence[int] = database.execute(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {MOST_ROWS})").fetchone()
    return row[0]


def _tables(database: sqlite3.Connection) -> set[str]:
    found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {_text(name) or "" for (name,) in found}


def _rows(database: sqlite3.Connection, source: Path) -> Iterator[tuple[int, object, object, object]]:
    """The rows, long texts as None; each at most `LONGEST_TEXT` long when it comes into memory."""
    tables = _tables(database)
    if TABLE not in tables:
        named = ", ".join(sorted(tables)) or "nothing"
        raise InputError(f"{source} has no table {TABLE}, it holds {named}; expected the prototype's responses.db")
    columns = {_text(row[1]) for row in database.execute(f"PRAGMA table_info({TABLE})")}
    if missing := [name for name in COLUMNS if name not in columns]:
        raise InputError(f"{source}: table {TABLE} has no column {missing[0]}; expected {', '.join(COLUMNS)}")
    shown = [f"CASE WHEN length({name}) > {LONGEST_TEXT} THEN 0 ELSE {name} END" for name in COLUMNS[1:]]
    rows = database.execute(f"SELECT id, {', '.join(shown)} FROM {TABLE} ORDER BY id LIMIT {MOST_ROWS + 1}")
    for number, row in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise InputError(f"{source} has over {MOST_ROWS:,} rows in {TABLE}; expected fewer")
        yield row


def _text(value: object) -> str | None:
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None


def _correction(row: tuple[int, object, object, object], api: Api) -> Correction | str:
    """The correction in a row, or why there is none."""
    question, given, right = (_text(value) for value in row[1:])
    if right is not None and not right.strip():
        return "no correction, the answer may have been right"
    if question is None or right is None:
        return f"a question or correction that is no text, or over {LONGEST_TEXT:,} characters"
    if not question.strip():
        return "no question"
    try:
        query = from_text(_path(right.strip(), api))
        made = Correction(api=api.name, instruction=question.strip(), query=query.query, body=query.body, given=given)
        wrong = unsound(made, api)
    except (QueryAssistantError, ValueError) as error:
        wrong = [str(error)]
    return f"{api.title} would not take {right.strip()[:80]!r}: {wrong[0]}" if wrong else made


def _path(text: str, api: Api) -> str:
    """The path of a correction, which may have been pasted with its host.

    Raises:
        InputError: the host is another one's.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        return text
    if parts.hostname != urlsplit(api.base).hostname:
        raise InputError(f"{parts.hostname} is another server")
    return parts._replace(scheme="", netloc="").geturl()


def _identity(one: Correction) -> tuple[str, str, str]:
    return one.instruction, one.query, str(one.body)
