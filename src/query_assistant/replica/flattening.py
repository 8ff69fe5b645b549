"""Records as columns: every value by its path, arrays of objects flattened; nested objects kept item by item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from query_assistant.records import leaves
from query_assistant.replica.layout import Layout
from query_assistant.replica.values import Misfit, stored_number, text_of


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
        for path, value in leaves(record):
            if path in wanted and value is not None and value != []:
                column = columns.get(path)
                if column is None:
                    column = columns[path] = Values()
                column.docs.append(doc)
                column.values.append(value)
        for path, positions in flat.nested.items():
            _add_positions(_at(record, path), doc, positions)
        flat.count = doc + 1
    return flat


def _at(record: dict[str, Any], path: str) -> Iterable[Any]:
    """The items of the object at a path, whether it stands alone or in a list."""
    first, _, rest = path.partition(".")
    if first not in record:
        return ()
    found = _items([record[first]])
    for key in rest.split(".") if rest else ():
        found = _items([item[key] for item in found if isinstance(item, dict) and key in item])
    return found


def _items(values: list[Any]) -> list[Any]:
    """The values, those in a list one by one."""
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


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
