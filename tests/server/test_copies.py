"""A copied call asks what the query asks, wherever it is pasted, and nothing that stands in it is obeyed there."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from query_assistant.apis import Api
from query_assistant.queries.request import from_text, parse
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.replica.http import application
from query_assistant.server.copies import copies_of

HOSTILE = "/v3/query?q=symbol:'; touch /tmp/owned; echo '$(id)`id`\\\"&size=3"
QUERIES = [
    "/v3/query?q=symbol:CDK2 OR symbol:CDK4&species=human&size=3",
    "https://evil.example/v3/query?q=symbol:CDK2&size=1",
    "/v3/query?q=insulin&from=2&fields=symbol,name",
    'POST /v3/query {"q":["CDK2","nothing"],"scopes":["symbol"],"fields":["name"]}',
    HOSTILE,
]


@pytest.mark.parametrize("query", QUERIES)
def test_curl_sends_the_same_call(mygene: Api, query: str) -> None:
    curl = copies_of(from_text(query), mygene).curl
    shown = subprocess.run(
        ["bash", "-c", f"curl() {{ printf '%s\\0' \"$@\"; }}; {curl}"], capture_output=True, text=True, check=True
    )
    *options, url = shown.stdout.split("\0")[:-1]
    body = next((option for option in options if option.startswith("{")), None)
    sent = from_text(f"POST {url} {body}" if body else url)
    assert parse(sent, mygene) == parse(from_text(query), mygene)


@pytest.mark.parametrize("query", QUERIES[:-1])
def test_the_python_code_gets_the_replica_s_answer(mygene: Api, replica: Replica, query: str) -> None:
    code = copies_of(from_text(query), mygene).python
    with running(application([replica])) as address:
        told = code.replace("get_client('gene')", f"get_client('gene', url='{address}/v3')")
        done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    found: Any = replica.execute(parse(from_text(query), mygene)).body
    hits = found["hits"] if isinstance(found, dict) else [hit for hit in found if not hit.get("notfound")]
    assert hits
    assert all(repr(hit["_id"]) in done.stdout for hit in hits)


def test_only_the_api_s_own_host_is_called(mygene: Api) -> None:
    copies = copies_of(from_text(QUERIES[1]), mygene)
    assert copies.url == "https://mygene.info/v3/query?q=symbol:CDK2&size=1"
    assert "evil" not in copies.python + copies.curl + copies.r


def test_hostile_values_stay_values(mygene: Api) -> None:
    copies = copies_of(from_text(HOSTILE), mygene)
    assert " " not in copies.url
    assert '"' not in copies.url
    compile(copies.python, "copied", "exec")
    assert copies.r.count('"') == 2
