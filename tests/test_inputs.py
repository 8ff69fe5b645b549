"""Files that people give: every encoding, packing and damage ends in lines or in one clear error, within bounds."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.inputs import read_bytes, read_lines


def lines_of(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return list(read_lines(path))


@pytest.mark.parametrize("name", ["x", "x.jsonl", "x.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_gzip_is_known_by_its_content_not_its_name(tmp_path: Path, name: str, packed: bool) -> None:
    content = "a\né\n".encode()
    assert lines_of(tmp_path / name, gzip.compress(content) if packed else content) == ["a\n", "é\n"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "x", b"\xef\xbb\xbfa\r\nb") == ["a\n", "b"]
    assert lines_of(tmp_path / "x", gzip.compress(b"\xef\xbb\xbfa\n")) == ["a\n"]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\0"])
def test_only_line_ends_end_lines(tmp_path: Path, sign: str) -> None:
    assert lines_of(tmp_path / "x", f"a{sign}b\nc\n".encode()) == [f"a{sign}b\n", "c\n"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfea\0",
        b"a\xe9\n",
        b"\xed\xa0\x80",
        gzip.compress(b"a\n" * 9999)[:40],
        gzip.compress(b"a\n")[:-4] + b"junk",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00" + b"\xff" * 99,
        gzip.compress(b"a\xe9\n"),
    ],
    ids=["UTF-16", "Latin-1", "a surrogate", "cut", "wrong sum", "two bytes", "no deflate", "Latin-1 in gzip"],
)
def test_what_is_no_text_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"cannot read .*x: .*; expected UTF-8 text, plain or gzip"):
        lines_of(tmp_path / "x", content)


def bomb(path: Path, block: bytes, times: int) -> Path:
    with gzip.open(path, "wb", compresslevel=9) as out:
        for _ in range(times):
            out.write(block)
    return path


def test_a_gzip_bomb_of_one_line_is_left_before_it_unfolds(tmp_path: Path) -> None:
    path = bomb(tmp_path / "x.gz", b"\0" * 2**20, 80)
    tracemalloc.start()
    with pytest.raises(InputError, match="a line of over"):
        list(read_lines(path))
    assert tracemalloc.get_traced_memory()[1] < 2**28
    tracemalloc.stop()


def test_a_gzip_bomb_of_many_lines_is_left_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_assistant.inputs._UNSUSPICIOUS_CHARACTERS", 2**18)
    path, read = bomb(tmp_path / "x.gz", b"\n" * 2**20, 32), 0
    with pytest.raises(InputError, match="200 times its size"):
        for _ in read_lines(path):
            read += 1
    assert read < 2**22  # of 2**25


def test_text_that_packs_well_is_read_to_its_end(tmp_path: Path) -> None:
    record = b'{"_id": "%d", "symbol": "CDK2", "name": "cyclin dependent kinase 2", "taxid": 9606, "alias": ["p33"]}\n'
    path = tmp_path / "x.gz"
    with gzip.open(path, "wb", compresslevel=6) as out:
        out.writelines(record % number for number in range(150_000))
    assert sum(map(len, read_lines(path))) > 2**23


def test_a_line_without_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_assistant.inputs.LONGEST_LINE", 1000)
    with pytest.raises(InputError, match="a line of over 1,000 characters"):
        list(read_lines(Path("/dev/zero")))


def test_a_named_pipe_is_refused_and_a_shells_pipe_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="named pipe"):
        list(read_lines(tmp_path / "pipe"))
    script = "import sys; from pathlib import Path; from query_assistant.inputs import read_lines\n"
    script += "print(list(read_lines(Path(sys.argv[1]))))"
    command = f"{sys.executable} -c '{script}' <(echo a | gzip)"
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout == b"['a\\n']\n"


@pytest.mark.parametrize("name", ["", "missing", "a\0b"])
def test_what_cannot_be_opened_is_said(tmp_path: Path, name: str) -> None:
    for read in (lambda path: list(read_lines(path)), lambda path: read_bytes(path, 10)):
        with pytest.raises(InputError, match=r"cannot read|holds a NUL"):
            read(tmp_path / name)


def test_bytes_are_counted_while_they_are_read() -> None:
    with pytest.raises(InputError, match="over 1,000 bytes"):
        read_bytes(Path("/dev/zero"), 1000)
