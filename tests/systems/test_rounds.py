"""Questions put to the engine together are answered as they are alone, in order, and none fails for another."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fake_engine import FakeEngine
from query_assistant.apis import load_api
from query_assistant.engines import Completion, Draw, EngineCall, Prompt, complete_calls
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import Query
from query_assistant.systems.assistant import Assistant, Proposal
from query_assistant.systems.choosing import DRAWS
from query_assistant.systems.confidence import Confidence
from query_assistant.systems.generation import System
from query_assistant.systems.rounds import Rounds

APIS = {name: load_api(name) for name in ("mygene", "mychem")}
SURE, ROOT = 5.0, 'root ::= "/v3"'


class Mixing(FakeEngine):
    """An engine that takes everything in one batch, and is surer of longer questions."""

    def __init__(self, fails_on: str = "") -> None:
        super().__init__(lambda prompt: f"/v3/query?q={prompt[-1].content.split()[0]}")
        self.fails_on = fails_on
        self.mixed: list[list[EngineCall]] = []

    def generate_calls(self, calls: Sequence[EngineCall], *, max_new_tokens: int) -> list[Completion]:
        self.mixed.append(list(calls))
        if self.fails_on and any(self.fails_on in call.prompt[-1].content for call in calls):
            raise RuntimeError("the batch fails")
        return [Completion(self._answer(call.prompt), 5, 5, 1.0, self._logprob(call.prompt)) for call in calls]

    def _logprob(self, prompt: Prompt) -> float:
        return -0.1 if "surely" in prompt[-1].content else -9.0


def assistant(engine: FakeEngine) -> Assistant:
    calibration = Confidence(intercept=SURE, center={"logprob": 0}, scale={"logprob": 1}, weights={"logprob": 1})
    builder = PromptBuilder(APIS, PromptSettings(), len)
    system = System.parse("finetuned-zero_shot-closed-chosen")
    grammars = dict.fromkeys(APIS, ROOT)
    return Assistant(system, APIS, engine, builder, grammars, 96, 16, "", calibration, lambda query, api: None)


def run(rounds: Rounds[str]) -> list[list[str]]:
    """The keys that each round answered."""
    answered = []
    while rounds:
        answered.append([key for key, _ in rounds.run()])
    return answered


def test_all_that_wait_are_one_batch_and_so_are_their_draws() -> None:
    engine = Mixing()
    asked, rounds = assistant(engine), Rounds[str](assistant(engine).complete, most_calls=16)
    rounds.begin("sure", lambda: asked.asking("cdk2 surely", "mygene"))
    rounds.begin("unsure", lambda: asked.asking("cdk4", "mygene"))
    rounds.begin("another", lambda: asked.asking("aspirin", "mychem"))
    assert run(rounds) == [["sure"], ["unsure", "another"]]
    assert [[bool(call.draw) for call in batch] for batch in engine.mixed] == [[False] * 3, [True] * 2 * DRAWS]
    seeds = [call.draw.seed for call in engine.mixed[1] if call.draw]
    assert seeds[:DRAWS] == seeds[DRAWS:]  # each question's draws are those it has alone


@pytest.mark.parametrize("question", ["cdk2 surely", "cdk4"])
def test_a_question_alone_is_asked_as_without_rounds(question: str) -> None:
    alone, together = Mixing(), Mixing()
    expected = assistant(alone).answer(question, "mygene")
    rounds = Rounds[str](assistant(together).complete, most_calls=16)
    rounds.begin("one", lambda: assistant(together).asking(question, "mygene"))
    outcomes = [outcome for _ in range(len(alone.mixed)) for _, outcome in rounds.run()]
    assert outcomes == [expected]
    assert together.mixed == alone.mixed


def test_who_comes_while_others_are_asked_again_joins_their_round() -> None:
    engine = Mixing()
    asked = assistant(engine)
    rounds = Rounds[str](asked.complete, most_calls=16)
    rounds.begin("first", lambda: asked.asking("cdk4", "mygene"))
    assert rounds.run() == []
    rounds.begin("second", lambda: asked.asking("cdk2 surely", "mygene"))
    assert [key for key, _ in rounds.run()] == ["first", "second"]
    assert len(engine.mixed) == 2


def test_a_round_is_bounded_and_the_oldest_are_served_first() -> None:
    engine = Mixing()
    asked = assistant(engine)
    rounds = Rounds[str](asked.complete, most_calls=4)
    for name in "abcdef":
        rounds.begin(name, lambda name=name: asked.asking(f"{name} surely", "mygene"))  # type: ignore[misc]
    assert not rounds.has_room
    assert run(rounds) == [list("abcd"), list("ef")]
    assert max(map(len, engine.mixed)) == 4


def test_one_that_breaks_the_batch_fails_alone() -> None:
    engine = Mixing(fails_on="poison")
    asked = assistant(engine)
    rounds = Rounds[str](asked.complete, most_calls=16)
    for text in ("cdk2 surely", "poison", "cdk4 surely"):
        rounds.begin(text, lambda text=text: asked.asking(text, "mygene"))  # type: ignore[misc]
    outcomes = dict(rounds.run())
    assert isinstance(outcomes["poison"], RuntimeError)
    good = [outcomes[text] for text in ("cdk2 surely", "cdk4 surely")]
    assert [one.query for one in good if isinstance(one, Proposal)] == [
        Query(query="/v3/query?q=cdk2"),
        Query(query="/v3/query?q=cdk4"),
    ]


def test_one_that_cannot_even_be_asked_fails_alone() -> None:
    engine = Mixing()
    asked = assistant(engine)
    rounds = Rounds[str](asked.complete, most_calls=16)
    rounds.begin("bad", lambda: asked.asking("cdk2", "no such API"))
    rounds.begin("good", lambda: asked.asking("cdk2 surely", "mygene"))
    outcomes = dict(rounds.run())
    assert isinstance(outcomes["bad"], KeyError)
    assert isinstance(outcomes["good"], Proposal)


def test_nobody_is_asked_again_for_who_has_gone() -> None:
    engine = Mixing()
    asked = assistant(engine)
    rounds = Rounds[str](asked.complete, most_calls=16)
    rounds.begin("gone", lambda: asked.asking("cdk4", "mygene"))
    rounds.run()
    rounds.drop(lambda key: key == "gone")
    assert (rounds.run(), len(engine.mixed), len(rounds)) == ([], 1, 0)


def test_an_engine_that_does_not_mix_is_asked_for_each_kind() -> None:
    engine = FakeEngine(lambda prompt: prompt[-1].content)
    texts = ["a", "b", "c", "d", "e"]
    prompts = PromptBuilder(APIS, PromptSettings(), len)
    built = [prompts.build(text, "mygene") for text in texts]
    draws = [None, Draw(0.7, 11), Draw(0.7, 12), None, Draw(0.7, 11)]
    calls = [EngineCall(prompt, ROOT, draw) for prompt, draw in zip(built, draws, strict=True)]
    written = complete_calls(engine, calls, max_new_tokens=9)
    assert [one.text.split()[-1] for one in written] == texts
    assert engine.draws == [None, Draw(0.7, 11), Draw(0.7, 11)]
    assert [len(batch) for batch in engine.batches] == [2, 2, 1]
