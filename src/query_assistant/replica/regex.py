"""Lucene's regular expressions, matched by derivatives: no backtracking, bounded work, complement and all.

The derivative of an expression by a character is what is left to match after it (Brzozowski 1964). Expressions are
plain tuples in a normal form, so each is a state of an automaton that is made only as far as the vocabulary asks.

Understood: `.` `?` `*` `+` `{n,m}` `|` `&` `~` `#` `@` `"..."` `[...]` `<n-m>` `(...)` and `\\d \\w \\s` with their
opposites. `^` and `$` are plain characters: a pattern always has to fit the whole term.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from query_assistant.errors import RequestError
from query_assistant.replica.expressions import NOTHING, Expression, derive, nullable
from query_assistant.replica.patterns import prefix_run
from query_assistant.replica.regex_syntax import parse

MAX_STATES = 10_000  # Elasticsearch's max_determinized_states
MAX_LENGTH = 1_000  # Elasticsearch's index.max_regex_length


class Pattern:
    """A compiled expression; `matches` asks whether it fits a whole term."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise RequestError(f"the regular expression has {len(text)} characters, at most {MAX_LENGTH} are allowed")
        self._text = text
        try:
            self._start = parse(text)
        except RecursionError:
            raise RequestError(f"the regular expression /{text[:40]}.../ is nested too deeply") from None
        self._steps: dict[Expression, dict[str, Expression]] = {}
        self._taken = 0

    def matches(self, term: str) -> bool:
        """Raises:
        RequestError: the automaton would need too many states.
        """
        try:
            return self._walk(term)
        except RecursionError:
            raise self._too_complex() from None

    def run(self, terms: Sequence[str]) -> tuple[int, int]:
        """The bounds of the sorted terms that begin as the expression must."""
        prefix, rest = "", self._start
        while rest[0] == "concat" and (char := _only_char(rest[1])) is not None:
            prefix, rest = prefix + char, rest[2]
        return prefix_run(terms, prefix)

    def _walk(self, term: str) -> bool:
        state = self._start
        for char in term:
            state = self._step(state, char)
            if state == NOTHING:
                return False
        return nullable(state)

    def _too_complex(self) -> RequestError:
        return RequestError(f"the regular expression /{self._text[:40]}/ is too complex; write a simpler one")

    def _step(self, state: Expression, char: str) -> Expression:
        steps = self._steps.setdefault(state, {})
        found = steps.get(char)
        if found is None:
            self._taken += 1
            if self._taken > MAX_STATES:
                raise self._too_complex()
            found = steps[char] = derive(state, char)
        return found


@lru_cache(maxsize=256)
def compiled(text: str) -> Pattern:
    """The pattern of a text.

    Raises:
        RequestError: it cannot be parsed, or is too long.
    """
    return Pattern(text)


def _only_char(expression: Expression) -> str | None:
    if expression[0] != "set" or expression[1] or len(expression[2]) != 1:
        return None
    low, high = expression[2][0]
    return str(low) if low == high else None
