"""Scroll ids: which request is being paged through and how far, without any state on the server.

A scroll id is the request itself, so a made-up one can ask nothing that a plain request could not.
"""

from __future__ import annotations

import base64
import binascii
import json

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError, RequestError
from query_assistant.queries.request import Request, parse

PAGE = 1000


def scroll_id(request: Request, start: int) -> str:
    """The id with which the page from hit `start` is fetched."""
    text = json.dumps([start, request.to_query().query], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def resume(token: str, api: Api) -> tuple[Request, int]:
    """The request and the first hit of a scroll id.

    Raises:
        RequestError: it is none of ours.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        start, path = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        request = parse(path, api)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError, QueryAssistantError):
        request, start = None, -1
    if request is None or not isinstance(start, int) or start < 0 or not request.get("fetch_all"):
        raise RequestError("Invalid or stale scroll_id.", parameter="scroll_id")
    return request, start
