"""How alike two items are: the canonical query, the literals in it, the words of the instruction; and which are near.

Two instructions are near when the shorter's word trigrams are (almost) all in the longer, or when their sentence
embeddings point (almost) the same way. Not every one is compared with every other: candidates come from an inverted
index of words, rare ones first, so that the work grows with the number of likely pairs and not with the product of the
sizes.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.canonical import canonicalize, literals
from query_assistant.queries.request import parse
from query_assistant.records import BenchmarkItem, Pair, Query

SplitItem = Pair | BenchmarkItem
_WORD = re.compile(r"\w+", re.UNICODE)
_GRAM = 3
EmbedTexts = Callable[[Sequence[str]], NDArray[np.float32]]

RARE_WORDS = 4
LEAST_OVERLAP = 0.3


@dataclass(frozen=True)
class Fingerprint:
    """One item, ready to be compared. `queries` holds the canonical form of the query and of every alternative."""

    item: SplitItem
    instruction: str
    queries: frozenset[str]
    literals: frozenset[str]
    tokens: frozenset[str] = field(repr=False)
    grams: frozenset[tuple[str, ...]] = field(repr=False)


def fingerprint(item: SplitItem, apis: Mapping[str, Api]) -> Fingerprint:
    """The fingerprint of an item; a query that its API would refuse stands for itself, as it is written."""
    api = apis[item.api]
    spellings = (item, *item.alternatives) if isinstance(item, BenchmarkItem) else (item,)
    words = tuple(_WORD.findall(item.instruction.casefold()))
    return Fingerprint(
        item=item,
        instruction=" ".join(words),
        queries=frozenset(canonical_key(each, api) for each in spellings),
        literals=_literals(item.query, json.dumps(item.body), api),
        tokens=frozenset(words),
        grams=frozenset(zip(*(words[start:] for start in range(_GRAM)), strict=False)),
    )


def canonical_key(query: Query, api: Api) -> str:
    """One text for all exactly equivalent queries."""
    return _canonical_key(query.query, json.dumps(query.body), api)


# Both are kept: a query has several instructions, and each of them is compared more than once.
@lru_cache(maxsize=1 << 16)
def _canonical_key(path: str, body: str, api: Api) -> str:
    query = Query(query=path, body=json.loads(body))
    try:
        form = canonicalize(parse(query, api), api).to_query()
    except QueryAssistantError:
        form = query
    return f"{api.name} {form.query} {json.dumps(form.body, sort_keys=True) if form.body else ''}"


@lru_cache(maxsize=1 << 16)
def _literals(path: str, body: str, api: Api) -> frozenset[str]:
    try:
        found = literals(parse(Query(query=path, body=json.loads(body)), api), api)
    except QueryAssistantError:
        return frozenset()
    return frozenset(f"{each.parameter}={str(each.value).casefold()}" for each in found)


def containment(one: Fingerprint, other: Fingerprint) -> float:
    """The share of the shorter instruction's word trigrams that the longer one holds too, 0 to 1.

    Instructions of fewer than five words have too few trigrams to tell anything: 0.
    """
    fewest = min(len(one.grams), len(other.grams))
    return len(one.grams & other.grams) / fewest if fewest >= _GRAM else 0.0


def overlap(one: Fingerprint, other: Fingerprint) -> float:
    """Jaccard similarity of the two instructions' words, 0 to 1."""
    union = len(one.tokens | other.tokens)
    return len(one.tokens & other.tokens) / union if union else 1.0


def candidates(left: Sequence[Fingerprint], right: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Index pairs of instructions of one API that share a rare word and enough of the others."""
    spread: Counter[str] = Counter(token for each in right for token in each.tokens)
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, each in enumerate(right):
        for token in _rarest(each, spread):
            index[each.item.api, token].append(position)
    for position, each in enumerate(left):
        shared = {other for token in each.tokens for other in index.get((each.item.api, token), ())}
        for other in sorted(shared):
            if overlap(each, right[other]) >= LEAST_OVERLAP:
                yield position, other


def near_pairs(
    left: Sequence[Fingerprint],
    right: Sequence[Fingerprint],
    similarity: float,
    embed: EmbedTexts | None,
    among: Callable[[Fingerprint, Fingerprint], bool] = lambda one, other: True,
) -> Iterator[tuple[int, int, float]]:
    """Index pairs at or above `similarity` (0 to 1), with the higher of containment and cosine.

    `among` narrows what is compared at all; without `embed` only containment counts.
    """
    drawn = [(one, other) for one, other in candidates(left, right) if among(left[one], right[other])]
    cosines = _cosines(left, right, drawn, embed)
    for (one, other), cosine in zip(drawn, cosines, strict=True):
        score = max(containment(left[one], right[other]), cosine)
        if score >= similarity:
            yield one, other, score


def _cosines(
    left: Sequence[Fingerprint], right: Sequence[Fingerprint], drawn: list[tuple[int, int]], embed: EmbedTexts | None
) -> list[float]:
    """The cosine of each drawn pair; only what was drawn is embedded, each text once."""
    if embed is None or not drawn:
        return [0.0] * len(drawn)
    texts = sorted(
        {side[each].item.instruction for pair in drawn for side, each in zip((left, right), pair, strict=True)}
    )
    place = {text: position for position, text in enumerate(texts)}
    vectors = np.asarray(embed(texts), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    ones = [place[left[one].item.instruction] for one, _ in drawn]
    others = [place[right[other].item.instruction] for _, other in drawn]
    return [float(value) for value in np.einsum("ij,ij->i", vectors[ones], vectors[others])]


def _rarest(each: Fingerprint, spread: Counter[str]) -> list[str]:
    return sorted(each.tokens, key=lambda token: (spread[token], token))[:RARE_WORDS]
