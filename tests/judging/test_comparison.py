from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from query_assistant.apis import load_api
from query_assistant.errors import RequestError
from query_assistant.judging.comparison import LADDER, Comparison, compare, same_records, same_text
from query_assistant.judging.readings import reading_of
from query_assistant.queries.meaning import shown_fields
from query_assistant.queries.request import from_text
from query_assistant.records import Query
from query_assistant.replica import Replica

RECORDS = Path(__file__).parents[1] / "replica" / "records"
VERSIONS = {"mygene": "v3", "myvariant": "v1", "mychem": "v1", "mydisease": "v1"}
API_OF = {"gene": "mygene", "variant": "myvariant", "chem": "mychem", "disease": "mydisease"}


@lru_cache
def replica(name: str) -> Replica:
    lines = (RECORDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return Replica.from_records(load_api(name), [json.loads(line) for line in lines])


def call(text: str, api: str) -> Query:
    """`?q=x` is short for the search, /gene/1 for the lookup, of the API."""
    _, post, rest = text.rpartition("POST ")
    path = rest if rest.startswith("/") else f"/query{rest}"
    return from_text(f"{post}/{VERSIONS[api]}{path}")


def compared(left: str, right: str, api: str = "mygene") -> Comparison:
    found = compare(call(left, api), call(right, api), load_api(api), replica(api))
    assert compare(call(right, api), call(left, api), load_api(api), replica(api)).relation == found.relation
    return found


EXACTLY_EQUIVALENT = [
    ("mygene", "?q=symbol:CDK2&size=5", "?size=5&q=symbol:CDK2"),
    ("mygene", "?q=symbol:CDK2&size=5", "/query/?q=symbol%3ACDK2&limit=5&callback=x"),
    ("mygene", "?q=symbol:CDK2", "?q=symbol:cdk2&from=0&entrezonly=no&species=all&fields=name,symbol,taxid,entrezgene"),
    ("mygene", "?q=symbol:CDK2&species=human,mouse", "?q=symbol:CDK2&species=10090,HUMAN,human"),
    ("mygene", "?q=symbol:CDK2 AND taxid:9606", "?q=(symbol:CDK2) %26%26 ((taxid:9606))"),
    ("mygene", "?q=symbol:CDK2 AND NOT taxid:9606", "?q=symbol:CDK2 -taxid:9606"),
    ("mygene", "?q=mim:116953", "?q=MIM:116953"),
    ("mygene", "?q=ensemblgene:ENSG00000123374", "?q=ensembl.gene:ENSG00000123374"),
    ("mygene", "?q=__all__", ""),
    ("mygene", "?q=cdk2&fields=go,symbol", "?q=cdk2&fields=symbol,go.BP.id,go,go"),
    ("mychem", "/chem/CHEMBL25", "/drug/CHEMBL25"),
    ("mychem", "?q=aspirin&fields=all", "?q=aspirin"),
    ("myvariant", "?q=dbsnp.rsid:rs58991260&assembly=hg19", "/variant/query?q=dbsnp.rsid:RS58991260"),
    ("mydisease", "?q=mondo.label:cancer&ignore_obsolete=true", "?q=mondo.label:cancer"),
    (
        "mygene",
        'POST /query {"q":["CDK2","BRCA1"],"scopes":["symbol","alias"]}',
        'POST /query?size=10 {"q":"CDK2,BRCA1","scopes":"alias,symbol"}',
    ),
]

SAME_RECORDS = [
    ("mygene", "?q=symbol:CDK2&species=human", "?q=symbol:CDK2 AND taxid:9606"),
    ("mygene", "?q=symbol:CDK2&entrezonly=true", "?q=symbol:CDK2 AND _exists_:entrezgene"),
    ("mygene", "?q=symbol:CDK2&missing=pfam", "?q=symbol:CDK2 AND NOT _exists_:pfam"),
    ("mygene", "?q=taxid:9606 AND symbol:CDK*", "?q=taxid:9606&filter=symbol:CDK*"),
    ("mygene", "?q=NOT (symbol:a OR symbol:b)", "?q=NOT symbol:a AND NOT symbol:b"),
    ("mygene", "?q=taxid:(9606 OR 10090)", "?q=taxid:9606 OR taxid:10090"),
    ("mygene", "?q=symbol:CDK2 OR symbol:CDK2", "?q=symbol:CDK2"),
    ("mydisease", "?q=lung cancer", "?q=lung AND cancer"),
    ("myvariant", "?q=cadd.phred:>20", "?q=cadd.phred:{20 TO *}"),
    ("myvariant", "?q=chr1:5-9&assembly=hg38", "?q=chrom:1 AND hg38.start:<=9 AND hg38.end:>=5&assembly=hg38"),
    ("mychem", "?q=_exists_:chebi.id", "?q=chebi.id:*"),
    # A record has one value of these at most, so both bounds are for the same value.
    ("myvariant", "?q=cadd.phred:[20 TO 30]", "?q=cadd.phred:(>=20 AND <=30)"),
    ("myvariant", "?q=cadd.phred:[20 TO 30]", "?q=cadd.phred:>=20 AND cadd.phred:<=30"),
    ("myvariant", "?q=exac.af:[0.01 TO 0.05]", "?q=exac.af:(>=0.01 AND <=0.05)"),
    ("myvariant", "?q=exac.af:{0.01 TO 0.01001}", "?q=exac.af:>0.01 AND exac.af:<0.01001"),
    ("mychem", "?q=chembl.first_approval:[2000 TO 2010]", "?q=chembl.first_approval:(>=2000 AND <=2010)"),
    ("mychem", "?q=chembl.first_approval:[2000 TO 2010]", "?q=chembl.first_approval:(>1999 AND <2011)"),
    ("mychem", "?q=pubchem.molecular_weight:[300 TO 500]", "?q=pubchem.molecular_weight:(>=300 AND <=500)"),
    (
        "mychem",
        "?q=pubchem.molecular_weight:[300 TO 400}",
        "?q=pubchem.molecular_weight:[300 TO 500] AND NOT pubchem.molecular_weight:>=400",
    ),
    ("mygene", "?q=symbol:CDK2 AND taxid:9606", "?q=symbol:CDK2 AND taxid:9606 AND NOT taxid:10090"),
    # Every value there is CHEBI and one number.
    ("mychem", r"?q=chebi.ancestors:CHEBI\:35358", '?q=chebi.ancestors:"CHEBI:35358"'),
    (
        "mychem",
        r"?q=chebi.relationship.has_role:CHEBI\:35480 AND chebi.mass:>300",
        '?q=chebi.relationship.has_role:"CHEBI:35480" AND chebi.mass:>300',
    ),
    # No record fills these fields: only probes can say it.
    ("myvariant", "?q=gnomad_exome.af.af:[0.1 TO 0.1]", "?q=gnomad_exome.af.af:0.1"),
    ("mychem", "?q=gsrs.code:a7 AND (gsrs.tags:b OR gsrs.tags:c)", "?q=gsrs.code:a7 AND gsrs.tags:(b OR c)"),
]

OTHER_RECORDS = [
    ("mygene", "?q=symbol:(CDK2 CDK4)", "?q=symbol:(CDK2 OR CDK4)"),
    ("mygene", "?q=symbol:a AND symbol:b OR symbol:c", "?q=symbol:a AND (symbol:b OR symbol:c)"),
    ("mygene", "?q=insulin and receptor", "?q=insulin AND receptor"),
    ("mygene", "?q=name:cell cycle", "?q=name:(cell cycle)"),
    ("mygene", '?q=name:"cell cycle"', "?q=name:(cell cycle)"),
    ("mygene", "?q=symbol:CDK*", '?q=symbol:"CDK*"'),
    ("mygene", "?q=symbol:CDK2", "?q=alias:CDK2"),
    ("mygene", "?q=symbol:CDK2", "?q=CDK2"),
    ("mygene", "?q=(cdk2)", "?q=cdk2"),
    ("mygene", "?q=cdk2 cdk4", "?q=cdk2 AND cdk4"),
    ("mygene", "?q=chr1:1-100", "?q=chr1:1-101"),
    ("mygene", "?q=chr1:1-100", "?q=hg19.chr1:1-100"),
    ("mygene", "?q=chr1:1-100", "?q=genomic_pos.chr:1 AND genomic_pos.start:<100"),
    ("mygene", "?q=entrezgene:1017", "/gene/1018"),
    ("mygene", "?q=symbol:CDK2&species=human", "/gene/1017"),
    ("mygene", "?q=symbol:CDK2&filter=symbol", "?q=symbol:CDK2&fields=symbol"),
    ("myvariant", "?q=dbsnp.rsid:rs1&assembly=hg38", "?q=dbsnp.rsid:rs1"),
    ("mydisease", "?q=mondo.label:cancer", "?q=mondo.label:cancer&ignore_obsolete=false"),
    # One value per record, and a bound that differs.
    ("myvariant", "?q=cadd.phred:[20 TO 30]", "?q=cadd.phred:>=20 AND cadd.phred:<30"),
    ("myvariant", "?q=exac.af:[0.01 TO 0.05]", "?q=exac.af:(>0.01 AND <=0.05)"),
    ("mychem", "?q=chembl.first_approval:[2000 TO 2010]", "?q=chembl.first_approval:(>2000 AND <2011)"),
    # Several values per record: one may meet the one bound and another the other.
    (
        "mydisease",
        "?q=hpo.phenotype_related_to_disease.numeric_freq:[0.5 TO 0.9]",
        "?q=hpo.phenotype_related_to_disease.numeric_freq:(>=0.5 AND <=0.9)",
    ),
    ("myvariant", "?q=dbnsfp.sift.score:[0.5 TO 0.9]", "?q=dbnsfp.sift.score:(>=0.5 AND <=0.9)"),
    ("mychem", "?q=aeolus.outcomes.prr:[1 TO 2]", "?q=aeolus.outcomes.prr:>=1 AND aeolus.outcomes.prr:<=2"),
    ("myvariant", "?q=exac.hom.hom_afr:[1 TO 9]", "?q=exac.hom.hom_afr:(>=1 AND <=9)"),
    # Names hold anything, and the words of an identifier in any order.
    ("mychem", r"?q=name:CHEBI\:35358", '?q=name:"CHEBI:35358"'),
    ("mychem", r"?q=chebi.ancestors:CHEBI\:35358", "?q=chebi.ancestors:35358"),
    ("mychem", r"?q=chebi.ancestors:CHEBI\:35358", '?q=chebi.ancestors:"CHEBI:35359"'),
    # No record fills these fields.
    ("myvariant", "?q=gnomad_exome.af.af:>0.1", "?q=gnomad_exome.af.af:>=0.1"),
    ("mychem", "?q=gsrs.code:a7", "?q=gsrs.code:a7*"),
    ("mychem", "?q=gtopdb.name:(late onset)", '?q=gtopdb.name:"late onset"'),
]


@pytest.mark.parametrize(("api", "left", "right"), EXACTLY_EQUIVALENT)
def test_exactly_equivalent_requests_are_canonically_equal(api, left, right):
    assert compared(left, right, api) == Comparison("canonical")


@pytest.mark.parametrize(("api", "left", "right"), EXACTLY_EQUIVALENT)
def test_what_is_canonically_equal_is_equal_on_every_record_too(api, left, right):
    one, other = (reading_of(call(text, api), load_api(api)) for text in (left, right))
    assert same_records(one, other, load_api(api), replica(api)).same


@pytest.mark.parametrize(("api", "left", "right"), SAME_RECORDS)
def test_another_way_to_ask_for_the_same_records_is_told_as_such(api, left, right):
    assert compared(left, right, api).relation in ("execution", "selection", "canonical")


@pytest.mark.parametrize(("api", "left", "right"), OTHER_RECORDS)
def test_queries_that_only_look_alike_are_told_apart(api, left, right):
    assert compared(left, right, api).relation == "different"


def test_exact_is_the_text_and_nothing_but_the_text():
    api = load_api("mygene")
    plain = Query(query="/v3/query?q=symbol:CDK2&size=5")
    assert same_text(plain, Query(query=" https://mygene.info/v3/query?q=symbol:CDK2&size=5\n"), api)
    assert not same_text(plain, Query(query="/v3/query?q=symbol%3ACDK2&size=5"), api)
    assert not same_text(plain, Query(query="/v3/query?size=5&q=symbol:CDK2"), api)
    assert not same_text(plain, Query(query="/v3/query?q=symbol:CDK2&size=5", body={}), api)
    assert compared("?q=symbol:CDK2", "?q=symbol:CDK2") == Comparison("exact")


@pytest.mark.parametrize(
    ("left", "right", "kind", "message"),
    [
        ("?q=a", "?q=a&fields=name", "returned_fields",
         "left returns `name`, `symbol`, `taxid`, `entrezgene`, right returns `name`"),
        ("?q=a&fields=all", "?q=a&fields=name", "returned_fields", "left returns all fields, right returns `name`"),
        ("?q=a", "?q=a&size=20", "paging", "left shows 10 hits, right 20 hits"),
        ("?q=a&from=10", "?q=a", "paging", "left shows 10 hits after the first 10, right 10 hits"),
        ("?q=a&sort=taxid", "?q=a&sort=-taxid", "sort", "left sorts by taxid, right by -taxid"),
        ("?q=a&facets=taxid", "?q=a", "facets", "left counts taxid (10 values each), right nothing"),
        ("?q=a&dotfield=true", "?q=a", "format", "the answer's form differs in dotfield"),
        ("?q=a&fetch_all=true", "?q=a", "paging", "left fetches all hits, right 10 hits"),
    ],
)  # fmt: skip
def test_presentation_is_reported_apart_from_the_records(left, right, kind, message):
    found = compared(left, right)
    assert found.relation == "selection"
    assert [(difference.kind, difference.message) for difference in found.differences] == [(kind, message)]
    assert not found.differences[0].selects


@pytest.mark.parametrize(
    ("left", "right", "kind", "message"),
    [
        ("?q=symbol:CDK2&species=human", "?q=symbol:CDK2&species=mouse", "species",
         "species differs: human on the left, mouse on the right"),
        ("?q=taxid:>5", "?q=taxid:>=6 AND taxid:<=9", "species",
         "species differs: '>5' on the left, '<=9', '>=6' on the right"),
        ("?q=genomic_pos.start:>5", "?q=genomic_pos.start:>6", "value",
         "left asks for >5 in genomic_pos.start, right for >6"),
        ("?q=symbol:CDK2&species=human", "?q=symbol:CDK2", "species",
         "species differs: human on the left, any on the right"),
        ("?q=symbol:CDK2", "?q=alias:CDK2", "field", "left looks for cdk2 in symbol, right in alias"),
        ("?q=symbol:CDK2", "?q=symbol:CDK4", "value", "left asks for cdk2 in symbol, right for cdk4"),
        ("?q=symbol:CDK2", "?q=symbol:CDK2*", "operator",
         "the same text is matched otherwise: symbol:cdk2 on the left, symbol:cdk2* on the right"),
        ("?q=symbol:a AND name:b", "?q=symbol:a", "clause", "left asks for name:b, right does not"),
        ("?q=symbol:a", "?q=symbol:a AND NOT name:b", "clause", "right excludes name:b, left does not"),
        ("?q=symbol:a AND name:b", "?q=symbol:a AND NOT name:b", "operator", "left requires name:b, right excludes it"),
        ("?q=chr1:1-100", "?q=chr1:1-200", "value", "left asks for chr1:1-100 in genomic_pos, right for chr1:1-200"),
        ("/gene/1017", "?q=CDK2", "endpoint", "left looks an identifier up, right searches"),
    ],
)  # fmt: skip
def test_a_person_is_told_what_is_asked_differently(left, right, kind, message):
    found = compared(left, right)
    assert found.relation == "different"
    assert (found.differences[0].kind, found.differences[0].message) == (kind, message)
    assert found.differences[0].selects


def test_different_queries_come_with_a_record_that_shows_it():
    found = compared("?q=interpro.id:IPR1", "?q=interpro.id:IPR1*")
    assert found.differences[-1].message == (
        "a record with all that interpro.id:ipr1* asks for is found by the right one alone"
    )
    real = compared("?q=symbol:CDK2&species=human", "?q=symbol:CDK2&species=mouse")
    assert real.differences[-1].message == "1017 is found by the left one alone"


def test_two_empty_results_never_count_as_a_match():
    found = compared("?q=symbol:a AND NOT symbol:a", "?q=name:b AND NOT name:b")
    assert found.relation == "different"
    assert found.differences[-1].message == "neither finds any record, so nothing shows that they agree"
    assert compared("?q=gene_symbol:CDK2", "?q=gene_name:CDK2").relation == "different"


def test_a_value_that_the_api_refuses_is_not_the_same_as_one_it_takes():
    found = compared("?q=taxid:human", "?q=taxid:9606")
    assert found.relation == "different"
    assert "one of them is refused" in found.differences[-1].message


def test_an_unparsable_query_is_an_error_and_no_relation():
    with pytest.raises(RequestError):
        compare(call("?q=(symbol:a", "mygene"), call("?q=a", "mygene"), load_api("mygene"))


@pytest.mark.parametrize(
    ("api", "left", "right"),
    [
        ("mygene", "/gene/1017", "?q=entrezgene:1017&fields=all"),
        ("mygene", "/gene/ENSG00000123374", "?q=ensembl.gene:ENSG00000123374"),
        ("mychem", "/chem/CHEMBL25", "?q=chembl.molecule_chembl_id:CHEMBL25"),
        ("mydisease", "/disease/MONDO:0008678", '?q=_id:"MONDO:0008678"'),
        ("mygene", "/gene/1017", 'POST /gene {"ids":["1017"]}'),
        ("mygene", "?q=symbol:CDK2", 'POST /query {"q":["CDK2"],"scopes":["symbol"]}'),
        ("mygene", "?q=symbol:(CDK2 OR CDK4)", 'POST /query {"q":["CDK4","CDK2"],"scopes":["symbol"]}'),
    ],
)
def test_lookups_searches_and_batches_for_the_same_records_differ_in_their_answer_alone(api, left, right):
    found = compared(left, right, api)
    assert found.relation == "selection"
    assert found.differences[0].kind == "answer"


def test_the_order_of_a_batch_shows_and_its_records_are_the_same():
    body = '{"q":["%s","%s"],"scopes":["symbol"]}'
    found = compared(f"POST /query {body % ('CDK2', 'INS')}", f"POST /query {body % ('INS', 'CDK2')}")
    assert (found.relation, found.differences[0].kind) == ("selection", "answer")


def test_scores_that_reorder_the_hits_are_a_difference_of_order():
    found = compared("?q=name:kinase OR name:cyclin", "?q=name:kinase OR name:cyclin^9")
    assert (found.relation, [difference.kind for difference in found.differences]) == ("selection", ["sort"])
    assert compared("?q=name:kinase^2", "?q=name:kinase").relation in ("canonical", "execution")


def test_sorting_by_a_field_makes_scores_indifferent():
    assert compared(
        "?q=name:kinase OR name:cyclin&sort=taxid", "?q=name:kinase OR name:cyclin^9&sort=taxid"
    ).relation in (
        "execution",
        "canonical",
    )


def test_facets_count_before_the_post_filter():
    found = compared(
        "?q=name:kinase&facets=taxid&filter=taxid:9606", "?q=name:kinase&facets=taxid&post_filter=taxid:9606"
    )
    assert (found.relation, [difference.kind for difference in found.differences]) == ("selection", ["facets"])
    assert compared("?q=name:kinase&filter=taxid:9606", "?q=name:kinase&post_filter=taxid:9606").relation == "execution"


def test_parameters_that_only_the_live_api_understands_are_never_guessed():
    found = compared("?q=symbol:CDK2&userquery=x", "?q=symbol:CDK2")
    assert (found.relation, found.differences[0].message) == (
        "different",
        "userquery differs: x on the left, nothing on the right",
    )


def test_metadata_is_compared_by_its_request_alone():
    assert compared("/metadata", "/metadata?callback=x").relation == "canonical"
    assert compared("/metadata", "?q=a").relation == "different"


def test_without_a_replica_probes_decide():
    api = load_api("mygene")
    texts = ("?q=symbol:CDK2 AND taxid:9606", "?q=symbol:CDK2&species=human", "?q=alias:CDK2&species=human")
    one, other, third = (call(text, "mygene") for text in texts)
    assert compare(one, other, api).relation == "execution"
    assert compare(one, third, api).relation == "different"


def test_returned_fields_are_a_set_of_leaves():
    api = load_api("mygene")
    assert shown_fields(("go",), api) == shown_fields(("go.*",), api) == shown_fields(("go.BP", "go.MF", "go.CC"), api)
    assert shown_fields(("go", "-go.CC"), api) == shown_fields(("go.BP", "go.MF"), api)
    assert shown_fields(None, api) == shown_fields(("symbol", "all"), api) == shown_fields((), api)
    assert shown_fields(("symbol", "no_such_field"), api) == {"symbol"}
    assert "all" not in shown_fields(None, api)


PARTS = some.sampled_from(
    [
        "symbol:CDK2",
        "name:kinase",
        "taxid:9606",
        "alias:p33*",
        "insulin",
        "_exists_:pfam",
        '"cell cycle"',
        "NOT taxid:10090",
    ]
)
TEXTS = some.lists(PARTS, min_size=1, max_size=3).flatmap(
    lambda parts: some.sampled_from([" AND ", " OR ", " "]).map(lambda sign: sign.join(parts))
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, some.sampled_from(["", "&size=3", "&fields=name", "&species=human"]))
def test_the_relation_does_not_depend_on_the_order(left, right, extra):
    compared(f"?q={left}{extra}", f"?q={right}")


@settings(max_examples=60, deadline=None)
@given(TEXTS, some.sampled_from(["", "&size=3", "&species=human"]))
def test_every_query_is_exactly_itself_and_canonically_its_form(text, extra):
    api = load_api("mygene")
    query = call(f"?q={text}{extra}", "mygene")
    form = reading_of(query, api).form.to_query()
    assert compare(query, query, api).relation == "exact"
    assert LADDER.index(compare(query, form, api).relation) <= LADDER.index("canonical")


@pytest.mark.parametrize("slop", ["10000000", "1" + "0" * 12])
def test_slop_without_end_is_compared_like_any_other(slop):
    found = compared(f'?q=symbol:CDK2 AND name:"protein kinase"~{slop}', "?q=symbol:CDK2 AND name:(protein kinase)")
    assert found.relation == "selection"
    assert compared('?q=name:"protein kinase"~3', f'?q=name:"protein kinase"~{slop}').relation == "different"


@pytest.mark.parametrize(
    ("left", "right"), [("chr7:55181378C>T", "chr7:g.55181378C>T"), ("chr19:11227554C>T", "chr19:g.11227554C>T")]
)
def test_a_lookup_that_the_server_redirects_is_the_one_it_is_sent_to(left, right):
    found = compared(f"/variant/{left}", f"/variant/{right}", "myvariant")
    assert found.relation in ("canonical", "execution")
