"""What is known of an answer becomes a chance; what was right more often gets a higher one."""

from __future__ import annotations

import random

import pytest

from query_assistant.engines import Completion
from query_assistant.systems.confidence import Confidence, features, fit


def answer(text: str, logprob: float | None = -1.0) -> Completion:
    return Completion(text, 9, 4, 1.0, logprob)


def test_a_value_that_was_named_and_is_not_in_the_answer_is_known() -> None:
    asked = "rs58991260 or NM_001798.5 above 0.05"
    whole = features(asked, answer("/v1/query?q=rs58991260 OR nm_001798.5 OR x:>0.05"), is_call=True)
    part = features(asked, answer("/v1/query?q=rs58991261 OR NM_001798.5"), is_call=True)
    assert (whole["named_values_missing"], part["named_values_missing"]) == (0, 2)
    assert features("cdk", answer("x"), is_call=False)["no_call"] == 1


def test_words_that_nothing_says_are_counted_and_names_among_them() -> None:
    known = features("oral CDK2 drugs", answer("x"), is_call=True, uncovered=["oral", "CDK2"])
    assert (known["words_uncovered"], known["names_uncovered"]) == (2, 1)


def test_engines_that_say_no_probability_have_none() -> None:
    assert features("a", answer("b", None), is_call=True)["logprob"] == 0


def test_chances_are_those_of_the_samples() -> None:
    rng = random.Random(3)
    samples = []
    for _ in range(2000):
        logprob = -rng.random() * 8
        known = features("a", answer("/v3/gene/1", logprob), is_call=True)
        samples.append((known, rng.random() < 1 / (1 + 2.718281828 ** (-3 - logprob))))
    found = fit(samples)
    for logprob, chance in ((-1.0, 0.88), (-3.0, 0.5), (-6.0, 0.05)):
        known = features("a", answer("/v3/gene/1", logprob), is_call=True)
        assert found.of(known) == pytest.approx(chance, abs=0.06)


def test_a_calibration_survives_its_file() -> None:
    known = features("a", answer("/v3/gene/1"), is_call=True)
    found = fit([(known, True), (features("a 1", answer("x", -9), is_call=False), False)])
    assert Confidence.model_validate_json(found.model_dump_json()).of(known) == found.of(known) > 0.5
