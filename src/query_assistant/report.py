"""The table of systems and its figures, made from metrics/ and nothing else.

python -m query_assistant.report README.md      puts the table between the README's markers
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from query_assistant.errors import InputError
from query_assistant.records import atomic_writer

Score = Mapping[str, Any]
MARKERS = ("<!-- results:begin -->", "<!-- results:end -->")
SETS = ("benchmark", "test")
RUNGS = ("valid", "exact", "canonical", "execution", "selection")


def write_report(scores: Sequence[Path], training: Path | None, folder: Path) -> list[Path]:
    """Writes the tables and figures and returns their paths.

    Raises:
        InputError: a score is missing; the message names it.
    """
    documents = read_scores(scores)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"systems.md": systems_table(documents), "apis.md": api_table(documents)}
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    write_csv(documents, folder)
    write_bars(documents, folder / "accuracy.svg")
    write_errors(documents, folder / "errors.svg")
    if training:
        write_loss(training, folder / "training.svg")
    return sorted(folder.iterdir())


def read_scores(paths: Sequence[Path]) -> list[Score]:
    """The documents of metrics/score/, the best on the benchmark last."""
    try:
        scores = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    except OSError as error:
        raise InputError(f"no score at {error.filename}; run `dvc repro score`") from error
    return sorted(
        scores, key=lambda score: (score["benchmark"]["selection"], score["test"]["selection"], score["system"])
    )


def systems_table(scores: Sequence[Score]) -> str:
    """A Markdown table, a row per system: shares in percent, on the benchmark and, where said, on the test split."""
    header = (
        "| system | valid | exact | canonical | execution | selection (95% interval) "
        "| test split: selection | prompt tokens | ms per answer |"
    )
    rule = "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    return "\n".join([header, rule, *(_row(score) for score in scores)]) + "\n"


def _row(score: Score) -> str:
    benchmark, test, cost = score["benchmark"], score["test"], score["cost"]
    shares = " | ".join(_percent(benchmark[rung]) for rung in RUNGS)
    low, high = benchmark["interval"]["selection"]
    interval = f"({_percent(low)} to {_percent(high)})"
    numbers = f"{cost['prompt_tokens_mean']:.0f} | {cost['latency_ms_median']:.0f}"
    return f"| `{score['system']}` | {shares} {interval} | {_percent(test['selection'])} | {numbers} |"


def api_table(scores: Sequence[Score]) -> str:
    """A Markdown table of selection on the benchmark, one column per API."""
    names = sorted(scores[0]["benchmark"]["by_api"])
    lines = [f"| system | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for score in scores:
        cells = (_percent(score["benchmark"]["by_api"][name]["selection"]) for name in names)
        lines.append(f"| `{score['system']}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def write_csv(scores: Sequence[Score], folder: Path) -> None:
    """systems.csv and errors.csv, which `dvc plots` and spreadsheets read."""
    with (folder / "systems.csv").open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["system", "set", *RUNGS])
        for score in scores:
            rows.writerows([score["system"], name, *(score[name][rung] for rung in RUNGS)] for name in SETS)
    with (folder / "errors.csv").open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["system", "error", "share"])
        for score in scores:
            errors, count = score["benchmark"]["errors"], score["benchmark"]["n"]
            rows.writerows([score["system"], kind, round(errors[kind] / count, 6)] for kind in sorted(errors))


def write_bars(scores: Sequence[Score], path: Path) -> None:
    """A bar per system: selection on the benchmark with its interval, the test split beside it."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(scores) + 1.2), layout="constrained")
    places = range(len(scores))
    values = [score["benchmark"]["selection"] for score in scores]
    bounds = [score["benchmark"]["interval"]["selection"] for score in scores]
    below = [max(value - low, 0.0) for value, (low, _) in zip(values, bounds, strict=True)]
    above = [max(high - value, 0.0) for value, (_, high) in zip(values, bounds, strict=True)]
    tests = [score["test"]["selection"] for score in scores]
    axes.barh([p + 0.2 for p in places], values, 0.38, xerr=[below, above], label="benchmark", color="#33658a")
    axes.barh([p - 0.2 for p in places], tests, 0.38, label="test split", color="#f6ae2d")
    axes.set_yticks(list(places), [score["system"] for score in scores])
    axes.set(xlabel="share of instructions whose query selects the right records", xlim=(0, 1))
    axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def write_errors(scores: Sequence[Score], path: Path) -> None:
    """For each system, what was wrong with the answers that select the wrong records on the benchmark."""
    plt = _pyplot()
    kinds = sorted({kind for score in scores for kind in score["benchmark"]["errors"]})
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(scores) + 1.6), layout="constrained")
    left = [0.0] * len(scores)
    colours = plt.get_cmap("tab20").colors
    for index, kind in enumerate(kinds):
        shares = [score["benchmark"]["errors"].get(kind, 0) / score["benchmark"]["n"] for score in scores]
        axes.barh([s["system"] for s in scores], shares, left=left, label=kind, color=colours[index % len(colours)])
        left = [a + b for a, b in zip(left, shares, strict=True)]
    axes.set(xlabel="share of benchmark instructions", xlim=(0, 1))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize="small")
    _save(figure, path)


def write_loss(training: Path, path: Path) -> None:
    """Training loss by step, and validation loss where it was measured (metrics/training.csv)."""
    plt = _pyplot()
    with training.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for column, label, style in (("loss", "training", "-"), ("validation_loss", "validation", "o-")):
        points = [(int(row["step"]), float(row[column])) for row in rows if row.get(column)]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, markersize=3)
    axes.set(xlabel="step", ylabel="loss per answer token (nats)", yscale="log")
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


def between_markers(document: str, text: str) -> str:
    """The document with everything between its markers replaced by `text`.

    Raises:
        InputError: the markers are not there, in this order.
    """
    begin, end = map(re.escape, MARKERS)
    replaced, count = re.subn(f"({begin}\n).*?({end})", lambda found: found[1] + text + found[2], document, flags=re.S)
    if count != 1:
        raise InputError(f"expected {MARKERS[0]} and {MARKERS[1]} once, in this order; found them {count} times")
    return replaced


def main(readme: Path, table: Path = Path("metrics/report/systems.md")) -> None:
    """Brings the README's table up to date."""
    document = between_markers(readme.read_text(encoding="utf-8"), table.read_text(encoding="utf-8"))
    with atomic_writer(readme) as out:
        out.write(document)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
