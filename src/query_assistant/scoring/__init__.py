"""How good predictions are.

    results = score(read_predictions(path), read_references(other), apis, replicas)
    results.share("selection")            # the share of answers that mean the same records
    judge = Judge(apis, replicas)         # for several systems: what they share is read and judged once
    duels({"base": one, "tuned": other})  # whether one system really beats the other

files       predictions and references       ladder      which rung each answer reaches
diagnosis   how much is right, what is wrong results     shares, intervals, duels
documents   the JSON that is written         text        the original's METEOR, BERTScore
"""

from __future__ import annotations

from query_assistant.scoring.files import Prediction, Reference, read_predictions, read_references
from query_assistant.scoring.ladder import Judge, score
from query_assistant.scoring.results import Duel, Results, ScoredAnswer, duels

__all__ = [
    "Duel",
    "Judge",
    "Prediction",
    "Reference",
    "Results",
    "ScoredAnswer",
    "duels",
    "read_predictions",
    "read_references",
    "score",
]
