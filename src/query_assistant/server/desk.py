"""Everything that the server can be asked, apart from how: the page, the HTTP API and MCP all ask one `Desk`.

    desk = Desk(apis, model, records=lambda api: Replica.load(api, records_file(api.name)), corrections=path)
    desk.ask("cdk2 in mice").explained.words
    desk.explain("mygene", "/v3/query?q=cdk2&species=mouse", question="cdk2 in mice").parts
    desk.correct(AskedCorrection(api="mygene", question="cdk2 in mice", query="/v3/query?q=symbol:cdk2&species=mouse"))

Its methods may be called from any thread.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.corrections.store import Correction
from query_assistant.errors import InputError, RequestError
from query_assistant.queries.request import parse
from query_assistant.replica import Replica
from query_assistant.replica.answers import refusal
from query_assistant.server.answering_thread import AnsweringThread, Given
from query_assistant.server.documents import (
    AnsweredQuestion,
    AskedCorrection,
    AskedThumb,
    ComparedQueries,
    ExecutedQuery,
    ExplainedQuery,
    FieldHint,
    KeptCorrection,
    KeptThumb,
    QueryAnswer,
    ServerState,
    ValidatedQuery,
)
from query_assistant.server.explanation import compared, explained, faults_of, other_readings
from query_assistant.server.feedback import Feedback
from query_assistant.server.results import RecordSource, answer_of
from query_assistant.server.sources import RecordSources
from query_assistant.server.typed import typed_query, typed_question
from query_assistant.systems.assistant import Proposal
from query_assistant.verbalising.vocabulary import what_it_holds

SURE = 0.7  # from here on the first reading stands alone; below, others are offered
MOST_HINTS = 12


class Desk:
    """One assistant, the records of its APIs, and what people put right.

    `live` makes the executor of the real API where that is switched on. `records` raises `InputError` where there are
    none.
    """

    def __init__(
        self,
        apis: Mapping[str, Api],
        model: AnsweringThread,
        records: Callable[[Api], Replica],
        corrections: Path,
        live: Callable[[Api], RecordSource] | None = None,
    ) -> None:
        self.apis, self.model, self.corrections, self.live = apis, model, corrections, live is not None
        self._sources = RecordSources(records, live)
        self._feedback = Feedback(apis, model, self._sources, corrections)

    def state(self) -> ServerState:
        """Whether questions can be asked, and of which APIs."""
        model, names = self.model, {name: api.title for name, api in self.apis.items()}
        return ServerState(model=model.state, reason=model.reason, waiting=model.waiting, live=self.live, apis=names)

    def ask(self, question: str, api: str | None = None) -> AnsweredQuestion:
        """The assistant's query for a question, explained and executed on the replica.

        Raises:
            InputError: an empty or too long question, or an unknown API.
            BusyError, MissingResourceError: there is no answer now, or no model.
        """
        return self.answered(question, self.model.wait(self.begin(question, api)))

    def begin(self, question: str, api: str | None = None) -> Future[Given]:
        """Puts a question to the assistant; `answered` makes of its answer what `ask` returns.

        Raises:
            InputError, BusyError, MissingResourceError: as `ask`.
        """
        asked = typed_question(question)
        if api is not None:
            self.api(api)
        return self.model.ask(asked, api)

    def answered(self, question: str, given: Given) -> AnsweredQuestion:
        """The assistant's answer to a question, explained and executed."""
        asked = typed_question(question)
        of, proposal = self.api(given.api), given.proposal
        first = None if proposal.query is None else explained(of, proposal.query, asked, self._sources)
        usable = first is not None and first.valid
        return AnsweredQuestion(
            api=of.name,
            api_title=of.title,
            guessed=given.guessed,
            confidence=proposal.confidence,
            sure=usable and (proposal.confidence is None or proposal.confidence >= SURE),
            reason="" if usable else _why_not(first, proposal),
            explained=first,
            alternatives=other_readings(of, proposal, self._sources),
            model=given.model,
            examples=given.examples,
        )

    def explain(self, api: str, query: str, question: str = "") -> ExplainedQuery:
        """All there is to say of a query, its answer from the replica included.

        Raises:
            InputError: no query at all, or an unknown API.
        """
        return explained(self.api(api), typed_query(query), question, self._sources)

    def validate(self, api: str, query: str) -> ValidatedQuery:
        """Would the API accept the query, and why not?

        Raises:
            InputError: as `explain`.
        """
        issues = faults_of(typed_query(query), self.api(api))
        return ValidatedQuery(valid=all(one.severity != "error" for one in issues), issues=issues)

    def compare(self, api: str, left: str, right: str) -> ComparedQueries:
        """How alike two queries are, by their records.

        Raises:
            InputError: as `explain`.
            RequestError: the API would refuse one of them.
        """
        return compared(self.api(api), typed_query(left), typed_query(right), self._sources)

    def execute(self, api: str, query: str, *, live: bool = False) -> ExecutedQuery:
        """The API's own answer, from the replica or, where switched on, the live API.

        Raises:
            InputError: as `explain`; the live API is not switched on.
            MissingResourceError: no records, or the live API cannot be reached.
        """
        of, source = self.api(api), self._sources.source(self.api(api), live=live)
        try:
            answer = source.execute(parse(typed_query(query), of))
        except RequestError as error:
            answer = refusal(error)
        note = self._sources.note(of, live=live)
        return ExecutedQuery(status=answer.status, source="live" if live else "replica", note=note, body=answer.body)

    def rows(self, api: str, query: str, *, live: bool = False) -> QueryAnswer:
        """Hits, rows and facets of a query.

        Raises:
            InputError, RequestError, MissingResourceError: as `execute`.
        """
        of = self.api(api)
        return answer_of(typed_query(query), of, self._sources.source(of, live=live), self._sources.note(of, live=live))

    def correct(self, asked: AskedCorrection) -> KeptCorrection:
        """Keeps the right query for a question, at once an example, unless the API would not take it.

        Raises:
            InputError: as `ask` and `explain`.
        """
        return self._feedback.correct(self.api(asked.api), asked)

    def withdraw(self, number: int) -> None:
        """Takes a correction back: no example any more.

        Raises:
            InputError: there is none of that number.
        """
        self._feedback.withdraw(number)

    def corrected(self) -> list[Correction]:
        """The corrections that count, the latest first."""
        return self._feedback.corrected()

    def thumb(self, asked: AskedThumb) -> KeptThumb:
        """Keeps what somebody thought of an answer.

        Raises:
            InputError: as `ask`.
        """
        return self._feedback.thumb(self.api(asked.api), asked)

    def hints(self, api: str, typed: str) -> list[FieldHint]:
        """Fields that may be meant by what was typed so far: those that begin so, hold it, or are spelled nearly so.

        Raises:
            InputError: an unknown API.
        """
        of, begun = self.api(api), typed.strip().lower()[:80]
        names = list(dict.fromkeys([*of.well_known, *(each.name for each in of.schema.searchable)]))
        names = [name for name in names if name not in of.hidden or name == "_id"]
        first = [name for name in names if name.lower().startswith(begun)]
        inside = [name for name in names if begun in name.lower()]
        near = [] if inside or not begun else difflib.get_close_matches(begun, names, n=MOST_HINTS, cutoff=0.6)
        found = list(dict.fromkeys([*first, *inside, *near]))[:MOST_HINTS]
        return [FieldHint(field=name, holds=what_it_holds(name, of.name)) for name in found]

    def api(self, name: str) -> Api:
        """The API of that name.

        Raises:
            InputError: it is not served here.
        """
        if name not in self.apis:
            raise InputError(f"unknown API {name[:64]!r}; served here are {', '.join(self.apis)}")
        return self.apis[name]


def _why_not(first: ExplainedQuery | None, proposal: Proposal) -> str:
    if first is None:
        return f"I do not know: {proposal.reason}; try other words"
    fault = next((one.message for one in first.issues if one.severity == "error"), "it is not valid")
    return f"{first.api_title} would not take this query: {fault}"
