"""A call as one copies it into a browser, a shell, a Python program, an R session.

    copies_of(query, api).curl       # curl 'https://mygene.info/v3/query?q=symbol:CDK2'

What is quoted is quoted by each language's own rules, so that a value can end no string and start no command.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from query_assistant.apis import Api
from query_assistant.queries.paths import divide, encoded
from query_assistant.records import Query
from query_assistant.server.documents import QueryCopies

_CLIENTS = frozenset({"gene", "variant", "chem", "disease", "taxon", "geneset"})  # kinds of biothings_client


def copies_of(query: Query, api: Api) -> QueryCopies:
    """The call in four forms.

    Raises:
        RequestError: its path holds what is no Unicode.
    """
    path, given = divide(query.query)
    url = api.base + encoded(_below_host(query.query.strip()))
    return QueryCopies(
        url=url,
        curl=_curl(url, query.body),
        python=_python(path, dict(given), url, query.body, api),
        r=_r(url, query.body),
    )


def _below_host(target: str) -> str:
    """The path with its parameters, whatever host was written before it: only the API's own is ever called."""
    return target if target.startswith("/") else "/" + target.partition("://")[2].partition("/")[2]


def _curl(url: str, body: dict[str, Any] | None) -> str:
    if body is None:
        return f"curl {shlex.quote(url)}"
    sent = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl --header 'Content-Type: application/json' \\\n  --data {sent} \\\n  {shlex.quote(url)}"


def _python(path: str, given: dict[str, str], url: str, body: dict[str, Any] | None, api: Api) -> str:
    """`biothings_client` where it knows such calls, plain `httpx` elsewhere."""
    call = _client_call(path, given, body, api)
    if api.entity in _CLIENTS and call is not None:
        lines = ["from biothings_client import get_client", "", f"client = get_client({api.entity!r})", call]
    elif body is None:
        lines = ["import httpx", "", f"print(httpx.get({url!r}).json())"]
    else:
        lines = ["import httpx", "", f"print(httpx.post({url!r}, json={body!r}).json())"]
    return "\n".join(lines)


def _client_call(path: str, given: dict[str, str], body: dict[str, Any] | None, api: Api) -> str | None:
    if path != f"/{api.version}/query":
        return None
    if body is None:
        options = {name: value for name, value in given.items() if name != "q"}
        named = _named(options)
        return None if named is None else f"print(client.query({given.get('q', '')!r}{named}))"
    options = {name: value for name, value in body.items() if name not in ("q", "scopes")}
    named = _named(options)
    if named is None or not isinstance(body.get("q"), list):
        return None
    scopes = f", scopes={body['scopes']!r}" if "scopes" in body else ""
    return f"print(client.querymany({body['q']!r}{scopes}{named}))"


def _named(options: dict[str, Any]) -> str | None:
    """Keyword arguments; None where a name is none of Python's (`from`) and goes into a dictionary instead."""
    plain = {name: value for name, value in options.items() if name.isidentifier() and name not in _RESERVED}
    if any(not name.isidentifier() for name in options):
        return None
    rest = {name: value for name, value in options.items() if name not in plain}
    text = "".join(f", {name}={_literal(value)}" for name, value in plain.items())
    return text + (f", **{rest!r}" if rest else "")


_RESERVED = frozenset({"from", "import", "class", "def", "lambda", "self", "qterms", "verbose", "as_generator"})


def _literal(value: Any) -> str:
    return str(int(value)) if isinstance(value, str) and value.isascii() and value.isdecimal() else repr(value)


def _r(url: str, body: dict[str, Any] | None) -> str:
    """R's strings know the escapes of JSON; everything beyond ASCII stays escaped."""
    if body is None:
        return f"library(jsonlite)\n\nresult <- fromJSON({json.dumps(url)})"
    sent = json.dumps(json.dumps(body))
    return (
        f"library(httr2)\n\nresult <- request({json.dumps(url)}) |>\n"
        f'  req_body_raw({sent}, type = "application/json") |>\n  req_perform() |>\n  resp_body_json()'
    )
