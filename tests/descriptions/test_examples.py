"""Examples: a short, typical, real value for each leaf."""

from __future__ import annotations

from query_assistant.apis.fields import Field, FieldType, Schema
from query_assistant.descriptions.examples import LONGEST, example_values


def schema(**types: FieldType) -> Schema:
    return Schema({name: Field(name, kind, indexed=True, searched_by_default=False) for name, kind in types.items()})


def test_texts_are_shown_on_one_line_and_blank_ones_not_at_all() -> None:
    assert example_values([{"a": "x \n y", "d": " "}], schema(a="text", d="text")) == {"a": "x y"}


def test_the_most_frequent_value_is_typical() -> None:
    records = [{"kind": kind} for kind in ("pseudo", "ncRNA", "protein-coding", "protein-coding")]
    assert example_values(records, schema(kind="keyword")) == {"kind": "protein-coding"}


def test_where_no_value_repeats_the_first_of_middling_length_is_shown() -> None:
    records = [{"id": value} for value in ("A", "BBBB", "CCC", "DDD", "EEEEEEEE")]
    assert example_values(records, schema(id="keyword")) == {"id": "CCC"}


def test_a_long_value_is_shown_only_where_there_is_no_short_one_and_then_cut() -> None:
    long = "word " * 40
    assert example_values([{"t": long}, {"t": long}, {"t": "short"}], schema(t="text")) == {"t": "short"}
    cut = example_values([{"t": long}], schema(t="text"))["t"]
    assert cut == ("word " * 40)[: LONGEST - 1].rstrip() + "…"


def test_fields_without_value_and_values_without_field_are_left_out() -> None:
    assert example_values([{"known": 0.5, "unknown": "x"}], schema(known="float", empty="text")) == {"known": "0.5"}


def test_zeros_and_placeholders_are_shown_only_where_there_is_nothing_else() -> None:
    records = [{"n": 0, "atc": "NA", "only": "-"}] * 3 + [{"n": 7, "atc": "L01BC05"}]
    found = example_values(records, schema(n="integer", atc="keyword", only="text"))
    assert found == {"n": "7", "atc": "L01BC05", "only": "-"}
