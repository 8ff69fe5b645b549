"""Answers in the API's own shape: hits, batches, lookups, facets, scrolls, metadata and errors.

GET  query       {"took", "total", "max_score", "hits": [{"_id", "_score", ...}]}, and "facets", "_scroll_id"
POST query       [{"query", "_id", "_score", ...}, {"query", "notfound": true}]
GET  annotation  {"_id", "_version", ...}, a list if several fit, 404 if none
POST annotation  [{"query", "_id", "_version", ...}, ...]
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import yaml

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError, QuerySyntaxError, RequestError
from query_assistant.queries.meaning import Presentation
from query_assistant.queries.request import Request, parse
from query_assistant.replica.limits import MAX_ANSWER
from query_assistant.replica.projection import Form, Projection

PAGE = 1000  # hits of one page of a scroll
VERSION = 1  # a replica's records were never changed


class Records(Protocol):
    """The records of an index by number; each call gives a record of its own, free to be changed."""

    def __len__(self) -> int: ...

    def __getitem__(self, doc: int) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Answer:
    """What the API answers: HTTP status and JSON body."""

    status: int
    body: Any


@dataclass(frozen=True)
class Hit:
    """A record found, with its score where the order is by score; it is read when it is asked for."""

    doc: int
    id: str
    score: float | None
    records: Records

    @property
    def record(self) -> dict[str, Any]:
        return self.records[self.doc]


@dataclass(frozen=True)
class Shape:
    """How the hits of one request are shown."""

    projection: Projection
    form: Form
    with_score: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, shown: Presentation, lookup: bool) -> Shape:
        other = dict(shown.other)
        form = Form(
            dotfield=shown.dotfield,
            ordered=other.get("_sorted", True),
            always_list=tuple(other.get("always_list", ())),
            allow_null=tuple(other.get("allow_null", ())),
            keep_items=other.get("list_filter"),
        )
        extra = {"_version": VERSION} if lookup else {}
        return cls(Projection.of(shown.fields), form, with_score=not lookup, extra=extra)

    def of_hit(self, hit: Hit) -> dict[str, Any]:
        """One hit as the answer shows it."""
        head: dict[str, Any] = {"_id": hit.id, **self.extra}
        if self.with_score:
            head["_score"] = hit.score
        return self.form.of_record(head | self.projection.of_record(hit.record))


def searched(
    shape: Shape, hits: Iterable[Hit], total: int, highest: float | None, took_ms: int, facets: dict[str, Any]
) -> dict[str, Any]:
    """The answer to GET /query. With facets, no hits to show means no key `hits`."""
    body: dict[str, Any] = {"took": took_ms, "total": total, "max_score": highest}
    shown = [shape.of_hit(hit) for hit in hits]
    if facets:
        body["facets"] = facets
    if shown or not facets:
        body["hits"] = shown
    return body


class Batch:
    """The answer to a POST: the hits of each term in order, or that there is none.

    A record that several terms find is read and shaped once; the rows share what it shows.
    """

    def __init__(self, shape: Shape) -> None:
        self.rows: list[dict[str, Any]] = []
        self._shape = shape
        self._size = 0
        self._shown: dict[tuple[int, float | None], tuple[dict[str, Any], int]] = {}
        form = shape.form
        self._by_score = shape.with_score and "_score" in form.always_list  # then the score is no plain number

    def add(self, term: Any, hits: Iterable[Hit]) -> None:
        """Raises:
        RequestError: the answer would have more than `MAX_ANSWER` characters.
        """
        before = len(self.rows)
        for hit in hits:
            row, size = self._row(term, hit)
            self._grow(size)
            self.rows.append(row)
        if len(self.rows) == before:
            self._grow(_size(term))
            self.rows.append({"query": term, "notfound": True})

    def _row(self, term: Any, hit: Hit) -> tuple[dict[str, Any], int]:
        key = (hit.doc, hit.score if self._by_score else None)
        if key not in self._shown:
            shown = self._shape.of_hit(hit)
            self._shown[key] = shown, _size(shown)
        shown, size = self._shown[key]
        row = {"query": term} | shown
        if "_score" in shown and not self._by_score:
            row["_score"] = hit.score
        return row, size + _size(term)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_ANSWER:
            raise RequestError(
                f"the answer would have more than {MAX_ANSWER:,} characters; ask for fewer terms at once, a smaller "
                "size or fewer fields"
            )


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))


def with_total(rows: list[dict[str, Any]], totals: list[int], size: int, start: int) -> dict[str, Any]:
    """A batch answer in the wrapper that names the largest number of hits."""
    body: dict[str, Any] = {"max_total": max(totals, default=0), "hits": rows}
    over = sum(total > size for total in totals)
    if over:
        body["msg"] = (
            f"{over} query terms return > {size} hits, using from={start + size} to retrieve the remaining hits"
        )
    return body


def raw(hits: Iterable[Hit], total: int, highest: float | None, took_ms: int) -> dict[str, Any]:
    """The search engine's own form of an answer."""
    return {
        "took": took_ms,
        "timed_out": False,
        "hits": {
            "total": {"value": total, "relation": "eq"},
            "max_score": highest,
            "hits": [
                {"_id": hit.id, "_score": hit.score, "_source": {k: v for k, v in hit.record.items() if k != "_id"}}
                for hit in hits
            ],
        },
    }


def scroll_id(request: Request, start: int) -> str:
    """The id with which the page from hit `start` is fetched."""
    text = json.dumps([start, request.to_query().query], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def resume(token: str, api: Api) -> tuple[Request, int]:
    """The request and the first hit of a scroll id.

    The id is the request itself, so a made-up one can ask nothing that a plain request could not.

    Raises:
        RequestError: it is none of ours.
    """
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        start, path = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        request = parse(path, api)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError, QueryAssistantError):
        request, start = None, -1
    if request is None or not isinstance(start, int) or start < 0 or not request.get("fetch_all"):
        raise RequestError("Invalid or stale scroll_id.", parameter="scroll_id")
    return request, start


def scroll_ended() -> Answer:
    """Past the last page: no error for HTTP."""
    return Answer(200, {"success": False, "error": "No more results to return."})


def refusal(error: RequestError) -> Answer:
    """The API's JSON for a request it refuses."""
    body: dict[str, Any] = {"code": error.status, "success": False}
    if error.status != 400:
        body["error"] = "Not Found." if error.status == 404 else HTTPStatus(error.status).phrase
        if error.status not in (404, 405):
            body["details"] = str(error)
    elif isinstance(error, QuerySyntaxError) or error.parameter is None:
        body |= {"error": "search_phase_execution_exception", "root_cause_line_00": str(error).replace('"', "'")}
    elif error.parameter == "species":
        body |= {"error": "cannot map some species to taxids.", "keyword": "species", "reason": str(error)}
    else:
        body |= {"error": "Bad Request", "keyword": error.parameter, "reason": str(error)}
    return Answer(error.status, body)


def as_yaml(body: Any) -> str:
    """An answer for format=yaml, by libyaml: a page of 1000 records takes it seconds, and Python's emitter minutes."""
    text: str = yaml.dump(body, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
    return text


def metadata(api: Api, count: int) -> dict[str, Any]:
    """What the replica says about itself in the place of build date and sources."""
    body: dict[str, Any] = {
        "biothing_type": api.record,
        "build_version": "replica",
        "src": {},
        "stats": {"total": count, api.record: count},
    }
    if api.species:
        body["taxonomy"] = dict(api.species)
    if api.definition.genome_assemblies:
        body["genome_assembly"] = dict(api.definition.genome_assemblies)
    return dict(sorted(body.items()))


def field_list(api: Api, search: str | None, prefix: str | None) -> dict[str, Any]:
    """The fields by name; `search` is a part of the name, `prefix` its start, both case-sensitive."""
    return {
        listed.name: _described(api, listed.name)
        for listed in api.schema
        if listed.name not in api.hidden and (search or "") in listed.name and listed.name.startswith(prefix or "")
    }


def _described(api: Api, name: str) -> dict[str, Any]:
    listed = api.schema[name]
    described: dict[str, Any] = {"index": listed.indexed, "type": listed.type}
    if listed.analyzer:
        described["analyzer"] = listed.analyzer
    if listed.searched_by_default:
        described["searched_by_default"] = True
    return dict(sorted(described.items()))
