"""Wildcards, fuzzy words and term ranges over a sorted vocabulary, in time that no pattern can blow up."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

_PIECE = re.compile(r"\\(.)|([*?])|([^\\*?]+)|\\$", re.DOTALL)
MAX_EXPANSIONS = 50  # Lucene's FuzzyQuery keeps the 50 nearest terms


class Glob:
    """A pattern with `*` (any run) and `?` (any one character); a backslash makes the next character plain.

    The text between two stars has a fixed length, so the first place where it fits is always the best one and
    matching never goes back: time is at most length of text × length of pattern.
    """

    def __init__(self, pattern: str) -> None:
        self.parts: list[list[str | None]] = [[]]  # None is `?`
        for escaped, wild, plain in _PIECE.findall(pattern):
            if wild == "*":
                self.parts.append([])
            else:
                self.parts[-1].extend([None] if wild else list(escaped or plain))
        self._matchers = [
            re.compile("".join("." if c is None else re.escape(c) for c in part), re.S) for part in self.parts
        ]
        self.prefix = _literal(self.parts[0])
        self.longest = max((_literal_run(part) for part in self.parts), key=len)

    @property
    def everything(self) -> bool:
        """Whether it is nothing but stars."""
        return len(self.parts) > 1 and not any(self.parts)

    def matches(self, text: str) -> bool:
        first, last = self._matchers[0], self._matchers[-1]
        if len(self.parts) == 1:
            return first.fullmatch(text) is not None
        head = first.match(text)
        if head is None:
            return False
        place, end = head.end(), len(text) - len(self.parts[-1])
        for matcher in self._matchers[1:-1]:
            found = matcher.search(text, place, max(end, 0))
            if found is None:
                return False
            place = found.end()
        return place <= end and last.match(text, end) is not None

    def select(self, terms: Sequence[str]) -> list[int]:
        """The numbers of the matching terms of a sorted vocabulary."""
        low, high = prefix_run(terms, self.prefix)
        if len(self.parts) == 2 and not self.parts[1] and len(self.prefix) == len(self.parts[0]):
            return list(range(low, high))
        literal = self.longest
        return [place for place in range(low, high) if literal in terms[place] and self.matches(terms[place])]


@lru_cache(maxsize=1024)
def glob(pattern: str) -> Glob:
    return Glob(pattern)


def _literal(part: list[str | None]) -> str:
    """The plain characters before the first `?`."""
    return _joined(part[: part.index(None)] if None in part else part)


def _literal_run(part: list[str | None]) -> str:
    """The longest stretch without `?`."""
    runs: list[list[str | None]] = [[]]
    for char in part:
        if char is None:
            runs.append([])
        else:
            runs[-1].append(char)
    return _joined(max(runs, key=len))


def _joined(part: list[str | None]) -> str:
    return "".join(char for char in part if char is not None)


def prefix_run(terms: Sequence[str], prefix: str) -> tuple[int, int]:
    """The bounds of the terms that begin with the prefix."""
    if not prefix:
        return 0, len(terms)
    low = bisect_left(terms, prefix)
    return low, bisect_left(terms, prefix + "\U0010ffff", lo=low)


def nearest(terms: Sequence[str], word: str, edits: int) -> list[tuple[int, int]]:
    """The terms within `edits` insertions, deletions, substitutions or swaps of neighbours: (number, distance).

    Walks the sorted vocabulary as a trie: a prefix that is already too far takes all its terms with it. The rows of the
    edit-distance table are kept per prefix length, so that neighbours share their common beginning.
    """
    found: list[tuple[int, int]] = []
    rows: list[list[int]] = [list(range(len(word) + 1))]
    previous, place = "", 0
    while place < len(terms):
        term = terms[place]
        depth = _shared(previous, term, len(rows) - 1)
        del rows[depth + 1 :]
        dead = _extend(rows, term, word, edits)
        previous = term
        if dead:
            place = bisect_left(terms, term[:dead] + "\U0010ffff", lo=place + 1)
            continue
        if rows[-1][-1] <= edits:
            found.append((place, rows[-1][-1]))
        place += 1
    return _closest(found, terms, word)


def _shared(left: str, right: str, limit: int) -> int:
    length = 0
    for one, other in zip(left[:limit], right, strict=False):
        if one != other:
            break
        length += 1
    return length


def _extend(rows: list[list[int]], term: str, word: str, edits: int) -> int:
    """Adds a row per character of the term; the length of its first hopeless prefix, or 0."""
    for depth in range(len(rows), len(term) + 1):
        char, above = term[depth - 1], rows[-1]
        row = [depth]
        for column, other in enumerate(word, start=1):
            cost = min(above[column] + 1, row[column - 1] + 1, above[column - 1] + (char != other))
            if depth > 1 and column > 1 and char == word[column - 2] and term[depth - 2] == other:
                cost = min(cost, rows[depth - 2][column - 2] + 1)
            row.append(cost)
        rows.append(row)
        if min(row) > edits and min(above) >= edits:
            return depth
    return 0


def _closest(found: list[tuple[int, int]], terms: Sequence[str], word: str) -> list[tuple[int, int]]:
    """The best 50 by similarity, as Lucene scores it, then in term order."""
    found.sort(key=lambda hit: (-(1 - hit[1] / max(1, min(len(terms[hit[0]]), len(word)))), terms[hit[0]]))
    return found[:MAX_EXPANSIONS]
