"""The live executor against a local server that misbehaves in every way a real one does."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import Api
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.queries.request import parse
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.replica.http import application
from query_assistant.replica.live import LiveExecutor, Manners, Pace, retry_after

QUICK = Manners(calls_per_s=500, connections=3, attempts=4, timeout_s=1.5, first_wait_s=0.01, longest_wait_s=0.3)
RECORDS = [{"_id": str(place), "symbol": f"G{place}", "taxid": 9606} for place in range(40)]

Faults = Callable[[int], str]


class Misbehaving:
    """An application in front of another: `faults` names what happens to the n-th call, "" lets it through."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self.inner, self.faults = inner, faults
        self.paths: list[str] = []
        self.agents: set[str] = set()
        self._at_once = 0
        self.most_at_once = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["raw_path"].decode() + "?" + scope["query_string"].decode())
        self.agents |= {value.decode() for name, value in scope["headers"] if name == b"user-agent"}
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self._answer(self.faults(len(self.paths)), scope, receive, send)
        finally:
            self._at_once -= 1

    async def _answer(self, fault: str, scope: Any, receive: Any, send: Any) -> None:
        kind, _, detail = fault.partition(" ")
        if kind.isdecimal():
            headers = [(b"retry-after", detail.encode())] if detail else []
            await respond(send, int(kind), b"busy", headers)
        elif kind == "truncated":
            await respond(send, 200, b'{"total": 1, "hits": [{"_id": "1"')
        elif kind == "html":
            await respond(send, 200, b"<html>maintenance</html>")
        elif kind == "short":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
            await send({"type": "http.response.body", "body": b"{}"})
        elif kind == "slow":
            import asyncio

            await asyncio.sleep(3)
        elif kind == "reset":
            raise ConnectionResetError
        else:
            await self.inner(scope, receive, send)


async def respond(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def server(api: Api, faults: Faults = lambda _: "") -> Iterator[tuple[str, Misbehaving]]:
    inner = Misbehaving(application([Replica.from_records(api, RECORDS)]), faults)
    with running(inner) as base:
        yield base, inner


def live(api: Api, folder: Path, base: str, manners: Manners = QUICK) -> LiveExecutor:
    return LiveExecutor(api, folder / "live.sqlite", manners, base)


def requests_for(api: Api, count: int) -> list[Any]:
    return [parse(f"/v3/query?q=symbol:G{place}&fields=symbol", api) for place in range(count)]


def symbols(answers: Iterator[Any]) -> list[str]:
    return [answer.body["hits"][0]["symbol"] for answer in answers]


@pytest.mark.parametrize("fault", ["500", "502", "503", "429", "429 0", "truncated", "html", "short", "slow", "reset"])
def test_a_passing_fault_costs_a_retry_and_no_answer(mygene: Api, tmp_path: Path, fault: str) -> None:
    with (
        server(mygene, lambda call: fault if call in (1, 3) else "") as (base, seen),
        live(mygene, tmp_path, base) as api,
    ):
        assert symbols(api.execute_all(requests_for(mygene, 3))) == ["G0", "G1", "G2"]
    assert len(seen.paths) == 5


def test_every_third_call_failing_loses_and_repeats_nothing(mygene: Api, tmp_path: Path) -> None:
    kinds = itertools.cycle(["500", "truncated", "reset", "429 0"])
    faults = lambda call: next(kinds) if call % 3 == 0 else ""  # noqa: E731
    with server(mygene, faults) as (base, seen), live(mygene, tmp_path, base) as api:
        assert symbols(api.execute_all(requests_for(mygene, 40))) == [f"G{place}" for place in range(40)]
        asked = len(seen.paths)
        assert symbols(api.execute_all(requests_for(mygene, 40))) == [f"G{place}" for place in range(40)]
    assert len(seen.paths) == asked
    assert len(set(seen.paths)) == 40


def test_a_run_that_breaks_off_goes_on_where_it_was(mygene: Api, tmp_path: Path) -> None:
    with server(mygene, lambda call: "" if call <= 10 else "503") as (base, _):
        broken_off = pytest.raises(MissingResourceError, match=r"after 4 attempts \(last: status 503\)")
        with live(mygene, tmp_path, base) as api, broken_off:
            list(api.execute_all(requests_for(mygene, 20)))
        rows = sqlite3.connect(tmp_path / "live.sqlite").execute("SELECT count(*) FROM answers").fetchone()[0]
    assert rows == 10
    replica = Replica.from_records(mygene, RECORDS)
    healed = Misbehaving(application([replica]), lambda _: "")
    port = int(base.rsplit(":", 1)[1])
    with running(healed, port) as again, live(mygene, tmp_path, again) as api:
        assert len(symbols(api.execute_all(requests_for(mygene, 20)))) == 20
    assert len(healed.paths) == 10


def test_spellings_of_one_query_share_an_answer_and_bases_do_not(mygene: Api, tmp_path: Path) -> None:
    spellings = ["/v3/query?q=symbol:G1&size=10", "/v3/query?size=10&q=symbol:G1&callback=x", "/v3/query/?q=symbol:G1"]
    with server(mygene) as (base, seen), server(mygene) as (other, seen_too):
        with live(mygene, tmp_path, base) as api:
            answers = [api.execute(parse(call, mygene)) for call in spellings]
        with live(mygene, tmp_path, other) as api:
            api.execute(parse(spellings[0], mygene))
    assert answers[0] == answers[1] == answers[2]
    assert (len(seen.paths), len(seen_too.paths)) == (1, 1)


@pytest.mark.parametrize(
    ("call", "status"), [("/v3/gene/none", 404), ("/v3/query?q=taxid:human", 400), ("/v3/query?q=symbol:none", 200)]
)
def test_refusals_are_answers_and_are_kept(mygene: Api, tmp_path: Path, call: str, status: int) -> None:
    with server(mygene) as (base, seen), live(mygene, tmp_path, base) as api:
        assert [api.execute(parse(call, mygene)).status for _ in range(2)] == [status, status]
    assert len(seen.paths) == 1


def test_select_reads_ids_of_every_kind_of_answer(mygene: Api, tmp_path: Path) -> None:
    replica = Replica.from_records(mygene, RECORDS)
    calls = [
        "/v3/query?q=symbol:(G1 OR G2)",
        "/v3/gene/symbol:G3",
        "/v3/gene/none",
        'POST /v3/query {"q":["G4","none","G5"],"scopes":["symbol"]}',
        'POST /v3/gene {"ids":["symbol:G6","none"]}',
    ]
    with server(mygene) as (base, _), live(mygene, tmp_path, base) as api:
        for call in calls:
            request = parse(call, mygene)
            assert api.select(request) == replica.select(request), call


def test_no_network_is_one_clear_sentence(mygene: Api, tmp_path: Path) -> None:
    unreachable = pytest.raises(MissingResourceError, match="check the network")
    with live(mygene, tmp_path, "http://127.0.0.1:9") as api, unreachable:
        api.execute(parse("/v3/query?q=cdk2", mygene))


def test_a_server_that_asks_for_too_long_a_pause_ends_the_run(mygene: Api, tmp_path: Path) -> None:
    with server(mygene, lambda _: "429 3600") as (base, seen):
        come_back = pytest.raises(MissingResourceError, match="come back in 3600 s")
        with live(mygene, tmp_path, base) as api, come_back:
            api.execute(parse("/v3/query?q=cdk2", mygene))
    assert len(seen.paths) == 1


def test_calls_come_at_the_agreed_pace_with_a_name_and_few_at_once(mygene: Api, tmp_path: Path) -> None:
    manners = Manners(calls_per_s=40, connections=2, first_wait_s=0.01)
    with server(mygene) as (base, seen), live(mygene, tmp_path, base, manners) as api:
        started = time.perf_counter()
        list(api.execute_all(requests_for(mygene, 12)))
        assert time.perf_counter() - started >= 11 / 40
    assert seen.most_at_once <= 2
    assert all(agent.startswith("query-assistant/") for agent in seen.agents)


def test_the_pace_is_kept_across_threads() -> None:
    pace = Pace(10, clock=lambda: 100.0)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(pace.reserve())) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(round(wait, 3) for wait in waits) == Counter([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", None), ("7", 7.0), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("-1", None)],
)
def test_retry_after_is_read_in_both_forms(header: str | None, expected: float | None) -> None:
    assert retry_after(header) == expected


def test_a_damaged_row_is_asked_again_and_a_file_that_is_no_cache_refused(mygene: Api, tmp_path: Path) -> None:
    cache = tmp_path / "live.sqlite"
    with server(mygene) as (base, seen):
        for _ in range(2):
            with live(mygene, tmp_path, base) as api:
                assert api.execute(parse("/v3/gene/symbol:G1", mygene)).body["symbol"] == "G1"
            with sqlite3.connect(cache) as rows:
                rows.execute("UPDATE answers SET body = ?", (b"junk",))
    assert len(seen.paths) == 2
    (tmp_path / "text").write_text(json.dumps("no database" * 100))
    with pytest.raises(InputError, match="cannot use"):
        LiveExecutor(mygene, tmp_path / "text", QUICK)
