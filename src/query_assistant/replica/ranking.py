"""The order of hits: by how well they match (BM25 with Lucene's defaults), or by fields.

By fields, what has no value comes last; ties stand in the order of the index. Scores depend on the records that happen
to be indexed; they are comparable within one replica only. What Lucene scores with a constant (numbers, ranges,
wildcards, existence) counts 1 here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from query_assistant.errors import RequestError
from query_assistant.queries import tree
from query_assistant.replica.analysis import TERM_KINDS, TEXT_KINDS, positions, whole_value, words_at_spaces
from query_assistant.replica.facets import refuse_unless_aggregable
from query_assistant.replica.index import Index
from query_assistant.replica.layout import Column
from query_assistant.replica.matching import Matcher
from query_assistant.replica.phrases import phrase_counts
from query_assistant.replica.postings import Docs, Ints, Mask, Numbers, Scores, Terms

K1 = 1.2
B = 0.75
HIGHEST = float(np.finfo(np.float32).max)  # infinity is no JSON
SCORE = "_score"


class Ranker:
    """Scores the records that a matcher found. Zero where a node does not match."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._columns = matcher.columns
        self._index = matcher.index

    def scores(self, node: tree.Node, strict: bool = False) -> Scores:
        """Lucene's score of every record for a node that was matched."""
        if isinstance(node, tree.Strict):
            return self.scores(node.node, True)
        if isinstance(node, tree.Boost):
            return multiplied(self.scores(node.node, strict), min(node.factor, HIGHEST))
        if isinstance(node, tree.Boolean):
            return self._boolean(node, strict)
        if isinstance(node, tree.BestOf):
            best = self._zero()
            for weight, choice in node.choices:
                best = np.maximum(best, multiplied(self.scores(choice, strict), weight))
            return best
        if isinstance(node, (tree.Words, tree.Phrase)):
            return self._leaf(node, strict)
        if isinstance(node, tree.Match):
            matched = self._matcher.matched(node)
            return reduce(np.maximum, (self._match(node, column) for column in matched), self._zero())
        if isinstance(node, tree.Interval):  # the servers ask for it as a filter
            return self._zero()
        return self._constant(self._matcher.clause(node, strict))

    def _zero(self) -> Scores:
        return np.zeros(self._index.count, dtype=np.float32)

    def _constant(self, mask: Mask | None) -> Scores:
        return self._zero() if mask is None else mask.astype(np.float32)

    def _boolean(self, node: tree.Boolean, strict: bool) -> Scores:
        mask = self._matcher.clause(node, strict)
        if mask is None:
            return self._zero()
        if not (node.must or node.should):
            return self._constant(mask)
        total = np.zeros(self._index.count, dtype=np.float64)  # room for the sum of the highest
        for part in (*node.must, *node.should):
            total += self.scores(part, strict)
        return np.where(mask, np.minimum(total, HIGHEST), 0).astype(np.float32)

    def _leaf(self, node: tree.Words | tree.Phrase, strict: bool) -> Scores:
        best = self._zero()
        for column in self._matcher.asked(node):
            mask = self._matcher.in_column_strictly(node, column, strict)
            if mask is not None:
                slop = node.slop if isinstance(node, tree.Phrase) else None
                best = np.maximum(best, self._in_column(column, node.text, slop, mask))
        return best

    def _match(self, node: tree.Match, column: Column) -> Scores:
        mask = self._matcher.in_column(node, column)
        if node.mode == "any" and column.kind in TERM_KINDS:
            return self._words(column, words_at_spaces(node.text), mask)
        return self._in_column(column, node.text, 0 if node.mode == "phrase" else None, mask)

    def _in_column(self, column: Column, text: str, slop: int | None, mask: Mask) -> Scores:
        """The score of a text in one column; `slop` None is no phrase."""
        if column.kind not in TERM_KINDS or column.kind == "boolean":
            return self._constant(mask)
        if column.kind not in TEXT_KINDS:
            return self._words(column, (whole_value(column.kind, text),), mask)
        tokens = positions(column.kind, text)
        if slop is not None and len(tokens) > 1:
            return self._phrase(column, [alternatives[0] for alternatives in tokens], slop)
        return self._words(column, [token for alternatives in tokens for token in alternatives], mask)

    def _words(self, column: Column, words: Sequence[str], mask: Mask) -> Scores:
        terms = self._columns.terms_of(column)
        total = self._zero()
        for ordinal in map(terms.ordinal, words):
            if ordinal >= 0:
                docs = terms.list_of(ordinal)
                low, high = terms.offsets[ordinal], terms.offsets[ordinal + 1]
                counts = None if terms.frequencies is None else terms.frequencies[low:high]
                total[docs] += self._weight(column, len(docs)) * self._saturated(terms, docs, counts)
        return np.where(mask, total, np.float32(0))

    def _phrase(self, column: Column, words: Sequence[str], slop: int) -> Scores:
        terms = self._columns.terms_of(column)
        docs, counts = phrase_counts(terms, words, slop, self._columns.work)
        total = self._zero()
        rarity = sum(
            self._weight(column, len(terms.list_of(ordinal))) for ordinal in map(terms.ordinal, words) if ordinal >= 0
        )
        total[docs] = rarity * self._saturated(terms, docs, counts)
        return total

    def _weight(self, column: Column, matching: int) -> float:
        """Inverse document frequency over the records that have the field."""
        with_field = int(np.count_nonzero(self._index.present(column.name)))
        return math.log(1 + (with_field - matching + 0.5) / (matching + 0.5))

    @staticmethod
    def _saturated(terms: Terms, docs: Docs, counts: Docs | None) -> Scores:
        """Term frequency, damped and set against the length of the text; 1 on fields without lengths."""
        if counts is None or terms.lengths is None:
            return np.ones(len(docs), dtype=np.float32)
        damping = K1 * (1 - B + B * terms.lengths[docs] / terms.average_length)
        saturated: Scores = ((K1 + 1) * counts / (counts + damping)).astype(np.float32)
        return saturated


def multipliers(factors: Sequence[tuple[tree.Node, float]], count: int, matches: Callable[[tree.Node], Mask]) -> Scores:
    """What the score of each record is multiplied with: the factor of the first clause that it matches."""
    found = np.ones(count, dtype=np.float32)
    open_ = np.ones(count, dtype=bool)
    for clause, factor in factors:
        chosen = open_ & matches(clause)
        found[chosen] = factor
        open_ &= ~chosen
    return found


def multiplied(scores: Scores, factor: float | Scores) -> Scores:
    """The product, as large as a score can be where it would be larger."""
    with np.errstate(over="ignore"):
        product: Scores = np.minimum(np.multiply(scores, factor, dtype=np.float32), np.float32(HIGHEST))
    return product


def ranked(index: Index, hits: Mask, scores: Scores | None, sort: Sequence[str]) -> Ints:
    """The record numbers of the hits in order; scores None means index order where nothing sorts.

    Raises:
        RequestError: a sort field that is not there, or cannot be sorted by.
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
        raise RequestError(f"No mapping found for [{name}] in order to sort on")
    refuse_unless_aggregable(column)
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
