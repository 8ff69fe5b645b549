"""Parts of expressions as nondeterministic automata, put together and made deterministic with counted effort.

A `Builder` holds the states of all fragments one behind the other, as Thompson (1968) put them together: every fragment
has one entry that nothing inside leads back to, and one exit that leads nowhere. The newest fragments lie on top, so
that one can be copied or replaced as a stretch of states. Complement and intersection go by way of deterministic
automata, as in Lucene. Nothing here recurses, and no automaton takes more than `MAX_STATES` states or `MAX_EFFORT`
steps to make, whatever was made before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from query_assistant.replica.automaton import Automaton, Move, Ranges, common, joined
from query_assistant.replica.limits import MAX_EFFORT, MAX_STATES


class TooComplex(Exception):
    """The automaton would have too many states, or take too many steps to make."""


@dataclass(frozen=True, slots=True)
class StateFragment:
    """A part of an expression: its states are those from `base` to the next fragment's."""

    base: int
    entry: int
    exit: int


class Builder:
    """The states of the fragments of one expression, and the effort that they have taken."""

    def __init__(self) -> None:
        self.effort = 0
        self._dead_ends = False  # whether there may be states from which nothing can fit any more
        self._moves: list[list[Move]] = []
        self._skips: list[list[int]] = []

    def spend(self, steps: int) -> None:
        self.effort += steps
        if self.effort > MAX_EFFORT:
            raise TooComplex

    def empty(self) -> StateFragment:
        """Fits the empty text."""
        fragment = self._apart()
        self._skips[fragment.entry].append(fragment.exit)
        return fragment

    def nothing(self) -> StateFragment:
        """Fits no text."""
        return self.chars(())

    def chars(self, ranges: Ranges) -> StateFragment:
        """Fits one character."""
        fragment = self._apart()
        self._moves[fragment.entry] = [(low, high, fragment.exit) for low, high in ranges]
        self._dead_ends |= not ranges
        return fragment

    def followed(self, left: StateFragment, ranges: Ranges) -> StateFragment:
        """The newest fragment and one character behind it."""
        end = self._state()
        self._moves[left.exit] = [(low, high, end) for low, high in ranges]
        self._dead_ends |= not ranges
        return StateFragment(left.base, left.entry, end)

    def concat(self, left: StateFragment, right: StateFragment) -> StateFragment:
        self._skips[left.exit].append(right.entry)
        return StateFragment(left.base, left.entry, right.exit)

    def union(self, members: Sequence[StateFragment]) -> StateFragment:
        if len(members) == 1:
            return members[0]
        entry, end = self._state(), self._state()
        self._skips[entry] = [member.entry for member in members]
        for member in members:
            self._skips[member.exit].append(end)
        return StateFragment(members[0].base, entry, end)

    def repeated(self, inner: StateFragment, least: int, most: int | None) -> StateFragment:
        """The newest fragment `least` to `most` times in a row; None is no upper bound."""
        copies = [inner, *self._copied(inner, max(most or 0, least, 1) - 1)]
        if most is None:
            copies[-1] = self._loop(copies[-1])
            if least == 0:
                self._skips[copies[-1].entry].append(copies[-1].exit)
            return self._chain(copies)
        entry, end = self._state(), self._state()
        whole = self._chain(copies)
        self._skips[whole.exit].append(end)
        self._skips[entry].append(whole.entry if most else end)
        for optional in copies[least:]:
            self._skips[optional.entry].append(end)
        return StateFragment(inner.base, entry, end)

    def complement(self, inner: StateFragment) -> StateFragment:
        """Fits what the newest fragment does not."""
        return self._replaced(inner.base, self.determinized(inner).complement())

    def both(self, left: StateFragment, right: StateFragment) -> StateFragment:
        """Fits what both of the two newest fragments fit."""
        one, other = self.determinized(left), self.determinized(right)
        return self._replaced(left.base, self._product(one, other))

    def interval(self, low: int, high: int, digits: int) -> StateFragment:
        """Fits the decimal numbers between two: of exactly so many digits, or (0) behind any number of zeros."""
        whole = self._apart()
        width = digits or len(str(high))
        bounds = str(low).zfill(width), str(high).zfill(width)
        states: dict[tuple[int, bool, bool], int] = {}

        def state(place: int, at_low: bool, at_high: bool) -> int:
            key = (place, at_low, at_high)
            if key not in states:
                states[key] = self._state()
                if place == width:
                    self._skips[states[key]].append(whole.exit)
            return states[key]

        waiting = [(0, True, True)]
        state(*waiting[0])
        while waiting:
            place, at_low, at_high = waiting.pop()
            if place == width:
                continue
            first, last = bounds[0][place] if at_low else "0", bounds[1][place] if at_high else "9"
            for code in range(ord(first), ord(last) + 1):
                after = (place + 1, at_low and code == ord(first), at_high and code == ord(last))
                if after not in states:
                    waiting.append(after)
                self._moves[states[place, at_low, at_high]].append((code, code, state(*after)))
        self._skips[whole.entry].append(states[0, True, True])
        if not digits:
            self._leading_zeros(whole, states, width)
        return whole

    def _leading_zeros(self, whole: StateFragment, states: dict[tuple[int, bool, bool], int], width: int) -> None:
        """Zeros before the number, and numbers with fewer digits than the longest one."""
        zeros = self._state()
        self._moves[zeros] = [(ord("0"), ord("0"), zeros)]
        self._skips[zeros].append(states[0, True, True])
        self._skips[whole.entry].append(zeros)
        for left_out in range(1, width):
            if (state := states.get((left_out, True, False))) is not None:
                self._skips[whole.entry].append(state)

    def finished(self, fragment: StateFragment) -> Automaton:
        """The deterministic automaton of a whole expression, without states from which nothing can fit any more."""
        automaton = self.determinized(fragment)
        return automaton.pruned() if self._dead_ends else automaton

    def determinized(self, fragment: StateFragment) -> Automaton:
        """The same language by sets of states (Rabin and Scott 1959).

        Raises:
            TooComplex: there are more than `MAX_STATES` sets, or they take too much effort.
        """
        known: dict[frozenset[int], frozenset[int]] = {}
        start = self._closure(frozenset([fragment.entry]), fragment.exit, known)
        numbers = {start: 0}
        order, moves = [start], []
        for members in order:
            row: list[Move] = []
            for low, high, targets in self._steps(members):
                after = self._closure(targets, fragment.exit, known)
                number = numbers.setdefault(after, len(order))
                if number == len(order):
                    order.append(after)
                    if number == MAX_STATES:
                        raise TooComplex
                row.append((low, high, number))
            moves.append(joined(row))
        return Automaton(moves, [fragment.exit in members for members in order])

    def _closure(self, states: frozenset[int], end: int, known: dict[frozenset[int], frozenset[int]]) -> frozenset[int]:
        """The states that a character can be read in, or that are the end, without reading on the way there."""
        found = known.get(states)
        if found is None:
            if len(states) == 1 and not any(self._skips[state] for state in states):
                return states
            seen, waiting = set(states), list(states)
            while waiting:
                for target in self._skips[waiting.pop()]:
                    if target not in seen:
                        seen.add(target)
                        waiting.append(target)
            self.spend(len(seen))
            found = known[states] = frozenset(one for one in seen if self._moves[one] or one == end)
        return found

    def _steps(self, members: frozenset[int]) -> Iterable[tuple[int, int, frozenset[int]]]:
        """Where a set of states goes, by stretches of characters."""
        by_range: dict[tuple[int, int], set[int]] = {}
        for member in members:
            row = self._moves[member]
            self.spend(1 + len(row))
            for low, high, target in row:
                by_range.setdefault((low, high), set()).add(target)
        if len(by_range) < 2:
            return [(low, high, frozenset(targets)) for (low, high), targets in by_range.items()]
        return self._cut(by_range)

    def _cut(self, by_range: dict[tuple[int, int], set[int]]) -> Iterable[tuple[int, int, frozenset[int]]]:
        """Overlapping stretches as stretches apart."""
        bounds = sorted({low for low, _ in by_range} | {high + 1 for _, high in by_range})
        places = {bound: place for place, bound in enumerate(bounds)}
        pieces: list[set[int]] = [set() for _ in bounds]
        for (low, high), targets in by_range.items():
            covered = range(places[low], places[high + 1])
            self.spend(len(covered) * len(targets))
            for place in covered:
                pieces[place] |= targets
        return [(bounds[at], bounds[at + 1] - 1, frozenset(piece)) for at, piece in enumerate(pieces) if piece]

    def _product(self, one: Automaton, other: Automaton) -> Automaton:
        numbers = {(0, 0): 0}
        order, moves = [(0, 0)], []
        for left, right in order:
            row: list[Move] = []
            for low, high, pair in common(one.moves[left], other.moves[right]):
                if pair not in numbers:
                    numbers[pair] = len(order)
                    order.append(pair)
                    if len(order) > MAX_STATES:
                        raise TooComplex
                row.append((low, high, numbers[pair]))
            self.spend(1 + len(one.moves[left]) + len(other.moves[right]))
            moves.append(row)
        return Automaton(moves, [one.accepting[left] and other.accepting[right] for left, right in order])

    def _replaced(self, base: int, automaton: Automaton) -> StateFragment:
        """A deterministic automaton in the place of the newest fragments."""
        self._dead_ends = True
        del self._moves[base:], self._skips[base:]
        entry, end = self._state(), self._state()
        first = len(self._moves)
        for row, fits in zip(automaton.moves, automaton.accepting, strict=True):
            state = self._state()
            self._moves[state] = [(low, high, first + target) for low, high, target in row]
            self._skips[state] = [end] if fits else []
            self.spend(len(row))
        self._skips[entry] = [first]
        return StateFragment(base, entry, end)

    def _loop(self, inner: StateFragment) -> StateFragment:
        """The fragment once or more."""
        entry, end = self._state(), self._state()
        self._skips[entry].append(inner.entry)
        self._skips[inner.exit] += [inner.entry, end]
        return StateFragment(inner.base, entry, end)

    def _chain(self, parts: Sequence[StateFragment]) -> StateFragment:
        whole = parts[0]
        for part in parts[1:]:
            whole = self.concat(whole, part)
        return whole

    def _copied(self, inner: StateFragment, times: int) -> list[StateFragment]:
        """Copies of the newest fragment."""
        states = range(inner.base, len(self._moves))
        copies = []
        for _ in range(times):
            shift = len(self._moves) - inner.base
            for state in states:
                copy = self._state()
                self._moves[copy] = [(low, high, target + shift) for low, high, target in self._moves[state]]
                self._skips[copy] = [target + shift for target in self._skips[state]]
            copies.append(StateFragment(inner.base + shift, inner.entry + shift, inner.exit + shift))
        return copies

    def _apart(self) -> StateFragment:
        """An entry and an exit that nothing joins."""
        entry = self._state()
        return StateFragment(entry, entry, self._state())

    def _state(self) -> int:
        number = len(self._moves)
        if number >= 4 * MAX_STATES:  # two for a character, and those of the operators around it
            raise TooComplex
        self._moves.append([])
        self._skips.append([])
        return number
