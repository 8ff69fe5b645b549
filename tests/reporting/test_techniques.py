"""What a technique is worth, on answers few enough to count by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.reporting.tables import techniques_table
from query_assistant.reporting.techniques import (
    Verdicts,
    all_twins,
    effect_figures,
    effects,
    levers,
    read_effects,
    verdicts,
)
from reporting.scores import EFFECT

START = "finetuned-few_shot-rag-chosen"
GREEDY = "finetuned-few_shot-rag-grammar"


def asked(**right: str) -> list[Verdicts]:
    """A question a letter: `r` where the system named `a_b` (for `a-b`) is right."""
    columns = {name.replace("__", "-"): marks for name, marks in right.items()}
    length = len(next(iter(columns.values())))
    return [Verdicts(at, {name: marks[at] == "r" for name, marks in columns.items()}) for at in range(length)]


def test_each_lever_takes_one_thing_away_and_all_but_the_first_from_the_system_that_answers_once() -> None:
    grid = product(["base", "finetuned"], ["zero_shot", "few_shot"], ["closed", "rag"], ["free", "grammar", "chosen"])
    assert levers(START, ["-".join(words) for words in grid]) == {
        "chosen": [(START, GREEDY)],
        "grammar": [(GREEDY, "finetuned-few_shot-rag-free")],
        "rag": [(GREEDY, "finetuned-few_shot-closed-grammar")],
        "few_shot": [(GREEDY, "finetuned-zero_shot-rag-grammar")],
        "finetuned": [(GREEDY, "base-few_shot-rag-grammar")],
    }


def test_a_lever_without_the_answers_of_both_systems_is_no_row() -> None:
    assert levers(START, [GREEDY, "base-few_shot-rag-grammar", "base-few_shot-rag-chosen"]) == {
        "finetuned": [(GREEDY, "base-few_shot-rag-grammar")]
    }
    assert levers(START, [START]) == {}


def test_a_difference_is_paired_and_its_p_value_corrected_for_the_number_of_rows() -> None:
    """4 against 1 question: p = 2 (1 + 5) / 2 ** 5. 6 against none: p = 2 / 2 ** 6, doubled as the smaller of two."""
    questions = asked(finetuned__x="rrrrrrrr....", base__x="..rrrr..r...", finetuned__y="rr..........")
    more = asked(few_shot__z="rrrrrrrr....", zero_shot__z="......rr....")
    merged = [Verdicts(one.group, {**one.right, **other.right}) for one, other in zip(questions, more, strict=True)]
    twins = all_twins(list(merged[0].right))
    assert twins == {"finetuned": [("finetuned-x", "base-x")], "few_shot": [("few_shot-z", "zero_shot-z")]}
    tuned, shown = effects(twins, {"benchmark": merged})
    assert (tuned.gained, tuned.lost, tuned.questions) == (4, 1, 12)
    assert (tuned.with_it, tuned.without, tuned.difference) == (0.666667, 0.416667, 0.25)
    assert (tuned.p_value, tuned.p_corrected) == (0.375, 0.375)
    assert (shown.gained, shown.lost, shown.difference) == (6, 0, 0.5)
    assert (shown.p_value, shown.p_corrected) == (0.03125, 0.0625)
    assert tuned.low < 0.25 < tuned.high
    assert effect_figures([shown]) == {
        "technique/few_shot": 0.5,
        "technique/few_shot_low": shown.low,
        "technique/few_shot_high": shown.high,
        "technique/few_shot_p": 0.0625,
    }


def test_a_question_that_several_pairs_answered_counts_once() -> None:
    """Better in both pairs, better in one, better in one and worse in the other, the same in both."""
    questions = asked(rag__x="rr.r", closed__x="..rr", rag__y="r.r.", closed__y="....")
    twins = {"rag": [("rag-x", "closed-x"), ("rag-y", "closed-y")]}
    (found,) = effects(twins, {"benchmark": questions})
    assert found.gains == (0.25, 0.5)
    assert (found.difference, found.gained, found.lost, found.p_value) == (0.375, 2, 0, 0.5)


def test_wordings_of_one_query_are_one_observation_of_the_interval() -> None:
    """Twenty questions of two queries, one gained and one the same: by query the gain may as well be none or all."""
    twins = {"rag": [("rag", "closed")]}
    alone = [Verdicts(at, {"rag": True, "closed": at >= 10}) for at in range(20)]
    grouped = [Verdicts(at >= 10, one.right) for at, one in enumerate(alone)]
    (apart,), (together,) = (effects(twins, {"test": questions}) for questions in (alone, grouped))
    assert (apart.difference, together.difference) == (0.5, 0.5)
    assert 0 < apart.low < apart.high < 1
    assert (together.low, together.high) == (0.0, 1.0)
    assert (apart.verdict, together.verdict) == ("better with it", "not told apart")


def test_only_what_all_compared_systems_were_asked_counts() -> None:
    both = Verdicts("a", {"rag": True, "closed": False})
    assert [
        one.questions for one in effects({"rag": [("rag", "closed")]}, {"test": [both, Verdicts("b", {"rag": True})]})
    ] == [1]
    assert effects({"rag": [("rag", "closed")]}, {"test": [Verdicts("b", {"rag": True})]}) == []


def test_rows_of_systems_become_questions_the_benchmark_first() -> None:
    row = {"set": "test", "id": "t1", "api": "mygene", "group": "q", "relation": "selection"}
    other = {**row, "set": "benchmark", "id": "b1"}
    found = verdicts({"one": [row, other], "two": [{**row, "relation": "different"}]})
    assert list(found) == ["benchmark", "test"]
    assert found["test"] == [Verdicts(("mygene", "q"), {"one": True, "two": False})]
    assert found["benchmark"] == [Verdicts(("mygene", "q"), {"one": True})]


@pytest.mark.parametrize(
    ("turned", "verdict"),
    [
        ({}, "better with it"),
        ({"difference": -0.1, "low": -0.2, "high": -0.02}, "worse with it"),
        ({"low": -0.02}, "not told apart"),
        ({"low": 0.0}, "not told apart"),
        ({"p_corrected": 0.05}, "not told apart"),
    ],
)
def test_what_may_be_luck_is_called_so(turned: dict[str, float], verdict: str) -> None:
    assert EFFECT.model_copy(update=turned).verdict == verdict


def test_the_table_of_techniques_shows_how_sure_each_gain_is() -> None:
    test = EFFECT.model_copy(update={"set": "test", "low": -0.02, "p_corrected": 0.0004})
    assert techniques_table([EFFECT, test]).splitlines() == [
        "| technique | instead of | pairs of systems | mean gain, points (95% interval) | smallest | largest "
        "| p, corrected | benchmark | test split: mean (95% interval) | p, corrected |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |",
        "| `rag` | `closed` | 2 | +10.0 (+2.0 to +20.0) | -10.0 | +30.0 | 0.040 | better with it "
        "| +10.0 (-2.0 to +20.0) | <0.001 |",
    ]
    assert techniques_table([EFFECT]).splitlines()[2].endswith("| 0.040 | better with it |")


@pytest.mark.parametrize("text", [None, "{}", "not JSON"])
def test_a_comparison_that_is_not_there_or_something_else_is_named(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "techniques.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"techniques\.json.*run `dvc repro score`"):
        read_effects(path)
