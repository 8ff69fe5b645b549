"""Which fields an index has, how each one is read, and records taken apart into them.

The fields are those of the field list, plus what the servers' mappings hide from it. Every value of a record stands
under its path, arrays of objects flattened; the items of nested objects are kept one by one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from query_assistant.apis import Api
from query_assistant.apis.fields import Field, Schema
from query_assistant.nesting import leaf_values, values_at
from query_assistant.replica.analysis import Kind
from query_assistant.replica.values import Misfit, stored_number, text_of

ALL = "all"
ID = "_id"


@dataclass(frozen=True, slots=True)
class Column:
    """One indexed field: how it is analyzed and which paths of a record fill it.

    `number` is the field's numeric type, empty for others. `longest`: longer values are not indexed (0: no limit).
    `aggregable`: it can be sorted by and counted in facets.
    """

    name: str
    kind: Kind
    sources: tuple[str, ...]
    number: str = ""
    longest: int = 0
    aggregable: bool = True


@dataclass(frozen=True)
class Hidden:
    """A field that exists in the index but not in the field list: a copy of others, with its own analysis."""

    kind: Kind
    sources: tuple[str, ...]
    longest: int = 0


@dataclass(frozen=True)
class Layout:
    """The columns of one API's index.

    `nested` names the objects whose items stay separate records of their own (MyGene's positions); `case_sensitive`
    the keyword fields that have no lower-casing normalizer.
    """

    schema: Schema
    nested: frozenset[str] = frozenset()
    case_sensitive: frozenset[str] = frozenset()
    hidden: Mapping[str, Hidden] = field(default_factory=dict)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every searchable field by name. Below nested objects there is none."""
        columns = {ID: Column(ID, "exact", (ID,))}
        for leaf in self.schema.searchable:
            if leaf.name != ID and not self.below_nested(leaf.name):
                columns[leaf.name] = self._column(leaf)
        by_default = tuple(leaf.name for leaf in self.schema.searched_by_default if leaf.leaf)
        columns.setdefault(ALL, Column(ALL, "standard", by_default, aggregable=False))
        for name, hidden in self.hidden.items():
            columns[name] = Column(
                name, hidden.kind, hidden.sources, longest=hidden.longest, aggregable=hidden.kind == "whole"
            )
        return columns

    @cached_property
    def paths(self) -> frozenset[str]:
        """The paths of a record that fill some column or that existence is asked of."""
        sources = {source for column in self.columns.values() for source in column.sources}
        return frozenset(sources | {leaf.name for leaf in self.schema.leaves if not self.below_nested(leaf.name)})

    def below_nested(self, name: str) -> bool:
        return any(name == path or name.startswith(path + ".") for path in self.nested)

    def _column(self, leaf: Field) -> Column:
        kind = _kind(leaf, leaf.name in self.case_sensitive)
        return Column(
            leaf.name,
            kind,
            (leaf.name,),
            number=leaf.type if leaf.numeric else "",
            aggregable=leaf.type != "text",
        )

    @cached_property
    def fingerprint(self) -> str:
        """The same for two layouts that index the same records alike."""
        described = {
            "columns": [repr(column) for column in self.columns.values()],
            "nested": sorted(self.nested),
            "paths": sorted(self.paths),
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def layout_of(api: Api, index: str | None = None) -> Layout:
    """The layout of one index of an API, its default one unless named; what only another index has is left out."""
    here = index or api.default_index
    elsewhere = {name for name, part in api.hidden.items() if part.index not in (None, here)}
    listed = {leaf.name: leaf for leaf in api.schema if leaf.name not in elsewhere}
    hidden = {
        name: Hidden(_kind(listed[name], name in api.case_sensitive), part.copies, part.maximum_length or 0)
        for name, part in api.hidden.items()
        if part.copies and name not in elsewhere
    }
    own = {name: leaf for name, leaf in listed.items() if name not in {ID, ALL, *hidden}}
    return Layout(Schema(own), api.nested, api.case_sensitive, hidden)


_ANALYZERS: dict[str, Kind] = {"": "standard", "refseq_analyzer": "refseq", "string_lowercase": "whole"}


def _kind(leaf: Field, case_sensitive: bool) -> Kind:
    if leaf.numeric:
        return "number"
    if leaf.type == "boolean":
        return "boolean"
    if leaf.type == "date":
        return "date"
    if leaf.type == "text":
        return _ANALYZERS.get(leaf.analyzer, "standard")
    return "exact" if case_sensitive else "whole"


@dataclass
class Values:
    """The values at one path, in the order of the records: `docs[i]` is the record that holds `values[i]`."""

    docs: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)


@dataclass
class Positions:
    """The items of a nested object: one chromosome stretch each."""

    docs: list[int] = field(default_factory=list)
    chromosomes: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


@dataclass
class Flat:
    """All records of an index, column by column."""

    count: int
    paths: dict[str, Values]
    nested: dict[str, Positions]


def flatten(records: Iterable[dict[str, Any]], layout: Layout) -> Flat:
    """Reads every record once; paths that the field list does not know are left out, as the index ignores them."""
    flat = Flat(0, {}, {path: Positions() for path in sorted(layout.nested)})
    wanted, columns = layout.paths, flat.paths
    for doc, record in enumerate(records):
        for path, value in leaf_values(record):
            if path in wanted and value is not None and value != []:
                column = columns.get(path)
                if column is None:
                    column = columns[path] = Values()
                column.docs.append(doc)
                column.values.append(value)
        for path, positions in flat.nested.items():
            _add_positions(values_at(record, path), doc, positions)
        flat.count = doc + 1
    return flat


def _add_positions(items: Iterable[Any], doc: int, positions: Positions) -> None:
    for item in items:
        if not isinstance(item, dict):
            continue
        try:
            start, end = stored_number("long", item["start"]), stored_number("long", item["end"])
        except (KeyError, Misfit):
            continue
        positions.docs.append(doc)
        positions.chromosomes.append(text_of(item.get("chr", "")).lower())
        positions.starts.append(int(start))
        positions.ends.append(int(end))
