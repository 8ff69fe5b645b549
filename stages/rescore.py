"""rescore: published responses -> metrics/published/: their scores on the whole benchmark, and their runs in MLflow."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage
from query_assistant.reporting.pipeline_runs import current_pipeline_run
from query_assistant.reporting.published import EXPERIMENT, rescore
from query_assistant.reporting.tracking import log_comparison

RESPONSES, RECORDS, SCORES = Path("data/raw/published-responses"), Path("data/raw/records"), Path("metrics/published")


def main(params: Params) -> None:
    pipeline = current_pipeline_run(RESPONSES / "params.yaml", EXPERIMENT)
    found = rescore(RESPONSES, RECORDS, Path("data/apis"), SCORES, pipeline.git_revision)
    log_comparison(params.score.mlflow_experiment, pipeline, found)
    print(*((SCORES / f"{table}.md").read_text(encoding="utf-8") for table in ("systems", "levers")), sep="\n")


if __name__ == "__main__":
    run_stage(main)
