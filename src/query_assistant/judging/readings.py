"""A query read in full: request, canonical form and meaning, and the clauses of which it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from query_assistant.apis import Api
from query_assistant.queries.canonical import canonicalize
from query_assistant.queries.meaning import Meaning, understand
from query_assistant.queries.rendering import plain
from query_assistant.queries.request import Request, parse
from query_assistant.queries.tree import BestOf, Boolean, Boost, Node, Strict
from query_assistant.records import Query

RECORD_ENDPOINTS = ("query", "annotation")


@dataclass(frozen=True, slots=True)
class Clause:
    """One leaf of a tree and its part in it; plain words count as one leaf, whatever searches they stand for."""

    leaf: Node
    negative: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Reading:
    """A query that the API accepts. `form` is its canonical request, `meaning` that of the form.

    `meaning` is None for calls that return no records (metadata, status). `unknowable` are the given parameters that
    may change which records are meant in ways that only the live API knows.
    """

    query: Query
    form: Request
    meaning: Meaning | None
    implicit: tuple[Node, ...] = ()
    unknowable: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def root(self) -> Node:
        """The records that are meant, as one tree."""
        return meant(self._known)

    @cached_property
    def counted_root(self) -> Node:
        """The records that facets count: those meant before the post_filter."""
        return meant(replace(self._known, post_filter=None))

    @cached_property
    def explicit_root(self) -> Node:
        """The records that are meant, without the filters that the API adds by itself."""
        kept = tuple(node for node in self._known.filters if node not in self.implicit)
        return meant(replace(self._known, filters=kept))

    @property
    def _known(self) -> Meaning:
        if self.meaning is None:
            raise ValueError(f"{self.query.query} asks for no records")
        return self.meaning

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        return tuple(_clauses(self.root, negative=False, optional=False)) if self.meaning else ()


def meant(meaning: Meaning) -> Node:
    """The records that a meaning selects, as one tree: of a batch, those of any term."""
    selections = meaning.selections
    root = selections[0] if len(selections) == 1 else Boolean(should=selections)
    return root if meaning.post_filter is None else Boolean(must=(root, meaning.post_filter))


def reading_of(query: Query, api: Api) -> Reading:
    """The query as the API takes it.

    Raises:
        RequestError: the API would refuse it; its text cannot be parsed.
    """
    form = canonicalize(parse(query, api), api)
    if form.endpoint not in RECORD_ENDPOINTS:
        return Reading(query, form, None)
    implicit = _implicit_filters(api) if form.endpoint == "query" else ()
    return Reading(query, form, understand(form, api), implicit, tuple(_unknowable(form, api)))


def _unknowable(form: Request, api: Api) -> Iterator[tuple[str, Any]]:
    for name, value in form.values:
        parameter = api.parameter(form.key, name)
        if parameter is None or parameter.role == "unknowable":
            yield name, value


@lru_cache(maxsize=64)
def _implicit_filters(api: Api) -> tuple[Node, ...]:
    """What the API leaves out of every search unless told otherwise, such as obsolete diseases."""
    return understand(parse(Query(query=f"/{api.version}/query"), api), api).filters


def _clauses(node: Node, negative: bool, optional: bool) -> Iterator[Clause]:
    if isinstance(node, Boost | Strict):
        yield from _clauses(node.node, negative, optional)
    elif isinstance(node, BestOf):
        yield Clause(plain(node) or node, negative, optional)
    elif isinstance(node, Boolean):
        for child in node.must:
            yield from _clauses(child, negative, optional)
        for child in node.should:
            yield from _clauses(child, negative, optional or len(node.should) > 1 or bool(node.must))
        for child in node.must_not:
            yield from _clauses(child, not negative, optional)
    else:
        yield Clause(node, negative, optional)
