"""Lucene's syntax of regular expressions, read by recursive descent into expressions."""

from __future__ import annotations

from query_assistant.errors import RequestError
from query_assistant.replica.expressions import (
    ANY,
    CLASSES,
    EMPTY,
    EVERYTHING,
    NOTHING,
    Expression,
    both,
    complement,
    concat,
    repeated,
    star,
    union,
)

MAX_REPEATS = 1_000


def parse(text: str) -> Expression:
    """The expression of a text.

    Raises:
        RequestError: it does not fit the grammar; the message names the position.
    """
    return Parser(text).parse()


class Parser:
    """Recursive descent over Lucene's grammar: union > intersection > concatenation > repetition > complement."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.repeats = 1

    def parse(self) -> Expression:
        if not self.text:
            return EMPTY
        found = self.union()
        if self.place < len(self.text):
            raise self.error("the end")
        return found

    def error(self, expected: str) -> RequestError:
        return RequestError(f"regular expression /{self.text}/: expected {expected} at position {self.place}")

    def peek(self, chars: str) -> bool:
        return self.place < len(self.text) and self.text[self.place] in chars

    def take(self, char: str) -> bool:
        if self.peek(char):
            self.place += 1
            return True
        return False

    def next(self) -> str:
        if self.place >= len(self.text):
            raise self.error("more characters")
        self.place += 1
        return self.text[self.place - 1]

    def union(self) -> Expression:
        members = [self.intersection()]
        while self.take("|"):
            members.append(self.intersection())
        return union(*members)

    def intersection(self) -> Expression:
        members = [self.sequence()]
        while self.take("&"):
            members.append(self.sequence())
        return both(*members)

    def sequence(self) -> Expression:
        parts = [self.repetition()]
        while self.place < len(self.text) and not self.peek(")|&"):
            parts.append(self.repetition())
        found = EMPTY
        for part in reversed(parts):
            found = concat(part, found)
        return found

    def repetition(self) -> Expression:
        found = self.complement()
        while self.peek("?*+{"):
            sign = self.next()
            if sign == "?":
                found = union(found, EMPTY)
            elif sign == "{":
                found = repeated(found, *self.counts())
            else:
                found = star(found) if sign == "*" else concat(found, star(found))
        return found

    def counts(self) -> tuple[int, int | None]:
        least = self.integer()
        most: int | None = least
        if self.take(","):
            most = None if self.peek("}") else self.integer()
        if not self.take("}"):
            raise self.error("'}'")
        self.repeats *= max(least, most or 1, 1)
        if self.repeats > MAX_REPEATS or (most is not None and most < least):
            raise self.error(f"counts in order and, multiplied with all others, up to {MAX_REPEATS}")
        return least, most

    def integer(self) -> int:
        start = self.place
        while self.peek("0123456789"):
            self.place += 1
        if start == self.place or self.place - start > 9:
            raise self.error("a number")
        return int(self.text[start : self.place])

    def complement(self) -> Expression:
        if self.take("~"):
            return complement(self.complement())
        if self.take("["):
            return self.charset()
        return self.simple()

    def charset(self) -> Expression:
        negated = self.take("^")
        ranges: list[tuple[str, str]] = []
        opposites: list[Expression] = []
        while not (ranges or opposites) or not self.peek("]"):
            self.member(ranges, opposites)
        self.next()
        found = union(("set", False, tuple(ranges)), *opposites)
        return both(ANY, complement(found)) if negated else found

    def member(self, ranges: list[tuple[str, str]], opposites: list[Expression]) -> None:
        """One character, range or class inside brackets."""
        escaped = self.take("\\")
        char = self.next()
        if escaped and char in CLASSES:
            ranges.extend(CLASSES[char])
        elif escaped and char.lower() in CLASSES:
            opposites.append(("set", True, CLASSES[char.lower()]))
        else:
            self.take_range(char, ranges)

    def take_range(self, low: str, ranges: list[tuple[str, str]]) -> None:
        high = low
        if self.take("-"):
            self.take("\\")
            high = self.next()
        if high < low:
            raise self.error("a range in order")
        ranges.append((low, high))

    def simple(self) -> Expression:
        char = self.next()
        if char == ".":
            return ANY
        if char in "#@":
            return NOTHING if char == "#" else EVERYTHING
        if char == '"':
            return self.quoted()
        if char == "(":
            return self.group()
        if char == "<":
            return self.interval()
        if char == "\\":
            return self.escaped()
        return ("set", False, ((char, char),))

    def quoted(self) -> Expression:
        end = self.text.find('"', self.place)
        if end < 0:
            raise self.error("a closing quote")
        found = EMPTY
        for char in reversed(self.text[self.place : end]):
            found = concat(("set", False, ((char, char),)), found)
        self.place = end + 1
        return found

    def group(self) -> Expression:
        if self.take(")"):
            return EMPTY
        found = self.union()
        if not self.take(")"):
            raise self.error("')'")
        return found

    def interval(self) -> Expression:
        end = self.text.find(">", self.place)
        low, dash, high = self.text[self.place : max(end, self.place)].partition("-")
        if not (dash and low.isdecimal() and high.isdecimal() and len(low + high) <= 18):
            raise self.error("an interval like <1-100>")
        self.place = end + 1
        digits = len(low) if len(low) == len(high) else 0
        return ("interval", *sorted((int(low), int(high))), digits, 0, 0)

    def escaped(self) -> Expression:
        char = self.next()
        if char.lower() in CLASSES:
            return ("set", char.isupper(), CLASSES[char.lower()])
        return ("set", False, ((char, char),))
