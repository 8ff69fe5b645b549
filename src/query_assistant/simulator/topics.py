"""What people ask an API about: its topics file, or topics derived from the schema where none is written.

A topics file is data about habits (which fields are searched, looked up and returned, how often) and holds no values:
those come from records. `weight` is always relative to its neighbours: higher, asked more often.
"""

from __future__ import annotations

from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from query_assistant.apis import api_folder
from query_assistant.apis.fields import Field, Schema
from query_assistant.errors import ConfigurationError
from query_assistant.simulator.values import Values

Form = Literal["value", "word", "words", "phrase", "prefix", "list", "range", "compare"]

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


class Stretch(_Model):
    """Fields that place a record on a chromosome, and the prefix with which people write such an interval."""

    chromosome: str
    start: str
    end: str
    prefix: str = ""
    parameters: dict[str, str] = {}


class Topics(_Model):
    """The habits of one API's users."""

    entities: dict[str, float]
    plain: dict[str, float]
    lookups: dict[str, float]
    searches: dict[str, Search]
    returned: tuple[str, ...]
    facets: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()
    intervals: tuple[Stretch, ...] = ()
    parameters: dict[str, dict[str, float]] = {}
    misnamed: tuple[str, ...] = ()

    def source(self, name: str) -> str:
        """The field whose values are asked for under `name`."""
        return self.searches[name].values or name if name in self.searches else name


def load_topics(name: str, schema: Schema, values: Values) -> Topics:
    """The topics of an API: its topics.yaml, completed by the long tail, or derived altogether.

    Raises:
        ConfigurationError: the file has an unknown key or a field that the schema does not know.
    """
    file = api_folder(name) / "topics.yaml"
    if not file.is_file():
        return _derived(name, schema, values)
    try:
        topics = Topics.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigurationError(f"topics of {name}: {error}") from None
    _check(name, topics, schema)
    return topics.model_copy(update={"searches": _with_tail(_with_forms(topics, schema, values), schema, values)})


def _check(name: str, topics: Topics, schema: Schema) -> None:
    named = {topics.source(search) for search in topics.searches} | set(topics.plain) | set(topics.facets)
    unknown = sorted(field for field in named if field != "_id" and field not in schema)
    if unknown:
        raise ConfigurationError(f"topics of {name}: no such field {unknown[0]!r}; expected one of the schema's")


def forms_of(field: Field, values: Values) -> tuple[Form, ...]:
    """The ways in which people ask for a value of this field: codes kept as text are quoted, not taken apart."""
    holders = values.holders.get(field.name, ())[:20]
    if field.type == "text" and not any(
        " " in value for number in holders for value in values.rows[number][field.name]
    ):
        return ("value", "phrase")
    return FORMS["number" if field.numeric else field.type]


def _with_forms(topics: Topics, schema: Schema, values: Values) -> dict[str, Search]:
    def formed(name: str, search: Search) -> Search:
        forms = search.forms or forms_of(schema[topics.source(name)], values)
        return search.model_copy(update={"forms": forms})

    return {name: formed(name, search) for name, search in topics.searches.items()}


def _with_tail(searches: dict[str, Search], schema: Schema, values: Values) -> dict[str, Search]:
    known = {search.values or name for name, search in searches.items()}
    rest = [field for field in schema.searchable if field.name not in known and values.varies(field.name)]
    shares = {field.name: len(values.holders[field.name]) ** 0.5 for field in rest}
    scale = TAIL_WEIGHT_SHARE * sum(search.weight for search in searches.values()) / (sum(shares.values()) or 1.0)
    return searches | {
        field.name: Search(weight=shares[field.name] * (scale or 1.0), forms=forms_of(field, values)) for field in rest
    }


def _derived(name: str, schema: Schema, values: Values) -> Topics:
    """Topics for an API nobody has described: what is searched by default is typed, the rest is named."""
    typed = [field.name for field in schema.searched_by_default if field.name in values.holders]
    groups = sorted({field.name.split(".")[0] for field in schema.searchable if field.name in values.holders})
    return Topics(
        entities={name.removeprefix("my"): 1.0},
        plain=dict.fromkeys(typed or ["_id"], 1.0),
        lookups={"{_id}": 1.0},
        searches=_with_tail({}, schema, values),
        returned=tuple(groups) or ("_id",),
        facets=tuple(field.name for field in schema.searchable if field.type == "keyword")[:8],
        sorts=tuple(field.name for field in schema.searchable if field.numeric)[:8],
    )
