"""Which few of a signature's queries say most and have hits: often asked, of telling length, unlike one another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from query_assistant.apis import Api
from query_assistant.errors import MissingResourceError, RequestError
from query_assistant.logs.report import FilterReport
from query_assistant.logs.understanding import Candidate
from query_assistant.queries.canonical import skeleton
from query_assistant.queries.request import Request, parse
from query_assistant.records import GoodQuery

# More than this many of one signature are not compared with each other; the commonest come first.
COMPARED = 60
# Queries without hits that a signature may use up before its rest is given up.
TRIES = 3
_TOKEN = re.compile(r"[a-z]+|\d+")


class Rankable(Protocol):
    """What the choice looks at; satisfied by `understanding.Candidate`."""

    @property
    def literals(self) -> tuple[str, ...]: ...
    @property
    def lines(self) -> int: ...
    @property
    def text(self) -> str: ...


class Executor(Protocol):
    """Whoever can say how many records a request finds: the replica, or the live API."""

    def total(self, request: Request) -> int: ...


def good_queries(
    candidates: Sequence[Candidate], api: Api, executor: Executor, per_signature: int, report: FilterReport
) -> Iterator[GoodQuery]:
    """For each signature its most telling queries that have hits; everything else goes to the report."""
    by_signature: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_signature.setdefault(candidate.signature, []).append(candidate)
    report.canonical, report.signatures = len(candidates), len(by_signature)
    for members in by_signature.values():
        kept = _good_of_signature(members, api, executor, per_signature, report)
        report.signatures_kept += bool(kept)
        yield from kept


def most_telling(candidates: Sequence[Rankable]) -> Iterator[int]:
    """Places in `candidates`, the most telling first; each next one is judged beside those already named.

    The score adds three shares between 0 and 1: frequency (logarithm of the lines, relative to the commonest), length
    of the literals (rising to 12 characters, falling past 60) and novelty (share of tokens not seen so far). Ties are
    broken by the text, so the order is the same on every machine.
    """
    order = sorted(range(len(candidates)), key=lambda place: (-candidates[place].lines, candidates[place].text))
    rest = order[:COMPARED]
    if not rest:
        return
    most = math.log1p(candidates[rest[0]].lines)
    tokens = {place: _tokens(candidates[place]) for place in rest}
    worth = {place: math.log1p(candidates[place].lines) / most + _length_score(candidates[place]) for place in rest}
    turn = {place: number for number, place in enumerate(order)}
    seen: set[str] = set()
    while rest:
        best = max(rest, key=lambda place: (worth[place] + _novelty(tokens[place], seen), -turn[place]))
        rest.remove(best)
        seen |= tokens[best]
        yield best


def _tokens(candidate: Rankable) -> set[str]:
    return set(_TOKEN.findall(" ".join(candidate.literals).lower()))


def _novelty(tokens: set[str], seen: set[str]) -> float:
    return len(tokens - seen) / len(tokens) if tokens else 0.0


def _length_score(candidate: Rankable) -> float:
    """1 for literals that a person can tell apart and repeat; less for `a*` and for a page of identifiers."""
    length = sum(map(len, candidate.literals))
    return min(1.0, length / 12) * min(1.0, 60 / max(length, 1))


def _good_of_signature(
    members: Sequence[Candidate], api: Api, executor: Executor, per_signature: int, report: FilterReport
) -> list[GoodQuery]:
    """Up to `per_signature` good queries in order of choice."""
    kept: list[GoodQuery] = []
    left, failed = dict(enumerate(members)), 0
    for place in most_telling(members):
        if len(kept) == per_signature or failed == TRIES:
            break
        member = left.pop(place)
        try:
            request = parse(member.query, api)
            hits, trouble = _hits(request, executor)
            if hits:
                kept.append(_record(member, request, api, hits))
        except MissingResourceError:
            raise
        except Exception as error:  # a fault of the executor's own: one query ends no run
            hits, trouble = 0, type(error).__name__
        if hits:
            report.kept.add(member.lines, member.text)
        else:
            report.fall("no_hits", trouble, member.lines, member.text)
            failed += 1
    for member in left.values():
        report.fall("not_chosen", "others_say_more", member.lines, member.text)
    return kept


def _hits(request: Request, executor: Executor) -> tuple[int, str]:
    """Hits of the query, 0 where its page lies behind the last of them; and what to call it when there are none."""
    try:
        total = executor.total(request)
    except RequestError as error:
        return 0, f"status_{error.status}"
    first = request.get("from")
    if isinstance(first, int) and request.method == "GET" and first >= total > 0:
        return 0, "page_behind_the_last"
    return total, "nothing_found"


def _record(member: Candidate, request: Request, api: Api, hits: int) -> GoodQuery:
    return GoodQuery(
        query=member.query.query,
        body=member.query.body,
        api=api.name,
        signature=member.signature,
        skeleton=skeleton(request, api),
        count=member.lines,
        hits=hits,
    )
