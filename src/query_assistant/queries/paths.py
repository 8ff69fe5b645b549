"""The address of a call: which endpoint its path names, its parameters, and the call in one line.

/v3/gene/1017?fields=symbol  ->  Route("annotation", entity="gene", identifier="1017"), [("fields", "symbol")]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, unquote, unquote_plus

from query_assistant.apis import Api, load_family
from query_assistant.errors import InputError, RequestError
from query_assistant.nesting import is_shallow
from query_assistant.queries.values import check_unicode
from query_assistant.records import DEEPEST_BODY, Query

Endpoint = Literal["query", "annotation", "metadata", "fields", "status", "other"]

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_ENDPOINTS: dict[tuple[str, ...], Endpoint] = {
    ("query",): "query",
    ("metadata",): "metadata",
    ("metadata", "fields"): "fields",
}
_READABLE = {ord(sign): f"%{ord(sign):02X}" for sign in "%&#+"}
_READABLE_SEGMENT = {ord(sign): f"%{ord(sign):02X}" for sign in "/?#%"}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads: `entity` is the word for the records (of a page, its path), `identifier` what follows it."""

    endpoint: Endpoint
    entity: str | None = None
    identifier: str | None = None


def divide(target: str) -> tuple[str, list[tuple[str, str]]]:
    """The path, still encoded, and the decoded parameters of a readable or percent-encoded path or URL.

    Raises:
        RequestError: 400, it holds what is no Unicode, or what stands behind a percent sign is not UTF-8.
    """
    target = check_unicode(target).strip()
    if found := _ORIGIN.match(target):
        target = target[found.end() :] or "/"
    path, _, query = target.partition("#")[0].partition("?")
    return path, pairs(query)


def pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a query string or a form, in order; a name alone has the empty value."""
    found: list[tuple[str, str]] = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((_decoded(name), _decoded(value)))
    return found


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise RequestError(f"{text[:80]!r} is not valid UTF-8; encode the text as UTF-8, then as %XX") from None


def route(path: str, api: Api) -> Route:
    """The endpoint of a path.

    Raises:
        RequestError: 404, the server knows no such path.
    """
    parts = path.split("/")
    if len(parts) > 2 and parts[-1] == "" and parts[1] != "status":
        parts.pop()
    if parts[0] != "" or len(parts) == 1 or "" in parts[1:]:
        raise _unknown(path, api)
    words = tuple(parts[1:])
    if words == ("status",):
        return Route("status")
    if words in _ENDPOINTS and words != ("query",):
        return Route(_ENDPOINTS[words])
    if words[0] != api.version:
        raise _unknown(path, api)
    return _below_version(words[1:], path, api)


def redirected(path: str, api: Api) -> str | None:
    """The path, still encoded, to which the server sends a GET of this one (301); None where it answers itself."""
    for pattern, to in api.redirects:
        if found := pattern.fullmatch(path):
            return to.format(*found.groups())
    return None


def _below_version(words: tuple[str, ...], path: str, api: Api) -> Route:
    if words in _ENDPOINTS:
        return Route(_ENDPOINTS[words])
    if words and words[0] in api.pages:
        return Route("other", "/".join(words))
    if not words or words[0] not in api.entities:
        raise _unknown(path, api)
    if len(words) == 1:
        return Route("annotation", words[0])
    if len(api.entities) > 1 and words[1:] in _ENDPOINTS:
        return Route(_ENDPOINTS[words[1:]], words[0])
    if len(words) > 2:
        raise _unknown(path, api)
    return Route("annotation", words[0], _segment(words[1]))


def _segment(word: str) -> str:
    try:
        return unquote(word, errors="strict")
    except UnicodeDecodeError:
        raise RequestError(f"{word[:80]!r} is not valid UTF-8; encode the identifier as UTF-8, then as %XX") from None


def _unknown(path: str, api: Api) -> RequestError:
    known = f"/{api.version}/query, /{api.version}/{api.entity}/ID, /{api.version}/metadata"
    shown = path if len(path) <= 80 else path[:77] + "..."
    return RequestError(f"{api.name} has no path {shown!r}; it has {known}", status=404)


def readable(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """`/v3/query?q=symbol:CDK2 AND taxid:9606&size=5`: only what would be misread is encoded."""
    query = "&".join(f"{name.translate(_READABLE)}={value.translate(_READABLE)}" for name, value in parameters)
    return f"{path}?{query}" if query else path


def readable_segment(identifier: str) -> str:
    """An identifier as one part of a readable path."""
    return identifier.translate(_READABLE_SEGMENT)


def encoded(path: str) -> str:
    """The path of HTTP for a readable path: everything but letters, digits and a few marks as %XX."""
    head, mark, query = path.partition("?")
    return quote(head, safe="/%:@!$'()*,;=~+-._") + mark + quote(query, safe="=&%:@!$'()*,;/?~-._")


def to_text(query: Query) -> str:
    """A call in one line: the path of a GET, or `POST path {compact JSON}`, its members in reading order.

    Files of records sort their keys, so the order in which a body comes says nothing.
    """
    if query.body is None:
        return query.query
    members = {name: query.body[name] for name in sorted(query.body, key=reading_order)}
    return f"POST {query.query} {json.dumps(members, ensure_ascii=False, separators=(',', ':'))}"


def from_text(text: str) -> Query:
    """The call that `to_text` wrote; white space around it and a full URL are forgiven, nothing else.

    Raises:
        InputError: it is neither a path nor `POST path {json}`.
    """
    line = text.strip()
    method, _, rest = line.partition(" ")
    if method == "POST":
        path, brace, document = rest.strip().partition(" {")
        return Query(query=path, body=_document(brace + document, line))
    if method == "GET":
        line = rest.strip()
    if line.startswith("/") or "://" in line.partition("?")[0]:
        return Query(query=line)
    raise InputError(f"{line[:80]!r} is no query; expected a path such as /v3/query?q=cdk2, or POST path {{json}}")


def _document(text: str, line: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not is_shallow(document, DEEPEST_BODY):
        raise InputError(
            f"{line[:80]!r} has no JSON object behind its path, or one over {DEEPEST_BODY} deep; "
            "expected POST path {json}"
        )
    return document


@lru_cache(maxsize=4096)
def reading_order(name: str) -> tuple[int, int, str]:
    """Sorts parameter names as a person reads them (`reading_order` of data/apis/family.yaml, read once)."""
    return load_family().reading_order.place(name)
