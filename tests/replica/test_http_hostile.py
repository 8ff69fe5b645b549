"""The server before clients that idle, drip, flood, or ask for everything at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import Response

from query_assistant.apis import Api, load_api
from query_assistant.cli import run
from query_assistant.errors import ConfigurationError
from query_assistant.replica import Replica, connections
from query_assistant.replica import http as http_module
from query_assistant.replica.connections import running
from query_assistant.replica.http import CORS, WORKERS, WORKERS_PER_CLIENT, Workers, application, serve


@pytest.fixture(scope="module")
def mygene() -> Api:
    return load_api("mygene")


@pytest.fixture(scope="module")
def replica(mygene: Api) -> Replica:
    return Replica.from_records(mygene, [{"_id": "1017", "symbol": "CDK2"}])


@pytest.fixture
def base(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    monkeypatch.setattr(http_module, "BODY_S", 0.3)
    with running(application([replica])) as address:
        yield address


def connected(base: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2])))
    client.settimeout(10)
    return client


@pytest.mark.parametrize("sent", [b"", b"GET /v3/query?q=cdk2 HT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\x16\x03\x01"])
def test_a_connection_without_a_whole_head_is_closed(base: str, sent: bytes) -> None:
    with closing(connected(base)) as client:
        client.sendall(sent)
        while client.recv(4096):
            pass


def test_a_second_request_on_a_connection_may_not_idle_either(base: str) -> None:
    with closing(connected(base)) as client:
        client.sendall(b"GET /v3/query?q=cdk2 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /v3/qu")
        while client.recv(4096):
            pass


def test_idle_sockets_lock_nobody_out_for_longer_than_their_bound(base: str) -> None:
    idle = [connected(base) for _ in range(80)]
    with httpx.Client(base_url=base, trust_env=False, timeout=10) as web:
        statuses = []
        while 200 not in statuses and len(statuses) < 200:
            statuses.append(web.get("/v3/query?q=cdk2").status_code)
            time.sleep(0.05)
    assert statuses[-1] == 200
    for client in idle:
        client.close()


def test_a_body_that_never_comes_whole_is_given_up(base: str) -> None:
    with closing(connected(base)) as client:
        client.sendall(b"POST /v3/query HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nq=")
        assert client.recv(65_536).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "multipart/form-data; boundary=x"}, b"\r\n" * 2_000_000),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\n" * 50_000),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 50_000 + b"--x--",
        ),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\nContent-Disposition: form-data; " + b'a="b"; ' * 400_000 + b"\r\n\r\n1\r\n--x--",
        ),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b"--x\r\nContent-Disposition: form-data; name=((((\r\n\r\n1\r\n--x--\r\n",
        ),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nq\r\n--x--\r\n',
        ),
        ({"content-type": "multipart/form-data; charset=nosuch; boundary=x"}, b"--x--"),
        ({"content-type": "multipart/form-data; boundary=" + "x" * 5000}, b"--x--"),
        ({"content-type": "multipart/form-data; boundary=é".encode()}, b"--x--"),
    ],
)
def test_no_form_harms_the_server(replica: Replica, headers: Any, body: bytes) -> None:
    with running(application([replica])) as base, httpx.Client(base_url=base, trust_env=False, timeout=30) as web:
        assert web.post("/v3/query", content=body, headers=headers).status_code == 400
        assert web.get("/status").status_code == 200


def test_a_form_of_plain_fields_is_read_as_before(replica: Replica) -> None:
    with running(application([replica])) as base, httpx.Client(base_url=base, trust_env=False) as web:
        rows = web.post("/v3/query", files={"q": (None, "CDK2"), "scopes": (None, "symbol")}).json()
    assert [row["_id"] for row in rows] == ["1017"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v3/query?q=cdk2"), ("OPTIONS", "/v3/query"), ("GET", "/v3/gene/0000"), ("GET", "/nowhere"),
     ("DELETE", "/v3/query"), ("POST", "/v3/query"), ("GET", "/v3/query?size=x")],
)  # fmt: skip
def test_every_answer_may_be_read_by_any_page(replica: Replica, method: str, path: str) -> None:
    with running(application([replica])) as base, httpx.Client(base_url=base, trust_env=False) as web:
        headers = web.request(method, path, headers={"Origin": "null"}).headers
    assert {name: headers.get(name) for name in CORS} == CORS


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/v3/query?q=cdk2", True), ("/v3/gene/1017", True), ("/v3/query?q=cdk2&fetch_all=true", False)],
)
def test_answers_may_be_kept_for_a_week_but_not_scrolls(replica: Replica, path: str, kept: bool) -> None:
    with running(application([replica])) as base, httpx.Client(base_url=base, trust_env=False) as web:
        header = web.get(path).headers.get("cache-control")
    assert (header == "max-age=604800, public") is kept


def test_one_client_never_holds_every_worker() -> None:
    busy, most = 0, {"one": 0, "all": 0}
    lock, let_go = threading.Lock(), threading.Event()

    def work() -> Response:
        nonlocal busy
        with lock:
            busy += 1
            most["all"] = max(most["all"], busy)
        let_go.wait(10)
        with lock:
            busy -= 1
        return Response()

    async def main() -> None:
        workers = Workers()
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(workers.run, "greedy", work)
            while busy < WORKERS_PER_CLIENT:
                await anyio.sleep(0.01)
            await anyio.sleep(0.1)
            most["one"] = most["all"]
            group.start_soon(workers.run, "patient", work)
            while busy < WORKERS_PER_CLIENT + 1:
                await anyio.sleep(0.01)
            let_go.set()

    anyio.run(main)
    assert most["one"] == WORKERS_PER_CLIENT < WORKERS


def test_the_books_on_clients_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "CLIENTS", 5)

    async def main() -> int:
        workers = Workers()
        for number in range(50):
            await workers.run(f"10.0.0.{number}", Response)
        return len(workers._of_client)

    assert anyio.run(main) == 5


@pytest.mark.parametrize("host", ["", " ", "999.1.1.1", "no such host", "a" * 300, "é.invalid", "10.255.255.1"])
def test_an_address_that_cannot_be_listened_on_is_one_clear_error(host: str, replica: Replica) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on|empty host"):
        serve([replica], host, 0)


def test_a_taken_port_ends_with_the_documented_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["replica", "serve", "taxon", "--port", port]) == 2
    assert capfd.readouterr().err.startswith(f"error: cannot listen on '127.0.0.1' port {port}: ")


def test_many_at_once_all_get_their_answer(replica: Replica) -> None:
    with running(application([replica])) as base, ThreadPoolExecutor(16) as pool:
        ask = lambda _: httpx.get(f"{base}/v3/query?q=cdk2", trust_env=False, timeout=30).status_code  # noqa: E731
        assert set(pool.map(ask, range(64))) == {200}
