"""A person's look at the pairs: which to look at next, and decisions that the pair stage honours.

A decision belongs to a pair's id and to its content as it was seen; once either changes, the pair is open again.

    {"action": "edit", "content": "6c1f...", "id": "mygene-0f3a-i0", "instruction": "Human insulin genes", ...}
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from query_assistant.pairs.checks import RAW_PATH
from query_assistant.records import Pair, Record, read_jsonl, write_jsonl

Action = Literal["accept", "edit", "reject"]

LONG = 160
REVIEW = "review.jsonl"  # in the folder of the API


class Decision(Record):
    """What a person decided about one pair; `instruction` is the edited one, `note` why."""

    id: str
    content: str
    action: Action
    instruction: str | None = None
    note: str | None = None


def content_hash(pair: Pair) -> str:
    """Twelve hexadecimal digits of what a person sees of a pair: instruction, query and body."""
    seen = json.dumps([pair.instruction, pair.query, pair.body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(seen.encode()).hexdigest()[:12]


def load_decisions(path: Path) -> dict[str, Decision]:
    """Decisions by pair id, the last one of each; none where nobody has reviewed yet."""
    return {decision.id: decision for decision in read_jsonl(path, Decision)} if path.exists() else {}


def save_decisions(path: Path, decisions: Mapping[str, Decision]) -> None:
    """All decisions, sorted by id, so that two people's files merge line by line."""
    write_jsonl(path, [decisions[key] for key in sorted(decisions)])


def apply_decisions(pairs: Iterable[Pair], decisions: Mapping[str, Decision]) -> tuple[list[Pair], Counter[str]]:
    """The pairs as reviewed: rejected ones out, edited ones changed; and how many decisions took effect, by action.

    A decision about other content than the pair has now counts as "outdated" and changes nothing.
    """
    kept: list[Pair] = []
    effects: Counter[str] = Counter()
    for pair in pairs:
        decision = decisions.get(pair.id)
        if decision is None:
            kept.append(pair)
            continue
        if decision.content != content_hash(pair):
            effects["outdated"] += 1
            kept.append(pair)
            continue
        effects[decision.action] += 1
        if decision.action == "edit" and decision.instruction is not None:
            kept.append(pair.model_copy(update={"instruction": decision.instruction}))
        elif decision.action == "accept":
            kept.append(pair)
    return kept, effects


def is_open(pair: Pair, decisions: Mapping[str, Decision]) -> bool:
    decision = decisions.get(pair.id)
    return decision is None or decision.content != content_hash(pair)


def doubt(pair: Pair, rarity: Mapping[str, int]) -> float:
    """How much a pair deserves a look; higher is more doubtful, 0 is none.

    Long or many-claused instructions, field paths in plain text, rare constructs and negated groups go wrong most.
    """
    rare = sum(1.0 / rarity[name] for name in pair.constructs) * 20
    words = pair.instruction.split()
    clauses = sum(pair.instruction.count(word) for word in (" and ", " or ", " whose ", " that ", ";"))
    path = 1.5 if RAW_PATH.search(pair.instruction) else 0.0
    both = 2.0 if {"or", "negation"} <= set(pair.constructs) else 0.0
    return min(rare, 3.0) + clauses / 2 + len(pair.instruction) / LONG + path + both + (len(words) < 3)


def queue(pairs: Sequence[Pair], decisions: Mapping[str, Decision]) -> list[Pair]:
    """The pairs that nobody has decided yet, the most doubtful first."""
    rarity = Counter(name for pair in pairs for name in pair.constructs)
    waiting = [pair for pair in pairs if is_open(pair, decisions)]
    return sorted(waiting, key=lambda pair: (-doubt(pair, rarity), pair.id))
