"""How hits are written down: the kinds of log that the filter reads, marked as simulated, as files and as the sample.

    combined  203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=cdk2 HTTP/1.1" 200 812 "-" "curl/8.4.0"
    common    the same without referer and user agent
    tornado   [INFO 2025-03-04 10:00:01,123 tornado.access:2348] 200 GET /v3/query?q=cdk2 (203.0.113.7) 12.34ms
    csv       one column, log.path
    paths     the path alone

Client addresses come from the ranges set aside for documentation (RFC 5737), so they belong to nobody.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import IO, Literal, get_args

from query_assistant.errors import InputError
from query_assistant.files import atomic_bytes
from query_assistant.simulator.visitors import Visit

LogFormat = Literal["combined", "common", "tornado", "csv", "paths"]

FIRST_DAY = datetime(2025, 1, 1, tzinfo=timezone.utc)
YEAR_S = 365 * 24 * 3600
NOTICE = "# Simulated access log: invented requests over real record values; no real traffic, no real clients."
# As nginx writes them in a quoted request.
_NGINX_ESCAPES = {ord(sign): f"\\x{ord(sign):02X}" for sign in '"\\'}
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
SUFFIXES: dict[LogFormat, str] = {
    "csv": "csv.gz",
    "paths": "txt.gz",
    "combined": "log.gz",
    "common": "log.gz",
    "tornado": "log.gz",
}
_LEVEL = {2: "INFO", 3: "INFO", 4: "WARNING", 5: "ERROR"}


def written(hits: Iterable[Visit], lines: int, format: LogFormat, rng: Random) -> Iterator[str]:
    """The log's lines without line ends: its header or notice first, then `lines` entries spread over a year."""
    yield "log.path" if format == "csv" else NOTICE
    writer, step = _writer(format), YEAR_S / max(1, lines)
    for number, hit in zip(range(lines), hits, strict=False):
        yield writer(hit, FIRST_DAY + timedelta(seconds=(number + rng.random()) * step), rng)


def _writer(format: LogFormat) -> Callable[[Visit, datetime, Random], str]:
    writers: dict[str, Callable[[Visit, datetime, Random], str]] = {
        "combined": _combined,
        "common": _common,
        "tornado": _tornado,
        "csv": lambda hit, _when, _rng: '"' + hit.path.replace('"', '""') + '"',
        "paths": lambda hit, _when, _rng: hit.path,
    }
    if format not in writers:
        raise InputError(f"no log format {format!r}: expected one of {', '.join(get_args(LogFormat))}")
    return writers[format]


def _common(hit: Visit, when: datetime, rng: Random) -> str:
    request = f"{hit.method} {hit.path} HTTP/1.1".translate(_NGINX_ESCAPES)
    return f'{_client(rng)} - - [{when:%d/%b/%Y:%H:%M:%S +0000}] "{request}" {hit.status} {rng.randrange(60, 90_000)}'


def _combined(hit: Visit, when: datetime, rng: Random) -> str:
    return f'{_common(hit, when, rng)} "-" "{hit.agent or "-"}"'


def _tornado(hit: Visit, when: datetime, rng: Random) -> str:
    level, path = _LEVEL[hit.status // 100], hit.path.replace(" ", "%20")
    stamp = f"{level} {when:%Y-%m-%d %H:%M:%S},{rng.randrange(1000):03d} tornado.access:2348"
    return f"[{stamp}] {hit.status} {hit.method} {path} ({_client(rng)}) {rng.expovariate(0.04):.2f}ms"


def _client(rng: Random) -> str:
    return f"{rng.choice(_NETWORKS)}.{rng.randrange(1, 255)}"


def write(path: Path, lines: Iterable[str]) -> int:
    """Writes a log, gzipped where the name ends in .gz, all or nothing; returns the number of lines.

    The gzip header carries neither name nor time, so that the same log gives the same file.
    """
    count = 0
    with atomic_bytes(path) as raw, _packed(raw) if path.suffix == ".gz" else nullcontext(raw) as out:
        for batch in _batches(lines, 20_000):
            out.write(("\n".join(batch) + "\n").encode())
            count += len(batch)
    return count


def _packed(raw: IO[bytes]) -> gzip.GzipFile:
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6)


def _batches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
