"""What the servers and their search engine refuse of a call that is well formed, and why.

The web server: something missing, a page too deep, a sort it cannot do. The search engine: query texts beyond its own
bounds, wherever they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from query_assistant.apis import Api
from query_assistant.errors import RequestError
from query_assistant.queries.tree import Node, Regex, Words, leaves

if TYPE_CHECKING:
    from query_assistant.queries.request import Request

MAX_CLAUSES = 1024
MAX_REGEX = 1000
MAX_BOOST = 3.4028235677973366e38  # from here on the servers' 32 bits hold infinity, which is no boost
MAX_SLOP = 2**31 - 1  # a larger distance is this one to the servers


def check_request(request: Request, api: Api) -> None:
    """What the server refuses beyond single values: something missing, a page too deep, a sort it cannot do."""
    for parameter in api.parameters_on(request.key):
        if parameter.required and parameter.name not in request.parameters:
            raise RequestError(f"{request.key}: missing {parameter.name}; give it", parameter=parameter.name)
    _check_emptiness(request)
    _check_window(request, api)
    _check_sort(request)
    if request.q == "__any__":
        raise RequestError("q=__any__: random query not available; use __all__", parameter="q")


def _check_emptiness(request: Request) -> None:
    for name in ("q", "ids") if request.method == "POST" else ():
        if request.parameters.get(name) == ():
            raise RequestError(f"{name} is empty: the search engine refuses an empty batch; give terms", parameter=name)


def _check_window(request: Request, api: Api) -> None:
    if request.endpoint != "query":
        return
    start, size = request.value("from", api), request.value("size", api)
    if request.get("fetch_all"):
        if start:
            raise RequestError(f"from={start} cannot go with fetch_all; leave it out", parameter="from")
    elif start + size > 10000:
        raise RequestError(
            f"from={start} and size={size}: from + size is at most 10000; use fetch_all", parameter="from"
        )


def _check_sort(request: Request) -> None:
    for item in request.parameters.get("sort", ()):  # type: ignore[union-attr]
        if ":" in item:
            raise RequestError(
                f"sort={item!r}: expected field or -field; write -field for descending", parameter="sort"
            )
        if item == "-_score":
            raise RequestError("sort='-_score': scores are descending already; write _score", parameter="sort")


def oversize(query: Node) -> str | None:
    """Why a query text is too large for the search engine; None where it is not."""
    clauses = 0
    for leaf in leaves(query):
        clauses += len(leaf.words) if isinstance(leaf, Words) else 1
        if clauses > MAX_CLAUSES:
            return f"the search engine takes at most {MAX_CLAUSES} clauses (too_many_clauses); POST a list of terms"
        if isinstance(leaf, Regex) and len(leaf.pattern) > MAX_REGEX:
            found = f"the regular expression has {len(leaf.pattern)} characters"
            return f"{found}, the search engine takes at most {MAX_REGEX}; shorten it"
    return None
