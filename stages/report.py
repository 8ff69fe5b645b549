"""report: the scores of this run's systems -> metrics/report/: tables and figures, also on the parent run in MLflow."""

import json
import shutil
from itertools import product
from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage
from query_assistant.reporting.report import write_report
from query_assistant.reporting.tracking import current_pipeline_run, flat_params, log_pipeline


def main(params: Params) -> None:
    knobs = params.generate
    systems = [
        "-".join(words) for words in product(params.model.weights, knobs.examples, knobs.context, knobs.decoding)
    ]
    folder = Path("metrics/report")
    shutil.rmtree(folder, ignore_errors=True)
    training = Path("metrics/training.csv") if params.model.trained else None
    files = write_report([Path(f"metrics/score/{system}.json") for system in systems], training, folder)
    settings = flat_params(params.model_dump(mode="json", include={"seed", "model", "finetune", "generate"}))
    numbers = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    pipeline, artifacts = current_pipeline_run(), [*files, Path("params.yaml")]
    log_pipeline(params.score.mlflow_experiment, pipeline, artifacts, params=settings, metrics=numbers)
    print((folder / "systems.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
