"""What one MLflow run shows of a system: its answers as a table, what was asked, the figures that count, a note."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import yaml
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from query_assistant.queries.request import to_text
from query_assistant.records import Query
from query_assistant.scoring.documents import Rows, Score, Times
from query_assistant.systems.evaluation_sets import Item

CLOCK = ("cost/ms", "cost/ms_p95")  # figures of an answer's time
WORDS = {
    "base": "the base model's weights",
    "finetuned": "weights fine-tuned on the training pairs",
    "zero_shot": "no examples in the prompt",
    "few_shot": "examples from the training pairs in the prompt",
    "closed": "no retrieval",
    "rag": "retrieved fields and documentation in the prompt",
    "free": "free decoding",
    "grammar": "decoding within the API's grammar",
    "chosen": "asked several times within the grammar where unsure, the likeliest reading given",
}


def answer_table(rows: Rows, sets: Mapping[str, Sequence[Item]]) -> pd.DataFrame:
    """An answer a row, beside the question and the right query, with its verdict and what is wrong with it."""
    wanted = {item.id: (item.instruction, to_text(Query(query=item.query, body=item.body)))
              for items in sets.values() for item in items}  # fmt: skip
    return pd.DataFrame(
        {
            "question": wanted[str(row["id"])][0],
            "answer": row.get("answer", ""),  # second: MLflow opens on it, a column a system
            "verdict": row["relation"],
            "error": row["error"] or "",
            "why": "; ".join(map(str, row["differences"])),  # type: ignore[call-overload]
            "right query": wanted[str(row["id"])][1],
            "API": row["api"],
            "set": row["set"],
            "id": row["id"],
        }
        for row in rows
    ).astype(object)  # MLflow asks for it, and pandas warns of its own text type


def tested_on(sets: Mapping[str, Sequence[Item]]) -> list[DatasetInput]:
    """What was asked, by set, known by its content."""
    found = []
    for name, items in sets.items():
        text = json.dumps([item.model_dump(mode="json") for item in items], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        found.append(_dataset(name, digest, f"data/splits and data/apis: {name}", "testing", len(items)))
    return found


def trained_on(lock: Path) -> list[DatasetInput]:
    """The parts of the split that training read, by the hashes in dvc.lock; none where nothing was split."""
    if not lock.is_file():
        return []
    stages = yaml.safe_load(lock.read_text(encoding="utf-8")).get("stages", {})
    outs = {one["path"]: one["md5"] for one in stages.get("split", {}).get("outs", ())}
    parts = {"train": "training", "validation": "validation"}
    paths = {name: f"data/splits/{name}.jsonl" for name in parts}
    return [_dataset(name, outs[path][:12], path, parts[name]) for name, path in paths.items() if path in outs]


def _dataset(name: str, digest: str, place: str, context: str, rows: int | None = None) -> DatasetInput:
    profile = json.dumps({"num_rows": rows}) if rows is not None else None
    dataset = Dataset(name, digest, "local", json.dumps({"uri": place}), profile=profile)
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)])


def shown_figures(score: Score, taken: Times | None) -> dict[str, float]:
    """The figures that tell systems apart: short names, for MLflow heads its columns with them.

    Plain ones are of the benchmark; all the others are in the run's score document.
    """
    part = score.benchmark
    low, high = part.interval["selection"]
    found = {"selection": part.selection, "selection_low": low, "selection_high": high}
    found |= {rung: getattr(part, rung) for rung in ("valid", "exact", "canonical", "execution")}
    found |= {f"api/{name}": shares.selection for name, shares in part.by_api.items()}
    found |= {f"error/{kind}": count / part.n for kind, count in part.errors.items()}
    if score.test:
        found |= {"test/selection": score.test.selection, "test/valid": score.test.valid}
    found |= {"cost/prompt_tokens": score.cost.prompt_tokens_mean, "cost/answer_tokens": score.cost.answer_tokens_mean}
    if taken:
        found |= dict(zip(CLOCK, (taken.latency_ms_median, taken.latency_ms_p95), strict=True))
    return found


def system_note(score: Score) -> str:
    """A system in words with its headline figures, as Markdown."""
    words = ", ".join(WORDS.get(word, word) for word in score.system.split("-"))
    low, high = score.benchmark.interval["selection"]
    lines = [
        f"benchmark, right records: **{_percent(score.benchmark.selection)}** ({_percent(low)} to {_percent(high)})"
    ]
    lines += [f"test split, right records: **{_percent(score.test.selection)}**"] if score.test else []
    lines += [f"benchmark, valid queries: **{_percent(score.benchmark.valid)}**"]
    return "\n".join([f"{words[:1].upper()}{words[1:]}.\n", *(f"- {line}" for line in lines)])


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
