"""A simulator of access logs, because no real one can be published.

It invents requests from what is known of real logs (the kinds of clients, their shares, their habits and mistakes) and
from the values of real records, so that most questions have answers. It reads nothing of the benchmark. The same seed
gives the same bytes. Lines are made one by one; what is remembered grows with their square root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from query_assistant.errors import InputError
from query_assistant.simulator.questions import Asker
from query_assistant.simulator.topics import RecordRows, Topics, load_topics
from query_assistant.simulator.traffic import hits
from query_assistant.simulator.writing import SUFFIXES, LogFormat, write, written

if TYPE_CHECKING:
    from query_assistant.apis import Api

__all__ = ["LogFormat", "simulate", "write", "write_sample"]

SAMPLE_LINES = 40_000
SAMPLE_SEED = 20250101


def simulate(
    api: Api, records: Iterable[Mapping[str, Any]], lines: int, seed: int = 0, format: LogFormat = "csv"
) -> Iterator[str]:
    """A simulated log, line by line, without line ends; the first line is the header or a notice.

    Args:
        records: what the API holds; questions are about these values.
        lines: how many requests; they are spread over one year, and variety grows with the square root.
    """
    topics, values = _known(api, records)
    yield from _lines(api, topics, values, lines, seed, format)


def write_sample(folder: Path, api: Api, records: Iterable[Mapping[str, Any]], lines: int = SAMPLE_LINES) -> list[Path]:
    """Writes the API's sample into `folder` and returns the files; the same records give the same bytes.

    Its topics say in which format, and in how many files, as rotation leaves them.
    """
    topics, values = _known(api, records)
    sample = topics.sample
    log = _lines(api, topics, values, lines, SAMPLE_SEED, sample.format)
    names = [""] if sample.files == 1 else [f"-{chr(ord('a') + number)}" for number in range(sample.files)]
    files = [folder / f"simulated-2025{name}.{SUFFIXES[sample.format]}" for name in names]
    for number, file in enumerate(files):
        # The last file takes the rest; the notice of the first line counts as one.
        write(file, islice(log, lines // len(files) + 1) if number + 1 < len(files) else log)
    return files


def _known(api: Api, records: Iterable[Mapping[str, Any]]) -> tuple[Topics, RecordRows]:
    values = RecordRows(records, api.schema)
    if not values.rows:
        raise InputError(f"no records of {api.name} to ask about; expected at least one with fields of the schema")
    return load_topics(api.name, api.schema, values), values


def _lines(api: Api, topics: Topics, values: RecordRows, lines: int, seed: int, format: LogFormat) -> Iterator[str]:
    asker = Asker(f"/{api.version}", topics, values, api.schema)
    return written(hits(api.name, asker, seed), lines, format, Random(f"{seed}:{api.name}:lines"))
