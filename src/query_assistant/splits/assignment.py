"""Which pair goes where. Whole skeletons are held out, so that validation and half of the test ask for shapes that
training has never seen; the other half of the test asks for seen shapes with new values.

All instructions of a query go the same way. What a skeleton draws depends on the seed and on itself alone, so new pairs
never move an unseen skeleton or a validation pair to another part. What a shared model was taught stays in training.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from query_assistant.apis import Api
from query_assistant.records import BenchmarkItem, Pair, View
from query_assistant.retrieval.linking import mark
from query_assistant.splits.leaks import find_leaks
from query_assistant.splits.similarity import EmbedTexts, canonical_key

Shape = tuple[str, str]  # API and skeleton
Place = tuple[Literal["train", "validation", "test"], View | None]
TRAIN: Place = ("train", None)


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """`test_fraction` and `validation_fraction` are of all pairs; `seen_share` is the part of the test with seen
    skeletons. `similarity`: from here on two instructions are near (lower: stricter, drops more training pairs).
    """

    test_fraction: float = 0.1
    validation_fraction: float = 0.05
    seen_share: float = 0.5
    similarity: float = 0.95
    seed: int = 1


@dataclass
class SplitReport:
    """How many pairs each part has, and how many left training because of which leak."""

    train: int = 0
    validation: int = 0
    test_seen_skeleton: int = 0
    test_unseen_skeleton: int = 0
    skeletons: dict[str, int] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)
    removed_examples: dict[str, str] = field(default_factory=dict)


@dataclass
class Parts:
    """The three parts, each in the order of the pairs given."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    report: SplitReport = field(default_factory=SplitReport)


def split(
    pairs: Sequence[Pair],
    apis: Mapping[str, Api],
    benchmark: Sequence[BenchmarkItem],
    settings: SplitSettings,
    embed: EmbedTexts | None = None,
    taught: frozenset[str] = frozenset(),
) -> Parts:
    """The parts; training pairs that give away a test, validation or benchmark item are removed and counted.

    Args:
        taught: marks of the queries that a shared model was trained on (`retrieval.linking.mark`); none of them nor
            of their skeletons is held out as unseen.
    """
    parts = _assigned(pairs, apis, settings, taught)
    held_out = [*parts.validation, *parts.test]
    leaks = find_leaks(parts.train, held_out, benchmark, apis, settings.similarity, embed)
    for leak in leaks:
        parts.report.removed_examples.setdefault(leak.kind, str(leak))
    reasons = {leak.training.id: leak.kind for leak in reversed(leaks)}
    parts.report.removed = Counter(reasons.values())
    parts.train = [pair for pair in parts.train if pair.id not in reasons]
    return _orphans_told(parts)


def _assigned(pairs: Sequence[Pair], apis: Mapping[str, Api], settings: SplitSettings, taught: frozenset[str]) -> Parts:
    shapes: dict[Shape, dict[str, list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        shapes[pair.api, pair.skeleton][canonical_key(pair, apis[pair.api])].append(pair)
    known = {
        (shape, key)
        for shape, queries in shapes.items()
        for key, group in queries.items()
        if any(mark(pair) in taught for pair in group)
    }
    places = {shape: _of_shape(shape, settings) for shape in shapes} | {shape: TRAIN for shape, _ in known}
    place = {pair.id: places[shape] for shape in shapes for group in shapes[shape].values() for pair in group}
    trained = {shape: queries for shape, queries in shapes.items() if places[shape] == TRAIN}
    wanted = round(settings.test_fraction * settings.seen_share * sum(map(len, shapes.values())))
    for shape, key in _given_up(trained, known, wanted, settings.seed):
        place.update({pair.id: ("test", "seen_skeleton") for pair in shapes[shape][key]})
    parts = Parts([], [], [])
    for pair in pairs:
        part, view = place[pair.id]
        kept = pair if view is None else pair.model_copy(update={"view": view})
        {"train": parts.train, "validation": parts.validation, "test": parts.test}[part].append(kept)
    return parts


def _of_shape(shape: Shape, settings: SplitSettings) -> Place:
    """Where a whole skeleton goes."""
    draw = _draw(settings.seed, *shape)
    unseen = settings.test_fraction * (1 - settings.seen_share)
    if draw < unseen:
        return ("test", "unseen_skeleton")
    return ("validation", None) if draw < unseen + settings.validation_fraction else TRAIN


def _given_up(
    trained: Mapping[Shape, Mapping[str, list[Pair]]], known: Container[tuple[Shape, str]], wanted: int, seed: int
) -> list[tuple[Shape, str]]:
    """Queries that training skeletons give up to the seen view: as many as wanted, at most every second one of each."""
    free = {
        shape: sorted(queries, key=lambda key, shape=shape: _draw(seed, *shape, key))[: len(queries) // 2]  # type: ignore[misc]
        for shape, queries in trained.items()
    }
    offered = sorted(
        ((shape, key) for shape, keys in free.items() for key in keys if (shape, key) not in known),
        key=lambda each: _draw(seed, "seen", *each[0], each[1]),
    )
    return offered[:wanted]


def _draw(seed: int, *what: str) -> float:
    """A number from 0 to 1 that depends on its arguments alone."""
    digest = hashlib.sha256("\0".join([str(seed), *what]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _orphans_told(parts: Parts) -> Parts:
    """Test pairs whose skeleton left training with the leaks are in the unseen view now; then the report is filled."""
    trained = {(pair.api, pair.skeleton) for pair in parts.train}
    parts.test = [
        pair if (pair.api, pair.skeleton) in trained else pair.model_copy(update={"view": "unseen_skeleton"})
        for pair in parts.test
    ]
    views = Counter(pair.view for pair in parts.test)
    parts.report.train = len(parts.train)
    parts.report.validation = len(parts.validation)
    parts.report.test_seen_skeleton = views["seen_skeleton"]
    parts.report.test_unseen_skeleton = views["unseen_skeleton"]
    named = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    parts.report.skeletons = {name: len({(pair.api, pair.skeleton) for pair in part}) for name, part in named.items()}
    return parts
