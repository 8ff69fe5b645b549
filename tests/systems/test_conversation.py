"""A conversation: what follows is edited, narrowed or continued, and what does not is a question of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fake_engine import FakeEngine
from query_assistant.apis import load_api
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.conversation import Conversation, Turn
from query_assistant.systems.generation import System
from query_assistant.verbalising.lexicon import Lexicon

FIRST = "/v3/query?q=name:kinase&species=human"


def talk(answers: Sequence[str]) -> tuple[Conversation, FakeEngine]:
    engine = FakeEngine(answers)
    apis = {"mygene": load_api("mygene")}
    builder = PromptBuilder(apis, PromptSettings(), engine.count_tokens)
    assistant = Assistant(System.parse("base-zero_shot-closed-free"), apis, engine, builder, {}, 96, 1, "")
    return Conversation(assistant, lambda api: Lexicon.load(api.name, api.schema)), engine


def told(turn: Turn) -> tuple[str, str | None]:
    return turn.how, turn.answer.query.query if turn.answer.query else None


def test_an_edit_asks_no_model() -> None:
    chat, engine = talk([FIRST])
    assert told(chat.ask("human kinases", "mygene")) == ("asked", FIRST)
    assert told(chat.ask("only mouse", "")) == ("edited", "/v3/query?q=name:kinase&species=mouse")
    assert told(chat.ask("first 20", "")) == ("edited", "/v3/query?q=name:kinase&species=mouse&size=20")
    assert len(engine.batches) == 1


def test_the_model_sees_what_was_asked_before() -> None:
    both = "/v3/query?q=name:kinase AND type_of_gene:pseudo&species=human"
    chat, engine = talk([FIRST, both])
    chat.ask("human kinases", "mygene")
    turn = chat.ask("in pseudo form", "")
    assert told(turn) == ("continued", both)
    assert turn.question == "human kinases, in pseudo form"
    assert engine.batches[-1] == ["human kinases, in pseudo form"]


def test_conditions_that_the_model_forgot_are_kept() -> None:
    alone = "/v3/query?q=type_of_gene:pseudo OR type_of_gene:ncRNA"
    chat, engine = talk([FIRST, "/v3/query?q=type_of_gene:pseudo", alone])
    chat.ask("human kinases", "mygene")
    kept = "/v3/query?q=name:kinase AND (type_of_gene:pseudo OR type_of_gene:ncRNA)&species=human"
    assert told(chat.ask("in pseudo or ncRNA form", "")) == ("narrowed", kept)
    assert engine.batches[-1] == ["in pseudo or ncRNA form"]


def test_where_nothing_narrows_the_model_has_the_last_word() -> None:
    chat, _ = talk([FIRST, "/v3/query?q=insulin", "nothing"])
    chat.ask("human kinases", "mygene")
    assert told(chat.ask("with insulin instead", "")) == ("continued", "/v3/query?q=insulin")


@pytest.mark.parametrize("answer", ["I do not know", FIRST])
def test_nothing_follows_what_was_not_answered_or_forgotten(answer: str) -> None:
    chat, _ = talk([answer, FIRST])
    chat.ask("human kinases", "mygene")
    if answer == FIRST:
        assert chat.follows("only mouse")
        chat.forget()
    assert not chat.follows("only mouse")
    assert told(chat.ask("only mouse", "mygene")) == ("asked", FIRST)
