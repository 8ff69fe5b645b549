"""Files and folders written whole or not at all, and held by one process at a time.

They are built under a hidden name beside the target, `.NAME.building-1f2e3d4c`, and renamed when they are whole. A
living writer holds a lock on what it builds, so the next one to write the same target removes what a killed one left.
DVC leaves these names out of its hashes (.dvcignore).

A new file has the mode that the umask asks for, an old one keeps its own; a read-only one is refused; links are
followed. What is no plain file (`-` for standard output, a device, a pipe) is written as it is.
"""

from __future__ import annotations

import codecs
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from query_assistant.errors import InputError
from query_assistant.inputs import check_name

STDOUT = Path("-")
_LONGEST_NAME = 200


def is_stdout(path: Path) -> bool:
    """Whether `path` is standard output: `-`, /dev/stdout, or the very file that it goes to."""
    with suppress(OSError, ValueError):
        return path == STDOUT or os.path.samestat(path.stat(), os.fstat(1))
    return False


def is_stream(path: Path) -> bool:
    """Whether `path` is written as it is: standard output, a device, a pipe; nothing can be kept beside it."""
    existing = _state(path)
    return is_stdout(path) or (existing is not None and not stat.S_ISREG(existing.st_mode))


def check_writable(path: Path, sources: Iterable[Path] = ()) -> None:
    """Fails before the work is done, not after it, where its result could not be written, or would replace a source.

    Raises:
        InputError: as `atomic_writer`, or `path` is one of the sources.
    """
    with _failures(path):
        existing = _check_target(path)
        known = [other for other in map(_state, sources) if other is not None and stat.S_ISREG(other.st_mode)]
        if existing is not None and any(os.path.samestat(existing, other) for other in known):
            raise InputError(f"{path} is also what is read; name another output")
        if not is_stream(path):
            with suppress(_OnlyTried), _built_file(path.resolve(), None):
                raise _OnlyTried


class _OnlyTried(Exception):
    """Leaves the writer without a file."""


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under `path` only when the block ends well; `-` is standard output.

    Raises:
        InputError: the folder cannot be made or written (no permission, disk full), or `path` is a folder or read-only.
    """
    with atomic_bytes(path) as out:
        yield cast(IO[str], codecs.getwriter("utf-8")(out))


@contextmanager
def atomic_bytes(path: Path) -> Iterator[IO[bytes]]:
    """As `atomic_writer`, for bytes."""
    with _failures(path):
        existing = _check_target(path)
        if is_stdout(path):
            yield _stdout()
            sys.stdout.buffer.flush()
        elif is_stream(path):
            with os.fdopen(os.open(path, os.O_WRONLY), "wb") as out:
                yield out
        else:
            with _built_file(path.resolve(), existing) as out:
                yield out


def _stdout() -> IO[bytes]:
    if sys.stdout is None:
        raise InputError("standard output is closed; name a file")
    sys.stdout.flush()
    return sys.stdout.buffer


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has seen enough
        raise
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
        ) from error


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _check_target(path: Path) -> os.stat_result | None:
    """What lies under `path`, if it may be written."""
    check_name(path)
    existing = None if path == STDOUT else _state(path)
    if existing is None:
        return None
    mode = existing.st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"cannot write {path}: it is a folder; name a file")
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise InputError(f"cannot write {path}: it is a disk or a socket; name a file")
    if not os.access(path, os.W_OK) or (stat.S_ISREG(mode) and not mode & 0o222):  # root may write anything
        raise InputError(f"cannot write {path}: it is read-only; make it writable or name another file")
    return existing


@contextmanager
def _built_file(target: Path, existing: os.stat_result | None) -> Iterator[IO[bytes]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(target)
    temporary, handle = _locked_new_file(target)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(handle)
            if existing is not None:
                _keep_owner_and_mode(handle, existing)
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _keep_owner_and_mode(handle: int, existing: os.stat_result) -> None:
    with suppress(PermissionError):
        os.fchown(handle, existing.st_uid, existing.st_gid)
    os.fchmod(handle, stat.S_IMODE(existing.st_mode))


def _locked_new_file(target: Path) -> tuple[Path, int]:
    while True:
        temporary = _hidden(target, "building")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        _lock(handle)
        if _is_at(temporary, handle):  # else another writer took it for stale before it was locked
            return temporary, handle
        os.close(handle)


@contextmanager
def atomic_folder(destination: Path) -> Iterator[Path]:
    """An empty folder that replaces `destination`, or appears there, only when the block ends well.

    Raises:
        InputError: it cannot be made or written, or `destination` is a file.
    """
    check_name(destination)
    destination = destination.resolve()
    with _failures(destination):
        if destination.exists() and not destination.is_dir():
            raise InputError(f"cannot write {destination}: it is a file; expected a folder, or nothing yet")
        destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(destination)
        staging = _hidden(destination, "building")
        staging.mkdir()
    try:
        with _locked_folder(staging):
            yield staging
            replace_folder(staging, destination)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def replace_folder(staging: Path, destination: Path) -> None:
    """Puts a finished folder in place of an older one, which is kept until the new one is there."""
    destination = destination.resolve()
    if not destination.exists():
        os.replace(staging, destination)
        return
    old = _hidden(destination, "replaced")
    with _locked_folder(destination):
        os.replace(destination, old)
        os.replace(staging, destination)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _locked_folder(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


@contextmanager
def held(path: Path) -> Iterator[IO[bytes]]:
    """The file, made if it is not there, for reading and appending, held by this process alone.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    with _failures(path):
        file = _opened_alone(path)
    with file:
        yield file


def _opened_alone(path: Path) -> IO[bytes]:
    check_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.fdopen(os.open(path, flags, 0o666), "r+b")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise InputError(f"cannot write {path}: it is no plain file; remove it")
        if not _lock(file.fileno(), fcntl.LOCK_NB):
            file.close()
            raise InputError(f"another run is writing {path}; wait for it to end, or name another output")
        if _is_at(path, file.fileno()):  # else the run that held it has just finished and removed it
            return file
        file.close()


def _hidden(target: Path, word: str) -> Path:
    return target.with_name(f"{_hidden_stem(target)}.{word}-{secrets.token_hex(4)}")


def _hidden_stem(target: Path) -> str:
    """`.NAME`, or a short stand-in where there would be no room behind a long name."""
    name = os.fsencode(target.name)
    return f".{target.name}" if len(name) < _LONGEST_NAME else f".{hashlib.sha256(name).hexdigest()}"


def _remove_stale(target: Path) -> None:
    """Removes what killed writers of `target` left; a folder that one had moved away is put back."""
    pattern = re.compile(re.escape(_hidden_stem(target)) + r"\.(building|replaced)-[0-9a-f]{8}")
    for entry in [entry for entry in os.scandir(target.parent) if pattern.fullmatch(entry.name)]:
        with suppress(OSError):
            handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(Path(entry.path), handle):
                    _remove_or_restore(Path(entry.path), target)
            finally:
                os.close(handle)


def _remove_or_restore(stale: Path, target: Path) -> None:
    if ".replaced-" in stale.name and not target.exists():
        os.replace(stale, target)
    elif stale.is_dir():
        shutil.rmtree(stale)
    else:
        stale.unlink()


def _lock(handle: int, mode: int = 0) -> bool:
    """Whether nobody else has the lock; on a disk that knows none, the work goes on without."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | mode)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_at(path: Path, handle: int) -> bool:
    existing = _state(path)
    return existing is not None and os.path.samestat(existing, os.fstat(handle))
