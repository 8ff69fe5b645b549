"""What the records say to a query: hits, rows with the columns that were asked for, facets.

    answer_of(query, api, replica)   ->   QueryAnswer(hits=203, table=ResultTable(columns=["_id", "symbol", ...], ...))

Rows come from the replica, a sample of real records, or from the live API where that was asked; the note says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from query_assistant.apis import Api
from query_assistant.nesting import values_at
from query_assistant.queries.meaning import returned_fields, understand
from query_assistant.queries.rendering import field_names
from query_assistant.queries.request import Request, parse
from query_assistant.queries.tree import leaves
from query_assistant.records import Query
from query_assistant.replica import Answer
from query_assistant.server.documents import FacetBars, QueryAnswer, ResultTable

MOST_ROWS = 20
MOST_COLUMNS = 8
MOST_BARS = 12
LONGEST_CELL = 160
_NEVER_SHOWN = frozenset({"_id", "_score", "_version", "query", "notfound", "_license"})


class RecordSource(Protocol):
    """Who executes: the replica, or the live API."""

    def execute(self, request: Request) -> Answer: ...


def answer_of(query: Query, api: Api, records: RecordSource, note: str) -> QueryAnswer:
    """Hits, at most `MOST_ROWS` rows, facets.

    Raises:
        RequestError: the API would refuse the query.
        MissingResourceError: the live API cannot be reached.
    """
    request = parse(query, api)
    answer = records.execute(_shortened(request, api))
    if answer.status >= 400 and answer.status != 404:
        return QueryAnswer(hits=None, table=_table([], [], api), note=note, error=_refused(answer))
    body = answer.body if answer.status < 400 else []
    documents = [hit for hit in _documents(body) if not hit.get("notfound")]
    hits = body["total"] if isinstance(body, dict) and "total" in body else len(documents)
    columns = _columns(request, api, documents)
    return QueryAnswer(
        hits=hits, table=_table(documents[:MOST_ROWS], columns, api), facets=list(_facets(body)), note=note
    )


def _shortened(request: Request, api: Api) -> Request:
    """The call with no more rows than are shown, and not in another form than JSON."""
    parameters = dict(request.values)
    if request.endpoint == "query" and request.method == "GET":
        size = request.value("size", api)
        if isinstance(size, int) and size > MOST_ROWS:
            parameters["size"] = MOST_ROWS
    for name in ("format", "callback", "raw", "dotfield", "fetch_all"):
        parameters.pop(name, None)
    return request.with_values(parameters, request.entity)


def _refused(answer: Answer) -> str:
    body = answer.body if isinstance(answer.body, dict) else {}
    return str(body.get("reason") or body.get("error") or f"the API answers {answer.status}")


def _documents(body: Any) -> list[dict[str, Any]]:
    if isinstance(body, dict):
        return list(body["hits"]) if "hits" in body else [body]
    return [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []


def _columns(request: Request, api: Api, documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was asked for; else the API's default; else the fields that the query names and those best known."""
    if request.endpoint not in ("query", "annotation"):
        return sorted({name for document in documents for name in document})[:MOST_COLUMNS]
    asked = returned_fields(request, api)
    if asked is not None:
        plain = [name for name in asked if not name.startswith("-") and name not in _NEVER_SHOWN]
        return plain[:MOST_COLUMNS] or _filled(_known(api), documents)
    return _filled([*_named(request, api), *_known(api)], documents)


def _known(api: Api) -> list[str]:
    """The fields that people speak of and that hold a value of their own, the best known first."""
    return [name for name in api.well_known if name in api.schema and api.schema[name].leaf]


def _named(request: Request, api: Api) -> Iterator[str]:
    meaning = understand(request, api)
    for leaf in (leaf for node in (*meaning.queries, *meaning.filters) for leaf in leaves(node)):
        yield from (name for name in field_names(leaf) if name and "*" not in name and name in api.schema)


def _filled(names: Iterable[str], documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of the names that some row has a value for."""
    found = [name for name in dict.fromkeys(names) if name not in _NEVER_SHOWN]
    filled = [name for name in found if any(_cell(document, name) for document in documents[:MOST_ROWS])]
    return filled[: MOST_COLUMNS // 2 + 1]


def _table(documents: Sequence[Mapping[str, Any]], columns: Sequence[str], api: Api) -> ResultTable:
    return ResultTable(
        columns=["_id", *columns],
        rows=[[str(one.get("_id", "")), *(_cell(one, name) for name in columns)] for one in documents],
        links=[_link(one, api) for one in documents],
    )


def _link(document: Mapping[str, Any], api: Api) -> str:
    """The record's page on the API's own host; nothing where a row is no record."""
    identifier = document.get("_id")
    return f"{api.base}/{api.version}/{api.entity}/{quote(str(identifier), safe='')}" if identifier else ""


def _cell(document: Mapping[str, Any], path: str) -> str:
    values = dict.fromkeys(_shown(value) for value in values_at(document, path))
    text = "; ".join(value for value in values if value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_shown(inner)}" for name, inner in value.items() if not isinstance(inner, dict | list)
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _facets(body: Any) -> Iterator[FacetBars]:
    for name, facet in (body.get("facets") or {}).items() if isinstance(body, dict) else ():
        counts = [(str(term["term"]), int(term["count"])) for term in facet.get("terms", ())]
        rest = sum(count for _, count in counts[MOST_BARS:]) + int(facet.get("other", 0))
        yield FacetBars(field=name, counts=counts[:MOST_BARS], other=rest)
