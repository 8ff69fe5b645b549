from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from pathlib import Path

import pyarrow as pa
import pytest

from query_assistant.errors import InputError
from query_assistant.logs.files import LogFile, find_logs
from query_assistant.logs.reading import batches, open_log, open_logs

PATHS = ["/v3/query?q=cdk2&fields=symbol,name", "/v3/gene/1017", "/v3/query?q=symbol:%22CDK2%22"]


def requests(log: LogFile) -> list[str]:
    return [request for batch in batches(log) for request in batch.column("request").to_pylist()]


def written(path: Path, lines: list[str]) -> Path:
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def zstd(content: bytes) -> bytes:
    return pa.compress(content, "zstd", asbytes=True)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_logs_are_read_whatever_their_name(tmp_path, packing):
    file = tmp_path / "access.log"
    file.write_bytes(PACKERS[packing](("\n".join(PATHS) + "\n").encode() * 1000))
    log = open_log(file)
    assert (requests(log), log.truncated) == (PATHS * 1000, None)


@pytest.mark.parametrize("packing", PACKERS)
def test_concatenated_members_are_one_log(tmp_path, packing):
    pack = PACKERS[packing]
    file = tmp_path / f"two.{packing}"
    file.write_bytes(pack(b"/v3/gene/1\n") + pack(b"/v3/gene/2\n"))
    log = open_log(file)
    assert (requests(log), log.truncated) == (["/v3/gene/1", "/v3/gene/2"], None)


@pytest.mark.parametrize("packing", ["bz2", "xz", "zst"])
def test_a_packed_file_cut_off_is_read_up_to_the_break(tmp_path, packing):
    lines = [f"/v3/gene/{number * 7919 % 100_003}" for number in range(300_000)]
    file = tmp_path / f"cut.{packing}"
    packed = PACKERS[packing]("\n".join(lines).encode())
    file.write_bytes(packed[: len(packed) * 9 // 10])
    log = open_log(file)
    found = requests(log)
    assert log.truncated is not None
    assert found[:-1] == lines[: max(0, len(found) - 1)]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"\x1f\x9d\x90", "compress"),
        (b"access.log".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 300, "a tar archive"),
    ],
)
def test_what_is_packed_in_another_way_is_named_in_the_refusal(tmp_path, content, word):
    (tmp_path / "logs").write_bytes(content)
    with pytest.raises(InputError, match=rf"logs is .*{word}.*unpack it first"):
        open_log(tmp_path / "logs")


def test_a_tar_archive_is_refused_when_gzipped_too(tmp_path):
    (tmp_path / "logs.tgz").write_bytes(gzip.compress(b"a".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 300))
    with pytest.raises(InputError, match="a tar archive"):
        open_log(tmp_path / "logs.tgz")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_a_line(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "log").write_bytes((mark + "/v3/query?q=\u00e9\r\n/v3/gene/1\r\n").encode(encoding))
    log = open_log(tmp_path / "log")
    assert requests(log) == ["/v3/query?q=\u00e9", "/v3/gene/1"]


@pytest.mark.parametrize("cut", [1, 9, 2000])
def test_a_gzip_file_cut_off_is_read_up_to_the_break(tmp_path, cut):
    lines = [f"/v3/gene/{number * 7919 % 100_003}" for number in range(20_000)]
    file = written(tmp_path / "cut.gz", lines)
    file.write_bytes(file.read_bytes()[:-cut])
    log = open_log(file)
    found = requests(log)
    assert log.truncated is not None and log.truncated.startswith("gzip data ends early, after ")
    assert found[:-1] == lines[: len(found) - 1]
    assert len(found) > 15_000


def test_damage_inside_a_gzip_file_costs_only_what_lies_behind_it(tmp_path):
    lines = [f"/v3/gene/{number * 7919 % 100_003}" for number in range(20_000)]
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(("\n".join(lines) + "\n").encode()) + packer.flush(zlib.Z_FULL_FLUSH)
    file = tmp_path / "bad.gz"
    file.write_bytes(good + b"\xff" * 10_000)  # a block type that does not exist
    log = open_log(file)
    found = requests(log)
    assert log.truncated is not None and log.truncated.startswith("gzip data damaged after ")
    assert found[:-1] == lines[: len(found) - 1]
    assert len(found) > 18_000


def test_odd_bytes_blank_lines_comments_and_endless_lines_are_no_trouble(tmp_path):
    file = tmp_path / "odd.log"
    file.write_bytes(
        b"\xef\xbb\xbf# comment\r\n\r\n/v3/gene/1\r\n/v3/\xff\x00gene\n/" + b"x" * 70_000 + b"\n/v3/gene/2"
    )
    log = open_log(file, format="paths")
    assert requests(log) == ["/v3/gene/1", "/v3/\N{REPLACEMENT CHARACTER}gene", "/v3/gene/2"]
    assert (log.lines, log.broken) == (4, 1)


@pytest.mark.parametrize("content", [[""], ["# comments alone"]])
@pytest.mark.parametrize("format", [None, "paths"])
def test_an_empty_log_is_empty_whether_or_not_its_format_is_named(tmp_path, content, format):
    assert requests(open_log(written(tmp_path / "empty.log", content), format=format)) == []


def test_an_endless_line_is_one_broken_line_and_its_end_no_request(tmp_path, monkeypatch):
    monkeypatch.setattr("query_assistant.logs.files.CHUNK_BYTES", 1 << 18)
    file = tmp_path / "endless.log"
    file.write_bytes(b"/v3/gene/1\n/" + b"x" * (1 << 20) + b"/v3/gene/2\n/v3/gene/3\n")
    log = open_log(file, format="paths")
    assert requests(log) == ["/v3/gene/1", "/v3/gene/3"]
    assert (log.lines, log.broken) == (3, 1)


def test_logs_are_found_by_name_folder_and_pattern_each_once(tmp_path):
    a, b = written(tmp_path / "a.log", PATHS), written(tmp_path / "sub.log", PATHS)
    (tmp_path / ".hidden").write_text("x")
    assert find_logs([tmp_path, a, tmp_path / "*.log"]) == {a: True, b: False}
    with pytest.raises(InputError, match=r"no log at .*nothing\.log"):
        find_logs([tmp_path / "nothing.log"])


def test_what_is_no_access_log_in_a_folder_is_set_aside_with_the_reason(tmp_path):
    written(tmp_path / "access.log", PATHS)
    error = '2025/03/04 10:00:01 [error] 7#0: *1 open() failed, client: 203.0.113.7, request: "GET /v3/gene/1 HTTP/1.1"'
    written(tmp_path / "error.log", [error])
    (tmp_path / "old.zip").write_bytes(b"PK\x03\x04")
    logs, aside = open_logs([tmp_path])
    assert [log.path.name for log in logs] == ["access.log"]
    assert {path.name: reason.split(",")[0] for path, reason in aside.items()} == {
        "error.log": "cannot tell the format of error.log",
        "old.zip": "old.zip is a zip archive",
    }
    assert "203.0.113.7" not in str(aside)
    with pytest.raises(InputError, match=r"cannot tell the format of error\.log"):
        open_logs([tmp_path, tmp_path / "error.log"])
    (tmp_path / "access.log").unlink()
    with pytest.raises(InputError, match=r"error\.log"):
        open_logs([tmp_path])
