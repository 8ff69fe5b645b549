"""From a file of records to an index that is ready, by way of a cache on disk.

The cache file's name is a hash of the records, of how the API's fields are indexed and of the code that indexes: a
change in any of them leads to a new file, so a stale one is never read.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from query_assistant.errors import InputError
from query_assistant.replica.answers import Records
from query_assistant.replica.index import Index, InMemory, Mapped, archived
from query_assistant.replica.layout import Layout, flatten
from query_assistant.replica.storage import Archive, Damaged, write_archive

CODE = ("analysis", "building", "index", "layout", "postings", "storage", "values")
log = logging.getLogger(__name__)
Part = TypeVar("Part")


class Store:
    """An index file that is built anew when a part of it turns out to be damaged.

    A build gives the same parts for the same records, so what was given out of the damaged file before goes with them.
    """

    def __init__(self, archive: Archive, build: Callable[[], Archive]) -> None:
        self._archive = archive
        self._build = build

    @property
    def about(self) -> dict[str, Any]:
        return self._archive.about

    def __contains__(self, name: str) -> bool:
        return name in self._archive

    def array(self, name: str) -> npt.NDArray[Any]:
        return self._sound(lambda archive: archive.array(name))

    def text(self, name: str) -> list[str]:
        return self._sound(lambda archive: archive.text(name))

    def slice(self, name: str, start: int, end: int) -> bytes:
        return self._sound(lambda archive: archive.slice(name, start, end))

    def _sound(self, read: Callable[[Archive], Part]) -> Part:
        try:
            return read(self._archive)
        except Damaged as reason:
            log.warning("an index file is damaged (%s): it is built again", reason)
            self._archive = self._build()
            return read(self._archive)


class StoredRecords:
    """Records as JSON lines inside the index file, parsed when asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ends = store.array("records/ends")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, doc: int) -> dict[str, Any]:
        start = int(self._ends[doc - 1]) if doc else 0
        found: dict[str, Any] = json.loads(self._store.slice("records", start, int(self._ends[doc])))
        return found


class ListedRecords:
    """Records that are in memory already."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, doc: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(self._records[doc]))
        return found


def open_index(layout: Layout, records: Path, cache: Path) -> tuple[Index, Records]:
    """The index of a file of records (.jsonl or .jsonl.gz), built if the cache has none.

    A cache that cannot be written costs the time of a build and a warning, no more.

    Raises:
        InputError: the records cannot be read.
    """
    path = cache / f"{records.name.split('.')[0]}-{_fingerprint(layout, records)[:20]}.index"

    def build() -> Archive:
        return write_index(layout, records, path)

    try:
        archive = Archive(path)
    except FileNotFoundError:
        log.info("building the index of %s", records)
        archive = build()
    except Damaged as reason:
        log.warning("%s is damaged (%s): it is built again", path, reason)
        archive = build()
    store = Store(archive, build)
    return Index(layout, Mapped(store)), StoredRecords(store)


def write_index(layout: Layout, records: Path, path: Path) -> Archive:
    """Builds the index and writes it; where that fails, through a temporary file that is gone at once."""
    lines: list[bytes] = []
    flat = flatten(_read(records, lines), layout)
    arrays, texts = archived(layout, flat)
    arrays["records"] = np.frombuffer(b"".join(lines), dtype=np.uint8)
    arrays["records/ends"] = np.cumsum([len(line) for line in lines], dtype=np.int64)
    about = {"count": flat.count, "layout": layout.fingerprint}
    try:
        write_archive(path, arrays, texts, about)
        return Archive(path)
    except (OSError, Damaged) as error:
        log.warning("cannot keep the index at %s (%s): it will be built again next time", path, error)
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder) / "index", arrays, texts, about)
        return Archive(Path(folder) / "index")


def index_of(layout: Layout, records: Sequence[dict[str, Any]]) -> tuple[Index, Records]:
    """The index of a few records in memory; columns are built when a query asks for them."""
    return Index(layout, InMemory(flatten(records, layout))), ListedRecords(records)


def _read(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The records one by one; their lines are kept as they are."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _record(line, f"{path}, line {number}")
                    lines.append(line)
    except (OSError, EOFError) as error:
        raise InputError(f"cannot read {path}: {error}; expected records as JSON Lines, plain or gzip") from error


def _record(line: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: {error}; expected one JSON object a line") from None
    if not isinstance(record, dict) or not isinstance(record.get("_id"), str):
        raise InputError(f"{place}: expected a JSON object with a text _id")
    return record


def _fingerprint(layout: Layout, records: Path) -> str:
    digest = hashlib.sha256(layout.fingerprint.encode() + _code().encode())
    try:
        with records.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise InputError(
            f"cannot read {records}: {error.strerror}; bring the records with `dvc pull` and `dvc repro unpack`"
        ) from error
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the modules that decide what is in an index."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def default_cache() -> Path:
    """`XDG_CACHE_HOME` or ~/.cache, shared by all clones."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "query-assistant" / "replica"
