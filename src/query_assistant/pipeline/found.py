"""What a pipeline run has found, as far as it lies in the workspace: for MLflow, whoever tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from query_assistant.finetuning.training import WEIGHTS
from query_assistant.forgetting.comparison import Forgetting, numbers_of
from query_assistant.params import Params
from query_assistant.pipeline.turned import described
from query_assistant.reporting.figures import curve_entries
from query_assistant.reporting.pipeline_runs import SystemAnswers, SystemsCompared
from query_assistant.reporting.provenance import is_of
from query_assistant.reporting.techniques import read_effects
from query_assistant.systems.evaluation_sets import Item

PARAMS, SCORES, REPORT = Path("params.yaml"), Path("metrics/score"), Path("metrics/report")
TRAINING, FORGOTTEN, ADAPTER = Path("metrics/training.csv"), Path("metrics/forget.json"), Path("models/adapter")
TECHNIQUES = Path("metrics/techniques.json")


def score_documents(params: Params) -> list[Path]:
    """Where the score of each system of a run with these parameters lies, or will."""
    knobs = params.generate
    systems = product(params.model.weights, knobs.examples, knobs.context, knobs.decoding)
    return [SCORES / f"{'-'.join(words)}.json" for words in systems]


def found_here(
    params: Params,
    revision: str,
    answers: Mapping[str, SystemAnswers] | None = None,
    sets: Mapping[str, Sequence[Item]] | None = None,
    *,
    at_work: bool = True,
) -> SystemsCompared:
    """The scores of this workspace with all that belongs to them.

    The report and what was forgotten are left out where they are of other scores: their stages are still to come.

    Args:
        at_work: as in `SystemsCompared`.

    Raises:
        InputError: a score document is missing.
    """
    documents = score_documents(params)
    run = described(params, documents, revision)
    trained: dict[str, Any] = {}
    if params.model.trained:
        trained["training"] = curve_entries(TRAINING) if TRAINING.is_file() else ()
        trained["adapter"] = ADAPTER if (ADAPTER / WEIGHTS).is_file() else None
    files = [PARAMS]
    if is_of(run, REPORT):
        files += sorted(path for path in REPORT.iterdir() if path.is_file())
        trained["numbers"] = numbers_of(read_forgetting(params))
    effects = read_effects(TECHNIQUES) if TECHNIQUES.is_file() else []  # none of scores made before it was
    return SystemsCompared(
        run, documents, answers or {}, sets or {}, effects=effects, files=files, at_work=at_work, **trained
    )


def read_forgetting(params: Params) -> Forgetting:
    """What fine-tuning cost elsewhere; nothing where nothing was trained or measured."""
    if not params.model.trained or not FORGOTTEN.is_file():
        return Forgetting()
    return Forgetting.model_validate_json(FORGOTTEN.read_bytes())
