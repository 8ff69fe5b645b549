"""Inverted lists: for each term of a column the records that hold it, and for each number its place in the order.

Lists lie one behind the other in flat arrays: the records of term `t` are `docs[offsets[t]:offsets[t + 1]]`.
That form is made, written to disk and mapped back into memory without change.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from query_assistant.replica.analysis import POSITION_GAP, TEXT_KINDS, Kind, positions, whole_value
from query_assistant.replica.layout import Column, Values
from query_assistant.replica.patterns import Letters
from query_assistant.replica.values import Misfit, boolean, moments, stored_number, text_of

Ints: TypeAlias = npt.NDArray[np.int64]
Docs: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]
Scores: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Terms:
    """The lists of a column of terms. Text columns also know how often and where a term stands in a record.

    `frequencies` runs beside `docs`; `lengths[d]` is the number of tokens of record `d`. `places` are two arrays that
    phrases alone need, `starts` and `places`: `places[starts[i]:starts[i + 1]]` are the positions behind `docs[i]`.
    """

    terms: Sequence[str]
    offsets: Ints
    docs: Docs
    frequencies: Docs | None = None
    lengths: Docs | None = None
    read_places: Callable[[], tuple[Ints, Docs]] | None = None

    @cached_property
    def places(self) -> tuple[Ints, Docs]:
        assert self.read_places is not None
        return self.read_places()

    @cached_property
    def letters(self) -> Letters:
        return Letters.of(self.terms)

    @cached_property
    def average_length(self) -> float:
        """Tokens per record that has any."""
        filled = self.lengths[self.lengths > 0] if self.lengths is not None else ()
        return float(np.mean(filled)) if len(filled) else 1.0

    def ordinal(self, term: str) -> int:
        """The term's number, or -1."""
        found = bisect_left(self.terms, term)
        return found if found < len(self.terms) and self.terms[found] == term else -1

    def list_of(self, ordinal: int) -> Docs:
        return self.docs[self.offsets[ordinal] : self.offsets[ordinal + 1]]

    def between(self, low: int, high: int) -> Docs:
        """The records of a run of neighbouring terms, repeats included."""
        return self.docs[self.offsets[low] : self.offsets[max(low, high)]]


@dataclass(frozen=True)
class Numbers:
    """A column of numbers or moments: all values in order, and whose they are."""

    values: npt.NDArray[Any]
    docs: Docs

    def between(self, low: int, high: int) -> Docs:
        return self.docs[low:high]


@dataclass(frozen=True)
class Stretches:
    """The items of a nested object: chromosome, start and end of each, and whose they are."""

    docs: Docs
    chromosomes: Sequence[str]
    begins: Ints
    ends: Ints


List: TypeAlias = Terms | Numbers


def build(column: Column, values: Values, count: int) -> List:
    """The lists of one column over `count` records."""
    if column.kind in TEXT_KINDS:
        return _text(column.kind, values, count)
    if column.kind == "number":
        return _numbers(values, lambda value: stored_number(column.number, value), column.number)
    if column.kind == "date":
        return _numbers(values, lambda value: moments(value)[0], "long")
    if column.kind == "boolean":
        return _whole_values(values, boolean)
    return _whole_values(values, lambda value: _limited(column, value))


def merged(parts: Iterable[Values]) -> Values:
    """The values of several paths as one column, record by record."""
    present = list(parts)
    if len(present) == 1:
        return present[0]
    docs = [doc for part in present for doc in part.docs]
    values = [value for part in present for value in part.values]
    order = sorted(range(len(docs)), key=docs.__getitem__)
    return Values([docs[place] for place in order], [values[place] for place in order])


def _limited(column: Column, value: object) -> str:
    text = text_of(value)
    if column.longest and len(text) > column.longest:
        raise Misfit(f"longer than {column.longest}")
    return whole_value(column.kind, text)


def _whole_values(values: Values, term_of: Callable[[object], str]) -> Terms:
    lists: dict[str, list[int]] = {}
    for doc, value in zip(values.docs, values.values, strict=True):
        try:
            term = term_of(value)
        except Misfit:
            continue
        docs = lists.setdefault(term, [])
        if not docs or docs[-1] != doc:
            docs.append(doc)
    terms = sorted(lists)
    return Terms(terms, _offsets([len(lists[term]) for term in terms]), _flat([lists[term] for term in terms]))


def _offsets(counts: Sequence[int] | Docs) -> Ints:
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _flat(lists: Sequence[Sequence[int]]) -> Docs:
    return np.array([doc for docs in lists for doc in docs], dtype=np.int32)


def _text(kind: Kind, values: Values, count: int) -> Terms:
    vocabulary: dict[str, int] = {}
    ids: list[int] = []
    docs: list[int] = []
    places: list[int] = []
    last_doc, place = -1, 0
    for doc, value in zip(values.docs, values.values, strict=True):
        place = 0 if doc != last_doc else place + POSITION_GAP
        last_doc = doc
        for alternatives in positions(kind, text_of(value)):
            for token in alternatives:
                ids.append(vocabulary.setdefault(token, len(vocabulary)))
                docs.append(doc)
                places.append(place)
            place += 1
    return _inverted(vocabulary, ids, docs, places, count)


def _inverted(vocabulary: dict[str, int], ids: list[int], docs: list[int], places: list[int], count: int) -> Terms:
    terms = sorted(vocabulary)
    ranks = np.empty(len(terms), dtype=np.int32)
    ranks[np.array([vocabulary[term] for term in terms], dtype=np.int64)] = np.arange(len(terms), dtype=np.int32)
    rank_of = ranks[np.array(ids, dtype=np.int64)]
    doc_of = np.array(docs, dtype=np.int32)
    order = np.argsort(rank_of, kind="stable")  # tokens were read record by record, place by place
    sorted_ranks, sorted_docs = rank_of[order], doc_of[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (sorted_ranks[1:] != sorted_ranks[:-1]) | (sorted_docs[1:] != sorted_docs[:-1])
    heads = np.flatnonzero(first)
    starts = np.append(heads, len(order)).astype(np.int64)
    sorted_places = np.array(places, dtype=np.int32)[order]
    return Terms(
        terms,
        _offsets(np.bincount(sorted_ranks[heads], minlength=len(terms)).astype(np.int32)),
        sorted_docs[heads],
        frequencies=np.diff(starts).astype(np.int32),
        lengths=np.bincount(doc_of, minlength=count).astype(np.int32),
        read_places=lambda: (starts, sorted_places),
    )


def _numbers(values: Values, number_of: Callable[[object], float], number: str) -> Numbers:
    numbers: list[float] = []
    docs: list[int] = []
    for doc, value in zip(values.docs, values.values, strict=True):
        try:
            numbers.append(number_of(value))
        except Misfit:
            continue
        docs.append(doc)
    array: npt.NDArray[Any] = np.array(numbers, dtype=np.float64 if number in ("float", "double") else np.int64)
    order = np.argsort(array, kind="stable")
    return Numbers(array[order], np.array(docs, dtype=np.int32)[order])
