"""The live executor before what is not the API: proxies' pages, half answers, other shapes. None of it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hostile import hostile, http
from query_assistant.apis import Api, load_api
from query_assistant.errors import MissingResourceError
from query_assistant.queries.request import parse
from query_assistant.replica.answer_cache import AnswerCache
from query_assistant.replica.answers import Answer
from query_assistant.replica.live import LiveExecutor, Manners

ONCE = Manners(calls_per_s=1000, attempts=2, timeout_s=2.0, first_wait_s=0.0, longest_wait_s=0.1)
CALL = "/v3/query?q=symbol:cdk2"
GOOD = {"took": 1, "total": 1, "max_score": 1.0, "hits": [{"_id": "1017", "_score": 1.0}]}


@pytest.fixture(scope="module")
def mygene() -> Api:
    return load_api("mygene")


OTHER_SHAPES: dict[str, Any] = {
    "number": 5,
    "text": "x",
    "list": [1, 2],
    "hits null": {"total": 1, "hits": None},
    "hits text": {"total": 1, "hits": "abc"},
    "hits without id": {"total": 1, "hits": [{"symbol": "CDK2"}]},
    "hits of numbers": {"total": 1, "hits": [1]},
    "total text": {"total": "1", "hits": []},
    "total null": {"total": None, "hits": []},
    "total object": {"total": {"value": 1}, "hits": []},
    "total negative": {"total": -1, "hits": []},
    "nothing": {},
    "a record": {"_id": "1017"},
}


@pytest.mark.parametrize("body", OTHER_SHAPES.values(), ids=OTHER_SHAPES.keys())
def test_another_shape_is_asked_again_said_and_not_kept(mygene: Api, tmp_path: Path, body: Any) -> None:
    request = parse(CALL, mygene)
    strange = http(json.dumps(body))
    with (
        hostile(strange, strange, http(json.dumps(GOOD))) as server,
        LiveExecutor(mygene, tmp_path / "live.sqlite", ONCE, server.url) as live,
    ):
        with pytest.raises(MissingResourceError, match="last: an answer of another shape"):
            live.execute(request)
        assert live.select(request).ids == ("1017",)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("200 OK", "<html>Sign in</html>"),
        ("200 OK", '{"total": NaN, "hits": []}'),
        ("200 OK", '{"total": 1e999, "hits": []}'),
        ("200 OK", "[" * 50_000),
        ("200 OK", '{"total": 0, "hits": [], "a": "\\ud800"}'),
        ("404 Not Found", "<html>nginx</html>"),
        ("400 Bad Request", "bad"),
        ("403 Forbidden", '{"success": false}'),
        ("999 Strange", '{"total": 0, "hits": []}'),
        ("204 No Content", ""),
        ("500 Error", '{"error": "x"}'),
    ],
)
def test_only_the_apis_own_decisions_are_kept(mygene: Api, tmp_path: Path, status: str, body: str) -> None:
    with (
        hostile(http(body, status)) as server,
        LiveExecutor(mygene, tmp_path / "live.sqlite", ONCE, server.url) as live,
    ):
        with pytest.raises(MissingResourceError, match="does not answer after 2 attempts"):
            live.execute(parse(CALL, mygene))
        assert len(server.calls) == 2


def test_a_row_that_an_older_version_kept_by_mistake_is_asked_anew(mygene: Api, tmp_path: Path) -> None:
    request = parse(CALL, mygene)
    with hostile(http(json.dumps(GOOD))) as server:
        AnswerCache(tmp_path / "live.sqlite").put(server.url, request.to_query(), Answer(200, "x"))
        with LiveExecutor(mygene, tmp_path / "live.sqlite", ONCE, server.url) as live:
            assert live.select(request).total == 1


def test_redirects_lead_nowhere_else_and_round_in_circles_end(mygene: Api, tmp_path: Path) -> None:
    with hostile(http(json.dumps(GOOD))) as other:
        away = http("", "302 Found", headers=f"Location: http://localhost:{other.url.rsplit(':', 1)[1]}/\r\n")
        circle = http("", "302 Found", headers="Location: /v3/query?q=symbol:cdk2\r\n")
        for number, answer in enumerate((away, circle)):
            with (
                hostile(answer) as server,
                LiveExecutor(mygene, tmp_path / f"{number}.sqlite", ONCE, server.url) as live,
                pytest.raises(MissingResourceError, match="status 302"),
            ):
                live.execute(parse(CALL, mygene))
        assert other.calls == []
