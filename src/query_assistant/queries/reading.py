"""The query texts of a request, each read once for everybody who asks what it says.

    parse("/v3/query?q=cdk2 cyclin&filter=taxid:9606", api).texts(api)
    ->  (QueryText("q", mode="words", tree=BestOf(...)), QueryText("filter", mode="text", operator="or", tree=...))

Only a part of the texts is query text. A q can stand for everything or nothing, be an interval (rules/intervals.py),
or be plain words, which MyGene reads as several searches at once (`plain_words` in its file).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from query_assistant.apis import Api, WordsPart
from query_assistant.errors import QuerySyntaxError
from query_assistant.queries.rules.intervals import Located, locate
from query_assistant.queries.rules.shorthands import rewrite
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Match,
    MatchAll,
    MatchNone,
    Node,
    Operator,
    Strict,
    Wildcard,
)

if TYPE_CHECKING:
    from query_assistant.queries.request import Request

Mode = Literal["all", "none", "interval", "text", "wildcard", "integer", "words"]
ALL_RECORDS = "__all__"
_OPERATORS = (":", "~", " AND ", " OR ", "NOT ")


@dataclass(frozen=True)
class QueryText:
    """One text of a request as its server reads it.

    `tree` is all that it means; `query` the query text in it, as parsed with `operator` between clauses that no word
    joins, None where it holds none; `strict` says that a value which does not fit its field is an error there. `place`
    counts the terms of a batch, `located` is the interval that a q holds.
    """

    parameter: str
    text: str | None
    mode: Mode
    tree: Node
    query: Node | None = None
    operator: Operator = "and"
    strict: bool = True
    place: int | None = None
    located: Located | None = None

    @cached_property
    def written(self) -> Node | None:
        """`query` before the server replaces any field name in it: what its author wrote."""
        return self.query if self.mode != "text" or self.text is None else parse_text(self.text, self.operator)


def read_texts(request: Request, api: Api) -> tuple[QueryText, ...]:
    """All texts of a call for records, q first.

    Raises:
        RequestError: one of them is refused, by the parser or as an interval.
    """
    return tuple(_texts(request, api))


def _texts(request: Request, api: Api) -> Iterator[QueryText]:
    if request.key == "GET query":
        yield read_q(request.q, request.parameters, api)
    elif request.key == "POST query" and not request.value("scopes", api):
        for place, term in enumerate(request.terms):
            yield _query_text(str(term), str(term), api, place)
    for parameter in api.parameters_on(request.key):
        if parameter.query_text and (text := request.get(parameter.name)):
            query = parse_text(str(text), "or", parameter.name)
            yield QueryText(parameter.name, str(text), "text", Strict(query), query, "or")


def read_q(q: str | None, parameters: Mapping[str, Any], api: Api) -> QueryText:
    """The q of a GET, among the other parameters of its call.

    Raises:
        RequestError: as `read_texts`; plain words are parsed too, as one of their searches is query text.
    """
    located = locate(q, parameters, api) if q else None
    if located is not None:
        return _interval(q, located)
    mode = mode_of(q, api)
    if q is None or mode == "all":
        return QueryText("q", q, "all", MatchAll())
    if mode == "none":
        return QueryText("q", q, mode, MatchNone())
    if mode == "text":
        return _query_text(q, rewrite(q, api), api)
    return QueryText("q", q, mode, _plain(q, mode, api))


def mode_of(q: str | None, api: Api) -> Mode:
    """Which reading a q gets that is no interval."""
    if q is None or q in (ALL_RECORDS, "*:*"):
        return "all"
    if not q:
        return "none"
    if api.definition.plain_words is None:
        return "text"
    text = rewrite(q, api)
    if (text[0] == text[-1] == '"') or any(sign in text for sign in _OPERATORS):
        return "text"
    if "*" in text or "?" in text:
        return "wildcard"
    return "words" if plain_integer(text) is None else "integer"


def plain_integer(text: str) -> str | None:
    """The digits of a text that Python's `int` takes, as the servers do (`-5`, `1_017`, `٣`); None of any other."""
    try:
        return str(int(text))
    except ValueError:  # no number, or one of more digits than Python reads
        return None


def _interval(q: str | None, located: Located) -> QueryText:
    query = _joined(located) if located.sides else None
    tree = Boolean(must=(Strict(query), located.interval)) if query else located.interval
    return QueryText("q", q, "interval", tree, query, "or", located=located)


def _joined(located: Located) -> Node:
    """The tree of the text beside an interval; an error is told of the side that has it."""
    try:
        return parse_text(located.text, "or")
    except QuerySyntaxError:
        for side in located.sides:
            parse_text(side, "or")
        raise


def _query_text(written: str, text: str, api: Api, place: int | None = None) -> QueryText:
    query = parse_text(text)
    tree = query if api.lenient else Strict(query)
    return QueryText("q", written, "text", tree, query, strict=not api.lenient, place=place)


def _plain(q: str, mode: Mode, api: Api) -> Node:
    """The searches that stand for words without operators."""
    plain = api.definition.plain_words
    assert plain is not None
    if mode == "wildcard":
        return BestOf(tuple((1.0, Wildcard(name, q.lower())) for name in plain.wildcard))
    if mode == "integer":
        return Match(plain.integer, plain_integer(q) or q, "whole")
    return BestOf(tuple((part.weight, _part(part, q, api)) for part in plain.best_of))


def _part(part: WordsPart, q: str, api: Api) -> Node:
    return Match(part.fields, q, part.mode) if part.fields else _query_text(q, q, api).tree
