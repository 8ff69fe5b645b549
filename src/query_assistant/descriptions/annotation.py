"""Every field of an API described: its leaves and the objects above them, none left out.

    annotate(api.schema, "mygene", examples, glossary_annotator("mygene"))

Who writes the descriptions is a choice: `glossary_annotator` composes them offline, `schema.llm` asks a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from query_assistant.apis.fields import Field, Schema
from query_assistant.descriptions import glossary
from query_assistant.errors import InputError
from query_assistant.records import FieldDescription


@dataclass(frozen=True, slots=True)
class Subject:
    """A field that wants a description, with a real value where there is one."""

    field: Field
    example: str | None


Annotator = Callable[[Sequence[Subject]], Mapping[str, str]]


def annotate(schema: Schema, api: str, examples: Mapping[str, str], annotator: Annotator) -> list[FieldDescription]:
    """One description per field of the schema, in its order.

    Args:
        examples: a value for each leaf that has one (`schema.examples.example_values`).

    Raises:
        InputError: the annotator left a field out or without text; the message names what is missing.
    """
    subjects = [Subject(field, examples.get(field.name)) for field in schema]
    written = annotator(subjects)
    check_complete(schema, api, written)
    return [_record(subject, written[subject.field.name], api) for subject in subjects]


def check_complete(schema: Schema, api: str, written: Mapping[str, str]) -> None:
    """Passes only if every field of the schema has a description that says more than its path."""
    missing = [field.name for field in schema if written.get(field.name, "").strip() in ("", field.name)]
    if missing:
        shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise InputError(
            f"{len(missing)} of {len(schema.fields)} fields of {api} have no description: {shown}; "
            "run the annotation again, or add them to the glossary"
        )


def glossary_annotator(api: str) -> Annotator:
    """Descriptions composed from the curated glossary."""
    return lambda subjects: {subject.field.name: glossary.description(api, subject.field.name) for subject in subjects}


def _record(subject: Subject, description: str, api: str) -> FieldDescription:
    field = subject.field
    return FieldDescription(
        field=field.name,
        type=field.type,
        description=description.strip(),
        source=glossary.source(api, field.name),
        indexed=field.indexed,
        searched_by_default=field.searched_by_default,
        leaf=field.leaf,
        example=subject.example if field.leaf else None,
    )
