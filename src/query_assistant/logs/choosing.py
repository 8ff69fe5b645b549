"""Which few of a signature's queries say most: often asked, neither cryptic nor endless, unlike one another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

# More than this many of one signature are not compared with each other; the commonest come first.
COMPARED = 60
_TOKEN = re.compile(r"[a-z]+|\d+")


class Rankable(Protocol):
    """What the choice looks at; satisfied by `understanding.Candidate`."""

    @property
    def literals(self) -> tuple[str, ...]: ...
    @property
    def lines(self) -> int: ...
    @property
    def text(self) -> str: ...


def most_telling(candidates: Sequence[Rankable]) -> Iterator[int]:
    """Places in `candidates`, the most telling first; each next one is judged beside those already named.

    The score adds three shares between 0 and 1: frequency (logarithm of the lines, relative to the commonest), length
    of the literals (rising to 12 characters, falling past 60) and novelty (share of tokens not seen so far). Ties are
    broken by the text, so the order is the same on every machine.
    """
    order = sorted(range(len(candidates)), key=lambda place: (-candidates[place].lines, candidates[place].text))
    rest = order[:COMPARED]
    if not rest:
        return
    most = math.log1p(candidates[rest[0]].lines)
    tokens = {place: _tokens(candidates[place]) for place in rest}
    worth = {place: math.log1p(candidates[place].lines) / most + _length_score(candidates[place]) for place in rest}
    seen: set[str] = set()
    while rest:
        best = max(rest, key=lambda place: (worth[place] + _novelty(tokens[place], seen), -order.index(place)))
        rest.remove(best)
        seen |= tokens[best]
        yield best


def _tokens(candidate: Rankable) -> set[str]:
    return set(_TOKEN.findall(" ".join(candidate.literals).lower()))


def _novelty(tokens: set[str], seen: set[str]) -> float:
    return len(tokens - seen) / len(tokens) if tokens else 0.0


def _length_score(candidate: Rankable) -> float:
    """1 for literals that a person can tell apart and repeat; less for `a*` and for a page of identifiers."""
    length = sum(map(len, candidate.literals))
    return min(1.0, length / 12) * min(1.0, 60 / max(length, 1))
