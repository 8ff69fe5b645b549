"""Tarballs of shared data: read without trust, written the same bytes each time.

Protects against: members that leave the folder (absolute paths, `..`, links), devices, pipes and sparse files,
duplicate or over-long names, archives that grow beyond a stated size or count, headers that are long, many or in each
other, truncated and corrupted files, a half-unpacked folder after a crash. Does not protect against: content that is
wrong but well formed (the stages check their own input).
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from query_assistant.errors import InputError, UnsafeArchiveError
from query_assistant.files import atomic_bytes, atomic_folder
from query_assistant.inputs import open_plainly

GIB = 2**30
_BLOCK = 2**20
_MOST_PADDING = 2**24
_LONGEST_HEADER, _ALL_HEADERS = 2**12, 2**24
_DEEPEST_NAME = 32
_MOST_HEADERS_A_MEMBER = 8  # a long name, a long link name and one of PAX is what a member has at most
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


def unpack(archive: Path, destination: Path, *, max_bytes: int = 4 * GIB, max_files: int = 100_000) -> list[Path]:
    """The files of a `.tar.gz`, written under `destination`, which appears whole or not at all.

    An existing `destination` is replaced. Sizes are counted while reading, so a header that lies gains nothing.

    Raises:
        UnsafeArchiveError: a member could write outside the folder, is not a plain file or folder, or exceeds a limit.
        InputError: the archive is missing, truncated or corrupted, or the folder cannot be written.
    """
    with atomic_folder(destination) as staging:
        names = list(_extract(archive, staging, max_bytes, max_files))
    return [destination / name for name in names]


def pack(files: Mapping[str, Path], archive: Path) -> None:
    """Writes a `.tar.gz` of the files under the given names, in the order of the names.

    The same content gives the same bytes: no times, owners or modes of this machine are stored.
    """
    with (
        atomic_bytes(archive) as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            _add(tar, _safe_name(name), files[name])


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
    seen = set[PurePosixPath]()
    with _members(archive, max_bytes) as tar:
        for count, member in enumerate(_one_by_one(tar), start=1):
            if count > max_files:
                raise UnsafeArchiveError(f"{archive} has over {max_files:,} members; pack fewer, larger files")
            name = _checked(member, archive)
            if member.isdir():
                _make_folder(folder / name, member)
                continue
            if name in seen:
                raise UnsafeArchiveError(f"{archive} holds {str(name)!r} twice; pack it again with distinct names")
            seen.add(name)
            tar.charge(member.size)
            _write(tar, member, folder / name)
            yield str(name)
    if not seen:
        raise InputError(f"{archive} holds no files; fetch it again (`dvc pull --force`) or pack it again")


class _Tar(tarfile.TarFile):
    """A tarball being read, with what may still be taken out of it: content and extended headers alike."""

    def __init__(self, *arguments: Any, archive: Path, max_bytes: int, **options: Any) -> None:
        self.archive = archive
        self.max_bytes = self.left = max_bytes
        self.headers_left = _ALL_HEADERS
        self.globals_left = _LONGEST_HEADER  # remembered until the end, and copied to each member
        self.depth = 0
        super().__init__(*arguments, **options)

    def charge(self, size: int) -> None:
        self.left -= max(size, 0)
        if self.left < 0:
            raise UnsafeArchiveError(
                f"{self.archive} unpacks to over {self.max_bytes:,} bytes; "
                "if that is right, raise max_bytes where unpack is called"
            )

    def charge_header(self, header: tarfile.TarInfo) -> None:
        self.charge(header.size)
        self.headers_left -= header.size
        self.globals_left -= header.size if header.type == tarfile.XGLTYPE else 0
        fits = 0 <= header.size <= _LONGEST_HEADER and min(self.headers_left, self.globals_left) >= 0
        if not fits or self.depth == _MOST_HEADERS_A_MEMBER:
            raise UnsafeArchiveError(
                f"{self.archive} has a header of {header.size:,} bytes, more of them than its files need, "
                f"or headers in headers; expected at most {_LONGEST_HEADER:,} bytes each; pack it again"
            )


class _Header(tarfile.TarInfo):
    """A header that is measured before it is read: tarfile reads extended ones into memory, each within the last.

    `_proc_member` is where tarfile means subclasses to step in; a sparse file's map has no limit of its own.
    """

    def _proc_member(self, tar: _Tar) -> tarfile.TarInfo:
        if self.type == tarfile.GNUTYPE_SPARSE:
            self._refuse_sparse(self)
        if self.type not in _EXTENDED:
            return super()._proc_member(tar)  # type: ignore[misc, no-any-return]
        tar.charge_header(self)
        tar.depth += 1
        try:
            return super()._proc_member(tar)  # type: ignore[misc, no-any-return]
        finally:
            tar.depth -= 1

    def _refuse_sparse(self, member: tarfile.TarInfo, *_: Any) -> None:
        raise UnsafeArchiveError(f"the archive holds a sparse file, {member.name[:200]!r}; pack it again without -S")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def _one_by_one(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined] # else they pile up, each with a copy of the global headers


@contextmanager
def _members(archive: Path, max_bytes: int) -> Iterator[_Tar]:
    """The open tarball; whatever is wrong with its bytes becomes one clear error."""
    try:
        with open_plainly(archive) as raw, gzip.GzipFile(fileobj=raw) as content:
            limits = {"archive": archive, "max_bytes": max_bytes}
            with _Tar.open(fileobj=content, mode="r|", tarinfo=_Header, **limits) as tar:  # type: ignore[call-overload]
                yield tar
            _read_to_end(content, archive)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, IndexError, KeyError) as error:
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
            f"{archive} holds {member.name[:200]!r}, a link or device; only plain files and folders are unpacked"
        )
    return _safe_name(member.name, archive)


def _safe_name(name: str, archive: Path | str = "the archive") -> PurePosixPath:
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in path.parts[:1]
    if unsafe or (name[1:2] == ":"):
        raise UnsafeArchiveError(
            f"{archive} holds {name[:200]!r}, which leads outside the folder; expected a relative path"
        )
    too_long = len(name) > 500 or len(path.parts) > _DEEPEST_NAME
    if too_long or not name.isprintable() or any(len(part.encode()) > 255 for part in path.parts):
        raise UnsafeArchiveError(
            f"{archive} holds {name[:60]!r}, no usable file name: over 255 bytes, {_DEEPEST_NAME} folders deep "
            "or unprintable; rename and pack again"
        )
    return path


def _make_folder(folder: Path, member: tarfile.TarInfo) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"the archive holds {member.name!r} or a folder above it also as a file; pack it again with distinct names"
        ) from None


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Copies one member, which has to be as long as its header says."""
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


def _copy(source: IO[bytes], out: IO[bytes]) -> int:
    written = 0
    while block := source.read(_BLOCK):
        written += out.write(block)
    return written
