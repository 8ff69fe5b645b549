"""A simulator of access logs, because no real one can be published.

It invents requests from what is known of real logs (the kinds of clients, their shares, their habits and mistakes) and
from the values of real records, so that most questions have answers. It reads nothing of the benchmark. The same seed
gives the same bytes. Lines are made one by one; what is remembered grows with their square root.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import IO, TYPE_CHECKING, Any

from query_assistant.errors import InputError
from query_assistant.files import atomic_bytes
from query_assistant.simulator.lines import LogFormat, written
from query_assistant.simulator.questions import Asker
from query_assistant.simulator.topics import load_topics
from query_assistant.simulator.traffic import hits
from query_assistant.simulator.values import Values

if TYPE_CHECKING:
    from query_assistant.apis import Api

__all__ = ["LogFormat", "simulate", "write"]


def simulate(
    api: Api, records: Iterable[Mapping[str, Any]], lines: int, seed: int = 0, format: LogFormat = "csv"
) -> Iterator[str]:
    """A simulated log, line by line, without line ends; the first line is the header or a notice.

    Args:
        records: what the API holds; questions are about these values.
        lines: how many requests; they are spread over one year, and variety grows with the square root.
    """
    values = Values(records, api.schema)
    if not values.rows:
        raise InputError(f"no records of {api.name} to ask about; expected at least one with fields of the schema")
    asker = Asker(f"/{api.version}", load_topics(api.name, api.schema, values), values, api.schema)
    yield from written(hits(api.name, asker, seed), lines, format, Random(f"{seed}:{api.name}:lines"))


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
