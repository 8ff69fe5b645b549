"""One leaf of a query against one column: which records match, or that the value does not fit.

Every method answers a mask, None where the analyzer leaves nothing of the text, or raises `Misfit`. What it costs is
counted: in clauses, as Lucene counts them, and in steps of the request's `Work`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from query_assistant.queries import tree
from query_assistant.replica.analysis import TEXT_KINDS, positions, whole_value, words_at_spaces
from query_assistant.replica.index import Index
from query_assistant.replica.layout import ID, Column
from query_assistant.replica.limits import MAX_CLAUSES, RECORDS_PER_STEP, Work, too_many_clauses
from query_assistant.replica.patterns import Glob, nearest
from query_assistant.replica.phrases import phrase_counts
from query_assistant.replica.postings import Docs, Mask, Numbers, Terms
from query_assistant.replica.regex import Pattern
from query_assistant.replica.values import INTEGERS, LONGEST, Misfit, boolean, moments, number_of

_LEAF_STEPS = 20  # what a leaf costs in any column: a mask, a search in the vocabulary
_DOCS_PER_STEP = 32  # entries of a list that are marked in the time of one step


class Columns:
    """The columns of one index, asked for one query; `clauses` is how many leaves that took so far."""

    def __init__(self, index: Index, work: Work) -> None:
        self.index = index
        self.work = work
        self.clauses = 0
        self._patterns: dict[str, Pattern] = {}

    def leaf(self, column: Column, node: tree.Node) -> Mask | None:
        """The records whose column satisfies a leaf of the query text."""
        if isinstance(node, tree.Words):
            return self.text(column, node.text, node.operator)
        if isinstance(node, tree.Phrase):
            return self.phrase(column, node.text, node.slop)
        if isinstance(node, tree.Range):
            return self._range(column, node)
        assert isinstance(node, (tree.Wildcard, tree.Fuzzy, tree.Regex)), node
        if isinstance(node, tree.Wildcard) and Glob(node.pattern).everything:
            self.count()
            return self.index.present(column.name)
        _expect_terms(column, type(node).__name__.lower())
        self.count()
        terms = self.terms_of(column)
        return self._of_terms(terms, self._expanded(column, terms, node))

    def _expanded(self, column: Column, terms: Terms, node: tree.Wildcard | tree.Fuzzy | tree.Regex) -> list[int]:
        """The terms that a pattern stands for."""
        if isinstance(node, tree.Wildcard):
            return Glob(whole_value(column.kind, node.pattern)).select(terms.terms, self.work)
        if isinstance(node, tree.Fuzzy):
            word = whole_value(column.kind, node.text)
            return nearest(terms.terms, terms.letters, word, min(node.edits, 2), self.work)
        # Keyword fields normalize the pattern like a value; text fields take it as it is.
        text = node.pattern if column.kind in TEXT_KINDS else whole_value(column.kind, node.pattern)
        if text not in self._patterns:
            self._patterns[text] = Pattern(text)
        return self._patterns[text].select(terms.terms, self.work)

    def count(self, clauses: int = 1) -> None:
        """Counts leaves that are about to be asked for.

        Raises:
            RequestError: the query has more than Elasticsearch takes.
        """
        self.clauses += clauses
        if self.clauses > MAX_CLAUSES:
            raise too_many_clauses(self.clauses)
        self.work.spend((_LEAF_STEPS + self.index.count // RECORDS_PER_STEP) * clauses)

    def terms_of(self, column: Column) -> Terms:
        found = self.index.lists(column)
        assert isinstance(found, Terms)
        return found

    def numbers_of(self, column: Column) -> Numbers:
        found = self.index.lists(column)
        assert isinstance(found, Numbers)
        return found

    def text(self, column: Column, text: str, operator: tree.Operator = "and") -> Mask | None:
        """The text as the field's analyzer takes it: its tokens joined, or one value."""
        if column.kind not in TEXT_KINDS:
            return self.value(column, text)
        if column.kind == "refseq":
            self.count(text.count(".") + 1)
        tokens = positions(column.kind, text)
        if column.kind != "refseq":
            self.count(len(tokens))
        if not tokens:
            return None
        terms = self.terms_of(column)
        masks = (self._any_term(terms, alternatives) for alternatives in tokens)
        return reduce(np.logical_and if operator == "and" else np.logical_or, masks)

    def phrase(self, column: Column, text: str, slop: int = 0) -> Mask | None:
        """The tokens in order; on columns without tokens the value itself."""
        tokens = positions(column.kind, text) if column.kind == "standard" else ()
        if len(tokens) < 2:
            return self.text(column, text)
        self.count()
        docs, _ = phrase_counts(self.terms_of(column), [token[0] for token in tokens], slop, self.work)
        return self.index.mask(docs)

    def value(self, column: Column, text: str) -> Mask:
        """One typed value."""
        self.count()
        return self._value(column, text)

    def _value(self, column: Column, text: str) -> Mask:
        if column.kind in ("number", "date"):
            return self.index.mask(self.numbers_of(column).between(*self.bounds(column, text)))
        term = boolean(text) if column.kind == "boolean" else whole_value(column.kind, text)
        return self._any_term(self.terms_of(column), (term,))

    def words(self, column: Column, text: str) -> Mask:
        """Any of the space-separated, lower-cased words as a term of its own: one clause, as a list of terms is."""
        self.count()
        words = text.split() if column.kind == "exact" else words_at_spaces(text)
        if column.kind in ("number", "date", "boolean"):
            self.work.spend(_LEAF_STEPS * len(words))
            nothing = np.zeros(self.index.count, dtype=bool)
            return reduce(np.logical_or, (self._value(column, word) for word in words), nothing)
        return self._any_term(self.terms_of(column), words)

    def _any_term(self, terms: Terms, words: Iterable[str]) -> Mask:
        return self._of_terms(terms, [place for place in map(terms.ordinal, words) if place >= 0])

    def _of_terms(self, terms: Terms, chosen: Sequence[int]) -> Mask:
        if chosen and chosen[-1] - chosen[0] + 1 == len(chosen):
            return self._of_docs(terms.between(chosen[0], chosen[-1] + 1))
        mask = np.zeros(self.index.count, dtype=bool)
        self.work.spend(5 * len(chosen))
        for place in chosen:
            mask[terms.list_of(place)] = True
        return mask

    def _of_docs(self, docs: Docs) -> Mask:
        self.work.spend(len(docs) // _DOCS_PER_STEP)
        return self.index.mask(docs)

    def _range(self, column: Column, node: tree.Range) -> Mask:
        """Values between two bounds: in text order on columns of terms."""
        if column.name == ID:
            raise Misfit(f"a range cannot be asked of {ID}, which takes exact values only")
        self.count()
        if column.kind in ("number", "date"):
            return self._of_docs(self.numbers_of(column).between(*self._number_range(column, node)))
        terms = self.terms_of(column)
        low = None if node.low is None else _bound(column, node.low)
        high = None if node.high is None else _bound(column, node.high)
        first, last = 0, len(terms.terms)
        if low is not None:
            first = (bisect_left if node.include_low else bisect_right)(terms.terms, low)
        if high is not None:
            last = (bisect_right if node.include_high else bisect_left)(terms.terms, high)
        return self._of_docs(terms.between(first, max(first, last)))

    def bounds(self, column: Column, text: str) -> tuple[int, int]:
        """The stretch of a column of numbers or dates that equals the text: a whole year for the date `2020`."""
        values = self.numbers_of(column).values
        low, high = moments(text) if column.kind == "date" else (number_of(column.number, text),) * 2
        return int(values.searchsorted(low, "left")), int(values.searchsorted(high, "right"))

    def _number_range(self, column: Column, node: tree.Range) -> tuple[int, int]:
        values = self.numbers_of(column).values
        first, last = 0, len(values)
        if node.low is not None:
            low = _limit(column, node.low, upper=not node.include_low)
            first = int(values.searchsorted(low, "left" if node.include_low else "right"))
        if node.high is not None:
            high = _limit(column, node.high, upper=node.include_high)
            last = int(values.searchsorted(high, "right" if node.include_high else "left"))
        return first, max(first, last)


def _expect_terms(column: Column, wanted: str) -> None:
    if column.kind in ("number", "date", "boolean"):
        raise Misfit(f"a {wanted} needs a keyword or text field, {column.name} is a {column.number or column.kind}")
    if column.name == ID:
        raise Misfit(f"a {wanted} cannot be asked of {ID}, which takes exact values only")


def _bound(column: Column, text: str) -> str:
    return boolean(text) if column.kind == "boolean" else whole_value(column.kind, text)


def _limit(column: Column, text: str, upper: bool) -> float:
    """A bound as a number; of a date that names a stretch of time, the end that the comparison turns on."""
    if column.kind == "date":
        return moments(text)[1 if upper else 0]
    found = number_of(column.number, text)
    if math.isfinite(found) and column.number in INTEGERS and found == int(found):
        return max(min(int(found), LONGEST - 1), -LONGEST)
    return found
