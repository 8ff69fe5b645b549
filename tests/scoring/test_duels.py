from __future__ import annotations

import pytest

from query_assistant.errors import InputError
from query_assistant.judging.comparison import Relation
from query_assistant.scoring import Results, duels
from query_assistant.scoring.diagnosis import Components
from query_assistant.scoring.results import ScoredAnswer


def results(relations: str, f1: float = 0.5) -> Results:
    """One letter an item: e is execution, s selection, d different."""
    names: dict[str, Relation] = {"e": "execution", "s": "selection", "d": "different"}
    parts = Components(1.0, f1, 1.0, 1.0)
    return Results(
        tuple(
            ScoredAnswer(str(n), "mygene", names[one], None, str(n), components=parts)
            for n, one in enumerate(relations)
        )
    )


def test_a_duel_counts_the_items_that_only_one_side_has_right():
    (duel,) = duels({"base": results("edddde"), "tuned": results("eeeese")})
    assert (duel.left, duel.right, duel.metric) == ("base", "tuned", "execution")
    assert (duel.left_only, duel.right_only) == (0, 3)
    assert duel.difference == pytest.approx(-0.5)
    assert duel.p_value == duel.p_holm == 0.25  # 2 * (1/2)**3
    assert duel.interval.low <= duel.difference <= duel.interval.high


def test_the_same_answers_differ_by_nothing():
    (duel,) = duels({"a": results("esd"), "b": results("esd")})
    assert (duel.difference, duel.p_value) == (0.0, 1.0)


def test_all_pairs_on_all_metrics_are_corrected_together():
    systems = {"a": results("e" * 10), "b": results("d" * 10), "c": results("d" * 10)}
    found = duels(systems, ("execution", "selection"))
    assert [(duel.left, duel.right, duel.metric) for duel in found] == [
        ("a", "b", "execution"),
        ("a", "b", "selection"),
        ("a", "c", "execution"),
        ("a", "c", "selection"),
        ("b", "c", "execution"),
        ("b", "c", "selection"),
    ]
    assert found[0].p_value == 2 / 2**10
    assert found[0].p_holm == 6 * 2 / 2**10
    assert found[-1].p_holm == 1.0


def test_an_f1_is_judged_by_the_bootstrap_as_answers_may_be_half_right():
    (duel,) = duels({"a": results("d" * 20, 0.75), "b": results("d" * 20, 0.5)}, ("clauses_f1",))
    assert (duel.left_only, duel.right_only) == (0, 0)
    assert duel.difference == pytest.approx(0.25)
    assert duel.p_value < 0.001


def test_systems_scored_on_other_items_are_refused_with_the_odd_one_named():
    one = results("ee")
    with pytest.raises(InputError, match="a and b were not scored on the same items \\('2' is in one only\\)"):
        duels({"a": one, "b": results("eee")})
    with pytest.raises(InputError, match="their order differs"):
        duels({"a": one, "b": Results(one.answers[::-1])})
