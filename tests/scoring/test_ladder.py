from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from query_assistant.apis import load_api
from query_assistant.errors import InputError
from query_assistant.judging.comparison import compare
from query_assistant.judging.readings import reading_of
from query_assistant.records import Query
from query_assistant.replica import Replica
from query_assistant.scoring import Prediction, Reference, Results, read_predictions, read_references, score
from query_assistant.scoring.diagnosis import ERRORS, Components, f1, unknown_fields
from query_assistant.scoring.documents import file_score
from query_assistant.scoring.results import RUNGS

RECORDS = Path(__file__).parents[1] / "replica" / "records"
APIS = {name: load_api(name) for name in ("mygene", "mychem")}
RIGHT = "/v3/query?q=symbol:CDK2 AND name:kinase&species=human&fields=name&size=5"


@lru_cache
def replicas() -> dict[str, Replica]:
    found = {}
    for name, api in APIS.items():
        lines = (RECORDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found[name] = Replica.from_records(api, [json.loads(line) for line in lines])
    return found


def scored(prediction: str | None, reference: str = RIGHT, *alternatives: str, **given: Any) -> Results:
    line = Reference(id="a", api="mygene", query=reference, alternatives=alternatives)
    return score([Prediction(id="a", query=prediction, **given)], [line], APIS, replicas())


def shares(n: int, *values: float) -> dict[str, float]:
    """As JSON has them: parsed, valid, exact, canonical, execution, selection."""
    return {"n": n, **dict(zip(RUNGS, values, strict=True))}


def rungs(results: Results) -> dict[str, float]:
    return {rung: results.share(rung) for rung in RUNGS}


@pytest.mark.parametrize(
    ("prediction", "relation", "error"),
    [
        (RIGHT, "exact", None),
        ("https://mygene.info" + RIGHT, "exact", None),
        ("/v3/query?fields=name&q=name:kinase AND symbol:cdk2&limit=5&species=9606", "canonical", None),
        ("/v3/query?q=symbol:CDK2 AND name:kinase AND taxid:9606&fields=name&size=5", "execution", None),
        (RIGHT.replace("fields=name", "fields=symbol"), "selection", "returned_fields"),
        (RIGHT.replace("fields=name", "fields=names"), "selection", "hallucinated_field"),
        (RIGHT.replace("size=5", "size=6"), "selection", "paging"),
        (RIGHT + "&from=5", "selection", "paging"),
        (RIGHT + "&sort=taxid", "selection", "sort"),
        (RIGHT + "&facets=taxid", "selection", "facets"),
        (RIGHT + "&dotfield=true", "selection", "format"),
        (RIGHT.replace("human", "mouse"), "different", "species"),
        (RIGHT.replace("&species=human", ""), "different", "species"),
        (RIGHT.replace("symbol", "alias"), "different", "wrong_field"),
        (RIGHT.replace("symbol", "gene_symbol"), "different", "hallucinated_field"),
        (RIGHT.replace("CDK2", "CDK4"), "different", "wrong_value"),
        (RIGHT.replace("AND", "OR"), "different", "operator"),
        (RIGHT.replace("AND", "AND NOT"), "different", "operator"),
        (RIGHT.replace("symbol:CDK2 AND ", ""), "different", "missing_clause"),
        (RIGHT.replace("name:kinase", "name:kinase AND alias:p33"), "different", "extra_clause"),
        (RIGHT.replace("name:kinase", "taxid:human"), "different", "invalid"),
        ("/v3/gene/1017", "different", "wrong_endpoint"),
        ("/v3/metadata", "different", "wrong_endpoint"),
        ("/v3/query?q=(symbol:CDK2", "different", "unparsable"),
        ("/v3/genes?q=symbol:CDK2", "different", "unparsable"),
        ("I do not know", "different", "unparsable"),
        ("", "different", "empty_answer"),
        (None, "different", "empty_answer"),
    ],
)
def test_every_mistake_has_its_rung_and_its_class(prediction, relation, error):
    (item,) = scored(prediction).answers
    assert (item.relation, item.error) == (relation, error)


def test_every_error_class_is_from_the_closed_list_and_occurs():
    assert len(ERRORS) == len(set(ERRORS)) == 19


def test_an_exact_answer_stands_on_every_rung():
    assert rungs(scored(RIGHT)) == dict.fromkeys(RUNGS, 1.0)


def test_a_readable_wrong_answer_is_parsed_and_valid_and_nothing_else():
    assert rungs(scored(RIGHT.replace("CDK2", "CDK4"))) == {**dict.fromkeys(RUNGS, 0.0), "parsed": 1.0, "valid": 1.0}


def test_a_field_that_does_not_exist_is_parsed_but_not_valid():
    found = rungs(scored(RIGHT.replace("symbol", "gene_symbol")))
    assert (found["parsed"], found["valid"]) == (1.0, 0.0)


def test_the_best_of_reference_and_alternatives_counts():
    assert scored("/v3/gene/1017").answers[0].relation == "different"
    assert scored("/v3/gene/1017", RIGHT, "/v3/gene/1018", "/v3/gene/1017").answers[0].relation == "exact"
    both = scored("/v3/gene/1017?fields=name", "/v3/gene/1017", "/v3/gene/1017?field=name")
    assert (both.answers[0].relation, both.answers[0].error) == ("canonical", None)


def test_components_are_those_of_the_closest_right_query():
    found = scored("/v3/gene/1017?fields=name", RIGHT, "/v3/gene/1017?fields=name,symbol").answers[0]
    assert found.components == Components(1.0, 1.0, 1.0, pytest.approx(2 / 3))


def test_components_give_credit_for_parts():
    (item,) = scored("/v3/query?q=symbol:CDK2&species=human&fields=name,symbol&size=6").answers
    assert item.components == Components(
        endpoint=1.0,
        clauses_f1=pytest.approx(4 / 5),  # symbol and species of symbol, name and species
        parameters_f1=pytest.approx(2 / 4),  # species of species and size
        returned_fields_f1=pytest.approx(2 / 3),
    )


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [("", "", 1.0), ("ab", "ab", 1.0), ("ab", "", 0.0), ("aab", "ab", 0.8), ("ab", "bc", 0.5)],
)
def test_f1_counts_repeats_and_agrees_on_nothing(asked, answered, expected):
    assert f1(asked, answered) == pytest.approx(expected)


def test_what_is_shown_per_api_adds_up_to_all():
    references = [
        Reference(id="g1", api="mygene", query="/v3/query?q=insulin"),
        Reference(id="g2", api="mygene", query="/v3/query?q=symbol:CDK2"),
        Reference(id="c1", api="mychem", query="/v1/query?q=aspirin"),
        Reference(id="c2", api="mychem", query="/v1/chem/CHEMBL25"),
    ]
    predictions = [
        Prediction(id="c1", api="mychem", query="/v1/query?q=aspirin"),
        Prediction(id="g1", query="/v3/query?q=insulin&size=3"),
        Prediction(id="g2", query="/v3/query?q=symbol:cdk2"),
        Prediction(id="x", query="/v3/query?q=x"),
    ]
    assert file_score(score(predictions, references, APIS, replicas())).model_dump(mode="json") == {
        **shares(4, 0.75, 0.75, 0.25, 0.5, 0.5, 0.75),
        "by_api": {
            "mychem": shares(2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
            "mygene": shares(2, 1.0, 1.0, 0.0, 0.5, 0.5, 1.0),
        },
        "components": {"endpoint": 0.75, "clauses_f1": 0.75, "parameters_f1": 0.5, "returned_fields_f1": 0.75},
        "errors": {"empty_answer": 1, "paging": 1},
        "missing": ["c2"],
        "unmatched": ["x"],
        "items": [
            {"id": "g1", "relation": "selection", "error": "paging"},
            {"id": "g2", "relation": "canonical", "error": None},
            {"id": "c1", "relation": "exact", "error": None},
            {"id": "c2", "relation": "different", "error": "empty_answer"},
        ],
    }


def test_intervals_hold_their_shares_and_are_the_same_every_time():
    results = scored(RIGHT)
    intervals = results.intervals()
    assert intervals == scored(RIGHT).intervals() == results.intervals("mygene")
    found = intervals["execution"]
    assert found.low < results.share("execution") <= found.high == 1.0


def test_instructions_of_one_query_are_one_observation():
    lines = [Reference(id=f"{n}", api="mygene", query=f"/v3/query?q=symbol:A{n // 2}") for n in range(40)]
    answers = [Prediction(id=f"{n}", query=f"/v3/query?q=symbol:A{n // 2 if n < 20 else n}") for n in range(40)]
    halves = score(answers[::2], lines[::2], APIS, {}).intervals()["canonical"]
    assert score(answers, lines, APIS, {}).intervals()["canonical"] == halves


@pytest.mark.parametrize(
    ("predictions", "references", "message"),
    [
        (["a", "a"], ["a"], "id 'a' more than once among the predictions"),
        (["a"], ["a", "a"], "id 'a' more than once among the references"),
        (["a"], [], "no references"),
    ],
)
def test_ids_that_stand_twice_are_named(predictions, references, message):
    answers = [Prediction(id=name, query="/v3/query?q=x") for name in predictions]
    lines = [Reference(id=name, api="mygene", query="/v3/query?q=x") for name in references]
    with pytest.raises(InputError, match=message):
        score(answers, lines, APIS, {})


def test_a_reference_that_the_api_would_refuse_is_an_error_with_its_id():
    with pytest.raises(InputError, match=r"reference 'a': mygene would refuse .*symbol:CDK2"):
        scored("/v3/query?q=x", "/v3/query?q=(symbol:CDK2")
    with pytest.raises(InputError, match="reference 'a': mygene would refuse"):
        scored("/v3/query?q=x", RIGHT, "/v9/query?q=x")


def test_an_unknown_api_or_one_mixed_up_is_an_error_with_the_id():
    with pytest.raises(InputError, match="reference 'a' is for 'myplanet'; known APIs are mychem, mygene"):
        score([], [Reference(id="a", api="myplanet", query="/v1/query")], APIS, {})
    with pytest.raises(InputError, match="id 'a' is a question to mygene, but its prediction says mychem"):
        scored("/v1/query?q=x", api="mychem")


def test_a_post_is_scored_by_path_and_body_or_as_one_text():
    line = Reference(id="a", api="mygene", query="/v3/query", body={"q": ["CDK2"], "scopes": ["symbol"]})
    for answer in (
        {"query": "/v3/query", "body": {"scopes": "symbol", "q": "CDK2"}},
        {"query": 'POST /v3/query {"q":["CDK2"],"scopes":["symbol"]}'},
    ):
        found = score([Prediction(id="a", **answer)], [line], APIS, replicas())
        assert found.answers[0].relation in ("exact", "canonical")
    assert score([Prediction(id="a", query="/v3/query")], [line], APIS, replicas()).answers[0].error == "wrong_endpoint"


def test_files_may_have_more_columns_but_no_other_types(tmp_path):
    lines = [
        {"id": "a", "api": "mygene", "query": "/v3/query?q=x", "instruction": "find x", "tags": ["plain"]},
        {"id": "b", "api": "mygene", "query": "/v3/query", "body": {"q": ["x"]}, "alternatives": [
            "/v3/query?q=x", {"query": "/v3/query", "body": {"q": "x"}}, {"path": "/v3/gene/1"}]},
    ]  # fmt: skip
    path = tmp_path / "references.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    first, second = read_references(path)
    assert first.right == (Query(query="/v3/query?q=x"),)
    assert second.right[1:] == (
        Query(query="/v3/query?q=x"),
        Query(query="/v3/query", body={"q": "x"}),
        Query(query="/v3/gene/1"),
    )
    assert [line.query for line in read_predictions(path)] == ["/v3/query?q=x", "/v3/query"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": 1, "query": "/v3/query"}', "line 2: not a valid Prediction: id"),
        ('{"query": "/v3/query"}', "line 2: not a valid Prediction: id"),
        ('{"id": "b", "query": 7}', "line 2: not a valid Prediction: query"),
        ('{"id": "b", "query": "/v3/query", "body": [1]}', "line 2: not a valid Prediction: body"),
        ("not json", "line 2: not a valid Prediction"),
        ('{"id": "a", "query": null}', "id 'a' more than once among the predictions"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"id": "a", "query": null}\n' + line, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_predictions(path)


def test_a_bad_alternative_is_named(tmp_path):
    path = tmp_path / "references.jsonl"
    path.write_text('{"id": "a", "api": "mygene", "query": "/v3/query", "alternatives": [7]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: not a valid Reference: alternatives: .*an alternative is a path"):
        read_references(path)


def test_unknown_fields_are_found_wherever_they_are_named():
    api = APIS["mygene"]
    query = Query(query="/v3/query?q=nope:1 AND symbol:x&fields=symbol,nix,go,-gone&sort=-nada&facets=taxid,zip")
    assert unknown_fields(reading_of(query, api), api) == ["gone", "nada", "nix", "nope", "zip"]


PIECES = some.sampled_from(
    ["symbol:CDK2", "name:kinase", "taxid:9606", "insulin", "_exists_:pfam", "symbol:CDK*", "NOT x:1"]
)
CALLS = some.builds(
    lambda parts, sign, extra: f"/v3/query?q={sign.join(parts)}{extra}",
    some.lists(PIECES, min_size=1, max_size=2, unique=True),
    some.sampled_from([" AND ", " OR "]),
    some.sampled_from(["", "&size=5", "&fields=name", "&sort=taxid", "&species=human"]),
)


@settings(max_examples=60, deadline=None)
@given(CALLS, CALLS)
def test_the_ladder_is_monotone_and_agrees_with_compare(reference, prediction):
    results = scored(prediction, reference)
    found = rungs(results)
    assert found["exact"] <= found["canonical"] <= found["execution"] <= found["selection"] <= found["parsed"]
    relation = compare(Query(query=reference), Query(query=prediction), APIS["mygene"], replicas()["mygene"]).relation
    assert results.answers[0].relation == relation
    assert (results.answers[0].error is None) == (relation in ("exact", "canonical", "execution"))
