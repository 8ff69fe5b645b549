"""Answers of the real API on disk: SQLite, one row per canonical request, committed as it comes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import zlib
from pathlib import Path

from query_assistant.errors import InputError
from query_assistant.queries.request import to_text
from query_assistant.records import Query
from query_assistant.replica.answers import Answer

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,      -- sha256 of base and request
    base TEXT NOT NULL,
    request TEXT NOT NULL,     -- in its text form, for people who look in here
    status INTEGER NOT NULL,
    body BLOB NOT NULL,        -- JSON, zlib
    fetched REAL NOT NULL      -- seconds since 1970
)
"""


class AnswerCache:
    """A file of answers, safe to use from several threads and, between whole answers, several processes."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
            self._rows.execute("PRAGMA journal_mode=WAL")
            self._rows.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"cannot use {path} as a cache of answers: {error}; name another file") from error

    def get(self, base: str, query: Query) -> Answer | None:
        """The answer that was kept; a row that cannot be read counts as none."""
        with self._lock:
            row = self._rows.execute("SELECT status, body FROM answers WHERE key = ?", (_key(base, query),)).fetchone()
        if row is None:
            return None
        try:
            return Answer(int(row[0]), json.loads(zlib.decompress(row[1])))
        except (ValueError, TypeError, zlib.error):
            return None

    def put(self, base: str, query: Query, answer: Answer) -> None:
        body = zlib.compress(json.dumps(answer.body, ensure_ascii=False).encode())
        row = (_key(base, query), base, to_text(query), answer.status, body, time.time())
        with self._lock:
            self._rows.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        with self._lock:
            self._rows.close()


def _key(base: str, query: Query) -> str:
    return hashlib.sha256(f"{base}\n{to_text(query)}".encode()).hexdigest()
