"""Parameter handling against the BioThings SDK's own, over calls that nobody chose (docs/differential.md).

Needs the package `biothings`; run with `pytest -m network tests/differential`.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from differential.random_calls import calls
from differential.sdk import Call, read
from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.queries.request import parse_http

pytestmark = pytest.mark.network
SEED = 20260101

# What the SDK's options let through and a later stage, or the search engine, refuses.
LATER = (
    r"expected 0 or more",
    r"=(True|False): expected a number",  # to Python a boolean is an integer
    r"is empty: the search engine refuses an empty batch",
    r"cannot go with fetch_all",
    r"from \+ size is at most 10000",
    r"expected field or -field",
    r"scores are descending already",
    r"random query not available",
    r"expected (a string or a number|a string or an array); (flatten the array|write an array)",
)


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    pytest.importorskip("biothings.web.options.manager", reason="pip install biothings")


def plain(value: Any) -> Any:
    """Items of JSON arrays as text: in a query 5 and "5" are one term."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) if isinstance(item, (list, tuple)) else str(item) for item in value)
    return value


def ours(call: Call, api: Api) -> dict[str, Any] | str:
    """The parameters we read, or the reason for which we refuse the call."""
    path = call.path.replace("/v1/thing", f"/{api.version}/{api.entity}").replace("/v1/", f"/{api.version}/")
    try:
        request = parse_http(call.method, path, api, body=call.body or None, content_type=call.content_type)
    except RequestError as error:
        return str(error)
    return {name: plain(value) for name, value in request.parameters.items()}


def theirs(call: Call) -> dict[str, Any] | None:
    found = read(call)
    if found is None:
        return None
    idle = {"size"} if call.endpoint == "annotation" else set()  # accepted there and without effect
    return {name: plain(value) for name, value in found.items() if name not in idle}


def test_parameters_are_typed_as_the_sdk_types_them() -> None:
    api = load_api("hpo")  # nothing but what the whole family shares
    agreed, refused, later, differing = 0, 0, 0, []
    for call in calls(random.Random(SEED), 6000):
        our, their = ours(call, api), theirs(call)
        if isinstance(our, str) and their is None:
            refused += 1
        elif isinstance(our, str) and any(re.search(reason, our) for reason in LATER):
            later += 1
        elif our == their:
            agreed += 1
        else:
            differing.append((call, our, their))
    assert differing == []
    assert min(agreed, refused, later) > 100  # each side of the comparison was really met
