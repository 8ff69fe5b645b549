"""Queries into what they say."""

from __future__ import annotations

import pytest

from query_assistant.apis import load_api
from query_assistant.records import Query
from query_assistant.verbalising.plan import Group, Leaf, Not, Plan, UnsayableError
from query_assistant.verbalising.planning import plan_query


def planned(path: str, api: str = "mygene", body: dict[str, object] | None = None) -> Plan:
    return plan_query(Query(query=path, body=body), load_api(api))


def test_values_of_one_field_joined_by_or_become_one_condition() -> None:
    assert planned("/v3/query?q=symbol:CDK2 OR symbol:CDK4").condition == Leaf("equals", "symbol", ("CDK2", "CDK4"))


def test_presentation_and_species_are_all_in_the_plan() -> None:
    plan = planned("/v3/query?q=cdk2&species=human,mouse&fields=symbol,-go&size=5&from=10&sort=-taxid&facets=taxid")

    assert plan == Plan(
        "mygene",
        "search",
        condition=Leaf("keyword", None, ("cdk2",)),
        species=("9606", "10090"),
        fields=("symbol",),
        excluded=("go",),
        size=5,
        skip=10,
        sort=("-taxid",),
        facets=("taxid",),
    )


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("taxid:[1 TO 5]", Leaf("between", "taxid", low="1", high="5")),
        ("taxid:{1 TO 5}", Leaf("strictly_between", "taxid", low="1", high="5")),
        ("taxid:[1 TO 5}", Leaf("from_below", "taxid", low="1", high="5")),
        ("taxid:{1 TO 5]", Leaf("above_to", "taxid", low="1", high="5")),
        ("taxid:>=5", Leaf("at_least", "taxid", low="5")),
        ("taxid:<5", Leaf("below", "taxid", high="5")),
        ("taxid:9606", Leaf("equals_number", "taxid", ("9606",))),
        ("name:insulin", Leaf("contains", "name", ("insulin",))),
        ("name:(cell cycle)", Leaf("contains_all", "name", ("cell", "cycle"))),
        ('name:"cell cycle"', Leaf("phrase", "name", ("cell cycle",))),
        ('name:"cell cycle"~3', Leaf("near", "name", ("cell cycle",), slop=3)),
        ("symbol:CDK*", Leaf("prefix", "symbol", ("CDK",))),
        ("symbol:*K2", Leaf("suffix", "symbol", ("K2",))),
        ("symbol:**DK**", Leaf("infix", "symbol", ("DK",))),
        ("symbol:CDK?", Leaf("pattern", "symbol", ("CDK?",))),
        ("symbol:CDK2~1", Leaf("fuzzy", "symbol", ("CDK2",))),
        ("_exists_:HGNC", Leaf("exists", "HGNC")),
        ("go:0006915", Leaf("equals", "go", ("GO:0006915",))),
        ("refseq:NM_001.2", Leaf("equals", "refseq", ("NM_001.2",))),
        ("chr7:1000000-2000000", Leaf("interval", None, ("7",), low="1000000", high="2000000")),
        ("cdk*", Leaf("keyword_prefix", None, ("cdk",))),
        ('"cell cycle"', Leaf("keyword_phrase", None, ("cell cycle",))),
        ("1017", Leaf("equals", "entrezgene", ("1017",))),
        ("insulin receptor", Leaf("keyword", None, ("insulin receptor",))),
    ],
)
def test_each_construct_of_the_language_is_one_operator(text: str, leaf: Leaf) -> None:
    assert planned(f"/v3/query?q={text}").condition == leaf


def test_negation_and_groups_keep_their_shape() -> None:
    condition = planned("/v3/query?q=(symbol:CDK2 OR name:kinase) AND NOT _exists_:HGNC").condition

    assert condition == Group(
        "and",
        (
            Group("or", (Leaf("equals", "symbol", ("CDK2",)), Leaf("contains", "name", ("kinase",)))),
            Not(Leaf("exists", "HGNC")),
        ),
    )


def test_an_interval_beside_text_keeps_both_where_the_api_does() -> None:
    condition = planned("/v1/query?q=chr1:100-200 AND dbsnp.rsid:rs12", "myvariant").condition

    assert condition == Group(
        "and", (Leaf("interval", None, ("1",), low="100", high="200"), Leaf("equals", "dbsnp.rsid", ("rs12",)))
    )


def test_chromosome_field_is_no_interval() -> None:
    assert planned("/v1/query?q=chrom:17", "myvariant").condition == Leaf("equals", "chrom", ("17",))


def test_lookups_and_batches_have_kinds_of_their_own() -> None:
    batch = planned("/v3/query", body={"q": ["CDK2", "INS"], "scopes": ["symbol"], "fields": ["entrezgene"]})

    assert planned("/v3/gene/1017?fields=symbol") == Plan("mygene", "lookup", identifiers=("1017",), fields=("symbol",))
    assert planned("/v3/gene", body={"ids": ["1017", "1018"]}).kind == "batch_lookup"
    assert (batch.kind, batch.identifiers, batch.scopes, batch.fields) == (
        "batch",
        ("CDK2", "INS"),
        ("symbol",),
        ("entrezgene",),
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v3/query?q=cdk2&filter=symbol:CDK2", "parameter"),
        ("/v3/query?q=symbol:CDK2^3", "construct"),
        ("/v3/query?q=symbol:CDK2 OR symbol:CDK2", "repeated value"),
        ("/v3/query?q=nosuchfield:1", "unknown field"),
        ("/v3/query?q=symbol:CDK2&size=0&fields=symbol", "presentation of nothing"),
        ("/v3/query?q=a:b AND chr1:1-2", "interval"),
        ("/v3/metadata", "endpoint"),
    ],
)
def test_what_nobody_would_say_has_a_reason(path: str, reason: str) -> None:
    with pytest.raises(UnsayableError) as caught:
        planned(path)
    assert caught.value.reason == reason


def test_names_torn_at_their_blanks_are_no_batch_but_whole_names_are() -> None:
    api = load_api("mygene")
    torn = Query(query="/v3/query", body={"q": ["SET", "nuclear", "proto-oncogene"], "scopes": ["name"]})
    whole = Query(query="/v3/query", body={"q": ["insulin receptor", "calmodulin"], "scopes": ["name"]})

    with pytest.raises(UnsayableError, match="torn names"):
        plan_query(torn, api)
    assert plan_query(whole, api).identifiers == ("insulin receptor", "calmodulin")


@pytest.mark.parametrize(("q", "genome"), [("hg19.chr7:1-2", "hg19"), ("mm9.chr7:1-2", "mm9"), ("chr7:1-2", None)])
def test_the_genome_that_q_names_is_said(q: str, genome: str | None) -> None:
    assert planned(f"/v3/query?q={q}").assembly == genome


@pytest.mark.parametrize("q", ["chr7:1-2 AND symbol:CDK2", "xchr7:1-2"])
def test_an_interval_that_swallows_other_text_has_no_words(q: str) -> None:
    with pytest.raises(UnsayableError, match="swallows"):
        planned(f"/v3/query?q={q}")


@pytest.mark.parametrize("api", ["mygene", "mychem"])
def test_a_q_that_finds_nothing_has_no_words(api: str) -> None:
    with pytest.raises(UnsayableError, match="no record"):
        planned(f"/{load_api(api).version}/query?q=&size=5", api)


def test_text_on_both_sides_of_an_interval_is_said() -> None:
    plan = planned("/v1/query?q=cadd.phred:>20 AND chr7:5 AND dbsnp.vartype:snv", "myvariant")
    assert plan.condition == Group(
        "and",
        (
            Leaf("position", None, ("7",), low="5", high="5"),
            Leaf("above", "cadd.phred", low="20"),
            Leaf("equals", "dbsnp.vartype", ("snv",)),
        ),
    )
