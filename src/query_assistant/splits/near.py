"""Pairs of instructions that nearly say the same, found without comparing every one with every other.

Two instructions are near when the shorter's word trigrams are (almost) all in the longer, or when their sentence
embeddings point (almost) the same way. Candidates come from an inverted index of words, rare ones first, so that the
work grows with the number of likely pairs and not with the product of the sizes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from query_assistant.splits.fingerprints import Fingerprint, containment, overlap

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

RARE_WORDS = 4
LEAST_OVERLAP = 0.3


def candidates(left: Sequence[Fingerprint], right: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Index pairs of instructions of one API that share a rare word and enough of the others."""
    spread: Counter[str] = Counter(token for each in right for token in each.tokens)
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, each in enumerate(right):
        for token in _rarest(each, spread):
            index[each.item.api, token].append(position)
    for position, each in enumerate(left):
        shared = {other for token in each.tokens for other in index.get((each.item.api, token), ())}
        for other in sorted(shared):
            if overlap(each, right[other]) >= LEAST_OVERLAP:
                yield position, other


def near_pairs(
    left: Sequence[Fingerprint],
    right: Sequence[Fingerprint],
    similarity: float,
    embed: Embed | None,
    among: Callable[[Fingerprint, Fingerprint], bool] = lambda one, other: True,
) -> Iterator[tuple[int, int, float]]:
    """Index pairs at or above `similarity` (0 to 1), with the higher of containment and cosine.

    `among` narrows what is compared at all; without `embed` only containment counts.
    """
    drawn = [(one, other) for one, other in candidates(left, right) if among(left[one], right[other])]
    cosines = _cosines(left, right, drawn, embed)
    for (one, other), cosine in zip(drawn, cosines, strict=True):
        score = max(containment(left[one], right[other]), cosine)
        if score >= similarity:
            yield one, other, score


def _cosines(
    left: Sequence[Fingerprint], right: Sequence[Fingerprint], drawn: list[tuple[int, int]], embed: Embed | None
) -> list[float]:
    """The cosine of each drawn pair; only what was drawn is embedded, each text once."""
    if embed is None or not drawn:
        return [0.0] * len(drawn)
    texts = sorted(
        {side[each].item.instruction for pair in drawn for side, each in zip((left, right), pair, strict=True)}
    )
    place = {text: position for position, text in enumerate(texts)}
    vectors = np.asarray(embed(texts), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    ones = [place[left[one].item.instruction] for one, _ in drawn]
    others = [place[right[other].item.instruction] for _, other in drawn]
    return [float(value) for value in np.einsum("ij,ij->i", vectors[ones], vectors[others])]


def _rarest(each: Fingerprint, spread: Counter[str]) -> list[str]:
    return sorted(each.tokens, key=lambda token: (spread[token], token))[:RARE_WORDS]
