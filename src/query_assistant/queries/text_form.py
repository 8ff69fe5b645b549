"""A call in one line: the path of a GET, or `POST path {compact JSON}`."""

from __future__ import annotations

import json
from typing import Any

from query_assistant.errors import InputError
from query_assistant.queries.calls import reading_order
from query_assistant.records import DEEPEST_BODY, Query, is_shallow


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
    if not isinstance(document, dict) or not is_shallow(document):
        raise InputError(
            f"{line[:80]!r} has no JSON object behind its path, or one over {DEEPEST_BODY} deep; "
            "expected POST path {json}"
        )
    return document
