"""How good predictions are.

    results = score(read_predictions(path), read_references(other), apis, replicas)
    results.to_json()["execution"]      # the share of answers that mean and show the same
    duels({"base": one, "tuned": other})  # and whether one system really beats the other

ladder      which rung each answer reaches     errors      why it went no higher
components  how much of it is right            systems     systems against each other
text        the original's METEOR, BERTScore   files       predictions and references
results     what was found, as JSON            summary     one system's document for DVC and MLflow
"""

from __future__ import annotations

from query_assistant.scoring.files import Prediction, Reference, read_predictions, read_references
from query_assistant.scoring.ladder import score
from query_assistant.scoring.results import Item, Results
from query_assistant.scoring.systems import Duel, duels

__all__ = [
    "Duel",
    "Item",
    "Prediction",
    "Reference",
    "Results",
    "duels",
    "read_predictions",
    "read_references",
    "score",
]
