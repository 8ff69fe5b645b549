"""Of several answers the likeliest reading is given; answers that mean the same are one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_engine import FakeEngine
from query_assistant.apis import Api, load_api
from query_assistant.engines import Completion
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import BenchmarkItem, Query
from query_assistant.systems.answering import answers_of
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.choosing import DRAW, DRAWS, readings, replica_hits
from query_assistant.systems.confidence import Confidence
from query_assistant.systems.generation import System

SYMBOL, NAME, NONSENSE = "/v3/query?q=symbol:CDK2", "/v3/query?q=name:CDK2", "I do not know"
API = load_api("mygene")


def by(**weights: float) -> Confidence:
    return Confidence(intercept=0, center=dict.fromkeys(weights, 0), scale=dict.fromkeys(weights, 1), weights=weights)


def written(text: str, logprob: float | None = -1.0) -> Completion:
    return Completion(text, 9, 4, 1.0, logprob)


def nothing_known(query: Query, api: Api) -> None:
    return None


def test_answers_that_mean_the_same_are_one_reading() -> None:
    given = [written(NAME, -0.5), written(SYMBOL), written("/v3/query?q=symbol:cdk2", -0.9)]
    first, second = readings("cdk2", given, API, by(share=3), nothing_known)
    assert (first.answer.text, second.answer.text) == ("/v3/query?q=symbol:cdk2", NAME)
    assert (first.known["share"], second.known["share"]) == pytest.approx((2 / 3, 1 / 3))
    assert "hits" not in first.known


def test_records_found_speak_for_a_reading_and_no_call_against_it() -> None:
    given = [written(NONSENSE, -0.1), written(NAME), written(SYMBOL)]
    found = readings("cdk2", given, API, by(finds_records=2, no_call=-2), lambda query, _: int("symbol" in query.query))
    assert [one.answer.text for one in found] == [SYMBOL, NAME, NONSENSE]
    assert found[0].confidence == pytest.approx(0.881)


def test_a_reading_that_leaves_words_of_the_question_unsaid_is_less_likely() -> None:
    part, whole = "/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:CDK2&species=mouse"
    given = [written(part, -0.1), written(whole, -0.9), written(NONSENSE, -0.1)]
    found = readings("mouse CDK2", given, API, by(words_uncovered=-1), nothing_known)
    assert [(one.answer.text, one.known["words_uncovered"]) for one in found] == [(whole, 0), (part, 1), (NONSENSE, 2)]


def test_without_a_calibration_the_greedy_answer_is_given() -> None:
    found = readings("cdk2", [written(NAME), written(SYMBOL, None)], API, None, nothing_known)
    assert [(one.answer.text, one.confidence) for one in found] == [(NAME, None), (SYMBOL, None)]


def test_hits_are_counted_where_there_are_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("query_assistant.systems.choosing._replica", lambda name: None)
    assert replica_hits(Query(query=SYMBOL), API) is None


def assistant(engine: FakeEngine, intercept: float = 0.0) -> Assistant:
    return Assistant(
        System.parse("finetuned-zero_shot-closed-chosen"),
        {"mygene": API},
        engine,
        PromptBuilder({"mygene": API}, PromptSettings(), len),
        {"mygene": "root ::= [a-z]+"},
        96,
        16,
        "weights",
        by(share=1).model_copy(update={"intercept": intercept}),
        nothing_known,
    )


def probable(self: FakeEngine, prompts: object, **options: object) -> list[Completion]:
    return [written(one.text) for one in FakeEngine.generate(self, prompts, **options)]  # type: ignore[arg-type]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    class Probable(FakeEngine):
        generate = probable  # type: ignore[assignment]

    return Probable([NAME, SYMBOL, SYMBOL, NAME, SYMBOL])


def test_a_question_is_answered_once_greedily_and_then_by_draws(engine: FakeEngine) -> None:
    given = assistant(engine).answer("cdk2", "mygene")
    assert given.query == Query(query=SYMBOL)
    assert [one.query for one in given.alternatives] == [Query(query=NAME)]
    assert [len(batch) for batch in engine.batches] == [1, DRAWS]
    assert engine.draws == [None, DRAW]


def test_many_questions_are_answered_as_one_is(engine: FakeEngine, tmp_path: Path) -> None:
    items = [BenchmarkItem(id="a", api="mygene", instruction="cdk2", query=SYMBOL, tags=())]
    with answers_of(assistant(engine), items, tmp_path / "partial") as answers:
        found = list(answers)
    assert [(one.text, one.system) for one in found] == [(SYMBOL, "finetuned-zero_shot-closed-chosen")]
    assert len({draw.seed if draw else 0 for draw in engine.draws}) == 1 + DRAWS
    assert not list(tmp_path.iterdir())


def test_who_is_sure_is_not_asked_again(engine: FakeEngine, tmp_path: Path) -> None:
    sure = assistant(engine, intercept=1.0)
    assert sure.answer("cdk2", "mygene").query == Query(query=NAME)
    items = [BenchmarkItem(id="a", api="mygene", instruction="cdk2", query=SYMBOL, tags=())]
    with answers_of(sure, items, tmp_path / "partial") as answers:
        assert [one.text for one in answers] == [SYMBOL]
    assert engine.draws == [None, None]
