"""The values that fill a query: what an instruction has to say so that the query can be written.

/v3/query?q=symbol:CDK2 AND taxid:>9000&size=5  ->  CDK2 (word of symbol), 9000 (bound of taxid), 5 (size)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from query_assistant.apis import Api
from query_assistant.queries.calls import Request
from query_assistant.queries.kinds import kind
from query_assistant.queries.meaning import interval_of
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.rules.routing import mode, read
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
    Boolean,
    Boost,
    Fuzzy,
    Node,
    Operator,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)

LiteralKind = OneOf[
    "word",
    "words",
    "phrase",
    "number",
    "boolean",
    "date",
    "bound",
    "pattern",
    "regex",
    "interval",
    "id",
    "term",
    "species",
    "text",
    "size",
]

TEXTS: dict[str, Operator] = {"filter": "or", "post_filter": "or"}


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that an instruction has to give. `field` is None where the value belongs to no one field."""

    value: str
    kind: LiteralKind
    parameter: str
    field: str | None = None


def literals(request: Request, api: Api) -> tuple[Literal, ...]:
    """The values that `skeleton` masks, in reading order and as they were written.

    Raises:
        RequestError: the request cannot be understood.
    """
    form = canonicalize(request, api, keep_case=True)
    found: list[Literal] = []
    for name, value in form.reading():
        found.extend(_of_parameter(name, value, form, api))
    return tuple(found)


def _of_parameter(name: str, value: Any, form: Request, api: Api) -> Iterator[Literal]:
    if name == "q" and form.method == "GET":
        yield from _of_q(str(value), form, api)
    elif name in TEXTS:
        yield from _of_tree(parse_text(str(value), TEXTS[name], name), name, api)
    elif name in ("id", "ids"):
        yield from (Literal(identifier, "id", name) for identifier in form.identifiers)
    elif name == "q":
        yield from (
            Literal(part, "term", name) for term in value for part in (term if isinstance(term, tuple) else (term,))
        )
    elif parameter := api.parameter(form.key, name):
        if parameter.type == "species":
            yield from (Literal(item, "species", name) for item in value)
        elif parameter.literal:
            yield Literal(str(value), parameter.literal, name)


def _of_q(q: str, form: Request, api: Api) -> Iterator[Literal]:
    located = interval_of(form, api)
    if located is not None:
        stretch = located.interval
        yield Literal(f"chr{stretch.chromosome.upper()}:{stretch.start}-{stretch.end}", "interval", "q", stretch.path)
        for side in located.texts:
            yield from _of_tree(parse_text(side, "or"), "q", api)
        return
    reading = mode(q, api)
    if reading == "text":
        yield from _of_tree(read(q, reading, api), "q", api)
    elif reading not in ("all", "none"):
        yield Literal(q, plain_kind(reading, q), "q")


def plain_kind(reading: str, q: str) -> LiteralKind:
    if reading == "wildcard":
        return "pattern"
    return "number" if reading == "integer" else "words" if " " in q else "word"


def _of_tree(node: Node, parameter: str, api: Api) -> Iterator[Literal]:
    match node:
        case Strict() | Boost():
            yield from _of_tree(node.node, parameter, api)
        case Boolean():
            for part in (*node.must, *node.should, *node.must_not):
                yield from _of_tree(part, parameter, api)
        case Words():
            yield Literal(node.text, word_kind(node, api), parameter, node.field)
        case Phrase():
            yield Literal(node.text, word_kind(node, api), parameter, node.field)
        case Range():
            yield from (Literal(bound, "bound", parameter, node.field) for bound in (node.low, node.high) if bound)
        case Wildcard() | Regex():
            masked: LiteralKind = "pattern" if isinstance(node, Wildcard) else "regex"
            yield Literal(node.pattern, masked, parameter, node.field)
        case Fuzzy():
            yield Literal(node.text, "word", parameter, node.field)
        case _:
            return


def word_kind(node: Words | Phrase, api: Api) -> LiteralKind:
    values = kind(node.field, api)
    if values in ("number", "boolean", "date"):
        return values
    if isinstance(node, Phrase):
        return "phrase" if " " in node.text else "word"
    return "words" if len(node.words) > 1 else "word"
