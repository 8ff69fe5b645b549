"""Access logs to good queries: the `filter` stage and `qa filter`.

lines -> distinct requests (DuckDB: noise out) -> canonical, valid queries -> the most telling of each signature
that have hits -> GoodQuery records, and a report in which every line is accounted for
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.errors import InputError
from query_assistant.logs.choosing import Executor, good_queries
from query_assistant.logs.counting import SAME_SHAPE, Counted, count
from query_assistant.logs.files import LogFile
from query_assistant.logs.noise import Routes, load_familiar
from query_assistant.logs.reading import open_logs
from query_assistant.logs.report import FilterReport, Outcome
from query_assistant.logs.understanding import understand_all
from query_assistant.records import GoodQuery

__all__ = ["Executor", "FilterResult", "filter_logs"]


@dataclass(frozen=True)
class FilterResult:
    queries: list[GoodQuery]
    report: FilterReport


def filter_logs(
    paths: Iterable[Path | str],
    api: Api,
    executor: Executor,
    per_signature: int = 3,
    *,
    format: str | None = None,
    column: str | None = None,
    most_requests: int = 40_000,
) -> FilterResult:
    """The good queries of one API's logs, the commonest first.

    Args:
        paths: files, folders and glob patterns.
        executor: says how many hits a query has; a query that it refuses falls.
        per_signature: queries kept per signature. Higher: more training pairs that differ in nothing but values.
        format: name of the log format where sniffing fails; `column` the path's column of a table, or PATH?QUERY.
        most_requests: distinct requests whose meaning is looked at, of every shape some. Higher: better counts, slower.

    Raises:
        InputError: a file is missing, its format cannot be told, a table lacks the column, or there is no line at all.
    """
    seconds: dict[str, float] = {}
    logs, aside = open_logs(paths, format, column)
    with _timed(seconds, "count"):
        counted = count(logs, Routes.of(api), load_familiar(api.name), most_requests=most_requests)
    if not counted.lines:
        names = ", ".join(log.path.name for log in logs[:3])
        raise InputError(f"no line in {len(logs)} files ({names}): expected access logs; copy them again")
    report = _begun(api, logs, counted)
    report.set_aside = {path.name: reason for path, reason in aside.items()}
    with _timed(seconds, "understand"):
        candidates, fallen = understand_all(counted.requests, api)
    for one in fallen:
        report.fall(one.reason, one.code, one.lines, one.path)
    with _timed(seconds, "execute"):
        queries = list(good_queries(candidates, api, executor, per_signature, report))
    report.seconds = seconds
    return FilterResult(sorted(queries, key=lambda query: (-query.count, query.query)), report)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start


def _begun(api: Api, logs: list[LogFile], counted: Counted) -> FilterReport:
    files = [
        {
            "name": log.path.name,
            "format": log.format,
            "lines": log.lines,
            "broken": log.broken,
            "truncated": log.truncated,
        }
        for log in logs
    ]
    broken = Outcome(sum(log.broken for log in logs), 0, [line for log in logs for line in log.examples][:5])
    return FilterReport(
        api=api.name,
        files=files,
        lines=counted.lines,
        broken=broken,
        distinct=counted.distinct,
        noise={kind: group for kind, group in counted.noise.items() if kind != SAME_SHAPE},
        fell={"not_chosen": {SAME_SHAPE: counted.noise[SAME_SHAPE]}} if SAME_SHAPE in counted.noise else {},
        emails_removed=counted.emails,
        encoded_twice=counted.repaired,
        post_parameters=counted.posts,
    )
