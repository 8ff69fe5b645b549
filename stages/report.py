"""report: the scores of this run's systems -> metrics/report/: tables and figures, also on the parent run in MLflow."""

from itertools import product
from pathlib import Path

from query_assistant.forgetting.comparison import Forgetting, numbers_of
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage
from query_assistant.pipeline.turned import described
from query_assistant.reporting.figures import curve_entries
from query_assistant.reporting.pipeline_runs import SystemsCompared, current_pipeline_run
from query_assistant.reporting.report import write_report
from query_assistant.reporting.tables import read_scores
from query_assistant.reporting.techniques import read_effects
from query_assistant.reporting.tracking import log_comparison

SCORES, TRAINING, REPORT = Path("metrics/score"), Path("metrics/training.csv"), Path("metrics/report")
FORGOTTEN, TECHNIQUES = Path("metrics/forget.json"), Path("metrics/techniques.json")


def main(params: Params) -> None:
    knobs, pipeline = params.generate, current_pipeline_run()
    systems = map("-".join, product(params.model.weights, knobs.examples, knobs.context, knobs.decoding))
    paths = [SCORES / f"{system}.json" for system in systems]
    run = described(params, paths, pipeline.git_revision)
    forgetting = Forgetting.model_validate_json(FORGOTTEN.read_bytes()) if params.model.trained else Forgetting()
    training, effects = TRAINING if params.model.trained else None, read_effects(TECHNIQUES)
    files = [*write_report(read_scores(paths), run, training, REPORT, forgetting, effects), Path("params.yaml")]
    curve, numbers = curve_entries(training) if training else [], numbers_of(forgetting)
    found = SystemsCompared(run, paths, training=curve, effects=effects, numbers=numbers, files=files)
    log_comparison(params.score.mlflow_experiment, pipeline, found)
    print((REPORT / "systems.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
