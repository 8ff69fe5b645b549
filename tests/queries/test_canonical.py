"""Which requests are the same: every exact equivalence, every same selection, and what only looks the same."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.queries.canonical import canonicalize, selection_form, skeleton
from query_assistant.queries.meaning import understand
from query_assistant.queries.request import Request, parse, to_text
from query_assistant.records import Query

APIS = {name: load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease", "hpo")}


def form(text: str, api: Api) -> Request:
    return canonicalize(parse(text, api), api)


EXACT: list[tuple[str, str, str]] = [
    # spelling of the call
    ("mygene", "/v3/query?q=a&size=5", "/v3/query?size=5&q=a"),
    ("mygene", "/v3/query?q=a", "https://mygene.info/v3/query/?q=a"),
    ("mygene", "/v3/query?q=symbol:a AND x", "http://MYGENE.INFO/v3/query?q=symbol%3Aa+AND%20x"),
    ("mygene", "/v3/query?q=a", "/v3/query?q=%20a%20&callback=x&email=y&assembly=hg38&SIZE=3"),
    ("mygene", "/v3/query?q=a", "/v3/query?q=a&scopes=symbol&with_total=true"),
    ("mygene", "/v3/gene/1017", "/v3/gene/1017?from=3&sort=x&filter=y&size=3"),
    # aliases
    ("mygene", "/v3/query?q=a&size=5", "/v3/query?q=a&limit=5"),
    ("mygene", "/v3/query?q=a&from=5", "/v3/query?q=a&skip=5"),
    ("mygene", "/v3/query?q=a&fields=MIM", "/v3/query?q=a&field=MIM"),
    ("mygene", "/v3/query?q=a&fields=MIM", "/v3/query?q=a&_source=MIM"),
    ("mygene", "/v3/query?q=a&facets=taxid", "/v3/query?q=a&aggs=taxid"),
    ("mygene", "/v3/query?q=a&userquery=x", "/v3/query?q=a&userfilter=x"),
    ("mygene", 'POST /v3/gene {"ids":["1"]}', 'POST /v3/gene {"id":["1"]}'),
    # booleans
    ("mygene", "/v3/query?q=a&dotfield=true", "/v3/query?q=a&dotfield=Yes"),
    ("mygene", "/v3/query?q=a&dotfield=true", "/v3/query?q=a&dotfield"),
    ("mygene", "/v3/query?q=a&_sorted=false", "/v3/query?q=a&_sorted=no"),
    # defaults
    (
        "mygene",
        "/v3/query?q=a",
        "/v3/query?q=a&size=10&from=0&facet_size=10&dotfield=false&raw=0&rawquery=no&fetch_all=false&entrezonly=false"
        "&ensemblonly=f&include_tax_tree=n&jmespath_exclude_empty=false&_sorted=true&format=json&species=all",
    ),
    ("mygene", "/v3/query?q=a&facets=taxid", "/v3/query?q=a&facets=taxid&facet_size=0"),
    ("myvariant", "/v1/query?q=a", "/v1/query?q=a&assembly=hg19"),
    ("mydisease", "/v1/query?q=a", "/v1/query?q=a&ignore_obsolete=true"),
    ("mychem", "/v1/query?q=a", "/v1/query?q=a&fields=all"),
    ("mychem", "/v1/query?q=a", "/v1/query?q=a&fields="),
    ("mygene", "/v3/gene/1017", "/v3/gene/1017?fields=all"),
    ("mygene", "/v3/query?q=a&fields=all", "/v3/query?q=a&fields="),
    ("mygene", "/v3/query?q=a", "/v3/query?q=a&fields=entrezgene,taxid,symbol,name"),
    (
        "mygene",
        'POST /v3/query {"q":["a"]}',
        'POST /v3/query {"q":["a"],"scopes":["retired","entrezgene","ensembl.gene","_id"]}',
    ),
    (
        "mygene",
        'POST /v3/query {"q":["a"]}',
        'POST /v3/query {"q":["a"],"scopes":"retired,entrezgene,ensemblgene,_id"}',
    ),
    ("mychem", 'POST /v1/query {"q":["a"]}', 'POST /v1/query {"q":["a"],"scopes":["_id"]}'),
    ("mygene", "/v3/query?q=a", "/v3/query?q=a&facet_size=50"),
    ("mygene", "/v3/query?q=a", "/v3/query?q=a&species_facet_filter=human"),
    ("mygene", "/v3/query?q=a&fetch_all=true", "/v3/query?q=a&fetch_all=true&from=0&size=5&sort=symbol"),
    # fields
    ("mygene", "/v3/query?q=a&fields=MIM,HGNC", "/v3/query?q=a&fields=HGNC|MIM,,HGNC MIM"),
    ("mygene", "/v3/query?q=a&fields=ensembl", "/v3/query?q=a&fields=ensembl.gene,ensembl"),
    ("mygene", "/v3/query?q=a&fields=go", "/v3/query?q=a&fields=go.BP.id,go"),
    ("mygene", "/v3/query?q=a&fields=all", "/v3/query?q=a&fields=symbol,all,MIM"),
    # species
    ("mygene", "/v3/query?q=a&species=human,mouse", "/v3/query?q=a&species=10090,9606,Human"),
    ("mygene", "/v3/query?q=a&species=human", "/v3/query?q=a&species=HUMAN"),
    ("mygene", "/v3/query?q=a", "/v3/query?q=a&species=human,all"),
    # order in lists, place of parameters
    ("mygene", "/v3/query?q=a&exists=MIM,HGNC&missing=a,b", "/v3/query?q=a&missing=b,a&exists=HGNC,MIM"),
    (
        "mygene",
        'POST /v3/query {"q":["a"],"scopes":["symbol","alias"]}',
        'POST /v3/query?scopes=alias,symbol {"q":"a"}',
    ),
    ("mygene", 'POST /v3/query {"q":["a"],"size":3}', "POST /v3/query?q=a&size=3 {}"),
    ("mygene", 'POST /v3/query {"q":["a"],"scopes":["refseq"]}', 'POST /v3/query {"q":["a"],"scopes":["RefSeq"]}'),
    ("mygene", 'POST /v3/query {"q":["a"],"scopes":["MIM"]}', 'POST /v3/query {"q":["a"],"scopes":["mim"]}'),
    # everything
    ("mygene", "/v3/query", "/v3/query?q=__all__"),
    ("mygene", "/v3/query?facets=taxid", "/v3/query?q=__all__&facets=taxid&size=0"),
    ("mychem", "/v1/query?facets=name.raw&q=*:*", "/v1/query?q=__all__&facets=name.raw&size=10"),
    ("mychem", "/v1/query?q=*", "/v1/query"),
    # paths that are one
    ("mychem", "/v1/chem/x", "/v1/drug/x"),
    ("mychem", "/v1/query?q=x", "/v1/compound/query?q=x"),
    ("mychem", 'POST /v1/chem {"ids":["x"]}', 'POST /v1/compound {"ids":["x"]}'),
    ("myvariant", "/v1/variant/rs1", "/v1/hg19/rs1"),
    ("myvariant", "/v1/variant/rs1?assembly=hg38", "/v1/hg38/rs1"),
    ("myvariant", "/v1/query?q=rs1&assembly=hg38", "/v1/hg38/query?q=rs1"),
    ("myvariant", "/v1/query?q=rs1&assembly=hg38", "/v1/hg38/query?q=rs1&assembly=hg19"),
    ("myvariant", "/v1/query?q=chr1:1-2&assembly=hg38", "/v1/hg38/query?q=chr1:1-2&assembly=hg38"),
    ("mygene", "/v3/gene/1017", "/v3/gene?id=1017"),
    # shorthands
    ("mygene", "/v3/query?q=refseq:NM_1", "/v3/query?q=refseq_agg:NM_1"),
    ("mygene", "/v3/query?q=RefSeq:NM_1", "/v3/query?q=refseq:nm_1"),
    ("mygene", "/v3/query?q=mim:5", "/v3/query?q=MIM:5"),
    ("mygene", "/v3/query?q=ensemblgene:X", "/v3/query?q=ensembl.gene:X"),
    ("mygene", "/v3/query?q=go:0000307", "/v3/query?q=GO:0000307"),
    ("mygene", "/v3/query?q=uniprot:P1", "/v3/query?q=uniprot.\\*:P1"),
    ("mygene", "/v3/query?q=chr1:1,000-2,000", "/v3/query?q=chr1:1000-2000 AND symbol:X"),
    ("mygene", "/v3/query?q=hg38.chr1:1-2", "/v3/query?q=chr1:1-2"),
    # query text
    ("mychem", "/v1/query?q=a AND name:x", "/v1/query?q=a %26%26 name:x"),
    ("mychem", "/v1/query?q=a OR name:x", "/v1/query?q=a || name:x"),
    ("mychem", "/v1/query?q=name:a AND NOT name:b", "/v1/query?q=name:a -name:b"),
    ("mychem", "/v1/query?q=name:a AND NOT name:b", "/v1/query?q=name:a !name:b"),
    ("mychem", "/v1/query?q=name:a AND NOT name:b", "/v1/query?q=name:a OR NOT name:b"),
    ("mychem", "/v1/query?q=name:a b", "/v1/query?q=name:a AND b"),
    ("mychem", "/v1/query?q=name:a", "/v1/query?q=((name:a))"),
    ("mychem", "/v1/query?q=name:a", "/v1/query?q=(name:(a))"),
    ("mychem", "/v1/query?q=name:a AND name:b", "/v1/query?q=name:a   AND  ( name:b )"),
    ("mychem", "/v1/query?q=name:a AND name:b", "/v1/query?q=name:(a b)"),
    ("mychem", "/v1/query?q=name:a AND (name:b AND name:c)", "/v1/query?q=(name:a AND name:b) AND name:c"),
    ("mychem", "/v1/query?q=name:a AND name:b", "/v1/query?q=name:b AND name:a"),
    ("mychem", "/v1/query?q=name:a OR name:b", "/v1/query?q=name:b OR name:a"),
    ("mychem", "/v1/query?q=name:a AND name:b OR name:c", "/v1/query?q=name:a AND name:c OR name:b"),
    ("mychem", "/v1/query?q=name:ASPIRIN", "/v1/query?q=name:aspirin"),
    ("mychem", "/v1/query?q=name:/ab/", "/v1/query?q=(name:/ab/)"),
    ("mygene", "/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:cdk2"),
    ("mygene", "/v3/query?q=symbol:CDK2", '/v3/query?q=symbol:"cdk2"'),
    ("mygene", "/v3/query?q=symbol:CD*", "/v3/query?q=symbol:cd*"),
    ("mygene", '/v3/query?q=HGNC:"HGNC\\:1"', "/v3/query?q=hgnc:HGNC\\:1"),
    ("mygene", "/v3/query?q=taxid:>5", "/v3/query?q=taxid:{5 TO *}"),
    ("mychem", "/v1/query?q=a&filter=name:b OR name:c", "/v1/query?q=a&filter=name:c name:b"),
    ("myvariant", "/v1/query?q=chr1:1-2 AND cadd.phred:>20", "/v1/query?q=cadd.phred:>20 and chr1:1-2"),
    ("myvariant", "/v1/query?q=chr1:5-5", "/v1/query?q=chr1:5"),
]

SAME_RECORDS: list[tuple[str, str, str]] = [
    ("mychem", "/v1/query?q=name:a^3 AND name:b", "/v1/query?q=name:a AND name:b"),
    ("mychem", "/v1/query?q=name:a OR name:a", "/v1/query?q=name:a"),
    ("mychem", "/v1/query?q=name:(a OR b)", "/v1/query?q=name:a OR name:b"),
    ("mychem", "/v1/query?q=NOT (name:a OR name:b)", "/v1/query?q=NOT name:a AND NOT name:b"),
    ("mychem", "/v1/query?q=NOT (name:a AND name:b)", "/v1/query?q=(NOT name:a) OR (NOT name:b)"),
    ("mychem", "/v1/query?q=name:a AND (name:b OR name:c)", "/v1/query?q=(name:a AND name:b) OR (name:a AND name:c)"),
    ("mychem", "/v1/query?q=name:a AND name:b OR name:c", "/v1/query?q=name:a"),
    ("mychem", "/v1/query?q=name:a AND name:b", "/v1/query?q=name:a&filter=name:b"),
    ("mygene", "/v3/query?q=symbol:a AND taxid:9606", "/v3/query?q=symbol:a&species=human"),
    ("mygene", "/v3/query?q=symbol:a AND _exists_:entrezgene", "/v3/query?q=symbol:a&entrezonly=true"),
    ("mygene", "/v3/query?q=symbol:a AND MIM:*", "/v3/query?q=symbol:a&exists=MIM"),
    ("mygene", "/v3/query?q=symbol:a AND NOT _exists_:MIM", "/v3/query?q=symbol:a&missing=MIM"),
    ("mygene", "/v3/query?q=taxid:[5 TO 5]", "/v3/query?q=taxid:5"),
    ("mygene", "/v3/query?q=taxid:05", "/v3/query?q=taxid:5.0"),
    ("mychem", "/v1/query", "/v1/query?q=*:*"),
    ("mychem", "/v1/query", "/v1/query?q=*"),
    ("mygene", 'POST /v3/query {"q":["x"],"scopes":["symbol"]}', "/v3/query?q=symbol:x"),
    ("mygene", 'POST /v3/query {"q":["x"],"scopes":["symbol","alias"]}', "/v3/query?q=symbol:x OR alias:x"),
    ("mygene", "/v3/query?q=symbol:a&size=5&fields=MIM&sort=symbol", "/v3/query?q=symbol:a"),
    ("mychem", "/v1/chem/CHEMBL25", "/v1/query?q=chembl.molecule_chembl_id:CHEMBL25"),
    ("mygene", "/v3/query?q=1017", "/v3/query?q=entrezgene:1017"),
]

DIFFERENT: list[tuple[str, str, str]] = [
    ("mychem", "/v1/query?q=chembl.inchi_key:(a b)", "/v1/query?q=chembl.inchi_key:(a OR b)"),
    ("mychem", "/v1/query?q=name:(a b)", "/v1/query?q=name:(a OR b)"),
    ("mychem", "/v1/query?q=name:a AND name:b OR name:c", "/v1/query?q=(name:a AND name:b) OR name:c"),
    ("mychem", "/v1/query?q=name:a OR name:b AND name:c", "/v1/query?q=name:a OR (name:b AND name:c)"),
    ("mychem", "/v1/query?q=name:a and name:b", "/v1/query?q=name:a AND name:b"),
    ("mychem", "/v1/query?q=name:ab*", '/v1/query?q=name:"ab*"'),
    ("mychem", "/v1/query?q=a&filter=name", "/v1/query?q=a&fields=name"),
    ("myvariant", "/v1/query?q=rs1", "/v1/query?q=rs1&assembly=hg38"),
    ("myvariant", "/v1/query?q=NOT _exists_:dbsnp", "/v1/query?q=_missing_:dbsnp"),
    ("myvariant", "/v1/hg38/query?q=chr1:1-2", "/v1/query?q=chr1:1-2&assembly=hg38"),
    ("mygene", '/v3/query?q="cdk2"', "/v3/query?q=cdk2"),
    ("mygene", "/v3/query?q=cdk2 cdk4", "/v3/query?q=cdk2 AND cdk4"),
    ("mygene", "/v3/query?q=symbol:cdk2", "/v3/query?q=alias:cdk2"),
    ("mygene", "/v3/query?q=symbol:cdk2", "/v3/query?q=cdk2"),
    ("mygene", "/v3/query?q=taxid:[5 TO 9]", "/v3/query?q=taxid:(>=5 AND <=9)"),
    ("mygene", "/v3/query?q=taxid:>5", "/v3/query?q=taxid:>=5"),
    ("mygene", "/v3/query?q=name:a-b", '/v3/query?q=name:"a-b"'),
    ("mygene", "/v3/query?q=refseq:NM_1.5", "/v3/query?q=refseq:NM_1"),
    ("mychem", "/v1/query?q=_id:abc", "/v1/query?q=_id:ABC"),
    ("mychem", "/v1/query?q=gtopdb.smiles:c1", "/v1/query?q=gtopdb.smiles:C1"),
    ("mydisease", "/v1/query?q=a", "/v1/query?q=a&ignore_obsolete=false"),
    ("mychem", "/v1/query?q=a&filter=name:(a b)", "/v1/query?q=a&filter=name:(a AND b)"),
    ("mygene", "/v3/query?q=chr1:1-2", "/v3/query?q=hg19.chr1:1-2"),
    ("mychem", "/v1/query?q=name:a-b", "/v1/query?filter=name:a-b"),
]

SHOWN_DIFFERENTLY: list[tuple[str, str, str]] = [
    ("mygene", "/v3/query?q=symbol:a", "/v3/query?q=symbol:a&fields="),
    ("mygene", "/v3/query?q=symbol:a", "/v3/query?q=symbol:a&size=5"),
    ("mygene", "/v3/query?q=symbol:a", "/v3/query?q=symbol:a&from=5"),
    ("mygene", "/v3/query?q=symbol:a", "/v3/query?q=symbol:a&sort=symbol"),
    ("mygene", "/v3/query?sort=a,b", "/v3/query?sort=b,a"),
    ("mygene", "/v3/query?facets=taxid", "/v3/query?facets=taxid&size=10"),
    ("mygene", "/v3/query?facets=taxid", "/v3/query?facets=taxid&q=*:*"),
    ("mygene", 'POST /v3/query {"q":["a","b"]}', 'POST /v3/query {"q":["b","a"]}'),
]


@pytest.mark.parametrize(("name", "left", "right"), EXACT)
def test_exactly_equivalent_requests_have_one_form(name: str, left: str, right: str) -> None:
    api = APIS[name]
    assert form(left, api) == form(right, api)
    assert selection_form(parse(left, api), api) == selection_form(parse(right, api), api)
    assert skeleton(parse(left, api), api) == skeleton(parse(right, api), api)


@pytest.mark.parametrize(("name", "left", "right"), SAME_RECORDS)
def test_requests_for_the_same_records_have_one_selection(name: str, left: str, right: str) -> None:
    api = APIS[name]
    assert selection_form(parse(left, api), api) == selection_form(parse(right, api), api)


@pytest.mark.parametrize(("name", "left", "right"), DIFFERENT)
def test_what_only_looks_the_same_stays_different(name: str, left: str, right: str) -> None:
    api = APIS[name]
    assert form(left, api) != form(right, api)
    assert selection_form(parse(left, api), api) != selection_form(parse(right, api), api)


@pytest.mark.parametrize(("name", "left", "right"), SHOWN_DIFFERENTLY)
def test_another_presentation_is_another_form_of_the_same_selection(name: str, left: str, right: str) -> None:
    assert form(left, APIS[name]) != form(right, APIS[name])


@pytest.mark.parametrize(
    ("name", "text", "readable"),
    [
        ("mygene", "/v3/query?fields=symbol&limit=10&q=Symbol:x symbol:CDK2&species=9606",
         "/v3/query?q=Symbol:x AND symbol:cdk2&species=human&fields=symbol"),
        ("mygene", "/v3/query?q=go.BP.id:GO\\:0008150", '/v3/query?q=go.BP.id:"go\\:0008150"'),
        ("mygene", "/v3/query?q=go.\\*.id:go\\:0000307", "/v3/query?q=go:0000307"),
        ("mygene", "/v3/query?q=pantherdb.Fly\\Base:x", "/v3/query?q=pantherdb.FlyBas\\e:x"),
        ("mygene", "/v3/query?q=-symbol:a (name:b OR name:c) taxid:>=5",
         "/v3/query?q=taxid:>=5 AND (name:b OR name:c) AND NOT symbol:a"),
        ("mychem", "/v1/query?q=(name:a b) OR (name:c -name:d)",
         "/v1/query?q=(b AND name:a) OR (name:c AND NOT name:d)"),
        ("myvariant", "/v1/query?q=cadd.phred:>20 AND chrx:1-2 AND a b",
         "/v1/query?q=chrX:1-2 AND (a b) AND cadd.phred:>20"),
    ],
)  # fmt: skip
def test_the_form_is_readable(name: str, text: str, readable: str) -> None:
    assert to_text(form(text, APIS[name]).to_query()) == readable


def test_case_is_kept_for_people_on_demand() -> None:
    request = parse("/v3/query?q=symbol:CDK2 AND name:Kinase", APIS["mygene"])
    kept = canonicalize(request, APIS["mygene"], keep_case=True)
    assert kept.q == "name:Kinase AND symbol:CDK2"
    assert canonicalize(kept, APIS["mygene"]) == canonicalize(request, APIS["mygene"])


# ---- properties over generated requests

FIELDS = {
    "mygene": [
        "symbol",
        "name",
        "taxid",
        "refseq",
        "go",
        "go.BP.id",
        "HGNC",
        "pantherdb.FlyBase",
        "entrezgene",
        "nofield",
    ],
    "myvariant": ["dbsnp.rsid", "cadd.phred", "chrom", "clinvar.rcv.accession"],
    "mychem": ["name", "name.raw", "chembl.max_phase", "pubchem.cid", "gtopdb.smiles"],
    "mydisease": ["mondo.label", "mondo.mondo", "mondo.is_obsolete"],
}
SIMPLE_VALUES = st.sampled_from(
    ["a", "CDK2", "x-y", '"Cell Cycle"', '"one"', "ab*", "a?c", "5", ">5", "<=3.5", "[1 TO 5]", "{a TO *]", "go\\:1",
     "0000307", '"GO\\:1"', "(a b)", "(a OR b)", "*", "roam~1", "a^2", "/ab/", "a\\:b", "TRUE"]
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn, name: str) -> str:
    clause = st.tuples(st.sampled_from(["", "", "-", "NOT ", "+"]), st.sampled_from(FIELDS[name]), SIMPLE_VALUES).map(
        lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}"
    )
    part = clause | SIMPLE_VALUES.filter(lambda value: value[0] not in "<>")
    group = st.lists(part, min_size=1, max_size=3).map(lambda parts: f"({' OR '.join(parts)})")
    parts = draw(st.lists(part | group, min_size=1, max_size=4))
    joints = [draw(st.sampled_from([" AND ", " OR ", " ", " && "])) for _ in parts[1:]] + [""]
    return "".join(part + joint for part, joint in zip(parts, joints, strict=True))


@st.composite
def requests(draw: st.DrawFn) -> tuple[Api, Query]:
    name = draw(st.sampled_from(sorted(FIELDS)))
    q = draw(texts(name)).replace("&", "%26").replace("+", "%2B")
    pairs = [("q", q)]
    pairs += draw(st.lists(st.sampled_from(PARAMETERS), max_size=4, unique_by=lambda pair: pair[0]))
    pairs = draw(st.permutations(pairs))
    return APIS[name], Query(query=f"/{APIS[name].version}/query?" + "&".join(f"{key}={value}" for key, value in pairs))


PARAMETERS = [
    ("size", "5"), ("limit", "10"), ("from", "0"), ("fields", "name,symbol"), ("fields", "all"), ("sort", "-taxid"),
    ("facets", "b,a"), ("facet_size", "3"), ("species", "human,10090"), ("assembly", "hg38"), ("filter", "a OR b:c"),
    ("filter", "-x:y a b"), ("exists", "b,a"), ("dotfield", "1"), ("fetch_all", "yes"), ("callback", "x"),
    ("ignore_obsolete", "no"), ("species_facet_filter", "mouse"),
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(requests())
def test_the_form_is_valid_means_the_same_and_is_its_own_form(pair: tuple[Api, Query]) -> None:
    api, query = pair
    try:
        request = parse(query, api)
        understand(request, api)
    except RequestError:
        return
    once = canonicalize(request, api)
    again = parse(once.to_query(), api)
    assert again == once
    assert again.ignored == ()
    assert canonicalize(again, api) == once
    assert selection_form(again, api) == selection_form(request, api)
    kept = canonicalize(request, api, keep_case=True)
    assert canonicalize(kept, api) == once


@settings(max_examples=100, deadline=None)
@given(requests(), st.integers(0, 10**6))
def test_order_never_shows(pair: tuple[Api, Query], seed: int) -> None:
    api, query = pair
    shuffled = _shuffled(query.query, random.Random(seed))
    try:
        left, right = parse(query, api), parse(Query(query=shuffled), api)
        form_of_left = canonicalize(left, api)
    except RequestError:
        return
    assert canonicalize(right, api) == form_of_left


@pytest.mark.parametrize(
    "q", ["(NOT " * 99 + "a" + ")" * 99, "name:a AND " * 800 + "b", "(a OR " * 99 + "a" + ")" * 99]
)
def test_deep_and_wide_queries_have_forms_too(q: str) -> None:
    api = APIS["mychem"]
    request = parse(f"/v1/query?q={q}", api)
    assert canonicalize(canonicalize(request, api), api) == canonicalize(request, api)
    assert selection_form(request, api) == selection_form(canonicalize(request, api), api)
    assert skeleton(request, api)


def _shuffled(path: str, order: random.Random) -> str:
    """The path with its parameters, and the clauses of a q joined by one operator, in another order."""
    start, _, query = path.partition("?")
    pairs = query.split("&")
    for place, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        if name in ("fields", "facets", "exists", "species"):
            items = value.split(",")
            order.shuffle(items)
            pairs[place] = f"{name}={','.join(items)}"
    order.shuffle(pairs)
    return f"{start}?{'&'.join(pairs)}"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["name:a", "name:b", "NOT name:c", "(name:d OR name:e)", "name:>5"]), min_size=1),
    st.randoms(),
)
def test_operands_of_one_operator_commute(clauses: list[str], order: random.Random) -> None:
    api = APIS["mychem"]
    for operator in (" AND ", " OR "):
        if operator == " OR " and any(clause.startswith("NOT") for clause in clauses):
            continue
        shuffled = list(clauses)
        order.shuffle(shuffled)
        assert form(f"/v1/query?q={operator.join(clauses)}", api) == form(f"/v1/query?q={operator.join(shuffled)}", api)


def test_a_changed_copy_of_a_form_is_no_form() -> None:
    api = APIS["mygene"]
    form_of_five = form("/v3/query?q=symbol:a&size=5", api)
    assert canonicalize(form_of_five, api) is form_of_five
    changed = replace(form_of_five, values=(("q", "symbol:A"), ("size", 10)))
    assert canonicalize(changed, api) == form("/v3/query?q=symbol:a", api)
