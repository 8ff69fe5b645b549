"""Which columns of a table of requests hold what, and its rows as the rows of every other format.

Told by the columns' names, and where the paths lack their queries and no name tells, by what the cells hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pyarrow as pa

from query_assistant.errors import InputError
from query_assistant.logs.files import LogFile
from query_assistant.logs.formats import EXAMPLES, LINE_PATTERNS, add_broken, crawlers_of, rows
from query_assistant.logs.privacy import masked

# Names of columns, in small letters with _ for every other sign, the likeliest first; the known extract's is log.path.
# A dotted name counts by its last parts too: httpRequest.requestUrl as request_url.
PATHS = (
    "log_path", "path", "request_path", "request", "request_uri", "request_url", "uri", "url", "cs_uri_stem",
    "uri_stem", "url_original", "url_path", "uri_path", "client_request_uri", "client_request_path", "http_request",
    "request_line", "request_target", "original_url", "http_url", "http_target", "http_path", "cs_uri",
)  # fmt: skip
QUERIES = (
    "cs_uri_query", "uri_query", "url_query", "query_string", "querystring", "request_query", "http_query",
    "query_params", "request_args", "args", "query", "params", "parameters", "qs", "search",
)  # fmt: skip
METHODS = (
    "method", "request_method", "http_method", "cs_method", "verb", "request_verb", "http_verb",
    "client_request_method",
)  # fmt: skip
STATUSES = (
    "status", "status_code", "http_status", "response_code", "response_status", "sc_status", "elb_status_code",
    "http_status_code", "edge_response_status", "downstream_status", "httpstatus",
)  # fmt: skip
AGENTS = (
    "user_agent", "http_user_agent", "cs_user_agent", "agent", "useragent", "client_request_user_agent",
    "user_agent_original",
)  # fmt: skip

_PATH = re.compile(LINE_PATTERNS["paths"])
_PAIRS = re.compile(r"\??[\w.]+=\S*")
_NEEDS_QUERY = re.compile(r"/query/?(?: HTTP/\S+)?$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Row = Sequence[Any]


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a table hold what: names (of JSON, the keys that lead there), None where it has none."""

    path: tuple[str, ...]
    query: tuple[str, ...] | None = None
    method: tuple[str, ...] | None = None
    status: tuple[str, ...] | None = None
    agent: tuple[str, ...] | None = None

    @property
    def wanted(self) -> tuple[tuple[str, ...] | None, ...]:
        return self.path, self.query, self.method, self.status, self.agent


TABLE_WORDS = tuple(field.name for field in fields(TableColumns))


def choose_columns(
    name: str, columns: Sequence[tuple[str, ...]], sample: Sequence[Row], chosen: str | None = None
) -> TableColumns:
    """The columns that hold requests, told by their names and by a sample of rows.

    Args:
        name: of the file, for errors.
        chosen: the path's column, or PATH?QUERY where the query has its own.

    Raises:
        InputError: there is no such column, or the paths of the sample lack their queries and no column holds them.
    """
    if chosen is not None:
        path, _, query = chosen.partition("?")
        found = TableColumns(_named(name, path, columns), _named(name, query, columns) if query else None)
    else:
        found = TableColumns(_path_column(name, columns, sample), _by_name(columns, QUERIES))
    found = replace(
        found, method=_by_name(columns, METHODS), status=_by_name(columns, STATUSES), agent=_by_name(columns, AGENTS)
    )
    if found.query == found.path:
        found = replace(found, query=None)
    if found.query is None and (lacking := _lack_queries(found, columns, sample)):
        found = replace(found, query=_by_content(name, found, columns, sample, lacking))
    return found


def knows_path(columns: Iterable[tuple[str, ...]]) -> bool:
    return _by_name(columns, PATHS) is not None


def row_batch(cells: Sequence[Row], log: LogFile, lines: Sequence[int] | None = None) -> pa.RecordBatch:
    """Rows of (path, query, method, status, agent) as the columns of every format; what is no request is broken.

    Args:
        lines: how many lines each row stands for; one each where nobody counted.
    """
    counts = lines or [1] * len(cells)
    found = [(_request(row), row, count) for row, count in zip(cells, counts, strict=True)]
    log.lines += sum(counts)
    others = [(request, count) for request, _, count in found if not _PATH.match(request)]
    if others:
        add_broken(log, [request for request, _ in others[:EXAMPLES]], sum(count for _, count in others))
    kept = [one for one in found if _PATH.match(one[0])] if others else found
    statuses = [int(status) if (status := str(row[3])[:3]).isdecimal() else 0 for _, row, _ in kept]
    agents = crawlers_of(pa.array([_text(row[4]) for _, row, _ in kept], pa.string()))
    requests = pa.array([request for request, _, _ in kept], pa.string())
    return rows(requests, pa.array(statuses, pa.int16()), agents, [count for _, _, count in kept])


def _request(row: Row) -> str:
    """`GET /path?query` out of the cells of a row; a path that has its query already keeps it."""
    path, query, method = _text(row[0]), _text(row[1]), _text(row[2])
    if query not in ("", "-") and "?" not in path:
        path = f"{path}?{query.removeprefix('?')}"
    return f"{method} {path}" if re.fullmatch(r"[A-Z]{3,8}", method) and path.startswith(("/", "http")) else path


def _text(value: Any) -> str:
    """A cell as text that Arrow takes, on one line."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(value)
    if not text.isprintable():
        text = _CONTROL.sub(lambda sign: f"%{ord(sign.group()):02X}", text.encode("utf-8", "replace").decode())
    return text


def _named(name: str, column: str, columns: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    found = next((one for one in columns if ".".join(one) == column), None)
    if found is None:
        raise InputError(_no_column(name, repr(column), columns))
    return found


def _no_column(name: str, wanted: str, columns: Sequence[tuple[str, ...]]) -> str:
    present = masked(", ".join(".".join(one) for one in columns[:20])) or "none"
    return f"{name} has no column {wanted}; it has {present}: name the path's, or two as PATH?QUERY"


def _path_column(name: str, columns: Sequence[tuple[str, ...]], sample: Sequence[Row]) -> tuple[str, ...]:
    """Of the columns that may hold the path, the first with queries in it; else the first."""
    known = [one for wanted in PATHS for one in columns if wanted in _spellings(one)]
    if not known:
        raise InputError(_no_column(name, f"any of {', '.join(PATHS[:7])}", columns))
    whole = (one for one in known if any("?" in _text(row[columns.index(one)]) for row in sample))
    return next(whole, known[0])


def _by_name(columns: Iterable[tuple[str, ...]], names: Sequence[str]) -> tuple[str, ...] | None:
    spelled = [(one, _spellings(one)) for one in columns]
    return next((one for wanted in names for one, spellings in spelled if wanted in spellings), None)


def _spellings(column: tuple[str, ...]) -> set[str]:
    """cs(User-Agent) -> cs_user_agent; httpRequest.requestUrl -> http_request_request_url, request_url."""
    parts = [part for key in column for part in key.split(".")]
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part).lower() for part in parts]
    snakes = [re.sub(r"[^a-z0-9]+", "_", word).strip("_") for word in words]
    return {"_".join(snakes[start:]) for start in range(len(snakes))}


def _lack_queries(found: TableColumns, columns: Sequence[tuple[str, ...]], sample: Sequence[Row]) -> str:
    """A path of the sample that makes no sense without a query, where none has one."""
    place, method = columns.index(found.path), columns.index(found.method) if found.method else None
    if any("?" in _text(row[place]) for row in sample):
        return ""
    asked = (_text(row[place]) for row in sample if method is None or _text(row[method]) == "GET")
    return next((path for path in asked if _NEEDS_QUERY.search(path)), "")


def _by_content(
    name: str, found: TableColumns, columns: Sequence[tuple[str, ...]], sample: Sequence[Row], path: str
) -> tuple[str, ...]:
    """The one column whose cells look like a=b&c=d."""

    def holds_pairs(place: int) -> bool:
        cells = [cell for row in sample if (cell := _text(row[place])) not in ("", "-")]
        return bool(cells) and all(_PAIRS.fullmatch(cell) for cell in cells)

    able = [one for place, one in enumerate(columns) if one not in found.wanted and holds_pairs(place)]
    if len(able) == 1:
        return able[0]
    raise InputError(
        f"{name}: the paths in column {'.'.join(found.path)!r}, such as {masked(path)!r}, have no queries, and "
        f"{'several columns' if able else 'no column'} may hold them; name both as PATH?QUERY, of "
        + ", ".join(masked(".".join(one)) for one in columns[:20])
    )
