"""The index against the oracle on random records and trees, and the rules that deserve a name."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import Api
from query_assistant.apis.fields import Field, Schema
from query_assistant.errors import RequestError
from query_assistant.files import atomic_writer
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    Interval,
    Match,
    MatchAll,
    MatchNone,
    Node,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)
from query_assistant.replica import Replica
from query_assistant.replica.building import index_of, open_index
from query_assistant.replica.layout import Layout
from query_assistant.replica.matching import Matcher
from query_assistant.replica.ranking import Ranker

from . import oracle

FIELDS = [
    Field("title", "text", True, True),
    Field("code", "keyword", True, True),
    Field("Code", "keyword", True, False),
    Field("label", "text", True, False, "string_lowercase"),
    Field("accession", "text", True, False, "refseq_analyzer"),
    Field("count", "integer", True, False),
    Field("score", "float", True, False),
    Field("flag", "boolean", True, False),
    Field("day", "date", True, False),
    Field("item", "object", True, False),
    Field("item.note", "text", True, False),
    Field("item.code", "keyword", True, False),
    Field("stored", "text", False, False),
    Field("place", "object", True, False),
    Field("place.chr", "keyword", True, False),
    Field("place.start", "integer", True, False),
    Field("place.end", "integer", True, False),
]
LAYOUT = Layout(Schema({field.name: field for field in FIELDS}), frozenset({"place"}), frozenset({"Code"}))

WORDS = ["a", "b", "ab", "ba", "abc", "A1", "1", "2", "c3"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=5).flatmap(
    lambda words: st.sampled_from([" ".join(words), "-".join(words), "/ ".join(words)])
)
DAYS = ["2019-12-31", "2020-01-01", "2020-02-29", "2021-05-06"]
PLACES = st.fixed_dictionaries(
    {"chr": st.sampled_from(["1", "X", "x"]), "start": st.integers(0, 9), "end": st.integers(0, 9)}
)


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.lists(values, max_size=3))


RECORDS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "title": one_or_more(TEXTS),
            "code": one_or_more(TEXTS),
            "Code": one_or_more(st.sampled_from(WORDS)),
            "label": one_or_more(TEXTS),
            "accession": one_or_more(st.sampled_from(["NMa.1", "nma.2", "NMb", "x.y.z"])),
            "count": one_or_more(st.integers(-3, 12)),
            "score": one_or_more(st.sampled_from([0.0, 0.5, 1.0, 2.25, -1.5])),
            "flag": st.booleans(),
            "day": one_or_more(st.sampled_from(DAYS)),
            "item": one_or_more(st.fixed_dictionaries({}, optional={"note": TEXTS, "code": st.sampled_from(WORDS)})),
            "stored": TEXTS,
            "unknown": TEXTS,
            "place": one_or_more(PLACES),
        },
    ),
    max_size=8,
).map(lambda records: [{"_id": WORDS[place], **record} for place, record in enumerate(records)])

NAMES = st.one_of(
    st.none(),
    st.sampled_from([*oracle.KINDS, "item.*", "*ode", "item", "unknown", "stored", "place.chr", "place"]),
)
VALUES = st.one_of(
    st.sampled_from([*WORDS, "0.5", "2.25", "12", "-1", "true", "false", "2020", "2020-02", "2020-01-01", "NMb"]),
    st.sampled_from(["nma.1", "X.Y.z"]),
    TEXTS.filter(bool),
)
BOUNDS = st.one_of(st.none(), st.sampled_from([*WORDS, *DAYS, "0", "2.25", "11", "true", "a b"]))
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(lambda name, value, op: Words(name, (value,), op), NAMES, VALUES, st.sampled_from(["and", "or"])),
    st.builds(Phrase, NAMES, VALUES, st.integers(0, 3)),
    st.builds(Wildcard, NAMES, st.sampled_from(["*", "a*", "*B", "?", "a?c", "*b*", "A1", "nm*"])),
    st.builds(Fuzzy, NAMES, st.sampled_from(WORDS), st.integers(0, 2)),
    st.builds(Regex, NAMES, st.sampled_from(["a.*", "[ab]+", "(a|c)[0-9]?", "nm.*"])),
    st.builds(Range, NAMES, BOUNDS, BOUNDS, st.booleans(), st.booleans()),
    st.builds(Exists, st.sampled_from([*oracle.KINDS, "item", "unknown", "place"])),
    st.sampled_from([MatchAll(), MatchNone()]),
    st.builds(
        lambda low, length, name: Interval("place", "place.chr", name, low, low + length),
        st.integers(0, 9),
        st.integers(0, 4),
        st.sampled_from(["1", "X"]),
    ),
    st.builds(
        Match,
        st.lists(st.sampled_from(sorted(oracle.KINDS)), min_size=1, max_size=3).map(tuple),
        VALUES,
        st.sampled_from(["all", "any", "phrase", "whole"]),
    ),
)


def groups(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Boolean, parts, parts, parts),
        st.builds(Boost, inner, st.just(2.0)),
        st.lists(st.tuples(st.just(3.0), inner), min_size=1, max_size=2).map(lambda pairs: BestOf(tuple(pairs))),
    )


TREES = st.recursive(LEAVES, groups, max_leaves=6)


def found(records: list[dict[str, Any]], node: Node) -> list[str]:
    index, _ = index_of(LAYOUT, records)
    return [index.ids[doc] for doc in np.flatnonzero(Matcher(index).matches(node))]


@settings(max_examples=120, deadline=None)
@given(RECORDS, TREES)
def test_the_index_finds_what_the_records_say(records: list[dict[str, Any]], node: Node) -> None:
    assert found(records, node) == [record["_id"] for record in records if oracle.matches(node, record)]


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(RECORDS, TREES)
def test_the_index_finds_what_the_records_say_at_length(records: list[dict[str, Any]], node: Node) -> None:
    assert found(records, node) == [record["_id"] for record in records if oracle.matches(node, record)]


@settings(max_examples=40, deadline=None)
@given(RECORDS, TREES)
def test_scores_are_finite_zero_outside_and_never_negative(records: list[dict[str, Any]], node: Node) -> None:
    index, _ = index_of(LAYOUT, records)
    matcher = Matcher(index)
    mask, scores = matcher.matches(node), Ranker(matcher).scores(node)
    assert np.isfinite(scores).all() and (scores >= 0).all()
    assert not scores[~mask].any()


@settings(max_examples=10, deadline=None)
@given(RECORDS.filter(bool), st.lists(TREES, min_size=1, max_size=4))
def test_an_index_from_disk_is_the_index_in_memory(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], nodes: list[Node]
) -> None:
    folder = tmp_path_factory.mktemp("disk")
    with atomic_writer(folder / "made.jsonl") as out:
        out.writelines(json.dumps(record) + "\n" for record in records)
    memory, _ = index_of(LAYOUT, records)
    disk, stored = open_index(LAYOUT, folder / "made.jsonl", folder / "cache")
    again, _ = open_index(LAYOUT, folder / "made.jsonl", folder / "cache")
    assert [stored[doc] for doc in range(len(stored))] == records
    for node in nodes:
        expected = Matcher(memory)
        for index in (disk, again):
            matcher = Matcher(index)
            assert (matcher.matches(node) == expected.matches(node)).all()
            assert (Ranker(matcher).scores(node) == Ranker(expected).scores(node)).all()


TEN = [
    {"_id": "1", "title": "alpha beta", "code": "One", "count": 1, "item": [{"code": "x", "note": "p"}, {"code": "y"}]},
    {"_id": "2", "title": ["alpha", "beta"], "Code": "One", "count": [2, 20], "flag": True},
    {"_id": "3", "title": "beta-alpha", "label": "Two Words", "day": "2020-02-29", "flag": False, "count": 3},
    {"_id": "4", "accession": ["NM_1.1", "NM_7.3"], "score": 0.1, "place": [{"chr": "1", "start": 5, "end": 9}]},
    {"_id": "5", "place": [{"chr": "1", "start": 50, "end": 60}, {"chr": "X", "start": 1, "end": 9}], "stored": "s"},
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('title:"alpha beta"', ["1"]),  # not across the values of record 2
        ('title:"alpha beta"~2', ["1", "3"]),
        ("title:(alpha beta)", ["1", "2", "3"]),
        ("title:beta-alpha", ["1", "2", "3"]),
        ("code:ONE", ["1"]),
        ("Code:one", []),
        ("Code:One", ["2"]),
        ("label:(two words)", ["3"]),
        ("label:two", []),
        ("item.code:x AND item.note:p", ["1"]),
        ("item.code:y AND item.note:p", ["1"]),  # flattened: two items may share the conditions
        ("accession:nm_1.9", ["4"]),  # another version has the same prefix
        ("count:>=3 AND count:<=3", ["2", "3"]),  # 2 and 20 satisfy one half each
        ("count:[3 TO 3]", ["3"]),
        ("count:02", ["2"]),
        ("count:2.5", []),
        ("count:two", []),
        ("score:0.1", ["4"]),  # compared in single precision
        ("flag:true", ["2"]),
        ("flag:True", []),
        ("day:2020", ["3"]),
        ("day:[2020-03 TO *]", []),
        ("day:{2019 TO 2020}", []),  # after the whole of 2019, before 2020 began
        ("day:[2020 TO 2020]", ["3"]),
        ("_exists_:item", ["1"]),
        ("_exists_:place", []),
        ("place.chr:1", []),
        ("place.start:*", []),
        ("stored:s", []),
        ("_exists_:stored", []),
        ("nowhere:s", []),
        ("title:alpha AND title:/", ["1", "2", "3"]),  # no token, no clause
        ("NOT title:alpha", ["4", "5"]),
        ("title:alpha OR NOT code:one", ["2", "3"]),
        ("one", ["1"]),
        ("_id:3", ["3"]),
        ("_id:3*", []),
    ],
)
def test_small_records_are_found_as_the_servers_find_them(text: str, expected: list[str]) -> None:
    text = text.replace(":/", ':"/"')
    assert found(TEN, parse_text(text)) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (("1", 9, 49), ["4"]),
        (("1", 10, 49), []),
        (("1", 1, 9), ["4"]),
        (("x", 1, 1), ["5"]),
        (("1", 5, 50), ["4", "5"]),
    ],
)
def test_an_interval_needs_one_position_with_chromosome_and_overlap(
    interval: tuple[str, int, int], expected: list[str]
) -> None:
    assert found(TEN, Interval("place", "place.chr", *interval)) == expected


@pytest.mark.parametrize(
    "node",
    [
        Words("count", ("two",)),
        Range("count", "a", None),
        Wildcard("count", "1*"),
        Fuzzy("day", "2020", 1),
        Words("flag", ("yes",)),
        Words("day", ("yesterday",)),
        Words("day", ("2021-02-29",)),
        Regex("_id", "1"),
        Words("stored", ("s",)),
    ],
)
def test_a_misfit_is_an_error_only_in_strict_text(node: Node) -> None:
    assert found(TEN, node) == []
    with pytest.raises(RequestError):
        found(TEN, Strict(node))


def test_strict_words_without_a_field_never_misfit() -> None:
    assert found(TEN, Strict(Range(None, "a", "b"))) == ["1", "2", "3"]


def test_a_tree_too_deep_for_the_machine_is_refused() -> None:
    node: Node = Words("code", ("one",))
    for _ in range(5000):
        node = Boolean(must=(node,), must_not=(MatchNone(),))
    with pytest.raises(RequestError, match="nested too deeply"):
        found(TEN, node)


def test_regular_expressions_that_explode_are_refused() -> None:
    letters = random.Random(1)
    values = ["".join(letters.choices("ab", k=60)) for _ in range(1000)]
    with pytest.raises(RequestError, match="too complex"):
        found([{"_id": "1", "code": values}], Regex("code", "(a|b)*a(a|b){16}"))


def test_probes_need_no_index_on_disk(mygene: Api, ids: Callable[[str, str], tuple[str, ...]]) -> None:
    replica = Replica.from_records(mygene, [{"_id": "a", "symbol": "CDK2"}, {"_id": "b", "symbol": "CDK3"}])
    assert (len(replica), replica.matching(Words("symbol", ("cdk3",)))) == (2, ("b",))


def test_an_empty_replica_answers(mygene: Api, tmp_path: Path) -> None:
    replica = Replica.from_records(mygene, [])
    assert replica.matching(parse_text("a b* c~ [1 TO 2] NOT _exists_:go")) == ()
