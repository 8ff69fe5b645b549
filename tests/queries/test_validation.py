"""What is wrong with a query, and how it is said: one row per code and pitfall."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import load_api
from query_assistant.queries.validation import SEVERITIES, Code, is_valid, validate
from query_assistant.records import Query

APIS = {name: load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease", "hpo")}

CLEAN: list[tuple[str, str]] = [
    ("mygene", "/v3/query?q=symbol:CDK2 AND taxid:9606&fields=name,ensembl.gene,go.*&sort=-taxid&facets=type_of_gene"),
    ("mygene", "/v3/query?q=cdk2 cyclin&species=human,10090"),
    ("mygene", "/v3/query?q=go:0000307 AND refseq:NM_1 AND uniprot:P1"),
    ("mygene", "/v3/query?q=_exists_:go OR _exists_:pathway"),
    ("mygene", "/v3/query?q=chr1:1-100&species=human"),
    ("mygene", "/v3/query?q=taxid:[9606 TO 10090] AND retired:>5"),
    ("mygene", "/v3/query?q=clingen.clinical_validity.classification_date:>2020-01-31"),
    ("mygene", "/v3/gene/1017?fields=-name,all"),
    ("mygene", "/v3/gene/HGNC:1771"),
    ("mygene", 'POST /v3/query {"q":["CDK2"],"scopes":["symbol","refseq","go.*.id","uniprot"]}'),
    ("mygene", "/v3/metadata"),
    ("mygene", "/v3/metadata/fields?search=go"),
    ("myvariant", "/v1/query?q=chr1:1-2 AND cadd.phred:>20&assembly=hg38"),
    ("myvariant", "/v1/query?q=_id:\"chr1:g.218631822G>A\""),
    ("myvariant", "/v1/variant/rs58991260"),
    ("mychem", "/v1/query?q=name.raw:aspirin&sort=name.raw"),
    ("mychem", "/v1/query?q=pubchem.molecular_weight:[100.5 TO 200]"),
    ("mydisease", "/v1/query?q=mondo.is_obsolete:true&ignore_obsolete=false"),
    ("mydisease", "/v1/disease/MONDO:0016575"),
    ("hpo", "/hpo/query?q=name:seizure AND _exists_:xrefs.umls"),
    ("hpo", "/hpo/phenotype/HP:0001250"),
]  # fmt: skip

ISSUES: list[tuple[str, str, Code, str | None, str | None, int | None]] = [
    ("mygene", "/v4/query?q=x", "no_such_path", None, None, None),
    ("mygene", "POST /metadata {}", "wrong_method", None, None, None),
    ("mygene", "/v3/query?q=x&size=5000", "refused", "size", None, None),
    ("mygene", "/v3/query?q=x&species=rats", "refused", "species", None, None),
    ("mygene", "/v3/query?q=a:b:c", "syntax", "q", None, 3),
    ("mygene", "/v3/query?q=x&filter=(a", "syntax", "filter", None, 0),
    ("mygene", "/v3/query?q=x AND ensembl.ensembl_id:1", "unknown_field", "q", "ensembl.ensembl_id", 6),
    ("mygene", "/v3/query?q=x&filter=nofield:1", "unknown_field", "filter", "nofield", 0),
    ("mygene", "/v3/query?q=x&fields=symbl", "unknown_field", "fields", "symbl", None),
    ("mygene", "/v3/query?q=x&fields=nothing.*", "unknown_field", "fields", "nothing.*", None),
    ("mygene", "/v3/query?q=x&sort=nofield", "unknown_field", "sort", "nofield", None),
    ("mygene", "/v3/query?q=x&facets=nofield", "unknown_field", "facets", "nofield", None),
    ("mygene", "/v3/query?q=x&exists=nofield", "unknown_field", "exists", "nofield", None),
    ("mygene", 'POST /v3/query {"q":["x"],"scopes":["nofield"]}', "unknown_field", "scopes", "nofield", None),
    ("mygene", 'POST /v3/query {"q":["x"],"scopes":["go.BP.category"]}', "unknown_field", "scopes",
     "go.BP.category", None),
    ("mygene", "/v3/query?q=_exists_:nofield", "unknown_field", "q", "nofield", 9),
    ("myvariant", "/v1/query?q=_missing_:dbsnp", "unknown_field", "q", "_missing_", 0),
    ("mychem", "/v1/query?q=CHEBI:57966", "unknown_field", "q", "CHEBI", 0),
    ("mygene", "/v3/query?q=pantherdb.FlyBase:x", "unknown_field", "q", "pantherdb.FLYBASE", None),
    ("mygene", "/v3/query?q=map_location:1p36", "unindexed_field", "q", "map_location", 0),
    ("mygene", "/v3/query?q=x&sort=map_location", "unindexed_field", "sort", "map_location", None),
    ("mychem", "/v1/query?q=chebi:acid", "object_field", "q", "chebi", 0),
    ("mychem", 'POST /v1/query {"q":["x"],"scopes":["chebi"]}', "object_field", "scopes", "chebi", None),
    ("mygene", "/v3/query?q=genomic_pos.chr:1", "nested_field", "q", "genomic_pos.chr", 0),
    ("mygene", "/v3/query?q=_exists_:genomic_pos", "nested_field", "q", "genomic_pos", 9),
    ("mygene", "/v3/query?q=taxid:human", "wrong_type", "q", "taxid", 0),
    ("mygene", "/v3/query?q=taxid:5.5", "wrong_type", "q", "taxid", 0),
    ("mygene", "/v3/query?q=taxid:[a TO 5]", "wrong_type", "q", "taxid", 0),
    ("mydisease", "/v1/query?q=mondo.is_obsolete:yes", "wrong_type", "q", "mondo.is_obsolete", 0),
    ("mygene", "/v3/query?q=clingen.clinical_validity.classification_date:May", "wrong_type", "q",
     "clingen.clinical_validity.classification_date", 0),
    ("mygene", "/v3/query?q=taxid:96*", "pattern_on_value", "q", "taxid", 0),
    ("mygene", "/v3/query?q=_id:ENSG*", "pattern_on_value", "q", "_id", 0),
    ("mygene", "/v3/query?q=x&sort=name", "text_sort", "sort", "name", None),
    ("mygene", "/v3/query?q=x&facets=summary", "text_facet", "facets", "summary", None),
    ("mygene", "/v3/query?q=x&callback=y", "unknown_parameter", "callback", None, None),
    ("mygene", "/v3/query?q=x&assembly=hg38", "unknown_parameter", "assembly", None, None),
    ("mygene", "/v3/query?q=x&scopes=symbol", "ignored_parameter", "scopes", None, None),
    ("mygene", "/v3/query?q=x&limit=3&size=4", "ignored_parameter", "limit", None, None),
    ("mygene", "/v3/gene/1017?filter=symbol", "ignored_parameter", "filter", None, None),
    ("mygene", "/v3/query?q=x&facet_size=5", "ignored_parameter", "facet_size", None, None),
    ("mygene", "/v3/query?q=x&fetch_all=true&size=5", "ignored_parameter", "size", None, None),
    ("mygene", 'POST /v3/query {"q":["x"],"facets":["taxid"]}', "ignored_parameter", "facets", None, None),
    ("mygene", "/v3/query?q=chr1:1-2 AND symbol:x", "dropped_text", "q", None, None),
    ("myvariant", "/v1/query?q=chr1:1-2 OR rs1", "dropped_text", "q", None, None),
    ("myvariant", "/v1/hg38/query?q=chr1:1-2", "other_index", "q", None, None),
    ("myvariant", "/v1/query?q=clingen.caid:CA1", "other_index", "q", "clingen.caid", 0),
    ("mygene", "/v3/query?q=symbol:a and taxid:5", "lower_case_operator", "q", None, None),
    ("mygene", "/v3/query?q=symbol:a AND taxid:5 OR taxid:6", "mixed_operators", "q", None, None),
    ("myvariant", "/v1/query?q=dbnsfp.polyphen2.hdiv.pred:(D P)", "single_value", "q", "dbnsfp.polyphen2.hdiv.pred", 0),
    ("mygene", "/v3/query?q=x&filter=symbol,name", "filter_as_fields", "filter", None, None),
    ("mygene", '/v3/query?q=go.BP.id:"GO:0008150"', "rewritten_value", "q", "go.BP.id", 0),
    ("mychem", "/v1/query?q=pubchem.cid:>100", "text_range", "q", "pubchem.cid", 0),
    ("mygene", "/v3/gene/foo:bar", "unknown_prefix", "id", "foo", None),
    ("mygene", "/v3/query?q=x&sort=_id", "no_fielddata", "sort", "_id", None),
    ("mygene", "/v3/query?q=symbol:/" + "a" * 1001 + "/", "too_large", "q", None, None),
    ("myvariant", "/v1/variant/chr7:g.55181378C>T&hg38=true", "parameter_in_identifier", "id", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), CLEAN)
def test_good_queries_have_no_issue(name: str, text: str) -> None:
    assert validate(text, APIS[name]) == ()


@pytest.mark.parametrize(("name", "text", "code", "parameter", "field", "position"), ISSUES)
def test_each_fault_is_found_and_placed(
    name: str, text: str, code: Code, parameter: str | None, field: str | None, position: int | None
) -> None:
    found = [issue for issue in validate(text, APIS[name]) if issue.code == code]
    assert [(issue.parameter, issue.field, issue.position) for issue in found] == [(parameter, field, position)]
    assert is_valid(found) == (SEVERITIES[code] != "error")


def test_every_code_has_a_severity_and_a_test() -> None:
    assert set(SEVERITIES) == set(get_args(Code))
    assert {row[2] for row in ISSUES} == set(get_args(Code))


def test_messages_tell_the_value_and_the_remedy() -> None:
    (issue,) = validate("/v3/query?q=ensembl.ensembl_id:ENSG00000123374", APIS["mygene"])
    assert issue.message == "field `ensembl.ensembl_id` does not exist in mygene; did you mean `ensembl.gene`?"
    assert issue.suggestion == "ensembl.gene"
    (issue,) = validate("/v1/query?q=_missing_:dbsnp", APIS["myvariant"])
    assert "NOT _exists_:field" in issue.message
    (issue,) = validate("/v1/query?q=chebi:acid", APIS["mychem"])
    assert issue.suggestion is not None and issue.suggestion.startswith("chebi.")


@pytest.mark.parametrize(
    ("name", "q", "clause"),
    [
        ("mychem", "CHEBI:57966", 'chebi.id:"CHEBI:57966"'),
        ("mydisease", "MONDO:0016575", '_id:"MONDO:0016575"'),
        ("mydisease", "DOID:1612", 'disease_ontology.doid:"DOID:1612"'),
        ("myvariant", "chr1:g.218631822G>A", '_id:"chr1:g.218631822G>A"'),
        ("hpo", "HP:0001250", '_id:"HP:0001250"'),
    ],
)
def test_an_identifier_read_as_a_field_gets_the_clause_that_finds_it(name: str, q: str, clause: str) -> None:
    api = APIS[name]
    (issue,) = validate(f"/{api.version}/query?q={q}", api)
    assert (issue.code, issue.suggestion) == ("unknown_field", clause)
    assert validate(f"/{api.version}/query?q={clause}", api) == ()


@pytest.mark.parametrize("name", ["mygene", "myvariant", "mychem", "mydisease"])
@pytest.mark.parametrize("asked", ["sort=_id", "sort=-_id", "sort=_score,_id", "facets=_id", "aggs=_id"])
def test_nothing_is_sorted_or_counted_by_identifier(name: str, asked: str) -> None:
    api = APIS[name]
    (issue,) = validate(f"/{api.version}/query?q=*:*&{asked}", api)
    assert (issue.code, issue.severity, issue.field) == ("no_fielddata", "error", "_id")


# A condition that finds nothing, by whether the whole can still find something.
DEAD: list[tuple[str, str, bool]] = [
    ("mygene", "symbol:BRCA1 OR symbl:BRCA1", True),
    ("mygene", "symbol:BRCA1 AND symbl:BRCA1", False),
    ("mygene", "symbol:BRCA1 AND NOT _exists_:foo_bar", True),
    ("mygene", "NOT symbl:x", True),
    ("mygene", "symbl:a OR symbl:b", False),
    ("mygene", "symbol:a AND (symbl:a OR symbl:b)", False),
    ("mygene", "symbol:a AND (symbl:a OR alias:b)", True),
    ("mygene", "(symbol:a AND symbl:a) OR alias:b", True),
    ("mygene", "symbol:a AND NOT (alias:b AND symbl:a)", True),
    ("mygene", "symbol:a AND taxid:1 OR symbl:b", True),
    ("mygene", "symbol:a AND symbl:b^2", False),
    ("mygene", "taxid:human OR symbol:a", False),  # MyGene refuses it wherever it stands
    ("mygene", "symbol:a AND NOT taxid:human", False),
    ("mygene", "pathway:x OR symbol:a", True),
    ("mygene", "genomic_pos.chr:1 OR symbol:a", True),
    ("mygene", "_id:a* OR symbol:a", False),
    ("mygene", "map_location:1p36 OR symbol:a", False),
    ("mygene", "_exists_:map_location OR symbol:a", True),
    ("mychem", "pubchem.molecular_weight:heavy OR chebi.name:acid", True),
    ("mychem", "pubchem.molecular_weight:heavy AND chebi.name:acid", False),
    ("mychem", "chebi:acid OR chebi.name:acid", True),
    ("mychem", "_id:a* OR chebi.name:acid", True),
    (
        "myvariant",
        "dbnsfp.genename:BRAF AND (_exists_:gnomad_exome OR _exists_:gnomad.exomes OR _exists_:gnomad.genomes)",
        True,
    ),
    ("myvariant", "chr1:1-2 AND (cadd.phred:high)", False),  # beside an interval the text is strict
]


@pytest.mark.parametrize(("name", "q", "valid"), DEAD)
def test_a_dead_condition_is_an_error_only_where_nothing_else_can_be_found(name: str, q: str, valid: bool) -> None:
    api = APIS[name]
    issues = [issue for issue in validate(f"/{api.version}/query?q={q}", api) if issue.code != "mixed_operators"]
    assert issues
    assert is_valid(issues) is valid
    assert all(("still finds" in issue.message) is issue.partial for issue in issues)


def test_only_the_needed_one_of_two_dead_conditions_is_the_error() -> None:
    issues = validate("/v3/query?q=symbl:a AND (symbol:b OR alyas:c)", APIS["mygene"])
    assert [(issue.field, issue.severity) for issue in issues] == [("symbl", "error"), ("alyas", "warning")]


def test_a_condition_that_is_needed_once_is_told_once() -> None:
    (issue,) = validate("/v3/query?q=symbl:a AND NOT symbl:b", APIS["mygene"])
    assert (issue.severity, issue.partial) == ("error", False)


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ('{"q":["x"],"scopes":["symbol","nofield"]}', True),
        ('{"q":["x"],"scopes":["nofield","other"]}', False),
        ('{"q":[["x","y"]],"scopes":["symbol","nofield"]}', False),
        ('{"q":[["x","y"]],"scopes":["symbol",["nofield","alias"]]}', True),
        ('{"q":["x"],"missing":["nofield"]}', True),
        ('{"q":["x"],"exists":["nofield"]}', False),
        ('{"q":["symbol:a OR symbl:a"],"scopes":[]}', True),
        ('{"q":["x"],"filter":"symbl:a"}', False),
    ],
)
def test_a_dead_scope_or_filter_is_an_error_only_where_nothing_else_can_be_found(body: str, valid: bool) -> None:
    issues = validate(f"POST /v3/query {body}", APIS["mygene"])
    assert issues and is_valid(issues) is valid


@pytest.mark.parametrize(
    ("name", "clause", "expected"),
    [
        ("mygene", "taxid:2147483648", "a whole number from -2147483648 to 2147483647"),
        ("mygene", "taxid:" + "9" * 4301, "a whole number from -2147483648 to 2147483647"),
        ("mygene", "taxid:>99999999999", "a number from -2147483648 to 2147483647"),
        ("mychem", "pubchem.molecular_weight:1e39", "a number below 3.4028236e+38"),
        ("mychem", "pubchem.molecular_weight:" + "1" * 400, "a number below 3.4028236e+38"),
        ("mygene", "taxid:5.5", "a whole number"),
    ],
)
def test_a_number_beyond_its_field_is_told_with_the_bounds(name: str, clause: str, expected: str) -> None:
    api = APIS[name]
    (issue,) = validate(f"/{api.version}/query?q={clause}", api)
    assert issue.code == "wrong_type" and f"takes {expected}, not" in issue.message and len(issue.message) < 200


@pytest.mark.parametrize("clause", ["taxid:2147483647", 'retired:"-1"', "taxid:>=-2147483648", "retired:>1e3"])
def test_a_number_at_the_edge_of_its_field_is_good(clause: str) -> None:
    assert validate(f"/v3/query?q={clause}", APIS["mygene"]) == ()


def test_more_clauses_than_the_search_engine_takes_are_one_error() -> None:
    at_most = " OR ".join(f"symbol:a{number}" for number in range(1024))
    assert is_valid(validate(f"/v3/query?q={at_most}", APIS["mygene"]))
    for q in (f"{at_most} OR nofield:x", "name:(" + "word " * 1025 + ")"):
        (issue,) = validate(f"/v3/query?q={q}", APIS["mygene"])
        assert issue.code == "too_large" and "1024 clauses" in issue.message
    assert is_valid(validate(f"/v3/query?q=symbol:/{'a' * 1000}/", APIS["mygene"]))


def test_hints_are_looked_up_for_the_first_unknown_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("query_assistant.queries.issues.meant_field", lambda name, api: asked.append(name))
    issues = validate("/v3/query?q=" + " ".join(f"unknown{number}:x" for number in range(500)), APIS["mygene"])
    assert len(issues) == 500
    assert len(asked) == 20


def test_errors_come_first() -> None:
    issues = validate("/v3/query?q=symbol:a and nofield:b&scopes=x", APIS["mygene"])
    assert [issue.severity for issue in issues] == ["error", "warning", "no_effect"]


@settings(max_examples=120, deadline=None)
@given(
    st.text(max_size=40), st.sampled_from(sorted(APIS)), st.sampled_from(["q", "filter", "fields", "sort", "facets"])
)
def test_any_value_can_be_judged(value: str, name: str, parameter: str) -> None:
    api = APIS[name]
    for issue in validate(Query(query=f"/{api.version}/query?{parameter}={value}"), api):
        assert issue.message
