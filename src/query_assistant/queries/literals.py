"""The values that fill a query: what an instruction has to say so that the query can be written.

/v3/query?q=symbol:CDK2 AND taxid:>9000&size=5  ->  CDK2 (word of symbol), 9000 (bound of taxid), 5 (size)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from query_assistant.apis import Api
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.reading import QueryText
from query_assistant.queries.request import Request
from query_assistant.queries.tree import Fuzzy, Node, Phrase, Range, Regex, Wildcard, Words, leaves

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

PLAIN_KINDS: dict[str, LiteralKind] = {"wildcard": "pattern", "integer": "number", "words": "word"}


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
    text = form.text(name, api)
    if text is not None:
        yield from _of_text(text, api)
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


def _of_text(text: QueryText, api: Api) -> Iterator[Literal]:
    if text.located is not None:
        stretch = text.located.interval
        shown = f"chr{stretch.chromosome.upper()}:{stretch.start}-{stretch.end}"
        yield Literal(shown, "interval", text.parameter, stretch.path)
    if text.query is not None:
        yield from (literal for leaf in leaves(text.query) for literal in _of_leaf(leaf, text.parameter, api))
    elif text.mode in PLAIN_KINDS:
        yield Literal(str(text.text), plain_kind(text), text.parameter)


def plain_kind(text: QueryText) -> LiteralKind:
    """The kind of a q without operators."""
    return "words" if text.mode == "words" and " " in str(text.text) else PLAIN_KINDS[text.mode]


def _of_leaf(node: Node, parameter: str, api: Api) -> Iterator[Literal]:
    match node:
        case Words() | Phrase():
            yield Literal(node.text, word_kind(node, api), parameter, node.field)
        case Range():
            yield from (Literal(bound, "bound", parameter, node.field) for bound in (node.low, node.high) if bound)
        case Wildcard():
            yield Literal(node.pattern, "pattern", parameter, node.field)
        case Regex():
            yield Literal(node.pattern, "regex", parameter, node.field)
        case Fuzzy():
            yield Literal(node.text, "word", parameter, node.field)


def word_kind(node: Words | Phrase, api: Api) -> LiteralKind:
    """The kind of what fills a condition on words."""
    match api.kind(node.field):
        case "number" | "boolean" | "date" as typed:
            return typed
    if isinstance(node, Phrase):
        return "phrase" if " " in node.text else "word"
    return "words" if len(node.words) > 1 else "word"
