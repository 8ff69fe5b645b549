"""What people ask an API about: its topics file, or topics derived from the schema, and the values of real records.

A topics file is data about habits (which fields are searched, looked up and returned, how often) and holds no values:
those come from records. `weight` is always relative to its neighbours: higher, asked more often. A record becomes a
row:

    {"symbol": ("CDK2",), "taxid": ("9606",), "alias": ("CDKN2", "p33(CDK2)"), ...}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from query_assistant.apis import api_folder
from query_assistant.apis.fields import Field, Schema
from query_assistant.errors import ConfigurationError
from query_assistant.inputs import read_text
from query_assistant.nesting import leaf_texts

Form = Literal["value", "word", "words", "phrase", "prefix", "list", "range", "compare"]

Program = Literal["try_it", "autocomplete", "translator", "batch"]
# The servers' search engine keeps no columns of it: it can be neither sorted by nor counted.
IDENTIFIER = "_id"

FORMS: dict[str, tuple[Form, ...]] = {
    "keyword": ("value", "value", "value", "value", "list", "prefix"),
    "text": ("word", "word", "words", "phrase", "phrase", "prefix"),
    "number": ("range", "compare", "compare"),
    "date": ("range", "compare"),
    "boolean": ("value",),
}
# Of every 100 fielded questions this many name a field that no topics file lists: the long tail.
TAIL_WEIGHT_SHARE = 0.15


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(_Model):
    """A name people search by: `values` is the field that supplies them, if the name is a shorthand of it."""

    weight: float = 1.0
    values: str | None = None
    forms: tuple[Form, ...] = ()


class IntervalFields(_Model):
    """Fields that place a record on a chromosome, and the prefix with which people write such an interval."""

    chromosome: str
    start: str
    end: str
    prefix: str = ""
    parameters: dict[str, str] = {}


class LogSample(_Model):
    """How the sample that ships is written: together the APIs' samples use every kind of log."""

    format: Literal["combined", "common", "tornado", "csv", "paths"] = "csv"
    files: int = 1


class Topics(_Model):
    """The habits of one API's users.

    `programs` says which parameters, and with which values, a kind of program adds unasked.
    """

    entities: dict[str, float]
    plain: dict[str, float]
    lookups: dict[str, float]
    searches: dict[str, Search]
    returned: tuple[str, ...]
    facets: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    intervals: tuple[IntervalFields, ...] = ()
    parameters: dict[str, dict[str, float]] = {}
    programs: dict[Program, dict[str, str]] = {}
    misnamed: tuple[str, ...] = ()
    sample: LogSample = LogSample()

    def source(self, name: str) -> str:
        """The field whose values are asked for under `name`."""
        return self.searches[name].values or name if name in self.searches else name


def load_topics(name: str, schema: Schema, values: RecordRows) -> Topics:
    """The topics of an API: its topics.yaml, completed by the long tail, or derived altogether.

    Raises:
        ConfigurationError: the file has an unknown key or a field that the schema does not know.
    """
    file = api_folder(name) / "topics.yaml"
    if not file.is_file():
        return _derived(name, schema, values)
    try:
        topics = Topics.model_validate(yaml.safe_load(read_text(file)))
    except ValidationError as error:
        raise ConfigurationError(f"topics of {name}: {error}") from None
    _check(name, topics, schema)
    return topics.model_copy(update={"searches": _with_tail(_with_forms(topics, schema, values), schema, values)})


def _check(name: str, topics: Topics, schema: Schema) -> None:
    named = {topics.source(search) for search in topics.searches} | set(topics.plain) | set(topics.facets)
    unknown = sorted(field for field in named if field != IDENTIFIER and field not in schema)
    if unknown:
        raise ConfigurationError(f"topics of {name}: no such field {unknown[0]!r}; expected one of the schema's")
    sorted_by = {field.removeprefix("-") for sort in topics.sorts for field in sort.split(",")}
    if IDENTIFIER in sorted_by | set(topics.facets):
        raise ConfigurationError(f"topics of {name}: no server sorts by {IDENTIFIER} or counts it; name another field")


def forms_of(field: Field, values: RecordRows) -> tuple[Form, ...]:
    """The ways in which people ask for a value of this field: codes kept as text are quoted, not taken apart."""
    holders = values.holders.get(field.name, ())[:20]
    if field.type == "text" and not any(
        " " in value for number in holders for value in values.rows[number][field.name]
    ):
        return ("value", "phrase")
    return FORMS["number" if field.numeric else field.type]


def _with_forms(topics: Topics, schema: Schema, values: RecordRows) -> dict[str, Search]:
    def formed(name: str, search: Search) -> Search:
        forms = search.forms or forms_of(schema[topics.source(name)], values)
        return search.model_copy(update={"forms": forms})

    return {name: formed(name, search) for name, search in topics.searches.items()}


def _with_tail(searches: dict[str, Search], schema: Schema, values: RecordRows) -> dict[str, Search]:
    known = {search.values or name for name, search in searches.items()}
    rest = [field for field in schema.searchable if field.name not in known and values.varies(field.name)]
    shares = {field.name: len(values.holders[field.name]) ** 0.5 for field in rest}
    scale = TAIL_WEIGHT_SHARE * sum(search.weight for search in searches.values()) / (sum(shares.values()) or 1.0)
    return searches | {
        field.name: Search(weight=shares[field.name] * (scale or 1.0), forms=forms_of(field, values)) for field in rest
    }


def _derived(name: str, schema: Schema, values: RecordRows) -> Topics:
    """Topics for an API nobody has described: what is searched by default is typed, the rest is named."""
    typed = [field.name for field in schema.searched_by_default if field.name in values.holders]
    keywords = [field.name for field in schema.searchable if field.type == "keyword"]
    groups = sorted({field.name.split(".")[0] for field in schema.searchable if field.name in values.holders})
    return Topics(
        entities={name.removeprefix("my"): 1.0},
        plain=dict.fromkeys(typed or [IDENTIFIER], 1.0),
        lookups={f"{{{IDENTIFIER}}}": 1.0},
        searches=_with_tail({}, schema, values),
        returned=tuple(groups) or (IDENTIFIER,),
        facets=tuple(name for name in keywords if name != IDENTIFIER)[:8],
        sorts=tuple(field.name for field in schema.searchable if field.numeric)[:8],
    )


# Values ---------------------------------------------------------------------------------------------------------------

Row = dict[str, tuple[str, ...]]

# A record can hold hundreds of values in one field (GO terms of a famous gene); a few are enough to ask about.
VALUES_PER_FIELD = 8
LONGEST_VALUE = 160


class RecordRows:
    """The rows of a set of records, and for each field the rows that hold it."""

    def __init__(self, records: Iterable[Mapping[str, Any]], schema: Schema) -> None:
        self.rows: list[Row] = [row for record in records if (row := _row(record, schema))]
        self.holders: dict[str, list[int]] = {}
        for number, row in enumerate(self.rows):
            for field in row:
                self.holders.setdefault(field, []).append(number)
        self._shared: dict[tuple[str, ...], list[int]] = {}
        self._uniqueness: dict[str, float] = {}

    def rows_with(self, fields: Iterable[str]) -> list[int]:
        """Numbers of the rows in which every one of the fields has a value."""
        key = tuple(sorted(set(fields)))
        if key not in self._shared:
            found = [self.holders.get(field, []) for field in key]
            rest = [set(numbers) for numbers in found[1:]]
            first = found[0] if found else list(range(len(self.rows)))
            self._shared[key] = [number for number in first if all(number in numbers for numbers in rest)]
        return self._shared[key]

    def uniqueness(self, field: str) -> float:
        """Distinct values per value: 1.0 for an identifier, near 0 for a category."""
        if field not in self._uniqueness:
            values = [value for number in self.holders.get(field, []) for value in self.rows[number][field]]
            self._uniqueness[field] = len(set(values)) / len(values) if values else 0.0
        return self._uniqueness[field]

    def varies(self, field: str) -> bool:
        """Whether the field has more than one value: nobody asks for what is the same everywhere."""
        numbers = self.holders.get(field, [])
        return len({value for number in numbers[:500] for value in self.rows[number][field]}) > 1

    def pick(self, fields: Iterable[str], rng: Random, *, famous: bool = False) -> Row | None:
        """A random row that has all the fields, or None. `famous` prefers the first, best described records."""
        numbers = self.rows_with(fields)
        if not numbers:
            return None
        skew = 3.0 if famous else 1.0
        return self.rows[numbers[int(len(numbers) * rng.random() ** skew)]]


def _row(record: Mapping[str, Any], schema: Schema) -> Row:
    found: dict[str, list[str]] = {}
    for field, value in leaf_texts(record):
        if field == IDENTIFIER or (field in schema and schema[field].indexed):
            values = found.setdefault(field, [])
            if len(values) < VALUES_PER_FIELD and 0 < len(value) <= LONGEST_VALUE and value not in values:
                values.append(value)
    return {field: tuple(values) for field, values in found.items() if values}
