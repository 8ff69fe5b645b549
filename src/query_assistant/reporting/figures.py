"""Score documents and losses as figures: SVG, the same bytes for the same scores."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from query_assistant.reporting.tables import error_kinds, error_share, interval_level
from query_assistant.scoring.documents import Score

BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by the colour blind (Okabe and Ito, 2008), and by their shapes here


def draw_accuracy(scores: Sequence[Score], title: str, path: Path) -> None:
    """A dot and a 95% interval per system and test set: how many queries select the right records, in percent."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(scores) + 1.4), layout="constrained")
    marks: dict[str, dict[str, Any]] = {
        "benchmark": {"color": BLUE, "fmt": "o"},
        "test": {"color": ORANGE, "fmt": "s", "markerfacecolor": "white"},
    }
    for name, shift in zip(scores[0].sets, (0.16, -0.16), strict=False):
        shares = [100 * score.sets[name].selection for score in scores]
        bounds = [[100 * bound for bound in score.sets[name].interval["selection"]] for score in scores]
        below = [max(share - low, 0.0) for share, (low, _) in zip(shares, bounds, strict=True)]
        above = [max(high - share, 0.0) for share, (_, high) in zip(shares, bounds, strict=True)]
        label = f"{name if name == 'benchmark' else 'test split'}, {scores[0].sets[name].n} instructions"
        places = [place + shift for place in range(len(scores))]
        axes.errorbar(shares, places, xerr=[below, above], label=label, capsize=3, clip_on=False, **marks[name])
    axes.set_yticks(range(len(scores)), [score.system for score in scores])
    highest = max(score.sets[name].interval["selection"][1] for score in scores for name in score.sets)
    axes.set_xlim(0, min(100, 100 * highest + 10))
    label = f"instructions whose query selects the right records, percent ({interval_level(scores)} interval)"
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    figure.suptitle(title, fontsize="medium", wrap=True)
    _save(figure, path)


def draw_errors(scores: Sequence[Score], title: str, path: Path) -> None:
    """A grid: for each system the percentage of right answers (`execution`), then of each class of error."""
    plt = _pyplot()
    kinds = error_kinds(scores)
    cells = [[score.benchmark.execution, *(error_share(score, kind) for kind in kinds)] for score in scores]
    figure, axes = plt.subplots(figsize=(0.55 * len(kinds) + 3.2, 0.36 * len(scores) + 1.5), layout="constrained")
    for columns, colours in ((range(1), "Blues"), (range(1, len(kinds) + 1), "Oranges")):
        shown = [[100 * row[column] for column in columns] for row in cells]
        extent = (columns[0] - 0.5, columns[-1] + 0.5, -0.5, len(scores) - 0.5)
        axes.imshow(shown, cmap=colours, vmin=0, vmax=100, aspect="auto", origin="lower", extent=extent)
    for y, row in enumerate(cells):
        for x, share in enumerate(row):
            colour = "white" if share > 0.6 else "black"
            axes.text(x, y, f"{100 * share:.0f}" if share else "", ha="center", va="center", color=colour)
    axes.set_xlim(-0.5, len(kinds) + 0.5)
    axes.set_xticks(range(len(kinds) + 1), ["right", *kinds], rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(scores)), [score.system for score in scores])
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.axvline(0.5, color="white", linewidth=4)
    axes.set_xlabel(f"percent of the benchmark's {scores[0].benchmark.n} instructions; right: `execution`")
    axes.spines[:].set_visible(False)
    figure.suptitle(title, fontsize="medium", wrap=True)
    _save(figure, path)


def curve_entries(training: Path) -> list[dict[str, float]]:
    """The training curve (metrics/training.csv), an entry a step, without what was not measured at it."""
    with training.open(encoding="utf-8", newline="") as lines:
        return [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(lines)]


def loss_curves(training: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, loss) of training and of validation, which is measured at some steps only."""
    entries, columns = curve_entries(training), {"training": "loss", "validation": "validation_loss"}
    return {
        name: [(int(entry["step"]), entry[column]) for entry in entries if column in entry]
        for name, column in columns.items()
    }


def write_losses(losses: Mapping[str, Sequence[tuple[int, float]]], folder: Path) -> None:
    """training_loss.csv and validation_loss.csv, a file each: spreadsheets draw an empty cell as zero."""
    for name, points in losses.items():
        lines = ["step,loss", *(f"{step},{loss:.4f}" for step, loss in points)]
        (folder / f"{name}_loss.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_losses(losses: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Each step's training loss thin, their running mean bold, validation loss as dots."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    steps, values = [step for step, _ in losses["training"]], [loss for _, loss in losses["training"]]
    window = max(1, len(values) // 10)
    means = [fmean(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]
    axes.plot(steps, values, color=BLUE, alpha=0.3, linewidth=1)
    axes.plot(steps, means, color=BLUE, linewidth=2, label=f"training, mean of {window} steps")
    if losses["validation"]:
        axes.plot(*zip(*losses["validation"], strict=True), "s--", color=ORANGE, label="validation")
    axes.set(xlabel="step", ylabel="loss per answer token (nats)")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def draw_learning(points: Sequence[tuple[int, float, float, tuple[float, float]]], path: Path) -> None:
    """What was learnt (upwards) against what general tasks lost or gained (sideways), a dot per (steps, share right,
    change, its interval), joined in order of steps."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    learnt, changed = [100 * one[1] for one in points], [100 * one[2] for one in points]
    sides = [(max(one[2] - one[3][0], 0.0), max(one[3][1] - one[2], 0.0)) for one in points]
    spans = [[100 * side[end] for side in sides] for end in (0, 1)]
    axes.errorbar(changed, learnt, xerr=spans, color=BLUE, fmt="o-", capsize=3)
    for steps, right, change, _ in points:
        axes.annotate(f"{steps} steps", (100 * change, 100 * right), xytext=(4, 6), textcoords="offset points")
    axes.axvline(0, color="grey", linewidth=1, linestyle="--")
    axes.set_xlabel("general tasks: fine-tuned less base, points (95% interval)")
    axes.set_ylabel("queries right, best system, percent")
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "query-assistant"  # same figure, same bytes
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    _pyplot().close(figure)
