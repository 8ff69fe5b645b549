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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from query_assistant.apis import Api
from query_assistant.judging.differences import Difference, order, presentation_differences, selection_differences
from query_assistant.judging.evidence import Evidence, same_counts, same_records
from query_assistant.judging.readings import Reading, read
from query_assistant.records import Query

if TYPE_CHECKING:
    from query_assistant.replica import Replica

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
    return compare_readings(read(left, api), read(right, api), api, replica)


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
    if order(left.meaning.presentation) and "_score" not in order(left.meaning.presentation):
        return []
    made_up = [Replica.from_records(api, probes) for probes in (evidence.probes, evidence.probes[::-1])]
    for records in (replica, *made_up) if replica is not None else made_up:
        if records.select(left.form).ids != records.select(right.form).ids:
            return [Difference("sort", "the same hits come in another order: their scores differ")]
    return []
