"""Queries that the logs lack: for every searchable field with data, every operator, every parameter people use.

Each one is canonical, was executed on the replica and had hits. Benchmark and test files are never read: all values
come from the records.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tqdm import tqdm

from query_assistant.apis import Api
from query_assistant.drafting.drafting import KINDS, VALUES_ARE_ALL, Draft, Drafter
from query_assistant.drafting.field_values import FieldValues, Record
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.canonical import canonicalize, signature, skeleton
from query_assistant.queries.request import Request, parse
from query_assistant.records import GoodQuery

TRIES = 8


class RecordSelector(Protocol):
    """What synthesis needs of a replica."""

    def select(self, request: Request) -> Any: ...


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """`queries`: how many to make. `per_skeleton`: at most so many with one skeleton; higher: more repetition of
    shapes with new values, lower: more shapes. `per_plain_skeleton`: the same for queries that name no field (plain
    words, identifiers, intervals), where the value is all there is to learn. `popular_share`: how many single
    conditions are on well-known fields while others wait for their turn.
    """

    queries: int = 900
    per_skeleton: int = 3
    per_plain_skeleton: int = 30
    popular_share: float = 0.5
    seed: int = 1


@dataclass
class SynthesisReport:
    """How many were made, of which kind, and why others fell."""

    made: Counter[str] = field(default_factory=Counter)
    fallen: Counter[str] = field(default_factory=Counter)
    fields_searched: int = 0
    fields_with_data: int = 0


def synthesise(
    api: Api,
    records: Iterable[Record],
    replica: RecordSelector,
    existing: Sequence[GoodQuery],
    settings: SynthesisSettings,
) -> tuple[list[GoodQuery], SynthesisReport]:
    """New good queries, none of them canonically equal to an existing one."""
    values = FieldValues.collect(records, api.schema)
    return Synthesiser(api, values, replica, existing, settings).run()


class Synthesiser:
    """Makes up queries of one API until the number is reached or nothing new comes."""

    def __init__(
        self,
        api: Api,
        values: FieldValues,
        replica: RecordSelector,
        existing: Sequence[GoodQuery],
        settings: SynthesisSettings,
    ) -> None:
        self.api = api
        self.replica = replica
        self.settings = settings
        self.rng = random.Random(f"{settings.seed}/synthesis/{api.name}")
        self.drafter = Drafter(api, values, self.rng, settings.popular_share)
        self.seen = {(query.query, str(query.body)) for query in existing}
        self.skeletons: Counter[str] = Counter(query.skeleton for query in existing)
        self.report = SynthesisReport(fields_with_data=len(self.drafter.fields))
        self.made: list[GoodQuery] = []

    def run(self) -> tuple[list[GoodQuery], SynthesisReport]:
        """Kinds of queries in the proportions of `KINDS`; a kind that luck refuses `TRIES` times is passed over."""
        kinds = [kind for kind, weight in KINDS.items() for _ in range(weight) if self.drafter.possible(kind)]
        idle, shown = 0, f"{self.api.name}: queries"
        bar = tqdm(desc=shown, total=self.settings.queries, unit="query", disable=None)
        while len(self.made) < self.settings.queries and idle < 3 * len(kinds):
            for kind in self.rng.sample(kinds, len(kinds)):
                kept = any(self._keep(kind, self.drafter.draw(kind)) for _ in range(TRIES))
                idle = 0 if kept else idle + 1
                bar.update(kept)
                if len(self.made) == self.settings.queries:
                    break
        bar.close()
        self.report.fields_searched = len(self.drafter.rotation.asked)
        return self.made, self.report

    def _keep(self, kind: str, draft: Draft | None) -> bool:
        """Whether the draft became a new good query."""
        query = self._tried(draft, plain=kind in VALUES_ARE_ALL)
        self.drafter.rotation.settle(kept=query is not None)
        if query is None:
            return False
        self.report.made[kind] += 1
        self.made.append(query)
        return True

    def _tried(self, draft: Draft | None, *, plain: bool) -> GoodQuery | None:
        if draft is None:
            self.report.fallen["nothing to ask"] += 1
            return None
        try:
            return self._good(draft, self.settings.per_plain_skeleton if plain else self.settings.per_skeleton)
        except QueryAssistantError as error:
            self.report.fallen[type(error).__name__] += 1
            return None

    def _good(self, draft: Draft, most: int) -> GoodQuery | None:
        """The canonical query, if it is new and has hits."""
        request = canonicalize(parse(draft.to_query(self.api), self.api), self.api, keep_case=True)
        query = request.to_query()
        shape = skeleton(request, self.api)
        key = (query.query, str(query.body))
        if key in self.seen or self.skeletons[shape] >= most:
            self.report.fallen["seen" if key in self.seen else "skeleton full"] += 1
            return None
        found = self.replica.select(request)
        if not found.total:
            self.report.fallen["no hits"] += 1
            return None
        trimmed = draft.trimmed(found.total)
        if trimmed is not None:
            return self._good(trimmed, most)
        self.seen.add(key)
        self.skeletons[shape] += 1
        return GoodQuery(
            api=self.api.name,
            query=query.query,
            body=query.body,
            signature=signature(request, self.api),
            skeleton=shape,
            count=0,
            hits=found.total,
            origin="synthesised",
        )
