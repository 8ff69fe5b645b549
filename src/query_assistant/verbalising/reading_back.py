"""A query read back in plain words, so that who asked sees what was understood.

said_back(Query(query="/v3/query?q=name:kinase&species=mouse&size=0"), api)   # "Count the mouse genes ..."
"""

from __future__ import annotations

import re

from query_assistant.apis import Api
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.verbaliser import Verbaliser

TRIES = 24
_SOBER = re.compile(r"(?:Find|List|Show|Get|Retrieve|Count|Look up|Search)\b(?! me\b)(?!.*\b(?:please|me|I)\b).*\.")


def said_back(query: Query, api: Api) -> str:
    """One sentence or two, the same for the same query: of what a person might say the first that only states it.

    Raises:
        RequestError: the API would refuse the query.
        UnsayableError: it holds something there are no words for.
    """
    verbaliser, plan = Verbaliser(Lexicon.load(api.name, api.schema)), plan_query(query, api)
    said = [verbaliser.say(plan, "imperative", f"read back {attempt}") for attempt in range(TRIES)]
    return next((words for words in said if _SOBER.fullmatch(words)), min(said, key=len))
