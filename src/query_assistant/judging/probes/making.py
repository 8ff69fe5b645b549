"""Making the probes of one query, or those that tell two queries apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random
from typing import Any, TypeAlias

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.judging.contents import single_valued
from query_assistant.judging.probes.drafts import ProbeDraft, elsewhere, homes, stretches_around
from query_assistant.judging.probes.truths import Truth, agreed, deciding, distinct_clauses, settle
from query_assistant.judging.probes.values import Content, FieldNode, values
from query_assistant.queries.rendering import describe_clause, field_names
from query_assistant.queries.tree import Interval, Node

# A clause has some 15 boundaries in each of at most 3 fields, so a query of three clauses needs about 100 probes.
# 400 keeps the longest comparison within its time; past it a clause's rarer boundaries go first, never a whole clause.
LIMIT = 400
_CLAUSES = 24
_PLACES = 2
_TRIED = 16  # truths looked at for the places of one clause: one that stands at a thousand has them all alike
MIXTURES = 100
# What a query of thousands of clauses, or with words of thousands of letters, may cost: the first probes tell most.
MOST_STEPS = 50_000  # clauses weighed, over all drafts of one source
MOST_CHARACTERS = 250_000  # in all drafts of one source

Drafted: TypeAlias = tuple[ProbeDraft, str]


@dataclass(frozen=True, slots=True)
class Probe:
    """A record of the API's own shape and, for people, what it is there to show."""

    record: dict[str, Any]
    reason: str


def probes_of(root: Node, api: Api, limit: int = LIMIT) -> list[Probe]:
    """Records around every clause of one tree, deterministic, without repeats, `limit` at most.

    First those that show which clauses count and how they are joined, then the boundaries of each clause in turn, with
    its value in a field into which it does not look among them.
    """
    shop = _Workshop([root], api)
    clauses = distinct_clauses(root)[:_CLAUSES]
    around = [_around(root, leaf, (), shop) for leaf in clauses]
    return _finished(_within(limit, chain(_joints(root, shop), _in_turn(around))))


def probes_between(left: Node, right: Node, api: Api, limit: int = LIMIT) -> Iterator[list[Probe]]:
    """Batches of records that may tell two trees apart, the likeliest first; the same for either order of the two.

    Clauses which both share say the same about any record, so only their joining is probed. A clause of one side alone
    is probed at its boundaries, and its fields with the values for which the other side asks.
    """
    shop = _Workshop([left, right], api)
    yield _finished([*_within(limit // 2, _joints(left, shop)), *_within(limit // 2, _joints(right, shop))])
    drafted: list[Drafted] = []
    for one, other in ((left, right), (right, left)):
        own, foreign = (
            _only(distinct_clauses(one), distinct_clauses(other)),
            _only(distinct_clauses(other), distinct_clauses(one)),
        )
        around = [_around(one, leaf, foreign, shop) for leaf in own]
        drafted += _within(limit // 2, _in_turn(around))
    yield _finished(drafted)
    if len({*distinct_clauses(left), *distinct_clauses(right)}) > 2:
        yield _finished(_within(limit, _mixtures((left, right), shop)))


def _only(these: Sequence[Node], those: Sequence[Node]) -> list[Node]:
    without = set(those)
    return [leaf for leaf in these if leaf not in without][:_CLAUSES]


class _Workshop:
    """Drafts records of one API for the clauses of given trees."""

    def __init__(self, roots: Iterable[Node], api: Api) -> None:
        self.api = api
        self.named = {name for root in roots for leaf in distinct_clauses(root) for name in _names(leaf)}
        self.elsewhere = elsewhere(api, self.named)
        self.single = single_valued(api)
        self._homes: dict[Node, tuple[Field, ...]] = {}
        self._contents: dict[tuple[Node, Field], list[Content]] = {}
        self._agreements: dict[tuple[str, frozenset[tuple[Node, bool]]], Any] = {}

    def homes(self, leaf: Node) -> tuple[Field, ...]:
        if leaf not in self._homes:
            self._homes[leaf] = homes(leaf, self.api, self.named) if isinstance(leaf, FieldNode) else ()
        return self._homes[leaf]

    def rivals(self, root: Node, leaf: Node) -> set[Node]:
        """The other clauses on a field of which a record holds one value."""
        home = [field for field in self.homes(leaf)[:1] if field.name in self.single]
        return {
            other for other in distinct_clauses(root) if home and other != leaf and self.homes(other)[:1] == tuple(home)
        }

    def contents(self, leaf: Node, home: Field) -> list[Content]:
        if (leaf, home) not in self._contents:
            found = values(leaf, home) if isinstance(leaf, FieldNode) else []
            self._contents[leaf, home] = [value for value in found if not self._crowded(home, value)]
        return self._contents[leaf, home]

    def _crowded(self, home: Field, value: Content) -> bool:
        return home.name in self.single and isinstance(value.content, list)

    def draft(self, truth: Truth) -> ProbeDraft:
        """A record that meets the clauses said to hold, each by its plainest value, and holds nothing else."""
        draft = ProbeDraft(weight=len(truth))
        for leaf, holds in truth.items():
            if holds and isinstance(leaf, Interval):
                draft.place(leaf, next(stretches_around(leaf)).content)
            elif holds:
                for home in self.homes(leaf)[:1]:
                    for value in self.contents(leaf, home)[:1]:
                        draft.put(home.name, value.content)
        for name in self.single.intersection(draft.contents):
            draft.put(name, self._agreed(name, truth), alone=True)
        return draft

    def _agreed(self, name: str, truth: Truth) -> Any:
        """The one value for all clauses on a field that holds one."""
        home = self.api.schema[name]
        asked = {leaf: holds for leaf, holds in truth.items() if home in self.homes(leaf)[:1]}
        key = name, frozenset(asked.items())
        if key not in self._agreements:
            met_first = sorted(asked, key=lambda leaf: (not asked[leaf], repr(leaf)))
            contents = [value.content for leaf in met_first for value in self.contents(leaf, home)]
            self._agreements[key] = agreed(asked, contents)
        return self._agreements[key]

    def holding(self, home: Field, value: Content, truth: Truth) -> Drafted:
        """A record of the given company that holds the value in `home`."""
        draft = self.draft(truth)
        draft.put(home.name, value.content, alone=home.name in self.single)
        return draft, f"{value.why}, in {home.name}"

    def stretches(self, interval: Interval) -> Iterator[Content]:
        """Positions around an interval; one at a time where records hold one."""
        single = f"{interval.path}.start" in self.single
        return (value for value in stretches_around(interval) if not single or len(value.content) == 1)

    def placed(self, interval: Interval, value: Content, truth: Truth) -> Drafted:
        draft = self.draft(truth)
        draft.place(interval, value.content)
        return draft, f"{value.why}, in {interval.path}"


def _names(leaf: Node) -> tuple[str, ...]:
    return tuple(name for name in field_names(leaf) if name is not None)


def _joints(root: Node, shop: _Workshop) -> Iterator[Drafted]:
    """Everything, nothing, each clause alone, and each clause with and without in the company where it decides."""
    everything: Truth = {}
    settle(root, True, everything)
    yield shop.draft(everything), f"all that {describe_clause(root)} asks for"
    yield ProbeDraft(), "nothing at all"
    for leaf in distinct_clauses(root)[:_CLAUSES]:
        for truth in _places(root, leaf, shop):
            yield shop.draft({**truth, leaf: True}), f"what makes {describe_clause(leaf)} decide, and that"
            yield shop.draft(truth), f"what makes {describe_clause(leaf)} decide, without that"
        yield shop.draft({leaf: True}), f"only what {describe_clause(leaf)} asks for"


def _around(root: Node, leaf: Node, others: Sequence[Node], shop: _Workshop) -> Iterator[Drafted]:
    """Values exchanged with the other side's clauses; then the clause met and just missed where it decides."""
    for truth in _places(root, leaf, shop):
        for other in others:
            yield from _exchanged(leaf, other, truth, shop)
            yield from _exchanged(other, leaf, truth, shop)
        if isinstance(leaf, Interval):
            yield from (shop.placed(leaf, value, truth) for value in shop.stretches(leaf))
        for home in shop.homes(leaf):
            yield from (shop.holding(home, value, truth) for value in shop.contents(leaf, home))
        if shop.elsewhere is not None:
            yield from (shop.holding(shop.elsewhere, value, truth) for value in shop.contents(leaf, shop.elsewhere)[:1])


def _exchanged(leaf: Node, other: Node, truth: Truth, shop: _Workshop) -> Iterator[Drafted]:
    """The value for which `other` asks, in the fields of `leaf`."""
    for home in shop.homes(leaf):
        for value in shop.contents(other, home)[:1]:
            yield shop.holding(home, value, truth)


def _mixtures(roots: Sequence[Node], shop: _Workshop) -> Iterator[Drafted]:
    """Records whose fields hold any of the values that matter to any clause, chosen at random but always the same.

    Where several clauses ask one field, the value that meets one may meet its neighbour too and hide it; that is too
    tangled to be planned, and chance gets around it.
    """
    clauses = sorted({leaf for root in roots for leaf in distinct_clauses(root)[:_CLAUSES]}, key=repr)
    random = Random(f"mixtures/{clauses!r}")
    pool: dict[str, dict[str, Any]] = {}
    for leaf in clauses:
        for home in shop.homes(leaf):
            contents = {repr(value.content): value.content for value in shop.contents(leaf, home)}
            pool.setdefault(home.name, {}).update(contents)
    for _ in range(MIXTURES):
        draft = ProbeDraft()
        for name, contents in pool.items():
            for key in random.sample(sorted(contents), min(len(contents), random.choice((0, 1, 1, 2)))):
                draft.put(name, contents[key], alone=name in shop.single)
        yield draft, "a mixture of the values asked for"


def _places(root: Node, leaf: Node, shop: _Workshop) -> list[Truth]:
    found: list[Truth] = []
    for truth in islice(deciding(root, leaf, shop.rivals(root, leaf)), _TRIED):
        if truth not in found:
            found.append(truth)
        if len(found) == _PLACES:
            break
    return found


def _within(limit: int, drafted: Iterable[Drafted]) -> Iterator[Drafted]:
    """The first drafts, `limit` at most and no more than one comparison may cost; what a draft costs is its own."""
    steps = characters = 0
    for draft, reason in islice(drafted, limit):
        yield draft, reason
        steps, characters = steps + draft.weight, characters + draft.length
        if steps > MOST_STEPS or characters > MOST_CHARACTERS:
            return


def _in_turn(sources: Iterable[Iterator[Drafted]]) -> Iterator[Drafted]:
    """The first of each source, then the second of each, until all are exhausted."""
    waiting = list(sources)
    while waiting:
        still = []
        for source in waiting:
            drafted = next(source, None)
            if drafted is not None:
                yield drafted
                still.append(source)
        waiting = still


def _finished(drafted: Iterable[Drafted]) -> list[Probe]:
    """Each distinct record once, in an order of their own, so that the order of two queries cannot show in it."""
    distinct: dict[str, Drafted] = {}
    for draft, reason in drafted:
        key = json.dumps(draft.record(""), sort_keys=True, ensure_ascii=False)
        if key not in distinct or reason < distinct[key][1]:
            distinct[key] = (draft, reason)
    ordered = (distinct[key] for key in sorted(distinct))
    return [Probe(draft.record(f"probe-{number}"), reason) for number, (draft, reason) in enumerate(ordered)]
