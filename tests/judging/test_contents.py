"""What contents.csv says of fields, the rules that it follows from, and what the judge does with it."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
import yaml

from query_assistant.apis import load_api
from query_assistant.judging.contents import FILE, ONE_VALUE, identifiers, single_valued, with_whole_identifiers
from query_assistant.queries.tree import BestOf, Boolean, Boost, Match, Phrase, Strict, Words

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "tests" / "replica" / "records"
sys.path.insert(0, str(ROOT / "benchmarks"))

from contents import ENOUGH, RULES, Held, Verdict, verdicts  # noqa: E402

APIS = ("mygene", "myvariant", "mychem", "mydisease")
ROWS = [
    {"api": api, **row}
    for api in sorted(APIS)
    if (file := ROOT / "data" / "apis" / api / FILE).is_file()
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())
]
CHEM = load_api("mychem")
ANCESTORS = "chebi.ancestors"


def test_every_row_names_a_searchable_field_once_with_what_was_counted():
    assert [(row["api"], row["field"]) for row in ROWS] == sorted({(row["api"], row["field"]) for row in ROWS})
    for row in ROWS:
        assert load_api(row["api"]).schema[row["field"]].indexed
        assert int(row["records"]) >= ENOUGH if row["origin"] == "records" else row["origin"].startswith("biothings/")


def test_every_row_follows_from_a_rule_and_every_rule_has_rows():
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    named = {
        (api, verdict.field, verdict.holds)
        for api, rule in rules.items()
        for verdict in verdicts(rule, load_api(api), Held())
    }
    unfilled = {("mychem", "chebi.relationship.is_substituent_group_from", "CHEBI")}
    assert {(row["api"], row["field"], row["holds"]) for row in ROWS} == named - unfilled


@pytest.mark.parametrize("name", APIS)
def test_no_sample_record_contradicts_it(name):
    held = Held()
    for line in (RECORDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        held.add(json.loads(line))
    api = load_api(name)
    assert [field for field in single_valued(api) if held.several[field]] == []
    assert [field for field, prefix in identifiers(api).items() if held.prefixes.get(field, set()) - {prefix}] == []


def test_fields_of_which_records_hold_several_are_not_listed():
    assert single_valued(load_api("mydisease")) == frozenset()
    assert single_valued(load_api("mygene")) == {"taxid"}
    assert single_valued(load_api("hpo")) == frozenset()
    variant = single_valued(load_api("myvariant"))
    assert {"cadd.phred", "exac.af", "gnomad_exome.af.af_nfe", "hg19.start"} <= variant
    assert not variant & {"dbnsfp.sift.score", "cadd.polyphen.val", "clinvar.gene.id", "exac.het.het_afr"}
    assert {"chembl.first_approval", "pubchem.molecular_weight"} <= single_valued(CHEM)


def test_records_can_veto_a_rule_and_never_make_one():
    held = Held()
    for number in range(ENOUGH):
        held.add({"pubchem": {"xlogp": number, "complexity": [1, 2] if number == 7 else 1}, "unii": {"unii": "A"}})
        held.add({"chebi": [{"mass": 1}, {"mass": 1}], "chembl": {"first_approval": 1999}})
    rules = {
        "one_value": [
            {"fields": ["pubchem.xlogp", "pubchem.complexity", "chebi.mass", "chebi.star"]},
            {"fields": ["pubchem.exact_mass"], "loader": "a/b: c.py"},
        ]
    }
    assert verdicts(rules, CHEM, held) == [
        Verdict("pubchem.xlogp", ONE_VALUE, 100, "records"),
        Verdict("pubchem.complexity", ONE_VALUE, 100, refused="1 records hold several values"),
        Verdict("chebi.mass", ONE_VALUE, 100, refused="100 records hold several values"),
        Verdict("chebi.star", ONE_VALUE, 0, refused="only 0 records hold it"),
        Verdict("pubchem.exact_mass", ONE_VALUE, 0, "a/b: c.py"),
    ]


def test_one_value_of_another_kind_is_enough_to_veto_identifiers():
    held = Held()
    for number in range(ENOUGH):
        held.add({"chebi": {"parents": [f"CHEBI:{number}", "CHEBI:1"], "children": "CHEBI:1"}})
    held.add({"chebi": {"children": "35358"}})
    assert verdicts({"identifiers": {"CHEBI": ["chebi.parents", "chebi.children"]}}, CHEM, held) == [
        Verdict("chebi.parents", "CHEBI", 100, "records"),
        Verdict("chebi.children", "CHEBI", 101, refused="some value is no CHEBI identifier"),
    ]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Words(ANCESTORS, ("CHEBI:35358",)), Phrase(ANCESTORS, "CHEBI:35358")),
        (Words(ANCESTORS, ("chebi:1", "chebi:2")),
         Boolean(must=(Phrase(ANCESTORS, "chebi:1"), Phrase(ANCESTORS, "chebi:2")))),
        (Match((ANCESTORS,), "CHEBI:1"), Match((ANCESTORS,), "CHEBI:1", "phrase")),
        (Match((ANCESTORS, "name"), "CHEBI:1"), None),
        (Words(ANCESTORS, ("CHEBI:1",), "or"), None),
        (Words(ANCESTORS, ("35358",)), None),
        (Words(ANCESTORS, ("CHEBI:1", "acid")), None),
        (Words("name", ("CHEBI:35358",)), None),
        (Words(None, ("CHEBI:35358",)), None),
    ],
)  # fmt: skip
def test_an_identifier_is_one_thing_where_a_field_holds_nothing_else(node, expected):
    expected = expected or node
    assert with_whole_identifiers(node, CHEM) == expected
    around = Boolean(must=(Strict(Boost(node, 2.0)),), must_not=(BestOf(((1.0, node),)),))
    assert with_whole_identifiers(around, CHEM) == Boolean(
        must=(Strict(Boost(expected, 2.0)),), must_not=(BestOf(((1.0, expected),)),)
    )
