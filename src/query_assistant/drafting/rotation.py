"""Which field comes next: well-known ones most often, and every other one in its turn."""

from __future__ import annotations

import random
from collections import Counter

from query_assistant.apis.fields import Field

KNOWN_AFTER_ALL = 0.75
TRIES = 6


class FieldRotation:
    """Two shuffled groups, well-known and other fields; a field that led to no query comes again last."""

    def __init__(self, known: list[Field], others: list[Field], rng: random.Random) -> None:
        self.rng = rng
        self.groups = {True: known, False: others}
        self.left: dict[bool, list[Field]] = {True: [], False: []}
        self.drawn: list[tuple[bool, Field]] = []
        self.asked: set[str] = set()
        self.failed: Counter[str] = Counter()

    def draw(self, known_share: float) -> Field:
        """The next field. Once every other field had its turn, three in four are well known at least."""
        if all(each.name in self.asked or self.failed[each.name] >= TRIES for each in self.groups[False]):
            known_share = max(known_share, KNOWN_AFTER_ALL)
        known = self.rng.random() < known_share
        if not self.groups[known]:
            known = not known
        if not self.left[known]:
            self.left[known] = self.rng.sample(self.groups[known], len(self.groups[known]))
        field = self.left[known].pop()
        self.drawn.append((known, field))
        return field

    def settle(self, *, kept: bool) -> None:
        """What became of the fields drawn since the last call."""
        for known, field in self.drawn:
            if kept:
                self.asked.add(field.name)
            elif field.name not in self.asked:
                self.failed[field.name] += 1
                if self.failed[field.name] < TRIES:
                    self.left[known].insert(0, field)
        self.drawn.clear()
