"""How two queries relate: the rungs of the score ladder, and what differs where they part.

    exact        the same text: the original project's metric
    canonical    the same canonical request, so exactly equivalent
    execution    the same records, shown the same way: page, order, facets, returned fields, form
    selection    the same records, shown differently
    different    other records, or none at all on both sides

Each rung implies those below it: a text equals itself, equal requests get equal answers. So the relation of two queries
is the strongest that holds, and it is the same in either order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.judging.contents import with_whole_identifiers
from query_assistant.judging.differences import (
    Difference,
    presentation_differences,
    selection_differences,
    sorted_by,
)
from query_assistant.judging.probes import Probe, probes_between
from query_assistant.judging.readings import Reading, reading_of
from query_assistant.queries.rendering import field_names
from query_assistant.queries.tree import Boolean, Match, Node
from query_assistant.records import Query

if TYPE_CHECKING:
    from query_assistant.replica import Replica
    from query_assistant.replica.index import Index
    from query_assistant.replica.layout import Layout

Relation = Literal["exact", "canonical", "execution", "selection", "different"]
LADDER: tuple[Relation, ...] = ("exact", "canonical", "execution", "selection", "different")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The strongest relation that holds, and what keeps the two from a stronger one."""

    relation: Relation
    differences: tuple[Difference, ...] = ()


def compare(left: Query, right: Query, api: Api, replica: Replica | None = None) -> Comparison:
    """How two queries of one API relate. With a replica real records are asked too, without one only probes.

    Raises:
        RequestError: the API would refuse one of them.
    """
    return compare_readings(reading_of(left, api), reading_of(right, api), api, replica)


def compare_readings(left: Reading, right: Reading, api: Api, replica: Replica | None = None) -> Comparison:
    """As `compare`, for queries read before."""
    if same_text(left.query, right.query, api):
        return Comparison("exact")
    if left.form == right.form:
        return Comparison("canonical")
    asked = selection_differences(left, right, api)
    if _incomparable(left, right):
        return Comparison("different", tuple(asked))
    evidence = same_records(left, right, api, replica)
    shown = presentation_differences(left, right, api)
    if not evidence.same:
        return Comparison("different", (*asked, Difference("hits", evidence.reason), *shown))
    shown = shown or _counted_differently(left, right, api, replica)
    shown = shown or _order_differences(left, right, api, replica, evidence)
    return Comparison("selection", tuple(shown)) if shown else Comparison("execution")


def same_text(left: Query, right: Query, api: Api) -> bool:
    """The original's metric: the URLs are equal, letter by letter, with nothing decoded, sorted or left out.

    White space around the whole does not count, nor whether the API's own host is written before the path; the bodies
    of two POSTs are equal as JSON values.
    """
    return _url(left, api) == _url(right, api) and left.body == right.body


def _url(query: Query, api: Api) -> str:
    return query.query.strip().removeprefix(api.base)


def _incomparable(left: Reading, right: Reading) -> bool:
    """Metadata calls, other indexes, and parameters whose effect only the live API knows: nothing to execute."""
    if left.meaning is None or right.meaning is None:
        return True
    return left.meaning.index != right.meaning.index or left.unknowable != right.unknowable


def _counted_differently(left: Reading, right: Reading, api: Api, replica: Replica | None) -> list[Difference]:
    """Facets of the same name may still count other records than the hits."""
    if left.meaning is None or not left.meaning.presentation.facets or same_counts(left, right, api, replica):
        return []
    return [Difference("facets", "the facets count other records: a post_filter does not restrict them")]


def _order_differences(
    left: Reading, right: Reading, api: Api, replica: Replica | None, evidence: Evidence
) -> list[Difference]:
    """Whether scores put the same hits in another order; sort fields are known to be equal here.

    Equal scores fall back on the order of the records, so the probes are asked forwards and backwards.
    """
    from query_assistant.replica import Replica

    assert left.meaning is not None
    if left.meaning.presentation.fetch_all or left.meaning.lookup:
        return []
    if sorted_by(left.meaning.presentation) and "_score" not in sorted_by(left.meaning.presentation):
        return []
    made_up = [Replica.from_records(api, probes) for probes in (evidence.probes, evidence.probes[::-1])]
    for records in (replica, *made_up) if replica is not None else made_up:
        if records.select(left.form).ids != records.select(right.form).ids:
            return [Difference("sort", "the same hits come in another order: their scores differ")]
    return []


@dataclass(frozen=True, slots=True)
class Evidence:
    """`same`: no record is known that one finds and the other does not, and at least one that both find.

    `reason` says in words what tells them apart, or that nothing was found at all. `probes` are the records made up
    on the way, for those who want to look at their order too.
    """

    same: bool
    reason: str = ""
    probes: tuple[dict[str, Any], ...] = ()


def same_records(left: Reading, right: Reading, api: Api, replica: Replica | None) -> Evidence:
    """The same records on the replica and on every probe, some of them found.

    A refusal (a value that does not fit its field, where the API is strict) is an answer with no records, and never
    the same as another.
    """
    try:
        return _compared((left.root, right.root), _roots(left, right), api, _index(left), replica)
    except RequestError as error:
        return Evidence(same=False, reason=f"one of them is refused: {error}")


def same_counts(left: Reading, right: Reading, api: Api, replica: Replica | None) -> bool:
    """Whether the facets of both count the same records; a post_filter restricts the hits but not them."""
    if all(side.meaning is None or side.meaning.post_filter is None for side in (left, right)):
        return True
    counted = left.counted_root, right.counted_root
    return counted[0] == counted[1] or _compared(counted, counted, api, _index(left), replica).same


def _index(reading: Reading) -> str:
    return reading.meaning.index if reading.meaning is not None else ""


Roots = tuple[Node, Node]


def _compared(real: Roots, made_up: Roots, api: Api, index: str, replica: Replica | None) -> Evidence:
    """First on the replica, where there is one of that index, then on probes."""
    found = False
    if replica is not None and index == api.default_index:
        ours, theirs = _masks(replica.index, *real)
        if reason := _told_apart(ours, theirs, replica.index.ids):
            return Evidence(same=False, reason=reason)
        found = bool(ours.any())
    left, right = (with_whole_identifiers(root, api) for root in made_up)
    return _probed(left, right, api, index, found)


def _masks(index: Index, left: Node, right: Node) -> tuple[Any, Any]:
    from query_assistant.replica.matching import Matcher

    matcher = Matcher(index)
    return matcher.matches(left), matcher.matches(right)


def _told_apart(ours: Any, theirs: Any, names: Sequence[str]) -> str:
    """The first record that only one side finds, in words; empty if there is none."""
    apart = np.flatnonzero(ours != theirs)
    if not len(apart):
        return ""
    side = "left" if ours[apart[0]] else "right"
    return f"{names[apart[0]]} is found by the {side} one alone"


def _probed(left: Node, right: Node, api: Api, index: str, found: bool) -> Evidence:
    from query_assistant.replica.index import Index

    kept: list[dict[str, Any]] = []
    for batch in probes_between(left, right, api):
        records = [probe.record for probe in batch]
        ours, theirs = _masks(Index.of_records(_layout(api, index), records), left, right)
        if reason := _told_apart(ours, theirs, [_explained(probe) for probe in batch]):
            return Evidence(same=False, reason=reason)
        found = found or bool(ours.any())
        kept += records
    if not found:
        return Evidence(same=False, reason="neither finds any record, so nothing shows that they agree")
    return Evidence(same=True, probes=tuple(kept))


@lru_cache(maxsize=64)
def _layout(api: Api, index: str) -> Layout:
    from query_assistant.replica.layout import layout_of

    return layout_of(api, index)


def _explained(probe: Probe) -> str:
    return f"a record with {probe.reason}"


def _roots(left: Reading, right: Reading) -> Roots:
    """The trees to probe. Where one side looks identifiers up and the other searches, both are read kindly.

    A lookup also tries places where no current identifier stands (retired ids), and a search leaves out obsolete
    records by itself. Both only show on records that do not exist, and the replica has spoken on those that do; so the
    lookup is held to the fields that the search names, and the search's own filters are set aside.
    """
    if left.meaning is None or right.meaning is None or left.meaning.lookup == right.meaning.lookup:
        return left.root, right.root
    lookup, search = (left, right) if left.meaning.lookup else (right, left)
    named = {name for clause in search.clauses for name in field_names(clause.leaf)}
    held = _held(lookup.root, named)
    return (held, search.explicit_root) if lookup is left else (search.explicit_root, held)


def _held(node: Node, named: set[str | None]) -> Node:
    """The lookup in those of its fields that are named, in all of them if none is."""
    if isinstance(node, Match):
        common = tuple(name for name in node.fields if name in named)
        return Match(common or node.fields, node.text, node.mode)
    if isinstance(node, Boolean):
        held = (tuple(_held(part, named) for part in parts) for parts in (node.must, node.should, node.must_not))
        return Boolean(*held)
    return node
