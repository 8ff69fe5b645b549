"""How an application is served: a socket, connections that close when they are silent, a thread for a while."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from query_assistant.errors import ConfigurationError

MAX_CALLS_AT_ONCE = 64
HEAD_S = 10.0  # a connection without a whole request for so long is closed


class Impatient(H11Protocol):
    """A connection that is closed when a whole request head does not come in time, be it the first or a later one."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._relax()

    def on_response_complete(self) -> None:
        self._expect()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._relax()
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


SERVER_SETTINGS: dict[str, Any] = {
    "limit_concurrency": MAX_CALLS_AT_ONCE,
    "timeout_keep_alive": 5,
    "log_level": "warning",
    "server_header": False,
    "lifespan": "off",
    "http": Impatient,
    "timeout_graceful_shutdown": 5,
}


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on the address; an empty host, which would mean every address, has to be written out."""
    if not host.strip():
        raise ConfigurationError("an empty host means every address of this machine; write 0.0.0.0 if that is meant")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"cannot listen on {host[:80]!r} port {port}: {reason}; choose another with --host or --port"
        ) from None


@contextmanager
def running(application: Callable[..., Any], port: int = 0) -> Iterator[str]:
    """The address of the application, served from a thread of its own on the loopback until the block ends."""
    settings = SERVER_SETTINGS | {"lifespan": "auto"}  # the assistant's page starts its queue there
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, **settings))
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
