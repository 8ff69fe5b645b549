"""The field that was meant: it stays in the database that was named, and is one that people use."""

from __future__ import annotations

import pytest

from query_assistant.apis import load_api
from query_assistant.apis.suggestions import meant_field

MEANT = [
    # identifiers by their usual names
    ("mychem", "chebi.chebi_id", "chebi.id"),
    ("mychem", "drugbank.drugbank_id", "drugbank.id"),
    ("mychem", "pharmgkb.pharmgkb_id", "pharmgkb.id"),
    ("mychem", "chembl.chembl_id", "chembl.molecule_chembl_id"),
    ("mychem", "pubchem.id", "pubchem.cid"),
    ("mychem", "unii.id", "unii.unii"),
    ("mydisease", "mondo.id", "mondo.mondo"),
    ("mydisease", "mondo_id", "mondo.mondo"),
    ("mydisease", "umls.id", "umls.umls"),
    ("mygene", "interpro.interpro_id", "interpro.id"),
    ("mygene", "ensembl.ensembl_id", "ensembl.gene"),
    ("mygene", "go_id", "go"),
    ("mygene", "refseq_id", "refseq"),
    ("mygene", "hgnc_id", "HGNC"),
    ("myvariant", "dbsnp.id", "dbsnp.rsid"),
    ("myvariant", "dbsnp.rs_id", "dbsnp.rsid"),
    ("myvariant", "clinvar.clinvar_id", "clinvar.variant_id"),
    ("myvariant", "cosmic.id", "cosmic.cosmic_id"),
    # the same database
    ("myvariant", "gnomad.af", "gnomad_exome.af.af"),
    ("myvariant", "gnomad_exomes.af", "gnomad_exome.af.af"),
    ("myvariant", "clinvar.rcv_accession", "clinvar.rcv.accession"),
    ("myvariant", "clinvar.significance", "clinvar.rcv.clinical_significance"),
    ("myvariant", "cadd.phred_score", "cadd.phred"),
    ("myvariant", "dbnsfp.gene", "dbnsfp.genename"),
    ("mydisease", "disgenet.genes", "disgenet.genes_related_to_disease.gene_id"),
    ("mydisease", "mondo.name", "mondo.label"),
    ("mychem", "sider.side_effects", "sider.side_effect.name"),
    ("mychem", "chebi.cas", "chebi.xrefs.cas"),
    # spelling
    ("mygene", "symbl", "symbol"),
    ("mygene", "Symbol", "symbol"),
    ("mygene", "gene_symbol", "symbol"),
    ("mychem", "inchikey", "pubchem.inchikey"),
]


@pytest.mark.parametrize(("api", "written", "meant"), MEANT)
def test_a_wrong_name_leads_to_the_field_that_people_use(api: str, written: str, meant: str) -> None:
    assert meant_field(written, load_api(api)) == meant


@pytest.mark.parametrize("written", ["nofield", "foo_bar", "-1", "", "*", "x" * 500])
def test_a_name_like_no_field_leads_nowhere(written: str) -> None:
    assert meant_field(written, load_api("mygene")) is None


@pytest.mark.parametrize("api", ["mygene", "myvariant", "mychem", "mydisease"])
def test_a_wrong_name_below_a_known_database_never_leads_out_of_it(api: str) -> None:
    known = load_api(api)
    listed = [field.name for field in known.schema.searchable if field.name not in known.hidden]
    for database in sorted({name.partition(".")[0] for name in listed if "." in name}.difference(known.nested)):
        meant = meant_field(f"{database}.no_such_thing", known)
        assert meant is not None and meant.partition(".")[0] == database
