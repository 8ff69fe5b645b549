"""What an instruction has to say: a query's meaning, freed of the wire form and sorted into things people say.

`/v3/query?q=symbol:CDK2 OR symbol:CDK4&species=human&fields=name&size=5` is

    Plan("mygene", "search", condition=Leaf("equals", "symbol", ("CDK2", "CDK4")),
         species=("9606",), fields=("name",), size=5)

Every part of the query is in the plan, and nothing else; what no plan can hold is an `UnsayableError`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from query_assistant.errors import QueryAssistantError

Kind = Literal["search", "lookup", "batch_lookup", "batch"]
MERGED_BY_OR = frozenset({"equals", "equals_number", "contains", "phrase", "keyword", "keyword_phrase", "prefix"})


class UnsayableError(QueryAssistantError):
    """A query holds something no person would say, or nothing has words for yet; `reason` is a short key."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition. `operator` is a key of words/frames.yaml; several `values` mean any of them,
    except under `contains_all`, where all are meant. `field` None: the API's default fields.
    """

    operator: str
    field: str | None
    values: tuple[str, ...] = ()
    low: str | None = None
    high: str | None = None
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    joint: Literal["and", "or"]
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition: TypeAlias = Leaf | Group | Not


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the query says. None and empty mean that the query leaves it at the API's default.

    `species` holds taxids; `identifiers` the ids of lookups or the terms of a batch; `scopes` where the terms are
    looked for. `fields`: None is the default, ("all",) everything where that is not the default.
    """

    api: str
    kind: Kind
    condition: Condition | None = None
    identifiers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    species: tuple[str, ...] = ()
    assembly: str | None = None
    fields: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    size: int | None = None
    skip: int = 0
    sort: tuple[str, ...] = ()
    facets: tuple[str, ...] = ()
    facet_size: int | None = None
    counts_only: bool = False
    dotted: bool = False
    everything: bool = False
    with_obsolete: bool = False
    format: str | None = None


def conjunction(parts: list[Condition]) -> Condition | None:
    """All of the parts; words of one text field come together."""
    flat = _flatten(parts, "and")
    if len(flat) < 2:
        return flat[0] if flat else None
    merged: list[Condition] = []
    for part in flat:
        partner = next((index for index, other in enumerate(merged) if _same_text(part, other)), None)
        if partner is None:
            merged.append(part)
        else:
            merged[partner] = _together(merged[partner], part)
    return merged[0] if len(merged) == 1 else Group("and", tuple(merged))


def disjunction(parts: list[Condition]) -> Condition | None:
    """Any of the parts; values of one field under one operator come together."""
    merged: list[Condition] = []
    for part in _flatten(parts, "or"):
        partner = next((index for index, other in enumerate(merged) if _mergeable(part, other)), None)
        if partner is None or not isinstance(part, Leaf):
            merged.append(part)
            continue
        other = merged[partner]
        assert isinstance(other, Leaf)
        values = tuple(dict.fromkeys(other.values + part.values))
        if len(values) < len(other.values) + len(part.values):
            raise UnsayableError("repeated value", f"{part.field}: {part.values}")
        merged[partner] = replace(other, values=values)
    if len(merged) < 2:
        return merged[0] if merged else None
    return Group("or", tuple(merged))


def plan_leaves(condition: Condition | None) -> list[Leaf]:
    """Every condition on a field or on the default fields, in order."""
    if condition is None:
        return []
    if isinstance(condition, Leaf):
        return [condition]
    parts = condition.parts if isinstance(condition, Group) else (condition.part,)
    return [leaf for part in parts for leaf in plan_leaves(part)]


def _flatten(parts: list[Condition], joint: str) -> list[Condition]:
    flat: list[Condition] = []
    for part in parts:
        flat += _flatten(list(part.parts), joint) if isinstance(part, Group) and part.joint == joint else [part]
    return flat


def _mergeable(one: Condition, other: Condition) -> bool:
    return (
        isinstance(one, Leaf)
        and isinstance(other, Leaf)
        and one.operator == other.operator
        and one.field == other.field
        and one.operator in MERGED_BY_OR
    )


def _same_text(one: Condition, other: Condition) -> bool:
    if not (isinstance(one, Leaf) and isinstance(other, Leaf)) or one.field != other.field or one.field is None:
        return False
    kinds = {one.operator, other.operator}
    return kinds <= {"contains", "contains_all"} and all(
        leaf.operator == "contains_all" or len(leaf.values) == 1 for leaf in (one, other)
    )


def _together(one: Condition, other: Condition) -> Leaf:
    assert isinstance(one, Leaf) and isinstance(other, Leaf)
    return Leaf("contains_all", one.field, tuple(dict.fromkeys(one.values + other.values)))
