"""HTTP clients that neither wait nor read without end, and the manners of asking again.

    client = bounded_client(answer_s=60, most_bytes=2**28)

A timeout of httpx counts from one received byte to the next, so a server that sends a byte a second is never late.
Here a whole answer, head and body, has `answer_s` from the last byte that was sent to it, and at most `most_bytes`.
Nothing is redirected anywhere: an address that points elsewhere is to be corrected, and what is asked goes to nobody
else.
"""

from __future__ import annotations

import importlib
import math
import random
import time
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from query_assistant.errors import ConfigurationError

ClientT = TypeVar("ClientT")


class _Bounded:
    """A connection on which an answer has a bounded time and size, both counted from the last byte sent.

    `core` is the module whose network stream this is (httpcore, or the one below the openai package): its errors are
    raised, so that the client above tells them apart as its own.
    """

    def __init__(self, inner: Any, core: ModuleType, answer_s: float, most_bytes: int) -> None:
        self._inner, self._core, self._answer_s, self._most_bytes = inner, core, answer_s, most_bytes
        self._due, self._left = time.monotonic() + answer_s, most_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        remaining = self._due - time.monotonic()
        if remaining <= 0:
            raise self._core.ReadTimeout(f"no whole answer within {self._answer_s:g} s")
        content: bytes = self._inner.read(max_bytes, remaining if timeout is None else min(remaining, timeout))
        self._left -= len(content)
        if self._left < 0:
            raise self._core.ReadError(f"the answer has more than {self._most_bytes:,} bytes")
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)
        self._due, self._left = time.monotonic() + self._answer_s, self._most_bytes

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *arguments: Any, **named: Any) -> _Bounded:
        return _Bounded(self._inner.start_tls(*arguments, **named), self._core, self._answer_s, self._most_bytes)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Connections:
    """Opens bounded connections."""

    def __init__(self, inner: Any, core: ModuleType, answer_s: float, most_bytes: int) -> None:
        self._inner, self._bounds = inner, (core, answer_s, most_bytes)

    def connect_tcp(self, *arguments: Any, **named: Any) -> _Bounded:
        return _Bounded(self._inner.connect_tcp(*arguments, **named), *self._bounds)

    def connect_unix_socket(self, *arguments: Any, **named: Any) -> _Bounded:
        return _Bounded(self._inner.connect_unix_socket(*arguments, **named), *self._bounds)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def bounded_client(*, answer_s: float, most_bytes: int, **options: Any) -> httpx.Client:
    """A client whose every answer comes within `answer_s` seconds and `most_bytes` bytes, or is an error."""
    return bounded(httpx.Client(timeout=answer_s, follow_redirects=False, **options), answer_s, most_bytes)


def bounded(client: ClientT, answer_s: float, most_bytes: int) -> ClientT:
    """The same client of httpx, or of a package made like it, with bounds on what it reads."""
    # Such clients offer no place for a network backend of one's own; tests hold that it still lies here.
    inner: Any = client
    for transport in (inner._transport, *inner._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            core = importlib.import_module(type(pool).__module__.partition(".")[0])
            pool._network_backend = _Connections(pool._network_backend, core, answer_s, most_bytes)
    return client


def check_address(url: str, knob: str) -> str:
    """The address, if it can be one.

    Raises:
        ConfigurationError: it is none, or holds a user and a password, which would be kept in plain text with the run.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        usable, parts = False, urlsplit("")
    if not usable:
        raise ConfigurationError(f"{knob} {url[:80]!r} is no address; expected http(s)://host[:port]/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{knob} holds a user or password; put the secret into the environment and name its variable"
        )
    return url


def retry_after(header: str | None) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or a date; None where it says nothing usable."""
    if not header:
        return None
    try:
        seconds = float(header) if header.strip().replace(".", "", 1).isdecimal() else None
        if seconds is None:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def backoff(attempt: int, *, first_s: float, longest_s: float) -> float:
    """Seconds before the next try: twice as long each time, with a random part so that clients do not come in step."""
    return min(first_s * float(2 ** min(attempt, 30)) * random.uniform(0.75, 1.25), longest_s)
