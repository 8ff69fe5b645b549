"""What real records hold, field by field, so that invented requests ask for things that exist.

A gene of the replica becomes one row:

    {"symbol": ("CDK2",), "taxid": ("9606",), "alias": ("CDKN2", "p33(CDK2)"), ...}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from query_assistant.apis.fields import Schema

Row = dict[str, tuple[str, ...]]

# A record can hold hundreds of values in one field (GO terms of a famous gene); a few are enough to ask about.
VALUES_PER_FIELD = 8
LONGEST_VALUE = 160


class Values:
    """The rows of a set of records, and for each field the rows that hold it."""

    def __init__(self, records: Iterable[Mapping[str, Any]], schema: Schema) -> None:
        self.rows: list[Row] = [row for record in records if (row := _flatten(record, schema))]
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


def _flatten(record: Mapping[str, Any], schema: Schema) -> Row:
    found: dict[str, list[str]] = {}
    for field, value in _leaves(record, ""):
        if field == "_id" or (field in schema and schema[field].indexed):
            values = found.setdefault(field, [])
            if len(values) < VALUES_PER_FIELD and 0 < len(value) <= LONGEST_VALUE and value not in values:
                values.append(value)
    return {field: tuple(values) for field, values in found.items() if values}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child, path)
    elif isinstance(value, bool):
        yield path, str(value).lower()
    elif value is not None:
        yield path, str(value)
