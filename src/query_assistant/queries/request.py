"""A call as the server takes it: endpoint, record type, and the parameters that have an effect, typed.

    parse(Query(query="/v3/query?q=cdk2&limit=5&callback=x"), api)
    ->  Request(api="mygene", method="GET", endpoint="query", values=(("q", "cdk2"), ("size", 5)),
                ignored=(Ignored("callback", "x", "mygene knows no such parameter"),))

The last of repeated values counts, aliases have their priority, the URL wins over the body, unknown names are dropped
but remembered. Defaults are not stored: `Request.value(name, api)` looks them up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries import paths
from query_assistant.queries.calls import Ignored, Method, Request, reading_order
from query_assistant.queries.paths import Route
from query_assistant.queries.text_form import from_text, to_text
from query_assistant.queries.values import Source, Value, convert
from query_assistant.records import Query

__all__ = ["Ignored", "Method", "Request", "from_text", "parse", "parse_http", "reading_order", "to_text"]

_FORM = "application/x-www-form-urlencoded"


def parse(query: Query | str, api: Api) -> Request:
    """The request that a call is; a string is one in its text form (`GET path`, or `POST path {json}`).

    Raises:
        RequestError: the API would refuse it; `status` is its answer (400, 404, 405).
    """
    if isinstance(query, str):
        query = from_text(query)
    method = "GET" if query.body is None else "POST"
    return parse_http(method, query.query, api, body=query.body)


def parse_http(
    method: str, target: str, api: Api, *, body: Mapping[str, Any] | str | None = None, content_type: str = ""
) -> Request:
    """The request of an HTTP call.

    `body` is a JSON object already read, or the raw text of a form (or of JSON, where `content_type` says so).

    Raises:
        RequestError: as `parse`.
    """
    path, given = paths.divide(target)
    where = paths.route(path, api)
    _check_method(method, where, path)
    form, document = _read_body(body, content_type) if method == "POST" else ([], {})
    sources: list[tuple[Source, dict[str, Any]]] = [("url", dict(given)), ("form", dict(form)), ("json", document)]
    if where.identifier is not None:
        sources.insert(0, ("url", {"id": where.identifier}))
    return _assemble("POST" if method == "POST" else "GET", where, sources, api)


def _check_method(method: str, where: Route, path: str) -> None:
    allowed = {"query": ("GET", "POST"), "annotation": ("GET", "POST"), "status": ("GET", "HEAD")}
    methods = ("GET",) if where.identifier is not None else allowed.get(where.endpoint, ("GET",))
    if method not in methods:
        raise RequestError(f"{method} {path}: method not allowed; use {' or '.join(methods)}", status=405)


def _read_body(body: Mapping[str, Any] | str | None, content_type: str) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Form pairs and JSON object of a body; a JSON body that is no object is as if empty."""
    if body is None or isinstance(body, Mapping):
        return [], dict(body or {})
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            document = json.loads(body) if body.strip() else {}
        except (ValueError, RecursionError):
            raise RequestError("Invalid JSON body; send one JSON object") from None
        return [], document if isinstance(document, dict) else {}
    if content_type and _FORM not in content_type.lower():
        return [], {}
    return paths.pairs(body), {}


def _assemble(method: Method, where: Route, sources: list[tuple[Source, dict[str, Any]]], api: Api) -> Request:
    key = f"{method} {where.endpoint}"
    spellings = api.spellings(key)
    values: dict[str, Value] = {}
    used: set[tuple[int, str]] = set()
    for parameter in {
        spellings[name].name: spellings[name] for _, given in sources for name in given if name in spellings
    }.values():
        place, name = _winner(parameter.names, sources)
        used.add((place, name))
        source, given = sources[place]
        value = convert(parameter, given[name], source, api)
        if parameter.role != "none":
            values[parameter.name] = value
        else:
            used.discard((place, name))
    request = Request(
        api=api.name,
        method=method,
        endpoint=where.endpoint,
        version=api.version,
        entity=where.entity,
        values=tuple(sorted(values.items())),
        ignored=tuple(_ignored(sources, used, key, api)),
    )
    _check_request(request, api)
    return request


def _winner(names: tuple[str, ...], sources: list[tuple[Source, dict[str, Any]]]) -> tuple[int, str]:
    """The first source, and in it the first spelling, that gives the parameter."""
    return next((place, name) for place, (_, given) in enumerate(sources) for name in names if name in given)


def _ignored(
    sources: list[tuple[Source, dict[str, Any]]], used: set[tuple[int, str]], key: str, api: Api
) -> list[Ignored]:
    return [
        Ignored(name, str(value), _reason(name, key, api))
        for place, (_, given) in enumerate(sources)
        for name, value in given.items()
        if (place, name) not in used
    ]


def _reason(name: str, key: str, api: Api) -> str:
    parameter = api.parameter(key, name)
    if parameter is None:
        if api.known_anywhere(name):
            return f"{name} has no effect on {key}"
        return f"{api.name} knows no parameter {name!r}"
    if parameter.role == "none":
        return f"{name} is checked but has no effect on {key}"
    return f"another spelling or place of {parameter.name} wins"


def _check_request(request: Request, api: Api) -> None:
    """What the server refuses beyond single values: something missing, a page too deep, a sort it cannot do."""
    for parameter in api.parameters_on(request.key):
        if parameter.required and parameter.name not in request.parameters:
            raise RequestError(f"{request.key}: missing {parameter.name}; give it", parameter=parameter.name)
    _check_emptiness(request)
    _check_window(request, api)
    _check_sort(request)
    if request.q == "__any__":
        raise RequestError("q=__any__: random query not available; use __all__", parameter="q")


def _check_emptiness(request: Request) -> None:
    for name in ("q", "ids") if request.method == "POST" else ():
        if request.parameters.get(name) == ():
            raise RequestError(f"{name} is empty: the search engine refuses an empty batch; give terms", parameter=name)


def _check_window(request: Request, api: Api) -> None:
    if request.endpoint != "query":
        return
    start, size = request.value("from", api), request.value("size", api)
    if request.get("fetch_all"):
        if start:
            raise RequestError(f"from={start} cannot go with fetch_all; leave it out", parameter="from")
    elif start + size > 10000:
        raise RequestError(
            f"from={start} and size={size}: from + size is at most 10000; use fetch_all", parameter="from"
        )


def _check_sort(request: Request) -> None:
    for item in request.parameters.get("sort", ()):  # type: ignore[union-attr]
        if ":" in item:
            raise RequestError(
                f"sort={item!r}: expected field or -field; write -field for descending", parameter="sort"
            )
        if item == "-_score":
            raise RequestError("sort='-_score': scores are descending already; write _score", parameter="sort")
