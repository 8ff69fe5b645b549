"""Score documents for tests, in which every share is the same, and what a technique is worth."""

from __future__ import annotations

from query_assistant.reporting.techniques import Effect
from query_assistant.scoring.diagnosis import COMPONENTS
from query_assistant.scoring.documents import ComponentShares, Cost, LenientShares, Score, SetScore, Shares

RUNGS = ("parsed", "valid", "exact", "canonical", "execution", "selection")

EFFECT = Effect(
    technique="rag", instead_of="closed", set="benchmark", systems=(("rag", "closed"),), questions=40, with_it=0.5,
    without=0.4, gains=(-0.1, 0.3), difference=0.1, low=0.02, high=0.2, gained=9, lost=1, p_value=0.02,
    p_corrected=0.04,
)  # fmt: skip


def score(system: str, selection: float) -> Score:
    shares = {"n": 10} | dict.fromkeys(RUNGS, selection)
    part = SetScore(
        **shares,
        by_api={"mygene": Shares(**shares)},
        components=ComponentShares(**dict.fromkeys(COMPONENTS, 1.0)),
        errors={"wrong_field": 3},
        missing=0,
        interval={"selection": (0.1, 0.9)},
        lenient=LenientShares(parsed=selection, selection=selection),
    )
    cost = Cost(answers=20, prompt_tokens_mean=99.6, answer_tokens_mean=12.0)
    return Score(system=system, confidence=0.95, cost=cost, benchmark=part, test=part)
