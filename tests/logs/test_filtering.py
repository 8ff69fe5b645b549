from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import InputError, RequestError
from query_assistant.logs.filtering import FilterResult, filter_logs
from query_assistant.queries.request import Request
from query_assistant.replica.replica import Replica

GENES = [
    {"_id": str(n), "entrezgene": str(n), "symbol": f"GEN{n}", "name": f"insulin receptor {n}", "taxid": 9606}
    for n in range(1, 9)
]


@pytest.fixture(scope="module")
def api():
    return load_api("mygene")


@pytest.fixture(scope="module")
def replica(api):
    return Replica.from_records(api, GENES)


def filtered(folder: Path, lines: list[str], api, executor, per_signature: int = 3, **settings) -> FilterResult:
    file = folder / "simulated.log"
    file.write_text("\n".join(lines) + "\n")
    return filter_logs([file], api, executor, per_signature, format="paths", **settings)


def fallen(result: FilterResult) -> dict[str, dict[str, int]]:
    return {
        reason: {code: group.lines for code, group in codes.items()} for reason, codes in result.report.fell.items()
    }


def test_equivalent_spellings_become_one_query_with_all_their_lines(tmp_path, api, replica):
    lines = [
        "/v3/query?q=symbol%3AGEN1&species=human",
        "/v3/query/?q=symbol%3Agen1&species=9606&size=10&from=0&dotfield=false",
        "/v3/query?species=HUMAN&q=symbol:GEN1&callback=jQuery1",
        "/v3/query?species=HUMAN&q=symbol:GEN1&email=a%40b.org",
    ]
    (query,) = filtered(tmp_path, lines, api, replica).queries
    assert query.model_dump(exclude={"signature", "skeleton"}) == {
        "query": "/v3/query?q=symbol:GEN1&species=human",
        "body": None,
        "api": "mygene",
        "count": 4,
        "hits": 1,
        "origin": "log",
    }


def test_each_reason_to_fall_is_counted(tmp_path, api, replica):
    lines = [
        "/v3/metadata",
        "/v3/query?q=symbol:(GEN1",
        "/v3/query?q=symbol:GEN1&size=5000",
        "/v3/query?q=symbols:GEN1",
        "/v3/query?q=symbol:GEN1 and taxid:9606",
        "/v3/query?q=symbol:NOSUCH",
        "/v3/query?q=symbol:GEN2&from=20",
        "/v3/gene/99999",
        "/v3/query?q=symbol:GEN3",
        "nonsense",
    ]
    result = filtered(tmp_path, lines, api, replica)
    assert [query.query for query in result.queries] == ["/v3/query?q=symbol:GEN3"]
    assert fallen(result) == {
        "refused": {"400_q": 1, "400_size": 1},
        "invalid": {"unknown_field": 1},
        "misleading": {"lower_case_operator": 1},
        "no_hits": {"nothing_found": 2, "page_behind_the_last": 1},
    }
    assert {kind: group.lines for kind, group in result.report.noise.items()} == {"metadata": 1}
    assert result.report.broken.lines == 1


def test_every_line_is_accounted_for(tmp_path, api, replica):
    lines = [f"/v3/query?q=symbol:GEN{n % 12}&fields=name" for n in range(40)]
    lines += ["/v3/metadata", "broken", "/v3/query?q=(", "/v3/query", "/v3/query?q=insulin&size=3"]
    metrics = filtered(tmp_path, lines, api, replica, per_signature=2, most_requests=9).report.metrics()
    fell = sum(code["lines"] for codes in metrics["fell"].values() for code in codes.values())
    counts = metrics["lines"]
    assert counts["all"] == len(lines)
    assert counts["broken"] + counts["noise"] + counts["kept"] + fell == len(lines)
    assert metrics["fell"]["not_chosen"]["same_shape"]["lines"] > 0


def test_a_signature_keeps_k_queries_and_gives_up_after_enough_tries(tmp_path, api, replica):
    good = [f"/v3/query?q=symbol:GEN{n}" for n in range(1, 7)]
    assert len(filtered(tmp_path, good, api, replica, per_signature=2).queries) == 2
    empty = [f"/v3/query?q=symbol:NONE{n}" for n in range(9)]
    result = filtered(tmp_path, empty, api, replica, per_signature=2)
    assert fallen(result) == {"no_hits": {"nothing_found": 3}, "not_chosen": {"others_say_more": 6}}
    assert (result.report.signatures, result.report.signatures_kept) == (1, 0)


def test_queries_with_different_returned_fields_differ_in_signature(tmp_path, api, replica):
    lines = ["/v3/query?q=symbol:GEN1&fields=name", "/v3/query?q=symbol:GEN1&fields=taxid", "/v3/gene/1"]
    signatures = [query.signature for query in filtered(tmp_path, lines, api, replica).queries]
    assert len(set(signatures)) == 3


def test_a_post_whose_terms_stand_in_the_url_becomes_a_batch(tmp_path, api, replica):
    (query,) = filtered(tmp_path, ["/v3/query?q=GEN1,GEN2&scopes=symbol&fields=name"], api, replica).queries
    assert (query.query, query.hits) == ("/v3/query", 2)
    assert query.body == {"q": ["GEN1", "GEN2"], "scopes": ["symbol"], "fields": ["name"]}


def test_a_query_that_the_executor_refuses_falls(tmp_path, api):
    @dataclass
    class Refusing:
        def total(self, request: Request):
            raise RequestError("no", status=503)

    result = filtered(tmp_path, ["/v3/query?q=symbol:GEN1"], api, Refusing())
    assert fallen(result) == {"no_hits": {"status_503": 1}}


def test_nothing_that_leaves_the_filter_holds_an_address(tmp_path, api, replica):
    web = '{} - - [04/Mar/2025:10:00:01 +0000] "GET {} HTTP/1.1" 200 5 "-" "x"'
    paths = [
        "/v3/query?q=GEN1&email=jane@lab.org",
        "/v3/query?q=joe%40lab.org",
        "/v3/query?q=symbol:GEN2&user=203.0.113.9",
        "/v3/query?q=symbol:(2a02%3A%3A7",
        "/v3/query?q=symbols:host-203-0-113-9.example.net",
        "/v3/metadata?from=203.0.113.9",
    ]
    clients = ["203.0.113.9", "2a02::7", "host-203-0-113-9.example.net"]
    lines = [web.format(client, path) for client in clients for path in paths]
    lines += [f'{client} - jane@lab.org [04/Mar/2025:10:00:01 +0000] "-" 408 0 "-" "-"' for client in clients]
    file = tmp_path / "access.log"
    file.write_text("\n".join(lines) + "\n")
    (tmp_path / "error.log").write_text("client: 203.0.113.9, jane@lab.org\n")
    result = filter_logs([tmp_path], api, replica)
    everything = json.dumps(result.report.details()) + result.report.text()
    everything += "".join(query.model_dump_json() for query in result.queries)
    assert [query.query for query in result.queries] == ["/v3/query?q=GEN1"]
    assert [secret for secret in ("jane", "joe", "lab.org", "203", "2a02", "host-") if secret in everything] == []


def test_an_executors_fault_costs_one_query(tmp_path, api):
    class Faulty:
        def total(self, request: Request) -> int:
            raise OverflowError("too big")

    result = filtered(tmp_path, ["/v3/query?q=symbol:GEN1"], api, Faulty())
    assert fallen(result) == {"no_hits": {"OverflowError": 1}}


def test_a_request_longer_than_is_looked_at_is_counted(tmp_path, api, replica):
    lines = ["/v3/query?q=symbol:GEN1", "/v3/query?q=" + "chr" * 9_000, "/v3/query?q=" + "_" * 60_000]
    result = filtered(tmp_path, lines, api, replica)
    assert fallen(result) == {"unreadable": {"too_long": 2}}
    assert len(result.queries) == 1


def test_the_same_log_gives_the_same_queries_whatever_the_order_of_lines(tmp_path, api, replica):
    lines = [f"/v3/query?q=symbol:GEN{n % 9}&fields={field}" for n in range(30) for field in ("name", "taxid")]
    once = filtered(tmp_path, lines, api, replica, per_signature=2)
    again = filtered(tmp_path, lines[::-1], api, replica, per_signature=2)
    assert once.queries == again.queries
    assert once.report.metrics() == again.report.metrics()


def test_a_damaged_file_is_named_in_the_report(tmp_path, api, replica):
    file = tmp_path / "cut.log.gz"
    file.write_bytes(gzip.compress(b"/v3/query?q=symbol:GEN1\n" * 2000)[:-6])
    report = filter_logs([file], api, replica).report
    assert "cut.log.gz: gzip data ends early" in report.text()
    assert report.metrics()["files"] == {"read": 1, "set_aside": 0, "truncated": 1}


def test_an_empty_file_among_logs_is_no_trouble_but_nothing_at_all_is(tmp_path, api, replica):
    (tmp_path / "rotated.log").write_text("")
    with pytest.raises(InputError, match=r"no line in 1 files \(rotated\.log\)"):
        filter_logs([tmp_path], api, replica)
    (tmp_path / "today.log").write_text("/v3/query?q=symbol:GEN1\n")
    assert [query.query for query in filter_logs([tmp_path], api, replica).queries] == ["/v3/query?q=symbol:GEN1"]


def test_a_terminals_control_codes_in_a_request_are_shown_and_not_obeyed(tmp_path, api, replica):
    report = filtered(tmp_path, ["\x1b]0;owned\x07 broken", "/v3/query?q=symbol:GEN1"], api, replica).report
    assert "e.g. \\x1b]0;owned\\x07 broken" in report.text()


def test_a_missing_log_is_an_input_error(api, replica):
    with pytest.raises(InputError, match="no log at"):
        filter_logs(["nowhere/*.gz"], api, replica)
