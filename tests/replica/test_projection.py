from __future__ import annotations

from typing import Any

import pytest

from query_assistant.errors import RequestError
from query_assistant.replica.projection import Form, Projection

RECORD: dict[str, Any] = {
    "_id": "1",
    "symbol": "CDK2",
    "taxid": 9606,
    "go": {
        "BP": [{"id": "GO:1", "evidence": "IEA"}, {"id": "GO:2", "pubmed": [1, 2]}],
        "CC": {"id": "GO:3", "term": "cytosol"},
    },
    "ensembl": {"gene": "ENSG1", "transcript": []},
}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (["symbol"], {"symbol": "CDK2"}),
        (["symbol", "nowhere"], {"symbol": "CDK2"}),
        (["go.CC"], {"go": {"CC": {"id": "GO:3", "term": "cytosol"}}}),
        (["go.BP.id"], {"go": {"BP": [{"id": "GO:1"}, {"id": "GO:2"}]}}),
        (["go.BP.pubmed"], {"go": {"BP": [{"pubmed": [1, 2]}]}}),  # items with nothing to show are left out
        (["go.*.id"], {"go": {"BP": [{"id": "GO:1"}, {"id": "GO:2"}], "CC": {"id": "GO:3"}}}),
        (["*.term"], {"go": {"CC": {"term": "cytosol"}}}),
        (["ensembl"], {"ensembl": {"gene": "ENSG1", "transcript": []}}),
        (["go", "-go.BP"], {"go": {"CC": {"id": "GO:3", "term": "cytosol"}}}),
        (["-go", "-ensembl"], {"symbol": "CDK2", "taxid": 9606}),
        (["-go.*.id", "go"], {"go": {"BP": [{"evidence": "IEA"}, {"pubmed": [1, 2]}], "CC": {"term": "cytosol"}}}),
        (["sym"], {}),
        (["symbol.x"], {}),
    ],
)
def test_fields_choose_what_is_shown(fields: list[str], shown: dict[str, Any]) -> None:
    assert Projection.of(fields).of_record(RECORD) == shown


@pytest.mark.parametrize("fields", [None, [], ["all"], ["symbol", "all"]])
def test_nothing_asked_or_all_shows_everything(fields: list[str] | None) -> None:
    assert Projection.of(fields).of_record(RECORD) == {key: value for key, value in RECORD.items() if key != "_id"}


def test_dotfield_flattens_and_drops_empty_values_among_several() -> None:
    record = {"b": [{"c": 0}, {"c": 2}], "a": {"x": 1, "y": []}, "z": 0, "n": None}
    assert Form(dotfield=True).of_record(record) == {"a.x": 1, "a.y": [], "b.c": [2], "n": None, "z": 0}


def test_keys_are_sorted_at_every_level_unless_told_otherwise() -> None:
    record = {"b": [{"d": 1, "c": 2}], "a": 1}
    assert list(Form().of_record(record)) == ["a", "b"]
    assert list(Form().of_record(record)["b"][0]) == ["c", "d"]
    assert list(Form(ordered=False).of_record(record)) == ["b", "a"]


def test_always_list_and_allow_null_reach_into_lists_of_objects() -> None:
    form = Form(always_list=("symbol", "go.id"), allow_null=("go.term", "name"))
    assert form.of_record({"symbol": "A", "go": [{"id": "1"}, {"id": ["2"], "term": "t"}]}) == {
        "go": [{"id": ["1"], "term": None}, {"id": ["2"], "term": "t"}],
        "name": None,
        "symbol": ["A"],
    }


def test_the_record_itself_is_left_as_it_was() -> None:
    before = repr(RECORD)
    Form(
        dotfield=True, always_list=("symbol",), allow_null=("x",), keep_items="go.BP:id=GO:1".replace("GO:1", "1")
    ).of_record(RECORD)
    assert repr(RECORD) == before


def test_list_filter_keeps_items_that_fit_all_conditions() -> None:
    record = {"a": {"list": [{"k": "v1", "n": 1}, {"k": "v2", "n": 2}, {"k": "v1", "n": 2}, "text"]}}
    shown = Form(keep_items="a.list:k=v1, v3|n=2").of_record(record)
    assert shown == {"a": {"list": [{"k": "v1", "n": 2}]}}


@pytest.mark.parametrize("text", ["list:k=v", "a.list", "a.list:k", "a.list:k=v=w", "a.list:k=v:w"])
def test_a_list_filter_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="list_filter"):
        Form(keep_items=text).of_record({})
