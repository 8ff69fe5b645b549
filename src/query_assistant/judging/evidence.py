"""Whether two queries find the same records, shown on real ones and on probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.judging.contents import with_whole_identifiers
from query_assistant.judging.probes import Probe, probes_between
from query_assistant.judging.readings import Reading
from query_assistant.queries.rendering import field_names
from query_assistant.queries.tree import Boolean, Match, Node

if TYPE_CHECKING:
    from query_assistant.replica import Replica
    from query_assistant.replica.index import Index
    from query_assistant.replica.layout import Layout


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
