"""A local stand-in for one API: real records, the servers' rules, no network.

replica = Replica.load(load_api("mygene"), Path("data/raw/records/mygene.jsonl.gz"))
replica.execute(parse("/v3/query?q=symbol:CDK2&fields=name", replica.api)).body["total"]
replica.select(parse("/v3/query?q=symbol:CDK2", replica.api)).ids
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries.meaning import LOOKUP_LIMIT, Meaning, Presentation, understand
from query_assistant.queries.request import Request
from query_assistant.queries.tree import Node
from query_assistant.replica import answers
from query_assistant.replica.answers import PAGE, Answer, Batch, Hit, Records, Shape, resume, scroll_id
from query_assistant.replica.building import default_cache, index_of, open_index
from query_assistant.replica.facets import facet
from query_assistant.replica.index import Index
from query_assistant.replica.layout import Layout, layout_of
from query_assistant.replica.limits import RECORDS_PER_STEP, SEARCH_STEPS, Work
from query_assistant.replica.matching import Matcher
from query_assistant.replica.postings import Ints, Mask, Scores
from query_assistant.replica.ranking import SCORE, Ranker, multiplied, multipliers, ranked


@dataclass(frozen=True)
class Found:
    """The records a request means: all of their ids in ranked order, before paging.

    `terms` holds one result per term of a batch; then `ids` and `total` run over all of them, repeats included.
    """

    ids: tuple[str, ...]
    total: int
    terms: tuple[Found, ...] = ()


@dataclass(frozen=True)
class _Result:
    """One query's hits: record numbers in order, scores by record, and the hits that facets count."""

    docs: Ints
    scores: Scores | None
    counted: Mask


class Replica:
    """One API's records, ready to be asked. `load` and `from_records` make one."""

    def __init__(self, api: Api, index: Index, records: Records) -> None:
        self.api = api
        self.index = index
        self.records = records
        self._known_multipliers: dict[tuple[tuple[Node, float], ...], Scores] = {}  # the API has one set of factors

    @classmethod
    def load(cls, api: Api, records: Path | str, cache: Path | str | None = None) -> Replica:
        """The replica of a file of records; its index is built once and kept in `cache`.

        Raises:
            InputError: the records cannot be read.
        """
        folder = Path(cache) if cache is not None else default_cache()
        return cls(api, *open_index(_layout(api), Path(records), folder))

    @classmethod
    def from_records(cls, api: Api, records: Sequence[dict[str, Any]]) -> Replica:
        """A replica of a few records in memory; only what a query touches is indexed."""
        return cls(api, *index_of(_layout(api), records))

    def __len__(self) -> int:
        return self.index.count

    def matching(self, node: Node) -> tuple[str, ...]:
        """The ids of the records that a tree means, in the order of the index.

        Raises:
            RequestError: a strict value that does not fit its field, or an impossible expression.
        """
        return self._ids(np.flatnonzero(Matcher(self.index).matches(node)))

    def select(self, request: Request) -> Found:
        """Which records a request means, without building its answer.

        Raises:
            RequestError: the API would refuse the request.
        """
        if request.get("scroll_id"):
            request, _ = resume(str(request.get("scroll_id")), self.api)
        meaning = understand(request, self.api)
        results = self._results(meaning)
        found = tuple(Found(self._ids(result.docs), len(result.docs)) for result in results)
        if request.method == "GET":
            return found[0]
        return Found(tuple(i for one in found for i in one.ids), sum(one.total for one in found), found)

    def total(self, request: Request) -> int:
        """How many records a request means: the total of `select`, without ranking them.

        Raises:
            RequestError: as `select`.
        """
        if request.get("scroll_id"):
            request, _ = resume(str(request.get("scroll_id")), self.api)
        return sum(len(result.docs) for result in self._results(understand(request, self.api), rank=False))

    def execute(self, request: Request) -> Answer:
        """The API's own answer; what it would refuse is answered with its error."""
        try:
            return self._answer(request)
        except RequestError as error:
            return answers.refusal(error)
        except RecursionError:  # of a record: queries are taken apart without recursion
            return answers.refusal(RequestError("a record found is nested too deeply to be shown", status=500))

    def _answer(self, request: Request) -> Answer:
        if request.endpoint == "status":
            return Answer(200, {"status": "green", "success": True})
        if request.endpoint == "metadata":
            return Answer(200, answers.metadata(self.api, len(self)))
        if request.endpoint == "fields":
            search, prefix = request.get("search"), request.get("prefix")
            return Answer(200, answers.field_list(self.api, _text(search), _text(prefix)))
        for name in ("rawquery", "jmespath"):
            if request.get(name):
                return Answer(501, _not_here(name))
        if request.get("scroll_id"):
            return self._next_page(request)
        meaning = understand(request, self.api)
        if meaning.lookup:
            return self._looked_up(request, meaning)
        if request.method == "POST":
            return self._batch(meaning)
        return self._search(request, meaning)

    def _search(self, request: Request, meaning: Meaning) -> Answer:
        began = time.perf_counter()
        shown = meaning.presentation
        start = shown.from_
        result = next(self._results(meaning))
        facets = {name: facet(self.index, name, result.counted, shown.facet_size) for name in shown.facets}
        hits = self._hits(result, start, shown.size)
        highest = _highest(result, shown)
        took_ms = round((time.perf_counter() - began) * 1000)
        if dict(shown.other).get("raw"):
            return Answer(200, answers.raw(hits, len(result.docs), highest, took_ms))
        shape = Shape.of(shown, lookup=False)
        body = answers.searched(shape, hits, len(result.docs), highest, took_ms, facets)
        if shown.fetch_all:
            body["_scroll_id"] = scroll_id(request, PAGE)
        return Answer(200, body)

    def _next_page(self, request: Request) -> Answer:
        """The following hits of a scroll: what is searched comes from its id, how it looks from the request."""
        began = time.perf_counter()
        first, start = resume(str(request.get("scroll_id")), self.api)
        meaning = understand(first, self.api)
        result = next(self._results(meaning))
        hits = self._hits(result, start, PAGE)
        if start >= len(result.docs):
            return answers.scroll_ended()
        looks = understand(request, self.api).presentation
        shape = Shape.of(replace(looks, fields=meaning.presentation.fields), lookup=False)
        highest = _highest(result, meaning.presentation)
        took_ms = round((time.perf_counter() - began) * 1000)
        body = answers.searched(shape, hits, len(result.docs), highest, took_ms, {})
        return Answer(200, body | {"_scroll_id": scroll_id(first, start + PAGE)})

    def _batch(self, meaning: Meaning) -> Answer:
        """Term by term, so that of all their results only the rows are kept."""
        shown = meaning.presentation
        batch, totals = Batch(Shape.of(shown, lookup=False)), []
        for term, result in zip(meaning.terms, self._results(meaning), strict=True):
            batch.add(list(term) if isinstance(term, tuple) else term, self._hits(result, shown.from_, shown.size))
            totals.append(len(result.docs))
        if not dict(shown.other).get("with_total"):
            return Answer(200, batch.rows)
        return Answer(200, answers.with_total(batch.rows, totals, shown.size, shown.from_))

    def _looked_up(self, request: Request, meaning: Meaning) -> Answer:
        shape = Shape.of(meaning.presentation, lookup=True)
        batch = Batch(shape)
        for term, result in zip(meaning.terms, self._results(meaning), strict=True):
            if len(result.docs) > LOOKUP_LIMIT:
                return Answer(500, {"code": 500, "success": False, "error": "Too Many Matches."})
            hits = self._hits(result, 0, LOOKUP_LIMIT)
            if request.method == "GET":
                return self._one(term, [shape.of_hit(hit) for hit in hits])
            batch.add(term, hits)
        return Answer(200, batch.rows)

    @staticmethod
    def _one(identifier: str, found: list[dict[str, Any]]) -> Answer:
        """The answer to a GET of one identifier."""
        if not found:
            return answers.refusal(RequestError(f"no record {identifier!r}", status=404))
        return Answer(200, found[0] if len(found) == 1 else found)

    def _results(self, meaning: Meaning, *, rank: bool = True) -> Iterator[_Result]:
        """The result of each query, one after the other; they share one allowance of work.

        Without `rank` the hits have no scores.
        """
        work = Work()
        shared = Matcher(self.index, work)
        allowed = shared.everything() if meaning.index == self.api.default_index else shared.none()
        for clause in meaning.filters:
            allowed = allowed & shared.matches(clause)
        for query in meaning.queries:
            work.spend(SEARCH_STEPS + self.index.count // RECORDS_PER_STEP)
            yield self._result(Matcher(self.index, work), shared, meaning, query, allowed, rank)

    def _result(
        self, matcher: Matcher, shared: Matcher, meaning: Meaning, query: Node, allowed: Mask, rank: bool
    ) -> _Result:
        counted = matcher.matches(query) & allowed
        hits = counted if meaning.post_filter is None else counted & shared.matches(meaning.post_filter)
        sort = meaning.presentation.sort
        scores = None
        if rank and (not sort or SCORE in sort) and hits.any():
            scores = multiplied(Ranker(matcher).scores(query), self._multipliers(meaning.factors, shared))
        return _Result(ranked(self.index, hits, scores, sort), scores, counted)

    def _multipliers(self, factors: tuple[tuple[Node, float], ...], shared: Matcher) -> Scores:
        if factors not in self._known_multipliers:
            self._known_multipliers[factors] = multipliers(factors, len(self), shared.matches)
        return self._known_multipliers[factors]

    def _hits(self, result: _Result, start: int, size: int) -> Iterator[Hit]:
        for doc in result.docs[start : start + size].tolist():
            yield Hit(doc, self.index.ids[doc], _rounded(result.scores, doc), self.records)

    def _ids(self, docs: Ints) -> tuple[str, ...]:
        ids = self.index.ids
        return tuple(ids[doc] for doc in docs.tolist())


def _highest(result: _Result, shown: Presentation) -> float | None:
    """The best score of all hits, None where there is none to tell."""
    if result.scores is None or not len(result.docs) or not shown.size:
        return None
    return _rounded(result.scores, int(result.docs[np.argmax(result.scores[result.docs])]))


def _rounded(scores: Scores | None, doc: int) -> float | None:
    return None if scores is None else round(float(scores[doc]), 6)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _not_here(name: str) -> dict[str, Any]:
    reason = f"{name} works on the real API only; leave it out when asking the replica"
    return {"code": 501, "success": False, "error": "Not Implemented", "reason": reason}


@lru_cache(maxsize=32)
def _layout(api: Api) -> Layout:
    return layout_of(api)
