"""Good queries into pairs: two or more instructions for each, every one checked before it is believed.

pairs, report = write_pairs(api, queries, replica, PairSettings(instructions_per_query=3, seed=1))
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from query_assistant.apis import Api
from query_assistant.drafting.synthesis import RecordSelector
from query_assistant.errors import QueryAssistantError
from query_assistant.pairs.checks import missing_literals, unreadable
from query_assistant.pairs.constructs import constructs
from query_assistant.pairs.model_writer import ModelWriter
from query_assistant.queries.request import parse
from query_assistant.records import Form, GoodQuery, Pair, Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.plan import Plan, UnsayableError
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.verbaliser import Verbaliser

FORMS: tuple[Form, ...] = ("imperative", "question", "keywords")
TRIES = 4
FEWEST = 2


@dataclass(frozen=True, slots=True)
class PairSettings:
    """`instructions_per_query`: an imperative and a question, then keywords, then further imperatives and questions."""

    instructions_per_query: int = 3
    seed: int = 1


@dataclass
class PairReport:
    """What became of the queries. `rejected` counts by reason; `examples` holds one rejected thing for each reason."""

    queries: int = 0
    pairs: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def reject(self, reason: str, example: str) -> None:
        self.rejected[reason] += 1
        self.examples.setdefault(reason, example)


def write_pairs(
    api: Api,
    queries: Sequence[GoodQuery],
    replica: RecordSelector,
    settings: PairSettings,
    model: ModelWriter | None = None,
) -> tuple[list[Pair], PairReport]:
    """Checked pairs for the queries, in their order: by the offline verbaliser, or by `model` where one is given."""
    return Writer(api, replica, settings, model).write(queries)


class Writer:
    """Writes and checks the pairs of one API."""

    def __init__(
        self, api: Api, replica: RecordSelector, settings: PairSettings, model: ModelWriter | None = None
    ) -> None:
        self.api = api
        self.replica = replica
        self.settings = settings
        self.model = model
        self.lexicon = Lexicon.load(api.name, api.schema)
        self.verbaliser = Verbaliser(self.lexicon)
        self.report = PairReport()
        self.instructions: set[str] = set()

    def write(self, queries: Sequence[GoodQuery]) -> tuple[list[Pair], PairReport]:
        """All pairs, and what became of the queries."""
        sayable = [(query, plan) for query in queries if (plan := self._sayable(query)) is not None]
        drawn = self._by_model(sayable) if self.model is not None else self._by_verbaliser(sayable)
        shown = tqdm(drawn, f"{self.api.name}: instructions", total=len(sayable), unit="query", disable=None)
        pairs = [pair for group in shown for pair in group]
        self.report.queries = len(queries)
        self.report.pairs = len(pairs)
        return pairs, self.report

    def _by_verbaliser(self, sayable: Sequence[tuple[GoodQuery, Plan]]) -> Iterator[list[Pair]]:
        for query, plan in sayable:
            yield self._enough(query, self._instructed(query, plan))

    def _by_model(self, sayable: Sequence[tuple[GoodQuery, Plan]]) -> Iterator[list[Pair]]:
        """What the model said, checked; field names are its own affair, literals are not."""
        assert self.model is not None
        plans = {id(query): plan for query, plan in sayable}
        for said in self.model.write([query for query, _ in sayable]):
            plan = plans[id(said.query)]
            pairs = []
            for number, (form, text) in enumerate(said.instructions.items()):
                reason = self._fault(text, plan, names=False)
                if reason is None:
                    self.instructions.add(text.casefold())
                    pairs.append(self._pair(said.query, text, form, number, constructs(plan)))
                else:
                    self.report.reject(reason, f"{text}  [{said.query.query}]")
            yield self._enough(said.query, pairs)

    def _sayable(self, query: GoodQuery) -> Plan | None:
        """The plan of a query that has words and hits; otherwise the reason is counted."""
        try:
            plan = plan_query(query, self.api)
            found = self.replica.select(parse(query, self.api))
        except UnsayableError as error:
            self.report.reject(f"unsayable: {error.reason}", query.query)
            return None
        except QueryAssistantError as error:
            self.report.reject(type(error).__name__, query.query)
            return None
        if not found.total:
            self.report.reject("no hits", query.query)
            return None
        return plan

    def _instructed(self, query: GoodQuery, plan: Plan) -> list[Pair]:
        used = constructs(plan)
        pairs = []
        for number in range(self.settings.instructions_per_query):
            form = FORMS[number % len(FORMS)] if number < len(FORMS) else FORMS[number % 2]
            instruction = self._instruction(query, plan, form, number)
            if instruction is not None:
                pairs.append(self._pair(query, instruction, form, number, used))
        return pairs

    def _enough(self, query: GoodQuery, pairs: list[Pair]) -> list[Pair]:
        """The pairs, if there are at least two; a query with one instruction is as good as none."""
        if len(pairs) >= FEWEST:
            return pairs
        self.report.reject("fewer than two instructions", query.query)
        return []

    def _instruction(self, query: GoodQuery, plan: Plan, form: Form, number: int) -> str | None:
        """The first draw that passes every check, in a few tries."""
        for attempt in range(TRIES):
            try:
                said = self.verbaliser.say(
                    plan, form, f"{self.settings.seed}/{query.query}/{query.body}/{number}/{attempt}"
                )
            except UnsayableError as error:
                self.report.reject(f"unsayable: {error.reason}", query.query)
                return None
            reason = self._fault(said, plan)
            if reason is None:
                self.instructions.add(said.casefold())
                return said
            self.report.reject(reason, f"{said}  [{query.query}]")
        return None

    def _fault(self, said: str, plan: Plan, *, names: bool = True) -> str | None:
        unread = unreadable(said)
        if unread:
            return f"unreadable: {unread}"
        missing = missing_literals(plan, said, self.lexicon, names=names)
        if missing:
            return "literal not recoverable"
        return "duplicate instruction" if said.casefold() in self.instructions else None

    def _pair(self, query: GoodQuery, instruction: str, form: Form, number: int, used: tuple[str, ...]) -> Pair:
        return Pair(
            id=f"{self.api.name}-{identity(self.api.name, query)}-{form[0]}{number}",
            api=self.api.name,
            instruction=instruction,
            query=query.query,
            body=query.body,
            form=form,
            origin=query.origin,
            skeleton=query.skeleton,
            constructs=used,
        )


def identity(api: str, query: Query) -> str:
    """Ten hexadecimal digits that depend on the query alone, so that ids outlive a change of the others."""
    return hashlib.sha256(f"{api}|{query.query}|{query.body}".encode()).hexdigest()[:10]
