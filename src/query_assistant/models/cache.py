"""Weights kept once per machine, outside any workspace: experiments in temporary copies take them from here.

    $QUERY_ASSISTANT_CACHE/weights (~/.cache/query-assistant/weights)
        <key>/            the files of one pinned model, read-only, and hashes.json
        .<key>.fetching/  what a fetch under way, or an interrupted one, has so far
        .<key>.lock       held by the process that works on the two above; given up by the system when it dies

Nothing is taken without comparing it with its hashes; what was damaged is fetched anew. The folder may be removed at
any time: workspaces hold their own links to the files.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from query_assistant.project import shared_cache
from query_assistant.records import write_json

_HASHES = "hashes.json"
_MEBIBYTE = 2**20


def cache_folder() -> Path:
    return shared_cache() / "weights"


def is_kept(key: str) -> bool:
    """Whether there is an entry of that key; its files are not looked at."""
    return (cache_folder() / key / _HASHES).is_file()


def take(key: str, make: Callable[[Path], None], destination: Path) -> dict[str, str]:
    """Fills `destination` with the files of the cache's entry `key`, made first if it is not there whole.

    `make` is given a folder, in which it finds what an interrupted call left. Of several processes one makes the
    entry, the others wait for it. Returns the files' SHA-256.
    """
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{key}.lock"):
        entry = root / key
        hashes = _verified(entry)
        if hashes is None:
            hashes = _make(entry, root / f".{key}.fetching", make)
        for name in hashes:
            _link(entry / name, destination / name)
    return hashes


def _make(entry: Path, staging: Path, make: Callable[[Path], None]) -> dict[str, str]:
    staging.mkdir(exist_ok=True)
    make(staging)
    hashes = folder_hashes(staging, _HASHES)  # there already if a call was killed just before its end
    for name in hashes:
        (staging / name).chmod(0o444)
    write_json(staging / _HASHES, hashes)
    shutil.rmtree(entry, ignore_errors=True)
    os.replace(staging, entry)
    return hashes


def _verified(entry: Path) -> dict[str, str] | None:
    """The hashes of an entry that is as it was made; None if there is none, or it was changed since."""
    try:
        hashes: dict[str, str] = json.loads((entry / _HASHES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return hashes if folder_hashes(entry, _HASHES) == hashes else None


def _link(file: Path, target: Path) -> None:
    """The same file under a second name, so that it costs no room; a copy where the two lie on different disks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"waiting for another process that fetches these weights ({file})\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def folder_hashes(folder: Path, *left_out: str) -> dict[str, str]:
    """SHA-256 of each file by its path inside the folder."""
    names = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: sha256_of(path) for name, path in names.items() if name not in left_out}


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_MEBIBYTE):
            digest.update(block)
    return digest.hexdigest()
