"""What the server is asked and what it answers, the same for the page, the HTTP API and MCP.

Unknown keys are refused on the way in, and every text that a person may send has a longest length.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from query_assistant.verbalising.said import QueryPart, QuestionWord

LONGEST_QUESTION = 1_000  # characters; twice the longest that anyone wrote for us
LONGEST_QUERY = 16_000

QuestionText = Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION, description="plain language")]
QueryLine = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_QUERY, description="a path, `POST path {json}`, or path and body as JSON"),
]
ApiName = Annotated[str, Field(min_length=1, max_length=64, description="mygene, myvariant, mychem, mydisease, ...")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskedQuestion(_Asked):
    """A question; `api` None has it guessed."""

    question: QuestionText
    api: ApiName | None = None


class AskedQuery(_Asked):
    """A query of one API; `question` is what it should answer, where there is one."""

    api: ApiName
    query: QueryLine
    question: Annotated[str, Field(max_length=LONGEST_QUESTION)] = ""


class AskedComparison(_Asked):
    api: ApiName
    left: QueryLine
    right: QueryLine


class AskedExecution(_Asked):
    """`live`: the API itself, where whoever runs the server has switched that on."""

    api: ApiName
    query: QueryLine
    live: bool = False


class AskedCorrection(_Asked):
    """The right query for a question, and what was given instead."""

    api: ApiName
    question: QuestionText
    query: QueryLine
    given: Annotated[str, Field(max_length=LONGEST_QUERY)] | None = None
    reason: Annotated[str, Field(max_length=LONGEST_QUESTION)] = ""


class AskedThumb(_Asked):
    """Whether an answer was good, and why not, from who need not know the right one."""

    api: ApiName
    question: QuestionText
    given: Annotated[str, Field(max_length=LONGEST_QUERY)]
    thumb: Literal["up", "down"]
    reason: Annotated[str, Field(max_length=LONGEST_QUESTION)] = ""


class QueryFault(BaseModel):
    """One thing that is wrong or odd about a query. `position`: where in its parameter, from 0."""

    severity: Literal["error", "no_effect", "warning"]
    code: str
    message: str
    parameter: str | None = None
    position: int | None = None
    suggestion: str | None = None


class ResultTable(BaseModel):
    """Rows of the replica or the live API: texts, one a column. `links`: each row's record on the API's own host."""

    columns: list[str]
    rows: list[list[str]]
    links: list[str]


class FacetBars(BaseModel):
    """The counted values of one field, the most frequent first."""

    field: str
    counts: list[tuple[str, int]]
    other: int = 0


class QueryAnswer(BaseModel):
    """What the records say: hits in all, some of them as rows, facets. `note` says of which records."""

    hits: int | None
    table: ResultTable
    facets: list[FacetBars] = []
    note: str
    error: str = ""


class QueryCopies(BaseModel):
    """The same call for elsewhere."""

    url: str
    curl: str
    python: str
    r: str


class ExplainedQuery(BaseModel):
    """All there is to say of one query without asking a model."""

    api: str
    api_title: str
    query: str
    valid: bool
    issues: list[QueryFault]
    words: str
    parts: list[QueryPart]
    question: list[QuestionWord]
    answer: QueryAnswer | None
    copies: QueryCopies | None


class AnotherReading(BaseModel):
    """A reading of the question whose records differ from the first one's, and how: it is left, the first right."""

    query: str
    words: str
    hits: int | None
    confidence: float | None
    differences: list[str]


class AnsweredQuestion(BaseModel):
    """What the assistant made of a question. `explained` None: it does not know; `reason` says why."""

    api: str
    api_title: str
    guessed: bool
    confidence: float | None
    sure: bool
    reason: str
    explained: ExplainedQuery | None
    alternatives: list[AnotherReading] = []
    model: str
    examples: int = Field(0, description="corrections of this installation that were shown as examples")


class ValidatedQuery(BaseModel):
    valid: bool
    issues: list[QueryFault]


class ComparedQueries(BaseModel):
    """The strongest relation that holds: exact, canonical, execution, selection, different; and what differs."""

    relation: str
    same_records: bool
    differences: list[str]


class ExecutedQuery(BaseModel):
    """The API's own answer. `source`: replica (a sample of real records) or live."""

    status: int
    source: Literal["replica", "live"]
    note: str
    body: Any


class KeptCorrection(BaseModel):
    """What became of a correction. Not `kept`: the API would not take the query, `issues` say why.

    `remarks` speak against training on it; it is an example all the same.
    """

    kept: bool
    number: int | None
    issues: list[QueryFault]
    comparison: ComparedQueries | None
    remarks: list[str] = []


class KeptThumb(BaseModel):
    number: int


class FieldHint(BaseModel):
    """A field that begins like what was typed, and what it holds."""

    field: str
    holds: str


class ServerState(BaseModel):
    """Whether questions can be asked. `model`: loading, ready, or missing for the `reason` given."""

    model: Literal["loading", "ready", "missing"]
    reason: str
    waiting: int
    live: bool
    apis: dict[str, str]
