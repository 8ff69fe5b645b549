"""Numbers that are said can be read again."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.verbalising.numbers import in_words, numbers_in, ordinal, say_count, say_stretch, say_value


@given(st.integers(0, 20_000), st.integers(0, 10_000))
def test_every_way_to_say_a_count_is_read_back(number: int, seed: int) -> None:
    assert Decimal(number) in numbers_in(f"show {say_count(number, random.Random(seed))} of them")


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_every_ordinal_is_read_back(number: int, seed: int) -> None:
    assert Decimal(number) in numbers_in(f"the {ordinal(number, random.Random(seed))} page")


@given(st.integers(1, 2500), st.integers(1, 3000), st.sampled_from([1, 137, 1000, 100_000]), st.integers(0, 1000))
def test_every_stretch_is_read_back(start: int, width: int, step: int, seed: int) -> None:
    low, high = start * step, (start + width) * step
    said = say_stretch(low, high, random.Random(seed))

    assert {Decimal(low), Decimal(high)} <= numbers_in(f"between {said[0]} and {said[1]} on chromosome 7")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("at least fifty hits", {"50"}),
        ("twenty-five", {"25"}),
        ("a dozen", {"12"}),
        ("1,000 or 2000", {"1000", "2000"}),
        ("two hundred", {"2", "200"}),
        ("the third page", {"3"}),
        ("5% or more", {"5", "0.05"}),
        ("from 1 to 2.5 Mb", {"1", "1000000", "2.5", "2500000"}),
        ("a single one", {"1"}),
        ("the first hundred", {"1", "100"}),
        ("the top thousand", {"1000"}),
        ("rs123 and NM_001.2", set()),
        ("-0.5 to 1e-5", {"-0.5", "0.00001"}),
    ],
)
def test_numbers_in_finds_what_a_reader_would(text: str, numbers: set[str]) -> None:
    assert numbers_in(text) == {Decimal(number) for number in numbers}


def test_years_are_never_grouped() -> None:
    assert {say_value("1995", random.Random(seed), year=True) for seed in range(30)} == {"1995"}


def test_words_end_where_people_stop_spelling_out() -> None:
    assert [in_words(number) for number in (0, 13, 42, 300, 137)] == [
        "zero",
        "thirteen",
        "forty-two",
        "three hundred",
        None,
    ]
