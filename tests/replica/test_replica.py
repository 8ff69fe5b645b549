"""Whole answers on the sample records. Scores depend on the records indexed, so they are compared, not spelled out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries.request import parse
from query_assistant.replica import Replica

Ask = Callable[[str, str], Any]
Ids = Callable[[str, str], tuple[str, ...]]


def without_scores(hits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in hit.items() if key != "_score"} for hit in hits]


def test_a_search_answers_as_mygene_does(ask: Ask) -> None:
    body = ask("mygene", "/v3/query?q=cdk2")
    assert list(body) == ["took", "total", "max_score", "hits"]
    assert body["total"] == 2
    assert without_scores(body["hits"]) == [
        {"_id": "1017", "entrezgene": "1017", "name": "cyclin dependent kinase 2", "symbol": "CDK2", "taxid": 9606},
        {"_id": "12566", "entrezgene": "12566", "name": "cyclin-dependent kinase 2", "symbol": "Cdk2", "taxid": 10090},
    ]
    assert body["max_score"] == body["hits"][0]["_score"] > body["hits"][1]["_score"] > 0


def test_the_human_gene_scores_155_to_130_above_the_mouse_gene_where_all_else_is_equal(ask: Ask) -> None:
    human, mouse = (hit["_score"] for hit in ask("mygene", "/v3/query?q=symbol:cdk2")["hits"])
    assert human / mouse == pytest.approx(1.55 / 1.3, rel=1e-4)


@pytest.mark.parametrize(
    ("api", "call", "expected"),
    [
        ("mygene", "/v3/query?q=symbol:cdk? AND taxid:9606&sort=symbol", ["1017", "1020"]),
        ("mygene", "/v3/query?q=CDK2&species=mouse", ["12566"]),
        ("mygene", "/v3/query?q=insulin AND taxid:9606&species=10090", []),
        ("mygene", "/v3/query?q=1017", ["1017"]),
        ("mygene", "/v3/query?q=cd55 cd24&sort=symbol", ["100133941", "1604"]),  # either symbol
        ("mygene", "/v3/query?q=symbol:(CD55 OR CD24)&sort=-symbol", ["1604", "100133941"]),
        ("mygene", "/v3/query?q=CD*&species=human&sort=symbol", ["100133941", "1604", "1017", "1020"]),
        ("mygene", "/v3/query?q=go:0004693&sort=entrezgene", ["1017", "1020", "12566"]),
        ("mygene", "/v3/query?q=refseq:NM_000207", ["3630"]),
        ("mygene", "/v3/query?q=ensemblgene:ENSG00000123374", ["1017"]),
        ("mygene", "/v3/query?q=chr11:2,100,000-2,200,000&species=human", ["3630"]),
        ("mygene", "/v3/query?q=chr11:2100000-2200000&species=mouse", []),
        ("mygene", "/v3/query?q=genomic_pos.chr:11", []),
        ("mygene", "/v3/query?q=__all__&missing=symbol", []),
        ("mygene", "/v3/query?q=__all__&species=10116,7955&sort=-taxid", ["ENSRNOG00000057056", "393901"]),
        ("mygene", "/v3/query?q=__all__&species=10116,zebrafish&entrezonly=true", ["393901"]),
        ("mygene", "/v3/query?q=", []),
        (
            "mygene",
            'POST /v3/query {"q":["cdk5","ENSG00000123374"],"scopes":["symbol","ensemblgene"]}',
            ["1020", "1017"],
        ),
        ("mygene", "/v3/gene/ENSG00000123374", ["1017"]),
        ("mygene", "/v3/gene/symbol:cdk2?species=mouse", ["12566"]),
        ("myvariant", "/v1/query?q=rs1799898", ["chr19:g.11227554C>T"]),
        ("myvariant", "/v1/query?q=chr19:11227000-11228000", ["chr19:g.11227554C>T"]),
        ("myvariant", "/v1/query?q=clinvar.gene.symbol:ldlr AND chr19:11227554", ["chr19:g.11227554C>T"]),
        ("myvariant", "/v1/query?q=rs1799898&assembly=hg38", []),
        ("myvariant", "/v1/variant/rs1799898", ["chr19:g.11227554C>T"]),
        ("myvariant", "/v1/variant/chr19:g.11227554C>T", ["chr19:g.11227554C>T"]),
        ("myvariant", "/v1/query?q=_id:CHR19*", []),
        ("mychem", "/v1/query?q=drugbank.name:ibuprofen", ["HEFNNWSXXWATRW-UHFFFAOYSA-N"]),
        ("mychem", "/v1/query?q=name.raw:Ibuprofen", ["HEFNNWSXXWATRW-UHFFFAOYSA-N"]),
        ("mychem", "/v1/drug/DB01050", ["HEFNNWSXXWATRW-UHFFFAOYSA-N"]),
        ("mychem", "/v1/chem/hefnnwsxxwatrw-uhfffaoysa-n", []),
        ("mychem", "/v1/query?q=chembl.molecule_properties.full_mwt:{206 TO 206.3}", ["HEFNNWSXXWATRW-UHFFFAOYSA-N"]),
        ("mydisease", '/v1/query?q=mondo.label:"rheumatoid arthritis"', ["MONDO:0008383"]),
        ("mydisease", "/v1/disease/MONDO:0008383", ["MONDO:0008383"]),
        ("mydisease", "/v1/query?q=MONDO:0008383", []),
        ("mydisease", '/v1/query?q=_id:"MONDO:0008383"', ["MONDO:0008383"]),
    ],
)
def test_requests_select_the_records_that_the_api_would(ids: Ids, api: str, call: str, expected: list[str]) -> None:
    assert list(ids(api, call)) == expected


def test_a_field_that_does_not_fit_is_an_error_in_mygene_and_no_hit_elsewhere(ask: Ask) -> None:
    assert ask("mygene", "/v3/query?q=taxid:human") == {
        "code": 400,
        "success": False,
        "error": "search_phase_execution_exception",
        "root_cause_line_00": "failed to create query: 'human' is no number",
    }
    assert ask("mychem", "/v1/query?q=chebi.star:many")["total"] == 0
    assert ask("mychem", "/v1/query?filter=chebi.star:many")["code"] == 400


def test_a_batch_answers_term_by_term(ask: Ask) -> None:
    call = 'POST /v3/query {"q":["CDK2","none"],"scopes":["symbol"],"fields":["taxid"],"size":1,"with_total":true}'
    body = ask("mygene", call)
    assert without_scores(body.pop("hits")) == [
        {"query": "CDK2", "_id": "1017", "taxid": 9606},
        {"query": "none", "notfound": True},
    ]
    assert body == {
        "max_total": 2,
        "msg": "1 query terms return > 1 hits, using from=1 to retrieve the remaining hits",
    }


def test_lookups_answer_one_object_a_list_or_nothing(ask: Ask) -> None:
    assert ask("mygene", "/v3/gene/1017?fields=symbol,refseq.rna&dotfield=1&always_list=symbol") == {
        "_id": "1017",
        "_version": 1,
        "refseq.rna": ["NM_001798.5", "NM_001290230"],
        "symbol": ["CDK2"],
    }
    assert [hit["_id"] for hit in ask("mygene", "/v3/gene/symbol:CDK2")] == ["1017", "12566"]
    assert ask("mygene", "/v3/gene/0") == {"code": 404, "success": False, "error": "Not Found."}
    assert ask("mygene", 'POST /v3/gene {"ids":["1020","0"],"fields":"symbol"}') == [
        {"query": "1020", "_id": "1020", "_version": 1, "symbol": "CDK5"},
        {"query": "0", "notfound": True},
    ]


def test_facets_count_lower_cased_values_and_hide_no_hits(ask: Ask) -> None:
    body = ask(
        "mygene", "/v3/query?q=symbol:(CDK2 OR CDK5)&facets=type_of_gene,taxid,symbol,nowhere&facet_size=1&size=0"
    )
    assert "hits" not in body
    assert body["facets"] == {
        "type_of_gene": {
            "_type": "terms",
            "terms": [{"count": 3, "term": "protein-coding"}],
            "other": 0,
            "missing": 0,
            "total": 3,
        },
        "taxid": {"_type": "terms", "terms": [{"count": 2, "term": 9606}], "other": 1, "missing": 0, "total": 2},
        "symbol": {"_type": "terms", "terms": [{"count": 2, "term": "cdk2"}], "other": 1, "missing": 0, "total": 2},
        "nowhere": {"_type": "terms", "terms": [], "other": 0, "missing": 0, "total": 0},
    }


def test_a_post_filter_restricts_hits_but_not_facets(ask: Ask) -> None:
    body = ask("mygene", "/v3/query?q=symbol:cdk2&facets=taxid&post_filter=taxid:9606")
    assert (body["total"], [term["term"] for term in body["facets"]["taxid"]["terms"]]) == (1, [9606, 10090])


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("facets=name", "Fielddata is disabled on [name]"),
        ("sort=name", "Fielddata is disabled on [name]"),
        ("sort=nowhere", "No mapping found for [nowhere] in order to sort on"),
        ("sort=_id", "Fielddata access on the _id field is disallowed"),
        ("sort=-_id", "Fielddata access on the _id field is disallowed"),
        ("facets=_id", "Fielddata access on the _id field is disallowed"),
        ("facets=taxid,_id&size=0", "Fielddata access on the _id field is disallowed"),
    ],
)
def test_fields_that_cannot_be_sorted_or_counted_are_refused_as_the_search_engine_does(
    ask: Ask, parameters: str, reason: str
) -> None:
    body = ask("mygene", f"/v3/query?q=cdk2&{parameters}")
    assert body.pop("root_cause_line_00").startswith(reason)
    assert body == {"code": 400, "success": False, "error": "search_phase_execution_exception"}


def test_a_scroll_id_that_is_none_is_refused_with_the_parameter(ask: Ask) -> None:
    body = ask("mygene", "/v3/query?scroll_id=abc")
    assert (body["code"], body["success"], body["keyword"]) == (400, False, "scroll_id")


def test_sorting_puts_records_without_a_value_last_in_both_directions(mygene: Api) -> None:
    records = [{"_id": "a"}, {"_id": "b", "taxid": [1, 9]}, {"_id": "c", "taxid": 5}, {"_id": "d"}]
    replica = Replica.from_records(mygene, records)
    for sort, expected in (("taxid", "bcad"), ("-taxid", "bcad"), ("genomic_pos.start,-taxid", "bcad")):
        assert "".join(replica.select(parse(f"/v3/query?sort={sort}", mygene)).ids) == expected


def test_pages_partition_the_ranking_and_are_stable(ask: Ask, ids: Ids) -> None:
    everything = ids("mygene", "/v3/query?q=kinase protein")
    pages = [ask("mygene", f"/v3/query?q=kinase protein&from={start}&size=2")["hits"] for start in range(0, 40, 2)]
    assert tuple(hit["_id"] for page in pages for hit in page) == everything[:40]
    assert everything == ids("mygene", "/v3/query?q=kinase protein")
    scores = [hit["_score"] for page in pages for hit in page]
    assert scores == sorted(scores, reverse=True) and len(scores) > 4


def test_a_scroll_brings_every_hit_once_and_then_ends(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": str(place), "taxid": 9606} for place in range(2100)])
    body = replica.execute(parse("/v3/query?q=taxid:9606&fetch_all=true&fields=taxid", mygene)).body
    pages = []
    while "hits" in body:
        pages.append([hit["_id"] for hit in body["hits"]])
        body = replica.execute(parse(f"/v3/query?scroll_id={body['_scroll_id']}&dotfield=true", mygene)).body
    assert [len(page) for page in pages] == [1000, 1000, 100]
    assert [identifier for page in pages for identifier in page] == [str(place) for place in range(2100)]
    assert body == {"success": False, "error": "No more results to return."}


def test_more_than_a_thousand_matches_of_an_identifier_are_an_error(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": str(place), "symbol": "X"} for place in range(1001)])
    answer = replica.execute(parse("/v3/gene/symbol:x", mygene))
    assert (answer.status, answer.body["error"]) == (500, "Too Many Matches.")


def test_obsolete_diseases_hide_from_searches_only() -> None:
    from query_assistant.apis import load_api

    api = load_api("mydisease")
    replica = Replica.from_records(api, [{"_id": "a", "mondo": {"is_obsolete": True}}, {"_id": "b", "mondo": {}}])
    assert replica.select(parse("/v1/query", api)).ids == ("b",)
    assert replica.select(parse("/v1/query?ignore_obsolete=false", api)).ids == ("a", "b")
    assert replica.select(parse("/v1/disease/a", api)).ids == ("a",)


def test_metadata_tells_records_fields_and_species(ask: Ask) -> None:
    about = ask("mygene", "/v3/metadata")
    assert (about["biothing_type"], about["stats"], about["taxonomy"]["human"]) == (
        "gene",
        {"gene": 35, "total": 35},
        9606,
    )
    fields = ask("mygene", "/v3/metadata/fields")
    assert fields["refseq.rna"] == {
        "analyzer": "refseq_analyzer",
        "index": True,
        "searched_by_default": True,
        "type": "text",
    }
    assert len(fields) == 355 and not {"_id", "all", "refseq_agg"} & set(fields)
    assert list(ask("mygene", "/v3/metadata/fields?prefix=ensembl.t&search=script")) == ["ensembl.transcript"]


def test_select_raises_what_execute_answers(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": "1"}])
    request = parse("/v3/query?q=taxid:x AND y:z", mygene)
    with pytest.raises(RequestError) as refused:
        replica.select(request)
    assert replica.execute(request).status == refused.value.status == 400


@pytest.mark.parametrize("call", ["/v3/query?q=cdk2&rawquery=1", "/v3/query?q=cdk2&jmespath=a|b"])
def test_what_only_the_real_api_can_do_is_said_to_be_so(mygene: Api, call: str) -> None:
    answer = Replica.from_records(mygene, []).execute(parse(call, mygene))
    assert (answer.status, answer.body["error"]) == (501, "Not Implemented")


def test_raw_is_the_search_engines_own_form(ask: Ask) -> None:
    body = ask("mygene", "/v3/query?q=entrezgene:1020&raw=true")
    assert body["hits"]["total"] == {"value": 1, "relation": "eq"}
    assert body["hits"]["hits"][0]["_source"]["symbol"] == "CDK5"
