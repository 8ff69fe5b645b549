"""Old and new weights on the same questions, and whether the new ones may answer from now on."""

from __future__ import annotations

from collections.abc import Mapping

from query_assistant.learning.knobs import LearnParams
from query_assistant.statistics import mcnemar, paired_bootstrap
from query_assistant.systems.learned import Trial


def trial(before: Mapping[str, bool], after: Mapping[str, bool], seed: int, purpose: str) -> Trial:
    """How two sets of weights compare, from whether each question was answered right, by id."""
    asked = sorted(before)
    old, new = [before[one] for one in asked], [after[one] for one in asked]
    test = mcnemar(new, old)
    gain = paired_bootstrap([float(one) for one in new], [float(one) for one in old], seed=seed, purpose=purpose)
    return Trial(
        items=len(asked),
        before=_share(old),
        after=_share(new),
        gained=test.left_only,
        lost=test.right_only,
        low=round(gain.interval.low, 4),
        high=round(gain.interval.high, 4),
        p_value=round(test.p_value, 6),
    )


def _share(right: list[bool]) -> float:
    return round(sum(right) / len(right), 4) if right else 0.0


def objection(held_out: Trial, development: Trial, knobs: LearnParams) -> str:
    """Why the new weights must not answer; empty where they may.

    They may if they are better on the corrections that nobody taught them, by the paired test, and what they may have
    forgotten stays within the bound at the worst end of its interval.
    """
    if held_out.gained <= held_out.lost:
        return f"no better on held-out corrections: {_told(held_out)}"
    if held_out.p_value > knobs.significance:
        return f"better on held-out corrections, but it may be luck: {_told(held_out)}, p = {held_out.p_value:.3f}"
    if development.low < -knobs.most_loss:
        worst, bound = -100 * development.low, 100 * knobs.most_loss
        lost = f"up to {worst:.1f} points of the development set, {bound:.1f} allowed"
        return f"may forget too much: {lost}; {_told(development)}"
    return ""


def _told(result: Trial) -> str:
    shares = f"{100 * result.before:.0f}% before, {100 * result.after:.0f}% after"
    return f"{shares} on {result.items} questions ({result.gained} gained, {result.lost} lost)"
