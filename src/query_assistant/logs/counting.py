"""Millions of lines to distinct requests, by DuckDB: count equal ones, cut what servers ignore, tell noise.

Lines are counted as they stand, before any regular expression; only what is distinct is taken further. Memory is
bounded by the number of distinct requests, and beyond `MEMORY_LIMIT` by disk. Nothing here knows query semantics; a
*shape* (the path with its values blotted out) only keeps a million lookups of one kind from reaching the slow part:
where too many are left, the commonest of each shape go on.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from query_assistant.logs.files import Format, LogFile
from query_assistant.logs.formats import ESCAPES, SCHEMA
from query_assistant.logs.noise import Familiar, Routes, first_of, load_noise, sql, told_by_address, told_by_content
from query_assistant.logs.privacy import SUSPECT, masked_path, personal
from query_assistant.logs.reading import batches
from query_assistant.logs.report import Outcome
from query_assistant.logs.understanding import LoggedRequest

MEMORY_LIMIT = "1000MB"
THREADS = 2
# The kind of requests that are set aside only because others of their shape are looked at.
SAME_SHAPE = "same_shape"
_SCRATCH = "query-assistant-"


@dataclass(frozen=True)
class Counted:
    """A log's distinct requests. `noise` is by kind; `emails` counts lines whose e-mail parameter was cut."""

    requests: tuple[LoggedRequest, ...]
    noise: dict[str, Outcome]
    lines: int
    distinct: int
    emails: int
    repaired: int
    posts: dict[str, dict[str, int]]


def count(logs: Sequence[LogFile], routes: Routes, familiar: Familiar, *, most_requests: int = 40_000) -> Counted:
    """Reads all the logs once and returns what is worth understanding; fills in each log's counts."""
    with _database() as db:
        db.execute(_RAW)
        for log in logs:
            _read(db, log)
        _reduce(db, routes, familiar)
        _set_keystrokes_aside(db)
        _set_same_shapes_aside(db, most_requests)
        return Counted(
            requests=tuple(LoggedRequest(*row) for row in _rows(db, _REQUESTS)),
            noise=_groups(db),
            lines=sum(log.lines for log in logs),
            distinct=_one(db, "SELECT count(*) FROM request"),
            emails=_one(db, "SELECT coalesce(sum(lines), 0) FROM raw WHERE email"),
            repaired=_one(db, f"SELECT coalesce(sum(lines), 0) FROM raw WHERE {_ENCODED_TWICE}"),
            posts=_post_parameters(db),
        )


_RAW = """CREATE TABLE raw (method VARCHAR, path VARCHAR, status SMALLINT, crawler BOOLEAN, email BOOLEAN,
    lines BIGINT)"""
_REQUESTS = "SELECT method, path, lines FROM request WHERE kind IS NULL ORDER BY lines DESC, path, method"
_ENCODED_TWICE = "contains(path, '%25') AND regexp_matches(path, '%25(?:20|22|28|29|2C|2F|3A|5B|5D)')"


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    with _scratch() as folder, duckdb.connect() as db:
        db.execute(f"SET memory_limit = {sql(MEMORY_LIMIT)}")
        db.execute(f"SET threads = {THREADS}")
        db.execute(f"SET temp_directory = {sql(str(folder))}")
        db.execute("SET preserve_insertion_order = false")
        yield db


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for what does not fit into memory, held by a lock; those that killed runs left behind are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH) as folder, _locked(Path(folder)):
        yield Path(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock, which goes with the process. Raises OSError where another process holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _read(db: duckdb.DuckDBPyConnection, log: LogFile) -> None:
    """Adds one file's requests to `raw`; those without a path are broken lines."""
    db.register("lines", pa.RecordBatchReader.from_batches(SCHEMA, batches(log, db)))
    db.execute(_reading(log.format))
    db.unregister("lines")
    log.broken += _one(db, "SELECT coalesce(sum(lines), 0) FROM raw WHERE path = ''")
    db.execute("DELETE FROM raw WHERE path = ''")


def _reading(format: Format) -> str:
    """SQL that counts equal lines first; what is usual, by far the most, is told by its bytes, not by a pattern."""
    ignored = "|".join(map(re.escape, load_noise().ignored))
    sent = _unescaped("target", format)
    cut = f"regexp_replace(regexp_replace(sent, '&(?:{ignored})=[^&]*', '', 'g'), '\\?(?:(?:{ignored})=[^&]*&?)+', '?')"
    return f"""
    INSERT INTO raw
    SELECT method, CASE WHEN regexp_matches(sent, '^h|[?&]$|[?&](?:{ignored})=')
            THEN regexp_replace({cut}, '^https?://[^/]+|[?&]+$', '', 'g') ELSE sent END AS path,
        status, crawler, contains(sent, 'email=') AS email, sum(lines)
    FROM (
        SELECT method, {sent} AS sent, status, crawler, lines
        FROM (
            SELECT CASE WHEN starts_with(request, 'GET ') THEN 'GET' WHEN starts_with(request, '/') THEN ''
                    ELSE regexp_extract(request, '^([A-Z]{{3,8}}) ', 1) END AS method,
                rtrim(split_part(
                    CASE WHEN starts_with(request, 'GET ') THEN substr(request, 5) WHEN starts_with(request, '/')
                        THEN request ELSE regexp_replace(request, '^[A-Z]{{3,8}} ', '') END, ' HTTP/', 1)) AS target,
                status, crawler, lines
            FROM (SELECT request, status, crawler, sum(lines) AS lines FROM lines GROUP BY request, status, crawler)
        )
    )
    GROUP BY ALL"""


def _unescaped(text: str, format: Format) -> str:
    """SQL of a text without the format's escapes."""
    unescaped = text
    for pattern, replacement in ESCAPES[format]:
        unescaped = f"regexp_replace({unescaped}, {sql(pattern)}, {sql(replacement)}, 'g')"
    return f"CASE WHEN contains({text}, '\\') THEN {unescaped} ELSE {text} END" if ESCAPES[format] else text


def _reduce(db: duckdb.DuckDBPyConnection, routes: Routes, familiar: Familiar) -> None:
    """Builds `request`: distinct requests with the kind of noise, and of what may be a question what it asks.

    Some clients encode twice; their questions are legible again after one round less.
    """
    by_address, by_content = first_of(told_by_address(routes)), first_of(told_by_content(routes, familiar))
    db.execute(f"""
    CREATE TABLE request AS
    SELECT method, path, lines, q, item, coalesce(noise, {by_content}) AS kind
    FROM (
        SELECT *, CASE WHEN noise IS NULL THEN {_Q} END AS q, CASE WHEN noise IS NULL THEN {_item(routes)} END AS item
        FROM (
            SELECT *, {by_address} AS noise
            FROM (
                SELECT method, CASE WHEN {_ENCODED_TWICE} THEN replace(path, '%25', '%') ELSE path END AS path,
                    crawler, min(nullif(status, 0)) AS status, sum(lines) AS lines
                FROM raw GROUP BY ALL
            )
        )
    )""")
    _mark_personal(db)


def _decoded(text: str, *, space: bool = True) -> str:
    """SQL of a decoded text; what is not UTF-8 stays encoded, and the server would refuse it."""
    encoded = f"replace({text}, '+', ' ')" if space else text
    return f"coalesce(TRY(url_decode({encoded})), {encoded})"


# The text of the last q, whether it is the first parameter or another.
_Q = f"""CASE WHEN contains(path, '?q=') OR contains(path, '&q=')
    THEN {_decoded("split_part(split_part(replace(path, '&q=', '?q='), '?q=', -1), '&', 1)")} END"""


def _item(routes: Routes) -> str:
    """SQL of the identifier of a lookup, '' for another request."""
    named = " OR ".join(f"contains(path, {sql(f'/{name}/')})" for name in routes.entities)
    item = f"regexp_extract(path, '^[^?]*/(?:{routes.names})/([^?]+?)/?(?:[?]|$)', 1)"
    return f"CASE WHEN {named} THEN {_decoded(item, space=False)} ELSE '' END"


def _mark_personal(db: duckdb.DuckDBPyConnection) -> None:
    """Sets aside what holds an address: SQL says which paths may, Python looks at those."""
    suspects = _rows(
        db,
        f"""SELECT rowid, path FROM request
        WHERE (kind IS NULL OR kind = 'no_body') AND regexp_matches(path, {sql(SUSPECT)})""",
    )
    found = pa.table({"number": pa.array([number for number, path in suspects if personal(path)], pa.int64())})
    db.register("found", found)
    db.execute("UPDATE request SET kind = 'personal' FROM found WHERE request.rowid = found.number")
    db.unregister("found")


def _set_keystrokes_aside(db: duckdb.DuckDBPyConnection) -> None:
    """Marks what a search box asked on the way to a word: `cd*` where `c*` and `cdk*` were asked as well.

    A prefix is a keystroke where the next letter follows, and it is itself the start or the next letter of another.
    """
    db.execute("""
    CREATE TEMP TABLE typed AS
    SELECT method, path, rtrim(q, '*') AS stem, regexp_replace(path, '([?&]q=)[^&]*', '\\1') AS rest
    FROM request WHERE kind IS NULL AND regexp_matches(q, '^[^ :*?()"]{1,30}\\*$')""")
    db.execute("""
    CREATE TEMP TABLE keystroke AS
    SELECT DISTINCT shorter.method, shorter.path FROM typed shorter
    JOIN typed longer ON longer.rest = shorter.rest AND left(longer.stem, -1) = shorter.stem
    LEFT JOIN typed before ON before.rest = shorter.rest AND before.stem = left(shorter.stem, -1)
    WHERE length(shorter.stem) <= 2 OR before.stem IS NOT NULL""")
    db.execute("""UPDATE request SET kind = 'keystroke' FROM keystroke
        WHERE request.method = keystroke.method AND request.path = keystroke.path AND kind IS NULL""")


def _set_same_shapes_aside(db: duckdb.DuckDBPyConnection, most_requests: int) -> None:
    """Where more than `most_requests` are left, keeps the commonest of each shape, then the next of each, and so on."""
    if _one(db, "SELECT count(*) FROM request WHERE kind IS NULL") <= most_requests:
        return
    db.execute(f"""
    CREATE TEMP TABLE chosen AS
    SELECT number FROM (
        SELECT number, method, lines, mixed, row_number() OVER (PARTITION BY shape ORDER BY lines DESC, mixed) AS place
        FROM (
            SELECT rowid AS number, method, lines, md5(path) AS mixed, hash(method, {_SHAPE}) AS shape
            FROM request WHERE kind IS NULL
        )
    ) ORDER BY place, lines DESC, mixed, method LIMIT {most_requests}""")
    db.execute(f"""UPDATE request SET kind = '{SAME_SHAPE}'
        WHERE kind IS NULL AND rowid NOT IN (SELECT number FROM chosen)""")


# Field names, operators, brackets and all parameters but q stay; the words of q and a looked-up identifier go.
# RE2 has no lookahead, so what is to stay is captured and put back.
_KEPT_OF_TEXT = r"(AND |OR |NOT |TO |[A-Za-z_][A-Za-z0-9_.-]*:|_exists_:[^ ()]+)|[^\s:()\[\]{}\"*?<>=~^]+"
_SHAPE = f"""CASE
    WHEN q IS NOT NULL
        THEN regexp_replace(path, '[?&]q=[^&]*', '') || length(q) // 40
            || regexp_replace(q, {sql(_KEPT_OF_TEXT)}, '\\1', 'g')
    WHEN item = '' THEN path
    ELSE regexp_replace(path, '^([^?]*/)[^?]+', '\\1')
        || regexp_replace(regexp_replace(item, '[0-9]+', '0', 'g'), '[A-Za-z.>_-]{{3,}}0?.*', 'w')
    END"""


_GROUPS = """SELECT kind, sum(lines)::BIGINT, count(*), arg_max(trim(method || ' ' || path), (lines, path, method), 3)
    FROM request WHERE kind IS NOT NULL GROUP BY kind ORDER BY kind"""


def _groups(db: duckdb.DuckDBPyConnection) -> dict[str, Outcome]:
    return {
        kind: Outcome(lines, distinct, [] if kind == "personal" else [masked_path(path) for path in examples])
        for kind, lines, distinct, examples in _rows(db, _GROUPS)
    }


_POST_PARAMETERS = f"""
    WITH said AS (
        SELECT unnest(string_split(regexp_extract(path, '[?](.*)', 1), '&')) AS pair, lines FROM request
        WHERE kind = 'no_body' AND contains(path, '?')
    ), named AS (
        SELECT split_part(pair, '=', 1) AS name, {_decoded("split_part(pair, '=', 2)")} AS value,
            sum(lines)::BIGINT AS lines
        FROM said GROUP BY ALL
    )
    SELECT name, value, lines FROM named WHERE name IN (SELECT unnest(?))
    QUALIFY row_number() OVER (PARTITION BY name ORDER BY lines DESC, value) <= 10 ORDER BY name, lines DESC, value"""


def _post_parameters(db: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """What the URLs of POSTs without terms do say: parameter → value → lines, the ten commonest values each."""
    posts: dict[str, dict[str, int]] = {}
    for name, value, lines in db.execute(_POST_PARAMETERS, [list(load_noise().telling)]).fetchall():
        posts.setdefault(name, {})[masked_path(value)] = lines
    return posts


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query).fetchall()


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    found = db.execute(query).fetchone()
    return int(found[0]) if found else 0
