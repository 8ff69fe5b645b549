"""Signatures, skeletons and literals: what queries have in common, and what an instruction has to say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import load_api
from query_assistant.queries.canonical import Literal, canonicalize, literals, signature, skeleton
from query_assistant.queries.request import parse
from query_assistant.records import Query

APIS = {name: load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease")}

ROWS: list[tuple[str, str, str, str, list[Literal]]] = [
    (
        "mygene",
        "/v3/query?q=taxid:>9000 AND symbol:CDK2&size=5&fields=name",
        "GET query | AND range | symbol taxid | name | size",
        "/v3/query?q=symbol:<word> AND taxid:><number>&fields=name&size=<size>",
        [
            Literal("CDK2", "word", "q", "symbol"),
            Literal("9000", "bound", "q", "taxid"),
            Literal("5", "size", "size"),
        ],
    ),
    (
        "mygene",
        "/v3/query?q=cdk2 kinase&species=9606,mouse",
        "GET query | words |  | (default) | species",
        "/v3/query?q=<words>&species=<species>,<species>",
        [
            Literal("cdk2 kinase", "words", "q"),
            Literal("human", "species", "species"),
            Literal("mouse", "species", "species"),
        ],
    ),
    (
        "mygene",
        "/v3/query?q=1017",
        "GET query | integer |  | (default) | ",
        "/v3/query?q=<number>",
        [Literal("1017", "number", "q")],
    ),
    (
        "mygene",
        "/v3/query?q=cdk*&from=20",
        "GET query | wildcard |  | (default) | from",
        "/v3/query?q=<pattern>&from=<number>",
        [Literal("cdk*", "pattern", "q"), Literal("20", "number", "from")],
    ),
    (
        "mygene",
        "/v3/query?q=hg19.chrX:1,000-2,000",
        "GET query | interval |  | (default) | ",
        "/v3/query?q=hg19.<interval>",
        [Literal("chrX:1000-2000", "interval", "q", "genomic_pos_hg19")],
    ),
    (
        "mygene",
        "/v3/gene/1017?fields=symbol",
        "GET annotation |  |  | symbol | ",
        "/v3/gene/<id>?fields=symbol",
        [Literal("1017", "id", "id")],
    ),
    (
        "mygene",
        'POST /v3/query {"q":["CDK2","BRCA1"],"scopes":["symbol"]}',
        "POST query |  | symbol | (default) | ",
        "POST /v3/query?q=[<term>,...]&scopes=symbol",
        [Literal("CDK2", "term", "q"), Literal("BRCA1", "term", "q")],
    ),
    (
        "mygene",
        "/v3/query?facets=taxid",
        "GET query | all |  | (default) | facets",
        "/v3/query?q=__all__&facets=taxid",
        [],
    ),
    (
        "mydisease",
        '/v1/query?q=mondo.label:"Lung Cancer" OR (_exists_:hpo AND NOT mondo.is_obsolete:true)&filter=ctd.omim:1*',
        "GET query | NOT OR exists phrase wildcard | ctd.omim hpo mondo.is_obsolete mondo.label | (default) | filter",
        "/v1/query?q=mondo.label:<phrase> OR (_exists_:hpo AND NOT mondo.is_obsolete:<boolean>)"
        "&filter=ctd.omim:<pattern>",
        [
            Literal("Lung Cancer", "phrase", "q", "mondo.label"),
            Literal("true", "boolean", "q", "mondo.is_obsolete"),
            Literal("1*", "pattern", "filter", "ctd.omim"),
        ],
    ),
    (
        "myvariant",
        "/v1/query?q=chr1:5-9 AND cadd.phred:[10 TO 20}&assembly=hg38",
        "GET query | interval range | cadd.phred | (default) | assembly",
        "/v1/query?q=<interval> AND cadd.phred:[<number> TO <number>}&assembly=hg38",
        [
            Literal("chr1:5-9", "interval", "q", "hg38"),
            Literal("10", "bound", "q", "cadd.phred"),
            Literal("20", "bound", "q", "cadd.phred"),
        ],
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), [(row[0], row[1], row[2]) for row in ROWS])
def test_the_signature_names_endpoint_operators_fields_and_parameters(name: str, text: str, expected: str) -> None:
    assert signature(parse(text, APIS[name]), APIS[name]) == expected


@pytest.mark.parametrize(("name", "text", "expected"), [(row[0], row[1], row[3]) for row in ROWS])
def test_the_skeleton_masks_values_by_kind(name: str, text: str, expected: str) -> None:
    assert skeleton(parse(text, APIS[name]), APIS[name]) == expected


@pytest.mark.parametrize(("name", "text", "expected"), [(row[0], row[1], row[4]) for row in ROWS])
def test_the_literals_are_the_masked_values_as_written(name: str, text: str, expected: list[Literal]) -> None:
    assert list(literals(parse(text, APIS[name]), APIS[name])) == expected


WORD = st.text("abcdefgh", min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(WORD, min_size=3, max_size=3), st.lists(WORD, min_size=3, max_size=3), st.integers(1, 9), st.integers(1, 9)
)
def test_the_skeleton_does_not_depend_on_the_values(left: list[str], right: list[str], few: int, many: int) -> None:
    api = APIS["mychem"]

    def text(words: list[str], size: int) -> Query:
        first, second, third = words
        return Query(
            query=f"/v1/query?q=name:{first} AND (name:{second} OR unii.unii:{third}) AND cid:{size}&size={size}"
        )

    forms = {skeleton(parse(text(words, size), api), api) for words, size in ((left, few), (right, many))}
    assert len(forms) == 1
    assert len({signature(parse(text(words, size), api), api) for words, size in ((left, few), (right, many))}) == 1


def test_spelling_never_shows_in_what_is_derived() -> None:
    api = APIS["mygene"]
    texts = ("/v3/query?q=symbol:CDK2 taxid:9606&limit=5", '/v3/query/?size=5&q=(taxid:9606) AND symbol:"cdk2"&x=y')
    requests = [parse(text, api) for text in texts]
    assert len({(skeleton(request, api), signature(request, api)) for request in requests}) == 1
    assert literals(canonicalize(requests[0], api), api)[0].value == "cdk2"
