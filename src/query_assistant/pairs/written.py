"""Pairs that people wrote: `written.jsonl` in the folder of the API, a question and its query a line.

    {"instruction": "ensembl id of zebrafish shank3a", "query": "/v3/query?q=shank3a&species=zebrafish&fields=ensembl"}

They say what a template never says, and go the way of all pairs: spelled as the normal form, split by skeleton, kept
apart from everything that measures. Their instructions are not touched.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.errors import InputError, QueryAssistantError
from query_assistant.pairs.constructs import constructs
from query_assistant.pairs.writing import identity
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.request import parse
from query_assistant.queries.skeleton import skeleton
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Origin, Pair, Query, WrittenPair, read_jsonl
from query_assistant.verbalising.planning import plan_query

WRITTEN = "written.jsonl"  # in the folder of the API


def written_pairs(path: Path, api: Api) -> list[Pair]:
    """The pairs of a file in their order; none where there is no file.

    Raises:
        InputError: a query that the API would refuse, or an instruction that stands there twice.
    """
    if not path.exists():
        return []
    pairs: dict[str, Pair] = {}
    for number, line in enumerate(read_jsonl(path, WrittenPair), 1):
        pair = pair_of(line, api, f"{path}, line {number}")
        if pairs.setdefault(line.instruction.casefold(), pair) is not pair:
            raise InputError(f"{path}, line {number}: {line.instruction!r} stands there twice; drop one")
    return list(pairs.values())


def pair_of(line: WrittenPair, api: Api, place: str, origin: Origin = "written") -> Pair:
    """The pair of one line; `place` is for the error's text.

    Raises:
        InputError: the API would refuse its query.
    """
    issues = validate(line, api)
    if not is_valid(issues):
        reason = "; ".join(issue.message for issue in issues)
        raise InputError(f"{place}: {line.query!r} is not valid: {reason}; mend the query or drop the line")
    request = canonicalize(parse(line, api), api, keep_case=True)
    query = request.to_query()
    return Pair(
        id=f"{api.name}-{identity(api.name, query)}-w{_digits(line.instruction)}",
        api=api.name,
        instruction=line.instruction,
        query=query.query,
        body=query.body,
        form="written",
        origin=origin,
        skeleton=skeleton(request, api),
        constructs=_constructs(query, api),
    )


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def _constructs(query: Query, api: Api) -> tuple[str, ...]:
    """None where the verbaliser has no plan for the query: people ask for more than it can say."""
    try:
        return constructs(plan_query(query, api))
    except QueryAssistantError:
        return ()
