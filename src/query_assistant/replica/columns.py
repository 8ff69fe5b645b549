"""One leaf of a query against one column: which records match, or that the value does not fit.

Every function answers a mask, None where the analyzer leaves nothing of the text, or raises `Misfit`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import reduce

import numpy as np

from query_assistant.queries import tree
from query_assistant.replica.analysis import TEXT_KINDS, positions, whole_value, words_at_spaces
from query_assistant.replica.index import Index
from query_assistant.replica.layout import ID, Column
from query_assistant.replica.patterns import glob, nearest
from query_assistant.replica.phrases import phrase_counts
from query_assistant.replica.postings import Docs, Mask, Numbers, Terms
from query_assistant.replica.regex import compiled
from query_assistant.replica.values import Misfit, boolean, moments, number

_INTEGER = frozenset({"integer", "long", "byte"})


def match_leaf(index: Index, column: Column, node: tree.Node) -> Mask | None:
    """The records whose column satisfies a leaf of the query text."""
    if isinstance(node, tree.Words):
        return match_text(index, column, node.text, node.operator)
    if isinstance(node, tree.Phrase):
        return match_phrase(index, column, node.text, node.slop)
    if isinstance(node, tree.Range):
        return match_range(index, column, node)
    assert isinstance(node, (tree.Wildcard, tree.Fuzzy, tree.Regex)), node
    if isinstance(node, tree.Wildcard) and glob(node.pattern).everything:
        return index.present(column.name)
    _expect_terms(column, type(node).__name__.lower())
    terms = terms_of(index, column)
    if isinstance(node, tree.Wildcard):
        chosen = glob(whole_value(column.kind, node.pattern)).select(terms.terms)
    elif isinstance(node, tree.Fuzzy):
        word = whole_value(column.kind, node.text)
        chosen = [place for place, _ in nearest(terms.terms, word, min(node.edits, 2))]
    else:
        chosen = match_regex(terms.terms, column, node.pattern)
    return _of_terms(index, terms, chosen)


def terms_of(index: Index, column: Column) -> Terms:
    found = index.lists(column)
    assert isinstance(found, Terms)
    return found


def numbers_of(index: Index, column: Column) -> Numbers:
    found = index.lists(column)
    assert isinstance(found, Numbers)
    return found


def match_text(index: Index, column: Column, text: str, operator: tree.Operator = "and") -> Mask | None:
    """The text as the field's analyzer takes it: its tokens joined, or one value."""
    if column.kind not in TEXT_KINDS:
        return match_value(index, column, text)
    terms = terms_of(index, column)
    masks = [match_any_term(index, terms, alternatives) for alternatives in positions(column.kind, text)]
    if not masks:
        return None
    return reduce(np.logical_and if operator == "and" else np.logical_or, masks)


def match_phrase(index: Index, column: Column, text: str, slop: int = 0) -> Mask | None:
    """The tokens in order; on columns without tokens the value itself."""
    tokens = positions(column.kind, text) if column.kind in TEXT_KINDS else ()
    if len(tokens) < 2:
        return match_text(index, column, text)
    docs, _ = phrase_counts(terms_of(index, column), [token[0] for token in tokens], slop)
    return index.mask(docs)


def match_value(index: Index, column: Column, text: str) -> Mask:
    """One typed value."""
    if column.kind in ("number", "date"):
        return index.mask(numbers_of(index, column).between(*value_bounds(index, column, text)))
    term = boolean(text) if column.kind == "boolean" else whole_value(column.kind, text)
    return match_any_term(index, terms_of(index, column), (term,))


def match_words(index: Index, column: Column, text: str) -> Mask:
    """Any of the space-separated, lower-cased words as a term of its own."""
    words = text.split() if column.kind == "exact" else words_at_spaces(text)
    if column.kind in ("number", "date", "boolean"):
        return reduce(np.logical_or, [match_value(index, column, word) for word in words], index.mask(_no_docs()))
    return match_any_term(index, terms_of(index, column), words)


def match_any_term(index: Index, terms: Terms, words: Sequence[str]) -> Mask:
    return _of_terms(index, terms, [place for place in map(terms.ordinal, words) if place >= 0])


def _of_terms(index: Index, terms: Terms, chosen: Sequence[int]) -> Mask:
    mask = np.zeros(index.count, dtype=bool)
    if chosen and chosen[-1] - chosen[0] + 1 == len(chosen):
        mask[terms.between(chosen[0], chosen[-1] + 1)] = True
        return mask
    for place in chosen:
        mask[terms.list_of(place)] = True
    return mask


def _no_docs() -> Docs:
    return np.empty(0, dtype=np.int32)


def match_regex(terms: Sequence[str], column: Column, pattern: str) -> list[int]:
    """Keyword fields normalize the pattern like a value; text fields take it as it is."""
    expression = compiled(pattern if column.kind in TEXT_KINDS else whole_value(column.kind, pattern))
    low, high = expression.run(terms)
    return [place for place in range(low, high) if expression.matches(terms[place])]


def _expect_terms(column: Column, wanted: str) -> None:
    if column.kind in ("number", "date", "boolean"):
        raise Misfit(f"a {wanted} needs a keyword or text field, {column.name} is a {column.number or column.kind}")
    if column.name == ID:
        raise Misfit(f"a {wanted} cannot be asked of {ID}, which takes exact values only")


def match_range(index: Index, column: Column, node: tree.Range) -> Mask:
    """Values between two bounds: in text order on columns of terms."""
    if column.name == ID:
        raise Misfit(f"a range cannot be asked of {ID}, which takes exact values only")
    if column.kind in ("number", "date"):
        return index.mask(numbers_of(index, column).between(*_number_range(index, column, node)))
    terms = terms_of(index, column)
    low = None if node.low is None else _bound(column, node.low)
    high = None if node.high is None else _bound(column, node.high)
    first = 0 if low is None else (bisect_left if node.include_low else bisect_right)(terms.terms, low)
    last = len(terms.terms) if high is None else (bisect_right if node.include_high else bisect_left)(terms.terms, high)
    return index.mask(terms.between(first, max(first, last)))


def _bound(column: Column, text: str) -> str:
    return boolean(text) if column.kind == "boolean" else whole_value(column.kind, text)


def value_bounds(index: Index, column: Column, text: str) -> tuple[int, int]:
    """The stretch of a column of numbers or dates that equals the text: a whole year for the date `2020`."""
    values = numbers_of(index, column).values
    low, high = moments(text) if column.kind == "date" else (number(column.number, text),) * 2
    return int(np.searchsorted(values, low, "left")), int(np.searchsorted(values, high, "right"))


def _number_range(index: Index, column: Column, node: tree.Range) -> tuple[int, int]:
    values = numbers_of(index, column).values
    first, last = 0, len(values)
    if node.low is not None:
        low = _limit(column, node.low, upper=not node.include_low)
        first = int(np.searchsorted(values, low, "left" if node.include_low else "right"))
    if node.high is not None:
        high = _limit(column, node.high, upper=node.include_high)
        last = int(np.searchsorted(values, high, "right" if node.include_high else "left"))
    return first, max(first, last)


def _limit(column: Column, text: str, upper: bool) -> float:
    """A bound as a number; of a date that names a stretch of time, the end that the comparison turns on."""
    if column.kind == "date":
        return moments(text)[1 if upper else 0]
    found = number(column.number, text)
    if math.isfinite(found) and column.number in _INTEGER and found == int(found):
        return max(min(int(found), 2**63 - 1), -(2**63))
    return found
