"""The table of systems and its figures, made from metrics/ and nothing else.

python -m query_assistant.reporting.report README.md      puts the tables between the README's markers
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from query_assistant.errors import InputError
from query_assistant.records import atomic_writer, write_json
from query_assistant.scoring.diagnosis import ErrorClass
from query_assistant.scoring.documents import Score, read_score
from query_assistant.scoring.results import RUNGS

TABLES = {
    "results": Path("metrics/report/systems.md"),
    "techniques": Path("metrics/report/techniques.md"),
    "published": Path("metrics/published/systems.md"),
}
SETS = ("benchmark", "test")
TECHNIQUES = {"finetuned": "base", "few_shot": "zero_shot", "rag": "closed", "grammar": "free"}  # and what it replaces
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by the colour blind (Okabe and Ito, 2008), and by their shapes here


def write_report(scores: Sequence[Path], training: Path | None, folder: Path) -> list[Path]:
    """Writes the tables and figures and returns their paths.

    Raises:
        InputError: a score is missing; the message names it.
    """
    documents = read_scores(scores)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("systems", systems_table), ("techniques", techniques_table), ("apis", api_table)):
        (folder / f"{name}.md").write_text(table(documents), encoding="utf-8")
    write_json(folder / "summary.json", summary(documents))
    write_systems(documents, folder / "systems.csv")
    write_errors(documents, folder / "errors.csv")
    draw_accuracy(documents, folder / "accuracy.svg")
    draw_errors(documents, folder / "errors.svg")
    if training:
        losses = read_losses(training)
        write_losses(losses, folder)
        draw_losses(losses, folder / "training.svg")
    return sorted(folder.iterdir())


def read_scores(paths: Sequence[Path]) -> list[Score]:
    """The documents of metrics/score/, the best on the benchmark last."""
    return sorted(map(read_score, paths), key=_merit)


def _merit(score: Score) -> tuple[float, float, str]:
    return score.benchmark.selection, (score.test or score.benchmark).selection, score.system


def systems_table(scores: Sequence[Score]) -> str:
    """A Markdown table, a row per system: shares in percent, on the benchmark and, where said, on the test split."""
    columns = ["system", *RUNGS[1:-1], f"selection ({_confidence(scores)} interval)", "prompt tokens"]
    if scores[0].test:
        columns.insert(-1, "test split: selection")
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *map(_row, scores)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(score: Score) -> list[str]:
    low, high = score.benchmark.interval["selection"]
    shares = [_percent(getattr(score.benchmark, rung)) for rung in RUNGS[1:]]
    shares[-1] += f" ({_percent(low)} to {_percent(high)})"
    test = [_percent(score.test.selection)] if score.test else []
    return [f"`{score.system}`", *shares, *test, f"{score.cost.prompt_tokens_mean:.0f}"]


def _confidence(scores: Sequence[Score]) -> str:
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


def techniques_table(scores: Sequence[Score]) -> str:
    """A Markdown table of what each technique adds to selection on the benchmark, in percentage points."""
    lines = [
        "| technique | instead of | pairs of systems | mean gain, points | smallest | largest | test split: mean |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    test = gains(scores, "test")
    for technique, found in gains(scores).items():
        points = (_mean(found), min(found), max(found), _mean(test[technique]))
        cells = " | ".join(f"{100 * value:+.1f}" for value in points)
        lines.append(f"| `{technique}` | `{TECHNIQUES[technique]}` | {len(found)} | {cells} |")
    return "\n".join(lines) + "\n"


def gains(scores: Sequence[Score], name: str = "benchmark") -> dict[str, list[float]]:
    """For each technique, selection with it less selection without it, for every two systems otherwise alike."""
    shares = {score.system: score.sets[name].selection for score in scores}
    found: dict[str, list[float]] = {}
    for technique, without in TECHNIQUES.items():
        for system, share in shares.items():
            words = system.split("-")
            twin = "-".join(without if word == technique else word for word in words)
            if technique in words and twin in shares:
                found.setdefault(technique, []).append(share - shares[twin])
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """The few numbers to compare experiments by, as shares: the best system's selection, and each technique's gain."""
    best = scores[-1]
    numbers = {"best_selection": best.benchmark.selection, "best_test": best.sets["test"].selection}
    numbers |= {f"gain_{technique}": _mean(found) for technique, found in gains(scores).items()}
    return {name: round(value, 4) for name, value in numbers.items()}


def write_systems(scores: Sequence[Score], path: Path) -> None:
    """A row per system, for `dvc plots` and spreadsheets: shares on the benchmark and (`test_`) the test split."""
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.DictWriter(out, list(_flat_row(scores[0])), lineterminator="\n")
        rows.writeheader()
        rows.writerows(_flat_row(score) for score in scores)


def _flat_row(score: Score) -> dict[str, Any]:
    row: dict[str, Any] = {"system": score.system}
    for name, prefix in (("benchmark", ""), ("test", "test_")):
        part = score.sets[name]
        low, high = part.interval["selection"]
        row |= {f"{prefix}n": part.n, f"{prefix}selection": part.selection}
        row |= {f"{prefix}selection_low": low, f"{prefix}selection_high": high}
        row |= {f"{prefix}{rung}": getattr(part, rung) for rung in RUNGS[1:-1]}
    return row | {"prompt_tokens_mean": score.cost.prompt_tokens_mean}


def write_errors(scores: Sequence[Score], path: Path) -> None:
    """A row per system and class of error: its share of the benchmark, the best system and frequent classes first."""
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["system", "error", "share"])
        for score in reversed(scores):
            rows.writerows([score.system, kind, _error_share(score, kind)] for kind in _error_kinds(scores))


def _error_kinds(scores: Sequence[Score]) -> list[ErrorClass]:
    totals: Counter[ErrorClass] = Counter()
    for score in scores:
        totals.update(score.benchmark.errors)
    return sorted(totals, key=lambda kind: (-totals[kind], kind))


def _error_share(score: Score, kind: ErrorClass) -> float:
    return round(score.benchmark.errors.get(kind, 0) / score.benchmark.n, 6)


def draw_accuracy(scores: Sequence[Score], path: Path) -> None:
    """A dot and a 95% interval per system and test set: how many queries select the right records, in percent."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(scores) + 1.4), layout="constrained")
    marks: dict[str, dict[str, Any]] = {
        "benchmark": {"color": BLUE, "fmt": "o"},
        "test": {"color": ORANGE, "fmt": "s", "markerfacecolor": "white"},
    }
    for name, shift in zip(SETS, (0.16, -0.16), strict=True):
        shares = [100 * score.sets[name].selection for score in scores]
        bounds = [[100 * bound for bound in score.sets[name].interval["selection"]] for score in scores]
        below = [max(share - low, 0.0) for share, (low, _) in zip(shares, bounds, strict=True)]
        above = [max(high - share, 0.0) for share, (_, high) in zip(shares, bounds, strict=True)]
        label = f"{name if name == 'benchmark' else 'test split'}, {scores[0].sets[name].n} instructions"
        places = [place + shift for place in range(len(scores))]
        axes.errorbar(shares, places, xerr=[below, above], label=label, capsize=3, clip_on=False, **marks[name])
    axes.set_yticks(range(len(scores)), [score.system for score in scores])
    highest = max(score.sets[name].interval["selection"][1] for score in scores for name in SETS)
    axes.set_xlim(0, min(100, 100 * highest + 10))
    label = f"instructions whose query selects the right records, percent ({_confidence(scores)} interval)"
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    _save(figure, path)


def draw_errors(scores: Sequence[Score], path: Path) -> None:
    """A grid: for each system the percentage of right answers (`execution`), then of each class of error."""
    plt = _pyplot()
    kinds = _error_kinds(scores)
    cells = [[score.benchmark.execution, *(_error_share(score, kind) for kind in kinds)] for score in scores]
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
    _save(figure, path)


def read_losses(training: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, loss) of training and of validation, which is measured at some steps only (metrics/training.csv)."""
    with training.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = {"training": "loss", "validation": "validation_loss"}
    return {
        name: [(int(row["step"]), float(row[column])) for row in rows if row.get(column)]
        for name, column in columns.items()
    }


def write_losses(losses: Mapping[str, Sequence[tuple[int, float]]], folder: Path) -> None:
    """training_loss.csv and validation_loss.csv: `dvc plots` draws an empty cell as zero, so each has a file."""
    for name, points in losses.items():
        lines = ["step,loss", *(f"{step},{loss:.4f}" for step, loss in points)]
        (folder / f"{name}_loss.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_losses(losses: Mapping[str, Sequence[tuple[int, float]]], path: Path) -> None:
    """Each step's training loss thin, their running mean bold, validation loss as dots."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    steps, values = [step for step, _ in losses["training"]], [loss for _, loss in losses["training"]]
    window = max(1, len(values) // 10)
    means = [_mean(values[max(0, end - window) : end]) for end in range(1, len(values) + 1)]
    axes.plot(steps, values, color=BLUE, alpha=0.3, linewidth=1)
    axes.plot(steps, means, color=BLUE, linewidth=2, label=f"training, mean of {window} steps")
    if losses["validation"]:
        axes.plot(*zip(*losses["validation"], strict=True), "s--", color=ORANGE, label="validation")
    axes.set(xlabel="step", ylabel="loss per answer token (nats)")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
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


def between_markers(document: str, name: str, text: str) -> str:
    """The document with everything between `<!-- name:begin -->` and `<!-- name:end -->` replaced by `text`.

    Raises:
        InputError: the markers are not there, in this order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = f"({re.escape(begin)}\n).*?({re.escape(end)})"
    replaced, count = re.subn(pattern, lambda found: found[1] + text + found[2], document, flags=re.S)
    if count != 1:
        raise InputError(f"expected {begin} and {end} once, in this order; found them {count} times")
    return replaced


def main(readme: Path) -> None:
    """Brings the README's tables up to date."""
    document = readme.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        document = between_markers(document, name, table.read_text(encoding="utf-8"))
    with atomic_writer(readme) as out:
        out.write(document)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
