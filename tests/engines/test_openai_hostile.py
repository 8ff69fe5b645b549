"""The OpenAI engine before servers that answer nonsense, never end, point elsewhere or repeat secrets."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hostile import hostile, http
from query_assistant.engines import open_engine, openai
from query_assistant.engines.openai import OpenAIEngine, read_completion
from query_assistant.errors import ConfigurationError, InputError, MissingResourceError, QueryAssistantError
from query_assistant.messages import Message
from query_assistant.params import EngineParams


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_WAIT_S", 0.0)


def engine(url: str, **changes: Any) -> OpenAIEngine:
    settings = {"base_url": f"{url}/v1", "model_name": "m", "api_key_variable": "", "retries": 1, "timeout_s": 2.0}
    made = open_engine(EngineParams(kind="openai", **{**settings, **changes}), Path("unused"))
    assert isinstance(made, OpenAIEngine)
    return made


def ask(engine: OpenAIEngine) -> list[str]:
    return [one.text for one in engine.generate([[Message("user", "cdk2")]], max_new_tokens=9)]


def completion(content: Any, usage: Any = None) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}], "usage": usage})


NONSENSE = {
    "half": '{"choices": [{"mess',
    "page": "<html>Sign in</html>",
    "empty": "",
    "null": "null",
    "list": "[]",
    "text": '"hello"',
    "number": "3",
    "no choices": "{}",
    "choices of another kind": '{"choices": {"a": 1}}',
    "choices as text": '{"choices": "abc"}',
    "no choice": '{"choices": []}',
    "a choice of nothing": '{"choices": [null]}',
    "no message": '{"choices": [{"message": null}]}',
    "a message as text": '{"choices": [{"message": "hi"}]}',
    "a number for a text": completion(7),
    "parts of another kind": completion([{"type": "image_url", "image_url": "x"}]),
    "parts that are none": completion(["a"]),
    "depth": "[" * 100_000,
    "digits": "9" * 10_000,
    "an event stream": "data: {}\n\ndata: [DONE]\n\n",
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_nonsense_is_asked_again_and_then_one_clear_error(body: str, content_type: str) -> None:
    with hostile(http(body, content_type=content_type)) as server:
        with pytest.raises(InputError, match=r"m at .* answered 200 and no chat completion: .*check that base_url"):
            ask(engine(server.url))
        assert len(server.calls) == 2


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content"])
def test_a_success_without_an_answer_is_no_answer(status: str) -> None:
    with hostile(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode()) as server, pytest.raises(InputError):
        ask(engine(server.url))


def test_an_answer_after_nonsense_is_taken() -> None:
    with hostile(http("<html>"), http(completion("/v3/query?q=cdk2"))) as server:
        assert ask(engine(server.url)) == ["/v3/query?q=cdk2"]


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, (5, 2)),
        (None, None),
        ("many", None),
        ({"prompt_tokens": "5", "completion_tokens": 2}, None),
        ({"prompt_tokens": 5.5, "completion_tokens": 2}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": True, "completion_tokens": 2}, None),
        ({}, None),
    ],
)
def test_only_counts_are_taken_for_counts(usage: Any, counts: tuple[int, int] | None) -> None:
    assert read_completion(completion("a", usage).encode()) == ("a", counts)


def test_text_comes_whole_in_parts_or_not_at_all() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    texts = [read_completion(completion(content).encode())[0] for content in ("x", parts, [], None)]
    assert texts == [
        "x",
        "ab",
        "",
        "",
    ]
    assert read_completion(b'{"choices": [{"message": {"content": "\\ud800"}}]}')[0] == "?"


def drip(client: socket.socket) -> None:
    """A byte now and then, head first, without end."""
    with suppress(OSError):
        for place, byte in enumerate(http("x" * 1_000_000)):
            client.send(bytes([byte]))
            if place > 20:
                client.settimeout(0.05)
                with suppress(TimeoutError):
                    client.recv(1)


def test_an_answer_that_drips_is_late_as_a_whole() -> None:
    with (
        hostile(drip) as server,
        pytest.raises(MissingResourceError, match=r"did not answer within 0\.5 s; raise timeout_s"),
    ):
        ask(engine(server.url, timeout_s=0.5, retries=0))


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "MAX_ANSWER_BYTES", 100_000)
    with hostile(http("x" * 200_000)) as server, pytest.raises(MissingResourceError, match="more than 100,000 bytes"):
        ask(engine(server.url, retries=0))


def test_what_is_asked_goes_to_nobody_else() -> None:
    with hostile(http(completion("stolen"))) as other:
        elsewhere = http("", "307 Temporary Redirect", headers=f"Location: {other.url}/v1/chat/completions\r\n")
        with (
            hostile(elsewhere) as server,
            pytest.raises(MissingResourceError, match=f"redirects to {other.url}.*correct base_url"),
        ):
            ask(engine(server.url))
        assert other.calls == []


@pytest.mark.parametrize("status", ["401 Unauthorized", "400 Bad Request", "500 Error", "429 Busy", "404 Not Found"])
def test_a_key_that_is_echoed_is_not_repeated(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-VERYSECRET")
    body = json.dumps({"error": {"message": "Incorrect API key provided: Bearer sk-VERYSECRET."}})
    with hostile(http(body, status)) as server, pytest.raises(QueryAssistantError) as caught:
        ask(engine(server.url, api_key_variable="SOME_KEY"))
    assert "VERYSECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("key", ["sk-1\n", "sk 1", "sk-é", "sk-\x00"])
def test_a_key_that_can_be_none_says_so(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"SOME_KEY": key})
    with pytest.raises(MissingResourceError, match="the key in SOME_KEY holds a blank"):
        engine("http://127.0.0.1:1", api_key_variable="SOME_KEY")


@pytest.mark.parametrize("url", ["http://[::1", "127.0.0.1:8000", "ftp://a/b", "http://", "http://a:99999999/", "é"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        engine("", base_url=url)


def test_a_password_in_the_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="user or password") as caught:
        engine("", base_url="http://me:PASSW0RD@127.0.0.1/v1")
    assert "PASSW0RD" not in str(caught.value)


@pytest.mark.parametrize("asked", ["301", "86400", "999999999999"])
def test_longer_than_the_bound_is_not_waited_for(asked: str) -> None:
    with (
        hostile(http("{}", "429 Busy", headers=f"Retry-After: {asked}\r\n")) as server,
        pytest.raises(MissingResourceError, match=rf"come back in {asked} s, longer than the 300 s"),
    ):
        ask(engine(server.url))


@pytest.mark.parametrize("asked", ["nan", "-5", "inf", "soon", "9" * 400, "Mon, 99 Foo 2024"])
def test_a_retry_after_that_says_nothing_is_not_obeyed(asked: str) -> None:
    with hostile(http("{}", "429 Busy", headers=f"Retry-After: {asked}\r\n"), http(completion("a"))) as server:
        assert ask(engine(server.url)) == ["a"]
