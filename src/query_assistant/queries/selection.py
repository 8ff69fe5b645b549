"""Which records a request means, in a form that is equal for requests that surely mean the same ones.

Scores, order and presentation are left out, and every law of Boolean algebra holds: De Morgan, distribution,
absorption, doubled clauses. The tree's leaves become atoms and the tree a truth table over them, which is the same for
all equivalent trees once atoms that change nothing are removed. Beyond `MOST_ATOMS` leaves the table would be too
large, and only order, doubles and negation are normalised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from query_assistant.apis import Api
from query_assistant.queries.meaning import understand
from query_assistant.queries.normal_tree import fold, normal
from query_assistant.queries.request import Request
from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Boost,
    Match,
    MatchAll,
    MatchNone,
    Node,
    Phrase,
    Range,
    Strict,
    Words,
)

MOST_ATOMS = 12
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_TOKEN = re.compile(r"[^\W_]+\Z")

Formula = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Equal for requests that mean the same records of the same index; a POST has one formula per term."""

    index: str
    formulas: tuple[Formula, ...]
    post_filter: Formula | None


def selection_form(request: Request, api: Api) -> Selection:
    """The comparable form of what a request selects.

    Raises:
        RequestError: the request cannot be understood.
    """
    meaning = understand(request, api)
    return Selection(
        index=meaning.index,
        formulas=tuple(formula(node, api) for node in meaning.selections),
        post_filter=formula(meaning.post_filter, api) if meaning.post_filter else None,
    )


def formula(node: Node, api: Api) -> Formula:
    """The Boolean function of a tree over its leaves, as a value that can be compared and hashed."""
    logic = _logic(node, api)
    atoms = sorted(_atoms(logic), key=repr)
    return _table(logic, atoms) if len(atoms) <= MOST_ATOMS else _sorted_form(logic)


def _logic(node: Node, api: Api) -> Formula:
    """The tree as ("and"|"or"|"not", ...) over ("atom", leaf); true and false are empty conjunctions."""
    match node:
        case Boost() | Strict():
            return _logic(node.node, api)
        case Boolean():
            return _boolean(node, api)
        case BestOf():
            return ("or", *(_logic(choice, api) for _, choice in node.choices))
        case MatchAll():
            return ("and",)
        case MatchNone():
            return ("or",)
        case Match():
            return _match(node, api)
        case _:
            return _leaf(node, api)


def _boolean(node: Boolean, api: Api) -> Formula:
    must = [_logic(part, api) for part in node.must]
    if not must and node.should:
        must = [("or", *(_logic(part, api) for part in node.should))]
    return ("and", *must, *(("not", _logic(part, api)) for part in node.must_not))


def _match(node: Match, api: Api) -> Formula:
    """A literal text in several fields is any of its lookups in one."""
    if node.mode not in ("all", "whole", "phrase"):
        words = node.text.split()
        return ("or", *(_leaf(Words(field, (word,)), api) for field in node.fields for word in words))
    return ("or", *(_lookup(field, node, api) for field in node.fields))


def _lookup(field: str, node: Match, api: Api) -> Formula:
    single = _TOKEN.match(node.text)
    if api.takes_whole(field) or field == "_id":
        return _leaf(Phrase(field, node.text), api)
    if node.mode == "phrase" and not single:
        return _leaf(Phrase(field, node.text), api)
    if single or api.kind(field) == "text":
        return _leaf(Words(field, tuple(node.text.split()) or ("",)), api)
    return ("atom", Match((field,), node.text, node.mode))


def _leaf(node: Node, api: Api) -> Formula:
    plain = normal(fold(node, api), api)
    if isinstance(plain, Boolean):
        return _boolean(plain, api)
    return ("atom", _typed(plain, api))


def _typed(node: Node, api: Api) -> Node:
    """One spelling per number, one form for a range of a single value."""
    if isinstance(node, Range):
        if api.kind(node.field) == "number":
            node = Range(node.field, _number(node.low), _number(node.high), node.include_low, node.include_high)
        if node.low is not None and node.low == node.high and node.include_low and node.include_high:
            return Words(node.field, (node.low,)) if api.takes_whole(node.field) else node
        return node
    if isinstance(node, (Words, Phrase)) and api.kind(node.field) == "number":
        return Words(node.field, (_number(node.text) or "",))
    if isinstance(node, Words) and len(node.words) == 1 and _one_token(node, api):
        return Words(node.field, node.words)
    return node


def _one_token(node: Words, api: Api) -> bool:
    """Whether no analyzer takes the word apart, so that the operator between its parts cannot matter."""
    return bool(_TOKEN.match(node.text)) or api.takes_whole(node.field)


def _number(text: str | None) -> str | None:
    if text is None or not _NUMBER.match(text):
        return text
    value = float(text)
    if abs(value) >= 2**53:
        return text
    return str(int(value)) if value == int(value) else repr(value)


def _atoms(logic: Formula) -> set[object]:
    if logic[0] == "atom":
        return {logic[1]}
    return {atom for part in logic[1:] for atom in _atoms(part)}  # type: ignore[arg-type]


def _table(logic: Formula, atoms: list[object]) -> Formula:
    """Truth table as a number: bit i says whether the records that satisfy the atoms set in i are meant."""
    table = _bits(logic, _columns(atoms), (1 << (1 << len(atoms))) - 1)
    for place in reversed(range(len(atoms))):
        low, high = _cofactors(table, place, len(atoms))
        if low == high:
            table = low
            atoms = [*atoms[:place], *atoms[place + 1 :]]
    return ("table", tuple(atoms), table)


def _columns(atoms: list[object]) -> dict[object, int]:
    return {atom: _column(place, len(atoms)) for place, atom in enumerate(atoms)}


def _column(place: int, count: int) -> int:
    """The rows in which the atom at `place` is true."""
    width = 1 << place
    column = ((1 << width) - 1) << width
    for power in range(place + 1, count):
        column |= column << (1 << power)
    return column


def _bits(logic: Formula, columns: dict[object, int], full: int) -> int:
    if logic[0] == "atom":
        return columns[logic[1]]
    parts: Iterable[int] = (_bits(part, columns, full) for part in logic[1:])  # type: ignore[arg-type]
    if logic[0] == "not":
        return full & ~next(iter(parts))
    result = full if logic[0] == "and" else 0
    for part in parts:
        result = result & part if logic[0] == "and" else result | part
    return result


def _cofactors(table: int, place: int, count: int) -> tuple[int, int]:
    """The table with one atom false, and with it true."""
    width, low, high, at = 1 << place, 0, 0, 0
    mask = (1 << width) - 1
    for start in range(0, 1 << count, 2 * width):
        low |= ((table >> start) & mask) << at
        high |= ((table >> (start + width)) & mask) << at
        at += width
    return low, high


def _sorted_form(logic: Formula) -> Formula:
    """Order, doubles and double negation removed: for formulas too wide for a table."""
    if logic[0] == "atom":
        return logic
    if logic[0] == "not":
        return _negated(logic[1], _sorted_form)  # type: ignore[arg-type]
    parts = {part for inner in logic[1:] for part in _opened(_sorted_form(inner), logic[0])}  # type: ignore[arg-type]
    return parts.pop() if len(parts) == 1 else (logic[0], *sorted(parts, key=repr))


def _opened(part: Formula, operator: object) -> Iterable[Formula]:
    return part[1:] if part[0] == operator else (part,)  # type: ignore[return-value]


def _negated(part: Formula, form: Callable[[Formula], Formula]) -> Formula:
    if part[0] == "not":
        return form(part[1])  # type: ignore[arg-type]
    if part[0] == "atom":
        return ("not", part)
    return form(("or" if part[0] == "and" else "and", *(("not", inner) for inner in part[1:])))
