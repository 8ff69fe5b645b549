from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from query_assistant.errors import InputError
from query_assistant.logs.files import LogFile, find_logs
from query_assistant.logs.formats import GROUPS, LINE_PATTERNS, batches, open_log
from query_assistant.logs.privacy import masked

PATHS = ["/v3/query?q=cdk2&fields=symbol,name", "/v3/gene/1017", "/v3/query?q=symbol:%22CDK2%22"]
COMBINED = '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 812 "-" "curl/8.4.0"'
COMMON = '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 812'
TORNADO = "[I 250304 10:00:01 web:2348] 200 GET {} (203.0.113.7) 12.34ms"


def texts(log: LogFile) -> list[str]:
    return [text for batch in batches(log) for text in batch.to_pylist()]


def written(path: Path, lines: list[str]) -> Path:
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def parts(format: str, line: str) -> dict[str, str]:
    found = re.search(LINE_PATTERNS[format], line)
    assert found is not None
    return {name: value or "" for name, value in zip(GROUPS[format], found.groups(), strict=True)}


@pytest.mark.parametrize(
    ("format", "line"), [("combined", COMBINED), ("common", COMMON), ("tornado", TORNADO), ("paths", "{}")]
)
@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
def test_every_line_format_is_told_and_taken_apart_plain_or_gzipped(tmp_path, format, line, name):
    log = open_log(written(tmp_path / name, [line.format(path) for path in PATHS]))
    # A common line is a combined one without its last two parts: the wider pattern reads both.
    assert log.format == ("combined" if format == "common" else format)
    assert [parts(log.format, text)["path"].removesuffix(" HTTP/1.1") for text in texts(log)] == PATHS
    assert (log.lines, log.broken, log.truncated) == (3, 0, None)


def test_a_web_server_line_gives_method_status_and_agent():
    line = (
        '::1 - bob [04/Mar/2025:10:00:01 +0000] "POST /v3/query HTTP/2.0" 404 - "http://a.b/?x=\\"y\\"" "a \\"b\\" c"'
    )
    assert parts("combined", line) == {
        "method": "POST",
        "path": "/v3/query HTTP/2.0",
        "status": "404",
        "agent": 'a \\"b\\" c',
    }


def test_a_path_line_may_have_a_method_a_host_and_spaces():
    found = parts("paths", "GET https://mygene.info/v3/query?q=a b HTTP/1.1")
    assert (found["method"], found["path"]) == ("GET", "https://mygene.info/v3/query?q=a b HTTP/1.1")
    assert re.search(LINE_PATTERNS["paths"], "not a path") is None


@pytest.mark.parametrize("name", ["extract.csv", "extract.csv.gz"])
def test_a_table_is_read_by_its_path_column(tmp_path, name):
    rows = ["id,log.path,when", '1,"/v3/query?q=a,b",x', "2,/v3/gene/1017,y", "3,/v3/gene/1018"]
    log = open_log(written(tmp_path / name, rows))
    assert (log.format, log.column) == ("csv", "log.path")
    assert texts(log) == ["/v3/query?q=a,b", "/v3/gene/1017", "[2 of 3 columns] ['3', '/v3/gene/1018']"]


def test_unquoted_commas_in_a_one_column_table_belong_to_the_value(tmp_path):
    log = open_log(written(tmp_path / "one.csv", ["log.path", PATHS[0], f'"{PATHS[1]}"']))
    assert texts(log) == PATHS[:2]


def test_parquet_is_read_by_its_path_column(tmp_path):
    pq.write_table(pa.table({"n": [1, 2], "request": [PATHS[0], None]}), tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    assert (log.format, log.column, texts(log)) == ("parquet", "request", [PATHS[0], ""])


def test_a_missing_column_is_named_with_those_that_exist(tmp_path):
    file = written(tmp_path / "t.csv", ["when,what", "1,2"])
    with pytest.raises(InputError, match=r"t\.csv has no column 'log\.path'; it has when, what"):
        open_log(file, column="log.path")
    with pytest.raises(InputError, match=r"has no column any of log\.path.*it has when, what"):
        open_log(file, format="csv")
    pq.write_table(pa.table({"n": [1]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"has no column any of.*it has n"):
        open_log(tmp_path / "t.parquet")


def test_what_is_no_log_is_refused_without_showing_addresses(tmp_path):
    file = written(tmp_path / "letter.txt", ["Dear jane@example.org at 203.0.113.7,", "hello"])
    with pytest.raises(InputError, match=r"cannot tell the format of letter\.txt.*\[address\] at \[address\]"):
        open_log(file)
    with pytest.raises(InputError, match="no log format 'xml'"):
        open_log(file, format="xml")


@pytest.mark.parametrize("cut", [1, 9, 2000])
def test_a_gzip_file_cut_off_is_read_up_to_the_break(tmp_path, cut):
    lines = [f"/v3/gene/{number * 7919 % 100_003}" for number in range(20_000)]
    file = written(tmp_path / "cut.gz", lines)
    file.write_bytes(file.read_bytes()[:-cut])
    log = open_log(file)
    found = texts(log)
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
    found = texts(log)
    assert log.truncated is not None and log.truncated.startswith("gzip data damaged after ")
    assert found[:-1] == lines[: len(found) - 1]
    assert len(found) > 18_000


def test_concatenated_gzip_members_are_one_log(tmp_path):
    file = tmp_path / "two.gz"
    file.write_bytes(gzip.compress(b"/v3/gene/1\n") + gzip.compress(b"/v3/gene/2\n"))
    log = open_log(file)
    assert (texts(log), log.truncated) == (["/v3/gene/1", "/v3/gene/2"], None)


def test_odd_bytes_blank_lines_comments_and_endless_lines_are_no_trouble(tmp_path):
    file = tmp_path / "odd.log"
    file.write_bytes(
        b"\xef\xbb\xbf# comment\r\n\r\n/v3/gene/1\r\n/v3/\xff\x00gene\n/" + b"x" * 70_000 + b"\n/v3/gene/2"
    )
    log = open_log(file, format="paths")
    assert texts(log) == ["/v3/gene/1", "/v3/\N{REPLACEMENT CHARACTER}gene", "/v3/gene/2"]
    assert (log.lines, log.broken) == (4, 1)


@pytest.mark.parametrize("content", [[""], ["# comments alone"]])
@pytest.mark.parametrize("format", [None, "paths"])
def test_an_empty_log_is_empty_whether_or_not_its_format_is_named(tmp_path, content, format):
    assert texts(open_log(written(tmp_path / "empty.log", content), format=format)) == []


@pytest.mark.parametrize("column", [0, 2], ids=["in the path", "in another column"])
def test_a_quote_that_is_never_closed_costs_no_other_line(tmp_path, column):
    odd = ["/v3/gene/0", "200", "curl"]
    odd[column] = '"' + odd[column]
    rows = ["path,status,agent", "/v3/gene/1,200,a", ",".join(odd), *(f"/v3/gene/{n},200,a" for n in range(2, 9_000))]
    log = open_log(written(tmp_path / "extract.csv", rows))
    found = texts(log)
    assert [text for text in found if text.startswith("/")] == [
        "/v3/gene/1",
        *(["/v3/gene/0"] if column else []),
        *(f"/v3/gene/{n}" for n in range(2, 9_000)),
    ]
    assert (len(found), log.lines) == (9_000, 9_000)


def test_an_endless_line_is_one_broken_line_and_its_end_no_request(tmp_path, monkeypatch):
    monkeypatch.setattr("query_assistant.logs.files.CHUNK_BYTES", 1 << 18)
    file = tmp_path / "endless.log"
    file.write_bytes(b"/v3/gene/1\n/" + b"x" * (1 << 20) + b"/v3/gene/2\n/v3/gene/3\n")
    log = open_log(file, format="paths")
    assert texts(log) == ["/v3/gene/1", "/v3/gene/3"]
    assert (log.lines, log.broken) == (3, 1)


def test_logs_are_found_by_name_folder_and_pattern_each_once(tmp_path):
    a, b = written(tmp_path / "a.log", PATHS), written(tmp_path / "sub.log", PATHS)
    (tmp_path / ".hidden").write_text("x")
    assert find_logs([tmp_path, a, tmp_path / "*.log"]) == [a, b]
    with pytest.raises(InputError, match=r"no log at .*nothing\.log"):
        find_logs([tmp_path / "nothing.log"])


@pytest.mark.parametrize("text", ["a@b.org", "x.y%40b.org", "203.0.113.7", "2001:db8::1:2:3:4"])
def test_addresses_are_masked(text):
    assert masked(f"from {text} today") == "from [address] today"
