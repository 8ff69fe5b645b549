"""Wildcards, fuzzy words and prefixes over a sorted vocabulary, in steps that are counted."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from query_assistant.replica.limits import Work

_PIECE = re.compile(r"\\(.)|([*?])|([^\\*?]+)|\\$", re.DOTALL)
MAX_EXPANSIONS = 50  # Lucene's FuzzyQuery keeps the 50 nearest terms
_CANDIDATE_STEPS = 50  # of one term whose letters are near enough for its distance to be worked out


class Glob:
    """A pattern with `*` (any run) and `?` (any one character); a backslash makes the next character plain.

    The text between two stars is looked for from left to right, and the first place where it fits is always the best
    one. With a `?`, all places of the pattern that a text may have reached are kept as the bits of one number.
    """

    def __init__(self, pattern: str) -> None:
        parts: list[list[str | None]] = [[]]  # None is `?`
        for escaped, wild, plain in _PIECE.findall(pattern):
            if wild == "*":
                parts.append([])
            else:
                parts[-1].extend([None] if wild else list(escaped or plain))
        self._parts = parts
        self._shortest = sum(map(len, parts))
        self._plain = None if any(None in part for part in parts) else [_joined(part) for part in parts]
        self.prefix = _joined(parts[0][: parts[0].index(None)] if None in parts[0] else parts[0])
        self.longest = max((_literal_run(part) for part in parts), key=len)

    @property
    def everything(self) -> bool:
        """Whether it is nothing but stars."""
        return len(self._parts) > 1 and not self._shortest

    def matches(self, text: str) -> bool:
        if len(text) < self._shortest:
            return False
        return self._reaches_end(text) if self._plain is None else _in_order(self._plain, text)

    def select(self, terms: Sequence[str], work: Work) -> list[int]:
        """The numbers of the matching terms of a sorted vocabulary."""
        low, high = prefix_run(terms, self.prefix)
        if len(self._parts) == 2 and not self._parts[1] and len(self.prefix) == len(self._parts[0]):
            return list(range(low, high))
        work.spend(high - low if self._plain is not None else sum(map(len, terms[low:high])))
        literal = self.longest
        return [place for place in range(low, high) if literal in terms[place] and self.matches(terms[place])]

    def _reaches_end(self, text: str) -> bool:
        places, reached = self._places, 1
        for char in text:
            reached = (reached & places.of_char.get(char, places.anywhere)) << 1 | reached & places.stars
            if not reached:
                return False
        return bool(reached >> self._shortest)

    @cached_property
    def _places(self) -> _Places:
        return _Places.of(self._parts)


@dataclass(frozen=True)
class _Places:
    """Which places of a pattern a character, any character and any run of characters lead on from, as bits."""

    of_char: dict[str, int]
    anywhere: int
    stars: int

    @classmethod
    def of(cls, parts: Sequence[Sequence[str | None]]) -> _Places:
        of_char: dict[str, int] = {}
        anywhere = stars = place = 0
        for number, part in enumerate(parts):
            stars |= (number > 0) << place
            for char in part:
                if char is None:
                    anywhere |= 1 << place
                else:
                    of_char[char] = of_char.get(char, 0) | 1 << place
                place += 1
        return cls({char: bits | anywhere for char, bits in of_char.items()}, anywhere, stars)


def _in_order(parts: Sequence[str], text: str) -> bool:
    """Whether the text begins with the first part, ends with the last, and has the others in order between them."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return place <= end


def _literal_run(part: Sequence[str | None]) -> str:
    """The longest stretch without `?`."""
    return max("".join("\0" if char is None else char for char in part).split("\0"), key=len)


def _joined(part: Iterable[str | None]) -> str:
    return "".join(char for char in part if char is not None)


def prefix_run(terms: Sequence[str], prefix: str) -> tuple[int, int]:
    """The bounds of the terms that begin with the prefix."""
    if not prefix:
        return 0, len(terms)
    low = bisect_left(terms, prefix)
    return low, bisect_left(terms, prefix + "\U0010ffff", lo=low)


@dataclass(frozen=True)
class Letters:
    """Of each term how long it is and which letters it has, as 64 bits that several letters share."""

    lengths: npt.NDArray[np.int64]
    masks: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, terms: Sequence[str]) -> Letters:
        lengths = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
        codes = np.frombuffer(("".join(terms) + "\0").encode("utf-32-le", "surrogatepass"), dtype="<u4")
        bits = np.left_shift(np.uint64(1), codes.astype(np.uint64) & np.uint64(63))
        masks = np.bitwise_or.reduceat(bits, np.concatenate(([0], np.cumsum(lengths))))[:-1]
        masks[lengths == 0] = 0
        return cls(lengths, masks)

    def near(self, word: str, edits: int) -> list[int]:
        """The terms that may lie within `edits` of the word: an edit changes the length by one and two letters."""
        here = Letters.of([word])
        same_length = np.abs(self.lengths - len(word)) <= edits
        return np.flatnonzero(same_length & (np.bitwise_count(self.masks ^ here.masks) <= 2 * edits)).tolist()


def nearest(terms: Sequence[str], letters: Letters, word: str, edits: int, work: Work) -> list[int]:
    """The numbers of the terms within `edits` insertions, deletions, substitutions or swaps of neighbours.

    At most 50: the best by similarity, as Lucene scores it, then in term order.
    """
    near = letters.near(word, edits)
    work.spend(len(terms) // 16 + _CANDIDATE_STEPS * len(near))
    found = []
    for place in near:
        apart = distance(terms[place], word, edits)
        if apart <= edits:
            similarity = 1 - apart / max(1, min(len(terms[place]), len(word)))
            found.append((-similarity, terms[place], place))
    return [place for _, _, place in sorted(found)[:MAX_EXPANSIONS]]


def distance(term: str, word: str, most: int) -> int:
    """Edits between two texts, none of which touches a place twice (optimal string alignment); any number over `most`
    stands for more than `most`.
    """
    start = _shared(term, word)
    end = _shared(term[start:][::-1], word[start:][::-1])
    term, word = term[start : len(term) - end], word[start : len(word) - end]
    above: list[int] = []
    row = list(range(len(word) + 1))
    for depth, char in enumerate(term, start=1):
        before, above, row = above, row, [depth]
        for column, other in enumerate(word, start=1):
            cost = min(above[column] + 1, row[column - 1] + 1, above[column - 1] + (char != other))
            if depth > 1 and column > 1 and char == word[column - 2] and term[depth - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            row.append(cost)
        if min(row) > most and min(above) >= most:
            return most + 1
    return row[-1]


def _shared(left: str, right: str) -> int:
    """How many characters both begin with."""
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length
