"""How often each value of a field occurs among the hits.

"type_of_gene": {"_type": "terms", "terms": [{"count": 14, "term": "protein-coding"}, ...],
                 "other": 0, "missing": 0, "total": 16}
"""

from __future__ import annotations

from typing import Any

import numpy as np

from query_assistant.errors import RequestError
from query_assistant.replica.index import Index
from query_assistant.replica.layout import ID, Column
from query_assistant.replica.postings import Mask, Numbers
from query_assistant.replica.values import iso

DEFAULT_SIZE = 10


def facet(index: Index, name: str, hits: Mask, size: int) -> dict[str, Any]:
    """The commonest values, most frequent first, then in order of the value.

    `total` is the sum of the shown counts, `other` the count of what is not shown. `missing` is the error bound of the
    counts, which is 0 with all records in one place; it is not the number of hits without a value.

    Raises:
        RequestError: a text field or `_id`, which cannot be counted.
    """
    column = index.column(name)
    if column:
        refuse_unless_aggregable(column)
    counted = _counts(index, column, hits) if column else []
    counted.sort(key=lambda pair: -pair[1])
    shown = counted[: size or DEFAULT_SIZE]
    total = sum(count for _, count in shown)
    return {
        "_type": "terms",
        "terms": [{"count": count, "term": term} for term, count in shown],
        "other": sum(count for _, count in counted) - total,
        "missing": 0,
        "total": total,
    }


def refuse_unless_aggregable(column: Column) -> None:
    """Raises:
    RequestError: the search engine neither sorts by the field nor counts its values.
    """
    if column.name == ID:
        raise RequestError(
            f"Fielddata access on the {ID} field is disallowed, you can re-enable it by updating the dynamic cluster "
            "setting: indices.id_field_data.enabled; sort or count by another field"
        )
    if not column.aggregable:
        raise RequestError(
            f"Fielddata is disabled on [{column.name}], a text field, which can be neither sorted by nor counted in "
            "facets; use a keyword field"
        )


def _counts(index: Index, column: Column, hits: Mask) -> list[tuple[Any, int]]:
    """Every value with the number of hits that have it, in the order of the values."""
    lists = index.lists(column)
    if isinstance(lists, Numbers):
        values, places = np.unique(lists.values, return_inverse=True)
        pairs = np.unique(places[hits[lists.docs]].astype(np.int64) * index.count + lists.docs[hits[lists.docs]])
        counts = np.bincount(pairs // max(index.count, 1), minlength=len(values))
        return [
            (_shown(column, value), int(count)) for value, count in zip(values.tolist(), counts, strict=True) if count
        ]
    sums = np.concatenate(([0], np.cumsum(hits[lists.docs])))
    counts = sums[lists.offsets[1:]] - sums[lists.offsets[:-1]]
    return [(lists.terms[place], int(counts[place])) for place in np.flatnonzero(counts).tolist()]


def _shown(column: Column, value: float) -> Any:
    return iso(int(value)) if column.kind == "date" else value
