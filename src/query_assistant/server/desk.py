"""Everything that the server can be asked, apart from how: the page, the HTTP API and MCP all ask one `Desk`.

    desk = Desk(apis, model, records=lambda api: Replica.load(api, records_file(api.name)), corrections=path)
    desk.ask("cdk2 in mice").explained.words
    desk.explain("mygene", "/v3/query?q=cdk2&species=mouse", question="cdk2 in mice").parts
    desk.correct(AskedCorrection(api="mygene", question="cdk2 in mice", query="/v3/query?q=symbol:cdk2&species=mouse"))

Its methods may be called from any thread.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.corrections.checking import as_examples, faults, measured_items
from query_assistant.corrections.store import Correction, Corrections, Thumb
from query_assistant.errors import InputError, MissingResourceError, QueryAssistantError, RequestError
from query_assistant.judging.comparison import compare
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.typed import check_utf8, read_query
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query
from query_assistant.replica import Replica
from query_assistant.replica.answers import refusal
from query_assistant.server.answering_thread import AnsweringThread, Given
from query_assistant.server.copies import copies_of
from query_assistant.server.documents import (
    LONGEST_QUERY,
    LONGEST_QUESTION,
    AnotherReading,
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
    QueryFault,
    QueryPart,
    QuestionWord,
    ResultTable,
    ServerState,
    ValidatedQuery,
)
from query_assistant.server.parts import covered, what_it_holds
from query_assistant.server.results import RecordSource, answer_of
from query_assistant.systems.assistant import Proposal
from query_assistant.verbalising.reading_back import said_back

SURE = 0.7  # from here on the first reading stands alone; below, others are offered
MOST_READINGS = 3
MOST_HINTS = 12


@dataclass
class Desk:
    """One assistant, the records of its APIs, and what people put right.

    `live` makes the executor of the real API where that is switched on. `records` raises `InputError` where there are
    none.
    """

    apis: Mapping[str, Api]
    model: AnsweringThread
    records: Callable[[Api], Replica]
    corrections: Path
    live: Callable[[Api], RecordSource] | None = None
    _replicas: dict[str, Replica | None] = field(default_factory=dict)
    _live: dict[str, RecordSource] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _teaching: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> ServerState:
        """Whether questions can be asked, and of which APIs."""
        model, names = self.model, {name: api.title for name, api in self.apis.items()}
        return ServerState(
            model=model.state, reason=model.reason, waiting=model.waiting, live=self.live is not None, apis=names
        )

    def ask(self, question: str, api: str | None = None) -> AnsweredQuestion:
        """The assistant's query for a question, explained and executed on the replica.

        Raises:
            InputError: an empty or too long question, or an unknown API.
            BusyError, MissingResourceError: there is no answer now, or no model.
        """
        asked = _question(question)
        if api is not None:
            self.api(api)
        given = self.model.answer(asked, api)
        of, proposal = self.api(given.api), given.proposal
        explained = None if proposal.query is None else self._explained(of, proposal.query, asked)
        usable = explained is not None and explained.valid
        return AnsweredQuestion(
            api=of.name,
            api_title=of.title,
            guessed=given.guessed,
            confidence=proposal.confidence,
            sure=usable and (proposal.confidence is None or proposal.confidence >= SURE),
            reason="" if usable else self._why_not(proposal, explained),
            explained=explained,
            alternatives=self._alternatives(of, proposal),
            model=given.model,
            examples=given.examples,
        )

    def explain(self, api: str, query: str, question: str = "") -> ExplainedQuery:
        """All there is to say of a query, its answer from the replica included.

        Raises:
            InputError: no query at all, or an unknown API.
        """
        return self._explained(self.api(api), _query(query), question)

    def validate(self, api: str, query: str) -> ValidatedQuery:
        """Would the API accept the query, and why not?

        Raises:
            InputError: as `explain`.
        """
        issues = _faults_of(_query(query), self.api(api))
        return ValidatedQuery(valid=all(one.severity != "error" for one in issues), issues=issues)

    def compare(self, api: str, left: str, right: str) -> ComparedQueries:
        """How alike two queries are, by their records.

        Raises:
            InputError: as `explain`.
            RequestError: the API would refuse one of them.
        """
        return self._compared(self.api(api), _query(left), _query(right))

    def execute(self, api: str, query: str, *, live: bool = False) -> ExecutedQuery:
        """The API's own answer, from the replica or, where switched on, the live API.

        Raises:
            InputError: as `explain`; the live API is not switched on.
            MissingResourceError: no records, or the live API cannot be reached.
        """
        of, source = self.api(api), self._source(self.api(api), live)
        try:
            answer = source.execute(parse(_query(query), of))
        except RequestError as error:
            answer = refusal(error)
        note = self._note(of, live)
        return ExecutedQuery(status=answer.status, source="live" if live else "replica", note=note, body=answer.body)

    def rows(self, api: str, query: str, *, live: bool = False) -> QueryAnswer:
        """Hits, rows and facets of a query.

        Raises:
            InputError, RequestError, MissingResourceError: as `execute`.
        """
        of = self.api(api)
        return answer_of(_query(query), of, self._source(of, live), self._note(of, live))

    def correct(self, asked: AskedCorrection) -> KeptCorrection:
        """Keeps the right query for a question, at once an example, unless the API would not take it.

        Raises:
            InputError: as `ask` and `explain`.
        """
        of, question, query = self.api(asked.api), _question(asked.question), _query(asked.query)
        issues = _faults_of(query, of)
        if any(one.severity == "error" for one in issues):
            return KeptCorrection(kept=False, number=None, issues=issues, comparison=None)
        model, prompt = self._answered_by(question, of)
        made = Correction(
            api=of.name,
            instruction=question,
            query=query.query,
            body=query.body,
            given=asked.given,
            reason=asked.reason,
            model=model,
            prompt_sha256=prompt,
        )
        with Corrections.open(self.corrections) as kept:
            remarks = list(faults(made, of, kept.all(state="accepted"), measured_items(of.name)))
            number = kept.add(made)
        self._show_corrections()
        comparison = self._compared_if_possible(of, query, asked.given)
        return KeptCorrection(kept=True, number=number, issues=issues, comparison=comparison, remarks=remarks)

    def withdraw(self, number: int) -> None:
        """Takes a correction back: no example any more.

        Raises:
            InputError: there is none of that number.
        """
        with Corrections.open(self.corrections) as kept:
            kept.settle(number, "withdrawn")
        self._show_corrections()

    def corrected(self) -> list[Correction]:
        """The corrections that count, the latest first."""
        if not self.corrections.is_file():
            return []
        with Corrections.open(self.corrections) as kept:
            return kept.all(state="accepted")[::-1]

    def thumb(self, asked: AskedThumb) -> KeptThumb:
        """Keeps what somebody thought of an answer.

        Raises:
            InputError: as `ask`.
        """
        of, question = self.api(asked.api), _question(asked.question)
        model, prompt = self._answered_by(question, of)
        said = Thumb(
            api=of.name,
            instruction=question,
            given=asked.given,
            thumb=asked.thumb,
            reason=asked.reason,
            model=model,
            prompt_sha256=prompt,
        )
        with Corrections.open(self.corrections) as kept:
            return KeptThumb(number=kept.add_thumb(said))

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

    # What they are made of

    def _explained(self, api: Api, query: Query, question: str) -> ExplainedQuery:
        issues = _faults_of(query, api)
        valid = all(one.severity != "error" for one in issues)
        parts, heard = _covered(query, api, question)
        copies = None
        if valid:
            copies = copies_of(query, api)
        return ExplainedQuery(
            api=api.name,
            api_title=api.title,
            query=to_text(query),
            valid=valid,
            issues=issues,
            words=words_for(query, api) if valid else "",
            parts=parts,
            question=heard,
            answer=self._answer(query, api) if valid else None,
            copies=copies,
        )

    def _answer(self, query: Query, api: Api) -> QueryAnswer:
        try:
            return answer_of(query, api, self._source(api, live=False), self._note(api, live=False))
        except QueryAssistantError as error:
            empty = ResultTable(columns=[], rows=[], links=[])
            return QueryAnswer(hits=None, table=empty, note="", error=str(error))

    def _why_not(self, proposal: Proposal, explained: ExplainedQuery | None) -> str:
        if explained is None:
            return "I do not know: the model's answer is no query; try other words"
        first = next((one.message for one in explained.issues if one.severity == "error"), "it is not valid")
        return f"{explained.api_title} would not take this query: {first}"

    def _alternatives(self, api: Api, proposal: Proposal) -> list[AnotherReading]:
        """The other readings that the API takes and that find other records than the first."""
        found: list[AnotherReading] = []
        for other in proposal.alternatives:
            if len(found) == MOST_READINGS or proposal.query is None or other.query is None:
                break
            if not all(is_valid(validate(query, api)) for query in (proposal.query, other.query)):
                continue
            compared = self._compared(api, other.query, proposal.query)
            if not compared.same_records:
                found.append(self._reading(api, other.query, other.confidence, compared))
        return found

    def _reading(self, api: Api, query: Query, confidence: float | None, compared: ComparedQueries) -> AnotherReading:
        return AnotherReading(
            query=to_text(query),
            words=words_for(query, api),
            hits=self._answer(query, api).hits,
            confidence=confidence,
            differences=compared.differences,
        )

    def _compared(self, api: Api, left: Query, right: Query) -> ComparedQueries:
        found = compare(left, right, api, self._replica(api))
        same = found.relation != "different"
        return ComparedQueries(
            relation=found.relation, same_records=same, differences=[one.message for one in found.differences]
        )

    def _compared_if_possible(self, api: Api, query: Query, given: str | None) -> ComparedQueries | None:
        try:
            return None if not given else self._compared(api, query, _query(given))
        except QueryAssistantError:  # what was given is no query that the API takes
            return None

    def _given(self, question: str, api: Api) -> Given | None:
        known = self.model.known(question, api.name) or self.model.known(question, None)
        return known if known is not None and known.api == api.name else None

    def _answered_by(self, question: str, api: Api) -> tuple[str, str]:
        """The model that answered the question lately and the hash of its prompt, empty where that is forgotten."""
        before = self._given(question, api)
        return (before.model, before.prompt_sha256) if before else (self.model.name, "")

    def _show_corrections(self) -> None:
        with self._teaching, Corrections.open(self.corrections) as kept:  # what was read last is shown last
            self.model.show_examples(as_examples(kept.all(state="accepted"), self.apis))

    def _source(self, api: Api, live: bool) -> RecordSource:
        if not live:
            replica = self._replica(api)
            if replica is None:
                raise MissingResourceError(
                    f"no records of {api.title} here, so nothing can be looked up; bring them with `dvc pull`"
                )
            return replica
        if self.live is None:
            raise InputError("the live API is not switched on here; ask the replica, or start `qa serve` with --live")
        with self._lock:
            if api.name not in self._live:
                self._live[api.name] = self.live(api)
            return self._live[api.name]

    def _replica(self, api: Api) -> Replica | None:
        with self._lock:
            if api.name not in self._replicas:
                try:
                    self._replicas[api.name] = self.records(api)
                except InputError:
                    self._replicas[api.name] = None
            return self._replicas[api.name]

    def _note(self, api: Api, live: bool) -> str:
        if live:
            return f"asked {api.title} itself"
        replica = self._replica(api)
        return f"a sample of {len(replica):,} real records, not all of {api.title}" if replica else ""


def words_for(query: Query, api: Api) -> str:
    """The query read back in plain words; nothing where there are none for it."""
    try:
        return said_back(query, api)
    except QueryAssistantError:
        return ""


def _question(text: str) -> str:
    asked = " ".join(text.split())
    check_utf8(asked, text)
    if not any(sign.isalnum() for sign in asked):
        raise InputError("the question is empty; write what you want to find")
    if len(asked) > LONGEST_QUESTION:
        raise InputError(f"the question has {len(asked):,} characters; at most {LONGEST_QUESTION:,} are read")
    return asked


def _query(text: str) -> Query:
    if len(text) > LONGEST_QUERY:
        raise InputError(f"the query has {len(text):,} characters; at most {LONGEST_QUERY:,} are read here")
    return read_query(text)


def _faults_of(query: Query, api: Api) -> list[QueryFault]:
    return [
        QueryFault(
            severity=one.severity,
            code=one.code,
            message=one.message,
            parameter=one.parameter,
            position=one.position,
            suggestion=one.suggestion,
        )
        for one in validate(query, api)
    ]


def _covered(query: Query, api: Api, question: str) -> tuple[list[QueryPart], list[QuestionWord]]:
    try:
        return covered(query, api, question)
    except RequestError:
        return [], [QuestionWord(text=question, covered=True)] if question else []
