"""A query read back in plain words, so that who asked sees what was understood.

said_back(Query(query="/v3/query?q=name:kinase&species=mouse&size=0"), api)   # "Count the mouse genes ..."
"""

from __future__ import annotations

from query_assistant.apis import Api
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.verbaliser import Verbaliser


def said_back(query: Query, api: Api) -> str:
    """One sentence or two, the same for the same query.

    Raises:
        RequestError: the API would refuse the query.
        UnsayableError: it holds something there are no words for.
    """
    return Verbaliser(Lexicon.load(api.name, api.schema)).say(plan_query(query, api), "imperative", "read back")
