"""Tarballs of shared data: read without trust, written the same bytes each time.

Protects against: members that leave the folder (absolute paths, `..`, links), devices and pipes, duplicate or
over-long names, archives that grow beyond a stated size or count, truncated and corrupted files, a half-unpacked folder
after a crash. Does not protect against: content that is wrong but well formed (the stages check their own input).
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from query_assistant.errors import InputError, UnsafeArchiveError

GIB = 2**30
_BLOCK = 2**20
_MOST_PADDING = 2**24


def unpack(archive: Path, destination: Path, *, max_bytes: int = 4 * GIB, max_files: int = 100_000) -> list[Path]:
    """The files of a `.tar.gz`, written under `destination`, which appears whole or not at all.

    An existing `destination` is replaced. Sizes are counted while reading, so a header that lies gains nothing.

    Raises:
        UnsafeArchiveError: a member could write outside the folder, is not a plain file or folder, or exceeds a limit.
        InputError: the archive is missing, truncated or corrupted, or the folder cannot be written.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}."))
    except OSError as error:
        raise InputError(
            f"cannot unpack into {destination}: {error.strerror}; choose a folder that can be made"
        ) from error
    try:
        names = list(_extract(archive, staging, max_bytes, max_files))
        staging.chmod(0o755)
        _replace_folder(staging, destination)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [destination / name for name in names]


def pack(files: Mapping[str, Path], archive: Path) -> None:
    """Writes a `.tar.gz` of the files under the given names, in the order of the names.

    The same content gives the same bytes: no times, owners or modes of this machine are stored.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=archive.parent, prefix=f".{archive.name}.")
    try:
        with (
            os.fdopen(handle, "wb") as raw,
            gzip.GzipFile("", "wb", 9, raw, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in sorted(files):
                _add(tar, _safe_name(name), files[name])
        Path(temporary).chmod(0o644)
        os.replace(temporary, archive)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _add(tar: tarfile.TarFile, name: PurePosixPath, file: Path) -> None:
    member = tarfile.TarInfo(str(name))
    member.mode = 0o644
    try:
        member.size = file.stat().st_size
        with file.open("rb") as content:
            tar.addfile(member, content)
    except OSError as error:
        raise InputError(f"cannot pack {file}: {error.strerror}; expected a readable file") from error


def _extract(archive: Path, folder: Path, max_bytes: int, max_files: int) -> Iterator[str]:
    left, seen = max_bytes, set[PurePosixPath]()
    with _members(archive) as tar:
        for count, member in enumerate(tar, start=1):
            if count > max_files:
                raise UnsafeArchiveError(f"{archive} has over {max_files:,} members; pack fewer, larger files")
            name = _checked(member, archive)
            if member.isdir():
                _make_folder(folder / name, member)
                continue
            if name in seen:
                raise UnsafeArchiveError(f"{archive} holds {str(name)!r} twice; pack it again with distinct names")
            seen.add(name)
            left -= _write(tar, member, folder / name, left, f"{archive} unpacks to over {max_bytes:,} bytes")
            yield str(name)
    if not seen:
        raise InputError(f"{archive} holds no files; fetch it again (`dvc pull --force`) or pack it again")


@contextmanager
def _members(archive: Path) -> Iterator[tarfile.TarFile]:
    """The open tarball; whatever is wrong with its bytes becomes one clear error."""
    try:
        with gzip.open(archive, "rb") as content:
            with tarfile.open(fileobj=content, mode="r|") as tar:
                yield tar
            _read_to_end(content, archive)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"{archive} is corrupted or not a .tar.gz ({error}); fetch it again (`dvc pull --force`)"
        ) from error
    except FileNotFoundError:
        raise InputError(f"no archive {archive}; fetch it with `dvc pull`") from None
    except OSError as error:
        raise InputError(
            f"cannot unpack {archive}: {error.strerror or error}; expected a readable .tar.gz and room on the disk"
        ) from error


def _read_to_end(content: gzip.GzipFile, archive: Path) -> None:
    """Reads the padding behind the last member: gzip compares its checksum only at the end of the file."""
    for _ in range(_MOST_PADDING // _BLOCK):
        if not content.read(_BLOCK):
            return
    raise UnsafeArchiveError(f"{archive} holds over {_MOST_PADDING:,} bytes behind its last file; pack it again")


def _checked(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    if not (member.isreg() or member.isdir()):
        raise UnsafeArchiveError(
            f"{archive} holds {member.name!r}, a link or device; only plain files and folders are unpacked"
        )
    return _safe_name(member.name, archive)


def _safe_name(name: str, archive: Path | str = "the archive") -> PurePosixPath:
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in path.parts[:1]
    if unsafe or (name[1:2] == ":"):
        raise UnsafeArchiveError(
            f"{archive} holds {name[:200]!r}, which leads outside the folder; expected a relative path"
        )
    if len(name) > 500 or not name.isprintable() or any(len(part.encode()) > 255 for part in path.parts):
        raise UnsafeArchiveError(
            f"{archive} holds {name[:60]!r}, no usable file name: over 255 bytes, or unprintable; rename and pack again"
        )
    return path


def _make_folder(folder: Path, member: tarfile.TarInfo) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"the archive holds {member.name!r} or a folder above it also as a file; pack it again with distinct names"
        ) from None


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, limit: int, too_big: str) -> int:
    """Copies one member and returns its size; stops at `limit` bytes."""
    if member.size > limit:
        raise UnsafeArchiveError(f"{too_big}; if that is right, raise max_bytes where unpack is called")
    _make_folder(target.parent, member)
    if target.is_dir():
        raise InputError(f"the archive holds {member.name!r} as file and as folder; pack it again with distinct names")
    source = tar.extractfile(member)
    if source is None:
        raise InputError(f"{member.name!r} has no content; the archive is corrupted, fetch it again")
    with source, target.open("xb") as out:
        written = _copy(source, out)
    if written != member.size:
        raise InputError(f"{member.name!r} ends after {written:,} of {member.size:,} bytes; fetch the archive again")
    return written


def _copy(source: IO[bytes], out: IO[bytes]) -> int:
    written = 0
    while block := source.read(_BLOCK):
        written += out.write(block)
    return written


def _replace_folder(staging: Path, destination: Path) -> None:
    """Puts the finished folder in place of the old one, which is kept until the new one is there."""
    old = destination.with_name(f".{destination.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if destination.exists():
        os.replace(destination, old)
    os.replace(staging, destination)
    shutil.rmtree(old, ignore_errors=True)
