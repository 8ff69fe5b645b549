"""What is taught and what is kept to test it: corrections by their query, their copies, and earlier training pairs.

A correction is held out or taught by a draw that depends on its query alone: what tested once is never taught later,
and two questions for one query stay together.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from query_assistant.apis import Api, records_file
from query_assistant.corrections.checking import as_pair
from query_assistant.corrections.remarks import with_remarks
from query_assistant.corrections.store import Correction
from query_assistant.drafting.field_values import FieldValues
from query_assistant.errors import InputError
from query_assistant.learning.knobs import LearnParams
from query_assistant.learning.swapping import swapped_pairs
from query_assistant.records import Pair, iterate_documents, read_jsonl
from query_assistant.seeds import generator
from query_assistant.splits.similarity import canonical_key


@dataclass(frozen=True)
class HeldApart:
    """Corrections that are taught, and those that test."""

    taught: list[Correction]
    held_out: list[Correction]


def learnable(root: Path, apis: Sequence[str]) -> list[Correction]:
    """The accepted corrections of some APIs that nothing speaks against, and that no other one contradicts."""
    rows = [(one, remarks) for one, remarks in with_remarks(root) if one.state == "accepted" and one.api in apis]
    contradicted = {_question(one) for one, remarks in rows if any(each.startswith("contradicts") for each in remarks)}
    return [one for one, remarks in rows if not remarks and _question(one) not in contradicted]


def _question(correction: Correction) -> tuple[str, str]:
    return correction.api, " ".join(correction.instruction.casefold().split())


def divided(corrections: Sequence[Correction], apis: Mapping[str, Api], knobs: LearnParams) -> HeldApart:
    """Who teaches and who tests.

    Raises:
        InputError: too few to test anything with, or none to teach.
    """
    parts = HeldApart([], [])
    for one in corrections:
        drawn = random.Random(f"{knobs.seed}/held out/{canonical_key(one, apis[one.api])}").random()
        (parts.held_out if drawn < knobs.held_out else parts.taught).append(one)
    if len(parts.held_out) < knobs.least_held_out or not parts.taught:
        raise InputError(
            f"{len(corrections)} corrections can be learnt from, {len(parts.held_out)} of them held out; at least "
            f"{knobs.least_held_out} must be, to tell whether learning helps: collect more, or -S held_out=0.4"
        )
    return parts


def lessons(
    taught: Sequence[Correction], apis: Mapping[str, Api], index: Path, knobs: LearnParams
) -> tuple[list[Pair], int]:
    """The pairs to train on, shuffled, and how many of them are earlier training pairs.

    Args:
        index: the folder with examples-<api>.jsonl, the earlier training pairs.
    """
    pairs = [as_pair(one, apis[one.api]) for one in taught]
    for name in sorted({pair.api for pair in pairs}):
        mine = [pair for pair in pairs if pair.api == name]
        pairs += _copies(mine, apis[name], knobs) if knobs.swaps else []
    earlier = [pair for name in apis for pair in read_jsonl(index / f"examples-{name}.jsonl", Pair)]
    wanted = min(round(len(pairs) * knobs.replay / (1 - knobs.replay)), len(earlier))
    rng = generator(knobs.seed, "replayed pairs")
    mixed = pairs + rng.sample(earlier, wanted)
    rng.shuffle(mixed)
    return mixed, wanted


def _copies(pairs: Sequence[Pair], api: Api, knobs: LearnParams) -> list[Pair]:
    """Copies with other values of the records; none without records."""
    file = records_file(api.name)
    if not file.is_file():
        return []
    values = FieldValues.collect(iterate_documents(file), api.schema)
    rng = generator(knobs.seed, f"swapped values/{api.name}")
    return [copy for pair in pairs for copy in swapped_pairs(pair, api, values.draw, knobs.swaps, rng)]
