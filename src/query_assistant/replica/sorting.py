"""The order of hits: by score, or by fields, with what has no value last and ties in the order of the index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from query_assistant.errors import RequestError
from query_assistant.replica.facets import text_field_error
from query_assistant.replica.index import Index
from query_assistant.replica.layout import Column
from query_assistant.replica.postings import Docs, Ints, Mask, Numbers, Scores

SCORE = "_score"


def ranked(index: Index, hits: Mask, scores: Scores | None, sort: Sequence[str]) -> Ints:
    """The record numbers of the hits in order; scores None means index order where nothing sorts.

    Raises:
        RequestError: a sort field that is not there, or is text.
    """
    docs = np.flatnonzero(hits)
    keys = [_score_key(scores, docs) if name == SCORE else _field_key(index, name)[docs] for name in sort]
    if not sort and scores is not None:
        keys = [_score_key(scores, docs)]
    if not keys:
        return docs
    return docs[np.lexsort(keys[::-1])]  # the last key of lexsort is the first to count; it is stable


def _score_key(scores: Scores | None, docs: Ints) -> npt.NDArray[np.float64]:
    return np.zeros(len(docs)) if scores is None else -scores[docs].astype(np.float64)


def _field_key(index: Index, name: str) -> npt.NDArray[np.float64]:
    """A number per record that puts it in its place: the lowest value ascending, the highest descending."""
    descending, name = name.startswith("-"), name.removeprefix("-")
    column = index.column(name)
    if column is None:
        if index.layout.below_nested(name) or _known(index, name):
            return np.zeros(index.count)
        raise RequestError(f"No mapping found for [{name}] in order to sort on", parameter="sort")
    if not column.aggregable:
        raise text_field_error(name, "sort")
    places, docs = _places(index, column)
    key = np.full(index.count, np.inf)
    if descending:
        key[docs] = -places  # in ascending order, so the last assignment is the highest value
    else:
        key[docs[::-1]] = places[::-1]
    return key


def _known(index: Index, name: str) -> bool:
    """A leaf that is in the field list but not indexed sorts nothing; an object cannot be sorted by."""
    schema = index.layout.schema
    return name in schema and schema[name].leaf


def _places(index: Index, column: Column) -> tuple[npt.NDArray[np.float64], Docs]:
    lists = index.lists(column)
    if isinstance(lists, Numbers):
        ranks = np.searchsorted(np.unique(lists.values), lists.values)
        return ranks.astype(np.float64), lists.docs
    return np.repeat(np.arange(len(lists.terms), dtype=np.float64), np.diff(lists.offsets)), lists.docs
