"""A desk whose model is told what to answer: everything else is real."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fake_engine import FakeEngine
from query_assistant.apis import Api
from query_assistant.engines import Prompt
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import Query
from query_assistant.replica import Replica
from query_assistant.server.answering_thread import AnsweringThread, OpenedAssistant
from query_assistant.server.desk import Desk
from query_assistant.server.results import RecordSource
from query_assistant.systems.assistant import Asking, Assistant, Proposal
from query_assistant.systems.generation import System

ANSWERS = {
    "insulin genes of mice": "/v3/query?q=name:insulin&species=mouse&fields=symbol,name&size=5",
    "how many human genes per type?": "/v3/query?q=*&species=human&facets=type_of_gene&size=0",
    "a field that is not there": "/v3/query?q=nonsense.field:1",
    "gibberish please": "I am a teapot",
}


@dataclass(frozen=True)
class Wavering(Assistant):
    """Is unsure of everything about kinases."""

    def asking(self, instruction: str, api: str) -> Asking:
        given = yield from super().asking(instruction, api)
        if "kinase" not in instruction:
            return given
        others = ("/v3/query?q=symbol:CDK*", "/v3/query?q=name:kinase&size=5", "/v3/query?q=name:kinase&species=mouse")
        readings = tuple(Proposal(Query(query=text), text, 0.2) for text in others)
        return Proposal(Query(query="/v3/query?q=name:kinase"), "", 0.5, readings)


def say(prompt: Prompt) -> str:
    asked = prompt[-1].content
    return next((answer for question, answer in ANSWERS.items() if question in asked), "/v3/query?q=cdk2")


def opened(apis: Mapping[str, Api], answer: Callable[[Prompt], str] = say) -> OpenedAssistant:
    engine = FakeEngine(answer)
    builder = PromptBuilder(apis, PromptSettings(), engine.count_tokens)
    system = System.parse("finetuned-zero_shot-closed-free")
    assistant = Wavering(system, apis, engine, builder, {}, 64, 1, "fake")
    return OpenedAssistant(assistant, lambda question: next(iter(apis)), "fake")


@contextmanager
def desk_of(
    api: Api,
    replica: Replica,
    folder: Path,
    answer: Callable[[Prompt], str] = say,
    most_waiting: int = 8,
    live: Callable[[Api], RecordSource] | None = None,
) -> Iterator[Desk]:
    apis = {api.name: api}
    model = AnsweringThread(lambda: opened(apis, answer), most_waiting=most_waiting)
    while model.state == "loading":
        time.sleep(0.005)
    desk = Desk(apis, model, lambda _: replica, folder / "corrections.sqlite", live)
    try:
        yield desk
    finally:
        assert model.close()
