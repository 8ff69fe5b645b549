"""The local stand-in of an API: it executes queries on real records, by the servers' rules.

replica = Replica.load(api, Path("data/raw/records/mygene.jsonl.gz"))
answer = replica.execute(request)      # Answer(status, body): the API's own shape
found = replica.select(request)        # Found(ids, total): which records, in ranked order

limits       what one request may cost                   analysis, values  how a value becomes a term
layout       the fields, and records taken apart         postings, index   inverted lists
building     from a file to an index, storage its cache  matching, columns which records a tree means
patterns, regex, fragments, automaton, phrases           the harder leaves
ranking      in which order                              facets            counted values
projection, answers  what is shown                       http, live        served, and the real API instead
"""

from __future__ import annotations

from query_assistant.replica.answers import Answer
from query_assistant.replica.replica import Found, Replica

__all__ = ["Answer", "Found", "Replica"]
