"""Base against fine-tuned: planted losses are found, luck is not, and every table says what it is of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from query_assistant.forgetting.comparison import Forgetting, compare_measured, numbers_of
from query_assistant.forgetting.measuring import Measured
from query_assistant.reporting.tables import forgetting_table
from query_assistant.statistics import Resampling


def measured(**values: list[float]) -> dict[str, Measured]:
    metrics = {"piqa": "acc_norm", "boolq": "acc", "wikipedia": "bits_per_byte"}
    return {
        task: Measured(task=task, items=tuple(range(len(column))), values={metrics[task]: tuple(column)})
        for task, column in values.items()
    }


def compared(base: dict[str, Measured], finetuned: dict[str, Measured]) -> Forgetting:
    return compare_measured(base, finetuned, of={"seed": 17}, seed=17, resampling=Resampling(2000, 0.95))


def test_what_was_planted_is_found() -> None:
    base = measured(piqa=[1.0] * 30 + [0.0] * 10, boolq=[1.0, 0.0] * 10, wikipedia=[1.0, 1.2, 0.9] * 10)
    tuned = measured(piqa=[1.0] * 15 + [0.0] * 24 + [1.0], boolq=[1.0, 0.0] * 10, wikipedia=[1.5, 1.6, 1.4] * 10)
    found = compared(base, tuned)

    piqa = found.tasks["piqa"]
    assert (piqa.base, piqa.finetuned, piqa.difference) == (0.75, 0.4, -0.35)
    assert (piqa.items, piqa.metric, piqa.chance, piqa.lost, piqa.gained) == (40, "acc_norm", 0.5, 15, 1)
    assert piqa.difference_interval[0] < -0.35 < piqa.difference_interval[1] < -0.15
    assert piqa.p_value == pytest.approx(2 * 17 / 2**16, abs=1e-6)  # 15 to 1, by the exact binomial

    boolq = found.tasks["boolq"]
    assert (boolq.difference, boolq.p_value, boolq.lost, boolq.gained) == (0, 1, 0, 0)

    text = found.tasks["wikipedia"]
    assert (text.chance, text.lost, text.gained) == (None, None, None)
    assert text.difference == pytest.approx(1.5 - 31 / 30, abs=1e-6)
    assert text.p_value < piqa.p_value < 0.001
    assert text.p_corrected == piqa.p_corrected == pytest.approx(3 * text.p_value, abs=1e-6)  # Holm: never falls again

    assert found.mean is not None  # of the shares alone, each task counting alike though PIQA has twice the items
    assert (found.mean.tasks, found.mean.difference) == (2, pytest.approx(-0.175, abs=1e-6))
    assert found.mean.difference_interval[1] < 0 < 0.05 > found.mean.p_value


def test_the_same_measurements_give_the_same_document() -> None:
    base, tuned = measured(piqa=[1.0, 0.0, 1.0, 1.0]), measured(piqa=[1.0, 0.0, 0.0, 1.0])
    assert compared(base, tuned) == compared(base, tuned)
    document = compared(base, tuned).model_dump(mode="json", exclude_none=True)
    assert Forgetting.model_validate(json.loads(json.dumps(document))) == compared(base, tuned)


def test_text_alone_has_no_mean_of_shares() -> None:
    assert compared(measured(wikipedia=[1.0, 2.0]), measured(wikipedia=[1.0, 2.5])).mean is None


def test_other_items_are_not_compared() -> None:
    with pytest.raises(ValueError, match="piqa: base and fine-tuned were asked different items"):
        compared(measured(piqa=[1.0]), measured(piqa=[1.0, 0.0]))


def both(call: list[float], function: list[float]) -> dict[str, Measured]:
    values = {"call": tuple(call), "function": tuple(function)}
    return {"function_calling": Measured(task="function_calling", items=(0, 1, 2), values=values)}


def test_function_calling_has_a_row_for_each_of_its_two_and_counts_once() -> None:
    found = compared(both([1, 1, 0], [1, 1, 1]), both([0, 0, 0], [1, 1, 0]))
    assert {name: (row.metric, row.difference) for name, row in found.tasks.items()} == {
        "function_calling": ("call", pytest.approx(-2 / 3, abs=1e-6)),
        "function_calling.function": ("function", pytest.approx(-1 / 3, abs=1e-6)),
    }
    assert found.mean is not None
    assert found.mean.difference == pytest.approx(-2 / 3, abs=1e-6)


def test_the_table_and_the_charts_say_it() -> None:
    base, tuned = measured(piqa=[1.0] * 4, wikipedia=[1.0] * 4), measured(piqa=[1.0, 0, 0, 0], wikipedia=[1.5] * 4)
    found = compared(base, tuned)
    lines = forgetting_table(found).splitlines()
    assert lines[2].startswith("| `piqa` | acc_norm | 4 | 50.0 | 100.0 | 25.0 | -75.0 (-100.0 to ")
    assert lines[2].endswith("| 3 | 0 |")
    assert (
        lines[3] == "| `wikipedia` | bits_per_byte | 4 |  | 1.000 | 1.500 | +0.500 (+0.500 to +0.500) | 0.001 |  |  |"
    )
    assert lines[4].startswith("| mean of 1 tasks | | | | | | -75.0 (")
    assert numbers_of(found) == {
        "forgetting/piqa_difference": -0.75,
        "forgetting/piqa_finetuned": 0.25,
        "forgetting/wikipedia_difference": 0.5,
        "forgetting/wikipedia_finetuned": 1.5,
        "forgetting/mean_difference": -0.75,
    }
    nothing: dict[str, Any] = numbers_of(Forgetting())
    assert nothing == {}
