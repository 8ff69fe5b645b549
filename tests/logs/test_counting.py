from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from query_assistant.logs.counting import Counted, count
from query_assistant.logs.files import LogFile
from query_assistant.logs.noise import Familiar, Routes
from query_assistant.logs.reading import open_log
from query_assistant.logs.understanding import LoggedRequest as Request

GENES = Routes("/v3", ("gene",), ("api", "spec", "species"))
VARIANTS = Routes("/v1", ("variant", "hg19", "hg38"))
FAMILIAR = Familiar(monitors=("1017", "chr1:g.218631822G>A"), examples=("cdk2", "chr1:69000-70000"))


def counted(
    folder: Path, lines: list[str], routes: Routes = GENES, *, format: str = "paths", **settings: int
) -> Counted:
    file = folder / "access.log"
    file.write_text("\n".join(lines) + "\n")
    return count([open_log(file, format)], routes, FAMILIAR, **settings)


def web(method: str, path: str, status: int = 200, agent: str = "curl/8") -> str:
    return f'192.0.2.1 - - [04/Mar/2025:10:00:01 +0000] "{method} {path} HTTP/1.1" {status} 5 "-" "{agent}"'


def kinds(found: Counted) -> dict[str, int]:
    return {kind: tally.lines for kind, tally in found.noise.items()}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v3/metadata", "metadata"),
        ("/metadata/fields?search=go", "metadata"),
        ("/status?dev", "status"),
        ("/", "page"),
        ("/favicon.ico", "page"),
        ("/v3/api", "page"),
        ("/v3/spec", "page"),
        ("/v3/species/9606", "page"),
        ("/static/js/app.js?v=3", "page"),
        ("/v2/query?q=insulin", "other_version"),
        ("/api/v1/query?q=insulin", "other_version"),
        ("/query?q=insulin", "other_version"),
        ("/wp-login.php", "foreign_path"),
        ("/v3/genes/1", "foreign_path"),
        ("/v3//query?q=x", "foreign_path"),
        ("/v3/query?scroll_id=abc", "continuation"),
        ("/v3/gene/1017?fields=symbol", "monitor"),
        ("/v3/query?q=CDK2&size=5", "example"),
        ("/v3/query?q=chr1%3A69000-70000", "example"),
        ("/v3/query?q=a&q=cdk2&size=1", "example"),  # the last q counts
        ("/v3/query?q=a?q=cdk2", "example"),
        ("/v3/query?q=jane%40lab.org", "personal"),
        ("/v3/query?q=jane%2540lab.org", "personal"),
        ("/v3/query?q=insulin&user=jane@lab.org", "personal"),
        ("/v3/query?q=10.1.2.3", "personal"),
        ("/v3/query?q=2001%3Adb8%3A%3A7", "personal"),
        ("/v3/query?fields=symbol&user=jane@lab.org", "personal"),  # before it is told that nothing was asked
        ("/v3/gene/host-203-0-113-9.example.net", "personal"),
        ("/v3/query", "no_body"),
        ("/v3/gene/", "no_body"),
        ("/v3/query/?fields=symbol&size=1000", "no_body"),
    ],
)
def test_noise_is_told_by_kind(tmp_path, path, kind):
    found = counted(tmp_path, [path, "/v3/query?q=insulin"])
    assert kinds(found) == {kind: 1}
    assert found.requests == (Request("", "/v3/query?q=insulin", 1),)


@pytest.mark.parametrize(
    "path",
    [
        "/v3/query?q=cdk2 kinase",
        "/v3/query/?q=x",
        "/v3/gene/695",
        "/v3/gene?id=1",
        "/v3/gene/symbol%3ACDK2",
        "/v3/query?facets=taxid",
        "/v3/query?q=",
        "/v3/query?q=1.14.13.39",
        "/v3/query?q=index.html",
    ],
)
def test_questions_are_not_noise(tmp_path, path):
    assert counted(tmp_path, [path]).requests == (Request("", path, 1),)


def test_an_api_of_several_types_answers_below_each(tmp_path):
    lines = [
        "/v1/hg38/query?q=rs1",
        "/v1/variant/chr1:g.1A%3EG",
        "/v1/hg38/metadata",
        "/v1/variant/chr1%3Ag.218631822G%3EA",
    ]
    found = counted(tmp_path, lines, VARIANTS)
    assert [request.path for request in found.requests] == ["/v1/hg38/query?q=rs1", "/v1/variant/chr1:g.1A%3EG"]
    assert kinds(found) == {"metadata": 1, "monitor": 1}


def test_methods_statuses_and_agents_tell_more_noise(tmp_path):
    lines = [
        web("OPTIONS", "/v3/query"),
        web("HEAD", "/v3/query?q=a"),
        web("GET", "/v3/query?q=a", 301),
        web("PUT", "/v3/query?q=b", 405),
        web("GET", "/v3/query?q=c", 200, "Googlebot/2.1"),
        web("GET", "/v3/query?q=c", 304),
        web("GET", "/v3/query"),
        web("POST", "/v3/query", 200, "biothings_client.py/0.4"),
        web("POST", "/v3/query?q=a,b&scopes=symbol"),
        web("POST", "/v3/gene?ids=1,2"),
    ]
    found = counted(tmp_path, lines, format="combined")
    assert kinds(found) == {
        "preflight": 1,
        "probe": 1,
        "redirect": 1,
        "wrong_method": 1,
        "crawler": 1,
        "no_body": 1,
    }
    assert {(request.method, request.path) for request in found.requests} == {
        ("GET", "/v3/query?q=c"),
        ("GET", "/v3/query"),
        ("POST", "/v3/query?q=a,b&scopes=symbol"),
        ("POST", "/v3/gene?ids=1,2"),
    }


def test_examples_of_noise_do_not_depend_on_the_order_of_lines(tmp_path):
    lines = [web(method, "/status") for method in ("GET", "POST", "PUT", "DELETE", "PATCH")]
    assert counted(tmp_path, lines, format="combined").noise["status"].examples == [
        "PUT /status", "POST /status", "PATCH /status",
    ]  # fmt: skip
    assert counted(tmp_path, lines[::-1], format="combined").noise == counted(tmp_path, lines, format="combined").noise


def test_what_servers_ignore_is_cut_before_counting_and_no_address_is_kept(tmp_path):
    lines = [
        "/v3/query?q=insulin&email=jane@lab.org",
        "/v3/query?callback=jQuery1_2&q=insulin&_=17000",
        "https://mygene.info/v3/query?q=insulin&returnall=True&as_dataframe=1",
        "/v3/query?email=a%40b.org&q=insulin",
    ]
    found = counted(tmp_path, lines)
    assert found.requests == (Request("", "/v3/query?q=insulin", 4),)
    assert found.emails == 2


def test_protocol_host_and_trailing_signs_are_no_part_of_a_path(tmp_path):
    lines = [
        "GET https://mygene.info/v3/query?q=a b HTTP/1.1",
        "GET /v3/query?q=a b&",
        "GET /v3/query?callback=x&q=a b&_=1  ",
        "GET http://mygene.info/v3/gene/5",
    ]
    found = counted(tmp_path, lines)
    assert found.requests == (Request("GET", "/v3/query?q=a b", 3), Request("GET", "/v3/gene/5", 1))


def test_what_was_encoded_twice_is_decoded_once_and_counted_with_the_rest(tmp_path):
    found = counted(tmp_path, ["/v3/query?q=symbol%253ACDK4", "/v3/query?q=symbol%3ACDK4", "/v3/query?q=5%25"])
    assert found.requests == (Request("", "/v3/query?q=symbol%3ACDK4", 2), Request("", "/v3/query?q=5%25", 1))
    assert found.repaired == 1


def test_keystrokes_leave_the_word_that_was_meant(tmp_path):
    typed = [f"/v3/query?q={'insulin'[:end]}*&limit=20" for end in range(2, 8)]
    chosen = ["/v3/query?q=BRCA*", "/v3/query?q=BRCA1*", "/v3/query?q=ins*"]
    found = counted(tmp_path, typed + chosen)
    assert {request.path for request in found.requests} == {typed[-1], *chosen}
    assert kinds(found) == {"keystroke": 5}


def test_of_more_requests_than_wanted_every_shape_keeps_its_commonest(tmp_path):
    loop = [f"/v3/query?q=symbol:A{number}&fields=name" for number in range(50)]
    lines = [*loop, loop[7], "/v3/query?q=name:insulin AND taxid:9606", "/v3/gene/5", "/v3/gene/6", "/v3/gene/6"]
    found = counted(tmp_path, lines, most_requests=3)
    assert found.requests == (
        Request("", "/v3/gene/6", 2),
        Request("", loop[7], 2),
        Request("", "/v3/query?q=name:insulin AND taxid:9606", 1),
    )
    assert kinds(found) == {"same_shape": 50}


def test_every_line_is_broken_noise_or_a_request(tmp_path):
    lines = ["/v3/query?q=a", "/v3/metadata", "!! not a path 203.0.113.9", "?? nor this", "/v3/gene/5"]
    (tmp_path / "access.log").write_text("\n".join(lines))
    log = open_log(tmp_path / "access.log", "paths")
    found = count([log], GENES, FAMILIAR)
    assert (found.lines, log.broken) == (5, 2)
    assert sum(request.lines for request in found.requests) + sum(kinds(found).values()) == 3
    assert log.examples == ["!! not a path [address]", "?? nor this"]


def test_a_line_whose_request_is_empty_is_broken(tmp_path):
    lines = [web("GET", ""), web("GET", " "), web("GET", "/v3/gene/5"), "203.0.113.9"]
    (tmp_path / "access.log").write_text("\n".join(lines))
    log = open_log(tmp_path / "access.log", "combined")
    found = count([log], GENES, FAMILIAR)
    assert (found.lines, log.broken, found.requests) == (4, 3, (Request("GET", "/v3/gene/5", 1),))


def test_what_killed_runs_left_on_the_disk_is_removed_and_what_running_ones_hold_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("query-assistant-left", "query-assistant-held", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "duckdb_temp_storage.tmp").write_text("x")
    handle = os.open(tmp_path / "query-assistant-held", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    (tmp_path / "logs").mkdir()
    counted(tmp_path / "logs", ["/v3/gene/5"])
    os.close(handle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "other", "query-assistant-held"]


def test_broken_lines_are_counted_by_file(tmp_path):
    (tmp_path / "a.log").write_text("/v3/gene/5\nbroken\nbroken\n")
    (tmp_path / "b.log").write_text("/v3/gene/5\n")
    logs: list[LogFile] = [open_log(tmp_path / name, "paths") for name in ("a.log", "b.log")]
    found = count(logs, GENES, FAMILIAR)
    assert [(log.lines, log.broken) for log in logs] == [(3, 2), (1, 0)]
    assert found.requests == (Request("", "/v3/gene/5", 2),)


def test_bodyless_posts_tell_what_their_urls_say(tmp_path):
    lines = [web("POST", "/v3/query?fields=symbol%2Cname&size=1000&token=secret")] * 2 + [web("POST", "/v3/query")]
    found = counted(tmp_path, lines, format="combined")
    assert found.posts == {"fields": {"symbol,name": 2}, "size": {"1000": 2}}


@example(["%F2", "q=%F2&fields=%FF", "%"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("/v3querygn?=&%25FF+*:\"'\\()[]~ é\x00\x1f", max_size=40), max_size=12))
def test_no_line_however_odd_stops_the_count(tmp_path, lines):
    odd = ["/v3/query?q=" + line.replace("\n", "") for line in lines] + [line + "/v3/gene/" for line in lines]
    found = counted(tmp_path, ["/v3/gene/5", *odd])
    accounted = sum(request.lines for request in found.requests) + sum(kinds(found).values())
    broken = found.lines - accounted
    assert 0 <= broken <= len(odd)
    assert found.lines >= 1 + len(lines)
