"""How well records match: BM25 with Lucene's defaults, so that pages are stable and the better hit comes first.

Scores depend on the records that happen to be indexed; they are comparable within one replica only. What Lucene scores
with a constant (numbers, ranges, wildcards, existence) counts 1 here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from query_assistant.queries import tree
from query_assistant.replica.analysis import TERM_KINDS, TEXT_KINDS, positions, whole_value, words_at_spaces
from query_assistant.replica.columns import terms_of
from query_assistant.replica.layout import Column
from query_assistant.replica.matching import Matcher
from query_assistant.replica.phrases import phrase_counts
from query_assistant.replica.postings import Docs, Mask, Scores, Terms

K1 = 1.2
B = 0.75


class Ranker:
    """Scores the records that a matcher found. Zero where a node does not match."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._index = matcher.index

    def scores(self, node: tree.Node, strict: bool = False) -> Scores:
        """Lucene's score of every record for the node."""
        if isinstance(node, (tree.Boost, tree.Strict)):
            inner = self.scores(node.node, strict or isinstance(node, tree.Strict))
            return inner * np.float32(node.factor) if isinstance(node, tree.Boost) else inner
        if isinstance(node, tree.Boolean):
            return self._boolean(node, strict)
        if isinstance(node, tree.BestOf):
            weighted = [self.scores(choice, strict) * np.float32(weight) for weight, choice in node.choices]
            return reduce(np.maximum, weighted, self._zero())
        if isinstance(node, (tree.Words, tree.Phrase)):
            return self._leaf(node, strict)
        if isinstance(node, tree.Match):
            return reduce(
                np.maximum, [self._match(node, column) for column in self._matcher.matched(node)], self._zero()
            )
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
        total = sum((self.scores(part, strict) for part in (*node.must, *node.should)), self._zero())
        return np.where(mask, total, np.float32(0))

    def _leaf(self, node: tree.Words | tree.Phrase, strict: bool) -> Scores:
        best = self._zero()
        for column in self._matcher.columns(node):
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
        terms = terms_of(self._index, column)
        total = self._zero()
        for ordinal in map(terms.ordinal, words):
            if ordinal >= 0:
                docs = terms.list_of(ordinal)
                low, high = terms.offsets[ordinal], terms.offsets[ordinal + 1]
                counts = None if terms.frequencies is None else terms.frequencies[low:high]
                total[docs] += self._weight(column, len(docs)) * self._saturated(terms, docs, counts)
        return np.where(mask, total, np.float32(0))

    def _phrase(self, column: Column, words: Sequence[str], slop: int) -> Scores:
        terms = terms_of(self._index, column)
        docs, counts = phrase_counts(terms, words, slop)
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
        filled = terms.lengths[terms.lengths > 0]
        average = float(filled.mean()) if len(filled) else 1.0
        damping = K1 * (1 - B + B * terms.lengths[docs] / average)
        saturated: Scores = ((K1 + 1) * counts / (counts + damping)).astype(np.float32)
        return saturated


def multiplied(
    scores: Scores, factors: Sequence[tuple[tree.Node, float]], matches: Callable[[tree.Node], Mask]
) -> Scores:
    """Each score times the factor of the first clause its record matches."""
    result = scores.copy()
    open_ = np.ones(len(scores), dtype=bool)
    for clause, factor in factors:
        chosen = open_ & matches(clause)
        result[chosen] *= np.float32(factor)
        open_ &= ~chosen
    return result
