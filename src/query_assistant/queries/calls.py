"""One call, typed: what the server makes of a path, a URL or a body, and how a person writes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from query_assistant.apis import Api
from query_assistant.queries import paths
from query_assistant.queries.paths import Endpoint
from query_assistant.queries.values import Value
from query_assistant.records import Query

Method = Literal["GET", "POST"]

READING_ORDER = ("q", "ids", "scopes", "species", "assembly")
READING_TAIL = ("fields", "size", "from", "sort", "facets", "facet_size")


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

    @property
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


def reading_order(name: str) -> tuple[int, int, str]:
    """Sorts parameter names as a person reads them (docs/architecture.md, "The readable path")."""
    if name in READING_ORDER:
        return (0, READING_ORDER.index(name), "")
    if name in READING_TAIL:
        return (2, READING_TAIL.index(name), "")
    return (1 if name in _SELECTING else 3, 0, name)


_SELECTING = frozenset(
    {"filter", "post_filter", "entrezonly", "ensemblonly", "exists", "missing", "ignore_obsolete", "include_tax_tree",
     "userquery", "species_facet_filter"}
)  # fmt: skip


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
