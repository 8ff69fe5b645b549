"""The replica over HTTP, so that programs written for the real APIs work against it with only their address changed.

One API is served at the root, as its real host does: `/v3/query`. Several are told apart by their names in front:
`/mychem/v1/query`, `/mydisease/v1/query`; a single one also answers there.

Protects against: bodies and paths without end, floods of parameters or terms, too many calls at once, malformed
bodies, errors that show code or paths. Query work itself is bounded by the matching. Does not: authenticate, encrypt,
or fend off many clients; so it listens on the loopback address unless told otherwise.
"""

from __future__ import annotations

import email
import email.policy
import html
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from query_assistant.errors import ConfigurationError, RequestError
from query_assistant.queries.request import Request, parse_http
from query_assistant.replica.answers import Answer, as_yaml, refusal
from query_assistant.replica.replica import Replica

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_TARGET_BYTES = 32 * 1024
MAX_PARAMETERS = 256
MAX_TERMS = 10_000
MAX_CALLS_AT_ONCE = 64
WORKERS = 4

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
    limiter = CapacityLimiter(WORKERS)

    async def endpoint(http: HttpRequest) -> Response:
        try:
            return await _respond(http, by_name, limiter)
        except RequestError as error:
            return _refused(error)
        except Exception:
            log.exception("%s %s failed", http.method, http.url.path)
            return _json(Answer(500, {"code": 500, "success": False, "error": "Internal Server Error"}))

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=METHODS)])


def serve(replicas: Sequence[Replica], host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serves until interrupted."""
    if host not in ("127.0.0.1", "::1", "localhost"):
        log.warning("listening on %s: anyone who reaches this machine can query the replica", host)
    uvicorn.run(application(replicas), host=host, port=port, **_SETTINGS)


_SETTINGS: dict[str, Any] = {
    "limit_concurrency": MAX_CALLS_AT_ONCE,
    "timeout_keep_alive": 5,
    "log_level": "warning",
    "server_header": False,
    "lifespan": "off",
}


@contextmanager
def running(application: Callable[..., Any], port: int = 0) -> Iterator[str]:
    """The address of the application, served from a thread of its own on the loopback until the block ends."""
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, **_SETTINGS))
    ready = threading.Event()
    started = server.startup

    async def startup(*arguments: Any, **named: Any) -> None:
        await started(*arguments, **named)
        ready.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        if not ready.wait(timeout=10) or not server.servers:
            raise ConfigurationError(f"cannot listen on 127.0.0.1:{port}; choose another port")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


async def _respond(http: HttpRequest, by_name: dict[str, Replica], limiter: CapacityLimiter) -> Response:
    target = _target(http)
    if http.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": "GET, POST, HEAD, OPTIONS"})
    if target.partition("?")[0] == "/" and len(by_name) > 1:
        return JSONResponse({name: f"/{name}/{replica.api.version}" for name, replica in sorted(by_name.items())})
    replica, target = _replica(target, by_name)
    body = await _body(http) if http.method == "POST" else None
    content_type = http.headers.get("content-type", "")
    if body is not None and content_type.lower().startswith("multipart/form-data"):
        body, content_type = _form_of_multipart(body, content_type), "application/x-www-form-urlencoded"
    text = None if body is None else _decoded(body)

    def work() -> Response:
        request = parse_http(http.method, target, replica.api, body=text, content_type=content_type)
        if len(request.terms) > MAX_TERMS:
            raise RequestError(f"{len(request.terms)} terms, at most {MAX_TERMS} here; split the batch", parameter="q")
        return _formatted(replica.execute(request), request)

    return await to_thread.run_sync(work, limiter=limiter)


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


async def _body(http: HttpRequest) -> bytes:
    """The body, read no further than allowed.

    Raises:
        RequestError: 413, it is too long.
    """
    chunks, size = [], 0
    async for chunk in http.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise RequestError(f"the body has more than {MAX_BODY_BYTES} bytes; split the batch", status=413)
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RequestError("the body is no UTF-8 text", parameter="(body)") from None


def _form_of_multipart(body: bytes, content_type: str) -> bytes:
    """The plain fields of a multipart form, as a form of the other kind."""
    header = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    message = email.message_from_bytes(header + body, policy=email.policy.HTTP)
    pairs = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            pairs.append((name, _decoded(content)))
    return urlencode(pairs).encode()


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
