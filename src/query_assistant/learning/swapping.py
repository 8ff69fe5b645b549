"""The same question with other real values: "diseases of CFTR first reported in 1989" for another gene.

A value is swapped only where it stands once, as it is, in the question and in the query, and the records have others
for its field. A copy that is no longer of the same skeleton, or not valid, is dropped.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.pairs.written import pair_of
from query_assistant.queries.literals import literals
from query_assistant.queries.request import parse
from query_assistant.records import Pair, WrittenPair

TRIES = 4  # for each copy wanted
Draw = Callable[[str, random.Random], str | None]


@dataclass(frozen=True)
class _Swappable:
    """A value and the field that other values are drawn of."""

    text: str
    field: str


def swapped_pairs(pair: Pair, api: Api, draw: Draw, count: int, rng: random.Random) -> list[Pair]:
    """At most `count` copies of a pair, all distinct, their values drawn by `draw(field, rng)`; none where nothing can
    be swapped."""
    swappable = list(_swappable(pair, api))
    found: dict[str, Pair] = {}
    for _ in range(count * TRIES if swappable else 0):
        copy = _copy(pair, api, swappable, draw, rng)
        if copy is not None and copy.query.casefold() != pair.query.casefold():
            found.setdefault(copy.query, copy)
        if len(found) == count:
            break
    return list(found.values())


def _swappable(pair: Pair, api: Api) -> Iterator[_Swappable]:
    if pair.body is not None:
        return
    for literal in literals(parse(pair, api), api):
        once = all(len(_places(literal.value, text)) == 1 for text in (pair.instruction, pair.query))
        if literal.field is not None and once:
            yield _Swappable(literal.value, literal.field)


def _places(value: str, text: str) -> list[str]:
    return re.findall(_pattern(value), text, re.IGNORECASE)


def _pattern(value: str) -> str:
    """The value as a whole word."""
    return rf"(?<!\w){re.escape(value)}(?!\w)"


def _copy(pair: Pair, api: Api, swappable: Sequence[_Swappable], draw: Draw, rng: random.Random) -> Pair | None:
    instruction, query = pair.instruction, pair.query
    for one in swappable:
        value = draw(one.field, rng)
        if value is None:
            continue
        put = value.replace("\\", "\\\\")
        instruction = re.sub(_pattern(one.text), put, instruction, flags=re.IGNORECASE)
        query = re.sub(_pattern(one.text), put, query, flags=re.IGNORECASE)
    try:
        line = WrittenPair(instruction=instruction, query=query)
        copy = pair_of(line, api, f"a copy of {pair.id}", origin=pair.origin)
    except QueryAssistantError:  # the value means something to the query language
        return None
    return copy if copy.skeleton == pair.skeleton else None
