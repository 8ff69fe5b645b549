"""What counts as said."""

from __future__ import annotations

import pytest

from query_assistant.apis import load_api
from query_assistant.pairs.checks import missing_literals, unreadable
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import plan_query


@pytest.mark.parametrize(
    ("instruction", "missing"),
    [
        ("Find the first five mouse genes named with kinase, symbol only", []),
        ("Find 5 murine genes with Kinase in the name; return symbols", []),
        ("Find five genes with kinase in the name, symbol only", ["10090"]),
        ("Find mouse genes with kinase in the name, symbol only", ["size 5"]),
        ("Find five mouse genes with kinases in the name, symbol only", ["kinase"]),
        ("Find five mouse genes with kinase in the name", ["symbol"]),
    ],
)
def test_what_is_missing_is_named(instruction: str, missing: list[str], lexicon: Lexicon) -> None:
    plan = plan_query(Query(query="/v3/query?q=name:kinase&species=mouse&fields=symbol&size=5"), load_api("mygene"))

    assert missing_literals(plan, instruction, lexicon) == missing


@pytest.mark.parametrize(
    ("instruction", "missing"),
    [
        ("genes on chr7 between 1 and 2 Mb", []),
        ("chr7:1,000,000-2,000,000", []),
        ("genes on chromosome 7 from 1000000 to 2 million", []),
        ("genes on chromosome 17 from 1000000 to 2000000", ["7"]),
        ("genes on chromosome 7 from 1000000 to 3000000", ["2000000"]),
    ],
)
def test_positions_count_in_any_unit(instruction: str, missing: list[str], lexicon: Lexicon) -> None:
    plan = plan_query(Query(query="/v3/query?q=chr7:1000000-2000000"), load_api("mygene"))

    assert missing_literals(plan, instruction, lexicon) == missing


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        ("Find {NP}", "markup"),
        ("Find genes~gene", "markup"),
        ("Find the the gene", "repeated word"),
        ("a", "length"),
        ("x " * 300, "length"),
        ("MONDO MONDO:0001 please", None),
        ("Find CDK2", None),
    ],
)
def test_unreadable_says_why(instruction: str, reason: str | None) -> None:
    assert unreadable(instruction) == reason
