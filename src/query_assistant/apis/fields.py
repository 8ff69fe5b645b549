"""The field list of one API, as its `/metadata/fields` reports it (data/apis/<api>/fields.csv).

    field,type,indexed,searched_by_default,analyzer
    ensembl.gene,keyword,true,true,

A *leaf* holds values; an *object* only groups fields below it. The *kind* of a field says which spellings of a value
are the same value:

| kind | fields | a value is |
|---|---|---|
| text | text with the standard analyzer | words, in any case |
| whole | keyword; text taken as one token | one value, in any case save for the API's case-sensitive fields |
| prefix | text cut at its dots (refseq) | one value with or without its version |
| number, boolean, date | typed | typed |
| default | no field named | words in `all`, or an `_id` |
| unknown | no such field, an object, or a wildcard over unlike fields | nothing can be said |
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast, get_args

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text

MatchMode = Literal["all", "any", "phrase", "whole"]
FieldType = Literal["text", "keyword", "integer", "long", "byte", "float", "double", "boolean", "date", "object"]
ValueKind = Literal["text", "whole", "prefix", "number", "boolean", "date", "default", "unknown"]
_COLUMNS = ("field", "type", "indexed", "searched_by_default", "analyzer")
NUMERIC: frozenset[str] = frozenset({"integer", "long", "byte", "float", "double"})
_TEXT_KINDS: dict[str, ValueKind] = {"": "text", "string_lowercase": "whole", "refseq_analyzer": "prefix"}


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a field list. `analyzer` is empty for the type's own."""

    name: str
    type: FieldType
    indexed: bool
    searched_by_default: bool
    analyzer: str = ""

    @property
    def leaf(self) -> bool:
        return self.type != "object"

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC

    @property
    def kind(self) -> ValueKind:
        """How its values are compared."""
        if self.numeric:
            return "number"
        if self.type in ("boolean", "date"):
            return cast(ValueKind, self.type)
        if self.type == "keyword":
            return "whole"
        return _TEXT_KINDS.get(self.analyzer, "unknown") if self.type == "text" else "unknown"


@dataclass(frozen=True)
class Schema:
    """All fields of one API, by name, in the order of the file."""

    fields: dict[str, Field]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def __getitem__(self, name: str) -> Field:
        return self.fields[name]

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields.values())

    @cached_property
    def leaves(self) -> tuple[Field, ...]:
        return tuple(field for field in self if field.leaf)

    @cached_property
    def searchable(self) -> tuple[Field, ...]:
        """Leaves that a query may name and find something in."""
        return tuple(field for field in self.leaves if field.indexed)

    @cached_property
    def searched_by_default(self) -> tuple[Field, ...]:
        return tuple(field for field in self if field.searched_by_default)

    def below(self, parent: str) -> tuple[Field, ...]:
        """All leaves under an object, at any depth."""
        return tuple(field for field in self.leaves if field.name.startswith(parent + "."))

    def matching(self, pattern: str) -> tuple[Field, ...]:
        """The fields that a name with `*` stands for; a name without one stands for itself."""
        if "*" not in pattern:
            return (self[pattern],) if pattern in self else ()
        first, *middle, last = pattern.split("*")
        pieces = [first, *filter(None, middle), last]
        longest = max(pieces, key=len)
        near = [field for name, field in self.fields.items() if longest in name]
        return tuple(field for field in near if _holds(field.name, pieces))

    def kind(self, name: str | None) -> ValueKind:
        """The kind of a field, or of the fields that a name with `*` stands for."""
        if name is None:
            return "default"
        if name in self.fields:
            return self.fields[name].kind
        kinds = {field.kind for field in self.matching(name) if field.leaf}
        return kinds.pop() if len(kinds) == 1 else "unknown"


def _holds(name: str, pieces: list[str]) -> bool:
    """Whether a name is made of the pieces in their order, with anything between them. Never goes back."""
    first, *middle, last = pieces
    at, end = len(first), len(name) - len(last)
    if end < at or not name.startswith(first) or not name.endswith(last):
        return False
    for piece in middle:
        at = name.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def load_schema(path: Path) -> Schema:
    """The field list in a CSV file.

    Raises:
        ConfigurationError: the file is missing, no CSV of fields, or a row has an unknown type or flag.
    """
    try:
        rows = csv.DictReader(io.StringIO(read_text(path)), strict=True)
        if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
            raise ConfigurationError(f"{path} has no column {', '.join(missing)}; expected {','.join(_COLUMNS)}")
        fields = [_field(row, path) for row in rows]
    except (InputError, csv.Error) as error:
        raise ConfigurationError(f"no field list at {path}: {error}; expected a CSV of /metadata/fields") from error
    if not fields:
        raise ConfigurationError(f"{path} lists no fields; expected a CSV of /metadata/fields")
    return Schema({field.name: field for field in fields})


def _field(row: dict[str, str], path: Path) -> Field:
    kind = row["type"]
    if kind not in get_args(FieldType) or row["indexed"] not in ("true", "false"):
        raise ConfigurationError(
            f"{path}: field {row['field']!r} has type {kind!r}, indexed {row['indexed']!r}; "
            "expected a known type and true or false"
        )
    return Field(
        name=row["field"],
        type=cast(FieldType, kind),
        indexed=row["indexed"] == "true",
        searched_by_default=row["searched_by_default"] == "true",
        analyzer=row["analyzer"] or "",
    )
