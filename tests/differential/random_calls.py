"""Calls nobody would make: every parameter under every spelling, with values of every kind, in every place."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

from differential.sdk import FORM, Call

NAMES = (
    *("q", "q", "q", "fields", "field", "_source", "size", "limit", "from", "skip", "sort", "facets", "aggs"),
    *("facet_size", "filter", "post_filter", "dotfield", "_sorted", "always_list", "allow_null", "raw", "rawquery"),
    *("format", "fetch_all", "explain", "userquery", "userfilter", "scopes", "with_total", "analyzer", "id", "ids"),
    *("jmespath_exclude_empty", "callback", "email", "SIZE", "Q", "", "size[]"),
)
WORDS = (
    "cdk2",
    "a,b",
    "a b",
    "a|b+c",
    '"a b",c',
    "'a b'",
    "it's",
    '"open',
    "a\\ b",
    "x\\",
    "",
    " ",
    " a ",
    "é",
    "a\tb",
    "a\x01b",
)
NUMBERS = ("0", "5", "10", "1000", "1001", "10000", "10001", "-1", "+5", "1e3", "5.0", "05", "1_000", "٣", "NaN", "")
SWITCHES = ("true", "True", "false", "1", "0", "2", "0.5", "-1", "yes", "y", "t", "on", "no", "", "NaN", "inf", "1_0")
FORMATS = ("json", "yaml", "html", "msgpack", "JSON", "xml", "")
JSON_VALUES: tuple[Any, ...] = (
    "cdk2", "a,b", ["a", "b"], ["a b"], [1, 2], [], "", 5, 0, 1001, -1, 5.0, True, False, "true", "5", [["a", "b"]],
)  # fmt: skip
FORMS = ("", "&&", "=5", "&size", "&dotfield", "&dotfield=", "&fields", ";size=3", "?size=3", "&q=%C3%A9", "&size=%35")


def calls(generator: random.Random, count: int) -> Iterator[Call]:
    """Calls of all four kinds, for an API at /v1 whose records are called `thing`."""
    for _ in range(count):
        method, endpoint = generator.choice(
            (("GET", "query"), ("GET", "annotation"), ("POST", "query"), ("POST", "annotation"))
        )
        path = "/v1/query" if endpoint == "query" else "/v1/thing/X1" if method == "GET" else "/v1/thing"
        address = _pairs(generator, generator.randint(0, 5) if method == "GET" else generator.choice((0, 0, 1, 2)))
        path = f"{path}?{address}{generator.choice(FORMS) if generator.random() < 0.2 else ''}" if address else path
        yield Call(method, endpoint, path, *(_body(generator) if method == "POST" else ("", "")))


def _body(generator: random.Random) -> tuple[str, str]:
    drawn = generator.random()
    if drawn < 0.45:
        return _pairs(generator, generator.randint(1, 5)), FORM
    if drawn < 0.95:
        document = {generator.choice(NAMES): generator.choice(JSON_VALUES) for _ in range(generator.randint(1, 4))}
        return json.dumps(
            {generator.choice(("q", "ids", "id")): generator.choice(JSON_VALUES), **document}
        ), "application/json"
    return generator.choice(("", "[]", '["a"]', "{", "q=a", '"a"')), generator.choice(
        ("application/json", "text/plain", FORM)
    )


def _pairs(generator: random.Random, count: int) -> str:
    return "&".join(f"{name}={quote_plus(_value(name, generator))}" for name in generator.choices(NAMES, k=count))


def _value(name: str, generator: random.Random) -> str:
    if generator.random() < 0.1:
        return generator.choice((*WORDS, *NUMBERS, *SWITCHES))
    if name in ("size", "limit", "from", "skip", "facet_size"):
        return generator.choice(NUMBERS)
    if name in (
        "dotfield",
        "_sorted",
        "raw",
        "rawquery",
        "fetch_all",
        "explain",
        "with_total",
        "jmespath_exclude_empty",
    ):
        return generator.choice(SWITCHES)
    return generator.choice(FORMATS if name == "format" else WORDS)
