"""Replicas of the sample records (tests/replica/records), one per API, built once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.queries.request import parse
from query_assistant.replica import Replica

RECORDS = Path(__file__).with_name("records")


def sample(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def replica_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Replica]:
    cache = tmp_path_factory.mktemp("index")
    known: dict[str, Replica] = {}

    def replica(name: str) -> Replica:
        if name not in known:
            known[name] = Replica.load(load_api(name), RECORDS / f"{name}.jsonl", cache)
        return known[name]

    return replica


@pytest.fixture(scope="session")
def ask(replica_of: Callable[[str], Replica]) -> Callable[[str, str], Any]:
    """The body that one of the four replicas answers to a call in its text form."""

    def body(api: str, call: str) -> Any:
        replica = replica_of(api)
        return replica.execute(parse(call, replica.api)).body

    return body


@pytest.fixture(scope="session")
def ids(replica_of: Callable[[str], Replica]) -> Callable[[str, str], tuple[str, ...]]:
    """The ids that a call selects, in ranked order."""

    def selected(api: str, call: str) -> tuple[str, ...]:
        replica = replica_of(api)
        return replica.select(parse(call, replica.api)).ids

    return selected


@pytest.fixture(scope="session")
def mygene() -> Api:
    return load_api("mygene")
