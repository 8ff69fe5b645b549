"""Score documents as tables: Markdown for people, CSV for spreadsheets and JSON for `dvc metrics`.

Times are no part of them: the same scores give the same bytes, on any machine.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from query_assistant.forgetting.comparison import Forgetting, Interval, TaskForgetting
from query_assistant.reporting.techniques import AnswerFigures, Effect, all_twins
from query_assistant.scoring.diagnosis import ErrorClass
from query_assistant.scoring.documents import Score, read_score

RUNGS = ("valid", "exact", "canonical", "execution", "selection")
INTERVAL = "(95% interval)"  # of a paired difference


def read_scores(paths: Sequence[Path]) -> list[Score]:
    """The documents of metrics/score/, the best on the benchmark last."""
    return sorted(map(read_score, paths), key=_merit)


def _merit(score: Score) -> tuple[float, float, str]:
    return score.benchmark.selection, (score.test or score.benchmark).selection, score.system


def systems_table(scores: Sequence[Score]) -> str:
    """A Markdown table, a row per system: shares in percent, on the benchmark and, where said, on the test split."""
    columns = ["system", *RUNGS[:-1], f"selection ({interval_level(scores)} interval)", "prompt tokens"]
    if scores[0].test:
        columns.insert(-1, "test split: selection")
    return _markdown([columns, ["---", *["---:"] * (len(columns) - 1)], *map(_row, scores)])


def _row(score: Score) -> list[str]:
    low, high = score.benchmark.interval["selection"]
    shares = [_percent(getattr(score.benchmark, rung)) for rung in RUNGS]
    shares[-1] += f" ({_percent(low)} to {_percent(high)})"
    test = [_percent(score.test.selection)] if score.test else []
    return [f"`{score.system}`", *shares, *test, f"{score.cost.prompt_tokens_mean:.0f}"]


def interval_level(scores: Sequence[Score]) -> str:
    """How sure the intervals are, such as `95%`."""
    return f"{100 * scores[0].confidence:g}%"


def api_table(scores: Sequence[Score]) -> str:
    """A Markdown table of selection on the benchmark, one column per API."""
    names = sorted(scores[0].benchmark.by_api)
    lines = [f"| system | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for score in scores:
        cells = (_percent(score.benchmark.by_api[name].selection) for name in names)
        lines.append(f"| `{score.system}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def techniques_table(effects: Sequence[Effect]) -> str:
    """A Markdown table of what each technique adds to selection: percentage points, over all pairs of systems."""
    tested = any(one.set == "test" for one in effects)
    columns = ["technique", "instead of", "pairs of systems", f"mean gain, points {INTERVAL}", "smallest", "largest"]
    columns += ["p, corrected", "benchmark", *[f"test split: mean {INTERVAL}", "p, corrected"] * tested]
    lines = [columns, ["---", "---", *["---:"] * 5, "---", *["---:", "---:"] * tested]]
    test = {one.technique: one for one in effects if one.set == "test"}
    for one in (one for one in effects if one.set == "benchmark"):
        ends = [f"{100 * end(one.gains):+.1f}" for end in (min, max)]
        line = [
            f"`{one.technique}`",
            f"`{one.instead_of}`",
            str(len(one.gains)),
            _gain(one),
            *ends,
            _p(one),
            one.verdict,
        ]
        also = test.get(one.technique)
        lines.append([*line, *((_gain(also), _p(also)) if also else ("", "")) * tested])
    return _markdown(lines)


def levers_table(effects: Sequence[Effect], figures: Mapping[tuple[str, str], AnswerFigures]) -> str:
    """A Markdown table, a row per lever and test set: one system with it, one without; shares in percent.

    Args:
        figures: what else is shown, by set and system.
    """
    columns = ["lever", "instead of", "on", "right with it", "without", f"difference, points {INTERVAL}"]
    columns += ["gained / lost", "p, corrected", "valid with / without", "seconds with / without", "verdict"]
    lines = [columns, ["---", "---", "---", *["---:"] * 7, "---"]]
    for one in effects:
        both = [figures[one.set, system] for system in one.systems[0]]
        where = f"{one.questions} of the {'benchmark' if one.set == 'benchmark' else 'test split'}"
        shares = [_percent(one.with_it), _percent(one.without), _gain(one), f"{one.gained} / {one.lost}", _p(one)]
        valid, seconds = (
            " / ".join(each) for each in ([_percent(of.valid) for of in both], [f"{of.seconds:.2f}" for of in both])
        )
        lines.append([f"`{one.technique}`", f"`{one.instead_of}`", where, *shares, valid, seconds, one.verdict])
    return _markdown(lines)


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _gain(effect: Effect) -> str:
    return _change(effect.difference, (effect.low, effect.high), 100)


def _p(effect: Effect) -> str:
    return "<0.001" if effect.p_corrected < 0.001 else f"{effect.p_corrected:.3f}"


def forgetting_table(result: Forgetting) -> str:
    """A Markdown table of what fine-tuning changed elsewhere: shares in percent, differences in points."""
    lines = [
        "| task | metric | items | chance | base | fine-tuned | difference (interval) | p, corrected | lost | gained |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_forgetting_row(name, row) for name, row in result.tasks.items()),
    ]
    if mean := result.mean:
        change = _change(mean.difference, mean.difference_interval, 100)
        lines.append(f"| mean of {mean.tasks} tasks | | | | | | {change} | {mean.p_value:.3f} | | |")
    return "\n".join(lines) + "\n"


def _forgetting_row(name: str, row: TaskForgetting) -> str:
    factor = 1 if row.lost is None else 100
    written = (lambda value: f"{value:.3f}") if factor == 1 else _percent
    chance = _percent(row.chance) if row.chance else ""
    change = _change(row.difference, row.difference_interval, factor)
    counts = ["" if count is None else str(count) for count in (row.lost, row.gained)]
    cells = [row.metric, str(row.items), chance, written(row.base), written(row.finetuned), change]
    return f"| `{name}` | {' | '.join([*cells, f'{row.p_corrected:.3f}', *counts])} |"


def _change(difference: float, interval: Interval, factor: int) -> str:
    digits = 1 if factor == 100 else 3
    low, high = interval
    return f"{factor * difference:+.{digits}f} ({factor * low:+.{digits}f} to {factor * high:+.{digits}f})"


def gains(scores: Sequence[Score], name: str = "benchmark") -> dict[str, list[float]]:
    """For each technique, selection with it less selection without it, for every two systems otherwise alike."""
    shares = {score.system: score.sets[name].selection for score in scores}
    return {
        technique: [shares[system] - shares[without] for system, without in pairs]
        for technique, pairs in all_twins(list(shares)).items()
    }


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """The few numbers to compare experiments by, as shares: the best system's selection, and each technique's gain."""
    best = scores[-1]
    numbers = {"best_selection": best.benchmark.selection}
    numbers |= {"best_test": best.test.selection} if best.test else {}
    numbers |= {f"gain_{technique}": fmean(found) for technique, found in gains(scores).items()}
    return {name: round(value, 4) for name, value in numbers.items()}


def headline(score: Score) -> dict[str, float]:
    """A system's row of `dvc metrics show`: short enough that `dvc exp diff` of all systems fits on a screen."""
    part = score.benchmark
    numbers = {"n": part.n, "selection": part.selection, "valid": part.valid}
    return numbers | ({"test_selection": score.test.selection} if score.test else {})


def write_systems(scores: Sequence[Score], path: Path) -> None:
    """A row per system, for spreadsheets: shares on the benchmark and (`test_`) the test split."""
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, list(_flat_row(scores[0])), lineterminator="\n")
        rows.writeheader()
        rows.writerows(_flat_row(score) for score in scores)


def _flat_row(score: Score) -> dict[str, Any]:
    row: dict[str, Any] = {"system": score.system}
    for name, part in score.sets.items():
        prefix = "" if name == "benchmark" else "test_"
        low, high = part.interval["selection"]
        row |= {f"{prefix}n": part.n, f"{prefix}selection": part.selection}
        row |= {f"{prefix}selection_low": low, f"{prefix}selection_high": high}
        row |= {f"{prefix}{rung}": getattr(part, rung) for rung in RUNGS if rung != "selection"}
    return row | {"prompt_tokens_mean": score.cost.prompt_tokens_mean}


def write_errors(scores: Sequence[Score], path: Path) -> None:
    """A row per system and class of error: its share of the benchmark, the best system and frequent classes first."""
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["system", "error", "share"])
        for score in reversed(scores):
            rows.writerows([score.system, kind, error_share(score, kind)] for kind in error_kinds(scores))


def error_kinds(scores: Sequence[Score]) -> list[ErrorClass]:
    """The classes of error that occur on the benchmark, the most frequent first."""
    totals: Counter[ErrorClass] = Counter()
    for score in scores:
        totals.update(score.benchmark.errors)
    return sorted(totals, key=lambda kind: (-totals[kind], kind))


def error_share(score: Score, kind: ErrorClass) -> float:
    """A class's share of all the benchmark's instructions."""
    return round(score.benchmark.errors.get(kind, 0) / score.benchmark.n, 6)
