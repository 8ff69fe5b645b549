"""Queries are made up from records, have hits, and are new."""

from __future__ import annotations

from collections import Counter
from typing import Any

from query_assistant.apis import Api
from query_assistant.drafting.field_values import FieldValues, as_typed, rounded
from query_assistant.drafting.synthesis import SynthesisSettings, synthesise
from query_assistant.queries.canonical import canonicalize, skeleton
from query_assistant.queries.request import parse
from query_assistant.queries.validation import validate
from query_assistant.records import GoodQuery
from query_assistant.replica.replica import Replica

Records = list[dict[str, Any]]


def made(api: Api, records: Records, replica: Replica, existing: list[GoodQuery], queries: int = 60) -> list[GoodQuery]:
    return synthesise(api, records, replica, existing, SynthesisSettings(queries=queries, seed=3))[0]


def test_every_query_is_canonical_valid_and_has_the_hits_it_says(
    mygene: Api, records: Records, replica: Replica
) -> None:
    for query in made(mygene, records, replica, []):
        request = parse(query, mygene)
        assert canonicalize(request, mygene, keep_case=True).to_query() == request.to_query()
        assert [issue for issue in validate(query, mygene) if issue.severity == "error"] == []
        assert replica.select(request).total == query.hits > 0
        assert query.skeleton == skeleton(request, mygene)
        assert (query.origin, query.count) == ("synthesised", 0)


def test_the_same_seed_makes_the_same_queries(mygene: Api, records: Records, replica: Replica) -> None:
    assert made(mygene, records, replica, []) == made(mygene, records, replica, [])


def test_known_queries_are_not_made_again_and_full_skeletons_are_left(
    mygene: Api, records: Records, replica: Replica
) -> None:
    first = made(mygene, records, replica, [])
    second = made(mygene, records, replica, first)
    shapes = Counter(each.skeleton for each in [*first, *second] if ":" in each.skeleton)
    plain = Counter(each.skeleton for each in [*first, *second] if each.skeleton not in shapes)

    assert not {(each.query, str(each.body)) for each in first} & {(each.query, str(each.body)) for each in second}
    assert max(shapes.values()) <= SynthesisSettings().per_skeleton
    assert SynthesisSettings().per_skeleton < max(plain.values()) <= SynthesisSettings().per_plain_skeleton


def test_every_searchable_field_with_data_is_asked_for(mygene: Api, records: Records, replica: Replica) -> None:
    queries, report = synthesise(mygene, records, replica, [], SynthesisSettings(queries=60, seed=3))

    assert (report.fields_searched, report.fields_with_data) == (11, 11)
    assert len(queries) == 60


def test_thresholds_are_round_and_inside_the_range(mygene: Api) -> None:
    import random

    values = FieldValues.collect(({"taxid": number * 137} for number in range(1, 200)), mygene.schema)
    drawn = [int(values.threshold("taxid", random.Random(seed), integer=True) or "0") for seed in range(100)]

    assert all(0 < each <= 137 * 200 for each in drawn)
    assert sum(each % 100 == 0 for each in drawn) > 90


def test_rounded_keeps_small_numbers_and_signs() -> None:
    import random

    assert rounded(3.0, random.Random(1)) == 3.0
    assert rounded(-0.0123, random.Random(1)) < 0
    assert rounded(0.0, random.Random(1)) == 0.0


def test_names_that_shout_are_typed_in_lower_case() -> None:
    assert [as_typed(text) for text in ("CHLORTHALIDONE", "BRCA1", "CITRIC ACID", "Williams syndrome", "Insulin")] == [
        "chlorthalidone",
        "BRCA1",
        "citric acid",
        "Williams syndrome",
        "insulin",
    ]


def test_kinds_come_in_the_proportions_they_are_given(mygene: Api, records: Records, replica: Replica) -> None:
    _, report = synthesise(mygene, records, replica, [], SynthesisSettings(queries=100, per_skeleton=50, seed=3))
    total = sum(report.made.values())

    assert 0.15 <= report.made["one field"] / total <= 0.35
    assert 0.05 <= report.made["keyword"] / total <= 0.2
    assert 0.04 <= report.made["lookup"] / total <= 0.15


def test_phrases_begin_and_end_with_words_that_say_something(mygene: Api) -> None:
    import random

    record = {"name": "regulator of the cell cycle in stages of early development"}
    values = FieldValues.collect([record], mygene.schema)
    drawn = {values.phrase("name", random.Random(seed)) for seed in range(200)} - {None}

    assert "cell cycle" in drawn
    assert not {text for text in drawn if text and {text.split()[0], text.split()[-1]} & {"of", "the", "in"}}
