"""The field list of one API, as its `/metadata/fields` reports it (data/apis/<api>/fields.csv).

    field,type,indexed,searched_by_default,analyzer
    ensembl.gene,keyword,true,true,

A *leaf* holds values; an *object* only groups fields below it.
"""

from __future__ import annotations

import csv
import difflib
import fnmatch
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
_COLUMNS = ("field", "type", "indexed", "searched_by_default", "analyzer")
NUMERIC: frozenset[str] = frozenset({"integer", "long", "byte", "float", "double"})


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
        return tuple(field for field in self if fnmatch.fnmatchcase(field.name, pattern))

    def closest(self, name: str, count: int = 3) -> list[str]:
        """Existing names that a person who wrote `name` may have meant, the likeliest first."""
        by_case = [field.name for field in self if field.name.lower() == name.lower()]
        last = name.rsplit(".", 1)[-1]
        by_end = [field.name for field in self.leaves if field.name.rsplit(".", 1)[-1] == last]
        close = difflib.get_close_matches(name, list(self.fields), n=count, cutoff=0.6)
        return list(dict.fromkeys(by_case + close + by_end))[:count]


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
