"""Pairs are honest, at least two to a query, and what falls is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import Api
from query_assistant.completions import KeptCompletions
from query_assistant.errors import MissingResourceError
from query_assistant.pairs.balance import balanced
from query_assistant.pairs.constructs import constructs
from query_assistant.pairs.diversity import recoverability
from query_assistant.pairs.model_writer import Message, ModelSettings, ModelWriter
from query_assistant.pairs.writing import PairSettings, write_pairs
from query_assistant.records import FieldDescription, GoodQuery, Query
from query_assistant.replica.replica import Replica
from query_assistant.verbalising.planning import plan_query

DESCRIPTION = FieldDescription(
    field="symbol", type="keyword", description="Official symbol", source="HGNC", indexed=True
)


def good(path: str, count: int = 1, skeleton: str | None = None) -> GoodQuery:
    return GoodQuery(api="mygene", query=path, signature="s", skeleton=skeleton or path, count=count, hits=1)


QUERIES = [
    good("/v3/query?q=symbol:CDK2&species=human"),
    good("/v3/query?q=name:insulin&size=3"),
    good("/v3/gene/1001"),
]


class FakeModel:
    """Answers from a queue, and remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[list[Message]] = []

    def __call__(self, messages: list[Message], schema: Any) -> str:
        self.asked.append(messages)
        return self.answers.pop(0)


def answered(*texts: tuple[str, str, str]) -> str:
    items = [
        {"number": number, "imperative": one, "question": two, "keywords": three}
        for number, (one, two, three) in enumerate(texts, start=1)
    ]
    return json.dumps({"instructions": items})


def model_writer(model: FakeModel, cache: Path, batch: int = 2) -> ModelWriter:
    kept = KeptCompletions(model, "fake", cache)
    return ModelWriter("MyGene.info", [DESCRIPTION], "", kept, ModelSettings(batch=batch, retries=1))


GOOD_ANSWER = answered(
    ("Find human gene CDK2", "Which human gene has the symbol CDK2?", "CDK2 human"),
    ("Three insulin genes", "Which 3 genes have insulin in the name?", "insulin, top 3"),
)


def test_each_query_gets_its_forms_and_keeps_its_constructs(mygene: Api, replica: Replica) -> None:
    pairs, report = write_pairs(mygene, QUERIES, replica, PairSettings(instructions_per_query=4, seed=1))

    assert [pair.form for pair in pairs[:4]] == ["imperative", "question", "keywords", "question"]
    assert len({pair.id for pair in pairs}) == len(pairs) == report.pairs == 12
    assert pairs[0].constructs == ("fielded", "species")
    assert recoverability(pairs, mygene) == 1.0


def test_ids_depend_on_the_query_alone(mygene: Api, replica: Replica) -> None:
    settings = PairSettings(instructions_per_query=2, seed=1)
    alone, _ = write_pairs(mygene, QUERIES[1:2], replica, settings)
    together, _ = write_pairs(mygene, QUERIES, replica, settings)

    assert alone == together[2:4]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v3/query?q=symbol:NOSUCHGENE", "no hits"),
        ("/v3/query?q=symbol:CDK2&filter=cdk2", "unsayable: parameter"),
        ("/v3/query?q=symbol:(", "QuerySyntaxError"),
    ],
)
def test_what_falls_is_counted_by_reason_with_an_example(mygene: Api, replica: Replica, path: str, reason: str) -> None:
    pairs, report = write_pairs(mygene, [good(path)], replica, PairSettings())

    assert (pairs, dict(report.rejected), report.examples) == ([], {reason: 1}, {reason: path})


def test_a_model_writes_what_passes_the_same_checks(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    writer = model_writer(FakeModel(GOOD_ANSWER), tmp_path)
    pairs, report = write_pairs(mygene, QUERIES[:2], replica, PairSettings(), writer)

    assert [pair.instruction for pair in pairs] == [
        "Find human gene CDK2",
        "Which human gene has the symbol CDK2?",
        "CDK2 human",
        "Three insulin genes",
        "Which 3 genes have insulin in the name?",
        "insulin, top 3",
    ]
    assert not report.rejected


def test_a_model_that_leaves_something_out_is_rejected(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    answer = answered(
        ("Find gene CDK2", "Which human gene is CDK2?", "CDK2 genes"), ("3 insulin genes", "Insulin, 3?", "x")
    )
    pairs, report = write_pairs(mygene, QUERIES[:2], replica, PairSettings(), model_writer(FakeModel(answer), tmp_path))

    assert [pair.instruction for pair in pairs] == ["3 insulin genes", "Insulin, 3?"]
    assert report.rejected["literal not recoverable"] == 2
    assert report.rejected["fewer than two instructions"] == 1


def test_an_unusable_answer_is_asked_again_and_a_good_one_never(mygene: Api, tmp_path: Path) -> None:
    model = FakeModel("no JSON", GOOD_ANSWER)
    writer = model_writer(model, tmp_path)
    first = list(writer.write(QUERIES[:2]))

    assert writer.estimate(QUERIES[:2]).requests == 0
    assert list(model_writer(FakeModel(), tmp_path).write(QUERIES[:2])) == first
    assert (len(model.asked), writer.unusable) == (2, 1)


def test_the_prompt_shows_calls_and_the_fields_they_name(tmp_path: Path) -> None:
    model = FakeModel(GOOD_ANSWER)
    list(model_writer(model, tmp_path).write(QUERIES[:2]))
    system, user = model.asked[0]

    assert "MyGene.info" in system.content
    assert "1. /v3/query?q=symbol:CDK2&species=human" in user.content
    assert "- symbol (keyword): Official symbol" in user.content


def test_a_model_without_one_usable_answer_is_an_error(tmp_path: Path) -> None:
    writer = model_writer(FakeModel("?", "?"), tmp_path)
    with pytest.raises(MissingResourceError, match="fake gave no usable instruction for 2 queries"):
        list(writer.write(QUERIES[:2]))


def test_balance_takes_every_shape_once_before_any_twice() -> None:
    queries = [good(f"/v3/query?q=a{n}", count=n, skeleton="a") for n in range(5)] + [
        good("/v3/query?q=b", skeleton="b")
    ]

    assert {each.skeleton for each in balanced(queries, 2, seed=1)} == {"a", "b"}
    assert balanced(queries, 2, seed=1)[0].query == "/v3/query?q=a4"
    assert balanced(queries, 0, seed=1) == queries


def test_constructs_name_what_a_query_uses(mygene: Api) -> None:
    plan = plan_query(Query(query="/v3/query?q=(name:a OR symbol:b) AND NOT taxid:>5&size=3&sort=taxid"), mygene)

    assert constructs(plan) == ("and", "fielded", "negation", "or", "range", "size", "sort")
