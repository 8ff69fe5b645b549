"""Example values in well-known fields that no record fills, so that questions about them can be made up and executed.

The replica's records are real, but much of what people ask about is empty in them: gnomAD frequencies, side effects,
gene summaries. `examples:` in data/apis/<api>/words.yaml lists values that such a field holds in the live service. Here
they are put into copies of real records. Those copies are **simulated**: training queries are drawn from them and
executed on them, and nothing is ever scored with them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Sequence
from typing import Any

from query_assistant.drafting.field_values import Record
from query_assistant.nesting import leaf_texts
from query_assistant.verbalising.lexicon import field_words

SHARE = 0.08  # of the records get a value of each such field


def enriched(records: Iterable[Record], api: str, seed: int) -> list[dict[str, Any]]:
    """Copies of the records, example values in the fields that none of them fills; the same for the same seed."""
    copies = [copy.deepcopy(dict(record)) for record in records]
    filled = {path for record in copies for path, _ in leaf_texts(record)}
    for path, values in written_examples(api).items():
        if path not in filled:
            rng = random.Random(f"{seed}/examples/{api}/{path}")
            for record in rng.sample(copies, max(1, round(SHARE * len(copies)))):
                _place(record, path.split("."), rng.choice(values))
    return copies


def written_examples(api: str) -> dict[str, Sequence[Any]]:
    """What is written down for an API, by field."""
    return {path: entry["examples"] for path, entry in field_words(api).items() if entry.get("examples")}


def _place(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Sets a nested value; in a list of objects the first one gets it. Where a plain value is in the way, nothing."""
    for part in path[:-1]:
        inner = record.setdefault(part, {})
        if isinstance(inner, list):
            inner = next((item for item in inner if isinstance(item, dict)), None)
        if not isinstance(inner, dict):
            return
        record = inner
    record.setdefault(path[-1], value)
