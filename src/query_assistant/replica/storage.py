"""One built index in one file that can be mapped into memory: named arrays and lists of texts, nothing executable.

    8 bytes   "QAINDEX2"
    8 bytes   where the contents lie, 8 bytes how long they are, 8 bytes their CRC-32; little endian
    data      each array aligned to 8 bytes; texts as UTF-8, joined by NUL
    contents  JSON: {"arrays": {name: [dtype, count, offset]}, "texts": {name: [bytes, offset]}, "about": {...},
              "sums": [CRC-32 of each block of data]}

Nothing is given out before the sums of the blocks that it lies in were compared, each of them once: a file that is cut
short or changed is `Damaged`, wherever that is.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

MAGIC = b"QAINDEX2"
BLOCK = 64 * 1024
SEPARATOR = "\0"
_HEAD = struct.Struct("<8sQQQ")
_DTYPES = frozenset({"<i4", "<i8", "<f8", "|u1"})


class Damaged(Exception):
    """Not a complete index file of this format."""


class Archive:
    """A reader of an index file. Arrays are views of the mapped file; texts are decoded when asked for.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it is no index file, or not the one that was written; `array`, `text` and `slice` may find that too.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise Damaged(f"it cannot be mapped: {error}") from error
        self._view = memoryview(self._data)
        contents = self._contents()
        self.arrays: dict[str, Any] = contents["arrays"]
        self.texts: dict[str, Any] = contents["texts"]
        self.about: dict[str, Any] = contents["about"]
        self._sums: list[int] = contents["sums"]
        self._sound = bytearray(len(self._sums))

    def _contents(self) -> dict[str, Any]:
        if len(self._view) < _HEAD.size:
            raise Damaged("it is cut short")
        magic, start, length, total = _HEAD.unpack(self._view[: _HEAD.size])
        self._end = start
        written = self._view[start : start + length]
        if magic != MAGIC or start + length != len(self._view) or zlib.crc32(written) != total:
            raise Damaged("its contents are cut short or changed")
        found: dict[str, Any] = json.loads(bytes(written))
        return found

    def array(self, name: str) -> npt.NDArray[Any]:
        dtype, count, offset = self.arrays[name]
        if dtype not in _DTYPES:
            raise Damaged(f"it holds numbers of another kind: {dtype}")
        return np.frombuffer(self._checked(offset, count * np.dtype(dtype).itemsize), dtype=dtype, count=count)

    def slice(self, name: str, start: int, end: int) -> bytes:
        """Some bytes of an array of bytes; of the rest nothing is read."""
        return bytes(self._checked(self.arrays[name][2] + start, end - start))

    def text(self, name: str) -> list[str]:
        size, offset = self.texts[name]
        joined = str(self._checked(offset, size), "utf-8", "surrogatepass")
        return joined.split(SEPARATOR)[:-1]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays or name in self.texts

    def _checked(self, offset: int, size: int) -> memoryview:
        """A stretch of the data whose blocks are as they were written."""
        end = offset + size
        for block in range(offset // BLOCK, -(-end // BLOCK)):
            if not self._sound[block]:
                start = max(block * BLOCK, _HEAD.size)
                if zlib.crc32(self._view[start : min((block + 1) * BLOCK, self._end)]) != self._sums[block]:
                    raise Damaged(f"its block {block} is changed")
                self._sound[block] = 1
        return self._view[offset:end]


def write_archive(
    path: Path, arrays: dict[str, npt.NDArray[Any]], texts: dict[str, list[str]], about: dict[str, Any]
) -> None:
    """Writes the file whole or not at all.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w+b") as out:
            _write(out, arrays, texts, about)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write(
    out: IO[bytes], arrays: dict[str, npt.NDArray[Any]], texts: dict[str, list[str]], about: dict[str, Any]
) -> None:
    contents: dict[str, Any] = {"about": about, "arrays": {}, "texts": {}, "sums": []}
    out.write(bytes(_HEAD.size))
    for name, array in arrays.items():
        contents["arrays"][name] = [array.dtype.str, array.size, out.tell()]
        _write_aligned(out, np.ascontiguousarray(array).tobytes())
    for name, items in texts.items():
        encoded = "".join(text + SEPARATOR for text in items).encode("utf-8", "surrogatepass")
        contents["texts"][name] = [len(encoded), out.tell()]
        _write_aligned(out, encoded)
    end = out.tell()
    for start in range(0, end, BLOCK):
        out.seek(max(start, _HEAD.size))
        contents["sums"].append(zlib.crc32(out.read(min(start + BLOCK, end) - out.tell())))
    written = json.dumps(contents).encode()
    out.seek(end)
    out.write(written)
    out.seek(0)
    out.write(_HEAD.pack(MAGIC, end, len(written), zlib.crc32(written)))


def _write_aligned(out: IO[bytes], data: bytes) -> None:
    out.write(data)
    out.write(bytes(-len(data) % 8))
