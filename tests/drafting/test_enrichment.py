"""Example values come into copies, where records have none, and what is made of them is executed."""

from __future__ import annotations

import pytest

from query_assistant.apis import load_api
from query_assistant.apis.fields import Schema
from query_assistant.drafting import enrichment
from query_assistant.drafting.enrichment import (  # the real one: the fixture replaces the module's
    enriched,
    written_examples,
)

RECORDS = [
    {"_id": str(number), "cadd": {"phred": number}, "clinvar": [{"rcv": "a"}, {"rcv": "b"}]} for number in range(50)
]
EXAMPLES = {"gnomad_exome.af.af": [0.01, 0.2], "clinvar.gene.id": [7], "cadd.phred": [99], "_id.part": ["x"]}


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrichment, "written_examples", lambda api: EXAMPLES)


def test_only_fields_that_no_record_fills_get_example_values() -> None:
    copies = enriched(RECORDS, "myvariant", 1)
    frequencies = [record["gnomad_exome"]["af"]["af"] for record in copies if "gnomad_exome" in record]
    assert len(frequencies) == 4
    assert set(frequencies) <= {0.01, 0.2}
    assert [record["cadd"]["phred"] for record in copies] == list(range(50))
    assert sum("gene" in record["clinvar"][0] for record in copies) == 4
    assert not any("gene" in record["clinvar"][1] for record in copies)
    assert [record["_id"] for record in copies] == [record["_id"] for record in RECORDS]


def test_the_records_themselves_stay_as_they_are_and_the_draw_depends_on_the_seed() -> None:
    before = repr(RECORDS)
    assert enriched(RECORDS, "myvariant", 1) == enriched(RECORDS, "myvariant", 1) != enriched(RECORDS, "myvariant", 2)
    assert repr(RECORDS) == before


@pytest.mark.parametrize("name", ["mygene", "myvariant", "mychem", "mydisease"])
def test_every_written_example_belongs_to_a_searchable_field_and_fits_its_type(name: str) -> None:
    schema: Schema = load_api(name).schema
    for path, values in written_examples(name).items():
        field = schema[path]
        assert field.indexed, path
        assert len(values) >= 2, path
        if field.numeric:
            assert all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values), path
        elif field.type == "boolean":
            assert all(isinstance(value, bool) for value in values), path
        else:
            assert all(isinstance(value, str) for value in values), path


def test_an_api_without_words_of_its_own_has_no_examples() -> None:
    assert written_examples("hpo") == {}
