"""In which way a query asks about which fields: its signature.

/v3/query?q=symbol:CDK2 AND taxid:>9000&size=5  ->  GET query | AND range | symbol taxid | (default) | size
"""

from __future__ import annotations

from collections.abc import Iterator

from query_assistant.apis import Api
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.request import Request
from query_assistant.queries.tree import Boolean, Exists, Fuzzy, Node, Phrase, Range, Regex, Wildcard, children

_OPERATORS = {
    Exists: "exists",
    Phrase: "phrase",
    Range: "range",
    Wildcard: "wildcard",
    Regex: "regex",
    Fuzzy: "fuzzy",
}


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
