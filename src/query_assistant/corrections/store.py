"""The database of corrections, `data/corrections.sqlite`: many writers at once, and what was said to be kept is kept.

    with Corrections.open(path) as kept:
        number = kept.add(Correction(api="mygene", instruction="cdk2 in mice", query="/v3/query?q=cdk2&species=mouse"))
        kept.settle(number, "withdrawn")

SQLite in WAL mode, a full sync for every commit; the schema's version is in `user_version`, and an older file is
brought up to date when it is opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal, get_args

from query_assistant.errors import InputError
from query_assistant.records import Body, Query, Record

PLACE = Path("data/corrections.sqlite")
State = Literal["accepted", "withdrawn"]

# What brings a file from one version to the next; only ever add to this list.
MIGRATIONS = (
    """
    CREATE TABLE corrections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        made TEXT NOT NULL,
        state TEXT NOT NULL,
        api TEXT NOT NULL,
        instruction TEXT NOT NULL,
        query TEXT NOT NULL,
        body TEXT,
        given TEXT,
        reason TEXT NOT NULL,
        model TEXT NOT NULL
    ) STRICT;
    CREATE INDEX by_api ON corrections (api, state);
    """,
    """
    ALTER TABLE corrections ADD COLUMN prompt_sha256 TEXT NOT NULL DEFAULT '';
    CREATE TABLE thumbs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        made TEXT NOT NULL,
        api TEXT NOT NULL,
        instruction TEXT NOT NULL,
        given TEXT NOT NULL,
        thumb TEXT NOT NULL,
        reason TEXT NOT NULL,
        model TEXT NOT NULL,
        prompt_sha256 TEXT NOT NULL
    ) STRICT;
    """,
)


class Correction(Query):
    """A question with its right query.

    `given` is what the assistant had answered, as text; `reason` why that was wrong, in a person's words; `model` which
    assistant it was, `prompt_sha256` what it was shown. `id`, `made` (UTC) and `state` are the database's.
    """

    api: str
    instruction: str
    given: str | None = None
    reason: str = ""
    model: str = ""
    prompt_sha256: str = ""
    id: int = 0
    made: str = ""
    state: State = "accepted"


class Thumb(Record):
    """Whether an answer was good, from a person who need not know the right one."""

    api: str
    instruction: str
    given: str
    thumb: Literal["up", "down"]
    reason: str = ""
    model: str = ""
    prompt_sha256: str = ""
    id: int = 0
    made: str = ""


class Corrections:
    """An opened database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Corrections]:
        """The database at a path, made or brought up to date first.

        Raises:
            InputError: the file is no database of corrections, or of a newer version than this program knows.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                _migrate(connection, path)
                yield cls(connection)
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} cannot be used: {error}; expected a database of corrections") from error

    def add(self, correction: Correction) -> int:
        """Keeps a correction and returns its number."""
        values = (
            _now(),
            correction.state,
            correction.api,
            correction.instruction,
            correction.query,
            None if correction.body is None else json.dumps(correction.body, sort_keys=True),
            correction.given,
            correction.reason,
            correction.model,
            correction.prompt_sha256,
        )
        columns = "made, state, api, instruction, query, body, given, reason, model, prompt_sha256"
        row: Sequence[int] = self._connection.execute(
            f"INSERT INTO corrections ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            values,
        ).fetchone()
        return row[0]

    def add_thumb(self, thumb: Thumb) -> int:
        """Keeps a thumb and returns its number."""
        given = thumb.model_dump(exclude={"id"}) | {"made": _now()}
        row: Sequence[int] = self._connection.execute(
            f"INSERT INTO thumbs ({', '.join(given)}) VALUES ({', '.join('?' * len(given))}) RETURNING id",
            tuple(given.values()),
        ).fetchone()
        return row[0]

    def thumbs(self) -> list[Thumb]:
        """Thumbs in the order they were given."""
        names = tuple(Thumb.model_fields)
        rows = self._connection.execute(f"SELECT {', '.join(names)} FROM thumbs ORDER BY id")
        return [Thumb.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    def settle(self, number: int, state: State) -> None:
        """Changes a correction's state.

        Raises:
            InputError: there is no correction of that number.
        """
        assert state in get_args(State)
        changed = self._connection.execute("UPDATE corrections SET state = ? WHERE id = ?", (state, number))
        if not changed.rowcount:
            raise InputError(f"no correction {number}; `qa corrections list` shows those that there are")

    def all(self, *, api: str | None = None, state: State | None = None) -> list[Correction]:
        """Corrections in the order they were made."""
        rows = self._connection.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM corrections "
            "WHERE (?1 IS NULL OR api = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY id",
            (api, state),
        )
        return [_correction(row) for row in rows]


_COLUMNS = (
    *("id", "made", "state", "api", "instruction", "query", "body", "given", "reason", "model"),
    "prompt_sha256",
)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _correction(row: Sequence[object]) -> Correction:
    values = dict(zip(_COLUMNS, row, strict=True))
    body: Body | None = json.loads(str(values["body"])) if values["body"] is not None else None
    return Correction.model_validate(values | {"body": body})


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        connection.execute("ROLLBACK")
        raise InputError(f"{path} is of version {version}, this program knows {len(MIGRATIONS)}; use a newer one")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute("COMMIT")
