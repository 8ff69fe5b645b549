"""The HTTP API through a real client and a real server, and what the gate keeps out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from query_assistant.apis import Api
from query_assistant.engines import Prompt
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.server.desk import Desk
from query_assistant.server.gate import MOST_BODY_BYTES, GateRules
from query_assistant.server.hosting import web_application

from .serving import desk_of, say


@pytest.fixture
def client(desk: Desk) -> Iterator[httpx.Client]:
    served = web_application(desk, GateRules(calls_per_minute=0), with_page=False)
    with running(served) as address, httpx.Client(base_url=address, timeout=30) as made:
        yield made


def test_ask_explain_validate_compare_execute(client: httpx.Client) -> None:
    asked = client.post("/api/ask", json={"question": "insulin genes of mice"}).json()
    query = asked["explained"]["query"]
    assert (asked["api"], asked["guessed"], asked["explained"]["answer"]["hits"]) == ("mygene", True, 4)
    said = client.post("/api/explain", json={"api": "mygene", "query": query, "question": "mice"}).json()
    assert said["words"] == asked["explained"]["words"]
    assert client.post("/api/validate", json={"api": "mygene", "query": query}).json() == {"valid": True, "issues": []}
    wrong = client.post("/api/validate", json={"api": "mygene", "query": "/v3/query?q=nope.x:1"}).json()
    assert (wrong["valid"], wrong["issues"][0]["code"]) == (False, "unknown_field")
    same = {"api": "mygene", "left": "/v3/query?q=symbol:CDK2", "right": "/v3/query?q=symbol:cdk2&size=10"}
    assert client.post("/api/compare", json=same).json()["same_records"] is True
    done = client.post("/api/execute", json={"api": "mygene", "query": query}).json()
    assert (done["status"], done["source"], done["body"]["total"]) == (200, "replica", 4)
    assert client.get("/api/fields", params={"api": "mygene", "typed": "symb"}).json()[0]["field"] == "symbol"


def test_corrections_and_thumbs(client: httpx.Client) -> None:
    made = {"api": "mygene", "question": "insulin", "query": "/v3/query?q=symbol:INS", "given": "/v3/query?q=ins"}
    kept = client.post("/api/corrections", json=made).json()
    assert (kept["kept"], kept["number"]) == (True, 1)
    assert [one["instruction"] for one in client.get("/api/corrections").json()] == ["insulin"]
    assert client.delete("/api/corrections/1").status_code == 204
    assert client.get("/api/corrections").json() == []
    assert client.delete("/api/corrections/7").status_code == 400
    thumb = {"api": "mygene", "question": "insulin", "given": "/v3/query?q=ins", "thumb": "up"}
    assert client.post("/api/thumbs", json=thumb).json() == {"number": 1}


def test_every_endpoint_is_described(client: httpx.Client) -> None:
    described = client.get("/api/openapi.json").json()
    assert sorted(described["paths"]) == [
        "/api/ask", "/api/compare", "/api/corrections", "/api/corrections/{number}", "/api/execute", "/api/explain",
        "/api/fields", "/api/state", "/api/thumbs", "/api/validate",
    ]  # fmt: skip
    assert {"AskedQuestion", "AnsweredQuestion", "ExplainedQuery"} <= set(described["components"]["schemas"])


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/ask", {"question": "  "}, 400, "the question is empty"),
        ("/api/ask", {"question": "x" * 1001}, 422, "1000"),
        ("/api/ask", {"question": "a", "more": 1}, 422, "more"),
        ("/api/ask", {"question": "a", "api": "../etc/passwd"}, 400, "unknown API"),
        ("/api/explain", {"api": "mygene", "query": "no path"}, 400, "is no query"),
        ("/api/compare", {"api": "mygene", "left": "/v3/query?q=(", "right": "/v3/query?q=a"}, 400, "position"),
        ("/api/execute", {"api": "mygene", "query": "/v3/query?q=a", "live": True}, 400, "not switched on"),
        ("/api/execute", {"api": "mygene", "query": "http://evil.example/v3/query?q=cdk2"}, 200, "mygene"),
        ("/api/thumbs", {"api": "mygene", "question": "a", "given": "", "thumb": "sideways"}, 422, "thumb"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_sentence(
    client: httpx.Client, path: str, body: dict[str, object], status: int, said: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == status
    assert said in answer.text.lower() or said in answer.text
    if status >= 400:
        assert set(answer.json()) == {"error"}


def test_bodies_without_end_are_refused(client: httpx.Client) -> None:
    long = b'{"question": "' + b"x" * MOST_BODY_BYTES + b'"}'
    json = {"Content-Type": "application/json"}
    assert client.post("/api/ask", content=long, headers=json).status_code == 413
    pieces = (long[at : at + 4096] for at in range(0, len(long), 4096))
    assert client.post("/api/ask", content=pieces, headers=json).status_code == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:1"}, 200),
    ],
)
def test_other_sites_may_not_make_a_browser_ask(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = client.post("/api/ask", json={"question": "cdk2"}, headers=headers)
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_client_that_asks_without_pause_is_slowed(desk: Desk) -> None:
    served = web_application(desk, GateRules(calls_per_minute=10), with_page=False)
    with running(served) as address, httpx.Client(base_url=address) as client:
        answers = [client.get("/api/state") for _ in range(8)]
    assert [one.status_code for one in answers] == [200] * 5 + [429] * 3
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_token_is_asked_of_everyone_where_one_is_set(desk: Desk) -> None:
    served = web_application(desk, GateRules(token="s3cret"), with_page=False)
    with running(served) as address, httpx.Client(base_url=address) as client:
        assert client.get("/api/state").status_code == 401
        wrong = client.get("/api/state", headers={"Authorization": "Bearer other"})
        assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert client.get("/api/state", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        moved = client.get("/api/state?token=s3cret&x=1")
        assert (moved.status_code, moved.headers["Location"]) == (303, "/api/state?x=1")
        assert "HttpOnly" in moved.headers["Set-Cookie"]
        assert client.get("/api/state").status_code == 200  # by the cookie
        assert client.get(f"{address}//evil.example?token=s3cret").headers["Location"] == "/evil.example"


def test_a_busy_model_is_a_503_with_the_time_to_come_back(
    desk: Desk, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.model, "_most_waiting", 0)
    answer = client.post("/api/ask", json={"question": "never asked before"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_who_hangs_up_is_not_waited_for(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    """A client that goes away while the model is busy: its question is never put to the model."""
    go_on, asked = threading.Event(), list[str]()

    def slow(prompt: Prompt) -> str:
        asked.append(prompt[-1].content.split()[-1])
        go_on.wait(20)
        return say(prompt)

    def until(true: Callable[[], bool]) -> None:
        ends = time.monotonic() + 20
        while not true():
            assert time.monotonic() < ends
            time.sleep(0.01)

    with desk_of(mygene, replica, tmp_path, slow) as desk:
        served = web_application(desk, GateRules(calls_per_minute=0), with_page=False)
        with running(served) as address, httpx.Client(base_url=address, timeout=60) as client:
            first = threading.Thread(target=lambda: client.post("/api/ask", json={"question": "about first"}))
            first.start()
            until(lambda: asked == ["first"])
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{address}/api/ask", json={"question": "about gone"}, timeout=1)
            until(lambda: desk.state().waiting == 1)
            go_on.set()
            first.join(30)
            assert client.post("/api/ask", json={"question": "about last"}).status_code == 200
            assert asked == ["first", "last"]
