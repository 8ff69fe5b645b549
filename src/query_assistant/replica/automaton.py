"""Deterministic finite automata over characters: complement and intersection, and which terms they fit.

A finished automaton moves to no state from which nothing can fit any more, so a term is given up at the first character
that leads nowhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property

from query_assistant.replica.patterns import prefix_run

LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]  # code points, both ends inclusive, in order and apart
Move = tuple[int, int, int]  # from this code point to that one: the target


class Automaton:
    """Starts in state 0. Each state's moves are in order and apart; characters that none of them covers fit nothing."""

    def __init__(self, moves: list[list[Move]], accepting: list[bool]) -> None:
        self.moves = moves
        self.accepting = accepting

    def __len__(self) -> int:
        return len(self.moves)

    def complement(self) -> Automaton:
        sink = len(self.moves)
        moves = [_filled(row, sink) for row in (*self.moves, [])]
        return Automaton(moves, [not fits for fits in (*self.accepting, False)])

    def pruned(self) -> Automaton:
        """The automaton without the moves to states from which nothing can fit any more."""
        alive = self._alive()
        return Automaton([[move for move in row if alive[move[2]]] for row in self.moves], self.accepting)

    def _alive(self) -> list[bool]:
        """Which states something can still fit from."""
        before: list[list[int]] = [[] for _ in self.moves]
        for state, row in enumerate(self.moves):
            for _, _, target in row:
                before[target].append(state)
        alive = list(self.accepting)
        waiting = [state for state, fits in enumerate(alive) if fits]
        while waiting:
            for state in before[waiting.pop()]:
                if not alive[state]:
                    alive[state] = True
                    waiting.append(state)
        return alive

    @cached_property
    def prefix(self) -> str:
        """What every fitting term begins with."""
        prefix, state = "", 0
        while not self.accepting[state] and len(row := self.moves[state]) == 1 and row[0][0] == row[0][1]:
            prefix += chr(row[0][0])
            state = row[0][2]
        return prefix

    def run(self, terms: Sequence[str]) -> tuple[int, int]:
        """The bounds of the terms of a sorted vocabulary that begin as they must."""
        return prefix_run(terms, self.prefix)

    def fits(self, term: str) -> bool:
        state, seen = 0, self._seen
        for char in term:
            after = seen[state].get(char)
            if after is None:
                after = seen[state][char] = self._move(state, ord(char))
            if after < 0:
                return False
            state = after
        return self.accepting[state]

    def _move(self, state: int, code: int) -> int:
        place = bisect_right(self._starts[state], code) - 1
        if place < 0:
            return -1
        _, high, target = self.moves[state][place]
        return target if code <= high else -1

    @cached_property
    def _starts(self) -> list[list[int]]:
        return [[low for low, _, _ in row] for row in self.moves]

    @cached_property
    def _seen(self) -> list[dict[str, int]]:
        """The moves that were looked up once, by character."""
        return [{} for _ in self.moves]


def joined(row: list[Move]) -> list[Move]:
    """Neighbouring stretches with one target as one."""
    joined: list[Move] = []
    for low, high, target in row:
        if joined and joined[-1][1] + 1 == low and joined[-1][2] == target:
            joined[-1] = (joined[-1][0], high, target)
        else:
            joined.append((low, high, target))
    return joined


def _filled(row: list[Move], sink: int) -> list[Move]:
    """The row with a move for every character: those it lacks go to the sink."""
    filled, place = [], 0
    for low, high, target in row:
        if place < low:
            filled.append((place, low - 1, sink))
        filled.append((low, high, target))
        place = high + 1
    if place <= LAST:
        filled.append((place, LAST, sink))
    return filled


def common(left: list[Move], right: list[Move]) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """The stretches in which two rows both move, with both targets."""
    at, beside = 0, 0
    while at < len(left) and beside < len(right):
        low, high = max(left[at][0], right[beside][0]), min(left[at][1], right[beside][1])
        if low <= high:
            yield low, high, (left[at][2], right[beside][2])
        if left[at][1] == high:
            at += 1
        else:
            beside += 1
