"""Every correction with what speaks against learning from it."""

from __future__ import annotations

from pathlib import Path

from query_assistant.apis import load_api
from query_assistant.corrections.checking import faults, measured_items
from query_assistant.corrections.store import PLACE, Correction, Corrections
from query_assistant.retrieval.search import embedder


def with_remarks(root: Path) -> list[tuple[Correction, list[str]]]:
    """All corrections of a checkout in the order they were made; of doubles the first is free."""
    with Corrections.open(root / PLACE) as kept:
        every = kept.all()
    embed, accepted = embedder(), list[Correction]()
    found = []
    for one in every:
        remarks = list(faults(one, load_api(one.api), accepted, measured_items(one.api), embed))
        found.append((one, remarks))
        accepted += [one] if one.state == "accepted" else []
    return found
