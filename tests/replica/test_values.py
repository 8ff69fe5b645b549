from __future__ import annotations

import math

import pytest

from query_assistant.replica.values import Misfit, boolean, iso, moments, number_of, stored_number

DAY = 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970", 0, 365 * DAY - 1),
        ("1970-02", 31 * DAY, 59 * DAY - 1),
        ("1970-01-02", DAY, 2 * DAY - 1),
        ("1970-01-01T01", 3600_000, 2 * 3600_000 - 1),
        ("1970-01-01T00:00:01Z", 1000, 1999),
        ("1970-01-01T00:00:00.250Z", 250, 250),
        ("1970-01-01T02:00:00.000+02:00", 0, 0),
        ("86400000", DAY, DAY),
    ],
)
def test_a_date_names_a_stretch_of_time(text: str, first: int, last: int) -> None:
    assert moments(text) == (first, last)


def test_a_leap_year_is_a_day_longer() -> None:
    assert moments("2020")[1] - moments("2020")[0] + 1 == 366 * DAY


@pytest.mark.parametrize("text", ["", "2021-02-29", "20", "2020-13", "now", "2020-01-01T25"])
def test_what_is_no_date_is_a_misfit(text: str) -> None:
    with pytest.raises(Misfit):
        moments(text)


def test_moments_are_shown_in_iso_form() -> None:
    assert iso(moments("2020-02-29T12:30:15.007Z")[0]) == "2020-02-29T12:30:15.007Z"


@pytest.mark.parametrize(
    ("kind", "value", "expected"), [("integer", "05", 5), ("long", "2.5", 2.5), ("float", "1e2", 100)]
)
def test_numbers_are_read_in_any_spelling(kind: str, value: str, expected: float) -> None:
    assert number_of(kind, value) == expected


@pytest.mark.parametrize("value", ["", "x", "0x10", "1_000", "nan", "Infinity", True, None, [1]])
def test_what_is_no_number_is_a_misfit(value: object) -> None:
    with pytest.raises(Misfit):
        number_of("double", value)


def test_float_fields_compare_in_single_precision() -> None:
    assert number_of("float", 0.1) == number_of("float", "0.1") != number_of("double", "0.1")
    assert number_of("float", 1e300) == math.inf


def test_integer_fields_cut_decimals_of_records_off_and_refuse_what_is_too_large() -> None:
    assert stored_number("integer", "7.9") == 7
    with pytest.raises(Misfit):
        stored_number("long", 2**63)


@pytest.mark.parametrize(("value", "expected"), [(True, "true"), ("false", "false"), ("", "false")])
def test_booleans_are_spelled_in_lower_case(value: object, expected: str) -> None:
    assert boolean(value) == expected


@pytest.mark.parametrize("value", ["True", "yes", 1, 0, None])
def test_other_words_are_no_booleans(value: object) -> None:
    with pytest.raises(Misfit):
        boolean(value)
