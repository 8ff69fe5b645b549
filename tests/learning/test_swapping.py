"""A copy asks the same with other values, in the question and the query alike; anything else is dropped."""

from __future__ import annotations

import random

import pytest

from query_assistant.apis import load_api
from query_assistant.learning.swapping import swapped_pairs
from query_assistant.pairs.written import pair_of
from query_assistant.records import Pair, WrittenPair

API = load_api("mygene")


def pair(question: str, query: str) -> Pair:
    return pair_of(WrittenPair(instruction=question, query=query), API, "here")


def copies(one: Pair, *drawn: str) -> list[tuple[str, str]]:
    left = iter(drawn * 10)
    return [
        (copy.instruction, copy.query) for copy in swapped_pairs(one, API, lambda *_: next(left), 2, random.Random(1))
    ]


def test_the_value_is_another_in_both() -> None:
    one = pair("the gene cdk2 of mice, its CDK2X too", "/v3/query?q=symbol:CDK2&species=mouse")
    assert copies(one, "TP53", "INS") == [
        ("the gene TP53 of mice, its CDK2X too", "/v3/query?q=symbol:TP53&species=mouse"),
        ("the gene INS of mice, its CDK2X too", "/v3/query?q=symbol:INS&species=mouse"),
    ]


@pytest.mark.parametrize(
    ("question", "query", "drawn"),
    [
        ("the gene", "/v3/query?q=symbol:CDK2", "TP53"),  # not in the question
        ("cdk2 or CDK2", "/v3/query?q=symbol:CDK2", "TP53"),  # twice there
        ("cdk2 and its alias cdk2", "/v3/query?q=symbol:CDK2 OR alias:CDK2", "TP53"),
        ("the gene cdk2", "/v3/query?q=symbol:CDK2", "cdk2"),  # the same
        ("the gene cdk2", "/v3/query?q=symbol:CDK2", "two words"),  # another skeleton
        ("the gene cdk2", "/v3/query?q=symbol:CDK2", 'a" OR b:('),  # not valid
        ("the gene cdk2", "/v3/query?q=symbol:CDK2", "CDK* OR taxid:1"),
        ("cdk2", "/v3/query?q=cdk2", "TP53"),  # of no field
    ],
)
def test_what_does_not_fit_is_dropped(question: str, query: str, drawn: str) -> None:
    assert copies(pair(question, query), drawn) == []


def test_a_value_may_hold_what_patterns_mean() -> None:
    one = pair("named cdk2", "/v3/query?q=name:cdk2")
    assert copies(one, "a1b") == [("named a1b", "/v3/query?q=name:a1b")]
    assert all("\\" not in query for _, query in copies(one, r"\1"))
