"""The process: it says what is missing, answers under a proxy's path, and ends cleanly when it is told to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from query_assistant.apis import Api
from query_assistant.cli import run
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.server.gate import GateRules
from query_assistant.server.hosting import web_application

from .serving import desk_of

SERVER = """
import sys, tempfile, pathlib, time
sys.path.insert(0, sys.argv[2])
from query_assistant.apis import load_api
from query_assistant.replica import Replica
from query_assistant.server.answering_thread import AnsweringThread
from query_assistant.server.desk import Desk
from query_assistant.server.gate import GateRules
from query_assistant.server.hosting import serve_desk
from server.serving import opened, say
api = load_api("mygene")
def slow(prompt):
    time.sleep(1)
    return say(prompt)
desk = Desk({"mygene": api}, AnsweringThread(lambda: opened({"mygene": api}, slow)),
            lambda _: Replica.from_records(api, []), pathlib.Path(tempfile.mkdtemp()) / "c.sqlite")
serve_desk(desk, GateRules(), host="127.0.0.1", port=int(sys.argv[1]))
"""


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "query_assistant.server.hosting")
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert run(["serve"]) == 2
    assert "pip install 'query-assistant[serve]'" in capsys.readouterr().err


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_sigterm_lets_a_question_at_work_finish_and_ends_with_0() -> None:
    port, tests = free_port(), str(Path(__file__).parents[1])
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), tests], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    while True:
        try:
            if client.get("/api/state").json()["model"] == "ready":
                break
        except httpx.TransportError:
            assert server.poll() is None
            time.sleep(0.2)
    assert client.post("/api/ask", json={"question": "cdk2"}).status_code == 200  # what is loaded on first use
    asking = subprocess.Popen(
        ["curl", "-s", f"http://127.0.0.1:{port}/api/ask", "--json", '{"question": "insulin genes of mice"}'],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while client.get("/api/state").json()["waiting"] == 0:
        time.sleep(0.02)
    client.close()
    server.send_signal(signal.SIGTERM)
    answered, _ = asking.communicate(timeout=30)
    assert '"valid":true' in answered
    _, said = server.communicate(timeout=30)
    assert (server.returncode, said) == (0, "")


def test_a_proxy_s_path_stands_before_everything(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    """A proxy that strips its path: what the page loads begins with it again."""
    rules = GateRules(hosts=(), calls_per_minute=0)
    with desk_of(mygene, replica, tmp_path) as desk:
        served = web_application(desk, rules, root_path="/assistant")

        async def proxied(scope: dict[str, object], receive: object, send: object) -> None:
            await served({**scope, "root_path": "/assistant"} if scope["type"] == "http" else scope, receive, send)  # type: ignore[arg-type]

        with running(proxied) as address, httpx.Client(base_url=address, timeout=60) as client:
            assert client.get("/api/state").json()["model"] == "ready"
            page = client.get("/").text
            assert f"{address}/assistant" in page
