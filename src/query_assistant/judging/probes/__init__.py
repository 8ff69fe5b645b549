"""Probes: small records made up so that a query and its neighbours answer differently.

The replica holds real records for a tenth of MyVariant's fields. On the others every query finds nothing, and "both
find nothing" proves nothing. So records are made for the queries at hand:

    symbol:CDK2 AND taxid:9606
        {"symbol": "CDK2", "taxid": 9606}       everything the query asks for
        {"symbol": "CDK2"}                      all but `taxid:9606`
        {"symbol": "CDK2x", "taxid": 9606}      'CDK2' and one letter more
        {"symbol": "CDK2", "taxid": 9607} ...   9606 plus 1

A record is only ever made to lie where two readings may part; whether it matches is for the replica to say.
"""

from __future__ import annotations

from query_assistant.apis import Api
from query_assistant.judging.probes.making import LIMIT, Probe, probes_between, probes_of
from query_assistant.judging.readings import meant
from query_assistant.queries.meaning import understand
from query_assistant.queries.request import Request

__all__ = ["LIMIT", "Probe", "probes", "probes_between", "probes_of"]


def probes(request: Request, api: Api, limit: int = LIMIT) -> list[Probe]:
    """Records around every clause of one request, those of the API's own filters included.

    Raises:
        RequestError: the request is for no records, or its text cannot be parsed.
    """
    return probes_of(meant(understand(request, api)), api, limit)
