"""Lines of access logs taken apart: which formats there are, how each escapes, and the columns that come of them.

    combined  203.0.113.7 - - [04/Mar/2025:10:00:01 +0000] "GET /v3/query?q=cdk2 HTTP/1.1" 200 812 "-" "curl/8.4.0"
    common    the same without referer and user agent
    alb       http 2025-03-04T10:00:01.1Z app/lb/1 203.0.113.7:505 10.0.0.7:80 0 0 0 200 200 5 2 "GET http://..." "curl"
    tornado   [I 250304 10:00:01 web:2348] 200 GET /v3/query?q=cdk2 (203.0.113.7) 12.34ms
    paths     /v3/query?q=cdk2

A line becomes a row of `SCHEMA`. Nearly every line of a web server is cut at its quotes, by arithmetic on the bytes of
a whole block; only lines that are built otherwise meet a regular expression. What is costly waits until equal requests
are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from query_assistant.logs.files import Format, LogFile, Places, line_blocks, line_bounds, slices
from query_assistant.logs.noise import load_noise
from query_assistant.logs.privacy import masked

# request: `GET /path?query HTTP/1.1` or the path alone, escaped as the format has it. status: 0 where the log has none.
# lines: how many such lines there were, one unless somebody counted.
SCHEMA = pa.schema([("request", pa.string()), ("status", pa.int16()), ("crawler", pa.bool_()), ("lines", pa.int64())])
EXAMPLES = 5  # broken lines of a file that are kept to look at

# Everything before the first quote, whatever stands in brackets there: clients, syslog's prefix, the time, durations.
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_REQUEST = r'"(?P<method>[A-Z]{3,8}) (?P<target>(?:[^"\\]|\\.)*)"'
_AGENT = r'"(?P<agent>(?:[^"\\]|\\.)*)"'
_WEB = rf'^(?:"[0-9a-fA-F:., -]*" )?[^"\[]*(?:\[[^\]]*\][^"\[]*)*{_REQUEST} (?P<status>\d{{3}}) (?:\d+|-)'
# They hold for Python's `re` and for Arrow's RE2.
LINE_PATTERNS: dict[Format, str] = {
    "combined": rf"{_WEB}(?: [^\" ]+)*(?: {_QUOTED} {_AGENT})?",
    "common": _WEB,
    "alb": r"^(?:[a-z][a-z0-9]* )?\d{4}-\d\d-\d\dT\S+ \S+ \S+ \S+ \S+ \S+ \S+ (?P<status>\d{3}|-) \S+ \S+ \S+ "
    rf"{_REQUEST}(?: {_AGENT})?",
    "tornado": r"(?P<status>\d{3}) (?P<method>[A-Z]{3,8}) (?P<target>/\S*) \([^)]*\) [0-9.]+ms",
    "paths": r"^(?:(?P<method>[A-Z]{3,8}) )?(?P<target>(?:https?://[^/ ]+)?/.*)",
}
# What servers write for signs that would spoil a line, as (pattern, replacement) of RE2, applied in this order. An
# escaped byte comes back percent-encoded, which is how a client sends it. nginx: \x22 \x5C; escape=json: \" \\ \u001f.
# Apache: \" \\ \n \xe9. A load balancer: \x22. A list of paths or a table may come out of any of them, but its own
# quoting is its reader's business. Tornado escapes nothing.
_HEXADECIMAL = (r"\\x([0-9A-Fa-f]{2})", r"%\1")
_WEB_ESCAPES = (
    (r"\\\\", "%5C"),
    (r'\\"', "%22"),
    _HEXADECIMAL,
    (r"\\u00([01][0-9A-Fa-f])", r"%\1"),
    *((rf"\\{sign}", f"%{ord(meant):02X}") for sign, meant in zip("nrtbvf", "\n\r\t\b\v\f", strict=True)),
)
ESCAPES: dict[Format, tuple[tuple[str, str], ...]] = {
    "combined": _WEB_ESCAPES,
    "common": _WEB_ESCAPES,
    "alb": _WEB_ESCAPES,
    "tornado": (),
    "paths": (_HEXADECIMAL,),
    "csv": (_HEXADECIMAL,),
    "w3c": (_HEXADECIMAL,),
    "jsonl": (_HEXADECIMAL,),
    "parquet": (_HEXADECIMAL,),
}


def line_batches(log: LogFile, blocks: Iterator[bytes] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a log of lines; fills in the log's counts on the way."""
    for block in line_blocks(log) if blocks is None else blocks:
        starts, ends = line_bounds(block, log)
        log.lines += len(starts)
        if log.format == "combined":
            cut, usual = _cut_at_quotes(block, starts, ends)
            yield usual
            starts, ends = starts[~cut], ends[~cut]
        if len(starts):
            yield _matched(slices(block, starts, ends), log)


def rows(
    requests: pa.Array, statuses: pa.Array, crawlers: pa.Array, lines: Sequence[int] | None = None
) -> pa.RecordBatch:
    counts = pa.array(lines, pa.int64()) if lines is not None else pa.repeat(pa.scalar(1, pa.int64()), len(requests))
    return pa.record_batch([requests, statuses, crawlers, counts], schema=SCHEMA)


def add_broken(log: LogFile, lines: list[str], count: int) -> None:
    """Counts broken lines, of which `lines` are the first, and keeps some to look at."""
    log.broken += count
    wanted = EXAMPLES - len(log.examples)
    log.examples += [masked(line) for line in lines[:wanted]]


def crawlers_of(agents: pa.Array) -> pa.Array:
    """Whether each user agent calls itself a crawler: there are few agents, and each is looked at once."""
    encoded, crawler = agents.dictionary_encode(), load_noise().crawler
    known = pa.array([_is_crawler(agent, crawler) for agent in encoded.dictionary.to_pylist()], pa.bool_())
    return pc.fill_null(known.take(encoded.indices), False) if len(known) else pa.array([False] * len(agents))


@lru_cache(maxsize=50_000)
def _is_crawler(agent: str, crawler: re.Pattern[str]) -> bool:
    return crawler.search(agent) is not None


def _matched(lines: pa.Array, log: LogFile) -> pa.RecordBatch:
    """The lines that the format's pattern fits, as rows; the others are broken."""
    parts = pc.extract_regex(lines, LINE_PATTERNS[log.format])
    if parts.null_count:
        others = lines.filter(parts.is_null())
        add_broken(log, others.slice(0, EXAMPLES).to_pylist(), len(others))
        parts = parts.drop_null()
    found = {field.name: parts.field(number) for number, field in enumerate(parts.type)}
    method, target = found["method"], found["target"]
    joined = pc.binary_join_element_wise(method, target, " ")
    requests = pc.if_else(pc.equal(method, ""), target, joined)
    none = pa.array([""] * len(parts), pa.string())
    statuses = pc.if_else(pc.match_substring_regex(found.get("status", none), r"^\d"), found.get("status", none), "0")
    return rows(requests, statuses.cast(pa.int16()), crawlers_of(found.get("agent", none)))


def _cut_at_quotes(block: bytes, starts: Places, ends: Places) -> tuple[npt.NDArray[np.bool_], pa.RecordBatch]:
    """Which lines are built as a web server usually builds them, and those as rows.

    Such a line has six quotes, none of them escaped, around its request, referer and agent, and this around the quotes:
    `] "GET ...`, `" 200 8... "`, `" "`.
    """
    signs = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(signs == ord('"'))
    first = np.searchsorted(quotes, starts)
    six = np.flatnonzero(np.searchsorted(quotes, ends) - first == 6)
    found = quotes[first[six] + np.arange(6)[:, None]]
    wide = (found[1] - found[0] > 5) & (found[2] - found[1] > 7) & (found[4] - found[3] == 2)
    six, found = six[wide], found[:, wide]
    usual = _stands(signs, found[0] - 2, b"] ") & _stands(signs, found[2] - 1, b" ")
    usual &= _stands(signs, found[4] - 1, b" ")
    usual &= _is_request(signs, found[0] + 1)
    usual &= _is_answer(signs, found[1]) & np.all(signs[found[1:] - 1] != ord("\\"), axis=0)
    six, found = six[usual], found[:, usual]
    cut = np.zeros(len(starts), np.bool_)
    cut[six] = True
    digits = signs[found[1] + np.array([[2], [3], [4]])].astype(np.int16) - ord("0")
    statuses = pa.array(digits[0] * 100 + digits[1] * 10 + digits[2], pa.int16())
    agents = crawlers_of(slices(block, found[4] + 1, found[5]))
    return cut, rows(slices(block, found[0] + 1, found[1]), statuses, agents)


def _is_request(signs: npt.NDArray[np.uint8], begins: Places) -> npt.NDArray[np.bool_]:
    """Whether a usual method stands there; nearly always it is GET."""
    found = _stands(signs, begins, b"GET ")
    others = np.flatnonzero(~found)
    for method in (b"POST ", b"HEAD ", b"OPTIONS "):
        found[others] |= _stands(signs, begins[others], method)
    return found


def _stands(signs: npt.NDArray[np.uint8], places: Places, text: bytes) -> npt.NDArray[np.bool_]:
    wanted = np.frombuffer(text, np.uint8)
    stands: npt.NDArray[np.bool_] = np.all(signs[places + np.arange(len(text))[:, None]] == wanted[:, None], axis=0)
    return stands


def _is_answer(signs: npt.NDArray[np.uint8], closed: Places) -> npt.NDArray[np.bool_]:
    """Whether status and size stand behind the quote: ` 200 8` or ` 304 -`."""
    numbers = signs[closed + np.array([[2], [3], [4], [6]])]
    digits = (numbers >= ord("0")) & (numbers <= ord("9"))
    blanks = _stands(signs, closed + 1, b" ") & _stands(signs, closed + 5, b" ")
    answers: npt.NDArray[np.bool_] = blanks & np.all(digits[:3], axis=0) & (digits[3] | (numbers[3] == ord("-")))
    return answers
