from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.server import ChatServer, Fault, serve
from query_assistant.engines import open_engine
from query_assistant.engines.openai import OpenAIEngine
from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.params import EngineParams
from query_assistant.prompts import Message


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with serve(ChatServer()) as server:
        yield server


def engine(chat: ChatServer, **changes: Any) -> OpenAIEngine:
    settings = {"base_url": chat.url, "model_name": "m", "api_key_variable": "", "retries": 2, "timeout_s": 5.0}
    made = open_engine(EngineParams(kind="openai", **{**settings, **changes}), Path("unused"))
    assert isinstance(made, OpenAIEngine)
    return made


def ask(engine: OpenAIEngine, *texts: str, grammar: str | None = None) -> list[str]:
    prompts = [[Message("system", "s"), Message("user", text)] for text in texts]
    return [one.text for one in engine.generate(prompts, max_new_tokens=9, grammar=grammar)]


def test_answers_come_in_order_with_the_servers_token_counts(chat: ChatServer) -> None:
    prompts = [[Message("user", f"{number}")] for number in range(30)]
    completions = list(engine(chat, batch_size=10, concurrency=7).generate(prompts, max_new_tokens=9))
    assert [one.text for one in completions] == [f"/v3/query?q={number}" for number in range(30)]
    assert {(one.prompt_tokens, one.answer_tokens) for one in completions} == {(100, 10)}


def test_requests_are_greedy_and_carry_the_conversation(chat: ChatServer) -> None:
    ask(engine(chat), "cdk2")
    assert chat.requests == [
        {
            "model": "m",
            "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "cdk2"}],
            "max_tokens": 9,
            "temperature": 0,
            "seed": 0,
        }
    ]


def test_requests_run_side_by_side_up_to_the_concurrency(chat: ChatServer) -> None:
    chat.pause_s = 0.1
    ask(engine(chat, concurrency=4), *map(str, range(12)))
    assert chat.most_at_once == 4


@pytest.mark.parametrize(
    "fault", [Fault(429, {"Retry-After": "0"}), Fault(500), Fault(503), Fault(0, drop=True)], ids=str
)
def test_passing_faults_are_retried(chat: ChatServer, fault: Fault) -> None:
    chat.faults = [fault]
    assert ask(engine(chat), "a") == ["/v3/query?q=a"]
    assert len(chat.requests) == 2


def test_retry_after_is_waited_for(chat: ChatServer) -> None:
    chat.faults = [Fault(429, {"Retry-After": "1.2"})]
    ask(engine(chat), "a")
    assert chat.times[1] - chat.times[0] >= 1.2


def test_a_slow_server_is_asked_again_and_then_named(chat: ChatServer) -> None:
    chat.faults = [Fault(200, delay_s=0.6)]
    assert ask(engine(chat, timeout_s=0.3), "a") == ["/v3/query?q=a"]
    chat.faults = [Fault(200, delay_s=0.6)] * 3
    with pytest.raises(MissingResourceError, match=r"did not answer within 0\.3 s; raise timeout_s"):
        ask(engine(chat, timeout_s=0.3), "a")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, MissingResourceError, "refuses the key"),
        (404, MissingResourceError, "check model_name"),
        (400, InputError, "refuses the prompt"),
        (429, MissingResourceError, "lower concurrency"),
        (500, MissingResourceError, "try later"),
    ],
)
def test_lasting_faults_are_one_sentence_each(chat: ChatServer, status: int, kind: type[Exception], words: str) -> None:
    chat.faults = [Fault(status, {"Retry-After": "0"})] * 3
    with pytest.raises(kind, match=words):
        ask(engine(chat), "a")


def test_a_missing_server_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(MissingResourceError, match=f"no server for m at {url}"):
        ask(engine(ChatServer(url=url), retries=0), "a")


def test_the_key_comes_from_the_environment_alone(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(MissingResourceError, match="set the environment variable SOME_KEY"):
        engine(chat, api_key_variable="SOME_KEY")
    monkeypatch.setenv("SOME_KEY", "secret-1")
    ask(engine(chat, api_key_variable="SOME_KEY"), "a")
    assert chat.keys == {"Bearer secret-1"}


@pytest.mark.parametrize(
    ("grammar_as", "sent"),
    [
        ("structured_outputs", {"structured_outputs": {"grammar": "root ::= x"}}),
        ("guided_grammar", {"guided_grammar": "root ::= x"}),
        ("grammar", {"grammar": "root ::= x"}),
    ],
)
def test_each_server_gets_the_grammar_its_own_way(chat: ChatServer, grammar_as: Any, sent: dict[str, Any]) -> None:
    ask(engine(chat, grammar_as=grammar_as), "a", grammar="root ::= x")
    assert sent.items() <= chat.requests[0].items()


def test_a_server_without_grammars_is_not_asked(chat: ChatServer) -> None:
    with pytest.raises(ConfigurationError, match="takes no grammar"):
        ask(engine(chat, grammar_as="none"), "a", grammar="root ::= x")
    assert chat.requests == []


def test_json_answers_ask_for_a_schema(chat: ChatServer) -> None:
    schema = {"type": "object"}
    list(engine(chat).generate_json([[Message("user", "a")]], max_new_tokens=5, schema=schema))
    assert chat.requests[0]["response_format"]["json_schema"]["schema"] == schema


def test_spending_adds_up_at_the_configured_prices(chat: ChatServer) -> None:
    made = engine(chat, usd_per_million_prompt_tokens=1.5, usd_per_million_answer_tokens=6.0)
    ask(made, "a", "b")
    assert made.spent_usd == pytest.approx((200 * 1.5 + 20 * 6.0) / 1e6)


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="model_name"):
        open_engine(EngineParams(kind="openai", api_key_variable=""), Path("unused"))
