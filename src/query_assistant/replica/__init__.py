"""The local stand-in of an API: it executes queries on real records, by the servers' rules.

replica = Replica.load(api, Path("data/raw/records/mygene.jsonl.gz"))
answer = replica.execute(request)      # Answer(status, body): the API's own shape
found = replica.select(request)        # Found(ids, total): which records, in ranked order

layout      which fields there are, and how each is read    analysis, values   how a value becomes a term
flattening  records as columns                              postings, index    inverted lists
building    from a file to an index, storage its cache      matching, columns  which records a tree means
patterns, regex, phrases  the harder leaves                 ranking, sorting   in which order
projection, facets, answers  what is shown                  http, live         served, and the real API instead
"""

from __future__ import annotations

from query_assistant.replica.answers import Answer
from query_assistant.replica.replica import Found, Replica

__all__ = ["Answer", "Found", "Replica"]
