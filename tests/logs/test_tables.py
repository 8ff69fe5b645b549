from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from query_assistant.errors import InputError
from query_assistant.logs.files import LogFile
from query_assistant.logs.reading import batches, open_log

PATHS = ["/v3/query?q=cdk2&fields=symbol,name", "/v3/gene/1017", "/v3/query?q=symbol:%22CDK2%22"]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def opened(folder: Path, lines: list[str], column: str | None = None) -> LogFile:
    return open_log(written(folder / "log", lines), column=column)


def requests(log: LogFile) -> list[str]:
    return [request for batch in batches(log) for request in batch.column("request").to_pylist()]


def test_a_table_is_read_by_its_path_column(tmp_path):
    log = opened(tmp_path, ["id,log.path,when", '1,"/v3/query?q=a,b",x', "2,/v3/gene/1017,y", "3,/v3/gene/1018"])
    assert (log.format, requests(log)) == ("csv", ["/v3/query?q=a,b", "/v3/gene/1017"])
    assert (log.lines, log.broken, log.examples) == (3, 1, ["3,/v3/gene/1018"])


def test_unquoted_commas_in_a_one_column_table_belong_to_the_value(tmp_path):
    assert requests(opened(tmp_path, ["log.path", PATHS[0], f'"{PATHS[1]}"'])) == PATHS[:2]


@pytest.mark.parametrize("first", [" ", "", "# exported", "\ufeff "])
def test_what_stands_before_the_header_is_no_header(tmp_path, first):
    assert requests(opened(tmp_path, [first, "id,path", "1,/v3/gene/1"])) == ["/v3/gene/1"]


SPLIT = [
    "time\tpath\tquery_string",
    "time\turi\targs",
    "@timestamp\turl.path\turl.query",
    "date\tcs-uri-stem\tcs-uri-query",
    "date\tcs_uri_stem\tcs_uri_query",
    "date\trequest_path\tsomething else",
]


@pytest.mark.parametrize("header", SPLIT)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_path_and_query_in_two_columns_are_joined(tmp_path, header, delimiter):
    lines = [header, "1\t/v3/query\tq=cdk2&size=1", "1\t/v3/gene/672\t", "1\t/v3/gene/673\t-", "1\t/v3/query\t?q=a"]
    log = opened(tmp_path, [line.replace("\t", delimiter) for line in lines])
    assert requests(log) == ["/v3/query?q=cdk2&size=1", "/v3/gene/672", "/v3/gene/673", "/v3/query?q=a"]


def test_a_path_that_has_its_query_is_not_given_it_again(tmp_path):
    lines = ["request_uri,args", "/v3/query?q=cdk2,q=cdk2", "/v3/gene/1,"]
    assert requests(opened(tmp_path, lines)) == ["/v3/query?q=cdk2", "/v3/gene/1"]


def test_of_several_columns_the_one_with_queries_holds_the_path(tmp_path):
    assert requests(opened(tmp_path, ["path,request_uri", "/v3/query,/v3/query?q=a"])) == ["/v3/query?q=a"]


def test_paths_without_their_queries_are_refused_in_clear_words(tmp_path):
    with pytest.raises(InputError, match=r"the paths in column 'path', such as '/v3/query', have no queries, and no"):
        opened(tmp_path, ["id,path", "1,/v3/query", "2,/v3/gene/5"])
    with pytest.raises(InputError, match=r"several columns may hold them; name both as PATH\?QUERY, of path, one, two"):
        opened(tmp_path, ["path,one,two", "/v3/query,q=a,b=c"])
    assert requests(opened(tmp_path, ["path,one,two", "/v3/query,q=a,b=c"], "path?one")) == ["/v3/query?q=a"]


def test_posts_and_lookups_need_no_query(tmp_path):
    lines = ["method,path,status,user_agent", "POST,/v3/query,200,x", "GET,/v3/gene/5,404,Googlebot"]
    (batch,) = batches(opened(tmp_path, lines))
    assert batch.drop_columns(["lines"]).to_pylist() == [
        {"request": "POST /v3/query", "status": 200, "crawler": False},
        {"request": "GET /v3/gene/5", "status": 404, "crawler": True},
    ]


def test_a_missing_column_is_named_with_those_that_exist(tmp_path):
    file = written(tmp_path / "t.csv", ["when,203.0.113.7", "1,2"])
    with pytest.raises(InputError, match=r"t\.csv has no column 'log\.path'; it has when, \[address\]"):
        open_log(file, column="log.path")
    with pytest.raises(InputError, match=r"has no column any of log_path.*it has when, "):
        open_log(file, format="csv")
    pq.write_table(pa.table({"n": [1]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"has no column any of.*it has n"):
        open_log(tmp_path / "t.parquet")


@pytest.mark.parametrize("column", [0, 2], ids=["in the path", "in another column"])
def test_a_quote_that_is_never_closed_costs_no_other_line(tmp_path, column):
    odd = ["/v3/gene/0", "200", "curl"]
    odd[column] = '"' + odd[column]
    rows = ["path,status,agent", "/v3/gene/1,200,a", ",".join(odd), *(f"/v3/gene/{n},200,a" for n in range(2, 9_000))]
    log = opened(tmp_path, rows)
    assert requests(log) == ["/v3/gene/1", *(["/v3/gene/0"] if column else []), *rows_of(range(2, 9_000))]
    assert (log.lines, log.broken) == (9_000, 0 if column else 1)


def rows_of(numbers: range) -> list[str]:
    return [f"/v3/gene/{number}" for number in numbers]


DOUBLED = r'"/v3/query?q=symbol:""BRCA1"""'
SPARK = r'"/v3/query?q=symbol:\"BRCA1\""'
BRCA1 = '/v3/query?q=symbol:"BRCA1"'


@pytest.mark.parametrize(
    ("cells", "meant"),
    [
        ([DOUBLED], [BRCA1]),
        ([SPARK], [BRCA1]),
        # One file has one rule: what both rules could read follows what only one can.
        ([SPARK, r'"/v3/query?q=Su\\(H\\)"'], [BRCA1, r"/v3/query?q=Su\(H\)"]),
        ([r'"/v3/query?q=Su\\(H\\)"'], [r"/v3/query?q=Su\(H\)"]),
        ([DOUBLED, r'"/v3/query?q=Su\(H\)"'], [BRCA1, r"/v3/query?q=Su\(H\)"]),
        ([r'"/v3/query?q=Su\(H\)"', r'"/v3/query?q=a\\b"'], [r"/v3/query?q=Su\(H\)", r"/v3/query?q=a\\b"]),
        # A cell without quotes escapes nothing.
        ([SPARK, r"/v3/query?q=Su\\(H\\)"], [BRCA1, r"/v3/query?q=Su\\(H\\)"]),
        ([r'"/v3/query?q=\"a\\\" b\""'], [r'/v3/query?q="a\" b"']),
        # Neither rule reads it: no guess becomes a question.
        (['"/v3/query?q=name:"DNA repair"&size=1"', "/v3/gene/1"], ["/v3/gene/1"]),
    ],
)
def test_a_quote_in_a_cell_is_read_by_the_rule_of_its_writer(tmp_path, cells, meant):
    assert requests(opened(tmp_path, ["id,path,agent", *(f'{n},{cell},"x"' for n, cell in enumerate(cells))])) == meant


W3C = "#Version: 1.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) sc-status"
CLOUDFRONT = "#Version: 1.0\n#Fields: date c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent) cs-uri-query"


def test_iis_and_cloudfront_are_read_by_their_fields(tmp_path):
    iis = opened(
        tmp_path,
        [
            *W3C.split("\n"),
            "2025-03-04 10:00:06 10.0.0.9 GET /v3/query q=symbol:BRCA1&species=human 203.0.113.7 Mozilla/5.0+(NT) 200",
            "2025-03-04 10:00:06 10.0.0.9 GET /v3/gene/672 - 203.0.113.7 Mozilla/5.0 200",
            "2025-03-04 10:00:06 203.0.113.7 torn",
            "#Fields: cs-method cs-uri-stem cs-uri-query",
            "GET /v3/query q=cdk2",
        ],
    )
    assert requests(iis) == ["GET /v3/query?q=symbol:BRCA1&species=human", "GET /v3/gene/672", "GET /v3/query?q=cdk2"]
    assert (iis.format, iis.lines, iis.broken, iis.examples) == ("w3c", 4, 1, ["2025-03-04 10:00:06 [address] torn"])
    row = "2025-03-04\t203.0.113.7\tGET\td1.cloudfront.net\t/v3/query\t200\tcurl/8.4\tq=symbol:%22HLA-A%22"
    assert requests(opened(tmp_path, [*CLOUDFRONT.split("\n"), row])) == ["GET /v3/query?q=symbol:%22HLA-A%22"]


@pytest.mark.parametrize(
    "document",
    [
        {"path": "/v3/query?q=cdk2", "method": "GET", "status": "200", "ip": "203.0.113.7"},
        {"time": "x", "request_method": "GET", "request_uri": "/v3/query?q=cdk2", "status": 200},
        {"httpRequest": {"requestMethod": "GET", "requestUrl": "https://mygene.info/v3/query?q=cdk2", "status": 200}},
        {"request": {"method": "GET", "uri": "/v3/query?q=cdk2", "headers": {"User-Agent": ["x"]}}, "status": 200},
        {"ClientRequestMethod": "GET", "ClientRequestURI": "/v3/query?q=cdk2", "EdgeResponseStatus": 200},
        {"http.request.method": "GET", "url.path": "/v3/query", "url.query": "q=cdk2", "response.status_code": 200},
        {"url": {"path": "/v3/query", "query": "q=cdk2"}, "http": {"request": {"method": "GET"}}, "status_code": 200},
        {"properties": {"httpMethod": "GET", "requestUri": "/v3/query", "requestQuery": "q=cdk2", "httpStatus": 200}},
        {"cs-method": "GET", "cs-uri-stem": "/v3/query", "cs-uri-query": "q=cdk2", "sc-status": 200},
    ],
)
def test_json_lines_of_servers_and_clouds_are_read_by_their_keys(tmp_path, document):
    log = opened(tmp_path, ["\ufeff" + json.dumps(document), json.dumps(document), "{torn", '{"other": 1}', "[1]"])
    (batch,) = batches(log)
    cells = batch.drop_columns(["lines"]).to_pylist()
    rows = [row | {"request": row["request"].replace("https://mygene.info", "")} for row in cells]
    assert rows == [{"request": "GET /v3/query?q=cdk2", "status": 200, "crawler": False}] * 2
    assert (log.format, log.lines, log.broken) == ("jsonl", 5, 3)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (r'{"uri": "/v3/query?q=symbol:\"BRCA1\""}', '/v3/query?q=symbol:"BRCA1"'),
        (r'{"uri": "/v3/query?q=Su\\(H\\)"}', r"/v3/query?q=Su\(H\)"),
        # nginx with escape=default writes what is no JSON.
        (r'{"uri": "/v3/query?q=symbol:\x22BRCA1\x22"}', "/v3/query?q=symbol:%22BRCA1%22"),
        (r'{"uri": "/v3/query?q=\ud800\u0007"}', "/v3/query?q=?%07"),
    ],
)
def test_json_undoes_its_own_escapes(tmp_path, line, meant):
    assert requests(opened(tmp_path, [line])) == [meant]


def test_lines_that_a_container_wraps_in_json_are_unwrapped(tmp_path):
    line = '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=\\x22a\\x22 HTTP/1.1" 200 8 "-" "x"\n'
    log = opened(tmp_path, [json.dumps({"log": line, "stream": "stdout", "time": "2025-03-04T10:00:01Z"})] * 3 + ["{}"])
    assert (log.format, log.inner) == ("combined", ("log",))
    assert requests(log) == [r"GET /v3/query?q=\x22a\x22 HTTP/1.1"] * 3
    assert (log.lines, log.broken) == (4, 1)


def test_a_number_too_long_for_python_breaks_its_line_alone(tmp_path):
    log = opened(tmp_path, ['{"uri": "/v3/gene/1"}', f'{{"uri": "/v3/gene/2", "n": {"9" * 5000}}}', "[" * 9000])
    assert (requests(log), log.lines, log.broken) == (["/v3/gene/1"], 3, 2)


def test_parquet_is_read_by_its_columns(tmp_path):
    table = pa.table({"n": [1, 2, 3], "request": [PATHS[0], None, "/v3/gene/2"], "sc_status": [200, 200, None]})
    pq.write_table(table, tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    assert (log.format, requests(log), log.lines, log.broken) == ("parquet", ["/v3/gene/2", PATHS[0]], 3, 1)
    split = pa.table({"uri": ["/v3/query", "/v3/gene/1"], "qs": ["q=a", None], "when": [1, 2]})
    pq.write_table(split, tmp_path / "split.parquet")
    assert requests(open_log(tmp_path / "split.parquet")) == ["/v3/gene/1", "/v3/query?q=a"], (
        "sorted, as they are counted"
    )


def test_equal_rows_of_parquet_are_counted_before_they_are_read(tmp_path):
    asked = [PATHS[0], PATHS[1], PATHS[0], "no request", "no request"]
    pq.write_table(pa.table({"path": asked, "agent": ["curl"] * 5}), tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    (batch,) = batches(log)
    counts = dict(zip(batch.column("request").to_pylist(), batch.column("lines").to_pylist(), strict=True))
    assert counts == {PATHS[0]: 2, PATHS[1]: 1}
    assert (log.lines, log.broken, log.examples) == (5, 2, ["no request"])


def test_parquet_that_is_damaged_is_read_up_to_the_damage(tmp_path):
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"path": [f"/v3/gene/{n}" for n in range(3000)]}), whole, row_group_size=1000)
    content = bytearray(whole.read_bytes())
    place = pq.ParquetFile(whole).metadata.row_group(1).column(0).data_page_offset
    content[place : place + 200] = b"\xff" * 200
    (tmp_path / "damaged.parquet").write_bytes(content)
    log = open_log(tmp_path / "damaged.parquet")
    assert sum(len(batch) for batch in batches(log)) < 3000
    assert log.truncated is not None
    assert log.truncated.startswith("Parquet data damaged after ")
