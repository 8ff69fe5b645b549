"""The server as programs meet it: the public Python clients unchanged, and what nobody should send."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import biothings_client
import httpx
import mygene as mygene_client
import pytest

from query_assistant.apis import Api
from query_assistant.errors import ConfigurationError
from query_assistant.replica import Replica
from query_assistant.replica import http as http_module
from query_assistant.replica.connections import running
from query_assistant.replica.http import application


@pytest.fixture(scope="module")
def address(replica_of: Callable[[str], Replica]) -> Iterator[str]:
    """One server with all four APIs."""
    replicas = [replica_of(name) for name in ("mygene", "myvariant", "mychem", "mydisease")]
    with running(application(replicas)) as base:
        yield base


@pytest.fixture(scope="module")
def web(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False) as client:
        yield client


def client_of(kind: str, url: str) -> Any:
    return biothings_client.get_client(kind, url=url)


def test_the_mygene_client_works_unchanged(address: str) -> None:
    client = mygene_client.MyGeneInfo()
    client.url = f"{address}/mygene/v3"
    assert client.getgene("1017", fields="symbol,taxid") == {
        "_id": "1017",
        "_version": 1,
        "symbol": "CDK2",
        "taxid": 9606,
    }
    assert client.getgene("0") is None
    genes = client.getgenes(["1017", "12566", "none"], fields="symbol", species="human,mouse")
    assert genes == [
        {"query": "1017", "_id": "1017", "_version": 1, "symbol": "CDK2"},
        {"query": "12566", "_id": "12566", "_version": 1, "symbol": "Cdk2"},
        {"query": "none", "notfound": True},
    ]
    assert [hit["_id"] for hit in client.query("symbol:cdk?", size=5, species="human", sort="symbol")["hits"]] == [
        "1017",
        "1020",
    ]
    found = client.querymany(
        ["CDK2", "nope"], scopes="symbol,alias", fields="entrezgene", species="mouse", returnall=True
    )
    assert [(row["query"], row.get("entrezgene")) for row in found["out"]] == [("CDK2", "12566"), ("nope", None)]
    assert found["missing"] == ["nope"]
    assert client.metadata()["biothing_type"] == "gene"
    assert "ensembl.gene" in client.get_fields("ensembl")


def test_the_clients_of_the_other_apis_work_unchanged(address: str) -> None:
    variants = client_of("variant", f"{address}/myvariant/v1")
    assert variants.getvariant("chr19:g.11227554C>T", fields="dbsnp.rsid")["dbsnp"] == {"rsid": "rs1799898"}
    assert [row["_id"] for row in variants.getvariants(["rs1799898", "rs4961"], fields="_id")] == [
        "chr19:g.11227554C>T",
        "chr4:g.2906707G>T",
    ]
    chemicals = client_of("chem", f"{address}/mychem/v1")
    assert chemicals.getchem("CHEMBL521", fields="name")["name"] == "IBUPROFEN"
    assert chemicals.query("drugbank.name:ibuprofen")["total"] == 1
    diseases = client_of("disease", f"{address}/mydisease/v1")
    assert diseases.getdisease("MONDO:0008383", fields="mondo.label")["mondo"] == {"label": "rheumatoid arthritis"}
    assert diseases.metadata()["stats"]["total"] == 31


def test_fetch_all_of_the_client_brings_every_record(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": str(place), "taxid": 9606} for place in range(1500)])
    with running(application([replica])) as base:
        client = client_of("gene", f"{base}/v3")
        hits = list(client.query("taxid:9606", fetch_all=True, fields="taxid"))
    assert sorted(int(hit["_id"]) for hit in hits) == list(range(1500))


def test_one_api_is_served_at_the_root_and_under_its_name(mygene: Api) -> None:
    with running(application([Replica.from_records(mygene, [{"_id": "1"}])])) as base:
        for path in ("/v3/query", "/mygene/v3/query/", "/v3/metadata", "/metadata/fields", "/status"):
            assert httpx.get(base + path, trust_env=False).status_code == 200, path


def test_several_apis_are_listed_at_the_root_and_need_their_name(web: httpx.Client) -> None:
    assert web.get("/").json()["mychem"] == "/mychem/v1"
    missing = web.get("/v1/query?q=x")
    assert (missing.status_code, "mychem, mydisease, mygene" in missing.text) == (404, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"data": {"q": "CDK2", "scopes": "symbol"}}, ["1017", "12566"]),
        ({"json": {"q": ["CDK2"], "scopes": "symbol", "species": ["mouse"]}}, ["12566"]),
        ({"files": {"q": (None, "CDK2"), "scopes": (None, "symbol"), "size": (None, "1")}}, ["1017"]),
        ({"data": {"q": "CDK2"}, "params": {"scopes": "symbol", "species": "mouse"}}, ["12566"]),
    ],
)
def test_bodies_of_every_encoding_are_read(web: httpx.Client, arguments: dict[str, Any], expected: list[str]) -> None:
    assert [row["_id"] for row in web.post("/mygene/v3/query", **arguments).json()] == expected


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/mygene/v3/nowhere/at/all", 404, "text/html"),
        ("GET", "/mygene/v3/gene/0", 404, "application/json"),
        ("HEAD", "/mygene/v3/query?q=x", 405, "application/json"),
        ("HEAD", "/mygene/status", 200, "application/json"),
        ("DELETE", "/mygene/v3/query", 405, "application/json"),
        ("OPTIONS", "/mygene/v3/query", 204, None),
        ("GET", "/mygene/v3/query?q=(", 400, "application/json"),
        ("GET", "/mygene/v3/query?q=%FF", 400, "application/json"),
        ("GET", "/mygene/v3/query?size=x", 400, "application/json"),
        ("GET", "/mygene/v3/query?format=yaml", 200, "text/x-yaml; charset=utf-8"),
        ("GET", "/mygene/v3/query?format=html", 200, "text/html; charset=utf-8"),
        ("GET", "/mygene/v3/query?format=msgpack", 501, "application/json"),
        ("GET", "/mygene/v3/query?" + "a=1&" * 300, 400, "application/json"),
        ("GET", "/mygene/v3/query?q=" + "x" * 40_000, 414, "application/json"),
    ],
)
def test_answers_have_the_status_and_type_of_the_api(
    web: httpx.Client, method: str, path: str, status: int, kind: str | None
) -> None:
    response = web.request(method, path)
    found = response.headers.get("content-type")
    assert (response.status_code, found if kind != "text/html" else str(found)[:9]) == (status, kind)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {"content-type": "application/json"}, 400),
        (b"[" * 100_000, {"content-type": "application/json"}, 400),
        (b'["CDK2"]', {"content-type": "application/json"}, 400),
        (b"\xff\xfe", {"content-type": "application/x-www-form-urlencoded"}, 400),
        (b"garbage", {"content-type": "multipart/form-data; boundary=x"}, 400),
        (b"garbage", {"content-type": "multipart/form-data"}, 400),
        (b"q=a", {"content-type": "text/plain"}, 400),
        (b"q=" + b"a," * 20_000, {"content-type": "application/x-www-form-urlencoded"}, 400),
        (b"q=" + b"a" * 5_000_000, {"content-type": "application/x-www-form-urlencoded"}, 413),
        (b"q=CDK2", {"content-type": "application/x-www-form-urlencoded", "content-length": "6"}, 200),
    ],
)
def test_no_body_harms_the_server(web: httpx.Client, content: bytes, headers: dict[str, str], status: int) -> None:
    assert web.post("/mygene/v3/query", content=content, headers=headers).status_code == status
    assert web.get("/mygene/status").json()["success"] is True


def test_a_chunked_body_without_end_is_cut_off(web: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"q=" + b"a" * 65_536

    assert web.post("/mygene/v3/query", content=endless()).status_code == 413


def test_a_bug_is_answered_without_its_traceback(
    mygene: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica.from_records(mygene, [])
    monkeypatch.setattr(Replica, "execute", lambda *_: 1 / 0)
    with caplog.at_level(logging.CRITICAL, logger=http_module.__name__), running(application([replica])) as base:
        response = httpx.get(f"{base}/v3/query?q=secret", trust_env=False)
    assert response.json() == {"code": 500, "success": False, "error": "Internal Server Error"}


def test_the_server_listens_on_the_loopback_only(address: str) -> None:
    port = int(address.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.settimeout(1)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_html_shows_values_as_text(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": "1", "name": "<script>alert(1)</script>"}])
    with running(application([replica])) as base:
        text = httpx.get(f"{base}/v3/query?format=html", trust_env=False).text
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_a_server_needs_each_api_once(mygene: Api) -> None:
    one = Replica.from_records(mygene, [])
    for replicas in ([], [one, one]):
        with pytest.raises(ConfigurationError):
            application(replicas)


def test_http_answers_are_those_of_execute(web: httpx.Client, ask: Callable[[str, str], Any]) -> None:
    for call in ("/v3/query?q=cdk2&fields=all", "/v3/gene/1017", "/v3/metadata", "/v3/query?facets=taxid"):
        over_http, direct = web.get("/mygene" + call).json(), ask("mygene", call)
        for body in (over_http, direct):
            body.pop("took", None)
        assert over_http == json.loads(json.dumps(direct))


def test_a_variant_without_its_g_is_redirected_with_its_parameters(web: httpx.Client) -> None:
    moved = web.get("/myvariant/v1/variant/chr7:55181378C%3ET?fields=cadd")
    assert (moved.status_code, moved.headers["location"]) == (
        301,
        "/myvariant/v1/variant/chr7:g.55181378C%3ET?fields=cadd",
    )
    assert moved.headers["access-control-allow-origin"] == "*"


def test_who_follows_the_redirect_gets_the_variant(web: httpx.Client) -> None:
    known = web.get("/myvariant/v1/query?q=_exists_:dbsnp AND cadd.type:SNV&size=1").json()["hits"][0]["_id"]
    moved = web.get(f"/myvariant/v1/variant/{known.replace(':g.', ':')}", follow_redirects=True)
    assert (moved.status_code, moved.json()["_id"]) == (200, known)
