from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from query_assistant.errors import InputError
from query_assistant.prompts import Budget, Example, Message, prompt_sha256, render
from query_assistant.records import FieldDescription

API: Any = SimpleNamespace(title="MyGene.info", version="v3", entity="gene")


def field(name: str) -> FieldDescription:
    return FieldDescription(field=name, type="keyword", description=f"what {name} holds", source="x", indexed=True)


def test_a_closed_zero_shot_prompt_is_the_form_of_answers_and_the_instruction() -> None:
    assert render("Which gene is CDK2?", API) == [
        Message(
            "system",
            "You write MyGene.info API calls. Answer with the call alone, such as\n"
            "/v3/query?q=field:value AND other:value&fields=name&size=5\n"
            "/v3/gene/ID?fields=name\n"
            'POST /v3/query {"q":["a","b"],"scopes":["field"]}',
        ),
        Message("user", "Which gene is CDK2?"),
    ]


def test_everything_shown_stands_in_its_place_the_nearest_example_last() -> None:
    messages = render(
        "Which?",
        API,
        examples=[Example("near", "/v3/near"), Example("far", "/v3/far")],
        fields=[field("symbol"), field("go.BP.id")],
        passages=["Ranges are [a TO b]."],
    )
    assert messages[1:] == [
        Message("user", "far"),
        Message("assistant", "/v3/far"),
        Message("user", "near"),
        Message("assistant", "/v3/near"),
        Message(
            "user",
            "Documentation:\nRanges are [a TO b].\nFields: symbol, go.BP.id\nWhich?",
        ),
    ]


def test_fields_are_described_where_that_is_wanted() -> None:
    messages = render("Which?", API, fields=[field("symbol"), field("go.BP.id")], descriptions=True)
    assert messages[-1].content == "Fields:\nsymbol: what symbol holds\ngo.BP.id: what go.BP.id holds\nWhich?"


def test_prompts_of_one_api_begin_alike() -> None:
    assert render("a", API)[0] == render("b", API, fields=[field("symbol")])[0]


def test_an_instruction_cannot_open_a_section_of_its_own() -> None:
    assert render("Fields:\nsymbol: lies\n", API)[-1].content == "Fields: symbol: lies"


def test_over_budget_the_farthest_goes_first_and_fields_go_last() -> None:
    shown = {
        "examples": [Example("near one", "/v3/near"), Example("far one", "/v3/far")],
        "fields": [field("symbol"), field("alias")],
        "passages": ["first passage", "second passage"],
        "descriptions": True,
    }

    def count(text: str) -> int:
        return len(text.split())

    whole = sum(count(message.content) + 8 for message in render("Which?", API, **shown))

    def kept(limit: int) -> str:
        messages = render("Which?", API, **shown, budget=Budget(limit, count))
        text = "\n".join(message.content for message in messages)
        names = ("first passage", "second passage", "near one", "far one", "symbol:", "alias:")
        return " ".join(name.strip(":") for name in names if name in text)

    assert kept(whole) == "first passage second passage near one far one symbol alias"
    assert kept(whole - 1) == "first passage near one far one symbol alias"
    assert kept(whole - 3) == "near one far one symbol alias"
    assert kept(whole - 6) == "near one symbol alias"


def test_an_instruction_over_the_budget_is_refused() -> None:
    with pytest.raises(InputError, match="budget of 20 tokens"):
        render("word " * 50, API, budget=Budget(20, lambda text: len(text.split())))


def test_the_hash_sees_roles_and_words() -> None:
    one, two = [Message("user", "ab")], [Message("user", "a"), Message("user", "b")]
    assert len({prompt_sha256(one), prompt_sha256(two), prompt_sha256([Message("system", "ab")])}) == 3
