"""How sure an answer is: the chance that its query means the right records, as the development set taught it.

    confidence = fit([(features("cdk2 in mice", response, is_call=True), True), ...])
    confidence.of(features("cdk4 in rats", other, is_call=True))       # 0.71

Logistic regression over what is known of an answer without knowing the right one. Nothing here is about any one API.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from query_assistant.records import Record

CALIBRATION = "confidence.json"
PENALTY = 1.0  # on the square of each weight, of standardised features; higher: less trust in any of them
OF_THE_SAMPLE = ("finds_records", "hits")  # features that say as much of the replica's sample as of the answer
_MARKED = re.compile(r"\w*\d[\w.:>*-]*\w|\d")  # identifiers, accessions, numbers
_NAME = re.compile(r"[A-Z][A-Z0-9]+")  # symbols of genes, short names of drugs and sources


class Answered(Protocol):
    """An answer with what its engine said of it."""

    @property
    def text(self) -> str: ...
    @property
    def answer_tokens(self) -> int: ...
    @property
    def logprob(self) -> float | None: ...


def features(
    instruction: str,
    answer: Answered,
    *,
    is_call: bool,
    share: float = 1.0,
    hits: int | None = None,
    uncovered: Sequence[str] = (),
) -> dict[str, float]:
    """What is known of an answer: its probability, whole and a token, its form, and whether it says what was asked.

    Args:
        share: of all answers given to the question, those that mean the same as this one.
        uncovered: words of the question that nothing in the query says (`verbalising.coverage`).
        hits: records that it finds in the replica; None, where there is no replica, says nothing for or against it.
    """
    logprob, tokens = answer.logprob or 0.0, max(answer.answer_tokens, 1)
    named = [word.casefold() for word in _MARKED.findall(instruction)]
    held = sum(word in answer.text.casefold() for word in named)
    found = {} if hits is None else {"finds_records": float(hits > 0), "hits": math.log10(1 + hits)}
    return found | {
        "share": share,
        "logprob": max(logprob, -50.0),
        "logprob_a_token": max(logprob / tokens, -5.0),
        "named_values_missing": float(len(named) - held),
        "words_uncovered": float(min(len(uncovered), 10)),
        "names_uncovered": float(sum(bool(_NAME.fullmatch(word)) for word in uncovered)),
        "no_call": float(not is_call),
        "words": min(len(instruction.split()), 40) / 10,
    }


class Confidence(Record):
    """A calibration. `center` and `scale` make features comparable before `weights` count.

    `given` is one of its own for the answer that is given in the end: what tells a question's answers apart is not what
    tells right answers to different questions from wrong ones.
    """

    intercept: float
    center: dict[str, float]
    scale: dict[str, float]
    weights: dict[str, float]
    given: Confidence | None = None

    def of_given(self, known: Mapping[str, float]) -> float:
        """The chance that an answer is right that was given."""
        return (self.given or self).of(known)

    def of(self, known: Mapping[str, float]) -> float:
        """The chance that the answer is right, from 0 to 1."""
        total = self.intercept + sum(
            weight * (known[name] - self.center[name]) / self.scale[name]
            for name, weight in self.weights.items()
            if name in known
        )
        return float(1 / (1 + np.exp(-total)))


def fit(samples: Sequence[tuple[Mapping[str, float], bool]]) -> Confidence:
    """The calibration that makes the samples most probable, each (features, was it right)."""
    from scipy.optimize import minimize

    names = sorted(samples[0][0])
    table = np.array([[known[name] for name in names] for known, _ in samples])
    right = np.array([float(was) for _, was in samples])
    center, scale = table.mean(axis=0), table.std(axis=0)
    scale = np.maximum(scale, 0.001)  # what never varies says nothing
    normal = np.column_stack([np.ones(len(samples)), (table - center) / scale])

    def loss(weights: Any) -> Any:
        scores = normal @ weights
        return np.logaddexp(0, scores).sum() - right @ scores + PENALTY * (weights[1:] ** 2).sum() / 2

    found = minimize(loss, np.zeros(normal.shape[1]), method="BFGS").x
    return Confidence(
        intercept=round(float(found[0]), 4),
        center={name: round(float(value), 4) for name, value in zip(names, center, strict=True)},
        scale={name: round(float(value), 4) for name, value in zip(names, scale, strict=True)},
        weights={name: round(float(value), 4) for name, value in zip(names, found[1:], strict=True)},
    )
