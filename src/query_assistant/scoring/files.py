"""Predictions and references as they lie in files: JSON Lines, joined on `id`.

    predictions   {"id": "mygene-017", "query": "/v3/query?q=symbol:CDK2"}
                  {"id": "mygene-018", "query": "/v3/query", "body": {"q": ["CDK2"], "scopes": ["symbol"]}}
                  {"id": "mygene-019", "query": null}                          no answer
    references    {"id": "mygene-017", "api": "mygene", "query": "/v3/query?q=symbol:cdk2", "alternatives": [...]}

People add columns, so unknown keys are ignored; what is known has to have its type. An alternative is a path, or an
object with `query` (or `path`) and, for a POST, `body`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, field_validator

from query_assistant.errors import InputError
from query_assistant.queries.request import from_text
from query_assistant.records import Body, Query, Record, read_jsonl


class _Line(Record):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: str


class Prediction(_Line):
    """What a system answered; `query` None, empty or blank is no answer."""

    api: str | None = None
    query: str | None = None
    body: Body | None = None

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

    @field_validator("alternatives", mode="before")
    @classmethod
    def _read_alternatives(cls, given: Any) -> Any:
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
        InputError: the file is missing, a line is malformed, or an id stands there twice.
    """
    return _distinct(read_jsonl(path, Prediction), f"predictions in {path}")


def read_references(path: Path | str) -> list[Reference]:
    """The references in a file.

    Raises:
        InputError: as `read_predictions`, or there are none.
    """
    found = _distinct(read_jsonl(path, Reference), f"references in {path}")
    if not found:
        raise InputError(f"{path} holds no references; expected one JSON object a line with id, api and query")
    return found


L = TypeVar("L", bound=_Line)


def _distinct(lines: Sequence[L], what: str) -> list[L]:
    check_distinct((line.id for line in lines), what)
    return list(lines)


def check_distinct(ids: Iterable[str], what: str) -> None:
    """Raises an InputError that names the first id which stands there more than once."""
    repeated = [identifier for identifier, count in Counter(ids).items() if count > 1]
    if repeated:
        more = f" and {len(repeated) - 1} other ids" if len(repeated) > 1 else ""
        raise InputError(f"id {repeated[0]!r}{more} more than once among the {what}; keep one line for each id")
