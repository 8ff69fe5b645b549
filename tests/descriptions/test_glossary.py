"""The glossary: every field has a rule, no two fields are told or named alike, and its sentences read as promised."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from query_assistant.apis.fields import Schema, load_schema
from query_assistant.descriptions import glossary
from query_assistant.descriptions.glossary_rules import load_glossary
from query_assistant.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
LEAVES = {"mygene": 280, "myvariant": 1369, "mychem": 937, "mydisease": 224}
APIS = tuple(LEAVES)


@pytest.fixture(scope="module", params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def schema(api: str) -> Schema:
    return load_schema(ROOT / "data" / "apis" / api / "fields.csv")


def shared(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Texts that more than one field has."""
    fields = defaultdict(list)
    for text, field in pairs:
        fields[text.lower()].append(field)
    return {text: names for text, names in fields.items() if len(names) > 1}


def test_every_field_has_a_rule_and_a_name(api: str, schema: Schema) -> None:
    assert len(schema.leaves) == LEAVES[api]
    assert [field.name for field in schema if not glossary.names(api, field.name)] == []


def test_all_leaf_fields_of_the_four_apis_are_2810() -> None:
    assert sum(LEAVES.values()) == 2810


def test_no_two_fields_share_a_description(api: str, schema: Schema) -> None:
    assert shared((glossary.description(api, field.name), field.name) for field in schema) == {}


def test_no_two_fields_share_a_name(api: str, schema: Schema) -> None:
    assert shared((name, field.name) for field in schema for name in glossary.names(api, field.name)) == {}


def test_descriptions_are_clean_noun_phrases(api: str, schema: Schema) -> None:
    untidy = [
        text
        for field in schema
        for text in [glossary.description(api, field.name)]
        if text.split()[0].islower()
        or text.endswith(".")
        or "  " in text
        or any(sign in text for sign in ("<", "|", "_:"))
        or len(text.split()) < 3
        or text.startswith(("The ", "This "))
    ]
    assert untidy == []


def test_no_article_is_doubled_or_misspelt(api: str, schema: Schema) -> None:
    texts = [
        text for field in schema for text in (glossary.description(api, field.name), *glossary.names(api, field.name))
    ]
    wrong = re.compile(r"\b(an?|the) (an?|the)\b|\ba [aeio]|\ban [bcdgjkpqtvwyz]|\b(\w+) \3\b", re.ASCII)
    assert [text for text in texts if wrong.search(text)] == []


def test_names_read_inside_a_sentence(api: str, schema: Schema) -> None:
    names = [name for field in schema for name in glossary.names(api, field.name)]
    assert [name for name in names if len(name) > 80 or name != name.strip() or name.endswith((".", ","))] == []
    assert [name for name in names if "<" in name or "|" in name] == []


def test_every_rule_fits_some_field(api: str, schema: Schema) -> None:
    rules = glossary.glossary_of(api)
    assert rules is not None
    assert [path for path in rules.exact if path not in schema and path != "_id"] == []
    unused = [rule.path for rule in rules.patterns if not any(rule.regex.fullmatch(field.name) for field in schema)]
    assert unused == []


def test_the_description_names_the_source(api: str, schema: Schema) -> None:
    without = [
        field.name
        for field in schema
        if glossary.source(api, field.name).lower() not in glossary.description(api, field.name).lower()
    ]
    assert without == []


def test_known_fields_are_told_and_named_as_people_do() -> None:
    sift = "SIFT score of the amino acid change, 0 to 1, lower is more damaging (dbNSFP)"
    assert glossary.description("myvariant", "dbnsfp.sift.score") == sift
    assert glossary.names("mygene", "entrezgene")[:3] == ("Entrez gene ID", "NCBI gene ID", "Entrez ID")
    assert glossary.names("myvariant", "cadd.phred")[:2] == ("CADD phred score", "CADD score")
    assert "ClinVar significance" in glossary.names("myvariant", "clinvar.rcv.clinical_significance")
    female = "gnomAD exomes East Asian female allele frequency"
    assert glossary.names("myvariant", "gnomad_exome.af.af_eas_female")[0] == female
    assert glossary.names("myvariant", "clinvar.allele_id") == ("ClinVar allele ID", "allele ID in ClinVar")
    assert glossary.source("mychem", "chebi.xrefs.hmdb") == "ChEBI"


def test_a_field_without_rule_is_an_error_with_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"mygene's field 'symbol\.nonsense'"):
        glossary.description("mygene", "symbol.nonsense")


def test_an_api_without_glossary_gets_its_paths_as_words() -> None:
    assert glossary.description("unheard_of", "subject.geneSymbol") == "Gene Symbol (subject)"
    assert glossary.names("unheard_of", "association.edge_label") == ("edge label (association)",)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], object]:
    """Loads a glossary file with this text below `sources`."""

    def load(text: str) -> object:
        file = tmp_path / "toy_rules.yaml"
        file.write_text("sources:\n  a: Alpha\n" + text, encoding="utf-8")
        return load_glossary([file])

    return load


def test_the_rule_that_spells_out_more_wins(tmp_path: Path) -> None:
    text = (
        "sources: {a: Alpha}\nslots:\n  s: {x: long x | short x, y: y}\n  t: {x: other, z: z}\n"
        "fields:\n  a:\n    b_<s>: the <s>, always | <s> name\n    <t>.b_<s>: nested <s>\n    b_y: spelled out\n"
    )
    file = tmp_path / "toy_rules.yaml"
    file.write_text(text, encoding="utf-8")
    rules = load_glossary([file])
    slot, spelled = rules.entry("a.b_x"), rules.entry("a.b_y")
    assert slot is not None and (slot.description, slot.names) == ("The long x, always (Alpha)", ("short x name",))
    assert spelled is not None and spelled.description == "Spelled out (Alpha)"
    assert rules.entry("a.b_q") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fields: {a.<nothing>: x}", "unknown slot 'nothing'"),
        ("slots: {s: {x: y}}\nfields: {a: says <s>}", "unknown slot 's'"),
        ("fields:\n  a: one\n  a: two\n", "given twice"),
        ("fields:\n  a: {b: one}\n  a.b: two\n", "second rule"),
        ("rules: {}", "not a glossary file"),
        ("fields: [a]", "not a glossary file"),
    ],
)
def test_a_mistake_in_a_file_is_an_error_that_says_where(read: Callable[[str], object], text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        read(text)
