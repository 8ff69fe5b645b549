"""report: the scores of this run's systems -> metrics/report/: tables and figures, also on the parent run in MLflow."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.found import TECHNIQUES, TRAINING, found_here, read_forgetting, score_documents
from query_assistant.pipeline.stage import run_stage
from query_assistant.pipeline.turned import described
from query_assistant.reporting.pipeline_runs import current_pipeline_run
from query_assistant.reporting.report import write_report
from query_assistant.reporting.tables import read_scores
from query_assistant.reporting.techniques import read_effects
from query_assistant.reporting.tracking import log_comparison

REPORT = Path("metrics/report")


def main(params: Params) -> None:
    pipeline, documents = current_pipeline_run(), score_documents(params)
    run, training = described(params, documents, pipeline.git_revision), TRAINING if params.model.trained else None
    effects = read_effects(TECHNIQUES)
    write_report(read_scores(documents), run, training, REPORT, read_forgetting(params), effects)
    log_comparison(params.score.mlflow_experiment, pipeline, found_here(params, pipeline.git_revision))
    print((REPORT / "systems.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
