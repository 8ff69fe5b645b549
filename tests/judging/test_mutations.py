"""A small part of benchmarks/mutations.py, on the sample records: what a mutant is follows from how it was made."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.judging.comparison import same_records
from query_assistant.judging.readings import reading_of
from query_assistant.queries.request import to_text
from query_assistant.replica import Replica

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "tests" / "replica" / "records"
sys.path.insert(0, str(ROOT / "benchmarks"))

from mutants.making import good_queries, spare_of  # noqa: E402
from mutants.others import OTHER_RECORDS  # noqa: E402
from mutants.reading import as_good  # noqa: E402
from mutants.spellings import spellings  # noqa: E402
from mutations import APIS, Tally, run  # noqa: E402

GOOD = 12


@lru_cache
def records(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@lru_cache
def tally(name: str) -> Tally:
    api, found = load_api(name), Tally()
    goods, replica = good_queries(api, records(name), GOOD), Replica.from_records(api, records(name))
    assert run(api, goods, spare_of(api, records(name)), replica, found) > 15 * GOOD
    return found


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("expected", ["same", "same records"])
def test_no_other_spelling_is_taken_for_another_query(name, expected):
    assert [odd for odd in tally(name).odd if odd["expected"] == expected] == []


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("expected", ["other records", "other presentation"])
def test_nineteen_of_twenty_neighbours_are_told_apart(name, expected):
    assert tally(name).share(expected) >= 0.95, tally(name).odd


def test_every_mutation_is_tried():
    tried = {name for api in APIS for name in tally(api).counts["other records"]}
    assert tried == set(OTHER_RECORDS)


@pytest.mark.parametrize("name", APIS)
def test_probes_agree_with_the_canonical_form_on_what_is_the_same(name):
    """The two ways to know it are independent: one rewrites queries, the other runs them."""
    api, random = load_api(name), Random(0)
    for good in good_queries(api, records(name), 6):
        left = reading_of(good.query(), api)
        for mutant in spellings(good, api, random):
            found = same_records(left, reading_of(mutant.query, api), api, None)
            assert found.same, (mutant.name, to_text(good.query()), to_text(mutant.query), found.reason)


def test_the_same_seed_makes_the_same_queries():
    api = load_api("mygene")
    assert good_queries(api, records("mygene"), 20) == good_queries(api, records("mygene"), 20)
    assert spare_of(api, records("mygene")) == spare_of(api, records("mygene"))


@pytest.mark.parametrize("name", APIS)
def test_a_query_taken_apart_is_put_together_again(name):
    api, taken = load_api(name), 0
    for good in good_queries(api, records(name), 60):
        again = as_good(good.query(), api)
        if again is not None:
            taken += 1
            assert reading_of(again.query(), api).form == reading_of(good.query(), api).form
    assert taken > 30
