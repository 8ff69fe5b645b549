"""Learning against forgetting: experiments that trained for longer and longer, as one table and one figure.

    dvc exp run --queue -S forget=subset -S 'finetune.max_steps=10,20,40' && dvc queue start
    python -m query_assistant.reporting.learning_curve NAME NAME NAME      # names: dvc exp list

A point is an experiment: how many queries its best system gets right, and how much the same weights lost on general
tasks (docs/forgetting.md). The table is printed, the figure is build/learning.svg.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from query_assistant.errors import InputError
from query_assistant.exits import run_to_exit
from query_assistant.forgetting.comparison import Forgetting
from query_assistant.project import project_root
from query_assistant.reporting.experiments import committed_file
from query_assistant.reporting.figures import draw_learning

FIGURE = Path("build/learning.svg")


@dataclass(frozen=True)
class TrainingPoint:
    """One experiment. `learnt`: share of right queries of its best system. `changed`: fine-tuned less base, mean over
    the general tasks, with its 95% interval."""

    experiment: str
    steps: int
    learnt: float
    changed: float
    interval: tuple[float, float]


def training_point(root: Path, experiment: str) -> TrainingPoint:
    """What an experiment learnt and forgot.

    Raises:
        InputError: there is no such experiment, or it did not measure what was forgotten.
    """
    texts = [
        committed_file(root, experiment, f"metrics/{name}.json") for name in ("finetune", "forget", "report/summary")
    ]
    if not all(texts):
        raise InputError(f"no experiment {experiment!r} with metrics/ in git; `dvc exp list` names those there are")
    try:
        forgetting = Forgetting.model_validate_json(texts[1])
    except ValidationError as error:
        raise InputError(f"metrics/forget.json of {experiment!r} cannot be read: {error.errors()[0]['msg']}") from None
    if forgetting.mean is None:
        raise InputError(f"{experiment!r} did not measure what was forgotten; run it with -S forget=subset")
    trained, summary = json.loads(texts[0]), json.loads(texts[2])
    mean = forgetting.mean
    return TrainingPoint(
        experiment, int(trained["steps"]), summary["best_selection"], mean.difference, mean.difference_interval
    )


def learning_table(points: Sequence[TrainingPoint]) -> str:
    """A row per experiment, the shortest training first."""
    rows = ["| experiment | steps | selection, best system | general tasks, fine-tuned less base (95% interval) |"]
    rows.append("|---|---:|---:|---:|")
    for one in points:
        low, high = one.interval
        changed = f"{100 * one.changed:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        rows.append(f"| `{one.experiment}` | {one.steps} | {100 * one.learnt:.1f} | {changed} |")
    return "\n".join(rows)


def learning_curve(root: Path, experiments: Sequence[str]) -> str:
    """Draws the figure and returns the table."""
    if not experiments:
        raise InputError("no experiments named; expected their names, which `dvc exp list` says")
    points = sorted((training_point(root, name) for name in experiments), key=lambda one: (one.steps, one.experiment))
    draw_learning([(one.steps, one.learnt, one.changed, one.interval) for one in points], root / FIGURE)
    return learning_table(points)


def main(arguments: Sequence[str]) -> None:
    print(learning_curve(project_root(), arguments))  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(run_to_exit(lambda: main(sys.argv[1:])))
