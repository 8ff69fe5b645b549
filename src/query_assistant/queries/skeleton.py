"""What queries of one pattern have in common: the skeleton, and coarser still the signature.

    /v3/query?q=symbol:CDK2 AND taxid:>9000&size=5
    skeleton   /v3/query?q=symbol:<word> AND taxid:><number>&size=<size>
    signature  GET query | AND range | symbol taxid | (default) | size

Both are made from the canonical request, so that spelling never shows; the clauses of a group stand in the order of
their masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from query_assistant.apis import Api
from query_assistant.queries.literals import PLAIN_KINDS, plain_kind, word_kind
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.normal_tree import normal, ordered
from query_assistant.queries.reading import QueryText
from query_assistant.queries.rendering import field_prefix, render_text
from query_assistant.queries.request import Request
from query_assistant.queries.tree import (
    Boolean,
    Exists,
    Fuzzy,
    MatchAll,
    MatchNone,
    Node,
    Operator,
    Phrase,
    Range,
    Regex,
    Wildcard,
    Words,
    children,
)

_OPERATORS = {
    Exists: "exists",
    Phrase: "phrase",
    Range: "range",
    Wildcard: "wildcard",
    Regex: "regex",
    Fuzzy: "fuzzy",
}


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


def _masked(name: str, value: Any, form: Request, api: Api) -> str:
    text = form.text(name, api)
    if text is not None:
        return _masked_text(text, api)
    if name == "ids" or name == "q":
        inner = "id" if name == "ids" else "term"
        return f"[<{inner}>]" if len(value) == 1 else f"[<{inner}>,...]"
    parameter = api.parameter(form.key, name)
    if parameter is not None and parameter.type == "species":
        return ",".join("<species>" for _ in value)
    if parameter is not None and parameter.literal:
        return f"<{parameter.literal}>"
    return (
        ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if value is True else str(value)
    )


def _masked_text(text: QueryText, api: Api) -> str:
    query = _masked_tree(text.query, text.operator, api) if text.query else ""
    if text.located is not None:
        genome = f"{text.located.prefix}." if text.located.prefix and not _by_parameter(api) else ""
        return f"{genome}<interval> AND {query}" if query else f"{genome}<interval>"
    return query if text.query else f"<{plain_kind(text)}>" if text.mode in PLAIN_KINDS else str(text.text)


def _by_parameter(api: Api) -> bool:
    rule = api.definition.interval
    return rule is not None and rule.by_parameter is not None


def _masked_tree(node: Node, operator: Operator, api: Api) -> str:
    def leaf(part: Node) -> str:
        return _masked_leaf(part, api)

    return render_text(ordered(normal(node, api, operator=operator), operator, leaf), operator, leaf)


def _masked_leaf(node: Node, api: Api) -> str:
    name = field_prefix(getattr(node, "field", None))
    match node:
        case Words() | Phrase():
            return f"{name}<{word_kind(node, api)}>"
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
    inner = "number" if api.kind(node.field) == "number" else "bound"
    low, high = (f"<{inner}>" if bound is not None else "*" for bound in (node.low, node.high))
    if node.low is None and node.high is not None:
        return f"<{'=' if node.include_high else ''}{high}"
    if node.high is None and node.low is not None:
        return f">{'=' if node.include_low else ''}{low}"
    opening, closing = "[" if node.include_low else "{", "]" if node.include_high else "}"
    return f"{opening}{low} TO {high}{closing}"


def signature(request: Request, api: Api) -> str:
    """Endpoint | operators | queried fields | returned fields | names of the other parameters.

    Raises:
        RequestError: the request cannot be understood.
    """
    form = canonicalize(request, api)
    operators: set[str] = set()
    fields: set[str] = set()
    for text in form.texts(api):
        if text.place is None and text.query is not None:
            _collect(text.query, operators, fields)
        if text.place is None and text.mode != "text":
            operators.add(text.mode)
    if form.method == "POST" and form.endpoint == "query":
        scopes = form.value("scopes", api)
        fields.update(str(name) for scope in scopes for name in (scope if isinstance(scope, tuple) else (scope,)))
    asked = {part.name for part in api.parameters_on(form.key) if part.role == "asks"}
    names = [name for name, _ in form.reading() if name not in asked and name != "fields"]
    shown = form.get("fields")
    parts = (sorted(operators), sorted(fields), shown if isinstance(shown, tuple) else ["(default)"], names)
    return " | ".join([form.key, *(" ".join(part) for part in parts)])


def _collect(node: Node, operators: set[str], fields: set[str]) -> None:
    """The operators and fields of a tree."""
    if isinstance(node, Boolean):
        operators.update(_joints(node))
    elif type(node) in _OPERATORS:
        operators.add(_OPERATORS[type(node)])
    if field := getattr(node, "field", None):
        fields.add(field)
    for part in children(node):
        _collect(part, operators, fields)


def _joints(node: Boolean) -> Iterator[str]:
    if len(node.must) > 1 or (node.must and node.should):
        yield "AND"
    if node.should:
        yield "OR"
    if node.must_not:
        yield "NOT"
