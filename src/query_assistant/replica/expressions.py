"""Regular expressions as plain tuples in a normal form, and what is left of one after a character.

Equal languages are mostly equal tuples (unions and intersections are sets, sequences lean to the right), which keeps
the number of states small.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

Expression: TypeAlias = tuple[Any, ...]

NOTHING: Expression = ("nothing",)
EMPTY: Expression = ("empty",)
ANY: Expression = ("set", True, ())
EVERYTHING: Expression = ("star", ANY)
CLASSES = {
    "d": (("0", "9"),),
    "s": ((" ", " "), ("\t", "\t"), ("\n", "\n"), ("\r", "\r")),
    "w": (("a", "z"), ("A", "Z"), ("0", "9"), ("_", "_")),
}


def concat(left: Expression, right: Expression) -> Expression:
    if NOTHING in (left, right):
        return NOTHING
    if left == EMPTY:
        return right
    if right == EMPTY:
        return left
    if left[0] == "concat":  # to the right, so that equal sequences are equal tuples
        return concat(left[1], concat(left[2], right))
    return ("concat", left, right)


def star(inner: Expression) -> Expression:
    if inner in (NOTHING, EMPTY):
        return EMPTY
    return inner if inner[0] == "star" else ("star", inner)


def union(*members: Expression) -> Expression:
    return _joined("or", members, neutral=NOTHING, absorbing=EVERYTHING)


def both(*members: Expression) -> Expression:
    return _joined("and", members, neutral=EVERYTHING, absorbing=NOTHING)


def _joined(kind: str, members: tuple[Expression, ...], neutral: Expression, absorbing: Expression) -> Expression:
    flat: set[Expression] = set()
    for member in members:
        flat.update(member[1] if member[0] == kind else (member,))
    flat.discard(neutral)
    if absorbing in flat:
        return absorbing
    if len(flat) <= 1:
        return flat.pop() if flat else neutral
    return (kind, frozenset(flat))


def complement(inner: Expression) -> Expression:
    if inner == NOTHING:
        return EVERYTHING
    if inner == EVERYTHING:
        return NOTHING
    return inner[1] if inner[0] == "not" else ("not", inner)


@lru_cache(maxsize=65536)
def nullable(expression: Expression) -> bool:
    """Whether the expression fits the empty text."""
    kind, *parts = expression
    if kind in ("empty", "star"):
        return True
    if kind == "concat":
        return all(nullable(part) for part in parts)
    if kind == "or":
        return any(nullable(part) for part in parts[0])
    if kind == "and":
        return all(nullable(part) for part in parts[0])
    if kind == "not":
        return not nullable(parts[0])
    if kind == "interval":
        low, high, digits, value, count = parts
        return bool((count == digits if digits else count > 0) and low <= value <= high)
    return False


@lru_cache(maxsize=65536)
def derive(expression: Expression, char: str) -> Expression:
    """What is left of the expression after the character."""
    kind, *parts = expression
    if kind == "set":
        negated, ranges = parts
        inside = any(low <= char <= high for low, high in ranges)
        return EMPTY if inside != negated else NOTHING
    if kind == "concat":
        left, right = parts
        after = concat(derive(left, char), right)
        return union(after, derive(right, char)) if nullable(left) else after
    if kind == "star":
        return concat(derive(parts[0], char), expression)
    if kind in ("or", "and"):
        join = union if kind == "or" else both
        return join(*(derive(part, char) for part in parts[0]))
    if kind == "not":
        return complement(derive(parts[0], char))
    if kind == "interval":
        return _next_digit(parts, char)
    return NOTHING


def _next_digit(parts: list[Any], char: str) -> Expression:
    low, high, digits, value, count = parts
    if char not in "0123456789":
        return NOTHING
    value = value * 10 + int(char)
    if value > high or (digits and count >= digits):
        return NOTHING
    return ("interval", low, high, digits, value, min(count + 1, digits or 1))


def repeated(inner: Expression, least: int, most: int | None) -> Expression:
    """`inner{least,most}`; None is no upper bound."""
    found = star(inner) if most is None else EMPTY
    for _ in range((most or least) - least):
        found = union(EMPTY, concat(inner, found))
    for _ in range(least):
        found = concat(inner, found)
    return found
