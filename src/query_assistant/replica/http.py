"""The replica over HTTP, so that programs written for the real APIs work against it with only their address changed.

One API is served at the root, as its real host does: `/v3/query`. Several are told apart by their names in front:
`/mychem/v1/query`, `/mydisease/v1/query`; a single one also answers there.

Protects against: bodies and paths without end, floods of parameters or terms, heads and bodies that never end, idle
connections, one client that takes all workers, malformed bodies, errors that show code or paths. Query work itself is
bounded by the matching. Does not: authenticate, encrypt, or fend off many clients; so it listens on the loopback
address unless told otherwise. Behind a proxy all callers are one client.
"""

from __future__ import annotations

import html
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from urllib.parse import urlencode

import uvicorn
from anyio import CapacityLimiter, fail_after, to_thread
from starlette.applications import Starlette
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from query_assistant.errors import ConfigurationError, RequestError
from query_assistant.queries.paths import redirected
from query_assistant.queries.request import Request, parse_http
from query_assistant.replica.answers import Answer, as_yaml, refusal
from query_assistant.replica.connections import SERVER_SETTINGS, listening_socket
from query_assistant.replica.replica import Replica

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_TARGET_BYTES = 32 * 1024
MAX_PARAMETERS = 256
MAX_TERMS = 10_000
WORKERS = 4
WORKERS_PER_CLIENT = 3  # the fourth is for somebody else
CLIENTS = 1_000  # whose calls at once are counted; the longest silent is forgotten first
BODY_S = 20.0

# What the real APIs send with every answer (biothings/web/handlers/base.py, BaseAPIHandler).
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Credentials": "false",
    "Access-Control-Max-Age": "60",
}
CACHED = {"Cache-Control": "max-age=604800, public"}

METHODS = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]
log = logging.getLogger(__name__)


def application(replicas: Sequence[Replica]) -> Starlette:
    """The web application of one or several replicas.

    Raises:
        ConfigurationError: there is none, or one API twice.
    """
    by_name = {replica.api.name: replica for replica in replicas}
    if not by_name or len(by_name) < len(replicas):
        raise ConfigurationError("a server needs at least one replica, and each API once")
    workers = Workers()

    async def endpoint(http: HttpRequest) -> Response:
        response = await _answered(http, by_name, workers)
        response.headers.update(CORS)
        return response

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=METHODS)])


async def _answered(http: HttpRequest, by_name: dict[str, Replica], workers: Workers) -> Response:
    try:
        return await _respond(http, by_name, workers)
    except RequestError as error:
        return _refused(error)
    except Exception:
        log.exception("%s %s failed", http.method, http.url.path)
        return _json(Answer(500, {"code": 500, "success": False, "error": "Internal Server Error"}))


class Workers:
    """Threads that execute queries: a few at once, and of one client never all of them."""

    def __init__(self) -> None:
        self._all = CapacityLimiter(WORKERS)
        self._of_client: OrderedDict[str, CapacityLimiter] = OrderedDict()

    async def run(self, client: str, work: Callable[[], Response]) -> Response:
        own = self._of_client.setdefault(client, CapacityLimiter(WORKERS_PER_CLIENT))
        self._of_client.move_to_end(client)
        while len(self._of_client) > CLIENTS:
            self._of_client.popitem(last=False)
        async with own:
            return await to_thread.run_sync(work, limiter=self._all)


def serve(replicas: Sequence[Replica], host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves until interrupted.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    served, listening = application(replicas), listening_socket(host, port)
    if host not in ("127.0.0.1", "::1", "localhost"):
        log.warning("listening on %s: anyone who reaches this machine can query the replica", host)
    with listening:
        uvicorn.Server(uvicorn.Config(served, **SERVER_SETTINGS)).run(sockets=[listening])


async def _respond(http: HttpRequest, by_name: dict[str, Replica], workers: Workers) -> Response:
    target = _target(http)
    if http.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": "GET, POST, HEAD, OPTIONS"})
    if target.partition("?")[0] == "/" and len(by_name) > 1:
        return JSONResponse({name: f"/{name}/{replica.api.version}" for name, replica in sorted(by_name.items())})
    replica, below = _replica(target, by_name)
    if http.method == "GET" and (moved := _moved(below, replica)):
        return Response(status_code=301, headers={"Location": target.removesuffix(below) + moved})
    target = below
    body = await _body(http) if http.method == "POST" else None
    content_type = http.headers.get("content-type", "")
    if body is not None and content_type.lower().startswith("multipart/form-data"):
        body, content_type = await _form_of_multipart(http, body), "application/x-www-form-urlencoded"
    text = None if body is None else _decoded(body)

    def work() -> Response:
        request = parse_http(http.method, target, replica.api, body=text, content_type=content_type)
        if len(request.terms) > MAX_TERMS:
            raise RequestError(f"{len(request.terms)} terms, at most {MAX_TERMS} here; split the batch", parameter="q")
        response = _formatted(replica.execute(request), request)
        if not (request.get("fetch_all") or request.get("scroll_id")):  # what comes once only is not kept
            response.headers.update(CACHED)
        return response

    return await workers.run(http.client.host if http.client else "", work)


def _target(http: HttpRequest) -> str:
    """Path and query string as they were sent.

    Raises:
        RequestError: 414 or 400, they are longer or hold more parameters than any client needs.
    """
    raw: bytes = http.scope.get("raw_path") or http.scope["path"].encode()
    query: bytes = http.scope.get("query_string", b"")
    if len(raw) + len(query) > MAX_TARGET_BYTES:
        raise RequestError(f"the address has more than {MAX_TARGET_BYTES} bytes; send a POST", status=414)
    if query.count(b"&") >= MAX_PARAMETERS:
        raise RequestError(f"more than {MAX_PARAMETERS} parameters; send fewer", parameter="(all)")
    path = raw.partition(b"?")[0].decode("latin-1")
    return path + ("?" + query.decode("latin-1") if query else "")


def _replica(target: str, by_name: dict[str, Replica]) -> tuple[Replica, str]:
    """Which API is meant, and the target below its name."""
    first, slash, rest = target[1:].partition("/")
    if first in by_name and slash:
        return by_name[first], "/" + rest
    if len(by_name) == 1:
        return next(iter(by_name.values())), target
    raise RequestError(
        f"several APIs are served here; begin the path with one of {', '.join(sorted(by_name))}", status=404
    )


def _moved(target: str, replica: Replica) -> str | None:
    """Where a target is redirected, its query string with it, as the real servers do."""
    path, mark, query = target.partition("?")
    to = redirected(path, replica.api)
    return to and to + mark + query


async def _body(http: HttpRequest) -> bytes:
    """The body, read no further than allowed.

    Raises:
        RequestError: 413, it is too long; 408, it does not end.
    """
    chunks, size = [], 0
    try:
        with fail_after(BODY_S):
            async for chunk in http.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise RequestError(f"the body has more than {MAX_BODY_BYTES} bytes; split the batch", status=413)
                chunks.append(chunk)
    except TimeoutError:
        raise RequestError(f"the body did not come whole within {BODY_S:g} s", status=408) from None
    return b"".join(chunks)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RequestError("the body is no UTF-8 text", parameter="(body)") from None


async def _form_of_multipart(http: HttpRequest, body: bytes) -> bytes:
    """The plain fields of a multipart form, as a form of the other kind.

    Raises:
        RequestError: it is no form, holds files, or more fields than any client needs.
    """

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        http.headers, whole(), max_files=0, max_fields=MAX_PARAMETERS, max_part_size=MAX_BODY_BYTES
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, LookupError) as error:
        reason = getattr(error, "message", "") or "it cannot be taken apart"
        raise RequestError(f"the body is no multipart form: {reason}", parameter="(body)") from None
    return urlencode([(name, value) for name, value in form.multi_items() if isinstance(value, str)]).encode()


def _formatted(answer: Answer, request: Request) -> Response:
    """The answer in the form that was asked for."""
    form = request.get("format") or "json"
    if form == "yaml":
        return Response(as_yaml(answer.body), answer.status, media_type="text/x-yaml; charset=utf-8")
    if form == "html":
        shown = html.escape(json.dumps(answer.body, indent=2, ensure_ascii=False))
        return HTMLResponse(f"<!doctype html><title>{request.api}</title><pre>{shown}</pre>", answer.status)
    if form == "msgpack":
        reason = "msgpack is answered by the real API only; ask for json"
        return _json(Answer(501, {"code": 501, "success": False, "error": "Not Implemented", "reason": reason}))
    return _json(answer)


def _json(answer: Answer) -> Response:
    return JSONResponse(answer.body, status_code=answer.status)


def _refused(error: RequestError) -> Response:
    """An unknown path is answered with a page, everything else with JSON, as the real servers do."""
    if error.status == 404:
        return HTMLResponse(f"<!doctype html><title>404</title><p>{html.escape(str(error))}</p>", 404)
    return _json(refusal(error))
