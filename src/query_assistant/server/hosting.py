"""The one process: gate, HTTP API, MCP and page around a desk, served until it is told to end.

    serve_desk(desk, GateRules(), host="127.0.0.1", port=7860)

SIGTERM and Ctrl-C let the calls at work finish, at most `GRACE_S`, close the model's thread and leave with 0 and 130. A
page that is open somewhere, which listens for as long as it is, keeps nobody from ending.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI
from gradio import mount_gradio_app
from starlette.types import ASGIApp, Receive, Scope, Send

from query_assistant.exits import INTERRUPTED
from query_assistant.replica.connections import Impatient, listening_socket
from query_assistant.server.bounded_work import BoundedWork
from query_assistant.server.desk import Desk
from query_assistant.server.endpoints import api_application
from query_assistant.server.gate import LOOPBACK, Gate, GateRules
from query_assistant.server.page import page, page_options
from query_assistant.server.tools import tool_application, tool_server

MOST_CONNECTIONS = 512
GRACE_S = 10
QUIET_S = 0.2
log = logging.getLogger(__name__)


def web_application(
    desk: Desk, rules: GateRules, *, root_path: str = "", with_page: bool = True, work: BoundedWork | None = None
) -> ASGIApp:
    """Everything that is served, behind its gate; programs alone need no page. `work` knows what is being done."""
    work = work or BoundedWork()
    tools = tool_server(desk, work)
    calls = tool_application(tools)

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        async with tools.session_manager.run():
            yield

    app = api_application(desk, work, living)
    app.router.routes.extend(calls.routes)
    if with_page:
        shown = page(desk, work)
        options = {
            "ssr_mode": False,
            "show_error": False,
            "max_file_size": 1,
            "enable_monitoring": False,
            **page_options(),
        }
        mount_gradio_app(app, shown, path="", root_path=root_path or None, **options)
    return Gate(app, rules)


def serve_desk(desk: Desk, rules: GateRules, *, host: str, port: int, root_path: str = "") -> None:
    """Serves until it is told to end.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    listening = listening_socket(host, port)
    if host not in LOOPBACK and not rules.token:
        log.warning("listening on %s without a token: anyone who reaches this machine can ask and correct", host)
    work = BoundedWork()
    config = uvicorn.Config(
        _hung_up_quietly(web_application(desk, rules, root_path=root_path, work=work)),
        log_level="warning",
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_S,
        http=Impatient,
        root_path=root_path,
        proxy_headers=bool(root_path),  # who asks is what a proxy on this machine says
    )
    before = signal.signal(signal.SIGTERM, _end_well)
    server = _Server(config, desk, work)
    try:
        with listening:
            server.run(sockets=[listening])
    finally:
        signal.signal(signal.SIGTERM, before)
        if not desk.model.close() or server.ended_by == signal.SIGTERM:
            # Everything is closed. What is left is to take a model apart, seconds of work that nobody has anything of;
            # and a thread inside a native library can be neither ended nor waited for.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED if server.ended_by == signal.SIGINT else 0)


class _Server(uvicorn.Server):
    """Tells those who wait for the model at once that it ends, and itself waits for work, not for open pages."""

    def __init__(self, config: uvicorn.Config, desk: Desk, work: BoundedWork) -> None:
        super().__init__(config)
        self._desk, self._work = desk, work
        self.ended_by: int | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.ended_by = sig
        self._desk.model.stop()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        quiet = asyncio.ensure_future(self._hang_up_when_quiet())
        try:
            await super().shutdown(sockets)
        finally:
            quiet.cancel()

    async def _hang_up_when_quiet(self) -> None:
        """Ends the streams of open pages once nobody waits for an answer any more."""
        await asyncio.sleep(QUIET_S)  # what is answered is also to be sent
        while self._work.at_work:
            await asyncio.sleep(QUIET_S)
        await asyncio.sleep(QUIET_S)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0)  # now they know that nobody listens
        for task in list(self.server_state.tasks):
            task.cancel()


def _hung_up_quietly(application: ASGIApp) -> ASGIApp:
    """The application, for whose streams it is no failure to be ended."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):
            await application(scope, receive, send)

    return served


def _end_well(_number: int, _frame: FrameType | None) -> None:
    """What uvicorn hands on once it has ended by a SIGTERM."""
    raise SystemExit(0)
