"""report: the scores of this run's systems -> metrics/report/: tables and figures, also on the parent run in MLflow."""

from itertools import product
from pathlib import Path

from query_assistant.forgetting.comparison import Forgetting, numbers_of
from query_assistant.params import Params
from query_assistant.pipeline.stage import run_stage
from query_assistant.pipeline.turned import turned
from query_assistant.reporting.provenance import describe_run
from query_assistant.reporting.report import write_report
from query_assistant.reporting.tables import read_scores, summary
from query_assistant.reporting.tracking import current_pipeline_run, flat_params, log_pipeline

SCORES, TRAINING, REPORT = Path("metrics/score"), Path("metrics/training.csv"), Path("metrics/report")
FORGOTTEN = Path("metrics/forget.json")


def main(params: Params) -> None:
    knobs, pipeline = params.generate, current_pipeline_run()
    systems = map("-".join, product(params.model.weights, knobs.examples, knobs.context, knobs.decoding))
    paths = [SCORES / f"{system}.json" for system in systems]
    scores, found = read_scores(paths), turned(params)
    run = describe_run(
        scores,
        experiment=found.experiment,
        turned=found.knobs,
        model=params.model.name,
        revision=pipeline.git_revision,
    )
    forgetting = Forgetting.model_validate_json(FORGOTTEN.read_bytes()) if params.model.trained else Forgetting()
    files = write_report(scores, run, TRAINING if params.model.trained else None, REPORT, forgetting)
    log_pipeline(
        params.score.mlflow_experiment,
        pipeline,
        [*files, Path("params.yaml")],
        title=run.title,
        scores=paths,
        params=flat_params(params.model_dump(mode="json", include={"seed", "model", "finetune", "generate"})),
        metrics=summary(scores) | numbers_of(forgetting),
    )
    print((REPORT / "systems.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
