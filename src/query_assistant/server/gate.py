"""What stands before everything that is served: who may ask, how much, how often, and what browsers are told.

Protects against: bodies without end, one client that asks without pause, pages of other sites that make a browser ask
here (the Origin must be this host), names that another site points to this address (DNS rebinding: the Host must be a
known one), callers without the token where one is set, being framed, and anything that a page would load from elsewhere
(Content-Security-Policy). Does not: encrypt, or tell clients behind one proxy apart unless the proxy names them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY_BYTES = 256 * 1024
MOST_URL_BYTES = 32 * 1024
CLIENTS = 10_000  # whose calls are counted; the longest silent is forgotten first
COOKIE = "query_assistant_token"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Of gradio's own addresses those that nothing here needs: uploads, other people's pages, code of components.
_CLOSED = ("/gradio_api/upload", "/gradio_api/proxy=", "/gradio_api/component_server", "/gradio_api/file=http")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class GateRules:
    """`hosts` empty: any name. `calls_per_minute` 0: as often as anyone likes. `token` empty: nobody needs one."""

    hosts: tuple[str, ...] = LOOPBACK
    token: str = ""
    calls_per_minute: int = 240


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, rules: GateRules) -> None:
        self._app, self._rules = app, rules
        self._pace = _Pace(rules.calls_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        refused = self._refusal(scope)
        if refused is not None:
            await _answer(send, *refused)
            return
        bounded = _Bounded(receive)
        await self._app(scope, bounded.receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        headers = Headers(scope=scope)
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MOST_URL_BYTES:
            return 414, f"the address has more than {MOST_URL_BYTES} bytes; send a POST", {}
        if not self._is_known(headers.get("host", "")):
            return 421, "this server goes by another name; --allowed-host names one more", {}
        if not _same_origin(headers):
            return 403, "another site's page may not ask here", {}
        if any(closed in scope["path"] for closed in _CLOSED):
            return 404, "there is nothing here", {}
        if (length := headers.get("content-length", "0")) and (not length.isdecimal() or int(length) > MOST_BODY_BYTES):
            return 413, f"the body has more than {MOST_BODY_BYTES} bytes; send less", {}
        return self._unknown_caller(scope, headers) or self._too_often(scope)

    def _is_known(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname if host.isprintable() else None
        return not self._rules.hosts or name in self._rules.hosts

    def _unknown_caller(self, scope: Scope, headers: Headers) -> tuple[int, str, dict[str, str]] | None:
        token = self._rules.token
        if not token:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["method"] == "GET" and _same(given.pop("token", [""])[0], token):
            cookie = f"{COOKIE}={_mark(token)}; Path=/; HttpOnly; SameSite=Strict"
            rest = urlencode(given, doseq=True)
            where = scope.get("root_path", "").rstrip("/") + _below_root(scope)
            return 303, "", {"Location": _local(where) + (f"?{rest}" if rest else ""), "Set-Cookie": cookie}
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if (scheme.lower() == "bearer" and _same(bearer.strip(), token)) or _same(_cookie(headers), _mark(token)):
            return None
        return (
            401,
            "a token is needed: the header `Authorization: Bearer ...`, or ?token=... once in a browser",
            {"WWW-Authenticate": "Bearer"},
        )

    def _too_often(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        if scope["method"] == "GET" and "/api/" not in scope["path"]:  # the page's own files
            return None
        wait = self._pace.take(scope["client"][0] if scope.get("client") else "")
        return None if not wait else (429, "too many calls; slow down", {"Retry-After": str(wait)})


class _Pace:
    """Calls of each client: a bucket that holds half a minute's worth and fills again steadily."""

    def __init__(self, calls_per_minute: int) -> None:
        self._per_s, self._most = calls_per_minute / 60, max(calls_per_minute / 2, 1)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """0 where the call may go on, else after how many seconds it may."""
        if not self._per_s:
            return 0
        now = time.monotonic()
        left, before = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - before) * self._per_s)
        allowed = left >= 1
        self._left[client] = (left - 1 if allowed else left, now)
        while len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return 0 if allowed else max(1, round((1 - left) / self._per_s))


class _Bounded:
    """A body that ends as if it were whole where it grows too long; its JSON is then none, which is a 422."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._left = receive, MOST_BODY_BYTES

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                return {"type": "http.request", "body": b"", "more_body": False}
        return message


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _mark(token: str) -> str:
    """What a browser keeps in the token's place: fit for a header, whatever signs the token is made of."""
    return hashlib.sha256(f"{COOKIE} {token}".encode()).hexdigest()


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _below_root(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path.removeprefix(root) if root and path.startswith(root) else path


def _local(path: str) -> str:
    """The path as a place on this host and on no other: `//evil` would be one."""
    return "/" + path.lstrip("/\\")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending


async def _answer(send: Send, status: int, reason: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": reason}).encode() if reason else b""
    sent: Iterable[tuple[str, str]] = {**HEADERS, **headers, "Content-Type": "application/json"}.items()
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in sent]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
