"""What two queries have in common: their signature, their skeleton, and the literals that fill it.

    /v3/query?q=symbol:CDK2 AND taxid:>9000&size=5
    signature  GET query | AND range | symbol taxid | (default) | size
    skeleton   /v3/query?q=symbol:<word> AND taxid:>=<number>&size=<size>
    literals   CDK2 (word of symbol in q), 9000 (bound of taxid in q), 5 (size)

All three are taken from the canonical request, so that spelling never shows in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal as OneOf

from query_assistant.apis import Api
from query_assistant.queries.kinds import kind
from query_assistant.queries.meaning import interval_of
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.normal_tree import normal, ordered
from query_assistant.queries.rendering import prefix, render_text
from query_assistant.queries.request import Request
from query_assistant.queries.rules.routing import mode, read
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    MatchAll,
    MatchNone,
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

_SCALARS: dict[str, LiteralKind] = {
    "size": "size",
    "from": "number",
    "facet_size": "number",
    "jmespath": "text",
    "list_filter": "text",
    "userquery": "text",
    "scroll_id": "text",
    "search": "text",
    "prefix": "text",
}
_TEXTS: dict[str, Operator] = {"filter": "or", "post_filter": "or"}


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


def skeleton(request: Request, api: Api) -> str:
    """The canonical request with each literal replaced by its kind: `/v3/query?q=symbol:<word>&size=<size>`.

    Raises:
        RequestError: the request cannot be understood.
    """
    form = canonicalize(request, api)
    masked = [(name, _masked(name, value, form, api)) for name, value in form.reading() if name != "id"]
    path = form.path.rsplit("/", 1)[0] + "/<id>" if "id" in form.parameters else form.path
    start = f"POST {path}" if form.method == "POST" else path
    return f"{start}?{'&'.join(f'{name}={text}' for name, text in masked)}" if masked else start


def signature(request: Request, api: Api) -> str:
    """Endpoint | operators | queried fields | returned fields | names of the other parameters.

    Raises:
        RequestError: the request cannot be understood.
    """
    form = canonicalize(request, api)
    operators: set[str] = set()
    fields: set[str] = set()
    for tree in _trees(form, api):
        _collect(tree, operators, fields)
    if form.method == "POST" and form.endpoint == "query":
        scopes = form.value("scopes", api)
        fields.update(str(name) for scope in scopes for name in (scope if isinstance(scope, tuple) else (scope,)))
    if reading := _reading(form, api):
        operators.add(reading)
    names = [name for name, _ in form.reading() if name not in ("q", "id", "ids", "fields", "scopes")]
    shown = form.get("fields")
    parts = (sorted(operators), sorted(fields), shown if isinstance(shown, tuple) else ["(default)"], names)
    return " | ".join([form.key, *(" ".join(part) for part in parts)])


def _of_parameter(name: str, value: Any, form: Request, api: Api) -> Iterator[Literal]:
    if name == "q" and form.method == "GET":
        yield from _of_q(str(value), form, api)
    elif name in _TEXTS:
        yield from _of_tree(parse_text(str(value), _TEXTS[name], name), name, api)
    elif name in ("id", "ids"):
        yield from (Literal(identifier, "id", name) for identifier in form.identifiers)
    elif name == "q":
        yield from (
            Literal(part, "term", name) for term in value for part in (term if isinstance(term, tuple) else (term,))
        )
    elif name in ("species", "species_facet_filter"):
        yield from (Literal(item, "species", name) for item in value)
    elif name in _SCALARS:
        yield Literal(str(value), _SCALARS[name], name)


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
        yield Literal(q, _plain_kind(reading, q), "q")


def _plain_kind(reading: str, q: str) -> LiteralKind:
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
            yield Literal(node.text, _word_kind(node, api), parameter, node.field)
        case Phrase():
            yield Literal(node.text, _word_kind(node, api), parameter, node.field)
        case Range():
            yield from (Literal(bound, "bound", parameter, node.field) for bound in (node.low, node.high) if bound)
        case Wildcard() | Regex():
            masked: LiteralKind = "pattern" if isinstance(node, Wildcard) else "regex"
            yield Literal(node.pattern, masked, parameter, node.field)
        case Fuzzy():
            yield Literal(node.text, "word", parameter, node.field)
        case _:
            return


def _word_kind(node: Words | Phrase, api: Api) -> LiteralKind:
    values = kind(node.field, api)
    if values == "number":
        return "number"
    if isinstance(node, Phrase):
        return "phrase" if " " in node.text else "word"
    return "words" if len(node.words) > 1 else "word"


def _masked(name: str, value: Any, form: Request, api: Api) -> str:
    if name == "q" and form.method == "GET":
        return _masked_q(str(value), form, api)
    if name in _TEXTS:
        operator = _TEXTS[name]
        return _masked_tree(parse_text(str(value), operator, name), operator, api)
    if name == "ids" or name == "q":
        inner = "id" if name == "ids" else "term"
        return f"[<{inner}>]" if len(value) == 1 else f"[<{inner}>,...]"
    if name in ("species", "species_facet_filter"):
        return ",".join("<species>" for _ in value)
    if name in _SCALARS:
        return f"<{_SCALARS[name]}>"
    return (
        ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if value is True else str(value)
    )


def _masked_q(q: str, form: Request, api: Api) -> str:
    located = interval_of(form, api)
    if located is not None:
        genome = f"{located.prefix}." if located.prefix and not _by_parameter(api) else ""
        sides = [_masked_tree(parse_text(side, "or"), "or", api) for side in located.texts]
        return " AND ".join([f"{genome}<interval>", *sides])
    reading = mode(q, api)
    if reading == "text":
        return _masked_tree(read(q, reading, api), "and", api)
    return q if reading in ("all", "none") else f"<{_plain_kind(reading, q)}>"


def _by_parameter(api: Api) -> bool:
    rule = api.definition.interval
    return rule is not None and rule.by_parameter is not None


def _masked_tree(node: Node, operator: Operator, api: Api) -> str:
    def leaf(part: Node) -> str:
        return _masked_leaf(part, api)

    return render_text(ordered(normal(node, api, operator=operator), operator, leaf), operator, leaf)


def _masked_leaf(node: Node, api: Api) -> str:
    name = prefix(getattr(node, "field", None))
    match node:
        case Words() | Phrase():
            return f"{name}<{_word_kind(node, api)}>"
        case Range():
            return name + _masked_range(node, api)
        case Wildcard():
            return f"{name}<pattern>"
        case Regex():
            return f"{name}/<regex>/"
        case Fuzzy():
            return f"{name}<word>~"
        case Exists():
            return f"_exists_:{node.field}"
        case MatchAll():
            return "*:*"
        case MatchNone():
            return "NOT *:*"
        case _:
            return f"<{type(node).__name__}>"


def _masked_range(node: Range, api: Api) -> str:
    inner = "number" if kind(node.field, api) == "number" else "bound"
    low, high = (f"<{inner}>" if bound is not None else "*" for bound in (node.low, node.high))
    if node.low is None and node.high is not None:
        return f"<{'=' if node.include_high else ''}{high}"
    if node.high is None and node.low is not None:
        return f">{'=' if node.include_low else ''}{low}"
    opening, closing = "[" if node.include_low else "{", "]" if node.include_high else "}"
    return f"{opening}{low} TO {high}{closing}"


def _trees(form: Request, api: Api) -> Iterator[Node]:
    located = interval_of(form, api)
    if located is not None:
        yield from (parse_text(side, "or") for side in located.texts)
    elif form.key == "GET query" and mode(form.q, api) == "text":
        yield read(form.q, "text", api)
    yield from (parse_text(str(form.get(name)), how, name) for name, how in _TEXTS.items() if form.get(name))


def _reading(form: Request, api: Api) -> str:
    """How a q that is no query text is read."""
    if form.key != "GET query":
        return ""
    if interval_of(form, api) is not None:
        return "interval"
    reading = mode(form.q, api)
    return "" if reading == "text" else reading


_NAMES = {Phrase: "phrase", Range: "range", Wildcard: "wildcard", Regex: "regex", Fuzzy: "fuzzy"}


def _collect(node: Node, operators: set[str], fields: set[str]) -> None:
    """The operators and fields of a tree."""
    if isinstance(node, (Strict, Boost)):
        _collect(node.node, operators, fields)
        return
    if isinstance(node, Boolean):
        operators.update(_words_of(node))
        for part in (*node.must, *node.should, *node.must_not):
            _collect(part, operators, fields)
        return
    if isinstance(node, Exists):
        operators.add("exists")
    if type(node) in _NAMES:
        operators.add(_NAMES[type(node)])
    if field := getattr(node, "field", None):
        fields.add(field)


def _words_of(node: Boolean) -> Iterator[str]:
    if len(node.must) > 1 or (node.must and node.should):
        yield "AND"
    if node.should:
        yield "OR"
    if node.must_not:
        yield "NOT"
