"""The one normal request for all that are exactly equivalent.

    /v3/query/?limit=10&species=9606&q=symbol:CDK2&callback=x  ->  /v3/query?q=symbol:cdk2&species=human

The form is a valid request that means the same, normal forms are normal already, and neither the order of parameters
nor that of list items or of clauses joined by one operator shows in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries.meaning import searched_index
from query_assistant.queries.normal_tree import is_everything, normal, ordered
from query_assistant.queries.reading import ALL_RECORDS, QueryText, plain_integer, read_q
from query_assistant.queries.rendering import render_leaf, render_text
from query_assistant.queries.request import Request
from query_assistant.queries.rules.shorthands import leaf_writer, rewrite_scope, spelled_short
from query_assistant.queries.syntax import MAX_LENGTH
from query_assistant.queries.tree import Boolean, Node


def canonicalize(request: Request, api: Api, *, keep_case: bool = False) -> Request:
    """The normal form of a request.

    With `keep_case` the values keep the case in which they were written: not the one form any more, but the one to show
    to people and models.

    Raises:
        QuerySyntaxError: q, filter or post_filter cannot be parsed.
    """
    if request.endpoint == "other" or request.normal == "folded" or (request.normal and keep_case):
        return request
    values = dict(request.parameters)
    if values.get("scroll_id"):
        _silenced(values, request, api)
    entity = _entity(request, values, api)
    _lists(values, request, api)
    _texts(values, request, api, keep_case)
    _paging(values, request, api)
    _defaults(values, request, api)
    return request.with_values(values, entity).as_normal("kept" if keep_case else "folded")


def _entity(request: Request, values: dict[str, Any], api: Api) -> str | None:
    """The path's word, after the index it chooses was said by the parameter wherever that means the same."""
    name = api.definition.index_parameter
    written = api.entity if request.endpoint == "annotation" else None
    if name is None or request.entity is None:
        return written
    index = searched_index(request, api)
    if index == api.default_index:
        values.pop(name, None)
        return written
    q = request.text("q", api)
    interval = q is not None and q.mode == "interval"
    if interval and name not in values:
        return request.entity
    if interval and values.get(name) == api.default(request.key, name):
        values.pop(name)
        return request.entity
    values[name] = index
    return written


def _lists(values: dict[str, Any], request: Request, api: Api) -> None:
    for name, value in list(values.items()):
        parameter = api.parameter(request.key, name)
        if parameter is None or parameter.ordered or not parameter.is_list:
            continue
        values[name] = tuple(sorted(set(value)))
        as_if_absent = value == () and not api.default(request.key, name) and name != "fields"
        if as_if_absent or (parameter.type == "species" and "all" in value):
            del values[name]
    if "fields" in values:
        values["fields"] = returned(values["fields"], api.default(request.key, "fields"))
    if values.get("scopes"):
        values["scopes"] = _scopes(values["scopes"], request, api)


def returned(fields: tuple[str, ...], default: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The returned fields sorted, without those that another covers; None where they are the default."""
    if not fields or "all" in fields:
        return ("all",) if default else None
    asked = set(fields)
    kept = {name for name in asked if asked.isdisjoint(_parents(name))}
    return None if default and kept == set(default) else tuple(sorted(kept))


def _parents(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _scopes(scopes: tuple[Any, ...], request: Request, api: Api) -> tuple[Any, ...] | None:
    if any(isinstance(part, tuple) for part in (*scopes, *request.terms)):
        return scopes
    known = {_scope(scope, api) for scope in scopes}
    return None if known == set(api.default_scopes) else tuple(sorted(known))


def _scope(scope: str, api: Api) -> str:
    """A scope by its real name, or by the short name of a hidden field."""
    real = rewrite_scope(scope, api)
    short = spelled_short(real, api)
    for name in (short.written if short else real, real, scope):
        if rewrite_scope(name, api) == real:
            return name
    return scope


def _texts(values: dict[str, Any], request: Request, api: Api, keep_case: bool) -> None:
    for parameter in api.parameters_on(request.key):
        if parameter.query_text and parameter.name in values:
            values[parameter.name] = _filter(request.text(parameter.name, api), api, keep_case)
    q = request.text("q", api) if not values.get("scroll_id") else None
    if q is not None:
        values["q"] = _q(q, request, api, keep_case)
        if values["q"] == ALL_RECORDS and request.q not in (None, ALL_RECORDS):
            _show_hits(values, request, api)


def _show_hits(values: dict[str, Any], request: Request, api: Api) -> None:
    """With facets and no size, only a q that is absent or `__all__` hides the hits; `*:*` shows the usual number."""
    if "facets" in values:
        values.setdefault("size", api.default(request.key, "size"))


def _filter(text: QueryText | None, api: Api, keep_case: bool) -> str | None:
    if text is None or text.query is None:
        return None
    tree = normal(text.query, api, operator="or", keep_case=keep_case, scored=False)
    rendered = render_text(ordered(tree, "or"), "or")
    return rendered if len(rendered) <= MAX_LENGTH else text.text


def _q(q: QueryText, request: Request, api: Api, keep_case: bool) -> str:
    if q.mode == "interval":
        return _interval(q, api, keep_case)
    if q.mode == "all" or q.text is None:
        return ALL_RECORDS
    if q.mode == "wildcard":
        return q.text if keep_case else q.text.lower()
    if q.mode == "integer":
        return plain_integer(q.text) or q.text
    if q.query is None:
        return q.text
    leaf = leaf_writer(api)
    tree = ordered(normal(q.query, api, keep_case=keep_case), "and", leaf)
    if is_everything(tree):
        return ALL_RECORDS
    text = render_text(tree, "and", leaf)
    return text if _says(text, tree, request, api, keep_case) else q.text


def _says(text: str, tree: Node, request: Request, api: Api, keep_case: bool) -> bool:
    """Whether the server reads a tree again out of its text.

    It reads no text that is too long, and only a server that looks at q before it parses it can read another tree.
    """
    if len(text) > MAX_LENGTH:
        return False
    if api.definition.plain_words is None and not api.definition.shorthands and "chr" not in text:
        return True
    try:
        again = read_q(text, request.parameters, api)
    except RequestError:
        return False
    if again.mode != "text" or again.query is None:
        return False
    return ordered(normal(again.query, api, keep_case=keep_case), "and", leaf_writer(api)) == tree


def _interval(q: QueryText, api: Api, keep_case: bool) -> str:
    located, rule = q.located, api.definition.interval
    assert located is not None
    stretch = located.interval
    shown = f"{located.prefix}." if rule and not rule.by_parameter and located.prefix else ""
    text = f"{shown}chr{stretch.chromosome.upper()}:{stretch.start}-{stretch.end}"
    if q.query is None:
        return text
    side = normal(q.query, api, operator="or", keep_case=keep_case)
    words = render_text(ordered(side, "or"), "or", render_leaf)
    return f"{text} AND ({words})" if isinstance(side, Boolean) and side.should else f"{text} AND {words}"


def _silenced(values: dict[str, Any], request: Request, api: Api) -> None:
    """Takes out what has no effect beside the rest."""
    for name in list(values):
        parameter = api.parameter(request.key, name)
        if parameter is not None and parameter.silent(values):
            del values[name]


def _paging(values: dict[str, Any], request: Request, api: Api) -> None:
    _silenced(values, request, api)
    if values.get("facet_size") == 0:
        del values["facet_size"]
    if values.get("sort") == ():
        del values["sort"]


def _defaults(values: dict[str, Any], request: Request, api: Api) -> None:
    counted = request.key == "GET query" and values.get("facets") and values.get("q") == ALL_RECORDS
    for name, value in list(values.items()):
        default = api.default(request.key, name)
        if counted and name == "size":
            default = 0
        if value is None or (type(value) is type(default) and value == default):
            del values[name]
