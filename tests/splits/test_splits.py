"""No skeleton in two parts, no leak into training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from query_assistant.apis import Api, load_api
from query_assistant.errors import LeakError
from query_assistant.records import BenchmarkItem, Pair, Query
from query_assistant.retrieval.linking import mark
from query_assistant.splits import Parts, SplitSettings, check_leaks, find_leaks, split


@pytest.fixture(scope="module")
def apis() -> dict[str, Api]:
    return {"mygene": load_api("mygene")}


def pair(number: int, query: str, instruction: str, skeleton: str | None = None) -> Pair:
    return Pair(
        id=f"p{number}", api="mygene", instruction=instruction, query=query, form="imperative", origin="log",
        skeleton=skeleton or query,
    )  # fmt: skip


def item(query: str, instruction: str, alternatives: Sequence[str] = ()) -> BenchmarkItem:
    others = tuple(Query(query=each) for each in alternatives)
    return BenchmarkItem(
        id="b1", api="mygene", instruction=instruction, query=query, tags=("plain",), alternatives=others
    )


def corpus(skeletons: int, each: int) -> list[Pair]:
    """Two instructions for every query, `each` queries to a skeleton."""
    fields = ("symbol", "name", "alias", "HGNC", "MIM")
    return [
        pair(
            1000 * shape + 10 * value + form,
            f"/v3/query?q={fields[shape % 5]}:v{shape}x{value}&size={shape + 1}",
            f"{'find' if form else 'which'} {fields[shape % 5]} v{shape}x{value} number {shape} {value} {form}",
            f"skeleton {shape}",
        )
        for shape in range(skeletons)
        for value in range(each)
        for form in range(2)
    ]


def test_split_never_puts_one_skeleton_in_two_parts_save_in_the_seen_view(apis: dict[str, Api]) -> None:
    parts = split(corpus(60, 4), apis, [], SplitSettings(test_fraction=0.2, validation_fraction=0.1, seed=5))
    shapes = {name: {each.skeleton for each in part} for name, part in vars(parts).items() if name != "report"}
    unseen = {each.skeleton for each in parts.test if each.view == "unseen_skeleton"}
    seen = {each.skeleton for each in parts.test if each.view == "seen_skeleton"}

    assert all(shapes.values()) and unseen and seen
    assert not shapes["train"] & shapes["validation"]
    assert not unseen & (shapes["train"] | shapes["validation"] | seen)
    assert seen <= shapes["train"]


def test_what_a_shared_model_was_taught_is_held_out_of_no_smaller_run(apis: dict[str, Api]) -> None:
    knobs = SplitSettings(test_fraction=0.3, validation_fraction=0.2, seed=2)
    pairs = corpus(40, 4)
    whole = split(pairs, apis, [], knobs)
    taught = frozenset(mark(pair) for pair in whole.train)
    same = split(pairs, apis, [], knobs, taught=taught)
    assert (same.train, same.validation, same.test) == (whole.train, whole.validation, whole.test)

    some = [pair for number, pair in enumerate(pairs) if number % 8 < 4]  # other queries would be given up
    assert any(mark(pair) in taught for pair in split(some, apis, [], knobs).test)
    parts = split(some, apis, [], knobs, taught=taught)
    assert parts.train and parts.validation and parts.test
    assert not [pair for pair in [*parts.validation, *parts.test] if mark(pair) in taught]


def test_all_instructions_of_a_query_go_the_same_way(apis: dict[str, Api]) -> None:
    parts = split(corpus(40, 4), apis, [], SplitSettings(test_fraction=0.3, validation_fraction=0.2, seed=2))
    places: dict[str, set[str]] = {}
    for name in ("train", "validation", "test"):
        for each in getattr(parts, name):
            places.setdefault(each.query, set()).add(name)

    assert all(len(found) == 1 for found in places.values())


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.4), st.floats(0.05, 0.3))
def test_every_pair_lands_somewhere_and_a_split_never_leaks(seed: int, test: float, validation: float) -> None:
    loaded = {"mygene": load_api("mygene")}
    pairs = corpus(30, 3)
    chosen = SplitSettings(test_fraction=test, validation_fraction=validation, seed=seed)
    parts = split(pairs, loaded, [], chosen)

    landed = len(parts.train) + len(parts.validation) + len(parts.test) + sum(parts.report.removed.values())
    assert landed == len(pairs)
    check_leaks(parts, loaded, [], chosen.similarity)


def test_new_pairs_do_not_move_held_out_skeletons(apis: dict[str, Api]) -> None:
    chosen = SplitSettings(test_fraction=0.3, validation_fraction=0.2, seed=4)
    before, after = (split(corpus(count, 2), apis, [], chosen) for count in (20, 30))

    assert {each.id for each in before.validation} <= {each.id for each in after.validation}
    unseen = [{each.id for each in parts.test if each.view == "unseen_skeleton"} for parts in (before, after)]
    assert unseen[0] <= unseen[1]


@pytest.mark.parametrize(
    ("query", "instruction", "kind"),
    [
        ("/v3/query?q=symbol:INS", "Find the gene  cdk2!", "instruction"),
        ("/v3/query?size=10&q=symbol:cdk2&from=0", "What is there on it?", "canonical"),
    ],
)
def test_equal_meaning_is_a_leak_however_it_is_spelled(
    apis: dict[str, Api], query: str, instruction: str, kind: str
) -> None:
    train = [pair(1, "/v3/query?q=symbol:CDK2", "Find the gene CDK2", "a")]
    held_out = [pair(2, query, instruction, "b")]

    assert [leak.kind for leak in find_leaks(train, held_out, [], apis, 0.95)] == [kind]


def test_near_instructions_leak_only_with_the_same_values(apis: dict[str, Api]) -> None:
    train = [pair(1, "/v3/query?q=symbol:CDK2", "Please find me the one gene with symbol CDK2", "a")]
    same = [pair(2, "/v3/query?q=alias:CDK2", "find me the one gene with symbol CDK2", "b")]
    other = [pair(3, "/v3/query?q=alias:CDK4", "find me the one gene with symbol CDK4", "c")]

    assert [(leak.kind, leak.held_out.id) for leak in find_leaks(train, [*same, *other], [], apis, 0.7)] == [
        ("near", "p2")
    ]


def test_embeddings_find_what_words_do_not(apis: dict[str, Api]) -> None:
    def alike(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray([[1.0, 0.1 * ("gene" in text)] for text in texts], dtype=np.float32)

    train = [pair(1, "/v3/query?q=symbol:CDK2&sort=taxid", "give CDK2 by taxid", "a")]
    benchmark = [item("/v3/query?q=alias:CDK2", "gene CDK2 by alias")]

    assert find_leaks(train, [], benchmark, apis, 0.95) == []
    assert [leak.kind for leak in find_leaks(train, [], benchmark, apis, 0.95, alike)] == ["benchmark"]


def test_pairs_that_give_away_the_benchmark_leave_training_and_not_the_reverse(apis: dict[str, Api]) -> None:
    benchmark = [item("/v3/query?q=name:other", "something else", alternatives=["/v3/query?q=name:v1x1&size=2&from=0"])]
    pairs = [each for each in corpus(12, 2) if each.skeleton == "skeleton 1"] + corpus(3, 2)[:2]
    parts = split(pairs, apis, benchmark, SplitSettings(test_fraction=0.01, validation_fraction=0.01, seed=1))

    assert dict(parts.report.removed) == {"canonical": 2}
    assert "/v3/query?q=name:v1x1&size=2" not in {each.query for each in parts.train}


def test_a_leak_stops_the_stage_and_names_an_example(apis: dict[str, Api]) -> None:
    leaking = Parts(
        train=[pair(1, "/v3/query?q=symbol:CDK2", "Find CDK2", "a")],
        validation=[],
        test=[pair(2, "/v3/query?q=symbol:CDK2", "CDK2, please", "a")],
    )
    with pytest.raises(LeakError, match=r"2 leaks into training, expected none: canonical: p1 'Find CDK2' ~ p2"):
        check_leaks(leaking, apis, [], 0.95)
