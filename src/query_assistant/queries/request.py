"""A call as the server takes it: endpoint, record type, and the parameters that have an effect, typed.

    parse(Query(query="/v3/query?q=cdk2&limit=5&callback=x"), api)
    ->  Request(api="mygene", method="GET", endpoint="query", values=(("q", "cdk2"), ("size", 5)),
                ignored=(Ignored("callback", "x", "mygene knows no such parameter"),))

The last of repeated values counts, aliases have their priority, the URL wins over the body, unknown names are dropped
but remembered, redirects are followed. Defaults are not stored: `Request.value(name, api)` looks them up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries import paths
from query_assistant.queries.limits import check_request
from query_assistant.queries.paths import Endpoint, Route, from_text, reading_order, to_text
from query_assistant.queries.reading import QueryText, read_texts
from query_assistant.queries.values import Origin, Value, check_unicode, convert, shown
from query_assistant.records import Query

__all__ = ["Ignored", "Method", "Request", "from_text", "parse", "parse_http", "reading_order", "to_text"]

Method = Literal["GET", "POST"]

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A parameter that was given and changes nothing, and why."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Request:
    """One call. `entity` is the path's word for the records where one was written; `values` are sorted by name.

    Two requests are equal when they say the same; what was ignored does not count. `normal` says that the request is
    a canonical form already, with the case of its values folded or kept, so that nobody has to make it again.
    """

    api: str
    method: Method
    endpoint: Endpoint
    version: str
    entity: str | None = None
    values: tuple[tuple[str, Value], ...] = ()
    ignored: tuple[Ignored, ...] = ()
    normal: Literal["", "folded", "kept"] = field(default="", init=False, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        typed = tuple((name, type(value), value) for name, value in self.values)
        return (self.api, self.method, self.endpoint, self.version, self.entity, typed)

    @cached_property
    def parameters(self) -> Mapping[str, Value]:
        """The given, effective parameters under their canonical names."""
        return dict(self.values)

    @cached_property
    def key(self) -> str:
        """The endpoint as the parameter tables name it: "GET query"."""
        return f"{self.method} {self.endpoint}"

    @property
    def q(self) -> str | None:
        """The query text of a GET, stripped; None where it is not given."""
        value = self.parameters.get("q")
        return value if isinstance(value, str) else None

    @property
    def terms(self) -> tuple[Any, ...]:
        """The terms of a POST /query; a tuple among them is paired with the scopes position by position."""
        value = self.parameters.get("q")
        return value if isinstance(value, tuple) else ()

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The identifiers of an annotation call, one for a GET."""
        value = self.parameters.get("id", self.parameters.get("ids", ()))
        return value if isinstance(value, tuple) else (str(value),)

    def get(self, name: str) -> Value | None:
        """A given value, None where the default holds."""
        return self.parameters.get(name)

    def value(self, name: str, api: Api) -> Any:
        """A given value, else the API's default for it."""
        found = self.parameters.get(name)
        return api.default(self.key, name) if found is None else found

    def texts(self, api: Api) -> tuple[QueryText, ...]:
        """What the server reads as text: q, or each term of a batch that names no scopes, filter and post_filter.

        Raises:
            RequestError: the server refuses one of them.
        """
        known: tuple[Api, tuple[QueryText, ...]] | None = self.__dict__.get("_read")
        if known is None or known[0] is not api:
            known = (api, read_texts(self, api))
            object.__setattr__(self, "_read", known)
        return known[1]

    def text(self, parameter: str, api: Api) -> QueryText | None:
        """The one text of a parameter; None where it is not given, or a list of terms."""
        return next((text for text in self.texts(api) if text.parameter == parameter and text.place is None), None)

    def with_values(self, values: Mapping[str, Value], entity: str | None = None) -> Request:
        """The same call with other parameters, and none ignored."""
        return Request(self.api, self.method, self.endpoint, self.version, entity, tuple(sorted(values.items())))

    def as_normal(self, case: Literal["folded", "kept"]) -> Request:
        """This request, known to be a canonical form. A changed copy of it is not known to be one."""
        object.__setattr__(self, "normal", case)
        return self

    @property
    def path(self) -> str:
        """The readable path without parameters."""
        if self.endpoint == "status":
            return "/status"
        words = [self.version, self.entity or ""]
        if self.endpoint not in ("annotation", "other"):
            words.append("metadata/fields" if self.endpoint == "fields" else self.endpoint)
        elif self.method == "GET" and self.endpoint == "annotation":
            words.append(paths.readable_segment(self.identifiers[0]))
        return "/" + "/".join(word for word in words if word)

    def reading(self) -> list[tuple[str, Value]]:
        """The parameters in reading order: q, scopes, species, other filters, fields, size, from, sort, facets."""
        return sorted(self.values, key=lambda pair: reading_order(pair[0]))

    def to_query(self) -> Query:
        """The call as a person writes it (docs/architecture.md, "The readable path")."""
        ordered = self.reading()
        if self.method == "POST":
            return Query(query=self.path, body={name: _json(value) for name, value in ordered})
        given = [(name, _text(value)) for name, value in ordered if name != "id"]
        return Query(query=paths.readable(self.path, given))

    def percent_encoded(self) -> str:
        """The path and parameters as HTTP wants them; a POST's parameters are in the body of `to_query()`."""
        return paths.encoded(self.to_query().query)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(_item(item) for item in value)
    return str(value)


def _item(item: Any) -> str:
    """One item of a list, quoted where splitting the list would break it."""
    text = str(item)
    if text and not any(sign in text for sign in ",|+ \t\n\r\x0b\x0c'\"\\"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(value: Value) -> Any:
    return [_json(item) for item in value] if isinstance(value, tuple) else value


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
    if method == "GET":
        path = paths.redirected(path, api) or path
    where = paths.route(path, api)
    _check_method(method, where, path)
    form, document = _read_body(body, content_type) if method == "POST" else ([], {})
    sources: list[tuple[Origin, dict[str, Any]]] = [("url", dict(given)), ("form", dict(form)), ("json", document)]
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


def _assemble(method: Method, where: Route, sources: list[tuple[Origin, dict[str, Any]]], api: Api) -> Request:
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
    check_request(request, api)
    return request


def _winner(names: tuple[str, ...], sources: list[tuple[Origin, dict[str, Any]]]) -> tuple[int, str]:
    """The first source, and in it the first spelling, that gives the parameter."""
    return next((place, name) for place, (_, given) in enumerate(sources) for name in names if name in given)


def _ignored(
    sources: list[tuple[Origin, dict[str, Any]]], used: set[tuple[int, str]], key: str, api: Api
) -> list[Ignored]:
    return [
        Ignored(check_unicode(name), _written(value), _reason(name, key, api))
        for place, (_, given) in enumerate(sources)
        for name, value in given.items()
        if (place, name) not in used
    ]


def _written(value: Any) -> str:
    return check_unicode(value) if isinstance(value, str) else shown(value)


def _reason(name: str, key: str, api: Api) -> str:
    parameter = api.parameter(key, name)
    if parameter is None:
        if api.known_anywhere(name):
            return f"{name} has no effect on {key}"
        return f"{api.name} knows no parameter {name!r}"
    if parameter.role == "none":
        return f"{name} is checked but has no effect on {key}"
    return f"another spelling or place of {parameter.name} wins"
