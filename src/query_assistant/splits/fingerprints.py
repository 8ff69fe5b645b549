"""What two items are compared by: the canonical query, the literals in it, and the words of the instruction."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.canonical import canonicalize, literals
from query_assistant.queries.request import parse
from query_assistant.records import BenchmarkItem, Pair, Query

Item = Pair | BenchmarkItem
WORD = re.compile(r"\w+", re.UNICODE)
GRAM = 3


@dataclass(frozen=True)
class Fingerprint:
    """One item, ready to be compared. `queries` holds the canonical form of the query and of every alternative."""

    item: Item
    instruction: str
    queries: frozenset[str]
    literals: frozenset[str]
    tokens: frozenset[str] = field(repr=False)
    grams: frozenset[tuple[str, ...]] = field(repr=False)


def fingerprint(item: Item, apis: Mapping[str, Api]) -> Fingerprint:
    """The fingerprint of an item; a query that its API would refuse stands for itself, as it is written."""
    api = apis[item.api]
    spellings = (item, *item.alternatives) if isinstance(item, BenchmarkItem) else (item,)
    words = tuple(WORD.findall(item.instruction.casefold()))
    return Fingerprint(
        item=item,
        instruction=" ".join(words),
        queries=frozenset(canonical_key(each, api) for each in spellings),
        literals=_literals(item, api),
        tokens=frozenset(words),
        grams=frozenset(zip(*(words[start:] for start in range(GRAM)), strict=False)),
    )


def canonical_key(query: Query, api: Api) -> str:
    """One text for all exactly equivalent queries."""
    try:
        form = canonicalize(parse(query, api), api).to_query()
    except QueryAssistantError:
        form = query
    return f"{api.name} {form.query} {json.dumps(form.body, sort_keys=True) if form.body else ''}"


def _literals(query: Query, api: Api) -> frozenset[str]:
    try:
        found = literals(parse(query, api), api)
    except QueryAssistantError:
        return frozenset()
    return frozenset(f"{each.parameter}={str(each.value).casefold()}" for each in found)


def containment(one: Fingerprint, other: Fingerprint) -> float:
    """The share of the shorter instruction's word trigrams that the longer one holds too, 0 to 1.

    Instructions of fewer than five words have too few trigrams to tell anything: 0.
    """
    fewest = min(len(one.grams), len(other.grams))
    return len(one.grams & other.grams) / fewest if fewest >= GRAM else 0.0


def overlap(one: Fingerprint, other: Fingerprint) -> float:
    """Jaccard similarity of the two instructions' words, 0 to 1."""
    union = len(one.tokens | other.tokens)
    return len(one.tokens & other.tokens) / union if union else 1.0
