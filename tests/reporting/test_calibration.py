"""What a calibration is said to be worth is measured on answers it was not taught by."""

from __future__ import annotations

import random

from query_assistant.reporting.calibration import Weighed, cross_validated, figures, fitted


def asked(count: int, *, telling: bool) -> list[list[Weighed]]:
    """Questions of one reading each."""
    rng = random.Random(5)
    samples = []
    for _ in range(count):
        right = rng.random() < 0.5
        logprob = (-1.0 if right else -4.0) + rng.random() if telling else -rng.random()
        samples.append([Weighed({"logprob": logprob, "noise": rng.random()}, right)])
    return samples


def test_features_that_tell_right_from_wrong_make_the_surest_half_right() -> None:
    found = figures(*zip(*cross_validated(asked(100, telling=True)), strict=True))
    assert found["right_of_surest_quarter"] == 1.0
    assert found["brier"] < 0.05


def test_features_that_tell_nothing_are_not_said_to_help() -> None:
    found = figures(*zip(*cross_validated(asked(400, telling=False)), strict=True))
    assert abs(found["right_of_surest_half"] - found["right"]) < 0.08
    assert found["brier"] > 0.24


def test_the_likeliest_reading_of_a_question_is_the_one_that_counts() -> None:
    rng = random.Random(7)
    questions = []
    for _ in range(100):
        logprobs = [-1 - rng.random(), -4 - rng.random()]
        questions.append(
            [Weighed({"logprob": one}, at == 0) for at, one in enumerate(logprobs)][:: rng.choice((1, -1))]
        )
    assert all(right for _, right in cross_validated(questions))


def test_how_sure_a_given_answer_is_says_nothing_of_the_sample() -> None:
    known = {"logprob": -1.0, "finds_records": 1.0, "hits": 2.0}
    worse = {"logprob": -3.0, "finds_records": 0.0, "hits": 0.0}
    found = fitted([[Weighed(known, True), Weighed(worse, False)], [Weighed(worse, False)]])
    assert found.given is not None and set(found.given.weights) == {"logprob"}
    assert found.of_given(known) == found.given.of(known) != found.of(known)
