"""Where records come from: the replica of each API, loaded when it is first asked, or the live API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from query_assistant.apis import Api
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.replica import Replica
from query_assistant.server.results import RecordSource


@dataclass
class RecordSources:
    """The replicas and, where switched on, the live APIs; each opened once.

    `replica_of` raises `InputError` where there are no records. Its methods may be called from any thread.
    """

    replica_of: Callable[[Api], Replica]
    live_of: Callable[[Api], RecordSource] | None = None
    _replicas: dict[str, Replica | None] = field(default_factory=dict)
    _live: dict[str, RecordSource] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def source(self, api: Api, *, live: bool) -> RecordSource:
        """Who executes queries of an API.

        Raises:
            MissingResourceError: there are no records of it.
            InputError: the live API is not switched on.
        """
        if not live:
            replica = self.replica(api)
            if replica is None:
                raise MissingResourceError(
                    f"no records of {api.title} here, so nothing can be looked up; bring them with `dvc pull`"
                )
            return replica
        if self.live_of is None:
            raise InputError("the live API is not switched on here; ask the replica, or start `qa serve` with --live")
        with self._lock:
            if api.name not in self._live:
                self._live[api.name] = self.live_of(api)
            return self._live[api.name]

    def replica(self, api: Api) -> Replica | None:
        """The replica of an API; none where there are no records."""
        with self._lock:
            if api.name not in self._replicas:
                try:
                    self._replicas[api.name] = self.replica_of(api)
                except InputError:
                    self._replicas[api.name] = None
            return self._replicas[api.name]

    def note(self, api: Api, *, live: bool) -> str:
        """What an answer comes from, in a few words."""
        if live:
            return f"asked {api.title} itself"
        replica = self.replica(api)
        return f"a sample of {len(replica):,} real records, not all of {api.title}" if replica else ""
