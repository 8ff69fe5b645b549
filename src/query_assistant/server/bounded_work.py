"""Work for many callers, done in a bounded number of threads and within a bounded time.

await work.run(lambda: desk.explain("mygene", "/v3/query?q=cdk2"))
await work.ask(lambda: desk.begin("cdk2 in mice", None), lambda given: desk.answered("cdk2 in mice", given))
await unless_gone(request, work.ask(...))     # gives up where the caller hangs up
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest

from query_assistant.errors import BusyError
from query_assistant.server.answering_thread import ANSWER_S, too_slow

S = TypeVar("S")
T = TypeVar("T")

THREADS = 4
MOST_WAITING_FOR_THREADS = 64
WORK_S = 30.0


class BoundedWork:
    """Two kinds of threads, so that the answers of a whole round keep nobody from executing a query."""

    def __init__(self) -> None:
        self._finishing, self._running = CapacityLimiter(THREADS), CapacityLimiter(THREADS)
        self.at_work = 0  # calls that somebody waits for

    async def ask(self, begin: Callable[[], Future[S]], finish: Callable[[S], T]) -> T:
        """Waits for the model, in no thread, and does the rest; the model itself says when it has too much to do.

        Whoever is cancelled while waiting is asked for no more.

        Raises:
            BusyError: no answer within `ANSWER_S`.
        """
        with self._counted():
            try:
                given = await asyncio.wait_for(asyncio.wrap_future(begin()), ANSWER_S)
            except asyncio.TimeoutError:
                raise too_slow() from None
            return await to_thread.run_sync(lambda: finish(given), limiter=self._finishing)

    async def run(self, work: Callable[[], T]) -> T:
        """Work without the model.

        Raises:
            BusyError: too many wait already, or it took longer than `WORK_S`.
        """
        if self._running.statistics().tasks_waiting >= MOST_WAITING_FOR_THREADS:
            raise BusyError("too much is asked at once; try again in a moment", retry_after_s=5)
        try:
            with self._counted(), fail_after(WORK_S):
                return await to_thread.run_sync(work, limiter=self._running, abandon_on_cancel=True)
        except TimeoutError:
            raise BusyError(f"that took longer than {WORK_S:g} s; ask for less", retry_after_s=30) from None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1


async def unless_gone(http: WebRequest, work: Awaitable[T]) -> T:
    """The work's result; it is cancelled where the caller hangs up before.

    Raises:
        ClientDisconnect: the caller has hung up; nobody reads what is answered.
    """
    doing, gone = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(http))
    try:
        await asyncio.wait((doing, gone), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        doing.cancel()
        gone.cancel()


async def _hung_up(http: WebRequest) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
