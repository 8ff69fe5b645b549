"""Base against fine-tuned on the same questions: how much was lost, and whether by more than luck.

A row of metrics/forget.json:

    "piqa": {"metric": "acc_norm", "items": 80, "chance": 0.5,
             "base": 0.65, "base_interval": [0.54, 0.75], "finetuned": 0.6, "finetuned_interval": [0.49, 0.7],
             "difference": -0.05, "difference_interval": [-0.1, 0.0], "lost": 6, "gained": 2,
             "p_value": 0.289063, "p_corrected": 1.0}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from query_assistant.forgetting.measuring import Measured, task_file
from query_assistant.records import Record
from query_assistant.statistics import Resampling, bootstrap_intervals, holm, mcnemar, paired_bootstrap

Interval = tuple[float, float]
_DIGITS = 6


class TaskForgetting(Record):
    """What fine-tuning changed on one task.

    Attributes:
        metric: the mean of which is compared: shares of right answers, or `bits_per_byte`, of which fewer are better.
        chance: the share that guessing gets right; None where nothing is chosen.
        difference: fine-tuned less base.
        p_value: of the difference, two-sided: McNemar's exact test of right and wrong, a paired bootstrap of bits.
        p_corrected: the same for as many comparisons as there are tasks (Holm).
        lost: items that only the base gets right; `gained`: that only the fine-tuned does; None where nothing is right
            or wrong.
    """

    metric: str
    items: int
    chance: float | None
    base: float
    base_interval: Interval
    finetuned: float
    finetuned_interval: Interval
    difference: float
    difference_interval: Interval
    p_value: float
    p_corrected: float
    lost: int | None
    gained: int | None


class MeanForgetting(Record):
    """The mean of the differences of all tasks with right answers, each counting alike."""

    tasks: int
    difference: float
    difference_interval: Interval
    p_value: float


class Forgetting(Record):
    """metrics/forget.json; without tasks where nothing was measured. `of` says of what: weights, seed, versions."""

    of: dict[str, Any] = Field(default_factory=dict)
    tasks: dict[str, TaskForgetting] = Field(default_factory=dict)
    mean: MeanForgetting | None = None


def compare_measured(
    base: Mapping[str, Measured],
    finetuned: Mapping[str, Measured],
    *,
    of: Mapping[str, Any],
    seed: int,
    resampling: Resampling,
) -> Forgetting:
    """Both models side by side; each by the first metric of the task's file, function calling by its second too."""
    pairs = {name: pair for task in base for name, pair in _paired(task, base[task], finetuned[task]).items()}
    rows = {name: _row(name, *pair, seed, resampling) for name, pair in pairs.items()}
    corrected = holm({name: row["p_value"] for name, row in rows.items()})
    return Forgetting(
        of=dict(of),
        tasks={name: TaskForgetting(**row, p_corrected=round(corrected[name], _DIGITS)) for name, row in rows.items()},
        mean=_mean({name: pair for name, pair in pairs.items() if _has_right_answers(name)}, seed, resampling),
    )


def numbers_of(result: Forgetting) -> dict[str, float]:
    """The numbers for MLflow, by the names of its charts: a section `forgetting`."""
    found = {f"forgetting/{name}_difference": row.difference for name, row in result.tasks.items()}
    found |= {f"forgetting/{name}_finetuned": row.finetuned for name, row in result.tasks.items()}
    return found | ({"forgetting/mean_difference": result.mean.difference} if result.mean else {})


_Values = tuple[float, ...]


def _metrics(name: str) -> tuple[str, str]:
    """A row's task and metric: `function_calling` has a row for each of its two."""
    task, _, metric = name.partition(".")
    return task, metric or str(task_file(task)["metric_list"][0]["metric"])


def _paired(task: str, base: Measured, finetuned: Measured) -> dict[str, tuple[_Values, _Values]]:
    if base.items != finetuned.items:
        raise ValueError(f"{task}: base and fine-tuned were asked different items")
    names = [task, *(f"{task}.{metric}" for metric in list(base.values)[1:])]
    metrics = zip(names, base.values, strict=True)
    return {name: (base.values[metric], finetuned.values[metric]) for name, metric in metrics}


def _has_right_answers(name: str) -> bool:
    return "." not in name and bool(task_file(name)["metric_list"][0]["higher_is_better"])


def _row(name: str, base: _Values, finetuned: _Values, seed: int, resampling: Resampling) -> dict[str, Any]:
    task, metric = _metrics(name)
    purpose, samples = f"forget/{name}", {"base": base, "finetuned": finetuned}
    intervals = bootstrap_intervals(samples, seed=seed, purpose=purpose, resampling=resampling)
    paired = paired_bootstrap(finetuned, base, seed=seed, purpose=purpose, resamples=resampling.samples)
    row: dict[str, Any] = {
        "metric": metric,
        "items": len(base),
        "chance": task_file(task)["metadata"].get("chance"),
        "difference": _rounded(paired.difference),
        "difference_interval": (_rounded(paired.interval.low), _rounded(paired.interval.high)),
        "p_value": _rounded(paired.p_value),
        "lost": None,
        "gained": None,
    }
    for one, values in samples.items():
        row[one] = _rounded(float(np.mean(values)))
        row[f"{one}_interval"] = (_rounded(intervals[one].low), _rounded(intervals[one].high))
    if set(base) | set(finetuned) <= {0.0, 1.0}:
        test = mcnemar([value == 1 for value in base], [value == 1 for value in finetuned])
        row |= {"p_value": _rounded(test.p_value), "lost": test.left_only, "gained": test.right_only}
    return row


def _mean(pairs: Mapping[str, tuple[_Values, _Values]], seed: int, resampling: Resampling) -> MeanForgetting | None:
    """All items of all tasks drawn together, those of a task with few weighing more."""
    if not pairs:
        return None
    total = sum(len(base) for base, _ in pairs.values())
    left, right = _weighed(pairs, total, 1), _weighed(pairs, total, 0)
    found = paired_bootstrap(left, right, seed=seed, purpose="forget/mean", resamples=resampling.samples)
    return MeanForgetting(
        tasks=len(pairs),
        difference=_rounded(found.difference),
        difference_interval=(_rounded(found.interval.low), _rounded(found.interval.high)),
        p_value=_rounded(found.p_value),
    )


def _weighed(pairs: Mapping[str, tuple[_Values, _Values]], total: int, side: int) -> Sequence[float]:
    weights = {name: total / (len(pairs) * len(pair[side])) for name, pair in pairs.items()}
    return [value * weights[name] for name, pair in pairs.items() for value in pair[side]]


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
