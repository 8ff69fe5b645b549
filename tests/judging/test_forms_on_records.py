"""Normal forms held to the records: what is called the same must find the same, in the same order.

The queries are made at random out of values that the sample records really hold, with every kind of clause, group and
operator, so that most of them have hits.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.queries.canonical import canonicalize, selection_form
from query_assistant.queries.rendering import escape, quote
from query_assistant.queries.request import Request, parse
from query_assistant.records import Query
from query_assistant.replica import Replica

RECORDS = Path(__file__).parents[1] / "replica/records"
APIS = ("mygene", "myvariant", "mychem", "mydisease")


class Writer:
    """Writes random query texts over the values of some records."""

    def __init__(self, api: Api, records: list[dict[str, Any]], order: random.Random, leaves: int = 0) -> None:
        self.order = order
        self.values = [
            (name, str(value).lower() if isinstance(value, bool) else str(value)[:60])
            for record in records
            for name, value in leaf_values(record)
            if name in api.schema and api.schema[name].indexed and name.partition(".")[0] not in api.nested
        ]
        self.values = [(name, value) for name, value in self.values if value.split()]
        self.pool = [self._leaf() for _ in range(leaves)]

    def group(self, depth: int) -> str:
        parts = [self._part(depth) for _ in range(self.order.choice([1, 1, 2, 2, 3]))]
        usual = self.order.choice([" AND ", " OR ", " "])
        text = parts[0]
        for part in parts[1:]:
            text += (usual if self.order.random() < 0.8 else self.order.choice([" AND ", " OR ", " "])) + part
        return text

    def _part(self, depth: int) -> str:
        plain = depth == 0 or self.order.random() < 0.7
        text = self._leaf_or_known() if plain else f"({self.group(depth - 1)})"
        return self.order.choice(["", "", "", "", "NOT ", "-", "+"]) + text

    def _leaf_or_known(self) -> str:
        return self.order.choice(self.pool) if self.pool else self._leaf()

    def _leaf(self) -> str:
        name, value = self.order.choice(self.values)
        value = self.order.choice([str.upper, str.lower, str])(value)
        field, words = f"{escape(name)}:", value.split()
        first = escape(words[0])
        return self.order.choice(
            [
                f"{field}{quote(value)}",
                f"{field}{escape(self.order.choice(words))}",
                f"{field}({' '.join(map(escape, words[:3]))})",
                f"{field}({' OR '.join(map(escape, words[:3]))})",
                f"{field}{first[:3].rstrip(chr(92))}*",
                f"{field}{self.order.choice(['>', '>=', '<', '<='])}{first}",
                f"_exists_:{escape(name)}",
                escape(self.order.choice(words)),
                quote(" ".join(words[:2])),
                f"{field}{first}^2",
            ]
        )


def leaf_values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaf_values(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value[:3]:
            yield from leaf_values(inner, path)
    else:
        yield path, value


def ask(api: Api, writer: Writer, filtered: bool) -> Request | None:
    texts = {"q": writer.group(2)} | ({"filter": writer.group(1)} if filtered else {})
    coded = "&".join(
        f"{name}={text.replace('%', '%25').replace('&', '%26').replace('+', '%2B').replace('#', '%23')}"
        for name, text in texts.items()
    )
    try:
        return parse(Query(query=f"/{api.version}/query?{coded}"), api)
    except RequestError:
        return None


def ids(replica: Replica, request: Request) -> tuple[str, ...] | None:
    """The hits in order; None where the request is refused."""
    try:
        return replica.select(request).ids
    except RequestError:
        return None


@pytest.fixture(scope="module", params=APIS)
def world(request: pytest.FixtureRequest) -> tuple[Api, list[dict[str, Any]], Replica]:
    api = load_api(request.param)
    lines = (RECORDS / f"{api.name}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return api, records, Replica.from_records(api, records)


def test_canonical_forms_find_the_same_hits_in_the_same_order(
    world: tuple[Api, list[dict[str, Any]], Replica],
) -> None:
    api, records, replica = world
    writer = Writer(api, records, random.Random(f"canonical {api.name}"))
    found = 0
    for number in range(200):
        request = ask(api, writer, filtered=number % 4 == 0)
        expected = ids(replica, request) if request else None
        if request is None or expected is None:
            continue
        found += bool(expected)
        assert ids(replica, canonicalize(request, api)) == expected, request.to_query().query
        assert ids(replica, canonicalize(request, api, keep_case=True)) == expected, request.to_query().query
    assert found > 60


def test_equal_selections_find_the_same_records(world: tuple[Api, list[dict[str, Any]], Replica]) -> None:
    api, records, replica = world
    writer = Writer(api, records, random.Random(f"selection {api.name}"), leaves=4)
    known: dict[object, frozenset[str]] = {}
    repeated = 0
    for number in range(300):
        request = ask(api, writer, filtered=number % 3 == 0)
        expected = ids(replica, request) if request else None
        if request is None or expected is None:
            continue
        form = selection_form(request, api)
        repeated += form in known
        assert known.setdefault(form, frozenset(expected)) == frozenset(expected), request.to_query().query
    assert repeated > 100
