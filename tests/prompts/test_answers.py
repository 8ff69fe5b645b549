from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.prompts import read_answer, read_answer_leniently
from query_assistant.queries.request import to_text
from query_assistant.records import Query

GET = Query(query="/v3/query?q=symbol:CDK2 AND taxid:9606&fields=name")
POST = Query(query="/v3/query", body={"q": ["CDK2", "BRCA1"], "scopes": ["symbol"]})


@pytest.mark.parametrize("query", [GET, POST, Query(query="/v3/gene/1017"), Query(query="/v1/variant/chr1:g.35367G>A")])
def test_both_readings_take_a_bare_call(query: Query) -> None:
    assert read_answer(f" {to_text(query)}\n") == query
    assert read_answer_leniently(to_text(query)) == query


WRAPPED = {
    "fence": f"```\n{to_text(GET)}\n```",
    "fence with language": f"Sure!\n```http\n{to_text(GET)}\n```\nThis finds it.",
    "open fence": f"```\n{to_text(GET)}",
    "inline code": f"Use `{to_text(GET)}` for that.",
    "label": f"Query: {to_text(GET)}",
    "method": f"GET {to_text(GET)}",
    "quotes": f'The call is "{to_text(GET)}".',
    "url": f"https://mygene.info{to_text(GET)}",
    "host alone": f"mygene.info{to_text(GET)}",
    "no slash": to_text(GET)[1:],
    "encoded": "https://mygene.info/v3/query?q=symbol%3ACDK2%20AND+taxid:9606&fields=name",
    "full stop": f"The call is {to_text(GET)}.",
    "second line": f"Here you are:\n{to_text(GET)}\nIt asks for names.",
    "curl": f'curl "https://mygene.info{to_text(GET)}"',
}


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED.keys())
def test_only_the_lenient_reading_unwraps(text: str) -> None:
    strict = read_answer(text)
    assert strict is None or strict != GET
    assert read_answer_leniently(text) == GET


@pytest.mark.parametrize("text", [f"```\n{to_text(POST)}\n```", f"Use {to_text(POST)} to look up both."])
def test_a_wrapped_post_keeps_its_body(text: str) -> None:
    assert read_answer(text) is None
    assert read_answer_leniently(text) == POST


def test_signs_that_must_stay_encoded_do() -> None:
    answer = read_answer_leniently("https://mygene.info/v3/query?q=name%3A%22a%26b%22%20%2B%25")
    assert answer == Query(query='/v3/query?q=name:"a%26b" %2B%25')


@pytest.mark.parametrize("text", ["", "I do not know.", "SELECT * FROM genes", "POST /v3/query {broken", "/\n/"])
def test_what_holds_no_call_is_none(text: str) -> None:
    assert read_answer_leniently(text) is None
    assert read_answer(text) is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_readings(text: str) -> None:
    read_answer_leniently(text)
    strict = read_answer(text)
    assert strict is None or read_answer_leniently(text) == strict


def test_a_megabyte_of_prose_is_read_quickly() -> None:
    assert read_answer_leniently("no v3 here `" * 100_000) is None


@pytest.mark.parametrize("levels", [51, 200, 900, 100_000])
def test_a_body_too_deep_to_be_read_again_is_no_answer(levels: int) -> None:
    text = f'POST /v3/query {{"q":{"[" * levels}{"]" * levels}}}'
    assert read_answer(text) is None
    assert read_answer_leniently(f"Try this: {text}") is None
