"""Queries from the logs taken apart, as far as the mutations know their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mutants.good import Clause, Form, Good, Joined
from mutants.making import PLAIN, kind_of, usable
from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries.request import Request, parse
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import Boolean, Exists, Node, Phrase, Range, Wildcard, Words
from query_assistant.records import GoodQuery, Query, read_jsonl

INTERVAL = re.compile(r"chr(\w+):(\d+)-(\d+)")
NARROWEST = 20


def goods_of(path: Path, api: Api, most: int) -> list[Good]:
    """The first queries of data/queries/<api>.jsonl that are made of known parts."""
    read = (as_good(line, api) for line in read_jsonl(path, GoodQuery))
    return [good for good in read if good is not None][:most]


def as_good(query: Query, api: Api) -> Good | None:
    """The query by its parts; None where some part is none that the mutations know."""
    try:
        request = parse(query, api)
    except RequestError:
        return None
    blank = Good(api.name, api.version, api.entity, parameters=tuple(_parameters(request)))
    if request.key == "GET annotation":
        return replace(blank, lookup=request.identifiers[0])
    if request.key == "POST query" and isinstance(request.get("scopes"), tuple):
        return _batch(blank, request, api)
    return _search(blank, request.q, api) if request.key == "GET query" and request.q else None


def _parameters(request: Request) -> Iterable[tuple[str, str]]:
    for name, value in request.values:
        if name not in ("q", "id", "scopes"):
            items = value if isinstance(value, tuple) else (str(value).lower() if isinstance(value, bool) else value,)
            yield name, ",".join(map(str, items))


def _batch(blank: Good, request: Request, api: Api) -> Good | None:
    scopes = request.value("scopes", api)
    plain = all(isinstance(part, str) for part in (*request.terms, *scopes))
    if not plain or any(name not in ("fields", "size", "from") for name, _ in blank.parameters):
        return None
    return replace(blank, terms=request.terms, scopes=tuple(scopes))


def _search(blank: Good, q: str, api: Api) -> Good | None:
    if found := INTERVAL.fullmatch(q):
        chromosome, start, end = found.groups()
        clauses, joined = _alone(Clause(chromosome, "interval", "interval", start, end))
    elif all(PLAIN.fullmatch(word) and word not in ("AND", "OR", "NOT") for word in q.split()):
        clauses, joined = _alone(Clause("", "text", "plain", q))
    else:
        clauses, joined = _clauses(parse_text(q), api)
    whole = [clause for clause in clauses if clause is not None]
    if not whole or len(whole) < len(clauses) or len({clause.field for clause in whole}) < len(whole):
        return None
    return replace(blank, clauses=tuple(whole), joined=joined)


Parts = tuple[list[Clause | None], Joined]


def _alone(clause: Clause | None) -> Parts:
    return [clause], " AND "


def _clauses(tree: Node, api: Api) -> Parts:
    """The clauses of a flat tree; a None among them for what is nested or of another kind."""
    if not isinstance(tree, Boolean):
        return _alone(_clause(tree, api, negative=False))
    if tree.should:
        either = [_clause(node, api, negative=False) for node in tree.should]
        return (either, " OR ") if not tree.must and not tree.must_not else ([None], " OR ")
    required = [_clause(node, api, negative=False) for node in tree.must]
    return [*required, *(_clause(node, api, negative=True) for node in tree.must_not)], " AND "


def _clause(node: Node, api: Api, *, negative: bool) -> Clause | None:
    name = str(getattr(node, "field", None))
    if name not in api.schema or not api.schema[name].leaf or not api.schema[name].indexed or not usable(name, api):
        return None
    kind = kind_of(api.schema[name])
    if isinstance(node, Range):
        return _range(node, name, kind, negative)
    value, form = _value(node)
    return None if value is None or kind == "date" else Clause(name, kind, form, value, negative=negative)


def _value(node: Node) -> tuple[str | None, Form]:
    if isinstance(node, Words):
        return node.text, "word" if len(node.words) == 1 else "words"
    if isinstance(node, Phrase):
        plain = not node.slop and not re.search(r'[\\":]', node.text)
        return (node.text, "phrase") if plain else (None, "phrase")
    if isinstance(node, Wildcard) and re.fullmatch(r"\w+\*", node.pattern):
        return node.pattern[:-1], "prefix"
    return ("", "exists") if isinstance(node, Exists) else (None, "word")


def _range(node: Range, name: str, kind: str, negative: bool) -> Clause | None:
    if kind not in ("integer", "long", "float", "double") or node.low is None or node.high is None:
        return None
    try:
        wide = float(node.high) - float(node.low) >= NARROWEST
    except ValueError:
        return None
    brackets = ("[" if node.include_low else "{") + ("]" if node.include_high else "}")
    return Clause(name, kind, "range", node.low, node.high, brackets, negative) if wide else None
