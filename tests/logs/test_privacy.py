from __future__ import annotations

import sys

import pytest

from query_assistant.logs import privacy
from query_assistant.logs.privacy import masked, masked_path, personal

ADDRESSES = [
    "203.0.113.7", "203.000.113.007", "2a02::7", "fe80::1", "fe80::1%eth0", "::1", "2001:db8::1:2:3:4",
    "::ffff:203.0.113.7", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:DB8:0:0:8:800:200C:417A",
    "2001:db8:0:0:0:0:0:7:443", "64:ff9b::203.0.113.33", "host-203-0-113-9.example.net", "ip-10-0-0-9",
    "1.2.3.4.dsl.example", "7.113.0.203.in-addr.arpa", "p5B0A1234.dip0.t-ipconnect.de",
    "c-73-12-34-56.hsd1.ca.comcast.net", "ec2-203-0-113-25.compute-1.amazonaws.com", "2001-db8--7.ipv6.example",
    "b.a.9.8.ip6.arpa", "a@b.org", "x.y%40b.org", "jane.doe%2540lab.org", "jane@localhost",
]  # fmt: skip


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_are_masked_in_every_spelling(text):
    assert masked(f"from {text} today") == "from [address] today"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("[2001:db8::8]:443 -", "[[address]]:443 -"),
        ("203.0.113.7:50599 10.0.0.7:80", "[address]:50599 [address]:80"),
        ("client:2001:db8::7,", "client:[address],"),
        ("client: 203.0.113.7, server", "client: [address], server"),
        ("203.0.113.4,198.51.100.5.", "[address],[address]"),
        ("2001:db8::7/64", "[address]/64"),
        ("mailto:a@b.org?x", "mailto:[address]?x"),
    ],
)
def test_what_stands_around_an_address_stays(line, shown):
    assert masked(line) == shown


@pytest.mark.parametrize(
    "text",
    ["12:30:45", "[04/Mar/2025:10:00:01 +0000]", "2025-11-28T12:30:45.123", "GO:0008150", "::", "a:b:c", "1:2:3"],
)
def test_times_and_names_are_no_addresses(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "10.1.2.3", "203.0.113.7", "2001%3Adb8%3A%3A7", "fe80::1", "host-203-0-113-9.example", "ip-10-0-0-9",
        "1.2.3.4.dsl.example", "jane%40lab.org", "jane%2540lab.org", "203%2E0%2E113%2E7",
    ],
)  # fmt: skip
@pytest.mark.parametrize("parameter", ["q", "user"])
def test_a_path_with_an_address_is_personal_and_shown_without_it(parameter, value):
    path = f"/v3/query?{parameter}={value}"
    assert personal(path)
    assert masked_path(path) == f"/v3/query?{parameter}=[address]"


@pytest.mark.parametrize(
    "path",
    [
        "/v3/query?q=ec:1.14.13.39", "/v3/query?q=1.2.3.4", "/v3/query?q=chr1:69000-70000", "/v3/query?q=BCR::ABL1",
        "/v1/query?q=chembl.inchi:%22InChI=1S/C6/c1-2-3-4-5-6/h1-6H%22", "/v1/variant/chr7:g.140453136A>T",
        "/v1/query?q=50-78-2", "/v3/query?q=R-HSA-1-2-3-4", "/v3/query?q=hg19.7:140453136-140453137", "/v3/query?q=a@b",
        "/v1/query?q=chebi.inchi:c12-13-14-15/h", "/v3/query?q=10:20:30", "/v3/query?q=_exists_:go.BP AND taxid:9606",
    ],
)  # fmt: skip
def test_numbers_and_names_of_biology_are_not_personal(path):
    assert not personal(path)
    assert masked_path(path) == path


def test_every_personal_path_is_one_that_sql_suspects():
    import re

    suspect = re.compile(privacy.SUSPECT)
    hidden = [text.replace(":", "%3A").replace("@", "%2540") for text in ADDRESSES]
    assert [text for text in ADDRESSES + hidden if personal(f"/x?{text}") and not suspect.search(text)] == []


@pytest.mark.parametrize("unit", ["a", "1", "a.", ":", "1.2.3.", "1:", "1-", "a@", "%25", "[", "::1 ", "a-1."])
def test_work_grows_no_faster_than_the_line(unit):
    def steps(function, length: int) -> int:
        count = 0

        def counted(frame, event, argument):
            nonlocal count
            count += 1
            return counted

        text = unit * (length // len(unit))
        sys.settrace(counted)
        try:
            function(text)
        finally:
            sys.settrace(None)
        return count

    for function in (masked, masked_path, personal):  # the first time, patterns are compiled
        function(unit * 1_000)
    assert steps(masked, 60_000) <= steps(masked, 2_000) + 100
    assert steps(masked_path, 60_000) <= steps(masked_path, 2_000) + 100
    assert steps(personal, 16_000) <= 9 * steps(personal, 2_000) + 1_000
