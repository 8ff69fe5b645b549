"""Whether anything of a test set could have been learnt by heart from the training pairs.

| kind | a training pair and a test item |
|---|---|
| `instruction` | have the same words in the same order |
| `canonical` | have exactly equivalent queries (or one of the item's alternatives) |
| `near` | nearly the same instruction, and the same values in the query: the answer could be copied |
| `benchmark` | nearly the same instruction as a benchmark item, whatever the values |
| `skeleton` | share a skeleton though the item is in the view of unseen ones |

"What is gene 1017?" in training and "What is gene 1018?" in the test of seen skeletons is no leak: nothing that was
learnt there by heart helps here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from query_assistant.apis import Api
from query_assistant.errors import LeakError
from query_assistant.records import BenchmarkItem, Pair
from query_assistant.splits.similarity import EmbedTexts, Fingerprint, fingerprint, near_pairs

LeakKind = Literal["instruction", "canonical", "near", "benchmark", "skeleton"]
_SHOWN = 3


class Divided(Protocol):
    """Training and held-out pairs."""

    @property
    def train(self) -> list[Pair]: ...
    @property
    def validation(self) -> list[Pair]: ...
    @property
    def test(self) -> list[Pair]: ...


@dataclass(frozen=True, slots=True)
class Leak:
    """One training pair and the item it gives away."""

    kind: LeakKind
    training: Pair
    held_out: Pair | BenchmarkItem
    similarity: float = 1.0

    def __str__(self) -> str:
        train, other = self.training, self.held_out
        return f"{self.kind}: {train.id} {train.instruction!r} ~ {other.id} {other.instruction!r}"


def check_leaks(
    parts: Divided,
    apis: Mapping[str, Api],
    benchmark: Sequence[BenchmarkItem],
    similarity: float,
    embed: EmbedTexts | None = None,
) -> None:
    """Nothing, if no training pair gives anything away.

    Raises:
        LeakError: naming how many leaks of each kind there are, and the first few.
    """
    leaks = find_leaks(parts.train, [*parts.validation, *parts.test], benchmark, apis, similarity, embed)
    if leaks:
        examples = "; ".join(str(leak) for leak in leaks[:_SHOWN])
        raise LeakError(
            f"{len(leaks)} leaks into training, expected none: {examples}; remove these pairs or lower the similarity"
        )


def find_leaks(
    train: Sequence[Pair],
    held_out: Sequence[Pair],
    benchmark: Sequence[BenchmarkItem],
    apis: Mapping[str, Api],
    similarity: float,
    embed: EmbedTexts | None = None,
) -> list[Leak]:
    """Every leak, each training pair and item once per kind."""
    trained = [fingerprint(pair, apis) for pair in train]
    kept = [fingerprint(pair, apis) for pair in held_out]
    written = [fingerprint(item, apis) for item in benchmark]
    leaks = _equal(trained, [*kept, *written]) + _skeletons(train, held_out)
    leaks += _near("near", trained, kept, similarity, embed)
    return leaks + _near("benchmark", trained, written, similarity, embed)


def _equal(trained: Sequence[Fingerprint], others: Sequence[Fingerprint]) -> list[Leak]:
    instructions = {(each.item.api, each.instruction): each for each in others}
    queries = {query: each for each in others for query in each.queries}
    leaks: list[Leak] = []
    for each in trained:
        same = instructions.get((each.item.api, each.instruction))
        leaks += [_leak("instruction", each, same)] if same else []
        equal = next((queries[query] for query in each.queries if query in queries), None)
        leaks += [_leak("canonical", each, equal)] if equal else []
    return leaks


def _skeletons(train: Iterable[Pair], held_out: Iterable[Pair]) -> list[Leak]:
    shapes = {(pair.api, pair.skeleton): pair for pair in train}
    unseen = [pair for pair in held_out if pair.view != "seen_skeleton"]
    return [
        Leak("skeleton", shapes[pair.api, pair.skeleton], pair)
        for pair in unseen
        if (pair.api, pair.skeleton) in shapes
    ]


def _near(
    kind: LeakKind,
    trained: Sequence[Fingerprint],
    others: Sequence[Fingerprint],
    similarity: float,
    embed: EmbedTexts | None,
) -> list[Leak]:
    same_values = (lambda one, other: one.literals == other.literals) if kind == "near" else (lambda one, other: True)
    found = near_pairs(trained, others, similarity, embed, same_values)
    return [_leak(kind, trained[one], others[other], score) for one, other, score in found]


def _leak(kind: LeakKind, trained: Fingerprint, other: Fingerprint, similarity: float = 1.0) -> Leak:
    assert isinstance(trained.item, Pair)
    return Leak(kind, trained.item, other.item, similarity)
