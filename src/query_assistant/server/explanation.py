"""All there is to say of a query: its words and parts, what its records say, and how it differs from another."""

from __future__ import annotations

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError, RequestError
from query_assistant.judging.comparison import compare
from query_assistant.queries.request import to_text
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query
from query_assistant.server.copies import copies_of
from query_assistant.server.documents import (
    AnotherReading,
    ComparedQueries,
    ExplainedQuery,
    QueryAnswer,
    QueryFault,
    ResultTable,
)
from query_assistant.server.results import answer_of
from query_assistant.server.sources import RecordSources
from query_assistant.systems.assistant import Proposal
from query_assistant.verbalising.coverage import covered
from query_assistant.verbalising.reading_back import said_back
from query_assistant.verbalising.said import QueryPart, QuestionWord

MOST_READINGS = 3


def explained(api: Api, query: Query, question: str, sources: RecordSources) -> ExplainedQuery:
    """A query in words and parts, with its answer from the replica, where the API takes it; else what is wrong."""
    issues = faults_of(query, api)
    valid = all(one.severity != "error" for one in issues)
    parts, heard = _covered(query, api, question)
    return ExplainedQuery(
        api=api.name,
        api_title=api.title,
        query=to_text(query),
        valid=valid,
        issues=issues,
        words=words_for(query, api) if valid else "",
        parts=parts,
        question=heard,
        answer=_answer(query, api, sources) if valid else None,
        copies=copies_of(query, api) if valid else None,
    )


def other_readings(api: Api, proposal: Proposal, sources: RecordSources) -> list[AnotherReading]:
    """The other readings that the API takes and that find other records than the first."""
    found: list[AnotherReading] = []
    for other in proposal.alternatives:
        if len(found) == MOST_READINGS or proposal.query is None or other.query is None:
            break
        if not all(is_valid(validate(query, api)) for query in (proposal.query, other.query)):
            continue
        differing = compared(api, other.query, proposal.query, sources)
        if not differing.same_records:
            found.append(_reading(api, other.query, other.confidence, differing, sources))
    return found


def compared(api: Api, left: Query, right: Query, sources: RecordSources) -> ComparedQueries:
    """How alike two queries are, by their records.

    Raises:
        RequestError: the API would refuse one of them.
    """
    found = compare(left, right, api, sources.replica(api))
    same = found.relation != "different"
    return ComparedQueries(
        relation=found.relation, same_records=same, differences=[one.message for one in found.differences]
    )


def words_for(query: Query, api: Api) -> str:
    """The query read back in plain words; nothing where there are none for it."""
    try:
        return said_back(query, api)
    except QueryAssistantError:
        return ""


def faults_of(query: Query, api: Api) -> list[QueryFault]:
    """What the API would say against a query, warnings included."""
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


def _answer(query: Query, api: Api, sources: RecordSources) -> QueryAnswer:
    try:
        return answer_of(query, api, sources.source(api, live=False), sources.note(api, live=False))
    except QueryAssistantError as error:
        empty = ResultTable(columns=[], rows=[], links=[])
        return QueryAnswer(hits=None, table=empty, note="", error=str(error))


def _reading(
    api: Api, query: Query, confidence: float | None, differing: ComparedQueries, sources: RecordSources
) -> AnotherReading:
    return AnotherReading(
        query=to_text(query),
        words=words_for(query, api),
        hits=_answer(query, api, sources).hits,
        confidence=confidence,
        differences=differing.differences,
    )


def _covered(query: Query, api: Api, question: str) -> tuple[list[QueryPart], list[QuestionWord]]:
    try:
        return covered(query, api, question)
    except RequestError:
        return [], [QuestionWord(text=question, covered=True)] if question else []
