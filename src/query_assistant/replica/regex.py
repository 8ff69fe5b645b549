"""Lucene's regular expressions, read without recursion into an automaton that takes a term one character at a time.

Understood: `.` `?` `*` `+` `{n,m}` `|` `&` `~` `#` `@` `"..."` `[...]` `<n-m>` `(...)` and `\\d \\w \\s` with their
opposites. `^` and `$` are plain characters: a pattern always has to fit the whole term. Union binds loosest, then
intersection, sequence, repetition, complement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from query_assistant.errors import RequestError
from query_assistant.replica.automaton import LAST, Ranges
from query_assistant.replica.fragments import Builder, StateFragment, TooComplex
from query_assistant.replica.limits import EFFORT_STEPS, MAX_REGEX_LENGTH, MAX_STATES, Work

ANY: Ranges = ((0, LAST),)
CLASSES: dict[str, Ranges] = {
    "d": ((48, 57),),
    "s": ((9, 10), (13, 13), (32, 32)),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
}


class Pattern:
    """A compiled expression; `matches` asks whether it fits a whole term. `effort` is what compiling it took.

    Raises:
        RequestError: the text is too long, does not fit the grammar, or its automaton would be too large.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_REGEX_LENGTH:
            raise RequestError(
                f"the regular expression has {len(text)} characters, at most {MAX_REGEX_LENGTH} are allowed"
            )
        builder = Builder()
        try:
            automaton = builder.finished(_Reader(text, builder).read())
        except TooComplex:
            raise RequestError(
                f"the regular expression /{text[:40]}/ is too complex: its automaton would need more than {MAX_STATES} "
                "states; write a simpler one, with fewer repetitions"
            ) from None
        self.effort = builder.effort
        self.automaton = automaton

    def matches(self, term: str) -> bool:
        return self.automaton.fits(term)

    def select(self, terms: Sequence[str], work: Work) -> list[int]:
        """The numbers of the fitting terms of a sorted vocabulary."""
        low, high = self.automaton.run(terms)
        work.spend(EFFORT_STEPS * self.effort + sum(map(len, terms[low:high])))
        return [place for place in range(low, high) if self.automaton.fits(terms[place])]


@dataclass
class _Group:
    """What has been read of one pair of parentheses: alternatives, and of the last one what stands between `&`."""

    alternatives: list[StateFragment] = field(default_factory=list)
    common: StateFragment | None = None
    sequence: StateFragment | None = None
    last: StateFragment | None = None
    negated: bool | None = None  # after `~`, which binds to the next character, brackets or group

    @property
    def waits(self) -> bool:
        """Whether any character that comes is a plain one, operators included."""
        return self.last is None or self.negated is not None


class _Reader:
    """Reads an expression from left to right; open parentheses wait on a stack."""

    def __init__(self, text: str, builder: Builder) -> None:
        self.text = text
        self.builder = builder
        self.place = 0
        self.groups = [_Group()]

    def read(self) -> StateFragment:
        if not self.text:
            return self.builder.empty()
        while self.place < len(self.text) or self.groups[-1].waits:
            self._piece(self.groups[-1])
        if len(self.groups) > 1:
            raise self._error("')'")
        return self._whole(self.groups[-1])

    def _piece(self, group: _Group) -> None:
        if not group.waits and self._peek(")|&"):
            self._join(self._next())
        elif not group.waits and self._peek("?*+{"):
            group.last = self._repeated(self._next(), group.last)
        elif self._take("~"):
            self._end_last(group)
            group.negated = not group.negated
        elif self._take("("):
            self._end_last(group)
            if self._take(")"):
                self._add(self.builder.empty())
            else:
                self.groups.append(_Group())
        else:
            self._end_last(group)
            self._place(self._atom(), group)

    def _place(self, atom: StateFragment | Ranges, group: _Group) -> None:
        if isinstance(atom, StateFragment):
            self._add(atom)
        elif group.sequence is None or group.negated is not None or self._peek("?*+{"):
            self._add(self.builder.chars(atom))
        else:
            group.last, group.sequence = self.builder.followed(group.sequence, atom), None

    def _end_last(self, group: _Group) -> None:
        """What was read last can be repeated no more: it goes to the sequence."""
        if group.last is not None:
            group.sequence = group.last if group.sequence is None else self.builder.concat(group.sequence, group.last)
            group.last = None

    def _add(self, atom: StateFragment) -> None:
        group = self.groups[-1]
        group.last = self.builder.complement(atom) if group.negated else atom
        group.negated = None

    def _join(self, sign: str) -> None:
        if sign != ")":
            self._end_sequence(self.groups[-1], alternative=sign == "|")
            return
        if len(self.groups) == 1:
            self.place -= 1
            raise self._error("the end")
        whole = self._whole(self.groups.pop())
        self._add(whole)

    def _end_sequence(self, group: _Group, alternative: bool) -> None:
        self._end_last(group)
        assert group.sequence is not None
        sequence, group.sequence = group.sequence, None
        group.common = sequence if group.common is None else self.builder.both(group.common, sequence)
        if alternative:
            group.alternatives.append(group.common)
            group.common = None

    def _whole(self, group: _Group) -> StateFragment:
        self._end_sequence(group, alternative=True)
        return self.builder.union(group.alternatives)

    def _repeated(self, sign: str, inner: StateFragment | None) -> StateFragment:
        assert inner is not None
        least, most = self._counts() if sign == "{" else {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
        return self.builder.repeated(inner, least, most)

    def _counts(self) -> tuple[int, int | None]:
        least = self._integer()
        most: int | None = least
        if self._take(","):
            most = None if self._peek("}") else self._integer()
        if not self._take("}"):
            raise self._error("'}'")
        if most is not None and most < least:
            raise self._error("counts in order")
        return least, most

    def _integer(self) -> int:
        start = self.place
        while self._peek("0123456789"):
            self.place += 1
        if start == self.place or self.place - start > 9:
            raise self._error("a number")
        return int(self.text[start : self.place])

    def _atom(self) -> StateFragment | Ranges:
        char = self._next()
        if char == '"':
            return self._quoted()
        if char == "<":
            return self._interval()
        if char == "#":
            return self.builder.nothing()
        if char == "@":
            return self.builder.repeated(self.builder.chars(ANY), 0, None)
        if char == "[":
            return self._brackets()
        if char == "\\":
            return self._escaped()
        return ANY if char == "." else ((ord(char), ord(char)),)

    def _quoted(self) -> StateFragment:
        end = self.text.find('"', self.place)
        if end < 0:
            raise self._error("a closing quote")
        whole = self.builder.empty()
        for char in self.text[self.place : end]:
            whole = self.builder.followed(whole, ((ord(char), ord(char)),))
        self.place = end + 1
        return whole

    def _interval(self) -> StateFragment:
        end = self.text.find(">", self.place)
        low, dash, high = self.text[self.place : max(end, self.place)].partition("-")
        if not (dash and low.isdecimal() and high.isdecimal() and len(low + high) <= 18):
            raise self._error("an interval like <1-100>")
        self.place = end + 1
        least, most = sorted((int(low), int(high)))
        return self.builder.interval(least, most, len(low) if len(low) == len(high) else 0)

    def _escaped(self) -> Ranges:
        char = self._next()
        if char.lower() in CLASSES:
            return _others(CLASSES[char.lower()]) if char.isupper() else CLASSES[char]
        return ((ord(char), ord(char)),)

    def _brackets(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not found or not self._peek("]"):
            found += self._member()
        self.place += 1
        return _others(_ordered(found)) if negated else _ordered(found)

    def _member(self) -> Ranges:
        """One character, range or class inside brackets."""
        if self._take("\\"):
            low = self._escaped()
            if self.text[self.place - 1].lower() in CLASSES:
                return low
        else:
            char = self._next()
            low = ((ord(char), ord(char)),)
        if not self._take("-"):
            return low
        self._take("\\")
        first, last = low[0][0], ord(self._next())
        if last < first:
            raise self._error("a range in order")
        return ((first, last),)

    def _peek(self, chars: str) -> bool:
        return self.place < len(self.text) and self.text[self.place] in chars

    def _take(self, char: str) -> bool:
        if self._peek(char):
            self.place += 1
            return True
        return False

    def _next(self) -> str:
        if self.place >= len(self.text):
            raise self._error("more characters")
        self.place += 1
        return self.text[self.place - 1]

    def _error(self, expected: str) -> RequestError:
        return RequestError(f"regular expression /{self.text}/: expected {expected} at position {self.place}")


def _ordered(found: Sequence[tuple[int, int]]) -> Ranges:
    """The stretches in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _others(ranges: Ranges) -> Ranges:
    """The characters outside."""
    bounds = [-1, *(bound for low, high in ranges for bound in (low - 1, high)), LAST]
    pairs = [(bounds[at] + 1, bounds[at + 1]) for at in range(0, len(bounds), 2)]
    return tuple((low, high) for low, high in pairs if low <= high)
