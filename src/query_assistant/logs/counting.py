"""Millions of lines to distinct requests, by DuckDB: take lines apart, cut what servers ignore, count, tell noise.

Memory is bounded by the number of distinct requests, and beyond `memory_limit` by disk. Nothing here knows query
semantics; a *shape* (the path with its values blotted out) only keeps a million lookups of one kind from reaching
the slow part: where too many are left, the commonest of each shape go on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from query_assistant.logs.counted import SAME_SHAPE, Counted, Request, Tally
from query_assistant.logs.familiar import Familiar
from query_assistant.logs.files import LogFile
from query_assistant.logs.formats import GROUPS, LINE_PATTERNS, batches, pattern_of
from query_assistant.logs.noise import CRAWLERS, IGNORED_PARAMETERS, Routes, classification, sql
from query_assistant.logs.privacy import masked, masked_path


def count(
    logs: Sequence[LogFile],
    routes: Routes,
    familiar: Familiar,
    *,
    most_requests: int = 40_000,
    memory_limit: str = "1500MB",
    threads: int = 2,
) -> Counted:
    """Reads all the logs once and returns what is worth understanding; fills in each log's counts."""
    with _database(memory_limit, threads) as db:
        db.execute(_RAW)
        for number, log in enumerate(logs):
            db.register("lines", _reader(log))
            db.execute(_reading(log, number))
            db.unregister("lines")
        broken = _broken(db, logs)
        _reduce(db, routes, familiar)
        _set_keystrokes_aside(db)
        _set_same_shapes_aside(db, most_requests)
        return Counted(
            requests=tuple(Request(*row) for row in _rows(db, _REQUESTS)),
            noise=_tallies(db),
            broken=broken,
            lines=sum(log.lines for log in logs),
            distinct=_one(db, "SELECT count(*) FROM request"),
            emails=_one(db, "SELECT coalesce(sum(lines), 0) FROM raw WHERE email"),
            repaired=_one(db, f"SELECT coalesce(sum(lines), 0) FROM raw WHERE {_ENCODED_TWICE}"),
            posts=_post_parameters(db),
        )


_RAW = """CREATE TABLE raw (method VARCHAR, path VARCHAR, status SMALLINT, crawler BOOLEAN, email BOOLEAN,
    broken VARCHAR, file INTEGER, lines BIGINT)"""
_REQUESTS = "SELECT method, path, lines FROM request WHERE kind IS NULL ORDER BY lines DESC, path, method"
_ENCODED_TWICE = "contains(path, '%25') AND regexp_matches(path, '%25(?:20|22|28|29|2C|2F|3A|5B|5D)')"


@contextmanager
def _database(memory_limit: str, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="query-assistant-") as folder, duckdb.connect() as db:
        db.execute(f"SET memory_limit = {sql(memory_limit)}")
        db.execute(f"SET threads = {threads}")
        db.execute(f"SET temp_directory = {sql(folder)}")
        db.execute("SET preserve_insertion_order = false")
        yield db


def _reader(log: LogFile) -> pa.RecordBatchReader:
    schema = pa.schema([("line", pa.string())])
    return pa.RecordBatchReader.from_batches(
        schema, (pa.record_batch([texts], schema=schema) for texts in batches(log))
    )


def _reading(log: LogFile, number: int) -> str:
    """SQL that adds one file's requests to `raw`. Broken lines fall into five groups, each keeping one example."""
    groups = ", ".join(sql(name) for name in GROUPS[pattern_of(log)])
    ignored = "|".join(IGNORED_PARAMETERS)
    pattern = LINE_PATTERNS[pattern_of(log)]
    cut = f"regexp_replace(regexp_replace(sent, '&(?:{ignored})=[^&]*', '', 'g'), '\\?(?:(?:{ignored})=[^&]*&?)+', '?')"
    return f"""
    INSERT INTO raw
    SELECT method, path, try_cast(nullif(status, '') AS SMALLINT), crawler, email, min(broken), {number}, count(*)
    FROM (
        SELECT method, status,
            CASE WHEN regexp_matches(sent, '^h|[?&]$|[?&](?:{ignored})=')
                THEN regexp_replace({cut}, '^https?://[^/]+|[?&]+$', '', 'g') ELSE sent END AS path,
            contains(sent, 'email=') AS email,
            agent <> '' AND regexp_matches(agent, {sql(CRAWLERS)}) AS crawler,
            CASE WHEN sent = '' THEN line END AS broken,
            CASE WHEN sent = '' THEN length(line) % 5 ELSE 0 END AS bucket
        FROM (
            SELECT line, part.method, part.status, part.agent, rtrim(split_part(part.path, ' HTTP/', 1)) AS sent
            FROM (SELECT line, regexp_extract(line, {sql(pattern)}, [{groups}]) AS part FROM lines)
        )
    )
    GROUP BY method, path, status, crawler, email, bucket"""


def _broken(db: duckdb.DuckDBPyConnection, logs: Sequence[LogFile]) -> tuple[str, ...]:
    """Moves broken lines out of `raw`: into the logs' counts, and a few masked examples."""
    found = _rows(db, "SELECT file, broken, lines FROM raw WHERE path = '' ORDER BY file, broken")
    for number, _, lines in found:
        logs[number].broken += lines
    db.execute("DELETE FROM raw WHERE path = ''")
    return tuple(masked(text)[:160] for _, text, _ in found[:5])


def _reduce(db: duckdb.DuckDBPyConnection, routes: Routes, familiar: Familiar) -> None:
    """Builds `request`: distinct requests with what was taken out of the path, and the kind of noise.

    Some clients encode twice; their questions are legible again after one round less.
    """
    entities = "|".join(routes.entities)
    item = f"regexp_extract(path, '^[^?]*/(?:{entities})/([^?]+?)/?(?:[?]|$)', 1)"
    text = "regexp_extract(path, '.*[?&]q=([^&]*)', 1)"
    db.execute(f"""
    CREATE TABLE request AS
    SELECT *, {classification(routes, familiar)} AS kind FROM (
        SELECT method, path, status, crawler, lines,
            CASE WHEN regexp_matches(path, '[?&]q=') THEN {_decoded(text)} END AS q,
            {_decoded(item, space=False)} AS item
        FROM (
            SELECT method, CASE WHEN {_ENCODED_TWICE} THEN replace(path, '%25', '%') ELSE path END AS path,
                crawler, min(status) AS status, sum(lines) AS lines
            FROM raw GROUP BY ALL
        )
    )""")


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
    db.execute(f"""
    UPDATE request SET kind = '{SAME_SHAPE}' FROM (
        SELECT number, row_number() OVER (ORDER BY place, lines DESC, md5(path), method) AS turn FROM (
            SELECT rowid AS number, path, method, lines,
                row_number() OVER (PARTITION BY method, {_SHAPE} ORDER BY lines DESC, md5(path)) AS place
            FROM request WHERE kind IS NULL
        )
    ) ranked WHERE request.rowid = ranked.number AND ranked.turn > {most_requests}""")


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


_TALLIES = """SELECT kind, sum(lines)::BIGINT, count(*), arg_max(trim(method || ' ' || path), (lines, path), 3)
    FROM request WHERE kind IS NOT NULL GROUP BY kind ORDER BY kind"""


def _tallies(db: duckdb.DuckDBPyConnection) -> dict[str, Tally]:
    return {
        kind: Tally(lines, distinct, () if kind == "personal" else tuple(masked_path(path)[:160] for path in examples))
        for kind, lines, distinct, examples in _rows(db, _TALLIES)
    }


def _decoded(text: str, *, space: bool = True) -> str:
    """SQL of a decoded text; what is not UTF-8 stays encoded, and the server would refuse it."""
    encoded = f"replace({text}, '+', ' ')" if space else text
    return f"coalesce(TRY(url_decode({encoded})), {encoded})"


# What steers a batch without naming its terms; other names could hold anything.
_TELLING = ("fields", "field", "_source", "scopes", "species", "assembly", "size", "limit", "from", "sort", "dotfield")
_POST_PARAMETERS = f"""
    WITH said AS (
        SELECT unnest(string_split(regexp_extract(path, '[?](.*)', 1), '&')) AS pair, lines FROM request
        WHERE kind = 'no_body' AND contains(path, '?')
    ), named AS (
        SELECT split_part(pair, '=', 1) AS name, {_decoded("split_part(pair, '=', 2)")} AS value,
            sum(lines)::BIGINT AS lines
        FROM said GROUP BY ALL
    )
    SELECT name, value, lines FROM named WHERE name IN ({", ".join(map(sql, _TELLING))})
    QUALIFY row_number() OVER (PARTITION BY name ORDER BY lines DESC, value) <= 10 ORDER BY name, lines DESC, value"""


def _post_parameters(db: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """What the URLs of POSTs without terms do say: parameter → value → lines, the ten commonest values each."""
    posts: dict[str, dict[str, int]] = {}
    for name, value, lines in _rows(db, _POST_PARAMETERS):
        posts.setdefault(name, {})[masked_path(value)] = lines
    return posts


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return db.execute(query).fetchall()


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    found = db.execute(query).fetchone()
    return int(found[0]) if found else 0
