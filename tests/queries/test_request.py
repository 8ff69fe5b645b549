"""Calls as the servers take them: each row is one statement about endpoints, parameters, values or bodies."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import load_api
from query_assistant.errors import InputError, RequestError
from query_assistant.project import project_root
from query_assistant.queries.paths import reading_order, redirected
from query_assistant.queries.request import Request, from_text, parse, parse_http, to_text
from query_assistant.records import Query

GENE, VARIANT, CHEM, DISEASE = (load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease"))
APIS = {api.name: api for api in (GENE, VARIANT, CHEM, DISEASE)}

ROUTES: list[tuple[str, str, tuple[str, str | None, str | None]]] = [
    ("mygene", "/v3/query?q=a", ("query", None, None)),
    ("mygene", "/v3/query/?q=a", ("query", None, None)),
    ("mygene", "https://mygene.info/v3/query?q=a", ("query", None, None)),
    ("mygene", "http://www.MyGene.info/v3/query?q=a", ("query", None, None)),
    ("mygene", "/v3/gene/1017", ("annotation", "gene", "1017")),
    ("mygene", "/v3/gene/1017/", ("annotation", "gene", "1017")),
    ("mygene", "/v3/gene?id=1017", ("annotation", "gene", "1017")),
    ("mygene", "/v3/gene/query?q=x", ("annotation", "gene", "query")),
    ("mydisease", "/v1/disease/query?q=x", ("annotation", "disease", "query")),
    ("mychem", "/v1/drug/query?q=x", ("query", "drug", None)),
    ("mychem", "/v1/compound/metadata/fields", ("fields", "compound", None)),
    ("myvariant", "/v1/hg38/query?q=x", ("query", "hg38", None)),
    ("myvariant", "/v1/variant/chr1:g.1A>G", ("annotation", "variant", "chr1:g.1A>G")),
    ("myvariant", "/v1/variant/chr1:g.1A%3EG", ("annotation", "variant", "chr1:g.1A>G")),
    ("mychem", "/v1/chem/a+b", ("annotation", "chem", "a+b")),
    ("mychem", "/v1/chem/a%2Fb", ("annotation", "chem", "a/b")),
    ("mygene", "/metadata", ("metadata", None, None)),
    ("mygene", "/v3/metadata/fields?search=x", ("fields", None, None)),
    ("mygene", "/metadata/fields/", ("fields", None, None)),
    ("mygene", "/status", ("status", None, None)),
    ("mygene", "/v3/spec", ("other", "spec", None)),
    ("mygene", "/v3/species/9606", ("other", "species/9606", None)),
]

REFUSED: list[tuple[str, str, int, str | None]] = [
    ("mygene", "/v4/query?q=a", 404, None),
    ("mygene", "/v3//query?q=a", 404, None),
    ("mygene", "/v3/Query?q=a", 404, None),
    ("mygene", "/v3/genes/1017", 404, None),
    ("mygene", "/v3/drug/x", 404, None),
    ("mygene", "/v3/gene/a/b", 404, None),
    ("mygene", "/query?q=a", 404, None),
    ("mygene", "/status/", 404, None),
    ("mygene", "/v3/gene", 400, "id"),
    ("mygene", "/v3/gene/", 400, "id"),
    ("mygene", "/v3/query?q=%FF", 400, None),
    ("mygene", "/v3/query?q=__any__", 400, "q"),
    ("mygene", "/v3/query?size=10.0", 400, "size"),
    ("mygene", "/v3/query?size=abc", 400, "size"),
    ("mygene", "/v3/query?size=", 400, "size"),
    ("mygene", "/v3/query?size=-1", 400, "size"),
    ("mygene", "/v3/query?size=1001", 400, "size"),
    ("mygene", "/v3/query?from=10001", 400, "from"),
    ("mygene", "/v3/query?from=9995", 400, "from"),
    ("mygene", "/v3/query?fetch_all=true&from=1", 400, "from"),
    ("mygene", "/v3/query?facet_size=1001", 400, "facet_size"),
    ("mygene", "/v3/query?sort=symbol:desc", 400, "sort"),
    ("mygene", "/v3/query?sort=-_score", 400, "sort"),
    ("mygene", "/v3/query?sort=" + ",".join("abcdefghijk"), 400, "sort"),
    ("mygene", "/v3/query?fields=" + ",".join(["a"] * 1001), 400, "fields"),
    ("mygene", "/v3/query?fields='a", 400, "fields"),
    ("mygene", "/v3/query?format=JSON", 400, "format"),
    ("mygene", "/v3/query?format=", 400, "format"),
    ("mygene", "/v3/query?species=rats", 400, "species"),
    ("mygene", "/v3/query?species=guinea pig", 400, "species"),
    ("mygene", "/v3/query?species=Homo sapiens", 400, "species"),
    ("mygene", "/v3/query?species=9606.0", 400, "species"),
    ("mygene", "/v3/query?species=All", 400, "species"),
    ("mygene", "/v3/gene/1017?species=rats", 400, "species"),
    ("mygene", "/v3/gene/1017?size=x", 400, "size"),
    ("mygene", "/v3/query?jmespath=go", 400, "jmespath"),
    ("mygene", "/v3/query?jmespath=go.BP|", 400, "jmespath"),
    ("mygene", "/v3/query?jmespath=go.BP|[?evidence==", 400, "jmespath"),
    ("mygene", "/v3/query?jmespath=go.BP|[?count > 20]", 400, "jmespath"),
    ("mygene", "/v3/query?jmespath=go.BP|" + "[" * 5000, 400, "jmespath"),
    ("mygene", 'POST /v3/query {"q":["a"],"jmespath":5}', 400, "jmespath"),
    ("mygene", "https://mygene.info?q=a", 404, None),
    ("mygene", "https://mygene.info", 404, None),
    ("mygene", 'POST /v3/query {"q":["a"],"fields":[["symbol"]]}', 400, "fields"),
    ("mygene", 'POST /v3/query {"q":["a"],"sort":[["symbol"]]}', 400, "sort"),
    ("mygene", 'POST /v3/query {"q":["a"],"exists":[["symbol"]]}', 400, "exists"),
    ("mygene", 'POST /v3/query {"q":[[["a"]]],"scopes":["symbol"]}', 400, "q"),
    ("mygene", 'POST /v3/gene {"ids":[["1017"]]}', 400, "ids"),
    ("mygene", 'POST /v3/query {"q":["\\ud800"]}', 400, "q"),
    ("mygene", 'POST /v3/query {"q":["a"],"\\ud800":1}', 400, None),
    ("mygene", "/v3/query?q=\ud800:abc", 400, None),
    ("mygene", "/v3/query?species=" + "9" * 5000 + "x", 400, "species"),
    ("mygene", "/v3/query?species=" + "9" * 5000, 400, "species"),
    ("mygene", "/v3/query?species=9999999999", 400, "species"),
    ("mygene", "/v3/query?size=" + "9" * 5000, 400, "size"),
    ("mychem", "/v1/query?list_filter=x", 400, "list_filter"),
    ("mychem", "/v1/query?list_filter=chembl:a=b", 400, "list_filter"),
    ("myvariant", "/v1/query?assembly=HG38", 400, "assembly"),
    ("myvariant", "/v1/query?assembly=", 400, "assembly"),
    ("mygene", "POST /v3/query {}", 400, "q"),
    ("mygene", 'POST /v3/query {"q":[]}', 400, "q"),
    ("mygene", "POST /v3/gene {}", 400, "ids"),
    ("mygene", 'POST /v3/gene {"ids":[]}', 400, "ids"),
    ("mygene", 'POST /v3/query {"q":["a"],"size":"5"}', 400, "size"),
    ("mygene", 'POST /v3/query {"q":["a"],"dotfield":"true"}', 400, "dotfield"),
    ("mygene", 'POST /v3/query {"q":["a"],"sort":"symbol"}', 400, "sort"),
    ("mygene", 'POST /v3/query {"q":["a"],"species":[9606]}', 400, "species"),
    ("mygene", 'POST /v3/query {"q":"Alzheimer\'s"}', 400, "q"),
    ("mygene", "POST /v3/gene/1017 {}", 405, None),
    ("mygene", "POST /metadata {}", 405, None),
]

VALUES: list[tuple[str, str, dict[str, Any]]] = [
    ("mygene", "/v3/query?q=a&q=b", {"q": "b"}),
    ("mygene", "/v3/query?q= a ", {"q": "a"}),
    ("mygene", "/v3/query?q=", {"q": ""}),
    ("mygene", "/v3/query", {}),
    ("mygene", "/v3/query?q=a;size=3", {"q": "a;size=3"}),
    ("mygene", "/v3/query?q=a?size=3", {"q": "a?size=3"}),
    ("mygene", "/v3/query?q=a+b%2Bc%20d", {"q": "a b+c d"}),
    ("mygene", "/v3/query?SIZE=3&Q=x", {}),
    ("mygene", "/v3/query?fields=a&fields=b", {"fields": ("b",)}),
    ("mygene", "/v3/query?fields=a&_source=b&field=c", {"fields": ("b",)}),
    ("mygene", "/v3/query?field=c&fields=a", {"fields": ("a",)}),
    ("mygene", "/v3/query?limit=3&size=4", {"size": 4}),
    ("mygene", "/v3/query?skip=3&from=4", {"from": 4}),
    ("mygene", "/v3/query?facets=a&aggs=b", {"facets": ("b",)}),
    ("mygene", "/v3/query?userfilter=a&userquery=b", {"userquery": "b"}),
    ("mygene", 'POST /v3/gene {"ids":["1"],"id":["2"]}', {"ids": ("2",)}),
    ("mygene", "/v3/query?fields=a,b|c+d e", {"fields": ("a", "b", "c", "d", "e")}),
    ("mygene", '/v3/query?fields="a b",c', {"fields": ("a b", "c")}),
    ("mygene", "/v3/query?fields='a,b'c \\,d", {"fields": ("a,bc", ",d")}),
    ("mygene", "/v3/query?fields=", {"fields": ()}),
    ("mygene", "/v3/query?fields=reagent.GNF_mm%2Bhs-MGC", {"fields": ("reagent.GNF_mm", "hs-MGC")}),
    (
        "mygene",
        "/v3/query?species=Human,10090,FRUITFLY,7227,5",
        {"species": ("human", "mouse", "fruitfly", "fruitfly", "5")},
    ),
    ("mygene", "/v3/query?species=human,all", {"species": ("all",)}),
    ("mygene", "/v3/query?species=", {"species": ("all",)}),
    ("mygene", "/v3/gene/1017?size=3", {"id": "1017"}),
    ("mygene", "/v3/gene/1017?from=3&sort=symbol&filter=x&q=y&scopes=z", {"id": "1017"}),
    ("mygene", "/v3/gene/1017?id=5", {"id": "1017"}),
    ("mygene", "/v3/query?scopes=symbol", {}),
    ("mychem", "/v1/query?list_filter=chembl.x:a=1,2|b=3", {"list_filter": "chembl.x:a=1,2|b=3"}),
    ("mygene", "/v3/query?jmespath=go.BP|[0]", {"jmespath": "go.BP|[0]"}),
    ("mychem", "/v1/query?jmespath=|{id: _id}", {"jmespath": "|{id: _id}"}),
    ("mychem", "/v1/query?jmespath=.|[?a||b]", {"jmespath": ".|[?a||b]"}),
    ("mychem", "/v1/query?jmespath=", {"jmespath": ""}),
    (
        "mychem",
        "/v1/query?jmespath=x.y|[?!a %26%26 length(b[?c=='P29274']) > `0`]",
        {"jmespath": "x.y|[?!a && length(b[?c=='P29274']) > `0`]"},
    ),
    ("myvariant", "/v1/variant/chr7:55181378C>T", {"id": "chr7:g.55181378C>T"}),
    ("myvariant", "/v1/variant/chr7:g55181378C%3ET?fields=cadd", {"id": "chr7:g.55181378C>T", "fields": ("cadd",)}),
    ("myvariant", "/v1/variant/chr7:.55181378C>T/", {"id": "chr7:g.55181378C>T"}),
    ("myvariant", "/v1/variant/chrMT:gg1_3del", {"id": "chrMT:g.1_3del"}),
    ("myvariant", "/v1/variant/chr7:g.55181378C>T", {"id": "chr7:g.55181378C>T"}),
    ("myvariant", "/v1/variant/chr7:c.5C>T", {"id": "chr7:c.5C>T"}),
    ("myvariant", "/v1/variant/chr7%3A55181378C>T", {"id": "chr7:55181378C>T"}),  # the server looks before it decodes
    ("myvariant", "/v1/hg38/chr7:55181378C>T", {"id": "chr7:55181378C>T"}),
    ("mygene", "/v3/gene/chr7:55181378C>T", {"id": "chr7:55181378C>T"}),
    ("mydisease", "/v1/query?species=human&ignore_obsolete=false", {"ignore_obsolete": False}),
    ("mydisease", "/v1/disease/MONDO:1?ignore_obsolete=false", {"id": "MONDO:1"}),
    ("mygene", 'POST /v3/query?size=2 {"q":["a"],"size":5}', {"q": ("a",), "size": 2}),
    ("mygene", 'POST /v3/query {"q":"a, b","scopes":"symbol"}', {"q": ("a", "b"), "scopes": ("symbol",)}),
    ("mygene", 'POST /v3/query {"q":["a b",1017]}', {"q": ("a b", "1017")}),
    ("mygene", 'POST /v3/query {"q":["a"],"facets":["taxid"],"fetch_all":true}', {"q": ("a",)}),
    ("mygene", 'POST /v3/query {"q":["a"],"sort":["-symbol"]}', {"q": ("a",), "sort": ("-symbol",)}),
    (
        "myvariant",
        'POST /v1/query {"q":[["CDK2","c.314A>T"]],"scopes":[["dbsnp.gene.symbol"],"snpeff.ann.hgvs_c"]}',
        {"q": (("CDK2", "c.314A>T"),), "scopes": (("dbsnp.gene.symbol",), "snpeff.ann.hgvs_c")},
    ),
]

TRUE = ["1", "true", "yes", "y", "t", "TRUE", "Yes", "T", "2", "0.5"]
FALSE = ["0", "false", "no", "on", "-1", "x", "None"]


@pytest.mark.parametrize(("name", "path", "route"), ROUTES)
def test_paths_lead_to_their_endpoints(name: str, path: str, route: tuple[str, str | None, str | None]) -> None:
    request = parse(Query(query=path), APIS[name])
    assert (request.endpoint, request.entity, request.get("id")) == route


@pytest.mark.parametrize(("name", "text", "status", "parameter"), REFUSED)
def test_what_the_server_refuses_is_refused_with_its_status(
    name: str, text: str, status: int, parameter: str | None
) -> None:
    with pytest.raises(RequestError) as raised:
        parse(text, APIS[name])
    assert (raised.value.status, raised.value.parameter) == (status, parameter)


@pytest.mark.parametrize(("name", "text", "values"), VALUES)
def test_parameters_are_typed_and_resolved(name: str, text: str, values: dict[str, Any]) -> None:
    assert dict(parse(text, APIS[name]).parameters) == values


@pytest.mark.parametrize(("text", "expected"), [(text, True) for text in TRUE] + [(text, False) for text in FALSE])
def test_booleans_have_many_spellings(text: str, expected: bool) -> None:
    assert parse(f"/v3/query?dotfield={text}", GENE).get("dotfield") is expected


def test_a_redirect_can_be_asked_for_before_it_is_followed() -> None:
    assert redirected("/v1/variant/chr7:5C%3ET", APIS["myvariant"]) == "/v1/variant/chr7:g.5C%3ET"
    assert redirected("/v1/variant/chr7:g.5C%3ET", APIS["myvariant"]) is None
    assert redirected("/v1/variant/chr7:5C%3ET", APIS["mychem"]) is None


DEEP = [[]]  # type: ignore[var-annotated]
for _ in range(5000):
    DEEP = [DEEP]


@pytest.mark.parametrize("name", ["q", "ids", "fields", "sort", "size", "species", "jmespath", "dotfield"])
def test_a_value_nested_by_the_thousand_is_refused_in_one_short_line(name: str) -> None:
    path = "/v3/gene" if name == "ids" else "/v3/query"
    with pytest.raises(RequestError) as raised:
        parse(Query(query=path, body={"q": ["a"], "ids": ["a"], name: DEEP}), GENE)
    assert raised.value.parameter == name and len(str(raised.value)) < 200


def test_what_is_ignored_may_be_nested_as_deep_as_it_likes() -> None:
    (ignored,) = parse(Query(query="/v3/query", body={"q": ["a"], "nothing": DEEP}), GENE).ignored
    assert ignored.value == "a list too large to show"


@pytest.mark.parametrize("text", ["dotfield", "dotfield="])
def test_a_bare_boolean_is_true_in_a_url_and_false_in_a_form(text: str) -> None:
    assert parse(f"/v3/query?{text}", GENE).get("dotfield") is True
    assert parse_http("POST", "/v3/query", GENE, body=f"q=a&{text}").get("dotfield") is False


@pytest.mark.parametrize(
    ("content_type", "body", "terms"),
    [
        ("application/x-www-form-urlencoded", "q=a,b&size=2", ("a", "b")),
        ("", "q=%22a+b%22,c", ("a b", "c")),
        ("application/x-www-form-urlencoded", 'q=["a b","c",1017]', ("a b", "c", "1017")),
        ("application/json; charset=utf-8", '{"q": ["a"]}', ("a",)),
    ],
)
def test_bodies_are_forms_or_json_objects(content_type: str, body: str, terms: tuple[str, ...]) -> None:
    assert parse_http("POST", "/v3/query", GENE, body=body, content_type=content_type).terms == terms


def test_json_text_in_a_form_is_terms_in_mygene_only() -> None:
    body = 'q=["ab","c"]'
    assert parse_http("POST", "/v3/query", GENE, body=body).terms == ("ab", "c")
    assert parse_http("POST", "/v1/query", CHEM, body=body).terms == ("[ab", "c]")


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("application/json", "[1]", "missing q"),
        ("application/json", "{", "Invalid JSON body"),
        ("text/plain", "q=a", "missing q"),
        ("application/yaml", "q: a", "missing q"),
    ],
)
def test_bodies_of_other_kinds_are_as_if_empty(content_type: str, body: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_http("POST", "/v3/query", GENE, body=body, content_type=content_type)


def test_other_methods_are_not_allowed() -> None:
    for method, path in (("HEAD", "/v3/query"), ("DELETE", "/v3/gene/1"), ("POST", "/status")):
        with pytest.raises(RequestError) as raised:
            parse_http(method, path, GENE)
        assert raised.value.status == 405
    assert parse_http("HEAD", "/status", GENE).endpoint == "status"


def test_what_is_ignored_is_remembered_with_its_reason() -> None:
    request = parse("/v3/query?q=a&limit=3&size=4&callback=x&scopes=symbol&assembly=hg38", GENE)
    assert {part.name: part.reason for part in request.ignored} == {
        "limit": "another spelling or place of size wins",
        "callback": "mygene knows no parameter 'callback'",
        "scopes": "scopes has no effect on GET query",
        "assembly": "mygene knows no parameter 'assembly'",
    }
    assert [part.name for part in parse("/v3/gene/1?size=3", GENE).ignored] == ["size"]


def test_defaults_are_looked_up_not_stored() -> None:
    request = parse("/v3/query?q=a", GENE)
    names = ("size", "from", "species", "dotfield", "fields", "facet_size", "_sorted", "format")
    assert {name: request.value(name, GENE) for name in names} == {
        "size": 10,
        "from": 0,
        "species": ("all",),
        "dotfield": False,
        "fields": ("name", "symbol", "taxid", "entrezgene"),
        "facet_size": 10,
        "_sorted": True,
        "format": "json",
    }
    assert parse('POST /v3/query {"q":["a"]}', GENE).value("scopes", GENE) == (
        "_id", "entrezgene", "ensembl.gene", "retired",
    )  # fmt: skip
    assert parse("/v3/gene/1017", GENE).value("fields", GENE) is None
    assert parse("/v1/query?q=a", CHEM).value("fields", CHEM) is None


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("/v3/query/?size=5&species=9606&q=symbol%3ACDK2+AND+x", "/v3/query?q=symbol:CDK2 AND x&species=human&size=5"),
        ("/v3/query?q=a%26b%2Bc%23d%25e&fields=x", "/v3/query?q=a%26b%2Bc%23d%25e&fields=x"),
        ("/v3/gene/a%2Fb%3Fc?fields=x", "/v3/gene/a%2Fb%3Fc?fields=x"),
        ("/v3/species/9606/", "/v3/species/9606"),
        ("/status?dev", "/status?dev=true"),
        ("/metadata/fields?search=go", "/v3/metadata/fields?search=go"),
        (
            'POST /v3/query {"size": 2, "scopes": "symbol", "q": "a b"}',
            'POST /v3/query {"q":["a","b"],"scopes":["symbol"],"size":2}',
        ),
        (
            "/v3/query?facet_size=3&facets=x&sort=y&from=2&filter=z&q=a",
            "/v3/query?q=a&filter=z&from=2&sort=y&facets=x&facet_size=3",
        ),
    ],
)
def test_the_readable_path_is_the_one_of_the_house(text: str, readable: str) -> None:
    assert to_text(parse(text, GENE).to_query()) == readable


def test_the_path_for_http_is_percent_encoded_once() -> None:
    request = parse('/v3/query?q=name:"a b" AND c+d é&size=5', GENE)
    assert request.percent_encoded() == "/v3/query?q=name:%22a%20b%22%20AND%20c%20d%20%C3%A9&size=5"


@pytest.mark.parametrize(
    "text", ["", "cdk2", "POST", "POST /v3/query", "POST /v3/query [1]", "POST /v3/query {", "PUT /v3/query"]
)
def test_a_text_that_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_text(text)


def test_the_text_form_forgives_blanks_and_full_urls_only() -> None:
    assert from_text("  /v3/query?q=a b \n") == Query(query="/v3/query?q=a b")
    assert from_text("GET /v3/query?q=a") == Query(query="/v3/query?q=a")
    assert from_text('POST /v3/query {"q":["a {b"]}') == Query(query="/v3/query", body={"q": ["a {b"]})
    assert to_text(from_text("https://mygene.info/v3/query?q=a")) == "https://mygene.info/v3/query?q=a"


TEXT = st.text(max_size=30)


@settings(max_examples=120, deadline=None)
@given(q=TEXT, fields=st.lists(TEXT, max_size=3), identifier=TEXT)
def test_requests_survive_their_readable_form(q: str, fields: list[str], identifier: str) -> None:
    values = {"q": q, "fields": tuple(fields)}
    for request in (
        Request("mygene", "GET", "query", "v3", values=tuple(sorted(values.items()))),
        Request("mygene", "GET", "annotation", "v3", "gene", values=(("id", f"x{identifier}x"),)),
    ):
        try:
            first = parse(request.to_query(), GENE)
        except (RequestError, UnicodeError):
            continue
        assert parse(first.to_query(), GENE) == first
        assert parse(first.percent_encoded(), GENE) == first


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "/v3/query?q=", "/v3/query?", "/v3/gene/", "POST /v3/query ", "/"]))
def test_no_text_crashes_the_reader(text: str, start: str) -> None:
    with contextlib.suppress(RequestError, InputError):
        parse(start + text, GENE)


def test_the_order_in_which_a_call_is_written_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = parse("/v3/query?size=5&fields=name&q=cdk2", GENE)
    assert call.to_query().query == "/v3/query?q=cdk2&fields=name&size=5"
    text = (project_root() / "data/apis/family.yaml").read_text(encoding="utf-8")
    (tmp_path / "data/apis").mkdir(parents=True)
    (tmp_path / "data/apis/family.yaml").write_text(text.replace("[fields, size,", "[size, fields,"), encoding="utf-8")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    reading_order.cache_clear()
    try:
        assert call.to_query().query == "/v3/query?q=cdk2&size=5&fields=name"
    finally:
        reading_order.cache_clear()
