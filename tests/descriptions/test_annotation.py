"""Annotation: all fields in, all fields out, whoever writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.apis.fields import Field, Schema, load_schema
from query_assistant.descriptions.annotation import annotate, check_complete, glossary_annotator
from query_assistant.errors import InputError
from query_assistant.records import FieldDescription

ROOT = Path(__file__).parents[2]
TOY = Schema(
    {
        "go": Field("go", "object", indexed=True, searched_by_default=False),
        "go.id": Field("go.id", "keyword", indexed=True, searched_by_default=True),
    }
)


@pytest.mark.parametrize("api", ["mygene", "myvariant", "mychem", "mydisease"])
def test_the_glossary_describes_every_field_in_order(api: str) -> None:
    schema = load_schema(ROOT / "data" / "apis" / api / "fields.csv")
    records = annotate(schema, api, {}, glossary_annotator(api))
    assert [record.field for record in records] == [field.name for field in schema]
    assert [record.leaf for record in records] == [field.leaf for field in schema]


def test_a_record_carries_type_flags_source_and_example() -> None:
    schema = load_schema(ROOT / "data" / "apis" / "mygene" / "fields.csv")
    records = {r.field: r for r in annotate(schema, "mygene", {"symbol": "CDK2"}, glossary_annotator("mygene"))}
    assert records["symbol"] == FieldDescription(
        field="symbol",
        type="keyword",
        description="Official symbol of the gene, such as CDK2 (NCBI Gene)",
        source="NCBI Gene",
        indexed=True,
        searched_by_default=True,
        leaf=True,
        example="CDK2",
    )
    assert records["go"].example is None and not records["go"].leaf


@pytest.mark.parametrize("left_out", [{}, {"go": "annotation"}, {"go": "annotation", "go.id": " "}, {"go.id": "an id"}])
def test_a_field_left_out_is_named(left_out: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"of 2 fields of toy have no description: go"):
        annotate(TOY, "toy", {}, lambda subjects: left_out)


def test_a_description_that_repeats_the_path_counts_as_missing() -> None:
    with pytest.raises(InputError, match=r"1 of 2 fields of toy have no description: go\.id;"):
        check_complete(TOY, "toy", {"go": "annotation", "go.id": "go.id"})
