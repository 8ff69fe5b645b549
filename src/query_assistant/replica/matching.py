"""Which records a query tree means: one truth value per record, by Lucene's rules.

A text that its field's analyzer empties (`name:"-"`) makes no clause at all: it drops out of the group it stands in,
and alone it matches nothing. `None` stands for that below.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from query_assistant.errors import RequestError
from query_assistant.queries import tree
from query_assistant.replica.columns import match_leaf, match_phrase, match_text, match_value, match_words
from query_assistant.replica.index import Index
from query_assistant.replica.layout import ALL, ID, Column
from query_assistant.replica.patterns import glob
from query_assistant.replica.postings import Mask
from query_assistant.replica.values import Misfit

DEFAULT_FIELDS = (ID, ALL)


class Matcher:
    """Matches the nodes of one request; what was matched once is remembered for ranking."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._known: dict[tuple[tree.Node, bool], Mask | None] = {}

    def matches(self, node: tree.Node, strict: bool = False) -> Mask:
        """The records that the query means.

        Raises:
            RequestError: under `Strict`, a value that its field cannot hold; anywhere, an impossible expression.
        """
        try:
            found = self.clause(node, strict)
        except RecursionError:
            raise RequestError("the query is nested too deeply; write it with fewer parentheses") from None
        return self.none() if found is None else found

    def clause(self, node: tree.Node, strict: bool) -> Mask | None:
        """The records that satisfy a node, or None where it is no clause."""
        key = (node, strict)
        if key not in self._known:
            self._known[key] = self._match(node, strict)
        return self._known[key]

    def none(self) -> Mask:
        return np.zeros(self.index.count, dtype=bool)

    def everything(self) -> Mask:
        return np.ones(self.index.count, dtype=bool)

    def _match(self, node: tree.Node, strict: bool) -> Mask | None:
        if isinstance(node, tree.Boolean):
            return self._boolean(node, strict)
        if isinstance(node, (tree.Boost, tree.Strict)):
            return self.clause(node.node, strict or isinstance(node, tree.Strict))
        if isinstance(node, tree.BestOf):
            return _any_of([self.clause(choice, strict) for _, choice in node.choices])
        if isinstance(node, tree.MatchAll):
            return self.everything()
        if isinstance(node, tree.MatchNone):
            return self.none()
        if isinstance(node, tree.Exists):
            return self._exists(node.field)
        if isinstance(node, tree.Interval):
            return self._interval(node)
        if isinstance(node, tree.Match):
            return reduce(np.logical_or, [self.in_column(node, column) for column in self.matched(node)], self.none())
        return self._leaf(node, strict)

    def _boolean(self, node: tree.Boolean, strict: bool) -> Mask | None:
        must = self._clauses(node.must, strict)
        should = self._clauses(node.should, strict)
        must_not = self._clauses(node.must_not, strict)
        if not (must or should or must_not):
            return None if node.must or node.should or node.must_not else self.everything()
        chosen = reduce(np.logical_and, must) if must else reduce(np.logical_or, should or [self.everything()])
        return reduce(lambda kept, excluded: kept & ~excluded, must_not, chosen)

    def _clauses(self, nodes: Sequence[tree.Node], strict: bool) -> list[Mask]:
        return [mask for mask in (self.clause(node, strict) for node in nodes) if mask is not None]

    def _leaf(self, node: tree.Node, strict: bool) -> Mask | None:
        columns = self.columns(node, strict)
        return (
            _any_of([self.in_column_strictly(node, column, strict) for column in columns]) if columns else self.none()
        )

    def columns(self, node: tree.Node, strict: bool = False) -> list[Column]:
        """The columns that a leaf of query text is asked of; none for an unknown field.

        Raises:
            RequestError: strict, and the field is known but not indexed.
        """
        name: str | None = getattr(node, "field", None)
        if name is None:
            return [self.index.layout.columns[default] for default in DEFAULT_FIELDS]
        found = self._named(name)
        schema = self.index.layout.schema
        if not found and strict and name in schema and schema[name].leaf and not schema[name].indexed:
            raise RequestError(f"Cannot search on field [{name}] since it is not indexed.")
        return found

    def matched(self, node: tree.Match) -> list[Column]:
        """The columns of a multi-field match, each once."""
        return list(dict.fromkeys(column for name in node.fields for column in self._named(name)))

    def _named(self, name: str) -> list[Column]:
        if "*" not in name:
            column = self.index.column(name)
            return [column] if column else []
        pattern = glob(name.replace("?", "\\?"))
        return [column for path, column in self.index.layout.columns.items() if path != ID and pattern.matches(path)]

    def in_column_strictly(self, node: tree.Node, column: Column, strict: bool) -> Mask | None:
        """A leaf in one column; a misfit is an error where the query is strict and names the field."""
        try:
            return match_leaf(self.index, column, node)
        except Misfit as reason:
            if strict and not (column.name == ID and getattr(node, "field", None) is None):
                raise RequestError(f"failed to create query: {reason}") from None
            return self.none()

    def in_column(self, node: tree.Match, column: Column) -> Mask:
        """A literal text in one column; a misfit matches nothing."""
        try:
            if node.mode == "any":
                return match_words(self.index, column, node.text)
            if node.mode == "phrase":
                found = match_phrase(self.index, column, node.text)
            elif node.mode == "whole":
                found = match_value(self.index, column, node.text)
            else:
                found = match_text(self.index, column, node.text)
        except Misfit:
            found = None
        return self.none() if found is None else found

    def _exists(self, name: str) -> Mask:
        if name == ID:
            return self.everything()
        if "*" not in name:
            return self.index.present(name)
        return reduce(np.logical_or, [self.index.present(column.name) for column in self._named(name)], self.none())

    def _interval(self, node: tree.Interval) -> Mask:
        if node.path in self.index.layout.nested:
            return self._nested_interval(node)
        chromosome = tree.Words(node.chromosome_field, (node.chromosome,))
        start = tree.Range(f"{node.path}.start", None, str(node.end))
        end = tree.Range(f"{node.path}.end", str(node.start), None)
        return self.matches(tree.Boolean(must=(chromosome, start, end)))

    def _nested_interval(self, node: tree.Interval) -> Mask:
        """One and the same position has to be on the chromosome and overlap."""
        stretches = self.index.stretches(node.path)
        wanted = node.chromosome.lower()
        here = np.array([name == wanted for name in stretches.chromosomes], dtype=bool)
        overlap = here & (stretches.begins <= node.end) & (stretches.ends >= node.start)
        return self.index.mask(stretches.docs[overlap])


def _any_of(masks: Sequence[Mask | None]) -> Mask | None:
    present = [mask for mask in masks if mask is not None]
    return reduce(np.logical_or, present) if present else None
