"""Work for many callers, done in a bounded number of threads and within a bounded time.

await work.run(lambda: desk.explain("mygene", "/v3/query?q=cdk2"))
await work.ask(lambda: desk.ask("cdk2 in mice"))     # waits for the model; beside it, others go on
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from query_assistant.errors import BusyError

T = TypeVar("T")

THREADS = 4
MOST_WAITING_FOR_THREADS = 64
WORK_S = 30.0


class BoundedWork:
    """Two kinds of threads, so that those who wait for the model keep nobody from executing a query."""

    def __init__(self, most_asking: int) -> None:
        self._asking, self._running = CapacityLimiter(most_asking), CapacityLimiter(THREADS)

    async def ask(self, work: Callable[[], T]) -> T:
        """Work that waits for the model, which itself says when it has too much to do."""
        if self._asking.available_tokens < 1:
            raise BusyError("too many questions at once; ask again in a moment", retry_after_s=10)
        return await to_thread.run_sync(work, limiter=self._asking)

    async def run(self, work: Callable[[], T]) -> T:
        """Work without the model.

        Raises:
            BusyError: too many wait already, or it took longer than `WORK_S`.
        """
        if self._running.statistics().tasks_waiting >= MOST_WAITING_FOR_THREADS:
            raise BusyError("too much is asked at once; try again in a moment", retry_after_s=5)
        try:
            with fail_after(WORK_S):
                return await to_thread.run_sync(work, limiter=self._running, abandon_on_cancel=True)
        except TimeoutError:
            raise BusyError(f"that took longer than {WORK_S:g} s; ask for less", retry_after_s=30) from None
