"""The real API in the replica's place: the same questions over HTTP, politely, and each asked only once.

    with LiveExecutor(api, cache=Path("data/live.sqlite")) as live:
        answers = list(live.execute_all(requests))     # in order; interrupted and started again, it goes on

An answer is kept under the hash of the canonical request, so that spellings of one query share it. Kept are the API's
decisions (200, 400, 404 and "too many matches") in the API's own shape; what may be different tomorrow (429, 5xx), or
comes from something else in the API's place (a proxy's page, half an answer), is asked again and never kept.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from query_assistant import __version__
from query_assistant.apis import Api
from query_assistant.errors import MissingResourceError
from query_assistant.http_client import backoff, bounded_client, retry_after
from query_assistant.queries.canonical import canonicalize
from query_assistant.queries.paths import encoded
from query_assistant.queries.request import Request
from query_assistant.records import Query
from query_assistant.replica.answer_cache import AnswerCache
from query_assistant.replica.answers import Answer
from query_assistant.replica.replica import Found

MAX_REDIRECTS = 3
MAX_ANSWER_BYTES = 256 * 1024 * 1024
USER_AGENT = f"query-assistant/{__version__} (research; local cache, one request at a time per connection)"


@dataclass(frozen=True)
class Manners:
    """How hard the API is asked. More of the first two: sooner done, less welcome."""

    calls_per_s: float = 3.0
    connections: int = 3
    attempts: int = 5
    timeout_s: float = 60.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0


class LiveExecutor:
    """Executes requests on the API at `base`, through a cache on disk."""

    def __init__(self, api: Api, cache: Path | str, manners: Manners | None = None, base: str | None = None) -> None:
        self.api = api
        self._manners = manners or Manners()
        self._base = (base or api.base).rstrip("/")
        self._cache = AnswerCache(Path(cache))
        self._pace = Pace(self._manners.calls_per_s)
        self._client = bounded_client(
            answer_s=self._manners.timeout_s,
            most_bytes=MAX_ANSWER_BYTES,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            limits=httpx.Limits(max_connections=self._manners.connections),
        )

    def __enter__(self) -> LiveExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._cache.close()

    def execute(self, request: Request) -> Answer:
        """The API's answer, from the cache where it was asked before.

        Raises:
            MissingResourceError: no network, or the API stays unable to answer.
        """
        asked = canonicalize(request, self.api).to_query()
        if request.get("scroll_id") or request.get("fetch_all"):  # continues something that exists once only
            return self._ask(request.to_query(), request)
        known = self._cache.get(self._base, asked)
        if known is None or not is_decision(known, request):
            known = self._ask(asked, request)
            self._cache.put(self._base, asked, known)
        return known

    def select(self, request: Request) -> Found:
        """The ids on the asked page and the total: unlike the replica, no ids beyond the page."""
        return _found(self.execute(request), request)

    def total(self, request: Request) -> int:
        """How many records the request finds."""
        return self.select(request).total

    def execute_all(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """The answers in the order of the requests, several asked at once.

        Raises:
            MissingResourceError: as `execute`; the answers until then are kept.
        """
        waiting = iter(requests)
        with ThreadPoolExecutor(self._manners.connections) as workers:
            running = [
                workers.submit(self.execute, one) for one in itertools.islice(waiting, 2 * self._manners.connections)
            ]
            try:
                while running:
                    yield running.pop(0).result()
                    running += [workers.submit(self.execute, one) for one in itertools.islice(waiting, 1)]
            finally:
                _cancel(running)

    def _ask(self, query: Query, request: Request) -> Answer:
        last = "nothing"
        for attempt in range(self._manners.attempts):
            self._pace.wait()
            try:
                response = self._send(query)
            except httpx.TransportError as error:
                last, wait = f"{type(error).__name__}: {error}", self._backoff(attempt)
            else:
                answer = _read(response)
                if is_decision(answer, request):
                    return answer
                last = f"status {answer.status}" if answer.status != 200 else "an answer of another shape"
                wait = self._wait_for(response.headers, attempt)
            if attempt + 1 < self._manners.attempts:
                time.sleep(wait)
        raise MissingResourceError(
            f"{self._base} does not answer after {self._manners.attempts} attempts (last: {last}); "
            "check the network, try again later (answers so far are kept), or ask the local replica"
        )

    def _send(self, query: Query) -> httpx.Response:
        """One HTTP call; redirects are followed on the API's own host alone."""
        url = httpx.URL(self._base + encoded(query.query))
        method = "GET" if query.body is None else "POST"
        for _ in range(MAX_REDIRECTS):
            response = self._client.request(method, url, json=query.body)
            following = response.next_request
            if following is None or following.url.host != url.host or following.method != method:
                return response
            url = following.url
        return response

    def _backoff(self, attempt: int) -> float:
        return backoff(attempt, first_s=self._manners.first_wait_s, longest_s=self._manners.longest_wait_s)

    def _wait_for(self, headers: httpx.Headers, attempt: int) -> float:
        """What the server asks for, else our own backoff.

        Raises:
            MissingResourceError: it asks for longer than we are ready to wait.
        """
        asked = retry_after(headers.get("retry-after"))
        if asked is None:
            return self._backoff(attempt)
        if asked > self._manners.longest_wait_s:
            raise MissingResourceError(f"{self._base} asks to come back in {asked:.0f} s; run this again then")
        return asked


class Pace:
    """Lets calls through at a steady rate, whichever thread they come from."""

    def __init__(self, calls_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1 / calls_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def reserve(self) -> float:
        """Takes the next free moment and says how many seconds away it is."""
        with self._lock:
            now = self._clock()
            moment = max(now, self._next)
            self._next = moment + self._gap
            return moment - now

    def wait(self) -> None:
        time.sleep(self.reserve())


def _read(response: httpx.Response) -> Answer:
    """Status and JSON body; None for a body that is not JSON."""
    try:
        body = json.loads(response.content)
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # no JSON, or NaN, a lone surrogate, a depth that nothing can keep
        body = None
    return Answer(response.status_code, body)


def is_decision(answer: Answer, request: Request) -> bool:
    """Whether this is what the API says to the request, in the shape that it says it in, and not a passing failure."""
    body = answer.body
    if answer.status in (400, 404) or (answer.status == 500 and _too_many(body)):
        return isinstance(body, dict) and body.get("success") is False
    if answer.status != 200:
        return False
    if request.endpoint not in ("query", "annotation"):
        return isinstance(body, dict)
    if request.method == "POST":
        return _are_rows(body, "query") or (isinstance(body, dict) and _are_rows(body.get("hits"), "query"))
    if request.endpoint == "annotation":
        return _are_rows(body if isinstance(body, list) else [body], "_id")
    return isinstance(body, dict) and (_is_page(body) or body.get("success") is False)


def _is_page(body: dict[str, Any]) -> bool:
    """A page of hits: without hits where only counts were asked for."""
    total = body.get("total")
    return type(total) is int and total >= 0 and _are_rows(body.get("hits", []), "_id")


def _are_rows(rows: Any, key: str) -> bool:
    """Objects of which each has a text under the key (`_id`: an API that numbers its records may send numbers)."""
    return isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get(key), (str, int)) for row in rows
    )


def _too_many(body: Any) -> bool:
    """The one error 500 that is the API's decision."""
    return isinstance(body, dict) and str(body.get("error", "")).startswith("Too Many Matches")


def _found(answer: Answer, request: Request) -> Found:
    body = answer.body
    if answer.status != 200:
        return Found((), 0)
    if request.method == "GET" and isinstance(body, dict) and "_id" not in body:
        ids = tuple(str(hit["_id"]) for hit in body.get("hits", ()))
        return Found(ids, int(body.get("total", len(ids))))
    rows = body.get("hits", []) if isinstance(body, dict) and "hits" in body else body
    rows = rows if isinstance(rows, list) else [rows]
    if request.method == "GET":
        ids = tuple(str(row["_id"]) for row in rows)
        return Found(ids, len(ids))
    return _found_terms(rows)


def _found_terms(rows: list[dict[str, Any]]) -> Found:
    terms = []
    for _, group in itertools.groupby(rows, key=lambda row: json.dumps(row.get("query"))):
        ids = tuple(str(row["_id"]) for row in group if "_id" in row)
        terms.append(Found(ids, len(ids)))
    return Found(tuple(i for term in terms for i in term.ids), sum(term.total for term in terms), tuple(terms))


def _cancel(running: list[Future[Answer]]) -> None:
    for future in running:
        future.cancel()
