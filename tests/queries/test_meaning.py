"""What requests ask for: routing, rewriting, intervals, filters, batches and identifiers, fact by fact."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_assistant.apis import Api, load_api
from query_assistant.errors import QuerySyntaxError, RequestError
from query_assistant.queries.meaning import LOOKUP_LIMIT, Meaning, understand
from query_assistant.queries.reading import mode_of
from query_assistant.queries.request import parse
from query_assistant.queries.rules.shorthands import rewrite, rewrite_scope
from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Exists,
    Interval,
    Match,
    MatchAll,
    MatchNone,
    Node,
    Phrase,
    Range,
    Strict,
    Wildcard,
    Words,
)
from query_assistant.records import Query

GENE, VARIANT, CHEM, DISEASE = (load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease"))
APIS = {api.name: api for api in (GENE, VARIANT, CHEM, DISEASE)}


def ask(text: str, api: Api) -> Meaning:
    return understand(parse(text, api), api)


def genes(q: str) -> Node:
    """The one query of a q that MyGene reads."""
    path = f"/v3/query?q={q.replace('%', '%25').replace('&', '%26').replace('+', '%2B').replace('#', '%23')}"
    return understand(parse(Query(query=path), GENE), GENE).queries[0]


def words(*texts: str, field: str | None = None) -> Words:
    return Words(field, texts)


# ---- section 3: special values of q

SPECIAL: list[tuple[str, str, Node]] = [
    ("mygene", "", MatchAll()),
    ("mygene", "?q=", MatchNone()),
    ("mygene", "?q=  ", MatchNone()),
    ("mygene", "?q=__all__", MatchAll()),
    ("mygene", "?q=*:*", MatchAll()),
    ("mygene", "?q=*", BestOf(tuple((1.0, Wildcard(name, "*")) for name in ("symbol", "name", "summary")))),
    ("mychem", "?q=*", MatchAll()),
    ("mychem", "?q=CHEBI:57966", words("57966", field="CHEBI")),
    ("mychem", '?q="CHEBI:57966"', Phrase(None, "CHEBI:57966")),
    ("mychem", "?q=a b", words("a", "b")),
    ("mygene", "?q=taxid:human", Strict(words("human", field="taxid"))),
]


@pytest.mark.parametrize(("name", "query", "tree"), SPECIAL)
def test_special_values_of_q(name: str, query: str, tree: Node) -> None:
    api = APIS[name]
    assert ask(f"/{api.version}/query{query}", api).queries == (tree,)


# ---- section 5, step 1: rewriting in MyGene

REWRITTEN: list[tuple[str, str]] = [
    ("refseq:NM_1", "refseq_agg:NM_1"),
    ("REFSEQ:NM_1", "refseq_agg:NM_1"),
    ("accession:X", "accession_agg:X"),
    ("reporter:1007_s_at", "reporter.\\*:1007_s_at"),
    ("reagent:X", "reagent.\\*.id:X"),
    ("uniprot:P24941", "uniprot.\\*:P24941"),
    ("wikipedia:X", "wikipedia.\\*:X"),
    ("interpro:IPR1", "interpro.id:IPR1"),
    ("homologene:7", "homologene.id:7"),
    ("go:0000307", "go.\\*.id:go\\:0000307"),
    ("GO:0000307", "go.\\*.id:go\\:0000307"),
    ("ensemblgene:E", "ensembl.gene:E"),
    ("ensembltranscript:E", "ensembl.transcript:E"),
    ("ensemblprotein:E", "ensembl.protein:E"),
    ("hgnc:1 hprd:1 mim:1 mgi:1 ratmap:1 rgd:1", "HGNC:1 HPRD:1 MIM:1 MGI:1 RATMAP:1 RGD:1"),
    ("flybase:1 tair:1 zfin:1 sgd:1", "FLYBASE:1 TAIR:1 ZFIN:1 SGD:1"),
    ("wormbase:1 xenbase:1 mirbase:1", "WormBase:1 Xenbase:1 miRBase:1"),
    ("uniprot.Swiss-Prot:P1", "uniprot.Swiss-Prot:P1"),
    ("chembl.uniprot_accession:P1", "chembl.uniprot_accession_agg:P1"),
    ("pantherdb.FlyBase:x", "pantherdb.FLYBASE:x"),
    ("pantherdb.Fly\\Base:x", "pantherdb.Fly\\Base:x"),
    ("go.BP.id:GO\\:0008150", "go.BP.id:GO\\:0008150"),
    ("symbol:CDK2", "symbol:CDK2"),
]


@pytest.mark.parametrize(("written", "read"), REWRITTEN)
def test_mygene_replaces_names_before_parsing(written: str, read: str) -> None:
    assert rewrite(written, GENE) == read


def test_other_apis_replace_nothing() -> None:
    assert all(rewrite("refseq:NM_1 go:1", api) == "refseq:NM_1 go:1" for api in (VARIANT, CHEM, DISEASE))


@pytest.mark.parametrize("q", ["mgi:MGI:88339", "go:GO:0000307"])
def test_a_name_within_a_value_breaks_the_text(q: str) -> None:
    with pytest.raises(QuerySyntaxError):
        genes(q)


def test_rewriting_reaches_into_quotes_and_loses_the_prefix_of_groups() -> None:
    assert genes('go.BP.id:"GO:0008150"') == Strict(Phrase("go.BP.id", "go.*.id:go:0008150"))
    assert genes("go.BP.id:GO\\:0008150") == Strict(words("GO:0008150", field="go.BP.id"))
    assert genes("go:(1 OR 2)") == Strict(
        Boolean(must=(words("go:", field="go.*.id"), Boolean(should=(words("1"), words("2")))))
    )
    assert genes("pantherdb.Fly\\Base:x") == Strict(words("x", field="pantherdb.FlyBase"))


BROKEN_SCOPES = [
    "go.BP.category", "go.CC.category", "go.MF.category", "pantherdb.uniprot_kb", "pantherdb.ortholog.uniprot_kb",
    "chembl.uniprot_accession", "pantherdb.FlyBase", "pantherdb.ortholog.FlyBase", "agr.orthologs.algorithmsmatch",
    "agr.orthologs.outofalgorithms",
]  # fmt: skip


def test_exactly_the_known_scopes_are_broken_by_rewriting() -> None:
    searchable = [field.name for field in GENE.schema.searchable if field.name not in GENE.hidden]
    broken = [name for name in searchable if not GENE.schema.matching(rewrite_scope(name, GENE))]
    assert sorted(broken) == sorted(BROKEN_SCOPES)


@pytest.mark.parametrize(
    ("scope", "field"),
    [("refseq", "refseq_agg"), ("go", "go.*.id"), ("uniprot", "uniprot.*"), ("reporter", "reporter.*"), ("mim", "MIM"),
     ("ensemblgene", "ensembl.gene"), ("ensembl.gene", "ensembl.gene"), ("symbol", "symbol"), ("go.BP.id", "go.BP.id")],
)  # fmt: skip
def test_scopes_are_rewritten_where_no_dot_follows(scope: str, field: str) -> None:
    assert rewrite_scope(scope, GENE) == field


# ---- section 5, step 2: routing in MyGene

MODES: list[tuple[str, str]] = [
    ('"cdk2"', "text"),
    ("symbol:cdk2", "text"),
    ("cdk2~1", "text"),
    ("a AND b", "text"),
    ("a OR b", "text"),
    ("NOT a", "text"),
    ("a NOT b", "text"),
    ("cdk2 cdk4", "words"),
    ("cdk2 and cdk4", "words"),
    ("a && b", "words"),
    ("a -b", "words"),
    ("(cdk2)", "words"),
    ("cdk2", "words"),
    ('"a b" c', "words"),
    ("cdk*", "wildcard"),
    ("c?k 2", "wildcard"),
    ("1017", "integer"),
    ("ENSG0000012*", "wildcard"),
]


@pytest.mark.parametrize(("q", "expected"), MODES)
def test_mygene_chooses_a_reading_by_the_first_rule_that_fits(q: str, expected: str) -> None:
    assert mode_of(q, GENE) == expected
    assert mode_of(q, CHEM) == "text"


def test_plain_words_are_the_best_of_seven_searches() -> None:
    assert genes("cdk2 x") == BestOf(
        (
            (8.0, Match(("symbol",), "cdk2 x", "any")),
            (4.0, Match(("name",), "cdk2 x", "phrase")),
            (3.0, Match(("name",), "cdk2 x", "all")),
            (1.1, Match(("unigene",), "cdk2 x", "whole")),
            (1.1, Match(("refseq.rna", "refseq.protein", "accession.rna", "accession.protein"), "cdk2 x", "all")),
            (1.1, Match(("go",), "cdk2 x", "all")),
            (1.0, Strict(words("cdk2", "x"))),
        )
    )


def test_patterns_are_lower_cased_and_numbers_are_gene_ids() -> None:
    assert genes("CDK* a") == BestOf(tuple((1.0, Wildcard(name, "cdk* a")) for name in ("symbol", "name", "summary")))
    assert genes("1017") == Match(("entrezgene",), "1017", "whole")


@pytest.mark.parametrize("q", ["a/b", "a(b", "x^"])
def test_plain_words_that_cannot_be_parsed_are_refused_through_their_last_search(q: str) -> None:
    with pytest.raises(QuerySyntaxError):
        genes(q)


def test_score_factors_come_with_the_meaning() -> None:
    factors = ask("/v3/query?q=cdk2", GENE).factors
    assert [factor for _, factor in factors] == [0.5, 1.55, 1.3, 1.2, 1.1]
    assert factors[1][0] == words("9606", field="taxid")
    assert ask("/v1/query?q=x", CHEM).factors == ()


# ---- intervals


def gene_interval(path: str, chromosome: str, start: int, end: int) -> Interval:
    return Interval(path, f"{path}.chr", chromosome, start, end)


GENE_INTERVALS: list[tuple[str, Interval]] = [
    ("chr1:1-100", gene_interval("genomic_pos", "1", 1, 100)),
    ("chrX:151,073,054-151,383,976", gene_interval("genomic_pos", "x", 151073054, 151383976)),
    ("chr1:1-100 AND symbol:CDK2", gene_interval("genomic_pos", "1", 1, 100)),
    ("symbol:CDK2 AND chr1:1-100", gene_interval("genomic_pos", "1", 1, 100)),
    ("hg19.chr1:1-100", gene_interval("genomic_pos_hg19", "1", 1, 100)),
    ("mm9.chr1:1-100", gene_interval("genomic_pos_mm9", "1", 1, 100)),
    ("hg38.chr1:1-100", gene_interval("genomic_pos", "1", 1, 100)),
    ("mm10.chr1:1-100", gene_interval("genomic_pos", "1", 1, 100)),
]


@pytest.mark.parametrize(("q", "interval"), GENE_INTERVALS)
def test_a_gene_interval_is_the_whole_query(q: str, interval: Interval) -> None:
    assert genes(q) == interval


@pytest.mark.parametrize("q", ["CHR1:1-100", "chr1:100"])
def test_what_is_no_gene_interval_is_query_text(q: str) -> None:
    assert isinstance(genes(q), Strict)


def side(*texts: str, field: str | None = None) -> Words:
    return Words(field, texts, "or")


def variant_interval(chromosome: str, start: int, end: int, path: str = "hg19") -> Interval:
    return Interval(path, "chrom", chromosome, start, end)


VARIANT_INTERVALS: list[tuple[str, Node]] = [
    ("chr1:1-100", variant_interval("1", 1, 100)),
    ("chrx:5", variant_interval("x", 5, 5)),
    ("chrMT:5", variant_interval("mt", 5, 5)),
    ("chr22:1-2", variant_interval("22", 1, 2)),
    ("chr1:1-2 AND a b", Boolean(must=(Strict(side("a", "b")), variant_interval("1", 1, 2)))),
    ("a and chr1:1-2", Boolean(must=(Strict(side("a")), variant_interval("1", 1, 2)))),
    (
        "a AND chr1:1-2 AND bb",
        Boolean(must=(Strict(Boolean(must=(side("a"), side("bb")))), variant_interval("1", 1, 2))),
    ),
    (
        "a AND chr1:1-2 AND b",
        Boolean(must=(Strict(side("a")), variant_interval("1", 1, 2))),
    ),  # the server wants two signs
    ("chr2:1-2 OR x", variant_interval("2", 1, 2)),
    ("chr2:1-2 x", variant_interval("2", 1, 2)),
]


@pytest.mark.parametrize(("q", "tree"), VARIANT_INTERVALS)
def test_a_variant_interval_may_be_joined_by_and_only(q: str, tree: Node) -> None:
    assert ask(f"/v1/query?q={q}", VARIANT).queries == (tree,)


@pytest.mark.parametrize("q", ["chrM:1-2", "chr23:1-2", "CHR1:1-2", "x OR chr2:1-2", "chr1:g.218631822G>A"])
def test_what_is_no_variant_interval_is_query_text(q: str) -> None:
    tree = ask(f"/v1/query?q={q}", VARIANT).queries[0]
    assert not isinstance(tree, Interval)
    assert "Interval" not in repr(tree)


@pytest.mark.parametrize("q", ["(x AND chr2:1-2)", "hg19.chr1:1-x:y"])
def test_a_broken_text_beside_an_interval_is_refused(q: str) -> None:
    with pytest.raises(QuerySyntaxError):
        ask(f"/v1/query?q={q}", VARIANT)


def test_commas_in_a_variant_interval_are_refused() -> None:
    with pytest.raises(RequestError):
        ask("/v1/query?q=chr1:1,000-2,000", VARIANT)


def test_two_intervals_are_one_and_a_text() -> None:
    tree = ask("/v1/query?q=chr1:1-2 AND chr2:3-4", VARIANT).queries[0]
    assert tree == Boolean(must=(Strict(side("3-4", field="chr2")), variant_interval("1", 1, 2)))


@pytest.mark.parametrize(
    ("path", "index", "stretch"),
    [
        ("/v1/query?q=chr1:1-2", "hg19", "hg19"),
        ("/v1/query?q=chr1:1-2&assembly=hg38", "hg38", "hg38"),
        ("/v1/hg38/query?q=chr1:1-2", "hg38", "hg19"),
        ("/v1/hg38/query?q=chr1:1-2&assembly=hg19", "hg38", "hg19"),
        ("/v1/hg38/query?q=chr1:1-2&assembly=hg38", "hg38", "hg38"),
        ("/v1/hg19/query?q=chr1:1-2", "hg19", "hg19"),
    ],
)
def test_assembly_and_path_choose_index_and_interval_fields(path: str, index: str, stretch: str) -> None:
    meaning = ask(path, VARIANT)
    assert (meaning.index, meaning.queries[0]) == (index, variant_interval("1", 1, 2, stretch))


# ---- filters and species

FILTERS: list[tuple[str, str, tuple[Node, ...]]] = [
    ("mygene", "species=human", (words("9606", field="taxid"),)),
    ("mygene", "species=9606,10090", (Boolean(should=(words("9606", field="taxid"), words("10090", field="taxid"))),)),
    ("mygene", "species=all", ()),
    ("mygene", "entrezonly=true", (Exists("entrezgene"),)),
    ("mygene", "ensemblonly=true", (Exists("ensembl.gene"),)),
    ("mygene", "entrezonly=false", ()),
    ("mygene", "exists=MIM", (Exists("MIM"),)),
    ("mygene", "exists=MIM,HGNC", (Boolean(must=(Exists("MIM"), Exists("HGNC"))),)),
    ("mygene", "missing=MIM,HGNC", (Boolean(must_not=(Exists("MIM"), Exists("HGNC"))),)),
    ("mygene", "filter=a b", (Strict(side("a", "b")),)),
    ("mygene", "filter=refseq:NM_1", (Strict(side("NM_1", field="refseq")),)),
    ("mychem", "filter=a b", (Strict(side("a", "b")),)),
    ("mychem", "species=human", ()),
    ("mydisease", "x=y", (Boolean(must_not=(words("true", field="mondo.is_obsolete"),)),)),
    ("mydisease", "ignore_obsolete=false", ()),
]


@pytest.mark.parametrize(("name", "query", "filters"), FILTERS)
def test_parameters_that_choose_records_become_filters(name: str, query: str, filters: tuple[Node, ...]) -> None:
    api = APIS[name]
    assert ask(f"/{api.version}/query?q=x&{query}", api).filters == filters


def test_selections_are_queries_with_the_filters_folded_in() -> None:
    meaning = ask("/v3/query?q=symbol:CDK2&species=human", GENE)
    assert meaning.selections == (Boolean(must=(Strict(words("CDK2", field="symbol")), words("9606", field="taxid"))),)
    assert ask("/v3/query?species=human", GENE).selections == (words("9606", field="taxid"),)


def test_post_filter_and_the_species_of_facets_stand_apart() -> None:
    meaning = ask("/v3/query?q=x&post_filter=a&facets=taxid&species_facet_filter=human", GENE)
    assert meaning.post_filter == Boolean(must=(Strict(side("a")), words("9606", field="taxid")))
    assert meaning.filters == ()
    assert ask("/v3/query?q=x&species_facet_filter=human", GENE).post_filter is None


def test_annotation_keeps_species_and_drops_other_filters() -> None:
    assert ask("/v3/gene/1017?species=mouse&filter=x", GENE).filters == (words("10090", field="taxid"),)
    assert ask("/v1/disease/MONDO:1", DISEASE).filters == ()


# ---- section 8: batches


def test_each_term_of_a_batch_is_looked_up_literally() -> None:
    meaning = ask('POST /v3/query {"q":["CDK2","a OR b*"],"scopes":["symbol","refseq"]}', GENE)
    fields = ("symbol", "refseq_agg")
    assert meaning.queries == (Match(fields, "CDK2"), Match(fields, "a OR b*"))
    assert meaning.terms == ("CDK2", "a OR b*")


def test_the_default_scopes_of_a_batch() -> None:
    assert ask('POST /v3/query {"q":["1017"]}', GENE).queries == (
        Match(("_id", "entrezgene", "ensembl.gene", "retired"), "1017"),
    )
    assert ask('POST /v1/query {"q":["x"]}', CHEM).queries == (Match(("_id",), "x"),)


def test_empty_scopes_run_each_term_as_query_text_without_rewriting() -> None:
    meaning = ask('POST /v3/query {"q":["symbol:CDK2","refseq:NM_1"],"scopes":[]}', GENE)
    assert meaning.queries == (Strict(words("CDK2", field="symbol")), Strict(words("NM_1", field="refseq")))


def test_arrays_of_terms_pair_with_scopes_by_position() -> None:
    text = 'POST /v1/query {"q":[["CDK2","c.314A>T"]],"scopes":[["dbsnp.gene.symbol"],"snpeff.ann.hgvs_c"]}'
    assert ask(text, VARIANT).queries == (
        Boolean(must=(Match(("dbsnp.gene.symbol",), "CDK2"), Match(("snpeff.ann.hgvs_c",), "c.314A>T"))),
    )
    with pytest.raises(RequestError, match="pair them"):
        ask('POST /v1/query {"q":[["a","b"]],"scopes":["x"]}', VARIANT)


# ---- section 9: identifiers

DRUGBANK = (
    "drugbank.id", "unichem.drugbank", "chebi.xrefs.drugbank", "drugcentral.xrefs.drugbank_id",
    "pharmgkb.xrefs.drugbank",
)  # fmt: skip
CHEBI = ("chebi.id", "chebi.secondary_chebi_id")
XREFS = ("mondo", "disease_ontology", "disgenet")

IDENTIFIERS: list[tuple[str, str, tuple[str, ...] | None, str]] = [
    ("mygene", "NCBIGene:1017", ("entrezgene", "retired"), "1017"),
    ("mygene", "ncbigene:1017", ("entrezgene", "retired"), "1017"),
    ("mygene", "ENSEMBL:ENSG1", ("ensembl.gene",), "ENSG1"),
    ("mygene", "UniProtKB:P24941", ("uniprot.Swiss-Prot",), "P24941"),
    ("mygene", "1017", ("entrezgene", "retired"), "1017"),
    ("mygene", "symbol:CDK2", ("symbol",), "CDK2"),
    ("mygene", "HGNC:1771", ("HGNC",), "1771"),
    ("mygene", "MGI:88339", ("MGI",), "88339"),
    ("mygene", "refseq:NM_1", ("refseq",), "NM_1"),
    ("mygene", "ENSG00000123374", None, ""),
    ("mygene", "nofield:x", None, ""),
    ("myvariant", "rs58991260", ("dbsnp.rsid",), "rs58991260"),
    ("myvariant", "DBSNP:rs58991260", ("dbsnp.rsid",), "rs58991260"),
    ("myvariant", "CLINVAR:123", ("clinvar.variant_id",), "123"),
    ("myvariant", "CAID:CA123", ("clingen.caid",), "CA123"),
    ("myvariant", "CA123", None, ""),
    ("myvariant", "chr1:g.35367G>A", None, ""),
    ("myvariant", "RCV000083620", ("clinvar.rcv.accession",), "RCV000083620"),
    ("myvariant", "RCV000083620.2", ("clinvar.rcv.accession",), "RCV000083620.2"),
    ("myvariant", "VAR_012345", ("uniprot.humsavar.ftid",), "VAR_012345"),
    ("myvariant", "dbnsfp.genename:BTK", ("dbnsfp.genename",), "BTK"),
    ("myvariant", "123", None, ""),
    ("myvariant", "1:g.1A>G", None, ""),
    ("mychem", "USNINKBPBVKHHZ-CYUUQNCZSA-L", None, ""),
    ("mychem", "INCHIKEY:USNINKBPBVKHHZ-CYUUQNCZSA-L", None, ""),
    ("mychem", "CHEMBL.COMPOUND:CHEMBL25", ("chembl.molecule_chembl_id",), "CHEMBL25"),
    ("mychem", "CHEMBL:CHEMBL25", ("chembl.molecule_chembl_id",), "CHEMBL25"),
    ("mychem", "CHEMBL25", ("chembl.molecule_chembl_id",), "CHEMBL25"),
    ("mychem", "PUBCHEM.COMPOUND:2244", ("pubchem.cid",), "2244"),
    ("mychem", "CID:2244", ("pubchem.cid",), "2244"),
    ("mychem", "2244", ("pubchem.cid",), "2244"),
    ("mychem", "1234567890", ("unii.unii",), "1234567890"),
    ("mychem", "CHEBI:CHEBI:15365", CHEBI, "CHEBI:15365"),
    ("mychem", "CHEBI:15365", CHEBI, "CHEBI:15365"),
    ("mychem", "UNII:R16CO5Y76E", ("unii.unii",), "R16CO5Y76E"),
    ("mychem", "R16CO5Y76E", ("unii.unii",), "R16CO5Y76E"),
    ("mychem", "DB12345678", ("unii.unii",), "DB12345678"),
    ("mychem", "DRUGBANK:DB00945", DRUGBANK, "DB00945"),
    ("mychem", "DB00945", DRUGBANK, "DB00945"),
    ("mychem", "PHARMGKB.DRUG:PA448497", ("pharmgkb.id",), "PA448497"),
    ("mychem", "PA448497", ("pharmgkb.id",), "PA448497"),
    ("mychem", "SID:123", ("fda_orphan_drug.pubchem_sid",), "123"),
    ("mychem", "PUBCHEM.SUBSTANCE:123", ("fda_orphan_drug.pubchem_sid",), "123"),
    ("mychem", "drugbank.name:Aspirin", ("drugbank.name",), "Aspirin"),
    ("mydisease", "MONDO:MONDO:0016575", ("mondo.mondo",), "MONDO:0016575"),
    ("mydisease", "DOID:DOID:1", ("disease_ontology.doid",), "DOID:1"),
    ("mydisease", "MONDO:0016575", None, ""),
    ("mydisease", "DOID:1", ("disease_ontology.doid", "disgenet.xrefs.doid", "mondo.xrefs.doid"), "DOID:1"),
    ("mydisease", "MESH:D1", ("ctd.mesh", "umls.mesh", *(f"{part}.xrefs.mesh" for part in XREFS)), "D1"),
    ("mydisease", "NCIT:C1", ("mondo.xrefs.ncit", "disease_ontology.xrefs.ncit"), "C1"),
    ("mydisease", "OMIM:1", ("ctd.omim", "hpo.omim", *(f"{part}.xrefs.omim" for part in XREFS)), "1"),
    ("mydisease", "HP:1", ("disgenet.xrefs.hp", "mondo.xrefs.hp"), "HP:1"),
    ("mydisease", "ORPHANET:1", ("mondo.xrefs.orphanet", "hpo.orphanet"), "1"),
    ("mydisease", "UMLS:C1", ("mondo.xrefs.umls", "umls.umls", "disgenet.xrefs.umls"), "C1"),
    ("mydisease", "DECIPHER:1", ("hpo.decipher",), "1"),
    ("mydisease", "KEGG:H1", ("disease_ontology.xrefs.kegg",), "H1"),
    ("mydisease", "ICD9:123.4", ("mondo.xrefs.icd9", "disease_ontology.xrefs.icd9", "disgenet.xrefs.icd9"), "123.4"),
    ("mydisease", "ICD11:CA01", None, ""),
    ("mydisease", "FOO:123", None, ""),
    ("mydisease", "mondo.label:x", None, ""),
    ("mydisease", "D003920", None, ""),
]


@pytest.mark.parametrize(("name", "identifier", "fields", "term"), IDENTIFIERS)
def test_identifiers_are_looked_up_by_their_shape(
    name: str, identifier: str, fields: tuple[str, ...] | None, term: str
) -> None:
    api = APIS[name]
    meaning = ask(f"/{api.version}/{api.entity}/{identifier}", api)
    expected = Match(api.lookup_fields, identifier) if fields is None else Match(fields, term)
    assert meaning.queries == (expected,)
    assert (meaning.lookup, meaning.presentation.size) == (True, LOOKUP_LIMIT)


def test_a_batch_of_identifiers_has_one_lookup_each() -> None:
    meaning = ask('POST /v3/gene {"ids":["1017","symbol:CDK2"]}', GENE)
    assert meaning.queries == (Match(("entrezgene", "retired"), "1017"), Match(("symbol",), "CDK2"))


# ---- presentation


def test_presentation_has_the_defaults_of_the_endpoint() -> None:
    assert ask("/v3/query?q=x", GENE).presentation.fields == ("name", "symbol", "taxid", "entrezgene")
    assert ask("/v3/query?q=x&fields=", GENE).presentation.fields is None
    assert ask("/v3/query?q=x&fields=a,all", GENE).presentation.fields is None
    assert ask("/v3/gene/1", GENE).presentation.fields is None
    assert ask("/v1/query?q=x", CHEM).presentation.fields is None


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("q=x", 10),
        ("q=x&size=0", 0),
        ("facets=taxid", 0),
        ("q=__all__&facets=taxid", 0),
        ("q=__all__&facets=taxid&size=10", 10),
        ("q=*:*&facets=taxid", 10),
        ("q=x&fetch_all=true&size=5", 1000),
    ],
)
def test_the_number_of_hits_shown(query: str, size: int) -> None:
    assert ask(f"/v3/query?{query}", GENE).presentation.size == size


def test_facets_sort_and_paging_are_kept_and_facet_size_zero_is_ten() -> None:
    shown = ask("/v3/query?q=x&facets=taxid,symbol&facet_size=0&sort=-symbol&from=3&dotfield=1", GENE).presentation
    assert (shown.facets, shown.facet_size, shown.sort, shown.from_, shown.dotfield) == (
        ("taxid", "symbol"), 10, ("-symbol",), 3, True,
    )  # fmt: skip


def test_metadata_has_no_records() -> None:
    with pytest.raises(RequestError):
        ask("/v3/metadata", GENE)


def test_ranges_on_the_right_of_an_interval_keep_their_type() -> None:
    tree = ask("/v1/query?q=chr1:1-2 AND cadd.phred:>20", VARIANT).queries[0]
    assert tree == Boolean(must=(Strict(Range("cadd.phred", "20", None, False)), variant_interval("1", 1, 2)))


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=40), st.sampled_from(sorted(APIS)))
def test_any_q_is_understood_or_refused(q: str, name: str) -> None:
    api = APIS[name]
    try:
        request = parse(Query(query=f"/{api.version}/query", body={"q": [q], "scopes": []}), api)
        understand(request, api)
        understand(parse(Query(query=f"/{api.version}/query?q={q}"), api), api)
    except RequestError as error:
        assert error.status in (400, 404)
