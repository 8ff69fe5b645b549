"""Distinct requests to canonical queries: the only part of the filter that knows what a query means.

Every request ends as a `Candidate` (several may share one canonical query) or as `Fallen` with the reason.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.logs.privacy import personal
from query_assistant.queries.canonical import canonicalize, literals, signature
from query_assistant.queries.request import Request, parse_http, to_text
from query_assistant.queries.validation import validate_request
from query_assistant.records import Query

# Starting a second process costs a second; below this many distinct requests one is faster.
WORTH_A_SECOND_PROCESS = 20_000
# Longer requests are not looked at: nobody learns from them, and one of them must not hold up a million others.
LONGEST_REQUEST = 2_048


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One distinct request and how many lines made it."""

    method: str
    path: str
    lines: int


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


Outcome = Candidate | Fallen


def understand_all(
    requests: Sequence[LoggedRequest], api: Api, *, processes: int | None = None
) -> tuple[list[Candidate], list[Fallen]]:
    """Candidates, merged by canonical query, and what fell; the order is that of the requests."""
    candidates: dict[str, Candidate] = {}
    fallen: list[Fallen] = []
    for found in _shared_out(requests, api, processes or min(4, os.cpu_count() or 1)):
        if isinstance(found, Fallen):
            fallen.append(found)
            continue
        known = candidates.get(found.key)
        candidates[found.key] = replace(known, lines=known.lines + found.lines) if known else found
    return list(candidates.values()), fallen


def understand_one(line: LoggedRequest, api: Api) -> Outcome:
    """One distinct request as the API reads it; whatever it does to the reader, it ends no run."""
    if len(line.path) > LONGEST_REQUEST:
        return Fallen("unreadable", "too_long", line.path, line.lines)
    try:
        return _understood(line, api)
    except RequestError as error:
        return Fallen("refused", f"{error.status}_{error.parameter or 'path'}", line.path, line.lines)
    except Exception as error:  # a fault of the reader's own: it has a name in the report
        return Fallen("unreadable", type(error).__name__, line.path, line.lines)


def _understood(line: LoggedRequest, api: Api) -> Outcome:
    request = parse_http(_method(line), line.path, api)
    form = canonicalize(request, api)
    if request.endpoint not in ("query", "annotation"):
        return Fallen("refused", request.endpoint, line.path, line.lines)
    if found := _spoiled(request, api):
        return Fallen(*found, line.path, line.lines)
    query = canonicalize(request, api, keep_case=True).to_query()
    if personal(to_text(query)):
        return Fallen("unreadable", "personal", line.path, line.lines)
    return Candidate(
        query=query,
        key=to_text(form.to_query()),
        signature=signature(form, api),
        literals=tuple(literal.value for literal in literals(form, api)),
        lines=line.lines,
    )


def _method(line: LoggedRequest) -> str:
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


def _shared_out(requests: Sequence[LoggedRequest], api: Api, processes: int) -> Iterator[Outcome]:
    """What becomes of each request, in order: this process and its helpers take one of every few."""
    if processes < 2 or len(requests) < WORTH_A_SECOND_PROCESS:
        yield from (understand_one(line, api) for line in requests)
        return
    shares = [requests[first::processes] for first in range(processes)]
    helpers = [_Helper(share, api) for share in shares[1:]]
    try:
        own = [understand_one(line, api) for line in shares[0]]
        done = [own, *(helper.outcomes() for helper in helpers)]
    finally:
        for helper in helpers:
            helper.end()
    for turn in range(len(own)):
        yield from (outcomes[turn] for outcomes in done if turn < len(outcomes))


class _Helper:
    """A second interpreter that reads its share from a pipe and writes what became of it to another.

    It is no `multiprocessing` worker, because those begin by running the caller's own script again, which fails where
    that script has no file or no guard. It waits for nothing but its pipes, so it ends when the parent is gone.
    """

    def __init__(self, share: Sequence[LoggedRequest], api: Api) -> None:
        self._share, self._api = share, api
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve_share; serve_share()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        with suppress(OSError):  # it has died already, and `outcomes` sees it
            assert self._process.stdin is not None
            pickle.dump((api, share), self._process.stdin)
            self._process.stdin.close()

    def outcomes(self) -> list[Outcome]:
        """What the helper found; where it died, the work is done here."""
        assert self._process.stdout is not None
        try:
            found: list[Outcome] = pickle.load(self._process.stdout)  # noqa: S301 - our own process wrote it
        except (EOFError, pickle.UnpicklingError, OSError):
            return [understand_one(line, self._api) for line in self._share]
        return found

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()


def serve_share() -> None:
    """A helper's whole life."""
    api, share = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    pickle.dump([understand_one(line, api) for line in share], sys.stdout.buffer)
