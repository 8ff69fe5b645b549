"""Which queries to write for, when there are more than are wanted: every shape once before any shape twice."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from query_assistant.records import GoodQuery


def balanced(queries: Sequence[GoodQuery], limit: int, seed: int) -> list[GoodQuery]:
    """At most `limit` queries, the more common of each skeleton first, in their given order; all of them if they fit.

    A limit of 0 means no limit.
    """
    if not limit or len(queries) <= limit:
        return list(queries)
    shapes: dict[str, list[GoodQuery]] = defaultdict(list)
    for query in sorted(queries, key=lambda each: (-each.count, each.query, str(each.body))):
        shapes[query.skeleton].append(query)
    order = list(shapes.values())
    random.Random(f"{seed}/balance").shuffle(order)
    rounds = zip_longest(*order)
    chosen = [query for drawn in rounds for query in drawn if query is not None][:limit]
    kept = {id(query) for query in chosen}
    return [query for query in queries if id(query) in kept]
