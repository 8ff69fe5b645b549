"""One telling value per field, out of real records.

example_values(records, schema)["go.BP.id"]      # "GO:0045944"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from query_assistant.apis.fields import Schema
from query_assistant.nesting import leaf_texts

LONGEST = 60  # characters of an example; longer values are cut
DULL = frozenset({"0", "0.0", "-", ".", "na", "n/a", "none", "null"})  # shown only where there is nothing else
DISTINCT = 500  # values counted per field; the rest only add to those


def example_values(records: Iterable[Mapping[str, Any]], schema: Schema) -> dict[str, str]:
    """A short, typical value for each leaf that has one: the most frequent one that need not be cut.

    Where no value comes twice, the first of middling length stands for the rest.
    """
    counts: dict[str, Counter[str]] = {field.name: Counter() for field in schema.leaves}
    for record in records:
        for path, text in leaf_texts(record):
            value = " ".join(text.split())
            seen = counts.get(path)
            if value and seen is not None and (value in seen or len(seen) < DISTINCT):
                seen[value] += 1
    return {name: _telling(values) for name, values in counts.items() if values}


def _telling(values: Counter[str]) -> str:
    telling = {value: count for value, count in values.items() if value.lower() not in DULL} or values
    fitting = {value: count for value, count in telling.items() if len(value) <= LONGEST}
    if not fitting:
        return min(telling, key=len)[: LONGEST - 1].rstrip() + "…"
    most = max(fitting.values())
    candidates = [value for value, count in fitting.items() if count == most]
    middling = sorted(len(value) for value in candidates)[len(candidates) // 2]
    return next(value for value in candidates if len(value) == middling)
