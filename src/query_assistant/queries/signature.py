"""In which way a query asks about which fields: its signature.

/v3/query?q=symbol:CDK2 AND taxid:>9000&size=5  ->  GET query | AND range | symbol taxid | (default) | size
"""

from __future__ import annotations

from collections.abc import Iterator

from query_assistant.apis import Api
from query_assistant.queries.calls import Request
from query_assistant.queries.literals import TEXTS
from query_assistant.queries.meaning import interval_of
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.rules.routing import mode, read
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import Boolean, Boost, Exists, Fuzzy, Node, Phrase, Range, Regex, Strict, Wildcard

_NAMES = {Phrase: "phrase", Range: "range", Wildcard: "wildcard", Regex: "regex", Fuzzy: "fuzzy"}


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
    asked = {part.name for part in api.parameters_on(form.key) if part.role == "asks"}
    names = [name for name, _ in form.reading() if name not in asked and name != "fields"]
    shown = form.get("fields")
    parts = (sorted(operators), sorted(fields), shown if isinstance(shown, tuple) else ["(default)"], names)
    return " | ".join([form.key, *(" ".join(part) for part in parts)])


def _trees(form: Request, api: Api) -> Iterator[Node]:
    located = interval_of(form, api)
    if located is not None:
        yield from (parse_text(side, "or") for side in located.texts)
    elif form.key == "GET query" and mode(form.q, api) == "text":
        yield read(form.q, "text", api)
    yield from (parse_text(str(form.get(name)), how, name) for name, how in TEXTS.items() if form.get(name))


def _reading(form: Request, api: Api) -> str:
    """How a q that is no query text is read."""
    if form.key != "GET query":
        return ""
    if interval_of(form, api) is not None:
        return "interval"
    reading = mode(form.q, api)
    return "" if reading == "text" else reading


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
