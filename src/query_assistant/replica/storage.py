"""One built index in one file that can be mapped into memory: named arrays and lists of texts, nothing executable.

    8 bytes   "QAINDEX1"
    8 bytes   length of the header, little endian
    header    JSON: {"arrays": {name: [dtype, count, offset]}, "texts": {name: [bytes, offset]}, "about": {...}}
    data      each array aligned to 8 bytes; texts as UTF-8, joined by NUL

A file that is cut short, or whose header points outside it, is refused and the index is built again.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

MAGIC = b"QAINDEX1"
_DTYPES = frozenset({"<i4", "<i8", "<f8", "|u1"})
SEPARATOR = "\0"


class Damaged(Exception):
    """Not a complete index file of this format."""


class Archive:
    """A reader of an index file. Arrays are views of the mapped file; texts are decoded when asked for."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Damaged(f"cannot map {path}: {error}") from error
        self._view = memoryview(self._data)
        self.arrays, self.texts, self.about = self._header()

    def _header(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        length = int.from_bytes(self._view[8:16], "little")
        if bytes(self._view[:8]) != MAGIC or 16 + length > len(self._view):
            raise Damaged("no index file, or one that is cut short")
        try:
            header = json.loads(bytes(self._view[16 : 16 + length]))
            arrays, texts, about = header["arrays"], header["texts"], header["about"]
            ends = [offset + count * np.dtype(dtype).itemsize for dtype, count, offset in arrays.values()]
            ends += [offset + size for size, offset in texts.values()]
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(f"unreadable header: {error}") from error
        if not {dtype for dtype, _, _ in arrays.values()} <= _DTYPES or max(ends, default=0) > len(self._view):
            raise Damaged("the header points outside the file")
        return arrays, texts, about

    def array(self, name: str) -> npt.NDArray[Any]:
        dtype, count, offset = self.arrays[name]
        return np.frombuffer(self._view, dtype=dtype, count=count, offset=offset)

    def text(self, name: str) -> list[str]:
        size, offset = self.texts[name]
        joined = str(self._view[offset : offset + size], "utf-8")
        return joined.split(SEPARATOR)[:-1]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays or name in self.texts


def write_archive(
    path: Path, arrays: dict[str, npt.NDArray[Any]], texts: dict[str, list[str]], about: dict[str, Any]
) -> None:
    """Writes the file whole or not at all.

    Raises:
        OSError: the folder cannot be made or written.
    """
    encoded = {name: "".join(text + SEPARATOR for text in items).encode() for name, items in texts.items()}
    header = _header_bytes(arrays, encoded, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(header)
            for array in arrays.values():
                _write_aligned(out, np.ascontiguousarray(array).tobytes())
            for blob in encoded.values():
                _write_aligned(out, blob)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _header_bytes(arrays: dict[str, npt.NDArray[Any]], encoded: dict[str, bytes], about: dict[str, Any]) -> bytes:
    """The header, padded to a fixed length first so that the offsets it names include its own size."""
    sizes = [array.nbytes for array in arrays.values()] + [len(blob) for blob in encoded.values()]
    names = sum(len(json.dumps(name)) for name in (*arrays, *encoded))
    room = _aligned(4096 + 160 * len(sizes) + names + len(json.dumps(about)))
    offset, offsets = 16 + room, []
    for size in sizes:
        offsets.append(offset)
        offset += _aligned(size)
    header = {
        "about": about,
        "arrays": {
            name: [array.dtype.str, array.size, offsets[place]] for place, (name, array) in enumerate(arrays.items())
        },
        "texts": {
            name: [len(blob), offsets[len(arrays) + place]] for place, (name, blob) in enumerate(encoded.items())
        },
    }
    text = json.dumps(header).encode().ljust(room)
    return MAGIC + room.to_bytes(8, "little") + text


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8


def _write_aligned(out: IO[bytes], data: bytes) -> None:
    out.write(data.ljust(_aligned(len(data)), b"\0"))
