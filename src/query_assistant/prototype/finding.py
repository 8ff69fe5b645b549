"""The files of the prototype's folder, those inside its tarballs included.

Links and what is no plain file are not followed. A tarball is unpacked by `archives.unpack`, whole or not at all, into
a folder of this checkout's cache that is removed at the end; a tarball inside a tarball is not opened.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from query_assistant.archives import GIB, unpack
from query_assistant.errors import InputError, QueryAssistantError
from query_assistant.files import held

ARCHIVES = (".tar.gz", ".tgz")
MOST_ARCHIVE_BYTES, MOST_FILES = 16 * GIB, 100_000
SKIPPED = {".git", ".venv", "__pycache__", ".ipynb_checkpoints"}


@dataclass(frozen=True)
class OriginalFile:
    """A file, or an archive with a `problem`; `inside` is its path in the prototype, `name` tells its archive too."""

    path: Path
    name: str
    inside: PurePosixPath
    problem: str = ""


def find_files(folder: Path, workplace: Path) -> Iterator[OriginalFile]:
    """Every plain file below a folder in the order of names; those of an archive while it is unpacked in `workplace`.

    Raises:
        InputError: there is no such folder, it holds too many files, or another import is at work.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; expected the one that holds the prototype's files or tarballs")
    with held(workplace.with_suffix(".lock")):
        for path in _plain_files(folder):
            name = path.relative_to(folder).as_posix()
            if name.endswith(ARCHIVES):
                yield from _unpacked(path, name, workplace)
            else:
                yield OriginalFile(path, name, PurePosixPath(name))


def _plain_files(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - SKIPPED)
        found += [Path(place, name) for name in names]
        if len(found) > MOST_FILES:
            raise InputError(f"{folder} holds over {MOST_FILES:,} files; name the prototype's own folder")
    return sorted(path for path in found if stat.S_ISREG(path.lstat().st_mode))


def _unpacked(archive: Path, name: str, workplace: Path) -> Iterator[OriginalFile]:
    try:
        for path in sorted(unpack(archive, workplace, max_bytes=MOST_ARCHIVE_BYTES, max_files=MOST_FILES)):
            inside = path.relative_to(workplace).as_posix()
            yield OriginalFile(path, f"{name}!{inside}", PurePosixPath(inside))
    except QueryAssistantError as error:
        yield OriginalFile(archive, name, PurePosixPath(name), problem=str(error))
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
