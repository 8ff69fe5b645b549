"""Every correction with what speaks against learning from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from query_assistant.apis import load_api
from query_assistant.corrections.checking import NEAR, as_pair, faults, measured_items, near_to, unsound
from query_assistant.corrections.store import PLACE, Correction, Corrections
from query_assistant.retrieval.search import embedder
from query_assistant.splits import find_leaks


def with_remarks(root: Path) -> list[tuple[Correction, list[str]]]:
    """All corrections of a checkout in the order they were made; of doubles the first is free."""
    with Corrections.open(root / PLACE) as kept:
        every = kept.all()
    leaks = {}
    for name in sorted({one.api for one in every}):
        leaks.update(_leaks([one for one in every if one.api == name], name))
    accepted: list[Correction] = []
    found = []
    for one in every:
        remarks = list(faults(one, load_api(one.api), accepted, ()))
        found.append((one, [*remarks, *leaks.get(one.id, ())]))
        accepted += [one] if one.state == "accepted" else []
    return found


def _leaks(corrections: Sequence[Correction], name: str) -> dict[int, list[str]]:
    """What corrections of one API give away, by their numbers; asked together, for what measures is read once."""
    api = load_api(name)
    pairs = {one.id: as_pair(one, api) for one in corrections if not unsound(one, api)}
    near = {
        leak.training.id: near_to(leak)
        for leak in find_leaks(list(pairs.values()), [], measured_items(name), {name: api}, NEAR, embedder())
    }
    return {number: [near[pair.id]] for number, pair in pairs.items() if pair.id in near}
