from __future__ import annotations

import re
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.logs.counting import count
from query_assistant.logs.files import Format, LogFile
from query_assistant.logs.formats import LINE_PATTERNS
from query_assistant.logs.noise import Familiar, Routes
from query_assistant.logs.reading import batches, open_log

PATHS = ["/v3/query?q=cdk2&fields=symbol,name", "/v3/gene/1017", "/v3/query?q=symbol:%22CDK2%22"]
WEB = '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 812'
COMBINED = WEB + ' "-" "curl/8.4.0"'
ALB = (
    "https 2025-03-04T10:00:01.135052Z app/lb/a32a 203.0.113.7:50599 10.0.0.7:80 0.001 0.052 0.000 200 200 589 2084 "
    '"GET https://mygene.info:443{} HTTP/1.1" "curl/8.4.0" ECDHE TLSv1.2 arn:aws:x "Root=1-6051" "mygene.info" "arn"'
)
ELB = (
    "2025-03-04T10:00:01.943958Z my-lb 203.0.113.7:2817 10.0.0.1:80 0.000073 0.001048 0.000057 200 200 0 29 "
    '"GET http://mygene.info:80{} HTTP/1.1" "curl/7.38.0" - -'
)
S3 = (
    '79a5 bucket [04/Mar/2025:10:00:01 +0000] 203.0.113.7 arn:aws:iam::1:user/a 3E57 REST.GET.OBJECT key "GET {} HTTP/'
    '1.1" 200 113 - 7 - - "-" "S3Console/0.4" -'
)
TORNADO = "[I 250304 10:00:01 web:2348] 200 GET {} (203.0.113.7) 12.34ms"
LINES: list[tuple[Format, str]] = [
    ("combined", COMBINED),
    ("combined", WEB),
    ("combined", '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET {}" 200 812 "-" "curl/8.4.0"'),
    ("combined", "Nov  8 10:00:01 web1 nginx: " + COMBINED),
    ("combined", "Nov 18 10:00:01 web1 nginx[123]: " + COMBINED),
    ("combined", "<190>Nov  8 10:00:01 web1 nginx: " + COMBINED),
    ("combined", "2025-03-04T10:00:01+0000 web1 nginx[123]: " + COMBINED),
    ("combined", "2025-03-04T10:00:01.123456789Z stdout F " + COMBINED),
    ("combined", "[pod/web-1/nginx] " + COMBINED),
    ("combined", "mygene.info:443 " + COMBINED),
    ("combined", '"203.0.113.4, 198.51.100.5" - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 812 "-" "curl/8"'),
    ("combined", '[2001:db8::8] - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 812 "-" "curl/8"'),
    ("combined", '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] 021 "GET {} HTTP/1.1" 200 812 "-" "curl/8"'),
    ("combined", COMBINED + ' 12 "router@docker" "http://10.0.0.2:80" 3ms'),
    ("combined", WEB + ' 0.013 "-" "Tab 10\\" (Linux)"'),
    ("combined", S3),
    ("alb", ALB),
    ("alb", ELB),
    ("tornado", TORNADO),
    ("tornado", "[INFO 2025-03-04 10:00:01,123 tornado.access:2348] 200 GET {} (2001:db8::7) 12.34ms"),
    ("paths", "{}"),
]
ROUTES = Routes("/v3", ("gene",))


def opened(folder: Path, lines: list[str], format: Format | None = None) -> LogFile:
    file = folder / "access.log"
    file.write_text("\n".join(lines) + "\n")
    return open_log(file, format)


def table(log: LogFile) -> list[tuple[str, int, bool]]:
    return [tuple(row.values())[:3] for batch in batches(log) for row in batch.to_pylist()]  # one line each


def asked(log: LogFile) -> dict[str, int]:
    """The distinct requests as the filter counts them."""
    return {request.path: request.lines for request in count([log], ROUTES, Familiar()).requests}


@pytest.mark.parametrize(("format", "line"), LINES)
def test_every_line_format_is_told_and_taken_apart(tmp_path, format, line):
    log = opened(tmp_path, [line.format(path) for path in PATHS])
    assert log.format == format
    assert asked(log) == dict.fromkeys(PATHS, 1)
    assert (log.lines, log.broken, log.truncated) == (3, 0, None)


def test_lines_without_referer_are_told_as_combined_and_may_be_named_common(tmp_path):
    lines = [f'203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET {path} HTTP/1.1" 200 812' for path in PATHS]
    told = opened(tmp_path, lines)
    named = open_log(told.path, format="common")
    assert (told.format, named.format) == ("combined", "common")
    assert asked(told) == asked(named) == dict.fromkeys(PATHS, 1)


@pytest.mark.parametrize("line", [COMBINED, "syslog: " + COMBINED + ' "-"'], ids=["cut at quotes", "by pattern"])
def test_a_web_servers_line_gives_request_status_and_crawler(tmp_path, line):
    lines = [line.format("/v3/gene/1"), line.format("/v3/gene/2").replace("200 812", "404 -").replace("curl", "Gptbot")]
    assert table(opened(tmp_path, lines)) == [
        ("GET /v3/gene/1 HTTP/1.1", 200, False),
        ("GET /v3/gene/2 HTTP/1.1", 404, True),
    ]


ODD = [
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "-" 408 0 "-" "-"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "\\x16\\x03\\x01" 400 150 "-" "-"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q="BRCA1"&size=1 HTTP/1.1" 200 8 "-" "x"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=\\"BRCA1\\" HTTP/1.1" 200 8',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=a HTTP/1.1" 2 8 "-" "x"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=a HTTP/1.1" 200  "-" "x"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "PROPFIND /v3/query?q=a HTTP/1.1" 405 8 "-" "x"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "get /v3/query?q=a HTTP/1.1" 405 8 "-" "x"',
    '203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GETS /v3/query?q=a HTTP/1.1" 405 8 "-" "x"',
    '] "GET " "" ""',
    '"GET /" "" ""',
    '] "GET /v3/gene/1 HTTP/1.1" 200 5 "a\\" "b"',
    '] "GET /v3/gene/1 HTTP/1.1" 200 5 "-" "\\"',
    'a [b] "c" [d] "GET /v3/gene/1 HTTP/1.1" 200 5 "e" "f"',
    COMBINED.format("/v3/gene/9"),
]


@pytest.mark.parametrize("line", ODD)
def test_cutting_at_quotes_finds_what_the_pattern_finds(tmp_path, line):
    found = re.search(LINE_PATTERNS["combined"], line)
    log = opened(tmp_path, [line], "combined")
    expected = [] if found is None else [(found["method"] + " " + found["target"], int(found["status"]))]
    assert [row[:2] for row in table(log)] == expected
    assert (log.lines, log.broken) == (1, 0 if found else 1)


@pytest.mark.parametrize(
    ("line", "written", "meant"),
    [
        # nginx, escape=default: every quote, backslash and odd byte as \xXX.
        (COMBINED, r"symbol:\x22BRCA1\x22", "symbol:%22BRCA1%22"),
        (COMBINED, r"symbol:Su\x5C(H\x5C)", "symbol:Su%5C(H%5C)"),
        (COMBINED, r"caf\xC3\xA9", "caf%C3%A9"),
        (COMBINED, r"\x5Cx22", "%5Cx22"),
        # nginx, escape=json, and Apache.
        (COMBINED, r"symbol:\"BRCA1\"", "symbol:%22BRCA1%22"),
        (COMBINED, r"symbol:Su\\(H\\)", "symbol:Su%5C(H%5C)"),
        (COMBINED, r"\\x22", "%5Cx22"),
        (COMBINED, r"\\\"a\\\"", "%5C%22a%5C%22"),
        (COMBINED, r"caf\xe9\t\u001f", "caf%e9%09%1f"),
        (COMBINED, r"a\nb\\n", "a%0Ab%5Cn"),
        (WEB, r"symbol:\x22BRCA1\x22", "symbol:%22BRCA1%22"),
        # A load balancer; lists of paths cut out of such logs.
        (ALB, r"symbol:\x22BRCA1\x22", "symbol:%22BRCA1%22"),
        ("{}", r"symbol:\x22BRCA1\x22", "symbol:%22BRCA1%22"),
        # These write what they got.
        ("{}", r"symbol:Su\(H\)\\a", r"symbol:Su\(H\)\\a"),
        (TORNADO, r"symbol:\x22BRCA1\x22", r"symbol:\x22BRCA1\x22"),
        (TORNADO, r"symbol:Su\\(H\\)", r"symbol:Su\\(H\\)"),
        (COMBINED, r"symbol:Su\(H\)", r"symbol:Su\(H\)"),
    ],
)
def test_each_formats_own_escapes_are_undone(tmp_path, line, written, meant):
    log = opened(tmp_path, [line.format(f"/v3/query?q={written}&size=1")] * 2)
    assert asked(log) == {f"/v3/query?q={meant}&size=1": 2}


def test_what_is_no_log_is_refused_without_showing_addresses(tmp_path):
    with pytest.raises(InputError, match=r"cannot tell the format of access\.log.*\[address\] at \[address\]"):
        opened(tmp_path, ["Dear jane@example.org at 203.0.113.7,", "hello"])
    with pytest.raises(InputError, match="no log format 'xml'"):
        opened(tmp_path, ["x"], "xml")


def test_broken_lines_are_counted_and_a_few_shown_masked(tmp_path):
    log = opened(tmp_path, ["/v3/gene/1"] * 9 + [f"{n} from 2a02::7" for n in range(8)])
    assert asked(log) == {"/v3/gene/1": 9}
    assert (log.lines, log.broken, log.examples) == (17, 8, [f"{n} from [address]" for n in range(5)])
