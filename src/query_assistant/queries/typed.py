"""A query as a person types it: a path, `POST PATH JSON`, or `{"path": ..., "body": {...}}`."""

from __future__ import annotations

import json

from query_assistant.errors import InputError
from query_assistant.nesting import is_shallow
from query_assistant.queries.request import from_text
from query_assistant.records import DEEPEST_BODY, Query


def read_query(text: str) -> Query:
    """One query as a person types it.

    Raises:
        InputError: it looks like JSON and is not, has other keys than path and body, or holds what is no UTF-8.
    """
    check_utf8(text, text)
    query = _from_json(text) if text.lstrip().startswith("{") else from_text(text)
    check_utf8(f"{query.query}{json.dumps(query.body, ensure_ascii=False)}", text)
    return query


def _from_json(text: str) -> Query:
    try:
        values = json.loads(text)
        if not is_shallow(values, DEEPEST_BODY):
            raise ValueError(f"nested over {DEEPEST_BODY} deep")
        return Query(query=values.pop("path", values.pop("query", None)), **values)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:  # pydantic's and JSON's are ValueErrors
        reason = " ".join(str(error).split())
    raise InputError(f"not a query: {text[:80]!r}: {reason}; expected a path, or path and body as JSON")


def check_utf8(text: str, given: str) -> None:
    """Refuses a text that holds half a character; the error shows what was `given`.

    Raises:
        InputError: it cannot be written as UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{given[:80]!r} is not UTF-8 text; write whole characters") from None
