"""Access logs to good queries: the `filter` stage and `qa filter`.

lines -> distinct requests (DuckDB: noise out) -> canonical, valid queries -> the k most telling of each signature
that have hits -> GoodQuery records, and a report in which every line is accounted for
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from query_assistant.apis import Api
from query_assistant.errors import InputError, RequestError
from query_assistant.logs.choosing import most_telling
from query_assistant.logs.counted import SAME_SHAPE, Counted
from query_assistant.logs.counting import count
from query_assistant.logs.familiar import load_familiar
from query_assistant.logs.files import LogFile, find_logs
from query_assistant.logs.formats import open_log
from query_assistant.logs.noise import Routes
from query_assistant.logs.privacy import masked_path
from query_assistant.logs.report import FilterReport, Group
from query_assistant.logs.understanding import Candidate, understand_all
from query_assistant.queries.canonical import skeleton
from query_assistant.queries.request import Request, parse
from query_assistant.records import GoodQuery


class Found(Protocol):
    @property
    def total(self) -> int: ...


class Executor(Protocol):
    """Whoever can say how many records a request finds: the replica, or the live API."""

    def select(self, request: Request) -> Found: ...


@dataclass(frozen=True)
class FilterResult:
    queries: list[GoodQuery]
    report: FilterReport


def filter_logs(
    paths: Iterable[Path | str],
    api: Api,
    executor: Executor,
    k: int = 3,
    *,
    format: str | None = None,
    column: str | None = None,
    tries: int = 3,
    most_requests: int = 40_000,
    memory_limit: str = "1500MB",
    processes: int = 2,
) -> FilterResult:
    """The good queries of one API's logs, the commonest first.

    Args:
        paths: files, folders and glob patterns.
        executor: says how many hits a query has; a query that it refuses falls.
        k: queries kept per signature. Higher: more training pairs that differ in nothing but values.
        format: name of the log format where sniffing fails; `column` the path column of a table.
        tries: queries without hits that a signature may use up before its rest is given up.
        most_requests: distinct requests whose meaning is looked at, of every shape some. Higher: better counts, slower.
        memory_limit: DuckDB's; what exceeds it goes to disk.

    Raises:
        InputError: a file is missing, its format cannot be told, a table lacks the column, or there is no line at all.
    """
    seconds: dict[str, float] = {}
    logs = [open_log(path, format, column) for path in find_logs(paths)]
    routes = Routes(f"/{api.version}", tuple(api.entities), tuple(sorted(api.pages)))
    with _timed(seconds, "count"):
        counted = count(logs, routes, load_familiar(api.name), most_requests=most_requests, memory_limit=memory_limit)
    if not counted.lines:
        names = ", ".join(log.path.name for log in logs[:3])
        raise InputError(f"no line in {len(logs)} files ({names}): expected access logs; copy them again")
    report = _begun(api, logs, counted)
    with _timed(seconds, "understand"):
        candidates, fallen = understand_all(counted.requests, api, processes=processes)
    for one in fallen:
        report.fall(one.reason, one.code, one.lines, masked_path(one.path)[:160])
    with _timed(seconds, "execute"):
        queries = list(_executed(candidates, api, executor, k, tries, report))
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
    groups = {kind: Group(one.lines, one.distinct, list(one.examples)) for kind, one in counted.noise.items()}
    return FilterReport(
        api=api.name,
        files=files,
        lines=counted.lines,
        broken=Group(sum(log.broken for log in logs), 0, list(counted.broken)),
        distinct=counted.distinct,
        noise={kind: group for kind, group in groups.items() if kind != SAME_SHAPE},
        fell={"not_chosen": {SAME_SHAPE: groups[SAME_SHAPE]}} if SAME_SHAPE in groups else {},
        emails_removed=counted.emails,
        encoded_twice=counted.repaired,
        post_parameters=counted.posts,
    )


def _executed(
    candidates: list[Candidate], api: Api, executor: Executor, k: int, tries: int, report: FilterReport
) -> Iterator[GoodQuery]:
    """For each signature its most telling queries that have hits; everything else goes to the report."""
    by_signature: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_signature.setdefault(candidate.signature, []).append(candidate)
    report.canonical, report.signatures = len(candidates), len(by_signature)
    for members in by_signature.values():
        kept = _good(members, api, executor, k, tries, report)
        report.signatures_kept += bool(kept)
        yield from kept


def _good(
    members: list[Candidate], api: Api, executor: Executor, k: int, tries: int, report: FilterReport
) -> list[GoodQuery]:
    """Up to k good queries of one signature in order of choice."""
    kept: list[GoodQuery] = []
    left = dict(enumerate(members))
    for place in most_telling(members):
        if len(kept) == k or tries == 0:
            break
        member = left.pop(place)
        hits, trouble = _hits(member, api, executor)
        if hits:
            report.kept.add(member.lines, member.text)
            kept.append(_record(member, api, hits))
        else:
            report.fall("no_hits", trouble, member.lines, masked_path(member.text)[:160])
            tries -= 1
    for member in left.values():
        report.fall("not_chosen", "others_say_more", member.lines, masked_path(member.text)[:160])
    return kept


def _hits(member: Candidate, api: Api, executor: Executor) -> tuple[int, str]:
    """Hits of the query, 0 where its page lies behind the last of them; and what to call it when there are none."""
    try:
        request = parse(member.query, api)
        total = executor.select(request).total
    except RequestError as error:
        return 0, f"status_{error.status}"
    first = request.get("from")
    if isinstance(first, int) and request.method == "GET" and first >= total > 0:
        return 0, "page_behind_the_last"
    return total, "nothing_found"


def _record(member: Candidate, api: Api, hits: int) -> GoodQuery:
    return GoodQuery(
        query=member.query.query,
        body=member.query.body,
        api=api.name,
        signature=member.signature,
        skeleton=skeleton(parse(member.query, api), api),
        count=member.lines,
        hits=hits,
    )
