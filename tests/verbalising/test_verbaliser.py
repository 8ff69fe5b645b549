"""Instructions hold all of the query, in many ways, and the same way for the same seed."""

from __future__ import annotations

import re

import pytest

from query_assistant.apis import load_api
from query_assistant.pairs.checks import missing_literals, unreadable
from query_assistant.pairs.writing import FORMS
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.verbaliser import Verbaliser

CALLS = [
    ("mygene", "/v3/query?q=cdk2&species=human&size=5"),
    ("mygene", "/v3/query?q=symbol:CDK2 OR symbol:CDK4&fields=symbol,name,taxid&species=mouse,rat"),
    ("mygene", '/v3/query?q=name:"protein kinase" AND NOT _exists_:ensembl.gene&from=40&size=20&sort=-entrezgene'),
    ("mygene", "/v3/query?q=(symbol:INS OR name:insulin) AND type_of_gene:protein-coding&fields=all"),
    ("mygene", "/v3/query?q=chr7:1000000-2000000&species=human&from=20"),
    ("mygene", "/v3/query?q=name:kinase&facets=type_of_gene&size=0&facet_size=5"),
    ("mygene", "/v3/query?q=name:(cell cycle)&facets=taxid&size=0&species=9913"),
    ("mygene", "/v3/query?q=go:0006915&fetch_all=true&dotfield=true"),
    ("mygene", "/v3/gene/1017?fields=symbol,go&species=human"),
    (
        "myvariant",
        "/v1/query?q=cadd.phred:>=20 AND clinvar.rcv.clinical_significance:Pathogenic&sort=-cadd.phred&size=1",
    ),
    ("myvariant", "/v1/query?q=dbnsfp.genename:BRCA1 AND NOT snpeff.ann.effect:missense_variant&assembly=hg38"),
    ("myvariant", "/v1/query?q=chr1:35367-35367 AND _exists_:clinvar"),
    ("myvariant", "/v1/query?q=dbsnp.alleles.freq.1000g:{0.01 TO 0.05}&fields=dbsnp.rsid"),
    ("mychem", "/v1/query?q=pubchem.molecular_weight:[200 TO 500} AND NOT _exists_:drugbank.id"),
    ("mychem", "/v1/query?q=chembl.first_approval:>2000 OR chembl.molecule_properties.alogp:<=5&size=0"),
    ("mychem", "/v1/query?q=drugbank.name:asp*&fields=-chebi"),
    ("mydisease", '/v1/query?q=mondo.parents:"MONDO:0003847"&ignore_obsolete=false&size=30'),
    ("mydisease", '/v1/query?q="cystic fibrosis" AND NOT hpo.inheritance.hpo_name:"Autosomal recessive inheritance"'),
]


@pytest.mark.parametrize(("api", "path"), CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_every_literal_can_be_read_out_of_every_instruction(api: str, path: str, form: str) -> None:
    loaded = load_api(api)
    lexicon = Lexicon.load(api, loaded.schema)
    plan = plan_query(Query(query=path), loaded)
    for seed in range(40):
        said = Verbaliser(lexicon).say(plan, form, str(seed))  # type: ignore[arg-type]
        assert missing_literals(plan, said, lexicon) == [], said
        assert unreadable(said) is None, said


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v3/query",
            {"q": ["CDK2", "INS"], "scopes": ["symbol", "alias"], "fields": ["entrezgene"], "species": ["human"]},
        ),
        ("/v3/query", {"q": ["CDK2", "INS"], "size": 3}),
        ("/v3/gene", {"ids": ["1017", "ENSG00000123374", "1018"], "fields": ["symbol"]}),
        ("/v3/gene", {"ids": ["1017", "1018"], "species": ["mouse"]}),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_batches_name_every_term_and_the_species(
    path: str, body: dict[str, object], form: str, lexicon: Lexicon
) -> None:
    plan = plan_query(Query(query=path, body=body), load_api("mygene"))
    for seed in range(40):
        said = Verbaliser(lexicon).say(plan, form, str(seed))  # type: ignore[arg-type]
        assert missing_literals(plan, said, lexicon) == [], said


def test_the_same_seed_says_the_same_and_others_say_it_in_hundreds_of_ways(lexicon: Lexicon) -> None:
    plan = plan_query(Query(query="/v3/query?q=name:insulin AND taxid:9606&size=5"), load_api("mygene"))
    verbaliser = Verbaliser(lexicon)
    drawn = [verbaliser.say(plan, "imperative", str(seed)) for seed in range(400)]

    assert drawn == [verbaliser.say(plan, "imperative", str(seed)) for seed in range(400)]
    assert len(set(drawn)) > 380


def test_nothing_is_said_that_the_query_leaves_open(lexicon: Lexicon) -> None:
    plan = plan_query(Query(query="/v3/query?q=symbol:CDK2"), load_api("mygene"))
    unasked = re.compile(r"\b(human|mouse|first|top|sorted|ordered|page|all|only|just|at most)\b", re.IGNORECASE)
    for form in FORMS:
        for seed in range(150):
            said = Verbaliser(lexicon).say(plan, form, str(seed))
            assert not unasked.search(said), said


def test_bounds_that_belong_and_bounds_that_do_not_are_worded_apart() -> None:
    api = load_api("myvariant")
    verbaliser = Verbaliser(Lexicon.load("myvariant", api.schema))
    included = plan_query(Query(query="/v1/query?q=cadd.phred:>=20"), api)
    excluded = plan_query(Query(query="/v1/query?q=cadd.phred:>20"), api)
    said = [
        {verbaliser.say(plan, form, str(seed)) for form in FORMS for seed in range(80)} for plan in (included, excluded)
    ]
    strict = re.compile(r"\b(above|over|exceeds?|exceeding|greater than|higher than|more than)\b|> ?20")
    kind = re.compile(
        r"at least|or more|or above|or higher|no l(ower|ess)|not below|at or above|>=|≥|20\+|min |from 20 up|minimum"
    )

    assert all(kind.search(text) and not re.search(r"(?<!or )(?<!at or )\babove\b(?! 20)", text) for text in said[0]), (
        said[0]
    )
    assert all(strict.search(text) and not kind.search(text) for text in said[1])


def said_of(api: str, path: str, form: str, seeds: int = 200) -> set[str]:
    loaded = load_api(api)
    plan = plan_query(Query(query=path), loaded)
    verbaliser = Verbaliser(Lexicon.load(api, loaded.schema))
    return {verbaliser.say(plan, form, str(seed)) for seed in range(seeds)}  # type: ignore[arg-type]


def test_plain_words_are_asked_for_as_people_do() -> None:
    said = {text.casefold().rstrip(".?") for text in said_of("mygene", "/v3/query?q=insulin", "imperative")}

    assert {"insulin", "search for insulin"} <= said
    assert any(text.startswith("anything ") for text in said)


def test_an_order_may_be_said_by_what_it_means() -> None:
    path = "/v1/query?q=aspirin&sort=pubchem.molecular_weight"
    api = load_api("mychem")
    lexicon = Lexicon.load("mychem", api.schema)
    plan = plan_query(Query(query=path), api)

    assert any("lightest" in text for text in said_of("mychem", path, "imperative"))
    assert missing_literals(plan, "Anything about aspirin, lightest first.", lexicon) == []
    assert missing_literals(plan, "Anything about aspirin, heaviest first.", lexicon) == ["pubchem.molecular_weight"]


def test_a_clause_with_where_is_denied_by_its_verb() -> None:
    path = "/v3/query?q=type_of_gene:protein-coding AND NOT entrezgene:1017"
    said = said_of("mygene", path, "imperative", 400)

    assert any(" where the " in text and " is not 1017" in text for text in said)
