"""Distinct requests to canonical queries: the only part of the filter that knows what a query means.

Every request ends as a `Candidate` (several may share one canonical query) or as `Fallen` with the reason.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.logs.counted import Request as Line
from query_assistant.queries.canonical import canonicalize, literals, signature
from query_assistant.queries.request import Request, parse_http, to_text
from query_assistant.queries.validation import validate_request
from query_assistant.records import Query

# Starting a second process costs a second; below this many distinct requests one is faster.
WORTH_A_SECOND_PROCESS = 20_000
_CHUNK = 2_000


@dataclass(frozen=True)
class Candidate:
    """A canonical, valid query. Requests with the same `key` mean the same; `query` keeps the case of the commonest.

    `lines` counts all requests that mean it.
    """

    query: Query
    key: str
    signature: str
    literals: tuple[str, ...]
    lines: int

    @property
    def text(self) -> str:
        return to_text(self.query)


@dataclass(frozen=True)
class Fallen:
    """A request that did not become a candidate: `reason` is a word for reports, `code` what exactly was wrong."""

    reason: str
    code: str
    path: str
    lines: int


def understand_all(lines: Sequence[Line], api: Api, *, processes: int = 2) -> tuple[list[Candidate], list[Fallen]]:
    """Candidates, merged by canonical query, and what fell; the order is that of the lines."""
    candidates: dict[str, Candidate] = {}
    fallen: list[Fallen] = []
    for found in _mapped(lines, api, processes):
        if isinstance(found, Fallen):
            fallen.append(found)
            continue
        known = candidates.get(found.key)
        candidates[found.key] = replace(known, lines=known.lines + found.lines) if known else found
    return list(candidates.values()), fallen


def understand_line(line: Line, api: Api) -> Candidate | Fallen:
    """One distinct request as the API reads it."""
    try:
        request = parse_http(_method(line), line.path, api)
        form = canonicalize(request, api)
    except RequestError as error:
        return Fallen("refused", f"{error.status}_{error.parameter or 'path'}", line.path, line.lines)
    if request.endpoint not in ("query", "annotation"):
        return Fallen("refused", request.endpoint, line.path, line.lines)
    if found := _spoiled(request, api):
        return Fallen(*found, line.path, line.lines)
    return Candidate(
        query=canonicalize(request, api, keep_case=True).to_query(),
        key=to_text(form.to_query()),
        signature=signature(form, api),
        literals=tuple(str(value) for value in literals(form, api)),
        lines=line.lines,
    )


def _method(line: Line) -> str:
    """GET or POST; where the log does not say, `scopes` tells: no GET reads it."""
    return "POST" if line.method == "POST" or (not line.method and "scopes=" in line.path) else "GET"


def _spoiled(request: Request, api: Api) -> tuple[str, str] | None:
    """Why nobody should learn from the query: it is `invalid`, or `misleading`: it does not do what it seems to."""
    for issue in validate_request(request, api):
        if issue.severity == "error":
            return "invalid", issue.code
        if issue.severity == "warning" or issue.code == "dropped_text":
            return "misleading", issue.code
    return None


def _mapped(lines: Sequence[Line], api: Api, processes: int) -> Iterator[Candidate | Fallen]:
    if processes < 2 or len(lines) < WORTH_A_SECOND_PROCESS:
        yield from (understand_line(line, api) for line in lines)
        return
    # spawn: DuckDB and Arrow have threads of their own, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(api,)) as pool:
        for batch in pool.map(_understand_batch, _chunks(lines)):
            yield from batch


_api: Api | None = None


def _begin(api: Api) -> None:
    global _api  # noqa: PLW0603 - one API per worker process, set once
    _api = api


def _understand_batch(lines: list[Line]) -> list[Candidate | Fallen]:
    if _api is None:
        raise RuntimeError("a worker was asked before it had its API")
    return [understand_line(line, _api) for line in lines]


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    source = iter(lines)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
