"""Predictions and references as they lie in files: JSON Lines, joined on `id`.

    predictions   {"id": "mygene-017", "query": "/v3/query?q=symbol:CDK2"}      a call; `path` is read as `query` is
                  {"id": "mygene-018", "query": "/v3/query", "body": {"q": ["CDK2"], "scopes": ["symbol"]}}
                  {"id": "mygene-019", "query": null}                           no answer
                  {"id": "0", "response": "/v3/query?q=symbol:CDK2"}            a model's text (`qa import-responses`)
                  {"custom_id": "mygene-017", "response": {"body": {"choices": [...]}}}     OpenAI's batch output
                  a line of data/responses/
    references    {"id": "mygene-017", "api": "mygene", "query": "/v3/query?q=symbol:cdk2", "alternatives": [...]}

People add columns, so unknown keys are ignored; what is known has to have its type. An alternative is a path, or an
object with `query` (or `path`) and, for a POST, `body`. A file that holds no answer at all, or none for these
references, is an error and never a score of nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError, field_validator

from query_assistant.errors import InputError
from query_assistant.inputs import read_lines
from query_assistant.queries.request import from_text
from query_assistant.records import Body, Query, Record

LONGEST_LINE = 4 * 2**20  # characters; a batch of a thousand terms is 20,000
MOST_LINES = 2**20
MOST_CHARACTERS = 2**28  # of a whole file: what a small .gz can unpack to has no bound of its own
ANSWER_KEYS = ("query", "path", "response", "text")
_SHOWN = 3

Document = dict[str, Any]


class _Line(Record):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: str


class Prediction(_Line):
    """What a system answered; `query` None, empty or blank is no answer, and `problem` may say why there is none."""

    api: str | None = None
    query: str | None = None
    body: Body | None = None
    problem: str = ""

    @property
    def answer(self) -> Query | None:
        """The query to be scored, None where there is no answer."""
        if self.query is None or not self.query.strip():
            return None
        return as_query(self.query, self.body)


class Reference(_Line):
    """The right query and, in `alternatives`, others that are as right."""

    api: str
    query: str
    body: Body | None = None
    alternatives: tuple[Query, ...] = ()

    @field_validator("query")
    @classmethod
    def _holds_a_query(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("it is empty; write the right query, a path such as /v3/query?q=symbol:CDK2")
        return text

    @field_validator("alternatives", mode="before")
    @classmethod
    def _read_alternatives(cls, given: Any) -> Any:
        if given is None:
            return ()
        return tuple(_alternative(one) for one in given) if isinstance(given, list | tuple) else given

    @property
    def right(self) -> tuple[Query, ...]:
        """All right queries, the reference itself first."""
        return (as_query(self.query, self.body), *self.alternatives)


def as_query(text: str, body: Body | None) -> Query:
    """A query as it stands in a file; a text `POST path {json}` is the call that it describes."""
    line = text.strip()
    if body is None and line.startswith(("POST ", "GET ")):
        try:
            return from_text(line)
        except InputError:
            return Query(query=text)
    return Query(query=text, body=body)


def _alternative(given: Any) -> Query:
    if isinstance(given, Query):
        return given
    if isinstance(given, str):
        return as_query(given, None)
    text, body = (given.get("query", given.get("path")), given.get("body")) if isinstance(given, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(body, dict | None):
        raise ValueError("an alternative is a path, or an object with query and, for a POST, body")
    return as_query(text, body)


def read_predictions(path: Path | str) -> list[Prediction]:
    """The predictions in a file.

    Raises:
        InputError: the file is missing, a line is malformed, an id stands there twice, or no line has an answer's key.
    """
    found = [(_prediction(document, place), document) for document, place in _documents(path, Prediction)]
    if not found:
        raise InputError(f"{path} holds no predictions; expected one JSON object a line with id and query")
    if not any(_has_answer(document) for _, document in found):
        keys = ", ".join(sorted(found[0][1]))
        raise InputError(
            f"no line of {path} has `query`, or `path`, `response` or `text` in its place; the first has {keys}. "
            'Write the answer as `query`, and "query": null where there is none'
        )
    return _distinct([prediction for prediction, _ in found], f"predictions in {path}")


def read_references(path: Path | str) -> list[Reference]:
    """The references in a file.

    Raises:
        InputError: as `read_predictions`, or there are none.
    """
    lines = [_validated(document, Reference, place) for document, place in _documents(path, Reference)]
    found = _distinct(lines, f"references in {path}")
    if not found:
        raise InputError(f"{path} holds no references; expected one JSON object a line with id, api and query")
    return found


def _documents(path: Path | str, kind: type[_Line]) -> Iterator[tuple[Document, str]]:
    """Each line's object and where it stands; a byte order mark, blank lines and CRLF do not count."""
    characters = 0
    for number, line in enumerate(read_lines(Path(path)), start=1):
        characters += len(line)
        place = f"{path}, line {number}"
        if len(line) > LONGEST_LINE or number > MOST_LINES or characters > MOST_CHARACTERS:
            raise InputError(
                f"{place}: over {LONGEST_LINE:,} characters in a line, {MOST_LINES:,} lines or "
                f"{MOST_CHARACTERS:,} characters in all; expected one JSON object a line with id and query"
            )
        if text := line.strip():
            yield _document(text, f"{place}: not a valid {kind.__name__}"), place


def _document(text: str, complaint: str) -> Document:
    try:
        document = json.loads(text)
        if "\\u" in text:  # half a surrogate pair, which a model can write and UTF-8 cannot hold, becomes ?
            document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except ValueError as error:
        raise InputError(f"{complaint}: {error}; expected one JSON object") from None
    except RecursionError:
        raise InputError(f"{complaint}: nested too deep; expected one JSON object") from None
    if not isinstance(document, dict):
        raise InputError(f"{complaint}: expected one JSON object, found {text[:40]!r}")
    return document


def _prediction(document: Document, place: str) -> Prediction:
    response = document.get("response")
    if "query" in document:
        line = document | {"problem": ""}
    elif "custom_id" in document and isinstance(response, dict | None):
        text, problem = _batch_answer(response, document.get("error"))
        line = {"id": document["custom_id"], "query": text, "problem": problem}
    else:
        text, problem = _other_answer(document, place)
        line = document | {"query": text, "problem": problem}
    return _validated(line, Prediction, place)


def _has_answer(document: Document) -> bool:
    return any(key in document for key in ANSWER_KEYS)


def _other_answer(document: Document, place: str) -> tuple[Any, str]:
    """The answer where it does not stand under `query`, and why there is none."""
    if "system" in document and "prompt_sha256" in document:  # of data/responses/: what could be used is there
        return None, ""
    key = next((key for key in ANSWER_KEYS if key in document), None)
    if key is None:
        return None, "its line has no `query`"
    given = document[key]
    if key == "response" and isinstance(given, list):
        if len(given) != 1:
            raise InputError(f"{place}: `response` lists {len(given)} answers; expected one text for each id")
        given = given[0]
    return given, ""


def _batch_answer(response: Any, error: Any) -> tuple[str | None, str]:
    """The text of one line of OpenAI's batch output, or why it holds none."""
    if error or not response:
        return None, f"its request failed: {json.dumps(error, ensure_ascii=False)[:120]}"
    if response.get("status_code", 200) != 200:
        return None, f"its request failed with status {response['status_code']}"
    body = response.get("body")
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):  # in parts, as some servers send it
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return (content, "") if isinstance(content, str) else (None, "its response has no choices[0].message.content")


L = TypeVar("L", bound=_Line)


def _validated(document: Document, kind: type[L], place: str) -> L:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise InputError(f"{place}: not a valid {kind.__name__}: {where}: {first['msg']}") from None


def _distinct(lines: Sequence[L], what: str) -> list[L]:
    check_distinct((line.id for line in lines), what)
    return list(lines)


def check_distinct(ids: Iterable[str], what: str) -> None:
    """Raises an InputError that names the first id which stands there more than once."""
    repeated = [identifier for identifier, count in Counter(ids).items() if count > 1]
    if repeated:
        more = f" and {len(repeated) - 1} other ids" if len(repeated) > 1 else ""
        raise InputError(f"id {repeated[0]!r}{more} more than once among the {what}; keep one line for each id")


def check_joined(predictions: Sequence[Prediction], references: Sequence[Reference]) -> None:
    """Raises an InputError where no prediction is for any reference: that file answers other questions."""
    known = {line.id for line in references}
    if not any(line.id in known for line in predictions):
        raise InputError(
            f"none of the {len(predictions)} predictions is for one of the {len(known)} references: ids such as "
            f"{predictions[0].id!r} against {references[0].id!r}; write the references' ids, letter by letter"
        )


def words_about(predictions: Sequence[Prediction], references: Sequence[Reference]) -> list[str]:
    """What a person should know before they believe a score: what is missing, left over, or no answer."""
    known, answered = {line.id for line in references}, {line.id for line in predictions}
    words = {
        "references have no prediction and count as wrong": [one.id for one in references if one.id not in answered],
        "predictions are for no reference and count nowhere": [one.id for one in predictions if one.id not in known],
        "predictions hold no answer and count as wrong": [one.id for one in predictions if one.answer is None],
    }
    found = [f"{len(ids)} {what}: {_listed(ids)}" for what, ids in words.items() if ids]
    return [*found, *_problems(predictions)]


def _problems(predictions: Iterable[Prediction]) -> Iterator[str]:
    problems: dict[str, list[str]] = {}
    for line in predictions:
        if line.problem:
            problems.setdefault(line.problem, []).append(line.id)
    yield from (f"{_listed(ids)}: {problem}" for problem, ids in problems.items())


def _listed(ids: Sequence[str]) -> str:
    """The first few ids, and how many more there are."""
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(map(repr, ids[:_SHOWN])) + more


def by_id(predictions: Iterable[Prediction]) -> Mapping[str, Prediction]:
    return {line.id: line for line in predictions}
