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
from query_assistant.replica.columns import Columns
from query_assistant.replica.index import Index
from query_assistant.replica.layout import ALL, ID, Column
from query_assistant.replica.limits import MAX_CLAUSES, MAX_DEPTH, Work, too_many_clauses
from query_assistant.replica.patterns import Glob
from query_assistant.replica.postings import Mask
from query_assistant.replica.values import LONGEST, Misfit

DEFAULT_FIELDS = (ID, ALL)


class Matcher:
    """Matches the nodes of one query; what was matched once is remembered for ranking."""

    def __init__(self, index: Index, work: Work | None = None) -> None:
        self.index = index
        self.columns = Columns(index, work or Work())
        # Groups by identity: to hash one takes as long as all of the tree below it. The node is kept with its mask, so
        # that no other one can get its identity meanwhile.
        self._known: dict[tuple[int, bool], tuple[tree.Node, Mask | None]] = {}
        self._leaves: dict[tuple[tree.Node, str], Mask | None] = {}

    def matches(self, node: tree.Node, strict: bool = False) -> Mask:
        """The records that the query means.

        Raises:
            RequestError: under `Strict`, a value that its field cannot hold; anywhere, an impossible expression, or
                more clauses or steps than a query may have.
        """
        if (id(node), strict) not in self._known:
            self._match_parts(node, strict)
        found = self.clause(node, strict)
        return self.none() if found is None else found

    def _match_parts(self, node: tree.Node, strict: bool) -> None:
        self.columns.clauses = 0
        parts = _parts_first(node, strict)
        if (clauses := sum(_least_clauses(part) for part, _ in parts)) > MAX_CLAUSES:
            raise too_many_clauses(clauses)
        for part, how in parts:
            if (id(part), how) not in self._known:
                self._known[id(part), how] = part, self._match(part, how)

    def clause(self, node: tree.Node, strict: bool) -> Mask | None:
        """The records that satisfy a part of what was matched, or None where it is no clause."""
        return self._known[id(node), strict][1]

    def none(self) -> Mask:
        return np.zeros(self.index.count, dtype=bool)

    def everything(self) -> Mask:
        return np.ones(self.index.count, dtype=bool)

    def _match(self, node: tree.Node, strict: bool) -> Mask | None:
        if isinstance(node, (tree.Words, tree.Phrase, tree.Wildcard, tree.Fuzzy, tree.Regex, tree.Range)):
            return self._leaf(node, strict)
        if isinstance(node, tree.Boolean):
            return self._boolean(node, strict)
        if isinstance(node, (tree.Boost, tree.Strict)):
            return self.clause(node.node, strict or isinstance(node, tree.Strict))
        if isinstance(node, tree.BestOf):
            return _any_of([self.clause(choice, strict) for _, choice in node.choices])
        if isinstance(node, tree.Match):
            return reduce(np.logical_or, (self.in_column(node, column) for column in self.matched(node)), self.none())
        if isinstance(node, tree.Exists):
            return self._exists(node.field)
        if isinstance(node, tree.Interval):
            return self._interval(node)
        return self.everything() if isinstance(node, tree.MatchAll) else self.none()

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
        columns = self.asked(node, strict)
        return (
            _any_of([self.in_column_strictly(node, column, strict) for column in columns]) if columns else self.none()
        )

    def asked(self, node: tree.Node, strict: bool = False) -> list[Column]:
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
        columns = self.index.layout.columns
        if "*" not in name:
            return [columns[name]] if name in columns else []
        pattern = Glob(name.replace("?", "\\?"))
        self.columns.work.spend(len(columns))
        return [column for path, column in columns.items() if path != ID and pattern.matches(path)]

    def in_column_strictly(self, node: tree.Node, column: Column, strict: bool) -> Mask | None:
        """A leaf in one column; a misfit is an error where the query is strict and names the field."""
        try:
            return self._once(node, column)
        except Misfit as reason:
            if strict and not (column.name == ID and getattr(node, "field", None) is None):
                raise RequestError(f"failed to create query: {reason}") from None
            return self.none()

    def in_column(self, node: tree.Match, column: Column) -> Mask:
        """A literal text in one column; a misfit matches nothing."""
        try:
            found = self._once(node, column)
        except Misfit:
            found = None
        return self.none() if found is None else found

    def _once(self, node: tree.Node, column: Column) -> Mask | None:
        """A leaf in one column, asked for the first time."""
        key = (node, column.name)
        if key not in self._leaves:
            self._leaves[key] = self._in_column(node, column)
        return self._leaves[key]

    def _in_column(self, node: tree.Node, column: Column) -> Mask | None:
        if not isinstance(node, tree.Match):
            return self.columns.leaf(column, node)
        if node.mode == "any":
            return self.columns.words(column, node.text)
        if node.mode == "phrase":
            return self.columns.phrase(column, node.text)
        return (self.columns.value if node.mode == "whole" else self.columns.text)(column, node.text)

    def _exists(self, name: str) -> Mask:
        self.columns.count()
        if name == ID:
            return self.everything()
        if "*" not in name:
            return self.index.present(name)
        return reduce(np.logical_or, (self.index.present(column.name) for column in self._named(name)), self.none())

    def _interval(self, node: tree.Interval) -> Mask:
        start, end = (max(min(bound, LONGEST - 1), -LONGEST) for bound in (node.start, node.end))
        if node.path in self.index.layout.nested:
            return self._nested_interval(node, start, end)
        chromosome = tree.Words(node.chromosome_field, (node.chromosome,))
        begins = tree.Range(f"{node.path}.start", None, str(end))
        ends = tree.Range(f"{node.path}.end", str(start), None)
        masks = [self._leaf(part, False) for part in (chromosome, begins, ends)]
        return reduce(np.logical_and, (self.none() if mask is None else mask for mask in masks))

    def _nested_interval(self, node: tree.Interval, start: int, end: int) -> Mask:
        """One and the same position has to be on the chromosome and overlap."""
        stretches = self.index.stretches(node.path)
        self.columns.count()
        wanted = node.chromosome.lower()
        here = np.array([name == wanted for name in stretches.chromosomes], dtype=bool)
        overlap = here & (stretches.begins <= end) & (stretches.ends >= start)
        return self.index.mask(stretches.docs[overlap])


def _parts_first(node: tree.Node, strict: bool) -> list[tuple[tree.Node, bool]]:
    """Every node of a tree behind its parts, and whether it stands under `Strict`; without recursion.

    Raises:
        RequestError: the tree is deeper than any that a query text makes.
    """
    order: list[tuple[tree.Node, bool]] = []
    waiting = [(node, strict, 1)]
    while waiting:
        part, how, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise RequestError("the query is nested too deeply; write it with fewer parentheses")
        order.append((part, how))
        how = how or isinstance(part, tree.Strict)
        waiting += [(inner, how, depth + 1) for inner in _parts(part)]
    return order[::-1]


def _parts(node: tree.Node) -> Sequence[tree.Node]:
    if isinstance(node, tree.Boolean):
        return (*node.must, *node.should, *node.must_not)
    if isinstance(node, (tree.Boost, tree.Strict)):
        return (node.node,)
    return [choice for _, choice in node.choices] if isinstance(node, tree.BestOf) else ()


def _least_clauses(node: tree.Node) -> int:
    """How many leaves the search engine makes of a node at least, before any column is looked at."""
    if isinstance(node, (tree.Words, tree.Phrase)) and node.field is None:
        return len(DEFAULT_FIELDS)
    return 0 if isinstance(node, (tree.Boolean, tree.Boost, tree.Strict, tree.BestOf, tree.MatchNone)) else 1


def _any_of(masks: Sequence[Mask | None]) -> Mask | None:
    present = [mask for mask in masks if mask is not None]
    return reduce(np.logical_or, present) if present else None
