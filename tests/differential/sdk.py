"""How the BioThings SDK itself types the parameters of a call: Tornado's decoding, then `biothings.web.options`.

No server and no search engine: a request object is made by hand, and the same two lines that the SDK's handler runs
collect its arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

FORM = "application/x-www-form-urlencoded"
OUR_NAMES = {"_source": "fields", "aggs": "facets"}


@dataclass(frozen=True)
class Call:
    """`endpoint` is "query" or "annotation"; a body goes with its content type."""

    method: str
    endpoint: str
    path: str
    body: str = ""
    content_type: str = ""


def read(call: Call) -> dict[str, Any] | None:
    """The options that the call gives, by our names of them; None where the SDK answers 400."""
    from biothings.web.options.manager import OptionError, OptionSet, ReqArgs
    from biothings.web.settings import default
    from tornado.web import HTTPError

    options = OptionSet(default.QUERY_KWARGS if call.endpoint == "query" else default.ANNOTATION_KWARGS)
    try:
        query, form, document = _arguments(call)
        path = tuple(segment for segment in [_identifier(call)] if segment)
        found = options.parse(call.method, ReqArgs(ReqArgs.Path(args=path), query=query, form=form, json_=document))
    except (OptionError, HTTPError):
        return None
    given = dict(_given(options.optset[call.method], {*query, *form, *document}, bool(path)))
    return {name: found[option] for option, name in given.items()}


def _arguments(call: Call) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """As in `BaseAPIHandler.prepare`."""
    from tornado.httputil import HTTPHeaders, HTTPServerRequest
    from tornado.web import Application, HTTPError, RequestHandler

    headers = HTTPHeaders({"Content-Type": call.content_type} if call.content_type else {})
    request = HTTPServerRequest(call.method, call.path, headers=headers, body=call.body.encode(), connection=Mock())
    request._parse_body()
    handler = RequestHandler(Application(), request)
    document: Any = {}
    if call.content_type == "application/json" and call.body:
        try:
            document = json.loads(call.body)
        except ValueError:
            raise HTTPError(400, reason="Invalid JSON body.") from None
    query = {key: handler.get_query_argument(key) for key in request.query_arguments}
    form = {key: handler.get_body_argument(key) for key in request.body_arguments}
    return query, form, document if isinstance(document, dict) else {}


def _identifier(call: Call) -> str:
    path = call.path.partition("?")[0].split("/")
    return path[3] if call.endpoint == "annotation" and len(path) > 3 else ""


def _given(options: dict[str, Any], names: set[str], has_identifier: bool) -> Iterator[tuple[str, str]]:
    for keyword, option in options.items():
        alias = option.get("alias", ())
        spellings = {keyword, *((alias,) if isinstance(alias, str) else alias)}
        if spellings & names or (keyword == "id" and has_identifier):
            yield keyword, "ids" if "ids" in spellings else OUR_NAMES.get(keyword, keyword)
