"""What the harness has no metric for."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from query_assistant.forgetting.scoring import bits_per_byte, read_call, score_call

RIGHT = {
    "country_info.capital": {
        "country": ["Brazil", "Federative Republic of Brazil"],
        "year": [2020, 2021],
        "exact": ["", True],
        "place": ["", {"lat": [-15.5], "unit": ["", "deg"]}],
        "tags": ["", ["a", "b"]],
    }
}


def test_bits_per_byte_are_of_the_text_in_utf_8() -> None:
    assert bits_per_byte({"text": "müde"}, [-10 * math.log(2)]) == {"bits_per_byte": pytest.approx(2.0)}


@pytest.mark.parametrize(
    ("text", "call", "function"),
    [
        ("country_info.capital(country='Brazil', year=2020)", 1, 1),
        ('country_info.capital(country="federative republic-of BRAZIL", year=2021.0, exact=True)', 1, 1),
        ("```python\ncountry_info.capital(country='Brazil', year=2020)\n```", 1, 1),
        ("[country_info.capital(country='Brazil', year=2020, tags=['a', 'B'])]", 1, 1),
        ("country_info.capital(country='Brazil', year=2020, place={'lat': -15.5})", 1, 1),
        ("country_info.capital(country='Brazil', year=2020, place={'lat': 15.5})", 0, 1),
        ("country_info.capital(country='Brazil', year=2020, place={'lat': -15.5, 'lon': 1})", 0, 1),
        ("country_info.capital(country='Brazil', year=2020, tags=['b', 'a'])", 0, 1),
        ("country_info.capital(country='Brazil')", 0, 1),  # a required one is missing
        ("country_info.capital(country='Brazil', year=2020, planet='Earth')", 0, 1),  # invented
        ("country_info.capital(country='Brazil', year=2020, exact=False)", 0, 1),
        ("country_info.capital(country='Brazil', year=True)", 0, 1),
        ("country_info.capital('Brazil', 2020)", 0, 0),  # not by name
        ("country_info.population(country='Brazil', year=2020)", 0, 0),
        ("The capital is Brasília.", 0, 0),
        ("country_info.capital(country=open('/etc/passwd'), year=2020)", 0, 0),
        ("country_info.capital(**{'country': 'Brazil'})", 0, 0),
        ("", 0, 0),
    ],
)
def test_a_call_is_right_if_function_and_arguments_are(text: str, call: int, function: int) -> None:
    assert score_call({"answer": json.dumps(RIGHT)}, [text]) == {"call": call, "function": function}


@pytest.mark.parametrize("text", ["(" * 5000, "f(" + "[" * 3000, "f(x=" + "-" * 3000 + "1)", "f(\0)", "\ud800()"])
def test_no_answer_breaks_the_reader(text: str) -> None:
    assert read_call(text) is None


@pytest.mark.parametrize(
    ("text", "call"), [("f(x=1)\nand more = (", None), ("y = f(x=[1, {'a': None}])", ("f", {"x": [1, {"a": None}]}))]
)
def test_what_is_no_syntax_is_no_call(text: str, call: Any) -> None:
    assert read_call(text) == call
