"""Logs in a bucket of S3 or of a server that speaks its protocol: s3://bucket/folder, s3://bucket/folder/2025-*.parquet.

Arrow's own client reads them as they are needed, block by block; nothing is copied to the disk. Where to ask, and as
whom, is what AWS's environment variables and files say. A `Path` makes `s3:/bucket` of `s3://bucket`: both are meant.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import IO, Any

from pyarrow import fs

from query_assistant.errors import InputError, MissingResourceError

_BUCKET = re.compile(r"s3:/{1,2}(?=[^/])")
_BLOCK_BYTES = 1 << 22
_CONNECT_S, _ANSWER_S, _ATTEMPTS = 5, 60, 3


def is_remote(path: Path | str) -> bool:
    return _BUCKET.match(str(path)) is not None


def shown_address(path: Path | str) -> str:
    """The path as people write it."""
    return _BUCKET.sub("s3://", str(path)) if is_remote(path) else str(path)


def find_remote(path: Path | str) -> dict[Path, bool]:
    """The objects meant by a name, a folder or a pattern, sorted: object -> was it named itself.

    Hidden ones, and what Spark and Hive leave beside their parts (`_SUCCESS`), are no logs.

    Raises:
        InputError: the name stands for nothing.
        MissingResourceError: the bucket cannot be listed.
    """
    wanted = _BUCKET.sub("", str(path)).rstrip("/")
    with _one_sentence(path):
        named = _server().get_file_info(wanted)
        if named.type == fs.FileType.File:
            return {_path(wanted): True}
        folder = re.split(r"[*?\[]", wanted)[0].rpartition("/")[0] if named.type != fs.FileType.Directory else wanted
        listed = _server().get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    names = sorted(one.path for one in listed if one.type == fs.FileType.File and one.base_name[0] not in "._")
    found = names if folder == wanted else [name for name in names if fnmatchcase(name, wanted)]
    if not found:
        raise InputError(f"no log at {shown_address(path)}: expected an object, a folder with objects or a pattern")
    return {_path(name): False for name in found}


def open_remote(path: Path) -> IO[bytes]:
    """An object, read by blocks; a connection that breaks is no end of the log.

    Raises:
        MissingResourceError: it cannot be read, now or later.
    """
    with _one_sentence(path):
        file = _server().open_input_file(_BUCKET.sub("", str(path)))
    return io.BufferedReader(_RemoteFile(file, path), _BLOCK_BYTES)


class _RemoteFile(io.RawIOBase):
    def __init__(self, file: Any, path: Path) -> None:
        super().__init__()
        self._file, self._path = file, path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        with _one_sentence(self._path):
            return int(self._file.readinto(buffer))

    def close(self) -> None:
        self._file.close()
        super().close()


def _path(name: str) -> Path:
    return Path(f"s3:/{name}")


@cache
def _server() -> fs.S3FileSystem:
    """The client; AWS_ENDPOINT_URL names a server that is not Amazon's."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        connect_timeout=_CONNECT_S,
        request_timeout=_ANSWER_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


@contextmanager
def _one_sentence(path: Path | str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = " ".join(str(error).split())[:300]
        raise MissingResourceError(
            f"cannot read {shown_address(path)}: {reason}; expected a bucket that this machine may read: check its "
            "name, the network, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and AWS_ENDPOINT_URL for a "
            "server that is not Amazon's"
        ) from None
