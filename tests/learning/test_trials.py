"""Who may answer: better on what nobody taught, beyond luck, and not worse on the rest beyond a bound."""

from __future__ import annotations

import pytest

from query_assistant.learning.knobs import LEARN_KNOBS, load_learn_params
from query_assistant.learning.trials import objection, trial
from query_assistant.project import project_root
from query_assistant.systems.learned import Trial


def compared(gained: int, lost: int, both: int = 0, neither: int = 0) -> Trial:
    old = [False] * gained + [True] * lost + [True] * both + [False] * neither
    new = [True] * gained + [False] * lost + [True] * both + [False] * neither
    ids = [f"q{number:03}" for number in range(len(old))]
    return trial(dict(zip(ids, old, strict=True)), dict(zip(ids, new, strict=True)), 1, "test")


SAME = compared(2, 2, both=80, neither=92)


@pytest.mark.parametrize(
    ("held_out", "development", "said"),
    [
        (compared(5, 0, neither=5), SAME, ""),
        (compared(12, 3), SAME, ""),
        (compared(4, 0, neither=6), SAME, "it may be luck"),
        (compared(3, 3), SAME, "no better"),
        (compared(0, 4), SAME, "no better"),
        (compared(5, 0), compared(0, 15, both=80, neither=80), "may forget too much"),
        (compared(5, 0), compared(30, 2, both=60, neither=80), ""),
        (compared(5, 0), compared(1, 2, both=2), "may forget too much"),  # too few questions to tell
    ],
)
def test_the_verdict(held_out: Trial, development: Trial, said: str) -> None:
    found = objection(held_out, development, load_learn_params(project_root() / LEARN_KNOBS))
    assert (said in found) if said else not found


def test_a_trial_counts_what_changed() -> None:
    found = compared(3, 1, both=4, neither=2)
    assert (found.items, found.before, found.after, found.gained, found.lost) == (10, 0.5, 0.7, 3, 1)
    assert found.low < 0.2 < found.high
    assert found.p_value == 0.625
