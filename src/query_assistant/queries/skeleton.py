"""A query with its values masked by their kind: what two queries of one pattern have in common.

    /v3/query?q=symbol:CDK2 AND taxid:>9000&size=5  ->  /v3/query?q=symbol:<word> AND taxid:><number>&size=<size>

Made from the canonical request, so that spelling never shows; the clauses of a group stand in the order of their masks.
"""

from __future__ import annotations

from typing import Any

from query_assistant.apis import Api
from query_assistant.queries.calls import Request
from query_assistant.queries.kinds import kind
from query_assistant.queries.literals import TEXTS, plain_kind, word_kind
from query_assistant.queries.meaning import interval_of
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.normal_tree import normal, ordered
from query_assistant.queries.rendering import prefix, render_text
from query_assistant.queries.rules.routing import mode, read
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
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
)


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
    if name == "q" and form.method == "GET":
        return _masked_q(str(value), form, api)
    if name in TEXTS:
        operator = TEXTS[name]
        return _masked_tree(parse_text(str(value), operator, name), operator, api)
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


def _masked_q(q: str, form: Request, api: Api) -> str:
    located = interval_of(form, api)
    if located is not None:
        genome = f"{located.prefix}." if located.prefix and not _by_parameter(api) else ""
        sides = [_masked_tree(parse_text(side, "or"), "or", api) for side in located.texts]
        return " AND ".join([f"{genome}<interval>", *sides])
    reading = mode(q, api)
    if reading == "text":
        return _masked_tree(read(q, reading, api), "and", api)
    return q if reading in ("all", "none") else f"<{plain_kind(reading, q)}>"


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
    inner = "number" if kind(node.field, api) == "number" else "bound"
    low, high = (f"<{inner}>" if bound is not None else "*" for bound in (node.low, node.high))
    if node.low is None and node.high is not None:
        return f"<{'=' if node.include_high else ''}{high}"
    if node.high is None and node.low is not None:
        return f">{'=' if node.include_low else ''}{low}"
    opening, closing = "[" if node.include_low else "{", "]" if node.include_high else "}"
    return f"{opening}{low} TO {high}{closing}"
