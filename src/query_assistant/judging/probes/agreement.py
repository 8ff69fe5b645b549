"""One value that suits several clauses on a field of which a record holds one value only.

`cadd.phred:>=20 AND cadd.phred:<=30` is met by 20, which meets both; the plainest values of each, 20 and 30, would make
a record with two CADD scores, and there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from query_assistant.queries.tree import Exists, Match, Node, Phrase, Range, Words


def agreed(asked: Mapping[Node, bool], contents: Sequence[Any]) -> Any:
    """The first of the contents that meets most clauses which are to hold and misses most of the others.

    Between any two real numbers lies a third that may do better than both, so those in the middle are tried as well.
    """
    if len(asked) == 1:
        return contents[0]
    reals = sorted({content for content in contents if isinstance(content, float)})
    candidates = [*contents, *((low + high) / 2 for low, high in pairwise(reals))]
    best, most = contents[0], -1
    for content in candidates:
        suited = sum(meets(leaf, content) is holds for leaf, holds in asked.items())
        if suited > most:
            best, most = content, suited
        if suited == len(asked):
            break
    return best


def meets(leaf: Node, content: Any) -> bool:
    """Whether a single value meets a clause, as far as that can be told without an index: no patterns, no analysis."""
    if isinstance(leaf, Exists):
        return True
    if isinstance(leaf, Words | Phrase | Match):
        return bool(_like(leaf.text, content) == content)
    if isinstance(leaf, Range):
        return _above(leaf, content) and _below(leaf, content)
    return False


def _above(leaf: Range, content: Any) -> bool:
    low = _like(leaf.low, content)
    return low is None or bool(content > low) or (leaf.include_low and content == low)


def _below(leaf: Range, content: Any) -> bool:
    high = _like(leaf.high, content)
    return high is None or bool(content < high) or (leaf.include_high and content == high)


def _like(text: str | None, content: Any) -> Any:
    """The text as a value of the content's kind: a number beside a number; the text itself where it is none."""
    if text is None or isinstance(content, str):
        return text
    try:
        return float(text)
    except ValueError:
        return None
