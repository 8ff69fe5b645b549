"""What a calibration is said to be worth is measured on answers it was not taught by."""

from __future__ import annotations

import random

from query_assistant.reporting.calibration import Known, cross_validated, figures


def known(count: int, *, telling: bool) -> list[Known]:
    rng = random.Random(5)
    samples = []
    for _ in range(count):
        right = rng.random() < 0.5
        logprob = (-1.0 if right else -4.0) + rng.random() if telling else -rng.random()
        samples.append(({"logprob": logprob, "noise": rng.random()}, right))
    return samples


def test_features_that_tell_right_from_wrong_make_the_surest_half_right() -> None:
    samples = known(100, telling=True)
    found = figures(cross_validated(samples), [right for _, right in samples])
    assert found["right_of_surest_quarter"] == 1.0
    assert found["brier"] < 0.05


def test_features_that_tell_nothing_are_not_said_to_help() -> None:
    samples = known(400, telling=False)
    found = figures(cross_validated(samples), [right for _, right in samples])
    assert abs(found["right_of_surest_half"] - found["right"]) < 0.08
    assert found["brier"] > 0.24
