"""A nested document is taken apart in one way: by dotted paths where it is a record, by keys where it is settings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.nesting import is_shallow, keyed_values, leaf_texts, leaf_values, values_at

SCALARS = st.none() | st.booleans() | st.integers() | st.text("ab", max_size=2)
KEYS = st.text("kl", min_size=1, max_size=1)
VALUES = st.recursive(SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=2))
RECORDS = st.dictionaries(KEYS, VALUES, max_size=2)


def test_leaves_stand_in_the_order_of_the_record_and_arrays_of_objects_are_flattened() -> None:
    record = {"a": [{"b": 1, "c": [2, [3]]}, {"b": None}], "e": [], "f": {}, "d": "x"}
    assert leaf_values(record) == [("a.b", 1), ("a.c", 2), ("a.c", 3), ("a.b", None), ("e", []), ("d", "x")]


def test_texts_are_those_of_query_text_and_what_holds_nothing_has_none() -> None:
    record = {"a": [{"b": 1}, {"b": [True, False]}], "c": {"d": "x"}, "e": None, "f": [], "g": 0.5}
    assert list(leaf_texts(record)) == [("a.b", "1"), ("a.b", "true"), ("a.b", "false"), ("c.d", "x"), ("g", "0.5")]


@given(RECORDS)
def test_every_leaf_stands_at_its_path(record: dict[str, Any]) -> None:
    for path, value in leaf_values(record):
        assert value == [] or any(value is found for found in values_at(record, path))


def test_keys_may_hold_dots_themselves() -> None:
    assert list(values_at({"go.BP": [{"id": 1}, {"id": [2, 3]}], "go": {"BP": {"id": 4}}}, "go.BP.id")) == [1, 2, 3]
    assert list(values_at({"go": 1}, "go.BP")) == []


def test_a_record_nested_beyond_pythons_stack_is_taken_apart() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = {"a": [deep]}
    assert leaf_values(deep) == [(".".join("a" * 5_000), "x")]


def test_settings_go_by_their_keys_and_a_list_is_one_value() -> None:
    settings = {"seed": 17, "generate": {"rag": {"k": 8}, "examples": ["few_shot"]}, "empty": {}}
    assert dict(keyed_values(settings)) == {
        ("seed",): 17,
        ("generate", "rag", "k"): 8,
        ("generate", "examples"): ["few_shot"],
    }
    assert dict(keyed_values(settings, 2)) == {
        ("seed",): 17,
        ("generate", "rag"): {"k": 8},
        ("generate", "examples"): ["few_shot"],
    }


@pytest.mark.parametrize(("value", "levels"), [("x", 1), ([], 1), ({}, 1), ([1], 2), ({"a": [[]]}, 3), ([[], 1], 2)])
def test_a_value_is_as_deep_as_its_deepest_part(value: Any, levels: int) -> None:
    assert is_shallow(value, levels) and not is_shallow(value, levels - 1)
