"""The sample that ships: a small simulated log per API, together in every format that the filter reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from query_assistant.apis import Api
from query_assistant.simulator import LogFormat, simulate, write

LINES = 40_000
SEED = 20250101
# The APIs share out the formats; one log is in two files, as rotation leaves it. An API not named gets the extract's.
FORMATS: dict[str, LogFormat] = {"mychem": "combined", "mydisease": "tornado", "myvariant": "paths"}
_SUFFIXES: dict[str, str] = {
    "csv": "csv.gz",
    "paths": "txt.gz",
    "combined": "log.gz",
    "common": "log.gz",
    "tornado": "log.gz",
}
_IN_TWO_FILES = "mychem"


def write_sample(folder: Path, api: Api, records: Iterable[Mapping[str, Any]], lines: int = LINES) -> list[Path]:
    """Writes the API's sample into `folder` and returns the files; the same records give the same bytes."""
    format = FORMATS.get(api.name, "csv")
    log = simulate(api, records, lines, SEED, format)
    files = [folder / f"simulated-2025.{_SUFFIXES[format]}"]
    if api.name == _IN_TWO_FILES:
        files = [folder / f"simulated-2025-{half}.{_SUFFIXES[format]}" for half in ("a", "b")]
    for number, file in enumerate(files):
        # The last file takes the rest; the notice of the first line counts as one.
        share = islice(log, lines // len(files) + 1) if number + 1 < len(files) else log
        write(file, share)
    return files
